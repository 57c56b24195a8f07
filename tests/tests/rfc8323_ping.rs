//! RFC 8323 §5.4, §3.4: Ping, Pong, Custody and the health of a connection.

use coap_ws_tests::transcript::{acceptor, both_sides, initiator};

// PING-01, PING-02, PING-04, TOK-28
#[test]
fn a_ping_gets_a_pong_with_its_token() {
    both_sides(
        r#"
        open
        < 01e2 42
        > 01e3 42
        < 00e2
        > 00e3 ff "pong"
        < 08e2 0001020304050607
        > 08e3 0001020304050607
        < 01e2 00
        > 01e3 00
        < 02e2 0042
        > 02e3 0042
        < 00e2 ff 61
        > 00e3 ff "pong"
        "#,
    );
}

// PING-02, TOK-12
#[test]
fn a_plain_ping_overtakes_slow_requests() {
    both_sides(
        r#"
        open
        < GET 01 /slow
        ! request GET 01 /slow
        < 01e2 42
        > 01e3 42
        * respond 2.05 "x"
        > 0145 01 ff 78
        "#,
    );
}

// PING-03, PING-04, T56
#[test]
fn with_custody_the_pong_waits_for_what_came_before() {
    both_sides(
        r#"
        open
        < GET 01 /slow
        ! request GET 01 /slow
        < GET 02 /slower
        ! request GET 02 /slower
        < 01e2 42 20
        < GET 03 /later             ; not before the Ping: not waited for
        ! request GET 03 /later
        < 01e2 43                   ; plain: does not wait
        > 01e3 43
        * respond #2 2.05 "2"
        > 0145 02 ff 32
        * respond #1 2.05 "1"
        > 0145 01 ff 31
        > 01e3 42 20
        < 01e2 44 20
        * respond #3 2.05 "3"
        > 0145 03 ff 33
        > 01e3 44 20
        "#,
    );
}

// PING-03, PING-01
#[test]
fn with_custody_and_nothing_open_the_pong_goes_at_once() {
    both_sides(
        r#"
        open
        < 01e2 42 20
        > 01e3 42 20
        < 00e2 20
        > 00e3 20
        "#,
    );
}

// PING-03, NR-02
#[test]
fn a_response_that_is_not_sent_is_processed_too() {
    both_sides(
        r#"
        open
        < POST 01 /x 258=1a
        ! request POST 01 /x 258=1a
        < 01e2 42 20
        * respond 2.04
        > 01e3 42 20
        "#,
    );
}

// PING-04, T56
#[test]
fn custody_is_not_stated_where_it_is_not_true() {
    // The Pong may wait 30 s, the request 40.
    both_sides(
        r#"
        config answer_timeout 30s
        config custody_timeout 20s
        open
        < GET 01 /slow
        ! request GET 01 /slow
        < 01e2 42 20
        < 00e2 20
        @ +19999999us
        @ +1us
        > 01e3 42
        > 00e3 ff "pong"
        * respond 2.05
        > 0145 01
        "#,
    );
}

// PING-03, PING-04
#[test]
fn an_answer_of_our_own_is_an_answer() {
    both_sides(
        r#"
        config answer_timeout 10s
        open
        < GET 01 /slow
        ! request GET 01 /slow
        < 01e2 42 20
        @ +10s
        ! expired #1
        > 01a3 01 ff "no answer in time"
        > 01e3 42 20
        "#,
    );
}

// PING-03, T53, T56
#[test]
fn four_pongs_wait_and_a_fifth_is_plain() {
    both_sides(
        r#"
        open
        < GET 01 /slow
        ! request GET 01 /slow
        < 01e2 41 20
        < 01e2 42 20
        < 01e2 43 20
        < 01e2 44 20
        < 01e2 45 20
        > 01e3 45
        * respond 2.05
        > 0145 01
        > 01e3 41 20
        > 01e3 42 20
        > 01e3 43 20
        > 01e3 44 20
        "#,
    );
}

// PING-05, PING-08, T54
#[test]
fn only_the_exact_token_answers_a_ping_of_ours() {
    both_sides(
        r#"
        open
        * ping
        > 01e2 04
        < 00e3 20               ; what libcoap says to any Ping
        < 01e3 99
        < 02e3 0004
        < 01e3 08
        < 01e3 04 20            ; custody unasked
        ! pong 04 custody
        < 01e3 04
        * ping custody
        > 01e2 08 20
        < 01e3 08
        ! pong 08
        "#,
    );
}

// PING-06, SIG-08
#[test]
fn custody_has_no_value() {
    both_sides(
        r#"
        open
        < GET 01 /slow
        ! request GET 01 /slow
        < 01e2 42 21 01
        > 01e3 42
        * ping custody
        > 01e2 04 20
        < 01e3 04 21 01
        ! pong 04
        "#,
    );
}

// PING-07, PING-08
#[test]
fn a_ping_without_a_pong_fails_and_the_connection_stays() {
    both_sides(
        r#"
        open
        * ping
        > 01e2 04
        * ping custody
        > 01e2 08 20
        @ +19999999us
        < 01e3 08
        ! pong 08
        @ +1us
        ! ping failed 04: no Pong within the timeout
        < 01e3 04
        = phase Open
        "#,
    );
}

// PING-07, PING-13, PING-14
#[test]
fn what_is_unanswered_at_the_end_fails_with_its_cause() {
    both_sides(
        r#"
        open
        * GET /a
        > 0101 04 b161
        * ping
        > 01e2 08
        * hold
        * PUT /b
        < eof
        ! failed 04 maybe: the connection ended: the connection was lost without a WebSocket Close
        ! failed 0d no: the connection ended: the connection was lost without a WebSocket Close
        ! ping failed 08: the connection ended: the connection was lost without a WebSocket Close
        ! closed: the connection was lost without a WebSocket Close
        * flow
        = in_flight 0
        = next none
        "#,
    );
}

// PING-09, T55
#[test]
fn the_initiator_pings_when_nothing_came_for_a_while() {
    initiator(
        r#"
        config keepalive_interval 25s
        open
        @ +24999999us
        @ +1us
        > 01e2 04
        @ +19999999us
        < alive                 ; any byte will do
        @ +25s
        > 01e2 08
        < 01e3 08               ; nobody asked to be told
        @ +25s
        > 01e2 0c
        @ +20s
        . close 1001
        < done
        ! closed: the peer did not answer a keepalive Ping
        "#,
    );
}

// PING-08, PING-09, T54
#[test]
fn whatever_comes_is_a_sign_of_life() {
    for life in ["0000", "01e2 42", "00e1", "01e3 99", "0145 99", "GET 01 /a", "alive", "0120 56"] {
        let text = format!(
            "config keepalive_interval 25s\nopen\n@ +25s\n> 01e2 04\n@ +10s\n< {life}\n{}@ +24s\n= phase Open",
            match life {
                "01e2 42" => "> 01e3 42\n",
                "00e1" => "! settings 1152 block-wise\n",
                "GET 01 /a" => "! request GET 01 /a\n",
                _ => "",
            }
        );
        both_sides(&text);
    }
}

// PING-09
#[test]
fn the_acceptor_leaves_it_to_its_peer() {
    acceptor("open\n@ +86400s\n= phase Open\n= next none");
    initiator("open\n@ +86400s\n= phase Open\n= next none"); // where it is configured so
}

// PING-12
#[test]
fn empty_messages_keep_a_connection_alive() {
    let mut text = "config keepalive_interval 25s\nopen\n".to_owned();
    for _ in 0..50 {
        text += "@ +20s\n< 0000\n";
    }
    both_sides(&text);
}

// PING-01, PING-02, T53
#[test]
fn while_output_waits_no_ping_is_taken() {
    both_sides(
        r#"
        config write_high 100
        config write_low 10
        open
        * hold
        < GET 01
        ! request GET 01
        * respond 2.05 =61*96       ; 100 bytes and the length in front
        = wants_input false
        < 01e2 42
        ! not now: output must drain before the next message can be taken
        * flow
        > 0145 01 ff 61*96
        = wants_input true
        < 01e2 42
        > 01e3 42
        "#,
    );
}

// PING-01, TOK-07
#[test]
fn a_ping_that_is_refused_has_used_no_token() {
    both_sides(
        r#"
        config write_high 0
        config write_low 0
        open
        * hold
        * GET
        * ping
        ! error: too much output waits to be sent
        * flow
        > 0101 04
        ! room
        * ping
        > 01e2 08
        "#,
    );
}

// PING-09, T55
#[test]
fn a_keepalive_that_finds_no_room_is_no_command_that_was_refused() {
    // 200 bytes wait and then 1156: of the 96 that automatic answers have, each Ping takes 7.
    let mut text = r#"
        config keepalive_interval 25s
        config request_timeout 3600s
        config max_send_size 1152
        config write_high 200
        open
        * hold
        * PUT =61*192
        * PUT =61*1148
        "#
    .replace("write_high 200", "write_high 200\nconfig write_low 200");
    text += &"@ +25s\n< alive\n".repeat(20);
    text += "* flow\n> 0103 04 ff 61*192\n> 0103 09 ff 61*1148\n";
    for sequence in 3..16 {
        text += &format!("> 01e2 {:02x}\n", sequence << 2);
    }
    both_sides(&text);
}
