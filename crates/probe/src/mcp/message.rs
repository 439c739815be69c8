//! JSON-RPC 2.0 messages.
//!
//! ## Limits
//! A message has at most [`MESSAGE_BYTES_MAX`] bytes, and before an answer at most
//! [`MESSAGES_BETWEEN_MAX`] others may come. Nesting is bounded by the JSON parser (128).

use std::fmt;

use serde_json::{Value, json};

use crate::api::excerpt;

/// Chosen: a page of a large list of tools is far below.
pub(crate) const MESSAGE_BYTES_MAX: usize = 8 << 20;
/// Chosen: a chatty server still ends.
pub(crate) const MESSAGES_BETWEEN_MAX: usize = 1_000;

/// What a peer says is wrong.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RpcError {
    pub(crate) code: i64,
    pub(crate) message: String,
    pub(crate) data: Value,
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", excerpt(&self.message), self.code)
    }
}

/// What a peer sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Message {
    /// An answer: its id is null where the peer could not read ours.
    Answer {
        id: Value,
        outcome: Result<Value, RpcError>,
    },
    /// Something that it wants of us.
    Request { id: Value, method: String },
    /// Something that it tells.
    Notification(String),
}

/// Reads the messages of a text: one, or a batch as revision 2025-03-26 has them.
pub(crate) fn parse(text: &[u8]) -> Result<Vec<Message>, String> {
    let value: Value =
        serde_json::from_slice(text).map_err(|error| format!("a message is not JSON: {error}"))?;
    match value {
        Value::Array(batch) => batch.into_iter().map(one).collect(),
        value => Ok(vec![one(value)?]),
    }
}

fn one(mut value: Value) -> Result<Message, String> {
    if value["jsonrpc"] != "2.0" {
        return Err("a message is not JSON-RPC 2.0".to_owned());
    }
    let id = value["id"].take();
    if let Some(method) = value["method"].as_str() {
        let method = method.to_owned();
        return Ok(if id.is_null() {
            Message::Notification(method)
        } else {
            Message::Request { id, method }
        });
    }
    let error = value["error"].take();
    if !error.is_null() {
        let outcome = Err(RpcError {
            code: error["code"].as_i64().unwrap_or_default(),
            message: error["message"].as_str().unwrap_or_default().to_owned(),
            data: error["data"].clone(),
        });
        return Ok(Message::Answer { id, outcome });
    }
    match value.get_mut("result") {
        Some(result) => {
            let outcome = Ok(result.take());
            Ok(Message::Answer { id, outcome })
        }
        None => Err("a message has no method, result or error".to_owned()),
    }
}

pub(crate) fn request(id: u64, method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
}

pub(crate) fn notification(method: &str) -> String {
    json!({"jsonrpc": "2.0", "method": method}).to_string()
}

/// What we say to a peer that wants something of us: a ping is answered, all else is refused.
pub(crate) fn answer_to(id: &Value, method: &str) -> String {
    if method == "ping" {
        return json!({"jsonrpc": "2.0", "id": id, "result": {}}).to_string();
    }
    let error = json!({"code": -32601, "message": "a health probe offers no methods"});
    json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart() {
        let read = |text: &str| parse(text.as_bytes());
        let answer = |id: Value, outcome| Message::Answer { id, outcome };
        assert_eq!(
            read(r#"{"jsonrpc":"2.0","id":1,"result":{"a":1}}"#),
            Ok(vec![answer(json!(1), Ok(json!({"a":1})))])
        );
        let error = RpcError {
            code: -32601,
            message: "no".to_owned(),
            data: Value::Null,
        };
        assert_eq!(
            read(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"no"}}"#),
            Ok(vec![answer(Value::Null, Err(error))])
        );
        assert_eq!(
            read(r#"[{"jsonrpc":"2.0","method":"n"},{"jsonrpc":"2.0","id":"x","method":"ping"}]"#),
            Ok(vec![
                Message::Notification("n".to_owned()),
                Message::Request {
                    id: json!("x"),
                    method: "ping".to_owned()
                }
            ])
        );
        for wrong in ["", "{", "1", "{}", r#"{"jsonrpc":"2.0","id":1}"#, "[1]"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}
