use bellwether_model::METRIC_NAME;
use bellwether_storage::{Source as StorageSource, WriteBatch};
use clap::Parser as _;
use serde_json::json;

use super::*;
use crate::arguments::{Arguments, Command};

/// 1 January 2026.
const START_MS: i64 = 1_767_225_600_000;
const MINUTE_MS: i64 = 60_000;

/// January and February.
const WHOLE: [&str; 4] = [
    "--from",
    "2026-01-01T00:00:00Z",
    "--to",
    "2026-03-01T00:00:00Z",
];

const OBJECTIVES: &str = "
slos:
  - name: answers
    service: chat
    objective: 99%
    window: 7d
    indicator:
      ratio: { bad: 'requests_total{code=\"500\"}', total: requests_total }
";

/// Two months of a request a minute; all fail for five hours of 20 February.
fn write_history(folder: &Path) {
    let store = open(folder, START_MS + 59 * 86_400_000).expect("a store");
    let source = StorageSource::new("test");
    for code in ["200", "500"] {
        let labels = Labels::from_pairs([(METRIC_NAME, "requests_total"), ("code", code)]);
        let series = store.register(&source, None, &labels).expect("a series");
        let mut batch = WriteBatch::default();
        let outage = 50 * 1_440..50 * 1_440 + 300;
        let mut count = 0.0;
        for minute in 0..59 * 1_440 {
            count += f64::from(u8::from(outage.contains(&minute) == (code == "500")));
            batch.push(series, START_MS + minute * MINUTE_MS, count);
        }
        store.write(&source, &batch).expect("samples are taken");
    }
}

fn parsed(arguments: &[&str]) -> Slo {
    let line = ["bellwether", "slo"].iter().chain(arguments);
    match Arguments::try_parse_from(line).expect("flags").command {
        Command::Slo(slo) => slo,
        other => panic!("{other:?}"),
    }
}

#[test]
fn months_are_told_and_another_target_has_its_cost() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (data, slos, html) = (path("data"), path("slos.yml"), path("html"));
    std::fs::create_dir(&data).expect("a folder");
    write_history(Path::new(&data));
    std::fs::write(&slos, OBJECTIVES).expect("a file");
    let range = [
        "--from",
        "2026-01-01T00:00:00Z",
        "--to",
        "2026-03-01T00:00:00Z",
    ];
    let command = |name: &'static str, more: &[&'static str]| {
        let mut line = vec![name, "--slos", &slos, "--data", &data];
        line.extend(range.iter().chain(more));
        parsed(&line)
    };
    let Slo::Report(flags) = command("report", &["--html", "HTML"]) else {
        panic!("no report")
    };
    let flags = Report {
        html: Some(PathBuf::from(&html)),
        ..flags
    };
    let (measured, range_ms) = flags.source.measured().expect("history");
    // January was kept, February was not: 300 of 40,320 failed, which 99 % allows, and 99.9 % does not.
    assert_eq!(
        report::run(&flags, &measured, range_ms).expect("a report"),
        ExitCode::SUCCESS
    );
    let page = std::fs::read_to_string(Path::new(&html).join("chat.html")).expect("a page");
    for text in ["2026-01", "2026-02", "100 %", "99.25", "74 %"] {
        assert!(page.contains(text), "{text} in {page}");
    }
    let Slo::Backtest(flags) = command("backtest", &["--target", "99.9%", "--step", "10m"]) else {
        panic!("no backtest")
    };
    let (measured, range_ms) = flags.source.measured().expect("history");
    assert_eq!(
        cost::run(&flags, &measured, range_ms).expect("a cost"),
        ExitCode::SUCCESS
    );
    let costs = cost::costs(&flags, &measured, range_ms).expect("costs");
    // A week has 10,080 requests: at 99 % 100 may fail, at 99.9 % ten.
    let shown: Vec<(f64, bool, usize)> = costs
        .iter()
        .map(|cost| {
            (
                cost.target,
                cost.found.over_budget_ms > 6 * 86_400_000,
                cost.pages(),
            )
        })
        .collect();
    assert_eq!(shown, [(0.99, true, 1), (0.999, true, 1)]);
}

/// Runs a report by months of January and February and gives its exit code and the JSON.
fn months(objectives: &str, range: [&str; 4]) -> (ExitCode, serde_json::Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (data, slos) = (path("data"), path("slos.yml"));
    std::fs::create_dir(&data).expect("a folder");
    write_history(Path::new(&data));
    std::fs::write(&slos, objectives).expect("a file");
    let line = ["report", "--slos", &slos, "--data", &data];
    let line: Vec<&str> = line.into_iter().chain(range).collect();
    let Slo::Report(flags) = parsed(&line) else {
        panic!("no report")
    };
    let (measured, range_ms) = flags.source.measured().expect("history");
    let code = report::run(&flags, &measured, range_ms).expect("a report");
    let json = report::as_json(&flags, &measured, range_ms).expect("a report");
    (code, json)
}

#[test]
fn money_is_held_against_its_limit() {
    const SPEND: &str = "
slos:
  - name: tokens
    service: chat
    calendar: month
    indicator:
      spend: { amount: requests_total, limit: LIMIT }
";
    // 44,639 minutes of January each spend one, and 40,320 of February.
    let (code, json) = months(&SPEND.replace("LIMIT", "22000"), WHOLE);
    assert_eq!(code, ExitCode::from(1));
    let objective = &json["objectives"][0];
    assert_eq!(
        (&objective["limit"], &objective["target"]),
        (&json!(22000.0), &json!(null))
    );
    let january = &objective["periods"][0];
    assert_eq!(january["allowed"], 22_000.0);
    assert!(
        (january["bad"].as_f64().expect("a sum") - 44_639.0).abs() < 2.0,
        "{january}"
    );
    assert_eq!(
        (&january["kept"], &january["problem"]),
        (&json!(false), &json!(null))
    );
    let (code, _) = months(&SPEND.replace("LIMIT", "45000"), WHOLE);
    assert_eq!(code, ExitCode::SUCCESS);
    // Half of January has half of its limit.
    let half = [
        "--from",
        "2026-01-01T00:00:00Z",
        "--to",
        "2026-01-16T12:00:00Z",
    ];
    let (code, json) = months(&SPEND.replace("LIMIT", "45000"), half);
    assert_eq!(code, ExitCode::SUCCESS);
    assert_eq!(json["objectives"][0]["periods"][0]["allowed"], 22_500.0);
}

#[test]
fn composites_have_their_periods_too() {
    let both = format!(
        "{OBJECTIVES}
  - name: both
    service: chat
    objective: 99%
    window: 7d
    indicator:
      composite: {{ of: [answers, answers_too], how: series }}
  - name: of_both
    service: chat
    objective: 90%
    window: 7d
    indicator:
      composite: {{ of: [both], how: worst }}
{}",
        OBJECTIVES
            .trim_start()
            .trim_start_matches("slos:\n")
            .replace("name: answers", "name: answers_too")
    );
    // What 99 % allows once is too much twice.
    let (code, json) = months(&both, WHOLE);
    assert_eq!(code, ExitCode::from(1));
    let found = json["objectives"].as_array().expect("objectives");
    let periods = |name: &str| {
        let one = found.iter().find(|it| it["objective"] == name);
        &one.expect("a composite")["periods"]
    };
    let months = periods("chat/both");
    // One of it has the same share, and keeps less of a promise.
    let outer = periods("chat/of_both");
    assert_eq!(outer[1]["good_ratio"], months[1]["good_ratio"]);
    assert_eq!(outer[1]["kept"], true);
    let once = 1.0 - 300.0 / 40_320.0;
    let ratio = |at: usize| months[at]["good_ratio"].as_f64().expect("a share");
    assert!((ratio(0) - 1.0).abs() < 1e-9 && (ratio(1) - once * once).abs() < 1e-5);
    assert_eq!(
        (&months[0]["kept"], &months[1]["kept"]),
        (&json!(true), &json!(false))
    );
}

#[test]
fn counts_that_cannot_be_are_not_kept() {
    let wrong = OBJECTIVES.replace(
        "bad: 'requests_total{code=\"500\"}', total: requests_total",
        "bad: requests_total, total: 'requests_total{code=\"500\"}'",
    );
    let range = [
        "--from",
        "2026-02-01T00:00:00Z",
        "--to",
        "2026-03-01T00:00:00Z",
    ];
    let (code, json) = months(&wrong, range);
    assert!(
        json["objectives"][0]["periods"][0]["problem"].is_string(),
        "{json}"
    );
    assert_eq!(code, ExitCode::from(1));
}

#[test]
fn targets_are_shares_or_percents() {
    for text in ["99.5%", "99.5", "0.995", " 99.5 % "] {
        assert!((share(text).expect(text) - 0.995).abs() < 1e-12, "{text}");
    }
    for text in ["", "100%", "0", "most", "-1%", "1"] {
        assert!(share(text).is_err(), "{text}");
    }
}
