//! The resources of the ETSI plugtests for CoAP, by their names there: a peer's test suite looks
//! for them.

use super::keep::{Entry, Keep};
use super::{not_acceptable, represent, sleep, store};
use coap_ws_tokio::core::message::{Code, ContentFormat, OptionNumber};
use coap_ws_tokio::{Request, Response, Router, Runtime};
use std::time::Duration;

/// How long `/separate` takes.
const SEPARATE: Duration = Duration::from_millis(300);

/// Adds them.
pub(super) fn routes<R: Runtime>(router: Router) -> Router {
    let router = router
        .get("/separate", async |r: Request| {
            sleep::<R>(SEPARATE).await;
            represent(&r, ContentFormat::TEXT, "this took a moment")
        })
        .get("/query", async |r: Request| {
            let queries: Vec<String> = r.queries().map(|q| format!("{q}\n")).collect();
            represent(&r, ContentFormat::TEXT, queries.concat())
        })
        .get("/path/sub1", async |r: Request| {
            represent(&r, ContentFormat::TEXT, "one segment below /path")
        })
        .get("/multi-format", async |r: Request| multi_format(&r))
        .post("/location-query", async |_| {
            Response::new(Code::CREATED)
                .option(OptionNumber::LOCATION_QUERY, "first=1")
                .option(OptionNumber::LOCATION_QUERY, "second=2")
        });
    let text = |text: &[u8]| Entry::new(text, Some(ContentFormat::TEXT));
    let all = [
        ("/test", text(b"a test")),
        ("/validate", text(b"as it was in the beginning")),
        ("/large-update", Entry::new(&[b'.'; 2048], Some(ContentFormat::TEXT))),
    ];
    all.into_iter().fold(router, |router, (path, entry)| {
        let mut keep = Keep::default();
        keep.put(path, entry);
        store::single(router, path, keep)
    })
}

/// What `/.well-known/core` says of them: path, title, resource type, format.
pub(super) const LINKS: &[[&str; 4]] = &[
    ["/test", "GET, PUT, POST, DELETE", "plugtest", "0"],
    ["/separate", "Answers after 300 ms", "plugtest", "0"],
    ["/query", "Gives the query back", "plugtest", "0"],
    ["/path/sub1", "Two segments", "plugtest", "0"],
    ["/multi-format", "Text or XML, as you accept", "plugtest", "0 41"],
    ["/location-query", "POST: 2.01 with Location-Query", "plugtest", ""],
    ["/validate", "With an ETag, for conditional requests", "plugtest", "0"],
    ["/large-update", "2,048 bytes to GET and PUT", "plugtest", "0"],
];

/// One thing in two formats.
fn multi_format(request: &Request) -> Response {
    match request.accept() {
        None | Some(ContentFormat::TEXT) => {
            Response::content("in plain text").content_format(ContentFormat::TEXT)
        }
        Some(ContentFormat::XML) => {
            Response::content("<in>XML</in>").content_format(ContentFormat::XML)
        }
        Some(_) => not_acceptable("text/plain and application/xml"),
    }
}
