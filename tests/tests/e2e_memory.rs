//! What connections cost the server's heap (T98, T99). The server has a thread of its own, and
//! what that allocates is counted.
//!
//!     ulimit -n 30000; SOAK=10000 cargo test --release -p coap-ws-tests --test e2e_memory

mod e2e_support;

use coap_ws_tokio::tls::{ClientTls, ServerTls};
use coap_ws_tokio::{Client, Router, Server, ServerLimits};
use e2e_support::{CSM_FRAME, GET_HELLO};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// A server whose thread counts what it holds.
struct Counted {
    port: u16,
    ask: Sender<Duration>,
    held: Receiver<i64>,
    thread: Option<JoinHandle<()>>,
}

impl Counted {
    fn start(tls: Option<ServerTls>) -> Counted {
        let (port_tx, port) = channel();
        let (ask, asked) = channel::<Duration>();
        let (held_tx, held) = channel();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut limits = ServerLimits::default();
                limits.max_connections = 100_000;
                let server = match tls {
                    Some(tls) => Server::bind_tls("127.0.0.1:0", tls).await,
                    None => Server::bind("127.0.0.1:0").await,
                };
                let server = server.unwrap().limits(limits);
                port_tx.send(server.local_addrs().next().unwrap().port()).unwrap();
                tokio::spawn(
                    server.serve(Router::new().get("/hello", async || "hi")).into_future(),
                );
            });
            let mut total = 0;
            // Each question lets the server run for a while, and then says what it holds.
            while let Ok(time) = asked.recv() {
                let run = || runtime.block_on(async { tokio::time::sleep(time).await });
                total += allocation_counter::measure(run).bytes_current;
                held_tx.send(total).unwrap();
            }
        });
        Counted { port: port.recv().unwrap(), ask, held, thread: Some(thread) }
    }

    /// Lets it run, and says what it then holds.
    fn run(&self, time: Duration) -> i64 {
        self.ask.send(time).unwrap();
        self.held.recv().unwrap()
    }

    /// While `act` is at work it runs.
    fn while_it_runs<T>(&self, act: impl FnOnce() -> T + Send) -> T
    where
        T: Send,
    {
        std::thread::scope(|scope| {
            let acting = scope.spawn(act);
            while !acting.is_finished() {
                self.run(Duration::from_millis(20));
            }
            acting.join().unwrap()
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let (gone, _) = channel();
        self.ask = gone;
        self.thread.take().map(JoinHandle::join);
    }
}

/// A client that has asked once.
fn client(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(e2e_support::head(port, "/.well-known/coap").as_bytes()).unwrap();
    stream.write_all(CSM_FRAME).unwrap();
    stream.write_all(GET_HELLO).unwrap();
    let mut seen = Vec::new();
    let mut buffer = [0; 1024];
    while !seen.ends_with(b"\xffhi") {
        let n = stream.read(&mut buffer).unwrap();
        assert!(n > 0, "the server closed");
        seen.extend_from_slice(&buffer[..n]);
    }
    stream
}

// T98
#[test]
fn t98_an_idle_connection_holds_less_than_four_kib() {
    idle_connections(300);
}

/// A TLS client that has asked once.
fn secure_client(runtime: &tokio::runtime::Runtime, port: u16, tls: &ClientTls) -> Client {
    runtime.block_on(async {
        let client = Client::builder().tls(tls.clone());
        let client = client.connect(&format!("coaps+ws://localhost:{port}")).await.unwrap();
        let answer = client.get("/hello").send().await.unwrap();
        assert_eq!(answer.text().unwrap(), "hi");
        client
    })
}

// T98
#[test]
fn t98_an_idle_tls_connection_holds_less_than_24_kib() {
    const COUNT: i64 = 60;
    let names = vec!["localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = ServerTls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let trusts = ClientTls::with_roots_pem(certificate.as_bytes()).unwrap();
    let server = Counted::start(Some(tls));
    let port = server.port;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let connect = |count: i64| {
        let one = |_| secure_client(&runtime, port, &trusts);
        server.while_it_runs(|| (0..count).map(one).collect::<Vec<_>>())
    };
    // What grows once is not counted: the sessions that may be resumed, for one.
    let warm = connect(300);
    let before = server.run(Duration::from_millis(2500));
    let clients = connect(COUNT);
    let after = server.run(Duration::from_millis(2500));
    let each = (after - before) / COUNT;
    println!("{each} bytes of heap for each idle TLS connection");
    assert!(each > 4096, "{each} bytes each: is that TLS?");
    assert!(each < 24 * 1024, "{each} bytes each");
    drop((warm, clients));
}

/// Nothing where it is not asked for: it takes 20,000 descriptors.
// T98
#[test]
fn t98_soak() {
    if let Some(count) = std::env::var_os("SOAK") {
        idle_connections(count.to_str().and_then(|text| text.parse().ok()).expect("a number"));
    }
}

fn idle_connections(count: i64) {
    let server = Counted::start(None);
    let port = server.port;
    // What grows once is not counted.
    let warm = server.while_it_runs(|| (0..64).map(|_| client(port)).collect::<Vec<_>>());
    let before = server.run(Duration::from_millis(2500));
    let clients = server.while_it_runs(|| (0..count).map(|_| client(port)).collect::<Vec<_>>());
    let after = server.run(Duration::from_millis(2500));
    let each = (after - before) / count;
    println!("{each} bytes of heap for each idle connection");
    assert!(each < 4 * 1024, "{each} bytes each");
    drop((warm, clients));
}

// T99
#[test]
fn t99_a_thousand_connections_that_came_and_went_leave_nothing() {
    let server = Counted::start(None);
    let port = server.port;
    let churn = |count: usize| server.while_it_runs(|| (0..count).for_each(|_| drop(client(port))));
    churn(200);
    let before = server.run(Duration::from_millis(500));
    churn(1000);
    let after = server.run(Duration::from_millis(500));
    println!("{} bytes left of 1,000 connections", after - before);
    assert!(after - before < 16 * 1024, "{before} then {after} bytes");
}
