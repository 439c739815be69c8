//! Health, lifecycle, version, own metrics, and the answer to paths that do not exist.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodFilter;
use axum::routing::{get, on};
use bellwether_model::short;
use bellwether_telemetry::Format;

use crate::api::status_build;
use crate::app::App;
use crate::envelope::{ApiError, ErrorType, json_response, text_response};
use crate::json::JsonWriter;

/// Routes of the whole server.
pub(crate) fn routes() -> Router<Arc<App>> {
    const CHANGE: MethodFilter = MethodFilter::PUT.or(MethodFilter::POST);
    Router::new()
        .route("/-/healthy", get(healthy))
        .route("/-/ready", get(ready))
        .route("/livez", get(healthy))
        .route("/readyz", get(ready))
        .route("/startupz", get(started))
        .route("/-/reload", on(CHANGE, reload).get(only_post))
        .route("/-/quit", on(CHANGE, quit).get(only_post))
        .route("/version", get(version))
        .route("/metrics", get(metrics))
}

async fn healthy() -> Response {
    text_response(StatusCode::OK, "Bellwether is Healthy.\n")
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.is_ready() {
        text_response(StatusCode::OK, "Bellwether is Ready.\n")
    } else {
        app.not_ready()
    }
}

/// Whether the start is over: stays true while the server stops.
async fn started(State(app): State<Arc<App>>) -> Response {
    if app.services.get().is_some() {
        text_response(StatusCode::OK, "Bellwether has Started.\n")
    } else {
        app.not_ready()
    }
}

async fn only_post() -> Response {
    text_response(
        StatusCode::METHOD_NOT_ALLOWED,
        "Only POST or PUT requests allowed",
    )
}

async fn reload(State(app): State<Arc<App>>) -> Response {
    if !app.settings.enable_lifecycle {
        return text_response(StatusCode::FORBIDDEN, "Lifecycle API is not enabled.");
    }
    match app.control.reload().await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(reason) => text_response(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("failed to reload config: {reason}\n"),
        ),
    }
}

async fn quit(State(app): State<Arc<App>>) -> Response {
    if !app.settings.enable_lifecycle {
        return text_response(StatusCode::FORBIDDEN, "Lifecycle API is not enabled.");
    }
    if app.is_stopping() {
        return text_response(StatusCode::OK, "Termination already in progress.");
    }
    app.control.quit();
    text_response(StatusCode::OK, "Requesting termination... Goodbye!")
}

async fn version(State(app): State<Arc<App>>) -> Response {
    let mut json = JsonWriter::with_capacity(256);
    status_build(&mut json, &app.build);
    json_response(json.into_bytes())
}

async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let open = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("application/openmetrics-text"));
    let registry = app.registry.clone();
    let task = tokio::task::spawn_blocking(move || {
        let format = if open {
            Format::OpenMetrics
        } else {
            Format::Prometheus
        };
        registry.render(format)
    });
    let Ok(text) = task.await else {
        return ApiError::new(ErrorType::Internal, "own metrics could not be computed")
            .into_response();
    };
    let content_type = if open {
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    } else {
        "text/plain; version=0.0.4; charset=utf-8"
    };
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(
        header::VARY,
        HeaderValue::from_static("Accept, Accept-Encoding"),
    );
    response
}

/// What stands where nothing is. `page not found` is what Grafana looks for to learn that a server
/// has no ruler.
pub(crate) async fn not_found(uri: Uri) -> Response {
    let path = uri.path();
    let hint = if path.starts_with("/api/v1/") {
        "the Prometheus API that is spoken here is described at /api/v1/openapi.yaml"
    } else if path.starts_with("/api/") {
        "APIs are under /api/v1/ (Prometheus) and /api/bellwether/v1/ (ours)"
    } else {
        "the page is at /, APIs are under /api/v1/, own metrics at /metrics"
    };
    text_response(
        StatusCode::NOT_FOUND,
        format!("404 page not found: {}; {hint}\n", short(path)),
    )
}

/// What stands where the path exists and the method does not.
pub(crate) async fn wrong_method(method: Method, uri: Uri) -> Response {
    let text = format!("method {method} is not allowed for {}\n", short(uri.path()));
    text_response(StatusCode::METHOD_NOT_ALLOWED, text)
}
