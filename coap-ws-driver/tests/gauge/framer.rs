//! The framer behind the gauge: tungstenite accepts what the gauge lets pass, and gives the messages
//! that were sent.

use std::io::{self, Read, Write};

use proptest::prelude::*;
use proptest::sample::{Index, select};
use tungstenite::Message;
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};

use crate::*;

const LIMIT: usize = 70_000;
const MAX_FRAGMENTS: u32 = 64;

fn behind(receiver: Receiver) -> Gauge {
    Gauge::new(receiver, limited(LIMIT, MAX_FRAGMENTS))
}

/// A stream over a slice that is lent for the time of one call.
struct Lent<'a>(&'a [u8]);

impl Read for Lent<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { self.0.read(buffer) }
    }
}

impl Write for Lent<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn framer(receiver: Receiver) -> WebSocketContext {
    let role = if receiver == Receiver::Server { Role::Server } else { Role::Client };
    let config = WebSocketConfig::default()
        .read_buffer_size(256)
        .max_message_size(Some(LIMIT))
        .max_frame_size(Some(LIMIT));
    WebSocketContext::new(role, Some(config))
}

/// All messages that `bytes` complete; nothing is read behind a Close.
fn take(framer: &mut WebSocketContext, bytes: &[u8]) -> Result<Vec<Message>, tungstenite::Error> {
    let mut lent = Lent(bytes);
    let mut messages = Vec::new();
    while !messages.last().is_some_and(Message::is_close) {
        match framer.read(&mut lent) {
            Ok(message) => messages.push(message),
            Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                break;
            }
            Err(error) => return Err(error),
        }
    }
    assert!(lent.0.is_empty());
    Ok(messages)
}

/// Runs `pieces` through the gauge into the framer, up to a Close or a refusal, and demands after
/// each step that the framer has what the gauge said: one message at its end, none before.
fn run(receiver: Receiver, pieces: &[&[u8]]) -> (Vec<Message>, Result<(), FrameViolation>) {
    let (mut gauge, mut framer) = (behind(receiver), framer(receiver));
    let (mut waiting, mut messages) = (Vec::new(), Vec::new());
    for piece in pieces {
        waiting.extend_from_slice(piece);
        loop {
            let (bytes, frame_end) = match gauge.next(&waiting) {
                Ok(Step::Pass { bytes, frame_end }) => (bytes, frame_end),
                Ok(Step::NeedMore) => break,
                Err(violation) => return (messages, Err(violation)),
            };
            let passed: Vec<u8> = waiting.drain(..bytes).collect();
            let told = match take(&mut framer, &passed) {
                Ok(told) => told,
                // Text is the one thing whose payload has rules; the framer is the judge of it.
                Err(tungstenite::Error::Utf8(_)) => {
                    use FrameEnd::{Close, Fragment, Message};
                    let text = [Fragment(Text), Message(Text), Close].map(Some);
                    assert!(text.contains(&frame_end), "{frame_end:?}");
                    return (messages, Ok(()));
                }
                Err(error) => panic!("the gauge let pass what the framer refuses: {error}"),
            };
            let ends: Vec<_> = told.iter().map(end_of).collect();
            assert_eq!(ends, without_fragments(frame_end));
            messages.extend(told);
            if frame_end == Some(FrameEnd::Close) {
                return (messages, Ok(()));
            }
        }
    }
    (messages, Ok(()))
}

fn end_of(message: &Message) -> FrameEnd {
    match message {
        Message::Text(_) => FrameEnd::Message(Text),
        Message::Binary(_) => FrameEnd::Message(Binary),
        Message::Ping(_) => FrameEnd::Ping,
        Message::Pong(_) => FrameEnd::Pong,
        Message::Close(_) => FrameEnd::Close,
        Message::Frame(_) => panic!("tungstenite never reads one"),
    }
}

/// A message as its sender sees it: cut into fragments, control frames between them.
#[derive(Debug, Clone)]
struct Sent {
    message: Message,
    cuts: Vec<Index>,
    between: Vec<Message>,
}

fn control() -> impl Strategy<Value = Message> {
    let size = prop_oneof![0..8_usize, 124..=125_usize];
    let body = size.prop_flat_map(|size| prop::collection::vec(any::<u8>(), size));
    (any::<bool>(), body).prop_map(|(ping, body)| {
        if ping { Message::Ping(body.into()) } else { Message::Pong(body.into()) }
    })
}

/// Messages of up to `largest` bytes.
fn sent(largest: usize) -> impl Strategy<Value = Sent> {
    let edges = [125, 126, 65_535, 65_536, LIMIT].map(|edge: usize| edge.min(largest));
    let binary = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..20),
        1 => (select(edges.to_vec()), any::<u8>()).prop_map(|(size, byte)| vec![byte; size]),
    ];
    let message = prop_oneof![
        4 => binary.prop_map(|body| Message::Binary(body.into())),
        1 => "\\PC{0,20}".prop_map(|text| Message::Text(text.into())),
        1 => control(),
    ];
    let cuts = prop::collection::vec(any::<Index>(), 0..5);
    (message, cuts, prop::collection::vec(control(), 0..3))
        .prop_map(|(message, cuts, between)| Sent { message, cuts, between })
}

/// The stream of bytes, and the messages that its receiver must see, in their order.
fn encode(receiver: Receiver, all: &[Sent], key: [u8; 4]) -> (Vec<u8>, Vec<Message>) {
    let (mut bytes, mut seen) = (Vec::new(), Vec::new());
    for Sent { message, cuts, between } in all {
        if message.is_ping() || message.is_pong() {
            put_control(&mut bytes, receiver, message, key);
            seen.push(message.clone());
            continue;
        }
        let body = message.clone().into_data();
        let parts = cut(&body, cuts);
        for (n, part) in parts.iter().enumerate() {
            let opcode = if n > 0 { 0 } else { 1 + u8::from(message.is_binary()) };
            let last = n + 1 == parts.len();
            put(&mut bytes, receiver, opcode | u8::from(last) << 7, part, key);
            if let (false, Some(control)) = (last, between.get(n)) {
                put_control(&mut bytes, receiver, control, key);
                seen.push(control.clone());
            }
        }
        seen.push(message.clone());
    }
    (bytes, seen)
}

fn put_control(bytes: &mut Vec<u8>, receiver: Receiver, message: &Message, key: [u8; 4]) {
    let first = if message.is_ping() { 0x89 } else { 0x8a };
    put(bytes, receiver, first, &message.clone().into_data(), key);
}

fn put(bytes: &mut Vec<u8>, receiver: Receiver, first: u8, body: &[u8], key: [u8; 4]) {
    bytes.extend(header(receiver, first, body.len() as u64));
    match receiver {
        Receiver::Client => bytes.extend(body),
        Receiver::Server => {
            let at = bytes.len() - 4;
            bytes[at..].copy_from_slice(&key);
            bytes.extend(body.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        }
    }
}

/// `bytes` cut at each of the `places`: one part more than there are places.
fn cut<'a>(bytes: &'a [u8], places: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    places.sort_unstable();
    places.push(bytes.len());
    let mut from = 0;
    places.into_iter().map(|to| &bytes[std::mem::replace(&mut from, to)..to]).collect()
}

fn receiver() -> impl Strategy<Value = Receiver> {
    prop_oneof![Just(Receiver::Server), Just(Receiver::Client)]
}

proptest! {
    /// What is sound passes, whole and cut, and the framer gives the messages that were sent.
    #[test]
    fn sound_streams_pass_and_come_out_the_same(
        receiver in receiver(),
        all in prop::collection::vec(sent(LIMIT), 0..6),
        key in any::<[u8; 4]>(),
        places in prop::collection::vec(any::<Index>(), 0..12),
        close in select(vec![&b""[..], b"\x03\xe8", b"\x03\xeabye"]),
    ) {
        let (mut bytes, seen) = encode(receiver, &all, key);
        put(&mut bytes, receiver, 0x88, close, key);
        let (mut got, outcome) = run(receiver, &cut(&bytes, &places));
        prop_assert_eq!(outcome, Ok(()));
        prop_assert!(got.pop().is_some_and(|last| last.is_close()));
        prop_assert_eq!(got, seen);
    }

    /// The same, byte by byte.
    #[test]
    fn sound_streams_pass_byte_by_byte(
        receiver in receiver(),
        all in prop::collection::vec(sent(200), 0..6),
        key in any::<[u8; 4]>(),
    ) {
        let (bytes, seen) = encode(receiver, &all, key);
        let (got, outcome) = run(receiver, &bytes.chunks(1).collect::<Vec<_>>());
        prop_assert_eq!(outcome, Ok(()));
        prop_assert_eq!(got, seen);
    }

    /// Some bytes are damaged: the gauge refuses, or the framer accepts each step (`run` sees to
    /// it), and the cut changes nothing.
    #[test]
    fn of_damaged_streams_nothing_passes_that_the_framer_refuses(
        receiver in receiver(),
        all in prop::collection::vec(sent(200), 1..6),
        key in any::<[u8; 4]>(),
        damage in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let (mut bytes, _) = encode(receiver, &all, key);
        for (place, value) in damage {
            let at = place.index(bytes.len());
            bytes[at] = value;
        }
        let whole = run(receiver, &[&bytes]);
        prop_assert_eq!(run(receiver, &bytes.chunks(1).collect::<Vec<_>>()), whole);
    }

    /// Frames in any order, most of them known ones.
    #[test]
    fn of_any_frames_nothing_passes_that_the_framer_refuses(
        receiver in receiver(),
        frames in prop::collection::vec(
            (
                prop_oneof![
                    4 => select(&[0x00, 0x01, 0x02, 0x80, 0x81, 0x82][..]),
                    2 => select(&[0x88, 0x89, 0x8a][..]),
                    1 => any::<u8>(),
                ],
                prop::collection::vec(any::<u8>(), 0..6),
            ),
            0..12,
        ),
    ) {
        let mut bytes = Vec::new();
        for (first, body) in &frames {
            put(&mut bytes, receiver, *first, body, KEY);
        }
        let whole = run(receiver, &[&bytes]);
        prop_assert_eq!(run(receiver, &bytes.chunks(1).collect::<Vec<_>>()), whole);
    }

    /// Any bytes at all: no panic, and the same however they are cut.
    #[test]
    fn any_bytes_give_the_same_however_they_are_cut(
        receiver in receiver(),
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        places in prop::collection::vec(any::<Index>(), 0..6),
    ) {
        let whole = walk(behind(receiver), [&bytes[..]]);
        prop_assert_eq!(&walk(behind(receiver), cut(&bytes, &places)), &whole);
        prop_assert_eq!(&walk(behind(receiver), bytes.chunks(1)), &whole);
    }
}
