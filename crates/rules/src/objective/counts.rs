//! Queries that count for one interval.
//!
//! ## Model
//! People write how often something happens in a window, `sum(rate(x[{{.window}}]))`, or just name a
//! counter. [`counted`] makes a query of it that gives how much a counter has grown in one interval:
//! `rate` and `increase` become `increase` of an `anchored` range, which takes the value before the
//! interval for its beginning, so that every event is counted once, and none is guessed.
//!
//! ## Invariants
//! - The windows of successive intervals join without a gap and without overlap.
//! - What is no rate (`sum_over_time` of a gauge, say) is left as it is, with its window.

use bellwether_promql::ast::{Call, RangeExtension};
use bellwether_promql::{Expr, Features, functions, parse};

/// Ways to write the window: those of Sloth, of OpenSLO's examples, and ours.
const PLACEHOLDERS: [&str; 3] = ["{{.window}}", "{{ .window }}", "$window"];

/// Why a query cannot count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CountError {
    /// It is no PromQL.
    #[error("{0}")]
    Query(String),
    /// It gives no numbers for labels.
    #[error("gives a {given}: want an instant vector, or a selector of counters")]
    Type {
        /// What it gives.
        given: &'static str,
    },
}

/// The query `text` for one interval. `step_ms` is that of subqueries without one.
///
/// # Errors
/// What is not PromQL, or gives no vector.
pub fn counted(text: &str, interval_ms: i64) -> Result<String, CountError> {
    let mut expr = parsed(text, interval_ms)?;
    match expr.unwrap_parens() {
        // A counter, or the window of one.
        Expr::Vector(_) => {
            let window = duration_text(interval_ms);
            expr = parse_any(&format!("increase({}[{window}])", expr.unwrap_parens()))?;
        }
        Expr::Matrix(_) => expr = parse_any(&format!("increase({})", expr.unwrap_parens()))?,
        _ => {}
    }
    anchor(&mut expr, interval_ms);
    match expr.value_type() {
        bellwether_promql::ast::ValueType::Vector => Ok(expr.to_string()),
        other => Err(CountError::Type {
            given: other.documented(),
        }),
    }
}

/// The query `text` with its window filled in, and otherwise as it is.
///
/// # Errors
/// What is not PromQL.
pub fn windowed(text: &str, interval_ms: i64) -> Result<String, CountError> {
    parsed(text, interval_ms).map(|expr| expr.to_string())
}

fn parsed(text: &str, interval_ms: i64) -> Result<Expr, CountError> {
    let window = duration_text(interval_ms);
    let text = PLACEHOLDERS
        .iter()
        .fold(text.to_owned(), |text, it| text.replace(it, &window));
    parse_any(&text)
}

fn parse_any(text: &str) -> Result<Expr, CountError> {
    parse(text, &Features::default()).map_err(|error| CountError::Query(error.to_string()))
}

/// Makes rates of counters into what they grew in the interval.
fn anchor(expr: &mut Expr, interval_ms: i64) {
    match expr {
        Expr::Call(call) => anchor_call(call, interval_ms),
        Expr::Aggregate(aggregate) => anchor(&mut aggregate.expr, interval_ms),
        Expr::Paren(paren) => anchor(&mut paren.expr, interval_ms),
        Expr::Unary(unary) => anchor(&mut unary.expr, interval_ms),
        Expr::Binary(binary) => {
            anchor(&mut binary.lhs, interval_ms);
            anchor(&mut binary.rhs, interval_ms);
        }
        Expr::Number(_)
        | Expr::String(_)
        | Expr::Vector(_)
        | Expr::Matrix(_)
        | Expr::Subquery(_) => {}
    }
}

fn anchor_call(call: &mut Call, interval_ms: i64) {
    let is_rate = matches!(call.function.name, "rate" | "increase" | "irate");
    match call.args.first_mut() {
        Some(Expr::Matrix(matrix)) if is_rate => {
            if let Some(increase) = functions::find("increase") {
                call.function = increase;
            }
            matrix.window_ms = interval_ms;
            matrix.window_expr = None;
            matrix.selector.extension = Some(RangeExtension::Anchored);
        }
        _ => call
            .args
            .iter_mut()
            .for_each(|arg| anchor(arg, interval_ms)),
    }
}

/// A duration as PromQL writes it.
#[must_use]
pub fn duration_text(ms: i64) -> String {
    const UNITS: [(&str, i64); 5] = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    let mut left = ms.max(0);
    let mut text = String::new();
    for (unit, unit_ms) in UNITS {
        if left >= unit_ms {
            text.push_str(&format!("{}{unit}", left / unit_ms));
            left %= unit_ms;
        }
    }
    if text.is_empty() {
        text.push_str("0s");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &str) {
        assert_eq!(counted(text, 60_000).as_deref(), Ok(want), "{text}");
    }

    #[test]
    fn rates_become_what_an_interval_adds() {
        check(
            "sum(rate(x{code=~\"5..\"}[{{.window}}]))",
            "sum(increase(x{code=~\"5..\"}[1m] anchored))",
        );
        check("x_total", "increase(x_total[1m] anchored)");
        check("x_total[5m]", "increase(x_total[1m] anchored)");
        check(
            "sum(rate(a[5m])) - sum(increase(b[$window]))",
            "sum(increase(a[1m] anchored)) - sum(increase(b[1m] anchored))",
        );
        // What is no rate is left alone.
        check(
            "sum_over_time((count(a < 0.75))[{{ .window }}:]) or on () vector(0)",
            "sum_over_time((count(a < 0.75))[1m:]) or on () vector(0)",
        );
    }

    #[test]
    fn what_cannot_count_is_refused() {
        let error = |text| counted(text, 60_000).expect_err(text).to_string();
        assert_eq!(
            error("1"),
            "gives a scalar: want an instant vector, or a selector of counters"
        );
        assert!(error("sum(").contains("parse error"), "{}", error("sum("));
    }

    #[test]
    fn durations_are_written_as_people_do() {
        let cases = [
            (60_000, "1m"),
            (5_400_000, "1h30m"),
            (1_500, "1s500ms"),
            (0, "0s"),
        ];
        for (ms, want) in cases {
            assert_eq!(duration_text(ms), want);
        }
    }
}
