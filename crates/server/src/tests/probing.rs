//! Probes, entities and maintenance over HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use bellwether_entities::{Entities, EntitiesParts, FactSources, ScrapedTarget};
use bellwether_health::{EntityFact, EntityId, EntityKind, HealthState, Thresholds};
use bellwether_model::Regexp;
use bellwether_outbound::settings::{Secret, SecretSource};
use bellwether_probe::module::{RedisSettings, TcpSettings};
use bellwether_probe::watch::{ProbeSettings, PublicSettings, Watcher, WatcherParts};
use bellwether_probe::{Module, Prober};
use bellwether_storage::{
    Clock, MemoryStateStore, MemoryStore, MetricStore, StateStore, SystemClock,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{parts, send, services};
use crate::settings::ServerSettings;
use crate::{ProbeRules, Probing, Server, openapi};

#[derive(Debug)]
struct OfWatcher(Watcher);

impl FactSources for OfWatcher {
    fn probes(&self) -> Vec<EntityFact> {
        self.0.facts()
    }

    fn targets(&self) -> Vec<ScrapedTarget> {
        Vec::new()
    }
}

struct World {
    router: Router,
    watcher: Watcher,
    entities: Entities,
    /// Is up.
    listener: TcpListener,
}

fn probe(name: &str, target: String, depends_on: &[&str]) -> ProbeSettings {
    ProbeSettings {
        name: name.to_owned(),
        module_name: "tcp_connect".to_owned(),
        module: Arc::new(Module::new(Prober::Tcp(TcpSettings::default()))),
        target,
        interval: Duration::from_millis(100),
        // Longer than any check takes: what is asked for is what they find.
        timeout: Duration::from_secs(30),
        thresholds: Thresholds {
            failure: 1,
            success: 1,
        },
        depends_on: depends_on.iter().map(|it| (*it).to_owned()).collect(),
        entity: EntityId::new(EntityKind::Database, name),
        labels: vec![("team".to_owned(), "core".to_owned())],
        public: Some(PublicSettings {
            title: "Storage".to_owned(),
            group: "Backend".to_owned(),
        }),
        fingerprint: name.to_owned(),
    }
}

async fn world(rules: ProbeRules) -> World {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let store: Arc<dyn MetricStore> = Arc::new(MemoryStore::new());
    let state: Arc<dyn StateStore> = Arc::new(MemoryStateStore::default());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let watcher = Watcher::new(WatcherParts {
        store: Arc::clone(&store),
        state: Arc::clone(&state),
        clock: Arc::clone(&clock),
    });
    let watcher = watcher.unwrap();
    let dead = "127.0.0.1:1".to_owned();
    let probes = vec![
        probe("dead", dead.clone(), &[]),
        probe("behind", dead, &["dead"]),
        probe("live", target, &[]),
    ];
    watcher.apply(probes, Vec::new());
    let mut services = services();
    services.store = Arc::clone(&store);
    let entities = Entities::new(EntitiesParts {
        store,
        engine: Arc::clone(&services.engine),
        state,
        clock,
        sources: Arc::new(OfWatcher(watcher.clone())),
    });
    let entities = entities.unwrap();
    services.probing = Some(Probing::new(watcher.clone(), entities.clone(), rules));
    let mut parts = parts(ServerSettings::default());
    parts.clock = Arc::new(SystemClock);
    let server = Server::new(parts).unwrap();
    server.open(services);
    World {
        router: server.router(),
        watcher,
        entities,
        listener,
    }
}

impl World {
    async fn settled(&self) {
        let known = || {
            let statuses = self.watcher.statuses();
            statuses.iter().all(|it| it.state != HealthState::Unknown)
        };
        while !known() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let entities = self.entities.clone();
        tokio::task::spawn_blocking(move || entities.refresh())
            .await
            .unwrap();
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let (status, _, bytes) = send(&self.router, request).await;
        (status.as_u16(), String::from_utf8(bytes).unwrap())
    }

    async fn json(&self, path: &str) -> Value {
        let (status, text) = self.ask("GET", path, "").await;
        assert_eq!(status, 200, "{path} {text}");
        serde_json::from_str(&text).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_as_described() {
    let world = world(ProbeRules::default()).await;
    world.settled().await;
    let begin = json!({ "reason": "disks", "probes": ["dead*"], "duration": "1h" }).to_string();
    for operation in openapi::PROBING {
        let path = operation
            .path
            .replace("{probe}", "dead")
            .replace("{number}", "1");
        let path = path.replace("{entity}", "database%2Fdead");
        let method = operation.methods[0].to_uppercase();
        let (status, text) = world.ask(&method, &path, &begin).await;
        match operation.answer {
            openapi::Content::Json(shape) => {
                assert_eq!(status, 200, "{method} {path} {text}");
                let value: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(shape.difference(&value), None, "{method} {path} {text}");
            }
            openapi::Content::Nothing => assert_eq!(status, 204, "{method} {path} {text}"),
            // Nothing is configured that targets of requests may be asked with.
            _ => assert_eq!(status, 403, "{method} {path} {text}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_and_entities_say_what_is_down_and_why() {
    let world = world(ProbeRules::default()).await;
    world.settled().await;
    let probes = world.json("/api/bellwether/v1/probes").await;
    let of = |name: &str| {
        let probes = probes["data"]["probes"].as_array().unwrap();
        probes
            .iter()
            .find(|it| it["name"] == name)
            .cloned()
            .unwrap()
    };
    assert_eq!(of("live")["state"], "up");
    assert_eq!(of("behind")["state"], "down");
    assert_eq!(of("behind")["causedBy"], json!(["dead"]));
    assert!(of("dead")["reason"].as_str().unwrap().contains("refused"));
    let dead = world
        .json("/api/bellwether/v1/entities/database%2Fdead")
        .await;
    assert_eq!(dead["data"]["dependents"], json!(["database/behind"]));
    assert_eq!(
        dead["data"]["facts"][0]["selector"],
        "{job=\"probes\",probe=\"dead\"}"
    );
    let down = world
        .json("/api/bellwether/v1/entities?state=down&kind=database,host")
        .await;
    assert_eq!(down["data"]["entities"].as_array().unwrap().len(), 2);
    let (status, text) = world
        .ask("GET", "/api/bellwether/v1/entities?kind=planet", "")
        .await;
    assert!(
        status == 400 && text.contains("want one of daemon, provider"),
        "{text}"
    );
    let (status, _) = world
        .ask("GET", "/api/bellwether/v1/probes/nobody", "")
        .await;
    assert_eq!(status, 404);
    let checked = world
        .ask("POST", "/api/bellwether/v1/probes/live/check", "")
        .await;
    assert!(checked.1.contains("\"success\":true"), "{}", checked.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_is_begun_told_and_ended() {
    let world = world(ProbeRules::default()).await;
    let path = "/api/bellwether/v1/maintenance";
    for (body, want) in [
        (json!({}), "probes: want a list"),
        (json!({ "probes": ["d*"] }), "want either end or duration"),
        (json!({ "probes": ["d*"], "duration": "1x" }), "duration"),
        (
            json!({ "probes": ["d*"], "duration": "3w", "reason": "x" }),
            "want a week at most",
        ),
        (
            json!({ "probes": ["d*"], "duration": "1h" }),
            "reason is missing",
        ),
        (
            json!({ "probes": ["d*", "absent"], "duration": "1h", "reason": "x" }),
            "no probe is called \\\"absent\\\"",
        ),
        (
            json!({ "probes": ["d*"], "durations": "1h", "reason": "x" }),
            "durations: unknown; want reason, probes, start, end, duration",
        ),
        (
            json!({ "probes": ["d*"], "end": "2001-01-01T00:00:00Z", "start": "2000-12-31T00:00:00Z", "reason": "x" }),
            "its end 2001-01-01T00:00:00Z is in the past",
        ),
        (
            json!({ "probes": ["d*"], "end": "2001-01-01T00:00:00Z", "reason": "x" }),
            "before it begins at",
        ),
    ] {
        let (status, text) = world.ask("POST", path, &body.to_string()).await;
        assert!(status == 400 && text.contains(want), "{text}");
    }
    let body = json!({ "reason": "new disks", "probes": ["d*"], "duration": "1h" });
    let (status, text) = world.ask("POST", path, &body.to_string()).await;
    assert!(status == 200 && text.contains("\"id\":1"), "{text}");
    let dead = world.json("/api/bellwether/v1/probes/dead").await;
    assert_eq!(dead["data"]["maintenance"], "new disks");
    let live = world.json("/api/bellwether/v1/probes/live").await;
    assert_eq!(live["data"]["maintenance"], Value::Null);
    assert_eq!(world.ask("DELETE", &format!("{path}/1"), "").await.0, 204);
    assert_eq!(world.ask("DELETE", &format!("{path}/1"), "").await.0, 404);
    assert_eq!(world.ask("DELETE", &format!("{path}/x"), "").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_see_titles_and_nothing_else() {
    let world = world(ProbeRules::default()).await;
    world.settled().await;
    let window = json!({ "reason": "leaked key", "probes": ["live"], "duration": "1h" });
    let begun = world
        .ask(
            "POST",
            "/api/bellwether/v1/maintenance",
            &window.to_string(),
        )
        .await;
    assert_eq!(begun.0, 200, "{}", begun.1);
    // A sample of each probe is stored already.
    let value = world.json("/api/bellwether/v1/public-status").await;
    let text = value.to_string();
    assert_eq!(value["data"]["state"], "down");
    let items = value["data"]["groups"][0]["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    assert_eq!(items[0]["title"], "Storage");
    assert!(
        items.iter().any(|it| {
            let day = &it["days"][0];
            day["successShare"] == 1.0 && day["checks"].as_f64() >= Some(1.0)
        }),
        "{text}"
    );
    let work = &value["data"]["maintenance"][0];
    assert_eq!(
        (&work["title"], &work["group"]),
        (&json!("Storage"), &json!("Backend"))
    );
    let seconds = work["end"].as_f64().zip(work["start"].as_f64());
    assert_eq!(
        seconds.map(|(end, start)| (end - start).round()),
        Some(3_600.0)
    );
    assert!(items.iter().any(|it| it["maintenance"] == true), "{text}");
    for secret in ["127.0.0.1", "refused", "core", "dead", "tcp", "leaked"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_of_requests_are_asked_where_that_is_allowed() {
    let module = |prober| Arc::new(Module::new(prober));
    let rules = ProbeRules {
        modules: BTreeMap::from([
            (
                "tcp".to_owned(),
                module(Prober::Tcp(TcpSettings::default())),
            ),
            ("http".to_owned(), module(Prober::Http(Box::default()))),
            ("local".to_owned(), module(Prober::Command(Box::default()))),
        ]),
        takes_targets: true,
        targets: ["127\\.0\\.0\\.1:.*", "http://[^/]+\\.example\\.org/"]
            .map(|it| Regexp::anchored(it).unwrap())
            .to_vec(),
    };
    let world = world(rules).await;
    let target = world.listener.local_addr().unwrap();
    let (status, text) = world
        .ask("GET", &format!("/probe?module=tcp&target={target}"), "")
        .await;
    assert_eq!(status, 200);
    assert!(text.contains("\nprobe_success 1\n"), "{text}");
    let path = format!("/probe?module=tcp&target={target}&debug=true");
    assert!(
        world
            .ask("GET", &path, "")
            .await
            .1
            .starts_with("Steps of the probe")
    );
    for (query, status, want) in [
        ("module=tcp", 400, "Target parameter is missing"),
        ("target=x", 400, "Unknown module \"http_2xx\""),
        ("module=tcp&target=10.0.0.1:80", 403, "server.probe_targets"),
        // A pattern is for the URL that is asked, not for the text that means it.
        (
            "module=http&target=http://127.0.0.1%5c.example.org/",
            403,
            "server.probe_targets",
        ),
        ("module=local&target=127.0.0.1:1", 403, "one of this host"),
    ] {
        let got = world.ask("GET", &format!("/probe?{query}"), "").await;
        assert!(got.0 == status && got.1.contains(want), "{query}: {got:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_shown_to_targets_that_are_listed_only() {
    let module = Module::new(Prober::Redis(Box::new(RedisSettings {
        password: Some(SecretSource::Inline(Secret::new("hunter2"))),
        ..RedisSettings::default()
    })));
    let rules = |targets| ProbeRules {
        modules: BTreeMap::from([("redis".to_owned(), Arc::new(module.clone()))]),
        takes_targets: true,
        targets,
    };
    let path = "/probe?module=redis&target=127.0.0.1:1";
    let (status, text) = world(rules(Vec::new())).await.ask("GET", path, "").await;
    assert!(
        status == 403 && text.contains("shows its credentials"),
        "{text}"
    );
    let listed = vec![Regexp::anchored("127\\.0\\.0\\.1:1").unwrap()];
    let (status, text) = world(rules(listed)).await.ask("GET", path, "").await;
    assert!(
        status == 200 && text.contains("\nprobe_success 0\n"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn other_pages_make_nobody_probe() {
    let rules = || ProbeRules {
        modules: BTreeMap::from([(
            "tcp".to_owned(),
            Arc::new(Module::new(Prober::Tcp(TcpSettings::default()))),
        )]),
        takes_targets: true,
        targets: Vec::new(),
    };
    let world = world(rules()).await;
    let target = world.listener.local_addr().unwrap();
    let status = async |name: &str, value: &str| {
        let uri = format!("/probe?module=tcp&target={target}");
        let request = Request::get(uri)
            .header(name, value)
            .body(Body::empty())
            .unwrap();
        send(&world.router, request).await.0.as_u16()
    };
    assert_eq!(status("sec-fetch-site", "cross-site").await, 403);
    assert_eq!(status("sec-fetch-site", "same-site").await, 403);
    assert_eq!(status("origin", "http://evil.example").await, 403);
    assert_eq!(status("sec-fetch-site", "same-origin").await, 200);
    assert_eq!(status("sec-fetch-site", "none").await, 200);
    for seconds in ["1e15", "121", "-1", "NaN", "x"] {
        assert_eq!(
            status("x-prometheus-scrape-timeout-seconds", seconds).await,
            400,
            "{seconds}"
        );
    }
}
