//! Time at an engine: what is late, what is not, and clocks that are odd, by the ids of the threats.

mod meter;

use coap_ws_core::{Instant, Side};
use coap_ws_driver::engine::{Engine, EngineConfig};
use coap_ws_tests::alloc::uncounted;
use coap_ws_tests::stream::handshake::status;
use coap_ws_tests::stream::{Answers, Bench, Frame, hex};
use meter::counted;
use std::time::Duration;

const SIDES: [Side; 2] = [Side::Acceptor, Side::Initiator];
const SECOND: Duration = Duration::from_secs(1);

/// An engine whose heap is counted, before the opening handshake.
fn weighed(side: Side) -> Bench {
    Bench::with(EngineConfig::new(side), counted)
}

fn get_of(bench: &Bench) -> Vec<u8> {
    bench.from_peer(Frame::binary(hex("0101aa")))
}

// T01
#[test]
fn t01_silence_before_the_handshake_ends_at_its_timeout() {
    for side in SIDES {
        let mut bench = weighed(side);
        let opened_at = bench.now;
        bench.run();
        assert!(bench.watch.heap.peak < 4096, "{:?}", bench.watch.heap);
        bench.pass(Duration::from_millis(9_999));
        assert_eq!(bench.take_told(), [""; 0]);
        bench.pass(SECOND);
        let told = bench.take_told();
        assert!(told.len() == 1 && told[0].starts_with("opening failed"), "{told:?}");
        bench.pass(10 * SECOND);
        let ended_at = opened_at.saturating_add(12 * SECOND);
        assert_eq!(bench.done, Some(ended_at), "10 s, and 2 s in which to read the answer");
        if side == Side::Acceptor {
            assert_eq!(status(&bench.watch.head), 408);
        }
    }
}

// T02
#[test]
fn t02_no_byte_prolongs_the_handshake() {
    for side in SIDES {
        let mut bench = Bench::raw(side);
        bench.run();
        let head = bench.greeting();
        for byte in &head[..9] {
            bench.feed(&[*byte]);
            bench.pass(SECOND);
        }
        assert_eq!(bench.take_told(), [""; 0]);
        bench.feed(&head[9..10]);
        bench.pass(SECOND);
        assert!(bench.take_told()[0].starts_with("opening failed"));
        bench.feed(&head[10..]);
        assert_eq!(bench.take_told(), [""; 0]);
    }
}

// T22
#[test]
fn t22_half_a_message_and_then_silence() {
    for side in SIDES {
        let whole = |bench: &Bench| bench.from_peer(Frame::binary(vec![0; 200]));
        let cuts = [1, 3, 20, 150];
        for cut in cuts {
            let mut bench = Bench::open(side);
            let message = whole(&bench);
            bench.feed(&message[..cut]);
            // A byte now and then does not prolong it, nor does a Ping in between.
            for byte in &message[cut..cut + 2] {
                bench.pass(14 * SECOND);
                bench.feed(&[*byte]);
            }
            assert!(!bench.engine().is_ending());
            bench.said.clear();
            bench.pass(2 * SECOND);
            assert_eq!(bench.take_said(), ["abort", "close 1008"]);
            assert_eq!(bench.take_told(), ["closed Violation(MessageLate)"]);
        }
        // Fragments likewise, with control frames between them.
        let mut bench = Bench::open(side);
        bench.peer(Frame::new(0x02, hex("01")));
        for _ in 0..2 {
            bench.pass(14 * SECOND);
            bench.peer(Frame::new(0x89, b"hi"));
        }
        bench.said.clear();
        bench.pass(3 * SECOND);
        assert_eq!(bench.take_said(), ["abort", "close 1008"]);
        // One that is finished in time starts no clock for the next.
        let mut bench = Bench::open(side);
        for _ in 0..4 {
            let message = bench.from_peer(Frame::binary(hex("01e242")));
            bench.feed(&message[..3]);
            bench.pass(10 * SECOND);
            bench.feed(&message[3..]);
        }
        assert!(!bench.engine().is_ending());
    }
}

// T22, T53
#[test]
fn t22_a_message_that_we_did_not_read_is_not_late() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        bench.write_size = 0;
        bench.answers = Answers::Ready(vec![b'x'; 30_000]);
        let first = bench.from_peer(Frame::new(0x02, hex("0101")));
        let last = bench.from_peer(Frame::new(0x80, hex("aa")));
        bench.feed(&[first, last].concat().repeat(40));
        assert!(!bench.interest().read);
        // The peer reads, slowly.
        for _ in 0..10 {
            bench.pass(10 * SECOND);
            let now = bench.now;
            bench.watch.write(now, 10);
        }
        assert!(!bench.engine().is_ending(), "{:?}", bench.told);
    }
}

// T22, T53
#[test]
fn t22_the_clock_of_a_message_goes_on_when_we_read_again() {
    // An initiator would give the silent peer up before, by its keepalive.
    let mut bench = Bench::open(Side::Acceptor);
    bench.answers = Answers::Hold;
    bench.feed(&get_of(&bench).repeat(20));
    bench.peer(Frame::new(0x02, hex("0101")));
    bench.write_size = 0;
    while bench.engine().has_room() && bench.answer(&[b'x'; 30_000]) {}
    // It is due while our own output keeps us from reading.
    for _ in 0..4 {
        bench.pass(10 * SECOND);
        let now = bench.now;
        bench.watch.write(now, 10);
    }
    assert!(!bench.engine().is_ending());
    bench.write_size = usize::MAX;
    bench.run();
    assert!(bench.interest().read);
    bench.pass(40 * SECOND);
    assert!(bench.told.contains(&"closed Violation(MessageLate)".into()), "{:?}", bench.told);
}

// WS-45, ABT-09, T53
#[test]
fn t53_last_words_get_as_long_as_some_of_them_leave_but_not_for_ever() {
    for side in SIDES {
        for (write_size, whole) in [(1_000, true), (100, false)] {
            let mut bench = Bench::open(side);
            bench.answers = Answers::Ready(vec![b'x'; 15_000]);
            bench.write_size = 0;
            bench.feed(&get_of(&bench));
            bench.peer(Frame::close(1000));
            let closed_at = bench.now;
            while bench.done.is_none() && bench.now < closed_at.saturating_add(60 * SECOND) {
                bench.pass(SECOND);
                let (now, known) = (bench.now, bench.watch.frames.len());
                bench.watch.write(now, write_size);
                bench.said.extend_from_slice(&bench.watch.frames[known..]);
            }
            let words = bench.take_said();
            assert_eq!(words.iter().any(|word| word == "close 1000"), whole, "{words:?}");
            let limit = closed_at.saturating_add(31 * SECOND);
            assert!(bench.done.is_some_and(|done| done <= limit), "{:?}", bench.done);
        }
    }
}

// T25, T53
#[test]
fn t25_t53_a_ping_after_long_silence_is_no_stall() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        bench.pass(20 * SECOND);
        bench.pass(20 * SECOND);
        let (now, ping) = (bench.now, bench.from_peer(Frame::new(0x89, b"hi")));
        bench.watch.handle_bytes(now, &ping);
        assert!(bench.watch.call(Engine::poll_event).is_none());
        // The timer comes before the transport does.
        bench.watch.handle_timeout(now);
        bench.run();
        assert!(bench.take_said().contains(&"pong 6869".into()));
    }
}

// T89
#[test]
fn t89_a_clock_that_leaps_or_goes_back_makes_no_storm() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        bench.pass(10 * SECOND);
        let now = bench.now;
        // Back to the epoch: as if no time had passed.
        bench.now = Instant::ZERO;
        bench.tick();
        bench.feed(&get_of(&bench));
        assert_eq!(bench.take_said(), ["0145aaff6f6b"]);
        // A year on: one call does everything that was due.
        bench.now = now.saturating_add(365 * 86_400 * SECOND);
        bench.tick();
        bench.feed(&get_of(&bench));
        assert!(!bench.engine().is_ending() || side == Side::Initiator);
    }
}

// T90
#[test]
fn t90_the_end_of_time_and_endless_durations_are_no_panic() {
    for side in SIDES {
        let mut config = EngineConfig::new(side);
        config.handshake_timeout = Duration::MAX;
        config.message_timeout = Duration::MAX;
        config.write_stall_timeout = Duration::MAX;
        config.linger_timeout = Duration::MAX;
        config.drain_after_fin = Duration::MAX;
        config.connection.csm_timeout = Duration::MAX;
        config.connection.request_timeout = Duration::MAX;
        config.connection.close_timeout = Duration::MAX;
        config.connection.keepalive_interval = Some(Duration::MAX);
        for start in [0, 1 << 40, u64::MAX - 1, u64::MAX] {
            let mut bench = Bench::with(config.clone(), uncounted);
            bench.now = Instant::from_micros(start);
            bench.shake();
            bench.peer(Frame::binary(hex("00e122048020")));
            bench.feed(&get_of(&bench));
            bench.get("a");
            bench.tick();
            bench.now = Instant::FAR_FUTURE;
            bench.tick();
            bench.peer(Frame::binary(hex("1001")));
            bench.tick();
            bench.fin();
            assert!(bench.done.is_some());
        }
    }
}
