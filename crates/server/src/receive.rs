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
use bellwether_ingest::otlp::{self, Encoding, OtlpReceiver, OtlpSettings};
use bellwether_ingest::remote_read::{self, Answer, RemoteReader};
use bellwether_ingest::remote_write::{self, RemoteWriteReceiver, RequestHead};
use bellwether_model::{Labels, short};
use bellwether_storage::{Clock, Source};
use bellwether_telemetry::Registry;

use crate::app::{App, acquire};
use crate::body::{self, BodyError};
use crate::envelope::{ApiError, ErrorType, error_type_of, text_response};
use crate::render::{self, Output};
use crate::services::Services;
use crate::settings::Limits;

/// The receivers over the store.
#[derive(Debug)]
pub(crate) struct Receivers {
    remote_write: RemoteWriteReceiver,
    otlp: OtlpReceiver,
    remote_read: RemoteReader,
}

impl Receivers {
    pub(crate) fn new(
        services: &Services,
        limits: &Limits,
        clock: &Arc<dyn Clock>,
        external_labels: Labels,
        registry: &Registry,
    ) -> Self {
        let otlp_limits = otlp::Limits {
            body_bytes_max: limits.decompressed_bytes_max,
            ..otlp::Limits::default()
        };
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
            otlp: OtlpReceiver::new(
                Arc::clone(&services.store),
                Arc::clone(clock),
                services.otlp.clone(),
                otlp_limits,
                registry,
            ),
            remote_read: RemoteReader::new(
                Arc::clone(&services.store),
                remote_read_settings(limits, external_labels),
            ),
        }
    }

    /// Takes settings that a reload may have changed.
    pub(crate) fn apply(&self, otlp: OtlpSettings, limits: &Limits, external_labels: Labels) {
        self.otlp.apply(otlp);
        self.remote_read
            .apply(remote_read_settings(limits, external_labels));
    }

    /// The receiver of OTLP metrics.
    pub(crate) fn otlp(&self) -> &OtlpReceiver {
        &self.otlp
    }
}

fn remote_read_settings(limits: &Limits, external_labels: Labels) -> remote_read::Settings {
    remote_read::Settings {
        samples_max: usize::try_from(limits.remote_read_samples_max).unwrap_or(usize::MAX),
        frame_bytes_max: limits.remote_read_frame_bytes,
        external_labels,
        ..remote_read::Settings::default()
    }
}

/// Routes of the main port.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/write", post(remote_write_1))
        .route("/api/v1/read", post(remote_read_1))
        .route("/api/v1/otlp/v1/metrics", post(otlp_metrics))
        .merge(otlp_routes())
}

/// Routes of OTLP over HTTP, also on a port of their own.
pub(crate) fn otlp_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/metrics", post(otlp_metrics))
        .route("/v1/traces", post(not_kept))
        .route("/v1/logs", post(not_kept))
}

fn source(prefix: &str, parts: &request::Parts) -> Source {
    source_of(
        prefix,
        parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|peer| peer.0),
    )
}

/// The source of what a peer sends. Limits are kept per source, so the port is left out of it.
pub(crate) fn source_of(prefix: &str, peer: Option<SocketAddr>) -> Source {
    let address = peer.map_or(IpAddr::from([127, 0, 0, 1]), |peer| peer.ip());
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

/// `/v1/metrics`: OTLP in protobuf or JSON, gzip or not. The answer has the form of the request.
async fn otlp_metrics(State(app): State<Arc<App>>, request: Request) -> Response {
    if !app.settings.enable_otlp {
        return text_response(
            StatusCode::NOT_FOUND,
            "otlp write receiver needs to be enabled with --web.enable-otlp-receiver\n",
        );
    }
    let content_type = text(request.headers(), &header::CONTENT_TYPE).unwrap_or_default();
    let Some(encoding) = Encoding::of_content_type(content_type) else {
        return text_response(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!(
                "content type {:?} is not OTLP: want application/x-protobuf or application/json\n",
                short(content_type)
            ),
        );
    };
    let received = on_body(&app, request, move |app, parts, body| {
        let max = app.settings.limits.decompressed_bytes_max;
        let body = match body::decompress(&parts.headers, body, max) {
            Ok(body) => body,
            Err(error) => return refused(&error),
        };
        match app.receivers.get() {
            Some(receivers) => {
                let outcome = receivers
                    .otlp
                    .receive(&source("otlp", parts), encoding, &body);
                otlp_response(&outcome, encoding)
            }
            None => app.not_ready(),
        }
    });
    match received.await {
        Ok(response) | Err(response) => response,
    }
}

fn otlp_response(outcome: &otlp::OtlpOutcome, encoding: Encoding) -> Response {
    let status = StatusCode::from_u16(outcome.status.http_status())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = outcome.body(encoding).into_response();
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(encoding.content_type()),
    );
    if matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    ) {
        // Exporters come back by themselves after that many seconds.
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// Traces and logs have no store yet. 404 makes exporters drop what they hold and say so.
async fn not_kept() -> Response {
    text_response(
        StatusCode::NOT_FOUND,
        "404 page not found: traces and logs are not stored by this version; metrics go to /v1/metrics\n",
    )
}

/// `/api/v1/read`: samples in one body, or chunks as a stream that stops when the client does.
async fn remote_read_1(State(app): State<Arc<App>>, request: Request) -> Response {
    if let Err(error) = app.services() {
        return error.into_response();
    }
    let (parts, body) = request.into_parts();
    let max = app.settings.limits.body_bytes_max;
    let body = match body::read(&parts.headers, body, max).await {
        Ok(body) => body,
        Err(error) => return refused(&error),
    };
    let permit = match acquire(&app.query_gate).await {
        Ok(permit) => permit,
        Err(error) => return error.into_response(),
    };
    // Frames and snappy blocks are compressed already: gzip is not offered.
    let no_gzip = HeaderMap::new();
    let answered = render::blocking(&no_gzip, render::JSON, move |mut output| {
        let _permit = permit;
        let Some(receivers) = app.receivers.get() else {
            output.fail(ApiError::new(
                ErrorType::Unavailable,
                "the server is starting",
            ));
            return;
        };
        let answer = match receivers.remote_read.answer(&body) {
            Ok(answer) => answer,
            Err(error) => {
                output.fail(ApiError::new(error_type_of(error.kind()), error));
                return;
            }
        };
        output.set_headers(answer.headers());
        match answer {
            Answer::Samples(bytes) => output.finish(bytes),
            Answer::Frames(frames) => send_frames(output, frames),
        }
    });
    match answered.await {
        Ok(response) => response,
        // Prometheus prints the body of a failure as it is: plain text reads best.
        Err(error) => {
            let status = error.status();
            text_response(status, format!("{}\n", error.message))
        }
    }
}

fn send_frames(mut output: Output, frames: remote_read::Frames) {
    for frame in frames {
        match frame {
            Ok(bytes) => {
                if output.flush(bytes).is_err() {
                    return;
                }
            }
            // The stream has begun, or would have: breaking it off is what tells the client.
            Err(error) => {
                tracing::warn!(%error, "a remote read was broken off");
                output.fail(ApiError::new(error_type_of(error.kind()), error));
                return;
            }
        }
    }
    output.finish(Vec::new());
}
