//! Which connection? Keys, reuse, dialling, waiting, idleness: ids and policy, no sockets.
//!
//! A [`Pool`] is what an endpoint asks before each request. It knows which hosts have a
//! connection, who is dialling, and when a host may be dialled again; it is told what becomes
//! of each. It neither connects nor waits: `coap-ws-driver` does, or an event loop of your own.
//!
//! ```
//! use coap_ws_core::Instant;
//! use coap_ws_core::message::uri::Uri;
//! use coap_ws_core::pool::{Pool, PoolConfig, PoolKey, Route};
//!
//! let mut pool = Pool::new(PoolConfig::default(), 42)?;
//! let key = PoolKey::of(&Uri::parse("coap+ws://example.org/time")?, 0);
//! let now = Instant::ZERO;
//! let Route::Dial { dial, .. } = pool.route(now, &key) else { panic!() };
//! assert_eq!(pool.route(now, &key), Route::Wait(dial));
//! let connection = pool.dialled(now, dial).unwrap();
//! assert_eq!(pool.route(now, &key), Route::Use(connection));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod config;
mod host;
mod key;

pub use config::{PoolConfig, PoolConfigError};
pub use key::PoolKey;

use crate::jitter::Jitter;
use crate::time::Instant;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use core::fmt;
use core::time::Duration;
use host::{Host, State};

/// A connection in a [`Pool`]. Never given to another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(u64);

/// An attempt to connect. Never given to another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DialId(u64);

/// What to do with a request.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Route {
    /// Send it there.
    Use(ConnectionId),
    /// Connect, then tell the pool what came of it.
    Dial {
        /// The name of the attempt.
        dial: DialId,
        /// Connect there instead of to the key's own host (RFC 8323 §5.5). Requests then name
        /// the key's host and port in Uri-Host and Uri-Port (REL-18).
        alternative: Option<String>,
    },
    /// Somebody connects already: wait for that attempt.
    Wait(DialId),
    /// Not before then.
    HeldOff {
        /// When to ask again.
        until: Instant,
        /// Whose wish that is.
        why: HeldOff,
    },
    /// A limit is reached, and nothing is idle that could make room.
    Full(Full),
}

/// Why a host may not be connected to yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum HeldOff {
    /// The last attempt failed or the connection was lost: [`PoolConfig::backoff_first`].
    #[default]
    BackOff,
    /// The peer has asked for it in a Release (RFC 8323 §5.5).
    Release,
}

/// Which limit is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Full {
    /// [`PoolConfig::max_connections`].
    Connections,
    /// [`PoolConfig::max_accepted`].
    Accepted,
    /// [`PoolConfig::max_waiting`].
    Waiting,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Full::Connections => "as many connections are open as max_connections allows",
            Full::Accepted => "as many connections are accepted as max_accepted allows",
            Full::Waiting => "as many requests wait for this connection as max_waiting allows",
        })
    }
}

/// What a pool has done so far, and holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct PoolStats {
    /// Attempts to connect.
    pub dials: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Connections that were lost without a Release or a close.
    pub lost: u64,
    /// Connections released because nobody used them.
    pub evicted: u64,
    /// Connections that are open, whoever opened them.
    pub open: usize,
    /// Hosts that are remembered.
    pub hosts: usize,
}

/// The connections of an endpoint: those it has opened, found by their [`PoolKey`], and those
/// it has accepted, which have no URI and are found by nothing but their id (RFC 8323 §8.5).
#[derive(Debug)]
pub struct Pool {
    config: PoolConfig,
    jitter: Jitter,
    hosts: BTreeMap<PoolKey, Host>,
    connections: BTreeMap<ConnectionId, Entry>,
    /// How many of them others have made.
    accepted: usize,
    /// The next id of either kind.
    next: u64,
    now: Instant,
    stats: PoolStats,
}

#[derive(Debug)]
struct Entry {
    /// `None` where it was accepted.
    key: Option<PoolKey>,
    opened: Instant,
    /// Requests and observations that use it.
    busy: usize,
    idle_since: Instant,
    /// Reached by way of an Alternative-Address.
    alternative: bool,
    phase: EntryPhase,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum EntryPhase {
    Open,
    /// To be released; not told yet.
    Evicted,
    /// Takes no more requests.
    Leaving,
}

impl Pool {
    /// An empty pool. `seed` is for waiting times; each process takes another one.
    ///
    /// # Errors
    ///
    /// What of the configuration does not fit.
    pub fn new(config: PoolConfig, seed: u64) -> Result<Pool, PoolConfigError> {
        config.check()?;
        Ok(Pool {
            config,
            jitter: Jitter::new(seed),
            hosts: BTreeMap::new(),
            connections: BTreeMap::new(),
            accepted: 0,
            next: 0,
            now: Instant::ZERO,
            stats: PoolStats::default(),
        })
    }

    /// How it behaves.
    pub const fn config(&self) -> &PoolConfig {
        &self.config
    }

    /// What it has done and holds.
    pub fn stats(&self) -> PoolStats {
        let open = self.connections.values().filter(|entry| entry.phase == EntryPhase::Open);
        PoolStats { open: open.count(), hosts: self.hosts.len(), ..self.stats }
    }

    /// Which connection a request goes by. All that are asked for meanwhile share one attempt
    /// to connect (WS-17).
    pub fn route(&mut self, now: Instant, key: &PoolKey) -> Route {
        let now = self.at(now);
        let dial = DialId(self.next);
        // The usual case: the host is known, and nothing is to be made.
        if let Some(host) = self.hosts.get_mut(key).filter(|host| !host.may_dial(now)) {
            return host.route(now, dial, &self.config);
        }
        if let Err(full) = self.make_room(key) {
            return Route::Full(full);
        }
        let host = self.hosts.entry(key.clone()).or_default();
        let route = host.route(now, dial, &self.config);
        if matches!(route, Route::Dial { .. }) {
            self.next = self.next.wrapping_add(1);
            self.stats.dials = self.stats.dials.saturating_add(1);
        }
        route
    }

    /// The connection that [`route`](Pool::route) would say to use.
    pub fn current(&self, key: &PoolKey) -> Option<ConnectionId> {
        match self.hosts.get(key)?.state {
            State::Open(id) => Some(id),
            State::Free | State::Dialling { .. } => None,
        }
    }

    /// An attempt has succeeded. `None` where it was given up: then the connection is not
    /// wanted.
    pub fn dialled(&mut self, now: Instant, dial: DialId) -> Option<ConnectionId> {
        let now = self.at(now);
        let id = ConnectionId(self.next);
        let (key, host) = find_dial(&mut self.hosts, dial)?;
        let alternative = matches!(&host.state, State::Dialling { alternative: Some(_), .. });
        host.state = State::Open(id);
        let key = Some(key.clone());
        self.next = self.next.wrapping_add(1);
        self.connections.insert(id, Entry::new(now, key, alternative));
        Some(id)
    }

    /// An attempt has failed: the next one may have to wait.
    pub fn dial_failed(&mut self, now: Instant, dial: DialId) {
        let now = self.at(now);
        if let Some((_, host)) = find_dial(&mut self.hosts, dial) {
            host.failed(now, &self.config, &mut self.jitter);
            self.stats.failed = self.stats.failed.saturating_add(1);
        }
    }

    /// One who waited for an attempt, or began it, waits no more. True where nobody does: the
    /// attempt is over then, and counts neither for nor against the host.
    pub fn give_up(&mut self, dial: DialId) -> bool {
        let Some((_, host)) = find_dial(&mut self.hosts, dial) else { return false };
        let State::Dialling { waiting, .. } = &mut host.state else { return false };
        *waiting = waiting.saturating_sub(1);
        if *waiting > 0 {
            return false;
        }
        host.state = State::Free;
        true
    }

    /// Somebody has connected to us.
    ///
    /// # Errors
    ///
    /// [`Full::Accepted`].
    pub fn accepted(&mut self, now: Instant) -> Result<ConnectionId, Full> {
        let now = self.at(now);
        if self.accepted >= self.config.max_accepted {
            return Err(Full::Accepted);
        }
        self.accepted = self.accepted.saturating_add(1);
        let id = ConnectionId(self.next);
        self.next = self.next.wrapping_add(1);
        self.connections.insert(id, Entry::new(now, None, false));
        Ok(id)
    }

    /// A request or an observation begins to use a connection: it is not idle until
    /// [`end`](Pool::end). False where it is over or leaving.
    pub fn begin(&mut self, id: ConnectionId) -> bool {
        match self.connections.get_mut(&id) {
            Some(entry) if entry.phase == EntryPhase::Open => {
                entry.busy = entry.busy.saturating_add(1);
                true
            }
            _ => false,
        }
    }

    /// What [`begin`](Pool::begin) began is over.
    pub fn end(&mut self, now: Instant, id: ConnectionId) {
        let now = self.at(now);
        if let Some(entry) = self.connections.get_mut(&id) {
            entry.busy = entry.busy.saturating_sub(1);
            entry.idle_since = now;
        }
    }

    /// We have begun to release a connection ourselves: nothing new goes there.
    pub fn leave(&mut self, id: ConnectionId) {
        let Some(entry) = self.connections.get_mut(&id) else { return };
        entry.phase = EntryPhase::Leaving;
        free(&mut self.hosts, entry.key.as_ref(), id);
    }

    /// The peer has sent a Release: nothing new goes there, and none is made to its host
    /// before `hold_off` is over (RFC 8323 §5.5; REL-12). `alternatives` are the
    /// Alternative-Addresses as they were sent.
    pub fn handle_release<'a>(
        &mut self,
        now: Instant,
        id: ConnectionId,
        hold_off: Duration,
        alternatives: impl IntoIterator<Item = &'a str>,
    ) {
        let now = self.at(now);
        let Some(entry) = self.connections.get_mut(&id) else { return };
        entry.phase = EntryPhase::Leaving;
        let follow = self.config.follow_alternative_address && !entry.alternative;
        let Some(key) = &entry.key else { return };
        let Some(host) = self.hosts.get_mut(key).filter(|host| host.is(id)) else { return };
        let kept: VecDeque<String> = alternatives
            .into_iter()
            .filter_map(|text| key.alternative(text))
            .take(if follow { self.config.max_alternatives } else { 0 })
            .collect();
        host.released(now, hold_off, kept, &self.config, &mut self.jitter);
    }

    /// A connection is over: it leaves at once. `lost` says that it ended without a Release or
    /// a Close; then the next attempt may have to wait.
    pub fn handle_closed(&mut self, now: Instant, id: ConnectionId, lost: bool) {
        let now = self.at(now);
        let Some(entry) = self.connections.remove(&id) else { return };
        if lost {
            self.stats.lost = self.stats.lost.saturating_add(1);
        }
        let Some(key) = entry.key else {
            self.accepted = self.accepted.saturating_sub(1);
            return;
        };
        let Some(host) = self.hosts.get_mut(&key).filter(|host| host.is(id)) else { return };
        // What lasts longer than the longest wait has not failed at once.
        if now.saturating_since(entry.opened) >= self.config.backoff_most {
            host.lasted();
        }
        match lost {
            true => host.failed(now, &self.config, &mut self.jitter),
            false => host.state = State::Free,
        }
    }

    /// When [`handle_timeout`](Pool::handle_timeout) has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let limit = self.config.idle_timeout?;
        let idle = self.connections.values().filter(|entry| entry.is_idle());
        idle.map(|entry| entry.idle_since.saturating_add(limit)).min()
    }

    /// Finds what was idle for too long.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.at(now);
        let Some(limit) = self.config.idle_timeout else { return };
        for (id, entry) in &mut self.connections {
            if entry.is_idle() && entry.idle_since.saturating_add(limit) <= now {
                entry.phase = EntryPhase::Evicted;
                free(&mut self.hosts, entry.key.as_ref(), *id);
            }
        }
    }

    /// A connection that is to be released because nobody uses it; each is told once.
    pub fn poll_evicted(&mut self) -> Option<ConnectionId> {
        let evicted = |entry: &Entry| entry.phase == EntryPhase::Evicted;
        let (id, entry) = self.connections.iter_mut().find(|(_, entry)| evicted(entry))?;
        entry.phase = EntryPhase::Leaving;
        self.stats.evicted = self.stats.evicted.saturating_add(1);
        Some(*id)
    }

    /// Makes room for one more connection of ours, by what is idle if need be, and for what
    /// is remembered of its host.
    fn make_room(&mut self, key: &PoolKey) -> Result<(), Full> {
        let busy = self.hosts.values().filter(|host| !host.is_free()).count();
        // Those that are leaving still hold a descriptor; as many again may do so.
        let own = self.connections.values().filter(|entry| entry.key.is_some());
        let leaving = own.filter(|entry| entry.phase != EntryPhase::Open).count();
        if leaving >= self.config.max_connections {
            return Err(Full::Connections);
        }
        if busy >= self.config.max_connections {
            self.evict_oldest()?;
        }
        if !self.hosts.contains_key(key) && self.hosts.len() >= self.config.max_hosts {
            let free = self.hosts.iter().filter(|(_, host)| host.is_free());
            let first = free.min_by_key(|(_, host)| host.free_at()).map(|(key, _)| key.clone());
            self.hosts.remove(&first.ok_or(Full::Connections)?);
        }
        Ok(())
    }

    fn evict_oldest(&mut self) -> Result<(), Full> {
        let idle = self.connections.iter_mut().filter(|(_, entry)| entry.is_idle());
        let oldest = idle.min_by_key(|(_, entry)| entry.idle_since);
        let (id, entry) = oldest.ok_or(Full::Connections)?;
        entry.phase = EntryPhase::Evicted;
        free(&mut self.hosts, entry.key.as_ref(), *id);
        Ok(())
    }

    /// Time never goes back.
    fn at(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }
}

impl Entry {
    const fn new(now: Instant, key: Option<PoolKey>, alternative: bool) -> Entry {
        let (busy, phase) = (0, EntryPhase::Open);
        Entry { key, opened: now, busy, idle_since: now, alternative, phase }
    }

    /// Whether it is ours to release: a client that has connected to us keeps its connection.
    fn is_idle(&self) -> bool {
        self.key.is_some() && self.busy == 0 && self.phase == EntryPhase::Open
    }
}

fn find_dial(hosts: &mut BTreeMap<PoolKey, Host>, dial: DialId) -> Option<(&PoolKey, &mut Host)> {
    let is = |host: &Host| matches!(host.state, State::Dialling { dial: own, .. } if own == dial);
    hosts.iter_mut().find(|(_, host)| is(host))
}

/// The host of a connection that takes no more requests has none.
fn free(hosts: &mut BTreeMap<PoolKey, Host>, key: Option<&PoolKey>, id: ConnectionId) {
    if let Some(host) = key.and_then(|key| hosts.get_mut(key)).filter(|host| host.is(id)) {
        host.state = State::Free;
    }
}
