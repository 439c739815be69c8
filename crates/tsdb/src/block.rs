//! A block: samples of many series over a window of time, with their index, in one immutable file.
//!
//! ## Model
//! A block is written once by [`BlockWriter`], from front to back, series by series in the order of
//! their labels, and mapped into memory by [`Block`]. A series in a block has a number, its place
//! in that order; a label pair has a number, its place in order of first use.
//!
//! ## Invariants
//! Chunks of a series are ascending and do not overlap. Fingerprints are hashes of labels under
//! the store's secret seed and identify a series across blocks and the head.
//!
//! ## Failure
//! The index is checked when the block is opened, each chunk when it is read.
//!
//! ## Format
//! `docs/format/block.md`.

mod layout;
mod reader;
mod writer;

pub(crate) use layout::BlockFacts;
pub(crate) use reader::Block;
pub(crate) use writer::BlockWriter;
