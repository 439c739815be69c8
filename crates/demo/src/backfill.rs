//! Writes the past of the daemon, so that graphs are full when the demo starts.
//!
//! ## Model
//! The simulation runs from the beginning of the history to its end; at each step all its series are
//! written as a scraper would have stored them, with the labels of the target and with `up` and the
//! `scrape_*` series. The live daemon then takes over: it is another process, whose counters begin at nothing.
//!
//! Where the store holds an earlier run of the daemon (a demo that is started again on its old data), only the
//! time since that one was last seen is simulated, again as a process of its own.
//!
//! Simulation and writing are two threads with a short queue between them. The writing one holds the
//! references: where the store has let a series go, it registers it again.
//!
//! ## Limits
//! Exemplars are written for the last hour only: stores keep a bounded number of them.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, sync_channel};

use bellwether_model::number::General;
use bellwether_model::{
    Exemplar, Histogram, Labels, METRIC_NAME, Matcher, Metadata, MetricType, TimeRange,
};
use bellwether_storage::{
    MetricStore, RejectionReason, Samples, Selection, SelectionHints, SeriesRef, Source,
    StorageError, WriteBatch,
};

use crate::DemoError;
use crate::random::fraction_of;
use crate::recorder::{Cell, CellValue, FamilySpec, HistogramCell, Recorder};
use crate::simulation::Simulation;
use crate::staging::Staged;

/// The label `job` of the daemon.
pub const JOB: &str = "ai-daemon";
/// The label `instance` of the daemon. The port is another one in each run; a fixed name keeps
/// history and live samples in the same series.
pub const INSTANCE: &str = "demo-ai-daemon";

/// What history is written.
#[derive(Debug, Clone)]
pub struct HistoryOptions {
    /// Seed of the simulation.
    pub seed: u64,
    /// How far back it goes, in milliseconds.
    pub span_ms: i64,
    /// From sample to sample, in milliseconds: the interval of the scrape that follows.
    pub step_ms: i64,
    /// Labels that the scrape gives to every series; [`JOB`] and [`INSTANCE`] unless set.
    pub target_labels: Vec<(String, String)>,
    /// Whether native histograms are written beside the classic ones, as a scrape of the protobuf
    /// format with both switched on does.
    pub native_histograms: bool,
    /// Whether faults recur by themselves, as they do in the live daemon.
    pub has_recurring_faults: bool,
    /// What happens beside that.
    pub staged: Vec<Staged>,
}

impl Default for HistoryOptions {
    fn default() -> Self {
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Self {
            seed: 42,
            span_ms: 24 * 3_600_000,
            step_ms: 15_000,
            target_labels: vec![label("job", JOB), label("instance", INSTANCE)],
            native_histograms: true,
            has_recurring_faults: true,
            staged: Vec::new(),
        }
    }
}

/// A history that was written.
#[derive(Debug)]
pub struct History {
    /// Workers that the daemon has at the end of the history.
    pub worker_count: u32,
    /// Series written.
    pub series_count: u64,
    /// Samples written, native histograms included.
    pub sample_count: u64,
}

/// Chosen: ten minutes of a scrape every 15 s, some 40,000 samples in a batch.
const STEPS_PER_BATCH: i64 = 40;
const EXEMPLARS_SPAN_MS: i64 = 3_600_000;

/// Writes the history that ends at `now_ms`, or up to a step before. What an earlier run has written is not
/// written again. Takes seconds.
///
/// # Errors
/// Where the options describe no history, or the store fails or refuses samples.
pub fn backfill(
    store: &dyn MetricStore,
    now_ms: i64,
    options: &HistoryOptions,
) -> Result<History, DemoError> {
    if options.span_ms <= 0 || options.step_ms <= 0 {
        return Err(DemoError::EmptyHistory {
            span_ms: options.span_ms,
            step_ms: options.step_ms,
        });
    }
    let earliest_ms = now_ms - options.span_ms;
    let from_ms =
        last_seen_ms(store, now_ms, options)?.map_or(earliest_ms, |it| it.max(earliest_ms));
    let mut simulation = Simulation::new(options.seed, from_ms)?;
    if !options.has_recurring_faults {
        simulation.drop_plan();
    }
    options.staged.iter().for_each(|it| simulation.stage(*it));
    // Chosen: one batch being written, one waiting.
    let (sender, receiver) = sync_channel(1);
    std::thread::scope(|scope| {
        let job = options.target_labels.iter().find(|(name, _)| name == "job");
        let source = Source::new(&format!(
            "scrape:{}",
            job.map_or(JOB, |(_, job)| job.as_str())
        ));
        let writer = scope.spawn(move || write_all(store, source, &receiver));
        let mut producer = Producer::new(options, now_ms);
        let steps = (now_ms - from_ms) / options.step_ms;
        for step in 1..=steps {
            simulation.advance_to(from_ms + step * options.step_ms);
            producer.add(&simulation);
            let is_full = (step % STEPS_PER_BATCH) == 0 || step == steps;
            // The other end closes only after an error, which the join below reports.
            if is_full && sender.send(std::mem::take(&mut producer.chunk)).is_err() {
                break;
            }
        }
        drop(sender);
        let written = match writer.join() {
            Ok(written) => written?,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        Ok(History {
            worker_count: simulation.pool.target,
            series_count: u64::from(producer.series_count),
            sample_count: written,
        })
    })
}

/// When an earlier run of the daemon was last seen.
fn last_seen_ms(
    store: &dyn MetricStore,
    now_ms: i64,
    options: &HistoryOptions,
) -> Result<Option<i64>, StorageError> {
    let mut matchers = vec![Matcher::equal(METRIC_NAME, "process_start_time_seconds")];
    let target = options.target_labels.iter();
    matchers.extend(target.map(|(name, value)| Matcher::equal(name.as_str(), value.as_str())));
    let range = TimeRange::new(now_ms - options.span_ms, now_ms);
    let selection = Selection {
        matchers: &matchers,
        range,
        hints: SelectionHints::default(),
    };
    let mut last = None;
    for series in store.select(&selection)? {
        let mut samples = Samples::default();
        series.read(range, &mut samples)?;
        let times = samples.times_ms.iter().zip(&samples.values);
        for (time_ms, _) in times.filter(|(_, value)| !value.is_nan()) {
            last = last.max(Some(*time_ms));
        }
    }
    Ok(last)
}

/// Samples whose series are positions in the list of all series sent so far.
#[derive(Debug, Default)]
struct Chunk {
    new_series: Vec<Labels>,
    positions: Vec<u32>,
    times_ms: Vec<i64>,
    values: Vec<f64>,
    histograms: Vec<(u32, i64, Histogram)>,
    exemplars: Vec<(u32, Exemplar)>,
    metadata: Vec<(String, Metadata)>,
}

/// Turns states of the simulation into chunks.
struct Producer<'a> {
    options: &'a HistoryOptions,
    chunk: Chunk,
    series_count: u32,
    /// The first series of each cell; the others follow it.
    first_series: Vec<u32>,
    scrape_series: Option<u32>,
    exemplars_from_ms: i64,
}

const SCRAPE_SERIES: [(&str, &str); 5] = [
    ("up", "Whether the scrape worked."),
    ("scrape_duration_seconds", "How long the scrape took."),
    ("scrape_samples_scraped", "Samples that the target showed."),
    (
        "scrape_samples_post_metric_relabeling",
        "Samples left after relabelling.",
    ),
    ("scrape_series_added", "Series that were new in the scrape."),
];

impl<'a> Producer<'a> {
    fn new(options: &'a HistoryOptions, now_ms: i64) -> Self {
        Self {
            options,
            chunk: Chunk::default(),
            series_count: 0,
            first_series: Vec::new(),
            scrape_series: None,
            exemplars_from_ms: now_ms - EXEMPLARS_SPAN_MS,
        }
    }

    fn add(&mut self, simulation: &Simulation) {
        let recorder = simulation.recorder();
        let time_ms = simulation.now_ms();
        let series_before = self.series_count;
        self.add_new_series(recorder);
        let samples_before = self.chunk.values.len() + self.chunk.histograms.len();
        for (index, cell) in recorder.cells().iter().enumerate() {
            let first = self.first_series[index];
            match &cell.value {
                CellValue::Number(number) => self.push(first, time_ms, *number),
                CellValue::Histogram(histogram) => {
                    self.add_histogram(first, time_ms, histogram);
                }
            }
        }
        let samples = self.chunk.values.len() + self.chunk.histograms.len() - samples_before;
        self.add_scrape(time_ms, samples, self.series_count - series_before);
    }

    fn add_histogram(&mut self, first: u32, time_ms: i64, histogram: &HistogramCell) {
        let mut series = first;
        let mut cumulative = 0;
        for (bucket, count) in histogram.counts.iter().enumerate() {
            cumulative += count;
            self.push(series, time_ms, cumulative as f64);
            let exemplar = histogram.exemplars.get(bucket).copied().flatten();
            let is_new =
                |time: i64| time >= self.exemplars_from_ms && time > time_ms - self.options.step_ms;
            if let Some(exemplar) = exemplar.filter(|exemplar| is_new(exemplar.time_ms)) {
                let trace_id = format!("{:032x}", exemplar.trace_id);
                let exemplar = Exemplar {
                    labels: Labels::from_pairs([("trace_id", trace_id)]),
                    value: exemplar.value,
                    timestamp_ms: exemplar.time_ms,
                };
                self.chunk.exemplars.push((series, exemplar));
            }
            series += 1;
        }
        self.push(series, time_ms, histogram.sum);
        self.push(series + 1, time_ms, cumulative as f64);
        if let Some(native) = histogram
            .native
            .as_ref()
            .filter(|_| self.options.native_histograms)
        {
            let native = Histogram::Int(native.to_histogram());
            self.chunk.histograms.push((series + 2, time_ms, native));
        }
    }

    fn add_scrape(&mut self, time_ms: i64, samples: usize, series_added: u32) {
        let first = match self.scrape_series {
            Some(first) => first,
            None => {
                let first = self.series_count;
                for (name, help) in SCRAPE_SERIES {
                    self.new_series(name, &[], None);
                    self.describe(name, MetricType::Gauge, help);
                }
                self.scrape_series = Some(first);
                first
            }
        };
        let duration_s = 0.002 + 0.003 * fraction_of(time_ms as u64);
        let samples = samples as f64;
        let values = [1.0, duration_s, samples, samples, f64::from(series_added)];
        for (series, value) in (first..).zip(values) {
            self.push(series, time_ms, value);
        }
    }

    fn push(&mut self, series: u32, time_ms: i64, value: f64) {
        self.chunk.positions.push(series);
        self.chunk.times_ms.push(time_ms);
        self.chunk.values.push(value);
    }

    /// Cells are only ever appended, so what is new stands at the end.
    fn add_new_series(&mut self, recorder: &Recorder) {
        for cell in recorder.cells().iter().skip(self.first_series.len()) {
            let spec = *recorder.spec(cell.family);
            self.first_series.push(self.series_count);
            if self.first_series.len() == 1 {
                for family in recorder.families() {
                    self.describe(family.spec.name, family.spec.metric_type, family.spec.help);
                }
            }
            self.add_cell(cell, &spec);
        }
    }

    fn add_cell(&mut self, cell: &Cell, spec: &FamilySpec) {
        let CellValue::Histogram(histogram) = &cell.value else {
            self.new_series(spec.name, &cell.labels, None);
            return;
        };
        let bucket = format!("{}_bucket", spec.name);
        for bound in spec.bounds.iter().copied().chain([f64::INFINITY]) {
            self.new_series(&bucket, &cell.labels, Some(&le(bound)));
        }
        self.new_series(&format!("{}_sum", spec.name), &cell.labels, None);
        self.new_series(&format!("{}_count", spec.name), &cell.labels, None);
        if histogram.native.is_some() && self.options.native_histograms {
            self.new_series(spec.name, &cell.labels, None);
        }
    }

    fn new_series(&mut self, name: &str, labels: &[(&'static str, String)], le: Option<&str>) {
        let own = labels.iter().map(|(name, value)| (*name, value.as_str()));
        let target = self.options.target_labels.iter();
        let pairs = own
            .chain(le.map(|le| ("le", le)))
            .chain(target.map(|(name, value)| (name.as_str(), value.as_str())))
            .chain([(METRIC_NAME, name)]);
        self.chunk.new_series.push(Labels::from_pairs(pairs));
        self.series_count += 1;
    }

    fn describe(&mut self, name: &str, metric_type: MetricType, help: &str) {
        let metadata = Metadata {
            metric_type,
            unit: String::new(),
            help: help.to_owned(),
        };
        self.chunk.metadata.push((name.to_owned(), metadata));
    }
}

/// A bound as the value of the label `le`: `1.0`, `0.25`, `1e+06`, `+Inf`. Prometheus 3 writes whole
/// numbers with `.0` whatever the target wrote; doing so here keeps the history and the scrape the
/// same series in every server.
fn le(bound: f64) -> String {
    let text = General(bound).to_string();
    if text.contains(['.', 'e', 'I', 'N']) {
        text
    } else {
        format!("{text}.0")
    }
}

/// Writes chunks until there are no more; gives back how many samples were stored.
fn write_all(
    store: &dyn MetricStore,
    source: Source,
    chunks: &Receiver<Chunk>,
) -> Result<u64, DemoError> {
    let mut writer = Writer {
        store,
        source,
        labels: Vec::new(),
        references: Vec::new(),
    };
    let mut stored = 0;
    while let Ok(chunk) = chunks.recv() {
        stored += writer.write(chunk)?;
    }
    Ok(stored)
}

struct Writer<'a> {
    store: &'a dyn MetricStore,
    source: Source,
    /// Of all series sent so far; parallel to `references`.
    labels: Vec<Labels>,
    references: Vec<SeriesRef>,
}

impl Writer<'_> {
    fn write(&mut self, mut chunk: Chunk) -> Result<u64, DemoError> {
        for labels in chunk.new_series.drain(..) {
            self.references
                .push(self.store.register(&self.source, None, &labels)?);
            self.labels.push(labels);
        }
        let all = (chunk.values.len() + chunk.histograms.len()) as u64;
        let mut batch = self.batch(chunk);
        let outcome = self.store.write(&self.source, &batch)?;
        let mut stored = outcome.float_count + outcome.histogram_count;
        let forgotten: Vec<(SeriesRef, i64)> = outcome
            .rejections
            .iter()
            .filter(|rejection| rejection.reason == RejectionReason::UnknownSeries)
            .map(|rejection| (rejection.series, rejection.time_ms))
            .collect();
        let mut last = outcome;
        if !forgotten.is_empty() {
            self.register_again(&mut batch, &forgotten)?;
            last = self.store.write(&self.source, &batch)?;
            stored += last.float_count + last.histogram_count;
        }
        let lost = all.saturating_sub(stored);
        // Exemplars may be refused (they are kept in a ring); samples may not.
        match last
            .rejections
            .iter()
            .find(|r| r.reason != RejectionReason::OutOfOrderExemplar)
        {
            Some(rejection) if lost > 0 => Err(DemoError::Rejected {
                rejected: lost,
                all,
                reason: format!("{:?} at {} ms", rejection.reason, rejection.time_ms),
            }),
            _ => Ok(stored),
        }
    }

    fn batch(&self, chunk: Chunk) -> WriteBatch {
        let reference = |position: &u32| self.references[*position as usize];
        WriteBatch {
            series: chunk.positions.iter().map(reference).collect(),
            times_ms: chunk.times_ms,
            values: chunk.values,
            starts_ms: Vec::new(),
            histograms: chunk
                .histograms
                .into_iter()
                .map(|(position, time_ms, histogram)| (reference(&position), time_ms, 0, histogram))
                .collect(),
            exemplars: chunk
                .exemplars
                .into_iter()
                .map(|(position, exemplar)| (reference(&position), exemplar))
                .collect(),
            metadata: chunk.metadata,
        }
    }

    /// Registers series that the store has let go, and leaves in the batch only their refused
    /// samples, under their new references.
    fn register_again(
        &mut self,
        batch: &mut WriteBatch,
        forgotten: &[(SeriesRef, i64)],
    ) -> Result<(), StorageError> {
        let mut renewed: HashMap<SeriesRef, SeriesRef> = HashMap::new();
        let positions: HashMap<SeriesRef, usize> = self
            .references
            .iter()
            .enumerate()
            .map(|(at, series)| (*series, at))
            .collect();
        for (series, _) in forgotten {
            if let (false, Some(at)) = (renewed.contains_key(series), positions.get(series)) {
                let new = self.store.register(&self.source, None, &self.labels[*at])?;
                self.references[*at] = new;
                renewed.insert(*series, new);
            }
        }
        let refused: std::collections::HashSet<(SeriesRef, i64)> =
            forgotten.iter().copied().collect();
        let mut again = WriteBatch::default();
        let floats = batch.series.iter().zip(&batch.times_ms).zip(&batch.values);
        for ((series, time_ms), value) in floats {
            if let (true, Some(new)) = (refused.contains(&(*series, *time_ms)), renewed.get(series))
            {
                again.push(*new, *time_ms, *value);
            }
        }
        for (series, time_ms, start_ms, histogram) in batch.histograms.drain(..) {
            if let (true, Some(new)) = (refused.contains(&(series, time_ms)), renewed.get(&series))
            {
                again.histograms.push((*new, time_ms, start_ms, histogram));
            }
        }
        *batch = again;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
