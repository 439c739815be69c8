//! A series at regular times.

/// Values at regular times. A value that is not finite is missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Series<'a> {
    /// Time from one value to the next in milliseconds, at least 1.
    pub step_ms: i64,
    /// Time of the first value, Unix milliseconds.
    pub start_ms: i64,
    /// The values, oldest first.
    pub values: &'a [f64],
}
