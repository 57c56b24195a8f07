//! Commands: what the application wants.

use super::Connection;
use crate::error::{CloseReason, Refused, RefusedWhy, SendError};
use crate::exchange::{ExchangeId, Wants};
use crate::message::{
    Code, DISCLAIM_ALL, Encode, EncodeError, Encoder, Observe, OptionNumber, Response, WithObserve,
};
use crate::phase::Step;
use crate::ping::PingId;
use crate::queue::{Lane, PushError};
use crate::served::Responder;
use crate::signaling::{self, Signal};
use crate::storage::Storage;
use crate::time::Instant;
use crate::token::PeerToken;
use core::time::Duration;

/// How a request is to be treated.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct RequestOptions {
    /// How long to wait for the response; [`Config::request_timeout`](crate::Config) where it
    /// is `None`.
    pub timeout: Option<Duration>,
    /// Whether to be told of changes (RFC 7641): the request gets an Observe option, and
    /// responses follow until one says that it is the [`last`](crate::Incoming::Response).
    pub observe: bool,
    /// Whether it is one of several that make up one operation.
    pub operation: Operation,
}

/// Which requests belong together: those for the blocks of a body (RFC 7959). It matters once
/// the peer has released the connection, for what is begun is to be finished (RFC 8323 §5.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Operation {
    /// One request, one response.
    #[default]
    Single,
    /// More requests may follow. Where the response says so
    /// ([`is_to_be_continued`](crate::message::Message::is_to_be_continued)), the operation is open: the
    /// connection is not done before one that [`Continues`](Operation::Continues) it, or
    /// [`leave_off`](Connection::leave_off).
    Begins,
    /// It goes on with an operation that is open, also where the peer has released the
    /// connection. What follows is as with [`Begins`](Operation::Begins).
    Continues,
}

impl RequestOptions {
    /// Says how it belongs to others.
    #[must_use]
    pub const fn operation(mut self, operation: Operation) -> RequestOptions {
        self.operation = operation;
        self
    }

    /// Wants to be told of changes (RFC 7641).
    #[must_use]
    pub const fn observe(mut self) -> RequestOptions {
        self.observe = true;
        self
    }

    /// Waits this long for the response.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> RequestOptions {
        self.timeout = Some(timeout);
        self
    }
}

/// What a Release says (RFC 8323 §5.5).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ReleaseOptions<'a> {
    /// How long the peer is not to connect again, in whole seconds, at most 2^24 − 1.
    pub hold_off: Duration,
    /// Where the peer may connect instead: `host[:port]`, same scheme, 1 to 255 bytes each.
    pub alternative_addresses: &'a [&'a str],
    /// For people.
    pub diagnostic: &'a str,
}

impl<'a> ReleaseOptions<'a> {
    /// Says why, for people.
    #[must_use]
    pub const fn diagnostic(mut self, text: &'a str) -> ReleaseOptions<'a> {
        self.diagnostic = text;
        self
    }

    /// Asks the peer to stay away for a while.
    #[must_use]
    pub const fn hold_off(mut self, time: Duration) -> ReleaseOptions<'a> {
        self.hold_off = time;
        self
    }

    /// Names other addresses.
    #[must_use]
    pub const fn alternatives(mut self, addresses: &'a [&'a str]) -> ReleaseOptions<'a> {
        self.alternative_addresses = addresses;
        self
    }
}

impl<S: Storage> Connection<S> {
    /// Sends a request. It ends exactly once: with
    /// [`Incoming::Response`](crate::Incoming::Response) or
    /// [`Failed`](crate::Incoming::Failed), with
    /// [`Event::Failed`](crate::Event::Failed) or [`Silent`](crate::Event::Silent), or by
    /// [`cancel`](Connection::cancel).
    ///
    /// Where either end has released the connection, it is refused; but where only the peer
    /// has, what [`Continues`](Operation::Continues) an open operation may leave.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing has changed.
    pub fn request(
        &mut self,
        now: Instant,
        message: &impl Encode,
        options: RequestOptions,
    ) -> Result<ExchangeId, SendError> {
        self.advance(now);
        self.may_send(options.operation)?;
        if !message.code().is_request() {
            return Err(SendError::NotARequest(message.code()));
        }
        let Ok(slot) = self.exchanges.vacancy() else {
            self.wants.exchange = true;
            return Err(SendError::TooManyExchanges);
        };
        let id = self.exchanges.preview(slot).ok_or(SendError::TooManyExchanges)?;
        let limit = self.max_send();
        // Observe is only said by who wants to hear what follows from it.
        let observe = if options.observe { Observe::Write(REGISTER) } else { Observe::Strip };
        let watched = WithObserve { message, observe };
        let pushed = self.queue.push(Lane::Command, id.token().as_bytes(), &watched, limit);
        let no_response = pushed.map_err(|error| self.send_error(error, limit))?;
        let wants = match options.observe {
            true => Wants::Notifications,
            false if no_response & DISCLAIM_ALL == DISCLAIM_ALL => Wants::Nothing,
            false => Wants::Response,
        };
        let timeout = options.timeout.unwrap_or(self.config.request_timeout);
        let deadline = self.now.saturating_add(timeout);
        self.exchanges.open(slot, id, deadline, wants, options.operation != Operation::Single);
        if options.operation == Operation::Continues {
            self.unfinished = self.unfinished.saturating_sub(1);
        }
        self.set_deadline(deadline);
        self.stats.requests_sent = self.stats.requests_sent.saturating_add(1);
        Ok(id)
    }

    /// Answers a request of the peer. The response loses its No-Response option, and is not
    /// sent at all where the request's No-Response bitmap covers its class (RFC 7967 §2.1).
    ///
    /// # Errors
    ///
    /// [`Refused`], with the responder back; nothing has changed.
    pub fn respond(
        &mut self,
        now: Instant,
        responder: Responder,
        message: &impl Encode,
    ) -> Result<(), Refused> {
        self.advance(now);
        if !self.phase.is_live() {
            return Err(Refused { responder, why: RefusedWhy::Closed });
        }
        let code = message.code();
        if !code.is_response() {
            return Err(Refused { responder, why: RefusedWhy::NotAResponse(code) });
        }
        let Some(back) = self.served.find(responder.id()) else {
            return Err(Refused { responder, why: RefusedWhy::Expired });
        };
        if back.unwanted(code) {
            self.stats.responses_suppressed = self.stats.responses_suppressed.saturating_add(1);
        } else {
            // Without an observer there is nothing to number.
            let plain = WithObserve { message, observe: Observe::Strip };
            if let Err(why) = self.push_response(&back.token, &plain) {
                return Err(Refused { responder, why });
            }
            self.stats.responses_sent = self.stats.responses_sent.saturating_add(1);
        }
        self.served.close(responder.id());
        self.settle();
        Ok(())
    }

    pub(super) fn push_response(
        &mut self,
        token: &PeerToken,
        message: &impl Encode,
    ) -> Result<(), RefusedWhy> {
        let limit = self.max_send();
        let token = token.as_bytes();
        let pushed = if token.is_empty() {
            // Two bytes alone would not be heard by every peer (TOK-28).
            self.queue.push(Lane::Command, token, &Padded::new(message), limit)
        } else {
            self.queue.push(Lane::Command, token, message, limit)
        };
        pushed.map(drop).map_err(|error| self.refused_why(error, limit))
    }

    /// Whether a response of this class would be sent at all. Saves building one.
    pub fn wants_response(&self, responder: &Responder, code: Code) -> bool {
        self.served.find(responder.id()).is_some_and(|back| !back.unwanted(code))
    }

    /// Loses interest in a request: nothing will be told of it any more. Where it has not been
    /// handed out yet, it is not sent. False where it was over already.
    pub fn cancel(&mut self, now: Instant, exchange: ExchangeId) -> bool {
        self.advance(now);
        let retire_at = self.now.saturating_add(self.config.request_timeout);
        let cancelled = self.exchanges.cancel(exchange, retire_at);
        if cancelled && self.phase.is_live() {
            self.set_deadline(retire_at);
        }
        self.settle();
        cancelled
    }

    /// Sends a Ping (RFC 8323 §5.4). With `custody` the Pong comes when all that was sent
    /// before is processed (§5.4.1). It ends exactly once: with
    /// [`Incoming::Pong`](crate::Incoming::Pong) or
    /// [`Event::PingFailed`](crate::Event::PingFailed).
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing has changed. Four Pings may be unanswered.
    pub fn ping(&mut self, now: Instant, custody: bool) -> Result<PingId, SendError> {
        self.advance(now);
        if !self.phase.is_live() {
            return Err(SendError::Closed);
        }
        if !self.pings.has_vacancy() {
            self.wants.ping = true;
            return Err(SendError::TooManyExchanges);
        }
        let limit = self.max_send();
        let queued = self.queue_ping(Lane::Command, custody);
        let id = queued.map_err(|error| self.send_error(error, limit))?;
        let deadline = self.now.saturating_add(self.config.ping_timeout);
        self.pings.open(id, deadline);
        self.set_deadline(deadline);
        Ok(id)
    }

    pub(super) fn queue_ping(&mut self, lane: Lane, custody: bool) -> Result<PingId, PushError> {
        let number = self.exchanges.preview_ping();
        let id = PingId::new(number.ok_or(PushError::NoRoom { size: usize::MAX })?);
        let limit = self.max_send();
        self.queue.push(lane, id.token().as_bytes(), &Signal::Ping { custody }, limit)?;
        self.exchanges.ping_sent();
        Ok(id)
    }

    /// Asks for an orderly end (RFC 8323 §5.5): no new request leaves us, what is begun is
    /// finished, the peer is to close. After `release_timeout` we close ourselves.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing has changed. [`SendError::Releasing`] where we did so before.
    pub fn release(&mut self, now: Instant, options: ReleaseOptions<'_>) -> Result<(), SendError> {
        self.advance(now);
        if !self.phase.is_live() {
            return Err(SendError::Closed);
        }
        if self.phase.released_by_us() {
            return Err(SendError::Releasing);
        }
        let whole = options.alternative_addresses.iter().all(|a| (1..=255).contains(&a.len()));
        if !whole {
            let option = OptionNumber::new(2);
            return Err(SendError::Encode(EncodeError::OptionLength(option)));
        }
        let hold_off = u32::try_from(options.hold_off.as_secs()).unwrap_or(u32::MAX);
        let text = if options.diagnostic.is_empty() { "bye" } else { options.diagnostic };
        let limit = self.max_send();
        let release = Signal::Release {
            hold_off: hold_off.min(0x00ff_ffff),
            alternatives: options.alternative_addresses,
            diagnostic: signaling::cut(text, MAX_DIAGNOSTIC.min(limit.saturating_sub(8))),
        };
        let pushed = self.queue.push(Lane::Command, &[], &release, limit);
        pushed.map_err(|error| self.send_error(error, limit))?;
        self.step(Step::WeRelease);
        let started = *self.timers.ours.get_or_insert(self.now);
        self.set_deadline(started.saturating_add(self.config.release_timeout));
        self.settle();
        Ok(())
    }

    /// Ends the connection at once (RFC 8323 §5.6): Abort, then close 1002. What is in flight
    /// fails.
    pub fn abort(&mut self, now: Instant, diagnostic: &str) {
        self.advance(now);
        if !self.phase.is_live() {
            return;
        }
        let text = if diagnostic.is_empty() { "aborted" } else { diagnostic };
        self.queue_abort(None, text);
        self.end(CloseReason::Aborted);
        self.order_close(1002, "aborted");
    }

    /// An operation that is open is not gone on with: nobody waits for its next request. To be
    /// called once for each response that said that more follows and was not followed.
    pub fn leave_off(&mut self, now: Instant) {
        self.advance(now);
        self.unfinished = self.unfinished.saturating_sub(1);
        self.settle();
    }

    fn may_send(&self, operation: Operation) -> Result<(), SendError> {
        if !self.phase.is_live() {
            return Err(SendError::Closed);
        }
        let goes_on = operation == Operation::Continues && self.holds_operations();
        if self.phase.may_request() || goes_on { Ok(()) } else { Err(SendError::Releasing) }
    }

    /// Whether operations of ours are to be finished before the peer's Release is obeyed. One
    /// of our own ends them: who sends it asks for nothing more (REL-05).
    pub(super) fn holds_operations(&self) -> bool {
        self.unfinished > 0 && !self.phase.released_by_us()
    }

    pub(super) fn send_error(&mut self, error: PushError, limit: usize) -> SendError {
        match error {
            PushError::NoRoom { size } => {
                self.wants.output(size);
                SendError::NoRoom
            }
            PushError::TooLarge { size } if self.peer.is_none() && size <= self.max_ever() => {
                SendError::AwaitingSettings
            }
            PushError::TooLarge { size } => SendError::TooLarge { size, limit },
            PushError::Encode(error) => SendError::Encode(error),
        }
    }

    pub(super) fn refused_why(&mut self, error: PushError, limit: usize) -> RefusedWhy {
        match error {
            PushError::NoRoom { size } => {
                self.wants.output(size);
                RefusedWhy::NoRoom
            }
            PushError::TooLarge { size } => RefusedWhy::TooLarge { size, limit },
            PushError::Encode(error) => RefusedWhy::Encode(error),
        }
    }
}

/// The Observe values of a request (RFC 7641 §2).
pub(super) const REGISTER: u32 = 0;
pub(super) const DEREGISTER: u32 = 1;

/// The longest diagnostic payload that we send, in bytes: a line of text.
pub(super) const MAX_DIAGNOSTIC: usize = 80;

/// A response to a request with an empty token: never exactly two bytes (TOK-28). Where it has
/// neither option nor payload, a success gets its Max-Age and an error a text.
struct Padded<'a, M> {
    message: &'a M,
    bare: bool,
}

impl<'a, M: Encode> Padded<'a, M> {
    fn new(message: &'a M) -> Padded<'a, M> {
        let mut nothing = [0; 0];
        let mut probe = Encoder::new(&mut nothing, message.code(), &[]);
        let bare = message.encode(&mut probe).is_ok() && probe.len() == 2;
        Padded { message, bare }
    }
}

impl<M: Encode> Encode for Padded<'_, M> {
    fn code(&self) -> Code {
        self.message.code()
    }

    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), EncodeError> {
        if !self.bare {
            return self.message.encode(out);
        }
        let code = self.message.code();
        if code.is_error() {
            return Response::error(code, code.name().unwrap_or("error")).encode(out);
        }
        // 2.01, 2.02 and 2.04 are not cacheable anyway; the others get what is the default.
        let fixed = matches!(code, Code::CREATED | Code::DELETED | Code::CHANGED);
        out.uint(OptionNumber::MAX_AGE, if fixed { 0 } else { 60 })
    }
}
