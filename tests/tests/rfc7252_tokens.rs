//! RFC 7252 §5.3, RFC 8323 §3.3, RFC 9175 §4.2: tokens and whose response it is.

use coap_ws_core::message::{Message, Request};
use coap_ws_core::{Config, Connection, Heap, Instant, Side, Transmit};
use coap_ws_tests::transcript::{acceptor, both_sides};
use std::collections::BTreeSet;

// TOK-01, TOK-04, TOK-10, TOK-12
#[test]
fn any_token_of_the_peer_is_echoed_in_any_order() {
    both_sides(
        r#"
        open
        < GET - /a
        ! request GET - /a
        < GET 00 /a
        ! request GET 00 /a
        < GET 0000 /a
        ! request GET 0000 /a
        < GET fffefdfcfbfaf9f8 /a
        ! request GET fffefdfcfbfaf9f8 /a
        * respond #3 2.05 "3"
        > 0245 0000 ff 33
        * respond #1 2.05 "1"
        > 0045 ff 31
        * respond #4 4.04
        > 0884 fffefdfcfbfaf9f8
        * respond #2 5.00
        > 01a0 00
        "#,
    );
}

// TOK-03, T67
#[test]
fn the_two_directions_have_tokens_of_their_own() {
    both_sides(
        r#"
        open
        * GET /theirs
        > GET 04 /theirs
        < GET 04 /ours
        ! request GET 04 /ours
        < 0145 04 ff 61
        ! response 2.05 04 "a"
        * respond 2.05 "b"
        > 0145 04 ff 62
        "#,
    );
}

// TOK-05, TOK-06, TOK-07, TOK-08, TOK-09, SEC-14, NR-10, NR-11, T62
#[test]
fn tokens_are_a_sequence_and_none_comes_twice() {
    acceptor(
        r#"
        open
        * GET /a
        > GET 04 /a
        * cancel 04
        * GET /b                    ; another slot: the first is not over
        > GET 09 /b
        < 0145 09
        ! response 2.05 09
        * GET /c
        > GET 0d /c
        < 0145 04                   ; late
        * GET /d
        > GET 10 /d
        < 0145 09                   ; twice
        = late 2
        "#,
    );
}

// TOK-05, TOK-07, T63
#[test]
fn ten_thousand_tokens_are_all_different_and_as_short_as_can_be() {
    let now = Instant::ZERO;
    let mut connection = Connection::<Heap>::new(Config::new(Side::Initiator)).unwrap();
    let mut seen = BTreeSet::new();
    for round in 0..10_000_u32 {
        let request = Request::get().no_response(26);
        let exchange = connection.request(now, &request, Default::default()).unwrap();
        while let Some(Transmit::Message(bytes)) = connection.poll_transmit() {
            let message = Message::parse(bytes).unwrap();
            if message.code().is_request() {
                assert_eq!(message.token(), exchange.token().as_bytes());
                assert!(seen.insert(message.token().to_vec()), "{round}: twice");
                let fewest = (u64::BITS - exchange.get().leading_zeros()).div_ceil(8);
                assert_eq!(message.token().len(), fewest as usize);
            }
        }
        while connection.poll_event().is_some() {}
    }
    assert_eq!(seen.len(), 10_000);
}

// TOK-06, NR-11, T62, T66
#[test]
fn a_late_response_never_meets_a_later_request() {
    both_sides(
        r#"
        open
        * GET /slow timeout=5s
        > GET 04 /slow
        @ +5s
        ! failed 04 maybe: no response within the timeout
        * GET /other                ; in the same slot
        > GET 08 /other
        < 0145 04 ff "slow"
        = late 1
        < 0145 08 ff "other"
        ! response 2.05 08 "other"
        < 0145 08 ff "again"
        = late 2
        = in_flight 0
        "#,
    );
}

// TOK-12
#[test]
fn responses_come_in_any_order() {
    both_sides(
        r#"
        open
        * GET /slow
        > GET 04 /slow
        * GET /fast
        > GET 09 /fast
        * GET /faster
        > GET 0e /faster
        < 0145 0e
        ! response 2.05 0e
        < 0145 09
        ! response 2.05 09
        < 0145 04
        ! response 2.05 04
        "#,
    );
}

// TOK-13, TOK-04, T65
#[test]
fn a_response_to_nothing_is_dropped_and_counted() {
    both_sides(
        r#"
        open
        * GET /a
        > GET 04 /a
        < 0145 ee
        < 0045
        < 0245 0004                 ; not the same token
        < 0145 05                   ; nor is this: there is no such slot
        < 0145 08                   ; not sent yet
        < 0945 010101010101010104
        = unmatched 5
        = late 1
        < 0145 04 ff 78
        ! response 2.05 04 "x"
        "#,
    );
}

// TOK-13, PING-14
#[test]
fn a_response_to_a_request_that_still_waits_here_is_none() {
    both_sides(
        r#"
        open
        * hold
        * GET /a
        < 0145 04
        = unmatched 1
        = in_flight 1
        * flow
        > GET 04 /a
        < 0145 04
        ! response 2.05 04
        "#,
    );
}

// TOK-13, TOK-06, PING-14
#[test]
fn cancelling_what_was_not_sent_sends_nothing() {
    both_sides(
        r#"
        open
        * hold
        * GET /a
        * GET /b
        * cancel 04
        * cancel 04
        ! error: it was over
        * flow
        > GET 09 /b
        = in_flight 1
        * cancel 09
        = in_flight 1               ; the peer still works on it
        < 0145 09
        = in_flight 0
        = late 1
        * cancel 09
        ! error: it was over
        "#,
    );
}

// TOK-13, T62
#[test]
fn a_cancelled_request_gives_its_place_back_at_its_timeout() {
    both_sides(
        r#"
        config max_exchanges 1
        open
        * GET /a
        > GET 01 /a
        * cancel 01
        * GET /b
        ! error: too many requests in flight
        @ +59999999us
        = in_flight 1
        @ +1us
        ! room
        = in_flight 0
        * GET /b
        > GET 02 /b
        "#,
    );
}

// TOK-27, T64
#[test]
fn the_same_token_twice_is_two_requests() {
    both_sides(
        r#"
        open
        < GET aa /a
        ! request GET aa /a
        < GET aa /b
        ! request GET aa /b
        * respond #2 2.05 "b"
        > 0145 aa ff "b"
        * respond #1 2.05 "a"
        > 0145 aa ff "a"
        "#,
    );
}

// TOK-11, TOK-02, CSM-26, REL-10
#[test]
fn an_answer_dies_with_its_connection() {
    let now = Instant::ZERO;
    let connect = || Connection::<Heap>::new(Config::new(Side::Acceptor)).unwrap();
    let (mut first, mut second) = (connect(), connect());
    let request = |connection: &mut Connection<Heap>| {
        assert!(connection.handle_message(now, b"\x00\xe1\x22\x20\x00").is_ok());
        match connection.handle_message(now, b"\x01\x01\xaa") {
            Ok(Some(coap_ws_core::Incoming::Request { responder, .. })) => responder,
            other => panic!("{other:?}"),
        }
    };
    let to_first = request(&mut first);
    assert_eq!(first.max_send(), 8192);
    first.handle_closed(now, coap_ws_core::Closing::EndOfStream);
    // A new connection knows nothing of the old one.
    assert_eq!((second.max_send(), second.peer_settings()), (1152, None));
    let _to_second = request(&mut second);
    let refused = first.respond(now, to_first, &coap_ws_core::message::Response::content(b"x"));
    assert_eq!(refused.unwrap_err().to_string(), "the connection is closed");
    assert!(first.poll_transmit().is_none());
}

// TOK-26, NR-17
#[test]
fn an_endpoint_without_a_server_says_so() {
    both_sides(
        r#"
        config serves no
        open
        < 0101 07 b161
        > 01a1 07 ff "no server here"
        < 00 01
        > 00a1 ff "no server here"
        < 011f 55
        > 01a1 55 ff "no server here"
        < 0101 42 90
        > 01a1 42 ff "no server here"
        < POST 01 /a 258=1a
        < POST 02 /a 258=08
        > 01a1 02 ff "no server here"
        = requests_open 0
        * GET /a                    ; it is a client all the same
        > GET 04 /a
        < 0145 04
        ! response 2.05 04
        "#,
    );
}
