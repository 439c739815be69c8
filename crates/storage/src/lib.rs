//! What a store of metrics is, and the seams through which engines touch the world.
//!
//! ## Model
//! Everybody programs against [`MetricStore`]. Two kinds of things implement it: engines (the
//! embedded one, ClickHouse) and [`MemoryStore`], the slow and obvious one that tests compare with.
//! A [`StoreLayer`] stands around another store and does some things differently.
//! Engines touch files only through [`Disk`] and read the time only through [`Clock`].
//!
//! ## Invariants
//! No engine, no wire format, no query language here. All traits are synchronous: async callers
//! use a blocking pool. All times are milliseconds since the epoch and ranges include both ends.
//!
//! ## See also
//! `docs/adr/0001-store-traits.md`.

pub mod clock;
pub mod disk;
mod error;
mod evidence;
mod layer;
mod memory;
mod metric_store;
mod nowhere;
pub mod record_log;
mod samples;
mod series_writer;
mod state_store;
mod timeline;
mod write;

pub use clock::{Clock, ManualClock, SystemClock};
pub use disk::{
    Disk, DiskBytes, DiskEntry, DiskFile, DiskLock, Fault, FaultyDisk, RealDisk, Survives,
};
pub use error::{ErrorKind, StorageError};
pub use evidence::{EvidenceKey, EvidenceStore, MemoryEvidence};
pub use layer::StoreLayer;
pub use memory::MemoryStore;
pub use metric_store::{
    BlockStats, ExemplarSeries, LabelQuery, MetadataEntry, MetricStore, Selection, SelectionHints,
    SeriesHandle, StoreStats, TopEntry,
};
pub use nowhere::NowhereStore;
pub use samples::Samples;
pub use series_writer::{SeriesWriter, WriteError};
pub use state_store::{MemoryStateStore, StateChange, StateEntries, StateStore};
pub use timeline::{
    MemoryTimeline, RECENT_ROWS_MAX, RecentRows, Tail, Timeline, TimelineKind, TimelineQuery,
    TimelineRow,
};
pub use write::{
    Rejection, RejectionReason, SeriesKey, SeriesRef, Source, WriteBatch, WriteOutcome,
};
