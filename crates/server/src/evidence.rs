//! Evidence of alerts: as JSON for programs, as one page for people.
//!
//! ## Model
//! `GET /api/bellwether/v1/evidence` lists firings, newest first; `…/{id}` gives a document as it was
//! frozen. `/evidence/{id}` is the page: it needs nothing from elsewhere, so that it can be saved,
//! mailed and printed.

mod graph;
pub(crate) mod page;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bellwether_model::short;
use bellwether_rules::evidence::Evidence;
use bellwether_storage::EvidenceKey;

use crate::api::{Call, responding_get};
use crate::app::App;
use crate::envelope::{ApiError, ErrorType, json_response};
use crate::json::JsonWriter;

/// Firings of an answer that names no limit, and of any answer.
const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 10_000;
/// Nothing but the page's own style.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
/// After how many seconds a page that is not there yet is asked for again.
const RETRY_SECONDS: &str = "2";

/// All routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/bellwether/v1/evidence", responding_get(list))
        .route("/api/bellwether/v1/evidence/{id}", responding_get(document))
        .route("/evidence/{id}", responding_get(show))
}

/// What is known of a firing.
enum Found {
    Kept(Vec<u8>),
    /// It is being gathered.
    Soon,
}

async fn find(call: &Call) -> Result<Found, ApiError> {
    let id = call.path.rsplit('/').next().unwrap_or_default();
    let key = EvidenceKey::parse(id).ok_or_else(|| {
        let reason = format!(
            "{:?}: want the fingerprint of an alert, a hyphen, and when it fired in milliseconds \
             since 1970",
            short(id)
        );
        ApiError::invalid_parameter("id", reason)
    })?;
    let found = call.app.catalog(move |services| {
        let Some(collector) = &services.alerting.evidence else {
            return Ok(None);
        };
        // Who waits in a storm asks again and again: the store is read once there is something to read.
        if collector.is_waiting(key) {
            return Ok(Some(Found::Soon));
        }
        Ok(collector.evidence().get(key)?.map(Found::Kept))
    });
    found.await?.ok_or_else(|| {
        let text = format_args!(
            "there is no evidence {key}: no alert of a rule of this server fired then, it is older than \
             the timeline, or too many fired at once to gather evidence of all"
        );
        ApiError::new(ErrorType::NotFound, text)
    })
}

async fn list(call: Call) -> Result<Response, ApiError> {
    let range = call.params.range()?;
    let limit = match call.params.limit()? {
        0 => LIMIT_DEFAULT,
        limit => limit.min(LIMIT_MAX),
    };
    let found = call.app.catalog(move |services| {
        let collector = services.alerting.evidence.as_ref();
        Ok(match collector {
            Some(collector) => collector.evidence().keys(range, limit)?,
            None => Vec::new(),
        })
    });
    let found = found.await?;
    let mut json = JsonWriter::with_capacity(64 + found.len() * 96);
    json.object_begin();
    json.key("status").string("success");
    json.key("data").object_begin();
    json.key("evidence").array_begin();
    for key in found {
        json.object_begin();
        json.key("id").string(&key.to_string());
        json.key("fingerprint").string(&key.fingerprint.to_string());
        json.key("time").time(key.fired_ms);
        json.object_end();
    }
    json.array_end().object_end().object_end();
    Ok(json_response(json.into_bytes()))
}

async fn document(call: Call) -> Result<Response, ApiError> {
    match find(&call).await? {
        Found::Kept(document) => Ok(json_response(document)),
        Found::Soon => {
            let mut response = json_response(br#"{"status":"gathering"}"#.to_vec());
            *response.status_mut() = StatusCode::ACCEPTED;
            let retry = HeaderValue::from_static(RETRY_SECONDS);
            response.headers_mut().insert(header::RETRY_AFTER, retry);
            Ok(response)
        }
    }
}

async fn show(call: Call) -> Result<Response, ApiError> {
    let (status, text) = match find(&call).await {
        Ok(Found::Kept(document)) => match Evidence::from_json(&document) {
            Ok(evidence) => (StatusCode::OK, page::render(&evidence)),
            Err(error) => {
                let text = format_args!("the evidence cannot be read: {error}");
                return Err(ApiError::new(ErrorType::Internal, text));
            }
        },
        Ok(Found::Soon) => (
            StatusCode::ACCEPTED,
            page::notice(
                "Being gathered",
                "The alert has just fired. This page comes back by itself.",
            ),
        ),
        Err(error) => (error.status(), page::notice("No evidence", &error.message)),
    };
    let mut response = (status, text).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    if status == StatusCode::ACCEPTED {
        let retry = HeaderValue::from_static(RETRY_SECONDS);
        headers.insert(header::REFRESH, retry);
    } else if status == StatusCode::OK {
        // It never changes.
        let cache = HeaderValue::from_static("private, max-age=86400");
        headers.insert(header::CACHE_CONTROL, cache);
    }
    Ok(response)
}
