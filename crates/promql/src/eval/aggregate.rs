//! Aggregations that fold one series after the other: `sum`, `avg`, `count`, `group`, `min`, `max`,
//! `stddev`, `stdvar`.
//!
//! ## Model
//! A [`Group`] has one accumulator for each step. Columns are folded in as they are produced; each
//! thread has groups of its own, which are put together at the end in the order of the threads.

use bellwether_model::histogram::kahan_add;
use bellwether_model::{Labels, METRIC_NAME};
use rustc_hash::FxHashMap;

use super::Query;
use super::column::{ABSENT, Cell, Column, Grid, Series, guard, is_absent};
use super::matching::{self, Keys};
use super::over_time::HistogramSum;
use super::plan::AggregateNode;
use crate::annotations::Annotations;
use crate::ast::{AggregateOp, PosRange};
use crate::{Annotation, QueryError};

/// The labels that a group is known by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grouping<'a> {
    names: &'a [String],
    without: bool,
    /// Whether the name is gone already, though the labels at hand still have it.
    nameless: bool,
}

impl<'a> Grouping<'a> {
    pub(crate) fn new(node: &'a AggregateNode, nameless: bool) -> Self {
        Self {
            names: &node.grouping,
            without: node.without,
            nameless,
        }
    }

    pub(crate) fn keeps(&self, name: &str) -> bool {
        if self.nameless && matching::is_metadata(name) {
            return false;
        }
        let named = self.names.iter().any(|other| other == name);
        if self.without {
            !named && name != METRIC_NAME
        } else {
            named
        }
    }

    /// Whether all series are in one group without labels.
    fn is_single(&self) -> bool {
        !self.without && self.names.is_empty()
    }
}

/// The sums of one group at all steps. What the columns hold depends on the operator.
#[derive(Debug)]
struct Group {
    labels: Labels,
    drop_name: bool,
    /// Sum, extreme, or sum of squares; [`ABSENT`] where nothing was seen.
    main: Vec<f64>,
    /// Compensation of the sum, or mean.
    rest: Vec<f64>,
    /// Count; below zero where a running mean has taken the place of the sum.
    count: Vec<f64>,
    /// Histograms; empty where none was seen.
    histograms: Vec<HistogramCell>,
}

#[derive(Debug, Default, Clone)]
struct HistogramCell {
    sum: HistogramSum,
    incompatible: bool,
}

impl Group {
    fn new(labels: Labels, op: AggregateOp, steps: usize) -> Self {
        let with = |wanted: bool, value: f64| {
            if wanted {
                vec![value; steps]
            } else {
                Vec::new()
            }
        };
        use AggregateOp::{Avg, Count, Stddev, Stdvar, Sum};
        Self {
            labels,
            drop_name: false,
            main: with(op != Count, ABSENT),
            rest: with(matches!(op, Sum | Avg | Stddev | Stdvar), 0.0),
            count: with(matches!(op, Avg | Count | Stddev | Stdvar), 0.0),
            histograms: Vec::new(),
        }
    }

    /// About how many bytes of memory it takes. Histograms that were added up have at least one
    /// bucket layout of their own at each step.
    fn memory_bytes(&self) -> u64 {
        let numbers = self.main.len() + self.rest.len() + self.count.len();
        let histograms = self.histograms.len() * size_of::<HistogramCell>()
            + self
                .histograms
                .iter()
                .map(|h| h.sum.memory_bytes())
                .sum::<usize>();
        (size_of::<Self>() + self.labels.as_bytes().len() + numbers * 8 + histograms) as u64
    }

    fn add(
        &mut self,
        op: AggregateOp,
        column: &Column,
        name: &str,
        context: &Context<'_>,
        notes: &mut Annotations,
    ) {
        if !column.is_floats() {
            self.add_mixed(op, column, name, context, notes);
            return;
        }
        let values = &column.values;
        match op {
            AggregateOp::Sum => {
                for ((sum, rest), &value) in self.main.iter_mut().zip(&mut self.rest).zip(values) {
                    if is_absent(value) {
                        continue;
                    }
                    if is_absent(*sum) {
                        *sum = value;
                    } else {
                        (*sum, *rest) = kahan_add(value, *sum, *rest);
                    }
                }
            }
            AggregateOp::Count => {
                for (count, &value) in self.count.iter_mut().zip(values) {
                    *count += f64::from(u8::from(!is_absent(value)));
                }
            }
            AggregateOp::Max => {
                for (best, &value) in self.main.iter_mut().zip(values) {
                    if !is_absent(value) && (*best < value || best.is_nan()) {
                        *best = value;
                    }
                }
            }
            AggregateOp::Min => {
                for (best, &value) in self.main.iter_mut().zip(values) {
                    if !is_absent(value) && (*best > value || best.is_nan()) {
                        *best = value;
                    }
                }
            }
            _ => {
                for (step, &value) in values.iter().enumerate() {
                    if !is_absent(value) {
                        self.add_float(op, step, value);
                    }
                }
            }
        }
    }

    fn add_float(&mut self, op: AggregateOp, step: usize, value: f64) {
        match op {
            AggregateOp::Sum => {
                if is_absent(self.main[step]) {
                    self.main[step] = value;
                } else {
                    (self.main[step], self.rest[step]) =
                        kahan_add(value, self.main[step], self.rest[step]);
                }
            }
            AggregateOp::Avg => self.add_to_mean(step, value),
            AggregateOp::Count => self.count[step] += 1.0,
            AggregateOp::Max => {
                if self.main[step] < value || self.main[step].is_nan() {
                    self.main[step] = value;
                }
            }
            AggregateOp::Min => {
                if self.main[step] > value || self.main[step].is_nan() {
                    self.main[step] = value;
                }
            }
            AggregateOp::Stddev | AggregateOp::Stdvar => {
                self.count[step] += 1.0;
                if is_absent(self.main[step]) {
                    self.rest[step] = value;
                    self.main[step] = if value.is_finite() { 0.0 } else { f64::NAN };
                } else {
                    let delta = value - self.rest[step];
                    self.rest[step] += delta / self.count[step];
                    self.main[step] += delta * (value - self.rest[step]);
                }
            }
            _ => self.main[step] = 1.0,
        }
    }

    /// The mean is kept as a sum as long as that does not overflow.
    fn add_to_mean(&mut self, step: usize, value: f64) {
        let (main, rest, count) = (
            &mut self.main[step],
            &mut self.rest[step],
            &mut self.count[step],
        );
        if is_absent(*main) {
            (*main, *rest, *count) = (value, 0.0, 1.0);
            return;
        }
        if *count > 0.0 {
            let (sum, sum_rest) = kahan_add(value, *main, *rest);
            *count += 1.0;
            if !sum.is_infinite() {
                (*main, *rest) = (sum, sum_rest);
                return;
            }
            *main /= *count - 1.0;
            *rest /= *count - 1.0;
            *count = -*count;
        } else {
            *count -= 1.0;
        }
        let total = -*count;
        let weight = (total - 1.0) / total;
        (*main, *rest) = kahan_add(value / total, weight * *main, weight * *rest);
    }

    fn add_mixed(
        &mut self,
        op: AggregateOp,
        column: &Column,
        name: &str,
        context: &Context<'_>,
        notes: &mut Annotations,
    ) {
        let sums = matches!(op, AggregateOp::Sum | AggregateOp::Avg);
        for step in 0..column.values.len() {
            match column.cell(step) {
                Cell::Absent => {}
                Cell::Float(value) => {
                    let skipped = self.histograms.get(step).is_some_and(|h| h.incompatible);
                    if !skipped {
                        self.add_float(op, step, value);
                    }
                }
                Cell::Histogram(histogram) if sums => {
                    if self.histograms.is_empty() {
                        self.histograms
                            .resize_with(column.values.len(), HistogramCell::default);
                    }
                    let cell = &mut self.histograms[step];
                    let mean = op == AggregateOp::Avg;
                    if !cell.incompatible && cell.sum.add(histogram, mean).is_err() {
                        cell.incompatible = true;
                        notes.add(Annotation::mixed_exponential_custom(
                            name,
                            context.expr_range,
                        ));
                    }
                }
                Cell::Histogram(_) => match op {
                    AggregateOp::Count => self.count[step] += 1.0,
                    AggregateOp::Group => self.main[step] = 1.0,
                    _ => notes.add(Annotation::histogram_ignored_in_aggregation(
                        op.as_str(),
                        context.expr_range,
                    )),
                },
            }
        }
    }

    /// Takes in the same group of the next thread.
    fn merge(
        &mut self,
        op: AggregateOp,
        other: Self,
        context: &Context<'_>,
        notes: &mut Annotations,
    ) {
        self.drop_name |= other.drop_name;
        let steps = other.main.len().max(other.count.len());
        for step in 0..steps {
            match op {
                AggregateOp::Count => self.count[step] += other.count[step],
                _ if is_absent(other.main[step]) => {}
                AggregateOp::Avg => self.merge_mean(step, &other),
                AggregateOp::Stddev | AggregateOp::Stdvar => self.merge_variance(step, &other),
                AggregateOp::Sum => {
                    if is_absent(self.main[step]) {
                        self.main[step] = other.main[step];
                        self.rest[step] = other.rest[step];
                    } else {
                        self.rest[step] += other.rest[step];
                        (self.main[step], self.rest[step]) =
                            kahan_add(other.main[step], self.main[step], self.rest[step]);
                    }
                }
                _ => self.add_float(op, step, other.main[step]),
            }
        }
        if other.histograms.is_empty() {
            return;
        }
        if self.histograms.is_empty() {
            self.histograms = other.histograms;
            return;
        }
        for (mine, theirs) in self.histograms.iter_mut().zip(other.histograms) {
            mine.incompatible |= theirs.incompatible;
            if !mine.incompatible && mine.sum.merge(theirs.sum).is_err() {
                mine.incompatible = true;
                let name = self.labels.metric_name();
                notes.add(Annotation::mixed_exponential_custom(
                    name,
                    context.expr_range,
                ));
            }
        }
    }

    fn merge_mean(&mut self, step: usize, other: &Self) {
        if is_absent(self.main[step]) {
            self.main[step] = other.main[step];
            self.rest[step] = other.rest[step];
            self.count[step] = other.count[step];
            return;
        }
        let (mine, theirs) = (self.count[step], other.count[step]);
        let total = mine.abs() + theirs.abs();
        if mine > 0.0 && theirs > 0.0 {
            let rest = self.rest[step] + other.rest[step];
            let (sum, rest) = kahan_add(other.main[step], self.main[step], rest);
            if !sum.is_infinite() {
                (self.main[step], self.rest[step], self.count[step]) = (sum, rest, total);
                return;
            }
        }
        let scaled = |value: f64, count: f64| {
            if count > 0.0 {
                value / total
            } else {
                value * (-count / total)
            }
        };
        let rest = scaled(self.rest[step], mine) + scaled(other.rest[step], theirs);
        (self.main[step], self.rest[step]) = kahan_add(
            scaled(other.main[step], theirs),
            scaled(self.main[step], mine),
            rest,
        );
        self.count[step] = -total;
    }

    /// Chan's formula for the sum of squares of two parts.
    fn merge_variance(&mut self, step: usize, other: &Self) {
        if is_absent(self.main[step]) {
            self.main[step] = other.main[step];
            self.rest[step] = other.rest[step];
            self.count[step] = other.count[step];
            return;
        }
        let (mine, theirs) = (self.count[step], other.count[step]);
        let total = mine + theirs;
        let delta = other.rest[step] - self.rest[step];
        self.main[step] += other.main[step] + delta * delta * mine * theirs / total;
        self.rest[step] += delta * theirs / total;
        self.count[step] = total;
    }

    fn finish(mut self, op: AggregateOp, context: &Context<'_>, notes: &mut Annotations) -> Series {
        let mut out = Column::default();
        let steps = self.main.len().max(self.count.len());
        out.values.reserve(steps);
        for step in 0..steps {
            let value = match op {
                AggregateOp::Count if self.count[step] == 0.0 => ABSENT,
                AggregateOp::Count => self.count[step],
                _ if is_absent(self.main[step]) => ABSENT,
                AggregateOp::Sum => guard(self.main[step] + self.rest[step]),
                AggregateOp::Avg if self.count[step] < 0.0 => {
                    guard(self.main[step] + self.rest[step])
                }
                AggregateOp::Avg => {
                    let count = self.count[step];
                    guard(self.main[step] / count + self.rest[step] / count)
                }
                AggregateOp::Stdvar => guard(self.main[step] / self.count[step]),
                AggregateOp::Stddev => guard((self.main[step] / self.count[step]).sqrt()),
                _ => self.main[step],
            };
            let Some(cell) = self.histograms.get_mut(step).map(std::mem::take) else {
                out.values.push(value);
                continue;
            };
            if cell.sum.is_empty() {
                out.values.push(value);
                continue;
            }
            if !is_absent(value) {
                notes.add(Annotation::mixed_floats_histograms_aggregation(
                    context.expr_range,
                ));
                out.values.push(ABSENT);
                continue;
            }
            if cell.incompatible {
                out.values.push(ABSENT);
                continue;
            }
            cell.sum.note(context.expr_range, notes);
            match cell.sum.finish(op == AggregateOp::Avg) {
                Some(histogram) => out.push_histogram(std::sync::Arc::new(histogram)),
                None => out.values.push(ABSENT),
            }
        }
        Series {
            labels: self.labels,
            drop_name: self.drop_name,
            column: out,
        }
    }
}

/// What does not depend on the series.
struct Context<'a> {
    op: AggregateOp,
    grouping: Grouping<'a>,
    expr_range: PosRange,
    grid: Grid,
}

/// The groups of one thread.
#[derive(Default)]
struct Groups {
    keys: Keys,
    groups: Vec<Group>,
    notes: Annotations,
    /// Bytes that are held since they were last asked for.
    grown: u64,
}

impl Groups {
    fn add(&mut self, context: &Context<'_>, labels: &Labels, drop_name: bool, column: &Column) {
        if context.grouping.is_single() {
            if self.groups.is_empty() {
                // An empty vector has no group.
                if column.is_empty() {
                    return;
                }
                self.push(context, Labels::empty());
            }
            self.fold(0, context, labels, drop_name, column);
            return;
        }
        if column.is_empty() {
            return;
        }
        let (number, is_new) = self
            .keys
            .number(labels, |name| context.grouping.keeps(name));
        if is_new {
            let labels = Labels::from_bytes(self.keys.last_key()).unwrap_or_default();
            self.push(context, labels);
        }
        self.fold(number as usize, context, labels, drop_name, column);
    }

    fn push(&mut self, context: &Context<'_>, labels: Labels) {
        let group = Group::new(labels, context.op, context.grid.count);
        // The key of a group is as long as its labels.
        self.grown += group.memory_bytes() + group.labels.as_bytes().len() as u64;
        self.groups.push(group);
    }

    fn fold(
        &mut self,
        group: usize,
        context: &Context<'_>,
        labels: &Labels,
        drop_name: bool,
        column: &Column,
    ) {
        let group = &mut self.groups[group];
        group.drop_name |= drop_name;
        if column.is_floats() {
            group.add(context.op, column, "", context, &mut self.notes);
            return;
        }
        let before = group.memory_bytes();
        let name = labels.metric_name();
        group.add(context.op, column, name, context, &mut self.notes);
        self.grown += group.memory_bytes().saturating_sub(before);
    }
}

impl Query<'_> {
    pub(crate) fn aggregate(
        &self,
        node: &AggregateNode,
        grid: Grid,
    ) -> Result<Vec<Series>, QueryError> {
        use AggregateOp::{Bottomk, CountValues, LimitRatio, Limitk, Quantile, Topk};
        match node.op {
            Topk | Bottomk | Limitk | LimitRatio => return self.select_some(node, grid),
            Quantile => return self.quantile_of(node, grid),
            CountValues => return self.count_values(node, grid),
            _ => {}
        }
        let delayed = self.features.delayed_name_removal;
        let mut stream = self.stream(&node.node, grid)?;
        if !stream.can_flow(delayed) {
            stream = self.settled(stream, grid)?;
        }
        let context = Context {
            op: node.op,
            grouping: Grouping::new(node, stream.drops_name() && !delayed),
            expr_range: node.expr_range,
            grid,
        };
        let parts = self.run(
            stream,
            grid,
            Groups::default,
            |groups: &mut Groups, labels, drop_name, column| {
                let before = groups.groups.len();
                groups.add(&context, labels, drop_name && delayed, column);
                let added = (groups.groups.len() - before) as u64;
                self.limits.hold(added * grid.count as u64)?;
                self.limits.memory.hold(std::mem::take(&mut groups.grown))
            },
        )?;
        let mut notes = Annotations::default();
        let mut parts = parts.into_iter();
        let mut all = parts.next().unwrap_or_default();
        notes.merge(std::mem::take(&mut all.notes));
        let mut positions: FxHashMap<Labels, usize> = FxHashMap::default();
        for part in parts {
            if positions.is_empty() {
                positions.extend(
                    all.groups
                        .iter()
                        .enumerate()
                        .map(|(index, group)| (group.labels.clone(), index)),
                );
            }
            notes.merge(part.notes);
            for group in part.groups {
                match positions.get(&group.labels) {
                    Some(&index) => all.groups[index].merge(node.op, group, &context, &mut notes),
                    None => {
                        positions.insert(group.labels.clone(), all.groups.len());
                        all.groups.push(group);
                    }
                }
            }
        }
        let mut out: Vec<Series> = all
            .groups
            .into_iter()
            .map(|group| group.finish(node.op, &context, &mut notes))
            .collect();
        out.retain(|one| !one.column.is_empty());
        self.note(notes);
        Ok(out)
    }
}
