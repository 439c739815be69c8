//! Stored samples in and out as OpenMetrics, and compaction on demand.
//!
//! ## Limits
//! An import takes bodies as large as the settings allow; the command line cuts larger files into
//! parts. An export is streamed: memory holds one series and a few blocks of text.
//!
//! An export says in the trailer fields [`CONVERTED`] and [`LEFT_OUT`] what became of native
//! histograms: it is known only at the end, where OpenMetrics allows nothing but `# EOF`. HTTP/1.1
//! sends trailers to clients that ask with `TE: trailers`; the log says it too.
//!
//! ## Failure
//! An import ends at the first thing that is wrong; what was read before it is stored, and the
//! answer says how much. An export that fails on the way ends without `# EOF`.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bellwether_ingest::exposition::{self as out, ExportReport, HistogramExport};
use bellwether_model::{LabelsBuilder, Matchers, Metadata, TimeRange, short, short_bytes};
use bellwether_scrape::ScrapeError;
use bellwether_scrape::exposition::{
    self, ExpositionError, Format, HistogramOptions, MetadataPiece, Sample, SampleValue, Sink,
};
use bellwether_storage::{ErrorKind, MetricStore, SeriesRef, Source, WriteBatch};
use http_body_util::StreamBody;
use hyper::body::Frame;

use crate::api::{Call, matcher_sets};
use crate::app::App;
use crate::body;
use crate::envelope::{ApiError, ErrorType, json_response, text_response};
use crate::json::JsonWriter;

/// Pieces of an export that wait for the client. Chosen: enough to keep both sides busy.
const PIECES_WAITING: usize = 4;
/// The trailer field with the series whose native histograms were exported as classic ones.
const CONVERTED: &str = "bellwether-histogram-series-converted";
/// The trailer field with the series whose native histograms are not in the export.
const LEFT_OUT: &str = "bellwether-histogram-series-left-out";
/// Samples that are written to the store together.
const BATCH_SAMPLES: usize = 10_000;

/// `GET /api/bellwether/v1/export`
pub(crate) async fn export(call: Call) -> Result<Response, ApiError> {
    let mut sets = matcher_sets(&call.params)?;
    let end_ms = call.params.time_or("end", call.app.clock.now_ms())?;
    let start_ms = call.params.time_or("start", end_ms - 3_600_000)?;
    let matchers = match sets.len() {
        0 => Matchers::new(),
        1 => sets.remove(0),
        _ => return Err(ApiError::bad_data("an export takes one match[]")),
    };
    let histograms = match call.params.get("histograms") {
        "" | "classic" => HistogramExport::Classic,
        "skip" => HistogramExport::Skip,
        other => {
            let reason = format!("{:?} is not known: want classic or skip", short(other));
            return Err(ApiError::invalid_parameter("histograms", reason));
        }
    };
    let store = Arc::clone(&call.app.services()?.store);
    let (sender, mut pieces) = tokio::sync::mpsc::channel(PIECES_WAITING);
    tokio::task::spawn_blocking(move || {
        let range = TimeRange::new(start_ms, end_ms);
        let mut pipe = Pipe(sender.clone());
        let last = match out::export(&*store, &matchers, range, histograms, &mut pipe) {
            Ok(report) => Ok(Frame::trailers(trailers(&report))),
            Err(error) => Err(io::Error::other(error.to_string())),
        };
        // The client sees the connection end early; it may be gone already.
        drop(sender.blocking_send(last));
    });
    let stream = futures::stream::poll_fn(move |context| pieces.poll_recv(context));
    let mut response = Body::new(StreamBody::new(stream)).into_response();
    let headers = response.headers_mut();
    let value =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, value);
    headers.append(header::TRAILER, HeaderValue::from_static(CONVERTED));
    headers.append(header::TRAILER, HeaderValue::from_static(LEFT_OUT));
    Ok(response)
}

/// What follows the last byte of an export.
fn trailers(report: &ExportReport) -> HeaderMap {
    let (converted, left_out) = (report.converted_series_count, report.left_out_series_count);
    if left_out > 0 {
        tracing::info!(
            series = left_out,
            histograms = report.left_out_count,
            "native histograms are left out of an export"
        );
    }
    HeaderMap::from_iter([
        (HeaderName::from_static(CONVERTED), converted.into()),
        (HeaderName::from_static(LEFT_OUT), left_out.into()),
    ])
}

/// Hands what is written to the client.
struct Pipe(tokio::sync::mpsc::Sender<io::Result<Frame<Bytes>>>);

impl io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Frame::data(Bytes::copy_from_slice(bytes));
        let sent = self.0.blocking_send(Ok(piece));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `POST /api/bellwether/v1/import`
pub(crate) async fn import(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let limits = &app.settings.limits;
    let read = async {
        let bytes = body::read(&parts.headers, body, limits.decompressed_bytes_max).await?;
        body::decompress(&parts.headers, bytes, limits.decompressed_bytes_max)
    };
    let bytes = match read.await {
        Ok(bytes) => bytes,
        Err(error) => return text_response(error.status(), error.to_string()),
    };
    let taken = app.catalog(move |services| {
        let mut import = Import::new(&*services.store);
        let parsed = exposition::parse(
            Format::OpenMetrics,
            HistogramOptions {
                native: true,
                ..HistogramOptions::default()
            },
            &bytes,
            &mut import,
        );
        // What stands before an error is stored all the same.
        let flushed = import.flush();
        let report = (import.stored, import.refused, import.by_series.len());
        match parsed.and(flushed) {
            Ok(()) => Ok(report),
            Err(error) => {
                let error_type = match &error {
                    ScrapeError::Storage(error) if error.kind() == ErrorKind::Limit => {
                        ErrorType::Limited
                    }
                    _ => ErrorType::BadData,
                };
                let text = format!("{error}; {} samples before it are stored", report.0);
                Err(ApiError::new(error_type, text))
            }
        }
    });
    match taken.await {
        Ok((stored, refused, series)) => {
            let mut json = JsonWriter::with_capacity(128);
            json.object_begin().key("stored").unsigned(stored);
            json.key("refused").unsigned(refused);
            json.key("series").unsigned(series as u64).object_end();
            json_response(json.into_bytes())
        }
        Err(error) => error.into_response(),
    }
}

/// `POST /api/bellwether/v1/storage/compact`
pub(crate) async fn compact(State(app): State<Arc<App>>) -> Response {
    match app.catalog(|services| Ok(services.store.compact()?)).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => error.into_response(),
    }
}

/// Writes what a parser finds to a store.
struct Import<'a> {
    store: &'a dyn MetricStore,
    source: Source,
    /// Series by the bytes that name them.
    by_series: HashMap<Vec<u8>, SeriesRef>,
    /// The family whose metadata is being read.
    family: Vec<u8>,
    family_metadata: Metadata,
    batch: WriteBatch,
    stored: u64,
    refused: u64,
}

impl<'a> Import<'a> {
    fn new(store: &'a dyn MetricStore) -> Self {
        Self {
            store,
            source: Source::new("import"),
            by_series: HashMap::new(),
            family: Vec::new(),
            family_metadata: Metadata::default(),
            batch: WriteBatch::default(),
            stored: 0,
            refused: 0,
        }
    }

    fn series(&mut self, sample: &Sample<'_>) -> Result<SeriesRef, ScrapeError> {
        if let Some(series) = self.by_series.get(sample.series) {
            return Ok(*series);
        }
        let mut labels = LabelsBuilder::default();
        exposition::series_labels(sample.series, sample.family_type, &mut labels)?;
        let series = self.store.register(&self.source, None, &labels.build())?;
        self.by_series.insert(sample.series.to_vec(), series);
        Ok(series)
    }

    fn flush(&mut self) -> Result<(), ScrapeError> {
        if self.batch.sample_count() > 0 {
            let outcome = self.store.write(&self.source, &self.batch)?;
            self.stored += outcome.float_count + outcome.histogram_count;
            self.refused += outcome.rejected_count;
            self.batch.clear();
        }
        Ok(())
    }
}

impl Sink for Import<'_> {
    fn expected(&self) -> Option<&[u8]> {
        None
    }

    fn metadata(&mut self, family: &[u8], piece: MetadataPiece<'_>) {
        if family != self.family {
            self.family = family.to_vec();
            self.family_metadata = Metadata::default();
        }
        match piece {
            MetadataPiece::Type(metric_type) => self.family_metadata.metric_type = metric_type,
            MetadataPiece::Help { text, .. } => {
                self.family_metadata.help = String::from_utf8_lossy(text).into_owned();
            }
            MetadataPiece::Unit(unit) => {
                self.family_metadata.unit = String::from_utf8_lossy(unit).into_owned();
            }
        }
        let name = String::from_utf8_lossy(family).into_owned();
        match self.batch.metadata.last_mut() {
            Some((last, metadata)) if *last == name => metadata.clone_from(&self.family_metadata),
            _ => self
                .batch
                .metadata
                .push((name, self.family_metadata.clone())),
        }
    }

    fn sample(&mut self, sample: Sample<'_>) -> Result<(), ScrapeError> {
        let Some(time_ms) = sample.timestamp_ms else {
            return Err(ExpositionError::Series {
                series: short_bytes(sample.series),
                expected: "a timestamp on every sample",
            }
            .into());
        };
        let series = self.series(&sample)?;
        match sample.value {
            SampleValue::Float(value) => {
                self.batch
                    .push_with_start(series, time_ms, sample.start_ms, value);
            }
            SampleValue::Histogram(histogram) => {
                self.batch
                    .histograms
                    .push((series, time_ms, sample.start_ms, *histogram));
            }
        }
        for exemplar in sample.exemplars {
            self.batch.exemplars.push((series, exemplar.clone()));
        }
        if self.batch.sample_count() >= BATCH_SAMPLES {
            self.flush()
        } else {
            Ok(())
        }
    }
}
