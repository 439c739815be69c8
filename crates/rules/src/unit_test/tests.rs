use super::*;
use crate::testing::{alerting, group, labels, recording};

fn settings() -> TestSettings {
    TestSettings {
        evaluation_interval_ms: 60_000,
        group_eval_order: Vec::new(),
        fuzzy_compare: false,
        features: Features::default(),
        style: FailureStyle::Whole,
        objectives: Vec::new(),
    }
}

fn sample(labels: &str, value: f64) -> ExpectedSample {
    ExpectedSample {
        labels: labels.to_owned(),
        value,
        histogram: String::new(),
    }
}

fn query(expr: &str, seconds: i64, expected: Vec<ExpectedSample>) -> QueryTest {
    QueryTest {
        expr: expr.to_owned(),
        eval_time_ms: seconds * 1_000,
        expected,
    }
}

fn test(series: &[(&str, &str)]) -> RuleTest {
    RuleTest {
        interval_ms: 60_000,
        input_series: series
            .iter()
            .map(|(series, values)| ((*series).to_owned(), (*values).to_owned()))
            .collect(),
        ..RuleTest::default()
    }
}

fn alert(seconds: i64, expected: Vec<(Labels, Labels)>) -> AlertTest {
    AlertTest {
        eval_time_ms: seconds * 1_000,
        alertname: "Down".to_owned(),
        expected,
    }
}

#[test]
fn samples_are_there_as_time_goes_on() {
    let mut test = test(&[
        ("a", "1 2 _ stale 5"),
        ("h", "{{sum:3 count:2 buckets:[2]}}x2"),
    ]);
    test.query_tests = vec![
        query("a", 0, vec![sample("a", 1.0)]),
        query("a", 60, vec![sample("a", 2.0)]),
        query("timestamp(a)", 179, vec![sample("", 60.0)]),
        query("a", 180, Vec::new()),
        query("b", 180, vec![sample("b{x=\"y\"}", 3.0)]),
        query("time()", 90, vec![sample("", 90.0)]),
        query(
            "h",
            120,
            vec![ExpectedSample {
                histogram: "{{count:2 sum:3 counter_reset_hint:not_reset buckets:[2]}}".to_owned(),
                ..sample("h", 0.0)
            }],
        ),
        // What comes after the last evaluation is not there.
        query("a offset -1m", 180, Vec::new()),
    ];
    let rule = recording("b", "count_over_time(a[10m]) + 1", &[("x", "y")]);
    let groups = [group("g", vec![rule])];
    let outcome = test.run(&groups, &settings());
    assert_eq!(outcome.failures, Vec::<String>::new());
    let (store, end_ms) = outcome.store.unwrap();
    let text = dump(store.as_ref(), end_ms).unwrap();
    assert!(
        text.contains("{__name__=\"a\"} =>\n1 @[0]\n2 @[60000]\n"),
        "{text}"
    );
    assert!(
        text.contains("{__name__=\"b\", x=\"y\"} =>\n2 @[0]\n3 @[60000]"),
        "{text}"
    );
}

#[test]
fn alerts_are_tested_at_the_evaluation_before() {
    let mut test = test(&[("up{job=\"a\"}", "0x10")]);
    let down = (
        labels(&[("job", "a"), ("severity", "page")]),
        labels(&[("summary", "a has 0")]),
    );
    test.alert_tests = vec![
        alert(600, vec![down.clone()]),
        alert(119, Vec::new()),
        alert(120, vec![down.clone()]),
        alert(179, vec![down.clone()]),
    ];
    let groups = [group("g", vec![alerting("Down", "up == 0", 120_000)])];
    assert!(test.run(&groups, &settings()).failures.is_empty());
    // The same starts later.
    test.start_ms = 1_704_067_200_000;
    assert!(test.run(&groups, &settings()).failures.is_empty());

    test.name = "late".to_owned();
    test.alert_tests = vec![alert(60, vec![down.clone()]), alert(120, Vec::new())];
    let failures = test.run(&groups, &settings()).failures;
    assert_eq!(
        failures,
        [
            "    name: late,\n    alertname: Down, time: 1m, \n        exp: [\n            \
             0: Labels:{alertname=\"Down\", job=\"a\", severity=\"page\"}\n               \
             Annotations:{summary=\"a has 0\"}\n        ]\n        got: []",
            "    name: late,\n    alertname: Down, time: 2m, \n        exp: []\n        got: [\n            \
             0: Labels:{alertname=\"Down\", job=\"a\", severity=\"page\"}\n               \
             Annotations:{summary=\"a has 0\"}\n        ]",
        ]
    );
    let style = TestSettings {
        style: FailureStyle::Difference,
        ..settings()
    };
    let other = labels(&[("summary", "b")]);
    test.alert_tests = vec![alert(120, vec![(down.0, other)])];
    let failures = test.run(&groups, &style).failures;
    assert!(
        failures[0].contains("          - Annotations:{summary=\"b\"}\n")
            && failures[0].ends_with("          + Annotations:{summary=\"a has 0\"}"),
        "{}",
        failures[0]
    );
}

#[test]
fn groups_are_evaluated_in_the_order_that_is_asked_for() {
    let groups = [
        group("last", vec![recording("b", "a", &[])]),
        group("first", vec![recording("a", "time()", &[])]),
    ];
    let mut test = test(&[]);
    test.query_tests = vec![query("b", 60, vec![sample("b", 60.0)])];
    assert_eq!(test.run(&groups, &settings()).failures.len(), 1);
    let ordered = TestSettings {
        group_eval_order: vec!["first".to_owned(), "last".to_owned()],
        ..settings()
    };
    assert!(test.run(&groups, &ordered).failures.is_empty());
    assert_eq!(
        unknown_groups(&["x".to_owned(), "last".to_owned()], &groups),
        ["x"]
    );
}

#[test]
fn floats_are_equal_to_the_bit_or_nearly() {
    let mut test = test(&[("a", "3.0000000000000004"), ("n", "NaN")]);
    test.query_tests = vec![query("a", 0, vec![sample("a", 3.0)])];
    let failures = test.run(&[], &settings()).failures;
    assert_eq!(
        failures,
        [
            "    expr: \"a\", time: 0s,\n        exp: [\n            0: {__name__=\"a\"} 3\n        ]\n        \
          got: [\n            0: {__name__=\"a\"} 3.0000000000000004\n        ]"
        ]
    );
    let fuzzy = TestSettings {
        fuzzy_compare: true,
        ..settings()
    };
    assert!(test.run(&[], &fuzzy).failures.is_empty());
    test.query_tests = vec![query("a", 0, vec![sample("a", 2.9999999999999996)])];
    assert_eq!(test.run(&[], &fuzzy).failures.len(), 1);
    test.query_tests = vec![query("n", 0, vec![sample("n", f64::NAN)])];
    assert!(test.run(&[], &settings()).failures.is_empty());
}

#[test]
fn what_cannot_be_tested_is_a_failure() {
    let failures =
        |test: &RuleTest, groups: &[GroupSettings]| test.run(groups, &settings()).failures;
    let two = &[("a{x=\"1\"}", "1"), ("a{x=\"2\"}", "1")];
    let wrong = [group("g", vec![recording("r", "a + on() a", &[])])];
    let found = failures(&test(two), &wrong);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("    rule: r, time: 0s, err: "),
        "{}",
        found[0]
    );

    let found = failures(&test(&[("up{job=\"a\"", "1")]), &[]);
    assert!(
        found[0].starts_with("input series \"up{job=\\\"a\\\"\": "),
        "{}",
        found[0]
    );
    let found = failures(
        &test(&[]),
        &[group("g", vec![recording("r", "test +", &[])])],
    );
    assert!(found[0].starts_with("rules.yml:1: "), "{}", found[0]);

    let mut unnamed = test(&[]);
    unnamed.alert_tests = vec![AlertTest {
        alertname: String::new(),
        ..alert(60, Vec::new())
    }];
    unnamed.name = "n".to_owned();
    assert_eq!(
        failures(&unnamed, &[]),
        [
            "an item under alert_rule_test misses required attribute alertname at eval_time 1m \
          (in TestGroup n)"
        ]
    );

    let mut queries = test(two);
    let histogram = |text: &str| ExpectedSample {
        histogram: text.to_owned(),
        ..sample("a", 0.0)
    };
    queries.query_tests = vec![
        query("a +", 0, Vec::new()),
        query("\"a\"", 0, Vec::new()),
        query("a", 0, vec![sample("a{", 1.0)]),
        query("a", 0, vec![histogram("1")]),
        query("a", 0, vec![histogram("1 2")]),
        query("sum(a)", 0, vec![histogram("{{count:1}}")]),
    ];
    let found = failures(&queries, &[]);
    let wants = [
        "expr: \"a +\", time: 0s, err: ",
        "rule result is not a vector or scalar",
        "labels \"a{\": ",
        "expected histogram, got 1",
        "expected 1 value, got 2",
        "{} 2",
    ];
    assert_eq!(found.len(), wants.len());
    for (failure, want) in found.iter().zip(wants) {
        assert!(failure.contains(want), "{failure}\nwants {want}");
    }
}
