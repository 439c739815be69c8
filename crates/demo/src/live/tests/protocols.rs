//! MCP over HTTP and over a WebSocket.

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::{ask, ask_json, start};

const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

fn call(method: &str, params: Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }).to_string()
}

/// Parameters of a request that says its revision.
fn of_version(version: &str, mut params: Value) -> Value {
    params["_meta"] = json!({ VERSION_KEY: version });
    params
}

/// A request of the revision in which every request says all about itself.
fn stateless(method: &str, params: Value) -> String {
    call(method, of_version("2026-07-28", params))
}

#[tokio::test]
async fn mcp_is_spoken_in_both_generations() {
    let handle = start().await;
    let address = handle.scrape_address;
    let headers =
        |method: &str| format!("MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n");
    let post =
        async |headers: &str, body: &str| ask_json(address, "POST /mcp", headers, body).await;
    let ask_stateless = async |method: &str, params: Value, more: &str| {
        let headers = headers(method) + more;
        post(&headers, &stateless(method, params)).await
    };

    let (status, answer) = ask_stateless("server/discover", json!({}), "").await;
    assert_eq!((status, &answer["id"]), (200, &json!(7)));
    assert_eq!(answer["result"]["supportedVersions"][0], "2026-07-28");
    let (_, answer) = ask_stateless("tools/list", json!({}), "").await;
    assert_eq!(answer["result"]["tools"][1]["name"], "database");
    assert_eq!(answer["result"]["resultType"], "complete");
    let params = json!({ "name": "database", "arguments": { "sql": "SELECT 1" } });
    let name = "Mcp-Name: database\r\n";
    let (_, answer) = ask_stateless("tools/call", params.clone(), name).await;
    assert_eq!(answer["result"]["content"][0]["type"], "text", "{answer}");
    // What the newer revision has no more.
    for method in ["ping", "initialize"] {
        let (_, answer) = ask_stateless(method, json!({}), "").await;
        assert_eq!(answer["error"]["code"], -32_601, "{method}");
    }
    let (status, answer) = ask_stateless("tools/call", params, "").await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!(-32_020)));
    let unknown = "MCP-Protocol-Version: 2031-01-01\r\n";
    let (status, answer) = post(unknown, &call("tools/list", json!({}))).await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!(-32_022)));
    assert_eq!(answer["error"]["data"]["supported"][1], "2025-11-25");

    let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {} });
    let (_, answer) = post("", &call("initialize", params)).await;
    assert_eq!(answer["result"]["protocolVersion"], "2025-06-18");
    let note = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string();
    let headers = "MCP-Protocol-Version: 2025-06-18\r\n";
    assert_eq!(post(headers, &note).await.0, 202);
    let (_, answer) = post(headers, &call("ping", json!({}))).await;
    assert_eq!(answer["result"], json!({}));
    let (_, answer) = post(headers, &call("tools/list", json!({}))).await;
    assert_eq!(answer["result"]["tools"].as_array().map(Vec::len), Some(4));
    assert_eq!(answer["result"]["resultType"], Value::Null);
    let wrong = json!({ "name": "database", "arguments": {} });
    let (_, answer) = post(headers, &call("tools/call", wrong)).await;
    assert_eq!(answer["error"]["code"], -32_602);
    handle.shutdown().await;
}

#[tokio::test]
async fn headers_that_say_something_else_than_the_body_are_refused() {
    let handle = start().await;
    let list = stateless("tools/list", json!({}));
    let old_list = call("tools/list", json!({}));
    let version = "MCP-Protocol-Version: 2026-07-28\r\n";
    let old_version = "MCP-Protocol-Version: 2025-11-25\r\n";
    for (headers, body, want) in [
        (
            format!("{version}Mcp-Method: ping\r\n"),
            &list,
            "header Mcp-Method is ping, in the body it is tools/list: want the same",
        ),
        (
            format!("{version}Mcp-Method: tools/list\r\n"),
            &old_list,
            "header MCP-Protocol-Version is 2026-07-28, in the body it is missing: want the same",
        ),
        (
            old_version.to_owned(),
            &list,
            "header MCP-Protocol-Version is 2025-11-25, in the body it is 2026-07-28: want the same",
        ),
        (
            String::new(),
            &list,
            "header MCP-Protocol-Version is missing, in the body it is 2026-07-28: want the same",
        ),
    ] {
        let address = handle.scrape_address;
        let (status, answer) = ask_json(address, "POST /mcp", &headers, body).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!(-32_020)));
        assert_eq!(answer["error"]["message"], want);
    }
    handle.shutdown().await;
}

/// Sends a message and gives what comes back.
async fn say(socket: &mut WebSocketStream<TcpStream>, text: String) -> String {
    socket.send(Message::text(text)).await.unwrap();
    let answer = socket.next().await.unwrap().unwrap().into_text().unwrap();
    answer.as_str().to_owned()
}

#[tokio::test]
async fn a_websocket_answers_pings_and_calls_and_says_farewell() {
    let handle = start().await;
    let address = handle.scrape_address;
    let stream = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}/ws");
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    socket.send(Message::Ping("x".into())).await.unwrap();
    assert_eq!(
        socket.next().await.unwrap().unwrap(),
        Message::Pong("x".into())
    );
    let ping = json!({ "jsonrpc": "2.0", "id": "a", "method": "ping" }).to_string();
    let answer = say(&mut socket, ping).await;
    assert_eq!(answer, r#"{"id":"a","jsonrpc":"2.0","result":{}}"#);
    let (head, _) = ask(address, "GET /ws", "", "").await;
    assert!(head.starts_with("http/1.1 426"), "{head}");
    let ending = tokio::spawn(handle.shutdown());
    let last = socket.next().await.unwrap().unwrap();
    assert!(
        matches!(&last, Message::Close(Some(frame)) if u16::from(frame.code) == 1_001),
        "{last}"
    );
    drop(socket);
    ending.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
}

#[tokio::test]
async fn a_websocket_speaks_the_revision_that_each_request_says() {
    let handle = start().await;
    let address = handle.scrape_address;
    let stream = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}/ws");
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    let mut ask = async |text: String| {
        let answer = say(&mut socket, text).await;
        serde_json::from_str::<Value>(&answer).unwrap()
    };
    let answer = ask(stateless("server/discover", json!({}))).await;
    assert_eq!(answer["result"]["supportedVersions"][0], "2026-07-28");
    let answer = ask(stateless("tools/list", json!({}))).await;
    assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
    assert_eq!(answer["result"]["tools"].as_array().map(Vec::len), Some(4));
    let answer = ask(stateless("ping", json!({}))).await;
    assert_eq!(answer["error"]["code"], -32_601, "it has no pings");
    let answer = ask(call("tools/list", of_version("2031-01-01", json!({})))).await;
    assert_eq!(answer["error"]["code"], -32_022);
    assert_eq!(answer["error"]["data"]["requested"], "2031-01-01");
    // One that says nothing is of a session.
    let answer = ask(call("tools/list", json!({}))).await;
    assert_eq!(answer["result"]["resultType"], Value::Null);
    assert_eq!(answer["result"]["tools"].as_array().map(Vec::len), Some(4));
    handle.shutdown().await;
}
