//! The edge over the reference store, asked through its router or over loopback.

mod am;
mod api;
mod backtests;
mod cancel;
mod dashboards;
mod described;
mod differences;
mod edge;
mod live;
mod probing;
mod queries;
mod receive;
mod replica;
mod routing;
mod ruler;
mod rules;
mod scaling;
mod security;
mod transfer;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use bellwether_model::{Exemplar, Labels, Matcher, Metadata, MetricType};
use bellwether_notify::{
    AttemptError, Deliver, Delivery, GroupBy, InhibitRule, Machine, Plan, RouteSettings, RouteTree,
    Runner, RunnerParts, TimeInterval,
};
use bellwether_promql::{Engine, EngineOptions};
use bellwether_rules::GroupSettings;
use bellwether_storage::{
    ManualClock, MemoryStateStore, MemoryStore, MemoryTimeline, MetricStore, Source, WriteBatch,
};
use bellwether_telemetry::Registry;
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::settings::ServerSettings;
use crate::{
    ActiveTarget, Alerting, AlertingFacts, BoxFuture, BuildInfo, Control, DroppedTarget, Server,
    ServerParts, Services, TargetHealth, TargetMetadata, TargetSource,
};

/// The present of the tests, in ms: 2023-11-14T22:13:20Z.
pub(super) const NOW_MS: i64 = 1_700_000_000_000;

#[derive(Debug, Default)]
pub(super) struct FakeControl {
    pub(super) reload_fails: bool,
}

impl Control for FakeControl {
    fn config_yaml(&self) -> String {
        "global:\n  scrape_interval: 15s\n".to_owned()
    }

    fn job_yaml(&self, job: &str) -> Option<String> {
        (job == "node").then(|| "job_name: node\n".to_owned())
    }

    fn read_rules(&self, text: &str) -> Result<Vec<GroupSettings>, String> {
        match text {
            "good" => Ok(vec![rules::group()]),
            _ => Err("rules:1:1: want a mapping".to_owned()),
        }
    }

    fn external_labels(&self) -> Labels {
        Labels::from_pairs([("cluster", "prod"), ("job", "never used")])
    }

    fn reload(&self) -> BoxFuture<Result<(), String>> {
        let answer = if self.reload_fails {
            Err("line 3: no".to_owned())
        } else {
            Ok(())
        };
        Box::pin(async move { answer })
    }

    fn quit(&self) {}

    fn notifications(&self) -> Vec<(String, i64)> {
        vec![("Configuration reload has failed.".to_owned(), NOW_MS)]
    }
}

#[derive(Debug)]
pub(super) struct FakeTargets;

impl TargetSource for FakeTargets {
    fn active(&self) -> Vec<ActiveTarget> {
        vec![ActiveTarget {
            discovered_labels: Labels::from_pairs([("__address__", "a:1")]),
            labels: Labels::from_pairs([("instance", "a:1"), ("job", "node")]),
            pool: "node".to_owned(),
            scrape_url: "http://a:1/metrics".to_owned(),
            global_url: "http://a:1/metrics".to_owned(),
            last_error: "connection refused".to_owned(),
            last_scrape_ms: NOW_MS - 1_500,
            last_duration_seconds: 0.25,
            health: TargetHealth::Down,
            interval_ms: 15_000,
            timeout_ms: 10_000,
        }]
    }

    fn dropped(&self) -> Vec<DroppedTarget> {
        let discovered_labels = Labels::from_pairs([("__address__", "b:1")]);
        vec![DroppedTarget {
            discovered_labels,
            pool: "node".to_owned(),
        }]
    }

    fn dropped_counts(&self) -> Vec<(String, u64)> {
        vec![("node".to_owned(), 1)]
    }

    fn pools(&self) -> Vec<String> {
        vec!["node".to_owned(), "a".to_owned()]
    }

    fn relabel_rules(&self, pool: &str) -> Option<Vec<bellwether_model::relabel::Rule>> {
        use bellwether_model::relabel::{Action, Rule};
        let rule = |regex: &str, action, target: &str, replacement: &str| Rule {
            source_labels: vec!["__address__".to_owned()],
            separator: ";".to_owned(),
            regex_text: regex.to_owned(),
            regex: Rule::compile(regex).unwrap(),
            modulus: 0,
            target_label: target.to_owned(),
            replacement: replacement.to_owned(),
            action,
        };
        (pool == "node").then(|| {
            vec![
                rule("(.*):.*", Action::Replace, "host", "$1"),
                rule("b.*", Action::Drop, "", "$1"),
                rule(".*", Action::Keep, "", "$1"),
            ]
        })
    }

    fn metadata(&self, metric: Option<&str>) -> Vec<TargetMetadata> {
        let entry = TargetMetadata {
            target: Labels::from_pairs([("instance", "a:1"), ("job", "node")]),
            metric: "up".to_owned(),
            metadata: Metadata {
                metric_type: MetricType::Gauge,
                unit: String::new(),
                help: "Whether it is up.".to_owned(),
            },
        };
        if metric.is_none_or(|metric| metric == "up") {
            vec![entry]
        } else {
            Vec::new()
        }
    }
}

pub(super) fn parts(settings: ServerSettings) -> ServerParts {
    ServerParts {
        settings,
        clock: Arc::new(ManualClock::new(NOW_MS)),
        registry: Registry::new(),
        build: BuildInfo {
            version: "0.1.0".to_owned(),
            api_version: "3.11.0".to_owned(),
            ..BuildInfo::default()
        },
        flags: vec![("config.file".to_owned(), "x.yml".to_owned())],
        features: vec![("promql".to_owned(), "bool".to_owned(), true)],
        control: Arc::new(FakeControl::default()),
    }
}

/// Three series of `http_requests_total`, one with a name that needs quotes, over the last hour.
pub(super) fn store() -> MemoryStore {
    let store = MemoryStore::new();
    for (job, code) in [("api", "200"), ("api", "500"), ("web", "200")] {
        let labels = Labels::from_pairs([
            ("__name__", "http_requests_total"),
            ("job", job),
            ("code", code),
        ]);
        for minute in 0..=60 {
            let value = f64::from(minute) * 1.5;
            store.insert(&labels, NOW_MS - i64::from(60 - minute) * 60_000, value);
        }
    }
    let dotted = Labels::from_pairs([("__name__", "http.server.duration"), ("http.status", "200")]);
    store.insert(&dotted, NOW_MS, 0.25);
    let source = Source::new("test");
    let counted = Labels::from_pairs([
        ("__name__", "http_requests_total"),
        ("job", "api"),
        ("code", "200"),
    ]);
    let reference = store.register(&source, None, &counted).unwrap();
    let mut batch = WriteBatch::default();
    batch.exemplars.push((
        reference,
        Exemplar {
            labels: Labels::from_pairs([("trace_id", "abc")]),
            value: 1.0,
            timestamp_ms: NOW_MS - 500,
        },
    ));
    batch.metadata.push((
        "http_requests_total".to_owned(),
        Metadata {
            metric_type: MetricType::Counter,
            unit: String::new(),
            help: "Requests.".to_owned(),
        },
    ));
    store.write(&source, &batch).unwrap();
    store
}

pub(super) fn services() -> Services {
    Services {
        store: Arc::new(store()),
        engine: Arc::new(Engine::new(EngineOptions::default())),
        targets: Arc::new(FakeTargets),
        otlp: bellwether_ingest::otlp::OtlpSettings::default(),
        alerting: alerting(),
        probing: None,
        objectives: None,
        scaling: None,
        predictions: None,
        dashboards: None,
    }
}

/// Takes every notification.
#[derive(Debug)]
struct Takes;

impl Deliver for Takes {
    fn attempt(
        &self,
        _delivery: Arc<Delivery>,
    ) -> bellwether_notify::BoxFuture<Result<String, AttemptError>> {
        Box::pin(async { Ok("200".to_owned()) })
    }
}

/// Alerting with the receivers `team`, which gets everything, and `other`, which gets what says so.
pub(super) fn alerting() -> Alerting {
    let settings = RouteSettings {
        receiver: Some("team".to_owned()),
        group_by: Some(GroupBy::Labels(["alertname".to_owned()].into())),
        routes: vec![RouteSettings {
            receiver: Some("other".to_owned()),
            matchers: vec![Matcher::equal("to", "other")],
            mute_time_intervals: vec!["always".to_owned()],
            ..RouteSettings::default()
        }],
        ..RouteSettings::default()
    };
    let plan = Plan {
        routes: RouteTree::new(&settings),
        inhibit_rules: vec![InhibitRule {
            source_matchers: vec![Matcher::equal("alertname", "NodeDown")],
            target_matchers: vec![Matcher::equal("alertname", "Slow")],
            equal: vec!["host".to_owned()],
            ..InhibitRule::default()
        }],
        time_intervals: [("always".to_owned(), vec![TimeInterval::default()])].into(),
        receivers: BTreeMap::new(),
    };
    let timeline = Arc::new(MemoryTimeline::default());
    let runner = Runner::new(RunnerParts {
        machine: Machine::new(Arc::new(plan), 1),
        state: Arc::new(MemoryStateStore::default()),
        timeline: Arc::clone(&timeline) as _,
        clock: Arc::new(ManualClock::new(NOW_MS)),
        deliver: Arc::new(Takes),
    });
    let facts = AlertingFacts {
        config_yaml: "route: {receiver: team}\n".to_owned(),
        resolve_timeout_ms: 300_000,
        receivers: vec![
            ("team".to_owned(), Labels::empty()),
            ("other".to_owned(), Labels::from_pairs([("owner", "b")])),
        ],
    };
    Alerting::new(runner, timeline, None, facts)
}

/// A server that is open, with these settings.
pub(super) fn server(settings: ServerSettings) -> Server {
    let server = Server::new(parts(settings)).unwrap();
    server.open(services());
    server
}

pub(super) fn router() -> Router {
    server(ServerSettings::default()).router()
}

/// Sends a request and reads the whole answer.
pub(super) async fn send(
    router: &Router,
    request: Request<Body>,
) -> (StatusCode, HeaderMap, Vec<u8>) {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes().to_vec();
    (parts.status, parts.headers, bytes)
}

/// Status and text of a GET.
pub(super) async fn get(router: &Router, uri: &str) -> (u16, String) {
    let request = Request::get(uri).body(Body::empty()).unwrap();
    let (status, _, bytes) = send(router, request).await;
    (status.as_u16(), String::from_utf8(bytes).unwrap())
}

/// Status and text of a POST of a form.
pub(super) async fn post_form(router: &Router, uri: &str, form: &str) -> (u16, String) {
    let request = Request::post(uri)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form.to_owned()))
        .unwrap();
    let (status, _, bytes) = send(router, request).await;
    (status.as_u16(), String::from_utf8(bytes).unwrap())
}
