//! What has to be known of a request until it is answered.

use coap_ws_core::block::{Block, representation_key};
use coap_ws_core::message::{Message, OptionNumber, OwnedMessage};

/// The bytes that tell operations apart.
pub(super) type Key = Box<[u8]>;

/// A request of the peer, as far as its answer may go in blocks.
pub(crate) struct Asked {
    operation: Operation,
    /// The last block of the request, which the answer acknowledges.
    pub(super) block1: Option<Block>,
    /// Which part of the answer is wanted.
    pub(super) block2: Option<Block>,
}

/// What is only looked at where an answer is cut: for most requests it is not.
enum Operation {
    /// While the handler is polled first: the bytes are there anyway.
    Message(OwnedMessage),
    Known(Key, Details),
}

/// What else counts when an answer is cut.
#[derive(Clone, Copy)]
pub(super) struct Details {
    /// Whether the answer is to say how large it is (BLK-21).
    pub(super) size2: bool,
    /// Bytes that the connection adds to the answer: the token, and Observe.
    pub(super) added: usize,
}

impl Asked {
    /// A request without Block options.
    pub(super) fn plain(message: &OwnedMessage) -> Asked {
        Asked { operation: Operation::Message(message.clone()), block1: None, block2: None }
    }

    pub(super) fn of(message: &OwnedMessage) -> Asked {
        let view = message.view();
        Asked {
            operation: Operation::Message(message.clone()),
            block1: Block::of(&view, OptionNumber::BLOCK1),
            block2: Block::of(&view, OptionNumber::BLOCK2),
        }
    }

    /// The last block of a request, whose key is known.
    pub(super) fn with_key(message: &Message<'_>, key: Key) -> Asked {
        Asked {
            operation: Operation::Known(key, Details::of(message)),
            block1: Block::of(message, OptionNumber::BLOCK1),
            block2: Block::of(message, OptionNumber::BLOCK2),
        }
    }

    /// Whether it does not ask for a later block of an answer.
    pub(crate) fn is_first(&self) -> bool {
        self.block2.is_none_or(|block| block.num() == 0)
    }

    /// For one that has to wait: does not keep the request's bytes alive.
    pub(super) fn settle(self) -> Asked {
        let operation = Operation::Known(self.key(), self.details());
        Asked { operation, ..self }
    }

    pub(super) fn key(&self) -> Key {
        match &self.operation {
            Operation::Message(message) => key(&message.view()),
            Operation::Known(key, _) => key.clone(),
        }
    }

    pub(super) fn details(&self) -> Details {
        match &self.operation {
            Operation::Message(message) => Details::of(&message.view()),
            Operation::Known(_, details) => *details,
        }
    }
}

impl Details {
    fn of(message: &Message<'_>) -> Details {
        let observe = message.option(OptionNumber::OBSERVE).is_some();
        let observe = if observe { OBSERVE_COST } else { 0 };
        Details {
            size2: message.option(OptionNumber::SIZE2).is_some(),
            added: token_cost(message.token().len()).saturating_add(observe),
        }
    }
}

/// The option that a notification gets from the connection: a header and three bytes, and one
/// more where the next option's delta grows.
const OBSERVE_COST: usize = 5;

/// A token with the extension of its length (RFC 8974 §2.1).
const fn token_cost(len: usize) -> usize {
    let extension = match len {
        0..=12 => 0,
        13..=268 => 1,
        _ => 2,
    };
    len.saturating_add(extension)
}

/// What tells the request's operation and its answer from others.
pub(super) fn key(message: &Message<'_>) -> Key {
    let mut key = Vec::new();
    representation_key(message, |bytes| key.extend_from_slice(bytes));
    key.into()
}
