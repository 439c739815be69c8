use std::path::PathBuf;

use bellwether_promql::Features;
use bellwether_slo::period::Period;

use super::*;
use crate::objective::ObjectiveAlerts;
use crate::objective::counts::counted;
use crate::unit_test::{
    AlertTest, ExpectedSample, FailureStyle, QueryTest, RuleTest, TestSettings,
};

const MINUTE_MS: i64 = 60_000;

fn objective(name: &str, indicator: Indicator) -> ObjectiveSettings {
    ObjectiveSettings {
        file: PathBuf::from("slos.yml"),
        line: 1,
        name: name.to_owned(),
        service: "chat".to_owned(),
        description: String::new(),
        target: 0.99,
        period: Period::Rolling {
            span_ms: 30 * 86_400_000,
        },
        time_zone: "UTC".to_owned(),
        indicator,
        slices: None,
        group_by: Vec::new(),
        spent_by: Vec::new(),
        entity: None,
        labels: Vec::new(),
        interval_ms: MINUTE_MS,
        alerts: ObjectiveAlerts::default(),
    }
}

fn ratio(bad: &str, total: &str) -> Indicator {
    Indicator::Ratio {
        counting: Counting::Bad,
        part: counted(bad, MINUTE_MS).expect("PromQL"),
        total: counted(total, MINUTE_MS).expect("PromQL"),
    }
}

/// What the rules of these objectives give of series with a sample each 15 s.
struct Case {
    objectives: Vec<ObjectiveSettings>,
    series: Vec<(&'static str, String)>,
}

impl Case {
    /// Checks `query` after so many minutes: `{labels} value` of each element.
    fn check(&self, minutes: i64, query: &str, want: &[(&str, f64)]) {
        let groups: Vec<GroupSettings> = self
            .objectives
            .iter()
            .map(|objective| group(objective, &self.objectives))
            .collect();
        let test = RuleTest {
            interval_ms: 15_000,
            input_series: self
                .series
                .iter()
                .map(|(name, values)| ((*name).to_owned(), values.clone()))
                .collect(),
            query_tests: vec![QueryTest {
                expr: query.to_owned(),
                eval_time_ms: minutes * MINUTE_MS,
                expected: want
                    .iter()
                    .map(|(labels, value)| ExpectedSample {
                        labels: (*labels).to_owned(),
                        value: *value,
                        histogram: String::new(),
                    })
                    .collect(),
            }],
            ..RuleTest::default()
        };
        let settings = TestSettings {
            evaluation_interval_ms: MINUTE_MS,
            group_eval_order: Vec::new(),
            fuzzy_compare: true,
            features: Features::default(),
            style: FailureStyle::Whole,
            objectives: self.objectives.clone(),
        };
        let failures = test.run(&groups, &settings).failures;
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }
}

/// Pages and tickets of an objective, whose value is a burn rate.
const PAGES: &str = "ALERTS{alertname=\"ErrorBudgetBurn\",severity=\"critical\"}";
const FIRING_PAGE: &str = "ALERTS{alertname=\"ErrorBudgetBurn\",alertstate=\"firing\",service=\"chat\",severity=\"critical\",slo=\"a\",slo_alert=\"page\"}";

#[test]
fn events_are_counted_once_and_burn_the_budget() {
    // Four a sample are 16 a minute, and one of them is bad in each sample: a quarter.
    let case = Case {
        objectives: vec![objective("a", ratio("requests{code=\"500\"}", "requests"))],
        series: vec![
            ("requests{code=\"500\"}", "0+1x400".to_owned()),
            ("requests{code=\"200\"}", "0+3x400".to_owned()),
        ],
    };
    let labels = "{service=\"chat\",slo=\"a\"}";
    case.check(10, "slo:events", &[(&format!("slo:events{labels}"), 16.0)]);
    case.check(10, "sum_over_time(slo:bad_events[5m])", &[(labels, 20.0)]);
    let window = "slo:burn_rate{service=\"chat\",slo=\"a\",window=\"1h\"}";
    case.check(60, "slo:burn_rate{window=\"1h\"}", &[(window, 25.0)]);
    case.check(60, PAGES, &[(FIRING_PAGE, 1.0)]);
}

#[test]
fn what_comes_late_is_counted() {
    let objective = objective("a", ratio("bad", "all"));
    let group = group(&objective, std::slice::from_ref(&objective));
    assert_eq!(group.query_offset_ms, Some(30_000));
}

#[test]
fn a_failure_of_three_is_no_page_and_an_outage_is() {
    let case = |bad: &str| Case {
        objectives: vec![objective("a", ratio("bad", "all"))],
        series: vec![
            ("all", "0x40 1x40 2x40 3x240".to_owned()),
            ("bad", bad.to_owned()),
        ],
    };
    case("0x81 1x281").check(45, PAGES, &[]);
    case("0x40 1x40 2x40 3x240").check(31, PAGES, &[(FIRING_PAGE, 1.0)]);
}

#[test]
fn the_text_of_a_page_is_of_the_window_that_fired() {
    let mut objective = objective("a", ratio("bad", "all"));
    objective.group_by = vec!["model".to_owned()];
    // A request each half hour, of which the last four failed: five minutes have none, so that a window of
    // six hours fires, and not that of one.
    let group = group(&objective, std::slice::from_ref(&objective));
    let each = |from: i64| {
        let values = (0..720).map(|minute| (minute / 30 - from).max(0).to_string());
        values.collect::<Vec<String>>().join(" ")
    };
    let test = RuleTest {
        interval_ms: MINUTE_MS,
        input_series: vec![
            ("all{model=\"m\"}".to_owned(), each(0)),
            ("bad{model=\"m\"}".to_owned(), each(19)),
        ],
        alert_tests: vec![AlertTest {
            eval_time_ms: 700 * MINUTE_MS,
            alertname: "ErrorBudgetBurn".to_owned(),
            expected: Vec::new(),
        }],
        ..RuleTest::default()
    };
    let settings = TestSettings {
        evaluation_interval_ms: MINUTE_MS,
        group_eval_order: Vec::new(),
        fuzzy_compare: true,
        features: Features::default(),
        style: FailureStyle::Whole,
        objectives: vec![objective],
    };
    // Nothing is expected, so that what fires is told.
    let told = test.run(&[group], &settings).failures.join("\n");
    let text = "4 of 4 events of the last 2h were bad: at 99 % a bad event comes with so many with a chance of 1e-06.";
    assert!(told.contains(text), "{told}");
}

#[test]
fn silence_is_told_and_idleness_is_not() {
    let objective = || objective("a", ratio("bad", "all"));
    let silent = "ALERTS{alertname=\"ObjectiveNotMeasured\",alertstate=\"firing\"}";
    let idle = Case {
        objectives: vec![objective()],
        series: vec![("all", "7x400".to_owned()), ("bad", "0x400".to_owned())],
    };
    idle.check(60, silent, &[]);
    idle.check(
        60,
        "sum_over_time(slo:events[1h])",
        &[("{service=\"chat\",slo=\"a\"}", 0.0)],
    );
    let vanished = Case {
        objectives: vec![objective()],
        series: vec![
            ("all", "7x80 _x400".to_owned()),
            ("bad", "0x80 _x400".to_owned()),
        ],
    };
    let fires = "ALERTS{alertname=\"ObjectiveNotMeasured\",alertstate=\"firing\",service=\"chat\",severity=\"warning\",slo=\"a\",slo_alert=\"measurement\"}";
    vanished.check(60, silent, &[(fires, 1.0)]);
    let never = Case {
        objectives: vec![objective()],
        series: Vec::new(),
    };
    never.check(5, silent, &[(fires, 1.0)]);
}

#[test]
fn a_spender_that_is_gone_is_no_silence_and_a_group_is() {
    let objective = |group_by: &[&str]| {
        let mut objective = objective("a", ratio("bad", "all"));
        objective.group_by = group_by.iter().map(|it| (*it).to_owned()).collect();
        objective.spent_by = vec!["pod".to_owned()];
        objective
    };
    let silent = "ALERTS{alertname=\"ObjectiveNotMeasured\",alertstate=\"firing\"}";
    let case = |group_by: &[&str]| Case {
        objectives: vec![objective(group_by)],
        series: vec![
            ("all{model=\"m\",pod=\"1\"}", "0+1x80 _x400".to_owned()),
            ("all{model=\"n\",pod=\"2\"}", "0+1x400".to_owned()),
        ],
    };
    case(&[]).check(60, silent, &[]);
    let fires = "ALERTS{alertname=\"ObjectiveNotMeasured\",alertstate=\"firing\",model=\"m\",service=\"chat\",severity=\"warning\",slo=\"a\",slo_alert=\"measurement\"}";
    case(&["model"]).check(60, silent, &[(fires, 1.0)]);
}

#[test]
fn more_bad_than_all_is_said_aloud() {
    let case = Case {
        objectives: vec![objective("a", ratio("bad", "all"))],
        series: vec![("all", "0+1x400".to_owned()), ("bad", "0+2x400".to_owned())],
    };
    let query = "ALERTS{alertname=\"ObjectiveInconsistent\",alertstate=\"firing\"}";
    let fires = "ALERTS{alertname=\"ObjectiveInconsistent\",alertstate=\"firing\",service=\"chat\",severity=\"warning\",slo=\"a\",slo_alert=\"measurement\"}";
    case.check(30, query, &[(fires, 1.0)]);
}

#[test]
fn each_group_has_a_budget_and_spenders_are_known() {
    let mut grouped = objective("a", ratio("requests{code=\"500\"}", "requests"));
    grouped.group_by = vec!["model".to_owned()];
    grouped.spent_by = vec!["tenant".to_owned()];
    let case = Case {
        objectives: vec![grouped],
        series: vec![
            (
                "requests{code=\"500\",model=\"m\",tenant=\"x\"}",
                "0+1x400".to_owned(),
            ),
            (
                "requests{code=\"200\",model=\"m\",tenant=\"x\"}",
                "0+1x400".to_owned(),
            ),
            (
                "requests{code=\"200\",model=\"m\",tenant=\"y\"}",
                "0+2x400".to_owned(),
            ),
            (
                "requests{code=\"200\",model=\"n\",tenant=\"y\"}",
                "0+2x400".to_owned(),
            ),
        ],
    };
    let labels = |model| {
        format!("slo:burn_rate{{model=\"{model}\",service=\"chat\",slo=\"a\",window=\"1h\"}}")
    };
    case.check(
        60,
        "slo:burn_rate{window=\"1h\"}",
        &[(&labels("m"), 25.0), (&labels("n"), 0.0)],
    );
    let spent = "{model=\"m\",service=\"chat\",slo=\"a\",tenant=\"x\"}";
    case.check(
        60,
        "sum_over_time(slo:bad_events[1h]) > 0",
        &[(spent, 238.0)],
    );
}

#[test]
fn latency_counts_by_buckets_and_between_them() {
    let series = || {
        vec![
            ("d_bucket{le=\"0.5\"}", "0+2x400".to_owned()),
            ("d_bucket{le=\"1.0\"}", "0+3x400".to_owned()),
            ("d_bucket{le=\"+Inf\"}", "0+4x400".to_owned()),
        ]
    };
    let bad = |threshold| Case {
        objectives: vec![objective(
            "a",
            Indicator::Latency {
                histogram: "d_bucket".to_owned(),
                threshold,
                is_classic: true,
            },
        )],
        series: series(),
    };
    let found = "slo:bad_events{service=\"chat\",slo=\"a\"}";
    bad(1.0).check(10, "slo:bad_events", &[(found, 4.0)]);
    bad(0.5).check(10, "slo:bad_events", &[(found, 8.0)]);
    bad(0.75).check(10, "slo:bad_events", &[(found, 6.0)]);
    let native = Case {
        objectives: vec![objective(
            "a",
            Indicator::Latency {
                histogram: "d".to_owned(),
                threshold: 2.0,
                is_classic: false,
            },
        )],
        series: vec![(
            "d",
            "{{schema:0 sum:0 count:0 buckets:[0 0 0]}}+{{schema:0 sum:9 count:4 buckets:[1 2 1]}}x400".to_owned(),
        )],
    };
    // Buckets end at 1, 2 and 4: one of four is slower.
    native.check(10, "slo:bad_events", &[(found, 4.0)]);
}

#[test]
fn probes_freshness_and_money_count_too() {
    let found = "slo:bad_events{service=\"chat\",slo=\"a\"}";
    let probe = Case {
        objectives: vec![objective(
            "a",
            Indicator::Samples {
                of: "probe_success{job=\"p\"}".to_owned(),
            },
        )],
        series: vec![("probe_success{job=\"p\"}", "1x20 0 1x400".to_owned())],
    };
    probe.check(
        6,
        "sum_over_time(slo:bad_events[5m])",
        &[("{service=\"chat\",slo=\"a\"}", 1.0)],
    );
    let fresh = Case {
        objectives: vec![objective(
            "a",
            Indicator::Freshness {
                timestamp: "backup_done".to_owned(),
                age_max_ms: 600_000,
            },
        )],
        series: vec![("backup_done", "0x400".to_owned())],
    };
    fresh.check(9, "slo:bad_events", &[(found, 0.0)]);
    fresh.check(11, "slo:bad_events", &[(found, 1.0)]);
    let spend = Case {
        objectives: vec![objective(
            "a",
            Indicator::Spend {
                amount: counted("cost", MINUTE_MS).expect("PromQL"),
                limit: 43_200.0,
            },
        )],
        series: vec![("cost", "0+5x400".to_owned())],
    };
    // One a minute is allowed, and twenty are spent.
    let window = "slo:burn_rate{service=\"chat\",slo=\"a\",window=\"1h\"}";
    spend.check(61, "slo:burn_rate{window=\"1h\"}", &[(window, 20.0)]);
    spend.check(61, PAGES, &[(FIRING_PAGE, 1.0)]);
}

#[test]
fn slices_of_time_count_alike() {
    let slices = |slices| {
        let mut objective = objective("a", ratio("bad", "all"));
        objective.slices = Some(slices);
        Case {
            objectives: vec![objective],
            series: vec![
                ("all", "0+1x20 20x20 20+10x100".to_owned()),
                ("bad", "0x20 0x20 0+1x100".to_owned()),
            ],
        }
    };
    let labels = "{service=\"chat\",slo=\"a\"}";
    // Good minutes up to the sixth, four without events, then nine of which a tenth is bad.
    let good = slices(Slices::Good { from: 0.95 });
    good.check(20, "sum_over_time(slo:events[20m])", &[(labels, 15.0)]);
    good.check(20, "sum_over_time(slo:bad_events[20m])", &[(labels, 9.0)]);
    let ratio = slices(Slices::Ratio);
    ratio.check(20, "sum_over_time(slo:events[20m])", &[(labels, 15.0)]);
    ratio.check(20, "sum_over_time(slo:bad_events[20m])", &[(labels, 0.9)]);
}

#[test]
fn objectives_join() {
    let composite = |how| {
        let parts = vec![("a".to_owned(), 1.0), ("chat/b".to_owned(), 3.0)];
        Case {
            objectives: vec![
                objective("a", ratio("bad", "all")),
                objective("b", ratio("worse", "all")),
                objective("c", Indicator::Composite { parts, how }),
            ],
            series: vec![
                ("all", "0+10x400".to_owned()),
                ("bad", "0+1x400".to_owned()),
                ("worse", "0+2x400".to_owned()),
            ],
        }
    };
    let found = "{service=\"chat\",slo=\"c\",window=\"1h\"}";
    let query = "round(slo:burn_rate{slo=\"c\",window=\"1h\"}, 0.001)";
    composite(Composition::Series).check(61, query, &[(found, 28.0)]);
    composite(Composition::Worst).check(61, query, &[(found, 20.0)]);
    composite(Composition::Weighted).check(61, query, &[(found, 17.5)]);
    // A part that rests does not hide the other's failures.
    for (how, burn) in [
        (Composition::Series, 10.0),
        (Composition::Worst, 10.0),
        (Composition::Weighted, 2.5),
    ] {
        let mut case = composite(how);
        case.objectives[1] = objective("b", ratio("worse", "rest"));
        case.series[2] = ("worse", "0x400".to_owned());
        case.series.push(("rest", "0x400".to_owned()));
        case.check(61, query, &[(found, burn)]);
    }
}
