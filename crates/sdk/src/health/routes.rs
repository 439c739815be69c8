//! The endpoints as routes of axum, which are services of tower too.

use axum::Router;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::HealthRegistry;
use super::endpoints::Endpoint;

/// `GET` and `HEAD` of `/livez`, `/readyz`, `/startupz` and `/healthz`, to be merged into, or nested
/// under, a router of the service. They keep the registry alive.
pub fn routes<S>(registry: &HealthRegistry) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    Endpoint::ALL
        .into_iter()
        .fold(Router::new(), |router, endpoint| {
            let registry = registry.clone();
            let answer = move |uri: Uri| async move { respond(&registry, endpoint, &uri) };
            router.route(endpoint.path(), get(answer))
        })
}

fn respond(registry: &HealthRegistry, endpoint: Endpoint, uri: &Uri) -> Response {
    let answer = registry.answer(endpoint, uri.query().unwrap_or_default());
    let status = StatusCode::from_u16(answer.status);
    let headers = [
        (header::CONTENT_TYPE, answer.content_type),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, headers, answer.body).into_response()
}
