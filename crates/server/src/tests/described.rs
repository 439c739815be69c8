//! Answers of the APIs of Prometheus and Alertmanager are as they are described.

use std::collections::BTreeSet;

use bellwether_model::{FloatHistogram, Span};
use bellwether_storage::{BlockStats, StoreLayer};
use serde_json::Value;

use super::*;
use crate::openapi::{self, Content, Operation};

/// A store with a block and a native histogram.
#[derive(Debug)]
struct Blocks(MemoryStore);

impl StoreLayer for Blocks {
    fn inner(&self) -> &dyn MetricStore {
        &self.0
    }

    fn blocks(&self) -> Vec<BlockStats> {
        vec![BlockStats {
            number: 7,
            min_ms: 1,
            max_ms: 2,
            series_count: 3,
            sample_count: 4,
            chunk_count: 5,
            disk_bytes: 6,
        }]
    }
}

async fn everything() -> Router {
    let memory = store();
    let native = Labels::from_pairs([("__name__", "native")]);
    let histogram = FloatHistogram {
        count: 3.0,
        sum: 4.5,
        zero_count: 1.0,
        zero_threshold: 0.001,
        positive_spans: vec![Span {
            offset: 0,
            length: 1,
        }],
        positive_buckets: vec![2.0],
        ..FloatHistogram::default()
    };
    memory.insert_histogram(&native, NOW_MS, 0, histogram);
    let mut services = Services {
        store: Arc::new(Blocks(memory)),
        ..services()
    };
    services.alerting.rules = Some(rules::manager(&services).await);
    let server = Server::new(parts(ServerSettings::default())).unwrap();
    server.open(services);
    server.router()
}

/// The shape of the answer of an operation.
fn shape_of(operations: &'static [Operation], path: &str, method: &str) -> &'static openapi::Shape {
    let found = operations
        .iter()
        .find(|of| of.path == path && of.methods.contains(&method));
    match found.map(|of| of.answer) {
        Some(Content::Json(shape)) => shape,
        _ => panic!("{method} {path} has no shape"),
    }
}

async fn check(router: &Router, shape: &openapi::Shape, uri: &str) -> Value {
    let (status, text) = get(router, uri).await;
    assert_eq!(status, 200, "{uri} {text}");
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(shape.difference(&value), None, "{uri} {text}");
    value
}

#[tokio::test(start_paused = true)]
async fn prometheus_answers_are_as_described() {
    let router = everything().await;
    let range = "start=1699999880&end=1700000000&step=60";
    let cases: &[(&str, &str)] = &[
        ("/api/v1/query", "query=http_requests_total&stats=all"),
        ("/api/v1/query", "query=1"),
        ("/api/v1/query", "query=%22a%22"),
        ("/api/v1/query", "query=native"),
        ("/api/v1/query", "query=native%5B1m%5D"),
        ("/api/v1/query", "query=http_requests_total%5B5m%5D"),
        // With a warning and a note.
        ("/api/v1/query", "query=http_requests_total&limit=1"),
        ("/api/v1/query", "query=rate(http%5B5m%5D)"),
        (
            "/api/v1/query_range",
            "query=http_requests_total&stats=true",
        ),
        ("/api/v1/query_range", "query=native"),
        ("/api/v1/query_exemplars", "query=http_requests_total"),
        ("/api/v1/format_query", "query=a%2Bb"),
        ("/api/v1/parse_query", "query=a%2Bb"),
        ("/api/v1/series", "match[]=http_requests_total"),
        ("/api/v1/labels", "limit=1"),
        ("/api/v1/label/{name}/values", ""),
        ("/api/v1/metadata", ""),
        ("/api/v1/targets", ""),
        ("/api/v1/targets", "state=active"),
        ("/api/v1/targets/metadata", ""),
        ("/api/v1/targets/metadata", "metric=up"),
        (
            "/api/v1/targets/relabel_steps",
            "scrapePool=node&labels=%7B%22__address__%22:%22a:1%22%7D",
        ),
        ("/api/v1/scrape_pools", ""),
        ("/api/v1/scrape_pools/config", "scrapePool=node"),
        ("/api/v1/rules", ""),
        ("/api/v1/rules", "exclude_alerts=true&group_limit=1"),
        ("/api/v1/alerts", ""),
        ("/api/v1/alertmanagers", ""),
        ("/api/v1/status/config", ""),
        ("/api/v1/status/flags", ""),
        ("/api/v1/status/runtimeinfo", ""),
        ("/api/v1/status/buildinfo", ""),
        ("/api/v1/status/tsdb", ""),
        ("/api/v1/status/tsdb/blocks", ""),
        ("/api/v1/status/walreplay", ""),
        ("/api/v1/features", ""),
        ("/api/v1/notifications", ""),
    ];
    for (path, query) in cases {
        let shape = shape_of(openapi::PROMETHEUS, path, "get");
        let uri = path.replace("{name}", "job");
        let uri = match *path {
            "/api/v1/query_range" => format!("{uri}?{query}&{range}"),
            _ => format!("{uri}?{query}"),
        };
        let value = check(&router, shape, &uri).await;
        // Lists that matter were not empty, or nothing was compared.
        let is_empty = value["data"].as_array().is_some_and(Vec::is_empty);
        assert!(!is_empty, "{uri} {value}");
    }
    let described: BTreeSet<&str> = openapi::PROMETHEUS
        .iter()
        .filter(|of| matches!(of.answer, Content::Json(_)))
        .map(|of| of.path)
        .collect();
    let asked: BTreeSet<&str> = cases.iter().map(|(path, _)| *path).collect();
    assert_eq!(asked, described);
    let (_, text) = get(&router, "/api/v1/rules").await;
    for word in ["firing", "pending", "recording", "lastError"] {
        assert!(text.contains(&format!("\"{word}\"")), "{word} {text}");
    }
    let (_, text) = get(&router, "/api/bellwether/v1/status").await;
    assert!(text.contains("\"targets\""), "{text}");
}

#[tokio::test]
async fn alertmanager_answers_are_as_described() {
    let router = router();
    let ask = async |method: &str, uri: &str, body: &str| {
        let request = Request::builder().method(method).uri(uri);
        let request = request.header("content-type", "application/json");
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let (status, _, bytes) = send(&router, request).await;
        (status.as_u16(), String::from_utf8(bytes).unwrap())
    };
    let alerts = r#"[
        {"labels":{"alertname":"Slow","host":"a"},"annotations":{"summary":"s"},
         "startsAt":"2023-11-14T22:00:00Z","generatorURL":"http://p/graph"},
        {"labels":{"alertname":"NodeDown","host":"a"}},
        {"labels":{"alertname":"Full","host":"b","to":"other"}}]"#;
    let silence = r#"{"matchers":[{"name":"host","value":"b","isRegex":false}],
        "startsAt":"2023-11-14T22:00:00Z","endsAt":"2023-11-14T23:00:00Z",
        "createdBy":"ada","comment":"x"}"#;
    for (path, body) in [
        ("/am/api/v2/alerts", alerts),
        ("/am/api/v2/silences", silence),
    ] {
        let described = openapi::ALERTMANAGER
            .iter()
            .find(|of| of.path == path && of.methods == ["post"]);
        let Some(Content::Json(shape)) = described.map(|of| of.request) else {
            panic!("{path} has no shape");
        };
        let value: Value = serde_json::from_str(body).unwrap();
        assert_eq!(shape.difference(&value), None, "{path}");
    }
    assert_eq!(ask("POST", "/am/api/v2/alerts", alerts).await.0, 200);
    let (status, text) = ask("POST", "/am/api/v2/silences", silence).await;
    assert_eq!(status, 200, "{text}");
    let set: Value = serde_json::from_str(&text).unwrap();
    let shape = shape_of(openapi::ALERTMANAGER, "/am/api/v2/silences", "post");
    assert_eq!(shape.difference(&set), None);
    let id = set["silenceID"].as_str().unwrap().to_owned();
    for operation in openapi::ALERTMANAGER {
        let Content::Json(shape) = operation.answer else {
            continue;
        };
        if operation.methods == ["get"] {
            let uri = operation.path.replace("{id}", &id);
            let value = check(&router, shape, &uri).await;
            assert!(
                value.as_array().is_none_or(|list| !list.is_empty()),
                "{uri}"
            );
        }
    }
}
