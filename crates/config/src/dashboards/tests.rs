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
        &["a.yml:2:1: uid: is there twice, first on line 1"],
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
