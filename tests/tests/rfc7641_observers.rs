//! RFC 7641 over WebSockets (RFC 8323 §7), as the core has it: who is observed.

use coap_ws_tests::transcript::{both_sides, initiator};

// OBS-08
#[test]
fn an_entry_is_its_token_whatever_the_method() {
    initiator(
        r#"
        open
        * FETCH /a "what" observe
        > FETCH 04 6= /a "what"
        < 2.05 04 6=01 "1"
        ! notification 2.05 04 6=01 "1"
        * deregister 04 FETCH /a "what"
        > FETCH 04 6=01 /a "what"
        "#,
    );
    both_sides(
        r#"
        open
        < FETCH 0b 6= /a "what"
        ! request FETCH 0b 6= /a "what"
        * observe 2.05 "1"
        > 2.05 0b 6=01 "1"
        ! observer @1
        < GET 0b 6=01 /a
        ! request GET 0b 6=01 /a
        ! gone @1
        * observe 2.05 "1"
        > 2.05 0b "1"
        "#,
    );
}

// OBS-09
#[test]
fn deregistering_twice_is_two_plain_answers() {
    both_sides(
        r#"
        open
        < GET 0b 6= /a
        ! request GET 0b 6= /a
        * observe 2.05 "1"
        > 2.05 0b 6=01 "1"
        ! observer @1
        < GET 0b 6=01 /a
        ! request GET 0b 6=01 /a
        ! gone @1
        * observe 2.05 "1"
        > 2.05 0b "1"
        < GET 0b 6=01 /a
        ! request GET 0b 6=01 /a
        * observe 2.05 "1"
        > 2.05 0b "1"
        * changed @1
        ! error: it is gone
        "#,
    );
}

// OBS-09: else nobody could end it any more.
#[test]
fn a_registration_that_is_not_answered_yet_is_undone_by_its_deregistration() {
    both_sides(
        r#"
        open
        < GET 0b 6= /a
        ! request GET 0b 6= /a
        < GET 0c 6= /a
        ! request GET 0c 6= /a
        < GET 0b 6=01 /a
        ! request GET 0b 6=01 /a
        * observe #3 2.05 "1"
        > 2.05 0b "1"
        * observe #1 2.05 "1"
        > 2.05 0b "1"
        * observe #2 2.05 "1"       ; not that of another token
        > 2.05 0c 6=01 "1"
        ! observer @1
        "#,
    );
}

// OBS-11
#[test]
fn observers_end_with_their_connection_and_nothing_is_sent() {
    for end in ["closed 1000", "eof", "error"] {
        let closed = match end {
            "closed 1000" => "closed by the peer (WebSocket status 1000)",
            _ => "the connection was lost without a WebSocket Close",
        };
        both_sides(&format!(
            r#"
            open
            < GET 0b 6= /a
            ! request GET 0b 6= /a
            * observe 2.05 "1"
            > 2.05 0b 6=01 "1"
            ! observer @1
            < {end}
            ! gone @1
            ! closed: {closed}
            * changed @1
            ! error: it is gone
            "#
        ));
    }
}

// OBS-12
#[test]
fn the_same_token_again_is_the_same_observer() {
    both_sides(
        r#"
        open
        < GET 0b 6= /a
        ! request GET 0b 6= /a
        * observe 2.05 "1"
        > 2.05 0b 6=01 "1"
        ! observer @1
        < GET 0b 6= /a
        ! request GET 0b 6= /a
        * observe 2.05 "2"
        > 2.05 0b 6=02 "2"
        ! observer @1
        * changed @1
        ! due @1
        * notify @1 2.05 "3"
        > 2.05 0b 6=03 "3"
        < GET 0c 6= /b              ; and there is a place left
        ! request GET 0c 6= /b
        * observe 2.05 "b"
        > 2.05 0c 6=01 "b"
        ! observer @2
        "#,
    );
}

// OBS-13
#[test]
fn a_notification_for_nobody_is_ignored() {
    both_sides(
        r#"
        open
        < 0145 ee 60 ff 31
        = unmatched 1
        = phase Open
        "#,
    );
}

// OBS-18, T70
#[test]
fn many_changes_are_one_notification_and_it_waits_for_room() {
    both_sides(
        r#"
        config write_high 100
        config write_low 100
        open
        < GET 0b 6= /a
        ! request GET 0b 6= /a
        * observe 2.05 "1"
        > 2.05 0b 6=01 "1"
        ! observer @1
        < GET 0c
        ! request GET 0c
        * hold
        * respond 2.05 =61*200
        = has_room false
        * changed @1
        * changed @1
        * changed @1
        * flow
        > 2.05 0c =61*200
        ! due @1
        * changed @1                ; while it is made
        ! due @1
        * notify @1 2.05 "2"
        > 2.05 0b 6=02 "2"
        "#,
    );
}

// OBS-18
#[test]
fn what_changes_while_a_notification_is_refused_is_still_told() {
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
        * notify @1 GET
        ! error: 0.01 is not a response code
        * notify @1 2.05 =61*1200
        ! error: the response has 1206 bytes, 1152 may be sent
        * notify @1 2.05 "2"
        > 2.05 0b 6=02 "2"
        "#,
    );
}

// OBS-19: no confirmation, no pacing; what is written at once is told at once.
#[test]
fn nothing_but_room_holds_a_notification_up() {
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
        * notify @1 2.05 "2"
        > 2.05 0b 6=02 "2"
        * changed @1
        ! due @1
        * notify @1 2.05 "3"
        > 2.05 0b 6=03 "3"
        @ +86401s                   ; nor is anything sent for its own sake
        "#,
    );
}

// OBS-20
#[test]
fn a_registration_with_an_etag_may_be_told_2_03() {
    initiator(
        r#"
        open
        * GET 4=aa /a observe
        > GET 04 4=aa 6= /a
        < 2.03 04 4=aa 6=01
        ! notification 2.03 04 4=aa 6=01
        < 2.05 04 4=bb 6=02 "b"
        ! notification 2.05 04 4=bb 6=02 "b"
        * deregister 04 GET /a      ; without the ETag (OBS-07)
        > GET 04 6=01 /a
        "#,
    );
    both_sides(
        r#"
        open
        < GET 0b 4=aa 6= /a
        ! request GET 0b 4=aa 6= /a
        * observe 2.03 4=aa
        > 2.03 0b 4=aa 6=01
        ! observer @1
        "#,
    );
}

// OBS-25
#[test]
fn each_token_is_an_observer_of_its_own() {
    both_sides(
        r#"
        open
        < GET 0b 6= /a
        ! request GET 0b 6= /a
        * observe 2.05 "1"
        > 2.05 0b 6=01 "1"
        ! observer @1
        < GET 0b00 6= /a
        ! request GET 0b00 6= /a
        * observe 2.05 "1"
        > 2.05 0b00 6=01 "1"
        ! observer @2
        < GET 0b 6=01 /a
        ! request GET 0b 6=01 /a
        ! gone @1
        * respond 2.05 "1"
        > 2.05 0b "1"
        * changed @2
        ! due @2
        * notify @2 2.05 "2"
        > 2.05 0b00 6=02 "2"
        "#,
    );
}

// OBS-26
#[test]
fn who_has_released_notifies_nobody_any_more() {
    both_sides(
        r#"
        open
        < GET 0b 6= /a
        ! request GET 0b 6= /a
        * observe 2.05 "1"
        > 2.05 0b 6=01 "1"
        ! observer @1
        * release
        > 00e4 ff "bye"
        * changed @1
        < closed 1000
        ! gone @1
        ! closed: released
        "#,
    );
}

// OBS-26: an observation is no request that is waited for.
#[test]
fn an_observation_does_not_hold_up_the_peers_release() {
    initiator(
        r#"
        open
        * GET /a observe
        > GET 04 6= /a
        < 2.05 04 6=01 "1"
        ! notification 2.05 04 6=01 "1"
        < 00e4
        ! release
        ! failed 04 maybe: the connection ended: released
        . close 1000
        < done
        ! closed: released
        "#,
    );
}

// OBS-10: an observation has no deadline once it has its first answer.
#[test]
fn an_observation_lasts() {
    initiator(
        r#"
        open
        * GET /a observe
        > GET 04 6= /a
        < 2.05 04 6=01 "1"
        ! notification 2.05 04 6=01 "1"
        @ +100000s
        = in_flight 1
        < 2.05 04 6=02 "2"
        ! notification 2.05 04 6=02 "2"
        * GET /b observe
        > GET 09 6= /b
        @ +60s
        ! failed 09 maybe: no response within the timeout
        "#,
    );
}
