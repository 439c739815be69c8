use super::*;

fn load(source: &str, options: &RuleOptions) -> Result<LoadedRules, String> {
    load_rules_text(source, Path::new("r.yml"), options).map_err(|errors| errors.to_string())
}

fn load_ok(source: &str) -> LoadedRules {
    load(source, &RuleOptions::default()).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn groups_are_decoded() {
    let loaded = load_ok(
        "groups:
- name: a
  interval: 30s
  query_offset: 0s
  limit: 5
  labels: {team: db}
  rules:
  - record: x:y
    expr: 1
    for: 0s
    annotations: {}
    labels: {a: b}

  - alert: Down
    expr: |
      up
        == 0
    for: 5m
    keep_firing_for: 1m
    labels: {severity: '{{ if gt $value 1.0 }}a{{ end }}'}
    annotations: {summary: '{{ $labels.instance }} {{ $externalLabels.x }} {{ $externalURL }}', n: 1}
- name: b
",
    );
    assert_eq!(loaded.rule_count(), 2);
    let [a, b] = loaded.groups.as_slice() else {
        panic!("{:?}", loaded.groups)
    };
    let text = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        let owned = pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        owned.collect()
    };
    assert_eq!(
        (a.interval_ms, a.query_offset_ms, a.limit),
        (30_000, Some(0), 5)
    );
    assert_eq!(
        (b.interval_ms, b.query_offset_ms, b.limit),
        (60_000, None, 0)
    );
    assert_eq!(a.labels, text(&[("team", "db")]));
    assert_eq!(a.file, Path::new("r.yml"));
    assert_eq!(
        a.rules[0],
        RuleSettings {
            kind: RuleKind::Record {
                name: "x:y".to_owned()
            },
            expr: "1".to_owned(),
            labels: text(&[("a", "b")]),
            line: 8,
        }
    );
    let RuleKind::Alert {
        name,
        for_ms,
        keep_firing_for_ms,
        annotations,
    } = &a.rules[1].kind
    else {
        panic!("{:?}", a.rules[1])
    };
    assert_eq!(
        (name.as_str(), *for_ms, *keep_firing_for_ms),
        ("Down", 300_000, 60_000)
    );
    assert_eq!(a.rules[1].expr, "up\n  == 0\n");
    assert_eq!(a.rules[1].line, 14);
    assert_eq!(annotations[1], ("n".to_owned(), "1".to_owned()));
}

/// Each rule stands alone in a group; the error must hold the text.
#[test]
fn what_cannot_be_evaluated_is_refused_with_its_place() {
    let check = |rule: &str, options: &RuleOptions, want: &str| {
        let source = format!("groups:\n- name: g\n  rules:\n  - {rule}\n");
        match load(&source, options) {
            Ok(_) if want.is_empty() => {}
            Ok(_) => panic!("{rule} is taken"),
            Err(error) => {
                assert!(!want.is_empty(), "{rule}: {error}");
                assert!(error.starts_with("r.yml:4:"), "{error}");
                assert!(error.contains(want), "{rule}: {error}");
                assert!(!error.contains('\n'), "{error}");
            }
        }
    };
    let options = RuleOptions::default();
    let legacy = RuleOptions {
        names: NameValidation::Legacy,
        ..options
    };
    let lenient = RuleOptions {
        ignore_unknown_keys: true,
        ..options
    };
    for (rule, want) in [
        ("{expr: up}", "record or alert is missing"),
        ("{record: a, alert: b, expr: up}", "together with record"),
        ("{record: a}", "expr is missing"),
        (
            "{record: a, expr: 'up{'}",
            "not a PromQL query: 1:4: parse error",
        ),
        ("{record: 'a{}', expr: up}", "labels go under labels"),
        ("{record: a, expr: up, for: 1m}", "only alerts have it"),
        (
            "{record: a, expr: up, keep_firing_for: 1m}",
            "only alerts have it",
        ),
        (
            "{record: a, expr: up, annotations: {b: c}}",
            "only alerts have it",
        ),
        ("{record: a, expr: up, labels: {__name__: c}}", "use record"),
        ("{record: a, expr: up, labels: {'': c}}", "not a label name"),
        ("{alert: a, expr: up, for: soon}", "is not a duration"),
        (
            "{alert: a, expr: up, labels: {b: '{{ c'}}",
            "rules[0].labels.b: template: __alert_a:1:",
        ),
        (
            "{alert: a, expr: up, annotations: {b: '{{ nope }}'}}",
            "function \"nope\" not defined",
        ),
        (
            "{alert: a, expr: up, annotations: {b: '{{ $x }}'}}",
            "undefined variable \"$x\"",
        ),
        ("{alert: a, expr: up, extra: 1}", "unknown key \"extra\""),
        // Templates of recording rules are texts.
        ("{record: a, expr: up, labels: {b: '{{ c'}}", ""),
        ("{record: 'größe.x', expr: up, labels: {'b.c': d}}", ""),
        ("{alert: 'a b', expr: up, annotations: {'b c': d}}", ""),
    ] {
        check(rule, &options, want);
    }
    for (rule, want) in [
        ("{record: a.b, expr: up}", "is not the name of a metric"),
        (
            "{record: a, expr: up, labels: {b.c: d}}",
            "is not the name of a label",
        ),
        (
            "{alert: a b, expr: up, annotations: {b.c: d}}",
            "is not the name of a label",
        ),
        ("{alert: a b, expr: up, annotations: {b: d}}", ""),
    ] {
        check(rule, &legacy, want);
    }
    check("{alert: a, expr: up, extra: 1}", &lenient, "");
    let experimental = "{record: a, expr: 'sort_by_label(up, \"a\")'}";
    check(experimental, &options, "not a PromQL query");
    let features = Features::all();
    check(
        experimental,
        &RuleOptions {
            features,
            ..options
        },
        "",
    );
}

#[test]
fn groups_of_a_file_have_names_of_their_own() {
    let error = load("groups: [{name: a}, {name: a}]", &RuleOptions::default()).unwrap_err();
    assert!(error.contains("names must be unique"), "{error}");
    let error = load("groups: [{rules: []}]", &RuleOptions::default()).unwrap_err();
    assert!(error.contains("name is missing"), "{error}");
    assert_eq!(load_ok("").groups, []);
}

#[test]
fn files_are_loaded_in_order_and_missing_ones_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("b.yml"), "groups: [{name: g}]").unwrap();
    std::fs::write(path("a.yml"), "groups: [{name: g}]\n---\nx: y").unwrap();
    let options = RuleOptions::default();
    let loaded = load_rules(&[path("b.yml"), path("a.yml")], &options).unwrap();
    let files: Vec<&Path> = loaded.groups.iter().map(|g| g.file.as_path()).collect();
    assert_eq!(files, [path("b.yml"), path("a.yml")]);
    assert!(loaded.warnings[0].message.contains("second document"));
    let error = load_rules(&[path("c.yml")], &options).unwrap_err();
    assert!(
        error.to_string().contains("c.yml: cannot be read"),
        "{error}"
    );
}

#[test]
fn what_is_there_twice_and_what_has_no_runbook_is_found() {
    let loaded = load_ok(
        "groups:
- name: g
  labels: {team: a}
  rules:
  - {record: x, expr: 1}
  - {record: x, expr: 2, labels: {team: b}}
  - {alert: x, expr: 1, annotations: {runbook_url: 'http://a/'}}
- name: h
  rules:
  - {record: x, expr: 1, labels: {team: a}}
  - {record: x, expr: 1}
  - {alert: y, expr: 1, annotations: {runbook_url: ''}}
",
    );
    let texts = |problems: Vec<Problem>| -> Vec<String> {
        problems.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        texts(duplicate_rules(&loaded.groups)),
        [
            "r.yml:7:1: group \"g\": rule \"x\" with labels {team=\"a\"} is there already, at r.yml:5: what they give may get mixed up",
            "r.yml:10:1: group \"h\": rule \"x\" with labels {team=\"a\"} is there already, at r.yml:5: what they give may get mixed up",
        ]
    );
    let found = texts(alerts_without_runbook(&loaded.groups));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("r.yml:12:1: group \"h\": alert \"y\""),
        "{found:?}"
    );
}

const MANIFEST: &str = "apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  labels: {prometheus: k8s}
  name: a
spec:
  groups:
  - name: one
    partial_response_strategy: warn
    interval: 30s
    rules:
    - alert: Down
      expr: up == 0
      annotations: {summary: '{{ $labels.instance }} is down'}
";

#[test]
fn manifests_of_rules_are_rule_files() {
    let names = |loaded: &LoadedRules| -> Vec<String> {
        let groups = loaded.groups.iter();
        groups.map(|group| group.name.clone()).collect()
    };
    let loaded = load_ok(MANIFEST);
    assert_eq!(names(&loaded), ["one"]);
    let group = &loaded.groups[0];
    assert_eq!((group.interval_ms, group.rules[0].line), (30_000, 12));
    assert_eq!(group.file, Path::new("r.yml"));
    let [warning] = loaded.warnings.as_slice() else {
        panic!("{:?}", loaded.warnings)
    };
    assert_eq!(
        warning.to_string(),
        "r.yml:9:32: spec.groups[0].partial_response_strategy: is for Thanos: here all series are in one store"
    );
    // As charts and `kubectl get` print them: an empty document first, other kinds between, a list.
    let two = MANIFEST.replace("name: one", "name: two");
    let three = MANIFEST.replace("name: one", "name: three");
    let list = format!(
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n- {}",
        three.trim_end().replace('\n', "\n  ")
    );
    let chart = format!(
        "---\n# Source: a\n---\n{MANIFEST}---\nkind: ConfigMap\napiVersion: v1\ndata: {{groups: x}}\n---\n{two}---\n{list}\n---\n"
    );
    assert_eq!(names(&load_ok(&chart)), ["one", "two", "three"]);
}

#[test]
fn manifests_that_are_wrong_are_refused_with_their_place() {
    let other = MANIFEST.replace("groups:", "group:");
    let cases = [
        (
            MANIFEST.replace("up == 0", "up =="),
            "r.yml:13:13: spec.groups[0].rules[0].expr: not a PromQL query",
        ),
        (
            other,
            "r.yml:7:3: spec.group: unknown key \"group\" in spec of a PrometheusRule; did you mean groups?",
        ),
        (
            format!("{MANIFEST}---\n{MANIFEST}"),
            "r.yml:23:11: spec.groups[0].name: \"one\" is the name of another group of this file: names must be unique",
        ),
        (
            format!("{MANIFEST}---\ngroups: []\n"),
            "r.yml:16:1: a mapping given: want a manifest with apiVersion and kind",
        ),
        (
            format!("{MANIFEST}---\nkind: [\n"),
            "r.yml:17:1: not valid YAML",
        ),
        (
            MANIFEST.replace("warn", "guess"),
            "r.yml:9:32: spec.groups[0].partial_response_strategy: \"guess\" given: want one of",
        ),
    ];
    for (source, want) in cases {
        let errors = load(&source, &RuleOptions::default()).unwrap_err();
        assert!(errors.starts_with(want), "{errors}\nwant {want}");
    }
}

#[test]
fn files_without_rules_in_them_are_told() {
    for (source, want) in [
        (
            "kind: ConfigMap\napiVersion: v1\n",
            "r.yml:1:1: holds manifests, but no PrometheusRule: there are no rules in it",
        ),
        (
            "groups: []\n---\ngroups: []\n",
            "r.yml:2:1: a second document begins here; only the first is read",
        ),
        (
            "---\n---\ngroups: []\n",
            "r.yml:2:1: a second document begins here; only the first is read",
        ),
    ] {
        let loaded = load_ok(source);
        assert!(loaded.groups.is_empty());
        let [warning] = loaded.warnings.as_slice() else {
            panic!("{source:?}: {:?}", loaded.warnings)
        };
        assert_eq!(warning.to_string(), want);
    }
}
