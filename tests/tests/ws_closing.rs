//! How connections end at the level of bytes (RFC 6455 §7, RFC 8323 §5.5 and §5.6).

use coap_ws_core::{ReleaseOptions, Side};
use coap_ws_tests::stream::{Answers, Bench, Frame, hex};
use std::time::Duration;

const SIDES: [Side; 2] = [Side::Acceptor, Side::Initiator];
const SECOND: Duration = Duration::from_secs(1);

fn release(bench: &mut Bench) {
    let now = bench.now;
    bench.call(|engine| engine.release(now, ReleaseOptions::default())).expect("a Release");
    bench.run();
}

fn abort(bench: &mut Bench, diagnostic: &str) {
    let now = bench.now;
    bench.call(|engine| engine.abort(now, diagnostic));
}

/// Whether the writing side was shut down now, behind everything written.
#[track_caller]
fn shut_down_now(bench: &Bench) {
    assert_eq!(bench.shut_down, Some((bench.now, bench.written())));
}

// WS-31, WS-32, WS-34, REL-17
#[test]
fn a_close_is_answered_once_and_a_server_ends_at_once() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        bench.peer(Frame::close(1000));
        assert_eq!(bench.take_said(), ["close 1000"]);
        assert_eq!(bench.take_told(), ["closed ClosedByPeer(1000)"]);
        match side {
            Side::Acceptor => shut_down_now(&bench),
            // The server holds TIME_WAIT: the client waits for its end, but not for ever.
            Side::Initiator => assert_eq!(bench.shut_down, None),
        }
        // A second Close, data, anything: dropped (T31).
        bench.peer(Frame::close(1001));
        bench.peer(Frame::binary(hex("0101aa")));
        bench.peer(Frame::new(0x89, b"hi"));
        assert_eq!((bench.take_said(), bench.take_told()), (vec![], vec![]));
        assert_eq!(bench.done, None);
        let ended_at = bench.now;
        if side == Side::Acceptor {
            bench.fin();
            assert_eq!(bench.done, Some(ended_at));
        } else {
            bench.pass(3 * SECOND);
            assert_eq!(bench.done, Some(ended_at.saturating_add(2 * SECOND)));
        }
    }
}

// WS-31, WS-33, WS-34, WS-46
#[test]
fn codes_are_echoed_or_refused() {
    for side in SIDES {
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 3000, 4999] {
            let mut bench = Bench::open(side);
            bench.peer(Frame::close(code));
            assert_eq!(bench.take_said(), [format!("close {code}")]);
            assert_eq!(bench.take_told(), [format!("closed ClosedByPeer({code})")]);
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            let mut bench = Bench::open(side);
            bench.peer(Frame::close(code));
            assert_eq!(bench.take_said(), ["close 1002"], "{code}");
            assert!(bench.take_told()[0].starts_with("closed"));
        }
        let mut bench = Bench::open(side);
        bench.peer(Frame::new(0x88, b""));
        assert_eq!(bench.take_said(), ["close"]);
        assert_eq!(bench.take_told(), ["closed ClosedByPeer(1005)"]);
    }
}

// WS-33, WS-41, T27
#[test]
fn a_reason_that_is_no_text_is_refused() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        bench.peer(Frame::new(0x88, hex("03e8ff")));
        assert_eq!(bench.take_said(), ["close 1007"]);
        let mut bench = Bench::open(side);
        let reason = [&hex("03e8")[..], "ä".repeat(61).as_bytes()].concat();
        bench.peer(Frame::new(0x88, reason));
        assert_eq!(bench.take_said(), ["close 1000"]);
    }
}

// REL-17, PING-14
#[test]
fn a_close_does_not_wait_for_handlers_and_fails_what_waits() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        bench.answers = Answers::Hold;
        let exchange = bench.get("slow");
        bench.peer(Frame::binary(hex("0101aa")));
        bench.take_said();
        bench.take_told();
        bench.peer(Frame::close(1001));
        assert_eq!(bench.take_said(), ["close 1001"]);
        let failed = format!("failed {exchange} Maybe Closed(ClosedByPeer(1001))");
        assert_eq!(bench.take_told(), [&failed, "closed ClosedByPeer(1001)"]);
    }
}

// REL-17, WS-31
#[test]
fn what_was_answered_before_the_close_still_leaves() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        let get = bench.from_peer(Frame::binary(hex("0101aa")));
        let close = bench.from_peer(Frame::close(1000));
        bench.feed(&[get, close].concat());
        assert_eq!(bench.take_said(), ["0145aaff6f6b", "close 1000"]);
    }
}

// REL-01, REL-02, REL-07, WS-31, WS-34
#[test]
fn our_release_leaves_the_close_to_the_peer_but_not_for_ever() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        release(&mut bench);
        assert_eq!(bench.take_said(), ["release"]);
        bench.pass(34 * SECOND);
        for keepalive in std::mem::take(&mut bench.said) {
            bench.peer(Frame::binary([&[1, 0xe3], &keepalive.payload[2..3]].concat()));
        }
        assert!(!bench.engine().is_ending());
        let mut patient = bench;
        patient.peer(Frame::close(1000));
        assert_eq!(patient.take_said(), ["close 1000"]);
        assert_eq!(patient.take_told(), ["closed Released"]);

        let mut bench = Bench::open(side);
        release(&mut bench);
        bench.pass(36 * SECOND);
        assert_eq!(bench.said.last().map(Frame::words).as_deref(), Some("close 1001"));
        // The answer is awaited, and nothing else is heard meanwhile.
        assert_eq!((bench.shut_down, bench.done), (None, None));
        bench.said.clear();
        bench.peer(Frame::binary(hex("0101aa")));
        bench.peer(Frame::new(0x89, b"hi"));
        bench.peer(Frame::close(1000));
        assert_eq!(
            (bench.take_said(), bench.take_told()),
            (vec![], vec!["closed Released".into()])
        );
        bench.fin();
        assert!(bench.done.is_some());
    }
}

// REL-02, REL-03, REL-06, REL-15, WS-32
#[test]
fn a_release_is_answered_with_a_close_when_requests_are() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        bench.answers = Answers::Hold;
        bench.peer(Frame::binary(hex("0101aa")));
        bench.peer(Frame::binary(hex("00e4")));
        assert_eq!(bench.take_told(), ["request 0101aa", "release"]);
        bench.pass(5 * SECOND);
        assert_eq!(bench.take_said(), [""; 0]);
        assert!(bench.answer(b"late"));
        bench.run();
        assert_eq!(bench.take_said(), ["0145aaff6c617465", "close 1000"]);
        assert_eq!((bench.shut_down, bench.take_told()), (None, vec![]));
        bench.peer(Frame::close(1000));
        assert_eq!(bench.take_told(), ["closed Released"]);
        match side {
            Side::Acceptor => shut_down_now(&bench),
            Side::Initiator => assert_eq!(bench.shut_down, None),
        }
        bench.fin();
        assert_eq!(bench.done, Some(bench.now));
        assert_eq!(bench.engine().poll_timeout(), None);
    }
}

// REL-02, WS-31, WS-35
#[test]
fn a_close_that_nobody_answers_is_given_up() {
    for side in SIDES {
        for after in [vec![], Frame::new(0xc2, b"garbage").masked().bytes()] {
            let mut bench = Bench::open(side);
            bench.peer(Frame::binary(hex("00e4")));
            assert_eq!(bench.take_said(), ["close 1000"]);
            bench.feed(&after);
            let closed_at = bench.now;
            bench.pass(60 * SECOND);
            assert_eq!(bench.take_told(), ["release", "closed Released"]);
            let limit = closed_at.saturating_add(5 * SECOND);
            assert!(bench.done.is_some_and(|done| done <= limit), "{:?}", bench.done);
            assert!(!bench.interest().write && bench.engine().poll_timeout().is_none());
        }
    }
}

// WS-31, WS-35
#[test]
fn our_close_leaves_though_garbage_answers_it() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        bench.write_size = 0;
        bench.peer(Frame::binary(hex("00e4")));
        bench.feed(&hex("f0f0f0f0"));
        bench.write_size = usize::MAX;
        bench.run();
        assert_eq!(bench.take_said(), ["close 1000"]);
    }
}

// REL-16
#[test]
fn both_may_release_at_once() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        release(&mut bench);
        bench.peer(Frame::binary(hex("00e4")));
        assert_eq!(bench.take_said(), ["release", "close 1000"]);
        bench.peer(Frame::close(1000));
        assert_eq!(bench.take_told(), ["release", "closed Released"]);
    }
}

// ABT-01, ABT-02, ABT-03, ABT-08, WS-34, WS-35
#[test]
fn an_abort_close_and_fin_are_one_flush_and_nothing_behind_counts() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        bench.answers = Answers::Hold;
        bench.peer(Frame::binary(hex("0101aa")));
        let bad = bench.from_peer(Frame::binary(hex("1001")));
        let ping = bench.from_peer(Frame::new(0x89, b"hi"));
        let get = bench.from_peer(Frame::binary(hex("0101ab")));
        let close = bench.from_peer(Frame::close(1000));
        bench.take_told();
        let stream = [bad, ping, get, close].concat();
        bench.feed(&stream);
        assert_eq!(bench.take_said(), ["abort", "close 1002"], "{side:?}");
        let told = bench.take_told();
        assert!(told.len() == 1 && told[0].starts_with("closed Violation(Format"), "{told:?}");
        shut_down_now(&bench);

        let mut bench = Bench::open(side);
        abort(&mut bench, "enough");
        bench.run();
        assert!(bench.said[0].payload.ends_with(b"enough"));
        assert_eq!(bench.take_said(), ["abort", "close 1002"]);
        assert_eq!(bench.take_told(), ["closed Aborted"]);
        shut_down_now(&bench);
    }
}

// ABT-04, ABT-10, CSM-10
#[test]
fn an_abort_is_answered_with_a_close_alone() {
    for side in SIDES {
        for abort in ["00e5ff627965", "00e510", "00e5"] {
            let mut bench = Bench::open(side);
            let exchange = bench.get("slow");
            bench.take_said();
            let bytes = [Frame::binary(hex(abort)), Frame::close(1002)];
            let bytes: Vec<u8> = bytes.into_iter().flat_map(|f| bench.from_peer(f)).collect();
            bench.feed(&bytes);
            assert_eq!(bench.take_said(), ["close 1000"]);
            let told = bench.take_told();
            assert!(told[0].starts_with("abort"), "{told:?}");
            let failed = format!("failed {exchange} Maybe Closed(AbortedByPeer)");
            assert_eq!(told[1..], [&failed, "closed AbortedByPeer"]);
            shut_down_now(&bench);
        }
        let mut first = Bench::raw(side);
        first.shake();
        first.peer(Frame::binary(hex("00e5ff627965")));
        assert_eq!(first.take_told(), ["opened", "abort \"bye\"", "closed AbortedByPeer"]);
        assert_eq!(first.take_said(), ["csm", "close 1000"]);
    }
}

// WS-45, ABT-01, WS-40
#[test]
fn input_is_read_and_thrown_away_until_the_peer_ends_or_64_kib_or_2_s() {
    for side in SIDES {
        let bad = |flood: usize| {
            let mut bench = Bench::open(side);
            let mut bytes = bench.from_peer(Frame::binary(hex("1001")));
            bytes.resize(bytes.len() + flood, 0x42);
            bench.feed(&bytes);
            assert_eq!(bench.take_said(), ["abort", "close 1002"]);
            shut_down_now(&bench);
            bench
        };
        let mut quick = bad(60_000);
        assert_eq!((quick.done, quick.coming.len()), (None, 0));
        quick.fin();
        assert_eq!((quick.done, quick.engine().poll_timeout()), (Some(quick.now), None));

        let mut patient = bad(10);
        let limit = patient.now.saturating_add(2 * SECOND);
        patient.pass(SECOND);
        assert_eq!(patient.done, None);
        patient.pass(2 * SECOND);
        assert_eq!((patient.done, patient.engine().poll_timeout()), (Some(limit), None));

        let flood = bad(200_000);
        assert_eq!(flood.done, Some(flood.now));
        assert!(flood.coming.len() > 100_000, "it is not read for ever");
    }
}

// WS-45, ABT-09
#[test]
fn the_last_words_are_not_lost_to_a_flood() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        bench.write_size = 0;
        let mut bytes = bench.from_peer(Frame::binary(hex("1001")));
        bytes.resize(500_000, 0x42);
        bench.feed(&bytes);
        assert_eq!((bench.done, bench.shut_down), (None, None), "they are not written yet");
        bench.pass(SECOND);
        bench.write_size = usize::MAX;
        bench.run();
        assert_eq!(bench.take_said(), ["abort", "close 1002"]);
        assert!(bench.shut_down.is_some() && bench.done.is_some());

        // A peer that never reads is given up.
        let mut bench = Bench::open(side);
        bench.write_size = 0;
        bench.feed(&bytes);
        let limit = bench.now.saturating_add(2 * SECOND);
        bench.pass(10 * SECOND);
        assert_eq!(bench.done, Some(limit));
    }
}

// WS-43, WS-45
#[test]
fn a_refusal_survives_an_abort_of_the_application() {
    let mut bench = Bench::raw(Side::Acceptor);
    bench.write_size = 0;
    bench.feed(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    abort(&mut bench, "never mind");
    bench.write_size = usize::MAX;
    bench.run();
    assert!(bench.watch.head.starts_with(b"HTTP/1.1 4"), "{:?}", bench.watch.head);
    assert_eq!(bench.take_told().len(), 1);
}

// WS-31
#[test]
fn before_the_handshake_is_done_an_abort_ends_it() {
    for side in SIDES {
        let mut bench = Bench::raw(side);
        abort(&mut bench, "never mind");
        bench.run();
        assert_eq!(bench.take_told().len(), 1);
        assert!(bench.done.is_some() && bench.written() == 0);
    }
}
