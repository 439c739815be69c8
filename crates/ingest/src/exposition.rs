//! Stored series as text or protobuf, for federation and export.
//!
//! ## Model
//! A [`Writer`] takes metric families and their samples in one of three formats and appends bytes.
//! [`federate`] writes the newest sample of each series; [`export`] writes all samples of a
//! selection as OpenMetrics.
//!
//! ## Invariants
//! All samples of a family stand together; families come in the order in which they are begun.
//! Native histograms exist in protobuf only: the text formats have no word for them (OpenMetrics 1.0
//! neither). Federation leaves them out and counts them; an export turns them into classic ones.
//!
//! ## See also
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::io;

mod classic;
mod export;

use bellwether_codec::protobuf::{Writer as ProtobufWriter, put_varint, zigzag_encode};
use bellwether_model::number::General;
use bellwether_model::utf8_name::{
    Escaped, Escaping, escape, is_legacy_label_name, is_legacy_metric_name,
};
use bellwether_model::{
    FloatHistogram, Labels, METRIC_NAME, Metadata, MetricType, Span, Value, is_stale_nan,
};

pub use export::{ExportError, ExportReport, HistogramExport, export};

/// A format of exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `text/plain; version=0.0.4` or `1.0.0`.
    PrometheusText,
    /// `application/openmetrics-text; version=1.0.0`.
    OpenMetrics,
    /// `application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited`.
    Protobuf,
}

/// A format and how it writes names that are no plain identifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiated {
    /// The format.
    pub format: Format,
    /// How names are written.
    pub escaping: Escaping,
}

impl Negotiated {
    /// Chooses by an `Accept` header: the first format with the highest weight that we have;
    /// Prometheus text where there is none.
    #[must_use]
    pub fn from_accept(accept: &str) -> Self {
        let mut best: Option<(f64, Self)> = None;
        for part in accept.split(',') {
            let mut fields = part.split(';').map(str::trim);
            let media = fields.next().unwrap_or("");
            let (mut weight, mut escaping, mut proto, mut delimited) = (1.0, None, "", true);
            let mut version = "";
            for field in fields {
                let Some((key, value)) = field.split_once('=') else {
                    continue;
                };
                let value = value.trim().trim_matches('"');
                match key.trim() {
                    "q" => weight = value.parse().unwrap_or(0.0),
                    "escaping" => escaping = Escaping::parse(value),
                    "proto" => proto = value,
                    "encoding" => delimited = value == "delimited",
                    "version" => version = value,
                    _ => {}
                }
            }
            let format = match media {
                "application/vnd.google.protobuf"
                    if delimited && matches!(proto, "" | "io.prometheus.client.MetricFamily") =>
                {
                    Format::Protobuf
                }
                "application/openmetrics-text" if matches!(version, "" | "0.0.1" | "1.0.0") => {
                    Format::OpenMetrics
                }
                "text/plain" | "text/*" | "*/*" => Format::PrometheusText,
                _ => continue,
            };
            // Clients that say nothing understand only classic names.
            let escaping = escaping.unwrap_or(Escaping::Underscores);
            if weight > 0.0 && best.is_none_or(|(before, _)| weight > before) {
                best = Some((weight, Self { format, escaping }));
            }
        }
        best.map_or(
            Self {
                format: Format::PrometheusText,
                escaping: Escaping::Underscores,
            },
            |(_, negotiated)| negotiated,
        )
    }

    /// The `Content-Type` of what is written.
    #[must_use]
    pub fn content_type(self) -> String {
        let escaping = match self.escaping {
            Escaping::AllowUtf8 => "allow-utf-8",
            Escaping::Underscores => "underscores",
            Escaping::Dots => "dots",
            Escaping::Values => "values",
        };
        let media = match self.format {
            Format::PrometheusText if self.escaping == Escaping::AllowUtf8 => {
                "text/plain; version=1.0.0; charset=utf-8"
            }
            Format::PrometheusText => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                 encoding=delimited"
            }
        };
        format!("{media}; escaping={escaping}")
    }
}

/// Appends families and samples to a buffer.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    negotiated: Negotiated,
    /// The family that is open, as its samples' name in the store.
    family: Option<String>,
    metric_type: MetricType,
    /// In protobuf: the fields of the open family. In text: its head, until its first sample.
    message: Vec<u8>,
    left_out: u64,
}

impl<'a> Writer<'a> {
    /// A writer that appends to `out`.
    pub fn new(out: &'a mut Vec<u8>, negotiated: Negotiated) -> Self {
        Self {
            out,
            negotiated,
            family: None,
            metric_type: MetricType::Unknown,
            message: Vec::new(),
            left_out: 0,
        }
    }

    fn text(&mut self, arguments: std::fmt::Arguments<'_>) {
        use std::io::Write as _;
        // Writing into a Vec cannot fail.
        let _infallible = self.out.write_fmt(arguments);
    }

    fn head(&mut self, arguments: std::fmt::Arguments<'_>) {
        use std::io::Write as _;
        // Writing into a Vec cannot fail.
        let _infallible = self.message.write_fmt(arguments);
    }

    /// Begins a family: all following samples belong to it. `name` is the name that its samples
    /// have in the store; types that would ask for other names are written as unknown.
    pub fn family(&mut self, name: &str, metadata: &Metadata) {
        self.close_family();
        self.message.clear();
        let escaped = escape(name, self.negotiated.escaping).into_owned();
        let single = matches!(
            metadata.metric_type,
            MetricType::Counter | MetricType::Gauge
        );
        let openmetrics = self.negotiated.format == Format::OpenMetrics;
        let counter = metadata.metric_type == MetricType::Counter;
        // An OpenMetrics counter is named without the ending that its samples must have.
        let base = if openmetrics && counter {
            escaped.strip_suffix("_total")
        } else {
            Some(&*escaped)
        };
        self.metric_type = if single && base.is_some() {
            metadata.metric_type
        } else {
            MetricType::Unknown
        };
        let shown = base.unwrap_or(&escaped).to_owned();
        let help = metadata.help.as_str();
        match self.negotiated.format {
            Format::Protobuf => {
                let mut writer = ProtobufWriter::new(&mut self.message);
                writer.bytes(1, escaped.as_bytes());
                writer.bytes(2, help.as_bytes());
            }
            format => {
                let unknown = if format == Format::OpenMetrics {
                    "unknown"
                } else {
                    "untyped"
                };
                let word = match self.metric_type {
                    MetricType::Unknown => unknown,
                    known => known.as_str(),
                };
                let shown = Name(&shown);
                if !help.is_empty() && format == Format::OpenMetrics {
                    self.head(format_args!("# HELP {shown} {}\n", Escaped(help)));
                } else if !help.is_empty() {
                    let help = help.replace('\\', "\\\\").replace('\n', "\\n");
                    self.head(format_args!("# HELP {shown} {help}\n"));
                }
                self.head(format_args!("# TYPE {shown} {word}\n"));
            }
        }
        self.family = Some(escaped);
    }

    /// Writes a sample of the open family. Its name comes from the family, not from `labels`.
    /// `time_ms` is left out where it is `None`.
    pub fn sample(&mut self, labels: &Labels, value: &Value, time_ms: Option<i64>) {
        self.sample_with(labels, &[], value, time_ms);
    }

    /// As [`Writer::sample`], with labels that may be empty behind the others.
    fn sample_with(
        &mut self,
        labels: &Labels,
        extra: &[(&str, &str)],
        value: &Value,
        time_ms: Option<i64>,
    ) {
        let Some(family) = self.family.clone() else {
            return;
        };
        match (self.negotiated.format, value) {
            (Format::Protobuf, value) => self.protobuf_sample(labels, extra, value, time_ms),
            (_, Value::Histogram(_)) => self.left_out += 1,
            (format, Value::Float(value)) => {
                self.out.append(&mut self.message);
                self.text_series(&family, labels, extra);
                self.text(format_args!(" {}", General(*value)));
                match time_ms {
                    Some(time_ms) if format == Format::OpenMetrics => {
                        self.text(format_args!(" {}\n", Seconds(time_ms)));
                    }
                    Some(time_ms) => self.text(format_args!(" {time_ms}\n")),
                    None => self.text(format_args!("\n")),
                }
            }
        }
    }

    fn text_series(&mut self, family: &str, labels: &Labels, extra: &[(&str, &str)]) {
        let plain = is_legacy_metric_name(family);
        let mut separator = '{';
        if plain {
            self.text(format_args!("{family}"));
        } else {
            self.text(format_args!("{{\"{}\"", Escaped(family)));
            separator = ',';
        }
        for (name, value) in labels.iter().chain(extra.iter().copied()) {
            if name == METRIC_NAME {
                continue;
            }
            let name = escape(name, self.negotiated.escaping);
            self.text(format_args!(
                "{separator}{}=\"{}\"",
                LabelName(&name),
                Escaped(value)
            ));
            separator = ',';
        }
        if separator == ',' {
            self.text(format_args!("}}"));
        }
    }

    fn protobuf_sample(
        &mut self,
        labels: &Labels,
        extra: &[(&str, &str)],
        value: &Value,
        time_ms: Option<i64>,
    ) {
        let escaping = self.negotiated.escaping;
        let float_type = self.metric_type;
        let mut writer = ProtobufWriter::new(&mut self.message);
        writer.message(4, |writer| {
            for (name, value) in labels.iter().chain(extra.iter().copied()) {
                if name != METRIC_NAME {
                    writer.message(1, |writer| {
                        writer.bytes(1, escape(name, escaping).as_bytes());
                        writer.bytes(2, value.as_bytes());
                    });
                }
            }
            match value {
                Value::Float(value) => {
                    let number = match float_type {
                        MetricType::Gauge => 2,
                        MetricType::Counter => 3,
                        _ => 5,
                    };
                    writer.message(number, |writer| writer.double_always(1, *value));
                }
                Value::Histogram(histogram) => {
                    writer.message(7, |writer| write_histogram(writer, histogram));
                }
            }
            if let Some(time_ms) = time_ms {
                writer.varint_always(6, time_ms as u64);
            }
        });
        if matches!(value, Value::Histogram(_)) {
            self.metric_type = MetricType::Histogram;
        }
    }

    fn close_family(&mut self) {
        if self.family.take().is_none() || self.negotiated.format != Format::Protobuf {
            return;
        }
        let number = match self.metric_type {
            MetricType::Counter => 0,
            MetricType::Gauge => 1,
            MetricType::Histogram => 4,
            _ => 3,
        };
        ProtobufWriter::new(&mut self.message).varint_always(3, number);
        put_varint(self.out, self.message.len() as u64);
        self.out.extend_from_slice(&self.message);
    }

    /// Hands over what was collected once it is more than `bytes`. For text only.
    fn pour(&mut self, out: &mut dyn io::Write, bytes: usize) -> io::Result<()> {
        if self.out.len() > bytes {
            out.write_all(self.out)?;
            self.out.clear();
        }
        Ok(())
    }

    /// Writes what stands at the end, and says how many samples the format could not express.
    pub fn finish(mut self) -> u64 {
        self.close_family();
        if self.negotiated.format == Format::OpenMetrics {
            self.out.extend_from_slice(b"# EOF\n");
        }
        self.left_out
    }
}

/// A name as it stands in text: in quotes unless it is a plain identifier.
struct Name<'a>(&'a str);

impl std::fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if is_legacy_metric_name(self.0) {
            return f.write_str(self.0);
        }
        write!(f, "\"{}\"", Escaped(self.0))
    }
}

/// A label name as it stands in text: in quotes unless it is a plain identifier.
struct LabelName<'a>(&'a str);

impl std::fmt::Display for LabelName<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if is_legacy_label_name(self.0) {
            return f.write_str(self.0);
        }
        write!(f, "\"{}\"", Escaped(self.0))
    }
}

/// Milliseconds as seconds, without digits that say nothing.
struct Seconds(i64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, millis) = (self.0.unsigned_abs() / 1_000, self.0.unsigned_abs() % 1_000);
        let sign = if self.0 < 0 { "-" } else { "" };
        if millis == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{millis:03}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

fn write_histogram(writer: &mut ProtobufWriter<'_>, histogram: &FloatHistogram) {
    writer.double_always(4, histogram.count);
    writer.double_always(2, histogram.sum);
    writer.varint_always(5, zigzag_encode(i64::from(histogram.schema)));
    writer.double_always(6, histogram.zero_threshold);
    writer.double_always(8, histogram.zero_count);
    let spans = |writer: &mut ProtobufWriter<'_>, number: u32, spans: &[Span]| {
        for span in spans {
            writer.message(number, |writer| {
                writer.sint64(1, i64::from(span.offset));
                writer.varint(2, u64::from(span.length));
            });
        }
    };
    spans(writer, 9, &histogram.negative_spans);
    for count in &histogram.negative_buckets {
        writer.double_always(11, *count);
    }
    spans(writer, 12, &histogram.positive_spans);
    for count in &histogram.positive_buckets {
        writer.double_always(14, *count);
    }
    // A histogram without buckets is told from a classic one by an empty span.
    let empty = histogram.positive_spans.is_empty() && histogram.negative_spans.is_empty();
    if empty && histogram.zero_threshold == 0.0 && histogram.zero_count == 0.0 {
        writer.message(12, |writer| writer.varint_always(2, 0));
    }
}

/// The newest sample of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct NewestSample {
    /// Labels of the series, with its name.
    pub labels: Labels,
    /// When.
    pub time_ms: i64,
    /// What.
    pub value: Value,
}

/// Writes samples for another server to scrape (`/federate`): sorted by name, each with its time,
/// `external` labels added where a series does not have them, `instance=""` where it has none (so
/// that the scraper does not put its own there). Stale samples are left out. Says how many samples
/// the format could not express.
pub fn federate(
    mut samples: Vec<NewestSample>,
    external: &Labels,
    negotiated: Negotiated,
    out: &mut Vec<u8>,
) -> u64 {
    samples.sort_by(|a, b| {
        let names = (a.labels.metric_name(), b.labels.metric_name());
        names.0.cmp(names.1).then_with(|| a.labels.cmp(&b.labels))
    });
    let mut writer = Writer::new(out, negotiated);
    let mut open: Option<String> = None;
    for sample in samples {
        let stale = match &sample.value {
            Value::Float(value) => is_stale_nan(*value),
            Value::Histogram(histogram) => is_stale_nan(histogram.sum),
        };
        let name = sample.labels.metric_name();
        if stale || name.is_empty() {
            continue;
        }
        if open.as_deref() != Some(name) {
            writer.family(name, &Metadata::default());
            open = Some(name.to_owned());
        }
        let mut labels = sample.labels.to_builder();
        for (name, value) in external {
            if labels.get(name).is_none() {
                labels.set(name, value);
            }
        }
        let labels = labels.build();
        let extra = [("instance", "")];
        let extra = if labels.get("instance").is_none() {
            &extra[..]
        } else {
            &[]
        };
        writer.sample_with(&labels, extra, &sample.value, Some(sample.time_ms));
    }
    writer.finish()
}

#[cfg(test)]
mod tests;
