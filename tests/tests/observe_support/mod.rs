//! What the tests of observers share: a resource with a number in it.

use coap_ws_core::message::Request as Draft;
use coap_ws_driver::{Observable, Router};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A resource with a number in it, `/n`, and how often its handler was called.
#[derive(Clone)]
pub(crate) struct Counter {
    pub(crate) value: Arc<AtomicUsize>,
    pub(crate) calls: Arc<AtomicUsize>,
    pub(crate) resource: Observable,
}

impl Counter {
    pub(crate) fn new() -> Counter {
        let (value, calls) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (now, called) = (Arc::clone(&value), Arc::clone(&calls));
        let resource = Observable::new(move || {
            called.fetch_add(1, Ordering::Relaxed);
            let text = now.load(Ordering::Relaxed).to_string();
            async move { text }
        });
        Counter { value, calls, resource }
    }

    pub(crate) fn set(&self, value: usize) {
        self.value.store(value, Ordering::Relaxed);
        self.resource.notify();
    }

    pub(crate) fn app(&self) -> Router {
        Router::new().observable("/n", self.resource.clone()).get("/plain", async || "plain")
    }

    pub(crate) fn observers(&self) -> usize {
        self.resource.notifier().observers()
    }
}

pub(crate) fn get() -> Draft<'static> {
    Draft::get().segment("n")
}
