//! Series of the store as columns.

use std::sync::OnceLock;

use bellwether_model::{CounterReset, FloatHistogram, Labels, TimeRange, is_stale_nan};
use bellwether_storage::{MetricStore, Samples, Selection, SelectionHints, SeriesHandle};

use super::column::{Cell, Column, Grid, OwnedCell};
use super::limits::Limits;
use super::plan::{Lookup, Slot};
use super::window::PointsBuffer;
use crate::annotations::Annotations;
use crate::{Annotation, HistogramOperation, QueryError};

/// The series of one slot.
#[derive(Debug)]
pub(crate) struct Selected {
    series: Vec<Box<dyn SeriesHandle>>,
    slot: Slot,
    /// Samples of the series, where several nodes use them.
    cached: Vec<OnceLock<Samples>>,
}

impl Selected {
    pub(crate) fn select(store: &dyn MetricStore, slot: Slot) -> Result<Self, QueryError> {
        let series = store.select(&Selection {
            matchers: &slot.matchers,
            range: slot.range,
            hints: SelectionHints::default(),
        })?;
        let mut cached = Vec::new();
        if slot.uses > 1 {
            cached.resize_with(series.len(), OnceLock::new);
        }
        Ok(Self {
            series,
            slot,
            cached,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    /// About how many bytes of memory the handles take.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let handles = self.series.iter().map(|one| one.memory_bytes());
        let cells = self.cached.len() * size_of::<OnceLock<Samples>>();
        (handles.sum::<usize>() + cells) as u64
    }

    pub(crate) fn labels(&self, index: usize) -> &Labels {
        self.series[index].labels()
    }

    /// Whether all series have the same metric name by selection.
    pub(crate) fn one_name(&self) -> bool {
        self.slot.one_name
    }

    /// The samples of a series inside of `range`, and perhaps more. `buffer` is used where they are
    /// not shared.
    pub(crate) fn read<'a>(
        &'a self,
        limits: &Limits,
        index: usize,
        range: TimeRange,
        stats_only: bool,
        buffer: &'a mut Samples,
    ) -> Result<&'a Samples, QueryError> {
        if stats_only {
            // These are changed, and so never shared.
            buffer.clear();
            self.series[index].read(range, buffer)?;
            keep_stats(buffer);
            return Ok(buffer);
        }
        if let Some(cell) = self.cached.get(index) {
            if let Some(samples) = cell.get() {
                return Ok(samples);
            }
            let mut samples = Samples::default();
            self.series[index].read(self.slot.range, &mut samples)?;
            limits.memory.keep(samples.memory_bytes() as u64)?;
            return Ok(cell.get_or_init(|| samples));
        }
        buffer.clear();
        self.series[index].read(range, buffer)?;
        Ok(buffer)
    }
}

/// Leaves only count and sum of each histogram. What the buckets say of resets between neighbours
/// is put into the hint first.
fn keep_stats(samples: &mut Samples) {
    let mut last: Option<std::sync::Arc<FloatHistogram>> = None;
    for histogram in &mut samples.histograms {
        let stale = is_stale_nan(histogram.sum);
        let hint = match (&last, histogram.counter_reset) {
            (Some(last), CounterReset::Unknown) if !stale => {
                if histogram.detect_reset(last) {
                    CounterReset::Reset
                } else {
                    CounterReset::NotReset
                }
            }
            (_, hint) => hint,
        };
        let stats = FloatHistogram {
            counter_reset: hint,
            schema: histogram.schema,
            count: histogram.count,
            sum: histogram.sum,
            ..FloatHistogram::default()
        };
        let whole = std::mem::replace(histogram, std::sync::Arc::new(stats));
        if !stale {
            last = Some(whole);
        }
    }
}

/// The samples that an instant selector needs at the steps of a grid, both ends included.
pub(crate) fn instant_range(lookup: &Lookup, grid: &Grid, lookback_ms: i64) -> TimeRange {
    let first = lookup.reference_ms(grid.time(0));
    let last = lookup.reference_ms(grid.end_ms());
    if lookup.extension.is_some() {
        return TimeRange::new(
            first.saturating_sub(lookback_ms),
            last.saturating_add(lookback_ms),
        );
    }
    TimeRange::new(first.saturating_sub(lookback_ms).saturating_add(1), last)
}

/// Calls `each` with the position of the newest sample at each step, not older than the lookback.
#[inline(always)]
fn each_newest(
    times: &[i64],
    lookup: &Lookup,
    grid: &Grid,
    lookback_ms: i64,
    mut each: impl FnMut(Option<usize>),
) {
    let mut next = 0;
    for step in 0..grid.count {
        let reference = lookup.reference_ms(grid.time(step));
        while next < times.len() && times[next] <= reference {
            next += 1;
        }
        let newest = next
            .checked_sub(1)
            .filter(|&at| times[at] > reference.saturating_sub(lookback_ms));
        each(newest);
    }
}

/// Fills `out` with the newest value at each step.
pub(crate) fn newest_values(
    samples: &Samples,
    lookup: &Lookup,
    grid: &Grid,
    lookback_ms: i64,
    out: &mut Column,
) {
    out.values.reserve(grid.count);
    if samples.histograms.is_empty() {
        let values = &samples.values;
        // The staleness marker is also the mark of an absent cell.
        each_newest(&samples.times_ms, lookup, grid, lookback_ms, |at| {
            out.values
                .push(at.map_or(super::column::ABSENT, |at| values[at]));
        });
        return;
    }
    each_newest(&samples.times_ms, lookup, grid, lookback_ms, |at| {
        let cell = match at {
            None => Cell::Absent,
            Some(at) => match samples.histogram_at(at) {
                Some(histogram) if is_stale_nan(histogram.sum) => Cell::Absent,
                Some(histogram) => Cell::Histogram(histogram),
                None => Cell::Float(samples.values[at]),
            },
        };
        out.push(cell);
    });
}

/// Fills `out` with the time of the newest sample at each step, or with its start timestamp, in
/// seconds.
pub(crate) fn newest_times(
    samples: &Samples,
    lookup: &Lookup,
    grid: &Grid,
    lookback_ms: i64,
    starts: bool,
    out: &mut Column,
) {
    each_newest(&samples.times_ms, lookup, grid, lookback_ms, |at| {
        let live = at.filter(|&at| match samples.histogram_at(at) {
            Some(histogram) => !is_stale_nan(histogram.sum),
            None => !is_stale_nan(samples.values[at]),
        });
        out.push_owned(match live {
            None => OwnedCell::Absent,
            Some(at) if starts => {
                OwnedCell::Float(samples.starts_ms.get(at).copied().unwrap_or(0) as f64 / 1000.0)
            }
            Some(at) => OwnedCell::Float(samples.times_ms[at] as f64 / 1000.0),
        });
    });
}

/// Fills `out` with values interpolated between the samples around each step (`smoothed`).
pub(crate) fn smoothed_values(
    samples: &Samples,
    labels: &Labels,
    lookup: &Lookup,
    grid: &Grid,
    lookback_ms: i64,
    out: &mut Column,
    notes: &mut Annotations,
) {
    let mut buffer = PointsBuffer::default();
    let points = buffer.points(samples, false);
    for step in 0..grid.count {
        let at = lookup.reference_ms(grid.time(step));
        let inside = |times: &[i64]| {
            let from = times.partition_point(|&t| t <= at.saturating_sub(lookback_ms));
            let to = times.partition_point(|&t| t <= at.saturating_add(lookback_ms));
            from..to
        };
        let floats = inside(points.floats.times);
        let histograms = inside(points.histograms.times);
        if !floats.is_empty() && !histograms.is_empty() {
            let name = labels.metric_name();
            notes.add(Annotation::mixed_floats_histograms(name, lookup.range));
            out.push(Cell::Absent);
            continue;
        }
        if !histograms.is_empty() {
            let times = &points.histograms.times[histograms.clone()];
            let values = &points.histograms.values[histograms];
            let next = times.partition_point(|&t| t < at);
            let cell = match (next.checked_sub(1), times.get(next)) {
                (_, Some(&time)) if time == at => {
                    OwnedCell::Histogram(std::sync::Arc::clone(&values[next]))
                }
                (Some(previous), Some(_)) => {
                    let (a, b) = (&values[previous], &values[next]);
                    let counter = a.counter_reset != bellwether_model::CounterReset::Gauge
                        || b.counter_reset != bellwether_model::CounterReset::Gauge;
                    let part =
                        (at - times[previous]) as f64 / (times[next] - times[previous]) as f64;
                    match interpolate_histograms(a, b, part, counter, notes, lookup.range) {
                        Some(histogram) => OwnedCell::Histogram(std::sync::Arc::new(histogram)),
                        None => {
                            let name = labels.metric_name();
                            notes.add(Annotation::mixed_exponential_custom(name, lookup.range));
                            OwnedCell::Absent
                        }
                    }
                }
                (Some(previous), None) => {
                    let mut histogram = FloatHistogram::clone(&values[previous]);
                    histogram.counter_reset = bellwether_model::CounterReset::Unknown;
                    OwnedCell::Histogram(std::sync::Arc::new(histogram))
                }
                (None, _) => OwnedCell::Absent,
            };
            out.push_owned(cell);
            continue;
        }
        let times = &points.floats.times[floats.clone()];
        let values = &points.floats.values[floats];
        let next = times.partition_point(|&t| t < at);
        let cell = match (next.checked_sub(1), times.get(next)) {
            (_, Some(&time)) if time == at => OwnedCell::Float(values[next]),
            (Some(previous), Some(&time)) => {
                let part = (at - times[previous]) as f64;
                let width = (time - times[previous]) as f64;
                let (a, b) = (values[previous], values[next]);
                OwnedCell::Float(a + (b - a) * part / width)
            }
            (Some(previous), None) => OwnedCell::Float(values[previous]),
            (None, _) => OwnedCell::Absent,
        };
        out.push_owned(cell);
    }
}

/// The histogram a `part` (0 to 1) of the way from `a` to `b`. A counter that was reset on the
/// way is taken to start from nothing. `None` where the two cannot be combined.
pub(crate) fn interpolate_histograms(
    a: &FloatHistogram,
    b: &FloatHistogram,
    part: f64,
    counter: bool,
    notes: &mut Annotations,
    range: crate::ast::PosRange,
) -> Option<FloatHistogram> {
    if a.uses_custom_buckets() != b.uses_custom_buckets() {
        return None;
    }
    let mut result = b.clone();
    if counter && b.detect_reset(a) {
        result.mul(part);
        return Some(result);
    }
    if result.sub(a).ok()?.bounds_reconciled {
        notes.add(Annotation::mismatched_custom_buckets(
            range,
            HistogramOperation::Subtraction,
        ));
    }
    result.mul(part);
    if result.add(a).ok()?.bounds_reconciled {
        notes.add(Annotation::mismatched_custom_buckets(
            range,
            HistogramOperation::Addition,
        ));
    }
    Some(result)
}
