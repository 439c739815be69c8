//! The labels that the bytes of a series stand for.
//!
//! ## Model
//! In the text formats these are the bytes of a line before its value: `name{a="1"}` or, for names
//! that are no identifiers, `{"a name",a="1"}`. A series of a protobuf body is named by bytes that
//! [`ProtobufSeries`] writes: a 0, then strings behind their lengths.

use std::borrow::Cow;

use bellwether_model::number::Bound;
use bellwether_model::utf8_name::{is_legacy_label_name, is_legacy_metric_name};
use bellwether_model::{LabelsBuilder, METRIC_NAME, MetricType, ShortLabels, short, short_bytes};

use super::ExpositionError;

/// Reads the bytes of a series and adds its labels to `out`, which should be empty. The values of
/// `le` and `quantile` are written in one way (`1.0`, `+Inf`) whatever way the target writes them.
///
/// # Errors
/// Where the bytes are malformed, not UTF-8, lack a name, or have a label twice.
pub fn series_labels(
    series: &[u8],
    family_type: MetricType,
    out: &mut LabelsBuilder,
) -> Result<(), ExpositionError> {
    match series.strip_prefix(&[PROTOBUF_TAG]) {
        Some(rest) => protobuf_labels(series, rest, out),
        None => text_labels(series, family_type, out),
    }
}

fn text_labels(
    series: &[u8],
    family_type: MetricType,
    out: &mut LabelsBuilder,
) -> Result<(), ExpositionError> {
    let fail = |expected| ExpositionError::Series {
        series: short_bytes(series),
        expected,
    };
    let text = std::str::from_utf8(series).map_err(|_| fail("valid UTF-8"))?;
    let (name, labels) = match text.split_once('{') {
        Some((name, labels)) => (name.trim_end_matches([' ', '\t']), Some(labels)),
        None => (text, None),
    };
    let mut named = !name.is_empty();
    if named {
        if !is_legacy_metric_name(name) {
            return Err(fail("a metric name of letters, digits, _ and :"));
        }
        out.set(METRIC_NAME, name);
    }
    let mut rest = labels.unwrap_or("}");
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if let Some(tail) = rest.strip_prefix('}') {
            if !tail.is_empty() {
                return Err(fail("the end of the series after }"));
            }
            break;
        }
        let (label, quoted) = if rest.starts_with('"') {
            let (label, tail) = quoted(rest).ok_or_else(|| fail("a closing quote"))?;
            rest = tail;
            (label, true)
        } else {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let (label, tail) = rest.split_at(end.unwrap_or(rest.len()));
            rest = tail;
            (Cow::Borrowed(label), false)
        };
        rest = rest.trim_start_matches([' ', '\t']);
        if quoted && rest.starts_with([',', '}']) {
            if named {
                return Err(fail("only one metric name"));
            }
            named = true;
            out.set(METRIC_NAME, &label);
        } else {
            if !quoted && !is_legacy_label_name(&label) {
                return Err(fail("a label name or }"));
            }
            rest = rest
                .strip_prefix('=')
                .ok_or_else(|| fail("= after a label name"))?
                .trim_start_matches([' ', '\t']);
            let (value, tail) = quoted_value(rest).ok_or_else(|| fail("a quoted label value"))?;
            rest = tail;
            if out.get(&label).is_some() {
                return Err(ExpositionError::DuplicateLabel {
                    series: short_bytes(series),
                    label: label.into_owned(),
                });
            }
            let value = normal_bound(family_type, &label, value);
            out.set(&label, &value);
        }
        rest = rest.trim_start_matches([' ', '\t']);
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    if !named && out.get(METRIC_NAME).is_none() {
        return Err(fail("a metric name"));
    }
    Ok(())
}

fn quoted_value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    quoted(text)
}

/// The string that `text` begins with, unescaped, and what follows its closing quote.
pub(super) fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let text = text.strip_prefix('"')?;
    let plain_end = text.find(['"', '\\'])?;
    let (plain, tail) = text.split_at(plain_end);
    if let Some(tail) = tail.strip_prefix('"') {
        return Some((Cow::Borrowed(plain), tail));
    }
    let mut value = plain.to_owned();
    let mut chars = tail.chars();
    loop {
        match chars.next()? {
            '"' => return Some((Cow::Owned(value), chars.as_str())),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                c @ ('\\' | '"') => value.push(c),
                // An escape that means nothing stands for itself.
                c => {
                    value.push('\\');
                    value.push(c);
                }
            },
            c => value.push(c),
        }
    }
}

/// Bucket bounds and quantiles are part of a series' identity: `1`, `1.0` and `1e0` must be one.
fn normal_bound<'a>(family_type: MetricType, label: &str, value: Cow<'a, str>) -> Cow<'a, str> {
    let is_bound = match family_type {
        MetricType::Histogram => label == "le",
        MetricType::Summary => label == "quantile",
        _ => false,
    };
    if !is_bound {
        return value;
    }
    match value.parse::<f64>() {
        Ok(number) => Cow::Owned(Bound(number).to_string()),
        Err(_) => value,
    }
}

/// What the bytes of a protobuf series begin with; no text series does.
const PROTOBUF_TAG: u8 = 0;

/// Writes the bytes that name a series of a protobuf body.
#[derive(Debug, Default)]
pub(super) struct ProtobufSeries {
    bytes: Vec<u8>,
}

impl ProtobufSeries {
    /// Starts a series by its metric name, which comes in two parts.
    pub(super) fn start(&mut self, family: &str, suffix: &str) {
        self.bytes.clear();
        self.bytes.push(PROTOBUF_TAG);
        self.length(family.len() + suffix.len());
        self.bytes.extend_from_slice(family.as_bytes());
        self.bytes.extend_from_slice(suffix.as_bytes());
    }

    /// Adds a label.
    pub(super) fn label(&mut self, name: &str, value: &str) {
        self.length(name.len());
        self.bytes.extend_from_slice(name.as_bytes());
        self.length(value.len());
        self.bytes.extend_from_slice(value.as_bytes());
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn length(&mut self, mut length: usize) {
        while length >= 0x80 {
            self.bytes.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        self.bytes.push(length as u8);
    }
}

fn protobuf_labels(
    series: &[u8],
    rest: &[u8],
    out: &mut LabelsBuilder,
) -> Result<(), ExpositionError> {
    let fail = |expected| ExpositionError::Series {
        series: short_bytes(series),
        expected,
    };
    let mut cursor = bellwether_codec::protobuf::Cursor::new(rest);
    let mut next = || {
        let bytes = cursor
            .bytes()
            .map_err(|_| fail("a string behind its length"))?;
        let text = std::str::from_utf8(bytes).map_err(|_| fail("valid UTF-8"))?;
        Ok::<_, ExpositionError>((text, cursor.is_done()))
    };
    let (name, mut done) = next()?;
    if name.is_empty() {
        return Err(fail("a metric name"));
    }
    out.set(METRIC_NAME, name);
    while !done {
        let (label, _) = next()?;
        let (value, is_last) = next()?;
        if out.get(label).is_some() {
            return Err(ExpositionError::DuplicateLabel {
                series: ShortLabels(&out.build()).to_string(),
                label: short(label).to_string(),
            });
        }
        out.set(label, value);
        done = is_last;
    }
    Ok(())
}
