//! Writes what is so now as series, and says of what is no longer so that it ended.
//!
//! ## Model
//! Each round gives all samples that there are at a time. A series that an earlier round wrote and this one does
//! not gets a staleness marker, as when a target no longer shows it.

use bellwether_model::{Labels, STALE_NAN};
use rustc_hash::FxHashMap;

use crate::{MetricStore, RejectionReason, SeriesRef, Source, StorageError, WriteBatch};

/// Writes rounds of samples under one [`Source`].
#[derive(Debug)]
pub struct SeriesWriter {
    source: Source,
    /// Every series of the last round.
    entries: FxHashMap<Labels, Entry>,
    round: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    series: SeriesRef,
    /// The round that wrote it last.
    round: u64,
}

impl SeriesWriter {
    /// A writer that has written nothing yet.
    #[must_use]
    pub fn new(source: Source) -> Self {
        Self {
            source,
            entries: FxHashMap::default(),
            round: 0,
        }
    }

    /// Writes all samples that there are at a time, later than that of the round before. Of equal labels the last
    /// counts. A series that is not taken does not keep the others from being written.
    ///
    /// # Errors
    /// Where a series or a sample is not taken: the first reason, after everything else was written; or where the
    /// batch as a whole is not: the next round begins then as if this one had not been.
    pub fn write(
        &mut self,
        store: &dyn MetricStore,
        time_ms: i64,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) -> Result<(), WriteError> {
        self.round += 1;
        let mut values: FxHashMap<Labels, f64> = FxHashMap::default();
        values.extend(samples);
        let mut refused = self.register(store, &values);
        let mut rejection = self.put(store, time_ms, &values)?;
        // A store lets go of series that nobody wrote for long: those are registered again, once.
        if rejection == Some(RejectionReason::UnknownSeries) {
            self.entries
                .retain(|labels, _| !values.contains_key(labels));
            refused = self.register(store, &values);
            rejection = self.put(store, time_ms, &values)?;
        }
        let round = self.round;
        self.entries.retain(|_, entry| entry.round == round);
        match (refused, rejection) {
            (Some(error), _) => Err(error.into()),
            // A marker for a series that is no longer there says nothing that readers do not know.
            (None, None | Some(RejectionReason::UnknownSeries)) => Ok(()),
            (None, Some(reason)) => Err(WriteError::Rejected(reason)),
        }
    }

    /// Finds a place for each series. Gives why the first of those has none that are not taken.
    fn register(
        &mut self,
        store: &dyn MetricStore,
        values: &FxHashMap<Labels, f64>,
    ) -> Option<StorageError> {
        let mut refused = None;
        for labels in values.keys() {
            let known = self.entries.get(labels).map(|entry| entry.series);
            let series = match known.map_or_else(|| store.register(&self.source, None, labels), Ok)
            {
                Ok(series) => series,
                Err(error) => {
                    refused.get_or_insert(error);
                    continue;
                }
            };
            let round = self.round;
            self.entries.insert(labels.clone(), Entry { series, round });
        }
        refused
    }

    /// Says that all of them ended.
    ///
    /// # Errors
    /// As [`SeriesWriter::write`].
    pub fn end(&mut self, store: &dyn MetricStore, time_ms: i64) -> Result<(), WriteError> {
        self.write(store, time_ms, [])
    }

    /// Gives why samples were not taken; that a series is unknown before all else.
    fn put(
        &self,
        store: &dyn MetricStore,
        time_ms: i64,
        values: &FxHashMap<Labels, f64>,
    ) -> Result<Option<RejectionReason>, StorageError> {
        let mut batch = WriteBatch::default();
        for (labels, entry) in &self.entries {
            let value = values.get(labels).copied().unwrap_or(STALE_NAN);
            batch.push(entry.series, time_ms, value);
        }
        if batch.series.is_empty() {
            return Ok(None);
        }
        let outcome = store.write(&self.source, &batch)?;
        let reasons = outcome.rejections.iter().map(|it| it.reason);
        let unknown = reasons
            .clone()
            .find(|it| *it == RejectionReason::UnknownSeries);
        Ok(unknown.or_else(|| reasons.clone().next()))
    }
}

/// Why something of a round is not stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A series, or everything.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A sample.
    #[error("a sample is refused: {0:?}")]
    Rejected(RejectionReason),
}

#[cfg(test)]
mod tests {
    use bellwether_model::{Matcher, TimeRange, is_stale_nan};

    use super::*;
    use crate::{MemoryStore, Samples, Selection, SelectionHints, StoreLayer};

    fn labels(name: &str) -> Labels {
        Labels::from_pairs([("__name__", "x"), ("is", name)])
    }

    fn values(store: &MemoryStore, name: &str) -> Vec<(i64, String)> {
        let range = TimeRange::new(0, 10_000);
        let matchers = [Matcher::equal("is", name)];
        let selection = Selection {
            matchers: &matchers,
            range,
            hints: SelectionHints::default(),
        };
        let mut out = Samples::default();
        for series in store.select(&selection).unwrap() {
            series.read(range, &mut out).unwrap();
        }
        let shown = |value: f64| match is_stale_nan(value) {
            true => "stale".to_owned(),
            false => value.to_string(),
        };
        out.times_ms
            .iter()
            .zip(&out.values)
            .map(|(time_ms, value)| (*time_ms, shown(*value)))
            .collect()
    }

    #[test]
    fn what_is_no_longer_written_is_stale_once() {
        let store = MemoryStore::new();
        let mut writer = SeriesWriter::new(Source::new("test"));
        let mut write = |time_ms, samples: &[(&str, f64)]| {
            let samples = samples.iter().map(|(name, value)| (labels(name), *value));
            writer.write(&store, time_ms, samples).unwrap();
        };
        write(1_000, &[("a", 1.0), ("b", 2.0)]);
        write(2_000, &[("a", 3.0)]);
        write(3_000, &[("a", 4.0)]);
        writer.end(&store, 4_000).unwrap();
        writer.end(&store, 5_000).unwrap();
        let texts = |pairs: &[(i64, &str)]| {
            let pairs = pairs.iter().map(|(time, text)| (*time, (*text).to_owned()));
            pairs.collect::<Vec<_>>()
        };
        let want = texts(&[(1_000, "1"), (2_000, "3"), (3_000, "4"), (4_000, "stale")]);
        assert_eq!(values(&store, "a"), want);
        assert_eq!(
            values(&store, "b"),
            texts(&[(1_000, "2"), (2_000, "stale")])
        );
    }

    /// Takes no series that is called `no`, and forgets all series when it is told to.
    #[derive(Debug)]
    struct Picky {
        inner: MemoryStore,
        forgets: std::sync::atomic::AtomicBool,
    }

    impl StoreLayer for Picky {
        fn inner(&self) -> &dyn MetricStore {
            &self.inner
        }

        fn register(
            &self,
            source: &Source,
            key: Option<crate::SeriesKey>,
            labels: &Labels,
        ) -> Result<SeriesRef, StorageError> {
            if labels.get("is") == Some("no") {
                return Err(StorageError::Limit("too many".to_owned()));
            }
            self.inner.register(source, key, labels)
        }

        fn write(
            &self,
            source: &Source,
            batch: &WriteBatch,
        ) -> Result<crate::WriteOutcome, StorageError> {
            if !self
                .forgets
                .swap(false, std::sync::atomic::Ordering::Relaxed)
            {
                return self.inner.write(source, batch);
            }
            let rejection = |series: &SeriesRef| crate::Rejection {
                series: *series,
                time_ms: 0,
                reason: RejectionReason::UnknownSeries,
            };
            Ok(crate::WriteOutcome {
                rejections: batch.series.iter().map(rejection).collect(),
                rejected_count: batch.series.len() as u64,
                ..crate::WriteOutcome::default()
            })
        }
    }

    #[test]
    fn what_is_refused_keeps_nothing_else_back_and_what_is_forgotten_is_written_again() {
        let store = Picky {
            inner: MemoryStore::new(),
            forgets: false.into(),
        };
        let mut writer = SeriesWriter::new(Source::new("test"));
        let mut write = |time_ms, names: &[&str]| {
            let samples = names.iter().map(|name| (labels(name), 1.0));
            writer.write(&store, time_ms, samples)
        };
        let error = write(1_000, &["a", "no", "b"]).unwrap_err();
        assert_eq!(error.to_string(), "too many");
        assert_eq!(values(&store.inner, "a").len(), 1);
        assert_eq!(values(&store.inner, "b").len(), 1);
        store
            .forgets
            .store(true, std::sync::atomic::Ordering::Relaxed);
        write(2_000, &["a", "b"]).unwrap();
        assert_eq!(values(&store.inner, "a").len(), 2);
        // The first sample at a time wins: another one is told.
        let samples = [(labels("a"), 7.0)];
        let error = writer.write(&store, 2_000, samples).unwrap_err();
        assert!(error.to_string().contains("DuplicateTimestamp"), "{error}");
    }
}
