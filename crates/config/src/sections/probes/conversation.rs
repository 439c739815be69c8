//! What is said over a connection, step by step.

use bellwether_probe::module::{Expectation, Pattern, QueryResponse};

use crate::schema::{Field, Kind, Section};
use crate::view::{View, node_text};

pub(super) static QUERY_RESPONSE: Section = Section {
    name: "query_response entry",
    doc: "One step of a conversation: wait, then send, then begin TLS; each is optional. What is sent is shown in the effective configuration: it is no place for secrets.",
    fields: &[
        Field::new(
            "expect",
            Kind::Pattern,
            "",
            "Wait for a line (a message of a WebSocket) that matches.",
        ),
        Field::new(
            "expect_bytes",
            Kind::Bytes,
            "",
            "Wait for exactly these bytes instead.",
        ),
        Field::new(
            "labels",
            Kind::Sections(&LABEL),
            "",
            "Labels of probe_expect_info.",
        ),
        Field::new(
            "send",
            Kind::Bytes,
            "",
            "Send this and the end of a line; ${1} is what the first group of expect matched.",
        ),
        Field::new("starttls", Kind::Bool, "false", "Begin TLS."),
    ],
    includes: &[],
    check: Some(|view, problems| {
        view.at_most_one(problems, &["expect", "expect_bytes"]);
    }),
};

static LABEL: Section = Section {
    name: "label of probe_expect_info",
    doc: "A label whose value comes from what was matched.",
    fields: &[
        Field::required("name", Kind::LabelName, "Its name."),
        Field::new(
            "value",
            Kind::Text,
            "",
            "Its value; ${1} is what the first group of expect matched.",
        ),
    ],
    includes: &[],
    check: None,
};

pub(super) fn decode_query_response(view: &View<'_>) -> Vec<QueryResponse> {
    view.sections("query_response")
        .iter()
        .map(|step| QueryResponse {
            expect: decode_expectation(step),
            labels: step
                .sections("labels")
                .iter()
                .map(|label| {
                    (
                        label.text("name").to_owned(),
                        label.text("value").to_owned(),
                    )
                })
                .collect(),
            send: step.bytes("send"),
            starttls: step.bool("starttls"),
        })
        .collect()
}

/// A pattern that is the empty text still waits for a line, as in blackbox_exporter.
fn decode_expectation(step: &View<'_>) -> Expectation {
    if let Some(node) = step.node_of("expect") {
        return match Pattern::new(node_text(node)) {
            Ok(pattern) => Expectation::Line(pattern),
            Err(_) => Expectation::Nothing,
        };
    }
    match step.bytes("expect_bytes") {
        bytes if bytes.is_empty() => Expectation::Nothing,
        bytes => Expectation::Bytes(bytes),
    }
}
