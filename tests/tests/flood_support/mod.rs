//! A server whose heap is counted, a peer that asks on and on and wants every answer at once,
//! and attackers that write until they are cut.

use super::e2e_support::{self, CSM_FRAME};
use coap_ws_core::Side;
use coap_ws_tokio::engine::EngineConfig;
use coap_ws_tokio::{Client, Request, Response, Router, Server};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a flood may cost the server, in bytes of heap.
pub(crate) const MOST: i64 = 512 * 1024;
/// The server's own deadlines in these tests; what is cut must be cut soon after.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
const SLICE: Duration = Duration::from_millis(5);

/// A server on a thread of its own, which counts what it holds.
pub(crate) struct Counted {
    pub(crate) port: u16,
    held: Arc<AtomicI64>,
    peak: Arc<AtomicI64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Counted {
    pub(crate) fn start() -> Counted {
        let (port_tx, port) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let (held, peak) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
        let (stopped, now, most) = (Arc::clone(&stop), Arc::clone(&held), Arc::clone(&peak));
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            port_tx.send(runtime.block_on(serve())).unwrap();
            let mut total = 0;
            while !stopped.load(Ordering::Relaxed) {
                let run = || runtime.block_on(async { tokio::time::sleep(SLICE).await });
                let usage = allocation_counter::measure(run);
                most.fetch_max(total + usage.bytes_max as i64, Ordering::Relaxed);
                total += usage.bytes_current;
                now.store(total, Ordering::Relaxed);
            }
        });
        Counted { port: port.recv().unwrap(), held, peak, stop, thread: Some(thread) }
    }

    /// From here on the peak counts.
    fn mark(&self) -> i64 {
        let held = self.held.load(Ordering::Relaxed);
        self.peak.store(held, Ordering::Relaxed);
        held
    }

    fn peak(&self) -> i64 {
        // What happened last is counted when its slice is over.
        std::thread::sleep(10 * SLICE);
        self.peak.load(Ordering::Relaxed)
    }

    /// The most that the server held while `act` was at work, more than before.
    pub(crate) fn costs(&self, act: impl FnOnce()) -> i64 {
        let before = self.mark();
        act();
        self.peak() - before
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

async fn serve() -> u16 {
    let mut config = EngineConfig::new(Side::Acceptor);
    config.handshake_timeout = PATIENCE;
    config.message_timeout = PATIENCE;
    config.write_stall_timeout = PATIENCE;
    config.connection.csm_timeout = PATIENCE;
    config.connection.answer_timeout = PATIENCE;
    let app = Router::new()
        .get("/hello", async || "hi")
        .get("/kilo", async || vec![7; 1024])
        .get("/never", std::future::pending::<Response>)
        .get("/panic", async |_: Request| -> Response { panic!("as it was told to") });
    let server = Server::bind("127.0.0.1:0").await.unwrap().config(config);
    let port = server.local_addrs().next().unwrap().port();
    tokio::spawn(server.serve(app).into_future());
    port
}

/// Somebody who asks every 50 ms for as long as `attack` goes on, and once more. Gives what the
/// attack gave, and how long the answers took.
pub(crate) fn beside_a_canary<T: Send>(port: u16, attack: impl FnOnce() -> T + Send) -> T {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let canary = scope.spawn(|| sing(port, &over));
        let outcome = scope.spawn(attack).join();
        over.store(true, Ordering::Relaxed);
        let mut times = canary.join().expect("the canary lives");
        times.sort_unstable();
        let (median, slow) = (times[times.len() / 2], times[times.len() * 99 / 100]);
        println!("canary: {} answers, median {median:?}, p99 {slow:?}", times.len());
        assert!(median < Duration::from_millis(50), "the canary is slow: {median:?}");
        // Other tests run beside this one, on a machine that may have two cores.
        assert!(slow < Duration::from_secs(1), "the canary is slow: {slow:?}");
        outcome.expect("the attackers are treated as they should be")
    })
}

fn sing(port: u16, over: &AtomicBool) -> Vec<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::connect(&format!("coap+ws://127.0.0.1:{port}")).await.unwrap();
        let first = client.remote().await.unwrap();
        let mut times = Vec::new();
        while !over.load(Ordering::Relaxed) || times.len() < 20 {
            let start = Instant::now();
            let answer = client.get("/hello").send().await.expect("no error");
            times.push(start.elapsed());
            assert_eq!(answer.text().unwrap(), "hi");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(!first.is_closed(), "it is the same connection all along");
        times
    })
}

/// What became of somebody who wrote on and on.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) after: Duration,
    /// How much was taken of what it wrote.
    pub(crate) written: usize,
    /// What the server said before it cut, where that was read.
    pub(crate) said: Vec<u8>,
    /// The most heap that the server held meanwhile, more than before.
    pub(crate) cost: i64,
}

/// Opens a connection and writes `piece` over and over until it is cut; reads, or does not.
pub(crate) fn flood(server: &Counted, reads: bool, piece: &[u8]) -> Cut {
    let before = server.mark();
    let mut stream = open(server.port);
    let (start, mut written, mut said) = (Instant::now(), 0, Vec::new());
    stream.set_nonblocking(true).unwrap();
    let mut rest = piece;
    loop {
        assert!(start.elapsed() < 10 * PATIENCE, "it is not cut: {written} bytes written");
        let mut idle = true;
        match stream.write(rest) {
            Ok(n) => {
                (written, idle) = (written + n, false);
                rest = if n == rest.len() { piece } else { &rest[n..] };
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
        if reads && !read(&mut stream, &mut said, &mut idle) {
            break;
        }
        if idle {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    // What it said last may still be there.
    let after = start.elapsed();
    while reads && read(&mut stream, &mut said, &mut false) {
        if start.elapsed() > after + PATIENCE {
            break;
        }
    }
    Cut { after, written, said, cost: server.peak() - before }
}

/// False at the end of the stream.
fn read(stream: &mut TcpStream, said: &mut Vec<u8>, idle: &mut bool) -> bool {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(0) => false,
        Ok(n) => {
            *idle = false;
            said.extend_from_slice(&buffer[..n]);
            true
        }
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}

/// A connection with both CSMs through, as far as ours goes.
pub(crate) fn open(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(e2e_support::head(port, "/.well-known/coap").as_bytes()).unwrap();
    stream.write_all(CSM_FRAME).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0; 1];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "no answer: {head:?}");
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    stream
}

/// The status of the Close frame that the server's bytes end with.
pub(crate) fn close_status(said: &[u8]) -> Option<u16> {
    let mut rest = said;
    let mut status = None;
    while let [first, second, tail @ ..] = rest {
        let (len, tail) = match second {
            126 => (usize::from(u16::from_be_bytes(tail.get(..2)?.try_into().ok()?)), &tail[2..]),
            len => (usize::from(*len), tail),
        };
        let payload = tail.get(..len)?;
        if first & 0x0f == 8 {
            status = Some(u16::from_be_bytes(payload.get(..2)?.try_into().ok()?));
        }
        rest = &tail[len..];
    }
    status
}
