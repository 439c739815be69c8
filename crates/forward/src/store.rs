//! A store around the store that hands on what is written.
//!
//! ## Invariants
//! Everything passes through unchanged. Only samples that the inner store took are handed on.
//!
//! While nothing is forwarded the wrapper keeps nothing. Once there is a remote it must know the
//! labels behind each reference: series that were registered before are refused once as unknown,
//! upon which every writer registers them again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bellwether_model::Labels;
use bellwether_storage::{
    MetricStore, RejectionReason, SeriesKey, SeriesRef, Source, StorageError, StoreLayer,
    WriteBatch, WriteOutcome,
};
use parking_lot::RwLock;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::forwarder::Forwarder;

/// References kept before old ones are looked for. Chosen.
const SWEEP_COUNT_MIN: usize = 100_000;

#[derive(Debug, Default)]
struct Known {
    labels: FxHashMap<SeriesRef, Labels>,
}

/// Passes everything on to a store, and what it took to a [`Forwarder`].
#[derive(Debug)]
pub struct ForwardStore {
    inner: Arc<dyn MetricStore>,
    forwarder: Arc<Forwarder>,
    /// Labels by reference, while anything is forwarded.
    known: RwLock<Known>,
    /// At this many references those that the store has let go of are removed.
    sweep_at: AtomicUsize,
}

impl ForwardStore {
    /// A store that does what `inner` does and tells `forwarder`.
    #[must_use]
    pub fn new(inner: Arc<dyn MetricStore>, forwarder: Arc<Forwarder>) -> Self {
        Self {
            inner,
            forwarder,
            known: RwLock::default(),
            sweep_at: AtomicUsize::new(SWEEP_COUNT_MIN),
        }
    }

    /// The part of a batch whose series are known here, and those that are not as rejections.
    fn known_part(&self, batch: &WriteBatch) -> Option<(WriteBatch, WriteOutcome)> {
        let known = self.known.read();
        let is_known = |series: &SeriesRef| known.labels.contains_key(series);
        let all = batch.series.iter().all(is_known)
            && batch.histograms.iter().all(|sample| is_known(&sample.0))
            && batch.exemplars.iter().all(|sample| is_known(&sample.0));
        if all {
            return None;
        }
        let mut part = WriteBatch {
            metadata: batch.metadata.clone(),
            ..WriteBatch::default()
        };
        let mut outcome = WriteOutcome::default();
        let mut refuse = |series: SeriesRef, time_ms: i64| {
            outcome.reject(series, time_ms, RejectionReason::UnknownSeries);
        };
        for (position, series) in batch.series.iter().enumerate() {
            let time_ms = batch.times_ms[position];
            if is_known(series) {
                let start_ms = batch.starts_ms.get(position).copied().unwrap_or(0);
                part.push_with_start(*series, time_ms, start_ms, batch.values[position]);
            } else {
                refuse(*series, time_ms);
            }
        }
        for sample in &batch.histograms {
            if is_known(&sample.0) {
                part.histograms.push(sample.clone());
            } else {
                refuse(sample.0, sample.1);
            }
        }
        for sample in &batch.exemplars {
            if is_known(&sample.0) {
                part.exemplars.push(sample.clone());
            } else {
                refuse(sample.0, sample.1.timestamp_ms);
            }
        }
        Some((part, outcome))
    }

    fn write_known(
        &self,
        source: &Source,
        batch: &WriteBatch,
    ) -> Result<WriteOutcome, StorageError> {
        let outcome = self.inner.write(source, batch)?;
        let mut refused = FxHashSet::default();
        let mut gone = FxHashSet::default();
        for rejection in &outcome.rejections {
            refused.insert((rejection.series, rejection.time_ms));
            if rejection.reason == RejectionReason::UnknownSeries {
                gone.insert(rejection.series);
            }
        }
        let known = self.known.read();
        self.forwarder.offer(batch, &refused, &|series| {
            known.labels.get(&series).cloned()
        });
        drop(known);
        if !gone.is_empty() {
            let mut known = self.known.write();
            for series in &gone {
                known.labels.remove(series);
            }
            self.forwarder.forget(&|series| !gone.contains(&series));
        }
        Ok(outcome)
    }

    /// Removes references that were not registered for long: they come back when they are used.
    fn sweep(&self, known: &mut Known) {
        let count = known.labels.len();
        if count < self.sweep_at.load(Ordering::Relaxed) {
            return;
        }
        let live = usize::try_from(self.inner.stats(0).head_series).unwrap_or(usize::MAX);
        // Half of what is kept is dead: start again, as after a reload.
        if count > live.saturating_mul(2) {
            known.labels.clear();
            self.forwarder.forget(&|_| false);
        }
        self.sweep_at.store(
            (known.labels.len() * 2).max(SWEEP_COUNT_MIN),
            Ordering::Relaxed,
        );
    }
}

impl StoreLayer for ForwardStore {
    fn inner(&self) -> &dyn MetricStore {
        &*self.inner
    }

    fn register(
        &self,
        source: &Source,
        key: Option<SeriesKey>,
        labels: &Labels,
    ) -> Result<SeriesRef, StorageError> {
        let series = self.inner.register(source, key, labels)?;
        if self.forwarder.is_active() {
            let mut known = self.known.write();
            self.sweep(&mut known);
            known.labels.insert(series, labels.clone());
        }
        Ok(series)
    }

    fn write(&self, source: &Source, batch: &WriteBatch) -> Result<WriteOutcome, StorageError> {
        if !self.forwarder.is_active() {
            return self.inner.write(source, batch);
        }
        match self.known_part(batch) {
            None => self.write_known(source, batch),
            Some((part, unknown)) => {
                let mut outcome = self.write_known(source, &part)?;
                outcome.rejections.extend(unknown.rejections);
                outcome.rejections.truncate(WriteOutcome::REJECTIONS_MAX);
                outcome.rejected_count += unknown.rejected_count;
                Ok(outcome)
            }
        }
    }
}
