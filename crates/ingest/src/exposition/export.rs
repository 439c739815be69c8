//! All samples of a selection as OpenMetrics.
//!
//! ## Model
//! Names are written in order. A native histogram `h` is found when `h` is read; as classic
//! buckets it stands under three names that come later, `h_bucket`, `h_count` and `h_sum`, among
//! the series that have these names in the store. So each name is one family with one head, which
//! strict readers ask for, whatever else the store holds.
//!
//! ## Limits
//! Memory holds one series at a time, besides the list of series. A series with histograms is read
//! once for each of its names.

use std::collections::BTreeMap;
use std::io;

use bellwether_model::number::Bound;
use bellwether_model::utf8_name::Escaping;
use bellwether_model::{Labels, METRIC_NAME, Matcher, Metadata, TimeRange, Value, is_stale_nan};
use bellwether_storage::{
    ErrorKind, MetricStore, Samples, Selection, SelectionHints, SeriesHandle, StorageError,
};

use super::classic::{bucket_series, histograms};
use super::{Format, Negotiated, Writer};

/// The label that says up to where a bucket counts.
const BUCKET_LABEL: &str = "le";
/// Bytes that are collected before they are written. Chosen.
const EXPORT_BUFFER_BYTES: usize = 1 << 20;

/// Why an export ended early. What was written before is not complete.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The store cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The output takes no more.
    #[error("cannot write export: {0}")]
    Output(#[from] io::Error),
}

impl ExportError {
    /// What it means for the caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Storage(error) => error.kind(),
            Self::Output(_) => ErrorKind::Unavailable,
        }
    }
}

/// What becomes of native histograms, for which OpenMetrics 1.0 has no words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HistogramExport {
    /// They are written as `_bucket`, `_count` and `_sum`.
    #[default]
    Classic,
    /// They are left out and counted.
    Skip,
}

/// What an export wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExportReport {
    /// Series of which at least one float was written.
    pub series_count: u64,
    /// Floats of these.
    pub sample_count: u64,
    /// Series whose histograms were written as classic ones.
    pub converted_series_count: u64,
    /// Series whose histograms were left out: because that was asked for, because the store holds
    /// the classic series beside the native one and they are written, or because the series has a
    /// label `le` of its own.
    pub left_out_series_count: u64,
    /// Histograms of these.
    pub left_out_count: u64,
}

/// One of the names under which a classic histogram stands.
#[derive(Debug, Clone, Copy)]
enum Part {
    Buckets,
    Count,
    Sum,
}

const PARTS: [(Part, &str); 3] = [
    (Part::Buckets, "_bucket"),
    (Part::Count, "_count"),
    (Part::Sum, "_sum"),
];

/// Writes all samples in a range, both ends included, of the series that match, as OpenMetrics:
/// sorted by name and labels, ascending in time. Staleness markers are left out, since OpenMetrics
/// has none.
///
/// # Errors
/// Where the store cannot be read or `out` cannot be written.
pub fn export(
    store: &dyn MetricStore,
    matchers: &[Matcher],
    range: TimeRange,
    histograms: HistogramExport,
    out: &mut dyn io::Write,
) -> Result<ExportReport, ExportError> {
    let hints = SelectionHints::default();
    let mut series = store.select(&Selection {
        matchers,
        range,
        hints,
    })?;
    series.retain(|series| !series.labels().metric_name().is_empty());
    series.sort_by(|a, b| sort_key(a.labels()).cmp(&sort_key(b.labels())));
    let selected = Selected { series, range };
    let mut buffer = Vec::with_capacity(EXPORT_BUFFER_BYTES + 4096);
    let mut writer = Writer::new(
        &mut buffer,
        Negotiated {
            format: Format::OpenMetrics,
            escaping: Escaping::AllowUtf8,
        },
    );
    let mut report = ExportReport::default();
    let mut samples = Samples::default();
    // Parts of histograms that are still to be written, by the name that they stand under.
    let mut parts: BTreeMap<String, Vec<(Part, usize)>> = BTreeMap::new();
    let mut next = 0;
    loop {
        let stored = selected.name(next);
        let name = match (stored, parts.keys().next()) {
            (Some(stored), Some(part)) if part.as_str() < stored => part.clone(),
            (Some(stored), _) => stored.to_owned(),
            (None, Some(part)) => part.clone(),
            (None, None) => break,
        };
        let known = store.metadata(Some(&name))?.into_iter().next();
        let metadata = known.map_or_else(Metadata::default, |entry| entry.metadata);
        writer.family(&name, &metadata);
        while selected.name(next) == Some(name.as_str()) {
            let labels = selected.read(next, &mut samples)?;
            let written = write_floats(&mut writer, labels, &samples);
            report.sample_count += written;
            report.series_count += u64::from(written > 0);
            let histogram_count = histograms_in(&samples);
            if histogram_count > 0 {
                let converted = histograms == HistogramExport::Classic
                    && labels.get(BUCKET_LABEL).is_none()
                    && !selected.has_classic(labels)?;
                if converted {
                    report.converted_series_count += 1;
                    for (part, ending) in PARTS {
                        let under = parts.entry(format!("{name}{ending}")).or_default();
                        under.push((part, next));
                    }
                } else {
                    report.left_out_series_count += 1;
                    report.left_out_count += histogram_count;
                }
            }
            writer.pour(out, EXPORT_BUFFER_BYTES)?;
            next += 1;
        }
        for (part, position) in parts.remove(&name).unwrap_or_default() {
            let labels = selected.read(position, &mut samples)?;
            write_part(&mut writer, labels, &samples, part);
            writer.pour(out, EXPORT_BUFFER_BYTES)?;
        }
    }
    writer.finish();
    out.write_all(&buffer)?;
    Ok(report)
}

/// Series come by name, then by their other labels.
fn sort_key(labels: &Labels) -> (&str, &Labels) {
    (labels.metric_name(), labels)
}

/// The series of an export, sorted.
struct Selected {
    series: Vec<Box<dyn SeriesHandle>>,
    range: TimeRange,
}

impl Selected {
    fn name(&self, position: usize) -> Option<&str> {
        let series = self.series.get(position)?;
        Some(series.labels().metric_name())
    }

    /// Reads a series into `samples`, and gives its labels.
    fn read(&self, position: usize, samples: &mut Samples) -> Result<&Labels, StorageError> {
        samples.clear();
        let series = &self.series[position];
        series.read(self.range, samples)?;
        Ok(series.labels())
    }

    /// Whether the classic form of a native histogram is written anyway: a target may have been
    /// scraped for both, and two samples of one series at one time are refused on import.
    fn has_classic(&self, native: &Labels) -> Result<bool, StorageError> {
        let mut labels = native.to_builder();
        labels.set(METRIC_NAME, &format!("{}_count", native.metric_name()));
        let labels = labels.build();
        let wanted = sort_key(&labels);
        let found = self
            .series
            .binary_search_by(|series| sort_key(series.labels()).cmp(&wanted));
        let Ok(position) = found else {
            return Ok(false);
        };
        // A store may select series without a sample in the range.
        let mut samples = Samples::default();
        self.read(position, &mut samples)?;
        Ok(!samples.is_empty())
    }
}

fn histograms_in(samples: &Samples) -> u64 {
    histograms(samples).count() as u64
}

/// Writes the floats, and says how many there were.
fn write_floats(writer: &mut Writer<'_>, labels: &Labels, samples: &Samples) -> u64 {
    let mut written = 0;
    let pairs = samples.times_ms.iter().zip(&samples.values);
    for (position, (time_ms, value)) in pairs.enumerate() {
        if samples.histogram_at(position).is_none() && !is_stale_nan(*value) {
            writer.sample(labels, &Value::Float(*value), Some(*time_ms));
            written += 1;
        }
    }
    written
}

fn write_part(writer: &mut Writer<'_>, labels: &Labels, samples: &Samples, part: Part) {
    let mut write = |time_ms: i64, value: f64| {
        writer.sample(labels, &Value::Float(value), Some(time_ms));
    };
    match part {
        Part::Count => histograms(samples).for_each(|(time_ms, h)| write(time_ms, h.count)),
        Part::Sum => histograms(samples).for_each(|(time_ms, h)| write(time_ms, h.sum)),
        Part::Buckets => {
            for series in bucket_series(samples) {
                let bound = Bound(series.bound).to_string();
                for (time_ms, count) in series.points {
                    let value = Value::Float(count);
                    let extra = [(BUCKET_LABEL, bound.as_str())];
                    writer.sample_with(labels, &extra, &value, Some(time_ms));
                }
            }
        }
    }
}
