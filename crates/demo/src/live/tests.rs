mod protocols;

use std::collections::{BTreeMap, BTreeSet};

use bellwether_model::MetricType;
use bellwether_sdk::breaker::BreakerState;
use bellwether_sdk::health::HealthState;
use bellwether_sdk::{Format, Kind, Value};
use bellwether_storage::ManualClock;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::faults::Fault;
use crate::recorder::CellValue;
use crate::simulation::Simulation;

/// A Tuesday, 03:00 UTC: a quiet hour.
const NIGHT_MS: i64 = 1_790_046_000_000;

/// The daemon without its network, in paused time: it ends when what is given back is dropped.
fn quiet_daemon() -> (Arc<Service>, watch::Sender<bool>) {
    let clock = Arc::new(ManualClock::new(NIGHT_MS));
    let service = Service::start(42, WORKERS_MIN, clock).unwrap();
    let (stop, stopped) = watch::channel(false);
    drop(arrivals::start(&service, &stopped));
    (service, stop)
}

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

/// Looks once a second until something holds; gives how many seconds that took.
async fn until_it(within: u64, mut holds: impl FnMut() -> bool) -> u64 {
    for second in 0..within {
        if holds() {
            return second;
        }
        seconds(1).await;
    }
    panic!("not within {within} s")
}

#[tokio::test(start_paused = true)]
async fn the_pool_grows_under_a_burst_and_shrinks_after_it() {
    let (service, _stop) = quiet_daemon();
    seconds(30).await;
    let usual = service.pool.status().workers;
    let backends = service.backends();
    backends.faults.begin(Fault::QueueBurst, 90);
    let mut largest = 0;
    for _ in 0..90 {
        seconds(1).await;
        largest = largest.max(service.pool.status().workers);
    }
    assert!(largest >= 2 * usual, "{usual} grew to {largest}");
    let smaller = largest - largest / 6;
    let shrunk = until_it(300, || service.pool.status().workers <= smaller).await;
    assert!(shrunk > 60, "it holds for a while: {shrunk} s");
    let scaled: Vec<String> = backends
        .recent
        .all()
        .iter()
        .filter(|it| it.event == "pool_scaled")
        .map(|it| it.payload["reason"].to_string())
        .collect();
    assert!(scaled.len() >= 2, "{scaled:?}");
    assert!(scaled.iter().all(|reason| reason.len() > 10), "{scaled:?}");
    let answered: u64 = backends.own.requests.iter().map(|it| it[0].get()).sum();
    assert!(answered > 100, "{answered} answers");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_down_opens_its_breaker_is_fallen_back_from_and_comes_back() {
    let (service, _stop) = quiet_daemon();
    let backends = Arc::clone(service.backends());
    let health = health::start(&service).unwrap();
    health.started();
    // More requests, so that there are calls to fail.
    backends.faults.begin(Fault::QueueBurst, 150);
    seconds(20).await;
    let polaris = &backends.breakers[1];
    assert_eq!(polaris.state(), BreakerState::Closed);
    let fallbacks = || backends.own.fallbacks[1].get();
    let before = fallbacks();
    backends.faults.begin(Fault::ProviderDown, 60);
    let opened = until_it(55, || polaris.state() == BreakerState::Open).await;
    // It may have been down for its error ratio before.
    let want = "provider/polaris is down: its breaker is not closed: ";
    until_it(10, || health.report().reasons.join("; ").contains(want)).await;
    let report = health.report();
    assert_eq!(report.state, HealthState::Degraded, "the other one works");
    assert!(report.is_ready, "one provider is enough");
    // By the demo's clock, as all that the demo says.
    let times = report.probes.iter().map(|it| it.checked_ms);
    assert!(times.eq(report.probes.iter().map(|_| Some(NIGHT_MS))));
    assert!(fallbacks() > before, "opened after {opened} s");
    // It is tried again by itself.
    until_it(240, || polaris.state() == BreakerState::Closed).await;
    let is_up = || health.probe_state("provider/polaris") == Some(HealthState::Up);
    until_it(60, is_up).await;
    let events = backends.recent.all();
    let told = |event: &str| events.iter().any(|it| it.event == event);
    assert!(told("breaker_changed") && told("health_changed"));
    health.stop();
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_too_long_gives_up() {
    let (service, stop) = quiet_daemon();
    // Nobody arrives by itself, and no worker gets to it.
    stop.send_replace(true);
    seconds(20).await;
    let tokens = [8_000.0, 3_000.0];
    for _ in 0..(WORKERS_MIN as usize + 480) {
        service.take(crate::workload::Workload::Agent, tokens);
    }
    seconds(400).await;
    let [ok, error, rejected, abandoned] =
        [0, 1, 2, 3].map(|outcome| service.backends().own.requests[2][outcome].get());
    assert!(
        ok > 0 && rejected >= 80 && abandoned > 0,
        "{ok} {error} {rejected} {abandoned}"
    );
    let status = service.pool.status();
    assert_eq!(
        (status.running, status.waiting),
        (0, 0),
        "no worker is lost"
    );
}

/// Name, type, labels, bounds of buckets and whether there are native ones of each family.
type Shape = (String, String, BTreeSet<String>, Vec<String>, bool);

fn history_shapes() -> BTreeMap<String, Shape> {
    let mut simulation = Simulation::new(42, NIGHT_MS).unwrap();
    simulation.advance_to(NIGHT_MS + 20 * 60_000);
    let recorder = simulation.recorder();
    let mut shapes = BTreeMap::new();
    for cell in recorder.cells() {
        let spec = recorder.spec(cell.family);
        let kind = match spec.metric_type {
            MetricType::Counter => "Counter",
            MetricType::Histogram => "Histogram",
            _ => "Gauge",
        };
        let is_native = match &cell.value {
            CellValue::Histogram(histogram) => histogram.native.is_some(),
            CellValue::Number(_) => false,
        };
        let bounds = spec.bounds.iter().map(f64::to_string).collect();
        let labels = spec.labels.iter().map(|it| (*it).to_owned()).collect();
        let name = spec.name.to_owned();
        shapes.insert(
            name.clone(),
            (name, kind.to_owned(), labels, bounds, is_native),
        );
    }
    shapes
}

fn live_shapes(telemetry: &bellwether_sdk::Telemetry) -> BTreeMap<String, Shape> {
    let mut shapes = BTreeMap::new();
    for family in telemetry.snapshot() {
        let kind = match family.kind {
            Kind::Counter => "Counter",
            Kind::Gauge => "Gauge",
            Kind::Histogram => "Histogram",
        };
        let Some((labels, value)) = family.series.first() else {
            continue;
        };
        let labels = labels.iter().map(|(name, _)| name.clone()).collect();
        let (bounds, is_native) = match value {
            Value::Histogram(it) => {
                let bounds = it.classic.iter().map(|(bound, _)| bound.to_string());
                (bounds.collect(), it.is_native)
            }
            _ => (Vec::new(), false),
        };
        let name = family.name;
        shapes.insert(
            name.clone(),
            (name, kind.to_owned(), labels, bounds, is_native),
        );
    }
    shapes
}

#[tokio::test(start_paused = true)]
async fn history_and_live_daemon_have_the_same_series() {
    let (service, _stop) = quiet_daemon();
    let health = health::start(&service).unwrap();
    // Until sessions have ended, tools failed and quotas were used.
    seconds(1_200).await;
    let history = history_shapes();
    let live = live_shapes(&service.backends().telemetry);
    for (name, shape) in &history {
        assert_eq!(live.get(name), Some(shape), "{name} of the history");
    }
    let only_live: Vec<&str> = live
        .keys()
        .map(String::as_str)
        .filter(|name| !history.contains_key(*name))
        .collect();
    // What only a real run has.
    let want = [
        "bellwether_sdk_series_refused_total",
        "circuit_breaker_refused_total",
        "circuit_breaker_state",
        "health_probe_duration_seconds",
        "span_duration_seconds",
    ];
    assert_eq!(only_live, want);
    assert_eq!(
        service.backends().telemetry.problems(),
        Vec::<String>::new()
    );
    // The probes have the same names.
    let probes = |names: Vec<String>| names.into_iter().collect::<BTreeSet<String>>();
    let of_live = health.report().probes.into_iter().map(|it| it.name);
    let simulation = Simulation::new(1, NIGHT_MS).unwrap();
    let cells = simulation.recorder().cells().iter();
    let of_history = cells.flat_map(|cell| cell.labels.clone());
    let of_history = of_history.filter(|(name, _)| *name == "probe");
    assert_eq!(
        probes(of_live.collect()),
        probes(of_history.map(|(_, value)| value).collect())
    );
    health.stop();
}

async fn start() -> DemoHandle {
    let clock = Arc::new(ManualClock::new(NIGHT_MS));
    Demo::start(&DemoOptions::default(), clock).await.unwrap()
}

/// Head, in small letters, and body of the answer to a request without keep-alive.
async fn ask(address: SocketAddr, request: &str, headers: &str, body: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{request} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{headers}Connection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    (head.to_ascii_lowercase(), answer[end + 4..].to_vec())
}

async fn ask_json(
    address: SocketAddr,
    request: &str,
    headers: &str,
    body: &str,
) -> (u16, serde_json::Value) {
    let (head, body) = ask(address, request, headers, body).await;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test]
async fn metrics_are_there_in_every_format_and_health_has_its_routes() {
    let handle = start().await;
    let address = handle.scrape_address;
    for (accept, want) in [
        ("text/plain", "text/plain; version=0.0.4"),
        (
            "application/openmetrics-text",
            "application/openmetrics-text",
        ),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
            "application/vnd.google.protobuf; proto=",
        ),
    ] {
        let (head, body) = ask(
            address,
            "GET /metrics",
            &format!("Accept: {accept}\r\n"),
            "",
        )
        .await;
        assert!(head.contains(&format!("content-type: {want}")), "{head}");
        assert!(body.len() > 10_000);
    }
    let page = handle
        .app
        .service
        .backends()
        .telemetry
        .render(Format::Prometheus);
    let page = String::from_utf8(page).unwrap();
    assert!(
        page.contains("\nworker_pool_workers{pool=\"requests\"} 8\n"),
        "{page}"
    );
    for path in ["/livez", "/startupz", "/healthz"] {
        let (head, _) = ask(address, &format!("GET {path}"), "", "").await;
        assert!(head.starts_with("http/1.1 "), "{path}: {head}");
    }
    let (head, _) = ask(address, "GET /nothing", "", "").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    handle.shutdown().await;
}

#[tokio::test]
async fn a_fault_is_begun_by_hand_and_seen_at_the_provider() {
    let handle = start().await;
    let address = handle.scrape_address;
    let polaris = handle.provider_addresses[1].1;
    let (status, models) = ask_json(polaris, "GET /v1/models", "", "").await;
    assert_eq!(
        (status, models["data"][0]["id"].as_str()),
        (200, Some("polaris-pro"))
    );
    for (body, want) in [
        (
            r#"{"fault": "rain", "seconds": 5}"#,
            "want one of provider_slow, ",
        ),
        (
            r#"{"fault": "provider_down", "seconds": 0}"#,
            "want 1 to 3600",
        ),
        (r#"{"fault": "provider_down"}"#, "want JSON such as"),
    ] {
        let (status, answer) = ask_json(address, "POST /faults", "", body).await;
        assert_eq!(status, 400);
        assert!(answer["error"].as_str().unwrap().contains(want), "{answer}");
    }
    let body = r#"{"fault": "provider_down", "seconds": 60}"#;
    let (status, answer) = ask_json(address, "POST /faults", "", body).await;
    assert_eq!(
        (status, answer["active"][0]["target"].as_str()),
        (200, Some("polaris"))
    );
    let (status, answer) = ask_json(polaris, "GET /v1/models", "", "").await;
    assert_eq!(
        (status, answer["error"]["type"].as_str()),
        (503, Some("overloaded_error"))
    );
    let (status, state) = ask_json(address, "GET /state", "", "").await;
    assert_eq!(status, 200);
    assert_eq!(state["faults"][0]["name"], "provider_down");
    let events = state["events"].as_array().unwrap();
    assert!(
        events.iter().any(|it| it["event"] == "fault_began"),
        "{events:?}"
    );
    assert_eq!(state["providers"][1]["breaker"]["state"], "closed");
    assert_eq!(handle.state().workers.min, 8);
    handle.shutdown().await;
}

#[tokio::test]
async fn a_provider_answers_whole_and_streamed() {
    let handle = start().await;
    let (_, meridian) = handle.provider_addresses[0];
    let request = |stream: bool| {
        json!({
            "model": "meridian-mini", "stream": stream, "max_tokens": 3,
            "messages": [{ "role": "user", "content": "Say OK." }],
        })
        .to_string()
    };
    // One call in 500 fails on a good day; not all of five do.
    for attempt in 0..5 {
        let path = "POST /v1/chat/completions";
        let (status, answer) = ask_json(meridian, path, "", &request(false)).await;
        let (head, streamed) = ask(meridian, path, "", &request(true)).await;
        let streamed = String::from_utf8_lossy(&streamed).into_owned();
        if status == 200 && streamed.contains("[DONE]") {
            assert_eq!(answer["usage"]["completion_tokens"], 3);
            assert!(head.contains("text/event-stream"), "{head}");
            assert!(head.contains("x-ratelimit-remaining-tokens: "), "{head}");
            assert_eq!(
                streamed.matches(r#""content":"word ""#).count(),
                3,
                "{streamed}"
            );
            assert!(streamed.contains(r#""finish_reason":"stop""#), "{streamed}");
            break;
        }
        assert!(attempt < 4, "{status} {answer} {streamed}");
    }
    let (status, answer) = ask_json(
        meridian,
        "POST /v1/chat/completions",
        "",
        r#"{"model": "polaris-pro"}"#,
    )
    .await;
    assert_eq!(
        (status, answer["error"]["type"].as_str()),
        (404, Some("invalid_request_error"))
    );
    handle.shutdown().await;
}

#[tokio::test]
async fn events_are_written_and_an_address_in_use_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let options = DemoOptions {
        folder: Some(folder.path().to_owned()),
        ..DemoOptions::default()
    };
    let clock = Arc::new(ManualClock::new(NIGHT_MS));
    let handle = Demo::start(&options, Arc::clone(&clock) as _)
        .await
        .unwrap();
    let address = handle.scrape_address;
    let again = DemoOptions {
        listen: address,
        ..DemoOptions::default()
    };
    let error = Demo::start(&again, clock).await.unwrap_err();
    let want = format!("listen on {address}: ");
    assert!(error.to_string().starts_with(&want), "{error}");
    let body = r#"{"fault": "disk_filling", "seconds": 5}"#;
    ask_json(address, "POST /faults", "", body).await;
    handle.shutdown().await;
    let text = std::fs::read_to_string(folder.path().join("events.jsonl")).unwrap();
    assert!(text.contains(r#""event":"fault_began""#), "{text}");
}

#[tokio::test]
async fn the_configuration_names_all_that_there_is() {
    let handle = start().await;
    let text = handle.config("rules.yml");
    let address = handle.scrape_address;
    for want in [
        format!("targets: [\"{address}\"]"),
        format!("target: http://{address}/readyz\n"),
        format!("target: ws://{address}/ws\n"),
        format!(
            "target: http://{}/v1\n    llm: {{}}\n",
            handle.provider_addresses[1].1
        ),
        "entity: daemon/ai-daemon/demo-ai-daemon\n".to_owned(),
        "depends_on: [provider-meridian, provider-polaris]\n".to_owned(),
        "public: { title: \"Models of polaris\", group: \"Providers\" }\n".to_owned(),
        format!("url: http://{address}/hook\n"),
    ] {
        assert!(text.contains(&want), "{want} is not in\n{text}");
    }
    handle.shutdown().await;
}
