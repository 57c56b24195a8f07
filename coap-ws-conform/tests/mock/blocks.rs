//! Block-wise transfer in the mock server (RFC 7959, RFC 8323 §6).

use super::mutation::Wrong;
use super::server::Server;
use super::world::BodyKey;
use coap_ws_conform::wire::message::{Block, Code, Message};
use coap_ws_conform::wire::names::*;

impl Server {
    /// A response in as many bytes as the peer takes: whole, or a block of it.
    pub(super) fn fitted(&mut self, request: &Message, response: Message) -> Message {
        let limit = match self.is(Wrong::MmsIgnored) {
            true => 1 << 20,
            false => self.peer.max_message_size as usize,
        };
        let over = self.is(Wrong::TokenOverLimit);
        let asked = request.first(BLOCK2).map(Block::parse);
        let asked = asked.filter(|_| !self.is(Wrong::Block2Ignored));
        let empty = request.first(BLOCK2).is_some_and(<[u8]>::is_empty);
        let asked = asked.filter(|_| !(empty && self.is(Wrong::Block2EmptyIgnored)));
        if asked.is_some_and(|block| block.more) && self.is(Wrong::Block2More) {
            return Message::new(Code::BAD_REQUEST).token(&request.token).payload("M");
        }
        if response.code != Code::CONTENT {
            return cut(response, if over { usize::MAX } else { limit });
        }
        let fits = response.bytes().len() <= limit;
        match asked {
            None if fits => response,
            None if self.is(Wrong::BlocksNever) => {
                Message::new(Code::INTERNAL_ERROR).token(&request.token).payload("too large")
            }
            asked => {
                self.block2(request, response, asked.unwrap_or(Block::new(0, false, 6)), limit)
            }
        }
    }

    fn block2(&mut self, request: &Message, whole: Message, asked: Block, limit: usize) -> Message {
        let error = |code, why| Message::new(code).token(&request.token).payload(why);
        if asked.szx == 7 && self.is(Wrong::BertRefused) {
            return error(Code::BAD_REQUEST, "SZX 7");
        }
        if asked.num > 0 && self.is(Wrong::Block2Sequence) && self.answers == 0 {
            return error(Code::INCOMPLETE, "in order, please");
        }
        let body = whole.payload.clone();
        let mut offset = asked.offset();
        if self.is(Wrong::Block2Place) && asked.szx < 6 {
            offset = asked.num as usize * 1024;
        }
        if offset > 0 && offset >= body.len() {
            return match () {
                () if self.is(Wrong::BeyondFails) => error(Code::INTERNAL_ERROR, "beyond"),
                () if self.is(Wrong::BeyondEmpty) => Message { payload: Vec::new(), ..whole },
                () => error(Code::BAD_REQUEST, "beyond the end"),
            };
        }
        let mut response = Message { payload: Vec::new(), ..whole };
        response.options.retain(|(number, _)| *number != BLOCK2);
        let room = limit.saturating_sub(response.bytes().len() + 6);
        let (szx, length) = self.size(asked, room);
        let unit = Block::new(0, false, szx).unit();
        let end = (offset + length).min(body.len());
        let more = end < body.len();
        let mut piece = body[offset..end].to_vec();
        if self.is(Wrong::Block2Short) && more {
            piece.pop();
        }
        let mut num = (offset / unit) as u32;
        if self.is(Wrong::BertUnits) && szx == 7 {
            num = (offset / 2048) as u32;
        }
        if self.is(Wrong::Block2Number) {
            num = 0;
        }
        response = response.option(BLOCK2, Block::new(num, more, szx).value());
        if self.is(Wrong::Block2Etags) {
            response.options.retain(|(number, _)| *number != ETAG);
            response = response.option(ETAG, [num as u8, 7]);
        }
        if request.has(SIZE2) {
            let wrong = usize::from(self.is(Wrong::Size2Bad));
            response = response.uint(SIZE2, (body.len() + wrong) as u64);
        }
        response.payload(piece)
    }

    /// The SZX, and how many bytes at most.
    fn size(&self, asked: Block, room: usize) -> (u8, usize) {
        let fits = |szx: u8| 16usize << szx <= room || self.is(Wrong::BlocksLarge);
        let bert = asked.szx == 7 || self.is(Wrong::BertAlways);
        if bert && (room >= 1024 || self.is(Wrong::BertOverLimit)) {
            let room = if self.is(Wrong::BertOverLimit) { 4096 } else { room.min(2048) };
            return (7, room / 1024 * 1024);
        }
        let larger = u8::from(self.is(Wrong::Block2Larger));
        let szx = (0..=asked.szx.min(6)).rev().find(|szx| fits(*szx)).unwrap_or(0);
        let szx = (szx + larger).min(6);
        (szx, 16 << szx)
    }

    /// The body of a request, or what is said to a part of it.
    pub(super) fn body(&mut self, path: &str, request: &Message) -> Result<Vec<u8>, Message> {
        let Some(value) = request.first(BLOCK1) else { return Ok(request.payload.clone()) };
        let block = Block::parse(value);
        let error = |code, why: &str| Err(Message::new(code).payload(why));
        if block.szx == 7 && self.is(Wrong::BertRefused) {
            return error(Code::BAD_REQUEST, "SZX 7");
        }
        let length = request.payload.len();
        let even = match block.szx {
            7 => length > 0 && length.is_multiple_of(1024),
            _ => length == block.unit(),
        };
        if block.more && !even && !self.is(Wrong::Block1Short) {
            return error(Code::BAD_REQUEST, "the length is not the block size");
        }
        let key = self.key(path, request);
        let mut payload = request.payload.clone();
        if self.is(Wrong::BertForgets) && block.szx == 7 {
            payload.truncate(1024);
        }
        let mut state = self.world.state();
        let mut body = state.bodies.remove(&key).unwrap_or_default();
        let appends = self.world.is(Wrong::Block1Appends);
        if block.num == 0 && !appends {
            body.clear();
        }
        let gap = body.len() != block.offset() && !(block.num == 0 && appends);
        if gap && !self.world.is(Wrong::Block1Gaps) && !(appends && block.num > 0) {
            return error(Code::INCOMPLETE, "a block is missing");
        }
        body.extend(payload);
        if !block.more {
            return Ok(body);
        }
        state.bodies.insert(key, body);
        drop(state);
        let mut echo = block;
        if self.is(Wrong::ContinueOdd) {
            echo.num += (length / block.unit()).max(1) as u32;
        }
        let answer = Message::new(Code::CONTINUE).option(BLOCK1, echo.value());
        Err(if self.is(Wrong::ContinueText) { answer.payload("go on") } else { answer })
    }

    /// What has to agree between blocks of one body (RFC 9175 §3.3).
    fn key(&self, path: &str, request: &Message) -> BodyKey {
        let counts = |number: u16| {
            let skipped = [BLOCK1, BLOCK2, SIZE1, SIZE2, ECHO];
            let tags = number == REQUEST_TAG && self.is(Wrong::Block1Tags);
            let condition = number == IF_NONE_MATCH && !self.is(Wrong::Block1Conditions);
            let formats = number == CONTENT_FORMAT && self.is(Wrong::Block1Formats);
            !(skipped.contains(&number) || tags || condition || formats)
        };
        let mut options: Vec<_> =
            request.options.iter().filter(|(number, _)| counts(*number)).cloned().collect();
        options.push((0, path.as_bytes().to_vec()));
        (if self.is(Wrong::Block1Shared) { 0 } else { self.number }, options)
    }
}

/// An error text that fits.
fn cut(mut response: Message, limit: usize) -> Message {
    let over = response.bytes().len().saturating_sub(limit);
    let left = response.payload.len().saturating_sub(over);
    response.payload.truncate(left);
    response
}
