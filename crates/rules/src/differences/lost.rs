//! Labels that a query aggregates away: it is split by them, as evidence does.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_model::{Labels, Matcher, TimeRange};
use bellwether_promql::QueryError;
use bellwether_promql::ast::Expr;
use bellwether_storage::LabelQuery;

use super::plan::mean_of_part;
use super::spread::{Found, Weights, grouped, is_telling, mean};
use super::{Comparison, SERIES_MAX};
use crate::evidence::{Whole, split, whole};

/// Labels that are aggregated away by which a query is split; those with the fewest values first. Chosen: each is
/// two queries more.
const SPLITS_MAX: usize = 12;
/// Values by which a query is split. Chosen: what has more of them is an id, and tells nothing.
const SPLIT_VALUES_MAX: usize = 500;

impl Comparison<'_> {
    /// Adds the labels that an expression aggregates away, with the means of its parts by their values.
    pub(super) fn split_parts(&mut self, expr: &Expr, found: &mut Found) -> Result<(), QueryError> {
        let (mut labels, mut same) = self.lost_labels(expr)?;
        labels.retain(|label| split(expr, label).is_some());
        same.retain(|label| split(expr, label).is_some());
        found.same.extend(same);
        if labels.is_empty() {
            return Ok(());
        }
        let is_sum = whole(expr) == Whole::Sum;
        let (selection, baseline) = self.weigh_part(expr, expr)?;
        let totals = (mean(&baseline), mean(&selection));
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
            // A split whose sides do not match is no answer to anything.
            let (selection, baseline) = match self.weigh_part(expr, &parted) {
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
            found.add(label, parts, totals, is_sum, false);
        }
        Ok(())
    }

    /// What the elements of a part of an expression weigh.
    fn weigh_part(&self, expr: &Expr, part: &Expr) -> Result<(Weights, Weights), QueryError> {
        let selection = mean_of_part(expr, part, self.selection(), self.settings.band, None);
        let baseline = mean_of_part(expr, part, self.baseline(), None, self.cut());
        Ok((
            self.ask(&selection, self.selection())?,
            self.ask(&baseline, self.baseline())?,
        ))
    }

    /// Labels that tell the series behind an expression apart, those with the fewest values first; and those with one value.
    fn lost_labels(&mut self, expr: &Expr) -> Result<(Vec<String>, Vec<String>), QueryError> {
        let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let selectors = expr.selectors().into_iter();
        let matcher_sets: Vec<Vec<Matcher>> = selectors.map(|it| it.matchers.clone()).collect();
        if matcher_sets.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        for span in [self.selection(), self.baseline()] {
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
        values.retain(|name, values| is_telling(name) && values.len() <= SPLIT_VALUES_MAX);
        let mut labels: Vec<(usize, String)> = values
            .into_iter()
            .map(|(name, values)| (values.len(), name))
            .collect();
        labels.sort_unstable();
        let (same, labels): (Vec<_>, Vec<_>) = labels.into_iter().partition(|it| it.0 < 2);
        let names = |labels: Vec<(usize, String)>| labels.into_iter().map(|it| it.1).collect();
        Ok((names(labels), names(same)))
    }
}
