//! VictorOps, now Splunk On-Call: the REST endpoint for alerts.

use std::collections::BTreeMap;

use super::http::{Outgoing, joined};
use super::senders::{Call, required};
use super::settings::VictorOpsSettings;
use super::truncate;
use crate::runner::AttemptError;

const API_URL: &str = "https://alert.victorops.com/integrations/generic/20131114/alert/";
/// As much of a message is taken.
const MESSAGE_CHARS_MAX: usize = 20_480;

pub(super) async fn send(
    settings: &VictorOpsSettings,
    call: &Call<'_>,
) -> Result<String, AttemptError> {
    let key = required("api_key", settings.api_key.as_ref()).await?;
    let routing_key = call.text("routing_key", &settings.routing_key)?;
    let mut kind = call.text("message_type", &settings.message_type)?;
    if !call.rendering.is_firing() {
        kind = "RECOVERY".to_owned();
    } else if !["INFO", "WARNING", "CRITICAL"].contains(&kind.as_str()) {
        kind = "CRITICAL".to_owned();
    }
    let message = call.text("state_message", &settings.state_message)?;
    let name = call.text("entity_display_name", &settings.entity_display_name)?;
    let tool = call.text("monitoring_tool", &settings.monitoring_tool)?;
    let mut body = BTreeMap::from([
        ("message_type", kind),
        ("entity_id", call.hashed_key()),
        ("entity_display_name", name),
        (
            "state_message",
            truncate::in_chars(message, MESSAGE_CHARS_MAX),
        ),
        ("monitoring_tool", tool),
    ]);
    for (name, text) in &settings.custom_fields {
        let value = call.text(&format!("custom_fields.{name}"), text)?;
        body.insert(name, value);
    }
    let api = Call::default_url("api_url", settings.api_url.as_ref(), API_URL)?;
    let url = joined(&api, &format!("{key}/{routing_key}"));
    let outgoing = Outgoing::post_json(url, &body)?
        .with_secret_url()
        .hiding(&key);
    let answer = call.send(outgoing).await?;
    Ok(answer.check(&[])?.summary())
}
