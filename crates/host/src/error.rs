//! Why a collector has no numbers.

use bellwether_storage::ErrorKind;

/// Why a collector has no numbers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// A file cannot be read; in containers it is mostly not there.
    #[error("read {path}: {source}")]
    Read {
        /// The file, below the root.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file says something else than expected.
    #[error("{path} holds no {wanted}")]
    Malformed {
        /// The file, below the root.
        path: String,
        /// What was looked for.
        wanted: &'static str,
    },
}

impl HostError {
    /// What it means for the caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                ErrorKind::NotFound
            }
            Self::Read { .. } => ErrorKind::Unavailable,
            Self::Malformed { .. } => ErrorKind::Invalid,
        }
    }
}
