//! incident.io: the document of webhooks, with a limit.

use serde::Deserialize;

use super::document::{Alerts, document, limited};
use super::http::{self, Answer, Outgoing};
use super::senders::Call;
use super::settings::IncidentIoSettings;
use super::source;
use crate::runner::AttemptError;

const VERSION: &str = "1";
/// As much is taken.
const BODY_BYTES_MAX: usize = 512 << 10;

pub(super) async fn send(
    settings: &IncidentIoSettings,
    call: &Call<'_>,
) -> Result<String, AttemptError> {
    let (alerts, left_out) = limited(call, settings.max_alerts);
    let limited = (left_out > 0).then(|| call.templates.rendering(call.delivery, alerts));
    let rendering = limited.as_ref().unwrap_or(&call.rendering);
    let mut body = document(call, rendering, Alerts::All, VERSION, left_out)?;
    if body.len() > BODY_BYTES_MAX {
        // One alert is enough for an incident, and better than none.
        body = document(call, rendering, Alerts::First, VERSION, left_out)?;
    }
    let Some(url) = &settings.url else {
        return Err(AttemptError::refused("url is missing"));
    };
    let url = http::url("url", &source::text("url", url).await?)?;
    let mut outgoing =
        Outgoing::new(bellwether_outbound::Method::POST, url).with_body("application/json", body);
    if let Some(token) = &settings.alert_source_token {
        let token = source::secret("alert_source_token", token).await?;
        outgoing = outgoing
            .with_header("authorization", &format!("Bearer {token}"))?
            .hiding(&token);
    }
    let answer = call.send_within(outgoing, settings.timeout_ms).await?;
    Ok(answer.checked(&[429], details)?.summary())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Refusal {
    message: String,
    errors: Vec<String>,
    error: String,
}

/// What the service says is wrong.
fn details(answer: &Answer) -> String {
    let Ok(refusal) = answer.json::<Refusal>() else {
        return answer.shown_body();
    };
    let errors = refusal.errors.join(", ");
    let parts = [refusal.message, refusal.error, errors];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(": ")
}
