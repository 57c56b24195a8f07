//! Futures that run side by side; nothing where there is none.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::future::Future;
use std::task::{Context, Poll};

/// A set of futures that takes no heap while it is empty: most connections never have one that
/// is not ready at once.
pub(crate) struct Running<F>(Option<FuturesUnordered<F>>);

impl<F: Future + Unpin> Running<F> {
    pub(crate) const fn new() -> Running<F> {
        Running(None)
    }

    pub(crate) fn push(&mut self, future: F) {
        self.0.get_or_insert_with(FuturesUnordered::new).push(future);
    }

    /// What the next one has come to; `Ready(None)` where there is none.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let Some(set) = &mut self.0 else { return Poll::Ready(None) };
        let next = set.poll_next_unpin(cx);
        if set.is_empty() {
            self.0 = None;
        }
        next
    }

    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}
