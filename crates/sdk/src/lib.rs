//! Telemetry, health and worker pools for services: off unless switched on, cheap when on.
//!
//! ## Model
//! A [`Telemetry`] gives out metrics, which a service keeps and counts with; [`Telemetry::render`] shows
//! them to Prometheus.
//!
//! ```
//! use bellwether_sdk::{Buckets, Format, SERIES_MAX_DEFAULT, Telemetry};
//!
//! let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
//! let requests = telemetry.counter_family("requests", "Requests taken.", ["route"]);
//! let seconds = telemetry.histogram("request_seconds", "How long they took.", Buckets::Native);
//! {
//!     let _timer = seconds.start_timer();
//!     requests.with(["/chat"]).increment();
//! }
//! let text = String::from_utf8(telemetry.render(Format::Prometheus))?;
//! assert!(text.contains("requests_total{route=\"/chat\"} 1\n"));
//! # Ok::<(), std::string::FromUtf8Error>(())
//! ```
//!
//! ## Invariants
//! Nothing panics, nothing blocks whoever counts, memory is bounded by the limits of [`Telemetry`].
//!
//! ## See also
//! ADR 0005.

pub mod ai;
mod append_list;
pub mod breaker;
mod buckets;
mod cells;
mod client;
#[cfg(feature = "https-probes")]
mod client_tls;
mod clock;
mod counter;
mod event;
mod exposition;
mod family;
mod gauge;
pub mod health;
mod histogram;
#[cfg(feature = "tower")]
pub mod http;
mod layer;
mod numbers;
pub mod objective;
#[cfg(feature = "otlp")]
mod otlp;
pub mod pool;
mod settings;
mod sink;
mod span;
mod telemetry;
mod trace;
mod wire;

pub use clock::{Clock, SystemClock};
pub use counter::{Counter, FloatCounter};
pub use event::{Event, Level};
#[cfg(feature = "axum")]
pub use exposition::metrics_routes;
pub use exposition::{Format, Kind, MetricsResponse, Value};
pub use family::{Family, Metric, OVERFLOW};
pub use gauge::{Gauge, InFlight};
pub use histogram::{
    Buckets, DURATION_BOUNDS_SECONDS, Exemplar, Histogram, HistogramSnapshot, Timer,
};
pub use layer::TelemetryLayer;
pub use numbers::FamilySnapshot;
#[cfg(feature = "otlp")]
pub use otlp::{OtlpError, OtlpSettings, OtlpSink};
pub use settings::{EndpointHeaders, MetricsSink, Settings, SettingsError};
pub use sink::{FileSettings, FileSink, FileSinkError, FlushError, Fsync, Rotation, Sink};
pub use span::{EnteredSpan, Span, SpanKind, Spans};
pub use telemetry::{SERIES_MAX_DEFAULT, StartError, Telemetry};
pub use trace::TraceContext;

/// The tutorial, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/user/sdk.md")]
struct Tutorial;
