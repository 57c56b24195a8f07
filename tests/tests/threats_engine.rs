//! Threats to an engine before the connection is up and at the frames, by their ids.

mod meter;

use coap_ws_core::Side;
use coap_ws_driver::engine::EngineConfig;
use coap_ws_tests::alloc::Held;
use coap_ws_tests::stream::frame::header;
use coap_ws_tests::stream::handshake::{REQUEST, answer, head_end, status};
use coap_ws_tests::stream::{Answers, Bench, Frame, KEY, hex};
use meter::counted;
use std::collections::BTreeSet;
use std::time::Duration;

const SIDES: [Side; 2] = [Side::Acceptor, Side::Initiator];
const SECOND: Duration = Duration::from_secs(1);

/// An engine whose heap is counted, before the opening handshake.
fn weighed(side: Side) -> Bench {
    Bench::with(EngineConfig::new(side), counted)
}

fn key(side: Side) -> Option<[u8; 4]> {
    (side == Side::Acceptor).then_some(KEY)
}

/// What is held, with the peak since now.
fn heap_from_now(bench: &mut Bench) -> Held {
    bench.watch.heap.peak = bench.watch.heap.bytes;
    bench.watch.heap
}

// T04
#[test]
fn t04_an_endless_head_is_refused_at_the_limit() {
    for size in [100_000, 20_000_000] {
        let mut bench = weighed(Side::Acceptor);
        let mut head = b"GET /.well-known/coap HTTP/1.1\r\nCookie: ".to_vec();
        head.resize(size, b'x');
        bench.feed(&head);
        assert_eq!(status(&bench.watch.head), 431);
        let read = bench.watch.read;
        assert!(read <= (16 + 16 + 64 + 16) * 1024, "{read} bytes were read");
        assert!(bench.watch.heap.peak < 64 * 1024, "{:?}", bench.watch.heap);
    }
}

// T05
#[test]
fn t05_too_many_lines_are_refused() {
    let lines = "X-A: b\r\n".repeat(2_000);
    let head = REQUEST.replace("Upgrade: websocket", &format!("{lines}Upgrade: websocket"));
    let mut bench = weighed(Side::Acceptor);
    bench.feed(head.as_bytes());
    assert_eq!(status(&bench.watch.head), 431);
}

// T06
#[test]
fn t06_a_slow_honest_handshake_succeeds() {
    for side in SIDES {
        let mut bench = Bench::raw(side);
        bench.write_size = 1;
        bench.read_size = 1;
        bench.shake();
        assert_eq!(bench.take_told(), ["opened"]);
        assert_eq!(bench.take_said(), ["csm"]);
    }
}

// T14
#[test]
fn t14_coap_is_chosen_of_a_list_and_asked_for_otherwise() {
    for (offer, expected) in
        [("mqtt, coap", 101), ("coap", 101), ("mqtt", 400), ("", 400), ("Coap", 400)]
    {
        let mut bench = Bench::raw(Side::Acceptor);
        bench.feed(REQUEST.replace("Protocol: coap", &format!("Protocol: {offer}")).as_bytes());
        assert_eq!(status(&bench.watch.head), expected, "{offer}");
    }
}

// T15
#[test]
fn t15_forms_that_smuggle_are_refused_and_token_lists_are_read() {
    let line = "Connection: Upgrade\r\n";
    for instead in [
        "Connection: keep-alive, X, Upgrade\r\n",
        "CONNECTION: uPGRADE\r\n",
        "Connection: keep-alive\r\nConnection: upgrade\r\n",
    ] {
        let mut bench = Bench::raw(Side::Acceptor);
        bench.feed(REQUEST.replace(line, instead).as_bytes());
        assert_eq!(status(&bench.watch.head), 101, "{instead}");
    }
    for instead in [
        "Connection: Upgrade\n",
        "Connection: Upgrade\r\n folded\r\n",
        "Connection: Upgrade\r\nTransfer-Encoding: chunked\r\n",
        "Connection: Upgrade\r\nContent-Length: 5\r\n",
        "Connection: Upgrade\r\nHost: evil\r\n",
        "Connection : Upgrade\r\n",
        "Connection: Upgrade\r\n\0: x\r\n",
        "Connection: Upgrade\r\nno colon\r\n",
    ] {
        let mut bench = Bench::raw(Side::Acceptor);
        bench.feed(REQUEST.replace(line, instead).as_bytes());
        assert_eq!(status(&bench.watch.head), 400, "{instead}");
        assert!(bench.engine().connection().is_none());
    }
}

// T16
#[test]
fn t16_a_body_of_a_gibibyte_is_not_read() {
    let mut bench = weighed(Side::Initiator);
    bench.run();
    let head = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 1073741824\r\n\r\n";
    let mut bytes = head.to_vec();
    bytes.resize(10_000_000, b'x');
    bench.feed(&bytes);
    assert!(bench.take_told()[0].contains("401"));
    assert!(bench.watch.read <= (16 + 64 + 16) * 1024, "{}", bench.watch.read);
    assert!(bench.watch.heap.peak < 64 * 1024, "{:?}", bench.watch.heap);
    // A redirect is told and not followed.
    let mut bench = Bench::raw(Side::Initiator);
    bench.run();
    bench.feed(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: ws://other/\r\n\r\n");
    assert!(bench.take_told()[0].contains("ws://other/"));
    assert_eq!(bench.written(), bench.watch.head.len() as u64);
}

// T20
#[test]
fn t20_nothing_is_allocated_for_a_length_that_is_refused() {
    for side in SIDES {
        let costs = [66_049, 1 << 40, (1 << 63) - 1].map(|length| {
            let mut bench = weighed(side).opened();
            let before = heap_from_now(&mut bench);
            let header = header(0x82, key(side), length);
            let now = bench.now;
            bench.watch.handle_bytes(now, &header);
            bench.watch.call(|engine| engine.poll_event().map(drop));
            let judged = bench.watch.heap;
            bench.run();
            assert_eq!(bench.take_said(), ["abort", "close 1009"]);
            (judged.peak - before.bytes, judged.allocations - before.allocations)
        });
        // What the Abort and the Close need, and nothing for the message.
        assert!(costs[0].0 < 2048, "{costs:?}");
        assert!(costs.iter().all(|cost| *cost == costs[0]), "{costs:?}");
    }
}

// T21
#[test]
fn t21_endless_fragments_are_cut() {
    for side in SIDES {
        for size in [0, 1, 258] {
            let mut bench = weighed(side).opened();
            let before = heap_from_now(&mut bench);
            let first = bench.from_peer(Frame::new(0x02, vec![0; size]));
            let next = bench.from_peer(Frame::new(0x00, vec![0; size]));
            let pieces = [first, next.repeat(255)].concat();
            bench.feed(&pieces);
            assert_eq!(bench.take_said(), [""; 0], "256 are allowed");
            let held = bench.watch.heap.bytes - before.bytes;
            // One contiguous buffer, which doubles, and the buffers of one read.
            let most = 2 * 256 * size as i64 + 34 * 1024;
            assert!(held <= most, "{held} bytes are held for {}", 256 * size);
            bench.feed(&next.repeat(10_000));
            assert_eq!(bench.take_said(), ["close 1008"]);
            let peak = bench.watch.heap.peak - before.bytes;
            assert!(peak <= most + 128 * 1024, "{peak} bytes were held");
        }
    }
}

// T24
#[test]
fn t24_a_flood_of_empty_messages_is_ignored_up_to_a_point() {
    for side in SIDES {
        let mut bench = weighed(side).opened();
        let empty = bench.from_peer(Frame::binary(hex("0000")));
        bench.feed(&empty.repeat(200));
        assert_eq!((bench.take_said(), bench.take_told()), (vec![], vec![]));
        bench.feed(&empty.repeat(10));
        assert_eq!(bench.take_said(), ["abort", "close 1008"]);
        // At a rate that is a keepalive it may go on for ever.
        let mut bench = Bench::open(Side::Acceptor);
        for _ in 0..500 {
            bench.peer(Frame::binary(hex("0000")));
            bench.pass(Duration::from_millis(20));
        }
        assert!(!bench.engine().is_ending());
    }
}

// T25
#[test]
fn t25_a_flood_of_pings_is_answered_up_to_a_point_and_costs_nothing() {
    for side in SIDES {
        let mut bench = weighed(side).opened();
        let ping = bench.from_peer(Frame::new(0x89, vec![b'x'; 125]));
        let before = heap_from_now(&mut bench);
        bench.feed(&ping.repeat(64));
        assert_eq!(bench.take_said().len(), 64);
        bench.feed(&ping.repeat(100_000));
        assert_eq!(bench.take_said().last().map(String::as_str), Some("close 1008"));
        let told = bench.take_told();
        assert_eq!(told, ["closed Violation(Flood(Control))"]);
        let peak = bench.watch.heap.peak - before.bytes;
        assert!(peak < 40 * 1024, "{peak} bytes for a flood");

        // The Pongs are not read: the buffer is constant, and a stall ends it.
        let mut bench = weighed(side).opened();
        bench.write_size = 0;
        bench.feed(&ping.repeat(8));
        let before = heap_from_now(&mut bench);
        for _ in 0..28 {
            bench.feed(&ping.repeat(19));
            bench.pass(SECOND);
        }
        let peak = bench.watch.heap.peak - before.bytes;
        assert!(peak < 40 * 1024, "{peak} bytes for a flood");
        assert!(!bench.coming.is_empty(), "it is not read for ever");
        bench.pass(3 * SECOND);
        assert_eq!(bench.take_told(), ["closed WriteStall"]);

        // One a second, as some peers do, is no flood.
        let mut bench = Bench::open(Side::Acceptor);
        for _ in 0..300 {
            bench.peer(Frame::new(0x89, b"hi"));
            bench.pass(SECOND);
        }
        assert!(!bench.engine().is_ending());
    }
}

// T30
#[test]
fn t30_compression_is_neither_taken_nor_understood() {
    let mut bench = Bench::raw(Side::Acceptor);
    let offer = "Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context";
    bench.feed(REQUEST.replace("Version: 13", offer).as_bytes());
    let head = String::from_utf8(bench.watch.head.clone()).expect("text");
    assert!(status(head.as_bytes()) == 101 && !head.contains("xtensions"), "{head}");
    bench.peer(Frame::new(0xc2, hex("00e1")));
    assert_eq!(bench.take_said(), ["csm", "close 1002"]);
    let mut bench = Bench::raw(Side::Initiator);
    bench.run();
    let mut answer = answer(&bench.watch.head);
    let end = head_end(&answer).expect("a head") - 2;
    answer.splice(end..end, *b"Sec-WebSocket-Extensions: permessage-deflate\r\n");
    bench.feed(&answer);
    assert!(bench.take_told()[0].contains("Extension"));
}

// T31
#[test]
fn t31_after_a_close_nothing_happens_any_more() {
    for side in SIDES {
        for first in [1000, 1005] {
            let mut bench = Bench::open(side);
            bench.answers = Answers::Hold;
            let frames = [
                Frame::close(first),
                Frame::binary(hex("0101aa")),
                Frame::close(1000),
                Frame::new(0x88, b""),
                Frame::new(0x89, b"hi"),
                Frame::new(0x81, b"hi"),
                Frame::new(0xff, b"hi"),
            ];
            let bytes: Vec<u8> = frames.into_iter().flat_map(|f| bench.from_peer(f)).collect();
            bench.feed(&bytes);
            assert_eq!((bench.take_said().len(), bench.take_told().len()), (1, 1));
        }
    }
}

// T33
#[test]
fn t33_masks_cannot_be_foretold() {
    let mut keys = Vec::new();
    for _ in 0..16 {
        let mut bench = Bench::open(Side::Initiator);
        for _ in 0..256 {
            let get = bench.get("a");
            let token = hex(&format!("{get:04x}"));
            bench.peer(Frame::binary([&hex("0245")[..], &token].concat()));
        }
        keys.extend(bench.said.iter().map(|frame| frame.key.expect("a mask")));
    }
    assert_eq!(keys.len(), 4096);
    let different: BTreeSet<[u8; 4]> = keys.iter().copied().collect();
    assert!(different.len() > 4090, "masks are repeated");
    // Chi-square with 255 degrees of freedom; above 400 once in ten million runs.
    let mut bins = [0_i64; 256];
    keys.iter().flatten().for_each(|byte| bins[usize::from(*byte)] += 1);
    let square: i64 = bins.iter().map(|count| (count - 64) * (count - 64)).sum();
    assert!(square / 64 < 400, "the bytes of masks are not even: {}", square / 64);
}

// T34
#[test]
fn t34_after_a_fatal_error_no_byte_changes_anything() {
    for side in SIDES {
        for (first, payload) in [(0x82, "1001"), (0xc2, "00e1"), (0x81, "ff"), (0x88, "03e8ff")] {
            let mut bench = weighed(side).opened();
            bench.peer(Frame::new(first, hex(payload)));
            bench.take_said();
            bench.take_told();
            let before = heap_from_now(&mut bench);
            let valid = bench.from_peer(Frame::binary(hex("0101aa")));
            bench.feed(&valid.repeat(1 << 20 >> 3));
            assert_eq!((bench.take_said(), bench.take_told()), (vec![], vec![]));
            assert_eq!(bench.watch.heap.peak, before.bytes, "nothing is kept");
            assert!(bench.watch.served.is_empty());
        }
    }
}

// T53
#[test]
fn t53_a_peer_that_does_not_read_is_not_read_either_and_then_given_up() {
    for side in SIDES {
        let mut bench = weighed(side).opened();
        bench.write_size = 0;
        let ping = bench.from_peer(Frame::binary(hex("08e20102030405060708")));
        bench.feed(&ping.repeat(200_000));
        assert!(!bench.coming.is_empty() && !bench.interest().read);
        let peak = bench.watch.heap.peak;
        assert!(peak < 512 * 1024, "{peak} bytes for a flood");
        bench.pass(29 * SECOND);
        assert_eq!(bench.take_told(), [""; 0]);
        bench.pass(2 * SECOND);
        assert_eq!(bench.take_told(), ["closed WriteStall"]);
        assert!(bench.done.is_some());
        let held = bench.watch.heap.bytes;
        assert!(held < 4096, "{held} bytes are held of what is over");
        println!("{side:?}: at most {peak} bytes for a flood of Pings that does not read");
    }
}
