//! The rules that an acceptor refuses by, one variant each.

use super::head_error::{HeadError, Smell};
use crate::policy::{Authority, Origin};
use http::{Method, StatusCode};
use std::fmt;

/// The rule that a refused request broke.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalReason {
    /// It has no head that we read: 431, or 400 (T04, T05, T15).
    Head(HeadError),
    /// The head did not arrive in time: 408 (T01, T02).
    TimedOut,
    /// Not HTTP/1.1: 400 (WS-43).
    HttpVersion,
    /// Not GET: 400 (WS-43).
    Method(Method),
    /// A body is announced: 400 (T15).
    Body,
    /// The absolute request target is none of http(s) or ws(s), or names a user: 400 (WS-43).
    Target,
    /// Another path than `/.well-known/coap`, or a query: 404 (WS-03, WS-04).
    Path,
    /// No `Host`: 400 (WS-43).
    HostMissing,
    /// More than one `Host`: 400 (T15).
    HostRepeated,
    /// A `Host` that is no host: 400 (WS-43).
    HostInvalid,
    /// A host that is no name of this server: 403 (T11).
    HostForeign(Authority),
    /// Another host than the TLS handshake asked for (SNI): 421 (T12).
    HostMisdirected(Authority),
    /// More than one `Origin`: 400.
    OriginRepeated,
    /// An `Origin` that is none: 403 (SEC-08).
    OriginInvalid,
    /// A page that may not connect: 403 (SEC-08, T10).
    OriginForeign(Origin),
    /// A plain GET, as by a browser's address bar: 426.
    PlainGet,
    /// No `Upgrade: websocket`: 400 (WS-11, WS-43).
    Upgrade,
    /// No `Connection: Upgrade`: 400 (WS-11, WS-43).
    Connection,
    /// No `Sec-WebSocket-Version`: 400 (WS-12).
    VersionMissing,
    /// More than one `Sec-WebSocket-Version`: 400 (RFC 6455 §11.3.5).
    VersionRepeated,
    /// A `Sec-WebSocket-Version` other than 13: 426 (WS-12).
    VersionUnsupported,
    /// No `Sec-WebSocket-Key`: 400 (WS-43).
    KeyMissing,
    /// More than one `Sec-WebSocket-Key`: 400 (WS-43).
    KeyRepeated,
    /// A `Sec-WebSocket-Key` that is not 16 bytes in base64: 400 (WS-43).
    KeyInvalid,
    /// The subprotocol `coap` is not offered: 400 (WS-06, T14).
    Subprotocol,
    /// The application refused it, with a status of its own.
    Application(StatusCode),
}

impl RefusalReason {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Head(HeadError::TooLarge { .. } | HeadError::TooManyHeaders { .. }) => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::Path => StatusCode::NOT_FOUND,
            Self::HostForeign(_) | Self::OriginInvalid | Self::OriginForeign(_) => {
                StatusCode::FORBIDDEN
            }
            Self::HostMisdirected(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::PlainGet | Self::VersionUnsupported => StatusCode::UPGRADE_REQUIRED,
            Self::Application(status) => *status,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl fmt::Display for RefusalReason {
    /// What is wrong, and what to try.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            // To a TLS client this is noise, but a capture or a log shows it.
            Self::Head(HeadError::NotHttp(Smell::Tls)) => {
                "this looks like TLS, but this port speaks plain HTTP: is coap+ws meant, or the \
                 port for coaps+ws?"
            }
            Self::Head(error) => return error.fmt(f),
            Self::HostForeign(host) => {
                return write!(
                    f,
                    "{host} is no name of this server; tell it its name with public_uris / \
                     --public-uri, and let a proxy pass on the Host (nginx: proxy_set_header \
                     Host $http_host)"
                );
            }
            Self::HostMisdirected(host) => {
                return write!(
                    f,
                    "the TLS handshake asked for another name than {host}; connect to {host} \
                     by that name"
                );
            }
            Self::OriginForeign(origin) => {
                return write!(
                    f,
                    "pages of origin {origin} may not connect; list it in allowed_origins / \
                     --allow-origin, or behind a proxy set public_uris / --public-uri"
                );
            }
            reason => reason.fixed(),
        })
    }
}

impl RefusalReason {
    /// The texts without parameters.
    fn fixed(&self) -> &'static str {
        match self {
            Self::TimedOut => "the request head did not arrive in time",
            Self::HttpVersion => "a WebSocket begins with HTTP/1.1 (nginx: proxy_http_version 1.1)",
            Self::Method(_) => "a WebSocket begins with GET",
            Self::Body => {
                "a WebSocket request has no body; leave out Content-Length and Transfer-Encoding"
            }
            Self::Target => "the request target is no http(s) or ws(s) URI without user name",
            Self::Path => {
                "nothing is served here but CoAP over WebSockets (RFC 8323) at /.well-known/coap"
            }
            Self::HostMissing => "the Host header is missing",
            Self::HostRepeated => "there is more than one Host header",
            Self::HostInvalid => "the Host header is not a host with an optional port",
            Self::OriginRepeated => "there is more than one Origin header",
            Self::OriginInvalid => {
                "the Origin is not scheme://host[:port], so no allowed_origins / --allow-origin \
                 can name it"
            }
            Self::PlainGet => {
                "this is CoAP over WebSockets (RFC 8323), nothing for a browser's address bar: \
                 open it with a CoAP client, with coap+ws:// instead of http:// (coaps+ws:// \
                 instead of https://)"
            }
            Self::Upgrade => {
                "Upgrade: websocket is missing; does a proxy in between drop it (nginx: \
                 proxy_set_header Upgrade $http_upgrade)?"
            }
            Self::Connection => {
                "Connection: Upgrade is missing; does a proxy in between drop it (nginx: \
                 proxy_set_header Connection upgrade)?"
            }
            Self::VersionMissing => "Sec-WebSocket-Version is missing; use 13",
            Self::VersionRepeated => "there is more than one Sec-WebSocket-Version; use 13",
            Self::VersionUnsupported => "this Sec-WebSocket-Version is not supported; use 13",
            Self::KeyMissing => "Sec-WebSocket-Key is missing",
            Self::KeyRepeated => "there is more than one Sec-WebSocket-Key",
            Self::KeyInvalid => "Sec-WebSocket-Key is not the base64 of 16 bytes",
            Self::Subprotocol => {
                "only CoAP is spoken here; offer it with Sec-WebSocket-Protocol: coap"
            }
            Self::Application(_) => "the application refused the connection",
            Self::Head(_)
            | Self::HostForeign(_)
            | Self::HostMisdirected(_)
            | Self::OriginForeign(_) => "refused",
        }
    }
}
