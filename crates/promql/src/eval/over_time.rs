//! Sums, extremes, quantiles and the like over windows.

use std::collections::VecDeque;
use std::sync::Arc;

use bellwether_model::histogram::{KahanHistogram, kahan_add};
use bellwether_model::{CounterReset, FloatHistogram};

use super::column::{ABSENT, OwnedCell, guard};
use super::functions::RangeFn;
use super::prediction;
use super::quantile::{quantile, sorted_quantile};
use super::range_call::Slide;
use crate::annotations::Annotations;
use crate::ast::PosRange;
use crate::{Annotation, HistogramOperation};

/// From this many samples a window on, keeping a structure beats looking at each sample again.
/// Measured on windows of scrapes 15 s apart.
const SLIDING_MIN: usize = 24;

/// A function of the floats of one window, which has at least one. `args` are its other arguments.
pub(crate) fn of_floats(
    function: RangeFn,
    times: &[i64],
    values: &[f64],
    time_ms: i64,
    args: [f64; 2],
) -> Option<f64> {
    Some(match function {
        RangeFn::CountOverTime => values.len() as f64,
        RangeFn::PresentOverTime | RangeFn::AbsentOverTime => 1.0,
        RangeFn::FirstOverTime => *values.first()?,
        RangeFn::LastOverTime => *values.last()?,
        RangeFn::TsOfFirstOverTime => *times.first()? as f64 / 1000.0,
        RangeFn::TsOfLastOverTime => *times.last()? as f64 / 1000.0,
        RangeFn::SumOverTime => sum(values),
        RangeFn::AvgOverTime => average(values),
        RangeFn::MaxOverTime => extreme(values, f64::NEG_INFINITY, |a, b| a > b),
        RangeFn::MinOverTime => extreme(values, f64::INFINITY, |a, b| a < b),
        RangeFn::TsOfMaxOverTime => time_of_extreme(times, values, |a, b| a >= b),
        RangeFn::TsOfMinOverTime => time_of_extreme(times, values, |a, b| a <= b),
        RangeFn::StdvarOverTime => variance(values),
        RangeFn::StddevOverTime => variance(values).sqrt(),
        RangeFn::QuantileOverTime => quantile(args[0], &mut values.to_vec()),
        RangeFn::MadOverTime => median_deviation(values),
        RangeFn::Deriv => {
            if values.len() < 2 {
                return None;
            }
            // Times near zero keep precision.
            regression(times, values, times[0]).0
        }
        RangeFn::PredictLinear => {
            if values.len() < 2 {
                return None;
            }
            let (slope, intercept) = regression(times, values, time_ms);
            slope * args[0] + intercept
        }
        RangeFn::DoubleExponentialSmoothing => {
            if values.len() < 2 {
                return None;
            }
            smoothing(values, args[0], args[1])
        }
        RangeFn::AnomalyScore => prediction::anomaly_score(times, values),
        RangeFn::ForecastOverTime => {
            prediction::forecast_over_time(times, values, time_ms, args[0], args[1])?
        }
        RangeFn::Rate
        | RangeFn::Increase
        | RangeFn::Delta
        | RangeFn::Irate
        | RangeFn::Idelta
        | RangeFn::Changes
        | RangeFn::Resets => return None,
    })
}

fn sum(values: &[f64]) -> f64 {
    let (mut sum, mut rest) = (0.0, 0.0);
    for &value in values {
        (sum, rest) = kahan_add(value, sum, rest);
    }
    if sum.is_infinite() { sum } else { sum + rest }
}

/// The mean, by the sum as long as that does not overflow, else incrementally.
fn average(values: &[f64]) -> f64 {
    let Some((&first, others)) = values.split_first() else {
        return f64::NAN;
    };
    let (mut sum, mut rest, mut count) = (first, 0.0, 1.0);
    let mut mean = None;
    for &value in others {
        count += 1.0;
        let current = match mean {
            None => {
                let (next, next_rest) = kahan_add(value, sum, rest);
                if !next.is_infinite() {
                    (sum, rest) = (next, next_rest);
                    continue;
                }
                rest /= count - 1.0;
                sum / (count - 1.0)
            }
            Some(mean) => mean,
        };
        let weight = (count - 1.0) / count;
        let (next, next_rest) = kahan_add(value / count, weight * current, weight * rest);
        (mean, rest) = (Some(next), next_rest);
    }
    match mean {
        Some(mean) => mean + rest,
        None => sum / count + rest / count,
    }
}

/// The greatest or least value; NaN counts only where there is nothing else, and of equal ones the
/// first is taken, which zeros of both signs are. `worst` is what any number is at least as good as.
#[inline(always)]
fn extreme(values: &[f64], worst: f64, better: impl Fn(f64, f64) -> bool) -> f64 {
    // Lanes of their own do not wait for one another.
    let mut lanes = [worst; 8];
    let mut groups = values.chunks_exact(8);
    for group in &mut groups {
        for (best, &value) in lanes.iter_mut().zip(group) {
            *best = if better(value, *best) { value } else { *best };
        }
    }
    let mut best = worst;
    for &value in lanes.iter().chain(groups.remainder()) {
        best = if better(value, best) { value } else { best };
    }
    if best != 0.0 && best != worst {
        return best;
    }
    // Not a single number, or one of which there are two forms: rare, and worth a second look.
    let same = values.iter().find(|&&value| value == best);
    same.or(values.last()).copied().unwrap_or(f64::NAN)
}

fn time_of_extreme(times: &[i64], values: &[f64], better: impl Fn(f64, f64) -> bool) -> f64 {
    let (mut best, mut at) = (f64::NAN, 0);
    for (&time, &value) in times.iter().zip(values) {
        if better(value, best) || best.is_nan() {
            (best, at) = (value, time);
        }
    }
    at as f64 / 1000.0
}

fn variance(values: &[f64]) -> f64 {
    let (mut mean, mut mean_rest) = (0.0, 0.0);
    let (mut squares, mut squares_rest) = (0.0, 0.0);
    let mut count = 0.0;
    for &value in values {
        count += 1.0;
        let delta = value - (mean + mean_rest);
        (mean, mean_rest) = kahan_add(delta / count, mean, mean_rest);
        let term = delta * (value - (mean + mean_rest));
        (squares, squares_rest) = kahan_add(term, squares, squares_rest);
    }
    (squares + squares_rest) / count
}

fn median_deviation(values: &[f64]) -> f64 {
    if values.iter().any(|v| v.is_nan()) {
        return f64::NAN;
    }
    let mut values = values.to_vec();
    let median = quantile(0.5, &mut values);
    for value in &mut values {
        *value = (*value - median).abs();
    }
    quantile(0.5, &mut values)
}

/// Slope per second, and value at `origin_ms`, of the straight line with the least squares.
fn regression(times: &[i64], values: &[f64], origin_ms: i64) -> (f64, f64) {
    let first = values[0];
    if values.iter().all(|&value| value == first) {
        return if first.is_infinite() {
            (f64::NAN, f64::NAN)
        } else {
            (0.0, first)
        };
    }
    let n = values.len() as f64;
    let mut sums = [(0.0, 0.0); 4];
    for (&time, &y) in times.iter().zip(values) {
        let x = (time - origin_ms) as f64 / 1000.0;
        for (sum, term) in sums.iter_mut().zip([x, y, x * y, x * x]) {
            *sum = kahan_add(term, sum.0, sum.1);
        }
    }
    let [x, y, xy, xx] = sums.map(|(sum, rest)| sum + rest);
    let slope = (xy - x * y / n) / (xx - x * x / n);
    (slope, y / n - slope * x / n)
}

/// The last smoothed value of Holt's linear method.
fn smoothing(values: &[f64], factor: f64, trend_factor: f64) -> f64 {
    let mut before = 0.0;
    let mut smoothed = values[0];
    let mut trend = values[1] - values[0];
    for (index, &value) in values.iter().enumerate().skip(1) {
        if index > 1 {
            trend = trend_factor * (smoothed - before) + (1.0 - trend_factor) * trend;
        }
        let next = factor * value + (1.0 - factor) * (smoothed + trend);
        (before, smoothed) = (smoothed, next);
    }
    smoothed
}

/// The exact sum of two floats, as a rounded sum and what rounding took away.
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let part = sum - a;
    (sum, (a - (sum - part)) + (b - part))
}

/// Sums up to each sample with twice the digits of a float: the sum, and what rounding has taken
/// away from it so far (`Sum2` of Ogita, Rump and Oishi, "Accurate sum and dot product", 2005, with
/// every step kept). The two sums wait for themselves only, not for one another.
struct PrefixSums {
    high: Vec<f64>,
    low: Vec<f64>,
    /// Sums of windows below this have lost too many digits.
    least: f64,
}

impl PrefixSums {
    /// `None` where a value is not finite, or sums might overflow.
    fn new(values: &[f64]) -> Option<Self> {
        let mut high = Vec::with_capacity(values.len() + 1);
        let mut low = Vec::with_capacity(values.len() + 1);
        let (mut h, mut l) = (0.0f64, 0.0f64);
        let mut greatest = 0.0f64;
        high.push(h);
        low.push(l);
        for &value in values {
            let (sum, error) = two_sum(h, value);
            h = sum;
            l += error;
            greatest = greatest.max(h.abs());
            high.push(h);
            low.push(l);
        }
        // The error of `low` is below (n ε)² / 2 of the greatest sum, ε = 2⁻⁵³: twelve digits of
        // what is left are right at the worst, and all of them in practice.
        let rounding = values.len() as f64 * (f64::EPSILON / 2.0);
        (h.is_finite() && greatest < 1e300).then_some(Self {
            high,
            low,
            least: greatest * (rounding * rounding * 1e12).max(1e-15),
        })
    }

    /// The sum of a window, or `None` where so much cancels out that too few digits are left.
    fn sum(&self, from: usize, to: usize) -> Option<f64> {
        let (sum, error) = two_sum(self.high[to], -self.high[from]);
        let sum = sum + (error + (self.low[to] - self.low[from]));
        (sum.abs() >= self.least).then_some(sum)
    }
}

/// `sum_over_time` or `avg_over_time`.
pub(crate) fn slide_sum(slide: &Slide<'_>, mean: bool, out: &mut Vec<f64>) -> (u64, u64) {
    let exact = |from: usize, to: usize| {
        let values = &slide.values[from..to];
        if mean { average(values) } else { sum(values) }
    };
    let prefix = if slide.overlaps() && slide.typical_window() >= SLIDING_MIN {
        PrefixSums::new(slide.values)
    } else {
        None
    };
    slide.each(|_, from, to, _| {
        if from == to {
            out.push(ABSENT);
            return;
        }
        let value = match prefix.as_ref().and_then(|prefix| prefix.sum(from, to)) {
            Some(sum) if mean => sum / (to - from) as f64,
            Some(sum) => sum,
            None => exact(from, to),
        };
        out.push(guard(value));
    })
}

/// `max_over_time` or `min_over_time`; NaN counts only where there is nothing else.
#[inline(always)]
pub(crate) fn slide_extreme(
    slide: &Slide<'_>,
    worst: f64,
    better: impl Fn(f64, f64) -> bool,
    out: &mut Vec<f64>,
) -> (u64, u64) {
    let values = slide.values;
    if !slide.overlaps() || slide.typical_window() < SLIDING_MIN {
        return slide.each(|_, from, to, _| {
            out.push(if from == to {
                ABSENT
            } else {
                guard(extreme(&values[from..to], worst, &better))
            });
        });
    }
    // Positions of candidates: each is better than all after it, so that the first is the best.
    let mut candidates: VecDeque<usize> = VecDeque::new();
    let mut seen = 0;
    slide.each(|_, from, to, _| {
        if from == to {
            candidates.clear();
            seen = seen.max(to);
            out.push(ABSENT);
            return;
        }
        for position in seen.max(from)..to {
            let value = values[position];
            if value.is_nan() {
                continue;
            }
            while candidates
                .back()
                .is_some_and(|&last| !better(values[last], value))
            {
                candidates.pop_back();
            }
            candidates.push_back(position);
        }
        seen = seen.max(to);
        while candidates.front().is_some_and(|&first| first < from) {
            candidates.pop_front();
        }
        out.push(candidates.front().map_or(f64::NAN, |&best| values[best]));
    })
}

/// Counts the neighbours inside of each window of which `counts` holds.
#[inline(always)]
pub(crate) fn slide_count(
    slide: &Slide<'_>,
    counts: impl Fn(f64, f64) -> bool,
    out: &mut Vec<f64>,
) -> (u64, u64) {
    let mut prefix = Vec::with_capacity(slide.values.len());
    let mut count = 0u32;
    for (position, &value) in slide.values.iter().enumerate() {
        if position > 0 && counts(slide.values[position - 1], value) {
            count += 1;
        }
        prefix.push(count);
    }
    slide.each(|_, from, to, _| {
        out.push(if from == to {
            ABSENT
        } else {
            f64::from(prefix[to - 1] - prefix[from])
        });
    })
}

/// A number that sorts as the float does, NaN first: comparing whole numbers is much cheaper.
#[inline(always)]
fn sort_key(value: f64) -> u64 {
    if value.is_nan() {
        return 0;
    }
    let bits = value.to_bits();
    if bits >> 63 == 1 {
        !bits
    } else {
        bits | 1 << 63
    }
}

/// The float of a [`sort_key`].
#[inline(always)]
fn of_sort_key(key: u64) -> f64 {
    match key {
        0 => f64::NAN,
        key if key >> 63 == 1 => f64::from_bits(key & !(1 << 63)),
        key => f64::from_bits(!key),
    }
}

/// `quantile_over_time`, with the quantile of each step.
pub(crate) fn slide_quantile(
    slide: &Slide<'_>,
    quantiles: &[f64],
    out: &mut Vec<f64>,
) -> (u64, u64) {
    let at = |step: usize| quantiles.get(step).copied().unwrap_or(f64::NAN);
    let keep = slide.overlaps() && slide.typical_window() >= SLIDING_MIN;
    // The window, sorted. What leaves and enters it is found by halving.
    let mut sorted: Vec<u64> = Vec::new();
    let (mut first, mut end) = (0, 0);
    slide.each(|step, from, to, _| {
        if !keep || from >= end {
            sorted.clear();
            sorted.extend(slide.values[from..to].iter().map(|v| sort_key(*v)));
            sorted.sort_unstable();
        } else {
            for &value in &slide.values[first..from] {
                let key = sort_key(value);
                let place = sorted.partition_point(|other| *other < key);
                if place < sorted.len() {
                    sorted.remove(place);
                }
            }
            for &value in &slide.values[end..to] {
                let key = sort_key(value);
                sorted.insert(sorted.partition_point(|other| *other < key), key);
            }
        }
        (first, end) = (from, to);
        out.push(if from == to {
            ABSENT
        } else {
            let value = |position: usize| of_sort_key(sorted[position]);
            guard(sorted_quantile(at(step), sorted.len(), value))
        });
    })
}

/// The sum or mean of histograms.
pub(crate) fn sum_of_histograms(
    histograms: &[Arc<FloatHistogram>],
    mean: bool,
    name: &str,
    range: PosRange,
    notes: &mut Annotations,
) -> OwnedCell {
    let mut sum = HistogramSum::default();
    for histogram in histograms {
        if sum.add(histogram, mean).is_err() {
            notes.add(Annotation::mixed_exponential_custom(name, range));
            return OwnedCell::Absent;
        }
    }
    sum.note(range, notes);
    match sum.finish(mean) {
        Some(histogram) => OwnedCell::Histogram(Arc::new(histogram)),
        None => OwnedCell::Absent,
    }
}

/// A running sum of histograms that turns into a running mean before it overflows.
#[derive(Debug, Default, Clone)]
pub(crate) struct HistogramSum {
    sum: Option<Box<KahanHistogram>>,
    count: f64,
    is_mean: bool,
    reset_seen: bool,
    not_reset_seen: bool,
    reconciled: bool,
}

impl HistogramSum {
    /// About how many bytes of memory it takes beside itself.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.sum.as_ref().map_or(0, |sum| sum.memory_bytes())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sum.is_none()
    }

    /// Adds one. `mean` says whether an overflow can be avoided by dividing.
    pub(crate) fn add(
        &mut self,
        histogram: &FloatHistogram,
        mean: bool,
    ) -> Result<(), bellwether_model::histogram::IncompatibleSchemas> {
        match histogram.counter_reset {
            CounterReset::Reset => self.reset_seen = true,
            CounterReset::NotReset => self.not_reset_seen = true,
            CounterReset::Unknown | CounterReset::Gauge => {}
        }
        self.count += 1.0;
        let Some(sum) = &mut self.sum else {
            self.sum = Some(Box::new(KahanHistogram::new(histogram.clone())));
            return Ok(());
        };
        if !mean {
            self.reconciled |= sum.add(histogram)?.bounds_reconciled;
            return Ok(());
        }
        if !self.is_mean {
            let before = sum.clone();
            self.reconciled |= sum.add(histogram)?.bounds_reconciled;
            if !sum.has_overflow() {
                return Ok(());
            }
            *sum = before;
            sum.div(self.count - 1.0);
            self.is_mean = true;
        }
        sum.mul((self.count - 1.0) / self.count);
        let mut part = histogram.clone();
        part.div(self.count);
        self.reconciled |= sum.add(&part)?.bounds_reconciled;
        Ok(())
    }

    /// Adds another sum, from another thread.
    pub(crate) fn merge(
        &mut self,
        other: Self,
    ) -> Result<(), bellwether_model::histogram::IncompatibleSchemas> {
        let Some(theirs) = other.sum else {
            return Ok(());
        };
        self.reset_seen |= other.reset_seen;
        self.not_reset_seen |= other.not_reset_seen;
        self.reconciled |= other.reconciled;
        let Some(sum) = &mut self.sum else {
            *self = Self {
                sum: Some(theirs),
                reset_seen: self.reset_seen,
                not_reset_seen: self.not_reset_seen,
                reconciled: self.reconciled,
                ..other
            };
            return Ok(());
        };
        let count = self.count + other.count;
        let mut theirs = theirs.finish();
        if self.is_mean || other.is_mean {
            if self.is_mean {
                sum.mul(self.count / count);
            } else {
                sum.div(count);
            }
            if other.is_mean {
                theirs.mul(other.count / count);
            } else {
                theirs.div(count);
            }
            self.is_mean = true;
        }
        self.count = count;
        self.reconciled |= sum.add(&theirs)?.bounds_reconciled;
        Ok(())
    }

    /// Notes contradictions between the histograms.
    pub(crate) fn note(&self, range: PosRange, notes: &mut Annotations) {
        if self.reset_seen && self.not_reset_seen {
            notes.add(Annotation::counter_reset_collision(
                range,
                HistogramOperation::Aggregation,
            ));
        }
        if self.reconciled {
            notes.add(Annotation::mismatched_custom_buckets(
                range,
                HistogramOperation::Aggregation,
            ));
        }
    }

    /// The sum, or the mean.
    pub(crate) fn finish(self, mean: bool) -> Option<FloatHistogram> {
        let mut sum = self.sum?;
        if mean && !self.is_mean {
            sum.div(self.count);
        }
        let mut histogram = sum.finish();
        histogram.compact();
        Some(histogram)
    }
}

#[cfg(test)]
mod tests;
