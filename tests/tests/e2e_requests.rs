//! Client and server over real sockets.

mod e2e_support;

use coap_ws_core::Sent;
use coap_ws_core::message::{Code, ContentFormat};
use coap_ws_tokio::engine::OpeningError;
use coap_ws_tokio::handshake::{HandshakeError, HeadError, Smell};
use coap_ws_tokio::{Client, ConnectError, ErrorKind, Router, Server};
use e2e_support::{HANG, Raw, SECOND, app, serve, serve_as};
use futures_util::future::join_all;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

#[tokio::test]
async fn the_four_methods() {
    let server = serve(app()).await;
    let client = server.client().await;
    let path = "/store/a%20b";
    assert_eq!(client.get(path).send().await.unwrap().code(), Code::NOT_FOUND);
    assert_eq!(client.put(path).body("one").send().await.unwrap().code(), Code::CREATED);
    assert_eq!(client.put(path).body("two").send().await.unwrap().code(), Code::CHANGED);
    assert_eq!(client.get(path).send().await.unwrap().text().unwrap(), "two");
    assert_eq!(client.delete(path).send().await.unwrap().code(), Code::DELETED);
    assert_eq!(client.get(path).send().await.unwrap().code(), Code::NOT_FOUND);
    let echo = client.post("/echo").body("abc").send().await.unwrap();
    assert_eq!(echo.success().unwrap().body(), "abc");
    assert_eq!(server.opened(), 1);
}

#[tokio::test]
async fn errors_are_values_until_success_is_asked_for() {
    let server = serve(app()).await;
    let client = server.client().await;
    let response = client.get("/nowhere").send().await.unwrap();
    assert_eq!(response.code(), Code::NOT_FOUND);
    let error = response.success().unwrap_err();
    assert!(error.to_string().contains("no such resource"), "{error}");
    let response = client.put("/hello").send().await.unwrap();
    assert_eq!(response.code(), Code::METHOD_NOT_ALLOWED);
    let discovery = client.get("/.well-known/core").send().await.unwrap();
    assert_eq!(discovery.format(), Some(ContentFormat::LINK_FORMAT));
    assert!(discovery.text().unwrap().contains("</hello>"));
}

#[tokio::test]
async fn sixty_four_kib_go_both_ways_in_one_message() {
    let server = serve(app()).await;
    let client = server.client().await;
    let body: Vec<u8> = (0..65_536_u32).map(|n| ((n * 31) >> 3) as u8).collect();
    let echo = client.post("/echo").body(body.clone()).send().await.unwrap();
    assert_eq!(echo.body(), &body);
    assert_eq!(client.get("/large").send().await.unwrap().body().len(), 65_536);
    let stored = client.put("/store/x").body(body.clone()).send().await.unwrap();
    assert!(stored.code().is_success());
    assert_eq!(client.get("/store/x").send().await.unwrap().body(), &body);
}

#[tokio::test]
async fn both_ends_are_client_and_server_on_one_connection() {
    let server = serve(app()).await;
    let own = Router::new().get("/hello", async || "hi from the client");
    let client = Client::builder().serve(own).connect(&server.base()).await.unwrap();
    let asks = (0..20).map(|n| async move { n }).map(|_| client.post("/reverse").send());
    for answer in join_all(asks).await {
        assert_eq!(answer.unwrap().text().unwrap(), "hi from the client");
    }
    // A client that serves nothing says so.
    let answer = server.client().await.post("/reverse").send().await.unwrap();
    assert_eq!(answer.code(), Code::NOT_IMPLEMENTED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_share_one_connection() {
    let server = serve(app()).await;
    let client = Client::builder().build(&server.base()).unwrap();
    let tasks: Vec<_> = (0..200_u32)
        .map(|n| {
            let client = client.clone();
            tokio::spawn(async move {
                for round in 0..10_u32 {
                    let body = (n * 1000 + round).to_be_bytes().to_vec();
                    let echo = client.post("/echo").body(body.clone()).send().await.unwrap();
                    assert_eq!(echo.body(), &body);
                }
            })
        })
        .collect();
    for task in tasks {
        timeout(HANG, task).await.expect("it does not hang").unwrap();
    }
    assert_eq!(server.opened(), 1);
}

// T84
#[test]
fn t84_a_server_that_went_away_is_dialled_again_when_it_is_back() {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    };
    let client_side = runtime();
    let first = runtime();
    let serving = first.block_on(serve(app()));
    let port = serving.port;
    client_side.block_on(async {
        let client = Client::connect(&format!("coap+ws://127.0.0.1:{port}")).await.unwrap();
        let open = tokio::spawn(client.get("/never").send());
        client.get("/hello").send().await.unwrap();
        first.shutdown_background();
        let error = timeout(HANG, open).await.expect("it ends").unwrap().unwrap_err();
        assert!(error.is_closed(), "{error}");
        assert_eq!(error.sent(), Sent::Maybe);
        let error = client.get("/hello").send().await.unwrap_err();
        let ErrorKind::Connect(cause) = error.kind() else { panic!("{error}") };
        assert!(matches!(**cause, ConnectError::Tcp { .. }), "{error}");
        assert_eq!(error.sent(), Sent::No);
        let server = Server::bind(&format!("127.0.0.1:{port}")).await.unwrap();
        tokio::spawn(server.serve(app()).into_future());
        assert_eq!(client.get("/hello").send().await.unwrap().text().unwrap(), "hi");
    });
}

/// How connecting failed.
async fn failure(port: u16) -> std::sync::Arc<ConnectError> {
    let base = format!("coap+ws://127.0.0.1:{port}");
    let connecting = Client::builder().connect_timeout(2 * SECOND).connect(&base);
    let error = timeout(HANG, connecting).await.expect("it ends").unwrap_err();
    assert_eq!(error.sent(), Sent::No);
    match error.kind() {
        ErrorKind::Connect(error) => std::sync::Arc::clone(error),
        _ => panic!("not of the dial: {error}"),
    }
}

/// Takes one connection, reads what comes first and says this.
async fn says(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        _ = stream.read(&mut buffer).await;
        _ = stream.write_all(answer).await;
        _ = stream.shutdown().await;
        while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
    });
    port
}

fn handshake(error: &ConnectError) -> &HandshakeError {
    match error {
        ConnectError::Opening(OpeningError::Handshake(error)) => error,
        _ => panic!("not of the handshake: {error}"),
    }
}

#[tokio::test]
async fn connecting_fails_by_its_stage() {
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let error = failure(nobody).await;
    assert!(matches!(&*error, ConnectError::Tcp { .. }), "{error}");
    assert!(error.to_string().contains(&nobody.to_string()), "{error}");

    let error = failure(says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await).await;
    let HandshakeError::Status { status, .. } = handshake(&error) else { panic!("{error}") };
    assert_eq!(status.as_u16(), 404);

    let error = failure(says(b"\x15\x03\x03\x00\x02\x02\x46").await).await;
    let tls = HandshakeError::Head(HeadError::NotHttp(Smell::Tls));
    assert_eq!(*handshake(&error), tls, "{error}");

    let error = failure(says(b"").await).await;
    assert_eq!(*handshake(&error), HandshakeError::Closed, "{error}");

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let error = failure(silent.local_addr().unwrap().port()).await;
    assert!(matches!(&*error, ConnectError::Timeout), "{error}");

    let error = Client::connect("coap+ws://no-such-host.invalid").await.unwrap_err();
    let ErrorKind::Connect(cause) = error.kind() else { panic!("{error}") };
    assert!(matches!(&**cause, ConnectError::Resolve { .. }), "{error}");

    let error = Client::connect("http://localhost").await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Uri(_)), "{error}");
}

#[tokio::test]
async fn sec_08_a_foreign_origin_is_refused_with_403() {
    let server = serve(app()).await;
    let mut headers = http::HeaderMap::new();
    headers.insert("origin", "https://evil.example".parse().unwrap());
    let error = Client::builder().headers(headers).connect(&server.base()).await.unwrap_err();
    let ErrorKind::Connect(cause) = error.kind() else { panic!("{error}") };
    let HandshakeError::Status { status, .. } = handshake(cause) else { panic!("{error}") };
    assert_eq!(status.as_u16(), 403);
}

#[tokio::test]
async fn ws_03_another_path_is_404_and_tls_to_a_plain_port_is_answered() {
    let server = serve(app()).await;
    let mut raw = Raw::connect(server.port).await;
    raw.send(e2e_support::head(server.port, "/other").as_bytes()).await;
    assert!(raw.head().await.starts_with("HTTP/1.1 404 "));
    let mut raw = Raw::connect(server.port).await;
    raw.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await;
    let answer = raw.rest().await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("TLS"), "{answer}");
}

#[tokio::test]
async fn a_graceful_shutdown_answers_what_is_begun_and_ends() {
    let server = serve(app()).await;
    let client = server.client().await;
    let asks: Vec<_> = (0..20).map(|_| tokio::spawn(client.get("/slow").send())).collect();
    sleep(Duration::from_millis(100)).await;
    server.stop.send(()).unwrap();
    for ask in asks {
        assert_eq!(ask.await.unwrap().unwrap().text().unwrap(), "slow");
    }
    timeout(HANG, server.task).await.expect("it ends").unwrap().unwrap();
}

/// Fits all that must not be above `answer_timeout`.
fn impatient(server: Server) -> Server {
    let mut config = coap_ws_tokio::engine::EngineConfig::new(coap_ws_core::Side::Acceptor);
    config.connection.answer_timeout = Duration::from_millis(300);
    server.config(config)
}

async fn never_returns() {
    let server = serve_as(app(), impatient).await;
    let (one, other) = (server.client().await, server.client().await);
    let never = tokio::spawn(one.get("/never").send());
    for client in [&one, &other] {
        assert_eq!(client.get("/hello").send().await.unwrap().text().unwrap(), "hi");
    }
    let answer = timeout(HANG, never).await.expect("it is answered").unwrap().unwrap();
    assert_eq!(answer.code(), Code::SERVICE_UNAVAILABLE);
    assert_eq!(one.get("/hello").send().await.unwrap().text().unwrap(), "hi");
}

// T79
#[tokio::test]
async fn t79_a_handler_that_never_returns_on_one_thread() {
    never_returns().await;
}

// T79
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t79_a_handler_that_never_returns_on_several_threads() {
    never_returns().await;
}
