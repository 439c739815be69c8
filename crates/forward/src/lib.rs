//! Sending of what was stored to other stores by remote write.
//!
//! ## See also
//! [`settings`] for what a sender can be told.

pub mod settings;
