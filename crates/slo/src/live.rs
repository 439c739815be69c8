//! Whether requests meet their targets over a sliding window, and how much may still go wrong.
//!
//! ## Model
//! A target allows a share of requests to be bad: slow ones beyond the latency target (a p95 target
//! allows one in twenty), failed ones beyond the success ratio. What was bad in the window is
//! compared with what is allowed. The *budget* is the number of bad requests that the window's
//! traffic allows; the *pace* is how many times faster it is spent than allowed.
//!
//! ## Invariants
//! - A target is violated only with evidence: so many bad requests, or more, would be less likely
//!   than `1 - confidence` if the target were just met. Two failures of three are no evidence.
//! - A target is met only if the window holds enough requests to allow a single bad one, and no
//!   more were bad than allowed. Everything else is unknown, silence included.
//!
//! ## Limits
//! Those of [`crate::window`]. Slow requests are counted against the target itself, not against the
//! histogram: the verdict has no error of buckets, the quantile shown beside it has.
//!
//! ## See also
//! [`crate::binomial`] for the bounds and why these.

use crate::binomial;
use crate::budget::{Budget, budget, with_recent};
use crate::window::{Window, WindowError, WindowOptions};

/// The pace of late is that of this part of the window, and no less than one slice: the relation
/// of the usual pairs of windows (an hour and five minutes).
const RECENT_PART: u32 = 12;

/// Targets and window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LiveOptions {
    /// Length of the window in milliseconds.
    pub span_ms: u32,
    /// How many slices the window has: it moves by one at a time.
    pub slices: u32,
    /// Share of requests that must be no slower than `latency_ms`, above 0 and below 1.
    pub latency_quantile: f64,
    /// Target for that quantile in milliseconds, more than 0; `None` for no such target.
    pub latency_ms: Option<f64>,
    /// Share of requests that must succeed, above 0 and below 1; `None` for no such target.
    pub success_ratio: Option<f64>,
    /// How sure a violation must be, above 0.5 and below 1.
    pub confidence: f64,
    /// Fewer requests than this in the window are never judged.
    pub requests_min: u64,
}

impl Default for LiveOptions {
    /// An hour in sixty slices, p95, no targets, 99 %, ten requests.
    fn default() -> Self {
        Self {
            span_ms: 3_600_000,
            slices: 60,
            latency_quantile: 0.95,
            latency_ms: None,
            success_ratio: None,
            confidence: 0.99,
            requests_min: 10,
        }
    }
}

/// Why options are refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectiveError {
    /// A share is not between its bounds.
    #[error("{name} is {given}: it must be above {above} and below 1")]
    Share {
        /// Which option.
        name: &'static str,
        /// What was given.
        given: f64,
        /// The bound that it must exceed.
        above: f64,
    },
    /// The latency target is not a positive number.
    #[error("latency_ms is {given}: it must be a finite number of milliseconds above 0")]
    Latency {
        /// What was given.
        given: f64,
    },
    /// The window cannot be cut so.
    #[error(transparent)]
    Window(#[from] WindowError),
}

/// What can be said of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Too few requests to tell, or too close to the target for as many as there are.
    Unknown,
    /// No more were bad than allowed.
    Met,
    /// More were bad than allowed, and not by chance.
    Violated,
}

/// How a target stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// What can be said.
    pub verdict: Verdict,
    /// Requests that count.
    pub requests: u64,
    /// Bad ones among them.
    pub bad: u64,
    /// The share of bad ones that the target allows.
    pub allowed_share: f64,
    /// The share of bad ones of which what was seen is a sample lies between these, each with the
    /// confidence of the options. 0 to 1 if there were no requests.
    pub bounds: (f64, f64),
    /// The error budget.
    pub budget: Budget,
}

/// How all targets stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Status {
    /// Requests in the window.
    pub requests: u64,
    /// The latency quantile in milliseconds, within 2.5 %; `None` without latencies.
    pub latency_ms: Option<f64>,
    /// Share of requests that succeeded; `None` without requests.
    pub success_ratio: Option<f64>,
    /// The latency target, if there is one.
    pub latency: Option<Standing>,
    /// The success target, if there is one.
    pub success: Option<Standing>,
}

/// Targets over a sliding window. See the [module](self).
///
/// ```
/// use bellwether_slo::live::{LiveObjective, LiveOptions, Verdict};
///
/// let mut objective = LiveObjective::new(LiveOptions {
///     latency_ms: Some(200.0),
///     success_ratio: Some(0.99),
///     ..LiveOptions::default()
/// })?;
/// for at in 0..1000 {
///     let latency_ms = if at % 10 == 0 { 350.0 } else { 40.0 };
///     objective.record(at * 100, latency_ms, true);
/// }
/// let status = objective.status(100_000);
/// // One in ten is slow, where one in twenty may be: twice the pace.
/// let latency = status.latency.expect("a target was given");
/// assert_eq!(latency.verdict, Verdict::Violated);
/// assert!((latency.budget.pace - 2.0).abs() < 1e-9);
/// assert_eq!(status.success.expect("a target was given").verdict, Verdict::Met);
/// # Ok::<(), bellwether_slo::live::ObjectiveError>(())
/// ```
#[derive(Debug, Clone)]
pub struct LiveObjective {
    options: LiveOptions,
    window: Window,
}

impl LiveObjective {
    /// An objective that has seen nothing.
    ///
    /// # Errors
    /// If an option is out of its bounds.
    pub fn new(options: LiveOptions) -> Result<Self, ObjectiveError> {
        let shares = [
            ("latency_quantile", options.latency_quantile, 0.0),
            ("success_ratio", options.success_ratio.unwrap_or(0.5), 0.0),
            ("confidence", options.confidence, 0.5),
        ];
        for (name, given, above) in shares {
            if !(given > above && given < 1.0) {
                return Err(ObjectiveError::Share { name, given, above });
            }
        }
        if let Some(given) = options.latency_ms
            && !(given.is_finite() && given > 0.0)
        {
            return Err(ObjectiveError::Latency { given });
        }
        let window = Window::new(WindowOptions {
            span_ms: options.span_ms,
            slices: options.slices,
            slow_ms: options.latency_ms.unwrap_or(f64::INFINITY),
        })?;
        Ok(Self { options, window })
    }

    /// Takes in a request that ended at `time_ms`, which may be out of order within the window.
    /// The latencies of failed requests count, too; one that is negative or not finite does not.
    ///
    /// False if the time lies before the window, and the request was not taken.
    pub fn record(&mut self, time_ms: i64, latency_ms: f64, success: bool) -> bool {
        self.window.record(time_ms, latency_ms, !success)
    }

    /// How the targets stand for the window that ends at `now_ms`, or at the newest record if that
    /// is later. Drops what has left the window.
    pub fn status(&mut self, now_ms: i64) -> Status {
        self.window.advance_to(now_ms);
        let counts = self.window.counts();
        let recent = (self.options.slices / RECENT_PART).max(1);
        let of_late = self.window.counts_of_newest(recent);
        let recent_ms = (u64::from(recent) * self.window.slice_ms()) as f64;
        let failed = counts.failed as f64 / counts.requests as f64;
        let standing = |target: f64, all: (u64, u64), late: (u64, u64)| {
            self.standing(1.0 - target, all, late, recent_ms)
        };
        Status {
            requests: counts.requests,
            latency_ms: self.window.latency_ms(self.options.latency_quantile),
            success_ratio: (counts.requests > 0).then_some(1.0 - failed),
            latency: self.options.latency_ms.map(|_| {
                let late = (of_late.slow, of_late.timed);
                standing(
                    self.options.latency_quantile,
                    (counts.slow, counts.timed),
                    late,
                )
            }),
            success: self.options.success_ratio.map(|target| {
                let late = (of_late.failed, of_late.requests);
                standing(target, (counts.failed, counts.requests), late)
            }),
        }
    }

    /// The requests that the verdicts are about.
    #[must_use]
    pub fn window(&self) -> &Window {
        &self.window
    }

    fn standing(
        &self,
        allowed_share: f64,
        (bad, requests): (u64, u64),
        (bad_late, requests_late): (u64, u64),
        recent_ms: f64,
    ) -> Standing {
        let allowed = allowed_share * requests as f64;
        let spent = bad as f64;
        let chance = binomial::tail(bad, requests, allowed_share);
        let verdict = if requests < self.options.requests_min {
            Verdict::Unknown
        } else if spent > allowed && chance < 1.0 - self.options.confidence {
            Verdict::Violated
        } else if spent <= allowed && allowed >= 1.0 {
            Verdict::Met
        } else {
            Verdict::Unknown
        };
        let allowed_late = allowed_share * requests_late as f64;
        Standing {
            verdict,
            requests,
            bad,
            allowed_share,
            bounds: binomial::bounds(bad, requests, self.options.confidence),
            budget: with_recent(
                budget(allowed, spent),
                allowed_late,
                bad_late as f64,
                recent_ms,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn objective(success_ratio: f64) -> LiveObjective {
        LiveObjective::new(LiveOptions {
            success_ratio: Some(success_ratio),
            latency_ms: Some(200.0),
            ..LiveOptions::default()
        })
        .expect("within bounds")
    }

    fn after(success_ratio: f64, failed: u64, requests: u64) -> Standing {
        let mut objective = objective(success_ratio);
        for at in 0..requests {
            objective.record(0, 10.0, at >= failed);
        }
        objective.status(0).success.expect("a target was given")
    }

    #[test]
    fn verdicts_need_evidence() {
        // Nothing, little, two of three.
        assert_eq!(after(0.99, 0, 0).verdict, Verdict::Unknown);
        assert_eq!(after(0.99, 0, 99).verdict, Verdict::Unknown);
        assert_eq!(after(0.99, 2, 3).verdict, Verdict::Unknown);
        // One of a hundred is what is allowed; a second one may be chance, a fifth is not.
        assert_eq!(after(0.99, 1, 100).verdict, Verdict::Met);
        assert_eq!(after(0.99, 2, 100).verdict, Verdict::Unknown);
        assert_eq!(after(0.99, 4, 100).verdict, Verdict::Unknown);
        assert_eq!(after(0.99, 5, 100).verdict, Verdict::Violated);
        assert_eq!(after(0.99, 3, 10).verdict, Verdict::Violated);
    }

    #[test]
    fn budgets_add_up() {
        let standing = after(0.9, 3, 100);
        let budget = standing.budget;
        assert!((budget.allowed - 10.0).abs() < 1e-9);
        assert_eq!(budget.spent, 3.0);
        assert!((budget.left - 7.0).abs() < 1e-9);
        assert!((budget.pace - 0.3).abs() < 1e-9);
        // Three in the newest five minutes: seven more take 7/3 of that.
        assert!((budget.left_ms.expect("some were bad") - 700_000.0).abs() < 1e-3);
        assert_eq!(after(0.9, 30, 100).budget.left_ms, Some(0.0));
        assert_eq!(after(0.9, 0, 100).budget.left_ms, None);
        assert_eq!(after(0.9, 0, 0).budget.left_ms, None);
    }

    #[test]
    fn the_pace_of_late_shows_what_is_new() {
        let mut objective = objective(0.9);
        for minute in 0..60 {
            for at in 0..100 {
                objective.record(minute * 60_000, 10.0, minute < 55 || at >= 50);
            }
        }
        let budget = objective
            .status(59 * 60_000)
            .success
            .expect("a target was given")
            .budget;
        assert!((budget.pace_recent - 5.0).abs() < 1e-9);
        assert!((budget.pace - 5.0 / 12.0).abs() < 1e-9);
    }

    #[test]
    fn silence_is_unknown() {
        let mut objective = objective(0.99);
        for _ in 0..1000 {
            objective.record(0, 500.0, false);
        }
        let status = objective.status(0);
        assert_eq!(status.success.map(|s| s.verdict), Some(Verdict::Violated));
        assert_eq!(status.latency.map(|s| s.verdict), Some(Verdict::Violated));
        let status = objective.status(3_600_000);
        assert_eq!(status.success.map(|s| s.verdict), Some(Verdict::Unknown));
        assert_eq!(status.latency.map(|s| s.bounds), Some((0.0, 1.0)));
        assert_eq!(
            (status.requests, status.latency_ms, status.success_ratio),
            (0, None, None)
        );
    }

    #[test]
    fn latency_is_judged_by_the_target_itself() {
        let mut objective = objective(0.99);
        for at in 0..1000 {
            // Both within one bucket of the histogram, on both sides of the target.
            objective.record(0, if at < 100 { 200.1 } else { 199.9 }, true);
        }
        let standing = objective.status(0).latency.expect("a target was given");
        assert_eq!((standing.bad, standing.verdict), (100, Verdict::Violated));
    }

    #[test]
    fn options_out_of_bounds_are_refused() {
        let with = |change: fn(&mut LiveOptions)| {
            let mut options = LiveOptions::default();
            change(&mut options);
            LiveObjective::new(options)
                .expect_err("out of bounds")
                .to_string()
        };
        assert_eq!(
            with(|o| o.success_ratio = Some(1.0)),
            "success_ratio is 1: it must be above 0 and below 1"
        );
        assert_eq!(
            with(|o| o.confidence = 0.5),
            "confidence is 0.5: it must be above 0.5 and below 1"
        );
        assert_eq!(
            with(|o| o.latency_ms = Some(f64::NAN)),
            "latency_ms is NaN: it must be a finite number of milliseconds above 0"
        );
        assert_eq!(with(|o| o.slices = 0), "slices is 0: it must be 1 to 1440");
    }

    proptest! {
        #[test]
        fn a_violation_is_what_the_lower_bound_says(
            failed in 0..200u64,
            good in 0..2000u64,
            target in 0.5..0.999f64,
        ) {
            let standing = after(target, failed, failed + good);
            let (low, high) = standing.bounds;
            prop_assert!(low <= high);
            if standing.verdict == Verdict::Violated {
                prop_assert!(low > standing.allowed_share - 1e-9);
            }
            if low > standing.allowed_share + 1e-9 && standing.requests >= 10 {
                prop_assert_eq!(standing.verdict, Verdict::Violated);
            }
        }
    }
}
