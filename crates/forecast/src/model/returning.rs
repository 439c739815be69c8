//! The mean of the last cycles, and a damped return to it from where the series is now.

use super::{Model, Past};

/// The mean is smoothed over this part of a cycle to both sides: what repeats does so about then.
const SMOOTHED: usize = 24;
/// The way back is a third done, about, after this part of a cycle.
const RETURN: usize = 4;
/// Values whose mean is where the series is now.
const NOW: usize = 3;

/// A return to the mean of the last cycles.
#[derive(Debug)]
pub(super) struct Returning {
    season: usize,
    cycles: usize,
    /// The mean is moved to the level of the last cycle.
    levelled: bool,
}

impl Returning {
    pub(super) fn fit(
        past: Past<'_>,
        season: usize,
        cycles: usize,
        levelled: bool,
    ) -> Option<Self> {
        let enough = season > NOW && season * cycles <= past.values.len();
        enough.then_some(Self {
            season,
            cycles,
            levelled,
        })
    }
}

impl Model for Returning {
    fn lookback(&self) -> usize {
        self.season * self.cycles
    }

    fn forecast(&self, past: &[f64], out: &mut [f64]) {
        let season = self.season;
        let last = &past[past.len().saturating_sub(self.lookback())..];
        let mut rough = vec![0.0; season];
        let mut count = 0.0;
        for cycle in last.rchunks_exact(season) {
            count += 1.0;
            for (mean, value) in rough.iter_mut().zip(cycle) {
                *mean += (value - *mean) / count;
            }
        }
        let reach = season / SMOOTHED;
        let width = (2 * reach + 1) as f64;
        let mut sum: f64 = (0..=2 * reach).map(|at| rough[at % season]).sum();
        let mut pattern = vec![0.0; season];
        for at in 0..season {
            pattern[(at + reach) % season] = sum / width;
            sum += rough[(at + 2 * reach + 1) % season] - rough[at];
        }
        if self.levelled {
            let mean = |values: &[f64]| values.iter().sum::<f64>() / season as f64;
            let shift = mean(&last[last.len().saturating_sub(season)..]) - mean(&pattern);
            pattern.iter_mut().for_each(|value| *value += shift);
        }
        let now: f64 = last.iter().rev().take(NOW).sum();
        let usual: f64 = pattern.iter().rev().take(NOW).sum();
        let mut gap = (now - usual) / NOW as f64;
        let damping = (-(RETURN as f64) / season as f64).exp();
        for (out, usual) in out.iter_mut().zip(pattern.iter().cycle()) {
            gap *= damping;
            *out = usual + gap;
        }
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
    }
}
