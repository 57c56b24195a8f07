//! What is to be done, time, and the end.

use super::command::MAX_DIAGNOSTIC;
use super::{CloseOrder, Connection, Wants};
use crate::error::{CloseReason, RequestError, Violation};
use crate::event::{Event, PingError, Transmit};
use crate::message::{Code, OptionNumber};
use crate::phase::Step;
use crate::queue::Lane;
use crate::signaling::{self, Signal};
use crate::storage::Storage;
use crate::time::Instant;
use core::time::Duration;

impl<S: Storage> Connection<S> {
    /// What is to be sent next. A message that was handed out counts as sent
    /// ([`Sent::Maybe`](crate::Sent)).
    pub fn poll_transmit(&mut self) -> Option<Transmit<'_>> {
        self.settle();
        let Some(message) = self.queue.peek() else {
            self.queue.trim(false);
            return self.close.take().map(CloseOrder::transmit);
        };
        if let Some(token) = token_of_request(message) {
            self.exchanges.hand_out(token);
        }
        self.stats.messages_sent = self.stats.messages_sent.saturating_add(1);
        self.queue.pop().map(Transmit::Message)
    }

    /// What no message carried. `Closed` comes last, once.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.settle();
        if let Some(event) = self.exchanges.poll() {
            return Some(event);
        }
        if let Some(event) = self.served.poll() {
            return Some(event);
        }
        if let Some(event) = self.pings.poll() {
            return Some(event);
        }
        // Who has released the connection notifies nobody any more (OBS-26).
        let may_notify = self.queue.has_room() && !self.phase.released_by_us();
        if let Some(event) = self.observers.poll(may_notify) {
            return Some(event);
        }
        if self.phase.is_live() && self.has_wanted_room() {
            self.wants = Wants::default();
            return Some(Event::Room);
        }
        if self.phase == crate::Phase::Closed && !self.closed_told {
            self.closed_told = true;
            return Some(Event::Closed(self.reason.unwrap_or(CloseReason::Lost)));
        }
        None
    }

    /// When to call [`handle_timeout`](Connection::handle_timeout): a lower bound, perhaps
    /// early, never late. `None` where nothing is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next
    }

    /// It is `now`: what is due happens.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        let now = self.now;
        if self.phase.is_live() {
            self.exchanges.expire(now);
            self.pings.expire(now);
            self.watch_settings();
            self.watch_liveness();
            self.watch_release();
        }
        if self.timers.closing.is_some_and(|deadline| deadline <= now) {
            self.gone();
        }
        self.settle();
        self.timers.next = self.deadline();
    }

    /// The short pump: what became possible by what just happened.
    pub(super) fn settle(&mut self) {
        // Requests that were cancelled or have failed while they waited are not sent. Not left
        // to `poll_transmit`: the room that they make is for others, and has to be told.
        while let Some(token) = self.queue.peek().and_then(token_of_request) {
            if self.exchanges.is_to_be_sent(token) {
                break;
            }
            self.queue.pop();
        }
        if !self.phase.is_live() {
            return;
        }
        self.owing = !self.settle_what_is_owed();
        let waits = self.exchanges.awaited() > 0 || self.holds_operations();
        let idle = self.served.open_count() == 0 && !waits;
        if self.phase.released_by_peer() && idle && !self.owing && self.queue.is_empty() {
            // All that came before the Release is answered (REL-02, REL-03), and handed out: on a
            // slow link `close_timeout` would be too little for both.
            self.end(CloseReason::Released);
            self.order_close(1000, "released");
        }
    }

    /// Queues the answers and Pongs whose time has come; false where they need more room.
    fn settle_what_is_owed(&mut self) -> bool {
        while let Some(id) = self.served.due(self.now) {
            if !self.queue.has_room() {
                return false;
            }
            if let Some(back) = self.served.find(id) {
                self.refuse(&back, Code::SERVICE_UNAVAILABLE, "no answer in time");
            }
            self.served.expire(id);
        }
        while let Some((token, custody)) = self.served.ready_pong(self.now) {
            if !self.queue.has_room() {
                return false;
            }
            let blank = token.as_bytes().is_empty();
            self.answer(token.as_bytes(), &Signal::Pong { custody, blank });
            self.served.pong_sent();
        }
        true
    }

    /// Each want by itself: who waits to answer must not wait for the peer to answer.
    fn has_wanted_room(&self) -> bool {
        let Wants { output, exchange, ping } = self.wants;
        output.is_some_and(|size| self.queue.has_room_for(size))
            || exchange && self.exchanges.has_vacancy()
            || ping && self.pings.has_vacancy()
    }

    fn watch_settings(&mut self) {
        let due = self.settings_deadline().is_some_and(|deadline| deadline <= self.now);
        if due {
            self.violated(Violation::SettingsLate);
        }
    }

    fn settings_deadline(&self) -> Option<Instant> {
        let waiting = self.peer.is_none() && !self.phase.released_by_peer();
        let started = self.timers.started.filter(|_| waiting)?;
        Some(started.saturating_add(self.config.csm_timeout))
    }

    /// Keepalive: a Ping when nothing came for a while, the end when nothing comes after it.
    fn watch_liveness(&mut self) {
        let Some(deadline) = self.liveness_deadline() else { return };
        if deadline > self.now || !self.phase.is_live() {
            return;
        }
        if self.timers.pinged.is_some() && !self.wants_input() {
            // Who does not read cannot hear. That our output leaves is the transport's to watch.
            // Once a second is often enough to look: a timeout of nothing must be no spin.
            let rest = Duration::from_secs(1).saturating_sub(self.config.keepalive_timeout);
            self.timers.pinged = Some(self.now.saturating_add(rest));
        } else if self.timers.pinged.is_some() {
            self.end(CloseReason::KeepaliveTimeout);
            self.order_close(1001, "no sign of life");
        } else {
            // Where the queue has no room for a Ping, what is in it will do.
            let _ = self.queue_ping(Lane::Automatic, false);
            self.timers.pinged = Some(self.now);
        }
    }

    pub(super) fn liveness_deadline(&self) -> Option<Instant> {
        let interval = self.config.keepalive_interval?;
        Some(match self.timers.pinged {
            Some(pinged) => pinged.saturating_add(self.config.keepalive_timeout),
            None => self.timers.heard.saturating_add(interval),
        })
    }

    fn watch_release(&mut self) {
        if self.phase.is_live() && self.release_deadline().is_some_and(|d| d <= self.now) {
            self.end(CloseReason::Released);
            // We leave without the peer's close, as a server does that goes down (T95).
            let ours = self.timers.ours.map(|at| at.saturating_add(self.config.release_timeout));
            let code = if ours.is_some_and(|ours| ours <= self.now) { 1001 } else { 1000 };
            self.order_close(code, "released");
        }
    }

    fn release_deadline(&self) -> Option<Instant> {
        let theirs = self.timers.theirs.map(|at| at.saturating_add(self.config.drain_timeout));
        let ours = self.timers.ours.map(|at| at.saturating_add(self.config.release_timeout));
        theirs.into_iter().chain(ours).min()
    }

    /// The earliest deadline of all.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.phase == crate::Phase::Closed {
            return None;
        }
        if !self.phase.is_live() {
            return self.timers.closing;
        }
        let tables = [self.exchanges.deadline(), self.served.deadline(self.now)];
        let timers = [self.settings_deadline(), self.liveness_deadline(), self.release_deadline()];
        let all = tables.into_iter().chain(timers).chain([self.pings.deadline()]);
        all.flatten().min().filter(|deadline| *deadline < Instant::FAR_FUTURE)
    }

    pub(super) fn set_deadline(&mut self, deadline: Instant) {
        let next = self.timers.next.map_or(deadline, |next| next.min(deadline));
        self.timers.next = Some(next).filter(|next| *next < Instant::FAR_FUTURE);
    }

    /// The peer broke a rule: Abort, Close, nothing further processed (FMT-25, ABT-01).
    pub(super) fn violated(&mut self, violation: Violation) {
        self.stats.violations = self.stats.violations.saturating_add(1);
        if violation.aborts() {
            self.queue_abort(violation.bad_csm_option(), violation.describe());
        }
        self.end(CloseReason::Violation(violation));
        self.order_close(violation.close_code(), violation.describe());
    }

    pub(super) fn queue_abort(&mut self, bad_csm_option: Option<OptionNumber>, text: &str) {
        let limit = self.max_send();
        // An Abort obeys the peer's limit like everything else (CSM-16).
        let diagnostic = signaling::cut(text, MAX_DIAGNOSTIC.min(limit.saturating_sub(8)));
        let abort = Signal::Abort { bad_csm_option, diagnostic };
        let queued = self.queue.push(Lane::Abort, &[], &abort, limit);
        debug_assert!(queued.is_ok(), "the Abort has a reserve of its own");
    }

    /// The end is decided: what is in flight fails now, what is queued still goes out.
    pub(super) fn end(&mut self, reason: CloseReason) {
        if !self.phase.is_live() {
            return;
        }
        self.reason = Some(reason);
        self.step(Step::Finish);
        self.exchanges.fail_all(RequestError::Closed(reason));
        self.pings.fail_all(PingError::Closed(reason));
        self.served.clear();
        self.observers.end_all();
        let deadline = self.now.saturating_add(self.config.close_timeout);
        self.timers.closing = Some(deadline);
        self.timers.next = Some(deadline);
    }

    pub(super) fn order_close(&mut self, code: u16, reason: &'static str) {
        self.close = Some(CloseOrder { code, reason });
    }

    /// The WebSocket connection is gone: nothing can be sent any more.
    pub(super) fn gone(&mut self) {
        self.step(Step::Gone);
        self.queue.clear();
        self.queue.trim(true);
        self.close = None;
        self.timers.next = None;
        self.timers.closing = None;
    }
}

/// The token of a request of ours: at most eight bytes, so without extension.
fn token_of_request(message: &[u8]) -> Option<&[u8]> {
    let [first, code, rest @ ..] = message else { return None };
    let request = Code::from_byte(*code).is_request();
    rest.get(..usize::from(first & 0x0f)).filter(|_| request)
}
