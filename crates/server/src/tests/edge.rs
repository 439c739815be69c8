use std::collections::HashSet;
use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use bellwether_rules::evidence::{
    Collector, CollectorParts, FiringAlert, Witness, WitnessedTarget,
};
use bellwether_storage::EvidenceStore as _;

use super::*;
use crate::openapi;

#[tokio::test]
async fn readiness_tells_the_truth() {
    let server = Server::new(parts(ServerSettings::default())).unwrap();
    let router = server.router();
    let codes = async |router: &Router| {
        let mut codes = Vec::new();
        for path in [
            "/-/healthy",
            "/livez",
            "/-/ready",
            "/readyz",
            "/startupz",
            "/api/v1/labels",
        ] {
            codes.push(get(router, path).await.0);
        }
        codes
    };
    assert_eq!(codes(&router).await, [200, 200, 503, 503, 503, 503]);
    assert_eq!(get(&router, "/api/v1/status/walreplay").await.0, 200);
    server.open(services());
    assert_eq!(codes(&router).await, [200; 6]);
    server.stop();
    assert_eq!(codes(&router).await, [200, 200, 503, 503, 200, 503]);
    let request = Request::get("/-/ready").body(Body::empty()).unwrap();
    let (_, headers, _) = send(&router, request).await;
    assert_eq!(headers["x-prometheus-stopping"], "true");
}

#[tokio::test]
async fn lifecycle_is_off_unless_switched_on() {
    let off = router();
    assert_eq!(post_form(&off, "/-/reload", "").await.0, 403);
    assert_eq!(post_form(&off, "/-/quit", "").await.0, 403);
    assert_eq!(get(&off, "/-/reload").await.0, 405);
    let settings = ServerSettings {
        enable_lifecycle: true,
        ..ServerSettings::default()
    };
    let on = server(settings.clone()).router();
    assert_eq!(post_form(&on, "/-/reload", "").await.0, 200);
    let mut parts = parts(settings);
    parts.control = Arc::new(FakeControl { reload_fails: true });
    let failing = Server::new(parts).unwrap().router();
    let (code, text) = post_form(&failing, "/-/reload", "").await;
    assert_eq!(
        (code, text.as_str()),
        (500, "failed to reload config: line 3: no\n")
    );
}

#[tokio::test]
async fn everything_described_is_there() {
    let settings = ServerSettings {
        enable_admin: true,
        ..ServerSettings::default()
    };
    let (router, _) = super::ruler::with_editor(settings);
    for operation in openapi::operations() {
        for method in operation.methods {
            let path = operation.path.replace("{name}", "job");
            if path.contains(['{']) {
                // What stands there decides: `bodies_are_as_described` asks for something.
                continue;
            }
            if path.ends_with("/live") {
                // Streams until the server stops; its route is looked at by a method it lacks.
                assert_eq!(post_form(&router, &path, "").await.0, 405, "{path}");
                continue;
            }
            let request = Request::builder()
                .method(method.to_uppercase().as_str())
                .uri(&path)
                .body(Body::empty())
                .unwrap();
            let (status, _, _) = send(&router, request).await;
            assert!(
                !matches!(status.as_u16(), 404 | 405),
                "{method} {path}: {status}"
            );
        }
    }
    let (code, text) = get(&router, "/api/bellwether/v1/openapi.json").await;
    assert_eq!(code, 200);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let paths: HashSet<&str> = openapi::operations().map(|of| of.path).collect();
    assert_eq!(document["paths"].as_object().unwrap().len(), paths.len());
    let methods = |path: &str| {
        let methods = document["paths"][path].as_object().unwrap().keys();
        methods.cloned().collect::<Vec<_>>()
    };
    assert_eq!(
        methods("/api/bellwether/v1/acknowledgements"),
        ["get", "post"]
    );
    assert_eq!(
        methods("/config/v1/rules/{namespace}"),
        ["delete", "get", "post"]
    );
}

/// Paths of our own API that stand in the source, and in the description.
#[test]
fn everything_of_ours_is_described() {
    fn walk(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if !path.ends_with("tests") {
                    walk(&path, found);
                }
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let literals = text
                    .split('"')
                    .filter(|t| t.starts_with("/api/bellwether/v1/"));
                found.extend(literals.map(str::to_owned));
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new("src"), &mut found);
    assert!(found.len() > 10, "{found:?}");
    for path in found {
        let known = |of: &openapi::Operation| of.path == path;
        assert!(openapi::operations().any(known), "{path} is not described");
    }
}

/// Knows nothing.
#[derive(Debug)]
struct Nobody;

impl Witness for Nobody {
    fn firing(&self) -> Vec<FiringAlert> {
        Vec::new()
    }

    fn targets(&self) -> Vec<WitnessedTarget> {
        Vec::new()
    }
}

#[tokio::test]
async fn bodies_are_as_described() {
    let server = Server::new(parts(ServerSettings::default())).unwrap();
    let mut services = services();
    services.alerting = services
        .alerting
        .with_rule_editor(Arc::new(super::ruler::FakeEditor::default()));
    let evidence = Arc::new(bellwether_storage::MemoryEvidence::default());
    let collector = Collector::new(CollectorParts {
        store: Arc::clone(&services.store),
        engine: Arc::clone(&services.engine),
        evidence: Arc::clone(&evidence) as _,
        witness: Arc::new(Nobody),
        clock: Arc::new(ManualClock::new(NOW_MS)),
        registry: Registry::new(),
    });
    services.alerting = services.alerting.with_evidence(collector);
    let timeline = Arc::clone(&services.alerting.timeline);
    server.open(services);
    let router = server.router();
    let ask = async |method: &str, path: &str, body: &str| {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("content-type", "application/json");
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let (status, headers, bytes) = send(&router, request).await;
        let content = headers.get("content-type").cloned();
        let content = content.map_or(String::new(), |v| v.to_str().unwrap().to_owned());
        (status.as_u16(), content, String::from_utf8(bytes).unwrap())
    };
    let alert = r#"[{"labels": {"alertname": "Slow", "to": "other"}}]"#;
    assert_eq!(ask("POST", "/am/api/v2/alerts", alert).await.0, 200);
    let labels = Labels::from_pairs([("alertname", "Slow"), ("to", "other")]);
    let firing = bellwether_storage::EvidenceKey {
        fingerprint: bellwether_model::AlertFingerprint::of(&labels),
        fired_ms: NOW_MS,
    };
    let document = crate::evidence::page::tests::evidence().to_json();
    evidence.put(&[(firing, document)]).unwrap();
    let fingerprint = firing.fingerprint.to_string();
    let row = |filled: &str, detail: &str| bellwether_storage::TimelineRow {
        time_ms: NOW_MS,
        kind: bellwether_storage::TimelineKind::Notified,
        labels: labels.clone(),
        cause: filled.to_owned(),
        receiver: filled.to_owned(),
        group: filled.to_owned(),
        detail: detail.to_owned(),
    };
    timeline
        .append(&[row("", ""), row("x", "{\"a\":[1]}")])
        .unwrap();
    let said = [
        serde_json::json!({ "fingerprint": fingerprint, "by": "ada" }),
        serde_json::json!({ "fingerprint": fingerprint, "by": "ada", "comment": "x",
                            "until": NOW_MS / 1_000 + 60 }),
    ];
    let mut checked = 0;
    // Said before it is listed, taken back at the end.
    let all = openapi::OPERATIONS.iter().chain(openapi::EVIDENCE);
    let mut operations: Vec<_> = all.collect();
    operations.sort_by_key(|of| (of.methods != ["post"], of.methods == ["delete"]));
    for operation in operations {
        let path = operation.path.replace("{fingerprint}", &fingerprint);
        let path = path.replace("{namespace}", "ns").replace("{group}", "g");
        let path = path.replace("{id}", &firing.to_string());
        let bodies = match operation.request {
            openapi::Content::Json(shape) => {
                for body in &said {
                    assert_eq!(shape.difference(body), None, "{path}");
                }
                said.iter().map(ToString::to_string).collect()
            }
            _ => vec!["name: g".to_owned()],
        };
        let (want, media_type, shape) = match operation.answer {
            openapi::Content::Unsaid | openapi::Content::Events(_) => continue,
            openapi::Content::Nothing => (204, "", None),
            openapi::Content::Json(shape) => (200, "application/json", Some(shape)),
            openapi::Content::Accepted(shape) => (202, "application/json", Some(shape)),
            openapi::Content::Yaml(_) => (200, "application/yaml", None),
        };
        let method = operation.methods[0].to_uppercase();
        for body in bodies {
            let (status, content, text) = ask(&method, &path, &body).await;
            assert_eq!(
                (status, content.as_str()),
                (want, media_type),
                "{method} {path} {text}"
            );
            if let Some(shape) = shape {
                let value: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert_eq!(shape.difference(&value), None, "{method} {path} {text}");
                // Lists were not empty, or nothing was compared.
                let empty = text.contains("[]");
                // The document has operands without lines, the status a store without sources.
                let may = path.contains("/evidence/") || path.ends_with("/status");
                assert!(!empty || may, "{method} {path} {text}");
            }
            checked += 1;
        }
    }
    assert_eq!(checked, 14);
}

#[tokio::test]
async fn unknown_paths_are_told_where_things_are() {
    let (code, text) = get(&router(), "/api/v1/nothing").await;
    assert_eq!(code, 404);
    assert!(text.contains("page not found"), "{text}");
    assert_eq!(get(&router(), "/nothing").await.0, 404);
    assert_eq!(
        post_form(&router(), "/api/v1/status/config", "").await.0,
        405
    );
}

#[tokio::test]
async fn the_page_is_served_under_all_its_names_and_loads_nothing_from_elsewhere() {
    let router = router();
    let mut nonces = std::collections::BTreeSet::new();
    let paths = [
        "/",
        "/explore?q=up",
        "/alerts/one/0123",
        "/health/entities/daemon%2Fa",
        "/system/targets",
        "/public",
        "/graph",
        "/targets",
    ];
    for path in paths {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let (status, headers, bytes) = send(&router, request).await;
        assert_eq!(status, 200, "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"),
            "{policy}"
        );
        let text = String::from_utf8(bytes).unwrap();
        for forbidden in [
            "http://", "https://", "<script>", "style=\"", "onclick", "{{",
        ] {
            assert!(!text.contains(forbidden), "{forbidden} in {path}");
        }
        let (_, nonce) = policy.split_once("'nonce-").unwrap();
        let (nonce, _) = nonce.split_once('\'').unwrap();
        assert!(text.contains(&format!("content=\"{nonce}\"")), "{text}");
        nonces.insert(nonce.to_owned());
    }
    assert_eq!(nonces.len(), paths.len(), "a nonce is used once");
}

#[tokio::test]
async fn whole_answers_of_text_are_compressed_for_clients_that_take_it() {
    let router = router();
    let ask = async |path: &str, encodings: &str| {
        let request = Request::get(path).header("accept-encoding", encodings);
        send(&router, request.body(Body::empty()).unwrap()).await
    };
    // What this server answers by itself, its documents, its own metrics, and what is asked of it in Prometheus' name.
    let paths = [
        "/",
        "/metrics",
        "/api/bellwether/v1/openapi.json",
        "/api/v1/openapi.yaml",
        "/api/v1/status/config",
        "/api/v1/status/flags",
    ];
    let mut compressed = 0;
    for path in paths {
        let (status, headers, plain) = ask(path, "identity").await;
        assert_eq!(status, 200, "{path}");
        assert!(!headers.contains_key("content-encoding"), "{path}");
        let varies = headers.get_all("vary").iter();
        let mut varies = varies.flat_map(|it| it.to_str().unwrap().split(", "));
        let is_long = plain.len() >= 1024;
        assert_eq!(
            varies.any(|it| it == "Accept-Encoding"),
            is_long || path == "/metrics",
            "{path}"
        );
        for (encodings, is_taken) in [
            ("gzip, deflate", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("*", true),
            ("gzip;q=0, *", false),
            ("br, *;q=0", false),
        ] {
            let (_, headers, bytes) = ask(path, encodings).await;
            let is_gzip = headers
                .get("content-encoding")
                .is_some_and(|it| it == "gzip");
            assert_eq!(is_gzip, is_taken && is_long, "{path}: {encodings}");
            if is_gzip {
                compressed += 1;
                assert!(bytes.len() < plain.len(), "{path}");
                let text = crate::compression::gunzip_whole(&bytes);
                // The document has a nonce, and own metrics move.
                let is_same = text == plain || path == "/" || path == "/metrics";
                assert!(is_same && !text.is_empty(), "{path}");
            }
        }
    }
    assert!(compressed >= 12, "{compressed}");
    let request = Request::head(paths[2]).header("accept-encoding", "gzip");
    let (status, _, nothing) = send(&router, request.body(Body::empty()).unwrap()).await;
    assert!(status == 200 && nothing.is_empty());
    // Bytes that are packed already stay as they are.
    let font = bellwether_ui::FILES
        .iter()
        .find(|it| it.content_type == "font/woff2")
        .unwrap();
    let (_, headers, _) = ask(font.path, "gzip").await;
    assert!(!headers.contains_key("content-encoding"), "{}", font.path);
}

#[tokio::test]
async fn files_of_the_page_come_in_the_encoding_that_is_taken_and_need_no_second_visit() {
    let router = router();
    let ask = async |path: &str, name: &'static str, value: &str| {
        let request = Request::get(path).header(name, value);
        send(&router, request.body(Body::empty()).unwrap()).await
    };
    for file in bellwether_ui::FILES {
        let (status, headers, plain) = ask(file.path, "accept-encoding", "identity").await;
        assert_eq!(status, 200, "{}", file.path);
        assert!(!headers.contains_key("content-encoding"), "{}", file.path);
        let (_, headers, best) = ask(file.path, "accept-encoding", "gzip, br;q=0.9").await;
        let encoding = headers
            .get("content-encoding")
            .map(|it| it.to_str().unwrap());
        assert_eq!(
            encoding.unwrap_or(""),
            file.bodies[0].encoding,
            "{}",
            file.path
        );
        assert!(best.len() <= plain.len(), "{}", file.path);
        if file.is_immutable {
            let cache = headers["cache-control"].to_str().unwrap();
            assert!(cache.contains("immutable"), "{}: {cache}", file.path);
        }
        let tag = headers["etag"].to_str().unwrap();
        let (status, _, nothing) = ask(file.path, "if-none-match", tag).await;
        let is_same_encoding = file.bodies[0].encoding.is_empty();
        assert!(
            !is_same_encoding || status == 304 && nothing.is_empty(),
            "{}",
            file.path
        );
    }
    let (status, headers, _) = ask("/assets/nothing.js", "accept-encoding", "br").await;
    assert_eq!(status, 404, "{headers:?}");
}

#[tokio::test]
async fn own_metrics_count_requests_by_handler() {
    let router = router();
    get(&router, "/api/v1/label/job/values").await;
    get(&router, "/api/v1/label/code/values").await;
    let (code, text) = get(&router, "/metrics").await;
    assert_eq!(code, 200);
    let want =
        "bellwether_http_requests_total{code=\"200\",handler=\"/api/v1/label/{name}/values\"} 2\n";
    assert!(text.contains(want), "{text}");
    let request = Request::get("/metrics")
        .header("accept", "application/openmetrics-text; version=1.0.0")
        .body(Body::empty())
        .unwrap();
    let (_, headers, bytes) = send(&router, request).await;
    assert!(
        headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    assert!(bytes.ends_with(b"# EOF\n"));
}

#[tokio::test]
async fn cross_origin_access_follows_the_setting() {
    let ask = async |router: &Router, method: &str| {
        let request = Request::builder()
            .method(method)
            .uri("/api/v1/labels")
            .header("origin", "https://a.example")
            .body(Body::empty())
            .unwrap();
        let (status, headers, _) = send(router, request).await;
        let allowed = headers.get("access-control-allow-origin").cloned();
        (
            status.as_u16(),
            allowed.map(|value| value.to_str().unwrap().to_owned()),
        )
    };
    assert_eq!(ask(&router(), "GET").await, (200, Some("*".to_owned())));
    assert_eq!(ask(&router(), "OPTIONS").await, (204, Some("*".to_owned())));
    let of = |origin: &str| {
        let cors_origin = origin.to_owned();
        server(ServerSettings {
            cors_origin,
            ..ServerSettings::default()
        })
        .router()
    };
    let same = of("https://a[.]example");
    assert_eq!(
        ask(&same, "GET").await.1.as_deref(),
        Some("https://a.example")
    );
    assert_eq!(ask(&of("https://b[.]example"), "GET").await.1, None);
}

#[tokio::test]
async fn connections_are_served_until_the_server_stops() {
    let settings = ServerSettings {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        ..ServerSettings::default()
    };
    let server = server(settings);
    let bound = server.bind().await.unwrap();
    let address = bound.addresses()[0];
    let serving = tokio::spawn(bound.serve());
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /-/healthy HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut head = vec![0u8; 15];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head, b"HTTP/1.1 200 OK");
    server.stop();
    // The idle connection is closed, and serving ends without waiting for the grace.
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    serving.await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
