//! An objective over stored history: its counts from the series themselves, not from recorded ones.
//!
//! ## Model
//! The queries that count are answered at each interval of the past, so that an objective that nobody
//! had yet can be asked what it would have cost, and one whose rules did not run has no gap.
//!
//! ## Invariants
//! Nothing is written.

use std::collections::BTreeMap;

use bellwether_model::{Labels, is_stale_nan};
use bellwether_promql::{CancelToken, Engine, QueryError, QueryRequest, QueryValue};
use bellwether_slo::ledger::{Ledger, Step};
use bellwether_storage::MetricStore;

use super::rules::count_queries;
use super::settings::ObjectiveSettings;

/// A query is answered for so many intervals at a time.
const INTERVALS_AT_ONCE: i64 = 10_000;

/// Why there is no history.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PastError {
    /// It is made of others.
    #[error("objective {id} is a composite: ask for its parts")]
    Composite {
        /// Which.
        id: String,
    },
    /// A query cannot be answered.
    #[error("objective {id}: {source}")]
    Query {
        /// Which objective.
        id: String,
        /// Why.
        source: QueryError,
    },
}

/// The two counts of an objective, all events and bad ones: their series, with a sample an interval.
pub type Counted = [BTreeMap<Labels, Vec<(i64, f64)>>; 2];

/// What an objective would have counted in `(from, to]`, in whole intervals up to its end.
///
/// # Errors
/// For composites, and where a query cannot be answered.
pub fn counted(
    store: &dyn MetricStore,
    engine: &Engine,
    objective: &ObjectiveSettings,
    (from_ms, to_ms): (i64, i64),
    cancel: &CancelToken,
) -> Result<Counted, PastError> {
    let Some(queries) = count_queries(objective) else {
        return Err(PastError::Composite { id: objective.id() });
    };
    let failed = |source| PastError::Query {
        id: objective.id(),
        source,
    };
    let interval_ms = objective.interval_ms;
    if to_ms.saturating_sub(from_ms) < interval_ms {
        return Ok(Counted::default());
    }
    let mut counted = Counted::default();
    for (query, series) in queries.iter().zip(&mut counted) {
        let prepared = engine
            .prepare(query)
            .map_err(|error| failed(QueryError::Parse(error)))?;
        // The last interval ends where the range does.
        let count = to_ms.saturating_sub(from_ms) / interval_ms;
        let mut start_ms = to_ms - (count - 1) * interval_ms;
        while start_ms <= to_ms {
            let end_ms = to_ms.min(start_ms + (INTERVALS_AT_ONCE - 1) * interval_ms);
            let request = QueryRequest {
                cancel: cancel.clone(),
                ..QueryRequest::default()
            };
            let outcome = engine
                .range_prepared(store, &prepared, (start_ms, end_ms), interval_ms, &request)
                .map_err(failed)?;
            if let QueryValue::Matrix(found) = outcome.value {
                for one in found {
                    let samples = one.samples.times_ms.iter().zip(&one.samples.values);
                    let sound = samples.filter(|(_, it)| !is_stale_nan(**it) && it.is_finite());
                    let into = series.entry(one.labels.without_name()).or_default();
                    into.extend(sound.map(|(time_ms, value)| (*time_ms, *value)));
                }
            }
            start_ms = end_ms + interval_ms;
        }
    }
    Ok(counted)
}

/// The same as a ledger for each budget, by the values of `group_by`.
///
/// # Errors
/// See [`counted`].
pub fn ledgers(
    store: &dyn MetricStore,
    engine: &Engine,
    objective: &ObjectiveSettings,
    range: (i64, i64),
    cancel: &CancelToken,
) -> Result<BTreeMap<Labels, Ledger>, PastError> {
    let interval_ms = objective.interval_ms;
    let mut steps: BTreeMap<Labels, [Vec<Step>; 2]> = BTreeMap::new();
    let counted = counted(store, engine, objective, range, cancel)?;
    for (which, series) in counted.into_iter().enumerate() {
        for (labels, samples) in series {
            let group = labels.filter(|name| objective.group_by.iter().any(|it| it == name));
            let steps = &mut steps.entry(group).or_default()[which];
            steps.extend(samples.into_iter().map(|(time_ms, amount)| Step {
                after_ms: time_ms - interval_ms,
                time_ms,
                amount,
            }));
        }
    }
    Ok(steps
        .into_iter()
        .map(|(group, [events, bad])| (group, Ledger::new(bad, events)))
        .collect())
}
