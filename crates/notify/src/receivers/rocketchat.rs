//! Rocket.Chat: a message by its REST API.

use serde::{Deserialize, Serialize};

use super::http::{Outgoing, joined};
use super::senders::{Call, required};
use super::settings::RocketChatSettings;
use super::truncate;
use crate::runner::AttemptError;

const API_URL: &str = "https://open.rocket.chat/";
/// As much of a title is taken.
const TITLE_CHARS_MAX: usize = 1024;

#[derive(Serialize)]
struct Message {
    #[serde(skip_serializing_if = "String::is_empty")]
    channel: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    emoji: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    avatar: String,
    attachments: [Attachment; 1],
}

#[derive(Serialize)]
struct Attachment {
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title_link: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    image_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    thumb_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    color: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Action>,
}

#[derive(Serialize)]
struct Field {
    short: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    value: String,
}

#[derive(Serialize)]
struct Action {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    url: String,
    is_webview: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    msg: String,
    msg_in_chat_window: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Reply {
    success: bool,
    error: String,
}

pub(super) async fn send(
    settings: &RocketChatSettings,
    call: &Call<'_>,
) -> Result<String, AttemptError> {
    let message = message(settings, call)?;
    let user = required("token_id", settings.token_id.as_ref()).await?;
    let token = required("token", settings.token.as_ref()).await?;
    let api = Call::default_url("api_url", settings.api_url.as_ref(), API_URL)?;
    let outgoing = Outgoing::post_json(joined(&api, "api/v1/chat.postMessage"), &message)?
        .with_header("x-auth-token", &token)?
        .with_header("x-user-id", &user)?
        .hiding(&token)
        .hiding(&user);
    let about = |error: AttemptError| error.about(&format!("channel {:?}", message.channel));
    let answer = call.send(outgoing).await?.check(&[]).map_err(about)?;
    let reply: Reply = answer.json().map_err(about)?;
    if !reply.success {
        let said = answer.cleaned(&reply.error);
        let text = format!("error response from Rocket.Chat: {said}");
        return Err(about(AttemptError::refused(text)));
    }
    Ok(answer.summary())
}

fn message(settings: &RocketChatSettings, call: &Call<'_>) -> Result<Message, AttemptError> {
    let title = call.text("title", &settings.title)?;
    let fields = settings.fields.iter().map(|field| {
        Ok(Field {
            short: field.short.unwrap_or(settings.short_fields),
            title: call.text("fields.title", &field.title)?,
            value: call.text("fields.value", &field.value)?,
        })
    });
    let actions = settings.actions.iter().map(|action| {
        Ok(Action {
            // No other kind is known to the service.
            kind: "button",
            text: call.text("actions.text", &action.text)?,
            url: call.text("actions.url", &action.url)?,
            is_webview: false,
            msg: call.text("actions.msg", &action.msg)?,
            msg_in_chat_window: false,
        })
    });
    Ok(Message {
        channel: call.text("channel", &settings.channel)?,
        emoji: call.text("emoji", &settings.emoji)?,
        avatar: call.text("icon_url", &settings.icon_url)?,
        attachments: [Attachment {
            title: truncate::in_chars(title, TITLE_CHARS_MAX),
            title_link: call.text("title_link", &settings.title_link)?,
            text: call.text("text", &settings.text)?,
            image_url: call.text("image_url", &settings.image_url)?,
            thumb_url: call.text("thumb_url", &settings.thumb_url)?,
            color: call.text("color", &settings.color)?,
            fields: fields.collect::<Result<_, AttemptError>>()?,
            actions: actions.collect::<Result<_, AttemptError>>()?,
        }],
    })
}
