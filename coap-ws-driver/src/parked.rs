//! Requests that came while answers wait to be written.
//!
//! They are read though they cannot be answered yet: behind them may be the answers that the
//! peer has to get rid of before it reads ours. Else two peers that ask each other for much
//! would wait for each other for ever.

use coap_ws_core::message::OwnedMessage;
use coap_ws_core::{RequestId, Responder};
use std::collections::VecDeque;

/// As many as a peer like us has in flight.
const MAX_REQUESTS: usize = 64;
/// Together with high water this is what a peer that does not read costs.
const MAX_BYTES: usize = 64 * 1024;

#[derive(Default)]
pub(crate) struct Parked {
    requests: VecDeque<(Responder, OwnedMessage)>,
    bytes: usize,
}

impl Parked {
    /// Takes a request in. Where they get too many, the oldest is to be handled all the same.
    pub(crate) fn push(
        &mut self,
        responder: Responder,
        message: OwnedMessage,
    ) -> Option<(Responder, OwnedMessage)> {
        self.bytes = self.bytes.saturating_add(size(&message));
        self.requests.push_back((responder, message));
        let many = self.requests.len() > MAX_REQUESTS || self.bytes > MAX_BYTES;
        many.then(|| self.pop()).flatten()
    }

    /// The oldest.
    pub(crate) fn pop(&mut self) -> Option<(Responder, OwnedMessage)> {
        let (responder, message) = self.requests.pop_front()?;
        self.bytes = self.bytes.saturating_sub(size(&message));
        Some((responder, message))
    }

    /// The core has answered this one itself.
    pub(crate) fn expire(&mut self, id: RequestId) {
        let bytes = &mut self.bytes;
        self.requests.retain(|(responder, message)| {
            let stays = responder.id() != id;
            if !stays {
                *bytes = bytes.saturating_sub(size(message));
            }
            stays
        });
    }

    pub(crate) fn clear(&mut self) {
        *self = Parked::default();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }
}

fn size(message: &OwnedMessage) -> usize {
    message.view().as_bytes().len()
}
