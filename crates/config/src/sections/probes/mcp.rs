//! `mcp`.

use bellwether_probe::module::{
    McpProtocol, McpSettings, McpToolCall, McpTransport, OnTrouble, Pattern,
};
use serde_json::{Map, Value};

use super::address::{ADDRESS, decode_address};
use super::program::{PROGRAM, decode_program};
use super::values::{DIRECT_CLIENT, ON_TROUBLE, duration, named};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::http_client::decode_http_client;
use crate::view::View;
use crate::yaml::{Node, NodeValue};

/// The digits of a hash that are too few to tell sets of tools apart by.
const HASH_DIGITS_MIN: usize = 8;
const HASH_DIGITS_MAX: usize = 64;

pub(super) static MCP: Section = Section {
    name: "mcp prober",
    doc: "A server of the Model Context Protocol: by a URL with http or https (streamable HTTP) or ws or wss (a WebSocket), or a program that is spoken to over its standard input and output, which takes no target.",
    fields: &[
        Field::new(
            "stdio",
            Kind::Section(&PROGRAM),
            "",
            "The program to start for each probe.",
        ),
        Field::new(
            "protocol",
            Kind::OneOf(&["any", "stateless", "session"]),
            "any",
            "any: server/discover, else initialize; stateless: server/discover only (revision 2026-07-28 and later); session: initialize only.",
        ),
        Field::new(
            "discover_timeout",
            Kind::Duration,
            "3s",
            "How long to wait for an answer to server/discover where initialize may follow.",
        ),
        Field::new(
            "expected_tools",
            Kind::List(&Kind::Text),
            "",
            "The names of all tools that the server must have; any where none is listed.",
        ),
        Field::new(
            "expected_tools_hash",
            Kind::Text,
            "",
            "The SHA-256 over all tools as an earlier probe logged it, or its first 8 digits or more.",
        ),
        Field::new(
            "on_drift",
            Kind::OneOf(ON_TROUBLE),
            "degrade",
            "What it means when the tools are not those that are expected.",
        ),
        Field::new(
            "tool_call",
            Kind::Section(&TOOL_CALL),
            "",
            "A tool to call after all else.",
        ),
    ],
    includes: &[&DIRECT_CLIENT, &ADDRESS],
    check: Some(check_mcp),
};

static TOOL_CALL: Section = Section {
    name: "tool_call",
    doc: "A tool that a probe calls: one whose call does no harm and costs nothing to speak of. A tool that the server calls destructive is not called all the same.",
    fields: &[
        Field::required("name", Kind::Text, "The tool's name."),
        Field::new("arguments", Kind::Raw, "", "Its arguments, a mapping."),
        Field::new(
            "expect",
            Kind::Pattern,
            "",
            "What the text of the result must match; any that is no error where absent.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        if let Some(node) = view.node_of("arguments")
            && !matches!(node.value, NodeValue::Mapping(_))
        {
            view.error_at(
                problems,
                "arguments",
                "is no mapping: want names with values",
            );
        }
    }),
};

fn check_mcp(view: &View<'_>, problems: &mut Problems) {
    let hash = view.text("expected_tools_hash");
    let is_hash = (HASH_DIGITS_MIN..=HASH_DIGITS_MAX).contains(&hash.len())
        && hash.bytes().all(|b| b.is_ascii_hexdigit());
    if !hash.is_empty() && !is_hash {
        let message = "is no hash: want 8 to 64 hexadecimal digits";
        view.error_at(problems, "expected_tools_hash", message);
    }
    if view.is_set("stdio") {
        for key in view.set_among(&["http_config"]) {
            view.warn_at(problems, key, "has no effect: the server is a program");
        }
    }
}

pub(super) fn decode_mcp(view: &View<'_>) -> McpSettings {
    McpSettings {
        transport: match view.optional_section("stdio") {
            Some(stdio) => McpTransport::Stdio(decode_program(&stdio)),
            None => McpTransport::Network,
        },
        protocol: named(view, "protocol", &McpProtocol::NAMES),
        discover_timeout: duration(view, "discover_timeout"),
        client: decode_http_client(&view.section("http_config")),
        address: decode_address(view),
        expected_tools: view.texts("expected_tools"),
        expected_tools_hash: view.optional_text("expected_tools_hash"),
        on_drift: named(view, "on_drift", &OnTrouble::NAMES),
        tool_call: view.optional_section("tool_call").map(|call| McpToolCall {
            name: call.text("name").to_owned(),
            arguments: match call.node_of("arguments").map(json_of) {
                Some(Value::Object(arguments)) => arguments,
                _ => Map::new(),
            },
            expect: call
                .optional_text("expect")
                .and_then(|text| Pattern::new(text).ok()),
        }),
    }
}

/// What a node is in JSON. Scalars without quotes are what they are in the core schema of YAML.
fn json_of(node: &Node) -> Value {
    match &node.value {
        _ if node.is_null() => Value::Null,
        NodeValue::Scalar(scalar) => {
            let text = &*scalar.text;
            let plain = match text {
                _ if !scalar.is_plain => None,
                "true" | "True" | "TRUE" => Some(Value::Bool(true)),
                "false" | "False" | "FALSE" => Some(Value::Bool(false)),
                _ => text.parse::<i64>().map(Value::from).ok().or_else(|| {
                    text.parse::<f64>()
                        .ok()
                        .filter(|n| n.is_finite())
                        .map(Value::from)
                }),
            };
            plain.unwrap_or_else(|| Value::from(text))
        }
        NodeValue::List(items) => items.iter().map(json_of).collect(),
        NodeValue::Mapping(entries) => Value::Object(
            entries
                .iter()
                .map(|entry| (entry.key.to_string(), json_of(&entry.value)))
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_what_they_are_in_yaml() {
        let source =
            "{a: 1, b: 1.5, c: true, d: '1', e: x, f: null, g: [1, {h: ''}], i: -2, j: inf}";
        let root = crate::yaml::read(source).unwrap().root;
        let want = serde_json::json!({
            "a": 1, "b": 1.5, "c": true, "d": "1", "e": "x", "f": null, "g": [1, {"h": ""}], "i": -2, "j": "inf"
        });
        assert_eq!(json_of(&root), want);
    }
}
