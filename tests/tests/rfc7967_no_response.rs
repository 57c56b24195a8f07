//! RFC 7967: who does not want a response, and what then becomes of the request.

use coap_ws_core::message::{Code, OptionNumber, Request, encode_message};
use coap_ws_tests::transcript::{acceptor, both_sides};

// NR-01, NR-07, OPT-10
#[test]
fn the_option_is_elective_unsafe_and_one_byte() {
    let option = OptionNumber::NO_RESPONSE;
    assert_eq!((option.get(), option.is_critical(), option.is_unsafe()), (258, false, true));
    let spec = option.spec().unwrap();
    assert_eq!((spec.min_len, spec.max_len, spec.repeatable), (0, 1, false));
    let mut buffer = [0; 16];
    let request = Request::post(b"").segment("a").no_response(26);
    let size = encode_message(&mut buffer, &[8], &request).unwrap();
    assert_eq!(buffer[..size], *b"\x01\x02\x08\xb1\x61\xd1\xea\x1a");
}

// NR-02, NR-03, NR-05
#[test]
fn each_bit_disclaims_one_class_and_the_others_mean_nothing() {
    for bitmap in 0..=u8::MAX {
        for code in [Code::CHANGED, Code::NOT_FOUND, Code::INTERNAL_SERVER_ERROR] {
            let wanted = bitmap & (1 << (code.class() - 1)) == 0;
            let outcome = match wanted {
                true => format!("> {code} 01 \"x\"\n= suppressed 0"),
                false => "= suppressed 1".to_owned(),
            };
            acceptor(&format!(
                "open\n< POST 01 258={bitmap:02x}\n! request POST 01 258={bitmap:02x}\n\
                 * respond {code} \"x\"\n{outcome}\n= requests_open 0"
            ));
        }
    }
}

// NR-02, NR-06, OPT-06, OPT-07
#[test]
fn no_value_is_zero_a_long_one_is_none_and_of_two_the_first_counts() {
    for options in ["258=", "258=001a", "258=00", "258= 258=1a"] {
        acceptor(&format!(
            "open\n< POST 01 {options}\n! request POST 01 {options}\n* respond 2.04\n> 2.04 01"
        ));
    }
    acceptor("open\n< POST 01 258=1a 258=00\n! request POST 01 258=1a 258=00\n* respond 2.04");
}

// NR-02, NR-17, NR-03
#[test]
fn answers_of_our_own_may_be_disclaimed_too() {
    acceptor(
        r#"
        config answer_timeout 5s
        open
        < GET 01 9= 258=08
        < GET 01 9= 258=02
        > 4.02 01 "unsupported critical option (9)"
        < 0108 01
        > 4.05 01 "unknown method"
        < GET 01 35="x" 258=10
        < POST 02 258=10
        ! request POST 02 258=10
        @ +5s
        ! expired #1
        * respond 4.04
        ! error: the request was answered 5.03 at its timeout
        "#,
    );
}

// NR-02, NR-04, NR-09
#[test]
fn the_transport_unsets_the_option_in_responses() {
    both_sides(
        r#"
        open
        < GET 01
        ! request GET 01
        * respond 2.05 258=1a "x"
        > 0145 01 ff 78
        < GET 02
        ! request GET 02
        * respond 2.05 252=aa 258=1a 292=bb "x"
        > 2.05 02 252=aa 292=bb "x"
        "#,
    );
}

// NR-08, NR-09, NR-10
#[test]
fn a_request_that_wants_nothing_is_over_when_it_is_handed_out() {
    both_sides(
        r#"
        open
        * hold
        * POST /x 258=1a "1"
        = in_flight 1
        * flow
        > POST 04 /x 258=1a "1"
        ! silent 04
        = in_flight 0
        * POST /x 258=1a "2"            ; a token of its own
        > POST 08 /x 258=1a "2"
        ! silent 08
        * POST /x 258=ff "3"
        > POST 0c /x 258=ff "3"
        ! silent 0c
        "#,
    );
}

// NR-04, NR-08, TOK-13
#[test]
fn an_answer_to_such_a_request_is_late() {
    both_sides(
        r#"
        open
        * POST /x 258=1a
        > POST 04 /x 258=1a
        ! silent 04
        < 0144 04
        < 0184 04
        = late 2
        * GET
        > GET 08
        < 0145 08
        ! response 2.05 08
        "#,
    );
}

// NR-08, PING-14
#[test]
fn what_was_not_handed_out_was_not_sent() {
    both_sides(
        r#"
        open
        * hold
        * POST /x 258=1a
        < eof
        ! failed 04 no: the connection ended: the connection was lost without a WebSocket Close
        ! closed: the connection was lost without a WebSocket Close
        "#,
    );
}

// NR-08, NR-09, NR-03
#[test]
fn who_disclaims_some_classes_waits_and_silence_is_no_success() {
    for bitmap in ["02", "08", "10", "0a", "12", "18", "", "00", "e5"] {
        both_sides(&format!(
            r#"
            open
            * POST /x 258={bitmap} timeout=5s
            > POST 04 /x 258={bitmap}
            @ +4999999us
            = in_flight 1
            @ +1us
            ! failed 04 maybe: no response within the timeout
            * POST /x 258={bitmap}
            > POST 08 /x 258={bitmap}
            < 0184 08
            ! response 4.04 08
            "#
        ));
    }
}

// NR-11, TOK-06
#[test]
fn custody_never_lets_a_token_come_again() {
    both_sides(
        r#"
        open
        * GET /slow
        > GET 04 /slow
        * POST /x 258=1a
        > POST 09 /x 258=1a
        ! silent 09
        * ping custody
        > 01e2 0c 20
        < 01e3 0c 20
        ! pong 0c custody
        * GET /next
        > GET 11 /next
        < 0145 09 ff "late"             ; what custody said is no end
        < 0145 04 ff "slow"
        ! response 2.05 04 "slow"
        < 0145 11 ff "next"
        ! response 2.05 11 "next"
        = late 1
        "#,
    );
}

// NR-08, NR-09
#[test]
fn a_silent_request_can_be_cancelled_like_any_other() {
    both_sides(
        r#"
        open
        * hold
        * POST /x 258=1a
        * cancel 04
        * flow
        = in_flight 0
        "#,
    );
}
