//! Observers of ours, over a driver whose other end the test plays (RFC 7641 §4, RFC 8323 §7).

mod driver_support;
mod observe_support;

use coap_ws_core::message::{Code, ContentFormat, OptionNumber, Request as Draft};
use coap_ws_core::{ExchangeId, Side};
use coap_ws_driver::{Notifier, Request, Response, Router};
use driver_support::{Rig, config};
use observe_support::{Counter, get};
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

/// A client that observes `/n`.
fn observed(app: Router) -> (Rig<Router>, ExchangeId) {
    let mut rig = Rig::acceptor(app).opened();
    let exchange = rig.far.observe(&get());
    rig.run();
    (rig, exchange)
}

// OBS-03, OBS-16
#[test]
fn each_change_is_told_by_the_resources_own_get() {
    let counter = Counter::new();
    let (mut rig, exchange) = observed(counter.app());
    for n in 1..=3 {
        counter.set(n);
        rig.run();
    }
    assert_eq!(rig.far.texts(), ["0", "1", "2", "3"]);
    assert_eq!(rig.far.lasts, [false; 4]);
    let numbers: Vec<_> =
        rig.far.responses.iter().map(|(_, message)| message.view().observe()).collect();
    assert_eq!(numbers, [Some(1), Some(2), Some(3), Some(4)]);
    for (other, message) in &rig.far.responses {
        assert_eq!(*other, exchange);
        assert_eq!(message.view().content_format(), Some(ContentFormat::TEXT));
    }
    assert_eq!(counter.observers(), 1);
}

// OBS-16: what the handler says of its age goes along; where it says nothing that is 60 s.
#[test]
fn a_notification_says_how_long_it_is_fresh() {
    let changed = Notifier::new();
    let slow = async || Response::content("x").max_age(86_400);
    let app = Router::new().observable("/n", (changed.clone(), slow));
    let (mut rig, _) = observed(app);
    changed.notify();
    rig.run();
    for (_, message) in &rig.far.responses {
        assert_eq!(message.view().uint(OptionNumber::MAX_AGE), Some(86_400));
    }
    assert_eq!(rig.far.responses.len(), 2);
}

// OBS-02
#[test]
fn what_cannot_be_observed_gives_a_plain_answer() {
    let counter = Counter::new();
    let mut rig = Rig::acceptor(counter.app()).opened();
    rig.far.observe(&Draft::get().segment("plain"));
    rig.far.observe(&Draft::get().segment("missing"));
    rig.run();
    assert_eq!(rig.far.codes(), [Code::CONTENT, Code::NOT_FOUND]);
    assert_eq!(rig.far.lasts, [true, true]);
    // Nor does a GET that does not ask for it.
    rig.far.request(&get());
    rig.run();
    counter.set(1);
    rig.run();
    assert_eq!(rig.far.texts()[2..], ["0"]);
    assert_eq!(counter.observers(), 0);
}

// OBS-01, OBS-08
#[test]
fn fetch_is_observed_by_its_payload() {
    let changed = Notifier::new();
    let app = Router::new()
        .method(Code::FETCH, "/n", async |r: Request| r.body().to_vec())
        .observable("/n", changed.clone());
    let mut rig = Rig::acceptor(app).opened();
    let fetch = Draft::new(Code::FETCH).segment("n").payload(b"which");
    let exchange = rig.far.observe(&fetch);
    rig.run();
    changed.notify();
    rig.run();
    assert_eq!(rig.far.texts(), ["which", "which"]);
    rig.far.deregister(exchange, &fetch);
    rig.run();
    changed.notify();
    rig.run();
    assert_eq!(rig.far.responses.len(), 2);
    assert_eq!(changed.observers(), 0);
}

// OBS-09
#[test]
fn deregistering_ends_it_and_is_answered_like_any_get() {
    let counter = Counter::new();
    let (mut rig, exchange) = observed(counter.app());
    assert_eq!(counter.observers(), 1);
    rig.far.deregister(exchange, &get());
    rig.run();
    assert_eq!(counter.observers(), 0);
    assert_eq!(counter.calls.load(Ordering::Relaxed), 2, "the GET was answered");
    let calls = rig.near.polls;
    counter.set(1);
    rig.run();
    assert_eq!(counter.calls.load(Ordering::Relaxed), 2);
    assert_eq!(rig.near.polls, calls, "the connection is not even woken");
}

// OBS-11
#[test]
fn the_end_of_the_connection_is_the_end_of_its_observers() {
    for end in 0..3 {
        let counter = Counter::new();
        let (mut rig, _) = observed(counter.app());
        match end {
            0 => rig.wire.borrow_mut().end(),
            1 => rig.remote.abort("enough"),
            _ => rig.near.drop_it(),
        }
        rig.run();
        assert_eq!(counter.observers(), 0, "{end}");
        counter.set(1);
        rig.run();
        assert_eq!(rig.far.texts(), ["0"]);
    }
}

// OBS-12
#[test]
fn the_same_token_again_replaces_what_was_registered() {
    let changed = Notifier::new();
    let app = Router::new().observable(
        "/n",
        (changed.clone(), async |r: Request| r.query("as").unwrap_or("?").to_owned()),
    );
    let mut rig = Rig::acceptor(app).opened();
    let raw = |text: &str| {
        let query = format!("as={text}");
        let get = [&[0x01, 0x01, 0x4a, 0x60, 0x51][..], b"n", &[0x44], query.as_bytes()].concat();
        // A masked frame whose mask is nothing.
        [&[0x82, 0x80 | get.len() as u8, 0, 0, 0, 0][..], &get].concat()
    };
    for text in ["a", "b"] {
        rig.wire.borrow_mut().give(&raw(text));
        rig.run();
        assert_eq!(changed.observers(), 1);
    }
    let before = rig.far.engine.connection().unwrap().stats().responses_received;
    changed.notify();
    rig.run();
    let after = rig.far.engine.connection().unwrap().stats().responses_received;
    assert_eq!(after - before, 1, "one notification for one change");
}

// OBS-15
#[test]
fn a_change_of_format_is_4_06_and_the_end() {
    let turn = Arc::new(AtomicUsize::new(0));
    let changed = Notifier::new();
    let handler = move || {
        let format = match turn.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => ContentFormat::TEXT,
            _ => ContentFormat::JSON,
        };
        async move { Response::content("1").content_format(format) }
    };
    let app = Router::new().observable("/n", (changed.clone(), handler));
    let (mut rig, _) = observed(app);
    for _ in 0..3 {
        changed.notify();
        rig.run();
    }
    assert_eq!(rig.far.codes(), [Code::CONTENT, Code::CONTENT, Code::NOT_ACCEPTABLE]);
    assert_eq!(rig.far.lasts, [false, false, true]);
    assert_eq!(changed.observers(), 0);
}

// OBS-15: that Accept asks for it is seen by the handler, each time.
#[test]
fn accept_holds_for_each_notification() {
    let changed = Notifier::new();
    let handler = async |r: Request| match r.accept() {
        Some(format) => Response::content("x").content_format(format),
        None => Response::error(Code::BAD_REQUEST, "there is no Accept"),
    };
    let app = Router::new().observable("/n", (changed.clone(), handler));
    let mut rig = Rig::acceptor(app).opened();
    rig.far.observe(&get().accept(ContentFormat::CBOR));
    rig.far.observe(&get().accept(ContentFormat::JSON));
    rig.run();
    changed.notify();
    rig.run();
    let formats: Vec<_> =
        rig.far.responses.iter().map(|(_, message)| message.view().content_format()).collect();
    let (cbor, json) = (Some(ContentFormat::CBOR), Some(ContentFormat::JSON));
    assert_eq!(formats[..2], [cbor, json]);
    assert!(formats[2..] == [cbor, json] || formats[2..] == [json, cbor], "{formats:?}");
}

// OBS-20
#[test]
fn a_known_etag_is_told_by_2_03_with_observe() {
    let etag = Arc::new(Mutex::new(b"a".to_vec()));
    let changed = Notifier::new();
    let current = Arc::clone(&etag);
    let handler = move |r: Request| {
        let current = current.lock().unwrap().clone();
        let known = r.view().options_of(OptionNumber::ETAG).any(|etag| etag == current);
        async move {
            match known {
                true => Response::new(Code::VALID).etag(current),
                false => Response::content("new").content_format(ContentFormat::TEXT).etag(current),
            }
        }
    };
    let app = Router::new().observable("/n", (changed.clone(), handler));
    let mut rig = Rig::acceptor(app).opened();
    rig.far.observe(&get().option(OptionNumber::ETAG, b"a"));
    rig.run();
    for next in ["b", "a"] {
        *etag.lock().unwrap() = next.into();
        changed.notify();
        rig.run();
    }
    assert_eq!(rig.far.codes(), [Code::VALID, Code::CONTENT, Code::VALID]);
    assert_eq!(rig.far.lasts, [false; 3], "a 2.03 has no format that could be another one");
}

// OBS-03
#[test]
fn an_error_ends_it() {
    let alive = Arc::new(AtomicUsize::new(1));
    let changed = Notifier::new();
    let state = Arc::clone(&alive);
    let handler = move || {
        let alive = state.load(Ordering::Relaxed) == 1;
        async move { if alive { Ok("here") } else { Err(Code::NOT_FOUND) } }
    };
    let app = Router::new().observable("/n", (changed.clone(), handler));
    let (mut rig, _) = observed(app);
    alive.store(0, Ordering::Relaxed);
    changed.notify();
    rig.run();
    assert_eq!(rig.far.codes(), [Code::CONTENT, Code::NOT_FOUND]);
    assert_eq!(rig.far.responses[1].1.view().observe(), None);
    assert_eq!(changed.observers(), 0);
}

// OBS-18, T70: however often it is said, each observer is told once, and its connection woken
// once.
#[test]
fn many_changes_at_once_are_one_wake_and_one_notification() {
    let counter = Counter::new();
    let (mut rig, _) = observed(counter.app());
    let wakes = rig.near.wakes();
    for n in 1..=1000 {
        counter.set(n);
    }
    assert_eq!(rig.near.wakes() - wakes, 1);
    rig.run();
    assert_eq!(rig.far.texts(), ["0", "1000"]);
    assert_eq!(counter.calls.load(Ordering::Relaxed), 2);
}

// OBS-18, OBS-19, T70: the stream takes nothing; no handler is called for what cannot be sent,
// and what is told in the end is how things are then.
#[test]
fn a_slow_reader_gets_the_last_state_and_costs_no_memory() {
    let payload = Arc::new(AtomicUsize::new(0));
    let changed = Notifier::new();
    let (state, calls) = (Arc::clone(&payload), Arc::new(AtomicUsize::new(0)));
    let called = Arc::clone(&calls);
    let handler = move || {
        called.fetch_add(1, Ordering::Relaxed);
        let text = format!("{:0>10000}", state.load(Ordering::Relaxed));
        async move { text }
    };
    let app = Router::new().observable("/n", (changed.clone(), handler));
    let (mut rig, _) = observed(app);
    rig.wire.borrow_mut().stuck = true;
    for n in 1..=10_000 {
        payload.store(n, Ordering::Relaxed);
        changed.notify();
        rig.near.run(1000);
    }
    let made = calls.load(Ordering::Relaxed);
    assert!(made < 20, "{made} notifications were made for a stream that takes nothing");
    rig.wire.borrow_mut().unstick();
    rig.run();
    assert_eq!(rig.far.texts().last().unwrap().parse(), Ok(10_000));
}

// OBS-18: what changes while the handler of the registration is at work.
#[test]
fn a_change_before_the_first_answer_is_told_after_it() {
    let gate = Arc::new(Semaphore::new(0));
    let changed = Notifier::new();
    let state = Arc::new(AtomicUsize::new(0));
    let (open, value) = (Arc::clone(&gate), Arc::clone(&state));
    let handler = move || {
        let (open, seen) = (Arc::clone(&open), value.load(Ordering::Relaxed));
        async move {
            open.acquire().await.unwrap().forget();
            seen.to_string()
        }
    };
    let app = Router::new().observable("/n", (changed.clone(), handler));
    let (mut rig, _) = observed(app);
    assert_eq!(changed.observers(), 0, "it does not observe yet");
    state.store(1, Ordering::Relaxed);
    changed.notify();
    gate.add_permits(1);
    rig.run();
    assert_eq!(rig.far.texts(), ["0"]);
    // And while that of a notification is: one at a time.
    for n in 2..=5 {
        state.store(n, Ordering::Relaxed);
        changed.notify();
        rig.run();
    }
    gate.add_permits(1);
    rig.run();
    assert_eq!(rig.far.texts(), ["0", "1"]);
    gate.add_permits(9);
    rig.run();
    assert_eq!(rig.far.texts(), ["0", "1", "5"]);
    assert_eq!(gate.available_permits(), 8, "nothing more was made");
}

#[test]
fn a_change_that_the_handler_itself_makes_is_told_once_and_spins_nothing() {
    let changed = Notifier::new();
    let own = changed.clone();
    let left = Arc::new(AtomicUsize::new(3));
    let handler = move || {
        if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
            own.notify();
        }
        async { "x" }
    };
    let app = Router::new().observable("/n", (changed, handler));
    let (rig, _) = observed(app);
    assert_eq!(rig.far.responses.len(), 4);
}

// T70: a resource that changes whenever it is looked at keeps nobody else from the thread.
#[test]
fn a_resource_that_never_rests_leaves_the_thread_to_others() {
    let changed = Notifier::new();
    let (own, calls) = (changed.clone(), Arc::new(AtomicUsize::new(0)));
    let called = Arc::clone(&calls);
    let handler = move || {
        called.fetch_add(1, Ordering::Relaxed);
        own.notify();
        async { "x" }
    };
    let app = Router::new().observable("/n", (changed, handler));
    let mut rig = Rig::acceptor(app).opened();
    rig.far.observe(&get());
    let bytes = rig.far.take_output();
    rig.wire.borrow_mut().give(&bytes);
    for poll in 1..=3 {
        rig.near.poll();
        assert_eq!(calls.load(Ordering::Relaxed), 1 + 128 * poll);
        assert!(rig.near.is_woken(), "it goes on");
    }
}

// T79
#[test]
fn a_notification_that_is_not_made_in_time_is_5_03_and_the_end() {
    let first = Arc::new(AtomicUsize::new(0));
    let changed = Notifier::new();
    let handler = move || {
        let never = first.fetch_add(1, Ordering::Relaxed) > 0;
        async move {
            if never {
                pending::<()>().await;
            }
            "x"
        }
    };
    let app = Router::new().observable("/n", (changed.clone(), handler));
    let (mut rig, _) = observed(app);
    changed.notify();
    rig.advance(Duration::from_secs(24));
    assert_eq!(rig.far.responses.len(), 1);
    rig.advance(Duration::from_secs(2));
    assert_eq!(rig.far.codes(), [Code::CONTENT, Code::SERVICE_UNAVAILABLE]);
    assert_eq!(changed.observers(), 0);
    rig.advance(Duration::from_secs(100));
    assert!(rig.far.closed.is_none());
}

// T78
#[test]
fn a_handler_that_panics_ends_its_observation_and_nothing_else() {
    let first = Arc::new(AtomicUsize::new(0));
    let changed = Notifier::new();
    let handler = move || {
        let panics = first.fetch_add(1, Ordering::Relaxed) > 0;
        async move {
            assert!(!panics, "the second time");
            "x"
        }
    };
    let counter = Counter::new();
    let app = counter.app().observable("/panics", (changed.clone(), handler));
    let (mut rig, _) = observed(app);
    rig.far.observe(&Draft::get().segment("panics"));
    rig.run();
    changed.notify();
    rig.run();
    assert_eq!(rig.far.codes()[2..], [Code::INTERNAL_SERVER_ERROR]);
    counter.set(1);
    rig.run();
    assert_eq!(rig.far.texts()[3..], ["1"]);
    assert_eq!((changed.observers(), counter.observers()), (0, 1));
}

// CSM-16
#[test]
fn without_blocks_a_notification_that_is_too_large_is_5_00_and_the_end() {
    let size = Arc::new(AtomicUsize::new(10));
    let changed = Notifier::new();
    let now = Arc::clone(&size);
    let handler = move || {
        let size = now.load(Ordering::Relaxed);
        async move { vec![7; size] }
    };
    let app = Router::new().observable("/n", (changed.clone(), handler));
    let mut near = config(Side::Acceptor);
    near.block_wise = false.into();
    let mut rig = Rig::new(near, config(Side::Initiator), app).opened();
    rig.far.observe(&get());
    rig.run();
    size.store(10_000_000, Ordering::Relaxed);
    changed.notify();
    rig.run();
    assert_eq!(rig.far.codes(), [Code::CONTENT, Code::INTERNAL_SERVER_ERROR]);
    assert_eq!(changed.observers(), 0);
}

// OBS-25, OBS-11
#[test]
fn the_same_token_on_another_connection_is_another_observer() {
    let counter = Counter::new();
    let (mut first, one) = observed(counter.app());
    let (mut second, other) = observed(counter.app());
    assert_eq!(one, other, "the same token");
    assert_eq!(counter.observers(), 2);
    counter.set(1);
    first.run();
    second.run();
    first.far.deregister(one, &get());
    first.run();
    assert_eq!(counter.observers(), 1);
    counter.set(2);
    first.run();
    second.run();
    assert_eq!(first.far.texts(), ["0", "1"]);
    assert_eq!(second.far.texts(), ["0", "1", "2"]);
}

// OBS-26
#[test]
fn who_releases_notifies_no_more() {
    let counter = Counter::new();
    let (mut rig, _) = observed(counter.app());
    let mut release = driver_support::Task::new({
        let remote = rig.remote.clone();
        async move { remote.release().await }
    });
    release.run(10);
    counter.set(1);
    rig.run();
    assert!(rig.far.released);
    assert_eq!(rig.far.texts(), ["0"]);
    assert_eq!(counter.observers(), 0);
}
