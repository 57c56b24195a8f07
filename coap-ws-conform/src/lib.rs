//! A conformance suite for CoAP over WebSockets (RFC 8323), to be pointed at any peer.
//!
//! ```console
//! $ coap-ws-conform coap+ws://HOST:PORT                  # judges a server
//! $ coap-ws-conform --client --exec 'my-client {uri}'    # judges a client
//! $ coap-ws-conform --list
//! ```
//!
//! Each case opens a connection of its own, sends bytes, and says what came: `pass`, `fail`,
//! `lenient` (allowed but unwise, or against a SHOULD) or `skipped`, with the reason. A `fail` is
//! always against a MUST or a definition; how the RFC is read is part of the case.
//!
//! Nothing here is shared with the rest of the project: HTTP, frames and messages are read and
//! written by [`wire`], so that no codec excuses itself.
//!
//! [`run`] is the whole program; [`args::Args`] are its arguments, to be flattened into another
//! command line.

#![forbid(unsafe_code)]

pub mod args;
#[doc(hidden)]
pub mod case;
#[doc(hidden)]
pub mod client;
#[doc(hidden)]
pub mod conn;
#[doc(hidden)]
pub mod context;
#[doc(hidden)]
pub mod report;
mod run;
#[doc(hidden)]
pub mod runner;
#[doc(hidden)]
pub mod select;
#[doc(hidden)]
pub mod server;
#[doc(hidden)]
pub mod target;
#[doc(hidden)]
pub mod wire;

pub use args::Args;
pub use run::{Exit, run};
