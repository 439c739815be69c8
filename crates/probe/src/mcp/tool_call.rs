//! A call of one tool that the settings declare to be harmless.

use serde_json::{Map, Value, json};

use super::channel::{Call, Channel, Era};
use crate::api::excerpt;
use crate::credentials::hide_arguments;
use crate::module::McpToolCall;
use crate::recorder::{Failure, Recorder};

/// How deep properties are looked through for those that go into headers. Chosen: schemas that people
/// write are not nested deeper.
const DEPTH_MAX: usize = 16;

/// Calls the tool and judges its result.
pub(super) async fn run(
    recorder: &mut Recorder,
    channel: &mut Channel<'_>,
    era: &Era,
    settings: &McpToolCall,
    tools: &[Value],
) -> Result<(), Failure> {
    let name = &settings.name;
    hide_arguments(recorder, &settings.arguments);
    let failed = |reason: String| Failure::new(format!("tool {name:?}: {reason}"));
    let tool = tools.iter().find(|tool| tool["name"] == name.as_str());
    let tool = tool.ok_or_else(|| failed("the server does not list it".to_owned()))?;
    let hints = &tool["annotations"];
    if hints["destructiveHint"] == true && hints["readOnlyHint"] != true {
        return Err(failed(
            "the server calls it destructive, so it is not called".to_owned(),
        ));
    }
    let mut call = Call::new(
        "tools/call",
        json!({"name": name, "arguments": settings.arguments}),
    );
    call.name = Some(name);
    param_headers(
        &tool["inputSchema"],
        &settings.arguments,
        DEPTH_MAX,
        &mut call.param_headers,
    );
    let reply = channel.call(recorder, era, &call).await?;
    let result = reply.result("tools/call")?;
    if let Some(kind) = result["resultType"].as_str()
        && kind != "complete"
    {
        return Err(failed(format!("it wants more of us: {kind:?}")));
    }
    let text = text_of(&result);
    if result["isError"] == true {
        return Err(failed(format!("it failed: {}", excerpt(&text))));
    }
    recorder.note(format!("tool {name:?} gave {} bytes of text", text.len()));
    match &settings.expect {
        Some(pattern) if !pattern.is_match(&text) => {
            let shown = excerpt(&text);
            Err(failed(format!(
                "{shown:?} does not match {:?}",
                pattern.text()
            )))
        }
        _ => Ok(()),
    }
}

/// The texts of a result; its structured content where it has none.
fn text_of(result: &Value) -> String {
    let parts = result["content"].as_array();
    let texts: Vec<&str> = parts
        .into_iter()
        .flatten()
        .filter_map(|part| part["text"].as_str())
        .collect();
    match &result["structuredContent"] {
        Value::Null => texts.join("\n"),
        structured if texts.is_empty() => structured.to_string(),
        _ => texts.join("\n"),
    }
}

/// The arguments that a server wants in headers as well, as revision 2026-07-28 has it.
fn param_headers(
    schema: &Value,
    arguments: &Map<String, Value>,
    depth: usize,
    headers: &mut Vec<(String, String)>,
) {
    let Some(properties) = schema["properties"].as_object().filter(|_| depth > 0) else {
        return;
    };
    for (name, property) in properties {
        let Some(value) = arguments.get(name) else {
            continue;
        };
        if let Some(header) = property["x-mcp-header"].as_str() {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Bool(_) | Value::Number(_) => value.to_string(),
                _ => continue,
            };
            headers.push((header.to_owned(), text));
        } else if let Some(inner) = value.as_object() {
            param_headers(property, inner, depth - 1, headers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_are_wanted_in_headers_are_found() {
        let schema = json!({"properties": {
            "region": {"x-mcp-header": "Region"},
            "absent": {"x-mcp-header": "Absent"},
            "nothing": {"x-mcp-header": "Nothing"},
            "query": {},
            "options": {"properties": {"limit": {"x-mcp-header": "Limit"}}},
        }});
        let arguments = json!({
            "region": "us-west1", "query": "x", "nothing": null, "options": {"limit": 5}
        });
        let mut headers = Vec::new();
        param_headers(
            &schema,
            arguments.as_object().unwrap(),
            DEPTH_MAX,
            &mut headers,
        );
        headers.sort();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(headers, [pair("Limit", "5"), pair("Region", "us-west1")]);
    }

    #[test]
    fn structured_results_have_a_text_too() {
        let text = text_of(&json!({"content": [{"text": "a"}, {"data": ""}, {"text": "b"}]}));
        assert_eq!(text, "a\nb");
        let text = text_of(&json!({"content": [], "structuredContent": {"sum": 3}}));
        assert_eq!(text, "{\"sum\":3}");
        assert_eq!(text_of(&json!({})), "");
    }
}
