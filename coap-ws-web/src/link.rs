//! Whether there is a connection, and when the next one is tried.

use crate::settings::Settings;
use coap_ws_core::{Backoff, Instant, Jitter};
use std::time::Duration;

/// Where a session is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// A WebSocket is being opened, until then.
    Dialling(Instant),
    /// There is one since then.
    Open(Instant),
    /// There is none until then.
    Waiting(Instant),
    Over,
}

/// The life of a session over its connections.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) phase: Phase,
    /// Whether there was a connection at all.
    pub(crate) was_open: bool,
    /// Whether the page wants the end.
    pub(crate) closing: bool,
    /// Losses in a row.
    losses: Backoff,
    hold_off: Duration,
    jitter: Jitter,
}

impl Link {
    pub(crate) fn new(until: Instant, seed: u64) -> Link {
        Link {
            phase: Phase::Dialling(until),
            was_open: false,
            closing: false,
            losses: Backoff::default(),
            hold_off: Duration::ZERO,
            jitter: Jitter::new(seed),
        }
    }

    pub(crate) fn opened(&mut self, now: Instant) {
        self.phase = Phase::Open(now);
        self.was_open = true;
        self.hold_off = Duration::ZERO;
    }

    /// The peer asks us to stay away for a while (RFC 8323 §5.5.1).
    pub(crate) fn held_off(&mut self, hold_off: Duration, settings: &Settings) {
        self.hold_off = hold_off.min(settings.max_hold_off);
    }

    /// The connection is gone or did not come about; how long until the next attempt, `None`
    /// where there is none. The first attempt that fails is the last: whoever asked for the
    /// connection is told at once.
    pub(crate) fn lost(
        &mut self,
        now: Instant,
        settings: &Settings,
        worth_it: bool,
    ) -> Option<Duration> {
        if !settings.reconnects || !self.was_open || self.closing || !worth_it {
            self.phase = Phase::Over;
            return None;
        }
        // One that has held for a while was a good one.
        if let Phase::Open(since) = self.phase
            && now.saturating_since(since) >= settings.backoff_most
        {
            self.losses.reset();
        }
        let most = self.losses.failed(settings.backoff_first, settings.backoff_most);
        let wait = self.jitter.up_to(most).max(self.hold_off);
        self.phase = Phase::Waiting(now.saturating_add(wait));
        Some(wait)
    }

    pub(crate) const fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Dialling(until) | Phase::Waiting(until) => Some(until),
            Phase::Open(_) | Phase::Over => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // T88
    #[test]
    fn waits_twice_as_long_after_each_loss_and_never_beyond_the_most() {
        let settings = Settings::default();
        let mut link = Link::new(Instant::ZERO, 3);
        let mut most = Duration::ZERO;
        for losses in 0..40 {
            link.opened(Instant::ZERO);
            let bound = settings.backoff_first.saturating_mul(1 << losses.min(20));
            let wait = link.lost(Instant::ZERO, &settings, true).unwrap();
            assert!(wait <= bound.min(settings.backoff_most), "{losses}: {wait:?}");
            most = most.max(wait);
        }
        assert!(most > settings.backoff_most / 2, "{most:?}");
        // One that held starts from the beginning.
        link.opened(Instant::ZERO);
        let later = Instant::ZERO.saturating_add(settings.backoff_most);
        assert!(link.lost(later, &settings, true).unwrap() <= settings.backoff_first);
    }

    // REL-12, T58
    #[test]
    fn a_hold_off_is_kept_up_to_a_limit() {
        let settings = Settings::default();
        let mut link = Link::new(Instant::ZERO, 3);
        link.opened(Instant::ZERO);
        link.held_off(Duration::from_secs(100), &settings);
        assert_eq!(link.lost(Instant::ZERO, &settings, true), Some(Duration::from_secs(100)));
        link.opened(Instant::ZERO);
        link.held_off(Duration::from_secs(1 << 24), &settings);
        assert_eq!(link.lost(Instant::ZERO, &settings, true), Some(settings.max_hold_off));
    }
}
