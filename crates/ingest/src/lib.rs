//! Wire formats in and out of the store: what others send us, and what they ask back.
//!
//! ## Model
//! Each format is a module with a receiver or writer that takes bytes and answers with a typed
//! outcome: [`remote_write`], [`otlp`], [`remote_read`], [`exposition`]. The server mounts them on
//! HTTP and gRPC; nothing here knows either.
//!
//! ## Invariants
//! Series that were seen before are found by the hash of the bytes in which they arrive; labels
//! are parsed once per series, not once per sample ([`series_key`]). What is refused is counted
//! and named; what is sound in the same request is stored.
//!
//! ## Limits
//! Every decoder checks sizes before it takes memory; the limits are parameters of the receivers.

pub mod exposition;
pub mod otlp;
mod pending;
pub mod remote_read;
pub mod remote_write;
pub mod series_key;
