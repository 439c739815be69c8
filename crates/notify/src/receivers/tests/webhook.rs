//! Webhooks and incident.io.

use std::io::Write as _;

use expect_test::expect;
use serde_json::json;

use super::*;

fn webhook(settings: WebhookSettings) -> ReceiverKind {
    ReceiverKind::Webhook(Box::new(settings))
}

fn to(server: &Server) -> WebhookSettings {
    WebhookSettings {
        url: server.secret_url("/hook"),
        ..WebhookSettings::default()
    }
}

fn two() -> Delivery {
    let mut delivery = delivery(vec![
        alert(
            &[("alertname", "Down"), ("host", "a")],
            &[("summary", "s")],
            None,
        ),
        alert(
            &[("alertname", "Down"), ("host", "b")],
            &[("summary", "s")],
            Some(NOW_MS - 500),
        ),
    ]);
    delivery.group_key = "{}:{alertname=\"Down\"}".to_owned();
    delivery
}

#[tokio::test]
async fn the_document_is_that_of_alertmanager() {
    let server = Server::start([Answer::OK]).await;
    let text = asked(&server, webhook(to(&server)), two()).await;
    expect![[r#"
        POST /hook
        {"receiver":"team\\.x","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"Down","host":"a"},"annotations":{"summary":"s"},"startsAt":"2024-01-01T09:14:30Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prom.example/graph?g0.expr=up\u0026g0.tab=1","fingerprint":"a854bc9b71abec83"},{"status":"resolved","labels":{"alertname":"Down","host":"b"},"annotations":{"summary":"s"},"startsAt":"2024-01-01T09:14:30Z","endsAt":"2024-01-01T09:15:29.5Z","generatorURL":"http://prom.example/graph?g0.expr=up\u0026g0.tab=1","fingerprint":"a850bc9b71a803ac"}],"notification_reason":"first notification","groupLabels":{"alertname":"Down"},"commonLabels":{"alertname":"Down"},"commonAnnotations":{"summary":"s"},"routeLabels":{},"externalURL":"http://am.example:9093","version":"4","groupKey":"{}:{alertname=\"Down\"}","truncatedAlerts":0}"#]].assert_eq(&text);
}

#[tokio::test]
async fn alerts_beyond_a_limit_are_counted() {
    let server = Server::start([Answer::OK]).await;
    let limited = WebhookSettings {
        max_alerts: 1,
        ..to(&server)
    };
    let text = asked(&server, webhook(limited), two()).await;
    let document: serde_json::Value =
        serde_json::from_str(text.strip_prefix("POST /hook\n").unwrap()).unwrap();
    assert_eq!(document["alerts"].as_array().unwrap().len(), 1);
    assert_eq!(document["truncatedAlerts"], 1);
    // What is common is so among the alerts that are sent.
    assert_eq!(
        document["commonLabels"],
        json!({"alertname": "Down", "host": "a"})
    );
}

#[tokio::test]
async fn payloads_are_templates() {
    let server = Server::start([Answer::OK]).await;
    let text = |text: &str| TemplatedValue::Text(text.to_owned());
    let payload = TemplatedValue::Map(
        [
            ("labels".to_owned(), text("{{ .CommonLabels | toJson }}")),
            ("count".to_owned(), text("{{ len .Alerts }}")),
            ("{{ .Status }}".to_owned(), text("Down: a")),
            (
                "list".to_owned(),
                TemplatedValue::List(vec![
                    TemplatedValue::Null,
                    TemplatedValue::Bool(true),
                    TemplatedValue::Integer(-3),
                    TemplatedValue::Float(1.5),
                    text(r#"{{ range .Alerts }}{{ .Labels.host }}{{ end }}"#),
                ]),
            ),
        ]
        .into(),
    );
    let settings = WebhookSettings {
        payload: Some(payload),
        ..to(&server)
    };
    let text = asked(&server, webhook(settings), firing()).await;
    expect![[r#"
        POST /hook
        {"count":1,"firing":{"Down":"a"},"labels":{"alertname":"Down","host":"a","severity":"critical"},"list":[null,true,-3,1.5,"a"]}"#]].assert_eq(&text);
}

#[tokio::test]
async fn urls_are_templates_and_may_stand_in_a_file() {
    let server = Server::start([Answer::OK]).await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let url = server.url("/");
    writeln!(
        file,
        "{url}{{{{ .CommonLabels.host }}}}/{{{{ .GroupLabels.alertname }}}}"
    )
    .unwrap();
    let settings = WebhookSettings {
        url: Some(SecretSource::File(file.path().to_owned())),
        payload: Some(TemplatedValue::Null),
        ..WebhookSettings::default()
    };
    let text = asked(&server, webhook(settings), firing()).await;
    assert_eq!(text, "POST /a/Down\nnull");
}

#[tokio::test]
async fn urls_that_are_none_are_refused_without_being_shown() {
    let check = |url: &'static str, want: &'static str| async move {
        let settings = WebhookSettings {
            url: secret(url),
            ..WebhookSettings::default()
        };
        let error = attempt(&senders(webhook(settings)), firing())
            .await
            .unwrap_err();
        assert_eq!(error, AttemptError::refused(want));
    };
    check(
        "{{ .CommonLabels.none }}",
        "url: its template printed nothing",
    )
    .await;
    check("token", "url: not a URL: relative URL without a base").await;
    check(
        "ftp://x/token",
        "url: the URL must begin with http:// or https://",
    )
    .await;
    let missing = "url: template: :1:3: executing \"\" at <.Token>: can't evaluate field Token in type *template.Data";
    check("{{ .Token }}", missing).await;
}

#[tokio::test]
async fn incident_io_gets_the_document_with_a_token() {
    let server = Server::start([Answer::json(202, "{}")]).await;
    let settings = IncidentIoSettings {
        url: Some(TextSource::Inline(server.url("/v2/alert_events").into())),
        alert_source_token: secret("tok-en"),
        ..IncidentIoSettings::default()
    };
    let kind = ReceiverKind::IncidentIo(Box::new(settings));
    let text = asked(&server, kind.clone(), firing()).await;
    let (head, body) = text.split_once('{').unwrap();
    assert_eq!(
        head,
        "POST /v2/alert_events\nauthorization: Bearer tok-en\n"
    );
    assert!(
        body.contains(r#""version":"1","groupKey":"1","truncatedAlerts":0}"#),
        "{body}"
    );

    // More than is taken: the first alert is sent alone, with what all have in common.
    let server_url = server.requests.lock().pop().unwrap();
    assert!(server_url.contains("alerts"));
    let long = "x".repeat(300 << 10);
    let alerts = ["a", "b"].map(|host| alert(&[("host", host)], &[("text", &long)], None));
    let text = asked(&server, kind, delivery(alerts.into())).await;
    let (_, body) = text.split_once("tok-en\n").unwrap();
    let document: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(document["alerts"].as_array().unwrap().len(), 1);
    assert_eq!(document["commonLabels"], json!({}));
    assert_eq!(document["alerts"][0]["labels"], json!({"host": "a"}));
}

#[tokio::test]
async fn incident_io_says_why_it_refuses() {
    let check = |body: &'static str, want: &'static str| async move {
        let server = Server::start([Answer::json(422, body)]).await;
        let settings = IncidentIoSettings {
            url: Some(TextSource::Inline(server.url("/").into())),
            alert_source_token: secret("tok-en"),
            ..IncidentIoSettings::default()
        };
        let kind = ReceiverKind::IncidentIo(Box::new(settings));
        let error = attempt(&senders(kind), firing()).await.unwrap_err();
        assert_eq!(error, AttemptError::refused(want));
    };
    check(
        r#"{"message":"m","errors":["a","b"],"error":"e"}"#,
        "unexpected status code 422: m: e: a, b",
    )
    .await;
    check("no JSON", "unexpected status code 422: no JSON").await;
}
