//! Accepting connections, and ending them in good order.

use crate::driver::Driver;
use crate::engine::{Engine, EngineConfig, EngineError};
use crate::handler::Handler;
use crate::policy::{Bind, Policy};
use crate::remote::{Remote, RemoteInfo};
use crate::runtime::{Runtime, sleep, within};
use crate::transport::Timer;
use coap_ws_core::Side;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use std::collections::HashMap;
use std::fmt;
use std::future::{Future, IntoFuture, pending};
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The port that a server for everybody listens on where it does not say: the official ones
/// need privileges (coap+ws 80, coaps+ws 443).
pub const DEFAULT_PORT: u16 = 8683;

/// The same for coaps+ws.
pub const DEFAULT_SECURE_PORT: u16 = 8684;

/// The WebSocket port of a server whose CoAP port is known, by the rule of aiocoap: plus
/// 3000. For people who migrate; nothing here adds anything to a port that was stated.
pub const fn port_by_coap_port(coap_port: u16) -> Option<u16> {
    coap_port.checked_add(3000)
}

/// Listening sockets, before they serve.
#[must_use = "a server does nothing before `serve`"]
pub struct Server<R: Runtime> {
    listeners: Vec<(R::Listener, SocketAddr)>,
    config: EngineConfig,
    policy: Policy,
    limits: ServerLimits,
}

/// How many connections a server has.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Connections at a time; above it accepting pauses. 10,000 (T08).
    pub max_connections: usize,
    /// How long a graceful shutdown may take. 30 s, then what is left is aborted (T95).
    pub shutdown_grace: Duration,
}

impl Default for ServerLimits {
    fn default() -> ServerLimits {
        ServerLimits { max_connections: 10_000, shutdown_grace: Duration::from_secs(30) }
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
        let server = Server {
            listeners: Vec::new(),
            config: EngineConfig::new(Side::Acceptor),
            policy: Policy::default(),
            limits: ServerLimits::default(),
        };
        server.and_bind(address).await
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
        let (host, port) = split(address)?;
        let mut port = port;
        let mut failed = None;
        let before = self.listeners.len();
        for mut address in R::resolve(host.to_owned(), port).await? {
            address.set_port(port);
            match R::bind(address).await {
                Ok(listener) => {
                    let local = R::local_addr(&listener)?;
                    port = local.port();
                    self.listeners.push((listener, local));
                }
                // A name may have addresses that this machine does not (`::1`).
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) if self.listeners.len() == before => Err(error),
            None if self.listeners.len() == before => Err(io::ErrorKind::AddrNotAvailable.into()),
            _ => Ok(self),
        }
    }

    /// Limits and timeouts of each connection.
    pub fn config(mut self, config: EngineConfig) -> Server<R> {
        self.config = config;
        self
    }

    /// What the server is called and whose web pages it serves. Where it can be reached from
    /// is read off the listening sockets.
    pub fn policy(mut self, policy: Policy) -> Server<R> {
        self.policy = policy;
        self
    }

    /// How many connections it has.
    pub fn limits(mut self, limits: ServerLimits) -> Server<R> {
        self.limits = limits;
        self
    }

    /// The addresses that it listens on.
    pub fn local_addrs(&self) -> impl Iterator<Item = SocketAddr> {
        self.listeners.iter().map(|(_, address)| *address)
    }

    /// Answers with `handler`. Await it; it ends with an error only.
    pub fn serve<H: Handler>(self, handler: H) -> Serve<R, H> {
        Serve { server: self, handler: Arc::new(handler) }
    }
}

/// A server and who answers; await it.
#[must_use = "a server does nothing unless awaited"]
pub struct Serve<R: Runtime, H> {
    server: Server<R>,
    handler: Arc<H>,
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
        let Server { listeners, mut config, policy, limits } = self.server;
        config.connection.serves = self.handler.serves();
        let shared = Arc::new(Shared::<R, H> {
            config,
            policy,
            limits,
            handler: self.handler,
            open: Open::default(),
            runtime: PhantomData,
        });
        shared.check()?;
        {
            let accepting: FuturesUnordered<_> = listeners
                .iter()
                .map(|(listener, local)| shared.accept_all(listener, *local))
                .collect();
            let accepting = accepting.collect::<Vec<()>>();
            let (accepting, signal) = (std::pin::pin!(accepting), std::pin::pin!(signal));
            match select(accepting, signal).await {
                Either::Left(_) | Either::Right(_) => {}
            }
        }
        // Nobody is accepted any more.
        drop(listeners);
        shared.shut_down().await;
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

struct Shared<R, H> {
    config: EngineConfig,
    policy: Policy,
    limits: ServerLimits,
    handler: Arc<H>,
    open: Open,
    runtime: PhantomData<fn() -> R>,
}

/// How long accepting pauses when the system has no more descriptors (T08).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl<R, H> Shared<R, H>
where
    R: Runtime,
    H: Handler + Send + Sync + 'static,
    H::Future: Send,
{
    /// A configuration that cannot be used is told before the first connection.
    fn check(&self) -> io::Result<()> {
        let now = R::timer().now();
        match Engine::acceptor(now, self.config.clone(), self.policy.clone()) {
            Ok(_) => Ok(()),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidInput, error)),
        }
    }

    async fn accept_all(self: &Arc<Self>, listener: &R::Listener, local: SocketAddr) {
        loop {
            if self.open.count() >= self.limits.max_connections {
                sleep::<R>(ACCEPT_PAUSE).await;
                continue;
            }
            match R::accept(listener).await {
                // A configuration that was checked makes an engine.
                Ok((stream, peer)) => drop(self.start(stream, peer, local)),
                // A connection that is gone already is no reason to wait, let alone to end.
                Err(error) if is_of_one_connection(&error) => {}
                // No more descriptors, most likely.
                Err(_) => sleep::<R>(ACCEPT_PAUSE).await,
            }
        }
    }

    fn start(
        self: &Arc<Self>,
        stream: R::Stream,
        peer: SocketAddr,
        local: SocketAddr,
    ) -> Result<(), EngineError> {
        let mut policy = self.policy.clone();
        policy.bind = Bind::from(local.ip());
        let timer = R::timer();
        let engine = Engine::acceptor(timer.now(), self.config.clone(), policy)?;
        let info = RemoteInfo { address: Some(peer), base: None, secure: false };
        let handler = Arc::clone(&self.handler);
        let (remote, driver) = Driver::new(engine, stream, timer, handler, info);
        let entry = self.open.enter(remote);
        let shared = Arc::clone(self);
        R::spawn(async move {
            driver.await;
            shared.open.leave(entry);
        });
        Ok(())
    }

    /// Releases every connection and waits for their ends; aborts what takes too long.
    async fn shut_down(&self) {
        let remotes = self.open.all();
        let releases: FuturesUnordered<_> =
            remotes.iter().map(|remote| remote.release_with(Duration::ZERO, "shutdown")).collect();
        let all = releases.collect::<Vec<_>>();
        if within::<R, _>(self.limits.shutdown_grace, all).await.is_none() {
            self.open.all().iter().for_each(|remote| remote.abort("shutdown"));
            // The Aborts leave with the last turn of each task.
            sleep::<R>(ACCEPT_PAUSE).await;
        }
    }
}

/// Whether accepting failed for a reason that is over with that connection.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, InvalidInput, NotConnected};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | InvalidInput | NotConnected)
}

/// The connections of a server.
#[derive(Default)]
struct Open {
    entries: Mutex<(u64, HashMap<u64, Remote>)>,
}

impl Open {
    fn enter(&self, remote: Remote) -> u64 {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.0 = entries.0.wrapping_add(1);
        let entry = entries.0;
        entries.1.insert(entry, remote);
        entry
    }

    fn leave(&self, entry: u64) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let left = entries.1.remove(&entry);
        if entries.1.capacity() > 64 && entries.1.len() < entries.1.capacity() / 8 {
            entries.1.shrink_to_fit();
        }
        drop(entries);
        drop(left);
    }

    fn count(&self) -> usize {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).1.len()
    }

    fn all(&self) -> Vec<Remote> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.1.values().cloned().collect()
    }
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
