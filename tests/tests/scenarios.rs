//! The named scenarios of the simulation (threats.md §3), on every pair of storages.

use coap_ws_core::Side::{self, Acceptor, Initiator};
use coap_ws_core::message::{Code, Request, Response};
use coap_ws_core::{
    CloseReason, Closing, Event, ExchangeId, Heap, NotNow, Phase, RequestError, RequestOptions,
    Sent, Storage,
};
use coap_ws_tests::node::{Small, Tiny};
use coap_ws_tests::pair::{Pair, get, millis, seconds};
use coap_ws_tests::told::Told;
use std::collections::{BTreeMap, VecDeque};

/// Runs a scenario on each pair of storages.
macro_rules! on_each_storage {
    ($($name:ident)*) => {
        $(mod $name {
            use super::*;

            #[test]
            fn heap_and_heap() {
                super::$name::<Heap, Heap>();
            }
            #[test]
            fn heap_and_fixed() {
                super::$name::<Heap, Tiny>();
            }
            #[test]
            fn fixed_and_heap() {
                super::$name::<Small, Heap>();
            }
            #[test]
            fn fixed_and_fixed() {
                super::$name::<Tiny, Small>();
            }
        })*
    };
}

on_each_storage! {
    mutual_requests
    a_cut_at_every_message
    a_cancel_at_every_step
    pongs_against_a_closed_window
    releases_cross
    a_release_lets_both_finish
}

/// An application at each end that asks `left` times, answers all at once, and tries again
/// when there is room.
#[derive(Default)]
struct Busy {
    left: usize,
    answers: usize,
    owed: VecDeque<coap_ws_core::Responder>,
}

impl Busy {
    fn go<A: Storage + 'static, B: Storage + 'static>(
        &mut self,
        pair: &mut Pair<A, B>,
        side: Side,
    ) {
        let now = pair.now();
        let payload = [b'x'; 500];
        for told in pair.told(side) {
            match told {
                Told::Request { responder, .. } => self.owed.push_back(responder),
                Told::Response { message, .. } => match message.view().code() {
                    Code::CONTENT => self.answers += 1,
                    // More at once than the other end has places for.
                    Code::SERVICE_UNAVAILABLE => self.left += 1,
                    code => panic!("{code:?}"),
                },
                Told::Settings(_) | Told::Event(Event::Room) => {}
                other => panic!("{other:?}"),
            }
        }
        let connection = pair.connection(side);
        while let Some(responder) = self.owed.pop_front() {
            let answer = Response::content(&payload);
            if let Err(refused) = connection.respond(now, responder, &answer) {
                self.owed.push_front(refused.responder);
                break;
            }
        }
        while self.left > 0 {
            let options = RequestOptions::default();
            if connection.request(now, &Request::put(&payload), options).is_err() {
                break;
            }
            self.left -= 1;
        }
    }
}

/// Both ask all the time, and neither reads while its own output is above high water. No
/// waiting for each other comes of it, whatever is in flight and however narrow the window.
fn mutual_requests<A: Storage + 'static, B: Storage + 'static>() {
    for window in [1, 2, 8, 1000] {
        let mut pair = Pair::<A, B>::new().window(window);
        pair.run_for(seconds(1));
        let mut ends = [(); 2].map(|()| Busy { left: 300, ..Busy::default() });
        for _ in 0..10_000 {
            for (end, side) in ends.iter_mut().zip([Initiator, Acceptor]) {
                end.go(&mut pair, side);
            }
            if ends.iter().all(|end| end.answers == 300) {
                break;
            }
            pair.run_for(millis(1));
        }
        assert_eq!(ends.each_ref().map(|end| end.answers), [300, 300], "window {window}");
    }
}

/// Where both have more to answer than high water, and read no answers because of it, nothing
/// moves until a transport gives up; then each request ends.
#[test]
fn large_answers_both_ways_end_in_a_write_stall() {
    let mut pair = Pair::<Heap, Heap>::new().window(4);
    pair.run_for(seconds(1));
    let payload = [b'x'; 8000];
    let mut asked = 0;
    for side in [Initiator, Acceptor] {
        while asked < 64 * (1 + side as usize) {
            pair.request(side, &get("large"));
            asked += 1;
        }
    }
    let (mut answered, mut failed) = (0, 0);
    for _ in 0..1000 {
        pair.run_for(millis(5));
        for side in [Initiator, Acceptor] {
            for told in pair.told(side) {
                let now = pair.now();
                match told {
                    Told::Request { responder, .. } => {
                        let answer = Response::content(&payload);
                        // Refused above high water: then the other end is not answered.
                        let _ = pair.connection(side).respond(now, responder, &answer);
                    }
                    Told::Response { .. } => answered += 1,
                    _ => {}
                }
            }
        }
    }
    let stuck = [Initiator, Acceptor].map(|side| !pair.connection(side).node().wants_input());
    let now = pair.now();
    for side in [Initiator, Acceptor] {
        pair.connection(side).handle_closed(now, Closing::WriteStall);
        pair.settle();
        for told in pair.told(side) {
            match told {
                Told::Response { .. } => answered += 1,
                Told::Event(Event::Failed { .. }) => failed += 1,
                _ => {}
            }
        }
    }
    assert_eq!((answered + failed, stuck), (asked, [true, true]));
}

/// What one end knows of each of its requests: at most one end, and which.
type Ends = BTreeMap<ExchangeId, String>;

fn record(ends: &mut Ends, told: Vec<Told>) {
    for told in told {
        let (exchange, how) = match told {
            Told::Response { exchange, message } => {
                (exchange, format!("{:?}", message.view().code()))
            }
            Told::Event(Event::Failed { exchange, error, sent }) => {
                (exchange, format!("{error} {sent:?}"))
            }
            _ => continue,
        };
        let before = ends.insert(exchange, how);
        assert_eq!(before, None, "{exchange:?} ended twice");
    }
}

/// A script of about forty messages: requests both ways, Pings, some answered late.
fn script<A: Storage + 'static, B: Storage + 'static>(
    pair: &mut Pair<A, B>,
    mut step: impl FnMut(&mut Pair<A, B>, &[(Side, ExchangeId)]),
) -> (Vec<(Side, ExchangeId)>, [Ends; 2]) {
    let (mut asked, mut ends) = (Vec::new(), [Ends::new(), Ends::new()]);
    let mut owed = Vec::new();
    for round in 0..24 {
        let side = if round % 3 == 2 { Acceptor } else { Initiator };
        let now = pair.now();
        let connection = pair.connection(side);
        if round % 6 == 5 {
            let _ = connection.ping(now, round % 12 == 5);
        } else if let Ok(id) = connection.request(now, &get("x"), RequestOptions::default()) {
            asked.push((side, id));
        }
        step(pair, &asked);
        pair.run_for(millis(2));
        for side in [Initiator, Acceptor] {
            let mut told = Vec::new();
            for one in pair.told(side) {
                match one {
                    Told::Request { responder, .. } => owed.push((round, side, responder)),
                    other => told.push(other),
                }
            }
            record(&mut ends[side as usize], told);
        }
        let (due, later) =
            owed.into_iter().partition(|(since, ..)| since % 4 != 3 || since + 2 < round);
        owed = later;
        for (_, side, responder) in due {
            let now = pair.now();
            let _ = pair.connection(side).respond(now, responder, &Response::content(b"y"));
        }
    }
    pair.run_for(seconds(100));
    for side in [Initiator, Acceptor] {
        record(&mut ends[side as usize], pair.told(side));
    }
    (asked, ends)
}

/// Wherever the connection is cut, each request ends exactly once, and says `No` only where it
/// was not handed out.
fn a_cut_at_every_message<A: Storage + 'static, B: Storage + 'static>() {
    let mut whole = Pair::<A, B>::new();
    let _ = script(&mut whole, |_, _| {});
    let messages = whole.taken(Initiator) + whole.taken(Acceptor);
    assert!(messages >= 40, "{messages} messages are not enough of a script");
    let (mut unsent, mut sent, mut answered) = (0, 0, 0);
    for cut in 0..=messages {
        for latency in [0, 1, 3] {
            let mut pair = Pair::<A, B>::new().latency(millis(latency));
            let mut is_cut = false;
            let (asked, ends) = script(&mut pair, |pair, _| {
                // Between "taken by the transport" and "delivered".
                if !is_cut && pair.taken(Initiator) + pair.taken(Acceptor) >= cut {
                    is_cut = true;
                    pair.cut();
                }
            });
            for (side, exchange) in asked {
                let how = ends[side as usize].get(&exchange);
                let Some(how) = how else { panic!("{exchange:?} did not end, cut {cut}") };
                unsent += u32::from(how.ends_with("No"));
                sent += u32::from(how.ends_with("Maybe"));
                answered += u32::from(how.starts_with("2.05"));
            }
            assert_eq!(pair.connection(Initiator).node().phase() == Phase::Closed, is_cut);
        }
    }
    assert!(unsent > 0 && sent > 0 && answered > 0, "{unsent} {sent} {answered}");
}

/// Whenever a request is cancelled, nothing is told of it any more, nothing stays behind, and
/// all others are answered.
fn a_cancel_at_every_step<A: Storage + 'static, B: Storage + 'static>() {
    let (mut unsent, mut sent, mut late) = (0, 0, 0);
    for (which, rounds, latency) in
        (0..20).flat_map(|which| (0..4).map(move |rounds| (which, rounds, rounds % 2)))
    {
        let mut pair = Pair::<A, B>::new().latency(millis(latency));
        let (mut round, mut cancelled) = (0, None);
        let (asked, ends) = script(&mut pair, |pair, asked| {
            let Some((side, exchange)) = asked.get(which).copied() else { return };
            if round == rounds {
                let now = pair.now();
                cancelled = Some(pair.connection(side).cancel(now, exchange));
            }
            round += 1;
        });
        assert!(cancelled.is_some() || which > 15, "{which} was not cancelled");
        for (index, (side, exchange)) in asked.into_iter().enumerate() {
            let how = ends[side as usize].get(&exchange).map(String::as_str);
            let over = index == which && cancelled == Some(true);
            let expected = (!over).then_some("2.05 Content");
            assert_eq!(how, expected, "{exchange:?}, cancelled {which} after {rounds} rounds");
        }
        for side in [Initiator, Acceptor] {
            let connection = pair.connection(side);
            connection.check_idle();
            assert_eq!(connection.node().exchanges_in_flight(), 0);
            assert_eq!(connection.node().phase(), Phase::Open);
            unsent += connection.seen().cancels_unsent;
            sent += connection.seen().cancels_sent;
            late += connection.seen().cancels_late;
        }
    }
    assert!(unsent > 0 && sent > 0 && late > 0, "{unsent} {sent} {late}");
}

/// A peer that sends Pings and reads no Pongs costs one high-water mark, and all Pongs go out
/// in the end, each once.
fn pongs_against_a_closed_window<A: Storage + 'static, B: Storage + 'static>() {
    let mut pair = Pair::<A, B>::with(|config| {
        config.limits.write_high = 400;
        config.limits.write_low = 100;
    });
    pair.run_for(seconds(1));
    pair.stall(Initiator);
    // Past the acceptor's transport, straight into the connection.
    let now = pair.now();
    let acceptor = pair.connection(Acceptor);
    let (mut taken, mut refused) = (0_u16, 0);
    for number in 0..500_u16 {
        let [high, low] = number.to_be_bytes();
        match acceptor.handle_message(now, &[0x03, 0xe2, 0xaa, high, low]) {
            Ok(None) => taken += 1,
            Err(NotNow) => refused += 1,
            Ok(other) => panic!("{other:?}"),
        }
    }
    assert!(taken > 10 && refused > 100, "{taken} taken, {refused} refused");
    assert!(acceptor.node().output_waiting() <= 400 + 96 + 96);
    let pongs = acceptor.seen().plain_pongs;
    pair.resume(Initiator);
    pair.run_for(seconds(1));
    let acceptor = pair.connection(Acceptor);
    assert_eq!(acceptor.seen().plain_pongs - pongs, u64::from(taken));
    assert!(acceptor.node().wants_input());
}

/// Both release at once: neither waits for the other (REL-16).
fn releases_cross<A: Storage + 'static, B: Storage + 'static>() {
    for latency in [0, 1, 100] {
        let mut pair = Pair::<A, B>::new().latency(millis(latency));
        pair.run_for(seconds(1));
        let asked = pair.request(Initiator, &get("slow"));
        pair.run_for(seconds(1));
        pair.release(Initiator);
        pair.release(Acceptor);
        let (responder, _) = pair.take_request(Acceptor);
        pair.run_for(millis(500));
        pair.respond(Acceptor, responder, &Response::content(b"done"));
        pair.run_for(seconds(2));
        assert_eq!(pair.take_response(Initiator).0, asked);
        for side in [Initiator, Acceptor] {
            assert_eq!(pair.connection(side).node().phase(), Phase::Closed);
            assert_eq!(pair.take_event(side), Event::Closed(CloseReason::Released));
        }
    }
}

/// After a Release both finish what is begun, and nothing new begins (REL-03, REL-05).
fn a_release_lets_both_finish<A: Storage + 'static, B: Storage + 'static>() {
    let mut pair = Pair::<A, B>::new();
    pair.run_for(seconds(1));
    let ours = pair.request(Initiator, &get("slow"));
    let theirs = pair.request(Acceptor, &get("slow"));
    pair.run_for(seconds(1));
    pair.release(Initiator);
    pair.run_for(seconds(1));
    let now = pair.now();
    for side in [Initiator, Acceptor] {
        let refused = pair.connection(side).request(now, &get("x"), RequestOptions::default());
        assert_eq!(refused, Err(coap_ws_core::SendError::Releasing), "{side:?}");
    }
    for (side, answer) in [(Acceptor, &b"a"[..]), (Initiator, b"b")] {
        let (responder, _) = pair.take_request(side);
        pair.respond(side, responder, &Response::content(answer));
    }
    pair.run_for(seconds(1));
    assert_eq!(pair.take_response(Initiator).0, ours);
    assert_eq!(pair.take_response(Acceptor).0, theirs);
    assert_eq!(pair.take_event(Initiator), Event::Closed(CloseReason::Released));
    assert_eq!(pair.take_event(Acceptor), Event::Closed(CloseReason::Released));
}

/// The story of a peer that hangs.
#[test]
fn a_silent_peer_is_given_up() {
    let mut pair = Pair::<Heap, Heap>::new();
    pair.run_for(seconds(1));
    pair.stall(Acceptor);
    let asked = pair.request(Initiator, &get("x"));
    pair.run_for(seconds(60));
    let lost = CloseReason::KeepaliveTimeout;
    let error = RequestError::Closed(lost);
    let failed = Event::Failed { exchange: asked, error, sent: Sent::No };
    assert_eq!(pair.take_event(Initiator), failed);
    assert_eq!(pair.take_event(Initiator), Event::Closed(lost));
}
