//! One direction of a stream: bytes in order, later, in pieces, up to a window.

use crate::tape::Tape;
use std::collections::VecDeque;

/// How a pipe treats what is written into it.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// How long a byte takes, in microseconds.
    pub latency: u64,
    /// How many bytes may be on their way or unread.
    pub window: usize,
    /// The most bytes that one write takes and one read has.
    pub piece: usize,
}

impl Manner {
    /// Bytes arrive at once, as many as there are.
    pub const PLAIN: Manner = Manner { latency: 0, window: usize::MAX, piece: usize::MAX };

    /// Draws one.
    pub fn draw(tape: &mut Tape<'_>) -> Manner {
        Manner {
            latency: tape.pick(&[0, 100, 5_000, 300_000]),
            window: tape.pick(&[65_536, usize::MAX, 200_000, 16_384, 4_096, 300, 17]),
            piece: tape.pick(&[usize::MAX, 16_384, 1_460, 1_460, 536, 100, 7, 1]),
        }
    }
}

/// One direction.
pub struct Pipe {
    manner: Manner,
    segments: VecDeque<(u64, Vec<u8>)>,
    /// Bytes that were written and not read.
    unread: usize,
    /// Bytes that may still be written before the pipe loses everything.
    lossless: Option<usize>,
    /// When the end of the stream arrives.
    fin: Option<u64>,
    /// The receiver takes nothing before.
    pub stalled_until: u64,
}

impl Pipe {
    /// An empty pipe.
    pub const fn new(manner: Manner) -> Pipe {
        let segments = VecDeque::new();
        Pipe { manner, segments, unread: 0, lossless: None, fin: None, stalled_until: 0 }
    }

    /// Goes on in another manner.
    pub const fn behave(&mut self, manner: Manner) {
        self.manner = manner;
    }

    /// Loses everything behind the next `bytes` bytes.
    pub fn lose_after(&mut self, bytes: usize) {
        // What is lost stays lost: no stream goes on behind a gap.
        self.lossless = Some(self.lossless.map_or(bytes, |left| left.min(bytes)));
    }

    /// Whether something was lost.
    pub const fn has_lost(&self) -> bool {
        matches!(self.lossless, Some(0))
    }

    /// How many bytes would be taken now.
    pub fn room(&self) -> usize {
        self.manner.window.saturating_sub(self.unread).min(self.manner.piece)
    }

    /// Takes bytes, at most as many as there is [`room`](Pipe::room) for.
    pub fn write(&mut self, now: u64, bytes: &[u8]) {
        let kept = self.lossless.map_or(bytes.len(), |left| left.min(bytes.len()));
        self.lossless = self.lossless.map(|left| left - kept);
        if kept > 0 {
            self.unread += kept;
            self.segments.push_back((now + self.manner.latency, bytes[..kept].to_vec()));
        }
    }

    /// No more bytes will be written.
    pub const fn shut_down(&mut self, now: u64) {
        if self.fin.is_none() && !self.has_lost() {
            self.fin = Some(now + self.manner.latency);
        }
    }

    /// Bytes that have arrived, at most `most` of them.
    pub fn read(&mut self, now: u64, most: usize) -> Vec<u8> {
        let most = most.min(self.manner.piece);
        let mut read = Vec::new();
        while let Some((at, segment)) = self.segments.front_mut() {
            if *at > now || self.stalled_until > now || read.len() == most {
                break;
            }
            let n = segment.len().min(most - read.len());
            read.extend(segment.drain(..n));
            if segment.is_empty() {
                self.segments.pop_front();
            }
        }
        self.unread -= read.len();
        read
    }

    /// Whether the end of the stream has arrived.
    pub fn has_ended(&self, now: u64) -> bool {
        self.segments.is_empty() && self.fin.is_some_and(|fin| fin <= now)
    }

    /// When something arrives.
    pub fn next(&self) -> Option<u64> {
        let first = self.segments.front().map(|(at, _)| *at).or(self.fin);
        first.map(|at| at.max(self.stalled_until))
    }
}
