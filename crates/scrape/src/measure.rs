//! A target without a network or a store, to measure what a sample costs. Not for anything else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bellwether_model::{Labels, Matcher, TimeRange};
use bellwether_storage::{
    ExemplarSeries, LabelQuery, MetadataEntry, MetricStore, Selection, SeriesHandle, SeriesKey,
    SeriesRef, Source, StorageError, StoreStats, WriteBatch, WriteOutcome,
};

use crate::exposition::{Format, HistogramOptions};
use crate::session::{Report, Session};
use crate::settings::ScrapeSettings;

/// A target whose samples go nowhere.
#[derive(Debug)]
pub struct Target {
    session: Session,
}

impl Default for Target {
    fn default() -> Self {
        Self::new()
    }
}

impl Target {
    /// A target with two labels of its own.
    #[must_use]
    pub fn new() -> Self {
        let labels = Labels::from_pairs([("instance", "10.0.0.1:9100"), ("job", "measure")]);
        let settings = Arc::new(ScrapeSettings::new("measure"));
        let store = Arc::new(Nowhere::default());
        Self {
            session: Session::new(store, settings, HistogramOptions::default(), labels),
        }
    }

    /// Takes a body as a scrape would. Answers how many samples were written.
    pub fn take(&mut self, body: &[u8], format: Format, time_ms: i64) -> u64 {
        let report = Report {
            time_ms,
            duration_seconds: 0.0,
            timeout_ms: 10_000,
            body_bytes: body.len() as i64,
        };
        self.session.take(body, format, || report, time_ms).added
    }
}

/// A store that numbers series and forgets samples.
#[derive(Debug, Default)]
pub struct Nowhere {
    series: AtomicU64,
}

impl MetricStore for Nowhere {
    fn key_seed(&self) -> u64 {
        0
    }

    fn resolve(&self, _key: SeriesKey) -> Option<SeriesRef> {
        None
    }

    fn register(
        &self,
        _source: &Source,
        _key: Option<SeriesKey>,
        _labels: &Labels,
    ) -> Result<SeriesRef, StorageError> {
        Ok(SeriesRef(self.series.fetch_add(1, Ordering::Relaxed)))
    }

    fn write(&self, _source: &Source, batch: &WriteBatch) -> Result<WriteOutcome, StorageError> {
        let float_count = batch.series.len() as u64;
        Ok(WriteOutcome {
            float_count,
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
        StoreStats::default()
    }
}
