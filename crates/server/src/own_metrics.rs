//! What the edge measures of itself: requests and their durations by handler and status code.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bellwether_telemetry::{Counter, DURATION_BOUNDS_SECONDS, Gauge, Histogram, Registry};
use parking_lot::RwLock;

use crate::app::App;

/// Cells of the edge.
#[derive(Debug)]
pub(crate) struct HttpMetrics {
    registry: Registry,
    /// Requests by handler and code. Bounded by the routes there are times the codes there are.
    requests: RwLock<HashMap<(String, u16), Arc<Counter>>>,
    /// Durations by handler.
    durations: RwLock<HashMap<String, Arc<Histogram>>>,
    /// Requests that have not been answered.
    pub(crate) in_flight: Arc<Gauge>,
    /// Connections that are open.
    pub(crate) connections: Arc<Gauge>,
    /// Queries that run now.
    pub(crate) queries_running: Arc<Gauge>,
    /// Queries that were cancelled because their client was gone.
    pub(crate) queries_cancelled: Arc<Counter>,
    /// Handlers that panicked.
    pub(crate) panics: Arc<Counter>,
}

impl HttpMetrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            registry: registry.clone(),
            requests: RwLock::default(),
            durations: RwLock::default(),
            in_flight: registry.gauge(
                "bellwether_http_requests_in_flight",
                "HTTP requests that have not been answered yet.",
                &[],
            ),
            connections: registry.gauge(
                "bellwether_http_connections",
                "Open connections of clients.",
                &[],
            ),
            queries_running: registry.gauge(
                "bellwether_queries_running",
                "PromQL queries that run now.",
                &[],
            ),
            queries_cancelled: registry.counter(
                "bellwether_queries_cancelled_total",
                "PromQL queries that were cancelled because their client hung up.",
                &[],
            ),
            panics: registry.counter(
                "bellwether_http_panics_total",
                "HTTP requests whose handler panicked. Each one is a defect worth reporting.",
                &[],
            ),
        }
    }

    fn observe(&self, handler: &str, code: u16, seconds: f64) {
        let known = self.durations.read().get(handler).cloned();
        let histogram = known.unwrap_or_else(|| {
            let made = self.registry.histogram(
                "bellwether_http_request_duration_seconds",
                "Time from the head of a request to the head of its answer.",
                &[("handler", handler)],
                &DURATION_BOUNDS_SECONDS,
            );
            self.durations
                .write()
                .insert(handler.to_owned(), Arc::clone(&made));
            made
        });
        histogram.observe(seconds);
        let key = (handler.to_owned(), code);
        let known = self.requests.read().get(&key).cloned();
        let counter = known.unwrap_or_else(|| {
            let made = self.registry.counter(
                "bellwether_http_requests_total",
                "HTTP requests that were answered.",
                &[("handler", handler), ("code", &code.to_string())],
            );
            self.requests.write().insert(key, Arc::clone(&made));
            made
        });
        counter.increment();
    }
}

/// Goes up when made and down when dropped, so that a request that is broken off counts too.
pub(crate) struct InFlight(pub(crate) Arc<Gauge>);

impl InFlight {
    pub(crate) fn enter(gauge: &Arc<Gauge>) -> Self {
        gauge.add(1.0);
        Self(Arc::clone(gauge))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.add(-1.0);
    }
}

/// Middleware that measures.
pub(crate) async fn measure(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let handler = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let in_flight = InFlight::enter(&app.metrics.in_flight);
    let started = Instant::now();
    let response = next.run(request).await;
    drop(in_flight);
    let seconds = started.elapsed().as_secs_f64();
    app.metrics
        .observe(&handler, response.status().as_u16(), seconds);
    response
}
