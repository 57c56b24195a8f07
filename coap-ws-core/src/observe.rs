//! Who watches what of ours: tokens, a flag and a number each; no values (RFC 7641,
//! RFC 8323 §7).

use crate::event::Event;
use crate::storage::{Full, Table};
use crate::token::PeerToken;
use core::fmt;
use core::marker::PhantomData;

/// Names one observer on its connection; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObserverId {
    /// The number of the registration, from 1.
    serial: u64,
    slot: u32,
}

impl ObserverId {
    /// The number of the registration on the connection, from 1.
    pub const fn serial(self) -> u64 {
        self.serial
    }
}

impl fmt::Debug for ObserverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "observer #{}", self.serial)
    }
}

/// One place in the table.
#[doc(hidden)]
#[derive(Clone, Debug, Default)]
pub struct Slot {
    /// 0 where the slot is free.
    serial: u64,
    token: PeerToken,
    /// What the last notification was numbered; receivers over WebSockets ignore it
    /// (RFC 8323 §7.1), aiocoap drops what does not grow.
    sequence: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// What it was told last is how things are.
    #[default]
    Current,
    /// It is to be told something, and the application is to be told that.
    Changed,
    /// The application knows that a notification is due.
    Due,
    /// Over, to be told.
    Gone,
}

/// The observers of one connection. They die with it (OBS-11).
#[derive(Debug)]
pub(crate) struct Observers<T> {
    table: T,
    limit: usize,
    serials: u64,
    /// Whether there may be something to tell.
    stirred: bool,
    slots: PhantomData<Slot>,
}

/// The Observe option has at most three bytes (RFC 7641 §2).
const SEQUENCE_MASK: u32 = 0x00ff_ffff;

impl<T: Table<Slot>> Observers<T> {
    pub(crate) fn new(limit: usize) -> Observers<T> {
        let limit = limit.min(T::CAPACITY);
        Observers { table: T::new(), limit, serials: 0, stirred: false, slots: PhantomData }
    }

    /// Whether one more could be registered; growing is tried now.
    pub(crate) fn vacancy(&mut self) -> Result<usize, Full> {
        let free = self.table.slots().iter().position(|slot| slot.serial == 0);
        if let Some(index) = free {
            return Ok(index);
        }
        let index = self.table.slots().len();
        self.table.grow(self.limit)?;
        Ok(index)
    }

    /// Registers: the first notification, numbered 1, is in the out queue.
    pub(crate) fn register(&mut self, index: usize, token: PeerToken) -> ObserverId {
        self.serials = self.serials.saturating_add(1);
        if let Some(slot) = self.table.slots_mut().get_mut(index) {
            let (serial, state) = (self.serials, State::Current);
            *slot = Slot { serial, token, sequence: FIRST_SEQUENCE, state };
        }
        ObserverId { serial: self.serials, slot: u32::try_from(index).unwrap_or(0) }
    }

    /// Ends the observation that has this token, if there is one: it is replaced or was
    /// deregistered (OBS-09, OBS-12).
    pub(crate) fn end(&mut self, token: &PeerToken) {
        let live = |slot: &&mut Slot| slot.is_live() && slot.token == *token;
        if let Some(slot) = self.table.slots_mut().iter_mut().find(live) {
            slot.state = State::Gone;
            self.stirred = true;
        }
    }

    /// The observer that has this token.
    pub(crate) fn by_token(&self, token: &PeerToken) -> Option<ObserverId> {
        let slots = self.table.slots();
        let index = slots.iter().position(|slot| slot.is_live() && slot.token == *token)?;
        let serial = slots.get(index)?.serial;
        Some(ObserverId { serial, slot: u32::try_from(index).ok()? })
    }

    /// A response with this number is in the out queue. What has changed since it was made is
    /// still to be told.
    pub(crate) fn renumber(&mut self, id: ObserverId, sequence: u32) {
        if let Some(slot) = self.find(id) {
            slot.sequence = sequence;
        }
    }

    /// The state of what it watches has changed: it is to be told. However often that is said,
    /// it is told once, and how things are then (OBS-18).
    pub(crate) fn mark_changed(&mut self, id: ObserverId) -> bool {
        let Some(slot) = self.find(id) else { return false };
        slot.state = State::Changed;
        self.stirred = true;
        true
    }

    /// The token and the number of the next notification.
    pub(crate) fn next(&mut self, id: ObserverId) -> Option<(PeerToken, u32)> {
        let slot = self.find(id)?;
        Some((slot.token.clone(), slot.sequence.wrapping_add(1) & SEQUENCE_MASK))
    }

    /// The notification is in the out queue.
    pub(crate) fn notified(&mut self, id: ObserverId) {
        if let Some(slot) = self.find(id) {
            slot.sequence = slot.sequence.wrapping_add(1) & SEQUENCE_MASK;
            if slot.state == State::Due {
                slot.state = State::Current;
            }
        }
    }

    /// An observation has ended by a response without Observe: nothing is to be told.
    pub(crate) fn remove(&mut self, id: ObserverId) {
        if let Some(slot) = self.find(id) {
            *slot = Slot::default();
        }
    }

    /// Ends all: nothing will be sent any more.
    pub(crate) fn end_all(&mut self) {
        for slot in self.table.slots_mut().iter_mut().filter(|slot| slot.serial != 0) {
            slot.state = State::Gone;
        }
        self.stirred = true;
    }

    /// The next thing to tell: first who is gone, then, where there is room, whom to notify.
    pub(crate) fn poll(&mut self, room: bool) -> Option<Event> {
        if !self.stirred {
            return None;
        }
        let slots = self.table.slots_mut();
        let to_tell = |slot: &Slot| match slot.state {
            State::Gone => true,
            State::Changed => room,
            State::Current | State::Due => false,
        };
        let index = slots.iter().position(|slot| slot.state == State::Gone);
        let Some(index) = index.or_else(|| slots.iter().position(to_tell)) else {
            self.stirred = slots.iter().any(|slot| slot.state == State::Changed);
            return None;
        };
        let slot = slots.get_mut(index)?;
        let id = ObserverId { serial: slot.serial, slot: u32::try_from(index).ok()? };
        if slot.state == State::Gone {
            *slot = Slot::default();
            return Some(Event::ObserverGone(id));
        }
        slot.state = State::Due;
        Some(Event::NotificationDue(id))
    }

    /// How many watch.
    pub(crate) fn count(&self) -> usize {
        self.table.slots().iter().filter(|slot| slot.is_live()).count()
    }

    /// Gives back memory that an empty table does not need.
    pub(crate) fn trim(&mut self) {
        if self.table.slots().iter().all(|slot| slot.serial == 0) {
            self.table = T::new();
        }
    }

    fn find(&mut self, id: ObserverId) -> Option<&mut Slot> {
        let slot = self.table.slots_mut().get_mut(id.slot as usize)?;
        (slot.serial == id.serial && slot.is_live()).then_some(slot)
    }
}

/// The number of the response that registers.
pub(crate) const FIRST_SEQUENCE: u32 = 1;

impl Slot {
    fn is_live(&self) -> bool {
        self.serial != 0 && self.state != State::Gone
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use crate::storage::{Heap, Storage};

    // T71
    #[test]
    fn numbers_wrap_after_three_bytes() {
        let mut observers = Observers::<<Heap as Storage>::Observers>::new(1);
        let place = observers.vacancy().ok().unwrap_or(usize::MAX);
        let id = observers.register(place, PeerToken::default());
        observers.renumber(id, SEQUENCE_MASK - 1);
        let mut numbers = [0; 4];
        for number in &mut numbers {
            *number = observers.next(id).map_or(u32::MAX, |(_, sequence)| sequence);
            observers.notified(id);
        }
        assert_eq!(numbers, [SEQUENCE_MASK, 0, 1, 2]);
    }
}
