//! The peer's requests: who is owed an answer, and which Pongs wait for those answers.

use crate::event::Event;
use crate::message::{Code, Message, disclaims, no_response};
use crate::storage::{Full, Table};
use crate::time::Instant;
use crate::token::PeerToken;
use core::fmt;
use core::marker::PhantomData;

/// Names one request of the peer on its connection; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    /// The number of its arrival, from 1.
    arrival: u64,
    slot: u32,
}

impl RequestId {
    /// The number of its arrival on the connection, from 1.
    pub const fn arrival(self) -> u64 {
        self.arrival
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request #{}", self.arrival)
    }
}

/// The right, and the duty, to answer one request of the peer.
///
/// It cannot be cloned: a request has one response (CODE-15). One that is dropped leaves the
/// peer waiting until the core answers 5.03 after `answer_timeout`.
#[must_use = "a request that is not answered costs the peer its whole timeout"]
#[derive(Debug, PartialEq, Eq)]
pub struct Responder {
    id: RequestId,
}

impl Responder {
    /// Which request it answers.
    pub const fn id(&self) -> RequestId {
        self.id
    }
}

/// One place in the table.
#[doc(hidden)]
#[derive(Clone, Debug, Default)]
pub struct Slot {
    /// 0 where the slot is free.
    arrival: u64,
    deadline: Instant,
    token: PeerToken,
    no_response: u8,
    /// It wants to be told of changes.
    register: bool,
    /// Its time is up and the core has answered; to be told.
    expired: bool,
}

/// What is needed to answer a request.
#[derive(Clone, Debug)]
pub(crate) struct Return {
    pub(crate) token: PeerToken,
    no_response: u8,
    /// Whether the request registers an observer (RFC 7641 §2).
    pub(crate) register: bool,
}

impl Return {
    /// The way back of a request; `None` where there is no memory for its token.
    pub(crate) fn of(message: &Message<'_>) -> Option<Return> {
        let token = PeerToken::new(message.token())?;
        Some(Return { token, no_response: no_response(message), register: message.registers() })
    }

    /// Whether the request disclaims responses of this class (NR-02, NR-03).
    pub(crate) fn unwanted(&self, code: Code) -> bool {
        disclaims(self.no_response, code)
    }
}

/// The peer's requests that are not answered yet.
#[derive(Debug)]
pub(crate) struct Served<T> {
    table: T,
    limit: usize,
    arrivals: u64,
    open: usize,
    untold: usize,
    pongs: [Option<WaitingPong>; MAX_WAITING_PONGS],
    pings: u64,
    slots: PhantomData<Slot>,
}

/// How many Pongs may wait for custody at a time; later Pings get a plain Pong at once.
pub(crate) const MAX_WAITING_PONGS: usize = 4;

/// A Pong that waits until every earlier request is answered (RFC 8323 §5.4.1; PING-03).
#[derive(Debug)]
pub(crate) struct WaitingPong {
    pub(crate) token: PeerToken,
    /// The number of its Ping among those that wait.
    order: u64,
    /// The last request that came before the Ping.
    after: u64,
    pub(crate) deadline: Instant,
}

impl<T: Table<Slot>> Served<T> {
    pub(crate) fn new(limit: usize) -> Served<T> {
        Served {
            table: T::new(),
            limit: limit.min(T::CAPACITY),
            arrivals: 0,
            open: 0,
            untold: 0,
            pongs: [const { None }; MAX_WAITING_PONGS],
            pings: 0,
            slots: PhantomData,
        }
    }

    /// Takes a request in; gives it back where there is no place for it.
    pub(crate) fn open(&mut self, back: Return, deadline: Instant) -> Result<Responder, Return> {
        let Ok(index) = self.place() else { return Err(back) };
        let Some(slot) = self.table.slots_mut().get_mut(index) else { return Err(back) };
        let arrival = self.arrivals.saturating_add(1);
        let Return { token, no_response, register } = back;
        *slot = Slot { arrival, deadline, token, no_response, register, expired: false };
        self.arrivals = arrival;
        self.open = self.open.saturating_add(1);
        let id = RequestId { arrival, slot: u32::try_from(index).unwrap_or(0) };
        Ok(Responder { id })
    }

    /// A free place, or a new one.
    fn place(&mut self) -> Result<usize, Full> {
        if let Some(index) = self.table.slots().iter().position(|slot| slot.arrival == 0) {
            return Ok(index);
        }
        let index = self.table.slots().len();
        self.table.grow(self.limit)?;
        Ok(index)
    }

    /// The way back of an open request.
    pub(crate) fn find(&self, id: RequestId) -> Option<Return> {
        let slot = self.table.slots().get(id.slot as usize)?;
        let open = slot.arrival == id.arrival && !slot.expired;
        if !open {
            return None;
        }
        let Slot { token, no_response, register, .. } = slot;
        Some(Return { token: token.clone(), no_response: *no_response, register: *register })
    }

    /// The request is answered.
    pub(crate) fn close(&mut self, id: RequestId) {
        let slot = self.table.slots_mut().get_mut(id.slot as usize);
        if let Some(slot) = slot.filter(|slot| slot.arrival == id.arrival && !slot.expired) {
            *slot = Slot::default();
            self.open = self.open.saturating_sub(1);
        }
    }

    /// Requests with this token that are not answered yet register no observer any more.
    pub(crate) fn forget_registrations(&mut self, token: &PeerToken) {
        for slot in self.table.slots_mut().iter_mut().filter(|slot| slot.token == *token) {
            slot.register = false;
        }
    }

    /// A request whose time is up, to be answered by the core.
    pub(crate) fn due(&self, now: Instant) -> Option<RequestId> {
        if self.open == 0 {
            return None;
        }
        let due = |slot: &Slot| slot.arrival != 0 && !slot.expired && slot.deadline <= now;
        let index = self.table.slots().iter().position(due)?;
        let arrival = self.table.slots().get(index)?.arrival;
        Some(RequestId { arrival, slot: u32::try_from(index).ok()? })
    }

    /// The core has answered it; the application is to be told.
    pub(crate) fn expire(&mut self, id: RequestId) {
        let slot = self.table.slots_mut().get_mut(id.slot as usize);
        if let Some(slot) = slot.filter(|slot| slot.arrival == id.arrival && !slot.expired) {
            slot.expired = true;
            self.open = self.open.saturating_sub(1);
            self.untold = self.untold.saturating_add(1);
        }
    }

    /// The next request whose time was up.
    pub(crate) fn poll(&mut self) -> Option<Event> {
        if self.untold == 0 {
            return None;
        }
        let index = self.table.slots().iter().position(|slot| slot.expired)?;
        let slot = self.table.slots_mut().get_mut(index)?;
        let id = RequestId { arrival: slot.arrival, slot: u32::try_from(index).ok()? };
        *slot = Slot::default();
        self.untold = self.untold.saturating_sub(1);
        Some(Event::Expired(id))
    }

    /// No answer will be sent any more. What has expired is still to be told.
    pub(crate) fn clear(&mut self) {
        for slot in self.table.slots_mut().iter_mut().filter(|slot| !slot.expired) {
            *slot = Slot::default();
        }
        self.open = 0;
        self.trim();
        self.pongs = [const { None }; MAX_WAITING_PONGS];
    }

    /// How many are not answered yet.
    pub(crate) const fn open_count(&self) -> usize {
        self.open
    }

    /// Makes a Pong wait for the requests that are open now; false where it need not wait, or
    /// too many do already.
    pub(crate) fn hold_pong(&mut self, token: PeerToken, deadline: Instant) -> bool {
        if self.open == 0 {
            return false;
        }
        self.pings = self.pings.saturating_add(1);
        let pong = WaitingPong { token, order: self.pings, after: self.arrivals, deadline };
        match self.pongs.iter_mut().find(|place| place.is_none()) {
            Some(place) => {
                *place = Some(pong);
                true
            }
            None => false,
        }
    }

    /// The oldest Pong that need not wait any more, and whether custody can be stated.
    pub(crate) fn ready_pong(&self, now: Instant) -> Option<(PeerToken, bool)> {
        let pong = self.pongs.iter().flatten().min_by_key(|pong| pong.order)?;
        let earlier =
            |slot: &Slot| slot.arrival != 0 && !slot.expired && slot.arrival <= pong.after;
        let done = !self.table.slots().iter().any(earlier);
        (done || pong.deadline <= now).then(|| (pong.token.clone(), done))
    }

    /// The oldest waiting Pong was sent.
    pub(crate) fn pong_sent(&mut self) {
        let oldest = self.pongs.iter().flatten().map(|pong| pong.order).min();
        let place =
            self.pongs.iter_mut().find(|place| place.as_ref().map(|pong| pong.order) == oldest);
        if let Some(place) = place {
            *place = None;
        }
    }

    /// The earliest deadline that is after `now`.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        let open = self.table.slots().iter().filter(|slot| slot.arrival != 0 && !slot.expired);
        let pongs = self.pongs.iter().flatten().map(|pong| pong.deadline);
        // What is due but has no room yet waits for room, not for time.
        open.map(|slot| slot.deadline).chain(pongs).filter(|deadline| *deadline > now).min()
    }

    /// Gives back memory that an empty table does not need.
    pub(crate) fn trim(&mut self) {
        if self.open == 0 && self.untold == 0 {
            self.table = T::new();
        }
    }
}
