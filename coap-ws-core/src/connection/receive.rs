//! What happened: one message, one meaning.

use super::Connection;
use crate::error::{CloseReason, Flood, ResponseError, Violation};
use crate::event::{Closing, Incoming, NotNow};
use crate::exchange::Match;
use crate::message::{
    Code, Encode, Kind, Message, Response, check_request, check_response, disclaims, no_response,
};
use crate::phase::Step;
use crate::queue::Lane;
use crate::served::Return;
use crate::signaling::{self, Abort, Release, Signal};
use crate::storage::Storage;
use crate::time::Instant;
use crate::token::{PeerToken, SHORT};

/// The most that an answer without content has besides its token: two bytes in front, two of
/// the token's length, a marker and a byte (TOK-28).
const ECHO_OVERHEAD: usize = 6;

impl<S: Storage> Connection<S> {
    /// One binary WebSocket message has come.
    ///
    /// What it means is returned, lent from `message`; `Ok(None)` where it means nothing to
    /// the application: it was answered here, ignored, or ended the connection.
    ///
    /// # Errors
    ///
    /// [`NotNow`] while [`wants_input`](Connection::wants_input) is false. Nothing has changed;
    /// offer the same message again later.
    pub fn handle_message<'m>(
        &mut self,
        now: Instant,
        message: &'m [u8],
    ) -> Result<Option<Incoming<'m>>, NotNow> {
        self.advance(now);
        if !self.phase.is_live() {
            // After the end is decided no byte changes anything (WS-35, ABT-01).
            return Ok(None);
        }
        if !self.wants_input() {
            return Err(NotNow);
        }
        self.handle_alive(now);
        self.stats.messages_received = self.stats.messages_received.saturating_add(1);
        let incoming = self.take(message);
        self.settle();
        Ok(incoming.unwrap_or_else(|violation| {
            self.violated(violation);
            None
        }))
    }

    /// A text message has come: Abort, then close 1003 (WS-21).
    pub fn handle_text(&mut self, now: Instant) {
        self.handle_violation(now, Violation::TextMessage);
    }

    /// The header of a message has come that is larger than
    /// [`max_message_size`](crate::Limits::max_message_size): Abort, then close 1009 (CSM-17).
    /// None of it need be read.
    pub fn handle_oversized(&mut self, now: Instant) {
        self.handle_violation(now, Violation::TooLarge);
    }

    /// The peer broke a rule that the framer below watches over: RFC 6455, or a flood of
    /// control frames.
    pub fn handle_violation(&mut self, now: Instant, violation: Violation) {
        self.advance(now);
        if self.phase.is_live() {
            self.violated(violation);
        }
    }

    /// A byte of the peer has come, if only of a frame that is not complete: it is alive
    /// (PING-08, T54). [`handle_message`](Connection::handle_message) says so by itself.
    pub fn handle_alive(&mut self, now: Instant) {
        self.advance(now);
        self.timers.heard = self.now;
        if self.timers.pinged.take().is_some()
            && self.phase.is_live()
            && let Some(deadline) = self.liveness_deadline()
        {
            // The wait for silence may be shorter than the one for an answer.
            self.set_deadline(deadline);
        }
    }

    /// The WebSocket connection has ended, or the transport has carried out our Close.
    pub fn handle_closed(&mut self, now: Instant, how: Closing) {
        self.advance(now);
        let released = self.phase.released_by_us() || self.phase.released_by_peer();
        let reason = match how {
            // After a Release a missing Close is tolerated: libcoap sends none.
            Closing::Frame(_) | Closing::EndOfStream | Closing::Done if released => {
                CloseReason::Released
            }
            Closing::Frame(code) => CloseReason::ClosedByPeer(code.unwrap_or(1005)),
            Closing::WriteStall => CloseReason::WriteStall,
            Closing::Done | Closing::EndOfStream | Closing::Error => CloseReason::Lost,
        };
        self.end(reason);
        self.gone();
    }

    fn take<'m>(&mut self, bytes: &'m [u8]) -> Result<Option<Incoming<'m>>, Violation> {
        if bytes.len()
            > self.config.limits.max_message_size.max(signaling::BASE_MESSAGE_SIZE) as usize
        {
            return Err(Violation::TooLarge);
        }
        let message = Message::parse(bytes).map_err(Violation::Format)?;
        let kind = message.code().kind();
        if kind == Kind::Empty {
            // Ignored at any time, even before the CSM (FMT-10, CSM-09).
            return self.empty();
        }
        let ending = matches!(message.code(), Code::RELEASE | Code::ABORT);
        if self.peer.is_none() && message.code() != Code::CSM && !ending {
            // Release and Abort are what they are, even first (CSM-10).
            return Err(Violation::SettingsMissing);
        }
        // No Abort for an Abort, whatever its token (ABT-04).
        let limited = matches!(kind, Kind::Request | Kind::Signal) && message.code() != Code::ABORT;
        if limited && message.token().len() > self.config.limits.max_token_length {
            // Responses may carry any token that we chose (FMT-08, TOK-20).
            return Err(Violation::TokenTooLong { length: message.token().len() });
        }
        match kind {
            Kind::Signal => self.signal(message),
            Kind::Request => self.request_came(message),
            Kind::Response => self.response_came(message),
            Kind::Reserved | Kind::Empty => Ok(self.reserved(&message)),
        }
    }

    fn empty<'m>(&mut self) -> Result<Option<Incoming<'m>>, Violation> {
        self.stats.empty_received = self.stats.empty_received.saturating_add(1);
        if self.budgets.empty.spend(self.now, self.config.limits.empty) {
            Ok(None)
        } else {
            Err(Violation::Flood(Flood::Empty))
        }
    }

    fn signal<'m>(&mut self, message: Message<'m>) -> Result<Option<Incoming<'m>>, Violation> {
        let code = message.code();
        if code == Code::ABORT {
            // Whatever else is in it, the connection is over; no Abort for an Abort (ABT-10).
            // Nor is anybody there to read what is queued (T60).
            self.queue.clear();
            self.end(CloseReason::AbortedByPeer);
            self.order_close(1000, "aborted by peer");
            return Ok(Some(Incoming::Abort(Abort::new(message))));
        }
        signaling::check(&message)
            .map_err(|fault| Violation::CriticalSignalOption { code, option: fault.option })?;
        match code {
            Code::CSM => self.settings(&message).map(Some),
            Code::PING => self.ping_came(&message).map(|()| None),
            Code::PONG => {
                let custody = signaling::custody(&message);
                let ping = self.pings.answer(message.token());
                Ok(ping.map(|ping| Incoming::Pong { ping, custody }))
            }
            Code::RELEASE => {
                self.step(Step::TheyRelease);
                let drain = *self.timers.theirs.get_or_insert(self.now);
                self.set_deadline(drain.saturating_add(self.config.drain_timeout));
                Ok(Some(Incoming::Release(Release::new(message))))
            }
            // Unassigned signals are ignored once their options are looked at (SIG-07).
            _ => Ok(None),
        }
    }

    fn settings<'m>(&mut self, message: &Message<'m>) -> Result<Incoming<'m>, Violation> {
        if !self.budgets.settings.spend(self.now, self.config.limits.settings) {
            return Err(Violation::Flood(Flood::Settings));
        }
        let minimum = self.config.limits.min_peer_message_size;
        let settings = self.peer.unwrap_or_default().after(message, minimum);
        let settings = settings.map_err(|fault| Violation::BadSetting(fault.option))?;
        self.peer = Some(settings);
        self.step(Step::Settings);
        Ok(Incoming::Settings(settings))
    }

    /// Ping: the Pong has the identical token (PING-01); with Custody it waits (PING-03).
    fn ping_came(&mut self, message: &Message<'_>) -> Result<(), Violation> {
        self.check_echo(message)?;
        let custody = signaling::custody(message);
        let deadline = self.now.saturating_add(self.config.custody_timeout);
        // Where there is no memory to wait with, the Pong goes out at once.
        if custody
            && let Some(token) = PeerToken::new(message.token())
            && self.served.hold_pong(token, deadline)
        {
            self.set_deadline(deadline);
            return Ok(());
        }
        // Custody is stated only where it is true (PING-04).
        let custody = custody && self.served.open_count() == 0;
        let blank = message.token().is_empty();
        self.answer(message.token(), &Signal::Pong { custody, blank });
        Ok(())
    }

    /// Whether an answer with this message's token could be said at all: one byte of code, the
    /// token, and a marker with a byte to spare. Where the peer takes less than what it asks to
    /// have echoed, there is nothing else to say (TOK-29).
    fn check_echo(&self, message: &Message<'_>) -> Result<(), Violation> {
        let length = message.token().len();
        if length > SHORT && length.saturating_add(ECHO_OVERHEAD) > self.max_send() {
            return Err(Violation::TokenTooLong { length });
        }
        Ok(())
    }

    fn request_came<'m>(
        &mut self,
        message: Message<'m>,
    ) -> Result<Option<Incoming<'m>>, Violation> {
        self.check_echo(&message)?;
        let Some(back) = Return::of(&message) else {
            // Within what was advertised, but not manageable now (TOK-19).
            self.stats.requests_refused = self.stats.requests_refused.saturating_add(1);
            if !disclaims(no_response(&message), Code::SERVICE_UNAVAILABLE) {
                let error = Response::error(Code::SERVICE_UNAVAILABLE, "no memory for the token");
                self.answer(message.token(), &error);
            }
            return Ok(None);
        };
        Ok(self.request_of(message, back))
    }

    fn request_of<'m>(&mut self, message: Message<'m>, back: Return) -> Option<Incoming<'m>> {
        self.stats.requests_received = self.stats.requests_received.saturating_add(1);
        if !self.config.serves {
            self.refuse(&back, Code::NOT_IMPLEMENTED, "no server here");
            return None;
        }
        if !self.observe_came(&message, &back) {
            return None;
        }
        let limits = &self.config.limits;
        if let Err(fault) = check_request(&message, self.config.understood, limits.max_options) {
            self.refuse_option(&back, fault);
            return None;
        }
        let deadline = self.now.saturating_add(self.config.answer_timeout);
        match self.served.open(back, deadline) {
            Ok(responder) => {
                self.set_deadline(deadline);
                Some(Incoming::Request { responder, message })
            }
            Err(back) => {
                self.stats.requests_refused = self.stats.requests_refused.saturating_add(1);
                self.refuse(&back, Code::SERVICE_UNAVAILABLE, "too many requests in flight");
                None
            }
        }
    }

    fn refuse_option(&mut self, back: &Return, fault: crate::message::RequestFault) {
        match fault.option {
            Some(number) => {
                let mut text = heapless::String::<64>::new();
                let number = number.get();
                // What does not fit is left out; the fault itself always fits.
                let _ = core::fmt::write(&mut text, format_args!("{} ({number})", fault.text));
                self.refuse(back, fault.code, &text);
            }
            None => self.refuse(back, fault.code, fault.text),
        }
    }

    /// An error that the core answers by itself, unless it is disclaimed (NR-17).
    pub(super) fn refuse(&mut self, back: &Return, code: Code, diagnostic: &str) {
        if back.unwanted(code) {
            return;
        }
        let room = self.max_send().saturating_sub(back.token.as_bytes().len()).saturating_sub(3);
        let diagnostic = signaling::cut(diagnostic, room);
        let error = Response::error(code, diagnostic);
        match code {
            // Budgets are per second; without a word it would be a minute (EXT-17).
            Code::TOO_MANY_REQUESTS => self.answer(back.token.as_bytes(), &error.max_age(1)),
            _ => self.answer(back.token.as_bytes(), &error),
        }
    }

    /// Queues an automatic answer; room for it was seen to before the message was taken.
    pub(super) fn answer(&mut self, token: &[u8], message: &impl Encode) {
        let queued = self.queue.push(Lane::Automatic, token, message, self.max_send());
        if queued.is_ok() {
            self.stats.answered_by_core = self.stats.answered_by_core.saturating_add(1);
        }
    }

    fn response_came<'m>(
        &mut self,
        message: Message<'m>,
    ) -> Result<Option<Incoming<'m>>, Violation> {
        self.stats.responses_received = self.stats.responses_received.saturating_add(1);
        // Only a success can be a notification; an error ends the observation (OBS-03).
        let more = message.code().is_success() && message.observe().is_some();
        match self.exchanges.matches(message.token(), more) {
            Match::Live { exchange, last, part } => {
                let fault = check_response(&message, self.config.understood);
                Ok(Some(match fault {
                    Some(number) => {
                        if !last {
                            self.exchanges.abandon(exchange);
                        }
                        let error = ResponseError::CriticalOption(number);
                        Incoming::Failed { exchange, error }
                    }
                    None => {
                        if part && last && message.is_to_be_continued() {
                            self.unfinished = self.unfinished.saturating_add(1);
                        }
                        Incoming::Response { exchange, message, last }
                    }
                }))
            }
            Match::Late => {
                self.stats.responses_late = self.stats.responses_late.saturating_add(1);
                Ok(None)
            }
            Match::Never => {
                self.stats.responses_unmatched = self.stats.responses_unmatched.saturating_add(1);
                if self.budgets.unmatched.spend(self.now, self.config.limits.unmatched) {
                    Ok(None)
                } else {
                    Err(Violation::Flood(Flood::Unmatched))
                }
            }
        }
    }

    /// A reserved class is never processed; where it names a request of ours, that request has
    /// failed (CODE-05).
    fn reserved<'m>(&mut self, message: &Message<'m>) -> Option<Incoming<'m>> {
        self.stats.reserved_received = self.stats.reserved_received.saturating_add(1);
        let Match::Live { exchange, .. } = self.exchanges.matches(message.token(), false) else {
            return None;
        };
        Some(Incoming::Failed { exchange, error: ResponseError::ReservedCode(message.code()) })
    }
}
