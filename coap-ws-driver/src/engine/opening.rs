//! The opening handshake's part of an engine's life.

use super::event::{Event, Opened, OpeningError};
use super::{Engine, EngineError, SharedConfig, Stage};
use crate::handshake::{
    Accept, ClientHandshake, HandshakeError, HandshakeLimits, HeadReader, Refusal, decide,
    left_over,
};
use crate::policy::Policy;
use coap_ws_core::{Connection, Instant, Side};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use std::fmt;

/// A handshake in progress.
pub(super) enum Opening {
    Initiator(ClientHandshake),
    Acceptor {
        reader: HeadReader<Parts>,
        policy: Policy,
    },
    /// The rules are met; the application has the last word.
    Asked(Accept),
}

impl fmt::Debug for Opening {
    /// Without the head: it may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initiator(_) => "Initiator",
            Self::Acceptor { .. } => "Acceptor",
            Self::Asked(_) => "Asked",
        })
    }
}

/// What bytes made of it.
enum Outcome {
    More,
    /// As the initiator.
    Open,
    /// As the acceptor, by the rules.
    Meets(Box<Parts>, Accept),
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
            Opening::Acceptor { .. } | Opening::Asked(_) => Vec::new(),
        }
    }

    /// Whether the application is asked, and nothing is read until it has answered.
    pub(super) const fn is_asked(&self) -> bool {
        matches!(self, Opening::Asked(_))
    }

    /// How many of the bytes belonged to the head, and what came of it.
    fn read(&mut self, bytes: &[u8]) -> (usize, Outcome) {
        match self {
            Opening::Initiator(handshake) => match handshake.handle_bytes(bytes) {
                Ok(progress) => {
                    let done = progress.head.map_or(Outcome::More, |_| Outcome::Open);
                    (progress.taken, done)
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
            Opening::Asked(_) => (0, Outcome::More),
        }
    }
}

fn judge(head: Parts, policy: &Policy) -> Outcome {
    match decide(&head, policy) {
        Ok(accept) => Outcome::Meets(Box::new(head), accept),
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
            Outcome::Open => self.opened(Opened { authority: None, head: None }),
            Outcome::Meets(head, accept) if self.config.ask => {
                self.stage = Stage::Opening(Box::new(Opening::Asked(accept)));
                self.event = Some(Event::Asked(head));
            }
            Outcome::Meets(head, accept) => self.accepted(*head, &accept),
            Outcome::Refuse(refusal) => return self.refused(refusal),
            Outcome::Fail(error) => return self.failed(OpeningError::Handshake(error)),
        }
        self.input.extend_from_slice(bytes.get(taken..).unwrap_or_default());
    }

    /// Lets the initiator in that [`Event::Asked`] was about. `head` is kept with the
    /// connection; what its extensions hold, handlers see. Without effect at any other time.
    pub fn admit(&mut self, now: Instant, head: Parts) {
        self.advance(now);
        if let Stage::Opening(opening) = &self.stage
            && let Opening::Asked(accept) = &**opening
        {
            let accept = accept.clone();
            self.accepted(head, &accept);
        }
    }

    /// Turns the initiator away that [`Event::Asked`] was about, with an HTTP status of class 4
    /// or 5. Without effect at any other time.
    pub fn refuse(&mut self, now: Instant, status: StatusCode) {
        self.advance(now);
        if matches!(&self.stage, Stage::Opening(opening) if opening.is_asked()) {
            self.refused(Refusal::application(status));
        }
    }

    /// The end that accepts, over a stream whose opening handshake somebody else has carried out:
    /// a web server that was told `accept` by [`decide`] and has answered 101 with its
    /// [`headers`](Accept::headers). The next byte of the stream is the first frame's.
    ///
    /// The configuration's `ask` is of no effect: the application has had its say.
    ///
    /// # Errors
    ///
    /// [`EngineError::Config`].
    pub fn upgraded(
        now: Instant,
        config: impl Into<SharedConfig>,
        accept: &Accept,
        head: Parts,
    ) -> Result<Engine, EngineError> {
        let opening = Opening::Asked(accept.clone());
        let mut engine = Engine::new(now, config.into(), Side::Acceptor, opening)?;
        engine.entered(head, accept);
        Ok(engine)
    }

    fn accepted(&mut self, head: Parts, accept: &Accept) {
        self.output.extend_from_slice(&accept.response_head());
        self.entered(head, accept);
    }

    fn entered(&mut self, mut head: Parts, accept: &Accept) {
        head.headers = left_over(&head.headers);
        self.opened(Opened { authority: Some(accept.authority().clone()), head: Some(head) });
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
        self.finish();
    }

    fn opened(&mut self, opened: Opened) {
        // The configuration was checked when the engine was made.
        let Ok(connection) = Connection::new(self.config.connection()) else { return };
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

    pub(super) fn is_acceptor(&self) -> bool {
        self.config.connection.side == Side::Acceptor
    }
}
