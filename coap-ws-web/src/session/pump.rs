//! What becomes possible by what just happened: events, messages that wait, calls that wait.

use super::Session;
use crate::answer::{Failure, Outcome, Output, maybe};
use crate::call::Peer;
use crate::closing::browser_code;
use crate::link::Phase;
use coap_ws_core::block::Bert;
use coap_ws_core::message::uri::Uri;
use coap_ws_core::{
    CloseReason, Connection, Event, RequestError, RequestOptions, SendError, Transmit,
};

/// What came of an attempt to send.
enum Tried {
    Sent,
    /// Not now, but another call may have more luck.
    Later,
    /// There is no room for any.
    Full,
}

impl Session {
    pub(super) fn pump(&mut self) {
        loop {
            while let Some(event) = self.connection.as_mut().and_then(Connection::poll_event) {
                self.take_event(event);
            }
            let wants = self.connection.as_ref().is_some_and(Connection::wants_input);
            let next = if wants { self.inbox.pop_front() } else { None };
            let Some(message) = next else { break };
            self.inbox_size = self.inbox_size.saturating_sub(message.len());
            self.take_message(&message);
        }
        self.send_answers();
        self.send_waiting();
        self.release();
    }

    pub(super) fn transmit(&mut self) -> Option<Output> {
        let output = match self.connection.as_mut()?.poll_transmit()? {
            Transmit::Message(bytes) => Output::Send(bytes.to_vec()),
            Transmit::Close { code, reason } => Output::Close { code: browser_code(code), reason },
            _ => return None,
        };
        // Room was made.
        self.pump();
        Some(output)
    }

    /// What the connection allows now.
    pub(super) fn peer(&self) -> Option<Peer> {
        let connection = self.connection.as_ref()?;
        let theirs = connection.peer_settings();
        let ours = connection.config().limits.max_message_size;
        Some(Peer {
            max_send: u32::try_from(connection.max_send()).unwrap_or(u32::MAX),
            bert: Bert::between(ours, &theirs.unwrap_or_default()),
            settled: theirs.is_some(),
        })
    }

    fn take_event(&mut self, event: Event) {
        match event {
            Event::Failed { exchange, error, sent } => {
                if let Some(index) = self.calls.by_exchange(exchange) {
                    self.exchange_failed(index, error, maybe(sent));
                }
            }
            Event::Silent(exchange) => {
                // With No-Response there is nothing to wait for; the page is told that it is out.
                if let Some(entry) =
                    self.calls.by_exchange(exchange).and_then(|index| self.calls.remove(index))
                {
                    let (code, options) = (coap_ws_core::message::Code::EMPTY, Default::default());
                    let answer = crate::Answer { code, options, body: Default::default() };
                    let call = entry.id;
                    self.outcomes.push_back(Outcome::Response { call, answer, last: true });
                }
            }
            Event::Expired(request) => {
                if let Some(id) = self.serving.expire(request) {
                    self.outcomes.push_back(Outcome::Expired { id });
                }
            }
            Event::Closed(reason) => self.connection_over(reason),
            _ => {}
        }
    }

    fn exchange_failed(&mut self, index: usize, error: RequestError, sent: bool) {
        let comes_back = self.comes_back();
        let Some(entry) = self.calls.get(index) else { return };
        let lost = matches!(error, RequestError::Closed(_));
        let again = entry.call.observes() || !(entry.touched || sent);
        if lost && again && comes_back && !entry.leaving {
            // Taken up again when there is a connection.
            (entry.exchange, entry.watching) = (None, None);
            return;
        }
        if let Some(entry) = self.calls.remove(index).filter(|entry| !entry.leaving) {
            let sent = sent || entry.touched;
            let failure = Failure::of(error);
            self.outcomes.push_back(Outcome::Failed { call: entry.id, failure, sent });
        }
    }

    /// Whether a connection that is over now would be followed by another one.
    fn comes_back(&self) -> bool {
        let reason = self.connection.as_ref().and_then(Connection::close_reason);
        self.settings.reconnects && !self.link.closing && reason.is_none_or(|r| worth_it(&r))
    }

    /// The connection is over: what depended on it fails, the rest waits for the next one.
    fn connection_over(&mut self, reason: CloseReason) {
        self.connection = None;
        self.inbox.clear();
        self.inbox_size = 0;
        self.answers_waiting.clear();
        self.buffer = super::Buffer::default();
        self.woken = None;
        for id in self.serving.clear() {
            self.outcomes.push_back(Outcome::Expired { id });
        }
        // Harmless where it is closed already; else it is given up.
        self.outputs.push_back(Output::Close { code: 1000, reason: "" });
        let retry = self.link.lost(self.now, &self.settings, worth_it(&reason));
        let gone = self.calls.drain(|entry| {
            entry.leaving || retry.is_none() || entry.touched && !entry.call.observes()
        });
        for entry in gone.into_iter().filter(|entry| !entry.leaving) {
            let failure = if self.link.closing { Failure::Closed } else { Failure::Lost(reason) };
            let sent = entry.touched;
            self.outcomes.push_back(Outcome::Failed { call: entry.id, failure, sent });
        }
        match retry {
            Some(retry_in) => {
                self.wait_for_the_next();
                self.outcomes.push_back(Outcome::Lost { reason: reason.to_string(), retry_in });
            }
            None => {
                let closing = self.link.closing;
                self.over(reason.to_string(), closing || reason.is_clean());
            }
        }
    }

    /// All that is left waits to be sent, observations to be registered.
    fn wait_for_the_next(&mut self) {
        for entry in self.calls.iter_mut() {
            (entry.exchange, entry.watching, entry.last) = (None, None, false);
            entry.call.rewind();
            let until = match entry.call.observes() && entry.touched {
                // However long it takes: the page is told that the connection is lost.
                true => coap_ws_core::Instant::FAR_FUTURE,
                false => entry.wants.unwrap_or_else(|| {
                    let timeout = entry.call.timeout().unwrap_or(self.settings.request_timeout);
                    self.now.saturating_add(timeout)
                }),
            };
            entry.wants = Some(until);
        }
    }

    pub(super) fn dial_failed(&mut self) {
        let reason = "the WebSocket could not be opened".to_owned();
        match self.link.lost(self.now, &self.settings, true) {
            Some(retry_in) => self.outcomes.push_back(Outcome::Lost { reason, retry_in }),
            None => self.over(reason, false),
        }
    }

    pub(super) fn dial(&mut self) {
        let Ok(uri) = Uri::parse(&self.uri) else { return };
        let until = self.now.saturating_add(self.settings.connect_timeout);
        self.link.phase = Phase::Dialling(until);
        self.outputs.push_back(Output::Dial(uri.ws_uri().to_string()));
    }

    /// The end.
    pub(super) fn over(&mut self, reason: String, clean: bool) {
        self.link.phase = Phase::Over;
        self.connection = None;
        for entry in self.calls.drain(|_| true).into_iter().filter(|entry| !entry.leaving) {
            let (failure, sent) = (Failure::Closed, entry.touched);
            self.outcomes.push_back(Outcome::Failed { call: entry.id, failure, sent });
        }
        let refused = !self.link.was_open && !self.link.closing;
        self.outcomes.push_back(Outcome::Closed { reason, clean, refused });
    }

    /// What has waited too long to be sent.
    pub(super) fn expire_waiting(&mut self) {
        let now = self.now;
        let late = self.calls.drain(|entry| entry.wants.is_some_and(|until| until <= now));
        for entry in late {
            self.drop_exchanges(&entry);
            let (failure, sent) = (Failure::Timeout, entry.touched);
            self.outcomes.push_back(Outcome::Failed { call: entry.id, failure, sent });
        }
    }

    /// Sends what waits, in order, as far as there is room.
    fn send_waiting(&mut self) {
        let mut from = 0;
        while let Some(index) = self.calls.next_wanting(from) {
            let Some(peer) = self.peer() else { return };
            match self.try_to_send(index, peer) {
                Tried::Sent => {}
                Tried::Later => from = index.saturating_add(1),
                Tried::Full => return,
            }
        }
    }

    fn try_to_send(&mut self, index: usize, peer: Peer) -> Tried {
        let (Some(entry), Some(connection)) = (self.calls.get(index), &mut self.connection) else {
            return Tried::Full;
        };
        if entry.leaving {
            let whole = entry.call.whole();
            let watching = entry.watching;
            let left = watching.map(|watching| connection.deregister(self.now, watching, &whole));
            if matches!(left, Some(Err(SendError::NoRoom))) {
                return Tried::Full;
            }
            if let (Some(Err(_)), Some(watching)) = (left, watching) {
                connection.cancel(self.now, watching);
            }
            self.calls.remove(index);
            return Tried::Sent;
        }
        let draft = match entry.call.next(peer) {
            Ok(Some(draft)) => draft,
            Ok(None) => return Tried::Later,
            Err(error) => {
                self.call_failed(index, Failure::Protocol(error.to_string()));
                return Tried::Sent;
            }
        };
        let timeout = entry.call.timeout().unwrap_or(self.settings.request_timeout);
        let registers = entry.call.observes() && entry.watching.is_none();
        let mut options = RequestOptions::default().timeout(timeout);
        options.observe = registers;
        match connection.request(self.now, &draft, options) {
            Ok(exchange) if registers => entry.watching = Some(exchange),
            Ok(exchange) => entry.exchange = Some(exchange),
            Err(SendError::NoRoom | SendError::TooManyExchanges) => return Tried::Full,
            // A released or closed connection is followed by another one, or by the end.
            Err(SendError::AwaitingSettings | SendError::Releasing | SendError::Closed) => {
                return Tried::Later;
            }
            Err(error) => {
                self.call_failed(index, Failure::Invalid(error.to_string()));
                return Tried::Sent;
            }
        }
        entry.wants = None;
        Tried::Sent
    }

    pub(super) fn call_failed(&mut self, index: usize, failure: Failure) {
        if let Some(entry) = self.calls.remove(index) {
            self.drop_exchanges(&entry);
            let sent = entry.touched;
            self.outcomes.push_back(Outcome::Failed { call: entry.id, failure, sent });
        }
    }
}

/// Whether to connect again after this: not to a peer that does not speak the protocol.
const fn worth_it(reason: &CloseReason) -> bool {
    !matches!(reason, CloseReason::Violation(_) | CloseReason::Aborted)
}
