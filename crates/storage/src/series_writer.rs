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
    /// counts.
    ///
    /// # Errors
    /// Where a series is not taken, or the batch is not. Nothing of the round may be stored then; the next round
    /// begins as if this one had not been.
    pub fn write(
        &mut self,
        store: &dyn MetricStore,
        time_ms: i64,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) -> Result<(), StorageError> {
        self.round += 1;
        let mut values: FxHashMap<Labels, f64> = FxHashMap::default();
        values.extend(samples);
        for labels in values.keys() {
            let series = match self.entries.get(labels) {
                Some(entry) => entry.series,
                None => store.register(&self.source, None, labels)?,
            };
            let round = self.round;
            self.entries.insert(labels.clone(), Entry { series, round });
        }
        // A store lets go of series that nobody wrote for long: those are registered again, once.
        if self.put(store, time_ms, &values)? {
            self.entries.clear();
            for labels in values.keys() {
                let series = store.register(&self.source, None, labels)?;
                let round = self.round;
                self.entries.insert(labels.clone(), Entry { series, round });
            }
            self.put(store, time_ms, &values)?;
        }
        let round = self.round;
        self.entries.retain(|_, entry| entry.round == round);
        Ok(())
    }

    /// Says that all of them ended.
    ///
    /// # Errors
    /// Where the batch is not taken.
    pub fn end(&mut self, store: &dyn MetricStore, time_ms: i64) -> Result<(), StorageError> {
        self.write(store, time_ms, [])
    }

    /// Gives whether the store does not know one of the series any more.
    fn put(
        &self,
        store: &dyn MetricStore,
        time_ms: i64,
        values: &FxHashMap<Labels, f64>,
    ) -> Result<bool, StorageError> {
        let mut batch = WriteBatch::default();
        for (labels, entry) in &self.entries {
            let value = values.get(labels).copied().unwrap_or(STALE_NAN);
            batch.push(entry.series, time_ms, value);
        }
        if batch.series.is_empty() {
            return Ok(false);
        }
        let outcome = store.write(&self.source, &batch)?;
        let mut rejections = outcome.rejections.iter();
        Ok(rejections.any(|it| it.reason == RejectionReason::UnknownSeries))
    }
}

#[cfg(test)]
mod tests {
    use bellwether_model::{Matcher, TimeRange, is_stale_nan};

    use super::*;
    use crate::{MemoryStore, Samples, Selection, SelectionHints};

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
}
