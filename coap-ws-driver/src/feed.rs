//! From the task of a connection to one observation of ours.
//!
//! Bounded by what an observation is: the newest state, and how it ended.

use crate::error::Error;
use crate::response::Response;
use futures_util::task::AtomicWaker;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

#[derive(Default)]
pub(crate) struct Feed {
    state: Mutex<State>,
    waker: AtomicWaker,
}

#[derive(Default)]
struct State {
    /// Of what has come and was not read, the last.
    newest: Option<Response>,
    end: End,
}

#[derive(Default)]
enum End {
    /// There has been no first answer that registers.
    #[default]
    Asked,
    Observing,
    /// Over, to be told behind the newest.
    Last(Box<Result<Response, Error>>),
    Told,
}

impl Feed {
    /// The first answer registers; it is told to who asked.
    pub(crate) fn begin(&self) {
        self.lock().end = End::Observing;
    }

    /// A notification. It takes the place of one that was not read (RFC 7641 §1.3).
    pub(crate) fn push(&self, response: Response) {
        let before = self.lock().newest.replace(response);
        drop(before);
        self.waker.wake();
    }

    /// The observation is over.
    pub(crate) fn end(&self, outcome: Result<Response, Error>) {
        self.lock().end = End::Last(Box::new(outcome));
        self.waker.wake();
    }

    /// Whether more may come, or there is something to read.
    pub(crate) fn is_observing(&self) -> bool {
        matches!(self.lock().end, End::Observing)
    }

    /// What is to be read next.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Response, Error>>> {
        self.waker.register(cx.waker());
        let mut state = self.lock();
        if let Some(response) = state.newest.take() {
            return Poll::Ready(Some(Ok(response)));
        }
        match state.end {
            End::Observing => Poll::Pending,
            End::Asked | End::Told => Poll::Ready(None),
            End::Last(_) => {
                let End::Last(last) = std::mem::replace(&mut state.end, End::Told) else {
                    return Poll::Ready(None);
                };
                Poll::Ready(Some(*last))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock; were it otherwise, the state would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
