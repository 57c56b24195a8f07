//! The gauge against the rules of RFC 6455 §5, against every way of cutting, and against the
//! framer that stands behind it. Here is the bench: frames in, what the gauge said out.

mod framer;
mod headers;
mod rules;
mod vectors;

use coap_ws_driver::gauge::{
    DataKind::{self, Binary, Text},
    FrameEnd, FrameLimits, FrameViolation, Gauge, Receiver, Step,
};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A header with the length in its shortest form.
fn header(receiver: Receiver, first: u8, length: u64) -> Vec<u8> {
    let bit = if receiver == Receiver::Server { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match length {
        0..126 => bytes.push(bit | length as u8),
        126..0x1_0000 => {
            bytes.push(bit | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(bit | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    if receiver == Receiver::Server {
        bytes.extend(KEY);
    }
    bytes
}

/// A frame with `length` bytes of payload; which, does not matter.
fn frame(receiver: Receiver, first: u8, length: usize) -> Vec<u8> {
    let mut bytes = header(receiver, first, length as u64);
    bytes.resize(bytes.len() + length, 0xff);
    bytes
}

/// What became of a stream: bytes passed, ends told, and the violation or whether it ended open.
#[derive(Debug, PartialEq, Eq)]
struct Walk {
    passed: usize,
    ends: Vec<FrameEnd>,
    outcome: Result<bool, FrameViolation>,
}

/// Feeds `pieces` one after the other, each behind what was not passed on before.
fn walk<'a>(mut gauge: Gauge, pieces: impl IntoIterator<Item = &'a [u8]>) -> Walk {
    let mut waiting = Vec::new();
    let mut walk = Walk { passed: 0, ends: Vec::new(), outcome: Ok(false) };
    for piece in pieces {
        waiting.extend_from_slice(piece);
        loop {
            match gauge.next(&waiting) {
                Ok(Step::Pass { bytes, frame_end }) => {
                    assert!(bytes > 0 && bytes <= waiting.len(), "{bytes} of {}", waiting.len());
                    assert!(
                        frame_end.is_some() || bytes == waiting.len(),
                        "it stops at an end only"
                    );
                    waiting.drain(..bytes);
                    walk.passed += bytes;
                    walk.ends.extend(frame_end);
                }
                Ok(Step::NeedMore) => break,
                Err(violation) => {
                    assert_eq!(gauge.next(&[]), Err(violation), "a dead gauge stays dead");
                    return Walk { outcome: Err(violation), ..walk };
                }
            }
        }
        assert!(waiting.len() < 14, "an incomplete header has at most 13 bytes");
        assert!(waiting.is_empty() || gauge.message_open());
    }
    Walk { outcome: Ok(gauge.message_open()), ..walk }
}

/// Walks `bytes` whole, byte by byte and cut in two at every place; all must come out the same.
fn walk_every_cut(gauge: &Gauge, bytes: &[u8]) -> Walk {
    let whole = walk(gauge.clone(), [bytes]);
    assert_eq!(walk(gauge.clone(), bytes.chunks(1)), whole, "byte by byte");
    for at in 0..bytes.len() {
        let (head, tail) = bytes.split_at(at);
        assert_eq!(walk(gauge.clone(), [head, tail]), whole, "cut at {at}");
    }
    whole
}

fn server() -> Gauge {
    Gauge::new(Receiver::Server, FrameLimits::default())
}

fn client() -> Gauge {
    Gauge::new(Receiver::Client, FrameLimits::default())
}

fn limited(max_message_size: usize, max_fragments: u32) -> FrameLimits {
    let mut limits = FrameLimits::default();
    limits.max_message_size = max_message_size;
    limits.max_fragments = max_fragments;
    limits
}

/// What a server's gauge says to hexadecimal digits (the spaces are for the eye).
fn hex(digits: &str) -> Walk {
    walk_every_cut(&server(), &bytes_of(digits))
}

fn bytes_of(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let digit = |b: u8| char::from(b).to_digit(16).unwrap() as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// The ends a framer tells of: it keeps fragments to itself.
fn without_fragments(ends: impl IntoIterator<Item = FrameEnd>) -> Vec<FrameEnd> {
    ends.into_iter().filter(|end| !matches!(end, FrameEnd::Fragment(_))).collect()
}
