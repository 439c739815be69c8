//! What strangers may know: the data of the public status page.
//!
//! ## Invariants
//! Only probes with `public` are in it, and of those only title, group, state, since when, when somebody works on it,
//! and how many checks succeeded each day: no target, no reason, no label. It is computed at most once a minute, days that
//! are over once an hour, whoever asks, and to its end although they hang up.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bellwether_health::HealthState;
use bellwether_probe::watch::{MaintenanceSettings, ProbeStatus};
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
/// Days that are over are asked for again after so long: samples may come late.
const PAST_MS_MAX: i64 = 3_600_000;
/// Maintenance is announced so long before. Chosen: two weeks.
const AHEAD_MS: i64 = 14 * DAY_MS;
/// Announcements that are shown.
const WORKS_MAX: usize = 200;
/// How long the question for all days may take, ms.
const QUERY_MS_MAX: i64 = 20_000;

/// See [`Known`]. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct PublicPage(Arc<Mutex<Known>>);

pub(super) async fn status(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let probing = probing(&app)?.clone();
    // On a task of its own: one who hangs up ends no work that others wait for, and has none begun twice.
    let task = tokio::spawn(async move {
        let mut page = probing.page.0.lock().await;
        let now_ms = app.clock.now_ms();
        if let Some((made_ms, value)) = &page.answer
            && (0..AGE_MS_MAX).contains(&(now_ms - made_ms))
        {
            return Ok(value.clone());
        }
        let statuses = probing.watcher.statuses().into_iter();
        let statuses: Vec<ProbeStatus> =
            statuses.filter(|it| it.settings.public.is_some()).collect();
        let names: Vec<String> = statuses.iter().map(|it| it.settings.name.clone()).collect();
        let past = page.past.take();
        let days = app.catalog(move |services| Ok(days_of(services, &names, past, now_ms)));
        let (days, past) = days.await?;
        page.past = past;
        let windows = probing.watcher.maintenance().windows(now_ms);
        let works = works_of(&statuses, &windows, now_ms);
        let value = page_of(&statuses, &days, &works, now_ms);
        page.answer = Some((now_ms, value.clone()));
        Ok(value)
    });
    joined::<Result<Value, ApiError>>(task.await)?.map(success)
}

/// Checks of a day.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Day {
    succeeded: f64,
    checks: f64,
}

/// By probe and day.
type Days = BTreeMap<String, BTreeMap<i64, Day>>;

/// The last answer, and days that are over.
#[derive(Debug, Default)]
struct Known {
    answer: Option<(i64, Value)>,
    past: Option<Past>,
}

/// Days that were over at a time.
#[derive(Debug)]
struct Past {
    at_ms: i64,
    days: Days,
    /// Whether all questions were answered.
    is_whole: bool,
}

/// Days of these probes; those that are over as they were known before, where that is not long ago.
fn days_of(
    services: &Services,
    probes: &[String],
    past: Option<Past>,
    now_ms: i64,
) -> (Days, Option<Past>) {
    let today_ms = now_ms.div_euclid(DAY_MS) * DAY_MS;
    let past = past.filter(|past| {
        (today_ms..=now_ms).contains(&past.at_ms)
            && now_ms - past.at_ms < PAST_MS_MAX
            && probes.iter().all(|probe| past.days.contains_key(probe))
    });
    let past = past.unwrap_or_else(|| {
        let mut past = Past {
            at_ms: now_ms,
            days: Days::new(),
            is_whole: true,
        };
        for probe in probes {
            // What is known at midnight is of the day before.
            let span = (today_ms - (DAYS - 2) * DAY_MS, today_ms);
            let days = checks(services, probe, span, DAY_MS);
            past.is_whole &= days.is_some();
            let days = days.into_iter().flatten();
            let days = days.map(|(time_ms, day)| (time_ms - DAY_MS, day));
            past.days.insert(probe.clone(), days.collect());
        }
        past
    });
    let mut days = past.days.clone();
    let so_far_ms = (now_ms - today_ms).max(60_000);
    for probe in probes {
        let today = checks(services, probe, (now_ms, now_ms), so_far_ms);
        let today = today.into_iter().flatten();
        let today = today.map(|(_, day)| (today_ms, day));
        days.entry(probe.clone()).or_default().extend(today);
    }
    (days, Some(past).filter(|past| past.is_whole))
}

/// Checks of a probe, by every so long in a span the time before; `None` where the store could not say.
fn checks(
    services: &Services,
    probe: &str,
    (start_ms, end_ms): (i64, i64),
    every_ms: i64,
) -> Option<BTreeMap<i64, Day>> {
    let request = QueryRequest {
        timeout_ms: Some(QUERY_MS_MAX),
        ..QueryRequest::default()
    };
    let ask = |function: &str| -> Option<BTreeMap<i64, f64>> {
        // Names of probes hold nothing that would have to be escaped.
        let query = format!(
            "sum({function}(probe_success{{job=\"probes\",probe=\"{probe}\"}}[{every_ms}ms]))"
        );
        let (engine, store) = (&services.engine, services.store.as_ref());
        let found = engine.range(store, &query, start_ms, end_ms, every_ms, &request);
        let Ok(QueryValue::Matrix(series)) = found.map(|outcome| outcome.value) else {
            return None;
        };
        let samples = series.iter().map(|one| &one.samples);
        let samples = samples.flat_map(|it| it.times_ms.iter().zip(&it.values));
        let samples = samples.map(|(time_ms, value)| (*time_ms, *value));
        Some(samples.collect())
    };
    let succeeded = ask("sum_over_time")?;
    let with_both = ask("count_over_time")?.into_iter();
    let with_both = with_both.filter_map(|(time_ms, checks)| {
        let succeeded = *succeeded.get(&time_ms)?;
        Some((time_ms, Day { succeeded, checks }))
    });
    Some(with_both.collect())
}

/// Maintenance of a public probe that is under way, or will be.
struct Work {
    start_ms: i64,
    end_ms: i64,
    title: String,
    group: String,
}

/// What is worked on now or soon, the first one first.
fn works_of(
    statuses: &[ProbeStatus],
    windows: &[(Option<u64>, MaintenanceSettings)],
    now_ms: i64,
) -> Vec<Work> {
    let mut works = Vec::new();
    for (_, window) in windows {
        let Some((start_ms, end_ms)) = window.next(now_ms) else {
            continue;
        };
        if start_ms > now_ms.saturating_add(AHEAD_MS) {
            continue;
        }
        for settings in statuses.iter().map(|it| &it.settings) {
            if let Some(public) = &settings.public
                && window.is_of(&settings.name)
            {
                works.push(Work {
                    start_ms,
                    end_ms,
                    title: public.title.clone(),
                    group: public.group.clone(),
                });
            }
        }
    }
    works.sort_by(|a, b| {
        (a.start_ms, a.end_ms, &a.group, &a.title).cmp(&(b.start_ms, b.end_ms, &b.group, &b.title))
    });
    works.truncate(WORKS_MAX);
    works
}

fn page_of(statuses: &[ProbeStatus], days: &Days, works: &[Work], now_ms: i64) -> Value {
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
            .map(|(day_ms, day)| {
                let share = day.succeeded / day.checks;
                json!({ "day": time(*day_ms), "successShare": share, "checks": day.checks })
            })
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
    let works: Vec<Value> = works
        .iter()
        .map(|work| {
            json!({
                "start": time(work.start_ms),
                "end": time(work.end_ms),
                "title": work.title,
                "group": work.group,
            })
        })
        .collect();
    json!({
        "time": time(now_ms),
        "state": worst.as_str(),
        "groups": groups,
        "maintenance": works,
    })
}
