//! How a session behaves, and what it refuses.

use coap_ws_core::message::OptionNumber;
use coap_ws_core::{Config, Side};
use std::fmt;
use std::time::Duration;

/// How a [`Session`](crate::Session) behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Whether the page answers requests of the server; else each gets 5.01. Off.
    pub serves: bool,
    /// Whether to connect again after a loss. On.
    pub reconnects: bool,
    /// How long a request may take, and how long it may wait to be sent. 60 s. Each block of a
    /// transfer has it anew: a transfer may take as long as it moves.
    pub request_timeout: Duration,
    /// How long the WebSocket may take to open. 20 s.
    pub connect_timeout: Duration,
    /// After how long without a message we send a Ping. 25 s: nginx cuts a silent tunnel at
    /// 60 s. Timers of a tab in the background may come once a minute only, so a server that
    /// cares pings by itself (T94).
    pub keepalive: Option<Duration>,
    /// Calls that are open or wait, observations included. 256.
    pub max_calls: usize,
    /// The largest body that we send or take as a response, in bytes. 16 MiB.
    pub max_body: usize,
    /// The largest body of a request of the server, in bytes. 1 MiB.
    pub max_request_body: usize,
    /// How many bytes may wait in the WebSocket (`bufferedAmount`), which has no limit of its
    /// own. 256 KiB (T94).
    pub max_buffered: usize,
    /// How long the WebSocket may send nothing of what waits in it. 30 s (T53).
    pub write_stall_timeout: Duration,
    /// Bytes of messages that came and cannot be taken yet. A browser reads on whatever we do;
    /// above it the connection is aborted. 1 MiB.
    pub max_inbox: usize,
    /// How long to wait at most before the first attempt to connect again, doubled by each loss
    /// in a row; the wait is random, from nothing to that (T88). 500 ms.
    pub backoff_first: Duration,
    /// What that grows to. 30 s.
    pub backoff_most: Duration,
    /// What is believed of a Hold-Off at most. 600 s (T58).
    pub max_hold_off: Duration,
}

/// The most bytes of one message of ours: with as much in the WebSocket it is still below
/// `max_buffered`.
pub(crate) const MAX_MESSAGE: u32 = 128 * 1024;

/// Block-wise transfer is ours to do, so its critical options are understood.
const UNDERSTOOD: &[OptionNumber] = &[OptionNumber::BLOCK1, OptionNumber::BLOCK2];

impl Settings {
    /// What the connection is made with.
    pub(crate) fn connection(&self) -> Config {
        let mut config = Config::new(Side::Initiator);
        config.serves = self.serves;
        config.understood = UNDERSTOOD;
        config.request_timeout = self.request_timeout.max(config.release_timeout);
        config.keepalive_interval = self.keepalive;
        config.limits.max_send_size = MAX_MESSAGE;
        config.limits.write_high = 2 * MAX_MESSAGE as usize;
        // A page has no observers: its answers are plain ones.
        config.limits.max_observers = 0;
        config
    }
}

impl Default for Settings {
    fn default() -> Settings {
        let seconds = Duration::from_secs;
        Settings {
            serves: false,
            reconnects: true,
            request_timeout: seconds(60),
            connect_timeout: seconds(20),
            keepalive: Some(seconds(25)),
            max_calls: 256,
            max_body: 16 << 20,
            max_request_body: 1 << 20,
            max_buffered: 256 * 1024,
            write_stall_timeout: seconds(30),
            max_inbox: 1 << 20,
            backoff_first: Duration::from_millis(500),
            backoff_most: seconds(30),
            max_hold_off: seconds(600),
        }
    }
}

/// Why a command was not taken. Nothing has changed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refused {
    /// The URI, the path, an option or the code cannot be.
    Invalid(String),
    /// `max_calls` are open.
    TooManyCalls {
        /// The limit.
        limit: usize,
    },
    /// The body is above `max_body`.
    TooLarge {
        /// Its bytes.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The session is closed or closing.
    Closed,
}

impl Refused {
    /// The kind of it, as JavaScript gets it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::TooManyCalls { .. } => "limit",
            Self::TooLarge { .. } => "too-large",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(why) => f.write_str(why),
            Self::TooManyCalls { limit } => write!(f, "{limit} requests are open already"),
            Self::TooLarge { size, limit } => {
                write!(f, "the body has {size} bytes, {limit} may be sent")
            }
            Self::Closed => f.write_str("the session is closed"),
        }
    }
}

impl std::error::Error for Refused {}
