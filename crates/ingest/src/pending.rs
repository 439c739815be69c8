//! Samples of one request on their way into the store.
//!
//! ## Model
//! A decoder appends series after series: first the samples, then [`Pending::end_series`] with the
//! key. [`Pending::commit`] resolves all keys at once, asks the decoder for the labels of those
//! that the store does not know, and writes one batch.
//!
//! ## Invariants
//! Memory is kept between requests; a request whose series are all known allocates nothing here.

use bellwether_model::{Exemplar, Labels, Metadata, ShortLabels, short};
use bellwether_storage::{
    ErrorKind, MetricStore, RejectionReason, SeriesKey, SeriesRef, Source, StorageError,
    WriteBatch, WriteOutcome,
};
use bellwether_wire::WireError;
use bellwether_wire::histogram::TimedHistogram;
use rustc_hash::{FxHashMap, FxHashSet};

/// Gives the labels of a series of the request, by its position. The text says why there are none.
pub(crate) trait SeriesLabels {
    fn labels(&self, series_index: usize) -> Result<Labels, String>;
}

/// Counts down what one request may hold, so that a small body cannot become much memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    left: u64,
    limit: u64,
}

/// What a histogram counts in a budget, next to a float's 1: about the ratio of their sizes.
const HISTOGRAM_COST: u64 = 16;

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self { left: limit, limit }
    }

    #[inline]
    pub(crate) fn take(&mut self, cost: u64) -> Result<(), WireError> {
        if self.left < cost {
            return Err(WireError::TooMany { limit: self.limit });
        }
        self.left -= cost;
        Ok(())
    }

    pub(crate) fn take_histogram(&mut self) -> Result<(), WireError> {
        self.take(HISTOGRAM_COST)
    }
}

/// What became of a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Report {
    /// Stored floats.
    pub(crate) floats: u64,
    /// Stored histograms.
    pub(crate) histograms: u64,
    /// Stored exemplars.
    pub(crate) exemplars: u64,
    /// Samples that were refused because of what they are.
    pub(crate) invalid: u64,
    /// Samples that were refused because a limit is reached.
    pub(crate) limited: u64,
    /// Exemplars that were refused; no reason to fail a request.
    pub(crate) exemplars_refused: u64,
    /// The first reason of the invalid ones.
    pub(crate) first_invalid: Option<String>,
    /// The first reason of the limited ones.
    pub(crate) first_limit: Option<String>,
}

impl Report {
    pub(crate) fn refuse(&mut self, samples: u64, reason: impl FnOnce() -> String) {
        self.invalid += samples;
        if self.first_invalid.is_none() {
            self.first_invalid = Some(reason());
        }
    }
}

/// Columns of a request before their series are known.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    keys: Vec<SeriesKey>,
    refs: Vec<Option<SeriesRef>>,
    /// Behind the last float of each series, in the columns of the batch.
    float_ends: Vec<u32>,
    batch: WriteBatch,
    /// Ascending by the position of their series.
    histograms: Vec<(u32, TimedHistogram)>,
    /// Ascending by the position of their series.
    exemplars: Vec<(u32, Exemplar)>,
}

impl Pending {
    pub(crate) fn clear(&mut self) {
        self.keys.clear();
        self.refs.clear();
        self.float_ends.clear();
        self.batch.clear();
        self.histograms.clear();
        self.exemplars.clear();
    }

    #[inline]
    pub(crate) fn push_float(&mut self, time_ms: i64, value: f64) {
        self.batch.times_ms.push(time_ms);
        self.batch.values.push(value);
        if !self.batch.starts_ms.is_empty() {
            self.batch.starts_ms.push(0);
        }
    }

    #[inline]
    pub(crate) fn push_float_with_start(&mut self, time_ms: i64, start_ms: i64, value: f64) {
        if start_ms != 0 || !self.batch.starts_ms.is_empty() {
            self.batch.starts_ms.resize(self.batch.times_ms.len(), 0);
            self.batch.starts_ms.push(start_ms);
        }
        self.batch.times_ms.push(time_ms);
        self.batch.values.push(value);
    }

    pub(crate) fn push_histogram(&mut self, histogram: TimedHistogram) {
        self.histograms.push((self.keys.len() as u32, histogram));
    }

    pub(crate) fn push_exemplar(&mut self, exemplar: Exemplar) {
        self.exemplars.push((self.keys.len() as u32, exemplar));
    }

    pub(crate) fn push_metadata(&mut self, family: &str, metadata: Metadata) {
        self.batch.metadata.push((family.to_owned(), metadata));
    }

    /// Closes the series to which everything since the last call belongs.
    #[inline]
    pub(crate) fn end_series(&mut self, key: SeriesKey) {
        self.keys.push(key);
        self.float_ends.push(self.batch.times_ms.len() as u32);
    }

    /// Drops what was pushed since the last closed series, and says how many samples that were.
    pub(crate) fn drop_open_series(&mut self) -> u64 {
        let floats_end = self.float_ends.last().copied().unwrap_or(0) as usize;
        let open = self.keys.len() as u32;
        let float_count = self.batch.times_ms.len() - floats_end;
        self.batch.times_ms.truncate(floats_end);
        self.batch.values.truncate(floats_end);
        self.batch.starts_ms.truncate(floats_end);
        let histograms_before = self.histograms.len();
        self.histograms.truncate(
            self.histograms
                .partition_point(|(series, _)| *series < open),
        );
        self.exemplars
            .truncate(self.exemplars.partition_point(|(series, _)| *series < open));
        (float_count + histograms_before - self.histograms.len()) as u64
    }

    /// Asks the store for all series at once.
    pub(crate) fn resolve(&mut self, store: &dyn MetricStore) {
        self.refs.clear();
        store.resolve_many(&self.keys, &mut self.refs);
    }

    /// Registers what is unknown and writes everything. Call [`Pending::resolve`] before.
    ///
    /// # Errors
    /// Where the store takes nothing. Refusals of single series or samples stand in the report.
    pub(crate) fn commit(
        &mut self,
        store: &dyn MetricStore,
        source: &Source,
        labels: &dyn SeriesLabels,
        report: &mut Report,
    ) -> Result<(), StorageError> {
        let mut refused = false;
        for index in 0..self.keys.len() {
            if self.refs[index].is_none() {
                self.refs[index] = self.register(store, source, labels, index, report)?;
                refused |= self.refs[index].is_none();
            }
        }
        if refused {
            self.drop_refused();
        }
        self.assign_series();
        let outcome = store.write(source, &self.batch)?;
        self.count(&outcome, report);
        if outcome.rejected_count > 0 {
            self.explain(store, source, labels, &outcome, report)?;
        }
        Ok(())
    }

    fn samples_of(&self, index: usize) -> u64 {
        let start = if index == 0 {
            0
        } else {
            self.float_ends[index - 1]
        };
        let floats = u64::from(self.float_ends[index] - start);
        if self.histograms.is_empty() {
            return floats;
        }
        let from = self
            .histograms
            .partition_point(|(series, _)| (*series as usize) < index);
        let to = self
            .histograms
            .partition_point(|(series, _)| (*series as usize) <= index);
        floats + (to - from) as u64
    }

    /// Finds or makes one series; `None` where it is refused, which the report then says.
    fn register(
        &self,
        store: &dyn MetricStore,
        source: &Source,
        labels: &dyn SeriesLabels,
        index: usize,
        report: &mut Report,
    ) -> Result<Option<SeriesRef>, StorageError> {
        let labels = match labels.labels(index) {
            Ok(labels) => labels,
            Err(reason) => {
                report.refuse(self.samples_of(index).max(1), || reason);
                return Ok(None);
            }
        };
        match store.register(source, Some(self.keys[index]), &labels) {
            Ok(series) => Ok(Some(series)),
            Err(error) if error.kind() == ErrorKind::Limit => {
                report.limited += self.samples_of(index).max(1);
                if report.first_limit.is_none() {
                    report.first_limit = Some(error.to_string());
                }
                Ok(None)
            }
            Err(error) if error.kind() == ErrorKind::Invalid => {
                report.refuse(self.samples_of(index).max(1), || {
                    format!("{error}: series {}", ShortLabels(&labels))
                });
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the samples of series without a reference out of the columns.
    fn drop_refused(&mut self) {
        let with_starts = !self.batch.starts_ms.is_empty();
        let (mut start, mut kept) = (0usize, 0usize);
        for (index, end) in self.float_ends.iter_mut().enumerate() {
            let stop = *end as usize;
            if self.refs[index].is_some() {
                self.batch.times_ms.copy_within(start..stop, kept);
                self.batch.values.copy_within(start..stop, kept);
                if with_starts {
                    self.batch.starts_ms.copy_within(start..stop, kept);
                }
                kept += stop - start;
            }
            *end = kept as u32;
            start = stop;
        }
        self.batch.times_ms.truncate(kept);
        self.batch.values.truncate(kept);
        self.batch.starts_ms.truncate(kept);
        let refs = &self.refs;
        self.histograms
            .retain(|(series, _)| refs[*series as usize].is_some());
        self.exemplars
            .retain(|(series, _)| refs[*series as usize].is_some());
    }

    fn assign_series(&mut self) {
        let mut start = 0u32;
        for (series, end) in self.refs.iter().zip(&self.float_ends) {
            if let Some(series) = series {
                match end - start {
                    0 => {}
                    1 => self.batch.series.push(*series),
                    count => {
                        self.batch
                            .series
                            .extend(std::iter::repeat_n(*series, count as usize));
                    }
                }
            }
            start = *end;
        }
        for (index, timed) in self.histograms.drain(..) {
            if let Some(series) = self.refs[index as usize] {
                let TimedHistogram {
                    time_ms,
                    start_ms,
                    histogram,
                } = timed;
                self.batch
                    .histograms
                    .push((series, time_ms, start_ms, histogram));
            }
        }
        for (index, exemplar) in self.exemplars.drain(..) {
            if let Some(series) = self.refs[index as usize] {
                self.batch.exemplars.push((series, exemplar));
            }
        }
    }

    fn count(&self, outcome: &WriteOutcome, report: &mut Report) {
        report.floats += outcome.float_count;
        report.histograms += outcome.histogram_count;
        report.exemplars += outcome.exemplar_count;
    }

    /// Writes samples again whose series the store had let go of, and says of the others why they
    /// were refused.
    fn explain(
        &mut self,
        store: &dyn MetricStore,
        source: &Source,
        labels: &dyn SeriesLabels,
        outcome: &WriteOutcome,
        report: &mut Report,
    ) -> Result<(), StorageError> {
        let index_of: FxHashMap<SeriesRef, usize> = self
            .refs
            .iter()
            .enumerate()
            .filter_map(|(index, series)| series.map(|series| (series, index)))
            .collect();
        let unknown: FxHashSet<(SeriesRef, i64)> = outcome
            .rejections
            .iter()
            .filter(|rejection| rejection.reason == RejectionReason::UnknownSeries)
            .map(|rejection| (rejection.series, rejection.time_ms))
            .collect();
        self.report_rejections(labels, outcome, &index_of, report);
        if unknown.is_empty() {
            return Ok(());
        }
        let mut again = FxHashMap::<SeriesRef, Option<SeriesRef>>::default();
        for (series, _) in &unknown {
            if !again.contains_key(series)
                && let Some(index) = index_of.get(series)
            {
                again.insert(
                    *series,
                    self.register(store, source, labels, *index, report)?,
                );
            }
        }
        let batch = self.part(&unknown, &again);
        let outcome = store.write(source, &batch)?;
        self.count(&outcome, report);
        let renewed: FxHashMap<SeriesRef, usize> = again
            .iter()
            .filter_map(|(old, new)| Some(((*new)?, *index_of.get(old)?)))
            .collect();
        self.report_rejections(labels, &outcome, &renewed, report);
        let still_unknown =
            |r: &&bellwether_storage::Rejection| r.reason == RejectionReason::UnknownSeries;
        let lost = outcome.rejections.iter().filter(still_unknown).count() as u64;
        if lost > 0 {
            let text = format!("{lost} samples belong to series that were dropped while written");
            return Err(StorageError::Unavailable(text));
        }
        Ok(())
    }

    /// The samples whose series and time are listed, under new references.
    fn part(
        &self,
        wanted: &FxHashSet<(SeriesRef, i64)>,
        renewed: &FxHashMap<SeriesRef, Option<SeriesRef>>,
    ) -> WriteBatch {
        let renew = |series: SeriesRef, time_ms: i64| {
            wanted
                .contains(&(series, time_ms))
                .then(|| renewed.get(&series).copied().flatten())?
        };
        let mut part = WriteBatch::default();
        for (position, series) in self.batch.series.iter().enumerate() {
            let time_ms = self.batch.times_ms[position];
            if let Some(series) = renew(*series, time_ms) {
                let start_ms = self.batch.starts_ms.get(position).copied().unwrap_or(0);
                part.push_with_start(series, time_ms, start_ms, self.batch.values[position]);
            }
        }
        for (series, time_ms, start_ms, histogram) in &self.batch.histograms {
            if let Some(series) = renew(*series, *time_ms) {
                part.histograms
                    .push((series, *time_ms, *start_ms, histogram.clone()));
            }
        }
        for (series, exemplar) in &self.batch.exemplars {
            if let Some(series) = renew(*series, exemplar.timestamp_ms) {
                part.exemplars.push((series, exemplar.clone()));
            }
        }
        part
    }

    fn report_rejections(
        &self,
        labels: &dyn SeriesLabels,
        outcome: &WriteOutcome,
        index_of: &FxHashMap<SeriesRef, usize>,
        report: &mut Report,
    ) {
        let mut listed = 0;
        for rejection in &outcome.rejections {
            listed += 1;
            let what = match rejection.reason {
                RejectionReason::UnknownSeries => continue,
                RejectionReason::OutOfOrderExemplar => {
                    report.exemplars_refused += 1;
                    continue;
                }
                RejectionReason::DuplicateTimestamp => "duplicate sample for timestamp",
                RejectionReason::TooOld => "too old sample",
                RejectionReason::TooFarInFuture => {
                    "out of bounds: timestamp is too far in the future"
                }
                RejectionReason::InvalidHistogram => "invalid native histogram",
                _ => "sample refused",
            };
            report.refuse(1, || {
                let series = index_of
                    .get(&rejection.series)
                    .and_then(|index| labels.labels(*index).ok())
                    .unwrap_or_default();
                format!(
                    "{what} at {} ms for series {}",
                    rejection.time_ms,
                    ShortLabels(&series)
                )
            });
        }
        // Refusals beyond those that are listed.
        report.invalid += outcome.rejected_count.saturating_sub(listed);
    }
}

/// Makes labels of a series that a writer sent, in any order, or says what is wrong with them in
/// the words of Prometheus. Labels with an empty value do not count.
pub(crate) fn checked_labels(pairs: &mut Vec<(&str, &str)>) -> Result<Labels, String> {
    pairs.retain(|(_, value)| !value.is_empty());
    if !pairs.is_sorted_by(|a, b| a.0 < b.0) {
        pairs.sort_by_key(|pair| pair.0);
        let twice = pairs.windows(2).find(|pair| pair[0].0 == pair[1].0);
        if let Some([(name, _), _]) = twice {
            return Err(format!(
                "invalid labels for series, labels {}, duplicated label {}",
                ShortLabels(&Labels::from_pairs(pairs.iter().copied())),
                short(name)
            ));
        }
    }
    let has_name = pairs
        .iter()
        .any(|(name, _)| *name == bellwether_model::METRIC_NAME);
    if !has_name || pairs.iter().any(|(name, _)| name.is_empty()) {
        let labels = Labels::from_pairs(pairs.iter().copied());
        return Err(format!(
            "invalid metric name or labels, got {}",
            ShortLabels(&labels)
        ));
    }
    Labels::from_sorted(pairs.iter().copied()).map_err(|e| e.to_string())
}
