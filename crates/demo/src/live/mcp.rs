//! The daemon's tools over the Model Context Protocol, at `/mcp` (streamable HTTP) and in messages of `/ws`.
//!
//! ## Model
//! Both generations are spoken: revision 2026-07-28, in which every request says all about itself, and those before,
//! which begin with `initialize`. Which one a request is of stands in its `_meta`, whatever it comes over; HTTP repeats it
//! in a header. The server keeps nothing of a client, so that there are no session ids.
//!
//! ## See also
//! <https://modelcontextprotocol.io/specification/2026-07-28/basic/transports>

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::backends::Backends;
use super::routes::App;
use super::tools;
use crate::tool::{TOOLS, ToolOutcome};

/// The revision in which every request says all about itself.
const STATELESS: &str = "2026-07-28";
/// Those before it, the newest first.
const SESSIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
const VERSION_HEADER: &str = "MCP-Protocol-Version";
/// Where a request says its revision, in `_meta` of its parameters.
const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
/// How long what is listed may be kept, ms.
const LIST_TTL_MS: u64 = 60_000;

const INVALID_REQUEST: i64 = -32_600;
const UNKNOWN_METHOD: i64 = -32_601;
const INVALID_PARAMS: i64 = -32_602;
const HEADER_MISMATCH: i64 = -32_020;
const UNSUPPORTED_VERSION: i64 = -32_022;

/// Why a request has no result.
#[derive(Debug)]
struct RpcError {
    code: i64,
    message: String,
    data: Value,
}

impl RpcError {
    fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: Value::Null,
        }
    }

    fn unsupported(version: &str) -> Self {
        Self {
            data: json!({ "requested": version, "supported": supported() }),
            ..Self::new(
                UNSUPPORTED_VERSION,
                format!("unsupported version {version:?}"),
            )
        }
    }
}

/// A message over HTTP.
pub(super) async fn post(
    State(app): State<App>,
    headers: HeaderMap,
    Json(message): Json<Value>,
) -> Response {
    if let Err(error) = check_headers(&headers, &message) {
        let failure = failure(&message["id"], error);
        return (StatusCode::BAD_REQUEST, Json(failure)).into_response();
    }
    match answer(app.service.backends(), &message).await {
        Some(answer) => Json(answer).into_response(),
        // Notifications have no answer.
        None => StatusCode::ACCEPTED.into_response(),
    }
}

/// The revision that a message says it is of; those before the stateless one say nothing.
fn version_of(message: &Value) -> Option<&str> {
    message["params"]["_meta"][VERSION_KEY].as_str()
}

/// Compares the headers that repeat what the body says.
fn check_headers(headers: &HeaderMap, message: &Value) -> Result<(), RpcError> {
    let header = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
    let compare = |name: &str, said: Option<&str>| {
        let got = header(name);
        if got == said {
            return Ok(());
        }
        let [got, said] = [got, said].map(|it| it.map_or("missing", shortened));
        let text = format!("header {name} is {got}, in the body it is {said}: want the same");
        Err(RpcError::new(HEADER_MISMATCH, text))
    };
    let (version, said) = (header(VERSION_HEADER), version_of(message));
    if let Some(version) = version {
        check_version(version)?;
    }
    let is_stateless = version == Some(STATELESS);
    // In sessions only the header says it; notifications may leave it to the header too.
    let is_needed = is_stateless && !message["id"].is_null();
    if said.is_some() || is_needed {
        compare(VERSION_HEADER, said)?;
    }
    if !is_stateless {
        return Ok(());
    }
    let method = message["method"].as_str();
    compare("Mcp-Method", method)?;
    match method {
        Some("tools/call") => compare("Mcp-Name", message["params"]["name"].as_str()),
        _ => Ok(()),
    }
}

fn check_version(version: &str) -> Result<(), RpcError> {
    match version == STATELESS || SESSIONS.contains(&version) {
        true => Ok(()),
        false => Err(RpcError::unsupported(shortened(version))),
    }
}

/// The answer to a message; `None`: it wants none.
pub(super) async fn answer(backends: &Backends, message: &Value) -> Option<Value> {
    let id = &message["id"];
    let Some(method) = message["method"]
        .as_str()
        .filter(|_| message["jsonrpc"] == "2.0")
    else {
        let error = RpcError::new(INVALID_REQUEST, "want a request of JSON-RPC 2.0");
        return Some(failure(id, error));
    };
    if id.is_null() {
        return None;
    }
    let began = Instant::now();
    let version = version_of(message);
    let is_stateless = version == Some(STATELESS);
    let result = match version.map_or(Ok(()), check_version) {
        Ok(()) => result(backends, method, &message["params"], is_stateless).await,
        Err(error) => Err(error),
    };
    let error_type = match &result {
        Ok(_) => "",
        Err(_) => "invalid",
    };
    // Calls of tools are counted where they are made. Methods are those that there are: no label is a
    // stranger's to choose.
    if ["server/discover", "initialize", "ping", "tools/list"].contains(&method) {
        let labels = [method, "", error_type];
        let seconds = began.elapsed().as_secs_f64();
        backends.own.mcp.with(labels).observe(seconds);
    }
    Some(match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => failure(id, error),
    })
}

fn failure(id: &Value, error: RpcError) -> Value {
    let RpcError {
        code,
        message,
        data,
    } = error;
    let mut told = json!({ "code": code, "message": message });
    if !data.is_null() {
        told["data"] = data;
    }
    json!({ "jsonrpc": "2.0", "id": id, "error": told })
}

async fn result(
    backends: &Backends,
    method: &str,
    params: &Value,
    is_stateless: bool,
) -> Result<Value, RpcError> {
    match method {
        "server/discover" => Ok(json!({
            "resultType": "complete",
            "supportedVersions": supported(),
            "capabilities": { "tools": {} },
            "ttlMs": LIST_TTL_MS,
            "cacheScope": "public",
            "_meta": { "io.modelcontextprotocol/serverInfo": server_info() },
        })),
        "initialize" if !is_stateless => {
            let wanted = params["protocolVersion"].as_str().unwrap_or_default();
            let known = SESSIONS.into_iter().find(|it| *it == wanted);
            Ok(json!({
                "protocolVersion": known.unwrap_or(SESSIONS[0]),
                "capabilities": { "tools": {} },
                "serverInfo": server_info(),
            }))
        }
        "ping" if !is_stateless => Ok(json!({})),
        "tools/list" => Ok(list(is_stateless)),
        "tools/call" => call(backends, params, is_stateless).await,
        _ => {
            let text = format!("no such method: {:?}", shortened(method));
            Err(RpcError::new(UNKNOWN_METHOD, text))
        }
    }
}

/// All revisions, the newest first.
fn supported() -> Vec<&'static str> {
    [STATELESS].into_iter().chain(SESSIONS).collect()
}

fn server_info() -> Value {
    json!({ "name": crate::JOB, "version": env!("CARGO_PKG_VERSION") })
}

fn list(is_stateless: bool) -> Value {
    let tool = |(index, spec): (usize, &crate::tool::ToolSpec)| {
        json!({
            "name": spec.name,
            "description": spec.description,
            "inputSchema": tools::schema(index),
            "annotations": { "readOnlyHint": true },
        })
    };
    let listed: Vec<Value> = TOOLS.iter().enumerate().map(tool).collect();
    let mut result = json!({ "tools": listed });
    if is_stateless {
        result["resultType"] = json!("complete");
        result["ttlMs"] = json!(LIST_TTL_MS);
        result["cacheScope"] = json!("public");
    }
    result
}

/// Uses a tool as the daemon itself does: it takes its time, and fails where the tool does.
async fn call(backends: &Backends, params: &Value, is_stateless: bool) -> Result<Value, RpcError> {
    let name = params["name"].as_str().unwrap_or_default();
    let Some(index) = TOOLS.iter().position(|tool| tool.name == name) else {
        let names: Vec<&str> = TOOLS.iter().map(|tool| tool.name).collect();
        let text = format!(
            "no tool {:?}: want one of {}",
            shortened(name),
            names.join(", ")
        );
        return Err(RpcError::new(INVALID_PARAMS, text));
    };
    let argument = TOOLS[index].argument;
    if !params["arguments"][argument].is_string() {
        let text = format!("arguments.{argument} is missing: want a string");
        return Err(RpcError::new(INVALID_PARAMS, text));
    }
    let outcome = tools::call(backends, index).await;
    let text = match outcome {
        ToolOutcome::Ok => format!("{name} has found what a demo finds."),
        ToolOutcome::Failed => format!("{name} failed."),
        ToolOutcome::Timeout => format!("{name} took too long."),
    };
    let mut result = json!({
        "content": [{ "type": "text", "text": text }],
        "isError": outcome != ToolOutcome::Ok,
    });
    if is_stateless {
        result["resultType"] = json!("complete");
    }
    Ok(result)
}

/// What a stranger sent, as it is shown to him.
fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(60)).unwrap_or_default()
}
