//! Dashboards: our YAML, our JSON, and those of Grafana.

use bellwether_config::dashboard_of_yaml;
use bellwether_dashboards::report::Verdict;
use bellwether_dashboards::{import_json, read_json, to_json, to_yaml};

use crate::targets::{Target, strings};

pub(crate) const DASHBOARD_YAML: Target = Target {
    name: "dashboard_yaml",
    seeds: || {
        strings(&[
            "uid: a\ntitle: A\ntags: [x]\ntime: now-1h\nvariables:\n  - { name: v, query: 'label_values(up, job)', multi: true, include_all: true }\n  - { name: i, kind: interval, options: [1m, 5m], auto_steps: 20 }\npanels:\n  - title: P\n    grid: [12, 8]\n    queries: { expr: 'rate(x{j=~\"$v\"}[$i])', legend: '{{j}}', mode: instant, format: table }\n    unit: s\n    thresholds: { steps: [{ color: green }, { value: 1, color: red }] }\n    overrides: [{ matcher: /a/, field: { color: red, axis: right } }]\n    transformations: [{ kind: organize, exclude: [Time], rename: { a: b } }, { kind: merge }]\nrows:\n  - { title: R, repeat: v, panels: [{ kind: stat, queries: [up], mappings: [{ value: '1', text: up }] }] }\n  - { title: S, collapsed: true, panels: [{ kind: text, text: { content: \"a\\n b\\n\" } }] }\n",
        ])
    },
    dictionary: &[
        "panels:\n",
        "rows:\n",
        "- title: ",
        "kind: ",
        "queries: ",
        "grid: [",
        "field: ",
        "overrides: [",
        "{ ",
        " }",
        "&a ",
        "*a",
        "<<: ",
        "null",
        "$__interval",
        "${v:regex}",
        "[[v]]",
    ],
    run: dashboard_yaml,
    memory_max_bytes: 256 << 20,
};

fn dashboard_yaml(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let Ok(dashboard) = dashboard_of_yaml(text) else {
        return;
    };
    // What is written reads back, in both notations.
    let written = to_yaml(&dashboard);
    assert_eq!(
        dashboard_of_yaml(&written).as_ref(),
        Ok(&dashboard),
        "{written}"
    );
    let written = to_json(&dashboard).to_string();
    assert_eq!(
        read_json(written.as_bytes()).as_ref(),
        Ok(&dashboard),
        "{written}"
    );
}

pub(crate) const DASHBOARD_JSON: Target = Target {
    name: "dashboard_json",
    seeds: || {
        strings(&[
            r#"{"uid":"a","title":"A","rows":[{"panels":[{"kind":"table","queries":["up"],"field":{"unit":"s"},"transformations":[{"kind":"reduce","calcs":["max"]}]}]}]}"#,
            r#"{"title":"G","schemaVersion":39,"__inputs":[{"name":"DS","type":"datasource","pluginId":"loki"}],"templating":{"list":[{"type":"query","name":"v","query":"label_values(up, job)","sort":1},{"type":"custom","name":"c","query":"a : b, c"}]},"panels":[{"type":"row","title":"R","gridPos":{"y":1},"panels":[]},{"id":1,"type":"timeseries","gridPos":{"x":0,"y":2,"w":12,"h":8},"datasource":"${DS}","targets":[{"refId":"A","expr":"up{a=\"$v\"}"}],"fieldConfig":{"defaults":{"unit":"s","custom":{"stacking":{"mode":"normal"}}},"overrides":[{"matcher":{"id":"byName","options":"a"},"properties":[{"id":"unit","value":"ms"}]}]},"transformations":[{"id":"organize","options":{"renameByName":{"a":"b"}}}]}]}"#,
            r#"{"title":"O","rows":[{"title":"a","height":"250px","panels":[{"id":1,"type":"graph","span":6,"yaxes":[{"format":"s"},{}],"seriesOverrides":[{"alias":"/x/","yaxis":2}],"targets":[{"expr":"up"}]},{"type":"singlestat","thresholds":"1,2","colors":["a"],"gauge":{"show":true},"targets":[{"expr":"up"}]},{"type":"table","styles":[{"pattern":"/.*/","type":"number","unit":"s"}],"transform":"table"},{"type":"heatmap","cards":{},"dataFormat":"tsbuckets"}]}]}"#,
            r#"{"kind":"Dashboard","metadata":{"name":"n"},"spec":{"title":"V","elements":{"p":{"kind":"Panel","spec":{"id":1,"data":{"spec":{"queries":[{"spec":{"refId":"A","query":{"kind":"prometheus","spec":{"expr":"up"}}}}]}},"vizConfig":{"kind":"stat","spec":{}}}}},"layout":{"kind":"GridLayout","spec":{"items":[{"spec":{"x":0,"y":0,"width":4,"height":4,"element":{"name":"p"}}}]}}}}"#,
        ])
    },
    dictionary: &[
        "\"panels\":[",
        "\"type\":\"",
        "\"targets\":[{\"expr\":\"",
        "\"fieldConfig\":{",
        "\"overrides\":[",
        "\"options\":{",
        "\"dashboard\":{",
        "null",
        "1e308",
        "-1",
        "\"repeat\":\"v\"",
        "$v",
        "${v}",
        "\"kind\":\"",
    ],
    run: dashboard_json,
    memory_max_bytes: 256 << 20,
};

fn dashboard_json(input: &[u8]) {
    let Ok(imported) = import_json(input) else {
        return;
    };
    let panels: usize = imported
        .dashboard
        .rows
        .iter()
        .map(|row| row.panels.len())
        .sum();
    assert_eq!(
        imported.report.panels.len(),
        panels,
        "one report for each panel"
    );
    let same = imported
        .report
        .panels
        .iter()
        .filter(|it| it.verdict == Verdict::Same);
    assert_eq!(same.count(), imported.report.same as usize);
    // What was imported can be saved, and written as code.
    let json = to_json(&imported.dashboard).to_string();
    assert_eq!(
        read_json(json.as_bytes()).as_ref(),
        Ok(&imported.dashboard),
        "{json}"
    );
    let yaml = to_yaml(&imported.dashboard);
    assert_eq!(
        dashboard_of_yaml(&yaml).as_ref(),
        Ok(&imported.dashboard),
        "{yaml}"
    );
}
