//! What providers of language models have in common: why a call failed, and what they still allow.
//!
//! ## Model
//! An [`ErrorClass`] says whose fault a failed call is and whether another try helps;
//! [`rate_limits`] reads the headers in which OpenAI, Anthropic and those like them say what is left.
//! Whoever calls providers, from inside a service or from outside as a probe, tells errors apart alike.
//!
//! ## Invariants
//! Pure: texts and numbers in, values out. Nothing here knows HTTP, a clock or JSON.
//!
//! ## Failure
//! What is not understood is left out: providers send what they like.

mod error_class;
mod rate_limit;

pub use error_class::ErrorClass;
pub use rate_limit::{RateLimit, rate_limits};
