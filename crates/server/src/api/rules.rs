//! Rules, alerts and Alertmanagers.
//!
//! ## Invariants
//! No rule is evaluated yet, so the lists are empty; their shapes and the checks of parameters are
//! those of Prometheus, so that Grafana's alert pages work and say "none".

use bellwether_model::short;

use super::{Call, catalog};
use crate::envelope::{Answer, ApiError};

/// `/rules`
pub(super) async fn rules(call: Call) -> Result<Answer, ApiError> {
    let params = &call.params;
    catalog::matcher_sets(params)?;
    let kind = params.get("type").to_lowercase();
    if !matches!(kind.as_str(), "" | "alert" | "record") {
        return Err(ApiError::invalid_parameter(
            "type",
            format_args!("not supported value {:?}", short(&kind)),
        ));
    }
    params.boolean("exclude_alerts", false)?;
    let (limit, token) = (params.get("group_limit"), params.get("group_next_token"));
    if !token.is_empty() && limit.is_empty() {
        return Err(ApiError::invalid_parameter(
            "group_next_token",
            "group_limit needs to be present in order to paginate over the groups",
        ));
    }
    if !limit.is_empty() {
        let limit: i32 = limit.parse().map_err(|error| {
            let reason = format!("group_limit needs to be a valid number: {error}");
            ApiError::invalid_parameter("group_limit", reason)
        })?;
        if limit <= 0 {
            let reason = "group_limit needs to be greater than 0";
            return Err(ApiError::invalid_parameter("group_limit", reason));
        }
        if !token.is_empty() {
            return Err(ApiError::invalid_parameter(
                "group_next_token",
                format_args!(
                    "invalid group_next_token '{}'. were rule groups changed?",
                    short(token)
                ),
            ));
        }
    }
    Ok(Answer::write(|json| {
        json.raw("{\"groups\":[]}");
    }))
}

/// `/alerts`
pub(super) async fn alerts(_call: Call) -> Result<Answer, ApiError> {
    Ok(Answer::write(|json| {
        json.raw("{\"alerts\":[]}");
    }))
}

/// `/alertmanagers`
pub(super) async fn alertmanagers(_call: Call) -> Result<Answer, ApiError> {
    Ok(Answer::write(|json| {
        json.raw("{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}");
    }))
}
