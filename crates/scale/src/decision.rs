//! What was decided, and why.

use std::fmt;

use crate::signals::{Signal, Signals, Unusable};

/// The name of a rule, without its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RuleName {
    /// [`Rule::Utilisation`](crate::Rule::Utilisation).
    Utilisation,
    /// [`Rule::InFlight`](crate::Rule::InFlight).
    InFlight,
    /// [`Rule::Queue`](crate::Rule::Queue).
    Queue,
    /// [`Rule::Latency`](crate::Rule::Latency).
    Latency,
    /// [`Rule::Tokens`](crate::Rule::Tokens).
    Tokens,
    /// [`Rule::GpuCache`](crate::Rule::GpuCache).
    GpuCache,
    /// [`Rule::Backlog`](crate::Rule::Backlog).
    Backlog,
    /// [`Rule::Predicted`](crate::Rule::Predicted).
    Predicted,
}

impl RuleName {
    /// A word for it, as in settings and labels of series.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Utilisation => "utilisation",
            Self::InFlight => "in_flight",
            Self::Queue => "queue",
            Self::Latency => "latency",
            Self::Tokens => "tokens",
            Self::GpuCache => "gpu_cache",
            Self::Backlog => "backlog",
            Self::Predicted => "predicted",
        }
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utilisation => "utilisation",
            Self::InFlight => "in flight",
            Self::Queue => "queue",
            Self::Latency => "latency",
            Self::Tokens => "tokens",
            Self::GpuCache => "GPU cache",
            Self::Backlog => "backlog",
            Self::Predicted => "predicted",
        })
    }
}

/// What one rule wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Want {
    /// Which rule.
    pub rule: RuleName,
    /// How many workers, not rounded; or why it could not say.
    pub workers: Result<f64, Unusable>,
}

/// What settled the number of workers.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// The rule that wanted the most got it.
    Rule(RuleName),
    /// The rules want what is there.
    Steady,
    /// No rule could say anything: the last decision is kept.
    Held(Unusable),
    /// No rule could say anything for longer than the last decision is held.
    Floor(Unusable),
    /// A rule could not say anything, so that no worker is taken away.
    NotDownBlind(Unusable),
    /// Fewer would do now, but the recent past, or what is too short a past, wants more.
    NotDownYet {
        /// What is wanted now.
        wanted: u32,
    },
    /// Fewer would do, but by less than the dead band.
    DeadBand {
        /// What is wanted now.
        wanted: u32,
    },
    /// More is wanted than one step up allows.
    StepUp {
        /// What is wanted now.
        wanted: u32,
    },
    /// Fewer would do than one step down allows.
    StepDown {
        /// What is wanted now.
        wanted: u32,
    },
    /// The rules want fewer than the lower bound.
    Min,
    /// The rules want more than the upper bound.
    Max,
    /// Little of the error budget is left, so that no worker is taken away.
    BudgetLow {
        /// The share that is left.
        left: f64,
    },
    /// Nothing was served, waited or came for the cool-down.
    Idle {
        /// For how long.
        idle_ms: i64,
    },
}

impl Reason {
    /// A name for counting decisions by, of a small fixed set.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Rule(_) => "rule",
            Self::Steady => "steady",
            Self::Held(_) => "held",
            Self::Floor(_) => "floor",
            Self::NotDownBlind(_) => "not_down_blind",
            Self::NotDownYet { .. } => "not_down_yet",
            Self::DeadBand { .. } => "dead_band",
            Self::StepUp { .. } => "step_up",
            Self::StepDown { .. } => "step_down",
            Self::Min => "min",
            Self::Max => "max",
            Self::BudgetLow { .. } => "budget_low",
            Self::Idle { .. } => "idle",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(rule) => write!(f, "the rule {rule} wants the most"),
            Self::Steady => f.write_str("the rules want what is there"),
            Self::Held(unusable) => write!(f, "the last decision is held, {unusable}"),
            Self::Floor(unusable) => {
                write!(f, "the floor for too long without signals, {unusable}")
            }
            Self::NotDownBlind(unusable) => write!(f, "none is taken away, {unusable}"),
            Self::NotDownYet { wanted } => {
                write!(
                    f,
                    "{wanted} would do now, the recent past wanted more or is too short"
                )
            }
            Self::DeadBand { wanted } => write!(f, "{wanted} would do, which is too little less"),
            Self::StepUp { wanted } => write!(f, "{wanted} are wanted, the step up is limited"),
            Self::StepDown { wanted } => write!(f, "{wanted} would do, the step down is limited"),
            Self::Min => f.write_str("the lower bound"),
            Self::Max => f.write_str("the upper bound"),
            Self::BudgetLow { left } => write!(
                f,
                "none is taken away, {:.1} % of the error budget is left",
                left * 100.0
            ),
            Self::Idle { idle_ms } => write!(f, "idle for {} s", *idle_ms as f64 / 1000.0),
        }
    }
}

/// How many workers there shall be, and all that led to it. Whether it is carried out is the caller's
/// business: a dry run records it and does nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// How many workers there shall be: within the bounds of the policy, always.
    pub workers: u32,
    /// What settled it.
    pub reason: Reason,
    /// What each rule wanted, in the order of the policy.
    pub wants: Vec<Want>,
    /// What was seen.
    pub signals: Signals,
}

impl Decision {
    /// The time of the decision, in milliseconds.
    pub fn time_ms(&self) -> i64 {
        self.signals.time_ms
    }

    /// Whether it differs from what the pool is set to.
    pub fn is_change(&self) -> bool {
        self.workers != self.signals.workers_target
    }
}

/// One sentence: the decision, what settled it, what each rule wanted, what was seen.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signals = &self.signals;
        let plural = if self.workers == 1 { "" } else { "s" };
        write!(
            f,
            "{} worker{plural} (set to {}, {} ready): {}",
            self.workers, signals.workers_target, signals.workers_ready, self.reason
        )?;
        for (i, want) in self.wants.iter().enumerate() {
            let separator = if i == 0 { "; wanted:" } else { "," };
            match want.workers {
                Ok(workers) => write!(f, "{separator} {} {workers:.1}", want.rule)?,
                Err(_) => write!(f, "{separator} {} unknown", want.rule)?,
            }
        }
        let seen = [
            (Signal::Busy, signals.busy),
            (Signal::Waiting, signals.waiting),
            (Signal::Offered, signals.offered),
            (Signal::ServiceTime, signals.service_seconds),
            (Signal::Latency, signals.latency_p95_ms),
            (Signal::Tokens, signals.tokens_per_second),
            (Signal::GpuCache, signals.gpu_cache_use),
            (Signal::Budget, signals.budget_left),
        ];
        let seen = seen
            .iter()
            .filter_map(|(name, seen)| Some((name, (*seen)?.value)));
        for (i, (signal, value)) in seen.enumerate() {
            let separator = if i == 0 { "; seen:" } else { "," };
            write!(
                f,
                "{separator} {signal} {}",
                (value * 100.0).round() / 100.0
            )?;
        }
        Ok(())
    }
}
