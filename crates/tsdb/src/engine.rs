//! The engine: what holds log, head, blocks and manifest together.
//!
//! ## Model
//! A write goes to the log and the memtable. From time to time the memtable is *spilled*: written
//! to a block, after which the log before it is removed. Blocks of one window of time are *merged*
//! into larger ones. Readers see memtable and blocks together and fold what is there twice.
//!
//! ## Invariants
//! Locks are taken in this order: `merging`, `spilling`, `log`, `head`, `commit`,
//! `version`. Whoever
//! reads takes the head first and the version second, and a spill publishes them in the other
//! order, so that no sample is ever in neither.
//!
//! ## Failure
//! See `docs/format/log.md` and `docs/format/block.md` for damage. After a failed sync of the log no
//! more writes are taken until the next start. Upkeep that fails is tried again.
//!
//! ## See also
//! `docs/adr/0002-metrics-engine.md`.

mod load;
mod read;
mod stats;
mod upkeep;
mod write;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use bellwether_model::{Labels, Matcher, TimeRange};
use bellwether_storage::{
    BlockStats, Clock, Disk, DiskLock, ExemplarSeries, LabelQuery, MetadataEntry, MetricStore,
    Selection, SeriesHandle, SeriesKey, SeriesRef, Source, StorageError, StoreStats, WriteBatch,
    WriteOutcome,
};
use parking_lot::{Condvar, Mutex, RwLock};

use crate::extras::Extras;
use crate::head::Head;
use crate::keys::Keys;
use crate::manifest::{Manifest, Version, file_path};
use crate::rates::Rates;
use crate::settings::EngineSettings;
use bellwether_storage::record_log::RecordWriter;

/// Counts of what happened since the start.
#[derive(Debug, Default)]
struct Counters {
    samples: AtomicU64,
    samples_limited: AtomicU64,
    rejected: AtomicU64,
    series_created: AtomicU64,
    series_refused: AtomicU64,
    log_bytes: AtomicU64,
    log_damaged: AtomicU64,
    log_torn: AtomicU64,
    log_unknown_series: AtomicU64,
    blocks_damaged: AtomicU64,
    chunks_damaged: AtomicU64,
    tombstones_damaged: AtomicU64,
    manifest_rebuilt: AtomicU64,
    spills: AtomicU64,
    merges: AtomicU64,
    upkeep_failures: AtomicU64,
    writes_failed: AtomicU64,
    blocks_retired: AtomicU64,
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

/// The open files of the log, and what is about to be written to them.
#[derive(Debug)]
struct Log {
    /// `None` until the first write: a start needs no room on the disk.
    writer: Option<RecordWriter>,
    number: u64,
    series: RecordWriter,
    /// Payloads of pairs and series that were registered and not written yet.
    pending_pairs: Vec<u8>,
    pending_series: Vec<u8>,
    /// The list of series on disk numbers pairs otherwise than the head: it must be rewritten
    /// before the next write.
    series_stale: bool,
    poisoned: Option<String>,
    synced_ms: i64,
    buffer: Vec<u8>,
    taken: Vec<write::Taken>,
    slow: write::LastChunk,
}

/// The embedded metrics engine. One process at a time may have a folder open.
#[derive(Debug)]
pub struct Engine {
    settings: EngineSettings,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    folder: PathBuf,
    _lock: Box<dyn DiskLock>,
    /// One merge at a time.
    merging: Mutex<()>,
    /// One spill at a time.
    spilling: Mutex<()>,
    /// The manifest on disk.
    commit: Mutex<Manifest>,
    log: Mutex<Log>,
    head: RwLock<Head>,
    keys: RwLock<Keys>,
    version: RwLock<Arc<Version>>,
    extras: Mutex<Extras>,
    rates: Option<Rates>,
    next_file: AtomicU64,
    /// The generation of the memtable in which idle series were last looked for.
    forgotten: AtomicU64,
    key_seed: u64,
    seed: u64,
    counters: Counters,
    threads: Mutex<Vec<JoinHandle<()>>>,
    signal: Arc<Signal>,
}

/// Wakes and stops the threads of upkeep. They hold it, and not the engine, while they wait, so
/// that an engine that nobody uses any more goes away.
#[derive(Debug, Default)]
struct Signal {
    stopping: AtomicBool,
    wake: Condvar,
    /// Counts calls; a thread that has seen fewer has work to do.
    calls: Mutex<u64>,
}

impl Signal {
    fn wake(&self) {
        *self.calls.lock() += 1;
        self.wake.notify_all();
    }

    fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.wake();
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.signal.stop();
    }
}

impl Engine {
    fn new_file(&self) -> u64 {
        self.next_file.fetch_add(1, Ordering::SeqCst)
    }

    fn path(&self, kind: &str, number: u64) -> PathBuf {
        file_path(&self.folder, kind, number)
    }

    fn fingerprint(&self, labels: &Labels) -> u128 {
        fingerprint(labels, self.seed)
    }

    /// Bytes that the engine's structures may take; 0: no bound. The rest of the ceiling is for
    /// writing blocks, for queries and for what else the process does.
    fn budget_bytes(&self) -> u64 {
        self.settings.memory_limit_bytes / 20 * 11
    }

    fn memory_bytes(&self, head: &Head) -> u64 {
        (head.memory_bytes() + self.keys.read().memory_bytes()) as u64
    }
}

fn fingerprint(labels: &Labels, seed: u64) -> u128 {
    xxhash_rust::xxh3::xxh3_128_with_seed(labels.as_bytes(), seed)
}

impl MetricStore for Engine {
    fn key_seed(&self) -> u64 {
        self.key_seed
    }

    fn resolve(&self, key: SeriesKey) -> Option<SeriesRef> {
        self.keys.read().get(key).map(|id| SeriesRef(u64::from(id)))
    }

    fn resolve_many(&self, keys: &[SeriesKey], out: &mut Vec<Option<SeriesRef>>) {
        let table = self.keys.read();
        out.extend(
            keys.iter()
                .map(|&key| table.get(key).map(|id| SeriesRef(u64::from(id)))),
        );
    }

    fn register(
        &self,
        source: &Source,
        key: Option<SeriesKey>,
        labels: &Labels,
    ) -> Result<SeriesRef, StorageError> {
        self.register_series(source, key, labels)
    }

    fn write(&self, source: &Source, batch: &WriteBatch) -> Result<WriteOutcome, StorageError> {
        self.write_batch(source, batch)
    }

    fn select(
        &self,
        selection: &Selection<'_>,
    ) -> Result<Vec<Box<dyn SeriesHandle>>, StorageError> {
        self.select_series(selection)
    }

    fn label_names(&self, query: &LabelQuery<'_>) -> Result<Vec<String>, StorageError> {
        self.read_label_names(query)
    }

    fn label_values(
        &self,
        name: &str,
        query: &LabelQuery<'_>,
    ) -> Result<Vec<String>, StorageError> {
        self.read_label_values(name, query)
    }

    fn series(&self, query: &LabelQuery<'_>) -> Result<Vec<Labels>, StorageError> {
        self.read_series(query)
    }

    fn exemplars(&self, query: &LabelQuery<'_>) -> Result<Vec<ExemplarSeries>, StorageError> {
        Ok(self.extras.lock().exemplars(query))
    }

    fn metadata(&self, metric: Option<&str>) -> Result<Vec<MetadataEntry>, StorageError> {
        Ok(self.extras.lock().metadata(metric))
    }

    fn delete(&self, matcher_sets: &[Vec<Matcher>], range: TimeRange) -> Result<(), StorageError> {
        self.delete_samples(matcher_sets, range)
    }

    fn compact(&self) -> Result<(), StorageError> {
        Self::compact(self)
    }

    fn clean_tombstones(&self) -> Result<(), StorageError> {
        self.rewrite_deleted()
    }

    fn snapshot(&self, skip_head: bool) -> Result<String, StorageError> {
        self.write_snapshot(skip_head)
    }

    fn stats(&self, top: usize) -> StoreStats {
        self.collect_stats(top)
    }

    fn blocks(&self) -> Vec<BlockStats> {
        self.collect_blocks()
    }
}
