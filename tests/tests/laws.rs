//! Laws of a connection, for any calls in any order (threats.md §2).

use coap_ws_core::message::{Request, Response};
use coap_ws_core::{
    Closing, Config, Heap, Instant, PingId, ReleaseOptions, RequestOptions, SendError, Side,
    Storage,
};
use coap_ws_tests::alloc::uncounted;
use coap_ws_tests::bodies;
use coap_ws_tests::calls::{Calls, Plan, Run, Time};
use coap_ws_tests::node::{Small, Store, Tiny};
use coap_ws_tests::seen::Seen;
use coap_ws_tests::tape::{self, Tape};
use coap_ws_tests::watched::Watched;
use proptest::prelude::*;
use std::time::Duration;

/// A tape that proptest can shorten.
fn tapes() -> impl Strategy<Value = Vec<u8>> {
    let noise = (any::<u64>(), 0..900_usize).prop_map(|(seed, len)| tape::fill(seed, len));
    // Where the noise fails, a tape of its own shrinks better.
    prop_oneof![3 => noise, 1 => proptest::collection::vec(any::<u8>(), 0..300)]
}

fn sides() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Initiator), Just(Side::Acceptor)]
}

fn stores() -> impl Strategy<Value = Store> {
    prop_oneof![Just(Store::Heap), Just(Store::Tiny), Just(Store::Small)]
}

/// One run over a tape, limits and timeouts included.
fn run(tape: &[u8], side: Side, store: Store, time: Time) -> Run {
    let mut tape = Tape::new(tape);
    let plan = Plan { time, ..Plan::new(side, store) }.drawn(&mut tape);
    Calls::new(tape, plan).run()
}

/// The same configuration at both ends and on both storages: a connection on `Tiny`.
fn same(side: Side, store: Store) -> Plan {
    let mut plan = Plan::new(side, store);
    plan.config = Config::new(side);
    plan.config.keepalive_interval = Some(Duration::from_secs(7));
    let limits = &mut plan.config.limits;
    (limits.max_exchanges, limits.max_requests, limits.max_observers) = (4, 4, 2);
    (limits.max_message_size, limits.max_send_size) = (512, 512);
    // Bound as the storage is: high water, a message, the reserves.
    limits.write_high = 1024 - 512 - 196;
    limits.write_low = 100;
    assert_eq!(limits.output_bound(), Store::Tiny.output());
    plan
}

fn config() -> ProptestConfig {
    // A failure prints its tape; it is kept as a test, not in a file.
    ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    /// Any order of calls is right, and all that is checked after each call holds.
    #[test]
    fn any_order_of_calls_is_right(tape in tapes(), side in sides(), store in stores()) {
        run(&tape, side, store, Time::Back);
    }

    /// The same for any `now` in the whole range, and all durations (T90).
    #[test]
    fn any_time_is_right(tape in tapes(), side in sides(), store in stores()) {
        run(&tape, side, store, Time::Any);
    }

    /// A `now` before an earlier one counts as that earlier one (invariant 32).
    #[test]
    fn a_wrong_now_counts_as_the_latest(tape in tapes(), side in sides(), store in stores()) {
        let (wrong, mended) = (
            run(&tape, side, store, Time::Back),
            run(&tape, side, store, Time::Mended),
        );
        prop_assert_eq!((wrong.hash, wrong.said), (mended.hash, mended.said));
    }

    /// The same calls, the same bytes and events (invariant 34).
    #[test]
    fn a_run_can_be_repeated(tape in tapes(), side in sides(), store in stores()) {
        let [first, second] = [(); 2].map(|()| run(&tape, side, store, Time::Back));
        prop_assert_eq!(first, second);
    }

    /// Calls that are refused change nothing, not even what comes later.
    #[test]
    fn refused_calls_change_nothing(tape in tapes(), side in sides(), store in stores()) {
        let mut tape = Tape::new(&tape);
        let plan = Plan::new(side, store).drawn(&mut tape);
        let plain = Calls::new(tape.clone(), plan.clone()).run();
        let mut disturbed = Calls::new(tape, plan);
        while disturbed.step() {
            disturbed.wrong_calls();
        }
        prop_assert_eq!(plain.said, disturbed.finish().said);
    }

    /// Heap or not, it is one machine (invariant 8 of the architecture).
    #[test]
    fn storages_do_not_differ(tape in tapes(), side in sides()) {
        let [heap, fixed] =
            [Store::Heap, Store::Tiny].map(|store| Calls::new(Tape::new(&tape), same(side, store)).run());
        prop_assert_eq!(heap, fixed);
    }

    /// Both ends are client and server alike (invariant 24).
    #[test]
    fn sides_do_not_differ(tape in tapes(), store in stores()) {
        let [one, other] =
            [Side::Initiator, Side::Acceptor].map(|side| Calls::new(Tape::new(&tape), same(side, store)).run());
        prop_assert_eq!(one, other);
    }

    /// Two connections know nothing of each other (invariant 35).
    #[test]
    fn connections_do_not_differ_by_company(one in tapes(), other in tapes(), store in stores()) {
        let plan = |side| Plan::new(side, store);
        let alone = [
            Calls::new(Tape::new(&one), plan(Side::Initiator)).run(),
            Calls::new(Tape::new(&other), plan(Side::Acceptor)).run(),
        ];
        let mut first = Calls::new(Tape::new(&one), plan(Side::Initiator));
        let mut second = Calls::new(Tape::new(&other), plan(Side::Acceptor));
        while first.step() | second.step() {}
        prop_assert_eq!(alone, [first.finish(), second.finish()]);
    }

    /// What is read is written again as it was, and faults are stable (invariants 1 to 3).
    #[test]
    fn messages_are_read_and_written(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        bodies::message(&bytes);
        let mut message = vec![bytes.len() as u8 % 9, 0x45];
        message.extend_from_slice(&bytes);
        bodies::message(&message);
    }

    /// Any options, by hand and by a draft.
    #[test]
    fn options_are_read_and_written(tape in tapes()) {
        bodies::options(&tape);
    }
}

/// The laws are about something: over the same kind of tapes everything happens.
#[test]
fn the_laws_are_not_empty() {
    let mut seen = Seen::default();
    for seed in 0..400 {
        let side = if seed % 2 == 0 { Side::Initiator } else { Side::Acceptor };
        let store = [Store::Heap, Store::Tiny, Store::Small][seed as usize % 3];
        seen.add(&run(&tape::fill(seed, 900), side, store, Time::Back).seen);
    }
    // What takes two ends or a link is for the simulation.
    let elsewhere =
        ["idle_timeouts", "clock_leaps", "cuts", "stalls", "hostile", "asked_back", "dropped"];
    let never =
        seen.each().into_iter().filter(|(what, times)| *times == 0 && !elsewhere.contains(what));
    let never: Vec<_> = never.collect();
    assert!(never.is_empty(), "never happened: {never:?}");
}

const EDGES: [u64; 8] =
    [0, 1, 1_000_000, 1 << 32, 1 << 63, u64::MAX - 25_000_000, u64::MAX - 1, u64::MAX];

/// Every call at every edge of time, with timeouts of nothing and of for ever (T90).
#[test]
fn the_ends_of_time() {
    fn at_every_edge<S: Storage + 'static>() {
        let timeouts = [Duration::ZERO, Duration::from_micros(1), Duration::MAX];
        for (first, then) in EDGES.into_iter().flat_map(|a| EDGES.map(|b| (a, b))) {
            for timeout in timeouts {
                edge(Store::of::<S>(), first, then, timeout);
            }
        }
    }
    at_every_edge::<Heap>();
    at_every_edge::<Tiny>();
    at_every_edge::<Small>();
}

fn edge(store: Store, first: u64, then: u64, timeout: Duration) {
    let mut config = store.config(Side::Initiator);
    for field in [
        &mut config.csm_timeout,
        &mut config.request_timeout,
        &mut config.answer_timeout,
        &mut config.custody_timeout,
        &mut config.ping_timeout,
        &mut config.keepalive_timeout,
        &mut config.drain_timeout,
        &mut config.release_timeout,
        &mut config.close_timeout,
    ] {
        *field = timeout;
    }
    config.keepalive_interval = Some(timeout);
    let (first, then) = (Instant::from_micros(first), Instant::from_micros(then));
    let mut c = Watched::new(store, config, uncounted).expect("the configuration is right");
    let rest = |c: &mut Watched| {
        while c.poll_event().is_some() || c.poll_transmit().is_some() {}
        c.check_rest();
    };
    let mut responders = Vec::new();
    for message in [&[0, 0xe1][..], &[1, 1, 7], &[1, 0xe2, 8, 0x20], &[1, 1, 9]] {
        if let Ok(Some(coap_ws_tests::told::Told::Request { responder, .. })) =
            c.handle_message(first, message)
        {
            responders.push(responder);
        }
    }
    let options = RequestOptions::default();
    let _ = c.request(first, &Request::get(), options);
    let _ = c.request(first, &Request::get(), options.timeout(Duration::MAX));
    let _ = c.ping(first, true);
    rest(&mut c);
    for now in [then, first, then] {
        c.handle_timeout(now);
        rest(&mut c);
        c.handle_alive(now);
        let _ = c.request(now, &Request::get().no_response(26), options);
        let _ = c.ping(now, false);
        if let Some(responder) = responders.pop() {
            let _ = c.respond(now, responder, &Response::changed());
        }
        // As a driver does it, but never for ever.
        for _ in 0..20 {
            let Some(next) = c.poll_timeout() else { break };
            c.handle_timeout(next);
            rest(&mut c);
        }
    }
    let _ = c.release(then, ReleaseOptions::default().hold_off(Duration::MAX));
    c.handle_timeout(then);
    rest(&mut c);
    c.handle_closed(then, Closing::Error);
    rest(&mut c);
    c.handle_timeout(Instant::FAR_FUTURE);
    assert_eq!(c.poll_timeout(), None);
}

/// A command that is refused for lack of room has used nothing up, tokens included.
#[test]
fn a_refused_ping_uses_no_token() {
    let mut config = Config::new(Side::Initiator);
    (config.limits.write_high, config.limits.write_low) = (20, 20);
    let now = Instant::ZERO;
    let ids = [0, 3].map(|refusals| {
        let mut c = Watched::new(Store::Heap, config.clone(), uncounted).unwrap();
        assert!(c.request(now, &Request::put(&[0; 30]), RequestOptions::default()).is_ok());
        for _ in 0..refusals {
            assert_eq!(c.ping(now, false), Err(SendError::NoRoom));
        }
        while c.poll_transmit().is_some() {}
        c.ping(now, false).map(PingId::get)
    });
    assert_eq!(ids[0], ids[1]);
}
