//! Receiving remote write 1.0 and 2.0.
//!
//! ## Model
//! [`RemoteWriteReceiver::receive`] takes the three headers that matter and the body as it came,
//! and answers with a [`WriteResponse`]: status, what was written, and a text for people.
//!
//! ## Invariants
//! A series that the store knows costs a hash of its label bytes and a lookup; its labels are not
//! read. What is sound in a request is stored even if something else in it is not. Sending the
//! same request again changes nothing, so that senders may retry whatever they like.
//!
//! ## Limits
//! [`Limits`]: size of the body after decompression (checked before it is unpacked), and how many
//! samples and series a request may hold.
//!
//! ## Failure
//! 415 for what is not understood (2.0 senders fall back to 1.0), 400 for what will never be taken
//! (do not send again), 429 where a limit of the source is reached, 503 where the store cannot
//! take anything now.
//!
//! ## See also
//! <https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/>

mod v1;
mod v2;

use std::sync::Arc;

use bellwether_model::short;
use bellwether_storage::{ErrorKind, MetricStore, Source, StorageError};
use bellwether_telemetry::{Counter, Registry};
use bellwether_wire::{WireError, snappy};
use parking_lot::Mutex;

use crate::pending::{Pending, Report};
use crate::series_key::SeriesHasher;

/// What one request may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes after decompression. Default 32 MiB, as in Prometheus.
    pub body_bytes_max: usize,
    /// Series and samples together; a histogram counts as 16. Default 4 million, which is what
    /// fits into 32 MiB at 8 bytes each.
    pub items_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 32 << 20,
            items_max: 4 << 20,
        }
    }
}

/// The headers of a request that decide how its body is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestHead<'a> {
    /// `Content-Type`.
    pub content_type: Option<&'a str>,
    /// `Content-Encoding`.
    pub content_encoding: Option<&'a str>,
}

/// The version of the protocol that a body is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// `prometheus.WriteRequest`.
    V1,
    /// `io.prometheus.write.v2.Request`.
    V2,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriteStatus {
    /// Everything is stored.
    Stored,
    /// The content type or encoding is not one that is understood.
    Unsupported,
    /// The body is larger than is taken.
    TooLarge,
    /// The body, or something in it, is wrong; the rest is stored. Sending it again is no use.
    Invalid,
    /// A limit of the source is reached; the rest is stored. May be sent again later.
    Limited,
    /// Nothing counts as stored; may be sent again later.
    Unavailable,
    /// Nothing counts as stored, through a defect of ours.
    Internal,
}

impl WriteStatus {
    /// The HTTP status that the protocol asks for.
    #[must_use]
    pub fn http_status(self) -> u16 {
        match self {
            Self::Stored => 204,
            Self::Unsupported => 415,
            Self::TooLarge => 413,
            Self::Invalid => 400,
            Self::Limited => 429,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }

    fn of(error: &StorageError) -> Self {
        match error.kind() {
            ErrorKind::Limit => Self::Limited,
            ErrorKind::Invalid => Self::Invalid,
            ErrorKind::Unavailable | ErrorKind::Timeout => Self::Unavailable,
            _ => Self::Internal,
        }
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteResponse {
    /// What became of it.
    pub status: WriteStatus,
    /// The version of the body; `None` where it was not understood.
    pub version: Option<Version>,
    /// Floats that were stored.
    pub float_count: u64,
    /// Histograms that were stored.
    pub histogram_count: u64,
    /// Exemplars that were stored.
    pub exemplar_count: u64,
    /// A sentence for people; empty where everything is stored.
    pub message: String,
}

impl WriteResponse {
    /// The headers to send besides: the counts, which 2.0 wants on success and on failure, and
    /// when to come back.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = Vec::new();
        if self.version == Some(Version::V2) {
            let counts = [
                (
                    "x-prometheus-remote-write-samples-written",
                    self.float_count,
                ),
                (
                    "x-prometheus-remote-write-histograms-written",
                    self.histogram_count,
                ),
                (
                    "x-prometheus-remote-write-exemplars-written",
                    self.exemplar_count,
                ),
            ];
            headers.extend(counts.map(|(name, count)| (name, count.to_string())));
        }
        match self.status {
            WriteStatus::Limited => headers.push(("retry-after", "30".to_owned())),
            WriteStatus::Unavailable => headers.push(("retry-after", "5".to_owned())),
            _ => {}
        }
        headers
    }

    fn refused(status: WriteStatus, version: Option<Version>, message: String) -> Self {
        Self {
            status,
            version,
            float_count: 0,
            histogram_count: 0,
            exemplar_count: 0,
            message,
        }
    }
}

/// Memory that is kept between requests.
#[derive(Debug, Default)]
struct Scratch {
    body: Vec<u8>,
    pending: Pending,
    v1: v1::SeriesPlaces,
    v2: v2::SymbolTable,
}

/// A scratch whose buffers grew beyond this is dropped after use. Chosen: well above the 1 MiB of
/// a usual request of 2,000 samples.
const SCRATCH_BYTES_KEPT: usize = 8 << 20;
/// Scratches kept for later. Chosen: as many as requests are decoded at the same time.
const SCRATCH_COUNT_KEPT: usize = 64;

#[derive(Debug)]
struct Metrics {
    requests: [Arc<Counter>; 2],
    floats: Arc<Counter>,
    histograms: Arc<Counter>,
    exemplars: Arc<Counter>,
    refused_invalid: Arc<Counter>,
    refused_limit: Arc<Counter>,
    refused_exemplars: Arc<Counter>,
    failed: Arc<Counter>,
}

impl Metrics {
    fn new(registry: &Registry) -> Self {
        let requests = |version| {
            registry.counter(
                "bellwether_ingest_remote_write_requests_total",
                "Remote write requests by version of the protocol.",
                &[("version", version)],
            )
        };
        let stored = |kind| {
            registry.counter(
                "bellwether_ingest_remote_write_stored_total",
                "What remote write requests stored, by kind.",
                &[("kind", kind)],
            )
        };
        let refused = |reason| {
            registry.counter(
                "bellwether_ingest_remote_write_refused_total",
                "Samples of remote write requests that were refused, by reason.",
                &[("reason", reason)],
            )
        };
        Self {
            requests: [requests("1"), requests("2")],
            floats: stored("float"),
            histograms: stored("histogram"),
            exemplars: stored("exemplar"),
            refused_invalid: refused("invalid"),
            refused_limit: refused("limit"),
            refused_exemplars: refused("exemplar"),
            failed: registry.counter(
                "bellwether_ingest_remote_write_failed_total",
                "Remote write requests of which nothing counts as stored.",
                &[],
            ),
        }
    }
}

/// Receives requests of any number of senders at the same time.
#[derive(Debug)]
pub struct RemoteWriteReceiver {
    store: Arc<dyn MetricStore>,
    limits: Limits,
    hashers: [SeriesHasher; 2],
    /// Scratches that no request uses at the moment.
    scratches: Mutex<Vec<Scratch>>,
    metadata: Mutex<v2::MetadataSeen>,
    metrics: Metrics,
}

/// Places in a body are kept as 32-bit numbers.
const BODY_BYTES_MAX: usize = u32::MAX as usize;
/// Any numbers that no other format uses.
const V1_TAG: u64 = 0x5257_0001;
const V2_TAG: u64 = 0x5257_0002;

impl RemoteWriteReceiver {
    /// A receiver that writes into `store`.
    #[must_use]
    pub fn new(store: Arc<dyn MetricStore>, limits: Limits, registry: &Registry) -> Self {
        let seed = store.key_seed();
        Self {
            store,
            limits,
            hashers: [
                SeriesHasher::new(seed, V1_TAG),
                SeriesHasher::new(seed, V2_TAG),
            ],
            scratches: Mutex::default(),
            metadata: Mutex::default(),
            metrics: Metrics::new(registry),
        }
    }

    /// Stores a request. `body` is the body as it came, compressed.
    pub fn receive(&self, source: &Source, head: RequestHead<'_>, body: &[u8]) -> WriteResponse {
        let version = match negotiate(head) {
            Ok(version) => version,
            Err(message) => {
                self.metrics.failed.increment();
                return WriteResponse::refused(WriteStatus::Unsupported, None, message);
            }
        };
        let mut scratch = self.scratches.lock().pop().unwrap_or_default();
        let response = self.receive_into(&mut scratch, source, version, body);
        self.give_back(scratch);
        response
    }

    fn give_back(&self, scratch: Scratch) {
        if scratch.body.capacity() > SCRATCH_BYTES_KEPT {
            return;
        }
        let mut scratches = self.scratches.lock();
        if scratches.len() < SCRATCH_COUNT_KEPT {
            scratches.push(scratch);
        }
    }

    fn receive_into(
        &self,
        scratch: &mut Scratch,
        source: &Source,
        version: Version,
        body: &[u8],
    ) -> WriteResponse {
        let Scratch {
            body: buffer,
            pending,
            v1,
            v2,
        } = scratch;
        pending.clear();
        let mut report = Report::default();
        let stored = snappy::decode(body, self.limits.body_bytes_max.min(BODY_BYTES_MAX), buffer)
            .and_then(|message| {
                let store = &*self.store;
                let items_max = self.limits.items_max;
                match version {
                    Version::V1 => {
                        v1.decode(message, items_max, &self.hashers[0], pending)?;
                        pending.resolve(store);
                        let labels = v1.labels_of(message);
                        Ok(pending.commit(store, source, &labels, &mut report))
                    }
                    Version::V2 => {
                        v2.decode(message, items_max, &self.hashers[1], pending, &mut report)?;
                        pending.resolve(store);
                        v2.metadata(message, pending, &self.metadata);
                        let labels = v2.labels_of(message);
                        Ok(pending.commit(store, source, &labels, &mut report))
                    }
                }
            });
        self.answer(version, stored, report)
    }

    fn answer(
        &self,
        version: Version,
        stored: Result<Result<(), StorageError>, WireError>,
        report: Report,
    ) -> WriteResponse {
        let metrics = &self.metrics;
        metrics.requests[usize::from(version == Version::V2)].increment();
        let (status, message) = match stored {
            Err(error) => {
                metrics.failed.increment();
                let status = match error {
                    WireError::TooLarge { .. } | WireError::TooMany { .. } => WriteStatus::TooLarge,
                    _ => WriteStatus::Invalid,
                };
                return WriteResponse::refused(status, Some(version), error.to_string());
            }
            Ok(Err(error)) => {
                metrics.failed.increment();
                let status = WriteStatus::of(&error);
                return WriteResponse::refused(status, Some(version), error.to_string());
            }
            Ok(Ok(())) => status_of(&report),
        };
        metrics.floats.add(report.floats);
        metrics.histograms.add(report.histograms);
        metrics.exemplars.add(report.exemplars);
        metrics.refused_invalid.add(report.invalid);
        metrics.refused_limit.add(report.limited);
        metrics.refused_exemplars.add(report.exemplars_refused);
        WriteResponse {
            status,
            version: Some(version),
            float_count: report.floats,
            histogram_count: report.histograms,
            exemplar_count: report.exemplars,
            message,
        }
    }
}

/// A limit outweighs what is invalid: the sender should come back with the rest.
fn status_of(report: &Report) -> (WriteStatus, String) {
    if let Some(reason) = &report.first_limit {
        let text = format!("{} samples not stored: {reason}", report.limited);
        return (WriteStatus::Limited, text);
    }
    match &report.first_invalid {
        Some(reason) if report.invalid > 1 => {
            let text = format!("{} samples not stored; the first: {reason}", report.invalid);
            (WriteStatus::Invalid, text)
        }
        Some(reason) => (WriteStatus::Invalid, reason.clone()),
        None => (WriteStatus::Stored, String::new()),
    }
}

/// Which version a body is in, by its headers. Early senders of 1.0 leave both headers out.
fn negotiate(head: RequestHead<'_>) -> Result<Version, String> {
    let encoding = head.content_encoding.unwrap_or("").trim();
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("snappy") {
        return Err(format!(
            "content encoding {:?} is not supported, expected snappy",
            short(encoding)
        ));
    }
    let content_type = head.content_type.unwrap_or("").trim();
    let mut parts = content_type.split(';').map(str::trim);
    let media = parts.next().unwrap_or("");
    if !media.is_empty() && !media.eq_ignore_ascii_case("application/x-protobuf") {
        return Err(format!(
            "content type {:?} is not supported, expected application/x-protobuf",
            short(content_type)
        ));
    }
    for part in parts {
        let Some((key, value)) = part.split_once('=') else {
            return Err(format!(
                "content type {:?} has a parameter without a value",
                short(content_type)
            ));
        };
        if !key.trim().eq_ignore_ascii_case("proto") {
            continue;
        }
        return match value.trim().trim_matches('"') {
            "prometheus.WriteRequest" => Ok(Version::V1),
            "io.prometheus.write.v2.Request" => Ok(Version::V2),
            other => Err(format!(
                "message {:?} is not supported, expected prometheus.WriteRequest or \
                 io.prometheus.write.v2.Request",
                short(other)
            )),
        };
    }
    Ok(Version::V1)
}

#[cfg(test)]
mod tests;
