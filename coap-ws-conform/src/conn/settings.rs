//! What CSMs have said so far (RFC 8323 §5.3).

use crate::wire::message::Message;
use crate::wire::names::{BLOCK_WISE_TRANSFER, EXTENDED_TOKEN_LENGTH, MAX_MESSAGE_SIZE};

/// The settings of one end. They begin with the base values and are cumulative.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Whether a CSM has come at all.
    pub csm: bool,
    pub max_message_size: u64,
    /// The largest of all it has said, which is what may still be under way.
    pub largest: u64,
    pub block_wise: bool,
    pub extended_token_length: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            csm: false,
            max_message_size: 1152,
            largest: 1152,
            block_wise: false,
            extended_token_length: 8,
        }
    }
}

impl Settings {
    /// Takes a CSM. Options of a wrong length, and repeated ones, count as not there.
    pub fn apply(&mut self, csm: &Message) {
        let number = |option, longest| {
            csm.first(option).filter(|value| value.len() <= longest).map(crate::wire::number)
        };
        self.csm = true;
        if let Some(size) = number(MAX_MESSAGE_SIZE, 4) {
            self.max_message_size = size;
            self.largest = self.largest.max(size);
        }
        if csm.first(BLOCK_WISE_TRANSFER).is_some_and(<[u8]>::is_empty) {
            self.block_wise = true;
        }
        // RFC 8974 §2.2.1: below 8 it is ignored, above 65804 it is that.
        if let Some(length) = number(EXTENDED_TOKEN_LENGTH, 3).filter(|length| *length >= 8) {
            self.extended_token_length = length.min(65_804);
        }
    }

    /// Whether BERT is indicated (RFC 8323 §5.3.2).
    pub const fn bert(&self) -> bool {
        self.block_wise && self.max_message_size > 1152
    }
}
