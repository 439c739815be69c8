//! Microsoft Teams: the cards of connectors, and the adaptive cards of flows.

use serde::Serialize;
use serde_json::json;

use super::http::{self, Outgoing};
use super::senders::{Call, required};
use super::settings::{MsTeamsSettings, MsTeamsV2Settings, SecretSource};
use crate::runner::AttemptError;

#[derive(Serialize)]
struct Card {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    title: String,
    summary: String,
    text: String,
    #[serde(rename = "themeColor")]
    theme_color: &'static str,
}

/// Sends a card to a connector.
pub(super) async fn send_card(
    settings: &MsTeamsSettings,
    call: &Call<'_>,
) -> Result<String, AttemptError> {
    let card = Card {
        context: "http://schema.org/extensions",
        kind: "MessageCard",
        title: call.text("title", &settings.title)?,
        summary: call.text("summary", &settings.summary)?,
        text: call.text("text", &settings.text)?,
        theme_color: if call.rendering.is_firing() {
            "8C1A1A"
        } else {
            "2DC72D"
        },
    };
    post(settings.webhook_url.as_ref(), &card, call).await
}

/// Sends an adaptive card to a flow.
pub(super) async fn send_adaptive_card(
    settings: &MsTeamsV2Settings,
    call: &Call<'_>,
) -> Result<String, AttemptError> {
    let title = call.text("title", &settings.title)?;
    let text = call.text("text", &settings.text)?;
    let color = if call.rendering.is_firing() {
        "Attention"
    } else {
        "Good"
    };
    let message = json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.2",
                "body": [
                    {
                        "type": "TextBlock",
                        "text": title,
                        "weight": "Bolder",
                        "size": "Medium",
                        "wrap": true,
                        "style": "heading",
                        "color": color,
                    },
                    { "type": "TextBlock", "text": text, "wrap": true },
                ],
                "msteams": { "width": "full" },
            },
        }],
    });
    post(settings.webhook_url.as_ref(), &message, call).await
}

async fn post(
    url: Option<&SecretSource>,
    message: &impl Serialize,
    call: &Call<'_>,
) -> Result<String, AttemptError> {
    let url = required("webhook_url", url).await?;
    let url = http::url("webhook_url", &url)?;
    let answer = call
        .send(Outgoing::post_json(url, message)?.with_secret_url())
        .await?;
    Ok(answer.check(&[])?.summary())
}
