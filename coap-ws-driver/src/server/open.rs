//! The connections of a server, counted.

use super::ServerLimits;
use crate::remote::Remote;
use futures_util::future::AbortHandle;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All connections, from the accepted stream to the end.
pub(super) struct Open {
    limits: ServerLimits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Nobody enters any more.
    closed: bool,
    last: u64,
    entries: HashMap<u64, Entry>,
    by_ip: HashMap<IpAddr, usize>,
    /// In the order they came; those that are open by now are left out when it gets long.
    pending: VecDeque<u64>,
}

#[derive(Default)]
struct Entry {
    remote: Option<Remote>,
    kill: Option<AbortHandle>,
}

/// One connection's place; given back when it is dropped.
pub(super) struct Place {
    open: Arc<Open>,
    id: u64,
    ip: Option<IpAddr>,
}

impl Open {
    pub(super) fn new(limits: ServerLimits) -> Open {
        Open { limits, state: Mutex::default() }
    }

    /// A place for one more connection, `None` where its address has too many (T09), or where
    /// nobody gets in any more.
    pub(super) fn enter(self: &Arc<Self>, ip: Option<IpAddr>) -> Option<Place> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        if let Some(ip) = ip {
            let count = state.by_ip.entry(ip).or_default();
            if self.limits.max_connections_per_ip.is_some_and(|limit| *count >= limit) {
                return None;
            }
            *count = count.saturating_add(1);
        }
        state.last = state.last.wrapping_add(1);
        let id = state.last;
        state.entries.insert(id, Entry::default());
        state.pending.push_back(id);
        let oldest = state.oldest_pending(self.limits.max_pending_handshakes);
        drop(state);
        if let Some(kill) = oldest {
            // Wakes a task: not under the lock.
            kill.abort();
        }
        Some(Place { open: Arc::clone(self), id, ip })
    }

    pub(super) fn is_full(&self) -> bool {
        self.count() >= self.limits.max_connections
    }

    pub(super) fn count(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether nobody gets in any more.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(super) fn remotes(&self) -> Vec<Remote> {
        self.lock().entries.values().filter_map(|entry| entry.remote.clone()).collect()
    }

    /// Lets nobody in any more. Who has not got as far as HTTP is dropped; the others are for
    /// the caller to part from.
    pub(super) fn close(&self) -> Vec<Remote> {
        let mut state = self.lock();
        state.closed = true;
        let (mut remotes, mut kills) = (Vec::new(), Vec::new());
        for entry in state.entries.values() {
            match &entry.remote {
                Some(remote) => remotes.push(remote.clone()),
                None => kills.extend(entry.kill.clone()),
            }
        }
        drop(state);
        // Wakes tasks: not under the lock.
        kills.iter().for_each(AbortHandle::abort);
        remotes
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The oldest connection in its opening handshake, where there are more than `limit` (T07).
    fn oldest_pending(&mut self, limit: usize) -> Option<AbortHandle> {
        if self.pending.len() <= limit {
            return None;
        }
        let entries = &self.entries;
        self.pending.retain(|id| {
            let entry = entries.get(id);
            entry.is_some_and(|entry| entry.remote.as_ref().is_none_or(|r| r.authority().is_none()))
        });
        if self.pending.len() <= limit {
            return None;
        }
        let oldest = self.pending.pop_front()?;
        self.entries.get(&oldest)?.kill.clone()
    }
}

impl Place {
    pub(super) fn set_remote(&self, remote: Remote) {
        if let Some(entry) = self.open.lock().entries.get_mut(&self.id) {
            entry.remote = Some(remote);
        }
    }

    pub(super) fn set_kill(&self, kill: AbortHandle) {
        if let Some(entry) = self.open.lock().entries.get_mut(&self.id) {
            entry.kill = Some(kill);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.open.lock();
        let entry = state.entries.remove(&self.id);
        if let Some(ip) = self.ip
            && let Some(count) = state.by_ip.get_mut(&ip)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                state.by_ip.remove(&ip);
            }
        }
        // After a rush the tables do not stay as large as it was (T99).
        if state.entries.capacity() > 64 && state.entries.len() < state.entries.capacity() / 8 {
            state.entries.shrink_to_fit();
            state.by_ip.shrink_to_fit();
        }
        drop(state);
        // The last handle of a connection may run user code: not under the lock.
        drop(entry);
    }
}
