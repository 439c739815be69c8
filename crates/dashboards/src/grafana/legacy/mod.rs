//! Panels of before 2021 as those of today: `graph`, `singlestat`, tables with `styles`, heat maps with `cards`.
//!
//! ## Model
//! [`modern`] gives a panel of today's form in place of an old one, which is then read as all others. What an old panel
//! says that none of today's does is a finding here.

mod graph;
mod heatmap;
mod pie;
mod single_stat;
mod table;

use serde_json::{Map, Value, json};

use self::graph::graph;
use self::heatmap::heatmap;
use self::pie::pie;
use self::single_stat::{field_options, single_stat};
use self::table::table;
use super::object::{Findings, Object, is_blank, number_of};

/// The panel as today's; `None`: it is one already.
pub(super) fn modern(panel: &Value, found: &mut Findings) -> Option<Value> {
    let of = Object::of(Some(panel));
    let has = |key: &str| panel.get(key).is_some_and(|value| !value.is_null());
    match of.string("type").as_str() {
        "graph" => Some(graph(&of, found)),
        "singlestat" | "grafana-singlestat-panel" => Some(single_stat(&of, found)),
        "table-old" => Some(table(&of, found)),
        "table" if has("styles") && !is_migrated(panel) => Some(table(&of, found)),
        "heatmap" if has("cards") || has("heatmap") || has("dataFormat") => {
            Some(heatmap(&of, found))
        }
        "grafana-piechart-panel" => Some(pie(&of)),
        "text" if has("content") && panel.get("options").is_none_or(is_blank) => {
            let options = json!({ "mode": of.string("mode"), "content": of.string("content") });
            Some(with(
                panel,
                "text",
                &[("options", options)],
                &["content", "mode"],
            ))
        }
        "gauge" | "bargauge" | "stat"
            if panel
                .get("options")
                .is_some_and(|it| it.get("fieldOptions").is_some()) =>
        {
            Some(field_options(panel))
        }
        _ => None,
    }
}

/// Whether a table has today's settings, and those of old only as a rest.
fn is_migrated(panel: &Value) -> bool {
    panel
        .pointer("/fieldConfig/defaults")
        .is_some_and(|it| !is_blank(it))
        || panel
            .get("options")
            .is_some_and(|it| it.get("showHeader").is_some())
}

fn with(panel: &Value, kind: &str, parts: &[(&str, Value)], without: &[&str]) -> Value {
    let mut panel = panel.as_object().cloned().unwrap_or_default();
    for key in without {
        panel.remove(*key);
    }
    panel.insert("type".to_owned(), json!(kind));
    for (key, value) in parts {
        panel.insert((*key).to_owned(), value.clone());
    }
    Value::Object(panel)
}

/// A panel with what all have, and these.
fn built(of: &Object<'_>, kind: &str, parts: Vec<(&str, Value)>) -> Value {
    let mut panel = Map::new();
    for key in COMMON {
        if let Some(value) = of.get(key) {
            panel.insert(key.to_owned(), value.clone());
        }
    }
    panel.insert("type".to_owned(), json!(kind));
    for (key, value) in parts {
        panel.insert(key.to_owned(), value);
    }
    Value::Object(panel)
}

/// Keys that every panel has.
const COMMON: [&str; 24] = [
    "id",
    "title",
    "description",
    "gridPos",
    "targets",
    "datasource",
    "links",
    "repeat",
    "repeatDirection",
    "maxPerRow",
    "interval",
    "maxDataPoints",
    "timeFrom",
    "timeShift",
    "hideTimeOverride",
    "transparent",
    "libraryPanel",
    "span",
    "height",
    "transformations",
    "alert",
    "repeatPanelId",
    "scopedVars",
    "minSpan",
];

/// Mappings of texts and ranges of before 2021.
fn old_mappings(of: &Object<'_>) -> Vec<Value> {
    let is_ranges = of.number("mappingType").is_some_and(|it| it > 1.5);
    let mut mappings = Vec::new();
    if is_ranges {
        for item in of.list("rangeMaps") {
            let map = Object::of(Some(item));
            let (from, to) = (map.number("from"), map.number("to"));
            if map.text("from").is_some_and(|it| it == "null") {
                let options = json!({ "match": "null", "result": { "text": map.get("text") } });
                mappings.push(json!({ "type": "special", "options": options }));
            } else {
                let options =
                    json!({ "from": from, "to": to, "result": { "text": map.get("text") } });
                mappings.push(json!({ "type": "range", "options": options }));
            }
        }
    } else {
        for (index, item) in of.list("valueMaps").iter().enumerate() {
            let map = Object::of(Some(item));
            let value = map.string("value");
            if value.is_empty() {
                continue;
            }
            if value == "null" {
                let options = json!({ "match": "null", "result": { "text": map.get("text") } });
                mappings.push(json!({ "type": "special", "options": options }));
            } else {
                let options = json!({ value: { "text": map.get("text"), "index": index } });
                mappings.push(json!({ "type": "value", "options": options }));
            }
        }
    }
    mappings
}

/// `"80,90"` and three colours.
fn old_thresholds(values: &Value, colors: &[String]) -> Vec<Value> {
    let values: Vec<f64> = match values {
        Value::String(text) => text
            .split(',')
            .filter_map(|it| it.trim().parse().ok())
            .collect(),
        Value::Array(items) => items.iter().filter_map(number_of).collect(),
        _ => Vec::new(),
    };
    let color = |index: usize| {
        colors
            .get(index)
            .cloned()
            .unwrap_or_else(|| "green".to_owned())
    };
    let mut steps = vec![json!({ "value": null, "color": color(0) })];
    for (index, value) in values.iter().enumerate() {
        steps.push(json!({ "value": value, "color": color(index + 1) }));
    }
    steps
}
