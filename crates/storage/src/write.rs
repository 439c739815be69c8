//! What is written: a batch of columns, keyed by references that are cheap to find.
//!
//! ## Model
//! A writer meets the same series again and again. It hashes the bytes in which the series arrived
//! (a protobuf label list, the front of a text line) into a [`SeriesKey`] and asks
//! [`crate::MetricStore::resolve`] for the [`SeriesRef`]; only on a miss it parses the labels and
//! calls [`crate::MetricStore::register`]. Samples then travel as plain columns in a [`WriteBatch`].

use bellwether_model::{Exemplar, Histogram, Metadata};

/// A 128-bit hash of the bytes in which a series arrived, made with the store's own secret seed
/// ([`crate::MetricStore::key_seed`]) and a tag for the format, so that equal keys can be taken for
/// equal series: two of 10 million series collide with probability below 10⁻²⁴, and nobody who
/// does not know the seed can make them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey(pub u128);

/// A series inside of one running store. Never used again for another series; meaningless after
/// a restart. Writing to one that the store has let go of is rejected, not misfiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesRef(pub u64);

/// Who sends: a scrape job, a remote-write client, an OTLP service. Limits are kept per source.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source(pub std::sync::Arc<str>);

impl Source {
    /// A source by its name, such as `scrape:node` or `remote_write:10.0.0.7`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }
}

/// Samples to write together. Columns of floats are parallel; histograms, exemplars and metadata
/// are rare and stand beside them.
#[derive(Debug, Clone, Default)]
pub struct WriteBatch {
    /// The series of each float.
    pub series: Vec<SeriesRef>,
    /// The time of each float, in milliseconds.
    pub times_ms: Vec<i64>,
    /// The floats.
    pub values: Vec<f64>,
    /// When the counter started, one for each float, or empty where none is known. 0: unknown.
    pub starts_ms: Vec<i64>,
    /// Histogram samples: series, time, start (0: unknown), value.
    pub histograms: Vec<(SeriesRef, i64, i64, Histogram)>,
    /// Exemplars and the series they explain.
    pub exemplars: Vec<(SeriesRef, Exemplar)>,
    /// Metadata of metric families, by metric name.
    pub metadata: Vec<(String, Metadata)>,
}

impl WriteBatch {
    /// Adds a float without a start timestamp.
    pub fn push(&mut self, series: SeriesRef, time_ms: i64, value: f64) {
        self.series.push(series);
        self.times_ms.push(time_ms);
        self.values.push(value);
        if !self.starts_ms.is_empty() {
            self.starts_ms.push(0);
        }
    }

    /// Adds a float whose counter started at `start_ms` (0: unknown).
    pub fn push_with_start(&mut self, series: SeriesRef, time_ms: i64, start_ms: i64, value: f64) {
        // The column of starts exists from the first known start on, also where that is the first
        // sample of the batch.
        if start_ms != 0 || !self.starts_ms.is_empty() {
            self.starts_ms.resize(self.series.len(), 0);
            self.starts_ms.push(start_ms);
        }
        self.series.push(series);
        self.times_ms.push(time_ms);
        self.values.push(value);
    }

    /// Number of samples, histograms included.
    #[must_use]
    pub fn sample_count(&self) -> usize {
        self.series.len() + self.histograms.len()
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.series.clear();
        self.times_ms.clear();
        self.values.clear();
        self.starts_ms.clear();
        self.histograms.clear();
        self.exemplars.clear();
        self.metadata.clear();
    }
}

/// Why one sample was not taken while others of its batch were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionReason {
    /// The reference means nothing (any more): resolve or register the series again.
    UnknownSeries,
    /// The series has another value at that time.
    DuplicateTimestamp,
    /// Older than retention.
    TooOld,
    /// Further in the future than the store takes.
    TooFarInFuture,
    /// A histogram that is not one.
    InvalidHistogram,
    /// An exemplar older than the newest one of its series.
    OutOfOrderExemplar,
}

/// One sample that was not taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    /// Whose.
    pub series: SeriesRef,
    /// When, in milliseconds.
    pub time_ms: i64,
    /// Why.
    pub reason: RejectionReason,
}

/// What became of a batch. Samples that are not rejected are stored; a sample that was there
/// already with the same value counts as stored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WriteOutcome {
    /// Float samples stored.
    pub float_count: u64,
    /// Histogram samples stored.
    pub histogram_count: u64,
    /// Exemplars stored.
    pub exemplar_count: u64,
    /// Samples refused, with the reason. At most [`WriteOutcome::REJECTIONS_MAX`] are listed.
    pub rejections: Vec<Rejection>,
    /// How many were refused, listed or not.
    pub rejected_count: u64,
}

impl WriteOutcome {
    /// Chosen: enough to explain, too few to matter.
    pub const REJECTIONS_MAX: usize = 100_000;

    /// Notes a refusal.
    pub fn reject(&mut self, series: SeriesRef, time_ms: i64, reason: RejectionReason) {
        self.rejected_count += 1;
        if self.rejections.len() < Self::REJECTIONS_MAX {
            self.rejections.push(Rejection {
                series,
                time_ms,
                reason,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_start_is_kept_wherever_it_stands() {
        let series = SeriesRef(1);
        let mut batch = WriteBatch::default();
        batch.push_with_start(series, 1, 7, 1.0);
        batch.push(series, 2, 1.0);
        assert_eq!(batch.starts_ms, [7, 0]);
        batch.clear();
        batch.push_with_start(series, 1, 0, 1.0);
        assert!(batch.starts_ms.is_empty());
        batch.push_with_start(series, 2, 9, 1.0);
        assert_eq!(batch.starts_ms, [0, 9]);
    }
}
