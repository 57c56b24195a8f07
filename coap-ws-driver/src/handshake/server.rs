//! The acceptor's half (RFC 6455 §4.2).

use super::fields::{Count, elements, has_token, single};
use super::reason::RefusalReason as Reason;
use super::refusal::Refusal;
use super::{PATH, SUBPROTOCOL, sec_websocket_accept};
use crate::policy::{Authority, Origin, Policy};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode, Uri, Version};

/// How keys are decoded. Only the number of bytes is asked for (WS-43), so that the last character
/// may hold bits that belong to none: simple clients draw 22 characters by lot.
const KEY_ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Judges the head of an opening handshake: the rules of RFC 6455 §4.2.1 and RFC 8323 §4.1, then
/// those of `policy`.
///
/// The head may come from a [`HeadReader`](super::HeadReader) or from a web server's HTTP/1.1
/// implementation. There the target must be the whole path: a router that strips a prefix leaves
/// another, which is 404.
///
/// Offered extensions are ignored (WS-15), and so is every field that is none of the handshake's.
pub fn decide(head: &Parts, policy: &Policy) -> Result<Accept, Refusal> {
    if head.version != Version::HTTP_11 {
        return Err(Reason::HttpVersion.into());
    }
    if head.method != Method::GET {
        return Err(Reason::Method(head.method.clone()).into());
    }
    no_body(&head.headers)?;
    let authority = authority(head)?;
    if head.uri.path() != PATH || head.uri.query().is_some() {
        return Err(Reason::Path.into());
    }
    if !policy.answers_to(&authority) {
        return Err(Reason::HostForeign(authority).into());
    }
    if !policy.agrees_with_tls(&authority) {
        return Err(Reason::HostMisdirected(authority).into());
    }
    if let Some(origin) = origin(&head.headers)?
        && !policy.admits(&origin, &authority)
    {
        return Err(Reason::OriginForeign(origin).into());
    }
    upgrade(&head.headers)?;
    version(&head.headers)?;
    let accept = accept(&head.headers)?;
    // Of several lines with several names each, all are one list (RFC 6455 §11.3.4, WS-05).
    if !elements(&head.headers, &header::SEC_WEBSOCKET_PROTOCOL)
        .any(|offered| offered == SUBPROTOCOL.as_bytes())
    {
        return Err(Reason::Subprotocol.into());
    }
    Ok(Accept { accept, authority })
}

/// An opening handshake that is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept {
    accept: HeaderValue,
    authority: Authority,
}

impl Accept {
    /// What the client calls us: its host is the default Uri-Host of the client's requests (WS-16).
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The 101 up to its blank line; frames may follow at once.
    pub fn response_head(&self) -> Vec<u8> {
        // Its own names as RFC 6455 §1.2 writes them: peers compare without case, as they must,
        // but not all did always.
        let mut head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
            Connection: Upgrade\r\nSec-WebSocket-Protocol: coap\r\nSec-WebSocket-Accept: "
            .to_vec();
        head.extend_from_slice(self.accept.as_bytes());
        head.extend_from_slice(b"\r\n\r\n");
        head
    }

    /// The 101, for a web server of the `http` crate's types.
    pub fn response(&self) -> http::Response<()> {
        let mut response = http::Response::new(());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = self.headers();
        response
    }

    /// The fields of the 101, for a server that writes its answers itself.
    pub fn headers(&self) -> HeaderMap {
        HeaderMap::from_iter([
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            (header::CONNECTION, HeaderValue::from_static("Upgrade")),
            (header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL)),
            (header::SEC_WEBSOCKET_ACCEPT, self.accept.clone()),
        ])
    }
}

/// A body would be read as frames by us and as a body by a proxy: what smuggling lives on (T15).
fn no_body(headers: &HeaderMap) -> Result<(), Reason> {
    let announced = headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get_all(header::CONTENT_LENGTH).iter().any(|length| length != "0");
    if announced { Err(Reason::Body) } else { Ok(()) }
}

/// What the client calls us. Exactly one valid `Host` is needed in any case, but an absolute
/// request target has the say (RFC 9112 §3.2, §3.2.2).
fn authority(head: &Parts) -> Result<Authority, Reason> {
    let host = match single(&head.headers, &header::HOST) {
        Count::Missing => return Err(Reason::HostMissing),
        Count::Repeated => return Err(Reason::HostRepeated),
        Count::Once(value) => text(value).and_then(|text| text.parse().ok()),
    };
    let host = host.ok_or(Reason::HostInvalid)?;
    Ok(absolute_target(&head.uri)?.unwrap_or(host))
}

fn absolute_target(uri: &Uri) -> Result<Option<Authority>, Reason> {
    let Some(scheme) = uri.scheme_str() else { return Ok(None) };
    if !["http", "https", "ws", "wss"].iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        return Err(Reason::Target);
    }
    // Our parser takes no user information, which is an error here (RFC 9110 §4.2.4).
    let authority = uri.authority().and_then(|authority| authority.as_str().parse().ok());
    authority.map(Some).ok_or(Reason::Target)
}

fn origin(headers: &HeaderMap) -> Result<Option<Origin>, Reason> {
    match single(headers, &header::ORIGIN) {
        Count::Missing => Ok(None),
        Count::Repeated => Err(Reason::OriginRepeated),
        Count::Once(value) => match text(value).and_then(|text| text.parse().ok()) {
            Some(origin) => Ok(Some(origin)),
            None => Err(Reason::OriginInvalid),
        },
    }
}

/// `Upgrade` and `Connection` are lists, compared without case (WS-11).
fn upgrade(headers: &HeaderMap) -> Result<(), Reason> {
    let upgrade = has_token(headers, &header::UPGRADE, "websocket");
    let connection = has_token(headers, &header::CONNECTION, "upgrade");
    match (upgrade, connection) {
        (true, true) => Ok(()),
        (true, false) => Err(Reason::Connection),
        (false, true) => Err(Reason::Upgrade),
        // A WebSocket client behind a proxy that took both fields away still sends its key.
        (false, false) if headers.contains_key(header::SEC_WEBSOCKET_KEY) => Err(Reason::Upgrade),
        (false, false) => Err(Reason::PlainGet),
    }
}

fn version(headers: &HeaderMap) -> Result<(), Reason> {
    match single(headers, &header::SEC_WEBSOCKET_VERSION) {
        Count::Missing => Err(Reason::VersionMissing),
        Count::Repeated => Err(Reason::VersionRepeated),
        Count::Once(value) if value == "13" => Ok(()),
        Count::Once(_) => Err(Reason::VersionUnsupported),
    }
}

/// The answer to the key.
fn accept(headers: &HeaderMap) -> Result<HeaderValue, Reason> {
    let key = match single(headers, &header::SEC_WEBSOCKET_KEY) {
        Count::Missing => return Err(Reason::KeyMissing),
        Count::Repeated => return Err(Reason::KeyRepeated),
        Count::Once(key) => key.as_bytes(),
    };
    // 24 characters are 16 to 18 bytes; anything longer is not worth decoding.
    let decoded = if key.len() == 24 { KEY_ENGINE.decode(key).ok() } else { None };
    if decoded.is_none_or(|bytes| bytes.len() != 16) {
        return Err(Reason::KeyInvalid);
    }
    // Base64 always makes a header value; were it not so, the key would be to blame.
    HeaderValue::try_from(sec_websocket_accept(key)).map_err(|_| Reason::KeyInvalid)
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}
