//! The daemon's tools over the Model Context Protocol, at `/mcp` (streamable HTTP) and in messages of `/ws`.
//!
//! ## Model
//! Both generations are spoken: revision 2026-07-28, in which every request says all about itself, and those before,
//! which begin with `initialize`. The server keeps nothing of a client, so that there are no session ids.
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
    let header = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
    let version = header("mcp-protocol-version");
    let is_stateless = version == Some(STATELESS);
    let id = message["id"].clone();
    let refused = match version {
        Some(version) if !is_stateless && !SESSIONS.contains(&version) => {
            Some(RpcError::unsupported(version))
        }
        _ if is_stateless => mismatch(&message, header("mcp-method"), header("mcp-name")),
        _ => None,
    };
    if let Some(error) = refused {
        return (StatusCode::BAD_REQUEST, Json(failure(&id, error))).into_response();
    }
    match answer(app.service.backends(), &message, is_stateless).await {
        Some(answer) => Json(answer).into_response(),
        // Notifications have no answer.
        None => StatusCode::ACCEPTED.into_response(),
    }
}

/// What is wrong with the headers that repeat what the body says.
fn mismatch(message: &Value, method: Option<&str>, name: Option<&str>) -> Option<RpcError> {
    let said = message["method"].as_str().unwrap_or_default();
    let wrong = |header: &str, got: Option<&str>, want: &str| {
        let message = format!("{header} is {got:?}: want {want:?}, as the body has it");
        Some(RpcError::new(HEADER_MISMATCH, message))
    };
    if method != Some(said) {
        return wrong("Mcp-Method", method, said);
    }
    let called = message["params"]["name"].as_str().unwrap_or_default();
    if said == "tools/call" && name != Some(called) {
        return wrong("Mcp-Name", name, called);
    }
    None
}

/// The answer to a message; `None`: it wants none.
pub(super) async fn answer(
    backends: &Backends,
    message: &Value,
    is_stateless: bool,
) -> Option<Value> {
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
    let result = result(backends, method, &message["params"], is_stateless).await;
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
