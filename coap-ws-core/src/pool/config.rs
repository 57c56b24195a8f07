//! Limits and waiting times of a pool.

use core::fmt;
use core::time::Duration;

/// How a [`Pool`](super::Pool) behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PoolConfig {
    /// Connections that we have opened, those being opened included. 256: a quarter of the
    /// descriptors that a process has by default.
    pub max_connections: usize,
    /// Connections that we have accepted. 10,000.
    pub max_accepted: usize,
    /// Hosts that are remembered, with a connection or for a waiting time. 1024; the waiting
    /// time that ends first is forgotten first.
    pub max_hosts: usize,
    /// Requests that wait for one connection to be made. 1024.
    pub max_waiting: usize,
    /// How long a connection of ours may be unused before it is released. 5 minutes; `None`
    /// keeps it for ever.
    pub idle_timeout: Option<Duration>,
    /// How long to wait at most after a connection was lost or could not be made. Doubled by
    /// each failure in a row; the wait itself is random, from nothing to that (full jitter, so
    /// that those who lost the same server do not come back together; RFC 6455 §7.2.3; T88).
    /// 100 ms.
    pub backoff_first: Duration,
    /// What that grows to. 30 s.
    pub backoff_most: Duration,
    /// What is believed of a Hold-Off at most. 600 s: a peer may ask for 194 days (T58).
    pub max_hold_off: Duration,
    /// Whether to connect to the Alternative-Address of a Release instead. Off: it sends us
    /// to where a peer likes (REL-11; T59). Where it is on, the scheme stays, and with it the
    /// check of the certificate against the new name; an alternative's alternative is not
    /// followed.
    pub follow_alternative_address: bool,
    /// Alternative addresses that are kept of one Release. 4.
    pub max_alternatives: usize,
}

impl Default for PoolConfig {
    fn default() -> PoolConfig {
        PoolConfig {
            max_connections: 256,
            max_accepted: 10_000,
            max_hosts: 1024,
            max_waiting: 1024,
            idle_timeout: Some(Duration::from_secs(300)),
            backoff_first: Duration::from_millis(100),
            backoff_most: Duration::from_secs(30),
            max_hold_off: Duration::from_secs(600),
            follow_alternative_address: false,
            max_alternatives: 4,
        }
    }
}

impl PoolConfig {
    /// Whether the values fit each other.
    ///
    /// # Errors
    ///
    /// What does not fit.
    pub fn check(&self) -> Result<(), PoolConfigError> {
        if self.max_connections == 0 || self.max_waiting == 0 {
            return Err(PoolConfigError::Nothing);
        }
        if self.max_hosts < self.max_connections {
            return Err(PoolConfigError::FewerHosts);
        }
        if self.backoff_first > self.backoff_most {
            return Err(PoolConfigError::Backoff);
        }
        Ok(())
    }
}

/// Why a [`PoolConfig`] cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PoolConfigError {
    /// `max_connections` or `max_waiting` is 0.
    Nothing,
    /// `max_hosts` is below `max_connections`.
    FewerHosts,
    /// `backoff_first` is above `backoff_most`.
    Backoff,
}

impl fmt::Display for PoolConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PoolConfigError::Nothing => "max_connections and max_waiting must be at least 1",
            PoolConfigError::FewerHosts => "max_hosts must not be below max_connections",
            PoolConfigError::Backoff => "backoff_first must not be above backoff_most",
        })
    }
}

impl core::error::Error for PoolConfigError {}
