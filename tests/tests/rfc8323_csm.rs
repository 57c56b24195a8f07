//! RFC 8323 §3.3, §5.3: Capabilities and Settings Messages.

use coap_ws_tests::transcript::{acceptor, both_sides, initiator};

// CSM-01, CSM-02, CSM-03, CSM-21, CSM-24, CSM-27, SIG-10
#[test]
fn our_csm_goes_first_and_waits_for_nothing() {
    both_sides(
        r#"
        > 00e1 23010200 20
        < 00e1 22 0480 20
        ! settings 1152 block-wise
        < 01e2 42
        > 01e3 42
        "#,
    );
    both_sides(
        r#"
        * hold
        * ping
        < 00e1
        ! settings 1152
        < 01e2 42
        * flow
        > 00e1 23010200 20
        > 01e2 04
        > 01e3 42
        "#,
    );
}

// CSM-21, CSM-27
#[test]
fn our_csm_always_has_max_message_size_and_block_wise_transfer() {
    for (size, bytes) in [("64", "2140"), ("1152", "220480"), ("8388864", "23800100")] {
        both_sides(&format!("config max_message_size {size}\n> 00e1 {bytes} 20"));
    }
}

// CSM-04, CSM-05
#[test]
fn requests_may_leave_before_the_peers_csm() {
    both_sides(
        r#"
        * hold
        * GET /a
        * flow
        > 00e1 23010200 20
        > 0101 04 b161
        = max_send 1152
        < 00e1
        ! settings 1152
        < 0145 04 ff 78
        ! response 2.05 04 "x"
        "#,
    );
}

// CSM-05, CSM-14, CSM-16
#[test]
fn until_the_peers_csm_the_base_values_hold() {
    both_sides(
        r#"
        > 00e1 23010200 20
        * PUT /a =61*1147
        ! error: larger than 1152 bytes and the peer's CSM has not come yet
        * PUT /a =61*1146
        > 0103 04 b161 ff 61*1146
        < 00e1 22 0481
        ! settings 1153
        * PUT /a =61*1147
        > 0103 09 b161 ff 61*1147
        * PUT /a =61*1148
        ! error: the message has 1154 bytes, 1153 may be sent
        "#,
    );
}

// CSM-06, ABT-07, T47, PING-01, CSM-10
#[test]
fn anything_but_a_csm_first_costs_the_connection() {
    for first in ["0101 aa", "0145 aa", "01e2 42", "01e3 42", "0120 56", "00e6", "00ff", "00e0"] {
        both_sides(&format!(
            r#"
            > 00e1 23010200 20
            < {first}
            > 00e5 ff "the first message must be a CSM"
            . close 1002
            < 00e1
            < {first}
            "#
        ));
    }
}

// CSM-06, CSM-07, CSM-01
#[test]
fn our_csm_goes_even_before_an_abort() {
    for (first, text) in [
        ("0101 aa", "the first message must be a CSM"),
        ("00e1 2204", "option runs past the end of the message"),
        ("00", "message shorter than its 2-byte header"),
    ] {
        both_sides(&format!(
            r#"
            * hold
            < {first}
            * flow
            > 00e1 23010200 20
            > 00e5 ff "{text}"
            . close 1002
            "#
        ));
    }
}

// CSM-07, CSM-23, CSM-19, ABT-05, ABT-06
#[test]
fn an_invalid_csm_costs_the_connection() {
    for (csm, abort) in [
        ("00e1 2204", "ff \"option runs past the end of the message\""),
        ("00e1 10", "2101 ff \"unknown critical signaling option\""),
        ("00e1 e0fcdc", "22fde9 ff \"unknown critical signaling option\""),
        ("00e1 90", "2109 ff \"unknown critical signaling option\""),
        ("00e1 20", "2102 ff \"CSM value not acceptable\""),
        ("00e1 213f", "2102 ff \"CSM value not acceptable\""),
        ("00e1 2400000000", "2102 ff \"CSM value not acceptable\""),
        ("00e1 220480 10", "2103 ff \"unknown critical signaling option\""),
    ] {
        for open in ["> 00e1 23010200 20", "open"] {
            both_sides(&format!("{open}\n< {csm}\n> 00e5 {abort}\n. close 1002"));
        }
    }
}

// CSM-08, T46
#[test]
fn a_csm_that_never_comes_costs_the_connection() {
    both_sides(
        r#"
        > 00e1 23010200 20
        @ +9999999us
        < 0000                      ; no CSM either
        @ +1us
        > 00e5 ff "no CSM in time"
        . close 1002
        "#,
    );
    // What the initiator has sent by then may have been processed.
    initiator(
        r#"
        > 00e1 23010200 20
        * GET /a
        > 0101 04 b161
        @ +10s
        ! failed 04 maybe: the connection ended: the peer broke a rule: no CSM in time (RFC 8323 §3.3)
        > 00e5 ff "no CSM in time"
        . close 1002
        "#,
    );
    // With one, the timer is over.
    both_sides("open\n@ +3600s\n= phase Open\n= next none");
}

// CSM-09, FMT-10
#[test]
fn an_empty_message_may_come_before_the_csm() {
    both_sides(
        r#"
        > 00e1 23010200 20
        < 0000
        < 00e1 220480
        ! settings 1152
        < GET 01 /a
        ! request GET 01 /a
        "#,
    );
}

// CSM-10, ABT-04
#[test]
fn abort_and_release_are_what_they_are_even_first() {
    both_sides(
        r#"
        > 00e1 23010200 20
        < 00e5 ff "no CSM"
        ! abort "no CSM"
        . close 1000
        "#,
    );
    both_sides(
        r#"
        > 00e1 23010200 20
        < 00e4
        ! release
        . close 1000
        "#,
    );
    // A request behind that Release still finds no CSM.
    both_sides(
        r#"
        > 00e1 23010200 20
        * GET /slow
        > 0101 04 b4 "slow"
        < 00e4
        ! release
        < 0101 aa
        ! failed 04 maybe: the connection ended: the peer broke a rule: the first message must be a CSM (RFC 8323 §3.3)
        > 00e5 ff "the first message must be a CSM"
        . close 1002
        "#,
    );
}

// CSM-11, CSM-15, CSM-16
#[test]
fn a_later_csm_replaces_the_size_at_once() {
    both_sides(
        r#"
        open
        < 00e1 22 0900
        ! settings 2304 block-wise bert
        < 00e1 22 0200
        ! settings 512 block-wise
        = max_send 512
        < 00e1 22 1000
        ! settings 4096 block-wise bert
        "#,
    );
}

// CSM-12, CSM-13
#[test]
fn settings_are_cumulative_and_an_empty_csm_changes_nothing() {
    both_sides(
        r#"
        > 00e1 23010200 20
        < 00e1 22 0900 20
        ! settings 2304 block-wise bert
        < 00e1
        ! settings 2304 block-wise bert
        < 00e1 61 40
        ! settings 2304 block-wise bert tokens 64
        < 00e1 22 0880
        ! settings 2176 block-wise bert tokens 64
        < 00e1 ff "hello"
        ! settings 2176 block-wise bert tokens 64
        "#,
    );
}

// CSM-14, FMT-23, SIG-08, T49
#[test]
fn max_message_size_is_a_number_of_up_to_four_bytes() {
    for (csm, settings) in [
        ("00e1", "1152"),
        ("00e1 2140", "64"),
        ("00e1 220480", "1152"),
        ("00e1 2400000480", "1152"),
        ("00e1 23010000", "65536"),
        ("00e1 24ffffffff", "4294967295"),
        ("00e1 250000000040", "1152"),
        ("00e1 2d00 01*13", "1152"),
        ("00e1 22 0480 02 2000", "1152"),
        ("00e1 25 0000000040 02 2000", "1152"),
    ] {
        both_sides(&format!("> 00e1 23010200 20\n< {csm}\n! settings {settings}"));
    }
}

// CSM-16, T45, T49
#[test]
fn whatever_the_peer_announces_we_send_what_we_can() {
    both_sides(
        r#"
        config max_send_size 1200
        open
        < 00e1 24 ffffffff
        ! settings 4294967295 block-wise bert
        = max_send 1200
        "#,
    );
    for size in 64..=90 {
        both_sides(&format!(
            r#"
            > 00e1 23010200 20
            < 00e1 21 {size:02x}
            ! settings {size}
            = max_send {size}
            < 08e2 0001020304050607
            > 08e3 0001020304050607
            < GET 0001020304050607 65001=
            > 4.02 0001020304050607 "unknown critical option (65001)"
            "#
        ));
    }
}

// CSM-16, ABT-06
#[test]
fn an_abort_obeys_the_size_too() {
    // 2 of header, 1 of marker, and 56: what the option of a bad CSM may need stays free.
    acceptor(
        r#"
        open
        < 00e1 21 40
        ! settings 64 block-wise
        * abort "a very long diagnostic text, which the peer has no room for, so it is cut"
        > 00e5 ff "a very long diagnostic text, which the peer has no room "
        . close 1002
        "#,
    );
    acceptor(
        r#"
        open
        < 00e1 21 40
        ! settings 64 block-wise
        * release "a very long diagnostic text, which the peer has no room for, so it is cut"
        > 00e4 ff "a very long diagnostic text, which the peer has no room "
        "#,
    );
}

// CSM-19, CSM-16
#[test]
fn a_size_that_is_refused_is_not_obeyed_either() {
    both_sides(
        r#"
        open
        < 00e1 20
        > 00e5 2102 ff "CSM value not acceptable"
        . close 1002
        = max_send 1152
        "#,
    );
    // Nor is anything else in that CSM.
    both_sides(
        r#"
        config min_peer_message_size 100
        > 00e1 23010200 20
        < 00e1 21 63 20 21 40
        > 00e5 2102 ff "CSM value not acceptable"
        . close 1002
        = max_send 1152
        "#,
    );
}

// CSM-20, CSM-22
#[test]
fn bert_is_block_wise_and_more_than_1152_in_any_order() {
    both_sides(
        r#"
        > 00e1 23010200 20
        < 00e1 40
        ! settings 1152 block-wise
        < 00e1 22 0481
        ! settings 1153 block-wise bert
        < 00e1 22 0480
        ! settings 1152 block-wise
        "#,
    );
    both_sides(
        r#"
        > 00e1 23010200 20
        < 00e1 22 0481
        ! settings 1153
        < 00e1 40
        ! settings 1153 block-wise bert
        "#,
    );
    // A value makes it another option.
    both_sides("> 00e1 23010200 20\n< 00e1 41 00\n! settings 1152");
}

// CSM-15, CSM-16, T50
#[test]
fn what_is_queued_goes_and_what_follows_obeys_the_new_size() {
    both_sides(
        r#"
        open
        * hold
        * PUT /a =61*200
        < 00e1 21 40
        ! settings 64 block-wise
        * PUT /b =61*200
        ! error: the message has 206 bytes, 64 may be sent
        * flow
        > 0103 04 b161 ff 61*200
        "#,
    );
}
