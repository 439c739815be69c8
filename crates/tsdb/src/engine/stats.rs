//! Numbers for the status page.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bellwether_model::METRIC_NAME;
use bellwether_storage::{BlockStats, StoreStats, TopEntry};

use super::Engine;
use crate::index::Index;

/// The greatest entries, greatest first; among equals by name.
fn greatest(mut entries: Vec<TopEntry>, top: usize) -> Vec<TopEntry> {
    entries.sort_by(|a, b| b.value.cmp(&a.value).then_with(|| a.name.cmp(&b.name)));
    entries.truncate(top);
    entries
}

fn entry(name: &str, value: u64) -> TopEntry {
    TopEntry {
        name: name.to_owned(),
        value,
    }
}

impl Engine {
    pub(super) fn collect_blocks(&self) -> Vec<BlockStats> {
        let version = Arc::clone(&self.version.read());
        let mut blocks: Vec<BlockStats> = version
            .blocks
            .iter()
            .map(|block| {
                let facts = block.facts();
                BlockStats {
                    number: block.number,
                    min_ms: facts.min_ms,
                    max_ms: facts.max_ms,
                    series_count: facts.series_count,
                    sample_count: facts.sample_count,
                    chunk_count: facts.chunk_count,
                    disk_bytes: block.file_bytes(),
                }
            })
            .collect();
        blocks.sort_by_key(|block| (block.min_ms, block.number));
        blocks
    }

    pub(super) fn collect_stats(&self, top: usize) -> StoreStats {
        let version = Arc::clone(&self.version.read());
        let pending_bytes;
        let log_bytes = {
            let log = self.log.lock();
            pending_bytes = log.pending_bytes() as u64;
            log.len() + log.series.file_bytes()
        };
        let keys_bytes = self.keys.read().memory_bytes() as u64;
        let extras_bytes = self.extras.lock().memory_bytes() as u64;
        let head = self.head.read();
        let tables = || {
            let frozen = head.frozen.as_ref().map(|frozen| &frozen.memtable);
            frozen.into_iter().chain([&head.memtable])
        };
        let mut stats = StoreStats {
            head_series: head.live as u64,
            head_label_pairs: head.pair_count() as u64,
            head_chunks: tables()
                .map(|t| t.sample_count as u64 / 8 + u64::from(!t.is_empty()))
                .sum(),
            head_min_ms: tables().filter_map(|t| t.min_ms).min().unwrap_or(i64::MAX),
            head_max_ms: tables().filter_map(|t| t.max_ms).max().unwrap_or(i64::MIN),
            block_count: version.blocks.len() as u64,
            disk_bytes: log_bytes + version.blocks.iter().map(|b| b.file_bytes()).sum::<u64>(),
            memory_bytes: head.memory_bytes() as u64 + keys_bytes + extras_bytes + pending_bytes,
            memory_limit_bytes: self.settings.memory_limit_bytes,
            ..StoreStats::default()
        };
        if top > 0 {
            let (mut values, mut bytes, mut metrics, mut pairs) =
                (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            for (name, ids) in head.names() {
                let mut total = 0;
                // Only candidates for the list are given a name of their own.
                let mut by_count: Vec<(usize, u32)> = ids
                    .iter()
                    .map(|&pair| (head.postings_len(pair), pair))
                    .collect();
                for &(count, pair) in &by_count {
                    let (_, value) = head.pair_text(pair);
                    total += ((name.len() + value.len()) * count) as u64;
                }
                by_count.sort_unstable_by(|a, b| b.cmp(a));
                by_count.truncate(top);
                for (count, pair) in by_count {
                    let (_, value) = head.pair_text(pair);
                    if name == METRIC_NAME {
                        metrics.push(entry(value, count as u64));
                    }
                    pairs.push(entry(&format!("{name}={value}"), count as u64));
                }
                values.push(entry(name, ids.len() as u64));
                bytes.push(entry(name, total));
            }
            stats.values_by_label = greatest(values, top);
            stats.bytes_by_label = greatest(bytes, top);
            stats.series_by_metric = greatest(metrics, top);
            stats.series_by_pair = greatest(pairs, top);
            let sources = head
                .sources
                .iter()
                .map(|s| entry(&s.name, s.series_count))
                .collect();
            stats.series_by_source = greatest(sources, top);
        }
        drop(head);
        stats.counters = self.own_counters();
        stats
    }

    fn own_counters(&self) -> Vec<(&'static str, f64)> {
        let c = &self.counters;
        let counters: [(&'static str, &AtomicU64); 18] = [
            ("bellwether_tsdb_samples_total", &c.samples),
            ("bellwether_tsdb_samples_limited_total", &c.samples_limited),
            ("bellwether_tsdb_samples_rejected_total", &c.rejected),
            ("bellwether_tsdb_series_created_total", &c.series_created),
            ("bellwether_tsdb_series_refused_total", &c.series_refused),
            ("bellwether_tsdb_log_written_bytes_total", &c.log_bytes),
            ("bellwether_tsdb_log_records_damaged_total", &c.log_damaged),
            ("bellwether_tsdb_log_tails_torn_total", &c.log_torn),
            (
                "bellwether_tsdb_log_samples_unknown_series_total",
                &c.log_unknown_series,
            ),
            ("bellwether_tsdb_blocks_damaged_total", &c.blocks_damaged),
            ("bellwether_tsdb_chunks_damaged_total", &c.chunks_damaged),
            (
                "bellwether_tsdb_tombstones_damaged_total",
                &c.tombstones_damaged,
            ),
            (
                "bellwether_tsdb_manifest_rebuilt_total",
                &c.manifest_rebuilt,
            ),
            ("bellwether_tsdb_spills_total", &c.spills),
            ("bellwether_tsdb_merges_total", &c.merges),
            ("bellwether_tsdb_upkeep_failures_total", &c.upkeep_failures),
            ("bellwether_tsdb_writes_failed_total", &c.writes_failed),
            ("bellwether_tsdb_blocks_retired_total", &c.blocks_retired),
        ];
        let value = |(name, counter): (&'static str, &AtomicU64)| {
            (name, counter.load(Ordering::Relaxed) as f64)
        };
        counters.into_iter().map(value).collect()
    }
}
