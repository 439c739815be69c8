//! Operators between two values, columns and vectors.
//!
//! ## Model
//! Elements of two vectors find each other by their label signatures once a query: each signature is
//! a *match group* with the series of both sides. A group with one series on each side, by far the
//! most frequent, is one loop over two columns.

use std::sync::Arc;

use bellwether_model::{CounterReset, FloatHistogram, Labels, METRIC_NAME, ShortLabels};

use super::Query;
use super::column::{ABSENT, Cell, Column, Grid, OwnedCell, Series, guard, is_absent};
use super::matching::{self, Keys};
use super::plan::BinaryNode;
use crate::annotations::Annotations;
use crate::ast::{BinaryOp, MatchCardinality, PosRange, VectorMatching};
use crate::{Annotation, HistogramOperation, QueryError};

/// An operator between floats: the value, and whether a filter keeps it.
#[inline(always)]
fn of_floats(op: BinaryOp, a: f64, b: f64) -> (f64, bool) {
    match op {
        BinaryOp::Add => (a + b, true),
        BinaryOp::Sub => (a - b, true),
        BinaryOp::Mul => (a * b, true),
        BinaryOp::Div => (a / b, true),
        BinaryOp::Mod => (a % b, true),
        BinaryOp::Pow => (a.powf(b), true),
        BinaryOp::Atan2 => (a.atan2(b), true),
        BinaryOp::Equal => (a, a == b),
        BinaryOp::NotEqual => (a, a != b),
        BinaryOp::Less => (a, a < b),
        BinaryOp::LessEqual => (a, a <= b),
        BinaryOp::Greater => (a, a > b),
        BinaryOp::GreaterEqual => (a, a >= b),
        BinaryOp::TrimUpper
        | BinaryOp::TrimLower
        | BinaryOp::And
        | BinaryOp::Or
        | BinaryOp::Unless => (a, false),
    }
}

/// Whether the result is another metric than the operand.
fn changes_metric(op: BinaryOp) -> bool {
    matches!(
        op,
        BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Mod
            | BinaryOp::Pow
            | BinaryOp::Atan2
    )
}

/// An operator between two scalars. Comparisons give 1 or 0.
pub(crate) fn scalars(op: BinaryOp, lhs: &[f64], rhs: &[f64]) -> Vec<f64> {
    let pairs = lhs.iter().zip(rhs);
    pairs
        .map(|(&a, &b)| match of_floats(op, a, b) {
            (_, keep) if op.is_comparison() => f64::from(u8::from(keep)),
            (value, _) => value,
        })
        .collect()
}

/// What to do with an element.
#[derive(Debug, Clone, Copy)]
struct Operation {
    op: BinaryOp,
    return_bool: bool,
    range: PosRange,
}

/// The result for one element; `None` where there is no answer at all.
type Answer = Option<(OwnedCell, bool)>;

impl Operation {
    fn incompatible(&self, lhs: &str, rhs: &str, notes: &mut Annotations) -> Answer {
        notes.add(Annotation::incompatible_types(
            lhs,
            self.op.as_str(),
            rhs,
            self.range,
        ));
        None
    }

    /// The operator between any two values, and whether a filter keeps the result.
    fn of_cells(&self, lhs: Cell<'_>, rhs: Cell<'_>, notes: &mut Annotations) -> Answer {
        let scaled = |histogram: &FloatHistogram, change: &dyn Fn(&mut FloatHistogram)| {
            let mut result = histogram.clone();
            change(&mut result);
            Some((OwnedCell::Histogram(Arc::new(result)), true))
        };
        let trims = matches!(self.op, BinaryOp::TrimUpper | BinaryOp::TrimLower);
        match (lhs, rhs) {
            (Cell::Float(_), Cell::Float(_)) if trims => self.incompatible("float", "float", notes),
            (Cell::Float(a), Cell::Float(b)) => {
                let (value, keep) = of_floats(self.op, a, b);
                Some((OwnedCell::Float(value), keep))
            }
            (Cell::Float(factor), Cell::Histogram(histogram)) => match self.op {
                BinaryOp::Mul => scaled(histogram, &|h| {
                    h.mul(factor);
                    h.compact();
                }),
                _ => self.incompatible("float", "histogram", notes),
            },
            (Cell::Histogram(histogram), Cell::Float(number)) => match self.op {
                BinaryOp::Mul => scaled(histogram, &|h| {
                    h.mul(number);
                    h.compact();
                }),
                BinaryOp::Div => scaled(histogram, &|h| {
                    h.div(number);
                    h.compact();
                }),
                BinaryOp::TrimUpper => scaled(histogram, &|h| h.trim(number, true)),
                BinaryOp::TrimLower => scaled(histogram, &|h| h.trim(number, false)),
                _ => self.incompatible("histogram", "float", notes),
            },
            (Cell::Histogram(a), Cell::Histogram(b)) => match self.op {
                BinaryOp::Add | BinaryOp::Sub => self.combine(a, b, notes),
                BinaryOp::Equal => Some((OwnedCell::Histogram(Arc::clone(a)), a.equals(b))),
                BinaryOp::NotEqual => Some((OwnedCell::Histogram(Arc::clone(a)), !a.equals(b))),
                _ => self.incompatible("histogram", "histogram", notes),
            },
            (Cell::Absent, _) | (_, Cell::Absent) => None,
        }
    }

    fn combine(&self, a: &FloatHistogram, b: &FloatHistogram, notes: &mut Annotations) -> Answer {
        let mut result = a.clone();
        let (combined, operation) = if self.op == BinaryOp::Add {
            (result.add(b), HistogramOperation::Addition)
        } else {
            (result.sub(b), HistogramOperation::Subtraction)
        };
        let Ok(combined) = combined else {
            notes.add(Annotation::incompatible_bucket_layout(
                self.op.as_str(),
                self.range,
            ));
            return None;
        };
        if self.op == BinaryOp::Sub {
            result.counter_reset = CounterReset::Gauge;
        }
        if combined.counter_reset_collision {
            notes.add(Annotation::counter_reset_collision(self.range, operation));
            return None;
        }
        if combined.bounds_reconciled {
            notes.add(Annotation::mismatched_custom_buckets(self.range, operation));
        }
        result.compact();
        Some((OwnedCell::Histogram(Arc::new(result)), true))
    }

    /// Turns the answer for an element of a vector into a cell.
    fn cell(&self, answer: Answer) -> OwnedCell {
        match answer {
            None => OwnedCell::Absent,
            Some((_, keep)) if self.return_bool => OwnedCell::Float(f64::from(u8::from(keep))),
            Some((cell, true)) => cell,
            Some((_, false)) => OwnedCell::Absent,
        }
    }

    /// The operator between two columns.
    fn of_columns(&self, lhs: &Column, rhs: &Column, notes: &mut Annotations) -> Column {
        let trims = matches!(self.op, BinaryOp::TrimUpper | BinaryOp::TrimLower);
        if lhs.is_floats() && rhs.is_floats() && !trims {
            return Column::of(self.of_slices(&lhs.values, &rhs.values));
        }
        let mut out = Column::default();
        out.values.reserve(lhs.values.len());
        for step in 0..lhs.values.len() {
            let answer = self.of_cells(lhs.cell(step), rhs.cell(step), notes);
            out.push_owned(self.cell(answer));
        }
        out
    }

    fn of_slices(&self, lhs: &[f64], rhs: &[f64]) -> Vec<f64> {
        // The operator is matched once, outside of the loop.
        macro_rules! each {
            ($op:expr) => {{
                let pairs = lhs.iter().zip(rhs);
                if self.return_bool {
                    pairs
                        .map(|(&a, &b)| {
                            if is_absent(a) || is_absent(b) {
                                ABSENT
                            } else {
                                f64::from(u8::from(of_floats($op, a, b).1))
                            }
                        })
                        .collect()
                } else {
                    pairs
                        .map(|(&a, &b)| {
                            if is_absent(a) || is_absent(b) {
                                return ABSENT;
                            }
                            let (value, keep) = of_floats($op, a, b);
                            if keep { guard(value) } else { ABSENT }
                        })
                        .collect()
                }
            }};
        }
        match self.op {
            BinaryOp::Add => each!(BinaryOp::Add),
            BinaryOp::Sub => each!(BinaryOp::Sub),
            BinaryOp::Mul => each!(BinaryOp::Mul),
            BinaryOp::Div => each!(BinaryOp::Div),
            op => each!(op),
        }
    }
}

/// An operator between a vector and a scalar.
#[derive(Debug)]
pub(crate) struct ScalarSide {
    operation: Operation,
    scalar: Vec<f64>,
    /// Whether the scalar stands on the left.
    is_left: bool,
}

impl ScalarSide {
    pub(crate) fn new(node: &BinaryNode, scalar: Vec<f64>, is_left: bool) -> Self {
        Self {
            operation: Operation {
                op: node.op,
                return_bool: node.return_bool,
                range: node.range,
            },
            scalar,
            is_left,
        }
    }

    pub(crate) fn drops_name(&self) -> bool {
        self.operation.return_bool || changes_metric(self.operation.op)
    }

    pub(crate) fn apply(&self, column: &mut Column, notes: &mut Annotations) {
        let Operation {
            op, return_bool, ..
        } = self.operation;
        let trims = matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower);
        if column.is_floats() && !trims {
            // A comparison always keeps the vector's value, whichever side it is on.
            for (value, &scalar) in column.values.iter_mut().zip(&self.scalar) {
                if is_absent(*value) {
                    continue;
                }
                let (result, keep) = if self.is_left {
                    of_floats(op, scalar, *value)
                } else {
                    of_floats(op, *value, scalar)
                };
                *value = if return_bool {
                    f64::from(u8::from(keep))
                } else if !keep {
                    ABSENT
                } else if op.is_comparison() {
                    *value
                } else {
                    guard(result)
                };
            }
            return;
        }
        let scalar = &self.scalar;
        let out = column.map_cells(|step, cell| {
            let number = Cell::Float(scalar[step]);
            let answer = if self.is_left {
                self.operation.of_cells(number, cell, notes)
            } else {
                self.operation.of_cells(cell, number, notes)
            };
            match (self.operation.cell(answer), cell) {
                (OwnedCell::Absent, _) => OwnedCell::Absent,
                (_, Cell::Float(value)) if op.is_comparison() && !return_bool => {
                    OwnedCell::Float(value)
                }
                (result, _) => result,
            }
        });
        *column = out;
    }
}

/// The series of both sides that have a signature.
#[derive(Debug, Default)]
struct MatchGroup {
    left: Vec<u32>,
    right: Vec<u32>,
}

fn keeps(matching: &VectorMatching, name: &str) -> bool {
    let named = matching.labels.iter().any(|label| label == name);
    if matching.on {
        named
    } else {
        !named && name != METRIC_NAME
    }
}

fn match_labels(labels: &Labels, matching: &VectorMatching) -> Labels {
    labels.filter(|name| keeps(matching, name))
}

fn groups(left: &[Series], right: &[Series], matching: &VectorMatching) -> Vec<MatchGroup> {
    let mut keys = Keys::default();
    let mut groups: Vec<MatchGroup> = Vec::with_capacity(left.len().max(right.len()));
    let mut group_of = |labels: &Labels, groups: &mut Vec<MatchGroup>| {
        let (number, is_new) = keys.number(labels, |name| keeps(matching, name));
        if is_new {
            groups.push(MatchGroup::default());
        }
        number as usize
    };
    for (index, one) in left.iter().enumerate() {
        let group = group_of(&one.labels, &mut groups);
        groups[group].left.push(index as u32);
    }
    for (index, one) in right.iter().enumerate() {
        let group = group_of(&one.labels, &mut groups);
        groups[group].right.push(index as u32);
    }
    groups
}

/// At which steps any of some series has a value.
fn presence(series: &[Series], indices: &[u32], count: usize) -> Vec<bool> {
    let mut present = vec![false; count];
    for &index in indices {
        let values = &series[index as usize].column.values;
        for (present, value) in present.iter_mut().zip(values) {
            *present |= !is_absent(*value);
        }
    }
    present
}

impl Query<'_> {
    /// An operator between two vectors.
    pub(crate) fn vectors(&self, node: &BinaryNode, grid: Grid) -> Result<Vec<Series>, QueryError> {
        let left = self.vector(&node.lhs, grid)?;
        let right = self.vector(&node.rhs, grid)?;
        let default = VectorMatching::default();
        let matching = node.matching.as_ref().unwrap_or(&default);
        let held: u64 = left.iter().chain(&right).map(|s| s.column.weight()).sum();
        let out = if node.op.is_set() {
            set_operation(node.op, left, right, matching, grid)?
        } else {
            let mut join = Join {
                query: self,
                operation: Operation {
                    op: node.op,
                    return_bool: node.return_bool,
                    range: node.range,
                },
                matching,
                grid,
                notes: Annotations::default(),
                out: Vec::new(),
            };
            join.run(left, right)?;
            let Join { notes, mut out, .. } = join;
            self.note(notes);
            out.retain(|one| !one.column.is_empty());
            if matching.card == MatchCardinality::OneToOne
                && matching.fill.left.is_none()
                && matching.fill.right.is_none()
            {
                // Each result has the labels of its signature, so that no two are the same.
                out
            } else {
                matching::merged(out)?
            }
        };
        self.limits.release(held);
        self.limits
            .hold(out.iter().map(|s| s.column.weight()).sum())?;
        Ok(out)
    }
}

fn set_operation(
    op: BinaryOp,
    mut left: Vec<Series>,
    mut right: Vec<Series>,
    matching: &VectorMatching,
    grid: Grid,
) -> Result<Vec<Series>, QueryError> {
    let groups = groups(&left, &right, matching);
    let (masked, masking) = if op == BinaryOp::Or {
        (&mut right, &left)
    } else {
        (&mut left, &right)
    };
    for group in &groups {
        let (mask_from, apply_to) = if op == BinaryOp::Or {
            (&group.left, &group.right)
        } else {
            (&group.right, &group.left)
        };
        if apply_to.is_empty() {
            continue;
        }
        let wanted = op == BinaryOp::And;
        if mask_from.is_empty() {
            if wanted {
                for &index in apply_to {
                    masked[index as usize].column = Column::absent(grid.count);
                }
            }
            continue;
        }
        let present = presence(masking, mask_from, grid.count);
        for &index in apply_to {
            masked[index as usize]
                .column
                .retain(|step| present[step] == wanted);
        }
    }
    if op == BinaryOp::Or {
        left.extend(right);
    }
    left.retain(|one| !one.column.is_empty());
    matching::merged(left)
}

/// An arithmetic or comparison operator between two vectors at work.
struct Join<'a, 'q> {
    query: &'a Query<'q>,
    operation: Operation,
    matching: &'a VectorMatching,
    grid: Grid,
    notes: Annotations,
    out: Vec<Series>,
}

impl Join<'_, '_> {
    fn run(&mut self, left: Vec<Series>, right: Vec<Series>) -> Result<(), QueryError> {
        let fills = self.matching.fill.left.is_some() || self.matching.fill.right.is_some();
        if (left.is_empty() || right.is_empty()) && !fills {
            return Ok(());
        }
        // "Many" is on the left from here on; the operands change places again when computing.
        let swapped = self.matching.card == MatchCardinality::OneToMany;
        let (many, one) = if swapped {
            (right, left)
        } else {
            (left, right)
        };
        let groups = groups(&many, &one, self.matching);
        self.out.reserve(many.len());
        for group in &groups {
            self.query.limits.check()?;
            match (group.left.as_slice(), group.right.as_slice()) {
                (&[l], &[r]) if !fills => {
                    let (l, r) = (&many[l as usize], &one[r as usize]);
                    let column = self.columns(&l.column, &r.column);
                    let labels = self.labels(&l.labels, &r.labels);
                    self.push(labels, column)?;
                }
                ([], _) | (_, []) if !fills => {}
                _ => self.group(group, &many, &one)?,
            }
        }
        // Duplicates on the "one" side are an error even where nothing matches them.
        for group in groups
            .iter()
            .filter(|g| g.left.is_empty() && g.right.len() > 1)
        {
            self.one_side(group, &many, &one)?;
        }
        Ok(())
    }

    fn push(&mut self, labels: Labels, column: Column) -> Result<(), QueryError> {
        let one = Series {
            labels,
            drop_name: self.operation.return_bool,
            column,
        };
        self.query.limits.memory.hold(one.memory_bytes())?;
        self.out.push(one);
        Ok(())
    }

    fn columns(&mut self, many: &Column, one: &Column) -> Column {
        if self.matching.card == MatchCardinality::OneToMany {
            self.operation.of_columns(one, many, &mut self.notes)
        } else {
            self.operation.of_columns(many, one, &mut self.notes)
        }
    }

    /// The labels of a result.
    fn labels(&self, many: &Labels, one: &Labels) -> Labels {
        let matching = self.matching;
        // The name goes away with arithmetic at once, even where removal is delayed elsewhere.
        let drops = changes_metric(self.operation.op)
            || (self.operation.return_bool && !self.query.features.delayed_name_removal);
        let one_to_one = matching.card == MatchCardinality::OneToOne;
        let base = many.filter(|name| {
            if drops && matching::is_metadata(name) {
                return false;
            }
            if !one_to_one {
                return true;
            }
            matching.labels.iter().any(|label| label == name) == matching.on
        });
        if matching.include.is_empty() {
            return base;
        }
        let mut builder = base.to_builder();
        for name in &matching.include {
            builder.set(name, one.get(name).unwrap_or(""));
        }
        builder.build()
    }

    /// The "one" side of a group as one column, and which series each step is from.
    fn one_side(
        &self,
        group: &MatchGroup,
        many: &[Series],
        one: &[Series],
    ) -> Result<(Column, Vec<u32>), QueryError> {
        let count = self.grid.count;
        let mut owner = vec![u32::MAX; count];
        let mut column = Column::default();
        for &index in &group.right {
            let values = &one[index as usize].column.values;
            for (step, value) in values.iter().enumerate() {
                if is_absent(*value) {
                    continue;
                }
                if owner[step] != u32::MAX {
                    // Nothing is joined at a step at which the other side is empty.
                    if many.iter().any(|m| m.column.is_present(step)) {
                        return Err(
                            self.duplicates(&one[owner[step] as usize], &one[index as usize])
                        );
                    }
                    continue;
                }
                owner[step] = index;
            }
        }
        for (step, &index) in owner.iter().enumerate() {
            match one.get(index as usize) {
                Some(series) => column.push(series.column.cell(step)),
                None => column.values.push(ABSENT),
            }
        }
        Ok((column, owner))
    }

    fn duplicates(&self, a: &Series, b: &Series) -> QueryError {
        let group = match_labels(&a.labels, self.matching);
        let side = if self.matching.card == MatchCardinality::OneToMany {
            "left"
        } else {
            "right"
        };
        let shown = |labels| ShortLabels(labels).to_string();
        let (mut first, mut second) = (shown(&a.labels), shown(&b.labels));
        if first > second {
            std::mem::swap(&mut first, &mut second);
        }
        QueryError::Execution(format!(
            "found duplicate series for the match group {} on the {side} hand-side of the operation: [{first}, {second}];many-to-many matching not allowed: matching labels must be unique on one side",
            ShortLabels(&group)
        ))
    }

    /// A group with several series on a side, or with values to fill in.
    fn group(
        &mut self,
        group: &MatchGroup,
        many: &[Series],
        one: &[Series],
    ) -> Result<(), QueryError> {
        let count = self.grid.count;
        let fill = self.matching.fill;
        let (fill_many, fill_one) = (fill.left, fill.right);
        let (one_column, owner) = self.one_side(group, many, one)?;
        let one_to_one = self.matching.card == MatchCardinality::OneToOne;
        // How many of the "many" side were joined at each step.
        let mut joined = vec![false; count];
        let mut results: Vec<(Labels, Vec<bool>)> = Vec::new();
        for &index in &group.left {
            let series = &many[index as usize];
            let present = |step: usize| series.column.is_present(step);
            let matched: Vec<bool> = (0..count)
                .map(|step| present(step) && (one_column.is_present(step) || fill_one.is_some()))
                .collect();
            if one_to_one {
                let twice = (0..count).any(|step| matched[step] && joined[step]);
                if twice {
                    return Err(QueryError::Execution(
                        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
                            .to_owned(),
                    ));
                }
            }
            let mut owners: Vec<u32> = (0..count)
                .filter(|&step| present(step))
                .map(|step| owner[step])
                .collect();
            owners.sort_unstable();
            owners.dedup();
            for from in owners {
                let at = |step: usize| present(step) && owner[step] == from;
                let (labels, other) = match one.get(from as usize) {
                    Some(partner) => {
                        let mut other = partner.column.clone();
                        other.retain(at);
                        (self.labels(&series.labels, &partner.labels), other)
                    }
                    None => {
                        let Some(value) = fill_one else { continue };
                        let values = (0..count).map(|s| if at(s) { value } else { ABSENT });
                        let partner = match_labels(&series.labels, self.matching);
                        (
                            self.labels(&series.labels, &partner),
                            Column::of(values.collect()),
                        )
                    }
                };
                if !one_to_one {
                    self.unique_result(&labels, &mut results, count, at)?;
                }
                let column = self.columns(&series.column, &other);
                self.push(labels, column)?;
            }
            for (joined, matched) in joined.iter_mut().zip(matched) {
                *joined |= matched;
            }
        }
        if let Some(value) = fill_many {
            for &index in &group.right {
                let partner = &one[index as usize];
                let unmatched = |step: usize| partner.column.is_present(step) && !joined[step];
                if !(0..count).any(unmatched) {
                    continue;
                }
                let values = (0..count).map(|s| if unmatched(s) { value } else { ABSENT });
                let filled = Column::of(values.collect());
                let many_labels = match_labels(&partner.labels, self.matching);
                let labels = self.labels(&many_labels, &partner.labels);
                let column = self.columns(&filled, &partner.column);
                self.push(labels, column)?;
            }
        }
        Ok(())
    }

    /// Fails where two results of a group have the same labels at the same step.
    fn unique_result(
        &self,
        labels: &Labels,
        results: &mut Vec<(Labels, Vec<bool>)>,
        count: usize,
        at: impl Fn(usize) -> bool,
    ) -> Result<(), QueryError> {
        let found = results.iter_mut().find(|result| result.0 == *labels);
        let Some((_, steps)) = found else {
            results.push((labels.clone(), (0..count).map(at).collect()));
            return Ok(());
        };
        for (step, taken) in steps.iter_mut().enumerate() {
            if !at(step) {
                continue;
            }
            if *taken {
                return Err(QueryError::Execution(
                    "multiple matches for labels: grouping labels must ensure unique matches"
                        .to_owned(),
                ));
            }
            *taken = true;
        }
        Ok(())
    }
}
