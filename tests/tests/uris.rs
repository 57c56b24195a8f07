//! Every vector of `uris.json`: apart into options, and together again.

use coap_ws_core::message::uri::{Scheme, Uri, compose};
use coap_ws_core::message::{Message, OptionNumber, Request, encode_message};
use coap_ws_tests::transcript::notation::bytes;
use serde_json::Value;

/// How many there are; none is skipped.
const COUNT: usize = 22;

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("../data/uris.json")).unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("`{key}` of {value}"))
}

/// The options of a vector.
fn expected(vector: &Value) -> Vec<(u16, Vec<u8>)> {
    let options = vector["options"].as_array().unwrap().iter().map(|option| {
        let number = u16::try_from(option[0].as_u64().unwrap()).unwrap();
        (number, bytes(option[1].as_str().unwrap()).unwrap())
    });
    options.collect()
}

// URI-01, URI-02, URI-03, URI-05, URI-06, URI-11, URI-12, URI-13, URI-14, URI-15, URI-17, URI-20
// URI-22, URI-24, WS-03
#[test]
fn every_vector_comes_apart_and_together_again() {
    let (mut valid, mut refused) = (0, 0);
    for vector in vectors() {
        let given = text(&vector, "uri");
        let parsed = Uri::parse(given);
        if vector["valid"] == false {
            assert!(parsed.is_err(), "{given}");
            refused += 1;
            continue;
        }
        valid += 1;
        let uri = parsed.unwrap_or_else(|error| panic!("{given}: {error}"));
        assert_eq!(uri.ws_uri().to_string(), text(&vector, "ws_uri"), "{given}");
        let options: Vec<(u16, Vec<u8>)> = uri
            .option_values()
            .map(|(number, value)| (number.get(), value.bytes().collect()))
            .collect();
        assert_eq!(options, expected(&vector), "{given}");
        // The normal form, and the same from the options alone.
        let recomposed = text(&vector, "recomposed");
        assert_eq!(uri.to_string(), recomposed, "{given}");
        let of = |wanted| options.iter().filter(move |(n, _)| *n == wanted).map(|(_, v)| &v[..]);
        let mut composed = String::new();
        let host = uri.host().to_string();
        compose(&mut composed, uri.scheme(), host.as_bytes(), uri.port(), of(11), of(15)).unwrap();
        assert_eq!(composed, recomposed, "{given}");
        assert_eq!(Uri::parse(recomposed), Ok(uri), "{given}");
    }
    assert_eq!((valid, refused, valid + refused), (18, 4, COUNT));
}

// URI-07, URI-10, URI-11, URI-12, OPT-09, OPT-17
#[test]
fn a_request_for_each_has_these_options_and_no_others() {
    for vector in vectors().iter().filter(|vector| vector["valid"] == true) {
        let uri = Uri::parse(text(vector, "uri")).unwrap();
        let mut buffer = [0; 256];
        let size = encode_message(&mut buffer, &[1], &Request::get().uri(&uri)).unwrap();
        let message = Message::parse(&buffer[..size]).unwrap();
        let options = message.options().map(|option| (option.number.get(), option.value.to_vec()));
        assert_eq!(options.collect::<Vec<_>>(), expected(vector), "{uri}");
    }
}

// URI-11, URI-12, URI-13, URI-14, URI-27
#[test]
fn the_bytes_of_the_requirements() {
    for (path, options) in [
        ("/a/", "b1 61 00"),
        ("//", "b0 00"),
        ("/", ""),
        ("", ""),
        ("?", "d0 02"),
        ("?a&b", "d1 02 61 01 62"),
        ("/a%2Fb", "b3 612f62"),
        ("/a/../b", "b1 62"),
        ("/a/%2e%2E/b", "b1 62"),
    ] {
        let text = format!("coap+ws://h{path}");
        let uri = Uri::parse(&text).unwrap();
        let mut buffer = [0; 64];
        let size = encode_message(&mut buffer, &[1], &Request::get().uri(&uri)).unwrap();
        assert_eq!(buffer[..size], bytes(&format!("0101 01 {options}")).unwrap(), "{text}");
    }
}

// URI-03, URI-04, URI-05, URI-06, URI-09, URI-18, URI-24
#[test]
fn what_is_no_uri_of_ours_is_refused_and_a_host_is_lower_case_before_it_is_decoded() {
    for text in [
        "coap+ws:///a",
        "coap+ws:a",
        "coap+ws://u@h/",
        "coap+ws://h/a#f",
        "coap://h/",
        "coaps+tcp://h/",
        "coap+ws://[::1/",
        "coap+ws://h:65536/",
    ] {
        assert!(Uri::parse(text).is_err(), "{text}");
    }
    assert!(Uri::parse("COAP+WS://h/").is_ok());
    let uri = Uri::parse("coap+ws://EX%41MPLE/").unwrap();
    assert!(uri.host().option_value().eq_bytes(b"exAmple"));
    let uri = Uri::parse("coap+ws://[::1]:/a").unwrap();
    assert_eq!((uri.authority().to_string(), uri.port()), ("[::1]".to_owned(), 80));
    let mut out = String::new();
    let refused = compose(&mut out, uri.scheme(), b"a b", 80, [], []);
    assert!(refused.is_err() && out.is_empty());
}

// URI-08, URI-10, URI-26
#[test]
fn a_host_and_a_port_that_say_what_is_known_are_taken() {
    coap_ws_tests::transcript::acceptor(
        r#"
        open
        < 0101 01 39 6c6f63616c686f7374 42 94ca
        ! request GET 01 3=6c6f63616c686f7374 7=94ca
        < 0101 01 3d00 "other.example"
        ! request GET 01 3=6f746865722e6578616d706c65
        "#,
    );
    assert_eq!(OptionNumber::URI_PORT.get(), 7);
}

// URI-16, URI-17, URI-19
#[test]
fn the_scheme_is_what_the_caller_says_and_another_scheme_is_another_server() {
    let composed = |scheme, port| {
        let mut out = String::new();
        compose(&mut out, scheme, b"h", port, [&b"a"[..]], []).map(|()| out)
    };
    assert_eq!(composed(Scheme::CoapWs, 80), Ok("coap+ws://h/a".into()));
    assert_eq!(composed(Scheme::CoapsWs, 443), Ok("coaps+ws://h/a".into()));
    assert_eq!(composed(Scheme::CoapsWs, 80), Ok("coaps+ws://h:80/a".into()));
    let plain = Uri::parse("coap+ws://h:443/a").unwrap();
    let secure = Uri::parse("coaps+ws://h:443/a").unwrap();
    assert!(plain != secure && !plain.same_authority(&secure));
    assert!(secure.same_authority(&Uri::parse("coaps+ws://H/b").unwrap()));
}

// URI-25
#[test]
fn a_location_is_relative_to_the_request() {
    let message = bytes("2.01 01 8=61").unwrap();
    let message = Message::parse(&message).unwrap();
    let request = Uri::parse("coap+ws://h/things?kind=led").unwrap();
    let mut out = String::new();
    let path = message.options_of(OptionNumber::LOCATION_PATH);
    request.compose_location(&mut out, path, []).unwrap();
    assert_eq!(out, "coap+ws://h/a");
}
