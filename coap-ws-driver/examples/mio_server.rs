//! A server on an event loop of its own: mio, edge-triggered, one thread, many connections, no
//! async anywhere.
//!
//!     cargo run -p coap-ws-driver --example mio_server -- 127.0.0.1:8683
//!
//! Then `coap-ws get coap+ws://127.0.0.1:8683/hello`; `/connections` and `/note` are there too.

use coap_ws_core::message::{Code, Message, OptionNumber, Response};
use coap_ws_core::{Instant, Side};
use coap_ws_driver::engine::{self, Engine, EngineConfig, SharedConfig};
use coap_ws_driver::policy::{Bind, Policy};
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::collections::{BTreeSet, HashMap};
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

/// The listener's token; connections count from one.
const LISTENER: Token = Token(0);
/// Above it newcomers wait in the system's queue.
const MAX_CONNECTIONS: usize = 10_000;
/// Reads of one connection before it is the others' turn.
const READS_IN_A_ROW: usize = 16;
/// When to accept again after the system had no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// One connection.
struct Peer {
    stream: TcpStream,
    engine: Engine,
    /// Where it stands in the list of deadlines.
    due: Option<Instant>,
    shut_down: bool,
}

/// What the resources share.
#[derive(Default)]
struct App {
    connections: usize,
    note: Vec<u8>,
}

impl App {
    /// The application: a request in, a response out.
    fn answer<'a>(&'a mut self, request: Message<'_>, text: &'a mut String) -> Response<'a> {
        let mut path = request.options_of(OptionNumber::URI_PATH);
        match (request.code(), path.next(), path.next()) {
            (Code::GET, Some(b"hello"), None) => Response::content(b"hi from mio"),
            (Code::GET, Some(b"connections"), None) => {
                *text = self.connections.to_string();
                Response::content(text.as_bytes())
            }
            (Code::GET, Some(b"note"), None) => Response::content(&self.note),
            (Code::PUT, Some(b"note"), None) => {
                self.note = request.payload().to_vec();
                Response::changed()
            }
            _ => Response::error(Code::NOT_FOUND, "there are /hello, /connections and /note"),
        }
    }
}

/// What a call would have waited for is nothing.
fn unless_blocked<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(error),
    }
}

impl Peer {
    /// Loops until nothing moves, as an edge comes once; true where it has to go on later.
    fn turn(&mut self, now: Instant, app: &mut App, buffer: &mut [u8]) -> io::Result<bool> {
        self.engine.handle_timeout(now);
        let (mut reads, mut moved) = (0, true);
        while moved {
            moved = false;
            if self.engine.interest().read {
                if reads == READS_IN_A_ROW {
                    return Ok(true);
                }
                reads += 1;
                if let Some(n) = unless_blocked(self.stream.read(buffer))? {
                    moved = true;
                    match n {
                        0 => self.engine.handle_eof(now),
                        n => self.engine.handle_bytes(now, &buffer[..n]),
                    }
                }
            }
            while let Some(event) = self.engine.poll_event() {
                moved = true;
                self.on(now, event, app);
            }
            if !self.engine.output().is_empty()
                && let Some(n) = unless_blocked(self.stream.write(self.engine.output()))?
            {
                moved = true;
                self.engine.handle_written(now, n);
            }
        }
        if self.engine.interest().shutdown && !self.shut_down {
            self.shut_down = true;
            // Where it fails the peer is gone, which reading tells.
            _ = self.stream.shutdown(Shutdown::Write);
        }
        Ok(false)
    }

    fn on(&mut self, now: Instant, event: engine::Event, app: &mut App) {
        let engine::Event::Request { responder, message } = event else { return };
        let mut text = String::new();
        let response = app.answer(message.view(), &mut text);
        // Requests are only told while there is room for their answers; what may be too large for
        // the peer is said in little.
        if let Err(refused) = self.engine.respond(now, responder, &response) {
            let sorry = Response::error(Code::INTERNAL_SERVER_ERROR, "too large for you");
            _ = self.engine.respond(now, refused.responder, &sorry);
        }
    }
}

/// The loop.
struct Server {
    poll: Poll,
    listener: TcpListener,
    config: SharedConfig,
    policy: Policy,
    peers: HashMap<Token, Peer>,
    next: usize,
    /// The deadlines of all peers, the first one first.
    due: BTreeSet<(Instant, Token)>,
    /// Somebody may wait to be accepted; an edge does not come twice.
    arrivals: bool,
    app: App,
}

impl Server {
    fn new(mut listener: TcpListener) -> io::Result<Server> {
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let mut policy = Policy::default();
        policy.bind = Bind::from(listener.local_addr()?.ip());
        Ok(Server {
            poll,
            listener,
            // Shared by all connections.
            config: EngineConfig::new(Side::Acceptor).into(),
            policy,
            peers: HashMap::new(),
            next: 1,
            due: BTreeSet::new(),
            arrivals: true,
            app: App::default(),
        })
    }

    /// Takes whoever waits, and gives back who that is.
    fn accept(&mut self, now: Instant) -> io::Result<Vec<Token>> {
        let mut tokens = Vec::new();
        while self.arrivals && self.peers.len() < MAX_CONNECTIONS {
            match self.listener.accept() {
                Ok((mut stream, _)) => {
                    _ = stream.set_nodelay(true);
                    let token = Token(self.next);
                    self.next += 1;
                    let both = Interest::READABLE | Interest::WRITABLE;
                    self.poll.registry().register(&mut stream, token, both)?;
                    let engine = Engine::acceptor(now, self.config.clone(), self.policy.clone());
                    let engine = engine.map_err(io::Error::other)?;
                    let peer = Peer { stream, engine, due: None, shut_down: false };
                    self.peers.insert(token, peer);
                    tokens.push(token);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.arrivals = false,
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                // No descriptor left, most likely: again after a pause.
                Err(_) => break,
            }
        }
        Ok(tokens)
    }

    /// One connection's turn; true where it has to go on later.
    fn turn(&mut self, token: Token, now: Instant, buffer: &mut [u8]) -> bool {
        self.app.connections = self.peers.len();
        let Some(peer) = self.peers.get_mut(&token) else { return false };
        let more = peer.turn(now, &mut self.app, buffer).unwrap_or_else(|_| {
            peer.engine.handle_error(now);
            false
        });
        let over = peer.engine.interest().done;
        let due = peer.engine.poll_timeout().filter(|_| !over);
        let before = std::mem::replace(&mut peer.due, due);
        if before != due {
            before.map(|at| self.due.remove(&(at, token)));
            due.map(|at| self.due.insert((at, token)));
        }
        if over {
            self.peers.remove(&token);
        }
        more && !over
    }

    fn run(mut self) -> io::Result<()> {
        let start = std::time::Instant::now();
        let now = || Instant::ZERO.saturating_add(start.elapsed());
        let (mut events, mut buffer) = (Events::with_capacity(256), vec![0; 16 * 1024]);
        let mut again: Vec<Token> = Vec::new();
        loop {
            let mut wait = self.due.first().map(|(at, _)| at.saturating_since(now()));
            if self.arrivals {
                wait = Some(wait.map_or(ACCEPT_PAUSE, |wait| wait.min(ACCEPT_PAUSE)));
            }
            if !again.is_empty() {
                wait = Some(Duration::ZERO);
            }
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            let mut turns: BTreeSet<Token> = again.drain(..).collect();
            self.arrivals |= events.iter().any(|event| event.token() == LISTENER);
            turns.extend(events.iter().map(Event::token).filter(|one| *one != LISTENER));
            let time = now();
            turns.extend(self.due.iter().take_while(|(at, _)| *at <= time).map(|(_, one)| *one));
            turns.extend(self.accept(time)?);
            for token in turns {
                if self.turn(token, now(), &mut buffer) {
                    again.push(token);
                }
            }
        }
    }
}

/// Serves for ever.
pub fn serve(listener: std::net::TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    Server::new(TcpListener::from_std(listener))?.run()
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8683".into());
    let listener = std::net::TcpListener::bind(&address)?;
    println!("listening on coap+ws://{}", listener.local_addr()?);
    serve(listener)
}
