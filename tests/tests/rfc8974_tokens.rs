//! RFC 8974 §2: tokens longer than eight bytes. We advertise none, and understand who does.

use coap_ws_core::message::{Message, Request, encode_message};
use coap_ws_tests::transcript::{acceptor, both_sides, notation};

// TOK-14, TOK-15, CSM-25
#[test]
fn we_advertise_no_longer_tokens_and_send_none() {
    both_sides(
        r#"
        > 00e1 23010200 20
        < 00e1 63 01010c
        ! settings 1152 tokens 65804
        * GET /a
        > 0101 04 b161
        < 0145 04
        ! response 2.05 04
        < 0c01 01*12
        > 00e5 ff "token longer than advertised"
        . close 1002
        "#,
    );
}

// TOK-16, TOK-17, SIG-08
#[test]
fn what_the_peer_advertises_replaces_what_it_did_before() {
    both_sides(
        r#"
        > 00e1 23010200 20
        < 00e1 61 40
        ! settings 1152 tokens 64
        < 00e1 61 10
        ! settings 1152 tokens 16
        < 00e1
        ! settings 1152 tokens 16
        < 00e1 61 04                ; below 8: ignored
        ! settings 1152 tokens 16
        < 00e1 60
        ! settings 1152 tokens 16
        < 00e1 63 ffffff            ; above 65804: that
        ! settings 1152 tokens 65804
        < 00e1 64 00000010          ; too long a number: ignored
        ! settings 1152 tokens 65804
        < 00e1 61 08
        ! settings 1152
        < 00e1 62 0008
        ! settings 1152
        "#,
    );
}

// TOK-18, TOK-20, FMT-08
#[test]
fn the_length_of_a_token_is_limited_in_requests_and_signals_only() {
    acceptor(
        r#"
        open
        < 0945 01*9
        < 0d45 03 c3*16 ff "ok"
        < 0e45 ffff 01*65804
        = unmatched 3
        < 0801 01*8
        ! request GET 0101010101010101
        < 0901 01*9
        > 00e5 ff "token longer than advertised"
        . close 1002
        "#,
    );
}

// FMT-05, FMT-06, TOK-20
#[test]
fn a_token_of_any_length_is_written_and_read() {
    for length in [0, 1, 8, 9, 12, 13, 14, 268, 269, 270, 300, 524, 525, 65_803, 65_804] {
        let token = vec![0xa5; length];
        let mut buffer = vec![0; length + 16];
        let size = encode_message(&mut buffer, &token, &Request::put(b"x")).unwrap();
        let message = Message::parse(&buffer[..size]).unwrap();
        assert_eq!((message.token(), message.payload()), (&token[..], &b"x"[..]), "{length}");
        let extension = match length {
            0..=12 => 0,
            13..=268 => 1,
            _ => 2,
        };
        assert_eq!(size, 2 + extension + length + 2, "{length}");
    }
}

// FMT-05, FMT-06
#[test]
fn a_token_that_no_length_can_express_is_refused() {
    let mut buffer = vec![0; 80_000];
    let refused = encode_message(&mut buffer, &vec![1; 65_805], &Request::get());
    let text = refused.map_err(|error| error.to_string());
    assert_eq!(text, Err("a token has at most 65804 bytes".into()));
}

// FMT-05, FMT-06
#[test]
fn the_extension_sits_behind_the_code() {
    for (text, length) in [
        ("0d01 00 a5*13", 13),
        ("0d01 ff a5*268", 268),
        ("0e01 0000 a5*269", 269),
        ("0e01 001f a5*300", 300),
    ] {
        let bytes = notation::bytes(text).unwrap();
        assert_eq!(Message::parse(&bytes).unwrap().token(), vec![0xa5; length], "{text}");
        let mut again = vec![0; 400];
        let size = encode_message(&mut again, &vec![0xa5; length], &Request::get()).unwrap();
        assert_eq!(again[..size], bytes, "{text}");
    }
}
