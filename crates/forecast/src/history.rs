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
/// So many odd values in a row count as missing; what lasts longer is true …
const ODD_RUN: usize = 3;
/// … until it is over: so long an outage is nothing that models should learn from.
const OUTAGE_MAX: usize = 24;

/// Filled values, and which of them were measured.
#[derive(Debug, Clone)]
pub(crate) struct History {
    /// What values were divided by.
    pub(crate) unit: f64,
    pub(crate) values: Vec<f64>,
    pub(crate) present: Vec<bool>,
    /// Bounds beyond which a value is odd; only positive series have some.
    bounds: Option<(f64, f64)>,
    /// The last values as they were measured, where those are odd and few enough to be an accident.
    odd: Vec<f64>,
    /// How many of the last values were odd, where those are more than an accident has.
    lasts: Option<usize>,
    /// What is true and nothing for models, by number: how a lasting change began, and outages.
    kept: Vec<(usize, f64)>,
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
            odd: Vec::new(),
            lasts: None,
            kept: Vec::new(),
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
        let is_odd = self
            .bounds
            .is_some_and(|(low, high)| value.is_finite() && (value < low || value > high));
        match self.lasts {
            Some(count) if is_odd => self.lasts = Some(count + 1),
            Some(count) => {
                self.lasts = None;
                if count <= OUTAGE_MAX {
                    self.pass_over(count, season);
                }
            }
            None if is_odd && self.odd.len() == ODD_RUN => {
                self.lasts = Some(ODD_RUN + 1);
                let from = self.values.len() - ODD_RUN;
                self.kept.extend((from..).zip(self.odd.drain(..)));
            }
            None if is_odd => self.odd.push(value),
            None => self.odd.clear(),
        }
        let is_held = is_odd && self.lasts.is_none();
        let present = value.is_finite() && !is_held;
        let value = if present {
            value
        } else {
            let measured = self.present.iter().rev().position(|present| *present);
            self.guess(self.values.len(), season, measured.unwrap_or(0) + 1)
        };
        self.values.push(value);
        self.present.push(present);
    }

    /// As values in the unit of the series, with NaN for what was not measured, or an accident that is over.
    pub(crate) fn measured(&self) -> Vec<f64> {
        let each = self.values.iter().zip(&self.present);
        let mut measured: Vec<f64> = each
            .map(|(value, present)| {
                if *present {
                    value * self.unit
                } else {
                    f64::NAN
                }
            })
            .collect();
        let now = (measured.len() - self.odd.len()..).zip(self.odd.iter().copied());
        for (at, value) in now.chain(self.kept.iter().copied()) {
            measured[at] = value * self.unit;
        }
        measured
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
        self.kept.retain_mut(|(at, _)| {
            let is_left = *at >= count;
            *at = at.saturating_sub(count);
            is_left
        });
        let left = self.odd.len().min(self.values.len());
        self.odd.drain(..self.odd.len() - left);
    }

    /// Memory in bytes, without the struct itself.
    pub(crate) fn bytes(&self) -> usize {
        self.values.capacity() * size_of::<f64>()
            + self.present.capacity()
            + self.kept.capacity() * size_of::<(usize, f64)>()
    }

    /// Logarithms of the last values; `None` if one of them is not positive, in a series that has
    /// such values not only by accident.
    pub(crate) fn log(&self, count: usize) -> Option<Vec<f64>> {
        let tail = &self.values[self.len().saturating_sub(count)..];
        let floor = self.bounds.map_or(f64::NEG_INFINITY, |(low, _)| low);
        let positive = tail.iter().all(|value| value.max(floor) > POSITIVE_MIN);
        positive.then(|| tail.iter().map(|value| value.max(floor).ln()).collect())
    }

    /// Makes guesses of the last values, of which the first are guesses already.
    fn pass_over(&mut self, count: usize, season: Option<usize>) {
        let from = self.values.len().saturating_sub(count);
        for at in from + ODD_RUN.min(count)..self.values.len() {
            if self.present[at] {
                self.kept.push((at, self.values[at]));
            }
            self.values[at] = self.guess(at, season, at - from + 1);
            self.present[at] = false;
        }
    }

    /// The value of number `at`, which is the last of `missing` that nobody has measured: from the
    /// one before towards the season.
    fn guess(&self, at: usize, season: Option<usize>, missing: usize) -> f64 {
        let before = &self.values[..at];
        let Some(&last) = before.last() else {
            return 0.0;
        };
        match season {
            Some(season) if season < at => {
                let cycle_ago = before[at - season];
                cycle_ago + RETURN.powf(missing as f64) * (last - before[at - season - 1])
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

#[cfg(test)]
mod tests {
    use super::*;

    fn level(at: u64) -> f64 {
        100.0 + (at * at * 7919 % 1009) as f64 / 1009.0
    }

    fn usual_then(odd: &[f64]) -> History {
        let values: Vec<f64> = (0..60).map(level).collect();
        let mut history = History::new(&values, None).expect("values");
        odd.iter().for_each(|value| history.push(*value, None));
        history
    }

    #[test]
    fn an_accident_is_missing_once_it_is_over() {
        let history = usual_then(&[1.0, 2.0, 101.0]);
        let measured = history.measured();
        assert!(measured[60].is_nan() && measured[61].is_nan());
        assert!((measured[62] - 101.0).abs() < 1e-9);
        assert!(history.values.iter().all(|value| *value > 0.9));
    }

    #[test]
    fn what_is_odd_now_is_told_at_once() {
        let history = usual_then(&[6.0, 5.0]);
        assert_eq!(history.present[60..], [false, false]);
        assert_eq!(history.measured()[60..], [6.0, 5.0]);
    }

    #[test]
    fn an_outage_that_is_over_is_true_and_teaches_nothing() {
        let history = usual_then(&[1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 101.0]);
        assert_eq!(
            history.present[60..67],
            [false, false, false, false, false, false, true]
        );
        assert!(history.values.iter().all(|value| *value > 0.9));
        let measured = history.measured();
        assert!((measured[65] - 2.0).abs() < 1e-9 && (measured[60] - 1.0).abs() < 1e-9);
    }

    #[test]
    fn what_lasts_was_true_from_its_beginning() {
        let fall = [6.0, 5.0, 4.0, 3.0, 2.0];
        let history = usual_then(&fall);
        let wanted = |values: &[f64]| {
            let fall = &fall[fall.len() - values.len()..];
            let apart = values.iter().zip(fall).map(|(a, b)| (a - b).abs());
            assert!(apart.fold(0.0, f64::max) < 1e-9, "{values:?}");
        };
        wanted(&history.measured()[60..]);
        // Made anew, as a choice does, none is lost again.
        let again = History::new(&history.measured(), None).expect("values");
        wanted(&again.measured()[60..]);
        let mut later = again.clone();
        later.forget(62);
        wanted(&later.measured());
    }
}
