//! What a connection said, without the loans: for queues, traces and comparisons.

// The fields are those of the core's own types.
#![allow(missing_docs)]

use bytes::Bytes;
use coap_ws_core::message::{OptionNumber, OwnedMessage};
use coap_ws_core::{
    Event, ExchangeId, Incoming, PeerSettings, PingId, Responder, ResponseError, Transmit,
};
use std::time::Duration;

/// An [`Incoming`] that owns what it says, or an [`Event`].
#[derive(Debug)]
pub enum Told {
    /// A CSM came.
    Settings(PeerSettings),
    /// A request of the peer.
    Request { responder: Responder, message: OwnedMessage },
    /// An answer.
    Response { exchange: ExchangeId, message: OwnedMessage },
    /// An answer that may not be used.
    Failed { exchange: ExchangeId, error: ResponseError },
    /// A Ping of ours was answered.
    Pong { ping: PingId, custody: bool },
    /// The peer released the connection.
    Release { hold_off: Duration, alternatives: Vec<String>, diagnostic: Option<String> },
    /// The peer ended the connection.
    Abort { bad_csm_option: Option<OptionNumber>, diagnostic: Option<String> },
    /// What no message carried.
    Event(Event),
}

impl Told {
    /// The owned form.
    pub fn of(incoming: Incoming<'_>) -> Told {
        // Of no bytes, so it copies.
        let own = |message| OwnedMessage::from_message(&message, &Bytes::new());
        match incoming {
            Incoming::Settings(settings) => Told::Settings(settings),
            Incoming::Request { responder, message } => {
                Told::Request { responder, message: own(message) }
            }
            Incoming::Response { exchange, message, .. } => {
                Told::Response { exchange, message: own(message) }
            }
            Incoming::Failed { exchange, error } => Told::Failed { exchange, error },
            Incoming::Pong { ping, custody } => Told::Pong { ping, custody },
            Incoming::Release(release) => Told::Release {
                hold_off: release.hold_off(),
                alternatives: release.alternative_addresses().map(str::to_owned).collect(),
                diagnostic: release.diagnostic().map(str::to_owned),
            },
            Incoming::Abort(abort) => Told::Abort {
                bad_csm_option: abort.bad_csm_option(),
                diagnostic: abort.diagnostic().map(str::to_owned),
            },
            other => panic!("the tests do not know this yet: {other:?}"),
        }
    }
}

/// A [`Transmit`] that owns its bytes: what travels between two ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wire {
    /// A binary message.
    Message(Vec<u8>),
    /// A text message.
    Text,
    /// The header of a message that is too large.
    Oversized,
    /// A WebSocket Close.
    Close(Option<u16>),
    /// The stream ended.
    End,
    /// The transport failed.
    Broken,
}

impl Wire {
    /// The owned form.
    pub fn of(transmit: Transmit<'_>) -> Wire {
        match transmit {
            Transmit::Message(bytes) => Wire::Message(bytes.to_vec()),
            Transmit::Close { code, .. } => Wire::Close(Some(code)),
            other => panic!("the tests do not know this yet: {other:?}"),
        }
    }
}
