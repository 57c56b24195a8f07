//! What the demo shows, step by step.

use super::expect::{Expect, Payload};
use super::recorder::{Record, Recorder};
use super::show::Show;
use crate::demo_resources::{HELLO, large};
use crate::text;
use coap_ws_tokio::core::message::{Code, ContentFormat, Message};
use coap_ws_tokio::core::{CloseReason, Side};
use coap_ws_tokio::engine::{EngineConfig, TapSlot, Way};
use coap_ws_tokio::{Client, Error, Observation, Remote, RequestBuilder, Response, Router};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// What the client's own `/hello` says.
const CLIENT_HELLO: &str = "hello from the client";

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The client and what is shown of it.
struct Stage<'s, W> {
    client: Client,
    remote: Remote,
    recorder: Recorder,
    /// How often the server has asked the client.
    asked: Arc<AtomicU32>,
    show: &'s mut Show<W>,
}

/// All steps. Where there is no connection there is nothing to show.
pub(super) async fn all<W: io::Write>(address: SocketAddr, show: &mut Show<W>) {
    let mut stage = match Stage::open(address, show).await {
        Ok(stage) => stage,
        Err((show, error)) => return show.wrong(&format!("no connection: {error}")),
    };
    stage.settings().await;
    stage.get().await;
    stage.put().await;
    stage.not_found().await;
    stage.discover().await;
    stage.large().await;
    stage.observe().await;
    stage.ping().await;
    stage.reverse().await;
    stage.release().await;
}

impl<'s, W: io::Write> Stage<'s, W> {
    async fn open(
        address: SocketAddr,
        show: &'s mut Show<W>,
    ) -> Result<Stage<'s, W>, (&'s mut Show<W>, Error)> {
        let recorder = Recorder::default();
        let asked = Arc::new(AtomicU32::new(0));
        let mut config = EngineConfig::new(Side::Initiator);
        config.tap = TapSlot::new(recorder.clone());
        let counter = Arc::clone(&asked);
        let own = Router::new().get("/hello", move || {
            counter.fetch_add(1, Ordering::Relaxed);
            std::future::ready(CLIENT_HELLO)
        });
        let builder = Client::builder().config(config).connect_timeout(PATIENCE).serve(own);
        let connected = match builder.connect(&format!("coap+ws://{address}")).await {
            Ok(client) => client.remote().await.map(|remote| (client, remote)),
            Err(error) => Err(error),
        };
        match connected {
            Ok((client, remote)) => Ok(Stage { client, remote, recorder, asked, show }),
            Err(error) => Err((show, error)),
        }
    }

    async fn settings(&mut self) {
        self.show.step(
            "CSM: what can you do?",
            "The WebSocket is open. Each end says what it takes (RFC 8323 §5.3).",
        );
        let begun = Instant::now();
        // The server's comes by itself, perhaps a moment later.
        while self.remote.peer_settings().is_none() && begun.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.messages();
        match self.remote.peer_settings() {
            Some(settings) if settings.bert() => {
                let size = text::count(settings.max_message_size as usize, "byte");
                self.show.right(&format!("the server takes messages of {size}"), None);
            }
            Some(settings) => self.show.wrong(&format!("unexpected: {settings:?}")),
            None => self.show.wrong("the server sent no CSM"),
        }
    }

    async fn get(&mut self) {
        self.show.step("GET /hello", "A request, and its answer by the same token.");
        let expect = Expect::content(ContentFormat::TEXT, Payload::Is(HELLO.as_bytes()));
        self.ask(self.client.get("/hello"), &expect, "2.05 with the greeting").await;
    }

    async fn put(&mut self) {
        self.show.step("PUT /store/demo", "Something is kept, and read again.");
        let put = self.client.put("/store/demo").body("22.5 °C");
        let put = put.content_format(ContentFormat::TEXT);
        self.ask(put, &Expect::code(Code::CREATED), "2.01: it was not there before").await;
        let expect = Expect::content(ContentFormat::TEXT, Payload::Is("22.5 °C".as_bytes()));
        self.ask(self.client.get("/store/demo"), &expect, "2.05 with what was kept").await;
    }

    async fn not_found(&mut self) {
        self.show.step("GET /nothing", "An error is an answer too; the connection lives on.");
        let expect = Expect::code(Code::NOT_FOUND);
        self.ask(self.client.get("/nothing"), &expect, "4.04").await;
    }

    async fn discover(&mut self) {
        self.show.step("GET /.well-known/core", "What is there? Links (RFC 6690).");
        let listed = ["</hello>", "</store>", "</reverse>"];
        let expect = Expect::content(ContentFormat::LINK_FORMAT, Payload::Has(&listed));
        let request = self.client.get("/.well-known/core");
        self.ask(request, &expect, "links, /hello, /store and /reverse among them").await;
    }

    async fn large(&mut self) {
        self.show.step("GET /large", "One message carries what UDP needs 64 datagrams for.");
        let large = large();
        let expect = Expect::content(ContentFormat::OCTET_STREAM, Payload::Is(&large));
        self.ask(self.client.get("/large"), &expect, "every one of 65,536 bytes").await;
    }

    async fn observe(&mut self) {
        self.show.step(
            "GET /time, and tell me of changes",
            "The answer registers an observer; a notification has the same token (RFC 7641).",
        );
        let begun = Instant::now();
        let seen = self.client.observe("/time").timeout(PATIENCE).await;
        let mut seen = match seen {
            Ok(seen) => seen,
            Err(error) => return self.show.wrong(&error.to_string()),
        };
        let first = self.told(&mut seen).await;
        let second = self.told(&mut seen).await;
        let time = begun.elapsed();
        self.messages();
        match (first, second) {
            (Some(first), Some(second)) if first < second => {
                self.show.right("the time, and a later one that nobody asked for", Some(time));
            }
            (first, second) => self.show.wrong(&format!("not a clock: {first:?}, {second:?}")),
        }
        // Deregisters: the same GET with Observe 1; its answer has no Observe.
        drop(seen);
        let begun = Instant::now();
        let mut records = Vec::new();
        while begun.elapsed() < PATIENCE && !records.iter().any(is_the_last) {
            tokio::time::sleep(Duration::from_millis(1)).await;
            records.extend(self.recorder.take());
        }
        let last = records.iter().any(is_the_last);
        self.show.messages(&records);
        match last {
            true => self.show.right("enough: the last answer has no Observe", None),
            false => self.show.wrong("the deregistration got no answer"),
        }
    }

    /// The text of the next notification.
    async fn told(&self, seen: &mut Observation) -> Option<String> {
        let item = tokio::time::timeout(PATIENCE, seen.next()).await.ok()??;
        item.ok()?.success().ok()?.text().ok()
    }

    async fn ping(&mut self) {
        self.show.step("Ping", "Are you there? (RFC 8323 §5.4)");
        let begun = Instant::now();
        let pong = self.remote.ping().await;
        let time = begun.elapsed();
        self.messages();
        match pong {
            Ok(()) => self.show.right("the Pong has the token of the Ping", Some(time)),
            Err(error) => self.show.wrong(&error.to_string()),
        }
    }

    async fn reverse(&mut self) {
        self.show.step(
            "GET /reverse: the server asks the client",
            "On the same connection, before it answers. Each end is client and server.",
        );
        let before = self.asked.load(Ordering::Relaxed);
        let expect = Expect::content(ContentFormat::TEXT, Payload::Is(CLIENT_HELLO.as_bytes()));
        self.ask(self.client.get("/reverse"), &expect, "the client's own words").await;
        match self.asked.load(Ordering::Relaxed) - before {
            1 => self.show.right("the client was asked once", None),
            n => self.show.wrong(&format!("the client was asked {n} times")),
        }
    }

    async fn release(&mut self) {
        self.show.step("Release", "Enough. The other end finishes, then closes (RFC 8323 §5.5).");
        let begun = Instant::now();
        let closed = tokio::time::timeout(PATIENCE, self.remote.release()).await;
        let time = begun.elapsed();
        self.messages();
        match closed {
            Ok(closed) if closed.reason == CloseReason::Released => {
                self.show.right("the server has finished and closed the WebSocket", Some(time));
            }
            Ok(closed) => self.show.wrong(&closed.to_string()),
            Err(_) => self.show.wrong("the server did not close"),
        }
    }

    /// Asks, shows what was said, and checks the answer.
    async fn ask(&mut self, request: RequestBuilder, expect: &Expect<'_>, right: &str) {
        let begun = Instant::now();
        let answer = request.timeout(PATIENCE).send().await;
        let time = begun.elapsed();
        self.messages();
        match verdict(answer, expect) {
            Ok(()) => self.show.right(right, Some(time)),
            Err(why) => self.show.wrong(&why),
        }
    }

    fn messages(&mut self) {
        let records = self.recorder.take();
        self.show.messages(&records);
    }
}

/// Whether a message is an answer behind which no notification follows.
fn is_the_last((way, message): &Record) -> bool {
    let message = Message::parse(message).ok();
    *way == Way::In && message.is_some_and(|m| m.code().is_response() && m.observe().is_none())
}

fn verdict(answer: Result<Response, Error>, expect: &Expect<'_>) -> Result<(), String> {
    expect.check(&answer.map_err(|error| error.to_string())?)
}
