//! RFC 7252 §5.1, §5.2, §5.8, §5.9, §12.1: methods, response codes and reserved classes.

use coap_ws_core::message::{Code, ContentFormat, Kind, Message, OptionNumber, Request};
use coap_ws_core::message::{Response, encode_message};
use coap_ws_tests::transcript::{both_sides, notation};

/// Every code that an RFC names. Written down from the requirements, not from the code.
const REGISTRY: [(u8, &str); 40] = [
    (0x00, "Empty"),
    (0x01, "GET"),
    (0x02, "POST"),
    (0x03, "PUT"),
    (0x04, "DELETE"),
    (0x05, "FETCH"),
    (0x06, "PATCH"),
    (0x07, "iPATCH"),
    (0x41, "Created"),
    (0x42, "Deleted"),
    (0x43, "Valid"),
    (0x44, "Changed"),
    (0x45, "Content"),
    (0x5f, "Continue"),
    (0x80, "Bad Request"),
    (0x81, "Unauthorized"),
    (0x82, "Bad Option"),
    (0x83, "Forbidden"),
    (0x84, "Not Found"),
    (0x85, "Method Not Allowed"),
    (0x86, "Not Acceptable"),
    (0x88, "Request Entity Incomplete"),
    (0x89, "Conflict"),
    (0x8c, "Precondition Failed"),
    (0x8d, "Request Entity Too Large"),
    (0x8f, "Unsupported Content-Format"),
    (0x96, "Unprocessable Entity"),
    (0x9d, "Too Many Requests"),
    (0xa0, "Internal Server Error"),
    (0xa1, "Not Implemented"),
    (0xa2, "Bad Gateway"),
    (0xa3, "Service Unavailable"),
    (0xa4, "Gateway Timeout"),
    (0xa5, "Proxying Not Supported"),
    (0xa8, "Hop Limit Reached"),
    (0xe1, "CSM"),
    (0xe2, "Ping"),
    (0xe3, "Pong"),
    (0xe4, "Release"),
    (0xe5, "Abort"),
];

// CODE-14, FMT-04, EXT-15
#[test]
fn every_byte_is_a_code_and_has_the_registered_name() {
    for byte in 0..=u8::MAX {
        let code = Code::from_byte(byte);
        assert_eq!(code.to_byte(), byte);
        assert_eq!((code.class(), code.detail()), (byte / 32, byte % 32));
        assert_eq!(Code::new(byte / 32, byte % 32), Some(code));
        assert_eq!(code.to_string(), format!("{}.{:02}", byte / 32, byte % 32));
        let named = REGISTRY.iter().find(|row| row.0 == byte);
        assert_eq!(code.name(), named.map(|row| row.1), "{code}");
        let kind = match (byte / 32, byte) {
            (0, 0) => Kind::Empty,
            (0, _) => Kind::Request,
            (2 | 4 | 5, _) => Kind::Response,
            (7, _) => Kind::Signal,
            _ => Kind::Reserved,
        };
        assert_eq!(code.kind(), kind, "{code}");
    }
    let named = REGISTRY.iter().map(|row| row.0);
    assert!(Code::REGISTERED.iter().map(|code| code.to_byte()).eq(named));
    assert_eq!((Code::new(8, 0), Code::new(0, 32)), (None, None));
}

// CODE-01, CODE-15
#[test]
fn every_method_that_is_known_is_told_and_every_other_gets_4_05() {
    for detail in 1..32 {
        let outcome = match Code::new(0, detail).and_then(Code::name) {
            Some(name) => format!("! request {name} 55\n* respond 2.05\n> 0145 55"),
            None => "> 0185 55 ff \"unknown method\"".into(),
        };
        both_sides(&format!("open\n< 01{detail:02x} 55\n{outcome}\n= requests_open 0"));
    }
}

// CODE-02
#[test]
fn a_response_code_that_nobody_knows_is_what_its_class_says() {
    for byte in (0x40..0x60).chain(0x80..0xc0) {
        let code = Code::from_byte(byte);
        let class = if byte < 0x60 { byte } else { byte & 0xe0 };
        let known = if code.name().is_some() { byte } else { class };
        assert_eq!(code.as_known().to_byte(), known, "{code}");
        assert_eq!((code.is_success(), code.is_error()), (byte < 0x60, byte >= 0x80));
        both_sides(&format!(
            "open\n* GET\n> GET 04\n< 01{byte:02x} 04 ff 78\n! response {code} 04 \"x\""
        ));
    }
}

// CODE-04, CODE-05, T43
#[test]
fn a_reserved_class_is_ignored_and_counted() {
    for byte in (0x20..0x40).chain(0x60..0x80).chain(0xc0..0xe0) {
        let code = Code::from_byte(byte);
        both_sides(&format!(
            r#"
            open
            < 01{byte:02x} 56 b161 ff 78
            = reserved 1
            = requests_open 0
            < 01e2 42
            > 01e3 42
            * GET
            > GET 04
            < 01{byte:02x} 04
            ! failed 04: the response has the reserved code {code}
            < 01{byte:02x} 04
            = reserved 3
            * GET
            > GET 08
            < 0145 08
            ! response 2.05 08
            "#
        ));
    }
}

// CODE-05, TOK-13
#[test]
fn a_reserved_class_for_a_cancelled_request_gives_its_place_back() {
    both_sides(
        r#"
        open
        * GET
        > GET 04
        * cancel 04
        < 0120 04
        = in_flight 0
        = phase Open
        "#,
    );
}

// CODE-09, OPT-26
#[test]
fn the_payload_of_an_error_is_text_unless_it_says_what_it_is() {
    let diagnostic = |text: &str| {
        let bytes = notation::bytes(text).unwrap();
        Message::parse(&bytes).unwrap().diagnostic().map(str::to_owned)
    };
    assert_eq!(diagnostic("4.04 01 \"no such room\""), Some("no such room".into()));
    assert_eq!(diagnostic("4.04 01 =c3a9"), Some("é".into()));
    assert_eq!(diagnostic("4.04 01 =c328"), None);
    assert_eq!(diagnostic("4.04 01 12= \"x\""), None);
    assert_eq!(diagnostic("4.04 01"), None);
    assert_eq!(diagnostic("Release - 12= \"x\""), Some("x".into()));
}

// CODE-11
#[test]
fn options_of_an_error_are_options() {
    both_sides(
        r#"
        open
        < 01 01 17
        ! request GET 17
        * respond 5.03 14=0a
        > 01a3 17 d1010a
        < 01 03 17
        ! request PUT 17
        * respond 4.13 60=0400
        > 018d 17 d22f0400
        * PUT
        > PUT 04
        < 018d 04 d22f0400
        ! response 4.13 04 60=0400
        "#,
    );
}

// CODE-16, EXT-12, EXT-13
#[test]
fn methods_are_safe_and_idempotent_as_their_rfcs_say() {
    let properties = |code: Code| (code.is_safe(), code.is_idempotent());
    assert_eq!(properties(Code::GET), (true, true));
    assert_eq!(properties(Code::POST), (false, false));
    assert_eq!(properties(Code::PUT), (false, true));
    assert_eq!(properties(Code::DELETE), (false, true));
    assert_eq!(properties(Code::FETCH), (true, true));
    assert_eq!(properties(Code::PATCH), (false, false));
    assert_eq!(properties(Code::IPATCH), (false, true));
    assert_eq!(properties(Code::CONTENT), (false, false));
    let mut buffer = [0; 16];
    let fetch = Request::fetch(ContentFormat::CBOR, b"\xa0");
    let size = encode_message(&mut buffer, &[7], &fetch).unwrap();
    assert_eq!(buffer[..size], *b"\x01\x05\x07\xc1\x3c\xff\xa0");
}

// CODE-14, OPT-22, OPT-24
#[test]
fn the_ready_made_responses_have_the_codes_they_are_named_after() {
    let spell = |response: Response<'_>| {
        let mut buffer = [0; 32];
        let size = encode_message(&mut buffer, &[1], &response).unwrap();
        notation::show(&Message::parse(&buffer[..size]).unwrap())
    };
    assert_eq!(spell(Response::content(b"x")), "2.05 01 \"x\"");
    assert_eq!(spell(Response::created()), "2.01 01");
    assert_eq!(spell(Response::changed()), "2.04 01");
    assert_eq!(spell(Response::deleted()), "2.02 01");
    assert_eq!(spell(Response::valid(b"\xbe\xef")), "2.03 01 4=beef");
    assert_eq!(spell(Response::error(Code::NOT_FOUND, "no")), "4.04 01 \"no\"");
    assert_eq!(spell(Response::content(b"").max_age(0)), "2.05 01 14=");
    assert_eq!(spell(Response::content(b"").max_age(10)), "2.05 01 14=0a");
    assert_eq!(spell(Response::content(b"")), "2.05 01");
}

// OPT-26, OPT-27, FMT-23
#[test]
fn a_content_format_is_a_number_that_may_be_absent() {
    let read = |text: &str| {
        let bytes = notation::bytes(text).unwrap();
        let message = Message::parse(&bytes).unwrap();
        (message.content_format(), message.accept())
    };
    assert_eq!(read("GET 01"), (None, None));
    assert_eq!(read("2.05 01 12="), (Some(ContentFormat::TEXT), None));
    assert_eq!(read("GET 01 17=003c"), (None, Some(ContentFormat::CBOR)));
    assert_eq!(read("0145 01 42 beef 81 28"), (Some(ContentFormat::LINK_FORMAT), None));
    assert_eq!(read("GET 01 12=010203"), (None, None));
    assert_eq!(read("GET 01 12=ffff"), (Some(ContentFormat::new(65_535)), None));
    for (number, name) in [
        (0, "text/plain;charset=utf-8"),
        (40, "application/link-format"),
        (42, "application/octet-stream"),
        (47, "application/exi"),
        (50, "application/json"),
        (51, "application/json-patch+json"),
        (52, "application/merge-patch+json"),
        (60, "application/cbor"),
    ] {
        assert_eq!(ContentFormat::new(number).media_type(), Some(name));
        assert_eq!(ContentFormat::by_name(name), Some(ContentFormat::new(number)));
    }
    assert_eq!(OptionNumber::CONTENT_FORMAT.get(), 12);
}
