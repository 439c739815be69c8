//! Samples of one series on their way between memory, blocks and blocks.

use bellwether_model::Histogram;
use bellwether_storage::Samples;

/// Samples of one series, ascending in time, each time once. Unlike [`Samples`] it keeps histograms
/// in the form in which they arrived.
#[derive(Debug, Default, Clone)]
pub(crate) struct Points {
    pub(crate) times_ms: Vec<i64>,
    /// NaN where the sample is a histogram.
    pub(crate) values: Vec<f64>,
    /// Empty where no start is known.
    pub(crate) starts_ms: Vec<i64>,
    /// Position and histogram, ascending.
    pub(crate) histograms: Vec<(u32, Histogram)>,
}

/// One sample, borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PointRef<'a> {
    Float(f64),
    Histogram(&'a Histogram),
}

impl PointRef<'_> {
    /// Equality to the bit.
    pub(crate) fn same(&self, other: &PointRef<'_>) -> bool {
        match (self, other) {
            (PointRef::Float(a), PointRef::Float(b)) => a.to_bits() == b.to_bits(),
            (PointRef::Histogram(a), PointRef::Histogram(b)) => crate::histogram_codec::same(a, b),
            _ => false,
        }
    }
}

impl Points {
    pub(crate) fn len(&self) -> usize {
        self.times_ms.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.times_ms.is_empty()
    }

    /// About how many bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        let numbers = self.times_ms.len() + self.values.len() + self.starts_ms.len();
        numbers * 8 + self.histograms.len() * size_of::<(u32, Histogram)>()
    }

    pub(crate) fn clear(&mut self) {
        self.times_ms.clear();
        self.values.clear();
        self.starts_ms.clear();
        self.histograms.clear();
    }

    pub(crate) fn push(&mut self, time_ms: i64, start_ms: i64, value: f64) {
        if start_ms != 0 && self.starts_ms.is_empty() {
            self.starts_ms.resize(self.times_ms.len(), 0);
        }
        if start_ms != 0 || !self.starts_ms.is_empty() {
            self.starts_ms.push(start_ms);
        }
        self.times_ms.push(time_ms);
        self.values.push(value);
    }

    pub(crate) fn push_histogram(&mut self, time_ms: i64, start_ms: i64, histogram: Histogram) {
        self.histograms.push((self.len() as u32, histogram));
        self.push(time_ms, start_ms, f64::NAN);
    }

    pub(crate) fn start_at(&self, position: usize) -> i64 {
        self.starts_ms.get(position).copied().unwrap_or(0)
    }

    pub(crate) fn point_at(&self, position: usize) -> PointRef<'_> {
        let found = if self.histograms.is_empty() {
            None
        } else {
            let key = position as u32;
            let by = |(at, _): &(u32, Histogram)| at.cmp(&key);
            self.histograms.binary_search_by(by).ok()
        };
        match found {
            Some(at) => PointRef::Histogram(&self.histograms[at].1),
            None => PointRef::Float(self.values[position]),
        }
    }

    /// The sample at a time.
    pub(crate) fn find(&self, time_ms: i64) -> Option<PointRef<'_>> {
        let position = self.times_ms.binary_search(&time_ms).ok()?;
        Some(self.point_at(position))
    }

    fn push_from(&mut self, other: &Points, position: usize) {
        let (time_ms, start_ms) = (other.times_ms[position], other.start_at(position));
        match other.point_at(position) {
            PointRef::Float(value) => self.push(time_ms, start_ms, value),
            PointRef::Histogram(h) => self.push_histogram(time_ms, start_ms, h.clone()),
        }
    }

    /// Appends samples that are all later.
    fn append(&mut self, later: &Points) {
        if !later.starts_ms.is_empty() || !self.starts_ms.is_empty() {
            self.starts_ms.resize(self.len(), 0);
            self.starts_ms.extend_from_slice(&later.starts_ms);
            self.starts_ms.resize(self.len() + later.len(), 0);
        }
        let begin = self.len() as u32;
        let moved = |(at, h): &(u32, Histogram)| (at + begin, h.clone());
        self.histograms.extend(later.histograms.iter().map(moved));
        self.times_ms.extend_from_slice(&later.times_ms);
        self.values.extend_from_slice(&later.values);
    }

    /// Takes newer writes in. Where both have a sample at a time, the one that is here stays.
    pub(crate) fn absorb(&mut self, newer: &Points) {
        let (Some(&last), Some(&first)) = (self.times_ms.last(), newer.times_ms.first()) else {
            if self.is_empty() {
                self.append(newer);
            }
            return;
        };
        if last < first {
            self.append(newer);
            return;
        }
        let mut merged = Points::default();
        let (mut a, mut b) = (0, 0);
        while a < self.len() || b < newer.len() {
            let time_a = self.times_ms.get(a).copied();
            let time_b = newer.times_ms.get(b).copied();
            match (time_a, time_b) {
                (Some(at_a), Some(at_b)) if at_b < at_a => {
                    merged.push_from(newer, b);
                    b += 1;
                }
                (Some(at_a), at_b) => {
                    merged.push_from(self, a);
                    a += 1;
                    b += usize::from(at_b == Some(at_a));
                }
                (None, _) => {
                    merged.push_from(newer, b);
                    b += 1;
                }
            }
        }
        *self = merged;
    }

    /// Removes the samples for which `gone` holds.
    pub(crate) fn remove(&mut self, gone: impl Fn(i64) -> bool) {
        if !self.times_ms.iter().any(|&t| gone(t)) {
            return;
        }
        let mut kept = Points::default();
        for position in 0..self.len() {
            if !gone(self.times_ms[position]) {
                kept.push_from(self, position);
            }
        }
        *self = kept;
    }

    /// Appends everything to columns for a reader.
    pub(crate) fn read_into(&self, out: &mut Samples) {
        if self.histograms.is_empty() && self.starts_ms.is_empty() && out.starts_ms.is_empty() {
            out.times_ms.extend_from_slice(&self.times_ms);
            out.values.extend_from_slice(&self.values);
            return;
        }
        for position in 0..self.len() {
            match self.point_at(position) {
                PointRef::Float(value) => out.push_float(self.times_ms[position], value),
                PointRef::Histogram(h) => {
                    out.push_histogram(self.times_ms[position], std::sync::Arc::new(h.to_float()));
                }
            }
            out.set_last_start(self.start_at(position));
        }
    }
}
