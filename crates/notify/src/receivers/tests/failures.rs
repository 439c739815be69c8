//! What may be tried again, what is not shown, and settings that do not go.

use super::*;
use crate::receivers::ReceiverError;

fn kinds(server: &Server) -> Vec<ReceiverKind> {
    let url = || server.secret_url("/tok-en-in-path?tok-en-in-query=1");
    let base = || Some(server.url("/"));
    vec![
        ReceiverKind::Webhook(Box::new(WebhookSettings {
            url: url(),
            ..WebhookSettings::default()
        })),
        ReceiverKind::Slack(Box::new(SlackSettings {
            api_url: url(),
            ..SlackSettings::default()
        })),
        ReceiverKind::PagerDuty(Box::new(PagerDutySettings {
            url: base(),
            routing_key: secret("tok-en-key"),
            ..PagerDutySettings::default()
        })),
        ReceiverKind::Opsgenie(Box::new(OpsgenieSettings {
            api_url: base(),
            api_key: secret("tok-en-key"),
            ..OpsgenieSettings::default()
        })),
        ReceiverKind::VictorOps(Box::new(VictorOpsSettings {
            api_url: base(),
            api_key: secret("tok-en-key"),
            routing_key: "r".to_owned(),
            ..VictorOpsSettings::default()
        })),
        ReceiverKind::Telegram(Box::new(TelegramSettings {
            api_url: base(),
            bot_token: secret("tok-en-key"),
            chat_id: Some(TextSource::Inline("1".to_owned())),
            ..TelegramSettings::default()
        })),
        ReceiverKind::Discord(Box::new(DiscordSettings {
            webhook_url: url(),
            ..DiscordSettings::default()
        })),
        ReceiverKind::MsTeams(Box::new(MsTeamsSettings {
            webhook_url: url(),
            ..MsTeamsSettings::default()
        })),
        ReceiverKind::MsTeamsV2(Box::new(MsTeamsV2Settings {
            webhook_url: url(),
            ..MsTeamsV2Settings::default()
        })),
        ReceiverKind::Webex(Box::new(WebexSettings {
            http: HttpClientSettings {
                auth: Some(bellwether_outbound::settings::Auth::Header {
                    scheme: "Bearer".to_owned(),
                    credentials: secret("tok-en-key"),
                }),
                ..HttpClientSettings::default()
            },
            api_url: base(),
            room_id: "r".to_owned(),
            ..WebexSettings::default()
        })),
        ReceiverKind::Jira(Box::new(JiraSettings {
            http: HttpClientSettings {
                auth: Some(bellwether_outbound::settings::Auth::Basic {
                    username: TextSource::Inline("joe".to_owned()),
                    password: secret("tok-en-key"),
                }),
                ..HttpClientSettings::default()
            },
            api_url: base(),
            project: "p".to_owned(),
            issue_type: "t".to_owned(),
            ..JiraSettings::default()
        })),
        ReceiverKind::IncidentIo(Box::new(IncidentIoSettings {
            url: Some(TextSource::Inline(server.url("/").into())),
            alert_source_token: secret("tok-en-key"),
            ..IncidentIoSettings::default()
        })),
        ReceiverKind::RocketChat(Box::new(RocketChatSettings {
            api_url: base(),
            token_id: secret("tok-en-id"),
            token: secret("tok-en-key"),
            ..RocketChatSettings::default()
        })),
        ReceiverKind::Mattermost(Box::new(MattermostSettings {
            webhook_url: url(),
            ..MattermostSettings::default()
        })),
        ReceiverKind::Wechat(Box::new(WechatSettings {
            api_url: base(),
            api_secret: secret("tok-en-key"),
            corp_id: "c".to_owned(),
            ..WechatSettings::default()
        })),
    ]
}

/// Which kinds try again after a status.
#[tokio::test]
async fn statuses_say_what_may_be_tried_again() {
    const LIMITED: [&str; 6] = [
        "pagerduty",
        "opsgenie",
        "telegram",
        "jira",
        "incidentio",
        "wechat",
    ];
    const BY_URL: [&str; 6] = [
        "webhook",
        "slack",
        "discord",
        "msteams",
        "msteamsv2",
        "mattermost",
    ];
    for status in [300, 400, 401, 403, 404, 413, 429, 500, 503] {
        let by_key = Server::start([Answer::text(status, "said\n tok-en-key")]).await;
        let by_url = Server::start([Answer::text(status, "said\n /tok-en-in-path")]).await;
        for (kind, other) in kinds(&by_key).into_iter().zip(kinds(&by_url)) {
            let name = kind.name();
            let kind = if BY_URL.contains(&name) { other } else { kind };
            let error = attempt(&senders(kind), firing()).await.unwrap_err();
            let want = status >= 500 || status == 429 && LIMITED.contains(&name);
            assert_eq!(error.retry, want, "{name} {status}: {}", error.text);
            let shown = format!("unexpected status code {status}");
            assert!(error.text.contains(&shown), "{name}: {}", error.text);
            assert!(!error.text.contains("tok-en-"), "{name}: {}", error.text);
            assert!(!error.text.contains('\n'), "{name}: {}", error.text);
        }
    }
}

#[tokio::test]
async fn who_cannot_be_reached_is_tried_again_and_not_shown() {
    // It holds a port and does not listen.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nobody = Server {
        port: held.local_addr().unwrap().port(),
        requests: Arc::default(),
    };
    for kind in kinds(&nobody) {
        let name = kind.name();
        let error = attempt(&senders(kind), firing()).await.unwrap_err();
        assert!(error.retry, "{name}: {}", error.text);
        assert!(
            error.text.contains("cannot be reached"),
            "{name}: {}",
            error.text
        );
        assert!(!error.text.contains("tok-en-"), "{name}: {}", error.text);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_is_not_waited_for() {
    // Takes connections and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = Server {
        port: listener.local_addr().unwrap().port(),
        requests: Arc::default(),
    };
    let kind = |timeout_ms| {
        ReceiverKind::Webhook(Box::new(WebhookSettings {
            url: silent.secret_url("/"),
            timeout_ms,
            ..WebhookSettings::default()
        }))
    };
    let error = attempt(&senders(kind(Some(20))), firing())
        .await
        .unwrap_err();
    assert_eq!(
        error,
        AttemptError::again("no answer from the receiver within 20ms")
    );
    // Nor longer than the deadline; which of both notices first is open.
    let late = Delivery {
        deadline_ms: NOW_MS - 1,
        ..firing()
    };
    let error = attempt(&senders(kind(None)), late).await.unwrap_err();
    assert!(
        error.retry && error.text.ends_with("within 1s"),
        "{}",
        error.text
    );
}

#[tokio::test]
async fn long_answers_are_cut() {
    let long: &'static str = "é".repeat(3_000).leak();
    let server = Server::start([Answer::text(200, long)]).await;
    let kind = kinds(&server).remove(0);
    let said = attempt(&senders(kind.clone()), firing()).await.unwrap();
    assert_eq!(said, format!("200 OK: {}… (6000 bytes)", "é".repeat(300)));

    // Longer than is read: the status counts.
    let huge: &'static str = "x".repeat((1 << 20) + 1).leak();
    let server = Server::start([Answer::text(200, huge)]).await;
    let kind = kinds(&server).remove(0);
    assert_eq!(attempt(&senders(kind), firing()).await.unwrap(), "200 OK");
}

#[tokio::test]
async fn templates_that_fail_end_the_delivery() {
    let server = Server::start([Answer::OK]).await;
    let check = |title: &'static str, want: &'static str| {
        let kind = ReceiverKind::Discord(Box::new(DiscordSettings {
            webhook_url: server.secret_url("/"),
            title: title.to_owned(),
            ..DiscordSettings::default()
        }));
        async move {
            let error = attempt(&senders(kind), firing()).await.unwrap_err();
            assert_eq!(error, AttemptError::refused(want));
        }
    };
    check("{{ ", "title: template: :1:3: unclosed action").await;
    check(
        "{{ kaput }}",
        "title: template: :1:3: function \"kaput\" not defined",
    )
    .await;
    let missing = "title: template: :1:12: executing \"\" at <{{template \"none\" .}}>: template \"none\" not defined";
    check("{{ template \"none\" . }}", missing).await;
    assert_eq!(server.asked(), "");
}

#[tokio::test]
async fn secrets_may_stand_in_files_and_files_may_be_missing() {
    let server = Server::start([Answer::json(202, "{}")]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let kind = ReceiverKind::PagerDuty(Box::new(PagerDutySettings {
        url: Some(server.url("/")),
        routing_key: Some(SecretSource::File(path.clone())),
        ..PagerDutySettings::default()
    }));
    let senders = senders(kind);
    let error = attempt(&senders, firing()).await.unwrap_err();
    assert!(
        error.retry && error.text.starts_with("routing_key_file \""),
        "{}",
        error.text
    );
    std::fs::write(&path, "first\n").unwrap();
    attempt(&senders, firing()).await.unwrap();
    std::fs::write(&path, "second\n").unwrap();
    attempt(&senders, firing()).await.unwrap();
    let text = server.asked();
    assert!(
        text.contains(r#"{"routing_key":"first","#) && text.contains(r#"{"routing_key":"second","#)
    );
}

#[tokio::test]
async fn what_the_settings_do_not_have_any_more_is_refused() {
    let senders = senders(ReceiverKind::Sns(Box::new(SnsSettings {
        target: Some(SnsTarget::Topic("arn".to_owned())),
        ..SnsSettings::default()
    })));
    let error = attempt(&senders, firing()).await.unwrap_err();
    assert!(
        !error.retry
            && error
                .text
                .starts_with("sns is understood but cannot be sent")
    );
    let other = Delivery {
        integration: 1,
        ..firing()
    };
    let error = attempt(&senders, other).await.unwrap_err();
    let want = "receiver \"team.x\" has 1 integrations, and this is for number 2";
    assert_eq!(error, AttemptError::refused(want));

    let server = Server::start([Answer::OK]).await;
    let prepared = senders.prepare(settings(kinds(&server).remove(0)));
    senders.replace(prepared.unwrap());
    attempt(&senders, firing()).await.unwrap();
    let mut none = settings(kinds(&server).remove(0));
    none.receivers.clear();
    senders.replace(senders.prepare(none).unwrap());
    let error = attempt(&senders, firing()).await.unwrap_err();
    let want = "receiver \"team.x\" is not in the configuration any more";
    assert_eq!(error, AttemptError::refused(want));
}

#[test]
fn settings_that_do_not_go_are_refused() {
    let check = |kind: ReceiverKind, want: &str| {
        let name = kind.name();
        let mut settings = settings(kind);
        settings.receivers[0].integrations.insert(
            0,
            IntegrationSettings {
                send_resolved: true,
                kind: ReceiverKind::Discord(Box::new(DiscordSettings {
                    webhook_url: secret("http://x"),
                    ..DiscordSettings::default()
                })),
            },
        );
        let error = Senders::new(settings, clock()).unwrap_err().to_string();
        let index = usize::from(name == "discord");
        assert_eq!(
            error,
            format!("receiver \"team.x\": {name}_configs[{index}]: {want}")
        );
    };
    use ReceiverKind::*;
    check(Webhook(Box::default()), "url or url_file is missing");
    check(Email(Box::default()), "to is missing");
    check(
        PagerDuty(Box::default()),
        "routing_key, routing_key_file, service_key or service_key_file is missing",
    );
    check(
        Opsgenie(Box::default()),
        "api_key or api_key_file is missing",
    );
    let responders = OpsgenieSettings {
        api_key: secret("k"),
        responders: vec![OpsgenieResponder::default()],
        ..OpsgenieSettings::default()
    };
    check(
        Opsgenie(Box::new(responders)),
        "responders[0].id, name or username is missing",
    );
    check(
        Wechat(Box::default()),
        "api_secret or api_secret_file is missing",
    );
    check(
        Slack(Box::default()),
        "api_url, api_url_file, app_token or app_token_file is missing",
    );
    check(
        VictorOps(Box::default()),
        "api_key or api_key_file is missing",
    );
    let reserved = VictorOpsSettings {
        api_key: secret("k"),
        routing_key: "r".to_owned(),
        custom_fields: [("entity_id".to_owned(), String::new())].into(),
        ..VictorOpsSettings::default()
    };
    check(
        VictorOps(Box::new(reserved)),
        "custom_fields.entity_id is not allowed: the message has a field of that name",
    );
    check(
        Pushover(Box::default()),
        "user_key or user_key_file is missing",
    );
    check(
        Sns(Box::default()),
        "topic_arn, phone_number or target_arn is missing",
    );
    check(
        Telegram(Box::default()),
        "bot_token or bot_token_file is missing",
    );
    check(
        Discord(Box::default()),
        "webhook_url or webhook_url_file is missing",
    );
    check(Webex(Box::default()), "room_id is missing");
    check(
        MsTeams(Box::default()),
        "webhook_url or webhook_url_file is missing",
    );
    check(
        MsTeamsV2(Box::default()),
        "webhook_url or webhook_url_file is missing",
    );
    check(Jira(Box::default()), "api_url is missing");
    check(IncidentIo(Box::default()), "url or url_file is missing");
    check(
        RocketChat(Box::default()),
        "token_id or token_id_file is missing",
    );
    check(
        Mattermost(Box::default()),
        "webhook_url or webhook_url_file is missing",
    );
    let mail = |name: &str, threading| EmailSettings {
        to: "a@b".to_owned(),
        from: "a@b".to_owned(),
        smarthost: Some(Smarthost {
            host: "h".to_owned(),
            port: 25,
        }),
        headers: [(name.to_owned(), String::new())].into(),
        threading,
        ..EmailSettings::default()
    };
    check(
        Email(Box::new(mail("X:\r\nBcc", None))),
        r#"headers: "X:\r\nBcc" cannot be a header's name"#,
    );
    check(
        Email(Box::new(mail("References", Some(EmailThreading::Whole)))),
        "headers.References is what threading sets; set one of both",
    );
    for (kind, name) in [Webhook(Box::default()), Mattermost(Box::default())]
        .iter()
        .zip(["webhook", "mattermost"])
    {
        assert!(ReceiverKind::NAMES.contains(&name) && kind.name() == name);
    }
}

#[test]
fn files_that_are_no_templates_are_refused() {
    let mut settings = settings(ReceiverKind::Discord(Box::new(DiscordSettings {
        webhook_url: secret("http://x"),
        ..DiscordSettings::default()
    })));
    settings.templates = vec![TemplateFile {
        name: "/etc/templates/own.tmpl".to_owned(),
        text: "{{ define \"x\" }}".to_owned(),
    }];
    let error = Senders::new(settings, clock()).unwrap_err();
    let want = "/etc/templates/own.tmpl: template: own.tmpl:1:16: unexpected EOF: {{define}} of line 1 has no {{end}}";
    assert_eq!(error.to_string(), want);
    assert!(matches!(error, ReceiverError::Template { .. }));
}

#[tokio::test]
async fn faults_are_known_before_something_is_sent() {
    let server = Server::start([Answer::OK]).await;
    let mut all = settings(ReceiverKind::Sns(Box::new(SnsSettings {
        target: Some(SnsTarget::Topic("arn".to_owned())),
        ..SnsSettings::default()
    })));
    let slack = |text: &str| {
        ReceiverKind::Slack(Box::new(SlackSettings {
            api_url: secret("http://x"),
            actions: vec![SlackAction {
                confirm: Some(SlackConfirmation {
                    text: text.to_owned(),
                    ..SlackConfirmation::default()
                }),
                ..SlackAction::default()
            }],
            ..SlackSettings::default()
        }))
    };
    let payload = TemplatedValue::List(vec![TemplatedValue::Map(
        [("k".to_owned(), TemplatedValue::Text("{{ end }}".to_owned()))].into(),
    )]);
    let webhook = ReceiverKind::Webhook(Box::new(WebhookSettings {
        url: secret("http://x"),
        payload: Some(payload),
        ..WebhookSettings::default()
    }));
    // The defaults of all kinds are templates.
    let kinds = [slack("fine"), slack("{{ x }}"), webhook]
        .into_iter()
        .chain(kinds(&server));
    let integrations = kinds.map(|kind| IntegrationSettings {
        send_resolved: true,
        kind,
    });
    all.receivers[0].integrations.extend(integrations);
    let faults = Senders::new(all, clock()).unwrap().faults();
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(faults[0].starts_with("receiver \"team.x\": sns_configs[0]: sns is understood"));
    assert_eq!(
        faults[1],
        "receiver \"team.x\": slack_configs[1]: actions[0].confirm.text: \
         template: :1:3: function \"x\" not defined"
    );
    assert_eq!(
        faults[2],
        "receiver \"team.x\": webhook_configs[0]: payload[0].k: \
         template: :1:3: unexpected {{end}}"
    );
}
