//! The evaluator: columns over steps.
//!
//! ## Model
//! A query is compiled to a plan once (`plan`). Each node of it gives its value at *all* steps at once:
//! a scalar is a slice of numbers, a vector a list of series with a column each (`column`). So
//! a series is found, read and labelled once a query, never once a step, and most work is a loop over
//! a slice. An instant query is the same with one step.
//!
//! Functions over windows read a series once and slide over it (`window`, `rate`, `over_time`).
//! Aggregations of selectors and such functions take each column as it is produced, so that
//! `sum by (x) (rate(m[5m]))` never holds more than one column a thread (`stream`).
//!
//! ## Invariants
//! Answers do not depend on the number of threads but for the last digits of sums.
//!
//! ## Limits
//! Samples and bytes held, time, and cancellation are checked for each series (`limits`). A node
//! counts what it holds while it works; when it is done only its result counts.

mod aggregate;
mod binary;
mod column;
mod duration;
mod functions;
mod histogram_fn;
mod info;
mod labels_fn;
mod limits;
mod matching;
mod node;
mod over_time;
mod plan;
mod prediction;
mod quantile;
mod range_call;
mod rate;
mod select;
mod sort;
mod stream;
mod tail;
mod topk;
mod window;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bellwether_model::Value;
use bellwether_storage::{MetricStore, Samples};
use parking_lot::Mutex;

use self::column::{Cell, Column, Grid, Series};
use self::duration::DurationContext;
use self::limits::Limits;
use self::node::Output;
use self::plan::Planner;
use self::select::Selected;
use crate::ast::{Expr, ValueType};
use crate::{
    Annotations, EngineOptions, Features, HeldMemory, MatrixSeries, ParseError, QueryError,
    QueryOutcome, QueryRequest, QueryStats, QueryValue, VectorSample,
};

/// Evaluates queries. Cheap to share; holds no state between queries.
#[derive(Debug)]
pub struct Engine {
    options: EngineOptions,
    threads: usize,
}

/// A query that was read once, to be evaluated again and again.
#[derive(Debug, Clone)]
pub struct Prepared {
    text: Arc<str>,
    expr: Arc<Expr>,
}

impl Prepared {
    /// The query as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its tree.
    #[must_use]
    pub fn expr(&self) -> &Expr {
        &self.expr
    }
}

/// Everything that the nodes of one running query share.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    pub(crate) store: &'a dyn MetricStore,
    pub(crate) features: Features,
    pub(crate) lookback_ms: i64,
    pub(crate) limits: Limits,
    pub(crate) selected: Vec<Selected>,
    pub(crate) threads: usize,
    /// What was noteworthy so far.
    pub(crate) annotations: Mutex<Annotations>,
    /// The steps of the query, and how many samples each has looked at, where that was asked for.
    pub(crate) per_step: Option<(Grid, Vec<AtomicU64>)>,
}

impl Query<'_> {
    /// Counts samples looked at for one step of `grid`, where that was asked for.
    pub(crate) fn count_step(&self, grid: &Grid, step: usize, samples: u64) {
        if let Some((steps, counts)) = &self.per_step
            && steps == grid
            && let Some(count) = counts.get(step)
        {
            count.fetch_add(samples, Ordering::Relaxed);
        }
    }

    /// Adds what one part of the work has noted.
    pub(crate) fn note(&self, annotations: Annotations) {
        if !annotations.is_empty() {
            self.annotations.lock().merge(annotations);
        }
    }
}

impl Engine {
    /// An engine with these settings.
    #[must_use]
    pub fn new(options: EngineOptions) -> Self {
        let threads = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
            threads => threads,
        };
        Self { options, threads }
    }

    /// The settings.
    #[must_use]
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Reads a query, to be evaluated many times.
    ///
    /// # Errors
    /// Where the text is no query.
    pub fn prepare(&self, query: &str) -> Result<Prepared, ParseError> {
        Ok(Prepared {
            text: query.into(),
            expr: Arc::new(crate::parse(query, &self.options.features)?),
        })
    }

    /// Evaluates a query at one time.
    ///
    /// # Errors
    /// See [`QueryError`]; the texts are those of Prometheus.
    pub fn instant(
        &self,
        store: &dyn MetricStore,
        query: &str,
        time_ms: i64,
        request: &QueryRequest,
    ) -> Result<QueryOutcome, QueryError> {
        self.instant_prepared(store, &self.prepare(query)?, time_ms, request)
    }

    /// [`Engine::instant`] of a query that was read before.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn instant_prepared(
        &self,
        store: &dyn MetricStore,
        query: &Prepared,
        time_ms: i64,
        request: &QueryRequest,
    ) -> Result<QueryOutcome, QueryError> {
        self.run(store, query, (time_ms, time_ms), None, request)
    }

    /// Evaluates a query at each `step_ms` from `start_ms` to `end_ms`, both included. A series has
    /// samples at those times only.
    ///
    /// # Errors
    /// See [`QueryError`]; the texts are those of Prometheus.
    pub fn range(
        &self,
        store: &dyn MetricStore,
        query: &str,
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
        request: &QueryRequest,
    ) -> Result<QueryOutcome, QueryError> {
        let query = self.prepare(query)?;
        self.range_prepared(store, &query, (start_ms, end_ms), step_ms, request)
    }

    /// [`Engine::range`] of a query that was read before, from and to the times of `span_ms`.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn range_prepared(
        &self,
        store: &dyn MetricStore,
        query: &Prepared,
        (start_ms, end_ms): (i64, i64),
        step_ms: i64,
        request: &QueryRequest,
    ) -> Result<QueryOutcome, QueryError> {
        if step_ms <= 0 {
            return Err(QueryError::Invalid(
                "zero or negative query resolution step widths are not accepted. Try a positive integer"
                    .to_owned(),
            ));
        }
        if end_ms < start_ms {
            return Err(QueryError::Invalid(
                "end timestamp must not be before start time".to_owned(),
            ));
        }
        self.run(store, query, (start_ms, end_ms), Some(step_ms), request)
    }

    fn run(
        &self,
        store: &dyn MetricStore,
        Prepared { text, expr }: &Prepared,
        (start_ms, end_ms): (i64, i64),
        step_ms: Option<i64>,
        request: &QueryRequest,
    ) -> Result<QueryOutcome, QueryError> {
        let began = Instant::now();
        let limits = Limits::new(&self.options, request, began);
        let value_type = expr.value_type();
        if step_ms.is_some() && !matches!(value_type, ValueType::Scalar | ValueType::Vector) {
            return Err(QueryError::Invalid(format!(
                "invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
                value_type.documented()
            )));
        }
        let lookback_ms = request
            .lookback_ms
            .filter(|ms| *ms > 0)
            .unwrap_or(self.options.lookback_ms);
        let grid = Grid::new(start_ms, end_ms, step_ms.unwrap_or(1));
        limits.peek(grid.count as u64)?;
        limits.memory.peek(grid.count as u64 * 8)?;
        let (node, slots) = self.plan(expr, grid, step_ms, end_ms, lookback_ms)?;
        let mut selected = Vec::with_capacity(slots.len());
        for slot in slots {
            limits.check()?;
            let series = Selected::select(store, slot)?;
            limits.memory.keep(series.memory_bytes())?;
            selected.push(series);
        }
        let query = Query {
            store,
            features: self.options.features,
            lookback_ms,
            limits,
            selected,
            threads: self.threads,
            annotations: Mutex::new(Annotations::for_query(text)),
            per_step: (request.stats && self.options.features.per_step_stats).then(|| {
                let counts = std::iter::repeat_with(AtomicU64::default).take(grid.count);
                (grid, counts.collect())
            }),
        };
        let prepared = Instant::now();
        let output = query.eval(&node, grid)?;
        let output = query.finish(output)?;
        let evaluated = Instant::now();
        let mut stats = QueryStats {
            series_selected: query.selected.iter().map(|s| s.len() as u64).sum(),
            samples_total: query.limits.looked_at(),
            samples_peak: query.limits.peak(),
            prepare_seconds: (prepared - began).as_secs_f64(),
            eval_seconds: (evaluated - prepared).as_secs_f64(),
            ..QueryStats::default()
        };
        let value = match step_ms {
            Some(_) => query.range_value(output, grid)?,
            None => query.instant_value(output, start_ms, value_type),
        };
        stats.memory_peak_bytes = query.limits.memory.peak();
        query.limits.memory.finish(value.memory_bytes() as u64);
        stats.samples_per_step = query.per_step.as_ref().map(|(grid, counts)| {
            let counts = counts.iter().enumerate();
            counts
                .map(|(step, count)| (grid.time(step), count.load(Ordering::Relaxed)))
                .collect()
        });
        let ended = Instant::now();
        stats.sort_seconds = (ended - evaluated).as_secs_f64();
        stats.total_seconds = (ended - began).as_secs_f64();
        Ok(QueryOutcome {
            value,
            annotations: query.annotations.into_inner(),
            stats,
            memory: HeldMemory::new(query.limits.memory),
        })
    }

    fn plan(
        &self,
        expr: &Expr,
        grid: Grid,
        step_ms: Option<i64>,
        end_ms: i64,
        lookback_ms: i64,
    ) -> Result<(plan::Node, Vec<plan::Slot>), QueryError> {
        let mut planner = Planner {
            options: &self.options,
            lookback_ms,
            durations: DurationContext {
                step_s: step_ms
                    .filter(|_| grid.start_ms != end_ms)
                    .map_or(0.0, |ms| ms as f64 / 1000.0),
                range_s: end_ms.saturating_sub(grid.start_ms) as f64 / 1000.0,
            },
            start_ms: grid.start_ms,
            end_ms,
            slots: Vec::new(),
            stats_above: 0,
            buckets_above: 0,
        };
        let node = planner.plan(expr)?;
        Ok((node, planner.slots))
    }
}

impl Query<'_> {
    /// Removes the names that were to go away at the end.
    fn finish(&self, output: Output) -> Result<Output, QueryError> {
        let Output::Vector(mut series) = output else {
            return Ok(output);
        };
        if self.features.delayed_name_removal && series.iter().any(|s| s.drop_name) {
            for one in series.iter_mut().filter(|s| s.drop_name) {
                one.labels = matching::without_metadata(&one.labels);
            }
            series = matching::merged(series)?;
        }
        Ok(Output::Vector(series))
    }

    fn instant_value(&self, output: Output, time_ms: i64, value_type: ValueType) -> QueryValue {
        match output {
            Output::String(value) => QueryValue::String { time_ms, value },
            Output::Scalar(values) if value_type == ValueType::Scalar => QueryValue::Scalar {
                time_ms,
                value: values.first().copied().unwrap_or(f64::NAN),
            },
            Output::Scalar(values) => QueryValue::Vector(
                values
                    .first()
                    .map(|&value| VectorSample {
                        labels: bellwether_model::Labels::empty(),
                        time_ms,
                        value: Value::Float(value),
                    })
                    .into_iter()
                    .collect(),
            ),
            Output::Vector(series) => QueryValue::Vector(
                series
                    .into_iter()
                    .filter_map(|one| {
                        let value = match one.column.cell(0) {
                            Cell::Absent => return None,
                            Cell::Float(value) => Value::Float(value),
                            Cell::Histogram(histogram) => Value::Histogram(Arc::clone(histogram)),
                        };
                        Some(VectorSample {
                            labels: one.labels,
                            time_ms,
                            value,
                        })
                    })
                    .collect(),
            ),
            Output::Matrix(series) => {
                let series = series
                    .into_iter()
                    .map(|(labels, _, samples)| MatrixSeries { labels, samples });
                QueryValue::Matrix(sort::by_labels(series.collect(), |one| &one.labels))
            }
        }
    }

    fn range_value(&self, output: Output, grid: Grid) -> Result<QueryValue, QueryError> {
        let series = match output {
            Output::Scalar(values) => vec![Series {
                labels: bellwether_model::Labels::empty(),
                drop_name: false,
                column: Column::of(values),
            }],
            Output::Vector(series) => series,
            Output::String(_) | Output::Matrix(_) => Vec::new(),
        };
        let times: Vec<i64> = (0..grid.count).map(|step| grid.time(step)).collect();
        // Each series gets times beside its values.
        self.limits
            .memory
            .hold(series.len() as u64 * grid.count as u64 * 8)?;
        let series = sort::by_labels(series, |one| &one.labels);
        Ok(QueryValue::Matrix(
            series
                .into_iter()
                .filter_map(|one| {
                    let samples = to_samples(one.column, &times);
                    (!samples.is_empty()).then_some(MatrixSeries {
                        labels: one.labels,
                        samples,
                    })
                })
                .collect(),
        ))
    }
}

impl crate::promqltest::QueryEngine for Engine {
    fn instant(
        &self,
        store: &dyn MetricStore,
        query: &str,
        time_ms: i64,
    ) -> Result<QueryOutcome, QueryError> {
        Self::instant(self, store, query, time_ms, &QueryRequest::default())
    }

    fn range(
        &self,
        store: &dyn MetricStore,
        query: &str,
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
    ) -> Result<QueryOutcome, QueryError> {
        let request = QueryRequest::default();
        Self::range(self, store, query, start_ms, end_ms, step_ms, &request)
    }
}

/// The present cells of a column, with their times.
pub(crate) fn to_samples(column: Column, times: &[i64]) -> Samples {
    if column.is_floats() && column.values.iter().all(|v| !column::is_absent(*v)) {
        return Samples {
            times_ms: times.to_vec(),
            values: column.values,
            ..Samples::default()
        };
    }
    let present = column.values.iter().filter(|v| !column::is_absent(**v));
    let mut samples = Samples::with_capacity(present.count());
    for (step, &time_ms) in times.iter().enumerate() {
        match column.cell(step) {
            Cell::Absent => {}
            Cell::Float(value) => samples.push_float(time_ms, value),
            Cell::Histogram(histogram) => samples.push_histogram(time_ms, Arc::clone(histogram)),
        }
    }
    samples
}

#[cfg(test)]
mod tests;
