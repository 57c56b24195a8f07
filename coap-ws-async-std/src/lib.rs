//! CoAP over WebSockets (RFC 8323) for async-std, and for smol.
//!
//! ```
//! # #[cfg(feature = "async-std")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use coap_ws_async_std::{Client, Router, Server};
//!
//! # async_std::task::block_on(async {
//! let app = Router::new().get("/hello", async || "hi");
//! let server = Server::bind("localhost:0").await?;
//! let port = server.local_addrs().next().unwrap().port();
//! async_std::task::spawn(server.serve(app).into_future());
//!
//! let client = Client::connect(&format!("coap+ws://localhost:{port}")).await?;
//! let hello = client.get("/hello").send().await?.success()?.text()?;
//! assert_eq!(hello, "hi");
//! # Ok(())
//! # })
//! # }
//! # #[cfg(not(feature = "async-std"))]
//! # fn main() {}
//! ```
//!
//! async-std is discontinued (RUSTSEC-2025-0052). New programs choose smol, the feature `smol`
//! of this crate with its `SmolClient` and `SmolServer`, or tokio and `coap-ws-tokio`. Everything but sockets, clock and `spawn` is in
//! [`coap_ws_driver`] and the same on every runtime.

#![forbid(unsafe_code)]

mod io;

pub use coap_ws_driver::*;
pub use io::{Clock, Stream};

use async_io::Async;
use std::future::Future;
use std::marker::PhantomData;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};

/// Where tasks run: all that the runtimes of this family differ in.
pub trait Spawn: Send + Sync + 'static {
    /// Runs a task in the background to its end.
    fn spawn(task: impl Future<Output = ()> + Send + 'static);
}

/// A runtime on `async-io`'s sockets and timers, with tasks where `S` says.
#[derive(Clone, Copy, Debug)]
pub struct AsyncIo<S>(PhantomData<fn() -> S>);

/// async-std's executor.
#[cfg(feature = "async-std")]
#[derive(Clone, Copy, Debug)]
pub enum AsyncStd {}

#[cfg(feature = "async-std")]
impl Spawn for AsyncStd {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        drop(async_std::task::spawn(task));
    }
}

/// smol's global executor.
#[cfg(feature = "smol")]
#[derive(Clone, Copy, Debug)]
pub enum Smol {}

#[cfg(feature = "smol")]
impl Spawn for Smol {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(task).detach();
    }
}

/// A client on async-std.
#[cfg(feature = "async-std")]
pub type Client = coap_ws_driver::Client<AsyncIo<AsyncStd>>;

/// A server on async-std.
#[cfg(feature = "async-std")]
pub type Server = coap_ws_driver::Server<AsyncIo<AsyncStd>>;

/// An endpoint, which asks any host, on async-std.
#[cfg(feature = "async-std")]
pub type Endpoint = coap_ws_driver::Endpoint<AsyncIo<AsyncStd>>;

/// A client on smol.
#[cfg(feature = "smol")]
pub type SmolClient = coap_ws_driver::Client<AsyncIo<Smol>>;

/// A server on smol.
#[cfg(feature = "smol")]
pub type SmolServer = coap_ws_driver::Server<AsyncIo<Smol>>;

/// An endpoint, which asks any host, on smol.
#[cfg(feature = "smol")]
pub type SmolEndpoint = coap_ws_driver::Endpoint<AsyncIo<Smol>>;

impl<S: Spawn> Runtime for AsyncIo<S> {
    type Stream = Stream<Async<TcpStream>>;
    type Timer = Clock;
    type Listener = Async<TcpListener>;

    fn timer() -> Clock {
        Clock::default()
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        S::spawn(task);
    }

    async fn resolve(host: String, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        blocking::unblock(move || Ok((host, port).to_socket_addrs()?.collect())).await
    }

    async fn connect(address: SocketAddr) -> std::io::Result<Self::Stream> {
        let stream = Async::<TcpStream>::connect(address).await?;
        stream.get_ref().set_nodelay(true)?;
        Ok(Stream(stream))
    }

    async fn bind(address: SocketAddr) -> std::io::Result<Async<TcpListener>> {
        Async::<TcpListener>::bind(address)
    }

    fn local_addr(listener: &Async<TcpListener>) -> std::io::Result<SocketAddr> {
        listener.get_ref().local_addr()
    }

    async fn accept(listener: &Async<TcpListener>) -> std::io::Result<(Self::Stream, SocketAddr)> {
        let (stream, peer) = listener.accept().await?;
        stream.get_ref().set_nodelay(true)?;
        Ok((Stream(stream), peer))
    }
}
