//! Our requests: whose response is it? (RFC 7252 §5.3, RFC 8323 §4.3)

use crate::error::{RequestError, Sent};
use crate::event::Event;
use crate::storage::{Full, Table};
use crate::time::Instant;
use core::fmt;
use core::marker::PhantomData;
use core::num::NonZeroU64;

/// Names one of our requests on its connection. It is the number that the token spells, and
/// is never used twice (TOK-06, TOK-07).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(NonZeroU64);

impl ExchangeId {
    /// The number: unique on its connection, ascending by no rule.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The token: the number in as few bytes as it needs, at least one (TOK-28).
    pub fn token(self) -> Token {
        Token::of(self.0)
    }
}

impl fmt::Debug for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exchange {:x}", self.0)
    }
}

/// A token of ours: at most eight bytes (RFC 7252 §5.3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    bytes: [u8; 8],
    skip: u8,
}

impl Token {
    pub(crate) fn of(number: NonZeroU64) -> Token {
        let skip = u8::try_from(number.leading_zeros() / 8).unwrap_or(0);
        Token { bytes: number.get().to_be_bytes(), skip }
    }

    /// The bytes on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(usize::from(self.skip)..).unwrap_or(&[])
    }

    /// The number that a token spells, `None` for one that we cannot have issued.
    pub(crate) fn read(token: &[u8]) -> Option<NonZeroU64> {
        if token.len() > 8 || token.first() == Some(&0) {
            return None;
        }
        NonZeroU64::new(token.iter().fold(0, |n, byte| (n << 8) | u64::from(*byte)))
    }
}

/// One place in the table.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Slot {
    /// 0 where the slot is free.
    number: u64,
    state: State,
    /// It is an observation: more than one response may come.
    observe: bool,
    /// Others of the same operation may follow.
    part: bool,
    deadline: Instant,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Free,
    /// In the out queue. `silent`: nothing is wanted back, all classes are disclaimed.
    Queued { silent: bool },
    /// Handed out.
    Sent,
    /// A notification has come, more will follow.
    Observing,
    /// The caller is no longer interested; the slot stays until the answer or the end, so
    /// that cancelling does not raise what the peer has to work on.
    Cancelled { queued: bool },
    /// The caller deregisters; the token stays in use until the final response (OBS-10).
    Leaving { queued: bool },
    /// Over, to be told.
    Failed(RequestError, Sent),
    /// Over, to be told: handed out and nothing is wanted back (NR-08).
    Silent,
}

impl State {
    const fn in_flight(self) -> bool {
        !matches!(self, State::Free | State::Failed(..) | State::Silent)
    }

    const fn untold(self) -> bool {
        matches!(self, State::Failed(..) | State::Silent)
    }
}

/// What a request wants back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wants {
    Response,
    /// All classes of responses are disclaimed (RFC 7967).
    Nothing,
    /// A response now, and another whenever it would be a different one (RFC 7641).
    Notifications,
}

/// Whose response a token names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Match {
    /// Of a request in flight, which is over with it or not.
    Live { exchange: ExchangeId, last: bool, part: bool },
    /// Of a request that was cancelled, has failed or was answered: normal (TOK-13).
    Late,
    /// Of none that we ever sent.
    Never,
}

/// Our requests in flight.
#[derive(Debug)]
pub(crate) struct Exchanges<T> {
    table: T,
    limit: usize,
    slot_bits: u32,
    sequence: u64,
    untold: usize,
    slots: PhantomData<Slot>,
}

impl<T: Table<Slot>> Exchanges<T> {
    pub(crate) fn new(limit: usize) -> Exchanges<T> {
        let limit = limit.min(T::CAPACITY);
        let slot_bits = usize::BITS.saturating_sub(limit.saturating_sub(1).leading_zeros());
        Exchanges { table: T::new(), limit, slot_bits, sequence: 1, untold: 0, slots: PhantomData }
    }

    /// The number that a Ping would have, if it were sent now.
    pub(crate) fn preview_ping(&self) -> Option<NonZeroU64> {
        self.number(0)
    }

    /// The Ping is in the out queue.
    pub(crate) fn ping_sent(&mut self) {
        self.sequence = self.sequence.saturating_add(1);
    }

    /// Finds a free slot, growing the table if need be; nothing is taken yet.
    pub(crate) fn vacancy(&mut self) -> Result<usize, Full> {
        let free = self.table.slots().iter().position(|slot| slot.state == State::Free);
        if let Some(index) = free {
            return Ok(index);
        }
        let index = self.table.slots().len();
        self.table.grow(self.limit)?;
        Ok(index)
    }

    /// The id that a request in this slot would have, if it were sent now.
    pub(crate) fn preview(&self, slot: usize) -> Option<ExchangeId> {
        self.number(slot).map(ExchangeId)
    }

    /// `None` when all numbers are used up.
    fn number(&self, slot: usize) -> Option<NonZeroU64> {
        let unit = 1_u64.checked_shl(self.slot_bits)?;
        NonZeroU64::new(self.sequence.checked_mul(unit)? | slot as u64)
    }

    /// Takes a slot: the request is in the out queue.
    pub(crate) fn open(
        &mut self,
        slot: usize,
        id: ExchangeId,
        deadline: Instant,
        wants: Wants,
        part: bool,
    ) {
        self.sequence = self.sequence.saturating_add(1);
        let state = State::Queued { silent: wants == Wants::Nothing };
        let observe = wants == Wants::Notifications;
        if let Some(place) = self.table.slots_mut().get_mut(slot) {
            *place = Slot { number: id.get(), state, observe, part, deadline };
        }
    }

    /// Whether a queued request still is to be sent.
    pub(crate) fn is_to_be_sent(&mut self, token: &[u8]) -> bool {
        let slot = Token::read(token).and_then(|number| self.find(number));
        match slot {
            Some(Slot {
                state: State::Queued { .. } | State::Leaving { queued: true }, ..
            }) => true,
            Some(slot) if slot.state == (State::Cancelled { queued: true }) => {
                *slot = Slot::default();
                false
            }
            _ => false,
        }
    }

    /// A queued request is handed out.
    pub(crate) fn hand_out(&mut self, token: &[u8]) {
        let Some(slot) = Token::read(token).and_then(|number| self.find(number)) else { return };
        match slot.state {
            State::Queued { silent: false } => slot.state = State::Sent,
            State::Leaving { queued: true } => slot.state = State::Leaving { queued: false },
            State::Queued { silent: true } => {
                slot.state = State::Silent;
                self.untold = self.untold.saturating_add(1);
            }
            _ => {}
        }
    }

    /// Whose response this is; `more` where it is a notification, behind which others follow.
    pub(crate) fn matches(&mut self, token: &[u8], more: bool) -> Match {
        let Some(number) = Token::read(token) else { return Match::Never };
        if number.get() >> self.slot_bits >= self.sequence {
            return Match::Never;
        }
        let Some(slot) = self.find(number).filter(|slot| slot.state.in_flight()) else {
            return Match::Late;
        };
        let last = !(slot.observe && more);
        let part = slot.part;
        match slot.state {
            State::Sent | State::Observing => {
                match last {
                    true => *slot = Slot::default(),
                    false => (slot.state, slot.deadline) = (State::Observing, Instant::FAR_FUTURE),
                }
                Match::Live { exchange: ExchangeId(number), last, part }
            }
            State::Cancelled { queued: false } | State::Leaving { .. } => {
                if last {
                    *slot = Slot::default();
                }
                Match::Late
            }
            // An answer to what was never handed out is no answer.
            _ => Match::Never,
        }
    }

    /// Nobody is told of this observation any more; its token stays in use until the peer says
    /// that it is over, or is told to be.
    pub(crate) fn abandon(&mut self, id: ExchangeId) {
        if let Some(slot) = self.find(id.0) {
            slot.state = State::Cancelled { queued: false };
        }
    }

    /// Whether there is an observation to deregister: one that was handed out.
    pub(crate) fn is_observation(&mut self, id: ExchangeId) -> bool {
        let handed_out = |state| {
            matches!(state, State::Sent | State::Observing | State::Cancelled { queued: false })
        };
        self.find(id.0).is_some_and(|slot| slot.observe && handed_out(slot.state))
    }

    /// The deregistration is in the out queue.
    pub(crate) fn leave(&mut self, id: ExchangeId, deadline: Instant) {
        if let Some(slot) = self.find(id.0) {
            (slot.state, slot.deadline) = (State::Leaving { queued: true }, deadline);
        }
    }

    /// The caller is no longer interested; false where the exchange is over already.
    pub(crate) fn cancel(&mut self, id: ExchangeId, retire_at: Instant) -> bool {
        let Some(slot) = self.find(id.0) else { return false };
        match slot.state {
            State::Queued { .. } => slot.state = State::Cancelled { queued: true },
            State::Sent => slot.state = State::Cancelled { queued: false },
            State::Observing => {
                (slot.state, slot.deadline) = (State::Cancelled { queued: false }, retire_at);
            }
            State::Failed(..) | State::Silent => {
                *slot = Slot::default();
                self.untold = self.untold.saturating_sub(1);
            }
            State::Free | State::Cancelled { .. } | State::Leaving { .. } => return false,
        }
        true
    }

    /// Fails what is due.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.fail_where(RequestError::Timeout, |slot| slot.deadline <= now);
    }

    /// Fails everything in flight.
    pub(crate) fn fail_all(&mut self, error: RequestError) {
        self.fail_where(error, |_| true);
    }

    fn fail_where(&mut self, error: RequestError, which: impl Fn(&Slot) -> bool) {
        let mut untold = self.untold;
        for slot in self.table.slots_mut().iter_mut().filter(|slot| which(slot)) {
            let sent = match slot.state {
                State::Queued { .. } => Sent::No,
                State::Sent | State::Observing => Sent::Maybe,
                State::Cancelled { .. } | State::Leaving { .. } => {
                    *slot = Slot::default();
                    continue;
                }
                _ => continue,
            };
            slot.state = State::Failed(error, sent);
            untold = untold.saturating_add(1);
        }
        self.untold = untold;
    }

    /// The next exchange that is over without a message saying so.
    pub(crate) fn poll(&mut self) -> Option<Event> {
        if self.untold == 0 {
            return None;
        }
        let slot = self.table.slots_mut().iter_mut().find(|slot| slot.state.untold())?;
        let exchange = ExchangeId(NonZeroU64::new(slot.number)?);
        let event = match slot.state {
            State::Failed(error, sent) => Event::Failed { exchange, error, sent },
            _ => Event::Silent(exchange),
        };
        *slot = Slot::default();
        self.untold = self.untold.saturating_sub(1);
        Some(event)
    }

    /// Whether a request could be taken.
    pub(crate) fn has_vacancy(&self) -> bool {
        let slots = self.table.slots();
        slots.len() < self.limit || slots.iter().any(|slot| slot.state == State::Free)
    }

    /// How many are in flight, the cancelled ones included.
    pub(crate) fn in_flight(&self) -> usize {
        self.table.slots().iter().filter(|slot| slot.state.in_flight()).count()
    }

    /// How many somebody still waits for.
    pub(crate) fn awaited(&self) -> usize {
        let awaited = |slot: &&Slot| matches!(slot.state, State::Queued { .. } | State::Sent);
        self.table.slots().iter().filter(awaited).count()
    }

    /// The earliest deadline.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let live = self.table.slots().iter().filter(|slot| slot.state.in_flight());
        live.map(|slot| slot.deadline).min()
    }

    /// Gives back memory that an empty table does not need.
    pub(crate) fn trim(&mut self) {
        if self.table.slots().iter().all(|slot| slot.state == State::Free) {
            self.table = T::new();
        }
    }

    fn find(&mut self, number: NonZeroU64) -> Option<&mut Slot> {
        let mask = 1_u64.checked_shl(self.slot_bits).map_or(u64::MAX, |one| one.saturating_sub(1));
        let index = usize::try_from(number.get() & mask).ok()?;
        self.table.slots_mut().get_mut(index).filter(|slot| slot.number == number.get())
    }
}
