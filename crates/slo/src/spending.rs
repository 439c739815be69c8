//! What a budget allowed in a window, and what was spent of it.
//!
//! ## Invariants
//! - Where the target changes, each part counts at its own: what is allowed is the sum of parts.
//! - A window without events allows nothing and spends nothing.

use crate::budget::CountsError;
use crate::ledger::Ledger;
use crate::objective::Targets;

/// What was allowed and spent in a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spending {
    /// How many events may be bad.
    pub allowed: f64,
    /// How many were.
    pub spent: f64,
    /// All of them.
    pub total: f64,
    /// Milliseconds without measurement: neither good nor bad.
    pub unmeasured_ms: u64,
    /// Length of the window in milliseconds.
    pub span_ms: u64,
    /// Counts that cannot be, the first there was: the figures are nothing to rely on.
    pub problem: Option<CountsError>,
}

impl Spending {
    /// Share of good events; `None` if there were none.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        (self.total > 0.0).then(|| 1.0 - self.spent / self.total)
    }

    /// How many times faster than allowed the budget was spent; `None` if nothing happened.
    #[must_use]
    pub fn burn(&self) -> Option<f64> {
        (self.allowed > 0.0).then(|| self.spent / self.allowed)
    }

    /// Whether more was spent than allowed; `None` if nothing happened.
    #[must_use]
    pub fn is_met(&self) -> Option<bool> {
        (self.total > 0.0).then_some(self.spent <= self.allowed)
    }

    /// Share of the window without measurement, 0 to 1.
    #[must_use]
    pub fn unmeasured_share(&self) -> f64 {
        self.unmeasured_ms as f64 / self.span_ms.max(1) as f64
    }
}

/// What was allowed and spent after `after_ms` and up to `until_ms`.
#[must_use]
pub fn spending(ledger: &Ledger, targets: &Targets, after_ms: i64, until_ms: i64) -> Spending {
    let mut spending = Spending {
        allowed: 0.0,
        spent: 0.0,
        total: 0.0,
        unmeasured_ms: 0,
        span_ms: 0,
        problem: None,
    };
    for (from_ms, to_ms, target) in targets.segments(after_ms, until_ms) {
        let part = ledger.tally(from_ms, to_ms);
        spending.allowed += (1.0 - target) * part.counts.total;
        spending.spent += part.counts.bad;
        spending.total += part.counts.total;
        spending.unmeasured_ms += part.unmeasured_ms;
        spending.span_ms += to_ms.abs_diff(from_ms);
        spending.problem = spending.problem.or(part.problem);
    }
    spending
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Step;

    /// Minutes with 10, 10, none and 20 events, of which 1, 0, 0 and 10 are bad.
    fn ledger() -> Ledger {
        let steps = |amounts: [f64; 4]| {
            let ends = (60_000..).step_by(60_000);
            let step = |(time_ms, amount)| Step {
                after_ms: time_ms - 60_000,
                time_ms,
                amount,
            };
            ends.zip(amounts).map(step).collect()
        };
        Ledger::new(steps([1.0, 0.0, 0.0, 10.0]), steps([10.0, 10.0, 0.0, 20.0]))
    }

    #[test]
    fn events_spend_what_events_allow() {
        let targets = Targets::constant(0.9).expect("a share");
        let spending = spending(&ledger(), &targets, 0, 240_000);
        assert_eq!((spending.total, spending.spent), (40.0, 11.0));
        assert!((spending.allowed - 4.0).abs() < 1e-9);
        assert_eq!(spending.is_met(), Some(false));
    }

    #[test]
    fn changed_targets_hold_for_their_part() {
        let targets = Targets::constant(0.9).and_then(|it| it.changed(60_000, 0.5));
        let targets = targets.expect("shares");
        let spending = spending(&ledger(), &targets, 0, 240_000);
        assert!((spending.allowed - 16.0).abs() < 1e-9);
        assert_eq!(spending.is_met(), Some(true));
        assert!((spending.ratio().expect("events") - 0.725).abs() < 1e-9);
    }

    #[test]
    fn silence_is_neither_good_nor_bad() {
        let targets = Targets::constant(0.9).expect("a share");
        let spending = spending(&ledger(), &targets, 240_000, 300_000);
        assert_eq!(
            (spending.ratio(), spending.burn(), spending.is_met()),
            (None, None, None)
        );
        assert!((spending.unmeasured_share() - 1.0).abs() < 1e-9);
    }
}
