//! Our own API of alerts: the timeline, and acknowledgements.
//!
//! ## Model
//! `GET /api/bellwether/v1/timeline` finds rows by time, kind, labels, alert and receiver, newest
//! first. `POST /api/bellwether/v1/acknowledgements` says that somebody is on an alert;
//! `DELETE …/{fingerprint}` takes it back; `GET` lists them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bellwether_model::{AlertFingerprint, Matcher, TimeRange, short};
use bellwether_notify::{Acknowledgement, parse_matchers};
use bellwether_storage::{TimelineKind, TimelineQuery, TimelineRow};
use serde_json::Value;
use xxhash_rust::xxh3::Xxh3Default;

use crate::api::{Call, responding_get};
use crate::app::App;
use crate::body;
use crate::envelope::{ApiError, ErrorType, json_response};
use crate::json::JsonWriter;
use crate::params::Params;

/// Rows of an answer that names no limit.
const LIMIT_DEFAULT: usize = 1_000;
/// Most rows of an answer.
const LIMIT_MAX: usize = 50_000;

/// All routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/bellwether/v1/timeline", responding_get(timeline))
        .route(
            "/api/bellwether/v1/acknowledgements",
            get(list).post(acknowledge),
        )
        .route(
            "/api/bellwether/v1/acknowledgements/{fingerprint}",
            axum::routing::delete(take_back),
        )
}

/// What is asked of the timeline.
struct Question {
    range: TimeRange,
    matchers: Vec<Matcher>,
    fingerprint: Option<AlertFingerprint>,
    receiver: Option<String>,
    kinds: Vec<TimelineKind>,
    limit: usize,
}

impl Question {
    fn read(params: &Params) -> Result<Self, ApiError> {
        let mut matchers = Vec::new();
        for text in params.all("match[]").chain(params.all("filter")) {
            matchers.extend(parse_matchers(text).map_err(ApiError::bad_data)?);
        }
        let fingerprint = match params.get("fingerprint") {
            "" => None,
            text => Some(fingerprint(text)?),
        };
        let mut kinds = Vec::new();
        for word in params.all("kind").flat_map(|text| text.split(',')) {
            kinds.push(TimelineKind::parse(word.trim()).ok_or_else(|| {
                let known: Vec<&str> = TimelineKind::ALL.iter().map(|kind| kind.as_str()).collect();
                let reason = format!("{:?}: want one of {}", short(word), known.join(", "));
                ApiError::invalid_parameter("kind", reason)
            })?);
        }
        let limit = match params.limit()? {
            0 => LIMIT_DEFAULT,
            limit => limit.min(LIMIT_MAX),
        };
        let receiver = params.get("receiver");
        Ok(Self {
            range: params.range()?,
            matchers,
            fingerprint,
            receiver: (!receiver.is_empty()).then(|| receiver.to_owned()),
            kinds,
            limit,
        })
    }
}

fn fingerprint(text: &str) -> Result<AlertFingerprint, ApiError> {
    AlertFingerprint::parse(text).ok_or_else(|| {
        let reason = format!("{:?}: want 16 hexadecimal digits", short(text));
        ApiError::invalid_parameter("fingerprint", reason)
    })
}

async fn timeline(call: Call) -> Result<Response, ApiError> {
    let question = Question::read(&call.params)?;
    let rows = call.app.catalog(move |services| {
        let query = TimelineQuery {
            range: Some(question.range),
            matchers: &question.matchers,
            fingerprint: question.fingerprint,
            receiver: question.receiver.as_deref(),
            kinds: &question.kinds,
            limit: question.limit,
        };
        Ok(services.alerting.timeline.query(&query)?)
    });
    let rows = rows.await?;
    let mut json = JsonWriter::with_capacity(256 + rows.len() * 256);
    json.object_begin();
    json.key("status").string("success");
    json.key("data").object_begin().key("rows").array_begin();
    rows.iter().for_each(|row| write_row(&mut json, row));
    json.array_end().object_end().object_end();
    Ok(json_response(json.into_bytes()))
}

/// What a row is known by: its time, and a hash of all of it.
fn row_id(row: &TimelineRow) -> String {
    let mut hash = Xxh3Default::new();
    for text in [&row.cause, &row.receiver, &row.group, &row.detail] {
        hash.update(text.as_bytes());
        hash.update(&[0xff]);
    }
    hash.update(row.kind.as_str().as_bytes());
    for (name, value) in &row.labels {
        for text in [name, value] {
            hash.update(&[0xff]);
            hash.update(text.as_bytes());
        }
    }
    format!("{}-{:016x}", row.time_ms, hash.digest())
}

pub(crate) fn write_row(json: &mut JsonWriter, row: &TimelineRow) {
    json.object_begin();
    json.key("id").string(&row_id(row));
    json.key("time").time(row.time_ms);
    json.key("kind").string(row.kind.as_str());
    json.key("fingerprint")
        .string(&row.fingerprint().to_string());
    json.key("labels").labels(&row.labels);
    for (key, text) in [
        ("cause", &row.cause),
        ("receiver", &row.receiver),
        ("group", &row.group),
    ] {
        if !text.is_empty() {
            json.key(key).string(text);
        }
    }
    if !row.detail.is_empty() {
        json.key("detail").raw(&row.detail);
    }
    json.object_end();
}

async fn list(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let runner = &app.services()?.alerting.runner;
    let acks: Vec<Acknowledgement> = runner.look(|machine, now_ms| {
        let alerts = machine.alerts().map(|alert| alert.fingerprint());
        alerts
            .filter_map(|fingerprint| machine.acknowledgement(fingerprint, now_ms).cloned())
            .collect()
    });
    let mut json = JsonWriter::with_capacity(256);
    json.object_begin();
    json.key("status").string("success");
    json.key("data").object_begin();
    json.key("acknowledgements").array_begin();
    for ack in &acks {
        json.object_begin();
        let fingerprint = AlertFingerprint::of(&ack.labels).to_string();
        json.key("fingerprint").string(&fingerprint);
        json.key("labels").labels(&ack.labels);
        json.key("by").string(&ack.by);
        json.key("comment").string(&ack.comment);
        json.key("time").time(ack.time_ms);
        if let Some(until_ms) = ack.until_ms {
            json.key("until").time(until_ms);
        }
        json.object_end();
    }
    json.array_end().object_end().object_end();
    Ok(json_response(json.into_bytes()))
}

/// What somebody says who is on an alert.
struct Said {
    fingerprint: AlertFingerprint,
    by: String,
    comment: String,
    until_ms: Option<i64>,
}

impl Said {
    fn read(body: &[u8]) -> Result<Self, ApiError> {
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| ApiError::bad_data(format_args!("the body is no JSON: {error}")))?;
        let text = |key: &str| match value.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(ApiError::bad_data(format_args!("{key}: want a text"))),
        };
        let named = text("fingerprint")?.ok_or_else(|| {
            ApiError::bad_data("fingerprint is missing: it says which alert is meant")
        })?;
        let by = text("by")?.filter(|by| !by.is_empty());
        let until_ms = match value.get("until") {
            Some(Value::Number(seconds)) => seconds.as_f64().map(|s| (s * 1e3) as i64),
            Some(Value::String(text)) => Some(
                crate::params::parse_time(text)
                    .map_err(|reason| ApiError::invalid_parameter("until", reason))?,
            ),
            None | Some(Value::Null) => None,
            Some(_) => return Err(ApiError::bad_data("until: want a time")),
        };
        Ok(Self {
            fingerprint: fingerprint(&named)?,
            by: by.ok_or_else(|| ApiError::bad_data("by is missing: it says who is on it"))?,
            comment: text("comment")?.unwrap_or_default(),
            until_ms,
        })
    }
}

/// Bytes of a body that says who is on an alert. Chosen.
const BODY_BYTES_MAX: usize = 64 << 10;

async fn acknowledge(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, BODY_BYTES_MAX).await;
    let said = Said::read(&bytes.map_err(ApiError::bad_data)?)?;
    let fingerprint = said.fingerprint;
    let until_ms = said.until_ms;
    if until_ms.is_some_and(|until_ms| until_ms <= app.clock.now_ms()) {
        return Err(ApiError::invalid_parameter("until", "it is in the past"));
    }
    let known = change(&app, move |machine, now_ms| {
        let Some(alert) = machine.alert(fingerprint) else {
            return false;
        };
        let labels = alert.labels.clone();
        machine.acknowledge(Acknowledgement {
            labels,
            by: said.by,
            comment: said.comment,
            time_ms: now_ms,
            until_ms,
        })
    });
    answer(known.await?, fingerprint)
}

async fn take_back(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let path = request.uri().path();
    let fingerprint = fingerprint(path.rsplit('/').next().unwrap_or_default())?;
    let params = Params::parse(request.uri().query(), None);
    let by = match params.get("by") {
        "" => "somebody".to_owned(),
        by => by.to_owned(),
    };
    let known = change(&app, move |machine, now_ms| {
        machine.unacknowledge(fingerprint, &by, now_ms)
    });
    answer(known.await?, fingerprint)
}

fn answer(known: bool, fingerprint: AlertFingerprint) -> Result<Response, ApiError> {
    if known {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Err(ApiError::new(
        ErrorType::NotFound,
        format_args!("there is no such alert, or nobody is on it: {fingerprint}"),
    ))
}

/// Does something with the machine and waits until it is durable.
async fn change<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&mut bellwether_notify::Machine, i64) -> T + Send + 'static,
) -> Result<T, ApiError> {
    let runner = app.services()?.alerting.runner.clone();
    let done = tokio::task::spawn_blocking(move || runner.with(work));
    match done.await {
        Ok(done) => Ok(done?),
        Err(_) => Err(ApiError::new(
            ErrorType::Internal,
            "the request could not be carried out",
        )),
    }
}
