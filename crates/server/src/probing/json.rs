//! Probes as JSON.

use bellwether_probe::watch::{Check, MaintenanceSettings, ProbeStatus, shown_target};
use bellwether_probe::{Phase, ProbeResult};
use serde_json::{Map, Value, json};

/// Seconds since 1970.
pub(super) fn time(time_ms: i64) -> Value {
    json!(time_ms as f64 / 1_000.0)
}

/// A probe in a list.
pub(super) fn status(status: &ProbeStatus) -> Value {
    let settings = &status.settings;
    let labels: Map<String, Value> = settings
        .labels
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    let last = status.history.last();
    json!({
        "name": settings.name,
        "module": settings.module_name,
        "prober": settings.module.prober.name(),
        "target": shown_target(settings),
        "entity": settings.entity.to_string(),
        "labels": labels,
        "intervalSeconds": settings.interval.as_secs_f64(),
        "timeoutSeconds": settings.timeout.as_secs_f64(),
        "state": status.state.as_str(),
        "reason": status.reason,
        "since": status.since_ms.map(time),
        "failures": status.failures,
        "dependsOn": settings.depends_on,
        "causedBy": status.caused_by,
        "maintenance": status.maintenance,
        "public": settings.public.is_some(),
        "lastCheck": last.map(|it| time(it.time_ms)),
        "lastDurationSeconds": last.map(|it| it.duration.as_secs_f64()),
    })
}

/// A probe with all that is known of it.
pub(super) fn whole_status(of: &ProbeStatus) -> Value {
    let mut value = status(of);
    let history: Vec<Value> = of.history.iter().map(|it| check(it)).collect();
    let last_ms = of.history.last().map_or(0, |it| it.time_ms);
    let last = of.last.as_ref().map(|it| result(it, last_ms));
    let failure = of
        .last_failure
        .as_ref()
        .map(|(time_ms, it)| result(it, *time_ms));
    if let Some(object) = value.as_object_mut() {
        object.insert("history".to_owned(), Value::Array(history));
        object.insert("last".to_owned(), last.unwrap_or_default());
        object.insert("lastFailure".to_owned(), failure.unwrap_or_default());
    }
    value
}

fn check(check: &Check) -> Value {
    json!({
        "time": time(check.time_ms),
        "state": check.state.as_str(),
        "reason": check.reason,
        "durationSeconds": check.duration.as_secs_f64(),
        "phases": check.phases.iter().map(phase).collect::<Vec<_>>(),
    })
}

fn phase(phase: &Phase) -> Value {
    json!({
        "name": phase.name,
        "seconds": phase.duration.as_secs_f64(),
        "finished": phase.finished,
    })
}

/// The result of one check.
pub(super) fn result(result: &ProbeResult, time_ms: i64) -> Value {
    let log: Vec<Value> = result
        .log
        .iter()
        .map(|step| json!({ "seconds": step.at.as_secs_f64(), "text": step.text }))
        .collect();
    let metrics: Vec<Value> = result
        .metrics
        .iter()
        .map(|metric| {
            let labels: Map<String, Value> = metric
                .labels
                .iter()
                .map(|(name, value)| (name.clone(), json!(value)))
                .collect();
            json!({ "name": metric.name, "labels": labels, "value": metric.value })
        })
        .collect();
    json!({
        "time": time(time_ms),
        "success": result.success,
        "state": result.verdict.as_str(),
        "reason": result.reason,
        "durationSeconds": result.duration.as_secs_f64(),
        "timeoutSeconds": result.timeout.as_secs_f64(),
        "phases": result.phases.iter().map(phase).collect::<Vec<_>>(),
        "metrics": metrics,
        "log": log,
    })
}

/// A time of maintenance; one of the configuration has no id.
pub(super) fn window((id, window): &(Option<u64>, MaintenanceSettings)) -> Value {
    json!({
        "id": id,
        "reason": window.reason,
        "probes": window.probes,
        "start": time(window.start_ms),
        "end": time(window.end_ms),
        "everySeconds": window.every_ms.map(|it| it as f64 / 1_000.0),
    })
}
