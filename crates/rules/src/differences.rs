//! What is different here: labels whose values are spread otherwise in a selection than in a baseline.
//!
//! ## Model
//! A query is measured over two spans of time: each series of a selector as the increase of a counter, the mean of a gauge,
//! the observations of a histogram; of an expression the mean of its values. Where the selection has a band of values,
//! it counts: observations of histograms inside the band, else the points at which the value was inside. Then the series
//! are put together by each label, and the labels ranked by how much greater the share of one of their values is in the
//! selection than in the baseline. Labels that the query aggregates away are found as evidence finds them: the query is
//! split by them.
//!
//! Where values do not add up, as quantiles and ratios, the labels are ranked as the movers of evidence are: by what one
//! value explains of the change, beyond what all of them would explain alike.
//!
//! ## Limits
//! 20,000 series of a query, 12 splits, 30 labels and 20 values of each are told; 20 s a query.
//!
//! ## See also
//! [`crate::evidence`]; Honeycomb's BubbleUp.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_model::{Labels, METRIC_NAME, MatchOp, Matcher, MetricType, TimeRange, Value};
use bellwether_promql::ast::{AggregateOp, BinaryOp, Expr, VectorSelector};
use bellwether_promql::{CancelToken, Engine, QueryError, QueryRequest, QueryValue};
use bellwether_storage::{LabelQuery, MetricStore};

use crate::evidence::{Moved, Part, Whole, rank, rank_shares, split, whole};

/// Series of one measurement. Chosen: as many as evidence looks at.
const SERIES_MAX: usize = 20_000;
/// Labels that are aggregated away by which a query is split; those with the fewest values first.
const SPLITS_MAX: usize = 12;
/// Values by which a query is split.
const SPLIT_VALUES_MAX: usize = 500;
/// Labels that are told, and values of each.
const LABELS_MAX: usize = 30;
const VALUES_MAX: usize = 20;
/// How long one query may take, ms.
const QUERY_MS_MAX: i64 = 20_000;
/// Points of a span. Chosen: enough to see a minute in an hour.
const POINTS: i64 = 120;
/// Below this a span has a point a second.
const STEP_MS_MIN: i64 = 1_000;
/// The window of the rate of a counter whose values are banded, ms.
const RATE_MS_MIN: i64 = 300_000;

/// A span of time in ms, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first time.
    pub start_ms: i64,
    /// The last time.
    pub end_ms: i64,
}

/// A band of values, both ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

/// What is compared.
#[derive(Debug, Clone)]
pub struct DifferenceSettings {
    /// A selector, or an expression.
    pub query: String,
    /// Where something is to be seen.
    pub selection: Span,
    /// The values that are meant; `None`: all.
    pub band: Option<Band>,
    /// What is usual.
    pub baseline: Span,
    /// What is known of the metric, where the query is a selector of one.
    pub metric_type: Option<MetricType>,
    /// Ends it before its time, with an error.
    pub cancel: CancelToken,
}

/// What of series is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// How much a counter went up.
    Increase,
    /// The mean over time.
    Mean,
    /// What a histogram observed.
    Observations,
    /// Points in time at which the value was inside of a band, beside all points of the baseline.
    Points,
}

impl Measure {
    /// The word for it in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Increase => "increase",
            Self::Mean => "mean",
            Self::Observations => "observations",
            Self::Points => "points",
        }
    }
}

/// What is different.
#[derive(Debug, Clone, PartialEq)]
pub struct Differences {
    /// What was compared.
    pub measure: Measure,
    /// All of the selection, and of the baseline: the sum of what adds up, else the mean of the series.
    pub selection: f64,
    /// See [`Differences::selection`].
    pub baseline: f64,
    /// Series of the selection.
    pub selection_series: usize,
    /// Series of the baseline.
    pub baseline_series: usize,
    /// The labels, those first that tell most.
    pub labels: Vec<LabelDifference>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// How a label's values are spread.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelDifference {
    /// The label.
    pub label: String,
    /// How much greater the share of one of its values is than was to be expected; in [0, 1] where values add up.
    pub score: f64,
    /// Whether values add up to the whole.
    pub adds_up: bool,
    /// The values, those first whose share is greater than expected by most.
    pub values: Vec<ValueDifference>,
    /// Values that are left out.
    pub left_out: usize,
}

/// How one value of a label is.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueDifference {
    /// The value; empty: series without the label.
    pub value: String,
    /// In the selection; `None`: there was none.
    pub selection: Option<f64>,
    /// In the baseline; `None`: there was none.
    pub baseline: Option<f64>,
    /// Its part of the selection, where values add up.
    pub selection_share: Option<f64>,
    /// Its part of the baseline, where values add up.
    pub baseline_share: Option<f64>,
    /// By how much its share is greater; where values do not add up, its part of the change.
    pub difference: f64,
}

/// Compares. Asks the store only, and blocks.
///
/// # Errors
/// Where the query is none, or gives no series; and what becomes of queries.
pub fn differences(
    store: &dyn MetricStore,
    engine: &Engine,
    settings: &DifferenceSettings,
) -> Result<Differences, QueryError> {
    let expr = engine.prepare(&settings.query)?.expr().clone();
    let mut comparison = Comparison {
        store,
        engine,
        settings,
        notes: Vec::new(),
    };
    comparison.compare(expr.unwrap_parens())
}

struct Comparison<'a> {
    store: &'a dyn MetricStore,
    engine: &'a Engine,
    settings: &'a DifferenceSettings,
    notes: Vec<String>,
}

/// What each series weighs.
type Weights = Vec<(Labels, f64)>;

/// How an expression is measured over a span: the text of a query at its end.
enum Plan {
    Counter(VectorSelector),
    Native(VectorSelector),
    Classic(VectorSelector),
    Gauge(VectorSelector),
    Other(Expr),
}

impl Comparison<'_> {
    fn compare(&mut self, expr: &Expr) -> Result<Differences, QueryError> {
        let plan = self.plan(expr)?;
        let measure = plan.measure(self.settings.band);
        let adds_up = match &plan {
            Plan::Other(expr) if measure == Measure::Mean => adds_up(expr),
            _ => true,
        };
        let (selection, baseline) = self.both(&plan)?;
        let total = |weights: &Weights| {
            if adds_up {
                weights.iter().map(|(_, weight)| weight).sum()
            } else {
                mean(weights)
            }
        };
        let totals = (total(&baseline), total(&selection));
        let mut found: Vec<(String, Moved)> = Vec::new();
        for label in labels_of(&selection, &baseline) {
            let parts = grouped(&label, &selection, &baseline, adds_up);
            found.extend(ranked(parts, totals, adds_up).map(|moved| (label, moved)));
        }
        if let Plan::Other(expr) = &plan {
            found.extend(self.split_parts(expr)?);
        }
        found.sort_by(|(a_label, a), (b_label, b)| {
            b.score
                .total_cmp(&a.score)
                .then_with(|| a_label.cmp(b_label))
        });
        if found.len() > LABELS_MAX {
            let count = found.len();
            self.notes
                .push(format!("{LABELS_MAX} of {count} labels are told"));
            found.truncate(LABELS_MAX);
        }
        let labels = found.into_iter();
        let labels = labels.map(|(label, moved)| told(label, moved, totals));
        Ok(Differences {
            measure,
            selection: totals.1,
            baseline: totals.0,
            selection_series: selection.len(),
            baseline_series: baseline.len(),
            labels: labels.collect(),
            notes: std::mem::take(&mut self.notes),
        })
    }

    /// What a query is: a selector of some type, or an expression.
    fn plan(&mut self, expr: &Expr) -> Result<Plan, QueryError> {
        let selector = match expr {
            Expr::Vector(selector) if is_plain(selector) => selector.as_ref().clone(),
            Expr::Vector(_)
            | Expr::Aggregate(_)
            | Expr::Call(_)
            | Expr::Binary(_)
            | Expr::Unary(_) => return Ok(Plan::Other(expr.clone())),
            _ => {
                return Err(QueryError::Invalid(
                    "want a selector, or an expression that gives an instant vector".to_owned(),
                ));
            }
        };
        let name = name_of(&selector).unwrap_or_default().to_owned();
        if name.ends_with("_bucket") && self.has(&with_matcher(&selector, "le", "+Inf"))? {
            return Ok(Plan::Classic(selector));
        }
        // A family without samples of its own name may be a classic histogram.
        if !name.is_empty() && !self.has(&selector)? {
            let buckets = renamed(&selector, &format!("{name}_bucket"));
            if self.has(&buckets)? {
                return Ok(Plan::Classic(buckets));
            }
        }
        if self.is_native(&selector)? {
            return Ok(Plan::Native(selector));
        }
        let counts = match self.settings.metric_type {
            Some(MetricType::Gauge | MetricType::Info | MetricType::StateSet) => false,
            Some(MetricType::Counter) => true,
            _ => ["_total", "_count", "_sum", "_bucket"]
                .iter()
                .any(|ending| name.ends_with(ending)),
        };
        Ok(if counts {
            Plan::Counter(selector)
        } else {
            Plan::Gauge(selector)
        })
    }

    /// Whether there are series of a selector in either span.
    fn has(&self, selector: &VectorSelector) -> Result<bool, QueryError> {
        let matcher_sets = [selector.matchers.clone()];
        for span in [self.settings.selection, self.settings.baseline] {
            let found = self.store.series(&LabelQuery {
                matcher_sets: &matcher_sets,
                range: TimeRange::new(span.start_ms, span.end_ms),
                limit: 1,
            })?;
            if !found.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the series of a selector are native histograms.
    fn is_native(&self, selector: &VectorSelector) -> Result<bool, QueryError> {
        for span in [self.settings.selection, self.settings.baseline] {
            let text = format!(
                "count(histogram_count(last_over_time({selector}[{}])))",
                span.window()
            );
            if !self.ask(&text, span)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn ask(&self, text: &str, span: Span) -> Result<Weights, QueryError> {
        let request = QueryRequest {
            timeout_ms: Some(QUERY_MS_MAX),
            cancel: self.settings.cancel.clone(),
            ..QueryRequest::default()
        };
        let outcome = self
            .engine
            .instant(self.store, text, span.end_ms, &request)?;
        let QueryValue::Vector(samples) = outcome.value else {
            return Err(QueryError::Invalid(
                "want a selector, or an expression that gives an instant vector".to_owned(),
            ));
        };
        if samples.len() > SERIES_MAX {
            return Err(QueryError::Invalid(format!(
                "{} series: at most {SERIES_MAX} are compared; select fewer",
                samples.len()
            )));
        }
        let weights = samples.into_iter().filter_map(|sample| {
            let weight = match &sample.value {
                Value::Float(value) => *value,
                Value::Histogram(histogram) => histogram.count,
            };
            weight.is_finite().then_some((sample.labels, weight))
        });
        Ok(weights.collect())
    }

    fn both(&self, plan: &Plan) -> Result<(Weights, Weights), QueryError> {
        let (selection, baseline) = (self.settings.selection, self.settings.baseline);
        // The baseline is counted in the same unit: points where the selection has them.
        let is_banded = self.settings.band.is_some();
        let selected = plan.text(selection, self.settings.band, is_banded);
        let usual = plan.text(baseline, None, is_banded);
        Ok((self.ask(&selected, selection)?, self.ask(&usual, baseline)?))
    }

    /// Labels that an expression aggregates away, with its parts by their values.
    fn split_parts(&mut self, expr: &Expr) -> Result<Vec<(String, Moved)>, QueryError> {
        let mut found = Vec::new();
        let mut labels = self.lost_labels(expr)?;
        labels.retain(|label| split(expr, label).is_some());
        if labels.is_empty() {
            return Ok(found);
        }
        let is_sum = whole(expr) == Whole::Sum;
        let totals = (
            mean(&self.weigh_part(expr, expr, self.settings.baseline, None)?),
            mean(&self.weigh_part(expr, expr, self.settings.selection, self.settings.band)?),
        );
        if labels.len() > SPLITS_MAX {
            let count = labels.len();
            self.notes.push(format!(
                "the query is split by {SPLITS_MAX} of {count} labels that it aggregates away"
            ));
            labels.truncate(SPLITS_MAX);
        }
        for label in labels {
            let Some(parted) = split(expr, &label) else {
                continue;
            };
            let (of_selection, of_baseline) = (self.settings.selection, self.settings.baseline);
            let selection = self.weigh_part(expr, &parted, of_selection, self.settings.band);
            // A split whose sides do not match is no answer to anything.
            let weighed = selection.and_then(|selection| {
                Ok((
                    selection,
                    self.weigh_part(expr, &parted, of_baseline, None)?,
                ))
            });
            let (selection, baseline) = match weighed {
                Ok(weighed) => weighed,
                Err(QueryError::Execution(error)) => {
                    self.notes
                        .push(format!("the query cannot be split by {label}: {error}"));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let parts = grouped(&label, &selection, &baseline, is_sum);
            let totals = if is_sum {
                (
                    parts.iter().map(|part| part.before).sum(),
                    parts.iter().map(|part| part.now).sum(),
                )
            } else {
                totals
            };
            found.extend(ranked(parts, totals, is_sum).map(|moved| (label, moved)));
        }
        Ok(found)
    }

    /// The mean of each element of a part of an expression. A band is of the whole: parts count at the times at which one
    /// of its elements was inside.
    fn weigh_part(
        &self,
        expr: &Expr,
        part: &Expr,
        span: Span,
        band: Option<Band>,
    ) -> Result<Weights, QueryError> {
        let part = match band {
            None => part.to_string(),
            Some(Band { low, high }) => {
                format!("({part}) and on () (({expr}) >= {low:e} <= {high:e})")
            }
        };
        let (window, step) = (span.window(), span.step());
        self.ask(&format!("avg_over_time(({part})[{window}:{step}])"), span)
    }

    /// Labels that tell the series behind an expression apart, and that its result lacks; those with the fewest values
    /// first.
    fn lost_labels(&mut self, expr: &Expr) -> Result<Vec<String>, QueryError> {
        let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let selectors = expr.selectors().into_iter();
        let matcher_sets: Vec<Vec<Matcher>> = selectors.map(|it| it.matchers.clone()).collect();
        if matcher_sets.is_empty() {
            return Ok(Vec::new());
        }
        for span in [self.settings.selection, self.settings.baseline] {
            let series = self.store.series(&LabelQuery {
                matcher_sets: &matcher_sets,
                range: TimeRange::new(span.start_ms, span.end_ms),
                limit: SERIES_MAX,
            })?;
            if series.len() >= SERIES_MAX {
                self.notes.push(format!(
                    "labels were looked for in {SERIES_MAX} of the series behind the query"
                ));
            }
            for (name, value) in series.iter().flat_map(Labels::iter) {
                let known = values.entry(name.to_owned()).or_default();
                if known.len() <= SPLIT_VALUES_MAX {
                    known.insert(value.to_owned());
                }
            }
        }
        let mut labels: Vec<(usize, String)> = values
            .into_iter()
            .filter(|(name, values)| {
                (2..=SPLIT_VALUES_MAX).contains(&values.len()) && is_telling(name)
            })
            .map(|(name, values)| (values.len(), name))
            .collect();
        labels.sort_unstable();
        Ok(labels.into_iter().map(|(_, name)| name).collect())
    }
}

impl Span {
    fn length_ms(self) -> i64 {
        self.end_ms.saturating_sub(self.start_ms).max(1)
    }

    fn window(self) -> String {
        format!("{}ms", self.length_ms())
    }

    /// The distance of points.
    fn step(self) -> String {
        let step_ms = (self.length_ms() / POINTS).max(STEP_MS_MIN);
        format!("{}ms", step_ms.min(self.length_ms()))
    }
}

impl Plan {
    fn measure(&self, band: Option<Band>) -> Measure {
        match (self, band) {
            (Self::Native(_) | Self::Classic(_), _) => Measure::Observations,
            // What is split by its times is a mean.
            (Self::Other(Expr::Aggregate(_)), _) => Measure::Mean,
            (_, Some(_)) => Measure::Points,
            (Self::Counter(_), None) => Measure::Increase,
            (Self::Gauge(_) | Self::Other(_), None) => Measure::Mean,
        }
    }

    /// A query at the end of a span.
    fn text(&self, span: Span, band: Option<Band>, counts_points: bool) -> String {
        let (window, step) = (span.window(), span.step());
        let points = |value: &str| match band {
            None => format!("count_over_time(({value})[{window}:{step}])"),
            Some(Band { low, high }) => {
                format!("count_over_time((({value}) >= {low:e} <= {high:e})[{window}:{step}])")
            }
        };
        match self {
            Self::Native(selector) => {
                let increase = format!("increase({selector}[{window}])");
                match band {
                    None => format!("histogram_count({increase})"),
                    Some(Band { low, high }) => format!(
                        "histogram_fraction({low:e}, {high:e}, {increase}) * histogram_count({increase})"
                    ),
                }
            }
            Self::Classic(selector) => {
                let all = with_matcher(selector, "le", "+Inf");
                let all = format!("increase({all}[{window}])");
                match band {
                    None => all,
                    Some(Band { low, high }) => format!(
                        "histogram_fraction({low:e}, {high:e}, increase({selector}[{window}])) * ignoring (le) {all}"
                    ),
                }
            }
            Self::Counter(selector) if counts_points => {
                let rate_ms = RATE_MS_MIN.min(span.length_ms().max(60_000));
                points(&format!("rate({selector}[{rate_ms}ms])"))
            }
            Self::Counter(selector) => format!("increase({selector}[{window}])"),
            Self::Gauge(selector) if counts_points => points(&selector.to_string()),
            Self::Gauge(selector) => format!("avg_over_time({selector}[{window}])"),
            Self::Other(expr) if counts_points && !matches!(expr, Expr::Aggregate(_)) => {
                points(&expr.to_string())
            }
            Self::Other(expr) => match band {
                None => format!("avg_over_time(({expr})[{window}:{step}])"),
                Some(Band { low, high }) => {
                    format!("avg_over_time((({expr}) >= {low:e} <= {high:e})[{window}:{step}])")
                }
            },
        }
    }
}

/// Whether it selects samples of now.
fn is_plain(selector: &VectorSelector) -> bool {
    selector.offset_ms == 0
        && selector.offset_expr.is_none()
        && selector.at.is_none()
        && selector.extension.is_none()
}

fn name_of(selector: &VectorSelector) -> Option<&str> {
    let mut names = selector.matchers.iter();
    let name = names.find(|it| it.name == METRIC_NAME && it.op == MatchOp::Equal)?;
    Some(&name.value)
}

fn with_matcher(selector: &VectorSelector, name: &str, value: &str) -> VectorSelector {
    let mut selector = selector.clone();
    selector.matchers.insert(0, Matcher::equal(name, value));
    selector
}

/// The same conditions for another metric.
fn renamed(selector: &VectorSelector, name: &str) -> VectorSelector {
    let mut selector = selector.clone();
    selector.matchers.retain(|it| it.name != METRIC_NAME);
    selector.matchers.push(Matcher::equal(METRIC_NAME, name));
    selector.name = name.to_owned();
    selector
}

/// Whether a label says something of what was measured.
fn is_telling(name: &str) -> bool {
    ![METRIC_NAME, "le", "quantile"].contains(&name)
}

/// The mean of all series; 0: there are none.
fn mean(weights: &Weights) -> f64 {
    let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
    sum / weights.len().max(1) as f64
}

/// Labels of series.
fn labels_of(selection: &Weights, baseline: &Weights) -> BTreeSet<String> {
    let all = selection.iter().chain(baseline);
    let names = all.flat_map(|(labels, _)| labels.iter().map(|(name, _)| name));
    names
        .filter(|name| is_telling(name))
        .map(str::to_owned)
        .collect()
}

/// What the values of a label weigh: the sum of their series, or their mean.
fn grouped(label: &str, selection: &Weights, baseline: &Weights, adds_up: bool) -> Vec<Part> {
    #[derive(Default)]
    struct Sum {
        sum: f64,
        count: u32,
    }
    let mut values: BTreeMap<&str, [Sum; 2]> = BTreeMap::new();
    for (side, weights) in [baseline, selection].into_iter().enumerate() {
        for (labels, weight) in weights {
            let sums = values
                .entry(labels.get(label).unwrap_or_default())
                .or_default();
            if let Some(sum) = sums.get_mut(side) {
                sum.sum += weight;
                sum.count += 1;
            }
        }
    }
    let level = |sum: &Sum| {
        let divisor = if adds_up { 1.0 } else { f64::from(sum.count) };
        (sum.count > 0).then(|| sum.sum / divisor)
    };
    values
        .into_iter()
        .map(|(value, [before, now])| {
            let (before, now) = (level(&before), level(&now));
            Part {
                value: value.to_owned(),
                shown_before: before,
                shown_now: now,
                before: before.unwrap_or(0.0),
                now: now.unwrap_or(0.0),
            }
        })
        .collect()
}

fn ranked(parts: Vec<Part>, totals: (f64, f64), adds_up: bool) -> Option<Moved> {
    if adds_up {
        return rank_shares(parts, totals);
    }
    // A value that is new is measured by what was usual, one that is gone does not count.
    let usual = totals.0;
    let parts = parts.into_iter().filter(|part| part.shown_now.is_some());
    let parts = parts.map(|part| Part {
        before: part.shown_before.unwrap_or(usual),
        ..part
    });
    rank(parts.collect(), totals, false)
}

fn told(label: String, moved: Moved, (baseline, selection): (f64, f64)) -> LabelDifference {
    let left_out = moved.parts.len().saturating_sub(VALUES_MAX);
    let share = |part: f64, all: f64| {
        let share = part / all;
        (moved.adds_up && share.is_finite()).then_some(share)
    };
    let values = moved.parts.into_iter().take(VALUES_MAX);
    LabelDifference {
        label,
        score: moved.score,
        adds_up: moved.adds_up,
        values: values
            .map(|(part, difference)| ValueDifference {
                value: part.value,
                selection: part.shown_now,
                baseline: part.shown_before,
                selection_share: share(part.now, selection),
                baseline_share: share(part.before, baseline),
                difference,
            })
            .collect(),
        left_out,
    }
}

/// Whether the values of an expression's elements add up to something.
fn adds_up(expr: &Expr) -> bool {
    let is_number = |side: &Expr| matches!(side.unwrap_parens(), Expr::Number(_));
    match expr.unwrap_parens() {
        Expr::Vector(_) => true,
        Expr::Aggregate(node) => matches!(node.op, AggregateOp::Sum | AggregateOp::Count),
        Expr::Unary(node) => adds_up(&node.expr),
        Expr::Binary(node) => match node.op {
            BinaryOp::Add | BinaryOp::Sub => adds_up(&node.lhs) && adds_up(&node.rhs),
            BinaryOp::Mul if is_number(&node.lhs) => adds_up(&node.rhs),
            BinaryOp::Mul | BinaryOp::Div if is_number(&node.rhs) => adds_up(&node.lhs),
            op if op.is_comparison() && !node.return_bool => adds_up(&node.lhs),
            _ => false,
        },
        Expr::Call(call) => [
            "rate",
            "irate",
            "increase",
            "delta",
            "idelta",
            "deriv",
            "sum_over_time",
            "count_over_time",
            "avg_over_time",
            "last_over_time",
            "changes",
            "resets",
            "histogram_count",
            "histogram_sum",
        ]
        .contains(&call.function.name),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
