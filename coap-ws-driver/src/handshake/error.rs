//! What can come of a handshake that we opened.

use super::head_error::HeadError;
use crate::policy::AuthorityError;
use http::{HeaderName, StatusCode};
use std::error::Error;
use std::fmt;

/// Why a connection that we opened did not come about.
///
/// `Display` says what happened, why it probably did, and what to try.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The host to put into the `Host` header is none.
    Host(AuthorityError),
    /// An extra header field is one that the handshake itself is made of.
    ReservedHeader(HeaderName),
    /// The operating system gave no random bytes for the key.
    Randomness,
    /// The answer is no HTTP, or badly written, or too large (T16).
    Head(HeadError),
    /// The answer is HTTP/1.0, which cannot upgrade.
    HttpVersion,
    /// The server answered, but not with 101 (RFC 6455 §4.1 step 1, WS-09).
    #[non_exhaustive]
    Status {
        /// Its status.
        status: StatusCode,
        /// Where it sends us (3xx), if it said so in at most 256 printable characters. Redirects
        /// are not followed (T16).
        location: Option<String>,
    },
    /// A 101 without `Upgrade: websocket` (step 2, WS-11).
    Upgrade,
    /// A 101 without `Connection: Upgrade` (step 3, WS-11).
    Connection,
    /// The `Sec-WebSocket-Accept` is missing (step 4).
    AcceptMissing,
    /// It came twice (§11.3.3, WS-42).
    AcceptRepeated,
    /// It answers another key than ours (WS-10).
    AcceptWrong,
    /// The server chose an extension, and none was offered (step 5, WS-13).
    Extension,
    /// The server chose no subprotocol (WS-07).
    SubprotocolMissing,
    /// It chose one twice (§11.3.4, WS-42).
    SubprotocolRepeated,
    /// It chose another than `coap` (step 6, WS-08).
    SubprotocolWrong,
    /// The server closed the connection before its answer was complete.
    Closed,
    /// The handshake took too long (T01).
    TimedOut,
}

impl From<HeadError> for HandshakeError {
    fn from(error: HeadError) -> Self {
        Self::Head(error)
    }
}

impl Error for HandshakeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Host(error) => Some(error),
            Self::Head(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host(error) => return write!(f, "no Host header can be made: {error}"),
            Self::ReservedHeader(name) => {
                return write!(
                    f,
                    "the handshake sets {name} itself; leave it out of the extra \
                     header fields"
                );
            }
            Self::Head(error) => return write!(f, "the server's answer cannot be used: {error}"),
            Self::Status { status, location } => {
                write!(f, "the server answered HTTP {}: ", status.as_u16())?;
                return status_hint(f, *status, location.as_deref());
            }
            Self::Randomness => "the operating system gave no random bytes",
            Self::HttpVersion => {
                "the answer is HTTP/1.0, which has no upgrade; is a proxy in between that speaks \
                 no 1.1?"
            }
            Self::Upgrade => "the answer is 101 but upgrades to something else than websocket",
            Self::Connection => {
                "the answer is 101 without Connection: Upgrade; does a proxy in between take it \
                 away?"
            }
            Self::AcceptMissing => "the answer has no Sec-WebSocket-Accept; this is no WebSocket",
            Self::AcceptRepeated => "the answer has more than one Sec-WebSocket-Accept",
            Self::AcceptWrong => {
                "the answer's Sec-WebSocket-Accept is not for our key; is a cache in between?"
            }
            Self::Extension => "the server uses a WebSocket extension that was not offered",
            Self::SubprotocolMissing => {
                "the server speaks WebSocket but not coap (no Sec-WebSocket-Protocol); is it \
                 the right address?"
            }
            Self::SubprotocolRepeated => "the answer has more than one Sec-WebSocket-Protocol",
            Self::SubprotocolWrong => {
                "the server chose another subprotocol than coap; is it the right address?"
            }
            Self::Closed => {
                "the server closed the connection instead of answering; does it serve CoAP over \
                 WebSockets on this port, with this scheme?"
            }
            Self::TimedOut => {
                "the server did not answer in time; is it the right port, and is coaps+ws meant?"
            }
        })
    }
}

/// Why a status probably came, and what to try.
fn status_hint(
    f: &mut fmt::Formatter<'_>,
    status: StatusCode,
    location: Option<&str>,
) -> fmt::Result {
    f.write_str(match status.as_u16() {
        300..=399 => {
            return match location {
                Some(place) => write!(f, "redirects are not followed; is this the place: {place}"),
                None => f.write_str("redirects are not followed; use the address itself"),
            };
        }
        200..=299 => "something else than a WebSocket is served there; is it the right address?",
        400 => {
            "it finds the request wrong; does it want TLS (coaps+ws), or does a proxy in between \
             drop the Upgrade header?"
        }
        401 | 407 => "credentials are missing or wrong (Authorization header, client certificate)",
        403 => "the server refuses this Origin or Host, or these credentials",
        404 | 410 => "the server has no CoAP at /.well-known/coap; is a proxy rule missing?",
        405 | 501 => "it does not take a WebSocket at /.well-known/coap; is a proxy rule missing?",
        408 => "the request did not arrive in time",
        421 => "the server is not the one for this host name; does the proxy know the name?",
        426 => "it wants another WebSocket version or protocol; does a proxy drop the upgrade?",
        429 => "too many requests; try again later",
        431 => "the request's header fields are too large for it; send fewer",
        502..=504 => "the server behind it is down or too slow; try again later",
        500..=599 => "the server failed; try again later",
        _ => "this is not what a WebSocket server answers",
    })
}
