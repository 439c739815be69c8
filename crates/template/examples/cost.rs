//! What executing typical templates costs: `cargo run --release -p bellwether-template --example cost`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints, and stops where it cannot go on"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use bellwether_model::Labels;
use bellwether_template::functions::alertmanager::{
    self, Alert, AlertStatus, KeyValues, Notification, NotificationParts,
};
use bellwether_template::functions::prometheus::{self, RULE_VARIABLES, RuleData};
use bellwether_template::{Functions, Limits, MissingKey, Mode, TemplateSet, Time, Value};

const ROUNDS: u32 = 20_000;

fn measure(what: &str, mut run: impl FnMut()) {
    for _ in 0..ROUNDS / 10 {
        run();
    }
    let start = Instant::now();
    for _ in 0..ROUNDS {
        run();
    }
    let each = start.elapsed() / ROUNDS;
    println!("{what:<60} {each:>12.2?}");
}

fn rules() {
    let library = Arc::new(prometheus::library("http://localhost:9090"));
    let labels = Labels::from_pairs([
        ("alertname", "HighLatency"),
        ("cluster", "eu-1"),
        ("instance", "10.0.0.1:9100"),
        ("job", "api"),
        ("namespace", "shop"),
        ("pod", "api-7d9f8b6c5-x2x9p"),
        ("severity", "warning"),
    ]);
    let url: Arc<str> = "http://localhost:9090".into();
    for text in [
        "Instance down",
        "Instance {{ $labels.instance }} down",
        "{{ $labels.instance }} of job {{ $labels.job }} has been down for more than 5 minutes.",
        "{{ $labels.pod }} is at {{ $value | humanizePercentage }} (limit {{ printf \"%.2f\" $value }})",
    ] {
        measure(&format!("parse {text:.40}"), || {
            let mut set = TemplateSet::new(Mode::Text);
            set.parse_with("t", text, &RULE_VARIABLES, &library)
                .unwrap();
            black_box(&set);
        });
        let mut set = TemplateSet::new(Mode::Text).with_missing_key(MissingKey::Zero);
        set.parse_with("t", text, &RULE_VARIABLES, &library)
            .unwrap();
        measure(&format!("execute {text:.40}"), || {
            let functions = prometheus::at(Arc::clone(&library), 0, |_| Ok(Vec::new()));
            let data = Value::object(RuleData {
                labels: labels.clone(),
                external_labels: Labels::empty(),
                external_url: Arc::clone(&url),
                value: Value::Float(0.123),
            });
            let result = set.execute("t", &data, &functions, &Limits::default());
            black_box(result.unwrap());
        });
    }
}

fn notifications() {
    let library: Functions = alertmanager::library(|| Time::from_unix_ms(0));
    let alerts = (0..50).map(|number| Alert {
        status: AlertStatus::Firing,
        labels: KeyValues::new([
            ("alertname", "HighLatency".to_owned()),
            ("instance", format!("10.0.0.{number}:9100")),
            ("job", "api".to_owned()),
        ]),
        annotations: KeyValues::new([("summary", "it is slow")]),
        starts_at: Time::from_unix_ms(0),
        ends_at: Time::ZERO,
        generator_url: "http://localhost:9090/graph?g0.expr=up".into(),
        fingerprint: "0123456789abcdef".into(),
    });
    let data = Value::object(Notification::new(NotificationParts {
        receiver: "team".to_owned(),
        reason: "".into(),
        group_labels: KeyValues::new([("alertname", "HighLatency")]),
        route_labels: KeyValues::new::<&str, &str>([]),
        external_url: "http://localhost:9093".into(),
        alerts: alerts.collect(),
    }));
    let text = "<p>{{ .Alerts.Firing | len }} alerts for {{ range .GroupLabels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}</p>
{{ range .Alerts.Firing }}<p>{{ range .Labels.SortedPairs }}{{ .Name }} = {{ .Value }}<br>{{ end }}{{ range .Annotations.SortedPairs }}{{ .Name }} = {{ .Value }}<br>{{ end }}<a href=\"{{ .GeneratorURL }}\">Source</a></p>{{ end }}";
    for mode in [Mode::Text, Mode::Html] {
        let mut set = TemplateSet::new(mode);
        set.parse("t", text, &library).unwrap();
        let rounds = format!("notification of 50 alerts as {mode:?}");
        measure(&rounds, || {
            let result = set.execute("t", &data, &library, &Limits::default());
            black_box(result.unwrap());
        });
    }
}

fn main() {
    rules();
    notifications();
}
