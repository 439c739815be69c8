//! One request as it is counted.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use serde_json::Map;

use crate::span::{EndedSpan, SpanKind};
use crate::trace::TraceContext;
use crate::{
    Buckets, Clock, DURATION_BOUNDS_SECONDS, Family, Gauge, Histogram, InFlight, Telemetry,
};

/// The families of all requests.
#[derive(Debug)]
pub(super) struct HttpMetrics {
    telemetry: Telemetry,
    clock: Arc<dyn Clock>,
    /// Method, route, status, type of error.
    durations: Family<Histogram, 4>,
    sizes: Family<Histogram, 4>,
    /// Method.
    active: Family<Gauge, 1>,
}

const LABELS: [&str; 4] = [
    "http_request_method",
    "http_route",
    "http_response_status_code",
    "error_type",
];

/// Upper bounds for bodies: 64 B to 256 MiB. Chosen: from a bare status to a file, four times as much each.
const SIZE_BOUNDS_BYTES: [f64; 12] = [
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
];

impl HttpMetrics {
    pub(super) fn new(telemetry: &Telemetry, clock: Arc<dyn Clock>) -> Self {
        Self {
            telemetry: telemetry.clone(),
            clock,
            durations: telemetry.histogram_family(
                "http_server_request_duration_seconds",
                "How long requests took, to the end of the answer's body.",
                LABELS,
                Buckets::Both(&DURATION_BOUNDS_SECONDS),
            ),
            sizes: telemetry.histogram_family(
                "http_server_response_body_size_bytes",
                "Bytes of bodies of answers, as far as they were sent.",
                LABELS,
                Buckets::Both(&SIZE_BOUNDS_BYTES),
            ),
            active: telemetry.gauge_family(
                "http_server_active_requests",
                "Requests that are being answered.",
                ["http_request_method"],
            ),
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With its whole answer.
    Whole,
    /// Whoever asked went away.
    Cancelled,
    /// The body of the answer broke off.
    Body,
    /// The service gave an error instead of an answer.
    Service,
}

/// A request that is being answered. Dropped before it ended, it was cancelled, or its service panicked.
#[derive(Debug)]
pub(super) struct Record {
    metrics: Arc<HttpMetrics>,
    began: Instant,
    pub(super) context: TraceContext,
    parent_span_id: u64,
    method: &'static str,
    route: Cow<'static, str>,
    status: Option<StatusCode>,
    body_bytes: u64,
    is_ended: bool,
    _active: InFlight,
}

impl Record {
    pub(super) fn begin(
        metrics: &Arc<HttpMetrics>,
        method: &Method,
        route: Cow<'static, str>,
        parent: TraceContext,
    ) -> Self {
        let method = method_name(method);
        Self {
            began: Instant::now(),
            context: parent.child(),
            parent_span_id: parent.span_id,
            method,
            route,
            status: None,
            body_bytes: 0,
            is_ended: false,
            _active: metrics.active.with([method]).track(),
            metrics: Arc::clone(metrics),
        }
    }

    pub(super) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    pub(super) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// More of the body was sent.
    pub(super) fn sent(&mut self, bytes: u64) {
        self.body_bytes += bytes;
    }

    pub(super) fn sent_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Counts it. Only the first end counts.
    pub(super) fn end(&mut self, end: End) {
        if std::mem::replace(&mut self.is_ended, true) {
            return;
        }
        let status = self.status.as_ref().map_or("", StatusCode::as_str);
        let is_server_error = self.status.is_some_and(|status| status.is_server_error());
        let error = match end {
            End::Whole if is_server_error => status,
            End::Whole => "",
            End::Cancelled if std::thread::panicking() => "panic",
            End::Cancelled => "cancelled",
            End::Body => "body",
            End::Service => "service",
        };
        let labels = [self.method, &self.route, status, error];
        let duration = self.began.elapsed();
        let durations = self.metrics.durations.with(labels);
        let seconds = duration.as_secs_f64();
        durations.observe_traced(seconds, self.context.trace_id, self.metrics.clock.now_ms());
        if self.status.is_some() {
            let sizes = self.metrics.sizes.with(labels);
            sizes.observe(self.body_bytes as f64);
        }
        if self.metrics.telemetry.takes_spans() {
            self.tell_span(labels, duration);
        }
    }

    fn tell_span(&self, [method, route, status, error]: [&str; 4], duration: Duration) {
        let mut attributes = Map::new();
        for (name, value) in [
            ("http.request.method", method),
            ("http.route", route),
            ("error.type", error),
        ] {
            if !value.is_empty() {
                attributes.insert(name.to_owned(), value.into());
            }
        }
        if let Ok(status) = status.parse::<u16>() {
            attributes.insert("http.response.status_code".to_owned(), status.into());
        }
        self.metrics.telemetry.span(&EndedSpan {
            context: self.context,
            parent_span_id: self.parent_span_id,
            name: format!("{method} {route}").trim_end(),
            kind: SpanKind::Server,
            duration,
            attributes: &attributes,
            is_error: !error.is_empty(),
        });
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.end(End::Cancelled);
    }
}

/// Methods that are known by name; anybody may make up others.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::PATCH => "PATCH",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}
