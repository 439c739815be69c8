//! What is different here: a selection of a graph beside a baseline.
//!
//! ## Model
//! `POST /api/bellwether/v1/differences` takes a query, a selection (a span of time, and a band of values where one was drawn)
//! and a baseline, and tells the labels whose values are spread otherwise, those first that tell most. How they are found is
//! told by [`bellwether_rules::differences`].
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
use bellwether_promql::ast::Expr;
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
/// The longest span, ms. Chosen: a month.
const SPAN_MS_MAX: i64 = 31 * 86_400_000;
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
    baseline.only(&["start", "end"])?;
    let band = match (selection.number("low")?, selection.number("high")?) {
        (None, None) => None,
        (low, high) => {
            let low = low.unwrap_or(f64::NEG_INFINITY);
            let high = high.unwrap_or(f64::INFINITY);
            // NaN is below nothing.
            if !matches!(
                low.partial_cmp(&high),
                Some(std::cmp::Ordering::Less | std::cmp::Ordering::Equal)
            ) {
                let text =
                    format_args!("selection.high {high}: want at least selection.low, {low}");
                return Err(ApiError::bad_data(text));
            }
            Some(Band { low, high })
        }
    };
    Ok(DifferenceSettings {
        query,
        selection: span(&selection, "selection")?,
        band,
        baseline: span(&baseline, "baseline")?,
        metric_type: None,
        cancel: CancelToken::default(),
    })
}

fn span(fields: &Fields<'_>, place: &str) -> Result<Span, ApiError> {
    let (start_ms, end_ms) = (fields.needed_time("start")?, fields.needed_time("end")?);
    let length_ms = end_ms.saturating_sub(start_ms);
    if length_ms <= 0 {
        let text = format_args!("{place}.end: it is not after {place}.start");
        return Err(ApiError::bad_data(text));
    }
    if length_ms > SPAN_MS_MAX {
        let days = SPAN_MS_MAX / 86_400_000;
        let text = format_args!("{place}.end: it is more than {days} days after {place}.start");
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

/// What targets and senders say of the metric that a selector names.
fn metric_type(services: &Services, query: &str) -> Option<MetricType> {
    let expr = services.engine.prepare(query).ok()?;
    let Expr::Vector(selector) = expr.expr().unwrap_parens() else {
        return None;
    };
    let mut names = selector.matchers.iter();
    let name = names.find(|it| it.name == METRIC_NAME && it.op == MatchOp::Equal)?;
    let name = name.value.as_str();
    let targets = services.targets.metadata(Some(name)).into_iter();
    let stored = services.store.metadata(Some(name)).unwrap_or_default();
    let known = targets.map(|it| it.metadata.metric_type);
    let mut known = known.chain(stored.into_iter().map(|it| it.metadata.metric_type));
    known.find(|it| *it != MetricType::Unknown)
}

fn answer(settings: &DifferenceSettings, found: &Differences) -> Value {
    let whole = |span: Span, value: f64, series: usize| {
        json!({
            "start": seconds(span.start_ms),
            "end": seconds(span.end_ms),
            "value": value,
            "series": series,
        })
    };
    json!({
        "query": settings.query,
        "measure": found.measure.as_str(),
        "selection": whole(settings.selection, found.selection, found.selection_series),
        "baseline": whole(settings.baseline, found.baseline, found.baseline_series),
        "labels": found.labels.iter().map(label_json).collect::<Vec<_>>(),
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
                "selection.high inf: want at least selection.low, NaN",
            ),
            (
                r#"{"query": "up", "selection": {"start": 2, "end": 2}, "baseline": {}}"#,
                "selection.end: it is not after selection.start",
            ),
            (
                r#"{"query": "up", "selection": {"start": 1, "end": 2},
                    "baseline": {"start": 0, "end": 1e8}}"#,
                "baseline.end: it is more than 31 days after baseline.start",
            ),
            (
                r#"{"query": "up", "selection": {"start": 1, "end": 2}, "baseline": {"low": 1}}"#,
                "unknown key \"baseline.low\": want some of start, end",
            ),
        ] {
            let error = read(body.as_bytes()).unwrap_err();
            assert_eq!(error.message, want, "{body}");
        }
    }
}
