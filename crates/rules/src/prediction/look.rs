//! Queries of predictions, answered.

use bellwether_model::{Labels, ShortLabels, Value, is_stale_nan, short};
use bellwether_promql::{CancelToken, Engine, Prepared, QueryRequest, QueryValue};
use bellwether_storage::MetricStore;
use rustc_hash::FxHashMap;

use crate::error::RulesError;

/// What queries are asked with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) store: &'a dyn MetricStore,
    pub(super) engine: &'a Engine,
    pub(super) cancel: &'a CancelToken,
}

/// A series with its samples, without its name.
pub(super) type Found = (Labels, Vec<(i64, f64)>);

/// Reads a query of the prediction `name`.
///
/// # Errors
/// Where it is none.
pub(super) fn prepared(
    engine: &Engine,
    name: &str,
    key: &'static str,
    query: &str,
) -> Result<Prepared, RulesError> {
    engine.prepare(query).map_err(|error| RulesError::Forecast {
        forecast: name.to_owned(),
        key,
        source: Box::new(error),
    })
}

impl Asker<'_> {
    fn request(&self) -> QueryRequest {
        QueryRequest {
            cancel: self.cancel.clone(),
            ..QueryRequest::default()
        }
    }

    /// The numbers of an instant vector; a scalar is one without labels.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(super) fn instant(
        &self,
        query: &Prepared,
        time_ms: i64,
    ) -> Result<Vec<(Labels, f64)>, String> {
        let outcome = self
            .engine
            .instant_prepared(self.store, query, time_ms, &self.request())
            .map_err(|error| error.to_string())?;
        match outcome.value {
            QueryValue::Scalar { value, .. } => Ok(vec![(Labels::empty(), value)]),
            QueryValue::Vector(elements) => {
                let numbers = elements.into_iter().filter_map(|one| match one.value {
                    Value::Float(value) if !is_stale_nan(value) => Some((one.labels, value)),
                    _ => None,
                });
                without_names(numbers)
            }
            other => Err(format!(
                "the answer is a {}: want an instant vector",
                other.type_name()
            )),
        }
    }

    /// The numbers at each step from the first to the last time, both included.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(super) fn range(
        &self,
        query: &Prepared,
        (first_ms, last_ms): (i64, i64),
        step_ms: i64,
    ) -> Result<Vec<Found>, String> {
        if first_ms == last_ms {
            let found = self.instant(query, first_ms)?.into_iter();
            return Ok(found
                .map(|(labels, value)| (labels, vec![(first_ms, value)]))
                .collect());
        }
        let span = (first_ms, last_ms);
        let outcome = self
            .engine
            .range_prepared(self.store, query, span, step_ms, &self.request())
            .map_err(|error| error.to_string())?;
        let QueryValue::Matrix(series) = outcome.value else {
            return Err("the answer is no matrix".to_owned());
        };
        let numbers = series.into_iter().map(|one| {
            let samples = one.samples.times_ms.iter().zip(&one.samples.values);
            let sound = samples.filter(|(_, value)| !is_stale_nan(**value));
            let sound = sound.map(|(time_ms, value)| (*time_ms, *value));
            (one.labels, sound.collect())
        });
        without_names(numbers)
    }

    /// The numbers of the only series at each step; NaN where it has none.
    ///
    /// # Errors
    /// Why there is no answer, and that there are several series.
    pub(super) fn only(
        &self,
        query: &Prepared,
        (first_ms, last_ms): (i64, i64),
        step_ms: i64,
    ) -> Result<Vec<f64>, String> {
        let found = self.range(query, (first_ms, last_ms), step_ms)?;
        if found.len() > 1 {
            return Err(format!(
                "{} gives {} series: want one",
                query.text(),
                found.len()
            ));
        }
        let count = usize::try_from((last_ms - first_ms) / step_ms + 1).unwrap_or(0);
        let mut values = vec![f64::NAN; count];
        for (time_ms, value) in found.into_iter().flat_map(|(_, samples)| samples) {
            let at = usize::try_from((time_ms - first_ms) / step_ms).unwrap_or(usize::MAX);
            if let Some(place) = values.get_mut(at) {
                *place = value;
            }
        }
        Ok(values)
    }
}

/// Takes the names of metrics away.
///
/// # Errors
/// Where two series differ in their names only: they would become one.
fn without_names<T>(found: impl Iterator<Item = (Labels, T)>) -> Result<Vec<(Labels, T)>, String> {
    let mut names: FxHashMap<Labels, Labels> = FxHashMap::default();
    let mut numbers = Vec::new();
    for (labels, value) in found {
        let nameless = labels.without_name();
        if let Some(before) = names.insert(nameless.clone(), labels.clone()) {
            let (a, b) = (before.metric_name(), labels.metric_name());
            return Err(format!(
                "vector cannot contain metrics with the same labelset: {} and {} both have {}; \
                 aggregate them, or ask for one of them",
                short(a),
                short(b),
                ShortLabels(&nameless)
            ));
        }
        numbers.push((nameless, value));
    }
    Ok(numbers)
}
