//! Which part of an answer goes into one message.

use super::asked::{Asked, Details};
use super::{Bodies, Peer};
use crate::response::Response;
use bytes::Bytes;
use coap_ws_core::Instant;
use coap_ws_core::block::{Block, BlockSize, More, Refusal, Room, Serving, acknowledge};
use coap_ws_core::message::{OptionNumber, encode_message};
use std::hash::{DefaultHasher, Hash, Hasher};

/// From this room on an answer says how large it is, whether or not that was asked.
const ROOM_FOR_SIZE: u32 = 512;

impl Bodies {
    /// Whether an answer is to be cut even where it fits into one message.
    pub(crate) fn cuts(&self, asked: &Asked, response: &Response) -> bool {
        let largest = self.wise().size;
        let long = !largest.is_bert() && response.body().len() > largest.bytes() as usize;
        asked.block1.is_some() || asked.block2.is_some() || long
    }

    /// The part of an answer that fits, and that the peer wants; what is left is kept for its
    /// next requests. An answer that cannot be sent becomes an error that can (CSM-18).
    pub(crate) fn cut(
        &mut self,
        now: Instant,
        asked: &Asked,
        whole: &Response,
        peer: Peer,
    ) -> Response {
        if whole.has(OptionNumber::BLOCK1) || whole.has(OptionNumber::BLOCK2) {
            // The application cuts by itself.
            return whole.clone();
        }
        let details = asked.details();
        let mut response = whole.clone();
        if let Some(block) = asked.block1 {
            let block = acknowledge(block, More::No, self.wise().size, peer.bert);
            response.set_uint(OptionNumber::BLOCK1, block.to_uint());
        }
        let room = |response: &Response| Room::new(peer.max_send, cost(response, details));
        if !response.code().is_success() {
            return shortened(response, room(whole));
        }
        let mut serving = Serving {
            body_len: response.body().len() as u64,
            largest: self.wise().size,
            room: room(&response),
            bert: peer.bert,
        };
        if serving.is_whole(asked.block2, serving.room) {
            return response;
        }
        let mut entity = whole.clone();
        if !entity.has(OptionNumber::ETAG) {
            // Blocks of different states must not be mixed (BLK-09, BLK-10).
            let tag = tag_of(&entity);
            entity.set(OptionNumber::ETAG, tag.clone());
            response.set(OptionNumber::ETAG, tag);
        }
        response.set_uint(OptionNumber::BLOCK2, Block::WIDEST.to_uint());
        serving.room = room(&response);
        if asked.is_first() && (details.size2 || serving.room.payload() >= ROOM_FOR_SIZE) {
            let size = u32::try_from(serving.body_len).unwrap_or(u32::MAX);
            response.set_uint(OptionNumber::SIZE2, size);
            serving.room = room(&response);
        }
        let slice = match serving.slice(asked.block2) {
            Ok(slice) => slice,
            Err(refusal) => return refused(refusal),
        };
        if slice.block().more().is_set() {
            self.store.put_answer(now, asked.key(), entity);
        }
        response.set_uint(OptionNumber::BLOCK2, slice.block().to_uint());
        let range = slice.range();
        let (start, end) = (range.start as usize, range.end as usize);
        let part = whole.body().slice(start..end);
        response.payload(part)
    }
}

/// What a response costs without its payload, the marker included.
fn cost(response: &Response, details: Details) -> usize {
    let bare = response.clone().payload(Bytes::new());
    let size = encode_message(&mut [], &[], &bare).unwrap_or(usize::MAX);
    size.saturating_add(details.added).saturating_add(1)
}

/// An error as far as there is room for it: its text is for people (RFC 7252 §5.5.2), and what
/// has a format is of no use in part.
fn shortened(response: Response, room: Room) -> Response {
    let room = room.payload() as usize;
    if response.body().len() <= room {
        return response;
    }
    let text = std::str::from_utf8(response.body()).ok().filter(|_| response.format().is_none());
    let mut end = text.map_or(0, |text| room.min(text.len()));
    while text.is_some_and(|text| !text.is_char_boundary(end)) {
        end = end.saturating_sub(1);
    }
    let part = response.body().slice(..end);
    let mut response = response.payload(part);
    if end == 0 {
        response.remove(OptionNumber::CONTENT_FORMAT);
    }
    response
}

/// The response that says why a block is not taken or not given.
pub(super) fn refused(refusal: Refusal) -> Response {
    let mut response = Response::error(refusal.code(), refusal.describe());
    if let Some(size) = refusal.size1() {
        response.set_uint(OptionNumber::SIZE1, size);
    }
    response
}

/// A name for a representation that has none: the same for the same bytes of the same format.
fn tag_of(response: &Response) -> Bytes {
    let mut hasher = DefaultHasher::new();
    response.body().hash(&mut hasher);
    response.format().map(coap_ws_core::message::ContentFormat::get).hash(&mut hasher);
    Bytes::copy_from_slice(&hasher.finish().to_be_bytes())
}

/// The size that a peer is asked to use, where we have a say.
pub(super) fn preferred(size: BlockSize) -> Option<BlockSize> {
    (!size.is_bert()).then_some(size)
}
