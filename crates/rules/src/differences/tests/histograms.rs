use bellwether_model::FloatHistogram;
use bellwether_model::histogram::Span as BucketSpan;

use super::*;

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
        assert_eq!(found.metric.as_deref(), Some("seconds"));
    }
    // What is asked of a histogram makes no difference; buckets are not cut.
    for query in [
        "histogram_quantile(0.95, sum by (le) (rate(seconds_bucket[5m])))",
        "seconds_count",
        "sum(rate(seconds_sum[5m])) / sum(rate(seconds_count[5m]))",
    ] {
        let within = DifferenceSettings {
            band: Some(Band {
                low: 2.0,
                high: 3.0,
            }),
            ..settings(query)
        };
        let found = go(&store, &within);
        assert_eq!(found.measure, Measure::Observations, "{query}");
        let (label, value, now, before) = first(&found);
        assert_eq!((label, value), ("route", "/b"), "{query}");
        near(now, 1.0);
        near(before, 0.5);
        let bucket = Band {
            low: 1.0,
            high: 10.0,
        };
        assert_eq!(found.band, Some(bucket));
        near(Some(found.selection), 480.0);
    }
    // A quantile without a band is none of what was observed.
    let found = go(
        &store,
        &settings("histogram_quantile(0.95, sum by (le) (rate(seconds_bucket[5m])))"),
    );
    assert_eq!(found.measure, Measure::Mean);
    let label = &found.labels[0];
    assert_eq!((label.label.as_str(), label.adds_up), ("route", false));
    assert_eq!(label.values[0].value, "/b");
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
    // All are zero.
    for (low, high, want) in [(-1.0, 1.0, 240.0), (1.0, 10.0, 0.0)] {
        let banded = DifferenceSettings {
            band: Some(Band { low, high }),
            ..settings("histogram_quantile(0.5, rate(native_seconds[5m]))")
        };
        let found = go(&store, &banded);
        assert_eq!(found.measure, Measure::Observations);
        assert!((found.selection - want).abs() < 5.0, "{found:?}");
    }
}

#[test]
fn expressions_of_native_histograms_are_measured_by_their_counts() {
    let store = MemoryStore::new();
    for (route, late) in [("/a", 1.0), ("/b", 3.0)] {
        let of = labels("native_seconds", &[("route", route)]);
        for minute in 0..=120 {
            let quick = minute as f64 * 6.0;
            let slow = minute.min(60) as f64 * 6.0 + (minute - 60).max(0) as f64 * 6.0 * late;
            let histogram = FloatHistogram {
                count: quick + slow,
                sum: quick + slow,
                // Of schema 0 the bucket 1 is (1, 2], the bucket 4 (8, 16].
                positive_spans: vec![
                    BucketSpan {
                        offset: 1,
                        length: 1,
                    },
                    BucketSpan {
                        offset: 2,
                        length: 1,
                    },
                ],
                positive_buckets: vec![quick, slow],
                ..FloatHistogram::default()
            };
            store.insert_histogram(&of, minute * MINUTE_MS, 0, histogram);
        }
    }
    let found = go(&store, &settings("avg(rate(native_seconds[5m]))"));
    assert_eq!(found.measure, Measure::Mean);
    // Observations a second of one route.
    near(Some(found.baseline), 0.2);
    near(Some(found.selection), 0.3);
    let label = &found.labels[0];
    assert_eq!(
        (label.label.as_str(), label.values[0].value.as_str()),
        ("route", "/b")
    );
    // A band counts the observations inside.
    for ((low, high), want) in [((4.0, 20.0), 1_440.0), ((1.0, 2.0), 720.0)] {
        let banded = DifferenceSettings {
            band: Some(Band { low, high }),
            ..settings("avg(rate(native_seconds[5m]))")
        };
        let found = go(&store, &banded);
        assert_eq!(found.measure, Measure::Observations);
        assert!((found.selection / want - 1.0).abs() < 0.02, "{found:?}");
        assert_eq!(found.band, banded.band);
    }
}

#[test]
fn what_of_a_selection_is_not_of_the_baseline_is_not_left() {
    let store = MemoryStore::new();
    for (le, each) in [("1", 4.0), ("+Inf", 10.0)] {
        let of = labels("seconds_bucket", &[("host", "a"), ("le", le)]);
        fill(&store, &of, |minute| minute as f64 * each);
    }
    let late = DifferenceSettings {
        selection: span(60, 120),
        band: Some(Band {
            low: f64::NEG_INFINITY,
            high: 1.0,
        }),
        baseline: span(30, 90),
        is_rest: true,
        ..settings("seconds")
    };
    let found = go(&store, &late);
    near(Some(found.selection), 240.0);
    // Ten a minute before, and six a minute beside the selection.
    near(Some(found.baseline), 300.0 + 180.0);
}
