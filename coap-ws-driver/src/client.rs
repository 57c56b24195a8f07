//! The handle of an endpoint for one base URI: dials, and dials again.

use crate::dial::Dialer;
use crate::endpoint::{Endpoint, Shared, Target};
use crate::engine::{BlockWise, EngineConfig};
use crate::error::{ConnectError, Error, ErrorKind, PingFailure};
use crate::handler::{Handler, NoHandler};
use crate::observation::ObserveBuilder;
use crate::outgoing::{RequestBuilder, Via};
use crate::proxy::Proxy;
use crate::remote::{Remote, RemoteInfo};
use crate::runtime::{Runtime, within};
#[cfg(feature = "tls")]
use crate::tls::{ClientTls, Credentials};
use crate::transport::Transport;
use coap_ws_core::Side;
use coap_ws_core::message::Code;
use coap_ws_core::message::uri::Uri;
use coap_ws_core::pool::{Pool, PoolConfig};
use http::HeaderMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// Asks one host. Cheap to clone; all clones share one connection, which is made anew when it
/// is needed and the last one is over. When the last clone is dropped the connection is
/// released, also for those who still hold its [`Remote`].
pub struct Client<R> {
    target: Arc<Target>,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> Client<R> {
    /// Connects to the host of a URI.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Connect`] says which stage failed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the dial.
    pub async fn connect(base: &str) -> Result<Client<R>, Error> {
        Client::builder().connect(base).await
    }

    /// Settings before connecting.
    pub fn builder() -> ClientBuilder<R, NoHandler> {
        ClientBuilder {
            config: EngineConfig::new(Side::Initiator),
            headers: HeaderMap::new(),
            pool: None,
            connect_timeout: Duration::from_secs(20),
            proxy: None,
            #[cfg(feature = "tls")]
            credentials: Credentials::default(),
            #[cfg(feature = "tls")]
            tls: None,
            handler: NoHandler,
            runtime: PhantomData,
        }
    }

    /// A GET of a URI reference: a path, or a whole URI of the same host.
    pub fn get(&self, reference: &str) -> RequestBuilder {
        self.request(Code::GET, reference)
    }

    /// A POST.
    pub fn post(&self, reference: &str) -> RequestBuilder {
        self.request(Code::POST, reference)
    }

    /// A PUT.
    pub fn put(&self, reference: &str) -> RequestBuilder {
        self.request(Code::PUT, reference)
    }

    /// A DELETE.
    pub fn delete(&self, reference: &str) -> RequestBuilder {
        self.request(Code::DELETE, reference)
    }

    /// A GET that wants to be told of changes too (RFC 7641); awaiting it registers.
    ///
    /// The observation keeps the connection, as a clone of the client does.
    pub fn observe(&self, reference: &str) -> ObserveBuilder {
        self.get(reference).observe()
    }

    /// A request of any method.
    pub fn request(&self, method: Code, reference: &str) -> RequestBuilder {
        let via = Via::Client(Arc::clone(&self.target));
        RequestBuilder::new(via, method, Some(self.target.base()), reference)
    }

    /// Sends a CoAP Ping and waits for the Pong.
    ///
    /// # Errors
    ///
    /// [`PingFailure`] where there is a connection, [`ErrorKind::Connect`] where none can be
    /// made.
    ///
    /// # Cancel safety
    ///
    /// As [`Remote::ping`].
    pub async fn ping(&self) -> Result<Result<(), PingFailure>, Error> {
        Ok(self.remote().await?.ping().await)
    }

    /// The connection that requests go by now, made if need be.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Connect`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends a dial in progress; who else waits dials anew.
    pub async fn remote(&self) -> Result<Remote, Error> {
        Ok(self.target.lease(None).await?.remote().clone())
    }

    /// Releases the connection, if there is one, and waits for its end.
    ///
    /// # Cancel safety
    ///
    /// The release goes on without the future.
    pub async fn release(&self) {
        if let Some(remote) = self.target.current() {
            remote.release().await;
        }
    }

    /// The URI that references are relative to.
    pub fn base(&self) -> &str {
        self.target.base()
    }

    pub(crate) fn of(target: Target) -> Client<R> {
        Client { target: Arc::new(target), runtime: PhantomData }
    }
}

/// Settings of a [`Client`] before it connects.
///
/// ```
/// use coap_ws_driver::{Request, Router};
/// use coap_ws_tokio::Client;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let app = coap_ws_tokio::Router::new()
/// #     .post("/back", async |r: Request| r.remote().get("/name").send().await)
/// #     .put("/store/x", async || coap_ws_driver::core::message::Code::CHANGED);
/// # let server = coap_ws_tokio::Server::bind("localhost:0").await?;
/// # let base = format!("coap+ws://localhost:{}", server.local_addrs().next().unwrap().port());
/// # tokio::spawn(server.serve(app).into_future());
/// let client = Client::builder()
///     .connect_timeout(Duration::from_secs(5))
///     // What the server may ask us, over the same connection.
///     .serve(Router::new().get("/name", async || "a client"))
///     .connect(&base)
///     .await?;
/// assert_eq!(client.post("/back").send().await?.text()?, "a client");
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing before `connect`"]
pub struct ClientBuilder<R, H> {
    config: EngineConfig,
    headers: HeaderMap,
    pool: Option<PoolConfig>,
    connect_timeout: Duration,
    proxy: Option<Proxy>,
    #[cfg(feature = "tls")]
    credentials: Credentials,
    #[cfg(feature = "tls")]
    tls: Option<ClientTls>,
    handler: H,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime, H> ClientBuilder<R, H> {
    /// Limits and timeouts of the connection.
    pub fn config(mut self, config: EngineConfig) -> Self {
        self.config = config;
        self
    }

    /// How bodies go in blocks: `false` switches it off, a block size is the largest that is
    /// used, a [`BlockWise`] says everything. Part of [`config`](Self::config), which comes
    /// before it.
    pub fn block_wise(mut self, block_wise: impl Into<BlockWise>) -> Self {
        self.config.block_wise = block_wise.into();
        self
    }

    /// Header fields of the opening handshake: `Authorization`, `Cookie`, `Origin`.
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    /// How connections are kept and made anew. Where it is not said, a [`Client`] keeps its
    /// connection, and an [`Endpoint`] releases one that nobody has used for five minutes.
    pub fn pool(mut self, pool: PoolConfig) -> Self {
        self.pool = Some(pool);
        self
    }

    /// How long name resolution, TCP, TLS and the opening handshake may take together. 20 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Connects through an HTTP proxy (WS-38).
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Whom to trust and who to be for coaps+ws. Without it, whom the system trusts.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The same by URI; what matches none of them has what [`tls`](Self::tls) says.
    #[cfg(feature = "tls")]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// Answers the server's requests: both ends of a connection are CoAP servers. Without it
    /// they get 5.01.
    pub fn serve<N: Handler>(self, handler: N) -> ClientBuilder<R, N> {
        ClientBuilder {
            config: self.config,
            headers: self.headers,
            pool: self.pool,
            connect_timeout: self.connect_timeout,
            proxy: self.proxy,
            #[cfg(feature = "tls")]
            credentials: self.credentials,
            #[cfg(feature = "tls")]
            tls: self.tls,
            handler,
            runtime: PhantomData,
        }
    }
}

impl<R, H> ClientBuilder<R, H>
where
    R: Runtime,
    H: Handler + Send + Sync + 'static,
    H::Future: Send,
{
    /// A client for the host of a URI, which connects when it is first needed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Uri`] where `base` is no URI of this kind.
    pub fn build(self, base: &str) -> Result<Client<R>, Error> {
        // Whoever has one host in mind keeps its connection until the client is dropped.
        let mut builder = self;
        builder.pool.get_or_insert_with(|| {
            let mut pool = PoolConfig::default();
            pool.idle_timeout = None;
            pool
        });
        builder.endpoint()?.client(base)
    }

    /// An endpoint, which asks any host with these settings.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Connect`] where the configuration of its pool cannot be used.
    pub fn endpoint(mut self) -> Result<Endpoint<R>, Error> {
        let config = self.pool.take().unwrap_or_default();
        let refused = |error| Error::unsent(ErrorKind::Connect(Arc::new(error)));
        // Where there is no randomness no opening handshake is made either, which says so.
        let seed = getrandom::u64().unwrap_or_default();
        let pool = Pool::new(config, seed).map_err(|error| refused(ConnectError::Pool(error)))?;
        let patience = self.config.connection.request_timeout;
        Ok(Endpoint::new(Shared::new(Arc::new(self.dialer()), pool, patience)))
    }

    fn dialer(self) -> Dialer<R, H> {
        Dialer {
            config: self.config,
            headers: self.headers,
            connect_timeout: self.connect_timeout,
            proxy: self.proxy,
            #[cfg(feature = "tls")]
            credentials: self.credentials,
            #[cfg(feature = "tls")]
            tls: self.tls,
            handler: Arc::new(self.handler),
            runtime: PhantomData,
        }
    }

    /// Speaks over a stream that somebody else has connected: a TLS of your own, a Unix socket,
    /// a tunnel. `base` says what the other end is called, and whether the stream is secure.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Uri`], or [`ErrorKind::Connect`] where the opening handshake fails.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the connection.
    pub async fn over<T>(self, stream: T, base: &str) -> Result<Remote, Error>
    where
        T: Transport + Unpin + Send + 'static,
    {
        let uri = Uri::parse(base).map_err(|error| Error::unsent(ErrorKind::Uri(error)))?;
        let info = RemoteInfo {
            base: Some(uri.to_string()),
            secure: uri.scheme().is_secure(),
            ..RemoteInfo::default()
        };
        let limit = self.connect_timeout;
        let dialer = self.dialer();
        let opened = within::<R, _>(limit, dialer.drive(stream, &uri, info)).await;
        let opened = opened.unwrap_or_else(|| Err(Arc::new(ConnectError::Timeout)));
        opened.map_err(|error| Error::unsent(ErrorKind::Connect(error)))
    }

    /// Connects to the host of a URI.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Uri`], or [`ErrorKind::Connect`], which says which stage failed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the dial.
    pub async fn connect(self, base: &str) -> Result<Client<R>, Error> {
        let client = self.build(base)?;
        client.remote().await?;
        Ok(client)
    }
}

impl<R> Clone for Client<R> {
    fn clone(&self) -> Self {
        Client { target: Arc::clone(&self.target), runtime: PhantomData }
    }
}

impl<R> fmt::Debug for Client<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.fmt(f)
    }
}

impl<R, H> fmt::Debug for ClientBuilder<R, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
