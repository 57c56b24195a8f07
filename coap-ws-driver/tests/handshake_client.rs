//! The initiator's half: the request it writes (WS-02, WS-03, WS-16, WS-42), and a table of answers
//! (WS-07 to WS-13, T16).

mod handshake_support;

use coap_ws_driver::handshake::{
    ClientHandshake, HandshakeError, HandshakeLimits, HeadError, Malformed, Smell,
};
use handshake_support::{FRAMES, KEY, REQUEST, RESPONSE, cuts, edit};
use http::{HeaderMap, HeaderName, HeaderValue};

fn handshake() -> ClientHandshake {
    ClientHandshake::with_key("localhost:8683", &HeaderMap::new(), KEY).expect("a legal host")
}

fn fields(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = fields
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    pairs.collect()
}

#[test]
fn request() {
    assert_eq!(
        String::from_utf8_lossy(handshake().request()),
        "GET /.well-known/coap HTTP/1.1\r\nHost: localhost:8683\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: coap\r\n\r\n"
    );
    assert_eq!(handshake().request(), REQUEST.as_bytes());
    let extra =
        fields(&[("authorization", "Basic YTpi"), ("origin", "https://a"), ("cookie", "a=b")]);
    let request = ClientHandshake::with_key("[2001:db8::1]", &extra, KEY).expect("legal");
    let text = String::from_utf8_lossy(request.request()).into_owned();
    assert!(text.contains("\r\nHost: [2001:db8::1]\r\n"), "{text}");
    assert!(
        text.ends_with("\r\nauthorization: Basic YTpi\r\norigin: https://a\r\ncookie: a=b\r\n\r\n"),
        "{text}"
    );
    assert_eq!(format!("{request:?}"), "ClientHandshake { .. }");
}

/// Two connects have different keys of 24 characters (WS-42); no line is above 160 bytes.
#[test]
fn keys_are_fresh() {
    let keys: std::collections::HashSet<String> = (0..100)
        .map(|_| {
            let request = ClientHandshake::new("example.org", &HeaderMap::new()).expect("legal");
            let text = String::from_utf8(request.request().to_vec()).expect("ASCII");
            assert!(text.lines().all(|line| line.len() < 160));
            let (_, key) = text.split_once("Sec-WebSocket-Key: ").expect("a key");
            key.lines().next().expect("a line").to_owned()
        })
        .collect();
    assert!(keys.len() == 100 && keys.iter().all(|key| key.len() == 24));
}

#[test]
fn what_cannot_be_asked() {
    for host in
        ["", "a b", "a\r\nX: y", "user@host", "host:0", "host:x", "[::1", "[::1]80", "a/b", "127.1"]
    {
        let error = ClientHandshake::with_key(host, &HeaderMap::new(), KEY).expect_err(host);
        assert!(matches!(error, HandshakeError::Host(_)), "{host}");
    }
    for name in [
        "host",
        "upgrade",
        "connection",
        "content-length",
        "transfer-encoding",
        "te",
        "trailer",
        "expect",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-protocol",
        "sec-websocket-extensions",
        "sec-websocket-accept",
        "sec-websocket-anything",
    ] {
        let error = ClientHandshake::with_key("localhost", &fields(&[(name, "x")]), KEY);
        let expected = HandshakeError::ReservedHeader(HeaderName::from_static(name));
        assert_eq!(error.expect_err(name), expected);
    }
    let told = HandshakeError::ReservedHeader(http::header::HOST).to_string();
    assert_eq!(told, "the handshake sets host itself; leave it out of the extra header fields");
}

const STATUS: &str = "101 Switching Protocols";
const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
const PROTOCOL: &str = "Sec-WebSocket-Protocol: coap\r\n";

/// What it is, how it differs from the legal one, and what comes of it: `open`, or the beginning
/// of the error.
type Row = (&'static str, &'static [(&'static str, &'static str)], &'static str);

const ANSWERS: &[Row] = &[
    ("legal", &[], "open"),
    (
        "any case",
        &[
            ("Upgrade: websocket", "UPGRADE: WebSocket"),
            ("Connection: Upgrade", "connection: upgrade"),
        ],
        "open",
    ),
    ("connection list", &[("Connection: Upgrade", "Connection: keep-alive, UPGRADE")], "open"),
    ("other phrase", &[(STATUS, "101 Web Socket Protocol Handshake")], "open"),
    ("no phrase", &[(STATUS, "101 ")], "open"),
    ("no phrase, no space", &[(STATUS, "101")], "open"),
    (
        "unknown fields",
        &[(PROTOCOL, "Sec-WebSocket-Protocol: coap\r\nServer: x\r\nDate: y\r\n")],
        "open",
    ),
    (
        "interim first",
        &[(
            "HTTP/1.1",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1",
        )],
        "open",
    ),
    ("HTTP/1.0", &[("HTTP/1.1", "HTTP/1.0")], "HttpVersion"),
    ("no upgrade", &[("Upgrade: websocket\r\n", "")], "Upgrade"),
    ("upgrade to another", &[("Upgrade: websocket", "Upgrade: h2c")], "Upgrade"),
    ("upgrade to two", &[("Upgrade: websocket", "Upgrade: websocket, h2c")], "Upgrade"),
    ("no connection", &[("Connection: Upgrade\r\n", "")], "Connection"),
    ("connection close", &[("Connection: Upgrade", "Connection: close")], "Connection"),
    ("no accept", &[(ACCEPT, "")], "AcceptMissing"),
    ("accept of another key", &[("s3pPLMBi", "s3pPLMBj")], "AcceptWrong"),
    ("accept in another case", &[("s3pPLMBi", "S3pPLMBi")], "AcceptWrong"),
    ("accept empty", &[(ACCEPT, "Sec-WebSocket-Accept:\r\n")], "AcceptWrong"),
    (
        "accept twice",
        &[(
            ACCEPT,
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
        )],
        "AcceptRepeated",
    ),
    (
        "extension",
        &[(
            PROTOCOL,
            "Sec-WebSocket-Protocol: coap\r\nSec-WebSocket-Extensions: permessage-deflate\r\n",
        )],
        "Extension",
    ),
    (
        "extensions on two lines",
        &[(
            PROTOCOL,
            "Sec-WebSocket-Protocol: coap\r\nSec-WebSocket-Extensions: a\r\nSec-WebSocket-Extensions: b\r\n",
        )],
        "Extension",
    ),
    ("no protocol", &[(PROTOCOL, "")], "SubprotocolMissing"),
    ("other protocol", &[(PROTOCOL, "Sec-WebSocket-Protocol: mqtt\r\n")], "SubprotocolWrong"),
    ("protocol in capitals", &[(PROTOCOL, "Sec-WebSocket-Protocol: CoAP\r\n")], "SubprotocolWrong"),
    ("protocol list", &[(PROTOCOL, "Sec-WebSocket-Protocol: coap, coap\r\n")], "SubprotocolWrong"),
    (
        "protocol twice",
        &[(PROTOCOL, "Sec-WebSocket-Protocol: coap\r\nSec-WebSocket-Protocol: coap\r\n")],
        "SubprotocolRepeated",
    ),
    ("200", &[(STATUS, "200 OK")], "Status { status: 200, location: None }"),
    (
        "301",
        &[(STATUS, "301 Moved\r\nLocation: https://a/b")],
        "Status { status: 301, location: Some(\"https://a/b\") }",
    ),
    ("302 without place", &[(STATUS, "302 Found")], "Status { status: 302, location: None }"),
    (
        "302 with an odd place",
        &[(STATUS, "302 Found\r\nLocation: a b")],
        "Status { status: 302, location: None }",
    ),
    (
        "307 beyond ASCII",
        &[(STATUS, "307 x\r\nLocation: /\u{fc}")],
        "Status { status: 307, location: None }",
    ),
    ("400", &[(STATUS, "400 Bad Request")], "Status { status: 400"),
    ("401", &[(STATUS, "401 Unauthorized\r\nWWW-Authenticate: Basic")], "Status { status: 401"),
    (
        "403 as HTTP/1.0",
        &[("HTTP/1.1 101 Switching Protocols", "HTTP/1.0 403 Forbidden")],
        "Status { status: 403",
    ),
    ("404", &[(STATUS, "404 Not Found\r\nContent-Length: 1073741824")], "Status { status: 404"),
    ("426", &[(STATUS, "426 Upgrade Required")], "Status { status: 426"),
    ("503", &[(STATUS, "503 Service Unavailable")], "Status { status: 503"),
    ("999", &[(STATUS, "999 ?")], "Status { status: 999"),
    ("099", &[(STATUS, "099 ?")], "Head(Malformed(StartLine))"),
    ("no status", &[(" 101 Switching Protocols", "")], "Head(Malformed("),
    ("status of letters", &[(STATUS, "1O1 Switching Protocols")], "Head(Malformed(StartLine))"),
    ("TLS alert", &[("HTTP/1.1", "\x15\x03\x01\0\x02\x02\x46")], "Head(NotHttp(Tls))"),
    ("bare LF", &[("websocket\r\n", "websocket\n")], "Head(Malformed(BareLf))"),
    ("folded", &[(PROTOCOL, "Sec-WebSocket-Protocol: coap\r\n x\r\n")], "Head(Malformed(Fold))"),
    ("space before colon", &[("Upgrade:", "Upgrade :")], "Head(Malformed(Header))"),
    ("NUL", &[("websocket", "web\0socket")], "Head(Malformed(Control))"),
];

#[test]
fn table() {
    assert!(ANSWERS.len() >= 25);
    for (name, edits, expected) in ANSWERS {
        let head = edit(RESPONSE, edits);
        let bytes = [head.as_bytes(), FRAMES].concat();
        for pieces in cuts(&bytes) {
            let told = match offer(&mut handshake(), &pieces) {
                Ok(taken) => {
                    assert_eq!(&bytes[taken..], FRAMES, "{name}");
                    "open".to_owned()
                }
                Err(error) => {
                    let text = error.to_string();
                    assert!(
                        text.len() > 30 && !text.contains(['\r', '\n', '\0']),
                        "{name}: {text}"
                    );
                    format!("{error:?}")
                }
            };
            assert!(told.starts_with(expected), "{name}: {told}");
        }
    }
}

/// Offers the pieces, and afterwards more: nothing changes any more.
fn offer(handshake: &mut ClientHandshake, pieces: &[&[u8]]) -> Result<usize, HandshakeError> {
    let mut taken = 0;
    for piece in pieces {
        let progress = handshake.handle_bytes(piece).inspect_err(|error| {
            assert_eq!(handshake.handle_bytes(RESPONSE.as_bytes()).expect_err("over"), *error);
        })?;
        taken += progress.taken;
        if progress.head.is_some() {
            let more = handshake.handle_bytes(FRAMES).expect("open");
            assert!(more.taken == 0 && more.head.is_none());
            return Ok(taken);
        }
    }
    panic!("no answer is incomplete")
}

/// What a person reads who gets no connection.
#[test]
fn texts() {
    let answer = |status: &str| {
        let head = format!("HTTP/1.1 {status}\r\n\r\n");
        offer(&mut handshake(), &[head.as_bytes()]).expect_err(status).to_string()
    };
    assert_eq!(
        answer("404 Not Found"),
        "the server answered HTTP 404: the server has no CoAP at /.well-known/coap; is a proxy rule missing?"
    );
    assert_eq!(
        answer("302 Found\r\nLocation: https://a.example/"),
        "the server answered HTTP 302: redirects are not followed; is this the place: https://a.example/"
    );
    assert_eq!(
        answer("303 x"),
        "the server answered HTTP 303: redirects are not followed; use the address itself"
    );
    let hints: std::collections::HashSet<String> = (101..1000)
        .filter(|status| !(100..200).contains(status))
        .map(|status| answer(&status.to_string()))
        .map(|text| text.split_once(": ").expect("a hint").1.to_owned())
        .collect();
    assert!(hints.len() >= 15, "{hints:#?}");
    let tls = HandshakeError::from(HeadError::NotHttp(Smell::Tls)).to_string();
    assert_eq!(tls, "the server's answer cannot be used: this looks like TLS: is coaps+ws meant?");
    assert_eq!(
        HandshakeError::AcceptWrong.to_string(),
        "the answer's Sec-WebSocket-Accept is not for our key; is a cache in between?"
    );
}

/// An endless head ends at the limit, endless interim answers too, and a body is not read (T16).
#[test]
fn reading_is_bounded() {
    let endless = HandshakeError::Head(HeadError::TooLarge { max_bytes: 16 * 1024 });
    for piece in ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK x"] {
        let mut handshake = handshake();
        let mut taken = 0;
        let error = loop {
            match handshake.handle_bytes(piece.as_bytes()) {
                Ok(progress) => taken += progress.taken,
                Err(error) => break error,
            }
        };
        assert!(error == endless && taken <= 16 * 1024);
    }
    let location = |length| {
        let head = format!("HTTP/1.1 301 Moved\r\nLocation: {}\r\n\r\n", "x".repeat(length));
        match handshake().handle_bytes(head.as_bytes()) {
            Err(HandshakeError::Status { location, .. }) => location.map(|text| text.len()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((location(256), location(257)), (Some(256), None));

    let mut limits = HandshakeLimits::default();
    limits.max_bytes = RESPONSE.len();
    assert!(handshake().with_limits(limits).handle_bytes(RESPONSE.as_bytes()).is_ok());
    limits.max_bytes -= 1;
    assert!(handshake().with_limits(limits).handle_bytes(RESPONSE.as_bytes()).is_err());
}

#[test]
fn sources() {
    use std::error::Error as _;
    let error = HandshakeError::from(HeadError::from(Malformed::BareLf));
    assert!(error.source().is_some());
    assert!(HandshakeError::Closed.source().is_none());
}
