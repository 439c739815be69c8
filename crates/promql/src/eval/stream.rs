//! Columns of many series, one after the other, on all threads.
//!
//! ## Model
//! A [`Stream`] is a source of columns (a selector, a function over windows) and the elementwise
//! steps after it. [`Query::run`] produces each column in a buffer and hands it to a sink: a list,
//! or an aggregation that never keeps it.
//!
//! ## Invariants
//! Each thread takes one run of neighbouring series, and the results come back in order: the same
//! query on the same number of threads adds up in the same order.

use bellwether_model::{Labels, TimeRange};
use bellwether_storage::Samples;
use rayon::prelude::*;

use super::Query;
use super::binary::ScalarSide;
use super::column::{Column, Grid, OwnedCell, Series};
use super::functions::MapFn;
use super::limits::Limits;
use super::matching;
use super::plan::{Lookup, Node, RangeCall, RangeSource};
use super::range_call::Windows;
use super::window::PointsBuffer;
use crate::annotations::Annotations;
use crate::{Annotation, QueryError};

/// Below this many cells the start of another thread costs more than it saves. Measured: waking a
/// worker costs about 10 µs, a cell 5 to 50 ns.
const PARALLEL_CELLS_MIN: usize = 8_192;

/// Where columns come from.
#[derive(Debug)]
enum Source<'p> {
    Select(&'p Lookup),
    Timestamp(&'p Lookup, bool),
    Windows(Windows<'p>, &'p RangeCall, Option<&'p Lookup>),
    /// A vector that is there already.
    Series(Vec<Series>),
}

/// What is done to each column.
#[derive(Debug)]
enum Stage {
    Map(MapFn, Vec<Vec<f64>>),
    Negate,
    Scalar(ScalarSide),
}

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Stream<'p> {
    source: Source<'p>,
    /// Series of a subquery, for windows over one.
    subquery: Vec<(Labels, bool, Samples)>,
    stages: Vec<Stage>,
    /// Whether the function takes the name away.
    drops_name: bool,
    /// Whether dropping the name cannot make two series the same.
    unique: bool,
    /// Whether two series that became the same are an error even where they never meet.
    strict: bool,
}

/// The memory that a thread uses again for each series.
#[derive(Debug, Default)]
struct Scratch {
    samples: Samples,
    points: PointsBuffer,
    column: Column,
    notes: Annotations,
    /// The metric that was last found not to be named like a counter.
    noted_name: String,
    /// Bytes of it that are counted.
    held: u64,
}

impl Scratch {
    /// Counts what it has grown by. It is as large as the largest series made it.
    fn hold(&mut self, limits: &Limits) -> Result<(), QueryError> {
        let (samples, values) = (&self.samples, &self.column.values);
        let numbers = samples.times_ms.capacity() + samples.values.capacity() + values.capacity();
        let bytes = (numbers * 8 + self.points.memory_bytes()) as u64;
        let grown = bytes.saturating_sub(self.held);
        self.held += grown;
        limits.memory.hold(grown)
    }
}

impl Query<'_> {
    /// The stream that a node stands for; nodes that are none become one of their result.
    pub(crate) fn stream<'p>(&self, node: &'p Node, grid: Grid) -> Result<Stream<'p>, QueryError> {
        Ok(match node {
            Node::Select(lookup) => Stream {
                unique: self.selected[lookup.slot].one_name(),
                ..Stream::new(Source::Select(lookup))
            },
            Node::Timestamp(lookup, starts) => Stream {
                drops_name: true,
                unique: self.selected[lookup.slot].one_name(),
                ..Stream::new(Source::Timestamp(lookup, *starts))
            },
            Node::Range(call) if call.function != super::functions::RangeFn::AbsentOverTime => {
                self.window_stream(call, grid)?
            }
            Node::Map(function, inner, args) if !self.is_scalar(inner) => {
                let args = args
                    .iter()
                    .map(|arg| self.scalar(arg, grid))
                    .collect::<Result<Vec<_>, _>>()?;
                self.stream(inner, grid)?
                    .then(Stage::Map(*function, args), true)
            }
            Node::Negate(inner) if !self.is_scalar(inner) => {
                self.stream(inner, grid)?.then(Stage::Negate, true)
            }
            Node::Binary(binary) if self.is_scalar(&binary.rhs) && !self.is_scalar(&binary.lhs) => {
                let side = ScalarSide::new(binary, self.scalar(&binary.rhs, grid)?, false);
                let drops = side.drops_name();
                self.stream(&binary.lhs, grid)?
                    .then(Stage::Scalar(side), drops)
            }
            Node::Binary(binary) if self.is_scalar(&binary.lhs) && !self.is_scalar(&binary.rhs) => {
                let side = ScalarSide::new(binary, self.scalar(&binary.lhs, grid)?, true);
                let drops = side.drops_name();
                self.stream(&binary.rhs, grid)?
                    .then(Stage::Scalar(side), drops)
            }
            Node::Range(call) => Stream::new(Source::Series(self.absent_over_time(call, grid)?)),
            other => Stream::new(Source::Series(self.vector(other, grid)?)),
        })
    }

    fn window_stream<'p>(&self, call: &'p RangeCall, grid: Grid) -> Result<Stream<'p>, QueryError> {
        let windows = self.windows(call, grid)?;
        let mut stream = match &call.source {
            RangeSource::Selector(lookup) => Stream {
                unique: self.selected[lookup.slot].one_name(),
                ..Stream::new(Source::Windows(windows, call, Some(lookup)))
            },
            RangeSource::Subquery(subquery) => {
                let series = self.subquery(subquery, grid, true)?;
                let mut names = series.iter().map(|one| one.0.metric_name());
                let first = names.next();
                Stream {
                    unique: names.all(|name| Some(name) == first),
                    subquery: series,
                    ..Stream::new(Source::Windows(windows, call, None))
                }
            }
        };
        stream.drops_name = !call.function.keeps_name();
        stream.strict = true;
        Ok(stream)
    }

    /// All columns of a node that is a stream, as series.
    pub(crate) fn eval_stream(&self, node: &Node, grid: Grid) -> Result<Vec<Series>, QueryError> {
        let stream = self.stream(node, grid)?;
        self.collect(stream, grid)
    }

    fn collect(&self, stream: Stream<'_>, grid: Grid) -> Result<Vec<Series>, QueryError> {
        let drops = stream.drops_name;
        let delayed = self.features.delayed_name_removal;
        let (unique, strict) = (stream.unique, stream.strict);
        let expected = stream.len(self);
        let parts = self.run(
            stream,
            grid,
            || Vec::with_capacity((expected / self.threads.max(1)).min(1 << 16)),
            |part: &mut Vec<Series>, labels, drop_name, column| {
                if column.is_empty() {
                    return Ok(());
                }
                self.limits.hold(column.weight())?;
                let bytes = size_of::<Series>() + labels.as_bytes().len();
                self.limits
                    .memory
                    .hold(bytes as u64 + column.memory_bytes())?;
                let labels = if drops && !delayed {
                    matching::without_metadata(labels)
                } else {
                    labels.clone()
                };
                let histograms = std::mem::take(&mut column.histograms);
                // The buffer is as large as the grid: an exact copy keeps nothing to spare.
                let values = column.values.as_slice().to_vec();
                part.push(Series {
                    labels,
                    drop_name,
                    column: Column { values, histograms },
                });
                Ok(())
            },
        )?;
        let mut parts = parts.into_iter();
        let mut series = parts.next().unwrap_or_default();
        for part in parts {
            series.extend(part);
        }
        if !drops || unique || delayed {
            return Ok(series);
        }
        if strict {
            if matching::has_duplicates(&series) {
                return Err(matching::same_labelset());
            }
            return Ok(series);
        }
        matching::merged(series)
    }

    /// A stream of the series that another one gives: for those that must be compared first.
    pub(crate) fn settled(
        &self,
        stream: Stream<'_>,
        grid: Grid,
    ) -> Result<Stream<'static>, QueryError> {
        Ok(Stream::new(Source::Series(self.collect(stream, grid)?)))
    }

    /// Produces every column and hands it to `sink`, with the labels of the series and whether its
    /// name goes away. `start` makes what a thread collects into.
    pub(crate) fn run<T: Send>(
        &self,
        stream: Stream<'_>,
        grid: Grid,
        start: impl Fn() -> T + Sync,
        sink: impl Fn(&mut T, &Labels, bool, &mut Column) -> Result<(), QueryError> + Sync,
    ) -> Result<Vec<T>, QueryError> {
        let count = stream.len(self);
        let chunks = if count.saturating_mul(stream.cost(grid)) < PARALLEL_CELLS_MIN || count < 2 {
            1
        } else {
            self.threads.clamp(1, count)
        };
        let work = |chunk: usize| -> Result<T, QueryError> {
            let mut collected = start();
            let mut scratch = Scratch::default();
            let from = count * chunk / chunks;
            let to = count * (chunk + 1) / chunks;
            for index in from..to {
                self.limits.check()?;
                stream.produce(self, index, grid, &mut scratch)?;
                scratch.hold(&self.limits)?;
                let (labels, drop_name) = stream.labels(self, index);
                sink(&mut collected, labels, drop_name, &mut scratch.column)?;
            }
            self.note(std::mem::take(&mut scratch.notes));
            self.limits.memory.release(scratch.held);
            Ok(collected)
        };
        if chunks == 1 {
            return Ok(vec![work(0)?]);
        }
        (0..chunks).into_par_iter().map(work).collect()
    }
}

impl<'p> Stream<'p> {
    fn new(source: Source<'p>) -> Self {
        Self {
            source,
            subquery: Vec::new(),
            stages: Vec::new(),
            drops_name: false,
            unique: false,
            strict: false,
        }
    }

    fn then(mut self, stage: Stage, drops_name: bool) -> Self {
        if drops_name && !self.drops_name {
            self.drops_name = true;
            self.strict = false;
        }
        self.stages.push(stage);
        self
    }

    /// Whether an aggregation may take the columns as they come: nobody has to compare the labels
    /// of all series first.
    pub(crate) fn can_flow(&self, delayed_name_removal: bool) -> bool {
        !self.drops_name || self.unique || delayed_name_removal
    }

    pub(crate) fn drops_name(&self) -> bool {
        self.drops_name
    }

    /// How many series there may be.
    pub(crate) fn len(&self, query: &Query<'_>) -> usize {
        match &self.source {
            Source::Select(lookup) | Source::Timestamp(lookup, _) => {
                query.selected[lookup.slot].len()
            }
            Source::Windows(_, _, Some(lookup)) => query.selected[lookup.slot].len(),
            Source::Windows(..) => self.subquery.len(),
            Source::Series(series) => series.len(),
        }
    }

    /// About how many samples each series costs.
    fn cost(&self, grid: Grid) -> usize {
        match &self.source {
            Source::Windows(_, call, _) => {
                // Scrapes are mostly 15 s apart.
                let samples = (grid.end_ms() - grid.start_ms + call.window_ms) / 15_000;
                grid.count + usize::try_from(samples).unwrap_or(0) + 32
            }
            _ => grid.count + 32,
        }
    }

    fn labels<'s>(&'s self, query: &'s Query<'_>, index: usize) -> (&'s Labels, bool) {
        match &self.source {
            Source::Select(lookup) | Source::Timestamp(lookup, _) => {
                (query.selected[lookup.slot].labels(index), self.drops_name)
            }
            Source::Windows(_, _, Some(lookup)) => {
                (query.selected[lookup.slot].labels(index), self.drops_name)
            }
            Source::Windows(..) => {
                let (labels, drop_name, _) = &self.subquery[index];
                (labels, self.drops_name || *drop_name)
            }
            Source::Series(series) => {
                let one = &series[index];
                (&one.labels, self.drops_name || one.drop_name)
            }
        }
    }

    /// Fills the scratch column with the values of a series.
    fn produce(
        &self,
        query: &Query<'_>,
        index: usize,
        grid: Grid,
        scratch: &mut Scratch,
    ) -> Result<(), QueryError> {
        let Scratch {
            samples,
            points,
            column,
            notes,
            noted_name,
            held: _,
        } = scratch;
        column.clear();
        match &self.source {
            Source::Select(lookup) => {
                let selected = &query.selected[lookup.slot];
                let range = super::select::instant_range(lookup, &grid, query.lookback_ms);
                let samples =
                    selected.read(&query.limits, index, range, lookup.stats_only, samples)?;
                if lookup.extension == Some(crate::ast::RangeExtension::Smoothed) {
                    let labels = selected.labels(index);
                    super::select::smoothed_values(
                        samples,
                        labels,
                        lookup,
                        &grid,
                        query.lookback_ms,
                        column,
                        notes,
                    );
                } else {
                    super::select::newest_values(samples, lookup, &grid, query.lookback_ms, column);
                }
                query.count_cells(&grid, column);
            }
            Source::Timestamp(lookup, starts) => {
                if *starts && !query.features.use_start_timestamps {
                    *column = Column::absent(grid.count);
                    return Ok(());
                }
                let selected = &query.selected[lookup.slot];
                let range = super::select::instant_range(lookup, &grid, query.lookback_ms);
                let samples =
                    selected.read(&query.limits, index, range, lookup.stats_only, samples)?;
                super::select::newest_times(
                    samples,
                    lookup,
                    &grid,
                    query.lookback_ms,
                    *starts,
                    column,
                );
                query.count_cells(&grid, column);
            }
            Source::Windows(windows, call, lookup) => {
                let (samples, labels): (&Samples, &Labels) = match lookup {
                    Some(lookup) => {
                        let selected = &query.selected[lookup.slot];
                        let range: TimeRange = windows.shape.range(&grid);
                        (
                            selected.read(
                                &query.limits,
                                index,
                                range,
                                lookup.stats_only,
                                samples,
                            )?,
                            selected.labels(index),
                        )
                    }
                    None => (&self.subquery[index].2, &self.subquery[index].0),
                };
                let points = points.points(samples, windows.uses_starts);
                windows.fill(query, &points, labels, &grid, column, notes)?;
                note_non_counter(query, call, labels, column, notes, noted_name);
            }
            Source::Series(series) => column.clone_from(&series[index].column),
        }
        for stage in &self.stages {
            match stage {
                Stage::Map(function, args) => {
                    function.apply(column, args, |step| grid.time(step) as f64 / 1000.0);
                }
                Stage::Negate => negate(column),
                Stage::Scalar(side) => side.apply(column, notes),
            }
        }
        Ok(())
    }
}

impl Query<'_> {
    fn count_cells(&self, grid: &Grid, column: &Column) {
        self.limits.count(column.weight());
        if self.per_step.is_some() {
            for step in (0..column.values.len()).filter(|&step| column.is_present(step)) {
                self.count_step(grid, step, 1);
            }
        }
    }
}

fn negate(column: &mut Column) {
    if column.is_floats() {
        column.map_floats(|x| -x);
        return;
    }
    *column = column.map_cells(|_, cell| match cell {
        super::column::Cell::Float(value) => OwnedCell::Float(-value),
        super::column::Cell::Histogram(histogram) => {
            let mut negative = bellwether_model::FloatHistogram::clone(histogram);
            negative.mul(-1.0);
            OwnedCell::Histogram(std::sync::Arc::new(negative))
        }
        super::column::Cell::Absent => OwnedCell::Absent,
    });
}

/// Says so where `rate` or `increase` is taken of something that is not named or typed as a
/// counter.
fn note_non_counter(
    query: &Query<'_>,
    call: &RangeCall,
    labels: &Labels,
    column: &Column,
    notes: &mut Annotations,
    noted_name: &mut String,
) {
    use super::functions::RangeFn;
    if !matches!(call.function, RangeFn::Rate | RangeFn::Increase) {
        return;
    }
    let name = labels.metric_name();
    if name.is_empty() || name == noted_name {
        return;
    }
    if query.features.type_and_unit_labels {
        let kind = labels.get("__type__").unwrap_or("");
        if kind == "counter" || kind == "histogram" || !has_float(column) {
            return;
        }
        notes.add(Annotation::possible_non_counter_label(
            name,
            kind,
            call.first_range,
        ));
        return;
    }
    let counter = ["_total", "_sum", "_count", "_bucket"]
        .iter()
        .any(|suffix| name.ends_with(suffix));
    if counter || !has_float(column) {
        return;
    }
    notes.add(Annotation::possible_non_counter(name, call.first_range));
    name.clone_into(noted_name);
}

fn has_float(column: &Column) -> bool {
    let present = column
        .values
        .iter()
        .filter(|v| !super::column::is_absent(**v));
    present.count() > column.histograms.len()
}
