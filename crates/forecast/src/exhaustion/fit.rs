//! Which blend of the experts would have foreseen best.

use super::blend::{self, Ahead};
use super::passage::spread;
use super::past::Past;

/// Most earlier moments that weights are fitted to.
const ORIGINS: usize = 64;
/// Rounds of the fit, and the rate of the first ones. Measured: a rate of 1 is not there after 40
/// rounds, 12 is no better.
const ROUNDS: usize = 40;
const RATE: f64 = 6.0;
/// How many independent moments equal weights are worth. Measured: 2 and 5 are worse; none would
/// trust a single moment.
const DOUBT: f64 = 0.5;

/// The weights of the experts with which the blend would have been least wrong from `first` on, a
/// third, two thirds and all of `reach` steps ahead. Exponentiated gradient: weights stay positive
/// and sum up to 1.
pub(super) fn weights(past: &Past, first: usize, reach: usize) -> Vec<f64> {
    let count = blend::experts(past, past.now()).len();
    let mut weights = vec![1.0 / count as f64; count];
    let rows = Rows::new(past, first, reach, count);
    if rows.unit <= 0.0 || !rows.unit.is_finite() {
        return weights;
    }
    let mut gradient = vec![0.0; count];
    for round in 0..ROUNDS {
        gradient.fill(0.0);
        for (row, truth) in rows.foreseen.chunks_exact(count).zip(&rows.truths) {
            let foreseen: f64 = row
                .iter()
                .zip(&weights)
                .map(|(value, weight)| value * weight)
                .sum();
            let slope = rows.slope(foreseen, *truth, past.is_spend);
            for (part, value) in gradient.iter_mut().zip(row) {
                *part += slope * value;
            }
        }
        let rate = RATE / (1.0 + round as f64 / 10.0) / rows.truths.len() as f64;
        let mut sum = 0.0;
        for (weight, part) in weights.iter_mut().zip(&gradient) {
            let step = -(rate * part);
            *weight *= if step.is_finite() {
                step.clamp(-2.0, 2.0).exp()
            } else {
                1.0
            };
            sum += *weight;
        }
        for weight in &mut weights {
            *weight /= sum;
        }
    }
    let independent = (past.now() - reach - first) as f64 / reach as f64 + 1.0;
    let trust = independent / (independent + DOUBT);
    for weight in &mut weights {
        *weight = trust * *weight + (1.0 - trust) / count as f64;
    }
    weights
}

/// What the experts foresaw, and what came.
struct Rows {
    foreseen: Vec<f64>,
    truths: Vec<f64>,
    /// The usual size of a movement.
    unit: f64,
}

impl Rows {
    fn new(past: &Past, first: usize, reach: usize, count: usize) -> Self {
        let mut steps = vec![reach.div_ceil(3), (2 * reach).div_ceil(3), reach];
        steps.dedup();
        let aheads: Vec<Ahead> = steps.iter().map(|steps| Ahead::new(*steps, past)).collect();
        let mut foreseen = Vec::with_capacity(ORIGINS * aheads.len() * count);
        let mut truths = Vec::with_capacity(ORIGINS * aheads.len());
        for origin in spread(first, past.now() - reach, ORIGINS) {
            let experts = blend::experts(past, origin);
            for ahead in &aheads {
                truths.push(past.between(origin, origin + ahead.steps));
                foreseen.extend(
                    experts
                        .iter()
                        .map(|expert| expert.ahead(past, origin, *ahead)),
                );
            }
        }
        let unit = truths.iter().map(|truth| truth.abs()).sum::<f64>() / truths.len().max(1) as f64;
        Self {
            foreseen,
            truths,
            unit,
        }
    }

    /// The slope of the error. Of what is spent the error is `|a − b| / (a + b)`, so that no origin
    /// outweighs the others; of a level it is the distance, of which little ones count by their square.
    fn slope(&self, foreseen: f64, truth: f64, is_spend: bool) -> f64 {
        let apart = foreseen - truth;
        if is_spend {
            let sum = foreseen + truth + 0.02 * self.unit;
            apart.signum() * 2.0 * (truth + 0.01 * self.unit) / (sum * sum)
        } else {
            (apart / self.unit).clamp(-1.0, 1.0) / self.unit
        }
    }
}
