//! RFC 8323 §5.6: Abort, the end at once.

use coap_ws_tests::transcript::both_sides;

// ABT-01, ABT-02, ABT-03, ABT-08
#[test]
fn our_abort_is_followed_by_the_close_and_by_nothing_else() {
    both_sides(
        r#"
        open
        * GET /a
        > 0101 04 b161
        < GET 01 /slow
        ! request GET 01 /slow
        < 01e2 42 20                ; its Pong waits
        * hold
        * PUT /b
        * abort "out of memory"
        ! failed 04 maybe: the connection ended: aborted by us
        ! failed 09 no: the connection ended: aborted by us
        * flow
        > 00e5 ff "out of memory"
        . close 1002
        * respond 2.05
        ! error: the connection is closed
        < 0145 04
        < 01e2 43
        < 00e4
        < text
        * abort "again"
        * release
        ! error: the connection is closed
        * ping
        ! error: the connection is closed
        < closed 1002
        ! closed: aborted by us
        "#,
    );
}

// ABT-01, ABT-09
#[test]
fn closing_is_bounded() {
    both_sides(
        r#"
        open
        * abort "x"
        > 00e5 ff 78
        . close 1002
        @ +4999999us
        = phase Closing
        @ +1us
        ! closed: aborted by us
        = phase Closed
        = next none
        "#,
    );
    // Even where nothing of it can be written.
    both_sides(
        r#"
        open
        * hold
        * abort "x"
        @ +5s
        ! closed: aborted by us
        * flow
        = output_waiting 0
        "#,
    );
}

// ABT-04, ABT-10, T60, PING-13
#[test]
fn an_abort_ends_everything_and_is_not_answered() {
    for (abort, told) in [
        ("00e5", ""),
        ("00e5 ff 627965", " \"bye\""),
        ("00e5 ff c328", ""),
        ("00e5 21 01 ff \"option 1\"", " bad-csm-option 1 \"option 1\""),
        ("00e5 22 fde9", " bad-csm-option 65001"),
        ("00e5 23 010203", ""),
        ("00e5 10", ""),
        ("01e5 42 30 ff 78", " \"x\""),
    ] {
        both_sides(&format!(
            r#"
            open
            * GET /a
            > 0101 04 b161
            * ping
            > 01e2 08
            < GET 01 /slow
            ! request GET 01 /slow
            < {abort}
            ! abort{told}
            ! failed 04 maybe: the connection ended: aborted by the peer
            ! ping failed 08: the connection ended: aborted by the peer
            . close 1000
            * respond 2.05
            ! error: the connection is closed
            < {abort}
            < done
            ! closed: aborted by the peer
            "#
        ));
    }
}

// ABT-03, ABT-04, T60
#[test]
fn after_the_peers_abort_nothing_that_was_queued_is_sent() {
    both_sides(
        r#"
        open
        < GET 01
        ! request GET 01
        * hold
        * respond 2.05 "x"
        * GET /a
        * ping
        < 01e2 42
        < 00e5 ff "bye"
        ! abort "bye"
        ! failed 04 no: the connection ended: aborted by the peer
        ! ping failed 08: the connection ended: aborted by the peer
        * flow
        . close 1000
        "#,
    );
}

// ABT-01, ABT-04, FMT-08
#[test]
fn an_abort_with_a_long_token_is_still_an_abort() {
    both_sides(
        r#"
        open
        < 09e5 010203040506070809 ff "bye"
        ! abort "bye"
        . close 1000
        "#,
    );
}

// ABT-03, ABT-01
#[test]
fn what_was_answered_before_our_abort_still_goes_out() {
    both_sides(
        r#"
        open
        * hold
        < GET 01
        ! request GET 01
        * respond 2.05 "x"
        < GET 02
        ! request GET 02
        < 01 45 42 ff
        * flow
        > 0145 01 ff 78
        > 00e5 ff "payload marker without a payload"
        . close 1002
        "#,
    );
}

// ABT-07, ABT-08, SIG-02, CSM-06, CSM-07, CSM-08, FMT-25, TOK-18, WS-34
#[test]
fn every_trigger_has_its_text_and_its_status() {
    for (bytes, text, code) in [
        ("00e6 10", "unknown critical signaling option", 1002),
        ("00e1 20", "CSM value not acceptable", 1002),
        ("0f01", "token length 15 is reserved", 1002),
        ("09 01 01*9", "token longer than advertised", 1002),
        ("text", "text message: CoAP uses binary messages", 1003),
        ("oversized", "message too large", 1009),
    ] {
        let option = if bytes == "00e1 20" { "2102 " } else { "" };
        both_sides(&format!("open\n< {bytes}\n> 00e5 {option}ff \"{text}\"\n. close {code}"));
    }
    // What is below CoAP gets no Abort.
    both_sides(
        "open\n< violation 1007\n. close 1007\n< done\n! closed: the peer broke a rule: WebSocket protocol error (RFC 6455 §7.1.7)",
    );
}

// ABT-09, T53, CSM-16
#[test]
fn there_is_always_room_for_an_abort() {
    both_sides(
        r#"
        config write_high 200
        config write_low 100
        open
        * hold
        < GET 01
        ! request GET 01
        * respond 2.05 =61*1148         ; all that may be sent
        * GET
        ! error: too much output waits to be sent
        < 00e1
        ! not now: output must drain before the next message can be taken
        * abort "a text that is longer than the eighty bytes that we ever use for one: it is cut off"
        * flow
        > 0145 01 ff 61*1148
        > 00e5 ff "a text that is longer than the eighty bytes that we ever use for one: it is cut "
        . close 1002
        "#,
    );
}
