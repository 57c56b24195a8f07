//! A CoAP server on a microcontroller: WebSocket, CoAP, observations and blocks in fixed memory.
//!
//! No heap, no `std`, no future, no `unsafe`. It takes the bytes of a TCP connection and gives the
//! bytes to be sent, so it runs over smoltcp, lwIP, a modem's AT commands, or `std::net`:
//! `src/main.rs` is that. `docs/device.md` has its sizes.
//!
//! | Module | What |
//! |---|---|
//! | [`opening`] | the opening handshake, read line by line |
//! | [`frames`] | frames: the headers by edge-ws, the rules of RFC 6455 here |
//! | [`socket`] | one connection: bytes in, bytes out, one deadline |
//! | [`blocks`] | bodies in blocks, cut and put together by the core's steppers |
//! | [`node`] | the resources of this example |

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

#[cfg(test)]
extern crate std;

pub mod blocks;
pub mod frames;
mod log;
pub mod node;
pub mod opening;
pub mod socket;

pub use node::{Device, Node};
pub use socket::{Application, Socket};
