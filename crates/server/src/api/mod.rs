//! The Prometheus HTTP API under `/api/v1`.
//!
//! ## Model
//! A handler takes [`Params`], asks the store or another service on a blocking thread, and gives
//! back an [`Answer`], which becomes the envelope. Queries write their answers as streams instead.
//!
//! ## See also
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>

mod admin;
mod catalog;
mod language;
mod query;
mod rules;
mod search;
mod self_metrics;
mod status;
mod targets;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodFilter;
use axum::routing::{MethodRouter, get, on};

use crate::app::App;
use crate::body;
use crate::envelope::{Answer, ApiError, ErrorType, json_response};
use crate::openapi;
use crate::params::Params;
use crate::query_log::Caller;

pub(crate) use catalog::matcher_sets;
pub(crate) use query::api_error as query_error;
pub(crate) use status::{write_build as status_build, write_notifications, write_top};

/// A request of the API as its handler sees it.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) app: Arc<App>,
    pub(crate) params: Params,
    pub(crate) headers: axum::http::HeaderMap,
    /// The path as it came, percent-encoding included.
    pub(crate) path: String,
    /// Where the client is; `None`: it came over no connection.
    pub(crate) address: Option<SocketAddr>,
}

impl Call {
    /// Who asks.
    pub(crate) fn caller(&self) -> Caller {
        Caller {
            address: self.address,
            user: self.app.auth.name(&self.headers),
        }
    }
}

/// Takes a request apart.
pub(crate) async fn call(app: Arc<App>, request: Request) -> Result<Call, ApiError> {
    let (parts, body) = request.into_parts();
    let is_form = parts.method != Method::GET
        && parts
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_none_or(|value| value.starts_with("application/x-www-form-urlencoded"));
    let form = if is_form {
        let max = app.settings.limits.form_bytes_max;
        let form = body::read(&parts.headers, body, max).await;
        Some(form.map_err(|error| {
            ApiError::bad_data(format_args!("error parsing form values: {error}"))
        })?)
    } else {
        None
    };
    let params = Params::parse(parts.uri.query(), form.as_deref());
    Ok(Call {
        app,
        params,
        headers: parts.headers,
        path: parts.uri.path().to_owned(),
        address: parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|it| it.0),
    })
}

/// A handler whose answer is an [`Answer`].
fn answering<F, Fut>(methods: MethodFilter, handler: F) -> MethodRouter<Arc<App>>
where
    F: Fn(Call) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Answer, ApiError>> + Send + 'static,
{
    on(
        methods,
        move |State(app): State<Arc<App>>, request: Request| {
            let handler = handler.clone();
            async move {
                let answered = async { handler(call(app, request).await?).await };
                match answered.await {
                    Ok(answer) => json_response(answer.into_envelope()),
                    Err(error) => error.into_response(),
                }
            }
        },
    )
}

/// A GET handler that makes its response itself, for routes outside of the Prometheus API.
pub(crate) fn responding_get<F, Fut>(handler: F) -> MethodRouter<Arc<App>>
where
    F: Fn(Call) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, ApiError>> + Send + 'static,
{
    responding(MethodFilter::GET, handler)
}

/// A handler that makes its response itself.
fn responding<F, Fut>(methods: MethodFilter, handler: F) -> MethodRouter<Arc<App>>
where
    F: Fn(Call) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, ApiError>> + Send + 'static,
{
    on(
        methods,
        move |State(app): State<Arc<App>>, request: Request| {
            let handler = handler.clone();
            async move {
                let answered = async { handler(call(app, request).await?).await };
                answered.await.unwrap_or_else(IntoResponse::into_response)
            }
        },
    )
}

/// `/openapi.yaml`. The version may be asked for, as upstream has it; ours differ in its number.
async fn openapi_yaml(call: Call) -> Result<Response, ApiError> {
    let version = match call.params.get("openapi_version") {
        "3.2" | "3.2.0" => "3.2.0",
        _ => openapi::VERSION,
    };
    let document = openapi::document(&call.app.build.version, version);
    let value: serde_json::Value = serde_json::from_slice(&document)
        .map_err(|error| ApiError::new(ErrorType::Internal, error))?;
    let mut response = openapi::yaml(&value).into_response();
    let headers = response.headers_mut();
    let value = HeaderValue::from_static("application/yaml; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, value);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// An answer of status 204.
fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// The route of `/federate`, whose answer is no JSON.
pub(crate) fn federation() -> Router<Arc<App>> {
    Router::new().route(
        "/federate",
        responding(MethodFilter::GET, crate::federate::federate),
    )
}

/// All routes, relative to `/api/v1`.
pub(crate) fn routes() -> Router<Arc<App>> {
    common_routes().route(
        "/status/buildinfo",
        answering(MethodFilter::GET, status::build),
    )
}

/// The same for those who see a Mimir in us: what they ask of it beyond Prometheus is there.
pub(crate) fn mimir_routes() -> Router<Arc<App>> {
    common_routes().route(
        "/status/buildinfo",
        answering(MethodFilter::GET, status::mimir_build),
    )
}

/// The routes that are the same for all.
fn common_routes() -> Router<Arc<App>> {
    const READ: MethodFilter = MethodFilter::GET;
    const FORM: MethodFilter = MethodFilter::GET.or(MethodFilter::POST);
    const CHANGE: MethodFilter = MethodFilter::PUT.or(MethodFilter::POST);
    Router::new()
        .route("/query", responding(FORM, query::instant))
        .route("/query_range", responding(FORM, query::range))
        .route("/query_exemplars", answering(FORM, catalog::exemplars))
        .route("/format_query", answering(FORM, language::format_query))
        .route("/parse_query", answering(FORM, language::parse_query))
        .route("/labels", answering(FORM, catalog::label_names))
        .route(
            "/label/{name}/values",
            answering(READ, catalog::label_values),
        )
        .route("/series", answering(FORM, catalog::series))
        .route("/metadata", answering(READ, catalog::metadata))
        .route("/scrape_pools", answering(READ, targets::pools))
        .route(
            "/scrape_pools/config",
            answering(READ, targets::pool_config),
        )
        .route("/targets", answering(READ, targets::targets))
        .route("/targets/metadata", answering(READ, targets::metadata))
        .route(
            "/targets/relabel_steps",
            answering(READ, targets::relabel_steps),
        )
        .route("/alertmanagers", answering(READ, rules::alertmanagers))
        .route("/rules", answering(READ, rules::rules))
        .route("/alerts", answering(READ, rules::alerts))
        .route("/status/config", answering(READ, status::config))
        .route("/status/flags", answering(READ, status::flags))
        .route("/status/runtimeinfo", answering(READ, status::runtime))
        .route("/status/tsdb", answering(READ, status::tsdb))
        .route("/status/tsdb/blocks", answering(READ, status::blocks))
        .route(
            "/status/self_metrics",
            answering(READ, self_metrics::self_metrics),
        )
        .route("/openapi.yaml", responding(READ, openapi_yaml))
        .route("/status/walreplay", answering(READ, status::replay))
        .route("/features", answering(READ, status::features))
        .route("/notifications", answering(READ, status::notifications))
        .route("/notifications/live", get(status::notifications_live))
        .route(
            "/search/metric_names",
            responding(FORM, search::metric_names),
        )
        .route("/search/label_names", responding(FORM, search::label_names))
        .route(
            "/search/label_values",
            responding(FORM, search::label_values),
        )
        .route(
            "/admin/tsdb/delete_series",
            responding(CHANGE, admin::delete_series),
        )
        .route(
            "/admin/tsdb/clean_tombstones",
            responding(CHANGE, admin::clean_tombstones),
        )
        .route("/admin/tsdb/snapshot", answering(CHANGE, admin::snapshot))
}
