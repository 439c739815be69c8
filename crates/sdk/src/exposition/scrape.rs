//! What a Prometheus server gets.

use crate::{Format, Telemetry};

/// An answer to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsResponse {
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl Telemetry {
    /// All numbers in the best of the formats that a client asks for in `Accept`; an empty one asks for
    /// text. Where this is off there are none.
    ///
    /// ```
    /// use bellwether_sdk::{SERIES_MAX_DEFAULT, Telemetry};
    ///
    /// let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
    /// let answer = telemetry.respond("application/openmetrics-text");
    /// assert!(answer.content_type.starts_with("application/openmetrics-text"));
    /// assert!(answer.body.ends_with(b"# EOF\n"));
    /// ```
    #[must_use]
    pub fn respond(&self, accept: &str) -> MetricsResponse {
        let format = Format::of_accept(accept);
        MetricsResponse {
            content_type: format.content_type(),
            body: self.render(format),
        }
    }
}
