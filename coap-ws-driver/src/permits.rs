//! Permits: how many may be at something at a time. Nobody is woken under the lock.

use futures_channel::oneshot;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fmt, mem};

pub(crate) struct Permits {
    state: Mutex<State>,
}

struct State {
    free: usize,
    /// In the order they came; those that have given up are left out when it gets long.
    waiting: VecDeque<oneshot::Sender<Permit>>,
    closed: bool,
}

/// One of them; given back when it is dropped.
pub(crate) struct Permit(Option<Arc<Permits>>);

impl Permits {
    pub(crate) fn new(count: usize) -> Arc<Permits> {
        let state = State { free: count, waiting: VecDeque::new(), closed: false };
        Arc::new(Permits { state: Mutex::new(state) })
    }

    /// Waits for a permit, `None` where there will be none. Dropping the future gives up.
    pub(crate) async fn acquire(self: &Arc<Self>) -> Option<Permit> {
        let turn = {
            let mut state = self.lock();
            if state.take() {
                return Some(Permit(Some(Arc::clone(self))));
            }
            if state.closed {
                return None;
            }
            if state.waiting.len() == state.waiting.capacity() {
                state.waiting.retain(|waiting| !waiting.is_canceled());
            }
            let (tx, rx) = oneshot::channel();
            state.waiting.push_back(tx);
            rx
        };
        turn.await.ok()
    }

    /// A permit, if there is one now. Where one is free nobody waits.
    pub(crate) fn try_acquire(self: &Arc<Self>) -> Option<Permit> {
        self.lock().take().then(|| Permit(Some(Arc::clone(self))))
    }

    /// No permit is given any more; whoever waits is told.
    pub(crate) fn close(&self) {
        let waiting = {
            let mut state = self.lock();
            state.closed = true;
            mem::take(&mut state.waiting)
        };
        // Wakes those who wait: not under the lock.
        drop(waiting);
    }

    /// A permit goes to who has waited longest.
    fn pass_on(self: Arc<Self>) {
        let mut permit = Permit(Some(Arc::clone(&self)));
        loop {
            let next = {
                let mut state = self.lock();
                let next = state.waiting.pop_front();
                if next.is_none() {
                    state.free = state.free.saturating_add(1);
                }
                next
            };
            let Some(next) = next else {
                permit.0 = None;
                return;
            };
            match next.send(permit) {
                Ok(()) => return,
                // That one has given up.
                Err(back) => permit = back,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock; were it otherwise, the state would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self) -> bool {
        match self.free.checked_sub(1) {
            Some(free) if !self.closed => {
                self.free = free;
                true
            }
            _ => false,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(permits) = self.0.take() {
            permits.pass_on();
        }
    }
}

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permits")
    }
}

#[cfg(test)]
mod tests {
    use super::{Permit, Permits};
    use futures_util::FutureExt;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn who_waits_longest_goes_first_and_who_gave_up_is_passed_over() {
        let permits = Permits::new(1);
        let first = permits.acquire().now_or_never().flatten();
        assert!(first.is_some());
        let mut gone = Box::pin(permits.acquire());
        let mut second = pin!(permits.acquire());
        let mut third = pin!(permits.acquire());
        assert!(poll(gone.as_mut()).is_pending());
        assert!(poll(second.as_mut()).is_pending());
        assert!(poll(third.as_mut()).is_pending());
        drop(gone);
        drop(first);
        assert!(poll(third.as_mut()).is_pending());
        let Poll::Ready(Some(permit)) = poll(second.as_mut()) else { panic!("it is its turn") };
        drop::<Permit>(permit);
        assert!(matches!(poll(third.as_mut()), Poll::Ready(Some(_))));
    }

    #[test]
    fn a_permit_that_was_given_and_not_taken_goes_on() {
        let permits = Permits::new(1);
        let first = permits.acquire().now_or_never().flatten();
        let mut second = Box::pin(permits.acquire());
        assert!(poll(second.as_mut()).is_pending());
        drop(first);
        drop(second);
        assert!(permits.acquire().now_or_never().flatten().is_some());
    }

    #[test]
    fn the_end_is_told_to_all_and_those_who_gave_up_are_forgotten() {
        let permits = Permits::new(0);
        for _ in 0..1000 {
            drop(poll(pin!(permits.acquire())));
        }
        assert!(permits.lock().waiting.len() <= 8);
        let mut waits = pin!(permits.acquire());
        assert!(poll(waits.as_mut()).is_pending());
        permits.close();
        assert!(matches!(poll(waits.as_mut()), Poll::Ready(None)));
        assert!(permits.acquire().now_or_never().is_some_and(|permit| permit.is_none()));
    }
}
