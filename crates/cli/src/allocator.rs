//! The allocator's settings.
//!
//! ## Model
//! mimalloc keeps freed pages for a second by default and looks at them again only when a thread
//! frees more. A server that has written its samples to a block and then waits would hold on to
//! their memory: measured, 440 bytes a series of 1,100. Returned at once, they cost no CPU that
//! could be measured in ingest; queries that allocate much pay about a fifth in page faults.
//!
//! ## Limits
//! `MIMALLOC_PURGE_DELAY`, in ms, in the environment goes before what is set here.
#![expect(
    unsafe_code,
    reason = "the allocator's options are set through its C interface"
)]

use std::ffi::{c_int, c_long};

/// `mi_option_purge_delay` in `mimalloc.h` of mimalloc 2 and 3: ms until freed pages are returned.
const PURGE_DELAY: c_int = 15;

unsafe extern "C" {
    /// Sets an option to a value unless the environment has set it.
    fn mi_option_set_default(option: c_int, value: c_long);
    #[cfg(test)]
    fn mi_option_get(option: c_int) -> c_long;
}

/// Makes the allocator return freed pages to the system without waiting. To be called first, while
/// there is one thread.
pub(crate) fn return_memory_at_once() {
    // SAFETY: the signature is that of `mimalloc.h`, the library is linked as the global allocator,
    // the option is a valid one, and no other thread reads or sets options yet.
    unsafe { mi_option_set_default(PURGE_DELAY, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_the_purge_delay() {
        // SAFETY: the signature is that of `mimalloc.h`; reading an option changes nothing.
        let get = || unsafe { mi_option_get(PURGE_DELAY) };
        // The default of no other option has this value: the number names the right one.
        assert_eq!(get(), 1_000);
        return_memory_at_once();
        assert_eq!(get(), 0);
    }
}
