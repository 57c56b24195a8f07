//! One host, asked by way of an endpoint.

use super::lease::Lease;
use super::shared::Shared;
use crate::body::Manner;
use crate::dial::Whereto;
use crate::error::Error;
use crate::outgoing::Outgoing;
use crate::remote::Remote;
use crate::response::Response;
use coap_ws_core::message::uri::Uri;
use coap_ws_core::pool::PoolKey;
use coap_ws_core::{Instant, Sent};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Where requests go that are relative to a base URI.
pub(crate) struct Target {
    shared: Arc<Shared>,
    key: PoolKey,
    whereto: Whereto,
}

impl Target {
    pub(crate) fn new(shared: Arc<Shared>, base: &Uri<'_>) -> Target {
        let whereto = Whereto { base: base.to_string(), alternative: None };
        Target { shared, key: PoolKey::of(base, 0), whereto }
    }

    /// Sends a request by the connection there is, or a new one.
    pub(crate) async fn send(
        &self,
        manner: Manner,
        message: Outgoing,
        timeout: Option<Duration>,
    ) -> Result<Response, Error> {
        let until = self.until(timeout);
        let first = self.lease(until).await?;
        let exchange = manner.clone().by(first.remote().clone(), self.left(until));
        match exchange.run(message.clone()).await {
            // The connection ended or was released between being looked at and being used: the
            // request has not left, so it may go by another one.
            Err(error) if error.is_of_the_end() && error.sent() == Sent::No => {
                first.is_over();
                let second = self.lease(until).await?;
                let exchange = manner.by(second.remote().clone(), self.left(until));
                exchange.run(message).await
            }
            done => done,
        }
    }

    /// A connection, and the use of it: it is not idle before the lease is dropped.
    pub(crate) async fn lease(&self, until: Option<Instant>) -> Result<Lease, Error> {
        self.shared.lease(&self.key, &self.whereto, until).await
    }

    /// When a request with this timeout must have its answer.
    pub(crate) fn until(&self, timeout: Option<Duration>) -> Option<Instant> {
        timeout.map(|timeout| self.shared.now().saturating_add(timeout))
    }

    pub(crate) async fn sleep(&self, wait: Duration) {
        self.shared.sleep(wait).await;
    }

    pub(crate) fn left(&self, until: Option<Instant>) -> Option<Duration> {
        until.map(|until| until.saturating_since(self.shared.now()))
    }

    /// The connection there is.
    pub(crate) fn current(&self) -> Option<Remote> {
        self.shared.current(&self.key)
    }

    pub(crate) fn base(&self) -> &str {
        &self.whereto.base
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The base URI's query may be a secret (T92).
        f.debug_struct("Client").field("host", &self.key).finish_non_exhaustive()
    }
}
