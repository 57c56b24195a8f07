//! Who observes by this connection, and the handlers that make their notifications.
//!
//! An observer is the request that registered it and the version of the resource that it was
//! told last; its notification is what that request would be answered now.

use crate::answers::Pending;
use crate::notifier::{Notifier, Place};
use crate::request::Request;
use crate::response::Response;
use crate::running::Running;
use coap_ws_core::message::{Code, ContentFormat, OwnedMessage};
use coap_ws_core::{Instant, ObserverId, RequestId};
use futures_util::future::{AbortHandle, Abortable};
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::task::{Context, Poll};

/// How many bytes of requests are kept for observers: 128 of ordinary size. A registration
/// beyond gets a plain answer (OBS-02).
pub(crate) const MAX_BYTES: usize = 64 * 1024;

/// How many notifications are begun in one poll of the task; then its neighbours go first,
/// however often a resource changes.
const RUNS_A_POLL: usize = 128;

/// The observers of one connection, at most the core's `max_observers`.
pub(crate) struct Watches<F> {
    /// Those whose first answer is still being made.
    asked: HashMap<RequestId, Asked>,
    observers: HashMap<ObserverId, Observer>,
    /// Whose handlers are to be called when there is room, in the order they came due.
    due: VecDeque<ObserverId>,
    running: Running<Abortable<Pending<F, ObserverId>>>,
    /// Made, and refused for lack of room.
    waiting: VecDeque<(ObserverId, Response)>,
    /// Of all requests that are kept.
    bytes: usize,
    /// How many more may be begun in this poll.
    left: usize,
}

/// A request that wants to be told of changes.
pub(crate) struct Asked {
    pub(crate) notifier: Notifier,
    request: Request,
    /// The version of the resource before the handler was called last.
    seen: u64,
}

struct Observer {
    asked: Asked,
    step: Step,
    /// Of the first representation that it was told; one in another format ends it (OBS-15).
    format: Option<Option<ContentFormat>>,
    /// Given back with the observer.
    _place: Place,
}

enum Step {
    /// It was told how things are, as far as anybody knows.
    Idle,
    /// The core knows that it is to be told something, and says when there is room.
    Marked,
    /// Its handler is at work. One at a time.
    Running { handle: AbortHandle, until: Instant },
}

impl<F: Future<Output = Response>> Watches<F> {
    pub(crate) fn new() -> Watches<F> {
        Watches {
            asked: HashMap::new(),
            observers: HashMap::new(),
            due: VecDeque::new(),
            running: Running::new(),
            waiting: VecDeque::new(),
            bytes: 0,
            left: RUNS_A_POLL,
        }
    }

    /// The task is polled.
    pub(crate) fn polled(&mut self) {
        self.left = RUNS_A_POLL;
    }

    /// A request wants to be told of changes; its handler is called next.
    pub(crate) fn ask(&mut self, id: RequestId, notifier: Notifier, request: &Request) {
        let bytes = self.bytes.saturating_add(request.size());
        if bytes <= MAX_BYTES {
            self.bytes = bytes;
            let (seen, request) = (notifier.version(), request.detached());
            self.asked.insert(id, Asked { notifier, request, seen });
        }
    }

    /// The request has its answer, or will have none.
    pub(crate) fn take_asked(&mut self, id: RequestId) -> Option<Asked> {
        if self.asked.is_empty() {
            return None;
        }
        let asked = self.asked.remove(&id)?;
        self.bytes = self.bytes.saturating_sub(asked.request.size());
        Some(asked)
    }

    /// The answer waits for room.
    pub(crate) fn keep_asked(&mut self, id: RequestId, asked: Asked) {
        self.bytes = self.bytes.saturating_add(asked.request.size());
        self.asked.insert(id, asked);
    }

    /// The first answer has registered an observer, or has done so again; whether there is
    /// something to tell it already.
    pub(crate) fn open(
        &mut self,
        id: ObserverId,
        asked: Asked,
        place: Place,
        first: &Response,
    ) -> bool {
        self.end(id);
        self.bytes = self.bytes.saturating_add(asked.request.size());
        let format = (first.code() == Code::CONTENT).then(|| first.format());
        let observer = Observer { asked, step: Step::Idle, format, _place: place };
        self.observers.insert(id, observer);
        self.told(id)
    }

    /// Those that have missed a change and do not know of it yet.
    pub(crate) fn stale(&mut self) -> impl Iterator<Item = ObserverId> {
        let stale = |(id, observer): (&ObserverId, &mut Observer)| observer.mark().then_some(*id);
        self.observers.iter_mut().filter_map(stale)
    }

    /// There is room to tell it something.
    pub(crate) fn now_due(&mut self, id: ObserverId) {
        if self.observers.get(&id).is_some_and(|observer| matches!(observer.step, Step::Marked)) {
            self.due.push_back(id);
        }
    }

    /// Calls the handler of the observer that has been due for longest, and polls it once. The
    /// notification, where it is ready; `None` where nobody is due, or enough was done in this
    /// poll.
    pub(crate) fn start(
        &mut self,
        cx: &mut Context<'_>,
        until: Instant,
        call: impl FnOnce(Request) -> F,
    ) -> Option<Poll<(ObserverId, Response)>> {
        if self.left == 0 && !self.due.is_empty() {
            cx.waker().wake_by_ref();
            return None;
        }
        let id = self.due.pop_front()?;
        self.left = self.left.saturating_sub(1);
        let Some(observer) = self.observers.get_mut(&id) else { return Some(Poll::Pending) };
        // Before the handler looks: what changes after is told by another notification.
        observer.asked.seen = observer.asked.notifier.version();
        let request = observer.asked.request.clone();
        let (handle, registration) = AbortHandle::new_pair();
        observer.step = Step::Running { handle, until };
        Some(match Pending::start(cx, id, || call(request)) {
            Ok(ready) => Poll::Ready(ready),
            Err(pending) => {
                self.running.push(Abortable::new(pending, registration));
                Poll::Pending
            }
        })
    }

    /// The next notification: first what waits for room, then what has become ready.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Option<(ObserverId, Response)> {
        if let Some(notification) = self.waiting.pop_front() {
            return Some(notification);
        }
        loop {
            match self.running.poll_next(cx) {
                Poll::Ready(Some(Ok(notification))) => return Some(notification),
                // An aborted one says so, and the next one is asked.
                Poll::Ready(Some(Err(_))) => {}
                Poll::Ready(None) | Poll::Pending => return None,
            }
        }
    }

    /// The request that registered an observer.
    pub(crate) fn message(&self, id: ObserverId) -> Option<&OwnedMessage> {
        Some(self.observers.get(&id)?.asked.request.message())
    }

    /// What an observer is told instead, where its handler gives another format than before
    /// (RFC 7641 §4.2).
    pub(crate) fn check(&mut self, id: ObserverId, response: Response) -> Response {
        let Some(observer) = self.observers.get_mut(&id) else { return response };
        // 2.03 has no format, and changes none.
        if response.code() != Code::CONTENT
            || *observer.format.get_or_insert(response.format()) == response.format()
        {
            return response;
        }
        Response::error(Code::NOT_ACCEPTABLE, "the format has changed")
    }

    /// Keeps a notification until there is room.
    pub(crate) fn keep(&mut self, id: ObserverId, response: Response) {
        self.waiting.push_front((id, response));
    }

    /// It was told how things were when its handler looked; whether they have changed since.
    pub(crate) fn told(&mut self, id: ObserverId) -> bool {
        let Some(observer) = self.observers.get_mut(&id) else { return false };
        observer.step = Step::Idle;
        observer.mark()
    }

    /// The observation is over: its handler is dropped.
    pub(crate) fn end(&mut self, id: ObserverId) {
        let Some(observer) = self.observers.remove(&id) else { return };
        self.bytes = self.bytes.saturating_sub(observer.asked.request.size());
        if let Step::Running { handle, .. } = observer.step {
            handle.abort();
        }
        self.due.retain(|other| *other != id);
        self.waiting.retain(|(other, _)| *other != id);
    }

    /// A handler that takes too long is dropped, and 5.03 ends its observation, as a GET would
    /// end (T79).
    pub(crate) fn expire(&mut self, now: Instant) {
        for (id, observer) in &mut self.observers {
            if let Step::Running { handle, until } = &mut observer.step
                && *until <= now
            {
                handle.abort();
                *until = Instant::FAR_FUTURE;
                let late = Response::error(Code::SERVICE_UNAVAILABLE, "no answer in time");
                self.waiting.push_back((*id, late));
            }
        }
    }

    /// When a handler has taken too long.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.running.is_empty() {
            return None;
        }
        let until = self.observers.values().filter_map(|observer| match observer.step {
            Step::Running { until, .. } => Some(until),
            Step::Idle | Step::Marked => None,
        });
        until.min().filter(|until| *until < Instant::FAR_FUTURE)
    }

    /// Whether there is nothing to look after.
    pub(crate) fn is_empty(&self) -> bool {
        self.asked.is_empty() && self.observers.is_empty()
    }
}

impl Observer {
    /// Whether it has missed a change, and that is news.
    fn mark(&mut self) -> bool {
        let idle = matches!(self.step, Step::Idle);
        let missed = idle && self.asked.notifier.version() != self.asked.seen;
        if missed {
            self.step = Step::Marked;
        }
        missed
    }
}
