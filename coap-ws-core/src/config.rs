//! Configuration: plain fields, defaults with their reasons, checked once.

use crate::budget::Rate;
use crate::message::OptionNumber;
use crate::queue::{ABORT_RESERVE, automatic_reserve};
use crate::served::MAX_WAITING_PONGS;
use crate::signaling::{BASE_MESSAGE_SIZE, MAX_TOKEN_LENGTH};
use crate::token::SHORT;
use core::fmt;
use core::time::Duration;

/// Which end opened the connection (RFC 8323 §2). CoAP roles are independent of it: both ends
/// are client and server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Side {
    /// The end that opened the WebSocket connection.
    Initiator,
    /// The end that accepted it.
    Acceptor,
}

/// How a connection behaves.
///
/// ```
/// use coap_ws_core::{Config, Side};
/// use core::time::Duration;
/// let mut config = Config::new(Side::Initiator);
/// config.keepalive_interval = Some(Duration::from_secs(240));
/// config.limits.max_exchanges = 8;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Which end this is.
    pub side: Side,
    /// Whether requests of the peer are shown to the application. Where they are not, each
    /// gets 5.01 (RFC 8323 §3.3; TOK-26).
    pub serves: bool,
    /// Critical options that the application processes itself, beyond those of RFC 7252.
    pub understood: &'static [OptionNumber],
    /// How long the peer may take to send its CSM. 10 s: peers wait between 1 s and for ever.
    pub csm_timeout: Duration,
    /// How long a request waits for its response where it does not say. 60 s: longer than all
    /// that a server may take.
    pub request_timeout: Duration,
    /// How long the application may take to answer; then the core answers 5.03. 25 s: less
    /// than any timer of the peer's that we know of.
    pub answer_timeout: Duration,
    /// How long a Pong waits for custody; then it goes out without. 30 s.
    pub custody_timeout: Duration,
    /// How long a Ping of the application waits for its Pong. 20 s.
    pub ping_timeout: Duration,
    /// After how long without a byte from the peer we send a Ping. 25 s for the initiator:
    /// nginx cuts a silent tunnel at 60 s. `None` for the acceptor, whose peer does it.
    pub keepalive_interval: Option<Duration>,
    /// How long after that Ping the connection is given up without a byte. 20 s.
    pub keepalive_timeout: Duration,
    /// How long a Release of the peer's lets open work finish. 30 s.
    pub drain_timeout: Duration,
    /// How long our Release waits for the peer to close; then we close. 35 s: longer than
    /// the peer's drain.
    pub release_timeout: Duration,
    /// How long a Close may take to be carried out. 5 s.
    pub close_timeout: Duration,
    /// Sizes and counts.
    pub limits: Limits,
}

/// Every table, queue and size.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The largest message we take, in bytes: the Max-Message-Size that we announce.
    /// 66,048 = 64 × 1024 + 512: BERT blocks and slack for options (RFC 8323 §5.3.2).
    pub max_message_size: u32,
    /// The largest message we send, whatever the peer takes. 1 MiB: nobody's announcement is
    /// a reason to allocate (T49).
    pub max_send_size: u32,
    /// The smallest Max-Message-Size that we accept of a peer. 64: below it not even an error
    /// fits (CSM-19).
    pub min_peer_message_size: u32,
    /// Requests of ours in flight. 64: below the 128 of a peer like us.
    pub max_exchanges: usize,
    /// Requests of the peer in flight; one more gets 5.03. 128: what nginx and HTTP/2 allow.
    pub max_requests: usize,
    /// Observers of the peer's; one more gets its answer without Observe, as RFC 7641 allows
    /// (T69). 128.
    pub max_observers: usize,
    /// Registrations and deregistrations; above it 4.29 (T68). The burst lets a full client
    /// come back.
    pub observe_changes: Rate,
    /// The longest token of a request that we take, in bytes: the Extended-Token-Length that we
    /// announce (RFC 8974 §2.2.1). 8, what every peer uses; 64 is plenty for peers that keep
    /// state in it, 65,804 the most there is. More costs that much for each open request and
    /// observer; [`Fixed`](crate::Fixed) takes no more than 8.
    pub max_token_length: usize,
    /// Options of a request; more get 4.00. 128: parsing is lazy, but handlers are not (T38).
    pub max_options: usize,
    /// Bytes of output above which no message is read and no command taken. 256 KiB.
    pub write_high: usize,
    /// Bytes of output below which that ends. 64 KiB.
    pub write_low: usize,
    /// Empty messages: legal as keepalive, so never 0 (T24).
    pub empty: Rate,
    /// CSMs (T51).
    pub settings: Rate,
    /// Responses to nothing that we ever asked (T65).
    pub unmatched: Rate,
}

impl Config {
    /// The defaults for an end.
    pub fn new(side: Side) -> Config {
        let seconds = Duration::from_secs;
        Config {
            side,
            serves: true,
            understood: &[],
            csm_timeout: seconds(10),
            request_timeout: seconds(60),
            answer_timeout: seconds(25),
            custody_timeout: seconds(30),
            ping_timeout: seconds(20),
            keepalive_interval: match side {
                Side::Initiator => Some(seconds(25)),
                Side::Acceptor => None,
            },
            keepalive_timeout: seconds(20),
            drain_timeout: seconds(30),
            release_timeout: seconds(35),
            close_timeout: seconds(5),
            limits: Limits::default(),
        }
    }

    /// The defaults for a fixed storage whose framer receives messages of at most
    /// `receive_buffer` bytes. Tables and queue are as large as the storage.
    pub fn fixed(side: Side, receive_buffer: u32) -> Config {
        let mut config = Config::new(side);
        config.limits.max_message_size = receive_buffer;
        config.limits.max_exchanges = usize::MAX;
        config.limits.max_requests = usize::MAX;
        config.limits.max_observers = usize::MAX;
        config.limits.write_high = usize::MAX;
        config.limits.write_low = usize::MAX;
        config
    }

    /// Checks that the values fit each other.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let order = [
            ("answer_timeout", self.answer_timeout, "drain_timeout", self.drain_timeout),
            ("drain_timeout", self.drain_timeout, "release_timeout", self.release_timeout),
            ("release_timeout", self.release_timeout, "request_timeout", self.request_timeout),
        ];
        for (shorter, a, longer, b) in order {
            if a > b {
                return Err(ConfigError::Order { shorter, longer });
            }
        }
        let limits = &self.limits;
        let fault = |field| Err(ConfigError::TooSmall { field });
        if limits.min_peer_message_size < 64 {
            return fault("limits.min_peer_message_size");
        }
        if limits.max_message_size < limits.min_peer_message_size {
            return fault("limits.max_message_size");
        }
        if limits.max_send_size < BASE_MESSAGE_SIZE.min(limits.max_message_size) {
            return fault("limits.max_send_size");
        }
        if limits.max_message_size > MAX_ANNOUNCED {
            return Err(ConfigError::TooLarge { field: "limits.max_message_size" });
        }
        if limits.max_token_length < SHORT {
            return fault("limits.max_token_length");
        }
        if limits.max_token_length > MAX_TOKEN_LENGTH as usize {
            return Err(ConfigError::TooLarge { field: "limits.max_token_length" });
        }
        if limits.write_low > limits.write_high {
            return Err(ConfigError::Order { shorter: "write_low", longer: "write_high" });
        }
        Ok(())
    }
}

/// libcoap answers 5.00 to everything where more is announced (CSM-27, T49).
const MAX_ANNOUNCED: u32 = 8_388_864;

impl Limits {
    /// The most bytes that may wait for the transport: high water, one message above it, and
    /// what is kept for automatic answers and the Abort.
    pub const fn output_bound(&self) -> usize {
        self.write_high
            .saturating_add(self.max_send_size as usize)
            .saturating_add(automatic_reserve(self.max_token_length))
            .saturating_add(ABORT_RESERVE + 4)
    }

    /// The most bytes of heap that a connection over [`Heap`](crate::Heap) holds: its tables
    /// at their limits and its queue at its bound, each while it moves into a larger place.
    /// The message that is being handled belongs to the caller, and a configuration that is
    /// shared to whoever shares it; one of its own comes on top.
    pub const fn bound(&self) -> usize {
        let slots = self
            .max_exchanges
            .saturating_mul(size_of::<crate::exchange::Slot>())
            .saturating_add(self.max_requests.saturating_mul(size_of::<crate::served::Slot>()))
            .saturating_add(self.max_observers.saturating_mul(size_of::<crate::observe::Slot>()));
        let long = if self.max_token_length > SHORT { self.max_token_length } else { 0 };
        let tokens = self
            .max_requests
            .saturating_add(self.max_observers)
            .saturating_add(MAX_WAITING_PONGS)
            .saturating_mul(long);
        slots.saturating_add(self.output_bound()).saturating_mul(2).saturating_add(tokens)
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_message_size: 66_048,
            max_send_size: 1024 * 1024,
            min_peer_message_size: 64,
            max_exchanges: 64,
            max_requests: 128,
            max_observers: 128,
            observe_changes: Rate { per_second: 50, burst: 256 },
            max_token_length: SHORT,
            max_options: 128,
            write_high: 256 * 1024,
            write_low: 64 * 1024,
            empty: Rate { per_second: 50, burst: 200 },
            settings: Rate { per_second: 20, burst: 64 },
            unmatched: Rate { per_second: 50, burst: 100 },
        }
    }
}

/// A configuration whose values do not fit each other, or the storage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// One value must not be above another.
    Order {
        /// The one.
        shorter: &'static str,
        /// The other.
        longer: &'static str,
    },
    /// A value is too small to work with.
    TooSmall {
        /// Which.
        field: &'static str,
    },
    /// A value is above what peers can take.
    TooLarge {
        /// Which.
        field: &'static str,
    },
    /// A table or a queue has no place at all, or too little for our own messages.
    Storage {
        /// Which limit it bounds.
        field: &'static str,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order { shorter, longer } => {
                write!(f, "`{shorter}` must not be above `{longer}`")
            }
            Self::TooSmall { field } => write!(f, "`{field}` is too small"),
            Self::TooLarge { field } => write!(f, "`{field}` is too large"),
            Self::Storage { field } => {
                write!(f, "the storage has too little room for `{field}`")
            }
        }
    }
}

impl core::error::Error for ConfigError {}
