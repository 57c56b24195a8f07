//! Time as the core sees it: a number that the caller hands in.

use core::fmt;
use core::time::Duration;

/// A point in time, in microseconds since an epoch of the caller's choice.
///
/// The core never asks for the time. Every `handle_*` method and every command is told what
/// `now` is; a `now` before an earlier one counts as that earlier one, and sums saturate
/// (T89, T90).
///
/// ```
/// use coap_ws_core::Instant;
/// use core::time::Duration;
/// let start = Instant::from_micros(5_000_000);
/// assert_eq!(start.saturating_add(Duration::from_secs(1)).as_micros(), 6_000_000);
/// assert_eq!(start.saturating_add(Duration::MAX), Instant::FAR_FUTURE);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The epoch.
    pub const ZERO: Instant = Instant(0);
    /// The last point in time that there is: a deadline that never comes.
    pub const FAR_FUTURE: Instant = Instant(u64::MAX);

    /// The point `micros` microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Instant {
        Instant(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// This point and `duration`, at most [`FAR_FUTURE`](Instant::FAR_FUTURE).
    pub fn saturating_add(self, duration: Duration) -> Instant {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Instant(self.0.saturating_add(micros))
    }

    /// How long after `earlier` this is, zero where it is before.
    pub const fn saturating_since(self, earlier: Instant) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}
