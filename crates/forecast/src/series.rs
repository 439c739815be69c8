//! A series on a regular grid of times.

/// Values at `start_ms`, `start_ms + step_ms`, and so on, borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Series<'a> {
    /// Time between values in milliseconds, more than 0.
    pub step_ms: i64,
    /// Time of the first value, in milliseconds since 1970.
    pub start_ms: i64,
    /// The values, oldest first. One that is not finite is missing.
    pub values: &'a [f64],
}
