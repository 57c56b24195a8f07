//! What may go wrong: what a server answers, what a client is told.

use super::{Bert, Block};
use crate::message::Code;
use core::fmt;

/// Why a server does not take or give a block, and with which response it says so.
///
/// The response carries no Block1: with a smaller size in it a 4.13 would be read as a hint
/// (BLK-15).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// SZX 7 where BERT is switched off: 4.00 (BLK-04).
    ReservedSize,
    /// More blocks follow, and the payload is not as long as the block: 4.00 (BLK-05, BERT-02).
    WrongLength,
    /// The block does not follow what is here, or nothing is here: 4.08 (BLK-13).
    Incomplete,
    /// The body is above this many bytes: 4.13 (BLK-15).
    TooLarge {
        /// The largest body that is taken.
        limit: u64,
    },
    /// The block starts behind the end of the body: 4.00 (BLK-25).
    BeyondEnd,
    /// Not even 16 bytes fit into a response: 5.00 (CSM-18).
    NoRoom,
    /// The number of the block would need more than 20 bits: 5.00 (BLK-25).
    TooLong,
}

impl Refusal {
    /// The response code.
    pub const fn code(self) -> Code {
        match self {
            Self::ReservedSize | Self::WrongLength | Self::BeyondEnd => Code::BAD_REQUEST,
            Self::Incomplete => Code::REQUEST_ENTITY_INCOMPLETE,
            Self::TooLarge { .. } => Code::REQUEST_ENTITY_TOO_LARGE,
            Self::NoRoom | Self::TooLong => Code::INTERNAL_SERVER_ERROR,
        }
    }

    /// The value of the response's Size1 option, where it has one (RFC 7252 §5.9.2.9; CODE-10).
    pub fn size1(self) -> Option<u32> {
        match self {
            Self::TooLarge { limit } => Some(u32::try_from(limit).unwrap_or(u32::MAX)),
            _ => None,
        }
    }

    /// What is wrong, for the diagnostic payload.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::ReservedSize => "SZX 7 is reserved",
            Self::WrongLength => "payload is not as long as its block",
            Self::Incomplete => "block out of sequence",
            Self::TooLarge { .. } => "body too large",
            Self::BeyondEnd => "block behind the end",
            Self::NoRoom => "Max-Message-Size leaves no room for a block",
            Self::TooLong => "body too long for blocks of this size",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code(), self.describe())
    }
}

impl core::error::Error for Refusal {}

/// Why a client's block-wise transfer failed. It ends with the first of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BlockError {
    /// Not even 16 bytes fit into a message to this peer (CSM-18).
    NoRoom,
    /// The body cannot be numbered with 20 bits in blocks of this size (BLK-25).
    TooLong,
    /// The answer is to another block than the one that was sent or asked for (T76).
    WrongNumber,
    /// A block that says that more follow has not the length of its size, its size is reserved,
    /// or 2.31 answers the last block (BLK-04, BLK-05, BERT-02).
    Malformed,
    /// The representation has changed again and again while it was fetched (BLK-09).
    EtagChanged,
    /// Blocks of one body have different Content-Formats (RFC 7959 §2.3).
    FormatChanged,
    /// The body of the response is above this many bytes.
    TooLarge {
        /// The largest body that is taken.
        limit: u64,
    },
    /// A request with No-Response has a body of more than one block: the option would hide the
    /// answers that ask for the next one (NR-16).
    NoResponse,
    /// A success without Block1, although more blocks were to come: what the server has done
    /// with a part of the body cannot be known.
    Unacknowledged,
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom => f.write_str("the peer's Max-Message-Size leaves no room for a block"),
            Self::TooLong => f.write_str("the body is too long for blocks of this size"),
            Self::WrongNumber => f.write_str("the peer answered with another block"),
            Self::Malformed => f.write_str("the peer sent a block that cannot be"),
            Self::EtagChanged => f.write_str("the representation kept changing between blocks"),
            Self::FormatChanged => f.write_str("the Content-Format changed between blocks"),
            Self::TooLarge { limit } => write!(f, "the body has more than {limit} bytes"),
            Self::NoResponse => {
                f.write_str("No-Response cannot go with a body of more than one block")
            }
            Self::Unacknowledged => f.write_str("the peer did not say what it did with a block"),
        }
    }
}

impl core::error::Error for BlockError {}

/// Checks a block against its payload, in descriptive usage. The size does not govern the last
/// one (RFC 7959 §2.3; BLK-05, BERT-02).
pub(super) fn check_payload(block: Block, len: u64, bert: Bert) -> Result<(), Refusal> {
    let size = block.size();
    if size.is_bert() && !bert.is_accepted() {
        return Err(Refusal::ReservedSize);
    }
    let unit = u64::from(size.bytes());
    let fits = match (block.more().is_set(), size.is_bert()) {
        (false, _) => true,
        (true, false) => len == unit,
        // One that is empty would never advance.
        (true, true) => len > 0 && len.is_multiple_of(unit),
    };
    if fits { Ok(()) } else { Err(Refusal::WrongLength) }
}
