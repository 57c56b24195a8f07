//! The opening handshake's part of an engine's life.

use super::event::{Event, Opened, OpeningError};
use super::{Engine, Stage};
use crate::handshake::{
    ClientHandshake, HandshakeError, HandshakeLimits, HeadReader, Refusal, decide,
};
use crate::policy::Policy;
use coap_ws_core::Connection;
use http::HeaderMap;
use http::request::Parts;
use std::fmt;

/// A handshake in progress.
pub(super) enum Opening {
    Initiator(ClientHandshake),
    Acceptor { reader: HeadReader<Parts>, policy: Policy },
}

impl fmt::Debug for Opening {
    /// Without the head: it may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initiator(_) => "Initiator",
            Self::Acceptor { .. } => "Acceptor",
        })
    }
}

/// What bytes made of it.
enum Outcome {
    More,
    Open(Opened, Vec<u8>),
    Refuse(Refusal),
    Fail(HandshakeError),
}

impl Opening {
    pub(super) fn initiator(
        host: &str,
        headers: &HeaderMap,
        limits: HandshakeLimits,
    ) -> Result<Opening, HandshakeError> {
        Ok(Opening::Initiator(ClientHandshake::new(host, headers)?.with_limits(limits)))
    }

    pub(super) fn acceptor(policy: Policy, limits: HandshakeLimits) -> Opening {
        Opening::Acceptor { reader: HeadReader::new(limits), policy }
    }

    /// What is to be sent before anything has come.
    pub(super) fn first_flight(&self) -> Vec<u8> {
        match self {
            Opening::Initiator(handshake) => handshake.request().to_vec(),
            Opening::Acceptor { .. } => Vec::new(),
        }
    }

    /// How many of the bytes belonged to the head, and what came of it.
    fn read(&mut self, bytes: &[u8]) -> (usize, Outcome) {
        match self {
            Opening::Initiator(handshake) => match handshake.handle_bytes(bytes) {
                Ok(progress) => {
                    let opened = Opened { authority: None, head: None };
                    let done = progress.head.map(|_| Outcome::Open(opened, Vec::new()));
                    (progress.taken, done.unwrap_or(Outcome::More))
                }
                Err(error) => (bytes.len(), Outcome::Fail(error)),
            },
            Opening::Acceptor { reader, policy } => match reader.push(bytes) {
                Ok(progress) => {
                    let Some(head) = progress.head else { return (progress.taken, Outcome::More) };
                    (progress.taken, judge(head, policy))
                }
                Err(error) => (bytes.len(), Outcome::Refuse(error.into())),
            },
        }
    }
}

fn judge(head: Parts, policy: &Policy) -> Outcome {
    match decide(&head, policy) {
        Ok(accept) => {
            let authority = Some(accept.authority().clone());
            Outcome::Open(Opened { authority, head: Some(head) }, accept.response_head())
        }
        Err(refusal) => Outcome::Refuse(refusal),
    }
}

impl Engine {
    /// Bytes of the opening handshake; what lies behind its head are frames (WS-44).
    pub(super) fn open_with(&mut self, bytes: &[u8]) {
        let Stage::Opening(opening) = &mut self.stage else { return };
        let (taken, outcome) = opening.read(bytes);
        match outcome {
            Outcome::More => {}
            Outcome::Open(opened, response) => {
                self.output.extend_from_slice(&response);
                self.opened(opened);
                self.input.extend_from_slice(bytes.get(taken..).unwrap_or_default());
            }
            Outcome::Refuse(refusal) => self.refused(refusal),
            Outcome::Fail(error) => self.failed(OpeningError::Handshake(error)),
        }
    }

    /// The opening handshake has taken too long (T01, T02).
    pub(super) fn opening_late(&mut self) {
        match self.is_acceptor() {
            true => self.refused(Refusal::timed_out()),
            false => self.failed(OpeningError::Handshake(HandshakeError::TimedOut)),
        }
    }

    /// The stream has ended within the opening handshake.
    pub(super) fn opening_cut(&mut self) {
        let error = match self.is_acceptor() {
            true => OpeningError::Closed,
            false => OpeningError::Handshake(HandshakeError::Closed),
        };
        self.failed(error);
        self.stage = Stage::Done;
    }

    fn opened(&mut self, opened: Opened) {
        // The configuration was checked when the engine was made.
        let Ok(connection) = Connection::new(self.config.connection.clone()) else { return };
        let connection = self.connection.insert(connection);
        connection.handle_alive(self.now);
        self.stage = Stage::Open;
        self.timers.stage = None;
        self.timers.progress = self.now;
        self.event = Some(Event::Opened(Box::new(opened)));
    }

    /// A real HTTP answer that says what was wrong, then the end (WS-43).
    fn refused(&mut self, refusal: Refusal) {
        self.output.extend_from_slice(&refusal.response());
        self.timers.progress = self.now;
        self.failed(OpeningError::Refused(refusal));
    }

    fn failed(&mut self, error: OpeningError) {
        self.event = Some(Event::OpeningFailed(error));
        self.linger();
    }

    fn is_acceptor(&self) -> bool {
        self.config.connection.side == coap_ws_core::Side::Acceptor
    }
}
