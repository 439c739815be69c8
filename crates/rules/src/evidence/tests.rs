//! Evidence of staged failures, from the store to the document.

use super::document::label_map;
use super::gather::{Sources, gather};
use super::*;
use crate::testing::{engine, labels};
use bellwether_promql::CancelToken;
use bellwether_storage::{Clock, EvidenceStore, ManualClock, MemoryEvidence, MemoryStore};
use bellwether_telemetry::Registry;

const MINUTE: i64 = 60_000;
/// When the alerts of these tests fire.
const FIRED: i64 = 200 * MINUTE;

/// A witness of one target and some alerts.
#[derive(Debug)]
struct Staged(Vec<FiringAlert>);

impl Witness for Staged {
    fn firing(&self) -> Vec<FiringAlert> {
        self.0.clone()
    }

    fn targets(&self) -> Vec<WitnessedTarget> {
        vec![WitnessedTarget {
            labels: labels(&[("job", "api"), ("instance", "a:1")]),
            url: "http://a:1/metrics".to_owned(),
            health: "down",
            last_error: "connection refused".to_owned(),
            last_scrape_ms: Some(FIRED - 1_000),
            last_scrape_seconds: 0.25,
        }]
    }
}

fn turn(query: &str, alerts: &[(&[(&str, &str)], f64)]) -> FiredTurn {
    let alerts = alerts.iter().map(|(pairs, value)| FiredAlert {
        labels: labels(pairs),
        annotations: labels(&[("summary", "it is bad")]),
        value: *value,
        active_at_ms: FIRED - 5 * MINUTE,
        fired_at_ms: FIRED,
    });
    FiredTurn {
        rule: Arc::new(FiredRule {
            name: "Bad".to_owned(),
            group: "g".to_owned(),
            file: PathBuf::from("rules.yml"),
            line: 3,
            query: engine().prepare(query).unwrap(),
            labels: labels(&[("severity", "critical")]),
            for_ms: 5 * MINUTE,
        }),
        query_ms: FIRED,
        alerts: alerts.collect(),
    }
}

fn documents(store: &MemoryStore, firing: Vec<FiringAlert>, turn: &FiredTurn) -> Vec<Evidence> {
    let clock = ManualClock::new(FIRED + 500);
    let testimony = Testimony {
        time_ms: FIRED,
        targets: Staged(Vec::new()).targets(),
        entities: Vec::new(),
        firing,
    };
    let sources = Sources {
        store,
        engine: &engine(),
        testimony: &testimony,
        is_late: false,
        clock: &clock,
        cancel: &CancelToken::default(),
    };
    gather(sources, turn).into_iter().map(|(_, e)| e).collect()
}

/// Counters of requests and errors of three tools on two instances; one tool fails since ten minutes.
fn failing_tool() -> MemoryStore {
    let store = MemoryStore::new();
    for (tool, rate) in [("search", 10.0), ("mail", 5.0), ("files", 5.0)] {
        for instance in ["a:1", "b:1"] {
            let (mut requests, mut errors) = (0.0, 0.0);
            for minute in 0..=200 {
                let fails = tool == "mail" && minute > 190;
                requests += rate;
                errors += if fails { rate * 0.8 } else { rate * 0.01 };
                for (name, value) in [("requests_total", requests), ("errors_total", errors)] {
                    let series = labels(&[
                        ("__name__", name),
                        ("job", "api"),
                        ("instance", instance),
                        ("tool", tool),
                    ]);
                    store.insert(&series, minute * MINUTE, value);
                }
            }
        }
    }
    store
}

const RATIO: &str =
    "sum by (job) (rate(errors_total[5m])) / sum by (job) (rate(requests_total[5m])) > 0.05";

#[test]
fn the_failing_tool_is_named_and_the_innocent_instances_are_not() {
    let store = failing_tool();
    let own: &[(&str, &str)] = &[
        ("alertname", "Bad"),
        ("job", "api"),
        ("severity", "critical"),
    ];
    let found = documents(&store, Vec::new(), &turn(RATIO, &[(own, 0.2)]));
    let [evidence] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(evidence.gaps, [""; 0]);
    let operands: Vec<&str> = evidence.operands.iter().map(|o| o.query.as_str()).collect();
    assert_eq!(operands, [RATIO.split(" > ").next().unwrap(), "0.05"]);
    assert_eq!(evidence.operands[1].constant, Some(Number(0.05)));
    let line = &evidence.operands[0].lines[0];
    assert!(line.is_own);
    assert_eq!(line.points.len(), 241);
    let [mover] = &evidence.movers[..] else {
        panic!("{:?}", evidence.movers)
    };
    assert_eq!((mover.operand, mover.label.as_str()), (0, "tool"));
    let first = &mover.values[0];
    assert_eq!(first.value, "mail");
    assert!((first.share - 1.0).abs() < 0.02, "{first:?}");
    assert!((first.now.unwrap().0 - 0.8).abs() < 0.01, "{first:?}");
    assert!((first.before.unwrap().0 - 0.01).abs() < 0.001, "{first:?}");
    let targets: Vec<(&str, &str, &str)> = evidence
        .targets
        .iter()
        .map(|t| {
            (
                t.instance.as_str(),
                t.health.as_str(),
                t.last_error.as_str(),
            )
        })
        .collect();
    let want = [
        ("a:1", "down", "connection refused"),
        ("b:1", "unknown", ""),
    ];
    assert_eq!(targets, want);
    // It is read as it was written.
    assert_eq!(&Evidence::from_json(&evidence.to_json()).unwrap(), evidence);
}

#[test]
fn the_slow_provider_is_named_by_its_quantile() {
    let store = MemoryStore::new();
    for (provider, slow) in [("one", false), ("two", true), ("three", false)] {
        let mut counts = [0.0; 3];
        for minute in 0..=200 {
            let is_slow = slow && minute > 190;
            let fast = if is_slow { 2.0 } else { 20.0 };
            for (at, add) in [fast, 20.0, 20.0].into_iter().enumerate() {
                counts[at] += add;
            }
            for (le, value) in ["0.5", "5", "+Inf"].into_iter().zip(counts) {
                let series = labels(&[
                    ("__name__", "seconds_bucket"),
                    ("provider", provider),
                    ("le", le),
                ]);
                store.insert(&series, minute * MINUTE, value);
            }
        }
    }
    let query = "histogram_quantile(0.95, sum by (le) (rate(seconds_bucket[5m]))) > 2";
    let own: &[(&str, &str)] = &[("alertname", "Slow"), ("severity", "critical")];
    let found = documents(&store, Vec::new(), &turn(query, &[(own, 4.0)]));
    let mover = &found[0].movers[0];
    assert_eq!(
        (mover.label.as_str(), mover.values[0].value.as_str()),
        ("provider", "two")
    );
    assert!(mover.values[0].now.unwrap().0 > 4.0, "{mover:?}");
}

#[test]
fn the_folder_that_fills_the_disk_is_named_by_its_part() {
    let store = MemoryStore::new();
    for minute in 0..=200 {
        let traces = if minute > 190 { 40.0 } else { 5.0 };
        for (folder, used) in [("models", 30.0), ("logs", 15.0), ("traces", traces)] {
            let series = labels(&[
                ("__name__", "used"),
                ("instance", "a:1"),
                ("folder", folder),
            ]);
            store.insert(&series, minute * MINUTE, used);
        }
        let size = labels(&[("__name__", "size"), ("instance", "a:1")]);
        store.insert(&size, minute * MINUTE, 100.0);
    }
    let own: &[(&str, &str)] = &[("alertname", "Full"), ("instance", "a:1")];
    let query = "sum by (instance) (used) / sum by (instance) (size) > 0.8";
    let found = documents(&store, Vec::new(), &turn(query, &[(own, 0.85)]));
    let first = &found[0].movers[0].values[0];
    assert_eq!((first.value.as_str(), first.share), ("traces", 1.0));
    assert_eq!(
        (first.before, first.now),
        (Some(Number(0.05)), Some(Number(0.4)))
    );
}

#[test]
fn each_alert_has_its_own_series_and_those_of_others_beside_them() {
    let store = MemoryStore::new();
    for minute in 0..=200 {
        for (instance, value) in [("a:1", 95.0), ("b:1", 20.0), ("c:1", 97.0)] {
            let series = labels(&[("__name__", "disk"), ("instance", instance)]);
            store.insert(&series, minute * MINUTE, value);
        }
    }
    let alert = |instance: &'static str| [("alertname", "Full"), ("instance", instance)];
    let (a, c) = (alert("a:1"), alert("c:1"));
    let beside = FiringAlert {
        labels: labels(&[
            ("alertname", "Slow"),
            ("instance", "a:1"),
            ("severity", "info"),
        ]),
        summary: "slow".to_owned(),
        starts_ms: FIRED - MINUTE,
    };
    let elsewhere = FiringAlert {
        labels: labels(&[("alertname", "Slow"), ("instance", "z:1")]),
        ..beside.clone()
    };
    let itself = FiringAlert {
        labels: labels(&[("alertname", "Full"), ("instance", "a:1"), ("cluster", "x")]),
        ..beside.clone()
    };
    let turn = turn("disk > 90", &[(&a, 95.0), (&c, 97.0)]);
    let found = documents(&store, vec![beside.clone(), elsewhere, itself], &turn);
    let lines = |evidence: &Evidence| -> Vec<(String, bool)> {
        let lines = evidence.operands[0].lines.iter();
        lines
            .map(|line| (line.labels["instance"].clone(), line.is_own))
            .collect()
    };
    let pair = |instance: &str, is_own| (instance.to_owned(), is_own);
    let of_a = [pair("a:1", true), pair("c:1", false), pair("b:1", false)];
    assert_eq!(lines(&found[0]), of_a);
    assert_eq!(lines(&found[1])[0], pair("c:1", true));
    // Nothing is aggregated away, so there is nothing to split.
    assert!(found[0].movers.is_empty(), "{:?}", found[0].movers);
    let [neighbour] = &found[0].neighbours[..] else {
        panic!("{:?}", found[0].neighbours)
    };
    assert_eq!(neighbour.labels, label_map(&beside.labels));
    assert_eq!(neighbour.shared, ["instance"]);
    assert!(found[1].neighbours.is_empty());
}

#[tokio::test]
async fn a_collector_keeps_what_it_gathers_and_counts_what_it_leaves_out() {
    let registry = Registry::new();
    let evidence = Arc::new(MemoryEvidence::default());
    let collector = Collector::new(CollectorParts {
        store: Arc::new(failing_tool()),
        engine: engine(),
        evidence: Arc::clone(&evidence) as _,
        witness: Arc::new(Staged(Vec::new())),
        clock: Arc::new(ManualClock::new(FIRED)) as Arc<dyn Clock>,
        registry: registry.clone(),
    });
    let own: &[(&str, &str)] = &[("alertname", "Bad"), ("job", "api")];
    let mut fired = turn(RATIO, &[(own, 0.2)]);
    for index in 0..ALERTS_PER_TURN_MAX {
        let mut alert = fired.alerts[0].clone();
        let index = index.to_string();
        alert.labels = labels(&[("alertname", "Bad"), ("job", "api"), ("n", &index)]);
        fired.alerts.push(alert);
    }
    let first = evidence_key(&fired.alerts[0].labels, FIRED);
    let last = evidence_key(&fired.alerts[ALERTS_PER_TURN_MAX].labels, FIRED);
    collector.fired(fired);
    assert!(collector.is_waiting(first) && !collector.is_waiting(last));
    let running = tokio::spawn({
        let collector = collector.clone();
        async move { collector.run().await }
    });
    while collector.is_waiting(first) {
        tokio::task::yield_now().await;
    }
    let document = evidence.get(first).unwrap().unwrap();
    assert_eq!(
        Evidence::from_json(&document).unwrap().movers[0].label,
        "tool"
    );
    assert_eq!(evidence.get(last).unwrap(), None);
    let text = registry.render(bellwether_telemetry::Format::Prometheus);
    for line in [
        r#"bellwether_evidence_total{result="kept"} 100"#,
        r#"bellwether_evidence_total{result="left_out"} 1"#,
    ] {
        assert!(text.contains(line), "{text}");
    }
    collector.stop();
    running.await.unwrap();
}
