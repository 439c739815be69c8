//! How replicas are set up.
//!
//! ## Invariants
//! Plain values: nothing here reads a file, a clock or the environment.

use std::path::PathBuf;

use bellwether_outbound::settings::{HttpClientSettings, Secret, TlsSettings};
use url::Url;

/// How long a lease lasts where nothing else is said. Chosen: with a look every tenth of it another
/// replica leads some 12 s after the death of the holder.
pub const TTL_MS: i64 = 10_000;
/// No lease is shorter: it would be lost to every pause of a machine.
pub const TTL_MS_MIN: i64 = 3_000;

/// How this replica finds the others.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaSettings {
    /// The lease.
    pub lease: LeaseSettings,
    /// What this replica is called, in the timeline and by the others.
    pub name: String,
    /// How long the lease lasts, ms; at least [`TTL_MS_MIN`].
    pub ttl_ms: i64,
}

/// Where the lease is, and with it the shared log.
#[derive(Debug, Clone, PartialEq)]
pub enum LeaseSettings {
    /// Files in a folder that all replicas see.
    File {
        /// The folder; made where it is not there.
        folder: PathBuf,
    },
    /// Two tables of a PostgreSQL.
    Postgres {
        /// A URL such as `postgresql://user:password@host/database`.
        url: Secret,
        /// TLS, where the URL's `sslmode` asks for it.
        tls: TlsSettings,
        /// Which lease of the tables, where several groups of replicas share them.
        lease: String,
    },
    /// A Lease of Kubernetes; the log goes from replica to replica.
    Kubernetes {
        /// Its namespace; `None`: that of the pod.
        namespace: Option<String>,
        /// Its name.
        name: String,
        /// Where the other replicas reach this one.
        url: Url,
        /// How this one asks the others.
        http: Box<HttpClientSettings>,
    },
}
