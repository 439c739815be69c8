//! Intervals made as wide as what really happens asks for.
//!
//! What was said of a cell 1, 2, 4, … 256 cells before is kept until the cell is over. Each value
//! below its interval moves the lower ends at that horizon a little farther out, each one that is not moves
//! them a little in, and so for values above and the upper ends: in the long run one in ten is outside on either side
//! whatever the series does (Gibbs and Candès, arXiv:2106.00170). The step is smaller the farther ahead: errors of a
//! day last a day.

use crate::interval::Width;

/// Horizons that are watched: powers of two below this one.
const WATCHED: usize = 9;
/// The share of values that may be outside on either side, and the levels between which they are inside.
const OUTSIDE: f64 = 0.1;
pub(super) const LEVELS: (f64, f64) = (0.1, 0.9);
/// Step of the logarithm of a width is this, over the cells ahead and so many more. Measured on the first ten days of
/// ServeGen; both sides with one width and a sixth of the step leave twice the distance to 80 %.
const GAIN: f64 = 4.8;
const AHEAD: f64 = 10.0;
/// How much narrower and wider intervals may become.
const WIDTHS: (f64, f64) = (0.3, 8.0);

/// Widths of intervals by horizon, and what was said of cells to come.
#[derive(Debug)]
pub(super) struct Calibration {
    /// Factors of the widths that the backtest asks for.
    widths: [Width; WATCHED],
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
            widths: [Width::PLAIN; WATCHED],
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

    /// The factors for intervals so many steps ahead.
    pub(super) fn width(&self, step: usize) -> Width {
        let at = step.max(1).ilog2() as usize;
        let last = self.said.len().saturating_sub(1);
        let (low, high) = (at.min(last), (at + 1).min(last));
        // Between two watched horizons the factors go over from one to the other.
        let share = step as f64 / (1u64 << at.min(62)) as f64 - 1.0;
        self.widths[low].towards(self.widths[high], share.clamp(0.0, 1.0))
    }

    /// A cell is over: compares it with what was said; NaN for a cell without values.
    pub(super) fn judge(&mut self, value: f64) {
        let value = value as f32;
        for (at, said) in self.said.iter().enumerate() {
            let (low, high) = said[self.cells % said.len()];
            if !(value.is_finite() && low.is_finite() && high.is_finite()) {
                continue;
            }
            let gain = GAIN / (said.len() as f64 + AHEAD);
            let moved = |width: f64, missed: bool| {
                let step = gain * (f64::from(u8::from(missed)) - OUTSIDE);
                (width * step.exp()).clamp(WIDTHS.0, WIDTHS.1)
            };
            let width = &mut self.widths[at];
            width.below = moved(width.below, value < low);
            width.above = moved(width.above, value > high);
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
    fn widths_settle_where_one_in_ten_is_outside_on_either_side() {
        let mut calibration = Calibration::new(16);
        let (mut below, mut above) = (0_u32, 0_u32);
        let noise = |at: u64| (at.wrapping_mul(at).wrapping_mul(7919) % 1009) as f64 / 1009.0;
        for at in 0..6_000 {
            // From 0 to 1, of which 0.3 was expected.
            let value = noise(at);
            calibration.judge(value);
            let widths: Vec<Width> = calibration
                .watched()
                .map(|step| calibration.width(step))
                .collect();
            if at > 3_000 {
                let width = calibration.width(8);
                below += u32::from(value < 0.3 - 0.1 * width.below);
                above += u32::from(value > 0.3 + 0.1 * width.above);
            }
            let interval = |width: Width| (0.3 - 0.1 * width.below, 0.3 + 0.1 * width.above);
            calibration.say(widths.into_iter().map(interval));
        }
        for outside in [below, above] {
            let share = f64::from(outside) / 3_000.0;
            assert!((share - OUTSIDE).abs() < 0.03, "{share}");
        }
        let width = calibration.width(8);
        assert!(width.above > 2.0 * width.below, "{width:?}");
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
        assert_eq!(calibration.width(1), Width::PLAIN);
        assert_eq!(calibration.width(usize::MAX), Width::PLAIN);
    }
}
