//! How bad an alert is.

use std::fmt;

/// The four levels of an alert, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Will need somebody, not now.
    Warning,
    /// Something is broken.
    Error,
    /// People are hurt by it now.
    Critical,
}

impl Severity {
    /// The word for it in labels and configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    /// The level for a word, or `None`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "info" => Self::Info,
            "warning" => Self::Warning,
            "error" => Self::Error,
            "critical" => Self::Critical,
            _ => return None,
        })
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
