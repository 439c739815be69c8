//! PagerDuty: Events API v2, and v1 for services that have a key of the older kind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::http::{self, Answer, Outgoing};
use super::senders::Call;
use super::settings::PagerDutySettings;
use super::{payload, source, truncate};
use crate::runner::AttemptError;

const URL: &str = "https://events.pagerduty.com/v2/enqueue";
/// As much is taken.
const EVENT_BYTES_MAX: usize = 512_000;
/// As much of a summary is taken.
const SUMMARY_CHARS_MAX: usize = 1024;

#[derive(Serialize)]
struct Event {
    #[serde(skip_serializing_if = "String::is_empty")]
    routing_key: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    service_key: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    dedup_key: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    incident_key: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    event_type: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    event_action: &'static str,
    payload: Option<Payload>,
    #[serde(skip_serializing_if = "String::is_empty")]
    client: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    client_url: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    details: BTreeMap<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<Image>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link>,
}

#[derive(Serialize)]
struct Payload {
    summary: String,
    source: String,
    severity: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    class: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    component: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    group: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    custom_details: BTreeMap<String, Value>,
}

#[derive(Serialize)]
struct Image {
    src: String,
    alt: String,
    href: String,
}

#[derive(Serialize)]
struct Link {
    href: String,
    text: String,
}

pub(super) async fn send(
    settings: &PagerDutySettings,
    call: &Call<'_>,
) -> Result<String, AttemptError> {
    let details = payload::rendered_map("details", &settings.details, &call.rendering)?;
    let action = if call.rendering.is_firing() {
        "trigger"
    } else {
        "resolve"
    };
    let is_v1 = settings.service_key.is_some();
    let (setting, key) = if is_v1 {
        ("service_key", &settings.service_key)
    } else {
        ("routing_key", &settings.routing_key)
    };
    let Some(key) = key else {
        return Err(AttemptError::refused("routing_key is missing"));
    };
    let key = call.text(setting, &source::secret(setting, key).await?)?;
    if key.is_empty() {
        return Err(AttemptError::refused(format!("{setting} is empty")));
    }
    let (event, url, retried) = if is_v1 {
        (
            event_v1(settings, call, action, key.clone(), details)?,
            http::url("url", call.endpoints.pagerduty_v1)?,
            // How v1 says that there are too many requests.
            403,
        )
    } else {
        (
            event_v2(settings, call, action, key.clone(), details)?,
            Call::default_url("url", settings.url.as_ref(), URL)?,
            429,
        )
    };
    let outgoing = Outgoing::new(bellwether_outbound::Method::POST, url)
        .with_body("application/json", written(event)?)
        .hiding(&key);
    let answer = call.send_within(outgoing, settings.timeout_ms).await?;
    Ok(answer.checked(&[retried], refusal)?.summary())
}

/// The event; one that is too long loses its details.
fn written(mut event: Event) -> Result<Vec<u8>, AttemptError> {
    let write = |event: &Event| {
        serde_json::to_vec(event).map_err(|error| AttemptError::refused(error.to_string()))
    };
    let text = write(&event)?;
    if text.len() <= EVENT_BYTES_MAX {
        return Ok(text);
    }
    let short = BTreeMap::from([(
        "error".to_owned(),
        json!(
            "Custom details have been removed because the original event exceeds the maximum \
             size of 512KB"
        ),
    )]);
    match &mut event.payload {
        Some(payload) => payload.custom_details = short,
        None => event.details = short,
    }
    write(&event)
}

fn event_v1(
    settings: &PagerDutySettings,
    call: &Call<'_>,
    action: &'static str,
    service_key: String,
    details: BTreeMap<String, Value>,
) -> Result<Event, AttemptError> {
    let description = call.text("description", &settings.description)?;
    let on_trigger = |setting, text: &str| {
        if action == "trigger" {
            call.text(setting, text)
        } else {
            Ok(String::new())
        }
    };
    Ok(Event {
        routing_key: String::new(),
        service_key,
        dedup_key: String::new(),
        incident_key: call.hashed_key(),
        event_type: action,
        description: truncate::in_chars(description, SUMMARY_CHARS_MAX),
        event_action: "",
        payload: None,
        client: on_trigger("client", &settings.client)?,
        client_url: on_trigger("client_url", &settings.client_url)?,
        details,
        images: Vec::new(),
        links: Vec::new(),
    })
}

fn event_v2(
    settings: &PagerDutySettings,
    call: &Call<'_>,
    action: &'static str,
    routing_key: String,
    details: BTreeMap<String, Value>,
) -> Result<Event, AttemptError> {
    let summary = call.text("description", &settings.description)?;
    let or = |text: &str, default: &str| if text.is_empty() { default } else { text }.to_owned();
    let payload = Payload {
        summary: truncate::in_chars(summary, SUMMARY_CHARS_MAX),
        source: call.text("source", &or(&settings.source, &settings.client))?,
        severity: call.text("severity", &or(&settings.severity, "error"))?,
        class: call.text("class", &settings.class)?,
        component: call.text("component", &settings.component)?,
        group: call.text("group", &settings.group)?,
        custom_details: details,
    };
    let mut images = Vec::new();
    for image in &settings.images {
        let image = Image {
            src: call.text("images.src", &image.src)?,
            alt: call.text("images.alt", &image.alt)?,
            href: call.text("images.href", &image.href)?,
        };
        if !image.src.is_empty() {
            images.push(image);
        }
    }
    let mut links = Vec::new();
    for link in &settings.links {
        let link = Link {
            href: call.text("links.href", &link.href)?,
            text: call.text("links.text", &link.text)?,
        };
        if !link.href.is_empty() {
            links.push(link);
        }
    }
    Ok(Event {
        routing_key,
        service_key: String::new(),
        dedup_key: call.hashed_key(),
        incident_key: String::new(),
        event_type: "",
        description: String::new(),
        event_action: action,
        payload: Some(payload),
        client: call.text("client", &settings.client)?,
        client_url: call.text("client_url", &settings.client_url)?,
        details: BTreeMap::new(),
        images,
        links,
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Refusal {
    message: String,
    errors: Vec<String>,
}

/// What PagerDuty says is wrong with an event.
fn refusal(answer: &Answer) -> String {
    match answer.json::<Refusal>() {
        Ok(refusal) if answer.status() == 400 => {
            format!("{}: {}", refusal.message, refusal.errors.join(","))
        }
        _ => answer.shown_body(),
    }
}
