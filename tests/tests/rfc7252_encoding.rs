//! RFC 7252 §3, §3.1, §3.2: what is written. Whatever can be built can be written and read.

use coap_ws_core::message::uri::Uri;
use coap_ws_core::message::{
    Code, ContentFormat, Encode, EncodeError, Encoder, MAX_DRAFT_OPTIONS, Message, OptionNumber,
    Request, Response, encode_message,
};
use coap_ws_tests::transcript::notation::{bytes, show};

/// Options just as they are given, with nothing looked at.
struct Raw<'a>(Code, &'a [(u16, &'a [u8])], &'a [u8]);

impl Encode for Raw<'_> {
    fn code(&self) -> Code {
        self.0
    }

    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), EncodeError> {
        for (number, value) in self.1 {
            out.option(OptionNumber::new(*number), value)?;
        }
        out.payload(self.2)
    }
}

fn encode(message: &impl Encode) -> Result<Vec<u8>, EncodeError> {
    let mut buffer = vec![0; 80_000];
    let size = encode_message(&mut buffer, &[0x42], message)?;
    buffer.truncate(size);
    Ok(buffer)
}

#[track_caller]
fn written(message: &impl Encode, expected: &str) {
    assert_eq!(encode(message).unwrap(), bytes(expected).unwrap(), "{expected}");
}

#[track_caller]
fn refused(message: &impl Encode, text: &str) {
    let size = encode(message).map(|bytes| bytes.len());
    assert_eq!(size.map_err(|error| error.to_string()), Err(text.to_owned()));
}

// FMT-15, FMT-16
#[test]
fn deltas_and_lengths_are_written_in_their_shortest_form() {
    let long = [0x61; 70_000];
    for (options, expected) in [
        (&[(11, &b"a"[..]), (11, b"bb")][..], "b1 61 02 6262"),
        (&[(12, b""), (12, b"")], "c0 00"),
        (&[(13, b"")], "d0 00"),
        (&[(268, b"")], "d0 ff"),
        (&[(269, b"")], "e0 0000"),
        (&[(65_535, b"")], "e0 fef2"),
        (&[(11, &long[..12])], "bc 61*12"),
        (&[(11, &long[..13])], "bd 00 61*13"),
        (&[(11, &long[..268])], "bd ff 61*268"),
        (&[(11, &long[..269])], "be 0000 61*269"),
        (&[(300, &long[..300])], "ee 001f 001f 61*300"),
        (&[(13, &long[..13])], "dd 00 00 61*13"),
        (&[(1, b""), (14, b"x"), (283, b"")], "10 d1 00 78 e0 0000"),
        (&[(2000, &long[..65_804])], "ee 06c3 ffff 61*65804"),
    ] {
        written(&Raw(Code::GET, options, b""), &format!("0101 42 {expected}"));
    }
}

// FMT-16, FMT-19
#[test]
fn what_no_option_can_express_is_refused() {
    let long = [0x61; 70_000];
    for len in [65_805, 65_806, 70_000] {
        let text = "the value of option 2000 has a length it may not have";
        refused(&Raw(Code::GET, &[(2000, &long[..len])], b"x"), text);
        refused(&Request::get().option(OptionNumber::new(2000), &long[..len]), text);
    }
}

// FMT-15
#[test]
fn options_ascend_and_end_with_the_payload() {
    let text = "Uri-Path was written after an option of higher number";
    refused(&Raw(Code::GET, &[(15, b""), (11, b"a")], b""), text);
    struct Late;
    impl Encode for Late {
        fn code(&self) -> Code {
            Code::PUT
        }
        fn encode(&self, out: &mut Encoder<'_>) -> Result<(), EncodeError> {
            out.payload(b"x")?;
            out.option(OptionNumber::URI_PATH, b"a")
        }
    }
    refused(&Late, "nothing can be written after the payload");
    // A draft sorts.
    let request =
        Request::put(b"x").query("q").segment("a").segment("b").accept(ContentFormat::TEXT);
    written(&request, "0103 42 b1 61 01 62 41 71 20 ff 78");
}

// FMT-01, FMT-12, FMT-13
#[test]
fn no_payload_is_no_marker() {
    written(&Request::put(b""), "0103 42");
    written(&Request::put(b"\xff"), "0103 42 ff ff");
    written(&Response::content(b""), "0145 42");
}

// FMT-22, OPT-24
#[test]
fn numbers_are_written_in_as_few_bytes_as_they_need() {
    for (number, expected) in [
        (0, ""),
        (1, "01"),
        (255, "ff"),
        (256, "0100"),
        (65_535, "ffff"),
        (65_536, "010000"),
        (16_777_216, "01000000"),
        (u32::MAX, "ffffffff"),
    ] {
        let expected = format!("0145 42 d{} 01 {expected}", expected.len() / 2);
        written(&Response::content(b"").max_age(number), &expected);
    }
    written(&Response::content(b"x").content_format(ContentFormat::TEXT), "0145 42 c0 ff 78");
    written(&Response::content(b"").uint(OptionNumber::OBSERVE, 0), "0145 42 60");
}

// OPT-13, OPT-14, OPT-12
#[test]
fn a_draft_obeys_the_registry() {
    let long = [0x61; 2000];
    for number in OptionNumber::REGISTERED.iter().filter(|number| **number != OptionNumber::OBSERVE)
    {
        let spec = number.spec().unwrap();
        let (min, max) = (usize::from(spec.min_len), usize::from(spec.max_len));
        let draft = |len: usize| encode(&Request::get().option(*number, &long[..len]));
        let wrong = Err(EncodeError::OptionLength(*number));
        assert!(draft(min).is_ok() && draft(max).is_ok(), "{number}");
        assert_eq!(draft(max + 1), wrong, "{number}");
        if min > 0 {
            assert_eq!(draft(min - 1), wrong, "{number}");
        }
        let twice = Request::get().option(*number, &long[..min]).option(*number, &long[..max]);
        let repeated = Err(EncodeError::OptionRepeated(*number));
        assert_eq!(encode(&twice).map(drop), if spec.repeatable { Ok(()) } else { repeated });
    }
}

// OPT-21, OPT-14
#[test]
fn an_etag_is_repeatable_in_requests_only() {
    let etags = |code| {
        let draft: Request<'_> = coap_ws_core::message::Draft::new(code);
        draft.option(OptionNumber::ETAG, b"a").option(OptionNumber::ETAG, b"b")
    };
    written(&etags(Code::GET), "0101 42 41 61 01 62");
    refused(&etags(Code::CONTENT), "ETag was given twice, it has one value at most");
    // The same from a response that is only just one.
    refused(
        &Response::valid(b"a").option(OptionNumber::ETAG, b"b"),
        "ETag was given twice, it has one value at most",
    );
}

// OPT-15
#[test]
fn dot_segments_are_never_written() {
    let text = "`.` and `..` are no path segments; resolve them";
    for dots in [".", ".."] {
        refused(&Request::get().segment("a").segment(dots), text);
        refused(&Response::created().option(OptionNumber::LOCATION_PATH, dots.as_bytes()), text);
    }
    written(&Request::get().segment("...").query(".."), "0101 42 b3 2e2e2e 42 2e2e");
}

// OPT-09, OPT-17, URI-07, URI-10, URI-13
#[test]
fn a_request_for_a_uri_says_nothing_that_the_connection_says() {
    let uri = Uri::parse("coap+ws://example.org:8080/sensors/temperature?u=Cel").unwrap();
    let mut buffer = [0; 64];
    let size = encode_message(&mut buffer, &[0x53], &Request::get().uri(&uri)).unwrap();
    let figure = "010153 b7 \"sensors\" 0b \"temperature\" 45 \"u=Cel\"";
    assert_eq!(buffer[..size], bytes(figure).unwrap());
    let uri = Uri::parse("coap+ws://h/a%2Fb").unwrap();
    written(&Request::get().uri(&uri), "0101 42 b3 612f62");
    written(&Request::get().segment("a/b"), "0101 42 b3 612f62");
}

// NR-02, FMT-15
#[test]
fn what_is_stripped_from_a_response_leaves_no_gap() {
    let options: &[(u16, &[u8])] = &[(252, b"e"), (258, b"\x1a"), (292, b"t")];
    let message = encode(&Raw(Code::CONTENT, options, b"x")).unwrap();
    assert_eq!(show(&Message::parse(&message).unwrap()), "2.05 42 252=65 292=74 \"x\"");
    let request = encode(&Raw(Code::POST, options, b"x")).unwrap();
    assert_eq!(show(&Message::parse(&request).unwrap()), "POST 42 252=65 258=1a 292=74 \"x\"");
}

// FMT-28
#[test]
fn the_size_is_counted_where_the_buffer_ends() {
    let request = Request::put(&[0x61; 100]).segment("a");
    let whole = encode(&request).unwrap();
    for room in 0..whole.len() + 2 {
        let mut buffer = vec![0; room];
        assert_eq!(encode_message(&mut buffer, &[0x42], &request), Ok(whole.len()));
        if room >= whole.len() {
            assert_eq!(buffer[..whole.len()], whole);
        }
    }
}

// T38
#[test]
fn a_draft_has_places_for_so_many_options() {
    let draft = |count| (0..count).fold(Request::get(), |draft, _| draft.segment("a"));
    assert!(encode(&draft(MAX_DRAFT_OPTIONS)).is_ok());
    refused(&draft(MAX_DRAFT_OPTIONS + 1), "more options than a draft can hold");
}

// FMT-19
#[test]
fn values_that_come_byte_by_byte_have_the_length_they_were_given() {
    struct Lazy(usize, usize);
    impl Encode for Lazy {
        fn code(&self) -> Code {
            Code::GET
        }
        fn encode(&self, out: &mut Encoder<'_>) -> Result<(), EncodeError> {
            out.option_from(OptionNumber::URI_PATH, self.0, std::iter::repeat_n(b'a', self.1))
        }
    }
    written(&Lazy(3, 3), "0101 42 b3 \"aaa\"");
    written(&Lazy(3, 5), "0101 42 b3 \"aaa\"");
    let text = "the message was encoded twice and came out different";
    refused(&Lazy(3, 2), text);
    refused(&Lazy(65_805, 65_805), "the value of Uri-Path has a length it may not have");
}
