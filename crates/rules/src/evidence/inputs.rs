//! What a rule compares.

use bellwether_promql::ast::{Binary, BinaryOp, Expr};

/// Most operands of one rule. Chosen: more is no page that anybody reads.
const OPERANDS_MAX: usize = 8;

/// Operands and the comparisons between them, as positions.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    pub(super) operands: Vec<Expr>,
    pub(super) comparisons: Vec<(usize, BinaryOp, usize)>,
    /// Whether there were more than are given.
    pub(super) is_cut: bool,
}

/// The operands of the comparisons that decide whether the expression has a result, in the order of
/// the text. An expression without comparison is its own operand.
pub(super) fn inputs(expr: &Expr) -> Inputs {
    let mut inputs = Inputs::default();
    inputs.collect(expr);
    if inputs.operands.is_empty() {
        inputs.add(expr);
    }
    inputs
}

impl Inputs {
    fn collect(&mut self, expr: &Expr) {
        let binary = match expr.unwrap_parens() {
            Expr::Binary(binary) => binary,
            Expr::Call(call) if ["absent", "absent_over_time"].contains(&call.function.name) => {
                self.add(expr);
                // What is missing was there before.
                if let Some(missing) = call.args.first() {
                    self.add(&instant(missing));
                }
                return;
            }
            // What is compared inside of a function or an aggregation is a detail of its value.
            _ => return,
        };
        if binary.op.is_set() {
            for side in [&binary.lhs, &binary.rhs] {
                let before = self.operands.len();
                self.collect(side);
                // `a > 1 and b`: what b is counts, too.
                if self.operands.len() == before {
                    self.add(side);
                }
            }
        } else if binary.op.is_comparison() {
            self.compare(binary);
        } else {
            self.collect(&binary.lhs);
            self.collect(&binary.rhs);
        }
    }

    fn compare(&mut self, binary: &Binary) {
        // `1 < x < 5`: the inner comparison is one more.
        for side in [&binary.lhs, &binary.rhs] {
            if is_filter(side) {
                self.collect(side);
            }
        }
        let (left, right) = (value_of(&binary.lhs), value_of(&binary.rhs));
        if let (Some(left), Some(right)) = (self.add(left), self.add(right)) {
            let comparison = (left, binary.op, right);
            if !self.comparisons.contains(&comparison) {
                self.comparisons.push(comparison);
            }
        }
    }

    /// The position of an operand, which is new or known.
    fn add(&mut self, expr: &Expr) -> Option<usize> {
        let expr = expr.unwrap_parens();
        let text = expr.to_string();
        let known = self.operands.iter().position(|o| o.to_string() == text);
        if known.is_none() && self.operands.len() >= OPERANDS_MAX {
            self.is_cut = true;
            return None;
        }
        Some(known.unwrap_or_else(|| {
            self.operands.push(expr.clone());
            self.operands.len() - 1
        }))
    }
}

/// The series of a window, or the expression itself.
fn instant(expr: &Expr) -> Expr {
    match expr.unwrap_parens() {
        Expr::Matrix(matrix) => Expr::Vector(Box::new(matrix.selector.clone())),
        other => other.clone(),
    }
}

/// Whether it is a comparison that lets values through.
fn is_filter(expr: &Expr) -> bool {
    let Expr::Binary(binary) = expr.unwrap_parens() else {
        return false;
    };
    binary.op.is_comparison() && !binary.return_bool
}

/// The value that a comparison which lets it through has: that of its vector.
fn value_of(mut expr: &Expr) -> &Expr {
    while let Expr::Binary(binary) = expr.unwrap_parens() {
        if !is_filter(expr) {
            break;
        }
        let is_number = matches!(binary.lhs.unwrap_parens(), Expr::Number(_));
        expr = if is_number { &binary.rhs } else { &binary.lhs };
    }
    expr
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_promql::Features;

    #[track_caller]
    fn check(query: &str, operands: &[&str], comparisons: &[(usize, &str, usize)]) {
        let expr = bellwether_promql::parse(query, &Features::default()).unwrap();
        let found = inputs(&expr);
        let texts: Vec<String> = found.operands.iter().map(Expr::to_string).collect();
        assert_eq!(texts, operands, "{query}");
        let pairs = found.comparisons.iter();
        let pairs: Vec<_> = pairs.map(|(l, op, r)| (*l, op.as_str(), *r)).collect();
        assert_eq!(pairs, comparisons, "{query}");
    }

    #[test]
    fn operands_are_what_decides() {
        check("up == 0", &["up", "0"], &[(0, "==", 1)]);
        check("absent(up)", &["absent(up)", "up"], &[]);
        check(
            "absent_over_time(up[5m])",
            &["absent_over_time(up[5m])", "up"],
            &[],
        );
        check(
            "(sum(rate(a[5m])) / sum(rate(b[5m]))) > 0.05 and on () sum(rate(b[5m])) > 10",
            &[
                "sum(rate(a[5m])) / sum(rate(b[5m]))",
                "0.05",
                "sum(rate(b[5m]))",
                "10",
            ],
            &[(0, ">", 1), (2, ">", 3)],
        );
        check("1 < x < 5", &["1", "x", "5"], &[(0, "<", 1), (1, "<", 2)]);
        check("a > b unless c", &["a", "b", "c"], &[(0, ">", 1)]);
        check("count(a > 3) > 2", &["count(a > 3)", "2"], &[(0, ">", 1)]);
        check(
            "a > 5 or a < 2",
            &["a", "5", "2"],
            &[(0, ">", 1), (0, "<", 2)],
        );
        check("(a > bool 1) * 2", &["a", "1"], &[(0, ">", 1)]);
    }
}
