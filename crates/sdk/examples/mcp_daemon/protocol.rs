//! MCP as messages of JSON-RPC: `server/discover` of 2026-07-28, `initialize` and `ping` of the protocols
//! before it, and tools in both.

use serde_json::{Value, json};

use super::answers::{Answers, ToolError};

/// The protocol without sessions, and the ones before it.
const MODERN: &str = "2026-07-28";
const WITH_SESSIONS: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];

const PARSE_ERROR: i64 = -32_700;
const INVALID_REQUEST: i64 = -32_600;
const NO_METHOD: i64 = -32_601;
const INVALID_PARAMS: i64 = -32_602;
const UNSUPPORTED_VERSION: i64 = -32_022;

/// Answers a message; `None`: it wants no answer.
pub(crate) async fn answer(text: &str, answers: &Answers) -> Option<Value> {
    let Ok(message) = serde_json::from_str::<Value>(text) else {
        return Some(failed(Value::Null, PARSE_ERROR, "want JSON".to_owned()));
    };
    let id = message.get("id").cloned();
    let Some(method) = message["method"].as_str() else {
        let reason = "want an object with a method".to_owned();
        return Some(failed(id.unwrap_or_default(), INVALID_REQUEST, reason));
    };
    // Notifications have no id and get no answer.
    let id = id?;
    let params = &message["params"];
    let version = params["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str();
    if let Some(version) = version.filter(|it| *it != MODERN && !WITH_SESSIONS.contains(it)) {
        let reason = format!("protocol {version:?}: want {MODERN} or {WITH_SESSIONS:?}");
        return Some(failed(id, UNSUPPORTED_VERSION, reason));
    }
    let is_modern = version == Some(MODERN) || method == "server/discover";
    let result = match method {
        "server/discover" => Ok(discover()),
        "initialize" => Ok(initialize(params)),
        "ping" => Ok(json!({})),
        "tools/list" => Ok(json!({ "tools": Answers::tools() })),
        "tools/call" => call(params, answers).await,
        _ => Err((NO_METHOD, format!("there is no method {method:?}"))),
    };
    Some(match result {
        Ok(mut result) => {
            if is_modern {
                result["resultType"] = "complete".into();
                if method != "tools/call" {
                    result["ttlMs"] = 60_000.into();
                    result["cacheScope"] = "public".into();
                }
            }
            json!({ "jsonrpc": "2.0", "id": id, "result": result })
        }
        Err((code, reason)) => failed(id, code, reason),
    })
}

fn failed(id: Value, code: i64, reason: String) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": reason } })
}

fn server() -> Value {
    json!({ "name": "mcp_daemon", "version": env!("CARGO_PKG_VERSION") })
}

fn discover() -> Value {
    let mut versions = vec![MODERN];
    versions.extend(WITH_SESSIONS);
    json!({
        "supportedVersions": versions,
        "capabilities": { "tools": {} },
        "serverInfo": server(),
    })
}

fn initialize(params: &Value) -> Value {
    // What is not known is answered with what is, as the protocol says.
    let wanted = params["protocolVersion"].as_str().unwrap_or_default();
    let [newest, ..] = WITH_SESSIONS;
    let version = WITH_SESSIONS.into_iter().find(|it| *it == wanted);
    json!({
        "protocolVersion": version.unwrap_or(newest),
        "capabilities": { "tools": {} },
        "serverInfo": server(),
    })
}

async fn call(params: &Value, answers: &Answers) -> Result<Value, (i64, String)> {
    let name = params["name"].as_str().unwrap_or_default();
    let (text, is_error) = match answers.call_tool(name, &params["arguments"]).await {
        Ok(text) => (text, false),
        // The model is to see it, and may do something else.
        Err(ToolError::Failed(reason)) => (reason, true),
        Err(ToolError::Unknown) => {
            return Err((INVALID_PARAMS, format!("there is no tool {name:?}")));
        }
        Err(ToolError::Arguments(wanted)) => {
            return Err((INVALID_PARAMS, format!("{name}: {wanted}")));
        }
    };
    Ok(json!({ "content": [{ "type": "text", "text": text }], "isError": is_error }))
}
