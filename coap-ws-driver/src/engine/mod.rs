//! The engine: the same machine as [`coap_ws_core::Connection`], fed with bytes.
//!
//! Bytes of a stream in, bytes out, events up, one deadline. No socket, no clock, no future:
//! a mio loop, a fuzzer, a simulator and the async driver all use it the same way.
//!
//! # For integrators
//!
//! Three rules are enough:
//!
//! 1. **Loop until nothing moves.** Give it what came ([`handle_bytes`](Engine::handle_bytes),
//!    [`handle_eof`](Engine::handle_eof)), take what it tells
//!    ([`poll_event`](Engine::poll_event)), write what it has ([`output`](Engine::output),
//!    [`handle_written`](Engine::handle_written)); then sleep until there is input, or
//!    [`poll_timeout`](Engine::poll_timeout) is over and
//!    [`handle_timeout`](Engine::handle_timeout) is due.
//! 2. **Read only on interest** ([`Interest::read`]): that is all the back-pressure there is.
//! 3. **Obey [`Interest::shutdown`] and [`Interest::done`]**: shut down the writing side, drop
//!    the stream.
//!
//! ```
//! use coap_ws_core::{Instant, Side, message::{Request, Response}};
//! use coap_ws_driver::engine::{Engine, EngineConfig, Event};
//! use coap_ws_driver::policy::Policy;
//!
//! let now = Instant::ZERO;
//! let config = EngineConfig::new(Side::Initiator);
//! let mut client = Engine::initiator(now, config, "localhost", &Default::default())?;
//! let mut server = Engine::acceptor(now, EngineConfig::new(Side::Acceptor), Policy::default())?;
//! let mut answer = None;
//! loop {
//!     let mut moved = false;
//!     while let Some(event) = client.poll_event() {
//!         moved = true;
//!         match event {
//!             Event::Opened(_) => {
//!                 let hello = Request::get().segment("hello");
//!                 client.request(now, &hello, Default::default())?;
//!             }
//!             Event::Response { message, .. } => answer = Some(message.payload()),
//!             _ => {}
//!         }
//!     }
//!     while let Some(event) = server.poll_event() {
//!         moved = true;
//!         if let Event::Request { responder, .. } = event {
//!             server.respond(now, responder, &Response::content(b"hi"))?;
//!         }
//!     }
//!     for (from, to) in [(&mut client, &mut server)] {
//!         moved |= carry(now, from, to) | carry(now, to, from);
//!     }
//!     if !moved { break }
//! }
//! assert_eq!(answer.as_deref(), Some(&b"hi"[..]));
//!
//! fn carry(now: Instant, from: &mut Engine, to: &mut Engine) -> bool {
//!     if from.output().is_empty() || !to.interest().read { return false }
//!     let n = from.output().len();
//!     to.handle_bytes(now, from.output());
//!     from.handle_written(now, n);
//!     true
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects
)]

mod block_wise;
mod command;
mod config;
mod event;
mod framer;
mod observing;
mod opening;
mod receive;
mod tap;
mod time;
mod transmit;

pub use block_wise::BlockWise;
pub use config::{EngineConfig, SharedConfig};
pub use event::{
    AbortNotice, Event, MAX_ALTERNATIVES, MAX_DIAGNOSTIC, Opened, OpeningError, ReleaseNotice,
};
pub use tap::{Tap, TapSlot, Way};

use crate::gauge::Receiver;
use crate::handshake::HandshakeError;
use crate::policy::Policy;
use bytes::{Buf, BytesMut};
use coap_ws_core::message::OptionNumber;
use coap_ws_core::{Budget, ConfigError, Connection, Heap, Instant, Side};
use framer::Framer;
use http::HeaderMap;
use opening::Opening;
use std::fmt;

/// How much output is taken from the connection ahead of the transport, in bytes: one write.
const OUTPUT_CHUNK: usize = 16 * 1024;

/// The longest header of a frame, in bytes: with a 64-bit length and a mask (RFC 6455 §5.2).
const MAX_HEADER: usize = 14;

/// How many bytes of Pongs may wait for the transport before no frame is read: a few.
const MAX_PONGS: usize = 1024;

/// One connection over a byte stream: opening handshake, frames, CoAP, closing.
///
/// See the [module](self) for how to drive it. Any order of calls is right; `now` is clamped
/// so that it never goes back.
pub struct Engine {
    config: SharedConfig,
    now: Instant,
    stage: Stage,
    /// From the end of the opening handshake on.
    connection: Option<Connection<Heap>>,
    framer: Framer,
    /// Received and not parsed yet: at most one read.
    input: BytesMut,
    /// The stream has ended; told when the input before it is parsed.
    eof: bool,
    output: Vec<u8>,
    written: usize,
    /// Bytes of WebSocket Pongs in the output since it was last empty (T25).
    pongs: usize,
    /// Told next, before anything else.
    event: Option<Event>,
    control: Budget,
    timers: Timers,
}

#[derive(Debug)]
enum Stage {
    /// HTTP.
    Opening(Box<Opening>),
    /// WebSocket frames.
    Open,
    /// Our Close is sent in good order; the peer's is awaited, what else comes is ignored.
    Closing,
    /// Nothing more is said: what is in the output leaves, the writing side is shut down, input
    /// is read and thrown away for a while, so that no reset destroys our last words (WS-45).
    Lingering(Linger),
    /// The stream can be dropped.
    Done,
}

#[derive(Debug)]
struct Linger {
    /// Bytes that were read and thrown away.
    discarded: usize,
    /// When it is over, however much the peer still takes.
    until: Instant,
    shutdown: Shutdown,
}

/// Who shuts down its writing side first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shutdown {
    /// We do, as soon as our output is written.
    Ours,
    /// The peer: after a closing handshake the acceptor ends the stream, and keeps TIME_WAIT
    /// (RFC 6455 §7.1.1, WS-32).
    Theirs,
}

#[derive(Debug)]
struct Timers {
    /// When this stage must be over: opening, lingering.
    stage: Option<Instant>,
    /// When the message that has begun must be complete (T22).
    message: Option<Instant>,
    /// When the transport last took output, or output came up.
    progress: Instant,
    /// When the last byte came or left.
    active: Instant,
    /// When to look whether memory can be given back: perhaps early, never late.
    trim: Option<Instant>,
}

/// What the transport is to do now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interest {
    /// Read: bytes would be taken.
    pub read: bool,
    /// Write: there is output.
    pub write: bool,
    /// Shut down the writing side, now that all output is written; for TLS, `close_notify`
    /// first. Stays true; do it once.
    pub shutdown: bool,
    /// Drop the stream.
    pub done: bool,
}

impl fmt::Debug for Engine {
    /// Without the bytes: they may hold credentials, tokens and payloads (T92).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("side", &self.config.connection.side)
            .field("stage", &self.stage)
            .field("phase", &self.connection.as_ref().map(Connection::phase))
            .field("input", &self.input.len())
            .field("output", &self.output.len().saturating_sub(self.written))
            .finish_non_exhaustive()
    }
}

/// An engine that could not be made.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EngineError {
    /// Values of the configuration do not fit each other.
    Config(ConfigError),
    /// The request of the opening handshake cannot be made.
    Handshake(HandshakeError),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Handshake(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for EngineError {}

impl Engine {
    /// The end that opens the connection, over a stream that is connected to the host that
    /// `host` names: the Host header, `host[:port]` (WS-16). `headers` go along.
    ///
    /// # Errors
    ///
    /// [`EngineError`] for a configuration or a header that cannot be used.
    pub fn initiator(
        now: Instant,
        config: impl Into<SharedConfig>,
        host: &str,
        headers: &HeaderMap,
    ) -> Result<Engine, EngineError> {
        let config = config.into();
        let opening = Opening::initiator(host, headers, config.handshake);
        Engine::new(now, config, Side::Initiator, opening.map_err(EngineError::Handshake)?)
    }

    /// The end that accepts, over a stream whose first byte is an HTTP request. `policy` says
    /// who may connect.
    ///
    /// # Errors
    ///
    /// [`EngineError::Config`].
    pub fn acceptor(
        now: Instant,
        config: impl Into<SharedConfig>,
        policy: Policy,
    ) -> Result<Engine, EngineError> {
        let config = config.into();
        let opening = Opening::acceptor(policy, config.handshake);
        Engine::new(now, config, Side::Acceptor, opening)
    }

    fn new(
        now: Instant,
        config: SharedConfig,
        side: Side,
        opening: Opening,
    ) -> Result<Engine, EngineError> {
        let config = config.of_side(side);
        // Checked here, so that it cannot fail once the handshake is done.
        Connection::<Heap>::new(config.connection()).map_err(EngineError::Config)?;
        let receiver = match side {
            Side::Initiator => Receiver::Client,
            Side::Acceptor => Receiver::Server,
        };
        let max_send = config.connection.limits.max_send_size as usize;
        Ok(Engine {
            now,
            framer: Framer::new(receiver, config.frames(), max_send),
            connection: None,
            input: BytesMut::new(),
            eof: false,
            output: opening.first_flight(),
            written: 0,
            pongs: 0,
            event: None,
            control: Budget::default(),
            timers: Timers {
                stage: Some(now.saturating_add(config.handshake_timeout)),
                message: None,
                progress: now,
                active: now,
                trim: None,
            },
            stage: Stage::Opening(Box::new(opening)),
            config,
        })
    }

    /// The owner of the engine processes these critical options itself. Before the opening
    /// handshake is done; `understood` of the configuration, where it is set, counts more.
    pub(crate) fn understand(&mut self, options: &'static [OptionNumber]) {
        if self.config.block_wise.enabled && self.config.connection.understood.is_empty() {
            // For who has not said so in the configuration, which others may share.
            let mut config = self.config().clone();
            config.understand(options);
            self.config = config.into();
        }
    }

    pub(crate) fn shared_config(&self) -> SharedConfig {
        self.config.clone()
    }

    /// The configuration.
    pub fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// The connection, `None` before the opening handshake is done.
    pub const fn connection(&self) -> Option<&Connection<Heap>> {
        self.connection.as_ref()
    }

    /// Whether the end is decided or has come: no command is taken any more.
    pub fn is_ending(&self) -> bool {
        let open = matches!(self.stage, Stage::Opening(_) | Stage::Open);
        !open || self.connection.as_ref().is_some_and(|connection| !connection.phase().is_live())
    }

    /// Whether a response would be taken now, as far as room goes.
    pub fn has_room(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::has_room)
    }

    /// What the transport is to do now.
    pub fn interest(&mut self) -> Interest {
        self.pull();
        let write = self.written < self.output.len();
        let (mut read, mut shutdown, mut done) = (false, false, false);
        match &self.stage {
            Stage::Opening(opening) => read = !self.eof && !opening.is_asked(),
            // More than the beginning of a header left means that there is no room yet for what
            // the next message may cause.
            Stage::Open | Stage::Closing => {
                read = !self.eof && self.parses() && self.input.len() < MAX_HEADER;
            }
            Stage::Lingering(linger) => {
                shutdown = !write && linger.shutdown == Shutdown::Ours;
                read = !self.eof && linger.discarded <= self.config.linger_bytes;
                done = self.is_done();
            }
            Stage::Done => done = true,
        }
        Interest { read: read && !done, write, shutdown, done }
    }

    /// The bytes to write next; all that is ready, in one piece.
    pub fn output(&mut self) -> &[u8] {
        self.pull();
        self.output.get(self.written..).unwrap_or_default()
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// Whether the next frame would be read now. Not while our own output is too much, which is
    /// all the back-pressure there is; and not behind the end, once that is decided (WS-35).
    fn parses(&self) -> bool {
        let Some(connection) = &self.connection else { return false };
        match self.stage {
            Stage::Open => {
                let room = connection.wants_input() && self.pongs <= MAX_PONGS;
                connection.phase().is_live() && room
            }
            Stage::Closing => true,
            Stage::Opening(_) | Stage::Lingering(_) | Stage::Done => false,
        }
    }

    /// Whether the stream can be dropped.
    fn is_done(&self) -> bool {
        match &self.stage {
            Stage::Lingering(linger) => {
                let heard = self.eof || linger.discarded > self.config.linger_bytes;
                heard && self.written >= self.output.len()
            }
            Stage::Done => true,
            Stage::Opening(_) | Stage::Open | Stage::Closing => false,
        }
    }

    fn discard(&mut self) {
        let n = self.input.len();
        self.input.advance(n);
    }
}
