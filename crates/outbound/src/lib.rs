//! The HTTP client of everything that we ask ourselves: scrapes, discovery, remote write.
//!
//! ## See also
//! [`settings`] for what a client can be told.

pub mod settings;
