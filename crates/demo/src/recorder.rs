//! The daemon's own counters, gauges and histograms, in an order that only grows.
//!
//! ## Model
//! A [`Recorder`] holds families; a family holds cells, one for each set of labels. A cell is a
//! number or a histogram. Cells are made when something first happens, as instrumented programs do,
//! and are never removed, so that the position of a cell names it for ever: the history writer keeps
//! one list of series beside the list of cells.

use bellwether_model::{CounterReset, IntHistogram, MetricType, Span};

use crate::families::Named;

/// What a family is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FamilySpec {
    /// With `_total` where it is a counter.
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) metric_type: MetricType,
    /// Upper bounds of the classic buckets, ascending, +Inf left out.
    pub(crate) bounds: &'static [f64],
    pub(crate) labels: &'static [&'static str],
    /// Whether native buckets and exemplars are kept too.
    pub(crate) is_native: bool,
}

impl<const N: usize> Named<N> {
    fn spec(&'static self) -> FamilySpec {
        FamilySpec {
            name: self.name,
            help: self.help,
            metric_type: match (self.bounds.is_empty(), self.name.ends_with("_total")) {
                (false, _) => MetricType::Histogram,
                (true, true) => MetricType::Counter,
                (true, false) => MetricType::Gauge,
            },
            bounds: self.bounds,
            labels: &self.labels,
            is_native: self.is_native,
        }
    }
}

/// An observation that explains a bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CellExemplar {
    pub(crate) trace_id: u128,
    pub(crate) value: f64,
    pub(crate) time_ms: i64,
}

/// A histogram with classic buckets, and native ones where the family asks for it.
#[derive(Debug, Clone)]
pub(crate) struct HistogramCell {
    /// Not cumulative; one more than there are bounds.
    pub(crate) counts: Vec<u64>,
    pub(crate) sum: f64,
    pub(crate) native: Option<Box<NativeBuckets>>,
    /// One for each bucket, or none at all.
    pub(crate) exemplars: Vec<Option<CellExemplar>>,
}

#[derive(Debug, Clone)]
pub(crate) enum CellValue {
    Number(f64),
    Histogram(HistogramCell),
}

#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) family: FamilyIndex,
    pub(crate) labels: Vec<(&'static str, String)>,
    pub(crate) value: CellValue,
}

/// Which family of a recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FamilyIndex(u16);

/// Which cell of a recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CellIndex(u32);

#[derive(Debug, Clone)]
pub(crate) struct FamilyCells {
    pub(crate) spec: FamilySpec,
    pub(crate) cells: Vec<CellIndex>,
}

/// All families and cells.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder {
    families: Vec<FamilyCells>,
    cells: Vec<Cell>,
}

impl Recorder {
    pub(crate) fn family<const N: usize>(&mut self, family: &'static Named<N>) -> FamilyIndex {
        self.families.push(FamilyCells {
            spec: family.spec(),
            cells: Vec::new(),
        });
        FamilyIndex((self.families.len() - 1) as u16)
    }

    /// Makes a cell with values for the family's labels, in their order. Labels without a value are left
    /// out, as servers do; the caller makes each set once.
    pub(crate) fn cell(&mut self, family: FamilyIndex, values: &[&str]) -> CellIndex {
        let index = CellIndex(self.cells.len() as u32);
        let cells = &mut self.families[family.0 as usize];
        cells.cells.push(index);
        let spec = &cells.spec;
        let value = match spec.metric_type {
            MetricType::Histogram => CellValue::Histogram(HistogramCell {
                counts: vec![0; spec.bounds.len() + 1],
                sum: 0.0,
                native: spec.is_native.then(Box::default),
                exemplars: if spec.is_native {
                    vec![None; spec.bounds.len() + 1]
                } else {
                    Vec::new()
                },
            }),
            _ => CellValue::Number(0.0),
        };
        let labels = spec.labels.iter().zip(values);
        let labels = labels
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        self.cells.push(Cell {
            family,
            labels,
            value,
        });
        index
    }

    /// Makes a family and its only cell, with values for the family's labels.
    pub(crate) fn single<const N: usize>(
        &mut self,
        family: &'static Named<N>,
        values: [&str; N],
    ) -> CellIndex {
        let family = self.family(family);
        self.cell(family, &values)
    }

    pub(crate) fn add(&mut self, cell: CellIndex, amount: f64) {
        if let CellValue::Number(number) = &mut self.cells[cell.0 as usize].value {
            *number += amount;
        }
    }

    pub(crate) fn set(&mut self, cell: CellIndex, value: f64) {
        if let CellValue::Number(number) = &mut self.cells[cell.0 as usize].value {
            *number = value;
        }
    }

    pub(crate) fn number(&self, cell: CellIndex) -> f64 {
        match self.cells[cell.0 as usize].value {
            CellValue::Number(number) => number,
            CellValue::Histogram(_) => f64::NAN,
        }
    }

    /// Counts an observation in a histogram, made by the request `trace_id` at `time_ms`; 0: by none that
    /// somebody could look up.
    pub(crate) fn observe(&mut self, cell: CellIndex, value: f64, trace_id: u128, time_ms: i64) {
        self.observe_times(cell, value, 1);
        let cell = &mut self.cells[cell.0 as usize];
        let bounds = self.families[cell.family.0 as usize].spec.bounds;
        let bucket = bounds.partition_point(|bound| *bound < value);
        if let CellValue::Histogram(histogram) = &mut cell.value
            && let Some(exemplar) = histogram.exemplars.get_mut(bucket)
            && trace_id != 0
        {
            *exemplar = Some(CellExemplar {
                trace_id,
                value,
                time_ms,
            });
        }
    }

    /// Counts the same observation several times.
    pub(crate) fn observe_times(&mut self, cell: CellIndex, value: f64, times: u64) {
        let cell = &mut self.cells[cell.0 as usize];
        let bounds = self.families[cell.family.0 as usize].spec.bounds;
        let CellValue::Histogram(histogram) = &mut cell.value else {
            return;
        };
        let bucket = bounds.partition_point(|bound| *bound < value);
        histogram.counts[bucket] += times;
        histogram.sum += value * times as f64;
        if let Some(native) = &mut histogram.native {
            native.observe_times(value, times);
        }
    }

    pub(crate) fn families(&self) -> &[FamilyCells] {
        &self.families
    }

    pub(crate) fn spec(&self, family: FamilyIndex) -> &FamilySpec {
        &self.families[family.0 as usize].spec
    }

    /// In the order in which they were made.
    pub(crate) fn cells(&self) -> &[Cell] {
        &self.cells
    }
}

/// Eight buckets for each power of two: an error of at most 4.4 % in a quantile. Chosen.
const NATIVE_SCHEMA: i32 = 3;
/// Observations up to this one are in the zero bucket: 2⁻³², as the SDK has it.
const ZERO_THRESHOLD: f64 = 1.0 / 4_294_967_296.0;
/// Index of the first bucket kept: values to about 2⁻¹⁶, below what is measured here.
const FIRST_INDEX: i32 = -127;
/// Values to 2²⁰, above the largest prompt.
const BUCKET_COUNT: usize = 288;

/// Counts of the exponential buckets, dense.
#[derive(Debug, Clone)]
pub(crate) struct NativeBuckets {
    counts: [u64; BUCKET_COUNT],
    zero_count: u64,
    sum: f64,
}

impl Default for NativeBuckets {
    fn default() -> Self {
        Self {
            counts: [0; BUCKET_COUNT],
            zero_count: 0,
            sum: 0.0,
        }
    }
}

impl NativeBuckets {
    /// Counts an observation that is not negative; those outside of the range count at its edge.
    fn observe_times(&mut self, value: f64, times: u64) {
        self.sum += value * times as f64;
        if value <= ZERO_THRESHOLD {
            self.zero_count += times;
            return;
        }
        let index = (value.log2() * f64::from(1 << NATIVE_SCHEMA)).ceil() as i32;
        let last = BUCKET_COUNT - 1;
        let position = usize::try_from(index - FIRST_INDEX).unwrap_or(0).min(last);
        self.counts[position] += times;
    }

    /// The histogram as instrumented programs send it.
    pub(crate) fn to_histogram(&self) -> IntHistogram {
        let mut spans: Vec<Span> = Vec::new();
        let mut deltas = Vec::new();
        let mut previous = 0i64;
        let mut next_index = 0i32;
        for (position, count) in self.counts.iter().enumerate() {
            if *count == 0 {
                continue;
            }
            let index = FIRST_INDEX + position as i32;
            match spans.last_mut() {
                Some(span) if index == next_index => span.length += 1,
                _ => spans.push(Span {
                    offset: index - next_index,
                    length: 1,
                }),
            }
            deltas.push(*count as i64 - previous);
            previous = *count as i64;
            next_index = index + 1;
        }
        IntHistogram {
            counter_reset: CounterReset::Unknown,
            schema: NATIVE_SCHEMA,
            zero_threshold: ZERO_THRESHOLD,
            zero_count: self.zero_count,
            count: self.zero_count + self.counts.iter().sum::<u64>(),
            sum: self.sum,
            positive_spans: spans,
            positive_deltas: deltas,
            ..IntHistogram::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_buckets_hold_what_was_observed() {
        let mut buckets = NativeBuckets::default();
        for value in [0.0, 1.0, 1.0, 1.05, 2.0, 1e-8, 1e12] {
            buckets.observe_times(value, 1);
        }
        let histogram = buckets.to_histogram();
        histogram.validate().unwrap();
        assert_eq!((histogram.count, histogram.zero_count), (7, 1));
        // 1 = 2^0 is the upper bound of bucket 0, 1.05 is in bucket 1, 2 = 2^(8/8) in bucket 8.
        let float = histogram.to_float();
        assert_eq!(float.positive_buckets, [1.0, 2.0, 1.0, 1.0, 1.0]);
        let spans: Vec<(i32, u32)> = float
            .positive_spans
            .iter()
            .map(|span| (span.offset, span.length))
            .collect();
        assert_eq!(spans, [(-127, 1), (126, 2), (6, 1), (151, 1)]);
    }
}
