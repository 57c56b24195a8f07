//! What this project is not: one guard for each role that `tests/data/not_our_role.tsv` names.

mod driver_support;

use coap_ws_core::message::{Code, Message, Request, Response as CoreResponse};
use coap_ws_core::{Config, Connection, Heap, Incoming, Instant, RequestOptions, Side, Transmit};
use coap_ws_driver::{Client, Response, Router, Server};
use coap_ws_tests::stream::Bench;
use coap_ws_tests::stream::handshake::status;
use coap_ws_tests::transcript::both_sides;
use driver_support::Memory;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Every way to ask for a proxy gets 5.05, whatever else the request says, and reaches nobody.
#[test]
fn not_a_proxy_whatever_it_is_asked() {
    both_sides(
        r#"
        open
        < GET 53 35="coap://h/a"
        > 5.05 53 "not a proxy (35)"
        < GET 53 35="coap+ws://localhost:8683/a"
        > 5.05 53 "not a proxy (35)"
        < GET 53 3="h" 39="coap+ws"
        > 5.05 53 "not a proxy (39)"
        < GET 53 16=01 39="coap"
        > 5.05 53 "not a proxy (39)"
        = requests_open 0
        "#,
    );
    // A Hop-Limit alone is not a wish for one, and is neither counted down nor answered 5.08.
    both_sides("open\n< GET 53 /a 16=01\n! request GET 53 /a 16=01");
}

/// What is fresh for an hour is asked for again.
#[tokio::test(start_paused = true)]
async fn nothing_is_answered_from_a_cache() {
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let app = Router::new().get("/fresh", move || {
        let count = counted.fetch_add(1, Ordering::Relaxed);
        async move { Response::content(count.to_string()).max_age(3600).etag(vec![1]) }
    });
    let server = Server::<Memory>::bind("localhost:8683").await.unwrap();
    tokio::spawn(server.serve(app).into_future());
    let client = Client::<Memory>::connect("coap+ws://localhost:8683").await.unwrap();
    for expected in ["0", "1", "2"] {
        let answer = client.get("/fresh").send().await.unwrap();
        assert_eq!(answer.text().unwrap(), expected);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

/// Option 9 is critical and unknown wherever it comes: requests, responses and signals.
#[test]
fn oscore_is_not_understood_anywhere() {
    both_sides(
        r#"
        open
        < POST 53 9=
        > 4.02 53 "unsupported critical option (9)"
        * GET /a
        > 0101 04 b161
        < 2.04 04 9=
        ! failed 04: the response has a critical option that is not understood: OSCORE
        "#,
    );
    for (signal, name) in [("e1", "CSM"), ("e2", "Ping"), ("e3", "Pong"), ("e4", "Release")] {
        let mut connection = Connection::<Heap>::new(Config::new(Side::Acceptor)).unwrap();
        let now = Instant::ZERO;
        let _ = connection.handle_message(now, &[0x00, 0xe1]).unwrap();
        let code = u8::from_str_radix(signal, 16).unwrap();
        assert!(connection.handle_message(now, &[0x00, code, 0x90]).unwrap().is_none(), "{name}");
        assert!(connection.close_reason().is_some(), "{name}");
    }
}

/// Tokens are numbers, each one more than the last: nothing of the request is in them.
#[test]
fn our_tokens_carry_no_state() {
    let mut connection = Connection::<Heap>::new(Config::new(Side::Initiator)).unwrap();
    let now = Instant::ZERO;
    let _ = connection.handle_message(now, &[0x00, 0xe1, 0x63, 0x01, 0x01, 0x0c]).unwrap();
    let mut tokens: Vec<u64> = Vec::new();
    for n in 0..1000_u32 {
        let path = n.to_string();
        let request = Request::get().segment(&path);
        connection.request(now, &request, RequestOptions::default()).unwrap();
        let mut token = Vec::new();
        while let Some(transmit) = connection.poll_transmit() {
            let Transmit::Message(bytes) = transmit else { panic!() };
            let message = Message::parse(bytes).unwrap();
            if message.code() == Code::GET {
                token = message.token().to_vec();
            }
        }
        assert!((1..=8).contains(&token.len()));
        tokens.push(token.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
        let mut answer = vec![0; 32];
        let size = coap_ws_core::message::encode_message(
            &mut answer,
            &token,
            &CoreResponse::content(b"x"),
        );
        let told = connection.handle_message(now, &answer[..size.unwrap()]).unwrap();
        assert!(matches!(told, Some(Incoming::Response { .. })));
    }
    let step = tokens[1] - tokens[0];
    assert!(tokens.windows(2).all(|pair| pair[1] - pair[0] == step), "{:?}", &tokens[..8]);
}

/// HTTP/2 and whatever else does not ask for an upgrade of HTTP/1.1 gets an HTTP status.
#[test]
fn the_opening_handshake_is_http_1_1() {
    let asked = |bytes: &[u8]| {
        let mut bench = Bench::raw(Side::Acceptor);
        bench.feed(bytes);
        status(&bench.watch.head)
    };
    assert!((400..=505).contains(&asked(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")));
    let extended = b"CONNECT /.well-known/coap HTTP/1.1\r\nHost: localhost:8683\r\n\
        :protocol: websocket\r\n\r\n";
    assert!((400..=505).contains(&asked(extended)));
    let http_1_0 = coap_ws_tests::stream::handshake::REQUEST.replacen("HTTP/1.1", "HTTP/1.0", 1);
    assert!((400..=505).contains(&asked(http_1_0.as_bytes())));
    assert_eq!(asked(coap_ws_tests::stream::handshake::REQUEST.as_bytes()), 101);
}
