//! Rooms where people talk.

use expect_test::{Expect, expect};

use super::*;

async fn check(
    answer: Answer,
    kind: impl FnOnce(&Server) -> ReceiverKind,
    delivery: Delivery,
    want: Expect,
) {
    let server = Server::start([answer]).await;
    let kind = kind(&server);
    let text = asked(&server, kind, delivery).await;
    want.assert_eq(&text.replace(&server.port.to_string(), "PORT"));
}

fn slack(server: &Server) -> SlackSettings {
    SlackSettings {
        api_url: server.secret_url("/services/T/B/x"),
        channel: "#{{ .CommonLabels.host }}".to_owned(),
        ..SlackSettings::default()
    }
}

#[tokio::test]
async fn slack_gets_the_defaults() {
    let kind = |server: &Server| ReceiverKind::Slack(Box::new(slack(server)));
    check(Answer::OK, kind, firing(), expect![[r##"
        POST /services/T/B/x
        {"channel":"#a","username":"Alertmanager","attachments":[{"title":"[FIRING:1] Down (a critical)","title_link":"http://am.example:9093/#/alerts?receiver=team%5C.x","text":"","fallback":"[FIRING:1] Down (a critical) | http://am.example:9093/#/alerts?receiver=team%5C.x","callback_id":"","footer":"","color":"danger","mrkdwn_in":["fallback","pretext","text"]}]}"##]]).await;
}

#[tokio::test]
async fn slack_gets_fields_and_buttons() {
    let kind = |server: &Server| {
        let text = |text: &str| text.to_owned();
        ReceiverKind::Slack(Box::new(SlackSettings {
            fields: vec![
                TextField {
                    title: text("{{ .Status }}"),
                    value: text("v"),
                    short: None,
                },
                TextField {
                    title: text("t"),
                    value: text("v"),
                    short: Some(false),
                },
            ],
            short_fields: true,
            actions: vec![
                SlackAction {
                    kind: text("button"),
                    text: text("Silence"),
                    url: text("http://x/{{ .Status }}"),
                    name: text("is left out"),
                    ..SlackAction::default()
                },
                SlackAction {
                    kind: text("button"),
                    text: text("Ack"),
                    style: text("danger"),
                    name: text("ack"),
                    value: text("1"),
                    confirm: Some(SlackConfirmation {
                        text: text("Sure?"),
                        ok_text: text("Yes"),
                        ..SlackConfirmation::default()
                    }),
                    ..SlackAction::default()
                },
            ],
            title: "x".repeat(1_030),
            mrkdwn_in: vec![text("pretext")],
            link_names: true,
            message_text: text("above"),
            ..slack(server)
        }))
    };
    check(Answer::OK, kind, resolved(), expect![[r##"
        POST /services/T/B/x
        {"channel":"#a","username":"Alertmanager","link_names":true,"text":"above","attachments":[{"title":"x{1023}…","title_link":"http://am.example:9093/#/alerts?receiver=team%5C.x","text":"","fallback":"[RESOLVED] Down (a critical) | http://am.example:9093/#/alerts?receiver=team%5C.x","callback_id":"","fields":[{"title":"resolved","value":"v","short":true},{"title":"t","value":"v","short":false}],"actions":[{"type":"button","text":"Silence","url":"http://x/resolved"},{"type":"button","text":"Ack","style":"danger","name":"ack","value":"1","confirm":{"text":"Sure?","ok_text":"Yes"}}],"footer":"","color":"good","mrkdwn_in":["pretext"]}]}"##]]).await;
}

#[tokio::test]
async fn slack_bots_change_what_they_said() {
    let posted = r#"{"ok":true,"channel":"C1","ts":"17.1"}"#;
    let gone = r#"{"ok":false,"error":"message_not_found"}"#;
    let server =
        Server::start([posted, posted, gone, posted, posted].map(|it| Answer::json(200, it)));
    let server = server.await;
    let senders = senders(ReceiverKind::Slack(Box::new(SlackSettings {
        api_url: None,
        app_token: secret("xoxb-1"),
        app_url: Some(server.url("/api/chat.postMessage")),
        update_message: true,
        ..slack(&server)
    })));
    let again = |reason| Delivery { reason, ..firing() };
    attempt(&senders, firing()).await.unwrap();
    attempt(&senders, again(Reason::Repeat)).await.unwrap();
    // Somebody has deleted the message: the next attempt writes a new one.
    let error = attempt(&senders, again(Reason::NewAlerts))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        AttemptError::again("channel \"C1\": error response from Slack: message_not_found")
    );
    attempt(&senders, again(Reason::NewAlerts)).await.unwrap();
    // A new incident has a message of its own.
    attempt(&senders, firing()).await.unwrap();
    let requests = server.requests.lock();
    let seen: Vec<(&str, bool)> = requests
        .iter()
        .map(|request| {
            (
                request.lines().next().unwrap(),
                request.contains(r#""ts":"17.1""#),
            )
        })
        .collect();
    let (post, update) = ("POST /api/chat.postMessage", "POST /api/chat.update");
    let want = [
        (post, false),
        (update, true),
        (update, true),
        (post, false),
        (post, false),
    ];
    assert_eq!(seen, want);
    assert!(requests[1].contains("authorization: Bearer xoxb-1"));
    assert!(
        requests[1].contains(r##"{"channel":"C1","ts":"17.1","##),
        "{}",
        requests[1]
    );
}

#[tokio::test]
async fn slack_refuses_with_status_200() {
    let check = |answer: Answer, want: AttemptError| async move {
        let server = Server::start([answer]).await;
        let senders = senders(ReceiverKind::Slack(Box::new(slack(&server))));
        assert_eq!(attempt(&senders, firing()).await.unwrap_err(), want);
    };
    let about = "channel \"#a\": ";
    let no_channel = format!("{about}error response from Slack: channel_not_found");
    check(
        Answer::json(200, r#"{"ok":false,"error":"channel_not_found"}"#),
        AttemptError::refused(no_channel),
    )
    .await;
    check(
        Answer::text(200, "no_channel"),
        AttemptError::refused(format!("{about}error response from Slack: no_channel")),
    )
    .await;
    check(
        Answer::json(200, "{"),
        AttemptError::again(format!(
            "{about}the answer \"{{\" is not the JSON that is expected: \
             EOF while parsing an object at line 1 column 1"
        )),
    )
    .await;
    check(
        Answer::text(400, "invalid_payload"),
        AttemptError::refused(format!(
            "{about}unexpected status code 400: invalid_payload"
        )),
    )
    .await;
}

#[tokio::test]
async fn discord_gets_a_box() {
    let kind = |server: &Server| {
        ReceiverKind::Discord(Box::new(DiscordSettings {
            http: HttpClientSettings::default(),
            webhook_url: server.secret_url("/api/webhooks/1/x"),
            content: "x".repeat(2_001),
            title: "y".repeat(257),
            message: "{{ .Status }}".to_owned(),
            username: "bot".to_owned(),
            avatar_url: "none".to_owned(),
        }))
    };
    check(Answer::text(204, ""), kind, firing(), expect![[r#"
        POST /api/webhooks/1/x
        {"content":"x{1999}…","embeds":[{"title":"y{255}…","description":"firing","color":10038562}],"username":"bot"}"#]]).await;
}

#[tokio::test]
async fn teams_gets_cards() {
    let kind = |server: &Server| {
        ReceiverKind::MsTeams(Box::new(MsTeamsSettings {
            webhook_url: server.secret_url("/webhook/x"),
            text: "{{ .Status }}".to_owned(),
            ..MsTeamsSettings::default()
        }))
    };
    check(Answer::text(200, "1"), kind, resolved(), expect![[r#"
        POST /webhook/x
        {"@context":"http://schema.org/extensions","type":"MessageCard","title":"[RESOLVED] Down (a critical)","summary":"[RESOLVED] Down (a critical)","text":"resolved","themeColor":"2DC72D"}"#]]).await;
    let kind = |server: &Server| {
        ReceiverKind::MsTeamsV2(Box::new(MsTeamsV2Settings {
            webhook_url: server.secret_url("/workflows/x"),
            text: "{{ .Status }}".to_owned(),
            ..MsTeamsV2Settings::default()
        }))
    };
    check(Answer::text(202, ""), kind, firing(), expect![[r#"
        POST /workflows/x
        {"attachments":[{"content":{"$schema":"http://adaptivecards.io/schemas/adaptive-card.json","body":[{"color":"Attention","size":"Medium","style":"heading","text":"[FIRING:1] Down (a critical)","type":"TextBlock","weight":"Bolder","wrap":true},{"text":"firing","type":"TextBlock","wrap":true}],"msteams":{"width":"full"},"type":"AdaptiveCard","version":"1.2"},"contentType":"application/vnd.microsoft.card.adaptive","contentUrl":null}],"type":"message"}"#]]).await;
}

fn telegram(server: &Server) -> TelegramSettings {
    TelegramSettings {
        api_url: Some(server.url("/")),
        bot_token: secret("123:secret"),
        chat_id: Some(TextSource::Inline("-100".to_owned())),
        ..TelegramSettings::default()
    }
}

#[tokio::test]
async fn telegram_gets_html_or_text() {
    let ok = Answer::json(200, r#"{"ok":true,"result":{}}"#);
    let kind = |server: &Server| {
        ReceiverKind::Telegram(Box::new(TelegramSettings {
            message: "<b>{{ .CommonAnnotations.summary }}</b>".to_owned(),
            message_thread_id: 7,
            disable_notifications: true,
            ..telegram(server)
        }))
    };
    check(ok, kind, firing(), expect![[r#"
        POST /bot123:secret/sendMessage
        {"chat_id":"-100","disable_notification":"true","disable_web_page_preview":"true","message_thread_id":"7","parse_mode":"HTML","text":"<b>a is &lt;down&gt;</b>"}"#]]).await;
    let kind = |server: &Server| {
        ReceiverKind::Telegram(Box::new(TelegramSettings {
            message: "{{ .CommonAnnotations.summary }}".to_owned(),
            parse_mode: TelegramParseMode::Plain,
            ..telegram(server)
        }))
    };
    check(
        ok,
        kind,
        firing(),
        expect![[r#"
        POST /bot123:secret/sendMessage
        {"chat_id":"-100","disable_web_page_preview":"true","text":"a is <down>"}"#]],
    )
    .await;
    // HTML cannot be cut.
    for (parse_mode, want) in [
        (TelegramParseMode::Html, "longer than Telegram allows"),
        (TelegramParseMode::MarkdownV2, "y{4095}…\""),
    ] {
        let server = Server::start([ok]).await;
        let kind = ReceiverKind::Telegram(Box::new(TelegramSettings {
            message: "y".repeat(5_000),
            parse_mode,
            ..telegram(&server)
        }));
        let text = asked(&server, kind, firing()).await;
        assert!(text.contains(want), "{text}");
    }
}

#[tokio::test]
async fn telegram_says_why_it_refuses() {
    let check = |answer: Answer, want: AttemptError| async move {
        let server = Server::start([answer]).await;
        let senders = senders(ReceiverKind::Telegram(Box::new(telegram(&server))));
        assert_eq!(attempt(&senders, firing()).await.unwrap_err(), want);
    };
    let chat = r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#;
    check(
        Answer::json(400, chat),
        AttemptError::refused("telegram: Bad Request: chat not found (400)"),
    )
    .await;
    let flood = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 5"}"#;
    check(
        Answer::json(200, flood),
        AttemptError::again("telegram: Too Many Requests: retry after 5 (429)"),
    )
    .await;
    check(
        Answer::text(502, "bad gateway /bot123:secret/sendMessage"),
        AttemptError::again("unexpected status code 502: bad gateway <secret>"),
    )
    .await;
}

#[tokio::test]
async fn webex_gets_markdown() {
    let kind = |server: &Server| {
        ReceiverKind::Webex(Box::new(WebexSettings {
            http: HttpClientSettings {
                auth: Some(bellwether_outbound::settings::Auth::Header {
                    scheme: "Bearer".to_owned(),
                    credentials: secret("webex"),
                }),
                ..HttpClientSettings::default()
            },
            api_url: Some(server.url("/v1/messages")),
            room_id: "{{ .CommonLabels.host }}".to_owned(),
            message: "{{ .Status }}".to_owned(),
        }))
    };
    check(
        Answer::json(200, "{}"),
        kind,
        firing(),
        expect![[r#"
        POST /v1/messages
        authorization: Bearer webex
        {"markdown":"firing","roomId":"a"}"#]],
    )
    .await;
}

#[tokio::test]
async fn rocket_chat_gets_an_attachment() {
    let kind = |server: &Server| {
        ReceiverKind::RocketChat(Box::new(RocketChatSettings {
            api_url: Some(server.url("/")),
            token_id: secret("user-id"),
            token: secret("the-token"),
            channel: "#x".to_owned(),
            fields: vec![TextField {
                title: "t".to_owned(),
                value: "v".to_owned(),
                short: None,
            }],
            actions: vec![RocketChatAction {
                text: "Go".to_owned(),
                url: "http://x".to_owned(),
                ..RocketChatAction::default()
            }],
            ..RocketChatSettings::default()
        }))
    };
    let ok = Answer::json(200, r#"{"success":true}"#);
    check(ok, kind, firing(), expect![[r##"
        POST /api/v1/chat.postMessage
        x-auth-token: the-token
        x-user-id: user-id
        {"channel":"#x","attachments":[{"title":"[FIRING:1] Down (a critical)","title_link":"http://am.example:9093/#/alerts?receiver=team%5C.x","color":"red","fields":[{"short":false,"title":"t","value":"v"}],"actions":[{"type":"button","text":"Go","url":"http://x","is_webview":false,"msg_in_chat_window":false}]}]}"##]]).await;

    let refusal = Answer::json(200, r#"{"success":false,"error":"error-invalid-channel"}"#);
    let server = Server::start([refusal]).await;
    let error = attempt(&senders(kind(&server)), firing())
        .await
        .unwrap_err();
    let want = "channel \"#x\": error response from Rocket.Chat: error-invalid-channel";
    assert_eq!(error, AttemptError::refused(want));
}

#[tokio::test]
async fn mattermost_gets_attachments() {
    let own = |server: &Server| {
        let mut settings = MattermostSettings {
            webhook_url: server.secret_url("/hooks/x"),
            channel: "alerts".to_owned(),
            ..MattermostSettings::default()
        };
        settings.attachment.text = "{{ .Status }}".to_owned();
        settings
    };
    let kind = |server: &Server| ReceiverKind::Mattermost(Box::new(own(server)));
    check(Answer::OK, kind, firing(), expect![[r#"
        POST /hooks/x
        {"channel":"alerts","username":"Alertmanager","attachments":[{"fallback":"[FIRING:1] Down (a critical) | http://am.example:9093/#/alerts?receiver=team%5C.x","color":"danger","text":"firing","title":"[FIRING:1] Down (a critical)","title_link":"http://am.example:9093/#/alerts?receiver=team%5C.x"}]}"#]]).await;
    let kind = |server: &Server| {
        ReceiverKind::Mattermost(Box::new(MattermostSettings {
            attachments: vec![MattermostAttachment {
                author_name: "{{ .Receiver }}".to_owned(),
                fields: vec![TextField {
                    title: "t".to_owned(),
                    value: "v".to_owned(),
                    short: Some(true),
                }],
                ..MattermostAttachment::default()
            }],
            card: "{{ len .Alerts }}".to_owned(),
            priority: Some(MattermostPriority {
                priority: "Important".to_owned(),
                requested_ack: true,
                persistent_notifications: true,
            }),
            ..own(server)
        }))
    };
    check(Answer::OK, kind, firing(), expect![[r#"
        POST /hooks/x
        {"text":"firing","channel":"alerts","username":"Alertmanager","attachments":[{"author_name":"team\\.x","fields":[{"title":"t","value":"v","short":true}]}],"props":{"card":"1"},"priority":{"priority":"important","requested_ack":true}}"#]]).await;
}

#[tokio::test]
async fn wechat_fetches_a_token_and_keeps_it() {
    let token = Answer::json(200, r#"{"errcode":0,"access_token":"tok-en"}"#);
    let ok = Answer::json(200, r#"{"errcode":0,"errmsg":"ok"}"#);
    let expired = Answer::json(200, r#"{"errcode":42001,"errmsg":"access_token expired"}"#);
    let refused = Answer::json(200, r#"{"errcode":40013,"errmsg":"invalid corpid"}"#);
    let server = Server::start([token, ok, expired, token, ok, refused]).await;
    let senders = senders(ReceiverKind::Wechat(Box::new(WechatSettings {
        api_url: Some(server.url("/cgi-bin/")),
        api_secret: secret("the-secret"),
        corp_id: "corp".to_owned(),
        message: "{{ .Status }}".to_owned(),
        to_user: "@all".to_owned(),
        agent_id: "1".to_owned(),
        message_type: WechatMessageType::Markdown,
        ..WechatSettings::default()
    })));
    attempt(&senders, firing()).await.unwrap();
    let error = attempt(&senders, firing()).await.unwrap_err();
    assert_eq!(error, AttemptError::again("access_token expired (42001)"));
    attempt(&senders, firing()).await.unwrap();
    let error = attempt(&senders, firing()).await.unwrap_err();
    assert_eq!(error, AttemptError::refused("invalid corpid (40013)"));
    expect![[r#"
        GET /cgi-bin/gettoken?corpid=corp&corpsecret=the-secret

        POST /cgi-bin/message/send?access_token=tok-en
        {"text":{"content":""},"touser":"@all","agentid":"1","safe":"0","msgtype":"markdown","markdown":{"content":"firing"}}
        POST /cgi-bin/message/send?access_token=tok-en
        {"text":{"content":""},"touser":"@all","agentid":"1","safe":"0","msgtype":"markdown","markdown":{"content":"firing"}}
        GET /cgi-bin/gettoken?corpid=corp&corpsecret=the-secret

        POST /cgi-bin/message/send?access_token=tok-en
        {"text":{"content":""},"touser":"@all","agentid":"1","safe":"0","msgtype":"markdown","markdown":{"content":"firing"}}
        POST /cgi-bin/message/send?access_token=tok-en
        {"text":{"content":""},"touser":"@all","agentid":"1","safe":"0","msgtype":"markdown","markdown":{"content":"firing"}}"#]].assert_eq(&server.asked());
}
