//! What is wrong with a template, and where.

use std::fmt;

/// A place in the text of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The name under which the text was parsed.
    pub template: Box<str>,
    /// The line, counted from 1.
    pub line: u32,
    /// How many bytes stand before it in its line, as in Go's messages.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.template, self.line, self.column)
    }
}

/// What an error means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The template is wrong, or does not fit the data.
    Invalid,
    /// There is no template of that name.
    NotFound,
    /// A limit was reached.
    Limit,
}

/// Why a template cannot be parsed or executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The text is not a template.
    #[error("template: {at}: {reason}")]
    Parse {
        /// Where.
        at: Position,
        /// What is wrong.
        reason: String,
    },
    /// A template does not fit its data, or a function failed.
    #[error("template: {at}: executing {} at <{context}>: {reason}", crate::quote::quoted(.template))]
    Execute {
        /// Where.
        at: Position,
        /// The template that was executed; `at` names the text that it is defined in.
        template: Box<str>,
        /// The source text there.
        context: Box<str>,
        /// What is wrong.
        reason: String,
    },
    /// The execution of a template reached a limit.
    #[error("template: {at}: executing {} at <{context}>: {reason}", crate::quote::quoted(.template))]
    Limit {
        /// Where.
        at: Position,
        /// The template that was executed; `at` names the text that it is defined in.
        template: Box<str>,
        /// The source text there.
        context: Box<str>,
        /// Which limit, and its value.
        reason: String,
    },
    /// A page is built in a way in which its values cannot be escaped safely.
    #[error("html/template:{at}: {reason}")]
    Escape {
        /// Where.
        at: Position,
        /// What is wrong.
        reason: String,
    },
    /// There is no template of that name.
    #[error("template: no template {}; {known}", crate::quote::quoted(.name))]
    NotFound {
        /// The name asked for.
        name: Box<str>,
        /// Which there are, in words.
        known: String,
    },
}

impl TemplateError {
    /// What it means for the caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Parse { .. } | Self::Execute { .. } | Self::Escape { .. } => ErrorKind::Invalid,
            Self::Limit { .. } => ErrorKind::Limit,
            Self::NotFound { .. } => ErrorKind::NotFound,
        }
    }

    /// Where it is, if it is in a template.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        match self {
            Self::Parse { at, .. }
            | Self::Execute { at, .. }
            | Self::Limit { at, .. }
            | Self::Escape { at, .. } => Some(at),
            Self::NotFound { .. } => None,
        }
    }
}
