//! Requests made of a window of the queue.

use std::collections::HashMap;

use bellwether_model::{Exemplar, Labels, Metadata, MetricType};
use bellwether_storage::MetadataEntry;
use bellwether_wire::histogram::TimedHistogram;
use bellwether_wire::{WireError, snappy, v1, v2};

use crate::queue::{Window, WindowSeries};
use crate::settings::RemoteWriteProtocol;

/// Metadata by name of the metric family.
pub(crate) type MetadataByFamily = HashMap<String, Metadata>;

/// Takes the first known metadata of each family.
pub(crate) fn by_family(entries: Vec<MetadataEntry>) -> MetadataByFamily {
    let mut families = MetadataByFamily::new();
    for entry in entries {
        families.entry(entry.metric).or_insert(entry.metadata);
    }
    families
}

/// What a remote is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) histograms: bool,
    pub(crate) exemplars: bool,
    /// Samples before this time are left out.
    pub(crate) oldest_ms: i64,
    pub(crate) samples_max: usize,
}

/// Series of one request, with at most as many samples as a request may have.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) series: Vec<WindowSeries>,
    pub(crate) floats: u64,
    pub(crate) histograms: u64,
    pub(crate) exemplars: u64,
    /// Time of the newest sample.
    pub(crate) newest_ms: i64,
}

impl Batch {
    pub(crate) fn samples(&self) -> u64 {
        self.floats + self.histograms
    }

    fn is_full(&self, wanted: Wanted) -> bool {
        self.samples() >= wanted.samples_max as u64
    }
}

/// Splits a window into the batches of each shard. All samples of a series are in one shard, in
/// their order. Also says how many samples were left out because of their age.
pub(crate) fn split(window: Window, shards: usize, wanted: Wanted) -> (Vec<Vec<Batch>>, u64) {
    let mut batches: Vec<Vec<Batch>> = (0..shards.max(1)).map(|_| Vec::new()).collect();
    let mut too_old = 0;
    for series in window.series {
        let hash = xxhash_rust::xxh3::xxh3_64(series.labels.as_bytes());
        let shard = (hash % batches.len() as u64) as usize;
        too_old += add_series(&mut batches[shard], series, wanted);
    }
    (batches, too_old)
}

fn open_batch(batches: &mut Vec<Batch>, wanted: Wanted) -> &mut Batch {
    if batches.last().is_none_or(|batch| batch.is_full(wanted)) {
        batches.push(Batch {
            newest_ms: i64::MIN,
            ..Batch::default()
        });
    }
    let last = batches.len() - 1;
    &mut batches[last]
}

fn add_series(batches: &mut Vec<Batch>, series: WindowSeries, wanted: Wanted) -> u64 {
    let mut too_old = 0;
    let labels = series.labels;
    let mut exemplars = if wanted.exemplars {
        series.exemplars
    } else {
        Vec::new()
    };
    let empty = |labels: &Labels| WindowSeries {
        labels: labels.clone(),
        floats: Vec::new(),
        histograms: Vec::new(),
        exemplars: Vec::new(),
    };
    let mut floats = series.floats.into_iter().filter(|(time_ms, ..)| {
        too_old += u64::from(*time_ms < wanted.oldest_ms);
        *time_ms >= wanted.oldest_ms
    });
    let mut next = floats.next();
    while next.is_some() {
        let batch = open_batch(batches, wanted);
        let mut part = empty(&labels);
        part.exemplars = std::mem::take(&mut exemplars);
        batch.exemplars += part.exemplars.len() as u64;
        while let Some(float) = next {
            part.floats.push(float);
            batch.floats += 1;
            batch.newest_ms = batch.newest_ms.max(float.0);
            next = floats.next();
            if batch.is_full(wanted) {
                break;
            }
        }
        batch.series.push(part);
    }
    let histograms = if wanted.histograms {
        series.histograms
    } else {
        Vec::new()
    };
    let mut histograms: std::collections::VecDeque<TimedHistogram> = histograms.into();
    while !histograms.is_empty() {
        let batch = open_batch(batches, wanted);
        let mut part = empty(&labels);
        part.exemplars = std::mem::take(&mut exemplars);
        batch.exemplars += part.exemplars.len() as u64;
        while let Some(timed) = histograms.pop_front() {
            if timed.time_ms < wanted.oldest_ms {
                too_old += 1;
                continue;
            }
            batch.histograms += 1;
            batch.newest_ms = batch.newest_ms.max(timed.time_ms);
            part.histograms.push(timed);
            if batch.is_full(wanted) {
                break;
            }
        }
        batch.series.push(part);
    }
    too_old
}

/// The body of a batch, compressed.
pub(crate) fn body(
    batch: &Batch,
    protocol: RemoteWriteProtocol,
    metadata: &MetadataByFamily,
) -> Result<Vec<u8>, WireError> {
    let mut message = Vec::with_capacity(256 * batch.series.len());
    match protocol {
        RemoteWriteProtocol::V1 => {
            for series in &batch.series {
                let floats: Vec<(i64, f64)> = series
                    .floats
                    .iter()
                    .map(|(time_ms, _, value)| (*time_ms, *value))
                    .collect();
                let WindowSeries {
                    labels,
                    histograms,
                    exemplars,
                    ..
                } = series;
                v1::encode_series(&mut message, labels, &floats, histograms, exemplars);
            }
        }
        RemoteWriteProtocol::V2 => {
            let none = Metadata::default();
            let mut builder = v2::RequestBuilder::new();
            for series in &batch.series {
                let exemplars: &[Exemplar] = &series.exemplars;
                let known = metadata_of(series.labels.metric_name(), metadata).unwrap_or(&none);
                let WindowSeries {
                    labels,
                    floats,
                    histograms,
                    ..
                } = series;
                builder.add_series(labels, floats, histograms, exemplars, known);
            }
            builder.finish(&mut message);
        }
    }
    snappy::encode(&message)
}

/// Series of classic histograms and summaries have the metadata of their family.
fn metadata_of<'a>(name: &str, families: &'a MetadataByFamily) -> Option<&'a Metadata> {
    if let Some(found) = families.get(name) {
        return Some(found);
    }
    let family = ["_bucket", "_sum", "_count", "_total"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))?;
    families.get(family).filter(|metadata| {
        let composed = matches!(
            metadata.metric_type,
            MetricType::Histogram | MetricType::GaugeHistogram | MetricType::Summary
        );
        composed || name.ends_with("_total")
    })
}

/// Bodies of requests that carry only metadata, as remote write 1.0 has them.
pub(crate) fn metadata_bodies(
    families: &MetadataByFamily,
    entries_max: usize,
) -> Result<Vec<Vec<u8>>, WireError> {
    let mut names: Vec<&String> = families.keys().collect();
    names.sort_unstable();
    names
        .chunks(entries_max.max(1))
        .map(|names| {
            let mut message = Vec::new();
            for name in names {
                if let Some(metadata) = families.get(*name) {
                    v1::encode_metadata(&mut message, name, metadata);
                }
            }
            snappy::encode(&message)
        })
        .collect()
}
