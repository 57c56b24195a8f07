//! What the application is told.

use crate::error::{CloseReason, RequestError, ResponseError, Sent};
use crate::exchange::ExchangeId;
use crate::message::Message;
use crate::observe::ObserverId;
use crate::ping::PingId;
use crate::served::{RequestId, Responder};
use crate::signaling::{Abort, PeerSettings, Release};
use core::fmt;

/// What one message means: at most one thing, lent from the caller's bytes.
#[must_use]
#[derive(Debug)]
#[non_exhaustive]
pub enum Incoming<'m> {
    /// What the peer says of itself: told at each CSM, the first included (RFC 8323 §5.3).
    Settings(PeerSettings),
    /// The peer wants something.
    Request {
        /// The right to answer it.
        responder: Responder,
        /// The request. Its critical options are understood, its method is known.
        message: Message<'m>,
    },
    /// An answer to a request of ours.
    Response {
        /// Which request.
        exchange: ExchangeId,
        /// Any response class: 4.xx and 5.xx are answers too.
        message: Message<'m>,
        /// Whether the exchange is over with it. Not so for the notifications of an
        /// observation (RFC 7641 §3.2).
        last: bool,
    },
    /// An answer that may not be used; the request is over with it.
    Failed {
        /// Which request.
        exchange: ExchangeId,
        /// Why.
        error: ResponseError,
    },
    /// The peer answered a Ping of ours (RFC 8323 §5.4).
    Pong {
        /// Which Ping.
        ping: PingId,
        /// Whether it states that all that we sent before the Ping is processed (§5.4.1).
        custody: bool,
    },
    /// The peer wants the connection to end in good order (RFC 8323 §5.5). We close when its
    /// requests are answered.
    Release(Release<'m>),
    /// The peer has ended the connection (RFC 8323 §5.6).
    Abort(Abort<'m>),
}

/// What no message carried: time, loss, room. Never queued, derived from tables and flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A request of ours ended without a response. Told at most once for that request.
    Failed {
        /// Which request.
        exchange: ExchangeId,
        /// Why.
        error: RequestError,
        /// Whether it may have reached the peer.
        sent: Sent,
    },
    /// A request that wants no response at all was handed out, and is over with it
    /// (RFC 7967 §2.1; NR-08).
    Silent(ExchangeId),
    /// A request of the peer was not answered within `answer_timeout`; the core has answered
    /// 5.03.
    Expired(RequestId),
    /// What an observer watches has changed and there is room to tell it:
    /// [`notify`](crate::Connection::notify).
    NotificationDue(ObserverId),
    /// An observer is no more: it has deregistered, registered anew, or the connection ended.
    ObserverGone(ObserverId),
    /// A Ping of ours will not be answered any more.
    PingFailed {
        /// Which Ping.
        ping: PingId,
        /// Why.
        error: PingError,
    },
    /// A command was refused for lack of room, and there is room again. All that were refused
    /// may be tried again; what is refused once more is told once more.
    Room,
    /// The connection is over. The last event, told once.
    Closed(CloseReason),
}

/// Why a Ping got no Pong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PingError {
    /// None came in time (PING-07).
    Timeout,
    /// The connection ended first.
    Closed(CloseReason),
}

impl fmt::Display for PingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("no Pong within the timeout"),
            Self::Closed(reason) => write!(f, "the connection ended: {reason}"),
        }
    }
}

impl core::error::Error for PingError {}

/// There is no room for the one automatic answer that a message may cause. Nothing has
/// changed: offer the same message again when [`wants_input`](crate::Connection::wants_input).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotNow;

impl fmt::Display for NotNow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("output must drain before the next message can be taken")
    }
}

impl core::error::Error for NotNow {}

/// What is to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Transmit<'a> {
    /// One binary WebSocket message, unfragmented (WS-20, WS-22, WS-25).
    Message(&'a [u8]),
    /// The WebSocket Close, after which nothing is sent (RFC 6455 §5.5.1).
    Close {
        /// The status code. A browser may send 1000 and 3000 to 4999 only: there it is
        /// 3000 + this, see `WS-34`.
        code: u16,
        /// For people.
        reason: &'static str,
    },
}

/// How a WebSocket connection ended, as its transport saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Closing {
    /// With a Close of the peer that has this status code, `None` where it has none.
    Frame(Option<u16>),
    /// The stream ended without a Close.
    EndOfStream,
    /// The transport failed: reset, unreachable, TLS broken.
    Error,
    /// The transport has done what [`Transmit::Close`] asked for.
    Done,
    /// The peer does not read; the transport gave up on it.
    WriteStall,
}
