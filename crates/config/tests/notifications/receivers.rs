//! What receivers are told: their own settings, those of `global`, and the defaults.

use std::path::{Path, PathBuf};

use bellwether_notify::receivers::settings::{
    EmailThreading, JiraApi, PushoverFormat, ReceiverKind, SecretSource, SnsTarget,
    TelegramParseMode, TemplatedValue, TextSource, WechatMessageType,
};
use bellwether_outbound::settings::Auth;

use super::{good, load, receiver, testdata};

fn inline(secret: Option<&SecretSource>) -> &str {
    match secret {
        Some(SecretSource::Inline(secret)) => secret.expose(),
        other => panic!("{other:?}"),
    }
}

fn file(secret: Option<&SecretSource>) -> PathBuf {
    match secret {
        Some(SecretSource::File(path)) => path.strip_prefix(testdata("good")).unwrap().into(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn texts_that_are_absent_are_those_of_the_settings_types() {
    use bellwether_notify::receivers::settings as s;
    let config = receiver(
        "webhook_configs: [{url: 'http://a/'}], discord_configs: [{webhook_url: 'http://a/'}], \
         msteams_configs: [{webhook_url: 'http://a/'}], msteamsv2_configs: [{webhook_url: 'http://a/'}], \
         pagerduty_configs: [{routing_key: a}], mattermost_configs: [{webhook_url: 'http://a/'}], \
         opsgenie_configs: [{api_key: a}], victorops_configs: [{api_key: a, routing_key: b}], \
         pushover_configs: [{user_key: a, token: b}], sns_configs: [{topic_arn: a}], \
         rocketchat_configs: [{token: a, token_id: b}], slack_configs: [{api_url: 'http://a/'}], \
         telegram_configs: [{bot_token: a, chat_id: 1}], wechat_configs: [{api_secret: a, corp_id: b}], \
         jira_configs: [{api_url: 'http://a/', project: a, issue_type: b}], \
         email_configs: [{to: a, from: b, smarthost: 'c:25'}], \
         webex_configs: [{room_id: a, http_config: {authorization: {credentials: b}}}], \
         incidentio_configs: [{url: 'http://a/'}]",
    )
    .unwrap();
    let integrations = &config.receivers[0].integrations;
    assert_eq!(integrations.len(), ReceiverKind::NAMES.len());
    for (integration, name) in integrations.iter().zip(ReceiverKind::NAMES) {
        let kind = &integration.kind;
        assert_eq!(kind.name(), name);
        match kind {
            ReceiverKind::Webhook(it) => {
                let url = it.url.clone();
                assert_eq!(
                    **it,
                    s::WebhookSettings {
                        url,
                        ..Default::default()
                    }
                );
            }
            ReceiverKind::Discord(it) => {
                let webhook_url = it.webhook_url.clone();
                assert_eq!(
                    **it,
                    s::DiscordSettings {
                        webhook_url,
                        ..Default::default()
                    }
                );
            }
            ReceiverKind::MsTeams(it) => {
                let webhook_url = it.webhook_url.clone();
                assert_eq!(
                    **it,
                    s::MsTeamsSettings {
                        webhook_url,
                        ..Default::default()
                    }
                );
            }
            ReceiverKind::MsTeamsV2(it) => {
                let webhook_url = it.webhook_url.clone();
                assert_eq!(
                    **it,
                    s::MsTeamsV2Settings {
                        webhook_url,
                        ..Default::default()
                    }
                );
            }
            ReceiverKind::Mattermost(it) => {
                let webhook_url = it.webhook_url.clone();
                assert_eq!(
                    **it,
                    s::MattermostSettings {
                        webhook_url,
                        ..Default::default()
                    }
                );
            }
            ReceiverKind::Slack(it) => {
                let (api_url, app_url) = (it.api_url.clone(), it.app_url.clone());
                assert_eq!(
                    **it,
                    s::SlackSettings {
                        api_url,
                        app_url,
                        ..Default::default()
                    }
                );
            }
            ReceiverKind::PagerDuty(it) => {
                let want = s::PagerDutySettings {
                    routing_key: it.routing_key.clone(),
                    url: it.url.clone(),
                    source: it.client.clone(),
                    ..Default::default()
                };
                assert_eq!(**it, want);
                assert_eq!(it.url.as_ref().unwrap().path(), "/v2/enqueue");
            }
            ReceiverKind::Opsgenie(it) => {
                let (api_key, api_url) = (it.api_key.clone(), it.api_url.clone());
                assert_eq!(
                    **it,
                    s::OpsgenieSettings {
                        api_key,
                        api_url,
                        ..Default::default()
                    }
                );
            }
            ReceiverKind::VictorOps(it) => {
                let want = s::VictorOpsSettings {
                    api_key: it.api_key.clone(),
                    api_url: it.api_url.clone(),
                    routing_key: "b".to_owned(),
                    ..Default::default()
                };
                assert_eq!(**it, want);
            }
            ReceiverKind::Pushover(it) => {
                let (user_key, token) = (it.user_key.clone(), it.token.clone());
                assert_eq!(
                    **it,
                    s::PushoverSettings {
                        user_key,
                        token,
                        ..Default::default()
                    }
                );
            }
            ReceiverKind::Sns(it) => {
                let target = Some(SnsTarget::Topic("a".to_owned()));
                assert_eq!(
                    **it,
                    s::SnsSettings {
                        target,
                        ..Default::default()
                    }
                );
            }
            ReceiverKind::RocketChat(it) => {
                let want = s::RocketChatSettings {
                    api_url: it.api_url.clone(),
                    token: it.token.clone(),
                    token_id: it.token_id.clone(),
                    ..Default::default()
                };
                assert_eq!(**it, want);
            }
            ReceiverKind::Telegram(it) => {
                let want = s::TelegramSettings {
                    api_url: it.api_url.clone(),
                    bot_token: it.bot_token.clone(),
                    chat_id: Some(TextSource::Inline("1".to_owned())),
                    ..Default::default()
                };
                assert_eq!(**it, want);
            }
            ReceiverKind::Wechat(it) => {
                let want = s::WechatSettings {
                    api_url: it.api_url.clone(),
                    api_secret: it.api_secret.clone(),
                    corp_id: "b".to_owned(),
                    ..Default::default()
                };
                assert_eq!(**it, want);
            }
            ReceiverKind::Jira(it) => {
                let want = s::JiraSettings {
                    api_url: it.api_url.clone(),
                    project: "a".to_owned(),
                    issue_type: "b".to_owned(),
                    ..Default::default()
                };
                assert_eq!(**it, want);
            }
            ReceiverKind::Email(it) => {
                let want = s::EmailSettings {
                    to: "a".to_owned(),
                    from: "b".to_owned(),
                    smarthost: it.smarthost.clone(),
                    ..Default::default()
                };
                assert_eq!(**it, want);
            }
            ReceiverKind::Webex(it) => {
                let want = s::WebexSettings {
                    http: it.http.clone(),
                    api_url: it.api_url.clone(),
                    room_id: "a".to_owned(),
                    ..Default::default()
                };
                assert_eq!(**it, want);
            }
            ReceiverKind::IncidentIo(it) => {
                let url = it.url.clone();
                assert_eq!(
                    **it,
                    s::IncidentIoSettings {
                        url,
                        ..Default::default()
                    }
                );
            }
        }
    }
}

#[test]
fn receivers_take_what_they_do_not_say_from_global() {
    let config = good();
    let [chat, pager, mail, unused] = config.receivers.as_slice() else {
        panic!("{:?}", config.receivers)
    };
    let mut slack = Vec::new();
    for integration in &chat.integrations {
        let http = integration.kind.http().unwrap();
        match &integration.kind {
            ReceiverKind::Slack(it) => slack.push(it),
            ReceiverKind::Mattermost(it) => {
                assert_eq!(
                    inline(it.webhook_url.as_ref()),
                    "https://chat.example.org/hunter2"
                );
                assert_eq!(it.priority.as_ref().unwrap().priority, "urgent");
                assert_eq!(
                    (it.card.as_str(), it.attachments[0].text.as_str()),
                    ("c", "t")
                );
                // Attachments of their own have no templates unless they say so.
                assert_eq!(it.attachments[0].title, "");
            }
            ReceiverKind::RocketChat(it) => {
                assert_eq!(inline(it.token.as_ref()), "hunter2");
                assert_eq!(inline(it.token_id.as_ref()), "hunter2");
                assert!(it.actions[0].is_webview && it.actions[0].image_url == "i");
            }
            ReceiverKind::Telegram(it) if it.chat_id == Some(TextSource::Inline("-100".into())) => {
                assert_eq!(inline(it.bot_token.as_ref()), "hunter2");
                assert_eq!(it.parse_mode, TelegramParseMode::Plain);
                assert_eq!(
                    it.api_url.as_ref().unwrap().as_str(),
                    "https://api.telegram.org/"
                );
            }
            ReceiverKind::Telegram(it) => {
                assert_eq!(file(it.bot_token.as_ref()), Path::new("keys/bot"));
                assert_eq!(it.parse_mode, TelegramParseMode::Html);
            }
            ReceiverKind::MsTeamsV2(_) => {
                assert!(http.tls.insecure_skip_verify && http.follow_redirects);
                assert_eq!(
                    http.proxy.url.as_ref().unwrap().as_str(),
                    "http://proxy:3128/"
                );
            }
            ReceiverKind::Webex(_) => {
                assert!(matches!(http.auth, Some(Auth::Header { .. })));
                assert_eq!(http.proxy.url, None);
            }
            ReceiverKind::Wechat(it) => {
                assert_eq!(
                    (it.corp_id.as_str(), inline(it.api_secret.as_ref())),
                    ("corp", "hunter2")
                );
                assert_eq!(it.message_type, WechatMessageType::Markdown);
                assert_eq!(it.api_url.as_ref().unwrap().path(), "/cgi-bin/");
            }
            ReceiverKind::MsTeams(it) => {
                assert_eq!(file(it.webhook_url.as_ref()), Path::new("keys/teams"));
                assert!(!http.follow_redirects && http.proxy.url.is_some());
            }
            ReceiverKind::Discord(it) => assert_eq!(it.username, "u"),
            other => panic!("{other:?}"),
        }
    }
    let [webhook, app, from_file] = slack.as_slice() else {
        panic!("{slack:?}")
    };
    assert_eq!(
        inline(webhook.api_url.as_ref()),
        "https://hooks.example.org/hunter2"
    );
    assert!(webhook.app_token.is_none() && webhook.title.is_empty());
    assert_eq!(webhook.timeout_ms, Some(90_000));
    assert_eq!(webhook.fields[0].short, Some(true));
    assert_eq!(
        (
            webhook.actions[0].name.as_str(),
            webhook.actions[1].name.as_str()
        ),
        ("", "ack")
    );
    assert_eq!(webhook.actions[1].confirm.as_ref().unwrap().text, "Really?");
    assert_eq!(inline(app.app_token.as_ref()), "hunter2");
    assert!(app.api_url.is_none() && app.update_message);
    assert_eq!(
        app.app_url.as_ref().unwrap().as_str(),
        "https://slack.com/api/chat.postMessage"
    );
    assert_eq!(file(from_file.api_url.as_ref()), Path::new("keys/slack"));
    assert!(!from_file.http.enable_http2 && from_file.http.follow_redirects);

    for integration in &pager.integrations {
        match &integration.kind {
            ReceiverKind::PagerDuty(it) => {
                assert_eq!(it.source, "c");
                assert_eq!(it.details.len(), 6);
                assert_eq!(it.details["firing"], TemplatedValue::Text("mine".into()));
                assert_eq!(it.details["count"], TemplatedValue::Integer(5));
                assert_eq!(
                    (it.images[0].src.as_str(), it.links[0].text.as_str()),
                    ("s", "t")
                );
            }
            ReceiverKind::Opsgenie(it) => {
                assert_eq!(inline(it.api_key.as_ref()), "hunter2");
                assert_eq!(it.api_url.as_ref().unwrap().path(), "/v1/");
                assert_eq!(it.responders[0].kind, "Team");
            }
            ReceiverKind::VictorOps(it) => {
                assert_eq!(file(it.api_key.as_ref()), Path::new("keys/victorops"));
                assert_eq!(it.custom_fields["a"], "b");
            }
            ReceiverKind::Pushover(it) => {
                assert_eq!((it.retry_ms, it.expire_ms), (30_000, 3_600_000));
                assert_eq!(it.format, PushoverFormat::Monospace);
            }
            ReceiverKind::IncidentIo(it) => {
                assert_eq!((it.max_alerts, it.timeout_ms), (3, None));
            }
            ReceiverKind::Sns(it) => {
                assert_eq!(it.sigv4.secret_key.as_ref().unwrap().expose(), "hunter2");
            }
            other => panic!("{other:?}"),
        }
    }

    let [
        ReceiverKind::Email(first),
        ReceiverKind::Email(second),
        ReceiverKind::Jira(jira),
    ] = [0, 1, 2].map(|at| &mail.integrations[at].kind)
    else {
        panic!("{mail:?}")
    };
    assert_eq!(first.from, "alerts@example.org");
    assert_eq!(first.smarthost.as_ref().unwrap().port, 587);
    assert_eq!(first.hello, "localhost");
    assert_eq!(inline(first.auth_password.as_ref()), "hunter2");
    assert!(!first.require_tls && first.force_implicit_tls.is_none());
    assert_eq!(first.tls.server_name.as_deref(), Some("mail"));
    assert_eq!(first.headers["X-Team"], "db");
    assert_eq!(first.threading, Some(EmailThreading::Daily));
    assert_eq!(second.smarthost.as_ref().unwrap().host, "::1");
    assert_eq!(file(second.auth_password.as_ref()), Path::new("keys/mail"));
    assert!(second.require_tls && second.force_implicit_tls == Some(true));
    assert_eq!((second.html.as_str(), second.text.as_str()), ("", "t"));
    assert_eq!(jira.api_url.as_ref().unwrap().path(), "/rest/api/3");
    assert_eq!(
        (jira.api, jira.reopen_duration_ms),
        (JiraApi::Auto, 30 * 86_400_000)
    );
    assert_eq!(
        (jira.summary.template.as_str(), jira.summary.enable_update),
        ("plain", true)
    );
    assert!(
        jira.description
            .template
            .contains("jira.default.description")
    );
    assert!(!jira.description.enable_update);

    let [ReceiverKind::Webhook(first), ReceiverKind::Webhook(second)] =
        [0, 1].map(|at| &unused.integrations[at].kind)
    else {
        panic!("{unused:?}")
    };
    assert!(inline(first.url.as_ref()).ends_with("{{ .GroupLabels.x }}"));
    let Some(TemplatedValue::Map(payload)) = &first.payload else {
        panic!("{first:?}")
    };
    assert_eq!(payload["b"], TemplatedValue::Integer(1));
    assert_eq!(file(second.url.as_ref()), Path::new("keys/webhook"));
    assert!(matches!(second.http.auth, Some(Auth::Basic { .. })));
    assert!(second.http.proxy.url.is_none());
}

/// A global token of an app is for receivers that do not say how they are reached.
#[test]
fn slack_is_reached_by_token_or_webhook() {
    let check = |global: &str, own: &str, want: Result<bool, &str>| {
        let source = format!(
            "global: {{{global}}}\nroute: {{receiver: r}}\nreceivers: [{{name: r, slack_configs: [{{{own}}}]}}]"
        );
        let got = load(&source).map(|config| {
            let ReceiverKind::Slack(slack) = &config.receivers[0].integrations[0].kind else {
                panic!("{config:?}")
            };
            assert_ne!(
                slack.app_token.is_some(),
                slack.api_url.is_some(),
                "{source}"
            );
            slack.app_token.is_some()
        });
        match (got, want) {
            (Ok(got), Ok(want)) => assert_eq!(got, want, "{source}"),
            (Err(error), Err(want)) => assert!(error.contains(want), "{error}"),
            other => panic!("{source}: {other:?}"),
        }
    };
    let token = "slack_app_token: hunter2";
    check(token, "channel: a", Ok(true));
    check(token, "api_url: 'http://a/'", Ok(false));
    check(token, "api_url_file: f", Ok(false));
    check(
        "slack_app_token: hunter2, slack_api_url: 'https://slack.com/api/chat.postMessage'",
        "http_config: {authorization: {credentials: x}}",
        Ok(false),
    );
    check(
        token,
        "http_config: {authorization: {credentials: x}}",
        Err("is missing: want api_url"),
    );
    check(
        "slack_app_token: hunter2, http_config: {authorization: {credentials: x}}",
        "channel: a",
        Err("authorization is set together with a token"),
    );
    check("slack_api_url_file: f", "app_token: hunter2", Ok(true));
}
