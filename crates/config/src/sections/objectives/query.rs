//! Queries of objectives.
//!
//! ## Model
//! A query that *counts* gives how many events one interval had, one that *measures* gives a number at
//! a time, and a *selector* names series. All are checked where they are read, and kept with their
//! window filled in.
//!
//! ## Invariants
//! What is written of a kept query reads back as the same.

use bellwether_model::{METRIC_NAME, MatchOp, Matcher};
use bellwether_promql::ast::{Expr, ValueType, VectorSelector};
use bellwether_promql::{Features, parse};
use bellwether_rules::objective::counts::{CountError, counted, duration_text, windowed};

use crate::problem::Problems;
use crate::view::View;

/// The query behind `key`, counting for one interval. Empty where it was refused or is missing.
pub(super) fn counting(
    view: &View<'_>,
    key: &str,
    interval_ms: i64,
    problems: &mut Problems,
) -> String {
    let text = view.text(key);
    if text.is_empty() {
        return String::new();
    }
    match counted(text, interval_ms) {
        Ok(query) => query,
        Err(error) => {
            view.error_at(problems, key, error.to_string());
            String::new()
        }
    }
}

/// The query behind `key`, which gives an instant vector. Empty where it was refused or is missing.
pub(super) fn measuring(
    view: &View<'_>,
    key: &str,
    interval_ms: i64,
    problems: &mut Problems,
) -> String {
    let text = view.text(key);
    if text.is_empty() {
        return String::new();
    }
    match measured(text, interval_ms) {
        Ok(query) => query,
        Err(message) => {
            view.error_at(problems, key, message);
            String::new()
        }
    }
}

/// A query that gives an instant vector, with its window filled in.
pub(super) fn measured(text: &str, interval_ms: i64) -> Result<String, String> {
    let query = windowed(text, interval_ms).map_err(|error| error.to_string())?;
    match parsed(&query)?.value_type() {
        ValueType::Vector => Ok(query),
        other => {
            let given = other.documented();
            Err(format!("gives a {given}: want an instant vector"))
        }
    }
}

/// The selector behind `key`, in its canonical form. None where it was refused or is missing.
pub(super) fn selecting(
    view: &View<'_>,
    key: &str,
    problems: &mut Problems,
) -> Option<(String, VectorSelector)> {
    let text = view.text(key);
    if text.is_empty() {
        return None;
    }
    match selected(text) {
        Ok(selector) => Some((
            Expr::Vector(Box::new(selector.clone())).to_string(),
            selector,
        )),
        Err(message) => {
            view.error_at(problems, key, message);
            None
        }
    }
}

/// A selector without modifiers.
fn selected(text: &str) -> Result<VectorSelector, String> {
    const WANT: &str = "want a selector such as http_requests_total{job=\"api\"}";
    let expr = parsed(text).map_err(|error| format!("{error}: {WANT}"))?;
    match expr.unwrap_parens() {
        Expr::Vector(selector)
            if selector.offset_ms == 0
                && selector.offset_expr.is_none()
                && selector.at.is_none()
                && selector.extension.is_none() =>
        {
            Ok((**selector).clone())
        }
        Expr::Vector(_) => Err(format!("has an offset or another modifier: {WANT}")),
        _ => Err(format!("is no selector: {WANT}")),
    }
}

/// What is written for the name of a metric; empty where it is chosen in other ways.
pub(super) fn metric_name(selector: &VectorSelector) -> &str {
    selector
        .matchers
        .iter()
        .find(|matcher| matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal)
        .map_or("", |matcher| &matcher.value)
}

fn parsed(text: &str) -> Result<Expr, String> {
    parse(text, &Features::default()).map_err(|error| error.to_string())
}

fn tree(text: &str, interval_ms: i64) -> Option<Expr> {
    parsed(&windowed(text, interval_ms).ok()?).ok()
}

/// A query of another program, with what has changed since it was written: bounds of buckets are
/// floats now, so that `le="5"` becomes a pattern for `5` and `5.0`. Queries that are none are left as
/// they are.
pub(super) fn of_today(text: &str, interval_ms: i64) -> String {
    let Some(mut expr) = tree(text, interval_ms) else {
        return text.to_owned();
    };
    if change_bounds(&mut expr) {
        return expr.to_string();
    }
    text.to_owned()
}

/// Whether there were bounds to change.
fn change_bounds(expr: &mut Expr) -> bool {
    let selector = match expr {
        Expr::Vector(selector) => selector,
        Expr::Matrix(matrix) => &mut matrix.selector,
        other => {
            let mut has_changed = false;
            for child in other.children_mut() {
                has_changed |= change_bounds(child);
            }
            return has_changed;
        }
    };
    let mut has_changed = false;
    for matcher in &mut selector.matchers {
        let is_whole = matcher.name == "le"
            && matcher.op == MatchOp::Equal
            && !matcher.value.is_empty()
            && matcher.value.bytes().all(|b| b.is_ascii_digit());
        if is_whole {
            let pattern = format!("{}(\\.0)?", matcher.value);
            if let Ok(changed) = Matcher::new("le", MatchOp::Regex, pattern) {
                *matcher = changed;
                has_changed = true;
            }
        }
    }
    has_changed
}

/// A query in which each instant selector is of a counter whose growth is meant.
pub(super) fn of_counters(text: &str, interval_ms: i64) -> String {
    let Some(mut expr) = tree(text, interval_ms) else {
        return text.to_owned();
    };
    grow(&mut expr, interval_ms);
    expr.to_string()
}

fn grow(expr: &mut Expr, interval_ms: i64) {
    match expr {
        Expr::Vector(_) => {
            let window = duration_text(interval_ms);
            if let Ok(grown) = parsed(&format!("increase({expr}[{window}])")) {
                *expr = grown;
            }
        }
        // Arguments of functions are what they are wanted to be.
        Expr::Call(_) | Expr::Matrix(_) | Expr::Subquery(_) => {}
        other => {
            for child in other.children_mut() {
                grow(child, interval_ms);
            }
        }
    }
}

/// Whether a query names just a counter, or something that may be one.
pub(super) fn bare_selector(text: &str) -> Option<VectorSelector> {
    selected(text).ok()
}

/// A kept query for people, `read` being what kept it: with `$window` in the place of the interval
/// wherever that reads back as the same.
pub(crate) fn with_window(
    query: &str,
    interval_ms: i64,
    read: fn(&str, i64) -> Result<String, CountError>,
) -> String {
    let window = duration_text(interval_ms);
    let short = query
        .replace(&format!("[{window}] anchored"), "[$window]")
        .replace(&format!("[{window}]"), "[$window]")
        .replace(&format!("[{window}:]"), "[$window:]");
    if read(&short, interval_ms).as_deref() == Ok(query) {
        short
    } else {
        query.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;

    #[test]
    fn bounds_are_those_of_today() {
        let check = |text: &str, want: &str| assert_eq!(of_today(text, MINUTE_MS), want, "{text}");
        check(
            "sum(rate(d_bucket{le=\"5\"}[$window]))",
            "sum(rate(d_bucket{le=~\"5(\\\\.0)?\"}[1m]))",
        );
        for text in [
            "d_bucket{le=\"0.5\"}",
            "d_bucket{le=\"+Inf\"}",
            "d_bucket{le=\"\"}",
            "d_bucket{le!=\"5\"}",
            "x{l=\"5\"}",
            "no query (",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn counters_grow() {
        let check = |text: &str, want: &str| {
            let query = counted(&of_counters(text, MINUTE_MS), MINUTE_MS);
            assert_eq!(query.as_deref(), Ok(want), "{text}");
        };
        check(
            "sum(x) + rate(y[5m])",
            "sum(increase(x[1m] anchored)) + increase(y[1m] anchored)",
        );
        check("x", "increase(x[1m] anchored)");
        check("sum_over_time(x[1m])", "sum_over_time(x[1m])");
    }

    #[test]
    fn windows_are_named_where_that_reads_back() {
        let check = |query: &str, want: &str| {
            assert_eq!(with_window(query, MINUTE_MS, counted), want, "{query}");
        };
        check("sum(increase(x[1m] anchored))", "sum(increase(x[$window]))");
        check("sum_over_time((x)[1m:])", "sum_over_time((x)[$window:])");
        // A label that looks like a window is none.
        let odd = "increase(x{a=\"[1m] anchored\"}[1m] anchored)";
        check(odd, odd);
    }

    #[test]
    fn selectors_are_told_from_queries() {
        assert!(selected("x{a=\"b\"}").is_ok());
        assert!(selected("{__name__=\"x\"}").is_ok());
        for text in ["sum(x)", "x offset 5m", "x @ 1", "x[5m]", "1", "x{"] {
            let error = selected(text).expect_err(text);
            assert!(error.contains("want a selector"), "{error}");
        }
    }
}
