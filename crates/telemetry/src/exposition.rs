//! Writing numbers as Prometheus text or OpenMetrics.

use std::fmt::Write as _;

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// Takes numbers and writes them as text. Numbers of one family must come one after another.
#[derive(Debug)]
pub struct Sink<'a> {
    out: &'a mut String,
    format: Format,
    family: String,
}

impl<'a> Sink<'a> {
    /// A sink that appends to `out`.
    pub fn new(out: &'a mut String, format: Format) -> Self {
        Self {
            out,
            format,
            family: String::new(),
        }
    }

    /// Writes a counter. In OpenMetrics the name of the family is without `_total`.
    pub fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        let family = match self.format {
            Format::OpenMetrics => name.strip_suffix("_total").unwrap_or(name),
            Format::Prometheus => name,
        };
        self.begin_family(family, help, "counter");
        self.sample(name, "", labels, None, value);
    }

    /// Writes a gauge.
    pub fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.begin_family(name, help, "gauge");
        self.sample(name, "", labels, None, value);
    }

    /// Writes a number of which nobody says whether it is a counter or a gauge.
    pub fn unknown(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        let word = match self.format {
            Format::OpenMetrics => "unknown",
            Format::Prometheus => "untyped",
        };
        self.begin_family(name, help, word);
        self.sample(name, "", labels, None, value);
    }

    /// Writes a histogram. `counts` are per bucket, not cumulative, one more than `bounds`.
    pub fn histogram(
        &mut self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        bounds: &[f64],
        counts: &[u64],
        sum: f64,
    ) {
        self.begin_family(name, help, "histogram");
        let mut cumulative = 0u64;
        for (index, count) in counts.iter().enumerate() {
            cumulative += count;
            let bound = bounds.get(index).copied().unwrap_or(f64::INFINITY);
            let bound = number(bound);
            self.sample(name, "_bucket", labels, Some(&bound), cumulative as f64);
        }
        self.sample(name, "_sum", labels, None, sum);
        self.sample(name, "_count", labels, None, cumulative as f64);
    }

    /// Writes what stands at the end.
    pub fn finish(&mut self) {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
    }

    fn begin_family(&mut self, family: &str, help: &str, metric_type: &str) {
        if self.family == family {
            return;
        }
        family.clone_into(&mut self.family);
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing into a String cannot fail, here and below.
        let _written = writeln!(
            self.out,
            "# HELP {family} {help}\n# TYPE {family} {metric_type}"
        );
    }

    fn sample(
        &mut self,
        name: &str,
        suffix: &str,
        labels: &[(&str, &str)],
        bound: Option<&str>,
        value: f64,
    ) {
        self.out.push_str(name);
        self.out.push_str(suffix);
        let all = labels
            .iter()
            .copied()
            .chain(bound.map(|bound| ("le", bound)));
        let mut open = '{';
        for (label, text) in all {
            let text = text
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            let _written = write!(self.out, "{open}{label}=\"{text}\"");
            open = ',';
        }
        if open == ',' {
            self.out.push('}');
        }
        let _written = writeln!(self.out, " {}", number(value));
    }
}

fn number(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        value.to_string()
    }
}
