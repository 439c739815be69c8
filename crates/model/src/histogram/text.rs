//! Histograms as text.

use std::fmt::{self, Write as _};

use super::buckets::indexed;
use super::{Bucket, CounterReset, FloatHistogram, Span};
use crate::number::General;

/// `(lower,upper]:count`, with square brackets where a bound is inside.
impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.lower_inclusive { "[" } else { "(" })?;
        write!(f, "{},{}", General(self.lower), General(self.upper))?;
        f.write_str(if self.upper_inclusive { "]" } else { ")" })?;
        write!(f, ":{}", General(self.count))
    }
}

/// `{count:3, sum:7, (1,2]:3}`: all buckets that hold something, ascending.
impl fmt::Display for FloatHistogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{{count:{}, sum:{}",
            General(self.count),
            General(self.sum)
        )?;
        let mut negative: Vec<Bucket> = self.negative().filter(|b| b.count != 0.0).collect();
        negative.reverse();
        for bucket in negative {
            write!(f, ", {bucket}")?;
        }
        if self.zero_count != 0.0 {
            write!(f, ", {}", self.zero_bucket())?;
        }
        for bucket in self.positive().filter(|b| b.count != 0.0) {
            write!(f, ", {bucket}")?;
        }
        f.write_str("}")
    }
}

impl FloatHistogram {
    /// The histogram in the notation of the PromQL test language:
    /// `{{schema:1 count:3 sum:7 buckets:[1 0 2]}}`.
    #[must_use]
    pub fn test_expression(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        if self.schema != 0 {
            parts.push(format!("schema:{}", self.schema));
        }
        for (key, value) in [
            ("count", self.count),
            ("sum", self.sum),
            ("z_bucket", self.zero_count),
            ("z_bucket_w", self.zero_threshold),
        ] {
            if value != 0.0 {
                parts.push(format!("{key}:{}", General(value)));
            }
        }
        if self.uses_custom_buckets() {
            parts.push(format!("custom_values:[{}]", list(&self.custom_values)));
        }
        match self.counter_reset {
            CounterReset::Unknown => {}
            CounterReset::Reset => parts.push("counter_reset_hint:reset".to_owned()),
            CounterReset::NotReset => parts.push("counter_reset_hint:not_reset".to_owned()),
            CounterReset::Gauge => parts.push("counter_reset_hint:gauge".to_owned()),
        }
        let sides = [
            (
                "offset",
                "buckets",
                &self.positive_spans,
                &self.positive_buckets,
            ),
            (
                "n_offset",
                "n_buckets",
                &self.negative_spans,
                &self.negative_buckets,
            ),
        ];
        for (offset_key, buckets_key, spans, counts) in sides {
            if let Some((offset, dense)) = dense(spans, counts) {
                if offset != 0 {
                    parts.push(format!("{offset_key}:{offset}"));
                }
                parts.push(format!("{buckets_key}:[{}]", list(&dense)));
            }
        }
        format!("{{{{{}}}}}", parts.join(" "))
    }
}

/// The longest run of buckets that [`FloatHistogram::test_expression`] fills up with zeros.
const DENSE_MAX: usize = 100_000;

/// The buckets from the first to the last that holds something, with those between filled up.
fn dense(spans: &[Span], counts: &[f64]) -> Option<(i32, Vec<f64>)> {
    let mut pairs = indexed(spans, counts).filter(|&(_, count)| count != 0.0);
    let (first, count) = pairs.next()?;
    let mut dense = vec![count];
    for (index, count) in pairs {
        let position = usize::try_from(index.wrapping_sub(first)).ok()?;
        if position > DENSE_MAX {
            break;
        }
        dense.resize(position, 0.0);
        dense.push(count);
    }
    Some((first, dense))
}

fn list(values: &[f64]) -> String {
    let mut text = String::new();
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            text.push(' ');
        }
        // Writing into a String cannot fail.
        let _infallible = write!(text, "{}", General(*value));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notations() {
        let histogram = FloatHistogram {
            schema: 0,
            count: 6.0,
            sum: 1e6,
            zero_count: 1.0,
            zero_threshold: 0.5,
            positive_spans: vec![
                Span {
                    offset: 1,
                    length: 1,
                },
                Span {
                    offset: 1,
                    length: 1,
                },
            ],
            positive_buckets: vec![2.0, 1.0],
            negative_spans: vec![Span {
                offset: 0,
                length: 2,
            }],
            negative_buckets: vec![0.0, 2.0],
            ..FloatHistogram::default()
        };
        assert_eq!(
            histogram.to_string(),
            "{count:6, sum:1e+06, [-2,-1):2, [-0.5,0.5]:1, (1,2]:2, (4,8]:1}"
        );
        assert_eq!(
            histogram.test_expression(),
            "{{count:6 sum:1e+06 z_bucket:1 z_bucket_w:0.5 offset:1 buckets:[2 0 1] n_offset:1 n_buckets:[2]}}"
        );
    }
}
