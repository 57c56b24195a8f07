//! Bodies in blocks (RFC 7959): which bytes is the core's business, where they are is ours.

use coap_ws_core::block::{
    Bert, Block, BlockSize, More, Refusal, RequestAssembly, Room, Serving, acknowledge,
    operation_key,
};
use coap_ws_core::message::{Message, OptionNumber, Response};
use coap_ws_core::{Connection, Storage};
use sha1::{Digest, Sha1};

/// Most bytes of a response without its payload: header and token 10, ETag 5, Content-Format 3,
/// Max-Age 5, Observe 4, Block2 5, Block1 4, Size2 5, marker 1.
const OVERHEAD: usize = 42;

/// What a connection allows at this moment.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    room: Room,
    bert: Bert,
    largest: BlockSize,
}

impl Terms {
    /// Those of a connection.
    pub fn of<S: Storage>(connection: &Connection<S>) -> Terms {
        let most = connection.config().limits.max_message_size;
        let peer = connection.peer_settings().unwrap_or_default();
        let send = u32::try_from(connection.max_send()).unwrap_or(u32::MAX);
        let room = u32::try_from(OVERHEAD).map_or(0, |overhead| most.saturating_sub(overhead));
        Terms {
            room: Room::new(send, OVERHEAD),
            bert: Bert::between(most, &peer),
            // What a request may have; BERT where more than one block of 1024 fits.
            largest: match room {
                2048.. => BlockSize::Bert,
                room => BlockSize::at_most(room).unwrap_or(BlockSize::B16),
            },
        }
    }

    /// Adds the part of a body that a request asks for: all of it where that fits and no block is
    /// asked for. An ETag is the caller's to add.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] to answer.
    pub fn cut<'b>(
        self,
        request: &Message<'_>,
        body: &'b [u8],
        response: Response<'b>,
    ) -> Result<Response<'b>, Refusal> {
        let asked = Block::of(request, OptionNumber::BLOCK2);
        let Terms { room, bert, .. } = self;
        let len = body.len() as u64;
        let serving = Serving { body_len: len, largest: BlockSize::Bert, room, bert };
        if serving.is_whole(asked, room) {
            return Ok(response.payload(body));
        }
        let slice = serving.slice(asked)?;
        let response = response.uint(OptionNumber::BLOCK2, slice.block().to_uint());
        let response = match slice.block().num() {
            0 => response.uint(OptionNumber::SIZE2, u32::try_from(len).unwrap_or(u32::MAX)),
            _ => response,
        };
        Ok(response.payload(slice.of(body).unwrap_or_default()))
    }
}

/// A body that a client sends, at most `BODY` bytes. One for each connection: the blocks of one
/// client are none of another's (SEC-18).
#[derive(Debug)]
pub struct Upload<const BODY: usize> {
    assembly: RequestAssembly,
    /// Which operation the bytes belong to: a hash of method and options.
    operation: [u8; 20],
    bytes: heapless::Vec<u8, BODY>,
}

/// What a request with a body is.
#[derive(Debug)]
pub enum Body<'a> {
    /// All of it; with Block1 where it came in blocks.
    Whole(&'a [u8], Option<Block>),
    /// A block, to be answered 2.31 with this Block1.
    More(Block),
}

impl<const BODY: usize> Default for Upload<BODY> {
    fn default() -> Self {
        Upload {
            assembly: RequestAssembly::new(BODY as u64),
            operation: [0; 20],
            bytes: heapless::Vec::new(),
        }
    }
}

impl<const BODY: usize> Upload<BODY> {
    /// A request with a body, or a block of one, has come.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] to answer.
    pub fn take<'a>(
        &'a mut self,
        terms: Terms,
        request: &Message<'a>,
    ) -> Result<Body<'a>, Refusal> {
        let payload = request.payload();
        let Some(block) = Block::of(request, OptionNumber::BLOCK1) else {
            let fits = payload.len() <= BODY;
            let limit = BODY as u64;
            return if fits {
                Ok(Body::Whole(payload, None))
            } else {
                Err(Refusal::TooLarge { limit })
            };
        };
        let operation = operation(request);
        if operation != self.operation {
            // Another one: nothing of it is here, so only a first block follows (BLK-14).
            *self = Upload { operation, ..Upload::default() };
        }
        let piece = self.assembly.handle_block(block, payload.len(), terms.bert)?;
        if piece.is_first() {
            self.bytes.clear();
        }
        // The assembly refuses what is above `BODY`.
        let stored = self.bytes.extend_from_slice(payload);
        stored.map_err(|_| Refusal::TooLarge { limit: BODY as u64 })?;
        let answer = acknowledge(block, piece.more, terms.largest, terms.bert);
        Ok(match piece.more {
            More::Yes => Body::More(answer),
            More::No => Body::Whole(&self.bytes, Some(answer)),
        })
    }
}

fn operation(request: &Message<'_>) -> [u8; 20] {
    let mut hash = Sha1::new();
    operation_key(request, |bytes| hash.update(bytes));
    hash.finalize().into()
}
