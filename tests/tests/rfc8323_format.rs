//! RFC 8323 §3.2, §3.4, §4.2: the message on a WebSocket, and what a malformed one costs.

use coap_ws_tests::transcript::{acceptor, both_sides, initiator};

/// After an open connection, each of these bytes costs it: Abort with this text, Close 1002, and
/// nothing is processed afterwards.
#[track_caller]
fn malformed(messages: &[&str], diagnostic: &str) {
    for message in messages {
        both_sides(&format!(
            r#"
            open
            < {message}
            > 00e5 ff "{diagnostic}"
            . close 1002
            = phase Closing
            < 01e2 42
            < GET 01 /a
            < {message}
            "#
        ));
    }
}

// FMT-01, FMT-03, FMT-29, FMT-30, WS-22
#[test]
fn every_message_is_two_bytes_of_header_then_token_and_options() {
    both_sides(
        r#"
        > 00 e1 23010200 20
        < 00 e1 22 0480 20
        ! settings 1152 block-wise
        * GET
        > 01 01 04
        * PUT /a "hi"
        > 01 03 09 b1 61 ff 6869
        < 00 01
        ! request GET -
        * respond 2.05 "hi"
        > 00 45 ff 6869
        * ping
        > 01 e2 0c
        * release
        > 00 e4 ff 627965
        "#,
    );
}

// T35, FMT-02, FMT-29
#[test]
fn a_len_nibble_is_tcp_or_udp_framing() {
    malformed(
        &["10 01", "20 01 b161", "30 e1 220480", "40 01 1234", "d0 01 00", "f0 01", "10 00"],
        "Len nibble is not 0 (TCP or UDP framing?)",
    );
}

// FMT-04
#[test]
fn a_code_is_class_and_detail() {
    both_sides(
        r#"
        open
        * GET
        > 01 01 04
        < 01 9d 04
        ! response 4.29 04
        < 01 ff 04      ; 7.31, not a payload marker
        < 01 e2 42
        > 01 e3 42
        "#,
    );
}

// FMT-05, FMT-06, TOK-01, TOK-04, TOK-10
#[test]
fn a_token_of_up_to_eight_bytes_comes_back_unchanged() {
    for token in ["-", "00", "0000", "ff", "42", "0102", "00e1ff00", "0001020304050607"] {
        both_sides(&format!(
            r#"
            open
            < GET {token} /a
            ! request GET {token} /a
            * respond 2.05 "x"
            > 2.05 {token} "x"
            < GET {token} 9=
            > 4.02 {token} "unsupported critical option (9)"
            "#
        ));
    }
}

// FMT-07
#[test]
fn token_length_15_is_reserved() {
    malformed(&["0f 01", "0f 01 01*20", "0f 45 01*20", "0f 00"], "token length 15 is reserved");
}

// FMT-09, FMT-06, T36
#[test]
fn a_truncated_token_is_no_token() {
    malformed(
        &["04 01 abcd", "01 01", "08 01 01*7", "0d 01", "0e 01 00", "0e 01", "0d 01 00 11*12"],
        "token runs past the end of the message",
    );
}

// FMT-08, TOK-18, T36, T37
#[test]
fn a_request_or_signal_with_a_token_above_eight_bytes_costs_the_connection() {
    malformed(
        &[
            "09 01 010203040506070809",
            "0c 01 01*12",
            "0d 01 00 01*13",
            "0e 01 0000 01*269",
            "09 e1 01*9",
            "09 e2 010203040506070809",
            "09 e3 01*9",
            "09 e4 01*9",
            "09 e6 01*9",
        ],
        "token longer than advertised",
    );
}

// FMT-08, TOK-20, TOK-13
#[test]
fn a_response_with_a_long_token_is_a_response_to_nobody() {
    both_sides(
        r#"
        open
        < 09 45 010203040506070809
        < 0d 45 03 c3*16 ff 6f6b
        < 0e 45 001f 5c*300
        = unmatched 3
        < 01e2 42
        > 01e3 42
        "#,
    );
}

// FMT-10, CSM-09, PING-12
#[test]
fn an_empty_message_is_ignored_at_any_time() {
    both_sides(
        r#"
        > 00e1 23010200 20
        < 0000
        < 00e1
        ! settings 1152
        < 0000
        < 01e2 42
        > 01e3 42
        < GET 01 /slow
        ! request GET 01 /slow
        < 00e4
        ! release
        < 0000
        = empty 3
        * respond 2.05 "x"
        > 0145 01 ff 78
        . close 1000
        < 0000
        "#,
    );
}

// FMT-11
#[test]
fn an_empty_message_with_anything_in_it_is_malformed() {
    malformed(
        &["01 00 42", "00 00 ff 61", "00 00 10", "00 00 00", "00 00 ff"],
        "code 0.00 with a token or anything after the header",
    );
}

// FMT-12, T40
#[test]
fn a_payload_marker_needs_a_payload() {
    malformed(
        &["01 45 42 ff", "00 e2 ff", "00 e1 ff", "01 01 01 b161 ff", "00 e5 ff"],
        "payload marker without a payload",
    );
}

// FMT-13
#[test]
fn a_payload_runs_to_the_end_and_may_contain_the_marker() {
    both_sides(
        r#"
        open
        < 00 03
        ! request PUT -
        < 00 03 ff ff
        ! request PUT - =ff
        < 00 03 ff ff ff b1 61
        ! request PUT - =ffffb161
        "#,
    );
}

// FMT-14
#[test]
fn the_marker_counts_only_where_an_option_could_start() {
    both_sides(
        r#"
        open
        * GET
        > 0101 04
        < 01 45 04 41 ff
        ! response 2.05 04 4=ff
        < 01 01 42 d0 ff        ; option 268: its extension is ff
        ! request GET 42 268=
        < 01 01 43 4d 02 ff*15  ; too long for an ETag, which is not this layer's business
        ! request GET 43 4=ffffffffffffffffffffffffffffff
        "#,
    );
}

// WS-37, FMT-25
#[test]
fn a_message_without_a_whole_header_is_malformed() {
    malformed(&["00", "ff", "e1", ""], "message shorter than its 2-byte header");
}

// FMT-25, FMT-26, ABT-02, ABT-03, CSM-16
#[test]
fn a_malformed_message_is_answered_by_abort_and_nothing_more_is_processed() {
    both_sides(
        r#"
        open
        < GET 01 /slow
        ! request GET 01 /slow
        * GET /a
        > GET 04 /a
        < 01 45 42 ff
        ! failed 04 maybe: the connection ended: the peer broke a rule: payload marker without a payload (at byte 3; RFC 7252 §3)
        > 00e5 ff "payload marker without a payload"
        . close 1002
        * respond 2.05 "late"
        ! error: the connection is closed
        * GET /b
        ! error: the connection is closed
        < GET 02 /b
        < done
        ! closed: the peer broke a rule: payload marker without a payload (at byte 3; RFC 7252 §3)
        = phase Closed
        = next none
        "#,
    );
}

// FMT-27, OPT-02, OPT-16, CODE-01
#[test]
fn what_is_no_format_error_never_costs_the_connection() {
    acceptor(
        r#"
        open
        < 01 01 40 90
        > 0182 40 ff "unsupported critical option (9)"
        < 01 01 4a 30
        > 0182 4a ff "option value of wrong length (3)"
        < 01 1f 55
        > 0185 55 ff "unknown method"
        < 01 01 4d b2 c328
        > 0182 4d ff "option value is not UTF-8 (11)"
        < 01 46 59
        < 01 01 01
        ! request GET 01
        * respond 2.05 "still here"
        > 0145 01 ff "still here"
        "#,
    );
}

// FMT-28, CSM-16, CSM-14, CSM-15
#[test]
fn a_message_is_as_large_as_all_its_bytes() {
    // 2 of header, 1 of token, 2 of option, 1 of marker.
    initiator(
        r#"
        open
        < 00e1 22 0200
        ! settings 512 block-wise
        = max_send 512
        * PUT /a =61*506
        > 0103 04 b161 ff 61*506
        * PUT /a =61*507
        ! error: the message has 513 bytes, 512 may be sent
        < GET 01
        ! request GET 01
        * respond 2.05 =61*509
        ! error: the response has 513 bytes, 512 may be sent
        * respond 2.05 =61*508
        > 0145 01 ff 61*508
        "#,
    );
}

// WS-21, CSM-06
#[test]
fn a_text_message_is_not_coap() {
    both_sides(
        r#"
        open
        < text
        > 00e5 ff "text message: CoAP uses binary messages"
        . close 1003
        < text
        "#,
    );
    both_sides(
        r#"
        * hold
        < text
        * flow
        > 00e1 23010200 20      ; first, whatever happens
        > 00e5 ff "text message: CoAP uses binary messages"
        . close 1003
        "#,
    );
}

// CSM-17, WS-34
#[test]
fn a_message_above_what_we_announced_is_closed_with_1009() {
    both_sides(
        r#"
        config max_message_size 512
        open
        < 0103 01 ff 61*1148        ; 1152: the base value holds until our CSM is read
        ! request PUT 01 =61*1148
        * respond 2.04 =61
        > 0144 01 ff 61
        < 0103 02 ff 61*1149
        > 00e5 ff "message too large"
        . close 1009
        "#,
    );
    both_sides(
        r#"
        config max_message_size 2000
        open
        < 0103 01 ff 61*1996
        ! request PUT 01 =61*1996
        < oversized
        > 00e5 ff "message too large"
        . close 1009
        < oversized
        "#,
    );
}
