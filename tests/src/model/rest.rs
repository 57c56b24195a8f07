//! Time, the end, and what must hold between two steps.

use super::{Model, ensure};
use crate::node::Node;
use coap_ws_core::{CloseReason, Instant, Phase, Violation};
use std::time::Duration;

impl Model {
    /// `handle_timeout` was called, with what `poll_timeout` and `wants_input` said before.
    pub(crate) fn timeout(&mut self, next: Option<Instant>, input: bool) {
        if next.is_none_or(|next| next > self.now) {
            self.seen.idle_timeouts += 1;
        }
        let repeated = self.clock.told == Some(self.now);
        self.clock.repeats = if repeated { self.clock.repeats + 1 } else { 0 };
        self.clock.told = Some(self.now);
        if !self.phase.is_live() {
            return;
        }
        if self.liveness().is_some_and(|deadline| deadline <= self.now) {
            if self.clock.pinged.is_none() {
                self.clock.pinged = Some(self.now);
                self.clock.keepalives += 1;
            } else if !input {
                // Who does not read cannot hear, and waits once more, at least a second.
                let rest = Duration::from_secs(1).saturating_sub(self.config.keepalive_timeout);
                self.clock.pinged = Some(self.now.saturating_add(rest));
            }
        }
        let now = self.now;
        self.cancelled.retain(|exchange| exchange.deadline > now);
        for exchange in self.exchanges.values_mut() {
            exchange.failed |= exchange.deadline <= now;
        }
        for ping in self.pings.values_mut() {
            ping.failed |= ping.deadline <= now;
        }
    }

    /// `handle_timeout` was called; `before` is what `poll_timeout` said.
    pub(crate) fn timed_out(
        &mut self,
        was: Phase,
        before: Option<Instant>,
        after: Option<Instant>,
    ) {
        let early = after.is_some_and(|after| after <= self.now);
        let (now, repeats) = (self.now, self.clock.repeats);
        ensure!(self, !early || repeats < 4, "the next deadline is {after:?}, again and again");
        let late = match (before, after) {
            (None, Some(_)) => self.phase.is_live(),
            (Some(before), Some(after)) => before > now && after < before,
            _ => false,
        };
        // What had become possible before may have ended it now.
        let late = late && was == self.phase;
        ensure!(self, !late, "the deadline {after:?} was not known, only {before:?}");
    }

    /// The phase after a call, before what it said is looked at.
    pub(crate) fn sync(&mut self, phase: Phase) {
        ensure!(self, phase >= self.phase, "{:?} went back to {phase:?}", self.phase);
        if self.phase.is_live() && !phase.is_live() {
            let deadline = self.now.saturating_add(self.config.close_timeout);
            self.clock.closing = Some(deadline);
            self.cancelled.clear();
            self.due_at_end = std::mem::take(&mut self.requests);
            let now = self.now;
            self.due_at_end.retain(|_, request| request.deadline <= now);
        }
        self.phase = phase;
    }

    /// What must hold after every step.
    pub(crate) fn check(&mut self, node: &dyn Node) {
        self.seen.calls += 1;
        self.sync(node.phase());
        let phase = self.phase;
        self.max_send = self.max_send.max(node.max_send());
        let (limits, in_flight) = (&self.config.limits, node.exchanges_in_flight());
        ensure!(self, in_flight <= limits.max_exchanges, "{in_flight} exchanges");
        let most = self.exchanges.len() + self.cancelled.len();
        ensure!(self, in_flight <= most, "{in_flight} exchanges, {most} were begun");
        let open = node.requests_open();
        ensure!(self, open <= limits.max_requests, "{open} requests are open");
        ensure!(self, open <= self.requests.len(), "{open} requests are open, that is too many");
        let next = node.poll_timeout();
        for (what, deadline) in self.deadlines() {
            let known = next.is_some_and(|next| next <= deadline);
            ensure!(self, known, "{what} at {deadline:?}, and poll_timeout says {next:?}");
        }
        if phase == Phase::Closed {
            ensure!(self, next.is_none(), "closed, and a timer at {next:?}");
        }
    }

    /// Every deadline that is still ahead.
    fn deadlines(&self) -> impl Iterator<Item = (&'static str, Instant)> {
        let past = self.clock.told;
        let ahead = move |deadline: &Instant| {
            *deadline < Instant::FAR_FUTURE && past.is_none_or(|past| *deadline > past)
        };
        let live = self.phase.is_live();
        let silent = |exchange: &&super::Exchange| exchange.handed_out && exchange.silent;
        let exchanges = self.exchanges.values().filter(|x| !x.failed && !silent(x));
        let exchanges = exchanges.map(|exchange| exchange.deadline).min();
        let requests = self.requests.values().map(|request| request.deadline);
        let requests = requests.filter(|deadline| *deadline > self.now).min();
        let pings = self.pings.values().filter(|ping| !ping.failed);
        let pings = pings.map(|ping| ping.deadline).min();
        let config = &self.config;
        let csm = self.clock.started.filter(|_| !self.settled && self.released.theirs.is_none());
        let live_ones = [
            ("a request ends", exchanges),
            ("a request of the peer expires", requests),
            ("a Ping ends", pings),
            ("the CSM is late", csm.map(|at| at.saturating_add(config.csm_timeout))),
            ("the peer is silent", self.liveness()),
            (
                "the peer does not close",
                self.released.ours.map(|at| at.saturating_add(config.release_timeout)),
            ),
            ("we close", self.released.theirs.map(|at| at.saturating_add(config.drain_timeout))),
        ];
        let live_ones = live_ones.into_iter().filter(move |_| live);
        let closing = self.clock.closing.filter(|_| self.phase == Phase::Closing);
        live_ones
            .chain([("the Close is late", closing)])
            .filter_map(|(what, deadline)| Some((what, deadline?)))
            .filter(move |(_, deadline)| ahead(deadline))
    }

    fn liveness(&self) -> Option<Instant> {
        let interval = self.config.keepalive_interval?;
        self.clock.started?;
        Some(match self.clock.pinged {
            Some(pinged) => pinged.saturating_add(self.config.keepalive_timeout),
            None => self.clock.heard.saturating_add(interval),
        })
    }

    /// What must hold when all is told and all is handed out.
    pub(crate) fn check_rest(&mut self, node: &dyn Node) {
        ensure!(self, node.output_waiting() == 0, "output waits, and is not handed out");
        self.cancelled.retain(|exchange| exchange.handed_out);
        let in_flight = node.exchanges_in_flight();
        let (open, cancelled) = (self.exchanges.len(), self.cancelled.len());
        ensure!(
            self,
            in_flight == open + cancelled,
            "{in_flight} exchanges in flight, but {open} begun and not ended, {cancelled} cancelled"
        );
        let (open, requests) = (node.requests_open(), self.requests.len());
        ensure!(self, open == requests, "{open} requests open, {requests} begun and not ended");
        if !self.phase.is_live() {
            ensure!(self, self.exchanges.is_empty(), "the end has not failed all requests");
            ensure!(self, self.pings.is_empty(), "the end has not failed all Pings");
            ensure!(self, self.sent.close || self.phase == Phase::Closed, "no Close");
            ensure!(self, self.closed_told == (self.phase == Phase::Closed), "Closed: not told");
            return;
        }
        ensure!(self, node.wants_input(), "nothing waits, and no input is wanted");
        let owed: usize = self.owed.values().map(std::collections::VecDeque::len).sum();
        ensure!(self, owed == requests, "{owed} requests have no answer, {requests} are open");
        let waiting = self.pinged.len();
        ensure!(self, waiting <= 4 * usize::from(requests > 0), "{waiting} Pings have no Pong");
        let idle = requests == 0 && self.exchanges.is_empty();
        let over = self.phase.released_by_peer() && idle;
        ensure!(self, !over, "released and idle, and not closed");
        // Whoever was refused is told as soon as it may be different the next time.
        let slot = self.exchanges.len() + cancelled < self.config.limits.max_exchanges;
        let wanted = self.wanted;
        let untold =
            wanted.output || wanted.exchange && slot || wanted.ping && self.pings.len() < 4;
        ensure!(self, !untold, "there is room, and it was not told: {wanted:?}");
    }

    /// Whether nothing is in flight.
    pub(crate) fn check_idle(&self) {
        let open = (self.exchanges.len(), self.requests.len(), self.pings.len());
        ensure!(self, open == (0, 0, 0), "in flight at the end: {self:?}");
    }

    /// `Closed` was told.
    pub(crate) fn closed(&mut self, reason: CloseReason) {
        let counter = match reason {
            reason if reason.is_clean() => &mut self.seen.closed_clean,
            CloseReason::KeepaliveTimeout => &mut self.seen.closed_silent,
            CloseReason::WriteStall => &mut self.seen.closed_stalled,
            CloseReason::Violation(Violation::Flood(_)) => &mut self.seen.floods,
            _ => &mut self.seen.closed_lost,
        };
        *counter += 1;
        self.same_reason(reason);
        ensure!(self, self.phase == Phase::Closed, "Closed is told in {:?}", self.phase);
        let left = self.exchanges.len() + self.pings.len();
        ensure!(self, left == 0, "Closed is told, {left} are not");
        self.closed_told = true;
    }

    pub(crate) fn same_reason(&mut self, reason: CloseReason) {
        ensure!(self, !self.phase.is_live(), "{reason} in {:?}", self.phase);
        let known = *self.reason.get_or_insert(reason);
        ensure!(self, known == reason, "it ended because {known}, and now because {reason}");
    }
}
