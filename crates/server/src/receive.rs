//! Where samples come in and go out in bulk: remote write, OTLP over HTTP, remote read.
//!
//! ## Model
//! A body is read within its bound, waits for a permit, and is decoded and written on a blocking
//! thread by the receivers of `ingest`, whose outcome becomes the response. The permit bounds how
//! many decoded requests are in memory.
//!
//! ## Failure
//! The codes are those that senders act on: 4xx drops, 429 and 5xx come again.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bellwether_ingest::remote_write::{self, RemoteWriteReceiver, RequestHead};
use bellwether_storage::Source;
use bellwether_telemetry::Registry;

use crate::app::{App, acquire};
use crate::body::{self, BodyError};
use crate::envelope::{ApiError, text_response};
use crate::services::Services;
use crate::settings::Limits;

/// The receivers over the store.
#[derive(Debug)]
pub(crate) struct Receivers {
    remote_write: RemoteWriteReceiver,
}

impl Receivers {
    pub(crate) fn new(services: &Services, limits: &Limits, registry: &Registry) -> Self {
        let remote_write_limits = remote_write::Limits {
            body_bytes_max: limits.decompressed_bytes_max,
            ..remote_write::Limits::default()
        };
        Self {
            remote_write: RemoteWriteReceiver::new(
                Arc::clone(&services.store),
                remote_write_limits,
                registry,
            ),
        }
    }
}

/// Routes of the main port.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/write", post(remote_write_1))
}

fn source(prefix: &str, parts: &request::Parts) -> Source {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let address = peer.map_or(IpAddr::from([127, 0, 0, 1]), |peer| peer.0.ip());
    Source::new(&format!("{prefix}:{}", address.to_canonical()))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn refused(error: &BodyError) -> Response {
    text_response(error.status(), format!("{error}\n"))
}

/// Reads the body and runs `work` on a blocking thread.
async fn on_body<T: Send + 'static>(
    app: &Arc<App>,
    request: Request,
    work: impl FnOnce(&App, &request::Parts, Bytes) -> T + Send + 'static,
) -> Result<T, Response> {
    app.services().map_err(IntoResponse::into_response)?;
    let (parts, body) = request.into_parts();
    let max = app.settings.limits.body_bytes_max;
    let body = body::read(&parts.headers, body, max)
        .await
        .map_err(|error| refused(&error))?;
    let permit = acquire(&app.write_gate)
        .await
        .map_err(IntoResponse::into_response)?;
    let app = Arc::clone(app);
    let task = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work(&app, &parts, body)
    });
    task.await.map_err(|_| {
        text_response(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the request could not be taken\n",
        )
    })
}

/// `/api/v1/write`: remote write 1.0 and 2.0.
async fn remote_write_1(State(app): State<Arc<App>>, request: Request) -> Response {
    if !app.settings.enable_remote_write {
        return text_response(
            StatusCode::NOT_FOUND,
            "remote write receiver needs to be enabled with --web.enable-remote-write-receiver\n",
        );
    }
    let received = on_body(&app, request, |app, parts, body| {
        let receivers = app.receivers.get()?;
        let head = RequestHead {
            content_type: text(&parts.headers, &header::CONTENT_TYPE),
            content_encoding: text(&parts.headers, &header::CONTENT_ENCODING),
        };
        Some(
            receivers
                .remote_write
                .receive(&source("remote_write", parts), head, &body),
        )
    })
    .await;
    let outcome = match received {
        Ok(Some(outcome)) => outcome,
        Ok(None) => return app.not_ready(),
        Err(response) => return response,
    };
    let status = StatusCode::from_u16(outcome.status.http_status())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = if outcome.message.is_empty() {
        status.into_response()
    } else {
        text_response(status, format!("{}\n", outcome.message))
    };
    for (name, value) in outcome.headers() {
        if let Ok(value) = HeaderValue::try_from(value) {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// An error of the API as a response, for callers outside of it.
#[expect(dead_code, reason = "used by remote read")]
fn failed(error: ApiError) -> Response {
    error.into_response()
}

/// Routes of the port for OTLP.
pub(crate) fn otlp_routes() -> Router<Arc<App>> {
    Router::new()
}
