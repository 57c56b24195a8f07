//! What becomes of a stream that was accepted.

use super::ServerLimits;
use super::open::{Open, Place};
use crate::accept::AcceptHook;
use crate::channel::Channel;
use crate::driver::Driver;
use crate::engine::{Engine, EngineConfig, EngineError};
use crate::handler::Handler;
use crate::policy::{Bind, Policy};
use crate::remote::RemoteInfo;
use crate::runtime::{Runtime, sleep, within};
#[cfg(feature = "tls")]
use crate::tls::{ServerTls, TlsStream};
use crate::transport::{Timer, Transport};
use futures_util::StreamExt;
use futures_util::future::abortable;
use futures_util::stream::FuturesUnordered;
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

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
    handler: Arc<H>,
    open: Arc<Open>,
}

impl AcceptorConfig {
    /// The defaults.
    pub fn new() -> AcceptorConfig {
        AcceptorConfig {
            engine: EngineConfig::new(coap_ws_core::Side::Acceptor),
            policy: Policy::default(),
            limits: ServerLimits::default(),
            accept: None,
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
        let open = Arc::new(Open::new(config.limits.clone()));
        let shared = Shared { config, handler: Arc::new(handler), open };
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
        info.trusted_proxies.clone_from(&policy.trusted_proxies);
        self.spawn(place, move |shared, place| async move {
            shared.drive::<R, T>(place, stream, info, policy).await;
        });
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
    /// `shutdown_grace`.
    ///
    /// # Cancel safety
    ///
    /// The releases go on without the future.
    pub async fn shut_down(&self) {
        let limits = &self.shared.config.limits;
        let remotes = self.shared.open.remotes();
        let releases = remotes.iter().map(|remote| remote.release_with(Duration::ZERO, "shutdown"));
        let all = releases.collect::<FuturesUnordered<_>>().collect::<Vec<_>>();
        if within::<R, _>(limits.shutdown_grace, all).await.is_none() {
            self.shared.open.remotes().iter().for_each(|remote| remote.abort("shutdown"));
            // The Aborts leave with the last turn of each task.
            sleep::<R>(super::ACCEPT_PAUSE).await;
        }
    }

    pub(super) fn check(&self) -> Result<(), EngineError> {
        let AcceptorConfig { engine, policy, .. } = self.shared.config.clone();
        Engine::acceptor(R::timer().now(), engine, policy).map(drop)
    }

    pub(super) fn plain_tcp(&self, stream: R::Stream, peer: SocketAddr, local: SocketAddr) {
        let Some(place) = self.shared.open.enter(Some(peer.ip())) else { return };
        let policy = self.shared.policy_for(local);
        let trusted_proxies = policy.trusted_proxies.clone();
        let info = RemoteInfo { address: Some(peer), trusted_proxies, ..RemoteInfo::default() };
        self.spawn(place, move |shared, place| async move {
            let stream = Channel::Plain(stream);
            shared.drive::<R, _>(place, stream, info, policy).await;
        });
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
        self.spawn(place, move |shared, place| async move {
            let limit = shared.config.engine.handshake_timeout;
            // A TLS handshake that fails or takes too long ends here (T03, T17).
            let accepted = within::<R, _>(limit, TlsStream::accept(&tls, stream)).await;
            let Some(Ok((stream, identity))) = accepted else { return };
            policy.server_name.clone_from(&identity.server_name);
            let info = RemoteInfo {
                address: Some(peer),
                base: None,
                secure: true,
                server_name: identity.server_name,
                certificates: identity.certificates,
                trusted_proxies: policy.trusted_proxies.clone(),
            };
            let stream = Channel::<R::Stream>::Tls(Box::new(stream));
            shared.drive::<R, _>(place, stream, info, policy).await;
        });
    }

    /// Runs one connection in the background; its place can end it.
    fn spawn<F>(&self, place: Place, run: impl FnOnce(Arc<Shared<H>>, Arc<Place>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let place = Arc::new(place);
        let (task, kill) = abortable(run(Arc::clone(&self.shared), Arc::clone(&place)));
        place.set_kill(kill);
        R::spawn(async move {
            // Ended from outside or by itself: the place is given back either way (T07).
            let _ = task.await;
            drop(place);
        });
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

    async fn drive<R: Runtime, T: Transport + Unpin>(
        self: Arc<Self>,
        place: Arc<Place>,
        stream: T,
        info: RemoteInfo,
        policy: Policy,
    ) {
        let timer = R::timer();
        let engine = Engine::acceptor(timer.now(), self.config.engine.clone(), policy);
        // The configuration was checked when the server started.
        let Ok(engine) = engine else { return };
        let handler = Arc::clone(&self.handler);
        let (remote, mut driver) = Driver::new(engine, stream, timer, handler, info);
        if let Some(accept) = &self.config.accept {
            driver = driver.with_accept(accept.clone());
        }
        place.set_remote(remote);
        driver.await;
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
