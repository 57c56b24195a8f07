//! A hand-written loop around `poll(2)`: connections and the program's own clockwork in one
//! thread. A sensor is read every 200 ms; `/next` is answered when the next value is there.
//!
//!     cargo run -p coap-ws-driver --example poll_loop -- 127.0.0.1:8683
//!
//! Then `coap-ws get coap+ws://127.0.0.1:8683/value`, or `/next`.

use coap_ws_core::message::{Code, OptionNumber, Response};
use coap_ws_core::{Instant, Responder, Side};
use coap_ws_driver::engine::{Engine, EngineConfig, Event};
use coap_ws_driver::policy::{Bind, Policy};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

/// How often the sensor is read.
const PERIOD: Duration = Duration::from_millis(200);
/// This many at a time; others wait in the system's queue.
const MAX_CONNECTIONS: usize = 64;

/// One connection.
struct Peer {
    stream: TcpStream,
    engine: Engine,
    /// Who wants the next value.
    waiting: Vec<Responder>,
    shut_down: bool,
}

impl Peer {
    fn new(stream: TcpStream, now: Instant, policy: Policy) -> io::Result<Peer> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let engine = Engine::acceptor(now, EngineConfig::new(Side::Acceptor), policy);
        let engine = engine.map_err(io::Error::other)?;
        Ok(Peer { stream, engine, waiting: Vec::new(), shut_down: false })
    }

    /// What to wake up for.
    fn flags(&mut self) -> PollFlags {
        let interest = self.engine.interest();
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, interest.read);
        flags.set(PollFlags::OUT, interest.write);
        flags
    }

    /// One read, which is enough: what is left wakes the loop again.
    fn read(&mut self, now: Instant) {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.engine.handle_eof(now),
            Ok(n) => self.engine.handle_bytes(now, &buffer[..n]),
            Err(error) if is_nothing(&error) => {}
            Err(_) => self.engine.handle_error(now),
        }
    }

    /// The application, and whatever it has to say.
    fn turn(&mut self, now: Instant, value: u32) {
        self.engine.handle_timeout(now);
        while let Some(event) = self.engine.poll_event() {
            if let Event::Request { responder, message } = event {
                let view = message.view();
                let mut path = view.options_of(OptionNumber::URI_PATH);
                match (view.code(), path.next(), path.next()) {
                    (Code::GET, Some(b"value"), None) => self.tell(now, responder, value),
                    // Answered later: a responder is a value that is kept.
                    (Code::GET, Some(b"next"), None) => self.waiting.push(responder),
                    _ => {
                        let error = Response::error(Code::NOT_FOUND, "there are /value and /next");
                        _ = self.engine.respond(now, responder, &error);
                    }
                }
            }
        }
        while !self.engine.output().is_empty() {
            match self.stream.write(self.engine.output()) {
                Ok(n) => self.engine.handle_written(now, n),
                Err(error) if is_nothing(&error) => break,
                Err(_) => return self.engine.handle_error(now),
            }
        }
        if self.engine.interest().shutdown && !self.shut_down {
            self.shut_down = true;
            _ = self.stream.shutdown(Shutdown::Write);
        }
    }

    fn tell(&mut self, now: Instant, responder: Responder, value: u32) {
        let text = value.to_string();
        // Who has gone, or has waited too long and was told so, gets nothing.
        _ = self.engine.respond(now, responder, &Response::content(text.as_bytes()));
    }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Sleeps until one of them is ready, or time is over; whether the listener is, and who else.
fn wait(
    listener: &TcpListener,
    peers: &mut [Peer],
    limit: Duration,
) -> io::Result<(bool, Vec<bool>)> {
    let flags: Vec<PollFlags> = peers.iter_mut().map(Peer::flags).collect();
    let accepts = peers.len() < MAX_CONNECTIONS;
    let door = if accepts { PollFlags::IN } else { PollFlags::empty() };
    let mut fds = vec![PollFd::new(listener, door)];
    fds.extend(peers.iter().zip(flags).map(|(peer, flags)| PollFd::new(&peer.stream, flags)));
    let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
    match poll(&mut fds, Some(&limit)) {
        Err(rustix::io::Errno::INTR) => {}
        outcome => _ = outcome?,
    }
    // An error or a hang-up counts too: reading tells what it is.
    let ready = |fd: &PollFd<'_>| !fd.revents().difference(PollFlags::OUT).is_empty();
    Ok((accepts && ready(&fds[0]), fds[1..].iter().map(ready).collect()))
}

/// Serves for ever.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut policy = Policy::default();
    policy.bind = Bind::from(listener.local_addr()?.ip());
    let start = std::time::Instant::now();
    let now = || Instant::ZERO.saturating_add(start.elapsed());
    let (mut peers, mut value, mut sample) = (Vec::<Peer>::new(), 0, now());
    loop {
        let due = peers.iter().filter_map(|peer| peer.engine.poll_timeout());
        let due = due.min().map_or(sample, |due| due.min(sample));
        let (arrival, ready) = wait(listener, &mut peers, due.saturating_since(now()))?;
        for (peer, ready) in peers.iter_mut().zip(ready) {
            if ready {
                peer.read(now());
            }
        }
        if arrival {
            match listener.accept() {
                Ok((stream, _)) => peers.push(Peer::new(stream, now(), policy.clone())?),
                Err(error) if is_nothing(&error) => {}
                // Too many descriptors, or gone already: it is tried again in a while.
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        if now() >= sample {
            // The sensor.
            value += 1;
            sample = now().saturating_add(PERIOD);
            for peer in &mut peers {
                for responder in std::mem::take(&mut peer.waiting) {
                    peer.tell(now(), responder, value);
                }
            }
        }
        peers.iter_mut().for_each(|peer| peer.turn(now(), value));
        peers.retain_mut(|peer| !peer.engine.interest().done);
    }
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8683".into());
    let listener = TcpListener::bind(&address)?;
    println!("listening on coap+ws://{}", listener.local_addr()?);
    serve(&listener)
}
