//! Bodies of requests: alerts and silences, checked against the schema of the API.

use std::fmt;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bellwether_model::{Alert, Labels, MatchOp, Matcher, short};
use bellwether_notify::{MATCHERS_MAX as SILENCE_MATCHERS_MAX, SilenceRequest, too_large};
use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::envelope::{ApiError, json_response};
use crate::json::JsonWriter;

/// A field that must be there is not.
const REQUIRED: u16 = 602;
/// A value has the wrong form.
const WRONG_FORM: u16 = 601;
/// A list is too short.
const TOO_SHORT: u16 = 612;

/// Why a request is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The request does not fit its schema.
    Schema {
        status: StatusCode,
        /// The number that go-openapi has for it.
        code: u16,
        message: String,
    },
    /// A text, as JSON.
    Text { status: StatusCode, message: String },
    /// A status without a body.
    Bare(StatusCode),
    /// What every part of the server says.
    Api(ApiError),
}

impl Refusal {
    pub(crate) fn schema(status: StatusCode, code: u16, message: impl fmt::Display) -> Self {
        Self::Schema {
            status,
            code,
            message: message.to_string(),
        }
    }

    fn invalid(code: u16, message: impl fmt::Display) -> Self {
        Self::schema(StatusCode::UNPROCESSABLE_ENTITY, code, message)
    }

    fn unreadable(what: &str, reason: impl fmt::Display) -> Self {
        let message = format!("parsing {what} body from \"\" failed, because {reason}");
        Self::schema(StatusCode::BAD_REQUEST, 400, message)
    }

    pub(crate) fn bad(message: impl fmt::Display) -> Self {
        Self::Text {
            status: StatusCode::BAD_REQUEST,
            message: message.to_string(),
        }
    }

    pub(crate) fn internal(message: impl fmt::Display) -> Self {
        Self::Text {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: message.to_string(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut json = JsonWriter::with_capacity(128);
        let status = match self {
            Self::Api(error) => return error.into_response(),
            Self::Bare(status) => return status.into_response(),
            Self::Text { status, message } => {
                json.string(&message);
                status
            }
            Self::Schema {
                status,
                code,
                message,
            } => {
                json.object_begin();
                json.key("code").unsigned(code.into());
                json.key("message").string(&message);
                json.object_end();
                status
            }
        };
        let mut response = json_response(json.into_bytes());
        *response.status_mut() = status;
        response
    }
}

/// What a body of alerts says, each alert as it is or why it is refused.
pub(super) struct PostedAlerts {
    pub(super) alerts: Vec<Alert>,
    /// What is wrong with others.
    pub(super) refused: Vec<String>,
}

/// Reads a body of `/alerts`. Alerts without an end get one `timeout_ms` from now.
pub(super) fn alerts(body: &[u8], now_ms: i64, timeout_ms: i64) -> Result<PostedAlerts, Refusal> {
    if body.is_empty() {
        return Err(Refusal::invalid(REQUIRED, "alerts in body is required"));
    }
    let read = read_list(body)?;
    let mut posted = PostedAlerts {
        alerts: Vec::with_capacity(read.len()),
        refused: Vec::new(),
    };
    for item in read {
        match item.into_alert(now_ms, timeout_ms) {
            Ok(alert) => posted.alerts.push(alert),
            Err(reason) => posted.refused.push(reason),
        }
    }
    Ok(posted)
}

/// Alerts that one request may hold. Chosen: a sender puts some dozens into one.
const ALERTS_MAX: usize = 100_000;

/// Reads a list of alerts one by one, so that a long one costs no more than what is kept of it.
fn read_list(body: &[u8]) -> Result<Vec<Posted>, Refusal> {
    let mut list = PostedList::default();
    let mut reader = serde_json::Deserializer::from_slice(body);
    let outcome = reader
        .deserialize_any(&mut list)
        .and_then(|()| reader.end());
    match (list.refusal, outcome) {
        (Some(refusal), _) => Err(refusal),
        (None, Err(error)) => Err(Refusal::unreadable("alerts", error)),
        (None, Ok(())) => Ok(list.read),
    }
}

/// What was read of a list.
#[derive(Default)]
struct PostedList {
    read: Vec<Posted>,
    /// Why reading ended, where it was not the form of the text.
    refusal: Option<Refusal>,
}

impl PostedList {
    fn refuse<E: serde::de::Error>(&mut self, refusal: Refusal) -> Result<(), E> {
        self.refusal = Some(refusal);
        Err(E::custom("refused"))
    }

    fn no_list<E: serde::de::Error>(&mut self, kind: &str) -> Result<(), E> {
        let reason = format!("it is {kind}: want a list of alerts");
        self.refuse(Refusal::unreadable("alerts", reason))
    }
}

impl<'de> Visitor<'de> for &mut PostedList {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of alerts")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.no_list("a boolean")
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.no_list("a number")
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.no_list("a number")
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.no_list("a number")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.no_list("a text")
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.no_list("an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<Value>()? {
            let index = self.read.len();
            if index == ALERTS_MAX {
                let message = format!("more than {ALERTS_MAX} alerts in one request");
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                return self.refuse(Refusal::schema(status, 413, message));
            }
            let read = match item {
                Value::Object(item) => Posted::read(&item, index),
                other => {
                    let reason = format!("element {index} is {}: want an alert", kind(&other));
                    Err(Refusal::unreadable("alerts", reason))
                }
            };
            match read {
                Ok(posted) => self.read.push(posted),
                Err(refusal) => return self.refuse(refusal),
            }
        }
        Ok(())
    }
}

/// An alert as it was sent.
struct Posted {
    labels: Vec<(String, String)>,
    annotations: Vec<(String, String)>,
    starts_ms: Option<i64>,
    ends_ms: Option<i64>,
    generator_url: String,
}

impl Posted {
    fn read(item: &Map<String, Value>, index: usize) -> Result<Self, Refusal> {
        let texts = |key: &str| texts(item, key).map_err(|e| Refusal::unreadable("alerts", e));
        let time = |key: &str| time(item, key).map_err(|e| Refusal::unreadable("alerts", e));
        let (labels, annotations) = (texts("labels")?, texts("annotations")?);
        let (starts_ms, ends_ms) = (time("startsAt")?, time("endsAt")?);
        let generator_url =
            text(item, "generatorURL").map_err(|e| Refusal::unreadable("alerts", e))?;
        let Some(labels) = labels else {
            let message = format!("{index}.labels in body is required");
            return Err(Refusal::invalid(REQUIRED, message));
        };
        let generator_url = generator_url.unwrap_or_default();
        if !generator_url.is_empty() && !is_url(&generator_url) {
            let message = format!(
                "{index}.generatorURL in body must be of type uri: {:?}",
                short(&generator_url)
            );
            return Err(Refusal::invalid(WRONG_FORM, message));
        }
        Ok(Self {
            labels,
            annotations: annotations.unwrap_or_default(),
            starts_ms,
            ends_ms,
            generator_url,
        })
    }

    fn into_alert(self, now_ms: i64, timeout_ms: i64) -> Result<Alert, String> {
        let starts_ms = self.starts_ms.or(self.ends_ms).unwrap_or(now_ms);
        let ends_ms = self
            .ends_ms
            .unwrap_or_else(|| now_ms.saturating_add(timeout_ms));
        if starts_ms > ends_ms {
            return Err("start time must be before end time".to_owned());
        }
        let labels = self
            .labels
            .into_iter()
            .filter(|(_, value)| !value.is_empty());
        let labels: Vec<(String, String)> = labels.collect();
        if labels.is_empty() {
            return Err("at least one label pair required".to_owned());
        }
        for (what, pairs) in [("label", &labels), ("annotation", &self.annotations)] {
            if pairs.iter().any(|(name, _)| name.is_empty()) {
                return Err(format!("invalid {what} set: invalid name \"\""));
            }
        }
        let alert = Alert {
            labels: Labels::from_pairs(labels),
            annotations: Labels::from_pairs(self.annotations),
            starts_ms,
            ends_ms: Some(ends_ms),
            times_out: self.ends_ms.is_none(),
            updated_ms: now_ms,
            generator_url: self.generator_url,
        };
        match too_large(&alert) {
            Some(reason) => Err(reason),
            None => Ok(alert),
        }
    }
}

/// Reads a body of `/silences`.
pub(super) fn silence(body: &[u8]) -> Result<SilenceRequest, Refusal> {
    if body.is_empty() {
        return Err(Refusal::invalid(REQUIRED, "silence in body is required"));
    }
    let unreadable = |reason: String| Refusal::unreadable("silence", reason);
    let value: Value =
        serde_json::from_slice(body).map_err(|error| Refusal::unreadable("silence", error))?;
    let Value::Object(item) = value else {
        return Err(unreadable(format!(
            "it is {}: want a silence",
            kind(&value)
        )));
    };
    let required = |key: &str| Refusal::invalid(REQUIRED, format!("{key} in body is required"));
    let id = text(&item, "id").map_err(unreadable)?;
    let comment = text(&item, "comment").map_err(unreadable)?;
    let created_by = text(&item, "createdBy").map_err(unreadable)?;
    let ends_ms = time(&item, "endsAt").map_err(unreadable)?;
    let starts_ms = time(&item, "startsAt").map_err(unreadable)?;
    let list = match item.get("matchers") {
        None | Some(Value::Null) => None,
        Some(Value::Array(list)) => Some(list),
        Some(other) => {
            let reason = format!("matchers is {}: want a list", kind(other));
            return Err(unreadable(reason));
        }
    };
    let comment = comment.ok_or_else(|| required("comment"))?;
    let created_by = created_by.ok_or_else(|| required("createdBy"))?;
    let ends_ms = ends_ms.ok_or_else(|| required("endsAt"))?;
    let list = list.ok_or_else(|| required("matchers"))?;
    if list.is_empty() {
        let message = "matchers in body should have at least 1 items";
        return Err(Refusal::invalid(TOO_SHORT, message));
    }
    // Before their patterns are compiled, each of which costs what it may.
    if list.len() > SILENCE_MATCHERS_MAX {
        return Err(Refusal::bad(format_args!(
            "invalid silence: {} matchers: at most {SILENCE_MATCHERS_MAX} are taken",
            list.len()
        )));
    }
    let mut matchers = Vec::with_capacity(list.len());
    for (index, item) in list.iter().enumerate() {
        matchers.push(matcher(item, index)?);
    }
    let starts_ms = starts_ms.ok_or_else(|| required("startsAt"))?;
    Ok(SilenceRequest {
        id: id.unwrap_or_default(),
        matchers,
        starts_ms: Some(starts_ms),
        ends_ms,
        created_by,
        comment,
    })
}

fn matcher(item: &Value, index: usize) -> Result<Matcher, Refusal> {
    let unreadable = |reason: String| Refusal::unreadable("silence", reason);
    let Value::Object(item) = item else {
        let reason = format!("matchers.{index} is {}: want a matcher", kind(item));
        return Err(unreadable(reason));
    };
    let required = |key: &str| {
        let message = format!("matchers.{index}.{key} in body is required");
        Refusal::invalid(REQUIRED, message)
    };
    let boolean = |key: &str| match item.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(other) => {
            let reason = format!("matchers.{index}.{key} is {}: want a boolean", kind(other));
            Err(unreadable(reason))
        }
    };
    let is_equal = boolean("isEqual")?.unwrap_or(true);
    let is_regex = boolean("isRegex")?.ok_or_else(|| required("isRegex"))?;
    let name = text(item, "name").map_err(unreadable)?;
    let name = name.ok_or_else(|| required("name"))?;
    let value = text(item, "value").map_err(unreadable)?;
    let value = value.ok_or_else(|| required("value"))?;
    let op = match (is_equal, is_regex) {
        (true, false) => MatchOp::Equal,
        (false, false) => MatchOp::NotEqual,
        (true, true) => MatchOp::Regex,
        (false, true) => MatchOp::NotRegex,
    };
    Matcher::new(name, op, value).map_err(|error| {
        Refusal::bad(format_args!(
            "invalid silence: invalid label matcher {index}: {error}"
        ))
    })
}

fn text(item: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match item.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(format!("{key} is {}: want a text", kind(other))),
    }
}

/// An object of texts, in no order.
type Texts = Vec<(String, String)>;

fn texts(item: &Map<String, Value>, key: &str) -> Result<Option<Texts>, String> {
    let object = match item.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(object)) => object,
        Some(other) => return Err(format!("{key} is {}: want an object", kind(other))),
    };
    let pair = |(name, value): (&String, &Value)| match value {
        Value::String(text) => Ok((name.clone(), text.clone())),
        other => Err(format!(
            "{key}.{} is {}: want a text",
            short(name),
            kind(other)
        )),
    };
    object.iter().map(pair).collect::<Result<_, _>>().map(Some)
}

/// A time; nothing, an empty text and the zero of Go's times are none.
fn time(item: &Map<String, Value>, key: &str) -> Result<Option<i64>, String> {
    let text = match text(item, key)? {
        None => return Ok(None),
        Some(text) if text.is_empty() || text.starts_with("0001-01-01T00:00:00") => {
            return Ok(None);
        }
        Some(text) => text,
    };
    text.parse::<jiff::Timestamp>()
        .map(|time| Some(time.as_millisecond()))
        .map_err(|_| {
            format!(
                "{key} is {:?}: want a time such as 2026-01-31T12:00:00Z",
                short(&text)
            )
        })
}

fn is_url(text: &str) -> bool {
    match url::Url::parse(text) {
        Ok(_) => true,
        Err(url::ParseError::RelativeUrlWithoutBase) => !text.starts_with(':'),
        Err(_) => false,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
