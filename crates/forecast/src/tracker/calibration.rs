//! Intervals made as wide as what really happens asks for.
//!
//! What was said of a cell 1, 2, 4, … 256 cells before is kept until the cell is over. Each value
//! outside of its interval makes intervals at that horizon a little wider, each one inside a little
//! narrower, so that in the long run one in five is outside whatever the series does (Gibbs and
//! Candès, arXiv:2106.00170). The step is smaller the farther ahead: errors of a day last a day.

/// Horizons that are watched: powers of two below this one.
const WATCHED: usize = 9;
/// The share of values that may be outside, and the levels between which they are inside.
const OUTSIDE: f64 = 0.2;
pub(super) const LEVELS: (f64, f64) = (0.1, 0.9);
/// Step of the logarithm of the width for a value one cell ahead, times eleven.
const GAIN: f64 = 0.8;
/// How much narrower and wider intervals may become.
const WIDTHS: (f64, f64) = (0.5, 8.0);

/// Widths of intervals by horizon, and what was said of cells to come.
#[derive(Debug)]
pub(super) struct Calibration {
    /// Factors of the widths that the backtest asks for.
    widths: [f32; WATCHED],
    /// For each horizon the intervals of as many cells, that of the next one first to go.
    said: Vec<Vec<(f32, f32)>>,
    cells: usize,
}

impl Calibration {
    pub(super) fn new(horizon: usize) -> Self {
        let watched = (0..WATCHED).map(|at| 1usize << at);
        let said = watched
            .take_while(|ahead| *ahead <= horizon)
            .map(|ahead| vec![(f32::NAN, f32::NAN); ahead])
            .collect();
        Self {
            widths: [1.0; WATCHED],
            said,
            cells: 0,
        }
    }

    /// The farthest horizon that is watched.
    pub(super) fn horizon(&self) -> usize {
        1 << self.said.len().saturating_sub(1)
    }

    /// Horizons that are watched, in steps.
    pub(super) fn watched(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.said.len()).map(|at| 1 << at)
    }

    /// The factor for intervals so many steps ahead.
    pub(super) fn width(&self, step: usize) -> f64 {
        let at = step.max(1).ilog2() as usize;
        let last = self.said.len().saturating_sub(1);
        let (low, high) = (at.min(last), (at + 1).min(last));
        // Between two watched horizons the factor goes over from one to the other.
        let share = step as f64 / (1u64 << at.min(62)) as f64 - 1.0;
        let (low, high) = (f64::from(self.widths[low]), f64::from(self.widths[high]));
        low + share.clamp(0.0, 1.0) * (high - low)
    }

    /// A cell is over: compares it with what was said; NaN for a cell without values.
    pub(super) fn judge(&mut self, value: f64) {
        let value = value as f32;
        for (at, said) in self.said.iter().enumerate() {
            let (low, high) = said[self.cells % said.len()];
            if !(value.is_finite() && low.is_finite() && high.is_finite()) {
                continue;
            }
            let missed = f64::from(u8::from(value < low || value > high));
            let step = GAIN / (said.len() as f64 + 10.0) * (missed - OUTSIDE);
            let width = f64::from(self.widths[at]) * step.exp();
            self.widths[at] = width.clamp(WIDTHS.0, WIDTHS.1) as f32;
        }
    }

    /// Keeps the intervals of the cells to come, one for each watched horizon.
    pub(super) fn say(&mut self, intervals: impl Iterator<Item = (f64, f64)>) {
        let cells = self.cells;
        for (said, (low, high)) in self.said.iter_mut().zip(intervals) {
            let slot = cells % said.len();
            said[slot] = (low as f32, high as f32);
        }
        self.cells = cells + 1;
    }

    pub(super) fn bytes(&self) -> usize {
        let of = |said: &Vec<(f32, f32)>| said.len() * size_of::<(f32, f32)>();
        self.said.iter().map(of).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_settle_where_one_in_five_is_outside() {
        let mut calibration = Calibration::new(16);
        let mut outside = 0;
        let noise = |at: u64| (at.wrapping_mul(at).wrapping_mul(7919) % 1009) as f64 / 1009.0 - 0.5;
        for at in 0..6_000 {
            let value = noise(at);
            calibration.judge(value);
            let widths: Vec<f64> = calibration
                .watched()
                .map(|step| calibration.width(step))
                .collect();
            if at > 3_000 {
                outside += usize::from(value.abs() > 0.1 * calibration.width(8));
            }
            calibration.say(widths.into_iter().map(|width| (-0.1 * width, 0.1 * width)));
        }
        let share = outside as f64 / 3_000.0;
        assert!((share - OUTSIDE).abs() < 0.04, "{share}");
    }

    #[test]
    fn what_is_missing_changes_nothing() {
        let mut calibration = Calibration::new(3);
        assert_eq!(calibration.horizon(), 2);
        for _ in 0..9 {
            calibration.judge(f64::NAN);
            calibration.say([(f64::NAN, 0.0), (0.0, f64::INFINITY)].into_iter());
            calibration.judge(1e300);
        }
        assert_eq!(calibration.width(1), 1.0);
        assert_eq!(calibration.width(usize::MAX), 1.0);
    }
}
