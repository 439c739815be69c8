//! Tables of cases, and what must hold for all templates.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot set up has failed"
)]

mod alertmanager;
mod builtins;
mod common;
mod errors;
mod html;
mod language;
mod limits;
mod prometheus;
mod properties;
