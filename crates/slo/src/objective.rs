//! What a service promises: a share of good events, and the period it is kept over.
//!
//! ## Model
//! An [`Objective`] has [`Targets`], since what is promised changes, and a
//! [`Period`]. What counts as an event, and as a good one, is said elsewhere.

use crate::period::Period;

/// A promise.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    /// The share of good events, over time.
    pub targets: Targets,
    /// What it is kept over.
    pub period: Period,
}

/// Why a target is refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// No share, or one that leaves no budget.
    #[error(
        "target is {given}: it must be above 0 and below 1; 0.999 allows one bad event in a thousand"
    )]
    Share {
        /// What was given.
        given: f64,
    },
}

/// The share of good events that is promised, over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets {
    first: f64,
    /// From when on (after that millisecond), ascending, and what.
    changes: Vec<(i64, f64)>,
}

impl Targets {
    /// The same target ever.
    ///
    /// # Errors
    /// A target that is not above 0 and below 1.
    pub fn constant(target: f64) -> Result<Self, TargetError> {
        Ok(Self {
            first: share(target)?,
            changes: Vec::new(),
        })
    }

    /// Another target for what happens after `after_ms`, until the next change. In any order; the
    /// last one said of several at one time counts.
    ///
    /// # Errors
    /// A target that is not above 0 and below 1.
    pub fn changed(mut self, after_ms: i64, target: f64) -> Result<Self, TargetError> {
        let target = share(target)?;
        let at = self.changes.partition_point(|change| change.0 < after_ms);
        match self.changes.get_mut(at) {
            Some(change) if change.0 == after_ms => change.1 = target,
            _ => self.changes.insert(at, (after_ms, target)),
        }
        Ok(self)
    }

    /// The target for what happens at `time_ms`.
    #[must_use]
    pub fn at(&self, time_ms: i64) -> f64 {
        let upto = self.changes.partition_point(|change| change.0 < time_ms);
        upto.checked_sub(1)
            .map_or(self.first, |last| self.changes[last].1)
    }

    /// The parts of `(after, until]` in which the target does not change, ascending:
    /// `(after, until, target)`.
    #[must_use]
    pub fn segments(&self, after_ms: i64, until_ms: i64) -> Vec<(i64, i64, f64)> {
        let mut segments = Vec::new();
        let mut from_ms = after_ms;
        let first = self.changes.partition_point(|change| change.0 <= after_ms);
        for &(change_ms, _) in &self.changes[first..] {
            if change_ms >= until_ms {
                break;
            }
            segments.push((from_ms, change_ms, self.at(change_ms)));
            from_ms = change_ms;
        }
        if from_ms < until_ms {
            segments.push((from_ms, until_ms, self.at(until_ms)));
        }
        segments
    }
}

fn share(given: f64) -> Result<f64, TargetError> {
    // What is left must be a share that floats tell from 0.
    if given > 0.0 && 1.0 - given > 0.0 {
        return Ok(given);
    }
    Err(TargetError::Share { given })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_hold_until_they_change() {
        let targets = Targets::constant(0.9).expect("a share");
        let targets = targets.changed(20, 0.99).expect("a share");
        let targets = targets.changed(10, 0.95).expect("a share");
        let targets = targets.changed(20, 0.999).expect("a share");
        // A change holds for what happens after it.
        assert_eq!(
            [10, 11, 20, 21].map(|at| targets.at(at)),
            [0.9, 0.95, 0.95, 0.999]
        );
        assert_eq!(
            targets.segments(5, 30),
            [(5, 10, 0.9), (10, 20, 0.95), (20, 30, 0.999)]
        );
        assert_eq!(targets.segments(10, 20), [(10, 20, 0.95)]);
        assert_eq!(targets.segments(20, 20), []);
        assert_eq!(targets.segments(30, 20), []);
    }

    #[test]
    fn targets_without_a_budget_are_refused() {
        for given in [0.0, 1.0, -0.5, f64::NAN, 1.0 - 1e-20] {
            assert!(Targets::constant(given).is_err(), "{given}");
        }
        assert_eq!(
            Targets::constant(99.9)
                .expect_err("a percentage")
                .to_string(),
            "target is 99.9: it must be above 0 and below 1; 0.999 allows one bad event in a thousand"
        );
    }
}
