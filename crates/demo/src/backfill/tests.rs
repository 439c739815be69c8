use bellwether_storage::{LabelQuery, MemoryStore, SeriesKey, StoreLayer, WriteOutcome};
use parking_lot::Mutex;

use super::*;
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
fn history_is_whole() {
    let store = MemoryStore::new();
    let history = backfill(&store, NOW_MS, &short()).unwrap();
    let all = read_all(&store);
    assert_eq!(all.len() as u64, history.series_count);
    assert!(all.len() > 700, "{} series", all.len());
    assert!(history.worker_count >= crate::pool::WORKERS_MIN);
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
}

#[test]
fn bounds_are_written_as_prometheus_keeps_them() {
    let bounds = [1.0, 0.25, 10.24, 1_048_576.0, 65_536.0, f64::INFINITY];
    let written: Vec<String> = bounds.into_iter().map(le).collect();
    assert_eq!(
        written,
        ["1.0", "0.25", "10.24", "1.048576e+06", "65536.0", "+Inf"]
    );
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
    let metadata = store
        .metadata(Some("gen_ai_client_cost_dollars_total"))
        .unwrap();
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
fn a_demo_started_again_on_its_old_data_fills_the_gap_once() {
    let minutes = |minutes: i64| minutes * 60_000;
    let options = |span| HistoryOptions {
        span_ms: minutes(span),
        ..HistoryOptions::default()
    };
    let store = MemoryStore::new();
    backfill(&store, NOW_MS - minutes(12), &options(18)).unwrap();
    backfill(&store, NOW_MS, &options(30)).unwrap();
    let all = read_all(&store);
    let of = |name: &str| {
        let found = all.iter().find(|(labels, _)| labels.metric_name() == name);
        &found.unwrap().1
    };
    assert_eq!(of("up").len(), 120, "no step twice, none left out");
    // Two processes, one after the other.
    let starts = &of("process_start_time_seconds").values;
    let changes = starts.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert_eq!(changes, 1);
    let resets = |values: &[f64]| values.windows(2).filter(|pair| pair[1] < pair[0]).count();
    assert_eq!(resets(&of("process_cpu_seconds_total").values), 1);
    // A run with nothing to add, and one after a pause longer than the history.
    assert_eq!(
        backfill(&store, NOW_MS, &options(2)).unwrap().sample_count,
        0
    );
    let later = backfill(&store, NOW_MS + minutes(60), &options(2)).unwrap();
    assert!(later.sample_count > 0);
    let (first_ms, last_ms) = (of("up").times_ms[0], NOW_MS);
    assert_eq!(
        (last_ms - first_ms) / 15_000,
        119,
        "of the store that was read"
    );
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
