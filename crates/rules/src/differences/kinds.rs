//! Of what kind a query is: what is asked of the store before it is measured.

use std::collections::BTreeSet;

use bellwether_model::{MetricType, TimeRange};
use bellwether_promql::QueryError;
use bellwether_promql::ast::{Expr, ValueType, VectorSelector};
use bellwether_storage::LabelQuery;

use super::plan::{Plan, name_of, only_family, renamed, summed};
use super::{Comparison, Measure, SERIES_MAX};

impl Comparison<'_> {
    /// What a query is: a selector of some type, or an expression.
    pub(super) fn plan(&mut self, expr: &Expr) -> Result<Plan, QueryError> {
        if expr.value_type() != ValueType::Vector {
            return Err(QueryError::Invalid(format!(
                "query {expr}: it gives a {}; want a selector, or an expression that gives an instant vector",
                expr.value_type().documented()
            )));
        }
        let has_band = self.settings.band.is_some();
        // A band of values of whatever is asked of a histogram is one of what it observed.
        if has_band && let Some(family) = only_family(expr) {
            let family = self.shifted(&family);
            if let Some(plan) = self.histogram(&family)? {
                return Ok(plan);
            }
        }
        self.shift_ms = 0;
        // A band of values of a sum is none of its series'.
        let summed = summed(expr).filter(|_| !has_band || matches!(expr, Expr::Vector(_)));
        let Some((selector, is_rate)) = summed else {
            return self.other(expr);
        };
        let selector = self.shifted(selector);
        let name = name_of(&selector).unwrap_or_default();
        if !name.is_empty() {
            let family = name.strip_suffix("_bucket").unwrap_or(name);
            if let Some(plan) = self.classic(&renamed(&selector, family))? {
                return Ok(plan);
            }
        }
        let is_counter = match self.settings.metric_type {
            Some(MetricType::Gauge | MetricType::Info | MetricType::StateSet) => Some(false),
            Some(MetricType::Counter) => Some(true),
            _ => None,
        };
        // It reads all samples: not where the type is known.
        if is_counter.is_none() && self.is_native(&selector)? {
            return Ok(Plan::Native(selector));
        }
        let counts = is_rate
            || is_counter.unwrap_or_else(|| {
                let mut endings = ["_total", "_count", "_sum", "_bucket"].into_iter();
                endings.any(|ending| name.ends_with(ending))
            });
        Ok(if counts {
            Plan::Counter(selector)
        } else {
            Plan::Gauge(selector)
        })
    }

    /// An expression of numbers; of one of histograms their counts are measured.
    fn other(&self, expr: &Expr) -> Result<Plan, QueryError> {
        let counted = format!("histogram_count({expr})");
        for span in [self.selection(), self.baseline()] {
            if !self.ask(&format!("count({counted})"), span)?.is_empty() {
                return Ok(Plan::Other(self.engine.prepare(&counted)?.expr().clone()));
            }
        }
        Ok(Plan::Other(expr.clone()))
    }

    /// The selector of now; what is measured lies back as far as it did.
    fn shifted(&mut self, selector: &VectorSelector) -> VectorSelector {
        let mut selector = selector.clone();
        self.shift_ms = std::mem::take(&mut selector.offset_ms);
        selector
    }

    /// The histogram that a family is. One that is both is taken for the classic one, whose buckets are counted much faster.
    fn histogram(&self, family: &VectorSelector) -> Result<Option<Plan>, QueryError> {
        if let Some(plan) = self.classic(family)? {
            return Ok(Some(plan));
        }
        let is_native = self.is_native(family)?;
        Ok(is_native.then(|| Plan::Native(family.clone())))
    }

    /// The classic histogram that a family is.
    fn classic(&self, family: &VectorSelector) -> Result<Option<Plan>, QueryError> {
        let Some(name) = name_of(family) else {
            return Ok(None);
        };
        let buckets = renamed(family, &format!("{name}_bucket"));
        let matcher_sets = [buckets.matchers.clone()];
        let mut texts = BTreeSet::new();
        for span in [self.selection(), self.baseline()] {
            texts.extend(self.store.label_values(
                "le",
                &LabelQuery {
                    matcher_sets: &matcher_sets,
                    range: TimeRange::new(span.start_ms, span.end_ms),
                    limit: SERIES_MAX,
                },
            )?);
        }
        let read = |text: String| {
            let bound: f64 = text.parse().ok()?;
            (!bound.is_nan()).then_some((bound, text))
        };
        let mut bounds: Vec<(f64, String)> = texts.into_iter().filter_map(read).collect();
        bounds.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let has_end = bounds
            .last()
            .is_some_and(|(bound, _)| *bound == f64::INFINITY);
        Ok(has_end.then_some(Plan::Classic(buckets, bounds)))
    }

    /// Whether what is counted are single events. Counters of seconds or dollars have values that are not whole.
    pub(super) fn counts_events(&self, plan: &Plan, measure: Measure) -> Result<bool, QueryError> {
        match (plan, measure) {
            (Plan::Counter(selector), Measure::Increase) => {
                for span in [self.selection(), self.baseline()] {
                    let window = span.window();
                    let text = format!("count(last_over_time({selector}[{window}]) % 1 != 0)");
                    if !self.ask(&text, span)?.is_empty() {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (_, measure) => Ok(measure == Measure::Observations),
        }
    }

    /// Whether the series of a selector are native histograms.
    fn is_native(&self, selector: &VectorSelector) -> Result<bool, QueryError> {
        for span in [self.selection(), self.baseline()] {
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
}
