use super::*;
use crate::rules::load_rules_text;

fn group(source: &str) -> WrittenGroup {
    WrittenGroup::read(source, Path::new("ns"), &RuleOptions::default())
        .unwrap_or_else(|errors| panic!("{errors}"))
}

fn refused(source: &str) -> String {
    let read = WrittenGroup::read(source, Path::new("ns"), &RuleOptions::default());
    read.unwrap_err().to_string()
}

const GROUP_A: &str = "name: a
interval: 30s
rules:
- alert: Down
  expr: |
    up{job=\"x\"}
      == 0
  for: 5m
  labels: {severity: critical, runbook_key: \"on\"}
  annotations:
    runbook_url: https://x/y#z
    summary: '{{ $labels.instance }}: down'
    odd: \"a\\u2028b\\u0000\\t'\"
- record: x:y
  expr: 1
";

#[test]
fn what_is_written_reads_back_the_same() {
    let mut namespace = RuleNamespace::default();
    namespace.set(group(GROUP_A));
    namespace.set(group("{\"name\": \"b: [c]\", \"rules\": []}"));
    let text = namespace.to_yaml();
    let options = RuleOptions::default();
    let read = load_rules_text(&text, Path::new("ns"), &options).unwrap();
    let whole = format!("groups:\n- {}", GROUP_A.trim_end().replace('\n', "\n  "));
    let mut want = load_rules_text(&whole, Path::new("ns"), &options).unwrap();
    assert_eq!(read.groups[1].name, "b: [c]");
    let mut got = read.groups[0].clone();
    for rule in want.groups[0].rules.iter_mut().chain(&mut got.rules) {
        rule.line = 0;
    }
    assert_eq!(got, want.groups[0]);
    assert!(text.contains("for: 5m"), "{text}");
    assert!(text.contains("https://x/y#z"), "{text}");
    let again = RuleNamespace::read(&text, Path::new("ns")).unwrap();
    assert_eq!(again.to_yaml(), text);
    assert_eq!(again.get("a").unwrap().to_yaml(), group(GROUP_A).to_yaml());
    let listed = namespaces_yaml([("n/s", &again), ("5", &RuleNamespace::default())]);
    assert!(listed.starts_with("n/s:\n- name: a\n"), "{listed}");
    assert!(listed.ends_with("\n\"5\": []\n"), "{listed}");
    assert_eq!(namespaces_yaml([]), "{}\n");
}

#[test]
fn groups_are_put_in_place_and_taken_out() {
    let mut namespace = RuleNamespace::default();
    for name in ["a", "b", "c"] {
        namespace.set(group(&format!("{{name: {name}, rules: []}}")));
    }
    namespace.set(group("{name: b, interval: 5s, rules: []}"));
    let names = |of: &RuleNamespace| {
        let names: Vec<String> = of.groups().iter().map(|g| g.name().to_owned()).collect();
        names.join(" ")
    };
    assert_eq!(names(&namespace), "a b c");
    assert!(namespace.get("b").unwrap().to_yaml().contains("5s"));
    assert!(namespace.remove("b") && !namespace.remove("b"));
    assert_eq!(names(&namespace), "a c");
    assert!(namespace.remove("a") && namespace.remove("c"));
    assert_eq!(namespace.to_yaml(), "groups: []\n");
    let none = RuleNamespace::read("groups: []\n", Path::new("ns")).unwrap();
    assert!(none.groups().is_empty());
}

#[test]
fn a_wrong_group_is_refused_with_the_words_of_a_rule_file() {
    let check = |source: &str, want: &str| assert_eq!(refused(source), want, "{source}");
    check(
        "name: a\nrules:\n- alert: x\n  expr: up ==\n",
        "ns:4:9: rules[0].expr: not a PromQL query: 1:6: parse error: unexpected end of input",
    );
    check("rules: []\n", "ns:1:1: name is missing: want a text");
    check(
        "",
        "ns:1:1: nothing is here: want a group of rules with name and rules",
    );
    for (source, want) in [
        ("groups: []\n", "groups: unknown"),
        ("[]", "want"),
        ("name: a\n---\nname: b\n", "second document"),
        ("name: [", "not valid YAML"),
        ("name: a\nsource_tenants: [x]\n", "source_tenants"),
        ("name: a\nrules:\n- expr: 1\n", "record or alert is missing"),
        (
            "name: a\nrules:\n- alert: x\n  expr: 1\n  annotations: {a: '{{ .x'}\n",
            "annotations.a",
        ),
    ] {
        let got = refused(source);
        assert!(got.contains(want), "{source}: {got}");
    }
}
