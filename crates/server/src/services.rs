//! What the edge needs from the rest of the program, as traits and plain values.
//!
//! ## Model
//! [`ServerParts`] is there when the listeners open; [`Services`] when the store has been replayed.
//! Until [`crate::Server::open`] hands the services over, everything that needs them answers 503.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bellwether_model::{Labels, Metadata, relabel};
use bellwether_notify::replica::{PeerLog, Replica};
use bellwether_notify::{Machine, NoReceivers, Plan, Runner, RunnerParts};
use bellwether_promql::Engine;
use bellwether_rules::evidence::Collector;
use bellwether_rules::scaling::Scalers;
use bellwether_rules::{GroupSettings, GroupSnapshot};
use bellwether_storage::{Clock, MemoryStateStore, MemoryTimeline, MetricStore, Timeline};
use bellwether_telemetry::Registry;

use crate::dashboards::DashboardKeeper;
use crate::probing::Probing;
use crate::ruler::RuleEditor;
use crate::settings::ServerSettings;
use crate::simulations::Simulator;

/// A boxed future.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What is there from the first moment.
#[derive(Debug)]
pub struct ServerParts {
    /// How to serve.
    pub settings: ServerSettings,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Own metrics.
    pub registry: Registry,
    /// What was built.
    pub build: BuildInfo,
    /// Command-line flags, as `/api/v1/status/flags` shows them.
    pub flags: Vec<(String, String)>,
    /// What is switched on, for `/api/v1/features`: category, name, on or off.
    pub features: Vec<(String, String, bool)>,
    /// The rest of the program.
    pub control: Arc<dyn Control>,
}

/// What is there once the store is.
#[derive(Debug, Clone)]
pub struct Services {
    /// Holds the samples.
    pub store: Arc<dyn MetricStore>,
    /// Answers queries.
    pub engine: Arc<Engine>,
    /// What is scraped.
    pub targets: Arc<dyn TargetSource>,
    /// How OTLP becomes series.
    pub otlp: bellwether_ingest::otlp::OtlpSettings,
    /// Who is told of alerts.
    pub alerting: Alerting,
    /// Probes and the map of entities; `None`: there are none.
    pub probing: Option<Probing>,
    /// Objectives and how they stand; `None`: there are none.
    pub objectives: Option<bellwether_rules::objective::Objectives>,
    /// How many workers pools shall have; `None`: nobody says.
    pub scaling: Option<Scalers>,
    /// Forecasts and anomaly scores; `None`: there are none.
    pub predictions: Option<bellwether_rules::prediction::Predictions>,
    /// Dashboards; `None`: this server keeps none.
    pub dashboards: Option<Arc<dyn DashboardKeeper>>,
}

/// Alerts and who is told of them. Clones are the same.
#[derive(Debug, Clone)]
pub struct Alerting {
    /// Decides and sends.
    pub runner: Runner,
    /// What has happened.
    pub timeline: Arc<dyn Timeline>,
    /// What evaluates rules; `None`: nothing does.
    pub rules: Option<bellwether_rules::Manager>,
    /// Gathers evidence of what fires; `None`: nobody does.
    pub evidence: Option<Collector>,
    /// Carries simulations out; `None`: nobody does.
    pub(crate) simulator: Option<Arc<dyn Simulator>>,
    /// What else is told.
    external: Option<bellwether_notify::external::Manager>,
    /// There where this is one of several replicas.
    pub(crate) replica: Option<Replica>,
    /// There where replicas ask one another what was notified.
    pub(crate) peer_log: Option<PeerLog>,
    /// What keeps rules that people edit; `None`: they cannot.
    editor: Option<Arc<dyn RuleEditor>>,
    facts: Arc<ArcSwap<AlertingFacts>>,
}

/// What the configuration says of notifications, for those who ask.
#[derive(Debug, Clone, Default)]
pub struct AlertingFacts {
    /// The configuration as YAML, without secrets.
    pub config_yaml: String,
    /// After how many ms an alert ends that came without an end and does not come again.
    pub resolve_timeout_ms: i64,
    /// Receivers in the order of the file, with their labels.
    pub receivers: Vec<(String, Labels)>,
}

impl Alerting {
    /// Alerting with these parts.
    #[must_use]
    pub fn new(
        runner: Runner,
        timeline: Arc<dyn Timeline>,
        rules: Option<bellwether_rules::Manager>,
        facts: AlertingFacts,
    ) -> Self {
        Self {
            runner,
            timeline,
            rules,
            evidence: None,
            simulator: None,
            external: None,
            replica: None,
            peer_log: None,
            editor: None,
            facts: Arc::new(ArcSwap::from_pointee(facts)),
        }
    }

    /// The same with other Alertmanagers that are told; they are asked for their URLs.
    #[must_use]
    pub fn with_external(mut self, external: bellwether_notify::external::Manager) -> Self {
        self.external = Some(external);
        self
    }

    /// The same with evidence of what fires.
    #[must_use]
    pub fn with_evidence(mut self, evidence: Collector) -> Self {
        self.evidence = Some(evidence);
        self
    }

    /// The same as one of several replicas. With a `peer_log` the others may ask for what was notified.
    #[must_use]
    pub fn with_replica(mut self, replica: Replica, peer_log: Option<PeerLog>) -> Self {
        self.replica = Some(replica);
        self.peer_log = peer_log;
        self
    }

    /// The same with rules that people may edit.
    #[must_use]
    pub fn with_rule_editor(mut self, editor: Arc<dyn RuleEditor>) -> Self {
        self.editor = Some(editor);
        self
    }

    pub(crate) fn rule_editor(&self) -> Option<&Arc<dyn RuleEditor>> {
        self.editor.as_ref()
    }

    /// The same with simulations.
    #[must_use]
    pub fn with_simulator(mut self, simulator: Arc<dyn Simulator>) -> Self {
        self.simulator = Some(simulator);
        self
    }

    /// Alerting that tells nobody and forgets everything when it ends: for servers that are only
    /// written to.
    #[must_use]
    pub fn in_memory(clock: Arc<dyn Clock>) -> Self {
        let timeline = Arc::new(MemoryTimeline::default());
        let runner = Runner::new(RunnerParts {
            machine: Machine::new(Arc::new(Plan::to_nobody()), 1),
            state: Arc::new(MemoryStateStore::default()),
            timeline: Arc::clone(&timeline) as _,
            clock,
            deliver: Arc::new(NoReceivers),
        });
        Self::new(runner, timeline, None, AlertingFacts::default())
    }

    /// Takes what a reload has changed.
    pub fn set_facts(&self, facts: AlertingFacts) {
        self.facts.store(Arc::new(facts));
    }

    pub(crate) fn facts(&self) -> Arc<AlertingFacts> {
        self.facts.load_full()
    }

    /// The groups of rules, as their last evaluations have left them.
    pub(crate) fn rule_groups(&self) -> Vec<Arc<GroupSnapshot>> {
        let groups = self.rules.as_ref().map(bellwether_rules::Manager::groups);
        groups.unwrap_or_default()
    }

    /// URLs of other Alertmanagers that are told, and of those that relabelling dropped.
    pub(crate) fn external_alertmanagers(&self) -> (Vec<String>, Vec<String>) {
        let external = self.external.as_ref();
        external
            .map(|external| (external.active(), external.dropped()))
            .unwrap_or_default()
    }

    /// The labels of a receiver.
    pub(crate) fn receiver_labels(&self, name: &str) -> Labels {
        let facts = self.facts.load();
        let found = facts.receivers.iter().find(|(known, _)| known == name);
        found.map_or_else(Labels::empty, |(_, labels)| labels.clone())
    }
}

/// What was built, for `/api/v1/status/buildinfo` and `/version`.
#[derive(Debug, Clone, Default)]
pub struct BuildInfo {
    /// Our version.
    pub version: String,
    /// The version of the Prometheus API that is spoken, such as `3.11.0`. Clients such as Grafana
    /// choose their features by it.
    pub api_version: String,
    /// The commit.
    pub revision: String,
    /// The compiler.
    pub rustc_version: String,
    /// When, in RFC 3339, or empty.
    pub build_date: String,
}

/// What the edge asks of the whole program.
pub trait Control: Send + Sync + Debug {
    /// The running configuration as YAML, without secrets.
    fn config_yaml(&self) -> String;

    /// The running configuration of one scrape job as YAML, without secrets.
    fn job_yaml(&self, _job: &str) -> Option<String> {
        None
    }

    /// Labels that identify this server to others.
    fn external_labels(&self) -> Labels {
        Labels::empty()
    }

    /// The groups of the text of a rule file. An error names its place in the text.
    fn read_rules(&self, _text: &str) -> Result<Vec<GroupSettings>, String> {
        Err("this server evaluates no rules".to_owned())
    }

    /// Reads the configuration again. The text of an error is for people.
    fn reload(&self) -> BoxFuture<Result<(), String>>;

    /// Begins to stop the program. Returns at once.
    fn quit(&self);

    /// Facts that change while the program runs.
    fn runtime(&self) -> RuntimeFacts {
        RuntimeFacts::default()
    }

    /// How far the replay of the log is: first, last and present segment.
    fn replay(&self) -> (u64, u64, u64) {
        (0, 0, 0)
    }

    /// What an operator should know of: a text each, and since when, in ms.
    fn notifications(&self) -> Vec<(String, i64)> {
        Vec::new()
    }
}

/// Facts for `/api/v1/status/runtimeinfo`.
#[derive(Debug, Clone, Default)]
pub struct RuntimeFacts {
    /// Whether the last reload took.
    pub reload_success: bool,
    /// When the configuration was last loaded, in ms.
    pub last_config_ms: i64,
    /// Damaged places found in the log.
    pub corruption_count: u64,
    /// Such as `15d or 50GiB`.
    pub storage_retention: String,
}

/// State of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TargetHealth {
    /// Not scraped yet.
    #[default]
    Unknown,
    /// The last scrape succeeded.
    Up,
    /// It failed.
    Down,
}

impl TargetHealth {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// A target that is scraped.
#[derive(Debug, Clone, Default)]
pub struct ActiveTarget {
    /// Labels before relabelling.
    pub discovered_labels: Labels,
    /// Labels of its series.
    pub labels: Labels,
    /// The job.
    pub pool: String,
    /// What is scraped.
    pub scrape_url: String,
    /// The same as others reach it.
    pub global_url: String,
    /// Text of the last failure, or empty.
    pub last_error: String,
    /// When it was last scraped, in ms; 0: never.
    pub last_scrape_ms: i64,
    /// How long that took.
    pub last_duration_seconds: f64,
    /// How it is.
    pub health: TargetHealth,
    /// How often, in ms.
    pub interval_ms: i64,
    /// How long it may take, in ms.
    pub timeout_ms: i64,
}

/// A target that relabelling dropped.
#[derive(Debug, Clone, Default)]
pub struct DroppedTarget {
    /// Labels before relabelling.
    pub discovered_labels: Labels,
    /// The job.
    pub pool: String,
}

/// What a target says about one of its metric families.
#[derive(Debug, Clone)]
pub struct TargetMetadata {
    /// Labels of the target.
    pub target: Labels,
    /// The family.
    pub metric: String,
    /// What is said.
    pub metadata: Metadata,
}

/// What is scraped.
pub trait TargetSource: Send + Sync + Debug {
    /// Targets that are scraped, sorted by pool.
    fn active(&self) -> Vec<ActiveTarget>;

    /// Targets that were dropped, sorted by pool. May be cut off; the counts are not.
    fn dropped(&self) -> Vec<DroppedTarget>;

    /// How many were dropped in each pool.
    fn dropped_counts(&self) -> Vec<(String, u64)>;

    /// Names of all pools.
    fn pools(&self) -> Vec<String>;

    /// What is wrong with a pool as a whole, such as a discovery that is not implemented.
    fn pool_problems(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Relabelling rules of a pool; `None` where there is no such pool.
    fn relabel_rules(&self, pool: &str) -> Option<Vec<relabel::Rule>>;

    /// What targets say about their metrics: of one family, or of all.
    fn metadata(&self, metric: Option<&str>) -> Vec<TargetMetadata>;
}

/// Scrapes nothing. For a server that is only written to.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTargets;

impl TargetSource for NoTargets {
    fn active(&self) -> Vec<ActiveTarget> {
        Vec::new()
    }

    fn dropped(&self) -> Vec<DroppedTarget> {
        Vec::new()
    }

    fn dropped_counts(&self) -> Vec<(String, u64)> {
        Vec::new()
    }

    fn pools(&self) -> Vec<String> {
        Vec::new()
    }

    fn relabel_rules(&self, _pool: &str) -> Option<Vec<relabel::Rule>> {
        None
    }

    fn metadata(&self, _metric: Option<&str>) -> Vec<TargetMetadata> {
        Vec::new()
    }
}
