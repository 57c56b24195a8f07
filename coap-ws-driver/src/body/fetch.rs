//! The blocks of a response, one after the other.

use super::pieces;
use super::progress::Progress;
use super::send::Exchange;
use crate::error::Error;
use crate::outgoing::Outgoing;
use crate::response::Response;
use bytes::Bytes;
use coap_ws_core::block::{Agreement, BlockError, BlockSize, Part, Received, ResponseAssembly};
use coap_ws_core::message::OptionNumber;
use std::sync::Arc;

/// A response of which there is a part.
#[derive(Debug)]
pub(super) struct Fetch {
    request: Arc<Outgoing>,
    assembly: ResponseAssembly,
    /// The response without its body, as the first block has it.
    head: Option<Response>,
}

/// What a response brings.
pub(super) enum Taken {
    /// A part of the body.
    Piece(Bit),
    /// Not a part of it: the outcome instead.
    Other(Response),
}

pub(super) struct Bit {
    /// What came before is not a part of the body any more.
    pub(super) first: bool,
    pub(super) payload: Bytes,
    pub(super) more: bool,
}

impl Fetch {
    /// Whether this is all, as far as blocks go.
    pub(super) fn is_whole(response: &Response) -> bool {
        !response.code().is_success() || !response.has(OptionNumber::BLOCK2)
    }

    /// The body of a response to `request`, of at most `limit` bytes.
    pub(super) fn new(exchange: &Exchange, request: &Arc<Outgoing>, limit: u64) -> Fetch {
        let mut assembly = ResponseAssembly::new(limit);
        if exchange.size < BlockSize::Bert {
            assembly.limit_size(exchange.size);
        }
        Fetch { request: Arc::clone(request), assembly, head: None }
    }

    /// A response has come.
    pub(super) fn take(&mut self, exchange: &Exchange, response: Response) -> Result<Taken, Error> {
        if !response.code().is_success() {
            return Ok(Taken::Other(response));
        }
        let same = |number| match &self.head {
            Some(head) => {
                Agreement::between(&head.option_value(number), &response.option_value(number))
            }
            None => Agreement::Same,
        };
        let part = Part {
            block: response.block(OptionNumber::BLOCK2),
            len: response.body().len(),
            etag: same(OptionNumber::ETAG),
            content_format: same(OptionNumber::CONTENT_FORMAT),
        };
        let failed = |error| pieces::failed(error).after(true);
        match self.assembly.handle_block(part, exchange.remote.bert()).map_err(failed)? {
            Received::Piece(piece) => {
                let payload = response.body().clone();
                if piece.is_first() {
                    self.head = Some(response);
                }
                let received = piece.at.saturating_add(payload.len() as u64);
                let to_receive = self.size();
                let sent = self.request.payload.len() as u64;
                let to_send = Some(sent);
                exchange.progress.tell(Progress { sent, to_send, received, to_receive });
                let more = piece.more.is_set();
                Ok(Taken::Piece(Bit { first: piece.is_first(), payload, more }))
            }
            // Asking anew from the start would be another request: only a bare one is as good
            // the second time.
            Received::Restart if self.request.is_repeatable() => {
                self.head = None;
                Ok(Taken::Piece(Bit { first: true, payload: Bytes::new(), more: true }))
            }
            _ => Err(failed(BlockError::EtagChanged)),
        }
    }

    /// Asks for the next block (BLK-08).
    pub(super) async fn ask(&mut self, exchange: &Exchange) -> Result<Response, Error> {
        let block = self.assembly.request(exchange.remote.bert());
        let block = block.map_err(|error| pieces::failed(error).after(true))?;
        let message = Arc::new(pieces::next(&self.request, block));
        exchange.ask(message).await.map_err(|error| error.after(true))
    }

    /// How large the body is, as far as the peer has said.
    pub(super) fn size(&self) -> Option<u64> {
        self.head.as_ref()?.option_uint(OptionNumber::SIZE2).map(u64::from)
    }

    pub(super) fn head(&self) -> Option<&Response> {
        self.head.as_ref()
    }

    /// The response without its body and without what was said of blocks.
    pub(super) fn into_head(self) -> Response {
        let empty = || Response::new(coap_ws_core::message::Code::CONTENT);
        self.head.unwrap_or_else(empty).without_blocks()
    }
}
