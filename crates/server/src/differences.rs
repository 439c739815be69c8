//! What is different here: a selection of a graph beside a baseline.
//!
//! ## Model
//! `POST /api/bellwether/v1/differences` takes a query, a selection (a span of time, and a band of values where one was drawn)
//! and a baseline, which may be what is left of a span without the selection. It tells the labels whose values are spread
//! otherwise, those first that tell most. How they are found is told by [`bellwether_rules::differences`].
//!
//! ## Limits
//! It takes a turn as queries do, [`SPAN_MS_MAX`], [`TIME_MAX`], and ends when the client hangs up.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use bellwether_model::{METRIC_NAME, MatchOp, MetricType};
use bellwether_promql::ast::VectorSelector;
use bellwether_promql::{CancelToken, QueryError};
use bellwether_rules::differences::{
    Band, DifferenceSettings, Differences, LabelDifference, Span, ValueDifference, differences,
};
use serde_json::{Value, json};

use crate::api::query_error;
use crate::app::{App, acquire};
use crate::body;
use crate::envelope::{ApiError, ErrorType};
use crate::fields::{self, Fields};
use crate::long_work::cancellable;
use crate::probing::success;
use crate::routing::seconds;
use crate::services::Services;

/// Bytes of a request. Chosen: long queries have some thousand.
const BODY_BYTES_MAX: usize = 256 << 10;
/// The longest span, ms. Chosen: a year that is looked at a month later; queries have limits of their own.
const SPAN_MS_MAX: i64 = 400 * 86_400_000;
/// How long it may take.
const TIME_MAX: Duration = Duration::from_secs(60);

/// All routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/bellwether/v1/differences", post(compare))
}

fn read(body: &[u8]) -> Result<DifferenceSettings, ApiError> {
    let entries = fields::object(body)?;
    let fields = Fields::new(&entries);
    fields.only(&["query", "selection", "baseline"])?;
    let query = fields.needed_text("query", "a selector, or an expression")?;
    let selection = fields.fields("selection")?;
    selection.only(&["start", "end", "low", "high"])?;
    let baseline = fields.fields("baseline")?;
    baseline.only(&["start", "end", "rest"])?;
    let band = band(selection.number("low")?, selection.number("high")?)?;
    Ok(DifferenceSettings {
        query,
        selection: span(&selection, "selection")?,
        band,
        baseline: span(&baseline, "baseline")?,
        is_rest: baseline.boolean("rest")?,
        metric_type: None,
        cancel: CancelToken::default(),
    })
}

/// One that has no end is open there.
fn band(low: Option<f64>, high: Option<f64>) -> Result<Option<Band>, ApiError> {
    if low.is_none() && high.is_none() {
        return Ok(None);
    }
    for (key, value) in [("low", low), ("high", high)] {
        if value.is_some_and(f64::is_nan) {
            let text = format_args!("selection.{key} NaN: want a number");
            return Err(ApiError::bad_data(text));
        }
    }
    let low = low.unwrap_or(f64::NEG_INFINITY);
    let high = high.unwrap_or(f64::INFINITY);
    if low > high {
        let text = format_args!("selection.high {high}: want at least selection.low, {low}");
        return Err(ApiError::bad_data(text));
    }
    Ok(Some(Band { low, high }))
}

fn span(fields: &Fields<'_>, place: &str) -> Result<Span, ApiError> {
    let (start_ms, end_ms) = (fields.needed_time("start")?, fields.needed_time("end")?);
    let length_ms = end_ms.saturating_sub(start_ms);
    if length_ms <= 0 {
        let (start, end) = (seconds(start_ms), seconds(end_ms));
        let text = format_args!("{place}.end {end}: want a time after {place}.start, {start}");
        return Err(ApiError::bad_data(text));
    }
    if length_ms > SPAN_MS_MAX {
        let days = SPAN_MS_MAX / 86_400_000;
        let (start, end) = (seconds(start_ms), seconds(end_ms));
        let text = format_args!(
            "{place}.end {end}: want at most {days} days after {place}.start, {start}"
        );
        return Err(ApiError::bad_data(text));
    }
    Ok(Span { start_ms, end_ms })
}

async fn compare(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, BODY_BYTES_MAX).await;
    let mut settings = read(&bytes.map_err(ApiError::bad_data)?)?;
    let services = app.services()?.clone();
    let permit = acquire(&app.query_gate).await?;
    let token = settings.cancel.clone();
    let done = cancellable(&app, &token, TIME_MAX, move || {
        let _permit = permit;
        settings.metric_type = metric_type(&services, &settings.query);
        let found = differences(services.store.as_ref(), &services.engine, &settings);
        found.map(|found| answer(&settings, &found))
    });
    match done.await? {
        Ok(answer) => Ok(success(answer)),
        Err(QueryError::Cancelled(_)) => {
            let limit = TIME_MAX.as_secs();
            let text =
                format!("the comparison was ended: it may take {limit} s; take shorter spans");
            Err(ApiError::new(ErrorType::Timeout, text))
        }
        Err(error) => Err(query_error(error)),
    }
}

/// What targets and senders say of the one metric that a query asks.
fn metric_type(services: &Services, query: &str) -> Option<MetricType> {
    fn name_of(selector: &VectorSelector) -> Option<&str> {
        let mut names = selector.matchers.iter();
        let name = names.find(|it| it.name == METRIC_NAME && it.op == MatchOp::Equal)?;
        Some(&name.value)
    }
    let query = services.engine.prepare(query).ok()?;
    let selectors = query.expr().selectors();
    let name = name_of(selectors.first()?)?;
    if !selectors.iter().all(|it| name_of(it) == Some(name)) {
        return None;
    }
    let targets = services.targets.metadata(Some(name)).into_iter();
    let stored = services.store.metadata(Some(name)).unwrap_or_default();
    let known = targets.map(|it| it.metadata.metric_type);
    let mut known = known.chain(stored.into_iter().map(|it| it.metadata.metric_type));
    known.find(|it| *it != MetricType::Unknown)
}

fn answer(settings: &DifferenceSettings, found: &Differences) -> Value {
    json!({
        "query": settings.query,
        "measure": found.measure.as_str(),
        "metric": found.metric,
        // An end that is open is null.
        "band": found.band.map(|band| json!({ "low": band.low, "high": band.high })),
        "countsEvents": found.counts_events,
        "selection": {
            "start": seconds(settings.selection.start_ms),
            "end": seconds(settings.selection.end_ms),
            "value": found.selection,
            "series": found.selection_series,
        },
        "baseline": {
            "start": seconds(settings.baseline.start_ms),
            "end": seconds(settings.baseline.end_ms),
            "rest": settings.is_rest,
            "value": found.baseline,
            "series": found.baseline_series,
        },
        "labels": found.labels.iter().map(label_json).collect::<Vec<_>>(),
        "same": found.same,
        "notes": found.notes,
    })
}

fn label_json(label: &LabelDifference) -> Value {
    json!({
        "label": label.label,
        "score": label.score,
        "addsUp": label.adds_up,
        "values": label.values.iter().map(value_json).collect::<Vec<_>>(),
        "leftOut": label.left_out,
    })
}

fn value_json(value: &ValueDifference) -> Value {
    json!({
        "value": value.value,
        "selection": value.selection,
        "baseline": value.baseline,
        "selectionShare": value.selection_share,
        "baselineShare": value.baseline_share,
        "difference": value.difference,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_requests_say_what_is_wrong() {
        for (body, want) in [
            ("{}", "query is missing: a selector, or an expression"),
            (r#"{"query": "up"}"#, "selection: want an object"),
            (
                r#"{"query": "up", "selection": {"low": 2, "high": 1}, "baseline": {}}"#,
                "selection.high 1: want at least selection.low, 2",
            ),
            (
                r#"{"query": "up", "selection": {"low": "NaN"}, "baseline": {}}"#,
                "selection.low NaN: want a number",
            ),
            (
                r#"{"query": "up", "selection": {"start": 2, "end": 2}, "baseline": {}}"#,
                "selection.end 2: want a time after selection.start, 2",
            ),
            (
                r#"{"query": "up", "selection": {"start": 1, "end": 2},
                    "baseline": {"start": 0, "end": 1e8}}"#,
                "baseline.end 100000000: want at most 400 days after baseline.start, 0",
            ),
            (
                r#"{"query": "up", "selection": {"start": 1, "end": 2}, "baseline": {"low": 1}}"#,
                "unknown key \"baseline.low\": want some of start, end, rest",
            ),
            (
                r#"{"query": "up", "selection": {"start": 1, "end": 2},
                    "baseline": {"start": 0, "end": 2, "rest": 1}}"#,
                "baseline.rest: want true or false",
            ),
        ] {
            let error = read(body.as_bytes()).unwrap_err();
            assert_eq!(error.message, want, "{body}");
        }
    }
}
