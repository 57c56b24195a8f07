//! What all handles of an endpoint share, of whatever runtime.

use super::NotTaken;
use super::lease::Lease;
use super::table::{Next, Table};
use crate::dial::{Dial, Whereto};
use crate::engine::ReleaseNotice;
use crate::error::{Closed, ConnectError, Error, ErrorKind};
use crate::remote::{Remote, Watch};
use coap_ws_core::pool::{ConnectionId, DialId, Pool, PoolKey, PoolStats};
use coap_ws_core::{CloseReason, Instant};
use futures_util::future::{BoxFuture, Either, select};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

pub(crate) struct Shared {
    dial: Arc<dyn Dial>,
    table: Mutex<Table>,
    /// How long a request without a timeout of its own waits for a host that is held off.
    patience: Duration,
}

/// An attempt to connect. Everybody who waits for it drives it.
pub(super) type Attempt = BoxFuture<'static, Result<Opened, Arc<ConnectError>>>;

/// A new connection, perhaps over already: then its requests say why.
type Opened = (ConnectionId, Remote);

impl Shared {
    pub(crate) fn new(dial: Arc<dyn Dial>, pool: Pool, patience: Duration) -> Arc<Shared> {
        Arc::new(Shared { dial, table: Mutex::new(Table::new(pool)), patience })
    }

    /// A connection for requests to `whereto`, within what is left of a request's time.
    pub(crate) async fn lease(
        self: &Arc<Self>,
        key: &PoolKey,
        whereto: &Whereto,
        until: Option<Instant>,
    ) -> Result<Lease, Error> {
        let patience = until.unwrap_or_else(|| self.now().saturating_add(self.patience));
        loop {
            let now = self.now();
            let next = self.table().route(now, key, whereto, self);
            match next {
                Next::Use(lease) => return Ok(lease),
                Next::Dial(dial, attempt) => return self.wait(dial, attempt, until).await,
                Next::Wait(dial, attempt) => match attempt.upgrade() {
                    Some(attempt) => return self.wait(dial, attempt, until).await,
                    // Whoever drove it has just left; the next turn begins another one.
                    None => self.table().give_up(dial),
                },
                Next::HeldOff { until: free, why } => {
                    let left = free.saturating_since(now);
                    if patience < free {
                        return Err(Error::unsent(ErrorKind::HeldOff { left, why }));
                    }
                    self.dial.sleep(left).await;
                }
                Next::Full(full) => return Err(Error::unsent(ErrorKind::Full(full))),
            }
        }
    }

    /// Waits for an attempt. Whoever stops waiting says so; without anybody it ends.
    async fn wait(
        self: &Arc<Self>,
        dial: DialId,
        attempt: futures_util::future::Shared<Attempt>,
        until: Option<Instant>,
    ) -> Result<Lease, Error> {
        let _waiting = Waiting { shared: self, dial };
        let outcome = match until {
            None => attempt.await,
            Some(until) => {
                let left = until.saturating_since(self.now());
                match select(attempt, pin!(self.dial.sleep(left))).await {
                    Either::Left((outcome, _)) => outcome,
                    Either::Right(_) => return Err(Error::unsent(ErrorKind::Timeout)),
                }
            }
        };
        let (id, remote) = outcome.map_err(|error| Error::unsent(ErrorKind::Connect(error)))?;
        self.table().pool.begin(id);
        Ok(Lease::new(Arc::clone(self), id, remote))
    }

    pub(super) fn attempt(self: &Arc<Self>, dial: DialId, whereto: Whereto) -> Attempt {
        let (dialler, weak) = (Arc::clone(&self.dial), Arc::downgrade(self));
        Box::pin(async move {
            let outcome = dialler.dial(whereto).await;
            // Those who wait hold the endpoint.
            let shared = weak.upgrade().ok_or(ConnectError::Timeout)?;
            match outcome {
                Ok(remote) => match shared.opened(dial, &remote) {
                    Some(id) => Ok((id, remote)),
                    None => Err(Arc::new(ConnectError::Timeout)),
                },
                Err(error) => {
                    let now = shared.now();
                    shared.table().dial_failed(now, dial);
                    Err(error)
                }
            }
        })
    }

    /// `None` where nobody has waited for it to the end.
    fn opened(self: &Arc<Self>, dial: DialId, remote: &Remote) -> Option<ConnectionId> {
        let now = self.now();
        let id = self.table().dialled(now, dial, remote);
        match id {
            // It is new: nobody else can have heard of it.
            Some(id) => _ = self.watch(id, remote),
            None => remote.let_go(),
        }
        self.sweep();
        id
    }

    /// Somebody has connected to us.
    pub(crate) fn accepted(self: &Arc<Self>, remote: &Remote) -> Result<(), NotTaken> {
        let now = self.now();
        let id = self.table().accepted(now, remote).map_err(NotTaken::Full)?;
        if self.watch(id, remote) {
            return Ok(());
        }
        // Of one that tells another table of its end we would never hear.
        let handle = self.table().closed(now, id, false);
        drop(handle);
        Err(NotTaken::Known)
    }

    fn watch(self: &Arc<Self>, id: ConnectionId, remote: &Remote) -> bool {
        remote.watch(Box::new(Watcher { shared: Arc::downgrade(self), id }))
    }

    /// Sees to it that idle connections are released. One task, as long as there are any.
    fn sweep(self: &Arc<Self>) {
        {
            let mut table = self.table();
            if table.swept || table.pool.config().idle_timeout.is_none() {
                return;
            }
            table.swept = true;
        }
        self.dial.spawn(Box::pin(sweep(Arc::downgrade(self))));
    }

    /// Releases every connection that there is, and gives their handles.
    pub(crate) fn let_go(&self) -> Vec<Remote> {
        let remotes = self.remotes();
        remotes.iter().for_each(Remote::let_go);
        remotes
    }

    /// The connection that a request for `key` would use now.
    pub(crate) fn current(&self, key: &PoolKey) -> Option<Remote> {
        self.table().current(key)
    }

    /// Every connection that is open.
    pub(crate) fn remotes(&self) -> Vec<Remote> {
        self.table().remotes().cloned().collect()
    }

    pub(crate) fn stats(&self) -> PoolStats {
        self.table().pool.stats()
    }

    pub(crate) fn now(&self) -> Instant {
        self.dial.now()
    }

    pub(super) async fn sleep(&self, wait: Duration) {
        self.dial.sleep(wait).await;
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    /// Nobody can ask by it any more: its connections are released, so that none is left behind.
    fn drop(&mut self) {
        let table = self.table.get_mut().unwrap_or_else(PoisonError::into_inner);
        table.remotes().for_each(Remote::let_go);
    }
}

/// Releases what is idle, until there is nothing left or the endpoint is gone.
async fn sweep(weak: Weak<Shared>) {
    while let Some(shared) = weak.upgrade() {
        let now = shared.now();
        let (evicted, next) = {
            let mut table = shared.table();
            let evicted = table.evicted(now);
            // The busy ones become idle no earlier than now.
            let limit = table.pool.config().idle_timeout.unwrap_or(Duration::MAX);
            let next = table.pool.poll_timeout().unwrap_or(now.saturating_add(limit));
            table.swept = table.pool.stats().open > 0;
            (evicted, table.swept.then_some(next))
        };
        evicted.iter().for_each(Remote::let_go);
        let Some(next) = next else { return };
        let sleep: Pin<Box<dyn Future<Output = ()> + Send>> =
            shared.dial.sleep(next.saturating_since(now));
        drop((evicted, shared));
        sleep.await;
    }
}

/// Tells the pool what a connection's task says of it.
struct Watcher {
    shared: Weak<Shared>,
    id: ConnectionId,
}

impl Watch for Watcher {
    fn released(&self, notice: &ReleaseNotice) {
        let Some(shared) = self.shared.upgrade() else { return };
        let alternatives = notice.alternatives.iter().map(String::as_str);
        let now = shared.now();
        shared.table().pool.handle_release(now, self.id, notice.hold_off, alternatives);
    }

    fn closed(&self, closed: &Closed) {
        let Some(shared) = self.shared.upgrade() else { return };
        let now = shared.now();
        let lost = !closed.reason.is_clean() && closed.reason != CloseReason::Aborted;
        let handle = shared.table().closed(now, self.id, lost);
        drop(handle);
    }
}

struct Waiting<'s> {
    shared: &'s Shared,
    dial: DialId,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.table().give_up(self.dial);
    }
}
