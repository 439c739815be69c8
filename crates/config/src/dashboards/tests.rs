use bellwether_dashboards::panel::{Grid, PanelKind};
use bellwether_dashboards::{to_json, to_yaml};

use super::*;

const EXAMPLE: &str = include_str!("../../examples/dashboard.yml");

#[test]
fn the_example_is_read_and_written_as_the_same() {
    let dashboard = dashboard_of_yaml(EXAMPLE).unwrap();
    assert_eq!(dashboard.uid, "orders");
    let first = &dashboard.rows[0].panels[0];
    assert_eq!(first.kind, PanelKind::Stat);
    assert_eq!(
        first.grid,
        Grid {
            x: 0,
            y: 0,
            w: 6,
            h: 4
        }
    );
    let text = to_yaml(&dashboard);
    assert_eq!(dashboard_of_yaml(&text).unwrap(), dashboard, "{text}");
    let json = to_json(&dashboard).to_string();
    let again = load_dashboard_text(&json, Path::new("a.json")).unwrap();
    assert_eq!(again.dashboard, dashboard);
}

#[test]
fn errors_have_their_places() {
    let check = |source: &str, want: &[&str]| {
        let errors = load_dashboard_text(source, Path::new("a.yml")).unwrap_err();
        let told: Vec<String> = errors.errors.iter().map(ToString::to_string).collect();
        assert_eq!(told, want, "{source}");
    };
    check(
        "uid: a\ntitle: A\npanels:\n  - title: x\n    queries: sum(up\n    decimals: '2'\n",
        &[
            "a.yml:6:15: rows[0].panels[0].field.decimals: \"2\" given: want a whole number, at least 0, without quotes",
        ],
    );
    check(
        "uid: a\ntitle: A\npanels:\n  - title: x\n    queries: sum(up\n",
        &[
            "a.yml:5:14: rows[0].panels[0].queries[0].expr: \"sum(up\" is not PromQL: 1:7: parse error: unclosed left parenthesis",
        ],
    );
    check(
        "uid: a\ntitle: A\npanels:\n  - kind: lines\n",
        &[
            "a.yml:4:11: rows[0].panels[0].kind: \"lines\" given: want one of time_series, stat, gauge, bar_gauge, table, heatmap, bar_chart, pie, histogram, state_timeline, status_history, text, alert_list, unsupported",
        ],
    );
    check(
        "uid: a\nuid: b\n",
        &["a.yml:2:1: uid: key is there twice in this mapping; keep one"],
    );
}

#[test]
fn uids_are_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = ["a.yml", "b.yml"]
        .iter()
        .map(|it| folder.path().join(it))
        .collect();
    for path in &paths {
        std::fs::write(path, "uid: a\ntitle: A\n").unwrap();
    }
    let errors = load_dashboards(&paths).unwrap_err().to_string();
    assert!(
        errors.contains("b.yml: uid: \"a\" is the uid of another dashboard"),
        "{errors}"
    );
    std::fs::write(&paths[1], "uid: b\ntitle: B\n---\nuid: c\ntitle: C\n").unwrap();
    assert_eq!(load_dashboards(&paths).unwrap().dashboards.len(), 3);
}

#[test]
fn dashboards_of_grafana_are_read_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.json");
    let text = r#"{ "title": "G", "schemaVersion": 39, "panels": [{ "id": 1, "type": "geomap", "title": "x" }] }"#;
    std::fs::write(&path, text).unwrap();
    let loaded = load_dashboards(&[path]).unwrap();
    assert!(
        loaded.warnings[0].message.contains("1 of 1 panels"),
        "{:?}",
        loaded.warnings
    );
}

mod round_trip {
    use bellwether_dashboards::field::{Color, Field, Stacking, Threshold, Thresholds};
    use bellwether_dashboards::form::Pairs;
    use bellwether_dashboards::panel::{Panel, Query, Repeat, TextOptions};
    use bellwether_dashboards::transformation::{Organize, Reduce, Transformation};
    use bellwether_dashboards::variable::{Variable, VariableKind, VariableOption};
    use bellwether_dashboards::{Row, read_json};
    use proptest::prelude::*;

    use super::*;

    /// Texts of all kinds, those that YAML and JSON take for something else among them.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-zA-Z0-9 _.:/{}$-]{0,20}",
            "\\PC{0,12}",
            "[ -~\\n\\t\"'#\\\\|>&*!%@`]{0,30}",
            Just("null".to_owned()),
            Just("true".to_owned()),
            Just("- a: b # c".to_owned()),
            Just("a\n  b\n\nc\n".to_owned()),
            Just("a\n\n".to_owned()),
            Just("\u{feff}\u{85}\u{2028}\r\0\u{7f}".to_owned()),
            Just("12e3".to_owned()),
            Just("~".to_owned()),
        ]
    }

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            Just(0.0),
            Just(0.1),
            -1e6..1e6,
            Just(1e300),
            Just(-5e-324),
            Just(3.0)
        ]
    }

    fn field() -> impl Strategy<Value = Field> {
        let options = (
            proptest::option::of(text()),
            proptest::option::of(0_u32..9),
            proptest::option::of(number()),
            proptest::option::of(text()),
            any::<bool>(),
            proptest::collection::vec((proptest::option::of(number()), text()), 0..3),
        );
        options.prop_map(|(unit, decimals, min, color, stacked, steps)| Field {
            unit,
            decimals,
            min,
            color: color.map(|color| Color {
                color,
                ..Color::default()
            }),
            stacking: stacked.then_some(Stacking::Normal),
            thresholds: (!steps.is_empty()).then(|| Thresholds {
                steps: steps
                    .into_iter()
                    .map(|(value, color)| Threshold { value, color })
                    .collect(),
                ..Thresholds::default()
            }),
            ..Field::default()
        })
    }

    fn panel() -> impl Strategy<Value = Panel> {
        let grid = prop_oneof![
            (0_u32..13, 0_u32..40, 1_u32..12, 1_u32..20).prop_map(|(x, y, w, h)| Grid {
                x,
                y,
                w,
                h
            }),
            (1_u32..24, 1_u32..20).prop_map(|(w, h)| Grid {
                w,
                h,
                ..Grid::default()
            }),
        ];
        let kind = proptest::sample::select(PanelKind::ALL.to_vec());
        let queries = proptest::collection::vec((text(), any::<bool>()), 0..3);
        let of = (
            text(),
            kind,
            grid,
            field(),
            queries,
            text(),
            proptest::collection::vec((text(), text()), 0..3),
            any::<bool>(),
        );
        of.prop_map(
            |(title, kind, grid, field, queries, content, names, repeats)| Panel {
                title,
                kind,
                grid,
                field,
                repeat: repeats.then(|| Repeat {
                    variable: "v".to_owned(),
                    ..Repeat::default()
                }),
                queries: queries
                    .into_iter()
                    .map(|(legend, hidden)| Query {
                        expr: "up{a=\"b\"}".to_owned(),
                        legend,
                        hidden,
                        ..Query::default()
                    })
                    .collect(),
                text: (kind == PanelKind::Text).then(|| TextOptions {
                    content,
                    ..TextOptions::default()
                }),
                transformations: vec![
                    Transformation::Organize(Organize {
                        rename: Pairs::of(unique(names)),
                        ..Organize::default()
                    }),
                    Transformation::Reduce(Reduce::default()),
                ],
                ..Panel::default()
            },
        )
    }

    /// Keys of a mapping are there once.
    fn unique(mut pairs: Vec<(String, String)>) -> Vec<(String, String)> {
        let mut seen = std::collections::HashSet::new();
        pairs.retain(|(key, _)| key != "<<" && seen.insert(key.clone()));
        pairs
    }

    fn dashboard() -> impl Strategy<Value = Dashboard> {
        let row = (
            proptest::collection::vec(panel(), 0..4),
            text(),
            any::<bool>(),
        );
        let of = (
            text(),
            text(),
            proptest::collection::vec(text(), 0..3),
            proptest::collection::vec(row, 0..3),
            text(),
        );
        of.prop_map(|(title, description, tags, rows, value)| {
            let rows = rows
                .into_iter()
                .enumerate()
                .map(|(index, (panels, title, collapsed))| Row {
                    title: if index == 0 {
                        String::new()
                    } else {
                        format!("x{title}")
                    },
                    collapsed: collapsed && index > 0,
                    panels,
                    ..Row::default()
                });
            let mut dashboard = Dashboard {
                uid: "a".to_owned(),
                title: format!("x{title}"),
                description,
                tags,
                rows: rows.collect(),
                variables: vec![Variable {
                    name: "v".to_owned(),
                    kind: VariableKind::Custom,
                    options: vec![VariableOption {
                        value,
                        text: String::new(),
                    }],
                    ..Variable::default()
                }],
                ..Dashboard::default()
            };
            dashboard.place();
            dashboard
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(dashboard in dashboard()) {
            let yaml = to_yaml(&dashboard);
            let again = dashboard_of_yaml(&yaml);
            prop_assert_eq!(again.as_ref(), Ok(&dashboard), "{}", yaml);
            let json = to_json(&dashboard).to_string();
            let again = read_json(json.as_bytes());
            prop_assert_eq!(again.as_ref(), Ok(&dashboard), "{}", json);
        }
    }
}
