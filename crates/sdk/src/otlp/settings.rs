//! What is pushed, and where to.

use std::fmt;
use std::time::Duration;

use crate::client::shown;
use crate::{MetricsSink, Settings};

/// How an [`OtlpSink`](super::OtlpSink) works.
#[derive(Clone, PartialEq)]
pub struct OtlpSettings {
    /// The URL in front of `/v1/logs`, such as `http://127.0.0.1:4318`. `https` needs the feature
    /// `https-probes`.
    pub endpoint: String,
    /// Headers that every request has, such as an authorization.
    pub headers: Vec<(String, String)>,
    /// The name of the service, `service.name`.
    pub service_name: String,
    /// Whether numbers are pushed too.
    pub pushes_numbers: bool,
    /// Time between two pushes of numbers.
    pub interval: Duration,
    /// How long a request may take.
    pub timeout: Duration,
    /// Bytes of events that wait, and as many of spans.
    pub queue_bytes_max: usize,
}

impl OtlpSettings {
    /// Everything, numbers each 15 seconds; ten seconds a request; 4 MiB that wait; the service has the
    /// name of its program.
    #[must_use]
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            headers: Vec::new(),
            service_name: program_name(),
            pushes_numbers: true,
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(10),
            queue_bytes_max: 4 << 20,
        }
    }

    /// The same with what the environment says.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let usual = Self::new(settings.endpoint.clone().unwrap_or_default());
        Self {
            headers: settings.endpoint_headers.0.clone(),
            service_name: settings
                .service_name
                .clone()
                .unwrap_or_else(|| usual.service_name.clone()),
            pushes_numbers: settings.metrics_sink == MetricsSink::Otlp,
            ..usual
        }
    }
}

/// As OpenTelemetry wants it where nobody gave a name.
fn program_name() -> String {
    let program = std::env::current_exe().ok();
    let name = program.as_deref().and_then(std::path::Path::file_name);
    match name {
        Some(name) => name.to_string_lossy().into_owned(),
        None => "unknown_service".to_owned(),
    }
}

impl fmt::Debug for OtlpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers may be secrets, and parts of the endpoint.
        f.debug_struct("OtlpSettings")
            .field("endpoint", &shown(&self.endpoint))
            .field("service_name", &self.service_name)
            .field("pushes_numbers", &self.pushes_numbers)
            .field("interval", &self.interval)
            .field("timeout", &self.timeout)
            .field("queue_bytes_max", &self.queue_bytes_max)
            .finish_non_exhaustive()
    }
}

/// Why nothing is pushed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtlpError {
    /// The endpoint, without user and query, is no URL that can be asked.
    #[error("the endpoint {0:?} of OTLP: want http:// or https://, no user, and a host")]
    Endpoint(String),
    /// `https` was not compiled in.
    #[error("the endpoint {0:?} of OTLP needs the feature https-probes of bellwether-sdk")]
    NoTls(String),
    /// A header cannot be sent as it is.
    #[error("the header {0:?} for OTLP: want a name of HTTP and a value of printable ASCII")]
    Header(String),
    /// There is no thread to be had.
    #[error("the thread that pushes telemetry cannot be started")]
    Thread(#[source] std::io::Error),
}
