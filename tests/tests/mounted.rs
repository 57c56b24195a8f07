//! CoAP in somebody else's web server: who is let in, and what it is served.

mod e2e_support;

use coap_ws_tokio::handshake::Refusal;
use coap_ws_tokio::{Acceptor, AcceptorConfig, RemoteInfo, Router, Stream, Tokio, Upgraded};
use e2e_support::{CSM_FRAME, GET_HELLO, HANG, app};
use http::StatusCode;
use http::request::Parts;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::timeout;

fn mounted(edit: impl FnOnce(&mut AcceptorConfig)) -> Acceptor<Tokio, Router> {
    let mut config = AcceptorConfig::new();
    edit(&mut config);
    let who = async |request: coap_ws_tokio::Request| {
        let remote = request.remote();
        let user = remote.handshake().and_then(|head| head.extensions.get::<&str>().copied());
        format!("{:?} {:?}", remote.authority().map(ToString::to_string), user)
    };
    Acceptor::new(config, app().get("/who", who))
}

/// The head of a request as a web server gives it, with one field more, or another.
fn head(name: &'static str, value: &'static str) -> Parts {
    let mut head = http::Request::get("/.well-known/coap")
        .header("host", "localhost:8683")
        .header("upgrade", "websocket")
        .header("connection", "Upgrade")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-protocol", "coap")
        .header("sec-websocket-version", "13")
        .body(())
        .unwrap()
        .into_parts()
        .0;
    head.headers.insert(name, value.parse().unwrap());
    head
}

async fn ask(
    acceptor: &Acceptor<Tokio, Router>,
    name: &'static str,
    value: &'static str,
) -> Result<Upgraded, Refusal> {
    acceptor.upgrade(head(name, value), RemoteInfo::default()).await
}

// WS-10, WS-44
#[tokio::test]
async fn what_was_accepted_is_served_from_its_first_frame_on() {
    let acceptor = mounted(|_| {});
    let upgraded = ask(&acceptor, "cookie", "a=b").await.unwrap();
    let response = upgraded.response();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(response.headers()["sec-websocket-protocol"], "coap");
    let (mut ours, theirs) = duplex(1024);
    acceptor.serve_upgraded(Stream(theirs), upgraded);
    ours.write_all(CSM_FRAME).await.unwrap();
    ours.write_all(GET_HELLO).await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\xffhi") {
        assert!(timeout(HANG, ours.read_buf(&mut seen)).await.expect("it answers").unwrap() > 0);
    }
    // The first byte is a frame's: the 101 is the web server's.
    assert_eq!(seen[0], 0x82);
    assert_eq!(acceptor.connections(), 1);
    // A shutdown releases it like any other.
    let close = async {
        ours.write_all(b"\x88\x82\0\0\0\0\x03\xe8").await.unwrap();
        ours.read_to_end(&mut seen).await.unwrap();
    };
    timeout(HANG, async { tokio::join!(acceptor.shut_down(), close) }).await.expect("it ends");
}

// SEC-08, T10, T11, WS-03
#[tokio::test]
async fn the_same_policy_holds() {
    let acceptor = mounted(|_| {});
    for (name, value, status) in [
        ("origin", "https://evil.example", 403),
        ("origin", "https://localhost:8683", 403),
        ("host", "evil.example", 403),
        ("sec-websocket-protocol", "chat", 400),
        ("sec-websocket-version", "8", 426),
    ] {
        let refusal = ask(&acceptor, name, value).await.unwrap_err();
        assert_eq!(refusal.status().as_u16(), status, "{name}: {value}: {refusal}");
        let response = refusal.to_http();
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(*response.body(), refusal.body());
    }
    let mut stripped = head("cookie", "a=b");
    stripped.uri = "/".parse().unwrap();
    let refusal = acceptor.upgrade(stripped, RemoteInfo::default()).await.unwrap_err();
    assert_eq!(refusal.status(), StatusCode::NOT_FOUND);
    assert!(ask(&acceptor, "origin", "http://localhost:8683").await.is_ok());
    // Where TLS ends at the web server, the same page comes by https.
    let mut secure = RemoteInfo::default();
    secure.secure = true;
    let page = |value| acceptor.upgrade(head("origin", value), secure.clone());
    assert!(page("https://localhost:8683").await.is_ok());
    assert!(page("http://localhost:8683").await.is_err());
    // T12: the name that the TLS handshake asked for.
    let mut other = secure.clone();
    other.server_name = Some("other.localhost".into());
    let refusal = acceptor.upgrade(head("cookie", "a=b"), other).await.unwrap_err();
    assert_eq!(refusal.status(), StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(acceptor.connections(), 0, "who is turned away keeps no place");
}

// T08, T09
#[tokio::test]
async fn the_same_limits_hold() {
    let acceptor = mounted(|config| config.limits.max_connections = 2);
    let first = ask(&acceptor, "cookie", "a=b").await.unwrap();
    let second = ask(&acceptor, "cookie", "a=b").await.unwrap();
    let refusal = ask(&acceptor, "cookie", "a=b").await.unwrap_err();
    assert_eq!(refusal.status(), StatusCode::SERVICE_UNAVAILABLE);
    // An upgrade that the web server never carries out gives its place back.
    drop(second);
    let second = ask(&acceptor, "cookie", "a=b").await.unwrap();
    acceptor.shut_down().await;
    drop(first);
    assert!(ask(&acceptor, "cookie", "a=b").await.is_err(), "nobody gets in any more");
    // Nor is anybody served who was let in before.
    let (mut ours, theirs) = duplex(1024);
    acceptor.serve_upgraded(Stream(theirs), second);
    assert_eq!(ours.read_u8().await.ok(), None);
    assert_eq!(acceptor.connections(), 0);
}

#[tokio::test]
async fn the_application_has_the_last_word_here_too() {
    let acceptor = mounted(|config| {
        config.accept =
            Some(coap_ws_tokio::AcceptHook::new(async |mut upgrade: coap_ws_tokio::Upgrade| {
                let known =
                    upgrade.head.headers.get("authorization").is_some_and(|told| told == "me");
                upgrade.head.extensions.insert("alice");
                if known { Ok(upgrade) } else { Err(StatusCode::UNAUTHORIZED) }
            }));
    });
    let refusal = ask(&acceptor, "authorization", "you").await.unwrap_err();
    assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);
    let upgraded = ask(&acceptor, "authorization", "me").await.unwrap();
    let (mut ours, theirs) = duplex(1024);
    acceptor.serve_upgraded(Stream(theirs), upgraded);
    ours.write_all(CSM_FRAME).await.unwrap();
    // GET /who, token 07.
    ours.write_all(b"\x82\x87\0\0\0\0\x01\x01\x07\xb3who").await.unwrap();
    let (mut seen, end) = (Vec::new(), b"Some(\"localhost:8683\") Some(\"alice\")");
    while !seen.ends_with(end) {
        let n = timeout(HANG, ours.read_buf(&mut seen)).await.expect("it answers").unwrap();
        assert!(n > 0, "{}", String::from_utf8_lossy(&seen));
    }
}
