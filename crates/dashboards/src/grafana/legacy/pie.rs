//! `grafana-piechart-panel`.

use serde_json::{Value, json};

use super::built;
use crate::grafana::object::Object;

pub(super) fn pie(of: &Object<'_>) -> Value {
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
