//! Means of two windows, and how far apart they usually lie.

use std::ops::Range;

/// Deviations below which a growth is as good as none. Chosen: so much is seen by chance once in
/// twenty times.
const NOISE: f64 = 2.0;
/// Larger numbers are no measurements: squares of smaller ones, weighted by others, are finite.
const LARGEST: f64 = 1e60;
/// A slope counts that is as many of its deviations away from 0.
const SLOPE_MIN: f64 = 4.0;

/// The means of a value before and after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Growth {
    /// NaN where nothing is known.
    pub(super) before: f64,
    pub(super) after: f64,
    /// The deviation that their difference has while nothing happens.
    pub(super) noise: f64,
}

impl Growth {
    /// Steps count by their weights; without weights each is as good.
    pub(super) fn of(
        values: &[f64],
        weights: &[f64],
        before: &Range<usize>,
        after: &Range<usize>,
    ) -> Self {
        let mean_before = mean(values, weights, before.clone());
        let mean_after = mean(values, weights, after.clone());
        // How much means of windows as long as the later one differ from that of all.
        let width = after.len().min(before.len());
        let stride = (width / 2).max(1);
        let (mut squares, mut count) = (0.0, 0.0);
        let mut begin = before.start;
        while begin + width <= before.end {
            let apart = mean(values, weights, begin..begin + width) - mean_before;
            if apart.is_finite() {
                squares += apart * apart;
                count += 1.0;
            }
            begin += stride;
        }
        // Windows overlap by half, and their mean is known from them.
        let blocks = before.len() as f64 / width.max(1) as f64;
        let between = if count > 0.0 {
            squares / count * (1.0 + 2.0 / blocks)
        } else {
            0.0
        };
        let within = scatter(values, weights, before) + scatter(values, weights, after);
        Self {
            before: mean_before,
            after: mean_after,
            noise: between.max(within).sqrt(),
        }
    }

    pub(super) fn before_or_0(&self) -> f64 {
        if self.before.is_finite() {
            self.before
        } else {
            0.0
        }
    }

    pub(super) fn after_or_0(&self) -> f64 {
        if self.after.is_finite() {
            self.after
        } else {
            0.0
        }
    }

    /// The growth less what noise makes, as the positive part of a James–Stein estimate.
    pub(super) fn certain(&self) -> f64 {
        let growth = self.after_or_0() - self.before_or_0();
        let apart = growth / self.noise;
        if apart.is_nan() || self.noise <= 0.0 {
            return growth;
        }
        growth * (1.0 - (NOISE / apart).powi(2)).max(0.0)
    }
}

/// How a value follows the load over a window: the slope of a straight line, 0 unless certain.
pub(super) fn follows(values: &[f64], load: &[f64], window: &Range<usize>) -> f64 {
    let known: Vec<(f64, f64)> = window
        .clone()
        .map(|at| (load[at], values[at]))
        .filter(|(load, value)| is_known(*load) && is_known(*value))
        .collect();
    let count = known.len() as f64;
    if count < 8.0 {
        return 0.0;
    }
    let middle_load = known.iter().map(|it| it.0).sum::<f64>() / count;
    let middle = known.iter().map(|it| it.1).sum::<f64>() / count;
    let (mut both, mut squares, mut all) = (0.0, 0.0, 0.0);
    for (load, value) in known {
        both += (load - middle_load) * (value - middle);
        squares += (load - middle_load).powi(2);
        all += (value - middle).powi(2);
    }
    let slope = both / squares;
    let rest = (all - slope * both).max(0.0) / (count - 2.0);
    let deviation = (rest / squares).sqrt();
    if slope.is_finite() && slope > SLOPE_MIN * deviation {
        slope
    } else {
        0.0
    }
}

fn is_known(value: f64) -> bool {
    value.abs() <= LARGEST
}

fn mean(values: &[f64], weights: &[f64], window: Range<usize>) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for at in window {
        let weight = weights.get(at).copied().unwrap_or(1.0);
        if is_known(values[at]) && is_known(weight) && weight > 0.0 {
            sum += weight * values[at];
            total += weight;
        }
    }
    sum / total
}

/// The variance of a window's mean if its steps do not depend on one another.
fn scatter(values: &[f64], weights: &[f64], window: &Range<usize>) -> f64 {
    let middle = mean(values, weights, window.clone());
    let (mut squares, mut total, mut count) = (0.0, 0.0, 0.0);
    for at in window.clone() {
        let weight = weights.get(at).copied().unwrap_or(1.0);
        if is_known(values[at]) && is_known(weight) && weight > 0.0 {
            squares += weight * (values[at] - middle).powi(2);
            total += weight;
            count += 1.0;
        }
    }
    if count > 1.0 {
        squares / total / (count - 1.0)
    } else {
        0.0
    }
}
