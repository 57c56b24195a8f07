//! How many may observe, how often they may come and go, and who hears of it (T68, T69).

mod driver_support;
mod observe_support;

use coap_ws_core::Side;
use coap_ws_core::message::{Code, Request as Draft};
use coap_ws_driver::{Notifier, Router};
use driver_support::{Rig, config};
use futures_util::FutureExt;
use observe_support::{Counter, get};
use std::sync::atomic::Ordering;
use std::time::Duration;

// T68: over the budget 4.29; the connection and who observed before live.
#[test]
fn registering_and_deregistering_without_end_is_refused_by_and_by() {
    let counter = Counter::new();
    let mut far = config(Side::Initiator);
    far.connection.limits.max_exchanges = 4096;
    far.connection.keepalive_interval = None;
    let mut rig = Rig::new(config(Side::Acceptor), far, counter.app()).opened();
    for _ in 0..300 {
        let exchange = rig.far.observe(&get());
        rig.run();
        rig.far.deregister(exchange, &get());
        rig.run();
    }
    let refused = rig.far.codes().iter().filter(|code| **code == Code::TOO_MANY_REQUESTS).count();
    assert!(refused >= 100, "{refused}");
    assert!(counter.observers() <= 1, "{}", counter.observers());
    assert!(counter.calls.load(Ordering::Relaxed) <= 256);
    rig.far.request(&get());
    rig.advance(Duration::from_secs(5));
    assert_eq!(rig.far.codes().last(), Some(&Code::CONTENT), "it is only observing that waits");
    rig.far.observe(&get());
    rig.run();
    assert_eq!(rig.far.lasts.last(), Some(&false), "and not for ever");
}

// T69, OBS-02: at the limit, and one beyond.
#[test]
fn beyond_the_limit_of_a_connection_an_answer_is_plain() {
    let counter = Counter::new();
    let mut far = config(Side::Initiator);
    far.connection.limits.max_exchanges = 4096;
    let mut rig = Rig::new(config(Side::Acceptor), far, counter.app()).opened();
    for _ in 0..129 {
        rig.far.observe(&get());
        rig.run();
    }
    assert_eq!(rig.far.codes(), [Code::CONTENT; 129]);
    assert_eq!(rig.far.lasts[..128], [false; 128]);
    assert!(rig.far.lasts[128]);
    assert_eq!(counter.observers(), 128);
    counter.set(1);
    rig.run();
    assert_eq!(rig.far.responses.len(), 129 + 128);
}

// T69
#[test]
fn beyond_the_limit_of_a_resource_an_answer_is_plain() {
    let changed = Notifier::with_limit(2);
    let app = Router::new().observable("/n", (changed.clone(), async || "x"));
    let mut rig = Rig::acceptor(app).opened();
    let exchange = rig.far.observe(&get());
    for _ in 0..2 {
        rig.far.observe(&get());
    }
    rig.run();
    assert_eq!(rig.far.lasts, [false, false, true]);
    rig.far.deregister(exchange, &get());
    rig.run();
    rig.far.observe(&get());
    rig.run();
    assert_eq!(rig.far.lasts[3..], [false]);
    assert_eq!(changed.observers(), 2);
}

// SEC-12: what is kept of observers is bounded in bytes too.
#[test]
fn beyond_the_bytes_that_are_kept_an_answer_is_plain() {
    let changed = Notifier::new();
    let app =
        Router::new().method(Code::FETCH, "/n", async || "x").observable("/n", changed.clone());
    let mut rig = Rig::acceptor(app).opened();
    // Header 2, token 1, Observe 1, path 2, marker 1.
    let half = 32 * 1024 - 7;
    for size in [half, half + 1, half] {
        let payload = vec![7; size];
        let fetch = Draft::new(Code::FETCH).segment("n").payload(&payload);
        rig.far.observe(&fetch);
        rig.run();
    }
    assert_eq!(rig.far.codes(), [Code::CONTENT; 3]);
    assert_eq!(rig.far.lasts, [false, true, false]);
    assert_eq!(changed.observers(), 2);
}

#[test]
fn the_first_and_the_last_observer_are_told_to_who_follows_them() {
    let counter = Counter::new();
    let notifier = counter.resource.notifier().clone();
    let mut rig = Rig::acceptor(counter.app()).opened();
    assert!(notifier.observed().now_or_never().is_none());
    let first = rig.far.observe(&get());
    rig.run();
    assert!(notifier.observed().now_or_never().is_some());
    let second = rig.far.observe(&get());
    rig.run();
    rig.far.deregister(first, &get());
    rig.run();
    assert!(notifier.unobserved().now_or_never().is_none());
    rig.far.deregister(second, &get());
    rig.run();
    assert!(notifier.unobserved().now_or_never().is_some());
}

#[test]
fn what_can_be_observed_says_so_in_the_list_of_links() {
    let links = Counter::new().app().describe("/n", "title", "a number").links();
    assert_eq!(links, r#"</n>;obs;title="a number",</plain>"#);
}
