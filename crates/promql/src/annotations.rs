//! What is noteworthy about an answer that is right all the same.
//!
//! ## Model
//! An [`Annotation`] is a warning or an info with the place in the query that caused it.
//! [`Annotations`] keeps one of each text, however often it was raised; those that count or span
//! something are merged. The texts are those of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use bellwether_model::number::General;

use crate::ast::PosRange;
use crate::error::TextPosition;
use crate::quote::quoted_short;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The answer may not be what was meant.
    Warning,
    /// Good to know.
    Info,
}

/// What histograms were put together for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HistogramOperation {
    /// `+`
    Addition,
    /// `-`
    Subtraction,
    /// An aggregation.
    Aggregation,
}

impl HistogramOperation {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Addition => "addition",
            Self::Subtraction => "subtraction",
            Self::Aggregation => "aggregation",
        }
    }
}

/// What an annotation carries beside its text.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Detail {
    None,
    /// Buckets that were not monotonic.
    Monotonicity {
        min_ms: i64,
        max_ms: i64,
        min_bucket: f64,
        max_bucket: f64,
        max_diff: f64,
        count: u64,
    },
    /// How often it happened.
    Occurrences(u64),
}

/// One thing that is noteworthy.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    severity: Severity,
    text: String,
    range: PosRange,
    detail: Detail,
}

fn for_metric(text: &str, metric: &str) -> String {
    if metric.is_empty() {
        text.to_owned()
    } else {
        format!("{text} for metric name {}", quoted_short(metric))
    }
}

impl Annotation {
    fn warning(text: impl AsRef<str>, range: PosRange) -> Self {
        Self {
            severity: Severity::Warning,
            text: format!("PromQL warning: {}", text.as_ref()),
            range,
            detail: Detail::None,
        }
    }

    fn info(text: impl AsRef<str>, range: PosRange) -> Self {
        Self {
            severity: Severity::Info,
            text: format!("PromQL info: {}", text.as_ref()),
            range,
            detail: Detail::None,
        }
    }

    /// How much it matters.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// A quantile outside of 0 to 1.
    #[must_use]
    pub fn invalid_quantile(quantile: f64, range: PosRange) -> Self {
        let got = General(quantile);
        Self::warning(
            format!("quantile value should be between 0 and 1, got {got}"),
            range,
        )
    }

    /// A ratio outside of -1 to 1.
    #[must_use]
    pub fn invalid_ratio(ratio: f64, capped: f64, range: PosRange) -> Self {
        let (got, to) = (General(ratio), General(capped));
        Self::warning(
            format!("ratio value should be between -1 and 1, got {got}, capping to {to}"),
            range,
        )
    }

    /// A bucket of a classic histogram without a bound that is a number.
    #[must_use]
    pub fn bad_bucket_label(metric: &str, label: &str, range: PosRange) -> Self {
        let text = format!(
            "bucket label \"le\" is missing or has a malformed value of {}",
            quoted_short(label)
        );
        Self::warning(for_metric(&text, metric), range)
    }

    /// Floats and histograms in one window.
    #[must_use]
    pub fn mixed_floats_histograms(metric: &str, range: PosRange) -> Self {
        let metric = quoted_short(metric);
        Self::warning(
            format!("encountered a mix of histograms and floats for metric name {metric}"),
            range,
        )
    }

    /// Floats and histograms in one aggregation.
    #[must_use]
    pub fn mixed_floats_histograms_aggregation(range: PosRange) -> Self {
        Self::warning(
            "encountered a mix of histograms and floats for aggregation",
            range,
        )
    }

    /// Classic and native histograms in one vector.
    #[must_use]
    pub fn mixed_classic_native(metric: &str, range: PosRange) -> Self {
        Self::warning(
            for_metric(
                "vector contains a mix of classic and native histograms",
                metric,
            ),
            range,
        )
    }

    /// A gauge histogram where a counter is wanted.
    #[must_use]
    pub fn histogram_not_counter(metric: &str, range: PosRange) -> Self {
        let metric = quoted_short(metric);
        Self::warning(
            format!("this native histogram metric is not a counter: {metric}"),
            range,
        )
    }

    /// A counter histogram where a gauge is wanted.
    #[must_use]
    pub fn histogram_not_gauge(metric: &str, range: PosRange) -> Self {
        let metric = quoted_short(metric);
        Self::warning(
            format!("this native histogram metric is not a gauge: {metric}"),
            range,
        )
    }

    /// Exponential and custom buckets together.
    #[must_use]
    pub fn mixed_exponential_custom(metric: &str, range: PosRange) -> Self {
        Self::warning(
            format!(
                "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {}",
                quoted_short(metric)
            ),
            range,
        )
    }

    /// Histograms that an operator cannot bring together.
    #[must_use]
    pub fn incompatible_bucket_layout(operator: &str, range: PosRange) -> Self {
        Self::warning(
            format!("incompatible bucket layout encountered for binary operator {operator}"),
            range,
        )
    }

    /// `sort` in a range query.
    #[must_use]
    pub fn sort_in_range_query(range: PosRange) -> Self {
        Self::warning(
            "sort is ineffective for range queries since results are always ordered by labels",
            range,
        )
    }

    /// Histograms put together of which one was reset and another not.
    #[must_use]
    pub fn counter_reset_collision(range: PosRange, operation: HistogramOperation) -> Self {
        let operation = operation.as_str();
        Self::warning(
            format!("conflicting counter resets during histogram {operation}"),
            range,
        )
    }

    /// A start timestamp before the sample that precedes it.
    #[must_use]
    pub fn start_time_overlap(metric: &str, range: PosRange) -> Self {
        let mut annotation = Self::warning(
            format!(
                "sample has start time that overlaps with previous sample timestamp for metric {}",
                quoted_short(metric)
            ),
            range,
        );
        annotation.detail = Detail::Occurrences(1);
        annotation
    }

    /// `rate` of something whose name does not say that it counts.
    #[must_use]
    pub fn possible_non_counter(metric: &str, range: PosRange) -> Self {
        Self::info(
            format!(
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
                quoted_short(metric)
            ),
            range,
        )
    }

    /// `rate` of something whose type label does not say that it counts.
    #[must_use]
    pub fn possible_non_counter_label(metric: &str, type_label: &str, range: PosRange) -> Self {
        Self::info(
            format!(
                "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got {}: {}",
                quoted_short(type_label),
                quoted_short(metric)
            ),
            range,
        )
    }

    /// Buckets of a classic histogram that had to be made monotonic.
    #[must_use]
    pub fn forced_monotonicity(
        metric: &str,
        range: PosRange,
        time_ms: i64,
        min_bucket: f64,
        max_bucket: f64,
        max_diff: f64,
    ) -> Self {
        let mut annotation = Self::info(
            for_metric(
                "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)",
                metric,
            ),
            range,
        );
        annotation.detail = Detail::Monotonicity {
            min_ms: time_ms,
            max_ms: time_ms,
            min_bucket,
            max_bucket,
            max_diff,
            count: 1,
        };
        annotation
    }

    /// An operator between a float and a histogram that it has no meaning for.
    #[must_use]
    pub fn incompatible_types(lhs: &str, operator: &str, rhs: &str, range: PosRange) -> Self {
        Self::info(
            format!(
                "incompatible sample types encountered for binary operator {}: {lhs} {operator} {rhs}",
                quoted_short(operator)
            ),
            range,
        )
    }

    /// A histogram left out of an aggregation.
    #[must_use]
    pub fn histogram_ignored_in_aggregation(aggregation: &str, range: PosRange) -> Self {
        Self::info(
            format!("ignored histogram in {aggregation} aggregation"),
            range,
        )
    }

    /// Histograms left out of a window with floats.
    #[must_use]
    pub fn histogram_ignored_in_mixed_range(metric: &str, range: PosRange) -> Self {
        Self::info(
            format!(
                "ignored histograms in a range containing both floats and histograms for metric name {}",
                quoted_short(metric)
            ),
            range,
        )
    }

    /// A quantile that is NaN because of NaN observations.
    #[must_use]
    pub fn quantile_nan_result(metric: &str, range: PosRange) -> Self {
        Self::info(
            for_metric(
                "input to histogram_quantile has NaN observations, result is NaN",
                metric,
            ),
            range,
        )
    }

    /// A quantile that is too high because of NaN observations.
    #[must_use]
    pub fn quantile_nan_skew(metric: &str, range: PosRange) -> Self {
        Self::info(
            for_metric(
                "input to histogram_quantile has NaN observations, result is skewed higher",
                metric,
            ),
            range,
        )
    }

    /// A fraction that does not count NaN observations.
    #[must_use]
    pub fn fraction_nans(metric: &str, range: PosRange) -> Self {
        Self::info(
            for_metric(
                "input to histogram_fraction has NaN observations, which are excluded from all fractions",
                metric,
            ),
            range,
        )
    }

    /// Custom buckets with other bounds.
    #[must_use]
    pub fn mismatched_custom_buckets(range: PosRange, operation: HistogramOperation) -> Self {
        let operation = operation.as_str();
        Self::info(
            format!("mismatched custom buckets were reconciled during {operation}"),
            range,
        )
    }

    fn merge(&mut self, older: &Self) {
        match (&mut self.detail, older.detail) {
            (
                Detail::Monotonicity {
                    min_ms,
                    max_ms,
                    min_bucket,
                    max_bucket,
                    max_diff,
                    count,
                },
                Detail::Monotonicity {
                    min_ms: older_min_ms,
                    max_ms: older_max_ms,
                    min_bucket: older_min_bucket,
                    max_bucket: older_max_bucket,
                    max_diff: older_max_diff,
                    count: older_count,
                },
            ) => {
                *min_ms = older_min_ms.min(*min_ms);
                *max_ms = older_max_ms.max(*max_ms);
                *min_bucket = older_min_bucket.min(*min_bucket);
                *max_bucket = older_max_bucket.max(*max_bucket);
                *max_diff = older_max_diff.max(*max_diff);
                *count += older_count;
                self.range = older.range;
            }
            (Detail::Occurrences(count), Detail::Occurrences(older_count)) => {
                *count += older_count;
                self.range = older.range;
            }
            _ => {}
        }
    }

    /// The text as people see it, with the position in `query` unless that is empty.
    fn render(&self, query: &str) -> String {
        let mut text = self.text.clone();
        if query.is_empty() {
            return text;
        }
        // Writing into a String cannot fail.
        let _infallible = match self.detail {
            Detail::Monotonicity {
                min_ms,
                max_ms,
                min_bucket,
                max_bucket,
                max_diff,
                count,
            } => write!(
                text,
                ", from buckets {} to {}, with a max diff of {}, over {count} samples from {} to {}",
                General(min_bucket),
                General(max_bucket),
                two_digits(max_diff),
                rfc3339(min_ms),
                rfc3339(max_ms)
            ),
            Detail::Occurrences(count) if count > 1 => write!(text, " ({count} occurrences)"),
            _ => Ok(()),
        };
        let _infallible = write!(text, " ({})", TextPosition::of(query, self.range.start));
        text
    }
}

/// A number with two significant digits (`%.2g` in C).
fn two_digits(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return General(value).to_string();
    }
    let scientific = format!("{value:.1e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..2).contains(&exponent) {
        let decimals = usize::try_from(1 - exponent).unwrap_or(0);
        let fixed = format!("{value:.decimals$}");
        if fixed.contains('.') {
            return fixed.trim_end_matches('0').trim_end_matches('.').to_owned();
        }
        return fixed;
    }
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// A time to the second in UTC, such as `1970-01-01T00:50:00Z`.
fn rfc3339(time_ms: i64) -> String {
    let seconds = time_ms.div_euclid(1000);
    let (days, second_of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days to a date by counting eras of 400 years from 0000-03-01 (a well-known closed form).
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second_of_day / 3600,
        second_of_day / 60 % 60,
        second_of_day % 60
    )
}

/// The annotations of an answer: one of each text.
#[derive(Debug, Clone, Default)]
pub struct Annotations {
    by_text: BTreeMap<String, Annotation>,
    query: Arc<str>,
}

impl Annotations {
    /// None yet, for a query: its text gives the positions their line and column.
    #[must_use]
    pub fn for_query(query: &str) -> Self {
        Self {
            by_text: BTreeMap::new(),
            query: query.into(),
        }
    }

    /// Says which text the positions belong to.
    pub fn set_query(&mut self, query: &str) {
        self.query = query.into();
    }

    /// Adds one. Of two with the same text the newer one stays, and takes over what the older one
    /// has counted.
    pub fn add(&mut self, mut annotation: Annotation) {
        match self.by_text.get_mut(&annotation.text) {
            Some(existing) => {
                annotation.merge(existing);
                *existing = annotation;
            }
            None => {
                self.by_text.insert(annotation.text.clone(), annotation);
            }
        }
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: Self) {
        for annotation in other.by_text.into_values() {
            self.add(annotation);
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_text.is_empty()
    }

    /// The warnings, sorted.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.rendered(Severity::Warning)
    }

    /// The infos, sorted.
    #[must_use]
    pub fn infos(&self) -> Vec<String> {
        self.rendered(Severity::Info)
    }

    fn rendered(&self, severity: Severity) -> Vec<String> {
        self.by_text
            .values()
            .filter(|a| a.severity == severity)
            .map(|a| a.render(&self.query))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_each_text_stays_and_counts_are_merged() {
        let mut annotations = Annotations::for_query("rate(a[5m])");
        let range = PosRange::new(5, 10);
        annotations.add(Annotation::possible_non_counter("a", range));
        annotations.add(Annotation::possible_non_counter("a", range));
        annotations.add(Annotation::start_time_overlap("a", range));
        annotations.add(Annotation::start_time_overlap("a", range));
        assert_eq!(
            annotations.infos(),
            [
                "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"a\" (1:6)"
            ]
        );
        assert_eq!(
            annotations.warnings(),
            [
                "PromQL warning: sample has start time that overlaps with previous sample timestamp for metric \"a\" (2 occurrences) (1:6)"
            ]
        );
    }

    #[test]
    fn monotonicity_spans_what_was_seen() {
        let mut annotations = Annotations::for_query("x");
        let range = PosRange::new(0, 1);
        annotations.add(Annotation::forced_monotonicity("", range, 0, 1.0, 2.0, 0.5));
        annotations.add(Annotation::forced_monotonicity(
            "", range, 3_000_000, 0.1, 1.5, 12.34,
        ));
        let infos = annotations.infos();
        assert!(
            infos[0].ends_with(
                "from buckets 0.1 to 2, with a max diff of 12, over 2 samples from 1970-01-01T00:00:00Z to 1970-01-01T00:50:00Z (1:1)"
            ),
            "{infos:?}"
        );
    }

    #[test]
    fn two_digits_are_kept() {
        assert_eq!(two_digits(0.001_234), "0.0012");
        assert_eq!(two_digits(123.0), "1.2e+02");
        assert_eq!(two_digits(1.0), "1");
        assert_eq!(two_digits(0.000_001), "1e-06");
    }

    #[test]
    fn dates_are_right() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400_000), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59Z");
        assert_eq!(rfc3339(1_700_000_000_999), "2023-11-14T22:13:20Z");
    }
}
