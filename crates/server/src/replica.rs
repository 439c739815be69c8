//! This server as one of several replicas: how it stands, and what the others ask it.
//!
//! ## Invariants
//! The log of what was notified is served where replicas have no other place for it. It needs the
//! scope `write`, also to be read: whoever asks is waited for before anybody is notified, and whoever
//! sends may set silences.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bellwether_notify::replica::{LOG_PATH, PeerAnswer, PeerRequest, ReplicaStatus};

use crate::app::App;
use crate::body;
use crate::envelope::{ApiError, ErrorType};
use crate::json::JsonWriter;

/// All routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route(LOG_PATH, get(answer).post(answer))
}

/// How a replica stands.
pub(crate) fn write_status(json: &mut JsonWriter, status: &ReplicaStatus) {
    json.object_begin();
    json.key("name").string(&status.name);
    json.key("leads").boolean(status.leading.is_some());
    json.key("holder").string(&status.holder);
    json.key("token").unsigned(status.token);
    json.key("terms").unsigned(status.terms);
    json.key("unshared").unsigned(status.unshared as u64);
    for (key, error) in [
        ("leaseError", &status.lease_error),
        ("logError", &status.log_error),
    ] {
        json.key(key).string(error.as_deref().unwrap_or(""));
    }
    json.object_end();
}

async fn answer(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let log = app.services()?.alerting.peer_log.clone().ok_or_else(|| {
        let text = "this server keeps no log for replicas: those with a lease of Kubernetes do";
        ApiError::new(ErrorType::NotFound, text)
    })?;
    let (parts, body) = request.into_parts();
    let bytes_max = app.settings.limits.body_bytes_max;
    let body = body::read(&parts.headers, body, bytes_max)
        .await
        .map_err(ApiError::bad_data)?;
    let query = parts.uri.query().unwrap_or_default();
    let asked = PeerRequest::parse(parts.method.as_str(), query, body.to_vec());
    let PeerAnswer {
        status,
        content_type,
        body,
    } = log.answer(asked.map_err(ApiError::bad_data)?).await;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Body::from(body)).into_response();
    let content_type = HeaderValue::from_static(content_type);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    Ok(response)
}
