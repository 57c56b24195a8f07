//! Making a connection: name, TCP, opening handshake. Each stage fails in its own words.

use crate::driver::Driver;
use crate::engine::{Engine, EngineConfig};
use crate::error::ConnectError;
use crate::handler::Handler;
use crate::remote::{Remote, RemoteInfo};
use crate::runtime::{Runtime, within};
use coap_ws_core::message::uri::Uri;
use http::HeaderMap;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Makes connections.
pub(crate) trait Dial: Send + Sync {
    /// Connects to the authority of `base` and drives the connection. Ready when the opening
    /// handshake is done.
    fn dial<'a>(&'a self, base: &'a str) -> Dialling<'a>;
}

/// A connection in the making.
pub(crate) type Dialling<'a> =
    Pin<Box<dyn Future<Output = Result<Remote, Arc<ConnectError>>> + Send + 'a>>;

pub(crate) struct Dialer<R, H> {
    pub(crate) config: EngineConfig,
    pub(crate) headers: HeaderMap,
    pub(crate) connect_timeout: Duration,
    pub(crate) handler: Arc<H>,
    pub(crate) runtime: PhantomData<fn() -> R>,
}

impl<R, H> Dial for Dialer<R, H>
where
    R: Runtime,
    H: Handler + Send + Sync + 'static,
    H::Future: Send,
{
    fn dial<'a>(&'a self, base: &'a str) -> Dialling<'a> {
        Box::pin(async move {
            match within::<R, _>(self.connect_timeout, self.connect(base)).await {
                Some(outcome) => outcome,
                None => Err(Arc::new(ConnectError::Timeout)),
            }
        })
    }
}

impl<R, H> Dialer<R, H>
where
    R: Runtime,
    H: Handler + Send + Sync + 'static,
    H::Future: Send,
{
    async fn connect(&self, base: &str) -> Result<Remote, Arc<ConnectError>> {
        let uri = Uri::parse(base).map_err(ConnectError::Uri)?;
        if uri.scheme().is_secure() {
            return Err(Arc::new(ConnectError::TlsMissing));
        }
        let (stream, address) = tcp::<R>(&uri).await?;
        let info = RemoteInfo { address: Some(address), base: Some(base.into()), secure: false };
        let remote = self.drive(stream, &uri, info)?;
        remote.opened().await?;
        Ok(remote)
    }

    /// Drives a connected stream in the background.
    fn drive(
        &self,
        stream: R::Stream,
        uri: &Uri<'_>,
        info: RemoteInfo,
    ) -> Result<Remote, ConnectError> {
        let mut config = self.config.clone();
        config.connection.serves = self.handler.serves();
        let timer = R::timer();
        let host = uri.authority().to_string();
        let now = crate::transport::Timer::now(&timer);
        let engine = Engine::initiator(now, config, &host, &self.headers);
        let engine = engine.map_err(ConnectError::Config)?;
        let handler = Arc::clone(&self.handler);
        let (remote, driver) = Driver::new(engine, stream, timer, handler, info);
        R::spawn(driver);
        Ok(remote)
    }
}

/// The first address that takes the connection; they are tried one after the other (WS-17).
async fn tcp<R: Runtime>(uri: &Uri<'_>) -> Result<(R::Stream, SocketAddr), ConnectError> {
    let (host, port) = (uri.host().text().to_owned(), uri.port());
    let resolved = match uri.host().ip() {
        Some(ip) => Ok(vec![SocketAddr::new(ip, port)]),
        None => R::resolve(host.clone(), port).await,
    };
    let addresses = match resolved {
        Ok(addresses) if addresses.is_empty() => Err(io::ErrorKind::NotFound.into()),
        other => other,
    };
    let addresses = addresses.map_err(|source| ConnectError::Resolve { host, source })?;
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match R::connect(address).await {
            Ok(stream) => return Ok((stream, address)),
            Err(error) => last = error,
        }
    }
    Err(ConnectError::Tcp { address: format!("{}:{port}", uri.host()), source: last })
}
