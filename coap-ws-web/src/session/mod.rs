//! The session: what happened in, what is to be done out.

mod calls;
mod incoming;
mod pump;

use crate::answer::{Outcome, Output};
use crate::call::Ask;
use crate::closing::ended_by;
use crate::link::{Link, Phase};
use crate::options::{Draft, Options};
use crate::serving::Serving;
use crate::settings::{Refused, Settings};
use bytes::Bytes;
use calls::Calls;
use coap_ws_core::message::uri::Uri;
use coap_ws_core::message::{Code, OptionNumber};
use coap_ws_core::{Closing, Connection, Heap, Instant, ReleaseOptions, Responder, SendError};
use std::collections::VecDeque;
use std::time::Duration;

/// CoAP with one server, over one WebSocket after the other.
///
/// - **`handle_*`** say what happened: the WebSocket is [open](Session::handle_open), a
///   [message](Session::handle_message) came, it is [closed](Session::handle_closed), a point in
///   [time](Session::handle_timeout) is reached.
/// - **commands** say what the page wants: [`request`](Session::request),
///   [`cancel`](Session::cancel), [`respond`](Session::respond), [`close`](Session::close).
/// - **`poll_*`** say what is to be done: [carry out](Session::poll_output),
///   [tell](Session::poll_outcome), [wake up](Session::poll_timeout).
///
/// Calls that nobody sent yet outlive a loss; what the server may have seen fails, and
/// observations register anew.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    uri: String,
    now: Instant,
    link: Link,
    connection: Option<Connection<Heap>>,
    calls: Calls,
    serving: Serving,
    requests: u32,
    /// Messages that came while our output was above high water.
    inbox: VecDeque<Vec<u8>>,
    inbox_size: usize,
    /// Dialling and closing; messages are asked of the connection.
    outputs: VecDeque<Output>,
    outcomes: VecDeque<Outcome>,
    buffer: Buffer,
    /// A timer came much too late, and what came meanwhile is to be heard first.
    woken: Option<Instant>,
    release_wanted: bool,
    /// Answers for which there was no room: at most as many as requests may be open.
    answers_waiting: VecDeque<(Responder, Draft)>,
}

/// What waits in the WebSocket.
#[derive(Debug, Default)]
struct Buffer {
    /// Bytes, when it was looked at last.
    waiting: usize,
    /// Since when they have not become fewer.
    stuck: Option<Instant>,
    /// Whether there is output that has no room.
    full: bool,
}

/// How often to look whether there is room in the WebSocket, which does not tell.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// A timer that comes so late was held back: by a tab in the background or a lid that was shut.
const HELD_BACK: Duration = Duration::from_secs(5);
/// How long to listen then before time is believed.
const LISTEN: Duration = Duration::from_secs(1);

impl Session {
    /// A session with the server of a `coap+ws` or `coaps+ws` URI; the first output is to dial.
    /// `seed` spreads the waits after a loss.
    ///
    /// # Errors
    ///
    /// [`Refused::Invalid`]: what is wrong with the URI.
    pub fn new(now: Instant, uri: &str, settings: Settings, seed: u64) -> Result<Session, Refused> {
        let parsed = Uri::parse(uri).map_err(|error| Refused::Invalid(error.to_string()))?;
        let url = parsed.ws_uri().to_string();
        let uri = parsed.to_string();
        let until = now.saturating_add(settings.connect_timeout);
        Ok(Session {
            uri,
            now,
            link: Link::new(until, seed),
            connection: None,
            calls: Calls::default(),
            serving: Serving::default(),
            requests: 0,
            inbox: VecDeque::new(),
            inbox_size: 0,
            outputs: VecDeque::from([Output::Dial(url)]),
            outcomes: VecDeque::new(),
            buffer: Buffer::default(),
            woken: None,
            release_wanted: false,
            answers_waiting: VecDeque::new(),
            settings,
        })
    }

    /// The URI in normal form.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The WebSocket is open, and the server has agreed to the subprotocol.
    pub fn handle_open(&mut self, now: Instant) {
        self.advance(now);
        if !matches!(self.link.phase, Phase::Dialling(_)) {
            return;
        }
        match Connection::new(self.settings.connection()) {
            Ok(mut connection) => {
                // Its life starts now.
                connection.handle_timeout(self.now);
                self.connection = Some(connection);
                self.buffer = Buffer::default();
                self.link.opened(self.now);
                self.outcomes.push_back(Outcome::Open);
            }
            Err(error) => self.over(format!("{error}"), false),
        }
        self.pump();
    }

    /// A binary message has come.
    pub fn handle_message(&mut self, now: Instant, message: Vec<u8>) {
        self.advance(now);
        let Some(connection) = &mut self.connection else { return };
        if message.len() > self.settings.connection().limits.max_message_size as usize {
            connection.handle_oversized(self.now);
        } else {
            self.inbox_size = self.inbox_size.saturating_add(message.len());
            self.inbox.push_back(message);
        }
        self.pump();
        if self.inbox_size > self.settings.max_inbox
            && let Some(connection) = &mut self.connection
        {
            connection.abort(self.now, "too much to answer at once");
            self.pump();
        }
    }

    /// A text message has come (RFC 8323 §4.2).
    pub fn handle_text(&mut self, now: Instant) {
        self.advance(now);
        if let Some(connection) = &mut self.connection {
            connection.handle_text(self.now);
        }
        self.pump();
    }

    /// The WebSocket is closed or did not open, with the `code` of its `CloseEvent`.
    pub fn handle_closed(&mut self, now: Instant, code: u16) {
        self.advance(now);
        match &mut self.connection {
            Some(connection) => connection.handle_closed(self.now, ended_by(code)),
            None if matches!(self.link.phase, Phase::Dialling(_)) => self.dial_failed(),
            None => {}
        }
        self.pump();
    }

    /// It is `now`: what is due happens.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        if self.was_held_back() {
            return;
        }
        match self.link.phase {
            Phase::Dialling(until) if until <= self.now => {
                self.outputs.push_back(Output::Close { code: 1000, reason: "" });
                self.dial_failed();
            }
            Phase::Waiting(until) if until <= self.now => self.dial(),
            _ => {}
        }
        if let Some(connection) = &mut self.connection {
            connection.handle_timeout(self.now);
        }
        self.expire_waiting();
        self.pump();
    }

    /// Asks for `reference`: `/path?query`, or a URI of this server.
    ///
    /// # Errors
    ///
    /// [`Refused`]; nothing has changed.
    pub fn request(&mut self, now: Instant, reference: &str, ask: Ask) -> Result<u32, Refused> {
        self.advance(now);
        if self.link.phase == Phase::Over || self.link.closing {
            return Err(Refused::Closed);
        }
        if self.calls.len() >= self.settings.max_calls {
            return Err(Refused::TooManyCalls { limit: self.settings.max_calls });
        }
        if !ask.code.is_request() {
            return Err(Refused::Invalid(format!("{} is not a method", ask.code)));
        }
        if ask.body.len() > self.settings.max_body {
            let limit = self.settings.max_body;
            return Err(Refused::TooLarge { size: ask.body.len(), limit });
        }
        let ask = self.addressed(reference, ask)?;
        let timeout = ask.timeout.unwrap_or(self.settings.request_timeout);
        let until = self.now.saturating_add(timeout);
        let id = self.calls.open(ask, until, self.settings.max_body);
        self.pump();
        Ok(id)
    }

    /// The page does not wait for this call any more; an observation is deregistered
    /// (RFC 7641 §3.6). Nothing is told of it any more.
    pub fn cancel(&mut self, now: Instant, call: u32) {
        self.advance(now);
        self.forget_call(call);
        self.pump();
    }

    /// Answers a request of the server. Where nobody waits for it any more nothing happens.
    pub fn respond(&mut self, now: Instant, id: u32, code: Code, options: Options, body: Bytes) {
        self.advance(now);
        let answer = Draft { code, options, payload: body };
        self.answer(id, &answer);
        self.pump();
    }

    /// Ends the session in good order: what is begun is finished (RFC 8323 §5.5). What was not
    /// sent fails.
    pub fn close(&mut self, now: Instant) {
        self.advance(now);
        if self.link.closing || self.link.phase == Phase::Over {
            return;
        }
        self.link.closing = true;
        self.release_wanted = self.connection.is_some();
        self.close_calls();
        if self.connection.is_none() {
            if matches!(self.link.phase, Phase::Dialling(_)) {
                self.outputs.push_back(Output::Close { code: 1000, reason: "" });
            }
            self.over("closed".to_owned(), true);
        }
        self.pump();
    }

    /// What is to be carried out next. `buffered` is the WebSocket's `bufferedAmount`: where the
    /// next message would take it above `max_buffered`, it waits here.
    pub fn poll_output(&mut self, now: Instant, buffered: usize) -> Option<Output> {
        self.advance(now);
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        let connection = self.connection.as_mut()?;
        self.buffer.look(self.now, buffered);
        let stuck = self.buffer.stuck.map(|since| self.now.saturating_since(since));
        if stuck.is_some_and(|stuck| stuck >= self.settings.write_stall_timeout) {
            connection.handle_closed(self.now, Closing::WriteStall);
            self.pump();
            return self.outputs.pop_front();
        }
        let next = connection.output_waiting().min(connection.max_send());
        self.buffer.full = next > 0 && buffered.saturating_add(next) > self.settings.max_buffered;
        if self.buffer.full {
            return None;
        }
        self.transmit()
    }

    /// What the page is to be told next.
    pub fn poll_outcome(&mut self) -> Option<Outcome> {
        self.outcomes.pop_front()
    }

    /// When to call [`handle_timeout`](Session::handle_timeout); `None` where nothing is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.woken.is_some() {
            return self.woken;
        }
        let look = self.buffer.full || self.buffer.stuck.is_some();
        let look = look.then(|| self.now.saturating_add(LOOK_AGAIN));
        let connection = self.connection.as_ref();
        let times = [connection.and_then(Connection::poll_timeout), self.link.deadline(), look];
        let all = times.into_iter().flatten().chain(self.calls.deadline());
        all.min().filter(|time| *time < Instant::FAR_FUTURE)
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// Whether timers were held back, so that what came meanwhile is still to be heard: a Pong
    /// that waits behind the timer must not be missed for a lost connection (T94).
    fn was_held_back(&mut self) -> bool {
        if let Some(woken) = self.woken {
            if woken > self.now {
                return true;
            }
            self.woken = None;
            return false;
        }
        let due = self.connection.as_ref().and_then(Connection::poll_timeout);
        let late = due.is_some_and(|due| self.now.saturating_since(due) >= HELD_BACK);
        if late {
            self.woken = Some(self.now.saturating_add(LISTEN));
        }
        late
    }

    /// The request with path and query in front.
    fn addressed(&self, reference: &str, mut ask: Ask) -> Result<Ask, Refused> {
        let invalid = |error: &dyn std::fmt::Display| Refused::Invalid(error.to_string());
        let base = Uri::parse(&self.uri).map_err(|error| invalid(&error))?;
        let target = base.join(reference).map_err(|error| invalid(&error))?;
        if !target.same_authority(&base) {
            return Err(Refused::Invalid(format!("{reference} is of another server")));
        }
        for (number, value) in target.option_values() {
            ask.options.add(number, value.bytes().collect::<Bytes>());
        }
        for number in [OptionNumber::BLOCK1, OptionNumber::BLOCK2, OptionNumber::OBSERVE] {
            if ask.options.get(number).is_some() {
                return Err(Refused::Invalid(format!("{number:?} is the session's to write")));
            }
        }
        for (number, value) in ask.options.iter() {
            if number.spec().is_some_and(|spec| !spec.allows(value.len())) {
                return Err(Refused::Invalid(format!("{number:?} has a length it may not have")));
            }
        }
        let size = coap_ws_core::message::encode_message(
            &mut [],
            &[],
            &Draft { code: ask.code, options: ask.options.clone(), payload: Bytes::new() },
        );
        size.map_err(|error| invalid(&error))?;
        Ok(ask)
    }

    /// Says goodbye as soon as what is begun is finished and there is room for it.
    fn release(&mut self) {
        let due = self.release_wanted && self.calls.len() == 0;
        let Some(connection) = self.connection.as_mut().filter(|_| due) else { return };
        let released = connection.release(self.now, ReleaseOptions::default());
        self.release_wanted = matches!(released, Err(SendError::NoRoom));
    }
}

impl Buffer {
    fn look(&mut self, now: Instant, waiting: usize) {
        if waiting == 0 {
            self.stuck = None;
        } else if waiting < self.waiting || self.stuck.is_none() {
            self.stuck = Some(now);
        }
        self.waiting = waiting;
    }
}
