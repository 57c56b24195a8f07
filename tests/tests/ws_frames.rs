//! Frames as an engine reads and writes them (RFC 6455 §5, RFC 8323 §4.2).

use coap_ws_core::Side;
use coap_ws_tests::stream::frame::header;
use coap_ws_tests::stream::{Answers, Bench, Frame, KEY, hex};
use std::time::Duration;

const SIDES: [Side; 2] = [Side::Acceptor, Side::Initiator];

/// What an open engine says and tells to these bytes and to a GET behind them.
fn closes_with(side: Side, bytes: &[u8]) -> (Vec<String>, Vec<String>) {
    let mut bench = Bench::open(side);
    let get = bench.from_peer(Frame::binary(hex("0101aa")));
    bench.feed(&[bytes, &get].concat());
    let (said, told) = (bench.take_said(), bench.take_told());
    // The same with the reads of a slow stream.
    let mut slow = Bench::open(side);
    slow.read_size = 1;
    slow.feed(&[bytes, &get].concat());
    assert_eq!((slow.take_said(), slow.take_told()), (said.clone(), told.clone()));
    assert_eq!(bench.shut_down, Some((bench.now, bench.written())), "FIN in the same flush");
    (said, told)
}

/// A frame of the peer's with any first byte.
fn frame(side: Side, first: u8, payload: &[u8]) -> Vec<u8> {
    let frame = Frame::new(first, payload);
    if side == Side::Acceptor { frame.masked().bytes() } else { frame.bytes() }
}

fn key(side: Side) -> Option<[u8; 4]> {
    (side == Side::Acceptor).then_some(KEY)
}

// WS-14, WS-24, WS-26, WS-35, WS-40, T27
#[test]
fn a_broken_rule_of_framing_closes_1002_and_nothing_behind_it_counts() {
    for side in SIDES {
        let message = hex("00e1");
        let long = [0; 126];
        let mut cases = vec![
            ("RSV1", frame(side, 0xc2, &message)),
            ("RSV2", frame(side, 0xa2, &message)),
            ("RSV3", frame(side, 0x92, &message)),
            ("RSV1 of a control frame", frame(side, 0xc9, b"")),
            ("a Ping in pieces", frame(side, 0x09, b"")),
            ("a Close in pieces", frame(side, 0x08, b"")),
            ("a Ping of 126 bytes", frame(side, 0x89, &long)),
            ("a Close of 126 bytes", frame(side, 0x88, &long)),
            ("a continuation of nothing", frame(side, 0x80, &message)),
            ("interleaved", [frame(side, 0x02, &message), frame(side, 0x82, &message)].concat()),
            ("a Close of one byte", frame(side, 0x88, b"\x03")),
        ];
        for opcode in (3..=7).chain(11..=15) {
            cases.push(("a reserved opcode", frame(side, 0x80 | opcode, &message)));
        }
        for (name, bytes) in cases {
            let (said, told) = closes_with(side, &bytes);
            assert_eq!(said, ["close 1002"], "{name} to the {side:?}");
            assert_eq!(told, ["closed Violation(WebSocket { code: 1002 })"], "{name}");
        }
    }
}

// WS-27, T29
#[test]
fn a_length_in_a_longer_form_closes_1002() {
    for side in SIDES {
        let masked = if side == Side::Acceptor { 0x80 } else { 0 };
        for length in ["7e0002", "7e007d", "7f0000000000000002", "7f000000000000ffff"] {
            let mut length = hex(length);
            length[0] |= masked;
            let bytes = [&[0x82], &length[..], &KEY].concat();
            assert_eq!(closes_with(side, &bytes).0, ["close 1002"]);
        }
        let top_bit = header(0x82, key(side), 1 << 63);
        assert_eq!(closes_with(side, &top_bit).0, ["close 1002"]);
    }
}

// WS-18, WS-19, T28
#[test]
fn masks_are_for_clients_only() {
    let unmasked = Frame::binary(hex("00e1"));
    let masked = unmasked.clone().masked();
    assert_eq!(closes_with(Side::Acceptor, &unmasked.bytes()).0, ["close 1002"]);
    assert_eq!(closes_with(Side::Initiator, &masked.bytes()).0, ["close 1002"]);
    // What we write is judged with each frame, see `check_stream`.
    for side in SIDES {
        let mut bench = Bench::open(side);
        bench.get("a");
        bench.peer(Frame::binary(hex("01e242")));
        assert_eq!(bench.said.len(), 2);
        assert!(bench.said.iter().all(|frame| frame.key.is_some() == (side == Side::Initiator)));
    }
}

// WS-21, WS-34, WS-41, T26
#[test]
fn a_text_message_is_aborted_and_closes_1003() {
    for side in SIDES {
        let aborted = ["abort", "close 1003"];
        assert_eq!(closes_with(side, &frame(side, 0x81, b"hi")).0, aborted);
        assert_eq!(closes_with(side, &frame(side, 0x81, b"")).0, aborted);
        let pieces = [frame(side, 0x01, b"h"), frame(side, 0x80, b"i")].concat();
        assert_eq!(closes_with(side, &pieces).0, aborted);
        // Neither CoAP nor text (RFC 6455 §8.1).
        assert_eq!(closes_with(side, &frame(side, 0x81, b"\xff")).0, ["close 1007"]);
    }
}

// WS-37, FMT-25, ABT-02, ABT-08, T23
#[test]
fn a_message_without_a_header_is_aborted_and_closes_1002() {
    for side in SIDES {
        for message in ["", "00", "1001", "0901", "0001ff"] {
            let (said, told) = closes_with(side, &frame(side, 0x82, &hex(message)));
            assert_eq!(said, ["abort", "close 1002"], "{message}");
            assert!(told.len() == 1 && told[0].contains("Format"), "{told:?}");
        }
        let mut bench = Bench::open(side);
        bench.peer(Frame::binary(b""));
        let abort = &bench.said[0].payload;
        assert!(abort.starts_with(&hex("00e5ff")) && abort.len() > 3, "{abort:?}");
    }
}

// WS-23, WS-24, WS-29
#[test]
fn fragments_are_one_message_and_a_ping_between_them_is_answered_first() {
    for side in SIDES {
        let request = hex("0101aa");
        let pieces: Vec<u8> = [
            frame(side, 0x02, &request[..1]),
            frame(side, 0x89, b"hi"),
            frame(side, 0x00, b""),
            frame(side, 0x00, &request[1..2]),
            frame(side, 0x8a, b"not asked for"),
            frame(side, 0x80, &request[2..]),
        ]
        .concat();
        for read_size in 1..=pieces.len() {
            let mut bench = Bench::open(side);
            bench.read_size = read_size;
            bench.feed(&pieces);
            assert_eq!(bench.take_told(), ["request 0101aa"]);
            assert_eq!(bench.take_said(), ["pong 6869", "0145aaff6f6b"]);
        }
    }
}

// WS-29
#[test]
fn a_pong_echoes_up_to_125_bytes() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        for length in [0, 1, 124, 125] {
            bench.peer(Frame::new(0x89, vec![7; length]));
            let pong = bench.said.pop().expect("a Pong");
            assert_eq!((pong.first, pong.payload), (0x8a, vec![7; length]));
        }
        assert_eq!(bench.take_told(), [""; 0]);
    }
}

// WS-20, WS-22, WS-25
#[test]
fn each_message_is_one_frame_whatever_its_size() {
    for side in SIDES {
        for size in [0, 1, 120, 121, 125, 126, 127, 32_000] {
            let mut bench = Bench::open(side);
            bench.answers = Answers::Ready(vec![b'x'; size]);
            bench.peer(Frame::binary(hex("0101aa")));
            bench.peer(Frame::binary(hex("0101ab")));
            assert_eq!(bench.said.len(), 2);
            assert!(bench.said.iter().all(|frame| frame.first == 0x82));
            assert!(bench.said.iter().all(|frame| frame.payload.ends_with(&vec![b'x'; size])));
        }
        let mut bench = Bench::open(side);
        let pings = [frame(side, 0x82, &hex("01e242")), frame(side, 0x82, &hex("01e243"))];
        bench.feed(&pings.concat());
        assert_eq!(bench.take_said(), ["01e342", "01e343"]);
    }
}

// WS-30, CSM-17, WS-34
#[test]
fn the_limit_holds_from_the_header_and_is_sharp() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        let mut message = hex("0101aaff");
        message.resize(66_048, b'x');
        bench.peer(Frame::binary(message));
        assert_eq!((bench.take_told().len(), bench.take_said().len()), (1, 1));
        for length in [66_049, 1 << 32, 1 << 60, (1 << 63) - 1] {
            let (said, told) = closes_with(side, &header(0x82, key(side), length));
            assert_eq!(said, ["abort", "close 1009"], "{length}");
            assert_eq!(told, ["closed Violation(TooLarge)"], "{length}");
        }
        // In pieces: each is small, the sum is not.
        let first = frame(side, 0x02, &[0; 60_000]);
        let pieces = [first, header(0x80, key(side), 6_049)].concat();
        assert_eq!(closes_with(side, &pieces).0, ["abort", "close 1009"]);
    }
}

// WS-28
#[test]
fn no_ping_and_no_pong_of_websocket_is_sent_unasked() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        for _ in 0..12 {
            // A peer that answers CoAP Pings lives on.
            bench.pass(Duration::from_secs(10));
            for frame in std::mem::take(&mut bench.said) {
                assert_eq!((frame.opcode(), frame.payload[1]), (2, 0xe2));
                let mut pong = frame.payload;
                pong[1] = 0xe3;
                bench.peer(Frame::binary(pong));
            }
        }
        assert!(!bench.engine().is_ending());
    }
}
