//! What the server asks of the page: bodies put together, answers cut (RFC 7959).

use crate::answer::Answer;
use crate::call::{OF_THE_TRANSFER, Peer};
use crate::options::{Draft, Options};
use bytes::{Bytes, BytesMut};
use coap_ws_core::block::{
    Block, BlockSize, More, Refusal, RequestAssembly, Room, Serving as Cut, acknowledge,
    operation_key,
};
use coap_ws_core::message::{Code, Message, OptionNumber};
use coap_ws_core::{RequestId, Responder};
use std::collections::VecDeque;

/// Bodies that may come at once, and answers that are kept for their next blocks. 8 each: a
/// server that wants more begins anew.
const MAX_KEPT: usize = 8;

/// What is under way. It goes with the connection (SEC-18).
#[derive(Debug, Default)]
pub(crate) struct Serving {
    open: Vec<Open>,
    uploads: VecDeque<Upload>,
    answers: VecDeque<Kept>,
}

/// A request that the page has not answered yet.
#[derive(Debug)]
struct Open {
    id: u32,
    responder: Responder,
    asked: Asked,
}

/// What of a request counts when its answer is cut.
#[derive(Debug)]
struct Asked {
    key: Vec<u8>,
    block1: Option<Block>,
    block2: Option<Block>,
}

#[derive(Debug)]
struct Upload {
    key: Vec<u8>,
    assembly: RequestAssembly,
    body: BytesMut,
    /// If-None-Match and whatever else only the first block has.
    options: Options,
}

#[derive(Debug)]
struct Kept {
    key: Vec<u8>,
    answer: Draft,
}

/// What a request comes to.
pub(crate) enum Request {
    /// The page is to answer it.
    Whole(u32, Answer),
    /// It is answered already.
    Answered(Responder, Draft),
}

impl Serving {
    /// A request has come; `id` is its name if it is one for the page.
    pub(crate) fn take(
        &mut self,
        id: u32,
        responder: Responder,
        message: &Message<'_>,
        peer: Peer,
        limit: usize,
    ) -> Request {
        let asked = Asked::of(message);
        let later = asked.block2.is_some_and(|block| block.num() > 0);
        if later && let Some(kept) = self.answers.iter().find(|kept| kept.key == asked.key) {
            let part = cut(&asked, &kept.answer, peer);
            return Request::Answered(responder, part);
        }
        let whole = match asked.block1 {
            Some(block) => match self.assemble(&asked, block, message, peer, limit) {
                Ok(Some(whole)) => whole,
                Ok(None) => {
                    return Request::Answered(responder, received(block, peer));
                }
                Err(refusal) => return Request::Answered(responder, refused(refusal)),
            },
            None => Answer {
                code: message.code(),
                options: without_transfer(Options::of(message)),
                body: Bytes::copy_from_slice(message.payload()),
            },
        };
        self.open.push(Open { id, responder, asked });
        Request::Whole(id, whole)
    }

    /// What the page answers, as far as it goes into one message; `None` where nobody waits.
    pub(crate) fn answer(
        &mut self,
        id: u32,
        answer: &Draft,
        peer: Peer,
    ) -> Option<(Responder, Draft)> {
        let index = self.open.iter().position(|open| open.id == id)?;
        let Open { responder, asked, .. } = self.open.swap_remove(index);
        let mut whole = answer.clone();
        if whole.cost().saturating_add(whole.payload.len()) > peer.max_send as usize
            || asked.block2.is_some()
        {
            tag(&mut whole);
        }
        let part = cut(&asked, &whole, peer);
        let goes_on = part.options.uint(OptionNumber::BLOCK2).and_then(Block::from_uint);
        if goes_on.is_some_and(|block| block.more().is_set()) {
            self.answers.retain(|kept| kept.key != asked.key);
            if self.answers.len() >= MAX_KEPT {
                self.answers.pop_front();
            }
            self.answers.push_back(Kept { key: asked.key, answer: whole });
        }
        Some((responder, part))
    }

    /// The request was answered without the page: in time by the core.
    pub(crate) fn expire(&mut self, request: RequestId) -> Option<u32> {
        let index = self.open.iter().position(|open| open.responder.id() == request)?;
        Some(self.open.swap_remove(index).id)
    }

    /// The connection is gone: those whose answers nobody waits for any more.
    pub(crate) fn clear(&mut self) -> Vec<u32> {
        std::mem::take(self).open.iter().map(|open| open.id).collect()
    }

    /// `None` where more is to come.
    fn assemble(
        &mut self,
        asked: &Asked,
        block: Block,
        message: &Message<'_>,
        peer: Peer,
        limit: usize,
    ) -> Result<Option<Answer>, Refusal> {
        let known = self.uploads.iter().position(|upload| upload.key == asked.key);
        let known = known.and_then(|index| self.uploads.remove(index));
        let mut upload = known.unwrap_or_else(|| Upload {
            key: asked.key.clone(),
            assembly: RequestAssembly::new(limit as u64),
            body: BytesMut::new(),
            options: Options::default(),
        });
        let payload = message.payload();
        let piece = upload.assembly.handle_block(block, payload.len(), peer.bert)?;
        if piece.is_first() {
            upload.body.clear();
            upload.options = without_transfer(Options::of(message));
        }
        upload.body.extend_from_slice(payload);
        if piece.more.is_set() {
            if self.uploads.len() >= MAX_KEPT {
                self.uploads.pop_front();
            }
            self.uploads.push_back(upload);
            return Ok(None);
        }
        let (options, body) = (upload.options, upload.body.freeze());
        Ok(Some(Answer { code: message.code(), options, body }))
    }
}

impl Asked {
    fn of(message: &Message<'_>) -> Asked {
        let mut key = Vec::new();
        operation_key(message, |bytes| key.extend_from_slice(bytes));
        Asked {
            key,
            block1: Block::of(message, OptionNumber::BLOCK1),
            block2: Block::of(message, OptionNumber::BLOCK2),
        }
    }
}

/// The part of an answer that fits and is asked for.
fn cut(asked: &Asked, whole: &Draft, peer: Peer) -> Draft {
    let mut part = whole.clone();
    if let Some(block) = asked.block1 {
        let block = acknowledge(block, More::No, BlockSize::Bert, peer.bert);
        part.options.set_uint(OptionNumber::BLOCK1, block.to_uint());
    }
    if !whole.code.is_success() {
        let room = (peer.max_send as usize).saturating_sub(part.cost());
        part.payload.truncate(room);
        return part;
    }
    let body_len = whole.payload.len() as u64;
    let plain = Room::new(peer.max_send, part.cost());
    part.options.set_uint(OptionNumber::BLOCK2, Block::WIDEST.to_uint());
    part.options.set_uint(OptionNumber::SIZE2, u32::try_from(body_len).unwrap_or(u32::MAX));
    let room = Room::new(peer.max_send, part.cost());
    let serving = Cut { body_len, largest: BlockSize::Bert, room, bert: peer.bert };
    if serving.is_whole(asked.block2, plain) {
        part.options.remove(OptionNumber::BLOCK2);
        part.options.remove(OptionNumber::SIZE2);
        return part;
    }
    match serving.slice(asked.block2) {
        Ok(slice) => {
            let (start, end) = (slice.range().start as usize, slice.range().end as usize);
            part.options.set_uint(OptionNumber::BLOCK2, slice.block().to_uint());
            part.payload = whole.payload.slice(start..end);
            part
        }
        Err(refusal) => refused(refusal),
    }
}

/// Blocks of different states must not be mixed (BLK-09): an answer that has no ETag gets one, the
/// same for the same bytes.
fn tag(answer: &mut Draft) {
    if answer.options.get(OptionNumber::ETAG).is_some() {
        return;
    }
    // FNV-1a: it tells states apart and is no secret.
    let format = answer.options.get(OptionNumber::CONTENT_FORMAT).map_or(&[][..], |value| value);
    let hash = format.iter().chain(&answer.payload).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3_u64)
    });
    answer.options.set(OptionNumber::ETAG, Bytes::copy_from_slice(&hash.to_be_bytes()));
}

/// 2.31: go on (RFC 7959 §2.9.1).
fn received(block: Block, peer: Peer) -> Draft {
    let block = acknowledge(block, More::Yes, BlockSize::Bert, peer.bert);
    let mut draft = Draft::error(Code::CONTINUE, "");
    draft.options.set_uint(OptionNumber::BLOCK1, block.to_uint());
    draft
}

fn refused(refusal: Refusal) -> Draft {
    let mut draft = Draft::error(refusal.code(), refusal.describe());
    if let Some(size) = refusal.size1() {
        draft.options.set_uint(OptionNumber::SIZE1, size);
    }
    draft
}

fn without_transfer(mut options: Options) -> Options {
    for number in OF_THE_TRANSFER {
        options.remove(number);
    }
    options
}
