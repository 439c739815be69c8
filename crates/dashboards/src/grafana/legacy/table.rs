//! Tables with `styles`.

use serde_json::{Map, Value, json};

use super::{COMMON, built, old_mappings, old_thresholds};
use crate::grafana::object::{Findings, Object};

pub(super) fn table(of: &Object<'_>, found: &mut Findings) -> Value {
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
