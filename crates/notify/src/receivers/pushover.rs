//! Pushover: a form.

use bellwether_outbound::Method;

use super::http::{self, Outgoing};
use super::senders::{Call, required};
use super::settings::{PushoverFormat, PushoverSettings};
use super::truncate;
use crate::runner::AttemptError;

/// As much of a title, a message and a link is taken.
const TITLE_CHARS_MAX: usize = 250;
const MESSAGE_CHARS_MAX: usize = 1024;
const URL_CHARS_MAX: usize = 512;

pub(super) async fn send(
    settings: &PushoverSettings,
    call: &Call<'_>,
) -> Result<String, AttemptError> {
    let token = required("token", settings.token.as_ref()).await?;
    let token = call.text("token", &token)?;
    let user = required("user_key", settings.user_key.as_ref()).await?;
    let user = call.text("user_key", &user)?;
    let form = form(settings, call, &token, &user)?;
    let outgoing = Outgoing::new(Method::POST, http::url("url", call.endpoints.pushover)?)
        .with_body("application/x-www-form-urlencoded", form)
        .hiding(&token)
        .hiding(&user);
    let answer = call.send(outgoing).await?;
    Ok(answer.check(&[])?.summary())
}

fn form(
    settings: &PushoverSettings,
    call: &Call<'_>,
    token: &str,
    user: &str,
) -> Result<String, AttemptError> {
    let message = match settings.format {
        PushoverFormat::Html => call.rendering.html("message", &settings.message)?,
        PushoverFormat::Plain | PushoverFormat::Monospace => {
            call.text("message", &settings.message)?
        }
    };
    let message = truncate::in_chars(message, MESSAGE_CHARS_MAX);
    let title = call.text("title", &settings.title)?;
    let link = call.text("url", &settings.url)?;
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", token)
        .append_pair("user", user)
        .append_pair("title", &truncate::in_chars(title, TITLE_CHARS_MAX));
    match settings.format {
        PushoverFormat::Plain => {}
        PushoverFormat::Html => {
            form.append_pair("html", "1");
        }
        PushoverFormat::Monospace => {
            form.append_pair("monospace", "1");
        }
    }
    let message = match message.trim() {
        // Pushover refuses empty messages.
        "" => "(no details)",
        message => message,
    };
    form.append_pair("message", message)
        .append_pair("url", &truncate::in_chars(link, URL_CHARS_MAX))
        .append_pair("url_title", &call.text("url_title", &settings.url_title)?)
        .append_pair("priority", &call.text("priority", &settings.priority)?)
        .append_pair("retry", &(settings.retry_ms / 1000).to_string())
        .append_pair("expire", &(settings.expire_ms / 1000).to_string())
        .append_pair("device", &call.text("device", &settings.device)?)
        .append_pair("sound", &call.text("sound", &settings.sound)?);
    if settings.ttl_ms >= 1000 {
        form.append_pair("ttl", &(settings.ttl_ms / 1000).to_string());
    }
    Ok(form.finish())
}
