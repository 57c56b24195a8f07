//! A client on a plain thread: `std::net`, blocking calls, no async and no event loop.
//!
//!     cargo run -p coap-ws-driver --example blocking_client -- 127.0.0.1:8683 hello
//!
//! Asks any server, such as `coap-ws serve --demo`, for one path and prints the answer.

use coap_ws_core::message::{OwnedMessage, Request};
use coap_ws_core::{Instant, RequestOptions, Side};
use coap_ws_driver::engine::{Engine, EngineConfig, Event};
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A connection that is used by one thread: each call blocks until it is done.
pub struct Client {
    stream: TcpStream,
    engine: Engine,
    start: std::time::Instant,
    shut_down: bool,
}

impl Client {
    /// Connects to `host:port` and opens the connection.
    pub fn connect(address: &str) -> Outcome<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let start = std::time::Instant::now();
        let mut config = EngineConfig::new(Side::Initiator);
        // Keepalives need somebody who is there to send them: here nobody is between two calls.
        config.connection.keepalive_interval = None;
        let engine = Engine::initiator(Instant::ZERO, config, address, &Default::default())?;
        let mut client = Client { stream, engine, start, shut_down: false };
        loop {
            match client.event()? {
                Event::Opened(_) => return Ok(client),
                Event::OpeningFailed(error) => return Err(error.into()),
                _ => {}
            }
        }
    }

    /// One request and its response, 4.xx and 5.xx too.
    pub fn request(&mut self, request: &Request<'_>) -> Outcome<OwnedMessage> {
        let asked = self.engine.request(self.now(), request, RequestOptions::default())?;
        loop {
            match self.event()? {
                Event::Response { exchange, message, .. } if exchange == asked => {
                    return Ok(message);
                }
                Event::Unusable { exchange, error } if exchange == asked => {
                    return Err(error.into());
                }
                Event::Core(coap_ws_core::Event::Failed { exchange, error, .. })
                    if exchange == asked =>
                {
                    return Err(error.into());
                }
                _ => {}
            }
        }
    }

    /// Ends the connection in good order.
    pub fn release(mut self) -> Outcome<()> {
        self.engine.release(self.now(), Default::default())?;
        while self.event()?.closed().is_none() {}
        // The Close of WebSocket is to leave, and the peer's to be read.
        while !self.engine.interest().done {
            self.move_bytes()?;
        }
        Ok(())
    }

    fn now(&self) -> Instant {
        Instant::ZERO.saturating_add(self.start.elapsed())
    }

    /// Waits until something has happened.
    fn event(&mut self) -> Outcome<Event> {
        loop {
            if let Some(event) = self.engine.poll_event() {
                return Ok(event);
            }
            if self.engine.interest().done {
                return Err("the connection is over".into());
            }
            self.move_bytes()?;
        }
    }

    /// Writes all that there is; then sleeps in the read, until bytes come or a deadline is over.
    fn move_bytes(&mut self) -> io::Result<()> {
        while !self.engine.output().is_empty() {
            let written = self.stream.write(self.engine.output());
            match written {
                Ok(n) => self.engine.handle_written(self.now(), n),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.engine.handle_error(self.now());
                    break;
                }
            }
        }
        let interest = self.engine.interest();
        if interest.shutdown && !self.shut_down {
            self.shut_down = true;
            // Where it fails the peer is gone, which reading tells.
            _ = self.stream.shutdown(Shutdown::Write);
        }
        if interest.read {
            let until = self.engine.poll_timeout().map(|at| at.saturating_since(self.now()));
            // Zero would be for ever.
            let until = until.map(|wait| wait.max(Duration::from_millis(1)));
            self.stream.set_read_timeout(until)?;
            let mut buffer = [0; 16 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) => self.engine.handle_eof(self.now()),
                Ok(n) => self.engine.handle_bytes(self.now(), &buffer[..n]),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                    _ => self.engine.handle_error(self.now()),
                },
            }
        }
        self.engine.handle_timeout(self.now());
        Ok(())
    }
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:8683".into());
    let path = arguments.next().unwrap_or("hello".into());
    let mut client = Client::connect(&address)?;
    let request = path.split('/').fold(Request::get(), Request::segment);
    let response = client.request(&request)?;
    let code = response.view().code();
    eprintln!("{code}, {} bytes", response.payload().len());
    io::stdout().write_all(&response.payload())?;
    client.release()?;
    if code.is_success() { Ok(()) } else { Err(code.to_string().into()) }
}
