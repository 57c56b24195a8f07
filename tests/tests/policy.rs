//! Who may connect, over real sockets.

use coap_ws_tokio::policy::Network;
use coap_ws_tokio::{
    Client, ConnectError, Error, ErrorKind, Request, Router, Server, ServerLimits, Upgrade,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use std::future::IntoFuture;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Who a connection was admitted as.
#[derive(Clone)]
struct User(String);

fn app() -> Router {
    Router::new()
        .get("/hello", async || "hi")
        .get("/user", async |r: Request| {
            let head = r.remote().handshake().expect("an acceptor has it");
            head.extensions.get::<User>().map_or("nobody".to_owned(), |user| user.0.clone())
        })
        .get("/address", async |r: Request| {
            r.remote().client_address().expect("TCP has one").to_string()
        })
}

async fn start(edit: impl FnOnce(Server) -> Server) -> u16 {
    let server = edit(Server::bind("127.0.0.1:0").await.unwrap());
    let port = server.local_addrs().next().unwrap().port();
    tokio::spawn(server.serve(app()).into_future());
    port
}

fn header(name: &'static str, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_str(value).unwrap())])
}

async fn connect(port: u16, headers: HeaderMap) -> Result<Client, Error> {
    Client::builder().headers(headers).connect(&format!("coap+ws://127.0.0.1:{port}")).await
}

async fn text(client: &Client, path: &str) -> String {
    client.get(path).send().await.unwrap().success().unwrap().text().unwrap()
}

// SEC-09: the hook sees the head, refuses with a status, or attaches a value.
#[tokio::test]
async fn the_application_has_the_last_word() {
    let judge = async |mut upgrade: Upgrade| {
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(upgrade.info.address.is_some());
        let headers = &upgrade.head.headers;
        match headers.get("authorization").and_then(|value| value.to_str().ok()) {
            Some(token) if token.starts_with("Bearer ") => {
                let user = User(token["Bearer ".len()..].to_owned());
                upgrade.head.extensions.insert(user);
                Ok(upgrade)
            }
            _ => Err(StatusCode::UNAUTHORIZED),
        }
    };
    let port = start(|server| server.accept(judge)).await;
    let error = connect(port, HeaderMap::new()).await.unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
    let client = connect(port, header("authorization", "Bearer alice")).await.unwrap();
    assert_eq!(text(&client, "/user").await, "alice");
}

#[tokio::test]
async fn an_application_that_never_answers_costs_the_handshake_timeout() {
    let mut config = coap_ws_tokio::engine::EngineConfig::new(coap_ws_tokio::core::Side::Acceptor);
    config.handshake_timeout = Duration::from_millis(100);
    let never = async |_: Upgrade| std::future::pending().await;
    let port = start(|server| server.config(config).accept(never)).await;
    let error = connect(port, HeaderMap::new()).await.unwrap_err();
    assert!(error.to_string().contains("408"), "{error}");
}

// T10, SEC-08
#[tokio::test]
async fn t10_a_page_from_elsewhere_is_refused() {
    let port = start(|server| server).await;
    let error = connect(port, header("origin", "http://evil.example")).await.unwrap_err();
    assert!(error.to_string().contains("403"), "{error}");
    let own = format!("http://127.0.0.1:{port}");
    let client = connect(port, header("origin", &own)).await.unwrap();
    assert_eq!(text(&client, "/hello").await, "hi");
}

// T11
#[tokio::test]
async fn t11_a_name_that_is_not_ours_is_refused() {
    let port = start(|server| server).await;
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = "GET /.well-known/coap HTTP/1.1\r\nHost: attacker.example\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: coap\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("--public-uri"), "the refusal names the setting: {answer}");
}

#[tokio::test]
async fn forwarded_addresses_only_from_named_proxies() {
    let said = || header("x-forwarded-for", "198.51.100.7");
    let port = start(|server| server).await;
    let client = connect(port, said()).await.unwrap();
    assert_eq!(text(&client, "/address").await, "127.0.0.1");
    let port = start(|server| {
        let mut policy = coap_ws_tokio::policy::Policy::default();
        policy.trusted_proxies.push("127.0.0.0/8".parse::<Network>().unwrap());
        server.policy(policy)
    })
    .await;
    let client = connect(port, said()).await.unwrap();
    assert_eq!(text(&client, "/address").await, "198.51.100.7");
}

fn limits(edit: impl FnOnce(&mut ServerLimits)) -> ServerLimits {
    let mut limits = ServerLimits::default();
    edit(&mut limits);
    limits
}

/// Whether the server has closed this socket.
async fn is_closed(socket: &mut TcpStream) -> bool {
    let read = tokio::time::timeout(Duration::from_secs(10), socket.read(&mut [0; 16])).await;
    matches!(read, Ok(Ok(0) | Err(_)))
}

// T09: at the limit it works, one more is closed at once, and a place given back is free.
#[tokio::test]
async fn t09_connections_of_one_address() {
    let limits = limits(|limits| limits.max_connections_per_ip = Some(2));
    let port = start(|server| server.limits(limits)).await;
    let first = connect(port, HeaderMap::new()).await.unwrap();
    let second = connect(port, HeaderMap::new()).await.unwrap();
    let mut third = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert!(is_closed(&mut third).await);
    assert_eq!(text(&second, "/hello").await, "hi");
    first.release().await;
    for _ in 0..200 {
        if connect(port, HeaderMap::new()).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the place was not given back");
}

// T07: the oldest half-open handshake goes, established connections stay.
#[tokio::test]
async fn t07_half_open_handshakes() {
    let limits = limits(|limits| limits.max_pending_handshakes = 3);
    let port = start(|server| server.limits(limits)).await;
    let client = connect(port, HeaderMap::new()).await.unwrap();
    assert_eq!(text(&client, "/hello").await, "hi");
    let mut sockets = Vec::new();
    for _ in 0..4 {
        sockets.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(is_closed(&mut sockets[0]).await, "the fourth costs the first");
    let mut none = [0; 1];
    let waiting = tokio::time::timeout(Duration::from_millis(100), sockets[1].read(&mut none));
    assert!(waiting.await.is_err(), "the second still waits");
    assert_eq!(text(&client, "/hello").await, "hi");
    drop(sockets);
    assert!(connect(port, HeaderMap::new()).await.is_ok());
}

// T08: at the limit accepting pauses, and goes on when there is a place.
#[tokio::test]
async fn t08_connections_in_all() {
    let limits = limits(|limits| limits.max_connections = 1);
    let port = start(|server| server.limits(limits)).await;
    let first = connect(port, HeaderMap::new()).await.unwrap();
    assert_eq!(text(&first, "/hello").await, "hi");
    let waiting = tokio::spawn(connect(port, HeaderMap::new()));
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(!waiting.is_finished());
    first.release().await;
    let second = waiting.await.unwrap().unwrap();
    assert_eq!(text(&second, "/hello").await, "hi");
}

/// A proxy that answers `answer` to CONNECT, and tunnels if that is a success.
async fn proxy(answer: &'static str) -> (u16, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heads, seen) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let heads = heads.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(socket.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let target = head.split(' ').nth(1).unwrap().to_owned();
                heads.send(head).unwrap();
                socket.write_all(answer.as_bytes()).await.unwrap();
                if answer.contains("200") {
                    let mut onward = TcpStream::connect(target).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut socket, &mut onward).await;
                }
            });
        }
    });
    (port, seen)
}

// WS-38
#[tokio::test]
async fn through_an_http_proxy() {
    let port = start(|server| server).await;
    let base = format!("coap+ws://127.0.0.1:{port}");
    let (through, mut seen) = proxy("HTTP/1.1 200 Connection established\r\n\r\n").await;
    let proxy_uri = format!("http://user:pass@127.0.0.1:{through}").parse().unwrap();
    let client = Client::builder().proxy(proxy_uri).connect(&base).await.unwrap();
    assert_eq!(text(&client, "/hello").await, "hi");
    let head = seen.recv().await.unwrap();
    assert!(head.starts_with(&format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n")), "{head}");
    assert!(head.contains("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n"), "{head}");

    let (closed, _seen) = proxy("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    let proxy_uri = format!("http://127.0.0.1:{closed}").parse().unwrap();
    let error = Client::builder().proxy(proxy_uri).connect(&base).await.unwrap_err();
    let ErrorKind::Connect(connect) = error.kind() else { panic!("{error:?}") };
    assert!(matches!(**connect, ConnectError::Proxy { .. }), "{connect:?}");
    assert!(error.to_string().contains("credentials"), "{error}");
}

/// A web server that answers everything with these bytes.
async fn web(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = [0; 1024];
            let _ = socket.read(&mut head).await;
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    port
}

// T16, WS-09: redirects are not followed, and said so.
#[tokio::test]
async fn t16_redirects_are_refused() {
    let port = web("HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\n\r\n").await;
    let error = connect(port, HeaderMap::new()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("302") && text.contains("elsewhere.example"), "{text}");
}

#[tokio::test]
async fn each_stage_of_connecting_fails_in_its_own_words() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let stage = async |base: &str, timeout: u64| {
        let builder = Client::builder().connect_timeout(Duration::from_millis(timeout));
        let error = builder.connect(base).await.unwrap_err();
        match error.kind() {
            ErrorKind::Connect(connect) => format!("{connect:?}"),
            other => format!("{other:?}"),
        }
    };
    let kind = stage(&format!("coap+ws://127.0.0.1:{unused}"), 5000).await;
    assert!(kind.starts_with("Tcp"), "{kind}");
    let kind = stage("coap+ws://no-such-host.invalid", 5000).await;
    assert!(kind.starts_with("Resolve"), "{kind}");
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let kind = stage(&format!("coap+ws://127.0.0.1:{port}"), 100).await;
    assert!(kind.starts_with("Timeout"), "{kind}");
    let port = web("HTTP/1.1 404 Not Found\r\n\r\n").await;
    let kind = stage(&format!("coap+ws://127.0.0.1:{port}"), 5000).await;
    assert!(kind.starts_with("Opening"), "{kind}");
    let kind = stage("http://h", 5000).await;
    assert!(kind.starts_with("Uri"), "{kind}");
}

// T13, URI-08, URI-26: also in a request there is no other name than ours.
#[tokio::test]
async fn t13_a_uri_host_that_is_not_ours_is_not_found() {
    use coap_ws_tokio::core::message::{Code, OptionNumber};
    let asks = async |client: &Client, host: &'static [u8]| {
        let answer = client.get("/hello").option(OptionNumber::URI_HOST, host).send().await;
        answer.unwrap()
    };
    let port = start(|server| server).await;
    let client = connect(port, HeaderMap::new()).await.unwrap();
    for own in [&b"127.0.0.1"[..], b"localhost"] {
        assert_eq!(asks(&client, own).await.text().unwrap(), "hi");
    }
    for foreign in [&b"attacker.example"[..], b"192.0.2.1", b"a b"] {
        let answer = asks(&client, foreign).await;
        assert_eq!(answer.code(), Code::NOT_FOUND);
        assert!(answer.text().unwrap().contains("Uri-Host"));
    }
    assert_eq!(text(&client, "/hello").await, "hi");

    let port = start(|server| {
        let mut policy = coap_ws_tokio::policy::Policy::default();
        for name in ["coap+ws://127.0.0.1", "coap+ws://b.example"] {
            policy.public_uris.push(name.parse().unwrap());
        }
        server.policy(policy)
    })
    .await;
    let client = connect(port, HeaderMap::new()).await.unwrap();
    assert_eq!(asks(&client, b"B.example").await.text().unwrap(), "hi");
    assert_eq!(asks(&client, b"localhost").await.code(), Code::NOT_FOUND);
}
