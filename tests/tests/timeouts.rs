//! Every timeout of `Config`, a microsecond before it and at it, and what fits what.

use coap_ws_core::{Config, ConfigError, Connection, Fixed, Heap, Instant, Limits, Side, Storage};
use coap_ws_tests::transcript::{both_sides, initiator};
use std::time::Duration;

// CSM-08, T46
#[test]
fn timeout_csm_timeout() {
    both_sides(
        r#"
        config csm_timeout 3s
        > 00e1 23010200 20
        @ +2999999us
        = phase AwaitingSettings
        = next 1us
        @ +1us
        > 00e5 ff "no CSM in time"
        . close 1002
        "#,
    );
    both_sides(
        "config csm_timeout 3s\n> 00e1 23010200 20\n@ +2999999us\n< 00e1\n! settings 1152\n@ +1us",
    );
}

// PING-14, T62
#[test]
fn timeout_request_timeout() {
    both_sides(
        r#"
        config request_timeout 40s
        open
        * GET
        > 0101 04
        * GET timeout=50s
        > 0101 09
        * GET timeout=0s
        > 0101 0e
        @ +0s
        ! failed 0e maybe: no response within the timeout
        @ +39999999us
        = next 1us
        @ +1us
        ! failed 04 maybe: no response within the timeout
        @ +9999999us
        @ +1us
        ! failed 09 maybe: no response within the timeout
        = next none
        "#,
    );
    // What still waits here was not sent, and is not sent any more.
    both_sides(
        r#"
        open
        * hold
        * GET timeout=5s
        @ +5s
        ! failed 04 no: no response within the timeout
        * flow
        * GET
        > 0101 08
        "#,
    );
}

// CODE-15, T61
#[test]
fn timeout_answer_timeout() {
    both_sides(
        r#"
        config answer_timeout 20s
        open
        < GET 01
        ! request GET 01
        @ +10s
        < GET 02
        ! request GET 02
        @ +9999999us
        = requests_open 2
        @ +1us
        ! expired #1
        > 5.03 01 "no answer in time"
        = requests_open 1
        * respond #1 2.05
        ! error: the request was answered 5.03 at its timeout
        * respond #2 2.05
        > 0145 02
        @ +3600s
        "#,
    );
    // Whoever drops the right to answer leaves it to the core (invariant 20).
    both_sides(
        "open\n< GET 01\n! request GET 01\n* drop\n@ +25s\n! expired #1\n> 5.03 01 \"no answer in time\"",
    );
}

// PING-03, T56
#[test]
fn timeout_custody_timeout() {
    both_sides(
        r#"
        config custody_timeout 10s
        open
        < GET 01
        ! request GET 01
        < 01e2 42 20
        @ +9999999us
        @ +1us
        > 01e3 42
        "#,
    );
}

// PING-07
#[test]
fn timeout_ping_timeout() {
    both_sides(
        r#"
        config ping_timeout 10s
        open
        * ping
        > 01e2 04
        @ +9999999us
        = next 1us
        @ +1us
        ! ping failed 04: no Pong within the timeout
        = next none
        "#,
    );
}

// PING-09, T55
#[test]
fn timeout_keepalive_interval() {
    both_sides(
        r#"
        config keepalive_interval 10s
        open
        @ +5s
        < alive
        @ +9999999us
        @ +1us
        > 01e2 04
        "#,
    );
}

// PING-07, PING-09, T55
#[test]
fn timeout_keepalive_timeout() {
    both_sides(
        r#"
        config keepalive_interval 10s
        config keepalive_timeout 7s
        open
        * GET
        > 0101 04
        @ +10s
        > 01e2 08
        @ +6999999us
        = phase Open
        @ +1us
        ! failed 04 maybe: the connection ended: the peer did not answer a keepalive Ping
        . close 1001
        "#,
    );
}

// REL-03, REL-04, T57
#[test]
fn timeout_drain_timeout() {
    both_sides(
        r#"
        config answer_timeout 12s
        config drain_timeout 12s
        open
        * GET
        > 0101 04
        < 00e4
        ! release
        @ +11999999us
        = phase Draining(Theirs)
        @ +1us
        ! failed 04 maybe: the connection ended: released
        . close 1000
        "#,
    );
}

// REL-07
#[test]
fn timeout_release_timeout() {
    both_sides(
        r#"
        config release_timeout 33s
        open
        * release
        > 00e4 ff "bye"
        @ +32999999us
        = phase Draining(Ours)
        @ +1us
        . close 1001
        "#,
    );
}

// ABT-01, ABT-09
#[test]
fn timeout_close_timeout() {
    both_sides(
        r#"
        config close_timeout 2s
        open
        < 00e5
        ! abort
        . close 1000
        @ +1999999us
        = phase Closing
        @ +1us
        ! closed: aborted by the peer
        = phase Closed
        "#,
    );
}

#[test]
fn every_timeout_has_its_test() {
    let config = include_str!("../../coap-ws-core/src/config.rs");
    let fields = config.split("pub struct Config {").nth(1).unwrap().split("\n}").next().unwrap();
    let timeouts: Vec<&str> = fields
        .lines()
        .filter(|line| line.contains("Duration"))
        .filter_map(|line| line.trim().strip_prefix("pub ")?.split(':').next())
        .collect();
    assert!(timeouts.len() >= 10, "{timeouts:?}");
    for field in timeouts {
        let test = format!("#[test]\nfn timeout_{field}() {{");
        assert!(include_str!("timeouts.rs").contains(&test), "`{field}` has no test");
    }
}

// PING-09, REL-07, CSM-08
#[test]
fn the_defaults_fit_each_other_and_are_these() {
    for side in [Side::Initiator, Side::Acceptor] {
        let c = Config::new(side);
        let seconds = [
            c.csm_timeout,
            c.ping_timeout,
            c.keepalive_timeout,
            c.answer_timeout,
            c.drain_timeout,
            c.custody_timeout,
            c.release_timeout,
            c.request_timeout,
            c.close_timeout,
        ]
        .map(|timeout| timeout.as_secs());
        assert_eq!(seconds, [10, 20, 20, 25, 30, 30, 35, 60, 5]);
        let interval = (side == Side::Initiator).then_some(Duration::from_secs(25));
        assert_eq!((c.keepalive_interval, c.serves, c.understood.len()), (interval, true, 0));
    }
}

/// What is said of a configuration.
fn verdict<S: Storage>(change: fn(&mut Config)) -> Option<String> {
    let mut config = Config::new(Side::Initiator);
    change(&mut config);
    Connection::<S>::new(config).err().map(|error| error.to_string())
}

/// What is said of limits, on the heap.
fn limits(change: fn(&mut Limits)) -> Option<String> {
    let mut config = Config::new(Side::Initiator);
    change(&mut config.limits);
    Connection::<Heap>::new(config).err().map(|error| error.to_string())
}

const TICK: Duration = Duration::from_micros(1);

// SEC-12
#[test]
fn one_timeout_is_not_above_another() {
    let heap = verdict::<Heap>;
    assert_eq!(heap(|c| c.answer_timeout = c.drain_timeout), None);
    let text = "`answer_timeout` must not be above `drain_timeout`";
    assert_eq!(heap(|c| c.answer_timeout = c.drain_timeout + TICK).as_deref(), Some(text));
    assert_eq!(heap(|c| c.drain_timeout = c.release_timeout), None);
    let text = "`drain_timeout` must not be above `release_timeout`";
    assert_eq!(heap(|c| c.drain_timeout = c.release_timeout + TICK).as_deref(), Some(text));
    assert_eq!(heap(|c| c.release_timeout = c.request_timeout), None);
    let text = "`release_timeout` must not be above `request_timeout`";
    assert_eq!(heap(|c| c.release_timeout = c.request_timeout + TICK).as_deref(), Some(text));
    let text = "`write_low` must not be above `write_high`";
    assert_eq!(heap(|c| c.limits.write_low = c.limits.write_high), None);
    assert_eq!(heap(|c| c.limits.write_low = c.limits.write_high + 1).as_deref(), Some(text));
}

// CSM-19, CSM-24, CSM-27, T49
#[test]
fn sizes_are_within_what_works() {
    let small = |field: &str| Some(format!("`limits.{field}` is too small"));
    let heap = limits;
    assert_eq!(heap(|l| l.min_peer_message_size = 64), None);
    assert_eq!(heap(|l| l.min_peer_message_size = 63), small("min_peer_message_size"));
    assert_eq!(heap(|l| l.max_message_size = 64), None);
    assert_eq!(heap(|l| l.max_message_size = 63), small("max_message_size"));
    assert_eq!(heap(|l| l.max_send_size = 1152), None);
    assert_eq!(heap(|l| l.max_send_size = 1151), small("max_send_size"));
    assert_eq!(heap(|l| (l.max_message_size, l.max_send_size) = (100, 100)), None);
    let less = heap(|l| (l.max_message_size, l.max_send_size) = (100, 99));
    assert_eq!(less, small("max_send_size"));
    assert_eq!(heap(|l| l.max_message_size = 8_388_864), None);
    let large = "`limits.max_message_size` is too large";
    assert_eq!(heap(|l| l.max_message_size = 8_388_865).as_deref(), Some(large));
}

// SEC-12
#[test]
fn a_storage_has_a_place_for_everything() {
    let none = |field: &str| Some(format!("the storage has too little room for `{field}`"));
    let heap = limits;
    assert_eq!(heap(|l| l.max_exchanges = 1), None);
    assert_eq!(heap(|l| l.max_exchanges = 0), none("max_exchanges"));
    assert_eq!(heap(|l| l.max_requests = 1), None);
    assert_eq!(heap(|l| l.max_requests = 0), none("max_requests"));
    let fixed = |c: &mut Config| *c = Config::fixed(Side::Acceptor, 512);
    assert_eq!(verdict::<Fixed<1, 1, 0, 256>>(fixed), None);
    assert_eq!(verdict::<Fixed<1, 1, 0, 255>>(fixed), none("write_high"));
    assert_eq!(verdict::<Fixed<0, 1, 0, 256>>(fixed), none("max_exchanges"));
    assert_eq!(verdict::<Fixed<1, 0, 0, 256>>(fixed), none("max_requests"));
}

// PING-07
#[test]
fn the_error_is_a_value_too() {
    let mut config = Config::new(Side::Acceptor);
    config.answer_timeout = Duration::from_secs(31);
    let expected = ConfigError::Order { shorter: "answer_timeout", longer: "drain_timeout" };
    assert_eq!(Connection::<Heap>::new(config).unwrap_err(), expected);
}

// PING-14, T89, T90
#[test]
fn time_that_goes_back_stands_still_and_the_end_of_time_never_comes() {
    let mut connection = Connection::<Heap>::new(Config::new(Side::Acceptor)).unwrap();
    let at = Instant::from_micros;
    connection.handle_timeout(at(1_000_000));
    assert_eq!(connection.poll_timeout(), Some(at(11_000_000)));
    connection.handle_timeout(at(0));
    assert_eq!(connection.poll_timeout(), Some(at(11_000_000)));
    // Eleven seconds have passed; going back to ten does not bring the CSM's time back.
    connection.handle_timeout(at(11_000_000));
    assert!(!connection.phase().is_live());
    let mut last = Connection::<Heap>::new(Config::new(Side::Acceptor)).unwrap();
    let nearly = at(u64::MAX - 1);
    last.handle_timeout(nearly);
    let options = coap_ws_core::RequestOptions::default().timeout(Duration::MAX);
    let request = coap_ws_core::message::Request::get();
    assert!(last.request(nearly, &request, options).is_ok());
    assert_eq!(last.poll_timeout(), None);
    last.handle_timeout(Instant::FAR_FUTURE);
}

// PING-07, PING-09, CSM-08, REL-07
#[test]
fn each_deadline_is_met_in_its_turn_and_no_timer_spins() {
    initiator(
        r#"
        config keepalive_interval 25s
        open
        * GET
        > 0101 04
        * ping
        > 01e2 08
        < GET 01
        ! request GET 01
        @ +3600s
        ! ping failed 08: no Pong within the timeout
        > 01e2 0c                   ; both at 25 s
        > 5.03 01 "no answer in time"
        ! expired #1
        ! failed 04 maybe: the connection ended: the peer did not answer a keepalive Ping
        . close 1001
        ! closed: the peer did not answer a keepalive Ping
        = next none
        "#,
    );
}

// PING-07, PING-09, CSM-08, T90
#[test]
fn what_is_noticed_late_happens_late_and_once() {
    initiator(
        r#"
        config keepalive_interval 25s
        open
        * GET
        > 0101 04
        * ping
        > 01e2 08
        < GET 01
        ! request GET 01
        @ late +3600s
        ! failed 04 maybe: no response within the timeout
        ! expired #1
        ! ping failed 08: no Pong within the timeout
        > 01e2 0c                   ; the peer gets its time to say that it is there
        > 5.03 01 "no answer in time"
        < 01e3 0c
        = phase Open
        "#,
    );
    both_sides(
        r#"
        open
        * release
        > 00e4 ff "bye"
        @ late +3600s
        . close 1001
        @ late +3600s
        ! closed: released
        @ late +3600s
        "#,
    );
}
