//! What was promised when.
//!
//! ## Model
//! A target changes with the configuration, and what happened before stays under the promise of its time:
//! a target that is tightened does not spend the budget of last week. What it was stays in the series
//! `slo:target`, which [`super::Objectives`] writes each turn.
//!
//! ## Invariants
//! - A target holds from when the one before it was said last; the first one for all that was before.
//! - The target of the configuration holds from the last sample on.

use std::collections::BTreeMap;

use bellwether_slo::objective::Targets;
use bellwether_storage::MetricStore;

use super::rules::TARGET;
use super::settings::{Indicator, ObjectiveSettings};
use super::status::StatusError;
use super::stored::each_series;

/// The targets of an objective in `(after, until]`.
///
/// # Errors
/// Where the store cannot be read, or the target is none.
pub fn targets(
    store: &dyn MetricStore,
    objective: &ObjectiveSettings,
    range: (i64, i64),
) -> Result<Targets, StatusError> {
    // An amount has a limit: any target will do.
    if matches!(objective.indicator, Indicator::Spend { .. }) {
        return Ok(Targets::constant(0.5)?);
    }
    // Each budget of the objective says the same.
    let mut said: BTreeMap<i64, f64> = BTreeMap::new();
    each_series(store, objective, TARGET, range, |_, samples| {
        let samples = samples.times_ms.iter().zip(&samples.values);
        let samples = samples.filter(|it| *it.1 > 0.0 && *it.1 < 1.0);
        said.extend(samples.map(|it| (*it.0, *it.1)));
    })?;
    let first = said.first_key_value();
    let first = first.map_or(objective.target, |(_, target)| *target);
    let mut targets = Targets::constant(first)?;
    let mut last = (i64::MIN, first);
    for (time_ms, target) in said.into_iter().chain([(i64::MAX, objective.target)]) {
        if target != last.1 {
            targets = targets.changed(last.0, target)?;
        }
        last = (time_ms, target);
    }
    Ok(targets)
}
