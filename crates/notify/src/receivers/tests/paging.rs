//! Services that wake people.

use expect_test::{Expect, expect};

use super::*;

/// Senders whose fixed addresses are the server.
fn senders_at(server: &Server, kind: ReceiverKind) -> Senders {
    let leaked = |path: &str| -> &'static str { server.url(path).to_string().leak() };
    let endpoints = Endpoints {
        pagerduty_v1: leaked("/generic/2010-04-15/create_event.json"),
        pushover: leaked("/1/messages.json"),
    };
    Senders::with_endpoints(settings(kind), clock(), endpoints).unwrap()
}

async fn check(kind: impl FnOnce(&Server) -> ReceiverKind, delivery: Delivery, want: Expect) {
    let server = Server::start([Answer::json(202, "{}")]).await;
    let senders = senders_at(&server, kind(&server));
    attempt(&senders, delivery).await.unwrap();
    want.assert_eq(&server.asked());
}

fn pagerduty(server: &Server) -> PagerDutySettings {
    PagerDutySettings {
        url: Some(server.url("/v2/enqueue")),
        routing_key: secret("{{ .CommonLabels.host }}-routing"),
        ..PagerDutySettings::default()
    }
}

#[tokio::test]
async fn pagerduty_v2_gets_events() {
    let kind = |server: &Server| ReceiverKind::PagerDuty(Box::new(pagerduty(server)));
    check(kind, firing(), expect![[r#"
        POST /v2/enqueue
        {"routing_key":"a-routing","dedup_key":"6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b","event_action":"trigger","payload":{"summary":"[FIRING:1] Down (a critical)","source":"Alertmanager","severity":"error","custom_details":{"firing":[{"annotations":{"summary":"a is <down>"},"endsAt":"0001-01-01T00:00:00Z","fingerprint":"a24f7569c9f38fc1","generatorURL":"http://prom.example/graph?g0.expr=up&g0.tab=1","labels":{"alertname":"Down","host":"a","severity":"critical"},"startsAt":"2024-01-01T09:14:30Z","status":"firing"}],"num_firing":1,"num_resolved":0,"resolved":[]}},"client":"Alertmanager","client_url":"http://am.example:9093/#/alerts?receiver=team%5C.x"}"#]]).await;
    let kind = |server: &Server| {
        let text = |text: &str| text.to_owned();
        ReceiverKind::PagerDuty(Box::new(PagerDutySettings {
            details: [(
                "nested".to_owned(),
                TemplatedValue::Map(
                    [(text("n"), TemplatedValue::Text(text("{{ len .Alerts }}")))].into(),
                ),
            )]
            .into(),
            images: vec![
                PagerDutyImage {
                    src: text("http://x/i.png"),
                    ..PagerDutyImage::default()
                },
                PagerDutyImage::default(),
            ],
            links: vec![
                PagerDutyLink::default(),
                PagerDutyLink {
                    href: text("http://x/{{ .Status }}"),
                    text: text("x"),
                },
            ],
            description: "x".repeat(1_025),
            source: text("src"),
            severity: text("{{ .CommonLabels.severity }}"),
            class: text("c"),
            component: text("{{ .CommonLabels.host }}"),
            group: text("g"),
            ..pagerduty(server)
        }))
    };
    check(kind, resolved(), expect![[r#"
        POST /v2/enqueue
        {"routing_key":"a-routing","dedup_key":"6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b","event_action":"resolve","payload":{"summary":"x{1023}…","source":"src","severity":"critical","class":"c","component":"a","group":"g","custom_details":{"nested":{"n":1}}},"client":"Alertmanager","client_url":"http://am.example:9093/#/alerts?receiver=team%5C.x","images":[{"src":"http://x/i.png","alt":"","href":""}],"links":[{"href":"http://x/resolved","text":"x"}]}"#]]).await;
}

#[tokio::test]
async fn pagerduty_v1_gets_events_by_its_own_address() {
    let kind = |server: &Server| {
        ReceiverKind::PagerDuty(Box::new(PagerDutySettings {
            service_key: secret("service"),
            details: [("k".to_owned(), TemplatedValue::Text("v".to_owned()))].into(),
            ..pagerduty(server)
        }))
    };
    check(kind, firing(), expect![[r#"
        POST /generic/2010-04-15/create_event.json
        {"service_key":"service","incident_key":"6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b","event_type":"trigger","description":"[FIRING:1] Down (a critical)","event_action":"","payload":null,"client":"Alertmanager","client_url":"http://am.example:9093/#/alerts?receiver=team%5C.x","details":{"k":"v"}}"#]]).await;
    check(kind, resolved(), expect![[r#"
        POST /generic/2010-04-15/create_event.json
        {"service_key":"service","incident_key":"6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b","event_type":"resolve","description":"[RESOLVED] Down (a critical)","event_action":"","payload":null,"details":{"k":"v"}}"#]]).await;
}

#[tokio::test]
async fn pagerduty_events_that_are_too_long_lose_their_details() {
    for service_key in [None, secret("service")] {
        let server = Server::start([Answer::json(202, "{}")]).await;
        let kind = ReceiverKind::PagerDuty(Box::new(PagerDutySettings {
            service_key,
            details: [("k".to_owned(), TemplatedValue::Text("x".repeat(512_000)))].into(),
            ..pagerduty(&server)
        }));
        attempt(&senders_at(&server, kind), firing()).await.unwrap();
        let text = server.asked();
        let want = r#"details":{"error":"Custom details have been removed because the original event exceeds the maximum size of 512KB"}"#;
        assert!(text.contains(want) && text.len() < 2_000, "{}", text.len());
    }
}

#[tokio::test]
async fn pagerduty_says_why_it_refuses() {
    let refusal = r#"{"status":"invalid event","message":"Event object is invalid","errors":["Length of 'routing_key' is incorrect"]}"#;
    let check = |answer: Answer, service_key: Option<SecretSource>, want: AttemptError| async move {
        let server = Server::start([answer]).await;
        let kind = ReceiverKind::PagerDuty(Box::new(PagerDutySettings {
            service_key,
            ..pagerduty(&server)
        }));
        let error = attempt(&senders_at(&server, kind), firing())
            .await
            .unwrap_err();
        assert_eq!(error, want);
    };
    let text =
        "unexpected status code 400: Event object is invalid: Length of 'routing_key' is incorrect";
    check(
        Answer::json(400, refusal),
        None,
        AttemptError::refused(text),
    )
    .await;
    let again = |text: &str| AttemptError::again(format!("unexpected status code {text}"));
    check(Answer::text(429, ""), None, again("429")).await;
    check(
        Answer::text(403, "slow down a-routing"),
        None,
        AttemptError::refused("unexpected status code 403: slow down <secret>"),
    )
    .await;
    // The older API says so with 403.
    check(Answer::text(403, ""), secret("service"), again("403")).await;
}

fn opsgenie(server: &Server) -> OpsgenieSettings {
    OpsgenieSettings {
        api_url: Some(server.url("/api")),
        api_key: secret("{{ .CommonLabels.host }}-key"),
        ..OpsgenieSettings::default()
    }
}

#[tokio::test]
async fn opsgenie_alerts_are_created_and_closed() {
    let full = |server: &Server| {
        let text = |text: &str| text.to_owned();
        ReceiverKind::Opsgenie(Box::new(OpsgenieSettings {
            message: "m".repeat(131),
            description: text("{{ .CommonAnnotations.summary }}"),
            details: [(text("host"), text("on {{ .CommonLabels.host }}"))].into(),
            entity: text("e"),
            responders: vec![
                OpsgenieResponder {
                    name: text("TeamA,,TeamB"),
                    kind: text("teams"),
                    ..OpsgenieResponder::default()
                },
                OpsgenieResponder {
                    name: text("{{ .CommonLabels.none }}"),
                    kind: text("{{ .CommonLabels.none }}"),
                    ..OpsgenieResponder::default()
                },
                OpsgenieResponder {
                    username: text("joe"),
                    kind: text("user"),
                    ..OpsgenieResponder::default()
                },
            ],
            actions: text("doThis,doThat"),
            tags: text("tag1,,tag2"),
            note: text("n"),
            priority: text("P1"),
            update_alerts: true,
            ..opsgenie(server)
        }))
    };
    check(full, firing(), expect![[r#"
        POST /api/v2/alerts
        authorization: GenieKey a-key
        {"alias":"6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b","message":"m{129}…","description":"a is <down>","details":{"alertname":"Down","host":"on a","severity":"critical"},"source":"http://am.example:9093/#/alerts?receiver=team%5C.x","responders":[{"name":"TeamA","type":"team"},{"name":"TeamB","type":"team"},{"username":"joe","type":"user"}],"tags":["tag1","tag2"],"note":"n","priority":"P1","entity":"e","actions":["doThis","doThat"]}
        PUT /api/v2/alerts/6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b/message?identifierType=alias
        authorization: GenieKey a-key
        {"message":"m{129}…"}
        PUT /api/v2/alerts/6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b/description?identifierType=alias
        authorization: GenieKey a-key
        {"description":"a is <down>"}"#]]).await;
    let plain = |server: &Server| ReceiverKind::Opsgenie(Box::new(opsgenie(server)));
    check(plain, resolved(), expect![[r#"
        POST /api/v2/alerts/6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b/close?identifierType=alias
        authorization: GenieKey a-key
        {"source":"http://am.example:9093/#/alerts?receiver=team%5C.x"}"#]]).await;
}

#[tokio::test]
async fn pushover_gets_a_form() {
    let kind = |server: &Server| {
        let _ = server;
        ReceiverKind::Pushover(Box::new(PushoverSettings {
            user_key: secret("the-user"),
            token: secret("the-token"),
            title: "t".repeat(251),
            message: " <b>{{ .CommonAnnotations.summary }}</b> ".to_owned(),
            format: PushoverFormat::Html,
            ttl_ms: 90_500,
            sound: "siren".to_owned(),
            ..PushoverSettings::default()
        }))
    };
    check(kind, firing(), expect![[r#"
        POST /1/messages.json
        content-type: application/x-www-form-urlencoded
        token=the-token&user=the-user&title=t{249}%E2%80%A6&html=1&message=%3Cb%3Ea+is+%26lt%3Bdown%26gt%3B%3C%2Fb%3E&url=http%3A%2F%2Fam.example%3A9093%2F%23%2Falerts%3Freceiver%3Dteam%255C.x&url_title=&priority=2&retry=60&expire=3600&device=&sound=siren&ttl=90"#]]).await;
    let kind = |server: &Server| {
        let _ = server;
        ReceiverKind::Pushover(Box::new(PushoverSettings {
            user_key: secret("the-user"),
            token: secret("the-token"),
            message: "{{ .CommonLabels.none }}".to_owned(),
            format: PushoverFormat::Monospace,
            ..PushoverSettings::default()
        }))
    };
    check(kind, resolved(), expect![[r#"
        POST /1/messages.json
        content-type: application/x-www-form-urlencoded
        token=the-token&user=the-user&title=%5BRESOLVED%5D+Down+%28a+critical%29&monospace=1&message=%28no+details%29&url=http%3A%2F%2Fam.example%3A9093%2F%23%2Falerts%3Freceiver%3Dteam%255C.x&url_title=&priority=0&retry=60&expire=3600&device=&sound="#]]).await;
}

#[tokio::test]
async fn victorops_gets_messages() {
    let kind = |server: &Server| {
        ReceiverKind::VictorOps(Box::new(VictorOpsSettings {
            api_url: Some(server.url("/alert/")),
            api_key: secret("the-key"),
            routing_key: "{{ .CommonLabels.host }}".to_owned(),
            message_type: "{{ .CommonLabels.severity }}".to_owned(),
            state_message: "{{ .Status }}".to_owned(),
            custom_fields: [(
                "field".to_owned(),
                "{{ .GroupLabels.alertname }}".to_owned(),
            )]
            .into(),
            ..VictorOpsSettings::default()
        }))
    };
    check(kind, firing(), expect![[r#"
        POST /alert/the-key/a
        {"entity_display_name":"[FIRING:1] Down (a critical)","entity_id":"6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b","field":"Down","message_type":"CRITICAL","monitoring_tool":"Alertmanager","state_message":"firing"}"#]]).await;
    check(kind, resolved(), expect![[r#"
        POST /alert/the-key/a
        {"entity_display_name":"[RESOLVED] Down (a critical)","entity_id":"6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b","field":"Down","message_type":"RECOVERY","monitoring_tool":"Alertmanager","state_message":"resolved"}"#]]).await;
}
