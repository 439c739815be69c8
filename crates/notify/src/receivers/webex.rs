//! Webex: a message to a room.

use serde::Serialize;

use super::http::Outgoing;
use super::senders::Call;
use super::settings::WebexSettings;
use super::truncate;
use crate::runner::AttemptError;

const API_URL: &str = "https://webexapis.com/v1/messages";
/// As much of a message is taken.
const MESSAGE_BYTES_MAX: usize = 7439;

#[derive(Serialize)]
struct Message {
    markdown: String,
    #[serde(rename = "roomId", skip_serializing_if = "String::is_empty")]
    room_id: String,
}

pub(super) async fn send(
    settings: &WebexSettings,
    call: &Call<'_>,
) -> Result<String, AttemptError> {
    let markdown = call.text("message", &settings.message)?;
    let message = Message {
        markdown: truncate::in_bytes(markdown, MESSAGE_BYTES_MAX),
        room_id: call.text("room_id", &settings.room_id)?,
    };
    let url = Call::default_url("api_url", settings.api_url.as_ref(), API_URL)?;
    let answer = call.send(Outgoing::post_json(url, &message)?).await?;
    Ok(answer.check(&[])?.summary())
}
