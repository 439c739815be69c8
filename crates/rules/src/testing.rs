//! What tests of groups and of the manager share.

use std::path::PathBuf;
use std::sync::Arc;

use bellwether_model::{Alert, Labels, METRIC_NAME, Matcher, TimeRange, is_stale_nan};
use bellwether_promql::{Engine, EngineOptions};
use bellwether_storage::{MemoryStore, MetricStore, Samples, Selection, SelectionHints};
use parking_lot::Mutex;

use crate::settings::{GroupSettings, RuleKind, RuleSettings};
use crate::world::AlertSink;

/// A sink that remembers.
#[derive(Debug, Default)]
pub(crate) struct Sent(Mutex<Vec<Alert>>);

impl AlertSink for Sent {
    fn send(&self, alerts: Vec<Alert>) {
        self.0.lock().extend(alerts);
    }
}

impl Sent {
    /// Name, start, end and summary of what was sent since the last time, in seconds.
    pub(crate) fn take(&self) -> Vec<String> {
        let alerts = std::mem::take(&mut *self.0.lock());
        alerts
            .iter()
            .map(|alert| {
                format!(
                    "{} {}-{} {}",
                    alert.name(),
                    alert.starts_ms / 1_000,
                    alert.ends_ms.unwrap_or(0) / 1_000,
                    alert.annotations.get("summary").unwrap_or("")
                )
            })
            .collect()
    }
}

pub(crate) fn engine() -> Arc<Engine> {
    Arc::new(Engine::new(EngineOptions {
        threads: 1,
        ..EngineOptions::default()
    }))
}

pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied())
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

pub(crate) fn recording(name: &str, expr: &str, labels: &[(&str, &str)]) -> RuleSettings {
    RuleSettings {
        kind: RuleKind::Record {
            name: name.to_owned(),
        },
        expr: expr.to_owned(),
        labels: owned(labels),
        line: 1,
    }
}

pub(crate) fn alerting(name: &str, expr: &str, for_ms: i64) -> RuleSettings {
    RuleSettings {
        kind: RuleKind::Alert {
            name: name.to_owned(),
            for_ms,
            keep_firing_for_ms: 0,
            annotations: owned(&[("summary", "{{ $labels.job }} has {{ $value }}")]),
        },
        expr: expr.to_owned(),
        labels: owned(&[("severity", "page")]),
        line: 1,
    }
}

/// A group that is evaluated each 10 s.
pub(crate) fn group(name: &str, rules: Vec<RuleSettings>) -> GroupSettings {
    GroupSettings {
        file: PathBuf::from("rules.yml"),
        name: name.to_owned(),
        interval_ms: 10_000,
        query_offset_ms: None,
        limit: 0,
        labels: Vec::new(),
        rules,
    }
}

/// All samples of a metric as text, by series: `{job="a"} 10:1 20:stale`, times in seconds.
pub(crate) fn series(store: &dyn MetricStore, metric: &str) -> Vec<String> {
    let matchers = [Matcher::equal(METRIC_NAME, metric)];
    let selection = Selection {
        matchers: &matchers,
        range: TimeRange::ALL,
        hints: SelectionHints::default(),
    };
    let mut lines = Vec::new();
    for series in store.select(&selection).unwrap() {
        let mut samples = Samples::default();
        series.read(TimeRange::ALL, &mut samples).unwrap();
        let mut line = series.labels().without_name().to_string();
        for (index, (time_ms, value)) in samples.times_ms.iter().zip(&samples.values).enumerate() {
            let value = match samples.histogram_at(index) {
                Some(histogram) => histogram.count.to_string(),
                None if is_stale_nan(*value) => "stale".to_owned(),
                None => value.to_string(),
            };
            line.push_str(&format!(" {}:{value}", time_ms / 1_000));
        }
        lines.push(line);
    }
    lines.sort();
    lines
}

/// Writes values of `up`, by job, at a time in seconds.
pub(crate) fn up(store: &MemoryStore, seconds: i64, values: &[(&str, f64)]) {
    for (job, value) in values {
        let labels = labels(&[(METRIC_NAME, "up"), ("job", job)]);
        store.insert(&labels, seconds * 1_000, *value);
    }
}
