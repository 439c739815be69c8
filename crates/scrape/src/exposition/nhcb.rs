//! Classic histograms of the text formats as native ones with custom buckets.
//!
//! ## Model
//! [`Converting`] stands between a parser and a sink. It collects the series of a histogram
//! (`_bucket`, `_sum`, `_count` with the same labels but for `le`), which stand together in a body,
//! and hands on one histogram when the next one begins. A histogram whose parts contradict one
//! another is left out.

use std::fmt::Write as _;

use bellwether_model::utf8_name::Escaped;
use bellwether_model::{Exemplar, Labels, LabelsBuilder, METRIC_NAME, MetricType};

use super::buckets::Classic;
use super::{MetadataPiece, Sample, SampleValue, Sink, series_labels};
use crate::error::ScrapeError;

/// Converts what passes through it.
pub(super) struct Converting<'s, S> {
    sink: &'s mut S,
    /// Whether the classic series are handed on too.
    keep_classic: bool,
    /// The histogram family at hand.
    family: Option<String>,
    /// Labels of the histogram that is being collected, without name and `le`.
    labels: Labels,
    classic: Classic,
    timestamp_ms: Option<i64>,
    exemplars: Vec<Exemplar>,
    /// What the sink answered where this could not be said at once.
    failed: Option<ScrapeError>,
}

impl<'s, S: Sink> Converting<'s, S> {
    pub(super) fn new(sink: &'s mut S, keep_classic: bool) -> Self {
        Self {
            sink,
            keep_classic,
            family: None,
            labels: Labels::empty(),
            classic: Classic::default(),
            timestamp_ms: None,
            exemplars: Vec::new(),
            failed: None,
        }
    }

    /// Hands on the last histogram.
    pub(super) fn finish(mut self) -> Result<(), ScrapeError> {
        self.flush()
    }

    fn flush(&mut self) -> Result<(), ScrapeError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.classic.is_empty() {
            return Ok(());
        }
        let converted = self.classic.convert(false);
        self.classic.clear();
        let (Ok(histogram), Some(family)) = (converted, &self.family) else {
            self.exemplars.clear();
            return Ok(());
        };
        let mut series = format!("{{\"{}\"", Escaped(family));
        for (name, value) in self.labels.iter() {
            // Writing into a String cannot fail.
            let _infallible = write!(series, ",\"{}\"=\"{}\"", Escaped(name), Escaped(value));
        }
        series.push('}');
        let answer = self.sink.sample(Sample {
            series: series.as_bytes(),
            as_expected: self.sink.expected() == Some(series.as_bytes()),
            family_type: MetricType::Histogram,
            timestamp_ms: self.timestamp_ms,
            start_ms: 0,
            value: SampleValue::Histogram(Box::new(histogram)),
            exemplars: &self.exemplars,
        });
        self.exemplars.clear();
        answer
    }

    /// Takes a part of a histogram; `false` where the sample is none.
    fn collect(&mut self, sample: &Sample<'_>) -> Result<bool, ScrapeError> {
        let (Some(family), SampleValue::Float(value)) = (&self.family, &sample.value) else {
            return Ok(false);
        };
        // A cheap test before labels are read.
        let is_candidate =
            sample.series.starts_with(family.as_bytes()) || sample.series.first() == Some(&b'{');
        if !is_candidate {
            return Ok(false);
        }
        let mut labels = LabelsBuilder::default();
        series_labels(sample.series, sample.family_type, &mut labels)?;
        let suffix = labels
            .get(METRIC_NAME)
            .and_then(|name| name.strip_prefix(family.as_str()))
            .unwrap_or("")
            .to_owned();
        let bound: Option<f64> = labels.get("le").and_then(|le| le.parse().ok());
        labels.remove(METRIC_NAME).remove("le");
        if !matches!(suffix.as_str(), "_bucket" | "_sum" | "_count") {
            return Ok(false);
        }
        let labels = labels.build();
        let value = *value;
        if labels != self.labels || sample.timestamp_ms != self.timestamp_ms {
            self.flush()?;
            self.labels = labels;
            self.timestamp_ms = sample.timestamp_ms;
        }
        match (suffix.as_str(), bound) {
            ("_bucket", Some(bound)) => self.classic.bucket(bound, value),
            ("_sum", _) => self.classic.sum(value),
            ("_count", _) => self.classic.count(value),
            _ => return Ok(false),
        }
        self.exemplars.extend_from_slice(sample.exemplars);
        Ok(true)
    }
}

impl<S: Sink> Sink for Converting<'_, S> {
    fn expected(&self) -> Option<&[u8]> {
        self.sink.expected()
    }

    fn metadata(&mut self, family: &[u8], piece: MetadataPiece<'_>) {
        if let MetadataPiece::Type(metric_type) = piece {
            // Metadata has no answer: an error waits for the next sample.
            self.failed = self.flush().err();
            let is_histogram = metric_type == MetricType::Histogram;
            self.family = std::str::from_utf8(family)
                .ok()
                .filter(|_| is_histogram)
                .map(str::to_owned);
        }
        self.sink.metadata(family, piece);
    }

    fn sample(&mut self, sample: Sample<'_>) -> Result<(), ScrapeError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.collect(&sample)? && !self.keep_classic {
            return Ok(());
        }
        self.sink.sample(sample)
    }
}
