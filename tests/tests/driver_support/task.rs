//! One future, polled only when it was woken.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A future with its waker.
pub(crate) struct Task<F: Future> {
    future: Option<Pin<Box<F>>>,
    woken: Arc<Woken>,
    seen: u64,
    /// What came of it.
    pub(crate) output: Option<F::Output>,
    /// How often it was polled.
    pub(crate) polls: u64,
}

/// Counts wakes.
#[derive(Default)]
pub(crate) struct Woken(AtomicU64);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl<F: Future> Task<F> {
    pub(crate) fn new(future: F) -> Task<F> {
        let woken = Arc::new(Woken(AtomicU64::new(1)));
        Task { future: Some(Box::pin(future)), woken, seen: 0, output: None, polls: 0 }
    }

    /// How often it was woken.
    pub(crate) fn wakes(&self) -> u64 {
        self.woken.0.load(Ordering::Relaxed) - 1
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.future.is_some() && self.woken.0.load(Ordering::Relaxed) != self.seen
    }

    pub(crate) fn is_done(&self) -> bool {
        self.future.is_none()
    }

    /// Polls it, woken or not.
    pub(crate) fn poll(&mut self) {
        let Some(future) = &mut self.future else { return };
        self.seen = self.woken.0.load(Ordering::Relaxed);
        self.polls += 1;
        let waker = Waker::from(Arc::clone(&self.woken));
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            self.output = Some(output);
            self.future = None;
        }
    }

    /// Polls it while it is woken; whether it was.
    pub(crate) fn run(&mut self, most: u64) -> bool {
        let mut moved = false;
        let end = self.polls + most;
        while self.is_woken() {
            assert!(self.polls < end, "it wakes itself for ever");
            self.poll();
            moved = true;
        }
        moved
    }

    /// Drops the future.
    pub(crate) fn drop_it(&mut self) {
        self.future = None;
    }
}
