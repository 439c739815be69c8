//! The samples of several rules of a group, written to the store together.

use std::ops::Range;

use bellwether_model::Labels;
use bellwether_storage::{
    MetricStore, Rejection, RejectionReason, SeriesRef, Source, StorageError, WriteBatch,
};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::dependencies::Reads;
use crate::error::{EvaluationError, reason_text};
use crate::output::Part;
use crate::rule::Rule;

/// Samples that wait are stored when there are so many. Chosen: some megabytes.
const WAITING_MAX: usize = 100_000;

/// See the module's page.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    batch: WriteBatch,
    segments: Vec<Segment>,
}

/// What one rule has in the batch.
#[derive(Debug)]
struct Segment {
    rule: usize,
    /// Its floats.
    floats: Range<usize>,
    /// Floats from here on are staleness markers.
    markers_from: usize,
    histograms: Range<usize>,
}

impl Pending {
    /// Takes what a rule has to write.
    pub(crate) fn add(&mut self, rule: usize, part: &mut Part) {
        let (floats, histograms) = (self.batch.series.len(), self.batch.histograms.len());
        let batch = &mut part.batch;
        self.batch.series.append(&mut batch.series);
        self.batch.times_ms.append(&mut batch.times_ms);
        self.batch.values.append(&mut batch.values);
        self.batch.histograms.append(&mut batch.histograms);
        self.segments.push(Segment {
            rule,
            floats: floats..self.batch.series.len(),
            markers_from: floats + part.markers_from,
            histograms: histograms..self.batch.histograms.len(),
        });
    }

    /// Whether it has to be stored before a rule is evaluated.
    pub(crate) fn is_wanted_by(&self, reads: &Reads) -> bool {
        self.batch.sample_count() > WAITING_MAX
            || self.segments.iter().any(|s| reads.includes(s.rule))
    }

    /// Stores all, and tells the rules. Gives how the rules failed whose samples were not taken.
    pub(crate) fn store(
        &mut self,
        store: &dyn MetricStore,
        source: &Source,
        rules: &mut [Rule],
    ) -> Vec<(usize, EvaluationError)> {
        let mut failed = Vec::new();
        if self.segments.is_empty() {
            return failed;
        }
        let written = self.write(store, source, rules);
        for segment in &self.segments {
            let Some(rule) = rules.get_mut(segment.rule) else {
                continue;
            };
            match &written {
                Ok(_) => rule.output.stored(),
                Err(error) => {
                    rule.output.abandon();
                    let error = StorageError::Unavailable(error.to_string());
                    failed.push((segment.rule, EvaluationError::Store(error)));
                }
            }
        }
        if let Ok(rejections) = &written {
            failed.extend(self.refused(rejections, rules));
        }
        self.batch.clear();
        self.segments.clear();
        failed
    }

    /// Writes the batch; series that the store has let go of are registered again.
    fn write(
        &self,
        store: &dyn MetricStore,
        source: &Source,
        rules: &mut [Rule],
    ) -> Result<Vec<Rejection>, StorageError> {
        let mut rejections = store.write(source, &self.batch)?.rejections;
        let is_gone = |r: &Rejection| r.reason == RejectionReason::UnknownSeries;
        let gone: FxHashSet<SeriesRef> = rejections
            .iter()
            .filter(|rejection| is_gone(rejection))
            .map(|rejection| rejection.series)
            .collect();
        if gone.is_empty() {
            return Ok(rejections);
        }
        let mut renewed = FxHashMap::default();
        for segment in &self.segments {
            if let Some(rule) = rules.get_mut(segment.rule) {
                renewed.extend(rule.output.renew(&gone, (store, source)));
            }
        }
        let mut again = WriteBatch::default();
        let floats = self.batch.series.iter().zip(&self.batch.times_ms);
        for ((series, time_ms), value) in floats.zip(&self.batch.values) {
            if let Some(new) = renewed.get(series) {
                again.push(*new, *time_ms, *value);
            }
        }
        for (series, time_ms, start_ms, histogram) in &self.batch.histograms {
            if let Some(new) = renewed.get(series) {
                let sample = (*new, *time_ms, *start_ms, histogram.clone());
                again.histograms.push(sample);
            }
        }
        rejections.retain(|r| !is_gone(r) || !renewed.contains_key(&r.series));
        rejections.extend(store.write(source, &again)?.rejections);
        Ok(rejections)
    }

    /// Rejections by rule. That a marker was not taken is as it should be: another rule goes on with
    /// the series.
    fn refused(&self, rejections: &[Rejection], rules: &[Rule]) -> Vec<(usize, EvaluationError)> {
        if rejections.is_empty() {
            return Vec::new();
        }
        let mut rule_of: FxHashMap<(SeriesRef, i64), usize> = FxHashMap::default();
        for segment in &self.segments {
            for at in segment.floats.start..segment.markers_from {
                if let (Some(series), Some(time_ms)) =
                    (self.batch.series.get(at), self.batch.times_ms.get(at))
                {
                    rule_of.insert((*series, *time_ms), segment.rule);
                }
            }
            let histograms = self.batch.histograms.get(segment.histograms.clone());
            for (series, time_ms, ..) in histograms.into_iter().flatten() {
                rule_of.insert((*series, *time_ms), segment.rule);
            }
        }
        let mut counts: FxHashMap<usize, (u64, &Rejection)> = FxHashMap::default();
        for rejection in rejections {
            if let Some(rule) = rule_of.get(&(rejection.series, rejection.time_ms)) {
                counts.entry(*rule).or_insert((0, rejection)).0 += 1;
            }
        }
        let failed = counts.into_iter().map(|(index, (count, first))| {
            let rule = rules.get(index);
            let labels = rule.and_then(|rule| rule.output.labels_of(first.series));
            let error = EvaluationError::Refused {
                count,
                labels: labels.cloned().unwrap_or_default(),
                reason: reason_text(first.reason),
            };
            (index, error)
        });
        failed.collect()
    }
}

/// Ends series of rules that are gone. What the store does not take belongs to somebody else by now.
pub(crate) fn write_markers(
    store: &dyn MetricStore,
    source: &Source,
    series: &[Labels],
    time_ms: i64,
) -> Result<(), StorageError> {
    let mut batch = WriteBatch::default();
    for labels in series {
        if let Ok(series) = store.register(source, None, labels) {
            batch.push(series, time_ms, bellwether_model::STALE_NAN);
        }
    }
    store.write(source, &batch).map(drop)
}
