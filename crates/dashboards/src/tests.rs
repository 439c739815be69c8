use expect_test::expect_file;

use super::*;
use crate::panel::Grid;
use crate::variable::VariableKind;

#[test]
fn the_types_are_those_that_are_written_down() {
    expect_file!["../../../docs/spec/dashboard.d.ts"].assert_eq(&typescript());
}

const SMALL: &str = r#"{
    "uid": "host", "title": "Host",
    "variables": [{ "name": "instance", "query": "label_values(up, instance)" }],
    "rows": [{ "panels": [
        { "title": "CPU", "queries": ["rate(cpu{instance=\"$instance\"}[$__rate_interval])"], "field": { "unit": "percent" } },
        { "title": "Load", "kind": "stat", "queries": [{ "expr": "load1", "legend": "{{x}}" }] }
    ] }]
}"#;

#[test]
fn what_is_missing_is_filled_in() {
    let dashboard = read_json(SMALL.as_bytes()).unwrap();
    let panels = &dashboard.rows[0].panels;
    assert_eq!(
        panels[0].grid,
        Grid {
            x: 0,
            y: 0,
            w: 12,
            h: 8
        }
    );
    assert_eq!(
        panels[1].grid,
        Grid {
            x: 12,
            y: 0,
            w: 6,
            h: 4
        }
    );
    assert_eq!((panels[0].id, panels[1].id), (1, 2));
    assert_eq!(panels[0].queries[0].ref_id, "A");
    assert!(panels[1].value.is_some());
    assert_eq!(dashboard.variables[0].kind, VariableKind::Query);
}

#[test]
fn json_is_read_as_what_was_written() {
    let dashboard = read_json(SMALL.as_bytes()).unwrap();
    let text = to_json(&dashboard).to_string();
    assert_eq!(read_json(text.as_bytes()).unwrap(), dashboard);
}

#[test]
fn yaml_is_short() {
    let dashboard = read_json(SMALL.as_bytes()).unwrap();
    let want = r#"uid: host
title: Host
variables:
  - { name: instance, query: 'label_values(up, instance)' }
panels:
  - title: CPU
    queries: 'rate(cpu{instance="$instance"}[$__rate_interval])'
    unit: percent
  - title: Load
    kind: stat
    queries: { expr: load1, legend: '{{x}}' }
"#;
    assert_eq!(to_yaml(&dashboard), want);
}

#[test]
fn problems_have_their_paths() {
    let check = |text: &str, want: &[&str]| {
        let problems = read_json(text.as_bytes()).unwrap_err();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told, want, "{text}");
    };
    check(
        r#"{ "uid": "a", "title": "A", "titel": 1 }"#,
        &[
            "titel: is no key here: want one of uid, title, description, tags, links, time, refresh, timeZone, crosshair, variables, rows, panels; did you mean title?",
        ],
    );
    check(
        r#"{ "uid": "a b", "title": "A", "panels": [{ "queries": ["sum("] }] }"#,
        &[
            "rows[0].panels[0].queries[0].expr: \"sum(\" is not PromQL: 1:5: parse error: unclosed left parenthesis",
            "uid: \"a b\" given: want 1 to 100 letters, digits, -, _ and ., none of which is a point at the beginning",
        ],
    );
    check(
        r#"{ "uid": "a", "title": "A", "panels": [{ "kind": "lines", "grid": [1], "maxPoints": "1" }] }"#,
        &[
            "rows[0].panels[0].grid: 1 numbers given: want [x, y, w, h] or [w, h]",
            "rows[0].panels[0].kind: \"lines\" given: want one of time_series, stat, gauge, bar_gauge, table, heatmap, bar_chart, pie, histogram, state_timeline, status_history, text, alert_list, unsupported",
            "rows[0].panels[0].maxPoints: \"1\" given: want a whole number, at least 0, without quotes",
        ],
    );
}

#[test]
fn references_are_found() {
    let found = macros::references("a $b ${c.d:e} [[f:g]] $1 ${} $");
    let names: Vec<_> = found
        .iter()
        .map(|it| (it.name, it.field, it.format))
        .collect();
    assert_eq!(
        names,
        [
            ("b", "", ""),
            ("c", "d", "e"),
            ("f", "", "g"),
            ("1", "", "")
        ]
    );
}
