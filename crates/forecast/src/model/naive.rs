//! The models that any other has to beat.

use super::{Model, Past};

/// The last value stays.
#[derive(Debug)]
pub(super) struct LastValue;

impl Model for LastValue {
    fn lookback(&self) -> usize {
        1
    }

    fn forecast(&self, past: &[f64], out: &mut [f64]) {
        out.fill(past.last().copied().unwrap_or(0.0));
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// What was a season ago comes again.
#[derive(Debug)]
pub(super) struct SeasonalNaive {
    season: usize,
}

impl SeasonalNaive {
    pub(super) fn fit(season: usize, past: Past<'_>) -> Option<Self> {
        (season > 0 && past.values.len() > season).then_some(Self { season })
    }
}

impl Model for SeasonalNaive {
    fn lookback(&self) -> usize {
        self.season
    }

    fn forecast(&self, past: &[f64], out: &mut [f64]) {
        let cycle = past[past.len().saturating_sub(self.season)..]
            .iter()
            .cycle();
        for (out, value) in out.iter_mut().zip(cycle) {
            *out = *value;
        }
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// The mean slope of the past goes on.
#[derive(Debug)]
pub(super) struct Drift {
    slope: f64,
}

impl Drift {
    pub(super) fn fit(past: Past<'_>) -> Self {
        let slope = match past.values {
            [first, .., last] => (last - first) / (past.values.len() - 1) as f64,
            _ => 0.0,
        };
        Self { slope }
    }
}

impl Model for Drift {
    fn lookback(&self) -> usize {
        1
    }

    fn forecast(&self, past: &[f64], out: &mut [f64]) {
        let last = past.last().copied().unwrap_or(0.0);
        for (at, out) in out.iter_mut().enumerate() {
            *out = last + self.slope * (at + 1) as f64;
        }
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
    }
}
