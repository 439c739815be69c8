//! The columns that a series is decoded into.

use std::sync::Arc;

use bellwether_model::FloatHistogram;

/// Samples of one series, ascending in time, each time once, as columns.
///
/// Floats are by far the most frequent: a series without histograms has empty histogram columns,
/// and one without start timestamps an empty `starts_ms`. Staleness markers are samples like others
/// ([`bellwether_model::STALE_NAN`], or a histogram whose `sum` is that); readers drop them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples {
    /// When, in milliseconds, strictly ascending.
    pub times_ms: Vec<i64>,
    /// The float; NaN (not the stale one) where the sample is a histogram.
    pub values: Vec<f64>,
    /// Positions in `times_ms` that hold a histogram, ascending.
    pub histogram_positions: Vec<u32>,
    /// The histograms, one for each of `histogram_positions`.
    pub histograms: Vec<Arc<FloatHistogram>>,
    /// When the counter of each sample started (0: not known); empty where none is known.
    pub starts_ms: Vec<i64>,
}

impl Samples {
    /// Empty columns with room for so many floats.
    #[must_use]
    pub fn with_capacity(count: usize) -> Self {
        Self {
            times_ms: Vec::with_capacity(count),
            values: Vec::with_capacity(count),
            ..Self::default()
        }
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.times_ms.len()
    }

    /// Whether there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.times_ms.is_empty()
    }

    /// About how many bytes of memory they take, shared histograms included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let numbers = self.times_ms.len() + self.values.len() + self.starts_ms.len();
        let histograms = self.histograms.iter().map(|h| h.memory_bytes());
        numbers * 8 + self.histogram_positions.len() * 4 + histograms.sum::<usize>()
    }

    /// Empties the columns and keeps their memory.
    pub fn clear(&mut self) {
        self.times_ms.clear();
        self.values.clear();
        self.histogram_positions.clear();
        self.histograms.clear();
        self.starts_ms.clear();
    }

    /// Appends a float. The caller keeps times ascending.
    pub fn push_float(&mut self, time_ms: i64, value: f64) {
        self.times_ms.push(time_ms);
        self.values.push(value);
        if !self.starts_ms.is_empty() {
            self.starts_ms.push(0);
        }
    }

    /// Appends a histogram. The caller keeps times ascending.
    pub fn push_histogram(&mut self, time_ms: i64, histogram: Arc<FloatHistogram>) {
        self.histogram_positions.push(self.times_ms.len() as u32);
        self.histograms.push(histogram);
        self.push_float(time_ms, f64::NAN);
    }

    /// Says when the counter of the last sample started. 0 means unknown.
    pub fn set_last_start(&mut self, start_ms: i64) {
        if self.starts_ms.is_empty() {
            if start_ms == 0 {
                return;
            }
            self.starts_ms.resize(self.times_ms.len(), 0);
        }
        if let Some(last) = self.starts_ms.last_mut() {
            *last = start_ms;
        }
    }

    /// The histogram at a position of `times_ms`, or `None` where that sample is a float.
    #[must_use]
    pub fn histogram_at(&self, position: usize) -> Option<&Arc<FloatHistogram>> {
        let position = u32::try_from(position).ok()?;
        let found = self.histogram_positions.binary_search(&position).ok()?;
        self.histograms.get(found)
    }
}
