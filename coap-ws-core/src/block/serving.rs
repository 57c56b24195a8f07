//! The body of a response, block by block: Block2 as the server sees it (RFC 7959 §2.4).

use super::{Bert, Block, BlockSize, Refusal, Room, Slice};

/// A whole body from which a server gives the block that is asked for. It keeps nothing: each
/// request says all.
///
/// Its responses need an ETag of their own representation (BLK-09, BLK-10), and Size2 may say
/// how long the body is.
///
/// ```
/// use coap_ws_core::block::{Bert, Block, BlockSize, Room, Serving};
/// let room = Room::new(1152, 40);
/// let serving =
///     Serving { body_len: 2000, largest: BlockSize::Bert, room, bert: Bert::Accepted };
/// let slice = serving.slice(None)?;
/// assert_eq!(format!("2:{}", slice.block()), "2:0/1/1024");
/// let slice = serving.slice(Block::from_uint(0x14))?;
/// assert_eq!(format!("2:{}", slice.block()), "2:1/1/256");
/// assert_eq!(slice.range(), 256..512);
/// # Ok::<(), coap_ws_core::block::Refusal>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Serving {
    /// The bytes of the body.
    pub body_len: u64,
    /// The largest block that the server wants to send; [`BlockSize::Bert`] is as much as the
    /// connection allows.
    pub largest: BlockSize,
    /// Room in a response with a Block2 option.
    pub room: Room,
    /// Whether it may be a BERT block.
    pub bert: Bert,
}

impl Serving {
    /// Whether the body goes out as it is, without a Block2 option: nobody has asked for a
    /// block, and it is not above what the server and the peer want. `room` is that in a
    /// response without the option.
    pub fn is_whole(&self, asked: Option<Block>, room: Room) -> bool {
        let wanted = self.largest.is_bert() || self.body_len <= u64::from(self.largest.bytes());
        asked.is_none() && wanted && room.takes(self.body_len)
    }

    /// What is sent to a request with this Block2 option. Its M bit means nothing (BLK-06); the
    /// block is as large as it asks or smaller, from the same byte on (BLK-07, BERT-05).
    ///
    /// For a notification, `asked` is what the registration asked for, so that its size is the
    /// limit of all notifications (BLK-23).
    ///
    /// # Errors
    ///
    /// The [`Refusal`] to answer instead: [`ReservedSize`](Refusal::ReservedSize),
    /// [`BeyondEnd`](Refusal::BeyondEnd), [`NoRoom`](Refusal::NoRoom),
    /// [`TooLong`](Refusal::TooLong).
    pub fn slice(&self, asked: Option<Block>) -> Result<Slice, Refusal> {
        let (at, size) = match asked {
            Some(block) if block.size().is_bert() && !self.bert.is_accepted() => {
                return Err(Refusal::ReservedSize);
            }
            Some(block) => {
                let size = self.largest.min(block.size());
                (block.offset(), self.bert.allow_answer(size, block.size()))
            }
            None => (0, self.bert.allow(self.largest)),
        };
        // An empty body has a first block, and no other (BLK-25).
        if at > 0 && at >= self.body_len {
            return Err(Refusal::BeyondEnd);
        }
        let fit = self.room.fit(size).ok_or(Refusal::NoRoom)?;
        Slice::cut(self.body_len, at, fit).ok_or(Refusal::TooLong)
    }
}
