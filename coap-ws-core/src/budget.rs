//! Budgets: how often a peer may do what is legal and useless.

use crate::time::Instant;
use core::time::Duration;

/// A rate and how much of it may be saved up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// How many a second.
    pub per_second: u32,
    /// How many at once.
    pub burst: u32,
}

/// A token bucket in whole microseconds; no floats, no overflow.
///
/// It stores one instant: when the bucket will be full again. Each use moves that on by the
/// time one token takes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budget {
    full_at: Instant,
}

impl Budget {
    /// Spends one; false where nothing is left.
    pub fn spend(&mut self, now: Instant, rate: Rate) -> bool {
        let each = 1_000_000_u64.checked_div(u64::from(rate.per_second)).unwrap_or(u64::MAX);
        let each = Duration::from_micros(each);
        let room = each.saturating_mul(rate.burst);
        let full_at = self.full_at.max(now).saturating_add(each);
        if full_at.saturating_since(now) > room {
            return false;
        }
        self.full_at = full_at;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let rate = Rate { per_second: 10, burst: 3 };
        let mut budget = Budget::default();
        let now = Instant::from_micros(1);
        assert_eq!([(); 4].map(|()| budget.spend(now, rate)), [true, true, true, false]);
        let later = now.saturating_add(Duration::from_millis(100));
        assert_eq!([(); 2].map(|()| budget.spend(later, rate)), [true, false]);
        let full = later.saturating_add(Duration::from_secs(9));
        assert_eq!([(); 4].map(|()| budget.spend(full, rate)), [true, true, true, false]);
    }

    #[test]
    fn no_rate_is_no_budget_and_the_end_of_time_is_no_panic() {
        assert!(!Budget::default().spend(Instant::ZERO, Rate { per_second: 0, burst: 0 }));
        let mut budget = Budget::default();
        let rate = Rate { per_second: 1, burst: 2 };
        assert!(budget.spend(Instant::FAR_FUTURE, rate));
    }
}
