//! The body of a response put together: Block2 as the client sees it (RFC 7959 §2.4).

use super::fault::check_payload;
use super::{Bert, Block, BlockError, BlockSize, More, Piece};

/// How often a body is fetched anew because its ETag has changed (T76).
pub const MAX_RESTARTS: u8 = 2;

/// Whether an option of this block is as it was in the first block of the body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Agreement {
    /// The same value, or both have none.
    Same,
    /// Another value, or only one has it.
    Different,
}

impl Agreement {
    /// Compares the option of the first block with that of this one.
    pub fn between<T: PartialEq + ?Sized>(first: &T, this: &T) -> Agreement {
        if first == this { Agreement::Same } else { Agreement::Different }
    }
}

/// What matters of a successful response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// Its Block2 option.
    pub block: Option<Block>,
    /// The bytes of its payload.
    pub len: usize,
    /// Whether its ETag is that of the first block. Of no account for the first.
    pub etag: Agreement,
    /// Whether its Content-Format is that of the first block. Of no account for the first.
    pub content_format: Agreement,
}

/// What to do with a block of a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Received {
    /// The payload is a part of the body.
    Piece(Piece),
    /// The representation has changed: drop this payload, the body and the ETag, and
    /// [ask](ResponseAssembly::request) for the first block (BLK-09).
    Restart,
}

/// The body of a response as a client puts it together, without the bytes.
///
/// [`request`](ResponseAssembly::request) says what to ask, [`handle_block`] where the answer
/// goes. It may begin with a notification, which is a first block like any other: the rest is
/// asked for with requests that do not observe (BLK-19). All requests have the options of the
/// first (BLK-08). A response of class 4 or 5 ends the transfer and is none of its business.
///
/// The bytes are bounded by `limit`, whatever Size2 says, and every block that is not the last
/// brings some (T76).
///
/// [`handle_block`]: ResponseAssembly::handle_block
#[derive(Clone, Debug)]
pub struct ResponseAssembly {
    held: u64,
    limit: u64,
    /// What is asked for: nothing in particular before the first block.
    size: Option<BlockSize>,
    restarts: u8,
}

impl ResponseAssembly {
    /// An assembly of a body of at most `limit` bytes.
    pub const fn new(limit: u64) -> ResponseAssembly {
        ResponseAssembly { held: 0, limit, size: None, restarts: 0 }
    }

    /// From now on asks for blocks of at most this size: from the start (RFC 7959, figure 3) or
    /// in the middle (figure 4).
    pub fn limit_size(&mut self, largest: BlockSize) {
        self.size = Some(self.size.map_or(largest, |size| size.min(largest)));
    }

    /// The Block2 option of the next request; `None` for a first request that leaves the size
    /// to the server. A size once given up is not taken up again (invariant 39); SZX 7 becomes
    /// 6, at the same byte, when a CSM withdraws BERT (BERT-11).
    ///
    /// # Errors
    ///
    /// [`BlockError::TooLong`] where the next block has no number (BLK-25).
    pub fn request(&mut self, bert: Bert) -> Result<Option<Block>, BlockError> {
        self.size = self.size.map(|size| bert.allow(size));
        let Some(size) = self.size else { return Ok(None) };
        Block::at(self.held, More::No, size).ok_or(BlockError::TooLong).map(Some)
    }

    /// A successful response has come. One without Block2 is the whole body.
    ///
    /// Where the block starts is what counts: a size above the one that was asked for is
    /// tolerated, and not asked for next time.
    ///
    /// # Errors
    ///
    /// The transfer has failed: [`BlockError::Malformed`], [`BlockError::EtagChanged`],
    /// [`BlockError::FormatChanged`], [`BlockError::WrongNumber`], [`BlockError::TooLarge`].
    pub fn handle_block(&mut self, part: Part, bert: Bert) -> Result<Received, BlockError> {
        let len = u64::try_from(part.len).unwrap_or(u64::MAX);
        let held = core::mem::take(&mut self.held);
        let (at, more) = match part.block {
            Some(block) => {
                check_payload(block, len, bert).map_err(|_| BlockError::Malformed)?;
                self.limit_size(block.size());
                (block.offset(), block.more())
            }
            None => (0, More::No),
        };
        if held > 0 && part.etag == Agreement::Different {
            if self.restarts >= MAX_RESTARTS {
                return Err(BlockError::EtagChanged);
            }
            self.restarts = self.restarts.saturating_add(1);
            return Ok(Received::Restart);
        }
        if held > 0 && part.content_format == Agreement::Different {
            return Err(BlockError::FormatChanged);
        }
        if at != held {
            return Err(BlockError::WrongNumber);
        }
        let end = at.saturating_add(len);
        if end > self.limit {
            return Err(BlockError::TooLarge { limit: self.limit });
        }
        if more.is_set() {
            self.held = end;
        }
        Ok(Received::Piece(Piece { at, more }))
    }

    /// How many bytes are there.
    pub const fn held(&self) -> u64 {
        self.held
    }
}
