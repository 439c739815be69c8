//! What a silence would hide, before somebody makes it.
//!
//! ## Model
//! `POST /api/bellwether/v1/silences/preview` with the matchers of a silence tells the alerts that are active now and would be
//! hidden, how many of those of the last day would have been, and warns where the matchers match everything or nothing.
//!
//! ## Limits
//! [`ALERTS_SHOWN_MAX`] alerts are told, [`ROWS_MAX`] rows of the timeline are looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use bellwether_model::{ALERT_NAME, AlertFingerprint, Labels, Matcher, TimeRange};
use bellwether_rules::AlertState;
use bellwether_storage::{TimelineKind, TimelineQuery};
use serde_json::{Value, json};

use crate::app::App;
use crate::body;
use crate::envelope::ApiError;
use crate::fields::{self, Fields};
use crate::probing::success;
use crate::routing::{labels_json, seconds};
use crate::services::{Alerting, Services};

/// Bytes of a request. Derived: the matchers of the greatest silence.
const BODY_BYTES_MAX: usize = 256 << 10;
/// Alerts that are told one by one. Chosen: more than a page shows.
const ALERTS_SHOWN_MAX: usize = 500;
/// Rows of the timeline that are looked at. Chosen: as many as the timeline answers with.
const ROWS_MAX: usize = 50_000;
/// How far back is looked, ms.
const PAST_MS: i64 = 24 * 3_600_000;

/// All routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/bellwether/v1/silences/preview", post(preview))
}

async fn preview(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, BODY_BYTES_MAX).await;
    let entries = fields::object(&bytes.map_err(ApiError::bad_data)?)?;
    let fields = Fields::new(&entries);
    fields.only(&["matchers"])?;
    let matchers = fields.matchers("matchers")?;
    let now_ms = app.clock.now_ms();
    let data = app.catalog(move |services| preview_json(services, &matchers, now_ms));
    Ok(success(data.await?))
}

/// An alert that would be hidden.
struct Hidden {
    labels: Labels,
    state: AlertState,
    since_ms: i64,
    receivers: Vec<String>,
    silenced_by: Vec<String>,
}

fn preview_json(services: &Services, matchers: &[Matcher], now_ms: i64) -> Result<Value, ApiError> {
    let (hidden, active_count) = hidden(&services.alerting, matchers);
    let past = past(services, matchers, now_ms)?;
    let matches_empty = matchers.iter().all(Matcher::matches_empty);
    let warning = if matches_empty {
        Some(
            "these matchers match every alert, also one without any of these labels: a silence needs at least \
             one that does not match an empty value"
                .to_owned(),
        )
    } else if hidden.is_empty() && past.firings == 0 {
        Some(
            "these matchers match no alert that is active, and none that fired in the last 24 hours"
                .to_owned(),
        )
    } else if hidden.len() == active_count && active_count > 1 {
        Some(format!(
            "all {active_count} alerts that are active would be hidden"
        ))
    } else {
        None
    };
    let shown: Vec<Value> = hidden
        .iter()
        .take(ALERTS_SHOWN_MAX)
        .map(|alert| {
            json!({
                "fingerprint": AlertFingerprint::of(&alert.labels).to_string(),
                "labels": labels_json(&alert.labels),
                "state": alert.state.as_str(),
                "since": seconds(alert.since_ms),
                "receivers": alert.receivers,
                "silencedBy": alert.silenced_by,
            })
        })
        .collect();
    let by_name: Vec<Value> = past
        .by_name
        .iter()
        .map(|(name, (firings, alerts))| {
            json!({ "alertname": name, "firings": firings, "alerts": alerts.len() })
        })
        .collect();
    Ok(json!({
        "warning": warning,
        "matchesEverything": matches_empty,
        "activeCount": active_count,
        "hiddenCount": hidden.len(),
        "alerts": shown,
        "past": {
            "start": seconds(now_ms - PAST_MS),
            "end": seconds(now_ms),
            "firings": past.firings,
            "byAlertname": by_name,
            "isCut": past.is_cut,
        },
    }))
}

/// Alerts that are active and would be hidden, those that fire first; and how many are active at all.
fn hidden(alerting: &Alerting, matchers: &[Matcher]) -> (Vec<Hidden>, usize) {
    let groups = alerting.rule_groups();
    let takes = |labels: &Labels| matchers.iter().all(|it| it.matches_labels(labels));
    alerting.runner.look(|machine, now_ms| {
        let (mut found, mut active_count) = (Vec::new(), 0);
        let mut add = |labels: &Labels, state: AlertState, since_ms: i64| {
            active_count += 1;
            if !takes(labels) {
                return;
            }
            let receivers = machine.receivers_of(labels).into_iter();
            found.push(Hidden {
                labels: labels.clone(),
                state,
                since_ms,
                receivers: receivers.map(str::to_owned).collect(),
                silenced_by: machine.suppression(labels, now_ms).silenced_by,
            });
        };
        for alert in machine.alerts().filter(|it| !it.is_resolved(now_ms)) {
            add(&alert.labels, AlertState::Firing, alert.starts_ms);
        }
        let rules = groups.iter().flat_map(|group| &group.rules);
        for alert in rules.flat_map(|rule| &rule.alerts) {
            if alert.state == AlertState::Pending {
                add(&alert.labels, AlertState::Pending, alert.active_at_ms);
            }
        }
        (found, active_count)
    })
}

/// What would have been hidden.
#[derive(Default)]
struct Past {
    firings: u64,
    /// By the name of the alert, how often one fired, and how many did.
    by_name: BTreeMap<String, (u64, BTreeSet<AlertFingerprint>)>,
    is_cut: bool,
}

fn past(services: &Services, matchers: &[Matcher], now_ms: i64) -> Result<Past, ApiError> {
    let rows = services.alerting.timeline.query(&TimelineQuery {
        range: Some(TimeRange::new(now_ms - PAST_MS, now_ms)),
        matchers,
        kinds: &[TimelineKind::Firing],
        limit: ROWS_MAX,
        ..TimelineQuery::default()
    })?;
    let mut past = Past {
        is_cut: rows.len() >= ROWS_MAX,
        ..Past::default()
    };
    for row in &rows {
        let name = row.labels.get(ALERT_NAME).unwrap_or_default();
        let (firings, alerts) = past.by_name.entry(name.to_owned()).or_default();
        *firings += 1;
        alerts.insert(row.fingerprint());
        past.firings += 1;
    }
    Ok(past)
}
