//! Why a request or a connection did not work out, for applications.

use crate::engine::OpeningError;
use crate::response::{ErrorResponse, IntoResponse, Response};
use coap_ws_core::block::BlockError;
use coap_ws_core::message::Code;
use coap_ws_core::message::uri::UriError;
use coap_ws_core::pool::{Full, HeldOff, PoolConfigError};
use coap_ws_core::{CloseReason, PingError, RequestError, ResponseError, SendError, Sent};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Why a request got no response.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    sent: Sent,
}

/// What went wrong.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The URI reference is not valid.
    Uri(UriError),
    /// The URI names another host, port or scheme than this connection serves.
    OtherAuthority,
    /// The request cannot be sent.
    Send(SendError),
    /// The body cannot go in blocks, or the peer does it wrong (RFC 7959).
    Block(BlockError),
    /// What the body of the request comes from has failed.
    Body(Arc<std::io::Error>),
    /// A body that is not held whole needs block-wise transfer, which is switched off.
    BlockWiseOff,
    /// The peer refused to give the rest of a body that has begun to come.
    Refused(ErrorResponse),
    /// No response in time.
    Timeout,
    /// A response came that may not be used.
    Unusable(ResponseError),
    /// The connection ended first.
    Closed(Closed),
    /// There is no connection and none could be made.
    Connect(Arc<ConnectError>),
    /// There is no connection, and none may be made before the request's time is over.
    HeldOff {
        /// How long not.
        left: Duration,
        /// Whose wish that is.
        why: HeldOff,
    },
    /// There is no connection, and a limit of the endpoint allows no more.
    Full(Full),
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// Why.
    pub reason: CloseReason,
    /// What the peer said in its Abort or Release.
    pub diagnostic: Option<String>,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)?;
        match &self.diagnostic {
            Some(text) => write!(f, ": {text:?}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Closed {}

impl Error {
    pub(crate) const fn new(kind: ErrorKind, sent: Sent) -> Error {
        Error { kind, sent }
    }

    pub(crate) const fn unsent(kind: ErrorKind) -> Error {
        Error { kind, sent: Sent::No }
    }

    /// The peer's answer to a request for the next block of a body.
    pub(crate) fn refused(response: Response) -> Error {
        match response.success() {
            Err(refused) => Error::new(ErrorKind::Refused(refused), Sent::Maybe),
            Ok(_) => Error::new(ErrorKind::Block(BlockError::Malformed), Sent::Maybe),
        }
    }

    /// The same, of a transfer of which something may have left already.
    pub(crate) fn after(self, begun: bool) -> Error {
        Error { sent: if begun { Sent::Maybe } else { self.sent }, ..self }
    }

    /// Whether the request was too large for one message.
    pub(crate) const fn is_too_large(&self) -> bool {
        matches!(self.kind, ErrorKind::Send(SendError::TooLarge { .. }))
    }

    /// What went wrong.
    pub const fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Whether the request may have reached the peer (RFC 8323 §3.4; PING-14). With
    /// [`Sent::No`] it is safe to send it again.
    pub const fn sent(&self) -> Sent {
        self.sent
    }

    /// Whether no response came in time.
    pub const fn is_timeout(&self) -> bool {
        matches!(self.kind, ErrorKind::Timeout)
    }

    /// Whether the connection had ended, or did first.
    pub const fn is_closed(&self) -> bool {
        matches!(self.kind, ErrorKind::Closed(_))
    }

    /// Whether another connection would do what this one does not do any more.
    pub(crate) const fn is_of_the_end(&self) -> bool {
        let kind = &self.kind;
        matches!(kind, ErrorKind::Closed(_) | ErrorKind::Send(SendError::Releasing))
    }

    /// Whether an observation that ends by it may go on by another connection.
    pub(crate) const fn is_loss(&self) -> bool {
        let kind = &self.kind;
        self.is_of_the_end()
            || matches!(kind, ErrorKind::Connect(_) | ErrorKind::HeldOff { .. })
            || matches!(kind, ErrorKind::Full(_) | ErrorKind::Timeout)
    }

    pub(crate) fn failed(error: RequestError, sent: Sent, diagnostic: Option<&str>) -> Error {
        let kind = match error {
            RequestError::Closed(reason) => {
                ErrorKind::Closed(Closed { reason, diagnostic: diagnostic.map(String::from) })
            }
            _ => ErrorKind::Timeout,
        };
        Error { kind, sent }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ErrorKind::Uri(error) => error.fmt(f),
            ErrorKind::OtherAuthority => {
                f.write_str("the URI names another host, port or scheme than this connection's")
            }
            ErrorKind::Send(error) => error.fmt(f),
            ErrorKind::Block(error) => error.fmt(f),
            ErrorKind::Body(error) => write!(f, "the body cannot be read: {error}"),
            ErrorKind::BlockWiseOff => f.write_str("block-wise transfer is switched off"),
            ErrorKind::Refused(response) => write!(f, "the rest of the body: {response}"),
            ErrorKind::Timeout => f.write_str("no response within the timeout"),
            ErrorKind::Unusable(error) => error.fmt(f),
            ErrorKind::Closed(closed) => write!(f, "the connection ended: {closed}"),
            ErrorKind::Connect(error) => error.fmt(f),
            ErrorKind::HeldOff { left, why: HeldOff::Release } => {
                write!(f, "the server wants no new connection for another {left:.1?} (Hold-Off)")
            }
            ErrorKind::HeldOff { left, why: HeldOff::BackOff } => {
                write!(f, "connecting has failed and is not tried again for another {left:.1?}")
            }
            ErrorKind::Full(full) => full.fmt(f),
        }?;
        match self.sent {
            Sent::Maybe => f.write_str(" (the request may have been processed)"),
            Sent::No => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            ErrorKind::Uri(error) => Some(error),
            ErrorKind::Send(error) => Some(error),
            ErrorKind::Unusable(error) => Some(error),
            ErrorKind::Closed(closed) => Some(closed),
            ErrorKind::Connect(error) => Some(error),
            ErrorKind::Block(error) => Some(error),
            ErrorKind::Body(error) => Some(error.as_ref()),
            ErrorKind::Refused(response) => Some(response),
            ErrorKind::OtherAuthority
            | ErrorKind::Timeout
            | ErrorKind::BlockWiseOff
            | ErrorKind::HeldOff { .. }
            | ErrorKind::Full(_) => None,
        }
    }
}

/// A handler that asked somebody else and failed: 5.04 for a timeout, else 5.02
/// (RFC 7252 §5.7.1).
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let code = if self.is_timeout() { Code::GATEWAY_TIMEOUT } else { Code::BAD_GATEWAY };
        Response::error(code, self.to_string())
    }
}

/// Why a Ping got no Pong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PingFailure {
    /// None came in time.
    Timeout,
    /// The connection ended first.
    Closed(Closed),
    /// It could not be sent: four are unanswered, or output is not taken.
    Send(SendError),
}

impl PingFailure {
    pub(crate) fn of(error: PingError, diagnostic: Option<&str>) -> PingFailure {
        match error {
            PingError::Closed(reason) => {
                PingFailure::Closed(Closed { reason, diagnostic: diagnostic.map(String::from) })
            }
            _ => PingFailure::Timeout,
        }
    }
}

impl fmt::Display for PingFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("no Pong within the timeout"),
            Self::Closed(closed) => write!(f, "the connection ended: {closed}"),
            Self::Send(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PingFailure {}

/// Why a connection could not be made. Each stage has its own.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URI is not valid.
    Uri(UriError),
    /// The host name was not found.
    Resolve {
        /// The name.
        host: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// No address of the host takes connections.
    Tcp {
        /// `host:port`.
        address: String,
        /// What the last one said.
        source: std::io::Error,
    },
    /// The proxy makes no tunnel.
    Proxy {
        /// Which.
        proxy: String,
        /// Why.
        error: crate::proxy::ProxyError,
    },
    /// The scheme needs TLS and there is none.
    TlsMissing,
    /// The TLS handshake failed, or its settings cannot be used. With the feature `tls` a
    /// `tls::TlsFailure` or a `tls::TlsError`.
    Tls(Box<dyn std::error::Error + Send + Sync>),
    /// The stream failed within the opening handshake.
    Stream(std::io::Error),
    /// The opening handshake failed.
    Opening(OpeningError),
    /// It all took longer than `connect_timeout`.
    Timeout,
    /// The configuration cannot be used.
    Config(crate::engine::EngineError),
    /// The configuration of the pool cannot be used.
    Pool(PoolConfigError),
}

impl ConnectError {
    /// What a broken stream says: with TLS 1.3 a server refuses a client's certificate only
    /// after the handshake.
    pub(crate) fn of_stream(error: std::io::Error) -> ConnectError {
        #[cfg(feature = "tls")]
        if let Some(failure) = crate::tls::TlsFailure::of(&error) {
            return ConnectError::Tls(failure.into());
        }
        ConnectError::Stream(error)
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(error) => error.fmt(f),
            Self::Resolve { host, source } => write!(f, "no address for {host}: {source}"),
            Self::Tcp { address, source } => write!(f, "cannot connect to {address}: {source}"),
            Self::Proxy { proxy, error } => write!(f, "no tunnel through {proxy}: {error}"),
            Self::Stream(error) => write!(f, "the connection broke while opening: {error}"),
            Self::TlsMissing => f.write_str("coaps+ws needs TLS, which is not configured here"),
            Self::Tls(error) => write!(f, "the TLS handshake failed: {error}"),
            Self::Opening(error) => error.fmt(f),
            Self::Timeout => f.write_str("connecting took too long"),
            Self::Config(error) => write!(f, "the configuration cannot be used: {error}"),
            Self::Pool(error) => write!(f, "the configuration cannot be used: {error}"),
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Uri(error) => Some(error),
            Self::Resolve { source, .. } | Self::Tcp { source, .. } => Some(source),
            Self::Tls(error) => Some(error.as_ref()),
            Self::Proxy { error, .. } => Some(error),
            Self::Stream(error) => Some(error),
            Self::Opening(error) => Some(error),
            Self::Config(error) => Some(error),
            Self::Pool(error) => Some(error),
            Self::TlsMissing | Self::Timeout => None,
        }
    }
}
