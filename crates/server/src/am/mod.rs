//! The API of an Alertmanager, version 2, under `/am`: what Grafana, `amtool` and Prometheus servers
//! that send alerts speak.
//!
//! ## Model
//! Handlers read a request, ask or tell the [`bellwether_notify::Runner`] on a blocking thread, and
//! write JSON in the shapes of the OpenAPI document of Alertmanager.
//!
//! ## Invariants
//! Codes and shapes are those of Alertmanager: a body that does not fit its schema is 400 or 422
//! with `{"code":…,"message":…}`, what is wrong with its content is 400 with a text as JSON.
//!
//! ## See also
//! <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>

mod alerts;
mod decode;
mod silences;
mod status;

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use bellwether_model::{Labels, Matcher, Regexp};
use bellwether_notify::{Machine, parse_matcher};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::{App, acquire};
use crate::body;
use crate::envelope::{ApiError, ErrorType, json_response, text_response};
use crate::json::JsonWriter;
use crate::params::Params;
use crate::services::Alerting;

pub(crate) use decode::Refusal;

/// All routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/am", get(|| async { Redirect::temporary("/") }))
        .route("/am/", get(|| async { Redirect::temporary("/") }))
        .route("/am/-/healthy", get(|| async { "OK" }))
        .route("/am/-/ready", get(ready))
        .route("/am/-/reload", post(reload))
        .route(
            "/am/metrics",
            get(|| async { Redirect::temporary("/metrics") }),
        )
        .nest("/am/api/v2", v2())
        .route("/am/api/v1/{*rest}", axum::routing::any(gone))
}

fn v2() -> Router<Arc<App>> {
    Router::new()
        .route("/status", asked(status::status))
        .route("/receivers", asked(status::receivers))
        .route("/alerts", asked(alerts::list).merge(told(alerts::post)))
        .route("/alerts/groups", asked(alerts::groups))
        .route(
            "/silences",
            asked(silences::list).merge(told(silences::post)),
        )
        .route(
            "/silence/{id}",
            asked(silences::one).delete(handler(silences::expire)),
        )
        .method_not_allowed_fallback(wrong_method)
        .fallback(not_found)
}

/// A request as its handler sees it.
#[derive(Debug)]
pub(super) struct AmCall {
    pub(super) app: Arc<App>,
    pub(super) alerting: Alerting,
    pub(super) params: Params,
    /// The last part of the path.
    pub(super) id: String,
    /// The body of a POST.
    pub(super) body: bytes::Bytes,
    /// Held until the answer is made: so many requests are answered at a time.
    _permit: OwnedSemaphorePermit,
}

impl AmCall {
    /// Looks at the machine.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Machine, i64) -> T) -> T {
        self.alerting.runner.look(look)
    }

    /// Does something with the machine and waits until it is durable.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Machine, i64) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let runner = self.alerting.runner.clone();
        let done = tokio::task::spawn_blocking(move || runner.with(work));
        match done.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(Refusal::internal(error)),
            Err(_) => Err(Refusal::internal("the request could not be carried out")),
        }
    }

    /// The matchers of the parameter `filter` or its relatives.
    pub(super) fn filter(&self, name: &str) -> Result<Vec<Matcher>, String> {
        let texts = self.params.all(name);
        texts
            .map(|text| parse_matcher(text).map_err(|error| error.to_string()))
            .collect()
    }

    /// The pattern of the parameter `receiver`.
    pub(super) fn receiver_filter(&self) -> Result<Option<Regexp>, Refusal> {
        match self.params.get("receiver") {
            "" => Ok(None),
            pattern => Regexp::anchored(pattern).map(Some).map_err(|error| {
                Refusal::bad(format_args!("failed to parse receiver param: {error}"))
            }),
        }
    }

    /// A switch; what is no boolean counts as `false`, as in Alertmanager.
    pub(super) fn switch(&self, name: &str) -> bool {
        match self.params.get(name) {
            "" => true,
            text => matches!(
                text.to_ascii_lowercase().as_str(),
                "true" | "1" | "yes" | "ok" | "y" | "on" | "selected" | "checked" | "t" | "enabled"
            ),
        }
    }
}

/// Whether labels satisfy a filter.
pub(super) fn passes(filter: &[Matcher], labels: &Labels) -> bool {
    filter.iter().all(|matcher| matcher.matches_labels(labels))
}

fn asked<F, Fut>(handle: F) -> MethodRouter<Arc<App>>
where
    F: Fn(AmCall) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, Refusal>> + Send + 'static,
{
    get(handler(handle))
}

fn told<F, Fut>(handle: F) -> MethodRouter<Arc<App>>
where
    F: Fn(AmCall) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, Refusal>> + Send + 'static,
{
    post(handler(handle))
}

/// A handler of axum around one of ours.
fn handler<F, Fut>(
    handle: F,
) -> impl Fn(State<Arc<App>>, Request) -> std::pin::Pin<Box<dyn Future<Output = Response> + Send>>
+ Clone
+ Send
+ Sync
+ 'static
where
    F: Fn(AmCall) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, Refusal>> + Send + 'static,
{
    move |State(app): State<Arc<App>>, request: Request| {
        let handle = handle.clone();
        Box::pin(async move {
            let answered = async { handle(call(app, request).await?).await };
            let mut response = answered.await.unwrap_or_else(IntoResponse::into_response);
            let no_store = axum::http::HeaderValue::from_static("no-store");
            response
                .headers_mut()
                .insert(header::CACHE_CONTROL, no_store);
            response
        })
    }
}

async fn call(app: Arc<App>, request: Request) -> Result<AmCall, Refusal> {
    let alerting = app.services().map_err(Refusal::Api)?.alerting.clone();
    let (parts, body) = request.into_parts();
    let last = parts.uri.path().rsplit('/').next().unwrap_or_default();
    let id = percent_encoding::percent_decode_str(last).decode_utf8_lossy();
    let (permit, body) = match parts.method {
        Method::POST => read_json(&app, &parts.headers, body).await?,
        _ => (turn(&app.catalog_gate).await?, bytes::Bytes::new()),
    };
    Ok(AmCall {
        params: Params::parse(parts.uri.query(), None),
        id: id.into_owned(),
        alerting,
        app,
        body,
        _permit: permit,
    })
}

async fn turn(gate: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Refusal> {
    acquire(gate).await.map_err(Refusal::Api)
}

async fn read_json(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<(OwnedSemaphorePermit, bytes::Bytes), Refusal> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .map_or("application/json".into(), |value| {
            String::from_utf8_lossy(value.as_bytes())
        });
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let code = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let message = format!(
            "unsupported media type {:?}, only [application/json] are allowed",
            bellwether_model::short(&kind)
        );
        return Err(Refusal::schema(code, 415, message));
    }
    let limits = &app.settings.limits;
    let refuse = |error: body::BodyError| {
        let code = error.status();
        Refusal::schema(code, code.as_u16(), error)
    };
    let read = body::read(headers, body, limits.body_bytes_max).await;
    let bytes = read.map_err(refuse)?;
    // Who sends slowly holds nobody up.
    let permit = turn(&app.write_gate).await?;
    let bytes = body::decompress(headers, bytes, limits.decompressed_bytes_max);
    Ok((permit, bytes.map_err(refuse)?))
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.is_ready() {
        text_response(StatusCode::OK, "OK")
    } else {
        app.not_ready()
    }
}

async fn reload(State(app): State<Arc<App>>) -> Response {
    match app.control.reload().await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(text) => text_response(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("failed to reload config: {text}"),
        ),
    }
}

async fn gone() -> Response {
    let text = "version 1 of the Alertmanager API is gone since Alertmanager 0.27: use /am/api/v2";
    let mut response = ApiError::new(ErrorType::NotFound, text).into_response();
    *response.status_mut() = StatusCode::GONE;
    response
}

async fn not_found(request: Request) -> Response {
    let path = request.uri().path();
    let message = format!(
        "path /am/api/v2{} was not found",
        bellwether_model::short(path)
    );
    Refusal::schema(StatusCode::NOT_FOUND, 404, message).into_response()
}

async fn wrong_method(request: Request) -> Response {
    let message = format!(
        "method {} is not allowed",
        bellwether_model::short(request.method().as_str())
    );
    Refusal::schema(StatusCode::METHOD_NOT_ALLOWED, 405, message).into_response()
}

/// An answer that `write` writes.
pub(super) fn answer(write: impl FnOnce(&mut JsonWriter)) -> Response {
    let mut json = JsonWriter::with_capacity(1024);
    write(&mut json);
    json_response(json.into_bytes())
}

/// A time as the API writes it: RFC 3339 with milliseconds.
pub(super) fn time_text(time_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(time_ms)
        .map(|time| time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
        .unwrap_or_else(|_| "9999-12-31T23:59:59.999Z".to_owned())
}
