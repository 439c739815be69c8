//! Running the commands of a script.

use std::sync::{Arc, LazyLock};

use bellwether_storage::MetricStore;
use regex::Regex;

use super::compare::{check_annotations, check_sorted, check_value, point};
use super::script::{Command, Eval, parse_script};
use super::{Backend, QueryEngine, Report, load};
use crate::ast::{AtModifier, Expr};
use crate::{Features, QueryError, QueryValue, VectorSample, parse};

/// How far the range queries that repeat an instant one reach to both sides, and their step.
const STEP_MS: i64 = 60_000;

/// Functions whose result depends on the evaluation time though their arguments do not.
const AT_UNSAFE_FUNCTIONS: [&str; 16] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "end",
    "forecast_over_time",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
    "range",
    "start",
    "step",
    "time",
    "timestamp",
];

/// Queries that depend on the range of the query itself.
static CONTEXT_FUNCTIONS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(start|end|range|step)\(\)").expect("the pattern is constant and valid")
});

/// Runs a script. Series go into stores that `backend` makes: one at the start, and one for each
/// `clear`. Each `eval` counts once, passed or failed; a line that means nothing ends the script
/// and counts as failed, and so does a `load` that the store refuses.
pub fn run_script(text: &str, engine: &dyn QueryEngine, backend: &mut dyn Backend) -> Report {
    let mut report = Report::default();
    let (commands, error) = parse_script(text);
    let mut store = match backend.open() {
        Ok(store) => store,
        Err(error) => {
            report.fail(1, "", error.to_string());
            return report;
        }
    };
    for numbered in commands {
        let line = numbered.line;
        match numbered.command {
            Command::Clear => match backend.open() {
                Ok(empty) => store = empty,
                Err(error) => {
                    report.fail(line, "", error.to_string());
                    return report;
                }
            },
            Command::Load(load) => {
                if let Err(message) = load::write(store.as_ref(), &load) {
                    report.fail(line, "", message);
                }
            }
            Command::Eval(eval) => match run_eval(&store, engine, &eval) {
                Ok(()) => report.passed += 1,
                Err(message) => report.fail(line, &eval.query, message),
            },
        }
    }
    if let Some(error) = error {
        report.fail(error.line, "", error.message);
    }
    report
}

fn run_eval(
    store: &Arc<dyn MetricStore>,
    engine: &dyn QueryEngine,
    eval: &Eval,
) -> Result<(), String> {
    let store = store.as_ref();
    if eval.is_range {
        let (start, end, step) = (eval.start_ms, eval.end_ms, eval.step_ms);
        let result = engine.range(store, &eval.query, start, end, step);
        let Some(outcome) = expected_outcome(eval, result)? else {
            return Ok(());
        };
        check_annotations(eval, &outcome)?;
        return check_value(eval, &outcome.value);
    }
    run_instant(store, engine, eval, &eval.query, eval.time_ms)?;
    let Some((query, times_ms)) = pinned(&eval.query, eval.time_ms)? else {
        return Ok(());
    };
    for time_ms in times_ms {
        run_instant(store, engine, eval, &query, time_ms)
            .map_err(|why| format!("as {query} at {time_ms} ms: {why}"))?;
    }
    Ok(())
}

/// The outcome, or `None` where the query failed and was meant to.
fn expected_outcome(
    eval: &Eval,
    result: Result<crate::QueryOutcome, QueryError>,
) -> Result<Option<crate::QueryOutcome>, String> {
    match (result, &eval.expect.fail) {
        (Ok(outcome), None) => Ok(Some(outcome)),
        (Ok(_), Some(_)) => Err("expected error but got none".to_owned()),
        (Err(error), None) => Err(format!("error evaluating query: {error}")),
        (Err(error), Some(expected)) => {
            let text = error.to_string();
            if expected.matches(&text) {
                Ok(None)
            } else {
                let expected = expected.describe();
                Err(format!("expected error with {expected}, but got: {text}"))
            }
        }
    }
}

fn run_instant(
    store: &dyn MetricStore,
    engine: &dyn QueryEngine,
    eval: &Eval,
    query: &str,
    time_ms: i64,
) -> Result<(), String> {
    let Some(outcome) = expected_outcome(eval, engine.instant(store, query, time_ms))? else {
        return Ok(());
    };
    check_annotations(eval, &outcome)?;
    check_value(eval, &outcome.value)?;
    if eval.is_instant_only || CONTEXT_FUNCTIONS.is_match(query) {
        return Ok(());
    }
    let range = engine
        .range(store, query, time_ms - STEP_MS, time_ms + STEP_MS, STEP_MS)
        .map_err(|error| format!("error in range mode: {error}"))?;
    // Range queries are always sorted by labels.
    if eval.expect.is_ordered {
        return Ok(());
    }
    let QueryValue::Matrix(series) = &range.value else {
        return Err("in range mode: the result is no matrix".to_owned());
    };
    check_sorted(series)?;
    let mut middle = Vec::new();
    for found in series {
        if let Ok(index) = found.samples.times_ms.binary_search(&time_ms) {
            middle.push(VectorSample {
                labels: found.labels.clone(),
                time_ms,
                value: point(found, index),
            });
        }
    }
    let middle = match (&outcome.value, middle.first()) {
        (QueryValue::Scalar { .. }, Some(first)) => match first.value {
            bellwether_model::Value::Float(value) => QueryValue::Scalar { time_ms, value },
            bellwether_model::Value::Histogram(_) => QueryValue::Vector(middle),
        },
        _ => QueryValue::Vector(middle),
    };
    check_value(eval, &middle).map_err(|why| format!("in range mode: {why}"))
}

/// The query with all selectors fixed at the evaluation time, and times at which it must give the
/// same; `None` where it depends on the evaluation time all the same.
fn pinned(query: &str, time_ms: i64) -> Result<Option<(String, Vec<i64>)>, String> {
    let mut expr = parse(query, &Features::all()).map_err(|error| error.to_string())?;
    if !pin(&mut expr, time_ms) {
        return Ok(None);
    }
    let times_ms = if time_ms == 0 {
        vec![-1000, 0, 1000]
    } else {
        vec![-10 * time_ms, 0, time_ms / 5, time_ms, 10 * time_ms]
    };
    Ok(Some((expr.to_string(), times_ms)))
}

/// Fixes the time of selectors and subqueries. Those in a subquery stay, since that one is fixed.
/// Answers whether the expression does not depend on the evaluation time any more.
fn pin(expr: &mut Expr, time_ms: i64) -> bool {
    let fix = |at: &mut Option<AtModifier>| {
        if !matches!(at, Some(AtModifier::Time(_))) {
            *at = Some(AtModifier::Time(time_ms));
        }
    };
    match expr {
        Expr::Vector(selector) => fix(&mut selector.at),
        Expr::Matrix(matrix) => fix(&mut matrix.selector.at),
        Expr::Subquery(subquery) => {
            fix(&mut subquery.at);
            return true;
        }
        Expr::Call(call) if AT_UNSAFE_FUNCTIONS.contains(&call.function.name) => return false,
        _ => {}
    }
    let mut is_safe = true;
    for child in expr.children_mut() {
        is_safe &= pin(child, time_ms);
    }
    is_safe
}
