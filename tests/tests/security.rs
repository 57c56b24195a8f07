//! RFC 8323 §9, RFC 6455 §10: what is on the wire before any CoAP, and what is on by default.

mod driver_support;

use coap_ws_core::Side;
use coap_ws_core::message::{Code, OptionNumber};
use coap_ws_driver::{Client as AnyClient, Response, Router, Server as AnyServer};
use coap_ws_tests::stream::Bench;
use coap_ws_tokio::Client;
use coap_ws_tokio::tls::ClientTls;
use driver_support::Memory;
use std::collections::BTreeSet;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

// SEC-01
#[test]
fn tls_is_there_without_being_asked_for() {
    for manifest in [
        include_str!("../../coap-ws-tokio/Cargo.toml"),
        include_str!("../../coap-ws-async-std/Cargo.toml"),
    ] {
        let default = manifest.lines().find(|line| line.starts_with("default = ")).unwrap();
        assert!(default.contains("\"tls\""), "{default}");
    }
}

/// The first record of a TLS handshake: the client says what it can.
async fn client_hello() -> Vec<u8> {
    let listener = TcpListener::bind("localhost:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let tls = ClientTls::with_roots_pem(made.cert.pem().as_bytes()).unwrap();
    let base = format!("coaps+ws://localhost:{port}");
    let dial = Client::builder().tls(tls).connect(&base);
    let read = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 5];
        stream.read_exact(&mut head).await.unwrap();
        let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        stream.read_exact(&mut hello).await.unwrap();
        assert_eq!((head[0], hello[0]), (22, 1), "a handshake record with a ClientHello");
        hello
    };
    let (_, hello) = tokio::join!(dial, read);
    hello
}

/// The extensions of a ClientHello (RFC 8446 §4.1.2).
fn extensions(hello: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let word = |at: usize| usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
    // Type and length, version, random; then three lists that carry their lengths.
    let mut at = 4 + 2 + 32;
    at += 1 + usize::from(hello[at]);
    at += 2 + word(at);
    at += 1 + usize::from(hello[at]);
    let end = at + 2 + word(at);
    at += 2;
    let mut found = Vec::new();
    while at < end {
        let (kind, len) = (word(at), word(at + 2));
        found.push((u16::try_from(kind).unwrap(), hello[at + 4..at + 4 + len].to_vec()));
        at += 4 + len;
    }
    found
}

// SEC-05, SEC-06
#[tokio::test]
async fn tls_1_2_and_1_3_are_offered_and_no_protocol_of_another_binding() {
    let hello = extensions(&client_hello().await);
    let of = |kind| hello.iter().find(|(other, _)| *other == kind).map(|(_, value)| &value[1..]);
    let versions: BTreeSet<&[u8]> = of(43).expect("supported_versions").chunks(2).collect();
    assert_eq!(versions, BTreeSet::from([&[3, 4][..], &[3, 3][..]]));
    // `coap` in ALPN would ask for coaps+tcp (RFC 8323 §8.2).
    assert!(of(16).is_none(), "ALPN: {:?}", of(16));
    assert!(of(0).is_some_and(|name| name.ends_with(b"localhost")), "the server name is told");
}

// SEC-16
#[test]
fn no_masking_key_comes_twice() {
    let (mut keys, mut frames) = (BTreeSet::new(), 0);
    for _ in 0..10 {
        let mut bench = Bench::open(Side::Initiator);
        for n in 0..60 {
            bench.get(&n.to_string());
        }
        for frame in std::mem::take(&mut bench.said) {
            keys.insert(frame.key.expect("a client masks"));
            frames += 1;
        }
    }
    assert_eq!((keys.len(), frames >= 600), (frames, true));
    // Each bit is as often set as not.
    for bit in 0..32 {
        let set = keys.iter().filter(|key| u32::from_be_bytes(**key) >> bit & 1 == 1).count();
        let part = set * 100 / keys.len();
        assert!((35..65).contains(&part), "bit {bit} is set in {part} of 100");
    }
}

/// The opening handshake has shown that the client is where it says: the largest answer goes out
/// to the smallest request without a challenge.
// SEC-11, EXT-10
#[tokio::test(start_paused = true)]
async fn no_challenge_stands_before_a_large_answer_and_no_tag_on_a_request_of_one_message() {
    let app = Router::new().get("/large", async || vec![7; 60_000]).put(
        "/large",
        async |request: coap_ws_driver::Request| {
            let tagged = request.view().option(OptionNumber::REQUEST_TAG).is_some();
            Response::new(if tagged { Code::BAD_REQUEST } else { Code::CHANGED })
        },
    );
    let server = AnyServer::<Memory>::bind("localhost:8683").await.unwrap();
    tokio::spawn(server.serve(app).into_future());
    let client = AnyClient::<Memory>::connect("coap+ws://localhost:8683").await.unwrap();
    let answer = client.get("/large").send().await.unwrap();
    assert_eq!((answer.code(), answer.body().len()), (Code::CONTENT, 60_000));
    assert_eq!(answer.option_value(OptionNumber::ECHO), None);
    let small = client.put("/large").body(vec![1; 100]).send().await.unwrap();
    assert_eq!(small.code(), Code::CHANGED);
}
