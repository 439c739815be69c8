//! Where replicas meet: the lease and the log that settings name.

use std::sync::Arc;

use bellwether_outbound::lazy_client;
use bellwether_storage::{Clock, Disk};

use super::file::{FileLease, FileLog, SharedFolder};
use super::kubernetes::{KubernetesAccess, KubernetesLease};
use super::lease::{Lease, ReplicaError};
use super::peers::PeerLog;
use super::postgres::{Postgres, PostgresLease, PostgresLog};
use super::settings::{LeaseSettings, ReplicaSettings};
use super::shared_log::SharedLog;

/// What a place is reached through.
#[derive(Clone)]
pub struct PlaceParts<'a> {
    /// Files of a shared folder.
    pub disk: Arc<dyn Disk>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Tells this process from others, also those of the same name before it.
    pub instance: &'a str,
    /// Variables of the environment, by which a pod finds its cluster.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
}

impl std::fmt::Debug for PlaceParts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlaceParts")
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}

/// A lease and the log beside it.
#[derive(Debug)]
pub struct Place {
    /// Says who leads.
    pub lease: Arc<dyn Lease>,
    /// Says what was notified.
    pub log: Arc<dyn SharedLog>,
    /// The same log where the replicas keep it themselves: a server answers the others with it.
    pub peer_log: Option<PeerLog>,
}

impl Place {
    /// Opens the place of a replica. Blocks while a shared folder is made; a server is asked later.
    ///
    /// # Errors
    /// Where the settings cannot work here.
    pub fn open(settings: &ReplicaSettings, parts: PlaceParts<'_>) -> Result<Self, ReplicaError> {
        let PlaceParts {
            disk,
            clock,
            instance,
            environment,
        } = parts;
        let ReplicaSettings { name, ttl_ms, .. } = settings;
        Ok(match &settings.lease {
            LeaseSettings::File { folder } => {
                let folder = SharedFolder::open(disk, folder, clock)?;
                Self {
                    lease: Arc::new(FileLease::new(folder.clone(), name)),
                    log: Arc::new(FileLog::new(folder)),
                    peer_log: None,
                }
            }
            LeaseSettings::Postgres { url, tls, lease } => {
                let postgres = Postgres::new(url, tls, lease)?;
                Self {
                    lease: Arc::new(PostgresLease::new(
                        postgres.clone(),
                        name,
                        instance,
                        *ttl_ms,
                    )),
                    log: Arc::new(PostgresLog::new(postgres)),
                    peer_log: None,
                }
            }
            LeaseSettings::Kubernetes {
                namespace,
                name: lease,
                url,
                http,
            } => {
                let access = KubernetesAccess::in_cluster(environment, namespace.as_deref())?;
                let client =
                    lazy_client(http).map_err(|error| ReplicaError::Invalid(error.to_string()))?;
                let log = PeerLog::new(name, client, Arc::clone(&clock));
                Self {
                    lease: Arc::new(KubernetesLease::new(
                        access, lease, url, instance, *ttl_ms, clock,
                    )),
                    log: Arc::new(log.clone()),
                    peer_log: Some(log),
                }
            }
        })
    }
}
