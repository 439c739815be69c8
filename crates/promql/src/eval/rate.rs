//! How much a counter or gauge has changed over windows: `rate`, `increase`, `delta`, `irate`,
//! `idelta`.
//!
//! ## Model
//! The change between the first and the last sample is corrected for counter resets, and
//! extrapolated to the window's ends: whole where samples come close to them, by half a sample
//! distance where they do not, and never below zero for counters.
//! `anchored` and `smoothed` windows know the values at their ends and need no extrapolation.

use std::sync::Arc;

use bellwether_model::FloatHistogram;
use bellwether_storage::Samples;

use super::column::{ABSENT, OwnedCell, guard};
use super::range_call::{Slide, is_gauge};
use super::select::interpolate_histograms;
use super::window::{Run, Window};
use crate::annotations::Annotations;
use crate::ast::{PosRange, RangeExtension};
use crate::{Annotation, HistogramOperation};

/// The factor by which a change between two samples becomes one over the whole window.
struct Extrapolation {
    first_ms: i64,
    last_ms: i64,
    sample_count: usize,
    start_ms: i64,
    end_ms: i64,
}

impl Extrapolation {
    /// `zero_share` is the part of the sampled time that the counter would have needed to come from
    /// zero to its first value, where that is known.
    #[inline(always)]
    fn factor(&self, zero_share: Option<f64>) -> f64 {
        let sampled = (self.last_ms - self.first_ms) as f64 / 1000.0;
        let between = sampled / (self.sample_count - 1) as f64;
        let threshold = between * 1.1;
        let mut to_start = (self.first_ms - self.start_ms) as f64 / 1000.0;
        let mut to_end = (self.end_ms - self.last_ms) as f64 / 1000.0;
        if to_start >= threshold {
            to_start = between / 2.0;
        }
        if let Some(share) = zero_share {
            let to_zero = sampled * share;
            if to_zero < to_start {
                to_start = to_zero;
            }
        }
        if to_end >= threshold {
            to_end = between / 2.0;
        }
        if sampled == 0.0 {
            1.0
        } else {
            (sampled + to_start + to_end) / sampled
        }
    }
}

/// The factor of windows whose samples lie in them as those of the window before do, which is most
/// of them under regular scrapes: six divisions are saved at each step.
#[derive(Debug, Default)]
struct Usual {
    /// Sampled time, samples, time before the first one, time after the last one; ms.
    shape: (i64, usize, i64, i64),
    factor: f64,
    sampled: f64,
    to_start: f64,
}

impl Usual {
    #[inline(always)]
    fn fit(&mut self, extrapolation: &Extrapolation, divisor: f64) {
        let shape = (
            extrapolation.last_ms - extrapolation.first_ms,
            extrapolation.sample_count,
            extrapolation.first_ms - extrapolation.start_ms,
            extrapolation.end_ms - extrapolation.last_ms,
        );
        // No window has no samples, so that the first one never fits.
        if shape != self.shape {
            *self = Self {
                shape,
                factor: extrapolation.factor(None) / divisor,
                sampled: shape.0 as f64,
                to_start: shape.2 as f64,
            };
        }
    }

    /// Whether a counter may have been zero between the start of the window and its first sample.
    /// Only a clear no, without a division, is one: the margin is wide beside rounding, and changes
    /// so small that products lose digits are not judged.
    #[inline(always)]
    fn may_reach_zero(&self, first: f64, change: f64) -> bool {
        let clearly_later = first * self.sampled > self.to_start * change * 1.000_001;
        change > 0.0 && first >= 0.0 && !(clearly_later && change > 1e-200)
    }
}

/// The part of the sampled time since the counter was zero.
#[inline(always)]
fn zero_share(first: f64, change: f64) -> Option<f64> {
    (change > 0.0 && first >= 0.0).then(|| first / change)
}

/// Positions of values that are less than the one before, and the value before.
fn resets(values: &[f64]) -> Vec<(usize, f64)> {
    const GROUP: usize = 64;
    let mut resets = Vec::new();
    let mut first = 0;
    while first + 1 < values.len() {
        let last = (first + GROUP).min(values.len() - 1);
        let (before, after) = (&values[first..last], &values[first + 1..=last]);
        // Without an exit on the way, so that several are compared at once.
        let any = before
            .iter()
            .zip(after)
            .fold(false, |any, (before, after)| any | (after < before));
        if any {
            let pairs = before.iter().zip(after).enumerate();
            let found = pairs.filter(|(_, (before, after))| after < before);
            resets.extend(found.map(|(at, (before, _))| (first + at + 1, *before)));
        }
        first = last;
    }
    resets
}

/// `rate`, `increase` or `delta` of plain floats.
pub(crate) fn slide(
    slide: &Slide<'_>,
    counter: bool,
    per_second: bool,
    out: &mut Vec<f64>,
) -> (u64, u64) {
    let (times, values) = (slide.times, slide.values);
    let divisor = if per_second {
        slide.shape.window_ms as f64 / 1000.0
    } else {
        1.0
    };
    let mut usual = Usual::default();
    // Resets are rare: they are listed once, and each window adds up its own. Adding in the order
    // of time gives the same digits as looking at each sample.
    let resets = if counter { resets(values) } else { Vec::new() };
    let mut first_reset = 0;
    slide.each(|_, from, to, (start_ms, end_ms)| {
        if to - from < 2 {
            out.push(ABSENT);
            return;
        }
        let first = values[from];
        let mut change = values[to - 1] - first;
        while resets.get(first_reset).is_some_and(|reset| reset.0 <= from) {
            first_reset += 1;
        }
        for reset in resets.iter().skip(first_reset) {
            if reset.0 >= to {
                break;
            }
            change += reset.1;
        }
        let extrapolation = Extrapolation {
            first_ms: times[from],
            last_ms: times[to - 1],
            sample_count: to - from,
            start_ms,
            end_ms,
        };
        usual.fit(&extrapolation, divisor);
        let factor = if counter && usual.may_reach_zero(first, change) {
            extrapolation.factor(zero_share(first, change)) / divisor
        } else {
            usual.factor
        };
        out.push(guard(change * factor));
    })
}

/// `irate` or `idelta` of plain floats.
pub(crate) fn slide_last_two(slide: &Slide<'_>, rate: bool, out: &mut Vec<f64>) -> (u64, u64) {
    slide.each(|_, from, to, _| {
        if to - from < 2 {
            out.push(ABSENT);
            return;
        }
        let (before, last) = (slide.values[to - 2], slide.values[to - 1]);
        let mut change = if rate && last < before {
            last
        } else {
            last - before
        };
        if rate {
            change /= (slide.times[to - 1] - slide.times[to - 2]) as f64 / 1000.0;
        }
        out.push(guard(change));
    })
}

/// Whether start timestamps say that the counter was reset between two samples.
fn is_start_reset(previous_start: i64, previous: i64, start: i64, time: i64) -> bool {
    // Unknown (0), impossible (after the sample), or OpenTelemetry's "not known" (at the sample).
    if start == 0 || start >= time || start < previous {
        return false;
    }
    if start > previous {
        return true;
    }
    // The start is the sample before: so for deltas, but also for a cumulative series whose start is
    // not known, which its sample before tells.
    previous_start <= previous && previous_start != 0 && previous_start != previous
}

/// [`is_start_reset`] of two samples of a run.
pub(crate) fn starts_reset<V>(run: &Run<'_, V>, previous: usize, current: usize) -> bool {
    !run.starts.is_empty()
        && is_start_reset(
            run.start(previous),
            run.times[previous],
            run.start(current),
            run.times[current],
        )
}

/// Whether a sample counts from a time within the window on: all of it is growth of the window, and no
/// value before it is known.
fn starts_within<V>(run: &Run<'_, V>, first: usize, window_start_ms: i64) -> bool {
    let (start, time) = (run.start(first), run.times[first]);
    // Unknown (0), impossible (after the sample), or "not known" (at the sample).
    start != 0 && start < time && start >= window_start_ms
}

/// Whether any sample claims to have started before the sample that precedes it, with another start.
fn starts_overlap<V>(run: &Run<'_, V>) -> bool {
    (1..run.starts.len()).any(|at| {
        let start = run.start(at);
        start != 0 && start < run.times[at - 1] && start != run.start(at - 1)
    })
}

/// `rate`, `increase` or `delta` of one window.
#[derive(Debug)]
pub(crate) struct RateCall<'a> {
    pub(crate) counter: bool,
    pub(crate) per_second: bool,
    pub(crate) window_ms: i64,
    pub(crate) extension: Option<RangeExtension>,
    /// Name of the metric.
    pub(crate) name: &'a str,
    pub(crate) range: PosRange,
}

impl RateCall<'_> {
    fn window_s(&self) -> f64 {
        self.window_ms as f64 / 1000.0
    }

    pub(crate) fn of_window(&self, window: &Window<'_>, notes: &mut Annotations) -> OwnedCell {
        if !window.floats.is_empty() && !window.histograms.is_empty() {
            notes.add(Annotation::mixed_floats_histograms(self.name, self.range));
            return OwnedCell::Absent;
        }
        let value = match (self.extension, window.histograms.is_empty()) {
            (Some(extension), true) => {
                return self
                    .extended(window, extension == RangeExtension::Smoothed)
                    .map_or(OwnedCell::Absent, OwnedCell::Float);
            }
            (Some(extension), false) => {
                self.extended_histogram(window, extension == RangeExtension::Smoothed, notes)
            }
            (None, true) => {
                return self
                    .floats(&window.floats, window, notes)
                    .map_or(OwnedCell::Absent, OwnedCell::Float);
            }
            (None, false) => self.histograms(&window.histograms, window, notes),
        };
        value.map_or(OwnedCell::Absent, |h| OwnedCell::Histogram(Arc::new(h)))
    }

    /// Whether the first sample's start is inside of the window: the counter was zero then.
    fn start_inside<V>(&self, run: &Run<'_, V>, window: &Window<'_>) -> Option<i64> {
        let start = run.start(0);
        (self.counter && start != 0 && start > window.start_ms && start < run.times[0])
            .then_some(start)
    }

    /// The factor of the extrapolation, where there are samples enough.
    fn factor<V>(&self, run: &Run<'_, V>, window: &Window<'_>, share: Option<f64>) -> Option<f64> {
        let last = *run.times.last()?;
        let mut factor = match self.start_inside(run, window) {
            Some(start) => {
                let sampled = (last - start) as f64 / 1000.0;
                let mut to_end = (window.end_ms - last) as f64 / 1000.0;
                let between = if run.len() > 1 {
                    (last - run.times[0]) as f64 / 1000.0 / (run.len() - 1) as f64
                } else {
                    0.0
                };
                if to_end >= between * 1.1 {
                    to_end = between / 2.0;
                }
                if sampled == 0.0 {
                    1.0
                } else {
                    (sampled + to_end) / sampled
                }
            }
            None if run.len() < 2 => return None,
            None => Extrapolation {
                first_ms: run.times[0],
                last_ms: last,
                sample_count: run.len(),
                start_ms: window.start_ms,
                end_ms: window.end_ms,
            }
            .factor(share.filter(|_| self.counter)),
        };
        if self.per_second {
            factor /= self.window_s();
        }
        Some(factor)
    }

    fn floats(
        &self,
        run: &Run<'_, f64>,
        window: &Window<'_>,
        notes: &mut Annotations,
    ) -> Option<f64> {
        let first = *run.values.first()?;
        let mut change = run.values.last()? - first;
        if self.counter {
            if starts_overlap(run) {
                notes.add(Annotation::start_time_overlap(self.name, self.range));
            }
            for at in 1..run.len() {
                if run.values[at] < run.values[at - 1] || starts_reset(run, at - 1, at) {
                    change += run.values[at - 1];
                }
            }
        }
        let share = zero_share(first, change);
        let factor = self.factor(run, window, share)?;
        if self.start_inside(run, window).is_some() {
            change += first;
        }
        Some(change * factor)
    }

    fn histograms(
        &self,
        run: &Run<'_, Arc<FloatHistogram>>,
        window: &Window<'_>,
        notes: &mut Annotations,
    ) -> Option<FloatHistogram> {
        let first = run.values.first()?;
        let mut change = if run.len() > 1 {
            Some(self.histogram_change(run, notes)?)
        } else {
            None
        };
        let share = change
            .as_ref()
            .filter(|change| change.count > 0.0 && first.count >= 0.0)
            .map(|change| first.count / change.count);
        let factor = self.factor(run, window, share)?;
        if self.start_inside(run, window).is_some() {
            match &mut change {
                None => change = Some(FloatHistogram::clone(first)),
                Some(change) => self.add(change, first, notes)?,
            }
        }
        let mut change = change?;
        change.mul(factor);
        Some(change)
    }

    fn incompatible(&self, notes: &mut Annotations) {
        notes.add(Annotation::mixed_exponential_custom(self.name, self.range));
    }

    fn add(
        &self,
        sum: &mut FloatHistogram,
        other: &FloatHistogram,
        notes: &mut Annotations,
    ) -> Option<()> {
        let Ok(combined) = sum.add(other) else {
            self.incompatible(notes);
            return None;
        };
        if combined.bounds_reconciled {
            notes.add(Annotation::mismatched_custom_buckets(
                self.range,
                HistogramOperation::Addition,
            ));
        }
        Some(())
    }

    fn sub(
        &self,
        from: &mut FloatHistogram,
        other: &FloatHistogram,
        notes: &mut Annotations,
    ) -> Option<()> {
        let Ok(combined) = from.sub(other) else {
            self.incompatible(notes);
            return None;
        };
        if combined.bounds_reconciled {
            notes.add(Annotation::mismatched_custom_buckets(
                self.range,
                HistogramOperation::Subtraction,
            ));
        }
        Some(())
    }

    /// The change from the first to the last of at least two histograms, with resets corrected.
    fn histogram_change(
        &self,
        run: &Run<'_, Arc<FloatHistogram>>,
        notes: &mut Annotations,
    ) -> Option<FloatHistogram> {
        let values = run.values;
        let (first, last) = (values.first()?, values.last()?);
        let not_counter = |h: &FloatHistogram| self.counter && is_gauge(h);
        if not_counter(first) || not_counter(last) {
            notes.add(Annotation::histogram_not_counter(self.name, self.range));
        }
        // A first sample before a reset does not count, and its buckets may be of any kind.
        let second = &values[1];
        let nothing = FloatHistogram {
            schema: second.schema,
            custom_values: second.custom_values.clone(),
            ..FloatHistogram::default()
        };
        let first_counts =
            !self.counter || !(starts_reset(run, 0, 1) || second.detect_reset(first));
        let first: &FloatHistogram = if first_counts { first } else { &nothing };
        let custom = first.uses_custom_buckets();
        if last.uses_custom_buckets() != custom {
            self.incompatible(notes);
            return None;
        }
        let mut schema = last.schema.min(first.schema);
        if self.counter {
            for histogram in &values[1..values.len() - 1] {
                if is_gauge(histogram) {
                    notes.add(Annotation::histogram_not_counter(self.name, self.range));
                }
                schema = schema.min(histogram.schema);
                if histogram.uses_custom_buckets() != custom {
                    self.incompatible(notes);
                    return None;
                }
            }
        }
        let mut change = FloatHistogram::clone(last);
        change.reduce_resolution(schema);
        self.sub(&mut change, first, notes)?;
        if self.counter {
            if starts_overlap(run) {
                notes.add(Annotation::start_time_overlap(self.name, self.range));
            }
            let mut previous = first;
            for (at, current) in values.iter().enumerate().skip(1) {
                if starts_reset(run, at - 1, at) || current.detect_reset(previous) {
                    self.add(&mut change, previous, notes)?;
                }
                previous = current;
            }
        } else if !is_gauge(&values[0]) || !is_gauge(last) {
            notes.add(Annotation::histogram_not_gauge(self.name, self.range));
        }
        change.counter_reset = bellwether_model::CounterReset::Gauge;
        change.compact();
        Some(change)
    }

    fn extended(&self, window: &Window<'_>, smoothed: bool) -> Option<f64> {
        let (times, values) = (window.floats.times, window.floats.values);
        let (first, last) = ends(times, window.start_ms, window.end_ms, smoothed)?;
        let left = value_at(
            times,
            values,
            first,
            first + 1,
            window.start_ms,
            smoothed && times[first] < window.start_ms,
            self.counter,
        );
        let right = value_at(
            times,
            values,
            last.saturating_sub(1),
            last,
            window.end_ms,
            smoothed && last > 0 && times[last] > window.end_ms,
            self.counter,
        );
        let right = if smoothed && last > 0 && times[last] > window.end_ms {
            right
        } else {
            values[last]
        };
        let mut change = right - left;
        if self.counter && starts_within(&window.floats, first, window.start_ms) {
            change = right;
        }
        if self.counter {
            let mut previous = left;
            let inner = values[..last].iter().copied().enumerate().skip(first + 1);
            for (at, value) in inner.chain((first < last).then_some((last, right))) {
                // What is interpolated over a reset that only starts tell is of both counters.
                if value < previous || (!smoothed && starts_reset(&window.floats, at - 1, at)) {
                    change += previous;
                }
                previous = value;
            }
        }
        Some(if self.per_second {
            change / self.window_s()
        } else {
            change
        })
    }

    fn extended_histogram(
        &self,
        window: &Window<'_>,
        smoothed: bool,
        notes: &mut Annotations,
    ) -> Option<FloatHistogram> {
        let (times, values) = (window.histograms.times, window.histograms.values);
        let (first, last) = ends(times, window.start_ms, window.end_ms, smoothed)?;
        let used = &values[first..=last];
        for histogram in used {
            if histogram.uses_custom_buckets() != used[0].uses_custom_buckets() {
                self.incompatible(notes);
                return None;
            }
            if self.counter && is_gauge(histogram) {
                notes.add(Annotation::histogram_not_counter(self.name, self.range));
            }
        }
        let mut at = |a: usize, b: usize, time_ms: i64| {
            let part = (time_ms - times[a]) as f64 / (times[b] - times[a]) as f64;
            if time_ms == times[a] {
                return Some(FloatHistogram::clone(&values[a]));
            }
            if time_ms == times[b] {
                return Some(FloatHistogram::clone(&values[b]));
            }
            let found = interpolate_histograms(
                &values[a],
                &values[b],
                part,
                self.counter,
                notes,
                self.range,
            );
            if found.is_none() {
                notes.add(Annotation::mixed_exponential_custom(self.name, self.range));
            }
            found
        };
        let left_between = smoothed && times[first] < window.start_ms && first + 1 < values.len();
        let left = if left_between {
            at(first, first + 1, window.start_ms)?
        } else {
            FloatHistogram::clone(&values[first])
        };
        let right = if smoothed && last > 0 && times[last] > window.end_ms {
            at(last - 1, last, window.end_ms)?
        } else {
            FloatHistogram::clone(&values[last])
        };
        let gauges = is_gauge(&left) && is_gauge(&right);
        if !self.counter && !gauges {
            notes.add(Annotation::histogram_not_gauge(self.name, self.range));
        }
        let mut change = right.clone();
        if !(self.counter && starts_within(&window.histograms, first, window.start_ms)) {
            self.sub(&mut change, &left, notes)?;
        }
        if self.counter {
            self.correct_resets(
                &mut change,
                &window.histograms,
                (first, last),
                (&left, &right),
                (smoothed, left_between),
                notes,
            )?;
        }
        if self.per_second {
            change.div(self.window_s());
        }
        change.counter_reset = bellwether_model::CounterReset::Gauge;
        change.compact();
        Some(change)
    }

    /// Adds what was lost in resets between the ends of an extended window.
    fn correct_resets(
        &self,
        change: &mut FloatHistogram,
        run: &Run<'_, Arc<FloatHistogram>>,
        (first, last): (usize, usize),
        (left, right): (&FloatHistogram, &FloatHistogram),
        (smoothed, left_between): (bool, bool),
        notes: &mut Annotations,
    ) -> Option<()> {
        // The first sample is `left`, the last is `right`: both are compared as such. A reset between
        // the first two that the interpolation has gone over is corrected there already.
        let values = run.values;
        let mut from = first + 1;
        let mut previous = left;
        if left_between && values[first + 1].detect_reset(&values[first]) {
            previous = &values[first + 1];
            from += 1;
        }
        if from > last {
            return Some(());
        }
        let inner = values[..last]
            .iter()
            .map(AsRef::as_ref)
            .enumerate()
            .skip(from);
        let mut correction: Option<FloatHistogram> = None;
        for (at, current) in inner.chain([(last, right)]) {
            // As in windows of floats.
            let is_start = !smoothed && starts_reset(run, at - 1, at);
            if is_start || current.detect_reset(previous) {
                match &mut correction {
                    None => correction = Some(previous.clone()),
                    Some(correction) => self.add(correction, previous, notes)?,
                }
            }
            previous = current;
        }
        match correction {
            Some(correction) => self.add(change, &correction, notes),
            None => Some(()),
        }
    }
}

/// The first and last sample that an extended window uses: from the newest one not after its
/// start, to its last one, or (`smoothed`) to the first one not before its end.
fn ends(times: &[i64], start_ms: i64, end_ms: i64, smoothed: bool) -> Option<(usize, usize)> {
    let mut last = times.len().checked_sub(1)?;
    let first = times[..last]
        .partition_point(|&t| t <= start_ms)
        .saturating_sub(1);
    if smoothed {
        last = times[..last].partition_point(|&t| t < end_ms);
    }
    if times[last] <= start_ms || (smoothed && times[first] > end_ms) {
        return None;
    }
    Some((first, last))
}

/// The value at a time between two samples, or that of the first one.
fn value_at(
    times: &[i64],
    values: &[f64],
    a: usize,
    b: usize,
    time_ms: i64,
    between: bool,
    counter: bool,
) -> f64 {
    if !between || b >= values.len() {
        return values[a];
    }
    let (mut from, to) = (values[a], values[b]);
    if counter && to < from {
        from = 0.0;
    }
    from + (to - from) * (time_ms - times[a]) as f64 / (times[b] - times[a]) as f64
}

/// What an extended range selector shows by itself: a sample at each end of the window, and those
/// inside.
pub(crate) fn extended_samples(
    times: &[i64],
    values: &[f64],
    (start_ms, end_ms): (i64, i64),
    smoothed: bool,
    out: &mut Samples,
) {
    let Some(mut last) = times.len().checked_sub(1) else {
        return;
    };
    let mut first = times[..last]
        .partition_point(|&t| t <= start_ms)
        .saturating_sub(1);
    if smoothed {
        last = times[..last].partition_point(|&t| t < end_ms);
    }
    if times[last] <= start_ms {
        return;
    }
    let left = value_at(
        times,
        values,
        first,
        first + 1,
        start_ms,
        smoothed && times[first] < start_ms,
        false,
    );
    let right = if smoothed && last > 0 && times[last] > end_ms {
        value_at(times, values, last - 1, last, end_ms, true, false)
    } else {
        values[last]
    };
    if times[first] <= start_ms {
        first += 1;
    }
    let end = if times[last] >= end_ms {
        last
    } else {
        last + 1
    };
    out.push_float(start_ms, left);
    for at in first..end {
        out.push_float(times[at], values[at]);
    }
    out.push_float(end_ms, right);
}

/// `irate` or `idelta` of one window.
pub(crate) fn last_two(
    window: &Window<'_>,
    rate: bool,
    name: &str,
    range: PosRange,
    notes: &mut Annotations,
) -> OwnedCell {
    // The last two samples of both kinds together.
    let (floats, histograms) = (&window.floats, &window.histograms);
    let mut latest: Vec<(i64, bool, usize)> = Vec::with_capacity(4);
    latest
        .extend((floats.len().saturating_sub(2)..floats.len()).map(|i| (floats.times[i], true, i)));
    latest.extend(
        (histograms.len().saturating_sub(2)..histograms.len())
            .map(|i| (histograms.times[i], false, i)),
    );
    latest.sort_unstable();
    let [.., before, last] = latest.as_slice() else {
        return OwnedCell::Absent;
    };
    let seconds = (last.0 - before.0) as f64 / 1000.0;
    if seconds == 0.0 {
        return OwnedCell::Absent;
    }
    match (before.1, last.1) {
        (true, true) => {
            let (a, b) = (floats.values[before.2], floats.values[last.2]);
            let reset = rate && (b < a || starts_reset(floats, before.2, last.2));
            let change = if reset { b } else { b - a };
            OwnedCell::Float(if rate { change / seconds } else { change })
        }
        (false, false) => {
            let (a, b) = (&histograms.values[before.2], &histograms.values[last.2]);
            if rate && (is_gauge(a) || is_gauge(b)) {
                notes.add(Annotation::histogram_not_counter(name, range));
            }
            let gauges = is_gauge(a) && is_gauge(b);
            if !rate && !gauges {
                notes.add(Annotation::histogram_not_gauge(name, range));
            }
            let mut change = FloatHistogram::clone(b);
            let reset = rate && (starts_reset(histograms, before.2, last.2) || b.detect_reset(a));
            if !reset {
                match change.sub(a) {
                    Err(_) => {
                        notes.add(Annotation::mixed_exponential_custom(name, range));
                        return OwnedCell::Absent;
                    }
                    Ok(combined) if combined.bounds_reconciled => {
                        notes.add(Annotation::mismatched_custom_buckets(
                            range,
                            HistogramOperation::Subtraction,
                        ));
                    }
                    Ok(_) => {}
                }
            }
            change.counter_reset = bellwether_model::CounterReset::Gauge;
            change.compact();
            if rate {
                change.div(seconds);
            }
            OwnedCell::Histogram(Arc::new(change))
        }
        _ => {
            notes.add(Annotation::mixed_floats_histograms(name, range));
            OwnedCell::Absent
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::column::Grid;
    use super::super::window::WindowShape;
    use super::*;

    /// Values where the first and the change decide: small counters, resets, gauges, extremes.
    fn any_value() -> impl Strategy<Value = f64> {
        prop_oneof![
            6 => (0u32..40).prop_map(f64::from),
            2 => -1e3..1e6f64,
            1 => Just(5e-324),
            1 => Just(1e308),
            1 => Just(f64::INFINITY),
            1 => Just(f64::NAN),
        ]
    }

    proptest! {
        #[test]
        fn sliding_gives_the_digits_of_each_window(
            samples in prop::collection::vec(
                (prop_oneof![8 => Just(15_000i64), 2 => 1i64..60_000], any_value()), 0..60),
            offset in 0i64..15_000,
            window_ms in 1i64..400_000,
            step_ms in prop_oneof![Just(15_000i64), 1_000i64..60_000],
            counter in any::<bool>(),
            per_second in any::<bool>(),
        ) {
            let mut time = offset;
            let (times, values): (Vec<i64>, Vec<f64>) = samples
                .iter()
                .map(|(gap, value)| {
                    time += gap;
                    (time, *value)
                })
                .unzip();
            let shape = WindowShape {
                window_ms,
                offset_ms: 0,
                at_ms: None,
                extension: None,
                lookback_ms: 300_000,
            };
            let grid = Grid { start_ms: 0, step_ms, count: 40 };
            let mut out = Vec::new();
            let work = Slide { times: &times, values: &values, shape: &shape, grid: &grid };
            slide(&work, counter, per_second, &mut out);
            prop_assert_eq!(out.len(), grid.count);
            let call = RateCall {
                counter,
                per_second,
                window_ms,
                extension: None,
                name: "",
                range: PosRange::default(),
            };
            let none = Run { times: &[], values: &[], starts: &[] };
            for (step, found) in out.iter().enumerate() {
                let (start_ms, end_ms) = shape.bounds(grid.time(step));
                let from = times.partition_point(|&t| t <= start_ms);
                let to = times.partition_point(|&t| t <= end_ms);
                let run = Run { times: &times[from..to], values: &values[from..to], starts: &[] };
                let window = Window { floats: run, histograms: none, start_ms, end_ms };
                let one = call.floats(&run, &window, &mut Annotations::default());
                let want = one.map_or(ABSENT, guard);
                let same = found.to_bits() == want.to_bits()
                    || (one.is_some_and(f64::is_nan) && found.is_nan());
                prop_assert!(same, "step {}: {} instead of {}", step, found, want);
            }
        }
    }
}
