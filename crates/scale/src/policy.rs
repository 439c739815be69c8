//! What a user chooses: the rules that say how many workers are wanted, and how fast that is followed.
//!
//! ## Model
//! Each [`Rule`] turns signals into a number of workers; the largest number counts. [`Policy`] bounds
//! it, and says how far it is followed upwards and downwards.
//!
//! ## Limits
//! Every default is derived or was measured on the traces of `examples/autoscale` (ADR 0006); the field
//! says which.

use crate::error::ScaleError;
use crate::rule::{Backlog, Prediction, Rule, check_rule};

/// A bound on how much one step may change.
///
/// The bound is the larger of the two numbers, counted from the worker counts of the last `period_ms`:
/// from the smallest on the way up, from the largest on the way down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepLimit {
    /// Share of the workers; 1 doubles.
    pub share: f64,
    /// Workers.
    pub workers: u32,
    /// The time for which the bound holds, above 0.
    pub period_ms: i64,
}

/// How to scale a pool.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Never fewer than this. 0 allows none at all while the pool is idle, and then only.
    pub workers_min: u32,
    /// Never more than this, at least 1.
    pub workers_max: u32,
    /// What is wanted is what the rule says that wants the most.
    pub rules: Vec<Rule>,
    /// Rules on ratios are content with a ratio this near to 1.
    pub tolerance: f64,
    /// Time between two decisions. More than twice of it, and more than `stale_after_ms`, is a pause, after
    /// which the way down opens late.
    pub interval_ms: i64,
    /// A signal that is older is not used.
    pub stale_after_ms: i64,
    /// Workers are taken away down to what was wanted at some time in this window, and not before it
    /// has been seen whole.
    pub down_hold_ms: i64,
    /// Workers are not taken away for less than this share of them.
    pub down_dead_band: f64,
    /// Bound on the way up.
    pub step_up: Option<StepLimit>,
    /// Bound on the way down.
    pub step_down: Option<StepLimit>,
    /// How long a pool is idle before its last worker goes, where `workers_min` is 0.
    pub idle_ms: i64,
    /// For so long the last decision is kept while no rule can say anything; `None`: for ever.
    pub hold_ms: Option<i64>,
    /// How many workers there are after that: at least 1, whatever there were before.
    pub floor: u32,
    /// At this share of the error budget or less, the way up has no step limit and there is no way
    /// down.
    pub budget_low: Option<f64>,
    /// Allows rules that see only what waits.
    pub allow_queue_only: bool,
}

impl Policy {
    /// Predicted load, and the backlog as what reacts: the policy that is meant to be used.
    ///
    /// The numbers were chosen once for all traces of `examples/autoscale` (ADR 0006).
    pub fn predictive(workers_min: u32, workers_max: u32) -> Self {
        Self {
            rules: vec![
                Rule::Predicted(Prediction::default()),
                Rule::Backlog(Backlog::default()),
            ],
            // Longer than the ten minutes within which a change back counts as thrash, by two
            // minutes in which the next burst may come. Measured: 400 s saves 1 to 3 % of the workers
            // for 20 to 70 % more violation, 900 s is no better on average.
            down_hold_ms: 720_000,
            down_dead_band: 0.08,
            // Four times as many in a decision. Measured: twice as many is too slow for the first
            // burst of azure-code-x8; without a limit one wrong measurement can ask for all there are.
            step_up: Some(StepLimit {
                share: 3.0,
                workers: 4,
                period_ms: 15_000,
            }),
            ..Self::proportional(workers_min, workers_max, Vec::new())
        }
    }

    /// A rule in the arithmetic and with the defaults of the Horizontal Pod Autoscaler, v2: tolerance
    /// of a tenth, down to the largest recommendation of five minutes, up to twice the workers or four
    /// more in 15 s.
    pub fn proportional(workers_min: u32, workers_max: u32, rules: Vec<Rule>) -> Self {
        Self {
            workers_min,
            workers_max,
            rules,
            tolerance: 0.1,
            interval_ms: 15_000,
            stale_after_ms: 60_000,
            down_hold_ms: 300_000,
            down_dead_band: 0.0,
            step_up: Some(StepLimit {
                share: 1.0,
                workers: 4,
                period_ms: 15_000,
            }),
            step_down: None,
            idle_ms: 300_000,
            hold_ms: None,
            floor: workers_min.max(1),
            budget_low: None,
            allow_queue_only: false,
        }
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// The first setting that is not allowed, or that all rules see only what waits.
    pub fn validate(&self) -> Result<(), ScaleError> {
        let name = |field: &str| field.to_owned();
        check(
            name("workers_max"),
            self.workers_max,
            self.workers_max >= 1,
            "at least 1",
        )?;
        check(
            name("workers_min"),
            self.workers_min,
            self.workers_min <= self.workers_max,
            "at most workers_max",
        )?;
        check(
            name("rules"),
            format!("{} rules", self.rules.len()),
            (1..=RULES_MAX).contains(&self.rules.len()),
            "1 to 16 rules",
        )?;
        check_share("tolerance", self.tolerance)?;
        check_share("down_dead_band", self.down_dead_band)?;
        check_time(name("interval_ms"), self.interval_ms)?;
        check_time(name("stale_after_ms"), self.stale_after_ms)?;
        check(
            name("down_hold_ms"),
            self.down_hold_ms,
            (0..=TIME_MAX_MS).contains(&self.down_hold_ms),
            "0 to 7 days",
        )?;
        check_time(name("idle_ms"), self.idle_ms)?;
        if let Some(hold_ms) = self.hold_ms {
            check_time(name("hold_ms"), hold_ms)?;
            let is_allowed = (self.workers_min.max(1)..=self.workers_max).contains(&self.floor);
            let allowed = "at least 1, and workers_min to workers_max";
            check(name("floor"), self.floor, is_allowed, allowed)?;
        }
        check_step("step_up", self.step_up)?;
        check_step("step_down", self.step_down)?;
        if let Some(low) = self.budget_low {
            check_share("budget_low", low)?;
        }
        for (i, rule) in self.rules.iter().enumerate() {
            check_rule(&format!("rules[{i}]"), rule)?;
        }
        let is_queue = |rule: &Rule| matches!(rule, Rule::Queue { .. });
        if !self.allow_queue_only && self.rules.iter().all(is_queue) {
            let names: Vec<_> = self
                .rules
                .iter()
                .map(|rule| rule.name().to_string())
                .collect();
            return Err(ScaleError::QueueOnly {
                rules: names.join(", "),
            });
        }
        Ok(())
    }

    /// What the load is learnt by: the settings of the first rule that predicts, else the defaults. No
    /// step is shorter than the time between two looks: most would be gaps.
    pub(crate) fn learning(&self) -> Prediction {
        let predictions = self.rules.iter().find_map(|rule| match rule {
            Rule::Predicted(prediction) => Some(prediction.clone()),
            _ => None,
        });
        let mut learning = predictions.unwrap_or_default();
        learning.step_ms = learning.step_ms.max(self.interval_ms);
        learning
    }

    /// Longer without a decision is a pause.
    pub(crate) fn pause_ms(&self) -> i64 {
        self.stale_after_ms.max(self.interval_ms.saturating_mul(2))
    }
}

const RULES_MAX: usize = 16;
/// Long enough for any hold; far from where sums of times overflow.
pub(crate) const TIME_MAX_MS: i64 = 7 * 86_400_000;

pub(crate) fn check(
    field: String,
    value: impl ToString,
    is_allowed: bool,
    allowed: &'static str,
) -> Result<(), ScaleError> {
    if is_allowed {
        return Ok(());
    }
    Err(ScaleError::Setting {
        field,
        value: value.to_string(),
        allowed,
    })
}

fn check_share(field: &str, value: f64) -> Result<(), ScaleError> {
    let is_allowed = (0.0..1.0).contains(&value);
    check(field.to_owned(), value, is_allowed, "0 to below 1")
}

pub(crate) fn check_time(field: String, value_ms: i64) -> Result<(), ScaleError> {
    let is_allowed = (1..=TIME_MAX_MS).contains(&value_ms);
    check(field, value_ms, is_allowed, "1 ms to 7 days")
}

fn check_step(field: &str, step: Option<StepLimit>) -> Result<(), ScaleError> {
    let Some(step) = step else { return Ok(()) };
    check(
        format!("{field}.share"),
        step.share,
        step.share >= 0.0 && step.share.is_finite(),
        "a finite number of at least 0",
    )?;
    check(
        format!("{field}.workers"),
        step.workers,
        step.workers > 0,
        "at least 1, or nothing would ever change",
    )?;
    check_time(format!("{field}.period_ms"), step.period_ms)
}

pub(crate) fn check_positive(field: String, value: f64) -> Result<(), ScaleError> {
    let is_allowed = value > 0.0 && value.is_finite();
    check(field, value, is_allowed, "a finite number above 0")
}
