use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use bellwether_model::{METRIC_NAME, MatchOp, Matcher, TimeRange, is_stale_nan};
use bellwether_outbound::Bytes;
use bellwether_storage::{MemoryStore, Samples, Selection, SelectionHints};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::*;
use crate::exposition::Format;
use crate::settings::{Scheme, ScrapeProtocol};
use crate::source::InternalBody;

/// A wall clock that goes as tokio's time does, which tests pause.
#[derive(Debug)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now_ms(&self) -> i64 {
        1_000_000 + i64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

fn manager() -> (Manager, Arc<MemoryStore>, Registry) {
    let store = Arc::new(MemoryStore::new());
    let dyn_store: Arc<dyn MetricStore> = Arc::<MemoryStore>::clone(&store);
    let registry = Registry::new();
    let clock = Arc::new(TokioClock(Instant::now()));
    (Manager::new(dyn_store, clock, &registry), store, registry)
}

fn samples(store: &MemoryStore, metric: &str) -> Vec<(i64, f64)> {
    let matchers = [Matcher::new(METRIC_NAME, MatchOp::Equal, metric).unwrap()];
    let found = store
        .select(&Selection {
            matchers: &matchers,
            range: TimeRange::ALL,
            hints: SelectionHints::default(),
        })
        .unwrap();
    let mut all = Vec::new();
    for series in found {
        let mut samples = Samples::default();
        series.read(TimeRange::ALL, &mut samples).unwrap();
        all.extend(samples.times_ms.iter().copied().zip(samples.values));
    }
    all
}

/// An interval, and so a time-out, that is long enough for an answer; the first scrape comes within it.
const PATIENT_MS: i64 = 5_250;

fn settings(job: &str, interval_ms: i64) -> ScrapeSettings {
    let mut settings = ScrapeSettings::new(job);
    settings.interval_ms = interval_ms;
    settings.timeout_ms = interval_ms;
    settings
}

/// A source that counts its calls and tells of each.
fn counting() -> (InternalSource, mpsc::UnboundedReceiver<usize>) {
    let (told, calls) = mpsc::unbounded_channel();
    let count = AtomicUsize::new(0);
    let source = InternalSource::new(move || {
        let call = count.fetch_add(1, Ordering::SeqCst) + 1;
        told.send(call).map_err(|error| error.to_string())?;
        if call == 3 {
            return Err("no third body".to_owned());
        }
        Ok(InternalBody {
            bytes: format!("# TYPE calls counter\ncalls {call}\n").into_bytes(),
            format: Format::PrometheusText,
        })
    });
    (source, calls)
}

#[tokio::test(start_paused = true)]
async fn turns_come_at_equal_distances_and_failures_leave_markers() {
    let (manager, store, registry) = manager();
    let (source, mut calls) = counting();
    manager
        .add_internal(settings("self", 10_000), source)
        .await
        .unwrap();
    assert_eq!(manager.pools(), ["self"]);
    for call in 1..=5 {
        assert_eq!(calls.recv().await, Some(call));
    }
    manager.shutdown().await;
    let up = samples(&store, "up");
    let values: Vec<f64> = up.iter().map(|(_, value)| *value).collect();
    // A server that stops does not end its series: a restart is no gap.
    assert_eq!(values, [1.0, 1.0, 0.0, 1.0, 1.0]);
    for pair in up.windows(2) {
        assert_eq!(pair[1].0 - pair[0].0, 10_000);
    }
    let calls = samples(&store, "calls");
    let stale = calls
        .iter()
        .filter(|(_, value)| is_stale_nan(*value))
        .count();
    assert_eq!((calls.len(), stale), (5, 1));
    assert_eq!(manager.pools(), Vec::<String>::new());
    let own = registry.render(bellwether_telemetry::Format::Prometheus);
    assert!(own.contains("bellwether_scrape_scrapes_total{job=\"self\",result=\"failure\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn a_reload_leaves_internal_jobs_alone_and_replaces_what_changed() {
    let (manager, store, _registry) = manager();
    let (source, mut calls) = counting();
    manager
        .add_internal(settings("self", 10_000), source.clone())
        .await
        .unwrap();
    assert_eq!(calls.recv().await, Some(1));
    manager.apply(Vec::new()).await.unwrap();
    assert_eq!(calls.recv().await, Some(2));
    // The same job again with other labels limits: it hands over and nothing goes stale.
    let mut changed = settings("self", 10_000);
    changed.limits.labels_max = 50;
    manager.add_internal(changed, source).await.unwrap();
    assert_eq!(calls.recv().await, Some(3));
    assert_eq!(calls.recv().await, Some(4));
    let up = samples(&store, "up");
    assert!(up.iter().all(|(_, value)| !is_stale_nan(*value)), "{up:?}");
    manager.shutdown().await;
}

/// A server of metrics: what it was asked, and a way to wait for it.
#[derive(Clone)]
struct Exposed {
    asked: mpsc::UnboundedSender<HeaderMap>,
}

async fn expose(State(exposed): State<Exposed>, headers: HeaderMap) -> impl IntoResponse {
    let _told = exposed.asked.send(headers).is_ok();
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        "a{x=\"1\"} 1\nb 2\n",
    )
}

async fn serve() -> (
    String,
    mpsc::UnboundedReceiver<HeaderMap>,
    CancellationToken,
) {
    let (asked, requests) = mpsc::unbounded_channel();
    let app = axum::Router::new()
        .route("/metrics", get(expose))
        .route("/broken", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .route(
            "/packed",
            get(|| async {
                // gzip of "a 1\n", made with Python's gzip module.
                const PACKED: &[u8] = &[
                    31, 139, 8, 0, 0, 0, 0, 0, 2, 255, 75, 84, 48, 228, 2, 0, 54, 231, 27, 188, 4,
                    0, 0, 0,
                ];
                let headers = [
                    (header::CONTENT_TYPE, "text/plain"),
                    (header::CONTENT_ENCODING, "gzip"),
                ];
                (headers, Bytes::from_static(PACKED))
            }),
        )
        .route(
            "/targets",
            get(|| async {
                let headers = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
                (
                    headers,
                    r#"[{"targets":["10.1.1.1:1"],"labels":{"zone":"a"}}]"#,
                )
            }),
        )
        .with_state(Exposed { asked });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    tokio::spawn(async move {
        axum::serve(listener, app)
            .with_graceful_shutdown(stopped)
            .await
            .unwrap();
    });
    (address, requests, stop)
}

fn with_target(mut settings: ScrapeSettings, address: &str, path: &str) -> ScrapeSettings {
    settings.metrics_path = path.to_owned();
    settings.discovery = vec![Discovery::Static(vec![TargetGroup {
        targets: vec![address.to_owned()],
        labels: Labels::from_pairs([("env", "test")]),
    }])];
    settings
}

/// Looks again and again, letting others run, until a condition holds.
async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn targets_are_scraped_over_http() {
    let (address, mut requests, stop) = serve().await;
    let (manager, store, _registry) = manager();
    let jobs = vec![
        with_target(settings("good", PATIENT_MS), &address, "/metrics"),
        with_target(settings("packed", PATIENT_MS), &address, "/packed"),
        with_target(settings("broken", PATIENT_MS), &address, "/broken"),
    ];
    manager.apply(jobs.clone()).await.unwrap();
    let headers = requests.recv().await.unwrap();
    assert_eq!(headers["x-prometheus-scrape-timeout-seconds"], "5.25");
    assert_eq!(headers["accept-encoding"], "gzip");
    assert!(
        headers["accept"]
            .to_str()
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    assert!(
        headers["user-agent"]
            .to_str()
            .unwrap()
            .starts_with("Bellwether/")
    );
    until(|| {
        manager
            .targets()
            .iter()
            .all(|target| target.health != Health::Unknown)
    })
    .await;
    let targets = manager.targets();
    let broken = targets
        .iter()
        .find(|target| target.pool == "broken")
        .unwrap();
    assert_eq!(broken.health, Health::Down);
    assert_eq!(
        broken.last_error,
        "server returned HTTP status 503 Service Unavailable"
    );
    assert_eq!(broken.scrape_url, format!("http://{address}/broken"));
    assert_eq!(
        broken.labels,
        Labels::from_pairs([("env", "test"), ("instance", &address), ("job", "broken")])
    );
    until(|| !samples(&store, "b").is_empty()).await;
    // Unchanged settings leave a job as it is; a job that is gone ends.
    manager.apply(jobs[..1].to_vec()).await.unwrap();
    assert_eq!(manager.pools(), ["good"]);
    let packed = samples(&store, "a");
    assert!(packed.iter().any(|(_, value)| is_stale_nan(*value)));
    manager.shutdown().await;
    stop.cancel();
}

#[tokio::test]
async fn limits_of_targets_and_bodies_fail_scrapes() {
    let (address, _requests, stop) = serve().await;
    let (manager, store, _registry) = manager();
    let mut small = with_target(settings("small", PATIENT_MS), &address, "/metrics");
    small.limits.body_bytes_max = 5;
    small.extra_metrics = true;
    let mut few = with_target(settings("few", PATIENT_MS), &address, "/metrics");
    few.discovery.push(Discovery::Static(vec![TargetGroup {
        targets: vec!["127.0.0.1:1".to_owned()],
        labels: Labels::empty(),
    }]));
    few.limits.targets_max = 1;
    manager.apply(vec![small, few]).await.unwrap();
    until(|| {
        let targets = manager.targets();
        targets.len() == 3 && targets.iter().all(|target| target.health == Health::Down)
    })
    .await;
    let errors: Vec<String> = manager
        .targets()
        .into_iter()
        .map(|target| target.last_error)
        .collect();
    assert!(
        errors.contains(&"body size limit exceeded: the answer has more than 5 bytes".to_owned())
    );
    assert!(errors.contains(&"target limit exceeded: 2 targets, limit 1".to_owned()));
    assert!(
        samples(&store, "scrape_body_size_bytes")
            .iter()
            .all(|(_, value)| *value == -1.0)
    );
    manager.shutdown().await;
    stop.cancel();
}

#[tokio::test]
async fn discoveries_find_targets_or_say_why_not() {
    let (address, _requests, stop) = serve().await;
    let (manager, _store, _registry) = manager();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("targets.yml");
    std::fs::write(&file, "- targets: [10.0.0.1:1, 10.0.0.2:1]\n").unwrap();
    let mut job = settings("found", 60_000);
    job.scheme = Scheme::Https;
    job.fallback_protocol = Some(ScrapeProtocol::PrometheusText004);
    job.discovery = vec![
        Discovery::File {
            files: vec![folder.path().join("*.yml").display().to_string()],
            refresh_interval_ms: 1000,
        },
        Discovery::Http {
            url: format!("http://{address}/targets").parse().unwrap(),
            refresh_interval_ms: 60_000,
            http: Box::default(),
        },
        Discovery::Http {
            url: format!("http://{address}/metrics").parse().unwrap(),
            refresh_interval_ms: 60_000,
            http: Box::default(),
        },
        Discovery::Unsupported {
            key: "kubernetes_sd_configs".to_owned(),
        },
    ];
    manager.apply(vec![job]).await.unwrap();
    until(|| {
        let heard = manager.discoveries();
        manager.targets().len() == 3
            && heard
                .iter()
                .filter(|discovery| discovery.last_error.is_some())
                .count()
                == 2
    })
    .await;
    let discoveries = manager.discoveries();
    let told: Vec<(&str, usize)> = discoveries
        .iter()
        .map(|d| (d.key.as_str(), d.target_count))
        .collect();
    assert_eq!(
        told,
        [
            ("file_sd_configs", 2),
            ("http_sd_configs", 1),
            ("http_sd_configs", 0),
            ("kubernetes_sd_configs", 0)
        ]
    );
    let wrong_type = discoveries[2].last_error.as_ref().unwrap();
    assert!(
        wrong_type.contains("content type \"text/plain; version=0.0.4\""),
        "{wrong_type}"
    );
    let unsupported = Some("unsupported discovery: kubernetes_sd_configs".to_owned());
    assert_eq!(discoveries[3].last_error, unsupported);
    // A file that changes is read again. It changes at once: whoever looks meanwhile finds no empty one.
    let change = |text: &str| {
        let beside = folder.path().join("targets.new");
        std::fs::write(&beside, text).unwrap();
        #[expect(clippy::disallowed_methods, reason = "nothing is kept of it")]
        std::fs::rename(beside, &file).unwrap();
    };
    change("- targets: [10.0.0.1:1]\n");
    until(|| manager.targets().len() == 2).await;
    change("- targets: [10.0.0.1:1");
    until(|| manager.discoveries()[0].last_error.is_some()).await;
    assert_eq!(manager.targets().len(), 2);
    manager.shutdown().await;
    stop.cancel();
}

#[tokio::test]
async fn a_job_without_its_certificate_runs_and_says_what_is_missing() {
    let (manager, _store, _registry) = manager();
    let mut job = with_target(settings("tls", 250), "127.0.0.1:1", "/metrics");
    job.scheme = Scheme::Https;
    job.http.tls.ca = Some(bellwether_outbound::settings::PemSource::File(
        "/missing/ca.pem".into(),
    ));
    let reason = "tls_config.ca_file \"/missing/ca.pem\": No such file or directory (os error 2)";
    let unready = manager.unready(std::slice::from_ref(&job));
    let told: Vec<String> = unready.iter().map(ToString::to_string).collect();
    assert_eq!(told, [format!("job \"tls\": {reason}")]);

    manager.apply(vec![job.clone()]).await.unwrap();
    until(|| {
        let targets = manager.targets();
        targets.len() == 1 && targets[0].health == Health::Down
    })
    .await;
    assert_eq!(manager.targets()[0].last_error, reason);
    // It runs already: a later change of other jobs is not held up by it.
    assert!(manager.unready(&[job]).is_empty());
    manager.shutdown().await;
}
