//! Why a request failed before or while its answer came.

use std::error::Error as _;

use bellwether_storage::ErrorKind;

/// Why a request failed. An answer with an error status is no failure of the request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// A file that the settings name cannot be read.
    #[error("{what} {path:?}: {source}")]
    File {
        /// The setting that names it, such as `tls_config.ca_file`.
        what: String,
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A setting makes no sense.
    #[error("{what}: {reason}")]
    Settings {
        /// Which setting.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The server cannot be reached, or the connection broke.
    #[error("{url}: {reason}")]
    Transport {
        /// What was asked for, without a password.
        url: String,
        /// The causes, outermost first.
        reason: String,
        /// Whether time ran out.
        timed_out: bool,
    },
    /// The token server refused.
    #[error("OAuth 2.0 token request to {url}: {reason}")]
    Token {
        /// The token URL.
        url: String,
        /// What it said.
        reason: String,
    },
    /// The body is longer than the caller takes.
    #[error("body has more than {limit} bytes")]
    BodyTooLarge {
        /// The limit.
        limit: u64,
    },
    /// The body is not in the encoding that the server says.
    #[error("body is not valid {encoding}: {reason}")]
    Decode {
        /// The encoding.
        encoding: String,
        /// What is wrong.
        reason: String,
    },
}

impl OutboundError {
    /// What the error means for a caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::File { .. } | Self::Settings { .. } | Self::Decode { .. } => ErrorKind::Invalid,
            Self::Transport { timed_out, .. } if *timed_out => ErrorKind::Timeout,
            Self::Transport { .. } | Self::Token { .. } => ErrorKind::Unavailable,
            Self::BodyTooLarge { .. } => ErrorKind::Limit,
        }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn retry(&self) -> bool {
        matches!(self.kind(), ErrorKind::Timeout | ErrorKind::Unavailable)
    }

    /// Puts `prefix` in front of the setting that it is about.
    #[must_use]
    pub(crate) fn below(mut self, prefix: &str) -> Self {
        if let Self::File { what, .. } | Self::Settings { what, .. } = &mut self {
            what.insert_str(0, prefix);
        }
        self
    }

    pub(crate) fn settings(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Settings {
            what: what.into(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn transport(url: &url::Url, error: reqwest::Error) -> Self {
        let timed_out = error.is_timeout();
        // The URL is shown once, by us, without its password.
        let error = error.without_url();
        let mut reason = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !reason.contains(&text) {
                reason.push_str(": ");
                reason.push_str(&text);
            }
            source = cause.source();
        }
        Self::Transport {
            url: crate::settings::redacted_url(url),
            reason,
            timed_out,
        }
    }
}
