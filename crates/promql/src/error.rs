//! Why a query has no answer.

use std::fmt;

use bellwether_storage::{ErrorKind, StorageError};

use crate::ast::PosRange;

/// Where something stands in a text, as people count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextPosition {
    /// Line and column in bytes, both from 1.
    At {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// The text is empty.
    Unknown,
    /// Not inside of the text.
    Invalid,
}

impl TextPosition {
    /// The line and column of a byte of `text`.
    #[must_use]
    pub fn of(text: &str, byte: u32) -> Self {
        if text.is_empty() {
            return Self::Unknown;
        }
        let Some(before) = text.as_bytes().get(..byte as usize) else {
            return Self::Invalid;
        };
        let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
        let column = match before.iter().rposition(|&b| b == b'\n') {
            Some(line_end) => before.len() - line_end,
            None => before.len() + 1,
        };
        Self::At { line, column }
    }

    /// The same position in a text that stands `lines` further down in another one.
    #[must_use]
    pub fn lines_down(self, lines: usize) -> Self {
        match self {
            Self::At { line, column } => Self::At {
                line: line + lines,
                column,
            },
            other => other,
        }
    }
}

/// `line:column`, as Prometheus writes it.
impl fmt::Display for TextPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At { line, column } => write!(f, "{line}:{column}"),
            Self::Unknown => f.write_str("unknown position"),
            Self::Invalid => f.write_str("invalid position"),
        }
    }
}

/// Why a text is not a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{position}: parse error: {message}")]
pub struct ParseError {
    /// The bytes that are wrong.
    pub range: PosRange,
    /// Where they start, as people count.
    pub position: TextPosition,
    /// What is wrong, in the words of Prometheus where it has them.
    pub message: String,
}

impl ParseError {
    /// An error at a range of `text`.
    #[must_use]
    pub fn new(text: &str, range: PosRange, message: impl Into<String>) -> Self {
        Self {
            range,
            position: TextPosition::of(text, range.start),
            message: message.into(),
        }
    }
}

/// Why a query has no answer. The texts are those of Prometheus, since people and tests know them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The text is not a query.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The parameters of the query make no sense.
    #[error("{0}")]
    Invalid(String),
    /// The query cannot be evaluated on this data.
    #[error("{0}")]
    Execution(String),
    /// It took longer than allowed.
    #[error("query timed out in {0}")]
    Timeout(&'static str),
    /// It was stopped.
    #[error("query was canceled in {0}")]
    Cancelled(&'static str),
    /// It would have held more samples than allowed.
    #[error("query processing would load too many samples into memory in {0}")]
    TooManySamples(&'static str),
    /// It would have held more memory than one query may.
    #[error(
        "query would hold {held_bytes} bytes of memory, a query may hold {limit_bytes} bytes: ask for fewer series, a shorter range or longer steps, or raise {setting}"
    )]
    Memory {
        /// What it would have held.
        held_bytes: u64,
        /// The limit.
        limit_bytes: u64,
        /// What the limit comes from.
        setting: &'static str,
    },
    /// All running queries held too much, and it the most of them.
    #[error(
        "query was stopped: running queries held {all_bytes} of the {limit_bytes} bytes of memory that they may together, and this one the most, {held_bytes} bytes; try again later, ask for less, or raise {setting}"
    )]
    MemoryOfAll {
        /// What it held.
        held_bytes: u64,
        /// What all of them held.
        all_bytes: u64,
        /// The limit.
        limit_bytes: u64,
        /// What the limit comes from.
        setting: &'static str,
    },
    /// The process neared its ceiling, and it held the most of the running queries.
    #[error(
        "query was stopped: the process used {process_bytes} of {limit_bytes} bytes of memory, and this query held the most, {held_bytes} bytes; try again later, ask for less, or raise {setting}"
    )]
    MemoryOfProcess {
        /// What it held.
        held_bytes: u64,
        /// What the process had.
        process_bytes: u64,
        /// The ceiling.
        limit_bytes: u64,
        /// What the ceiling comes from.
        setting: &'static str,
    },
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl QueryError {
    /// What it means for the caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Parse(_) | Self::Invalid(_) | Self::Execution(_) => ErrorKind::Invalid,
            Self::Timeout(_) => ErrorKind::Timeout,
            Self::Cancelled(_) => ErrorKind::Unavailable,
            Self::TooManySamples(_)
            | Self::Memory { .. }
            | Self::MemoryOfAll { .. }
            | Self::MemoryOfProcess { .. } => ErrorKind::Limit,
            Self::Storage(error) => error.kind(),
        }
    }

    /// The `errorType` of the Prometheus HTTP API.
    #[must_use]
    pub fn api_type(&self) -> &'static str {
        match self {
            Self::Parse(_) | Self::Invalid(_) => "bad_data",
            Self::Timeout(_) => "timeout",
            Self::Cancelled(_) => "canceled",
            Self::Execution(_)
            | Self::TooManySamples(_)
            | Self::Memory { .. }
            | Self::MemoryOfAll { .. }
            | Self::MemoryOfProcess { .. } => "execution",
            Self::Storage(_) => "internal",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_from_one() {
        assert_eq!(TextPosition::of("abc", 0).to_string(), "1:1");
        assert_eq!(TextPosition::of("abc", 3).to_string(), "1:4");
        assert_eq!(TextPosition::of("a\nbc", 3).to_string(), "2:2");
        assert_eq!(TextPosition::of("a\n", 2).to_string(), "2:1");
        assert_eq!(TextPosition::of("", 0).to_string(), "unknown position");
        assert_eq!(TextPosition::of("a", 2).to_string(), "invalid position");
        assert_eq!(TextPosition::of("a", 0).lines_down(2).to_string(), "3:1");
    }
}
