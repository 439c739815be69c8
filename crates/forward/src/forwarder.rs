//! All remotes of a server: starting, changing and stopping them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bellwether_model::Labels;
use bellwether_outbound::OutboundError;
use bellwether_storage::{Clock, Disk, ErrorKind, MetricStore, SeriesRef, WriteBatch};
use bellwether_telemetry::Registry;
use parking_lot::RwLock;
use rustc_hash::FxHashSet;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::queue::Queue;
use crate::remote::{Remote, RemoteParts};
use crate::settings::{CloudAuth, RemoteWriteProtocol, RemoteWriteSettings};

/// What the configuration of Prometheus has no word for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardOptions {
    /// The folder that holds the queues, one folder each.
    pub folder: PathBuf,
    /// Bytes on disk of one queue. Default 4 GiB.
    pub queue_bytes_max: u64,
    /// How long a remote that is stopped may go on to send what is in its queue. Default 10 s.
    pub flush_deadline: Duration,
}

impl ForwardOptions {
    /// Defaults, with queues in `folder`.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            queue_bytes_max: 4 << 30,
            flush_deadline: Duration::from_secs(10),
        }
    }
}

/// What a forwarder needs of the program around it.
#[derive(Debug)]
pub struct ForwarderParts {
    /// Where metadata is read.
    pub store: Arc<dyn MetricStore>,
    /// Where queues live.
    pub disk: Arc<dyn Disk>,
    /// The time, for limits on the age of samples.
    pub clock: Arc<dyn Clock>,
    /// Own metrics.
    pub registry: Registry,
    /// Limits.
    pub options: ForwardOptions,
}

/// Why a remote cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError {
    /// Its HTTP client cannot be made.
    #[error("remote_write[{position}] ({remote:?}).{source}")]
    Client {
        /// Which of the remotes, from 0.
        position: usize,
        /// Name of the remote.
        remote: String,
        /// Why.
        source: OutboundError,
    },
    /// Its queue cannot be opened.
    #[error("remote write {remote:?}: queue {folder}: {source}")]
    Queue {
        /// Name of the remote.
        remote: String,
        /// The folder of the queue.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It asks for a way to sign in that is not there.
    #[error("remote_write[{position}] ({remote:?}).{way}: signing in this way is not supported")]
    CloudAuth {
        /// Which of the remotes, from 0.
        position: usize,
        /// Name of the remote.
        remote: String,
        /// The way, as it is called in the configuration.
        way: &'static str,
    },
    /// Two remotes have one name.
    #[error(
        "remote_write[{position}] has the name {remote:?} of one before it: give each a name of \
         its own"
    )]
    Twice {
        /// Which of the remotes, from 0.
        position: usize,
        /// The name.
        remote: String,
    },
}

impl ForwardError {
    /// What it means for the caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Client { source, .. } => source.kind(),
            Self::Queue { .. } => ErrorKind::Unavailable,
            _ => ErrorKind::Invalid,
        }
    }
}

/// How a remote is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteStatus {
    /// Its name.
    pub name: String,
    /// Where it is, without user, password and parameters.
    pub url: String,
    /// The protocol that is spoken now.
    pub protocol: RemoteWriteProtocol,
    /// Bytes in the queue that are not acknowledged.
    pub pending_bytes: u64,
    /// Shards that send at the same time.
    pub shard_count: usize,
    /// The last error; none after a success.
    pub last_error: Option<String>,
}

#[derive(Debug)]
struct Running {
    remote: Arc<Remote>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Sends what is offered to all remotes.
#[derive(Debug)]
pub struct Forwarder {
    parts: ForwarderParts,
    /// Remotes that run. Held for writing only while they are exchanged.
    running: RwLock<Vec<Running>>,
    /// One change at a time.
    changing: tokio::sync::Mutex<()>,
}

impl Forwarder {
    /// A forwarder without remotes.
    #[must_use]
    pub fn new(parts: ForwarderParts) -> Self {
        Self {
            parts,
            running: RwLock::default(),
            changing: tokio::sync::Mutex::default(),
        }
    }

    /// Whether there is any remote.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.running.read().is_empty()
    }

    /// How the remotes are doing, in the order of the configuration.
    #[must_use]
    pub fn remotes(&self) -> Vec<RemoteStatus> {
        let status = |running: &Running| {
            let remote = &running.remote;
            RemoteStatus {
                name: remote.name.clone(),
                url: remote.shown_url().to_string(),
                protocol: remote.protocol(),
                pending_bytes: remote.pending_bytes(),
                shard_count: remote.shard_count(),
                last_error: remote.last_error(),
            }
        };
        self.running.read().iter().map(status).collect()
    }

    /// Runs exactly these remotes from now on. Remotes whose settings did not change go on as they
    /// are; others are stopped, and start again with the queue that they left. Must be called on a
    /// tokio runtime.
    ///
    /// # Errors
    /// Where settings make no sense nothing is changed; where a queue cannot be opened the other
    /// remotes run all the same.
    pub async fn apply(
        &self,
        remotes: Vec<RemoteWriteSettings>,
        external: &Labels,
    ) -> Result<(), ForwardError> {
        let _one_at_a_time = self.changing.lock().await;
        let mut named: Vec<(String, RemoteWriteSettings)> = Vec::new();
        for (position, settings) in remotes.into_iter().enumerate() {
            let name = name_of(&settings);
            if named.iter().any(|(other, _)| *other == name) {
                let remote = name;
                return Err(ForwardError::Twice { position, remote });
            }
            check_cloud_auth(position, &name, &settings)?;
            named.push((name, settings));
        }
        let mut clients = Vec::new();
        for (position, (name, settings)) in named.iter().enumerate() {
            let client = bellwether_outbound::client(&settings.http).map_err(|source| {
                ForwardError::Client {
                    position,
                    remote: name.clone(),
                    source,
                }
            })?;
            clients.push(client);
        }
        let keeps = |running: &Running| {
            running.remote.external() == external
                && named.iter().any(|(name, settings)| {
                    *name == running.remote.name && *settings == running.remote.settings
                })
        };
        let (kept, stopped): (Vec<Running>, Vec<Running>) =
            std::mem::take(&mut *self.running.write())
                .into_iter()
                .partition(keeps);
        self.stop(stopped).await;
        let mut kept: Vec<Option<Running>> = kept.into_iter().map(Some).collect();
        let mut next = Vec::new();
        let mut failed = None;
        for ((name, settings), client) in named.into_iter().zip(clients) {
            let found = kept.iter_mut().find(|slot| {
                slot.as_ref()
                    .is_some_and(|running| running.remote.name == name)
            });
            if let Some(running) = found.and_then(Option::take) {
                next.push(running);
                continue;
            }
            match self.start(name, settings, client, external) {
                Ok(running) => next.push(running),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        *self.running.write() = next;
        failed.map_or(Ok(()), Err)
    }

    fn start(
        &self,
        name: String,
        settings: RemoteWriteSettings,
        client: bellwether_outbound::Client,
        external: &Labels,
    ) -> Result<Running, ForwardError> {
        let parts = &self.parts;
        let folder = parts.options.folder.join(folder_of(&name));
        let disk = Arc::clone(&parts.disk);
        let queue =
            Queue::open(disk, folder.clone(), parts.options.queue_bytes_max).map_err(|source| {
                ForwardError::Queue {
                    remote: name.clone(),
                    folder,
                    source,
                }
            })?;
        let remote = RemoteParts {
            name,
            settings,
            external: external.clone(),
            queue,
            client,
            clock: Arc::clone(&parts.clock),
            store: Arc::clone(&parts.store),
        };
        let remote = Arc::new(Remote::new(remote, &parts.registry));
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(Arc::clone(&remote).run(stopped));
        Ok(Running { remote, stop, task })
    }

    /// Tells remotes to stop and waits for them; those that are still sending at the deadline
    /// leave the rest in their queue.
    async fn stop(&self, running: Vec<Running>) {
        for one in &running {
            // A task that has ended already does not listen any more.
            let _listening = one.stop.send(true);
        }
        let deadline = tokio::time::Instant::now() + self.parts.options.flush_deadline;
        for mut one in running {
            if tokio::time::timeout_at(deadline, &mut one.task)
                .await
                .is_err()
            {
                one.task.abort();
                // Aborted tasks answer with an error, which says nothing new.
                let _aborted = one.task.await;
            }
        }
    }

    /// Stops all remotes: each sends what is in its queue until
    /// [`ForwardOptions::flush_deadline`]; the rest stays on disk.
    pub async fn shutdown(&self) {
        let _one_at_a_time = self.changing.lock().await;
        let running = std::mem::take(&mut *self.running.write());
        self.stop(running).await;
    }

    /// Hands what a store took to all remotes. Samples in `refused` were not taken.
    pub(crate) fn offer(
        &self,
        batch: &WriteBatch,
        refused: &FxHashSet<(SeriesRef, i64)>,
        labels_of: &dyn Fn(SeriesRef) -> Option<Labels>,
    ) {
        for running in self.running.read().iter() {
            running.remote.offer(batch, refused, labels_of);
        }
    }

    /// Keeps only what is known of series for which `keep` holds.
    pub(crate) fn forget(&self, keep: &dyn Fn(SeriesRef) -> bool) {
        for running in self.running.read().iter() {
            running.remote.forget(keep);
        }
    }
}

/// The name in the configuration, or one made of the URL.
fn name_of(settings: &RemoteWriteSettings) -> String {
    settings.name.clone().unwrap_or_else(|| {
        let hash = xxhash_rust::xxh3::xxh3_64(settings.url.as_str().as_bytes());
        format!(
            "{}-{:06x}",
            settings.url.host_str().unwrap_or("remote"),
            hash & 0xff_ffff
        )
    })
}

/// A folder name for a remote: readable characters of its name, and a hash that keeps names apart.
fn folder_of(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    let readable: String = name.chars().take(40).map(plain).collect();
    format!(
        "{readable}-{:016x}",
        xxhash_rust::xxh3::xxh3_64(name.as_bytes())
    )
}

fn check_cloud_auth(
    position: usize,
    name: &str,
    settings: &RemoteWriteSettings,
) -> Result<(), ForwardError> {
    let way = match settings.cloud_auth {
        None => return Ok(()),
        Some(CloudAuth::SigV4(_)) => "sigv4",
        Some(CloudAuth::AzureAd) => "azuread",
        Some(CloudAuth::GoogleIam) => "google_iam",
    };
    Err(ForwardError::CloudAuth {
        position,
        remote: name.to_owned(),
        way,
    })
}

#[cfg(test)]
mod tests;
