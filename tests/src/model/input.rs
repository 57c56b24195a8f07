//! What came, and what the connection made of it.

use super::{Model, PeerPing, Request, Wanted, ensure};
use crate::told::Told;
use coap_ws_core::message::{Code, Kind, Message, OptionNumber, check_request};
use coap_ws_core::{Event, PingError, RequestError, Sent};

impl Model {
    /// A message was taken while the connection was live; what it was said to mean.
    pub(crate) fn message(&mut self, bytes: &[u8], told: Option<&Told>, violated: bool) {
        self.hear();
        if violated {
            self.seen.violations += 1;
            ensure!(self, told.is_none(), "a violation was also told: {told:?}");
            return;
        }
        let message = Message::parse(bytes);
        ensure!(self, message.is_ok(), "{bytes:02x?} is no message, and no violation");
        let Ok(message) = message else { return };
        let code = message.code();
        let first = self.settled || matches!(code, Code::CSM | Code::RELEASE | Code::ABORT);
        ensure!(self, first || code == Code::EMPTY, "{code:?} was taken before the CSM");
        match (code.kind(), told) {
            (Kind::Request, _) => self.request_came(&message, told),
            (Kind::Response | Kind::Reserved, _) => self.response_came(&message, told),
            (Kind::Signal, _) => self.signal_came(&message, told),
            (Kind::Empty, told) => ensure!(self, told.is_none(), "Empty means {told:?}"),
        }
        self.progress();
    }

    /// A byte came.
    pub(crate) fn hear(&mut self) {
        (self.clock.heard, self.clock.pinged) = (self.now, None);
    }

    fn request_came(&mut self, message: &Message<'_>, told: Option<&Told>) {
        let no_response = message.uint(OptionNumber::NO_RESPONSE).unwrap_or(0) as u8;
        self.arrivals += 1;
        let mut request = Request {
            arrival: self.arrivals,
            token: message.token().to_vec(),
            no_response,
            deadline: self.now,
        };
        if let Some(Told::Request { responder, message: shown }) = told {
            self.seen.served += 1;
            ensure!(self, self.config.serves, "a request was shown to no server");
            ensure!(self, shown.view() == *message, "another request was shown");
            let number = responder.id().arrival();
            ensure!(self, number > self.last_request, "request #{number} is out of order");
            self.last_request = number;
            request.deadline = self.now.saturating_add(self.config.answer_timeout);
            self.requests.insert(number, request.clone());
            self.owe(request);
            return;
        }
        ensure!(self, told.is_none(), "a request means {told:?}");
        self.seen.refused_by_core += 1;
        let config = &self.config;
        let checked = check_request(message, config.understood, config.limits.max_options);
        let code = match checked {
            _ if !config.serves => Code::NOT_IMPLEMENTED,
            Err(fault) => fault.code,
            Ok(()) => Code::SERVICE_UNAVAILABLE,
        };
        let full = self.requests.len() >= config.limits.max_requests;
        ensure!(self, checked.is_err() || !config.serves || full, "refused for no reason");
        if super::disclaims(no_response, code) {
            self.seen.suppressed += 1;
        } else {
            self.owe(request);
        }
    }

    fn response_came(&mut self, message: &Message<'_>, told: Option<&Told>) {
        let token = message.token();
        let (exchange, usable) = match told {
            Some(Told::Response { exchange, message: shown }) => {
                ensure!(self, shown.view() == *message, "another response was shown");
                ensure!(self, message.code().is_response(), "{:?} is none", message.code());
                self.seen.responses += 1;
                (*exchange, true)
            }
            Some(Told::Failed { exchange, .. }) => (*exchange, false),
            Some(other) => panic!("a response means {other:?}"),
            None => return self.response_ignored(message),
        };
        self.seen.responses_unusable += u64::from(!usable);
        let known = self.exchanges.remove(&exchange.get());
        ensure!(self, known.is_some(), "{exchange:?} is over, and was answered");
        let Some(known) = known else { return };
        ensure!(self, known.token == token, "{exchange:?} got the answer to {token:02x?}");
        ensure!(self, known.handed_out, "{exchange:?} was answered before it was handed out");
        ensure!(self, !known.silent, "{exchange:?} wanted no answer, and was told one");
    }

    fn response_ignored(&mut self, message: &Message<'_>) {
        let token = message.token();
        let waiting = self.exchanges.values().find(|exchange| {
            exchange.token == token && exchange.handed_out && !exchange.silent && !exchange.failed
        });
        ensure!(self, waiting.is_none(), "the answer to {token:02x?} was not told");
        if message.code().is_response() {
            let known = self.issued.contains(token);
            self.seen.responses_late += u64::from(known);
            self.seen.responses_unmatched += u64::from(!known);
        }
        self.cancelled.retain(|exchange| !exchange.handed_out || exchange.token != token);
    }

    fn signal_came(&mut self, message: &Message<'_>, told: Option<&Told>) {
        match (message.code(), told) {
            (Code::CSM, Some(Told::Settings(_))) => self.settled = true,
            (Code::PING, None) => {
                let custody = OptionNumber::new(2);
                let mut options = message.options().filter(|option| option.number == custody);
                let custody = options.next().is_some_and(|option| option.value.is_empty());
                let token = message.token().to_vec();
                self.pinged.push(PeerPing { token, custody, after: self.arrivals });
            }
            (Code::PONG, Some(Told::Pong { ping, .. })) => {
                self.seen.pongs += 1;
                let known = self.pings.remove(&ping.get());
                ensure!(self, known.is_some(), "{ping:?} is over, and was answered");
                let spelled = super::spell(ping.get()) == message.token();
                ensure!(self, spelled, "{ping:?} got the Pong of {:02x?}", message.token());
            }
            (Code::RELEASE, Some(Told::Release { .. })) => {
                self.seen.releases_received += 1;
                self.released.theirs.get_or_insert(self.now);
            }
            (Code::ABORT, Some(Told::Abort { .. })) => self.seen.aborts_received += 1,
            (Code::CSM | Code::PING | Code::RELEASE | Code::ABORT, told) => {
                panic!("{:?} means {told:?}", message.code())
            }
            (_, told) => ensure!(self, told.is_none(), "{:?} means {told:?}", message.code()),
        }
    }

    /// An event was told.
    pub(crate) fn event(&mut self, event: Event) {
        ensure!(self, !self.closed_told, "{event:?} after Closed");
        match event {
            Event::Failed { exchange, error, sent } => {
                let known = self.exchanges.remove(&exchange.get());
                ensure!(self, known.is_some(), "{exchange:?} ended twice, now with {error}");
                let Some(known) = known else { return };
                let expected = if known.handed_out { Sent::Maybe } else { Sent::No };
                ensure!(self, sent == expected, "{exchange:?}: {sent:?}, not {expected:?}");
                let silent = known.silent && known.handed_out;
                ensure!(self, !silent, "{exchange:?} was handed out, and failed: {error}");
                let counter = match (error, sent) {
                    (RequestError::Timeout, Sent::No) => &mut self.seen.timeouts_unsent,
                    (RequestError::Timeout, Sent::Maybe) => &mut self.seen.timeouts_sent,
                    (_, Sent::No) => &mut self.seen.failed_unsent,
                    (_, Sent::Maybe) => &mut self.seen.failed_sent,
                };
                *counter += 1;
                match error {
                    RequestError::Timeout => {
                        let due = known.deadline <= self.now;
                        ensure!(self, due, "{exchange:?} has until {:?}", known.deadline);
                    }
                    RequestError::Closed(reason) => self.same_reason(reason),
                    other => panic!("the tests do not know this yet: {other:?}"),
                }
            }
            Event::Silent(exchange) => {
                self.seen.silent += 1;
                let known = self.exchanges.remove(&exchange.get());
                let right = known.is_some_and(|known| known.silent && known.handed_out);
                ensure!(self, right, "{exchange:?} is silent for no reason");
            }
            Event::Expired(id) => {
                self.seen.expired += 1;
                let known = self.requests.remove(&id.arrival());
                let known = known.or_else(|| self.due_at_end.remove(&id.arrival()));
                ensure!(self, known.is_some(), "{id:?} is over, and expired");
                let Some(known) = known else { return };
                ensure!(self, known.deadline <= self.now, "{id:?} has time left");
                if super::disclaims(known.no_response, Code::SERVICE_UNAVAILABLE) {
                    self.seen.suppressed += 1;
                    self.forget(&known);
                }
            }
            Event::PingFailed { ping, error } => {
                self.seen.pings_failed += 1;
                let known = self.pings.remove(&ping.get());
                ensure!(self, known.is_some(), "{ping:?} ended twice");
                match (error, known) {
                    (PingError::Timeout, Some(known)) => {
                        ensure!(self, known.deadline <= self.now, "{ping:?} has time left");
                    }
                    (PingError::Closed(reason), _) => self.same_reason(reason),
                    other => panic!("the tests do not know this yet: {other:?}"),
                }
            }
            Event::Room => {
                self.seen.room += 1;
                let wanted = std::mem::take(&mut self.wanted);
                ensure!(self, wanted != Wanted::default(), "room that nobody asked for");
                self.rooms += 1;
                ensure!(self, self.rooms <= 8, "room is told and told, and there is none");
            }
            Event::Closed(reason) => self.closed(reason),
            other => panic!("the tests do not know this yet: {other:?}"),
        }
    }
}
