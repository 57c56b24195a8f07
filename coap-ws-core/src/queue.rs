//! The out queue: whole messages, one behind the other, in one place.

use crate::message::{Encode, EncodeError, Encoder};
use crate::storage::{Buffer, Full};
use crate::token::SHORT;

/// Bytes in front of each queued message that hold its length.
const PREFIX: usize = 4;

/// Room that only our own automatic answers may use: one small error, Pong or CSM.
pub(crate) const AUTOMATIC_RESERVE: usize = 96;
/// The same where tokens may be longer than those of RFC 7252.
pub(crate) const fn automatic_reserve(token: usize) -> usize {
    AUTOMATIC_RESERVE.saturating_add(token.saturating_sub(SHORT))
}

/// Room that only the Abort may use.
pub(crate) const ABORT_RESERVE: usize = 96;
/// What is kept allocated while empty, so that small answers cost no allocation.
const KEEP: usize = 512;

/// Who writes, and so which reserves it must leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lane {
    /// What the application sends.
    Command,
    /// What we answer by ourselves.
    Automatic,
    /// The last message.
    Abort,
}

/// Why a message could not be queued.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PushError {
    /// Not now: output must drain first. Its size, 0 where that does not matter.
    NoRoom {
        size: usize,
    },
    /// Never: above what this message may have, in bytes.
    TooLarge {
        size: usize,
    },
    Encode(EncodeError),
}

#[derive(Debug)]
pub(crate) struct OutQueue<B> {
    buffer: B,
    head: usize,
    tail: usize,
    /// The most bytes that may wait, prefixes and reserves included.
    limit: usize,
    /// What is kept for one automatic answer: it has the token of what it answers.
    automatic: usize,
    high: usize,
    low: usize,
    congested: bool,
}

impl<B: Buffer> OutQueue<B> {
    /// `token` is the longest token that an automatic answer may have.
    pub(crate) fn new(limit: usize, token: usize, high: usize, low: usize) -> OutQueue<B> {
        let limit = limit.min(B::CAPACITY);
        let automatic = automatic_reserve(token);
        OutQueue {
            buffer: B::new(),
            head: 0,
            tail: 0,
            limit,
            automatic,
            high,
            low,
            congested: false,
        }
    }

    const fn reserve(&self, lane: Lane) -> usize {
        match lane {
            Lane::Command => self.automatic.saturating_add(ABORT_RESERVE),
            Lane::Automatic => ABORT_RESERVE,
            Lane::Abort => 0,
        }
    }

    /// Queues one message of at most `max_message` bytes; its No-Response bitmap.
    pub(crate) fn push(
        &mut self,
        lane: Lane,
        token: &[u8],
        message: &impl Encode,
        max_message: usize,
    ) -> Result<u8, PushError> {
        if lane == Lane::Command && self.congested {
            return Err(PushError::NoRoom { size: 0 });
        }
        if self.is_empty() {
            (self.head, self.tail) = (0, 0);
        }
        let (size, no_response) = self.write(token, message, max_message)?;
        if self.tail.saturating_add(PREFIX).saturating_add(size) > self.buffer.bytes().len() {
            self.make_room(lane, size)?;
            if self.write(token, message, max_message)?.0 != size {
                return Err(PushError::Encode(EncodeError::Unsteady));
            }
        } else if !self.fits(lane, size) {
            return Err(self.no_fit(lane, size));
        }
        self.commit(size);
        Ok(no_response)
    }

    /// Writes behind the tail as far as there is room; the size it would have, and its
    /// No-Response bitmap.
    fn write(
        &mut self,
        token: &[u8],
        message: &impl Encode,
        max_message: usize,
    ) -> Result<(usize, u8), PushError> {
        let start = self.tail.saturating_add(PREFIX);
        let room = self.buffer.bytes_mut().get_mut(start..).unwrap_or(&mut []);
        let mut encoder = Encoder::new(room, message.code(), token);
        message.encode(&mut encoder).map_err(PushError::Encode)?;
        let size = encoder.len();
        if size > max_message {
            return Err(PushError::TooLarge { size });
        }
        Ok((size, encoder.no_response()))
    }

    fn make_room(&mut self, lane: Lane, size: usize) -> Result<(), PushError> {
        if !self.fits(lane, size) {
            return Err(self.no_fit(lane, size));
        }
        let used = self.len();
        if self.head > 0 {
            self.buffer.bytes_mut().copy_within(self.head..self.tail, 0);
            (self.head, self.tail) = (0, used);
        }
        let need = used.saturating_add(PREFIX).saturating_add(size);
        if need > self.buffer.bytes().len() {
            // The buffer doubles, but not past what high water lets wait; only a message that
            // is large by itself makes it larger (T53).
            let usual = self.high.saturating_add(KEEP);
            let most = need.max(usual).min(self.limit);
            self.buffer.grow(need, most).map_err(|Full| PushError::NoRoom { size })?;
        }
        Ok(())
    }

    fn fits(&self, lane: Lane, size: usize) -> bool {
        let need = self.len().saturating_add(PREFIX).saturating_add(size);
        need.saturating_add(self.reserve(lane)) <= self.limit
    }

    fn no_fit(&self, lane: Lane, size: usize) -> PushError {
        let alone = PREFIX.saturating_add(size).saturating_add(self.reserve(lane));
        if alone > self.limit { PushError::TooLarge { size } } else { PushError::NoRoom { size } }
    }

    fn commit(&mut self, size: usize) {
        let prefix = u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes();
        let end = self.tail.saturating_add(PREFIX);
        if let Some(place) = self.buffer.bytes_mut().get_mut(self.tail..end) {
            place.copy_from_slice(&prefix);
        }
        self.tail = end.saturating_add(size);
        self.congested |= self.len() > self.high;
    }

    /// Takes the first message.
    pub(crate) fn pop(&mut self) -> Option<&[u8]> {
        let (start, end) = self.front()?;
        self.head = end;
        self.congested &= self.len() > self.low;
        self.buffer.bytes().get(start..end)
    }

    /// The first message, without taking it.
    pub(crate) fn peek(&self) -> Option<&[u8]> {
        let (start, end) = self.front()?;
        self.buffer.bytes().get(start..end)
    }

    fn front(&self) -> Option<(usize, usize)> {
        let rest = self.buffer.bytes().get(self.head..self.tail)?;
        let (&prefix, _) = rest.split_first_chunk::<PREFIX>()?;
        let start = self.head.saturating_add(PREFIX);
        Some((start, start.saturating_add(u32::from_le_bytes(prefix) as usize)))
    }

    /// Bytes that wait, prefixes included.
    pub(crate) const fn len(&self) -> usize {
        self.tail.saturating_sub(self.head)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.head == self.tail
    }

    /// Whether there is room for one automatic answer, and output is not above high water.
    pub(crate) fn has_room(&self) -> bool {
        let need = self.len().saturating_add(self.reserve(Lane::Command));
        !self.congested && need <= self.limit
    }

    /// Whether a command's message of this size would be taken.
    pub(crate) fn has_room_for(&self, size: usize) -> bool {
        !self.congested && self.fits(Lane::Command, size)
    }

    /// The largest message of a command that there is room for when nothing waits.
    pub(crate) const fn max_message(&self) -> usize {
        self.limit.saturating_sub(PREFIX).saturating_sub(self.reserve(Lane::Command))
    }

    /// Forgets what waits.
    pub(crate) fn clear(&mut self) {
        (self.head, self.tail, self.congested) = (0, 0, false);
    }

    /// Gives back memory that an empty queue does not need.
    pub(crate) fn trim(&mut self, all: bool) {
        if self.is_empty() {
            (self.head, self.tail) = (0, 0);
            let held = self.buffer.bytes().len();
            if held > if all { 0 } else { KEEP } {
                self.buffer.release();
            }
        }
    }
}
