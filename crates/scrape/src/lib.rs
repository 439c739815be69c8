//! Collection by asking: discovery of targets, relabelling, exposition formats, scrape loops.
//!
//! ## See also
//! [`settings`] for what a job can be told.

pub mod settings;
