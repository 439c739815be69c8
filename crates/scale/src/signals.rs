//! What a policy sees of a pool at a time.
//!
//! ## Model
//! [`Signals`] are measurements of one moment, each with the time at which it was taken. A measurement
//! is *usable* when it is a number that can be one of its kind and not older than the policy allows. What is
//! absent, stale or not a number is never read as zero: a rule that needs it says so and does not vote.
//!
//! ## Limits
//! Values from 0 to 10^12 are usable: far above any pool, far below where products of them overflow. What
//! is left of an error budget is any finite number up to 1: below 0 more than all of it is spent.

use std::fmt;

/// The largest value that is usable.
pub(crate) const VALUE_MAX: f64 = 1e12;

/// A number and when it was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The number.
    pub value: f64,
    /// When it was measured, in milliseconds of the same clock as [`Signals::time_ms`].
    pub at_ms: i64,
}

/// What is known about a pool at the time of a decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signals {
    /// The time of the decision, in milliseconds. Only differences matter; must not go back.
    pub time_ms: i64,
    /// How many workers the pool is set to now.
    pub workers_target: u32,
    /// How many of them take requests.
    pub workers_ready: u32,
    /// Requests that one worker serves at a time; 0 makes the signals unusable.
    pub slots_per_worker: u32,
    /// From a decision to the first request of a new worker; below 0 makes the signals unusable.
    pub startup_ms: i64,
    /// Slots in use over the pool.
    pub busy: Option<Measured>,
    /// Requests that wait for a slot.
    pub waiting: Option<Measured>,
    /// Offered load: seconds of service that arrive in a second, which is the slots that would be
    /// busy if nothing ever waited. Arrivals a second times the mean service time.
    pub offered: Option<Measured>,
    /// Mean time for which a request holds a slot, in seconds.
    pub service_seconds: Option<Measured>,
    /// The 95th percentile of the latency, in milliseconds.
    pub latency_p95_ms: Option<Measured>,
    /// Tokens that the pool makes in a second.
    pub tokens_per_second: Option<Measured>,
    /// The share of the GPUs' memory for keys and values that is in use, the mean of the workers that are
    /// ready, 0 to 1.
    pub gpu_cache_use: Option<Measured>,
    /// The share of the error budget that is left, at most 1; below 0 where too much is spent.
    pub budget_left: Option<Measured>,
    /// What the caller knows to be wrong with its picture of the pool, such as workers that do not
    /// report: while it is there no worker is taken away.
    pub doubt: Option<Unusable>,
}

impl Signals {
    /// Signals without a measurement, to be filled.
    pub fn at(
        time_ms: i64,
        workers_target: u32,
        workers_ready: u32,
        slots_per_worker: u32,
    ) -> Self {
        Self {
            time_ms,
            workers_target,
            workers_ready,
            slots_per_worker,
            startup_ms: 0,
            busy: None,
            waiting: None,
            offered: None,
            service_seconds: None,
            latency_p95_ms: None,
            tokens_per_second: None,
            gpu_cache_use: None,
            budget_left: None,
            doubt: None,
        }
    }

    /// The value of a measurement, as of the signals' own time, if it is usable.
    ///
    /// # Errors
    /// Why it is not.
    pub(crate) fn read(&self, signal: Signal, stale_after_ms: i64) -> Result<f64, Unusable> {
        let measured = match signal {
            Signal::Busy => self.busy,
            Signal::Waiting => self.waiting,
            Signal::Offered => self.offered,
            Signal::ServiceTime => self.service_seconds,
            Signal::Latency => self.latency_p95_ms,
            Signal::Tokens => self.tokens_per_second,
            Signal::GpuCache => self.gpu_cache_use,
            Signal::Budget => self.budget_left,
            Signal::Target | Signal::Ready | Signal::Pool => None,
        };
        let unusable = |fault| Unusable { signal, fault };
        let measured = measured.ok_or(unusable(Fault::Absent))?;
        let age_ms = self.time_ms.saturating_sub(measured.at_ms);
        let is_one = match signal {
            Signal::Budget => measured.value.is_finite() && measured.value <= 1.0,
            _ => (0.0..=VALUE_MAX).contains(&measured.value),
        };
        if !is_one {
            return Err(unusable(Fault::NotANumber(measured.value)));
        }
        // A measurement of the future is a clock that cannot be trusted about the past either.
        if age_ms > stale_after_ms || age_ms < -stale_after_ms {
            return Err(unusable(Fault::Stale { age_ms }));
        }
        Ok(measured.value)
    }
}

/// The name of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// [`Signals::busy`].
    Busy,
    /// [`Signals::waiting`].
    Waiting,
    /// [`Signals::offered`].
    Offered,
    /// [`Signals::service_seconds`].
    ServiceTime,
    /// [`Signals::latency_p95_ms`].
    Latency,
    /// [`Signals::tokens_per_second`].
    Tokens,
    /// [`Signals::gpu_cache_use`].
    GpuCache,
    /// [`Signals::budget_left`].
    Budget,
    /// [`Signals::workers_target`].
    Target,
    /// [`Signals::workers_ready`].
    Ready,
    /// What describes the pool itself: time, slots, start-up.
    Pool,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "busy slots",
            Self::Waiting => "waiting requests",
            Self::Offered => "offered load",
            Self::ServiceTime => "service time",
            Self::Latency => "p95 latency",
            Self::Tokens => "tokens a second",
            Self::GpuCache => "GPU cache use",
            Self::Budget => "error budget",
            Self::Target => "workers that there shall be",
            Self::Ready => "ready workers",
            Self::Pool => "description of the pool",
        })
    }
}

/// Why a signal cannot be used.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// It was not given.
    Absent,
    /// It is not a number, or none of those that the signal can have.
    NotANumber(f64),
    /// It is too old, or of the future (an age below 0).
    Stale {
        /// How old it is.
        age_ms: i64,
    },
    /// Some of those who measure it are silent.
    Silent {
        /// How many.
        count: u32,
    },
    /// The time of the signals is before that of the last decision.
    TimeWentBack,
    /// The pool has no slots, or its start-up time is below 0.
    Impossible,
}

/// A signal that could not be used, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unusable {
    /// Which.
    pub signal: Signal,
    /// Why.
    pub fault: Fault,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signal = self.signal;
        match self.fault {
            Fault::Absent => write!(f, "{signal}: not measured"),
            Fault::NotANumber(value) => write!(f, "{signal}: {value} is no usable number"),
            Fault::Stale { age_ms } if age_ms < 0 => {
                write!(f, "{signal}: measured {} s in the future", seconds(-age_ms))
            }
            Fault::Stale { age_ms } => write!(f, "{signal}: {} s old", seconds(age_ms)),
            Fault::Silent { count: 1 } => write!(f, "{signal}: one of those who report is silent"),
            Fault::Silent { count } => {
                write!(f, "{signal}: {count} of those who report are silent")
            }
            Fault::TimeWentBack => write!(f, "{signal}: older than the last decision"),
            Fault::Impossible => write!(f, "{signal}: no slots, or a start-up time below 0"),
        }
    }
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_busy(value: f64, at_ms: i64) -> Signals {
        Signals {
            busy: Some(Measured { value, at_ms }),
            ..Signals::at(100_000, 1, 1, 8)
        }
    }

    #[test]
    fn reads_what_is_fresh_and_finite() {
        let read = |signals: Signals| signals.read(Signal::Busy, 30_000);
        assert_eq!(read(with_busy(3.0, 100_000)), Ok(3.0));
        assert_eq!(read(with_busy(0.0, 70_000)), Ok(0.0));
        for (signals, text) in [
            (with_busy(3.0, 69_999), "busy slots: 30.001 s old"),
            (
                with_busy(3.0, 130_001),
                "busy slots: measured 30.001 s in the future",
            ),
            (
                with_busy(f64::NAN, 100_000),
                "busy slots: NaN is no usable number",
            ),
            (
                with_busy(f64::INFINITY, 100_000),
                "busy slots: inf is no usable number",
            ),
            (
                with_busy(-1.0, 100_000),
                "busy slots: -1 is no usable number",
            ),
            (Signals::at(0, 1, 1, 8), "busy slots: not measured"),
        ] {
            let error = read(signals).expect_err(text);
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn a_budget_may_be_overspent() {
        let read = |value| {
            let at_ms = 100_000;
            let signals = Signals {
                budget_left: Some(Measured { value, at_ms }),
                ..Signals::at(at_ms, 1, 1, 8)
            };
            signals.read(Signal::Budget, 30_000).is_ok()
        };
        assert!([1.0, 0.0, -0.5, -1e15].into_iter().all(read));
        let wrong = [1.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        assert!(!wrong.into_iter().any(read));
    }
}
