//! Observations in the making.

use super::Observation;
use super::join::{Again, join};
use crate::error::Error;
use crate::outgoing::{RequestBuilder, Via};
use bytes::Bytes;
use coap_ws_core::message::{ContentFormat, OptionNumber};
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

/// An observation in the making: options in any order, then [`send`](ObserveBuilder::send), or
/// await it.
#[derive(Clone)]
#[must_use = "an observation is only registered by `send`, or by awaiting it"]
pub struct ObserveBuilder {
    request: RequestBuilder,
    reconnect: bool,
}

impl ObserveBuilder {
    pub(crate) fn new(request: RequestBuilder) -> ObserveBuilder {
        ObserveBuilder { request, reconnect: false }
    }

    /// Wants this format (RFC 7252 §5.10.4).
    pub fn accept(mut self, format: ContentFormat) -> Self {
        self.request = self.request.accept(format);
        self
    }

    /// What is known already, by its ETag: notifications may be 2.03 (RFC 7641 §3.3.2).
    pub fn etag(mut self, etag: impl Into<Bytes>) -> Self {
        self.request = self.request.etag(etag);
        self
    }

    /// Adds an option; its value goes out as it is. Observe is not one of them.
    pub fn option(mut self, number: OptionNumber, value: impl Into<Bytes>) -> Self {
        self.request = self.request.option(number, value);
        self
    }

    /// Waits this long for the first answer, connecting included; `request_timeout` of the
    /// configuration otherwise.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.request = self.request.timeout(timeout);
        self
    }

    /// Registers anew when the connection is lost, by the [`Client`](crate::Client)'s next one
    /// (RFC 8323 §3.4; OBS-24): after about a second, then after twice as long each time, up to
    /// a minute, all of it with jitter so that not everybody comes back at once. The loss and
    /// each attempt that fails is an `Err` of the stream, which goes on behind it.
    ///
    /// A [`Remote`](crate::Remote) is one connection: there it changes nothing.
    pub fn reconnect(mut self) -> Self {
        self.reconnect = true;
        self
    }

    /// Registers, and waits for the first answer.
    ///
    /// # Errors
    ///
    /// As [`RequestBuilder::send`]. An answer of class 4 or 5 is no error: it is the only item.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future deregisters, where the registration has left.
    pub async fn send(self) -> Result<Observation, Error> {
        let (via, message, timeout) = self.request.into_parts()?;
        let joined = join(&via, &message, timeout).await?;
        // The endpoint lives as long: its connection is not released under the observation.
        let again = match via {
            Via::Client(target) => Some(Again::new(target, message, timeout, self.reconnect)),
            Via::Remote(_) => None,
        };
        Ok(Observation { joined, again, whole: None })
    }
}

impl IntoFuture for ObserveBuilder {
    type Output = Result<Observation, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for ObserveBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.request.fmt(f)
    }
}
