//! What an engine tells, owned.

use crate::handshake::{HandshakeError, Refusal};
use crate::policy::Authority;
use coap_ws_core::message::{OptionNumber, OwnedMessage};
use coap_ws_core::{
    CloseReason, ExchangeId, Incoming, PeerSettings, PingId, Responder, ResponseError,
};
use std::fmt;
use std::time::Duration;

/// What happened on a connection, in the order of its messages.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The opening handshake is done: CoAP may be spoken. The first event of a connection.
    Opened(Box<Opened>),
    /// With [`EngineConfig::ask`](super::EngineConfig): an initiator's request meets all rules;
    /// [`admit`](super::Engine::admit) or [`refuse`](super::Engine::refuse) it.
    Asked(Box<http::request::Parts>),
    /// There will be no connection. The only event then.
    OpeningFailed(OpeningError),
    /// What the peer says of itself (RFC 8323 §5.3).
    Settings(PeerSettings),
    /// The peer wants something.
    Request {
        /// The right to answer it.
        responder: Responder,
        /// The request.
        message: OwnedMessage,
    },
    /// An answer to a request of ours.
    Response {
        /// Which request.
        exchange: ExchangeId,
        /// The response.
        message: OwnedMessage,
        /// Whether the request is over with it; not so for the notifications of an observation
        /// (RFC 7641 §3.2).
        last: bool,
    },
    /// An answer that may not be used; the request is over with it.
    Unusable {
        /// Which request.
        exchange: ExchangeId,
        /// Why.
        error: ResponseError,
    },
    /// The peer answered a Ping of ours (RFC 8323 §5.4).
    Pong {
        /// Which Ping.
        ping: PingId,
        /// Whether it states custody.
        custody: bool,
    },
    /// The peer wants an orderly end (RFC 8323 §5.5).
    Release(ReleaseNotice),
    /// The peer has ended the connection (RFC 8323 §5.6).
    Abort(AbortNotice),
    /// What no message carried: see [`coap_ws_core::Event`]. `Closed` is the last of all.
    Core(coap_ws_core::Event),
}

/// A connection that was opened.
#[non_exhaustive]
pub struct Opened {
    /// What the initiator calls the acceptor: the default Uri-Host of its requests (WS-16).
    /// `None` at the initiator, which knows.
    pub authority: Option<Authority>,
    /// The head of the initiator's request, without the fields that the handshake itself has used
    /// up (`Upgrade`, `Connection`, `Sec-WebSocket-*`); `None` at the initiator.
    pub head: Option<http::request::Parts>,
}

impl fmt::Debug for Opened {
    /// Without the head: it may hold credentials (T92).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("authority", &self.authority).finish_non_exhaustive()
    }
}

/// Why an opening handshake failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpeningError {
    /// We are the acceptor and have refused; the answer is on its way.
    Refused(Refusal),
    /// We are the initiator and it did not work out.
    Handshake(HandshakeError),
    /// We are the acceptor and the stream ended first.
    Closed,
}

impl fmt::Display for OpeningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "refused: {}", refusal.body().trim_end()),
            Self::Handshake(error) => error.fmt(f),
            Self::Closed => f.write_str("the stream ended within the opening handshake"),
        }
    }
}

impl std::error::Error for OpeningError {}

/// A Release, owned (RFC 8323 §5.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReleaseNotice {
    /// How long not to connect to this peer again.
    pub hold_off: Duration,
    /// Where to connect to instead; at most [`MAX_ALTERNATIVES`] are kept.
    pub alternatives: Vec<String>,
    /// What the peer says about it.
    pub diagnostic: Option<String>,
}

impl ReleaseNotice {
    /// Asks the peer to stay away for a while, in whole seconds, at most 2^24 − 1.
    #[must_use]
    pub const fn hold_off(mut self, time: Duration) -> ReleaseNotice {
        self.hold_off = time;
        self
    }

    /// Names another address: `host[:port]`, for the same scheme.
    #[must_use]
    pub fn alternative(mut self, authority: impl Into<String>) -> ReleaseNotice {
        self.alternatives.push(authority.into());
        self
    }

    /// Says why, for people.
    #[must_use]
    pub fn diagnostic(mut self, text: impl Into<String>) -> ReleaseNotice {
        self.diagnostic = Some(text.into());
        self
    }
}

/// How many Alternative-Address options are looked at (T59).
pub const MAX_ALTERNATIVES: usize = 4;

/// The longest diagnostic payload that is kept, in bytes (T44).
pub const MAX_DIAGNOSTIC: usize = 256;

/// An Abort, owned (RFC 8323 §5.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AbortNotice {
    /// The option of our CSM that the peer could not process.
    pub bad_csm_option: Option<OptionNumber>,
    /// What the peer says about it.
    pub diagnostic: Option<String>,
}

impl Event {
    /// Whether it is the last one of its connection.
    pub const fn is_last(&self) -> bool {
        matches!(self, Event::OpeningFailed(_) | Event::Core(coap_ws_core::Event::Closed(_)))
    }

    /// Why the connection ended, where it is that event.
    pub const fn closed(&self) -> Option<CloseReason> {
        match self {
            Event::Core(coap_ws_core::Event::Closed(reason)) => Some(*reason),
            _ => None,
        }
    }

    /// The owned form of what a message means; `bytes` are what it was read from.
    pub(super) fn of(incoming: Incoming<'_>, bytes: &bytes::Bytes) -> Option<Event> {
        let own = |message| OwnedMessage::from_message(&message, bytes);
        Some(match incoming {
            Incoming::Settings(settings) => Event::Settings(settings),
            Incoming::Request { responder, message } => {
                Event::Request { responder, message: own(message) }
            }
            Incoming::Response { exchange, message, last } => {
                Event::Response { exchange, message: own(message), last }
            }
            Incoming::Failed { exchange, error } => Event::Unusable { exchange, error },
            Incoming::Pong { ping, custody } => Event::Pong { ping, custody },
            Incoming::Release(release) => Event::Release(ReleaseNotice {
                hold_off: release.hold_off(),
                alternatives: release
                    .alternative_addresses()
                    .take(MAX_ALTERNATIVES)
                    .map(String::from)
                    .collect(),
                diagnostic: release.diagnostic().map(cut),
            }),
            Incoming::Abort(abort) => Event::Abort(AbortNotice {
                bad_csm_option: abort.bad_csm_option(),
                diagnostic: abort.diagnostic().map(cut),
            }),
            _ => return None,
        })
    }
}

/// Text of the peer, of bounded length and without control characters (T44).
fn cut(text: &str) -> String {
    let mut kept = String::new();
    for c in text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }) {
        if kept.len().saturating_add(c.len_utf8()) > MAX_DIAGNOSTIC {
            break;
        }
        kept.push(c);
    }
    kept
}
