use bellwether_model::FloatHistogram;
use bellwether_promql::EngineOptions;
use bellwether_storage::MemoryStore;

use super::*;

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

fn settings(query: &str) -> DifferenceSettings {
    let span = |from: i64, to: i64| Span {
        start_ms: from * MINUTE_MS,
        end_ms: to * MINUTE_MS,
    };
    DifferenceSettings {
        query: query.to_owned(),
        // The second hour beside the first.
        selection: span(60, 120),
        band: None,
        baseline: span(0, 60),
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
        &settings("sum(rate(requests_total{code=\"500\"}[5m]))"),
    );
    assert_eq!(found.measure, Measure::Mean);
    let (label, value, now, _) = first(&found);
    assert_eq!((label, value), ("pod", "b"));
    assert!(now > Some(0.7), "{now:?}");
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
    // What is kept is compared as it is.
    let found = go(
        &store,
        &settings("sum by (pod) (rate(requests_total{code=\"500\"}[5m]))"),
    );
    let (label, value, ..) = first(&found);
    assert_eq!((label, value), ("pod", "b"));
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
fn histograms_are_compared_by_their_observations() {
    let store = MemoryStore::new();
    for route in ["/a", "/b"] {
        // Of ten a minute, those of /b take longer in the second hour.
        for (le, slow, quick) in [
            ("0.1", 0.0, 10.0),
            ("1", 2.0, 10.0),
            ("10", 10.0, 10.0),
            ("+Inf", 10.0, 10.0),
        ] {
            let of = labels("seconds_bucket", &[("route", route), ("le", le)]);
            fill(&store, &of, |minute| {
                let late = (minute - 60).max(0) as f64;
                let early = minute.min(60) as f64;
                early * quick + late * if route == "/b" { slow } else { quick }
            });
        }
        let of = labels("native_seconds", &[("route", route)]);
        for minute in 0..=120 {
            let count = minute as f64
                * if route == "/b" && minute > 60 {
                    3.0
                } else {
                    1.0
                };
            let histogram = FloatHistogram {
                count,
                sum: count,
                zero_count: count,
                zero_threshold: 0.001,
                ..FloatHistogram::default()
            };
            store.insert_histogram(&of, minute * MINUTE_MS, 0, histogram);
        }
    }
    let slow = DifferenceSettings {
        band: Some(Band {
            low: 1.0,
            high: 10.0,
        }),
        ..settings("seconds")
    };
    // By the name of the family, and by that of its buckets.
    for query in ["seconds", "seconds_bucket{route=~\"/.*\"}"] {
        let found = go(
            &store,
            &DifferenceSettings {
                query: query.to_owned(),
                ..slow.clone()
            },
        );
        assert_eq!(found.measure, Measure::Observations);
        let (label, value, now, before) = first(&found);
        assert_eq!((label, value), ("route", "/b"), "{query}");
        near(now, 1.0);
        near(before, 0.5);
        near(Some(found.selection), 480.0);
    }
    let found = go(&store, &settings("seconds"));
    near(
        found
            .labels
            .first()
            .and_then(|it| it.values[0].selection_share),
        0.5,
    );
    let found = go(&store, &settings("native_seconds"));
    assert_eq!(found.measure, Measure::Observations);
    let (_, value, now, _) = first(&found);
    assert_eq!(value, "/b");
    assert!(now > Some(0.7), "{found:?}");
}

#[test]
fn what_is_no_query_is_refused() {
    let store = requests();
    let engine = Engine::new(EngineOptions::default());
    for (query, want) in [
        ("requests_total[5m]", "want a selector, or an expression"),
        ("1", "want a selector, or an expression"),
        ("\"x\"", "want a selector, or an expression"),
        ("sum(", "parse error"),
    ] {
        let error = differences(&store, &engine, &settings(query)).unwrap_err();
        assert!(error.to_string().contains(want), "{query}: {error}");
    }
    let found = go(&store, &settings("nothing"));
    assert_eq!((found.selection_series, found.labels.len()), (0, 0));
    let shifted = go(&store, &settings("requests_total offset 1m"));
    assert_eq!(shifted.measure, Measure::Mean);
}
