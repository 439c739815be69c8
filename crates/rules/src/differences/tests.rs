use bellwether_model::METRIC_NAME;
use bellwether_promql::EngineOptions;
use bellwether_storage::MemoryStore;

use super::*;

mod histograms;

const MINUTE_MS: i64 = 60_000;

fn labels(name: &str, pairs: &[(&str, &str)]) -> Labels {
    let name = [(METRIC_NAME, name)];
    Labels::from_pairs(name.into_iter().chain(pairs.iter().copied()))
}

/// Two hours of samples, one a minute; `value` makes them of the minute.
fn fill(store: &MemoryStore, labels: &Labels, value: impl Fn(i64) -> f64) {
    for minute in 0..=120 {
        store.insert(labels, minute * MINUTE_MS, value(minute));
    }
}

/// From one minute to another.
fn span(from: i64, to: i64) -> Span {
    Span {
        start_ms: from * MINUTE_MS,
        end_ms: to * MINUTE_MS,
    }
}

fn settings(query: &str) -> DifferenceSettings {
    DifferenceSettings {
        query: query.to_owned(),
        // The second hour beside the first.
        selection: span(60, 120),
        band: None,
        baseline: span(0, 60),
        is_rest: false,
        metric_type: None,
        cancel: CancelToken::default(),
    }
}

fn go(store: &MemoryStore, settings: &DifferenceSettings) -> Differences {
    let engine = Engine::new(EngineOptions::default());
    differences(store, &engine, settings).unwrap()
}

/// The clearest label, its clearest value, and that one's shares.
fn first(found: &Differences) -> (&str, &str, Option<f64>, Option<f64>) {
    let label = &found.labels[0];
    let value = &label.values[0];
    (
        &label.label,
        &value.value,
        value.selection_share,
        value.baseline_share,
    )
}

#[track_caller]
fn near(value: Option<f64>, want: f64) {
    let value = value.unwrap();
    assert!((value - want).abs() < 0.02, "{value}: want {want}");
}

/// Requests by pod and code: in the second hour those of pod b fail.
fn requests() -> MemoryStore {
    let store = MemoryStore::new();
    for pod in ["a", "b", "c"] {
        for code in ["200", "500"] {
            let of = labels(
                "requests_total",
                &[("pod", pod), ("code", code), ("job", "api")],
            );
            fill(&store, &of, |minute| {
                let late = (minute - 60).max(0) as f64;
                let early = minute.min(60) as f64;
                match (code, pod) {
                    ("200", "b") => early * 9.0,
                    ("500", "b") => early + late * 10.0,
                    ("200", _) => (early + late) * 9.0,
                    _ => early + late,
                }
            });
        }
    }
    store
}

#[test]
fn counters_are_compared_by_their_increases() {
    let store = requests();
    let found = go(&store, &settings("requests_total"));
    assert_eq!(found.measure, Measure::Increase);
    assert_eq!((found.selection_series, found.baseline_series), (6, 6));
    let (label, value, now, before) = first(&found);
    assert_eq!((label, value), ("code", "500"));
    near(before, 0.1);
    near(now, 0.4);
    // What is the same for all tells nothing.
    assert!(found.labels.iter().all(|it| it.label != "job"), "{found:?}");
    assert_eq!(found.same, ["job"]);
    assert_eq!(found.metric.as_deref(), Some("requests_total"));
    assert!(found.counts_events);
    let found = go(&store, &settings("requests_total{code=\"500\"}"));
    let (label, value, now, before) = first(&found);
    assert_eq!((label, value), ("pod", "b"));
    near(before, 1.0 / 3.0);
    near(now, 10.0 / 12.0);
}

#[test]
fn expressions_are_split_by_what_they_aggregate_away() {
    let store = requests();
    let found = go(
        &store,
        &settings("sum(rate(requests_total{code=\"500\"}[5m]) > 0)"),
    );
    assert_eq!(
        (found.measure, found.metric.as_deref()),
        (Measure::Mean, None)
    );
    let (label, value, now, _) = first(&found);
    assert_eq!((label, value), ("pod", "b"));
    assert!(now > Some(0.7), "{now:?}");
    assert_eq!(found.same, ["code", "job"]);
    // Ratios do not add up: what counts is what explains the change.
    let ratio = "sum(rate(requests_total{code=\"500\"}[5m])) / sum(rate(requests_total[5m]))";
    let found = go(&store, &settings(ratio));
    let label = &found.labels[0];
    assert_eq!(
        (label.label.as_str(), label.adds_up),
        ("pod", false),
        "{found:?}"
    );
    let value = &label.values[0];
    assert_eq!((value.value.as_str(), value.selection_share), ("b", None));
    near(value.baseline, 0.1);
    assert!(value.selection > Some(0.9), "{value:?}");
    // What has hardly changed as a whole has nothing to explain, though its parts change places.
    let places = MemoryStore::new();
    for (host, early, late) in [("a", 1.0, 3.0), ("b", 3.0, 1.01)] {
        let of = labels("busy_ratio", &[("host", host)]);
        fill(
            &places,
            &of,
            |minute| if minute > 60 { late } else { early },
        );
    }
    let found = go(&places, &settings("avg(busy_ratio)"));
    assert!(found.labels[0].score < 0.02, "{found:?}");
    // Where all go up alike none is apart.
    let alike = MemoryStore::new();
    for (host, early, late) in [("a", 1.0, 2.0), ("b", 3.0, 4.0), ("c", 5.0, 6.0)] {
        let of = labels("busy_ratio", &[("host", host)]);
        fill(&alike, &of, |minute| if minute > 60 { late } else { early });
    }
    let found = go(&alike, &settings("avg(busy_ratio)"));
    assert!(found.labels[0].score < 1e-6, "{found:?}");
    // What is kept is compared as it is.
    let found = go(
        &store,
        &settings("sum by (pod) (rate(requests_total{code=\"500\"}[5m]) > 0)"),
    );
    let (label, value, ..) = first(&found);
    assert_eq!((label, value), ("pod", "b"));
}

#[test]
fn sums_of_one_metric_are_compared_by_what_is_summed() {
    let store = requests();
    for query in [
        "sum(rate(requests_total{code=\"500\"}[5m]))",
        "60 * sum by (code) (increase(requests_total{code=\"500\"}[5m]))",
        "sum(requests_total{code=\"500\"}) / 1e3",
    ] {
        let found = go(&store, &settings(query));
        assert_eq!(found.measure, Measure::Increase, "{query}");
        let (label, value, now, before) = first(&found);
        assert_eq!((label, value), ("pod", "b"), "{query}");
        near(before, 1.0 / 3.0);
        near(now, 10.0 / 12.0);
    }
    // The band is one of the sum.
    let banded = DifferenceSettings {
        band: Some(Band {
            low: 0.15,
            high: 1.0,
        }),
        ..settings("sum(rate(requests_total{code=\"500\"}[5m]))")
    };
    let found = go(&store, &banded);
    assert_eq!(found.measure, Measure::Mean);
    let (label, value, ..) = first(&found);
    assert_eq!((label, value), ("pod", "b"));
}

#[test]
fn what_was_some_time_ago_is_measured_then() {
    let store = requests();
    let late = DifferenceSettings {
        selection: span(120, 180),
        baseline: span(60, 120),
        ..settings("sum(rate(requests_total{code=\"500\"}[5m] offset 1h))")
    };
    let found = go(&store, &late);
    assert_eq!(found.measure, Measure::Increase);
    let (label, value, now, _) = first(&found);
    assert_eq!((label, value), ("pod", "b"));
    near(now, 10.0 / 12.0);
}

#[test]
fn a_baseline_may_be_what_is_left_without_the_selection() {
    let store = requests();
    // Minutes 60 to 120 are otherwise than the rest.
    for query in [
        "requests_total{code=\"500\"}",
        "sum(rate(requests_total{code=\"500\"}[2m]) > 0)",
    ] {
        let whole = go(
            &store,
            &DifferenceSettings {
                baseline: span(0, 120),
                ..settings(query)
            },
        );
        let rest = DifferenceSettings {
            baseline: span(0, 120),
            is_rest: true,
            ..settings(query)
        };
        let rest = go(&store, &rest);
        let (label, value, now, before) = first(&rest);
        assert_eq!((label, value), ("pod", "b"), "{query}");
        near(now, 10.0 / 12.0);
        near(before, 1.0 / 3.0);
        assert!(rest.labels[0].score > whole.labels[0].score, "{query}");
    }
    // Between two other times.
    let middle = DifferenceSettings {
        selection: span(30, 60),
        baseline: span(0, 120),
        is_rest: true,
        ..settings("requests_total{code=\"500\"}")
    };
    let found = go(&store, &middle);
    near(Some(found.selection), 90.0);
    near(Some(found.baseline), 90.0 + 720.0);
    // Nothing is left.
    let all = DifferenceSettings {
        selection: span(0, 120),
        ..middle
    };
    let engine = Engine::new(EngineOptions::default());
    let error = differences(&store, &engine, &all).unwrap_err().to_string();
    assert!(error.contains("baseline: nothing is left of it"), "{error}");
}

#[test]
fn with_a_band_other_values_at_the_same_times_are_left_too() {
    let store = MemoryStore::new();
    for host in ["a", "b", "c"] {
        let of = labels("memory_bytes", &[("host", host)]);
        fill(&store, &of, |minute| {
            if host == "c" && minute > 60 { 9.0 } else { 1.0 }
        });
        let spread = [("1", host != "c"), ("10", true), ("+Inf", true)];
        for (le, all) in spread {
            let of = labels("seconds_bucket", &[("host", host), ("le", le)]);
            fill(&store, &of, |minute| {
                minute as f64 * if all { 10.0 } else { 4.0 }
            });
        }
    }
    let banded = |query: &str| DifferenceSettings {
        band: Some(Band {
            low: 2.0,
            high: 9.5,
        }),
        baseline: settings("").selection,
        is_rest: true,
        ..settings(query)
    };
    // The selection is all of the time.
    let found = go(&store, &banded("memory_bytes"));
    assert_eq!(found.measure, Measure::Points);
    let (label, value, now, before) = first(&found);
    assert_eq!((label, value), ("host", "c"));
    near(now, 1.0);
    near(before, 0.0);
    let found = go(&store, &banded("seconds"));
    let (label, value, now, before) = first(&found);
    assert_eq!((label, value), ("host", "c"));
    near(now, 1.0);
    near(before, 240.0 / 1_440.0);
    near(Some(found.selection), 360.0);
    near(Some(found.baseline), 1_440.0);
    // Of an aggregation the times at which it was otherwise.
    let sum = DifferenceSettings {
        selection: settings("").baseline,
        baseline: span(0, 120),
        ..banded("max(memory_bytes)")
    };
    let sum = DifferenceSettings {
        band: Some(Band {
            low: 0.0,
            high: 5.0,
        }),
        ..sum
    };
    let found = go(&store, &sum);
    assert_eq!((found.selection, found.baseline), (1.0, 9.0));
}

#[test]
fn few_events_do_not_look_different() {
    let score = |many: f64| {
        let store = MemoryStore::new();
        for (code, before, after) in [("200", 1.0, 2.0), ("500", 2.0, 1.0)] {
            let of = labels("calls_total", &[("code", code)]);
            fill(&store, &of, |minute| {
                let late = (minute - 60).max(0) as f64;
                let early = minute.min(60) as f64;
                ((early * before + late * after) / 60.0 * many).floor()
            });
        }
        let found = go(&store, &settings("calls_total"));
        assert!(found.counts_events);
        found.labels[0].score
    };
    assert!(score(1.0) < 0.1, "{}", score(1.0));
    assert!(score(1_000.0) > 0.3, "{}", score(1_000.0));
    // Dollars are no events, however few they are.
    let store = MemoryStore::new();
    for (model, late) in [("a", 0.009), ("b", 0.001)] {
        let of = labels("spent_dollars_total", &[("model", model)]);
        fill(&store, &of, |minute| {
            minute.min(60) as f64 * 0.005 + (minute - 60).max(0) as f64 * late
        });
    }
    let found = go(&store, &settings("spent_dollars_total"));
    assert!(!found.counts_events);
    near(Some(found.labels[0].score), 0.4);
}

#[test]
fn what_is_new_is_told_by_how_uneven_it_is() {
    let store = MemoryStore::new();
    for (pod, zone, errors) in [("a", "x", 90.0), ("b", "y", 10.0), ("c", "x", 0.0)] {
        let of = labels("errors_total", &[("pod", pod), ("zone", zone)]);
        fill(&store, &of, |minute| (minute - 60).max(0) as f64 * errors);
    }
    let found = go(&store, &settings("errors_total"));
    near(Some(found.baseline), 0.0);
    let (_, _, now, before) = first(&found);
    near(now, 0.9);
    assert_eq!(before, None);
    // What weighs nothing is no value.
    let pods = found.labels.iter().find(|it| it.label == "pod").unwrap();
    assert_eq!(pods.values.len(), 2);
}

#[test]
fn gauges_are_compared_by_their_means_and_in_bands_by_points() {
    let store = MemoryStore::new();
    for (host, zone) in [("a", "x"), ("b", "x"), ("c", "y")] {
        let of = labels("memory_bytes", &[("host", host), ("zone", zone)]);
        fill(&store, &of, |minute| {
            if host == "c" && minute > 60 { 9.0 } else { 1.0 }
        });
    }
    let found = go(&store, &settings("memory_bytes"));
    assert_eq!(found.measure, Measure::Mean);
    let (label, value, ..) = first(&found);
    assert!(
        [("host", "c"), ("zone", "y")].contains(&(label, value)),
        "{found:?}"
    );
    let banded = DifferenceSettings {
        band: Some(Band {
            low: 5.0,
            high: 10.0,
        }),
        ..settings("memory_bytes")
    };
    let found = go(&store, &banded);
    assert_eq!(found.measure, Measure::Points);
    let (_, _, now, before) = first(&found);
    near(now, 1.0);
    near(before, 1.0 / 3.0);
    assert_eq!(found.selection_series, 1);
    // What is below zero has no shares.
    let cold = labels("memory_bytes", &[("host", "d"), ("zone", "y")]);
    fill(&store, &cold, |_| -1.0);
    let found = go(&store, &settings("memory_bytes"));
    assert!(found.labels.iter().all(|it| !it.adds_up), "{found:?}");
    // Nothing was there.
    let empty = DifferenceSettings {
        band: Some(Band {
            low: 50.0,
            high: 60.0,
        }),
        ..settings("memory_bytes")
    };
    let found = go(&store, &empty);
    assert_eq!((found.selection_series, found.labels.len()), (0, 0));
}

#[test]
fn aggregations_with_labels_are_banded_by_their_elements() {
    let store = MemoryStore::new();
    // Host c is high all the time, by its mode "user".
    for (host, mode, value) in [
        ("a", "user", 1.0),
        ("a", "system", 1.0),
        ("b", "user", 1.0),
        ("b", "system", 1.0),
        ("c", "user", 8.0),
        ("c", "system", 1.0),
    ] {
        let of = labels("busy_ratio", &[("host", host), ("mode", mode)]);
        fill(&store, &of, |_| value);
    }
    let banded = DifferenceSettings {
        band: Some(Band {
            low: 4.0,
            high: 10.0,
        }),
        baseline: span(0, 120),
        is_rest: true,
        ..settings("avg by (host) (busy_ratio)")
    };
    let found = go(&store, &banded);
    assert_eq!(found.measure, Measure::Points);
    assert_eq!(found.selection_series, 1);
    let host = found.labels.iter().find(|it| it.label == "host").unwrap();
    assert_eq!(host.values[0].value, "c");
    near(host.values[0].selection_share, 1.0);
    // The first hour of c, and all of the others.
    near(host.values[0].baseline_share, 0.2);
    // What is behind the element that was inside.
    let sum = DifferenceSettings {
        query: "sum by (host) (busy_ratio)".to_owned(),
        ..banded
    };
    let found = go(&store, &sum);
    let mode = found.labels.iter().find(|it| it.label == "mode").unwrap();
    assert_eq!(mode.values[0].value, "user");
    near(mode.values[0].selection_share, 8.0 / 9.0);
    near(mode.values[0].baseline_share, 10.0 / 13.0);
}

#[test]
fn points_without_a_number_are_none_of_a_mean() {
    let store = requests();
    // Nothing of pod d happens in most of the time.
    for code in ["200", "500"] {
        let of = labels("requests_total", &[("pod", "d"), ("code", code)]);
        fill(&store, &of, |minute| if minute < 110 { 0.0 } else { 10.0 });
    }
    let ratio = "sum by (pod) (rate(requests_total{code=\"500\"}[5m]))
        / sum by (pod) (rate(requests_total[5m]))";
    let found = go(&store, &settings(ratio));
    let pods = found.labels.iter().find(|it| it.label == "pod").unwrap();
    let quiet = pods.values.iter().find(|it| it.value == "d").unwrap();
    near(quiet.selection, 0.5);
    assert_eq!(quiet.baseline, None);
}

#[test]
fn what_is_no_query_is_refused() {
    let store = requests();
    let engine = Engine::new(EngineOptions::default());
    for (query, want) in [
        (
            "requests_total[5m]",
            "query requests_total[5m]: it gives a range vector; want a selector, or an expression",
        ),
        ("1", "query 1: it gives a scalar; want"),
        ("time()", "query time(): it gives a scalar; want"),
        ("\"x\"", "it gives a string; want"),
        ("sum(", "parse error"),
    ] {
        let error = differences(&store, &engine, &settings(query)).unwrap_err();
        assert!(error.to_string().contains(want), "{query}: {error}");
    }
    let found = go(&store, &settings("nothing"));
    assert_eq!((found.selection_series, found.labels.len()), (0, 0));
    let shifted = go(&store, &settings("requests_total offset 1m"));
    assert_eq!(shifted.measure, Measure::Increase);
    let fixed = go(&store, &settings("requests_total @ 60"));
    assert_eq!(fixed.measure, Measure::Mean);
}
