//! What is different here: labels whose values are spread otherwise in a selection than in a baseline.
//!
//! ## Model
//! A query is measured over two spans of time. Where it is a selector, or a sum of one, the series behind it are: each as the
//! increase of a counter, the mean of a gauge, the observations of a histogram; else the mean of its values. Where the
//! selection has a band of values, it counts: observations inside the band, whatever the query asks of the histogram, else
//! the points at which the value was inside; of a query that aggregates all labels away the mean over these points. Then the
//! series are put together by each label, and the labels ranked by how much the share of one of their values differs between
//! selection and baseline. Labels that the query aggregates away are found as evidence finds them: the query is split by
//! them, and the means of its parts compared.
//!
//! A baseline may be what is left of a span without the selection: its other times, and with a band its other values at the
//! same times. Increases and observations of those are sums of their parts; else the points of the selection are left out.
//!
//! Of counted events so much is taken off a difference as the greatest of so many values is expected to have by chance, so
//! that few events do not look different. Increases are events where the counter has whole values only.
//!
//! Where values do not add up, as quantiles and ratios, the labels are ranked by how much more of the change one value
//! explains than the middle one, times how much the whole has changed.
//!
//! ## Limits
//! 20,000 series of a query, 12 splits of at most 500 values, 30 labels and 20 values of each are told; 20 s a query. Means and
//! bands look at 120 points of a span, no closer than a second.
//!
//! ## See also
//! [`crate::evidence`]; Honeycomb's BubbleUp.

mod bounds;
mod kinds;
mod lost;
mod plan;
mod spread;

use std::collections::BTreeMap;

use bellwether_model::{Labels, MetricType, Value};
use bellwether_promql::ast::Expr;
use bellwether_promql::{CancelToken, Engine, QueryError, QueryRequest, QueryValue};
use bellwether_storage::MetricStore;

use self::plan::{Cut, Plan};
use self::spread::{Found, Weights, adds_up, grouped, labels_of, mean, sum, told};

/// Series of one measurement. Chosen: as many as evidence looks at.
const SERIES_MAX: usize = 20_000;
/// Labels that are told. Chosen: more than one reads.
const LABELS_MAX: usize = 30;
/// How long one query may take, ms. Chosen: some of them fit into the time of a request.
const QUERY_MS_MAX: i64 = 20_000;
/// Points of a span. Chosen: enough to see a minute in an hour.
const POINTS: i64 = 120;
/// Below this a span has a point a second. Chosen: little is measured more often.
const STEP_MS_MIN: i64 = 1_000;

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

impl Band {
    const ALL: Self = Self {
        low: f64::NEG_INFINITY,
        high: f64::INFINITY,
    };
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
    /// Whether the baseline is only what is left of it without the selection: other times, and with a band other values at
    /// the same times.
    pub is_rest: bool,
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
    /// The metric that was measured, a classic histogram without `_bucket`; `None`: an expression was, or several.
    pub metric: Option<String>,
    /// The band that was used: of a classic histogram that of the nearest bounds.
    pub band: Option<Band>,
    /// Whether single events were counted, so that chance was taken off.
    pub counts_events: bool,
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
    /// Labels that have one value everywhere.
    pub same: Vec<String>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// How a label's values are spread.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelDifference {
    /// The label.
    pub label: String,
    /// How much the share of one of its values differs, beyond chance where events are counted; where values do not add up,
    /// how much more of the change one explains than the middle one, times how much the whole has changed. In [0, 1] where
    /// values add up.
    pub score: f64,
    /// Whether values add up to the whole.
    pub adds_up: bool,
    /// The values, those first whose share differs most.
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
    /// By how much its share is greater than in the baseline, or, where that is nothing, than if all were alike; where values
    /// do not add up, its part of the change.
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
        shift_ms: 0,
        notes: Vec::new(),
    };
    comparison.compare(expr.unwrap_parens())
}

struct Comparison<'a> {
    store: &'a dyn MetricStore,
    engine: &'a Engine,
    settings: &'a DifferenceSettings,
    /// How far back what is measured lies, ms.
    shift_ms: i64,
    notes: Vec<String>,
}

impl Comparison<'_> {
    fn compare(&mut self, expr: &Expr) -> Result<Differences, QueryError> {
        let plan = self.plan(expr)?;
        let (asked, band) = (self.settings.band, plan.band(self.settings.band));
        if self.settings.is_rest && asked.is_none() && self.rest_spans().is_empty() {
            return Err(QueryError::Invalid(
                "baseline: nothing is left of it without the selection; want a longer one, or a selection with a band of values"
                    .to_owned(),
            ));
        }
        let measure = plan.measure(asked);
        let (selection, baseline) = self.both(&plan, measure, band)?;
        let mut all = selection.iter().chain(&baseline);
        let adds_up = match &plan {
            Plan::Other(expr) if measure == Measure::Mean => adds_up(expr),
            // What may be below zero has no shares.
            _ => all.all(|(_, weight)| *weight >= 0.0),
        };
        let counts_events = self.counts_events(&plan, measure)?;
        let total = |weights: &Weights| {
            if adds_up { sum(weights) } else { mean(weights) }
        };
        let totals = (total(&baseline), total(&selection));
        let mut found = Found::default();
        for label in labels_of(&selection, &baseline) {
            let parts = grouped(&label, &selection, &baseline, adds_up);
            found.add(label, parts, totals, adds_up, counts_events);
        }
        if let Plan::Other(expr) = &plan {
            self.split_parts(expr, &mut found)?;
        }
        found.labels.sort_by(|(a_label, a, _), (b_label, b, _)| {
            let by_score = b.score.total_cmp(&a.score);
            let by_count = || a.parts.len().cmp(&b.parts.len());
            by_score
                .then_with(by_count)
                .then_with(|| a_label.cmp(b_label))
        });
        if found.labels.len() > LABELS_MAX {
            let count = found.labels.len();
            self.notes
                .push(format!("{LABELS_MAX} of {count} labels are told"));
            found.labels.truncate(LABELS_MAX);
        }
        let labels = found.labels.into_iter();
        let labels = labels.map(|(label, moved, totals)| told(label, moved, totals));
        Ok(Differences {
            measure,
            metric: plan.metric().map(str::to_owned),
            band,
            counts_events,
            selection: totals.1,
            baseline: totals.0,
            selection_series: selection.len(),
            baseline_series: baseline.len(),
            labels: labels.collect(),
            same: found.same.into_iter().collect(),
            notes: std::mem::take(&mut self.notes),
        })
    }

    fn selection(&self) -> Span {
        self.settings.selection.earlier(self.shift_ms)
    }

    fn baseline(&self) -> Span {
        self.settings.baseline.earlier(self.shift_ms)
    }

    /// The times of the baseline that are not of the selection.
    fn rest_spans(&self) -> Vec<Span> {
        let (selection, whole) = (self.selection(), self.baseline());
        let before = Span {
            start_ms: whole.start_ms,
            end_ms: whole.end_ms.min(selection.start_ms),
        };
        let after = Span {
            start_ms: whole.start_ms.max(selection.end_ms),
            end_ms: whole.end_ms,
        };
        let spans = [before, after].into_iter();
        spans.filter(|it| it.start_ms < it.end_ms).collect()
    }

    /// The finite values of a query at the end of a span.
    fn ask(&self, text: &str, span: Span) -> Result<Weights, QueryError> {
        let request = QueryRequest {
            timeout_ms: Some(QUERY_MS_MAX),
            cancel: self.settings.cancel.clone(),
            ..QueryRequest::default()
        };
        let outcome = self
            .engine
            .instant(self.store, text, span.end_ms, &request)?;
        // All that is asked gives vectors: the type of the query was looked at before.
        let QueryValue::Vector(samples) = outcome.value else {
            return Ok(Weights::new());
        };
        if samples.len() > SERIES_MAX {
            return Err(QueryError::Invalid(format!(
                "{} series: at most {SERIES_MAX} are compared; add a condition to the query, or aggregate by the labels that matter",
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

    /// What each series weighs over a span.
    fn weigh(
        &self,
        plan: &Plan,
        measure: Measure,
        span: Span,
        band: Option<Band>,
        cut: Option<Cut>,
    ) -> Result<Weights, QueryError> {
        let texts = plan.texts(span, measure, band, cut);
        if let [(_, text)] = texts.as_slice() {
            return self.ask(text, span);
        }
        let mut sum = Sum::default();
        for (sign, text) in &texts {
            sum.add(&self.ask(text, span)?, *sign);
        }
        Ok(sum.weights())
    }

    /// What each series weighs over the selection and over the baseline.
    fn both(
        &self,
        plan: &Plan,
        measure: Measure,
        band: Option<Band>,
    ) -> Result<(Weights, Weights), QueryError> {
        let selected = self.weigh(plan, measure, self.selection(), band, None)?;
        let usual = if !self.settings.is_rest {
            // The baseline is counted in the same unit: points where the selection has them.
            self.weigh(plan, measure, self.baseline(), None, None)?
        } else if plan.is_total(measure) {
            let mut sum = Sum::default();
            for span in self.rest_spans() {
                sum.add(&self.weigh(plan, measure, span, None, None)?, 1.0);
            }
            // Other values at the times of the selection, as far as those are of the baseline.
            if band.is_some()
                && let Some(shared) = self.selection().shared(self.baseline())
            {
                sum.add(&self.weigh(plan, measure, shared, None, None)?, 1.0);
                sum.add(&self.weigh(plan, measure, shared, band, None)?, -1.0);
            }
            sum.weights()
        } else {
            self.weigh(plan, measure, self.baseline(), None, self.cut())?
        };
        Ok((selected, usual))
    }

    /// What does not belong to the baseline.
    fn cut(&self) -> Option<Cut> {
        self.settings.is_rest.then(|| Cut {
            span: self.selection(),
            band: self.settings.band,
        })
    }
}

/// What series weigh together.
#[derive(Default)]
struct Sum(BTreeMap<Labels, f64>);

impl Sum {
    fn add(&mut self, weights: &Weights, sign: f64) {
        for (labels, weight) in weights {
            let labels = labels.without_name();
            *self.0.entry(labels).or_default() += sign * weight;
        }
    }

    /// Increases are guesses between samples: nothing less than nothing is left.
    fn weights(self) -> Weights {
        let positive = |(labels, weight): (Labels, f64)| (labels, weight.max(0.0));
        self.0.into_iter().map(positive).collect()
    }
}

impl Span {
    fn earlier(self, by_ms: i64) -> Self {
        Self {
            start_ms: self.start_ms.saturating_sub(by_ms),
            end_ms: self.end_ms.saturating_sub(by_ms),
        }
    }

    /// What is of another one too.
    fn shared(self, other: Self) -> Option<Self> {
        let shared = Self {
            start_ms: self.start_ms.max(other.start_ms),
            end_ms: self.end_ms.min(other.end_ms),
        };
        (shared.start_ms < shared.end_ms).then_some(shared)
    }

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

#[cfg(test)]
mod tests;
