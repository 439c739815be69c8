//! What the probes of a configuration look at.

pub(super) mod disk;
pub(super) mod http;
pub(super) mod memory;
pub(super) mod own;
pub(super) mod tcp;
