use std::sync::Arc;

use bellwether_model::{Labels, Value};
use bellwether_storage::Samples;

use super::*;
use crate::ast::PosRange;
use crate::{Annotation, Annotations, MatrixSeries, QueryStats, QueryValue, VectorSample, parse};

/// Answers with what was loaded, without lookback: a selector gives the sample at that very time.
/// A query `-a` warns, `+a` informs, `a % 0` fails.
struct Plain;

fn outcome(query: &str, value: QueryValue) -> QueryOutcome {
    let mut annotations = Annotations::for_query(query);
    if query.starts_with('-') {
        annotations.add(Annotation::sort_in_range_query(PosRange::new(1, 2)));
    }
    if query.starts_with('+') {
        annotations.add(Annotation::possible_non_counter("a", PosRange::new(1, 2)));
    }
    QueryOutcome {
        value,
        annotations,
        stats: QueryStats::default(),
        memory: crate::HeldMemory::default(),
    }
}

fn selected(
    store: &dyn MetricStore,
    query: &str,
    start_ms: i64,
    end_ms: i64,
) -> Result<Vec<MatrixSeries>, QueryError> {
    let features = Features::all();
    if query.contains("% 0") {
        return Err(QueryError::Execution("it was meant to fail".to_owned()));
    }
    let expr = parse(query, &features)?;
    let selectors = expr.selectors();
    let mut series = Vec::new();
    let range = bellwether_model::TimeRange::new(start_ms, end_ms);
    let selection = bellwether_storage::Selection {
        matchers: &selectors[0].matchers,
        range,
        hints: bellwether_storage::SelectionHints::default(),
    };
    for handle in store.select(&selection)? {
        let mut samples = Samples::default();
        handle.read(range, &mut samples)?;
        series.push(MatrixSeries {
            labels: handle.labels().clone(),
            samples,
        });
    }
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    Ok(series)
}

/// The time at which selectors are fixed by `@`, or that of the query.
fn pinned_time(query: &str, time_ms: i64) -> i64 {
    let Ok(expr) = parse(query, &Features::all()) else {
        return time_ms;
    };
    match expr.selectors().first().and_then(|s| s.at) {
        Some(crate::ast::AtModifier::Time(at)) => at,
        _ => time_ms,
    }
}

impl QueryEngine for Plain {
    fn instant(
        &self,
        store: &dyn MetricStore,
        query: &str,
        time_ms: i64,
    ) -> Result<QueryOutcome, QueryError> {
        if let Ok(crate::Expr::String(string)) = parse(query, &Features::all()) {
            let value = string.value;
            return Ok(outcome(query, QueryValue::String { time_ms, value }));
        }
        if let Ok(crate::Expr::Number(number)) = parse(query, &Features::all()) {
            let value = number.value;
            return Ok(outcome(query, QueryValue::Scalar { time_ms, value }));
        }
        let at = pinned_time(query, time_ms);
        let series = selected(store, query, at, at)?;
        if query.contains('[') {
            let series = selected(store, query, 0, at)?;
            return Ok(outcome(query, QueryValue::Matrix(series)));
        }
        let samples = series
            .iter()
            .map(|series| VectorSample {
                labels: series.labels.clone(),
                time_ms,
                value: compare::point(series, 0),
            })
            .collect();
        Ok(outcome(query, QueryValue::Vector(samples)))
    }

    fn range(
        &self,
        store: &dyn MetricStore,
        query: &str,
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
    ) -> Result<QueryOutcome, QueryError> {
        let mut by_labels: std::collections::BTreeMap<Labels, Samples> =
            std::collections::BTreeMap::new();
        let mut time_ms = start_ms;
        while time_ms <= end_ms {
            let step = match self.instant(store, query, time_ms)?.value {
                QueryValue::Vector(samples) => samples,
                QueryValue::Scalar { value, .. } => vec![VectorSample {
                    labels: Labels::empty(),
                    time_ms,
                    value: Value::Float(value),
                }],
                other => panic!("{other:?}"),
            };
            for sample in step {
                let samples = by_labels.entry(sample.labels).or_default();
                match sample.value {
                    Value::Float(value) => samples.push_float(time_ms, value),
                    Value::Histogram(histogram) => samples.push_histogram(time_ms, histogram),
                }
            }
            time_ms += step_ms;
        }
        let series = by_labels
            .into_iter()
            .map(|(labels, samples)| MatrixSeries { labels, samples })
            .collect();
        Ok(outcome(query, QueryValue::Matrix(series)))
    }
}

const LOAD: &str = "load 1m
  a{x=\"1\"} 1 2 _ 4
  a{x=\"2\"} 10+10x3
  h {{schema:1 sum:3 count:6 buckets:[1 2 3] offset:-1}}x3
";

fn run(evals: &str) -> Report {
    run_script(&format!("{LOAD}\n{evals}"), &Plain, &mut InMemory)
}

fn check_passes(evals: &str) {
    let report = run(evals);
    assert!(
        report.failed == 0 && report.passed == 1,
        "{evals}: {:?}",
        report.failures
    );
}

fn check_fails(evals: &str, why: &str) {
    let report = run(evals);
    assert_eq!((report.passed, report.failed), (0, 1), "{evals}");
    let message = report.failures[0].to_string();
    assert!(message.contains(why), "{evals}: {message}");
}

#[test]
fn instant_vectors_are_compared() {
    check_passes("eval instant at 1m a\n a{x=\"1\"} 2\n a{x=\"2\"} 20.000001");
    check_fails(
        "eval instant at 1m a\n a{x=\"1\"} 2",
        "unexpected metric {__name__=\"a\", x=\"2\"}",
    );
    check_fails(
        "eval instant at 1m a\n a{x=\"1\"} 2\n a{x=\"2\"} 20\n a{x=\"3\"} 30",
        "expected metric {__name__=\"a\", x=\"3\"} with 30 not found",
    );
    check_fails(
        "eval instant at 1m a\n a{x=\"1\"} 2.001\n a{x=\"2\"} 20",
        "expected 2.001 for",
    );
    check_fails("eval instant at 1m a\n 2", "expected scalar result");
    check_fails(
        "eval instant at 1m a\n a{x=\"1\"} {{}}\n a{x=\"2\"} 20",
        "but got 2",
    );
    check_fails("eval instant at 1m a", "unexpected metric");
    check_fails("eval instant at 1m b\n b 1", "not found");
    check_passes("eval instant at 1m b");
}

#[test]
fn order_is_checked_where_it_is_asked_for() {
    let ordered = "expect ordered\n a{x=\"1\"} 2\n a{x=\"2\"} 20";
    check_passes(&format!("eval instant at 1m a\n {ordered}"));
    let reversed = "expect ordered\n a{x=\"2\"} 20\n a{x=\"1\"} 2";
    check_fails(
        &format!("eval instant at 1m a\n {reversed}"),
        "at position 2 but was at 1",
    );
    check_fails(
        "eval range from 0 to 1m step 1m a\n expect ordered\n a 1 2",
        "a matrix",
    );
}

#[test]
fn range_results_are_compared() {
    check_passes("eval range from 0 to 3m step 1m a\n a{x=\"1\"} 1 2 _ 4\n a{x=\"2\"} 10+10x3");
    check_fails(
        "eval range from 0 to 3m step 1m a{x=\"1\"}\n a{x=\"1\"} 1 2 3 4",
        "expected 4 points, but got 3",
    );
    check_fails(
        "eval range from 0 to 3m step 1m a{x=\"1\"}\n a{x=\"1\"} 1 2 4",
        "to have timestamp 120000",
    );
    check_fails(
        "eval range from 0 to 1m step 1m a{x=\"1\"}\n a{x=\"1\"} 1 2 4",
        "cannot return this many",
    );
    check_fails(
        "eval range from 0 to 1m step 1m a{x=\"1\"}\n a{x=\"1\"} 1 3",
        "at index 1 (t=60000) to be 3, but got 2",
    );
    check_passes(
        "eval instant at 1m a{x=\"1\"}[1m]\n expect range vector from 0 to 1m step 1m\n a{x=\"1\"} 1 2",
    );
}

#[test]
fn histograms_are_compared() {
    let same = "{{schema:1 sum:3 count:6 buckets:[1 2 3] offset:-1}}";
    check_passes(&format!("eval instant at 0 h\n h {same}"));
    check_passes(&format!("eval range from 0 to 2m step 1m h\n h {same}x2"));
    check_passes(
        "eval instant at 0 h\n h {{schema:1 sum:3 count:6 buckets:[0 0 1 2 3 0] offset:-3}}",
    );
    for other in [
        "{{schema:1 sum:3 count:6 buckets:[1 2 3]}}",
        "{{schema:0 sum:3 count:6 buckets:[1 2 3] offset:-1}}",
        "{{schema:1 sum:4 count:6 buckets:[1 2 3] offset:-1}}",
        "{{schema:1 sum:3 count:7 buckets:[1 2 3] offset:-1}}",
        "{{schema:1 sum:3 count:6 buckets:[1 2 4] offset:-1}}",
        "{{schema:1 sum:3 count:6 buckets:[1 2 3] offset:-1 z_bucket:1}}",
        "{{schema:1 sum:3 count:6 buckets:[1 2 3] offset:-1 z_bucket_w:1}}",
        "{{schema:1 sum:3 count:6 buckets:[1 2 3] offset:-1 n_buckets:[1]}}",
        "{{schema:1 sum:3 count:6 buckets:[1 2 3] offset:-1 counter_reset_hint:gauge}}",
        "5",
    ] {
        check_fails(&format!("eval instant at 0 h\n h {other}"), "expected");
    }
}

#[test]
fn scalars_and_strings_are_compared() {
    check_passes("eval instant at 0 5\n 5");
    check_fails("eval instant at 0 5\n 6", "expected scalar 6 but got 5");
    check_fails(
        "eval instant at 0 5\n {} 5",
        "expected vector or matrix result",
    );
    check_passes("eval instant at 0 'b'\n expect string \"b\"");
    check_fails(
        "eval instant at 0 'b'\n expect string \"c\"",
        "expected string \"c\"",
    );
}

#[test]
fn annotations_are_compared() {
    let values = " a{x=\"2\"} 10";
    let query = "a{x=\"2\"}";
    check_passes(&format!(
        "eval instant at 0 -{query}\n expect warn\n{values}"
    ));
    check_passes(&format!(
        "eval instant at 0 -{query}\n expect no_info\n{values}"
    ));
    check_passes(&format!(
        "eval instant at 0 -{query}\n expect warn regex: ineffective .* \\(1:2\\)\n{values}"
    ));
    check_passes(&format!(
        "eval instant at 0 -{query}\n expect warn msg: PromQL warning: sort is ineffective for range queries since results are always ordered by labels (1:2)\n{values}"
    ));
    check_fails(
        &format!("eval instant at 0 -{query}\n expect no_warn\n{values}"),
        "unexpected warning",
    );
    check_fails(
        &format!("eval instant at 0 -{query}\n expect info\n{values}"),
        "none were found",
    );
    check_fails(
        &format!("eval instant at 0 -{query}\n expect warn msg: x\n{values}"),
        "no matching",
    );
    check_fails(
        &format!("eval instant at 0 -{query}\n expect warn\n expect warn regex: x\n{values}"),
        "no matching",
    );
    check_fails(
        &format!("eval instant at 0 +{query}\n expect no_info\n{values}"),
        "unexpected info",
    );
    check_passes(&format!("eval_info instant at 0 +{query}\n{values}"));
    check_fails(
        &format!("eval_warn instant at 0 +{query}\n{values}"),
        "none were found",
    );
}

#[test]
fn failures_are_compared() {
    check_passes("eval instant at 0 a % 0\n expect fail");
    check_passes("eval instant at 0 a % 0\n expect fail msg: it was meant to fail");
    check_passes("eval instant at 0 a % 0\n expect fail regex: m.ant");
    check_passes("eval_fail instant at 0 a % 0\n expected_fail_message it was meant to fail");
    check_passes("eval_fail range from 0 to 1m step 1m a % 0\n expected_fail_regexp m.*t");
    check_fails(
        "eval instant at 0 a % 0\n expect fail msg: it was meant",
        "but got: it was meant to fail",
    );
    check_fails(
        "eval instant at 0 a % 0",
        "error evaluating query: it was meant to fail",
    );
    check_fails(
        "eval instant at 0 5\n expect fail",
        "expected error but got none",
    );
    check_fails("eval instant at 0 a(", "error evaluating query: ");
}

#[test]
fn what_means_nothing_fails_with_its_line() {
    for (script, line, why) in [
        ("nonsense", 1, "invalid command"),
        ("clear\nload x\n a 1", 2, "invalid step definition"),
        ("load 1m\n a 1 b", 2, "2:5: parse error"),
        ("eval instant a", 1, "invalid"),
        (
            "eval instant at 0 a\n expect nothing",
            2,
            "invalid expect statement",
        ),
        (
            "eval instant at 0 a\n expect warn regex: (",
            2,
            "invalid regex",
        ),
        (
            "eval instant at 0 a\n expect warn\n expect no_warn",
            3,
            "cannot be used together",
        ),
        (
            "eval instant at 0 a\n a 1 2",
            2,
            "multiple values in instant evaluation",
        ),
        (
            "eval range from 1m to 0 step 1m a",
            1,
            "is before start timestamp",
        ),
        ("load 1m\n a@st 0s", 2, "no following sample line"),
        (
            "load 1m\n a@st 0s\n a 1 2",
            2,
            "@st line has 1 values but sample line has 2",
        ),
        ("load 1m\n a@st 0s\n b 1", 2, "does not match"),
    ] {
        let report = run_script(script, &Plain, &mut InMemory);
        assert_eq!(report.failed, 1, "{script}: {report:?}");
        let failure = &report.failures[0];
        assert_eq!(failure.line, line, "{script}: {failure}");
        assert!(failure.message.contains(why), "{script}: {failure}");
    }
}

#[test]
fn clear_empties_the_store_and_a_later_load_adds() {
    let report = run(
        "load 1m\n a{x=\"3\"} 5\n\neval instant at 0 a{x=\"3\"}\n a{x=\"3\"} 5\n\nclear\n\neval instant at 0 a",
    );
    assert_eq!((report.passed, report.failed), (2, 0), "{report:?}");
    assert_eq!(report.to_string(), "2 passed, 0 failed");
}

#[test]
fn a_store_that_refuses_fails_the_script() {
    let mut refuses =
        || Err::<Arc<dyn MetricStore>, _>(StorageError::Unavailable("not today".to_owned()));
    let report = run_script("clear", &Plain, &mut refuses);
    assert_eq!(report.failures[0].to_string(), "line 1: not today");
    let report = run("load 1m\n a{x=\"1\"} 99");
    assert_eq!(
        report.failed, 1,
        "another value at the same time is refused"
    );
}
