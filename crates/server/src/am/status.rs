//! `/status` and `/receivers`.

use axum::response::Response;

use super::{AmCall, Refusal, answer, passes, time_text};

pub(super) async fn status(call: AmCall) -> Result<Response, Refusal> {
    let facts = call.alerting.facts();
    let build = &call.app.build;
    Ok(answer(|json| {
        json.object_begin();
        json.key("cluster").object_begin();
        json.key("peers").array_begin().array_end();
        json.key("status").string("disabled").object_end();
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
