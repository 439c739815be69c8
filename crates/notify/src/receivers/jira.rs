//! Jira: an issue for a group, found again by a label.

use std::collections::BTreeMap;

use bellwether_model::{go_quote::quoted, short};
use bellwether_outbound::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use super::http::{Outgoing, joined};
use super::senders::Call;
use super::settings::{JiraApi, JiraSettings};
use super::{payload, truncate};
use crate::runner::AttemptError;

/// As much of a summary and a description is taken.
const SUMMARY_CHARS_MAX: usize = 255;
const DESCRIPTION_CHARS_MAX: usize = 32_767;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Found {
    issues: Vec<Issue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Issue {
    key: String,
    fields: Option<IssueFields>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct IssueFields {
    status: Option<Status>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    #[serde(rename = "statusCategory")]
    category: Category,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Category {
    key: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Transitions {
    transitions: Vec<Transition>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Transition {
    id: String,
    name: String,
}

pub(super) async fn send(settings: &JiraSettings, call: &Call<'_>) -> Result<String, AttemptError> {
    let Some(api) = &settings.api_url else {
        return Err(AttemptError::refused("api_url is missing"));
    };
    let label = format!("ALERT{{{}}}", call.hashed_key());
    let about = |what: &'static str| move |error: AttemptError| error.about(what);
    let found = find(settings, call, api, &label)
        .await
        .map_err(about("existing issues cannot be searched"))?;
    let mut fields = fields(settings, call, api, &label)?;
    let Some(issue) = found else {
        if !call.rendering.is_firing() {
            return Ok("no open issue to resolve".to_owned());
        }
        let outgoing = Outgoing::post_json(joined(api, "issue"), &json!({ "fields": fields }))?;
        let outgoing = outgoing.with_header("accept-language", "en")?;
        let answer = call.send(outgoing).await;
        let answer = answer
            .and_then(|answer| answer.check(&[429]))
            .map_err(about("the issue cannot be created"))?;
        let issue: Issue = answer.json().unwrap_or_default();
        return Ok(format!("created {}", short(&issue.key)));
    };
    if !is_key(&issue.key) {
        return Err(AttemptError::refused(format!(
            "the search gave {:?} as an issue's key",
            short(&issue.key)
        )));
    }
    for (name, field) in [
        ("summary", &settings.summary),
        ("description", &settings.description),
    ] {
        if !field.enable_update {
            fields.remove(name);
        }
    }
    let url = joined(api, &format!("issue/{}", issue.key));
    let outgoing = Outgoing::new(Method::PUT, url).with_json(&json!({ "fields": fields }))?;
    let outgoing = outgoing.with_header("accept-language", "en")?;
    call.send(outgoing)
        .await
        .and_then(|answer| answer.check(&[429]))
        .map_err(about("the issue cannot be updated"))?;
    let moved = transit(settings, call, api, &issue)
        .await
        .map_err(about("the issue's state cannot be changed"))?;
    Ok(match moved {
        None => format!("updated {}", issue.key),
        Some(name) => format!("updated {}, {name}", issue.key),
    })
}

/// Whether a text is what keys of issues look like, and so may stand in a path.
fn is_key(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    !text.is_empty() && text.bytes().all(fits)
}

async fn ask<T: DeserializeOwned>(call: &Call<'_>, outgoing: Outgoing) -> Result<T, AttemptError> {
    // Names of transitions come in the language that is asked for.
    let outgoing = outgoing.with_header("accept-language", "en")?;
    call.send(outgoing).await?.check(&[429])?.json()
}

/// The issue of the group that is open or may be opened again.
async fn find(
    settings: &JiraSettings,
    call: &Call<'_>,
    api: &Url,
    label: &str,
) -> Result<Option<Issue>, AttemptError> {
    let mut jql = String::new();
    let wont_fix = call.text("wont_fix_resolution", &settings.wont_fix_resolution)?;
    if !wont_fix.is_empty() {
        // Of itself, != leaves out issues without a resolution.
        jql.push_str(&format!(
            "(resolution is EMPTY or resolution != {}) and ",
            quoted(&wont_fix)
        ));
    }
    let minutes = settings.reopen_duration_ms / 60_000;
    if call.rendering.is_firing() && !settings.reopen_transition.is_empty() && minutes > 0 {
        jql.push_str(&format!(
            "(resolutiondate is EMPTY OR resolutiondate >= -{minutes}m) and "
        ));
    } else {
        jql.push_str("statusCategory != Done and ");
    }
    let project = call.text("project", &settings.project)?;
    jql.push_str(&format!(
        "project={} and labels={} order by status ASC,resolutiondate DESC",
        quoted(&project),
        quoted(label)
    ));
    let search = json!({ "fields": ["status"], "jql": jql, "maxResults": 2 });
    let is_cloud = match settings.api {
        JiraApi::Cloud => true,
        JiraApi::Datacenter => false,
        JiraApi::Auto => api
            .host_str()
            .is_some_and(|host| host.ends_with("atlassian.net")),
    };
    let url = if is_cloud {
        let mut url = joined(api, "search/jql");
        // The older API's search is not there any more.
        let path = url.path().replacen("/rest/api/2/", "/rest/api/3/", 1);
        url.set_path(&path);
        url
    } else {
        joined(api, "search")
    };
    let found: Found = ask(call, Outgoing::post_json(url, &search)?).await?;
    Ok(found.issues.into_iter().next())
}

/// The fields of the issue, in their order of Alertmanager's: by name.
fn fields(
    settings: &JiraSettings,
    call: &Call<'_>,
    api: &Url,
    label: &str,
) -> Result<BTreeMap<String, Value>, AttemptError> {
    let summary = call.text("summary", &settings.summary.template)?;
    let summary = truncate::in_chars(summary, SUMMARY_CHARS_MAX);
    let project = call.text("project", &settings.project)?;
    let issue_type = call.text("issue_type", &settings.issue_type)?;
    let mut labels = vec![label.to_owned()];
    for text in &settings.labels {
        labels.push(call.text("labels", text)?);
    }
    labels.sort_unstable();
    let mut fields = BTreeMap::from([
        ("issuetype".to_owned(), json!({ "name": issue_type })),
        ("labels".to_owned(), json!(labels)),
        ("project".to_owned(), json!({ "key": project })),
        ("summary".to_owned(), json!(summary)),
    ]);
    let description = call.text("description", &settings.description.template)?;
    let description = truncate::in_chars(description, DESCRIPTION_CHARS_MAX);
    if let Some(value) = self::description(&description, api) {
        fields.insert("description".to_owned(), value);
    }
    let priority = call.text("priority", &settings.priority)?;
    if !priority.is_empty() {
        fields.insert("priority".to_owned(), json!({ "name": priority }));
    }
    fields.extend(payload::rendered_map(
        "fields",
        &settings.fields,
        &call.rendering,
    )?);
    Ok(fields)
}

/// A description as the API takes it: version 3 has documents. A text that is no document becomes
/// one of a paragraph, so that the default template works there, too.
fn description(text: &str, api: &Url) -> Option<Value> {
    let is_v3 = api.path().trim_end_matches('/').ends_with("/3");
    if !is_v3 {
        return (!text.is_empty()).then(|| json!(text));
    }
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    Some(match serde_json::from_str(text) {
        Ok(document @ Value::Object(_)) => document,
        _ => json!({
            "type": "doc",
            "version": 1,
            "content": [{
                "type": "paragraph",
                "content": [{ "type": "text", "text": text }],
            }],
        }),
    })
}

/// Opens or resolves an issue where its state does not fit. Gives the transition.
async fn transit(
    settings: &JiraSettings,
    call: &Call<'_>,
    api: &Url,
    issue: &Issue,
) -> Result<Option<String>, AttemptError> {
    let status = issue.fields.as_ref().and_then(|it| it.status.as_ref());
    let Some(status) = status else {
        return Ok(None);
    };
    let is_done = status.category.key == "done";
    let (setting, transition) = match (call.rendering.is_firing(), is_done) {
        (true, true) => ("reopen_transition", &settings.reopen_transition),
        (false, false) => ("resolve_transition", &settings.resolve_transition),
        _ => return Ok(None),
    };
    let name = call.text(setting, transition)?;
    if name.is_empty() {
        return Ok(None);
    }
    let url = joined(api, &format!("issue/{}/transitions", issue.key));
    let offered: Transitions = ask(call, Outgoing::new(Method::GET, url.clone())).await?;
    let known = offered.transitions.iter().find(|it| it.name == name);
    let Some(known) = known else {
        let names: Vec<&str> = offered.transitions.iter().map(|it| &*it.name).collect();
        return Err(AttemptError::refused(format!(
            "{setting}: {} has no transition {:?}, but {:?}",
            issue.key,
            short(&name),
            short(&names.join(", "))
        )));
    };
    let body = json!({ "transition": { "id": known.id } });
    let outgoing = Outgoing::post_json(url, &body)?.with_header("accept-language", "en")?;
    call.send(outgoing).await?.check(&[429])?;
    Ok(Some(name))
}
