//! All numbers in the formats that Prometheus servers read.
//!
//! ## Model
//! Families are written one after another: as text (Prometheus 0.0.4, OpenMetrics 1.0) or as protobuf,
//! the only one of them with native histograms.
//!
//! ## Invariants
//! Nobody who counts waits for a reader.
//!
//! ## See also
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>,
//! <https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md>

pub(crate) mod protobuf;
#[cfg(feature = "axum")]
mod routes;
mod scrape;
mod text;

use crate::histogram::HistogramSnapshot;

#[cfg(feature = "axum")]
pub use routes::metrics_routes;
pub use scrape::MetricsResponse;
pub(crate) use text::{Text, label_text};

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Prometheus,
    /// OpenMetrics text 1.0.
    OpenMetrics,
    /// `io.prometheus.client.MetricFamily`, delimited by lengths.
    Protobuf,
}

impl Format {
    /// The best of the formats that a client asks for in `Accept`.
    #[must_use]
    pub fn of_accept(accept: &str) -> Self {
        let mut best = (Self::Prometheus, 0.0);
        for part in accept.split(',') {
            let mut pieces = part.split(';').map(str::trim);
            let kind = pieces.next().unwrap_or_default();
            let mut quality = 1.0;
            let (mut is_family, mut is_delimited) = (false, false);
            for piece in pieces {
                match piece.split_once('=') {
                    Some(("q", value)) => quality = value.parse().unwrap_or(0.0),
                    Some(("proto", value)) => {
                        is_family = value == "io.prometheus.client.MetricFamily"
                    }
                    Some(("encoding", value)) => is_delimited = value == "delimited",
                    _ => {}
                }
            }
            let format = match kind {
                "application/vnd.google.protobuf" if is_family && is_delimited => Self::Protobuf,
                "application/openmetrics-text" => Self::OpenMetrics,
                "text/plain" | "text/*" | "*/*" => Self::Prometheus,
                _ => continue,
            };
            // Of two that are as welcome the first counts.
            if quality > best.1 {
                best = (format, quality);
            }
        }
        best.0
    }

    /// The value of `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }
}

/// What a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How values are spread.
    Histogram,
}

/// What a series holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// How many.
    Count(u64),
    /// How much.
    Number(f64),
    /// How it is spread.
    Histogram(Box<HistogramSnapshot>),
}

impl Value {
    /// As one number; the count of a histogram.
    #[must_use]
    pub fn as_f64(&self) -> f64 {
        match self {
            Self::Count(count) => *count as f64,
            Self::Number(number) => *number,
            Self::Histogram(histogram) => histogram.count as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_what_they_ask_for() {
        let prometheus_3 = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                            encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,\
                            text/plain;version=0.0.4;q=0.4,*/*;q=0.2";
        for (accept, want) in [
            (prometheus_3, Format::Protobuf),
            (
                "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;q=0.5",
                Format::OpenMetrics,
            ),
            ("text/html,*/*;q=0.1", Format::Prometheus),
            ("", Format::Prometheus),
            ("application/vnd.google.protobuf", Format::Prometheus),
            (
                "application/openmetrics-text;q=x, text/plain;q=0.1",
                Format::Prometheus,
            ),
        ] {
            assert_eq!(Format::of_accept(accept), want, "{accept}");
        }
    }
}
