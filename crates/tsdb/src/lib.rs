//! The embedded metrics engine: samples on one machine's disk, found by labels and time.
//!
//! ## Model
//! [`Engine`] implements [`bellwether_storage::MetricStore`]. What is written goes to a log and to
//! memory, from memory to blocks, and small blocks are merged into larger ones. A block holds
//! samples of many series over a window of time together with their index.
//!
//! ## Invariants
//! What was acknowledged is there exactly once after the process dies. Values come back to the bit.
//! Files are written once and replaced by rename. No query language and no HTTP here.
//!
//! ## Limits
//! `EngineSettings` bounds memory, series, labels and the rate of samples. 2³² series may be registered in the life of a
//! data folder.
//!
//! ## Failure
//! Damage is reported, skipped and counted. See the pages in `docs/format`.
//!
//! ## See also
//! `docs/adr/0002-metrics-engine.md`.

mod block;
mod chunk;
mod engine;
mod error;
mod extras;
mod head;
mod histogram_codec;
mod index;
mod keys;
mod manifest;
mod memtable;
mod merge;
mod points;
mod rates;
mod records;
mod select;
mod settings;

pub use engine::Engine;
pub use settings::{EngineSettings, FsyncPolicy};
