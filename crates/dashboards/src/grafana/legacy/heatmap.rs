//! Heat maps with `cards`.

use serde_json::{Value, json};

use super::{COMMON, built};
use crate::grafana::object::{Findings, Object};

pub(super) fn heatmap(of: &Object<'_>, found: &mut Findings) -> Value {
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
