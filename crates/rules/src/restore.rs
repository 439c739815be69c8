//! Since when alerts are active, from the series `ALERTS_FOR_STATE`: on the first start after
//! Prometheus, whose data we have and whose memory we do not.
//!
//! ## Model
//! As Prometheus does: after two evaluations, each alert that is active looks for its series. Where
//! its `for` had not passed when the series ended, it goes on with what was left, but fires only after
//! the grace period. Only rules whose `for` is at least the grace period look.

use bellwether_model::{Labels, METRIC_NAME, Matcher, TimeRange, is_stale_nan};
use bellwether_storage::{MetricStore, Samples, Selection, SelectionHints, StorageError};
use rustc_hash::FxHashMap;

use crate::alerting::ALERTS_FOR_STATE;
use crate::rule::{AlertWork, Rule};
use crate::world::RuleOptions;

/// What a series said last: when, and since when the alert was active.
#[derive(Debug, Clone, Copy)]
struct Found {
    down_at_ms: i64,
    active_at_ms: i64,
}

/// Restores the times of a rule's alerts.
pub(crate) fn from_series(
    rule: &mut Rule,
    store: &dyn MetricStore,
    options: &RuleOptions,
    now_ms: i64,
) -> Result<(), StorageError> {
    let info = std::sync::Arc::clone(&rule.info);
    let Some(alert) = rule.alert_mut() else {
        return Ok(());
    };
    let hold_ms = alert.rule.for_ms;
    if hold_ms < options.grace_period_ms || alert.state.live().next().is_none() {
        return Ok(());
    }
    let mut labels = AlertWork::fixed_labels(&info);
    labels.set(METRIC_NAME, ALERTS_FOR_STATE);
    labels.set(bellwether_model::ALERT_NAME, &alert.name);
    let matchers: Vec<Matcher> = labels
        .iter()
        .map(|(name, value)| Matcher::equal(name, value))
        .collect();
    let start_ms = now_ms.saturating_sub(options.outage_tolerance_ms);
    let range = TimeRange::new(start_ms, now_ms);
    let found = last_samples(store, &matchers, range)?;
    alert.state.set_active_at(|labels, _| {
        let found = found.get(labels)?;
        Some(active_at_ms(
            *found,
            hold_ms,
            options.grace_period_ms,
            now_ms,
        ))
    });
    Ok(())
}

fn active_at_ms(found: Found, hold_ms: i64, grace_ms: i64, now_ms: i64) -> i64 {
    let spent_ms = found.down_at_ms.saturating_sub(found.active_at_ms);
    let left_ms = hold_ms.saturating_sub(spent_ms);
    if left_ms <= 0 {
        // It fired, and does so again.
        found.active_at_ms
    } else if left_ms < grace_ms {
        now_ms.saturating_add(grace_ms).saturating_sub(hold_ms)
    } else {
        let down_ms = now_ms.saturating_sub(found.down_at_ms);
        found.active_at_ms.saturating_add(down_ms)
    }
}

/// The last sample of each series, by its labels without the name; none where that is a marker.
fn last_samples(
    store: &dyn MetricStore,
    matchers: &[Matcher],
    range: TimeRange,
) -> Result<FxHashMap<Labels, Found>, StorageError> {
    let selection = Selection {
        matchers,
        range,
        hints: SelectionHints::default(),
    };
    let mut found = FxHashMap::default();
    let mut samples = Samples::default();
    for series in store.select(&selection)? {
        samples.clear();
        series.read(range, &mut samples)?;
        if let (Some(&down_at_ms), Some(&value)) = (samples.times_ms.last(), samples.values.last())
            && !is_stale_nan(value)
            && value.is_finite()
        {
            // Saturates, as it should, for values that are no time.
            let active_at_ms = (value as i64).saturating_mul(1_000);
            let sample = Found {
                down_at_ms,
                active_at_ms,
            };
            found.insert(series.labels().without_name(), sample);
        }
    }
    Ok(found)
}
