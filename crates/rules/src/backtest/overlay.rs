//! A store with the results of rules laid over it.
//!
//! ## Model
//! From the begin of a backtest on, the series of recorded metrics are those that the backtest has
//! written; before it, and of all other metrics, those of the store below. Only as much is held as
//! queries can reach back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use bellwether_model::{Labels, METRIC_NAME, MatchOp, TimeRange};
use bellwether_storage::{MetricStore, Samples, Selection, SeriesHandle, StorageError, StoreLayer};
use parking_lot::RwLock;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::alerting::{ALERTS, ALERTS_FOR_STATE};
use crate::settings::GroupSettings;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Overlay {
    below: Arc<dyn MetricStore>,
    from_ms: i64,
    /// Metrics that rules write.
    names: FxHashSet<String>,
    series: RwLock<FxHashMap<Labels, Arc<Written>>>,
    /// How far queries reach back, ms.
    reach_ms: AtomicI64,
    reads_alerts: AtomicBool,
}

#[derive(Debug)]
struct Written {
    labels: Labels,
    samples: RwLock<Samples>,
}

impl Overlay {
    pub(super) fn new(below: Arc<dyn MetricStore>, groups: &[GroupSettings], from_ms: i64) -> Self {
        let rules = groups.iter().flat_map(|group| &group.rules);
        let recorded = rules.filter(|rule| !rule.is_alert());
        let mut names: FxHashSet<String> = recorded.map(|rule| rule.name().to_owned()).collect();
        names.extend([ALERTS, ALERTS_FOR_STATE].map(str::to_owned));
        Self {
            below,
            from_ms,
            names,
            series: RwLock::default(),
            reach_ms: AtomicI64::new(i64::MAX),
            reads_alerts: AtomicBool::new(true),
        }
    }

    /// Says whether a rule reads the series of alerts.
    pub(super) fn set_reads_alerts(&self, reads: bool) {
        self.reads_alerts.store(reads, Ordering::Relaxed);
    }

    /// Whether the series of alerts have to be written.
    pub(super) fn reads_alerts(&self) -> bool {
        self.reads_alerts.load(Ordering::Relaxed)
    }

    /// Says how far queries reach back; `None`: nobody knows.
    pub(super) fn set_reach(&self, reaches: impl Iterator<Item = Option<i64>>) {
        let reach_ms = reaches.map(|reach| reach.unwrap_or(i64::MAX)).max();
        self.reach_ms
            .store(reach_ms.unwrap_or(0), Ordering::Relaxed);
    }

    /// Appends samples to a series, which are later than those that it has.
    pub(super) fn append(&self, labels: &Labels, add: impl FnOnce(&mut Samples)) {
        let known = self.series.read().get(labels).map(Arc::clone);
        let written = known.unwrap_or_else(|| {
            let mut series = self.series.write();
            let written = series.entry(labels.clone()).or_insert_with(|| {
                Arc::new(Written {
                    labels: labels.clone(),
                    samples: RwLock::default(),
                })
            });
            Arc::clone(written)
        });
        add(&mut written.samples.write());
    }

    /// Forgets what no query after a time can reach.
    pub(super) fn trim(&self, now_ms: i64) {
        let until_ms = now_ms.saturating_sub(self.reach_ms.load(Ordering::Relaxed));
        self.series.write().retain(|_, written| {
            let mut samples = written.samples.write();
            let first = samples.times_ms.partition_point(|time| *time < until_ms);
            if first > samples.len() / 2 {
                let mut rest = Samples::default();
                copy(&samples, first..samples.len(), &mut rest);
                *samples = rest;
            }
            !samples.is_empty()
        });
    }
}

fn copy(from: &Samples, positions: std::ops::Range<usize>, to: &mut Samples) {
    if from.histograms.is_empty() {
        to.times_ms
            .extend(from.times_ms.get(positions.clone()).into_iter().flatten());
        to.values
            .extend(from.values.get(positions).into_iter().flatten());
        return;
    }
    for position in positions {
        let Some(time_ms) = from.times_ms.get(position) else {
            continue;
        };
        match (from.histogram_at(position), from.values.get(position)) {
            (Some(histogram), _) => to.push_histogram(*time_ms, Arc::clone(histogram)),
            (None, Some(value)) => to.push_float(*time_ms, *value),
            (None, None) => {}
        }
    }
}

/// A series: what the store has of it before the backtest, and what the backtest has written.
#[derive(Debug)]
struct Joined {
    labels: Labels,
    below: Option<Box<dyn SeriesHandle>>,
    written: Option<Arc<Written>>,
    from_ms: i64,
}

impl SeriesHandle for Joined {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn read(&self, range: TimeRange, out: &mut Samples) -> Result<(), StorageError> {
        if let Some(below) = &self.below {
            let end_ms = range.end_ms.min(self.from_ms.saturating_sub(1));
            let before = TimeRange::new(range.start_ms, end_ms);
            if !before.is_empty() {
                below.read(before, out)?;
            }
        }
        if let Some(written) = &self.written {
            let samples = written.samples.read();
            let times = &samples.times_ms;
            let start = times.partition_point(|time| *time < range.start_ms);
            let end = times.partition_point(|time| *time <= range.end_ms);
            // Starts are those of samples from below; there are none of what rules write.
            let length = out.len();
            copy(&samples, start..end.max(start), out);
            if !out.starts_ms.is_empty() && out.len() > length {
                let count = out.len();
                out.starts_ms.resize(count, 0);
            }
        }
        Ok(())
    }
}

impl StoreLayer for Overlay {
    fn inner(&self) -> &dyn MetricStore {
        self.below.as_ref()
    }

    fn select(
        &self,
        selection: &Selection<'_>,
    ) -> Result<Vec<Box<dyn SeriesHandle>>, StorageError> {
        let found = MetricStore::select(self.below.as_ref(), selection)?;
        let reads_written = self.names.iter().any(|name| {
            let mut named = selection.matchers.iter().filter(|m| m.name == METRIC_NAME);
            named.all(|matcher| matcher.matches(name))
        });
        if !reads_written {
            return Ok(found);
        }
        let series = self.series.read();
        let mut seen: FxHashSet<Labels> = FxHashSet::default();
        let mut joined: Vec<Box<dyn SeriesHandle>> = Vec::with_capacity(found.len());
        for below in found {
            let labels = below.labels().clone();
            if !self.names.contains(labels.metric_name()) {
                joined.push(below);
                continue;
            }
            let written = series.get(&labels).map(Arc::clone);
            seen.insert(labels.clone());
            joined.push(Box::new(Joined {
                labels,
                below: Some(below),
                written,
                from_ms: self.from_ms,
            }));
        }
        for (labels, written) in series.iter().filter(|(labels, _)| !seen.contains(*labels)) {
            // Most conditions are on the name, and cheap to refuse by.
            let name = labels.metric_name();
            let is_other = |m: &bellwether_model::Matcher| {
                m.name == METRIC_NAME && m.op == MatchOp::Equal && m.value != name
            };
            let mut matchers = selection.matchers.iter();
            if matchers.clone().any(is_other) || !matchers.all(|m| m.matches_labels(labels)) {
                continue;
            }
            joined.push(Box::new(Joined {
                labels: written.labels.clone(),
                below: None,
                written: Some(Arc::clone(written)),
                from_ms: self.from_ms,
            }));
        }
        Ok(joined)
    }
}
