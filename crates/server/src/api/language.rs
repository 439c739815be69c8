//! What is asked of the language alone: selectors, formatting, syntax trees.

use bellwether_model::Matchers;
use bellwether_promql::{Features, ParseError};

use super::Call;
use crate::envelope::{Answer, ApiError};

/// The matchers of a series selector such as `up{job="a"}`.
pub(super) fn selector(text: &str) -> Result<Matchers, ParseError> {
    bellwether_promql::parse_metric_selector(text)
}

/// The matchers of all selectors of an expression, for exemplars.
pub(super) fn selectors(query: &str, features: &Features) -> Result<Vec<Matchers>, ParseError> {
    let expr = bellwether_promql::parse(query, features)?;
    Ok(expr
        .selectors()
        .into_iter()
        .map(|selector| selector.matchers.clone())
        .collect())
}

/// `/format_query`
pub(super) async fn format_query(call: Call) -> Result<Answer, ApiError> {
    let expr = parse(&call)?;
    Ok(Answer::write(|json| {
        json.string(&expr.pretty());
    }))
}

/// `/parse_query`
pub(super) async fn parse_query(call: Call) -> Result<Answer, ApiError> {
    let expr = parse(&call)?;
    Ok(Answer::write(|json| {
        json.raw(&bellwether_promql::ast_json(&expr).to_string());
    }))
}

fn parse(call: &Call) -> Result<bellwether_promql::Expr, ApiError> {
    let features = call.app.services()?.engine.options().features;
    bellwether_promql::parse(call.params.get("query"), &features)
        .map_err(|error| ApiError::invalid_parameter("query", error))
}
