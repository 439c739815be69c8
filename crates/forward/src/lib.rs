//! Sending what is stored to other stores by remote write.
//!
//! ## Model
//! A [`ForwardStore`] stands around the real store and passes everything on; what the store took
//! it hands to the [`Forwarder`], which has one queue on disk and one sender per remote. A sender
//! reads a window of its queue, splits it by series into shards that send at the same time, and
//! moves its position when all of the window is acknowledged.
//!
//! ## Invariants
//! Samples of a series are sent in the order in which they were stored. What was not acknowledged
//! is still in the queue after a restart. A remote that is slow or away never slows down a write.
//!
//! ## Limits
//! A queue takes at most [`ForwardOptions::queue_bytes_max`]; beyond that the oldest samples are
//! dropped and counted.
//!
//! ## Failure
//! Errors that may pass (no connection, 5xx, 429 where the settings say so) are retried for as
//! long as it takes, with growing pauses or those that the remote asks for; the log says when this
//! begins, that it lasts, and when it is over. What a remote refuses for good is dropped, counted
//! and logged.
//!
//! ## Format
//! `docs/format/forward-queue.md`

mod forwarder;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod outage;
mod queue;
mod record;
mod remote;
mod request;
pub mod settings;
mod store;

pub use forwarder::{ForwardError, ForwardOptions, Forwarder, ForwarderParts, RemoteStatus};
pub use store::ForwardStore;
