//! Webhooks: a JSON document for whoever listens.

use super::document::{Alerts, document, limited};
use super::http::{self, Outgoing};
use super::payload;
use super::senders::{Call, required};
use super::settings::WebhookSettings;
use crate::runner::AttemptError;

/// The version of the document.
const VERSION: &str = "4";

/// What is sent where the settings say nothing else.
pub(super) fn default_document(
    settings: &WebhookSettings,
    call: &Call<'_>,
) -> Result<String, AttemptError> {
    let (alerts, left_out) = limited(call, settings.max_alerts);
    let limited = (left_out > 0).then(|| call.templates.rendering(call.delivery, alerts));
    let rendering = limited.as_ref().unwrap_or(&call.rendering);
    document(call, rendering, Alerts::All, VERSION, left_out)
}

pub(super) async fn send(
    settings: &WebhookSettings,
    call: &Call<'_>,
) -> Result<String, AttemptError> {
    let (alerts, left_out) = limited(call, settings.max_alerts);
    let limited = (left_out > 0).then(|| call.templates.rendering(call.delivery, alerts));
    let rendering = limited.as_ref().unwrap_or(&call.rendering);
    let body = match &settings.payload {
        None => default_document(settings, call)?,
        Some(payload) => payload::rendered("payload", payload, rendering)?.to_string(),
    };
    let url = required("url", settings.url.as_ref()).await?;
    let url = rendering.text("url", &url)?;
    if url.trim().is_empty() {
        return Err(AttemptError::refused("url: its template printed nothing"));
    }
    let outgoing = Outgoing::new(bellwether_outbound::Method::POST, http::url("url", &url)?)
        .with_body("application/json", body)
        .with_secret_url();
    let answer = call.send_within(outgoing, settings.timeout_ms).await?;
    Ok(answer.check(&[])?.summary())
}
