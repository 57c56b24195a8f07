//! The connections of an application, each made when it is needed and shared by all that it
//! serves.

mod lease;
mod shared;
mod table;
mod target;

pub(crate) use lease::Lease;
pub(crate) use shared::Shared;
pub(crate) use target::Target;

use crate::client::{Client, ClientBuilder};
use crate::error::{Error, ErrorKind};
use crate::handler::NoHandler;
use crate::outgoing::{RequestBuilder, Via};
use crate::remote::Remote;
use crate::runtime::Runtime;
use coap_ws_core::message::Code;
use coap_ws_core::message::uri::Uri;
use coap_ws_core::pool::{Full, PoolStats};
use futures_util::future::join_all;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// Asks any host: finds the connection that a request goes by, or makes it. Cheap to clone.
///
/// A connection serves one scheme, host and port, for one TLS configuration; what this is and
/// when the next one may be made is for [`coap_ws_core::pool`] to say. Requests that are in
/// flight when their connection is lost fail, and say whether they may have arrived; later
/// ones go by a new connection.
///
/// Connections that others have made are in the same table ([`accepted`](Endpoint::accepted)),
/// and are asked by their [`Remote`]: a WebSocket client has no URI.
///
/// When the last handle is dropped, clients of it included, its connections are released.
pub struct Endpoint<R> {
    shared: Arc<Shared>,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> Endpoint<R> {
    /// Settings, which [`ClientBuilder::endpoint`] makes an endpoint of.
    pub fn builder() -> ClientBuilder<R, NoHandler> {
        Client::builder()
    }

    pub(crate) const fn new(shared: Arc<Shared>) -> Endpoint<R> {
        Endpoint { shared, runtime: PhantomData }
    }

    /// A request of any method to a URI.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Uri`] where it is no URI of this kind: the request is not ours.
    pub fn request(&self, method: Code, uri: &str) -> Result<RequestBuilder, Error> {
        let target = self.target(uri)?;
        let base = target.base().to_owned();
        Ok(RequestBuilder::new(Via::Client(Arc::new(target)), method, Some(&base), uri))
    }

    /// A GET of a URI.
    ///
    /// # Errors
    ///
    /// As for [`request`](Endpoint::request).
    pub fn get(&self, uri: &str) -> Result<RequestBuilder, Error> {
        self.request(Code::GET, uri)
    }

    /// A client for the host of a URI; its references are relative to that URI.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Uri`] where it is no URI of this kind.
    pub fn client(&self, base: &str) -> Result<Client<R>, Error> {
        let uri = Uri::parse(base).map_err(|error| Error::unsent(ErrorKind::Uri(error)))?;
        Ok(Client::of(Target::new(Arc::clone(&self.shared), &uri)))
    }

    /// Takes a connection that somebody else has made into the table: one that a server has
    /// accepted. The place to call it is [`Router::on_connect`](crate::Router::on_connect).
    ///
    /// # Errors
    ///
    /// [`NotTaken`]; the connection lives on outside.
    pub fn accepted(&self, remote: &Remote) -> Result<(), NotTaken> {
        self.shared.accepted(remote)
    }

    /// Every connection that is open.
    pub fn remotes(&self) -> Vec<Remote> {
        self.shared.remotes()
    }

    /// What it has done and holds.
    pub fn stats(&self) -> PoolStats {
        self.shared.stats()
    }

    /// Releases every connection and waits for their ends. Requests that come later make new
    /// ones.
    ///
    /// # Cancel safety
    ///
    /// The releases go on without the future.
    pub async fn release(&self) {
        let remotes = self.shared.let_go();
        join_all(remotes.iter().map(Remote::closed)).await;
    }

    /// The root of the URI's host is the base: another request's path and query are nobody's
    /// business.
    fn target(&self, uri: &str) -> Result<Target, Error> {
        let uri = Uri::parse(uri).map_err(|error| Error::unsent(ErrorKind::Uri(error)))?;
        let root = Uri::from_authority(uri.scheme(), uri.authority());
        Ok(Target::new(Arc::clone(&self.shared), &root))
    }
}

/// Why an endpoint does not take a connection into its table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NotTaken {
    /// There are as many as there may be.
    Full(Full),
    /// It is in a table already, of this endpoint or of another one: a connection tells one of
    /// its end.
    Known,
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(full) => full.fmt(f),
            Self::Known => f.write_str("the connection is in the table of an endpoint already"),
        }
    }
}

impl std::error::Error for NotTaken {}

impl<R> Clone for Endpoint<R> {
    fn clone(&self) -> Self {
        Endpoint { shared: Arc::clone(&self.shared), runtime: PhantomData }
    }
}

impl<R> fmt::Debug for Endpoint<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("stats", &self.shared.stats()).finish()
    }
}
