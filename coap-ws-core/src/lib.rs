//! CoAP over WebSockets (RFC 8323) as a state machine that does no I/O.
//!
//! A [`Connection`] is fed whole WebSocket messages and events, and gives out whole messages,
//! events and one deadline. It knows no socket, clock, thread, future or lock, runs with or
//! without a heap ([`Heap`], [`Fixed`]), and is the same at both ends: each end of a
//! connection is CoAP client and CoAP server.
//!
//! What is above it and below it is for others: `coap-ws-driver` frames messages and makes
//! one future of it, `coap-ws-tokio` brings sockets.
//!
//! # Layers
//!
//! | Module | Question |
//! |---|---|
//! | [`message`] | what does it mean? |
//! | signaling | may we go on? CSM, Ping and Pong, Release, Abort |
//! | exchanges | whose response? |
//! | requests | who is owed an answer? |
//! | observers | who watches? |
//! | [`block`] | which bytes next? |
//! | [`Connection`] | where they meet |
//! | `pool` | which connection? (with `alloc`) |

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

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod block;
mod budget;
mod config;
mod connection;
mod error;
mod event;
mod exchange;
#[cfg(feature = "alloc")]
mod jitter;
pub mod message;
mod observe;
mod phase;
mod ping;
#[cfg(feature = "alloc")]
pub mod pool;
mod queue;
mod served;
mod signaling;
mod stats;
mod storage;
mod time;
mod token;

pub use budget::{Budget, Rate};
pub use config::{Config, ConfigError, Limits, Side};
pub use connection::{Connection, Operation, ReleaseOptions, RequestOptions};
pub use error::{
    CloseReason, Flood, NotifyError, Refused, RefusedWhy, RequestError, ResponseError, SendError,
    Sent, Violation,
};
pub use event::{Closing, Event, Incoming, NotNow, PingError, Transmit};
pub use exchange::{ExchangeId, Token};
#[cfg(feature = "alloc")]
pub use jitter::{Backoff, Jitter};
pub use observe::ObserverId;
pub use phase::{Drain, Phase};
pub use ping::PingId;
pub use served::{RequestId, Responder};
pub use signaling::{Abort, PeerSettings, Release};
pub use stats::Stats;
#[cfg(feature = "alloc")]
pub use storage::Heap;
pub use storage::{Fixed, Storage};
pub use time::Instant;
