//! Opsgenie: alerts that are created, updated and closed by their alias.

use std::collections::BTreeMap;

use bellwether_outbound::Method;
use serde::Serialize;
use url::Url;

use super::http::{Outgoing, joined};
use super::senders::{Call, required};
use super::settings::OpsgenieSettings;
use super::truncate;
use crate::runner::AttemptError;

const API_URL: &str = "https://api.opsgenie.com/";
/// As much of a message is taken.
const MESSAGE_CHARS_MAX: usize = 130;

#[derive(Serialize)]
struct Create<'a> {
    alias: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    details: BTreeMap<String, String>,
    source: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    responders: Vec<Responder>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    note: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    priority: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    entity: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<String>,
}

#[derive(Serialize)]
struct Responder {
    #[serde(skip_serializing_if = "String::is_empty")]
    id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Serialize)]
struct Close {
    source: String,
}

#[derive(Serialize)]
struct UpdateMessage<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
}

#[derive(Serialize)]
struct UpdateDescription<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
}

pub(super) async fn send(
    settings: &OpsgenieSettings,
    call: &Call<'_>,
) -> Result<String, AttemptError> {
    let api = Call::default_url("api_url", settings.api_url.as_ref(), API_URL)?;
    let key = required("api_key", settings.api_key.as_ref()).await?;
    let key = call.text("api_key", &key)?;
    let mut said = String::new();
    for outgoing in requests(settings, call, &api)? {
        let outgoing = outgoing
            .with_header("authorization", &format!("GenieKey {}", key.trim()))?
            .hiding(key.trim());
        said = call.send(outgoing).await?.check(&[429])?.summary();
    }
    Ok(said)
}

fn requests(
    settings: &OpsgenieSettings,
    call: &Call<'_>,
    api: &Url,
) -> Result<Vec<Outgoing>, AttemptError> {
    let alias = call.hashed_key();
    let of_alert = |what: &str| {
        let mut url = joined(api, &format!("v2/alerts/{alias}/{what}"));
        url.set_query(Some("identifierType=alias"));
        url
    };
    let source = call.text("source", &settings.source)?;
    if !call.rendering.is_firing() {
        let close = Outgoing::post_json(of_alert("close"), &Close { source })?;
        return Ok(vec![close]);
    }
    let message = call.text("message", &settings.message)?;
    let message = truncate::in_chars(message, MESSAGE_CHARS_MAX);
    let description = call.text("description", &settings.description)?;
    let create = Create {
        alias: &alias,
        message: &message,
        description: &description,
        details: details(settings, call)?,
        source,
        responders: responders(settings, call)?,
        tags: listed(&call.text("tags", &settings.tags)?),
        note: call.text("note", &settings.note)?,
        priority: call.text("priority", &settings.priority)?,
        entity: call.text("entity", &settings.entity)?,
        actions: listed(&call.text("actions", &settings.actions)?),
    };
    let mut requests = vec![Outgoing::post_json(joined(api, "v2/alerts"), &create)?];
    if settings.update_alerts {
        let update = UpdateMessage { message: &message };
        requests.push(Outgoing::new(Method::PUT, of_alert("message")).with_json(&update)?);
        let update = UpdateDescription {
            description: &description,
        };
        requests.push(Outgoing::new(Method::PUT, of_alert("description")).with_json(&update)?);
    }
    Ok(requests)
}

/// The labels that all alerts share, and what the settings say.
fn details(
    settings: &OpsgenieSettings,
    call: &Call<'_>,
) -> Result<BTreeMap<String, String>, AttemptError> {
    let mut details: BTreeMap<String, String> = BTreeMap::new();
    if let Some((first, rest)) = call.delivery.alerts.split_first() {
        let shared = first.labels.iter().filter(|(name, value)| {
            let has = |alert: &bellwether_model::Alert| alert.labels.get(name) == Some(*value);
            rest.iter().all(has)
        });
        details.extend(shared.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    for (name, text) in &settings.details {
        let value = call.text(&format!("details.{name}"), text)?;
        details.insert(name.clone(), value);
    }
    Ok(details)
}

fn responders(
    settings: &OpsgenieSettings,
    call: &Call<'_>,
) -> Result<Vec<Responder>, AttemptError> {
    let mut responders = Vec::new();
    for responder in &settings.responders {
        let id = call.text("responders.id", &responder.id)?;
        let name = call.text("responders.name", &responder.name)?;
        let username = call.text("responders.username", &responder.username)?;
        let kind = call.text("responders.type", &responder.kind)?;
        // Those that a label was to name and does not.
        if [&id, &name, &username, &kind]
            .iter()
            .all(|text| text.is_empty())
        {
            continue;
        }
        if kind == "teams" {
            let teams = listed(&name).into_iter().map(|name| Responder {
                id: String::new(),
                name,
                username: String::new(),
                kind: "team".to_owned(),
            });
            responders.extend(teams);
            continue;
        }
        responders.push(Responder {
            id,
            name,
            username,
            kind,
        });
    }
    Ok(responders)
}

/// What stands between commas.
fn listed(text: &str) -> Vec<String> {
    let parts = text.trim().split(',').filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}
