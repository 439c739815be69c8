//! What each kind of integration cannot do without.

use super::{ReceiverKind, SecretSource, VictorOpsSettings};

impl ReceiverKind {
    /// Whether all is there that it needs, and nothing contradicts.
    ///
    /// # Errors
    /// Which setting is missing or wrong, by its name in the configuration.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Webhook(it) => given("url or url_file", it.url.is_some()),
            Self::Email(it) => email(it),
            Self::PagerDuty(it) => given(
                "routing_key, routing_key_file, service_key or service_key_file",
                it.routing_key.is_some() || it.service_key.is_some(),
            ),
            Self::Opsgenie(it) => {
                given("api_key or api_key_file", it.api_key.is_some())?;
                for (index, responder) in it.responders.iter().enumerate() {
                    let names = [&responder.id, &responder.name, &responder.username];
                    given(
                        &format!("responders[{index}].id, name or username"),
                        names.iter().any(|name| !name.is_empty()),
                    )?;
                }
                Ok(())
            }
            Self::Wechat(it) => {
                given("api_secret or api_secret_file", it.api_secret.is_some())?;
                given("corp_id", !it.corp_id.is_empty())
            }
            Self::Slack(it) => slack(it),
            Self::VictorOps(it) => {
                given("api_key or api_key_file", it.api_key.is_some())?;
                given("routing_key", !it.routing_key.is_empty())?;
                let reserved = VictorOpsSettings::RESERVED_FIELDS;
                match reserved
                    .iter()
                    .find(|name| it.custom_fields.contains_key(**name))
                {
                    None => Ok(()),
                    Some(name) => Err(format!(
                        "custom_fields.{name} is not allowed: the message has a field of that name"
                    )),
                }
            }
            Self::Pushover(it) => {
                given("user_key or user_key_file", it.user_key.is_some())?;
                given("token or token_file", it.token.is_some())
            }
            Self::Sns(it) => given("topic_arn, phone_number or target_arn", it.target.is_some()),
            Self::Telegram(it) => {
                given("bot_token or bot_token_file", it.bot_token.is_some())?;
                given("chat_id or chat_id_file", it.chat_id.is_some())
            }
            Self::Discord(it) => webhook_url(it.webhook_url.as_ref()),
            Self::Webex(it) => {
                given("room_id", !it.room_id.is_empty())?;
                given("http_config.authorization", it.http.auth.is_some())
            }
            Self::MsTeams(it) => webhook_url(it.webhook_url.as_ref()),
            Self::MsTeamsV2(it) => webhook_url(it.webhook_url.as_ref()),
            Self::Jira(it) => {
                given("api_url", it.api_url.is_some())?;
                given("project", !it.project.is_empty())?;
                given("issue_type", !it.issue_type.is_empty())
            }
            Self::IncidentIo(it) => {
                given("url or url_file", it.url.is_some())?;
                given(
                    "alert_source_token, alert_source_token_file or http_config.authorization",
                    it.alert_source_token.is_some() || it.http.auth.is_some(),
                )
            }
            Self::RocketChat(it) => {
                given("token_id or token_id_file", it.token_id.is_some())?;
                given("token or token_file", it.token.is_some())
            }
            Self::Mattermost(it) => webhook_url(it.webhook_url.as_ref()),
        }
    }
}

fn given(what: &str, is_given: bool) -> Result<(), String> {
    if is_given {
        return Ok(());
    }
    Err(format!("{what} is missing"))
}

fn webhook_url(url: Option<&SecretSource>) -> Result<(), String> {
    given("webhook_url or webhook_url_file", url.is_some())
}

fn email(settings: &super::EmailSettings) -> Result<(), String> {
    given("to", !settings.to.is_empty())?;
    given("from", !settings.from.is_empty())?;
    given("smarthost", settings.smarthost.is_some())?;
    for name in settings.headers.keys() {
        // RFC 5322: printable characters but the colon.
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic() && b != b':') {
            return Err(format!("headers: {name:?} cannot be a header's name"));
        }
        let is_of_threads =
            ["references", "in-reply-to"].contains(&name.to_ascii_lowercase().as_str());
        if is_of_threads && settings.threading.is_some() {
            return Err(format!(
                "headers.{name} is what threading sets; set one of both"
            ));
        }
    }
    Ok(())
}

fn slack(settings: &super::SlackSettings) -> Result<(), String> {
    given(
        "api_url, api_url_file, app_token or app_token_file",
        settings.api_url.is_some() || settings.app_token.is_some(),
    )?;
    if settings.app_token.is_some() && settings.http.auth.is_some() {
        return Err("http_config.authorization is what app_token sets; set one of both".to_owned());
    }
    Ok(())
}
