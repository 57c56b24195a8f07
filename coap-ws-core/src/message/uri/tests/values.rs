//! Hosts, option values, normal form.

use std::format;
use std::string::ToString;
use std::vec::Vec;

use super::super::{Authority, Scheme, Uri};
use super::{options, uri, values};

#[test]
fn hosts() {
    // URI-09, URI-22: as written, option value, normal form, IP literal
    let cases = [
        ("EX.org", "EX.org", "ex.org", "ex.org", false),
        ("EX%41MPLE", "EX%41MPLE", "exAmple", "example", false),
        ("%C3%84.org", "%C3%84.org", "Ä.org", "%C3%84.org", false),
        ("a_b~!$&'()*+,;=", "a_b~!$&'()*+,;=", "a_b~!$&'()*+,;=", "a_b~!$&'()*+,;=", false),
        ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", true),
        ("%3192.0.2.1", "%3192.0.2.1", "192.0.2.1", "192.0.2.1", true),
        ("192.0.2.01", "192.0.2.01", "192.0.2.01", "192.0.2.01", false),
        ("192.0.2.256", "192.0.2.256", "192.0.2.256", "192.0.2.256", false),
        ("[::1]", "::1", "[::1]", "[::1]", true),
        ("[2001:DB8::0:1]", "2001:DB8::0:1", "[2001:db8::0:1]", "[2001:db8::1]", true),
        ("[::ffff:c000:201]", "::ffff:c000:201", "[::ffff:c000:201]", "[::ffff:192.0.2.1]", true),
    ];
    for (written, plain, option, normal, is_ip) in cases {
        let text = format!("coap+ws://{written}/");
        let host = uri(&text).host();
        assert_eq!(host.text(), plain);
        assert!(host.option_value().eq_bytes(option.as_bytes()), "{written}");
        assert_eq!(host.to_string(), normal, "{written}");
        assert_eq!(host.is_ip_literal(), is_ip, "{written}");
        assert_eq!(host.ip().is_some(), is_ip, "{written}");
    }
}

#[test]
fn paths_and_queries() {
    // URI-11, URI-12, URI-13, URI-14, URI-27
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        ("/", &[]),
        ("/a", &["a"]),
        ("/a/", &["a", ""]),
        ("//", &["", ""]),
        ("/a//b", &["a", "", "b"]),
        ("/a%2Fb", &["a/b"]),
        ("/%252F", &["%2F"]),
        ("/%7Esensors", &["~sensors"]),
        ("/%e2%82%ac", &["€"]),
        ("/:@!$&'()*+,;=-._~", &[":@!$&'()*+,;=-._~"]),
        ("/a/../b", &["b"]),
        ("/a/./b/../c", &["a", "c"]),
        ("/a/%2e%2E/b", &["b"]),
        ("/a/.%2e/b/%2E", &["b", ""]),
        ("/%2e%2e%2f", &["../"]),
        ("/.", &[]),
        ("/..", &[]),
        ("/a/..", &[]),
        ("/a/b/..", &["a", ""]),
        ("/a/b/.", &["a", "b", ""]),
        ("/../../a", &["a"]),
        ("/a/../../../b", &["b"]),
        ("//..", &[]),
        ("/a/..//", &["", ""]),
        ("/.//", &["", ""]),
        ("/...", &["..."]),
        ("/.a/..b", &[".a", "..b"]),
        ("?", &[""]),
        ("/?", &[""]),
        ("?a&b", &["a", "b"]),
        ("/?a%26b", &["a&b"]),
        ("/?a/b?c", &["a/b?c"]),
        ("?&", &["", ""]),
        ("/p?../a", &["p", "../a"]),
    ];
    for (rest, expected) in cases {
        let text = format!("coap+ws://h{rest}");
        assert_eq!(values(&uri(&text)), *expected, "{text}");
    }
    assert_eq!(options(&uri("coap+ws://h/a?b")), [(11, b"a".to_vec()), (15, b"b".to_vec())]);
    assert_eq!(options(&uri("coap+ws://h?")), [(15, Vec::new())]);
}

#[test]
fn normal_form_and_equality() {
    // URI-22, RFC 7252 §6.3
    let same = [
        ["COAP+WS://EX.org:80", "coap+ws://ex.org/"],
        ["coap+ws://example.com:80/~sensors/temp.xml", "coap+ws://EXAMPLE.com/%7Esensors/temp.xml"],
        [
            "coap+ws://EXAMPLE.com:/%7esensors/temp.xml",
            "coap+ws://example.com/a/../~sensors/temp.xml",
        ],
        ["coap+ws://EX%41MPLE/", "coap+ws://example/"],
        ["coap+ws://[0::1]/", "coap+ws://[::1]/"],
    ];
    for [left, right] in same {
        assert_eq!(uri(left), uri(right));
        assert_eq!(uri(left).to_string(), uri(right).to_string());
    }
    let different = [
        ["coap+ws://h/", "coaps+ws://h/"],
        ["coap+ws://h/", "coap+ws://g/"],
        ["coap+ws://h/", "coap+ws://h:81/"],
        ["coap+ws://h/a", "coap+ws://h/A"],
        ["coap+ws://h/a", "coap+ws://h/a/"],
        ["coap+ws://h/", "coap+ws://h/?"],
        ["coap+ws://h/a%2Fb", "coap+ws://h/a/b"],
        ["coap+ws://h/?a&b", "coap+ws://h/?a%26b"],
    ];
    for [left, right] in different {
        assert_ne!(uri(left), uri(right));
        assert_ne!(uri(left).to_string(), uri(right).to_string());
    }
    // URI-19
    assert!(!uri("coap+ws://h:1/").same_authority(&uri("coaps+ws://h:1/")));
    assert!(uri("coap+ws://H/a").same_authority(&uri("coap+ws://h:80?b")));
}

#[test]
fn alternative_addresses() {
    // REL-09, REL-14
    let ok = [
        ("example.net:8080", "example.net:8080", Some(8080)),
        ("Example.net", "example.net", None),
        ("example.net:", "example.net", None),
        ("example.net:80", "example.net:80", Some(80)),
        ("[::1]:1", "[::1]:1", Some(1)),
    ];
    for (text, normal, port) in ok {
        let authority = Authority::parse(text).expect(text);
        assert_eq!((authority.to_string().as_str(), authority.port()), (normal, port));
    }
    let refused = [
        "", "::::", ":80", "u@h", "h/a", "h?", "h#", "h:x", "h:0", "a b", "[::1", "[::1]a",
        "http://h", "é",
    ];
    for text in refused {
        assert!(Authority::parse(text).is_err(), "{text}");
    }
    let alternative = Authority::parse("example.net:8080").unwrap();
    let uri = Uri::from_authority(Scheme::CoapsWs, alternative);
    assert_eq!(uri.to_string(), "coaps+ws://example.net:8080/");
}

#[test]
fn debug_shows_no_values() {
    let uri = uri("coap+ws://h:81/secret/x?token=1");
    let debug = format!("{uri:?} {:?}", uri.queries().next());
    assert_eq!(
        debug,
        "Uri { scheme: CoapWs, authority: Authority(h:81), segments: 2, queries: 1 } \
         Some(Decoded(7 bytes))"
    );
}
