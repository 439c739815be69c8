//! Slack: incoming webhooks, and bots that can change what they said.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use url::Url;

use super::http::{self, Answer, Outgoing};
use super::senders::{Call, required};
use super::settings::{SlackAction, SlackConfirmation, SlackSettings};
use super::{source, truncate};
use crate::notification_log::Reason;
use crate::runner::AttemptError;

/// Where bots speak.
const APP_URL: &str = "https://slack.com/api/chat.postMessage";
/// As much of a title is taken.
const TITLE_CHARS_MAX: usize = 1024;
/// Most messages that are remembered to be changed. Chosen: a few MiB.
const THREADS_MAX: usize = 10_000;
/// What Slack answers where a message cannot be changed any more, so that a new one is due.
const GONE: [&str; 4] = [
    "message_not_found",
    "cant_update_message",
    "edit_window_closed",
    "channel_not_found",
];

/// Receiver, integration and group.
type ThreadKey = (String, usize, String);

/// The messages of groups, for those that are changed rather than repeated.
#[derive(Debug, Default)]
pub(super) struct Threads {
    messages: HashMap<ThreadKey, (u64, Message)>,
    /// Grows with each message, so that the oldest one is known.
    turn: u64,
}

/// Where a message stands.
#[derive(Debug, Clone)]
struct Message {
    channel: String,
    timestamp: String,
}

impl Threads {
    fn keep(&mut self, key: ThreadKey, message: Message) {
        self.turn += 1;
        self.messages.insert(key, (self.turn, message));
        if self.messages.len() > THREADS_MAX {
            let oldest = self.messages.iter().min_by_key(|(_, (turn, _))| *turn);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                self.messages.remove(&key);
            }
        }
    }
}

#[derive(Serialize)]
struct Post {
    #[serde(skip_serializing_if = "String::is_empty")]
    channel: String,
    #[serde(rename = "ts", skip_serializing_if = "String::is_empty")]
    timestamp: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    icon_emoji: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    icon_url: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    link_names: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    attachments: [Attachment; 1],
}

#[derive(Serialize)]
struct Attachment {
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title_link: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pretext: String,
    text: String,
    fallback: String,
    callback_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Action>,
    #[serde(skip_serializing_if = "String::is_empty")]
    image_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    thumb_url: String,
    footer: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    color: String,
    mrkdwn_in: Vec<String>,
}

#[derive(Serialize)]
struct Field {
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    value: String,
    short: bool,
}

#[derive(Serialize)]
struct Action {
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    style: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm: Option<Confirmation>,
}

#[derive(Serialize)]
struct Confirmation {
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    ok_text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    dismiss_text: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Reply {
    ok: bool,
    error: String,
    channel: String,
    ts: String,
}

pub(super) async fn send(
    settings: &SlackSettings,
    call: &Call<'_>,
) -> Result<String, AttemptError> {
    let mut post = post(settings, call)?;
    let (mut url, token) = match &settings.app_token {
        Some(token) => (
            Call::default_url("app_url", settings.app_url.as_ref(), APP_URL)?,
            Some(source::secret("app_token", token).await?),
        ),
        None => {
            let url = required("api_url", settings.api_url.as_ref()).await?;
            (http::url("api_url", &url)?, None)
        }
    };
    let key = (
        call.delivery.receiver.clone(),
        call.delivery.integration,
        call.delivery.group_key.clone(),
    );
    let update_url = settings.update_message.then(|| update_url(&url)).flatten();
    let mut is_update = false;
    if let Some(update_url) = &update_url {
        let mut threads = call.memory.slack.lock();
        if call.delivery.reason == Reason::First {
            threads.messages.remove(&key);
        }
        if let Some((_, message)) = threads.messages.get(&key) {
            post.timestamp.clone_from(&message.timestamp);
            post.channel.clone_from(&message.channel);
            url = update_url.clone();
            is_update = true;
        }
    }
    let mut outgoing = Outgoing::post_json(url, &post)?.with_secret_url();
    if let Some(token) = token {
        outgoing = outgoing
            .with_header("authorization", &format!("Bearer {token}"))?
            .hiding(&token);
    }
    let about = |error: AttemptError| error.about(&format!("channel {:?}", post.channel));
    let answer = call.send_within(outgoing, settings.timeout_ms).await?;
    let answer = answer.check(&[]).map_err(about)?;
    match reply(&answer).map_err(about)? {
        Said::Nothing => {}
        Said::Posted(message) if update_url.is_some() => {
            call.memory.slack.lock().keep(key, message);
        }
        Said::Posted(_) => {}
        Said::Refused(error) => {
            // A message that is gone is written anew by the next attempt.
            let retry = is_update && GONE.contains(&error.as_str());
            if retry {
                call.memory.slack.lock().messages.remove(&key);
            }
            let text = format!("error response from Slack: {}", answer.cleaned(&error));
            return Err(about(AttemptError { text, retry }));
        }
    }
    Ok(answer.summary())
}

enum Said {
    Nothing,
    Posted(Message),
    Refused(String),
}

/// What an answer of status 200 says: JSON to bots, `ok` to webhooks.
fn reply(answer: &Answer) -> Result<Said, AttemptError> {
    if !answer.is_json() {
        return Ok(if answer.body()? == b"ok" {
            Said::Nothing
        } else {
            Said::Refused(answer.shown_body())
        });
    }
    let reply: Reply = answer.json()?;
    Ok(if !reply.ok {
        Said::Refused(reply.error)
    } else if reply.ts.is_empty() || reply.channel.is_empty() {
        Said::Nothing
    } else {
        Said::Posted(Message {
            channel: reply.channel,
            timestamp: reply.ts,
        })
    })
}

/// Where messages are changed that were sent to a URL; none where that is no bot's.
fn update_url(url: &Url) -> Option<Url> {
    let base = url.path().strip_suffix("chat.postMessage")?;
    let mut update = url.clone();
    update.set_path(&format!("{base}chat.update"));
    Some(update)
}

fn post(settings: &SlackSettings, call: &Call<'_>) -> Result<Post, AttemptError> {
    let title = call.text("title", &settings.title)?;
    let fields = settings.fields.iter().map(|field| {
        Ok(Field {
            title: call.text("fields.title", &field.title)?,
            value: call.text("fields.value", &field.value)?,
            short: field.short.unwrap_or(settings.short_fields),
        })
    });
    let actions = settings.actions.iter().map(|it| action(it, call));
    let attachment = Attachment {
        title: truncate::in_chars(title, TITLE_CHARS_MAX),
        title_link: call.text("title_link", &settings.title_link)?,
        pretext: call.text("pretext", &settings.pretext)?,
        text: call.text("text", &settings.text)?,
        fallback: call.text("fallback", &settings.fallback)?,
        callback_id: call.text("callback_id", &settings.callback_id)?,
        fields: fields.collect::<Result<_, AttemptError>>()?,
        actions: actions.collect::<Result<_, AttemptError>>()?,
        image_url: call.text("image_url", &settings.image_url)?,
        thumb_url: call.text("thumb_url", &settings.thumb_url)?,
        footer: call.text("footer", &settings.footer)?,
        color: call.text("color", &settings.color)?,
        mrkdwn_in: if settings.mrkdwn_in.is_empty() {
            ["fallback", "pretext", "text"].map(str::to_owned).into()
        } else {
            settings.mrkdwn_in.clone()
        },
    };
    Ok(Post {
        channel: call.text("channel", &settings.channel)?,
        timestamp: String::new(),
        username: call.text("username", &settings.username)?,
        icon_emoji: call.text("icon_emoji", &settings.icon_emoji)?,
        icon_url: call.text("icon_url", &settings.icon_url)?,
        link_names: settings.link_names,
        text: call.text("message_text", &settings.message_text)?,
        attachments: [attachment],
    })
}

/// With a URL, what a button would say to an app is left out.
fn action(action: &SlackAction, call: &Call<'_>) -> Result<Action, AttemptError> {
    let to_app = |setting, text: &str| {
        if action.url.is_empty() {
            call.text(setting, text)
        } else {
            Ok(String::new())
        }
    };
    let confirm = action.confirm.as_ref().filter(|_| action.url.is_empty());
    Ok(Action {
        kind: call.text("actions.type", &action.kind)?,
        text: call.text("actions.text", &action.text)?,
        url: call.text("actions.url", &action.url)?,
        style: call.text("actions.style", &action.style)?,
        name: to_app("actions.name", &action.name)?,
        value: to_app("actions.value", &action.value)?,
        confirm: confirm.map(|it| confirmation(it, call)).transpose()?,
    })
}

fn confirmation(
    confirm: &SlackConfirmation,
    call: &Call<'_>,
) -> Result<Confirmation, AttemptError> {
    Ok(Confirmation {
        text: call.text("actions.confirm.text", &confirm.text)?,
        title: call.text("actions.confirm.title", &confirm.title)?,
        ok_text: call.text("actions.confirm.ok_text", &confirm.ok_text)?,
        dismiss_text: call.text("actions.confirm.dismiss_text", &confirm.dismiss_text)?,
    })
}
