//! Why the edge cannot serve.

use std::net::SocketAddr;

use bellwether_storage::ErrorKind;

/// Why the edge cannot serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address can be reached from elsewhere and nobody would be asked who they are.
    #[error(
        "{address} can be reached from other machines and no authentication is configured: set users or tokens in the web configuration file, listen on 127.0.0.1, or pass --insecure-listen"
    )]
    Exposed {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A certificate, key or CA does not serve.
    #[error("{path}: {reason}")]
    Tls {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting makes no sense.
    #[error("{setting}: {reason}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl ServerError {
    /// What it means for the caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Exposed { .. } | Self::Tls { .. } | Self::Setting { .. } => ErrorKind::Invalid,
            Self::Listen { .. } => ErrorKind::Unavailable,
        }
    }
}
