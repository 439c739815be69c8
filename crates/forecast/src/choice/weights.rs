//! How much each candidate counts, by its errors in the backtest.

use super::backtest::{Backtest, Trial};
use super::part_of;

/// Weights fall with this power of the error, where there is much to judge by.
const POWER: f64 = 4.0;
/// How much the errors of one part of the horizon count for its weights, beside those of all.
const LOCAL: f64 = 0.5;
/// The part of the weights that goes to the combination built step by step, where there is much to judge by.
const GREEDY: f64 = 0.5;
const ROUNDS: usize = 12;
/// So many horizons beside one another are half of much. Weights at one step follow the errors, those at the
/// end of a long horizon are nearly equal among all that beat the naive models. Measured on ServeGen: none of
/// it is 4 % worse a day ahead; M4 does not mind.
const WINDOWS_HALF: f64 = 10.0;
/// Kriging learns from all distances at once what a backtest of few windows cannot tell: it has what they leave of the
/// weights, all but half where there is much to judge by …
/// … unless its error in the backtest is larger than the least by more than this factor: then it falls with this power.
/// Measured on the first ten days of ServeGen: 0.92 to 0.97 of the best naive method a day ahead, 0.99 to 1.00 without;
/// M4 Hourly has 0.41 with it and 0.40 without, as its patterns are firmer than a covariance says.
const FORGIVEN: f64 = 1.35;
const FALL: f64 = 8.0;
/// Members of the combination, at most; lighter ones than this are left out.
const MEMBERS_MAX: usize = 16;
const WEIGHT_MIN: f64 = 0.005;
/// Keeps ratios of errors that are 0 finite.
const LEAST: f64 = 1e-12;

/// Leaves in `trials` those that count, and answers their weights at each part of the horizon.
pub(super) fn weigh(trials: &mut Vec<Trial>, backtest: &Backtest) -> Vec<Vec<f64>> {
    let targets = &backtest.targets;
    let parts = targets
        .iter()
        .map(|target| part_of(target.step) + 1)
        .max()
        .unwrap_or(1);
    let losses: Vec<Losses> = trials
        .iter()
        .map(|trial| Losses::new(trial, backtest, parts))
        .collect();
    let naive: Vec<bool> = trials.iter().map(|trial| trial.spec.is_naive()).collect();
    let kriging: Vec<bool> = trials.iter().map(|trial| trial.spec.is_kriging()).collect();
    let mut weights = vec![vec![0.0; parts]; trials.len()];
    for part in 0..parts {
        // Nothing is used at a part of the horizon that does no better there than the naive ones.
        let of_naive = losses.iter().zip(&naive).filter(|(_, naive)| **naive);
        let bar = of_naive
            .map(|(losses, _)| losses.parts[part])
            .fold(f64::INFINITY, f64::min);
        let used: Vec<bool> = losses
            .iter()
            .zip(&naive)
            .map(|(losses, naive)| *naive || losses.parts[part] < bar)
            .collect();
        let windows = backtest.span() as f64 / (1usize << part) as f64;
        let sure = windows / (windows + WINDOWS_HALF);
        let by_error = inverse(&losses, &used, part, POWER * sure);
        let built = build(trials, backtest, part, &used);
        let ratio = least(&losses, &used, part) / least(&losses, &kriging, part);
        let prior = (FORGIVEN * ratio).min(1.0).powf(FALL) * (1.0 - GREEDY * sure);
        let best = inverse(&losses, &kriging, part, POWER);
        let greedy = GREEDY * sure;
        for (at, weights) in weights.iter_mut().enumerate() {
            let judged = (1.0 - greedy) * by_error[at] + greedy * built[at];
            weights[part] = prior * best[at] + (1.0 - prior) * judged;
        }
    }
    limit(trials, weights)
}

/// Mean errors of a candidate, in all and by part of the horizon.
struct Losses {
    all: f64,
    parts: Vec<f64>,
}

impl Losses {
    fn new(trial: &Trial, backtest: &Backtest, parts: usize) -> Self {
        let mut losses = Self {
            all: 0.0,
            parts: vec![0.0; parts],
        };
        let mut shares = vec![f64::MIN_POSITIVE; parts];
        for (forecast, target) in trial.forecasts.iter().zip(&backtest.targets) {
            let loss = target.weight * (forecast - target.value).abs();
            losses.all += loss;
            losses.parts[part_of(target.step)] += loss;
            shares[part_of(target.step)] += target.weight;
        }
        losses
            .parts
            .iter_mut()
            .zip(shares)
            .for_each(|(loss, share)| *loss /= share);
        losses
    }
}

impl Losses {
    /// What weights at a part of the horizon follow: errors there, and in all.
    fn at(&self, part: usize) -> f64 {
        (self.all + LEAST).powf(1.0 - LOCAL) * (self.parts[part] + LEAST).powf(LOCAL)
    }
}

/// The least error of those used, infinite without any.
fn least(losses: &[Losses], used: &[bool], part: usize) -> f64 {
    let used = losses.iter().zip(used).filter(|(_, used)| **used);
    used.map(|(losses, _)| losses.at(part))
        .fold(f64::INFINITY, f64::min)
}

/// Weights that fall with the error; their sum is 1, or 0 where none is used.
fn inverse(losses: &[Losses], used: &[bool], part: usize, power: f64) -> Vec<f64> {
    let least = least(losses, used, part);
    let weight = |(losses, used): (&Losses, &bool)| match *used {
        true => (least / losses.at(part)).powf(power),
        false => 0.0,
    };
    let mut weights: Vec<f64> = losses.iter().zip(used).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights
        .iter_mut()
        .for_each(|weight| *weight /= sum.max(LEAST));
    weights
}

/// Takes one model after the other, the same again if need be, so that the mean of all has the least
/// error (Caruana and others, "Ensemble selection from libraries of models", ICML 2004).
fn build(trials: &[Trial], backtest: &Backtest, part: usize, used: &[bool]) -> Vec<f64> {
    let targets = &backtest.targets;
    let here: f64 = targets
        .iter()
        .filter(|target| part_of(target.step) == part)
        .map(|target| target.weight)
        .sum();
    let importance: Vec<f64> = targets
        .iter()
        .map(|target| {
            let local = if part_of(target.step) == part {
                LOCAL / here
            } else {
                0.0
            };
            target.weight * (local + 1.0 - LOCAL)
        })
        .collect();
    let mut sums = vec![0.0; targets.len()];
    let mut picked = vec![0.0; trials.len()];
    for round in 1..=ROUNDS {
        let share = 1.0 / round as f64;
        let mut best = (f64::INFINITY, 0);
        for (at, trial) in trials.iter().enumerate().filter(|(at, _)| used[*at]) {
            let said = sums.iter().zip(&trial.forecasts);
            let errors = said
                .zip(targets)
                .map(|((sum, said), target)| (sum + said) * share - target.value);
            let loss: f64 = errors
                .zip(&importance)
                .map(|(error, weight)| weight * error.abs())
                .sum();
            if loss < best.0 {
                best = (loss, at);
            }
        }
        picked[best.1] += 1.0 / ROUNDS as f64;
        sums.iter_mut()
            .zip(&trials[best.1].forecasts)
            .for_each(|(sum, said)| *sum += said);
    }
    picked
}

/// Leaves out what counts little; weights at each part add up to 1.
fn limit(trials: &mut Vec<Trial>, weights: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let mean = |weights: &Vec<f64>| weights.iter().sum::<f64>() / weights.len() as f64;
    let mut order: Vec<f64> = weights.iter().map(mean).collect();
    order.sort_by(|a, b| b.total_cmp(a));
    let heaviest = order.first().copied().unwrap_or(0.0);
    let least = order
        .get(MEMBERS_MAX - 1)
        .copied()
        .unwrap_or(0.0)
        .max(WEIGHT_MIN)
        .min(heaviest);
    let mut kept_trials = Vec::new();
    let mut kept = Vec::new();
    for (trial, weights) in trials.drain(..).zip(weights) {
        if mean(&weights) >= least && kept.len() < MEMBERS_MAX {
            kept_trials.push(trial);
            kept.push(weights);
        }
    }
    *trials = kept_trials;
    let parts = kept.first().map_or(0, Vec::len);
    for part in 0..parts {
        let sum: f64 = kept.iter().map(|weights| weights[part]).sum();
        kept.iter_mut()
            .for_each(|weights| weights[part] /= sum.max(LEAST));
    }
    kept
}
