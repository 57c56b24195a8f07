//! What is a URI, and what the refusals say.

use std::format;
use std::string::{String, ToString};

use super::super::{MAX_URI_LENGTH, Scheme, Uri, UriErrorKind as Kind};
use super::uri;

#[test]
fn schemes_and_endpoints() {
    // URI-01, URI-02, URI-05, URI-24, WS-16
    let cases = [
        ("coap+ws://h/x", 80, "h", "ws://h/.well-known/coap"),
        ("coaps+ws://h/x", 443, "h", "wss://h/.well-known/coap"),
        ("COAP+WS://h/", 80, "h", "ws://h/.well-known/coap"),
        ("CoApS+wS://h:80/", 80, "h:80", "wss://h:80/.well-known/coap"),
        (
            "coap+ws://example.org:8080/",
            8080,
            "example.org:8080",
            "ws://example.org:8080/.well-known/coap",
        ),
        ("coap+ws://h:", 80, "h", "ws://h/.well-known/coap"),
        ("coap+ws://h:0080", 80, "h", "ws://h/.well-known/coap"),
        ("coap+ws://[::1]:/a", 80, "[::1]", "ws://[::1]/.well-known/coap"),
        ("coap+ws://[FE80::0:A]:81?q", 81, "[fe80::a]:81", "ws://[fe80::a]:81/.well-known/coap"),
        ("coap+ws://h?q", 80, "h", "ws://h/.well-known/coap"),
        ("coap+ws://h:65535", 65535, "h:65535", "ws://h:65535/.well-known/coap"),
    ];
    for (text, port, host_header, ws_uri) in cases {
        let uri = uri(text);
        assert_eq!(uri.port(), port, "{text}");
        assert_eq!(uri.authority().to_string(), host_header, "{text}");
        assert_eq!(uri.ws_uri().to_string(), ws_uri, "{text}");
        assert_eq!(uri.scheme().is_secure(), ws_uri.starts_with("wss"), "{text}");
    }
}

#[test]
fn refusals() {
    // URI-03, URI-04, URI-05, URI-06, URI-18, URI-24
    let near = |instead| Kind::UnsupportedScheme { instead };
    let cases = [
        ("", Kind::MissingScheme, 0),
        ("/a", Kind::MissingScheme, 0),
        ("//h/a", Kind::MissingScheme, 0),
        ("example.org", Kind::MissingScheme, 0),
        (":", Kind::MissingScheme, 0),
        ("[::1]/a", Kind::MissingScheme, 0),
        ("7a://h", Kind::MissingScheme, 0),
        (" coap+ws://h/", Kind::InvalidCharacter, 0),
        ("coap+ws://h/\n", Kind::InvalidCharacter, 12),
        ("localhost:8683/a", near(Scheme::CoapWs), 0),
        ("http://h/a", near(Scheme::CoapWs), 0),
        ("coap://h/a", near(Scheme::CoapWs), 0),
        ("coap+tcp://h/a", near(Scheme::CoapWs), 0),
        ("ws://h/a", near(Scheme::CoapWs), 0),
        ("coaps://h/a", near(Scheme::CoapsWs), 0),
        ("COAPS+TCP://h/a", near(Scheme::CoapsWs), 0),
        ("wss://h/a", near(Scheme::CoapsWs), 0),
        ("https://h/a", near(Scheme::CoapsWs), 0),
        ("coap+ws:", Kind::MissingAuthority, 8),
        ("coap+ws:a", Kind::MissingAuthority, 8),
        ("coap+ws:/a", Kind::MissingAuthority, 8),
        ("coap+ws:///a", Kind::EmptyHost, 10),
        ("coap+ws://", Kind::EmptyHost, 10),
        ("coap+ws://?q", Kind::EmptyHost, 10),
        ("coap+ws://:80/a", Kind::EmptyHost, 10),
        ("coap+ws://u@h/", Kind::Userinfo, 11),
        ("coap+ws://@h/", Kind::Userinfo, 10),
        ("coap+ws://u:p@h/", Kind::Userinfo, 13),
        ("coap+ws://h/a#f", Kind::Fragment, 13),
        ("coap+ws://h#", Kind::Fragment, 11),
        ("coap+ws://h/?a#f", Kind::Fragment, 14),
        ("coap+ws://h:99999/", Kind::InvalidPort, 12),
        ("coap+ws://h:65536/", Kind::InvalidPort, 12),
        ("coap+ws://h:0/", Kind::InvalidPort, 12),
        ("coap+ws://h:+1/", Kind::InvalidPort, 12),
        ("coap+ws://h:8a/", Kind::InvalidPort, 12),
        ("coap+ws://::1/", Kind::MissingBrackets, 10),
        ("coap+ws://h:1:2/", Kind::MissingBrackets, 10),
        ("coap+ws://[::1/", Kind::InvalidIpv6, 10),
        ("coap+ws://[]/", Kind::InvalidIpv6, 11),
        ("coap+ws://[[::1]]/", Kind::InvalidIpv6, 11),
        ("coap+ws://[192.0.2.1]/", Kind::InvalidIpv6, 11),
        ("coap+ws://[v1.a]/", Kind::InvalidIpv6, 11),
        ("coap+ws://[fe80::1%25eth0]/", Kind::ZoneId, 18),
        ("coap+ws://[::1]80/", Kind::InvalidCharacter, 15),
        ("coap+ws://h[1]/", Kind::InvalidCharacter, 11),
        ("coap+ws://h]/", Kind::InvalidCharacter, 11),
        ("coap+ws://a%20b/", Kind::InvalidHost, 11),
        ("coap+ws://a%2fb/", Kind::InvalidHost, 11),
        ("coap+ws://a%00/", Kind::InvalidHost, 11),
        ("coap+ws://%25/", Kind::InvalidHost, 10),
        ("coap+ws://%e2%82/", Kind::InvalidUtf8, 10),
        ("coap+ws://h/[a]", Kind::InvalidCharacter, 12),
        ("coap+ws://h/a?b[]", Kind::InvalidCharacter, 15),
        ("coap+ws://h/%", Kind::InvalidPercentEncoding, 12),
        ("coap+ws://h/a%4", Kind::InvalidPercentEncoding, 13),
        ("coap+ws://h/%4/1", Kind::InvalidPercentEncoding, 12),
        ("coap+ws://h/?%g1", Kind::InvalidPercentEncoding, 13),
        ("coap+ws://h/%+1", Kind::InvalidPercentEncoding, 12),
        ("coap+ws://h/a%41/bc%ff", Kind::InvalidUtf8, 19),
        ("coap+ws://h/?a%41%c3", Kind::InvalidUtf8, 17),
        ("coap+ws://h/?%c3&%a4", Kind::InvalidUtf8, 13),
        ("coap+ws://h/%ed%a0%80", Kind::InvalidUtf8, 12),
    ];
    for (text, kind, offset) in cases {
        let error = Uri::parse(text).map(|uri| uri.to_string()).expect_err(text);
        assert_eq!((error.kind, error.offset), (kind, offset), "{text}: {error}");
    }
    for c in "\u{0}\t \u{7f}é€<>\"{}|\\^`".chars() {
        for (before, after) in [("coap+ws://", "/"), ("coap+ws://h/", ""), ("coap+ws://h/?", "b")] {
            let text = format!("{before}a{c}{after}");
            let error = Uri::parse(&text).expect_err(&text);
            assert_eq!((error.kind, error.offset), (Kind::InvalidCharacter, before.len() + 1));
        }
    }
}

#[test]
fn errors_say_what_to_write() {
    let cases = [
        (
            "coap+ws://h/a#f",
            "a fragment (`#…`) is not allowed in a CoAP URI (RFC 7252 §6.4): leave it out, or \
             write the character as `%23` (at byte 13)",
        ),
        (
            "https://h/",
            "the scheme is not one of CoAP over WebSockets (RFC 8323 §8.3): write `coaps+ws://` \
             (at byte 0)",
        ),
        (
            "coap+ws://::1/",
            "the authority has more than one `:` (RFC 3986 §3.2.2): write an IPv6 address in \
             brackets, like `[::1]:8080` (at byte 10)",
        ),
        (
            "coap+ws://h:0/",
            "the port is not a number from 1 to 65535 (RFC 3986 §3.2.3) (at byte 12)",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(Uri::parse(text).unwrap_err().to_string(), message);
    }
}

#[test]
fn limits() {
    let fits = |text: &str| assert_eq!(uri(&uri(text).to_string()), uri(text));
    for escaped in ["a", "%C3%A4"] {
        let unit = if escaped == "a" { 1 } else { 2 };
        let value = escaped.repeat(254 / unit);
        for before in
            ["coap+ws://", "coap+ws://h/", "coap+ws://h/a/../", "coap+ws://h/?", "coap+ws://h/?b&"]
        {
            fits(&format!("{before}{value}b"));
            let error = Uri::parse(&format!("{before}{value}bc")).unwrap_err();
            assert_eq!((error.kind, error.offset), (Kind::ComponentTooLong, before.len()));
        }
    }
    let mut text = String::from("coap+ws://h:8080/");
    text.push_str(&"a/".repeat(MAX_URI_LENGTH));
    text.truncate(MAX_URI_LENGTH);
    fits(&text);
    text.push('b');
    let error = Uri::parse(&text).unwrap_err();
    assert_eq!((error.kind, error.offset), (Kind::TooLong, MAX_URI_LENGTH));
    // The normal form is a byte longer than the text.
    let query = "a&".repeat(MAX_URI_LENGTH);
    let text = |length| format!("coap+ws://h?{}", &query[..length - "coap+ws://h?".len()]);
    fits(&text(MAX_URI_LENGTH - 1));
    assert_eq!(Uri::parse(&text(MAX_URI_LENGTH)).unwrap_err().kind, Kind::TooLong);
    // Joined, it counts as a whole.
    let half = "a/".repeat(MAX_URI_LENGTH / 4);
    let base = format!("coap+ws://h/{half}");
    let joined = uri(&base).join(&half[..MAX_URI_LENGTH - base.len()]).unwrap();
    assert_eq!(joined.to_string().len(), MAX_URI_LENGTH);
    assert_eq!(uri(&base).join(&half).unwrap_err().kind, Kind::TooLong);
    // As many segments as there can be, all but the last two gone.
    let mut deep = String::from("coap+ws://h/");
    deep.push_str(&"/".repeat(500));
    deep.push_str(&"../".repeat(501));
    deep.push_str("x/y");
    assert_eq!(uri(&deep).to_string(), "coap+ws://h/x/y");
    let slashes = format!("coap+ws://h{}", "/".repeat(MAX_URI_LENGTH - 11));
    assert_eq!(uri(&slashes).path_segments().count(), MAX_URI_LENGTH - 11);
    fits(&slashes);
}
