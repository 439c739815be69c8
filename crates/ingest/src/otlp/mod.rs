//! Receiving OTLP metrics, translated as Prometheus does it.
//!
//! ## Model
//! [`OtlpReceiver::receive`] takes a body in protobuf or JSON (decompressed) and answers with
//! bytes in the same form; [`OtlpReceiver::export`] takes a decoded request, for gRPC. A data point
//! becomes one or more samples; the resource becomes `job`, `instance` and a `target_info` series.
//!
//! ## Invariants
//! Points that cannot be taken are counted and named in `partial_success`; the others are stored.
//!
//! ## Limits
//! [`Limits`]: size of the body, and the number of messages in it, counted before it is decoded.
//! A resource gets at most 1,000 `target_info` samples a request.
//!
//! ## Failure
//! 400 for a body that is not a request (do not send again), 429 where nothing could be taken
//! because a limit is reached, 503 where the store takes nothing now.
//!
//! ## See also
//! <https://opentelemetry.io/docs/specs/otlp/>

mod attributes;
mod delta;
mod json;
mod naming;
mod native;
mod settings;
mod size_check;
mod translate;

use std::sync::Arc;

use bellwether_codec::protobuf::Writer;
use bellwether_model::{Labels, short_to};
use bellwether_storage::{Clock, ErrorKind, MetricStore, Source, StorageError};
use bellwether_telemetry::{Counter, Registry};
use parking_lot::{Mutex, RwLock};
use prost::Message as _;

pub use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
pub use settings::{DeltaHandling, OtlpSettings, Promotion, TranslationStrategy};

use crate::pending::{Pending, Report, SeriesLabels};
use crate::series_key::SeriesHasher;
use delta::Cumulator;
use json::JsonError;
use translate::Translation;

/// What one request may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes after decompression. Default 32 MiB.
    pub body_bytes_max: usize,
    /// Messages (resources, metrics, points, attributes, exemplars). Default 2 million, which is
    /// about 200 MiB decoded.
    pub messages_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 32 << 20,
            messages_max: 2 << 20,
        }
    }
}

/// The form of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

impl Encoding {
    /// The form for a `Content-Type`; `None` for any other.
    #[must_use]
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        let media = content_type.split(';').next().unwrap_or("").trim();
        if media.eq_ignore_ascii_case("application/x-protobuf")
            || media.eq_ignore_ascii_case("application/protobuf")
        {
            return Some(Self::Protobuf);
        }
        media
            .eq_ignore_ascii_case("application/json")
            .then_some(Self::Json)
    }

    /// The `Content-Type` of an answer.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OtlpStatus {
    /// What can be stored is stored; the rest is counted.
    Done,
    /// The body is not a request. Sending it again is no use.
    Invalid,
    /// The body is larger than is taken.
    TooLarge,
    /// Nothing is stored because a limit is reached; may be sent again later.
    Limited,
    /// Nothing counts as stored; may be sent again later.
    Unavailable,
    /// Nothing counts as stored, through a defect of ours.
    Internal,
}

impl OtlpStatus {
    /// The HTTP status.
    #[must_use]
    pub fn http_status(self) -> u16 {
        match self {
            Self::Done => 200,
            Self::Invalid => 400,
            Self::TooLarge => 413,
            Self::Limited => 429,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }

    /// The number of the gRPC status.
    #[must_use]
    pub fn grpc_code(self) -> u32 {
        match self {
            Self::Done => 0,
            Self::Invalid => 3,
            Self::TooLarge | Self::Limited => 8,
            Self::Unavailable => 14,
            Self::Internal => 13,
        }
    }
}

/// What became of a request, and of how many data points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpOutcome {
    /// What became of it.
    pub status: OtlpStatus,
    /// Data points that are stored.
    pub accepted_count: u64,
    /// Data points that are not.
    pub rejected_count: u64,
    /// A sentence for people: why points were rejected, or a warning; may be empty.
    pub message: String,
}

impl OtlpOutcome {
    fn failed(status: OtlpStatus, message: String) -> Self {
        Self {
            status,
            accepted_count: 0,
            rejected_count: 0,
            message,
        }
    }

    /// The body of the HTTP answer in the form of the request: an
    /// `ExportMetricsServiceResponse`, or a `google.rpc.Status` where the request failed.
    #[must_use]
    pub fn body(&self, encoding: Encoding) -> Vec<u8> {
        let done = self.status == OtlpStatus::Done;
        let quiet = done && self.rejected_count == 0 && self.message.is_empty();
        match encoding {
            Encoding::Protobuf => {
                let mut out = Vec::new();
                let mut writer = Writer::new(&mut out);
                if !done {
                    writer.varint(1, u64::from(self.status.grpc_code()));
                    writer.bytes(2, self.message.as_bytes());
                } else if !quiet {
                    writer.message(1, |writer| {
                        writer.varint(1, self.rejected_count);
                        writer.bytes(2, self.message.as_bytes());
                    });
                }
                out
            }
            Encoding::Json if !done => {
                let code = self.status.grpc_code();
                serde_json::json!({ "code": code, "message": self.message })
                    .to_string()
                    .into()
            }
            Encoding::Json if quiet => b"{}".to_vec(),
            Encoding::Json => serde_json::json!({ "partialSuccess": {
                "rejectedDataPoints": self.rejected_count.to_string(),
                "errorMessage": self.message,
            }})
            .to_string()
            .into(),
        }
    }
}

/// Receives requests of any number of senders at the same time.
#[derive(Debug)]
pub struct OtlpReceiver {
    store: Arc<dyn MetricStore>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    /// Replaced as a whole when the configuration is loaded again.
    settings: RwLock<Arc<OtlpSettings>>,
    hasher: SeriesHasher,
    /// Running totals of differences; held while one request with differences is translated.
    cumulator: Mutex<Cumulator>,
    accepted: Arc<Counter>,
    rejected: Arc<Counter>,
    failed: Arc<Counter>,
}

/// Characters that are shown of what a decoder says. Chosen.
const REASON_CHARS_SHOWN: usize = 512;
/// Any number that no other format uses.
const OTLP_TAG: u64 = 0x4f54_4c50;

impl OtlpReceiver {
    /// A receiver that writes into `store`.
    #[must_use]
    pub fn new(
        store: Arc<dyn MetricStore>,
        clock: Arc<dyn Clock>,
        settings: OtlpSettings,
        limits: Limits,
        registry: &Registry,
    ) -> Self {
        let points = |outcome| {
            registry.counter(
                "bellwether_ingest_otlp_points_total",
                "Data points of OTLP metrics by what became of them.",
                &[("outcome", outcome)],
            )
        };
        Self {
            hasher: SeriesHasher::new(store.key_seed(), OTLP_TAG),
            store,
            clock,
            limits,
            settings: RwLock::new(Arc::new(settings)),
            cumulator: Mutex::default(),
            accepted: points("accepted"),
            rejected: points("rejected"),
            failed: registry.counter(
                "bellwether_ingest_otlp_failed_total",
                "OTLP metrics requests of which nothing counts as stored.",
                &[],
            ),
        }
    }

    /// Takes other settings from the next request on.
    pub fn apply(&self, settings: OtlpSettings) {
        *self.settings.write() = Arc::new(settings);
    }

    /// Stores a request. `body` is decompressed.
    pub fn receive(&self, source: &Source, encoding: Encoding, body: &[u8]) -> OtlpOutcome {
        match self.decode(encoding, body) {
            Ok(request) => self.export(source, &request),
            Err((status, message)) => {
                self.failed.increment();
                OtlpOutcome::failed(status, message)
            }
        }
    }

    fn decode(
        &self,
        encoding: Encoding,
        body: &[u8],
    ) -> Result<ExportMetricsServiceRequest, (OtlpStatus, String)> {
        let Limits {
            body_bytes_max,
            messages_max,
        } = self.limits;
        if body.len() > body_bytes_max {
            let text = format!(
                "body of {} bytes is above the limit of {body_bytes_max}",
                body.len()
            );
            return Err((OtlpStatus::TooLarge, text));
        }
        // A parser of JSON repeats a text that stands where none should.
        let invalid = |text: String| {
            let text = short_to(&text, REASON_CHARS_SHOWN);
            (OtlpStatus::Invalid, format!("not OTLP metrics: {text}"))
        };
        let rewritten;
        let message = match encoding {
            Encoding::Protobuf => body,
            Encoding::Json => {
                rewritten = json::to_protobuf(body, body_bytes_max).map_err(|e| match e {
                    JsonError::Invalid(text) => invalid(text),
                    JsonError::TooLarge => {
                        let text = format!("as protobuf the body is above {body_bytes_max} bytes");
                        (OtlpStatus::TooLarge, text)
                    }
                })?;
                rewritten.as_slice()
            }
        };
        let count = size_check::count(message, messages_max).map_err(|e| invalid(e.to_string()))?;
        if count.is_none() {
            let text = format!("body holds more than {messages_max} messages, or nests too deep");
            return Err((OtlpStatus::TooLarge, text));
        }
        ExportMetricsServiceRequest::decode(message).map_err(|e| invalid(e.to_string()))
    }

    /// Stores a decoded request.
    pub fn export(&self, source: &Source, request: &ExportMetricsServiceRequest) -> OtlpOutcome {
        let settings = Arc::clone(&self.settings.read());
        let mut translation = Translation::new(&settings, &self.hasher, self.clock.now_ms());
        if settings.delta == DeltaHandling::Cumulate {
            let mut cumulator = self.cumulator.lock();
            cumulator.sweep(self.clock.now_ms());
            translation.translate(request, Some(&mut cumulator));
        } else {
            translation.translate(request, None);
        }
        let Translation {
            mut pending,
            labels,
            points,
            rejected,
            mut notes,
            ..
        } = translation;
        let mut report = Report::default();
        let stored = self.store_pending(&mut pending, &LabelsOf(&labels), source, &mut report);
        if let Err(error) = stored {
            self.failed.increment();
            let status = match error.kind() {
                ErrorKind::Limit => OtlpStatus::Limited,
                ErrorKind::Invalid => OtlpStatus::Invalid,
                ErrorKind::Unavailable | ErrorKind::Timeout => OtlpStatus::Unavailable,
                _ => OtlpStatus::Internal,
            };
            return OtlpOutcome::failed(status, error.to_string());
        }
        notes.extend(report.first_limit.clone());
        notes.extend(report.first_invalid.clone());
        let message = notes.join("; ");
        // A histogram is several samples: a request cannot lose more points than it has.
        let rejected_count = points.min(rejected + report.invalid + report.limited);
        let accepted_count = points - rejected_count;
        self.accepted.add(accepted_count);
        self.rejected.add(rejected_count);
        if report.limited > 0 && accepted_count == 0 {
            return OtlpOutcome::failed(OtlpStatus::Limited, message);
        }
        OtlpOutcome {
            status: OtlpStatus::Done,
            accepted_count,
            rejected_count,
            message,
        }
    }

    fn store_pending(
        &self,
        pending: &mut Pending,
        labels: &LabelsOf<'_>,
        source: &Source,
        report: &mut Report,
    ) -> Result<(), StorageError> {
        pending.resolve(&*self.store);
        pending.commit(&*self.store, source, labels, report)
    }
}

struct LabelsOf<'a>(&'a [Labels]);

impl SeriesLabels for LabelsOf<'_> {
    fn labels(&self, series_index: usize) -> Result<Labels, String> {
        Ok(self.0[series_index].clone())
    }
}

#[cfg(test)]
mod tests;
