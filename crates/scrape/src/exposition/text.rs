//! Prometheus text and OpenMetrics.
//!
//! ## Model
//! One pass over the bytes, line by line. For a series line the parser first compares with what the
//! sink expects; only where that fails it looks for the end of the series. The value is read in
//! place. Line numbers are counted when an error needs one.
//!
//! ## Invariants
//! Where a body of either format ends inside of a line, it was cut off and is refused. OpenMetrics
//! must end with `# EOF`; blanks are exact there, free in Prometheus text.

use bellwether_model::{Exemplar, LabelsBuilder, MetricType, short_bytes};

use super::series::quoted;
use super::{ExpositionError, MetadataPiece, Sample, SampleValue, Sink, series_labels};
use crate::error::ScrapeError;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Prometheus,
    OpenMetrics,
}

/// The NaN that is stored for any NaN of a body: one that is not the staleness marker.
const NORMAL_NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// Parses a body into a sink.
pub(super) fn parse<S: Sink>(
    body: &[u8],
    dialect: Dialect,
    sink: &mut S,
) -> Result<(), ScrapeError> {
    let mut parser = Parser {
        body,
        at: 0,
        dialect,
        family_type: MetricType::Unknown,
        exemplar: Vec::with_capacity(1),
    };
    match dialect {
        Dialect::Prometheus => parser.prometheus(sink),
        Dialect::OpenMetrics => parser.open_metrics(sink),
    }
}

struct Parser<'a> {
    body: &'a [u8],
    /// Where the next token begins.
    at: usize,
    dialect: Dialect,
    /// From the last `# TYPE`.
    family_type: MetricType,
    /// The exemplar of the line at hand, if it has one.
    exemplar: Vec<Exemplar>,
}

impl<'a> Parser<'a> {
    fn prometheus<S: Sink>(&mut self, sink: &mut S) -> Result<(), ScrapeError> {
        loop {
            self.skip_blanks();
            match self.peek() {
                None => return Ok(()),
                Some(b'\n') => self.at += 1,
                Some(b'#') => self.prometheus_comment(sink)?,
                Some(_) => self.series_line(sink)?,
            }
        }
    }

    fn open_metrics<S: Sink>(&mut self, sink: &mut S) -> Result<(), ScrapeError> {
        loop {
            match self.peek() {
                None => return Err(self.fail("# EOF at the end").into()),
                Some(b'#') => {
                    if self.open_metrics_comment(sink)? {
                        return Ok(());
                    }
                }
                Some(_) => self.series_line(sink)?,
            }
        }
    }

    /// Reads `# HELP` and `# TYPE`, passes over other comments.
    fn prometheus_comment<S: Sink>(&mut self, sink: &mut S) -> Result<(), ScrapeError> {
        let start = self.at;
        let end = self.line_end().unwrap_or(self.body.len());
        let line = &self.body[start..end];
        let after = (end + 1).min(self.body.len());
        let keyword = trim_start(line.get(1..).unwrap_or_default());
        // A `#` that is not followed by a blank begins a comment, whatever comes.
        let is_comment = keyword.len() + 1 == line.len();
        let piece = match keyword.get(..4) {
            Some(b"HELP" | b"TYPE") if !is_comment => &keyword[..4],
            _ => {
                self.at = after;
                return Ok(());
            }
        };
        let rest = &keyword[4..];
        if !rest.starts_with(b" ") && !rest.starts_with(b"\t") {
            self.at = after;
            return Ok(());
        }
        let Some((name, text)) = metric_name(trim_start(rest)) else {
            return Err(self.fail("a metric name after # HELP or # TYPE").into());
        };
        if end == self.body.len() {
            return Err(self.fail("a line end after metadata").into());
        }
        // One blank divides name and text; more belong to the text.
        let text = match text.split_first() {
            None => text,
            Some((b' ' | b'\t', text)) => text,
            Some(_) => return Err(self.fail("a blank after the metric name").into()),
        };
        if piece == b"HELP" {
            let escaped = true;
            sink.metadata(&name, MetadataPiece::Help { text, escaped });
        } else {
            let word = trim_end(trim_start(text));
            let metric_type = match word {
                b"untyped" | b"counter" | b"gauge" | b"histogram" | b"summary" => type_of(word),
                _ => None,
            };
            let Some(metric_type) = metric_type else {
                return Err(self
                    .fail("one of counter, gauge, histogram, summary, untyped")
                    .into());
            };
            self.family_type = metric_type;
            sink.metadata(&name, MetadataPiece::Type(metric_type));
        }
        self.at = after;
        Ok(())
    }

    /// Reads `# HELP`, `# TYPE` and `# UNIT`; answers `true` at `# EOF`.
    fn open_metrics_comment<S: Sink>(&mut self, sink: &mut S) -> Result<bool, ScrapeError> {
        let start = self.at;
        let end = self.line_end().unwrap_or(self.body.len());
        let line = &self.body[start..end];
        if line == b"# EOF" {
            self.at = (end + 1).min(self.body.len());
            if self.at < self.body.len() {
                return Err(self.fail("nothing after # EOF").into());
            }
            return Ok(true);
        }
        if end == self.body.len() {
            return Err(self.fail("# EOF at the end").into());
        }
        let Some((keyword, rest)) = line.split_at_checked(7) else {
            return Err(self.fail("# HELP, # TYPE, # UNIT or # EOF").into());
        };
        let known = matches!(keyword, b"# HELP " | b"# TYPE " | b"# UNIT ");
        if !known {
            return Err(self.fail("# HELP, # TYPE, # UNIT or # EOF").into());
        }
        let Some((name, text)) = metric_name(rest) else {
            return Err(self
                .fail("a metric name after # HELP, # TYPE or # UNIT")
                .into());
        };
        let Some(text) = text.strip_prefix(b" ") else {
            return Err(self.fail("a blank and a text after the metric name").into());
        };
        match keyword {
            b"# HELP " => {
                let escaped = true;
                sink.metadata(&name, MetadataPiece::Help { text, escaped });
            }
            b"# TYPE " => {
                let metric_type = type_of(text).filter(|_| text != b"untyped");
                let Some(metric_type) = metric_type else {
                    return Err(self
                        .fail("one of counter, gauge, histogram, gaugehistogram, summary, info, stateset, unknown")
                        .into());
                };
                self.family_type = metric_type;
                sink.metadata(&name, MetadataPiece::Type(metric_type));
            }
            _ => {
                let is_suffix = name
                    .strip_suffix(text)
                    .is_some_and(|stem| stem.ends_with(b"_") && !text.is_empty());
                if !text.is_empty() && !is_suffix {
                    return Err(self.fail("a unit that the metric name ends with").into());
                }
                sink.metadata(&name, MetadataPiece::Unit(text));
            }
        }
        self.at = end + 1;
        Ok(false)
    }

    fn series_line<S: Sink>(&mut self, sink: &mut S) -> Result<(), ScrapeError> {
        let start = self.at;
        let expected = sink.expected().map_or(0, |bytes| self.as_expected(bytes));
        let end = match expected {
            0 => self.series_end()?,
            length => start + length,
        };
        self.at = end;
        let value = self.value()?;
        let timestamp_ms = self.timestamp()?;
        self.exemplar.clear();
        if self.dialect == Dialect::OpenMetrics {
            self.exemplar()?;
        }
        self.end_of_line()?;
        sink.sample(Sample {
            series: &self.body[start..end],
            as_expected: expected > 0,
            family_type: self.family_type,
            timestamp_ms,
            start_ms: 0,
            value: SampleValue::Float(value),
            exemplars: &self.exemplar,
        })
    }

    /// The length of the expected series if the line begins with it and nothing of the series
    /// follows, else 0.
    #[inline]
    fn as_expected(&self, expected: &[u8]) -> usize {
        let rest = &self.body[self.at..];
        if !rest.starts_with(expected) {
            return 0;
        }
        let tail = &rest[expected.len()..];
        if !matches!(tail.first(), Some(b' ' | b'\t')) {
            return 0;
        }
        // `name {a="1"}` begins with `name` and is another series.
        let whole = expected.last() == Some(&b'}') || trim_start(tail).first() != Some(&b'{');
        if whole { expected.len() } else { 0 }
    }

    /// Where the series of this line ends: behind the closing brace, or behind the name. Whether
    /// what stands inside of the braces makes sense is seen when its labels are read.
    fn series_end(&self) -> Result<usize, ExpositionError> {
        let rest = &self.body[self.at..];
        let name_length = rest
            .iter()
            .position(|b| !b.is_ascii_alphanumeric() && *b != b'_' && *b != b':')
            .unwrap_or(rest.len());
        if rest.first().is_some_and(u8::is_ascii_digit) {
            return Err(self.fail("a metric name or {"));
        }
        let mut brace = name_length;
        if self.dialect == Dialect::Prometheus && name_length > 0 {
            brace += blanks(&rest[brace..]);
        }
        if rest.get(brace) != Some(&b'{') {
            if name_length == 0 {
                return Err(self.fail("a metric name or {"));
            }
            return Ok(self.at + name_length);
        }
        let mut i = brace + 1;
        loop {
            match rest.get(i) {
                Some(b'}') => return Ok(self.at + i + 1),
                Some(b'"') => {
                    i += 1;
                    loop {
                        match rest.get(i) {
                            Some(b'"') => break,
                            Some(b'\\') => i += 2,
                            Some(b'\n') if self.dialect == Dialect::OpenMetrics => {
                                return Err(self.fail("a closing quote before the line end"));
                            }
                            Some(_) => i += 1,
                            None => return Err(self.fail("a closing quote")),
                        }
                    }
                    i += 1;
                }
                Some(b'\n') | None => return Err(self.fail("} before the line end")),
                Some(_) => i += 1,
            }
        }
    }

    /// The number after the series.
    #[inline]
    fn value(&mut self) -> Result<f64, ExpositionError> {
        self.blank_before("a blank and a value after the series")?;
        self.number("a number as value")
    }

    /// The time after the value, if there is one, in milliseconds.
    #[inline]
    fn timestamp(&mut self) -> Result<Option<i64>, ExpositionError> {
        match self.dialect {
            Dialect::Prometheus => {
                self.skip_blanks();
                match self.peek() {
                    None | Some(b'\n') => Ok(None),
                    Some(_) => self.integer_timestamp().map(Some),
                }
            }
            Dialect::OpenMetrics => {
                let rest = &self.body[self.at..];
                if rest.first() != Some(&b' ') || rest.get(1) == Some(&b'#') {
                    return Ok(None);
                }
                self.at += 1;
                self.seconds("a timestamp in seconds").map(Some)
            }
        }
    }

    fn integer_timestamp(&mut self) -> Result<i64, ExpositionError> {
        let token = self.token();
        let text = std::str::from_utf8(token).ok();
        match text.and_then(|text| text.parse().ok()) {
            Some(timestamp_ms) => {
                self.at += token.len();
                Ok(timestamp_ms)
            }
            None => Err(self.fail("a timestamp in milliseconds or the line end")),
        }
    }

    /// A time in seconds with a fraction, as milliseconds.
    fn seconds(&mut self, expected: &'static str) -> Result<i64, ExpositionError> {
        let start = self.at;
        let seconds = self.number(expected)?;
        // Beyond this a millisecond does not fit into 64 bits.
        if !seconds.is_finite() || seconds.abs() > 9.2e15 {
            self.at = start;
            return Err(self.fail(expected));
        }
        Ok((seconds * 1000.0) as i64)
    }

    /// The exemplar at the end of an OpenMetrics line, if there is one.
    fn exemplar(&mut self) -> Result<(), ExpositionError> {
        let Some(rest) = self.body[self.at..].strip_prefix(b" # ") else {
            return Ok(());
        };
        if rest.first() != Some(&b'{') {
            return Err(self.fail("{ after # of an exemplar"));
        }
        self.at += 3;
        let labels_start = self.at;
        let labels_end = self.series_end()?;
        // An exemplar has no name; it gets one for the reader of labels, which wants it.
        let mut named = b"x".to_vec();
        named.extend_from_slice(&self.body[labels_start..labels_end]);
        let mut labels = LabelsBuilder::default();
        if series_labels(&named, MetricType::Unknown, &mut labels).is_err() {
            return Err(self.fail("labels of an exemplar"));
        }
        labels.remove(bellwether_model::METRIC_NAME);
        self.at = labels_end;
        self.blank_before("a blank and a value after the exemplar's labels")?;
        let value = self.number("a number as value of an exemplar")?;
        let mut timestamp_ms = 0;
        if self.peek() == Some(b' ') {
            self.at += 1;
            timestamp_ms = self.seconds("an exemplar's timestamp in seconds")?;
        }
        self.exemplar.push(Exemplar {
            labels: labels.build(),
            value,
            timestamp_ms,
        });
        Ok(())
    }

    #[inline]
    fn end_of_line(&mut self) -> Result<(), ExpositionError> {
        if self.dialect == Dialect::Prometheus {
            self.skip_blanks();
        }
        if self.peek() == Some(b'\n') {
            self.at += 1;
            return Ok(());
        }
        Err(self.fail("the line end"))
    }

    /// Passes over what must stand before a value: one blank, or any number of them.
    #[inline]
    fn blank_before(&mut self, expected: &'static str) -> Result<(), ExpositionError> {
        let count = match self.dialect {
            Dialect::OpenMetrics => usize::from(self.peek() == Some(b' ')),
            Dialect::Prometheus => blanks(&self.body[self.at..]),
        };
        if count == 0 {
            // `{…}1` is taken by Prometheus, and written by some.
            let after_brace = self.at > 0 && self.body[self.at - 1] == b'}';
            if self.dialect == Dialect::OpenMetrics || !after_brace {
                return Err(self.fail(expected));
            }
        }
        self.at += count;
        Ok(())
    }

    #[inline]
    fn number(&mut self, expected: &'static str) -> Result<f64, ExpositionError> {
        let rest = &self.body[self.at..];
        let Ok((value, length)) = fast_float2::parse_partial::<f64, _>(rest) else {
            return Err(self.fail(expected));
        };
        match rest.get(length) {
            None | Some(b' ' | b'\t' | b'\n') => {}
            _ => return Err(self.fail(expected)),
        }
        self.at += length;
        Ok(if value.is_nan() { NORMAL_NAN } else { value })
    }

    fn token(&self) -> &'a [u8] {
        let rest = &self.body[self.at..];
        let end = rest.iter().position(|b| matches!(b, b' ' | b'\t' | b'\n'));
        &rest[..end.unwrap_or(rest.len())]
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    #[inline]
    fn skip_blanks(&mut self) {
        self.at += blanks(&self.body[self.at..]);
    }

    fn line_end(&self) -> Option<usize> {
        memchr::memchr(b'\n', &self.body[self.at..]).map(|length| self.at + length)
    }

    #[cold]
    fn fail(&self, expected: &'static str) -> ExpositionError {
        let at = self.at.min(self.body.len());
        let line = self.body[..at].iter().filter(|b| **b == b'\n').count() + 1;
        let rest = &self.body[at..];
        let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        let found = if rest.is_empty() {
            "the end of the body".to_owned()
        } else if end == 0 {
            "the line end".to_owned()
        } else {
            short_bytes(&rest[..end])
        };
        ExpositionError::Line {
            line,
            expected,
            found,
        }
    }
}

#[inline]
fn blanks(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|b| matches!(b, b' ' | b'\t'))
        .count()
}

fn trim_start(bytes: &[u8]) -> &[u8] {
    &bytes[blanks(bytes)..]
}

fn trim_end(bytes: &[u8]) -> &[u8] {
    let blank = |b: &&u8| matches!(b, b' ' | b'\t' | b'\r');
    &bytes[..bytes.len() - bytes.iter().rev().take_while(blank).count()]
}

fn type_of(word: &[u8]) -> Option<MetricType> {
    std::str::from_utf8(word).ok().and_then(MetricType::parse)
}

/// The metric name that `bytes` begin with, plain or quoted, and what follows it.
fn metric_name(bytes: &[u8]) -> Option<(std::borrow::Cow<'_, [u8]>, &[u8])> {
    use std::borrow::Cow;
    if bytes.first() == Some(&b'"') {
        let text = std::str::from_utf8(bytes).ok()?;
        let (name, rest) = quoted(text)?;
        let name = match name {
            Cow::Borrowed(name) => Cow::Borrowed(name.as_bytes()),
            Cow::Owned(name) => Cow::Owned(name.into_bytes()),
        };
        return (!name.is_empty()).then_some((name, rest.as_bytes()));
    }
    let is_name = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'_' || **b == b':';
    let length = bytes.iter().take_while(is_name).count();
    if length == 0 || bytes[0].is_ascii_digit() {
        return None;
    }
    let (name, rest) = bytes.split_at(length);
    Some((Cow::Borrowed(name), rest))
}
