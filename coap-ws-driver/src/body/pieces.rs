//! Requests of ours that are a block of a larger one, and the bytes that go into them.

use crate::error::{Error, ErrorKind};
use crate::outgoing::Outgoing;
use bytes::{Buf, Bytes, BytesMut};
use coap_ws_core::block::{Block, BlockError, Slice};
use coap_ws_core::message::{OptionNumber, encode_message};
use futures_util::{Stream, StreamExt};
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

/// The most that is taken from a stream ahead of the peer, in bytes: one BERT message.
const AHEAD: u32 = 64 * 1024;

/// Where the bytes of a request's body come from.
pub(crate) type BodyStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// The body of a request of ours.
pub(crate) enum Source {
    Whole(Bytes),
    Stream(Ahead),
}

/// A body that is read as it is sent.
pub(crate) struct Ahead {
    stream: Option<BodyStream>,
    /// What the caller has said.
    len: Option<u64>,
    /// Read, and not acknowledged yet.
    buffer: BytesMut,
    /// Where in the body the buffer starts.
    start: u64,
}

impl Source {
    pub(crate) fn stream(stream: BodyStream, len: Option<u64>) -> Source {
        Source::Stream(Ahead { stream: Some(stream), len, buffer: BytesMut::new(), start: 0 })
    }

    /// The length of the body, where it is known.
    pub(super) fn len(&self) -> Option<u64> {
        match self {
            Source::Whole(body) => Some(body.len() as u64),
            Source::Stream(ahead) if ahead.stream.is_none() => Some(ahead.end()),
            Source::Stream(ahead) => ahead.len,
        }
    }

    /// What is known of the length: the body is not shorter.
    pub(super) fn least_len(&self) -> u64 {
        match self {
            Source::Whole(body) => body.len() as u64,
            Source::Stream(ahead) => ahead.len.unwrap_or(0).max(ahead.end()),
        }
    }

    /// How much may go into one message.
    pub(super) fn at_most(&self, payload: u32) -> u32 {
        match self {
            Source::Whole(_) => payload,
            Source::Stream(_) => payload.min(AHEAD),
        }
    }

    /// Sees to it that there is more than `want` bytes, so that it is known whether more follow,
    /// or all there is.
    pub(super) async fn fill(&mut self, want: u32) -> Result<(), Error> {
        match self {
            Source::Whole(_) => Ok(()),
            Source::Stream(ahead) => ahead.fill(want as usize).await,
        }
    }

    /// The bytes of a block.
    pub(super) fn part(&self, slice: &Slice) -> Option<Bytes> {
        let Range { start, end } = slice.range();
        let index = |at: u64| usize::try_from(at).ok();
        match self {
            Source::Whole(body) => {
                let range = index(start)?..index(end)?;
                (range.end <= body.len()).then(|| body.slice(range))
            }
            Source::Stream(ahead) => {
                let from = index(start.checked_sub(ahead.start)?)?;
                let to = index(end.checked_sub(ahead.start)?)?;
                ahead.buffer.get(from..to).map(Bytes::copy_from_slice)
            }
        }
    }

    /// So much has arrived: it is not needed any more.
    pub(super) fn arrived(&mut self, at: u64) {
        if let Source::Stream(ahead) = self {
            let gone = usize::try_from(at.saturating_sub(ahead.start)).unwrap_or(usize::MAX);
            let gone = gone.min(ahead.buffer.len());
            ahead.buffer.advance(gone);
            ahead.start = ahead.start.saturating_add(gone as u64);
        }
    }

    /// Whether it can be sent once more from its start.
    pub(super) fn can_rewind(&self) -> bool {
        match self {
            Source::Whole(_) => true,
            Source::Stream(ahead) => ahead.start == 0,
        }
    }
}

impl Ahead {
    fn end(&self) -> u64 {
        self.start.saturating_add(self.buffer.len() as u64)
    }

    async fn fill(&mut self, want: usize) -> Result<(), Error> {
        let fault = |error| Err(Error::unsent(ErrorKind::Body(Arc::new(error))));
        while self.buffer.len() <= want {
            let Some(stream) = &mut self.stream else { break };
            match stream.next().await {
                Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
                Some(Err(error)) => return fault(error),
                None => self.stream = None,
            }
            let end = self.end();
            let ended = self.stream.is_none();
            let wrong = |len: u64| end > len || ended && end < len;
            if let Some(len) = self.len.filter(|len| wrong(*len)) {
                let text = format!("a body of {len} bytes was announced, {end} or more came");
                let text = if ended { text.replace(" or more", "") } else { text };
                return fault(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
        Ok(())
    }
}

/// What is to be said of a block besides its bytes.
pub(super) struct Extras {
    /// The length of the whole (BLK-21).
    pub(super) size1: Option<u32>,
    /// How the answer is to be cut: said with the last block (RFC 7959 §2.7).
    pub(super) block2: Option<Block>,
    /// What tells this body from another one for the same resource (RFC 9175 §3; BLK-17).
    pub(super) request_tag: Option<Bytes>,
}

/// One block of a request. All have the same options but for those of the block, and for
/// If-None-Match, which only the first has (BLK-20, BLK-24).
pub(super) fn block(message: &Outgoing, block: Block, extras: &Extras, payload: Bytes) -> Outgoing {
    let mut options = message.options.clone();
    options.remove(OptionNumber::SIZE1);
    options.set_uint(OptionNumber::BLOCK1, block.to_uint());
    if block.num() > 0 {
        options.remove(OptionNumber::IF_NONE_MATCH);
    } else if let Some(size) = extras.size1 {
        options.set_uint(OptionNumber::SIZE1, size);
    }
    if let Some(block2) = extras.block2.filter(|_| !block.more().is_set()) {
        options.set_uint(OptionNumber::BLOCK2, block2.to_uint());
    }
    if let Some(tag) = &extras.request_tag {
        options.set(OptionNumber::REQUEST_TAG, tag.clone());
    }
    Outgoing { code: message.code, options, payload }
}

/// What a block costs without its payload and its token, the marker included.
pub(super) fn cost(message: &Outgoing, extras: &Extras) -> Result<usize, Error> {
    // The widest number, and as if it were first and last at once.
    let mut widest = block(message, Block::WIDEST, extras, Bytes::new());
    if let Some(size) = extras.size1 {
        widest.options.set_uint(OptionNumber::SIZE1, size);
    }
    if let Some(block2) = extras.block2 {
        widest.options.set_uint(OptionNumber::BLOCK2, block2.to_uint());
    }
    let size = encode_message(&mut [], &[], &widest)
        .map_err(|error| Error::unsent(ErrorKind::Send(coap_ws_core::SendError::Encode(error))))?;
    Ok(size.saturating_add(1))
}

/// The request for the next block of an answer: the same options, and no body (RFC 7959 §3.3).
pub(super) fn next(message: &Outgoing, block2: Option<Block>) -> Outgoing {
    let mut options = message.options.clone();
    for number in [
        OptionNumber::BLOCK1,
        OptionNumber::SIZE1,
        OptionNumber::SIZE2,
        OptionNumber::OBSERVE,
        OptionNumber::IF_NONE_MATCH,
    ] {
        options.remove(number);
    }
    if let Some(block) = block2 {
        options.set_uint(OptionNumber::BLOCK2, block.to_uint());
    }
    Outgoing { code: message.code, options, payload: Bytes::new() }
}

/// A failure of a transfer.
pub(super) fn failed(error: BlockError) -> Error {
    Error::unsent(ErrorKind::Block(error))
}
