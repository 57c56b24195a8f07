//! Which block fits into a message, and whether it may be a BERT block (RFC 8323 §5.3, §6).

use super::BlockSize;
use crate::signaling::{BASE_MESSAGE_SIZE, PeerSettings};

/// What SZX 7 means on a connection at this moment. A CSM may change it, so it is asked anew
/// for each message (BERT-11).
///
/// | | peer sends SZX 7 | we send it first | we answer it with it |
/// |---|---|---|---|
/// | `Refused` | 4.00, or the transfer fails | no | no |
/// | `Accepted` | yes | no | no |
/// | `Offered` | yes | no | yes |
/// | `Agreed` | yes | yes | yes |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Bert {
    /// BERT is switched off: SZX 7 is reserved, as RFC 7959 §2.2 has it (BLK-04).
    Refused,
    /// Our CSM does not indicate it: it is taken all the same, and answered with SZX 6
    /// (BERT-13).
    Accepted,
    /// Our CSM indicates it and the peer's does not: it is only sent to answer a request that
    /// uses it (BERT-06).
    Offered,
    /// Both CSMs indicate it.
    Agreed,
}

impl Bert {
    /// What two CSMs make of it: the Max-Message-Size that we have announced, together with
    /// Block-Wise-Transfer, and what the peer has said (RFC 8323 §5.3.2; CSM-22).
    pub const fn between(our_max_message_size: u32, theirs: &PeerSettings) -> Bert {
        if our_max_message_size <= BASE_MESSAGE_SIZE {
            Bert::Accepted
        } else if theirs.bert() {
            Bert::Agreed
        } else {
            Bert::Offered
        }
    }

    /// Whether SZX 7 is taken.
    pub const fn is_accepted(self) -> bool {
        !matches!(self, Bert::Refused)
    }

    /// This size, where we use it of our own accord; else SZX 6 for 7, which starts at the
    /// same numbers (BERT-06, BERT-11).
    pub const fn allow(self, size: BlockSize) -> BlockSize {
        match (size, self) {
            (BlockSize::Bert, Bert::Agreed) => BlockSize::Bert,
            (BlockSize::Bert, _) => BlockSize::B1024,
            _ => size,
        }
    }

    /// This size, where it answers a block option of size `asked` (BERT-05, BERT-06, BERT-13).
    pub const fn allow_answer(self, size: BlockSize, asked: BlockSize) -> BlockSize {
        match (size, asked, self) {
            (BlockSize::Bert, BlockSize::Bert, Bert::Offered) => BlockSize::Bert,
            _ => self.allow(size),
        }
    }
}

/// What a message may cost, and what it costs without its payload.
///
/// ```
/// use coap_ws_core::block::{BlockSize, Room};
/// let room = Room::new(2304, 30);
/// let fit = room.fit(BlockSize::Bert).unwrap();
/// assert_eq!((fit.size, fit.len), (BlockSize::Bert, 2048));
/// assert_eq!(Room::new(64, 30).fit(BlockSize::Bert).unwrap().size, BlockSize::B32);
/// assert_eq!(Room::new(64, 49).fit(BlockSize::Bert), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    payload: u32,
}

/// A block that fits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Fit {
    /// Its size.
    pub size: BlockSize,
    /// Bytes of payload, unless it is the last: those of the size, or for BERT a multiple of
    /// 1024 (BERT-02).
    pub len: u32,
    /// Most bytes of payload if it is the last: for BERT the rest of the room too.
    pub last: u32,
}

impl Room {
    /// Room in a message that may have `max_message_size` bytes, of which header, token, options
    /// and payload marker take `fixed`: as [`encode_message`](crate::message::encode_message)
    /// measures them with the real token and [`Block::WIDEST`](super::Block::WIDEST), plus one
    /// for the marker.
    ///
    /// `max_message_size` is the peer's, or less: a limit of our own is taken into account by
    /// handing in the smaller one (CSM-16).
    pub fn new(max_message_size: u32, fixed: usize) -> Room {
        let fixed = u32::try_from(fixed).unwrap_or(u32::MAX);
        Room { payload: max_message_size.saturating_sub(fixed) }
    }

    /// How many bytes of payload there is room for.
    pub const fn payload(self) -> u32 {
        self.payload
    }

    /// Whether so many bytes of payload fit in.
    pub fn takes(self, len: u64) -> bool {
        len <= u64::from(self.payload)
    }

    /// The largest block that fits and is not above `limit`: for BERT as many blocks of 1024
    /// bytes as fit, where not even one does the largest smaller size (BERT-07, CSM-19). `None`
    /// where there is no room for 16 bytes.
    pub fn fit(self, limit: BlockSize) -> Option<Fit> {
        let unit = BlockSize::Bert.bytes();
        if limit.is_bert() && self.payload >= unit {
            let rest = self.payload.checked_rem(unit)?;
            let len = self.payload.saturating_sub(rest);
            return Some(Fit { size: limit, len, last: self.payload });
        }
        let size = BlockSize::at_most(self.payload)?.min(limit);
        Some(Fit { size, len: size.bytes(), last: size.bytes() })
    }
}
