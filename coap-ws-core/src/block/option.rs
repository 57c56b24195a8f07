//! The value of a Block option: number, more, size (RFC 7959 §2.2, RFC 8323 §6).

use crate::message::{Message, OptionNumber};
use core::fmt;

/// The size of a block, on the wire an exponent of three bits, SZX (RFC 7959 §2.2).
///
/// The order is the order of SZX: BERT is the largest.
///
/// ```
/// use coap_ws_core::block::BlockSize;
/// assert_eq!(BlockSize::from_szx(2), Some(BlockSize::B64));
/// assert_eq!(BlockSize::B64.bytes(), 64);
/// assert!(BlockSize::B1024 < BlockSize::Bert);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum BlockSize {
    /// SZX 0.
    B16,
    /// SZX 1.
    B32,
    /// SZX 2.
    B64,
    /// SZX 3.
    B128,
    /// SZX 4.
    B256,
    /// SZX 5.
    B512,
    /// SZX 6.
    B1024,
    /// SZX 7: any number of blocks of 1024 bytes in one message (RFC 8323 §6; BERT-01).
    Bert,
}

impl BlockSize {
    /// Every size, in ascending order.
    pub const ALL: [BlockSize; 8] = [
        BlockSize::B16,
        BlockSize::B32,
        BlockSize::B64,
        BlockSize::B128,
        BlockSize::B256,
        BlockSize::B512,
        BlockSize::B1024,
        BlockSize::Bert,
    ];

    /// The size with this exponent, `None` above 7.
    pub const fn from_szx(szx: u8) -> Option<BlockSize> {
        Some(match szx {
            0 => BlockSize::B16,
            1 => BlockSize::B32,
            2 => BlockSize::B64,
            3 => BlockSize::B128,
            4 => BlockSize::B256,
            5 => BlockSize::B512,
            6 => BlockSize::B1024,
            7 => BlockSize::Bert,
            _ => return None,
        })
    }

    /// The exponent on the wire, 0 to 7.
    pub const fn szx(self) -> u8 {
        self as u8
    }

    /// The unit in which numbers count, in bytes: 16 to 1024, and 1024 for BERT (BERT-01).
    pub const fn bytes(self) -> u32 {
        match self {
            BlockSize::B16 => 16,
            BlockSize::B32 => 32,
            BlockSize::B64 => 64,
            BlockSize::B128 => 128,
            BlockSize::B256 => 256,
            BlockSize::B512 => 512,
            BlockSize::B1024 | BlockSize::Bert => 1024,
        }
    }

    /// Whether this is SZX 7.
    pub const fn is_bert(self) -> bool {
        matches!(self, BlockSize::Bert)
    }

    /// The largest size that is not BERT and has at most so many bytes, `None` below 16.
    pub fn at_most(bytes: u32) -> Option<BlockSize> {
        BlockSize::ALL.into_iter().rev().find(|size| !size.is_bert() && size.bytes() <= bytes)
    }
}

/// As RFC 8323 §6 writes it: `64`, `BERT`.
impl fmt::Display for BlockSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_bert() { f.write_str("BERT") } else { write!(f, "{}", self.bytes()) }
    }
}

/// The M bit: whether more blocks follow (RFC 7959 §2.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum More {
    /// This is the last block; in the answer to a block of a request: the outcome.
    No,
    /// More blocks follow; in the answer to a block of a request: not the outcome yet.
    Yes,
}

impl More {
    /// Whether the bit is set.
    pub const fn is_set(self) -> bool {
        matches!(self, More::Yes)
    }
}

/// The value of a Block1 or Block2 option.
///
/// It is written as in the RFCs, without the `1:` or `2:` in front that says which of the two
/// it is.
///
/// ```
/// use coap_ws_core::block::{Block, BlockSize, More};
/// let block = Block::from_bytes(&[0x3e]).unwrap();
/// assert_eq!(block, Block::new(3, More::Yes, BlockSize::B1024).unwrap());
/// assert_eq!(format!("2:{block}"), "2:3/1/1024");
/// assert_eq!(block.offset(), 3072);
/// assert_eq!(block.to_uint(), 0x3e);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Block {
    num: u32,
    more: More,
    size: BlockSize,
}

impl Block {
    /// The largest number there is: 20 bits.
    pub const MAX_NUM: u32 = 0xf_ffff;

    /// The option with the longest value, to measure what a message costs
    /// ([`Room`](super::Room)).
    pub const WIDEST: Block = Block { num: Block::MAX_NUM, more: More::Yes, size: BlockSize::Bert };

    /// A block by its number, `None` above [`MAX_NUM`](Block::MAX_NUM) (BLK-25).
    pub const fn new(num: u32, more: More, size: BlockSize) -> Option<Block> {
        if num > Block::MAX_NUM {
            return None;
        }
        Some(Block { num, more, size })
    }

    /// Number 0 and M 0: what asks for the first block (RFC 7959 §2.4).
    pub const fn first(size: BlockSize) -> Block {
        Block { num: 0, more: More::No, size }
    }

    /// A block by where it starts in the body, in bytes; `None` where no block of this size
    /// starts there, or its number has more than 20 bits (BERT-09, BLK-25).
    pub fn at(offset: u64, more: More, size: BlockSize) -> Option<Block> {
        let unit = u64::from(size.bytes());
        if !offset.is_multiple_of(unit) {
            return None;
        }
        Block::new(u32::try_from(offset.checked_div(unit)?).ok()?, more, size)
    }

    /// The block that an option value means: `NUM << 4 | M << 3 | SZX`, `None` above 24 bits
    /// (BLK-02).
    pub const fn from_uint(value: u32) -> Option<Block> {
        let more = if value & 8 == 0 { More::No } else { More::Yes };
        match BlockSize::from_szx((value & 7) as u8) {
            Some(size) => Block::new(value >> 4, more, size),
            None => None,
        }
    }

    /// Reads the value of an option: at most three bytes, leading zeros allowed; an empty one
    /// is 0/0/16 (BLK-02).
    pub fn from_bytes(value: &[u8]) -> Option<Block> {
        if value.len() > 3 {
            return None;
        }
        Block::from_uint(crate::message::decode_uint(value)?)
    }

    /// The first such option of a message. A connection answers 4.02 to a second one and to one
    /// of wrong length before anybody sees it (BLK-01).
    pub fn of(message: &Message<'_>, number: OptionNumber) -> Option<Block> {
        let option = message.options().find(|option| option.number == number)?;
        Block::from_bytes(option.value)
    }

    /// The value of the option.
    pub const fn to_uint(self) -> u32 {
        let more = if self.more.is_set() { 8 } else { 0 };
        (self.num << 4) | more | self.size as u32
    }

    /// The number of the block, in units of its size.
    pub const fn num(self) -> u32 {
        self.num
    }

    /// Whether more blocks follow.
    pub const fn more(self) -> More {
        self.more
    }

    /// Its size.
    pub const fn size(self) -> BlockSize {
        self.size
    }

    /// Where it starts in the body, in bytes (BLK-03, BERT-01).
    pub fn offset(self) -> u64 {
        u64::from(self.num).saturating_mul(u64::from(self.size.bytes()))
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.num, u8::from(self.more.is_set()), self.size)
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
