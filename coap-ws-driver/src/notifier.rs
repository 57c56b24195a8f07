//! Says that a resource has changed (RFC 7641 §4).
//!
//! A version and a list of connections; no values, and no queue. Saying it costs a number and
//! one wake for each connection that has not woken up since the last time; the connection's
//! own task then asks the resource what is to be told.

use crate::mailbox::Mailbox;
use futures_channel::oneshot;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::{fmt, mem};

/// How many may observe one resource; as many connections as a large server has.
const MAX_OBSERVERS: usize = 100_000;

/// Tells the observers of a resource that it has changed. Cheap to clone; all clones are one.
///
/// Change the state first, then [`notify`](Notifier::notify): the resource's own handler is
/// called for each observer, with the request that registered it, so that Accept, ETag and
/// the query are looked after as in any GET. However often it is said before an observer's
/// connection has room, it is told once, and how things are then (RFC 7641 §4.5; T70).
///
/// ```
/// use coap_ws_driver::{Notifier, Router};
/// let changed = Notifier::new();
/// let app = Router::new().get("/light", async || "on").observable("/light", changed.clone());
/// changed.notify();
/// # let _ = app;
/// ```
#[derive(Clone)]
pub struct Notifier {
    shared: Arc<Shared>,
}

struct Shared {
    version: AtomicU64,
    limit: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Observers, and those about to be.
    places: usize,
    /// By the address of their mailbox, which lives as long as its places.
    connections: HashMap<usize, Entry>,
    /// Who waits for there being observers, or none.
    waiting: Vec<(Awaited, oneshot::Sender<()>)>,
}

struct Entry {
    mailbox: Weak<Mailbox>,
    observers: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Some,
    None,
}

impl Notifier {
    /// Of a resource that at most 100,000 may observe.
    pub fn new() -> Notifier {
        Notifier::with_limit(MAX_OBSERVERS)
    }

    /// Of a resource that at most `observers` may observe; who comes after gets a plain
    /// answer, which tells it so (RFC 7641 §4.1; OBS-02, T69).
    pub fn with_limit(observers: usize) -> Notifier {
        let (version, state) = (AtomicU64::new(0), Mutex::default());
        Notifier { shared: Arc::new(Shared { version, limit: observers, state }) }
    }

    /// The resource has changed. Never blocks, and may be called from anywhere, handlers
    /// included.
    pub fn notify(&self) {
        self.shared.version.fetch_add(1, Ordering::SeqCst);
        let mailboxes: Vec<_> = {
            let state = self.shared.lock();
            state.connections.values().filter_map(|entry| entry.mailbox.upgrade()).collect()
        };
        // Wakers are user code: not under the lock.
        mailboxes.iter().for_each(|mailbox| mailbox.stir());
    }

    /// How many observe it now.
    pub fn observers(&self) -> usize {
        self.shared.lock().connections.values().map(|entry| entry.observers).sum()
    }

    /// Waits until somebody observes it: the time to subscribe to where its changes come from.
    ///
    /// ```no_run
    /// # async fn follow(changed: coap_ws_driver::Notifier) {
    /// loop {
    ///     changed.observed().await;
    ///     // subscribe, and call `notify` for what comes
    ///     changed.unobserved().await;
    ///     // unsubscribe
    /// }
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future: what counts is how things are.
    pub async fn observed(&self) {
        self.until(Awaited::Some).await;
    }

    /// Waits until nobody observes it any more.
    ///
    /// # Cancel safety
    ///
    /// As [`observed`](Notifier::observed).
    pub async fn unobserved(&self) {
        self.until(Awaited::None).await;
    }

    async fn until(&self, awaited: Awaited) {
        loop {
            let told = {
                let mut state = self.shared.lock();
                if state.is(awaited) {
                    return;
                }
                if state.waiting.len() == state.waiting.capacity() {
                    state.waiting.retain(|(_, waiting)| !waiting.is_canceled());
                }
                let (tx, rx) = oneshot::channel();
                state.waiting.push((awaited, tx));
                rx
            };
            // It may be otherwise again by now: looked at once more.
            let _ = told.await;
        }
    }

    /// Changes whenever the resource does.
    pub(crate) fn version(&self) -> u64 {
        self.shared.version.load(Ordering::SeqCst)
    }

    /// A place for one more observer, `None` where there is none.
    pub(crate) fn reserve(&self) -> Option<Place> {
        let mut state = self.shared.lock();
        if state.places >= self.shared.limit {
            return None;
        }
        state.places = state.places.saturating_add(1);
        Some(Place { notifier: self.clone(), connection: None })
    }
}

impl Default for Notifier {
    fn default() -> Notifier {
        Notifier::new()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock; were it otherwise, the state would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is(&self, awaited: Awaited) -> bool {
        (awaited == Awaited::None) == self.connections.is_empty()
    }

    /// Those who wait for how things are now.
    fn heard(&mut self) -> Vec<(Awaited, oneshot::Sender<()>)> {
        let (heard, waiting) =
            mem::take(&mut self.waiting).into_iter().partition(|(awaited, _)| self.is(*awaited));
        self.waiting = waiting;
        heard
    }
}

/// The place of one observer; given back when it is dropped.
pub(crate) struct Place {
    notifier: Notifier,
    /// Which connection's, once it observes.
    connection: Option<usize>,
}

impl Place {
    /// It observes by this connection, which is woken from now on.
    pub(crate) fn join(mut self, mailbox: &Arc<Mailbox>) -> Place {
        let key = Arc::as_ptr(mailbox) as usize;
        let heard = {
            let mut state = self.notifier.shared.lock();
            let first = state.connections.is_empty();
            let fresh = || Entry { mailbox: Arc::downgrade(mailbox), observers: 0 };
            let entry = state.connections.entry(key).or_insert_with(fresh);
            entry.observers = entry.observers.saturating_add(1);
            if first { state.heard() } else { Vec::new() }
        };
        // Wakes those who wait: not under the lock.
        drop(heard);
        self.connection = Some(key);
        self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let heard = {
            let mut state = self.notifier.shared.lock();
            state.places = state.places.saturating_sub(1);
            let Some(key) = self.connection else { return };
            let left = state.connections.get_mut(&key).map(|entry| {
                entry.observers = entry.observers.saturating_sub(1);
                entry.observers
            });
            if left == Some(0) {
                state.connections.remove(&key);
            }
            if state.connections.is_empty() { state.heard() } else { Vec::new() }
        };
        drop(heard);
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").field("observers", &self.observers()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Notifier;
    use crate::mailbox::Mailbox;
    use futures_util::FutureExt;
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Waker};

    // T69
    #[test]
    fn places_are_given_up_to_the_limit_and_given_back() {
        let notifier = Notifier::with_limit(2);
        let first = notifier.reserve();
        let second = notifier.reserve();
        assert!(first.is_some() && second.is_some());
        assert!(notifier.reserve().is_none());
        drop(first);
        assert!(notifier.reserve().is_some());
        assert_eq!(notifier.observers(), 0, "a place that was reserved only is no observer");
    }

    #[test]
    fn the_first_and_the_last_observer_are_told() {
        let notifier = Notifier::new();
        let mailboxes = [Arc::new(Mailbox::new(1)), Arc::new(Mailbox::new(1))];
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(notifier.unobserved().now_or_never(), Some(()));
        let mut observed = pin!(notifier.observed());
        assert!(observed.poll_unpin(&mut cx).is_pending());
        let reserved = notifier.reserve().expect("there is a place");
        assert!(observed.poll_unpin(&mut cx).is_pending(), "it does not observe yet");
        let first = reserved.join(&mailboxes[0]);
        assert!(observed.poll_unpin(&mut cx).is_ready());
        let mut unobserved = pin!(notifier.unobserved());
        let second = notifier.reserve().map(|place| place.join(&mailboxes[0]));
        let third = notifier.reserve().map(|place| place.join(&mailboxes[1]));
        assert_eq!(notifier.observers(), 3);
        drop((first, third));
        assert!(unobserved.poll_unpin(&mut cx).is_pending());
        drop(second);
        assert!(unobserved.poll_unpin(&mut cx).is_ready());
        assert_eq!(notifier.observers(), 0);
    }

    #[test]
    fn who_gave_up_waiting_is_forgotten() {
        let notifier = Notifier::new();
        for _ in 0..1000 {
            assert_eq!(notifier.observed().now_or_never(), None);
        }
        assert!(notifier.shared.lock().waiting.len() <= 8);
    }
}
