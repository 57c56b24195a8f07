//! Resources to try things on: `serve --demo`, `get --serve`, `demo`.

mod clock;
mod keep;
mod observed;
mod plugtest;
mod store;
mod whoami;

use crate::text;
use bytes::Bytes;
use coap_ws_tokio::core::message::{Code, ContentFormat};
use coap_ws_tokio::{IntoResponse, Request, Response, Router, Runtime, Timer};
use std::future::poll_fn;
use std::time::Duration;

/// What `/hello` says.
pub(crate) const HELLO: &str = "hello from coap-ws";

const INDEX: &str = "\
This is the demo server of coap-ws: CoAP over WebSockets (RFC 8323).

  GET  /hello        a greeting
  GET  /time         the time, now; observe it: every second
  GET  /obs          a number; observe it: every 5 seconds, or when you PUT or DELETE it
  POST /echo         gives the payload back
  PUT  /store/NAME   keeps a payload; GET, POST and DELETE it too
  GET  /store        what is kept
  GET  /large        65,536 bytes
  GET  /slow?ms=N    answers after N ms, 200 without
  GET  /whoami       what this server knows of you
  GET  /reverse      asks you for /hello, and gives back what you say

There are also the resources of the CoAP plugtests: /test, /separate, /large-update, /query,
/path/sub1, /validate, /multi-format, /location-query.

`coap-ws discover` lists them as links.
";

/// A router with all of them, and a store of its own.
pub(crate) fn router<R: Runtime>() -> Router {
    let router = Router::new()
        .get("/", async |r: Request| represent(&r, ContentFormat::TEXT, INDEX))
        .get("/hello", async |r: Request| represent(&r, ContentFormat::TEXT, HELLO))
        .post("/echo", async |r: Request| echo(&r))
        .get("/large", async |r: Request| represent(&r, ContentFormat::OCTET_STREAM, large()))
        .get("/slow", slow::<R>)
        .get("/whoami", async |r: Request| {
            represent(&r, ContentFormat::JSON, whoami::describe(r.remote()))
        })
        .get("/reverse", reverse)
        .post("/reverse", reverse);
    describe(plugtest::routes::<R>(observed::routes::<R>(store::routes(router))))
}

/// What `/.well-known/core` says of them (RFC 6690 §3, RFC 7252 §7.2.1).
fn describe(router: Router) -> Router {
    let all = [
        ("/", "What there is", "index", "0"),
        ("/hello", "A greeting", "greeting", "0"),
        ("/time", "The time, now", "clock", "0"),
        ("/obs", "A number that grows, PUT, DELETE", "observe", "0"),
        ("/echo", "POST: gives the payload back", "echo", ""),
        ("/store", "PUT, GET, POST, DELETE /store/NAME", "store", "40"),
        ("/large", "65,536 bytes", "large", "42"),
        ("/slow", "Answers after 200 ms, or ?ms=", "slow", "0"),
        ("/whoami", "What is known of you", "whoami", "50"),
        ("/reverse", "Asks you for /hello", "reverse", ""),
    ];
    let plugtest =
        plugtest::LINKS.iter().map(|[path, title, kind, ct]| (*path, *title, *kind, *ct));
    all.into_iter().chain(plugtest).fold(router, |router, (path, title, kind, format)| {
        let router = router.describe(path, "title", title).describe(path, "rt", kind);
        if format.is_empty() { router } else { router.describe(path, "ct", format) }
    })
}

/// 2.05 in the one format that there is, or 4.06 where another is wanted: Accept is critical
/// (RFC 7252 §5.10.4).
fn represent(request: &Request, format: ContentFormat, payload: impl Into<Bytes>) -> Response {
    match request.accept() {
        Some(wanted) if wanted != format => not_acceptable(&format.to_string()),
        _ => Response::content(payload).content_format(format),
    }
}

fn not_acceptable(there_is: &str) -> Response {
    Response::error(Code::NOT_ACCEPTABLE, format!("there is {there_is} only"))
}

/// 2.04: 2.05 answers GET and FETCH only (RFC 7252 §5.9.1.5).
fn echo(request: &Request) -> Response {
    let response = Response::new(Code::CHANGED).payload(request.body());
    match request.format() {
        Some(format) => response.content_format(format),
        None => response,
    }
}

/// `/large`: byte i is i % 251, so that a lost or doubled piece shows.
pub(crate) fn large() -> Vec<u8> {
    (0..=250).cycle().take(65_536).collect()
}

const MOST_MS: u64 = 10_000;

/// Waits by the clock of the runtime that serves.
async fn sleep<R: Runtime>(duration: Duration) {
    let mut timer = R::timer();
    let at = timer.now().saturating_add(duration);
    poll_fn(|cx| timer.poll_until(cx, at)).await;
}

async fn slow<R: Runtime>(request: Request) -> Response {
    let ms = match request.query("ms").map(str::parse) {
        None => 200,
        Some(Ok(ms)) if ms <= MOST_MS => ms,
        Some(_) => {
            let text = format!("ms is a number from 0 to {MOST_MS}");
            return Response::error(Code::BAD_REQUEST, text);
        }
    };
    sleep::<R>(Duration::from_millis(ms)).await;
    represent(&request, ContentFormat::TEXT, format!("that took {ms} ms"))
}

/// Asks who asks: both ends of a connection are client and server.
async fn reverse(request: Request) -> Response {
    let asked = request.remote().get("/hello").timeout(Duration::from_secs(5)).send().await;
    let answer = match asked {
        Ok(answer) => answer,
        Err(error) => return error.into_response(),
    };
    if !answer.code().is_success() {
        let code = answer.code();
        let text = format!("I asked you for /hello, and you said {code:?}");
        return Response::error(Code::BAD_GATEWAY, text);
    }
    let code = if request.method() == Code::GET { Code::CONTENT } else { Code::CHANGED };
    let response = Response::new(code).payload(answer.body().clone());
    match answer.format() {
        Some(format) => response.content_format(format),
        None => response,
    }
}

/// Text of a peer in a text of ours.
fn shown(name: &str) -> String {
    text::quoted(name)
}
