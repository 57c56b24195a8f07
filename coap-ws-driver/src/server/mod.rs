//! Listening sockets, and the end of a server in good order.

mod acceptor;
mod open;

pub use acceptor::{Acceptor, AcceptorConfig, Upgraded};

use crate::accept::{AcceptHook, Upgrade};
use crate::engine::{BlockWise, EngineConfig, ReleaseNotice};
use crate::handler::Handler;
use crate::policy::Policy;
use crate::runtime::{Runtime, sleep};
#[cfg(feature = "tls")]
use crate::tls::ServerTls;
use futures_util::StreamExt;
use futures_util::future::select;
use futures_util::stream::FuturesUnordered;
use http::StatusCode;
use std::fmt;
use std::future::{Future, IntoFuture, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::time::Duration;

/// The port that a server listens on where it is not told: the official ones need privileges
/// (coap+ws 80, coaps+ws 443).
pub const DEFAULT_PORT: u16 = 8683;

/// The same for coaps+ws.
pub const DEFAULT_SECURE_PORT: u16 = 8684;

/// The WebSocket port of a server whose CoAP port is known, by the rule of aiocoap: plus
/// 3000. For people who migrate; nothing here adds anything to a port that was stated.
pub const fn port_by_coap_port(coap_port: u16) -> Option<u16> {
    coap_port.checked_add(3000)
}

/// Listening sockets, before they serve.
///
/// ```
/// use coap_ws_driver::policy::Policy;
/// use coap_ws_driver::{Router, ServerLimits};
/// use coap_ws_tokio::{Client, Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut policy = Policy::default();
/// policy.public_uris.push("coap+ws://localhost".parse()?);
/// let mut limits = ServerLimits::default();
/// limits.max_connections_per_ip = Some(64);
///
/// let server = Server::bind("localhost:0").await?.policy(policy).limits(limits);
/// let port = server.local_addrs().next().unwrap().port();
/// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
/// let serving = server
///     .serve(Router::new().get("/hello", async || "hi"))
///     .with_graceful_shutdown(async { _ = stopped.await });
/// let serving = tokio::spawn(serving);
///
/// let client = Client::connect(&format!("coap+ws://localhost:{port}")).await?;
/// assert_eq!(client.get("/hello").send().await?.text()?, "hi");
/// // What was accepted is answered, then every connection is released.
/// _ = stop.send(());
/// serving.await??;
/// # Ok(())
/// # }
/// ```
#[must_use = "a server does nothing before `serve`"]
pub struct Server<R: Runtime> {
    listeners: Vec<Listening<R>>,
    config: AcceptorConfig,
}

struct Listening<R: Runtime> {
    listener: R::Listener,
    local: SocketAddr,
    #[cfg(feature = "tls")]
    tls: Option<ServerTls>,
}

/// How many connections a server has.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Connections at a time; above it accepting pauses. 10,000 (T08).
    pub max_connections: usize,
    /// Connections whose opening handshake is not done; above it the oldest of them is
    /// dropped. 1,024 (T07).
    pub max_pending_handshakes: usize,
    /// Connections of one address; one more is closed at once. `None`: behind a proxy all come
    /// from one. 64 is sensible where clients connect directly (T09).
    pub max_connections_per_ip: Option<usize>,
    /// Bytes of all connections' incomplete requests and of answers that are kept for their next
    /// blocks. 64 MiB (T72).
    pub block_memory: usize,
    /// How long a graceful shutdown may take. 30 s, then what is left is aborted (T95).
    pub shutdown_grace: Duration,
}

impl Default for ServerLimits {
    fn default() -> ServerLimits {
        ServerLimits {
            max_connections: 10_000,
            max_pending_handshakes: 1024,
            max_connections_per_ip: None,
            block_memory: 64 * 1024 * 1024,
            shutdown_grace: Duration::from_secs(30),
        }
    }
}

impl<R: Runtime> Server<R> {
    /// Listens on all addresses of `host:port`, with exactly this port. Port 0 is any free one,
    /// the same for all addresses.
    ///
    /// # Errors
    ///
    /// What the system says.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what is bound.
    pub async fn bind(address: &str) -> io::Result<Server<R>> {
        Server::new().and_bind(address).await
    }

    /// The same for coaps+ws.
    ///
    /// # Errors
    ///
    /// What the system says.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what is bound.
    #[cfg(feature = "tls")]
    pub async fn bind_tls(address: &str, tls: ServerTls) -> io::Result<Server<R>> {
        Server::new().and_bind_tls(address, tls).await
    }

    fn new() -> Server<R> {
        Server { listeners: Vec::new(), config: AcceptorConfig::new() }
    }

    /// Listens on one more address.
    ///
    /// # Errors
    ///
    /// What the system says.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what is bound.
    pub async fn and_bind(mut self, address: &str) -> io::Result<Server<R>> {
        for (listener, local) in listen::<R>(address).await? {
            #[cfg(feature = "tls")]
            self.listeners.push(Listening { listener, local, tls: None });
            #[cfg(not(feature = "tls"))]
            self.listeners.push(Listening { listener, local });
        }
        Ok(self)
    }

    /// Listens on one more address, for coaps+ws.
    ///
    /// # Errors
    ///
    /// What the system says.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what is bound.
    #[cfg(feature = "tls")]
    pub async fn and_bind_tls(mut self, address: &str, tls: ServerTls) -> io::Result<Server<R>> {
        for (listener, local) in listen::<R>(address).await? {
            self.listeners.push(Listening { listener, local, tls: Some(tls.clone()) });
        }
        Ok(self)
    }

    /// Limits and timeouts of each connection.
    pub fn config(mut self, config: EngineConfig) -> Server<R> {
        self.config.engine = config;
        self
    }

    /// How bodies go in blocks: `false` switches it off, a block size is the largest that is
    /// used, a [`BlockWise`] says everything. Part of [`config`](Self::config), which comes
    /// before it.
    pub fn block_wise(mut self, block_wise: impl Into<BlockWise>) -> Server<R> {
        self.config.engine.block_wise = block_wise.into();
        self
    }

    /// What the server is called and whose web pages it serves. Where it can be reached from
    /// is read off the listening sockets.
    pub fn policy(mut self, policy: Policy) -> Server<R> {
        self.config.policy = policy;
        self
    }

    /// How many connections it has.
    pub fn limits(mut self, limits: ServerLimits) -> Server<R> {
        self.config.limits = limits;
        self
    }

    /// Asks `judge` about each opening handshake that meets all rules: by its head, the peer's
    /// address and who it is by TLS. `Ok` with the upgrade admits it, and what was put into
    /// the extensions of its head handlers see; `Err` refuses with that HTTP status.
    pub fn accept<F, V>(mut self, judge: F) -> Server<R>
    where
        F: Fn(Upgrade) -> V + Send + Sync + 'static,
        V: Future<Output = Result<Upgrade, StatusCode>> + Send + 'static,
    {
        self.config.accept = Some(AcceptHook::new(judge));
        self
    }

    /// What connections are told at a graceful shutdown: when and where their clients may
    /// connect again. Each one's Hold-Off is up to as long again, at random (T88).
    pub fn release(mut self, notice: ReleaseNotice) -> Server<R> {
        self.config.release = notice;
        self
    }

    /// The addresses that it listens on, and whether with TLS.
    pub fn listening(&self) -> impl Iterator<Item = (SocketAddr, bool)> {
        self.listeners.iter().map(|listening| (listening.local, listening.is_secure()))
    }

    /// The addresses that it listens on.
    pub fn local_addrs(&self) -> impl Iterator<Item = SocketAddr> {
        self.listening().map(|(address, _)| address)
    }

    /// Answers with `handler`. Await it; it ends with an error only.
    pub fn serve<H: Handler>(self, handler: H) -> Serve<R, H> {
        Serve { server: self, handler }
    }
}

impl<R: Runtime> Listening<R> {
    #[cfg(feature = "tls")]
    const fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    #[cfg(not(feature = "tls"))]
    const fn is_secure(&self) -> bool {
        false
    }
}

/// A server and who answers; await it.
#[must_use = "a server does nothing unless awaited"]
pub struct Serve<R: Runtime, H> {
    server: Server<R>,
    handler: H,
}

impl<R, H> Serve<R, H>
where
    R: Runtime,
    H: Handler + Send + Sync + 'static,
    H::Future: Send,
{
    /// Serves until `signal`; then accepts nobody, releases every connection, lets what is
    /// begun be finished, and ends (T95).
    pub fn with_graceful_shutdown(
        self,
        signal: impl Future<Output = ()> + Send + 'static,
    ) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send>> {
        Box::pin(self.run(signal))
    }

    async fn run(self, signal: impl Future<Output = ()> + Send) -> io::Result<()> {
        let Server { listeners, config } = self.server;
        let acceptor = Acceptor::<R, H>::new(config, self.handler);
        // A configuration that cannot be used is told before the first connection.
        acceptor.check().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        {
            let each = listeners.iter().map(|listening| accept_all(&acceptor, listening));
            let accepting = each.collect::<FuturesUnordered<_>>().collect::<Vec<()>>();
            select(pin!(accepting), pin!(signal)).await;
        }
        // Nobody is accepted any more.
        drop(listeners);
        acceptor.shut_down().await;
        Ok(())
    }
}

impl<R, H> IntoFuture for Serve<R, H>
where
    R: Runtime,
    H: Handler + Send + Sync + 'static,
    H::Future: Send,
{
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run(pending()))
    }
}

/// How long accepting pauses at the limit, or when the system has no more descriptors (T08).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

async fn accept_all<R, H>(acceptor: &Acceptor<R, H>, listening: &Listening<R>)
where
    R: Runtime,
    H: Handler + Send + Sync + 'static,
    H::Future: Send,
{
    loop {
        if acceptor.is_full() {
            sleep::<R>(ACCEPT_PAUSE).await;
            continue;
        }
        match R::accept(&listening.listener).await {
            #[cfg(feature = "tls")]
            Ok((stream, peer)) => match &listening.tls {
                Some(tls) => acceptor.secure_tcp(stream, peer, listening.local, tls.clone()),
                None => acceptor.plain_tcp(stream, peer, listening.local),
            },
            #[cfg(not(feature = "tls"))]
            Ok((stream, peer)) => acceptor.plain_tcp(stream, peer, listening.local),
            // A connection that is gone already is no reason to wait, let alone to end.
            Err(error) if is_of_one_connection(&error) => {}
            // No more descriptors, most likely.
            Err(_) => sleep::<R>(ACCEPT_PAUSE).await,
        }
    }
}

/// Whether accepting failed for a reason that is over with that connection.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, InvalidInput, NotConnected};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | InvalidInput | NotConnected)
}

/// Listens on every address of `host:port` that this machine has.
async fn listen<R: Runtime>(address: &str) -> io::Result<Vec<(R::Listener, SocketAddr)>> {
    let (host, port) = split(address)?;
    let addresses = R::resolve(host.to_owned(), port).await?;
    let mut tries = if port == 0 { FREE_PORT_TRIES } else { 1 };
    loop {
        tries = tries.saturating_sub(1);
        let (listeners, failed) = listen_once::<R>(&addresses, port).await?;
        match failed {
            // The port that was free for one family is taken in the other: a client that takes
            // the host by its name would reach somebody else there.
            Some(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            Some(error) if listeners.is_empty() || is_refusal(&error) => return Err(error),
            // A name may have addresses that this machine does not (`::1`).
            _ => return Ok(listeners),
        }
    }
}

/// Whether an address is there and may not be had: what is stated is bound whole, or not.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}

/// How often another free port is looked for.
const FREE_PORT_TRIES: usize = 16;

type Listeners<R> = Vec<(<R as Runtime>::Listener, SocketAddr)>;

/// What could be bound, and the last error of what could not.
async fn listen_once<R: Runtime>(
    addresses: &[SocketAddr],
    mut port: u16,
) -> io::Result<(Listeners<R>, Option<io::Error>)> {
    let mut listeners = Vec::new();
    let mut failed = None;
    for address in addresses {
        match R::bind(SocketAddr::new(address.ip(), port)).await {
            Ok(listener) => {
                let local = R::local_addr(&listener)?;
                port = local.port();
                listeners.push((listener, local));
            }
            Err(error) => failed = Some(error),
        }
    }
    if listeners.is_empty() && failed.is_none() {
        failed = Some(io::ErrorKind::AddrNotAvailable.into());
    }
    Ok((listeners, failed))
}

/// `host:port`, an IPv6 address in brackets.
fn split(address: &str) -> io::Result<(&str, u16)> {
    let invalid = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    let Some((host, port)) = address.rsplit_once(':') else {
        return invalid(format!("`{address}` has no port; write host:port"));
    };
    let Ok(port) = port.parse() else {
        return invalid(format!("`{port}` is no port number"));
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() {
        return invalid(format!("`{address}` has no host; `0.0.0.0` or `[::]` is every address"));
    }
    Ok((host, port))
}

impl<R: Runtime> fmt::Debug for Server<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.local_addrs()).finish()
    }
}

impl<R: Runtime, H> fmt::Debug for Serve<R, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server.fmt(f)
    }
}
