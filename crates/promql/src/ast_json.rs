//! Trees as JSON, the way `/api/v1/parse_query` of Prometheus shows them to its UI.

use bellwether_model::Matcher;
use bellwether_model::number::Plain;
use serde_json::{Value, json};

use crate::ast::{
    AtModifier, DurationExpr, DurationKind, Expr, NumberLiteral, RangeExtension, VectorSelector,
};

/// The tree as JSON.
#[must_use]
pub fn ast_json(expr: &Expr) -> Value {
    match expr {
        Expr::Number(node) => json!({
            "type": "numberLiteral",
            "val": Plain(node.value).to_string(),
        }),
        Expr::String(node) => json!({ "type": "stringLiteral", "val": node.value }),
        Expr::Vector(node) => {
            let mut value = selector_json(node);
            put(&mut value, "type", json!("vectorSelector"));
            value
        }
        Expr::Matrix(node) => {
            let mut value = selector_json(&node.selector);
            put(&mut value, "type", json!("matrixSelector"));
            put(&mut value, "range", json!(node.window_ms));
            put(
                &mut value,
                "rangeExpr",
                optional_duration(node.window_expr.as_deref()),
            );
            value
        }
        Expr::Subquery(node) => json!({
            "type": "subquery",
            "expr": ast_json(&node.expr),
            "range": node.window_ms,
            "rangeExpr": optional_duration(node.window_expr.as_deref()),
            "offset": node.offset_ms,
            "offsetExpr": optional_duration(node.offset_expr.as_deref()),
            "step": node.step_ms,
            "stepExpr": optional_duration(node.step_expr.as_deref()),
            "timestamp": timestamp(node.at),
            "startOrEnd": start_or_end(node.at),
        }),
        Expr::Call(node) => {
            let types: Vec<_> = node.function.args.iter().map(|t| t.as_str()).collect();
            let args: Vec<_> = node.args.iter().map(ast_json).collect();
            json!({
                "type": "call",
                "func": {
                    "name": node.function.name,
                    "argTypes": types,
                    "variadic": node.function.variadic,
                    "returnType": node.function.returns.as_str(),
                },
                "args": args,
            })
        }
        Expr::Aggregate(node) => json!({
            "type": "aggregation",
            "op": node.op.as_str(),
            "expr": ast_json(&node.expr),
            "param": node.param.as_ref().map(ast_json),
            "grouping": node.grouping,
            "without": node.without,
        }),
        Expr::Binary(node) => {
            let matching = node.matching.as_ref().map(|matching| {
                json!({
                    "card": matching.card.as_str(),
                    "labels": matching.labels,
                    "on": matching.on,
                    "include": matching.include,
                    "fillValues": {
                        "lhs": matching.fill.left.map(float_json),
                        "rhs": matching.fill.right.map(float_json),
                    },
                })
            });
            json!({
                "type": "binaryExpr",
                "op": node.op.as_str(),
                "lhs": ast_json(&node.lhs),
                "rhs": ast_json(&node.rhs),
                "matching": matching,
                "bool": node.return_bool,
            })
        }
        Expr::Unary(node) => json!({
            "type": "unaryExpr",
            "op": node.op.as_str(),
            "expr": ast_json(&node.expr),
        }),
        Expr::Paren(node) => json!({ "type": "parenExpr", "expr": ast_json(&node.expr) }),
    }
}

/// A number as Go writes it: whole ones without a fraction.
fn float_json(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        json!(value as i64)
    } else {
        json!(value)
    }
}

fn put(object: &mut Value, key: &str, value: Value) {
    if let Value::Object(map) = object {
        map.insert(key.to_owned(), value);
    }
}

fn selector_json(selector: &VectorSelector) -> Value {
    let matchers: Vec<_> = selector.matchers.iter().map(matcher_json).collect();
    json!({
        "name": selector.name,
        "offset": selector.offset_ms,
        "offsetExpr": optional_duration(selector.offset_expr.as_deref()),
        "matchers": matchers,
        "timestamp": timestamp(selector.at),
        "startOrEnd": start_or_end(selector.at),
        "anchored": selector.extension == Some(RangeExtension::Anchored),
        "smoothed": selector.extension == Some(RangeExtension::Smoothed),
    })
}

fn matcher_json(matcher: &Matcher) -> Value {
    json!({ "name": matcher.name, "value": matcher.value, "type": matcher.op.as_str() })
}

fn timestamp(at: Option<AtModifier>) -> Option<i64> {
    match at {
        Some(AtModifier::Time(ms)) => Some(ms),
        _ => None,
    }
}

fn start_or_end(at: Option<AtModifier>) -> Option<&'static str> {
    match at {
        Some(AtModifier::Start) => Some("start"),
        Some(AtModifier::End) => Some("end"),
        _ => None,
    }
}

fn optional_duration(expr: Option<&DurationExpr>) -> Value {
    expr.map_or(Value::Null, duration_json)
}

fn number_json(number: &NumberLiteral) -> Value {
    json!({
        "type": "numberLiteral",
        "val": Plain(number.value).to_string(),
        "duration": number.is_duration,
    })
}

fn duration_json(expr: &DurationExpr) -> Value {
    let (op, lhs, rhs) = match &expr.kind {
        DurationKind::Number(number) if !expr.wrapped => return number_json(number),
        // Prometheus keeps a number in parentheses as a plus before it.
        DurationKind::Number(number) => ("+", Value::Null, number_json(number)),
        DurationKind::Step => ("step", Value::Null, Value::Null),
        DurationKind::Range => ("range", Value::Null, Value::Null),
        DurationKind::MinOf(lhs, rhs) => ("min_of", duration_json(lhs), duration_json(rhs)),
        DurationKind::MaxOf(lhs, rhs) => ("max_of", duration_json(lhs), duration_json(rhs)),
        DurationKind::Unary(sign, rhs) => (sign.as_str(), Value::Null, duration_json(rhs)),
        DurationKind::Binary(op, lhs, rhs) => (op.as_str(), duration_json(lhs), duration_json(rhs)),
    };
    json!({
        "type": "durationExpr",
        "op": op,
        "lhs": lhs,
        "rhs": rhs,
        "wrapped": expr.wrapped,
    })
}
