//! The vectors of `data/frames.json` through an engine, cut in every way: what is delivered,
//! what is answered, and with which status code it closes.

use coap_ws_core::Side;
use coap_ws_tests::stream::frame::read_all;
use coap_ws_tests::stream::{Answers, Bench, hex};
use serde_json::Value;

/// What an engine is to say and to tell.
#[derive(Debug, Default, PartialEq, Eq)]
struct Effect {
    said: Vec<String>,
    told: Vec<String>,
    over: bool,
}

impl Effect {
    fn says(&mut self, words: impl Into<String>) {
        self.said.push(words.into());
    }

    fn ends(&mut self, reason: &str) {
        self.told.push(format!("closed {reason}"));
        self.over = true;
    }

    /// What the file says that a stream holds, turned into what it does.
    fn message(&mut self, kind: &str, payload: &str) {
        match (kind, payload) {
            _ if self.over => {}
            ("ping", data) => self.says(format!("pong {data}")),
            ("pong", _) | ("binary", "01e342") => {}
            ("text", _) => {
                self.said.extend(["abort".into(), "close 1003".into()]);
                self.ends("Violation(TextMessage)");
            }
            ("close", code) => {
                let code = u16::from_str_radix(code, 16).expect("a status code");
                self.says(format!("close {code}"));
                self.ends(&format!("ClosedByPeer({code})"));
            }
            ("binary", "") => {
                self.said.extend(["abort".into(), "close 1002".into()]);
                self.ends("Violation(Format(FormatError { kind: HeaderTruncated, offset: 0 }))");
            }
            ("binary", "00e1") => self.told.push("settings 32768".into()),
            ("binary", "01e242") => self.says("01e342"),
            ("binary", abort) if abort.starts_with("00e5ff") => {
                let text = String::from_utf8(hex(&abort[6..])).expect("a text");
                self.told.push(format!("abort {text:?}"));
                self.says("close 1000");
                self.ends("AbortedByPeer");
            }
            ("binary", request) => self.told.push(format!("request {request}")),
            _ => panic!("{kind}:{payload}"),
        }
    }
}

fn expected(expect: &Value) -> Effect {
    let mut effect = Effect::default();
    if let Some(code) = expect["close_code"].as_u64() {
        effect.says(format!("close {code}"));
        effect.ends(&format!("Violation(WebSocket {{ code: {code} }})"));
        return effect;
    }
    for message in expect["messages"].as_array().expect("what is delivered") {
        let (kind, payload) = message.as_str().and_then(|m| m.split_once(':')).expect("a kind");
        effect.message(kind, payload);
    }
    effect
}

/// Feeds the pieces to a fresh engine.
fn effect<'a>(side: Side, pieces: impl IntoIterator<Item = &'a [u8]>) -> Effect {
    let mut bench = Bench::open(side);
    bench.answers = Answers::Hold;
    for piece in pieces {
        bench.feed(piece);
    }
    let over = bench.engine().is_ending();
    Effect { said: bench.take_said(), told: bench.take_told(), over }
}

fn check(name: &str, side: Side, bytes: &[u8], expected: &Effect) {
    assert_eq!(&effect(side, [bytes]), expected, "{name}, whole");
    assert_eq!(&effect(side, bytes.chunks(1)), expected, "{name}, byte by byte");
    for cut in 0..=bytes.len() {
        let (first, second) = bytes.split_at(cut);
        assert_eq!(&effect(side, [first, second]), expected, "{name}, cut at {cut}");
    }
}

fn vectors() -> Vec<Value> {
    let text = include_str!("../data/frames.json");
    let vectors: Vec<Value> = serde_json::from_str(text).expect("frames.json");
    assert_eq!(vectors.len(), 23, "none is skipped");
    vectors
}

/// WS-14, WS-18 to WS-31, WS-34, WS-37, WS-46, ABT-08.
#[test]
fn every_vector_does_what_it_is_to_do_however_it_is_cut() {
    for vector in vectors() {
        let name = vector["name"].as_str().expect("a name");
        let side = match vector["receiver"].as_str() {
            Some("server") => Side::Acceptor,
            Some("client") => Side::Initiator,
            other => panic!("{name}: {other:?}"),
        };
        let bytes = hex(vector["hex"].as_str().expect("bytes"));
        check(name, side, &bytes, &expected(&vector["expect"]));
    }
}

/// The roles differ in masking and in nothing else (T96).
#[test]
fn the_other_side_does_the_same_with_the_same_frames() {
    let mut mirrored = 0;
    for vector in vectors() {
        if vector["expect"]["ok"] != true {
            // Masked where it must not be, or worse: no frames that can be read and masked anew.
            continue;
        }
        let name = vector["name"].as_str().expect("a name");
        let other = match vector["receiver"].as_str() {
            Some("server") => Side::Initiator,
            _ => Side::Acceptor,
        };
        let bytes = hex(vector["hex"].as_str().expect("bytes"));
        let (frames, rest) = read_all(&bytes);
        assert!(rest.is_empty(), "{name}");
        let bytes: Vec<u8> = frames
            .into_iter()
            .flat_map(|frame| match other {
                Side::Initiator => coap_ws_tests::stream::Frame { key: None, ..frame }.bytes(),
                Side::Acceptor => frame.masked().bytes(),
            })
            .collect();
        check(name, other, &bytes, &expected(&vector["expect"]));
        mirrored += 1;
    }
    assert_eq!(mirrored, 15);
}
