//! What may go wrong, what did, and what is left.
//!
//! ## Model
//! A target allows a share of what happens to be bad. The *budget* is that share of all that
//! happened, in events; the *pace* is how many times faster it is spent than allowed: 1 spends it just
//! up.
//!
//! ## Invariants
//! Counts that cannot be are errors, not zeros: more bad ones than there were, less than none.

/// Events of a stretch of time. Fractions are allowed: seconds, tokens and money are counted too.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counts {
    /// How many were bad: 0 to `total`.
    pub bad: f64,
    /// How many there were, finite, 0 or more.
    pub total: f64,
}

/// Why counts are none.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CountsError {
    /// A part is larger than the whole.
    #[error("{name} is {given}, more than the total of {total}: both must count the same events")]
    MoreThanTotal {
        /// `bad`.
        name: &'static str,
        /// Its count.
        given: f64,
        /// The count of all.
        total: f64,
    },
    /// Less than nothing happened.
    #[error("{name} is {given}: a count must be 0 or more")]
    Negative {
        /// `bad` or `total`.
        name: &'static str,
        /// Its count.
        given: f64,
    },
    /// Not a number, or infinitely many.
    #[error("{name} is {given}: a count must be a finite number")]
    NotFinite {
        /// `bad` or `total`.
        name: &'static str,
        /// Its count.
        given: f64,
    },
}

/// A part may exceed its whole by so much of it: the rounding of sums of floats.
const ROUNDING: f64 = 1e-9;

impl Counts {
    /// From bad events and all.
    ///
    /// # Errors
    /// Counts that are negative, not finite, or more bad ones than there were.
    pub fn of_bad(bad: f64, total: f64) -> Result<Self, CountsError> {
        let bad = part("bad", bad, total)?;
        Ok(Self { bad, total })
    }

    /// Events that were not bad.
    #[must_use]
    pub fn good(&self) -> f64 {
        self.total - self.bad
    }

    /// Share of good events; `None` if there were none at all.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        (self.total > 0.0).then(|| self.good() / self.total)
    }

    /// Share of bad events over the share that `target` allows: 1 spends the budget just up.
    /// `None` if there were no events: silence burns nothing and proves nothing.
    #[must_use]
    pub fn burn(&self, target: f64) -> Option<f64> {
        (self.total > 0.0).then(|| self.bad / self.total / (1.0 - target))
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            bad: self.bad + other.bad,
            total: self.total + other.total,
        }
    }
}

fn part(name: &'static str, given: f64, total: f64) -> Result<f64, CountsError> {
    for (name, given) in [("total", total), (name, given)] {
        if !given.is_finite() {
            return Err(CountsError::NotFinite { name, given });
        }
        if given < -ROUNDING * total.abs() {
            return Err(CountsError::Negative { name, given });
        }
    }
    if total < 0.0 {
        let name = "total";
        return Err(CountsError::Negative { name, given: total });
    }
    if given > total * (1.0 + ROUNDING) {
        return Err(CountsError::MoreThanTotal { name, given, total });
    }
    Ok(given.clamp(0.0, total))
}

/// What may go wrong, and what did, in numbers of events.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// How many bad events the traffic allows; a fraction if it is small.
    pub allowed: f64,
    /// How many there were.
    pub spent: f64,
    /// What is left; negative once more is spent than allowed.
    pub left: f64,
    /// What was spent over what was allowed: 1 spends the budget just up. 0 without events.
    pub pace: f64,
    /// The same over the newest part.
    pub pace_recent: f64,
    /// Milliseconds until nothing is left if bad events go on as in the newest part; 0 if nothing
    /// is, `None` if there were none of late. What leaves the period meanwhile is not counted: it
    /// is a lower bound.
    pub left_ms: Option<f64>,
}

/// A budget of which nothing is known of late: `pace_recent` is the pace, `left_ms` is `None` unless
/// nothing is left.
#[must_use]
pub fn budget(allowed: f64, spent: f64) -> Budget {
    let pace = if allowed > 0.0 { spent / allowed } else { 0.0 };
    Budget {
        allowed,
        spent,
        left: allowed - spent,
        pace,
        pace_recent: pace,
        left_ms: (allowed > 0.0 && allowed <= spent).then_some(0.0),
    }
}

/// The same, with what was allowed and spent in its newest `recent_ms`.
#[must_use]
pub fn with_recent(budget: Budget, allowed: f64, spent: f64, recent_ms: f64) -> Budget {
    let is_spending = budget.left_ms.is_none() && spent > 0.0;
    let until_spent = is_spending.then(|| budget.left.max(0.0) / spent * recent_ms);
    Budget {
        pace_recent: if allowed > 0.0 { spent / allowed } else { 0.0 },
        left_ms: budget.left_ms.or(until_spent),
        ..budget
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_cannot_be_are_said_aloud() {
        let said = |counts: Result<Counts, CountsError>| counts.expect_err("none").to_string();
        assert_eq!(
            said(Counts::of_bad(11.0, 10.0)),
            "bad is 11, more than the total of 10: both must count the same events"
        );
        assert_eq!(
            said(Counts::of_bad(-1.0, 10.0)),
            "bad is -1: a count must be 0 or more"
        );
        assert_eq!(
            said(Counts::of_bad(0.0, -3.0)),
            "total is -3: a count must be 0 or more"
        );
        assert_eq!(
            said(Counts::of_bad(f64::NAN, 10.0)),
            "bad is NaN: a count must be a finite number"
        );
        assert!(Counts::of_bad(1.0, f64::INFINITY).is_err());
        // The rounding of sums is no error.
        let counts = Counts::of_bad(10.000_000_001, 10.0).expect("rounded");
        assert_eq!((counts.bad, counts.good()), (10.0, 0.0));
    }

    #[test]
    fn burn_is_what_was_bad_over_what_was_allowed() {
        let counts = Counts::of_bad(2.0, 100.0).expect("counts");
        assert!((counts.burn(0.99).expect("events") - 2.0).abs() < 1e-9);
        assert_eq!(counts.ratio(), Some(0.98));
        assert_eq!(Counts::default().burn(0.99), None);
        assert_eq!(Counts::default().ratio(), None);
    }

    #[test]
    fn budgets_know_what_is_left() {
        let budget = budget(10.0, 5.0);
        assert!((budget.left - 5.0).abs() < 1e-9 && (budget.pace - 0.5).abs() < 1e-9);
        assert_eq!(budget.left_ms, None);
        // One an hour of late: five hours.
        let left_ms = with_recent(budget, 1.0, 1.0, 3_600_000.0).left_ms;
        assert!((left_ms.expect("some were bad") / 3_600_000.0 - 5.0).abs() < 1e-9);
        assert_eq!(super::budget(1.0, 5.0).left_ms, Some(0.0));
        assert_eq!(super::budget(0.0, 0.0).pace, 0.0);
    }
}
