//! What the daemon answers: `/metrics`, its health, `/state`, `/faults`, `/mcp`, `/ws`, and `/hook` for notifications
//! of alerts, as a chat would take them.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bellwether_sdk::health::HealthRegistry;
use bellwether_sdk::{Format, Level};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Semaphore, watch};

use super::fault_board::SECONDS_MAX;
use super::service::Service;
use super::state::{self, DemoState};
use super::{mcp, websocket};
use crate::faults::Fault;
use crate::provider::PROVIDERS;

/// What handlers share.
#[derive(Debug, Clone)]
pub(super) struct App {
    pub(super) service: Arc<Service>,
    pub(super) health: HealthRegistry,
    /// Of the providers.
    pub(super) addresses: [SocketAddr; PROVIDERS.len()],
    pub(super) stopped: watch::Receiver<bool>,
    /// Places of WebSockets.
    pub(super) sockets: Arc<Semaphore>,
}

pub(super) fn routes(app: &App) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/state", get(state))
        .route("/faults", get(faults).post(begin_fault))
        .route("/hook", post(|| async { "taken\n" }))
        .route("/ws", get(websocket::upgrade))
        .route("/mcp", post(mcp::post))
        .with_state(app.clone())
        .merge(bellwether_sdk::health::routes(&app.health))
}

async fn metrics(State(app): State<App>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
    let format = Format::of_accept(accept.unwrap_or_default());
    let body = app.service.backends().telemetry.render(format);
    ([(header::CONTENT_TYPE, format.content_type())], body).into_response()
}

async fn state(State(app): State<App>) -> Json<DemoState> {
    Json(state::of(&app))
}

async fn faults(State(app): State<App>) -> Json<serde_json::Value> {
    let names = Fault::ALL.map(Fault::name);
    Json(json!({ "known": names, "active": state::faults(app.service.backends()) }))
}

/// What `POST /faults` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BeginFault {
    fault: String,
    seconds: u64,
}

async fn begin_fault(
    State(app): State<App>,
    request: Result<Json<BeginFault>, JsonRejection>,
) -> Response {
    let wrong = |text: String| (StatusCode::BAD_REQUEST, Json(json!({ "error": text })));
    let request = match request {
        Ok(Json(request)) => request,
        Err(rejection) => {
            let example = r#"want JSON such as {"fault": "provider_down", "seconds": 60}"#;
            return wrong(format!("{}: {example}", rejection.body_text())).into_response();
        }
    };
    let Some(fault) = Fault::parse(&request.fault) else {
        let names = Fault::ALL.map(Fault::name).join(", ");
        return wrong(format!("fault {:?}: want one of {names}", request.fault)).into_response();
    };
    if !(1..=SECONDS_MAX).contains(&request.seconds) {
        let text = format!("seconds {}: want 1 to {SECONDS_MAX}", request.seconds);
        return wrong(text).into_response();
    }
    let backends = app.service.backends();
    backends.faults.begin(fault, request.seconds);
    let payload = json!({
        "fault": fault.name(), "target": fault.target(), "seconds": request.seconds,
    });
    let telemetry = &backends.telemetry;
    telemetry.emit("fault_began", payload, Level::Warning);
    Json(json!({ "active": state::faults(backends) })).into_response()
}
