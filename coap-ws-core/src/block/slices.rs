//! The body of a request, block by block: Block1 as the client sees it (RFC 7959 §2.3, §2.5).

use super::{Bert, Block, BlockError, BlockSize, Fit, More, Room};
use crate::message::Code;
use core::ops::Range;

/// A part of a body, and the option that says which.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slice {
    block: Block,
    len: u32,
}

impl Slice {
    /// What `fit` allows of a body, from `at` on; `None` where that has no number.
    pub(super) fn cut(body_len: u64, at: u64, fit: Fit) -> Option<Slice> {
        let rest = body_len.saturating_sub(at);
        let (more, len) = match u32::try_from(rest) {
            Ok(rest) if rest <= fit.last => (More::No, rest),
            _ => (More::Yes, fit.len),
        };
        Some(Slice { block: Block::at(at, more, fit.size)?, len })
    }

    /// The value of the Block option.
    pub const fn block(&self) -> Block {
        self.block
    }

    /// Where the bytes are in the body.
    pub fn range(&self) -> Range<u64> {
        let start = self.block.offset();
        start..start.saturating_add(u64::from(self.len))
    }

    /// The bytes themselves; `None` where `body` is shorter than was said.
    pub fn of<'b>(&self, body: &'b [u8]) -> Option<&'b [u8]> {
        let Range { start, end } = self.range();
        body.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }
}

/// What a response means for the body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Progress {
    /// The block has arrived: send the next one.
    Continue,
    /// The server wants smaller blocks: the body is sent once more, from its start (BLK-15).
    /// This happens at most seven times, as the size shrinks each time.
    Again,
    /// This response is the answer to the whole request.
    Final,
}

/// The body of a request as a client sends it, from the first block to the last, each after
/// the answer to the one before (BLK-24).
///
/// All requests have the same options besides Block1 (and Size1, which says how long the body
/// is, best in the first); If-None-Match goes with the first one only (BLK-20). No-Response
/// cannot be used, it would hide the 2.31 (NR-16).
///
/// It is also right for a body that one block holds, and for an empty one.
#[derive(Clone, Debug)]
pub struct Slices {
    body_len: u64,
    /// The end of what has arrived.
    at: u64,
    /// The largest size from now on.
    size: BlockSize,
    sent: Option<Slice>,
    done: bool,
}

impl Slices {
    /// A body of `body_len` bytes, in blocks of at most this size. [`BlockSize::Bert`] is as
    /// much as the connection allows.
    pub const fn new(body_len: u64, largest: BlockSize) -> Slices {
        Slices { body_len, at: 0, size: largest, sent: None, done: false }
    }

    /// What is to be sent now; `None` when the answer to the whole is here. Asked twice it gives
    /// the same bytes again, or fewer where there is less room or BERT has been withdrawn. A
    /// size once given up is not taken up again (invariant 39).
    ///
    /// # Errors
    ///
    /// [`BlockError::NoRoom`], and [`BlockError::TooLong`] as soon as not all of the body can
    /// be numbered: before the first block, unless the server shrinks the size later (BLK-25).
    pub fn next(&mut self, room: Room, bert: Bert) -> Result<Option<Slice>, BlockError> {
        if self.done {
            return Ok(None);
        }
        let fit = room.fit(bert.allow(self.size)).ok_or(BlockError::NoRoom)?;
        if self.body_len > addressable(fit.size) {
            return Err(BlockError::TooLong);
        }
        let slice = Slice::cut(self.body_len, self.at, fit).ok_or(BlockError::TooLong)?;
        self.size = fit.size;
        self.sent = Some(slice);
        Ok(Some(slice))
    }

    /// A response to what was sent last has come, with this code and this Block1 option.
    ///
    /// A success with M unset is the server's outcome for that block alone: the next one follows
    /// all the same (BLK-12).
    ///
    /// # Errors
    ///
    /// [`BlockError::WrongNumber`], [`BlockError::Malformed`], [`BlockError::Unacknowledged`];
    /// nothing more is to be sent then.
    pub fn handle_response(
        &mut self,
        code: Code,
        block1: Option<Block>,
        bert: Bert,
    ) -> Result<Progress, BlockError> {
        let Some(sent) = self.sent.take() else {
            // Nothing was sent that this could answer.
            return Ok(if self.done { Progress::Final } else { Progress::Continue });
        };
        let progress = self.judge(sent.block, code, block1, bert);
        match progress {
            Ok(Progress::Continue) => self.at = sent.range().end,
            Ok(Progress::Again) => self.at = 0,
            Ok(Progress::Final) | Err(_) => self.done = true,
        }
        progress
    }

    /// The body is as long as this, as far as is known by now: for one that comes from a stream,
    /// whose end is seen late. A block is the last one where nothing is known to follow it.
    pub const fn set_body_len(&mut self, body_len: u64) {
        self.body_len = body_len;
    }

    /// How many bytes of the body have arrived, as far as we were told.
    pub const fn arrived(&self) -> u64 {
        self.at
    }

    fn judge(
        &mut self,
        sent: Block,
        code: Code,
        block1: Option<Block>,
        bert: Bert,
    ) -> Result<Progress, BlockError> {
        if block1.is_some_and(|block| block.size().is_bert()) && !bert.is_accepted() {
            return Err(BlockError::Malformed);
        }
        let smaller = block1.map(Block::size).filter(|size| *size < sent.size());
        if let (Code::REQUEST_ENTITY_TOO_LARGE, Some(size)) = (code, smaller) {
            self.size = self.size.min(size);
            return Ok(Progress::Again);
        }
        let continues = code == Code::CONTINUE;
        if !code.is_success() || !sent.more().is_set() {
            return if continues { Err(BlockError::Malformed) } else { Ok(Progress::Final) };
        }
        match block1 {
            // RFC 7959 §2.3 does not say in which unit a smaller size is acknowledged.
            Some(block) if block.num() != sent.num() && block.offset() != sent.offset() => {
                return Err(BlockError::WrongNumber);
            }
            None if !continues => return Err(BlockError::Unacknowledged),
            // BLK-11: the server's size, where it is smaller.
            Some(block) => self.size = self.size.min(block.size()),
            None => {}
        }
        Ok(Progress::Continue)
    }
}

/// How many bytes there are numbers for.
fn addressable(size: BlockSize) -> u64 {
    u64::from(Block::MAX_NUM).saturating_add(1).saturating_mul(u64::from(size.bytes()))
}
