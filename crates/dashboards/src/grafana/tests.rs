//! What is lost is told, kind by kind; what is not is there.

use serde_json::{Value, json};

use super::*;
use crate::field::{AxisSide, CellKind, ColorMode, Draw, MappingKind, Nulls, Scale, Stacking};
use crate::panel::{Calc, Grid, LegendMode, Matcher, MatcherBy, Panel, PanelKind, QueryMode};
use crate::report::{PanelReport, Severity, Verdict};
use crate::transformation::{JoinMode, Transformation};
use crate::variable::{Hide, Refresh, Sort, VariableKind};
use crate::{read_json, to_json};

fn import_one(value: Value) -> (Dashboard, Report) {
    let (dashboard, report) = import(&value).unwrap();
    let again = read_json(to_json(&dashboard).to_string().as_bytes());
    assert_eq!(
        again.as_ref(),
        Ok(&dashboard),
        "what is imported can be saved"
    );
    (dashboard, report)
}

/// A dashboard of one panel, with the query `up` unless it has its own.
fn panel(mut of: Value) -> (Panel, PanelReport) {
    let object = of.as_object_mut().unwrap();
    object.entry("id").or_insert(json!(1));
    object.entry("type").or_insert(json!("timeseries"));
    object
        .entry("targets")
        .or_insert(json!([{ "refId": "A", "expr": "up" }]));
    let value = json!({ "title": "T", "schemaVersion": 39, "panels": [of] });
    let (mut dashboard, mut report) = import_one(value);
    (
        dashboard.rows.remove(0).panels.remove(0),
        report.panels.remove(0),
    )
}

/// What is told of a panel: the verdict, and the findings.
fn told(of: Value) -> (Verdict, Vec<String>) {
    let (_, report) = panel(of);
    let findings = report.findings.iter();
    let each = findings.map(|it| format!("{}: {}: {}", it.severity.as_str(), it.what, it.why));
    (report.verdict, each.collect())
}

fn check(of: Value, verdict: Verdict, wanted: &[&str]) {
    let shown = of.to_string();
    let (found, findings) = told(of);
    assert_eq!(found, verdict, "{shown}: {findings:?}");
    assert_eq!(findings.len(), wanted.len(), "{shown}: {findings:?}");
    for (finding, want) in findings.iter().zip(wanted) {
        assert!(finding.contains(want), "{shown}: {finding}");
    }
}

#[test]
fn every_kind_of_loss_is_told() {
    check(json!({}), Verdict::Same, &[]);
    check(
        json!({ "type": "geomap" }),
        Verdict::Lost,
        &["lost: panel plugin geomap"],
    );
    check(
        json!({ "type": "nodeGraph", "options": { "x": 1 } }),
        Verdict::Lost,
        &["nodeGraph"],
    );
    check(
        json!({ "datasource": { "type": "loki", "uid": "x" } }),
        Verdict::Lost,
        &["query A: asks loki"],
    );
    check(
        json!({ "datasource": { "type": "datasource", "uid": "-- Mixed --" }, "targets": [
            { "refId": "A", "expr": "up", "datasource": { "type": "prometheus", "uid": "p" } },
            { "refId": "B", "expr": "{a=\"b\"}", "datasource": { "type": "loki", "uid": "l" } },
        ] }),
        Verdict::Lost,
        &["query B: asks loki"],
    );
    check(
        json!({ "targets": [{ "refId": "A", "expr": "up" }, { "refId": "B", "type": "math", "expression": "$A * 2", "datasource": { "type": "__expr__", "uid": "__expr__" } }] }),
        Verdict::Lost,
        &["query B: is an expression over other answers (math)"],
    );
    check(
        json!({ "targets": [{ "refId": "A", "expr": "sum(up" }] }),
        Verdict::Lost,
        &["query A: \"sum(up\" is not PromQL"],
    );
    check(
        json!({ "targets": [{ "refId": "A", "rawSql": "SELECT 1" }] }),
        Verdict::Lost,
        &["has rawSql rather than PromQL"],
    );
    check(
        json!({ "transformations": [{ "id": "heatmap", "options": {} }] }),
        Verdict::Lost,
        &["transformation heatmap: is not known"],
    );
    check(
        json!({ "transformations": [{ "id": "organize", "options": {}, "filter": { "id": "byRefId", "options": "A" } }] }),
        Verdict::Lost,
        &["is for some of the answers only"],
    );
    check(
        json!({ "transformations": [{ "id": "reduce", "options": { "reducers": ["p42"] } }] }),
        Verdict::Lost,
        &["calculation p42"],
    );
    check(
        json!({ "transformations": [{ "id": "merge", "options": { "newOption": 1 } }] }),
        Verdict::Approximate,
        &["transformation merge: newOption"],
    );
    check(
        json!({ "options": { "legend": { "calcs": ["p42"] } } }),
        Verdict::Lost,
        &["legend p42"],
    );
    check(
        json!({ "type": "stat", "options": { "reduceOptions": { "calcs": ["p42"] } } }),
        Verdict::Lost,
        &["calculation p42"],
    );
    check(
        json!({ "options": { "future": { "a": 1 } } }),
        Verdict::Approximate,
        &["option.future"],
    );
    check(
        json!({ "future": 1 }),
        Verdict::Approximate,
        &["panel.future"],
    );
    check(
        json!({ "fieldConfig": { "defaults": { "custom": { "future": 1 } } } }),
        Verdict::Approximate,
        &["field custom.future"],
    );
    check(
        json!({ "fieldConfig": { "defaults": { "custom": { "scaleDistribution": { "type": "ordinal" } } } } }),
        Verdict::Approximate,
        &["scaleDistribution ordinal"],
    );
    check(
        json!({ "fieldConfig": { "overrides": [{ "matcher": { "id": "byFrameName" }, "properties": [] }] } }),
        Verdict::Lost,
        &["override byFrameName"],
    );
    check(
        json!({ "fieldConfig": { "defaults": { "actions": [{ "title": "x" }] } } }),
        Verdict::Lost,
        &["actions"],
    );
    check(
        json!({ "libraryPanel": { "uid": "l", "name": "Shared" }, "type": "" }),
        Verdict::Lost,
        &["library panel Shared", "panel plugin"],
    );
    check(
        json!({ "type": "text", "options": { "mode": "html", "content": "<script>x</script>" } }),
        Verdict::Approximate,
        &["HTML"],
    );
    check(
        json!({ "type": "text", "options": { "mode": "markdown", "content": "![a](http://b/c)" } }),
        Verdict::Approximate,
        &["images"],
    );
    check(
        json!({ "type": "alertlist", "options": { "stateFilter": { "firing": true, "noData": true } } }),
        Verdict::Approximate,
        &["alerts that are noData"],
    );
    check(
        json!({ "repeat": "nobody" }),
        Verdict::Same,
        &["cosmetic: repeat by nobody"],
    );
    check(
        json!({ "fieldConfig": { "defaults": { "color": { "mode": "continuous-viridis" } } } }),
        Verdict::Same,
        &["cosmetic: colour continuous-viridis"],
    );
}

#[test]
fn what_old_panels_lose_is_told() {
    let graph = |mut more: Value| {
        more.as_object_mut()
            .unwrap()
            .insert("type".to_owned(), json!("graph"));
        more
    };
    check(graph(json!({})), Verdict::Same, &[]);
    check(
        graph(json!({ "timeRegions": [{ "op": "time" }] })),
        Verdict::Approximate,
        &["time regions"],
    );
    check(
        graph(json!({ "bars": true, "lines": true })),
        Verdict::Approximate,
        &["bars and lines"],
    );
    check(
        graph(json!({ "xaxis": { "mode": "series", "values": ["total"] } })),
        Verdict::Approximate,
        &["x-axis of series"],
    );
    check(
        graph(json!({ "yaxes": [{ "format": "s", "max": "80%" }] })),
        Verdict::Approximate,
        &["axis max 80%"],
    );
    check(
        graph(json!({ "future": 1 })),
        Verdict::Approximate,
        &["graph.future"],
    );
    check(
        graph(json!({ "seriesOverrides": [{ "alias": "a", "future": 1 }] })),
        Verdict::Approximate,
        &["series override.future"],
    );
    check(
        graph(json!({ "legend": { "hideZero": true } })),
        Verdict::Same,
        &["cosmetic: legend"],
    );
    check(
        json!({ "type": "singlestat", "valueName": "last_time" }),
        Verdict::Lost,
        &["value of time"],
    );
    check(
        json!({ "type": "singlestat", "format": "s", "prefix": "<", "postfix": ">" }),
        Verdict::Approximate,
        &["prefix and postfix"],
    );
    check(
        json!({ "type": "table", "styles": [{ "pattern": "x", "type": "string", "link": true, "linkUrl": "/d/x?v=$__cell_2" }] }),
        Verdict::Approximate,
        &["link of"],
    );
    check(
        json!({ "type": "table", "styles": [], "transform": "json" }),
        Verdict::Lost,
        &["table of json"],
    );
    check(
        json!({ "type": "heatmap", "cards": {}, "dataFormat": "timeseries", "yAxis": { "logBase": 2 } }),
        Verdict::Approximate,
        &["logarithmic buckets"],
    );
}

#[test]
fn a_time_series_is_carried_over() {
    let (panel, report) = panel(json!({
        "title": "CPU", "description": "d", "interval": "30s", "maxDataPoints": 100, "timeFrom": "1h",
        "gridPos": { "x": 12, "y": 3, "w": 12, "h": 9 },
        "targets": [
            { "refId": "A", "expr": "rate(a{b=\"$c\"}[$__rate_interval])", "legendFormat": "{{x}}", "intervalFactor": 2, "exemplar": true },
            { "refId": "B", "expr": "b", "instant": true, "format": "table", "hide": true },
        ],
        "fieldConfig": {
            "defaults": {
                "unit": "percentunit", "decimals": 1, "min": 0, "max": 1,
                "color": { "mode": "palette-classic" },
                "thresholds": { "mode": "absolute", "steps": [{ "color": "green", "value": null }, { "color": "red", "value": 80 }] },
                "mappings": [{ "type": "value", "options": { "1": { "text": "one", "index": 1 }, "0": { "text": "none", "index": 0 } } },
                             { "type": "special", "options": { "match": "null", "result": { "text": "N/A" } } }],
                "custom": {
                    "drawStyle": "line", "fillOpacity": 20, "stacking": { "mode": "percent", "group": "A" }, "spanNulls": 3600000,
                    "scaleDistribution": { "type": "log", "log": 2 }, "axisPlacement": "right", "hideFrom": { "viz": false },
                },
            },
            "overrides": [
                { "matcher": { "id": "byRegexp", "options": "/x/" }, "properties": [{ "id": "custom.drawStyle", "value": "bars" }, { "id": "color", "value": { "mode": "fixed", "fixedColor": "red" } }] },
                { "matcher": { "id": "byNames", "options": { "mode": "exclude", "names": ["a"], "prefix": "All except:" } }, "properties": [{ "id": "custom.hideFrom", "value": { "viz": true } }], "__systemRef": "hideSeriesFrom" },
            ],
        },
        "options": { "legend": { "displayMode": "table", "placement": "right", "calcs": ["mean", "lastNotNull"], "showLegend": true }, "tooltip": { "mode": "multi", "sort": "desc" } },
    }));
    assert_eq!(report.verdict, Verdict::Same, "{:?}", report.findings);
    assert_eq!(
        panel.grid,
        Grid {
            x: 12,
            y: 0,
            w: 12,
            h: 9
        }
    );
    assert_eq!(panel.queries.len(), 2);
    assert_eq!(
        (panel.queries[0].step_factor, panel.queries[0].exemplars),
        (2, true)
    );
    assert_eq!(
        (panel.queries[1].mode, panel.queries[1].hidden),
        (QueryMode::Instant, true)
    );
    let field = &panel.field;
    assert_eq!(
        (field.unit.as_deref(), field.fill),
        (Some("percentunit"), Some(20.0))
    );
    assert_eq!(
        (field.stacking, field.scale, field.axis),
        (
            Some(Stacking::Percent),
            Some(Scale::Log),
            Some(AxisSide::Right)
        )
    );
    assert_eq!(
        (field.nulls, field.connect_up_to.as_deref()),
        (Some(Nulls::Connect), Some("3600000ms"))
    );
    let mappings = field.mappings.as_ref().unwrap();
    assert_eq!(
        (mappings[0].value.as_str(), mappings[2].kind),
        ("0", MappingKind::Special)
    );
    assert_eq!(panel.overrides[0].field.draw, Some(Draw::Bars));
    assert_eq!(panel.overrides[0].matcher.by, MatcherBy::Regex);
    let names = Matcher {
        by: MatcherBy::Names,
        names: vec!["a".to_owned()],
        is_exclude: true,
        ..Matcher::default()
    };
    assert_eq!(panel.overrides[1].matcher, names);
    assert_eq!(
        (panel.legend.mode, panel.legend.calcs.as_slice()),
        (LegendMode::Table, &[Calc::Mean, Calc::LastNotNull][..])
    );
}

#[test]
fn what_is_not_said_is_what_grafana_takes() {
    let (series, _) = panel(json!({ "targets": [
        { "refId": "A", "expr": "up" }, { "refId": "B", "expr": "up", "legendFormat": "" }, { "refId": "C", "expr": "up", "legendFormat": "__auto" },
    ] }));
    let legends: Vec<&str> = series.queries.iter().map(|it| it.legend.as_str()).collect();
    assert_eq!(legends, ["__verbose", "__verbose", "__auto"]);
    assert_eq!(series.field.thresholds, None);

    let steps = |of: Value| {
        let steps = panel(of).0.field.thresholds.unwrap().steps;
        let each = steps.into_iter().map(|it| (it.value, it.color));
        each.collect::<Vec<_>>()
    };
    let own = [(None, "green".to_owned()), (Some(80.0), "red".to_owned())];
    assert_eq!(steps(json!({ "type": "stat" })), own);
    let given = json!({ "mode": "absolute", "steps": [{ "color": "a", "value": null }, { "color": "b" }, { "color": "c", "value": 3 }] });
    assert_eq!(
        steps(json!({ "type": "stat", "fieldConfig": { "defaults": { "thresholds": given } } })),
        [(None, "a".to_owned())],
        "a step without a value is never reached, and ends the list"
    );

    let calcs = |options: Value| {
        let (panel, _) = panel(json!({ "type": "stat", "options": options }));
        panel.value.unwrap().calcs
    };
    assert_eq!(calcs(json!({})), [Calc::LastNotNull]);
    assert_eq!(
        calcs(json!({ "reduceOptions": { "calcs": [] } })),
        [Calc::Last]
    );
    assert_eq!(
        calcs(json!({ "reduceOptions": { "calcs": ["mean", "max"] } })),
        [Calc::Mean, Calc::Max]
    );
}

#[test]
fn labels_of_old_dashboards_become_one_table() {
    let kinds = |schema: u32| {
        let panel = json!({ "id": 1, "type": "table", "targets": [{ "refId": "A", "expr": "up" }], "transformations": [{ "id": "labelsToFields" }] });
        let value = json!({ "title": "T", "schemaVersion": schema, "panels": [panel] });
        let (mut dashboard, _) = import_one(value);
        let steps = dashboard.rows.remove(0).panels.remove(0).transformations;
        steps.len()
    };
    assert_eq!((kinds(30), kinds(31)), (2, 1));
}

#[test]
fn what_grafana_reads_otherwise_is_told() {
    let overrides = |id: &str, value: Value| json!({ "fieldConfig": { "overrides": [{ "matcher": { "id": "byName", "options": "a" }, "properties": [{ "id": id, "value": value }] }] } });
    check(
        overrides("color", json!("#56A64B")),
        Verdict::Approximate,
        &["color: is a text, which Grafana does not read"],
    );
    let (hidden, _) = panel(overrides("custom.hidden", json!("true")));
    assert_eq!(hidden.overrides[0].field.hidden, Some(true));
    check(
        json!({ "type": "status-history" }),
        Verdict::Approximate,
        &["maxDataPoints: over long ranges it asks for fewer points"],
    );
    check(
        json!({ "type": "status-history", "maxDataPoints": 50 }),
        Verdict::Same,
        &[],
    );
}

#[test]
fn old_graphs_become_time_series() {
    let (panel, report) = panel(json!({
        "type": "graph", "fill": 2, "linewidth": 2, "stack": true, "steppedLine": true, "nullPointMode": "null as zero",
        "yaxes": [{ "format": "bytes", "logBase": 10, "min": "0", "label": "l" }, { "format": "ops", "max": 5 }],
        "seriesOverrides": [{ "alias": "/x/", "yaxis": 2, "transform": "negative-Y" }],
        "aliasColors": { "y": "#ff0000" },
        "thresholds": [{ "value": 10, "op": "gt", "colorMode": "critical", "fill": true, "line": true }],
        "legend": { "show": true, "values": true, "avg": true, "current": true, "alignAsTable": true, "rightSide": true, "sort": "current", "sortDesc": true },
        "tooltip": { "shared": true, "sort": 2 },
    }));
    assert_eq!(report.verdict, Verdict::Same, "{:?}", report.findings);
    assert_eq!(
        (panel.kind, report.plugin.as_str()),
        (PanelKind::TimeSeries, "graph")
    );
    let field = &panel.field;
    assert_eq!(
        (field.unit.as_deref(), field.fill, field.min),
        (Some("bytes"), Some(20.0), Some(0.0))
    );
    assert_eq!(
        (field.nulls, field.stacking),
        (Some(Nulls::Zero), Some(Stacking::Normal))
    );
    assert_eq!(panel.legend.sort_by, "Last *");
    let right = panel
        .overrides
        .iter()
        .find(|it| it.matcher.by == MatcherBy::Regex)
        .unwrap();
    assert_eq!(
        (right.field.unit.as_deref(), right.field.axis),
        (Some("ops"), Some(AxisSide::Right))
    );
    let steps = &field.thresholds.as_ref().unwrap().steps;
    assert_eq!(
        (steps[0].color.as_str(), steps[1].value),
        ("transparent", Some(10.0))
    );
}

#[test]
fn old_single_values_become_stats_and_gauges() {
    let (stat, _) = panel(json!({
        "type": "singlestat", "format": "none", "postfix": " req", "valueName": "current", "colorBackground": true,
        "thresholds": "1,2", "colors": ["green", "orange", "red"], "sparkline": { "show": true }, "mappingType": 1,
        "valueMaps": [{ "op": "=", "text": "N/A", "value": "null" }, { "op": "=", "text": "off", "value": "0" }],
    }));
    assert_eq!(stat.kind, PanelKind::Stat);
    assert_eq!(stat.field.unit.as_deref(), Some("suffix: req"));
    assert_eq!(
        stat.field.color.as_ref().unwrap().mode,
        ColorMode::Thresholds
    );
    assert_eq!(
        stat.field.mappings.as_ref().unwrap()[0].kind,
        MappingKind::Special
    );
    let value = stat.value.as_ref().unwrap();
    assert_eq!(
        (value.calcs.as_slice(), value.graph),
        (&[Calc::LastNotNull][..], true)
    );
    let (gauge, _) = panel(
        json!({ "type": "singlestat", "gauge": { "show": true, "maxValue": 10 }, "thresholds": "5" }),
    );
    assert_eq!(
        (gauge.kind, gauge.field.max),
        (PanelKind::Gauge, Some(10.0))
    );
}

#[test]
fn tables_and_their_transformations_are_carried_over() {
    let (table, report) = panel(json!({
        "type": "table",
        "options": { "showHeader": true, "sortBy": [{ "displayName": "B", "desc": true }], "footer": { "show": true, "reducer": ["sum"], "fields": [] } },
        "fieldConfig": { "defaults": { "custom": { "cellOptions": { "type": "color-background", "mode": "gradient" }, "width": 100 } },
            "overrides": [{ "matcher": { "id": "byName", "options": "Time" }, "properties": [{ "id": "custom.hidden", "value": true }] }] },
        "transformations": [
            { "id": "seriesToColumns", "options": { "byField": "a" } },
            { "id": "organize", "options": { "excludeByName": { "Time": true, "x": false }, "indexByName": { "b": 1, "a": 0 }, "renameByName": { "a": "A", "b": "" } } },
            { "id": "filterFieldsByName", "options": { "include": { "names": ["a"], "pattern": "b.*" } } },
            { "id": "reduce", "options": { "reducers": ["max"], "mode": "reduceFields" } },
            { "id": "labelsToFields", "options": { "mode": "rows" } },
            { "id": "sortBy", "options": { "sort": [{ "field": "a", "desc": true }] } },
            { "id": "groupBy", "options": { "fields": { "a": { "operation": "groupby" }, "b": { "operation": "aggregate", "aggregations": ["mean"] } } } },
            { "id": "calculateField", "options": { "mode": "binary", "binary": { "left": "a", "operator": "/", "right": { "fixed": "2" } }, "alias": "c" } },
            { "id": "renameByRegex", "options": { "regex": "(.*)", "renamePattern": "$1" } },
            { "id": "filterByValue", "options": { "type": "include", "match": "all", "filters": [{ "fieldName": "a", "config": { "id": "greater", "options": { "value": 1 } } }] } },
            { "id": "concatenate", "options": {} },
            { "id": "merge", "options": {}, "disabled": true },
        ],
    }));
    assert_eq!(report.verdict, Verdict::Same, "{:?}", report.findings);
    let kinds: Vec<&str> = table
        .transformations
        .iter()
        .map(Transformation::kind)
        .collect();
    let want = [
        "join",
        "organize",
        "filter_fields",
        "reduce",
        "labels_to_fields",
        "sort",
        "group_by",
        "calculate",
        "rename",
        "filter_rows",
        "concatenate",
    ];
    assert_eq!(kinds, want);
    let Transformation::Organize(organize) = &table.transformations[1] else {
        panic!("{:?}", table.transformations[1])
    };
    assert_eq!(
        (organize.exclude.as_slice(), organize.order.as_slice()),
        (
            &["Time".to_owned()][..],
            &["a".to_owned(), "b".to_owned()][..]
        )
    );
    assert_eq!(organize.rename.0, [("a".to_owned(), "A".to_owned())]);
    let Transformation::Join(join) = &table.transformations[0] else {
        panic!()
    };
    assert_eq!(join.mode, JoinMode::Outer);
    assert_eq!(
        table.field.cell.as_ref().unwrap().kind,
        CellKind::ColorBackground
    );
    assert_eq!(table.table.as_ref().unwrap().footer_calcs, [Calc::Sum]);
}

fn variable_report(list: Value) -> (Dashboard, Vec<String>) {
    let (dashboard, report) = import_one(json!({ "title": "T", "templating": { "list": list } }));
    let told = report
        .findings
        .iter()
        .map(|it| format!("{}: {}: {}", it.severity.as_str(), it.what, it.why));
    (dashboard, told.collect())
}

#[test]
fn variables_are_carried_over() {
    let (dashboard, told) = variable_report(json!([
        { "type": "datasource", "name": "ds", "query": "prometheus", "current": { "value": "x" } },
        { "type": "query", "name": "job", "datasource": { "uid": "${ds}" }, "query": { "query": "label_values(up{a=\"b,c\"}, job)", "refId": "x" },
          "regex": "/a.*/", "sort": 5, "refresh": 2, "multi": true, "includeAll": true, "allValue": ".*", "hide": 1, "current": { "text": ["All"], "value": ["$__all"] } },
        { "type": "query", "name": "instance", "query": "query_result(up{job=~\"$job\"})" },
        { "type": "custom", "name": "c", "query": "a : 1, b\\,c,d" },
        { "type": "interval", "name": "i", "query": "1m,5m", "auto": true, "auto_count": 20, "auto_min": "10s", "current": { "value": "$__auto_interval_i" } },
        { "type": "constant", "name": "k", "query": "v" },
        { "type": "textbox", "name": "t", "query": "x" },
        { "type": "adhoc", "name": "f" },
    ]));
    assert!(told.is_empty(), "{told:?}");
    let [_, job, _, custom, interval, constant, text, adhoc] = dashboard.variables.as_slice()
    else {
        panic!("{:?}", dashboard.variables)
    };
    assert_eq!(
        (job.sort, job.refresh, job.hide),
        (Sort::CaseInsensitive, Refresh::Time, Hide::Label)
    );
    assert_eq!(
        (job.all_value.as_str(), job.current.as_slice()),
        (".*", &["$__all".to_owned()][..])
    );
    let options: Vec<_> = custom
        .options
        .iter()
        .map(|it| (it.text.as_str(), it.value.as_str()))
        .collect();
    assert_eq!(options, [("a", "1"), ("", "b,c"), ("", "d")]);
    assert_eq!(
        (interval.auto_steps, interval.current.as_slice()),
        (20, &["auto".to_owned()][..])
    );
    assert_eq!(
        (constant.hide, text.kind, adhoc.kind),
        (Hide::Variable, VariableKind::Text, VariableKind::AdHoc)
    );
}

#[test]
fn what_variables_lose_is_told() {
    let (_, told) = variable_report(json!([
        { "type": "query", "name": "l", "datasource": { "type": "loki" }, "query": "x" },
        { "type": "query", "name": "s", "datasource": { "type": "mysql" }, "query": "x", "options": [{ "text": "a", "value": "a" }] },
        { "type": "query", "name": "bad", "query": "label_values(sum(, x)" },
        { "type": "query", "name": "own", "query": "label_values(up{a=\"$own\"}, x)" },
        { "type": "groupby", "name": "g" },
        { "type": "custom", "name": "a b", "query": "x" },
        { "type": "adhoc", "name": "f", "filters": [{ "key": "a" }] },
        { "type": "datasource", "name": "logs", "query": "loki" },
    ]));
    let want = [
        "lost: variable l: asks loki",
        "approximated: variable s: asks mysql",
        "lost: variable g: is of the kind groupby",
        "lost: variable a b: has a name",
        "approximated: variable f: begins without its filters",
        "lost: variable logs",
        "lost: variable bad: its query",
        "lost: variable own: its query: asks for itself",
    ];
    assert_eq!(told.len(), want.len(), "{told:#?}");
    for want in want {
        assert!(told.iter().any(|it| it.contains(want)), "{want}: {told:#?}");
    }
}

#[test]
fn a_panel_of_a_lost_variable_is_lost() {
    let (_, report) = import_one(json!({
        "title": "T",
        "templating": { "list": [{ "type": "query", "name": "l", "datasource": { "type": "loki" }, "query": "x" }] },
        "panels": [{ "id": 1, "type": "stat", "targets": [{ "refId": "A", "expr": "up{a=\"$l\"}" }] },
                   { "id": 2, "type": "stat", "repeat": "l", "targets": [{ "refId": "A", "expr": "up" }] }],
    }));
    assert_eq!((report.lost, report.same), (2, 0), "{report:?}");
    assert!(report.panels[0].findings[0].why.contains("the variable l"));
    assert!(report.panels[1].findings[0].what.contains("repeat by l"));
}

#[test]
fn what_is_lost_of_a_dashboard_is_told() {
    let (_, report) = import_one(json!({
        "title": "T", "snapshot": { "x": 1 }, "weekStart": "monday", "future": 1, "liveNow": true,
        "annotations": { "list": [{ "builtIn": 1, "name": "b" }, { "name": "deploys", "expr": "x" }] },
        "panels": [{ "id": 1, "type": "graph", "title": "p", "alert": { "name": "a" }, "targets": [{ "expr": "up" }] }],
    }));
    let told: Vec<_> = report
        .findings
        .iter()
        .map(|it| (it.severity, it.what.as_str()))
        .collect();
    let want = [
        (Severity::Lost, "annotation deploys"),
        (Severity::Lost, "alert of panel \"p\""),
        (Severity::Lost, "snapshot"),
        (Severity::Cosmetic, "weekStart"),
        (Severity::Cosmetic, "liveNow"),
        (Severity::Cosmetic, "dashboard.future"),
    ];
    assert_eq!(told, want);
    assert_eq!(report.same, 1);
}

#[test]
fn rows_of_today_and_of_old_are_rows() {
    let (dashboard, _) = import_one(json!({
        "title": "T",
        "templating": { "list": [{ "type": "custom", "name": "v", "query": "a,b" }] },
        "panels": [
            { "id": 9, "type": "row", "title": "Second", "collapsed": true, "gridPos": { "x": 0, "y": 20, "w": 24, "h": 1 },
              "panels": [{ "id": 5, "type": "stat", "gridPos": { "x": 0, "y": 21, "w": 6, "h": 4 } }] },
            { "id": 2, "type": "stat", "gridPos": { "x": 0, "y": 0, "w": 6, "h": 4 } },
            { "id": 8, "type": "row", "title": "First", "repeat": "v", "gridPos": { "x": 0, "y": 5, "w": 24, "h": 1 } },
            { "id": 3, "type": "stat", "gridPos": { "x": 6, "y": 6, "w": 6, "h": 4 } },
            { "id": 4, "type": "stat", "gridPos": { "x": 6, "y": 10, "w": 6, "h": 4 }, "repeatPanelId": 3 },
        ],
    }));
    let rows: Vec<_> = dashboard
        .rows
        .iter()
        .map(|row| (row.title.as_str(), row.collapsed, row.panels.len()))
        .collect();
    assert_eq!(
        rows,
        [("", false, 1), ("First", false, 1), ("Second", true, 1)]
    );
    assert_eq!(dashboard.rows[1].repeat.as_ref().unwrap().variable, "v");
    assert_eq!(
        dashboard.rows[1].panels[0].grid,
        Grid {
            x: 6,
            y: 0,
            w: 6,
            h: 4
        }
    );
    let (old, report) = import_one(json!({
        "title": "Old", "schemaVersion": 14,
        "rows": [
            { "title": "A", "showTitle": true, "height": "250px", "panels": [
                { "id": 1, "type": "graph", "span": 8, "targets": [{ "expr": "up" }] },
                { "id": 2, "type": "singlestat", "span": 4, "targets": [{ "expr": "up" }] },
                { "id": 3, "type": "graph", "span": 12, "height": 380, "targets": [{ "expr": "up" }] } ] },
            { "title": "B", "showTitle": true, "collapse": true, "panels": [] },
        ],
    }));
    assert_eq!(report.same, 3, "{report:?}");
    let grids: Vec<_> = old.rows[0]
        .panels
        .iter()
        .map(|it| (it.grid.x, it.grid.y, it.grid.w, it.grid.h))
        .collect();
    assert_eq!(grids, [(0, 0, 16, 7), (16, 0, 8, 7), (0, 7, 24, 10)]);
    assert!(old.rows[1].collapsed);
}

#[test]
fn wrappers_and_inputs_are_taken_off() {
    let inner = json!({
        "title": "T", "uid": "given",
        "__inputs": [{ "name": "DS_P", "type": "datasource", "pluginId": "prometheus" }, { "name": "DS_L", "type": "datasource", "pluginId": "loki" }],
        "__elements": { "lib": { "model": { "type": "stat", "targets": [{ "refId": "A", "expr": "up" }] } } },
        "panels": [
            { "id": 1, "type": "timeseries", "datasource": "${DS_P}", "targets": [{ "expr": "up" }] },
            { "id": 2, "type": "timeseries", "datasource": "${DS_L}", "targets": [{ "expr": "up" }] },
            { "id": 3, "libraryPanel": { "uid": "lib", "name": "L" } },
            { "id": 4, "type": "table", "datasource": { "uid": "-- Dashboard --" }, "targets": [{ "panelId": 1, "refId": "A" }] },
        ],
    });
    let (dashboard, report) = import_one(json!({ "dashboard": inner, "meta": { "slug": "t" } }));
    assert_eq!(dashboard.uid, "given");
    let verdicts: Vec<Verdict> = report.panels.iter().map(|it| it.verdict).collect();
    assert_eq!(
        verdicts,
        [Verdict::Same, Verdict::Lost, Verdict::Same, Verdict::Same],
        "{report:?}"
    );
    let panels = &dashboard.rows[0].panels;
    assert_eq!(
        (panels[2].kind, panels[3].queries[0].expr.as_str()),
        (PanelKind::Stat, "up")
    );
    assert!(import(&json!([1])).is_err());
    assert!(import(&json!({ "dashboard": {} })).is_err());
    // Without a uid the title makes one.
    assert_eq!(
        import_one(json!({ "title": "Node Exporter (Full)!", "panels": [] }))
            .0
            .uid,
        "node-exporter-full"
    );
}

#[test]
fn the_second_schema_is_read() {
    let (dashboard, report) = import_one(json!({
        "apiVersion": "dashboard.grafana.app/v2beta1", "kind": "Dashboard", "metadata": { "name": "v2" },
        "spec": {
            "title": "V2", "cursorSync": "Tooltip", "timeSettings": { "from": "now-1h", "to": "now", "autoRefresh": "10s" },
            "elements": { "panel-1": { "kind": "Panel", "spec": { "id": 1, "title": "P",
                "data": { "kind": "QueryGroup", "spec": {
                    "queries": [{ "kind": "PanelQuery", "spec": { "refId": "A", "hidden": false, "query": { "kind": "DataQuery", "group": "prometheus", "spec": { "expr": "up{job=~\"$job\"}" } } } }],
                    "transformations": [{ "kind": "merge", "spec": { "id": "merge", "options": {} } }], "queryOptions": { "interval": "1m" } } },
                "vizConfig": { "kind": "VizConfig", "group": "stat", "spec": { "options": { "graphMode": "none" }, "fieldConfig": { "defaults": { "unit": "s" }, "overrides": [] } } } } },
                "panel-2": { "kind": "Panel", "spec": { "id": 2, "data": { "spec": { "queries": [{ "spec": { "refId": "A", "query": { "kind": "loki", "spec": { "expr": "x" } } } }] } },
                "vizConfig": { "kind": "logs", "spec": {} } } } },
            "layout": { "kind": "RowsLayout", "spec": { "rows": [{ "kind": "RowsLayoutRow", "spec": { "title": "R", "collapse": false,
                "layout": { "kind": "GridLayout", "spec": { "items": [
                    { "kind": "GridLayoutItem", "spec": { "x": 0, "y": 0, "width": 12, "height": 5, "element": { "kind": "ElementReference", "name": "panel-1" }, "repeat": { "mode": "variable", "value": "job", "direction": "h" } } },
                    { "kind": "GridLayoutItem", "spec": { "x": 12, "y": 0, "width": 12, "height": 5, "element": { "name": "panel-2" } } } ] } } } }] } },
            "variables": [{ "kind": "QueryVariable", "spec": { "name": "job", "multi": true, "sort": "alphabeticalAsc", "refresh": "onTimeRangeChanged",
                "query": { "kind": "DataQuery", "group": "prometheus", "spec": { "query": "label_values(up, job)" } } } }],
        },
    }));
    assert_eq!(
        (
            dashboard.uid.as_str(),
            dashboard.crosshair,
            dashboard.refresh.as_str()
        ),
        ("v2", Crosshair::Tooltip, "10s")
    );
    let row = &dashboard.rows[0];
    assert_eq!((row.title.as_str(), row.panels.len()), ("R", 2));
    let first = &row.panels[0];
    assert_eq!(
        (
            first.kind,
            first.field.unit.as_deref(),
            first.min_step.as_str()
        ),
        (PanelKind::Stat, Some("s"), "1m")
    );
    assert_eq!(first.repeat.as_ref().unwrap().variable, "job");
    assert_eq!((report.same, report.lost), (1, 1), "{report:?}");
    assert_eq!(dashboard.variables[0].sort, Sort::Alphabetical);
}

#[test]
fn hostile_dashboards_are_bounded() {
    let many: Vec<Value> = (0..3_000)
        .map(|id| json!({ "id": id, "type": "stat" }))
        .collect();
    let (dashboard, report) = import_one(json!({ "title": "T", "panels": many }));
    assert_eq!(dashboard.rows[0].panels.len(), crate::PANELS_MAX);
    assert!(
        report.findings.iter().any(|it| it.what == "panels"),
        "{:?}",
        report.findings
    );
    let mappings: Vec<Value> = (0..3_000)
        .map(|n| json!({ "type": "range", "options": { "from": n, "to": n } }))
        .collect();
    let (verdict, findings) =
        told(json!({ "fieldConfig": { "defaults": { "mappings": mappings } } }));
    assert_eq!(verdict, Verdict::Lost, "{findings:?}");
    let long = "x".repeat(300 << 10);
    let (verdict, _) = told(json!({ "type": "text", "options": { "content": long } }));
    assert_eq!(verdict, Verdict::Lost);
    let (verdict, _) = told(
        json!({ "targets": [{ "refId": "A", "expr": format!("up{{a=\"{}\"}}", "$x".repeat(100_000)) }] }),
    );
    assert_eq!(verdict, Verdict::Lost);
    let variables: Vec<Value> = (0..5_000)
        .map(|n| json!({ "type": "custom", "name": format!("v{n}"), "query": "a" }))
        .collect();
    let (_, told) = variable_report(json!(variables));
    assert!(told[0].contains("only the first"), "{told:?}");
    let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    assert!(crate::parse_json(deep.as_bytes()).is_err());
}
