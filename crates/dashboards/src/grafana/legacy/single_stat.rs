//! `singlestat`, and gauges and stats with `fieldOptions`.

use serde_json::{Map, Value, json};

use super::{COMMON, built, old_mappings, old_thresholds};
use crate::grafana::object::{Findings, Object, is_blank};

pub(super) fn single_stat(of: &Object<'_>, found: &mut Findings) -> Value {
    let gauge = of.object("gauge");
    let is_gauge = gauge.is("show");
    let mut defaults = Map::new();
    let mut put = |key: &str, value: Value| drop(defaults.insert(key.to_owned(), value));
    let format = of
        .text("format")
        .filter(|it| !it.is_empty())
        .unwrap_or_else(|| "none".to_owned());
    let (prefix, postfix) = (of.string("prefix"), of.string("postfix"));
    let is_plain = matches!(format.as_str(), "none" | "short");
    match (prefix.trim(), postfix.trim()) {
        ("", "") => put("unit", json!(format)),
        ("", _) if is_plain => put("unit", json!(format!("suffix:{postfix}"))),
        (_, "") if is_plain => put("unit", json!(format!("prefix:{prefix}"))),
        _ => {
            found.approximated("prefix and postfix", "only the unit stands at the value");
            put("unit", json!(format));
        }
    }
    if let Some(decimals) = of.number("decimals") {
        put("decimals", json!(decimals));
    }
    put("mappings", json!(old_mappings(of)));
    let null_text = of.string("nullText");
    if !null_text.is_empty() {
        put("noValue", json!(null_text));
    }
    let (value, background) = (of.is("colorValue"), of.is("colorBackground"));
    if value || background || is_gauge {
        let colors = of.texts("colors");
        let steps = old_thresholds(of.get("thresholds").unwrap_or(&Value::Null), &colors);
        put("thresholds", json!({ "mode": "absolute", "steps": steps }));
        put("color", json!({ "mode": "thresholds" }));
    }
    if is_gauge {
        put("min", json!(gauge.number("minValue").unwrap_or(0.0)));
        put("max", json!(gauge.number("maxValue").unwrap_or(100.0)));
    }
    let name = of.text("valueName").unwrap_or_else(|| "avg".to_owned());
    let calc = match name.as_str() {
        "avg" => "mean",
        "current" | "name" => "lastNotNull",
        "total" => "sum",
        "last_time" => {
            found.lost("value of time", "the value is shown, not its time");
            "lastNotNull"
        }
        other => other,
    };
    let sparkline = of.object("sparkline");
    let column = of.string("tableColumn");
    let options = json!({
        "reduceOptions": { "calcs": [calc], "fields": if column.is_empty() || column == "Value" { String::new() } else { format!("/^{column}$/") } },
        "colorMode": if background { "background" } else if value { "value" } else { "none" },
        "graphMode": if sparkline.is("show") { "area" } else { "none" },
        "justifyMode": "center",
        "textMode": if name == "name" { "name" } else { "value" },
        "showThresholdLabels": gauge.is("thresholdLabels"),
        "showThresholdMarkers": gauge.flag("thresholdMarkers").unwrap_or(true),
    });
    of.skip(&[
        "type",
        "prefixFontSize",
        "postfixFontSize",
        "valueFontSize",
        "mappingTypes",
        "nullPointMode",
        "cacheTimeout",
        "editable",
        "error",
        "pluginVersion",
        "options",
        "colorPrefix",
        "colorPostfix",
        "colors",
        "thresholds",
        "mappingType",
        "rangeMaps",
        "valueMaps",
        "fieldConfig",
        "isNew",
    ]);
    of.skip(&COMMON);
    found.unknown("singlestat", of);
    let config = json!({ "defaults": defaults, "overrides": [] });
    let kind = if is_gauge { "gauge" } else { "stat" };
    built(
        of,
        kind,
        vec![("fieldConfig", config), ("options", options)],
    )
}

/// `options.fieldOptions` of 2019.
pub(super) fn field_options(panel: &Value) -> Value {
    let mut panel = panel.clone();
    let old = panel
        .pointer_mut("/options/fieldOptions")
        .map(Value::take)
        .unwrap_or_default();
    let of = Object::of(Some(&old));
    let reduce = json!({ "calcs": of.get("calcs"), "values": of.get("values") });
    let mut defaults = of.get("defaults").cloned().unwrap_or_else(|| json!({}));
    if let Some(defaults) = defaults.as_object_mut() {
        for key in ["thresholds", "mappings"] {
            if let Some(value) = of.get(key)
                && !defaults.contains_key(key)
            {
                let value = match (key, value) {
                    ("thresholds", Value::Array(steps)) => {
                        json!({ "mode": "absolute", "steps": steps })
                    }
                    _ => value.clone(),
                };
                defaults.insert(key.to_owned(), value);
            }
        }
    }
    let overrides = of.get("overrides").cloned().unwrap_or_else(|| json!([]));
    if let Some(options) = panel.get_mut("options").and_then(Value::as_object_mut) {
        options.remove("fieldOptions");
        options.insert("reduceOptions".to_owned(), reduce);
    }
    let has_config = panel.get("fieldConfig").is_some_and(|it| !is_blank(it));
    if let Some(panel) = panel.as_object_mut()
        && !has_config
    {
        let config = json!({ "defaults": defaults, "overrides": overrides });
        panel.insert("fieldConfig".to_owned(), config);
    }
    panel
}
