//! How what was measured is spread over the values of labels.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_model::{Labels, METRIC_NAME};
use bellwether_promql::ast::{AggregateOp, BinaryOp, Expr};

use super::{LabelDifference, ValueDifference};
use crate::evidence::{Moved, Part, rank, rank_shares};

/// Values of a label that are told. Chosen: a page shows some of them.
const VALUES_MAX: usize = 20;

/// What each series weighs.
pub(super) type Weights = Vec<(Labels, f64)>;

/// Labels with what their values weigh and of what, and those that have one value only.
#[derive(Default)]
pub(super) struct Found {
    pub(super) labels: Vec<(String, Moved, (f64, f64))>,
    pub(super) same: BTreeSet<String>,
}

impl Found {
    pub(super) fn add(
        &mut self,
        label: String,
        mut parts: Vec<Part>,
        totals: (f64, f64),
        adds_up: bool,
        counts_events: bool,
    ) {
        if adds_up {
            // What weighs nothing is nowhere.
            parts.retain(|part| part.before.abs() > 0.0 || part.now.abs() > 0.0);
        }
        if parts.len() == 1 {
            self.same.insert(label);
        } else if let Some(moved) = ranked(parts, totals, adds_up, counts_events) {
            self.labels.push((label, moved, totals));
        }
    }
}

/// Whether a label says something of what was measured.
pub(super) fn is_telling(name: &str) -> bool {
    ![METRIC_NAME, "le", "quantile"].contains(&name)
}

/// What all series weigh; 0: there are none.
pub(super) fn sum(weights: &Weights) -> f64 {
    weights.iter().fold(0.0, |sum, (_, weight)| sum + weight)
}

/// The mean of all series; 0: there are none.
pub(super) fn mean(weights: &Weights) -> f64 {
    sum(weights) / weights.len().max(1) as f64
}

/// Labels of series.
pub(super) fn labels_of(selection: &Weights, baseline: &Weights) -> BTreeSet<String> {
    let all = selection.iter().chain(baseline);
    let names = all.flat_map(|(labels, _)| labels.iter().map(|(name, _)| name));
    names
        .filter(|name| is_telling(name))
        .map(str::to_owned)
        .collect()
}

/// What the values of a label weigh: the sum of their series, or their mean.
pub(super) fn grouped(
    label: &str,
    selection: &Weights,
    baseline: &Weights,
    adds_up: bool,
) -> Vec<Part> {
    #[derive(Default)]
    struct Sum {
        sum: f64,
        count: u32,
    }
    let mut values: BTreeMap<&str, [Sum; 2]> = BTreeMap::new();
    for (side, weights) in [baseline, selection].into_iter().enumerate() {
        for (labels, weight) in weights {
            let sums = values
                .entry(labels.get(label).unwrap_or_default())
                .or_default();
            if let Some(sum) = sums.get_mut(side) {
                sum.sum += weight;
                sum.count += 1;
            }
        }
    }
    let level = |sum: &Sum| {
        let divisor = if adds_up { 1.0 } else { f64::from(sum.count) };
        (sum.count > 0).then(|| sum.sum / divisor)
    };
    values
        .into_iter()
        .map(|(value, [before, now])| {
            let (before, now) = (level(&before), level(&now));
            Part {
                value: value.to_owned(),
                shown_before: before,
                shown_now: now,
                before: before.unwrap_or(0.0),
                now: now.unwrap_or(0.0),
            }
        })
        .collect()
}

fn ranked(
    parts: Vec<Part>,
    totals: (f64, f64),
    adds_up: bool,
    counts_events: bool,
) -> Option<Moved> {
    if adds_up {
        return rank_shares(parts, totals, counts_events);
    }
    // A value that is new is measured by what was usual, one that is gone does not count.
    let usual = totals.0;
    let parts = parts.into_iter().filter(|part| part.shown_now.is_some());
    let parts = parts.map(|part| Part {
        before: part.shown_before.unwrap_or(usual),
        ..part
    });
    let mut moved = rank(parts.collect(), totals, false)?;
    // Where all went up alike, each explains all of the change: what tells is how much more one does than the middle one.
    // What has hardly changed has nothing to explain.
    let explained: Vec<f64> = moved.parts.iter().map(|(_, share)| *share).collect();
    let most = explained.first().copied().unwrap_or(0.0).clamp(-1.0, 1.0);
    let (before, now) = totals;
    let changed = (now - before).abs() / before.abs().max(now.abs());
    moved.score = (most - middle(&explained).clamp(-1.0, 1.0)) * changed;
    Some(moved)
}

/// The middle one of sorted numbers, or between the two in the middle.
fn middle(sorted: &[f64]) -> f64 {
    let at = |index: usize| sorted.get(index).copied().unwrap_or(0.0);
    f64::midpoint(at(sorted.len().saturating_sub(1) / 2), at(sorted.len() / 2))
}

pub(super) fn told(
    label: String,
    moved: Moved,
    (baseline, selection): (f64, f64),
) -> LabelDifference {
    let left_out = moved.parts.len().saturating_sub(VALUES_MAX);
    let share = |part: f64, all: f64| {
        let share = part / all;
        (moved.adds_up && share.is_finite()).then_some(share)
    };
    let values = moved.parts.into_iter().take(VALUES_MAX);
    LabelDifference {
        label,
        score: moved.score,
        adds_up: moved.adds_up,
        values: values
            .map(|(part, difference)| ValueDifference {
                value: part.value,
                selection: part.shown_now,
                baseline: part.shown_before,
                selection_share: share(part.now, selection),
                baseline_share: share(part.before, baseline),
                difference,
            })
            .collect(),
        left_out,
    }
}

/// Whether the values of an expression's elements add up to something.
pub(super) fn adds_up(expr: &Expr) -> bool {
    let is_number = |side: &Expr| matches!(side.unwrap_parens(), Expr::Number(_));
    match expr.unwrap_parens() {
        Expr::Vector(_) => true,
        Expr::Aggregate(node) => matches!(node.op, AggregateOp::Sum | AggregateOp::Count),
        Expr::Unary(node) => adds_up(&node.expr),
        Expr::Binary(node) => match node.op {
            BinaryOp::Add | BinaryOp::Sub => adds_up(&node.lhs) && adds_up(&node.rhs),
            BinaryOp::Mul if is_number(&node.lhs) => adds_up(&node.rhs),
            BinaryOp::Mul | BinaryOp::Div if is_number(&node.rhs) => adds_up(&node.lhs),
            op if op.is_comparison() && !node.return_bool => adds_up(&node.lhs),
            _ => false,
        },
        Expr::Call(call) => [
            "rate",
            "irate",
            "increase",
            "delta",
            "idelta",
            "deriv",
            "sum_over_time",
            "count_over_time",
            "avg_over_time",
            "last_over_time",
            "changes",
            "resets",
            "histogram_count",
            "histogram_sum",
        ]
        .contains(&call.function.name),
        _ => false,
    }
}
