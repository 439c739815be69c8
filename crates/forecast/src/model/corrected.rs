//! An autoregression of the errors that a model makes one step ahead, on top of it.

use super::{Model, Past};
use crate::linear::{Rows, dot};

/// How many errors are looked at.
const ORDER: usize = 3;
const RIDGE: f64 = 0.05;
/// The part of the past that the errors are taken from: after it the model has seen enough.
const WARM_UP: f64 = 0.5;

/// Another model, and what its last errors tell of the next.
#[derive(Debug)]
pub(super) struct Corrected {
    inner: Box<dyn Model>,
    coefficients: [f64; ORDER],
    /// The last errors, newest first.
    errors: [f64; ORDER],
}

impl Corrected {
    /// `refit` makes the same model for the first half of the past: its errors on the rest are learnt from.
    pub(super) fn fit(
        past: Past<'_>,
        inner: Box<dyn Model>,
        refit: impl Fn(Past<'_>) -> Option<Box<dyn Model>>,
    ) -> Option<Self> {
        let count = past.values.len();
        let start = (count as f64 * WARM_UP) as usize;
        let mut model = refit(past.until(start))?;
        let mut rows = Rows::new(ORDER);
        let mut errors = [0.0; ORDER];
        for at in start..count {
            let error = error_at(model.as_ref(), past, at);
            if past.present[at] {
                rows.add(error, 1.0, |row| row.extend(errors));
            }
            errors.rotate_right(1);
            errors[0] = error;
            model.update(&past.values[..=at], past.present[at]);
        }
        let fitted = rows.fit(RIDGE, ORDER)?;
        let mut coefficients = [0.0; ORDER];
        coefficients.copy_from_slice(&fitted);
        let size: f64 = coefficients.iter().map(|part| part.abs()).sum();
        if size > 0.98 {
            // Errors must die out.
            coefficients
                .iter_mut()
                .for_each(|part| *part *= 0.98 / size);
        }
        Some(Self {
            inner,
            coefficients,
            errors,
        })
    }
}

fn error_at(model: &dyn Model, past: Past<'_>, at: usize) -> f64 {
    if !past.present[at] {
        return 0.0;
    }
    let mut next = [0.0];
    model.forecast(&past.values[..at], &mut next);
    past.values[at] - next[0]
}

impl Model for Corrected {
    fn update(&mut self, past: &[f64], present: bool) {
        let error = match past {
            [before @ .., value] if present && !before.is_empty() => {
                let mut next = [0.0];
                self.inner.forecast(before, &mut next);
                value - next[0]
            }
            _ => 0.0,
        };
        self.errors.rotate_right(1);
        self.errors[0] = error;
        self.inner.update(past, present);
    }

    fn lookback_update(&self) -> usize {
        (self.inner.lookback() + 1).max(self.inner.lookback_update())
    }

    fn lookback(&self) -> usize {
        self.inner.lookback()
    }

    fn forecast(&self, past: &[f64], out: &mut [f64]) {
        self.inner.forecast(past, out);
        let mut errors = self.errors;
        for out in out {
            let next = dot(&self.coefficients, &errors);
            errors.rotate_right(1);
            errors[0] = next;
            *out += next;
        }
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.inner.bytes()
    }
}
