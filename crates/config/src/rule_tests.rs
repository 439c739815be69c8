//! Files of unit tests for rules, for `bellwether test rules`: promtool's format.

use std::path::{Path, PathBuf};

use bellwether_model::{Labels, short};
use bellwether_rules::unit_test::{AlertTest, ExpectedSample, ObjectiveTest, QueryTest, RuleTest};
use jiff::Timestamp;

use crate::config::{errors_of, origin_of, parse, read_file};
use crate::problem::{ConfigErrors, Problems};
use crate::schema::{Field, Kind, Section};
use crate::view::View;

pub(crate) static RULE_TESTS: Section = Section {
    name: "rule test file",
    doc: "Unit tests for `bellwether test rules`; promtool reads the same files.",
    fields: &[
        Field::new(
            "rule_files",
            Kind::List(&Kind::Text),
            "",
            "Rule files and patterns of such, relative to the folder of the file.",
        ),
        Field::new(
            "slo_files",
            Kind::List(&Kind::Text),
            "",
            "Files with objectives and patterns of such, relative to the folder of the file. promtool does not know them.",
        ),
        Field::new(
            "evaluation_interval",
            Kind::Duration,
            "1m",
            "Time between two evaluations of all groups.",
        ),
        Field::new(
            "group_eval_order",
            Kind::List(&Kind::Text),
            "",
            "Names of groups in the order in which they are evaluated.",
        ),
        Field::new(
            "fuzzy_compare",
            Kind::Bool,
            "false",
            "Whether floats are equal that differ in their last bit.",
        ),
        Field::new("tests", Kind::Sections(&TEST), "", "The tests."),
    ],
    includes: &[],
    check: Some(|view, problems| {
        let order = view.texts("group_eval_order");
        for (index, name) in order.iter().enumerate() {
            if order.iter().take(index).any(|earlier| earlier == name) {
                let message = format!("group name repeated in evaluation order: {}", short(name));
                view.error_at(problems, "group_eval_order", message);
            }
        }
    }),
};

static TEST: Section = Section {
    name: "rule test",
    doc: "Series, and what rules and queries make of them.",
    fields: &[
        Field::new("name", Kind::Text, "", "What the test is called."),
        Field::new(
            "interval",
            Kind::Duration,
            "",
            "Time between two samples of the series; evaluation_interval where absent.",
        ),
        Field::new(
            "start_timestamp",
            Kind::Text,
            "",
            "When the test begins, as RFC 3339 or in seconds since 1970; 1970 where absent.",
        ),
        Field::new("input_series", Kind::Sections(&SERIES), "", "The series."),
        Field::new(
            "alert_rule_test",
            Kind::Sections(&ALERT_TEST),
            "",
            "Which alerts fire.",
        ),
        Field::new(
            "promql_expr_test",
            Kind::Sections(&QUERY_TEST),
            "",
            "What queries give.",
        ),
        Field::new(
            "slo_test",
            Kind::Sections(&OBJECTIVE_TEST),
            "",
            "How objectives stand. promtool does not know these tests.",
        ),
        Field::new(
            "external_labels",
            Kind::Labels,
            "",
            "The labels of the server, as templates see them.",
        ),
        Field::new(
            "external_url",
            Kind::Text,
            "",
            "Where people reach the server, as templates see it.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        let text = view.text("start_timestamp");
        if !text.is_empty() && time_ms(text).is_none() {
            let message = format!(
                "{:?} is not a time: want RFC 3339 such as 2026-11-27T10:00:00Z, or seconds since 1970",
                short(text)
            );
            view.error_at(problems, "start_timestamp", message);
        }
    }),
};

static SERIES: Section = Section {
    name: "test series",
    doc: "A series and its values.",
    fields: &[
        Field::new(
            "series",
            Kind::Text,
            "",
            "Its name and labels, as a selector.",
        ),
        Field::new(
            "values",
            Kind::Text,
            "",
            "Its values: `1 2+3x4 _ stale {{sum:3 count:2 buckets:[2]}}x2`.",
        ),
    ],
    includes: &[],
    check: None,
};

static ALERT_TEST: Section = Section {
    name: "alert test",
    doc: "Which alerts of a name fire at a time.",
    fields: &[
        Field::new(
            "eval_time",
            Kind::Duration,
            "0s",
            "When, counted from the start of the test.",
        ),
        Field::new("alertname", Kind::Text, "", "The name."),
        Field::new(
            "exp_alerts",
            Kind::Sections(&EXPECTED_ALERT),
            "",
            "The alerts; none: none fires.",
        ),
    ],
    includes: &[],
    check: None,
};

static EXPECTED_ALERT: Section = Section {
    name: "expected alert",
    doc: "An alert that fires.",
    fields: &[
        Field::new(
            "exp_labels",
            Kind::Labels,
            "",
            "Its labels, without its name.",
        ),
        Field::new("exp_annotations", Kind::Labels, "", "Its annotations."),
    ],
    includes: &[],
    check: None,
};

static QUERY_TEST: Section = Section {
    name: "query test",
    doc: "What a query gives at a time.",
    fields: &[
        Field::new("expr", Kind::Text, "", "The query."),
        Field::new(
            "eval_time",
            Kind::Duration,
            "0s",
            "When, counted from the start of the test.",
        ),
        Field::new(
            "exp_samples",
            Kind::Sections(&EXPECTED_SAMPLE),
            "",
            "What it gives, in any order.",
        ),
    ],
    includes: &[],
    check: None,
};

static EXPECTED_SAMPLE: Section = Section {
    name: "expected sample",
    doc: "An element that a query gives.",
    fields: &[
        Field::new("labels", Kind::Text, "", "Its labels, as a selector."),
        Field::new("value", Kind::Text, "0", "Its value, where it is a float."),
        Field::new(
            "histogram",
            Kind::Text,
            "",
            "Its value, where it is a native histogram: `{{sum:3 count:2 buckets:[2]}}`.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        if number(view.text("value")).is_none() {
            let message = format!(
                "{:?} is not a number: want one such as 1.5e3, .inf or .nan",
                short(view.text("value"))
            );
            view.error_at(problems, "value", message);
        }
    }),
};

static OBJECTIVE_TEST: Section = Section {
    name: "slo test",
    doc: "How a budget of an objective stands at a time. What is absent may be anything; numbers are equal within one in ten thousand.",
    fields: &[
        Field::required(
            "slo",
            Kind::Text,
            "The objective: its name, or `service/name`.",
        ),
        Field::new(
            "eval_time",
            Kind::Duration,
            "0s",
            "When, counted from the start of the test.",
        ),
        Field::new(
            "labels",
            Kind::Labels,
            "",
            "Which budget, where it has several.",
        ),
        Field::new(
            "exp_verdict",
            Kind::OneOf(&["met", "unknown", "at_risk", "exhausted"]),
            "",
            "The verdict.",
        ),
        Field::new(
            "exp_budget_left",
            Kind::Text,
            "",
            "What is left of the budget: 1 is all, below 0 too much is spent.",
        ),
        Field::new(
            "exp_events",
            Kind::Text,
            "",
            "Events of the period up to then.",
        ),
        Field::new("exp_bad_events", Kind::Text, "", "Bad ones of these."),
    ],
    includes: &[],
    check: Some(|view, problems| {
        let expected = [
            "exp_verdict",
            "exp_budget_left",
            "exp_events",
            "exp_bad_events",
        ];
        if expected.iter().all(|key| view.text(key).is_empty()) {
            let message = format!("expects nothing: want one of {}", expected.join(", "));
            view.error_at(problems, "slo", message);
        }
        for key in ["exp_budget_left", "exp_events", "exp_bad_events"] {
            let text = view.text(key);
            if !text.is_empty() && number(text).is_none() {
                let message = format!("{:?} is not a number: want one such as 0.25", short(text));
                view.error_at(problems, key, message);
            }
        }
    }),
};

/// A time, as RFC 3339 or in seconds.
fn time_ms(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        let ms = (seconds * 1_000.0).trunc();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "checked to be far below the limit"
        )]
        return (ms.abs() < 1e17).then_some(ms as i64);
    }
    let timestamp: Timestamp = text.parse().ok()?;
    Some(timestamp.as_millisecond())
}

/// A number as YAML writes it.
fn number(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    match lower.trim_start_matches(['+', '-']) {
        ".inf" if lower.starts_with('-') => Some(f64::NEG_INFINITY),
        ".inf" => Some(f64::INFINITY),
        ".nan" => Some(f64::NAN),
        rest => match rest.strip_prefix("0x") {
            Some(digits) => {
                let value = i64::from_str_radix(digits, 16).ok()? as f64;
                Some(if lower.starts_with('-') {
                    -value
                } else {
                    value
                })
            }
            None => lower.replace('_', "").parse().ok(),
        },
    }
}

/// A file of tests.
#[derive(Debug, Clone)]
pub struct RuleTests {
    /// Rule files and patterns of such, joined with the file's folder.
    pub rule_files: Vec<PathBuf>,
    /// Files with objectives and patterns of such, joined with the file's folder.
    pub slo_files: Vec<PathBuf>,
    /// Time between two evaluations, ms.
    pub evaluation_interval_ms: i64,
    /// Names of groups in the order in which they are evaluated.
    pub group_eval_order: Vec<String>,
    /// Whether floats are equal that differ in their last bit.
    pub fuzzy_compare: bool,
    /// The tests.
    pub tests: Vec<RuleTest>,
}

/// Loads a file of tests.
///
/// # Errors
/// Every reason why it cannot be used.
pub fn load_rule_tests(path: &Path) -> Result<RuleTests, ConfigErrors> {
    let source = read_file(path).map_err(|problem| ConfigErrors {
        errors: vec![problem],
        is_unreadable: true,
    })?;
    let origin = origin_of(path);
    let mut problems = Problems::default();
    match parse(&source, &origin, &RULE_TESTS, &mut problems) {
        Some(root) if problems.errors.is_empty() => {
            Ok(decode(&View::new(Some(&root), &RULE_TESTS, &origin)))
        }
        _ => Err(errors_of(problems)),
    }
}

fn decode(view: &View<'_>) -> RuleTests {
    let evaluation_interval_ms = match view.duration_ms("evaluation_interval") {
        0 => 60_000,
        interval_ms => interval_ms,
    };
    let (files, slo_files) = (view.texts("rule_files"), view.texts("slo_files"));
    RuleTests {
        rule_files: files.iter().map(|file| view.origin.join(file)).collect(),
        slo_files: slo_files
            .iter()
            .map(|file| view.origin.join(file))
            .collect(),
        evaluation_interval_ms,
        group_eval_order: view.texts("group_eval_order"),
        fuzzy_compare: view.bool("fuzzy_compare"),
        tests: view
            .sections("tests")
            .iter()
            .map(|test| decode_test(test, evaluation_interval_ms))
            .collect(),
    }
}

fn decode_test(view: &View<'_>, evaluation_interval_ms: i64) -> RuleTest {
    let series = view.sections("input_series");
    let alerts = view.sections("alert_rule_test");
    let queries = view.sections("promql_expr_test");
    RuleTest {
        name: view.text("name").to_owned(),
        interval_ms: match view.duration_ms("interval") {
            0 => evaluation_interval_ms,
            interval_ms => interval_ms,
        },
        start_ms: time_ms(view.text("start_timestamp")).unwrap_or(0),
        input_series: series
            .iter()
            .map(|one| (one.text("series").to_owned(), one.text("values").to_owned()))
            .collect(),
        alert_tests: alerts.iter().map(decode_alert_test).collect(),
        query_tests: queries.iter().map(decode_query_test).collect(),
        objective_tests: view
            .sections("slo_test")
            .iter()
            .map(decode_objective_test)
            .collect(),
        external_labels: Labels::from_pairs(view.text_map("external_labels")),
        external_url: view.text("external_url").to_owned(),
    }
}

fn decode_objective_test(view: &View<'_>) -> ObjectiveTest {
    ObjectiveTest {
        eval_time_ms: view.duration_ms("eval_time"),
        objective: view.text("slo").to_owned(),
        labels: Labels::from_pairs(view.text_map("labels")),
        verdict: view
            .optional_text("exp_verdict")
            .filter(|it| !it.is_empty()),
        budget_left: number(view.text("exp_budget_left")),
        events: number(view.text("exp_events")),
        bad_events: number(view.text("exp_bad_events")),
    }
}

fn decode_alert_test(view: &View<'_>) -> AlertTest {
    let expected = view.sections("exp_alerts");
    AlertTest {
        eval_time_ms: view.duration_ms("eval_time"),
        alertname: view.text("alertname").to_owned(),
        expected: expected
            .iter()
            .map(|alert| {
                let labels = |key| Labels::from_pairs(alert.text_map(key));
                (labels("exp_labels"), labels("exp_annotations"))
            })
            .collect(),
    }
}

fn decode_query_test(view: &View<'_>) -> QueryTest {
    let expected = view.sections("exp_samples");
    QueryTest {
        expr: view.text("expr").to_owned(),
        eval_time_ms: view.duration_ms("eval_time"),
        expected: expected
            .iter()
            .map(|sample| ExpectedSample {
                labels: sample.text("labels").to_owned(),
                value: number(sample.text("value")).unwrap_or(0.0),
                histogram: sample.text("histogram").to_owned(),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(source: &str) -> Result<RuleTests, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.yml");
        std::fs::write(&file, source).unwrap();
        let mut loaded = load_rule_tests(&file).map_err(|errors| {
            errors
                .to_string()
                .replace(&format!("{}/", folder.path().display()), "")
        })?;
        for file in &mut loaded.rule_files {
            if let Ok(rest) = file.strip_prefix(folder.path()) {
                *file = rest.to_path_buf();
            }
        }
        Ok(loaded)
    }

    #[test]
    fn tests_are_read() {
        let loaded = load(
            "rule_files: [a.yml, '/etc/*.yml']
evaluation_interval: 30s
fuzzy_compare: true
group_eval_order: [b, a]
tests:
- name: first
  interval: 1m
  start_timestamp: 2024-01-01T00:00:00Z
  input_series: [{series: 'up{job=\"a\"}', values: 0x5}, {series: one, values: 1}]
  alert_rule_test:
  - {eval_time: 5m, alertname: Down, exp_alerts: [{exp_labels: {a: 1}, exp_annotations: {b: c}}, {}]}
  promql_expr_test:
  - expr: up
    eval_time: 0
    exp_samples: [{labels: up, value: -1.5e3}, {value: .inf}, {histogram: '{{count:1}}'}, {value: 0x10}]
  external_labels: {region: eu}
  external_url: http://x
- start_timestamp: 1609459200.5
",
        )
        .unwrap();
        let files = ["a.yml", "/etc/*.yml"].map(PathBuf::from);
        assert_eq!(loaded.rule_files, files);
        assert_eq!(
            (loaded.evaluation_interval_ms, loaded.fuzzy_compare),
            (30_000, true)
        );
        assert_eq!(loaded.group_eval_order, ["b", "a"]);
        let [first, second] = loaded.tests.as_slice() else {
            panic!("{:?}", loaded.tests)
        };
        assert_eq!((first.interval_ms, second.interval_ms), (60_000, 30_000));
        assert_eq!(first.start_ms, 1_704_067_200_000);
        assert_eq!(second.start_ms, 1_609_459_200_500);
        let series = [("up{job=\"a\"}", "0x5"), ("one", "1")];
        assert_eq!(
            first.input_series,
            series.map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        let alert = &first.alert_tests[0];
        assert_eq!(
            (alert.eval_time_ms, alert.alertname.as_str()),
            (300_000, "Down")
        );
        assert_eq!(alert.expected[0].0, Labels::from_pairs([("a", "1")]));
        assert_eq!(alert.expected[0].1, Labels::from_pairs([("b", "c")]));
        assert!(alert.expected[1].0.is_empty());
        let values: Vec<f64> = first.query_tests[0]
            .expected
            .iter()
            .map(|s| s.value)
            .collect();
        assert_eq!(values, [-1500.0, f64::INFINITY, 0.0, 16.0]);
        assert_eq!(first.query_tests[0].expected[2].histogram, "{{count:1}}");
        assert_eq!(first.external_labels.get("region"), Some("eu"));
        assert_eq!(first.external_url, "http://x");
    }

    #[test]
    fn wrong_tests_are_refused() {
        for (source, want) in [
            (
                "tests: [{start_timestamp: noon}]",
                "t.yml:1:27: tests[0].start_timestamp: \"noon\" is not a time",
            ),
            (
                "tests: [{promql_expr_test: [{exp_samples: [{value: many}]}]}]",
                "\"many\" is not a number",
            ),
            (
                "group_eval_order: [a, b, a]",
                "group name repeated in evaluation order: a",
            ),
            ("tests: [{input: []}]", "input"),
            ("tests: [{slo_test: [{slo: a}]}]", "slo: expects nothing"),
            ("tests: [{interval: soon}]", "\"soon\" is not a duration"),
        ] {
            let error = load(source).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
    }
}
