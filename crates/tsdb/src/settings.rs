//! What can be set about the engine.

/// When the log is made to survive a power cut. The death of the process loses nothing in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FsyncPolicy {
    /// Before each write returns.
    Always,
    /// Every so many milliseconds.
    Interval(u64),
    /// When the operating system likes.
    Never,
}

/// The engine's settings. `Default` is what a server without configuration runs with.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Ceiling for the process, in bytes; the engine keeps its own structures below 60 % of it.
    /// 0: none.
    pub memory_limit_bytes: u64,
    /// When the log is synced.
    pub wal_fsync: FsyncPolicy,
    /// Blocks whose newest sample is older than this are removed; 0: never.
    pub retention_ms: i64,
    /// When the folder is larger than this, the oldest blocks are removed; 0: no bound.
    pub retention_bytes: u64,
    /// The span of the smallest window of time, in ms. Blocks never cross windows of twelve spans.
    pub block_span_ms: i64,
    /// Series that one source may have in the head; 0: no bound.
    pub series_per_source_max: u64,
    /// Samples a second that one source may send, over a minute; 0: no bound.
    pub samples_per_second_max: u64,
    /// Labels a series may have; 0: no bound.
    pub labels_max: usize,
    /// Bytes a label's name may have; 0: no bound.
    pub label_name_bytes_max: usize,
    /// Bytes a label's value may have; 0: no bound.
    pub label_value_bytes_max: usize,
    /// Samples further in the future than this are refused, in ms; 0: no bound.
    pub future_max_ms: i64,
    /// Samples in memory before they are written to a block.
    pub memtable_samples_max: usize,
    /// Samples wait in memory for a block at most this long, in ms, so that the log stays short.
    pub memtable_age_max_ms: i64,
    /// Exemplars kept over all series; 0: none.
    pub exemplars_max: usize,
    /// Metadata entries kept.
    pub metadata_max: usize,
    /// Between two rounds of upkeep of the engine's own thread, in ms.
    pub upkeep_interval_ms: u64,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            memory_limit_bytes: 0,
            wal_fsync: FsyncPolicy::Interval(1_000),
            retention_ms: 15 * 86_400_000,
            retention_bytes: 0,
            block_span_ms: 2 * 3_600_000,
            series_per_source_max: 0,
            samples_per_second_max: 0,
            labels_max: 128,
            label_name_bytes_max: 1_024,
            label_value_bytes_max: 16_384,
            future_max_ms: 600_000,
            // Measured: 28 MB of samples in memory, and a log of about 8 MB to read at a start.
            memtable_samples_max: 2_000_000,
            memtable_age_max_ms: 30 * 60_000,
            exemplars_max: 100_000,
            metadata_max: 100_000,
            upkeep_interval_ms: 1_000,
        }
    }
}
