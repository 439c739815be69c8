//! The examples run, and show what their headers say.
#![cfg(all(feature = "tower", feature = "axum"))]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its data has failed"
)]
#![expect(
    clippy::duplicate_mod,
    reason = "each example is a program of its own with what they share"
)]

#[expect(dead_code, reason = "its main is for the command line")]
#[path = "../examples/axum_service.rs"]
mod axum_service;
#[expect(dead_code, reason = "its main is for the command line")]
#[path = "../examples/batch_worker.rs"]
mod batch_worker;
#[expect(dead_code, reason = "its main is for the command line")]
#[path = "../examples/mcp_daemon/main.rs"]
mod mcp_daemon;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures::{SinkExt as _, StreamExt as _};
use mcp_daemon::Options;
use mcp_daemon::providers::Outages;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;

const LONG: Duration = Duration::from_secs(60);

type Answer = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// What an example waits for, and who ends it.
fn end() -> (oneshot::Sender<()>, impl Future<Output = Answer>) {
    let (ends, ended) = oneshot::channel();
    (ends, async move { Ok(ended.await?) })
}

/// Status and body of an answer to one request.
async fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let len = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, body.to_owned())
}

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    ask(address, "GET", path, "").await
}

/// Asks until the answer is as it is wanted.
async fn wait_for(address: SocketAddr, path: &str, is_wanted: impl Fn(&str) -> bool) -> String {
    let begun = Instant::now();
    loop {
        let (_, body) = get(address, path).await;
        if is_wanted(&body) {
            return body;
        }
        assert!(begun.elapsed() < LONG, "{path}: {body}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_of_axum_is_watched() {
    let (tell, told) = oneshot::channel();
    let (ends, end) = end();
    // Nobody fills the shelf while it is looked at.
    let serving = tokio::spawn(axum_service::run(end, LONG * 2, |address| {
        tell.send(address).unwrap();
    }));
    let address = told.await.unwrap();
    for number in 0..55 {
        let (status, body) = get(address, &format!("/books/{number}")).await;
        assert_eq!(status, if number < 50 { 200 } else { 404 }, "{body}");
    }
    wait_for(address, "/readyz?verbose", |body| {
        body.contains("shelf is empty")
    })
    .await;
    assert_eq!(get(address, "/livez").await, (200, "ok\n".to_owned()));
    let (_, page) = get(address, "/metrics").await;
    let count = "http_server_request_duration_seconds_count{http_request_method=\"GET\",\
                 http_route=\"/books/{id}\",http_response_status_code=\"404\",error_type=\"\"} 5";
    assert!(page.contains(count), "{page}");
    ends.send(()).unwrap();
    serving.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_batch_reads_every_page_and_grows() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events.jsonl");
    let summary = batch_worker::run(2_000, None, &events).await.unwrap();
    assert_eq!((summary.done, summary.failed), (2_000, 0));
    assert!(summary.workers_max > 1, "{summary:?}");
    assert!(summary.p95_ms.is_some_and(|p95| p95 > 1.0), "{summary:?}");
    let events = std::fs::read_to_string(events).unwrap();
    for name in ["batch_begun", "pool_scaled", "batch_ended"] {
        assert!(events.contains(name), "{name}: {events}");
    }
    // Ended early it gives what was begun.
    let after = Some(Duration::from_millis(50));
    let other = folder.path().join("other.jsonl");
    let summary = batch_worker::run(1_000_000, after, &other).await.unwrap();
    assert!(summary.done > 0 && summary.failed > 0, "{summary:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_falls_back_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events.jsonl");
    let options = Options {
        events: events.clone(),
        // Long enough for what is asked while it lasts; they come again.
        outages: Outages {
            every: Duration::from_secs(16),
            length: Duration::from_secs(8),
        },
        asks_each: Some(Duration::from_millis(20)),
    };
    let (tell, told) = oneshot::channel();
    let (ends, end) = end();
    let serving = tokio::spawn(mcp_daemon::run(options, end, |address| {
        tell.send(address).unwrap();
    }));
    let address = told.await.unwrap();
    speak(address).await;
    talk(address).await;
    // One provider goes down: the daemon goes on with the other one.
    let is_down = |body: &str| body.contains("/v1/models answers 503");
    wait_for(address, "/healthz", is_down).await;
    assert_eq!(get(address, "/readyz").await.0, 200);
    let question = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "ask", "arguments": { "question": "Who is there?" } },
    });
    let (_, answer) = ask(address, "POST", "/mcp", &question.to_string()).await;
    assert!(answer.contains("solstice says"), "{answer}");
    wait_for(address, "/healthz", |body| !is_down(body)).await;
    let (_, page) = get(address, "/metrics").await;
    for wanted in [
        "gen_ai_client_operation_duration_seconds",
        "circuit_breaker_state",
        "worker_pool_workers{pool=\"questions\"}",
        "websocket_session_duration_seconds",
        "http_route=\"/mcp\"",
    ] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    // What its header says there is to see.
    let header = include_str!("../examples/mcp_daemon/main.rs");
    let (_, metrics) = header.split_once("- `/metrics`:").unwrap();
    let (metrics, _) = metrics.split_once("//! - ").unwrap();
    let names: Vec<&str> = metrics.split('`').skip(1).step_by(2).collect();
    assert!(names.len() > 4, "{names:?}");
    for name in names {
        assert!(page.contains(name), "{name}: {page}");
    }
    ends.send(()).unwrap();
    serving.await.unwrap().unwrap();
    let events = std::fs::read_to_string(events).unwrap();
    for wanted in ["fell_back", "health_changed", "\"event\":\"breaker"] {
        assert!(events.contains(wanted), "{wanted}");
    }
}

/// Speaks MCP over HTTP, as clients of both protocols do.
async fn speak(address: SocketAddr) {
    let meta = |version: &str| json!({ "io.modelcontextprotocol/protocolVersion": version });
    let add = json!({ "name": "add", "arguments": { "a": 2, "b": 3.5 } });
    for (method, params, pointer, want) in [
        (
            "server/discover",
            json!({ "_meta": meta("2026-07-28") }),
            "/result/supportedVersions/0",
            json!("2026-07-28"),
        ),
        (
            "server/discover",
            json!({ "_meta": meta("1999-01-01") }),
            "/error/code",
            json!(-32_022),
        ),
        (
            "initialize",
            json!({ "protocolVersion": "2025-06-18" }),
            "/result/protocolVersion",
            json!("2025-06-18"),
        ),
        (
            "initialize",
            json!({ "protocolVersion": "1999-01-01" }),
            "/result/protocolVersion",
            json!("2025-11-25"),
        ),
        ("ping", json!({}), "/result", json!({})),
        (
            "tools/list",
            json!({}),
            "/result/tools/1/name",
            json!("add"),
        ),
        (
            "tools/list",
            json!({ "_meta": meta("2026-07-28") }),
            "/result/resultType",
            json!("complete"),
        ),
        ("tools/call", add, "/result/content/0/text", json!("5.5")),
        (
            "tools/call",
            json!({ "name": "add" }),
            "/error/code",
            json!(-32_602),
        ),
        (
            "tools/call",
            json!({ "name": "no" }),
            "/error/code",
            json!(-32_602),
        ),
        ("no/such", json!({}), "/error/code", json!(-32_601)),
    ] {
        let message = json!({ "jsonrpc": "2.0", "id": "x", "method": method, "params": params });
        let (status, answer) = ask(address, "POST", "/mcp", &message.to_string()).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((status, &answer["id"]), (200, &json!("x")));
        assert_eq!(answer.pointer(pointer), Some(&want), "{method}: {answer}");
    }
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    assert_eq!(ask(address, "POST", "/mcp", notification).await.0, 202);
    assert!(
        ask(address, "POST", "/mcp", "no")
            .await
            .1
            .contains("-32700")
    );
}

/// The same over a WebSocket.
async fn talk(address: SocketAddr) {
    let (mut socket, _) = tokio_tungstenite::client_async(
        format!("ws://{address}/ws"),
        TcpStream::connect(address).await.unwrap(),
    )
    .await
    .unwrap();
    let ping = json!({ "jsonrpc": "2.0", "id": 7, "method": "ping" });
    socket.send(Message::text(ping.to_string())).await.unwrap();
    let answer = loop {
        if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
            break text;
        }
    };
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer, json!({ "jsonrpc": "2.0", "id": 7, "result": {} }));
    socket.close(None).await.unwrap();
}
