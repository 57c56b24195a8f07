//! The examples without async, run as they are: an edge-triggered loop, a blocking client, a loop
//! around `poll(2)`. Their sources are in `coap-ws-driver/examples`.

#[allow(dead_code, unreachable_pub, reason = "it is a program, of which `main` is not called")]
#[path = "../../coap-ws-driver/examples/blocking_client.rs"]
mod blocking_client;
#[allow(dead_code, unreachable_pub, reason = "it is a program, of which `main` is not called")]
#[path = "../../coap-ws-driver/examples/mio_server.rs"]
mod mio_server;
#[allow(dead_code, unreachable_pub, reason = "it is a program, of which `main` is not called")]
#[path = "../../coap-ws-driver/examples/poll_loop.rs"]
mod poll_loop;

use coap_ws_core::message::{self, Code};
use coap_ws_tokio::{Client, Response, Router, Server};
use futures_util::future::{join_all, try_join_all};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Listens on a free port; the server runs on a thread until the test ends.
fn start(serve: impl FnOnce(TcpListener) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it listens").to_string();
    thread::spawn(move || serve(listener));
    address
}

fn mio() -> String {
    start(|listener| mio_server::serve(listener).expect("it runs on"))
}

async fn connections(client: &Client) -> usize {
    let text = client.get("/connections").send().await.unwrap().text().unwrap();
    text.parse().expect("a number")
}

#[tokio::test]
async fn mio_serves_many_connections_in_one_thread() -> Outcome {
    let base = format!("coap+ws://{}", mio());
    let clients = try_join_all((0..200).map(|_| Client::connect(&base))).await?;
    let asks = clients.iter().flat_map(|one| (0..20).map(|_| one.get("/hello").send()));
    for answer in join_all(asks).await {
        assert_eq!(answer?.success()?.text()?, "hi from mio");
    }
    let first = &clients[0];
    assert_eq!(connections(first).await, 200);
    assert_eq!(first.get("/nowhere").send().await?.code(), Code::NOT_FOUND);
    // Several large answers at once, more than a socket takes: the rest leaves by later edges.
    let body: Vec<u8> = (0..65_536_u32).map(|n| n as u8).collect();
    assert_eq!(first.put("/note").body(body.clone()).send().await?.code(), Code::CHANGED);
    // Long before the client's keepalive would wake up a loop that has missed one.
    let patience = Duration::from_secs(15);
    for answer in join_all((0..64).map(|_| first.get("/note").timeout(patience).send())).await {
        assert!(answer?.body() == &body);
    }
    // Whoever has left is forgotten.
    join_all(clients[1..].iter().map(Client::release)).await;
    let gone = async {
        while connections(first).await != 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await?;
    Ok(())
}

#[tokio::test]
async fn mio_lets_nobody_hold_up_the_others() -> Outcome {
    let address = mio();
    let base = format!("coap+ws://{address}");
    let client = Client::connect(&base).await?;
    client.put("/note").body(vec![7; 65_536]).send().await?;
    // One asks for 64 KiB again and again and reads nothing; one never ends its handshake.
    let mut greedy = TcpStream::connect(&address)?;
    greedy.set_write_timeout(Some(Duration::from_millis(500)))?;
    let head = format!(
        "GET /.well-known/coap HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: coap\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    greedy.write_all(head.as_bytes())?;
    // A CSM with a Max-Message-Size of 66,048.
    greedy.write_all(b"\x82\x86\0\0\0\0\x00\xe1\x23\x01\x02\x00")?;
    let note = b"\x82\x88\0\0\0\0\x01\x01\x07\xb4note".repeat(1000);
    let mut greed = Ok(());
    while greed.is_ok() {
        greed = greedy.write_all(&note);
    }
    let mut slow = TcpStream::connect(&address)?;
    slow.write_all(b"GET /.well-known/coap HTTP/1.1\r\n")?;
    for _ in 0..100 {
        assert_eq!(client.get("/hello").send().await?.text()?, "hi from mio");
    }
    assert_eq!(connections(&client).await, 3);
    Ok(())
}

fn get(client: &mut blocking_client::Client, path: &str) -> (Code, Vec<u8>) {
    let request = path.split('/').fold(message::Request::get(), message::Request::segment);
    let response = client.request(&request).expect("it is answered");
    (response.view().code(), response.payload().to_vec())
}

#[test]
fn the_blocking_client_asks_and_releases() {
    let mut client = blocking_client::Client::connect(&mio()).unwrap();
    for _ in 0..100 {
        assert_eq!(get(&mut client, "hello"), (Code::CONTENT, b"hi from mio".to_vec()));
    }
    assert_eq!(get(&mut client, "nowhere").0, Code::NOT_FOUND);
    client.release().unwrap();
}

#[test]
fn the_blocking_client_says_what_is_wrong() {
    // Somebody else's answer.
    let other = start(|listener| {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
        thread::sleep(Duration::from_secs(1));
    });
    let error = blocking_client::Client::connect(&other).err().expect("no connection");
    assert!(error.to_string().contains("404"), "{error}");
    // A server that goes away, with a request in its hands.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let base = runtime.block_on(async {
        let app = Router::new().get("/never", std::future::pending::<Response>);
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addrs().next().unwrap().to_string();
        tokio::spawn(server.serve(app).into_future());
        address
    });
    let mut client = blocking_client::Client::connect(&base).unwrap();
    let asks = thread::spawn(move || {
        let request = message::Request::get().segment("never");
        client.request(&request).map(|_| ()).map_err(|error| error.to_string())
    });
    thread::sleep(Duration::from_millis(200));
    runtime.shutdown_background();
    let error = asks.join().expect("it does not panic").unwrap_err();
    assert!(error.contains("ended") || error.contains("over"), "{error}");
}

#[tokio::test]
async fn the_poll_loop_answers_now_and_later() -> Outcome {
    let address = start(|listener| poll_loop::serve(&listener).expect("it runs on"));
    let base = format!("coap+ws://{address}");
    let clients = try_join_all((0..10).map(|_| Client::connect(&base))).await?;
    let number = async |client: &Client, path| {
        client.get(path).send().await.unwrap().text().unwrap().parse::<u32>().unwrap()
    };
    let before = number(&clients[0], "/value").await;
    let next = join_all(clients.iter().map(|client| number(client, "/next"))).await;
    assert!(next.iter().all(|value| *value > before), "{next:?} after {before}");
    assert!(number(&clients[0], "/next").await > next[0]);
    assert_eq!(clients[0].get("/nowhere").send().await?.code(), Code::NOT_FOUND);
    join_all(clients.iter().map(Client::release)).await;
    // A client that breaks off leaves the loop as it was.
    drop(TcpStream::connect(&address)?);
    let again = Client::connect(&base).await?;
    assert!(number(&again, "/value").await > before);
    Ok(())
}
