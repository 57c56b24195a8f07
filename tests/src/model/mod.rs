//! A reference model of one connection: what was asked of it, what came, what it said, and
//! whether that was right. It has no bytes and no limits, only sets and sums; every step of a
//! [`Watched`](crate::watched::Watched) connection is compared with it.

mod input;
mod output;
mod rest;

use crate::node::Store;
use crate::seen::Seen;
use coap_ws_core::message::Code;
use coap_ws_core::{CloseReason, Config, ExchangeId, Instant, Phase, PingId};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// Fails with who and when in front.
macro_rules! ensure {
    ($model:expr, $condition:expr, $($text:tt)+) => {
        assert!(
            $condition,
            "the {} at {:?}: {}", $model.name, $model.now, format_args!($($text)+)
        )
    };
}
pub(crate) use ensure;

/// The model.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) name: &'static str,
    pub(crate) now: Instant,
    pub(crate) seen: Seen,
    config: Config,
    phase: Phase,
    /// Whether the peer's CSM has come.
    settled: bool,
    /// The most that a message could have when it was queued.
    max_send: usize,
    exchanges: BTreeMap<u64, Exchange>,
    /// Cancelled, and still in their slots.
    cancelled: Vec<Exchange>,
    /// Our Pings without a Pong, and until when.
    pings: BTreeMap<u64, Ping>,
    /// Every token of ours.
    issued: HashSet<Vec<u8>>,
    /// Requests of the peer so far.
    arrivals: u64,
    /// Those that the application has to answer, by their number in the core.
    requests: BTreeMap<u64, Request>,
    /// Those that were due when the end came: they may have expired, or not.
    due_at_end: BTreeMap<u64, Request>,
    last_request: u64,
    /// By token: the requests that a response may still go out to.
    owed: HashMap<Vec<u8>, VecDeque<Request>>,
    /// Tokens that the peer has used for two requests at once.
    doubled: HashSet<Vec<u8>>,
    /// The peer's Pings that no Pong has gone out to.
    pinged: Vec<PeerPing>,
    /// What the application was refused for lack of.
    wanted: Wanted,
    /// How often room was told with nothing done about it.
    rooms: u32,
    released: Released,
    sent: Out,
    reason: Option<CloseReason>,
    closed_told: bool,
    clock: Clock,
}

#[derive(Clone, Debug)]
struct Exchange {
    token: Vec<u8>,
    deadline: Instant,
    handed_out: bool,
    /// No class of responses is wanted.
    silent: bool,
    /// Its time is over, which is to be told.
    failed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Ping {
    deadline: Instant,
    handed_out: bool,
    failed: bool,
}

#[derive(Clone, Debug)]
struct Request {
    arrival: u64,
    token: Vec<u8>,
    no_response: u8,
    deadline: Instant,
}

#[derive(Clone, Debug)]
struct PeerPing {
    token: Vec<u8>,
    custody: bool,
    /// How many requests came before it.
    after: u64,
}

/// What there was no room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Want {
    Output,
    Exchange,
    Ping,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Wanted {
    output: bool,
    exchange: bool,
    ping: bool,
}

/// When a Release was sent, and when one came.
#[derive(Clone, Copy, Debug, Default)]
struct Released {
    ours: Option<Instant>,
    theirs: Option<Instant>,
}

/// What was handed out.
#[derive(Clone, Copy, Debug, Default)]
struct Out {
    messages: u64,
    releases: u32,
    aborts: u32,
    close: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    started: Option<Instant>,
    heard: Instant,
    /// When the keepalive Ping was due that nothing has answered.
    pinged: Option<Instant>,
    /// Keepalive Pings that may still be handed out.
    keepalives: u32,
    /// The last time that was told.
    told: Option<Instant>,
    /// How often that was told in a row, with the next deadline not after it.
    repeats: u32,
    closing: Option<Instant>,
}

impl Model {
    /// The model of a new connection.
    pub(crate) fn new(name: &'static str, config: &Config, store: Store) -> Model {
        let mut config = config.clone();
        // "As large as the storage" is a number here.
        config.limits.max_exchanges = config.limits.max_exchanges.min(store.slots());
        config.limits.max_requests = config.limits.max_requests.min(store.slots());
        Model {
            name,
            now: Instant::ZERO,
            seen: Seen::default(),
            config,
            phase: Phase::AwaitingSettings,
            settled: false,
            max_send: 0,
            exchanges: BTreeMap::new(),
            cancelled: Vec::new(),
            pings: BTreeMap::new(),
            issued: HashSet::new(),
            arrivals: 0,
            requests: BTreeMap::new(),
            due_at_end: BTreeMap::new(),
            last_request: 0,
            owed: HashMap::new(),
            doubled: HashSet::new(),
            pinged: Vec::new(),
            wanted: Wanted::default(),
            rooms: 0,
            released: Released::default(),
            sent: Out::default(),
            reason: None,
            closed_told: false,
            clock: Clock::default(),
        }
    }

    /// The application is told the time, by whatever call.
    pub(crate) fn advance(&mut self, now: Instant) {
        if now < self.now {
            self.seen.clock_back += 1;
        }
        self.now = self.now.max(now);
        if self.clock.started.is_none() {
            (self.clock.started, self.clock.heard) = (Some(self.now), self.now);
        }
    }

    /// Whether the connection had been told the time before.
    pub(crate) fn is_started(&self) -> bool {
        self.clock.started.is_some()
    }

    /// A request was taken.
    pub(crate) fn request(&mut self, id: ExchangeId, timeout: std::time::Duration, bits: u8) {
        self.seen.requests += 1;
        let token = id.token().as_bytes().to_vec();
        ensure!(self, (1..=8).contains(&token.len()), "a token of {} bytes", token.len());
        ensure!(self, self.issued.insert(token.clone()), "{id:?} is used twice");
        ensure!(self, self.phase.may_request(), "{id:?} was taken in {:?}", self.phase);
        let deadline = self.now.saturating_add(timeout);
        let exchange =
            Exchange { token, deadline, handed_out: false, silent: bits & 26 == 26, failed: false };
        self.exchanges.insert(id.get(), exchange);
        self.progress();
    }

    /// A request was cancelled, or was over already.
    pub(crate) fn cancel(&mut self, id: ExchangeId, cancelled: bool) {
        match self.exchanges.remove(&id.get()) {
            Some(exchange) => {
                ensure!(self, cancelled, "{id:?} is in flight and cannot be cancelled");
                let counter = match exchange.handed_out {
                    true => &mut self.seen.cancels_sent,
                    false => &mut self.seen.cancels_unsent,
                };
                *counter += 1;
                // What had failed untold has given its slot back.
                let gone = !self.phase.is_live()
                    || exchange.handed_out && exchange.silent
                    || exchange.failed;
                if !gone {
                    self.cancelled.push(exchange);
                }
            }
            None => {
                ensure!(self, !cancelled, "{id:?} is over, and was cancelled");
                self.seen.cancels_late += 1;
            }
        }
    }

    /// A response was taken, for the request with this number.
    pub(crate) fn respond(&mut self, arrival: u64, code: Code) {
        let request = self.requests.remove(&arrival);
        ensure!(self, request.is_some(), "request #{arrival} is not open, and was answered");
        let Some(request) = request else { return };
        self.seen.responded += 1;
        if disclaims(request.no_response, code) {
            self.seen.suppressed += 1;
            self.forget(&request);
        }
        self.progress();
    }

    /// Whether the application may still answer this request.
    pub(crate) fn may_respond(&self, arrival: u64) -> bool {
        self.requests.contains_key(&arrival)
    }

    /// Whether this request has had all its time.
    pub(crate) fn is_due(&self, arrival: u64) -> bool {
        self.requests.get(&arrival).is_some_and(|request| request.deadline <= self.now)
    }

    /// A Ping was taken.
    pub(crate) fn ping(&mut self, id: PingId) {
        self.seen.pings += 1;
        ensure!(self, self.issued.insert(spell(id.get())), "{id:?} is used twice");
        let deadline = self.now.saturating_add(self.config.ping_timeout);
        self.pings.insert(id.get(), Ping { deadline, handed_out: false, failed: false });
        ensure!(self, self.pings.len() <= 4, "five Pings at once");
        self.progress();
    }

    /// A Release was taken.
    pub(crate) fn release(&mut self) {
        self.seen.releases_sent += 1;
        ensure!(self, self.released.ours.is_none(), "released twice");
        self.released.ours = Some(self.now);
        self.progress();
    }

    /// A command was refused, and there will be room for it later.
    pub(crate) fn refused(&mut self, want: Want) {
        match want {
            Want::Output => self.wanted.output = true,
            Want::Exchange => self.wanted.exchange = true,
            Want::Ping => self.wanted.ping = true,
        }
    }

    /// Something was done that may change what fits.
    fn progress(&mut self) {
        self.rooms = 0;
    }

    /// A response is to go out to this request.
    fn owe(&mut self, request: Request) {
        let owed = self.owed.entry(request.token.clone()).or_default();
        if !owed.is_empty() {
            self.doubled.insert(request.token.clone());
        }
        owed.push_back(request);
    }

    /// No response will go out to this request.
    fn forget(&mut self, request: &Request) {
        if let Some(owed) = self.owed.get_mut(&request.token) {
            let same = owed.iter().position(|other| other.arrival == request.arrival);
            // Of two with one token, the answer to the other may have been taken for its own.
            owed.remove(same.unwrap_or(0));
        }
    }
}

/// Whether a No-Response bitmap disclaims the class of a code (RFC 7967 §2.1).
fn disclaims(bitmap: u8, code: Code) -> bool {
    bitmap & (1 << (code.class() - 1)) & 26 != 0
}

/// The token that spells a number: as few bytes as it needs.
fn spell(number: u64) -> Vec<u8> {
    number.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}
