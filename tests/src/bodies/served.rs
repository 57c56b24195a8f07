//! A driver that serves, over memory, and a client that asks it anything: the links of a router,
//! and bodies in blocks.

use crate::tape::Tape;
use coap_ws_core::block::{Block, BlockSize, More};
use coap_ws_core::message::{Code, OptionNumber, OwnedMessage, Request as Draft};
use coap_ws_core::{Instant, RequestOptions, Side};
use coap_ws_driver::engine::{Engine, EngineConfig, Event};
use coap_ws_driver::policy::Policy;
use coap_ws_driver::{Driver, RemoteInfo, Request, Response, Router, Timer, Transport};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

const BLOCKS: &[OptionNumber] = &[OptionNumber::BLOCK2, OptionNumber::BLOCK1];

#[derive(Clone, Default)]
struct Pipe(Rc<RefCell<[VecDeque<u8>; 2]>>);

impl Transport for Pipe {
    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let there = &mut self.0.borrow_mut()[0];
        let count = there.len().min(buffer.len());
        if count == 0 {
            return Poll::Pending;
        }
        buffer.iter_mut().zip(there.drain(..count)).for_each(|(place, byte)| *place = byte);
        Poll::Ready(Ok(count))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut()[1].extend(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// No time passes.
struct Still;

impl Timer for Still {
    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn poll_until(&mut self, _: &mut Context<'_>, _: Instant) -> Poll<()> {
        Poll::Pending
    }
}

/// A server's connection and the client at its other end.
struct Served {
    driver: Driver<Pipe, Still, Router>,
    pipe: Pipe,
    client: Engine,
}

impl Served {
    fn new(app: Router, mut config: EngineConfig) -> Served {
        config.connection.serves = true;
        let pipe = Pipe::default();
        let server = Engine::acceptor(Instant::ZERO, config, Policy::default());
        let server = server.expect("a good configuration");
        let info = RemoteInfo::default();
        let (_, driver) = Driver::new(server, pipe.clone(), Still, app, info);
        let mut config = EngineConfig::new(Side::Initiator);
        config.connection.understood = BLOCKS;
        let client = Engine::initiator(Instant::ZERO, config, "localhost", &Default::default());
        let mut served = Served { driver, pipe, client: client.expect("a good configuration") };
        assert!(served.run().is_empty());
        served
    }

    /// The answer to one request.
    fn ask(&mut self, request: &Draft<'_>) -> OwnedMessage {
        let asked = self.client.request(Instant::ZERO, request, RequestOptions::default());
        asked.expect("it can be sent");
        let mut answers = self.run();
        assert_eq!(answers.len(), 1, "answered once, and at once");
        answers.remove(0)
    }

    /// Goes on until nothing moves: what the client is told.
    fn run(&mut self) -> Vec<OwnedMessage> {
        let mut answers = Vec::new();
        loop {
            let mut cx = Context::from_waker(Waker::noop());
            let over = Pin::new(&mut self.driver).poll(&mut cx).is_ready();
            assert!(!over, "the connection is over");
            let back: Vec<u8> = self.pipe.0.borrow_mut()[1].drain(..).collect();
            self.client.handle_bytes(Instant::ZERO, &back);
            while let Some(event) = self.client.poll_event() {
                match event {
                    Event::Response { message, .. } => answers.push(message),
                    Event::Opened(_) | Event::Settings(_) => {}
                    other => panic!("{other:?}"),
                }
            }
            let there = self.client.output().to_vec();
            self.client.handle_written(Instant::ZERO, there.len());
            self.pipe.0.borrow_mut()[0].extend(&there);
            if there.is_empty() && back.is_empty() {
                return answers;
            }
        }
    }
}

const ATTRIBUTES: [&str; 5] = ["rt", "if", "ct", "title", "sz"];
const PATHS: [&str; 5] = ["/", "/a", "/a/b", "/light", "/a/{any}"];

/// Text that means something in links, and whatever else.
fn text(tape: &mut Tape<'_>) -> String {
    let count = tape.index(6);
    let mut piece = || match tape.below(6) {
        0 => tape.pick(&["40", "a", "core.s", "/a", "light", "*"]).to_owned(),
        1 => tape.pick(&[" ", "\"", "\\", ",", ";", "=", "<", ">", "\u{fc}"]).to_owned(),
        _ => String::from_utf8_lossy(tape.bytes(2)).into_owned(),
    };
    (0..count).map(|_| piece()).collect()
}

/// A link: its target and its attributes.
type Link = (String, Vec<(String, String)>);

/// Links that were read (RFC 6690 §2): all that the text has.
fn read(mut text: &str) -> Vec<Link> {
    let mut links = Vec::new();
    while !text.is_empty() {
        let (target, rest) = text.strip_prefix('<').and_then(|t| t.split_once('>')).expect("<..>");
        let mut attributes = Vec::new();
        text = rest;
        while let Some(rest) = text.strip_prefix(';') {
            let end = rest.find(['=', ';', ',']).unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            let (value, rest) = match rest.strip_prefix("=\"") {
                Some(rest) => unquoted(rest),
                None => {
                    let end = rest.find([';', ',']).unwrap_or(rest.len());
                    (rest[..end].trim_start_matches('=').to_owned(), &rest[end..])
                }
            };
            attributes.push((name.to_owned(), value));
            text = rest;
        }
        links.push((target.to_owned(), attributes));
        text = text.strip_prefix(',').unwrap_or_else(|| {
            assert!(text.is_empty(), "no link: {text}");
            ""
        });
    }
    links
}

fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(chars.next().expect("something is escaped").1),
            other => value.push(other),
        }
    }
    panic!("a quote without end: {text}");
}

/// Whether a link meets a query (RFC 6690 §4.1).
fn meets((target, attributes): &Link, query: &str) -> bool {
    let Some((name, pattern)) = query.split_once('=') else {
        return attributes.iter().any(|(other, _)| other == query);
    };
    let value = |value: &str| match pattern.strip_suffix('*') {
        Some(start) => value.starts_with(start),
        None => value == pattern,
    };
    if name == "href" {
        return value(target);
    }
    attributes.iter().filter(|(other, _)| other == name).any(|(_, all)| match name {
        "rt" | "if" | "rel" | "ct" => all.split_ascii_whitespace().any(value),
        _ => value(all),
    })
}

/// Whatever the attributes and the queries are: the links can be read, say what they were given,
/// and those are listed that the queries ask for.
pub fn links(input: &[u8]) {
    let mut tape = Tape::new(input);
    let mut app = Router::new();
    let mut given: Vec<Link> = Vec::new();
    for path in PATHS {
        app = app.get(path, async || "x");
        let mut attributes = Vec::new();
        for name in ATTRIBUTES {
            if tape.chance(100) {
                let value = text(&mut tape);
                app = app.describe(path, name, &value);
                attributes.push((name.to_owned(), value));
            }
        }
        // What has places for any segment has no target.
        if !path.contains('{') {
            given.push((path.to_owned(), attributes));
        }
    }
    let mut served = Served::new(app, EngineConfig::new(Side::Acceptor));
    let mut ask = |queries: &[String]| {
        let mut request = Draft::get().segment(".well-known").segment("core");
        for query in queries {
            request = request.query(query);
        }
        let answer = served.ask(&request);
        assert_eq!(answer.view().code(), Code::CONTENT);
        read(std::str::from_utf8(&answer.payload()).expect("it is text"))
    };
    assert_eq!(ask(&[]), given);
    while !tape.is_over() {
        let mut query = || match tape.below(3) {
            0 => text(&mut tape),
            1 => format!("{}={}", tape.pick(&ATTRIBUTES), text(&mut tape)),
            _ => format!("href={}", text(&mut tape)),
        };
        let queries = [query(), query()];
        let some = &queries[..1 + usize::from(tape.chance(60))];
        let all = |link: &&Link| some.iter().all(|query| meets(link, query));
        let expected: Vec<_> = given.iter().filter(all).cloned().collect();
        assert_eq!(ask(some), expected, "{some:?}");
    }
}

/// The largest body that is taken.
const LIMIT: usize = 2000;

/// Requests with any Block options: each has one answer, none of them an error of ours; what a
/// handler gets is within the limit and was sent, and a block that is given out is the body's.
pub fn block_server(input: &[u8]) {
    let mut tape = Tape::new(input);
    let bodies: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let log = Arc::clone(&bodies);
    let take = move |request: Request| {
        log.lock().expect("nothing panics").push(request.body().to_vec());
        std::future::ready(Response::new(Code::CHANGED))
    };
    let len = tape.pick(&[0_usize, 40, 1500, 3000, 70_000]);
    let large = move || std::future::ready(Response::content(pattern(len)));
    let app = Router::new().put("/x", take.clone()).post("/x", take).get("/l", large);
    let mut config = EngineConfig::new(Side::Acceptor);
    config.block_wise.max_request_body = LIMIT as u64;
    config.block_wise.size = tape.pick(&BlockSize::ALL);
    config.block_wise.bert = tape.chance(128);
    config.block_wise.max_uploads = 2;
    config.block_wise.memory = 6000;
    let mut served = Served::new(app, config);
    let mut at = 0_usize;
    for _ in 0..40 {
        if tape.is_over() {
            return;
        }
        match tape.chance(170) {
            true => at = upload(&mut tape, &mut served, at),
            false => download(&mut tape, &mut served, len),
        }
        for body in bodies.lock().expect("nothing panics").drain(..) {
            // One message may be more than what is put together.
            assert!(body.len() <= LIMIT.max(2048), "more than the limit");
            assert_eq!(body, pattern(body.len()), "a body that nobody sent");
        }
    }
}

/// Bytes that say where they are.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at ^ (at >> 8)) as u8).collect()
}

/// A block of one body; where the next one is to start.
fn upload(tape: &mut Tape<'_>, served: &mut Served, at: usize) -> usize {
    let size = tape.pick(&BlockSize::ALL);
    let unit = size.bytes() as usize;
    let num = if tape.chance(210) { at / unit } else { tape.index(200) };
    let more = tape.pick(&[More::Yes, More::Yes, More::No]);
    let units = if size.is_bert() { tape.index(3) } else { 1 };
    let len = if tape.chance(40) { tape.index(2 * unit) } else { unit * units };
    let start = num * unit;
    let body = pattern(start + len);
    let block = Block::new(num as u32, more, size).expect("20 bits are enough");
    let payload = &body[start..];
    let tag = [tape.byte() & 1];
    let mut request = if tape.chance(30) { Draft::post(payload) } else { Draft::put(payload) };
    request = request.segment("x");
    if !tape.chance(20) {
        request = request.uint(OptionNumber::BLOCK1, block.to_uint());
    } else if start > 0 {
        return at;
    }
    if tape.chance(60) {
        request = request.option(OptionNumber::REQUEST_TAG, &tag);
    }
    let answer = served.ask(&request);
    let code = answer.view().code();
    let class = code.class();
    assert!(class == 2 || class == 4 || code == Code::SERVICE_UNAVAILABLE, "{code}");
    if code == Code::CONTINUE { start + len } else { 0 }
}

/// A block of the large resource.
fn download(tape: &mut Tape<'_>, served: &mut Served, len: usize) {
    let size = tape.pick(&BlockSize::ALL);
    let num = tape.pick(&[0_u32, 1, 2, 5, 60, 70, (1 << 20) - 1]);
    let asked = Block::new(num, More::No, size).expect("20 bits are enough");
    let request = Draft::get().segment("l").uint(OptionNumber::BLOCK2, asked.to_uint());
    let answer = served.ask(&request);
    let view = answer.view();
    if !view.code().is_success() {
        assert!(view.code().class() == 4, "{}", view.code());
        return;
    }
    let start = Block::of(&view, OptionNumber::BLOCK2).map_or(0, Block::offset) as usize;
    assert_eq!(start as u64, asked.offset(), "what was asked for");
    let end = start + view.payload().len();
    assert!(end <= len && view.payload() == &pattern(len)[start..end], "another body");
}
