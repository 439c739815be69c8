//! A store that keeps series and no samples, to measure what everything around a store costs.

use std::sync::atomic::{AtomicU64, Ordering};

use bellwether_model::{Labels, Matcher, TimeRange};
use parking_lot::RwLock;
use rustc_hash::FxHashMap;

use crate::{
    ExemplarSeries, LabelQuery, MetadataEntry, MetricStore, Selection, SeriesHandle, SeriesKey,
    SeriesRef, Source, StorageError, StoreStats, WriteBatch, WriteOutcome,
};

/// Numbers series, knows them by key, takes every sample, and has none to give.
#[derive(Debug, Default)]
pub struct NowhereStore {
    series: AtomicU64,
    keys: RwLock<FxHashMap<SeriesKey, SeriesRef>>,
}

impl MetricStore for NowhereStore {
    fn key_seed(&self) -> u64 {
        0x1234_5678_9abc_def0
    }

    fn resolve(&self, key: SeriesKey) -> Option<SeriesRef> {
        self.keys.read().get(&key).copied()
    }

    fn resolve_many(&self, keys: &[SeriesKey], out: &mut Vec<Option<SeriesRef>>) {
        let known = self.keys.read();
        out.extend(keys.iter().map(|key| known.get(key).copied()));
    }

    fn register(
        &self,
        _source: &Source,
        key: Option<SeriesKey>,
        _labels: &Labels,
    ) -> Result<SeriesRef, StorageError> {
        let series = SeriesRef(self.series.fetch_add(1, Ordering::Relaxed));
        if let Some(key) = key {
            self.keys.write().insert(key, series);
        }
        Ok(series)
    }

    fn write(&self, _source: &Source, batch: &WriteBatch) -> Result<WriteOutcome, StorageError> {
        Ok(WriteOutcome {
            float_count: batch.series.len() as u64,
            histogram_count: batch.histograms.len() as u64,
            exemplar_count: batch.exemplars.len() as u64,
            ..WriteOutcome::default()
        })
    }

    fn select(&self, _: &Selection<'_>) -> Result<Vec<Box<dyn SeriesHandle>>, StorageError> {
        Ok(Vec::new())
    }

    fn label_names(&self, _: &LabelQuery<'_>) -> Result<Vec<String>, StorageError> {
        Ok(Vec::new())
    }

    fn label_values(&self, _: &str, _: &LabelQuery<'_>) -> Result<Vec<String>, StorageError> {
        Ok(Vec::new())
    }

    fn series(&self, _: &LabelQuery<'_>) -> Result<Vec<Labels>, StorageError> {
        Ok(Vec::new())
    }

    fn exemplars(&self, _: &LabelQuery<'_>) -> Result<Vec<ExemplarSeries>, StorageError> {
        Ok(Vec::new())
    }

    fn metadata(&self, _: Option<&str>) -> Result<Vec<MetadataEntry>, StorageError> {
        Ok(Vec::new())
    }

    fn delete(&self, _: &[Vec<Matcher>], _: TimeRange) -> Result<(), StorageError> {
        Ok(())
    }

    fn clean_tombstones(&self) -> Result<(), StorageError> {
        Ok(())
    }

    fn snapshot(&self, _skip_head: bool) -> Result<String, StorageError> {
        Err(StorageError::Unavailable("nothing is stored".to_owned()))
    }

    fn stats(&self, _top: usize) -> StoreStats {
        StoreStats {
            head_series: self.series.load(Ordering::Relaxed),
            ..StoreStats::default()
        }
    }
}
