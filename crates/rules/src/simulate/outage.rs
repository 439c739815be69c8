//! A store in which targets are down.
//!
//! ## Model
//! Of series that a target's matchers select, only what was before the outage is there, and a marker at
//! its begin that says that they have ended; a scrape that fails writes these. Only `up` goes on, at 0.

use std::sync::Arc;

use bellwether_model::{Labels, METRIC_NAME, Matcher, STALE_NAN, TimeRange};
use bellwether_storage::{
    MetricStore, Samples, Selection, SelectionHints, SeriesHandle, StorageError, StoreLayer,
};

use super::{UP, is_up};

/// Time between two samples of `up`, ms: the default of scrapes.
const STEP_MS: i64 = 15_000;
/// What was up so long before the outage is a target.
const LOOKBACK_MS: i64 = 300_000;

/// See the module's page.
#[derive(Debug)]
pub(super) struct OutageStore {
    below: Arc<dyn MetricStore>,
    targets: Vec<Vec<Matcher>>,
    /// Both ends included, ms.
    span: (i64, i64),
}

impl OutageStore {
    pub(super) fn new(
        below: Arc<dyn MetricStore>,
        targets: Vec<Vec<Matcher>>,
        span: (i64, i64),
    ) -> Self {
        Self {
            below,
            targets,
            span,
        }
    }

    /// The series `up` of the targets, without the name of the metric, sorted.
    pub(super) fn targets(&self) -> Result<Vec<Labels>, StorageError> {
        let mut targets = self.all_targets()?;
        targets.retain(|labels| self.is_down(labels));
        Ok(targets)
    }

    /// The same of all targets.
    pub(super) fn all_targets(&self) -> Result<Vec<Labels>, StorageError> {
        let matchers = [Matcher::equal(METRIC_NAME, UP)];
        let (from_ms, to_ms) = self.span;
        let range = TimeRange::new(from_ms.saturating_sub(LOOKBACK_MS), to_ms);
        let selection = Selection {
            matchers: &matchers,
            range,
            hints: SelectionHints::default(),
        };
        let mut targets = Vec::new();
        let mut samples = Samples::default();
        for series in MetricStore::select(self.below.as_ref(), &selection)? {
            // A store may give series that have nothing in the range.
            samples.clear();
            series.read(range, &mut samples)?;
            if !samples.is_empty() {
                targets.push(series.labels().without_name());
            }
        }
        targets.sort();
        Ok(targets)
    }

    fn is_down(&self, labels: &Labels) -> bool {
        self.targets
            .iter()
            .any(|matchers| matchers.iter().all(|m| m.matches_labels(labels)))
    }
}

impl StoreLayer for OutageStore {
    fn inner(&self) -> &dyn MetricStore {
        self.below.as_ref()
    }

    fn select(
        &self,
        selection: &Selection<'_>,
    ) -> Result<Vec<Box<dyn SeriesHandle>>, StorageError> {
        let found = MetricStore::select(self.below.as_ref(), selection)?;
        let covered = found.into_iter().map(|series| {
            // Matchers of a target say nothing of the metric.
            if !self.is_down(series.labels()) {
                return series;
            }
            Box::new(Down {
                is_up: is_up(series.labels()),
                below: series,
                span: self.span,
            }) as Box<dyn SeriesHandle>
        });
        Ok(covered.collect())
    }
}

/// A series of a target that is down.
#[derive(Debug)]
struct Down {
    below: Box<dyn SeriesHandle>,
    is_up: bool,
    span: (i64, i64),
}

impl SeriesHandle for Down {
    fn labels(&self) -> &Labels {
        self.below.labels()
    }

    fn memory_bytes(&self) -> usize {
        self.below.memory_bytes()
    }

    fn read(&self, range: TimeRange, out: &mut Samples) -> Result<(), StorageError> {
        let (from_ms, to_ms) = self.span;
        let before = TimeRange::new(range.start_ms, range.end_ms.min(from_ms.saturating_sub(1)));
        if !before.is_empty() {
            self.below.read(before, out)?;
        }
        let length = out.len();
        if !self.is_up {
            if range.contains(from_ms) {
                out.push_float(from_ms, STALE_NAN);
            }
        } else {
            let skipped = (range.start_ms.saturating_sub(from_ms).max(0) + STEP_MS - 1) / STEP_MS;
            let mut time_ms = from_ms.saturating_add(skipped * STEP_MS);
            while time_ms <= range.end_ms.min(to_ms) {
                out.push_float(time_ms, 0.0);
                time_ms += STEP_MS;
            }
        }
        // Starts are those of samples from below.
        if !out.starts_ms.is_empty() && out.len() > length {
            let count = out.len();
            out.starts_ms.resize(count, 0);
        }
        Ok(())
    }
}
