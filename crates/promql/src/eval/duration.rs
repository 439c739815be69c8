//! Durations that are computed from the range and step of a query.

use crate::QueryError;
use crate::ast::{BinaryOp, DurationExpr, DurationKind, PosRange, UnaryOp};

/// What durations may depend on, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DurationContext {
    /// The step of the query; 0 for an instant query.
    pub(crate) step_s: f64,
    /// From the start to the end of the query.
    pub(crate) range_s: f64,
}

/// The greatest duration: 2^63 nanoseconds, in seconds, as the parser has it for literals.
const SECONDS_MAX: f64 = 9_223_372_036.854_775;

impl DurationContext {
    /// A duration in milliseconds.
    ///
    /// # Errors
    /// Where it is not a number, too long, or not above 0 though it must be.
    pub(crate) fn milliseconds(
        self,
        expr: &DurationExpr,
        may_be_negative: bool,
    ) -> Result<i64, QueryError> {
        let seconds = self.seconds(expr)?;
        if !seconds.is_finite() {
            return Err(invalid(expr.range, "duration is NaN or infinite"));
        }
        if seconds <= 0.0 && !may_be_negative {
            return Err(invalid(expr.range, "duration must be greater than 0"));
        }
        if seconds.abs() > SECONDS_MAX {
            return Err(invalid(expr.range, "duration is out of range"));
        }
        Ok((seconds * 1000.0) as i64)
    }

    fn seconds(self, expr: &DurationExpr) -> Result<f64, QueryError> {
        Ok(match &expr.kind {
            DurationKind::Number(number) => number.value,
            DurationKind::Step => self.step_s,
            DurationKind::Range => self.range_s,
            DurationKind::MinOf(a, b) => go_min(self.seconds(a)?, self.seconds(b)?),
            DurationKind::MaxOf(a, b) => go_max(self.seconds(a)?, self.seconds(b)?),
            DurationKind::Unary(UnaryOp::Plus, inner) => self.seconds(inner)?,
            DurationKind::Unary(UnaryOp::Minus, inner) => -self.seconds(inner)?,
            DurationKind::Binary(op, a, b) => {
                let (a, b) = (self.seconds(a)?, self.seconds(b)?);
                match op {
                    BinaryOp::Add => a + b,
                    BinaryOp::Sub => a - b,
                    BinaryOp::Mul => a * b,
                    BinaryOp::Div if b == 0.0 => {
                        return Err(invalid(expr.range, "division by zero"));
                    }
                    BinaryOp::Div => a / b,
                    BinaryOp::Mod if b == 0.0 => {
                        return Err(invalid(expr.range, "modulo by zero"));
                    }
                    BinaryOp::Mod => a % b,
                    BinaryOp::Pow => a.powf(b),
                    _ => return Err(invalid(expr.range, "unexpected operator in a duration")),
                }
            }
        })
    }
}

fn invalid(range: PosRange, text: &str) -> QueryError {
    QueryError::Invalid(format!("{}:{}: {text}", range.start, range.end))
}

/// The smaller number; NaN where either is NaN.
pub(crate) fn go_min(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        return if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY {
            f64::NEG_INFINITY
        } else {
            f64::NAN
        };
    }
    if a == 0.0 && b == 0.0 {
        return if a.is_sign_negative() { a } else { b };
    }
    if a < b { a } else { b }
}

/// The greater number; NaN where either is NaN.
pub(crate) fn go_max(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        return if a == f64::INFINITY || b == f64::INFINITY {
            f64::INFINITY
        } else {
            f64::NAN
        };
    }
    if a == 0.0 && b == 0.0 {
        return if a.is_sign_negative() { b } else { a };
    }
    if a > b { a } else { b }
}
