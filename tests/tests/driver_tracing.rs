//! What `tracing` is told: that something happened, and nothing that was said in confidence.

mod driver_support;

use coap_ws_core::message::OptionNumber;
use coap_ws_driver::{Client, Request, Response, Router, Server};
use driver_support::Memory;
use http::{HeaderMap, HeaderValue};
use std::fmt::{self, Debug, Write};
use std::future::IntoFuture;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

const CANARY: &str = "canary-7f3a";

/// Writes down everything, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>, Arc<AtomicU64>);

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Log {
    fn note(&self, what: fmt::Arguments<'_>, fields: impl FnOnce(&mut Fields<'_>)) {
        let mut text = self.0.lock().unwrap();
        write!(text, "{what}").unwrap();
        fields(&mut Fields(&mut text));
        text.push('\n');
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.1.fetch_add(1, Ordering::Relaxed) + 1;
        let name = span.metadata().name();
        self.note(format_args!("span {name} {id}"), |fields| span.record(fields));
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.note(format_args!("record {}", span.into_u64()), |fields| values.record(fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let level = event.metadata().level();
        self.note(format_args!("event {level}"), |fields| event.record(fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

async fn conversation() {
    let app = Router::new()
        .post(&format!("/{CANARY}"), async |request: Request| {
            Response::content(request.body()).option(OptionNumber::new(2050), CANARY)
        })
        .get("/back", async |request: Request| {
            request.remote().get(&format!("/{CANARY}?q={CANARY}")).send().await
        });
    let server = Server::<Memory>::bind("localhost:1").await.unwrap();
    tokio::spawn(server.serve(app).into_future());
    let secret = HeaderValue::from_static("Bearer canary-7f3a");
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, secret)]);
    let client = Client::<Memory>::builder()
        .headers(headers.clone())
        .serve(Router::new())
        .connect(&format!("coap+ws://localhost:1/x?token={CANARY}"))
        .await
        .unwrap();
    let answer = client
        .post(&format!("/{CANARY}?q={CANARY}"))
        .body(CANARY)
        .etag(&CANARY.as_bytes()[..8])
        .send()
        .await;
    assert_eq!(answer.unwrap().text().unwrap(), CANARY);
    let answer = client.get("/back").send().await.unwrap();
    assert!(!answer.code().is_success());
    let remote = client.remote().await.unwrap();
    remote.abort(CANARY);
    remote.closed().await;
    // One that does not get in, and one that gets no answer.
    let refused = Client::<Memory>::builder().headers(headers);
    refused.connect(&format!("coap+ws://other.example:1/?{CANARY}")).await.unwrap_err();
    Client::<Memory>::connect("coap+ws://localhost:9").await.unwrap_err();
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
}

// T92
#[test]
fn t92_spans_and_events_say_what_happened_and_no_secret() {
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(conversation());
    });
    let text = log.0.lock().unwrap().clone();
    for part in [
        "span coap.conn",
        "side=\"acceptor\"",
        "side=\"initiator\"",
        "peer=127.0.0.1:1",
        "end=",
        "span coap.req",
        "role=\"client\" method=\"POST\"",
        "role=\"server\" method=\"POST\"",
        "code=2.05",
        "record 4 code=2.05",
        "code=4.04",
        "the opening handshake failed",
    ] {
        assert!(text.contains(part), "`{part}` is not in it:\n{text}");
    }
    let bytes: Vec<String> = CANARY.bytes().map(|byte| byte.to_string()).collect();
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    for secret in [CANARY, &bytes[..6].join(", "), &hex[..12], "Bearer", "/back"] {
        assert!(!text.contains(secret), "`{secret}` is in it:\n{text}");
    }
}
