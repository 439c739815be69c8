//! Dashboards of Grafana's second schema (`elements` and `layout`) in the form of the first.

use serde_json::{Map, Value, json};

use super::object::{Findings, Object};

/// The dashboard in the form of the first schema; `None`: it has it already.
pub(super) fn as_v1(value: &Value, above: &mut Findings) -> Option<Value> {
    let spec = value
        .get("spec")
        .filter(|it| it.is_object())
        .unwrap_or(value);
    let elements = spec.get("elements").filter(|it| it.is_object());
    let Some(elements) = elements else {
        // The first schema as a resource of Kubernetes.
        if spec.get("panels").is_some()
            && spec.get("title").is_some()
            && value.get("spec").is_some()
        {
            return Some(with_name(spec.clone(), value));
        }
        return None;
    };
    let of = Object::of(Some(spec));
    let mut panels = Vec::new();
    let mut layout = Layout {
        elements,
        panels: &mut panels,
        above,
        y: 0,
    };
    layout.read(&of.object("layout"), 0);
    let time = of.object("timeSettings");
    let variables = of.list("variables").iter().map(variable);
    let cursor = match of.string("cursorSync").as_str() {
        "Crosshair" => 1,
        "Tooltip" => 2,
        _ => 0,
    };
    let annotations: Vec<Value> = of
        .list("annotations")
        .iter()
        .filter_map(|item| item.get("spec").cloned())
        .collect();
    let v1 = json!({
        "title": of.get("title"),
        "description": of.get("description"),
        "tags": of.get("tags"),
        "links": of.get("links"),
        "graphTooltip": cursor,
        "time": { "from": time.get("from"), "to": time.get("to") },
        "refresh": time.get("autoRefresh"),
        "timezone": time.get("timezone"),
        "templating": { "list": variables.collect::<Vec<Value>>() },
        "annotations": { "list": annotations },
        "panels": panels,
        "schemaVersion": 42,
    });
    Some(with_name(v1, value))
}

/// The name of a resource is its uid.
fn with_name(mut v1: Value, resource: &Value) -> Value {
    let name = resource.pointer("/metadata/name").cloned();
    if let (Some(v1), Some(name)) = (v1.as_object_mut(), name)
        && !v1.contains_key("uid")
    {
        v1.insert("uid".to_owned(), name);
    }
    v1
}

/// Deepest nesting of rows and tabs.
const DEPTH_MAX: usize = 8;

#[derive(Debug)]
struct Layout<'a> {
    elements: &'a Value,
    panels: &'a mut Vec<Value>,
    above: &'a mut Findings,
    y: u32,
}

impl Layout<'_> {
    fn read(&mut self, of: &Object<'_>, depth: usize) {
        let spec = of.object("spec");
        if depth > DEPTH_MAX {
            self.above.lost("layout", "is nested too deep");
            return;
        }
        match of.string("kind").as_str() {
            "GridLayout" => {
                let top = self.y;
                for item in spec.list("items") {
                    let item = Object::of(item.get("spec"));
                    let count = |key: &str| item.count(key).unwrap_or_default().min(5_000);
                    let place = json!({ "x": count("x"), "y": top + count("y"), "w": count("width"), "h": count("height") });
                    self.y = self.y.max(top + count("y") + count("height"));
                    self.add(&item, place);
                }
            }
            "AutoGridLayout" => {
                self.above.approximated(
                    "layout",
                    "panels that find their place by themselves are three side by side",
                );
                for (index, item) in (0_u32..).zip(spec.list("items")) {
                    let item = Object::of(item.get("spec"));
                    let place =
                        json!({ "x": index % 3 * 8, "y": self.y + index / 3 * 8, "w": 8, "h": 8 });
                    self.add(&item, place);
                }
                let count = u32::try_from(spec.list("items").len()).unwrap_or_default();
                self.y += count.div_ceil(3) * 8;
            }
            "RowsLayout" => self.group(spec.list("rows"), depth),
            "TabsLayout" => {
                self.above.approximated("layout", "tabs are rows");
                self.group(spec.list("tabs"), depth);
            }
            other => self.above.lost(
                format!("layout {other}"),
                "is not known here: its panels are missing",
            ),
        }
    }

    fn group(&mut self, items: &[Value], depth: usize) {
        for item in items {
            let of = Object::of(item.get("spec"));
            let repeat = of.object("repeat");
            self.panels.push(json!({
                "type": "row",
                "title": of.get("title"),
                "collapsed": of.is("collapse"),
                "repeat": repeat.get("value"),
                "gridPos": { "x": 0, "y": self.y, "w": 24, "h": 1 },
                "panels": [],
            }));
            self.y += 1;
            if of
                .get("conditionalRendering")
                .is_some_and(|it| !super::object::is_blank(it))
            {
                self.above
                    .approximated("conditional rendering", "everything is shown");
            }
            self.read(&of.object("layout"), depth + 1);
        }
    }

    fn add(&mut self, item: &Object<'_>, place: Value) {
        let name = item.object("element").string("name");
        let Some(element) = self.elements.get(&name) else {
            self.above.lost(format!("element {name}"), "is not there");
            return;
        };
        let spec = Object::of(element.get("spec"));
        let repeat = item.object("repeat");
        let mut panel = Map::new();
        let mut put = |key: &str, value: Value| drop(panel.insert(key.to_owned(), value));
        put("gridPos", place);
        for key in ["id", "title", "description", "links", "transparent"] {
            if let Some(value) = spec.get(key) {
                put(key, value.clone());
            }
        }
        if element.get("kind").is_some_and(|it| it == "LibraryPanel") {
            put(
                "libraryPanel",
                spec.get("libraryPanel").cloned().unwrap_or_default(),
            );
        }
        if let Some(variable) = repeat.get("value") {
            put("repeat", variable.clone());
            put(
                "repeatDirection",
                repeat.get("direction").cloned().unwrap_or_default(),
            );
            put(
                "maxPerRow",
                repeat.get("maxPerRow").cloned().unwrap_or_default(),
            );
        }
        let viz = spec.object("vizConfig");
        let viz_spec = viz.object("spec");
        // The plugin is the kind, or since v2beta1 the group.
        let kind = viz
            .text("group")
            .filter(|it| !it.is_empty())
            .unwrap_or_else(|| viz.string("kind"));
        put("type", json!(kind));
        for key in ["options", "fieldConfig"] {
            if let Some(value) = viz_spec.get(key) {
                put(key, value.clone());
            }
        }
        let data = spec.object("data").object("spec");
        let query_options = data.object("queryOptions");
        for key in [
            "interval",
            "maxDataPoints",
            "timeFrom",
            "timeShift",
            "hideTimeOverride",
        ] {
            if let Some(value) = query_options.get(key) {
                put(key, value.clone());
            }
        }
        put(
            "targets",
            json!(data.list("queries").iter().map(target).collect::<Vec<_>>()),
        );
        let steps = data.list("transformations").iter().map(|item| {
            let step = Object::of(Some(item));
            let spec = step.object("spec");
            let id = spec.text("id").or_else(|| step.text("group")).unwrap_or_else(|| step.string("kind"));
            json!({ "id": id, "options": spec.get("options"), "disabled": spec.get("disabled"), "filter": spec.get("filter") })
        });
        put("transformations", json!(steps.collect::<Vec<_>>()));
        self.panels.push(Value::Object(panel));
    }
}

/// The plugin that a query asks.
fn source(of: &Object<'_>, query: &Object<'_>) -> Value {
    let group = query.text("group").filter(|it| !it.is_empty());
    let kind = group.or_else(|| query.text("kind").filter(|it| it != "DataQuery"));
    let own = of.object("datasource");
    let own = own.text("type").filter(|it| !it.is_empty());
    own.or(kind)
        .map_or(Value::Null, |plugin| json!({ "type": plugin, "uid": "" }))
}

fn target(item: &Value) -> Value {
    let of = Object::of(item.get("spec"));
    let query = of.object("query");
    let mut target = query
        .get("spec")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    target.insert("refId".to_owned(), json!(of.string("refId")));
    target.insert("hide".to_owned(), json!(of.is("hidden")));
    target.insert("datasource".to_owned(), source(&of, &query));
    Value::Object(target)
}

fn variable(item: &Value) -> Value {
    let kind = item.get("kind").and_then(Value::as_str).unwrap_or_default();
    let mut spec = item
        .get("spec")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let name = match kind {
        "QueryVariable" => "query",
        "CustomVariable" => "custom",
        "IntervalVariable" => "interval",
        "ConstantVariable" => "constant",
        "TextVariable" => "textbox",
        "DatasourceVariable" => "datasource",
        "AdhocVariable" => "adhoc",
        "GroupByVariable" => "groupby",
        "SwitchVariable" => "switch",
        other => other,
    };
    spec.insert("type".to_owned(), json!(name));
    let text = |key: &str| {
        spec.get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let hide = match text("hide").as_str() {
        "hideLabel" => 1,
        "hideVariable" => 2,
        _ => 0,
    };
    let refresh = if text("refresh") == "onTimeRangeChanged" {
        2
    } else {
        1
    };
    let sorts = [
        "disabled",
        "alphabeticalAsc",
        "alphabeticalDesc",
        "numericalAsc",
        "numericalDesc",
        "alphabeticalCaseInsensitiveAsc",
        "alphabeticalCaseInsensitiveDesc",
        "naturalAsc",
        "naturalDesc",
    ];
    let sort_word = text("sort");
    let sort = sorts
        .iter()
        .position(|it| *it == sort_word)
        .unwrap_or_default();
    spec.insert("hide".to_owned(), json!(hide));
    spec.insert("refresh".to_owned(), json!(refresh));
    spec.insert("sort".to_owned(), json!(sort));
    if name == "datasource" {
        let plugin = spec.get("pluginId").cloned().unwrap_or_default();
        spec.insert("query".to_owned(), plugin);
    }
    if name == "query" {
        let query = spec.get("query").cloned().unwrap_or_default();
        let of = Object::of(Some(&query));
        if !query.is_string() {
            let source = source(&Object::of(item.get("spec")), &of);
            spec.insert("datasource".to_owned(), source);
            let inner = of.object("spec");
            let text = inner
                .text("query")
                .or_else(|| inner.text("__legacyStringValue"));
            spec.insert("query".to_owned(), json!(text.unwrap_or_default()));
        }
    }
    Value::Object(spec)
}
