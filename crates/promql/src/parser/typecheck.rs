//! Whether the parts of a tree fit together.
//!
//! Errors come in the order in which Prometheus finds them, since only the first is reported:
//! operands before the node that joins them.

use crate::ParseError;
use crate::ast::{
    AggregateOp, Binary, Call, Expr, FillValues, MatchCardinality, PosRange, ValueType,
    VectorSelector,
};
use crate::quote::quoted_short;

/// Checks a tree and completes it: set operators match many to many, and only vectors match.
pub(super) fn check(text: &str, expr: &mut Expr, errors: &mut Vec<ParseError>) {
    Checker { text, errors }.check(expr);
}

struct Checker<'c> {
    text: &'c str,
    errors: &'c mut Vec<ParseError>,
}

impl Checker<'_> {
    fn note(&mut self, range: PosRange, message: impl Into<String>) {
        self.errors.push(ParseError::new(self.text, range, message));
    }

    fn expect(&mut self, expr: &mut Expr, want: ValueType, context: &str) {
        let got = self.check(expr);
        if got != want {
            let message = format!(
                "expected type {} in {context}, got {}",
                want.documented(),
                got.documented()
            );
            self.note(expr.range(), message);
        }
    }

    /// Checks a node and all below it, and answers its type. Types come up from the operands
    /// instead of by [`Expr::value_type`], which would walk the tree below each node again.
    fn check(&mut self, expr: &mut Expr) -> ValueType {
        let range = expr.range();
        match expr {
            Expr::Number(_) => ValueType::Scalar,
            Expr::String(_) => ValueType::String,
            Expr::Vector(selector) => {
                self.check_selector(selector);
                ValueType::Vector
            }
            Expr::Matrix(matrix) => {
                self.check_selector(&matrix.selector);
                ValueType::Matrix
            }
            Expr::Paren(paren) => self.check(&mut paren.expr),
            Expr::Unary(unary) => {
                let got = self.check(&mut unary.expr);
                if !matches!(got, ValueType::Scalar | ValueType::Vector) {
                    self.note(
                        range,
                        format!(
                            "unary expression only allowed on expressions of type scalar or instant vector, got {}",
                            quoted_short(got.documented())
                        ),
                    );
                }
                got
            }
            Expr::Subquery(subquery) => {
                let got = self.check(&mut subquery.expr);
                if got != ValueType::Vector {
                    self.note(
                        range,
                        format!(
                            "subquery is only allowed on instant vector, got {} instead",
                            got.as_str()
                        ),
                    );
                }
                ValueType::Matrix
            }
            Expr::Aggregate(aggregate) => {
                self.expect(
                    &mut aggregate.expr,
                    ValueType::Vector,
                    "aggregation expression",
                );
                if let Some(param) = &mut aggregate.param {
                    let want = if aggregate.op == AggregateOp::CountValues {
                        ValueType::String
                    } else {
                        ValueType::Scalar
                    };
                    self.expect(param, want, "aggregation parameter");
                }
                ValueType::Vector
            }
            Expr::Call(call) => {
                self.check_call(call, range);
                call.function.returns
            }
            Expr::Binary(binary) => self.check_binary(binary, range),
        }
    }

    fn check_selector(&mut self, selector: &VectorSelector) {
        if !selector.name.is_empty() {
            let in_braces = selector.matchers.len().saturating_sub(1);
            for matcher in selector.matchers.iter().take(in_braces) {
                if matcher.name == bellwether_model::METRIC_NAME {
                    self.note(
                        selector.range,
                        format!(
                            "metric name must not be set twice: {} or {}",
                            quoted_short(&selector.name),
                            quoted_short(&matcher.value)
                        ),
                    );
                }
            }
            return;
        }
        let selects_everything = selector.matchers.iter().all(|m| m.matches_empty());
        if selects_everything && !selector.is_info_selector {
            self.note(
                selector.range,
                "vector selector must contain at least one non-empty matcher",
            );
        }
    }

    fn check_call(&mut self, call: &mut Call, range: PosRange) {
        let function = call.function;
        let name = quoted_short(function.name);
        let (wanted, got) = (function.args.len(), call.args.len());
        if function.variadic == 0 {
            if wanted != got {
                self.note(
                    range,
                    format!("expected {wanted} argument(s) in call to {name}, got {got}"),
                );
            }
        } else {
            let least = wanted - 1;
            let most = usize::try_from(function.variadic).map(|more| least + more);
            if got < least {
                self.note(
                    range,
                    format!("expected at least {least} argument(s) in call to {name}, got {got}"),
                );
            } else if let Ok(most) = most
                && got > most
            {
                self.note(
                    range,
                    format!("expected at most {most} argument(s) in call to {name}, got {got}"),
                );
            }
        }
        if function.name == "info"
            && let Some(labels) = call.args.get_mut(1)
        {
            self.check_info_labels(labels, range);
        }
        for (index, arg) in call.args.iter_mut().enumerate() {
            let want = match function.args.get(index) {
                Some(want) => *want,
                None if function.variadic == 0 => break,
                None => match function.args.last() {
                    Some(want) => *want,
                    None => break,
                },
            };
            let got = self.check(arg);
            if got != want {
                self.note(
                    arg.range(),
                    format!(
                        "expected type {} in call to function {name}, got {}",
                        want.documented(),
                        got.documented()
                    ),
                );
            }
        }
    }

    /// The second argument of `info()` selects labels, not a metric.
    fn check_info_labels(&mut self, labels: &mut Expr, call: PosRange) {
        let got = labels.value_type();
        if got != ValueType::Vector {
            self.note(
                call,
                format!(
                    "expected type instant vector in call to function \"info\", got {}",
                    got.documented()
                ),
            );
        }
        let range = labels.range();
        match labels {
            Expr::Vector(selector) if selector.name.is_empty() => selector.is_info_selector = true,
            Expr::Vector(_) => self.note(
                range,
                "expected label selectors only, got vector selector instead",
            ),
            _ => self.note(range, "expected label selectors only"),
        }
    }

    /// The bytes between the sides of an operator, without the spaces around.
    fn operator_range(&self, binary: &Binary) -> PosRange {
        let (from, to) = (binary.lhs.range().end, binary.rhs.range().start);
        let between = self.text.get(from as usize..to as usize).unwrap_or("");
        let spaces = between.len() - between.trim_start().len();
        PosRange::new(from + spaces as u32, from + between.trim_end().len() as u32)
    }

    fn check_binary(&mut self, binary: &mut Binary, range: PosRange) -> ValueType {
        let lhs = self.check(&mut binary.lhs);
        let rhs = self.check(&mut binary.rhs);
        let op = binary.op;
        let operator_range = self.operator_range(binary);
        if binary.return_bool && !op.is_comparison() {
            self.note(
                operator_range,
                "bool modifier can only be used on comparison operators",
            );
        }
        let both_scalar = lhs == ValueType::Scalar && rhs == ValueType::Scalar;
        if op.is_comparison() && !binary.return_bool && both_scalar {
            self.note(
                operator_range,
                "comparisons between scalars must use BOOL modifier",
            );
        }
        let mut matching = binary.matching.take().unwrap_or_default();
        if op.is_set() && matching.card == MatchCardinality::OneToOne {
            matching.card = MatchCardinality::ManyToMany;
        }
        if matching.on {
            let twice: Vec<_> = matching
                .labels
                .iter()
                .filter(|label| matching.include.contains(label))
                .collect();
            for label in twice {
                self.note(
                    operator_range,
                    format!(
                        "label {} must not occur in ON and GROUP clause at once",
                        quoted_short(label)
                    ),
                );
            }
        }
        for (side, side_type) in [(&binary.lhs, lhs), (&binary.rhs, rhs)] {
            if !matches!(side_type, ValueType::Scalar | ValueType::Vector) {
                self.note(
                    side.range(),
                    "binary expression must contain only scalar and instant vector types",
                );
            }
        }
        let has_fill = matching.fill != FillValues::default();
        if lhs != ValueType::Vector || rhs != ValueType::Vector {
            if !matching.labels.is_empty() {
                self.note(
                    range,
                    "vector matching only allowed between instant vectors",
                );
            }
            if has_fill {
                self.note(
                    range,
                    "filling in missing series only allowed between instant vectors",
                );
            }
        } else {
            if op.is_set() {
                let name = quoted_short(op.as_str());
                if matching.card != MatchCardinality::ManyToMany {
                    self.note(range, format!("no grouping allowed for {name} operation"));
                }
                if has_fill {
                    self.note(
                        range,
                        "filling in missing series not allowed for set operators",
                    );
                }
            }
            binary.matching = Some(matching);
        }
        if op.is_set() && (lhs == ValueType::Scalar || rhs == ValueType::Scalar) {
            self.note(
                range,
                format!(
                    "set operator {} not allowed in binary scalar expression",
                    quoted_short(op.as_str())
                ),
            );
        }
        if both_scalar {
            ValueType::Scalar
        } else {
            ValueType::Vector
        }
    }
}
