//! The connection: where the layers meet.

mod command;
mod drive;
mod observing;
mod receive;

use crate::budget::Budget;
use crate::config::{Config, ConfigError, Side};
use crate::error::CloseReason;
use crate::event::Transmit;
use crate::exchange::Exchanges;
use crate::observe::Observers;
use crate::phase::{Phase, Step};
use crate::ping::Pings;
use crate::queue::{ABORT_RESERVE, Lane, OutQueue, automatic_reserve};
use crate::served::Served;
use crate::signaling::{BASE_MESSAGE_SIZE, BASE_TOKEN_LENGTH, PeerSettings, Signal};
use crate::stats::Stats;
use crate::storage::{Buffer, Storage, Table};
use crate::time::Instant;
use core::fmt;

pub use command::{Operation, ReleaseOptions, RequestOptions};

/// One WebSocket connection that speaks CoAP, without the WebSocket: whole messages and
/// events in, whole messages and one close order out. Both ends are client and server.
///
/// There are four kinds of methods:
///
/// - **getters** say how things are;
/// - **`handle_*`** say what happened: a [message](Connection::handle_message), a
///   [text message](Connection::handle_text), one that is [too
///   large](Connection::handle_oversized), the [end](Connection::handle_closed), a point in
///   [time](Connection::handle_timeout);
/// - **commands** say what the application wants: [`request`](Connection::request),
///   [`respond`](Connection::respond), [`cancel`](Connection::cancel),
///   [`observe`](Connection::observe) and [`notify`](Connection::notify),
///   [`ping`](Connection::ping), [`release`](Connection::release),
///   [`abort`](Connection::abort). Where one returns `Err`, nothing has changed;
/// - **`poll_*`** say what is to be done: [send](Connection::poll_transmit),
///   [tell](Connection::poll_event), [wake up](Connection::poll_timeout).
///
/// Any order of calls is right, and polling twice changes nothing. A loop does, until nothing
/// moves: give it what came, take what it tells, send what it has; then sleep until there is
/// input or `poll_timeout` is over.
///
/// ```
/// use coap_ws_core::message::{Request, Response};
/// use coap_ws_core::*;
///
/// let now = Instant::ZERO;
/// let mut client = Connection::<Heap>::new(Config::new(Side::Initiator))?;
/// let mut server = Connection::<Heap>::new(Config::new(Side::Acceptor))?;
///
/// // 1. A command: nothing is sent yet.
/// let exchange = client.request(now, &Request::get().segment("hello"), Default::default())?;
/// // 2. Carry messages across, here by hand. The CSM goes first by itself.
/// while let Some(Transmit::Message(bytes)) = client.poll_transmit() {
///     let incoming = server.handle_message(now, bytes)?;
///     // 3. React to what a message means.
///     if let Some(Incoming::Request { responder, .. }) = incoming {
///         server.respond(now, responder, &Response::content(b"hi"))?;
///     }
/// }
/// while let Some(Transmit::Message(bytes)) = server.poll_transmit() {
///     if let Some(Incoming::Response { exchange: which, message, .. }) =
///         client.handle_message(now, bytes)?
///     {
///         assert_eq!((which, message.payload()), (exchange, &b"hi"[..]));
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Connection<S: Storage> {
    config: S::Config,
    now: Instant,
    phase: Phase,
    /// What the peer has said of itself, `None` before its first CSM.
    peer: Option<PeerSettings>,
    queue: OutQueue<S::Output>,
    exchanges: Exchanges<S::Exchanges>,
    served: Served<S::Requests>,
    observers: Observers<S::Observers>,
    pings: Pings,
    budgets: Budgets,
    timers: Timers,
    close: Option<CloseOrder>,
    reason: Option<CloseReason>,
    closed_told: bool,
    wants: Wants,
    /// An answer or a Pong is due and waits for room.
    owing: bool,
    /// Operations of ours whose last response said that more follows (T57).
    unfinished: u32,
    stats: Stats,
}

#[derive(Debug, Default)]
struct Budgets {
    empty: Budget,
    settings: Budget,
    unmatched: Budget,
    observe_changes: Budget,
}

#[derive(Debug)]
struct Timers {
    /// A lower bound of all deadlines: early perhaps, late never.
    next: Option<Instant>,
    started: Option<Instant>,
    /// When the last byte of the peer came.
    heard: Instant,
    /// When the keepalive Ping went into the queue that nothing has answered yet.
    pinged: Option<Instant>,
    /// When the first Release was sent or came.
    ours: Option<Instant>,
    theirs: Option<Instant>,
    /// When closing must be over.
    closing: Option<Instant>,
}

/// What commands were refused for lack of.
#[derive(Clone, Copy, Debug, Default)]
struct Wants {
    /// Room for the smallest message that was refused, in bytes.
    output: Option<usize>,
    exchange: bool,
    ping: bool,
}

#[derive(Clone, Copy, Debug)]
struct CloseOrder {
    code: u16,
    reason: &'static str,
}

impl<S: Storage> Connection<S> {
    /// A connection whose WebSocket opening handshake is done. Its first message, the CSM, is
    /// ready to be sent: neither side waits for the other's (RFC 8323 §3.3; CSM-01, CSM-02).
    ///
    /// `config` is a [`Config`]; over [`Heap`](crate::Heap) also an `Arc` of one, which many
    /// connections share.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where values do not fit each other or the storage.
    pub fn new(config: impl Into<S::Config>) -> Result<Connection<S>, ConfigError> {
        let config = config.into();
        config.check()?;
        let limits = &config.limits;
        let exchanges = sized(limits.max_exchanges, S::Exchanges::CAPACITY, "max_exchanges")?;
        let requests = sized(limits.max_requests, S::Requests::CAPACITY, "max_requests")?;
        // Nobody need be able to watch: then every answer is the last.
        let observers = match limits.max_observers {
            usize::MAX => S::Observers::CAPACITY,
            limit if limit <= S::Observers::CAPACITY => limit,
            _ => return Err(ConfigError::Storage { field: "max_observers" }),
        };
        if limits.max_token_length > S::MAX_TOKEN_LENGTH {
            return Err(ConfigError::Storage { field: "max_token_length" });
        }
        let bound = limits.output_bound().min(S::Output::CAPACITY);
        let token = limits.max_token_length;
        if bound < automatic_reserve(token).saturating_add(ABORT_RESERVE + 64) {
            return Err(ConfigError::Storage { field: "write_high" });
        }
        let mut queue = OutQueue::new(bound, token, limits.write_high, limits.write_low);
        let csm = Signal::Settings {
            max_message_size: limits.max_message_size,
            extended_token_length: u32::try_from(token).unwrap_or(BASE_TOKEN_LENGTH),
        };
        let csm = queue.push(Lane::Automatic, &[], &csm, BASE_MESSAGE_SIZE as usize);
        csm.map_err(|_| ConfigError::Storage { field: "write_high" })?;
        Ok(Connection {
            now: Instant::ZERO,
            phase: Phase::AwaitingSettings,
            peer: None,
            queue,
            exchanges: Exchanges::new(exchanges),
            served: Served::new(requests),
            observers: Observers::new(observers),
            pings: Pings::default(),
            budgets: Budgets::default(),
            timers: Timers {
                next: Some(Instant::ZERO),
                started: None,
                heard: Instant::ZERO,
                pinged: None,
                ours: None,
                theirs: None,
                closing: None,
            },
            close: None,
            reason: None,
            closed_told: false,
            wants: Wants::default(),
            owing: false,
            unfinished: 0,
            stats: Stats::default(),
            config,
        })
    }

    /// Where the connection is in its life.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Why it ended or is ending, `None` while it lives.
    pub const fn close_reason(&self) -> Option<CloseReason> {
        self.reason
    }

    /// Which end this is.
    pub fn side(&self) -> Side {
        self.config.side
    }

    /// What the peer has said of itself, `None` before its first CSM.
    pub const fn peer_settings(&self) -> Option<PeerSettings> {
        self.peer
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What was counted so far.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Our requests in flight, cancelled ones included: the peer still works on them.
    pub fn exchanges_in_flight(&self) -> usize {
        self.exchanges.in_flight()
    }

    /// The peer's requests that are not answered yet.
    pub const fn requests_open(&self) -> usize {
        self.served.open_count()
    }

    /// The peer's observers of ours.
    pub fn observers(&self) -> usize {
        self.observers.count()
    }

    /// Bytes that wait to be handed out.
    pub const fn output_waiting(&self) -> usize {
        self.queue.len()
    }

    /// Whether a message would be taken now; false only while our output is above high water, or
    /// was when an answer came due that is to go first: poll, and ask again. Stop reading then:
    /// this, and nothing else, is back-pressure.
    pub fn wants_input(&self) -> bool {
        !self.phase.is_live() || self.queue.has_room() && !self.owing
    }

    /// Whether a response would be taken now, as far as room goes.
    pub fn has_room(&self) -> bool {
        self.queue.has_room()
    }

    /// The most bytes that a message to the peer may have now (CSM-05, CSM-16).
    pub fn max_send(&self) -> usize {
        let peer = self.peer.unwrap_or_default().max_message_size;
        self.max_ever().min(peer as usize)
    }

    /// The most bytes that any message to the peer may have, whatever its settings.
    fn max_ever(&self) -> usize {
        self.queue.max_message().min(self.config.limits.max_send_size as usize)
    }

    /// Gives back the memory that is not needed now. For connections that are idle; what is
    /// needed again is allocated again.
    pub fn trim(&mut self) {
        self.queue.trim(true);
        self.exchanges.trim();
        self.served.trim();
        self.observers.trim();
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if self.timers.started.is_none() {
            // The life of the connection starts when the caller first says what time it is.
            (self.timers.started, self.timers.heard) = (Some(self.now), self.now);
            self.timers.next = self.deadline();
        }
    }

    fn step(&mut self, step: Step) {
        self.phase = self.phase.next(step);
    }
}

impl<S: Storage> fmt::Debug for Connection<S> {
    /// Without tokens and without what waits to be sent (T92).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("side", &self.config.side)
            .field("phase", &self.phase)
            .field("peer", &self.peer)
            .field("exchanges_in_flight", &self.exchanges_in_flight())
            .field("requests_open", &self.requests_open())
            .field("output_waiting", &self.output_waiting())
            .finish_non_exhaustive()
    }
}

/// A limit within what the storage has; `usize::MAX` asks for all of it.
fn sized(limit: usize, capacity: usize, field: &'static str) -> Result<usize, ConfigError> {
    // A token holds the number of its slot: what it leaves must last for a connection's life.
    const MOST: usize = 1 << 20;
    let size = if limit == usize::MAX { capacity } else { limit };
    if size > 0 && size <= capacity && size <= MOST {
        Ok(size)
    } else {
        Err(ConfigError::Storage { field })
    }
}

impl Wants {
    fn output(&mut self, size: usize) {
        self.output = Some(self.output.map_or(size, |other| other.min(size)));
    }
}

impl CloseOrder {
    const fn transmit(self) -> Transmit<'static> {
        Transmit::Close { code: self.code, reason: self.reason }
    }
}
