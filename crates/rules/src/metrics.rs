//! Own numbers, under the names that Prometheus gave them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bellwether_telemetry::{DURATION_BOUNDS_SECONDS, Histogram, Registry, Sink};

/// Numbers of all rules.
#[derive(Debug)]
pub(crate) struct RuleMetrics {
    pub(crate) rule_seconds: Arc<Histogram>,
    pub(crate) group_seconds: Arc<Histogram>,
}

impl RuleMetrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            rule_seconds: registry.histogram(
                "prometheus_rule_evaluation_duration_seconds",
                "How long evaluations of rules take.",
                &[],
                &DURATION_BOUNDS_SECONDS,
            ),
            group_seconds: registry.histogram(
                "prometheus_rule_group_duration_seconds",
                "How long evaluations of groups of rules take.",
                &[],
                &DURATION_BOUNDS_SECONDS,
            ),
        }
    }

    /// Numbers that nobody sees.
    pub(crate) fn unseen() -> Self {
        Self::new(&Registry::new())
    }
}

/// Counts of one group. A reload that changes the group goes on with them.
#[derive(Debug, Default)]
pub(crate) struct GroupCounts {
    pub(crate) iterations: AtomicU64,
    pub(crate) missed: AtomicU64,
    pub(crate) evaluations: AtomicU64,
    pub(crate) failures: AtomicU64,
}

impl GroupCounts {
    pub(crate) fn add(cell: &AtomicU64, count: u64) {
        cell.fetch_add(count, Ordering::Relaxed);
    }
}

/// The numbers of a group at a moment.
#[derive(Debug)]
pub(crate) struct GroupNumbers<'a> {
    pub(crate) key: &'a str,
    pub(crate) counts: &'a GroupCounts,
    pub(crate) interval_ms: i64,
    pub(crate) rules: usize,
    pub(crate) samples: u64,
    pub(crate) last_evaluation_ms: Option<i64>,
    pub(crate) seconds: f64,
    pub(crate) rule_seconds_sum: f64,
}

/// Pours the numbers of groups, family by family.
pub(crate) fn pour(groups: &[GroupNumbers<'_>], sink: &mut Sink<'_>) {
    type Read = fn(&GroupNumbers<'_>) -> f64;
    let counters: [(&str, &str, Read); 4] = [
        (
            "prometheus_rule_group_iterations_total",
            "Evaluations of groups that were due, whether they took place or were missed.",
            |g| g.counts.iterations.load(Ordering::Relaxed) as f64,
        ),
        (
            "prometheus_rule_group_iterations_missed_total",
            "Evaluations of groups that were missed because the one before took too long.",
            |g| g.counts.missed.load(Ordering::Relaxed) as f64,
        ),
        (
            "prometheus_rule_evaluations_total",
            "Evaluations of rules.",
            |g| g.counts.evaluations.load(Ordering::Relaxed) as f64,
        ),
        (
            "prometheus_rule_evaluation_failures_total",
            "Evaluations of rules that failed.",
            |g| g.counts.failures.load(Ordering::Relaxed) as f64,
        ),
    ];
    let gauges: [(&str, &str, Read); 6] = [
        (
            "prometheus_rule_group_interval_seconds",
            "Time between two evaluations of a group.",
            |g| g.interval_ms as f64 / 1_000.0,
        ),
        (
            "prometheus_rule_group_last_evaluation_timestamp_seconds",
            "When a group was last evaluated.",
            |g| g.last_evaluation_ms.unwrap_or(0) as f64 / 1_000.0,
        ),
        (
            "prometheus_rule_group_last_duration_seconds",
            "How long the last evaluation of a group took.",
            |g| g.seconds,
        ),
        (
            "prometheus_rule_group_last_rule_duration_sum_seconds",
            "How long the rules of a group took at its last evaluation, all together.",
            |g| g.rule_seconds_sum,
        ),
        (
            "prometheus_rule_group_last_evaluation_samples",
            "Samples that the last evaluation of a group gave.",
            |g| g.samples as f64,
        ),
        ("prometheus_rule_group_rules", "Rules of a group.", |g| {
            g.rules as f64
        }),
    ];
    for (name, help, read) in counters {
        for group in groups {
            sink.counter(name, help, &[("rule_group", group.key)], read(group));
        }
    }
    for (name, help, read) in gauges {
        for group in groups {
            sink.gauge(name, help, &[("rule_group", group.key)], read(group));
        }
    }
}
