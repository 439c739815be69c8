//! The past of an objective that is new: what it would have counted, written once.
//!
//! ## Model
//! Rules count from when they are there. What is stored of the series before is counted here, from the
//! beginning of the period up to the first count that the rules have written, so that a budget is
//! known as soon as an objective is.
//!
//! ## Invariants
//! Nothing is counted twice: what is written ends where the window of the first count that is there
//! begins, or where that of the first one may that is about to come. An objective whose query is
//! changed is counted anew, also where that was while the server was down: the series `slo:revision` tells.

use bellwether_model::{Labels, METRIC_NAME, TimeRange, is_stale_nan};
use bellwether_promql::{CancelToken, Engine};
use bellwether_storage::{MetricStore, Source, StorageError, WriteBatch};
use xxhash_rust::xxh3::xxh3_64;

use super::past::{PastError, counted};
use super::rules::{BAD_EVENTS, EVENTS, QUERY_OFFSET_MS, REVISION, series_labels};
use super::settings::ObjectiveSettings;
use super::stored::each_series;

/// Why the past was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum BackfillError {
    /// It cannot be counted.
    #[error(transparent)]
    Past(#[from] PastError),
    /// The store cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Counts what came before the first count in `(from, now]`; gives how many samples were written.
///
/// # Errors
/// Where the past cannot be counted or the store does not take it.
pub(super) fn backfill(
    store: &dyn MetricStore,
    engine: &Engine,
    objective: &ObjectiveSettings,
    (from_ms, now_ms): (i64, i64),
    cancel: &CancelToken,
) -> Result<usize, BackfillError> {
    let first_ms = first_count(store, objective, (from_ms, now_ms))?;
    let to_ms = first_ms
        // The next count of the rules is of an interval that ended so long ago.
        .unwrap_or_else(|| now_ms.saturating_sub(QUERY_OFFSET_MS))
        .saturating_sub(objective.interval_ms);
    if to_ms <= from_ms {
        return Ok(0);
    }
    let source = Source::new("objectives");
    let mut written = 0;
    let found = counted(store, engine, objective, (from_ms, to_ms), cancel)?;
    for (metric, series) in [EVENTS, BAD_EVENTS].into_iter().zip(found) {
        for (labels, samples) in series {
            let labels = full_labels(objective, metric, &labels);
            let mut batch = WriteBatch::default();
            let series = store.register(&source, None, &labels)?;
            for (time_ms, value) in samples {
                batch.push(series, time_ms, value);
            }
            written += batch.series.len();
            store.write(&source, &batch)?;
        }
    }
    Ok(written)
}

/// Deletes what was counted of an objective, by queries that it has no longer.
///
/// # Errors
/// Where the store does not delete.
pub(super) fn forget(
    store: &dyn MetricStore,
    objective: &ObjectiveSettings,
    now_ms: i64,
) -> Result<(), StorageError> {
    let counts = [EVENTS, BAD_EVENTS].map(|metric| objective.matchers(metric).to_vec());
    store.delete(&counts, TimeRange::new(i64::MIN, now_ms))
}

/// The labels that the rule gives its result.
fn full_labels(objective: &ObjectiveSettings, metric: &str, labels: &Labels) -> Labels {
    let mut builder = labels.to_builder();
    for (name, value) in series_labels(objective) {
        builder.set(&name, &value);
    }
    builder.set(METRIC_NAME, metric);
    builder.build()
}

/// The time of the first count of all events that is there.
fn first_count(
    store: &dyn MetricStore,
    objective: &ObjectiveSettings,
    range: (i64, i64),
) -> Result<Option<i64>, StorageError> {
    let mut first_ms: Option<i64> = None;
    each_series(store, objective, EVENTS, range, |_, samples| {
        let mut found = samples.times_ms.iter().zip(&samples.values);
        let first = found.find(|(_, value)| !is_stale_nan(**value));
        first_ms = first_ms.into_iter().chain(first.map(|it| *it.0)).min();
    })?;
    Ok(first_ms)
}

/// A number that changes with the queries of an objective, as `slo:revision` keeps it.
pub(super) fn revision(queries: &[String; 2]) -> f64 {
    // As many bits as a float has.
    (xxh3_64(queries.join("\n").as_bytes()) >> 11) as f64
}

/// The newest [`revision`] that was written.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn last_revision(
    store: &dyn MetricStore,
    objective: &ObjectiveSettings,
    range: (i64, i64),
) -> Result<Option<f64>, StorageError> {
    let mut last: Option<(i64, f64)> = None;
    each_series(store, objective, REVISION, range, |_, samples| {
        let found = samples.times_ms.iter().zip(&samples.values);
        let mut found = found.filter(|(_, value)| value.is_finite());
        if let Some((&time_ms, &value)) = found.next_back()
            && last.is_none_or(|last| last.0 < time_ms)
        {
            last = Some((time_ms, value));
        }
    })?;
    Ok(last.map(|it| it.1))
}
