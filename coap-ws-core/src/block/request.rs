//! The body of a request put together: Block1 as the server sees it (RFC 7959 §2.3, §2.5).

use super::fault::check_payload;
use super::{Bert, Block, BlockSize, More, Refusal};

/// Where the payload of a message belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Piece {
    /// Its offset in the body: 0, which begins a new body, or the end of what is there.
    pub at: u64,
    /// Whether more is to come; else the body is complete.
    pub more: More,
}

impl Piece {
    /// Whether it is the first of its body: what is there is dropped before it is stored
    /// (BLK-17).
    pub const fn is_first(self) -> bool {
        self.at == 0
    }
}

/// The body of one request operation as a server puts it together, without the bytes.
///
/// One belongs to a connection and to requests that are the
/// [same operation](super::same_operation) (SEC-18); a block of which there is none gets one.
/// So another Content-Format, which is another operation, is refused with 4.08 in the middle
/// of a body (BLK-14).
///
/// Blocks come in order. What does not follow is refused, be it a gap or the last block once
/// more: on an ordered transport only an operation that another one has got mixed into repeats
/// a block. After a refusal, as after the last block, what is there is to be dropped; then
/// only a first block is taken, as at any time (BLK-17).
///
/// The bytes are bounded by `limit`, whatever Size1 says (T73).
///
/// ```
/// use coap_ws_core::block::{Bert, Block, RequestAssembly};
/// let mut assembly = RequestAssembly::new(1 << 20);
/// let piece = assembly.handle_block(Block::from_uint(0x08).unwrap(), 16, Bert::Agreed)?;
/// assert_eq!((piece.at, piece.more.is_set()), (0, true));
/// let piece = assembly.handle_block(Block::from_uint(0x10).unwrap(), 3, Bert::Agreed)?;
/// assert_eq!((piece.at, piece.more.is_set()), (16, false));
/// # Ok::<(), coap_ws_core::block::Refusal>(())
/// ```
#[derive(Clone, Debug)]
pub struct RequestAssembly {
    held: u64,
    limit: u64,
}

impl RequestAssembly {
    /// An assembly of a body of at most `limit` bytes.
    pub const fn new(limit: u64) -> RequestAssembly {
        RequestAssembly { held: 0, limit }
    }

    /// A request with this Block1 option and so many bytes of payload has come. A BERT block
    /// counts as the blocks of 1024 bytes that it is made of (BERT-04).
    ///
    /// # Errors
    ///
    /// The [`Refusal`] to answer: [`ReservedSize`](Refusal::ReservedSize),
    /// [`WrongLength`](Refusal::WrongLength), [`Incomplete`](Refusal::Incomplete),
    /// [`TooLarge`](Refusal::TooLarge).
    pub fn handle_block(&mut self, block: Block, len: usize, bert: Bert) -> Result<Piece, Refusal> {
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        let held = core::mem::take(&mut self.held);
        check_payload(block, len, bert)?;
        let at = block.offset();
        if at != 0 && at != held {
            return Err(Refusal::Incomplete);
        }
        let end = at.saturating_add(len);
        if end > self.limit {
            return Err(Refusal::TooLarge { limit: self.limit });
        }
        if block.more().is_set() {
            self.held = end;
        }
        Ok(Piece { at, more: block.more() })
    }

    /// How many bytes are there.
    pub const fn held(&self) -> u64 {
        self.held
    }
}

/// The Block1 option of the response to a block that was taken.
///
/// With [`More::Yes`] the response is 2.31 and carries neither a payload nor Block2 (BLK-12,
/// BLK-24); with [`More::No`] it is the outcome. The number is the request's, also for BERT
/// (BERT-08). The size is the request's or the `largest` that the server wants from now on
/// (BLK-11); SZX 7 becomes 6 where our CSM does not indicate BERT (BERT-13).
pub fn acknowledge(received: Block, more: More, largest: BlockSize, bert: Bert) -> Block {
    let size = bert.allow_answer(received.size().min(largest), received.size());
    Block::new(received.num(), more, size).unwrap_or(received)
}
