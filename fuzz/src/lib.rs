//! Fuzz targets of every parser and decoder: what comes from outside, or from a disk, must end in a
//! value or an error, never in a panic, and never take memory out of proportion.
//!
//! ## See also
//! `fuzz/README.md` for coverage-guided runs of the same targets.

pub mod allocation;
pub mod mutate;
mod store_files;
pub mod targets;
