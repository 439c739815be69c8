//! Evaluating one node at all steps.

use bellwether_model::Labels;
use bellwether_storage::Samples;

use super::column::{Cell, Column, Grid, OwnedCell, Series, is_absent};
use super::functions::DatePart;
use super::matching;
use super::plan::{CallNode, Node, SubqueryNode};
use super::{Query, sort, to_samples};
use crate::{Annotation, QueryError};

/// What a node evaluates to.
#[derive(Debug)]
pub(crate) enum Output {
    /// A number at each step.
    Scalar(Vec<f64>),
    Vector(Vec<Series>),
    String(String),
    /// Samples at times of their own; whether the name goes away at the end.
    Matrix(Vec<(Labels, bool, Samples)>),
}

impl Output {
    /// About how many bytes of memory it takes.
    fn memory_bytes(&self) -> u64 {
        match self {
            Self::Scalar(values) => values.len() as u64 * 8,
            Self::Vector(series) => series.iter().map(Series::memory_bytes).sum(),
            Self::String(text) => text.len() as u64,
            Self::Matrix(series) => matrix_bytes(series),
        }
    }
}

fn matrix_bytes(series: &[(Labels, bool, Samples)]) -> u64 {
    let bytes = |(labels, _, samples): &(Labels, bool, Samples)| {
        size_of::<Samples>() + labels.as_bytes().len() + samples.memory_bytes()
    };
    series.iter().map(bytes).sum::<usize>() as u64
}

/// A vector of one series without labels.
fn unlabelled(values: Vec<f64>) -> Vec<Series> {
    vec![Series {
        labels: Labels::empty(),
        drop_name: false,
        column: Column::of(values),
    }]
}

impl Query<'_> {
    /// Evaluates a node at the steps of a grid.
    pub(crate) fn eval(&self, node: &Node, grid: Grid) -> Result<Output, QueryError> {
        self.limits.check()?;
        let before = self.limits.memory.held();
        let output = self.output(node, grid)?;
        self.limits.memory.settle(before, output.memory_bytes())?;
        Ok(output)
    }

    fn output(&self, node: &Node, grid: Grid) -> Result<Output, QueryError> {
        Ok(match node {
            Node::Number(value) => Output::Scalar(vec![*value; grid.count]),
            Node::String(text, _) => Output::String(text.clone()),
            Node::Time => Output::Scalar(
                (0..grid.count)
                    .map(|step| grid.time(step) as f64 / 1000.0)
                    .collect(),
            ),
            Node::Invariant(inner) => self.invariant(inner, grid)?,
            Node::Matrix(lookup, window_ms) => self.matrix(lookup, *window_ms, grid)?,
            Node::Subquery(subquery) => Output::Matrix(self.subquery(subquery, grid, false)?),
            Node::Select(_) | Node::Timestamp(..) | Node::Range(_) => {
                Output::Vector(self.eval_stream(node, grid)?)
            }
            Node::Map(_, inner, _) | Node::Negate(inner) => {
                if self.is_scalar(inner) {
                    let values = self.scalar(inner, grid)?;
                    return Ok(Output::Scalar(values.into_iter().map(|x| -x).collect()));
                }
                Output::Vector(self.eval_stream(node, grid)?)
            }
            Node::Aggregate(aggregate) => Output::Vector(self.aggregate(aggregate, grid)?),
            Node::Binary(binary) => match (&binary.lhs, &binary.rhs) {
                (lhs, rhs) if self.is_scalar(lhs) && self.is_scalar(rhs) => {
                    let lhs = self.scalar(lhs, grid)?;
                    let rhs = self.scalar(rhs, grid)?;
                    Output::Scalar(super::binary::scalars(binary.op, &lhs, &rhs))
                }
                (lhs, rhs) if self.is_scalar(lhs) || self.is_scalar(rhs) => {
                    Output::Vector(self.eval_stream(node, grid)?)
                }
                _ => Output::Vector(self.vectors(binary, grid)?),
            },
            Node::Call(call) => self.call(call, grid)?,
            Node::Info(info) => Output::Vector(self.info(info, grid)?),
        })
    }

    /// Whether a node gives a scalar.
    pub(crate) fn is_scalar(&self, node: &Node) -> bool {
        match node {
            Node::Number(_) | Node::Time => true,
            Node::Invariant(inner) | Node::Negate(inner) => self.is_scalar(inner),
            Node::Binary(binary) => self.is_scalar(&binary.lhs) && self.is_scalar(&binary.rhs),
            Node::Call(call) => matches!(call.name, "scalar" | "max_of" | "min_of"),
            _ => false,
        }
    }

    /// The numbers of a scalar node.
    pub(crate) fn scalar(&self, node: &Node, grid: Grid) -> Result<Vec<f64>, QueryError> {
        match self.eval(node, grid)? {
            Output::Scalar(values) => Ok(values),
            _ => Err(QueryError::Execution("expected a scalar".to_owned())),
        }
    }

    /// The series of a vector node.
    pub(crate) fn vector(&self, node: &Node, grid: Grid) -> Result<Vec<Series>, QueryError> {
        match self.eval(node, grid)? {
            Output::Vector(series) => Ok(series),
            Output::Scalar(values) => Ok(unlabelled(values)),
            _ => Err(QueryError::Execution(
                "expected an instant vector".to_owned(),
            )),
        }
    }

    fn invariant(&self, inner: &Node, grid: Grid) -> Result<Output, QueryError> {
        let output = self.eval(inner, grid.first())?;
        if grid.count == 1 {
            return Ok(output);
        }
        Ok(match output {
            Output::Scalar(values) => {
                Output::Scalar(vec![
                    values.first().copied().unwrap_or(f64::NAN);
                    grid.count
                ])
            }
            Output::Vector(series) => {
                let mut out = Vec::with_capacity(series.len());
                for one in series {
                    let column = one.column.broadcast(grid.count);
                    self.limits.hold(column.weight())?;
                    self.limits.memory.hold(column.memory_bytes())?;
                    out.push(Series { column, ..one });
                }
                Output::Vector(out)
            }
            other => other,
        })
    }

    /// The samples of a range selector at the only step.
    fn matrix(
        &self,
        lookup: &super::plan::Lookup,
        window_ms: i64,
        grid: Grid,
    ) -> Result<Output, QueryError> {
        let shape = super::window::WindowShape::of(lookup, window_ms, self.lookback_ms);
        let range = shape.range(&grid.first());
        let (start, end) = shape.bounds(grid.time(0));
        let selected = &self.selected[lookup.slot];
        let mut out = Vec::new();
        let mut buffer = Samples::default();
        let mut points = super::window::PointsBuffer::default();
        for index in 0..selected.len() {
            self.limits.check()?;
            let read = selected.read(&self.limits, index, range, lookup.stats_only, &mut buffer)?;
            let points = points.points(read, false);
            let mut samples;
            let inside = |times: &[i64]| {
                times.partition_point(|&t| t < range.start_ms)
                    ..times.partition_point(|&t| t <= range.end_ms)
            };
            let floats = inside(points.floats.times);
            let histograms = inside(points.histograms.times);
            if let Some(extension) = lookup.extension {
                let word = match extension {
                    crate::ast::RangeExtension::Anchored => "anchored",
                    crate::ast::RangeExtension::Smoothed => "smoothed",
                };
                if !histograms.is_empty() {
                    return Err(QueryError::Execution(format!(
                        "{word} modifier is not supported with histograms"
                    )));
                }
                samples = Samples::default();
                let smoothed = extension == crate::ast::RangeExtension::Smoothed;
                super::rate::extended_samples(
                    &points.floats.times[floats.clone()],
                    &points.floats.values[floats],
                    (start, end),
                    smoothed,
                    &mut samples,
                );
            } else {
                samples = Samples::with_capacity(floats.len() + histograms.len());
                let mut histograms = histograms.peekable();
                for float in floats {
                    let time_ms = points.floats.times[float];
                    while let Some(at) =
                        histograms.next_if(|&at| points.histograms.times[at] < time_ms)
                    {
                        samples.push_histogram(
                            points.histograms.times[at],
                            std::sync::Arc::clone(&points.histograms.values[at]),
                        );
                    }
                    samples.push_float(time_ms, points.floats.values[float]);
                }
                for at in histograms {
                    samples.push_histogram(
                        points.histograms.times[at],
                        std::sync::Arc::clone(&points.histograms.values[at]),
                    );
                }
            }
            if !samples.is_empty() {
                self.limits.hold(samples.len() as u64)?;
                self.limits.memory.hold(samples.memory_bytes() as u64)?;
                self.limits.count(samples.len() as u64);
                self.count_step(&grid, 0, samples.len() as u64);
                out.push((selected.labels(index).clone(), false, samples));
            }
        }
        Ok(Output::Matrix(out))
    }

    /// The samples of a subquery for all steps of a grid. For functions, what histograms say of
    /// counter resets is forgotten: samples may be left out between them, or be there twice.
    pub(crate) fn subquery(
        &self,
        subquery: &SubqueryNode,
        grid: Grid,
        forget_resets: bool,
    ) -> Result<Vec<(Labels, bool, Samples)>, QueryError> {
        let reference = |time_ms: i64| {
            subquery
                .at_ms
                .unwrap_or(time_ms)
                .saturating_sub(subquery.offset_ms)
        };
        let step_ms = subquery.step_ms.max(1);
        let floor = reference(grid.time(0)).saturating_sub(subquery.window_ms);
        let end = reference(grid.end_ms());
        // The first multiple of the step after the start of the first window, by the truncating
        // division of upstream.
        let mut start = step_ms * (floor / step_ms);
        if start <= floor {
            start = start.saturating_add(step_ms);
        }
        let inner = Grid::new(start, end, step_ms);
        if inner.count == 0 {
            return Ok(Vec::new());
        }
        self.limits.peek(inner.count as u64)?;
        self.limits.memory.peek(inner.count as u64 * 8)?;
        let before = self.limits.memory.held();
        let times: Vec<i64> = (0..inner.count).map(|step| inner.time(step)).collect();
        let output = match self.eval(&subquery.node, inner)? {
            Output::Vector(series) => series,
            Output::Scalar(values) => unlabelled(values),
            Output::String(_) | Output::Matrix(_) => {
                return Err(QueryError::Execution(
                    "expected an instant vector".to_owned(),
                ));
            }
        };
        let mut out = Vec::with_capacity(output.len());
        for mut one in output {
            if forget_resets {
                for (_, histogram) in &mut one.column.histograms {
                    use bellwether_model::CounterReset;
                    if matches!(
                        histogram.counter_reset,
                        CounterReset::Reset | CounterReset::NotReset
                    ) {
                        std::sync::Arc::make_mut(histogram).counter_reset = CounterReset::Unknown;
                    }
                }
            }
            let column_bytes = one.column.memory_bytes();
            let samples = to_samples(one.column, &times);
            self.limits.memory.release(column_bytes);
            self.limits.memory.hold(samples.memory_bytes() as u64)?;
            if !samples.is_empty() {
                out.push((one.labels, one.drop_name, samples));
            }
        }
        self.limits.memory.settle(before, matrix_bytes(&out))?;
        Ok(out)
    }

    fn call(&self, call: &CallNode, grid: Grid) -> Result<Output, QueryError> {
        let arg = |index: usize| {
            call.args
                .get(index)
                .ok_or_else(|| QueryError::Execution(format!("{} needs more arguments", call.name)))
        };
        Ok(match call.name {
            "vector" => Output::Vector(unlabelled(self.scalar(arg(0)?, grid)?)),
            "scalar" => Output::Scalar(only_floats(&self.vector(arg(0)?, grid)?, grid)),
            "max_of" | "min_of" => {
                let a = self.scalar(arg(0)?, grid)?;
                let b = self.scalar(arg(1)?, grid)?;
                let pick = if call.name == "max_of" {
                    super::duration::go_max
                } else {
                    super::duration::go_min
                };
                Output::Scalar(a.into_iter().zip(b).map(|(a, b)| pick(a, b)).collect())
            }
            "absent" => {
                let series = self.vector(arg(0)?, grid)?;
                let values: Vec<f64> = (0..grid.count)
                    .map(|step| {
                        if series.iter().any(|one| one.column.is_present(step)) {
                            super::column::ABSENT
                        } else {
                            1.0
                        }
                    })
                    .collect();
                if values.iter().all(|v| is_absent(*v)) {
                    return Ok(Output::Vector(Vec::new()));
                }
                Output::Vector(vec![Series {
                    labels: call.absent_labels.clone(),
                    drop_name: false,
                    column: Column::of(values),
                }])
            }
            "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => {
                Output::Vector(self.sort(call, grid)?)
            }
            "label_replace" => Output::Vector(self.label_replace(call, grid)?),
            "label_join" => Output::Vector(self.label_join(call, grid)?),
            "binomial_tail" => Output::Vector(self.binomial_tail(call, grid)?),
            "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => {
                Output::Vector(self.histogram_function(call, grid)?)
            }
            name => match DatePart::find(name) {
                Some(part) => Output::Vector(unlabelled(
                    (0..grid.count)
                        .map(|step| part.of(grid.time(step).div_euclid(1000)))
                        .collect(),
                )),
                None => {
                    return Err(QueryError::Execution(format!("unknown function {name}")));
                }
            },
        })
    }

    fn sort(&self, call: &CallNode, grid: Grid) -> Result<Vec<Series>, QueryError> {
        let Some(vector) = call.args.first() else {
            return Ok(Vec::new());
        };
        let mut series = self.vector(vector, grid)?;
        if grid.count != 1 {
            self.annotations
                .lock()
                .add(Annotation::sort_in_range_query(call.range));
        }
        let by_value = !call.name.starts_with("sort_by_label");
        if by_value {
            for one in &mut series {
                if !one.column.is_floats() {
                    one.column = one.column.map_cells(|_, cell| match cell {
                        Cell::Float(value) => OwnedCell::Float(value),
                        _ => OwnedCell::Absent,
                    });
                }
            }
            series.retain(|one| !one.column.is_empty());
        }
        if grid.count == 1 {
            let value = |one: &Series| one.column.values[0];
            match call.name {
                "sort" => series.sort_by(|a, b| sort::ascending(value(a), value(b))),
                "sort_desc" => series.sort_by(|a, b| sort::descending(value(a), value(b))),
                name => {
                    let by = label_names(call);
                    series.sort_by(|a, b| {
                        let by_names = by.iter().map(|label| {
                            let of = |one: &Series| one.labels.get(label).unwrap_or("").to_owned();
                            sort::natural(&of(a), &of(b))
                        });
                        let order = by_names
                            .fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
                            .then_with(|| a.labels.cmp(&b.labels));
                        if name == "sort_by_label" {
                            order
                        } else {
                            order.reverse()
                        }
                    });
                }
            }
        }
        matching::merged(series)
    }
}

fn label_names(call: &CallNode) -> Vec<&str> {
    call.args
        .iter()
        .skip(1)
        .filter_map(|arg| match arg {
            Node::String(name, _) => Some(name.as_str()),
            _ => None,
        })
        .collect()
}

/// The only float of each step, NaN where there is none or more than one.
fn only_floats(series: &[Series], grid: Grid) -> Vec<f64> {
    (0..grid.count)
        .map(|step| {
            let mut floats = series.iter().filter_map(|one| match one.column.cell(step) {
                Cell::Float(value) => Some(value),
                _ => None,
            });
            match (floats.next(), floats.next()) {
                (Some(value), None) => value,
                _ => f64::NAN,
            }
        })
        .collect()
}
