//! The protobuf format of Prometheus: metric families behind their lengths.
//!
//! ## Model
//! A family is read twice: once for its name, type, help and the places of its metrics, once for
//! the metrics. A complex metric becomes the series that the text format would have, named by bytes
//! of their own kind ([`ProtobufSeries`]); a native histogram becomes one sample.
//!
//! ## Invariants
//! Fields may come in any order and unknown ones are passed over, as protobuf demands.

use bellwether_codec::protobuf::{Cursor, Field, ProtobufError, zigzag_decode};
use bellwether_model::number::Bound;
use bellwether_model::{
    CounterReset, Exemplar, FloatHistogram, Histogram, IntHistogram, Labels, MetricType, Span,
};

use super::buckets::{Classic, compact};
use super::series::ProtobufSeries;
use super::{ExpositionError, HistogramOptions, MetadataPiece, Sample, SampleValue, Sink};
use crate::error::ScrapeError;

/// Parses a body into a sink.
pub(super) fn parse<S: Sink>(
    body: &[u8],
    histograms: HistogramOptions,
    sink: &mut S,
) -> Result<(), ScrapeError> {
    let mut reader = Reader {
        options: histograms,
        message: 0,
        series: ProtobufSeries::default(),
        classic: Classic::default(),
    };
    let mut messages = Cursor::new(body);
    while !messages.is_done() {
        reader.message += 1;
        let message = messages
            .bytes()
            .map_err(|error| ExpositionError::message(reader.message, "", &error))?;
        reader.family(message, sink)?;
    }
    Ok(())
}

struct Reader {
    options: HistogramOptions,
    /// Which message is read, from 1.
    message: usize,
    series: ProtobufSeries,
    classic: Classic,
}

/// What a metric holds, with its parts still to be read.
#[derive(Default)]
struct Metric<'a> {
    labels: Vec<(&'a str, &'a str)>,
    /// The message of the value: gauge, counter, untyped, summary or histogram.
    value: Option<&'a [u8]>,
    timestamp_ms: Option<i64>,
}

#[derive(Default)]
struct HistogramParts<'a> {
    count: u64,
    count_float: f64,
    sum: f64,
    buckets: Vec<Bucket<'a>>,
    start_ms: i64,
    schema: i32,
    zero_threshold: f64,
    zero_count: u64,
    zero_count_float: f64,
    negative_spans: Vec<Span>,
    negative_deltas: Vec<i64>,
    negative_counts: Vec<f64>,
    positive_spans: Vec<Span>,
    positive_deltas: Vec<i64>,
    positive_counts: Vec<f64>,
    exemplars: Vec<&'a [u8]>,
}

struct Bucket<'a> {
    cumulative_count: f64,
    upper_bound: f64,
    exemplar: Option<&'a [u8]>,
}

impl Reader {
    fn family<S: Sink>(&mut self, message: &[u8], sink: &mut S) -> Result<(), ScrapeError> {
        let mut name = "";
        let mut help: &[u8] = b"";
        let mut unit: &[u8] = b"";
        let mut type_number = 0;
        let mut metrics = Vec::new();
        let mut cursor = Cursor::new(message);
        let mut read = || -> Result<(), ProtobufError> {
            while let Some(field) = cursor.field()? {
                match field.number {
                    1 => name = cursor.string_of(field)?,
                    2 => help = cursor.bytes_of(field)?,
                    3 => type_number = cursor.varint_of(field)?,
                    4 => metrics.push(cursor.bytes_of(field)?),
                    5 => unit = cursor.bytes_of(field)?,
                    _ => cursor.skip(field)?,
                }
            }
            Ok(())
        };
        let read = read();
        read.map_err(|error| self.error(name, &error))?;
        let family_type = match type_number {
            0 => MetricType::Counter,
            1 => MetricType::Gauge,
            2 => MetricType::Summary,
            3 => MetricType::Unknown,
            4 => MetricType::Histogram,
            5 => MetricType::GaugeHistogram,
            other => return Err(self.invalid(name, format!("metric type {other} is unknown"))),
        };
        if metrics.is_empty() {
            return Ok(());
        }
        if name.is_empty() {
            return Err(self.invalid(name, "the family has no name".to_owned()));
        }
        let escaped = false;
        sink.metadata(
            name.as_bytes(),
            MetadataPiece::Help {
                text: help,
                escaped,
            },
        );
        sink.metadata(name.as_bytes(), MetadataPiece::Type(family_type));
        if !unit.is_empty() {
            sink.metadata(name.as_bytes(), MetadataPiece::Unit(unit));
        }
        let value_field = match family_type {
            MetricType::Gauge => 2,
            MetricType::Counter => 3,
            MetricType::Summary => 4,
            MetricType::Unknown => 5,
            _ => 7,
        };
        let mut metric = Metric::default();
        for message in metrics {
            read_metric(message, value_field, &mut metric)
                .map_err(|error| self.error(name, &error))?;
            let value = metric.value.unwrap_or_default();
            match family_type {
                MetricType::Summary => self.summary(name, &metric, value, sink)?,
                MetricType::Histogram | MetricType::GaugeHistogram => {
                    self.histogram(name, family_type, &metric, value, sink)?;
                }
                _ => self.simple(name, family_type, &metric, value, sink)?,
            }
        }
        Ok(())
    }

    /// A gauge, counter or untyped metric: field 1 is the value, of a counter 2 an exemplar and 3
    /// the start.
    fn simple<S: Sink>(
        &mut self,
        name: &str,
        family_type: MetricType,
        metric: &Metric<'_>,
        message: &[u8],
        sink: &mut S,
    ) -> Result<(), ScrapeError> {
        let is_counter = family_type == MetricType::Counter;
        let mut value = 0.0;
        let mut start_ms = 0;
        let mut exemplars = Vec::new();
        let mut cursor = Cursor::new(message);
        let mut read = || -> Result<(), ProtobufError> {
            while let Some(field) = cursor.field()? {
                match field.number {
                    1 => value = cursor.double_of(field)?,
                    2 if is_counter => exemplars.push(read_exemplar(cursor.bytes_of(field)?)?),
                    3 if is_counter => start_ms = read_timestamp(cursor.bytes_of(field)?)?,
                    _ => cursor.skip(field)?,
                }
            }
            Ok(())
        };
        let read = read();
        read.map_err(|error| self.error(name, &error))?;
        let head = Head {
            name,
            family_type,
            metric,
            start_ms,
        };
        self.float(&head, "", None, value, &exemplars, sink)
    }

    fn summary<S: Sink>(
        &mut self,
        name: &str,
        metric: &Metric<'_>,
        message: &[u8],
        sink: &mut S,
    ) -> Result<(), ScrapeError> {
        let mut count = 0;
        let mut sum = 0.0;
        let mut start_ms = 0;
        let mut quantiles = Vec::new();
        let mut cursor = Cursor::new(message);
        let mut read = || -> Result<(), ProtobufError> {
            while let Some(field) = cursor.field()? {
                match field.number {
                    1 => count = cursor.varint_of(field)?,
                    2 => sum = cursor.double_of(field)?,
                    3 => quantiles.push(read_quantile(cursor.bytes_of(field)?)?),
                    4 => start_ms = read_timestamp(cursor.bytes_of(field)?)?,
                    _ => cursor.skip(field)?,
                }
            }
            Ok(())
        };
        let read = read();
        read.map_err(|error| self.error(name, &error))?;
        let family_type = MetricType::Summary;
        let head = Head {
            name,
            family_type,
            metric,
            start_ms,
        };
        self.float(&head, "_count", None, count as f64, &[], sink)?;
        self.float(&head, "_sum", None, sum, &[], sink)?;
        for (quantile, value) in quantiles {
            let label = ("quantile", Bound(quantile).to_string());
            self.float(&head, "", Some(&label), value, &[], sink)?;
        }
        Ok(())
    }

    fn histogram<S: Sink>(
        &mut self,
        name: &str,
        family_type: MetricType,
        metric: &Metric<'_>,
        message: &[u8],
        sink: &mut S,
    ) -> Result<(), ScrapeError> {
        let parts = read_histogram(message).map_err(|error| self.error(name, &error))?;
        let start_ms = parts.start_ms;
        let head = Head {
            name,
            family_type,
            metric,
            start_ms,
        };
        let is_native = self.options.native && parts.is_native();
        let converts = !is_native && self.options.classic_to_nhcb;
        if is_native {
            let native = parts.native(family_type == MetricType::GaugeHistogram);
            if let Err(error) = native.validate() {
                return Err(self.invalid(name, error.to_string()));
            }
            let mut native = native;
            compact(&mut native);
            let exemplars = self.native_exemplars(name, &parts)?;
            self.native(&head, native, &exemplars, sink)?;
        }
        let takes_classic = if is_native {
            self.options.always_classic && !parts.buckets.is_empty()
        } else {
            !converts || self.options.always_classic
        };
        if takes_classic {
            self.classic_series(&head, &parts, sink)?;
        }
        if converts {
            self.classic.clear();
            self.classic.count(parts.total());
            self.classic.sum(parts.sum);
            for bucket in &parts.buckets {
                self.classic
                    .bucket(bucket.upper_bound, bucket.cumulative_count);
            }
            let converted = self
                .classic
                .convert(family_type == MetricType::GaugeHistogram);
            let native = converted.map_err(|reason| self.invalid(name, reason.to_owned()))?;
            let exemplars = self.native_exemplars(name, &parts)?;
            self.native(&head, native, &exemplars, sink)?;
        }
        Ok(())
    }

    fn classic_series<S: Sink>(
        &mut self,
        head: &Head<'_>,
        parts: &HistogramParts<'_>,
        sink: &mut S,
    ) -> Result<(), ScrapeError> {
        self.float(head, "_count", None, parts.total(), &[], sink)?;
        self.float(head, "_sum", None, parts.sum, &[], sink)?;
        let mut has_infinite = false;
        for bucket in &parts.buckets {
            has_infinite |= bucket.upper_bound == f64::INFINITY;
            let exemplar = bucket.exemplar.map(read_exemplar).transpose();
            let exemplar = exemplar.map_err(|error| self.error(head.name, &error))?;
            let label = ("le", Bound(bucket.upper_bound).to_string());
            let count = bucket.cumulative_count;
            self.float(
                head,
                "_bucket",
                Some(&label),
                count,
                exemplar.as_slice(),
                sink,
            )?;
        }
        if !has_infinite {
            let label = ("le", "+Inf".to_owned());
            self.float(head, "_bucket", Some(&label), parts.total(), &[], sink)?;
        }
        Ok(())
    }

    /// Exemplars of a native histogram: its own, else those of its classic buckets; only such that
    /// have a time, since others cannot be told from repetitions.
    fn native_exemplars(
        &self,
        name: &str,
        parts: &HistogramParts<'_>,
    ) -> Result<Vec<Exemplar>, ScrapeError> {
        let own = parts.exemplars.iter().copied();
        let of_buckets = parts.buckets.iter().filter_map(|bucket| bucket.exemplar);
        let messages: Vec<&[u8]> = if parts.exemplars.is_empty() {
            of_buckets.collect()
        } else {
            own.collect()
        };
        let mut exemplars = Vec::with_capacity(messages.len());
        for message in messages {
            let exemplar = read_exemplar(message).map_err(|error| self.error(name, &error))?;
            if exemplar.timestamp_ms != 0 {
                exemplars.push(exemplar);
            }
        }
        exemplars.sort_by_key(|exemplar| exemplar.timestamp_ms);
        Ok(exemplars)
    }

    fn float<S: Sink>(
        &mut self,
        head: &Head<'_>,
        suffix: &str,
        label: Option<&(&str, String)>,
        value: f64,
        exemplars: &[Exemplar],
        sink: &mut S,
    ) -> Result<(), ScrapeError> {
        self.sample(
            head,
            suffix,
            label,
            SampleValue::Float(value),
            exemplars,
            sink,
        )
    }

    fn native<S: Sink>(
        &mut self,
        head: &Head<'_>,
        histogram: Histogram,
        exemplars: &[Exemplar],
        sink: &mut S,
    ) -> Result<(), ScrapeError> {
        let value = SampleValue::Histogram(Box::new(histogram));
        self.sample(head, "", None, value, exemplars, sink)
    }

    fn sample<S: Sink>(
        &mut self,
        head: &Head<'_>,
        suffix: &str,
        label: Option<&(&str, String)>,
        value: SampleValue,
        exemplars: &[Exemplar],
        sink: &mut S,
    ) -> Result<(), ScrapeError> {
        self.series.start(head.name, suffix);
        if let Some((name, value)) = label {
            self.series.label(name, value);
        }
        for (name, value) in &head.metric.labels {
            self.series.label(name, value);
        }
        let series = self.series.as_bytes();
        sink.sample(Sample {
            series,
            as_expected: sink.expected() == Some(series),
            family_type: head.family_type,
            timestamp_ms: head.metric.timestamp_ms,
            start_ms: head.start_ms,
            value,
            exemplars,
        })
    }

    fn error(&self, family: &str, error: &ProtobufError) -> ScrapeError {
        ExpositionError::message(self.message, family, error).into()
    }

    fn invalid(&self, family: &str, reason: String) -> ScrapeError {
        let (message, family) = (self.message, family.to_owned());
        ExpositionError::Message {
            message,
            family,
            reason,
        }
        .into()
    }
}

/// What the series of one metric share.
struct Head<'a> {
    name: &'a str,
    family_type: MetricType,
    metric: &'a Metric<'a>,
    start_ms: i64,
}

impl HistogramParts<'_> {
    /// The count, of which the float form wins where it is set.
    fn total(&self) -> f64 {
        if self.count_float > 0.0 {
            self.count_float
        } else {
            self.count as f64
        }
    }

    /// Whether it says anything that only a native histogram says.
    fn is_native(&self) -> bool {
        !self.positive_spans.is_empty()
            || !self.negative_spans.is_empty()
            || self.zero_threshold > 0.0
            || self.zero_count > 0
            || self.zero_count_float > 0.0
    }

    fn native(&self, gauge: bool) -> Histogram {
        let counter_reset = if gauge {
            CounterReset::Gauge
        } else {
            CounterReset::Unknown
        };
        if self.count_float > 0.0 || self.zero_count_float > 0.0 {
            return Histogram::Float(FloatHistogram {
                counter_reset,
                schema: self.schema,
                zero_threshold: self.zero_threshold,
                zero_count: self.zero_count_float,
                count: self.count_float,
                sum: self.sum,
                positive_spans: self.positive_spans.clone(),
                negative_spans: self.negative_spans.clone(),
                positive_buckets: self.positive_counts.clone(),
                negative_buckets: self.negative_counts.clone(),
                custom_values: Vec::new(),
            });
        }
        Histogram::Int(IntHistogram {
            counter_reset,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count,
            count: self.count,
            sum: self.sum,
            positive_spans: self.positive_spans.clone(),
            negative_spans: self.negative_spans.clone(),
            positive_deltas: self.positive_deltas.clone(),
            negative_deltas: self.negative_deltas.clone(),
            custom_values: Vec::new(),
        })
    }
}

fn read_metric<'a>(
    message: &'a [u8],
    value_field: u32,
    out: &mut Metric<'a>,
) -> Result<(), ProtobufError> {
    out.labels.clear();
    out.value = None;
    out.timestamp_ms = None;
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => out.labels.push(read_label(cursor.bytes_of(field)?)?),
            // Without presence in the format, 0 means that there is none.
            6 => out.timestamp_ms = Some(cursor.varint_of(field)? as i64).filter(|ms| *ms != 0),
            number if number == value_field => out.value = Some(cursor.bytes_of(field)?),
            _ => cursor.skip(field)?,
        }
    }
    Ok(())
}

fn read_label(message: &[u8]) -> Result<(&str, &str), ProtobufError> {
    let mut label = ("", "");
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => label.0 = cursor.string_of(field)?,
            2 => label.1 = cursor.string_of(field)?,
            _ => cursor.skip(field)?,
        }
    }
    Ok(label)
}

fn read_quantile(message: &[u8]) -> Result<(f64, f64), ProtobufError> {
    let mut quantile = (0.0, 0.0);
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => quantile.0 = cursor.double_of(field)?,
            2 => quantile.1 = cursor.double_of(field)?,
            _ => cursor.skip(field)?,
        }
    }
    Ok(quantile)
}

/// A `google.protobuf.Timestamp` in milliseconds.
fn read_timestamp(message: &[u8]) -> Result<i64, ProtobufError> {
    let (mut seconds, mut nanos) = (0i64, 0i64);
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => seconds = cursor.varint_of(field)? as i64,
            2 => nanos = cursor.varint_of(field)? as i64,
            _ => cursor.skip(field)?,
        }
    }
    Ok(seconds
        .saturating_mul(1000)
        .saturating_add(nanos / 1_000_000))
}

/// An exemplar; its time is 0 where it has none.
fn read_exemplar(message: &[u8]) -> Result<Exemplar, ProtobufError> {
    let mut labels = Vec::new();
    let mut exemplar = Exemplar {
        labels: Labels::empty(),
        value: 0.0,
        timestamp_ms: 0,
    };
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => labels.push(read_label(cursor.bytes_of(field)?)?),
            2 => exemplar.value = cursor.double_of(field)?,
            3 => exemplar.timestamp_ms = read_timestamp(cursor.bytes_of(field)?)?,
            _ => cursor.skip(field)?,
        }
    }
    exemplar.labels = Labels::from_pairs(labels);
    Ok(exemplar)
}

fn read_histogram(message: &[u8]) -> Result<HistogramParts<'_>, ProtobufError> {
    let mut parts = HistogramParts::default();
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => parts.count = cursor.varint_of(field)?,
            2 => parts.sum = cursor.double_of(field)?,
            3 => parts.buckets.push(read_bucket(cursor.bytes_of(field)?)?),
            4 => parts.count_float = cursor.double_of(field)?,
            // Schemas outside of -4 to 8 are refused later, so the cut does no harm.
            5 => parts.schema = zigzag_decode(cursor.varint_of(field)?) as i32,
            6 => parts.zero_threshold = cursor.double_of(field)?,
            7 => parts.zero_count = cursor.varint_of(field)?,
            8 => parts.zero_count_float = cursor.double_of(field)?,
            9 => parts
                .negative_spans
                .push(read_span(cursor.bytes_of(field)?)?),
            10 => read_deltas(&mut cursor, field, &mut parts.negative_deltas)?,
            11 => cursor.doubles_of(field, &mut parts.negative_counts)?,
            12 => parts
                .positive_spans
                .push(read_span(cursor.bytes_of(field)?)?),
            13 => read_deltas(&mut cursor, field, &mut parts.positive_deltas)?,
            14 => cursor.doubles_of(field, &mut parts.positive_counts)?,
            15 => parts.start_ms = read_timestamp(cursor.bytes_of(field)?)?,
            16 => parts.exemplars.push(cursor.bytes_of(field)?),
            _ => cursor.skip(field)?,
        }
    }
    Ok(parts)
}

fn read_deltas(
    cursor: &mut Cursor<'_>,
    field: Field,
    out: &mut Vec<i64>,
) -> Result<(), ProtobufError> {
    cursor.varints_of(field, |delta| out.push(zigzag_decode(delta)))
}

fn read_bucket(message: &[u8]) -> Result<Bucket<'_>, ProtobufError> {
    let mut count = 0;
    let mut count_float = 0.0;
    let mut bucket = Bucket {
        cumulative_count: 0.0,
        upper_bound: 0.0,
        exemplar: None,
    };
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => count = cursor.varint_of(field)?,
            2 => bucket.upper_bound = cursor.double_of(field)?,
            3 => bucket.exemplar = Some(cursor.bytes_of(field)?),
            4 => count_float = cursor.double_of(field)?,
            _ => cursor.skip(field)?,
        }
    }
    bucket.cumulative_count = if count_float > 0.0 {
        count_float
    } else {
        count as f64
    };
    Ok(bucket)
}

fn read_span(message: &[u8]) -> Result<Span, ProtobufError> {
    let mut span = Span::default();
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => span.offset = zigzag_decode(cursor.varint_of(field)?) as i32,
            2 => span.length = cursor.varint_of(field)? as u32,
            _ => cursor.skip(field)?,
        }
    }
    Ok(span)
}
