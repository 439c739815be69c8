//! Where alerts go: the routing tree, and the way of one alert through it.
//!
//! ## Model
//! `GET /api/bellwether/v1/routes` tells the tree with everything filled in: a list of routes, parents before their children,
//! each with the place of its parent. `POST …/routes/test` tells for some labels which routes an alert with them takes, who is
//! notified, in which group, what mutes it, and which silences and alerts would hold it back.
//!
//! ## Limits
//! At another time than now, silences and time intervals are as they will be or were; alerts that inhibit are those of now.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use bellwether_model::{AlertFingerprint, Labels, MatchOp, Matcher};
use bellwether_notify::{
    GroupBy, Machine, Plan, Route, Silence, SilenceState, Span, TakenRoute, TimeInterval,
    matchers_text, taken_routes,
};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::body;
use crate::envelope::ApiError;
use crate::fields::{self, Fields};
use crate::probing::success;

/// Bytes of a request. Chosen: labels of an alert have a few thousand.
const BODY_BYTES_MAX: usize = 256 << 10;

/// All routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/bellwether/v1/routes", get(tree))
        .route("/api/bellwether/v1/routes/test", post(test))
}

async fn tree(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let data = app.catalog(|services| {
        let runner = &services.alerting.runner;
        Ok(runner.look(|machine, now_ms| {
            let plan = machine.plan();
            let mut alert_counts = vec![0u64; plan.routes.routes().len()];
            for alert in machine.alerts().filter(|it| !it.is_resolved(now_ms)) {
                for index in plan.routes.matching(&alert.labels) {
                    if let Some(count) = alert_counts.get_mut(index) {
                        *count += 1;
                    }
                }
            }
            tree_json(plan, &alert_counts, now_ms)
        }))
    });
    Ok(success(data.await?))
}

fn tree_json(plan: &Plan, alert_counts: &[u64], now_ms: i64) -> Value {
    let unreachable = plan.routes.unreachable();
    let routes = plan.routes.routes().iter().zip(alert_counts).enumerate();
    let routes: Vec<Value> = routes
        .map(|(index, (route, alert_count))| {
            let mut value = route_json(plan, index, route);
            let muted_by = plan.muted_by(route, now_ms);
            value.insert("mutedBy".to_owned(), json!(muted_by));
            let is_outside = plan.is_outside_active(route, now_ms);
            value.insert("outsideActive".to_owned(), json!(is_outside));
            let is_unreachable = unreachable.contains(&index);
            value.insert("unreachable".to_owned(), json!(is_unreachable));
            value.insert("alerts".to_owned(), json!(alert_count));
            Value::Object(value)
        })
        .collect();
    let time_intervals: Vec<Value> = plan
        .time_intervals
        .iter()
        .map(|(name, intervals)| {
            json!({
                "name": name,
                "holds": plan.holds(name, now_ms),
                "intervals": intervals.iter().map(interval_json).collect::<Vec<_>>(),
            })
        })
        .collect();
    let inhibit_rules: Vec<Value> = plan
        .inhibit_rules
        .iter()
        .map(|rule| {
            json!({
                "name": rule.name,
                "sourceMatchers": matchers_json(&rule.source_matchers),
                "targetMatchers": matchers_json(&rule.target_matchers),
                "equal": rule.equal,
            })
        })
        .collect();
    json!({
        "time": seconds(now_ms),
        "routes": routes,
        "timeIntervals": time_intervals,
        "inhibitRules": inhibit_rules,
    })
}

/// A route as the configuration has it, with what it takes from its parents.
fn route_json(plan: &Plan, index: usize, route: &Route) -> Map<String, Value> {
    let group_by = match &route.group_by {
        GroupBy::All => vec!["..."],
        GroupBy::Labels(names) => names.iter().map(String::as_str).collect(),
    };
    let value = json!({
        "index": index,
        "parent": route.parent(),
        "depth": plan.routes.path(index).len() - 1,
        "id": route.id,
        "receiver": route.receiver,
        "integrations": integrations(plan, &route.receiver),
        "matchers": matchers_json(&route.matchers),
        "matchersText": matchers_text(&route.matchers),
        "continue": route.goes_on,
        "groupBy": group_by,
        "groupWaitSeconds": seconds(route.group_wait_ms),
        "groupIntervalSeconds": seconds(route.group_interval_ms),
        "repeatIntervalSeconds": seconds(route.repeat_interval_ms),
        "muteTimeIntervals": route.mute_time_intervals,
        "activeTimeIntervals": route.active_time_intervals,
        "labels": pairs_json(route.labels.iter().map(|(n, v)| (n.as_str(), v.as_str()))),
    });
    match value {
        Value::Object(value) => value,
        _ => Map::new(),
    }
}

/// Names of the integrations of a receiver, such as `webhook[0]`.
fn integrations(plan: &Plan, receiver: &str) -> Vec<String> {
    let count = plan.receivers.get(receiver).map_or(0, Vec::len);
    (0..count)
        .map(|position| plan.integration_name(receiver, position))
        .collect()
}

/// Matchers as an Alertmanager writes them.
fn matchers_json(matchers: &[Matcher]) -> Vec<Value> {
    let matcher = |matcher: &Matcher| {
        json!({
            "name": matcher.name,
            "value": matcher.value,
            "isRegex": matches!(matcher.op, MatchOp::Regex | MatchOp::NotRegex),
            "isEqual": matches!(matcher.op, MatchOp::Equal | MatchOp::Regex),
        })
    };
    matchers.iter().map(matcher).collect()
}

fn interval_json(interval: &TimeInterval) -> Value {
    let spans = |spans: &[Span]| {
        let span = |it: &Span| json!({ "begin": it.begin, "end": it.end });
        spans.iter().map(span).collect::<Vec<_>>()
    };
    let clock = |minute: i32| format!("{:02}:{:02}", minute / 60, minute % 60);
    let times: Vec<Value> = interval
        .minutes
        .iter()
        .map(|it| json!({ "begin": clock(it.begin), "end": clock(it.end) }))
        .collect();
    json!({
        "times": times,
        "weekdays": spans(&interval.weekdays),
        "daysOfMonth": spans(&interval.days_of_month),
        "months": spans(&interval.months),
        "years": spans(&interval.years),
        "location": interval.zone.iana_name().unwrap_or("UTC"),
    })
}

pub(crate) fn labels_json(labels: &Labels) -> Value {
    pairs_json(labels.iter())
}

fn pairs_json<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.into()));
    Value::Object(pairs.collect())
}

/// Times and durations, as everywhere in our own API.
pub(crate) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

async fn test(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, BODY_BYTES_MAX).await;
    let entries = fields::object(&bytes.map_err(ApiError::bad_data)?)?;
    let fields = Fields::new(&entries);
    fields.only(&["labels", "at"])?;
    let labels = fields.labels("labels")?;
    if labels.is_empty() {
        let text = "labels: want at least one label: alerts have an alertname, as a rule";
        return Err(ApiError::bad_data(text));
    }
    let at_ms = fields.time("at")?;
    let data = app.catalog(move |services| {
        let runner = &services.alerting.runner;
        Ok(runner.look(|machine, now_ms| way_json(machine, &labels, at_ms.unwrap_or(now_ms))))
    });
    Ok(success(data.await?))
}

/// The way of an alert.
fn way_json(machine: &Machine, labels: &Labels, at_ms: i64) -> Value {
    let plan = machine.plan();
    let taken = taken_routes(plan, labels, Some(at_ms));
    let mut receivers: Vec<&str> = taken.iter().map(|it| it.receiver.as_str()).collect();
    receivers.sort_unstable();
    receivers.dedup();
    let silences: Vec<Value> = machine
        .silences()
        .filter(|it| it.state(at_ms) == SilenceState::Active && it.covers(labels))
        .map(silence_json)
        .collect();
    let inhibitors: Vec<Value> = machine
        .suppression(labels, at_ms)
        .inhibited_by
        .into_iter()
        .map(|fingerprint| {
            let alert = machine.alert(fingerprint);
            let labels = alert.map_or_else(Labels::empty, |alert| alert.labels.clone());
            json!({
                "fingerprint": fingerprint.to_string(),
                "labels": labels_json(&labels),
            })
        })
        .collect();
    let maintenance = maintenance(machine, labels, at_ms);
    let is_muted = !taken.is_empty() && taken.iter().all(|it| !it.muted_by.is_empty());
    let is_held = !silences.is_empty() || !inhibitors.is_empty() || maintenance.is_some();
    json!({
        "time": seconds(at_ms),
        "fingerprint": AlertFingerprint::of(labels).to_string(),
        "labels": labels_json(labels),
        "receivers": receivers,
        "taken": taken.iter().map(|it| taken_json(plan, labels, it, at_ms)).collect::<Vec<_>>(),
        "silencedBy": silences,
        "inhibitedBy": inhibitors,
        "maintenance": maintenance,
        // Whether anybody is told now.
        "notified": !taken.is_empty() && !is_held && !is_muted,
    })
}

/// What is being worked on that the alert is about.
fn maintenance(machine: &Machine, labels: &Labels, at_ms: i64) -> Option<String> {
    let muted = machine.suppression(labels, at_ms).muted_by;
    let mut reasons = muted
        .iter()
        .filter_map(|it| it.strip_prefix("maintenance: "));
    reasons.next().map(str::to_owned)
}

fn taken_json(plan: &Plan, labels: &Labels, taken: &TakenRoute, at_ms: i64) -> Value {
    let Some(route) = plan.routes.get(taken.route) else {
        return Value::Null;
    };
    let group = route.group_labels(labels);
    json!({
        "route": taken.route,
        "path": plan.routes.path(taken.route),
        "receiver": taken.receiver,
        "integrations": integrations(plan, &taken.receiver),
        "group": labels_json(&group),
        "groupKey": route.group_key(&group),
        "groupWaitSeconds": seconds(route.group_wait_ms),
        "groupIntervalSeconds": seconds(route.group_interval_ms),
        "repeatIntervalSeconds": seconds(route.repeat_interval_ms),
        "mutedBy": taken.muted_by,
        "outsideActive": plan.is_outside_active(route, at_ms),
    })
}

fn silence_json(silence: &Silence) -> Value {
    json!({
        "id": silence.id,
        "createdBy": silence.created_by,
        "comment": silence.comment,
        "start": seconds(silence.starts_ms),
        "end": seconds(silence.ends_ms),
        "matchers": matchers_json(&silence.matchers),
    })
}
