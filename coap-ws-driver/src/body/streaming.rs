//! A response whose body is not held whole.

use super::fetch::{Fetch, Taken};
use super::pieces;
use super::send::Exchange;
use crate::error::Error;
use crate::outgoing::Outgoing;
use crate::response::Response;
use bytes::Bytes;
use coap_ws_core::block::BlockError;
use std::any::Any;
use std::sync::Arc;

/// Keeps a connection in use: whoever has lent it knows what it is.
pub(crate) type InUse = Box<dyn Any + Send + Sync>;

/// A response that is read as it comes: its head at once, its body block by block.
///
/// The next block is asked for when it is wanted, so that no more than one is held. Dropped, it
/// asks for no more.
#[derive(Debug)]
pub struct StreamedResponse {
    exchange: Exchange,
    head: Response,
    size: Option<u64>,
    ready: Option<Bytes>,
    /// What is still to come.
    fetch: Option<Fetch>,
    read: u64,
    /// The connection is in use.
    _in_use: Option<InUse>,
}

impl StreamedResponse {
    pub(super) async fn of(
        exchange: Exchange,
        mut message: Outgoing,
        in_use: Option<InUse>,
    ) -> Result<StreamedResponse, Error> {
        exchange.remote.name_host(&mut message);
        let message = Arc::new(message);
        let (request, first) = match exchange.cuts(&message) {
            true => exchange.first(message).await?,
            false => (Arc::clone(&message), exchange.ask(message).await?),
        };
        if Fetch::is_whole(&first) || !exchange.remote.cutting().wise().enabled {
            let payload = first.body().clone();
            let size = Some(payload.len() as u64);
            let head = first.payload(Bytes::new()).without_blocks();
            let ready = Some(payload);
            return Ok(StreamedResponse {
                exchange,
                head,
                size,
                ready,
                fetch: None,
                read: 0,
                _in_use: in_use,
            });
        }
        // Nothing is held, so nothing is too large.
        let mut fetch = Fetch::new(&exchange, &request, u64::MAX);
        let Taken::Piece(piece) = fetch.take(&exchange, first)? else {
            return Err(pieces::failed(BlockError::Malformed).after(true));
        };
        let size = fetch.size();
        let head = fetch
            .head()
            .cloned()
            .unwrap_or_else(|| Response::new(coap_ws_core::message::Code::CONTENT));
        let head = head.payload(Bytes::new()).without_blocks();
        let fetch = piece.more.then_some(fetch);
        let ready = Some(piece.payload);
        Ok(StreamedResponse { exchange, head, size, ready, fetch, read: 0, _in_use: in_use })
    }

    /// Code and options; the body of an error is in the chunks too.
    pub const fn head(&self) -> &Response {
        &self.head
    }

    /// The bytes of the body, where the peer has said: a hint.
    pub const fn size(&self) -> Option<u64> {
        self.size
    }

    /// How many bytes have been given out.
    pub const fn read(&self) -> u64 {
        self.read
    }

    /// The next part of the body, `None` at its end.
    ///
    /// # Errors
    ///
    /// As of a request; a body that changes while it is read is
    /// [`BlockError::EtagChanged`](coap_ws_core::block::BlockError::EtagChanged), since what was
    /// given out cannot be taken back. After an error there is no more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the request for a block; called again, it asks for that one
    /// once more.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if let Some(bytes) = self.ready.take().filter(|bytes| !bytes.is_empty()) {
                self.read = self.read.saturating_add(bytes.len() as u64);
                return Ok(Some(bytes));
            }
            let Some(fetch) = &mut self.fetch else { return Ok(None) };
            let outcome = fetch.ask(&self.exchange).await;
            let taken = outcome.and_then(|response| fetch.take(&self.exchange, response));
            match taken {
                Ok(Taken::Piece(piece)) if !piece.first => {
                    if !piece.more {
                        self.fetch = None;
                    }
                    self.ready = Some(piece.payload);
                }
                Ok(Taken::Piece(_)) => {
                    self.fetch = None;
                    return Err(pieces::failed(BlockError::EtagChanged).after(true));
                }
                Ok(Taken::Other(response)) => {
                    self.fetch = None;
                    return Err(Error::refused(response));
                }
                Err(error) => {
                    self.fetch = None;
                    return Err(error);
                }
            }
        }
    }
}

impl Exchange {
    /// Sends a request; its response is read as it comes.
    pub(crate) async fn run_streaming(
        self,
        message: Outgoing,
        in_use: Option<InUse>,
    ) -> Result<StreamedResponse, Error> {
        StreamedResponse::of(self, message, in_use).await
    }
}
