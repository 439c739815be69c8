//! Functions of whole histograms: `histogram_quantile`, `histogram_quantiles`,
//! `histogram_fraction`.
//!
//! ## Model
//! Classic histograms are many series, one for each bound. They are brought together once a query,
//! with their bounds read and sorted; at each step only counts are gathered.

use bellwether_model::Labels;
use bellwether_model::number::General;
use rustc_hash::FxHashMap;

use super::Query;
use super::column::{ABSENT, Cell, Column, Grid, Series, guard};
use super::matching::{self, Keys, without_metadata};
use super::plan::{CallNode, Node};
use super::quantile::{
    ClassicBucket, classic_fraction, classic_quantile, native_fraction, native_quantile,
};
use crate::annotations::Annotations;
use crate::ast::PosRange;
use crate::{Annotation, QueryError};

const BUCKET_LABEL: &str = "le";

/// A classic histogram: its series by ascending bound.
struct Classic {
    labels: Labels,
    /// Bound and position of the series.
    buckets: Vec<(f64, usize)>,
    /// Whether the native histogram with the same labels is at the same step.
    conflicts: Vec<bool>,
}

/// What is computed of each histogram.
enum Question {
    /// A quantile at each step.
    Quantile(Vec<f64>),
    /// The share between two bounds at each step.
    Fraction(Vec<f64>, Vec<f64>),
}

/// The histograms of a vector.
struct Histograms {
    series: Vec<Series>,
    classic: Vec<Classic>,
    /// Whether a series holds any native histogram, and where it is in conflict with a classic one.
    native: Vec<(usize, Vec<bool>)>,
}

impl Query<'_> {
    pub(crate) fn histogram_function(
        &self,
        call: &CallNode,
        grid: Grid,
    ) -> Result<Vec<Series>, QueryError> {
        let scalar = |index: usize| match call.args.get(index) {
            Some(node) => self.scalar(node, grid),
            None => Ok(vec![f64::NAN; grid.count]),
        };
        let mut notes = Annotations::default();
        let (vector_index, questions) = match call.name {
            "histogram_quantile" => {
                let quantiles = scalar(0)?;
                note_quantiles(&quantiles, call.ranges[0], &mut notes);
                (1, vec![(None, Question::Quantile(quantiles))])
            }
            "histogram_fraction" => (2, vec![(None, Question::Fraction(scalar(0)?, scalar(1)?))]),
            _ => {
                let label = match call.args.get(1) {
                    Some(Node::String(label, _)) => label.clone(),
                    _ => String::new(),
                };
                let mut questions = Vec::new();
                for index in 2..call.args.len() {
                    let quantiles = scalar(index)?;
                    note_quantiles(&quantiles, call.ranges[index], &mut notes);
                    questions.push((Some(label.clone()), Question::Quantile(quantiles)));
                }
                (0, questions)
            }
        };
        let Some(vector) = call.args.get(vector_index) else {
            return Ok(Vec::new());
        };
        let range = call.ranges[vector_index];
        let series = self.vector(vector, grid)?;
        let histograms = self.gather(series, grid, range, &mut notes);
        let mut out = Vec::new();
        for (label, question) in &questions {
            self.answer(
                &histograms,
                question,
                label.as_deref(),
                grid,
                range,
                &mut notes,
                &mut out,
            )?;
        }
        self.note(notes);
        out.retain(|one: &Series| !one.column.is_empty());
        matching::merged(out)
    }

    /// Finds the classic histograms among the series, and conflicts with native ones.
    fn gather(
        &self,
        series: Vec<Series>,
        grid: Grid,
        range: PosRange,
        notes: &mut Annotations,
    ) -> Histograms {
        let delayed = self.features.delayed_name_removal;
        let name_of = |labels: &Labels| {
            if delayed {
                labels.metric_name().to_owned()
            } else {
                String::new()
            }
        };
        let mut keys = Keys::default();
        let mut classic: Vec<Classic> = Vec::new();
        let mut native: Vec<(usize, Vec<bool>)> = Vec::new();
        for (position, one) in series.iter().enumerate() {
            if !one.column.histograms.is_empty() {
                native.push((position, Vec::new()));
            }
            let has_float = one
                .column
                .values
                .iter()
                .filter(|v| !super::column::is_absent(**v))
                .count()
                > one.column.histograms.len();
            if !has_float {
                continue;
            }
            let bound = one.labels.get(BUCKET_LABEL).unwrap_or("");
            let Some(upper) = parse_bound(bound) else {
                notes.add(Annotation::bad_bucket_label(
                    &name_of(&one.labels),
                    bound,
                    range,
                ));
                continue;
            };
            let (number, is_new) = keys.number(&one.labels, |name| name != BUCKET_LABEL);
            if is_new {
                classic.push(Classic {
                    labels: one.labels.filter(|name| name != BUCKET_LABEL),
                    buckets: Vec::new(),
                    conflicts: Vec::new(),
                });
            }
            classic[number as usize].buckets.push((upper, position));
        }
        for histogram in &mut classic {
            histogram.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        if !native.is_empty() && !classic.is_empty() {
            let by_labels: FxHashMap<Labels, usize> = classic
                .iter()
                .enumerate()
                .map(|(index, histogram)| (histogram.labels.clone(), index))
                .collect();
            for (position, conflicts) in &mut native {
                let one = &series[*position];
                let Some(&index) = by_labels.get(&one.labels) else {
                    continue;
                };
                let histogram = &mut classic[index];
                for step in 0..grid.count {
                    let both = matches!(one.column.cell(step), Cell::Histogram(_))
                        && histogram.buckets.iter().any(|bucket| {
                            matches!(series[bucket.1].column.cell(step), Cell::Float(_))
                        });
                    if both {
                        conflicts.resize(grid.count, false);
                        histogram.conflicts.resize(grid.count, false);
                        conflicts[step] = true;
                        histogram.conflicts[step] = true;
                        notes.add(Annotation::mixed_classic_native(
                            &name_of(&one.labels),
                            range,
                        ));
                    }
                }
            }
        }
        Histograms {
            series,
            classic,
            native,
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "what an answer depends on, and where it goes"
    )]
    fn answer(
        &self,
        histograms: &Histograms,
        question: &Question,
        label: Option<&str>,
        grid: Grid,
        range: PosRange,
        notes: &mut Annotations,
        out: &mut Vec<Series>,
    ) -> Result<(), QueryError> {
        let delayed = self.features.delayed_name_removal;
        let named = |labels: &Labels| {
            if delayed {
                labels.clone()
            } else {
                without_metadata(labels)
            }
        };
        // With `histogram_quantiles` each quantile is a label value of its own; where the scalar
        // changes over time, so do the labels.
        let mut push = |labels: Labels, column: Column| match (label, question) {
            (Some(label), Question::Quantile(quantiles)) => {
                let mut distinct: Vec<u64> = quantiles.iter().map(|q| q.to_bits()).collect();
                distinct.sort_unstable();
                distinct.dedup();
                for bits in distinct {
                    self.limits.check()?;
                    self.limits.memory.hold(column.memory_bytes())?;
                    let mut column = column.clone();
                    column.retain(|step| quantiles[step].to_bits() == bits);
                    let value = open_metrics_float(f64::from_bits(bits));
                    out.push(Series {
                        labels: labels.to_builder().set(label, &value).build(),
                        drop_name: true,
                        column,
                    });
                }
                Ok(())
            }
            _ => {
                self.limits.memory.hold(column.memory_bytes())?;
                out.push(Series {
                    labels,
                    drop_name: true,
                    column,
                });
                Ok::<(), QueryError>(())
            }
        };
        for (position, conflicts) in &histograms.native {
            let one = &histograms.series[*position];
            let labels = named(&one.labels);
            let name = labels.metric_name().to_owned();
            let mut column = Column::default();
            for step in 0..grid.count {
                let Cell::Histogram(histogram) = one.column.cell(step) else {
                    column.values.push(ABSENT);
                    continue;
                };
                if conflicts.get(step).copied().unwrap_or(false) {
                    column.values.push(ABSENT);
                    continue;
                }
                let value = match question {
                    Question::Quantile(q) => {
                        native_quantile(q[step], histogram, &name, range, notes)
                    }
                    Question::Fraction(lower, upper) => {
                        native_fraction(lower[step], upper[step], histogram, &name, range, notes)
                    }
                };
                column.values.push(guard(value));
            }
            push(labels, column)?;
        }
        let mut buckets: Vec<ClassicBucket> = Vec::new();
        for histogram in &histograms.classic {
            self.limits.check()?;
            let columns: Vec<(f64, &Column)> = histogram
                .buckets
                .iter()
                .map(|&(upper, position)| (upper, &histograms.series[position].column))
                .collect();
            let mut column = Column::default();
            column.values.reserve(grid.count);
            for step in 0..grid.count {
                buckets.clear();
                for (upper, source) in &columns {
                    if let Cell::Float(count) = source.cell(step) {
                        buckets.push(ClassicBucket {
                            upper: *upper,
                            count,
                        });
                    }
                }
                let conflict = histogram.conflicts.get(step).copied().unwrap_or(false);
                if buckets.is_empty() || conflict {
                    column.values.push(ABSENT);
                    continue;
                }
                let value = match question {
                    Question::Quantile(q) => {
                        let (value, forced) = classic_quantile(q[step], &mut buckets);
                        if let Some(forced) = forced {
                            let name = if delayed {
                                histogram.labels.metric_name()
                            } else {
                                ""
                            };
                            notes.add(Annotation::forced_monotonicity(
                                name,
                                range,
                                grid.time(step),
                                forced.min_bucket,
                                forced.max_bucket,
                                forced.max_diff,
                            ));
                        }
                        value
                    }
                    Question::Fraction(lower, upper) => {
                        classic_fraction(lower[step], upper[step], &mut buckets)
                    }
                };
                column.values.push(guard(value));
            }
            push(named(&histogram.labels), column)?;
        }
        Ok(())
    }
}

/// Notes quantiles outside of 0 to 1.
fn note_quantiles(quantiles: &[f64], range: PosRange, notes: &mut Annotations) {
    let mut last = None;
    for quantile in quantiles {
        let bad = quantile.is_nan() || !(0.0..=1.0).contains(quantile);
        if bad && last != Some(quantile.to_bits()) {
            notes.add(Annotation::invalid_quantile(*quantile, range));
            last = Some(quantile.to_bits());
        }
    }
}

/// A bound as exposition formats write it.
fn parse_bound(text: &str) -> Option<f64> {
    if text.is_empty() || text.starts_with(char::is_whitespace) {
        return None;
    }
    text.parse().ok()
}

/// A float as OpenMetrics writes label values: whole numbers with a decimal point.
fn open_metrics_float(value: f64) -> String {
    let text = General(value).to_string();
    if value.is_finite() && !text.contains(['.', 'e']) {
        return format!("{text}.0");
    }
    text
}
