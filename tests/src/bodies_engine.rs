//! The bodies of the fuzz targets at the level of bytes: plain functions that panic where
//! something is not as it must be. Ordinary tests compile and run them over seeds; `fuzz/` runs
//! them for longer.

use crate::bodies::Body;
use crate::stream::handshake::{REQUEST, answer};
use crate::stream::{Answers, Bench, Frame};
use crate::tape::{Random, Tape};
use coap_ws_core::Side;
use coap_ws_driver::gauge::{FrameEnd, FrameLimits, FrameViolation, Gauge, Receiver, Step};
use coap_ws_driver::handshake::{ClientHandshake, HandshakeLimits, HeadReader, decide};
use coap_ws_driver::policy::Policy;
use std::time::Duration;

/// Every body, by the name of its target.
pub const ALL: [(&str, Body); 5] = [
    ("engine_initiator", engine_initiator),
    ("engine_acceptor", engine_acceptor),
    ("handshake_server", handshake_server),
    ("handshake_client", handshake_client),
    ("gauge", gauge),
];

/// Any bytes to the end that opened the connection.
pub fn engine_initiator(input: &[u8]) {
    engine(input, Side::Initiator);
}

/// Any bytes to the end that accepted it.
pub fn engine_acceptor(input: &[u8]) {
    engine(input, Side::Acceptor);
}

/// Whatever comes, and however it is cut: the same is said and told (4, 5), no byte behind the
/// end changes anything (11), and in the end it is over (42).
fn engine(input: &[u8], side: Side) {
    let mut tape = Tape::new(input);
    let start = tape.below(4);
    let mut bench = begun(side, start);
    let bytes = match start {
        1 => [bench.greeting(), tape.bytes(usize::MAX).to_vec()].concat(),
        3 => frames(&mut tape, &bench),
        _ => tape.bytes(usize::MAX).to_vec(),
    };
    bench.feed(&bytes);
    let whole = outcome(&mut bench);
    let mut random = Random::new(bytes.len() as u64);
    for most in [1, 5, 300] {
        let mut bench = begun(side, start);
        // A key of its own needs an answer of its own.
        let own = if start == 1 { bench.greeting() } else { Vec::new() };
        let mut rest = &[&own[..], &bytes[own.len()..]].concat()[..];
        while !rest.is_empty() {
            let cut = 1 + (random.next_u64() % most) as usize;
            let (piece, left) = rest.split_at(cut.min(rest.len()));
            bench.feed(piece);
            rest = left;
        }
        assert_eq!(outcome(&mut bench), whole, "in pieces of up to {most} (4)");
    }
}

/// An engine before its handshake, within it, or behind it.
fn begun(side: Side, start: u64) -> Bench {
    let mut bench = Bench::raw(side);
    bench.answers = Answers::Ready(b"ok".to_vec());
    if start < 2 {
        bench.run();
        return bench;
    }
    bench.opened()
}

/// What was said and told, with what the end of the stream and time make of it.
fn outcome(bench: &mut Bench) -> (Vec<String>, Vec<String>, bool) {
    let (said, told) = (bench.take_said(), bench.take_told());
    let ending = bench.engine().is_ending();
    bench.fin();
    bench.pass(Duration::from_secs(120));
    assert!(bench.done.is_some() && bench.watch.ended(), "it is not over (42)");
    bench.take_said();
    bench.feed(b"\x82\x80\x00\x00\x00\x00");
    assert_eq!(bench.take_said(), [""; 0], "said behind the end (9)");
    (said, told, ending)
}

/// Frames that are mostly as they should be, with messages that mostly are.
fn frames(tape: &mut Tape<'_>, bench: &Bench) -> Vec<u8> {
    const MESSAGES: [&[u8]; 12] = [
        b"\x01\x01\xaa",
        b"\x01\xe2\x42",
        b"\x01\xe2\x43\x20",
        b"\x00\x00",
        b"\x00\xe1\x22\x04\x80",
        b"\x02\x01\x01\x02\xb4room",
        b"\x01\x45\xaa\xffhi",
        b"\x01\x01\xab\x10",
        b"\x01\xe3\x42",
        b"\x00\xe4",
        b"\x00\xe5\xffbye",
        b"\x10\x01",
    ];
    let mut bytes = Vec::new();
    while !tape.is_over() {
        // What ends the connection is at the end of the list, and rarer.
        let among = 9 + usize::from(tape.byte() >> 6);
        let message = MESSAGES[tape.index(among)];
        let mut pieces = match tape.below(16) {
            0..=6 => vec![Frame::binary(message)],
            7..=9 => {
                let (first, last) = message.split_at(tape.index(message.len()));
                let mut pieces = vec![Frame::new(0x02, first), Frame::new(0x80, last)];
                if tape.chance(128) {
                    pieces.insert(1, Frame::new(0x89, tape.bytes(3)));
                }
                pieces
            }
            10 | 11 => vec![Frame::new(0x89, tape.bytes(3))],
            12 => vec![Frame::new(0x8a, tape.bytes(3))],
            13 => vec![Frame::binary(tape.bytes(6))],
            14 if tape.chance(64) => vec![Frame::new(0x88, tape.bytes(3))],
            15 if tape.chance(64) => vec![Frame::new(tape.byte(), tape.bytes(3))],
            _ => vec![Frame::binary(message), Frame::binary(message)],
        };
        let pieces = pieces.drain(..).flat_map(|frame| bench.from_peer(frame));
        bytes.extend(pieces);
    }
    bytes
}

/// Any bytes as the request of an opening handshake.
pub fn handshake_server(input: &[u8]) {
    let mut tape = Tape::new(input);
    // Bytes alone seldom get far: mostly it is a good request, changed here and there.
    let bytes = changed(&mut tape, REQUEST.as_bytes());
    let read = |pieces: usize| {
        let mut reader = HeadReader::new(HandshakeLimits::default());
        let mut taken = 0;
        for piece in bytes.chunks(pieces) {
            match reader.push(piece) {
                Err(error) => return (taken, format!("{error:?}")),
                Ok(progress) => {
                    taken += progress.taken;
                    if let Some(head) = progress.head {
                        let verdict = decide(&head, &Policy::default());
                        let verdict = verdict.map(|accept| accept.response_head());
                        return (taken, format!("{:?}", verdict.map_err(|no| no.response())));
                    }
                    assert_eq!(progress.taken, piece.len(), "a head that is not complete");
                }
            }
            assert!(reader.work() <= 4 * bytes.len() as u64, "more work than bytes (T04)");
        }
        (taken, "more".into())
    };
    let whole = read(bytes.len().max(1));
    for pieces in [1, 2, 7] {
        assert_eq!(read(pieces).1, whole.1, "in pieces of {pieces}");
    }
}

/// Any bytes as the answer.
pub fn handshake_client(input: &[u8]) {
    let start = || {
        let headers = http::HeaderMap::new();
        ClientHandshake::with_key("localhost", &headers, [7; 16]).expect("a good host")
    };
    let mut tape = Tape::new(input);
    let bytes = changed(&mut tape, &answer(start().request()));
    let read = |pieces: usize| {
        let mut handshake = start();
        let mut taken = 0;
        for piece in bytes.chunks(pieces) {
            match handshake.handle_bytes(piece) {
                Err(error) => {
                    let again = handshake.handle_bytes(b"HTTP/1.1 101 x\r\n\r\n");
                    assert_eq!(again.err(), Some(error.clone()), "an error is for ever");
                    return (0, format!("{error:?}"));
                }
                Ok(progress) => {
                    taken += progress.taken;
                    if progress.head.is_some() {
                        return (taken, "open".into());
                    }
                }
            }
        }
        (taken, "more".into())
    };
    let whole = read(bytes.len().max(1));
    for pieces in [1, 2, 7] {
        assert_eq!(read(pieces), whole, "in pieces of {pieces}");
    }
}

/// A good head with some bytes put in, left out or changed; now and then nothing but the tape.
fn changed(tape: &mut Tape<'_>, good: &[u8]) -> Vec<u8> {
    if tape.chance(64) {
        return tape.bytes(usize::MAX).to_vec();
    }
    let mut bytes = good.to_vec();
    while !tape.is_over() {
        let at = tape.index(bytes.len());
        match tape.below(4) {
            0 => bytes[at] = tape.byte(),
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, tape.pick(b"\r\n :,\t\0coapHTTP")),
            _ => bytes.truncate(bytes.len().saturating_sub(tape.index(9))),
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

/// Any bytes to the gauge: no more passes than came, a frame ends where it ends, one verdict
/// however they are cut, and an error is for ever.
pub fn gauge(input: &[u8]) {
    let mut tape = Tape::new(input);
    let receiver = tape.pick(&[Receiver::Server, Receiver::Client]);
    let mut limits = FrameLimits::default();
    limits.max_message_size = tape.pick(&[66_048, 0, 5, 300]);
    limits.max_fragments = tape.pick(&[256, 0, 1, 3]);
    let bytes = tape.bytes(usize::MAX);
    let whole = walk(Gauge::new(receiver, limits), bytes, bytes.len().max(1));
    for pieces in [1, 3, 14] {
        assert_eq!(walk(Gauge::new(receiver, limits), bytes, pieces), whole, "pieces of {pieces}");
    }
    assert!(whole.0 <= bytes.len());
}

type Walk = (usize, Vec<FrameEnd>, Option<FrameViolation>);

fn walk(mut gauge: Gauge, bytes: &[u8], pieces: usize) -> Walk {
    let (mut passed, mut ends) = (0, Vec::new());
    let mut come = 0;
    for piece in bytes.chunks(pieces) {
        come += piece.len();
        loop {
            match gauge.next(&bytes[passed..come]) {
                Ok(Step::NeedMore) => break,
                Ok(Step::Pass { bytes: 0, .. }) => panic!("nothing passes, for ever"),
                Ok(Step::Pass { bytes, frame_end }) => {
                    passed += bytes;
                    ends.extend(frame_end);
                }
                Err(violation) => {
                    assert_eq!(gauge.next(b"\x82\x80\0\0\0\0"), Err(violation), "for ever (T34)");
                    return (passed, ends, Some(violation));
                }
            }
        }
        assert!(come - passed < 14, "more than a header is kept back");
    }
    (passed, ends, None)
}
