//! Between the handles of a connection and the task that owns it.
//!
//! Commands wait behind a lock that is held only to push or to swap; a flag costs the task
//! one load when nobody wrote. What may wait is bounded by permits.

use crate::engine::ReleaseNotice;
use crate::error::{Closed, Error, ErrorKind, PingFailure};
use crate::feed::Feed;
use crate::outgoing::Outgoing;
use crate::permits::{Permit, Permits};
use crate::response::Response;
use crate::transfer::{Part, Transfer};
use coap_ws_core::{Instant, Sent};
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use futures_util::task::AtomicWaker;
use std::mem;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::Duration;

/// How a handle names a request of its own.
pub(crate) type Ticket = u64;

/// What a handle wants of the task.
pub(crate) enum Command {
    Request(Box<Ask>),
    /// A request waits for its permit; its time counts from now.
    Alarm {
        ticket: Ticket,
        limit: TimeLimit,
        reply: oneshot::Sender<()>,
    },
    Cancel(Ticket),
    /// A transfer that the peer would go on with ends here.
    LeaveOff,
    /// Somebody waits for the peer's CSM.
    Settled(oneshot::Sender<()>),
    Ping {
        custody: bool,
        reply: oneshot::Sender<Result<bool, PingFailure>>,
    },
    Release(Box<ReleaseNotice>),
    Abort(String),
}

/// How long a request may take; where it goes in blocks, all of them together.
#[derive(Clone, Debug)]
pub(crate) struct TimeLimit {
    after: Duration,
    /// When that is, from when the task first hears of it.
    at: Arc<OnceLock<Instant>>,
}

impl TimeLimit {
    pub(crate) fn new(after: Duration) -> TimeLimit {
        TimeLimit { after, at: Arc::default() }
    }

    /// When it is up. It counts from the first call.
    pub(crate) fn at(&self, now: Instant) -> Instant {
        *self.at.get_or_init(|| now.saturating_add(self.after))
    }
}

/// A request on its way to the task.
pub(crate) struct Ask {
    pub(crate) ticket: Ticket,
    pub(crate) message: Arc<Outgoing>,
    pub(crate) limit: Option<TimeLimit>,
    pub(crate) reply: Reply,
    /// Given back when the exchange is over.
    pub(crate) permit: Permit,
    pub(crate) part: Part,
    /// Where notifications go, if it is to observe.
    pub(crate) feed: Option<Arc<Feed>>,
}

pub(crate) type Reply = oneshot::Sender<Result<Answer, Error>>;

/// What comes of a request.
pub(crate) struct Answer {
    pub(crate) response: Response,
    /// What it is a part of, where more is to follow.
    pub(crate) transfer: Option<Arc<Transfer>>,
}

pub(crate) struct Mailbox {
    state: Mutex<State>,
    /// Whether something waits in the inbox.
    posted: AtomicBool,
    /// Whether the connection is over: seen without the lock, by who holds another one.
    over: AtomicBool,
    /// Whether something that may be observed here has changed.
    stirred: AtomicBool,
    waker: AtomicWaker,
    tickets: AtomicU64,
    permits: Arc<Permits>,
    /// One for each Ping that may be unanswered.
    ping_permits: Arc<Permits>,
    /// One for each body of ours that goes in blocks; made with the first.
    uploads: OnceLock<Arc<Permits>>,
}

#[derive(Default)]
struct State {
    inbox: Vec<Command>,
    closed: Option<Closed>,
}

/// How many Pings may be unanswered; the core's own number.
const PINGS: usize = 4;

impl Mailbox {
    pub(crate) fn new(permits: usize) -> Mailbox {
        Mailbox {
            state: Mutex::default(),
            posted: AtomicBool::new(false),
            over: AtomicBool::new(false),
            stirred: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            tickets: AtomicU64::new(1),
            permits: Permits::new(permits),
            ping_permits: Permits::new(PINGS),
            uploads: OnceLock::new(),
        }
    }

    /// Sends a request and waits for what comes of it. Dropping the future cancels it.
    pub(crate) async fn request(
        self: Arc<Self>,
        message: Arc<Outgoing>,
        limit: Option<TimeLimit>,
        part: Part,
    ) -> Result<Answer, Error> {
        let (mut guard, ticket) = self.guard();
        let answer = self.ask(&mut guard, ticket, message, limit, (part, None)).await;
        guard.ticket = None;
        answer
    }

    /// Registers an observation and waits for what comes of it. Dropping the future ends it, and
    /// so does dropping what it gives.
    pub(crate) async fn observe(
        self: Arc<Self>,
        message: Arc<Outgoing>,
        limit: Option<TimeLimit>,
        feed: Arc<Feed>,
    ) -> Result<(Response, CancelOnDrop), Error> {
        let (mut guard, ticket) = self.guard();
        let answer = self.ask(&mut guard, ticket, message, limit, (Part::Whole, Some(feed))).await;
        answer.map(|answer| (answer.response, guard))
    }

    fn guard(self: &Arc<Self>) -> (CancelOnDrop, Ticket) {
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        (CancelOnDrop { mailbox: Arc::clone(self), ticket: None }, ticket)
    }

    async fn ask(
        &self,
        guard: &mut CancelOnDrop,
        ticket: Ticket,
        message: Arc<Outgoing>,
        limit: Option<TimeLimit>,
        (part, feed): (Part, Option<Arc<Feed>>),
    ) -> Result<Answer, Error> {
        let refused = |closed| Error::unsent(ErrorKind::Closed(closed));
        let permit = self.permit(&self.permits, guard, ticket, limit.as_ref()).await?;
        let (reply, answer) = oneshot::channel();
        let ask = Box::new(Ask { ticket, message, limit, reply, permit, part, feed });
        self.post(Command::Request(ask)).map_err(refused)?;
        guard.ticket = Some(ticket);
        answer.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Waits for a permit, no longer than `limit` says.
    async fn permit(
        &self,
        permits: &Arc<Permits>,
        guard: &mut CancelOnDrop,
        ticket: Ticket,
        limit: Option<&TimeLimit>,
    ) -> Result<Permit, Error> {
        let permit = match (permits.try_acquire(), limit) {
            (None, Some(limit)) => {
                let (reply, alarm) = oneshot::channel();
                let refused = |closed| Error::unsent(ErrorKind::Closed(closed));
                let limit = limit.clone();
                self.post(Command::Alarm { ticket, limit, reply }).map_err(refused)?;
                guard.ticket = Some(ticket);
                match select(pin!(permits.acquire()), alarm).await {
                    Either::Left((permit, _)) => permit,
                    Either::Right((Ok(()), _)) => return Err(Error::unsent(ErrorKind::Timeout)),
                    Either::Right((Err(_), _)) => None,
                }
            }
            (None, None) => permits.acquire().await,
            (permit, _) => permit,
        };
        permit.ok_or_else(|| self.gone())
    }

    /// Waits until one more body may go in blocks, of at most `most`: the first caller says.
    pub(crate) async fn upload(
        self: Arc<Self>,
        most: usize,
        limit: Option<&TimeLimit>,
    ) -> Result<Permit, Error> {
        let permits = Arc::clone(self.uploads.get_or_init(|| Permits::new(most.max(1))));
        let (mut guard, ticket) = self.guard();
        self.permit(&permits, &mut guard, ticket, limit).await
    }

    /// Waits for the peer's CSM, or for what `limit` says, or for the connection's end.
    pub(crate) async fn settled(self: Arc<Self>, limit: Option<TimeLimit>) {
        let (mut guard, ticket) = self.guard();
        let (settle, settled) = oneshot::channel();
        if self.post(Command::Settled(settle)).is_err() {
            return;
        }
        let Some(limit) = limit else {
            let _ = settled.await;
            return;
        };
        let (reply, alarm) = oneshot::channel();
        if self.post(Command::Alarm { ticket, limit, reply }).is_ok() {
            guard.ticket = Some(ticket);
            select(settled, alarm).await;
        }
    }

    /// Sends a Ping and waits for its Pong: whether that states custody.
    pub(crate) async fn ping(&self, custody: bool) -> Result<bool, PingFailure> {
        let closed = || PingFailure::Closed(self.closed().unwrap_or_else(lost));
        let _permit = self.ping_permits.acquire().await.ok_or_else(closed)?;
        let (reply, answer) = oneshot::channel();
        self.post(Command::Ping { custody, reply }).map_err(PingFailure::Closed)?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Hands a command to the task, or says how the connection ended.
    pub(crate) fn post(&self, command: Command) -> Result<(), Closed> {
        {
            let mut state = self.lock();
            if let Some(closed) = &state.closed {
                return Err(closed.clone());
            }
            state.inbox.push(command);
            self.posted.store(true, Ordering::Release);
        }
        // User code may run in a waker: not under the lock.
        self.waker.wake();
        Ok(())
    }

    /// What handles want since the last call.
    pub(crate) fn take(&self) -> Vec<Command> {
        if !self.posted.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        mem::take(&mut self.lock().inbox)
    }

    /// Something that may be observed here has changed: the task looks what. However often that
    /// is said before it does, it is woken once.
    pub(crate) fn stir(&self) {
        if !self.stirred.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Whether something has changed since the last call.
    pub(crate) fn take_stir(&self) -> bool {
        self.stirred.load(Ordering::Relaxed) && self.stirred.swap(false, Ordering::AcqRel)
    }

    /// Whose task is to be woken by commands.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// The task is over: nobody is to be woken, and nothing of it is kept alive.
    pub(crate) fn forget(&self) {
        drop(self.waker.take());
    }

    /// The connection is over: from here on commands are refused, and who waits is told.
    pub(crate) fn close(&self, closed: Closed) {
        let left = {
            let mut state = self.lock();
            state.closed.get_or_insert(closed);
            self.over.store(true, Ordering::Release);
            mem::take(&mut state.inbox)
        };
        // Dropping a command tells its sender; not under the lock.
        drop(left);
        self.permits.close();
        self.ping_permits.close();
        if let Some(uploads) = self.uploads.get() {
            uploads.close();
        }
    }

    /// Whether the connection is over.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// How the connection ended, `None` while it lives.
    pub(crate) fn closed(&self) -> Option<Closed> {
        self.lock().closed.clone()
    }

    /// The error of a request whose command was dropped: it never reached the connection.
    fn gone(&self) -> Error {
        Error::new(ErrorKind::Closed(self.closed().unwrap_or_else(lost)), Sent::No)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock; were it otherwise, the state would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task was dropped before it could say anything.
pub(crate) fn lost() -> Closed {
    Closed { reason: coap_ws_core::CloseReason::Lost, diagnostic: None }
}

/// Ends a request or an observation that nobody waits for any more.
pub(crate) struct CancelOnDrop {
    mailbox: Arc<Mailbox>,
    ticket: Option<Ticket>,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            // Where the connection is over, so is the request.
            let _ = self.mailbox.post(Command::Cancel(ticket));
        }
    }
}
