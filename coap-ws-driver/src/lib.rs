//! CoAP over WebSockets: opening handshake, frames, and one runtime-neutral future around
//! [`coap_ws_core`].

#![forbid(unsafe_code)]

pub mod engine;
pub mod gauge;
pub mod handshake;
pub mod policy;
