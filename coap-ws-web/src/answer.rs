//! What a session gives out.

use crate::options::Options;
use bytes::Bytes;
use coap_ws_core::message::Code;
use coap_ws_core::{CloseReason, RequestError, Sent};
use std::fmt;
use std::time::Duration;

/// What the WebSocket is to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Open one to this URL, with the subprotocol `coap`; the one before is of no interest.
    Dial(String),
    /// Send one binary message.
    Send(Vec<u8>),
    /// Close it and forget it.
    Close {
        /// A code that browsers take.
        code: u16,
        /// For people, at most 123 bytes.
        reason: &'static str,
    },
}

/// What the page is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// There is a connection, for the first time or again.
    Open,
    /// The connection is lost, or an attempt to make a new one has failed.
    Lost {
        /// Why.
        reason: String,
        /// When the next attempt is made.
        retry_in: Duration,
    },
    /// The end. The last that is told.
    Closed {
        /// Why.
        reason: String,
        /// Whether it ended as it should.
        clean: bool,
        /// Whether there never was a connection. A browser does not tell why: refused for its
        /// origin, not there, not a WebSocket server, a certificate that is not trusted.
        refused: bool,
    },
    /// A response, whole.
    Response {
        /// To which call.
        call: u32,
        /// What it is.
        answer: Answer,
        /// Whether the call is over with it; not so for the states of what is observed.
        last: bool,
    },
    /// A call ended without a response.
    Failed {
        /// Which call.
        call: u32,
        /// Why.
        failure: Failure,
        /// Whether the server may have seen it.
        sent: bool,
    },
    /// The server asks.
    Request {
        /// To be handed to [`respond`](crate::Session::respond).
        id: u32,
        /// What it asks: the code is the method.
        request: Answer,
    },
    /// A request of the server's was not answered in time, or nobody waits for its answer any
    /// more.
    Expired {
        /// Which.
        id: u32,
    },
}

/// A code, options and a body: a response, or a request of the server's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The code.
    pub code: Code,
    /// The options, without those of blocks and without Observe.
    pub options: Options,
    /// The whole body.
    pub body: Bytes,
}

/// Why a call failed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Failure {
    /// No response in time.
    Timeout,
    /// The connection was lost.
    Lost(CloseReason),
    /// The session was closed.
    Closed,
    /// The transfer in blocks, or the response, went wrong.
    Protocol(String),
    /// The message cannot be written.
    Invalid(String),
}

impl Failure {
    /// The kind of it, as JavaScript gets it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Lost(_) => "lost",
            Self::Closed => "closed",
            Self::Protocol(_) => "protocol",
            Self::Invalid(_) => "invalid",
        }
    }

    pub(crate) const fn of(error: RequestError) -> Failure {
        match error {
            RequestError::Closed(reason) => Failure::Lost(reason),
            _ => Failure::Timeout,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("no response in time"),
            Self::Lost(reason) => write!(f, "the connection ended: {reason}"),
            Self::Closed => f.write_str("the session was closed"),
            Self::Protocol(why) | Self::Invalid(why) => f.write_str(why),
        }
    }
}

/// Whether the server may have seen it.
pub(crate) const fn maybe(sent: Sent) -> bool {
    matches!(sent, Sent::Maybe)
}
