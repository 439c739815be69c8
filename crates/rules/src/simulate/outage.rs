//! A store in which targets are down.
//!
//! ## Model
//! Targets are the series `up` that matchers select. Of all series with the labels `job` and `instance`
//! of one, only what was before the outage is there, and a marker at its begin that says that they have
//! ended; a scrape that fails writes these. Only `up` goes on, at 0. What others tell of a thing that has
//! the name of the target goes on: they are up.

use std::collections::BTreeSet;
use std::sync::Arc;

use bellwether_model::{Labels, METRIC_NAME, Matcher, STALE_NAN, TimeRange};
use bellwether_storage::{
    MetricStore, Samples, Selection, SelectionHints, SeriesHandle, StorageError, StoreLayer,
};

use super::{IDENTITY, UP, is_up};

/// Time between two samples of `up`, ms: the default of scrapes.
const STEP_MS: i64 = 15_000;
/// What was up so long before the outage is a target.
const LOOKBACK_MS: i64 = 300_000;

/// See the module's page.
#[derive(Debug)]
pub(super) struct OutageStore {
    below: Arc<dyn MetricStore>,
    /// The series `up` of the targets, without the name of the metric, sorted.
    targets: Vec<Labels>,
    /// What tells them apart.
    down: BTreeSet<Identity>,
    /// Both ends included, ms.
    span: (i64, i64),
}

/// The values of [`IDENTITY`].
type Identity = [String; IDENTITY.len()];

fn identity(labels: &Labels) -> Identity {
    IDENTITY.map(|name| labels.get(name).unwrap_or("").to_owned())
}

impl OutageStore {
    pub(super) fn open(
        below: Arc<dyn MetricStore>,
        wanted: Vec<Vec<Matcher>>,
        span: (i64, i64),
    ) -> Result<Self, StorageError> {
        let mut store = Self {
            below,
            targets: Vec::new(),
            down: BTreeSet::new(),
            span,
        };
        let is_wanted = |labels: &Labels| {
            let mut lists = wanted.iter();
            lists.any(|matchers| matchers.iter().all(|m| m.matches_labels(labels)))
        };
        store.targets = store.all_targets()?;
        store.targets.retain(is_wanted);
        store.down = store.targets.iter().map(identity).collect();
        Ok(store)
    }

    /// The series `up` of the targets, without the name of the metric, sorted.
    pub(super) fn targets(&self) -> &[Labels] {
        &self.targets
    }

    /// The same of all targets that there are.
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
            if !self.down.contains(&identity(series.labels())) {
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
