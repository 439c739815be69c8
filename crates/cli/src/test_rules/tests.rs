use clap::Parser as _;

use super::*;
use crate::arguments::{Arguments, Command, Test};

const RULES: &str = "
groups:
- name: example
  rules:
  - record: job:up:min
    expr: min by (job) (up)
  - alert: InstanceDown
    expr: job:up:min == 0
    for: 5m
    labels: {severity: page}
    annotations:
      summary: '{{ $labels.job }} of {{ $externalLabels.region }} is down'
";

/// A test that passes; `10m` and `is down` are changed by tests.
const TESTS: &str = "
rule_files: ['*.rules.yml']
evaluation_interval: 1m
tests:
- name: down
  input_series:
  - {series: 'up{job=\"a\", instance=\"1\"}', values: 0x20}
  - {series: 'up{job=\"a\", instance=\"2\"}', values: 1x20}
  external_labels: {region: eu}
  alert_rule_test:
  - {eval_time: 4m, alertname: InstanceDown}
  - eval_time: 10m
    alertname: InstanceDown
    exp_alerts:
    - exp_labels: {severity: page, job: a}
      exp_annotations: {summary: a of eu is down}
  promql_expr_test:
  - expr: ALERTS
    eval_time: 2m
    exp_samples:
    - {labels: 'ALERTS{alertname=\"InstanceDown\", alertstate=\"pending\", severity=\"page\", job=\"a\"}', value: 1}
- name: up
  input_series: [{series: 'up{job=\"a\"}', values: 1x20}]
  alert_rule_test: [{eval_time: 10m, alertname: InstanceDown}]
";

/// Runs `test rules` with flags on a file with this text. Gives the exit code, and the JUnit file.
fn run_on(rules: &str, tests: &str, flags: &[&str]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("a.rules.yml"), rules).unwrap();
    std::fs::write(path("t.yml"), tests).unwrap();
    let (file, junit) = (path("t.yml"), path("junit.xml"));
    let line = ["bellwether", "test", "rules", &file, "--junit", &junit];
    let line = line.iter().chain(flags);
    let Command::Test(Test::Rules(flags)) = Arguments::try_parse_from(line).unwrap().command else {
        panic!("not test rules")
    };
    let code = run(&flags).unwrap();
    let xml = std::fs::read_to_string(&junit).unwrap();
    (code == ExitCode::SUCCESS, xml.replace(&file, "t.yml"))
}

#[test]
fn files_pass_and_fail() {
    let (passed, xml) = run_on(RULES, TESTS, &[]);
    assert!(passed, "{xml}");
    assert!(
        xml.contains("<testsuite name=\"t.yml\" tests=\"2\" failures=\"0\">"),
        "{xml}"
    );

    // One mutant of the tests, and some of the rules.
    let (passed, xml) = run_on(RULES, &TESTS.replace("is down", "is up"), &["--diff"]);
    assert!(!passed);
    assert!(
        xml.contains("- Annotations:{summary=&quot;a of eu is up&quot;}"),
        "{xml}"
    );
    for (old, new) in [
        ("for: 5m", "for: 11m"),
        ("min by", "max by"),
        ("page", "mail"),
    ] {
        let (passed, xml) = run_on(&RULES.replace(old, new), TESTS, &["--debug"]);
        assert!(!passed, "{new}: {xml}");
        assert!(xml.contains("failures=\"1\""), "{new}: {xml}");
    }
}

#[test]
fn tests_are_chosen_by_name() {
    let broken = TESTS.replace("is down", "is up");
    for (flags, passes, count) in [
        (&["--run", "u."][..], true, 1),
        (&["--run", "^dow"], false, 1),
        (&["--run", "dow", "--run", "up"], false, 2),
        (&["--run", "nothing"], true, 0),
    ] {
        let (passed, xml) = run_on(RULES, &broken, flags);
        assert_eq!(passed, passes, "{flags:?}");
        assert!(
            xml.contains(&format!("tests=\"{count}\"")),
            "{flags:?} {xml}"
        );
    }
    let wrong = Chosen::new(&["(".to_owned()]);
    assert!(wrong.is_err());
}

#[test]
fn what_cannot_be_used_is_a_failure() {
    let owner = RULES.replace("- name: example", "- name: example\n  owner: me");
    assert!(!run_on(&owner, TESTS, &[]).0);
    assert!(run_on(&owner, TESTS, &["--ignore-unknown-fields"]).0);
    let limitk = RULES.replace("min by (job) (up)", "limitk(9, min by (job) (up))");
    assert!(!run_on(&limitk, TESTS, &[]).0);
    let flags = ["--enable-feature", "promql-experimental-functions"];
    assert!(run_on(&limitk, TESTS, &flags).0);
    let (passed, xml) = run_on(RULES, "tests: [{input: 1}]", &["--output", "json"]);
    assert!(
        !passed && xml.contains("<testcase classname=\"t.yml\" name=\"unknown\">"),
        "{xml}"
    );
}
