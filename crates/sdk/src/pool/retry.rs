//! How often a job that failed is tried again.
//!
//! ## Model
//! A job has so many attempts, with pauses that double between them. All jobs of a pool share a budget:
//! each job adds to it, each further attempt takes from it. Where everything fails the budget is soon
//! gone, and what is behind the pool gets hardly more calls than there are jobs.
//!
//! ## See also
//! "Addressing Cascading Failures" in "Site Reliability Engineering" (Beyer and others, 2016), on budgets of
//! retries.

use std::time::Duration;

/// See the module's page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retries {
    /// Attempts of a job, the first included.
    pub attempts_max: u32,
    /// Further attempts for each job, over all jobs: 0.1 lets one in ten be tried again.
    pub budget_ratio: f64,
    /// The pause before the second attempt.
    pub pause_min: Duration,
    /// No pause is longer.
    pub pause_max: Duration,
}

impl Retries {
    /// One attempt.
    #[must_use]
    pub fn none() -> Self {
        Self {
            attempts_max: 1,
            budget_ratio: 0.0,
            pause_min: Duration::ZERO,
            pause_max: Duration::ZERO,
        }
    }

    /// So many attempts, one further attempt for ten jobs, pauses from 100 ms to 10 s.
    #[must_use]
    pub fn up_to(attempts_max: u32) -> Self {
        Self {
            attempts_max,
            budget_ratio: 0.1,
            pause_min: Duration::from_millis(100),
            pause_max: Duration::from_secs(10),
        }
    }

    /// The pause behind so many attempts.
    pub(super) fn pause(&self, attempt_count: u32) -> Duration {
        let doublings = attempt_count.saturating_sub(1).min(20);
        let pause = self.pause_min.saturating_mul(1 << doublings);
        pause.min(self.pause_max)
    }
}

/// What is left of the budget.
#[derive(Debug)]
pub(super) struct Budget {
    retries: Retries,
    left: f64,
}

/// Attempts that a budget may gather, and that it begins with. Chosen: some failures are tried again
/// before there was much success.
const LEFT_MAX: f64 = 10.0;

impl Budget {
    pub(super) fn new(retries: Retries) -> Self {
        Self {
            retries,
            left: if retries.budget_ratio > 0.0 {
                LEFT_MAX
            } else {
                0.0
            },
        }
    }

    /// A job has ended its first attempt.
    pub(super) fn add(&mut self) {
        let ratio = self.retries.budget_ratio.max(0.0);
        // A ratio that is no number gives nothing.
        self.left = (self.left + ratio).min(LEFT_MAX.max(ratio));
    }

    /// Whether a job with so many attempts may have another.
    pub(super) fn take(&mut self, attempt_count: u32) -> bool {
        let may = attempt_count < self.retries.attempts_max && self.left >= 1.0;
        if may {
            self.left -= 1.0;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_end() {
        let retries = Retries::up_to(100);
        assert_eq!(retries.pause(1), Duration::from_millis(100));
        assert_eq!(retries.pause(4), Duration::from_millis(800));
        assert_eq!(retries.pause(50), Duration::from_secs(10));
    }

    #[test]
    fn where_everything_fails_hardly_anything_is_tried_again() {
        let mut budget = Budget::new(Retries::up_to(3));
        let mut again = 0;
        for _ in 0..1_000 {
            budget.add();
            again += u32::from(budget.take(1));
        }
        assert!((100..=111).contains(&again), "{again}");
        assert!(!Budget::new(Retries::none()).take(1));
        assert!(!budget.take(3));
    }
}
