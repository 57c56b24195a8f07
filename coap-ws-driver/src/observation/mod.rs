//! Observations of ours (RFC 7641 §3, RFC 8323 §7).

mod builder;
mod join;

pub use builder::ObserveBuilder;

use crate::body::Manner;
use crate::error::Error;
use crate::remote::Remote;
use crate::response::Response;
use futures_util::Stream;
use join::{Again, Joined};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// What a resource is, whenever it changes: a [`Stream`] of responses.
///
/// ```no_run
/// # async fn watch(remote: coap_ws_driver::Remote) -> Result<(), Box<dyn std::error::Error>> {
/// let mut seen = remote.observe("/time").await?;
/// while let Some(n) = seen.next().await {
///     println!("{}", n?.text()?);
/// }
/// # Ok(())
/// # }
/// ```
///
/// The first item is the answer to the registration. Where the server does not let it be
/// observed, it is the only one ([`is_observing`](Observation::is_observing)). An answer of
/// class 4 or 5 is an item and ends it. The loss of the connection is an `Err`, then the end, or
/// with [`reconnect`](ObserveBuilder::reconnect) what comes of the next one.
///
/// It is about the newest state, not about each (RFC 7641 §1.3): of what has come and was not
/// read yet, only the last is kept. That one is never lost.
///
/// The items are how things were when they came. Over WebSockets they come in order, and as
/// long as the connection lives, which its keepalive sees to (RFC 8323 §7.3), the last one is
/// how things are; how long that may be said of it by itself is
/// [`fresh_for`](Response::fresh_for). It is never registered anew on the same connection.
///
/// Dropping it deregisters (RFC 8323 §7.4).
#[must_use = "an observation that is dropped is over"]
pub struct Observation {
    joined: Joined,
    again: Option<Again>,
    /// A notification whose rest is on its way.
    whole: Option<Whole>,
}

type Whole = Pin<Box<dyn Future<Output = Result<Response, Error>> + Send>>;

impl Observation {
    /// The next item, `None` when it is over.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn next(&mut self) -> Option<Result<Response, Error>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// Whether the server tells of changes now: false where it gave a plain answer, and when
    /// the observation has ended, though there may still be an item to read.
    pub fn is_observing(&self) -> bool {
        self.joined.feed.is_observing()
    }

    /// The connection that it goes by, or went by last.
    pub fn remote(&self) -> &Remote {
        &self.joined.remote
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Response, Error>>> {
        loop {
            if let Some(again) = &mut self.again
                && let Some(joining) = again.joining()
            {
                match ready!(joining.as_mut().poll(cx)) {
                    Ok(joined) => {
                        again.joined();
                        self.joined = joined;
                    }
                    Err(error) => {
                        again.failed(&error);
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                continue;
            }
            if let Some(whole) = &mut self.whole {
                let outcome = ready!(whole.as_mut().poll(cx));
                self.whole = None;
                return Poll::Ready(Some(outcome));
            }
            if let Some(first) = self.joined.first.take() {
                match self.complete(first) {
                    Some(first) => return Poll::Ready(Some(Ok(first))),
                    None => continue,
                }
            }
            let item = ready!(self.joined.feed.poll_next(cx));
            match (&mut self.again, &item) {
                (Some(again), Some(Ok(_))) => again.reset(),
                (Some(again), Some(Err(error))) => again.failed(error),
                _ => {}
            }
            return match item {
                Some(Ok(response)) => match self.complete(response) {
                    Some(response) => Poll::Ready(Some(Ok(response))),
                    None => continue,
                },
                other => Poll::Ready(other),
            };
        }
    }

    /// A notification that is whole; of another one the rest is asked for, by plain requests
    /// (RFC 7959 §2.6; BLK-19).
    fn complete(&mut self, response: Response) -> Option<Response> {
        let exchange = Manner::default().by(self.joined.remote.clone(), None);
        let request = &self.joined.request;
        if !exchange.is_part(request, &response) {
            return Some(response);
        }
        self.whole = Some(Box::pin(exchange.complete(Arc::clone(request), response)));
        None
    }
}

impl Stream for Observation {
    type Item = Result<Response, Error>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Response, Error>>> {
        self.poll(cx)
    }
}

impl fmt::Debug for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observation")
            .field("observing", &self.is_observing())
            .field("remote", &self.joined.remote)
            .finish_non_exhaustive()
    }
}
