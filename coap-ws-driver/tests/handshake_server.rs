//! The acceptor's half: a table of opening handshakes, each whole, byte by byte, cut at every
//! place, and with frames behind it (T15, WS-04 to WS-15, WS-42 to WS-44).

mod handshake_support;

use coap_ws_driver::handshake::{Accept, HeadReader, Refusal, RefusalReason, decide};
use coap_ws_driver::policy::{AllowedOrigins, Bind, Policy, Scheme};
use handshake_support::requests::{self, END, HOST, UPGRADE};
use handshake_support::{ACCEPT, FRAMES, REQUEST, cuts, edit, read};
use http::{HeaderMap, StatusCode, Version, request};

#[test]
fn table() {
    let rows = requests::all();
    assert!(rows.len() >= 60, "{}", rows.len());
    for (name, edits, expected) in rows {
        let head = edit(REQUEST, edits);
        let outcome = judge(&[head.as_bytes()], &Policy::default(), head.len());
        assert!(told(&outcome).starts_with(expected), "{name}: {}", told(&outcome));
        // The same with frames behind it, however it is cut (T06, WS-44).
        let bytes = [head.as_bytes(), FRAMES].concat();
        for pieces in cuts(&bytes) {
            assert_eq!(judge(&pieces, &Policy::default(), head.len()), outcome, "{name}");
        }
        match outcome {
            Ok(accept) => check_accept(name, &accept),
            Err(refusal) => check_refusal(name, &refusal),
        }
    }
}

/// Reads and decides; a head that is complete must have left everything behind it.
fn judge(pieces: &[&[u8]], policy: &Policy, length: usize) -> Result<Accept, Refusal> {
    let mut reader = HeadReader::<request::Parts>::default();
    let (taken, head) = read(&mut reader, pieces)?;
    let head = head.expect("all rows are complete or refused");
    assert_eq!(taken, length);
    decide(&head, policy)
}

fn told(outcome: &Result<Accept, Refusal>) -> String {
    match outcome {
        Ok(_) => "101".to_owned(),
        Err(refusal) => format!("{} {:?}", refusal.status().as_u16(), refusal.reason()),
    }
}

fn check_accept(name: &str, accept: &Accept) {
    let bytes = [&accept.response_head(), FRAMES].concat();
    let mut reader = HeadReader::<http::response::Parts>::default();
    let (taken, head) = read(&mut reader, &[&bytes]).expect(name);
    let head = head.expect(name);
    assert_eq!((head.status, head.version), (StatusCode::SWITCHING_PROTOCOLS, Version::HTTP_11));
    assert_eq!(&bytes[taken..], FRAMES);
    assert_eq!(head.headers, accept.headers());
    // No extension, one subprotocol (WS-05, WS-15).
    let lines =
        [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-protocol", "coap")];
    assert!(lines.iter().all(|(name, value)| head.headers[*name] == *value));
    if !name.starts_with("key") {
        assert_eq!(head.headers["sec-websocket-accept"], ACCEPT);
    }
    assert_eq!(head.headers.len(), 4);
}

fn check_refusal(name: &str, refusal: &Refusal) {
    let bytes = refusal.response();
    let mut reader = HeadReader::<http::response::Parts>::default();
    let (taken, head) = read(&mut reader, &[&bytes]).expect(name);
    let mut head = head.expect(name);
    assert_eq!(head.status, refusal.status(), "{name}");
    let length = head.headers.remove("content-length").expect(name);
    assert_eq!(length, refusal.body().len().to_string().as_str(), "{name}");
    assert_eq!(head.headers, refusal.headers(), "{name}");
    assert_eq!(head.headers["content-type"], "text/plain; charset=utf-8");
    assert!(head.headers["connection"].as_bytes().starts_with(b"close"), "{name}");
    assert_eq!(head.headers.contains_key("upgrade"), head.status == 426, "{name}");
    let version = told(&Err(refusal.clone())).contains("Version") && !name.starts_with("HTTP/");
    assert_eq!(head.headers.contains_key("sec-websocket-version"), version, "{name}");
    let body = std::str::from_utf8(&bytes[taken..]).expect(name);
    if name == "HEAD" {
        assert_eq!(body, "");
    } else {
        assert_eq!(body, refusal.body(), "{name}");
    }
    let text = refusal.body();
    assert!(text.ends_with('\n') && text.lines().count() == 1 && text.len() > 15, "{name}: {text}");
    assert!(text.chars().all(|c| c == '\n' || (' '..='~').contains(&c)), "{name}: {text}");
}

/// What a person reads who is refused.
#[test]
fn texts() {
    let rows = [
        (
            HOST,
            "Host: EVIL.example.:80",
            "evil.example:80 is no name of this server; tell it its name with \
            public_uris / --public-uri, and let a proxy pass on the Host (nginx: proxy_set_header Host $http_host)\n",
        ),
        (
            END,
            "coap\r\nOrigin: https://Evil.example:443\r\n\r\n",
            "pages of origin https://evil.example may not \
            connect; list it in allowed_origins / --allow-origin, or behind a proxy set public_uris / --public-uri\n",
        ),
        (
            END,
            "coap\r\nOrigin: http://<script>\r\n\r\n",
            "the Origin is not scheme://host[:port], so no \
            allowed_origins / --allow-origin can name it\n",
        ),
        (
            UPGRADE,
            "",
            "Upgrade: websocket is missing; does a proxy in between drop it (nginx: proxy_set_header \
            Upgrade $http_upgrade)?\n",
        ),
        (
            "GET ",
            "\x16\x03\x01",
            "this looks like TLS, but this port speaks plain HTTP: is coap+ws meant, or the \
            port for coaps+ws?\n",
        ),
    ];
    for (from, to, expected) in rows {
        let head = edit(REQUEST, &[(from, to)]);
        let refusal =
            judge(&[head.as_bytes()], &Policy::default(), head.len()).expect_err(expected);
        assert_eq!(refusal.body(), expected);
    }
    let refusal = Refusal::from(RefusalReason::Subprotocol);
    assert_eq!(
        String::from_utf8_lossy(&refusal.response()),
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: 69\r\n\r\nonly CoAP is spoken here; offer it with Sec-WebSocket-Protocol: coap\n"
    );
    assert_eq!(
        refusal.to_string(),
        "refused with HTTP 400: only CoAP is spoken here; offer it with Sec-WebSocket-Protocol: coap"
    );
}

#[test]
fn refusals_of_others() {
    assert_eq!(Refusal::timed_out().status(), 408);
    assert_eq!(Refusal::application(StatusCode::UNAUTHORIZED).status(), 401);
    assert_eq!(Refusal::application(StatusCode::SWITCHING_PROTOCOLS).status(), 403);
    assert_eq!(Refusal::application(StatusCode::OK).status(), 403);
    for refusal in [Refusal::timed_out(), Refusal::application(StatusCode::SERVICE_UNAVAILABLE)] {
        check_refusal("", &refusal);
    }
}

/// A head that a web server parsed: other versions come this way only.
#[test]
fn mounted() {
    let mut request = http::Request::get("/.well-known/coap")
        .header("host", "example.org")
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "coap")
        .body(())
        .expect("a request");
    let mut policy = Policy::default();
    policy.bind = Bind::Any;
    let accept = decide(&request.clone().into_parts().0, &policy).expect("a handshake");
    assert_eq!(accept.authority().to_string(), "example.org");
    assert_eq!(accept.headers()["sec-websocket-accept"], ACCEPT);

    *request.version_mut() = Version::HTTP_2;
    let refusal = decide(&request.into_parts().0, &policy).expect_err("HTTP/2");
    assert_eq!(refusal.reason(), &RefusalReason::HttpVersion);
    assert_eq!(
        refusal.headers(),
        HeaderMap::from_iter([
            (http::header::CONNECTION, "close".parse().expect("a value")),
            (http::header::CONTENT_TYPE, "text/plain; charset=utf-8".parse().expect("a value")),
        ])
    );
}

/// The policy is asked by `decide`, of the effective host (RFC 9112 §3.2.2).
#[test]
fn policies() {
    let mut proxied = Policy::default();
    proxied.public_uris.push("coaps+ws://example.org".parse().expect("a URI"));
    let mut any = Policy::default();
    any.bind = Bind::Any;
    any.scheme = Scheme::CoapsWs;
    any.allowed_origins = AllowedOrigins::Also(vec!["null".parse().expect("an origin")]);
    for (policy, host, origin, expected) in [
        (&proxied, "example.org", "https://example.org", "101"),
        (&proxied, "example.org", "http://example.org", "403 OriginForeign"),
        (&proxied, "localhost", "https://example.org", "403 HostForeign"),
        (&any, "anything.example", "https://anything.example", "101"),
        (&any, "anything.example", "null", "101"),
        (&any, "anything.example", "http://anything.example", "403 OriginForeign"),
    ] {
        let host = format!("Host: {host}\r\nOrigin: {origin}");
        let head = edit(REQUEST, &[(HOST, &host)]);
        let outcome = judge(&[head.as_bytes()], policy, head.len());
        assert!(told(&outcome).starts_with(expected), "{host}: {}", told(&outcome));
    }
}
