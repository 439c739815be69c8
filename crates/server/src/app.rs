//! The state that all handlers share, and how a handler gets at it.
//!
//! ## Invariants
//! Queries and questions to the catalogue run on blocking threads behind a semaphore each, so that
//! many clients queue instead of sharing two cores between a thousand threads. A query whose
//! client is gone is cancelled.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use axum::http::StatusCode;
use axum::response::Response;
use bellwether_storage::Clock;
use bellwether_telemetry::Registry;
use tokio::sync::{Semaphore, watch};

use crate::auth::Authenticator;
use crate::envelope::{ApiError, ErrorType, text_response};
use crate::live::Live;
use crate::own_metrics::HttpMetrics;
use crate::query_log::QueryLog;
use crate::receive::Receivers;
use crate::services::{BuildInfo, Control, Services};
use crate::settings::ServerSettings;

const STARTING: u8 = 0;
const READY: u8 = 1;
const STOPPING: u8 = 2;

/// Shared by all handlers.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) settings: ServerSettings,
    pub(crate) cors_origin: bellwether_model::Regexp,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) registry: Registry,
    pub(crate) build: BuildInfo,
    pub(crate) flags: Vec<(String, String)>,
    pub(crate) features: Vec<(String, String, bool)>,
    pub(crate) control: Arc<dyn Control>,
    pub(crate) auth: Authenticator,
    pub(crate) metrics: HttpMetrics,
    pub(crate) started_ms: i64,
    /// Those who follow what changes.
    pub(crate) live: Live,
    /// Bounds the queries that run at once.
    pub(crate) query_gate: Arc<Semaphore>,
    /// Bounds the questions to the catalogue that run at once.
    pub(crate) catalog_gate: Arc<Semaphore>,
    /// Bounds the writes that run at once, and with them the memory of decoded requests.
    pub(crate) write_gate: Arc<Semaphore>,
    /// Which queries run, and have run.
    pub(crate) queries: Arc<QueryLog>,
    /// One backtest runs at a time.
    pub(crate) backtest_gate: Arc<Semaphore>,
    /// Turns true when the server begins to stop.
    pub(crate) stopping: watch::Sender<bool>,
    pub(crate) state: AtomicU8,
    pub(crate) services: OnceLock<Services>,
    /// The receivers over the store of the services.
    pub(crate) receivers: OnceLock<Receivers>,
}

impl App {
    /// Whether requests are answered.
    pub(crate) fn is_ready(&self) -> bool {
        self.state.load(Ordering::Acquire) == READY
    }

    /// Whether the server is on its way out.
    pub(crate) fn is_stopping(&self) -> bool {
        self.state.load(Ordering::Acquire) == STOPPING
    }

    /// The word for how the server is.
    pub(crate) fn state_word(&self) -> &'static str {
        match self.state.load(Ordering::Acquire) {
            READY => "ready",
            STOPPING => "stopping",
            _ => "starting",
        }
    }

    /// Takes the services; from now on requests are answered.
    pub(crate) fn open(&self, services: Services) {
        if self.services.set(services).is_ok() {
            // Stopping is final, even where the store opened after all.
            self.state
                .compare_exchange(STARTING, READY, Ordering::AcqRel, Ordering::Acquire)
                .ok();
        }
    }

    /// Says no to new requests from now on.
    pub(crate) fn stop(&self) {
        self.state.store(STOPPING, Ordering::Release);
        self.stopping.send_replace(true);
    }

    /// The services, or the answer that says that they are not there.
    pub(crate) fn services(&self) -> Result<&Services, ApiError> {
        match (self.services.get(), self.is_stopping()) {
            (Some(services), false) => Ok(services),
            (_, true) => Err(ApiError::new(
                ErrorType::Unavailable,
                "the server is stopping",
            )),
            (None, false) => Err(ApiError::new(
                ErrorType::Unavailable,
                "the server is starting: its store is not open yet, see /-/ready",
            )),
        }
    }

    /// Runs a question to the catalogue on a blocking thread.
    pub(crate) async fn catalog<T: Send + 'static>(
        self: &Arc<Self>,
        ask: impl FnOnce(&Services) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let services = self.services()?.clone();
        let permit = acquire(&self.catalog_gate).await?;
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            ask(&services)
        });
        task.await.unwrap_or_else(|_| {
            Err(ApiError::new(
                ErrorType::Internal,
                "the request could not be answered",
            ))
        })
    }

    /// The answer of `/-/ready` and its relatives where the server is not ready.
    pub(crate) fn not_ready(&self) -> Response {
        let mut response = text_response(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
        let stopping = if self.is_stopping() { "true" } else { "false" };
        response.headers_mut().insert(
            "x-prometheus-stopping",
            axum::http::HeaderValue::from_static(stopping),
        );
        response
    }
}

/// Waits for its turn.
pub(crate) async fn acquire(
    gate: &Arc<Semaphore>,
) -> Result<tokio::sync::OwnedSemaphorePermit, ApiError> {
    Arc::clone(gate)
        .acquire_owned()
        .await
        .map_err(|_| ApiError::new(ErrorType::Unavailable, "the server is stopping"))
}
