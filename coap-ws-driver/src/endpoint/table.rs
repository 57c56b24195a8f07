//! The pool and what its ids stand for. One lock around both, held for look-ups only.

use super::lease::Lease;
use super::shared::{Attempt, Shared};
use crate::dial::Whereto;
use crate::remote::Remote;
use coap_ws_core::Instant;
use coap_ws_core::pool::{ConnectionId, DialId, Full, HeldOff, Pool, PoolKey, Route};
use futures_util::future::{self, FutureExt, WeakShared};
use std::collections::HashMap;
use std::sync::Arc;

/// What a pool decides on, by name.
pub(super) struct Table {
    pub(super) pool: Pool,
    remotes: HashMap<ConnectionId, Remote>,
    /// Attempts to connect. Those who wait drive them; without any they are dropped.
    dials: HashMap<DialId, WeakShared<Attempt>>,
    /// Whether somebody looks after idle connections.
    pub(super) swept: bool,
}

/// What a request is to do.
pub(super) enum Next {
    Use(Lease),
    /// It has begun the attempt, and is the first to wait for it.
    Dial(DialId, future::Shared<Attempt>),
    Wait(DialId, WeakShared<Attempt>),
    HeldOff {
        until: Instant,
        why: HeldOff,
    },
    Full(Full),
}

impl Table {
    pub(super) fn new(pool: Pool) -> Table {
        Table { pool, remotes: HashMap::new(), dials: HashMap::new(), swept: false }
    }

    /// What a request for `key` is to do.
    pub(super) fn route(
        &mut self,
        now: Instant,
        key: &PoolKey,
        whereto: &Whereto,
        shared: &Arc<Shared>,
    ) -> Next {
        loop {
            match self.pool.route(now, key) {
                Route::Use(id) => match self.remotes.get(&id) {
                    Some(remote) if !remote.is_closed() => {
                        self.pool.begin(id);
                        return Next::Use(Lease::new(Arc::clone(shared), id, remote.clone()));
                    }
                    // Its task has ended this very moment; what it tells the pool comes late.
                    _ => self.pool.leave(id),
                },
                Route::Dial { dial, alternative } => {
                    // Here as soon as in the pool: who comes next would take it for given up.
                    let whereto = Whereto { alternative, ..whereto.clone() };
                    let attempt = shared.attempt(dial, whereto).shared();
                    if let Some(weak) = attempt.downgrade() {
                        self.dials.insert(dial, weak);
                    }
                    return Next::Dial(dial, attempt);
                }
                Route::Wait(dial) => match self.dials.get(&dial) {
                    Some(attempt) => return Next::Wait(dial, attempt.clone()),
                    // Never: both are entered and left together. Nobody would drive it.
                    None => self.pool.dial_failed(now, dial),
                },
                Route::HeldOff { until, why } => return Next::HeldOff { until, why },
                Route::Full(full) => return Next::Full(full),
            }
        }
    }

    /// An attempt has succeeded; `None` where nobody wants it any more.
    pub(super) fn dialled(
        &mut self,
        now: Instant,
        dial: DialId,
        remote: &Remote,
    ) -> Option<ConnectionId> {
        self.dials.remove(&dial);
        let id = self.pool.dialled(now, dial)?;
        self.remotes.insert(id, remote.clone());
        Some(id)
    }

    pub(super) fn dial_failed(&mut self, now: Instant, dial: DialId) {
        self.dials.remove(&dial);
        self.pool.dial_failed(now, dial);
    }

    /// One waits no more.
    pub(super) fn give_up(&mut self, dial: DialId) {
        if self.pool.give_up(dial) {
            self.dials.remove(&dial);
        }
    }

    pub(super) fn accepted(&mut self, now: Instant, remote: &Remote) -> Result<ConnectionId, Full> {
        let id = self.pool.accepted(now)?;
        self.remotes.insert(id, remote.clone());
        Ok(id)
    }

    /// The handle goes back, to be dropped without the lock: the last one may run user code.
    #[must_use = "to be dropped when the lock is not held"]
    pub(super) fn closed(&mut self, now: Instant, id: ConnectionId, lost: bool) -> Option<Remote> {
        self.pool.handle_closed(now, id, lost);
        self.remotes.remove(&id)
    }

    /// What is to be released, for nobody has used it.
    pub(super) fn evicted(&mut self, now: Instant) -> Vec<Remote> {
        self.pool.handle_timeout(now);
        let ids = std::iter::from_fn(|| self.pool.poll_evicted());
        ids.filter_map(|id| self.remotes.get(&id).cloned()).collect()
    }

    pub(super) fn remotes(&self) -> impl Iterator<Item = &Remote> {
        self.remotes.values()
    }

    /// The connection that a request for `key` would use now.
    pub(super) fn current(&self, key: &PoolKey) -> Option<Remote> {
        self.remotes.get(&self.pool.current(key)?).cloned()
    }
}
