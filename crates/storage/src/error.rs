//! The error of a store, and the small closed set of kinds that every error of ours answers.

/// What an error means for the caller. One file at the edge turns kinds into HTTP and gRPC codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is wrong; the same request will fail again.
    Invalid,
    /// The thing is not there.
    NotFound,
    /// The thing is there already, in another form.
    Conflict,
    /// A limit was reached.
    Limit,
    /// Not now; later perhaps.
    Unavailable,
    /// Stored data is damaged.
    Corrupt,
    /// It took too long.
    Timeout,
    /// A defect of ours.
    Internal,
}

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The disk failed.
    #[error("{operation} {path}: {source}")]
    Io {
        /// What was tried, such as `write`.
        operation: &'static str,
        /// The file or folder.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Stored bytes are not what was written.
    #[error("{file} is damaged at offset {offset}: expected {expected}, found {found}")]
    Corrupt {
        /// The file, relative to the data folder.
        file: String,
        /// Where in it.
        offset: u64,
        /// What should stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// An earlier write failed in a way that leaves the file's content unknown.
    #[error("no writes are taken since an earlier one failed ({reason}); restart to recover")]
    Poisoned {
        /// The failure.
        reason: String,
    },
    /// A limit was reached.
    #[error("{0}")]
    Limit(String),
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The store is opening or closing.
    #[error("{0}")]
    Unavailable(String),
}

impl StorageError {
    /// Names what was tried on which file.
    #[must_use]
    pub fn io(operation: &'static str, path: &std::path::Path, source: std::io::Error) -> Self {
        Self::Io {
            operation,
            path: path.display().to_string(),
            source,
        }
    }

    /// What it means for the caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { .. } | Self::Poisoned { .. } | Self::Unavailable(_) => {
                ErrorKind::Unavailable
            }
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Limit(_) => ErrorKind::Limit,
            Self::Invalid(_) => ErrorKind::Invalid,
        }
    }

    /// Whether the same call may succeed later without anybody changing it.
    #[must_use]
    pub fn retry(&self) -> bool {
        matches!(self.kind(), ErrorKind::Unavailable | ErrorKind::Limit)
    }
}
