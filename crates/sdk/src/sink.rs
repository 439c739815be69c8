//! Where events go.
//!
//! ## Model
//! A [`Sink`] takes events one by one, from any thread, without waiting. [`FileSink`] writes them as
//! lines of JSON; others are the service's own.

mod aside;
mod compress;
mod file;
#[cfg(test)]
mod folder;
mod medium;
mod queue;
pub(crate) mod wait;
mod writer;

use std::fmt::Debug;
use std::time::Duration;

use crate::event::Event;
use crate::span::Span;

pub use file::{FileSettings, FileSink, FileSinkError};
pub use queue::FlushError;
pub use writer::{Fsync, Rotation};

/// Takes events.
pub trait Sink: Send + Sync + Debug {
    /// Takes an event. Called on the thread that emits: it must not wait for a disk or a network.
    fn take(&self, event: &Event<'_>);

    /// Whether it takes spans too. Asked once, when it is added.
    fn takes_spans(&self) -> bool {
        false
    }

    /// Takes a span that has ended, as [`Sink::take`] takes events.
    fn take_span(&self, span: &Span<'_>) {
        let _not_wanted = span;
    }

    /// Waits until what was taken before is where it belongs, at most so long. Blocks the thread.
    ///
    /// # Errors
    /// Where it is not there in time, or where something was lost since the last time that this was said.
    fn flush(&self, patience: Duration) -> Result<(), FlushError> {
        let _no_need = patience;
        Ok(())
    }
}
