//! The device in memory: a client of the core at the other end, frame by frame.

use coap_ws_core::block::{Block, BlockSize, More};
use coap_ws_core::message::{Code, OptionNumber, OwnedMessage, Request};
use coap_ws_core::{
    Config, Connection, ExchangeId, Fixed, Heap, Incoming, Instant, RequestOptions, Side, Transmit,
};
use coap_ws_device::{Device, Node};
use std::collections::VecDeque;
use std::time::Duration;

const BODY: usize = 600;
const HEAD: &str = "GET /.well-known/coap HTTP/1.1\r\nHost: device\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: coap\r\nSec-WebSocket-Version: 13\r\n\r\n";

type Small = Node<Fixed<1, 1, 1, 512>, 260, BODY, 1>;

/// A device and a client, connected.
struct Bench {
    now: Instant,
    device: Device<BODY>,
    node: Small,
    client: Connection<Heap>,
    /// Bytes of the device that are no whole frame yet.
    received: Vec<u8>,
    answers: VecDeque<(ExchangeId, OwnedMessage)>,
    close: Option<u16>,
}

fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x11, 0x22, 0x33, 0x44];
    let mut frame = vec![0x80 | opcode];
    match u8::try_from(payload.len()) {
        Ok(len) if len < 126 => frame.push(0x80 | len),
        _ => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
    frame
}

impl Bench {
    /// Before the handshake.
    fn raw() -> Bench {
        let now = Instant::from_micros(1);
        let mut config = Config::new(Side::Initiator);
        config.understood = &[OptionNumber::BLOCK2, OptionNumber::BLOCK1];
        Bench {
            now,
            device: Device::default(),
            node: Small::new(now).unwrap(),
            client: Connection::new(config).unwrap(),
            received: Vec::new(),
            answers: VecDeque::new(),
            close: None,
        }
    }

    /// Behind it, and behind both CSMs.
    fn open() -> Bench {
        let mut bench = Bench::raw();
        bench.say(HEAD.as_bytes());
        let end = bench.received.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head: Vec<u8> = bench.received.drain(..end + 4).collect();
        assert!(head.starts_with(b"HTTP/1.1 101 "));
        bench.carry();
        bench
    }

    /// Gives the device bytes, and takes what it writes, three bytes at a time.
    fn say(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() || !self.node.socket().output().is_empty() {
            let taken = self.node.handle_bytes(self.now, rest, &mut self.device);
            rest = &rest[taken..];
            let output = self.node.socket().output();
            let part = output[..output.len().min(3)].to_vec();
            assert!(taken + part.len() > 0, "it neither takes nor gives");
            self.received.extend(&part);
            self.node.handle_written(self.now, part.len(), &mut self.device);
        }
    }

    /// Lets time go by, and the device look what has changed.
    fn wait(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
        self.node.handle_timeout(self.now, &mut self.device);
        self.carry();
    }

    /// Carries messages until nothing moves.
    fn carry(&mut self) {
        loop {
            let mut frames = Vec::new();
            while let Some(Transmit::Message(bytes)) = self.client.poll_transmit() {
                frames.extend(masked(2, bytes));
            }
            self.say(&frames);
            let Some(frame) = self.frame() else { break };
            match frame {
                (2, message) => {
                    if let Some(Incoming::Response { exchange, message, .. }) =
                        self.client.handle_message(self.now, &message).unwrap()
                    {
                        let owned = message.as_bytes().to_vec().into();
                        self.answers.push_back((exchange, OwnedMessage::parse(owned).unwrap()));
                    }
                }
                (8, payload) => {
                    self.close = Some(u16::from_be_bytes([payload[0], payload[1]]));
                }
                other => panic!("unexpected: {other:?}"),
            }
        }
    }

    /// The next whole frame of the device: opcode and payload.
    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (len, at) = match *self.received.get(1)? {
            126 => (u16::from_be_bytes([*self.received.get(2)?, *self.received.get(3)?]), 4),
            len => (u16::from(len), 2),
        };
        let end = at + usize::from(len);
        if self.received.len() < end {
            return None;
        }
        let frame: Vec<u8> = self.received.drain(..end).collect();
        assert_eq!(frame[0] & 0xf0, 0x80, "whole, no extension");
        Some((frame[0] & 0x0f, frame[at..].to_vec()))
    }

    fn ask(&mut self, request: &Request<'_>) -> OwnedMessage {
        self.client.request(self.now, request, RequestOptions::default()).unwrap();
        self.carry();
        self.answers.pop_front().expect("an answer").1
    }

    fn observe(&mut self, request: &Request<'_>) -> ExchangeId {
        let options = RequestOptions::default().observe();
        let id = self.client.request(self.now, request, options).unwrap();
        self.carry();
        id
    }
}

fn text(message: &OwnedMessage) -> String {
    String::from_utf8(message.view().payload().to_vec()).unwrap()
}

// WS-10, WS-44
#[test]
fn it_answers_in_messages_of_256_bytes() {
    let mut bench = Bench::open();
    assert_eq!(text(&bench.ask(&Request::get().segment("hello"))), "hello from a device");
    assert_eq!(text(&bench.ask(&Request::get().segment("temperature"))), "21.5");
    let settings = bench.client.peer_settings().unwrap();
    assert_eq!(settings.max_message_size, 256);
    let missing = bench.ask(&Request::get().segment("x"));
    assert_eq!(missing.view().code(), Code::NOT_FOUND);
}

// BLK-07, BLK-09
#[test]
fn a_log_of_3200_bytes_comes_in_blocks() {
    let mut bench = Bench::open();
    let (mut body, mut at, mut etag) = (Vec::new(), Block::first(BlockSize::B1024), None);
    loop {
        let request = Request::get().segment("log").uint(OptionNumber::BLOCK2, at.to_uint());
        let answer = bench.ask(&request);
        assert!(answer.view().as_bytes().len() <= 256);
        let tag = answer.view().option(OptionNumber::ETAG).map(<[u8]>::to_vec);
        assert_eq!(etag.get_or_insert(tag.clone()), &tag);
        body.extend_from_slice(answer.view().payload());
        let block = Block::of(&answer.view(), OptionNumber::BLOCK2).unwrap();
        if !block.more().is_set() {
            break;
        }
        at = Block::at(body.len() as u64, More::No, block.size()).unwrap();
    }
    assert_eq!(body.len(), 3200);
    assert!(body.ends_with(b"199 all is well\n"));
}

fn put(bench: &mut Bench, body: &[u8], num: u32, more: More, tag: &[u8]) -> OwnedMessage {
    let block = Block::new(num, more, BlockSize::B128).unwrap();
    let request = Request::put(body).segment("config").uint(OptionNumber::BLOCK1, block.to_uint());
    bench.ask(&request.option(OptionNumber::REQUEST_TAG, tag))
}

// BLK-12, BLK-13, BLK-15: at the limit, one byte above it, and out of order
#[test]
fn a_configuration_is_put_together_from_blocks() {
    let mut bench = Bench::open();
    let body = [b'c'; BODY + 1];
    for num in 0..4 {
        let answer = put(&mut bench, &body[..128], num, More::Yes, b"a");
        assert_eq!(answer.view().code(), Code::CONTINUE);
    }
    let answer = put(&mut bench, &body[..BODY - 512], 4, More::No, b"a");
    assert_eq!(answer.view().code(), Code::CREATED);
    // The next block of another operation follows nothing, though the offset would fit (BLK-14).
    let _ = put(&mut bench, &body[..128], 0, More::Yes, b"b");
    let answer = put(&mut bench, &body[..10], 1, More::No, b"other");
    assert_eq!(answer.view().code(), Code::REQUEST_ENTITY_INCOMPLETE);
    for num in 0..4 {
        let _ = put(&mut bench, &body[..128], num, More::Yes, b"c");
    }
    let answer = put(&mut bench, &body[..BODY + 1 - 512], 4, More::No, b"c");
    assert_eq!(answer.view().code(), Code::REQUEST_ENTITY_TOO_LARGE);
    assert_eq!(answer.view().uint(OptionNumber::SIZE1), Some(BODY as u32));
    // What was there is there.
    let answer = bench.ask(&Request::get().segment("config").uint(OptionNumber::BLOCK2, 0x43));
    assert_eq!(answer.view().payload().len(), BODY - 512);
    let answer = bench.ask(&Request::delete().segment("config"));
    assert_eq!(answer.view().code(), Code::DELETED);
    let gone = bench.ask(&Request::get().segment("config"));
    assert_eq!(gone.view().code(), Code::NOT_FOUND);
}

// OBS-02, OBS-18
#[test]
fn one_observer_is_told_and_a_second_gets_a_plain_answer() {
    let mut bench = Bench::open();
    let first = bench.observe(&Request::get().segment("temperature"));
    let (id, answer) = bench.answers.pop_front().unwrap();
    assert_eq!((id, answer.view().observe().is_some()), (first, true));
    bench.observe(&Request::get().segment("led"));
    assert_eq!(bench.answers.pop_front().unwrap().1.view().observe(), None);

    // Told once, and how things are then.
    bench.device.sense(-3);
    bench.device.sense(222);
    bench.wait(Duration::from_secs(1));
    let (id, told) = bench.answers.pop_front().unwrap();
    assert_eq!((id, text(&told).as_str()), (first, "22.2"));
    assert!(bench.answers.is_empty());
    // Nothing has changed.
    bench.device.sense(222);
    bench.wait(Duration::from_secs(1));
    assert!(bench.answers.is_empty());

    // The place is free again for another.
    let request = Request::get().segment("temperature");
    bench.client.deregister(bench.now, first, &request).unwrap();
    bench.carry();
    bench.answers.clear();
    let led = bench.observe(&Request::get().segment("led"));
    assert!(bench.answers.pop_front().unwrap().1.view().observe().is_some());
    let _ = bench.ask(&Request::put(b"on").segment("led"));
    assert!(bench.device.led());
    bench.wait(Duration::from_millis(1));
    let (id, told) = bench.answers.pop_front().unwrap();
    assert_eq!((id, text(&told).as_str()), (led, "on"));
}

// CODE-15: an answer may come later
#[test]
fn a_measurement_takes_its_time() {
    let mut bench = Bench::open();
    let request = Request::get().segment("measure");
    bench.client.request(bench.now, &request, RequestOptions::default()).unwrap();
    bench.carry();
    let due = bench.node.poll_timeout().unwrap();
    assert_eq!(due.saturating_since(bench.now), Duration::from_millis(300));
    bench.wait(Duration::from_millis(299));
    assert!(bench.answers.is_empty());
    bench.wait(Duration::from_millis(1));
    assert_eq!(text(&bench.answers.pop_front().unwrap().1), "21.5");
}

// CSM-17: at the limit and one byte above it
#[test]
fn a_message_above_what_it_takes_is_refused_by_its_header() {
    for (size, close) in [(256, None), (257, Some(1009))] {
        let mut bench = Bench::open();
        // A GET with a payload, which means nothing.
        let mut message = vec![0, 1, 0xb5];
        message.extend(b"hello\xff");
        message.resize(size, b'.');
        let frame = masked(2, &message);
        // Only the header, of the one that is too large.
        bench.say(if close.is_some() { &frame[..8] } else { &frame });
        bench.carry();
        assert_eq!(bench.close, close, "{size}");
    }
}

// T01, WS-43: what is no handshake, and what does not come
#[test]
fn handshakes_are_refused_with_a_status() {
    let long = format!("Cookie: {}\r\n", "c".repeat(5000));
    let cases: [(&str, &str, &str); 8] = [
        ("13\r\n", "8\r\n", "426"),
        ("GET", "PUT", "405"),
        ("/coap ", "/mqtt ", "404"),
        ("HTTP/1.1", "HTTP/1.0", "505"),
        ("Host: device\r\n", "", "400"),
        ("Host: device\r\n", "Host: device\r\nOrigin: http://page.example\r\n", "403"),
        ("coap\r\n", "mqtt\r\n", "400"),
        // A field that says nothing may be of any length.
        ("Host: device\r\n", &format!("{long}Host: device\r\n"), "101"),
    ];
    for (from, to, status) in cases {
        let mut bench = Bench::raw();
        bench.say(HEAD.replacen(from, to, 1).as_bytes());
        let line = String::from_utf8_lossy(&bench.received[..12]).into_owned();
        assert_eq!(line, format!("HTTP/1.1 {status}"), "{to:?}");
        assert_eq!(bench.node.socket().wants_shutdown(), status != "101");
    }
    let mut bench = Bench::raw();
    let until = bench.node.poll_timeout().unwrap();
    assert_eq!(until.saturating_since(bench.now), Duration::from_secs(10));
    bench.wait(Duration::from_secs(10));
    assert!(bench.received.starts_with(b"HTTP/1.1 408 "));
    bench.wait(Duration::from_secs(2));
    assert!(bench.node.socket().is_done());
}

// T04: the most of a head, and one byte more
#[test]
fn a_head_has_an_end() {
    let most = coap_ws_device::opening::MAX_HEAD;
    for (size, status) in [(most, "101"), (most + 1, "431")] {
        let filler = size - HEAD.len() - "X: \r\n".len();
        let field = format!("Host: device\r\nX: {}\r\n", "x".repeat(filler));
        let mut bench = Bench::raw();
        bench.say(HEAD.replacen("Host: device\r\n", &field, 1).as_bytes());
        assert_eq!(&bench.received[9..12], status.as_bytes(), "{size}");
    }
}

// T22, WS-29: Pings are answered between fragments; a message that is never finished ends it
#[test]
fn frames_in_the_middle_of_a_message() {
    let mut bench = Bench::open();
    let mut first = masked(2, &[0, 1]);
    first[0] = 0x02;
    bench.say(&first);
    bench.say(&masked(9, b"hi"));
    assert_eq!(bench.frame(), Some((10, b"hi".to_vec())));
    bench.say(&masked(0, b"\xb5hello"));
    let (opcode, message) = bench.frame().unwrap();
    assert_eq!((opcode, message[1]), (2, Code::CONTENT.to_byte()));

    bench.say(&first);
    bench.wait(Duration::from_secs(29));
    assert_eq!(bench.close, None);
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.close, Some(1008));
}
