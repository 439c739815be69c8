//! What templates see.

use super::*;
use crate::receivers::render;

fn rendered(text: &str, delivery: &Delivery, templates: &[(&str, &str)]) -> String {
    let mut settings = settings(ReceiverKind::Webhook(Box::default()));
    settings.external_url = "http://am.example/base/".parse().unwrap();
    settings.templates = templates
        .iter()
        .map(|(name, text)| TemplateFile {
            name: (*name).to_owned(),
            text: (*text).to_owned(),
        })
        .collect();
    render(&settings, text, delivery, clock()).unwrap_or_else(|error| error.to_string())
}

#[test]
fn templates_see_the_notification() {
    let delivery = Delivery {
        route_labels: vec![
            (
                "team".to_owned(),
                "{{ .GroupLabels.alertname }}-{{ routeLabels \"kind\" }}".to_owned(),
            ),
            ("kind".to_owned(), "k{{ .NotificationReason }}".to_owned()),
            ("plain".to_owned(), "p".to_owned()),
            ("broken".to_owned(), "{{ template \"none\" }}".to_owned()),
        ],
        ..resolved()
    };
    let check = |text: &str, want: &str| assert_eq!(rendered(text, &delivery, &[]), want, "{text}");
    check("{{ .Receiver }}", "team\\.x");
    check(
        "{{ .Status }} {{ .NotificationReason }}",
        "resolved first notification",
    );
    check("{{ .ExternalURL }}", "http://am.example/base");
    check(
        "{{ .GroupLabels }} {{ .CommonLabels.SortedPairs.Values.Join \"/\" }}",
        "alertname=Down Down/a/critical",
    );
    check(
        "{{ (.CommonLabels.Remove .GroupLabels.Names).Names }}",
        "[host severity]",
    );
    check(
        "{{ len .Alerts }} {{ len .Alerts.Firing }} {{ len .Alerts.Resolved }}",
        "1 0 1",
    );
    check(
        "{{ with index .Alerts 0 }}{{ .StartsAt }} {{ .EndsAt.Sub .StartsAt }} {{ .Fingerprint }} {{ .Status }}{{ end }}",
        "2024-01-01 09:14:30 +0000 UTC 1m0s a24f7569c9f38fc1 resolved",
    );
    check(
        "{{ .Alerts | len }} {{ .CommonLabels.none }}|{{ since (index .Alerts 0).StartsAt }}",
        "1 |1m0s",
    );
    // Labels of the route are for the group, so they have no reason; one that fails is not there.
    check(
        "{{ .RouteLabels }}",
        "kind=kunknown, plain=p, team=Down-kunknown",
    );
    check(
        "{{ routeLabels \"team\" }}|{{ routeLabels \"none\" }}",
        "Down-kunknown|",
    );
    check(
        "{{ nope }}",
        "template: template: :1:3: function \"nope\" not defined",
    );
}

#[test]
fn own_files_change_the_defaults() {
    let own = [
        (
            "dir/a.tmpl",
            r#"{{ define "__subject" }}S {{ .Status }}{{ end }}{{ define "slack.default.text" }}first{{ end }}"#,
        ),
        (
            "dir/b.tmpl",
            r#"{{ define "slack.default.text" }}second{{ end }}the file"#,
        ),
    ];
    let check =
        |text: &str, want: &str| assert_eq!(rendered(text, &firing(), &own), want, "{text}");
    check(r#"{{ template "slack.default.title" . }}"#, "S firing");
    check(r#"{{ template "slack.default.text" . }}"#, "second");
    check(r#"{{ template "b.tmpl" . }}"#, "the file");
}

/// A clock that shows the time once somebody else has been there.
#[derive(Debug)]
struct Visited(std::sync::Mutex<std::sync::mpsc::Receiver<i64>>);

impl bellwether_storage::Clock for Visited {
    fn now_ms(&self) -> i64 {
        self.0.lock().unwrap().recv().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_text_that_takes_long_leaves_the_thread_to_others() {
    let (visit, visited) = std::sync::mpsc::channel();
    let clock = Arc::new(Visited(std::sync::Mutex::new(visited)));
    let settings = settings(ReceiverKind::Webhook(Box::default()));
    // More than is done in passing; its end waits for a task that the same thread has to carry.
    let text = "{{ range $i := 30000 }}{{ end }}{{ now.Unix }}";
    let (begin, begun) = tokio::sync::oneshot::channel();
    let rendering = tokio::spawn(async move {
        tokio::spawn(async move { visit.send(5_000).unwrap() });
        begin.send(()).unwrap();
        crate::receivers::render(&settings, text, &delivery(Vec::new()), clock)
    });
    begun.await.unwrap();
    assert_eq!(rendering.await.unwrap().unwrap(), "5");
}
