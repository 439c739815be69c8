//! Prometheus text 0.0.4 and OpenMetrics 1.0.

use std::fmt::Write as _;

use bellwether_model::MetricType;
use bellwether_model::number::General;

use super::le;
use crate::family::{Family, HistogramPoint, PointExemplar, PointValue};

/// Units that OpenMetrics is told of; a name must end in its unit.
const UNITS: [&str; 4] = ["seconds", "bytes", "dollars", "tokens"];

pub(super) fn prometheus(families: &[Family]) -> String {
    let mut out = String::with_capacity(256 << 10);
    for family in families {
        let word = match family.metric_type {
            MetricType::Info => "gauge",
            other => other.as_str(),
        };
        head(&mut out, family.name, family.help, word);
        points(&mut out, family, false);
    }
    out
}

pub(super) fn open_metrics(families: &[Family]) -> String {
    let mut out = String::with_capacity(256 << 10);
    for family in families {
        let suffix = match family.metric_type {
            MetricType::Counter => "_total",
            MetricType::Info => "_info",
            _ => "",
        };
        let name = family.name.strip_suffix(suffix).unwrap_or(family.name);
        head(&mut out, name, family.help, family.metric_type.as_str());
        let ends_in = |unit: &&str| name.strip_suffix(*unit).is_some_and(|n| n.ends_with('_'));
        if let Some(unit) = UNITS.iter().find(|unit| ends_in(unit)) {
            // Writing into a String cannot fail, here and below.
            let _written = writeln!(out, "# UNIT {name} {unit}");
        }
        points(&mut out, family, true);
    }
    out.push_str("# EOF\n");
    out
}

fn head(out: &mut String, name: &str, help: &str, word: &str) {
    let help = help.replace('\\', "\\\\").replace('\n', "\\n");
    let _written = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {word}");
}

fn points(out: &mut String, family: &Family, with_exemplars: bool) {
    for point in &family.points {
        match &point.value {
            PointValue::Number(value) => {
                sample(out, family.name, "", &point.labels, None, *value);
                out.push('\n');
            }
            PointValue::Histogram(histogram) => {
                buckets(out, family.name, &point.labels, histogram, with_exemplars);
            }
        }
    }
}

fn buckets(
    out: &mut String,
    name: &str,
    labels: &[(&'static str, String)],
    histogram: &HistogramPoint,
    with_exemplars: bool,
) {
    let mut cumulative = 0;
    for (index, count) in histogram.counts.iter().enumerate() {
        cumulative += count;
        let bound = histogram
            .bounds
            .get(index)
            .copied()
            .unwrap_or(f64::INFINITY);
        sample(out, name, "_bucket", labels, Some(bound), cumulative as f64);
        let exemplar = histogram.exemplars.get(index).copied().flatten();
        if let Some(PointExemplar {
            trace_id,
            value,
            time_ms,
        }) = exemplar.filter(|_| with_exemplars)
        {
            let time_s = time_ms as f64 / 1e3;
            let value = General(value);
            let _written = write!(
                out,
                " # {{trace_id=\"{trace_id:032x}\"}} {value} {time_s:.3}"
            );
        }
        out.push('\n');
    }
    sample(out, name, "_sum", labels, None, histogram.sum);
    out.push('\n');
    sample(out, name, "_count", labels, None, cumulative as f64);
    out.push('\n');
}

fn sample(
    out: &mut String,
    name: &str,
    suffix: &str,
    labels: &[(&'static str, String)],
    bound: Option<f64>,
    value: f64,
) {
    out.push_str(name);
    out.push_str(suffix);
    let mut open = '{';
    for (label, text) in labels {
        let text = text
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let _written = write!(out, "{open}{label}=\"{text}\"");
        open = ',';
    }
    if let Some(bound) = bound {
        let _written = write!(out, "{open}le=\"{}\"", le(bound));
        open = ',';
    }
    if open == ',' {
        out.push('}');
    }
    let _written = write!(out, " {}", General(value));
}
