//! The values of one series at all steps of a query.
//!
//! ## Model
//! A [`Column`] has one cell for each step. Nearly all cells are floats, so that a column is a plain
//! slice of them; two NaN patterns stand for "nothing here" and "a histogram here".
//!
//! ## Invariants
//! The pattern for "nothing" is that of the staleness marker, which no answer ever holds as a value.
//! Histograms are sorted by step, and each has its mark in the slice.

use std::sync::Arc;

use bellwether_model::{FloatHistogram, Labels, STALE_NAN};

/// Marks a step without a value.
pub(crate) const ABSENT: f64 = STALE_NAN;

/// Marks a step whose value is in [`Column::histograms`]. Chosen: a quiet NaN that no arithmetic
/// makes.
const HISTOGRAM: f64 = f64::from_bits(0x7ff8_b377_3a57_0001);

/// Whether a cell holds nothing.
#[inline(always)]
pub(crate) fn is_absent(value: f64) -> bool {
    value.to_bits() == ABSENT.to_bits()
}

/// The times at which an expression is evaluated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Grid {
    /// The first step, ms.
    pub(crate) start_ms: i64,
    /// Between steps, ms; at least 1.
    pub(crate) step_ms: i64,
    /// How many steps.
    pub(crate) count: usize,
}

impl Grid {
    /// From `start_ms` to `end_ms`, both included where the step hits them.
    pub(crate) fn new(start_ms: i64, end_ms: i64, step_ms: i64) -> Self {
        let step_ms = step_ms.max(1);
        let count = if end_ms < start_ms {
            0
        } else {
            usize::try_from((end_ms.saturating_sub(start_ms)) / step_ms).unwrap_or(usize::MAX - 1)
                + 1
        };
        Self {
            start_ms,
            step_ms,
            count,
        }
    }

    /// Only the first step.
    pub(crate) fn first(self) -> Self {
        Self {
            count: self.count.min(1),
            ..self
        }
    }

    /// The time of a step.
    #[inline(always)]
    pub(crate) fn time(&self, step: usize) -> i64 {
        self.start_ms
            .saturating_add((step as i64).saturating_mul(self.step_ms))
    }

    /// The time of the last step.
    pub(crate) fn end_ms(&self) -> i64 {
        self.time(self.count.saturating_sub(1))
    }
}

/// A value at one step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell<'a> {
    Absent,
    Float(f64),
    Histogram(&'a Arc<FloatHistogram>),
}

/// See the module's page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Column {
    pub(crate) values: Vec<f64>,
    pub(crate) histograms: Vec<(u32, Arc<FloatHistogram>)>,
}

impl Column {
    /// Nothing at any of `count` steps.
    pub(crate) fn absent(count: usize) -> Self {
        Self::of(vec![ABSENT; count])
    }

    /// A column of floats.
    pub(crate) fn of(values: Vec<f64>) -> Self {
        Self {
            values,
            histograms: Vec::new(),
        }
    }

    /// Empties it and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.histograms.clear();
    }

    /// Whether there is no histogram in it.
    #[inline(always)]
    pub(crate) fn is_floats(&self) -> bool {
        self.histograms.is_empty()
    }

    /// Appends a step with a histogram.
    pub(crate) fn push_histogram(&mut self, histogram: Arc<FloatHistogram>) {
        self.histograms.push((self.values.len() as u32, histogram));
        self.values.push(HISTOGRAM);
    }

    /// Appends a step.
    pub(crate) fn push(&mut self, cell: Cell<'_>) {
        match cell {
            Cell::Absent => self.values.push(ABSENT),
            Cell::Float(value) => self.values.push(value),
            Cell::Histogram(histogram) => self.push_histogram(Arc::clone(histogram)),
        }
    }

    /// The value at a step.
    #[inline]
    pub(crate) fn cell(&self, step: usize) -> Cell<'_> {
        let value = self.values[step];
        if is_absent(value) {
            return Cell::Absent;
        }
        if self.is_floats() || value.to_bits() != HISTOGRAM.to_bits() {
            return Cell::Float(value);
        }
        match self
            .histograms
            .binary_search_by_key(&(step as u32), |entry| entry.0)
        {
            Ok(found) => Cell::Histogram(&self.histograms[found].1),
            Err(_) => Cell::Float(value),
        }
    }

    /// Whether there is a value at a step.
    #[inline(always)]
    pub(crate) fn is_present(&self, step: usize) -> bool {
        !is_absent(self.values[step])
    }

    /// How many steps have a value; a histogram counts as the floats it takes the room of.
    pub(crate) fn weight(&self) -> u64 {
        let present = self.values.iter().filter(|v| !is_absent(**v)).count() as u64;
        let histograms: u64 = self
            .histograms
            .iter()
            .map(|(_, h)| histogram_weight(h))
            .sum();
        present - self.histograms.len() as u64 + histograms
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let histograms = self.histograms.iter().map(|(_, h)| h.memory_bytes());
        let marks = self.histograms.len() * size_of::<(u32, Arc<FloatHistogram>)>();
        (self.values.len() * 8 + marks + histograms.sum::<usize>()) as u64
    }

    /// Whether no step has a value.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.iter().all(|v| is_absent(*v))
    }

    /// Changes each float with `map` and drops histograms.
    #[inline]
    pub(crate) fn map_floats(&mut self, map: impl Fn(f64) -> f64) {
        for (step, _) in self.histograms.drain(..) {
            self.values[step as usize] = ABSENT;
        }
        for value in &mut self.values {
            if !is_absent(*value) {
                *value = guard(map(*value));
            }
        }
    }

    /// Changes each float with `map`, which also gets the step, and drops histograms.
    #[inline]
    pub(crate) fn map_floats_with_step(&mut self, map: impl Fn(usize, f64) -> f64) {
        for (step, _) in self.histograms.drain(..) {
            self.values[step as usize] = ABSENT;
        }
        for (step, value) in self.values.iter_mut().enumerate() {
            if !is_absent(*value) {
                *value = guard(map(step, *value));
            }
        }
    }

    /// Makes a column out of the cells of this one: `map` gets step and cell.
    pub(crate) fn map_cells(&self, mut map: impl FnMut(usize, Cell<'_>) -> OwnedCell) -> Self {
        let mut out = Self {
            values: Vec::with_capacity(self.values.len()),
            histograms: Vec::new(),
        };
        for step in 0..self.values.len() {
            match self.cell(step) {
                Cell::Absent => out.values.push(ABSENT),
                cell => out.push_owned(map(step, cell)),
            }
        }
        out
    }

    /// Appends a step.
    pub(crate) fn push_owned(&mut self, cell: OwnedCell) {
        match cell {
            OwnedCell::Absent => self.values.push(ABSENT),
            OwnedCell::Float(value) => self.values.push(guard(value)),
            OwnedCell::Histogram(histogram) => self.push_histogram(histogram),
        }
    }

    /// Keeps only the steps for which `keep` holds.
    pub(crate) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        for (step, value) in self.values.iter_mut().enumerate() {
            if !keep(step) {
                *value = ABSENT;
            }
        }
        self.histograms.retain(|(step, _)| keep(*step as usize));
    }

    /// Takes over the steps of `other` that are absent here. Gives back `false` where both have a
    /// value at the same step.
    pub(crate) fn fill_from(&mut self, other: Self) -> bool {
        for (mine, theirs) in self.values.iter_mut().zip(&other.values) {
            if is_absent(*theirs) {
                continue;
            }
            if !is_absent(*mine) {
                return false;
            }
            *mine = *theirs;
        }
        if !other.histograms.is_empty() {
            self.histograms.extend(other.histograms);
            self.histograms.sort_by_key(|entry| entry.0);
        }
        true
    }

    /// The only step repeated `count` times.
    pub(crate) fn broadcast(&self, count: usize) -> Self {
        let first = self.values.first().copied().unwrap_or(ABSENT);
        Self {
            values: vec![first; count],
            histograms: match self.histograms.first() {
                Some((_, histogram)) => (0..count as u32)
                    .map(|step| (step, Arc::clone(histogram)))
                    .collect(),
                None => Vec::new(),
            },
        }
    }
}

/// A value to be put into a column.
#[derive(Debug, Clone)]
pub(crate) enum OwnedCell {
    Absent,
    Float(f64),
    Histogram(Arc<FloatHistogram>),
}

/// Keeps a computed NaN from being taken for a mark.
#[inline(always)]
pub(crate) fn guard(value: f64) -> f64 {
    if is_absent(value) { f64::NAN } else { value }
}

/// How many floats a histogram takes the room of, with its time (as Prometheus counts it).
pub(crate) fn histogram_weight(histogram: &FloatHistogram) -> u64 {
    let numbers = histogram.positive_spans.len()
        + histogram.negative_spans.len()
        + histogram.positive_buckets.len()
        + histogram.negative_buckets.len()
        + histogram.custom_values.len();
    ((168 + 8 * numbers + 8) / 16) as u64
}

/// One series of a vector at all steps.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    /// Whether the name goes away when the query is done (only with delayed name removal).
    pub(crate) drop_name: bool,
    pub(crate) column: Column,
}

impl Series {
    /// About how many bytes of memory it takes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        (size_of::<Self>() + self.labels.as_bytes().len()) as u64 + self.column.memory_bytes()
    }
}
