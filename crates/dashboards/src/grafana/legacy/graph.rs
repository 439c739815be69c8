//! `graph` as a panel of series over time: its axes, legend, tooltip, thresholds and settings of some of its series.

use serde_json::{Map, Value, json};

use super::{COMMON, built};
use crate::grafana::object::{Findings, Object, is_blank, text_of};

pub(super) fn graph(of: &Object<'_>, found: &mut Findings) -> Value {
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
