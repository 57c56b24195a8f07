//! Dropping a future cancels what it stands for, at every point, and leaves nothing behind
//! (T66, T80).

mod driver_support;

use coap_ws_core::message::Code;
use coap_ws_core::{Sent, Side};
use coap_ws_driver::{ErrorKind, NoHandler, PingFailure, Response};
use driver_support::{Rig, Task, config};
use std::future::Future;
use std::time::Duration;

/// Our end asks, and may have this many requests in flight.
fn rig(exchanges: usize) -> Rig<NoHandler> {
    let mut near = config(Side::Initiator);
    near.connection.limits.max_exchanges = exchanges;
    Rig::new(near, config(Side::Acceptor), NoHandler).opened()
}

fn ping(rig: &Rig<NoHandler>) -> impl Future<Output = Result<(), PingFailure>> + use<> {
    let remote = rig.remote.clone();
    async move { remote.ping().await }
}

/// All of the places for requests are free: as many as there are can be in flight at once.
fn assert_nothing_leaked(rig: &mut Rig<NoHandler>, exchanges: usize) {
    let before = rig.far.requests.len();
    let mut asks: Vec<_> =
        (0..exchanges).map(|_| Task::new(rig.remote.get("/after").send())).collect();
    asks.iter_mut().for_each(Task::poll);
    rig.run();
    assert_eq!(rig.far.requests.len(), before + exchanges, "all are in flight");
    while !rig.far.requests.is_empty() {
        rig.far.respond_next(&Response::content("ok"));
    }
    rig.run();
    for ask in &mut asks {
        ask.run(10);
        let response = ask.output.take().expect("it is answered").unwrap();
        assert_eq!(response.text().unwrap(), "ok");
    }
    assert_eq!(rig.far.open(), 0);
}

// T80
#[test]
fn t80_a_request_that_was_never_polled_is_never_sent() {
    let mut rig = rig(4);
    drop(rig.remote.get("/x").send());
    rig.run();
    assert!(rig.far.requests.is_empty());
    assert_nothing_leaked(&mut rig, 4);
}

// T80
#[test]
fn t80_dropped_before_the_task_looked_it_is_not_sent() {
    let mut rig = rig(4);
    let mut ask = Task::new(rig.remote.get("/x").send());
    ask.poll();
    ask.drop_it();
    rig.run();
    assert!(rig.far.requests.is_empty());
    assert_nothing_leaked(&mut rig, 4);
}

// T80
#[test]
fn t80_dropped_while_it_waits_behind_output_it_is_not_sent() {
    let mut rig = rig(4);
    rig.wire.borrow_mut().stuck = true;
    let mut first = Task::new(rig.remote.put("/first").body(vec![0; 60_000]).send());
    first.poll();
    rig.run();
    let mut second = Task::new(rig.remote.get("/second").send());
    second.poll();
    rig.run();
    second.drop_it();
    rig.run();
    rig.wire.borrow_mut().unstick();
    rig.run();
    assert_eq!(rig.far.paths(), ["/first"]);
    rig.far.respond_next(&Response::new(Code::CHANGED));
    rig.run();
    first.run(10);
    assert!(first.output.take().expect("it is answered").is_ok());
    assert_nothing_leaked(&mut rig, 4);
}

// T66
#[test]
fn t66_after_a_request_has_left_its_late_answer_is_ignored() {
    let mut rig = rig(1);
    let mut ask = Task::new(rig.remote.get("/x").send());
    ask.poll();
    rig.run();
    assert_eq!(rig.far.paths(), ["/x"]);
    ask.drop_it();
    rig.run();
    // The permit is back, and the place is not: cancelling does not raise what the peer has to
    // work on.
    let mut next = Task::new(rig.remote.get("/next").send());
    next.poll();
    rig.run();
    assert_eq!(rig.far.paths(), ["/x"]);
    rig.far.respond_next(&Response::content("late"));
    rig.run();
    assert_eq!(rig.far.paths(), ["/next"]);
    rig.far.respond_next(&Response::content("right"));
    rig.run();
    next.run(10);
    let response = next.output.take().expect("it is answered").unwrap();
    assert_eq!(response.text().unwrap(), "right");
    assert_nothing_leaked(&mut rig, 1);
}

// T62
#[test]
fn t62_a_cancelled_request_that_is_never_answered_gives_its_place_back_in_time() {
    let mut rig = rig(1);
    let mut ask = Task::new(rig.remote.get("/x").timeout(Duration::from_secs(5)).send());
    ask.poll();
    rig.run();
    ask.drop_it();
    rig.run();
    let mut next = Task::new(rig.remote.get("/next").send());
    next.poll();
    rig.advance(Duration::from_secs(4));
    assert_eq!(rig.far.paths(), ["/x"]);
    rig.advance(Duration::from_secs(2));
    assert_eq!(rig.far.paths(), ["/x", "/next"]);
}

/// One step of a small history with two requests on a connection with one place.
#[derive(Clone, Copy, Debug)]
enum Step {
    PollFirst,
    PollSecond,
    Near,
    Everything,
    Answer,
}

// T80
#[test]
fn t80_cancelling_either_of_two_requests_at_any_step_leaks_nothing() {
    use Step::{Answer, Everything, Near, PollFirst, PollSecond};
    const HISTORY: [Step; 16] = [
        PollFirst, PollSecond, Near, PollSecond, Everything, PollFirst, Answer, Near, Everything,
        PollFirst, PollSecond, Everything, Answer, Everything, PollSecond, Near,
    ];
    for stop in 0..=HISTORY.len() {
        for first_goes in [true, false] {
            let mut rig = rig(1);
            let mut first = Task::new(rig.remote.get("/first").send());
            let mut second = Task::new(rig.remote.get("/second").send());
            for (index, step) in HISTORY.into_iter().enumerate() {
                if index == stop {
                    if first_goes { first.drop_it() } else { second.drop_it() }
                }
                match step {
                    PollFirst => first.poll(),
                    PollSecond => second.poll(),
                    Near => rig.near.poll(),
                    Everything => rig.run(),
                    Answer if rig.far.requests.is_empty() => {}
                    Answer => drop(rig.far.respond_next(&Response::content("ok"))),
                }
            }
            first.drop_it();
            second.drop_it();
            rig.run();
            while !rig.far.requests.is_empty() {
                rig.far.respond_next(&Response::content("late"));
                rig.run();
            }
            assert_nothing_leaked(&mut rig, 1);
        }
    }
}

// T80
#[test]
fn t80_cancelling_over_and_over_holds_no_more_heap() {
    let mut rig = rig(8);
    let round = |rig: &mut Rig<NoHandler>| {
        for polls in 0..3 {
            let mut asks: Vec<_> =
                (0..12).map(|_| Task::new(rig.remote.get("/x").send())).collect();
            for _ in 0..polls {
                asks.iter_mut().for_each(Task::poll);
                rig.run();
            }
            drop(asks);
            rig.run();
            while !rig.far.requests.is_empty() {
                rig.far.respond_next(&Response::content("late"));
                rig.run();
            }
        }
    };
    round(&mut rig);
    round(&mut rig);
    let usage = allocation_counter::measure(|| (0..20).for_each(|_| round(&mut rig)));
    assert!(usage.bytes_current <= 0, "{usage:?}");
    assert_nothing_leaked(&mut rig, 8);
}

// T80
#[test]
fn t80_a_ping_that_was_dropped_frees_its_place_with_its_pong() {
    let mut rig = rig(4);
    for _ in 0..10 {
        let mut ping = Task::new(ping(&rig));
        ping.poll();
        ping.drop_it();
        rig.run();
    }
    let last = ping(&rig);
    assert_eq!(rig.finish(last), Ok(()));
}

#[test]
fn a_runtime_that_drops_the_task_tells_the_truth_about_what_was_sent() {
    let mut rig = rig(2);
    let mut sent = Task::new(rig.remote.get("/sent").send());
    let mut other = Task::new(rig.remote.get("/sent").send());
    let mut waits = Task::new(rig.remote.get("/waits").send());
    for ask in [&mut sent, &mut other] {
        ask.poll();
    }
    waits.poll();
    rig.run();
    assert_eq!(rig.far.requests.len(), 2);
    rig.near.drop_it();
    for ask in [&mut sent, &mut other, &mut waits] {
        ask.run(10);
    }
    for (ask, truth) in [(sent, Sent::Maybe), (other, Sent::Maybe), (waits, Sent::No)] {
        let error = ask.output.expect("it ends").unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Closed(_)), "{error}");
        assert_eq!(error.sent(), truth);
    }
}
