//! Objectives as an answer.
//!
//! ## Model
//! `GET /api/bellwether/v1/objectives?service=&verdict=` lists all of them with how each of their budgets
//! stands, `…/objectives/{objective}` (`service%2Fname`) tells one with the rules that follow from it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use bellwether_model::{Labels, short};
use bellwether_rules::objective::status::{Lasts, ObjectiveStatus, Verdict};
use bellwether_rules::objective::{
    Indicator, ObjectiveReport, ObjectiveSettings, Objectives, rules,
};
use bellwether_slo::period::Period;
use serde_json::{Map, Value, json};

use crate::api::{Call, responding_get};
use crate::app::App;
use crate::envelope::{ApiError, ErrorType};
use crate::probing::success;

/// All routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/bellwether/v1/objectives", responding_get(list))
        .route("/api/bellwether/v1/objectives/{objective}", get(one))
}

fn objectives(app: &App) -> Result<&Objectives, ApiError> {
    let objectives = app.services()?.objectives.as_ref();
    objectives
        .ok_or_else(|| ApiError::new(ErrorType::Unavailable, "this server keeps no objectives"))
}

async fn list(call: Call) -> Result<Response, ApiError> {
    let verdicts = Verdict::ALL.map(Verdict::as_str);
    let mut wanted = Vec::new();
    for word in call.params.all("verdict").flat_map(|text| text.split(',')) {
        let word = word.trim();
        if !verdicts.contains(&word) {
            let reason = format!("{:?}: want one of {}", short(word), verdicts.join(", "));
            return Err(ApiError::invalid_parameter("verdict", reason));
        }
        wanted.push(word.to_owned());
    }
    let services: Vec<&str> = call.params.all("service").collect();
    let reports = objectives(&call.app)?.reports();
    let is_wanted = |report: &&ObjectiveReport| {
        let verdict = worst(report).as_str();
        (services.is_empty() || services.contains(&report.settings.service.as_str()))
            && (wanted.is_empty() || wanted.iter().any(|it| it == verdict))
    };
    let found: Vec<Value> = reports.iter().filter(is_wanted).map(value).collect();
    Ok(success(json!({ "objectives": found })))
}

async fn one(State(app): State<Arc<App>>, Path(text): Path<String>) -> Result<Response, ApiError> {
    let objectives = objectives(&app)?;
    let reports = objectives.reports();
    let report = reports
        .iter()
        .find(|report| report.settings.id() == text)
        .ok_or_else(|| {
            let text = format!("there is no objective {:?}", short(&text));
            ApiError::new(ErrorType::NotFound, text)
        })?;
    let mut value = value(report);
    let group = rules::group(&report.settings, &objectives.settings());
    let rules: Vec<Value> = group
        .rules
        .iter()
        .map(|rule| json!({ "name": rule.name(), "alert": rule.is_alert(), "query": rule.expr }))
        .collect();
    if let Some(object) = value.as_object_mut() {
        object.insert("ruleGroup".to_owned(), json!(group.name));
        object.insert("rules".to_owned(), json!(rules));
    }
    Ok(success(value))
}

/// The worst verdict of all budgets; unknown where there are none.
pub(crate) fn worst(report: &ObjectiveReport) -> Verdict {
    let verdicts = report.statuses.iter().map(ObjectiveStatus::verdict);
    verdicts.max().unwrap_or(Verdict::Unknown)
}

fn value(report: &ObjectiveReport) -> Value {
    let settings = &report.settings;
    let budgets: Vec<Value> = report
        .statuses
        .iter()
        .map(|status| budget(settings, status))
        .collect();
    json!({
        "objective": settings.id(),
        "name": settings.name,
        "service": settings.service,
        "description": settings.description,
        "entity": settings.entity,
        "labels": pairs(&settings.labels),
        "target": target(settings),
        "period": period(settings),
        "indicator": indicator(settings),
        "verdict": worst(report).as_str(),
        "problem": report.problem,
        "latencyErrorShare": report.latency_error,
        "budgets": budgets,
    })
}

/// Money and tokens have a limit and no target.
fn target(settings: &ObjectiveSettings) -> Option<f64> {
    let has_limit = matches!(settings.indicator, Indicator::Spend { .. });
    (!has_limit).then_some(settings.target)
}

fn period(settings: &ObjectiveSettings) -> Value {
    match settings.period {
        Period::Rolling { span_ms } => json!({ "rollingSeconds": span_ms / 1_000 }),
        Period::Calendar(calendar) => json!({
            "calendar": format!("{:?}", calendar.unit).to_lowercase(),
            "count": calendar.count,
            "timeZone": settings.time_zone,
        }),
    }
}

fn indicator(settings: &ObjectiveSettings) -> &'static str {
    match settings.indicator {
        Indicator::Ratio { .. } => "ratio",
        Indicator::Share { .. } => "error_ratio",
        Indicator::Latency { .. } => "latency",
        Indicator::Samples { .. } => "availability",
        Indicator::Freshness { .. } => "freshness",
        Indicator::Spend { .. } => "spend",
        Indicator::Composite { .. } => "composite",
    }
}

fn budget(settings: &ObjectiveSettings, status: &ObjectiveStatus) -> Value {
    let spenders: Vec<Value> = status
        .spenders
        .iter()
        .map(|it| {
            json!({
                "labels": labels(&it.key),
                "bad": it.counts.bad,
                "total": it.counts.total,
                "badShare": it.bad_share,
                "totalShare": it.total_share,
                "burnRate": finite(Some(it.burn)),
            })
        })
        .collect();
    json!({
        "labels": labels(&status.group),
        "verdict": status.verdict().as_str(),
        "start": status.period_ms.0 as f64 / 1000.0,
        "end": status.period_ms.1 as f64 / 1000.0,
        "bad": status.counts.bad,
        "total": status.counts.total,
        "allowed": status.allowed,
        "left": finite(status.left),
        "goodRatio": finite(status.good_ratio),
        "burnRateHour": finite(status.burn_hour),
        "burnRateDay": finite(status.burn_day),
        "unmeasuredShare": status.unmeasured,
        "hoursLeft": status.lasts.as_ref().map(hours),
        "spentBy": if settings.spent_by.is_empty() { Vec::new() } else { spenders },
        "problem": status.problem,
    })
}

fn hours(lasts: &Lasts) -> Value {
    json!({
        "low": lasts.low_hours,
        "median": lasts.median_hours,
        "high": lasts.high_hours,
        "probability": lasts.probability,
        "horizon": lasts.horizon_hours,
    })
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

fn labels(labels: &Labels) -> Value {
    let pairs = labels
        .iter()
        .map(|(name, value)| (name.to_owned(), json!(value)));
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn pairs(pairs: &[(String, String)]) -> Value {
    let pairs = pairs
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)));
    Value::Object(pairs.collect::<Map<_, _>>())
}
