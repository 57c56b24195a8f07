//! Which names and which pages (T10, T11, SEC-08).

use coap_ws_driver::policy::{
    AllowedOrigins, Authority, Bind, Host, Origin, Policy, PublicUri, Scheme,
};
use std::str::FromStr;

fn parse<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect(text)
}

fn known_as(uris: &[&str]) -> Policy {
    let mut policy = Policy::default();
    policy.public_uris = uris.iter().map(|uri| parse(uri)).collect();
    policy
}

#[test]
fn authorities() {
    for (text, shown) in [
        ("Example.ORG", "example.org"),
        ("example.org.", "example.org"),
        ("example.org.:8683", "example.org:8683"),
        ("example.org:", "example.org"),
        ("example.org:080", "example.org:80"),
        ("my_host-1", "my_host-1"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("1and1.com", "1and1.com"),
        ("0xabc.example", "0xabc.example"),
        ("127.0.0.1:65535", "127.0.0.1:65535"),
        ("127.0.0.1.", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("[2001:DB8:0:0::1]:1", "[2001:db8::1]:1"),
    ] {
        let authority: Authority = parse(text);
        assert_eq!(authority.to_string(), shown);
        assert_eq!(parse::<Authority>(shown), authority);
    }
    let long =
        format!("{}.{}.{}.{}", "a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61));
    assert_eq!(long.len(), 253);
    assert!(long.parse::<Authority>().is_ok() && format!("{long}.").parse::<Authority>().is_ok());
    for text in [
        "",
        ".",
        "..",
        "a..b",
        ".a",
        "a b",
        "a:b",
        "a:1:2",
        "::1",
        "[::1",
        "::1]",
        "[::1]1",
        "[::1%eth0]",
        "[]",
        "[127.0.0.1]",
        "a@b",
        "a/b",
        "a?b",
        "a#b",
        "a%20b",
        "b\u{fc}cher.example",
        "a:-1",
        "a:+1",
        "a:0",
        "a:65536",
        "a:123456",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "01.2.3.4",
        "0x7f000001",
        "a.0x1",
        "a.1",
        "a\0",
        "a\n",
        "a,b",
        &format!("{long}e"),
        &"a".repeat(64),
    ] {
        assert!(text.parse::<Authority>().is_err(), "{text:?}");
    }
}

#[test]
fn origins() {
    for (text, shown) in [
        ("null", "null"),
        ("HTTPS://Example.org:443", "https://example.org"),
        ("http://example.org.:80", "http://example.org"),
        ("http://example.org:443", "http://example.org:443"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ("app://localhost:1", "app://localhost:1"),
    ] {
        let origin: Origin = parse(text);
        assert_eq!(origin.to_string(), shown);
        assert_eq!(parse::<Origin>(shown), origin);
    }
    for text in [
        "",
        "NULL",
        "null ",
        "http",
        "http:",
        "http://",
        "://a",
        "1http://a",
        "h ttp://a",
        "http://a/",
        "http://a b",
        "http://a, http://b",
        "http://a@b",
        "file://",
        "http://a?b",
        "example.org",
        "*",
    ] {
        assert!(text.parse::<Origin>().is_err(), "{text:?}");
    }
}

#[test]
fn public_uris() {
    let uri: PublicUri = parse("CoAPs+WS://Example.org.:8443/");
    assert_eq!((uri.scheme, uri.port), (Scheme::CoapsWs, Some(8443)));
    assert_eq!(uri.host, Host::Name("example.org".into()));
    for (text, told) in [
        ("example.org", "begins with coaps+ws://"),
        ("https://example.org", "begins with coaps+ws://"),
        ("wss://example.org", "begins with coaps+ws://"),
        ("coap://example.org", "begins with coaps+ws://"),
        ("coap+ws:example.org", "begins with coaps+ws://"),
        ("coap+ws://example.org/a", "ends after host and port"),
        ("coap+ws://example.org//", "ends after host and port"),
        ("coap+ws://example.org?a", "ends after host and port"),
        ("coap+ws://example.org#a", "ends after host and port"),
        ("coap+ws://", "neither a DNS name nor an address"),
        ("coap+ws://b\u{fc}cher.example", "xn--"),
        ("coap+ws://::1", "neither a DNS name"),
        ("coap+ws://a@b", "neither a DNS name"),
        ("coap+ws://a:0", "1 to 65535"),
    ] {
        let error = text.parse::<PublicUri>().expect_err(text).to_string();
        assert!(error.contains(told), "{text}: {error}");
    }
}

#[test]
fn names() {
    let local = Policy::default();
    let mut any = Policy::default();
    any.bind = Bind::Any;
    let one = known_as(&["coaps+ws://example.org"]);
    let port = known_as(&["coaps+ws://example.org:443", "coap+ws://example.net:8683"]);
    for (host, answers) in [
        //                          local  any   one    port
        ("localhost", [true, true, false, false]),
        ("LOCALHOST.:9", [true, true, false, false]),
        ("a.b.localhost", [true, true, false, false]),
        ("127.255.0.1:1", [true, true, false, false]),
        ("[::1]:8683", [true, true, false, false]),
        ("[::2]", [false, true, false, false]),
        ("128.0.0.1", [false, true, false, false]),
        ("0.0.0.0", [false, true, false, false]),
        ("notlocalhost", [false, true, false, false]),
        ("localhost.evil.example", [false, true, false, false]),
        ("127.0.0.1.evil.example", [false, true, false, false]),
        ("Example.ORG.", [false, true, true, true]),
        ("example.org:443", [false, true, true, true]),
        ("example.org:8443", [false, true, true, false]),
        ("www.example.org", [false, true, false, false]),
        ("example.net:8683", [false, true, false, true]),
        ("example.net", [false, true, false, false]),
    ] {
        for (policy, answer) in [&local, &any, &one, &port].into_iter().zip(answers) {
            assert_eq!(policy.answers_to(&parse(host)), answer, "{host} {policy:?}");
        }
    }
}

#[test]
fn pages() {
    let plain = Policy::default();
    let mut tls = Policy::default();
    tls.scheme = Scheme::CoapsWs;
    let public = known_as(&["coaps+ws://example.org", "coap+ws://example.net:8683"]);
    for (origin, host, admitted) in [
        //                                             plain  tls    public
        ("http://a:8683", "a:8683", [true, false, false]),
        ("ws://a:8683", "a:8683", [true, false, false]),
        ("https://a:8683", "a:8683", [false, true, false]),
        ("http://a", "a:80", [true, false, false]),
        ("http://a:80", "a", [true, false, false]),
        ("https://a", "a", [false, true, false]),
        ("https://a:443", "a.", [false, true, false]),
        ("http://a:3000", "a:8683", [false, false, false]),
        ("http://b", "a", [false, false, false]),
        ("http://a.b", "a", [false, false, false]),
        ("null", "a", [false, false, false]),
        ("chrome-extension://a", "a", [false, false, false]),
        ("https://example.org", "example.org", [false, true, true]),
        ("http://example.org", "example.org", [true, false, false]),
        ("https://example.org:8443", "example.org:8443", [false, true, true]),
        ("https://example.org", "example.org:8443", [false, false, true]),
        ("https://example.org", "example.net:8683", [false, false, true]),
        ("http://example.net:8683", "example.net:8683", [true, false, true]),
        ("http://example.net", "example.net:8683", [false, false, false]),
    ] {
        for (policy, answer) in [&plain, &tls, &public].into_iter().zip(admitted) {
            let admits = policy.admits(&parse(origin), &parse(host));
            assert_eq!(admits, answer, "{origin} {host} {policy:?}");
        }
    }
}

#[test]
fn pages_by_name() {
    let mut policy = Policy::default();
    policy.allowed_origins =
        AllowedOrigins::Also(vec![parse("https://App.example:443"), parse("null")]);
    let host = parse("localhost:8683");
    for (origin, admitted) in [
        ("https://app.example", true),
        ("null", true),
        ("http://localhost:8683", true),
        ("http://app.example", false),
        ("https://app.example:8443", false),
        ("https://x.app.example", false),
    ] {
        assert_eq!(policy.admits(&parse(origin), &host), admitted, "{origin}");
    }
    policy.allowed_origins = AllowedOrigins::Any;
    assert!(policy.admits(&parse("http://evil.example"), &host));
}

#[test]
fn binds() {
    for (address, bind) in [
        ("127.0.0.1", Bind::Loopback),
        ("127.9.9.9", Bind::Loopback),
        ("::1", Bind::Loopback),
        ("::ffff:127.0.0.1", Bind::Loopback),
        ("0.0.0.0", Bind::Any),
        ("::", Bind::Any),
        ("192.0.2.1", Bind::Any),
    ] {
        assert_eq!(Bind::from(parse::<std::net::IpAddr>(address)), bind, "{address}");
    }
}
