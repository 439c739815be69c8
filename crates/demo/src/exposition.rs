//! The daemon's `/metrics` page in the three formats that scrapers ask for.
//!
//! ## Model
//! [`Format::for_accept`] picks a format by the scraper's `Accept` header; [`render`] writes it.
//! Prometheus text and OpenMetrics carry classic buckets, OpenMetrics also exemplars; protobuf
//! carries classic and native buckets, and exemplars.

mod protobuf;
mod text;

use bellwether_model::number::General;

use crate::family::{Family, HistogramPoint, Point, PointExemplar, PointValue};
use crate::recorder::{CellValue, Recorder};

/// How metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Length-delimited `io.prometheus.client.MetricFamily` messages.
    Protobuf,
}

impl Format {
    /// The format that an `Accept` header wants most; text where it names none that we have.
    #[must_use]
    pub fn for_accept(accept: &str) -> Self {
        let mut best = (0.0, Self::Text);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or("");
            let mut quality = 1.0;
            let mut is_ours = true;
            for (name, value) in parts.filter_map(|part| part.split_once('=')) {
                match name.trim() {
                    "q" => quality = value.trim().parse().unwrap_or(0.0),
                    "proto" => is_ours &= value == "io.prometheus.client.MetricFamily",
                    "encoding" => is_ours &= value == "delimited",
                    // Versions that are not ours are close enough to be asked for in vain: the
                    // answer says its own version.
                    _ => {}
                }
            }
            let format = match media {
                "application/vnd.google.protobuf" => Self::Protobuf,
                "application/openmetrics-text" => Self::OpenMetrics,
                "text/plain" | "text/*" | "*/*" => Self::Text,
                _ => continue,
            };
            if is_ours && quality > best.0 {
                best = (quality, format);
            }
        }
        best.1
    }

    /// The `Content-Type` of an answer.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                 encoding=delimited"
            }
        }
    }
}

/// Families as the body of an answer.
#[must_use]
pub fn render(families: &[Family], format: Format) -> Vec<u8> {
    match format {
        Format::Text => text::prometheus(families).into_bytes(),
        Format::OpenMetrics => text::open_metrics(families).into_bytes(),
        Format::Protobuf => protobuf::delimited(families),
    }
}

/// A bound as the value of the label `le`: `1.0`, `0.25`, `1e+06`, `+Inf`. Prometheus 3 writes whole
/// numbers with `.0` whatever the target wrote; doing so here keeps the history and the scrape the
/// same series in every server.
pub(crate) fn le(bound: f64) -> String {
    let text = General(bound).to_string();
    if text.contains(['.', 'e', 'I', 'N']) {
        text
    } else {
        format!("{text}.0")
    }
}

/// Families that have a point, in the order in which they were made.
pub(crate) fn families_of(recorder: &Recorder) -> Vec<Family> {
    let families = recorder
        .families()
        .iter()
        .filter(|family| !family.cells.is_empty());
    families
        .map(|family| Family {
            name: family.spec.name,
            help: family.spec.help,
            metric_type: family.spec.metric_type,
            points: family
                .cells
                .iter()
                .map(|cell| {
                    let cell = recorder.get(*cell);
                    Point {
                        labels: cell.labels.clone(),
                        value: point_value(&cell.value, family.spec.bounds),
                    }
                })
                .collect(),
        })
        .collect()
}

fn point_value(value: &CellValue, bounds: &'static [f64]) -> PointValue {
    match value {
        CellValue::Number(number) => PointValue::Number(*number),
        CellValue::Histogram(cell) => PointValue::Histogram(Box::new(HistogramPoint {
            bounds,
            counts: cell.counts.clone(),
            sum: cell.sum,
            native: cell.native.as_ref().map(|native| native.to_histogram()),
            exemplars: cell
                .exemplars
                .iter()
                .map(|exemplar| {
                    exemplar.map(|e| PointExemplar {
                        trace_id: e.trace_id,
                        value: e.value,
                        time_ms: e.time_ms,
                    })
                })
                .collect(),
        })),
    }
}

#[cfg(test)]
mod tests;
