//! The formats in which targets expose their metrics.
//!
//! ## Model
//! A parser walks over a body once and hands what it finds to a [`Sink`]: metadata of families and
//! samples. It does not build labels: a [`Sample`] carries the bytes that name its series, and only
//! a sink that meets them for the first time asks [`series_labels`] for what they mean. A sink may
//! even say which bytes it expects next; then the parser compares instead of scanning.
//!
//! ## Invariants
//! Bytes of a body are untrusted: each parser ends with an error or at the end of the body, moves
//! forward with each step, and allocates nothing that the body did not pay for with bytes.
//!
//! ## See also
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>,
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>.

mod buckets;
mod nhcb;
mod protobuf;
mod series;
#[cfg(test)]
mod tests;
mod text;

use bellwether_codec::protobuf::ProtobufError;
use bellwether_model::{Exemplar, Histogram, MetricType, short};
use bellwether_storage::ErrorKind;

pub use buckets::{limit_buckets, limit_schema, schema_for_factor};
pub use series::series_labels;

use crate::error::ScrapeError;
use crate::settings::ScrapeProtocol;

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text, 0.0.4 or 1.0.0.
    PrometheusText,
    /// OpenMetrics text, 0.0.1 or 1.0.0.
    OpenMetrics,
    /// Delimited protobuf messages of Prometheus.
    Protobuf,
}

impl Format {
    /// The format that a `Content-Type` header names, or `fallback` where it names none.
    ///
    /// # Errors
    /// Where the header is absent or names another format and there is no fallback.
    pub fn of_content_type(
        content_type: Option<&str>,
        fallback: Option<ScrapeProtocol>,
    ) -> Result<Self, ExpositionError> {
        let content_type = content_type.unwrap_or("");
        let media_type = content_type.split(';').next().unwrap_or("").trim();
        if media_type.eq_ignore_ascii_case("text/plain") {
            return Ok(Self::PrometheusText);
        }
        if media_type.eq_ignore_ascii_case("application/openmetrics-text") {
            return Ok(Self::OpenMetrics);
        }
        if media_type.eq_ignore_ascii_case("application/vnd.google.protobuf") {
            return Ok(Self::Protobuf);
        }
        match fallback {
            Some(ScrapeProtocol::PrometheusProto) => Ok(Self::Protobuf),
            Some(ScrapeProtocol::OpenMetricsText001 | ScrapeProtocol::OpenMetricsText100) => {
                Ok(Self::OpenMetrics)
            }
            Some(ScrapeProtocol::PrometheusText004 | ScrapeProtocol::PrometheusText100) => {
                Ok(Self::PrometheusText)
            }
            None => Err(ExpositionError::ContentType {
                content_type: content_type.to_owned(),
            }),
        }
    }
}

/// What becomes of histograms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HistogramOptions {
    /// Take native histograms.
    pub native: bool,
    /// Take the classic form of a histogram that is also taken as a native one.
    pub always_classic: bool,
    /// Turn classic histograms into native ones with custom buckets.
    pub classic_to_nhcb: bool,
}

/// Why a body is not what its format says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpositionError {
    /// A line of text is wrong.
    #[error("line {line}: expected {expected}, found {found}")]
    Line {
        /// From 1.
        line: usize,
        /// What should stand there.
        expected: &'static str,
        /// What stands there, shortened.
        found: String,
    },
    /// A protobuf message is wrong.
    #[error("message {message} (metric family {family:?}): {reason}")]
    Message {
        /// Which message, from 1.
        message: usize,
        /// Name of the metric family, as far as it was read.
        family: String,
        /// What is wrong.
        reason: String,
    },
    /// The answer does not say in which format it is.
    #[error(
        "content type {:?} is not an exposition format and the job has no fallback_scrape_protocol",
        short(content_type)
    )]
    ContentType {
        /// The header's value, empty where there was none.
        content_type: String,
    },
    /// The bytes that name a series do not parse.
    #[error("series {series}: expected {expected}")]
    Series {
        /// The bytes, shortened.
        series: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// A label is there twice.
    #[error("series {series}: label {label:?} is there twice")]
    DuplicateLabel {
        /// The bytes, shortened.
        series: String,
        /// The label.
        label: String,
    },
}

impl ExpositionError {
    /// What the error means for a caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    pub(crate) fn message(message: usize, family: &str, reason: &ProtobufError) -> Self {
        Self::Message {
            message,
            family: short(family).to_string(),
            reason: reason.to_string(),
        }
    }
}

/// One sample of a body.
#[derive(Debug)]
pub struct Sample<'a> {
    /// The bytes that name the series; [`series_labels`] reads them.
    pub series: &'a [u8],
    /// Whether `series` is what [`Sink::expected`] said.
    pub as_expected: bool,
    /// The type of the family, as far as the body said.
    pub family_type: MetricType,
    /// The sample's own time in milliseconds.
    pub timestamp_ms: Option<i64>,
    /// When the counter started, in milliseconds; 0: not known.
    pub start_ms: i64,
    /// The value.
    pub value: SampleValue,
    /// Exemplars that came with it. Those without a time of their own have time 0.
    pub exemplars: &'a [Exemplar],
}

/// The value of a sample.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleValue {
    /// A float.
    Float(f64),
    /// A native histogram.
    Histogram(Box<Histogram>),
}

/// A piece of metadata, as it stands in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataPiece<'a> {
    /// The type.
    Type(MetricType),
    /// The help text; `escaped` says whether `\\` and `\n` stand for others.
    Help {
        /// The text, not checked to be UTF-8.
        text: &'a [u8],
        /// Whether it came escaped.
        escaped: bool,
    },
    /// The unit.
    Unit(&'a [u8]),
}

/// Takes what a parser finds.
pub trait Sink {
    /// The bytes of the series that probably comes next. A wrong guess costs a comparison.
    fn expected(&self) -> Option<&[u8]>;

    /// A piece of metadata of a family.
    fn metadata(&mut self, family: &[u8], piece: MetadataPiece<'_>);

    /// A sample.
    ///
    /// # Errors
    /// Ends the parse with this error.
    fn sample(&mut self, sample: Sample<'_>) -> Result<(), ScrapeError>;
}

/// Parses a body.
///
/// # Errors
/// The first thing that is wrong with the body, or what the sink answered.
pub fn parse<S: Sink>(
    format: Format,
    histograms: HistogramOptions,
    body: &[u8],
    sink: &mut S,
) -> Result<(), ScrapeError> {
    match format {
        Format::Protobuf => protobuf::parse(body, histograms, sink),
        Format::PrometheusText | Format::OpenMetrics => {
            let dialect = match format {
                Format::OpenMetrics => text::Dialect::OpenMetrics,
                _ => text::Dialect::Prometheus,
            };
            if histograms.classic_to_nhcb {
                let mut converting = nhcb::Converting::new(sink, histograms.always_classic);
                text::parse(body, dialect, &mut converting)?;
                return converting.finish();
            }
            text::parse(body, dialect, sink)
        }
    }
}
