//! What can be wrong with a head.

use std::error::Error;
use std::fmt;

/// Why bytes are no HTTP head that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadError {
    /// The head does not end within the limit (T04).
    TooLarge {
        /// The limit.
        max_bytes: usize,
    },
    /// The head has more header lines than the limit (T05).
    TooManyHeaders {
        /// The limit.
        max_headers: usize,
    },
    /// It is HTTP, but badly written (T15).
    Malformed(Malformed),
    /// It is no HTTP/1 at all.
    NotHttp(Smell),
}

impl From<Malformed> for HeadError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { max_bytes } => write!(
                f,
                "the HTTP head is longer than {max_bytes} bytes; send fewer or shorter header \
                 fields (cookies?), or raise \
                 HandshakeLimits::max_bytes"
            ),
            Self::TooManyHeaders { max_headers } => write!(
                f,
                "the HTTP head has more than {max_headers} header lines; send fewer, or raise \
                 HandshakeLimits::max_headers"
            ),
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::NotHttp(smell) => smell.fmt(f),
        }
    }
}

impl Error for HeadError {}

/// What is badly written in a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// A line ends with LF alone, which some parsers take for an end and others do not.
    BareLf,
    /// A CR without LF, likewise.
    BareCr,
    /// A control character, NUL included.
    Control,
    /// A line continues the one before ("obs-fold", RFC 9112 §5.2).
    Fold,
    /// The first line is empty, or none of HTTP.
    StartLine,
    /// The request target is no URI, or has a fragment.
    Target,
    /// The version is neither HTTP/1.1 nor HTTP/1.0.
    Version,
    /// A header line without a colon, or with a name or value that is none.
    Header,
}

impl From<httparse::Error> for Malformed {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::Version => Self::Version,
            httparse::Error::Token | httparse::Error::Status => Self::StartLine,
            _ => Self::Header,
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BareLf => "a line of the HTTP head ends with LF alone; lines end with CRLF",
            Self::BareCr => "the HTTP head holds a CR without LF; lines end with CRLF",
            Self::Control => "the HTTP head holds a control character",
            Self::Fold => "a header line begins with a space; a field goes on one line",
            Self::StartLine => "the first line is not one of HTTP/1.1",
            Self::Target => "the request target is not a path or URI",
            Self::Version => "the HTTP version is unknown; WebSockets begin with HTTP/1.1",
            Self::Header => "a header line is not a name, a colon and a value",
        })
    }
}

impl Error for Malformed {}

/// What bytes that are no HTTP/1 look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Smell {
    /// TLS, where none is expected.
    Tls,
    /// CoAP over TCP (RFC 8323 §3), or some other binary protocol.
    CoapTcp,
    /// A WebSocket frame, before any handshake.
    WebSocketFrame,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// The PROXY protocol of HAProxy, version 1.
    ProxyProtocol,
    /// Nothing known.
    Unknown,
}

impl fmt::Display for Smell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls => "this looks like TLS: is coaps+ws meant?",
            Self::CoapTcp => {
                "this looks like CoAP over TCP or another binary protocol: is coap+tcp meant, or \
                 another port?"
            }
            Self::WebSocketFrame => {
                "this looks like a WebSocket frame, but the opening handshake comes first"
            }
            Self::Http2 => {
                "this looks like HTTP/2: a WebSocket begins with HTTP/1.1; let the proxy speak \
                 that to us"
            }
            Self::ProxyProtocol => {
                "this looks like the PROXY protocol: take send-proxy out of the proxy's rule"
            }
            Self::Unknown => "this is not HTTP: is it the right port?",
        })
    }
}

impl Error for Smell {}
