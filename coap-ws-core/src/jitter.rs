//! Waiting before another attempt: twice as long after each failure, and at random from a seed,
//! for many clients that lost one server must not come back together.

use core::time::Duration;

/// A small generator for delays (SplitMix64). It spreads load and is no secret: nothing that
/// must not be guessed comes from it.
///
/// ```
/// use coap_ws_core::Jitter;
/// use core::time::Duration;
/// let mut jitter = Jitter::new(7);
/// assert!(jitter.up_to(Duration::from_secs(5)) <= Duration::from_secs(5));
/// ```
#[derive(Clone, Debug)]
pub struct Jitter {
    state: u64,
}

impl Jitter {
    /// A generator. Each process, better each endpoint, takes a seed of its own.
    pub const fn new(seed: u64) -> Jitter {
        Jitter { state: seed }
    }

    /// A duration from nothing to `most`, each as likely: full jitter.
    pub fn up_to(&mut self, most: Duration) -> Duration {
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        let scaled = u128::from(self.next()).wrapping_mul(u128::from(micros).wrapping_add(1)) >> 64;
        Duration::from_micros(u64::try_from(scaled).unwrap_or(u64::MAX))
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// How long to wait at most after failures in a row (RFC 6455 §7.2.3).
///
/// ```
/// use coap_ws_core::Backoff;
/// use core::time::Duration;
/// let seconds = Duration::from_secs;
/// let mut backoff = Backoff::default();
/// let waits = [(); 5].map(|()| backoff.failed(seconds(1), seconds(5)));
/// assert_eq!(waits, [1, 2, 4, 5, 5].map(seconds));
/// backoff.reset();
/// assert_eq!(backoff.failed(seconds(1), seconds(5)), seconds(1));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// One more failure; the most that is to be waited for: `first`, then twice as long each
    /// time, never more than `most`.
    pub fn failed(&mut self, first: Duration, most: Duration) -> Duration {
        let doubled = 2_u32.saturating_pow(self.failures);
        self.failures = self.failures.saturating_add(1);
        first.saturating_mul(doubled).min(most)
    }

    /// It has gone well: the next failure is the first.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_over_the_whole_range_and_not_beyond() {
        let mut jitter = Jitter::new(1);
        let most = Duration::from_millis(100);
        let mut tenths = [0_u32; 11];
        for _ in 0..10_000 {
            let delay = jitter.up_to(most);
            assert!(delay <= most);
            tenths[usize::try_from(delay.as_millis() / 10).unwrap()] += 1;
        }
        assert!(tenths[..10].iter().all(|count| (800..1200).contains(count)), "{tenths:?}");
        assert_eq!(jitter.up_to(Duration::ZERO), Duration::ZERO);
        assert!(jitter.up_to(Duration::MAX) > Duration::from_secs(1));
    }

    #[test]
    fn failures_without_end_are_no_overflow() {
        let mut backoff = Backoff { failures: u32::MAX - 1 };
        for _ in 0..3 {
            assert_eq!(
                backoff.failed(Duration::from_secs(1), Duration::MAX).as_secs(),
                u32::MAX.into()
            );
        }
        assert_eq!(backoff.failed(Duration::MAX, Duration::MAX), Duration::MAX);
    }

    #[test]
    fn seeds_differ() {
        let first = |seed| Jitter::new(seed).up_to(Duration::from_secs(1));
        assert_ne!(first(1), first(2));
        assert_eq!(first(3), first(3));
    }
}
