//! The table of calls.

use crate::call::{Ask, Call};
use coap_ws_core::{ExchangeId, Instant};

/// All calls, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Calls {
    entries: Vec<Entry>,
    count: u32,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: u32,
    pub(super) call: Call,
    /// The request that is in flight.
    pub(super) exchange: Option<ExchangeId>,
    /// The registration, of an observation.
    pub(super) watching: Option<ExchangeId>,
    /// Until when it may wait to be sent; `None` where there is nothing to send.
    pub(super) wants: Option<Instant>,
    /// Whether the server may have seen some of it.
    pub(super) touched: bool,
    /// Whether what is being fetched is the last state.
    pub(super) last: bool,
    /// Whether it is only there to be deregistered.
    pub(super) leaving: bool,
}

impl Calls {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn open(&mut self, ask: Ask, until: Instant, limit: usize) -> u32 {
        self.count = self.count.wrapping_add(1);
        self.entries.push(Entry {
            id: self.count,
            call: Call::new(ask, self.count, limit),
            exchange: None,
            watching: None,
            wants: Some(until),
            touched: false,
            last: false,
            leaving: false,
        });
        self.count
    }

    pub(super) fn by_id(&self, id: u32) -> Option<usize> {
        self.entries.iter().position(|entry| entry.id == id && !entry.leaving)
    }

    pub(super) fn by_exchange(&self, exchange: ExchangeId) -> Option<usize> {
        let some = Some(exchange);
        self.entries.iter().position(|entry| entry.exchange == some || entry.watching == some)
    }

    /// The first at or behind `from` that has something to send or to leave.
    pub(super) fn next_wanting(&self, from: usize) -> Option<usize> {
        let wants = |entry: &Entry| entry.wants.is_some() || entry.leaving;
        let rest = self.entries.get(from..)?;
        rest.iter().position(wants).map(|index| index.saturating_add(from))
    }

    pub(super) fn get(&mut self, index: usize) -> Option<&mut Entry> {
        self.entries.get_mut(index)
    }

    pub(super) fn remove(&mut self, index: usize) -> Option<Entry> {
        (index < self.entries.len()).then(|| self.entries.remove(index))
    }

    /// Takes out those for which it holds.
    pub(super) fn drain(&mut self, which: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let all = std::mem::take(&mut self.entries);
        let (out, stay) = all.into_iter().partition(which);
        self.entries = stay;
        out
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.entries.iter().filter_map(|entry| entry.wants).min()
    }
}
