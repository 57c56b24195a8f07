//! One host: whether there is a connection to it, and when the next one may be made.

use super::{ConnectionId, DialId, HeldOff, PoolConfig, Route};
use crate::jitter::{Backoff, Jitter};
use crate::time::Instant;
use alloc::collections::VecDeque;
use alloc::string::String;
use core::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) state: State,
    /// In a row, without a connection that lasted between.
    backoff: Backoff,
    not_before: Instant,
    why: HeldOff,
    /// Where a Release has sent us; the next to try first.
    alternatives: VecDeque<String>,
}

#[derive(Debug, Default)]
pub(super) enum State {
    #[default]
    Free,
    Dialling {
        dial: DialId,
        /// Instead of the host itself.
        alternative: Option<String>,
        waiting: usize,
    },
    Open(ConnectionId),
}

impl Host {
    /// What is to be done for a request; `dial` is the name of a new attempt.
    pub(super) fn route(&mut self, now: Instant, dial: DialId, config: &PoolConfig) -> Route {
        match &mut self.state {
            State::Open(connection) => Route::Use(*connection),
            State::Dialling { waiting, .. } if *waiting >= config.max_waiting => {
                Route::Full(super::Full::Waiting)
            }
            State::Dialling { dial, waiting, .. } => {
                *waiting = waiting.saturating_add(1);
                Route::Wait(*dial)
            }
            State::Free => {
                let alternative = self.alternatives.pop_front();
                if alternative.is_none() && now < self.not_before {
                    return Route::HeldOff { until: self.not_before, why: self.why };
                }
                self.state = State::Dialling { dial, alternative: alternative.clone(), waiting: 1 };
                Route::Dial { dial, alternative }
            }
        }
    }

    /// Whether that is its connection.
    pub(super) fn is(&self, id: ConnectionId) -> bool {
        matches!(self.state, State::Open(own) if own == id)
    }

    /// Whether a request makes it dial.
    pub(super) fn may_dial(&self, now: Instant) -> bool {
        self.is_free() && (!self.alternatives.is_empty() || now >= self.not_before)
    }

    pub(super) fn is_free(&self) -> bool {
        matches!(self.state, State::Free)
    }

    /// When it may be forgotten: nothing is held off any more.
    pub(super) const fn free_at(&self) -> Instant {
        self.not_before
    }

    /// A connection could not be made, or was lost.
    pub(super) fn failed(&mut self, now: Instant, config: &PoolConfig, jitter: &mut Jitter) {
        // An alternative that fails says nothing of the host itself.
        if let State::Dialling { alternative: Some(_), .. } = self.state {
            self.state = State::Free;
            return;
        }
        self.state = State::Free;
        let most = self.backoff.failed(config.backoff_first, config.backoff_most);
        self.hold(now, jitter.up_to(most), HeldOff::BackOff);
    }

    /// A connection was released by its peer.
    pub(super) fn released(
        &mut self,
        now: Instant,
        hold_off: Duration,
        alternatives: VecDeque<String>,
        config: &PoolConfig,
        jitter: &mut Jitter,
    ) {
        self.state = State::Free;
        self.backoff.reset();
        self.alternatives = alternatives;
        // All its clients were told the same number.
        let wait = hold_off.min(config.max_hold_off);
        let wait = wait.saturating_add(jitter.up_to(config.backoff_first));
        self.hold(now, wait, HeldOff::Release);
    }

    /// A connection has lasted: what failed before it is over.
    pub(super) fn lasted(&mut self) {
        self.backoff.reset();
    }

    fn hold(&mut self, now: Instant, wait: Duration, why: HeldOff) {
        let until = now.saturating_add(wait);
        // A Hold-Off is not shortened by what fails meanwhile.
        if until >= self.not_before {
            self.not_before = until;
            self.why = why;
        }
    }
}
