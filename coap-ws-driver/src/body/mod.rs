//! Bodies that go in blocks (RFC 7959, RFC 8323 §6): what the application gives and gets whole.
//!
//! | | requests | responses |
//! |---|---|---|
//! | of the peer, in its task | `upload`: put together, a handler sees one | `cut`, kept in `store` |
//! | ours, in the future of who asks | `send`: cut, block after block | `fetch`: put together |
//!
//! Which bytes come next is the core's (`coap_ws_core::block`); here are the bytes. What the
//! peer can make us hold is counted in `memory`.

mod asked;
mod cut;
mod fetch;
mod memory;
mod pieces;
mod progress;
mod send;
mod store;
mod streaming;
mod upload;

pub(crate) use asked::Asked;
pub(crate) use memory::BlockMemory;
pub(crate) use pieces::Source;
pub use progress::{Progress, ProgressHook};
pub(crate) use send::{Exchange, Manner};
pub(crate) use streaming::InUse;
pub use streaming::StreamedResponse;

use crate::engine::{BlockWise, EngineConfig, SharedConfig};
use crate::outgoing::Outgoing;
use crate::response::Response;
use asked::Key;
use coap_ws_core::block::{Bert, Block, Refusal, acknowledge};
use coap_ws_core::message::{Code, Message, OptionNumber, OwnedMessage};
use coap_ws_core::{Connection, Heap, Instant, PeerSettings, RequestId};
use std::collections::HashMap;
use std::sync::Arc;
use store::Store;
use upload::Upload;

/// The critical options that are ours to process.
pub(crate) const UNDERSTOOD: &[OptionNumber] = &[OptionNumber::BLOCK2, OptionNumber::BLOCK1];

/// What may be sent to the peer at this moment; a CSM may change it (BERT-11).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// The largest message, in bytes.
    pub(crate) max_send: u32,
    pub(crate) bert: Bert,
}

impl Peer {
    pub(crate) fn of(config: &EngineConfig, connection: Option<&Connection<Heap>>) -> Peer {
        let settings = connection.and_then(Connection::peer_settings).unwrap_or_default();
        let max_send = connection.map_or(0, Connection::max_send);
        let max_send = u32::try_from(max_send).unwrap_or(u32::MAX);
        let ours = config.connection.limits.max_message_size;
        Peer { max_send, bert: bert(&config.block_wise, ours, &settings) }
    }
}

/// What a handle has to know in order to cut.
#[derive(Clone, Debug)]
pub(crate) struct Cutting {
    config: SharedConfig,
}

impl Cutting {
    pub(crate) const fn of(config: SharedConfig) -> Cutting {
        Cutting { config }
    }

    pub(crate) fn wise(&self) -> &BlockWise {
        &self.config.block_wise
    }

    /// What registers an observation: it says how large the blocks of notifications may be,
    /// where we have a say (BLK-23).
    pub(crate) fn registration(&self, request: &Arc<Outgoing>) -> Arc<Outgoing> {
        let wise = self.wise();
        match cut::preferred(wise.size).filter(|_| wise.enabled && !request.is_in_blocks()) {
            Some(size) => Arc::new(request.with_block2(Block::first(size))),
            None => Arc::clone(request),
        }
    }

    pub(crate) fn max_send_size(&self) -> u32 {
        self.config.connection.limits.max_send_size
    }

    pub(crate) fn bert(&self, settings: &PeerSettings) -> Bert {
        bert(self.wise(), self.config.connection.limits.max_message_size, settings)
    }
}

/// What SZX 7 means now (CSM-22).
fn bert(config: &BlockWise, max_message_size: u32, settings: &PeerSettings) -> Bert {
    match config.bert {
        true => Bert::between(max_message_size, settings),
        false => Bert::Refused,
    }
}

/// Whether a message has a Block option.
pub(crate) fn is_in_blocks(message: &Message<'_>) -> bool {
    message.options().any(|option| UNDERSTOOD.contains(&option.number))
}

/// Bodies of the peer's requests and of our answers, of one connection.
pub(crate) struct Bodies {
    config: SharedConfig,
    store: Store,
    /// Requests whose handlers are at work.
    /// Boxed: a table has twice as many places as entries.
    asked: HashMap<RequestId, Box<Asked>>,
}

/// What becomes of a request.
pub(crate) enum Inbound {
    /// A handler is to see it.
    Handle(OwnedMessage, Option<Asked>),
    /// It is answered here.
    Answer(Response, Option<Asked>),
}

impl Bodies {
    pub(crate) fn new(config: SharedConfig) -> Bodies {
        Bodies { store: Store::new(&config.block_wise), config, asked: HashMap::new() }
    }

    fn wise(&self) -> &BlockWise {
        &self.config.block_wise
    }

    /// Counts what it holds with the other connections of a server.
    pub(crate) fn share(&mut self, memory: Arc<BlockMemory>) {
        self.store.share(memory);
    }

    /// A request has come that is not in blocks; its answer may be.
    pub(crate) fn whole(&self, message: OwnedMessage) -> Inbound {
        let asked = self.wise().enabled.then(|| Asked::plain(&message));
        Inbound::Handle(message, asked)
    }

    /// A request with a Block option has come.
    pub(crate) fn receive(&mut self, now: Instant, message: OwnedMessage, peer: Peer) -> Inbound {
        if !self.wise().enabled {
            return Inbound::Handle(message, None);
        }
        self.store.expire(now);
        let view = message.view();
        let block2 = Block::of(&view, OptionNumber::BLOCK2);
        if block2.is_some_and(|block| block.size().is_bert()) && !peer.bert.is_accepted() {
            return Inbound::Answer(cut::refused(Refusal::ReservedSize), None);
        }
        match (Block::of(&view, OptionNumber::BLOCK1), block2) {
            (Some(block), _) => self.upload(now, &view, block, peer),
            (None, Some(block)) if block.num() > 0 => self.next_block(message),
            _ => {
                let asked = Asked::of(&message);
                Inbound::Handle(message, Some(asked))
            }
        }
    }

    /// A block of a request: put to the others.
    fn upload(&mut self, now: Instant, message: &Message<'_>, block: Block, peer: Peer) -> Inbound {
        let key = asked::key(message);
        let limit = self.wise().max_request_body;
        let refuse = |refusal| Inbound::Answer(cut::refused(refusal), None);
        // Taken out: after a refusal, as after the last block, it is not there any more.
        let upload = self.store.take_upload(&key);
        let announced = message.uint(OptionNumber::SIZE1).map_or(0, u64::from);
        if block.num() == 0 && announced > limit {
            return refuse(Refusal::TooLarge { limit });
        }
        let mut upload = upload.unwrap_or_else(|| Upload::new(limit));
        let piece = match upload.add(message, block, peer.bert) {
            Ok(piece) => piece,
            Err(refusal) => return refuse(refusal),
        };
        if piece.more.is_set() {
            return self.ask_for_more(now, key, upload, block, peer);
        }
        match upload.whole() {
            Some(whole) => Inbound::Handle(whole, Some(Asked::with_key(message, key))),
            None => refuse(Refusal::Incomplete),
        }
    }

    fn ask_for_more(
        &mut self,
        now: Instant,
        key: Key,
        upload: Upload,
        block: Block,
        peer: Peer,
    ) -> Inbound {
        if self.store.put_upload(now, key, upload).is_err() {
            let text = "no memory for a body in blocks now";
            return Inbound::Answer(Response::error(Code::SERVICE_UNAVAILABLE, text), None);
        }
        let more = coap_ws_core::block::More::Yes;
        let block = acknowledge(block, more, self.wise().size, peer.bert);
        let mut response = Response::new(Code::CONTINUE);
        response.set_uint(OptionNumber::BLOCK1, block.to_uint());
        Inbound::Answer(response, None)
    }

    /// A block of an answer: of the one that is kept, or else of a new one, where asking again
    /// does no harm. A body that a safe request had is not sent with its next blocks (RFC 7959
    /// §3.3), so only a GET can be asked again without it.
    fn next_block(&mut self, message: OwnedMessage) -> Inbound {
        let asked = Asked::of(&message);
        let code = message.view().code();
        let again = code == Code::GET || code == Code::FETCH && !message.payload().is_empty();
        match self.store.take_answer(&asked.key()) {
            Some(response) => Inbound::Answer(response, Some(asked)),
            None if again => Inbound::Handle(message, Some(asked)),
            None => Inbound::Answer(cut::refused(Refusal::Incomplete), None),
        }
    }

    /// Whether a notification is to be cut even where it fits into one message.
    pub(crate) fn limits(&self, request: &OwnedMessage, response: &Response) -> bool {
        self.wise().enabled && self.cuts(&Asked::of(request), response)
    }

    /// The first block of what is told to an observer, if one message does not hold it all; the
    /// rest is asked for with plain requests (BLK-19). `request` is the registration, whose
    /// Block2 size limits all notifications (BLK-23).
    pub(crate) fn first_block(
        &mut self,
        now: Instant,
        request: &OwnedMessage,
        response: &Response,
        peer: Peer,
    ) -> Response {
        if !self.wise().enabled {
            return response.clone();
        }
        let mut asked = Asked::of(request);
        asked.block1 = None;
        asked.block2 = asked.block2.map(|block| Block::first(block.size()));
        self.cut(now, &asked, response, peer)
    }

    /// A request's handler has to wait for something.
    pub(crate) fn remember(&mut self, id: RequestId, asked: Option<Asked>) {
        if let Some(asked) = asked {
            self.asked.insert(id, Box::new(asked.settle()));
        }
    }

    /// The request with this number, which is answered now or not at all.
    pub(crate) fn recall(&mut self, id: RequestId) -> Option<Asked> {
        if self.asked.is_empty() {
            return None;
        }
        let asked = self.asked.remove(&id).map(|asked| *asked);
        if self.asked.is_empty() {
            // An idle connection holds no table (T98).
            self.asked = HashMap::new();
        }
        asked
    }

    /// When something has waited too long.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.store.deadline()
    }

    /// Drops what has waited too long.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.store.expire(now);
    }

    /// The connection is over (BLK-16).
    pub(crate) fn clear(&mut self) {
        self.store.clear();
        self.asked = HashMap::new();
    }
}

#[cfg(test)]
mod tests;
