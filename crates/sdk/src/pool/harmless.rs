//! What belongs to others and may panic: the values of jobs as they are dropped, and what wakes those
//! who wait for them.

use std::any::Any;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::JobError;

/// Does something of which only the effects matter; a panic is told and goes no further.
pub(super) fn harmless(act: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(act)) {
        let error = panicked(panic);
        tracing::error!(%error, "what a job held panicked as it was dropped");
    }
}

/// A job's end where it panicked.
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> JobError {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        // A value of a panic that panics itself: whatever comes of dropping that one is not to be seen.
        let _kept_for_ever = ManuallyDrop::new(again);
    }
    JobError::Panicked(text.unwrap_or_else(|| "no text".to_owned()))
}
