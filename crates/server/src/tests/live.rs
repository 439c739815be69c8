//! The stream of what changes. Time is paused: who waits for an event waits for no clock.

use std::time::Duration;

use bellwether_storage::{TimelineKind, TimelineRow};
use parking_lot::Mutex;
use serde_json::Value;

use super::*;
use crate::openapi;
use crate::{RuntimeFacts, settings::Limits};

/// A client.
struct Client {
    body: Body,
    text: String,
}

/// An event as a client sees it.
#[derive(Debug)]
struct Seen {
    name: String,
    id: String,
    data: Value,
}

impl Client {
    async fn connect(router: &Router, request: Request<Body>) -> Self {
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            body: response.into_body(),
            text: String::new(),
        }
    }

    async fn new(router: &Router) -> Self {
        let request = Request::get("/api/bellwether/v1/live");
        Self::connect(router, request.body(Body::empty()).unwrap()).await
    }

    /// The next event or comment; `None`: the stream has ended.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = block.to_owned();
                self.text = rest.to_owned();
                return Some(block);
            }
            let frame = self.body.frame().await?.unwrap();
            let bytes = frame.into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// The next event, which is as it is described.
    async fn event(&mut self) -> Option<Seen> {
        loop {
            let block = self.block().await?;
            if block.starts_with(':') {
                continue;
            }
            let field = |name: &str| {
                let lines = block.lines();
                let mut values =
                    lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                values.next().unwrap_or_default().to_owned()
            };
            let seen = Seen {
                name: field("event"),
                id: field("id"),
                data: serde_json::from_str(&field("data")).unwrap(),
            };
            let object = serde_json::json!({ seen.name.as_str(): seen.data });
            let difference = openapi::LIVE_EVENTS.difference(&object);
            assert_eq!(difference, None, "{object}");
            return Some(seen);
        }
    }

    /// The next event of a name.
    async fn named(&mut self, name: &str) -> Seen {
        loop {
            let seen = self.event().await.unwrap();
            if seen.name == name {
                return seen;
            }
        }
    }
}

async fn tell(router: &Router, name: &str) {
    let body = format!("[{{\"labels\": {{\"alertname\": \"{name}\"}}}}]");
    let request = Request::post("/am/api/v2/alerts")
        .header("content-type", "application/json")
        .body(Body::from(body))
        .unwrap();
    assert_eq!(send(router, request).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn who_listens_hears_of_alerts_and_of_the_timeline() {
    let router = router();
    let mut client = Client::new(&router).await;
    let hello = client.event().await.unwrap();
    assert_eq!(
        (hello.name.as_str(), &hello.data["state"]),
        ("hello", &"ready".into())
    );
    let status = client.event().await.unwrap();
    assert_eq!(status.name, "status");
    assert_eq!(status.data["targets"]["down"], 1);
    let alerts = client.event().await.unwrap();
    assert_eq!(
        (alerts.name.as_str(), &alerts.data["firing"]),
        ("alerts", &0.into())
    );
    tell(&router, "Slow").await;
    let rows = client.named("timeline").await;
    let first = &rows.data["rows"][0];
    assert_eq!(
        (&first["kind"], &first["labels"]["alertname"]),
        (&"firing".into(), &"Slow".into())
    );
    let alerts = client.named("alerts").await;
    assert_eq!(alerts.data["firing"], 1);
    assert_eq!(alerts.data["changed"][0]["state"], "firing");
    assert_eq!(
        alerts.data["changed"][0]["fingerprint"],
        first["fingerprint"]
    );
    // A row is known by the same id where it is asked for.
    let (_, text) = get(&router, "/api/bellwether/v1/timeline?kind=firing").await;
    let asked: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(asked["data"]["rows"][0]["id"], first["id"]);
    // Another that comes now is told how things are, and nothing of before.
    let mut other = Client::new(&router).await;
    let names = [
        other.event().await.unwrap(),
        other.event().await.unwrap(),
        other.event().await.unwrap(),
    ];
    assert_eq!(names.map(|it| it.name), ["hello", "status", "alerts"]);
    // One who comes back gets what it missed, and that once.
    drop((client, other));
    tell(&router, "Full").await;
    let back = Request::get("/api/bellwether/v1/live").header("last-event-id", &rows.id);
    let mut client = Client::connect(&router, back.body(Body::empty()).unwrap()).await;
    let missed = client.named("timeline").await;
    assert_eq!(missed.data["rows"][0]["labels"]["alertname"], "Full");
    tell(&router, "Late").await;
    let next = client.named("timeline").await;
    assert_eq!(
        next.data["rows"][0]["labels"]["alertname"], "Late",
        "{next:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_rows_come_from_the_timeline() {
    let services = services();
    let row = |time_ms: i64, name: &str| TimelineRow {
        time_ms,
        kind: TimelineKind::Firing,
        labels: Labels::from_pairs([("alertname", name)]),
        cause: String::new(),
        receiver: String::new(),
        group: String::new(),
        detail: String::new(),
    };
    let rows = [
        row(NOW_MS - 3, "A"),
        row(NOW_MS - 2, "B"),
        row(NOW_MS - 1, "C"),
    ];
    services.alerting.timeline.append(&rows).unwrap();
    let server = Server::new(parts(ServerSettings::default())).unwrap();
    server.open(services);
    let router = server.router();
    let uri = format!("/api/bellwether/v1/live?lastEventId=5-77-{}", NOW_MS - 2);
    let request = Request::get(uri).body(Body::empty()).unwrap();
    let mut client = Client::connect(&router, request).await;
    let missed = client.named("timeline").await;
    let rows = missed.data["rows"].as_array().unwrap();
    let names: Vec<_> = rows
        .iter()
        .map(|row| row["labels"]["alertname"].clone())
        .collect();
    assert_eq!(names, ["B", "C"]);
    let (code, text) = get(&router, "/api/bellwether/v1/live?lastEventId=soon").await;
    assert_eq!(code, 400);
    assert!(
        text.contains(r#"\"lastEventId\": \"soon\": want the id of an event"#),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn streams_end_when_the_server_stops_and_looks_when_nobody_listens() {
    let server = server(ServerSettings::default());
    let router = server.router();
    assert!(!server.app().live.is_watching());
    let mut client = Client::new(&router).await;
    client.named("alerts").await;
    assert!(server.app().live.is_watching());
    drop(client);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!server.app().live.is_watching());
    let mut client = Client::new(&router).await;
    // Where nothing happens, something is sent.
    let mut is_alive = false;
    while !is_alive {
        is_alive = client.block().await.unwrap().starts_with(':');
    }
    server.stop();
    while client.event().await.is_some() {}
    assert_eq!(get(&router, "/api/bellwether/v1/live").await.0, 503);
}

#[tokio::test(start_paused = true)]
async fn clients_are_limited_and_slow_ones_dropped() {
    let server = server(ServerSettings {
        limits: Limits {
            live_clients_max: 1,
            ..Limits::default()
        },
        ..ServerSettings::default()
    });
    let router = server.router();
    let mut slow = Client::new(&router).await;
    slow.named("alerts").await;
    let request = Request::get("/api/bellwether/v1/live")
        .body(Body::empty())
        .unwrap();
    let (status, headers, bytes) = send(&router, request).await;
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(
        (status.as_u16(), &headers["retry-after"]),
        (429, &"30".parse().unwrap())
    );
    assert!(
        text.contains("1 clients listen already: at most 1 may (server.live_clients_max)"),
        "{text}"
    );
    // Each look tells two events, and the client reads none.
    for number in 0..40 {
        tell(&router, &format!("A{number}")).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    while slow.event().await.is_some() {}
    drop(slow);
    Client::new(&router).await.named("alerts").await;
}

/// A program whose configuration and targets change.
#[derive(Debug, Default)]
struct Changing {
    loaded_ms: Mutex<i64>,
    is_up: Mutex<bool>,
}

impl Control for Changing {
    fn config_yaml(&self) -> String {
        String::new()
    }

    fn reload(&self) -> BoxFuture<Result<(), String>> {
        Box::pin(async { Ok(()) })
    }

    fn quit(&self) {}

    fn runtime(&self) -> RuntimeFacts {
        RuntimeFacts {
            reload_success: true,
            last_config_ms: *self.loaded_ms.lock(),
            ..RuntimeFacts::default()
        }
    }

    fn notifications(&self) -> Vec<(String, i64)> {
        let loaded_ms = *self.loaded_ms.lock();
        (loaded_ms > 0)
            .then(|| ("Loaded.".to_owned(), loaded_ms))
            .into_iter()
            .collect()
    }
}

#[derive(Debug)]
struct ChangingTargets(Arc<Changing>);

impl TargetSource for ChangingTargets {
    fn active(&self) -> Vec<ActiveTarget> {
        let health = if *self.0.is_up.lock() {
            TargetHealth::Up
        } else {
            TargetHealth::Down
        };
        let targets = FakeTargets.active().into_iter();
        targets
            .map(|target| ActiveTarget { health, ..target })
            .collect()
    }

    fn dropped(&self) -> Vec<DroppedTarget> {
        Vec::new()
    }

    fn dropped_counts(&self) -> Vec<(String, u64)> {
        Vec::new()
    }

    fn pools(&self) -> Vec<String> {
        Vec::new()
    }

    fn relabel_rules(&self, _: &str) -> Option<Vec<bellwether_model::relabel::Rule>> {
        None
    }

    fn metadata(&self, _: Option<&str>) -> Vec<TargetMetadata> {
        Vec::new()
    }
}

#[tokio::test(start_paused = true)]
async fn targets_and_reloads_are_told() {
    let changing = Arc::new(Changing::default());
    let mut parts = parts(ServerSettings::default());
    parts.control = Arc::clone(&changing) as _;
    let server = Server::new(parts).unwrap();
    let router = server.router();
    // Also before the store is open.
    let mut client = Client::new(&router).await;
    assert_eq!(client.named("status").await.data["state"], "starting");
    server.open(Services {
        targets: Arc::new(ChangingTargets(Arc::clone(&changing))),
        ..services()
    });
    assert_eq!(client.named("status").await.data["state"], "ready");
    client.named("alerts").await;
    *changing.is_up.lock() = true;
    *changing.loaded_ms.lock() = NOW_MS;
    let mut names = Vec::new();
    while names.len() < 4 {
        let seen = client.event().await.unwrap();
        match seen.name.as_str() {
            "status" => assert_eq!(seen.data["targets"]["up"], 1),
            "reload" => assert_eq!(seen.data["success"], true),
            "notifications" => assert_eq!(seen.data["notifications"][0]["text"], "Loaded."),
            _ => {
                let target = &seen.data["changed"][0];
                assert_eq!(
                    (&target["health"], &target["from"]),
                    (&"up".into(), &"down".into())
                );
            }
        }
        names.push(seen.name);
    }
    assert_eq!(names, ["status", "reload", "notifications", "targets"]);
}

#[tokio::test(start_paused = true)]
async fn decisions_of_scalers_are_told() {
    let world = super::scaling::World::new(ServerSettings::default());
    let mut client = Client::new(&world.router).await;
    client.named("alerts").await;
    world.turn(0, 40.0);
    let seen = client.named("scalers").await;
    assert_eq!(seen.data["changed"][0]["name"], "agents");
    assert_eq!(seen.data["changed"][0]["decided"]["workers"], 10);
}

#[tokio::test]
async fn a_stop_waits_for_no_stream() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = server(ServerSettings {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        limits: Limits {
            // Longer than anybody waits for a test.
            shutdown_grace_ms: 3_600_000,
            ..Limits::default()
        },
        ..ServerSettings::default()
    });
    let bound = server.bind().await.unwrap();
    let address = bound.addresses()[0];
    let serving = tokio::spawn(bound.serve());
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = b"GET /api/bellwether/v1/live HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("event: alerts") {
        stream.read_buf(&mut seen).await.unwrap();
    }
    server.stop();
    // The stream ends as a whole one, and with it the server.
    stream.read_to_end(&mut seen).await.unwrap();
    assert!(seen.ends_with(b"0\r\n\r\n"));
    serving.await.unwrap();
}
