//! Our Pings, and whether the peer is still there (RFC 8323 §5.4).

use crate::event::{Event, PingError};
use crate::exchange::Token;
use crate::time::Instant;
use core::fmt;
use core::num::NonZeroU64;

/// Names one Ping of ours on its connection; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PingId(NonZeroU64);

impl PingId {
    pub(crate) const fn new(number: NonZeroU64) -> PingId {
        PingId(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    pub(crate) fn token(self) -> Token {
        Token::of(self.0)
    }
}

impl fmt::Debug for PingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ping {:x}", self.0)
    }
}

/// How many Pings of the application may be unanswered.
pub(crate) const MAX_PINGS: usize = 4;

/// The Pings of the application that are not answered yet.
#[derive(Debug, Default)]
pub(crate) struct Pings {
    slots: [Option<Slot>; MAX_PINGS],
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    id: PingId,
    deadline: Instant,
    /// Over, to be told.
    failed: Option<PingError>,
}

impl Pings {
    pub(crate) fn has_vacancy(&self) -> bool {
        self.slots.iter().any(Option::is_none)
    }

    pub(crate) fn open(&mut self, id: PingId, deadline: Instant) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(Slot { id, deadline, failed: None });
        }
    }

    /// The Ping that a Pong with this token answers; only the exact token does (PING-08).
    pub(crate) fn answer(&mut self, token: &[u8]) -> Option<PingId> {
        let id = PingId(Token::read(token)?);
        let waits = |slot: &Option<Slot>| slot.is_some_and(|s| s.id == id && s.failed.is_none());
        *self.slots.iter_mut().find(|slot| waits(slot))? = None;
        Some(id)
    }

    pub(crate) fn expire(&mut self, now: Instant) {
        self.fail_where(PingError::Timeout, |slot| slot.deadline <= now);
    }

    pub(crate) fn fail_all(&mut self, error: PingError) {
        self.fail_where(error, |_| true);
    }

    fn fail_where(&mut self, error: PingError, which: impl Fn(&Slot) -> bool) {
        let slots = self.slots.iter_mut().flatten();
        for slot in slots.filter(|slot| slot.failed.is_none() && which(slot)) {
            slot.failed = Some(error);
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Event> {
        let slot = self.slots.iter_mut().find(|slot| slot.is_some_and(|s| s.failed.is_some()))?;
        let Slot { id, failed, .. } = slot.take()?;
        Some(Event::PingFailed { ping: id, error: failed? })
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        let waiting = self.slots.iter().flatten().filter(|slot| slot.failed.is_none());
        waiting.map(|slot| slot.deadline).min()
    }
}
