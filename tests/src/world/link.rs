//! One direction between two ends: whole messages, in order, later.

use super::Faults;
use crate::tape::Tape;
use crate::told::Wire;
use std::collections::VecDeque;

/// What is on its way from one end to the other.
pub(super) struct Link {
    /// When each arrives, and what it is.
    on_the_way: VecDeque<(u64, Wire)>,
    latency: u64,
    jitter: u64,
    /// How many messages may be on their way.
    window: usize,
    /// The receiver does not read before.
    pub(super) stalled_until: u64,
    /// Nothing goes through any more.
    pub(super) cut: bool,
}

impl Link {
    pub(super) fn draw(tape: &mut Tape<'_>, faults: &Faults) -> Link {
        let latency = tape.pick(&[1_000, 0, 100, 20_000, 300_000]);
        let jitter = if faults.jitter { tape.pick(&[1, 1_000, 100_000, 2_000_000]) } else { 1 };
        let window = if faults.tiny { 1 + tape.index(4) } else { 4 + tape.index(60) };
        let on_the_way = VecDeque::new();
        Link { on_the_way, latency, jitter, window, stalled_until: 0, cut: false }
    }

    /// Whether the transport takes one more message.
    pub(super) fn has_room(&self, now: u64) -> bool {
        !self.cut && self.on_the_way.len() < self.window && self.stalled_until <= now
    }

    /// Sends one on its way; how long it takes.
    pub(super) fn send(&mut self, tape: &mut Tape<'_>, fair: bool, now: u64, wire: Wire) -> u64 {
        let jitter = if fair { 0 } else { tape.below(self.jitter) };
        let earliest = self.on_the_way.back().map_or(0, |(at, _)| *at);
        let at = earliest.max(now + self.latency + jitter);
        if !self.cut {
            self.on_the_way.push_back((at, wire));
        }
        at - now
    }

    /// What has arrived, without taking it.
    pub(super) fn arrived(&self, now: u64) -> Option<&Wire> {
        let (at, wire) = self.on_the_way.front()?;
        (*at <= now && self.stalled_until <= now).then_some(wire)
    }

    /// Takes what has arrived.
    pub(super) fn take(&mut self) -> Option<Wire> {
        self.on_the_way.pop_front().map(|(_, wire)| wire)
    }

    /// Loses what is on its way, but for the first few.
    pub(super) fn lose(&mut self, but: usize) {
        self.on_the_way.truncate(but);
    }

    pub(super) fn len(&self) -> usize {
        self.on_the_way.len()
    }
}
