//! The reference store: slow, obvious, and right. Tests compare the engines with it.
//!
//! ## Invariants
//! Everything is a sorted map under one lock; every question is answered by looking at everything.
//! There are no limits, no retention, no disk. The first sample at a time wins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bellwether_model::{
    Exemplar, FloatHistogram, Labels, METRIC_NAME, Matcher, Metadata, TimeRange, is_stale_nan,
};
use parking_lot::RwLock;
use rustc_hash::FxHashMap;

use crate::{
    ExemplarSeries, LabelQuery, MetadataEntry, MetricStore, RejectionReason, Samples, Selection,
    SeriesHandle, SeriesKey, SeriesRef, Source, StorageError, StoreStats, TopEntry, WriteBatch,
    WriteOutcome,
};

/// A store in memory, for tests and for the test language.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// All series; a [`SeriesRef`] is the position here.
    series: Vec<MemorySeries>,
    by_labels: BTreeMap<Labels, usize>,
    by_key: FxHashMap<SeriesKey, usize>,
    metadata: BTreeMap<String, Vec<Metadata>>,
}

#[derive(Debug, Clone)]
struct MemorySeries {
    labels: Labels,
    source: Source,
    /// Shared with handles: selecting costs the same however long the series is.
    points: Arc<BTreeMap<i64, Point>>,
    exemplars: Vec<Exemplar>,
}

#[derive(Debug, Clone)]
struct Point {
    value: PointValue,
    start_ms: i64,
}

#[derive(Debug, Clone)]
enum PointValue {
    Float(f64),
    Histogram(Arc<FloatHistogram>),
}

impl PointValue {
    /// Equality of what is stored, to the bit, so that NaN equals the same NaN.
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            // Debug text is the simplest total equality over floats that are NaN or -0.
            (Self::Histogram(a), Self::Histogram(b)) => format!("{a:?}") == format!("{b:?}"),
            _ => false,
        }
    }
}

impl Point {
    /// The histogram, unless it is the staleness marker.
    fn live_histogram(&self) -> Option<&FloatHistogram> {
        match &self.value {
            PointValue::Histogram(histogram) if !is_stale_nan(histogram.sum) => Some(histogram),
            _ => None,
        }
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes one float, registering its series. For tests.
    pub fn insert(&self, labels: &Labels, time_ms: i64, value: f64) {
        self.insert_point(labels, time_ms, 0, PointValue::Float(value));
    }

    /// Writes one float with the time at which its counter started (0: unknown). For tests.
    pub fn insert_with_start(&self, labels: &Labels, time_ms: i64, start_ms: i64, value: f64) {
        self.insert_point(labels, time_ms, start_ms, PointValue::Float(value));
    }

    /// Writes one histogram, registering its series. For tests.
    pub fn insert_histogram(
        &self,
        labels: &Labels,
        time_ms: i64,
        start_ms: i64,
        histogram: FloatHistogram,
    ) {
        self.insert_point(
            labels,
            time_ms,
            start_ms,
            PointValue::Histogram(Arc::new(histogram)),
        );
    }

    fn insert_point(&self, labels: &Labels, time_ms: i64, start_ms: i64, value: PointValue) {
        let mut inner = self.inner.write();
        let index = inner.find_or_add(labels, &Source::new("test"));
        Arc::make_mut(&mut inner.series[index].points).insert(time_ms, Point { value, start_ms });
    }
}

impl Inner {
    fn find_or_add(&mut self, labels: &Labels, source: &Source) -> usize {
        if let Some(&index) = self.by_labels.get(labels) {
            return index;
        }
        let index = self.series.len();
        self.series.push(MemorySeries {
            labels: labels.clone(),
            source: source.clone(),
            points: Arc::default(),
            exemplars: Vec::new(),
        });
        self.by_labels.insert(labels.clone(), index);
        index
    }

    fn take(
        &mut self,
        series: SeriesRef,
        time_ms: i64,
        point: Point,
    ) -> Result<(), RejectionReason> {
        let index = usize::try_from(series.0).unwrap_or(usize::MAX);
        let Some(series) = self.series.get_mut(index) else {
            return Err(RejectionReason::UnknownSeries);
        };
        match series.points.get(&time_ms) {
            Some(old) if old.value.same(&point.value) => Ok(()),
            Some(_) => Err(RejectionReason::DuplicateTimestamp),
            None => {
                Arc::make_mut(&mut series.points).insert(time_ms, point);
                Ok(())
            }
        }
    }

    /// Series that satisfy a question, sorted by labels.
    fn matching<'a>(&'a self, query: &'a LabelQuery<'_>) -> impl Iterator<Item = &'a MemorySeries> {
        self.by_labels
            .values()
            .map(|&index| &self.series[index])
            .filter(move |series| {
                matches_any(query.matcher_sets, &series.labels) && series.lives_in(query.range)
            })
    }
}

impl MemorySeries {
    fn lives_in(&self, range: TimeRange) -> bool {
        !range.is_empty()
            && self
                .points
                .range(range.start_ms..=range.end_ms)
                .next()
                .is_some()
    }
}

fn matches_all(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers
        .iter()
        .all(|matcher| matcher.matches_labels(labels))
}

fn matches_any(sets: &[Vec<Matcher>], labels: &Labels) -> bool {
    sets.is_empty() || sets.iter().any(|matchers| matches_all(matchers, labels))
}

fn limited<T>(items: impl Iterator<Item = T>, limit: usize) -> Vec<T> {
    items
        .take(if limit == 0 { usize::MAX } else { limit })
        .collect()
}

/// A copy of one series, taken when it was selected.
#[derive(Debug)]
struct MemoryHandle {
    series: MemorySeries,
}

impl SeriesHandle for MemoryHandle {
    fn labels(&self) -> &Labels {
        &self.series.labels
    }

    fn memory_bytes(&self) -> usize {
        // Nodes of a tree are two thirds full.
        let points = self.series.points.len() * size_of::<(i64, Point)>() * 3 / 2;
        size_of::<Self>() + self.series.labels.as_bytes().len() + points
    }

    fn read(&self, range: TimeRange, out: &mut Samples) -> Result<(), StorageError> {
        if range.is_empty() {
            return Ok(());
        }
        let before = self.series.points.range(..range.start_ms).next_back();
        let mut previous = before.and_then(|(_, point)| point.live_histogram());
        for (&time_ms, point) in self.series.points.range(range.start_ms..=range.end_ms) {
            match &point.value {
                PointValue::Float(value) => out.push_float(time_ms, *value),
                PointValue::Histogram(histogram) => {
                    let mut histogram = Arc::clone(histogram);
                    let hint = histogram.hint_after(previous);
                    if histogram.counter_reset != hint {
                        Arc::make_mut(&mut histogram).counter_reset = hint;
                    }
                    out.push_histogram(time_ms, histogram);
                }
            }
            previous = point.live_histogram();
            out.set_last_start(point.start_ms);
        }
        Ok(())
    }
}

impl MetricStore for MemoryStore {
    fn key_seed(&self) -> u64 {
        0
    }

    fn resolve(&self, key: SeriesKey) -> Option<SeriesRef> {
        self.inner
            .read()
            .by_key
            .get(&key)
            .map(|&index| SeriesRef(index as u64))
    }

    fn register(
        &self,
        source: &Source,
        key: Option<SeriesKey>,
        labels: &Labels,
    ) -> Result<SeriesRef, StorageError> {
        if labels.is_empty() {
            return Err(StorageError::Invalid(
                "a series needs at least one label".to_owned(),
            ));
        }
        let mut inner = self.inner.write();
        let index = inner.find_or_add(labels, source);
        if let Some(key) = key {
            inner.by_key.insert(key, index);
        }
        Ok(SeriesRef(index as u64))
    }

    fn write(&self, _source: &Source, batch: &WriteBatch) -> Result<WriteOutcome, StorageError> {
        let mut inner = self.inner.write();
        let mut outcome = WriteOutcome::default();
        for (position, &series) in batch.series.iter().enumerate() {
            let time_ms = batch.times_ms[position];
            let start_ms = batch.starts_ms.get(position).copied().unwrap_or(0);
            let value = PointValue::Float(batch.values[position]);
            match inner.take(series, time_ms, Point { value, start_ms }) {
                Ok(()) => outcome.float_count += 1,
                Err(reason) => outcome.reject(series, time_ms, reason),
            }
        }
        for (series, time_ms, start_ms, histogram) in &batch.histograms {
            if histogram.validate().is_err() {
                outcome.reject(*series, *time_ms, RejectionReason::InvalidHistogram);
                continue;
            }
            let value = PointValue::Histogram(Arc::new(histogram.to_float()));
            match inner.take(
                *series,
                *time_ms,
                Point {
                    value,
                    start_ms: *start_ms,
                },
            ) {
                Ok(()) => outcome.histogram_count += 1,
                Err(reason) => outcome.reject(*series, *time_ms, reason),
            }
        }
        for (series, exemplar) in &batch.exemplars {
            let index = usize::try_from(series.0).unwrap_or(usize::MAX);
            let Some(found) = inner.series.get_mut(index) else {
                outcome.reject(
                    *series,
                    exemplar.timestamp_ms,
                    RejectionReason::UnknownSeries,
                );
                continue;
            };
            match found.exemplars.last() {
                Some(last) if last == exemplar => outcome.exemplar_count += 1,
                Some(last) if last.timestamp_ms > exemplar.timestamp_ms => {
                    let reason = RejectionReason::OutOfOrderExemplar;
                    outcome.reject(*series, exemplar.timestamp_ms, reason);
                }
                _ => {
                    found.exemplars.push(exemplar.clone());
                    outcome.exemplar_count += 1;
                }
            }
        }
        for (metric, metadata) in &batch.metadata {
            let known = inner.metadata.entry(metric.clone()).or_default();
            if !known.contains(metadata) {
                known.push(metadata.clone());
            }
        }
        Ok(outcome)
    }

    fn select(
        &self,
        selection: &Selection<'_>,
    ) -> Result<Vec<Box<dyn SeriesHandle>>, StorageError> {
        let inner = self.inner.read();
        let mut selected: Vec<Box<dyn SeriesHandle>> = Vec::new();
        for series in &inner.series {
            let wanted = matches_all(selection.matchers, &series.labels)
                && (selection.hints.labels_only || series.lives_in(selection.range));
            if !wanted {
                continue;
            }
            selected.push(Box::new(MemoryHandle {
                series: series.clone(),
            }));
            let max = selection.hints.series_max;
            if max > 0 && selected.len() > max {
                let text = format!("the selector matches more than {max} series");
                return Err(StorageError::Limit(text));
            }
        }
        Ok(selected)
    }

    fn label_names(&self, query: &LabelQuery<'_>) -> Result<Vec<String>, StorageError> {
        let inner = self.inner.read();
        let names: BTreeSet<String> = inner
            .matching(query)
            .flat_map(|series| series.labels.iter().map(|(name, _)| name.to_owned()))
            .collect();
        Ok(limited(names.into_iter(), query.limit))
    }

    fn label_values(
        &self,
        name: &str,
        query: &LabelQuery<'_>,
    ) -> Result<Vec<String>, StorageError> {
        let inner = self.inner.read();
        let values: BTreeSet<String> = inner
            .matching(query)
            .filter_map(|series| series.labels.get(name).map(str::to_owned))
            .collect();
        Ok(limited(values.into_iter(), query.limit))
    }

    fn series(&self, query: &LabelQuery<'_>) -> Result<Vec<Labels>, StorageError> {
        let inner = self.inner.read();
        Ok(limited(
            inner.matching(query).map(|series| series.labels.clone()),
            query.limit,
        ))
    }

    fn exemplars(&self, query: &LabelQuery<'_>) -> Result<Vec<ExemplarSeries>, StorageError> {
        let inner = self.inner.read();
        let found = inner
            .by_labels
            .values()
            .map(|&index| &inner.series[index])
            .filter_map(|series| {
                if !matches_any(query.matcher_sets, &series.labels) {
                    return None;
                }
                let exemplars: Vec<Exemplar> = series
                    .exemplars
                    .iter()
                    .filter(|exemplar| query.range.contains(exemplar.timestamp_ms))
                    .cloned()
                    .collect();
                (!exemplars.is_empty()).then(|| ExemplarSeries {
                    labels: series.labels.clone(),
                    exemplars,
                })
            });
        Ok(limited(found, query.limit))
    }

    fn metadata(&self, metric: Option<&str>) -> Result<Vec<MetadataEntry>, StorageError> {
        let inner = self.inner.read();
        Ok(inner
            .metadata
            .iter()
            .filter(|(name, _)| metric.is_none_or(|metric| metric == name.as_str()))
            .flat_map(|(name, known)| {
                known.iter().map(|metadata| MetadataEntry {
                    metric: name.clone(),
                    metadata: metadata.clone(),
                })
            })
            .collect())
    }

    fn delete(&self, matcher_sets: &[Vec<Matcher>], range: TimeRange) -> Result<(), StorageError> {
        let mut inner = self.inner.write();
        for series in &mut inner.series {
            if matches_any(matcher_sets, &series.labels) {
                Arc::make_mut(&mut series.points).retain(|time_ms, _| !range.contains(*time_ms));
                series
                    .exemplars
                    .retain(|exemplar| !range.contains(exemplar.timestamp_ms));
            }
        }
        Ok(())
    }

    fn clean_tombstones(&self) -> Result<(), StorageError> {
        Ok(())
    }

    fn snapshot(&self, _skip_head: bool) -> Result<String, StorageError> {
        Err(StorageError::Unavailable(
            "the in-memory store has no snapshots".to_owned(),
        ))
    }

    fn stats(&self, top: usize) -> StoreStats {
        let inner = self.inner.read();
        let mut metrics = FxHashMap::<String, u64>::default();
        let mut sources = FxHashMap::<String, u64>::default();
        let mut values = FxHashMap::<String, BTreeSet<String>>::default();
        let mut pairs = FxHashMap::<String, u64>::default();
        let mut bytes = FxHashMap::<String, u64>::default();
        let mut times = (i64::MAX, i64::MIN);
        for series in &inner.series {
            *sources.entry(series.source.0.to_string()).or_default() += 1;
            for (name, value) in series.labels.iter() {
                if name == METRIC_NAME {
                    *metrics.entry(value.to_owned()).or_default() += 1;
                }
                values
                    .entry(name.to_owned())
                    .or_default()
                    .insert(value.to_owned());
                *pairs.entry(format!("{name}={value}")).or_default() += 1;
                *bytes.entry(name.to_owned()).or_default() += (name.len() + value.len()) as u64;
            }
            if let (Some(first), Some(last)) = (
                series.points.first_key_value(),
                series.points.last_key_value(),
            ) {
                times = (times.0.min(*first.0), times.1.max(*last.0));
            }
        }
        StoreStats {
            head_series: inner.series.len() as u64,
            head_label_pairs: pairs.len() as u64,
            head_min_ms: times.0,
            head_max_ms: times.1,
            series_by_metric: greatest(metrics, top),
            values_by_label: greatest(
                values
                    .into_iter()
                    .map(|(name, set)| (name, set.len() as u64))
                    .collect(),
                top,
            ),
            bytes_by_label: greatest(bytes, top),
            series_by_pair: greatest(pairs, top),
            series_by_source: greatest(sources, top),
            ..StoreStats::default()
        }
    }
}

fn greatest(counts: FxHashMap<String, u64>, top: usize) -> Vec<TopEntry> {
    let mut entries: Vec<TopEntry> = counts
        .into_iter()
        .map(|(name, value)| TopEntry { name, value })
        .collect();
    entries.sort_by(|a, b| b.value.cmp(&a.value).then_with(|| a.name.cmp(&b.name)));
    entries.truncate(top);
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(name: &str, job: &str) -> Labels {
        Labels::from_pairs([(METRIC_NAME, name), ("job", job)])
    }

    #[test]
    fn the_first_sample_at_a_time_wins() {
        let store = MemoryStore::new();
        let source = Source::new("test");
        let series = store
            .register(&source, Some(SeriesKey(7)), &labels("up", "a"))
            .unwrap();
        assert_eq!(store.resolve(SeriesKey(7)), Some(series));
        let mut batch = WriteBatch::default();
        batch.push(series, 1, 1.0);
        batch.push(series, 1, 1.0);
        batch.push(series, 1, 2.0);
        batch.push(SeriesRef(99), 1, 2.0);
        let outcome = store.write(&source, &batch).unwrap();
        assert_eq!(outcome.float_count, 2);
        let reasons: Vec<_> = outcome.rejections.iter().map(|r| r.reason).collect();
        assert_eq!(
            reasons,
            [
                RejectionReason::DuplicateTimestamp,
                RejectionReason::UnknownSeries
            ]
        );
    }

    #[test]
    fn selects_reads_and_deletes() {
        let store = MemoryStore::new();
        for time_ms in 0..10 {
            store.insert(&labels("up", "a"), time_ms, time_ms as f64);
            store.insert(&labels("up", "b"), time_ms, 1.0);
        }
        let matchers = [Matcher::equal("job", "a")];
        let range = TimeRange::new(2, 4);
        let selection = Selection {
            matchers: &matchers,
            range,
            hints: Default::default(),
        };
        let selected = store.select(&selection).unwrap();
        assert_eq!(selected.len(), 1);
        let mut samples = Samples::default();
        selected[0].read(range, &mut samples).unwrap();
        assert_eq!(samples.times_ms, [2, 3, 4]);

        store
            .delete(&[matchers.to_vec()], TimeRange::new(0, 8))
            .unwrap();
        let query = LabelQuery {
            matcher_sets: &[],
            range: TimeRange::new(0, 8),
            limit: 0,
        };
        assert_eq!(store.label_values("job", &query).unwrap(), ["b"]);
    }
}
