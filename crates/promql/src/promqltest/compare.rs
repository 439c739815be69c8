//! Whether a result is what was expected.

use std::collections::BTreeSet;

use bellwether_model::number::General;
use bellwether_model::{FloatHistogram, Span, Value, is_stale_nan};

use super::script::{Eval, TextMatch};
use super::series::SequenceValue;
use crate::{MatrixSeries, QueryOutcome, QueryValue, VectorSample};

/// Relative error below which floats are equal. The number of Prometheus.
const EPSILON: f64 = 1e-6;

/// Whether floats are equal: their difference is below [`EPSILON`] times their sum, or both are
/// stale, or both any other NaN.
pub(super) fn almost_equal(a: f64, b: f64) -> bool {
    if is_stale_nan(a) || is_stale_nan(b) {
        return is_stale_nan(a) && is_stale_nan(b);
    }
    if a.is_nan() && b.is_nan() {
        return true;
    }
    #[expect(clippy::float_cmp, reason = "equal infinities have no difference")]
    if a == b {
        return true;
    }
    let sum = a.abs() + b.abs();
    let difference = (a - b).abs();
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < EPSILON
}

/// Buckets that hold something, with their index.
fn filled(spans: &[Span], buckets: &[f64]) -> Vec<(i64, f64)> {
    let mut index = 0i64;
    let mut counts = buckets.iter();
    let mut filled = Vec::new();
    for span in spans {
        index += i64::from(span.offset);
        for count in counts.by_ref().take(span.length as usize) {
            if *count != 0.0 {
                filled.push((index, *count));
            }
            index += 1;
        }
    }
    filled
}

fn same_buckets(a: &[(i64, f64)], b: &[(i64, f64)]) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|((ai, a), (bi, b))| ai == bi && almost_equal(*a, *b))
}

fn same_histogram(want: &SequenceValue, expected: &FloatHistogram, got: &FloatHistogram) -> bool {
    let side = |h: &FloatHistogram| {
        (
            filled(&h.positive_spans, &h.positive_buckets),
            filled(&h.negative_spans, &h.negative_buckets),
        )
    };
    let (want_positive, want_negative) = side(expected);
    let (got_positive, got_negative) = side(got);
    expected.schema == got.schema
        && almost_equal(expected.count, got.count)
        && almost_equal(expected.sum, got.sum)
        && expected.custom_values == got.custom_values
        && expected.zero_threshold.to_bits() == got.zero_threshold.to_bits()
        && almost_equal(expected.zero_count, got.zero_count)
        && same_buckets(&want_positive, &got_positive)
        && same_buckets(&want_negative, &got_negative)
        && (!want.has_counter_reset || expected.counter_reset == got.counter_reset)
}

fn show_histogram(histogram: &FloatHistogram) -> String {
    histogram.test_expression()
}

fn show_expected(value: &SequenceValue) -> String {
    match &value.histogram {
        Some(histogram) => show_histogram(histogram),
        None if value.is_omitted => "_".to_owned(),
        None => General(value.value).to_string(),
    }
}

fn show_value(value: &Value) -> String {
    match value {
        Value::Float(value) => General(*value).to_string(),
        Value::Histogram(histogram) => show_histogram(histogram),
    }
}

fn same_value(want: &SequenceValue, got: &Value) -> bool {
    match (&want.histogram, got) {
        (Some(expected), Value::Histogram(got)) => same_histogram(want, expected, got),
        (None, Value::Float(got)) => !want.is_omitted && almost_equal(want.value, *got),
        _ => false,
    }
}

fn check_texts(what: &str, expected: &[TextMatch], actual: &[String]) -> Result<(), String> {
    if expected.is_empty() {
        return Ok(());
    }
    if actual.is_empty() {
        return Err(format!("expected {what} annotations but none were found"));
    }
    for text in expected {
        if !actual.iter().any(|found| text.matches(found)) {
            return Err(format!(
                "expected {what} annotation matching {} but no matching annotation was found, found: {actual:?}",
                text.describe()
            ));
        }
    }
    for found in actual {
        if !expected.iter().any(|text| text.matches(found)) {
            return Err(format!("unexpected {what} annotation {found:?} found"));
        }
    }
    Ok(())
}

/// Whether the annotations are the expected ones.
pub(super) fn check_annotations(eval: &Eval, outcome: &QueryOutcome) -> Result<(), String> {
    let warnings = outcome.annotations.warnings();
    let infos = outcome.annotations.infos();
    check_texts("warn", &eval.expect.warn, &warnings)?;
    check_texts("info", &eval.expect.info, &infos)?;
    if eval.expect.no_warn && !warnings.is_empty() {
        return Err(format!("unexpected warning annotations: {warnings:?}"));
    }
    if eval.expect.no_info && !infos.is_empty() {
        return Err(format!("unexpected info annotations: {infos:?}"));
    }
    Ok(())
}

/// Whether the value is the expected one.
pub(super) fn check_value(eval: &Eval, value: &QueryValue) -> Result<(), String> {
    match value {
        QueryValue::Matrix(series) => check_matrix(eval, series),
        QueryValue::Vector(samples) => check_vector(eval, samples),
        QueryValue::Scalar { value, .. } => match eval.expect.scalar {
            None => Err(format!(
                "expected vector or matrix result, but got scalar {}",
                General(*value)
            )),
            Some(want) if almost_equal(want, *value) => Ok(()),
            Some(want) => Err(format!(
                "expected scalar {} but got {}",
                General(want),
                General(*value)
            )),
        },
        QueryValue::String { value, .. } => {
            let want = eval.expect.string.as_deref().unwrap_or("");
            if want == value {
                Ok(())
            } else {
                Err(format!("expected string {want:?} but got {value:?}"))
            }
        }
    }
}

/// Whether series are in the order of their labels, as those of range queries must be.
pub(super) fn check_sorted(series: &[MatrixSeries]) -> Result<(), String> {
    for pair in series.windows(2) {
        if let [a, b] = pair
            && a.labels > b.labels
        {
            return Err(format!(
                "matrix results should always be sorted by labels, but {} comes after {}",
                b.labels, a.labels
            ));
        }
    }
    Ok(())
}

fn check_vector(eval: &Eval, samples: &[VectorSample]) -> Result<(), String> {
    if eval.expect.scalar.is_some() {
        return Err(format!(
            "expected scalar result, but got a vector of {} elements",
            samples.len()
        ));
    }
    let mut seen = BTreeSet::new();
    for (index, sample) in samples.iter().enumerate() {
        let got = show_value(&sample.value);
        let labels = &sample.labels;
        let Some((position, values)) = eval.expect.series.get(labels) else {
            return Err(format!(
                "unexpected metric {labels} in result, has value {got}"
            ));
        };
        let Some(want) = values.first() else {
            return Err(format!("no value is expected for {labels}, got {got}"));
        };
        if eval.expect.is_ordered && *position != index + 1 {
            return Err(format!(
                "expected metric {labels} at position {position} but was at {}",
                index + 1
            ));
        }
        if !same_value(want, &sample.value) {
            let want = show_expected(want);
            return Err(format!("expected {want} for {labels} but got {got}"));
        }
        if !seen.insert(labels) {
            return Err(format!("metric {labels} is in the result twice"));
        }
    }
    missing(eval, |labels| seen.contains(labels))
}

fn missing(
    eval: &Eval,
    is_there: impl Fn(&bellwether_model::Labels) -> bool,
) -> Result<(), String> {
    for (labels, (_, values)) in &eval.expect.series {
        if !is_there(labels) {
            let values: Vec<_> = values.iter().map(show_expected).collect();
            return Err(format!(
                "expected metric {labels} with {} not found",
                values.join(" ")
            ));
        }
    }
    Ok(())
}

fn check_matrix(eval: &Eval, series: &[MatrixSeries]) -> Result<(), String> {
    if eval.expect.is_ordered {
        return Err("expected ordered result, but query returned a matrix".to_owned());
    }
    if eval.expect.scalar.is_some() {
        return Err(format!(
            "expected scalar result, but got a matrix of {} series",
            series.len()
        ));
    }
    check_sorted(series)?;
    let mut seen = BTreeSet::new();
    for found in series {
        let labels = &found.labels;
        let shown = show_series(found);
        let Some((_, values)) = eval.expect.series.get(labels) else {
            return Err(format!("unexpected metric {labels} in result, has {shown}"));
        };
        check_series(eval, found, values)
            .map_err(|why| format!("{why} for {labels} (result has {shown})"))?;
        if !seen.insert(labels) {
            return Err(format!("metric {labels} is in the result twice"));
        }
    }
    missing(eval, |labels| seen.contains(labels))
}

fn check_series(eval: &Eval, found: &MatrixSeries, values: &[SequenceValue]) -> Result<(), String> {
    let mut expected = Vec::new();
    let mut time_ms = eval.start_ms;
    for value in values {
        if time_ms > eval.end_ms {
            return Err(format!(
                "expected {} points, but the query time range cannot return this many",
                values.len()
            ));
        }
        if !value.is_omitted {
            expected.push((time_ms, value));
        }
        time_ms += eval.step_ms;
    }
    let samples = &found.samples;
    if expected.len() != samples.len() {
        return Err(format!(
            "expected {} points, but got {}",
            expected.len(),
            samples.len()
        ));
    }
    for (index, (time_ms, want)) in expected.into_iter().enumerate() {
        let got = point(found, index);
        if samples.times_ms.get(index) != Some(&time_ms) {
            return Err(format!(
                "expected value at index {index} to have timestamp {time_ms}, but it had {:?}",
                samples.times_ms.get(index)
            ));
        }
        if !same_value(want, &got) {
            return Err(format!(
                "expected value at index {index} (t={time_ms}) to be {}, but got {}",
                show_expected(want),
                show_value(&got)
            ));
        }
    }
    Ok(())
}

/// A sample of a series.
pub(super) fn point(series: &MatrixSeries, index: usize) -> Value {
    match series.samples.histogram_at(index) {
        Some(histogram) => Value::Histogram(std::sync::Arc::clone(histogram)),
        None => Value::Float(
            series
                .samples
                .values
                .get(index)
                .copied()
                .unwrap_or(f64::NAN),
        ),
    }
}

fn show_series(series: &MatrixSeries) -> String {
    let points: Vec<_> = series
        .samples
        .times_ms
        .iter()
        .enumerate()
        .map(|(index, time_ms)| format!("{} @[{time_ms}]", show_value(&point(series, index))))
        .collect();
    format!("{} points: {}", points.len(), points.join(" "))
}
