//! Headers that every answer carries: security, cross-origin access, the operator's own.

use std::any::Any;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;

use crate::app::App;
use crate::envelope::{ApiError, ErrorType};

/// Middleware: answers preflights, adds headers, and turns a panic into a 500.
pub(crate) async fn dress(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let mut response = if method == Method::OPTIONS && path.starts_with("/api/") {
        StatusCode::NO_CONTENT.into_response()
    } else {
        // A handler shares nothing that a panic could leave half-changed: cells are atomic, locks
        // of parking_lot are free after a panic, and stores guard themselves.
        match std::panic::AssertUnwindSafe(next.run(request))
            .catch_unwind()
            .await
        {
            Ok(response) => response,
            Err(panic) => panicked(&app, &path, panic.as_ref()),
        }
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if path.starts_with("/api/") || path == "/federate" {
        cross_origin(&app, headers, origin.as_ref());
    }
    for (name, value) in &app.settings.security.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::try_from(name.as_str()),
            HeaderValue::try_from(value.as_str()),
        ) {
            headers.insert(name, value);
        }
    }
    response
}

fn panicked(app: &App, path: &str, panic: &(dyn Any + Send)) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".to_owned());
    tracing::error!(path, panic = text, "a handler panicked");
    app.metrics.panics.increment();
    ApiError::new(
        ErrorType::Internal,
        "the request could not be answered, see the server's log",
    )
    .into_response()
}

fn cross_origin(app: &App, headers: &mut HeaderMap, origin: Option<&HeaderValue>) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin else { return };
    let allowed = match origin.to_str() {
        _ if app.settings.cors_origin == ".*" => HeaderValue::from_static("*"),
        Ok(text) if app.cors_origin.is_match(text) => origin.clone(),
        _ => return,
    };
    for (name, value) in [
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Accept, Authorization, Content-Type, Origin",
        ),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Date"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
}
