//! Tasks that wait for something to be told about a connection. Nobody is woken under the lock.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Who waits. Costs next to nothing while nobody does.
#[derive(Default)]
pub(crate) struct Waiting {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: u64,
    wakers: Vec<(u64, Waker)>,
}

impl Waiting {
    /// Ready when `look` finds something; it is asked again after each [`wake`](Waiting::wake).
    /// Dropping the future leaves nothing behind.
    pub(crate) fn until<T, F: Fn() -> Option<T> + Unpin>(&self, look: F) -> Until<'_, F> {
        Until { waiting: self, id: 0, look }
    }

    /// What is waited for may be there: everybody looks.
    pub(crate) fn wake(&self) {
        let wakers = mem::take(&mut self.lock().wakers);
        // User code may run in a waker: not under the lock.
        wakers.into_iter().for_each(|(_, waker)| waker.wake());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock; were it otherwise, the state would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Until<'w, F> {
    waiting: &'w Waiting,
    /// 0 before it is first polled.
    id: u64,
    look: F,
}

impl<F> Until<'_, F> {
    fn register(&mut self, waker: &Waker) {
        // A clone may run user code too.
        let waker = waker.clone();
        let mut state = self.waiting.lock();
        if self.id == 0 {
            state.last = state.last.wrapping_add(1).max(1);
            self.id = state.last;
        }
        let before = match state.wakers.iter_mut().find(|(id, _)| *id == self.id) {
            Some((_, before)) => Some(mem::replace(before, waker)),
            None => {
                state.wakers.push((self.id, waker));
                None
            }
        };
        drop(state);
        drop(before);
    }
}

impl<T, F: Fn() -> Option<T> + Unpin> Future for Until<'_, F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        if let Some(found) = (self.look)() {
            return Poll::Ready(found);
        }
        self.register(cx.waker());
        // It may have been told since.
        match (self.look)() {
            Some(found) => Poll::Ready(found),
            None => Poll::Pending,
        }
    }
}

impl<F> Drop for Until<'_, F> {
    fn drop(&mut self) {
        if self.id == 0 {
            return;
        }
        let mut state = self.waiting.lock();
        let index = state.wakers.iter().position(|(id, _)| *id == self.id);
        let gone = index.map(|index| state.wakers.swap_remove(index));
        drop(state);
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use super::Waiting;
    use std::cell::Cell;
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Wake, Waker};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn all_who_wait_are_woken_once_and_who_gave_up_leaves_nothing_behind() {
        let waiting = Waiting::default();
        let told = Cell::new(None);
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        let mut one = waiting.until(|| told.get());
        let mut two = waiting.until(|| told.get());
        for _ in 0..3 {
            assert!(Pin::new(&mut one).poll(&mut cx).is_pending());
            assert!(Pin::new(&mut two).poll(&mut cx).is_pending());
        }
        for _ in 0..1000 {
            let mut gone = waiting.until(|| told.get());
            assert!(Pin::new(&mut gone).poll(&mut cx).is_pending());
        }
        assert_eq!(waiting.lock().wakers.len(), 2);
        told.set(Some(7));
        waiting.wake();
        waiting.wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
        assert_eq!(Pin::new(&mut one).poll(&mut cx), Poll::Ready(7));
        assert_eq!(Pin::new(&mut two).poll(&mut cx), Poll::Ready(7));
        drop((one, two));
        assert!(waiting.lock().wakers.is_empty());
    }
}
