//! Durations in ranges, subquery steps and offsets: literals, or arithmetic on them.

use super::lexer::{Kind, Token};
use super::{PRECEDENCE_LOWEST, PRECEDENCE_POWER, Parsed, Parser, binary_op, unary_op};
use crate::ast::{BinaryOp, DurationExpr, DurationKind, NumberLiteral, PosRange, UnaryOp};

/// What stands where a duration is wanted.
pub(super) struct Duration(DurationExpr);

impl Duration {
    /// Milliseconds of a literal, or 0 and what must be computed.
    pub(super) fn into_parts(self) -> (i64, Option<Box<DurationExpr>>) {
        match self.0.kind {
            DurationKind::Number(number) if !self.0.wrapped => (milliseconds(number.value), None),
            _ => (0, Some(Box::new(self.0))),
        }
    }
}

/// Seconds to milliseconds by way of nanoseconds, as Prometheus counts: rounded to these, then cut.
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64 / 1_000_000
}

/// 2⁶³ nanoseconds, in seconds.
const SECONDS_MAX: f64 = 9_223_372_036.854_776;

/// What messages say where a duration is wrong: the construct, and what it wants.
#[derive(Clone, Copy)]
struct Context<'c> {
    name: &'c str,
    expected: &'c str,
}

impl Parser<'_> {
    /// A duration that, where it is a literal, is more than nothing.
    pub(super) fn positive_duration(&mut self, name: &str, expected: &str) -> Parsed<Duration> {
        let duration = self.duration(Context { name, expected }, PRECEDENCE_LOWEST)?;
        if let DurationKind::Number(number) = &duration.kind
            && !duration.wrapped
            && number.value <= 0.0
        {
            self.note(number.range, "duration must be greater than 0");
        }
        Ok(Duration(duration))
    }

    /// What stands after `offset`, and where it ends. Without parentheses only one operand belongs
    /// to the offset: `a offset 2 ^ 2` is `(a offset 2) ^ 2`.
    pub(super) fn offset_duration(&mut self) -> Parsed<(Duration, u32)> {
        let context = Context {
            name: "offset",
            expected: "number, duration, step(), or range()",
        };
        let first = self.peek()?;
        let duration = match unary_op(first.kind) {
            Some(sign) => {
                self.take()?;
                let next = self.peek()?;
                match next.kind {
                    // Two signs make a general expression, which takes operators with it.
                    Kind::Add | Kind::Sub => {
                        let operand = self.duration(context, PRECEDENCE_POWER)?;
                        let lhs = self.signed_duration(sign, first, operand);
                        let general = self.duration_operators(context, lhs, PRECEDENCE_LOWEST)?;
                        // The signs may be gone by now: without parentheses, what is printed
                        // would be read as an offset and an operator after it.
                        let wrapped = matches!(general.kind, DurationKind::Binary(..));
                        DurationExpr { wrapped, ..general }
                    }
                    Kind::LeftParen => {
                        self.take()?;
                        let inner = self.duration(context, PRECEDENCE_LOWEST)?;
                        self.expect_in(context, Kind::RightParen)?;
                        let operand = DurationExpr {
                            wrapped: true,
                            ..inner
                        };
                        self.signed_duration(sign, first, operand)
                    }
                    _ => {
                        let operand = self.duration_operand(context)?;
                        self.signed_offset(sign, first, operand)
                    }
                }
            }
            None => {
                let operand = self.duration_operand(context)?;
                if operand.wrapped {
                    self.duration_operators(context, operand, PRECEDENCE_LOWEST)?
                } else {
                    operand
                }
            }
        };
        let end = duration.range.end;
        Ok((Duration(duration), end))
    }

    fn unexpected_in<T>(&mut self, context: Context<'_>) -> Parsed<T> {
        self.unexpected(context.name, context.expected)
    }

    fn expect_in(&mut self, context: Context<'_>, kind: Kind) -> Parsed<Token> {
        match self.take_if(kind)? {
            Some(token) => Ok(token),
            None => self.unexpected_in(context),
        }
    }

    fn experimental_duration(&mut self, range: PosRange) {
        if !self.features.duration_expr {
            self.note(range, "experimental duration expression is not enabled");
        }
    }

    fn duration(&mut self, context: Context<'_>, precedence_min: u8) -> Parsed<DurationExpr> {
        self.nested(|parser| {
            let token = parser.peek()?;
            let lhs = match unary_op(token.kind) {
                Some(sign) => {
                    parser.take()?;
                    let operand = parser.duration(context, PRECEDENCE_POWER)?;
                    parser.signed_duration(sign, token, operand)
                }
                None => parser.duration_operand(context)?,
            };
            parser.duration_operators(context, lhs, precedence_min)
        })
    }

    /// The operators after `lhs` that bind at least so strongly.
    fn duration_operators(
        &mut self,
        context: Context<'_>,
        mut lhs: DurationExpr,
        precedence_min: u8,
    ) -> Parsed<DurationExpr> {
        let mut count = 0;
        loop {
            let token = self.peek()?;
            let op = binary_op(token.kind).filter(|(op, precedence)| {
                *precedence >= precedence_min
                    && matches!(
                        op,
                        BinaryOp::Add
                            | BinaryOp::Sub
                            | BinaryOp::Mul
                            | BinaryOp::Div
                            | BinaryOp::Mod
                            | BinaryOp::Pow
                    )
            });
            let Some((op, precedence)) = op else {
                return Ok(lhs);
            };
            self.take()?;
            count += 1;
            self.depth_checked(self.nesting + count, token.range)?;
            let rhs = self.duration(context, precedence + u8::from(op != BinaryOp::Pow))?;
            self.experimental_duration(lhs.range);
            let divides_by_zero = matches!(op, BinaryOp::Div | BinaryOp::Mod)
                && !rhs.wrapped
                && matches!(&rhs.kind, DurationKind::Number(number) if number.value == 0.0);
            if divides_by_zero {
                let message = if op == BinaryOp::Div {
                    "division by zero"
                } else {
                    "modulo by zero"
                };
                self.note(token.range, message);
            }
            lhs = DurationExpr {
                range: lhs.range.to(rhs.range),
                kind: DurationKind::Binary(op, Box::new(lhs), Box::new(rhs)),
                wrapped: false,
            };
        }
    }

    /// A number, `step()`, `range()`, `min_of(…)`, `max_of(…)` or something in parentheses.
    fn duration_operand(&mut self, context: Context<'_>) -> Parsed<DurationExpr> {
        let token = self.peek()?;
        match token.kind {
            Kind::Number | Kind::Duration => {
                let number = self.number_literal()?;
                Ok(self.checked_number(number, token.range))
            }
            Kind::Step | Kind::Range => {
                self.take()?;
                self.expect_in(context, Kind::LeftParen)?;
                let close = self.expect_in(context, Kind::RightParen)?;
                let range = token.range.to(close.range);
                self.experimental_duration(range);
                let kind = if token.kind == Kind::Step {
                    DurationKind::Step
                } else {
                    DurationKind::Range
                };
                Ok(DurationExpr {
                    kind,
                    wrapped: false,
                    range,
                })
            }
            Kind::MinOf | Kind::MaxOf => {
                self.take()?;
                self.expect_in(context, Kind::LeftParen)?;
                let lhs = Box::new(self.duration(context, PRECEDENCE_LOWEST)?);
                self.expect_in(context, Kind::Comma)?;
                let rhs = Box::new(self.duration(context, PRECEDENCE_LOWEST)?);
                let close = self.expect_in(context, Kind::RightParen)?;
                let range = token.range.to(close.range);
                self.experimental_duration(range);
                let kind = if token.kind == Kind::MinOf {
                    DurationKind::MinOf(lhs, rhs)
                } else {
                    DurationKind::MaxOf(lhs, rhs)
                };
                Ok(DurationExpr {
                    kind,
                    wrapped: false,
                    range,
                })
            }
            Kind::LeftParen => {
                self.take()?;
                let inner = self.duration(context, PRECEDENCE_LOWEST)?;
                let close = self.expect_in(context, Kind::RightParen)?;
                self.experimental_duration(inner.range);
                Ok(DurationExpr {
                    kind: inner.kind,
                    wrapped: true,
                    range: token.range.to(close.range),
                })
            }
            _ => self.unexpected_in(context),
        }
    }

    fn checked_number(&mut self, mut number: NumberLiteral, range: PosRange) -> DurationExpr {
        if number.value.abs() > SECONDS_MAX {
            self.note(range, "duration out of range");
            number.value = 0.0;
        }
        DurationExpr {
            range: number.range,
            kind: DurationKind::Number(number),
            wrapped: false,
        }
    }

    /// A sign before an operand: folded into a number, kept before all else where it is a minus.
    fn signed_duration(
        &mut self,
        sign: UnaryOp,
        token: Token,
        operand: DurationExpr,
    ) -> DurationExpr {
        match (operand.kind, sign) {
            (DurationKind::Number(mut number), _) if !operand.wrapped => {
                if sign == UnaryOp::Minus {
                    number.value = -number.value;
                }
                number.range.start = token.range.start;
                self.checked_number(number, token.range)
            }
            (kind, UnaryOp::Plus) => DurationExpr { kind, ..operand },
            (kind, UnaryOp::Minus) => DurationExpr {
                range: token.range.to(operand.range),
                kind: DurationKind::Unary(sign, Box::new(DurationExpr { kind, ..operand })),
                wrapped: false,
            },
        }
    }

    /// A sign after `offset`, before a number or a function: a plus is kept there, too.
    fn signed_offset(
        &mut self,
        sign: UnaryOp,
        token: Token,
        operand: DurationExpr,
    ) -> DurationExpr {
        if matches!(operand.kind, DurationKind::Number(_)) {
            return self.signed_duration(sign, token, operand);
        }
        DurationExpr {
            range: token.range.to(operand.range),
            kind: DurationKind::Unary(sign, Box::new(operand)),
            wrapped: false,
        }
    }
}
