//! The past of a series made ready for models: gaps filled, numbers near 1.

/// How fast a filled gap returns from the last values to the season.
const RETURN: f64 = 0.9;

/// Below this, in units of the largest value, logarithms say nothing.
const POSITIVE_MIN: f64 = 1e-9;

/// Filled values, and which of them were measured.
#[derive(Debug, Clone)]
pub(crate) struct History {
    /// What values were divided by.
    pub(crate) unit: f64,
    pub(crate) values: Vec<f64>,
    pub(crate) present: Vec<bool>,
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
        let present = value.is_finite();
        let value = if present {
            value / self.unit
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
        each.map(|(value, present)| if *present { value * self.unit } else { f64::NAN })
            .collect()
    }

    /// The least and the largest value.
    pub(crate) fn range(&self) -> (f64, f64) {
        let all = self.values.iter();
        all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(*value), high.max(*value))
        })
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

    /// Logarithms of the last values; `None` if one of them is not positive.
    pub(crate) fn log(&self, count: usize) -> Option<Vec<f64>> {
        let tail = &self.values[self.len().saturating_sub(count)..];
        let positive = tail.iter().all(|value| *value > POSITIVE_MIN);
        positive.then(|| tail.iter().map(|value| value.ln()).collect())
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
