//! Rules and notifications of a running server: made of the configuration, applied again at a reload.
//!
//! ## Order
//! The journal opens when the store is open. Rules begin when everything that they write to and tell
//! is there; at the end they stop first, then notifications, then the journal is synced. One of
//! several replicas gives the lease up when nothing is under way any more, and before the edge stops,
//! which the others may ask for what was notified last.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bellwether_config::{Config, NotificationConfig, WalFsync, load_alertmanager};
use bellwether_entities::Entities;
use bellwether_journal::{Journal, SyncPolicy};
use bellwether_model::relabel::Rule;
use bellwether_model::{Alert, Labels};
use bellwether_notify::external::{ExternalOptions, dress, dress_labels};
use bellwether_notify::receivers::Senders;
use bellwether_notify::receivers::settings::NotifySettings;
use bellwether_notify::replica::Replica;
use bellwether_notify::{Machine, Plan, Runner, RunnerParts};
use bellwether_promql::{Engine as QueryEngine, EngineOptions, Features};
use bellwether_rules::evidence::{Collector, CollectorParts};
use bellwether_rules::{AlertSink, Manager, ManagerParts, RuleOptions, Surroundings};
use bellwether_server::{Alerting, AlertingFacts};
use bellwether_storage::{
    Clock, MetricStore, RealDisk, StateStore, StorageError, Tail, Timeline, TimelineQuery,
    TimelineRow,
};
use bellwether_telemetry::Registry;
use parking_lot::RwLock;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use crate::alert_metrics;
use crate::external_alertmanagers::ExternalAlertmanagers;
use crate::replicas::{Meeting, Member};
use crate::rule_editor::{ConfiguredRules, Prepared, RuleEditing};
use crate::rule_folder::RuleFolder;
use crate::simulations::{SimulationParts, Simulations};
use crate::transitions::{CountedTimeline, Transitions};
use crate::witness::ServerWitness;

/// Rows of the timeline are kept for so long. Chosen: a year and the month that is compared with it.
const TIMELINE_RETENTION_MS: i64 = 400 * 86_400_000;
/// How often old days are looked for.
const RETIRE_INTERVAL: Duration = Duration::from_secs(3_600);
/// The fencing token of a server that shares its alerts with no other.
const OWN_TOKEN: u64 = 1;
/// Samples that a query for evidence may hold. Chosen: 80 MiB, twenty thousand series over the last hour.
const EVIDENCE_SAMPLES_MAX: u64 = 5_000_000;
/// Below the URL of the server, where receivers find what they are told of.
const ALERTMANAGER_PATH: &str = "am";

/// What alerting is made of.
#[derive(Debug)]
pub(crate) struct AlertingParts {
    /// The data folder.
    pub(crate) data: PathBuf,
    pub(crate) store: Arc<dyn MetricStore>,
    pub(crate) engine: Arc<QueryEngine>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) registry: Registry,
    /// An `alertmanager.yml` in place of the section `notifications`.
    pub(crate) alertmanager_config: Option<PathBuf>,
    /// Where people reach this server.
    pub(crate) external_url: Url,
    pub(crate) options: RuleOptions,
    /// How alerts are sent to other Alertmanagers.
    pub(crate) external: ExternalOptions,
    /// Knows how targets are.
    pub(crate) scraping: bellwether_scrape::Manager,
    /// Features of PromQL that rules may use.
    pub(crate) promql: Features,
}

/// The running parts.
#[derive(Debug)]
pub(crate) struct AlertingProgram {
    alertmanager_config: Option<PathBuf>,
    external_url: Url,
    journal: Arc<Journal>,
    senders: Arc<Senders>,
    relay: Arc<Relay>,
    rules: Manager,
    /// There where this is one of several replicas.
    member: Option<Member>,
    /// The rules that `rules` evaluates.
    editing: RuleEditing,
    /// Features of PromQL that rules may use.
    promql: Features,
    /// What the edge shows.
    pub(crate) edge: Alerting,
    collector: Collector,
    witness: Arc<ServerWitness>,
    simulations: Simulations,
    gathering: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    notifying: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    stop: watch::Sender<bool>,
}

/// What the configuration says of notifications, read and ready to be applied.
#[derive(Debug)]
pub(crate) struct Notifications {
    plan: Arc<Plan>,
    settings: NotifySettings,
    facts: AlertingFacts,
}

/// Hands the alerts of rules on.
#[derive(Debug)]
struct Relay {
    runner: Runner,
    external: ExternalAlertmanagers,
    dress: Arc<RwLock<Dress>>,
}

/// The timeline for rules: its rows name alerts as those do who are told of them.
#[derive(Debug)]
struct DressedTimeline {
    timeline: Arc<dyn Timeline>,
    dress: Arc<RwLock<Dress>>,
}

impl Timeline for DressedTimeline {
    fn append(&self, rows: &[TimelineRow]) -> Result<(), StorageError> {
        let dress = self.dress.read();
        let dressed = |row: &TimelineRow| {
            let labels = dress_labels(&row.labels, &dress.external_labels, &dress.relabel)?;
            Some(TimelineRow {
                labels,
                ..row.clone()
            })
        };
        let rows: Vec<TimelineRow> = rows.iter().filter_map(dressed).collect();
        drop(dress);
        self.timeline.append(&rows)
    }

    fn query(&self, query: &TimelineQuery<'_>) -> Result<Vec<TimelineRow>, StorageError> {
        self.timeline.query(query)
    }

    fn tail(&self, after: u64) -> Option<Tail> {
        self.timeline.tail(after)
    }
}

/// What is done to alerts of rules on their way.
#[derive(Debug, Default)]
pub(crate) struct Dress {
    pub(crate) external_labels: Labels,
    pub(crate) relabel: Vec<Rule>,
}

impl AlertSink for Relay {
    fn send(&self, alerts: Vec<Alert>) {
        self.external.manager.send(alerts.clone());
        let known = self.dress.read();
        let alerts: Vec<Alert> = alerts
            .into_iter()
            .filter_map(|alert| dress(alert, &known.external_labels, &known.relabel))
            .collect();
        drop(known);
        let taken = self
            .runner
            .with(|machine, now_ms| machine.receive(alerts, now_ms));
        if let Err(error) = taken {
            tracing::error!(%error, "alerts of rules cannot be kept; tried again");
        }
    }
}

/// Reads what the configuration says of notifications.
fn notifications(
    config: &Config,
    alertmanager_config: Option<&Path>,
    external_url: &Url,
) -> Result<Notifications> {
    let loaded = match (alertmanager_config, &config.notifications) {
        (Some(_), Some(_)) => bail!(
            "--alertmanager-config is given and the configuration has notifications: keep one of \
             the two"
        ),
        (Some(path), None) => {
            let loaded = load_alertmanager(path)
                .with_context(|| format!("{} cannot be used", path.display()))?;
            for warning in &loaded.warnings {
                tracing::warn!("{warning}");
            }
            Some(loaded.config)
        }
        (None, own) => own.clone(),
    };
    let mut external_url = external_url.clone();
    if let Ok(mut segments) = external_url.path_segments_mut() {
        segments.pop_if_empty().push(ALERTMANAGER_PATH);
    }
    Ok(match loaded {
        None => Notifications {
            plan: Arc::new(Plan::to_nobody()),
            settings: NotifySettings {
                receivers: Vec::new(),
                external_url,
                templates: Vec::new(),
            },
            facts: AlertingFacts {
                config_yaml: "route:\n  receiver: default\nreceivers:\n  - name: default\n"
                    .to_owned(),
                resolve_timeout_ms: 300_000,
                receivers: vec![("default".to_owned(), Labels::empty())],
            },
        },
        Some(NotificationConfig {
            plan,
            receivers,
            receiver_labels,
            templates,
            resolve_timeout_ms,
            redacted_yaml,
            ..
        }) => {
            let labels = |name: &str| {
                let pairs = receiver_labels.get(name).cloned();
                Labels::from_pairs(pairs.unwrap_or_default())
            };
            Notifications {
                facts: AlertingFacts {
                    config_yaml: redacted_yaml,
                    resolve_timeout_ms,
                    receivers: receivers
                        .iter()
                        .map(|receiver| (receiver.name.clone(), labels(&receiver.name)))
                        .collect(),
                },
                plan: Arc::new(plan),
                settings: NotifySettings {
                    receivers,
                    external_url,
                    templates,
                },
            }
        }
    })
}

fn surroundings(config: &Config, external_url: &Url) -> Surroundings {
    Surroundings {
        external_labels: config.global.external_labels.clone(),
        external_url: external_url.as_str().trim_end_matches('/').to_owned(),
        query_offset_ms: config.global.rule_query_offset_ms,
    }
}

impl AlertingProgram {
    /// Starts everything but the rules, which [`AlertingProgram::start_rules`] starts.
    pub(crate) async fn start(parts: AlertingParts, config: &Config) -> Result<Self> {
        let (policy, interval) = match config.storage.wal_fsync {
            WalFsync::Always => (SyncPolicy::Always, None),
            WalFsync::EveryMs(ms) => {
                let ms = u64::try_from(ms).unwrap_or(1_000);
                (SyncPolicy::OnCall, Some(Duration::from_millis(ms.max(1))))
            }
            WalFsync::Never => (SyncPolicy::OnCall, None),
        };
        let folder = parts.data.join("journal");
        let opened = tokio::task::spawn_blocking(move || {
            Journal::open(Arc::new(RealDisk), &folder, policy)
                .with_context(|| format!("cannot open the journal in {}", folder.display()))
        });
        let journal = Arc::new(opened.await??);
        let Notifications {
            plan,
            settings,
            facts,
        } = notifications(
            config,
            parts.alertmanager_config.as_deref(),
            &parts.external_url,
        )?;
        let senders = Arc::new(Senders::new(settings, Arc::clone(&parts.clock))?);
        say_faults(&senders);
        let (state, now_ms) = (Arc::clone(&journal), parts.clock.now_ms());
        let restored =
            tokio::task::spawn_blocking(move || Machine::restore(plan, OWN_TOKEN, &*state, now_ms));
        let (machine, unreadable) = restored.await??;
        if unreadable > 0 {
            tracing::error!(
                unreadable,
                "entries of the state of notifications are left out"
            );
        }
        let transitions = Transitions::default();
        transitions.register(&parts.registry);
        let timeline: Arc<dyn Timeline> = Arc::new(CountedTimeline::new(
            Arc::clone(&journal) as _,
            transitions.clone(),
        ));
        let runner_parts = RunnerParts {
            machine,
            state: Arc::clone(&journal) as Arc<dyn StateStore>,
            timeline: Arc::clone(&timeline),
            clock: Arc::clone(&parts.clock),
            deliver: Arc::clone(&senders) as _,
        };
        let (runner, member) = match &config.replicas {
            None => (Runner::new(runner_parts), None),
            Some(settings) => {
                let meeting = Meeting::open(settings, &parts.clock).await?;
                let (runner, member) = meeting.join(runner_parts);
                member.expose(&parts.registry);
                (runner, Some(member))
            }
        };
        alert_metrics::register(&parts.registry, &runner);
        let relay = Arc::new(Relay {
            runner: runner.clone(),
            external: ExternalAlertmanagers::new(parts.external, &parts.registry),
            dress: Arc::default(),
        });
        let witness = Arc::new(ServerWitness {
            runner: runner.clone(),
            scraping: parts.scraping,
            entities: OnceLock::new(),
        });
        let collector = Collector::new(CollectorParts {
            store: Arc::clone(&parts.store),
            engine: Arc::new(QueryEngine::new(EngineOptions {
                samples_max: EVIDENCE_SAMPLES_MAX,
                ..parts.engine.options().clone()
            })),
            evidence: Arc::clone(&journal) as _,
            witness: Arc::clone(&witness) as _,
            clock: Arc::clone(&parts.clock),
            registry: parts.registry.clone(),
        });
        let gathering = tokio::spawn({
            let collector = collector.clone();
            async move { collector.run().await }
        });
        let rules = Manager::new(ManagerParts {
            store: parts.store,
            engine: parts.engine,
            clock: Arc::clone(&parts.clock),
            sink: Arc::clone(&relay) as _,
            state: Arc::clone(&journal) as _,
            timeline: Arc::new(DressedTimeline {
                timeline: Arc::clone(&timeline),
                dress: Arc::clone(&relay.dress),
            }),
            evidence: Some(Arc::new(collector.clone())),
            registry: parts.registry,
            options: parts.options,
        })?;
        let simulations = Simulations::new(SimulationParts {
            runner: runner.clone(),
            senders: Arc::clone(&senders),
            timeline: Arc::clone(&journal) as _,
            clock: Arc::clone(&parts.clock),
            rules: rules.clone(),
            dress: Arc::clone(&relay.dress),
            features: parts.promql,
        });
        let folder = RuleFolder::new(Arc::new(RealDisk), &parts.data);
        let editing = RuleEditing::new(folder, rules.clone(), transitions);
        let mut edge = Alerting::new(runner.clone(), timeline, Some(rules.clone()), facts)
            .with_external(relay.external.manager.clone())
            .with_evidence(collector.clone())
            .with_rule_editor(Arc::new(editing.clone()))
            .with_simulator(Arc::new(simulations.clone()));
        if let Some(member) = &member {
            edge = edge.with_replica(member.replica.clone(), member.peer_log.clone());
        }
        let stop = watch::Sender::new(false);
        tokio::spawn(upkeep(
            Arc::clone(&journal),
            interval,
            Arc::clone(&parts.clock),
            stop.subscribe(),
        ));
        let notifying = tokio::spawn(async move { runner.run().await });
        if let Some(member) = &member {
            member.start().await;
        }
        Ok(Self {
            alertmanager_config: parts.alertmanager_config,
            external_url: parts.external_url,
            journal,
            senders,
            relay,
            rules,
            member,
            editing,
            promql: parts.promql,
            edge,
            collector,
            witness,
            simulations,
            gathering: tokio::sync::Mutex::new(Some(gathering)),
            notifying: tokio::sync::Mutex::new(Some(notifying)),
            stop,
        })
    }

    /// Evidence tells of entities from now on. Only the first call has an effect.
    pub(crate) fn set_entities(&self, entities: Entities) {
        self.witness.entities.set(entities).ok();
    }

    /// What keeps state over restarts.
    pub(crate) fn state(&self) -> Arc<dyn StateStore> {
        Arc::clone(&self.journal) as _
    }

    /// What has happened, without the counts of alerts.
    pub(crate) fn timeline(&self) -> Arc<dyn Timeline> {
        Arc::clone(&self.journal) as _
    }

    /// There where this is one of several replicas.
    pub(crate) fn replica(&self) -> Option<Replica> {
        self.member.as_ref().map(|member| member.replica.clone())
    }

    /// Reads what the configuration says of notifications, to be applied later.
    pub(crate) fn read(&self, config: &Config) -> Result<Notifications> {
        notifications(
            config,
            self.alertmanager_config.as_deref(),
            &self.external_url,
        )
    }

    /// Goes on with another configuration. What can be refused is refused before anything changes: an
    /// alert whose labels change under rules that stay would be another one for everybody.
    pub(crate) async fn reload(&self, config: &Config, read: Notifications) -> Result<()> {
        let prepared = self.editing.prepare(self.configured(config)).await?;
        let senders = self.senders.prepare(read.settings)?;
        self.apply(config, prepared).await?;
        self.senders.replace(senders);
        say_faults(&self.senders);
        self.edge.set_facts(read.facts);
        let (runner, plan) = (self.relay.runner.clone(), read.plan);
        let applied = tokio::task::spawn_blocking(move || {
            runner.with(|machine, now_ms| machine.set_plan(plan, now_ms))
        });
        Ok(applied.await??)
    }

    /// Starts the rules of the configuration and those that people have edited.
    pub(crate) async fn start_rules(&self, config: &Config) -> Result<()> {
        let prepared = self.editing.prepare(self.configured(config)).await?;
        self.apply(config, prepared).await
    }

    /// Evaluates rules and dresses their alerts as a configuration says.
    async fn apply(&self, config: &Config, prepared: Prepared) -> Result<()> {
        self.relay.external.apply(config)?;
        *self.relay.dress.write() = Dress {
            external_labels: config.global.external_labels.clone(),
            relabel: config.alerting.alert_relabel.clone(),
        };
        self.editing.apply(prepared).await
    }

    /// How rule files are read.
    pub(crate) fn rule_options(&self, config: &Config) -> bellwether_config::RuleOptions {
        bellwether_config::RuleOptions {
            features: self.promql,
            interval_ms: config.global.evaluation_interval_ms,
            names: config.global.name_validation,
            ignore_unknown_keys: false,
        }
    }

    fn configured(&self, config: &Config) -> ConfiguredRules {
        ConfiguredRules {
            groups: config.rule_groups.clone(),
            options: self.rule_options(config),
            surroundings: surroundings(config, &self.external_url),
        }
    }

    /// Whether a configuration says something else of replicas than is in use: only a restart changes
    /// that.
    pub(crate) fn has_other_replicas(&self, config: &Config) -> bool {
        config.replicas.as_ref() != self.member.as_ref().map(Member::settings)
    }

    /// Leaves notifications to another replica, where there are several. The edge is still to be there:
    /// others may ask for what was notified last.
    pub(crate) async fn hand_over(&self) -> Result<()> {
        let Some(member) = &self.member else {
            return Ok(());
        };
        self.end_notifications().await?;
        member.stop().await
    }

    async fn end_notifications(&self) -> Result<()> {
        self.rules.stop().await;
        self.collector.stop();
        self.simulations.stop();
        if let Some(gathering) = self.gathering.lock().await.take() {
            gathering.await?;
        }
        self.relay.external.manager.stop().await;
        self.relay.runner.stop();
        if let Some(notifying) = self.notifying.lock().await.take() {
            notifying.await?;
        }
        Ok(())
    }

    /// Ends rules, then notifications, and syncs the journal.
    pub(crate) async fn stop(&self) -> Result<()> {
        self.end_notifications().await?;
        self.stop.send_replace(true);
        let journal = Arc::clone(&self.journal);
        Ok(tokio::task::spawn_blocking(move || journal.sync()).await??)
    }
}

/// What of the receivers can never work is said once, and the rest is used.
fn say_faults(senders: &Senders) {
    for fault in senders.faults() {
        tracing::error!("{fault}");
    }
}

/// Syncs the journal and forgets old days of the timeline.
async fn upkeep(
    journal: Arc<Journal>,
    sync_interval: Option<Duration>,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) {
    let interval = sync_interval.unwrap_or(RETIRE_INTERVAL);
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut until_retire = Duration::ZERO;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let retire = until_retire.is_zero();
        until_retire = if retire {
            RETIRE_INTERVAL
        } else {
            until_retire.saturating_sub(interval)
        };
        let before_ms = clock.now_ms().saturating_sub(TIMELINE_RETENTION_MS);
        let journal = Arc::clone(&journal);
        let kept = tokio::task::spawn_blocking(move || {
            if retire {
                journal.retire(before_ms)?;
            }
            if sync_interval.is_some() {
                journal.sync()?;
            }
            Ok::<_, bellwether_storage::StorageError>(())
        });
        match kept.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the journal cannot be kept up"),
            Err(error) => tracing::error!(%error, "the upkeep of the journal panicked"),
        }
    }
}
