//! An engine whose every call is counted and judged: what must hold holds after each step.

use super::flaws::Stream;
use super::frame::{Frame, read_all};
use super::handshake::head_end;
use crate::alloc::{Held, Meter, metered};
use coap_ws_core::message::{Encode, Request};
use coap_ws_core::{
    Event as Core, ExchangeId, Instant, Phase, Refused, RequestOptions, Responder, SendError, Sent,
    Side,
};
use coap_ws_driver::engine::{Engine, EngineConfig, Event, Interest};
use coap_ws_driver::policy::Policy;
use std::collections::{BTreeMap, BTreeSet};

/// How much a transport reads at a time, in bytes.
pub const READ_CHUNK: usize = 16 * 1024;

/// An engine under the invariants.
pub struct Watch {
    engine: Engine,
    side: Side,
    meter: Meter,
    bound: i64,
    /// What the engine holds of the heap, where that is counted.
    pub heap: Held,
    /// What it wrote of HTTP.
    pub head: Vec<u8>,
    /// Every frame it wrote.
    pub frames: Vec<Frame>,
    /// How many bytes it wrote, and how many were given to it.
    pub written: u64,
    /// See `written`.
    pub read: u64,
    /// The tokens of our requests that are not over, by exchange.
    pub open: BTreeMap<u64, Vec<u8>>,
    /// The tokens of those that were said not to have been sent.
    pub unsent: BTreeSet<Vec<u8>>,
    /// The tokens of the peer's requests that were told.
    pub served: Vec<Vec<u8>>,
    partial: Vec<u8>,
    stream: Stream,
    phase: Option<Phase>,
    /// How far the events are.
    told: u8,
    ended: bool,
}

impl Watch {
    /// An engine of this configuration. What it holds of the heap is counted by `meter`.
    ///
    /// # Panics
    ///
    /// Where the configuration is refused.
    pub fn new(now: Instant, config: EngineConfig, meter: Meter) -> Watch {
        let (side, bound) = (config.connection.side, config.bound(READ_CHUNK));
        let (engine, usage) = metered(meter, || match side {
            Side::Initiator => {
                Engine::initiator(now, config, "localhost:8683", &http::HeaderMap::new())
            }
            Side::Acceptor => Engine::acceptor(now, config, Policy::default()),
        });
        let mut heap = Held::default();
        heap.add(usage);
        Watch {
            engine: engine.expect("a configuration that fits"),
            side,
            meter,
            bound: i64::try_from(bound).unwrap_or(i64::MAX),
            heap,
            head: Vec::new(),
            frames: Vec::new(),
            written: 0,
            read: 0,
            open: BTreeMap::new(),
            unsent: BTreeSet::new(),
            served: Vec::new(),
            partial: Vec::new(),
            stream: Stream::new(side),
            phase: None,
            told: 0,
            ended: false,
        }
    }

    /// The engine, to look at.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Which end it is.
    pub const fn side(&self) -> Side {
        self.side
    }

    /// Calls the engine.
    ///
    /// # Panics
    ///
    /// Where an invariant is broken.
    pub fn call<T>(&mut self, act: impl FnOnce(&mut Engine) -> T) -> T {
        let engine = &mut self.engine;
        let (result, usage) = metered(self.meter, || act(engine));
        self.heap.add(usage);
        let Held { peak, bytes, .. } = self.heap;
        assert!(peak <= self.bound, "{peak} bytes of heap, at most {} (26)", self.bound);
        assert!(bytes >= 0, "the heap is counted wrongly");
        let Some(connection) = self.engine.connection() else { return result };
        let (before, now) = (self.phase, connection.phase());
        assert!(before.is_none_or(|before| before <= now), "{before:?} to {now:?} (8)");
        self.phase = Some(now);
        let limits = &connection.config().limits;
        assert!(connection.requests_open() <= limits.max_requests, "(19)");
        assert!(connection.exchanges_in_flight() <= limits.max_exchanges, "(19)");
        result
    }

    /// Bytes came.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        self.read += bytes.len() as u64;
        self.call(|engine| engine.handle_bytes(now, bytes));
    }

    /// It is `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.call(|engine| engine.handle_timeout(now));
        let next = self.engine.poll_timeout();
        let storm = next.is_some_and(|next| next <= now && next < Instant::FAR_FUTURE);
        assert!(!storm, "due at {next:?}, again at {now:?} (31)");
    }

    /// The first `most` bytes of the output, as written.
    pub fn write(&mut self, now: Instant, most: usize) -> Vec<u8> {
        let ready = self.call(|engine| engine.output().len()).min(most);
        let bytes = self.engine.output()[..ready].to_vec();
        if ready > 0 {
            self.partial.extend_from_slice(&bytes);
            self.written += ready as u64;
            self.call(|engine| engine.handle_written(now, ready));
            self.read_frames();
        }
        bytes
    }

    /// What the transport is to do.
    pub fn interest(&mut self) -> Interest {
        let interest = self.call(Engine::interest);
        let Interest { read, write, shutdown, done } = interest;
        assert!(!(write && (shutdown || done)), "{interest:?}");
        assert!(!(read && done), "{interest:?}");
        if done {
            assert_eq!(self.engine.poll_timeout(), None, "(9)");
        }
        interest
    }

    /// The next event. Its heap is the application's from then on; [`Watch::drop`] gives it
    /// back.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.call(Engine::poll_event)?;
        assert!(!self.ended, "after the last event: {event:?} (10)");
        // Asked, opened or not, and then the rest.
        let stage = match event {
            Event::Asked(_) => 1,
            Event::Opened(_) | Event::OpeningFailed(_) => 2,
            _ => 3,
        };
        assert!(stage == 3 && self.told >= 2 || stage > self.told, "out of order: {event:?}");
        self.told = stage;
        self.ended = event.is_last();
        match &event {
            Event::Response { exchange, .. }
            | Event::Unusable { exchange, .. }
            | Event::Core(Core::Silent(exchange)) => {
                self.over(*exchange);
            }
            Event::Core(Core::Failed { exchange, sent, .. }) => {
                let token = self.over(*exchange);
                if *sent == Sent::No {
                    self.unsent.insert(token);
                }
            }
            Event::Request { message, .. } => self.served.push(message.view().token().to_vec()),
            _ => {}
        }
        if self.ended {
            assert!(self.open.is_empty(), "not ended: {:?} (15)", self.open);
        }
        Some(event)
    }

    /// Whether the last event was told.
    pub const fn ended(&self) -> bool {
        self.ended
    }

    /// The application is done with an event.
    pub fn drop<T>(&mut self, event: T) {
        self.call(|_| drop(event));
    }

    /// As the engine's.
    ///
    /// # Errors
    ///
    /// As the engine's.
    pub fn request(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        options: RequestOptions,
    ) -> Result<ExchangeId, SendError> {
        let id = self.call(|engine| engine.request(now, request, options))?;
        let again = self.open.insert(id.get(), id.token().as_bytes().to_vec());
        assert_eq!(again, None, "a token twice (17)");
        Ok(id)
    }

    /// As the engine's.
    ///
    /// # Errors
    ///
    /// As the engine's.
    pub fn respond(
        &mut self,
        now: Instant,
        responder: Responder,
        response: &impl Encode,
    ) -> Result<(), Refused> {
        self.call(|engine| engine.respond(now, responder, response))
    }

    /// As the engine's.
    pub fn cancel(&mut self, now: Instant, exchange: ExchangeId) {
        let cancelled = self.call(|engine| engine.cancel(now, exchange));
        assert_eq!(self.open.remove(&exchange.get()).is_some(), cancelled, "(15)");
    }

    fn over(&mut self, exchange: ExchangeId) -> Vec<u8> {
        let token = self.open.remove(&exchange.get());
        token.unwrap_or_else(|| panic!("{exchange:?} was over (15)"))
    }

    fn read_frames(&mut self) {
        if self.head.is_empty() {
            let Some(end) = head_end(&self.partial) else { return };
            self.head = self.partial.drain(..end).collect();
        }
        if self.head.starts_with(b"HTTP/1.1 4") {
            // A refusal with its text.
            return self.head.append(&mut self.partial);
        }
        let (frames, rest) = read_all(&self.partial);
        if frames.is_empty() {
            return;
        }
        self.partial = rest.to_vec();
        frames.iter().for_each(|frame| self.stream.check(frame));
        self.frames.extend(frames);
    }
}
