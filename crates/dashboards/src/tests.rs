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

/// The same cases test the page.
#[test]
fn variables_are_put_in_as_the_cases_say() {
    let cases: serde_json::Value =
        serde_json::from_str(include_str!("../testdata/macros.json")).unwrap();
    let texts = |value: &serde_json::Value| -> Vec<String> {
        let items = value.as_array().into_iter().flatten();
        items.map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    for case in cases.as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        let found = macros::substitute(text, |reference, _| {
            let of = case["variables"].get(reference.name)?;
            let values = texts(&of["values"]);
            let chosen = macros::Chosen {
                texts: if of.get("texts").is_some() {
                    texts(&of["texts"])
                } else {
                    values.clone()
                },
                values,
                is_multi: of["multi"].as_bool().unwrap_or_default(),
                raw: of["raw"].as_str().map(str::to_owned),
            };
            Some(macros::formatted(reference.name, &chosen, reference.format).into())
        });
        assert_eq!(found, case["want"].as_str().unwrap(), "{}", case["about"]);
    }
}

#[test]
fn queries_are_checked_with_harmless_values() {
    let variables = vec![
        Variable {
            name: "n".to_owned(),
            kind: VariableKind::Custom,
            options: vec![variable::VariableOption {
                value: "5".to_owned(),
                text: String::new(),
            }],
            ..Variable::default()
        },
        Variable {
            name: "q".to_owned(),
            query: "label_values(up, job)".to_owned(),
            ..Variable::default()
        },
    ];
    for good in [
        "topk($n, up)",
        "rate(up{a=\"$q\"}[$__rate_interval])",
        "rate(up[$q:$__interval] offset $q)",
        "${q}_total",
        "$q",
        "$q(up)",
        "up{a=~\"${q:pipe}\"}[[n]]",
        "rate(up[${__range_s}s])",
        "",
    ] {
        let checked = query_problem(good, &variables);
        let is_odd = good.contains("[[n]]");
        assert!(checked.is_ok() || is_odd, "{good}: {checked:?}");
    }
    for bad in ["sum(up", "up{a=\"$q}", "topk($unknown, up)"] {
        assert!(query_problem(bad, &variables).is_err(), "{bad}");
    }
}
