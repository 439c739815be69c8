//! Discord: one embedded box.

use serde::Serialize;
use url::Url;

use super::http::{self, Outgoing};
use super::senders::{Call, required};
use super::settings::DiscordSettings;
use super::truncate;
use crate::runner::AttemptError;

/// As much of a title, a box and what stands above it is taken.
const TITLE_CHARS_MAX: usize = 256;
const DESCRIPTION_CHARS_MAX: usize = 4096;
const CONTENT_CHARS_MAX: usize = 2000;
const RED: u32 = 0x99_2d_22;
const GREEN: u32 = 0x2e_cc_71;

#[derive(Serialize)]
struct Message {
    content: String,
    embeds: [Embed; 1],
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    avatar_url: String,
}

#[derive(Serialize)]
struct Embed {
    title: String,
    description: String,
    color: u32,
}

pub(super) async fn send(
    settings: &DiscordSettings,
    call: &Call<'_>,
) -> Result<String, AttemptError> {
    let title = call.text("title", &settings.title)?;
    let description = call.text("message", &settings.message)?;
    let content = call.text("content", &settings.content)?;
    let is_firing = call.rendering.is_firing();
    let message = Message {
        content: truncate::in_chars(content, CONTENT_CHARS_MAX),
        embeds: [Embed {
            title: truncate::in_chars(title, TITLE_CHARS_MAX),
            description: truncate::in_chars(description, DESCRIPTION_CHARS_MAX),
            color: if is_firing { RED } else { GREEN },
        }],
        username: settings.username.clone(),
        // Discord refuses a whole message for a picture that is none.
        avatar_url: match Url::parse(&settings.avatar_url) {
            Ok(_) => settings.avatar_url.clone(),
            Err(_) => String::new(),
        },
    };
    let url = required("webhook_url", settings.webhook_url.as_ref()).await?;
    let url = http::url("webhook_url", &url)?;
    let answer = call
        .send(Outgoing::post_json(url, &message)?.with_secret_url())
        .await?;
    Ok(answer.check(&[])?.summary())
}
