//! Mattermost: an incoming webhook.

use serde::Serialize;

use super::http::{self, Outgoing};
use super::senders::{Call, required};
use super::settings::{MattermostAttachment, MattermostPriority, MattermostSettings};
use super::truncate;
use crate::runner::AttemptError;

/// As much of a text is taken.
const TEXT_CHARS_MAX: usize = 16_383;

#[derive(Serialize)]
struct Message {
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    channel: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    icon_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    icon_emoji: String,
    attachments: Vec<Attachment>,
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    props: Option<Props>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<Priority>,
}

#[derive(Serialize)]
struct Props {
    #[serde(skip_serializing_if = "String::is_empty")]
    card: String,
}

#[derive(Serialize)]
struct Priority {
    priority: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    requested_ack: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    persistent_notifications: bool,
}

#[derive(Serialize)]
struct Attachment {
    #[serde(skip_serializing_if = "String::is_empty")]
    fallback: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    color: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pretext: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    author_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    author_link: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    author_icon: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title_link: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
    #[serde(skip_serializing_if = "String::is_empty")]
    thumb_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    footer: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    footer_icon: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    image_url: String,
}

#[derive(Serialize)]
struct Field {
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    short: Option<bool>,
}

pub(super) async fn send(
    settings: &MattermostSettings,
    call: &Call<'_>,
) -> Result<String, AttemptError> {
    let message = message(settings, call)?;
    let url = required("webhook_url", settings.webhook_url.as_ref()).await?;
    let url = http::url("webhook_url", &url)?;
    let about = |error: AttemptError| error.about(&format!("channel {:?}", message.channel));
    let outgoing = Outgoing::post_json(url, &message)?.with_secret_url();
    let answer = call.send(outgoing).await?.check(&[]).map_err(about)?;
    Ok(answer.summary())
}

fn message(settings: &MattermostSettings, call: &Call<'_>) -> Result<Message, AttemptError> {
    let (text, attachments) = if settings.attachments.is_empty() {
        (
            String::new(),
            vec![attachment("", &settings.attachment, call)?],
        )
    } else {
        let text = call.text("text", &settings.attachment.text)?;
        let attachments = settings
            .attachments
            .iter()
            .map(|it| attachment("attachments.", it, call));
        (
            truncate::in_chars(text, TEXT_CHARS_MAX),
            attachments.collect::<Result<_, _>>()?,
        )
    };
    let card = call.text("props.card", &settings.card)?;
    let priority = settings
        .priority
        .as_ref()
        .filter(|it| !it.priority.is_empty());
    Ok(Message {
        text,
        channel: call.text("channel", &settings.channel)?,
        username: call.text("username", &settings.username)?,
        icon_url: call.text("icon_url", &settings.icon_url)?,
        icon_emoji: call.text("icon_emoji", &settings.icon_emoji)?,
        attachments,
        kind: call.text("type", &settings.kind)?,
        props: (!settings.card.is_empty()).then_some(Props { card }),
        priority: priority.map(|it| self::priority(it, call)).transpose()?,
    })
}

/// What goes together: only urgent messages ring until acknowledged, standard ones are not
/// acknowledged at all; Mattermost refuses the rest.
fn priority(settings: &MattermostPriority, call: &Call<'_>) -> Result<Priority, AttemptError> {
    let name = call.text("priority.priority", &settings.priority)?;
    let priority = match name.to_lowercase().as_str() {
        "urgent" => "urgent",
        "important" => "important",
        _ => "standard",
    };
    Ok(Priority {
        priority,
        requested_ack: settings.requested_ack && priority != "standard",
        persistent_notifications: settings.persistent_notifications && priority == "urgent",
    })
}

fn attachment(
    below: &str,
    settings: &MattermostAttachment,
    call: &Call<'_>,
) -> Result<Attachment, AttemptError> {
    let text = |name: &str, text: &str| call.text(&format!("{below}{name}"), text);
    let fields = settings.fields.iter().map(|field| {
        Ok(Field {
            title: text("fields.title", &field.title)?,
            value: text("fields.value", &field.value)?,
            short: field.short,
        })
    });
    Ok(Attachment {
        fallback: text("fallback", &settings.fallback)?,
        color: text("color", &settings.color)?,
        pretext: text("pretext", &settings.pretext)?,
        text: text("text", &settings.text)?,
        author_name: text("author_name", &settings.author_name)?,
        author_link: text("author_link", &settings.author_link)?,
        author_icon: text("author_icon", &settings.author_icon)?,
        title: text("title", &settings.title)?,
        title_link: text("title_link", &settings.title_link)?,
        fields: fields.collect::<Result<_, AttemptError>>()?,
        thumb_url: text("thumb_url", &settings.thumb_url)?,
        footer: text("footer", &settings.footer)?,
        footer_icon: text("footer_icon", &settings.footer_icon)?,
        image_url: text("image_url", &settings.image_url)?,
    })
}
