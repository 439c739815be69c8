//! Telegram: a bot's message to a chat.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::http::{Outgoing, joined};
use super::senders::{Call, required};
use super::settings::{TelegramParseMode, TelegramSettings};
use super::{source, truncate};
use crate::runner::AttemptError;

const API_URL: &str = "https://api.telegram.org";
/// As much of a message is taken.
const MESSAGE_CHARS_MAX: usize = 4096;
/// HTML cannot be cut: half an element is refused.
const TOO_LONG: &str = "This notification is longer than Telegram allows (4096 characters), and HTML \
                        cannot be shortened. Please look at the template of its message.";

#[derive(Deserialize, Default)]
#[serde(default)]
struct Reply {
    ok: bool,
    error_code: u16,
    description: String,
}

pub(super) async fn send(
    settings: &TelegramSettings,
    call: &Call<'_>,
) -> Result<String, AttemptError> {
    let text = if settings.parse_mode == TelegramParseMode::Html {
        let text = call.rendering.html("message", &settings.message)?;
        if text.chars().count() > MESSAGE_CHARS_MAX {
            TOO_LONG.to_owned()
        } else {
            text
        }
    } else {
        let text = call.text("message", &settings.message)?;
        truncate::in_chars(text, MESSAGE_CHARS_MAX)
    };
    let token = required("bot_token", settings.bot_token.as_ref()).await?;
    let Some(chat_id) = &settings.chat_id else {
        return Err(AttemptError::refused("chat_id is missing"));
    };
    let chat_id = source::text("chat_id", chat_id).await?;
    if chat_id.parse::<i64>().is_err() {
        let shown = bellwether_model::short(&chat_id);
        return Err(AttemptError::refused(format!(
            "chat_id: {shown:?} is not a number"
        )));
    }
    // All values are texts, as forms would have them.
    let mut body = BTreeMap::from([
        ("chat_id", chat_id),
        ("disable_web_page_preview", "true".to_owned()),
        ("text", text),
    ]);
    if settings.parse_mode != TelegramParseMode::Plain {
        body.insert("parse_mode", settings.parse_mode.as_str().to_owned());
    }
    if settings.disable_notifications {
        body.insert("disable_notification", "true".to_owned());
    }
    if settings.message_thread_id != 0 {
        let id = settings.message_thread_id.to_string();
        body.insert("message_thread_id", id);
    }
    let api = Call::default_url("api_url", settings.api_url.as_ref(), API_URL)?;
    let url = joined(&api, &format!("bot{token}/sendMessage"));
    let outgoing = Outgoing::post_json(url, &body)?
        .with_secret_url()
        .hiding(&token);
    let answer = call.send(outgoing).await?;
    let reply: Reply = match answer.json() {
        Ok(reply) => reply,
        // A proxy's answer.
        Err(error) => {
            return answer.check(&[429]).and(Err(error));
        }
    };
    if reply.ok {
        return Ok(answer.summary());
    }
    let code = match reply.error_code {
        0 => answer.status(),
        code => code,
    };
    Err(AttemptError {
        text: format!("telegram: {} ({code})", answer.cleaned(&reply.description)),
        retry: code == 429 || code >= 500,
    })
}
