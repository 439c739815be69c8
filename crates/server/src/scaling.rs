//! Scalers as answers: what was decided, why, and a way to follow.
//!
//! ## Model
//! `GET /api/bellwether/v1/scalers` lists them, `…/{scaler}` tells one with its changes,
//! `…/{scaler}/follow?after=N&wait=30s` answers as soon as the number of workers is not the one that was
//! counted as `N`, or when the wait is over: pools of the SDK follow by it.
//!
//! ## Limits
//! Nobody waits longer than [`WAIT_MAX`].

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use bellwether_model::short;
use bellwether_model::time::parse_duration;
use bellwether_rules::scaling::{Change, Decided, ScalerStatus, Scalers};
use bellwether_scale::{Measured, Signals};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::envelope::{ApiError, ErrorType};
use crate::params::Params;
use crate::probing::success;

/// How long a follower waits who does not say.
const WAIT_DEFAULT: Duration = Duration::from_secs(30);
/// Chosen: below what proxies cut off.
const WAIT_MAX: Duration = Duration::from_secs(55);

/// All routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/bellwether/v1/scalers", get(list))
        .route("/api/bellwether/v1/scalers/{scaler}", get(one))
        .route("/api/bellwether/v1/scalers/{scaler}/follow", get(follow))
}

fn scalers(app: &App) -> Result<&Scalers, ApiError> {
    let scaling = app.services()?.scaling.as_ref();
    scaling.ok_or_else(|| ApiError::new(ErrorType::Unavailable, "this server scales nothing"))
}

fn find(app: &App, name: &str) -> Result<Arc<ScalerStatus>, ApiError> {
    scalers(app)?.status(name).ok_or_else(|| {
        let text = format!("there is no scaler {:?}", short(name));
        ApiError::new(ErrorType::NotFound, text)
    })
}

async fn list(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let statuses = scalers(&app)?.statuses();
    let values: Vec<Value> = statuses.iter().map(|it| Value::Object(value(it))).collect();
    Ok(success(json!({ "scalers": values })))
}

async fn one(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Response, ApiError> {
    let status = find(&app, &name)?;
    let mut value = value(&status);
    let changes: Vec<Value> = status.changes.iter().map(change).collect();
    value.insert("changes".to_owned(), json!(changes));
    Ok(success(Value::Object(value)))
}

/// Waits for another number than the one that the follower knows.
async fn follow(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let params = Params::parse(query.as_deref(), None);
    let settings = Arc::clone(&find(&app, &name)?.settings);
    let refused = if !settings.targets.sdk {
        Some("has no targets.sdk: nobody follows it here")
    } else if settings.is_dry_run {
        Some("is a dry run: it decides and tells nobody")
    } else {
        None
    };
    if let Some(why) = refused {
        let text = format!("scaler {:?} {why}", short(&name));
        return Err(ApiError::new(ErrorType::NotFound, text));
    }
    let after: Option<u64> = match params.get("after") {
        "" => None,
        text => {
            let number = text.parse();
            Some(number.map_err(|_| {
                let reason = format!("{:?}: want the number of an earlier answer", short(text));
                ApiError::invalid_parameter("after", reason)
            })?)
        }
    };
    let wait = match params.get("wait") {
        "" => WAIT_DEFAULT,
        text => {
            let ms = parse_duration(text);
            let ms = ms.map_err(|error| ApiError::invalid_parameter("wait", error))?;
            Duration::from_millis(ms.unsigned_abs())
        }
    };
    let until = tokio::time::Instant::now() + wait.min(WAIT_MAX);
    let mut stopping = app.stopping.subscribe();
    loop {
        let changes = scalers(&app)?.changes(&name);
        let status = find(&app, &name)?;
        let is_known = to_tell(&status).is_none_or(|decided| after == Some(decided.number));
        if is_known && let Some(mut changes) = changes {
            // What changed since `status` was read is told at once: the receiver is older.
            let is_later = tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => true,
                () = tokio::time::sleep_until(until) => true,
                _ = changes.changed() => false,
            };
            if !is_later {
                continue;
            }
        }
        return Ok(success(followed(&status)));
    }
}

/// What there is to tell a follower. Where processes share the workers, the whole number is for none of them.
fn to_tell(status: &ScalerStatus) -> Option<&Decided> {
    let decided = status.decided.as_ref()?;
    let is_for_each = decided.workers_each.is_some() || !status.settings.shares_workers();
    is_for_each.then_some(decided)
}

/// What a follower is told.
fn followed(status: &ScalerStatus) -> Value {
    match to_tell(status) {
        Some(decided) => Value::Object(number_of(decided)),
        None => json!({ "number": null, "workers": null }),
    }
}

fn seconds(time_ms: i64) -> f64 {
    time_ms as f64 / 1_000.0
}

fn value(status: &ScalerStatus) -> Map<String, Value> {
    let settings = &status.settings;
    let targets = &settings.targets;
    let labels = settings.labels.iter();
    let labels: Map<String, Value> = labels.map(|(name, it)| (name.clone(), json!(it))).collect();
    let problems = status.problems.iter();
    let problems: Vec<Value> = problems
        .map(|it| json!({ "signal": it.signal.as_str(), "text": it.text }))
        .collect();
    let keda = targets.keda.as_ref();
    let metric = targets.external_metric.as_ref();
    let value = json!({
        "name": settings.name,
        "labels": labels,
        "dryRun": settings.is_dry_run,
        "min": settings.policy.workers_min,
        "max": settings.policy.workers_max,
        "slotsPerWorker": settings.slots_per_worker,
        "interval": seconds(settings.interval_ms),
        "startUp": seconds(settings.start_up_ms),
        "turnedAt": status.turned_at_ms.map(seconds),
        "decided": status.decided.as_ref().map(decided),
        "problems": problems,
        "targets": {
            "keda": keda.map(|it| json!({ "name": it.name, "namespace": it.namespace })),
            "externalMetric": metric.map(|it| json!({ "name": it.name, "namespaces": it.namespaces })),
            "sdk": targets.sdk,
        },
    });
    match value {
        Value::Object(value) => value,
        _ => Map::new(),
    }
}

pub(crate) fn decided(decided: &Decided) -> Value {
    let mut value = number_of(decided);
    if let Some(decision) = &decided.decision {
        let wanted = decision.wants.iter();
        let wanted: Map<String, Value> = wanted
            .map(|want| (want.rule.as_str().to_owned(), json!(want.workers.ok())))
            .collect();
        value.insert("reason".to_owned(), json!(decision.reason.name()));
        value.insert("text".to_owned(), json!(decision.to_string()));
        value.insert("wanted".to_owned(), Value::Object(wanted));
        value.insert("set".to_owned(), json!(decision.signals.workers_target));
        value.insert("ready".to_owned(), json!(decision.signals.workers_ready));
        value.insert("seen".to_owned(), seen(&decision.signals));
    }
    Value::Object(value)
}

fn number_of(decided: &Decided) -> Map<String, Value> {
    let mut value = Map::new();
    value.insert("number".to_owned(), json!(decided.number));
    value.insert("workers".to_owned(), json!(decided.workers));
    value.insert("time".to_owned(), json!(seconds(decided.time_ms)));
    if let Some(each) = decided.workers_each {
        value.insert("workersEach".to_owned(), json!(each));
    }
    value
}

/// The signals that there were, by the names of the settings.
fn seen(signals: &Signals) -> Value {
    let latency = signals.latency_p95_ms.map(|it| Measured {
        value: it.value / 1_000.0,
        ..it
    });
    let all = [
        ("busy", signals.busy),
        ("waiting", signals.waiting),
        ("offered_load", signals.offered),
        ("service_time", signals.service_seconds),
        ("latency_p95", latency),
        ("tokens_per_second", signals.tokens_per_second),
        ("gpu_cache_use", signals.gpu_cache_use),
        ("budget_left", signals.budget_left),
    ];
    let seen = all.iter();
    let seen: Map<String, Value> = seen
        .filter_map(|(name, it)| Some(((*name).to_owned(), json!((*it)?.value))))
        .collect();
    Value::Object(seen)
}

fn change(change: &Change) -> Value {
    json!({
        "time": seconds(change.time_ms),
        "from": change.from,
        "to": change.to,
        "reason": change.reason,
        "text": change.text,
    })
}
