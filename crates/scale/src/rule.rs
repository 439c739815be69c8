//! The rules: what turns signals into a number of workers.
//!
//! ## Model
//! Rules are independent of one another and know neither bounds nor the past decisions of a pool. A rule
//! whose signals are not usable has no say.
//!
//! ## See also
//! The arithmetic of utilisation, averages and tolerance is that of the [Horizontal Pod
//! Autoscaler](https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/).
//! [`Prediction`] stands on square-root staffing (Halfin and Whitt, "Heavy-traffic limits for queues
//! with many exponential servers", Operations Research 29(3), 1981) and on empirical quantiles with the
//! rank of conformal prediction (Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random World",
//! 2005); ADR 0006 says how they are joined.

use crate::decision::RuleName;
use crate::error::ScaleError;
use crate::policy::{TIME_MAX_MS, check, check_positive, check_time};

/// How a number of workers is found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Rule {
    /// Busy slots over slots of ready workers against a share, in the arithmetic of the Horizontal
    /// Pod Autoscaler: workers that are not ready count as idle on the way up. It saturates: a pool
    /// that is full says nothing of how much is missing.
    Utilisation {
        /// The share of slots that shall be busy, above 0 and at most 1.
        share: f64,
    },
    /// Work in flight, busy and waiting, over what workers hold at a share of their slots.
    InFlight {
        /// The share of slots that shall be busy, above 0 and at most 1.
        share: f64,
    },
    /// Waiting requests over what each worker may have waiting. Refused as the only kind of rule.
    Queue {
        /// Requests that may wait for each worker, above 0.
        waiting_per_worker: f64,
    },
    /// The 95th percentile of latency against a target. At most doubles the ready workers, and never
    /// wants fewer than are busy: latency is not proportional to workers.
    Latency {
        /// The target in milliseconds, above 0.
        target_ms: f64,
    },
    /// Tokens a second over the pool, over what one worker shall make.
    Tokens {
        /// Tokens a second of one worker, above 0.
        per_worker: f64,
    },
    /// The mean share of the GPUs' memory for keys and values that is in use, against a share, in the
    /// arithmetic of [`Rule::Utilisation`]. It saturates as that does.
    GpuCache {
        /// The share that shall be in use, above 0 and at most 1.
        share: f64,
    },
    /// The load, and what a worker that is decided now would still find waiting, spread over a time.
    /// Work that ready and starting workers finish by then is not counted, nor what waits for the first
    /// time that it is looked at.
    Backlog(Backlog),
    /// The load that is predicted for the time in which a worker decided now counts.
    Predicted(Prediction),
}

impl Rule {
    /// Its name.
    pub fn name(&self) -> RuleName {
        match self {
            Self::Utilisation { .. } => RuleName::Utilisation,
            Self::InFlight { .. } => RuleName::InFlight,
            Self::Queue { .. } => RuleName::Queue,
            Self::Latency { .. } => RuleName::Latency,
            Self::Tokens { .. } => RuleName::Tokens,
            Self::GpuCache { .. } => RuleName::GpuCache,
            Self::Backlog(_) => RuleName::Backlog,
            Self::Predicted(_) => RuleName::Predicted,
        }
    }
}

/// Settings of [`Rule::Backlog`].
#[derive(Debug, Clone, PartialEq)]
pub struct Backlog {
    /// In which time new workers shall finish what is left, above 0.
    pub drain_ms: i64,
}

impl Default for Backlog {
    fn default() -> Self {
        // Measured: 15 s takes 7 s too long at the first burst of azure-code-x8, 60 s takes 20 s.
        Self { drain_ms: 10_000 }
    }
}

/// Settings of [`Rule::Predicted`].
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Load is remembered in steps of this length; signals that come more often are joined.
    pub step_ms: i64,
    /// Time constant of the level.
    pub level_ms: i64,
    /// How far back peaks over the level are remembered.
    pub history_ms: i64,
    /// Which quantile of the remembered peaks is planned for, above 0 and below 1.
    pub quantile: f64,
    /// The head-room that is planned for where nothing is remembered, in square roots of the load.
    pub staffing: f64,
    /// How far what is remembered replaces `staffing`: 0 not at all, 1 entirely.
    pub trust: f64,
    /// How many times `staffing` counts beside what is remembered. It takes `quantile / (1 - quantile)`
    /// times as many remembered steps before less head-room than that is planned for.
    pub prior_count: u32,
    /// The weight of work in flight against offered load, 0 to 1: work in flight shows bursts that
    /// are shorter than a step, but a moment is not a mean.
    pub in_flight_weight: f64,
    /// The wait that requests may have, which says how much more than its slots a pool can hold
    /// before somebody waits too long.
    pub wait_objective_ms: i64,
}

impl Default for Prediction {
    /// Measured on the traces of `examples/autoscale`, one setting for all of them (ADR 0006).
    fn default() -> Self {
        Self {
            step_ms: 15_000,
            level_ms: 60_000,
            history_ms: 7_200_000,
            quantile: 0.95,
            staffing: 2.95,
            trust: 0.5,
            prior_count: 20,
            in_flight_weight: 0.8,
            wait_objective_ms: 2_000,
        }
    }
}

/// Remembered steps: 4,096 of 8 bytes, sorted at each step.
pub(crate) const HISTORY_STEPS_MAX: i64 = 4096;

pub(crate) fn check_rule(path: &str, rule: &Rule) -> Result<(), ScaleError> {
    match rule {
        Rule::Utilisation { share } | Rule::InFlight { share } | Rule::GpuCache { share } => check(
            format!("{path}.share"),
            share,
            *share > 0.0 && *share <= 1.0,
            "above 0 and at most 1",
        ),
        Rule::Queue { waiting_per_worker } => {
            check_positive(format!("{path}.waiting_per_worker"), *waiting_per_worker)
        }
        Rule::Latency { target_ms } => check_positive(format!("{path}.target_ms"), *target_ms),
        Rule::Tokens { per_worker } => check_positive(format!("{path}.per_worker"), *per_worker),
        Rule::Backlog(backlog) => check_time(format!("{path}.drain_ms"), backlog.drain_ms),
        Rule::Predicted(prediction) => check_prediction(path, prediction),
    }
}

fn check_prediction(path: &str, prediction: &Prediction) -> Result<(), ScaleError> {
    let field = |name: &str| format!("{path}.{name}");
    check_time(field("step_ms"), prediction.step_ms)?;
    check_time(field("level_ms"), prediction.level_ms)?;
    check_time(field("history_ms"), prediction.history_ms)?;
    check(
        field("history_ms"),
        prediction.history_ms,
        prediction.history_ms / prediction.step_ms <= HISTORY_STEPS_MAX,
        "at most 4096 times step_ms",
    )?;
    let quantile = prediction.quantile;
    let is_inside = quantile > 0.0 && quantile < 1.0;
    check(
        field("quantile"),
        quantile,
        is_inside,
        "above 0 and below 1",
    )?;
    check_positive(field("staffing"), prediction.staffing)?;
    for (name, share) in [
        ("trust", prediction.trust),
        ("in_flight_weight", prediction.in_flight_weight),
    ] {
        check(field(name), share, (0.0..=1.0).contains(&share), "0 to 1")?;
    }
    check(
        field("prior_count"),
        prediction.prior_count,
        (1..=1000).contains(&prediction.prior_count),
        "1 to 1000",
    )?;
    check(
        field("wait_objective_ms"),
        prediction.wait_objective_ms,
        (0..=TIME_MAX_MS).contains(&prediction.wait_objective_ms),
        "0 to 7 days",
    )
}
