//! How wrong forecasts were, by horizon, as a table of quantiles; and how much wider intervals are than those.

/// Levels that are kept; others are interpolated. Chosen: what 80, 90 and 98 % intervals ask for exactly.
const LEVELS: [f64; 21] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9,
    0.95, 0.975, 0.99, 0.995,
];
/// Errors at horizons within this factor count together.
const NEAR: f64 = 1.3;
/// Fewer errors than this are helped out by those of neighbours farther away.
const ERRORS_MIN: usize = 40;
/// Errors are no larger, in units of the series: a ratio of single precision stays finite.
const ERROR_MAX: f64 = 1e30;

/// How many times as far as in the backtest an end of an interval is, below and above.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Width {
    pub(crate) below: f64,
    pub(crate) above: f64,
}

impl Width {
    /// As the backtest has it.
    pub(crate) const PLAIN: Self = Self {
        below: 1.0,
        above: 1.0,
    };

    /// Between the two.
    pub(crate) fn towards(self, other: Self, share: f64) -> Self {
        Self {
            below: self.below + share * (other.below - self.below),
            above: self.above + share * (other.above - self.above),
        }
    }
}

/// Quantiles of errors at some horizons.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spread {
    rows: Vec<(usize, [f32; LEVELS.len()])>,
}

impl Spread {
    /// From errors and the steps ahead at which they were made.
    pub(crate) fn new(errors: &[(usize, f64)], horizon: usize) -> Self {
        let mut by_step: Vec<Vec<f64>> = vec![Vec::new(); horizon + 1];
        for &(step, error) in errors {
            if error.is_finite() && (1..=horizon).contains(&step) {
                by_step[step].push(error);
            }
        }
        let mut rows = Vec::new();
        let mut pool = Vec::new();
        let mut step = 1;
        while step <= horizon {
            let mut near = NEAR;
            loop {
                pool.clear();
                let low = (step as f64 / near).ceil() as usize;
                let high = ((step as f64 * near) as usize).min(horizon);
                by_step[low.max(1)..=high]
                    .iter()
                    .for_each(|errors| pool.extend(errors));
                if pool.len() >= ERRORS_MIN || (low <= 1 && high >= horizon) {
                    break;
                }
                near *= 1.5;
            }
            pool.sort_unstable_by(f64::total_cmp);
            rows.push((
                step,
                LEVELS.map(|level| conformal(&pool, level).clamp(-ERROR_MAX, ERROR_MAX) as f32),
            ));
            step = if step == horizon {
                break;
            } else {
                (step + step / 4 + 1).min(horizon)
            };
        }
        Self { rows }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<(usize, [f32; LEVELS.len()])>()
    }

    /// The error that is not passed with probability `level`, `step` steps ahead.
    pub(crate) fn quantile(&self, step: usize, level: f64) -> f64 {
        let at = self.rows.partition_point(|row| row.0 < step);
        let Some(last) = self.rows.len().checked_sub(1) else {
            return 0.0;
        };
        let (right, left) = (
            &self.rows[at.min(last)],
            &self.rows[at.saturating_sub(1).min(last)],
        );
        let share = if right.0 > left.0 {
            (step.clamp(left.0, right.0) - left.0) as f64 / (right.0 - left.0) as f64
        } else {
            1.0
        };
        let (from, to) = (within(&left.1, level), within(&right.1, level));
        between(from, to, share)
    }
}

fn within(row: &[f32; LEVELS.len()], level: f64) -> f64 {
    let at = LEVELS.partition_point(|held| *held < level);
    let (left, right) = (at.saturating_sub(1), at.min(LEVELS.len() - 1));
    let (low, high) = (f64::from(row[left]), f64::from(row[right]));
    if LEVELS[right] > LEVELS[left] {
        between(
            low,
            high,
            (level - LEVELS[left]) / (LEVELS[right] - LEVELS[left]),
        )
    } else {
        low
    }
}

/// Each product and the sum rise with both ends, rounded too: quantiles stay in their order.
fn between(low: f64, high: f64, share: f64) -> f64 {
    (1.0 - share) * low + share * high
}

/// Quantile of sorted values such that the next one of as many lies below it with that probability.
fn conformal(sorted: &[f64], level: f64) -> f64 {
    if sorted.is_empty() {
        return 0.0;
    }
    let count = sorted.len() as f64;
    let rank = (level * (count + 1.0) - 1.0).clamp(0.0, count - 1.0);
    let (low, share) = (rank as usize, rank.fract());
    let high = (low + 1).min(sorted.len() - 1);
    between(sorted[low], sorted[high], share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_errors_at_the_horizon() {
        let errors: Vec<(usize, f64)> = (0..4000)
            .map(|at| {
                let step = at % 20 + 1;
                (
                    step,
                    ((at * 7919 % 2001) as f64 / 1000.0 - 1.0) * step as f64,
                )
            })
            .collect();
        let spread = Spread::new(&errors, 20);
        for step in [1, 5, 13, 20] {
            let width = spread.quantile(step, 0.9) - spread.quantile(step, 0.1);
            assert!(
                (width / (1.6 * step as f64) - 1.0).abs() < 0.2,
                "{step}: {width}"
            );
            let mut before = f64::NEG_INFINITY;
            for level in 1..1000 {
                let next = spread.quantile(step, f64::from(level) / 1000.0);
                assert!(next >= before);
                before = next;
            }
        }
    }

    #[test]
    fn no_errors_no_width() {
        assert_eq!(Spread::default().quantile(3, 0.9), 0.0);
        let spread = Spread::new(&[(1, f64::NAN), (9, 1.0)], 3);
        assert_eq!(spread.quantile(2, 0.1), 0.0);
        assert_eq!(Spread::new(&[(2, 5.0)], 4).quantile(400, 0.1), 5.0);
    }
}
