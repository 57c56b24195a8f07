//! The initiator's half (RFC 6455 §4.1).

use super::error::HandshakeError;
use super::fields::{Count, elements, has_token, single};
use super::head::{HandshakeLimits, HeadReader, Progress};
use super::{PATH, SUBPROTOCOL, sec_websocket_accept};
use crate::policy::Authority;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderMap, HeaderName};
use http::response::Parts;
use http::{StatusCode, Version};
use std::fmt;

/// The longest `Location` that is worth showing.
const MAX_LOCATION: usize = 256;

/// An opening handshake that we begin: a request to write, and a reader for what comes back.
///
/// Send nothing else before the answer (WS-01). One value is one attempt: its key is never used
/// again (WS-42).
pub struct ClientHandshake {
    request: Vec<u8>,
    /// The `Sec-WebSocket-Accept` that answers our key.
    accept: String,
    reader: HeadReader<Parts>,
    state: State,
}

enum State {
    Reading,
    Open,
    Failed(HandshakeError),
}

impl ClientHandshake {
    /// A handshake with the server `host`, as it goes into the `Host` header: `host[:port]`, the
    /// port only if it is not the scheme's default (WS-16). The key is fresh from the operating
    /// system (WS-42).
    ///
    /// `extra` is for `Authorization`, `Cookie`, `Origin` and the like. It cannot replace what the
    /// handshake is made of: that is [`HandshakeError::ReservedHeader`].
    pub fn new(host: &str, extra: &HeaderMap) -> Result<Self, HandshakeError> {
        let mut key = [0; 16];
        getrandom::fill(&mut key).map_err(|_| HandshakeError::Randomness)?;
        Self::with_key(host, extra, key)
    }

    /// The same with a key of your own, which must be random and used once; for simulations.
    pub fn with_key(host: &str, extra: &HeaderMap, key: [u8; 16]) -> Result<Self, HandshakeError> {
        host.parse::<Authority>().map_err(HandshakeError::Host)?;
        if let Some(name) = extra.keys().find(|name| is_reserved(name)) {
            return Err(HandshakeError::ReservedHeader(name.clone()));
        }
        let key = STANDARD.encode(key);
        // `coap` alone, `Upgrade` alone, no line of ours above 160 bytes: libcoap 4.3.5 answers
        // 400 to anything else (WS-02). No extension is offered (WS-15).
        let mut request = format!(
            "GET {PATH} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n"
        )
        .into_bytes();
        // Names and values of a `HeaderMap` hold no CR or LF.
        for (name, value) in extra {
            request.extend_from_slice(name.as_str().as_bytes());
            request.extend_from_slice(b": ");
            request.extend_from_slice(value.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        let accept = sec_websocket_accept(key.as_bytes());
        Ok(Self { request, accept, reader: HeadReader::default(), state: State::Reading })
    }

    /// The same with other limits for the answer.
    #[must_use]
    pub fn with_limits(self, limits: HandshakeLimits) -> Self {
        Self { reader: HeadReader::new(limits), ..self }
    }

    /// Takes bytes of the server's answer; with [`Progress::head`] the connection is open, and
    /// what lies beyond [`Progress::taken`] are its first frames (WS-44).
    ///
    /// Interim answers (100, 103) are passed over (RFC 9110 §15.2), within the same limits. Of a
    /// refusal the head is read and nothing of the body (T16). Once the connection is open no byte
    /// is taken any more, and after an error every further call returns that error.
    pub fn handle_bytes(&mut self, bytes: &[u8]) -> Result<Progress<Parts>, HandshakeError> {
        match &self.state {
            State::Reading => {}
            State::Open => return Ok(Progress { taken: 0, head: None }),
            State::Failed(error) => return Err(error.clone()),
        }
        let outcome = self.read(bytes);
        match &outcome {
            Ok(Progress { head: Some(_), .. }) => self.state = State::Open,
            Ok(_) => {}
            Err(error) => self.state = State::Failed(error.clone()),
        }
        outcome
    }

    fn read(&mut self, bytes: &[u8]) -> Result<Progress<Parts>, HandshakeError> {
        let mut taken = 0_usize;
        loop {
            let progress = self.reader.push(bytes.get(taken..).unwrap_or_default())?;
            taken = taken.saturating_add(progress.taken);
            match progress.head {
                Some(head) if is_interim(head.status) => {}
                Some(head) => {
                    self.validate(&head)?;
                    return Ok(Progress { taken, head: Some(head) });
                }
                None => return Ok(Progress { taken, head: None }),
            }
        }
    }

    /// The bytes to send, whole.
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// Judges an answer (RFC 6455 §4.1, the six steps for the response). For heads that were read
    /// elsewhere; [`handle_bytes`](Self::handle_bytes) does it by itself.
    pub fn validate(&self, head: &Parts) -> Result<(), HandshakeError> {
        if head.status != StatusCode::SWITCHING_PROTOCOLS {
            let location = location(&head.headers);
            return Err(HandshakeError::Status { status: head.status, location });
        }
        if head.version != Version::HTTP_11 {
            return Err(HandshakeError::HttpVersion);
        }
        // A single value here, where `Connection` is a list (steps 2 and 3, WS-11).
        let mut upgrade = elements(&head.headers, &header::UPGRADE);
        if !upgrade.next().is_some_and(|to| to.eq_ignore_ascii_case(b"websocket"))
            || upgrade.next().is_some()
        {
            return Err(HandshakeError::Upgrade);
        }
        if !has_token(&head.headers, &header::CONNECTION, "upgrade") {
            return Err(HandshakeError::Connection);
        }
        match single(&head.headers, &header::SEC_WEBSOCKET_ACCEPT) {
            Count::Missing => return Err(HandshakeError::AcceptMissing),
            Count::Repeated => return Err(HandshakeError::AcceptRepeated),
            Count::Once(accept) if *accept != *self.accept => {
                return Err(HandshakeError::AcceptWrong);
            }
            Count::Once(_) => {}
        }
        if head.headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS) {
            return Err(HandshakeError::Extension);
        }
        match single(&head.headers, &header::SEC_WEBSOCKET_PROTOCOL) {
            Count::Missing => Err(HandshakeError::SubprotocolMissing),
            Count::Repeated => Err(HandshakeError::SubprotocolRepeated),
            Count::Once(protocol) if protocol != SUBPROTOCOL => {
                Err(HandshakeError::SubprotocolWrong)
            }
            Count::Once(_) => Ok(()),
        }
    }
}

impl fmt::Debug for ClientHandshake {
    /// Without the request: it may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHandshake").finish_non_exhaustive()
    }
}

/// Fields that are the handshake itself, or would give the request a body.
fn is_reserved(name: &HeaderName) -> bool {
    const RESERVED: [HeaderName; 8] = [
        header::HOST,
        header::UPGRADE,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::TRAILER,
        header::TE,
        header::EXPECT,
    ];
    RESERVED.contains(name) || name.as_str().starts_with("sec-websocket-")
}

fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}

/// Where a redirect leads, if it can be shown: visible characters only, so that no terminal is
/// driven by a server.
fn location(headers: &HeaderMap) -> Option<String> {
    let location = headers.get(header::LOCATION)?.to_str().ok()?;
    let shown = location.len() <= MAX_LOCATION && location.bytes().all(|b| b.is_ascii_graphic());
    shown.then(|| location.to_owned())
}
