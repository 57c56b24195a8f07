//! CoAP over WebSockets (RFC 8323) for tokio: client and server at both ends of a connection.
//!
//! ```
//! use coap_ws_tokio::{Client, Router, Server};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let app = Router::new().get("/hello", async || "hi");
//! let server = Server::bind("localhost:0").await?;
//! let port = server.local_addrs().next().unwrap().port();
//! tokio::spawn(server.serve(app).into_future());
//!
//! let client = Client::connect(&format!("coap+ws://localhost:{port}")).await?;
//! let hello = client.get("/hello").send().await?.success()?.text()?;
//! assert_eq!(hello, "hi");
//! # Ok(())
//! # }
//! ```
//!
//! Everything but sockets, clock and `spawn` is in [`coap_ws_driver`] and the same on every
//! runtime.

#![forbid(unsafe_code)]

mod io;

pub use coap_ws_driver::*;
pub use io::{Clock, Stream};

use std::future::Future;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};

/// A client over tokio's TCP.
pub type Client = coap_ws_driver::Client<Tokio>;

/// A server over tokio's TCP.
pub type Server = coap_ws_driver::Server<Tokio>;

/// An endpoint, which asks any host, over tokio's TCP.
pub type Endpoint = coap_ws_driver::Endpoint<Tokio>;

/// The tokio runtime.
#[derive(Clone, Copy, Debug)]
pub enum Tokio {}

impl Runtime for Tokio {
    type Stream = Stream<TcpStream>;
    type Timer = Clock;
    type Listener = TcpListener;

    fn timer() -> Clock {
        Clock::default()
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        drop(tokio::spawn(task));
    }

    async fn resolve(host: String, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }

    async fn connect(address: SocketAddr) -> std::io::Result<Self::Stream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Stream(stream))
    }

    async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
        TcpListener::bind(address).await
    }

    fn local_addr(listener: &TcpListener) -> std::io::Result<SocketAddr> {
        listener.local_addr()
    }

    async fn accept(listener: &TcpListener) -> std::io::Result<(Self::Stream, SocketAddr)> {
        let (stream, peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok((Stream(stream), peer))
    }
}
