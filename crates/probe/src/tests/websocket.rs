//! `websocket`.

use bellwether_outbound::settings::{HeaderSettings, HeaderValue};
use futures::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::Message;

use super::kit::{IP4, Reply, Server, probe, serve, serve_http};
use crate::module::{Expectation, Pattern, QueryResponse, WebSocketSettings};
use crate::{ProbeResult, Prober};

/// Greets, and answers JSON-RPC after a notification that nobody asked for.
async fn daemon() -> Server {
    serve(|stream| async move {
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        socket.send(Message::text("Hello, joe")).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            let Message::Text(text) = message else {
                continue;
            };
            let answer = if text.contains("\"method\":\"ping\"") {
                socket
                    .send(Message::text("{\"method\":\"news\"}"))
                    .await
                    .unwrap();
                "{\"jsonrpc\":\"2.0\",\"id\":\"bellwether-probe\",\"result\":{}}"
            } else if text.contains("jsonrpc") {
                "{\"id\":\"bellwether-probe\",\"error\":{\"code\":-32601}}"
            } else {
                "Welcome"
            };
            socket.send(Message::text(answer)).await.unwrap();
        }
    })
    .await
}

fn settings() -> WebSocketSettings {
    WebSocketSettings {
        address: IP4,
        ..WebSocketSettings::default()
    }
}

fn expect(pattern: &str, send: &str) -> QueryResponse {
    QueryResponse {
        expect: Expectation::Line(Pattern::new(pattern).unwrap()),
        send: send.as_bytes().to_vec(),
        ..QueryResponse::default()
    }
}

async fn ask(settings: WebSocketSettings, target: &str) -> ProbeResult {
    probe(Prober::WebSocket(Box::new(settings)), target).await
}

#[tokio::test]
async fn a_daemon_is_talked_to_pinged_and_called() {
    let server = daemon().await;
    let target = format!("ws://{}/", server.address);
    let all = WebSocketSettings {
        query_response: vec![expect("^Hello, (.+)", "I am ${1}"), expect("^Welcome", "")],
        ping: true,
        json_rpc_method: Some("ping".to_owned()),
        ..settings()
    };
    let result = ask(all, &target).await;
    assert!(result.success, "{}", result.debug_text());
    assert_eq!(result.value("probe_websocket_status_code"), Some(101.0));
    assert_eq!(
        result.value("probe_websocket_connection_upgraded"),
        Some(1.0)
    );
    let phases: Vec<_> = result.phases.iter().map(|phase| phase.name).collect();
    assert_eq!(
        phases,
        [
            "resolve",
            "connect",
            "processing",
            "transfer",
            "ping",
            "json_rpc"
        ]
    );

    let other = WebSocketSettings {
        query_response: vec![expect("^Bonjour", "")],
        ..settings()
    };
    let result = ask(other, &target).await;
    assert_eq!(
        result.reason.as_deref(),
        Some("step 1: \"Hello, joe\" does not match \"^Bonjour\"")
    );
    assert_eq!(
        result.value("probe_websocket_failed_due_to_regex"),
        Some(1.0)
    );

    let refused = WebSocketSettings {
        json_rpc_method: Some("fly".to_owned()),
        ..settings()
    };
    let reason = ask(refused, &target).await.reason;
    assert_eq!(
        reason.as_deref(),
        Some("fly was refused: {\"code\":-32601}")
    );
}

#[tokio::test]
async fn what_is_no_websocket_says_its_status() {
    let server = serve(|mut stream| async move {
        let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        // The request is read so that closing does not reset the connection.
        tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 4096])
            .await
            .unwrap();
        stream.write_all(answer).await.unwrap();
    })
    .await;
    let result = ask(settings(), &format!("ws://{}/", server.address)).await;
    assert_eq!(
        result.reason.as_deref(),
        Some("the handshake was answered with 404 Not Found")
    );
    assert_eq!(result.value("probe_websocket_status_code"), Some(404.0));
    let reason = ask(settings(), "ftp://localhost").await.reason.unwrap();
    assert!(reason.contains("want ws or wss"), "{reason}");
}

#[tokio::test]
async fn the_host_of_the_settings_is_sent() {
    let (asked, hosts) = tokio::sync::oneshot::channel();
    let asked = std::sync::Mutex::new(Some(asked));
    let server = serve_http(move |request| {
        let hosts = request
            .head
            .lines()
            .filter_map(|line| line.strip_prefix("Host: "));
        let hosts: Vec<String> = hosts.map(str::to_owned).collect();
        if let Some(asked) = asked.lock().unwrap().take() {
            asked.send(hosts).unwrap();
        }
        Reply::json("400 Bad Request", "")
    })
    .await;
    let mut with = settings();
    with.client.headers = vec![HeaderSettings {
        name: "host".to_owned(),
        values: vec![HeaderValue::Plain("a.example.org".to_owned())],
    }];
    ask(with, &format!("ws://{}/", server.address)).await;
    assert_eq!(hosts.await.unwrap(), ["a.example.org"]);
}
