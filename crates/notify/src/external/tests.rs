//! The manager with Alertmanagers on the loopback address that answer when they are told to.

use bellwether_model::relabel::{Action, Rule};
use bellwether_model::{Alert, Labels};
use bellwether_outbound::settings::{HeaderSettings, HttpClientSettings};
use bellwether_telemetry::{Format, Registry};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};

use super::*;

/// A request that waits for its answer. One that is dropped is never answered.
struct Asked {
    path: String,
    body: Value,
    answer: oneshot::Sender<u16>,
}

impl Asked {
    /// The label `host` of its alerts.
    fn hosts(&self) -> Vec<&str> {
        let alerts = self.body.as_array().unwrap().iter();
        alerts
            .map(|a| a["labels"]["host"].as_str().unwrap())
            .collect()
    }

    fn answer(self, status: u16) {
        self.answer.send(status).unwrap();
    }
}

struct Alertmanager {
    port: u16,
    asked: mpsc::UnboundedReceiver<Asked>,
}

impl Alertmanager {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, asked) = mpsc::unbounded_channel();
        // Ends with the runtime of the test.
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, sender.clone()));
            }
        });
        Self { port, asked }
    }

    fn found(&self) -> Labels {
        target(&format!("127.0.0.1:{}", self.port))
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/api/v2/alerts", self.port)
    }

    async fn next(&mut self) -> Asked {
        self.asked.recv().await.unwrap()
    }

    /// Whether it was asked for nothing more.
    fn is_quiet(&mut self) -> bool {
        self.asked.try_recv().is_err()
    }
}

async fn serve(mut stream: TcpStream, sender: mpsc::UnboundedSender<Asked>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let (path, body, length) = loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some(found) = whole(&text) {
                break found;
            }
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(length) => bytes.extend_from_slice(&buffer[..length]),
            }
        };
        bytes.drain(..length);
        let (answer, told) = oneshot::channel();
        if sender.send(Asked { path, body, answer }).is_err() {
            return;
        }
        let Ok(status) = told.await else {
            return std::future::pending().await;
        };
        let reply = format!("HTTP/1.1 {status} x\r\ncontent-length: 4\r\n\r\nnope");
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn whole(text: &str) -> Option<(String, Value, usize)> {
    let (head, rest) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let first = lines.next().unwrap();
    let header = |name: &str| {
        let mut lines = head.lines();
        lines.find_map(|line| line.strip_prefix(&format!("{name}: ")))
    };
    assert_eq!(header("content-type"), Some("application/json"));
    let length: usize = header("content-length").unwrap().parse().unwrap();
    let body = rest.get(..length)?;
    let path = first.strip_prefix("POST ").unwrap();
    let path = path.strip_suffix(" HTTP/1.1").unwrap();
    let body = serde_json::from_str(body).unwrap();
    Some((path.to_owned(), body, head.len() + 4 + length))
}

fn target(address: &str) -> Labels {
    Labels::from_pairs([("__address__", address)])
}

fn alert(host: &str) -> Alert {
    Alert {
        labels: Labels::from_pairs([("alertname", "Down"), ("host", host)]),
        annotations: Labels::from_pairs([("summary", "it is down")]),
        starts_ms: 0,
        ends_ms: None,
        times_out: false,
        updated_ms: 0,
        generator_url: String::new(),
    }
}

fn alerts(hosts: std::ops::Range<usize>) -> Vec<Alert> {
    hosts.map(|host| alert(&host.to_string())).collect()
}

fn rule(source: &str, regex: &str, action: Action, target: &str, replacement: &str) -> Rule {
    Rule {
        source_labels: vec![source.to_owned()],
        separator: ";".to_owned(),
        regex_text: regex.to_owned(),
        regex: Rule::compile(regex).unwrap(),
        modulus: 0,
        target_label: target.to_owned(),
        replacement: replacement.to_owned(),
        action,
    }
}

/// A set whose discovery has found these, and what tells it of others.
fn set(found: &[Labels]) -> (AlertmanagerSet, watch::Sender<Vec<Labels>>) {
    let (sender, found) = watch::channel(found.to_vec());
    let settings = AlertmanagerSettings::default();
    (AlertmanagerSet { settings, found }, sender)
}

fn settings(sets: Vec<AlertmanagerSet>) -> ExternalSettings {
    ExternalSettings {
        sets,
        ..ExternalSettings::default()
    }
}

struct Scene {
    manager: Manager,
    registry: Registry,
}

impl Scene {
    fn new(options: ExternalOptions) -> Self {
        let registry = Registry::new();
        let manager = Manager::new(options, &registry);
        Self { manager, registry }
    }

    /// A number of an Alertmanager; 0 where it is not there.
    fn number(&self, name: &str, alertmanager: &Alertmanager) -> u64 {
        let text = self.registry.render(Format::Prometheus);
        let start = format!(
            "prometheus_notifications_{name}{{alertmanager=\"{}\"}} ",
            alertmanager.url()
        );
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(&start));
        let number = lines.next().map_or(0, |text| text.parse().unwrap());
        assert_eq!(lines.next(), None);
        number
    }

    /// Waits until a number is as it must become.
    async fn until(&self, name: &str, alertmanager: &Alertmanager, number: u64) {
        while self.number(name, alertmanager) != number {
            tokio::task::yield_now().await;
        }
    }
}

fn options(queue: usize, batch: usize) -> ExternalOptions {
    ExternalOptions {
        queue_alerts_max: queue,
        batch_alerts_max: batch,
        ..ExternalOptions::default()
    }
}

#[test]
fn alerts_get_the_labels_under_which_others_know_them() {
    let external = Labels::from_pairs([("cluster", "a"), ("host", "never used")]);
    let check = |rules: &[Rule], want: Option<&[(&str, &str)]>| {
        let dressed = dress(alert("x"), &external, rules);
        let want = want.map(|pairs| Alert {
            labels: Labels::from_pairs(pairs.iter().copied()),
            ..alert("x")
        });
        assert_eq!(dressed, want);
    };
    let all = [("alertname", "Down"), ("cluster", "a"), ("host", "x")];
    check(&[], Some(&all));
    check(
        &[rule("cluster", "(.*)", Action::Replace, "from", "$1")],
        Some(&[all[0], all[1], ("from", "a"), all[2]]),
    );
    check(&[rule("cluster", "a", Action::Drop, "", "")], None);
    check(&[rule("", ".*", Action::LabelDrop, "", "")], None);
    assert_eq!(dress(alert("x"), &Labels::empty(), &[]), Some(alert("x")));
}

#[tokio::test]
async fn every_alertmanager_of_every_set_gets_alerts_as_its_rules_say() {
    let (mut a, mut b) = (Alertmanager::start().await, Alertmanager::start().await);
    let scene = Scene::new(ExternalOptions::default());
    let gone = Labels::from_pairs([("__address__", "gone:1"), ("drop", "yes")]);
    let (mut one, _one) = set(&[a.found(), a.found(), gone, target("no/address")]);
    one.settings.relabel = vec![rule("drop", "yes", Action::Drop, "", "")];
    let (mut two, _two) = set(&[b.found()]);
    two.settings.path_prefix = "/am".to_owned();
    two.settings.alert_relabel = vec![
        rule("host", "1", Action::Drop, "", ""),
        rule("", "cluster", Action::LabelDrop, "", ""),
    ];
    let all = ExternalSettings {
        external_labels: Labels::from_pairs([("cluster", "c"), ("replica", "r")]),
        alert_relabel: vec![
            rule("", "replica", Action::LabelDrop, "", ""),
            rule("host", "0", Action::Drop, "", ""),
        ],
        sets: vec![one, two],
    };
    scene.manager.apply(all).unwrap();
    let url_of_b = format!("http://127.0.0.1:{}/am/api/v2/alerts", b.port);
    assert_eq!(scene.manager.active(), [a.url(), url_of_b]);
    assert_eq!(scene.manager.dropped(), ["http://gone:1/api/v2/alerts"]);
    scene.manager.send(alerts(0..3));
    // Neither waits for the other.
    let (asked_a, asked_b) = (a.next().await, b.next().await);
    assert_eq!(
        (asked_a.path.as_str(), asked_b.path.as_str()),
        ("/api/v2/alerts", "/am/api/v2/alerts")
    );
    assert_eq!(asked_a.hosts(), ["1", "2"]);
    assert_eq!(asked_b.hosts(), ["2"]);
    let labels = serde_json::json!({"alertname": "Down", "cluster": "c", "host": "1"});
    assert_eq!(asked_a.body[0]["labels"], labels);
    assert_eq!(asked_b.body[0]["labels"]["cluster"], Value::Null);
    asked_a.answer(200);
    scene.until("sent_total", &a, 2).await;
    // What is dropped for all, or for a set, is nothing to ask for.
    scene.manager.send(alerts(0..2));
    assert_eq!(a.next().await.hosts(), ["1"]);
    assert!(b.is_quiet());
    let text = scene.registry.render(Format::Prometheus);
    for line in [
        "prometheus_notifications_alertmanagers_discovered 2",
        "prometheus_notifications_queue_capacity 10000",
        &format!(
            "prometheus_notifications_latency_histogram_seconds_count{{alertmanager=\"{}\"}} 1",
            a.url()
        ),
    ] {
        assert!(text.lines().any(|l| l == line), "{line}:\n{text}");
    }
}

#[tokio::test]
async fn a_slow_alertmanager_loses_its_oldest_alerts_and_holds_up_nobody() {
    let (mut slow, mut fast) = (Alertmanager::start().await, Alertmanager::start().await);
    let scene = Scene::new(options(5, 2));
    let (both, _both) = set(&[slow.found(), fast.found()]);
    scene.manager.apply(settings(vec![both])).unwrap();
    scene.manager.send(alerts(0..2));
    let held = slow.next().await;
    fast.next().await.answer(200);
    scene.until("sent_total", &fast, 2).await;
    // Two are on their way; of seven more the queue of five keeps the newest.
    scene.manager.send(alerts(2..5));
    for hosts in [vec!["2", "3"], vec!["4"]] {
        let asked = fast.next().await;
        assert_eq!(asked.hosts(), hosts);
        asked.answer(200);
    }
    scene.until("sent_total", &fast, 5).await;
    scene.manager.send(alerts(5..9));
    assert_eq!(scene.number("dropped_total", &slow), 2);
    assert_eq!(scene.number("queue_length", &slow), 5);
    held.answer(200);
    for hosts in [vec!["4", "5"], vec!["6", "7"], vec!["8"]] {
        let asked = slow.next().await;
        assert_eq!(asked.hosts(), hosts);
        asked.answer(200);
    }
    scene.until("sent_total", &slow, 7).await;
    assert_eq!(scene.number("queue_length", &slow), 0);
    assert_eq!(scene.number("dropped_total", &fast), 0);
}

#[tokio::test]
async fn what_is_refused_or_unanswered_is_counted_and_not_repeated() {
    let mut am = Alertmanager::start().await;
    let scene = Scene::new(options(10, 2));
    let (mut one, _one) = set(&[am.found()]);
    one.settings.timeout_ms = 3_000;
    scene.manager.apply(settings(vec![one])).unwrap();
    scene.manager.send(alerts(0..3));
    am.next().await.answer(500);
    let asked = am.next().await;
    assert_eq!(asked.hosts(), ["2"]);
    asked.answer(202);
    scene.until("sent_total", &am, 1).await;
    let count = |name: &str| scene.number(name, &am);
    assert_eq!((count("errors_total"), count("dropped_total")), (2, 2));

    scene.manager.send(alerts(3..4));
    let unanswered = am.next().await;
    tokio::time::pause();
    // More than the time-out, since timers round up and the loop below keeps time from going on.
    tokio::time::advance(std::time::Duration::from_secs(4)).await;
    scene.until("errors_total", &am, 3).await;
    tokio::time::resume();
    scene.manager.send(alerts(4..5));
    assert_eq!(am.next().await.hosts(), ["4"]);
    drop(unanswered);
}

#[tokio::test]
async fn lines_follow_discovery_and_outlive_reloads() {
    let (mut a, mut b) = (Alertmanager::start().await, Alertmanager::start().await);
    let scene = Scene::new(options(10, 1));
    let (first, found) = set(&[]);
    scene.manager.apply(settings(vec![first.clone()])).unwrap();
    scene.manager.send(alerts(0..1));
    found.send(vec![a.found()]).unwrap();
    while scene.manager.active().is_empty() {
        tokio::task::yield_now().await;
    }
    scene.manager.send(alerts(1..3));
    let held = a.next().await;
    assert_eq!(held.hosts(), ["1"]);

    // The set stands elsewhere and is the same: what waits is still there, once.
    let (second, _second) = set(&[b.found()]);
    let other = settings(vec![second, first]);
    scene.manager.apply(other.clone()).unwrap();
    scene.manager.apply(other).unwrap();
    assert_eq!(scene.number("queue_length", &a), 1);
    assert_eq!(scene.manager.active(), [b.url(), a.url()]);

    // Its Alertmanager is gone: it still gets what waits for it, and nothing new.
    found.send(Vec::new()).unwrap();
    while scene.manager.active().len() > 1 {
        tokio::task::yield_now().await;
    }
    scene.manager.send(alerts(3..4));
    held.answer(200);
    let last = a.next().await;
    assert_eq!(last.hosts(), ["2"]);
    last.answer(200);
    let asked = b.next().await;
    assert_eq!(asked.hosts(), ["3"]);
    asked.answer(200);
    scene.until("sent_total", &b, 1).await;
    assert!(a.is_quiet());
    // Discovery that has ended changes nothing.
    drop(found);
    let (third, ended) = set(&[a.found()]);
    drop(ended);
    scene.manager.apply(settings(vec![third])).unwrap();
    scene.manager.send(alerts(4..5));
    let asked = a.next().await;
    assert_eq!((asked.hosts(), b.is_quiet()), (vec!["4"], true));
    asked.answer(200);
}

#[tokio::test]
async fn a_stop_sends_what_waits() {
    let mut am = Alertmanager::start().await;
    let scene = Scene::new(options(10, 2));
    let (one, _one) = set(&[am.found()]);
    scene.manager.apply(settings(vec![one.clone()])).unwrap();
    scene.manager.send(alerts(0..3));
    let manager = scene.manager.clone();
    let stopping = tokio::spawn(async move { manager.stop().await });
    for hosts in [vec!["0", "1"], vec!["2"]] {
        let asked = am.next().await;
        assert_eq!(asked.hosts(), hosts);
        asked.answer(200);
    }
    stopping.await.unwrap();
    scene.manager.send(alerts(3..4));
    scene.manager.apply(settings(vec![one])).unwrap();
    assert!(scene.manager.active().is_empty() && am.is_quiet());
    scene.manager.stop().await;
}

#[tokio::test]
async fn a_stop_gives_up_when_its_time_is_over() {
    for (drain_ms_max, waited_ms) in [(5_000, 5_000), (0, 0)] {
        let mut am = Alertmanager::start().await;
        let scene = Scene::new(ExternalOptions {
            drain_ms_max,
            ..options(10, 2)
        });
        let (one, _one) = set(&[am.found()]);
        scene.manager.apply(settings(vec![one])).unwrap();
        scene.manager.send(alerts(0..5));
        let _unanswered = am.next().await;
        // Keeps the numbers of the line.
        let numbers = scene.manager.numbers(&am.url());
        tokio::time::pause();
        let start = tokio::time::Instant::now();
        scene.manager.stop().await;
        assert_eq!(start.elapsed().as_millis() / 100, waited_ms / 100);
        tokio::time::resume();
        let dropped = numbers.dropped.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!((dropped, scene.number("queue_length", &am)), (5, 0));
    }
}

#[tokio::test]
async fn a_client_that_can_never_be_made_changes_nothing() {
    let scene = Scene::new(ExternalOptions::default());
    let (good, _good) = set(&[target("am:1")]);
    scene.manager.apply(settings(vec![good.clone()])).unwrap();
    let (mut bad, _bad) = set(&[target("am:2")]);
    bad.settings.http = HttpClientSettings {
        headers: vec![HeaderSettings {
            name: "no header".to_owned(),
            values: Vec::new(),
        }],
        ..HttpClientSettings::default()
    };
    let error = scene.manager.apply(settings(vec![good, bad])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "alerting.alertmanagers[1]: header \"no header\": invalid HTTP header name"
    );
    assert_eq!(scene.manager.active(), ["http://am:1/api/v2/alerts"]);
}

#[tokio::test]
async fn a_set_has_so_many_alertmanagers_and_no_more() {
    let scene = Scene::new(ExternalOptions::default());
    let found: Vec<Labels> = (0..ALERTMANAGERS_MAX + 5)
        .map(|index| target(&format!("user:secret@am{index}:1")))
        .collect();
    let (many, _many) = set(&found);
    scene.manager.apply(settings(vec![many])).unwrap();
    let active = scene.manager.active();
    assert_eq!(active.len(), ALERTMANAGERS_MAX);
    assert_eq!(active[0], "http://user:xxxxx@am0:1/api/v2/alerts");
}
