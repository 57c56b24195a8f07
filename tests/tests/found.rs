//! What the simulation and the fuzz targets have found, each in as few calls as it takes.

use coap_ws_core::message::{Request, Response};
use coap_ws_core::{
    Closing, Config, ConfigError, Connection, Event, Fixed, Heap, Incoming, Instant,
    RequestOptions, SendError, Side, Transmit,
};
use std::time::Duration;

type Tiny = Connection<Fixed<4, 4, 2, 1024>>;

const CSM: [u8; 2] = [0x00, 0xe1];

fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

fn drain<S: coap_ws_core::Storage>(connection: &mut Connection<S>) {
    while connection.poll_transmit().is_some() {}
}

/// A byte of the peer ends the wait for it, and the next wait may be over sooner.
#[test]
fn the_keepalive_deadline_is_never_late() {
    let mut config = Config::new(Side::Initiator);
    config.keepalive_interval = Some(Duration::from_secs(5));
    config.keepalive_timeout = Duration::from_secs(60);
    let mut connection = Connection::<Heap>::new(config).unwrap();
    let _ = connection.handle_message(at(0), &CSM);
    connection.handle_timeout(at(5));
    assert_eq!(connection.poll_timeout(), Some(at(65)));
    connection.handle_alive(at(6));
    assert_eq!(connection.poll_timeout(), Some(at(11)));
}

/// A message that no storage has room for is too large, by a limit that it is above.
#[test]
fn a_fixed_storage_says_how_much_it_can_send() {
    let mut connection = Tiny::new(Config::fixed(Side::Initiator, 1152)).unwrap();
    let payload = [0; 900];
    let request =
        |c: &mut Tiny, n| c.request(at(0), &Request::put(&payload[..n]), RequestOptions::default());
    let limit = connection.max_send();
    assert!(limit < 900, "{limit}");
    // No CSM of the peer's can make it fit.
    let expected = SendError::TooLarge { size: 904, limit };
    assert_eq!(request(&mut connection, 900), Err(expected));
    drain(&mut connection);
    assert!(request(&mut connection, limit - 4).is_ok());
}

/// Room is told when the message that was refused would fit, not when some other would.
#[test]
fn room_is_not_told_while_there_is_none() {
    let mut connection = Tiny::new(Config::fixed(Side::Initiator, 1152)).unwrap();
    let payload = [0; 450];
    let put = Request::put(&payload);
    assert!(connection.request(at(0), &put, RequestOptions::default()).is_ok());
    let refused = connection.request(at(0), &put, RequestOptions::default());
    assert_eq!(refused, Err(SendError::NoRoom));
    assert_eq!(connection.poll_event(), None);
    drain(&mut connection);
    assert_eq!(connection.poll_event(), Some(Event::Room));
    assert!(connection.request(at(0), &put, RequestOptions::default()).is_ok());
}

/// Who waits for output to drain does not wait for responses of the peer: it may be waiting
/// for ours (the mutual back-pressure rule).
#[test]
fn room_for_output_is_told_while_all_exchanges_are_in_flight() {
    let mut config = Config::new(Side::Initiator);
    config.limits.max_exchanges = 1;
    (config.limits.write_high, config.limits.write_low) = (20, 20);
    let mut connection = Connection::<Heap>::new(config).unwrap();
    let _ = connection.handle_message(at(0), &CSM);
    drain(&mut connection);
    let incoming = connection.handle_message(at(0), &[0x01, 0x01, 0x01]);
    let Ok(Some(Incoming::Request { responder, .. })) = incoming else { panic!("{incoming:?}") };
    let _ = connection.request(
        at(0),
        &Request::put(b"more than twenty bytes"),
        RequestOptions::default(),
    );
    let refused = connection.respond(at(0), responder, &Response::content(b"hi"));
    let responder = refused.unwrap_err().responder;
    drain(&mut connection);
    assert_eq!(connection.exchanges_in_flight(), 1);
    assert_eq!(connection.poll_event(), Some(Event::Room));
    assert!(connection.respond(at(0), responder, &Response::content(b"hi")).is_ok());
}

/// Requests that are not sent any more make room too.
#[test]
fn what_cancelled_requests_made_room_for_is_sent_at_once() {
    let mut config = Config::new(Side::Acceptor);
    (config.limits.write_high, config.limits.write_low) = (20, 20);
    config.answer_timeout = Duration::from_secs(1);
    let mut connection = Connection::<Heap>::new(config).unwrap();
    let _ = connection.handle_message(at(0), &CSM);
    drain(&mut connection);
    let incoming = connection.handle_message(at(0), &[0x01, 0x01, 0x01]);
    assert!(matches!(incoming, Ok(Some(Incoming::Request { .. }))));
    let request = Request::put(b"more than twenty bytes");
    let id = connection.request(at(0), &request, RequestOptions::default()).unwrap();
    connection.cancel(at(0), id);
    // The 5.03 waits for room.
    connection.handle_timeout(at(2));
    assert!(connection.poll_transmit().is_some(), "the 5.03");
    assert_eq!(connection.poll_transmit(), None);
}

/// There is always a limit to the number of requests in flight, or there are no tokens.
#[test]
fn a_heap_has_no_largest_table() {
    let mut config = Config::new(Side::Initiator);
    config.limits.max_exchanges = usize::MAX;
    let made = Connection::<Heap>::new(config);
    assert!(matches!(made, Err(ConfigError::Storage { field: "max_exchanges" })), "{made:?}");
}

/// A request that is cancelled while it waits makes room at once, not when `poll_transmit` has
/// said that there is nothing to send.
#[test]
fn room_made_by_a_cancelled_request_is_told_before_the_loop_ends() {
    let mut config = Config::new(Side::Initiator);
    config.limits.max_exchanges = 1;
    let mut connection = Connection::<Heap>::new(config).unwrap();
    drain(&mut connection);
    let request = Request::get();
    let id = connection.request(at(0), &request, RequestOptions::default()).unwrap();
    let refused = connection.request(at(0), &request, RequestOptions::default());
    assert_eq!(refused, Err(SendError::TooManyExchanges));
    connection.cancel(at(0), id);
    assert_eq!(connection.poll_event(), Some(Event::Room));
    assert_eq!(connection.poll_transmit(), None);
}

/// What is overdue goes out before the next message is taken, however many there are.
#[test]
fn a_stream_of_pings_does_not_starve_an_overdue_answer() {
    let mut config = Config::new(Side::Acceptor);
    (config.limits.write_high, config.limits.write_low) = (0, 0);
    config.answer_timeout = Duration::from_secs(1);
    let mut connection = Connection::<Heap>::new(config).unwrap();
    drain(&mut connection);
    let _ = connection.handle_message(at(0), &CSM);
    let incoming = connection.handle_message(at(0), &[0x01, 0x01, 0x01]);
    assert!(matches!(incoming, Ok(Some(Incoming::Request { .. }))));
    let mut answered = false;
    for second in 2..10 {
        // One Ping comes whenever one message went.
        while connection.wants_input() {
            assert!(matches!(connection.handle_message(at(second), &[0x01, 0xe2, 0x07]), Ok(None)));
        }
        connection.handle_timeout(at(second));
        let Some(Transmit::Message(sent)) = connection.poll_transmit() else { continue };
        answered |= sent[1] == 0xa3;
    }
    assert!(answered, "no 5.03");
}

/// Who does not read waits for silence again and again, but not without end at one instant.
#[test]
fn a_keepalive_timeout_of_nothing_is_no_spin() {
    let mut config = Config::new(Side::Initiator);
    config.keepalive_interval = Some(Duration::from_secs(5));
    config.keepalive_timeout = Duration::ZERO;
    (config.limits.write_high, config.limits.write_low) = (20, 20);
    let mut connection = Connection::<Heap>::new(config).unwrap();
    let _ = connection.handle_message(at(0), &CSM);
    let request = Request::put(b"more than twenty bytes");
    assert!(connection.request(at(0), &request, RequestOptions::default()).is_ok());
    assert!(!connection.wants_input());
    for _ in 0..2 {
        connection.handle_timeout(at(5));
    }
    assert_eq!(connection.poll_timeout(), Some(at(6)));
}

/// A connection that is over has no timers, whatever is asked of it.
#[test]
fn a_cancel_after_the_end_sets_no_timer() {
    let mut connection = Connection::<Heap>::new(Config::new(Side::Initiator)).unwrap();
    let id = connection.request(at(0), &Request::get(), RequestOptions::default()).unwrap();
    drain(&mut connection);
    connection.handle_closed(at(1), Closing::Error);
    assert!(connection.cancel(at(1), id), "its failure is not told yet");
    assert!(!connection.cancel(at(1), id));
    assert_eq!(connection.poll_timeout(), None);
}
