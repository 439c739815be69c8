//! The description of the HTTP API in OpenAPI 3.1, made from one table of paths.
//!
//! ## Invariants
//! Tests ask a router for every path and method of the table, so that nothing is described that
//! is not there, look for every path of our own API in the table, and hold answers against the
//! [`Shape`]s that are described.

use serde_json::Value;

use crate::json::JsonWriter;

mod alertmanager;
mod backtests;
mod dashboards;
mod differences;
mod evidence;
mod forecasts;
mod live;
mod objectives;
mod probing;
mod prometheus;
mod queries;
mod routing;
mod scaling;
mod shape;
mod simulations;
mod status;

#[cfg(test)]
pub(crate) use alertmanager::OPERATIONS as ALERTMANAGER;
#[cfg(test)]
pub(crate) use backtests::OPERATIONS as BACKTESTS;
#[cfg(test)]
pub(crate) use differences::OPERATIONS as DIFFERENCES;
#[cfg(test)]
pub(crate) use evidence::{DOCUMENT as EVIDENCE_DOCUMENT, OPERATIONS as EVIDENCE};
#[cfg(test)]
pub(crate) use live::EVENTS as LIVE_EVENTS;
#[cfg(test)]
pub(crate) use probing::OPERATIONS as PROBING;
#[cfg(test)]
pub(crate) use prometheus::OPERATIONS as PROMETHEUS;
#[cfg(test)]
pub(crate) use queries::OPERATIONS as QUERIES;
#[cfg(test)]
pub(crate) use routing::OPERATIONS as ROUTING;
#[cfg(test)]
pub(crate) use scaling::OPERATIONS as SCALING;
pub(crate) use shape::Shape;
#[cfg(test)]
pub(crate) use simulations::OPERATIONS as SIMULATIONS;

/// A parameter: name, what it is, whether it must be there.
type Parameter = (&'static str, &'static str, bool);

/// What a request holds or an answer is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content {
    /// The table does not say.
    Unsaid,
    /// Nothing: an answer is of status 204.
    Nothing,
    /// JSON.
    Json(&'static Shape),
    /// YAML, of which the text says what it holds.
    Yaml(&'static str),
    /// Server-sent events: by the name of the event what its data is.
    Events(&'static Shape),
    /// JSON, with the status that says that a change is taken.
    Accepted(&'static Shape),
}

/// An operation.
pub(crate) struct Operation {
    pub(crate) path: &'static str,
    pub(crate) methods: &'static [&'static str],
    summary: &'static str,
    parameters: &'static [Parameter],
    pub(crate) request: Content,
    pub(crate) answer: Content,
}

impl Operation {
    const fn taking(mut self, request: Content) -> Self {
        self.request = request;
        self
    }

    const fn answering(mut self, answer: Content) -> Self {
        self.answer = answer;
        self
    }
}

const START: Parameter = (
    "start",
    "First time: RFC 3339 or seconds since 1970.",
    false,
);
const END: Parameter = ("end", "Last time: RFC 3339 or seconds since 1970.", false);
const LIMIT: Parameter = ("limit", "Most results; 0 or missing: all.", false);
const MATCH: Parameter = ("match[]", "A series selector; may be repeated.", false);
const MATCH_NEEDED: Parameter = ("match[]", "A series selector; may be repeated.", true);
const QUERY: Parameter = ("query", "A PromQL expression.", true);
const TIMEOUT: Parameter = ("timeout", "Time limit, such as 30s.", false);
const LOOKBACK: Parameter = (
    "lookback_delta",
    "Lookback of instant selectors, such as 5m.",
    false,
);
const STATS: Parameter = ("stats", "true or all: statistics in the answer.", false);
const SEARCH: [Parameter; 9] = [
    ("search[]", "A term; may be repeated.", false),
    MATCH,
    START,
    END,
    LIMIT,
    (
        "fuzz_threshold",
        "Least score of a fuzzy match, 0 to 100.",
        false,
    ),
    ("case_sensitive", "Default true.", false),
    ("sort_by", "alpha or score.", false),
    ("include_score", "Scores in the answer.", false),
];

const GET: &[&str] = &["get"];
const GET_POST: &[&str] = &["get", "post"];
const CHANGE: &[&str] = &["post", "put"];
const POST: &[&str] = &["post"];
const PUT: &[&str] = &["put"];
const DELETE: &[&str] = &["delete"];

const fn operation(
    path: &'static str,
    methods: &'static [&'static str],
    summary: &'static str,
    parameters: &'static [Parameter],
) -> Operation {
    Operation {
        path,
        methods,
        summary,
        parameters,
        request: Content::Unsaid,
        answer: Content::Unsaid,
    }
}

/// Parts of a path and what they are.
const PATH_PARAMETERS: [(&str, &str); 12] = [
    ("name", "The label; may be escaped as U__…."),
    ("fingerprint", "The alert: 16 hexadecimal digits."),
    (
        "id",
        "The id. Of a firing: the alert's fingerprint, a hyphen, and when it fired in ms since 1970.",
    ),
    ("namespace", "The namespace; percent-encoded."),
    ("group", "The group of rules; percent-encoded."),
    ("probe", "The name of the probe; percent-encoded."),
    ("entity", "The entity as kind/name; percent-encoded."),
    (
        "objective",
        "The objective as service/name; percent-encoded.",
    ),
    ("number", "The id of the maintenance."),
    ("scaler", "The name of the scaler."),
    ("metric", "The name of the external metric."),
    ("uid", "What the dashboard is found by."),
];

/// Everything that is spoken on the main port; operations of one path stand together.
const TABLES: [&[Operation]; 15] = [
    prometheus::OPERATIONS,
    alertmanager::OPERATIONS,
    OPERATIONS,
    evidence::OPERATIONS,
    simulations::OPERATIONS,
    live::OPERATIONS,
    routing::OPERATIONS,
    backtests::OPERATIONS,
    queries::OPERATIONS,
    differences::OPERATIONS,
    probing::OPERATIONS,
    objectives::OPERATIONS,
    scaling::OPERATIONS,
    forecasts::OPERATIONS,
    dashboards::OPERATIONS,
];

#[cfg(test)]
pub(crate) fn operations() -> impl Iterator<Item = &'static Operation> {
    TABLES.into_iter().flatten()
}

pub(crate) const OPERATIONS: &[Operation] = &[
    operation("/v1/metrics", POST, "OTLP metrics: protobuf and JSON.", &[]),
    operation(
        "/federate",
        GET,
        "Newest samples as an exposition.",
        &[MATCH],
    ),
    operation("/metrics", GET, "Own metrics.", &[]),
    operation("/version", GET, "What was built.", &[]),
    operation("/-/healthy", GET, "Whether the process lives.", &[]),
    operation("/-/ready", GET, "Whether requests are answered.", &[]),
    operation("/-/reload", CHANGE, "Read the configuration again.", &[]),
    operation("/-/quit", CHANGE, "Stop.", &[]),
    operation("/livez", GET, "Whether the process lives.", &[]),
    operation("/readyz", GET, "Whether requests are answered.", &[]),
    operation("/startupz", GET, "Whether the start is over.", &[]),
    operation(
        "/api/bellwether/v1/status",
        GET,
        "State, targets and storage in one answer.",
        &[],
    )
    .answering(Content::Json(&status::STATUS)),
    operation(
        "/api/bellwether/v1/export",
        GET,
        "Stored samples as OpenMetrics; the last hour unless start and end say otherwise. With TE: \
         trailers, trailer fields say how many series of native histograms were converted or left \
         out.",
        &[
            MATCH,
            START,
            END,
            (
                "histograms",
                "What becomes of native histograms: classic (the default) or skip.",
                false,
            ),
        ],
    ),
    operation(
        "/api/bellwether/v1/import",
        POST,
        "Store the samples of an OpenMetrics body; each must have a timestamp.",
        &[],
    ),
    operation(
        "/api/bellwether/v1/storage/compact",
        POST,
        "Write what is in memory to disk and merge blocks, at once.",
        &[],
    ),
    operation(
        "/api/bellwether/v1/timeline",
        GET,
        "What has happened to alerts, newest first.",
        &[
            START,
            END,
            (
                "filter",
                "A matcher over labels of alerts; may be repeated.",
                false,
            ),
            ("match[]", "The same.", false),
            ("fingerprint", "Only this alert.", false),
            (
                "receiver",
                "Only what is about notifications of this receiver.",
                false,
            ),
            (
                "kind",
                "Only these kinds; may be repeated, or a list with commas.",
                false,
            ),
            (
                "limit",
                "Most rows; 1,000 where it is missing, at most 50,000.",
                false,
            ),
        ],
    )
    .answering(Content::Json(&shape::TIMELINE)),
    operation(
        "/api/bellwether/v1/acknowledgements",
        GET,
        "Who is on which alerts.",
        &[],
    )
    .answering(Content::Json(&shape::ACKNOWLEDGEMENTS)),
    operation(
        "/api/bellwether/v1/acknowledgements",
        POST,
        "Say that somebody is on an alert: its repeats stop.",
        &[],
    )
    .taking(Content::Json(&shape::ACKNOWLEDGE))
    .answering(Content::Nothing),
    operation(
        "/api/bellwether/v1/acknowledgements/{fingerprint}",
        DELETE,
        "Take an acknowledgement back.",
        &[("by", "Who does so.", false)],
    )
    .answering(Content::Nothing),
    operation(
        "/config/v1/rules",
        GET,
        "Rules that can be edited: groups by namespace.",
        &[],
    )
    .answering(Content::Yaml("A mapping of namespaces to lists of groups.")),
    operation(
        "/config/v1/rules/{namespace}",
        GET,
        "The groups of a namespace.",
        &[],
    )
    .answering(Content::Yaml(
        "A mapping of the namespace to the list of its groups.",
    )),
    operation(
        "/config/v1/rules/{namespace}",
        POST,
        "Take a group of rules, in the place of the one of its name.",
        &[],
    )
    .taking(Content::Yaml(
        "A group as in a rule file: name, interval, rules ….",
    ))
    .answering(Content::Accepted(&shape::RULES_TAKEN)),
    operation(
        "/config/v1/rules/{namespace}",
        DELETE,
        "Take all groups of a namespace away.",
        &[],
    )
    .answering(Content::Accepted(&shape::RULES_TAKEN)),
    operation(
        "/config/v1/rules/{namespace}/{group}",
        GET,
        "One group of rules.",
        &[],
    )
    .answering(Content::Yaml("The group as in a rule file.")),
    operation(
        "/config/v1/rules/{namespace}/{group}",
        DELETE,
        "Take a group of rules away.",
        &[],
    )
    .answering(Content::Accepted(&shape::RULES_TAKEN)),
    operation(
        "/api/bellwether/v1/openapi.json",
        GET,
        "This document.",
        &[],
    ),
];

/// The version of OpenAPI that the document has unless another is asked for.
pub(crate) const VERSION: &str = "3.1.0";

/// The document, in a version of OpenAPI.
pub(crate) fn document(version: &str, openapi_version: &str) -> Vec<u8> {
    let mut json = JsonWriter::with_capacity(32 << 10);
    json.object_begin();
    json.key("openapi").string(openapi_version);
    json.key("info").object_begin();
    json.key("title").string("Bellwether");
    json.key("version").string(version);
    json.key("license").object_begin();
    json.key("name")
        .string("Apache-2.0")
        .key("identifier")
        .string("Apache-2.0");
    json.object_end().object_end();
    json.key("paths").object_begin();
    let paths = TABLES
        .into_iter()
        .flat_map(|it| it.chunk_by(|a, b| a.path == b.path));
    for operations in paths {
        if let Some(first) = operations.first() {
            json.key(first.path).object_begin();
            operations
                .iter()
                .for_each(|operation| write_operation(&mut json, operation));
            json.object_end();
        }
    }
    json.object_end();
    json.key("components")
        .object_begin()
        .key("securitySchemes")
        .object_begin();
    for (name, scheme) in [("basic", "basic"), ("bearer", "bearer")] {
        json.key(name).object_begin();
        json.key("type")
            .string("http")
            .key("scheme")
            .string(scheme)
            .object_end();
    }
    json.object_end().object_end().object_end();
    json.into_bytes()
}

/// The description of the HTTP API as a text for files: the same for the same API, on lines.
#[must_use]
pub fn openapi_text(version: &str) -> String {
    let document = document(version, VERSION);
    // What the writer wrote reads back; keys are sorted by that.
    let value: Value = serde_json::from_slice(&document).unwrap_or_default();
    let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text.push('\n');
    text
}

/// A document as YAML. Strings are written as in JSON, which YAML reads as well.
pub(crate) fn yaml(value: &Value) -> String {
    let mut out = String::with_capacity(64 << 10);
    write_yaml(&mut out, value, 0);
    out
}

fn write_yaml(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                indent(out, depth);
                if is_plain_key(key) {
                    out.push_str(key);
                } else {
                    out.push_str(&Value::from(key.as_str()).to_string());
                }
                out.push(':');
                write_yaml_below(out, value, depth + 1);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                indent(out, depth);
                out.push_str("- ");
                write_yaml(out, item, depth + 1);
            }
        }
        plain => {
            out.push_str(&plain.to_string());
            out.push('\n');
        }
    }
}

/// Whether a key reads as itself without quotes in every version of YAML.
fn is_plain_key(key: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let is_word = WORDS.iter().any(|word| word.eq_ignore_ascii_case(key));
    !key.is_empty() && !is_word && key.bytes().all(|b| b.is_ascii_alphabetic())
}

/// Goes to where the next entry begins; the first entry of an item stands behind its dash.
fn indent(out: &mut String, depth: usize) {
    if !out.ends_with("- ") {
        out.extend(std::iter::repeat_n("  ", depth));
    }
}

/// Writes what stands behind a key: on its line, or below it.
fn write_yaml_below(out: &mut String, value: &Value, depth: usize) {
    let is_block = match value {
        Value::Object(entries) => !entries.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    out.push(if is_block { '\n' } else { ' ' });
    write_yaml(out, value, depth);
}

fn write_operation(json: &mut JsonWriter, operation: &Operation) {
    for method in operation.methods {
        json.key(method).object_begin();
        json.key("summary").string(operation.summary);
        json.key("parameters").array_begin();
        for (name, description) in PATH_PARAMETERS {
            if operation.path.contains(&format!("{{{name}}}")) {
                write_parameter(json, "path", &(name, description, true));
            }
        }
        for parameter in operation.parameters {
            write_parameter(json, "query", parameter);
        }
        json.array_end();
        if !matches!(operation.request, Content::Unsaid | Content::Nothing) {
            json.key("requestBody").object_begin();
            json.key("required").boolean(true);
            write_content(json, operation.request);
            json.object_end();
        }
        json.key("responses").object_begin();
        let (status, text) = match operation.answer {
            Content::Unsaid | Content::Json(_) | Content::Yaml(_) => ("200", "The answer."),
            Content::Events(_) => (
                "200",
                "A stream; of each event, by its name, what its data is.",
            ),
            Content::Nothing => ("204", "It is done."),
            Content::Accepted(_) => ("202", "It is done."),
        };
        json.key(status).object_begin();
        json.key("description").string(text);
        write_content(json, operation.answer);
        json.object_end();
        json.key("default").object_begin();
        json.key("description").string("An error.");
        // Others have the words of those whose API they speak.
        let is_enveloped = ["/api/v1/", "/api/bellwether/"];
        if is_enveloped.iter().any(|it| operation.path.starts_with(it)) {
            write_content(json, Content::Json(&shape::ERROR));
        }
        json.object_end();
        json.object_end().object_end();
    }
}

/// What a body holds, as far as it is said.
fn write_content(json: &mut JsonWriter, content: Content) {
    let (media_type, shape) = match content {
        Content::Unsaid | Content::Nothing => return,
        Content::Json(shape) | Content::Accepted(shape) => ("application/json", *shape),
        Content::Events(shape) => ("text/event-stream", *shape),
        Content::Yaml(holds) => ("application/yaml", Shape::Described(holds)),
    };
    json.key("content").object_begin();
    json.key(media_type).object_begin();
    json.key("schema");
    shape.write(json);
    json.object_end().object_end();
}

fn write_parameter(json: &mut JsonWriter, place: &str, parameter: &Parameter) {
    let (name, description, required) = *parameter;
    json.object_begin();
    json.key("name").string(name);
    json.key("in").string(place);
    json.key("description").string(description);
    json.key("required").boolean(required);
    json.key("schema").object_begin();
    if name.ends_with("[]") || description.contains("may be repeated") {
        json.key("type").string("array");
        json.key("items")
            .object_begin()
            .key("type")
            .string("string")
            .object_end();
    } else {
        json.key("type").string("string");
    }
    json.object_end().object_end();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_path_is_described() {
        for operation in operations() {
            let parts = operation.path.split('{').skip(1);
            for part in parts.filter_map(|part| part.split('}').next()) {
                let known = PATH_PARAMETERS.iter().any(|(name, _)| *name == part);
                assert!(known, "{part} of {}", operation.path);
            }
        }
    }

    #[test]
    fn yaml_has_the_shape_of_the_json() {
        let value = serde_json::json!({
            "a": { "b: c": [{ "d": "e\n", "f": true }, [1, 2], "g"], "h": {} },
            "i": [], "no": null,
        });
        let want = "\
a:
  \"b: c\":
    - d: \"e\\n\"
      f: true
    - - 1
      - 2
    - \"g\"
  h: {}
i: []
\"no\": null
";
        assert_eq!(yaml(&value), want);
    }
}
