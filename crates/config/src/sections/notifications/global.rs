//! What receivers inherit.

use bellwether_outbound::settings::{HttpClientSettings, SecretSource};
use url::Url;

use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::http_client::{HTTP_CLIENT, TLS, decode_http_client};
use crate::values::{HIDDEN, HTTP};
use crate::view::View;

const fn url(key: &'static str, default: &'static str, doc: &'static str) -> Field {
    Field::new(key, Kind::Url(HTTP), default, doc)
}

const fn secret(key: &'static str, doc: &'static str) -> Field {
    Field::new(key, Kind::Secret, "", doc)
}

const fn file(key: &'static str, doc: &'static str) -> Field {
    Field::new(key, Kind::ReadFile, "", doc)
}

const fn text(key: &'static str, default: &'static str, doc: &'static str) -> Field {
    Field::new(key, Kind::Text, default, doc)
}

pub(super) static GLOBAL: Section = Section {
    name: "notifications global",
    doc: "What receivers take where they say nothing themselves.",
    fields: &[
        Field::new(
            "resolve_timeout",
            Kind::Duration,
            "5m",
            "Time after which an alert has ended that its sender neither repeats nor gives an end.",
        ),
        Field::new(
            "http_config",
            Kind::Section(&HTTP_CLIENT),
            "",
            "The HTTP client of receivers without one of their own.",
        ),
        text("smtp_from", "", "Sender of e-mails."),
        text(
            "smtp_hello",
            "localhost",
            "What the mail server is greeted with.",
        ),
        text("smtp_smarthost", "", "The mail server, `host:port`."),
        text("smtp_auth_username", "", "User of the mail server."),
        secret(
            "smtp_auth_password",
            "Password of the mail server, for PLAIN and LOGIN.",
        ),
        file("smtp_auth_password_file", "File with that password."),
        secret(
            "smtp_auth_secret",
            "Secret of the mail server, for CRAM-MD5.",
        ),
        file("smtp_auth_secret_file", "File with that secret."),
        text("smtp_auth_identity", "", "Identity for PLAIN."),
        Field::new(
            "smtp_require_tls",
            Kind::Bool,
            "true",
            "Send nothing without TLS.",
        ),
        Field::new(
            "smtp_tls_config",
            Kind::Section(&TLS),
            "",
            "TLS to the mail server.",
        ),
        Field::new(
            "smtp_force_implicit_tls",
            Kind::Bool,
            "",
            "Begin with TLS, or never; where absent, begin with it on port 465.",
        ),
        Field::new(
            "slack_api_url",
            Kind::SecretUrl(HTTP),
            "",
            "Slack's webhook.",
        ),
        file("slack_api_url_file", "File with it."),
        secret("slack_app_token", "Token of a Slack app."),
        file("slack_app_token_file", "File with it."),
        url(
            "slack_app_url",
            "https://slack.com/api/chat.postMessage",
            "Where messages with a token of an app are sent.",
        ),
        url(
            "pagerduty_url",
            "https://events.pagerduty.com/v2/enqueue",
            "PagerDuty's events API.",
        ),
        url(
            "opsgenie_api_url",
            "https://api.opsgenie.com/",
            "Opsgenie's API.",
        ),
        secret("opsgenie_api_key", "Key of Opsgenie's API."),
        file("opsgenie_api_key_file", "File with it."),
        url(
            "wechat_api_url",
            "https://qyapi.weixin.qq.com/cgi-bin/",
            "WeChat's API.",
        ),
        secret("wechat_api_secret", "Secret of WeChat's API."),
        file("wechat_api_secret_file", "File with it."),
        text("wechat_api_corp_id", "", "Corporation of WeChat's API."),
        url(
            "victorops_api_url",
            "https://alert.victorops.com/integrations/generic/20131114/alert/",
            "VictorOps' API.",
        ),
        secret("victorops_api_key", "Key of VictorOps' API."),
        file("victorops_api_key_file", "File with it."),
        url(
            "telegram_api_url",
            "https://api.telegram.org",
            "Telegram's API.",
        ),
        secret("telegram_bot_token", "Token of a Telegram bot."),
        file("telegram_bot_token_file", "File with it."),
        url(
            "webex_api_url",
            "https://webexapis.com/v1/messages",
            "Webex' API.",
        ),
        url("jira_api_url", "", "Base of Jira's API."),
        url(
            "rocketchat_api_url",
            "https://open.rocket.chat/",
            "Rocket.Chat's server.",
        ),
        secret("rocketchat_token", "Token of Rocket.Chat."),
        file("rocketchat_token_file", "File with it."),
        secret("rocketchat_token_id", "User id that belongs to it."),
        file("rocketchat_token_id_file", "File with that."),
        Field::new(
            "mattermost_webhook_url",
            Kind::SecretUrl(HTTP),
            "",
            "Mattermost's webhook.",
        ),
        file("mattermost_webhook_url_file", "File with it."),
    ],
    includes: &[],
    check: Some(check_global),
};

fn check_global(view: &View<'_>, problems: &mut Problems) {
    for pair in [
        ["slack_app_token", "slack_app_token_file"],
        ["slack_api_url", "slack_api_url_file"],
        ["opsgenie_api_key", "opsgenie_api_key_file"],
        ["victorops_api_key", "victorops_api_key_file"],
        ["telegram_bot_token", "telegram_bot_token_file"],
        ["smtp_auth_password", "smtp_auth_password_file"],
        ["smtp_auth_secret", "smtp_auth_secret_file"],
        ["rocketchat_token", "rocketchat_token_file"],
        ["rocketchat_token_id", "rocketchat_token_id_file"],
        ["wechat_api_secret", "wechat_api_secret_file"],
        ["mattermost_webhook_url", "mattermost_webhook_url_file"],
    ] {
        view.at_most_one(problems, &pair);
    }
    if view.is_set("smtp_smarthost") {
        check_smarthost(view, "smtp_smarthost", problems);
    }
    let webhook = view.set_among(&["slack_api_url", "slack_api_url_file"]);
    let token = view.set_among(&["slack_app_token", "slack_app_token_file"]);
    // Before there were tokens, people wrote the URL of the app here. One that is hidden was right
    // before it was hidden.
    let is_app = [view.text("slack_app_url"), HIDDEN].contains(&view.text("slack_api_url"));
    if let ([webhook, ..], [token, ..]) = (webhook.as_slice(), token.as_slice())
        && !is_app
    {
        view.error_at(
            problems,
            token,
            format!("is set together with {webhook}: want a webhook or a token of an app"),
        );
    }
}

/// Refuses what is no address of a mail server.
pub(super) fn check_smarthost(view: &View<'_>, key: &str, problems: &mut Problems) {
    if host_and_port(view.text(key)).is_none() {
        let message = format!(
            "{:?} is not the address of a mail server: want host:port such as smtp.example.org:587",
            bellwether_model::short(view.text(key))
        );
        view.error_at(problems, key, message);
    }
}

/// A host, in brackets where it is an IPv6 address, and a port or the name of one.
pub(super) fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let port = match port {
        "smtp" => 25,
        "submission" => 587,
        "smtps" | "submissions" => 465,
        number => number.parse().ok()?,
    };
    Some((host.to_owned(), port))
}

/// The `global` section, for receivers to inherit from.
pub(super) struct Defaults<'a> {
    /// The section.
    pub(super) global: View<'a>,
    http: HttpClientSettings,
}

/// The keys of a secret: in the file itself, and in another file.
pub(super) type SecretKeys = (&'static str, &'static str);

impl<'a> Defaults<'a> {
    pub(super) fn new(global: View<'a>) -> Self {
        Self {
            http: decode_http_client(&global.section("http_config")),
            global,
        }
    }

    /// The client of a receiver: its own, or as a whole the global one.
    pub(super) fn http(&self, view: &View<'_>) -> HttpClientSettings {
        view.optional_section("http_config")
            .map_or_else(|| self.http.clone(), |own| decode_http_client(&own))
    }

    /// The same; a client of its own without a proxy takes the global one.
    pub(super) fn http_with_global_proxy(&self, view: &View<'_>) -> HttpClientSettings {
        let mut http = self.http(view);
        if http.proxy.url.is_none() {
            http.proxy.url.clone_from(&self.http.proxy.url);
        }
        http
    }

    pub(super) fn url(&self, view: &View<'_>, key: &str, global_key: &str) -> Option<Url> {
        view.url(key).or_else(|| self.global.url(global_key))
    }

    pub(super) fn text(&self, view: &View<'_>, key: &str, global_key: &str) -> String {
        view.optional_text(key)
            .unwrap_or_else(|| self.global.text(global_key).to_owned())
    }

    pub(super) fn secret(
        &self,
        view: &View<'_>,
        keys: SecretKeys,
        global: SecretKeys,
    ) -> Option<SecretSource> {
        view.secret_source(keys.0, keys.1)
            .or_else(|| self.global.secret_source(global.0, global.1))
    }

    /// The same; an error where there is none.
    pub(super) fn required_secret(
        &self,
        view: &View<'_>,
        keys: SecretKeys,
        global: SecretKeys,
        problems: &mut Problems,
    ) -> Option<SecretSource> {
        let found = self.secret(view, keys, global);
        if found.is_none() {
            view.error_at(
                problems,
                keys.0,
                format!(
                    "is missing: want {} or {}, here or as global.{} or global.{}",
                    keys.0, keys.1, global.0, global.1
                ),
            );
        }
        found
    }
}

/// A URL whose path ends with a slash, for others to be joined to it.
pub(super) fn with_slash(url: Option<Url>) -> Option<Url> {
    url.map(|mut url| {
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        url
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_mail_servers_are_read() {
        let check = |text: &str, want: Option<(&str, u16)>| {
            let got = host_and_port(text);
            let got = got.as_ref().map(|(host, port)| (host.as_str(), *port));
            assert_eq!(got, want, "{text}");
        };
        check("localhost:25", Some(("localhost", 25)));
        check("[::1]:587", Some(("::1", 587)));
        check("mail:submission", Some(("mail", 587)));
        check(":25", Some(("", 25)));
        for text in [
            "localhost",
            "localhost:",
            "::1:25",
            "[::1:25",
            "a:99999",
            "a:b",
            "",
        ] {
            check(text, None);
        }
    }
}
