//! What a configuration says of a scaler.

use bellwether_scale::{Policy, Rule};

/// A signal that a query is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignalName {
    /// Work that runs or waits.
    InFlight,
    /// Slots in use.
    Busy,
    /// Requests that wait for a slot.
    Waiting,
    /// Seconds of service that arrive in a second.
    OfferedLoad,
    /// Mean time for which a request holds a slot, in seconds.
    ServiceTime,
    /// The 95th percentile of the latency, in seconds.
    LatencyP95,
    /// Tokens that the pool makes in a second.
    TokensPerSecond,
    /// The mean share of the GPUs' memory for keys and values that is in use.
    GpuCacheUse,
    /// The share of the error budget that is left.
    BudgetLeft,
    /// Workers that the pool is set to.
    Workers,
    /// Workers that take requests.
    Ready,
    /// How many of those who report are silent.
    Silent,
    /// Processes that share the workers.
    Instances,
}

impl SignalName {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::InFlight,
        Self::Busy,
        Self::Waiting,
        Self::OfferedLoad,
        Self::ServiceTime,
        Self::LatencyP95,
        Self::TokensPerSecond,
        Self::GpuCacheUse,
        Self::BudgetLeft,
        Self::Workers,
        Self::Ready,
        Self::Silent,
        Self::Instances,
    ];

    /// The word for it in settings, answers and series.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InFlight => "in_flight",
            Self::Busy => "busy",
            Self::Waiting => "waiting",
            Self::OfferedLoad => "offered_load",
            Self::ServiceTime => "service_time",
            Self::LatencyP95 => "latency_p95",
            Self::TokensPerSecond => "tokens_per_second",
            Self::GpuCacheUse => "gpu_cache_use",
            Self::BudgetLeft => "budget_left",
            Self::Workers => "workers",
            Self::Ready => "ready",
            Self::Silent => "silent",
            Self::Instances => "instances",
        }
    }

    /// The signals without which a rule can never say anything; of each list one is enough.
    #[must_use]
    pub fn needed_by(rule: &Rule) -> &'static [&'static [Self]] {
        const LOAD: &[SignalName] = &[SignalName::Busy, SignalName::InFlight];
        match rule {
            Rule::Utilisation { .. } => &[&[Self::Busy]],
            Rule::InFlight { .. } => &[LOAD, &[Self::Waiting, Self::InFlight]],
            Rule::Queue { .. } => &[&[Self::Waiting]],
            Rule::Latency { .. } => &[&[Self::LatencyP95], LOAD],
            Rule::Tokens { .. } => &[&[Self::TokensPerSecond]],
            Rule::GpuCache { .. } => &[&[Self::GpuCacheUse]],
            Rule::Backlog(_) => &[LOAD, &[Self::Waiting], &[Self::ServiceTime]],
            Rule::Predicted(_) => &[
                &[Self::OfferedLoad, Self::Busy, Self::InFlight],
                &[Self::OfferedLoad, Self::Waiting, Self::InFlight],
            ],
            _ => &[],
        }
    }
}

/// A scaler.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalerSettings {
    /// Its name, unique.
    pub name: String,
    /// Labels of its series and of its rows in the timeline.
    pub labels: Vec<(String, String)>,
    /// Time between two decisions, ms, above 0.
    pub interval_ms: i64,
    /// How many workers are wanted.
    pub policy: Policy,
    /// Requests that one worker serves at a time.
    pub slots_per_worker: u32,
    /// From a decision to the first request of a new worker, ms.
    pub start_up_ms: i64,
    /// A query in PromQL for each signal, each at most once.
    pub signals: Vec<(SignalName, String)>,
    /// Whether decisions are shown and nobody is told of them.
    pub is_dry_run: bool,
    /// Who follows.
    pub targets: ScalerTargets,
}

impl ScalerSettings {
    /// Whether processes share the workers: each is to have a part, and none the whole number.
    #[must_use]
    pub fn shares_workers(&self) -> bool {
        let mut signals = self.signals.iter();
        signals.any(|(name, _)| *name == SignalName::Instances)
    }
}

/// Who follows a scaler.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScalerTargets {
    /// A ScaledObject of KEDA.
    pub keda: Option<KedaObject>,
    /// A metric of Kubernetes' external metrics API.
    pub external_metric: Option<ExternalMetric>,
    /// Pools of the SDK.
    pub sdk: bool,
}

/// A ScaledObject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KedaObject {
    /// Its name.
    pub name: String,
    /// Its namespace; empty: any.
    pub namespace: String,
}

/// A metric of the external metrics API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalMetric {
    /// Its name.
    pub name: String,
    /// Namespaces that may read it; none: all.
    pub namespaces: Vec<String>,
}

/// Over how long rates of an SDK's pool are taken, where its series are scraped every 15 s.
const POOL_WINDOW: &str = "1m";

/// The queries for the pool `name` of services that use the SDK, over all processes that have it.
#[must_use]
pub fn pool_queries(name: &str) -> Vec<(SignalName, String)> {
    let of = format!("pool={name:?}");
    let rate =
        |family: &str, more: &str| format!("sum(rate({family}{{{of}{more}}}[{POOL_WINDOW}]))");
    let ran = rate(
        "worker_pool_tasks_total",
        r#",result!~"shed|cancelled|ended""#,
    );
    let busy = rate("worker_pool_busy_seconds_total", "");
    let taken = rate("worker_pool_tasks_taken_total", "");
    let sum = |family: &str| format!("sum({family}{{{of}}})");
    let there = format!("last_over_time(worker_pool_workers{{{of}}}[15m])");
    vec![
        (SignalName::Busy, sum("worker_pool_tasks_running")),
        (SignalName::Waiting, sum("worker_pool_tasks_waiting")),
        (SignalName::OfferedLoad, format!("{taken} * {busy} / {ran}")),
        (SignalName::ServiceTime, format!("{busy} / {ran}")),
        (SignalName::Workers, sum("worker_pool_workers_target")),
        (SignalName::Ready, sum("worker_pool_workers")),
        (
            SignalName::Silent,
            format!("count((up == 0) and on (job, instance) {there})"),
        ),
        (
            SignalName::Instances,
            format!("count(worker_pool_workers{{{of}}})"),
        ),
    ]
}
