//! The past of a series made ready for models: gaps filled, numbers near 1.

/// How fast a filled gap returns from the last values to the season.
const RETURN: f64 = 0.9;

/// Below this, in units of the largest value, logarithms say nothing.
const POSITIVE_MIN: f64 = 1e-9;
/// The range of nine values in ten says what is usual: beyond it by its own ratio, or by this factor
/// where that is more, a value is odd: the rest of a cell that was half collected, a counter's hiccup.
const ODD_FACTOR_MIN: f64 = 3.0;
/// Measured values that say what is usual, at least.
const USUAL_MIN: usize = 24;
/// So many odd values in a row count as missing; what lasts longer is true.
const ODD_RUN: usize = 3;

/// Filled values, and which of them were measured.
#[derive(Debug, Clone)]
pub(crate) struct History {
    /// What values were divided by.
    pub(crate) unit: f64,
    pub(crate) values: Vec<f64>,
    pub(crate) present: Vec<bool>,
    /// Bounds beyond which a value is odd; only positive series have some.
    bounds: Option<(f64, f64)>,
    /// How many of the last values were odd.
    odd: usize,
}

impl History {
    /// From values of which those that are not finite are missing; what comes before the first and
    /// after the last measured one is left away. `None` if nothing is measured.
    pub(crate) fn new(values: &[f64], season: Option<usize>) -> Option<Self> {
        let first = values.iter().position(|value| value.is_finite())?;
        let values = &values[first..];
        let unit = values
            .iter()
            .filter(|value| value.is_finite())
            .fold(0.0, |most: f64, value| most.max(value.abs()));
        let unit = if unit > 0.0 { unit } else { 1.0 };
        let mut history = Self {
            unit,
            values: Vec::with_capacity(values.len()),
            present: Vec::with_capacity(values.len()),
            bounds: usual(values, unit),
            odd: 0,
        };
        for value in values {
            history.push(*value, season);
        }
        Some(history)
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Appends the next value, in the unit of the series; a guess if it is missing.
    pub(crate) fn push(&mut self, value: f64, season: Option<usize>) {
        let value = value / self.unit;
        let odd = self
            .bounds
            .is_some_and(|(low, high)| value < low || value > high);
        self.odd = if odd { self.odd + 1 } else { 0 };
        let present = value.is_finite() && !(1..=ODD_RUN).contains(&self.odd);
        let value = if present {
            value
        } else {
            let measured = self.present.iter().rev().position(|present| *present);
            self.guess(season, measured.unwrap_or(0) + 1)
        };
        self.values.push(value);
        self.present.push(present);
    }

    /// As values in the unit of the series, with NaN for what was not measured.
    pub(crate) fn measured(&self) -> Vec<f64> {
        let each = self.values.iter().zip(&self.present);
        each.map(|(value, present)| {
            if *present {
                value * self.unit
            } else {
                f64::NAN
            }
        })
        .collect()
    }

    /// The least and the largest value.
    pub(crate) fn range(&self) -> (f64, f64) {
        let all = self.values.iter();
        all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(*value), high.max(*value))
        })
    }

    /// Makes room for so many values in all, and no more.
    pub(crate) fn reserve(&mut self, count: usize) {
        self.values
            .reserve_exact(count.saturating_sub(self.values.len()));
        self.present
            .reserve_exact(count.saturating_sub(self.present.len()));
    }

    /// Forgets the first values.
    pub(crate) fn forget(&mut self, count: usize) {
        self.values.drain(..count.min(self.values.len()));
        self.present.drain(..count.min(self.present.len()));
    }

    /// Memory in bytes, without the struct itself.
    pub(crate) fn bytes(&self) -> usize {
        self.values.capacity() * size_of::<f64>() + self.present.capacity()
    }

    /// Logarithms of the last values; `None` if one of them is not positive, in a series that has
    /// such values not only by accident.
    pub(crate) fn log(&self, count: usize) -> Option<Vec<f64>> {
        let tail = &self.values[self.len().saturating_sub(count)..];
        let floor = self.bounds.map_or(f64::NEG_INFINITY, |(low, _)| low);
        let positive = tail.iter().all(|value| value.max(floor) > POSITIVE_MIN);
        positive.then(|| tail.iter().map(|value| value.max(floor).ln()).collect())
    }

    /// The next value, while nobody has measured `missing` of them: from the last one towards the season.
    fn guess(&self, season: Option<usize>, missing: usize) -> f64 {
        let count = self.values.len();
        let Some(&last) = self.values.last() else {
            return 0.0;
        };
        match season {
            Some(season) if season < count => {
                let cycle_ago = self.values[count - season];
                cycle_ago + RETURN.powf(missing as f64) * (last - self.values[count - season - 1])
            }
            _ => last,
        }
    }
}

/// Bounds beyond which a value is odd, in `unit`.
fn usual(values: &[f64], unit: f64) -> Option<(f64, f64)> {
    let mut sorted: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .collect();
    if sorted.len() < USUAL_MIN {
        return None;
    }
    sorted.sort_unstable_by(f64::total_cmp);
    let low = sorted[sorted.len() / 20] / unit;
    let high = sorted[sorted.len() - 1 - sorted.len() / 20] / unit;
    let ratio = (high / low).max(ODD_FACTOR_MIN);
    (low > POSITIVE_MIN).then(|| (low / ratio, high * ratio))
}
