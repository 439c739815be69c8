//! Fuzz targets of every parser and decoder: what comes from outside, or from a disk, must end in a
//! value or an error, never in a panic, and never take memory out of proportion.
//!
//! ## See also
//! `fuzz/README.md` for coverage-guided runs of the same targets.

mod alerting;
pub mod allocation;
mod bodies;
mod dashboards;
mod edge;
mod files;
pub mod mutate;
mod objectives;
mod probes;
mod seal;
mod store_files;
pub mod targets;
mod texts;
