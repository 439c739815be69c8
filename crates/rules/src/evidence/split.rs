//! An expression split by a label that it aggregates away.

use bellwether_promql::ast::{AggregateOp, BinaryOp, Expr};

/// The expression with one element for each value of a label; `None`: it aggregates nothing away.
pub(crate) fn split(expr: &Expr, label: &str) -> Option<Expr> {
    let mut split = expr.clone();
    divide(&mut split, label).then_some(split)
}

/// Changes aggregations and the matching between them. Gives whether any was changed.
fn divide(expr: &mut Expr, label: &str) -> bool {
    let mut changed = false;
    for child in expr.children_mut() {
        changed |= divide(child, label);
    }
    match expr {
        Expr::Aggregate(node) => {
            let at = node.grouping.iter().position(|name| name == label);
            match (node.without, at) {
                (false, None) => node.grouping.push(label.to_owned()),
                (true, Some(at)) => drop(node.grouping.remove(at)),
                _ => return changed,
            }
            true
        }
        Expr::Binary(node) => {
            if changed && let Some(matching) = &mut node.matching {
                let at = matching.labels.iter().position(|name| name == label);
                match (matching.on, at) {
                    (true, None) => matching.labels.push(label.to_owned()),
                    (false, Some(at)) => drop(matching.labels.remove(at)),
                    _ => {}
                }
            }
            changed
        }
        _ => changed,
    }
}

/// How the parts of a whole make the whole.
#[derive(Debug, PartialEq)]
pub(crate) enum Whole<'a> {
    /// The whole is the sum of its parts.
    Sum,
    /// The whole is the sum of its parts of `numerator`, divided by the whole of `denominator`.
    Ratio {
        numerator: &'a Expr,
        denominator: &'a Expr,
    },
    /// None of these.
    Other,
}

pub(crate) fn whole(expr: &Expr) -> Whole<'_> {
    match expr.unwrap_parens() {
        Expr::Aggregate(node) if matches!(node.op, AggregateOp::Sum | AggregateOp::Count) => {
            Whole::Sum
        }
        Expr::Unary(node) => whole(&node.expr),
        Expr::Binary(node) => {
            let is_number = |side: &Expr| matches!(side.unwrap_parens(), Expr::Number(_));
            let (left, right) = (whole(&node.lhs), whole(&node.rhs));
            match node.op {
                BinaryOp::Div if is_number(&node.rhs) => left,
                BinaryOp::Mul if is_number(&node.rhs) => left,
                BinaryOp::Mul if is_number(&node.lhs) => right,
                BinaryOp::Div if left == Whole::Sum => Whole::Ratio {
                    numerator: &node.lhs,
                    denominator: &node.rhs,
                },
                BinaryOp::Add | BinaryOp::Sub if left == Whole::Sum && right == Whole::Sum => {
                    Whole::Sum
                }
                _ => Whole::Other,
            }
        }
        _ => Whole::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_promql::Features;

    fn parse(query: &str) -> Expr {
        bellwether_promql::parse(query, &Features::default()).unwrap()
    }

    #[track_caller]
    fn check(query: &str, want: Option<&str>) {
        let found = split(&parse(query), "l").map(|expr| expr.to_string());
        assert_eq!(found.as_deref(), want, "{query}");
    }

    #[test]
    fn aggregations_keep_the_label() {
        check("rate(a[5m])", None);
        check("sum(rate(a[5m]))", Some("sum by (l) (rate(a[5m]))"));
        check("sum by (l) (a)", None);
        check("sum without (l, m) (a)", Some("sum without (m) (a)"));
        check(
            "histogram_quantile(0.95, sum by (le, x) (rate(a_bucket[5m])))",
            Some("histogram_quantile(0.95, sum by (le, x, l) (rate(a_bucket[5m])))"),
        );
        check(
            "sum by (x) (a) / on (x) sum by (x) (b)",
            Some("sum by (x, l) (a) / on (x, l) sum by (x, l) (b)"),
        );
    }

    #[test]
    fn wholes_are_told_apart() {
        let kind = |query: &str| match whole(&parse(query)) {
            Whole::Sum => "sum",
            Whole::Ratio { .. } => "ratio",
            Whole::Other => "other",
        };
        for (query, want) in [
            ("sum(a)", "sum"),
            ("sum(a) * 100", "sum"),
            ("-sum(a)", "sum"),
            ("sum(a) + sum(b)", "sum"),
            ("sum(a) / sum(b)", "ratio"),
            ("100 * sum(a) / sum(b)", "ratio"),
            ("avg(a)", "other"),
            ("histogram_quantile(0.9, sum by (le) (a))", "other"),
        ] {
            assert_eq!(kind(query), want, "{query}");
        }
    }
}
