//! RFC 8323 §5.1, §5.2: signaling messages and their options in general.

use coap_ws_core::message::{Code, OptionFormat, OptionNumber};
use coap_ws_tests::transcript::{acceptor, both_sides};

// SIG-01
#[test]
fn an_option_number_means_something_else_in_each_signal() {
    let name = |code, number| OptionNumber::new(number).name_in(code);
    let table: [(Code, [Option<&str>; 4]); 8] = [
        (
            Code::CSM,
            [
                Some("Max-Message-Size"),
                Some("Block-Wise-Transfer"),
                Some("Extended-Token-Length"),
                Some("OSCORE"),
            ],
        ),
        (Code::PING, [Some("Custody"), None, None, Some("OSCORE")]),
        (Code::PONG, [Some("Custody"), None, None, Some("OSCORE")]),
        (Code::RELEASE, [Some("Alternative-Address"), Some("Hold-Off"), None, Some("OSCORE")]),
        (Code::ABORT, [Some("Bad-CSM-Option"), None, None, Some("OSCORE")]),
        (Code::from_byte(0xe0), [None, None, None, Some("OSCORE")]),
        (Code::from_byte(0xff), [None, None, None, Some("OSCORE")]),
        (Code::GET, [None, Some("ETag"), Some("Observe"), Some("OSCORE")]),
    ];
    for (code, names) in table {
        assert_eq!([2, 4, 6, 9].map(|number| name(code, number)), names, "{code:?}");
    }
    assert_eq!(name(Code::CSM, 11), None);
    let format = |code, number| OptionNumber::new(number).format_in(code);
    assert_eq!(format(Code::CSM, 2), OptionFormat::Uint);
    assert_eq!(format(Code::CSM, 4), OptionFormat::Empty);
    assert_eq!(format(Code::PING, 2), OptionFormat::Empty);
    assert_eq!(format(Code::RELEASE, 2), OptionFormat::String);
    assert_eq!(format(Code::RELEASE, 4), OptionFormat::Uint);
    assert_eq!(format(Code::ABORT, 2), OptionFormat::Uint);
    assert_eq!(format(Code::GET, 4), OptionFormat::Opaque);
}

// SIG-02, SIG-07, ABT-05, ABT-07, T52
#[test]
fn a_critical_option_costs_the_connection_in_every_signal() {
    for signal in ["01e2 42 30", "00e3 10", "00e4 10", "00e6 10", "00e0 10", "00ff e0fcdc"] {
        both_sides(&format!(
            r#"
            open
            < {signal}
            > 00e5 ff "unknown critical signaling option"
            . close 1002
            "#
        ));
    }
    // Of a CSM only, the Abort names it.
    both_sides(
        r#"
        open
        < 00e1 10
        > 00e5 21 01 ff "unknown critical signaling option"
        . close 1002
        "#,
    );
}

// SIG-03, SIG-07, T43
#[test]
fn an_elective_option_that_nobody_knows_is_ignored() {
    both_sides(
        r#"
        open
        < 00e1 a1 2a
        ! settings 1152 block-wise
        < 01e2 42 40
        > 01e3 42
        < 01e3 42 a0
        < 00e6 a1 2a
        < 00e0
        < 00ff
        < 00e4 61 01        ; 6 means nothing in a Release
        ! release
        . close 1000
        "#,
    );
    both_sides(
        r#"
        open
        < 00e5 a1 2a ff "bye"
        ! abort "bye"
        . close 1000
        "#,
    );
}

// SIG-04
#[test]
fn oscore_is_critical_and_not_understood() {
    both_sides(
        r#"
        open
        < 00e1 90
        > 00e5 2109 ff "unknown critical signaling option"
        . close 1002
        "#,
    );
    both_sides(
        r#"
        open
        < 01e2 42 91 00
        > 00e5 ff "unknown critical signaling option"
        . close 1002
        "#,
    );
}

// SIG-05, REL-08
#[test]
fn the_payload_of_a_signal_is_text_for_people() {
    both_sides(
        r#"
        > 00e1 23010200 20
        < 00e1 ff 6869
        ! settings 1152
        < 01e2 42 ff 61
        > 01e3 42
        < 01e3 42 ff 61
        < 00e6 ff 61
        < GET 01 /slow
        ! request GET 01 /slow
        < 00e4 ff 627965
        ! release "bye"
        < 00e4 ff c328          ; no text at all
        ! release
        "#,
    );
}

// SIG-06
#[test]
fn a_token_is_no_error_in_any_signal() {
    both_sides(
        r#"
        open
        < 01e1 42
        ! settings 1152 block-wise
        < 01e6 42
        < 08e4 0001020304050607
        ! release
        . close 1000
        "#,
    );
    both_sides("open\n< 01e5 42 ff 78\n! abort \"x\"\n. close 1000");
}

// SIG-08, FMT-27, T49
#[test]
fn wrong_length_is_unknown_and_of_two_the_first_counts() {
    both_sides(
        r#"
        > 00e1 23010200 20
        < 00e1 25 0000000080
        ! settings 1152
        < 00e1 41 00
        ! settings 1152
        < 00e1 22 0480 02 2000
        ! settings 1152
        < 00e1 22 2000 02 0480
        ! settings 8192
        < 00e1 64 00000040
        ! settings 8192
        < 00e1 61 40 01 20
        ! settings 8192 tokens 64
        "#,
    );
}

// SIG-09, SIG-10
#[test]
fn either_side_may_send_any_signal_and_only_a_ping_is_answered() {
    both_sides(
        r#"
        open
        < 00e1
        ! settings 1152 block-wise
        < 01e3 42
        < 01e2 42
        > 01e3 42
        * ping
        > 01e2 04
        < GET 01 /slow
        ! request GET 01 /slow
        < 00e4
        ! release
        < 00e4
        ! release
        "#,
    );
}

// TOK-28, CSM-27, T48, PING-01
#[test]
fn two_bytes_are_enough_from_the_peer_and_never_come_from_us() {
    acceptor(
        r#"
        > 00e1 23010200 20
        < 00e1
        ! settings 1152
        < 00e2
        > 00e3 ff "pong"
        < 00e2 20
        > 00e3 20
        * ping
        > 01e2 04
        < 00e3
        < 00 01
        ! request GET -
        * respond 2.05
        > 0045 d1 01 3c         ; Max-Age 60, which is what it means anyway
        < 00 02
        ! request POST -
        * respond 2.01
        > 0041 d0 01            ; Max-Age 0: not cacheable either way
        < 00 04
        ! request DELETE -
        * respond 2.02
        > 0042 d0 01
        < 00 03
        ! request PUT -
        * respond 2.04
        > 0044 d0 01
        < 00 01
        ! request GET -
        * respond 4.04
        > 0084 ff "Not Found"
        < 00 01
        ! request GET -
        * respond 5.31
        > 00bf ff "error"
        < 00 01
        ! request GET -
        * respond 2.05 258=1a   ; stripped, and then there is nothing
        > 0045 d1 01 3c
        < 00 01
        ! request GET -
        * respond 2.05 4=ff
        > 0045 41 ff
        < 01 01 42
        ! request GET 42
        * respond 2.05
        > 0145 42
        < 00 08
        > 0085 ff "unknown method"
        < 01e3 04
        ! pong 04
        < 00e4
        ! release
        . close 1000
        "#,
    );
    both_sides("open\n* release\n> 00e4 ff \"bye\"\n* abort\n> 00e5 ff \"aborted\"\n. close 1002");
}
