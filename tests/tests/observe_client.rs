//! Observations of ours, over a driver whose other end the test plays (RFC 7641 §3,
//! RFC 8323 §7).

mod driver_support;

use coap_ws_core::message::{Code, ContentFormat, OptionNumber};
use coap_ws_core::{CloseReason, Side};
use coap_ws_driver::{Error, ErrorKind, NoHandler, Observation, ObserveBuilder, Response};
use driver_support::{Rig, Task, config};
use futures_util::{FutureExt, StreamExt};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

type Item = Option<Result<Response, Error>>;

/// A far end that answers each registration with how things are: `0`.
fn rig() -> Rig<NoHandler> {
    let mut rig = Rig::asking().opened();
    rig.far.observable = true;
    rig.far.answers(|_| Some(Response::content("0")));
    rig
}

fn begin(rig: &mut Rig<NoHandler>, builder: ObserveBuilder) -> Observation {
    rig.finish(builder.send()).expect("it is answered")
}

fn text(item: Item) -> String {
    item.expect("it goes on").expect("it is a response").text().expect("it is text")
}

/// What there is to read now, `None` where that is nothing.
fn now(seen: &mut Observation) -> Option<Item> {
    seen.next().now_or_never()
}

// OBS-05, OBS-04
#[test]
fn notifications_come_in_the_order_of_their_arrival_whatever_they_are_numbered() {
    // The far end leaves the answer to the test, for longer than the rule of 128 s lasts.
    let (near, mut far) = (config(Side::Initiator), config(Side::Acceptor));
    (far.connection.answer_timeout, far.connection.drain_timeout) = (200 * SECOND, 201 * SECOND);
    (far.connection.release_timeout, far.connection.request_timeout) = (202 * SECOND, 203 * SECOND);
    let mut rig = Rig::new(near, far, NoHandler).opened();
    let mut task = Task::new(rig.remote.observe("/time").send());
    task.run(10);
    rig.run();
    let (_responder, message) = rig.far.requests.remove(0);
    assert_eq!(message.view().observe(), Some(0));
    let token = message.view().token().to_vec();
    let tell = |rig: &mut Rig<NoHandler>, number: &[u8], text: &str| {
        let mut bytes = vec![token.len() as u8, 0x45];
        bytes.extend(&token);
        bytes.push(0x60 | number.len() as u8);
        bytes.extend(number);
        bytes.push(0xff);
        bytes.extend(text.as_bytes());
        // An unmasked binary frame, as an acceptor sends it.
        let frame = [&[0x82, bytes.len() as u8][..], &bytes].concat();
        rig.wire.borrow_mut().give(&frame);
        rig.run();
    };
    tell(&mut rig, &[5], "a");
    task.run(10);
    let mut seen = task.output.take().expect("it is answered").expect("it is registered");
    assert_eq!(text(seen.next().now_or_never().flatten()), "a");
    for (number, told) in [(&[1][..], "b"), (&[5], "c"), (&[], "d"), (&[255, 255, 255], "e")] {
        tell(&mut rig, number, told);
        assert_eq!(text(now(&mut seen).flatten()), told);
    }
    rig.advance(129 * SECOND);
    tell(&mut rig, &[0], "f");
    assert_eq!(text(now(&mut seen).flatten()), "f");
}

#[test]
fn the_first_item_is_the_answer_and_it_is_a_stream_too() {
    let mut rig = rig();
    let builder = rig.remote.observe("/time");
    let mut seen = begin(&mut rig, builder);
    assert!(seen.is_observing());
    assert_eq!(text(StreamExt::next(&mut seen).now_or_never().flatten()), "0");
    assert!(now(&mut seen).is_none(), "nothing has changed");
    rig.far.notify(&Response::content("1"));
    rig.run();
    assert_eq!(text(StreamExt::next(&mut seen).now_or_never().flatten()), "1");
}

// OBS-18: the last is kept, whatever the reader does; nothing else is.
#[test]
fn of_what_was_not_read_the_last_is_kept() {
    let mut rig = rig();
    let builder = rig.remote.observe("/time");
    let mut seen = begin(&mut rig, builder);
    for n in 1..=1000 {
        rig.far.notify(&Response::content(n.to_string()));
        rig.run();
    }
    assert_eq!(text(now(&mut seen).flatten()), "0");
    assert_eq!(text(now(&mut seen).flatten()), "1000");
    assert!(now(&mut seen).is_none());
}

// OBS-02
#[test]
fn a_server_that_does_not_notify_gives_one_item() {
    let mut rig = rig();
    rig.far.observable = false;
    let builder = rig.remote.observe("/time");
    let mut seen = begin(&mut rig, builder);
    assert!(!seen.is_observing());
    assert_eq!(text(now(&mut seen).flatten()), "0");
    assert!(matches!(now(&mut seen), Some(None)));
    assert!(matches!(now(&mut seen), Some(None)));
    drop(seen);
    rig.far.answer = None;
    rig.run();
    assert!(rig.far.requests.is_empty(), "there is nothing to deregister");
}

// OBS-02: an error is an answer.
#[test]
fn an_error_at_once_is_the_only_item() {
    let mut rig = rig();
    rig.far.answers(|_| Some(Response::error(Code::NOT_FOUND, "no")));
    let builder = rig.remote.observe("/time");
    let mut seen = begin(&mut rig, builder);
    assert!(!seen.is_observing());
    let first = now(&mut seen).flatten().unwrap().unwrap();
    assert_eq!(first.code(), Code::NOT_FOUND);
    assert!(matches!(now(&mut seen), Some(None)));
}

// OBS-03
#[test]
fn an_error_ends_it_behind_the_last_state() {
    let mut rig = rig();
    let builder = rig.remote.observe("/time");
    let mut seen = begin(&mut rig, builder);
    assert_eq!(text(now(&mut seen).flatten()), "0");
    rig.far.notify(&Response::content("1"));
    rig.far.notify(&Response::error(Code::NOT_FOUND, "gone"));
    rig.run();
    assert!(!seen.is_observing());
    assert_eq!(text(now(&mut seen).flatten()), "1");
    assert_eq!(now(&mut seen).flatten().unwrap().unwrap().code(), Code::NOT_FOUND);
    assert!(matches!(now(&mut seen), Some(None)));
}

/// What of a request counts when it is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    code: Code,
    token: Vec<u8>,
    /// Without Observe.
    options: Vec<(OptionNumber, Vec<u8>)>,
    observe: Option<u32>,
    payload: Vec<u8>,
}

/// The last request that the far end has got and not answered.
fn asked(rig: &Rig<NoHandler>) -> Asked {
    let (_, message) = rig.far.requests.last().expect("there is a request");
    let view = message.view();
    let options = view.options().filter(|option| option.number != OptionNumber::OBSERVE);
    Asked {
        code: view.code(),
        token: view.token().to_vec(),
        options: options.map(|option| (option.number, option.value.to_vec())).collect(),
        observe: view.observe(),
        payload: view.payload().to_vec(),
    }
}

// OBS-06, OBS-07, OBS-10
#[test]
fn dropping_it_repeats_the_request_with_observe_1() {
    let mut rig = Rig::asking().opened();
    rig.far.observable = true;
    let builder = rig.remote.observe("/time?zone=utc").accept(ContentFormat::CBOR).etag(&b"e"[..]);
    let mut task = Task::new(builder.send());
    task.run(10);
    rig.run();
    let registration = asked(&rig);
    assert_eq!((registration.observe, registration.options.len()), (Some(0), 4));
    rig.far.respond_next(&Response::content("0"));
    rig.run();
    task.run(10);
    let seen = task.output.take().unwrap().unwrap();
    assert_eq!(rig.far.open(), 0);
    drop(seen);
    rig.run();
    let mut same = Asked { observe: Some(1), ..registration };
    same.options.retain(|(number, _)| *number != OptionNumber::ETAG);
    assert_eq!(asked(&rig), same);
    assert_eq!(rig.far.gone.len(), 1, "the server has heard it");
}

// OBS-08
#[test]
fn an_observation_by_fetch_ends_by_fetch() {
    let mut rig = Rig::asking().opened();
    rig.far.observable = true;
    let fetch = rig.remote.request(Code::FETCH, "/time").body("which").observe();
    let mut task = Task::new(fetch.send());
    task.run(10);
    rig.run();
    let registration = asked(&rig);
    assert_eq!((registration.observe, &registration.payload[..]), (Some(0), &b"which"[..]));
    rig.far.respond_next(&Response::content("0"));
    rig.run();
    task.run(10);
    drop(task.output.take());
    rig.run();
    assert_eq!(registration.code, Code::FETCH);
    assert_eq!(asked(&rig), Asked { observe: Some(1), ..registration });
}

// OBS-06: nobody listens any more, though there was no answer yet.
#[test]
fn dropping_the_registration_deregisters_what_has_left() {
    let mut rig = Rig::asking().opened();
    let mut task = Task::new(rig.remote.observe("/time").send());
    task.run(10);
    rig.run();
    assert_eq!(rig.far.requests.len(), 1);
    task.drop_it();
    rig.run();
    assert_eq!(rig.far.requests.len(), 2);
    assert_eq!(asked(&rig).observe, Some(1));
}

#[test]
fn a_registration_that_has_not_left_is_not_sent() {
    let rig = Rig::asking();
    let mut task = Task::new(rig.remote.observe("/time").send());
    task.run(10);
    task.drop_it();
    let mut rig = rig.opened();
    rig.run();
    assert!(rig.far.requests.is_empty());
}

// OBS-06: a deregistration waits for room like any request, and is not forgotten.
#[test]
fn deregistrations_wait_for_room() {
    let mut rig = rig();
    let mut all = Vec::new();
    for n in 0..60 {
        let builder = rig.remote.observe(&format!("/{n}"));
        all.push(begin(&mut rig, builder));
    }
    rig.far.answer = None;
    rig.far.observable = false;
    // Two large requests fill the output of a stream that takes nothing.
    rig.wire.borrow_mut().stuck = true;
    let mut uploads: Vec<_> =
        (0..3).map(|_| Task::new(rig.remote.put("/big").body(vec![7; 60_000]).send())).collect();
    uploads.iter_mut().for_each(|task| _ = task.run(10));
    rig.run();
    all.clear();
    rig.run();
    rig.wire.borrow_mut().unstick();
    rig.run();
    let leaving = rig.far.requests.iter().filter(|(_, m)| m.view().observe() == Some(1));
    assert_eq!(leaving.count(), 60);
}

// OBS-11, T71 from our side: loss is an item, then the end.
#[test]
fn the_loss_of_the_connection_is_an_item_then_the_end() {
    let mut rig = rig();
    let builder = rig.remote.observe("/time");
    let mut seen = begin(&mut rig, builder);
    rig.far.notify(&Response::content("1"));
    rig.run();
    rig.wire.borrow_mut().end();
    rig.run();
    assert!(!seen.is_observing());
    assert_eq!(text(now(&mut seen).flatten()), "0");
    assert_eq!(text(now(&mut seen).flatten()), "1", "the last state is not lost");
    let error = now(&mut seen).flatten().unwrap().unwrap_err();
    let ErrorKind::Closed(closed) = error.kind() else { panic!("{error}") };
    assert_eq!(closed.reason, CloseReason::Lost);
    assert!(matches!(now(&mut seen), Some(None)));
}

#[test]
fn a_task_that_is_dropped_is_a_loss() {
    let mut rig = rig();
    let builder = rig.remote.observe("/time");
    let mut seen = begin(&mut rig, builder);
    assert_eq!(text(now(&mut seen).flatten()), "0");
    let mut next = Task::new(async move {
        let item = seen.next().await;
        (item, seen.next().await)
    });
    next.run(10);
    rig.near.drop_it();
    next.run(10);
    let (lost, end) = next.output.take().expect("it is told");
    assert!(lost.unwrap().unwrap_err().is_closed() && end.is_none());
}

// OBS-26
#[test]
fn a_release_of_the_server_ends_it() {
    let mut rig = rig();
    let builder = rig.remote.observe("/time");
    let mut seen = begin(&mut rig, builder);
    let now_ = rig.time.now();
    rig.far.engine.release(now_, Default::default()).unwrap();
    rig.run();
    assert_eq!(text(now(&mut seen).flatten()), "0");
    let error = now(&mut seen).flatten().unwrap().unwrap_err();
    let ErrorKind::Closed(closed) = error.kind() else { panic!("{error}") };
    assert_eq!(closed.reason, CloseReason::Released);
}

// Each observation is a registration of its own, with options of its own; who wants one for many
// shares one. RFC 7641 §3.1 wants that of the endpoint: an exception, see DESIGN.md.
#[test]
fn two_observations_are_two_registrations() {
    let mut rig = rig();
    let both = [rig.remote.observe("/time"), rig.remote.observe("/time")];
    let mut both = both.map(|builder| begin(&mut rig, builder));
    assert_eq!(rig.far.observers.len(), 2);
    rig.far.notify(&Response::content("1"));
    rig.run();
    let [first, second] = &mut both;
    assert_eq!(text(now(first).flatten()), "0");
    assert!(now(first).is_none());
    assert_eq!(text(now(second).flatten()), "0");
    assert_eq!(text(now(second).flatten()), "1");
}

// OBS-17, OBS-27, PING-10: a state that is older than its Max-Age is not taken for how things
// are because of its age, but because the connection lives, which Pings make sure of; nothing
// is registered again.
#[test]
fn silence_is_asked_about_by_pings_and_never_by_another_registration() {
    let mut near = config(Side::Initiator);
    near.connection.keepalive_interval = Some(Duration::from_secs(25));
    let mut far = config(Side::Acceptor);
    far.connection.keepalive_interval = None;
    let mut rig = Rig::new(near, far, NoHandler).opened();
    rig.far.observable = true;
    rig.far.answers(|_| Some(Response::content("0").max_age(5)));
    let builder = rig.remote.observe("/time");
    let mut seen = begin(&mut rig, builder);
    let first = now(&mut seen).flatten().unwrap().unwrap();
    assert_eq!(first.fresh_for(), Duration::from_secs(5));
    assert_eq!(Response::content("x").fresh_for(), Duration::from_secs(60));
    let stats = |rig: &Rig<NoHandler>| *rig.far.engine.connection().unwrap().stats();
    let before = stats(&rig);
    rig.advance(Duration::from_secs(100));
    let after = stats(&rig);
    assert_eq!(after.requests_received, before.requests_received);
    assert!(after.messages_received - before.messages_received >= 3, "{after:?}");
    assert!(seen.is_observing());
    // A peer that is dead is found out, and that is an item.
    rig.far.mute = true;
    rig.advance(Duration::from_secs(60));
    assert!(now(&mut seen).flatten().unwrap().unwrap_err().is_closed());
}

#[test]
fn a_registration_that_gets_no_answer_is_a_timeout() {
    let mut rig = Rig::asking().opened();
    let builder = rig.remote.observe("/time").timeout(Duration::from_secs(3));
    let start = rig.time.now();
    let error = rig.finish(builder.send()).unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(rig.time.now().saturating_since(start), Duration::from_secs(3));
}

#[test]
fn what_is_no_reference_is_said_before_anything_is_sent() {
    let mut rig = Rig::asking().opened();
    let builder = rig.remote.observe("coap+ws://elsewhere/time");
    let error = rig.finish(builder.send()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::OtherAuthority));
}

// SEC-12: observations have the places of requests, and wait for one.
#[test]
fn one_more_than_there_are_exchanges_waits() {
    let mut rig = rig();
    let mut all = Vec::new();
    for n in 0..64 {
        let builder = rig.remote.observe(&format!("/{n}"));
        all.push(begin(&mut rig, builder));
    }
    let builder = rig.remote.observe("/one-more").timeout(Duration::from_secs(1));
    let mut more = Task::new(builder.clone().send());
    more.run(10);
    rig.run();
    assert!(more.output.is_none());
    rig.advance(Duration::from_secs(2));
    more.run(10);
    assert!(more.output.take().unwrap().unwrap_err().is_timeout());
    all.pop();
    rig.run();
    assert!(begin(&mut rig, builder).is_observing());
}
