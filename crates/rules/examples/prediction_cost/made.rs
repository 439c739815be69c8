//! A store whose samples are made when they are read.

use std::sync::atomic::{AtomicU64, Ordering};

use bellwether_model::{Labels, METRIC_NAME, TimeRange};
use bellwether_storage::{
    MetricStore, NowhereStore, Samples, Selection, SeriesHandle, Source, StorageError, StoreLayer,
    WriteBatch, WriteOutcome,
};

/// Time between samples.
const STEP_MS: i64 = 15_000;

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Made {
    series: Vec<Labels>,
    nowhere: NowhereStore,
    pub(crate) written: AtomicU64,
}

impl Made {
    pub(crate) fn new(count: u64) -> Self {
        let labels = |number: u64| {
            let instance = format!("10.0.{}.{}:9100", number / 250, number % 250);
            Labels::from_pairs([
                (METRIC_NAME, "load"),
                ("job", "workers"),
                ("instance", instance.as_str()),
            ])
        };
        Self {
            series: (0..count).map(labels).collect(),
            nowhere: NowhereStore::default(),
            written: AtomicU64::new(0),
        }
    }
}

#[derive(Debug)]
struct One {
    labels: Labels,
    number: u64,
}

impl SeriesHandle for One {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn read(&self, range: TimeRange, out: &mut Samples) -> Result<(), StorageError> {
        let mut time_ms = range.start_ms.div_euclid(STEP_MS) * STEP_MS;
        if time_ms < range.start_ms {
            time_ms += STEP_MS;
        }
        while time_ms <= range.end_ms {
            out.times_ms.push(time_ms);
            out.values.push(value(self.number, time_ms));
            time_ms += STEP_MS;
        }
        Ok(())
    }
}

/// A day, a week, noise: the same for the same numbers.
fn value(series: u64, time_ms: i64) -> f64 {
    let at = (time_ms / STEP_MS).unsigned_abs();
    let mut noise =
        series.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ at.wrapping_mul(0xd1b5_4a32_d192_ed03);
    noise = (noise ^ (noise >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let noise = (noise >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
    let days = time_ms as f64 / 86_400_000.0;
    let day = (days * std::f64::consts::TAU + series as f64).sin();
    let weekend = if days.rem_euclid(7.0) > 5.0 { 0.7 } else { 1.0 };
    100.0 * weekend * (1.5 + day) + 30.0 * noise
}

impl StoreLayer for Made {
    fn inner(&self) -> &dyn MetricStore {
        &self.nowhere
    }

    fn write(&self, source: &Source, batch: &WriteBatch) -> Result<WriteOutcome, StorageError> {
        let count = batch.values.len() as u64;
        self.written.fetch_add(count, Ordering::Relaxed);
        MetricStore::write(&self.nowhere, source, batch)
    }

    fn select(
        &self,
        selection: &Selection<'_>,
    ) -> Result<Vec<Box<dyn SeriesHandle>>, StorageError> {
        let is_load = selection
            .matchers
            .iter()
            .all(|matcher| matcher.name != METRIC_NAME || matcher.value == "load");
        let series = (0..).zip(&self.series).filter(|_| is_load);
        Ok(series
            .map(|(number, labels)| {
                let labels = labels.clone();
                Box::new(One { labels, number }) as Box<dyn SeriesHandle>
            })
            .collect())
    }
}
