//! Foreign peers that misbehave, beside one that does not: nobody else notices (T01, T02, T04,
//! T15, T20, T21, T61).

mod e2e_support;

use coap_ws_core::message::{Code, Message};
use e2e_support::{Frame, HANG, Raw, SECOND, Serving, app, frame, head, serve_as};
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How many of each kind there are at a time.
const EACH: usize = 20;

/// While `attack` is at work, somebody else asks every 50 ms and gets every answer.
async fn beside_a_canary(server: &Serving, attack: impl Future<Output = ()> + Send + 'static) {
    let client = server.client().await;
    let attack = tokio::spawn(attack);
    let (start, mut asked) = (Instant::now(), 0);
    while !attack.is_finished() || asked < 10 {
        let answer = timeout(HANG, client.get("/hello").send()).await.expect("it is answered");
        assert_eq!(answer.expect("no error").text().unwrap(), "hi");
        asked += 1;
        sleep(Duration::from_millis(50)).await;
        assert!(start.elapsed() < HANG, "the attack does not end");
    }
    attack.await.expect("the attackers are treated as they should be");
    // It has been the same connection all along.
    assert_eq!(client.get("/hello").send().await.unwrap().text().unwrap(), "hi");
}

/// A server whose handshakes may take one second.
async fn server() -> Serving {
    serve_as(app(), |server| {
        let mut config = coap_ws_tokio::engine::EngineConfig::new(coap_ws_core::Side::Acceptor);
        config.handshake_timeout = SECOND;
        config.message_timeout = SECOND;
        server.config(config)
    })
    .await
}

async fn all<F: Future<Output = ()> + Send + 'static>(attack: impl Fn(usize) -> F) {
    let attacks: Vec<_> = (0..EACH).map(|n| tokio::spawn(attack(n))).collect();
    for attack in attacks {
        timeout(HANG, attack).await.expect("it ends").unwrap();
    }
}

/// The diagnostic of the Abort and the status of the Close that must follow it.
fn abort_then_close(frames: &[Frame]) -> (String, u16) {
    let [.., abort, close] = frames else { panic!("{frames:?}") };
    let message = Message::parse(&abort.payload).expect("a message");
    assert_eq!(message.code(), Code::ABORT);
    assert_eq!(close.opcode, 8);
    let diagnostic = String::from_utf8(message.payload().to_vec()).unwrap();
    (diagnostic, u16::from_be_bytes(close.payload[..2].try_into().unwrap()))
}

// T01
#[tokio::test]
async fn t01_connect_and_say_nothing() {
    let server = server().await;
    let port = server.port;
    beside_a_canary(
        &server,
        all(move |_| async move {
            let answer = Raw::connect(port).await.rest().await;
            assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        }),
    )
    .await;
}

// T02
#[tokio::test]
async fn t02_one_byte_of_the_head_at_a_time() {
    let server = server().await;
    let port = server.port;
    beside_a_canary(
        &server,
        all(move |_| async move {
            let mut raw = Raw::connect(port).await;
            for byte in head(port, "/.well-known/coap").into_bytes() {
                raw.send(&[byte]).await;
                sleep(Duration::from_millis(50)).await;
                if raw.stream.try_read(&mut [0; 1]).is_ok() {
                    return;
                }
            }
            panic!("it has had all the time in the world");
        }),
    )
    .await;
}

// T15
#[tokio::test]
async fn t15_garbage_instead_of_http() {
    let server = server().await;
    let port = server.port;
    beside_a_canary(
        &server,
        all(move |n| async move {
            let mut raw = Raw::connect(port).await;
            let garbage: Vec<u8> = (0..5000).map(|i| (i * 7 + n * 13 + i * i) as u8).collect();
            raw.send(&garbage).await;
            let answer = raw.rest().await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        }),
    )
    .await;
}

// T22
#[tokio::test]
async fn t22_half_a_message_and_then_nothing() {
    let server = server().await;
    let port = server.port;
    beside_a_canary(
        &server,
        all(move |_| async move {
            let mut raw = Raw::open(port).await;
            let whole = frame(2, &[7; 100]);
            raw.send(&whole[..50]).await;
            assert_eq!(abort_then_close(&raw.frames().await).1, 1008);
        }),
    )
    .await;
}

#[tokio::test]
async fn ws_21_a_text_message() {
    let server = server().await;
    let port = server.port;
    beside_a_canary(
        &server,
        all(move |_| async move {
            let mut raw = Raw::open(port).await;
            raw.send(&frame(1, b"hello?")).await;
            assert_eq!(abort_then_close(&raw.frames().await).1, 1003);
        }),
    )
    .await;
}

// T20
#[tokio::test]
async fn t20_the_header_of_an_oversized_frame() {
    let server = server().await;
    let port = server.port;
    beside_a_canary(
        &server,
        all(move |_| async move {
            let mut raw = Raw::open(port).await;
            let mut header = vec![0x82, 0xff];
            header.extend((1_u64 << 40).to_be_bytes());
            header.extend([0; 4]);
            raw.send(&header).await;
            assert_eq!(abort_then_close(&raw.frames().await).1, 1009);
        }),
    )
    .await;
}

#[tokio::test]
async fn fmt_25_a_malformed_message() {
    let server = server().await;
    let port = server.port;
    beside_a_canary(
        &server,
        all(move |_| async move {
            let mut raw = Raw::open(port).await;
            raw.send(&frame(2, &[0x0f, 0x01, 0xff])).await;
            let (diagnostic, status) = abort_then_close(&raw.frames().await);
            assert_eq!(status, 1002);
            assert!(!diagnostic.is_empty());
        }),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_them_at_once_and_some_who_just_leave() {
    let server = server().await;
    let port = server.port;
    beside_a_canary(
        &server,
        all(move |n| async move {
            match n % 4 {
                0 => drop(Raw::connect(port).await),
                1 => drop(Raw::open(port).await),
                2 => {
                    let mut raw = Raw::open(port).await;
                    for _ in 0..200 {
                        raw.send(&frame(2, b"\x01\x01\x07\xb5large")).await;
                    }
                    // It never reads, and leaves.
                    sleep(Duration::from_millis(200)).await;
                }
                _ => {
                    let mut raw = Raw::open(port).await;
                    raw.send(&frame(2, &[0xff; 3]).repeat(1000)).await;
                    raw.frames().await;
                }
            }
        }),
    )
    .await;
}
