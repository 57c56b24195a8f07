//! The opening handshake of RFC 6455 §4 as RFC 8323 §4.1 uses it: no I/O, no clock, no frames.
//!
//! An acceptor reads bytes with a [`HeadReader`] until it has a request head, asks [`decide`], and
//! writes either [`Accept::response_head`] or [`Refusal::response`]. A server that has its heads
//! from elsewhere (hyper, axum) asks [`decide`] alike and uses the `headers()` of what it gets.
//!
//! An initiator writes [`ClientHandshake::request`] and gives [`ClientHandshake::handle_bytes`]
//! what comes back.
//!
//! What follows a head is WebSocket data (WS-44): [`Progress::taken`] says how many of the bytes
//! given belonged to the head, the rest is the caller's.
//!
//! ```
//! use coap_ws_driver::handshake::{ClientHandshake, HeadReader, decide};
//! use coap_ws_driver::policy::Policy;
//! use http::{HeaderMap, request, response};
//!
//! let mut initiator = ClientHandshake::new("localhost:8683", &HeaderMap::new())?;
//!
//! let mut acceptor = HeadReader::<request::Parts>::default();
//! let head = acceptor.push(initiator.request())?.head.expect("the request is complete");
//! let accept = decide(&head, &Policy::default())?;
//!
//! let mut answer = accept.response_head();
//! answer.extend(b"\x82\x02\x00\xe1"); // A frame right behind the blank line: an empty CSM.
//! let progress = initiator.handle_bytes(&answer)?;
//! assert!(progress.head.is_some());
//! assert_eq!(&answer[progress.taken..], b"\x82\x02\x00\xe1");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! Time is the caller's: a deadline for the whole handshake, not reset by bytes (T01, T02).

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects
)]

mod client;
mod error;
mod fields;
mod head;
mod head_error;
mod parse;
mod reason;
mod refusal;
mod server;

pub use client::ClientHandshake;
pub use error::HandshakeError;
pub(crate) use fields::left_over;
pub use head::{HandshakeLimits, HeadReader, Progress};
pub use head_error::{HeadError, Malformed, Smell};
pub use parse::Head;
pub use reason::RefusalReason;
pub use refusal::Refusal;
pub use server::{Accept, decide};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

/// The one resource where CoAP over WebSockets is served (RFC 8323 §8.3, §8.4, WS-03).
pub const PATH: &str = "/.well-known/coap";

/// The WebSocket subprotocol of CoAP (RFC 8323 §4.1, WS-02). Compared as it is: subprotocol names
/// are case-sensitive.
pub const SUBPROTOCOL: &str = "coap";

/// What tells this protocol from any other that hashes a key (RFC 6455 §1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key`: the base64 of the SHA-1 of the
/// key as it was sent and a constant (RFC 6455 §4.2.2 step 5.4, WS-10).
///
/// ```
/// use coap_ws_driver::handshake::sec_websocket_accept;
///
/// let accept = sec_websocket_accept(b"dGhlIHNhbXBsZSBub25jZQ=="); // RFC 6455 §1.3
/// assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
pub fn sec_websocket_accept(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}
