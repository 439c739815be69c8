//! The engine as a whole: threads, limits, shared selectors.

use bellwether_model::{FloatHistogram, Labels, Span};
use bellwether_storage::MemoryStore;

use super::*;
use crate::{CancelToken, MemoryBudget, MemoryLimits};

fn store() -> MemoryStore {
    let store = MemoryStore::new();
    for index in 0..300i64 {
        let labels = |name: &str| {
            Labels::from_pairs([
                ("__name__", name.to_owned()),
                ("instance", format!("i{index}")),
                ("job", format!("j{}", index % 7)),
            ])
        };
        for step in 0..60i64 {
            let time_ms = step * 15_000 + index;
            if (step + index) % 11 == 0 {
                continue;
            }
            store.insert(&labels("a_total"), time_ms, (step * (index % 5 + 1)) as f64);
            store.insert(
                &labels("b"),
                time_ms,
                ((step * 37 + index * 11) % 101) as f64,
            );
            if index < 30 && step % 4 == 0 {
                let histogram = FloatHistogram {
                    count: (step + index) as f64,
                    sum: step as f64,
                    positive_spans: vec![Span {
                        offset: 1,
                        length: 2,
                    }],
                    positive_buckets: vec![step as f64, index as f64],
                    ..FloatHistogram::default()
                };
                store.insert_histogram(&labels("h"), time_ms, 0, histogram);
            }
        }
    }
    store
}

fn engine(options: EngineOptions) -> Engine {
    Engine::new(EngineOptions {
        features: Features::all(),
        ..options
    })
}

fn range(engine: &Engine, store: &MemoryStore, query: &str) -> Result<QueryOutcome, QueryError> {
    engine.range(store, query, 0, 900_000, 10_000, &QueryRequest::default())
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let store = store();
    let with = |threads| {
        engine(EngineOptions {
            threads,
            ..EngineOptions::default()
        })
    };
    let (one, four) = (with(1), with(4));
    for query in [
        "a_total",
        "rate(a_total[2m])",
        "sum by (job) (rate(a_total[2m]))",
        "avg(b)",
        "avg by (job) (b)",
        "stddev by (job) (b)",
        "min by (job) (b)",
        "count(b > 50)",
        "sum(h)",
        "avg by (job) (h)",
        "histogram_quantile(0.9, sum(rate(h[5m])))",
        "topk by (job) (2, b)",
        "quantile(0.9, b)",
        "a_total / b",
        "sum(max_over_time(b[5m:1m]))",
        "sum({__name__=~\"a_total|b\"}) by (__name__)",
    ] {
        let QueryValue::Matrix(want) = range(&one, &store, query).unwrap().value else {
            panic!("{query} is no matrix");
        };
        let QueryValue::Matrix(got) = range(&four, &store, query).unwrap().value else {
            panic!("{query} is no matrix");
        };
        assert!(!want.is_empty(), "{query}");
        assert_eq!(want.len(), got.len(), "{query}");
        for (want, got) in want.iter().zip(&got) {
            assert_eq!(want.labels, got.labels, "{query}");
            assert_eq!(want.samples.times_ms, got.samples.times_ms, "{query}");
            for (a, b) in want.samples.values.iter().zip(&got.samples.values) {
                let close = a == b || (a - b).abs() <= 1e-12 * a.abs().max(b.abs());
                assert!(close || (a.is_nan() && b.is_nan()), "{query}: {a} and {b}");
            }
            for (a, b) in want.samples.histograms.iter().zip(&got.samples.histograms) {
                assert!((a.count - b.count).abs() < 1e-9, "{query}");
                assert_eq!(a.positive_spans, b.positive_spans, "{query}");
            }
        }
    }
}

#[test]
fn limits_end_a_query() {
    let store = store();
    let few = engine(EngineOptions {
        samples_max: 1_000,
        ..EngineOptions::default()
    });
    for query in [
        "a_total",
        "a_total + b",
        "rate(a_total[5m])",
        "vector(1)[1d:1ms]",
    ] {
        let text = match query.ends_with("1ms]") {
            true => few.instant(&store, query, 0, &QueryRequest::default()),
            false => range(&few, &store, query),
        };
        assert_eq!(
            text.unwrap_err().to_string(),
            "query processing would load too many samples into memory in query execution",
            "{query}"
        );
    }
    // What an aggregation takes in is never held.
    assert!(range(&few, &store, "sum(rate(a_total[5m]))").is_ok());

    let cancel = CancelToken::default();
    cancel.cancel();
    let request = QueryRequest {
        cancel,
        ..QueryRequest::default()
    };
    let error = few.instant(&store, "b", 0, &request).unwrap_err();
    assert_eq!(
        error.to_string(),
        "query was canceled in expression evaluation"
    );
}

/// Runs a query that may hold so many bytes; also gives the most that all held.
fn within(
    store: &MemoryStore,
    query_max_bytes: u64,
    query: &str,
) -> (Result<QueryOutcome, QueryError>, MemoryBudget) {
    let memory = MemoryBudget::new(MemoryLimits {
        query_max_bytes,
        setting: "the.setting",
        ..MemoryLimits::default()
    });
    let engine = engine(EngineOptions {
        memory: memory.clone(),
        threads: 2,
        ..EngineOptions::default()
    });
    (range(&engine, store, query), memory)
}

#[test]
fn what_a_query_holds_is_counted_wherever_it_is() {
    let store = store();
    // 300 series of 54 samples or more, which the handles of this store copy; 91 steps.
    let (handles, column, samples) = (300 * 54 * 48, 300 * 91 * 8, 300 * 54 * 16);
    let inner = 300 * 900 * 16;
    for (query, least) in [
        ("b", handles + 2 * column),
        ("sum(b)", handles),
        ("b + b", handles + samples + 3 * column),
        ("sum by (instance) (b)", handles + 2 * column),
        ("avg by (instance) (b)", handles + 3 * column),
        ("sum by (instance) (h)", 30 * 70 * 2 * 200),
        ("max(max_over_time(b[15m:1s]))", handles + inner),
        ("topk(50, b)", handles + column + 91 * 50 * 16),
        ("count_values(\"v\", b)", handles + column + 100 * 91 * 8),
        ("quantile(0.5, b)", handles + column),
        ("b and b", handles + samples + 2 * column),
        (
            "label_replace(b, \"x\", \"y\", \"job\", \"(.*)\")",
            handles + column,
        ),
        (
            "histogram_quantiles(h, \"q\", time())",
            30 * 91 * (91 * 8 + 200),
        ),
    ] {
        let (outcome, memory) = within(&store, 0, query);
        let outcome = outcome.unwrap();
        let peak = outcome.stats.memory_peak_bytes;
        assert!(peak >= least, "{query}: {peak} of at least {least}");
        // An estimate that is far too high would fail sound queries.
        assert!(peak < least * 2 + 200_000, "{query}: {peak} of {least}");
        assert_eq!(memory.held_bytes(), outcome.value.memory_bytes() as u64);
        drop(outcome);
        assert_eq!(memory.held_bytes(), 0, "{query}");
        // With less than that it fails, and nothing stays counted.
        let (outcome, memory) = within(&store, peak / 2, query);
        let error = outcome.unwrap_err().to_string();
        assert!(
            error.contains("bytes of memory") && error.contains("raise the.setting"),
            "{query}: {error}"
        );
        assert_eq!(memory.held_bytes(), 0, "{query}");
        assert_eq!(memory.stops().query, 1, "{query}");
    }
}

#[test]
fn the_dearest_of_two_queries_gives_way() {
    let memory = MemoryBudget::new(MemoryLimits {
        all_max_bytes: 2_000_000,
        setting: "the.setting",
        ..MemoryLimits::default()
    });
    let engine = engine(EngineOptions {
        memory: memory.clone(),
        ..EngineOptions::default()
    });
    let store = store();
    // Another query that holds more than this one ever does is told to stop.
    let other = memory.enter();
    other.hold(1_800_000).unwrap();
    range(&engine, &store, "b").unwrap();
    let error = other.check().unwrap_err().to_string();
    assert!(
        error.contains("this one the most, 1800000 bytes"),
        "{error}"
    );
    drop(other);
    // One that holds less is not: the query itself is the dearest.
    let other = memory.enter();
    other.hold(100_000).unwrap();
    let error = range(&engine, &store, "max(max_over_time(b[15m:1s]))").unwrap_err();
    assert_eq!(error.kind(), bellwether_storage::ErrorKind::Limit);
    assert!(
        error.to_string().contains("of the 2000000 bytes"),
        "{error}"
    );
    assert!(other.check().is_ok());
    assert_eq!(memory.stops().all, 2);
}

#[test]
fn ranges_that_make_no_sense_are_refused() {
    let store = MemoryStore::new();
    let engine = engine(EngineOptions::default());
    let request = QueryRequest::default();
    let fails = |start, end, step, query| {
        let error = engine.range(&store, query, start, end, step, &request);
        error.unwrap_err().to_string()
    };
    assert!(fails(0, 10, 0, "1").starts_with("zero or negative query resolution"));
    assert!(fails(10, 0, 1, "1").starts_with("end timestamp"));
    assert_eq!(
        fails(0, 10, 1, "a[5m]"),
        "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector"
    );
    assert!(fails(i64::MIN / 4, i64::MAX / 4, 1, "1").contains("too many samples"));
}

#[test]
fn a_selector_in_two_places_is_selected_once() {
    let store = store();
    let engine = engine(EngineOptions::default());
    let outcome = range(&engine, &store, "a_total - a_total").unwrap();
    assert_eq!(outcome.stats.series_selected, 300);
    let QueryValue::Matrix(series) = outcome.value else {
        panic!("no matrix");
    };
    assert_eq!(series.len(), 300);
    assert!(
        series
            .iter()
            .all(|s| s.samples.values.iter().all(|v| *v == 0.0))
    );
}

#[test]
fn samples_are_counted_by_step_where_that_is_asked_for() {
    let store = store();
    let engine = engine(EngineOptions::default());
    let request = QueryRequest {
        stats: true,
        ..QueryRequest::default()
    };
    let outcome = engine
        .range(
            &store,
            "sum(count_over_time(b[1m]))",
            0,
            600_000,
            60_000,
            &request,
        )
        .unwrap();
    let steps = outcome.stats.samples_per_step.unwrap();
    assert_eq!(steps.len(), 11);
    let total: u64 = steps.iter().map(|step| step.1).sum();
    assert_eq!(total, outcome.stats.samples_total);
    assert!(total > 0);
}
