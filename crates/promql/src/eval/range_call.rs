//! Functions over windows: what is evaluated for each series, and how.
//!
//! ## Model
//! A series of floats without further ado takes a sliding way (`rate`, `over_time`): each step costs
//! what has changed since the one before. Histograms, modifiers and start timestamps take the
//! general way: each window is looked at as a whole.

use std::sync::Arc;

use bellwether_model::{CounterReset, Labels};

use super::Query;
use super::column::{ABSENT, Column, Grid, OwnedCell, Series, is_absent};
use super::functions::RangeFn;
use super::plan::{RangeCall, RangeSource};
use super::window::{Points, Slider, Window, WindowShape};
use super::{over_time, rate};
use crate::annotations::Annotations;
use crate::ast::{PosRange, RangeExtension};
use crate::{Annotation, QueryError};

/// A call with everything resolved that does not depend on the series.
#[derive(Debug)]
pub(crate) struct Windows<'p> {
    pub(crate) function: RangeFn,
    pub(crate) shape: WindowShape,
    /// The other arguments, at each step.
    pub(crate) args: Vec<Vec<f64>>,
    /// Where the windows stand in the text.
    pub(crate) range: PosRange,
    /// Where the first argument stands.
    pub(crate) first_range: PosRange,
    pub(crate) uses_starts: bool,
    call: std::marker::PhantomData<&'p RangeCall>,
}

/// The samples of a series with their sliding window; what the sliding kernels work on.
#[derive(Debug)]
pub(crate) struct Slide<'a> {
    pub(crate) times: &'a [i64],
    pub(crate) values: &'a [f64],
    pub(crate) shape: &'a WindowShape,
    pub(crate) grid: &'a Grid,
}

impl Slide<'_> {
    /// Calls `each` with step, first sample, end of samples, and bounds of each window. Gives back
    /// how many samples all windows have together, and the greatest has.
    #[inline(always)]
    pub(crate) fn each(&self, mut each: impl FnMut(usize, usize, usize, (i64, i64))) -> (u64, u64) {
        let mut slider = Slider::default();
        let (mut total, mut greatest) = (0, 0);
        for step in 0..self.grid.count {
            let bounds = self.shape.bounds(self.grid.time(step));
            slider.advance(self.times, bounds.0, bounds.1);
            let samples = (slider.to - slider.from) as u64;
            total += samples;
            greatest = greatest.max(samples);
            each(step, slider.from, slider.to, bounds);
        }
        (total, greatest)
    }

    /// About how many samples a window has.
    pub(crate) fn typical_window(&self) -> usize {
        let (Some(first), Some(last)) = (self.times.first(), self.times.last()) else {
            return 0;
        };
        let span = (last - first).max(1) as f64;
        let share = (self.shape.window_ms as f64 / span).min(1.0);
        (self.times.len() as f64 * share) as usize
    }

    /// Whether there are several windows that share most of their samples with their neighbours.
    pub(crate) fn overlaps(&self) -> bool {
        self.grid.count > 2
            && self.shape.at_ms.is_none()
            && self.grid.step_ms * 2 < self.shape.window_ms
    }
}

impl Query<'_> {
    pub(crate) fn windows<'p>(
        &self,
        call: &'p RangeCall,
        grid: Grid,
    ) -> Result<Windows<'p>, QueryError> {
        let args = call
            .args
            .iter()
            .map(|arg| self.scalar(arg, grid))
            .collect::<Result<Vec<_>, _>>()?;
        let shape = match &call.source {
            RangeSource::Selector(lookup) => {
                WindowShape::of(lookup, call.window_ms, self.lookback_ms)
            }
            RangeSource::Subquery(subquery) => WindowShape {
                window_ms: subquery.window_ms,
                offset_ms: subquery.offset_ms,
                at_ms: subquery.at_ms,
                extension: None,
                lookback_ms: self.lookback_ms,
            },
        };
        // An extended window asks where its first value comes from, whatever the features are.
        let asks_starts = self.features.use_start_timestamps || shape.extension.is_some();
        Ok(Windows {
            function: call.function,
            shape,
            args,
            range: call.range,
            first_range: call.first_range,
            uses_starts: asks_starts && call.function.uses_starts(),
            call: std::marker::PhantomData,
        })
    }

    /// 1 at each step at which no series has a sample in its window.
    pub(crate) fn absent_over_time(
        &self,
        call: &RangeCall,
        grid: Grid,
    ) -> Result<Vec<Series>, QueryError> {
        let windows = self.windows(call, grid)?;
        let mut present = vec![false; grid.count];
        let mut mark = |points: Points<'_>| {
            points.windows(&windows.shape, &grid, |step, window| {
                present[step] |= window.is_some();
            });
        };
        let mut buffer = super::window::PointsBuffer::default();
        match &call.source {
            RangeSource::Selector(lookup) => {
                let selected = &self.selected[lookup.slot];
                let mut samples = bellwether_storage::Samples::default();
                let range = windows.shape.range(&grid);
                for index in 0..selected.len() {
                    self.limits.check()?;
                    let samples = selected.read(&self.limits, index, range, false, &mut samples)?;
                    self.limits.count(samples.len() as u64);
                    mark(buffer.points(samples, false));
                }
            }
            RangeSource::Subquery(subquery) => {
                for (_, _, samples) in self.subquery(subquery, grid, true)? {
                    mark(buffer.points(&samples, false));
                }
            }
        }
        let values: Vec<f64> = present
            .iter()
            .map(|present| if *present { ABSENT } else { 1.0 })
            .collect();
        if values.iter().all(|v| is_absent(*v)) {
            return Ok(Vec::new());
        }
        Ok(vec![Series {
            labels: call.absent_labels.clone(),
            drop_name: true,
            column: Column::of(values),
        }])
    }
}

impl Windows<'_> {
    /// Fills `out` with the function's value at each step.
    pub(crate) fn fill(
        &self,
        query: &Query<'_>,
        points: &Points<'_>,
        labels: &Labels,
        grid: &Grid,
        out: &mut Column,
        notes: &mut Annotations,
    ) -> Result<(), QueryError> {
        self.check_args()?;
        out.values.reserve(grid.count);
        let plain = points.histograms.is_empty()
            && points.floats.starts.is_empty()
            && self.shape.extension.is_none();
        let (total, greatest) = if plain {
            let slide = Slide {
                times: points.floats.times,
                values: points.floats.values,
                shape: &self.shape,
                grid,
            };
            if self.function.is_slow() {
                self.fill_slowly(query, &slide, out)?
            } else {
                self.fill_sliding(&slide, out, notes)
            }
        } else {
            self.fill_windows(points, labels, grid, out, notes)
        };
        query.limits.peek(greatest)?;
        query.limits.count(total);
        if query.per_step.is_some() {
            points.windows(&self.shape, grid, |step, window| {
                let samples = window.map_or(0, |w| w.floats.len() + w.histograms.len());
                query.count_step(grid, step, samples as u64);
            });
        }
        Ok(())
    }

    fn check_args(&self) -> Result<(), QueryError> {
        match self.function {
            RangeFn::DoubleExponentialSmoothing => self.check_factors(),
            RangeFn::ForecastOverTime => self.check_forecast(),
            _ => Ok(()),
        }
    }

    fn check_forecast(&self) -> Result<(), QueryError> {
        let wrong = |index: usize, is_right: fn(f64) -> bool| {
            let given = self.args.get(index).into_iter().flatten();
            given.copied().find(|value| !is_right(*value))
        };
        let what = if let Some(ahead) = wrong(0, |ahead| ahead > 0.0 && ahead.is_finite()) {
            format!("is to look {ahead} seconds ahead. Expected: a finite number above 0")
        } else if let Some(level) = wrong(1, |level| level > 0.0 && level < 1.0) {
            format!("is asked for the quantile {level}. Expected: above 0 and below 1")
        } else {
            return Ok(());
        };
        Err(QueryError::Execution(format!("forecast_over_time {what}")))
    }

    fn check_factors(&self) -> Result<(), QueryError> {
        for (index, name) in ["smoothing", "trend"].into_iter().enumerate() {
            let short = if index == 0 { "sf" } else { "tf" };
            for &factor in self.args.get(index).into_iter().flatten() {
                if factor <= 0.0 || factor >= 1.0 {
                    return Err(QueryError::Execution(format!(
                        "invalid {name} factor. Expected: 0 < {short} < 1, got: {factor:.6}"
                    )));
                }
            }
        }
        Ok(())
    }

    fn arg(&self, index: usize, step: usize) -> f64 {
        self.args
            .get(index)
            .and_then(|values| values.get(step))
            .copied()
            .unwrap_or(f64::NAN)
    }

    fn fill_sliding(
        &self,
        slide: &Slide<'_>,
        out: &mut Column,
        notes: &mut Annotations,
    ) -> (u64, u64) {
        let out = &mut out.values;
        match self.function {
            RangeFn::Rate => rate::slide(slide, true, true, out),
            RangeFn::Increase => rate::slide(slide, true, false, out),
            RangeFn::Delta => rate::slide(slide, false, false, out),
            RangeFn::Irate => rate::slide_last_two(slide, true, out),
            RangeFn::Idelta => rate::slide_last_two(slide, false, out),
            RangeFn::SumOverTime => over_time::slide_sum(slide, false, out),
            RangeFn::AvgOverTime => over_time::slide_sum(slide, true, out),
            RangeFn::MaxOverTime => {
                over_time::slide_extreme(slide, f64::NEG_INFINITY, |a, b| a > b, out)
            }
            RangeFn::MinOverTime => {
                over_time::slide_extreme(slide, f64::INFINITY, |a, b| a < b, out)
            }
            RangeFn::QuantileOverTime => {
                let quantiles = self.args.first().map_or(&[][..], Vec::as_slice);
                let counts = over_time::slide_quantile(slide, quantiles, out);
                self.note_quantiles(out, notes);
                counts
            }
            RangeFn::Changes => {
                over_time::slide_count(slide, |a, b| a != b && !(a.is_nan() && b.is_nan()), out)
            }
            RangeFn::Resets => over_time::slide_count(slide, |a, b| b < a, out),
            function => slide.each(|step, from, to, _| {
                let value = if from == to {
                    None
                } else {
                    over_time::of_floats(
                        function,
                        &slide.times[from..to],
                        &slide.values[from..to],
                        slide.grid.time(step),
                        [self.arg(0, step), self.arg(1, step)],
                    )
                };
                out.push(value.map_or(ABSENT, super::column::guard));
            }),
        }
    }

    /// As [`Windows::fill_sliding`], with a look at the limits before each window.
    fn fill_slowly(
        &self,
        query: &Query<'_>,
        slide: &Slide<'_>,
        out: &mut Column,
    ) -> Result<(u64, u64), QueryError> {
        let mut slider = Slider::default();
        let (mut total, mut greatest) = (0, 0);
        for step in 0..slide.grid.count {
            query.limits.check()?;
            let time_ms = slide.grid.time(step);
            let (start_ms, end_ms) = slide.shape.bounds(time_ms);
            slider.advance(slide.times, start_ms, end_ms);
            let window = slider.from..slider.to;
            let samples = window.len() as u64;
            total += samples;
            greatest = greatest.max(samples);
            let (times, values) = (&slide.times[window.clone()], &slide.values[window]);
            let args = [self.arg(0, step), self.arg(1, step)];
            let value = match times {
                [] => None,
                times => over_time::of_floats(self.function, times, values, time_ms, args),
            };
            out.values.push(value.map_or(ABSENT, super::column::guard));
        }
        Ok((total, greatest))
    }

    /// Notes quantiles outside of 0 to 1, at steps that have an answer.
    fn note_quantiles(&self, out: &[f64], notes: &mut Annotations) {
        let Some(quantiles) = self.args.first() else {
            return;
        };
        let mut last = None;
        for (quantile, value) in quantiles.iter().zip(out) {
            let bad = quantile.is_nan() || !(0.0..=1.0).contains(quantile);
            if bad && !is_absent(*value) && last != Some(quantile.to_bits()) {
                notes.add(Annotation::invalid_quantile(*quantile, self.first_range));
                last = Some(quantile.to_bits());
            }
        }
    }

    fn fill_windows(
        &self,
        points: &Points<'_>,
        labels: &Labels,
        grid: &Grid,
        out: &mut Column,
        notes: &mut Annotations,
    ) -> (u64, u64) {
        let (mut total, mut greatest) = (0, 0);
        points.windows(&self.shape, grid, |step, window| {
            let Some(window) = window else {
                out.values.push(ABSENT);
                return;
            };
            let histograms: u64 = window
                .histograms
                .values
                .iter()
                .map(|h| super::column::histogram_weight(h))
                .sum();
            let samples = window.floats.len() as u64 + histograms;
            total += samples;
            greatest = greatest.max(samples);
            out.push_owned(self.of_window(&window, labels, step, grid.time(step), notes));
        });
        (total, greatest)
    }

    /// The value of one window with anything in it.
    fn of_window(
        &self,
        window: &Window<'_>,
        labels: &Labels,
        step: usize,
        time_ms: i64,
        notes: &mut Annotations,
    ) -> OwnedCell {
        let name = labels.metric_name();
        match self.function {
            RangeFn::Rate | RangeFn::Increase | RangeFn::Delta => {
                let call = rate::RateCall {
                    counter: self.function != RangeFn::Delta,
                    per_second: self.function == RangeFn::Rate,
                    window_ms: self.shape.window_ms,
                    extension: self.shape.extension,
                    name,
                    range: self.first_range,
                };
                call.of_window(window, notes)
            }
            RangeFn::Irate | RangeFn::Idelta => rate::last_two(
                window,
                self.function == RangeFn::Irate,
                name,
                self.range,
                notes,
            ),
            RangeFn::SumOverTime | RangeFn::AvgOverTime if window.floats.is_empty() => {
                over_time::sum_of_histograms(
                    window.histograms.values,
                    self.function == RangeFn::AvgOverTime,
                    name,
                    self.first_range,
                    notes,
                )
            }
            RangeFn::SumOverTime | RangeFn::AvgOverTime if !window.histograms.is_empty() => {
                notes.add(Annotation::mixed_floats_histograms(name, self.first_range));
                OwnedCell::Absent
            }
            RangeFn::Changes | RangeFn::Resets => self.changes(window),
            RangeFn::CountOverTime => {
                OwnedCell::Float((window.floats.len() + window.histograms.len()) as f64)
            }
            RangeFn::PresentOverTime | RangeFn::AbsentOverTime => OwnedCell::Float(1.0),
            RangeFn::FirstOverTime
            | RangeFn::LastOverTime
            | RangeFn::TsOfFirstOverTime
            | RangeFn::TsOfLastOverTime => self.end_of_window(window),
            function => {
                // Functions of floats leave histograms out, and say so.
                if window.floats.is_empty() {
                    return OwnedCell::Absent;
                }
                if !window.histograms.is_empty() {
                    notes.add(Annotation::histogram_ignored_in_mixed_range(
                        name,
                        self.first_range,
                    ));
                }
                let arg = self.arg(0, step);
                if function == RangeFn::QuantileOverTime
                    && (arg.is_nan() || !(0.0..=1.0).contains(&arg))
                {
                    notes.add(Annotation::invalid_quantile(arg, self.first_range));
                }
                over_time::of_floats(
                    function,
                    window.floats.times,
                    window.floats.values,
                    time_ms,
                    [arg, self.arg(1, step)],
                )
                .map_or(OwnedCell::Absent, OwnedCell::Float)
            }
        }
    }

    /// The first or last sample of a window, or its time.
    fn end_of_window(&self, window: &Window<'_>) -> OwnedCell {
        let last = matches!(
            self.function,
            RangeFn::LastOverTime | RangeFn::TsOfLastOverTime
        );
        let at = |count: usize| {
            if last {
                count.checked_sub(1)
            } else {
                (count > 0).then_some(0)
            }
        };
        let float = at(window.floats.len());
        let histogram = at(window.histograms.len());
        let take_float = match (float, histogram) {
            (Some(float), Some(histogram)) => {
                let (f, h) = (
                    window.floats.times[float],
                    window.histograms.times[histogram],
                );
                if last { h < f } else { f < h }
            }
            (float, _) => float.is_some(),
        };
        let of_time = matches!(
            self.function,
            RangeFn::TsOfFirstOverTime | RangeFn::TsOfLastOverTime
        );
        match (take_float, float, histogram) {
            (true, Some(at), _) if of_time => {
                OwnedCell::Float(window.floats.times[at] as f64 / 1000.0)
            }
            (true, Some(at), _) => OwnedCell::Float(window.floats.values[at]),
            (_, _, Some(at)) if of_time => {
                OwnedCell::Float(window.histograms.times[at] as f64 / 1000.0)
            }
            (_, _, Some(at)) => OwnedCell::Histogram(Arc::clone(&window.histograms.values[at])),
            _ => OwnedCell::Absent,
        }
    }

    /// How often neighbouring samples differ, or the later one was reset.
    fn changes(&self, window: &Window<'_>) -> OwnedCell {
        let (mut float, mut histogram) = (0, 0);
        if self.shape.extension == Some(RangeExtension::Anchored) {
            match anchor(window) {
                Some(first) => (float, histogram) = first,
                None => return OwnedCell::Absent,
            }
        }
        let resets = self.function == RangeFn::Resets;
        let mut count = 0u64;
        let mut previous: Option<(bool, usize)> = None;
        loop {
            let next_float = window.floats.times.get(float);
            let next_histogram = window.histograms.times.get(histogram);
            let is_float = match (next_float, next_histogram) {
                (None, None) => break,
                (Some(f), Some(h)) => f < h,
                (f, _) => f.is_some(),
            };
            let current = if is_float {
                float += 1;
                (true, float - 1)
            } else {
                histogram += 1;
                (false, histogram - 1)
            };
            let Some(before) = previous.replace(current) else {
                continue;
            };
            let differs = match (before, current) {
                ((true, a), (true, b)) => {
                    let (x, y) = (window.floats.values[a], window.floats.values[b]);
                    if resets {
                        y < x || rate::starts_reset(&window.floats, a, b)
                    } else {
                        x != y && !(x.is_nan() && y.is_nan())
                    }
                }
                ((false, a), (false, b)) => {
                    let (x, y) = (&window.histograms.values[a], &window.histograms.values[b]);
                    if resets {
                        rate::starts_reset(&window.histograms, a, b) || y.detect_reset(x)
                    } else {
                        !y.equals(x)
                    }
                }
                _ => true,
            };
            count += u64::from(differs);
        }
        OwnedCell::Float(count as f64)
    }
}

/// Where an anchored window begins: at the newest sample not after its start. `None` where there is
/// no sample after its start.
fn anchor(window: &Window<'_>) -> Option<(usize, usize)> {
    let floats = window
        .floats
        .times
        .partition_point(|&t| t <= window.start_ms);
    let histograms = window
        .histograms
        .times
        .partition_point(|&t| t <= window.start_ms);
    if floats == window.floats.len() && histograms == window.histograms.len() {
        return None;
    }
    let float_time = floats.checked_sub(1).map(|at| window.floats.times[at]);
    let histogram_time = histograms
        .checked_sub(1)
        .map(|at| window.histograms.times[at]);
    Some(match (float_time, histogram_time) {
        (None, None) => (0, 0),
        (Some(f), h) if h.is_none_or(|h| f >= h) => (floats - 1, histograms),
        _ => (floats, histograms - 1),
    })
}

/// Whether a histogram says that it is a gauge.
pub(crate) fn is_gauge(histogram: &bellwether_model::FloatHistogram) -> bool {
    histogram.counter_reset == CounterReset::Gauge
}
