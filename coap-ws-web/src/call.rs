//! One request of ours: its body out in blocks, the body of its response in (RFC 7959).

use crate::answer::Answer;
use crate::options::{Draft, Options};
use bytes::{Bytes, BytesMut};
use coap_ws_core::block::{
    Agreement, Bert, Block, BlockError, BlockSize, Part, Progress, Received, ResponseAssembly,
    Room, Slices,
};
use coap_ws_core::message::{Code, Message, OptionNumber};
use std::time::Duration;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The method.
    pub code: Code,
    /// Options besides path and query, which the session adds.
    pub options: Options,
    /// The whole body.
    pub body: Bytes,
    /// How long to wait; `request_timeout` where it is `None`.
    pub timeout: Option<Duration>,
    /// Whether to be told of changes (RFC 7641).
    pub observe: bool,
}

impl Ask {
    /// A request without options and body.
    pub fn new(code: Code) -> Ask {
        let options = Options::default();
        Ask { code, options, body: Bytes::new(), timeout: None, observe: false }
    }
}

/// What a connection allows at this moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) max_send: u32,
    pub(crate) bert: Bert,
    /// Whether its CSM has come: until then nothing is known of how much it takes.
    pub(crate) settled: bool,
}

/// A call as far as its bytes go.
#[derive(Debug)]
pub(crate) struct Call {
    ask: Ask,
    /// Tells this body from another one that goes to the same resource (RFC 9175 §3).
    tag: u32,
    /// Whether it went in blocks, so with the tag.
    tagged: bool,
    upload: Option<Slices>,
    download: Download,
}

/// The body of the response.
#[derive(Debug)]
struct Download {
    assembly: ResponseAssembly,
    limit: u64,
    /// The response without its body, as its first block had it.
    head: Option<(Code, Options)>,
    body: BytesMut,
    /// Whether the next request asks for a block of it.
    asks: bool,
}

/// What a response comes to.
#[derive(Debug)]
pub(crate) enum Taken {
    /// Another request is to be sent.
    More,
    /// This is the outcome.
    Whole(Answer),
}

impl Call {
    pub(crate) fn new(ask: Ask, tag: u32, limit: usize) -> Call {
        let download = Download::new(limit as u64);
        Call { ask, tag, tagged: false, upload: None, download }
    }

    pub(crate) const fn observes(&self) -> bool {
        self.ask.observe
    }

    pub(crate) const fn timeout(&self) -> Option<Duration> {
        self.ask.timeout
    }

    /// The request as it was asked: for the end of an observation.
    pub(crate) fn whole(&self) -> Draft {
        let Ask { code, options, body, .. } = self.ask.clone();
        Draft { code, options, payload: body }
    }

    /// From the start, on another connection.
    pub(crate) fn rewind(&mut self) {
        self.upload = None;
        self.download = Download::new(self.download.limit);
    }

    /// What is to be sent next; `None` where it is not known yet how much the peer takes.
    pub(crate) fn next(&mut self, peer: Peer) -> Result<Option<Draft>, BlockError> {
        if self.download.asks {
            let block = self.download.assembly.request(peer.bert)?;
            return Ok(Some(self.asking_for(block)));
        }
        let whole = self.whole();
        if self.upload.is_none() {
            let fits = whole.cost().saturating_add(whole.payload.len()) <= peer.max_send as usize;
            match (fits, peer.settled) {
                (true, _) => return Ok(Some(whole)),
                (false, false) => return Ok(None),
                (false, true) => self.cut_to(BlockSize::Bert),
            }
        }
        let room = Room::new(peer.max_send, self.block(Block::WIDEST, Bytes::new()).cost());
        let Some(slices) = &mut self.upload else { return Ok(Some(whole)) };
        let slice = slices.next(room, peer.bert)?.ok_or(BlockError::Malformed)?;
        let (start, end) = (slice.range().start as usize, slice.range().end as usize);
        Ok(Some(self.block(slice.block(), whole.payload.slice(start..end))))
    }

    /// A response has come. After [`Taken::Whole`] the next one, a notification, starts anew.
    pub(crate) fn take(&mut self, message: &Message<'_>, bert: Bert) -> Result<Taken, BlockError> {
        let block1 = Block::of(message, OptionNumber::BLOCK1);
        let to_be_cut = self.is_to_be_cut(message, block1);
        match &mut self.upload {
            Some(slices) => match slices.handle_response(message.code(), block1, bert)? {
                Progress::Continue | Progress::Again => return Ok(Taken::More),
                _ => self.upload = None,
            },
            // It went as a whole, and the server wants it in blocks (RFC 7959 §2.9.3).
            None if to_be_cut => {
                self.cut_to(block1.map_or(BlockSize::B1024, Block::size));
                return Ok(Taken::More);
            }
            None => {}
        }
        self.download.take(message, bert, self.ask.body.is_empty() && self.ask.code.is_safe())
    }

    /// A notification has come: what is fetched of the state before is of no interest.
    pub(crate) fn drop_download(&mut self) {
        self.download = Download::new(self.download.limit);
    }

    fn is_to_be_cut(&self, message: &Message<'_>, block1: Option<Block>) -> bool {
        let smaller = |block: Block| (block.size().bytes() as usize) < self.ask.body.len();
        let refused = message.code() == Code::REQUEST_ENTITY_TOO_LARGE;
        refused && !self.download.asks && block1.is_some_and(smaller)
    }

    fn cut_to(&mut self, largest: BlockSize) {
        self.tagged = true;
        self.upload = Some(Slices::new(self.ask.body.len() as u64, largest));
    }

    /// One block of the body: all have the same options but for those of the block, and for
    /// If-None-Match, which only the first has (BLK-20).
    fn block(&self, block: Block, payload: Bytes) -> Draft {
        let mut draft = Draft { payload, ..self.whole() };
        draft.options.set_uint(OptionNumber::BLOCK1, block.to_uint());
        self.tag(&mut draft);
        if block.num() > 0 && block != Block::WIDEST {
            draft.options.remove(OptionNumber::IF_NONE_MATCH);
        } else {
            let size = u32::try_from(self.ask.body.len()).unwrap_or(u32::MAX);
            draft.options.set_uint(OptionNumber::SIZE1, size);
        }
        draft
    }

    /// The request for the next block of the response: the same options, and no body (BLK-08).
    fn asking_for(&self, block: Option<Block>) -> Draft {
        let mut draft = Draft { payload: Bytes::new(), ..self.whole() };
        draft.options.remove(OptionNumber::IF_NONE_MATCH);
        if self.tagged {
            // Still the same operation (RFC 9175 §3.3).
            self.tag(&mut draft);
        }
        if let Some(block) = block {
            draft.options.set_uint(OptionNumber::BLOCK2, block.to_uint());
        }
        draft
    }

    fn tag(&self, draft: &mut Draft) {
        let tag = Bytes::copy_from_slice(&self.tag.to_be_bytes());
        draft.options.set(OptionNumber::REQUEST_TAG, tag);
    }
}

impl Download {
    fn new(limit: u64) -> Download {
        let assembly = ResponseAssembly::new(limit);
        Download { assembly, limit, head: None, body: BytesMut::new(), asks: false }
    }

    /// `repeatable`: asking from the start once more does no harm.
    fn take(
        &mut self,
        message: &Message<'_>,
        bert: Bert,
        repeatable: bool,
    ) -> Result<Taken, BlockError> {
        let block = Block::of(message, OptionNumber::BLOCK2);
        if !message.code().is_success() || block.is_none() && self.head.is_none() {
            if message.payload().len() as u64 > self.limit {
                return Err(BlockError::TooLarge { limit: self.limit });
            }
            let body = Bytes::copy_from_slice(message.payload());
            return Ok(self.finish(message.code(), Options::of(message), body));
        }
        let same = |number| match &self.head {
            Some((_, options)) => {
                Agreement::between(&options.get(number).map(|v| &v[..]), &message.option(number))
            }
            None => Agreement::Same,
        };
        let part = Part {
            block,
            len: message.payload().len(),
            etag: same(OptionNumber::ETAG),
            content_format: same(OptionNumber::CONTENT_FORMAT),
        };
        match self.assembly.handle_block(part, bert)? {
            Received::Piece(piece) => {
                if piece.is_first() {
                    self.head = Some((message.code(), Options::of(message)));
                    self.body.clear();
                }
                self.body.extend_from_slice(message.payload());
                if !piece.more.is_set() {
                    let (code, options) =
                        self.head.take().unwrap_or((message.code(), Options::default()));
                    let body = std::mem::take(&mut self.body).freeze();
                    return Ok(self.finish(code, options, body));
                }
            }
            Received::Restart if repeatable => {
                self.head = None;
                self.body.clear();
            }
            _ => return Err(BlockError::EtagChanged),
        }
        self.asks = true;
        Ok(Taken::More)
    }

    fn finish(&mut self, code: Code, mut options: Options, body: Bytes) -> Taken {
        *self = Download::new(self.limit);
        for number in OF_THE_TRANSFER {
            options.remove(number);
        }
        Taken::Whole(Answer { code, options, body })
    }
}

/// What the page does not get to see: it has the whole.
pub(crate) const OF_THE_TRANSFER: [OptionNumber; 6] = [
    OptionNumber::BLOCK1,
    OptionNumber::BLOCK2,
    OptionNumber::SIZE1,
    OptionNumber::SIZE2,
    OptionNumber::OBSERVE,
    OptionNumber::REQUEST_TAG,
];
