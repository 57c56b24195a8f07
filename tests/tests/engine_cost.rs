//! What an engine costs: answers that are never refused, heap that is bounded, output in one
//! piece, and what it holds while nothing happens.

mod meter;

use coap_ws_core::message::Request;
use coap_ws_core::{Instant, Side};
use coap_ws_driver::engine::{Engine, EngineConfig};
use coap_ws_driver::policy::Policy;
use coap_ws_tests::stream::frame::read_all;
use coap_ws_tests::stream::handshake::REQUEST;
use coap_ws_tests::stream::pair::Pair;
use coap_ws_tests::stream::pipe::Manner;
use coap_ws_tests::stream::{Answers, Bench, Frame, hex};
use meter::counted;
use std::time::Duration;

/// A CSM of a peer that takes 1 MiB.
const GENEROUS: &str = "00e12310000020";

fn configs() -> [EngineConfig; 2] {
    [Side::Initiator, Side::Acceptor].map(EngineConfig::new)
}

/// A pair whose ends get these many requests to send; each end's answers have these many bytes.
fn asking(configs: [EngineConfig; 2], manner: Manner, counts: [usize; 2], size: usize) -> Pair {
    let mut pair = Pair::new(configs, [manner; 2], counted);
    for (end, count) in pair.ends.iter_mut().zip(counts) {
        end.wishes.extend((0..count).map(|n| n.to_string()));
        end.payload = vec![b'x'; size];
    }
    pair
}

/// How many 2.05 an end got; anything else is a failure.
fn contents(pair: &Pair, end: usize) -> usize {
    let told = pair.ends[end].told.iter().filter(|told| told.starts_with("response"));
    told.map(|told| {
        let code = told.rsplit(' ').next().and_then(|message| message.get(2..4));
        assert_eq!(code, Some("45"), "{told}");
    })
    .count()
}

// T61
#[test]
fn a_thousand_pipelined_requests_get_a_thousand_answers() {
    let mut configs = configs();
    configs[0].connection.limits.max_exchanges = 1_000;
    for size in [2, 4_000] {
        let mut pair = asking(configs.clone(), Manner::PLAIN, [1_000, 0], size);
        // All of them are on their way before the first is read.
        while pair.turn(0) || pair.ends[0].watch.frames.len() < 2 {
            pair.turn(1);
        }
        pair.settle();
        assert_eq!(contents(&pair, 0), 1_000);
        let stats = *pair.ends[1].watch.engine().connection().expect("open").stats();
        assert_eq!((stats.requests_received, stats.requests_refused), (1_000, 0));
    }
}

// T61, invariant 27
#[test]
fn large_answers_to_a_peer_that_does_not_read_are_given_one_by_one() {
    for side in [Side::Acceptor, Side::Initiator] {
        let mut bench = Bench::with(EngineConfig::new(side), counted);
        bench.answers = Answers::Hold;
        bench.shake();
        bench.peer(Frame::binary(hex(GENEROUS)));
        bench.write_size = 0;
        let get = bench.from_peer(Frame::binary(hex("0101aa")));
        bench.feed(&get.repeat(128));
        assert_eq!(bench.held.len(), 128);
        bench.watch.heap.peak = bench.watch.heap.bytes;
        let answer = vec![b'x'; 65_536];
        let mut given = 0;
        while bench.engine().has_room() && bench.answer(&answer) {
            given += 1;
            bench.run();
        }
        let peak = bench.watch.heap.peak;
        println!("{side:?}: {given} answers of 64 KiB, {peak} bytes of heap at most");
        assert!((4..8).contains(&given), "{given}");
        assert!(peak < 512 * 1024, "{peak} bytes of heap");
        // When it reads again, it gets them all.
        bench.answers = Answers::Ready(answer);
        bench.write_size = usize::MAX;
        bench.run();
        assert!(bench.held.is_empty());
        let answers = bench.said.iter().filter(|frame| frame.payload.len() > 65_536);
        assert_eq!(answers.count(), 128);
    }
}

// The mutual back-pressure rule
#[test]
fn output_that_leaves_is_enough_to_go_on_parsing() {
    for side in [Side::Acceptor, Side::Initiator] {
        let mut bench = Bench::with(EngineConfig::new(side), counted).opened();
        bench.answers = Answers::Ready(vec![b'x'; 30_000]);
        bench.write_size = 0;
        let get = bench.from_peer(Frame::binary(hex("0101aa")));
        let now = bench.now;
        bench.watch.handle_bytes(now, &get.repeat(200));
        bench.run();
        let parsed = bench.told.len();
        assert!(parsed < 20 && !bench.interest().read, "{parsed} were parsed");
        // No input any more, only output that leaves.
        bench.write_size = 1_000;
        bench.run();
        assert_eq!((bench.told.len(), bench.said.len()), (200, 200));
        assert!(bench.interest().read);
    }
}

// Invariant 27
#[test]
fn what_came_is_parsed_before_more_is_read() {
    for side in [Side::Acceptor, Side::Initiator] {
        // Within a message, too.
        for first in [Frame::new(0x02, hex("0101")), Frame::new(0x89, b"hi")] {
            let mut bench = Bench::with(EngineConfig::new(side), counted).opened();
            bench.peer(first);
            let pings = bench.from_peer(Frame::new(0x89, b"hi")).repeat(10);
            let now = bench.now;
            let mut reads = 0;
            while bench.interest().read {
                bench.watch.handle_bytes(now, &pings);
                reads += 1;
            }
            assert_eq!(reads, 1);
            bench.run();
            assert!(bench.interest().read);
        }
    }
}

// The mutual back-pressure rule, T61
#[test]
fn two_ends_that_ask_each_other_for_much_do_not_stand_still() {
    for window in [100, 5_000, 65_536] {
        let manner = Manner { latency: 0, window, piece: usize::MAX };
        let mut pair = asking(configs(), manner, [150, 150], 3_000);
        pair.settle();
        assert_eq!((contents(&pair, 0), contents(&pair, 1)), (150, 150), "{window}");
    }
    // Where both have more to say than high water and the stream hold, none can go on: that is
    // ended by the write stall, and told.
    let manner = Manner { latency: 0, window: 100, piece: usize::MAX };
    let mut pair = asking(configs(), manner, [150, 150], 9_000);
    pair.run();
    pair.check_end();
    assert_eq!(pair.ends[0].told.last().map(String::as_str), Some("closed WriteStall"));
}

// One write for what one read brought
#[test]
fn what_one_read_brought_is_answered_in_one_piece() {
    for side in [Side::Acceptor, Side::Initiator] {
        let mut bench = Bench::open(side);
        let get = bench.from_peer(Frame::binary(hex("0101aa")));
        let now = bench.now;
        bench.write_size = 0;
        bench.watch.handle_bytes(now, &get.repeat(64));
        bench.run();
        let output = bench.call(|engine| engine.output().to_vec());
        let (frames, rest) = read_all(&output);
        assert_eq!((frames.len(), rest.len()), (64, 0));
        assert!(frames.iter().all(|frame| frame.words() == "0145aaff6f6b"));
    }
}

// T98
#[test]
fn an_idle_connection_holds_next_to_nothing() {
    // The thread's random generator is not the engine's; it comes with the first mask.
    drop(Bench::open(Side::Initiator));
    for side in [Side::Acceptor, Side::Initiator] {
        let mut bench = Bench::with(EngineConfig::new(side), counted).opened();
        for _ in 0..100 {
            bench.peer(Frame::binary(hex("0101aa")));
        }
        let busy = bench.watch.heap.bytes;
        // A second after the last byte, by itself.
        bench.pass(Duration::from_secs(2));
        let idle = bench.watch.heap.bytes;
        let size = size_of::<Engine>();
        println!("{side:?}: {idle} bytes of heap idle, {busy} busy, {size} the engine itself");
        assert!(idle < 1_536, "{idle} bytes of heap while nothing happens");
        assert!(size < 2_560, "{size} bytes");
        // And it wakes up as if nothing had been.
        bench.said.clear();
        bench.peer(Frame::binary(hex("0101aa")));
        assert_eq!(bench.take_said(), ["0145aaff6f6b"]);
        let half = bench.from_peer(Frame::binary(hex("0101aa")));
        bench.feed(&half[..4]);
        bench.pass(Duration::from_secs(5));
        bench.feed(&half[4..]);
        assert_eq!(bench.take_said(), ["0145aaff6f6b"], "half a message is not thrown away");
    }
}

// Invariant 26
#[test]
fn the_largest_messages_stay_within_the_bound() {
    for side in [Side::Acceptor, Side::Initiator] {
        for write_size in [0, 10_000, usize::MAX] {
            let mut bench = Bench::with(EngineConfig::new(side), counted);
            bench.answers = Answers::Ready(vec![b'x'; 1_048_500]);
            bench.shake();
            bench.peer(Frame::binary(hex(GENEROUS)));
            bench.write_size = write_size;
            let mut put = hex("0103aaff");
            put.resize(66_048, b'x');
            for round in 0..6 {
                let whole = bench.from_peer(Frame::binary(put.clone()));
                bench.feed(&whole);
                let first = bench.from_peer(Frame::new(0x02, put[..put.len() / 2].to_vec()));
                let last = bench.from_peer(Frame::new(0x80, put[put.len() / 2..].to_vec()));
                bench.feed(&[first, last].concat());
                // A request of our own of the largest size, too.
                let (now, path) = (bench.now, Request::put(&put[4..]).segment("large"));
                let _ = bench.watch.request(now, &path, Default::default());
                bench.run();
                assert!(round < 5 || write_size == 0 || bench.said.len() > 12);
            }
            let peak = bench.watch.heap.peak;
            println!("{side:?}: {peak} bytes of heap at most with answers of 1 MiB");
            // The stream ends with all of it in the queue.
            bench.fin();
        }
    }
}

// T92
#[test]
fn what_is_shown_of_an_engine_holds_no_secret() {
    let now = Instant::ZERO;
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", "Bearer hush".parse().expect("a value"));
    let config = EngineConfig::new(Side::Initiator);
    let engine = Engine::initiator(now, config, "localhost", &headers).expect("an engine");
    assert!(!shows(&engine, b"hush"));
    let mut bench = Bench::open(Side::Acceptor);
    bench.write_size = 0;
    bench.answers = Answers::Ready(b"hush".to_vec());
    bench.peer(Frame::binary(hex("0101aaff68757368")));
    let half = bench.from_peer(Frame::binary(b"\x01\x01hush-hush-hush".to_vec()));
    bench.feed(&half[..14]);
    assert!(!shows(bench.engine(), b"hush"));
    let config = EngineConfig::new(Side::Acceptor);
    let mut engine = Engine::acceptor(now, config, Policy::default()).expect("an engine");
    let secret = "Version: 13\r\nAuthorization: Bearer hush";
    engine.handle_bytes(now, REQUEST.replace("Version: 13", secret).as_bytes());
    let opened = engine.poll_event().expect("the first event");
    assert!(!format!("{opened:?}").contains("hush"), "{opened:?}");
}

/// Whether the `Debug` form has these bytes, as text or as a list of numbers.
fn shows(engine: &Engine, secret: &[u8]) -> bool {
    let (text, list) = (format!("{engine:?}"), format!("{secret:?}"));
    let numbers = list.trim_matches(['[', ']']);
    text.contains(std::str::from_utf8(secret).expect("text")) || text.contains(numbers)
}
