//! Making a connection: name, TCP, proxy, TLS, opening handshake. Each stage fails in its own
//! words.

use crate::channel::Channel;
use crate::driver::Driver;
use crate::engine::{Engine, EngineConfig};
use crate::error::ConnectError;
use crate::handler::Handler;
use crate::proxy::Proxy;
use crate::remote::{Remote, RemoteInfo};
use crate::runtime::{Runtime, sleep, within};
#[cfg(feature = "tls")]
use crate::tls::{ClientTls, Credentials, TlsStream};
use crate::transport::{Timer, Transport};
use coap_ws_core::Instant;
use coap_ws_core::message::uri::{Authority, Uri};
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, Either, select};
use futures_util::stream::FuturesUnordered;
use http::HeaderMap;
use std::collections::VecDeque;
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// Makes connections.
pub(crate) trait Dial: Send + Sync {
    /// Connects and drives the connection. Ready when the opening handshake is done.
    fn dial(self: Arc<Self>, whereto: Whereto) -> Dialling;

    /// The time now.
    fn now(&self) -> Instant;

    /// Waits.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Runs a task in the background.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}

/// A connection in the making.
pub(crate) type Dialling = BoxFuture<'static, Result<Remote, Arc<ConnectError>>>;

/// Where to connect to.
#[derive(Clone)]
pub(crate) struct Whereto {
    /// The URI that references of requests are relative to.
    pub(crate) base: String,
    /// Another authority to connect to for it (RFC 8323 §5.5; REL-11).
    pub(crate) alternative: Option<String>,
}

pub(crate) struct Dialer<R, H> {
    pub(crate) config: EngineConfig,
    pub(crate) headers: HeaderMap,
    pub(crate) connect_timeout: Duration,
    pub(crate) proxy: Option<Proxy>,
    #[cfg(feature = "tls")]
    pub(crate) credentials: Credentials,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<ClientTls>,
    pub(crate) handler: Arc<H>,
    pub(crate) runtime: PhantomData<fn() -> R>,
}

impl<R, H> Dial for Dialer<R, H>
where
    R: Runtime,
    H: Handler + Send + Sync + 'static,
    H::Future: Send,
{
    fn dial(self: Arc<Self>, whereto: Whereto) -> Dialling {
        Box::pin(async move {
            match within::<R, _>(self.connect_timeout, self.connect(whereto)).await {
                Some(outcome) => outcome,
                None => Err(Arc::new(ConnectError::Timeout)),
            }
        })
    }

    fn now(&self) -> Instant {
        R::timer().now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(sleep::<R>(duration))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        R::spawn(task);
    }
}

impl<R, H> Dialer<R, H>
where
    R: Runtime,
    H: Handler + Send + Sync + 'static,
    H::Future: Send,
{
    async fn connect(&self, whereto: Whereto) -> Result<Remote, Arc<ConnectError>> {
        let Whereto { base, alternative } = whereto;
        let own = Uri::parse(&base).map_err(ConnectError::Uri)?;
        // The scheme stays, and with it the check of the certificate, by the new name.
        let uri = match &alternative {
            Some(authority) => {
                let authority = Authority::parse(authority).map_err(ConnectError::Uri)?;
                Uri::from_authority(own.scheme(), authority)
            }
            None => own,
        };
        let (stream, address) = self.reach(&uri).await?;
        let channel = self.secure(&uri, stream).await?;
        let info = RemoteInfo {
            address: Some(address),
            secure: uri.scheme().is_secure(),
            base: Some(base.clone()),
            alternative: alternative.clone(),
            ..RemoteInfo::default()
        };
        self.drive(channel, &uri, info).await
    }

    /// TCP to the host itself, or a tunnel to it.
    async fn reach(&self, uri: &Uri<'_>) -> Result<(R::Stream, SocketAddr), ConnectError> {
        let Some(proxy) = &self.proxy else {
            let host = uri.host();
            return tcp::<R>(host.text(), host.ip(), uri.port()).await;
        };
        let (mut stream, address) = tcp::<R>(proxy.host(), None, proxy.port()).await?;
        let authority = format!("{}:{}", uri.host(), uri.port());
        let tunnel = proxy.tunnel(&mut stream, &authority).await;
        tunnel.map_err(|error| ConnectError::Proxy { proxy: format!("{proxy:?}"), error })?;
        Ok((stream, address))
    }

    /// TLS where the scheme asks for it, before any HTTP; never a fallback (SEC-02).
    #[cfg(feature = "tls")]
    async fn secure(
        &self,
        uri: &Uri<'_>,
        stream: R::Stream,
    ) -> Result<Channel<R::Stream>, ConnectError> {
        if !uri.scheme().is_secure() {
            return Ok(Channel::Plain(stream));
        }
        let platform;
        let tls = match self.credentials.find(uri).or(self.tls.as_ref()) {
            Some(tls) => tls,
            None => {
                platform =
                    ClientTls::platform().map_err(|error| ConnectError::Tls(error.into()))?;
                &platform
            }
        };
        let stream = TlsStream::connect(tls, uri.host().text(), stream).await?;
        Ok(Channel::Tls(Box::new(stream)))
    }

    #[cfg(not(feature = "tls"))]
    async fn secure(
        &self,
        uri: &Uri<'_>,
        stream: R::Stream,
    ) -> Result<Channel<R::Stream>, ConnectError> {
        match uri.scheme().is_secure() {
            true => Err(ConnectError::TlsMissing),
            false => Ok(Channel::Plain(stream)),
        }
    }

    /// Drives a stream in the background; ready when the opening handshake is done.
    pub(crate) async fn drive<T>(
        &self,
        stream: T,
        uri: &Uri<'_>,
        info: RemoteInfo,
    ) -> Result<Remote, Arc<ConnectError>>
    where
        T: Transport + Unpin + Send + 'static,
    {
        let mut config = self.config.clone();
        config.connection.serves = self.handler.serves();
        let timer = R::timer();
        let host = uri.authority().to_string();
        // What was meant for one host, credentials above all, is not for where it sends us.
        let none = HeaderMap::new();
        let headers = if info.alternative.is_some() { &none } else { &self.headers };
        let engine = Engine::initiator(timer.now(), config, &host, headers);
        let engine = engine.map_err(ConnectError::Config)?;
        let handler = Arc::clone(&self.handler);
        let (remote, driver) = Driver::new(engine, stream, timer, handler, info);
        R::spawn(driver);
        // Whoever loses interest in a connection that is not open yet ends it.
        let guard = AbortOnDrop(Some(remote.clone()));
        remote.opened().await?;
        guard.keep();
        Ok(remote)
    }
}

struct AbortOnDrop(Option<Remote>);

impl AbortOnDrop {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(remote) = &self.0 {
            remote.abort("");
        }
    }
}

/// How long an address may take before the next one is tried beside it (RFC 8305 §5).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// The first address that takes the connection. They are tried in the order of the system's
/// preference, families by turns, each a quarter of a second after the one before unless that
/// has failed sooner (RFC 8305); never two at a time to the same address (WS-17).
async fn tcp<R: Runtime>(
    host: &str,
    ip: Option<std::net::IpAddr>,
    port: u16,
) -> Result<(R::Stream, SocketAddr), ConnectError> {
    let resolved = match ip {
        Some(ip) => Ok(vec![SocketAddr::new(ip, port)]),
        None => R::resolve(host.to_owned(), port).await,
    };
    let unresolved = |source| ConnectError::Resolve { host: host.to_owned(), source };
    let resolved = resolved.map_err(unresolved)?;
    if resolved.iter().any(|address| address.ip().is_multicast()) {
        // Nothing of RFC 7252 §8 applies over a connection (RFC 8323 §8; URI-21).
        let text = "a multicast address takes no connections";
        return Err(unresolved(io::Error::new(io::ErrorKind::Unsupported, text)));
    }
    let mut addresses = by_turns(resolved);
    if addresses.is_empty() {
        return Err(unresolved(io::ErrorKind::NotFound.into()));
    }
    let attempt = |address| async move { (R::connect(address).await, address) };
    let mut attempts = FuturesUnordered::new();
    let mut last = None;
    loop {
        if let Some(address) = addresses.pop_front() {
            attempts.push(attempt(address));
        }
        let next = pin!(async {
            match addresses.is_empty() {
                true => std::future::pending().await,
                false => sleep::<R>(NEXT_ADDRESS).await,
            }
        });
        match select(attempts.next(), next).await {
            Either::Left((Some((Ok(stream), address)), _)) => return Ok((stream, address)),
            Either::Left((Some((Err(error), _)), _)) => last = Some(error),
            Either::Left((None, _)) => break,
            Either::Right(((), _)) => {}
        }
        if attempts.is_empty() && addresses.is_empty() {
            break;
        }
    }
    let source = last.unwrap_or_else(|| io::ErrorKind::NotFound.into());
    Err(ConnectError::Tcp { address: format!("{host}:{port}"), source })
}

/// Addresses without repetitions, families by turns, the first one's first.
fn by_turns(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let mut distinct: Vec<SocketAddr> = Vec::new();
    for address in addresses {
        if !distinct.contains(&address) {
            distinct.push(address);
        }
    }
    let first_is_v6 = distinct.first().is_some_and(SocketAddr::is_ipv6);
    let (mut own, mut other): (VecDeque<_>, VecDeque<_>) =
        distinct.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut turns = VecDeque::new();
    while !own.is_empty() || !other.is_empty() {
        turns.extend(own.pop_front());
        turns.extend(other.pop_front());
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::by_turns;

    #[test]
    fn families_take_turns() {
        let parse = |list: &[&str]| list.iter().map(|a| a.parse().unwrap()).collect::<Vec<_>>();
        let sorted = by_turns(parse(&["[::1]:1", "[::2]:1", "[::1]:1", "1.1.1.1:1", "1.1.1.2:1"]));
        let expected = parse(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1"]);
        assert_eq!(Vec::from(sorted), expected);
    }
}
