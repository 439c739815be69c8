//! `websocket`.

use bellwether_outbound::settings::{HeaderSettings, HeaderValue, Secret, SecretSource};
use bellwether_probe::module::WebSocketSettings;

use super::address::{ADDRESS, check_header_names, decode_address};
use super::conversation::{QUERY_RESPONSE, decode_query_response};
use super::values::DIRECT_CLIENT;
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::http_client::{HEADER, decode_header, decode_http_client};
use crate::view::{View, node_text};
use crate::yaml::{NodeValue, shortened};

pub(super) static WEBSOCKET: Section = Section {
    name: "websocket prober",
    doc: "A WebSocket handshake with a URL (ws, wss), and messages after it.",
    fields: &[
        Field::new(
            "headers",
            Kind::Headers(&Kind::SectionOrText(&HEADER)),
            "",
            "Headers of the handshake: a text, or values, secrets and files.",
        ),
        Field::new(
            "query_response",
            Kind::Sections(&QUERY_RESPONSE),
            "",
            "What is said after the handshake, in messages.",
        ),
        Field::new(
            "ping",
            Kind::Bool,
            "false",
            "Send a ping (RFC 6455) and wait for its pong.",
        ),
        Field::new(
            "json_rpc_method",
            Kind::Text,
            "",
            "JSON-RPC 2.0 method to call without parameters, such as ping; an answer that is an error fails.",
        ),
    ],
    includes: &[&DIRECT_CLIENT, &ADDRESS],
    check: Some(check_websocket),
};

/// Headers that the handshake itself writes: another value would break it.
const OF_HANDSHAKE: [&str; 6] = [
    "connection",
    "upgrade",
    "sec-websocket-accept",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-version",
];

fn check_websocket(view: &View<'_>, problems: &mut Problems) {
    check_header_names(view, "headers", problems);
    let http = view.section("http_config");
    for (view, key) in [(view, "headers"), (&http, "http_headers")] {
        for (name, node) in view.entries(key) {
            if OF_HANDSHAKE.contains(&name.to_ascii_lowercase().as_str()) {
                let name = shortened(name);
                let message = format!("{name:?} belongs to the handshake, which writes it itself");
                problems.error(&view.origin.file, node.position, &node.path, message);
            }
        }
    }
}

pub(super) fn decode_websocket(view: &View<'_>) -> WebSocketSettings {
    let mut client = decode_http_client(&view.section("http_config"));
    client.headers.extend(decode_headers(view));
    WebSocketSettings {
        client,
        address: decode_address(view),
        query_response: decode_query_response(view),
        ping: view.bool("ping"),
        json_rpc_method: view.optional_text("json_rpc_method"),
    }
}

/// Headers that say nothing but what is asked for.
const PUBLIC: [&str; 4] = ["host", "origin", "user-agent", "accept-language"];

/// A text that stands alone is a secret, whatever its header is called.
fn header_value(name: &str, text: String) -> HeaderValue {
    match PUBLIC.contains(&name.to_ascii_lowercase().as_str()) {
        true => HeaderValue::Plain(text),
        false => HeaderValue::Secret(SecretSource::Inline(Secret::new(text))),
    }
}

fn decode_headers(view: &View<'_>) -> Vec<HeaderSettings> {
    view.entries("headers")
        .map(|(name, node)| match &node.value {
            NodeValue::Scalar(_) => HeaderSettings {
                name: name.to_owned(),
                values: vec![header_value(name, node_text(node))],
            },
            _ => decode_header(name, &View::new(Some(node), &HEADER, view.origin)),
        })
        .collect()
}
