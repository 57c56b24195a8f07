//! The Echo option (RFC 9175 §2): a server asks a client to show that its request is fresh.

use crate::outgoing::Outgoing;
use crate::remote::Remote;
use crate::request::Request;
use crate::response::{ErrorResponse, Response};
use crate::runtime::Runtime;
use crate::transport::Timer;
use bytes::Bytes;
use coap_ws_core::Instant;
use coap_ws_core::message::{Code, OptionNumber};
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

impl Remote {
    /// Adds the Echo that this connection's peer has given last, to the next request only
    /// (EXT-02). Another connection's peer never sees it, be it the same server (EXT-03).
    pub(crate) fn add_echo(&self, message: &mut Outgoing) {
        // No lock where there is nothing behind it.
        if self.shared().has_echo.swap(false, Ordering::Relaxed)
            && let Some(echo) = self.shared().said().echo.take()
        {
            message.options.set(OptionNumber::ECHO, *echo);
        }
    }

    /// What is to be sent instead of a request that was answered so, `None` where the answer
    /// stands. Once: a server that asks again has its 4.01 shown to the application (EXT-06).
    pub(crate) fn echoed(&self, message: &Outgoing, response: &Response) -> Option<Outgoing> {
        let echo = response.option_value(OptionNumber::ECHO)?.clone();
        if response.code() == Code::UNAUTHORIZED {
            let mut again = message.clone();
            again.options.set(OptionNumber::ECHO, echo);
            return Some(again);
        }
        self.shared().said().echo = Some(Box::new(echo));
        self.shared().has_echo.store(true, Ordering::Relaxed);
        None
    }
}

/// Lets a handler insist on requests that were made a moment ago (RFC 9175 §2.3): one that
/// cannot show it gets 4.01 with an Echo, and clients like ours send it once more with that.
///
/// The values are 64 random bits, the same for all clients, replaced within half of the window:
/// they name nobody and cannot be guessed (EXT-21).
///
/// ```no_run
/// # use coap_ws_driver::{ErrorResponse, Freshness, Request, Router, Runtime};
/// # fn app<R: Runtime>() -> Router {
/// use coap_ws_core::message::Code;
/// use std::{sync::Arc, time::Duration};
/// let fresh = Arc::new(Freshness::<R>::within(Duration::from_secs(10)));
/// Router::new().put("/door", move |request: Request| {
///     let fresh = Arc::clone(&fresh);
///     async move {
///         fresh.check(&request)?;
///         Ok::<_, ErrorResponse>(Code::CHANGED)
///     }
/// })
/// # }
/// ```
pub struct Freshness<R> {
    window: Duration,
    plain: bool,
    values: Mutex<Option<Values>>,
    runtime: PhantomData<fn() -> R>,
}

#[derive(Clone, Copy)]
struct Values {
    since: Instant,
    current: [u8; 8],
    previous: Option<[u8; 8]>,
}

impl<R: Runtime> Freshness<R> {
    /// Requests may be as old as this.
    pub fn within(window: Duration) -> Freshness<R> {
        Freshness { window, plain: false, values: Mutex::new(None), runtime: PhantomData }
    }

    /// Also on connections that are not secure themselves: behind a proxy that ends TLS. An
    /// Echo proves nothing where somebody in between may change requests (EXT-05).
    #[must_use]
    pub fn also_without_tls(mut self) -> Freshness<R> {
        self.plain = true;
        self
    }

    /// Whether a request is fresh. To be asked before anything is done (EXT-04).
    ///
    /// # Errors
    ///
    /// The 4.01 that the request gets instead.
    pub fn check(&self, request: &Request) -> Result<(), ErrorResponse> {
        if !self.plain && !request.remote().info().secure {
            return Err(Response::error(Code::UNAUTHORIZED, "this needs coaps+ws").into());
        }
        let unable = |_| Response::error(Code::SERVICE_UNAVAILABLE, "no randomness").into();
        let values: Result<Values, ErrorResponse> = self.values(R::timer().now()).map_err(unable);
        let values = values?;
        let view = request.view();
        let shown = view.option(OptionNumber::ECHO);
        let known = [Some(values.current), values.previous];
        if known.iter().flatten().any(|value| shown == Some(&value[..])) {
            return Ok(());
        }
        let echo = Bytes::copy_from_slice(&values.current);
        let refusal = Response::error(Code::UNAUTHORIZED, "not fresh: repeat it with this Echo");
        Err(refusal.option(OptionNumber::ECHO, echo).into())
    }

    /// The values that count now. Each is current for half of the window, and counts for the
    /// other half.
    fn values(&self, now: Instant) -> Result<Values, getrandom::Error> {
        let mut place = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let half = self.window / 2;
        let age = place.map(|values| now.saturating_since(values.since));
        let values = match (*place, age) {
            (Some(values), Some(age)) if age < half => values,
            (before, age) => {
                let mut current = [0; 8];
                getrandom::fill(&mut current)?;
                let kept = age.is_some_and(|age| age < half.saturating_mul(2));
                let previous = before.filter(|_| kept).map(|values| values.current);
                Values { since: now, current, previous }
            }
        };
        *place = Some(values);
        Ok(values)
    }
}

impl<R> fmt::Debug for Freshness<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Freshness").field("window", &self.window).finish_non_exhaustive()
    }
}
