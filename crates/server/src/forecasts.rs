//! Forecasts as an answer.
//!
//! ## Model
//! `GET /api/bellwether/v1/forecasts?name=&limit=` lists the forecasts of the configuration, each with its
//! series: those with an alarm first, then those that run out first.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use bellwether_forecast::anomaly::Verdict;
use bellwether_forecast::bottleneck::{Bottleneck, Cause};
use bellwether_forecast::shift::Shift;
use bellwether_model::Labels;
use bellwether_rules::prediction::Predictions;
use bellwether_rules::prediction::settings::JobSettings;
use bellwether_rules::prediction::status::{
    JobStatus, PathStatus, PredictionStatus, SeriesStatus, TimeLeft,
};
use serde_json::{Map, Value, json};

use crate::api::{Call, responding_get};
use crate::app::App;
use crate::envelope::{ApiError, ErrorType};
use crate::probing::success;

/// Series of one forecast that an answer has where nobody says how many.
const SERIES_SHOWN: usize = 100;

/// All routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/bellwether/v1/forecasts", responding_get(list))
}

fn predictions(app: &App) -> Result<&Predictions, ApiError> {
    let predictions = app.services()?.predictions.as_ref();
    predictions
        .ok_or_else(|| ApiError::new(ErrorType::Unavailable, "this server forecasts nothing"))
}

async fn list(call: Call) -> Result<Response, ApiError> {
    let predictions = predictions(&call.app)?.clone();
    let name = call.params.all("name").next().map(str::to_owned);
    let series_max = match call.params.limit()? {
        0 => SERIES_SHOWN,
        limit => limit,
    };
    // A turn that runs is waited for.
    let statuses =
        tokio::task::spawn_blocking(move || predictions.statuses(name.as_deref(), series_max));
    let statuses = statuses
        .await
        .map_err(|error| ApiError::new(ErrorType::Internal, error.to_string()))?;
    let found: Vec<Value> = statuses.iter().map(value).collect();
    Ok(success(json!({ "forecasts": found })))
}

fn value(status: &PredictionStatus) -> Value {
    match status {
        PredictionStatus::Job(job) => job_value(job),
        PredictionStatus::Path(path) => path_value(path),
    }
}

fn job_value(job: &JobStatus) -> Value {
    let settings = &job.settings;
    let series = job.series.iter().map(|one| series(one, settings));
    json!({
        "name": settings.name,
        "query": settings.query,
        "intervalSeconds": seconds(settings.interval_ms),
        "stepSeconds": seconds(settings.step_ms),
        "lastTurn": job.turned_at_ms.map(seconds),
        "learnt": job.learnt,
        "seriesCount": job.series_count,
        "provisionalCount": job.provisional_count,
        "refusedCount": job.refused_count,
        "problem": job.problem,
        "series": series.collect::<Vec<_>>(),
    })
}

fn series(one: &SeriesStatus, settings: &JobSettings) -> Value {
    let expected = one.expected.iter().map(|expected| {
        json!({
            "horizon": settings.horizons[expected.horizon].text,
            "mean": finite(expected.mean),
            "quantiles": by_level(settings, expected.quantiles.iter().map(|it| finite(*it))),
        })
    });
    json!({
        "labels": labels(&one.labels),
        "lastTime": one.last.map(|(time_ms, _)| seconds(time_ms)),
        "lastValue": one.last.and_then(|(_, value)| finite(value)),
        "model": one.model.as_deref(),
        "provisional": one.is_provisional,
        "forecasts": expected.collect::<Vec<_>>(),
        "anomaly": one.anomaly.as_ref().map(anomaly),
        "degradation": one.shift.as_ref().map(shift),
        "exhaustion": one.left.as_ref().map(|left| time_left(left, settings)),
    })
}

fn anomaly(verdict: &Verdict) -> Value {
    let why = &verdict.explanation;
    json!({
        "score": verdict.score,
        "alarm": verdict.alarm,
        "what": why.part.to_string(),
        "onceIn": finite(why.once_in),
        "expected": finite(why.expected),
        "low": finite(why.low),
        "high": finite(why.high),
        "outside": finite(why.outside),
    })
}

fn shift(shift: &Shift) -> Value {
    json!({
        "since": seconds(shift.began_ms),
        "seen": seconds(shift.seen_ms),
        "before": finite(shift.before),
        "after": finite(shift.after),
        "low": finite(shift.magnitude.0),
        "high": finite(shift.magnitude.1),
    })
}

fn time_left(left: &TimeLeft, settings: &JobSettings) -> Value {
    let seconds_left = left.quantiles_ms.iter().map(|ms| ms.map(seconds));
    json!({
        "limit": left.limit,
        "medianSeconds": left.median_ms.map(seconds),
        "quantilesSeconds": by_level(settings, seconds_left),
        "probability": left.probability,
        "horizonSeconds": seconds(left.horizon_ms),
        "pacePerHour": finite(left.pace_per_hour),
    })
}

fn path_value(path: &PathStatus) -> Value {
    let settings = &path.settings;
    json!({
        "name": settings.name,
        "intervalSeconds": seconds(settings.interval_ms),
        "stepSeconds": seconds(settings.step_ms),
        "lastTurn": path.turned_at_ms.map(seconds),
        "problem": path.problem,
        "bottleneck": path.bottleneck.as_ref().map(bottleneck),
    })
}

fn bottleneck(found: &Bottleneck) -> Value {
    json!({
        "secondsBefore": finite(found.seconds.0),
        "secondsAfter": finite(found.seconds.1),
        "deviations": finite(found.deviations),
        "unexplained": found.unexplained,
        "stages": found.causes.iter().map(cause).collect::<Vec<_>>(),
    })
}

fn cause(cause: &Cause) -> Value {
    json!({
        "stage": cause.name,
        "share": cause.share,
        "confidence": cause.confidence,
        "reason": cause.reason.to_string(),
        "secondsBefore": finite(cause.seconds.0),
        "secondsAfter": finite(cause.seconds.1),
        "text": cause.to_string(),
    })
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn by_level(settings: &JobSettings, values: impl Iterator<Item = Option<f64>>) -> Value {
    let levels = settings.quantiles.iter().zip(values);
    let levels = levels.map(|(level, value)| (level.to_string(), json!(value)));
    Value::Object(levels.collect::<Map<_, _>>())
}

fn labels(labels: &Labels) -> Value {
    let pairs = labels
        .iter()
        .map(|(name, value)| (name.to_owned(), json!(value)));
    Value::Object(pairs.collect::<Map<_, _>>())
}
