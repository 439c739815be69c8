//! `/alerts` and `/alerts/groups`.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bellwether_model::{Alert, AlertFingerprint, Matcher, Regexp};
use bellwether_notify::{ALERTS_BYTES_MAX, ALERTS_MAX, Machine, Suppression};

use super::{AmCall, Refusal, answer, decode, passes, time_text};
use crate::json::JsonWriter;

/// What is asked for.
struct Wanted {
    matchers: Vec<Matcher>,
    receiver: Option<Regexp>,
    receiver_matchers: Vec<Matcher>,
    active: bool,
    silenced: bool,
    inhibited: bool,
}

impl Wanted {
    fn read(call: &AmCall) -> Result<Self, Refusal> {
        let receiver_matchers = call.filter("receiver_matchers").map_err(|error| {
            Refusal::bad(format_args!(
                "failed to parse receiver_matchers param: {error}"
            ))
        })?;
        Ok(Self {
            matchers: call.filter("filter").map_err(Refusal::bad)?,
            receiver: call.receiver_filter()?,
            receiver_matchers,
            active: call.switch("active"),
            silenced: call.switch("silenced"),
            inhibited: call.switch("inhibited"),
        })
    }

    fn takes(&self, alert: &Alert, suppression: &Suppression, now_ms: i64) -> bool {
        !alert.is_resolved(now_ms)
            && passes(&self.matchers, &alert.labels)
            && (self.active || suppression.is_some())
            && (self.silenced || suppression.silenced_by.is_empty())
            && (self.inhibited || suppression.inhibited_by.is_empty())
    }

    fn takes_receiver(&self, call: &AmCall, name: &str) -> bool {
        self.receiver.as_ref().is_none_or(|r| r.is_match(name))
            && (self.receiver_matchers.is_empty()
                || passes(
                    &self.receiver_matchers,
                    &call.alerting.receiver_labels(name),
                ))
    }
}

pub(super) async fn list(call: AmCall) -> Result<Response, Refusal> {
    let wanted = Wanted::read(&call)?;
    let rows = call.look(|machine, now_ms| {
        let mut rows = Vec::new();
        for alert in machine.alerts() {
            let receivers = machine.receivers_of(&alert.labels);
            if !receivers
                .iter()
                .any(|name| wanted.takes_receiver(&call, name))
            {
                continue;
            }
            let suppression = status_of(machine, alert, now_ms);
            if wanted.takes(alert, &suppression, now_ms) {
                let receivers = receivers.into_iter().map(str::to_owned).collect();
                rows.push(Row {
                    alert: alert.clone(),
                    receivers,
                    suppression,
                });
            }
        }
        rows
    });
    Ok(answer(|json| {
        json.array_begin();
        rows.iter().for_each(|row| row.write(json));
        json.array_end();
    }))
}

/// What silences and inhibits an alert. Time intervals are of its groups.
fn status_of(machine: &Machine, alert: &Alert, now_ms: i64) -> Suppression {
    Suppression {
        muted_by: Vec::new(),
        ..machine.suppression(&alert.labels, now_ms)
    }
}

pub(super) async fn groups(call: AmCall) -> Result<Response, Refusal> {
    let wanted = Wanted::read(&call)?;
    let with_muted = call.switch("muted");
    let groups = call.look(|machine, now_ms| {
        let mut receivers: BTreeMap<AlertFingerprint, Vec<String>> = BTreeMap::new();
        let mut groups = Vec::new();
        for group in machine.groups(now_ms) {
            if !wanted.takes_receiver(&call, &group.receiver)
                || (!with_muted && !group.muted_by.is_empty())
            {
                continue;
            }
            let mut rows = Vec::new();
            for alert in group.alerts {
                let mut suppression = status_of(machine, &alert, now_ms);
                if !wanted.takes(&alert, &suppression, now_ms) {
                    continue;
                }
                suppression.muted_by.clone_from(&group.muted_by);
                let names = receivers.entry(alert.fingerprint()).or_insert_with(|| {
                    let names = machine.receivers_of(&alert.labels).into_iter();
                    names.map(str::to_owned).collect()
                });
                rows.push(Row {
                    receivers: names.clone(),
                    alert,
                    suppression,
                });
            }
            if !rows.is_empty() {
                groups.push((group.labels, group.receiver, group.route_labels, rows));
            }
        }
        groups
    });
    Ok(answer(|json| {
        json.array_begin();
        for (labels, receiver, route_labels, rows) in &groups {
            json.object_begin();
            json.key("alerts").array_begin();
            rows.iter().for_each(|row| row.write(json));
            json.array_end();
            json.key("labels").labels(labels);
            json.key("receiver").object_begin();
            json.key("name").string(receiver).object_end();
            json.key("routeLabels").object_begin();
            for (name, value) in route_labels {
                json.key(name).string(value);
            }
            json.object_end();
            json.object_end();
        }
        json.array_end();
    }))
}

/// An alert as it is answered.
struct Row {
    alert: Alert,
    receivers: Vec<String>,
    suppression: Suppression,
}

impl Row {
    fn write(&self, json: &mut JsonWriter) {
        let Alert {
            labels,
            annotations,
            starts_ms,
            ends_ms,
            updated_ms,
            generator_url,
            ..
        } = &self.alert;
        json.object_begin();
        json.key("annotations").labels(annotations);
        // An alert that nobody has said an end of has the zero of Go's times.
        let ends = ends_ms.map_or_else(|| "0001-01-01T00:00:00.000Z".to_owned(), time_text);
        json.key("endsAt").string(&ends);
        let fingerprint = self.alert.fingerprint().to_string();
        json.key("fingerprint").string(&fingerprint);
        json.key("receivers").array_begin();
        for receiver in &self.receivers {
            json.object_begin().key("name").string(receiver);
            json.object_end();
        }
        json.array_end();
        json.key("startsAt").string(&time_text(*starts_ms));
        json.key("status").object_begin();
        let Suppression {
            silenced_by,
            inhibited_by,
            muted_by,
        } = &self.suppression;
        let inhibited_by: Vec<String> = inhibited_by.iter().map(ToString::to_string).collect();
        json.key("inhibitedBy").strings(&inhibited_by);
        json.key("mutedBy").strings(muted_by);
        json.key("silencedBy").strings(silenced_by);
        let state = if self.suppression.is_some() {
            "suppressed"
        } else {
            "active"
        };
        json.key("state").string(state).object_end();
        json.key("updatedAt").string(&time_text(*updated_ms));
        if !generator_url.is_empty() {
            json.key("generatorURL").string(generator_url);
        }
        json.key("labels").labels(labels);
        json.object_end();
    }
}

pub(super) async fn post(call: AmCall) -> Result<Response, Refusal> {
    let timeout_ms = call.alerting.facts().resolve_timeout_ms;
    let posted = decode::alerts(&call.body, call.app.clock.now_ms(), timeout_ms)?;
    let alerts = posted.alerts;
    if !alerts.is_empty() {
        let refused_count = call
            .change(move |machine, now_ms| machine.receive_from_others(alerts, now_ms))
            .await?;
        if refused_count > 0 {
            return Err(Refusal::Text {
                status: StatusCode::TOO_MANY_REQUESTS,
                message: format!(
                    "{refused_count} new alerts refused: at most {ALERTS_MAX} are held, with at most {} MiB of text",
                    ALERTS_BYTES_MAX >> 20
                ),
            });
        }
    }
    if !posted.refused.is_empty() {
        return Err(Refusal::bad(posted.refused.join("\n")));
    }
    Ok(StatusCode::OK.into_response())
}
