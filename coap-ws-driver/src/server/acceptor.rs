//! What becomes of a stream that was accepted.

mod mounted;

pub use mounted::Upgraded;

use super::ServerLimits;
use super::open::{Open, Place};
use crate::accept::AcceptHook;
use crate::body::{BlockMemory, UNDERSTOOD};
use crate::channel::Channel;
use crate::driver::Driver;
use crate::engine::{Engine, EngineConfig, EngineError, ReleaseNotice, SharedConfig};
use crate::handler::Handler;
use crate::policy::{Bind, Names, Policy};
use crate::remote::RemoteInfo;
use crate::runtime::{Runtime, sleep, within};
#[cfg(feature = "tls")]
use crate::tls::{ServerTls, TlsStream};
use crate::transport::{Timer, Transport};
use coap_ws_core::Jitter;
use futures_util::future::{Abortable, abortable};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What an [`Acceptor`] is made of.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AcceptorConfig {
    /// Limits and timeouts of each connection.
    pub engine: EngineConfig,
    /// Who may connect.
    pub policy: Policy,
    /// How many.
    pub limits: ServerLimits,
    /// The application's word on who may connect.
    pub accept: Option<AcceptHook>,
    /// What connections are told when the server shuts down. Each one's Hold-Off is up to as
    /// long again, at random, so that its clients do not come back together (T88).
    pub release: ReleaseNotice,
}

/// Serves connections over any stream that somebody else has accepted: a TLS of your own, a
/// Unix socket, a listener of another kind. Cheap to clone.
///
/// [`Server`](super::Server) is one with TCP listeners.
pub struct Acceptor<R, H> {
    shared: Arc<Shared<H>>,
    runtime: PhantomData<fn() -> R>,
}

struct Shared<H> {
    config: AcceptorConfig,
    /// Of all connections.
    engine: SharedConfig,
    names: Names,
    handler: Arc<H>,
    open: Arc<Open>,
    block_memory: Arc<BlockMemory>,
}

impl AcceptorConfig {
    /// The defaults.
    pub fn new() -> AcceptorConfig {
        AcceptorConfig {
            engine: EngineConfig::new(coap_ws_core::Side::Acceptor),
            policy: Policy::default(),
            limits: ServerLimits::default(),
            accept: None,
            release: ReleaseNotice::default().diagnostic("shutdown"),
        }
    }
}

impl Default for AcceptorConfig {
    fn default() -> AcceptorConfig {
        AcceptorConfig::new()
    }
}

impl<R, H> Acceptor<R, H>
where
    R: Runtime,
    H: Handler + Send + Sync + 'static,
    H::Future: Send,
{
    /// Answers with `handler`.
    pub fn new(mut config: AcceptorConfig, handler: H) -> Acceptor<R, H> {
        config.engine.connection.serves = handler.serves();
        config.engine.ask = config.accept.is_some();
        config.engine.understand(UNDERSTOOD);
        let open = Arc::new(Open::new(config.limits.clone()));
        let engine = SharedConfig::from(config.engine.clone());
        let names = Names::of(&config.policy);
        let block_memory = BlockMemory::new(config.limits.block_memory);
        let handler = Arc::new(handler);
        let shared = Shared { config, engine, names, handler, open, block_memory };
        Acceptor { shared: Arc::new(shared), runtime: PhantomData }
    }

    /// Serves one stream in the background, from its opening handshake on. What is known of
    /// the peer goes into `info`; where the stream is not TCP, the policy's own `bind` counts.
    pub fn connection<T>(&self, stream: T, mut info: RemoteInfo)
    where
        T: Transport + Unpin + Send + 'static,
    {
        let Some(place) = self.shared.open.enter(info.address.map(|address| address.ip())) else {
            return;
        };
        let policy = self.shared.config.policy.clone();
        self.shared.complete(&mut info);
        let Some(driver) = self.shared.driver::<R, T>(&place, stream, info, policy) else { return };
        self.spawn(place, driver);
    }

    /// Whether no more connections are to be taken now.
    pub fn is_full(&self) -> bool {
        self.shared.open.is_full()
    }

    /// How many connections there are, those in their opening handshake included.
    pub fn connections(&self) -> usize {
        self.shared.open.count()
    }

    /// Releases every connection and waits for their ends; aborts what takes longer than
    /// `shutdown_grace`. Who is in a TLS handshake is dropped, and nobody is served any more.
    ///
    /// # Cancel safety
    ///
    /// The releases go on without the future.
    pub async fn shut_down(&self) {
        let limits = &self.shared.config.limits;
        // Those in their TLS handshake have been told nothing yet: they are dropped.
        let remotes = self.shared.open.close();
        let mut jitter = Jitter::new(getrandom::u64().unwrap_or_default());
        let releases = remotes.iter().map(|remote| {
            let mut notice = self.shared.config.release.clone();
            notice.hold_off = notice.hold_off.saturating_add(jitter.up_to(notice.hold_off));
            remote.release_with(notice)
        });
        let all = releases.collect::<FuturesUnordered<_>>().collect::<Vec<_>>();
        if within::<R, _>(limits.shutdown_grace, all).await.is_none() {
            self.shared.open.remotes().iter().for_each(|remote| remote.abort("shutdown"));
            // The Aborts leave with the last turn of each task.
            sleep::<R>(super::ACCEPT_PAUSE).await;
        }
    }

    pub(super) fn check(&self) -> Result<(), EngineError> {
        let policy = self.shared.config.policy.clone();
        Engine::acceptor(R::timer().now(), self.shared.engine.clone(), policy).map(drop)
    }

    pub(super) fn plain_tcp(&self, stream: R::Stream, peer: SocketAddr, local: SocketAddr) {
        let Some(place) = self.shared.open.enter(Some(peer.ip())) else { return };
        let policy = self.shared.policy_for(local);
        let trusted_proxies = policy.trusted_proxies.clone();
        let names = Some(self.shared.names.bound(policy.bind));
        let info =
            RemoteInfo { address: Some(peer), trusted_proxies, names, ..RemoteInfo::default() };
        let stream = Channel::Plain(stream);
        let Some(driver) = self.shared.driver::<R, _>(&place, stream, info, policy) else { return };
        self.spawn(place, driver);
    }

    #[cfg(feature = "tls")]
    pub(super) fn secure_tcp(
        &self,
        stream: R::Stream,
        peer: SocketAddr,
        local: SocketAddr,
        tls: ServerTls,
    ) {
        let Some(place) = self.shared.open.enter(Some(peer.ip())) else { return };
        let mut policy = self.shared.policy_for(local);
        policy.scheme = crate::policy::Scheme::CoapsWs;
        let shared = Arc::clone(&self.shared);
        let place = Arc::new(place);
        let kept = Arc::clone(&place);
        let run = async move {
            let limit = shared.config.engine.handshake_timeout;
            // A TLS handshake that fails or takes too long ends here (T03, T17). What it takes
            // is given back with its box.
            let accepting = Box::pin(within::<R, _>(limit, TlsStream::accept(&tls, stream)));
            let Some(Ok((stream, identity))) = accepting.await else { return };
            policy.server_name.clone_from(&identity.server_name);
            let info = RemoteInfo {
                address: Some(peer),
                base: None,
                alternative: None,
                secure: true,
                server_name: identity.server_name,
                certificates: identity.certificates,
                trusted_proxies: policy.trusted_proxies.clone(),
                names: Some(shared.names.bound(policy.bind)),
            };
            let stream = Channel::<R::Stream>::Tls(Box::new(stream));
            if let Some(driver) = shared.driver::<R, _>(&place, stream, info, policy) {
                Box::new(driver).await;
            }
        };
        self.spawn(kept, Box::pin(run));
    }

    /// Runs one connection in the background; its place can end it.
    fn spawn<P>(&self, place: P, run: impl Future<Output = ()> + Unpin + Send + 'static)
    where
        P: Borrow<Place> + Unpin + Send + 'static,
    {
        let (run, kill) = abortable(run);
        place.borrow().set_kill(kill);
        R::spawn(Placed { run, _place: place });
    }
}

impl<H> Shared<H>
where
    H: Handler + Send + Sync + 'static,
    H::Future: Send,
{
    fn policy_for(&self, local: SocketAddr) -> Policy {
        let mut policy = self.config.policy.clone();
        policy.bind = Bind::from(local.ip());
        policy
    }

    /// Adds what the server knows to what was said of a peer.
    fn complete(&self, info: &mut RemoteInfo) {
        info.trusted_proxies.clone_from(&self.config.policy.trusted_proxies);
        info.names = Some(self.names.clone());
    }

    fn driver<R: Runtime, T: Transport + Unpin>(
        &self,
        place: &Place,
        stream: T,
        info: RemoteInfo,
        policy: Policy,
    ) -> Option<Driver<T, R::Timer, Arc<H>>> {
        let timer = R::timer();
        let engine = Engine::acceptor(timer.now(), self.engine.clone(), policy);
        // The configuration was checked when the server started.
        Some(self.drive(place, stream, timer, info, engine.ok()?))
    }

    fn drive<C: Timer + Unpin, T: Transport + Unpin>(
        &self,
        place: &Place,
        stream: T,
        timer: C,
        info: RemoteInfo,
        engine: Engine,
    ) -> Driver<T, C, Arc<H>> {
        let handler = Arc::clone(&self.handler);
        let (remote, driver) = Driver::new(engine, stream, timer, handler, info);
        let mut driver = driver.with_block_memory(Arc::clone(&self.block_memory));
        if let Some(accept) = &self.config.accept {
            driver = driver.with_accept(accept.clone());
        }
        place.set_remote(remote);
        driver
    }
}

/// A connection's future and its place. Written by hand: an async block would keep the driver
/// twice, as what it was given and as what it waits for.
struct Placed<F, P> {
    run: Abortable<F>,
    /// Given back at the end, whether that came from outside or by itself (T07).
    _place: P,
}

impl<F: Future<Output = ()> + Unpin, P: Unpin> Future for Placed<F, P> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.run.poll_unpin(cx).map(|_| ())
    }
}

impl<R, H> Clone for Acceptor<R, H> {
    fn clone(&self) -> Self {
        Acceptor { shared: Arc::clone(&self.shared), runtime: PhantomData }
    }
}

impl<R, H> fmt::Debug for Acceptor<R, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("connections", &self.shared.open.count()).finish()
    }
}
