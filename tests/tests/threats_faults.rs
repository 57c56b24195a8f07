//! Faults of the environment at an engine, by their ids: cuts, half-closes, odd transports, odd
//! clocks.

use coap_ws_core::message::{Request, Response};
use coap_ws_core::{Instant, Side};
use coap_ws_driver::engine::{Engine, EngineConfig};
use coap_ws_tests::alloc::uncounted;
use coap_ws_tests::stream::pair::Pair;
use coap_ws_tests::stream::pipe::Manner;
use coap_ws_tests::stream::{Answers, Bench, Frame, hex};
use std::time::Duration;

const SIDES: [Side; 2] = [Side::Acceptor, Side::Initiator];
const SECOND: Duration = Duration::from_secs(1);

/// A full session: both ask, both answer, one releases.
fn session() -> Pair {
    let mut pair = Pair::plain(uncounted);
    for end in &mut pair.ends {
        end.wishes.extend((0..5).map(|n| n.to_string()));
    }
    pair.ends[0].releases = true;
    pair
}

/// What tells of a cut.
#[derive(Clone, Copy, Debug)]
enum Noticed {
    /// The end of the stream.
    End,
    /// A reset.
    Reset,
    /// Time.
    Late,
}

/// How many bytes each end writes in an undisturbed session.
fn lengths() -> [usize; 2] {
    let mut pair = session();
    pair.run();
    pair.check_end();
    for end in &pair.ends {
        let responses = end.told.iter().filter(|told| told.starts_with("response")).count();
        assert_eq!((responses, end.watch.served.len()), (5, 5), "{:?}", end.told);
        assert_eq!(end.told.last().map(String::as_str), Some("closed Released"));
    }
    pair.ends.map(|end| usize::try_from(end.watch.written).expect("a length"))
}

// T84
#[test]
fn t84_a_cut_at_any_byte_in_any_direction_is_told_truly() {
    for (from, length) in lengths().into_iter().enumerate() {
        for cut in 0..=length {
            for noticed in [Noticed::End, Noticed::Reset, Noticed::Late] {
                let mut pair = session();
                pair.pipes[from].lose_after(cut);
                pair.settle();
                match noticed {
                    Noticed::End => [0, 1].into_iter().for_each(|end| pair.end(end)),
                    Noticed::Reset => [0, 1].into_iter().for_each(|end| pair.reset(end)),
                    Noticed::Late => {}
                }
                pair.run();
                // An acceptor has no keepalive of its own: what tells it that the peer is gone
                // is the TCP stack.
                [0, 1].into_iter().for_each(|end| pair.reset(end));
                pair.settle();
                pair.check_end();
            }
        }
    }
}

// T32, WS-32
#[test]
fn t32_the_end_of_the_stream_without_a_close_is_lost_and_told_once() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        bench.answers = Answers::Hold;
        let exchange = bench.get("slow");
        bench.peer(Frame::binary(hex("0101aa")));
        bench.take_said();
        bench.take_told();
        bench.fin();
        let failed = format!("failed {exchange} Maybe Closed(Lost)");
        assert_eq!(bench.take_told(), [&failed, "closed Lost"]);
        assert_eq!((bench.take_said(), bench.done), (vec![], Some(bench.now)));

        let mut bench = Bench::open(side);
        bench.reset();
        assert_eq!((bench.take_told(), bench.done), (vec!["closed Lost".into()], Some(bench.now)));
    }
}

// T32
#[test]
fn t32_a_peer_that_only_stopped_sending_still_gets_its_answers() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        bench.write_size = 0;
        bench.answers = Answers::Ready(vec![b'x'; 10_000]);
        let get = bench.from_peer(Frame::binary(hex("0101aa")));
        bench.feed(&get.repeat(5));
        bench.fin();
        assert_eq!(bench.take_told().last().map(String::as_str), Some("closed Lost"));
        bench.pass(4 * SECOND);
        assert_eq!(bench.done, None);
        bench.write_size = 100;
        bench.run();
        assert_eq!((bench.take_said().len(), bench.done), (5, Some(bench.now)));
        // For 5 s, not for ever.
        let mut bench = Bench::open(side);
        bench.write_size = 0;
        bench.feed(&get_of(&bench));
        bench.fin();
        let limit = bench.now.saturating_add(5 * SECOND);
        bench.pass(60 * SECOND);
        assert_eq!(bench.done, Some(limit));
    }
}

fn get_of(bench: &Bench) -> Vec<u8> {
    bench.from_peer(Frame::binary(hex("0101aa")))
}

// T32, WS-23
#[test]
fn t32_what_came_before_the_end_is_parsed_though_output_was_too_much() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        bench.write_size = 0;
        bench.answers = Answers::Ready(vec![b'x'; 30_000]);
        // Fragments, so that a message is open where reading stops.
        let first = bench.from_peer(Frame::new(0x02, hex("0101")));
        let last = bench.from_peer(Frame::new(0x80, hex("aa")));
        let requests = [first, last].concat().repeat(20);
        bench.feed(&requests);
        assert!(!bench.interest().read);
        let told = bench.take_told().len();
        assert!(told < 20, "{told}");
        let now = bench.now;
        bench.call(|engine| engine.handle_eof(now));
        bench.run();
        assert_eq!(bench.take_told(), [""; 0], "it has not been read yet");
        bench.write_size = usize::MAX;
        bench.run();
        let more = bench.take_told();
        assert_eq!(more.last().map(String::as_str), Some("closed Lost"));
        assert_eq!(told + more.len() - 1, 20, "{more:?}");
        assert_eq!(bench.take_said().len(), 20);
    }
}

// REL-03, WS-31
#[test]
fn a_slow_link_gets_the_last_answers_whole() {
    for side in SIDES {
        // 180 kB and 250 kB at 20 kB/s: both take longer than the Close may.
        for (count, size) in [(6, 30_000), (1, 250_000)] {
            let mut bench = Bench::open(side);
            bench.write_size = 0;
            bench.answers = Answers::Ready(vec![b'x'; size]);
            bench.peer(Frame::binary(hex("00e12310000020")));
            bench.feed(&get_of(&bench).repeat(count));
            bench.peer(Frame::binary(hex("00e4")));
            while bench.done.is_none() && bench.said.len() <= count {
                bench.pass(SECOND / 10);
                let (now, known) = (bench.now, bench.watch.frames.len());
                bench.watch.write(now, 2_000);
                bench.said.extend_from_slice(&bench.watch.frames[known..]);
            }
            let said = bench.take_said();
            assert_eq!(said.last().map(String::as_str), Some("close 1000"), "{}", said.len());
            assert_eq!(said.len(), count + 1);
        }
    }
}

// T85
#[test]
fn t85_single_bytes_zero_writes_and_refusals_change_nothing() {
    let plain = |manner: Manner| {
        let configs = [Side::Initiator, Side::Acceptor].map(EngineConfig::new);
        let mut pair = Pair::new(configs, [manner; 2], uncounted);
        for end in &mut pair.ends {
            end.wishes.extend((0..30).map(|n| n.to_string()));
            end.payload = vec![b'x'; 100];
        }
        pair.ends[0].releases = true;
        pair.run();
        pair.check_end();
        pair.ends.map(|end| (end.watch.written, end.told))
    };
    let expected = plain(Manner::PLAIN);
    for piece in [1, 2, 3, 7, 1000] {
        for window in [1, 5, 64, usize::MAX] {
            let got = plain(Manner { latency: 0, window, piece });
            for (got, expected) in got.into_iter().zip(&expected) {
                // The order among requests and responses is each direction's own.
                let kind = |words: &[String], kind: &str| -> Vec<String> {
                    words.iter().filter(|word| word.starts_with(kind)).cloned().collect()
                };
                for told in ["opened", "settings", "request", "response", "closed"] {
                    assert_eq!(kind(&got.1, told), kind(&expected.1, told));
                }
                assert_eq!(got.0, expected.0, "{piece} of {window}");
            }
        }
    }
    let mut bench = Bench::open(Side::Acceptor);
    bench.write_size = 0;
    bench.peer(Frame::binary(hex("01e242")));
    let now = bench.now;
    let before = bench.call(|engine| engine.output().to_vec());
    for _ in 0..100 {
        bench.call(|engine| engine.handle_written(now, 0));
        bench.call(|engine| engine.handle_bytes(now, b""));
    }
    assert_eq!(bench.call(|engine| engine.output().to_vec()), before);
    // More than there was is all that there was.
    bench.call(|engine| engine.handle_written(now, usize::MAX));
    assert!(!bench.interest().write);
}

// T86
#[test]
fn t86_spurious_calls_in_any_order_change_nothing() {
    for side in SIDES {
        let run = |spurious: usize| {
            let mut bench = Bench::open(side);
            for number in 0..40_usize {
                let now = bench.now;
                for call in 0..spurious {
                    bench.call(|engine| match (number * 7 + call * 3) % 7 {
                        0 => engine.handle_timeout(now),
                        1 => drop(engine.interest()),
                        2 => drop(engine.poll_timeout()),
                        3 => drop(engine.output().len()),
                        4 => engine.handle_written(now, 0),
                        5 => engine.trim(),
                        _ => engine.handle_bytes(now, b""),
                    });
                }
                bench.feed(&get_of(&bench));
                bench.pass(Duration::from_millis(300));
            }
            bench.peer(Frame::close(1000));
            bench.fin();
            (bench.take_said(), bench.take_told(), bench.done)
        };
        let quiet = run(0);
        for spurious in 1..8 {
            assert_eq!(run(spurious), quiet);
        }
    }
}

// T86
#[test]
fn t86_calls_after_the_end_do_nothing() {
    for side in SIDES {
        let mut bench = Bench::open(side);
        bench.peer(Frame::close(1000));
        bench.fin();
        bench.take_said();
        bench.take_told();
        for _ in 0..3 {
            let later = bench.now.saturating_add(3600 * SECOND);
            let get = get_of(&bench);
            bench.call(|engine| {
                engine.handle_bytes(later, &get);
                engine.handle_eof(later);
                engine.handle_written(later, 5);
                engine.handle_timeout(later);
                engine.handle_error(later);
                engine.abort(later, "again");
                engine.trim();
                assert!(engine.request(later, &Request::get(), Default::default()).is_err());
                assert!(engine.ping(later, true).is_err());
                assert!(engine.release(later, Default::default()).is_err());
            });
            bench.run();
            assert_eq!((bench.take_said(), bench.take_told()), (vec![], vec![]));
            assert!(bench.interest().done && bench.engine().poll_timeout().is_none());
        }
    }
}

// T86
#[test]
fn t86_before_it_is_open_commands_are_refused() {
    let now = Instant::ZERO;
    let config = EngineConfig::new(Side::Initiator);
    let mut engine =
        Engine::initiator(now, config, "localhost", &Default::default()).expect("an engine");
    assert!(engine.request(now, &Request::get(), Default::default()).is_err());
    assert!(engine.ping(now, false).is_err() && engine.release(now, Default::default()).is_err());
    assert!(!engine.has_room() && !engine.is_ending() && engine.connection().is_none());
    // A responder of another connection is given back.
    let mut other = Bench::open(Side::Acceptor);
    other.answers = Answers::Hold;
    other.feed(&get_of(&other));
    let responder = other.held.pop().expect("a request");
    let refused = engine.respond(now, responder, &Response::content(b"")).expect_err("not open");
    assert!(other.watch.respond(now, refused.responder, &Response::content(b"")).is_ok());
}
