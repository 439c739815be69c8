//! How much a template may do. Templates come from configuration files that somebody else may have
//! written, and their data from whoever sends alerts.

/// Deepest nesting of blocks and parentheses in the text of a template. Chosen: far above any real
/// template; together with [`RECURSION_MAX`] it keeps the evaluator on a stack of 2 MiB
/// (`tests/cases/limits.rs`).
pub const NESTING_MAX: usize = 100;

/// Most blocks, parentheses and calls of templates that are open at a time during an execution.
pub const RECURSION_MAX: usize = 400;

/// Deepest nesting of lists and maps that templates build. Chosen: far above any real data, and low
/// enough for recursion over a value.
pub const VALUE_DEPTH_MAX: u16 = 64;

/// Longest text of a template in bytes. Chosen: far above any real template.
pub const SOURCE_BYTES_MAX: usize = 4 << 20;

/// Most variables that can be seen at a point of a template. Chosen: far above any real template.
pub const VARIABLES_MAX: usize = 1_000;

/// Most parts of a page that are looked at to find out how values are to be escaped. Chosen: a
/// template of [`SOURCE_BYTES_MAX`] has fewer, but loops within loops multiply.
pub const ESCAPE_STEPS_MAX: usize = 1 << 20;

/// Limits of one execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of output, and of any string on the way to it.
    pub output_bytes_max: usize,
    /// Most steps. A pipeline, a pass of a loop, a call, an argument and a field each count one; so
    /// do 256 bytes or two elements that a function takes or gives. A regular expression counts
    /// 2,000 when it is compiled, and more with its length and that of the text; each match that is
    /// replaced counts one and another for 32 bytes of the text.
    pub steps_max: u64,
    /// Most templates that are open at a time, each called by the one before.
    pub depth_max: usize,
}

/// Chosen: 2 MiB is more than any receiver takes; the default templates of Alertmanager take about
/// 30 steps an alert, and a million steps last well under a second.
impl Default for Limits {
    fn default() -> Self {
        Self {
            output_bytes_max: 2 << 20,
            steps_max: 1_000_000,
            depth_max: 100,
        }
    }
}
