//! This server as one of several replicas of which one notifies.

use std::sync::Arc;

use anyhow::{Context, Result};
use bellwether_notify::replica::{
    PeerLog, Place, PlaceParts, Replica, ReplicaParts, ReplicaSettings,
};
use bellwether_notify::{Runner, RunnerParts};
use bellwether_storage::{Clock, RealDisk};
use bellwether_telemetry::Registry;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// The running part of it.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) replica: Replica,
    /// What other replicas ask for.
    pub(crate) peer_log: Option<PeerLog>,
    settings: ReplicaSettings,
    taking_part: Mutex<Option<JoinHandle<()>>>,
}

/// Where the replicas meet, opened and not used yet.
#[derive(Debug)]
pub(crate) struct Meeting {
    settings: ReplicaSettings,
    place: Place,
}

impl Meeting {
    /// Opens the place that settings name.
    pub(crate) async fn open(settings: &ReplicaSettings, clock: &Arc<dyn Clock>) -> Result<Self> {
        let (settings, clock) = (settings.clone(), Arc::clone(clock));
        let opened = tokio::task::spawn_blocking(move || {
            let instance = uuid::Uuid::new_v4().to_string();
            let parts = PlaceParts {
                disk: Arc::new(RealDisk),
                clock,
                instance: &instance,
                environment: &|name| std::env::var(name).ok(),
            };
            let place = Place::open(&settings, parts).context("replicas")?;
            Ok(Self { settings, place })
        });
        opened.await?
    }

    /// The runner of this replica, and its part in the lease, which begins with [`Member::start`].
    pub(crate) fn join(self, parts: RunnerParts) -> (Runner, Member) {
        let Self { settings, place } = self;
        let runner = Runner::replicated(parts, place.log, &settings.name);
        let replica = Replica::new(ReplicaParts {
            runner: runner.clone(),
            lease: place.lease,
            name: settings.name.clone(),
            ttl_ms: settings.ttl_ms,
        });
        let member = Member {
            replica,
            peer_log: place.peer_log,
            settings,
            taking_part: Mutex::new(None),
        };
        (runner, member)
    }
}

impl Member {
    /// Begins to try for the lease.
    pub(crate) async fn start(&self) {
        let replica = self.replica.clone();
        let task = tokio::spawn(async move { replica.run().await });
        *self.taking_part.lock().await = Some(task);
    }

    /// Tells the others what they do not know yet and gives the lease up. The runner has ended by then.
    pub(crate) async fn stop(&self) -> Result<()> {
        self.replica.stop();
        if let Some(task) = self.taking_part.lock().await.take() {
            task.await?;
        }
        Ok(())
    }

    /// The settings with which it runs.
    pub(crate) fn settings(&self) -> &ReplicaSettings {
        &self.settings
    }

    /// How it stands, among the metrics of the server.
    pub(crate) fn expose(&self, registry: &Registry) {
        let replica = self.replica.clone();
        registry.add_collector(move |sink| {
            let status = replica.status();
            let gauges = [
                (
                    "bellwether_replica_leading",
                    "Whether this replica notifies.",
                    f64::from(u8::from(status.leading.is_some())),
                ),
                (
                    "bellwether_replica_lease_token",
                    "The fencing token of the replica that has the lease, as far as it is known.",
                    status.token as f64,
                ),
                (
                    "bellwether_replica_unshared_entries",
                    "Notifications, silences and acknowledgements that other replicas cannot know \
                     of yet.",
                    status.unshared as f64,
                ),
            ];
            for (name, help, value) in gauges {
                sink.gauge(name, help, &[], value);
            }
            let counters = [
                (
                    "bellwether_replica_terms_total",
                    "How often this replica began to notify.",
                    status.terms,
                ),
                (
                    "bellwether_replica_lease_errors_total",
                    "How often the lease could not be taken or renewed for an error.",
                    status.lease_errors,
                ),
                (
                    "bellwether_replica_log_errors_total",
                    "How often the log that replicas share could not be used.",
                    status.log_errors,
                ),
            ];
            for (name, help, value) in counters {
                sink.counter(name, help, &[], value as f64);
            }
        });
    }
}
