//! The body of a request of the peer, as it comes in blocks.

use bytes::BytesMut;
use coap_ws_core::block::{Bert, Block, Piece, Refusal, RequestAssembly};
use coap_ws_core::message::{
    Code, Encode, EncodeError, Encoder, Message, OptionNumber, OwnedMessage, encode_message,
};

/// A request that is put together: its head, as if it had come whole, and its body so far.
pub(super) struct Upload {
    assembly: RequestAssembly,
    /// Header, token, options, payload marker and payload, so that nothing is copied when it is
    /// complete.
    bytes: BytesMut,
    /// Where the payload starts, behind its marker.
    start: usize,
}

impl Upload {
    pub(super) fn new(limit: u64) -> Upload {
        Upload { assembly: RequestAssembly::new(limit), bytes: BytesMut::new(), start: 0 }
    }

    /// What it takes of the heap, in bytes.
    pub(super) fn cost(&self) -> usize {
        self.bytes.capacity()
    }

    /// A block of it has come.
    pub(super) fn add(
        &mut self,
        message: &Message<'_>,
        block: Block,
        bert: Bert,
    ) -> Result<Piece, Refusal> {
        let payload = message.payload();
        let piece = self.assembly.handle_block(block, payload.len(), bert)?;
        if piece.is_first() {
            self.begin(message);
        }
        // Nothing is allocated for what a peer only claims (T73).
        self.bytes.extend_from_slice(payload);
        Ok(piece)
    }

    /// The whole request. If-None-Match counts as the first block has it (BLK-20).
    pub(super) fn whole(mut self) -> Option<OwnedMessage> {
        if self.bytes.len() == self.start {
            // A marker with nothing behind it is a fault (FMT-12).
            self.bytes.truncate(self.start.saturating_sub(1));
        }
        OwnedMessage::parse(self.bytes.freeze()).ok()
    }

    fn begin(&mut self, message: &Message<'_>) {
        self.bytes.clear();
        let head = Head(message);
        // What was read can be written.
        let size = encode_message(&mut [], message.token(), &head).unwrap_or(0);
        self.bytes.resize(size, 0);
        let _ = encode_message(&mut self.bytes, message.token(), &head);
        self.bytes.extend_from_slice(&[0xff]);
        self.start = self.bytes.len();
    }
}

/// The options of a block that are the whole request's.
struct Head<'a, 'm>(&'a Message<'m>);

impl Encode for Head<'_, '_> {
    fn code(&self) -> Code {
        self.0.code()
    }

    fn encode(&self, out: &mut Encoder<'_>) -> Result<(), EncodeError> {
        let of_the_block = [OptionNumber::BLOCK1, OptionNumber::BLOCK2, OptionNumber::SIZE1];
        for option in self.0.options().filter(|option| !of_the_block.contains(&option.number)) {
            out.option(option.number, option.value)?;
        }
        Ok(())
    }
}
