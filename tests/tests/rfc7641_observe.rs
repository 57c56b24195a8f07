//! RFC 7641 over WebSockets (RFC 8323 §7), as the core has it: who observes.

use coap_ws_tests::transcript::{both_sides, initiator};

// OBS-01
#[test]
fn a_registration_is_a_get_or_a_fetch_with_observe_0() {
    both_sides(
        r#"
        open
        < 0101 0b 60 5161           ; GET, Observe 0, Uri-Path 11 by delta 5
        ! request GET 0b 6= /a
        * observe 2.05 "1"
        > 2.05 0b 6=01 "1"
        ! observer @1
        < FETCH 0c 6= /a "what"
        ! request FETCH 0c 6= /a "what"
        * observe 2.05 "2"
        > 2.05 0c 6=01 "2"
        ! observer @2
        "#,
    );
}

// OBS-01
#[test]
fn other_values_and_other_methods_register_nothing() {
    both_sides(
        r#"
        open
        < GET 0b 6=02 /a
        ! request GET 0b 6=02 /a
        * observe 2.05 "1"
        > 2.05 0b "1"
        < PUT 0c 6= /a "2"
        ! request PUT 0c 6= /a "2"
        * observe 2.04
        > 2.04 0c
        "#,
    );
}

// OBS-02
#[test]
fn a_plain_answer_is_the_only_one() {
    initiator(
        r#"
        open
        * GET /a observe
        > GET 04 6= /a
        < 2.05 04 "x"
        ! response 2.05 04 "x"
        < 2.05 04 6=02 "y"
        = late 1
        "#,
    );
    both_sides(
        r#"
        open
        < GET 0b 6= /a
        ! request GET 0b 6= /a
        * respond 2.05 "plain"
        > 2.05 0b "plain"
        "#,
    );
}

// OBS-03
#[test]
fn each_success_has_observe_and_an_error_has_none_and_ends_it() {
    both_sides(
        r#"
        open
        < GET 0b 6= /a
        ! request GET 0b 6= /a
        * observe 2.05 "1"
        > 2.05 0b 6=01 "1"
        ! observer @1
        * changed @1
        ! due @1
        * notify @1 2.03 4=aa
        > 2.03 0b 4=aa 6=02
        * changed @1
        ! due @1
        * notify @1 4.04
        > 0184 0b
        * changed @1
        ! error: it is gone
        * notify @1 2.05 "3"
        ! error: the observer is gone
        "#,
    );
    initiator(
        r#"
        open
        * GET /a observe
        > GET 04 6= /a
        < 0145 04 60 ff 31
        ! notification 2.05 04 6= "1"
        < 0184 04
        ! response 4.04 04
        = in_flight 0
        "#,
    );
}

// OBS-03: an error with Observe is over all the same.
#[test]
fn an_error_ends_it_whatever_it_says() {
    initiator(
        r#"
        open
        * GET /a observe
        > GET 04 6= /a
        < 2.05 04 6=01 "1"
        ! notification 2.05 04 6=01 "1"
        < 5.03 04 6=02
        ! response 5.03 04 6=02
        = in_flight 0
        "#,
    );
}

// OBS-04, OBS-05, T71
#[test]
fn the_value_of_a_notification_means_nothing() {
    initiator(
        r#"
        open
        * GET /a observe
        > GET 04 6= /a
        < 2.05 04 6=05 "a"
        ! notification 2.05 04 6=05 "a"
        < 2.05 04 6=01 "b"
        ! notification 2.05 04 6=01 "b"
        < 2.05 04 6=05 "c"
        ! notification 2.05 04 6=05 "c"
        < 2.05 04 6= "d"
        ! notification 2.05 04 6= "d"
        < 2.05 04 6=ffffff "e"
        ! notification 2.05 04 6=ffffff "e"
        < 2.05 04 6=00 "f"
        ! notification 2.05 04 6=00 "f"
        @ +129s
        < 2.05 04 6=00 "g"
        ! notification 2.05 04 6=00 "g"
        "#,
    );
}

// OBS-06, OBS-07, OBS-10
#[test]
fn leaving_repeats_the_request_and_swallows_what_is_under_way() {
    initiator(
        r#"
        open
        * GET /a ?b 17=32 observe
        > GET 04 6= /a ?b 17=32
        < 2.05 04 6=01 "1"
        ! notification 2.05 04 6=01 "1"
        * deregister 04 GET /a ?b 17=32
        > GET 04 6=01 /a ?b 17=32
        < 2.05 04 6=02 "2"
        < 2.05 04 6=03 "3"
        = in_flight 1               ; its token is not free yet
        < 2.05 04 "3"
        = in_flight 0
        = late 3
        < 2.05 04 "late"
        = late 4
        "#,
    );
}

// OBS-10, TOK-13
#[test]
fn an_error_that_crosses_the_deregistration_is_followed_by_a_late_answer() {
    initiator(
        r#"
        open
        * GET /a observe
        > GET 04 6= /a
        < 2.05 04 6=01 "1"
        ! notification 2.05 04 6=01 "1"
        * deregister 04 GET /a
        > GET 04 6=01 /a
        < 0184 04
        = in_flight 0
        < 0145 04 ff 31
        = late 2
        = unmatched 0
        "#,
    );
}

// OBS-06, NR-14
#[test]
fn an_answer_to_the_deregistration_need_not_come() {
    initiator(
        r#"
        open
        * GET /a 258=1a observe
        > GET 04 6= /a 258=1a
        < 2.05 04 6=01 "1"
        ! notification 2.05 04 6=01 "1"
        * deregister 04 GET /a 258=1a
        > GET 04 6=01 /a 258=1a
        @ +59s
        = in_flight 1
        @ +1s
        = in_flight 0
        < 2.05 04 6=02 "2"
        = late 1
        "#,
    );
}

// OBS-06
#[test]
fn what_has_not_left_is_neither_registered_nor_deregistered() {
    initiator(
        r#"
        open
        * hold
        * GET /a observe
        * deregister 04 GET /a
        * flow
        = in_flight 0
        "#,
    );
}

// OBS-06, REL-01
#[test]
fn who_has_released_the_connection_sends_no_deregistration() {
    initiator(
        r#"
        open
        * GET /a observe
        > GET 04 6= /a
        < 2.05 04 6=01 "1"
        ! notification 2.05 04 6=01 "1"
        * release
        > 00e4 ff "bye"
        * deregister 04 GET /a
        < 2.05 04 6=02 "2"
        = late 1
        < closed 1000
        ! closed: released
        "#,
    );
}
