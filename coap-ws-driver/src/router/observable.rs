//! What can be observed, for the router.

use super::{Answer, Call, RouteHandler};
use crate::notifier::Notifier;
use crate::request::Request;
use std::fmt;
use std::sync::Arc;

/// A resource that can be observed: what answers its GET, and who tells of its changes. Cheap
/// to clone; all clones are one.
///
/// ```
/// use coap_ws_driver::{Observable, Router};
/// let clock = Observable::new(async || "12:00");
/// let app = Router::new().observable("/time", clock.clone());
/// // every minute:
/// clock.notify();
/// # let _ = app;
/// ```
#[derive(Clone)]
pub struct Observable {
    notifier: Notifier,
    get: Arc<dyn Fn(Request) -> Answer + Send + Sync>,
}

impl Observable {
    /// A resource whose GET is answered by `handler`, and which each notification asks again.
    pub fn new<Args>(handler: impl RouteHandler<Args>) -> Observable {
        let get = Arc::new(move |request| handler.call(request));
        Observable { notifier: Notifier::new(), get }
    }

    /// It has changed: see [`Notifier::notify`].
    pub fn notify(&self) {
        self.notifier.notify();
    }

    /// Who tells of its changes.
    pub const fn notifier(&self) -> &Notifier {
        &self.notifier
    }
}

impl fmt::Debug for Observable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observable").field("notifier", &self.notifier).finish_non_exhaustive()
    }
}

/// What a route can be observed by: an [`Observable`], a [`Notifier`] where the path has a
/// handler of its own, or both as a pair.
///
/// `Args` only tells handlers apart.
pub trait IntoObservable<Args> {
    #[doc(hidden)]
    fn into_observable(self) -> (Notifier, Option<Call>);
}

impl IntoObservable<()> for Observable {
    fn into_observable(self) -> (Notifier, Option<Call>) {
        let get = self.get;
        (self.notifier, Some(Box::new(move |request| get(request))))
    }
}

impl IntoObservable<()> for Notifier {
    fn into_observable(self) -> (Notifier, Option<Call>) {
        (self, None)
    }
}

impl<Args, H: RouteHandler<Args>> IntoObservable<(Args,)> for (Notifier, H) {
    fn into_observable(self) -> (Notifier, Option<Call>) {
        let (notifier, handler) = self;
        (notifier, Some(Box::new(move |request| handler.call(request))))
    }
}
