//! How much each candidate counts, by its errors in the backtest.

use super::backtest::{Backtest, Trial, env};
use super::part_of;

/// Weights fall with this power of the error.
const POWER: f64 = 4.0;
/// How much the errors of one part of the horizon count for its weights, beside those of all.
const LOCAL: f64 = 0.5;
/// The part of the weights that goes to the combination built step by step.
const GREEDY: f64 = 0.5;
const ROUNDS: usize = 12;
/// Members of the combination, at most; lighter ones than this are left out.
const MEMBERS_MAX: usize = 8;
const WEIGHT_MIN: f64 = 0.02;

/// Leaves in `trials` those that count, and answers their weights at each part of the horizon.
pub(super) fn weigh(trials: &mut Vec<Trial>, backtest: &Backtest) -> Vec<Vec<f64>> {
    let targets = &backtest.targets;
    let parts = targets.iter().map(|target| part_of(target.step) + 1).max().unwrap_or(1);
    let mut share = vec![f64::MIN_POSITIVE; parts];
    for target in targets {
        share[part_of(target.step)] += target.weight;
    }
    let losses = |trial: &Trial| {
        let mut losses = vec![0.0; parts + 1];
        for (forecast, target) in trial.forecasts.iter().zip(targets) {
            let loss = target.weight * (forecast - target.value).abs();
            losses[part_of(target.step)] += loss;
            losses[parts] += loss;
        }
        losses.iter_mut().zip(&share).for_each(|(loss, share)| *loss /= share);
        losses
    };
    let table: Vec<Vec<f64>> = trials.iter().map(losses).collect();
    // Nothing is used at a part of the horizon that does no better there than the naive ones.
    let naive: Vec<bool> = trials.iter().map(|trial| trial.spec.is_naive()).collect();
    let count = trials.len();
    let mut weights = vec![vec![0.0; parts]; count];
    let least = |part: usize, of: &[bool]| table.iter().zip(of).filter(|(_, of)| **of).map(|(losses, _)| losses[part]).fold(f64::INFINITY, f64::min);
    let (power, local, greedy) = (env("POWER", POWER), env("LOCAL", LOCAL), env("GREEDY", GREEDY));
    let glocal = env("GLOCAL", 0.5);
    for part in 0..parts {
        let bar = least(part, &naive) * env("GATE", 1.0);
        let used: Vec<bool> = table.iter().zip(&naive).map(|(losses, naive)| *naive || losses[part] < bar).collect();
        let (best, here) = (least(parts, &used), least(part, &used));
        let inverse: Vec<f64> = table.iter().zip(&used).map(|(losses, used)| {
            let all = (best + 1e-12) / (losses[parts] + 1e-12);
            let part = (here + 1e-12) / (losses[part] + 1e-12);
            if *used { (all.powf(1.0 - local) * part.powf(local)).powf(power) } else { 0.0 }
        }).collect();
        let sum: f64 = inverse.iter().sum();
        let importance: Vec<f64> = targets.iter().map(|t| {
            let here = if part_of(t.step) == part { 1.0 / share[part] } else { 0.0 };
            t.weight * (glocal * here + 1.0 - glocal)
        }).collect();
        let picked = build(trials, backtest, &importance, &used);
        for (weights, (inverse, picked)) in weights.iter_mut().zip(inverse.iter().zip(&picked)) {
            weights[part] = (1.0 - greedy) * inverse / sum + greedy * picked;
        }
    }
    limit(trials, weights)
}

/// Takes one model after the other, the same again if need be, so that the mean of all has the least error.
fn build(trials: &[Trial], backtest: &Backtest, importance: &[f64], used: &[bool]) -> Vec<f64> {
    let mut sums = vec![0.0; backtest.targets.len()];
    let mut picked = vec![0.0; trials.len()];
    let rounds = env("ROUNDS", ROUNDS as f64) as usize;
    for round in 1..=rounds {
        let part = 1.0 / round as f64;
        let mut best = (f64::INFINITY, 0);
        for (at, trial) in trials.iter().enumerate().filter(|(at, _)| used[*at]) {
            let each = sums.iter().zip(&trial.forecasts).zip(backtest.targets.iter().zip(importance));
            let loss = each.map(|((sum, forecast), (target, weight))| weight * ((sum + forecast) * part - target.value).abs()).sum();
            if loss < best.0 {
                best = (loss, at);
            }
        }
        picked[best.1] += 1.0 / rounds as f64;
        sums.iter_mut().zip(&trials[best.1].forecasts).for_each(|(sum, forecast)| *sum += forecast);
    }
    picked
}

/// Leaves out what counts little.
fn limit(trials: &mut Vec<Trial>, weights: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let mean = |weights: &Vec<f64>| weights.iter().sum::<f64>() / weights.len() as f64;
    let mut means: Vec<f64> = weights.iter().map(mean).collect();
    means.sort_by(|a, b| b.total_cmp(a));
    let members = env("MEMBERS", MEMBERS_MAX as f64) as usize;
    let least = means.get(members - 1).copied().unwrap_or(0.0).max(env("WMIN", WEIGHT_MIN)).min(means.first().copied().unwrap_or(0.0));
    let kept: Vec<bool> = weights.iter().map(|weights| mean(weights) >= least).collect();
    let mut row = 0;
    trials.retain(|_| { row += 1; kept[row - 1] });
    let mut weights: Vec<Vec<f64>> = weights.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(weights, _)| weights).collect();
    let parts = weights.first().map_or(0, Vec::len);
    for part in 0..parts {
        let sum: f64 = weights.iter().map(|weights| weights[part]).sum();
        weights.iter_mut().for_each(|weights| weights[part] /= sum);
    }
    weights
}
