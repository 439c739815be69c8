//! The series that one rule writes, from one evaluation to the next.
//!
//! ## Model
//! What a rule makes of an element is the same at each evaluation: labels are built and the series is
//! registered for elements that are new. A series that is not written again gets a staleness marker.
//!
//! ## Invariants
//! A marker is written for a series only if a sample of it was, and until the marker is stored.

use bellwether_model::{Histogram, Labels, STALE_NAN, Value};
use bellwether_storage::{MetricStore, SeriesRef, Source, StorageError, WriteBatch};
use rustc_hash::{FxHashMap, FxHashSet};

/// What of an element a series is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Aspect {
    /// The result of a recording rule.
    Recorded,
    /// `ALERTS` of an alert that is pending.
    Pending,
    /// `ALERTS` of an alert that fires.
    Firing,
    /// `ALERTS_FOR_STATE`.
    ForState,
}

#[derive(Debug)]
struct Entry {
    labels: Labels,
    series: Option<SeriesRef>,
    /// The evaluation that wrote it last.
    round: u64,
    /// Whether a sample of it is stored.
    is_stored: bool,
}

/// See the module's page.
#[derive(Debug, Default)]
pub(crate) struct Output {
    entries: FxHashMap<(Labels, Aspect), Entry>,
    round: u64,
    /// Whether entries were added in this round.
    has_new: bool,
    /// How many entries this round has.
    round_count: usize,
}

/// What one rule has to write.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) batch: WriteBatch,
    /// Floats from here on are staleness markers.
    pub(crate) markers_from: usize,
    /// Series that the store did not take: how many, the first, and why.
    pub(crate) refused: Option<(u64, Labels, StorageError)>,
}

impl Output {
    /// Begins an evaluation.
    pub(crate) fn begin(&mut self) {
        self.round += 1;
        self.round_count = 0;
        self.has_new = false;
    }

    /// Writes a sample of the series that `element` is under some aspect.
    pub(crate) fn push(
        &mut self,
        element: &Labels,
        aspect: Aspect,
        make_labels: impl FnOnce() -> Labels,
        (store, source): (&dyn MetricStore, &Source),
        (time_ms, value): (i64, Value),
        part: &mut Part,
    ) {
        let round = self.round;
        let (has_new, round_count) = (&mut self.has_new, &mut self.round_count);
        let entry = self
            .entries
            .entry((element.clone(), aspect))
            .or_insert_with(|| {
                *has_new = true;
                Entry {
                    labels: make_labels(),
                    series: None,
                    round: round.wrapping_sub(1),
                    is_stored: false,
                }
            });
        if entry.round != round {
            entry.round = round;
            *round_count += 1;
        }
        let series = match entry.series {
            Some(series) => series,
            None => match store.register(source, None, &entry.labels) {
                Ok(series) => *entry.series.insert(series),
                Err(error) => {
                    let refused = part
                        .refused
                        .get_or_insert_with(|| (0, entry.labels.clone(), error));
                    refused.0 += 1;
                    return;
                }
            },
        };
        match value {
            Value::Float(value) => part.batch.push(series, time_ms, value),
            Value::Histogram(histogram) => part.batch.histograms.push((
                series,
                time_ms,
                0,
                Histogram::Float((*histogram).clone()),
            )),
        }
    }

    /// Two elements of this round that are the same series. Only new elements can bring one: what is
    /// made of the others was looked at before.
    pub(crate) fn duplicate(&self) -> Option<Labels> {
        if !self.has_new {
            return None;
        }
        let mut seen = FxHashSet::default();
        let mut entries = self.entries.values();
        let twice = entries.find(|e| e.round == self.round && !seen.insert(&e.labels));
        twice.map(|entry| entry.labels.clone())
    }

    /// Forgets what this round has added: it does not count.
    pub(crate) fn abandon(&mut self) {
        if self.has_new {
            self.entries.retain(|_, entry| entry.is_stored);
        }
    }

    /// Writes markers for series that this round has not written.
    pub(crate) fn push_markers(&self, time_ms: i64, part: &mut Part) {
        part.markers_from = part.batch.series.len();
        if self.round_count == self.entries.len() {
            return;
        }
        let ended = self.entries.values().filter(|e| e.round != self.round);
        for series in ended.filter(|e| e.is_stored).filter_map(|e| e.series) {
            part.batch.push(series, time_ms, STALE_NAN);
        }
    }

    /// Says that what the round has written is stored.
    pub(crate) fn stored(&mut self) {
        if !self.has_new && self.round_count == self.entries.len() {
            return;
        }
        let round = self.round;
        self.entries.retain(|_, entry| {
            entry.is_stored = true;
            entry.round == round
        });
    }

    /// Registers series again that the store has let go of. Gives the new for the old.
    pub(crate) fn renew(
        &mut self,
        gone: &FxHashSet<SeriesRef>,
        (store, source): (&dyn MetricStore, &Source),
    ) -> FxHashMap<SeriesRef, SeriesRef> {
        let mut renewed = FxHashMap::default();
        for entry in self.entries.values_mut() {
            let Some(old) = entry.series.filter(|series| gone.contains(series)) else {
                continue;
            };
            entry.series = store.register(source, None, &entry.labels).ok();
            renewed.extend(entry.series.map(|new| (old, new)));
        }
        renewed
    }

    /// The labels of a series that it writes.
    pub(crate) fn labels_of(&self, series: SeriesRef) -> Option<&Labels> {
        let mut entries = self.entries.values();
        let entry = entries.find(|entry| entry.series == Some(series))?;
        Some(&entry.labels)
    }

    /// The labels of all series of which samples are stored.
    pub(crate) fn series(&self) -> impl Iterator<Item = &Labels> {
        let entries = self.entries.values();
        entries.filter(|e| e.is_stored).map(|entry| &entry.labels)
    }
}
