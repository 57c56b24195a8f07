//! From options to URIs.

use std::string::String;

use super::super::{ComposeError, Scheme, compose};
use super::uri;

fn composed(
    host: &str,
    port: u16,
    path: &[&[u8]],
    query: &[&[u8]],
) -> Result<String, ComposeError> {
    let (path, query) = (path.iter().copied(), query.iter().copied());
    let mut out = String::new();
    compose(&mut out, Scheme::CoapWs, host.as_bytes(), port, path, query).map(|()| out)
}

#[test]
fn composing() {
    // URI-15, URI-17, URI-18, URI-22
    type Case<'a> = (&'a str, u16, &'a [&'a [u8]], &'a [&'a [u8]], &'a str);
    let ok: &[Case<'_>] = &[
        ("h", 80, &[], &[], "coap+ws://h/"),
        ("h", 8080, &[b"a"], &[], "coap+ws://h:8080/a"),
        ("EX.org", 443, &[b""], &[], "coap+ws://ex.org:443/"),
        ("h", 80, &[b"", b""], &[], "coap+ws://h//"),
        ("h", 80, &[b"a/b", b"a&b?c", b":@"], &[], "coap+ws://h/a%2Fb/a&b%3Fc/:@"),
        ("h", 80, &[b"%2F", b" ", b"..."], &[], "coap+ws://h/%252F/%20/..."),
        ("h", 80, &[], &[b"a&b", b"/?:@", b"="], "coap+ws://h/?a%26b&/?:@&="),
        ("h", 80, &[], &[b""], "coap+ws://h/?"),
        ("h", 80, &["€".as_bytes()], &["ä#".as_bytes()], "coap+ws://h/%E2%82%AC?%C3%A4%23"),
        ("ä.org", 80, &[], &[], "coap+ws://%C3%A4.org/"),
        ("[2001:DB8:0:0::1]", 80, &[], &[], "coap+ws://[2001:db8::1]/"),
        ("192.0.2.1", 80, &[], &[], "coap+ws://192.0.2.1/"),
    ];
    for (host, port, path, query, expected) in ok {
        assert_eq!(composed(host, *port, path, query).as_deref(), Ok(*expected));
    }
    for host in
        ["", "a b", "a/b", "u@h", "h:80", "::1", "[::1", "[a]", "[::1]:80", "%41", "a%", "h#"]
    {
        assert_eq!(composed(host, 80, &[], &[]), Err(ComposeError::InvalidHost), "{host}");
    }
    let long = [b'a'; 256];
    assert!(composed("h", 80, &[&long[1..]], &[&long[1..]]).is_ok());
    assert_eq!(composed("h", 80, &[&long], &[]), Err(ComposeError::TooLong));
    assert_eq!(composed("h", 0, &[], &[]), Err(ComposeError::InvalidPort));
    assert_eq!(composed("h", 80, &[b".."], &[]), Err(ComposeError::DotSegment));
    assert_eq!(composed("h", 80, &[b"."], &[]), Err(ComposeError::DotSegment));
    assert_eq!(composed("h", 80, &[], &[b"\xff"]), Err(ComposeError::InvalidUtf8));
    assert!(composed("h", 80, &[], &[b".."]).is_ok());
}

#[test]
fn locations() {
    // URI-25, and the first line is its example (2.01 with `81 61`)
    type Case<'a> = (&'a [&'a [u8]], &'a [&'a [u8]], &'a str);
    let cases: &[Case<'_>] = &[
        (&[b"a"], &[], "coap+ws://h/a"),
        (&[b"a", b"b"], &[b"c", b"d"], "coap+ws://h/a/b?c&d"),
        (&[], &[b"c"], "coap+ws://h/x/y?c"),
        (&[], &[], "coap+ws://h/x/y?q"),
        (&[b"", b"b"], &[], "coap+ws://h//b"),
    ];
    for (path, query, expected) in cases {
        let mut out = String::new();
        let (path, query) = (path.iter().copied(), query.iter().copied());
        uri("coap+ws://h/x/y?q").compose_location(&mut out, path, query).unwrap();
        assert_eq!(out, *expected);
    }
}
