//! Descriptions of series: `up{job="api"} 1 2+3x2 _ stale {{sum:3 count:2 buckets:[1 1]}}x4`.

use std::iter::repeat_n;
use std::sync::Arc;

use bellwether_model::{
    CounterReset, FloatHistogram, Labels, LabelsBuilder, METRIC_NAME, STALE_NAN, Span,
};

use crate::ast::PosRange;
use crate::parser::{SeriesPart, parse_number, parse_series_labels};
use crate::quote::quoted;
use crate::{ParseError, TextPosition};

/// One place in the sequence of a series.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SequenceValue {
    /// The float, where it is one.
    pub value: f64,
    /// Whether there is no sample.
    pub is_omitted: bool,
    /// The histogram, where it is one.
    pub histogram: Option<Arc<FloatHistogram>>,
    /// Whether the description says what to expect of the counter reset.
    pub has_counter_reset: bool,
}

impl SequenceValue {
    pub(super) fn float(value: f64) -> Self {
        Self {
            value,
            ..Self::default()
        }
    }

    pub(super) fn omitted() -> Self {
        Self {
            is_omitted: true,
            ..Self::default()
        }
    }
}

/// Labels and values.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesDescription {
    /// Labels, with the name.
    pub labels: Labels,
    /// Values, one for each interval.
    pub values: Vec<SequenceValue>,
}

/// Most values that one item may stand for. Chosen: a hundred times the longest script, so that a
/// slip of the pen does not fill the memory.
const REPEAT_MAX: u64 = 10_000_000;

/// Reads a description.
///
/// # Errors
/// The first thing that is wrong, with its position in the line.
pub fn parse_series(line: &str) -> Result<SeriesDescription, ParseError> {
    let SeriesPart {
        name,
        labels,
        rest_at,
    } = parse_series_labels(line)?;
    let mut builder = LabelsBuilder::default();
    for (label, value) in &labels {
        builder.set(label, value);
    }
    if !name.is_empty() {
        builder.set(METRIC_NAME, &name);
    }
    let mut reader = Reader {
        text: line,
        at: rest_at,
    };
    let values = reader.values()?;
    Ok(SeriesDescription {
        labels: builder.build(),
        values,
    })
}

/// Reads values from a text.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// A histogram and whether its counter reset was given.
struct Described {
    histogram: FloatHistogram,
    has_counter_reset: bool,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or("")
    }

    fn skip_spaces(&mut self) -> bool {
        !self.take_while(char::is_whitespace).is_empty()
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        let range = PosRange::new(self.at as u32, self.text.len() as u32);
        Err(ParseError::new(self.text, range, message))
    }

    fn unexpected<T>(&self, context: &str) -> Result<T, ParseError> {
        match self.peek() {
            Some(c) => self.error(format!(
                "unexpected character {} in {context}",
                quoted(&c.to_string())
            )),
            None => self.error(format!("unexpected end of input in {context}")),
        }
    }

    fn values(&mut self) -> Result<Vec<SequenceValue>, ParseError> {
        let mut values = Vec::new();
        loop {
            let separated = self.skip_spaces();
            if self.rest().is_empty() {
                return Ok(values);
            }
            if !separated {
                return self.unexpected("series values");
            }
            self.item(&mut values)?;
        }
    }

    fn item(&mut self, values: &mut Vec<SequenceValue>) -> Result<(), ParseError> {
        if self.take("_") {
            let count = if self.take("x") { self.count()? } else { 1 };
            values.extend(repeat_n(SequenceValue::omitted(), count));
            return Ok(());
        }
        if self.rest().starts_with("{{") {
            return self.histogram_item(values);
        }
        let mut value = self.signed_number("series values")?;
        if self.take("x") {
            let count = self.count()? + 1;
            values.extend(repeat_n(SequenceValue::float(value), count));
            return Ok(());
        }
        if !matches!(self.peek(), Some('+' | '-')) {
            values.push(SequenceValue::float(value));
            return Ok(());
        }
        let step = self.signed_number("series values")?;
        if !self.take("x") {
            return self.unexpected("series values");
        }
        for _ in 0..=self.count()? {
            values.push(SequenceValue::float(value));
            value += step;
        }
        Ok(())
    }

    fn count(&mut self) -> Result<usize, ParseError> {
        let start = self.at;
        let digits = self.take_while(|c| c.is_ascii_digit());
        match digits.parse::<u64>() {
            Ok(count) if count <= REPEAT_MAX => Ok(usize::try_from(count).unwrap_or(0)),
            Ok(count) => self.error(format!("{count} repetitions are more than {REPEAT_MAX}")),
            Err(_) => {
                self.at = start;
                self.error("invalid repetition in series values")
            }
        }
    }

    /// A number with any sign, `Inf`, `NaN`, or `stale`.
    fn signed_number(&mut self, context: &str) -> Result<f64, ParseError> {
        let sign = if self.take("-") {
            -1.0
        } else {
            self.take("+");
            1.0
        };
        let start = self.at;
        if self.peek().is_some_and(|c| c.is_ascii_alphabetic()) {
            let word = self.take_while(|c| c.is_ascii_alphabetic() && c != 'x');
            return match word.to_ascii_lowercase().as_str() {
                "inf" => Ok(sign * f64::INFINITY),
                "nan" => Ok(f64::NAN),
                "stale" if word == "stale" => Ok(STALE_NAN),
                _ => {
                    self.at = start;
                    self.error(format!(
                        "unexpected identifier {} in {context}, expected number or \"stale\"",
                        quoted(word)
                    ))
                }
            };
        }
        self.take_while(|c| c.is_ascii_digit() || matches!(c, '.' | '_'));
        if matches!(self.peek(), Some('e' | 'E')) {
            self.at += 1;
            if matches!(self.peek(), Some('+' | '-')) {
                self.at += 1;
            }
            self.take_while(|c| c.is_ascii_digit());
        }
        let text = self.text.get(start..self.at).unwrap_or("");
        if text.is_empty() {
            return self.unexpected(context);
        }
        match parse_number(text) {
            Ok(value) => Ok(sign * value),
            Err(message) => {
                self.at = start;
                self.error(message)
            }
        }
    }

    fn histogram_item(&mut self, values: &mut Vec<SequenceValue>) -> Result<(), ParseError> {
        let start = self.at;
        let base = self.histogram()?;
        let as_value = |histogram: FloatHistogram, has_counter_reset| SequenceValue {
            histogram: Some(Arc::new(histogram)),
            has_counter_reset,
            ..SequenceValue::default()
        };
        if self.take("x") {
            let count = self.count()? + 1;
            let value = as_value(base.histogram, base.has_counter_reset);
            values.extend(repeat_n(value, count));
            return Ok(());
        }
        let is_increase = self.rest().starts_with("+{{");
        if !is_increase && !self.rest().starts_with("-{{") {
            values.push(as_value(base.histogram, base.has_counter_reset));
            return Ok(());
        }
        self.at += 1;
        let step = self.histogram()?;
        if !self.take("x") {
            return self.unexpected("series values");
        }
        let count = self.count()?;
        let has_counter_reset = step.has_counter_reset;
        let mut current = base.histogram;
        values.push(as_value(current.clone(), has_counter_reset));
        for _ in 0..count {
            if current.schema > step.histogram.schema {
                self.at = start;
                return self.error(format!(
                    "error combining histograms: cannot merge from schema {} to {}",
                    step.histogram.schema, current.schema
                ));
            }
            let combined = if is_increase {
                super::load::add(&current, &step.histogram)
            } else {
                super::load::subtract(&current, &step.histogram)
            };
            current = match combined {
                Ok(combined) => combined,
                Err(message) => {
                    self.at = start;
                    return self.error(message);
                }
            };
            values.push(as_value(current.clone(), has_counter_reset));
        }
        Ok(())
    }

    /// A histogram between double braces.
    fn histogram(&mut self) -> Result<Described, ParseError> {
        const CONTEXT: &str = "histogram description";
        let mut histogram = FloatHistogram::default();
        let mut seen: Vec<&str> = Vec::new();
        let (mut offset, mut negative_offset) = (0, 0);
        if !self.take("{{") {
            return self.unexpected(CONTEXT);
        }
        loop {
            let separated = self.skip_spaces();
            if self.take("}}") {
                break;
            }
            if !separated && !seen.is_empty() {
                return self.unexpected(CONTEXT);
            }
            let start = self.at;
            let key = self.take_while(|c| c == '_' || c.is_ascii_alphabetic());
            if key.is_empty() {
                return self.unexpected(CONTEXT);
            }
            if seen.contains(&key) {
                self.at = start;
                return self.error(format!("duplicate key {} in histogram", quoted(key)));
            }
            seen.push(key);
            if !self.take(":") {
                return self.error("missing `:` for histogram descriptor");
            }
            match key {
                "schema" => histogram.schema = self.integer()?,
                "sum" => histogram.sum = self.signed_number(CONTEXT)?,
                "count" => histogram.count = self.signed_number(CONTEXT)?,
                "z_bucket" => histogram.zero_count = self.signed_number(CONTEXT)?,
                "z_bucket_w" => histogram.zero_threshold = self.signed_number(CONTEXT)?,
                "custom_values" => histogram.custom_values = self.numbers()?,
                "buckets" => histogram.positive_buckets = self.numbers()?,
                "n_buckets" => histogram.negative_buckets = self.numbers()?,
                "offset" => offset = self.integer()?,
                "n_offset" => negative_offset = self.integer()?,
                "counter_reset_hint" => {
                    let hint = self.take_while(|c| c == '_' || c.is_ascii_alphabetic());
                    histogram.counter_reset = match hint {
                        "unknown" => CounterReset::Unknown,
                        "reset" => CounterReset::Reset,
                        "not_reset" => CounterReset::NotReset,
                        "gauge" => CounterReset::Gauge,
                        _ => {
                            return self.error(format!(
                                "bad histogram descriptor found: {}",
                                quoted(hint)
                            ));
                        }
                    };
                }
                _ => {
                    self.at = start;
                    return self.error(format!("bad histogram descriptor found: {}", quoted(key)));
                }
            }
        }
        let spans = |offset, buckets: &[f64]| match u32::try_from(buckets.len()) {
            Ok(length) if length > 0 => vec![Span { offset, length }],
            _ => Vec::new(),
        };
        histogram.positive_spans = spans(offset, &histogram.positive_buckets);
        histogram.negative_spans = spans(negative_offset, &histogram.negative_buckets);
        Ok(Described {
            histogram,
            has_counter_reset: seen.contains(&"counter_reset_hint"),
        })
    }

    fn integer(&mut self) -> Result<i32, ParseError> {
        let start = self.at;
        self.take("-");
        self.take_while(|c| c.is_ascii_digit());
        match self.text.get(start..self.at).unwrap_or("").parse() {
            Ok(value) => Ok(value),
            Err(_) => {
                self.at = start;
                self.unexpected("histogram description, expected integer")
            }
        }
    }

    /// Numbers between square brackets, separated by spaces.
    fn numbers(&mut self) -> Result<Vec<f64>, ParseError> {
        if !self.take("[") {
            return self.unexpected("buckets description");
        }
        let mut numbers = Vec::new();
        loop {
            self.skip_spaces();
            if self.take("]") {
                return Ok(numbers);
            }
            numbers.push(self.signed_number("buckets description")?);
        }
    }
}

/// Moves an error into the script that its line stands in.
pub(super) fn at_line(mut error: ParseError, line: usize) -> ParseError {
    if let TextPosition::At { .. } = error.position {
        error.position = error.position.lines_down(line);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(text: &str) -> Vec<f64> {
        let series = parse_series(&format!("m {text}")).unwrap();
        series.values.iter().map(|v| v.value).collect()
    }

    #[test]
    fn values_are_expanded() {
        assert_eq!(floats("1 2+3x2 5x1"), [1.0, 2.0, 5.0, 8.0, 5.0, 5.0]);
        assert_eq!(floats("-1-1x2"), [-1.0, -2.0, -3.0]);
        assert_eq!(floats("1e-3+1e3x1"), [0.001, 1000.001]);
        assert_eq!(floats("+Inf -inf"), [f64::INFINITY, f64::NEG_INFINITY]);
        assert!(floats("NaNx1").iter().all(|v| v.is_nan()));
        let series = parse_series("m _ _x2 stale").unwrap();
        assert_eq!(series.values.iter().filter(|v| v.is_omitted).count(), 3);
        assert!(bellwether_model::is_stale_nan(series.values[3].value));
    }

    #[test]
    fn labels_are_read() {
        let series = parse_series(r#"{"my.metric", a="1", 'b c'='}'} 1"#).unwrap();
        assert_eq!(
            series.labels,
            Labels::from_pairs([("__name__", "my.metric"), ("a", "1"), ("b c", "}")])
        );
        let series = parse_series("sum{}").unwrap();
        assert_eq!(series.labels, Labels::from_pairs([("__name__", "sum")]));
        assert!(series.values.is_empty());
        let series = parse_series("{} 3").unwrap();
        assert!(series.labels.is_empty());
    }

    #[test]
    fn histograms_are_read() {
        let series = parse_series(
            "m {{schema:1 sum:-0.3 count:3.1 z_bucket:7 z_bucket_w:5 buckets:[5 10 7] offset:-3 n_buckets:[4 5] n_offset:-5 counter_reset_hint:gauge}}x1 {{}}",
        )
        .unwrap();
        assert_eq!(series.values.len(), 3);
        let histogram = series.values[1].histogram.as_ref().unwrap();
        assert_eq!(histogram.schema, 1);
        assert_eq!(histogram.positive_buckets, [5.0, 10.0, 7.0]);
        assert_eq!(
            histogram.negative_spans,
            [Span {
                offset: -5,
                length: 2
            }]
        );
        assert_eq!(histogram.counter_reset, CounterReset::Gauge);
        assert!(series.values[1].has_counter_reset && !series.values[2].has_counter_reset);
    }

    #[test]
    fn histograms_are_added_up() {
        let series =
            parse_series("m {{sum:1 count:1 buckets:[1]}}+{{sum:2 count:2 buckets:[1 1]}}x2")
                .unwrap();
        let last = series.values[2].histogram.as_ref().unwrap();
        assert_eq!((last.sum, last.count), (5.0, 5.0));
        assert_eq!(last.positive_buckets, [3.0, 2.0]);
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for line in [
            "m 1x",
            "m 1+2",
            "m abc",
            "m 1 2y",
            "m {{sum:1",
            "m {{sum}}",
            "m {{summ:1}}",
            "m {{sum:1 sum:2}}",
            "m {{buckets:[1 x]}}",
            "m {a=\"b\"} 1",
            "m{a=b} 1",
            "m{a=\"b\" 1",
            "m 1x99999999999",
            "m 1,2",
            "1 2",
        ] {
            assert!(parse_series(line).is_err(), "{line}");
        }
    }
}
