//! How a server says no: a real HTTP answer that tells a human what to change.

use super::head_error::HeadError;
use super::reason::RefusalReason;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use std::error::Error;
use std::fmt;

/// A refused opening handshake (RFC 6455 §4.2.2): a status, and one line of text with what is
/// wrong and what to try.
///
/// Write [`response`](Refusal::response), shut down the writing side, and let the peer's remaining
/// bytes drain for a while; or, in a mounted server, answer with [`status`](Refusal::status),
/// [`headers`](Refusal::headers) and [`body`](Refusal::body).
///
/// Nothing that the peer sent is repeated, but for a `Host` or an `Origin` that was parsed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    reason: RefusalReason,
}

impl Refusal {
    /// A refusal of the application's own, for a hook that has seen the head. A status that is no
    /// error becomes 403.
    pub fn application(status: StatusCode) -> Self {
        let error = status.is_client_error() || status.is_server_error();
        RefusalReason::Application(if error { status } else { StatusCode::FORBIDDEN }).into()
    }

    /// The head did not arrive in time (T01, T02).
    pub fn timed_out() -> Self {
        RefusalReason::TimedOut.into()
    }

    /// Which rule the request broke.
    pub fn reason(&self) -> &RefusalReason {
        &self.reason
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.reason.status()
    }

    /// The text of the answer: one line.
    pub fn body(&self) -> String {
        format!("{}\n", self.reason)
    }

    /// The fields of the answer, without its `Content-Length`.
    pub fn headers(&self) -> HeaderMap {
        self.fields().map(|(_, name, value)| (name, HeaderValue::from_static(value))).collect()
    }

    /// The whole answer, for a web server of the `http` crate's types.
    pub fn to_http(&self) -> http::Response<String> {
        let mut response = http::Response::new(self.body());
        *response.status_mut() = self.status();
        *response.headers_mut() = self.headers();
        response
    }

    /// The whole answer as bytes.
    pub fn response(&self) -> Vec<u8> {
        let status = self.status();
        let phrase = status.canonical_reason().unwrap_or("Refused");
        let body = self.body();
        let mut text = format!("HTTP/1.1 {} {phrase}\r\n", status.as_u16());
        for (name, _, value) in self.fields() {
            text.extend([name, ": ", value, "\r\n"]);
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        // An answer to HEAD ends with its head (RFC 9110 §9.3.2).
        if self.reason != RefusalReason::Method(Method::HEAD) {
            text.push_str(&body);
        }
        text.into_bytes()
    }

    fn fields(&self) -> impl Iterator<Item = (&'static str, HeaderName, &'static str)> {
        let upgrade = self.status() == StatusCode::UPGRADE_REQUIRED;
        let version = matches!(
            self.reason,
            RefusalReason::VersionMissing
                | RefusalReason::VersionRepeated
                | RefusalReason::VersionUnsupported
        );
        // 426 must name the protocol, and a sent Upgrade must be listed in Connection (RFC 9110
        // §15.5.22, §7.8).
        let connection = if upgrade { "close, Upgrade" } else { "close" };
        [
            Some(("Connection", header::CONNECTION, connection)),
            upgrade.then_some(("Upgrade", header::UPGRADE, "websocket")),
            // What we do understand (RFC 6455 §4.4, WS-12).
            version.then_some(("Sec-WebSocket-Version", header::SEC_WEBSOCKET_VERSION, "13")),
            Some(("Content-Type", header::CONTENT_TYPE, "text/plain; charset=utf-8")),
        ]
        .into_iter()
        .flatten()
    }
}

impl From<RefusalReason> for Refusal {
    fn from(reason: RefusalReason) -> Self {
        Self { reason }
    }
}

impl From<HeadError> for Refusal {
    /// 431 for what is too large, 400 for what is no HTTP (T04, T05, T15).
    fn from(error: HeadError) -> Self {
        RefusalReason::Head(error).into()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused with HTTP {}: {}", self.status().as_u16(), self.reason)
    }
}

impl Error for Refusal {}
