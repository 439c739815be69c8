//! What strangers may know: the data of the public status page.
//!
//! ## Invariants
//! Only probes with `public` are in it, and of those only title, group, state, since when, whether somebody works on it,
//! and the share of checks that succeeded each day: no target, no reason, no label. It is computed at most once a minute,
//! whoever asks, and to its end although they hang up.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bellwether_health::HealthState;
use bellwether_probe::watch::ProbeStatus;
use bellwether_promql::{QueryRequest, QueryValue};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::json::time;
use super::{joined, probing, success};
use crate::app::App;
use crate::envelope::ApiError;
use crate::services::Services;

/// Needs no authentication.
pub(crate) const PATH: &str = "/api/bellwether/v1/public-status";
/// An answer is given again for so long.
const AGE_MS_MAX: i64 = 60_000;
/// Days that are shown. Chosen: a quarter of a year, as status pages have it.
const DAYS: i64 = 90;
const DAY_MS: i64 = 86_400_000;
/// How long the question for all days may take, ms.
const QUERY_MS_MAX: i64 = 20_000;

/// The last answer. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct PublicPage(Arc<Mutex<Option<(i64, Value)>>>);

pub(super) async fn status(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let probing = probing(&app)?.clone();
    // On a task of its own: one who hangs up ends no work that others wait for, and has none begun twice.
    let task = tokio::spawn(async move {
        let mut page = probing.page.0.lock().await;
        let now_ms = app.clock.now_ms();
        if let Some((made_ms, value)) = page.as_ref()
            && (0..AGE_MS_MAX).contains(&(now_ms - made_ms))
        {
            return Ok(value.clone());
        }
        let statuses = probing.watcher.statuses().into_iter();
        let statuses: Vec<ProbeStatus> =
            statuses.filter(|it| it.settings.public.is_some()).collect();
        let names: Vec<String> = statuses.iter().map(|it| it.settings.name.clone()).collect();
        let days = app.catalog(move |services| Ok(days_of(services, &names, now_ms)));
        let value = page_of(&statuses, &days.await?, now_ms);
        *page = Some((now_ms, value.clone()));
        Ok(value)
    });
    joined::<Result<Value, ApiError>>(task.await)?.map(success)
}

/// By probe and day, the share of checks that succeeded.
type Days = BTreeMap<String, BTreeMap<i64, f64>>;

fn days_of(services: &Services, probes: &[String], now_ms: i64) -> Days {
    let mut days = Days::new();
    let today_ms = now_ms.div_euclid(DAY_MS) * DAY_MS;
    let request = QueryRequest {
        timeout_ms: Some(QUERY_MS_MAX),
        ..QueryRequest::default()
    };
    for probe in probes {
        // Names of probes hold nothing that would have to be escaped.
        let query =
            format!("avg(avg_over_time(probe_success{{job=\"probes\",probe=\"{probe}\"}}[1d]))");
        let mut of_probe = BTreeMap::new();
        let (start_ms, end_ms) = (today_ms - (DAYS - 2) * DAY_MS, today_ms);
        let (engine, store) = (&services.engine, services.store.as_ref());
        let past = engine.range(store, &query, start_ms, end_ms, DAY_MS, &request);
        if let Ok(outcome) = past
            && let QueryValue::Matrix(series) = outcome.value
        {
            for one in &series {
                // What is known at midnight is of the day before.
                let days = one.samples.times_ms.iter().map(|it| it - DAY_MS);
                of_probe.extend(days.zip(one.samples.values.iter().copied()));
            }
        }
        let so_far_ms = (now_ms - today_ms).max(60_000);
        let query = query.replace("[1d]", &format!("[{so_far_ms}ms]"));
        let today = engine.instant(store, &query, now_ms, &request);
        if let Ok(outcome) = today
            && let QueryValue::Vector(samples) = outcome.value
            && let Some(bellwether_model::Value::Float(share)) =
                samples.into_iter().next().map(|it| it.value)
        {
            of_probe.insert(today_ms, share);
        }
        days.insert(probe.clone(), of_probe);
    }
    days
}

fn page_of(statuses: &[ProbeStatus], days: &Days, now_ms: i64) -> Value {
    let mut groups: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    let mut worst = HealthState::Up;
    for status in statuses {
        let Some(public) = &status.settings.public else {
            continue;
        };
        if status.maintenance.is_none() && status.state.badness() > worst.badness() {
            worst = status.state;
        }
        let known = days.get(&status.settings.name);
        let known = known.into_iter().flatten();
        let of_probe: Vec<Value> = known
            .map(|(day_ms, share)| json!({ "day": time(*day_ms), "successShare": share }))
            .collect();
        groups.entry(&public.group).or_default().push(json!({
            "title": public.title,
            "state": status.state.as_str(),
            "since": status.since_ms.map(time),
            "maintenance": status.maintenance.is_some(),
            "days": of_probe,
        }));
    }
    let groups: Vec<Value> = groups
        .into_iter()
        .map(|(group, items)| json!({ "group": group, "items": items }))
        .collect();
    json!({ "time": time(now_ms), "state": worst.as_str(), "groups": groups })
}
