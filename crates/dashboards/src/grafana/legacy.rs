//! Panels of before 2021 as those of today: `graph`, `singlestat`, tables with `styles`, heat maps with `cards`.
//!
//! ## Model
//! [`modern`] gives a panel of today's form in place of an old one, which is then read as all others. What an old panel
//! says that none of today's does is a finding here.

use serde_json::{Map, Value, json};

use super::object::{Findings, Object, is_blank, number_of, text_of};

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

/// `options.fieldOptions` of 2019.
fn field_options(panel: &Value) -> Value {
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

/// What an axis of a graph says, as settings of a field.
fn axis(of: &Object<'_>, found: &mut Findings) -> Vec<(String, Value)> {
    let mut settings = Vec::new();
    let mut put = |key: &str, value: Value| settings.push((key.to_owned(), value));
    if let Some(unit) = of.text("format") {
        put("unit", json!(unit));
    }
    for key in ["min", "max", "decimals"] {
        if let Some(number) = of.number(key) {
            put(key, json!(number));
        } else if let Some(text) = of.text(key)
            && !text.is_empty()
            && text != "auto"
            && text != "null"
        {
            found.approximated(
                format!("axis {key} {text}"),
                "the axis ends where its values do",
            );
        }
    }
    if let Some(label) = of.text("label").filter(|label| !label.is_empty()) {
        put("custom.axisLabel", json!(label));
    }
    if let Some(base) = of.number("logBase").filter(|base| *base > 1.0) {
        put(
            "custom.scaleDistribution",
            json!({ "type": "log", "log": base }),
        );
    }
    if of.flag("show") == Some(false) {
        put("custom.axisPlacement", json!("hidden"));
    }
    of.skip(&["$$hashKey"]);
    found.unknown("axis", of);
    settings
}

fn stacking(is: bool, percent: bool, group: &str) -> Value {
    let mode = match (is, percent) {
        (false, _) => "none",
        (true, false) => "normal",
        (true, true) => "percent",
    };
    json!({ "mode": mode, "group": group })
}

fn graph(of: &Object<'_>, found: &mut Findings) -> Value {
    let mut custom = Map::new();
    let mut put = |key: &str, value: Value| drop(custom.insert(key.to_owned(), value));
    let (lines, bars, points) = (
        of.flag("lines").unwrap_or(true),
        of.is("bars"),
        of.is("points"),
    );
    let fill = of.number("fill").unwrap_or(1.0);
    let draw = if bars {
        "bars"
    } else if lines || !points {
        "line"
    } else {
        "points"
    };
    if bars && lines {
        found.approximated("bars and lines", "bars are drawn alone");
    }
    put("drawStyle", json!(draw));
    put("fillOpacity", json!(if bars { 100.0 } else { fill * 10.0 }));
    put(
        "lineWidth",
        json!(if lines || bars {
            of.number("linewidth").unwrap_or(1.0)
        } else {
            0.0
        }),
    );
    put("showPoints", json!(if points { "always" } else { "never" }));
    if let Some(radius) = of.number("pointradius") {
        put("pointSize", json!(radius * 2.0));
    }
    if of.number("fillGradient").is_some_and(|it| it > 0.0) {
        put("gradientMode", json!("opacity"));
    }
    if of.is("steppedLine") {
        put("lineInterpolation", json!("stepAfter"));
    }
    if of.is("dashes") {
        put("lineStyle", json!({ "fill": "dash" }));
    }
    let is_stack = of.is("stack");
    put("stacking", stacking(is_stack, of.is("percentage"), "A"));
    let is_zero = match of.string("nullPointMode").as_str() {
        "connected" => {
            put("spanNulls", json!(true));
            false
        }
        mode => mode == "null as zero",
    };
    let axes = of.list("yaxes");
    let left = axis(&Object::of(axes.first()), found);
    let right = axis(&Object::of(axes.get(1)), found);
    let mut defaults = Map::new();
    for (key, value) in left {
        match key.strip_prefix("custom.") {
            Some(key) => drop(custom.insert(key.to_owned(), value)),
            None => drop(defaults.insert(key, value)),
        }
    }
    // Digits are those of the axis, as Grafana takes them: what the legend alone had is gone there too.
    let mut overrides: Vec<Value> = Vec::new();
    let colors = of.object("aliasColors");
    for (name, color) in colors.entries() {
        overrides.push(json!({
            "matcher": { "id": "byName", "options": name },
            "properties": [{ "id": "color", "value": { "mode": "fixed", "fixedColor": color } }],
        }));
    }
    for item in of.list("seriesOverrides") {
        overrides.push(series_override(
            &Object::of(Some(item)),
            is_stack,
            &right,
            found,
        ));
    }
    thresholds(of, &mut defaults, &mut custom, found);
    if !of.list("timeRegions").is_empty() {
        found.approximated("time regions", "times of the week are not coloured");
    }
    defaults.insert("custom".to_owned(), Value::Object(custom));
    let options_before = of.object("options");
    if let Some(links) = options_before.get("dataLinks") {
        defaults.insert("links".to_owned(), links.clone());
    }
    // What today's settings of the same panel say stands over those of old only where those are silent.
    let old_config = of.object("fieldConfig");
    if let Some(links) = old_config.object("defaults").get("links")
        && !is_blank(links)
    {
        defaults.insert("links".to_owned(), links.clone());
    }
    let config = json!({ "defaults": defaults, "overrides": overrides });
    let mut options = json!({ "legend": legend(of, found), "tooltip": tooltip(of) });
    if is_zero && let Some(options) = options.as_object_mut() {
        options.insert("nullsAreZero".to_owned(), json!(true));
    }
    of.skip(&[
        "renderer",
        "hiddenSeries",
        "dashLength",
        "spaceLength",
        "paceLength",
        "pluginVersion",
        "editable",
        "error",
        "grid",
        "isNew",
        "x-axis",
        "y-axis",
        "y_formats",
        "leftYAxisLabel",
        "type",
        "yaxis",
        "bucketAggs",
        "decimals",
        "cacheTimeout",
        "dashboardFilter",
        "dashboardTags",
        "linewidth",
        "fill",
    ]);
    of.skip(&COMMON);
    let x = of.object("xaxis");
    let kind = match x.string("mode").as_str() {
        "histogram" => "histogram",
        "series" => {
            found.approximated("x-axis of series", "each series is a bar of its own");
            let calcs = x.texts("values");
            let reduce = json!({ "calcs": calcs.iter().map(|it| if it == "total" { "sum" } else { it }).collect::<Vec<_>>() });
            if let Some(options) = options.as_object_mut() {
                options.insert("reduceOptions".to_owned(), reduce);
            }
            "bargauge"
        }
        _ => "timeseries",
    };
    if x.flag("show") == Some(false) {
        found.cosmetic("x-axis", "times stand below the graph");
    }
    found.unknown("graph", of);
    built(
        of,
        kind,
        vec![("fieldConfig", config), ("options", options)],
    )
}

fn legend(of: &Object<'_>, found: &mut Findings) -> Value {
    let legend = of.object("legend");
    let mut calcs = Vec::new();
    if legend.is("values") {
        // In the order in which Grafana finds them: that of their names.
        for (key, calc) in [
            ("avg", "mean"),
            ("current", "lastNotNull"),
            ("max", "max"),
            ("min", "min"),
            ("total", "sum"),
        ] {
            if legend.is(key) {
                calcs.push(calc);
            }
        }
    }
    if legend.is("hideZero") || legend.is("hideEmpty") {
        found.cosmetic(
            "legend",
            "series without values, or at zero, are in the legend",
        );
    }
    let sort = legend.string("sort");
    let names = [
        ("min", "Min"),
        ("max", "Max"),
        ("avg", "Mean"),
        ("current", "Last *"),
        ("total", "Total"),
    ];
    let sort_by = names
        .iter()
        .find(|(word, _)| *word == sort)
        .map(|(_, name)| *name);
    let is_table = legend.is("alignAsTable");
    json!({
        "showLegend": legend.flag("show").unwrap_or(true),
        "displayMode": if is_table { "table" } else { "list" },
        "placement": if legend.is("rightSide") { "right" } else { "bottom" },
        "calcs": calcs,
        "sortBy": sort_by,
        "sortDesc": legend.is("sortDesc"),
        "width": legend.number("sideWidth"),
    })
}

fn tooltip(of: &Object<'_>) -> Value {
    let tooltip = of.object("tooltip");
    let sort = match tooltip.number("sort") {
        Some(1.0) => "asc",
        Some(2.0) => "desc",
        _ => "none",
    };
    let is_shared = tooltip.flag("shared").unwrap_or(true);
    json!({ "mode": if is_shared { "multi" } else { "single" }, "sort": sort })
}

fn thresholds(
    of: &Object<'_>,
    defaults: &mut Map<String, Value>,
    custom: &mut Map<String, Value>,
    found: &mut Findings,
) {
    let list = of.list("thresholds");
    if list.is_empty() {
        return;
    }
    let color = |of: &Object<'_>| match of.string("colorMode").as_str() {
        "critical" => "red".to_owned(),
        "warning" => "orange".to_owned(),
        "ok" => "green".to_owned(),
        _ => of
            .text("lineColor")
            .or_else(|| of.text("fillColor"))
            .unwrap_or_else(|| "red".to_owned()),
    };
    let (mut fill, mut line) = (false, false);
    let mut steps: Vec<(f64, String)> = Vec::new();
    let mut base = "transparent".to_owned();
    for item in list {
        let of = Object::of(Some(item));
        let Some(value) = of.number("value") else {
            continue;
        };
        fill |= of.is("fill");
        line |= of.is("line");
        if of.text("op").is_some_and(|op| op == "lt") {
            base = color(&of);
            steps.push((value, "transparent".to_owned()));
            if list.len() > 1 {
                found.approximated(
                    "thresholds",
                    "of several below which something is coloured only one is",
                );
            }
        } else {
            steps.push((value, color(&of)));
        }
    }
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut all = vec![json!({ "value": null, "color": base })];
    all.extend(
        steps
            .into_iter()
            .map(|(value, color)| json!({ "value": value, "color": color })),
    );
    defaults.insert(
        "thresholds".to_owned(),
        json!({ "mode": "absolute", "steps": all }),
    );
    let style = match (line, fill) {
        (true, true) => "line+area",
        (true, false) => "line",
        (false, true) => "area",
        (false, false) => "off",
    };
    custom.insert("thresholdsStyle".to_owned(), json!({ "mode": style }));
}

/// Settings of some of a graph's series.
fn series_override(
    of: &Object<'_>,
    is_stack: bool,
    right: &[(String, Value)],
    found: &mut Findings,
) -> Value {
    let alias = of.string("alias");
    let is_regex = alias.len() > 1 && alias.starts_with('/') && alias.ends_with('/');
    let mut properties: Vec<Value> = Vec::new();
    let mut put = |id: &str, value: Value| properties.push(json!({ "id": id, "value": value }));
    let is_right = of.number("yaxis").is_some_and(|axis| axis > 1.5);
    if is_right {
        let is_hidden = right.iter().any(|(key, _)| key == "custom.axisPlacement");
        for (key, value) in right {
            put(key, value.clone());
        }
        if !is_hidden {
            put("custom.axisPlacement", json!("right"));
        }
    }
    if let Some(color) = of.text("color") {
        put("color", json!({ "mode": "fixed", "fixedColor": color }));
    }
    if let Some(fill) = of.number("fill") {
        put("custom.fillOpacity", json!(fill * 10.0));
    }
    if let Some(width) = of.number("linewidth") {
        put("custom.lineWidth", json!(width));
    }
    match of.get("stack") {
        Some(Value::Bool(is)) => put("custom.stacking", stacking(*is, false, "A")),
        Some(group) => {
            if let Some(group) = text_of(group) {
                put("custom.stacking", stacking(true, false, &group));
            }
        }
        None if is_right && is_stack => put("custom.stacking", stacking(true, false, "right")),
        None => {}
    }
    match (of.flag("lines"), of.flag("bars"), of.flag("points")) {
        (_, Some(true), _) => {
            put("custom.drawStyle", json!("bars"));
            put("custom.fillOpacity", json!(100));
        }
        (Some(false), _, Some(true)) => {
            put("custom.drawStyle", json!("points"));
        }
        (Some(false), _, _) => put("custom.lineWidth", json!(0)),
        (Some(true), ..) => put("custom.drawStyle", json!("line")),
        (None, ..) => {}
    }
    if let Some(is) = of.flag("points") {
        put(
            "custom.showPoints",
            json!(if is { "always" } else { "never" }),
        );
    }
    if let Some(radius) = of.number("pointradius") {
        put("custom.pointSize", json!(radius * 2.0));
    }
    if of.is("dashes") {
        put("custom.lineStyle", json!({ "fill": "dash" }));
    }
    if of.is("steppedLine") {
        put("custom.lineInterpolation", json!("stepAfter"));
    }
    if let Some(transform) = of.text("transform").filter(|it| !it.is_empty()) {
        put("custom.transform", json!(transform));
    }
    if let Some(below) = of.text("fillBelowTo") {
        put("custom.fillBelowTo", json!(below));
    }
    if of.number("fillGradient").is_some_and(|it| it > 0.0) {
        put("custom.gradientMode", json!("opacity"));
    }
    let hidden_legend = of.flag("legend") == Some(false);
    let hidden_tooltip = of.is("hideTooltip");
    if hidden_legend || hidden_tooltip {
        put(
            "custom.hideFrom",
            json!({ "legend": hidden_legend, "tooltip": hidden_tooltip }),
        );
    }
    match of.text("nullPointMode").as_deref() {
        Some("connected") => put("custom.spanNulls", json!(true)),
        Some("null") => put("custom.spanNulls", json!(false)),
        Some(other) if !other.is_empty() => {
            found.approximated(
                format!("series {alias}: {other}"),
                "gaps are as in the other series",
            );
        }
        _ => {}
    }
    of.skip(&[
        "zindex",
        "$$hashKey",
        "dashLength",
        "spaceLength",
        "hiddenSeries",
    ]);
    found.unknown("series override", of);
    let matcher = if is_regex { "byRegexp" } else { "byName" };
    json!({ "matcher": { "id": matcher, "options": alias }, "properties": properties })
}

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

fn single_stat(of: &Object<'_>, found: &mut Findings) -> Value {
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

fn table(of: &Object<'_>, found: &mut Findings) -> Value {
    let mut transformations = of.list("transformations").to_vec();
    let step = |id: &str, options: Value| json!({ "id": id, "options": options });
    let columns: Vec<Object<'_>> = of
        .list("columns")
        .iter()
        .map(|it| Object::of(Some(it)))
        .collect();
    match of.text("transform").unwrap_or_default().as_str() {
        "timeseries_aggregations" => {
            let calcs: Vec<String> = columns
                .iter()
                .map(|column| match column.string("value").as_str() {
                    "avg" => "mean".to_owned(),
                    "current" => "lastNotNull".to_owned(),
                    "total" => "sum".to_owned(),
                    other => other.to_owned(),
                })
                .collect();
            transformations.push(step("reduce", json!({ "reducers": calcs })));
        }
        "timeseries_to_columns" => {
            transformations.push(step("seriesToColumns", json!({ "byField": "Time" })))
        }
        "timeseries_to_rows" | "" => {
            let is_table = of
                .list("targets")
                .iter()
                .any(|it| it.get("format").is_some_and(|it| it == "table"));
            transformations.push(step(
                if is_table { "merge" } else { "seriesToRows" },
                json!({}),
            ));
        }
        "table" => transformations.push(step("merge", json!({}))),
        other => found.lost(format!("table of {other}"), "is not known here"),
    }
    let mut overrides = Vec::new();
    let mut defaults = Map::new();
    for item in of.list("styles") {
        let style = Object::of(Some(item));
        let pattern = style.string("pattern");
        let properties = table_style(&style, found);
        if pattern == "/.*/" {
            for property in properties {
                let property = Object::of(Some(&property));
                let id = property.string("id");
                if !id.starts_with("custom.")
                    && let Some(value) = property.get("value")
                {
                    defaults.insert(id, value.clone());
                }
            }
            continue;
        }
        let id = if pattern.starts_with('/') {
            "byRegexp"
        } else {
            "byName"
        };
        overrides
            .push(json!({ "matcher": { "id": id, "options": pattern }, "properties": properties }));
    }
    let sort = of.object("sort");
    // The column by which was sorted is a number, or a name.
    let sort_by: Vec<Value> = sort
        .text("col")
        .filter(|it| it.parse::<f64>().is_err() && !it.is_empty())
        .map(|name| json!({ "displayName": name, "desc": sort.is("desc") }))
        .into_iter()
        .collect();
    if sort.number("col").is_some() && of.list("styles").len() > 1 {
        found.cosmetic(
            "order of rows",
            "was by the number of a column, and is now as it comes",
        );
    }
    let options = json!({
        "showHeader": of.flag("showHeader").unwrap_or(true),
        "sortBy": sort_by,
        "footer": { "enablePagination": of.number("pageSize").is_some() },
    });
    let config = json!({ "defaults": defaults, "overrides": overrides });
    of.skip(&[
        "type",
        "fontSize",
        "scroll",
        "pluginVersion",
        "editable",
        "error",
        "filterNull",
        "fieldConfig",
        "options",
        "pageSize",
        "hideHeader",
        "isNew",
    ]);
    of.skip(&COMMON);
    found.unknown("table", of);
    let parts = vec![
        ("fieldConfig", config),
        ("options", options),
        ("transformations", json!(transformations)),
    ];
    built(of, "table", parts)
}

fn table_style(style: &Object<'_>, found: &mut Findings) -> Vec<Value> {
    let mut properties = Vec::new();
    let mut put = |id: &str, value: Value| properties.push(json!({ "id": id, "value": value }));
    let alias = style.string("alias");
    if !alias.is_empty() {
        put("displayName", json!(alias));
    }
    match style.string("type").as_str() {
        "hidden" => put("custom.hidden", json!(true)),
        "number" => {
            if let Some(unit) = style.text("unit") {
                put("unit", json!(unit));
            }
            if let Some(decimals) = style.number("decimals") {
                put("decimals", json!(decimals));
            }
        }
        "date" => {
            let format = style.text("dateFormat").filter(|it| !it.is_empty());
            put(
                "unit",
                json!(format.map_or_else(|| "dateTimeAsIso".to_owned(), |it| format!("time:{it}"))),
            );
        }
        _ => {}
    }
    let color_mode = style.string("colorMode");
    if !color_mode.is_empty() {
        let kind = if color_mode == "value" {
            "color-text"
        } else {
            "color-background"
        };
        put(
            "custom.cellOptions",
            json!({ "type": kind, "mode": "basic", "applyToRow": color_mode == "row" }),
        );
        let steps = old_thresholds(
            style.get("thresholds").unwrap_or(&Value::Null),
            &style.texts("colors"),
        );
        put("thresholds", json!({ "mode": "absolute", "steps": steps }));
        put("color", json!({ "mode": "thresholds" }));
    }
    let mappings = old_mappings(style);
    if !mappings.is_empty() {
        put("mappings", json!(mappings));
    }
    if style.is("link") {
        let url = style
            .string("linkUrl")
            .replace("$__cell:raw", "${__value.raw}");
        if url.contains("$__cell_") {
            found.approximated(
                format!("link of {alias}"),
                "another cell of the row is not put in: ${__data.fields[…]} would be",
            );
        }
        let url = url.replace("$__cell", "${__value.text}");
        let link = json!([{ "title": style.string("linkTooltip"), "url": url, "targetBlank": style.is("linkTargetBlank") }]);
        put("links", link);
    }
    let align = style.string("align");
    if !align.is_empty() && align != "auto" {
        put("custom.align", json!(align));
    }
    style.skip(&[
        "pattern",
        "sanitize",
        "preserveFormat",
        "$$hashKey",
        "colors",
        "thresholds",
        "dateFormat",
        "decimals",
        "unit",
        "linkTooltip",
        "linkUrl",
        "linkTargetBlank",
        "mappingType",
        "valueMaps",
        "rangeMaps",
    ]);
    found.unknown("table style", style);
    properties
}

fn heatmap(of: &Object<'_>, found: &mut Findings) -> Value {
    let (cards, color) = (of.object("cards"), of.object("color"));
    let y = of.object("yAxis");
    let calculate = of.text("dataFormat").is_none_or(|it| it != "tsbuckets");
    let bound = match of.string("yBucketBound").as_str() {
        "upper" => "le",
        "lower" => "ge",
        _ => "auto",
    };
    let size = |size: &str, number: &str| match (of.text(size), of.text(number)) {
        (Some(size), _) if !size.is_empty() => json!({ "mode": "size", "value": size }),
        (_, Some(number)) if !number.is_empty() => json!({ "mode": "count", "value": number }),
        _ => json!({}),
    };
    let is_opacity = color.text("mode").is_some_and(|it| it == "opacity");
    let scheme = color.string("colorScheme");
    let is_linear = color.text("colorScale").is_some_and(|it| it == "linear");
    let mut options = json!({
        "calculate": calculate,
        "color": {
            "mode": if is_opacity { "opacity" } else { "scheme" },
            "scheme": scheme.strip_prefix("interpolate").unwrap_or(&scheme),
            "fill": color.get("cardColor"),
            "exponent": if is_opacity && is_linear { Some(1.0) } else { color.number("exponent") },
            "min": color.number("min"),
            "max": color.number("max"),
        },
        "cellGap": cards.number("cardPadding"),
        "legend": { "show": of.object("legend").is("show") },
        "rowsFrame": { "layout": bound },
        "tooltip": { "show": of.object("tooltip").flag("show").unwrap_or(true), "yHistogram": of.object("tooltip").is("showHistogram") },
        "yAxis": {
            "unit": y.get("format"),
            "decimals": y.get("decimals"),
            "min": y.number("min"),
            "max": y.number("max"),
            "reverse": of.is("reverseYBuckets"),
            "axisPlacement": if y.flag("show") == Some(false) { "hidden" } else { "left" },
        },
    });
    if of.is("hideZeroBuckets")
        && let Some(options) = options.as_object_mut()
    {
        options.insert("filterValues".to_owned(), json!({ "le": 1e-9 }));
    }
    if calculate && let Some(options) = options.as_object_mut() {
        let buckets = json!({ "xBuckets": size("xBucketSize", "xBucketNumber"), "yBuckets": size("yBucketSize", "yBucketNumber") });
        options.insert("calculation".to_owned(), buckets);
        if y.number("logBase").is_some_and(|base| base > 1.0) {
            found.approximated("logarithmic buckets", "buckets are equally high");
        }
    }
    y.skip(&["logBase", "splitFactor", "show", "decimals"]);
    found.unknown("heatmap.yAxis", &y);
    cards.skip(&["cardRound"]);
    of.skip(&[
        "type",
        "heatmap",
        "highlightCards",
        "xAxis",
        "pluginVersion",
        "fieldConfig",
        "options",
        "xBucketSize",
        "xBucketNumber",
        "yBucketSize",
        "yBucketNumber",
        "editable",
        "error",
        "isNew",
    ]);
    of.skip(&COMMON);
    found.unknown("heatmap", of);
    built(of, "heatmap", vec![("options", options)])
}

fn pie(of: &Object<'_>) -> Value {
    let name = of.text("valueName").unwrap_or_else(|| "current".to_owned());
    let calc = match name.as_str() {
        "avg" => "mean",
        "current" => "lastNotNull",
        "total" => "sum",
        other => other,
    };
    let legend = of.object("legend");
    let mut values = Vec::new();
    for (key, value) in [("values", "value"), ("percentage", "percent")] {
        if legend.is(key) {
            values.push(value);
        }
    }
    let overrides: Vec<Value> = of
        .object("aliasColors")
        .entries()
        .map(|(name, color)| {
            json!({
                "matcher": { "id": "byName", "options": name },
                "properties": [{ "id": "color", "value": { "mode": "fixed", "fixedColor": color } }],
            })
        })
        .collect();
    let is_right = of
        .text("legendType")
        .is_some_and(|it| it.to_lowercase().contains("right"));
    let options = json!({
        "pieType": of.get("pieType"),
        "reduceOptions": { "calcs": [calc] },
        "legend": {
            "showLegend": legend.flag("show").unwrap_or(true),
            "displayMode": if is_right { "table" } else { "list" },
            "placement": if is_right { "right" } else { "bottom" },
            "values": values,
        },
    });
    let defaults = json!({ "unit": of.get("format"), "decimals": of.get("decimals") });
    let config = json!({ "defaults": defaults, "overrides": overrides });
    built(
        of,
        "piechart",
        vec![("fieldConfig", config), ("options", options)],
    )
}
