//! Handlers that have been called: those that are not ready yet, and answers that wait for
//! room.

use crate::response::Response;
use crate::running::Running;
use coap_ws_core::message::Code;
use coap_ws_core::{RequestId, Responder};
use futures_util::FutureExt;
use futures_util::future::{AbortHandle, Abortable, CatchUnwind};
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The handlers of one connection that have not answered yet. Bounded by the core's
/// `max_requests`, since each holds a responder.
pub(crate) struct Answers<F> {
    pending: Running<Abortable<Pending<F, Responder>>>,
    handles: HashMap<RequestId, AbortHandle>,
    /// Answered, and refused for lack of room.
    waiting: VecDeque<(Responder, Response)>,
}

/// A handler's future, and to whom its answer goes.
pub(crate) struct Pending<F, R> {
    /// Boxed: futures of handlers need not be `Unpin`.
    future: Pin<Box<CatchUnwind<AssertUnwindSafe<F>>>>,
    to: Option<R>,
}

impl<F: Future<Output = Response>> Answers<F> {
    pub(crate) fn new() -> Answers<F> {
        let (pending, handles) = (Running::new(), HashMap::new());
        Answers { pending, handles, waiting: VecDeque::new() }
    }

    /// Calls a handler and polls it once. An answer that is ready is given back at once.
    pub(crate) fn start(
        &mut self,
        cx: &mut Context<'_>,
        responder: Responder,
        call: impl FnOnce() -> F,
    ) -> Option<(Responder, Response)> {
        let id = responder.id();
        let pending = match Pending::start(cx, responder, call) {
            Ok(answer) => return Some(answer),
            Err(pending) => pending,
        };
        let (pending, handle) = futures_util::future::abortable(pending);
        self.handles.insert(id, handle);
        self.pending.push(pending);
        None
    }

    /// The next answer: first what waits for room, then what has become ready.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Option<(Responder, Response)> {
        if let Some(answer) = self.waiting.pop_front() {
            return Some(answer);
        }
        // An aborted one says so, and the next one is asked.
        loop {
            match self.pending.poll_next(cx) {
                Poll::Ready(Some(Ok((responder, response)))) => {
                    self.handles.remove(&responder.id());
                    return Some((responder, response));
                }
                Poll::Ready(Some(Err(_))) => {}
                Poll::Ready(None) | Poll::Pending => return None,
            }
        }
    }

    /// Keeps an answer until there is room.
    pub(crate) fn keep(&mut self, responder: Responder, response: Response) {
        self.waiting.push_front((responder, response));
    }

    /// The core has answered this one itself: its handler is dropped.
    pub(crate) fn expire(&mut self, id: RequestId) {
        if let Some(handle) = self.handles.remove(&id) {
            handle.abort();
        }
        self.waiting.retain(|(responder, _)| responder.id() != id);
    }

    /// Drops all handlers: nobody will hear their answers.
    pub(crate) fn clear(&mut self) {
        self.pending.clear();
        self.handles.clear();
        self.waiting.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.waiting.is_empty()
    }
}

impl<F: Future<Output = Response>, R: Unpin> Pending<F, R> {
    /// Calls a handler and polls it once: its answer, or what is to be polled again.
    pub(crate) fn start(
        cx: &mut Context<'_>,
        to: R,
        call: impl FnOnce() -> F,
    ) -> Result<(R, Response), Self> {
        let Ok(future) = catch_unwind(AssertUnwindSafe(call)) else { return Ok((to, panicked())) };
        let future = Box::pin(AssertUnwindSafe(future).catch_unwind());
        let mut pending = Pending { future, to: Some(to) };
        match Pin::new(&mut pending).poll(cx) {
            Poll::Ready(answer) => Ok(answer),
            Poll::Pending => Err(pending),
        }
    }
}

impl<F: Future<Output = Response>, R: Unpin> Future for Pending<F, R> {
    type Output = (R, Response);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(outcome) = self.future.poll_unpin(cx) else { return Poll::Pending };
        let response = outcome.unwrap_or_else(|_| panicked());
        match self.to.take() {
            Some(to) => Poll::Ready((to, response)),
            None => Poll::Pending,
        }
    }
}

/// The panic's message may hold anything; it is for the log of the process.
fn panicked() -> Response {
    Response::error(Code::INTERNAL_SERVER_ERROR, "the handler panicked")
}
