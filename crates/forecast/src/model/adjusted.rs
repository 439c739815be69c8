//! Seasons taken off before another model, and put on again after.
//!
//! The decomposition is that of MSTL (Bandara, Hyndman, Bergmeir, arXiv:2107.13462): for each season
//! in turn, what the other seasons and the trend leave is averaged over the cycles nearby. Averages
//! over a window stand where STL has local regressions, which makes it linear in the length; and a
//! season counts as much as it is more than noise, which STL leaves to the eye.

use super::{Model, Past};

const ROUNDS: usize = 2;

/// Patterns for the steps after `past`, a season each, and what is left of the past without seasons.
///
/// `cycles` before and after are averaged. `None` unless there are two cycles of each season.
pub(super) fn decompose(
    past: Past<'_>,
    seasons: &[usize],
    cycles: usize,
) -> Option<(Vec<Vec<f64>>, Vec<f64>)> {
    let count = past.values.len();
    let longest = *seasons.iter().max()?;
    if seasons.contains(&0) || longest * 2 > count {
        return None;
    }
    let mut parts = vec![vec![0.0; count]; seasons.len()];
    let mut left = past.values.to_vec();
    for _ in 0..ROUNDS {
        for (at, &season) in seasons.iter().enumerate() {
            for (left, part) in left.iter_mut().zip(&parts[at]) {
                *left += part;
            }
            let trend = moving_mean(&left, longest);
            let rough: Vec<f64> = left.iter().zip(&trend).map(|(a, b)| a - b).collect();
            let part = smooth_cycles(&rough, past.present, season, cycles);
            let level = moving_mean(&part, season);
            for ((slot, part), level) in parts[at].iter_mut().zip(&part).zip(&level) {
                *slot = part - level;
            }
            let share = share_beyond_noise(&rough, &parts[at], season, cycles);
            for (left, part) in left.iter_mut().zip(&mut parts[at]) {
                *part *= share;
                *left -= *part;
            }
        }
    }
    let patterns = parts
        .iter()
        .zip(seasons)
        .map(|(part, season)| part[count - season..].to_vec())
        .collect();
    Some((patterns, left))
}

/// Mean over `width` values around each; at the ends over the first or the last `width`.
fn moving_mean(values: &[f64], width: usize) -> Vec<f64> {
    let count = values.len();
    let width = width.clamp(1, count.max(1));
    let mut sum: f64 = values[..width.min(count)].iter().sum();
    let mut means = Vec::with_capacity(count);
    let mut from = 0;
    for at in 0..count {
        let wanted = at.saturating_sub(width / 2).min(count - width);
        while from < wanted {
            sum += values[from + width] - values[from];
            from += 1;
        }
        means.push(sum / width as f64);
    }
    means
}

/// For each value the mean of those whole cycles away, with less weight the farther.
fn smooth_cycles(values: &[f64], present: &[bool], season: usize, cycles: usize) -> Vec<f64> {
    let count = values.len();
    let weight_of = |away: usize| {
        let x = away as f64 / (cycles + 1) as f64;
        (1.0 - x * x * x).powi(3)
    };
    let weights: Vec<f64> = (0..=cycles.min(count / season)).map(weight_of).collect();
    let mean = |at: usize| {
        let (mut sum, mut total) = (0.0, 0.0);
        let mut take = |index: usize, weight: f64| {
            if present[index] {
                sum += weight * values[index];
                total += weight;
            }
        };
        let ago = (0..=at).rev().step_by(season);
        ago.zip(&weights)
            .for_each(|(index, weight)| take(index, *weight));
        let ahead = (at..count).step_by(season);
        ahead
            .zip(&weights)
            .skip(1)
            .for_each(|(index, weight)| take(index, *weight));
        if total > 0.0 { sum / total } else { 0.0 }
    };
    (0..count).map(mean).collect()
}

/// Which share of a pattern is more than what noise alone leaves after averaging (James and Stein).
fn share_beyond_noise(rough: &[f64], part: &[f64], season: usize, cycles: usize) -> f64 {
    let averaged = (rough.len() as f64 / season as f64).min(1.2 * cycles as f64 + 1.0);
    let square = |value: f64| value * value;
    let noise: f64 = rough.iter().zip(part).map(|(a, b)| square(a - b)).sum();
    let seen: f64 = part.iter().copied().map(square).sum();
    let noise = noise / (averaged - 1.0).max(1.0);
    if seen > 0.0 {
        (1.0 - noise / seen).max(0.0)
    } else {
        0.0
    }
}

/// A model of the series without its seasons.
#[derive(Debug)]
pub(super) struct Adjusted {
    /// A pattern a season, each beginning at the same step.
    patterns: Vec<Vec<f64>>,
    /// Steps since then.
    steps: usize,
    inner: Box<dyn Model>,
}

impl Adjusted {
    /// `patterns` begin anew with the first step after `steps`.
    pub(super) fn new(mut patterns: Vec<Vec<f64>>, steps: usize, inner: Box<dyn Model>) -> Self {
        for pattern in &mut patterns {
            let season = pattern.len();
            pattern.rotate_right(steps % season);
        }
        Self {
            patterns,
            steps,
            inner,
        }
    }

    fn seasonal(&self, step: usize) -> f64 {
        let of = |pattern: &Vec<f64>| pattern[step % pattern.len()];
        self.patterns.iter().map(of).sum()
    }

    /// The last values without their seasons.
    fn adjust(&self, past: &[f64], count: usize) -> Vec<f64> {
        let count = count.min(past.len()).min(self.steps);
        let tail = past[past.len() - count..].iter();
        tail.zip(self.steps - count..)
            .map(|(value, step)| value - self.seasonal(step))
            .collect()
    }
}

impl Model for Adjusted {
    fn update(&mut self, past: &[f64], present: bool) {
        self.steps += 1;
        let adjusted = self.adjust(past, self.inner.lookback_update());
        self.inner.update(&adjusted, present);
    }

    fn lookback_update(&self) -> usize {
        self.inner.lookback_update().max(1)
    }

    fn lookback(&self) -> usize {
        self.inner.lookback()
    }

    fn forecast(&self, past: &[f64], out: &mut [f64]) {
        self.inner
            .forecast(&self.adjust(past, self.inner.lookback()), out);
        for (out, step) in out.iter_mut().zip(self.steps..) {
            *out += self.seasonal(step);
        }
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
            + self
                .patterns
                .iter()
                .map(|pattern| pattern.len() * 8)
                .sum::<usize>()
            + self.inner.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_seasons_come_apart() {
        let daily = |at: usize| ((at % 6) as f64 - 2.5) * 3.0;
        let weekly = |at: usize| if at % 42 >= 30 { 10.0 } else { -4.0 };
        let values: Vec<f64> = (0..420).map(|at| 100.0 + daily(at) + weekly(at)).collect();
        let past = Past {
            values: &values,
            present: &[true; 420],
        };
        let (patterns, left) = decompose(past, &[6, 42], 99).unwrap();
        for at in 0..42 {
            let found = patterns[0][at % 6] + patterns[1][at];
            assert!(
                (found - daily(at) - weekly(at)).abs() < 0.1,
                "{at}: {found}"
            );
        }
        assert!(left.iter().all(|left| (left - 100.0).abs() < 0.1));
    }

    #[test]
    fn noise_has_no_season() {
        let values: Vec<f64> = (0..400u64)
            .map(|at| (at * at * 7919 % 1009) as f64 / 1009.0)
            .collect();
        let past = Past {
            values: &values,
            present: &[true; 400],
        };
        let (patterns, _) = decompose(past, &[24], 99).unwrap();
        assert!(
            patterns[0].iter().all(|value| value.abs() < 0.12),
            "{patterns:?}"
        );
    }
}
