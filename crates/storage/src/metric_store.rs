//! The trait of a store of metrics.

use std::fmt::Debug;

use bellwether_model::{Exemplar, Labels, Matcher, Metadata, TimeRange};

use crate::{Samples, SeriesKey, SeriesRef, Source, StorageError, WriteBatch, WriteOutcome};

/// A question for series.
#[derive(Debug, Clone)]
pub struct Selection<'a> {
    /// All must hold. An empty list selects every series.
    pub matchers: &'a [Matcher],
    /// Samples wanted, both ends included. Series without a sample in it may be returned.
    pub range: TimeRange,
    /// What the caller will do; only to save work.
    pub hints: SelectionHints,
}

/// What a caller will do with the series it selects. A store may ignore all of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SelectionHints {
    /// Only the labels are wanted.
    pub labels_only: bool,
    /// At most so many series are wanted (0: all). More than this is an error of kind `Limit`.
    pub series_max: usize,
}

/// One selected series: labels now, samples when asked. Holds what it needs to stay readable while
/// the store goes on (blocks are not deleted under it).
pub trait SeriesHandle: Send + Sync + Debug {
    /// The labels.
    fn labels(&self) -> &Labels;

    /// About how many bytes of memory the handle takes, with its labels and with samples that it
    /// keeps, if it does.
    fn memory_bytes(&self) -> usize {
        128 + self.labels().as_bytes().len()
    }

    /// Appends the samples inside of `range` (both ends included) to `out`, ascending, each time
    /// once, staleness markers included. `out` is not cleared. Can be called from any thread.
    /// The hint of a histogram says whether it was reset since the sample just before it in the
    /// series ([`bellwether_model::FloatHistogram::hint_after`]), also where that one is not read.
    ///
    /// # Errors
    /// Where stored bytes are damaged or cannot be read. `out` then holds what came before.
    fn read(&self, range: TimeRange, out: &mut Samples) -> Result<(), StorageError>;
}

/// A question for label names, label values or series.
#[derive(Debug, Clone)]
pub struct LabelQuery<'a> {
    /// A series counts when all matchers of at least one list hold. No list: every series counts.
    pub matcher_sets: &'a [Vec<Matcher>],
    /// The series must have existed in this range, both ends included; engines may answer for a
    /// somewhat larger range.
    pub range: TimeRange,
    /// At most so many results (0: all).
    pub limit: usize,
}

/// The exemplars of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct ExemplarSeries {
    /// Labels of the series.
    pub labels: Labels,
    /// Its exemplars, ascending in time.
    pub exemplars: Vec<Exemplar>,
}

/// Metadata of one metric family. A family may have several, from several targets.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataEntry {
    /// Name of the family.
    pub metric: String,
    /// What is known of it.
    pub metadata: Metadata,
}

/// A name and how many things it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopEntry {
    /// The name.
    pub name: String,
    /// How many.
    pub value: u64,
}

/// Numbers for the status page. Lists hold the greatest first, at most as many as were asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoreStats {
    /// Series in the head.
    pub head_series: u64,
    /// Distinct label pairs in the head.
    pub head_label_pairs: u64,
    /// Chunks in the head.
    pub head_chunks: u64,
    /// Oldest sample in the head, ms; `i64::MAX` where it is empty.
    pub head_min_ms: i64,
    /// Newest sample in the head, ms; `i64::MIN` where it is empty.
    pub head_max_ms: i64,
    /// Blocks on disk.
    pub block_count: u64,
    /// Bytes of the data folder.
    pub disk_bytes: u64,
    /// Bytes that the store accounts for in memory.
    pub memory_bytes: u64,
    /// The ceiling for `memory_bytes`; 0 where there is none.
    pub memory_limit_bytes: u64,
    /// Series by metric name.
    pub series_by_metric: Vec<TopEntry>,
    /// Distinct values by label name.
    pub values_by_label: Vec<TopEntry>,
    /// Bytes by label name.
    pub bytes_by_label: Vec<TopEntry>,
    /// Series by `name=value`.
    pub series_by_pair: Vec<TopEntry>,
    /// Series by source.
    pub series_by_source: Vec<TopEntry>,
    /// Own counters and gauges, with their metric names.
    pub counters: Vec<(&'static str, f64)>,
}

/// An immutable part of the data on disk, for the status page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockStats {
    /// What tells it from the others of the store, for as long as the store lives.
    pub number: u64,
    /// Oldest sample, ms.
    pub min_ms: i64,
    /// Newest sample, ms.
    pub max_ms: i64,
    /// Series.
    pub series_count: u64,
    /// Samples.
    pub sample_count: u64,
    /// Chunks.
    pub chunk_count: u64,
    /// Bytes on disk.
    pub disk_bytes: u64,
}

/// A store of metrics. Shared between threads; every method may be called at any time.
pub trait MetricStore: Send + Sync + Debug {
    /// The secret with which writers hash series into keys.
    fn key_seed(&self) -> u64;

    /// The series that was registered under a key, if the store still has it in its head.
    fn resolve(&self, key: SeriesKey) -> Option<SeriesRef>;

    /// [`MetricStore::resolve`] for many keys at once: appends one answer a key to `out`.
    fn resolve_many(&self, keys: &[SeriesKey], out: &mut Vec<Option<SeriesRef>>) {
        out.extend(keys.iter().map(|key| self.resolve(*key)));
    }

    /// Finds or makes a series, and remembers it under `key` if there is one.
    ///
    /// # Errors
    /// Kind `Limit` where the source may have no more series or memory is short; kind `Invalid`
    /// for labels without a name or over a limit. The text names the source, the count and the
    /// limit.
    fn register(
        &self,
        source: &Source,
        key: Option<SeriesKey>,
        labels: &Labels,
    ) -> Result<SeriesRef, StorageError>;

    /// Stores a batch. When it returns, what was taken survives the death of the process, and a
    /// power cut as far as the engine's sync setting says.
    ///
    /// # Errors
    /// None of the batch counts as acknowledged then, though part of it may be there.
    fn write(&self, source: &Source, batch: &WriteBatch) -> Result<WriteOutcome, StorageError>;

    /// The series that match, in no particular order.
    ///
    /// # Errors
    /// Kind `Limit` where there are more than `series_max`; else where the index cannot be read.
    fn select(&self, selection: &Selection<'_>)
    -> Result<Vec<Box<dyn SeriesHandle>>, StorageError>;

    /// Label names, sorted.
    ///
    /// # Errors
    /// Where the index cannot be read.
    fn label_names(&self, query: &LabelQuery<'_>) -> Result<Vec<String>, StorageError>;

    /// Values of a label, sorted.
    ///
    /// # Errors
    /// Where the index cannot be read.
    fn label_values(&self, name: &str, query: &LabelQuery<'_>)
    -> Result<Vec<String>, StorageError>;

    /// Label sets of series, sorted.
    ///
    /// # Errors
    /// Where the index cannot be read.
    fn series(&self, query: &LabelQuery<'_>) -> Result<Vec<Labels>, StorageError>;

    /// Exemplars of the series that match any of the lists.
    ///
    /// # Errors
    /// Where they cannot be read.
    fn exemplars(&self, query: &LabelQuery<'_>) -> Result<Vec<ExemplarSeries>, StorageError>;

    /// Metadata of a metric family, or of all, sorted by name.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn metadata(&self, metric: Option<&str>) -> Result<Vec<MetadataEntry>, StorageError>;

    /// Deletes the samples of the matching series inside of `range`. They are gone from answers
    /// when it returns, and from disk after the next [`MetricStore::clean_tombstones`].
    ///
    /// # Errors
    /// Where the deletion cannot be made durable.
    fn delete(&self, matcher_sets: &[Vec<Matcher>], range: TimeRange) -> Result<(), StorageError>;

    /// Rewrites blocks without what was deleted.
    ///
    /// # Errors
    /// Where a block cannot be rewritten; the old one stays.
    fn clean_tombstones(&self) -> Result<(), StorageError>;

    /// Writes what is in memory to disk and merges what can be merged, at once instead of when it is
    /// due.
    ///
    /// # Errors
    /// Where a block cannot be written; what was there stays.
    fn compact(&self) -> Result<(), StorageError> {
        self.clean_tombstones()
    }

    /// Puts a consistent copy of all data under `snapshots/` of the data folder and gives back the
    /// copy's name. With `skip_head` only blocks are copied.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn snapshot(&self, skip_head: bool) -> Result<String, StorageError>;

    /// Numbers for the status page, with lists of at most `top` entries.
    fn stats(&self, top: usize) -> StoreStats;

    /// The immutable parts of the data, by their oldest sample; none where a store has no such
    /// thing.
    fn blocks(&self) -> Vec<BlockStats> {
        Vec::new()
    }
}
