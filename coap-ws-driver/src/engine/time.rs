//! One deadline for everything.

use super::{Engine, Linger, Stage};
use bytes::BytesMut;
use coap_ws_core::{Closing, Connection, Instant, Phase, Violation};
use std::time::Duration;

/// How long after the last byte memory is given back: long enough that a busy connection
/// never pays for it.
const TRIM_AFTER: Duration = Duration::from_secs(1);

impl Engine {
    /// When to call [`handle_timeout`](Engine::handle_timeout): perhaps early, never late.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let own = [self.timers.stage, self.timers.message, self.timers.trim, self.stall()];
        let core = self.connection.as_ref().filter(|_| !self.is_over());
        let core = core.and_then(Connection::poll_timeout);
        own.into_iter().flatten().chain(core).min().filter(|_| !self.is_done())
    }

    /// It is `now`: what is due happens.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        let due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= self.now);
        let (stage, message) = (due(self.timers.stage), due(self.timers.message));
        let (trim, stall) = (due(self.timers.trim), due(self.stall()));
        if stage {
            self.stage_over();
        }
        if message {
            self.message_late();
        }
        if stall {
            self.gone(Closing::WriteStall);
        }
        if !self.is_over() {
            self.with_core(Connection::handle_timeout);
            let closed = self.connection.as_ref().is_some_and(|c| c.phase() == Phase::Closed);
            if closed {
                self.close_late();
            }
        }
        if trim {
            self.trim_when_idle();
        }
    }

    /// Gives back the memory that is not needed while nothing moves. By itself a second after
    /// the last byte; what is needed again is allocated again.
    pub fn trim(&mut self) {
        self.timers.trim = None;
        if self.input.is_empty() && matches!(self.stage, Stage::Open) {
            self.input = BytesMut::new();
            self.framer.trim();
            if self.output.is_empty() {
                self.output = Vec::new();
            }
            self.with_core(|connection, _| connection.trim());
        }
    }

    /// A byte came or left. The timer is not moved on each time, only set.
    pub(super) fn active(&mut self) {
        self.timers.active = self.now;
        if self.timers.trim.is_none() {
            self.timers.trim = Some(self.now.saturating_add(TRIM_AFTER));
        }
    }

    fn trim_when_idle(&mut self) {
        let idle_at = self.timers.active.saturating_add(TRIM_AFTER);
        if idle_at <= self.now {
            self.trim();
        } else {
            self.timers.trim = Some(idle_at);
        }
    }

    fn stage_over(&mut self) {
        self.timers.stage = None;
        match self.stage {
            Stage::Opening(_) => self.opening_late(),
            Stage::Lingering(Linger { until, .. }) => {
                // Counted from our last byte on, so that a slow link does not cut our words off.
                let last = self.timers.progress.saturating_add(self.config.linger_timeout);
                let deadline = last.min(until);
                if deadline <= self.now {
                    self.finish();
                } else {
                    self.timers.stage = Some(deadline);
                }
            }
            Stage::Open | Stage::Closing | Stage::Done => {}
        }
    }

    /// Half a message and then silence: as good as gone, said with a Close (T22).
    fn message_late(&mut self) {
        self.timers.message = None;
        if self.parses() {
            let late = Violation::MessageLate;
            self.with_core(|connection, now| connection.handle_violation(now, late));
        } else {
            // It is us who did not read.
            self.watch_message();
        }
    }

    /// The peer has not answered our Close in time, or has not even read it.
    fn close_late(&mut self) {
        let words = matches!(self.stage, Stage::Closing) && self.written < self.output.len();
        if words { self.linger() } else { self.finish() }
    }

    /// When a transport that takes nothing is given up (T53).
    fn stall(&self) -> Option<Instant> {
        let waiting = self.written < self.output.len();
        let at = self.timers.progress.saturating_add(self.config.write_stall_timeout);
        waiting.then_some(at)
    }

    fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Opening(_) | Stage::Lingering(_) | Stage::Done)
    }
}
