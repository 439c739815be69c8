//! What a metric family says about itself: type, unit and help.

use std::fmt;

/// The type of a metric, with the words of OpenMetrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MetricType {
    /// Goes up only, or starts again at zero.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets, classic or native.
    Histogram,
    /// A histogram whose buckets go down too.
    GaugeHistogram,
    /// Quantiles computed at the source.
    Summary,
    /// Always 1, with its facts in labels.
    Info,
    /// One series a state, 0 or 1.
    StateSet,
    /// Not said.
    #[default]
    Unknown,
}

impl MetricType {
    /// The word for it in the Prometheus HTTP API and in OpenMetrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
            Self::Unknown => "unknown",
        }
    }

    /// The type for a word, `untyped` included; `None` for a word that is no type.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "counter" => Self::Counter,
            "gauge" => Self::Gauge,
            "histogram" => Self::Histogram,
            "gaugehistogram" => Self::GaugeHistogram,
            "summary" => Self::Summary,
            "info" => Self::Info,
            "stateset" => Self::StateSet,
            "unknown" | "untyped" => Self::Unknown,
            _ => return None,
        })
    }
}

impl fmt::Display for MetricType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is known of a metric family.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// The type of the family.
    pub metric_type: MetricType,
    /// The unit, such as `seconds`, or empty.
    pub unit: String,
    /// A sentence for people, or empty.
    pub help: String,
}
