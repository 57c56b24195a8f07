//! Which connection a request goes by: keys, reuse, waiting, limits.

use coap_ws_core::message::uri::Uri;
use coap_ws_core::pool::{
    ConnectionId, DialId, Full, HeldOff, Pool, PoolConfig, PoolConfigError, PoolKey, Route,
};
use coap_ws_core::{Instant, Jitter};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const NONE: [&str; 0] = [];

fn key(uri: &str) -> PoolKey {
    PoolKey::of(&Uri::parse(uri).unwrap(), 0)
}

fn host(number: usize) -> PoolKey {
    key(&format!("coap+ws://h{number}.example/"))
}

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1000)
}

fn pool(change: impl FnOnce(&mut PoolConfig)) -> Pool {
    let mut config = PoolConfig::default();
    change(&mut config);
    Pool::new(config, 1).unwrap()
}

#[track_caller]
fn dial(pool: &mut Pool, now: Instant, key: &PoolKey) -> (DialId, Option<String>) {
    match pool.route(now, key) {
        Route::Dial { dial, alternative } => (dial, alternative),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn open(pool: &mut Pool, now: Instant, key: &PoolKey) -> ConnectionId {
    let (dial, _) = dial(pool, now, key);
    pool.dialled(now, dial).unwrap()
}

#[track_caller]
fn held_off(pool: &mut Pool, now: Instant, key: &PoolKey) -> (Instant, HeldOff) {
    match pool.route(now, key) {
        Route::HeldOff { until, why } => (until, why),
        other => panic!("{other:?}"),
    }
}

// WS-17, PING-15
#[test]
fn first_requests_share_one_attempt_and_then_its_connection() {
    let mut pool = pool(|_| {});
    let (first, _) = dial(&mut pool, at(0), &host(1));
    for _ in 0..10 {
        assert_eq!(pool.route(at(1), &host(1)), Route::Wait(first));
    }
    assert_ne!(dial(&mut pool, at(1), &host(2)).0, first);
    let connection = pool.dialled(at(2), first).unwrap();
    assert_eq!(pool.route(at(3), &host(1)), Route::Use(connection));
    assert_eq!(pool.dialled(at(3), first), None, "an attempt ends once");
}

// SEC-02, EXT-03, URI-01
#[test]
fn nothing_is_shared_across_scheme_host_port_or_identity() {
    let uris = ["coap+ws://a/", "coaps+ws://a/", "coap+ws://b/", "coap+ws://a:8683/"];
    let mut keys: Vec<PoolKey> = uris.map(key).to_vec();
    keys.push(PoolKey::of(&Uri::parse("coap+ws://a/").unwrap(), 1));
    let mut pool = pool(|_| {});
    let opened: BTreeSet<_> = keys.iter().map(|key| open(&mut pool, at(0), key)).collect();
    assert_eq!(opened.len(), keys.len());
    for (spelling, same) in [("COAP+WS://A:80/x?y", 0), ("coaps+ws://a:443", 1)] {
        let route = pool.route(at(1), &key(spelling));
        assert_eq!(route, pool.route(at(1), &keys[same]));
    }
    assert_eq!(keys[1].to_string(), "coaps+ws://a/");
}

#[test]
fn an_attempt_is_over_when_nobody_waits_for_it() {
    let mut pool = pool(|_| {});
    let (first, _) = dial(&mut pool, at(0), &host(1));
    let _ = pool.route(at(0), &host(1));
    assert!(!pool.give_up(first), "one still waits");
    assert!(pool.give_up(first));
    assert_eq!(pool.dialled(at(1), first), None);
    // At once: it did not fail.
    let (second, _) = dial(&mut pool, at(1), &host(1));
    assert_ne!(first, second);
}

// WS-36, T88
#[test]
fn failures_in_a_row_wait_longer_at_random_and_at_most_so_long() {
    let mut longest = [Duration::ZERO; 12];
    for seed in 0..400 {
        let mut pool = Pool::new(PoolConfig::default(), seed).unwrap();
        let mut now = at(0);
        for most in &mut longest {
            let (dial, _) = dial(&mut pool, now, &host(1));
            pool.dial_failed(now, dial);
            if let Route::HeldOff { until, why } = pool.route(now, &host(1)) {
                assert_eq!(why, HeldOff::BackOff);
                *most = until.saturating_since(now).max(*most);
                now = until;
            } else {
                // A wait of nothing has begun the next attempt.
                let Route::Wait(dial) = pool.route(now, &host(1)) else { panic!() };
                pool.give_up(dial);
                pool.give_up(dial);
            }
        }
    }
    let mut expected = Duration::from_millis(100);
    for most in longest {
        assert!(most <= expected && most > expected * 9 / 10, "{most:?} of {expected:?}");
        expected = (expected * 2).min(Duration::from_secs(30));
    }
}

/// A server goes away under a thousand clients and is back after five seconds.
// T88, WS-36
#[test]
fn a_thousand_clients_come_back_spread_out_and_half_a_minute_after_it() {
    let mut seeds = Jitter::new(9);
    let mut seed = || u64::try_from(seeds.up_to(Duration::MAX).as_micros()).unwrap();
    let mut back: BTreeMap<u64, u32> = BTreeMap::new();
    for _ in 0..1000 {
        let mut pool = Pool::new(PoolConfig::default(), seed()).unwrap();
        let connection = open(&mut pool, at(0), &host(1));
        let mut now = at(60_000);
        pool.handle_closed(now, connection, true);
        let arrived = loop {
            match pool.route(now, &host(1)) {
                Route::HeldOff { until, .. } => now = until,
                Route::Dial { dial, .. } if now < at(65_000) => pool.dial_failed(now, dial),
                Route::Dial { .. } => break now,
                other => panic!("{other:?}"),
            }
        };
        assert!(arrived < at(65_000 + 30_000), "{arrived:?}");
        *back.entry(arrived.as_micros() / 100_000).or_default() += 1;
    }
    let most = back.values().max().unwrap();
    assert!(*most <= 100, "{most} in one tenth of a second");
}

#[test]
fn a_connection_that_lasted_is_not_held_against_its_host() {
    let mut pool = pool(|config| config.backoff_first = Duration::from_secs(1));
    let mut now = at(0);
    for _ in 0..10 {
        let (dial, _) = dial(&mut pool, now, &host(1));
        pool.dial_failed(now, dial);
        now = now.saturating_add(Duration::from_secs(40));
    }
    let connection = open(&mut pool, now, &host(1));
    now = now.saturating_add(Duration::from_secs(31));
    pool.handle_closed(now, connection, true);
    let (until, _) = held_off(&mut pool, now, &host(1));
    assert!(until.saturating_since(now) <= Duration::from_secs(1));
}

#[test]
fn a_regular_close_is_no_failure() {
    let mut pool = pool(|_| {});
    let connection = open(&mut pool, at(0), &host(1));
    pool.handle_closed(at(1), connection, false);
    let _ = dial(&mut pool, at(1), &host(1));
    assert_eq!(pool.stats().lost, 0);
}

// REL-12, T58
#[test]
fn a_hold_off_is_obeyed_and_bounded() {
    for (asked, least) in [(1, 1), (30, 30), (16_777_215, 600)] {
        let mut pool = pool(|_| {});
        let connection = open(&mut pool, at(0), &host(1));
        pool.handle_release(at(1000), connection, Duration::from_secs(asked), NONE);
        let (until, why) = held_off(&mut pool, at(1000), &host(1));
        assert_eq!(why, HeldOff::Release);
        let wait = until.saturating_since(at(1000));
        let least = Duration::from_secs(least);
        assert!(wait >= least && wait <= least + Duration::from_millis(100), "{wait:?}");
        // Its end, however it comes, does not shorten that.
        pool.handle_closed(at(1500), connection, true);
        assert_eq!(held_off(&mut pool, at(1500), &host(1)).0, until);
        let _ = dial(&mut pool, until, &host(1));
    }
}

// T58, T90
#[test]
fn the_end_of_time_is_no_panic() {
    let mut pool = pool(|config| config.max_hold_off = Duration::MAX);
    let now = Instant::FAR_FUTURE;
    let connection = open(&mut pool, now, &host(1));
    pool.handle_release(now, connection, Duration::MAX, NONE);
    pool.handle_timeout(now);
    pool.handle_closed(Instant::ZERO, connection, true);
    assert!(pool.poll_timeout().is_none());
}

// REL-11, SEC-13, T59
#[test]
fn an_alternative_address_is_not_followed_unless_allowed() {
    let mut pool = pool(|_| {});
    let connection = open(&mut pool, at(0), &host(1));
    pool.handle_release(at(0), connection, Duration::from_secs(5), ["169.254.169.254"]);
    let (until, _) = held_off(&mut pool, at(0), &host(1));
    assert_eq!(dial(&mut pool, until, &host(1)).1, None);
}

// REL-11, REL-13, REL-14, SEC-13, T59
#[test]
fn an_alternative_keeps_the_scheme_is_one_hop_and_does_not_wait() {
    let mut pool = pool(|config| config.follow_alternative_address = true);
    let secure = key("coaps+ws://a.example/");
    let connection = open(&mut pool, at(0), &secure);
    let told = ["user@b.example", "A.example:443", "B.example:443", "c.example:8443", ""];
    pool.handle_release(at(0), connection, Duration::from_secs(5), told);
    // What is no authority and what is the host itself are passed over; the port of coaps+ws
    // says nothing.
    let (first, alternative) = dial(&mut pool, at(0), &secure);
    assert_eq!(alternative.as_deref(), Some("b.example"));
    pool.dial_failed(at(1), first);
    let (second, alternative) = dial(&mut pool, at(1), &secure);
    assert_eq!(alternative.as_deref(), Some("c.example:8443"));
    let connection = pool.dialled(at(2), second).unwrap();
    assert_eq!(pool.route(at(2), &secure), Route::Use(connection));
    // Sent on by that one: nobody follows.
    pool.handle_release(at(3), connection, Duration::ZERO, ["d.example"]);
    let (until, _) = held_off(&mut pool, at(3), &secure);
    assert_eq!(dial(&mut pool, until, &secure).1, None);
}

#[test]
fn when_all_alternatives_fail_the_hold_off_of_the_host_itself_is_left() {
    let mut pool = pool(|config| config.follow_alternative_address = true);
    let connection = open(&mut pool, at(0), &host(1));
    pool.handle_release(at(0), connection, Duration::from_secs(5), ["b.example"]);
    let (other, _) = dial(&mut pool, at(0), &host(1));
    pool.dial_failed(at(1), other);
    let (until, why) = held_off(&mut pool, at(1), &host(1));
    assert!(until >= at(5000) && why == HeldOff::Release);
}

// T59
#[test]
fn three_hundred_alternatives_are_four() {
    let mut pool = pool(|config| config.follow_alternative_address = true);
    let connection = open(&mut pool, at(0), &host(1));
    let many: Vec<String> = (0..300).map(|n| format!("b{n}.example")).collect();
    pool.handle_release(at(0), connection, Duration::from_secs(5), many.iter().map(|s| &**s));
    let mut tried = 0;
    while let Route::Dial { dial, .. } = pool.route(at(1), &host(1)) {
        pool.dial_failed(at(1), dial);
        tried += 1;
    }
    assert_eq!(tried, 4);
}

#[test]
fn what_is_leaving_takes_no_request() {
    let mut pool = pool(|_| {});
    let ours = open(&mut pool, at(0), &host(1));
    pool.leave(ours);
    assert!(!pool.begin(ours));
    let again = open(&mut pool, at(0), &host(1));
    assert_ne!(ours, again);
    // The end of the old one does not touch the new one.
    pool.handle_closed(at(1), ours, true);
    assert_eq!(pool.route(at(1), &host(1)), Route::Use(again));
}

#[test]
fn the_idle_are_released_and_the_busy_and_the_accepted_are_not() {
    let mut pool = pool(|_| {});
    let idle = open(&mut pool, at(0), &host(1));
    let busy = open(&mut pool, at(0), &host(2));
    assert!(pool.begin(busy));
    let accepted = pool.accepted(at(0)).unwrap();
    assert_eq!(pool.poll_timeout(), Some(at(300_000)));
    pool.handle_timeout(at(299_999));
    assert_eq!(pool.poll_evicted(), None);
    pool.handle_timeout(at(300_000));
    assert_eq!(pool.poll_evicted(), Some(idle));
    assert_eq!(pool.poll_evicted(), None);
    let _ = dial(&mut pool, at(300_000), &host(1));
    assert!(pool.begin(accepted));
    pool.end(at(400_000), busy);
    assert_eq!(pool.poll_timeout(), Some(at(700_000)));
}

#[test]
fn at_the_limit_the_longest_idle_makes_room_and_else_there_is_none() {
    let mut pool = pool(|config| config.max_connections = 2);
    let first = open(&mut pool, at(0), &host(1));
    let second = open(&mut pool, at(1), &host(2));
    pool.begin(second);
    let third = open(&mut pool, at(2), &host(3));
    assert_eq!(pool.poll_evicted(), Some(first));
    pool.begin(third);
    assert_eq!(pool.route(at(3), &host(4)), Route::Full(Full::Connections));
    pool.end(at(4), second);
    let _ = dial(&mut pool, at(5), &host(4));
    assert_eq!(pool.poll_evicted(), Some(second));
    assert_eq!(pool.stats().evicted, 2);
    // Two are leaving: they hold descriptors until they are gone.
    pool.end(at(6), third);
    assert_eq!(pool.route(at(7), &host(5)), Route::Full(Full::Connections));
    pool.handle_closed(at(8), first, false);
    let _ = dial(&mut pool, at(9), &host(5));
}

#[test]
fn the_other_limits_hold_at_l_and_end_at_one_more() {
    let mut pool = pool(|config| {
        config.max_accepted = 3;
        config.max_waiting = 2;
        (config.max_connections, config.max_hosts) = (2, 4);
    });
    let mut accepted: Vec<_> = (0..3).map(|_| pool.accepted(at(0)).unwrap()).collect();
    assert_eq!(pool.accepted(at(0)), Err(Full::Accepted));
    pool.handle_closed(at(0), accepted.pop().unwrap(), false);
    assert!(pool.accepted(at(0)).is_ok());

    let (waited, _) = dial(&mut pool, at(0), &host(1));
    assert_eq!(pool.route(at(0), &host(1)), Route::Wait(waited));
    assert_eq!(pool.route(at(0), &host(1)), Route::Full(Full::Waiting));
    pool.give_up(waited);
    assert_eq!(pool.route(at(0), &host(1)), Route::Wait(waited));

    for number in 2..100 {
        let (dial, _) = dial(&mut pool, at(0), &host(number));
        pool.dial_failed(at(0), dial);
        assert!(pool.stats().hosts <= 4);
    }
    assert_eq!(pool.route(at(0), &host(1)), Route::Full(Full::Waiting), "not forgotten");
}

#[test]
fn a_configuration_that_does_not_fit_is_refused() {
    let refused = |change: fn(&mut PoolConfig)| {
        let mut config = PoolConfig::default();
        change(&mut config);
        Pool::new(config, 0).unwrap_err()
    };
    assert_eq!(refused(|c| c.max_connections = 0), PoolConfigError::Nothing);
    assert_eq!(refused(|c| c.max_waiting = 0), PoolConfigError::Nothing);
    assert_eq!(refused(|c| c.max_hosts = 255), PoolConfigError::FewerHosts);
    assert_eq!(refused(|c| c.backoff_most = Duration::ZERO), PoolConfigError::Backoff);
}

#[derive(Clone, Debug)]
enum Step {
    Route(usize),
    Dialled(usize, bool),
    GiveUp(usize),
    Accept,
    Begin(usize),
    End(usize),
    Release(usize, u32),
    Closed(usize, bool),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    use Step::*;
    prop_oneof![
        4 => (0..6_usize).prop_map(Route),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(n, ok)| Dialled(n, ok)),
        1 => any::<usize>().prop_map(GiveUp),
        1 => Just(Accept),
        2 => any::<usize>().prop_map(Begin),
        2 => any::<usize>().prop_map(End),
        1 => (any::<usize>(), any::<u32>()).prop_map(|(n, hold)| Release(n, hold)),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(n, lost)| Closed(n, lost)),
        2 => (0..200_000_u64).prop_map(Wait),
    ]
}

fn pick<T: Copy>(of: &[T], n: usize) -> Option<T> {
    of.get(n.checked_rem(of.len())?).copied()
}

proptest! {
    /// Whatever happens in whatever order: one attempt a host, no busy connection released, ids
    /// never used twice, limits kept.
    #[test]
    fn laws(steps in prop::collection::vec(step(), 0..200), follow: bool, seed: u64) {
        let mut config = PoolConfig::default();
        (config.max_connections, config.max_hosts, config.max_accepted) = (3, 4, 2);
        config.follow_alternative_address = follow;
        let mut pool = Pool::new(config, seed).unwrap();
        let mut now = at(0);
        let mut dials: Vec<(DialId, usize)> = Vec::new();
        let mut live: Vec<ConnectionId> = Vec::new();
        let mut busy: BTreeMap<ConnectionId, usize> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for step in steps {
            match step {
                Step::Route(n) => match pool.route(now, &host(n)) {
                    Route::Use(id) => prop_assert!(live.contains(&id)),
                    Route::Dial { dial, .. } => {
                        prop_assert!(dials.iter().all(|(_, other)| *other != n));
                        dials.push((dial, n));
                    }
                    Route::Wait(dial) => prop_assert!(dials.contains(&(dial, n))),
                    Route::HeldOff { until, .. } => prop_assert!(until > now),
                    Route::Full(_) => {}
                },
                Step::Dialled(n, ok) => if let Some((dial, host)) = pick(&dials, n) {
                    dials.retain(|(other, _)| *other != dial);
                    if ok {
                        let id = pool.dialled(now, dial).expect("it is under way");
                        prop_assert!(seen.insert(id));
                        live.push(id);
                        prop_assert_eq!(pool.route(now, &self::host(host)), Route::Use(id));
                    } else {
                        pool.dial_failed(now, dial);
                    }
                },
                Step::GiveUp(n) => if let Some((dial, _)) = pick(&dials, n)
                    && pool.give_up(dial) {
                    dials.retain(|(other, _)| *other != dial);
                },
                Step::Accept => if let Ok(id) = pool.accepted(now) {
                    prop_assert!(seen.insert(id));
                    live.push(id);
                },
                Step::Begin(n) => if let Some(id) = pick(&live, n)
                    && pool.begin(id) {
                    *busy.entry(id).or_default() += 1;
                },
                Step::End(n) => if let Some(id) = pick(&live, n)
                    && busy.get(&id).is_some_and(|count| *count > 0) {
                    pool.end(now, id);
                    *busy.entry(id).or_default() -= 1;
                },
                Step::Release(n, hold) => if let Some(id) = pick(&live, n) {
                    let hold = Duration::from_secs(u64::from(hold));
                    pool.handle_release(now, id, hold, ["other.example"]);
                },
                Step::Closed(n, lost) => if let Some(id) = pick(&live, n) {
                    live.retain(|other| *other != id);
                    busy.remove(&id);
                    pool.handle_closed(now, id, lost);
                },
                Step::Wait(millis) => {
                    now = now.saturating_add(Duration::from_millis(millis));
                    if pool.poll_timeout().is_some_and(|due| due <= now) {
                        pool.handle_timeout(now);
                    }
                    prop_assert!(pool.poll_timeout().is_none_or(|due| due > now));
                }
            }
            while let Some(id) = pool.poll_evicted() {
                prop_assert_eq!(busy.get(&id).copied().unwrap_or(0), 0);
                prop_assert!(live.contains(&id));
            }
            let stats = pool.stats();
            prop_assert!(stats.open <= 3 + 2 && stats.hosts <= 4);
        }
    }
}
