//! Writing numbers as Prometheus text or OpenMetrics, or gathering them as they are.

use std::fmt::Write as _;

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// What a family is, as clients of Prometheus call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyType {
    /// Goes up only.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Nobody says.
    Untyped,
    /// Observations in buckets.
    Histogram,
}

/// The numbers of one name.
#[derive(Debug, Clone, PartialEq)]
pub struct GatheredFamily {
    /// The name, for a counter with its `_total`.
    pub name: String,
    /// What it means.
    pub help: String,
    /// What it is.
    pub family_type: FamilyType,
    /// One entry for each set of labels.
    pub metrics: Vec<GatheredMetric>,
}

/// A number and its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct GatheredMetric {
    /// Label names and values.
    pub labels: Vec<(String, String)>,
    /// The number.
    pub value: GatheredValue,
}

/// A number, or those of a histogram.
#[derive(Debug, Clone, PartialEq)]
pub enum GatheredValue {
    /// Of a counter, a gauge, or something untyped.
    Number(f64),
    /// Of a histogram.
    Histogram {
        /// Upper bounds, which belong to the bucket, and cumulative counts; without `+Inf`.
        buckets: Vec<(f64, u64)>,
        /// Observations.
        count: u64,
        /// What they add up to.
        sum: f64,
    },
}

/// Takes numbers and writes them as text, or keeps them. Numbers of one family must come one after
/// another.
#[derive(Debug)]
pub struct Sink<'a>(Output<'a>);

#[derive(Debug)]
enum Output<'a> {
    Text(Text<'a>),
    Gathered(&'a mut Vec<GatheredFamily>),
}

#[derive(Debug)]
struct Text<'a> {
    out: &'a mut String,
    format: Format,
    family: String,
}

impl<'a> Sink<'a> {
    /// A sink that appends to `out`.
    pub fn new(out: &'a mut String, format: Format) -> Self {
        Self(Output::Text(Text {
            out,
            format,
            family: String::new(),
        }))
    }

    /// A sink that keeps families.
    pub(crate) fn gathering(families: &'a mut Vec<GatheredFamily>) -> Self {
        Self(Output::Gathered(families))
    }

    /// Writes a counter. In OpenMetrics the name of the family is without `_total`.
    pub fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        match &mut self.0 {
            Output::Text(text) => {
                let family = match text.format {
                    Format::OpenMetrics => name.strip_suffix("_total").unwrap_or(name),
                    Format::Prometheus => name,
                };
                text.begin_family(family, help, "counter");
                text.sample(name, "", labels, None, value);
            }
            Output::Gathered(families) => {
                let value = GatheredValue::Number(value);
                gather(families, name, help, FamilyType::Counter, labels, value);
            }
        }
    }

    /// Writes a gauge.
    pub fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        match &mut self.0 {
            Output::Text(text) => {
                text.begin_family(name, help, "gauge");
                text.sample(name, "", labels, None, value);
            }
            Output::Gathered(families) => {
                let value = GatheredValue::Number(value);
                gather(families, name, help, FamilyType::Gauge, labels, value);
            }
        }
    }

    /// Writes a number of which nobody says whether it is a counter or a gauge.
    pub fn unknown(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        match &mut self.0 {
            Output::Text(text) => {
                let word = match text.format {
                    Format::OpenMetrics => "unknown",
                    Format::Prometheus => "untyped",
                };
                text.begin_family(name, help, word);
                text.sample(name, "", labels, None, value);
            }
            Output::Gathered(families) => {
                let value = GatheredValue::Number(value);
                gather(families, name, help, FamilyType::Untyped, labels, value);
            }
        }
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
        let mut count = 0u64;
        let cumulative = counts.iter().map(|of_bucket| {
            count += of_bucket;
            count
        });
        let with_bounds = cumulative.enumerate().map(|(index, count)| {
            let bound = bounds.get(index).copied().unwrap_or(f64::INFINITY);
            (bound, count)
        });
        let mut buckets: Vec<(f64, u64)> = with_bounds.collect();
        match &mut self.0 {
            Output::Text(text) => {
                text.begin_family(name, help, "histogram");
                for (bound, count) in buckets {
                    let bound = number(bound);
                    text.sample(name, "_bucket", labels, Some(&bound), count as f64);
                }
                text.sample(name, "_sum", labels, None, sum);
                text.sample(name, "_count", labels, None, count as f64);
            }
            Output::Gathered(families) => {
                buckets.truncate(bounds.len());
                let value = GatheredValue::Histogram {
                    buckets,
                    count,
                    sum,
                };
                gather(families, name, help, FamilyType::Histogram, labels, value);
            }
        }
    }

    /// Writes what stands at the end.
    pub fn finish(&mut self) {
        if let Output::Text(text) = &mut self.0
            && text.format == Format::OpenMetrics
        {
            text.out.push_str("# EOF\n");
        }
    }
}

/// Adds a number to the last family, or begins the next.
fn gather(
    families: &mut Vec<GatheredFamily>,
    name: &str,
    help: &str,
    family_type: FamilyType,
    labels: &[(&str, &str)],
    value: GatheredValue,
) {
    if families.last().is_none_or(|last| last.name != name) {
        families.push(GatheredFamily {
            name: name.to_owned(),
            help: help.to_owned(),
            family_type,
            metrics: Vec::new(),
        });
    }
    if let Some(family) = families.last_mut() {
        let labels = labels.iter();
        family.metrics.push(GatheredMetric {
            labels: labels
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            value,
        });
    }
}

impl Text<'_> {
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
