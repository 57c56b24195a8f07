//! A request of ours and its response, whole at both ends, whatever goes over the wire.
//!
//! It runs in the future of who asks: each block is an exchange of its own, so a transfer takes
//! one place among the requests in flight, and ends with the future.

use super::cut::preferred;
use super::fetch::Fetch;
use super::pieces::{self, Extras, Source};
use super::progress::{Progress, ProgressHook};
use crate::error::{Error, ErrorKind};
use crate::mailbox::TimeLimit;
use crate::outgoing::Outgoing;
use crate::remote::Remote;
use crate::response::Response;
use crate::transfer::{Part, Transfer};
use bytes::Bytes;
use coap_ws_core::SendError;
use coap_ws_core::block::{Block, BlockError, BlockSize, Progress as Step, Room, Slices};
use coap_ws_core::message::{Code, OptionNumber};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How one request is to be sent.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) remote: Remote,
    /// For all blocks together. Without it each block has the connection's `request_timeout`:
    /// a transfer may take as long as it moves.
    pub(crate) limit: Option<TimeLimit>,
    pub(crate) size: BlockSize,
    pub(crate) progress: ProgressHook,
    /// Once a response has said that more follows.
    transfer: OnceLock<Arc<Transfer>>,
}

/// What is said of a request's blocks before it is known which connection it goes by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manner {
    pub(crate) size: Option<BlockSize>,
    pub(crate) progress: ProgressHook,
}

impl Manner {
    /// By this connection, and within this time.
    pub(crate) fn by(self, remote: Remote, timeout: Option<Duration>) -> Exchange {
        let size = self.size.unwrap_or(remote.cutting().wise().size);
        let limit = timeout.map(TimeLimit::new);
        let (progress, transfer) = (self.progress, OnceLock::new());
        Exchange { remote, limit, size, progress, transfer }
    }
}

/// How often a block is cut anew because the connection took less than was thought. Each time
/// both the token's length and the peer's limit are learnt, and a CSM may come in between.
const MAX_CUTS: usize = 8;

impl Exchange {
    /// Sends a request and puts its response together.
    pub(crate) async fn run(self, mut message: Outgoing) -> Result<Response, Error> {
        self.remote.name_host(&mut message);
        // Whoever has an Echo of its own in mind is left alone.
        if message.has(OptionNumber::ECHO) {
            return self.whole(Arc::new(message)).await;
        }
        self.remote.add_echo(&mut message);
        let message = Arc::new(message);
        let response = self.whole(Arc::clone(&message)).await?;
        match self.remote.echoed(&message, &response) {
            Some(again) => Box::pin(self.whole(Arc::new(again))).await,
            None => Ok(response),
        }
    }

    /// One request, in as many blocks as it takes.
    async fn whole(&self, message: Arc<Outgoing>) -> Result<Response, Error> {
        if !self.cuts(&message) {
            return self.ask(message).await;
        }
        let (request, first) = self.first(message).await?;
        if Fetch::is_whole(&first) {
            return Ok(first.without_blocks());
        }
        // Rare and large: not a part of every request's future.
        Box::pin(self.rest(&request, first)).await
    }

    /// The same with a body that is not held whole.
    pub(crate) async fn run_stream(
        self,
        message: Outgoing,
        feed: Source,
    ) -> Result<Response, Error> {
        let (request, first) = self.upload(&message, feed, self.size).await?;
        match Fetch::is_whole(&first) {
            true => Ok(first.without_blocks()),
            false => self.rest(&request, first).await,
        }
    }

    /// Puts the rest to a response that has come, such as a notification: asked for by plain
    /// requests of its own (BLK-19).
    pub(crate) async fn complete(
        self,
        request: Arc<Outgoing>,
        first: Response,
    ) -> Result<Response, Error> {
        self.rest(&request, first).await
    }

    /// Whether there is a rest.
    pub(crate) fn is_part(&self, request: &Outgoing, response: &Response) -> bool {
        self.cuts(request) && !Fetch::is_whole(response)
    }

    /// Whether blocks are our business: not where they are switched off, nor where the caller
    /// has Block options of its own.
    pub(super) fn cuts(&self, message: &Outgoing) -> bool {
        self.remote.cutting().wise().enabled && !message.is_in_blocks()
    }

    /// The response to the whole of a request, or the first block of it; and the request as the
    /// next ones of the same operation are to be.
    pub(super) async fn first(
        &self,
        message: Arc<Outgoing>,
    ) -> Result<(Arc<Outgoing>, Response), Error> {
        let size = preferred(self.size);
        if size.is_some_and(|size| message.payload.len() > size.bytes() as usize) {
            return self.upload_whole(&message, self.size).await;
        }
        let safe = matches!(message.code, Code::GET | Code::FETCH);
        let asked = match size.filter(|_| safe) {
            Some(size) => Arc::new(message.with_block2(Block::first(size))),
            None => Arc::clone(&message),
        };
        let hint = match self.ask(asked).await {
            Err(error) if error.is_too_large() && !message.payload.is_empty() => self.size,
            Ok(response) => match hint(&response, &message) {
                Some(size) => size.min(self.size),
                None => return Ok((message, response)),
            },
            Err(error) => return Err(error),
        };
        self.upload_whole(&message, hint).await
    }

    async fn upload_whole(
        &self,
        message: &Outgoing,
        size: BlockSize,
    ) -> Result<(Arc<Outgoing>, Response), Error> {
        let feed = Source::Whole(message.payload.clone());
        Box::pin(self.upload(message, feed, size)).await
    }

    /// Sends a body block by block, each after the answer to the one before (BLK-24).
    pub(super) async fn upload(
        &self,
        message: &Outgoing,
        mut feed: Source,
        size: BlockSize,
    ) -> Result<(Arc<Outgoing>, Response), Error> {
        let _place = self.remote.upload_place(self.limit.as_ref()).await?;
        if self.remote.peer_settings().is_none() && size > BlockSize::B1024 {
            // Else it would go in small blocks to its end (invariant 39).
            self.remote.settled(self.limit.clone()).await;
        }
        let extras = Extras {
            size1: feed.len().map(|len| u32::try_from(len).unwrap_or(u32::MAX)),
            block2: preferred(self.size).map(Block::first),
            request_tag: message.tag().is_none().then(|| self.remote.next_tag()),
        };
        let fixed = pieces::cost(message, &extras)?;
        let mut slices = Slices::new(feed.least_len(), size);
        let mut measure = Measure { token: 1, limit: u32::MAX, cuts: 0 };
        let mut restarted = false;
        let mut begun = false;
        loop {
            let (bert, max_send) = (self.remote.bert(), self.remote.max_send());
            let room = measure.room(max_send, fixed, &feed);
            feed.fill(room.payload()).await.map_err(|error| error.after(begun))?;
            slices.set_body_len(feed.least_len());
            let slice = slices.next(room, bert).map_err(|e| pieces::failed(e).after(begun))?;
            let Some(slice) = slice else { return Err(pieces::failed(BlockError::Malformed)) };
            if slice.block().more().is_set() && message.no_response() {
                return Err(pieces::failed(BlockError::NoResponse));
            }
            let Some(part) = feed.part(&slice) else {
                return Err(pieces::failed(BlockError::Malformed).after(begun));
            };
            let size = fixed.saturating_add(part.len());
            let block = Arc::new(pieces::block(message, slice.block(), &extras, part));
            let response = match self.ask(Arc::clone(&block)).await {
                Ok(response) => response,
                Err(error) if measure.learn(&error, size) => continue,
                Err(error) => return Err(error.after(begun)),
            };
            begun = true;
            measure.cuts = 0;
            let answer = response.block(OptionNumber::BLOCK1);
            let step = slices.handle_response(response.code(), answer, bert);
            match step.map_err(|error| pieces::failed(error).after(true))? {
                Step::Continue => {}
                // Nothing of it was processed, nor will be (BLK-13).
                Step::Again if feed.can_rewind() => begun = false,
                // The peer has lost what it had: once more, where that can be.
                Step::Final if lost(&response) && feed.can_rewind() && !restarted => {
                    slices = Slices::new(feed.least_len(), slice.block().size());
                    (restarted, begun) = (true, false);
                }
                _ => return Ok((block, response)),
            }
            feed.arrived(slices.arrived());
            let to_send = feed.len();
            let sent = slices.arrived();
            self.progress.tell(Progress { sent, to_send, ..Progress::default() });
        }
    }

    /// Puts the rest to the first block of a response.
    pub(super) async fn rest(
        &self,
        request: &Arc<Outgoing>,
        first: Response,
    ) -> Result<Response, Error> {
        let limit = self.remote.cutting().wise().max_response_body;
        let mut fetch = Fetch::new(self, request, limit);
        let mut body = bytes::BytesMut::new();
        let mut response = first;
        loop {
            let piece = match fetch.take(self, response)? {
                super::fetch::Taken::Piece(piece) => piece,
                super::fetch::Taken::Other(response) => return Ok(response),
            };
            if piece.first {
                body.clear();
            }
            body.extend_from_slice(&piece.payload);
            if !piece.more {
                let whole: Bytes = body.freeze();
                return Ok(fetch.into_head().payload(whole));
            }
            response = fetch.ask(self).await?;
        }
    }

    pub(super) async fn ask(&self, message: Arc<Outgoing>) -> Result<Response, Error> {
        let part = match self.remote.cutting().wise().enabled {
            true => Part::Of(self.transfer.get().cloned()),
            false => Part::Whole,
        };
        let answer = self.remote.ask(message, self.limit.clone(), part).await?;
        if let Some(transfer) = answer.transfer {
            // The same one each time.
            let _ = self.transfer.set(transfer);
        }
        Ok(answer.response)
    }
}

/// The size of blocks to try, where a request that had none is refused as too large (BLK-15).
fn hint(response: &Response, message: &Outgoing) -> Option<BlockSize> {
    let len = message.payload.len() as u64;
    let limit = response.option_uint(OptionNumber::SIZE1).map(u64::from);
    if response.code() != Code::REQUEST_ENTITY_TOO_LARGE || limit.is_some_and(|l| l < len) {
        return None;
    }
    let size = response.block(OptionNumber::BLOCK1).map(Block::size);
    let size = size.unwrap_or(BlockSize::B1024);
    (len > u64::from(size.bytes())).then_some(size)
}

/// Whether the peer has not got, or no longer, what came before.
fn lost(response: &Response) -> bool {
    response.code() == Code::REQUEST_ENTITY_INCOMPLETE
}

/// What is learnt of a message's size when one is not taken.
struct Measure {
    /// Bytes of the token, and whatever else is in the way.
    token: usize,
    limit: u32,
    cuts: usize,
}

impl Measure {
    fn room(&self, max_send: u32, fixed: usize, feed: &Source) -> Room {
        let fixed = fixed.saturating_add(self.token);
        let room = Room::new(max_send.min(self.limit), fixed);
        let most = feed.at_most(room.payload());
        Room::new(most.saturating_add(u32::try_from(fixed).unwrap_or(u32::MAX)), fixed)
    }

    /// Whether there is another try: a message that was measured as `size` without its token was
    /// too large. Nothing of it has left (T50).
    fn learn(&mut self, error: &Error, size: usize) -> bool {
        let ErrorKind::Send(SendError::TooLarge { size: real, limit }) = error.kind() else {
            return false;
        };
        self.cuts = self.cuts.saturating_add(1);
        self.token = real.saturating_sub(size).max(self.token);
        self.limit = u32::try_from(*limit).unwrap_or(u32::MAX);
        self.cuts <= MAX_CUTS
    }
}
