//! Rules, alerts and Alertmanagers.

use std::collections::HashSet;

use bellwether_model::{Labels, short};
use bellwether_rules::{AlertSnapshot, AlertState, GroupSnapshot, RuleKind, RuleSnapshot};
use xxhash_rust::xxh3::xxh3_128;

use super::targets::rfc3339;
use super::{Call, catalog};
use crate::envelope::{Answer, ApiError};
use crate::json::JsonWriter;
use crate::params::Params;

/// Which groups and rules are asked for.
struct Wanted {
    groups: HashSet<String>,
    files: HashSet<String>,
    names: HashSet<String>,
    matcher_sets: Vec<Vec<bellwether_model::Matcher>>,
    alerting: bool,
    recording: bool,
}

impl Wanted {
    fn read(params: &Params) -> Result<Self, ApiError> {
        let set = |name: &'static str| params.all(name).map(str::to_owned).collect();
        let kind = params.get("type").to_lowercase();
        if !matches!(kind.as_str(), "" | "alert" | "record") {
            return Err(ApiError::invalid_parameter(
                "type",
                format_args!("not supported value {:?}", short(&kind)),
            ));
        }
        Ok(Self {
            groups: set("rule_group[]"),
            files: set("file[]"),
            names: set("rule_name[]"),
            matcher_sets: catalog::matcher_sets(params)?,
            alerting: kind != "record",
            recording: kind != "alert",
        })
    }

    fn takes_group(&self, group: &GroupSnapshot) -> bool {
        (self.groups.is_empty() || self.groups.contains(&group.name))
            && (self.files.is_empty() || self.files.contains(&*group.file.to_string_lossy()))
    }

    fn takes_rule(&self, rule: &RuleSnapshot) -> bool {
        let info = &rule.info;
        let of_kind = match info.kind {
            RuleKind::Alert { .. } => self.alerting,
            RuleKind::Record { .. } => self.recording,
        };
        of_kind
            && (self.names.is_empty() || self.names.contains(info.kind.name()))
            && (self.matcher_sets.is_empty()
                || self
                    .matcher_sets
                    .iter()
                    .any(|set| set_takes(set, &info.labels)))
    }
}

fn set_takes(set: &[bellwether_model::Matcher], labels: &Labels) -> bool {
    set.iter().all(|matcher| matcher.matches_labels(labels))
}

/// Where a page of groups begins, and how long it is.
struct Page {
    limit: Option<usize>,
    token: String,
}

impl Page {
    fn read(params: &Params) -> Result<Self, ApiError> {
        let (limit, token) = (params.get("group_limit"), params.get("group_next_token"));
        if !token.is_empty() && limit.is_empty() {
            return Err(ApiError::invalid_parameter(
                "group_next_token",
                "group_limit needs to be present in order to paginate over the groups",
            ));
        }
        if limit.is_empty() {
            return Ok(Self {
                limit: None,
                token: String::new(),
            });
        }
        let limit: i32 = limit.parse().map_err(|error| {
            let reason = format!("group_limit needs to be a valid number: {error}");
            ApiError::invalid_parameter("group_limit", reason)
        })?;
        match usize::try_from(limit) {
            Ok(limit) if limit > 0 => Ok(Self {
                limit: Some(limit),
                token: token.to_owned(),
            }),
            _ => {
                let reason = "group_limit needs to be greater than 0";
                Err(ApiError::invalid_parameter("group_limit", reason))
            }
        }
    }
}

/// What stands for a group in the token of the next page.
fn token_of(group: &GroupSnapshot) -> String {
    let text = format!("{};{}", group.file.display(), group.name);
    format!("{:032x}", xxh3_128(text.as_bytes()))
}

/// `/rules`
pub(super) async fn rules(call: Call) -> Result<Answer, ApiError> {
    let params = &call.params;
    let wanted = Wanted::read(params)?;
    let exclude_alerts = params.boolean("exclude_alerts", false)?;
    let page = Page::read(params)?;
    let groups = call.app.services()?.alerting.rule_groups();
    let begin = if page.token.is_empty() {
        0
    } else {
        let found = groups
            .iter()
            .position(|group| token_of(group) == page.token);
        found.ok_or_else(|| {
            ApiError::invalid_parameter(
                "group_next_token",
                format_args!(
                    "invalid group_next_token '{}'. were rule groups changed?",
                    short(&page.token)
                ),
            )
        })?
    };
    let mut next = None;
    let mut shown = Vec::new();
    for group in groups.iter().skip(begin).filter(|g| wanted.takes_group(g)) {
        let rules: Vec<&RuleSnapshot> = group
            .rules
            .iter()
            .filter(|rule| wanted.takes_rule(rule))
            .collect();
        if rules.is_empty() {
            continue;
        }
        if page.limit.is_some_and(|limit| shown.len() >= limit) {
            next = Some(token_of(group));
            break;
        }
        shown.push((group, rules));
    }
    Ok(Answer::write(|json| {
        json.object_begin().key("groups").array_begin();
        for (group, rules) in &shown {
            write_group(json, group, rules, exclude_alerts);
        }
        json.array_end();
        if let Some(token) = &next {
            json.key("groupNextToken").string(token);
        }
        json.object_end();
    }))
}

fn write_group(
    json: &mut JsonWriter,
    group: &GroupSnapshot,
    rules: &[&RuleSnapshot],
    exclude_alerts: bool,
) {
    json.object_begin();
    json.key("name").string(&group.name);
    json.key("file").string(&group.file.to_string_lossy());
    json.key("rules").array_begin();
    for rule in rules {
        write_rule(json, rule, exclude_alerts);
    }
    json.array_end();
    json.key("interval").number(group.interval_ms as f64 / 1e3);
    json.key("limit").unsigned(group.limit as u64);
    json.key("evaluationTime").number(group.evaluation_seconds);
    json.key("lastEvaluation")
        .string(&time_text(group.last_evaluation_ms));
    json.object_end();
}

/// A time; that of Go's zero where there is none.
fn time_text(time_ms: Option<i64>) -> String {
    time_ms.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), rfc3339)
}

fn write_rule(json: &mut JsonWriter, rule: &RuleSnapshot, exclude_alerts: bool) {
    let info = &rule.info;
    json.object_begin();
    if let RuleKind::Alert { .. } = info.kind {
        let state = rule.worst().map_or("inactive", AlertState::as_str);
        json.key("state").string(state);
    }
    json.key("name").string(info.kind.name());
    json.key("query").string(&info.query);
    let kind = match &info.kind {
        RuleKind::Record { .. } => {
            json.key("labels").labels(&info.labels);
            "recording"
        }
        RuleKind::Alert {
            for_ms,
            keep_firing_for_ms,
            annotations,
            ..
        } => {
            json.key("duration").number(*for_ms as f64 / 1e3);
            json.key("keepFiringFor")
                .number(*keep_firing_for_ms as f64 / 1e3);
            json.key("labels").labels(&info.labels);
            let annotations = Labels::from_pairs(annotations.iter().cloned());
            json.key("annotations").labels(&annotations);
            json.key("alerts").array_begin();
            if !exclude_alerts {
                rule.alerts
                    .iter()
                    .for_each(|alert| write_alert(json, alert));
            }
            json.array_end();
            "alerting"
        }
    };
    json.key("health").string(rule.health.as_str());
    if !rule.last_error.is_empty() {
        json.key("lastError").string(&rule.last_error);
    }
    json.key("evaluationTime").number(rule.evaluation_seconds);
    json.key("lastEvaluation")
        .string(&time_text(rule.last_evaluation_ms));
    json.key("type").string(kind);
    json.object_end();
}

fn write_alert(json: &mut JsonWriter, alert: &AlertSnapshot) {
    json.object_begin();
    json.key("labels").labels(&alert.labels);
    json.key("annotations").labels(&alert.annotations);
    json.key("state").string(alert.state.as_str());
    json.key("activeAt").string(&rfc3339(alert.active_at_ms));
    if let Some(since_ms) = alert.keep_firing_since_ms {
        json.key("keepFiringSince").string(&rfc3339(since_ms));
    }
    json.key("value").string(&scientific(alert.value));
    json.object_end();
}

/// A number as Go's format `e` has it: `1.5e+00`.
fn scientific(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let text = format!("{value:e}");
    let Some((digits, exponent)) = text.split_once('e') else {
        return text;
    };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

/// `/alerts`
pub(super) async fn alerts(call: Call) -> Result<Answer, ApiError> {
    let groups = call.app.services()?.alerting.rule_groups();
    Ok(Answer::write(|json| {
        json.object_begin().key("alerts").array_begin();
        let rules = groups.iter().flat_map(|group| &group.rules);
        for alert in rules.flat_map(|rule| &rule.alerts) {
            write_alert(json, alert);
        }
        json.array_end().object_end();
    }))
}

/// `/alertmanagers`
pub(super) async fn alertmanagers(call: Call) -> Result<Answer, ApiError> {
    let alerting = &call.app.services()?.alerting;
    let (active, dropped) = alerting.external_alertmanagers();
    Ok(Answer::write(|json| {
        json.object_begin();
        for (key, urls) in [
            ("activeAlertmanagers", &active),
            ("droppedAlertmanagers", &dropped),
        ] {
            json.key(key).array_begin();
            for url in urls {
                json.object_begin().key("url").string(url).object_end();
            }
            json.array_end();
        }
        json.object_end();
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_in_go() {
        let check = |value: f64, text: &str| assert_eq!(scientific(value), text);
        check(1.0, "1e+00");
        check(-2.5, "-2.5e+00");
        check(1e100, "1e+100");
        check(0.000_125, "1.25e-04");
        check(0.0, "0e+00");
        check(f64::NAN, "NaN");
        check(f64::NEG_INFINITY, "-Inf");
    }
}
