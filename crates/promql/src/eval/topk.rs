//! Aggregations that need all elements of a group at once: `topk`, `bottomk`, `limitk`,
//! `limit_ratio`, `quantile`, `count_values`.

use bellwether_model::number::Plain;
use bellwether_model::{Labels, METRIC_NAME, short};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh64::xxh64;

use super::Query;
use super::aggregate::Grouping;
use super::column::{ABSENT, Cell, Column, Grid, Series, guard, is_absent};
use super::matching::Keys;
use super::plan::{AggregateNode, Node};
use super::quantile::quantile;
use super::sort;
use crate::annotations::Annotations;
use crate::ast::AggregateOp;
use crate::quote::quoted_short;
use crate::{Annotation, QueryError};

/// Steps that are gathered at once: a block of them fits the cache while columns are read in
/// runs. Chosen.
const STEP_BLOCK: usize = 16;

/// Above this many elements a group keeps, sorting all at each step is cheaper than inserting.
const INSERT_MAX: usize = 64;

/// The greatest and smallest number of a parameter over all steps.
struct Bounds {
    min: f64,
    max: f64,
    has_nan: bool,
}

impl Bounds {
    fn of(values: &[f64]) -> Self {
        let mut bounds = Self {
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            has_nan: false,
        };
        for &value in values {
            bounds.has_nan |= value.is_nan();
            bounds.min = bounds.min.min(value);
            bounds.max = bounds.max.max(value);
        }
        bounds
    }
}

/// 2^63: the first number that is no signed integer of 64 bits.
const INTEGER_END: f64 = 9_223_372_036_854_775_808.0;

impl Query<'_> {
    fn parameter(&self, node: &AggregateNode, grid: Grid) -> Result<Vec<f64>, QueryError> {
        match &node.param {
            Some(param) => self.scalar(param, grid),
            None => Err(QueryError::Execution(format!(
                "{} needs a parameter",
                node.op.as_str()
            ))),
        }
    }

    /// The series of each group, in the order of the groups' first series.
    fn grouped(&self, node: &AggregateNode, series: &[Series]) -> Vec<(Labels, Vec<usize>)> {
        let grouping = Grouping::new(node, false);
        let mut keys = Keys::default();
        let mut groups: Vec<(Labels, Vec<usize>)> = Vec::new();
        for (index, one) in series.iter().enumerate() {
            let (number, is_new) = keys.number(&one.labels, |name| grouping.keeps(name));
            if is_new {
                let labels = Labels::from_bytes(keys.last_key()).unwrap_or_default();
                groups.push((labels, Vec::new()));
            }
            groups[number as usize].1.push(index);
        }
        groups
    }

    /// `topk`, `bottomk`, `limitk`, `limit_ratio`.
    pub(crate) fn select_some(
        &self,
        node: &AggregateNode,
        grid: Grid,
    ) -> Result<Vec<Series>, QueryError> {
        let params = self.parameter(node, grid)?;
        let mut series = self.vector(&node.node, grid)?;
        let bounds = Bounds::of(&params);
        let mut notes = Annotations::default();
        if node.op == AggregateOp::LimitRatio {
            if bounds.has_nan {
                return Err(QueryError::Execution("Ratio value is NaN".to_owned()));
            }
            if bounds.max == 0.0 && bounds.min == 0.0 {
                return Ok(Vec::new());
            }
            for (bad, value, cap) in [
                (bounds.max > 1.0, bounds.max, 1.0),
                (bounds.min < -1.0, bounds.min, -1.0),
            ] {
                if bad {
                    notes.add(Annotation::invalid_ratio(value, cap, node.param_range));
                }
            }
            self.note(notes);
            for one in &mut series {
                let offset = sampling_offset(&one.labels);
                one.column.retain(|step| {
                    let ratio = params[step].clamp(-1.0, 1.0);
                    if ratio >= 0.0 {
                        offset < ratio
                    } else {
                        offset >= 1.0 + ratio
                    }
                });
            }
            series.retain(|one| !one.column.is_empty());
            return Ok(series);
        }
        if bounds.has_nan {
            return Err(QueryError::Execution("Parameter value is NaN".to_owned()));
        }
        if bounds.max < 1.0 {
            return Ok(Vec::new());
        }
        if bounds.min <= -INTEGER_END {
            return Err(QueryError::Execution(format!(
                "Scalar value {} underflows int64",
                bellwether_model::number::General(bounds.min)
            )));
        }
        if bounds.max >= INTEGER_END {
            return Err(QueryError::Execution(format!(
                "Scalar value {} overflows int64",
                bellwether_model::number::General(bounds.max)
            )));
        }
        let wanted: Vec<usize> = params
            .iter()
            .map(|k| if *k < 1.0 { 0 } else { *k as usize })
            .collect();
        let out = if node.op == AggregateOp::Limitk {
            // The store promises no order; sorting makes the choice the same each time.
            let series = sort::by_labels(series, |one| &one.labels);
            self.first_of_each(node, series, &wanted)
        } else {
            self.best_of_each(node, series, &wanted, grid, &mut notes)?
        };
        self.note(notes);
        Ok(out)
    }

    fn first_of_each(
        &self,
        node: &AggregateNode,
        mut series: Vec<Series>,
        wanted: &[usize],
    ) -> Vec<Series> {
        for (_, members) in self.grouped(node, &series) {
            let mut left = wanted.to_vec();
            for index in members {
                let column = &mut series[index].column;
                let keep: Vec<bool> = left
                    .iter_mut()
                    .enumerate()
                    .map(|(step, left)| {
                        let taken = *left > 0 && column.is_present(step);
                        *left -= usize::from(taken);
                        taken
                    })
                    .collect();
                column.retain(|step| keep[step]);
            }
        }
        series.retain(|one| !one.column.is_empty());
        series
    }

    fn best_of_each(
        &self,
        node: &AggregateNode,
        mut series: Vec<Series>,
        wanted: &[usize],
        grid: Grid,
        notes: &mut Annotations,
    ) -> Result<Vec<Series>, QueryError> {
        let top = node.op == AggregateOp::Topk;
        for one in &mut series {
            if !one.column.is_floats() {
                notes.add(Annotation::histogram_ignored_in_aggregation(
                    node.op.as_str(),
                    node.range,
                ));
                one.column.map_floats(|value| value);
            }
        }
        let order = if top {
            sort::descending
        } else {
            sort::ascending
        };
        let better = |a: f64, b: f64| order(a, b).is_lt();
        let mut out = Vec::new();
        let mut taken: Vec<Option<Series>> = series.into_iter().map(Some).collect();
        let all: Vec<Series> = taken.iter_mut().filter_map(Option::take).collect();
        for (_, members) in self.grouped(node, &all) {
            self.limits.check()?;
            let most = wanted.iter().copied().max().unwrap_or(0).min(members.len());
            let best_bytes = (grid.count * (24 + most * 16)) as u64;
            self.limits.memory.hold(best_bytes)?;
            // The best of each step so far, best first.
            let mut best: Vec<Vec<(f64, u32)>> = vec![Vec::new(); grid.count];
            for &index in &members {
                let values = &all[index].column.values;
                for ((best, &value), &k) in best.iter_mut().zip(values).zip(wanted) {
                    if is_absent(value) || k == 0 {
                        continue;
                    }
                    if k > INSERT_MAX {
                        best.push((value, index as u32));
                        continue;
                    }
                    if best.len() >= k {
                        if !best.last().is_some_and(|worst| better(value, worst.0)) {
                            continue;
                        }
                        best.pop();
                    }
                    let at = best.partition_point(|other| !better(value, other.0));
                    best.insert(at, (value, index as u32));
                }
            }
            for (best, &k) in best.iter_mut().zip(wanted) {
                if k > INSERT_MAX {
                    best.sort_by(|a, b| order(a.0, b.0));
                    best.truncate(k);
                }
            }
            if grid.count == 1 {
                // An instant query shows them in this order.
                out.extend(
                    best[0]
                        .iter()
                        .map(|&(_, index)| all[index as usize].clone()),
                );
                self.limits.memory.release(best_bytes);
                continue;
            }
            let mut columns: FxHashMap<u32, Vec<f64>> = FxHashMap::default();
            for (step, best) in best.iter().enumerate() {
                for &(value, index) in best {
                    columns
                        .entry(index)
                        .or_insert_with(|| vec![ABSENT; grid.count])[step] = value;
                }
            }
            for index in members {
                if let Some(values) = columns.remove(&(index as u32)) {
                    out.push(Series {
                        labels: all[index].labels.clone(),
                        drop_name: all[index].drop_name,
                        column: Column::of(values),
                    });
                    let bytes = out.last().map_or(0, Series::memory_bytes);
                    self.limits.memory.hold(bytes)?;
                }
            }
            self.limits.memory.release(best_bytes);
        }
        Ok(out)
    }

    /// `quantile`.
    pub(crate) fn quantile_of(
        &self,
        node: &AggregateNode,
        grid: Grid,
    ) -> Result<Vec<Series>, QueryError> {
        let params = self.parameter(node, grid)?;
        let mut series = self.vector(&node.node, grid)?;
        let mut notes = Annotations::default();
        let bounds = Bounds::of(&params);
        for (bad, value) in [
            (bounds.has_nan, f64::NAN),
            (bounds.max > 1.0, bounds.max),
            (bounds.min < 0.0, bounds.min),
        ] {
            if bad {
                notes.add(Annotation::invalid_quantile(value, node.param_range));
            }
        }
        for one in &mut series {
            if !one.column.is_floats() {
                notes.add(Annotation::histogram_ignored_in_aggregation(
                    "quantile",
                    node.expr_range,
                ));
                one.column.map_floats(|value| value);
            }
        }
        self.note(notes);
        let mut out = Vec::new();
        for (labels, members) in self.grouped(node, &series) {
            let mut column = Column::default();
            let gathered_bytes = (STEP_BLOCK.min(grid.count) * members.len() * 8) as u64;
            self.limits.memory.hold(gathered_bytes)?;
            let mut gathered: Vec<Vec<f64>> = vec![Vec::new(); STEP_BLOCK];
            for start in (0..grid.count).step_by(STEP_BLOCK) {
                self.limits.check()?;
                let end = (start + STEP_BLOCK).min(grid.count);
                for values in &mut gathered {
                    values.clear();
                }
                for &index in &members {
                    let values = &series[index].column.values[start..end];
                    for (gathered, &value) in gathered.iter_mut().zip(values) {
                        if !is_absent(value) {
                            gathered.push(value);
                        }
                    }
                }
                for (gathered, step) in gathered.iter_mut().zip(start..end) {
                    column.values.push(if gathered.is_empty() {
                        ABSENT
                    } else {
                        guard(quantile(params[step], gathered))
                    });
                }
            }
            self.limits.memory.release(gathered_bytes);
            if !column.is_empty() {
                self.limits.memory.hold(column.memory_bytes())?;
                out.push(Series {
                    labels,
                    drop_name: members.iter().any(|&index| series[index].drop_name),
                    column,
                });
            }
        }
        Ok(out)
    }

    /// `count_values`.
    pub(crate) fn count_values(
        &self,
        node: &AggregateNode,
        grid: Grid,
    ) -> Result<Vec<Series>, QueryError> {
        let label = match &node.param {
            Some(Node::String(label, None)) => label.as_str(),
            Some(Node::String(_, Some(quoted))) => {
                return Err(QueryError::Execution(format!(
                    "invalid label name {}",
                    short(quoted)
                )));
            }
            _ => "",
        };
        if label.is_empty() {
            return Err(QueryError::Execution(format!(
                "invalid label name {}",
                quoted_short(label)
            )));
        }
        let series = self.vector(&node.node, grid)?;
        let grouping = Grouping::new(node, false);
        let shows_value = !node.without || !node.grouping.iter().any(|name| name == label);
        let mut keys = Keys::default();
        let mut groups: Vec<Labels> = Vec::new();
        let mut by_float: FxHashMap<(u32, u64), usize> = FxHashMap::default();
        let mut by_labels: FxHashMap<Labels, usize> = FxHashMap::default();
        let mut out: Vec<Series> = Vec::new();
        for one in &series {
            self.limits.check()?;
            let (group, is_new) = keys.number(&one.labels, |name| {
                name != label && grouping.keeps(name) && !(node.without && name == METRIC_NAME)
            });
            if is_new {
                groups.push(Labels::from_bytes(keys.last_key()).unwrap_or_default());
            }
            let labels = &groups[group as usize];
            let mut find = |text: &dyn Fn() -> String, out: &mut Vec<Series>| {
                let labels = if shows_value {
                    labels.to_builder().set(label, &text()).build()
                } else {
                    labels.clone()
                };
                *by_labels.entry(labels.clone()).or_insert_with(|| {
                    out.push(Series {
                        labels,
                        drop_name: false,
                        column: Column::absent(grid.count),
                    });
                    out.len() - 1
                })
            };
            for step in 0..grid.count {
                let index = match one.column.cell(step) {
                    Cell::Absent => continue,
                    Cell::Float(value) => {
                        let bits = if value.is_nan() {
                            f64::NAN.to_bits()
                        } else {
                            value.to_bits()
                        };
                        match by_float.get(&(group, bits)) {
                            Some(&index) => index,
                            None => {
                                let index = find(&|| Plain(value).to_string(), &mut out);
                                by_float.insert((group, bits), index);
                                self.limits.hold(grid.count as u64)?;
                                self.limits.memory.hold(out[index].memory_bytes())?;
                                index
                            }
                        }
                    }
                    Cell::Histogram(histogram) => find(&|| histogram.to_string(), &mut out),
                };
                let count = &mut out[index].column.values[step];
                *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
            }
        }
        Ok(out)
    }
}

/// Where a series falls between 0 and 1: by the hash of its labels, as Prometheus encodes them, so
/// that both take the same sample.
fn sampling_offset(labels: &Labels) -> f64 {
    let mut bytes = Vec::with_capacity(labels.as_bytes().len() + 8);
    for (name, value) in labels {
        for text in [name, value] {
            let length = text.len();
            if length < 255 {
                bytes.push(length as u8);
            } else {
                let [a, b, c, ..] = (length as u32).to_le_bytes();
                bytes.extend_from_slice(&[255, a, b, c]);
            }
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    xxh64(&bytes, 0) as f64 / u64::MAX as f64
}
