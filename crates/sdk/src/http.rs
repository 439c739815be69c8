//! Requests that a service answers, as numbers and with their trace.
//!
//! ## Model
//! An [`HttpLayer`] is put around a service of `tower`: a router of axum, a server of tonic, whatever
//! hyper serves. A request lasts from its arrival to the end of the answer's body, however long that
//! streams. What is counted, with the names that OpenTelemetry's conventions for HTTP have in
//! Prometheus:
//!
//! | Metric | Labels |
//! | --- | --- |
//! | `http_server_request_duration_seconds` | `http_request_method`, `http_route`, `http_response_status_code`, `error_type` |
//! | `http_server_response_body_size_bytes` | the same |
//! | `http_server_active_requests` | `http_request_method` |
//!
//! `error_type` is empty where all went well, the status for 500 and above, and otherwise what happened:
//! `cancelled` (whoever asked went away), `body` (the body broke off), `service` (no answer but an
//! error), `panic`.
//!
//! ## Trace
//! A request goes on with the trace of its header `traceparent`, or begins one. That trace is current
//! wherever the service or the body of its answer is polled: events, spans and exemplars carry its id.
//! Handlers find the [`TraceContext`](crate::TraceContext) in the extensions of the request too, for what
//! they do in other tasks.
//!
//! ## Limits
//! The path of a request is never a label: anybody could make as many series as he likes. The route is
//! what axum matched (feature `axum`), or what [`HttpLayer::with_route`] gives, or empty. Methods that
//! HTTP does not have are `_OTHER`.
//!
//! ## Failure
//! A panic of the service passes through; it is counted, and the request is not in flight any more.

mod body;
mod layer;
mod record;

pub use body::HttpBody;
pub use layer::{HttpFuture, HttpLayer, HttpService};
