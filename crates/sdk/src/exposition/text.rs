//! Numbers as text.

use super::{Format, Kind, Value};
use crate::histogram::HistogramSnapshot;

/// Appends families to a text.
#[derive(Debug)]
pub(crate) struct Text<'a> {
    out: &'a mut Vec<u8>,
    is_openmetrics: bool,
}

/// `a="x",b="y"`, escaped.
pub(crate) fn label_text<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in labels {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(name);
        text.push_str("=\"");
        for character in value.chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
        text.push('"');
    }
    text
}

impl<'a> Text<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, format: Format) -> Self {
        Self {
            out,
            is_openmetrics: format == Format::OpenMetrics,
        }
    }

    pub(crate) fn family(&mut self, name: &str, help: &str, kind: Kind) {
        let family = match kind {
            Kind::Counter if self.is_openmetrics => name.strip_suffix("_total").unwrap_or(name),
            _ => name,
        };
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.put(&["# HELP ", family, " "]);
        for character in help.chars() {
            match character {
                '\\' => self.put(&["\\\\"]),
                '\n' => self.put(&["\\n"]),
                '"' if self.is_openmetrics => self.put(&["\\\""]),
                other => self.put(&[other.encode_utf8(&mut [0; 4])]),
            }
        }
        self.put(&["\n# TYPE ", family, " ", kind, "\n"]);
    }

    pub(crate) fn series(&mut self, name: &str, labels: &str, value: &Value) {
        match value {
            Value::Count(count) => {
                self.begin(name, "", labels);
                self.put(&[itoa::Buffer::new().format(*count), "\n"]);
            }
            Value::Number(number) => {
                self.begin(name, "", labels);
                self.number(*number);
                self.put(&["\n"]);
            }
            Value::Histogram(histogram) => self.histogram(name, labels, histogram),
        }
    }

    /// `# EOF`, where the format has an end.
    pub(crate) fn finish(&mut self) {
        if self.is_openmetrics {
            self.put(&["# EOF\n"]);
        }
    }

    fn histogram(&mut self, name: &str, labels: &str, histogram: &HistogramSnapshot) {
        let mut exemplars = histogram.exemplars.iter().copied().peekable();
        let mut below = f64::NEG_INFINITY;
        let mut total = 0;
        let (mut bounds, is_sparse) = (histogram.classic.clone(), histogram.classic.is_empty());
        if is_sparse {
            bounds = octaves(histogram);
        }
        for (bound, count) in bounds {
            total += count;
            let mut in_bucket = None;
            while let Some(exemplar) = exemplars.next_if(|it| it.value <= bound) {
                in_bucket = (exemplar.value > below).then_some(exemplar);
            }
            below = bound;
            self.bucket(name, labels, bound, total);
            self.exemplar(in_bucket);
        }
        self.bucket(name, labels, f64::INFINITY, histogram.count);
        self.exemplar(exemplars.last());
        self.begin(name, "_sum", labels);
        self.number(histogram.sum);
        self.put(&["\n"]);
        self.begin(name, "_count", labels);
        self.put(&[itoa::Buffer::new().format(histogram.count), "\n"]);
    }

    fn bucket(&mut self, name: &str, labels: &str, bound: f64, count: u64) {
        self.put(&[name, "_bucket{", labels]);
        self.put(&[if labels.is_empty() { "le=\"" } else { ",le=\"" }]);
        // OpenMetrics writes bounds as floats.
        if self.is_openmetrics && bound.fract() == 0.0 && bound.abs() < 1e15 {
            self.put(&[itoa::Buffer::new().format(bound as i64), ".0"]);
        } else {
            self.number(bound);
        }
        self.put(&["\"} ", itoa::Buffer::new().format(count)]);
    }

    /// Ends the line of a bucket.
    fn exemplar(&mut self, exemplar: Option<crate::histogram::Exemplar>) {
        if let Some(exemplar) = exemplar.filter(|_| self.is_openmetrics) {
            let trace_id = format!("{:032x}", exemplar.trace_id);
            self.put(&[" # {trace_id=\"", &trace_id, "\"} "]);
            self.number(exemplar.value);
            self.put(&[" "]);
            self.number(exemplar.time_ms as f64 / 1_000.0);
        }
        self.put(&["\n"]);
    }

    fn begin(&mut self, name: &str, suffix: &str, labels: &str) {
        if labels.is_empty() {
            self.put(&[name, suffix, " "]);
        } else {
            self.put(&[name, suffix, "{", labels, "} "]);
        }
    }

    fn number(&mut self, number: f64) {
        if number.is_finite() && number.fract() == 0.0 && number.abs() < 1e15 {
            self.put(&[itoa::Buffer::new().format(number as i64)]);
        } else if number.is_finite() {
            self.put(&[ryu::Buffer::new().format_finite(number)]);
        } else if number.is_nan() {
            self.put(&["NaN"]);
        } else {
            self.put(&[if number > 0.0 { "+Inf" } else { "-Inf" }]);
        }
    }

    fn put(&mut self, pieces: &[&str]) {
        for piece in pieces {
            self.out.extend_from_slice(piece.as_bytes());
        }
    }
}

/// The buckets of a native histogram as those powers of two that have values, which are bounds of its own: each count is
/// right, but series of one family have different bounds and must not be summed by them. Upper bounds and counts, not
/// cumulative.
fn octaves(histogram: &HistogramSnapshot) -> Vec<(f64, u64)> {
    let buckets = crate::buckets::OCTAVE_BUCKETS as i32;
    let mut octaves: Vec<(f64, u64)> = Vec::new();
    let mut add = |bound: f64, count: u64| match octaves.last_mut() {
        #[expect(clippy::float_cmp, reason = "the same power of two")]
        Some((last, sum)) if *last == bound => *sum += count,
        _ => octaves.push((bound, count)),
    };
    // A negative bucket reaches from its larger absolute value, left out, to its smaller one.
    for (index, count) in histogram.negative.iter().rev() {
        add(-2f64.powi((index - 1).div_euclid(buckets)), *count);
    }
    if histogram.zero_count > 0 {
        add(crate::buckets::ZERO_THRESHOLD, histogram.zero_count);
    }
    for (index, count) in &histogram.positive {
        add(2f64.powi((index + buckets - 1).div_euclid(buckets)), *count);
    }
    octaves
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Buckets, Histogram};

    fn written(format: Format, kind: Kind, labels: &str, value: &Value) -> String {
        let mut out = Vec::new();
        let mut text = Text::new(&mut out, format);
        text.family("x_total", "Is \"x\\\n\".", kind);
        text.series("x_total", labels, value);
        text.finish();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_written_as_prometheus_reads_them() {
        for (number, want) in [
            (1.0, "1"),
            (-0.5, "-0.5"),
            (1e16, "1e16"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            let text = written(Format::Prometheus, Kind::Gauge, "", &Value::Number(number));
            let last = text.lines().last().unwrap();
            assert_eq!(last, format!("x_total {want}"));
        }
        let labels = label_text([("a", "x\"\\\n"), ("b", "é")].into_iter());
        let text = written(
            Format::OpenMetrics,
            Kind::Counter,
            &labels,
            &Value::Count(3),
        );
        assert_eq!(
            text,
            "# HELP x Is \\\"x\\\\\\n\\\".\n# TYPE x counter\nx_total{a=\"x\\\"\\\\\\n\",b=\"é\"} 3\n# EOF\n"
        );
    }

    #[test]
    fn a_native_histogram_is_shown_as_powers_of_two() {
        let histogram = Histogram::new(&Buckets::Native.into());
        for value in [-3.0, 0.0, 0.5, 0.6, 0.9, 1.0, 3.0] {
            histogram.observe(value);
        }
        histogram.observe_traced(0.7, 0xab, 1_500);
        let value = Value::Histogram(Box::new(histogram.snapshot()));
        let text = written(Format::OpenMetrics, Kind::Histogram, "k=\"v\"", &value);
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "x_total_bucket{k=\"v\",le=\"-2.0\"} 1",
                "x_total_bucket{k=\"v\",le=\"2.3283064365386963e-10\"} 2",
                "x_total_bucket{k=\"v\",le=\"0.5\"} 3",
                "x_total_bucket{k=\"v\",le=\"1.0\"} 7 # {trace_id=\"000000000000000000000000000000ab\"} 0.7 1.5",
                "x_total_bucket{k=\"v\",le=\"4.0\"} 8",
                "x_total_bucket{k=\"v\",le=\"+Inf\"} 8",
                "x_total_sum{k=\"v\"} 3.7",
                "x_total_count{k=\"v\"} 8",
                "# EOF",
            ]
        );
    }
}
