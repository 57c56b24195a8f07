//! The session against a server of the core: what a page asks, what it loses, what it is told.

mod support;

use coap_ws_core::message::{Code, OptionNumber, Request};
use coap_ws_core::{Config, Side};
use coap_ws_web::{Ask, Failure, Options, Outcome, Refused, Session, Settings};
use std::time::Duration;
use support::{World, bytes};

const SECOND: Duration = Duration::from_secs(1);

fn settings() -> Settings {
    Settings::default()
}

fn mild(limit: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    limit(&mut settings);
    settings
}

// URI-01, WS-34
#[test]
fn connects_asks_and_leaves_in_good_order() {
    let mut world = World::open(settings());
    assert_eq!(world.dialled, ["ws://example.net:8080/.well-known/coap"]);
    let put = world.ask(Code::PUT, "/a/b", b"22.5");
    world.run();
    assert_eq!(world.response(put), (Code::CHANGED, vec![]));
    // Relative to the URI of the session.
    let get = world.ask(Code::GET, "../a/b?x=1", b"");
    let delete = world.ask(Code::DELETE, "/a/b", b"");
    world.run();
    assert_eq!(world.response(get), (Code::CONTENT, b"22.5".to_vec()));
    assert_eq!(world.response(delete), (Code::DELETED, vec![]));
    let none = world.ask(Code::GET, "/a/b", b"");
    world.run();
    assert_eq!(world.response(none), (Code::NOT_FOUND, b"no such thing".to_vec()));

    world.session.close(world.now);
    world.run();
    let [Outcome::Closed { clean: true, refused: false, .. }] = &world.outcomes[..] else {
        panic!("{:?}", world.outcomes);
    };
    assert_eq!(world.session.poll_timeout(), None);
    let late = world.session.request(world.now, "/", Ask::new(Code::GET));
    assert_eq!(late, Err(Refused::Closed));
}

// BLK-12, BLK-17, BERT-02
#[test]
fn a_mebibyte_goes_and_comes_in_blocks() {
    let mut world = World::open(settings());
    let body = bytes(1 << 20);
    let put = world.ask(Code::PUT, "/large", &body);
    world.run();
    assert_eq!(world.response(put), (Code::CHANGED, vec![]));
    assert!(world.server().store["large"] == body);
    // BERT: sixteen messages or so, not a thousand.
    let messages = world.sent.len();
    assert!((16..=20).contains(&messages), "{messages}");
    let get = world.ask(Code::GET, "/large", b"");
    world.run();
    assert!(world.response(get) == (Code::CONTENT, body));
}

// EXT-08, BLK-24
#[test]
fn a_large_body_and_its_large_answer_are_one_operation() {
    let mut world = World::open(settings());
    let body = bytes(1 << 20);
    let post = world.ask(Code::POST, "/echo", &body);
    world.run();
    assert!(world.response(post) == (Code::CHANGED, body));
}

// CSM-16, BLK-11
#[test]
fn a_peer_with_small_messages_gets_small_blocks() {
    let mut world = World::new(settings());
    world.server_config.limits.max_message_size = 200;
    world.run();
    world.accept();
    world.run();
    world.outcomes.remove(0);
    let body = bytes(1000);
    let put = world.ask(Code::PUT, "/large", &body);
    world.run();
    assert_eq!(world.response(put), (Code::CHANGED, vec![]));
    assert!(world.server().store["large"] == body);
    assert!(world.sent.iter().skip(1).all(|message| message.len() <= 200));
    assert_eq!(world.sent.len(), 1 + 8);
}

// BLK-17
#[test]
fn two_bodies_for_one_resource_are_told_apart() {
    let mut world = World::open(settings());
    world.ask(Code::PUT, "/large", &bytes(100_000));
    world.ask(Code::PUT, "/large", &bytes(90_000));
    world.run();
    let tag = |message: &Vec<u8>| {
        let message = coap_ws_core::message::Message::parse(message).unwrap();
        message.option(OptionNumber::REQUEST_TAG).map(<[u8]>::to_vec)
    };
    let mut tags: Vec<_> = world.sent.iter().filter_map(tag).collect();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 2);
}

// OBS-05, OBS-06, OBS-18
#[test]
fn observes_and_deregisters() {
    let mut world = World::open(settings());
    let call = world.observe("/watched");
    world.run();
    for _ in 0..10 {
        let now = world.now;
        world.server().change(now);
        world.run();
    }
    let wanted: Vec<_> = (0..=10).map(|n| format!("state {n}").into_bytes()).collect();
    assert_eq!(world.states(call), wanted);
    assert_eq!(world.server().observers.len(), 1);

    world.session.cancel(world.now, call);
    world.run();
    assert_eq!(world.server().observers.len(), 0);
    assert_eq!(world.server().asked.last().unwrap().2, Some(1));
    let now = world.now;
    world.server().change(now);
    world.run();
    assert_eq!(world.outcomes, []);
}

// OBS-01
#[test]
fn what_cannot_be_observed_is_told_as_the_last_state() {
    let mut world = World::open(settings());
    let call = world.observe("/nowhere");
    world.run();
    assert_eq!(world.response(call).0, Code::NOT_FOUND);
}

// REL-10, PING-14
#[test]
fn a_loss_is_told_and_another_connection_follows() {
    let mut world = World::open(settings());
    let watched = world.observe("/watched");
    world.run();
    world.states(watched);
    world.server().mute = true;
    let seen = world.ask(Code::POST, "/store", b"x");
    world.run();
    world.lose();
    let failed = world.outcomes.remove(0);
    let Outcome::Failed { call, failure: Failure::Lost(_), sent: true } = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(call, seen);
    let Outcome::Lost { retry_in, .. } = world.outcomes.remove(0) else { panic!() };
    // What is asked now waits for the next connection.
    let waits = world.ask(Code::GET, "/watched", b"");
    world.run();
    assert_eq!(world.dialled.len(), 1);
    world.pass(retry_in);
    assert_eq!(world.dialled.len(), 2);
    world.accept();
    world.server().state = 5;
    world.run();
    assert_eq!(world.outcomes.remove(0), Outcome::Open);
    let state = world.outcomes.remove(0);
    let Outcome::Response { call, last: false, .. } = state else { panic!("{state:?}") };
    assert_eq!(call, watched);
    assert_eq!(world.response(waits), (Code::CONTENT, b"state 5".to_vec()));
    let now = world.now;
    world.server().change(now);
    world.run();
    assert_eq!(world.states(watched), [b"state 6"]);
}

#[test]
fn a_transfer_that_was_begun_does_not_outlive_its_connection() {
    let mut world = World::open(settings());
    let call = world.ask(Code::PUT, "/large", &bytes(300_000));
    // The first block is answered, the second is not.
    let output = world.session.poll_output(world.now, 0).unwrap();
    assert!(matches!(output, coap_ws_web::Output::Send(_)));
    world.lose();
    let failed = world.outcomes.remove(0);
    let Outcome::Failed { call: which, failure: Failure::Lost(_), sent: true } = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(which, call);
}

// T10
#[test]
fn a_refused_connection_is_the_end_at_once() {
    let mut world = World::new(settings());
    world.run();
    let call = world.ask(Code::GET, "/", b"");
    world.session.handle_closed(world.now, 1006);
    world.run();
    let [
        Outcome::Failed { call: which, sent: false, .. },
        Outcome::Closed { refused: true, clean: false, .. },
    ] = &world.outcomes[..]
    else {
        panic!("{:?}", world.outcomes);
    };
    assert_eq!(*which, call);
}

#[test]
fn a_websocket_that_does_not_open_is_given_up() {
    let mut world = World::new(settings());
    world.run();
    world.pass(settings().connect_timeout);
    assert_eq!(world.closes, [1000]);
    assert!(matches!(&world.outcomes[..], [Outcome::Closed { refused: true, .. }]));
}

// T94
#[test]
fn no_more_than_256_kib_wait_in_the_websocket() {
    let mut world = World::open(settings());
    world.clogged = true;
    for n in 0..20 {
        world.ask(Code::PUT, &format!("/{n}"), &bytes(60_000));
    }
    world.run();
    assert!(world.buffered > 180_000, "{}", world.buffered);
    assert!(world.most_buffered <= 256 * 1024, "{}", world.most_buffered);
    // It looks again by itself, and goes on when there is room.
    let wait = world.session.poll_timeout().unwrap().saturating_since(world.now);
    assert!(wait <= Duration::from_millis(20), "{wait:?}");
    let sent = world.sent.len();
    world.buffered = 0;
    world.session.handle_timeout(world.now);
    world.run();
    assert!(world.sent.len() > sent);
}

// T53
#[test]
fn a_websocket_that_sends_nothing_is_a_loss() {
    let mut world = World::open(settings());
    world.clogged = true;
    world.ask(Code::GET, "/", b"");
    world.run();
    for _ in 0..1600 {
        world.pass(Duration::from_millis(20));
        world.run();
    }
    let Some(Outcome::Lost { reason, .. }) =
        world.outcomes.iter().find(|o| matches!(o, Outcome::Lost { .. }))
    else {
        panic!("{:?}", world.outcomes);
    };
    assert!(reason.contains("did not read"), "{reason}");
}

// T94, PING-07
#[test]
fn a_timer_that_was_held_back_kills_nothing() {
    let mut world = World::open(settings());
    // A Ping goes out; then the lid is shut, with the Pong on its way.
    world.pass(25 * SECOND);
    assert_eq!(world.sent.last().map(|ping| ping[1]), Some(0xe2));
    world.pass(SECOND);
    let now = world.now;
    world.session.handle_timeout(now);
    world.run();
    world.clogged = true;
    world.pass(25 * SECOND);
    world.clogged = false;
    assert_eq!(world.outcomes, []);
    let hours = 3600 * SECOND;
    world.now = world.now.saturating_add(hours);
    world.session.handle_timeout(world.now);
    // First it listens.
    assert_eq!(world.session.poll_outcome(), None);
    let listens = world.session.poll_timeout().unwrap().saturating_since(world.now);
    assert_eq!(listens, SECOND);
    // An Empty message: a sign of life.
    world.session.handle_message(world.now, vec![0, 0]);
    world.buffered = 0;
    world.pass(SECOND);
    world.run();
    assert!(
        !world.outcomes.iter().any(|o| matches!(o, Outcome::Lost { .. })),
        "{:?}",
        world.outcomes
    );
}

// PING-07
#[test]
fn a_silent_server_is_a_loss() {
    let mut world = World::open(settings());
    world.clogged = true;
    for _ in 0..50 {
        world.pass(SECOND);
        world.buffered = 0;
    }
    assert!(matches!(&world.outcomes[..], [Outcome::Lost { .. }, ..]), "{:?}", world.outcomes);
}

// REL-12
#[test]
fn a_released_session_keeps_away_as_long_as_it_is_asked_to() {
    let mut world = World::open(settings());
    let now = world.now;
    let options = coap_ws_core::ReleaseOptions::default().hold_off(90 * SECOND);
    world.server().connection.release(now, options).unwrap();
    world.run();
    assert_eq!(world.closes[0], 1000);
    let Outcome::Lost { retry_in, .. } = world.outcomes[0] else { panic!("{:?}", world.outcomes) };
    assert_eq!(retry_in, 90 * SECOND);
}

// WS-34, FMT-25
#[test]
fn a_peer_that_breaks_a_rule_is_not_tried_again() {
    let mut world = World::open(settings());
    world.session.handle_message(world.now, vec![0xff, 0xff]);
    world.run();
    assert_eq!(world.closes[0], 4002);
    assert!(matches!(&world.outcomes[..], [Outcome::Closed { clean: false, .. }]));
    let mut world = World::open(settings());
    world.session.handle_text(world.now);
    world.run();
    assert_eq!(world.closes[0], 4003);
}

#[test]
fn the_limit_of_calls_holds_at_the_limit_and_one_above() {
    let mut world = World::open(mild(|settings| settings.max_calls = 3));
    world.server().mute = true;
    for _ in 0..3 {
        let mut ask = Ask::new(Code::GET);
        ask.timeout = Some(20 * SECOND);
        world.session.request(world.now, "/", ask).unwrap();
    }
    let one_more = world.session.request(world.now, "/", Ask::new(Code::GET));
    assert_eq!(one_more, Err(Refused::TooManyCalls { limit: 3 }));
    world.run();
    world.pass(20 * SECOND);
    assert_eq!(world.outcomes.len(), 3);
    let timeout =
        |o: &Outcome| matches!(o, Outcome::Failed { failure: Failure::Timeout, sent: true, .. });
    assert!(world.outcomes.iter().all(timeout), "{:?}", world.outcomes);
    world.ask(Code::GET, "/", b"");
}

#[test]
fn the_limit_of_bodies_holds_at_the_limit_and_one_above() {
    let mut world = World::open(mild(|settings| settings.max_body = 100_000));
    let put = world.ask(Code::PUT, "/a", &bytes(100_000));
    world.run();
    assert_eq!(world.response(put).0, Code::CHANGED);
    let mut ask = Ask::new(Code::PUT);
    ask.body = bytes(100_001).into();
    let refused = world.session.request(world.now, "/a", ask);
    assert_eq!(refused, Err(Refused::TooLarge { size: 100_001, limit: 100_000 }));
    let get = world.ask(Code::GET, "/a", b"");
    world.run();
    assert_eq!(world.response(get).1.len(), 100_000);
    world.server().store.insert("a".into(), bytes(100_001));
    let get = world.ask(Code::GET, "/a", b"");
    world.run();
    let failed = world.outcomes.remove(0);
    let Outcome::Failed { call, failure: Failure::Protocol(_), .. } = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(call, get);
}

// More calls than exchanges: the rest waits and goes out in turn.
#[test]
fn calls_above_the_exchanges_wait_in_order() {
    let mut world = World::open(settings());
    let calls: Vec<_> = (0..200).map(|_| world.ask(Code::GET, "/watched", b"")).collect();
    world.run();
    let told: Vec<_> = calls.iter().map(|call| world.response(*call).0).collect();
    assert!(told.iter().all(|code| *code == Code::CONTENT));
}

// URI-05
#[test]
fn what_cannot_be_asked_is_refused() {
    let mut world = World::open(settings());
    for reference in ["coap+ws://other/", "/a#b", "/%zz", "coap://example.net/"] {
        let refused = world.session.request(world.now, reference, Ask::new(Code::GET));
        assert!(matches!(refused, Err(Refused::Invalid(_))), "{reference}: {refused:?}");
    }
    let mut ask = Ask::new(Code::GET);
    ask.options.add(OptionNumber::BLOCK2, vec![6]);
    assert!(world.session.request(world.now, "/", ask).is_err());
    let mut ask = Ask::new(Code::GET);
    ask.options.add(OptionNumber::ACCEPT, vec![1, 2, 3]);
    assert!(world.session.request(world.now, "/", ask).is_err());
    assert!(world.session.request(world.now, "/", Ask::new(Code::CONTENT)).is_err());
    assert!(Session::new(world.now, "http://h/", settings(), 0).is_err());
}

/// The request that the page is asked to answer.
fn asked(world: &mut World) -> (u32, coap_ws_web::Answer) {
    match world.outcomes.remove(0) {
        Outcome::Request { id, request } => (id, request),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_server_asks_and_the_page_answers() {
    let mut world = World::open(mild(|settings| settings.serves = true));
    let now = world.now;
    world.server().get(now, &Request::get().segment("hello").query("q"));
    world.run();
    let (id, request) = asked(&mut world);
    assert_eq!(request.code, Code::GET);
    assert_eq!(request.options.get(OptionNumber::URI_PATH).unwrap(), &b"hello"[..]);
    world.session.respond(now, id, Code::CONTENT, Options::default(), b"page"[..].into());
    // Nobody waits for a second answer.
    world.session.respond(now, id, Code::CONTENT, Options::default(), b"page"[..].into());
    world.run();
    let (code, message) = world.server().answers.remove(0);
    assert_eq!((code, message.ends_with(b"page")), (Code::CONTENT, true));
    assert_eq!(world.server().answers, []);
}

// TOK-26
#[test]
fn a_page_without_handlers_says_so() {
    let mut world = World::open(settings());
    let now = world.now;
    world.server().get(now, &Request::get().segment("hello"));
    world.run();
    assert_eq!(world.server().answers[0].0, Code::NOT_IMPLEMENTED);
    assert_eq!(world.outcomes, []);
}

#[test]
fn a_page_that_does_not_answer_costs_the_server_no_more_than_a_timeout() {
    let mut world = World::open(mild(|settings| settings.serves = true));
    let now = world.now;
    world.server().get(now, &Request::get().segment("hello"));
    world.run();
    let (id, _) = asked(&mut world);
    world.pass(Config::new(Side::Initiator).answer_timeout);
    assert_eq!(world.server().answers[0].0, Code::SERVICE_UNAVAILABLE);
    assert_eq!(world.outcomes, [Outcome::Expired { id }]);
}
