//! Programs that must read as they do (architecture.md §5): an application and a microcontroller.
//! Each talks to the other's kind over a real socket. Event loops are in `event_loops.rs`.

use coap_ws_core::message::{self, Code};
use coap_ws_core::{Config, Connection, Fixed, Incoming, Instant, Side, Transmit};
use coap_ws_driver::handshake::sec_websocket_accept;
use coap_ws_tokio::{Client, Observable, Request, Response, Router, Server};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

type Outcome = Result<(), Box<dyn std::error::Error>>;

// ----------------------------------------------------------------------------------------------
// An application (tokio).

#[tokio::test]
async fn an_application() -> Outcome {
    // The server: handlers, one of which asks its own peer, and an end in good order.
    let minute = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&minute);
    let clock = Observable::new(move || {
        let minute = now.load(Ordering::Relaxed);
        async move { if minute < 3 { Ok(format!("12:0{minute}")) } else { Err(Code::NOT_FOUND) } }
    });
    let ticking = clock.clone();
    let app = Router::new()
        .get("/hello", async || "hi")
        .observable("/time", clock)
        .put("/store/x", async |r: Request| format!("{} bytes", r.body().len()))
        .post("/reverse", async |r: Request| r.remote().get("/hello").send().await);
    let server = Server::bind("localhost:0").await?;
    let base = format!("coap+ws://localhost:{}", server.local_addrs().next().unwrap().port());
    let (ctrl_c, interrupted) = tokio::sync::oneshot::channel::<()>();
    let interrupted = async { _ = interrupted.await };
    let serving = tokio::spawn(server.serve(app).with_graceful_shutdown(interrupted));

    // The client, which is a server too.
    let own = Router::new().get("/hello", async || "hello from the client");
    let client = Client::builder().serve(own).connect(&base).await?;
    assert_eq!(client.get("/time").timeout(SECOND).send().await?.success()?.text()?, "12:00");
    let big = vec![7; 65_000];
    let stored = client.put("/store/x").body(big).send().await?;
    assert_eq!(stored.text()?, "65000 bytes");
    let mut seen = client.observe("/time").await?;
    let ticks = tokio::spawn(async move {
        // Until the end of time, which ends the observation.
        while minute.fetch_add(1, Ordering::Relaxed) < 3 {
            ticking.notify();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    while let Some(n) = seen.next().await {
        println!("{}", n?.text()?);
    }
    assert!(!seen.is_observing());
    ticks.await?;
    let reversed = client.post("/reverse").send().await?.success()?;
    assert_eq!(reversed.text()?, "hello from the client");

    ctrl_c.send(()).unwrap();
    serving.await??;
    Ok(())
}

// ----------------------------------------------------------------------------------------------
// A microcontroller: no heap, a framer of its own.

/// Our requests, theirs, observers, bytes out.
type Node = Connection<Fixed<4, 4, 2, 1024>>;

/// The largest message that the device takes.
const MESSAGE: usize = 512;

/// Frames in one buffer: unfragmented ones, as a CoAP message needs no more than one.
struct Framer {
    buffer: [u8; MESSAGE + 14],
    len: usize,
}

impl Framer {
    /// The first frame, unmasked, with its opcode and where it ends; `None` until it is whole.
    fn frame(&mut self) -> Option<(u8, std::ops::Range<usize>)> {
        let [first, second, a, b, ..] = self.buffer;
        let (len, mask) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes([a, b])), 4),
            127 => (usize::MAX, 10),
            len => (usize::from(len), 2),
        };
        let start = mask + 4;
        if len > MESSAGE {
            return (self.len >= 4).then_some((TOO_LARGE, 0..self.len));
        }
        let end = start + len;
        if self.len < end {
            return None;
        }
        for index in start..end {
            self.buffer[index] ^= self.buffer[mask + (index - start) % 4];
        }
        Some((first & 0x0f, start..end))
    }

    fn take(&mut self, end: usize) {
        self.buffer.copy_within(end..self.len, 0);
        self.len -= end;
    }
}

const TOO_LARGE: u8 = 0x10;

/// A server's frame: header and payload, unmasked.
fn write_frame(out: &mut impl Write, opcode: u8, payload: &[u8]) -> io::Result<()> {
    let len = u16::try_from(payload.len()).expect("the queue has 1024 bytes");
    let [high, low] = len.to_be_bytes();
    match len {
        0..=125 => out.write_all(&[0x80 | opcode, low])?,
        _ => out.write_all(&[0x80 | opcode, 126, high, low])?,
    }
    out.write_all(payload)
}

/// Serves `/temperature` until the peer has gone, without a heap.
fn device(stream: &mut (impl Read + Write), now: impl Fn() -> Instant) -> io::Result<()> {
    let config = Config::fixed(Side::Acceptor, MESSAGE as u32);
    let mut node = Node::new(config).expect("it fits the storage");
    let mut framer = Framer { buffer: [0; MESSAGE + 14], len: 0 };
    let mut degrees = *b"20.0";
    loop {
        while let Some(transmit) = node.poll_transmit() {
            match transmit {
                Transmit::Message(message) => write_frame(stream, 2, message)?,
                Transmit::Close { code, .. } => {
                    write_frame(stream, 8, &code.to_be_bytes())?;
                    return Ok(());
                }
                _ => {}
            }
        }
        while node.poll_event().is_some() {}
        let Some((opcode, range)) = framer.frame().filter(|_| node.wants_input()) else {
            let n = stream.read(&mut framer.buffer[framer.len..])?;
            framer.len += n;
            if n == 0 {
                return Ok(());
            }
            continue;
        };
        let end = range.end;
        let bytes = &framer.buffer[range];
        match opcode {
            2 => {
                let incoming = node.handle_message(now(), bytes).expect("it wants input");
                if let Some(Incoming::Request { responder, message, .. }) = incoming {
                    let response = match (message.code(), message.payload()) {
                        (Code::GET, _) => message::Response::content(&degrees),
                        (Code::PUT, new) if new.len() == 4 => {
                            degrees.copy_from_slice(new);
                            message::Response::new(Code::CHANGED)
                        }
                        _ => message::Response::error(Code::BAD_REQUEST, "like 20.0"),
                    };
                    node.respond(now(), responder, &response).expect("there is room");
                }
            }
            8 => {
                write_frame(stream, 8, &[])?;
                return Ok(());
            }
            9 => write_frame(stream, 10, bytes)?,
            TOO_LARGE => node.handle_oversized(now()),
            _ => {}
        }
        framer.take(end);
    }
}

/// The opening handshake, which on a device is as little as this.
fn shake_hands(stream: &mut (impl Read + Write)) -> io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let accept = sec_websocket_accept(key.unwrap_or_default().as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: coap\r\n\r\n"
    );
    stream.write_all(answer.as_bytes())
}

#[tokio::test]
async fn a_microcontroller() -> Outcome {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let base = format!("coap+ws://127.0.0.1:{}", listener.local_addr()?.port());
    let thread = std::thread::spawn(move || -> io::Result<u64> {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        shake_hands(&mut stream)?;
        let start = std::time::Instant::now();
        let now = || Instant::ZERO.saturating_add(start.elapsed());
        let mut outcome = Ok(());
        let usage = allocation_counter::measure(|| outcome = device(&mut stream, now));
        outcome.map(|()| usage.count_total)
    });
    let client = Client::connect(&base).await?;
    for _ in 0..100 {
        assert_eq!(client.get("/temperature").send().await?.success()?.text()?, "20.0");
    }
    let asks = (0..4).map(|_| client.get("/temperature").send());
    for answer in futures_util::future::join_all(asks).await {
        assert_eq!(answer?.text()?, "20.0");
    }
    assert_eq!(client.put("/temperature").body("21.5").send().await?.code(), Code::CHANGED);
    assert_eq!(client.get("/temperature").send().await?.text()?, "21.5");
    // The device has said how much it takes: more goes in blocks, which it does not know.
    let large = client.put("/temperature").body(vec![0; 600]).send().await?;
    assert_eq!(large.code(), Code::BAD_OPTION);
    client.release().await;
    let allocations = thread.join().expect("it does not panic")?;
    assert_eq!(allocations, 0, "a device without a heap");
    let _ = Response::new(Code::CONTENT);
    Ok(())
}
