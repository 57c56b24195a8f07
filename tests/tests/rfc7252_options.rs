//! RFC 7252 §5.4, §5.10: options that are unknown, too long, doubled or out of place.

use coap_ws_core::message::{Direction, Message, OptionNumber};
use coap_ws_tests::transcript::{acceptor, both_sides, notation};

/// What is done about a critical option in a request; the elective ones are never refused.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Take,
    Refuse,
    Proxy,
}

use Direction::{Both, Request, Response};
use Then::{Proxy, Refuse, Take};

/// Number, name, lengths, repeatable, where defined, and what an endpoint that is no proxy and
/// knows no blocks does. Written down from the requirements, not from the code.
#[rustfmt::skip]
const REGISTRY: [(u16, &str, u16, u16, bool, Direction, Then); 27] = [
    (1, "If-Match", 0, 8, true, Request, Take),
    (3, "Uri-Host", 1, 255, false, Request, Take),
    (4, "ETag", 1, 8, true, Both, Take),
    (5, "If-None-Match", 0, 0, false, Request, Take),
    (6, "Observe", 0, 3, false, Both, Take),
    (7, "Uri-Port", 0, 2, false, Request, Take),
    (8, "Location-Path", 0, 255, true, Response, Take),
    (9, "OSCORE", 0, 255, false, Both, Refuse),
    (11, "Uri-Path", 0, 255, true, Request, Take),
    (12, "Content-Format", 0, 2, false, Both, Take),
    (14, "Max-Age", 0, 4, false, Response, Take),
    (15, "Uri-Query", 0, 255, true, Request, Take),
    (16, "Hop-Limit", 1, 1, false, Request, Take),
    (17, "Accept", 0, 2, false, Request, Take),
    (19, "Q-Block1", 0, 3, false, Both, Refuse),
    (20, "Location-Query", 0, 255, true, Response, Take),
    (21, "EDHOC", 0, 0, false, Request, Refuse),
    (23, "Block2", 0, 3, false, Both, Refuse),
    (27, "Block1", 0, 3, false, Both, Refuse),
    (28, "Size2", 0, 4, false, Both, Take),
    (31, "Q-Block2", 0, 3, true, Both, Refuse),
    (35, "Proxy-Uri", 1, 1034, false, Request, Proxy),
    (39, "Proxy-Scheme", 1, 255, false, Request, Proxy),
    (60, "Size1", 0, 4, false, Both, Take),
    (252, "Echo", 1, 40, false, Both, Take),
    (258, "No-Response", 0, 1, false, Request, Take),
    (292, "Request-Tag", 0, 8, true, Request, Take),
];

/// A value of so many bytes, as a transcript spells it.
fn value(byte: u8, len: u16) -> String {
    if len == 0 { String::new() } else { format!("{byte:02x}*{len}") }
}

/// The lengths at both ends of what an option allows, and one beyond.
fn lengths(min: u16, max: u16) -> Vec<u16> {
    let mut lengths = vec![min.saturating_sub(1), min, max, max + 1];
    lengths.dedup();
    lengths
}

/// Sends a request and says what has to come of it; what it was told is told as it was sent.
#[track_caller]
fn request(options: &str, refusal: Option<String>) {
    let message = notation::bytes(&format!("GET 42 {options}")).unwrap();
    let told = notation::show(&Message::parse(&message).unwrap());
    let outcome = match refusal {
        Some(refusal) => format!("> {refusal}"),
        None => format!("! request {told}"),
    };
    let hex = notation::hex(&message);
    acceptor(&format!("open\n< {hex}\n{outcome}\n< 01e2 99\n> 01e3 99"));
}

// OPT-13, OPT-14, OPT-12, OPT-25
#[test]
fn the_registry_is_the_registry() {
    let mut rows = REGISTRY.iter().peekable();
    for number in 0..=u16::MAX {
        let spec = OptionNumber::new(number).spec();
        let Some(&(_, name, min, max, repeatable, direction, _)) =
            rows.next_if(|row| row.0 == number)
        else {
            assert_eq!(spec, None, "{number}");
            continue;
        };
        let spec = spec.unwrap();
        assert_eq!((spec.name, spec.min_len, spec.max_len), (name, min, max));
        assert_eq!((spec.repeatable, spec.direction), (repeatable, direction), "{name}");
        assert!(number < 65_000, "experimental numbers are nobody's");
    }
    let registered = OptionNumber::REGISTERED.iter().map(|number| number.get());
    assert!(registered.eq(REGISTRY.iter().map(|row| row.0)));
}

// OPT-10
#[test]
fn the_number_says_critical_unsafe_and_no_cache_key() {
    let read = |number| {
        let number = OptionNumber::new(number);
        (number.is_critical(), number.is_unsafe(), number.is_no_cache_key())
    };
    assert_eq!(read(60), (false, false, true));
    assert_eq!(read(252), (false, false, true));
    assert_eq!(read(28), (false, false, true));
    assert_eq!(read(258), (false, true, false));
    assert_eq!(read(292), (false, false, false));
    assert_eq!(read(11), (true, true, false));
    assert_eq!(read(9), (true, false, false));
    assert_eq!(read(1), (true, false, false));
    for number in 0..=u16::MAX {
        let expected = (number % 2 == 1, number / 2 % 2 == 1, number & 0x1e == 0x1c);
        assert_eq!(read(number), expected, "{number}");
    }
}

// OPT-01, OPT-02, OPT-03, OPT-06, OPT-13, OPT-20, PRX-01, PRX-10, T41, T42
#[test]
fn every_option_of_every_length_in_a_request() {
    for (number, name, min, max, _, _, then) in REGISTRY {
        for len in lengths(min, max) {
            let fits = (min..=max).contains(&len);
            let critical = number % 2 == 1;
            let refusal = match then {
                Take if number == 16 && !fits => {
                    Some("4.00 42 \"Hop-Limit must be 1 to 255 (16)\"".to_owned())
                }
                _ if !critical => None,
                Refuse => Some(format!("4.02 42 \"unsupported critical option ({number})\"")),
                _ if !fits => Some(format!("4.02 42 \"option value of wrong length ({number})\"")),
                Proxy => Some(format!("5.05 42 \"not a proxy ({number})\"")),
                Take => None,
            };
            request(&format!("{number}={}", value(0x61, len)), refusal);
            // What is too long or too short is passed over, as if it were not there.
            let bytes = notation::bytes(&format!("GET 42 {number}={}", value(0x61, len))).unwrap();
            let read = Message::parse(&bytes).unwrap().option(OptionNumber::new(number));
            assert_eq!(read.map(<[u8]>::len), fits.then_some(usize::from(len)), "{name} {len}");
        }
    }
}

// OPT-07, OPT-14, OPT-21, PRX-11, T42
#[test]
fn every_option_twice_in_a_request() {
    for (number, name, min, max, repeatable, _, then) in REGISTRY {
        let critical = number % 2 == 1;
        let refusal = match then {
            Refuse => Some(format!("4.02 42 \"unsupported critical option ({number})\"")),
            _ if critical && !repeatable => {
                Some(format!("4.02 42 \"option given twice ({number})\""))
            }
            _ => None,
        };
        let len = min.max(1).min(max);
        let twice = format!("{number}={} {number}={}", value(0x61, len), value(0x62, len));
        request(&twice, refusal);
        let bytes = notation::bytes(&format!("GET 42 {twice}")).unwrap();
        let message = Message::parse(&bytes).unwrap();
        let first = message.option(OptionNumber::new(number));
        assert_eq!(first, Some(&vec![0x61; usize::from(len)][..]), "{name}: the first counts");
        assert_eq!(message.options_of(OptionNumber::new(number)).count(), 2);
    }
}

// OPT-04, OPT-05, OPT-06, OPT-08, T41
#[test]
fn every_option_of_every_length_in_a_response() {
    for (number, name, min, max, _, _, _) in REGISTRY {
        for len in lengths(min, max) {
            let response = format!("2.05 04 {number}={}", value(0x61, len));
            let bytes = notation::bytes(&response).unwrap();
            let told = match number % 2 {
                0 => format!("response {}", notation::show(&Message::parse(&bytes).unwrap())),
                _ => format!(
                    "failed 04: the response has a critical option that is not understood: {name}"
                ),
            };
            // That request only: a second one works.
            both_sides(&format!(
                "open\n* GET\n> GET 04\n< {response}\n! {told}\n= in_flight 0\n\
                 * GET\n> GET 08\n< 0145 08\n! response 2.05 08"
            ));
        }
    }
}

// OPT-02, OPT-04, OPT-06, OPT-07
#[test]
fn what_the_application_understands_it_gets() {
    acceptor(
        r#"
        config understood 23,27,65001
        open
        < 0103 42 d1 0e 08
        ! request PUT 42 27=08
        < GET 42 23= 65001=
        ! request GET 42 23= 65001=
        < GET 42 23=00000000
        > 4.02 42 "option value of wrong length (23)"
        < GET 42 23= 23=
        > 4.02 42 "option given twice (23)"
        < GET 42 19=
        > 4.02 42 "unsupported critical option (19)"
        < GET 42 65003=
        > 4.02 42 "unknown critical option (65003)"
        * GET
        > GET 04
        < 2.05 04 23=08 "x"
        ! response 2.05 04 23=08 "x"
        * GET
        > GET 08
        < 2.05 08 23=00000008
        ! failed 08: the response has a critical option that is not understood: Block2
        "#,
    );
}

// OPT-01, OPT-02, OPT-03, OPT-06, OPT-07, OPT-20, FMT-21, FMT-22, FMT-23
#[test]
fn the_examples_of_the_requirements() {
    for (options, refusal) in [
        ("0101 42 a0", None),
        ("0101 42 90", Some("unsupported critical option (9)")),
        ("0101 42 73 001f90", Some("option value of wrong length (7)")),
        ("0101 42 64 00000000", None),
        ("0101 42 49 01*9", None),
        ("0101 42 31 61 01 62", Some("option given twice (3)")),
        ("0103 42 c0 01 28", None),
        ("0101 42 51 01", Some("option value of wrong length (5)")),
        ("0101 42 00", None),
        ("0101 42 d2 04 003c", None),
        ("0101 42 72 0050", None),
        ("0101 42 d0 00", Some("unknown critical option (13)")),
        ("0101 42 e0 0000", Some("unknown critical option (269)")),
        ("0101 42 d0 ff", None),
    ] {
        let bytes = notation::bytes(options).unwrap();
        let outcome = match refusal {
            Some(text) => format!("> 0182 42 ff \"{text}\""),
            None => format!("! request {}", notation::show(&Message::parse(&bytes).unwrap())),
        };
        both_sides(&format!("open\n< {options}\n{outcome}"));
    }
}

// OPT-08, OPT-11
#[test]
fn request_options_are_defined_for_every_method_and_payloads_do_not_hurt() {
    for message in [
        "POST 42 17=32 \"x\"",
        "FETCH 42 1=aa 12=3c \"x\"",
        "GET 42 12=",
        "GET 07 /a \"a\"",
        "DELETE 42 5=",
        "iPATCH 42 /a 12=34 ?b \"x\"",
    ] {
        let bytes = notation::bytes(message).unwrap();
        let told = notation::show(&Message::parse(&bytes).unwrap());
        both_sides(&format!("open\n< {message}\n! request {told}"));
    }
}

// OPT-15, OPT-16, OPT-17, FMT-24, T44
#[test]
fn a_path_is_text_in_which_only_dot_segments_are_forbidden() {
    both_sides(
        r#"
        open
        < 0101 42 b2 2e2e
        > 4.02 42 "dot segment in the path (11)"
        < 0101 42 b1 61 01 2e
        > 4.02 42 "dot segment in the path (11)"
        < 0101 42 b3 2e2e2e
        ! request GET 42 /...
        < 0101 42 b3 612f62
        ! request GET 42 /a/b
        * drop
        < 0101 42 b2 c328
        > 4.02 42 "option value is not UTF-8 (11)"
        < 0101 42 d2 02 c328
        > 4.02 42 "option value is not UTF-8 (15)"
        < 0101 42 32 c328
        > 4.02 42 "option value is not UTF-8 (3)"
        < 0101 42 82 c328           ; elective, and no business of a request
        ! request GET 42 8=c328
        < 0101 42 b2 c3a9
        ! request GET 42 11=c3a9
        "#,
    );
    // `é` in two ways is two resources.
    let composed = notation::bytes("0101 42 b2 c3a9").unwrap();
    let decomposed = notation::bytes("0101 42 b3 65cc81").unwrap();
    let path = |bytes| Message::parse(bytes).unwrap().option(OptionNumber::URI_PATH);
    assert_ne!(path(&composed), path(&decomposed));
}

// OPT-05, OPT-16
#[test]
fn text_that_is_none_in_a_response_is_elective() {
    both_sides(
        r#"
        open
        * POST
        > POST 04
        < 0141 04 82 c328
        ! response 2.01 04 8=c328
        "#,
    );
}

// OPT-06, T38
#[test]
fn the_first_fault_is_the_one_that_is_told() {
    acceptor(
        r#"
        open
        < GET 42 5=01 9= 65001=
        > 4.02 42 "option value of wrong length (5)"
        < GET 42 16=00 65001=
        > 4.00 42 "Hop-Limit must be 1 to 255 (16)"
        "#,
    );
}
