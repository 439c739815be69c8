//! `/status` and `/receivers`.

use axum::response::Response;
use bellwether_notify::replica::Replica;

use super::{AmCall, Refusal, answer, passes, time_text};
use crate::json::JsonWriter;

pub(super) async fn status(call: AmCall) -> Result<Response, Refusal> {
    let facts = call.alerting.facts();
    let build = &call.app.build;
    Ok(answer(|json| {
        json.object_begin();
        json.key("cluster");
        write_cluster(json, &call);
        json.key("config").object_begin();
        json.key("original").string(&facts.config_yaml).object_end();
        json.key("uptime").string(&time_text(call.app.started_ms));
        json.key("versionInfo").object_begin();
        json.key("branch").string("");
        json.key("buildDate").string(&build.build_date);
        json.key("buildUser").string("");
        json.key("goVersion").string(&build.rustc_version);
        json.key("revision").string(&build.revision);
        json.key("version").string(&build.version);
        json.object_end();
        json.object_end();
    }))
}

/// What an Alertmanager says of its cluster: here this replica and, where it is another, the one that
/// has the lease. Of those that only wait for it nobody knows.
fn write_cluster(json: &mut JsonWriter, call: &AmCall) {
    let status = call.alerting.replica.as_ref().map(Replica::status);
    json.object_begin();
    json.key("peers").array_begin();
    if let Some(status) = &status {
        let own_url = call.app.settings.external_url.as_ref();
        let own_url = own_url.map(ToString::to_string).unwrap_or_default();
        let holder_url = if status.holder.contains("://") {
            status.holder.as_str()
        } else {
            ""
        };
        let other = (status.holder.as_str(), holder_url);
        let others = [other].into_iter().filter(|(name, _)| {
            !name.is_empty() && *name != status.name && status.leading.is_none()
        });
        for (name, address) in [(status.name.as_str(), own_url.as_str())]
            .into_iter()
            .chain(others)
        {
            json.object_begin();
            json.key("name").string(name);
            json.key("address").string(address).object_end();
        }
    }
    json.array_end();
    let word = match &status {
        None => "disabled",
        Some(status) if status.leading.is_some() || !status.holder.is_empty() => "ready",
        Some(_) => "settling",
    };
    if let Some(status) = &status {
        json.key("name").string(&status.name);
    }
    json.key("status").string(word).object_end();
}

pub(super) async fn receivers(call: AmCall) -> Result<Response, Refusal> {
    let matchers = call.filter("receiver_matchers").map_err(|error| {
        Refusal::bad(format_args!(
            "failed to parse receiver_matchers param: {error}"
        ))
    })?;
    let facts = call.alerting.facts();
    Ok(answer(|json| {
        json.array_begin();
        for (name, labels) in &facts.receivers {
            if !matchers.is_empty() && !passes(&matchers, labels) {
                continue;
            }
            json.object_begin();
            json.key("name").string(name);
            if !labels.is_empty() {
                json.key("labels").labels(labels);
            }
            json.object_end();
        }
        json.array_end();
    }))
}
