use std::collections::BTreeMap;

use bellwether_model::{LabelsBuilder, is_stale_nan};
use bellwether_scrape::ScrapeError;
use bellwether_scrape::exposition::{
    Format as ScrapeFormat, HistogramOptions, MetadataPiece, Sample, SampleValue, Sink, parse,
    series_labels,
};
use bellwether_storage::{LabelQuery, MemoryStore, SeriesKey, StoreLayer, WriteOutcome};
use parking_lot::Mutex;

use super::*;
use crate::exposition::{Format, render};

const NOW_MS: i64 = 1_790_067_600_000;

fn short() -> HistoryOptions {
    HistoryOptions {
        span_ms: 20 * 60_000,
        ..HistoryOptions::default()
    }
}

/// Labels and samples of all series of a store.
fn read_all(store: &dyn MetricStore) -> Vec<(Labels, Samples)> {
    let selection = Selection {
        matchers: &[],
        range: TimeRange::ALL,
        hints: SelectionHints::default(),
    };
    let mut all: Vec<(Labels, Samples)> = store
        .select(&selection)
        .unwrap()
        .iter()
        .map(|series| {
            let mut samples = Samples::default();
            series.read(TimeRange::ALL, &mut samples).unwrap();
            (series.labels().clone(), samples)
        })
        .collect();
    all.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    all
}

#[test]
fn history_is_whole_and_the_live_daemon_goes_on_from_it() {
    let store = MemoryStore::new();
    let mut history = backfill(&store, NOW_MS, &short()).unwrap();
    assert_eq!(history.simulation.now_ms(), NOW_MS);
    let all = read_all(&store);
    assert_eq!(all.len() as u64, history.series_count);
    assert!(all.len() > 700, "{} series", all.len());
    let samples: u64 = all.iter().map(|(_, samples)| samples.len() as u64).sum();
    assert_eq!(samples, history.sample_count);
    let up = all
        .iter()
        .find(|(labels, _)| labels.metric_name() == "up")
        .unwrap();
    assert_eq!(up.1.len(), 80);
    assert!(up.1.values.iter().all(|value| *value == 1.0));
    assert!(
        all.iter()
            .any(|(_, samples)| !samples.histograms.is_empty()),
        "native histograms"
    );

    // What a scrape one interval later sees has the same labels and no counter that went down.
    let is_counter = |name: &str| {
        ["_total", "_bucket", "_count"]
            .iter()
            .any(|suffix| name.ends_with(suffix))
    };
    history.simulation.advance_to(NOW_MS + 15_000);
    let live = MemoryStore::new();
    let options = short();
    let mut producer = Producer::new(&options, NOW_MS);
    producer.add(&history.simulation);
    let mut writer = Writer {
        store: &live,
        source: Source::new("scrape:test"),
        labels: Vec::new(),
        references: Vec::new(),
    };
    writer.write(std::mem::take(&mut producer.chunk)).unwrap();
    let mut continued = 0;
    for (labels, samples) in read_all(&live) {
        let Ok(at) = all.binary_search_by(|(l, _)| l.as_bytes().cmp(labels.as_bytes())) else {
            continue;
        };
        continued += 1;
        let last = all[at].1.values.last().unwrap();
        assert!(!is_stale_nan(*last));
        if is_counter(labels.metric_name()) {
            assert!(
                samples.values[0] >= *last,
                "{labels} went from {last} to {:?}",
                samples.values
            );
        }
    }
    assert_eq!(continued, all.len(), "every series of the history lives on");
}

#[test]
fn all_series_have_the_labels_of_the_target() {
    let store = MemoryStore::new();
    backfill(&store, NOW_MS, &short()).unwrap();
    for (labels, samples) in read_all(&store) {
        assert_eq!(labels.get("job"), Some(JOB), "{labels}");
        assert_eq!(labels.get("instance"), Some(INSTANCE), "{labels}");
        assert!(
            samples.times_ms.windows(2).all(|pair| pair[0] < pair[1]),
            "{labels}"
        );
    }
    let metadata = store.metadata(Some("demo_cost_dollars_total")).unwrap();
    assert_eq!(metadata.len(), 1);
    assert_eq!(metadata[0].metadata.metric_type, MetricType::Counter);
    let name = [Matcher::equal(
        METRIC_NAME,
        "demo_request_duration_seconds_bucket",
    )];
    let query = LabelQuery {
        matcher_sets: &[name.to_vec()],
        range: TimeRange::ALL,
        limit: 0,
    };
    let exemplars = store.exemplars(&query).unwrap();
    assert!(!exemplars.is_empty());
}

#[test]
fn a_fault_is_in_the_history() {
    let store = MemoryStore::new();
    let now_ms = NOW_MS;
    backfill(&store, now_ms, &short()).unwrap();
    let all = read_all(&store);
    let fault = all
        .iter()
        .find(|(labels, _)| labels.get("fault") == Some("provider_slow"))
        .map(|(_, samples)| samples)
        .unwrap();
    assert!(fault.values.iter().any(|value| *value > 0.5));
    assert_eq!(fault.values.last(), Some(&0.0));
}

#[test]
fn the_same_seed_writes_the_same_history() {
    let (first, second) = (MemoryStore::new(), MemoryStore::new());
    backfill(&first, NOW_MS, &short()).unwrap();
    backfill(&second, NOW_MS, &short()).unwrap();
    // NaN stands where a sample is a histogram: compare as text.
    assert_eq!(
        format!("{:?}", read_all(&first)),
        format!("{:?}", read_all(&second))
    );
}

#[test]
fn a_demo_started_again_on_its_old_data_goes_on() {
    let minutes = |minutes: i64| minutes * 60_000;
    let options = |span| HistoryOptions {
        span_ms: minutes(span),
        ..HistoryOptions::default()
    };
    let whole = MemoryStore::new();
    let once = backfill(&whole, NOW_MS, &options(30)).unwrap();
    let pieces = MemoryStore::new();
    let first = backfill(&pieces, NOW_MS - minutes(12), &options(18)).unwrap();
    let second = backfill(&pieces, NOW_MS, &options(30)).unwrap();
    assert_eq!(second.simulation.start_ms(), first.simulation.start_ms());
    assert_eq!(first.sample_count + second.sample_count, once.sample_count);
    let (whole, pieces) = (read_all(&whole), read_all(&pieces));
    let without_scrape = |all: &[(Labels, Samples)]| {
        let is_own = |labels: &Labels| !labels.metric_name().starts_with("scrape_");
        let own: Vec<_> = all.iter().filter(|(labels, _)| is_own(labels)).collect();
        format!("{own:?}")
    };
    // How many series were new in a scrape differs: the second run meets all of them again.
    assert_eq!(without_scrape(&whole), without_scrape(&pieces));
    // A run with nothing to add, and one after a pause longer than the history.
    let store = MemoryStore::new();
    backfill(&store, NOW_MS, &options(2)).unwrap();
    assert_eq!(
        backfill(&store, NOW_MS, &options(2)).unwrap().sample_count,
        0
    );
    let later_ms = NOW_MS + RESUME_SPAN_MS - minutes(1);
    let later = backfill(&store, later_ms, &options(2)).unwrap();
    assert_eq!(
        later.simulation.start_ms(),
        later_ms - minutes(2),
        "a new beginning"
    );
    assert!(later.sample_count > 0);
}

#[test]
fn a_history_of_nothing_is_refused() {
    let options = HistoryOptions {
        step_ms: 0,
        ..short()
    };
    let error = backfill(&MemoryStore::new(), NOW_MS, &options).unwrap_err();
    assert_eq!(error.kind(), bellwether_storage::ErrorKind::Invalid);
    assert!(error.to_string().contains("steps of 0 ms"), "{error}");
}

/// A store that forgets every reference after some writes, as an engine does that empties its head.
#[derive(Debug)]
struct Forgetful {
    inner: MemoryStore,
    /// Writes so far, and references below this one mean nothing.
    state: Mutex<(u64, u64)>,
}

const GENERATION: u64 = 1 << 32;

impl StoreLayer for Forgetful {
    fn inner(&self) -> &dyn MetricStore {
        &self.inner
    }
    fn resolve(&self, _key: SeriesKey) -> Option<SeriesRef> {
        None
    }
    fn register(
        &self,
        source: &Source,
        key: Option<SeriesKey>,
        labels: &Labels,
    ) -> Result<SeriesRef, StorageError> {
        let inner = self.inner.register(source, key, labels)?;
        Ok(SeriesRef(inner.0 + self.state.lock().1))
    }
    fn write(&self, source: &Source, batch: &WriteBatch) -> Result<WriteOutcome, StorageError> {
        let generation = {
            let mut state = self.state.lock();
            state.0 += 1;
            if state.0 == 2 {
                state.1 += GENERATION;
            }
            state.1
        };
        let mut known = WriteBatch::default();
        let mut outcome = WriteOutcome::default();
        let forgotten = |series: &SeriesRef| series.0 < generation;
        for (at, series) in batch.series.iter().enumerate() {
            if forgotten(series) {
                outcome.reject(*series, batch.times_ms[at], RejectionReason::UnknownSeries);
            } else {
                let inner = SeriesRef(series.0 - generation);
                known.push(inner, batch.times_ms[at], batch.values[at]);
            }
        }
        for (series, time_ms, start_ms, histogram) in &batch.histograms {
            if forgotten(series) {
                outcome.reject(*series, *time_ms, RejectionReason::UnknownSeries);
            } else {
                let inner = SeriesRef(series.0 - generation);
                known
                    .histograms
                    .push((inner, *time_ms, *start_ms, histogram.clone()));
            }
        }
        let inner = self.inner.write(source, &known)?;
        outcome.float_count = inner.float_count;
        outcome.histogram_count = inner.histogram_count;
        Ok(outcome)
    }
}

#[test]
fn series_that_the_store_lets_go_are_registered_again() {
    let options = HistoryOptions {
        span_ms: 25 * 60_000,
        ..HistoryOptions::default()
    };
    let plain = MemoryStore::new();
    backfill(&plain, NOW_MS, &options).unwrap();
    let forgetful = Forgetful {
        inner: MemoryStore::new(),
        state: Mutex::new((0, 0)),
    };
    backfill(&forgetful, NOW_MS, &options).unwrap();
    assert!(forgetful.state.lock().1 == GENERATION, "the store forgot");
    assert_eq!(
        format!("{:?}", read_all(&plain)),
        format!("{:?}", read_all(&forgetful))
    );
}

/// Collects the series of a scraped body: labels, and whether the sample is a native histogram.
struct Collect {
    target: Vec<(String, String)>,
    series: BTreeMap<String, bool>,
}

impl Sink for Collect {
    fn expected(&self) -> Option<&[u8]> {
        None
    }
    fn metadata(&mut self, _: &[u8], _: MetadataPiece<'_>) {}
    fn sample(&mut self, sample: Sample<'_>) -> Result<(), ScrapeError> {
        let mut labels = LabelsBuilder::default();
        series_labels(sample.series, sample.family_type, &mut labels).unwrap();
        for (name, value) in &self.target {
            labels.set(name, value);
        }
        let is_native = matches!(sample.value, SampleValue::Histogram(_));
        self.series.insert(labels.build().to_string(), is_native);
        Ok(())
    }
}

#[test]
fn a_scrape_in_every_format_continues_the_series_of_the_history() {
    let store = MemoryStore::new();
    let options = short();
    let history = backfill(&store, NOW_MS, &options).unwrap();
    let families = history.simulation.families();
    for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
        let mut sink = Collect {
            target: options.target_labels.clone(),
            series: BTreeMap::new(),
        };
        let body = render(&families, format);
        let scraped = ScrapeFormat::of_content_type(Some(format.content_type()), None).unwrap();
        let histograms = HistogramOptions {
            native: true,
            always_classic: true,
            classic_to_nhcb: false,
        };
        parse(scraped, histograms, &body, &mut sink).unwrap();
        let is_own = |labels: &Labels| {
            labels.metric_name() != "up" && !labels.metric_name().starts_with("scrape_")
        };
        let written: BTreeMap<String, bool> = read_all(&store)
            .iter()
            .filter(|(labels, _)| is_own(labels))
            .map(|(labels, samples)| (labels.to_string(), !samples.histograms.is_empty()))
            .filter(|(_, is_native)| format == Format::Protobuf || !is_native)
            .collect();
        assert_eq!(sink.series, written, "{format:?}");
    }
}
