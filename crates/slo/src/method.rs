//! In what a budget is counted: events, good slices of time, or ratios of slices of time.
//!
//! ## Model
//! The budgeting methods of OpenSLO. *Occurrences*: each event counts the same. *Timeslices*: a slice
//! of time is good if enough of its events are; each slice counts the same. *RatioTimeslices*: each
//! slice counts with its share of bad events. A [`Spending`] says what is allowed and what is spent,
//! in that unit.
//!
//! ## Invariants
//! - A slice without events is neither good nor bad: it allows nothing and spends nothing.
//! - Slices are multiples of their length since 1970; one belongs to where its end is.
//! - Where the target changes, each part counts at its own: what is allowed is the sum of parts.

use crate::budget::{self, Budget, Counts, CountsError};
use crate::ledger::Ledger;
use crate::objective::Targets;

/// In what a budget is counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// Events.
    Occurrences,
    /// Slices of `slice_ms`, which are good where the share of good events is `good_from` or more.
    Timeslices {
        /// Length of a slice in milliseconds, 1 or more.
        slice_ms: i64,
        /// From this share of good events on a slice is good.
        good_from: f64,
    },
    /// Slices of `slice_ms`, each with its share of bad events.
    RatioTimeslices {
        /// Length of a slice in milliseconds, 1 or more.
        slice_ms: i64,
    },
}

/// What was allowed and spent in a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spending {
    /// How much may be bad: events, or slices.
    pub allowed: f64,
    /// How much was.
    pub spent: f64,
    /// Events or slices that count.
    pub total: f64,
    /// Events of gaps that reach into the window: not counted.
    pub unplaced: Counts,
    /// Milliseconds without measurement: neither good nor bad.
    pub unmeasured_ms: u64,
    /// Length of the window in milliseconds.
    pub span_ms: u64,
    /// Counts that cannot be, the first there was: the figures are nothing to rely on.
    pub problem: Option<CountsError>,
}

impl Spending {
    /// As a budget, without what is new.
    #[must_use]
    pub fn budget(&self) -> Budget {
        budget::budget(self.allowed, self.spent)
    }

    /// Share of good events or slices; `None` if there were none.
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
pub fn spending(
    ledger: &Ledger,
    targets: &Targets,
    method: Method,
    after_ms: i64,
    until_ms: i64,
) -> Spending {
    let tally = ledger.tally(after_ms, until_ms);
    let mut spending = Spending {
        allowed: 0.0,
        spent: 0.0,
        total: 0.0,
        unplaced: tally.unplaced,
        unmeasured_ms: tally.unmeasured_ms,
        span_ms: if until_ms > after_ms {
            until_ms.abs_diff(after_ms)
        } else {
            0
        },
        problem: tally.problem,
    };
    match method {
        Method::Occurrences => {
            for (from_ms, to_ms, target) in targets.segments(after_ms, until_ms) {
                let part = ledger.tally_of_part(after_ms, from_ms, to_ms);
                spending.add(target, part.counts.total, part.counts.bad, part.problem);
            }
        }
        Method::Timeslices {
            slice_ms,
            good_from,
        } => {
            for (end_ms, slice) in slices(ledger, after_ms, until_ms, slice_ms) {
                let is_bad = slice.0.ratio().is_some_and(|ratio| ratio < good_from);
                let bad = f64::from(u8::from(is_bad));
                spending.add(targets.at(end_ms), 1.0, bad, slice.1);
            }
        }
        Method::RatioTimeslices { slice_ms } => {
            for (end_ms, slice) in slices(ledger, after_ms, until_ms, slice_ms) {
                let bad = slice.0.bad / slice.0.total;
                spending.add(targets.at(end_ms), 1.0, bad, slice.1);
            }
        }
    }
    spending
}

impl Spending {
    fn add(&mut self, target: f64, total: f64, bad: f64, problem: Option<CountsError>) {
        self.allowed += (1.0 - target) * total;
        self.spent += bad;
        self.total += total;
        self.problem = self.problem.or(problem);
    }
}

/// The slices with events that end in the window.
fn slices(
    ledger: &Ledger,
    after_ms: i64,
    until_ms: i64,
    slice_ms: i64,
) -> impl Iterator<Item = (i64, (Counts, Option<CountsError>))> + '_ {
    let slice_ms = slice_ms.max(1);
    let ends = ledger.slice_ends(after_ms, until_ms, slice_ms);
    ends.into_iter().filter_map(move |end_ms| {
        let tally = ledger.tally(end_ms.saturating_sub(slice_ms), end_ms);
        (tally.counts.total > 0.0).then_some((end_ms, (tally.counts, tally.problem)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::{CounterOptions, CounterSample};
    use crate::ledger::Part;

    /// Minutes with 10, 10, none and 20 events, of which 1, 0, 0 and 10 are bad.
    fn ledger() -> Ledger {
        let samples = |values: [f64; 5]| {
            let times = (0..).step_by(60_000);
            let pairs = times.zip(values);
            pairs
                .map(|(time_ms, value)| CounterSample::new(time_ms, value))
                .collect::<Vec<_>>()
        };
        let totals = samples([0.0, 10.0, 20.0, 20.0, 40.0]);
        let bad = samples([0.0, 1.0, 1.0, 1.0, 11.0]);
        Ledger::new(Part::Bad, &[&bad], &[&totals], CounterOptions::default())
    }

    #[test]
    fn each_method_counts_in_its_own_unit() {
        let targets = Targets::constant(0.9).expect("a share");
        let of = |method| {
            let spending = spending(&ledger(), &targets, method, 0, 240_000);
            (
                spending.total,
                spending.spent,
                (spending.allowed * 1e9).round() / 1e9,
            )
        };
        assert_eq!(of(Method::Occurrences), (40.0, 11.0, 4.0));
        let slice_ms = 60_000;
        // The silent minute is neither good nor bad.
        let good_from = 0.9;
        assert_eq!(
            of(Method::Timeslices {
                slice_ms,
                good_from
            }),
            (3.0, 1.0, 0.3)
        );
        assert_eq!(of(Method::RatioTimeslices { slice_ms }), (3.0, 0.6, 0.3));
    }

    #[test]
    fn changed_targets_hold_for_their_part() {
        let targets = Targets::constant(0.9).and_then(|it| it.changed(60_000, 0.5));
        let targets = targets.expect("shares");
        let spending = spending(&ledger(), &targets, Method::Occurrences, 0, 240_000);
        assert!((spending.allowed - 16.0).abs() < 1e-9);
        assert_eq!(spending.is_met(), Some(true));
        assert!((spending.budget().left - 5.0).abs() < 1e-9);
        assert!((spending.ratio().expect("events") - 0.725).abs() < 1e-9);
    }

    #[test]
    fn silence_is_neither_good_nor_bad() {
        let targets = Targets::constant(0.9).expect("a share");
        let spending = spending(&ledger(), &targets, Method::Occurrences, 240_000, 300_000);
        assert_eq!(
            (spending.ratio(), spending.burn(), spending.is_met()),
            (None, None, None)
        );
        assert!((spending.unmeasured_share() - 1.0).abs() < 1e-9);
    }
}
