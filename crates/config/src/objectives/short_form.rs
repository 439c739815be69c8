//! Settings of objectives in our own form.
//!
//! ## Invariants
//! What is written reads back as the same settings, but for the place where they stand.

use bellwether_model::time::DurationText;
use bellwether_rules::objective::counts::{counted, windowed};
use bellwether_rules::objective::{
    AlertOptions, Counting, Indicator, ObjectiveAlerts, ObjectiveSettings, Slices,
};
use bellwether_slo::period::{Calendar, Period};

use crate::effective::plain_yaml;
use crate::sections::objectives::ALERT_KINDS;
use crate::sections::objectives::indicator::COMPOSITIONS;
use crate::sections::objectives::period::{UNITS, civil_text};
use crate::sections::objectives::query::with_window;
use crate::sections::objectives::share::objective_text;
use crate::yaml::{Node, NodePath, NodeValue, Position};

/// A file of objectives: `slos:` and their settings, without what is a default.
#[must_use]
pub fn short_form(objectives: &[ObjectiveSettings]) -> String {
    if objectives.is_empty() {
        return "slos: []\n".to_owned();
    }
    let mut root = mapping();
    root.set("slos", list(objectives.iter().map(objective_node)));
    plain_yaml(&root)
}

fn mapping() -> Node {
    node(NodeValue::Mapping(Vec::new()))
}

fn list(items: impl Iterator<Item = Node>) -> Node {
    node(NodeValue::List(items.collect()))
}

fn node(value: NodeValue) -> Node {
    Node {
        value,
        position: Position::default(),
        path: NodePath::default(),
    }
}

fn number(value: f64) -> Node {
    Node::plain(value.to_string())
}

fn duration(ms: i64) -> Node {
    Node::plain(DurationText(ms).to_string())
}

fn objective_node(objective: &ObjectiveSettings) -> Node {
    let mut out = mapping();
    out.set("name", Node::text(objective.name.as_str()));
    out.set("service", Node::text(objective.service.as_str()));
    if !objective.description.is_empty() {
        out.set("description", Node::text(objective.description.as_str()));
    }
    if !matches!(objective.indicator, Indicator::Spend { .. }) {
        out.set("objective", Node::plain(objective_text(objective.target)));
    }
    match objective.period {
        Period::Rolling { span_ms } => out.set("window", duration(span_ms)),
        Period::Calendar(calendar) => out.set("calendar", calendar_node(&calendar)),
    }
    if objective.time_zone != "UTC" {
        out.set("time_zone", Node::text(objective.time_zone.as_str()));
    }
    if objective.interval_ms != 60_000 {
        out.set("interval", duration(objective.interval_ms));
    }
    out.set(
        "indicator",
        indicator_node(&objective.indicator, objective.interval_ms),
    );
    if let Some(slices) = objective.slices {
        let mut node = mapping();
        match slices {
            Slices::Good { from } => node.set("good_from", number(from)),
            Slices::Ratio => node.set("ratio", Node::plain("true")),
        }
        out.set("slices", node);
    }
    for (key, labels) in [
        ("group_by", &objective.group_by),
        ("spent_by", &objective.spent_by),
    ] {
        if !labels.is_empty() {
            out.set(
                key,
                list(labels.iter().map(|label| Node::text(label.as_str()))),
            );
        }
    }
    if let Some(entity) = &objective.entity {
        out.set("entity", Node::text(entity.as_str()));
    }
    set_texts(&mut out, "labels", &objective.labels);
    set_alerts(&mut out, &objective.alerts);
    out
}

fn calendar_node(calendar: &Calendar) -> Node {
    let unit = UNITS
        .iter()
        .find(|(_, unit)| *unit == calendar.unit)
        .map_or("month", |(name, _)| name);
    if *calendar == Calendar::of(calendar.unit) {
        return Node::text(unit);
    }
    let mut out = mapping();
    out.set("unit", Node::text(unit));
    if calendar.count != 1 {
        out.set("count", Node::plain(calendar.count.to_string()));
    }
    if calendar.anchor != Calendar::of(calendar.unit).anchor {
        out.set("start", Node::text(civil_text(calendar.anchor)));
    }
    out
}

fn indicator_node(indicator: &Indicator, interval_ms: i64) -> Node {
    let counting = |query: &str| Node::text(with_window(query, interval_ms, counted));
    let measuring = |query: &str| Node::text(with_window(query, interval_ms, windowed));
    let mut body = mapping();
    let kind = match indicator {
        Indicator::Ratio {
            counting: part_counts,
            part,
            total,
        } => {
            let key = match part_counts {
                Counting::Bad => "bad",
                Counting::Good => "good",
            };
            body.set(key, counting(part));
            body.set("total", counting(total));
            "ratio"
        }
        Indicator::Share { bad } => {
            body.set("query", measuring(bad));
            "error_ratio"
        }
        Indicator::Latency {
            histogram,
            threshold,
            is_classic,
        } => {
            body.set("histogram", Node::text(histogram.as_str()));
            body.set("threshold", number(*threshold));
            body.set("classic", Node::plain(is_classic.to_string()));
            "latency"
        }
        Indicator::Samples { of } => {
            body.set("samples", Node::text(of.as_str()));
            "availability"
        }
        Indicator::Freshness {
            timestamp,
            age_max_ms,
        } => {
            body.set("timestamp", measuring(timestamp));
            body.set("max_age", duration(*age_max_ms));
            "freshness"
        }
        Indicator::Spend { amount, limit } => {
            body.set("amount", counting(amount));
            body.set("limit", number(*limit));
            "spend"
        }
        Indicator::Composite { parts, how } => {
            body.set("of", list(parts.iter().map(part_node)));
            let how = COMPOSITIONS.iter().find(|(_, known)| known == how);
            body.set("how", Node::text(how.map_or("series", |(name, _)| name)));
            "composite"
        }
    };
    let mut out = mapping();
    out.set(kind, body);
    out
}

fn part_node((name, weight): &(String, f64)) -> Node {
    if weight == &1.0 {
        return Node::text(name.as_str());
    }
    let mut out = mapping();
    out.set("name", Node::text(name.as_str()));
    out.set("weight", number(*weight));
    out
}

fn set_texts(out: &mut Node, key: &str, texts: &[(String, String)]) {
    if texts.is_empty() {
        return;
    }
    let mut node = mapping();
    for (name, text) in texts {
        node.set(name, Node::text(text.as_str()));
    }
    out.set(key, node);
}

/// Writes what the alerts of an objective have beyond the defaults.
fn set_alerts(out: &mut Node, alerts: &ObjectiveAlerts) {
    let default = ObjectiveAlerts::default();
    let mut node = mapping();
    if alerts.name != default.name {
        node.set("name", Node::text(alerts.name.as_str()));
    }
    set_texts(&mut node, "labels", &alerts.labels);
    set_texts(&mut node, "annotations", &alerts.annotations);
    let all = [&alerts.page, &alerts.ticket, &alerts.measurement];
    for (kind, options) in ALERT_KINDS.into_iter().zip(all) {
        let mut body = mapping();
        match options {
            None => body.set("enabled", Node::plain("false")),
            Some(options) if *options == AlertOptions::default() => continue,
            Some(options) => {
                set_texts(&mut body, "labels", &options.labels);
                set_texts(&mut body, "annotations", &options.annotations);
            }
        }
        node.set(kind, body);
    }
    if !matches!(&node.value, NodeValue::Mapping(entries) if entries.is_empty()) {
        out.set("alerts", node);
    }
}
