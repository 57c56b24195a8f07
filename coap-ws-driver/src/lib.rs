//! CoAP over WebSockets: opening handshake, frames, and one runtime-neutral future around
//! [`coap_ws_core`].
//!
//! Applications use an adapter: `coap-ws-tokio`. This crate is for those who write one, and
//! for event loops of their own: [`engine`] needs no runtime at all.
//!
//! # Features
//!
//! None is on by itself.
//!
//! - `tls`: `coaps+ws` by rustls, see `tls`.
//! - `tracing`: spans `coap.conn` (side, peer, secure, and why it ended) and `coap.req` (role,
//!   method, code) for the `tracing` crate. No path, query, token, payload or credential is in
//!   them at any level.

#![forbid(unsafe_code)]

mod accept;
mod answers;
mod asks;
mod body;
mod channel;
mod client;
mod dial;
mod driver;
mod echo;
mod endpoint;
pub mod engine;
mod error;
mod feed;
pub mod gauge;
mod handler;
pub mod handshake;
mod mailbox;
mod notifier;
mod observation;
mod options;
mod outgoing;
mod parked;
mod permits;
pub mod policy;
mod proxy;
mod remote;
mod request;
mod response;
mod router;
mod running;
mod runtime;
mod server;
mod spans;
#[cfg(feature = "tls")]
pub mod tls;
mod transfer;
mod transport;
mod waiting;
mod watches;

pub use accept::{AcceptHook, Upgrade};
pub use body::{Progress, ProgressHook, StreamedResponse};
pub use client::{Client, ClientBuilder};
pub use coap_ws_core::{self as core, Instant};
pub use driver::{Driver, READ_CHUNK};
pub use echo::Freshness;
pub use endpoint::{Endpoint, NotTaken};
pub use error::{Closed, ConnectError, Error, ErrorKind, PingFailure};
pub use handler::{Handler, NoHandler};
pub use notifier::Notifier;
pub use observation::{Observation, ObserveBuilder};
pub use outgoing::RequestBuilder;
pub use proxy::{Proxy, ProxyError, ProxyParseError};
pub use remote::{Remote, RemoteInfo};
pub use request::Request;
pub use response::{ErrorResponse, IntoResponse, NotText, Response};
pub use router::{Answer, IntoObservable, Observable, RouteHandler, Router};
pub use runtime::Runtime;
pub use server::{
    Acceptor, AcceptorConfig, DEFAULT_PORT, DEFAULT_SECURE_PORT, Serve, Server, ServerLimits,
    Upgraded, port_by_coap_port,
};
pub use transport::{Timer, Transport};
