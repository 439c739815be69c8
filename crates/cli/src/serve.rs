//! `serve`: the server from its first log line to its orderly end.
//!
//! ## Model
//! The listeners open first, so that probes are answered while the store opens; then store, queues
//! to other servers and scraping start in that order, and end in the opposite one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use arc_swap::ArcSwap;
use bellwether_config::{Loaded, load_rules_text};
use bellwether_forward::{ForwardOptions, ForwardStore, Forwarder, ForwarderParts};
use bellwether_model::{Labels, relabel};
use bellwether_promql::{Engine as QueryEngine, EngineOptions, MemoryBudget};
use bellwether_rules::GroupSettings;
use bellwether_rules::objective::ObjectivesParts;
use bellwether_rules::prediction::PredictionsParts;
use bellwether_rules::scaling::ScalersParts;
use bellwether_scrape::{JobProblem, Manager};
use bellwether_server::settings::ServerSettings;
use bellwether_server::{
    BoxFuture, BuildInfo, Control, RelabelRules, RuntimeFacts, ScrapedTargets, Server, ServerParts,
    Services,
};
use bellwether_storage::{Clock, MetricStore, RealDisk, SystemClock};
use bellwether_telemetry::Registry;
use bellwether_tsdb::{Engine, EngineSettings};
use parking_lot::Mutex;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::alerting::{AlertingParts, AlertingProgram};
use crate::arguments::Serve;
use crate::dashboards::DashboardsProgram;
use crate::objectives::ObjectivesProgram;
use crate::predictions::PredictionsProgram;
use crate::probing::{ProbingParts, ProbingProgram};
use crate::scaling::ScalingProgram;
use crate::{logging, told, wiring};

/// The version of the Prometheus API that is spoken: clients choose their features by it.
const API_VERSION: &str = "3.11.0";
/// What an operator is to know after a reload that cannot do all.
const OTHER_REPLICAS: &str = "replicas: the section has changed since the start; restart the server \
                              to use it, until then it goes on as it began";

/// Runs the server until it is told to stop.
pub(crate) fn run(flags: &Serve) -> Result<()> {
    logging::start(flags.log_level.as_deref(), flags.log_format.as_deref())?;
    if flags.agent == Some(true) {
        bail!(
            "--agent: there is no agent mode; a server with remote_write sends on what it scrapes"
        );
    }
    for flag in flags.ignored.given() {
        tracing::warn!(flag, "this flag of Prometheus has no effect here");
    }
    for name in wiring::unknown_features(&flags.enable_feature) {
        tracing::warn!(name, "this feature is not known, or always on, here");
    }
    let loaded = wiring::load(
        &flags.config,
        &flags.enable_feature,
        flags.probe_config.as_deref(),
    )?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        // A reload that is asked for while the server starts is done when it has started.
        let mut signals = Signals::taken()?;
        let program = tokio::select! {
            program = Program::start(flags, loaded, Registry::new()) => program?,
            () = signals.end() => {
                tracing::info!("stopped before it was ready");
                return Ok(());
            }
        };
        program.until_told(signals).await;
        program.stop().await
    });
    // Whoever stops the start does not wait until a store is open.
    runtime.shutdown_timeout(SHUTDOWN_MAX);
    ended
}

/// How long what runs on other threads may go on when all else has ended.
const SHUTDOWN_MAX: Duration = Duration::from_secs(5);

/// The running parts.
#[derive(Debug)]
pub(crate) struct Program {
    shared: Arc<Shared>,
    server: Server,
    serving: tokio::task::JoinHandle<()>,
    engine: Arc<Engine>,
    forwarder: Arc<Forwarder>,
    manager: Manager,
    alerting: Arc<AlertingProgram>,
    probing: Arc<ProbingProgram>,
    objectives: Arc<ObjectivesProgram>,
    scaling: Arc<ScalingProgram>,
    predictions: Arc<PredictionsProgram>,
    /// What others write to and read from.
    pub(crate) store: Arc<dyn MetricStore>,
    /// The first address of the API and the page.
    pub(crate) address: std::net::SocketAddr,
}

/// The signals that the program heeds. Where they are not taken each of them ends the process at once.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    pub(crate) fn taken() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one that says to end.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// What a reload changes, and what the edge may ask for.
#[derive(Debug)]
struct Shared {
    config_file: PathBuf,
    features: Vec<String>,
    /// A blackbox.yml in place of `probe_modules`.
    probe_modules_file: Option<PathBuf>,
    retention: String,
    loaded: ArcSwap<Loaded>,
    reload_success: AtomicBool,
    last_config_ms: AtomicI64,
    /// Since when the configuration says something of replicas that is not in use; 0: it does not.
    other_replicas_ms: AtomicI64,
    clock: Arc<dyn Clock>,
    quit: watch::Sender<bool>,
    /// The store, from when it is open.
    engine: Mutex<std::sync::Weak<Engine>>,
    /// There from when the store is open.
    parts: Mutex<Option<Reloadable>>,
    /// Held while a configuration is applied: one after another.
    reloading: tokio::sync::Mutex<()>,
    registry: Registry,
}

/// The parts that a reload reaches.
#[derive(Debug, Clone)]
struct Reloadable {
    manager: Manager,
    forwarder: Arc<Forwarder>,
    server: Server,
    alerting: Arc<AlertingProgram>,
    probing: Arc<ProbingProgram>,
    objectives: Arc<ObjectivesProgram>,
    scaling: Arc<ScalingProgram>,
    predictions: Arc<PredictionsProgram>,
    dashboards: DashboardsProgram,
}

impl Program {
    /// Starts everything; when it returns the server is ready.
    pub(crate) async fn start(flags: &Serve, loaded: Loaded, registry: Registry) -> Result<Self> {
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        bellwether_host::register(&registry, Arc::clone(&clock));
        let data = wiring::data_folder(flags, &loaded.config);
        let engine_settings = wiring::engine_settings(flags, &loaded.config)?;
        let settings = wiring::server_settings(flags, &loaded.config)?;
        let external_url = settings.external_url.clone();
        let query_options = wiring::query_options(flags, &loaded.config)?;
        let config = loaded.config.clone();
        let shared = Arc::new(Shared {
            config_file: flags.config.clone(),
            features: flags.enable_feature.clone(),
            probe_modules_file: flags.probe_config.clone(),
            retention: retention_text(&engine_settings),
            loaded: ArcSwap::from_pointee(loaded),
            reload_success: AtomicBool::new(true),
            last_config_ms: AtomicI64::new(clock.now_ms()),
            other_replicas_ms: AtomicI64::new(0),
            clock: Arc::clone(&clock),
            quit: watch::Sender::new(false),
            engine: Mutex::default(),
            parts: Mutex::new(None),
            reloading: tokio::sync::Mutex::new(()),
            registry: registry.clone(),
        });
        shared.publish(true);
        let server = new_server(flags, settings, &data, &shared)?;
        let bound = server.bind().await?;
        let address = *bound
            .addresses()
            .first()
            .context("no address is listened on")?;
        tracing::info!(%address, data = %data.display(), "listening");
        let serving = tokio::spawn(bound.serve());

        if data.join("chunks_head").is_dir() || data.join("wal").is_dir() {
            tracing::warn!(
                data = %data.display(),
                "this folder holds data of a Prometheus, which stays where it is and is not read; \
                 docs/user/coming-from-prometheus.md says how to bring it over"
            );
        }
        let engine = open_engine(&data, &clock, engine_settings).await?;
        *shared.engine.lock() = Arc::downgrade(&engine);
        expose_store(&registry, &engine);
        expose_query_memory(&registry, &query_options.memory);
        let forwarder = Arc::new(Forwarder::new(ForwarderParts {
            store: Arc::clone(&engine) as _,
            disk: Arc::new(RealDisk),
            clock: Arc::clone(&clock),
            registry: registry.clone(),
            options: ForwardOptions::new(data.join("forward")),
        }));
        forwarder
            .apply(config.remote_write.clone(), &config.global.external_labels)
            .await?;
        let store: Arc<dyn MetricStore> = Arc::new(ForwardStore::new(
            Arc::clone(&engine) as _,
            Arc::clone(&forwarder),
        ));
        let manager = Manager::new(Arc::clone(&store), Arc::clone(&clock), &registry);
        let own_url = own_url(external_url.as_ref(), address)?;
        let targets = ScrapedTargets::new(
            manager.clone(),
            external_url,
            Some(address),
            Box::new(Window(Arc::clone(&shared))),
        );
        // Many rules run side by side already: threads within one would only wait for one another.
        let rule_engine = QueryEngine::new(EngineOptions {
            threads: 1,
            ..query_options.clone()
        });
        let query_engine = Arc::new(QueryEngine::new(query_options));
        let parts = AlertingParts {
            data: data.clone(),
            store: Arc::clone(&store),
            engine: Arc::new(rule_engine),
            clock: Arc::clone(&clock),
            registry: registry.clone(),
            alertmanager_config: flags.alertmanager_config.clone(),
            external_url: own_url,
            options: wiring::rule_options(flags)?,
            external: wiring::external_options(flags),
            scraping: manager.clone(),
            promql: wiring::promql_features(&flags.enable_feature),
        };
        let alerting = Arc::new(AlertingProgram::start(parts, &config).await?);
        let probing = Arc::new(
            ProbingProgram::start(
                ProbingParts {
                    store: Arc::clone(&store),
                    engine: Arc::clone(&query_engine),
                    state: alerting.state(),
                    clock,
                    registry,
                    scraping: manager.clone(),
                    runner: alerting.edge.runner.clone(),
                },
                &config,
            )
            .await?,
        );
        alerting.set_entities(probing.edge.entities.clone());
        let objectives = ObjectivesProgram::start(
            ObjectivesParts {
                store: Arc::clone(&store),
                engine: Arc::clone(&query_engine),
                clock: Arc::clone(&shared.clock),
            },
            &config,
        );
        let parts = ScalersParts {
            store: Arc::clone(&store),
            engine: Arc::clone(&query_engine),
            clock: Arc::clone(&shared.clock),
            state: Some(alerting.state()),
            timeline: Some(alerting.timeline()),
            registry: shared.registry.clone(),
        };
        let scaling = ScalingProgram::start(parts, alerting.replica(), &config).await?;
        let scaling = Arc::new(scaling);
        let predictions = PredictionsProgram::start(
            PredictionsParts {
                store: Arc::clone(&store),
                engine: Arc::clone(&query_engine),
                clock: Arc::clone(&shared.clock),
            },
            &config,
        )
        .await?;
        let dashboards = open_dashboards(&data, &shared.clock, &config).await?;
        // Who is told that the server is ready may at once ask for rules, for targets and for a reload.
        alerting.start_rules(&config).await?;
        // As with Prometheus, one job that cannot scrape is no reason not to start.
        for problem in manager.unready(&config.scrape) {
            let problem = shared.title(&problem, &shared.loaded.load());
            tracing::error!("{problem}; its scrapes fail until that is mended");
        }
        manager.apply(config.scrape).await?;
        let services = Services {
            store: Arc::clone(&store),
            engine: query_engine,
            targets: Arc::new(targets),
            otlp: config.otlp.clone(),
            alerting: alerting.edge.clone(),
            probing: Some(probing.edge.clone()),
            objectives: Some(objectives.objectives.clone()),
            scaling: Some(scaling.edge.clone()),
            predictions: Some(predictions.predictions.clone()),
            dashboards: Some(Arc::new(dashboards.clone())),
        };
        *shared.parts.lock() = Some(Reloadable {
            manager: manager.clone(),
            forwarder: Arc::clone(&forwarder),
            server: server.clone(),
            alerting: Arc::clone(&alerting),
            probing: Arc::clone(&probing),
            objectives: Arc::clone(&objectives),
            scaling: Arc::clone(&scaling),
            predictions: Arc::clone(&predictions),
            dashboards,
        });
        server.open(services);
        tracing::info!("ready");
        Ok(Self {
            shared,
            server,
            serving,
            engine,
            forwarder,
            manager,
            alerting,
            probing,
            objectives,
            scaling,
            predictions,
            store,
            address,
        })
    }

    /// Reads the configuration file again.
    pub(crate) async fn reload(&self) -> Result<()> {
        self.shared.reload_now().await.map_err(anyhow::Error::msg)
    }

    /// The jobs of the configuration, and those that the program itself adds.
    pub(crate) fn manager(&self) -> &Manager {
        &self.manager
    }

    /// Waits until a signal or a request says to stop; reloads on SIGHUP.
    pub(crate) async fn until_told(&self, mut signals: Signals) {
        let mut quit = self.shared.quit.subscribe();
        loop {
            tokio::select! {
                _ = signals.terminate.recv() => return,
                _ = signals.interrupt.recv() => return,
                _ = quit.wait_for(|quit| *quit) => return,
                _ = signals.hang_up.recv() => {
                    // The failure is logged and shown as a metric; the server goes on as it is.
                    if let Err(text) = self.shared.reload_now().await {
                        tracing::error!("{text}");
                    }
                }
            }
        }
    }

    /// Ends everything in order: notifications left to other replicas, no new requests, no scrapes,
    /// queues flushed, store closed.
    pub(crate) async fn stop(self) -> Result<()> {
        tracing::info!("stopping");
        self.alerting.hand_over().await?;
        self.server.stop();
        self.scaling.stop().await?;
        self.probing.stop().await;
        self.objectives.stop().await;
        self.predictions.stop().await;
        self.manager.shutdown().await;
        self.alerting.stop().await?;
        self.serving.await?;
        self.forwarder.shutdown().await;
        let engine = self.engine;
        tokio::task::spawn_blocking(move || engine.close()).await??;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Where people reach this server: what somebody says, or the address that is listened on.
fn own_url(external_url: Option<&url::Url>, address: std::net::SocketAddr) -> Result<url::Url> {
    match external_url {
        Some(url) => Ok(url.clone()),
        None => Ok(format!("http://{address}/").parse()?),
    }
}

fn new_server(
    flags: &Serve,
    settings: ServerSettings,
    data: &Path,
    shared: &Arc<Shared>,
) -> Result<Server> {
    Ok(Server::new(ServerParts {
        flags: wiring::shown_flags(flags, &settings, data),
        settings,
        clock: Arc::clone(&shared.clock),
        registry: shared.registry.clone(),
        build: BuildInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            api_version: API_VERSION.to_owned(),
            revision: env!("BELLWETHER_REVISION").to_owned(),
            rustc_version: env!("BELLWETHER_RUSTC").to_owned(),
            build_date: String::new(),
        },
        features: wiring::shown_features(&flags.enable_feature),
        control: Arc::new(Window(Arc::clone(shared))),
    })?)
}

/// The dashboards that were saved, and those of the configuration.
async fn open_dashboards(
    data: &Path,
    clock: &Arc<dyn Clock>,
    config: &bellwether_config::Config,
) -> Result<DashboardsProgram> {
    let (data, clock) = (data.to_owned(), Arc::clone(clock));
    let opened = tokio::task::spawn_blocking(move || {
        DashboardsProgram::open(Arc::new(RealDisk), &data, clock)
    });
    let dashboards = opened.await??;
    dashboards.apply(config).await;
    Ok(dashboards)
}

async fn open_engine(
    data: &Path,
    clock: &Arc<dyn Clock>,
    settings: EngineSettings,
) -> Result<Arc<Engine>> {
    let (folder, clock) = (data.to_owned(), Arc::clone(clock));
    let engine = tokio::task::spawn_blocking(move || -> Result<Arc<Engine>> {
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the data folder {}", folder.display()))?;
        let engine = Engine::open(Arc::new(RealDisk), &folder, clock, settings)
            .with_context(|| format!("cannot open the data in {}", folder.display()))?;
        engine
            .start_background()
            .context("cannot start the store's upkeep")?;
        Ok(engine)
    })
    .await??;
    Ok(engine)
}

/// The store's own numbers among the metrics of the server.
fn expose_store(registry: &Registry, engine: &Arc<Engine>) {
    let engine = Arc::downgrade(engine);
    registry.add_collector(move |sink| {
        let Some(engine) = engine.upgrade() else {
            return;
        };
        let stats = engine.stats(0);
        let gauges = [
            (
                "bellwether_storage_head_series",
                "Series in memory.",
                stats.head_series as f64,
            ),
            (
                "bellwether_storage_head_chunks",
                "Chunks in memory.",
                stats.head_chunks as f64,
            ),
            (
                "bellwether_storage_blocks",
                "Blocks on disk.",
                stats.block_count as f64,
            ),
            (
                "bellwether_storage_disk_bytes",
                "Size of the data folder.",
                stats.disk_bytes as f64,
            ),
            (
                "bellwether_storage_memory_bytes",
                "Memory that the store accounts for.",
                stats.memory_bytes as f64,
            ),
            (
                "bellwether_storage_memory_limit_bytes",
                "The ceiling of that memory; 0: none.",
                stats.memory_limit_bytes as f64,
            ),
        ];
        for (name, help, value) in gauges {
            sink.gauge(name, help, &[], value);
        }
        for (name, value) in stats.counters {
            if name.ends_with("_total") {
                sink.counter(name, "A count of the metrics engine.", &[], value);
            } else {
                sink.gauge(name, "A level of the metrics engine.", &[], value);
            }
        }
    });
}

/// The memory of queries among the metrics of the server.
fn expose_query_memory(registry: &Registry, budget: &MemoryBudget) {
    let budget = budget.clone();
    registry.add_collector(move |sink| {
        sink.gauge(
            "bellwether_queries_memory_bytes",
            "Memory that PromQL queries and their answers hold, as far as it is counted.",
            &[],
            budget.held_bytes() as f64,
        );
        sink.gauge(
            "bellwether_queries_memory_limit_bytes",
            "The ceiling of that memory; 0: none.",
            &[],
            budget.limits().all_max_bytes as f64,
        );
        let stops = budget.stops();
        for (limit, count) in [
            ("query", stops.query),
            ("all_queries", stops.all),
            ("process", stops.process),
        ] {
            sink.counter(
                "bellwether_queries_memory_stopped_total",
                "PromQL queries that were ended for the memory they held, by the limit that they \
                 or, as the dearest of them, all queries or the process passed.",
                &[("limit", limit)],
                count as f64,
            );
        }
    });
}

fn retention_text(settings: &EngineSettings) -> String {
    let mut parts = Vec::new();
    if settings.retention_ms > 0 {
        parts.push(bellwether_model::time::DurationText(settings.retention_ms).to_string());
    }
    if settings.retention_bytes > 0 {
        parts.push(bellwether_config::size_text(settings.retention_bytes));
    }
    parts.join(" or ")
}

impl Shared {
    /// Reads the configuration again and applies it; what is wrong leaves the running one in place.
    async fn reload_now(&self) -> Result<(), String> {
        let _one_at_a_time = self.reloading.lock().await;
        let result = self.try_reload().await;
        self.publish(result.is_ok());
        match &result {
            Ok(()) => tracing::info!(file = %self.config_file.display(), "configuration reloaded"),
            Err(error) => {
                let error = told(error);
                tracing::error!("reload failed, the running configuration stays: {error}");
            }
        }
        result.map_err(|error| told(&error))
    }

    async fn try_reload(&self) -> Result<()> {
        let parts = self
            .parts
            .lock()
            .clone()
            .context("the server is still starting")?;
        let loaded = wiring::load(
            &self.config_file,
            &self.features,
            self.probe_modules_file.as_deref(),
        )?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let config = loaded.config.clone();
        let has_other_replicas = parts.alerting.has_other_replicas(&config);
        let unready = parts.manager.unready(&config.scrape);
        if !unready.is_empty() {
            let problems: Vec<String> = unready
                .iter()
                .map(|problem| self.title(problem, &loaded))
                .collect();
            bail!("{}", problems.join("\n"));
        }
        let notifications = parts.alerting.read(&config)?;
        parts.server.reload_certificates()?;
        parts.alerting.reload(&config, notifications).await?;
        parts
            .forwarder
            .apply(config.remote_write.clone(), &config.global.external_labels)
            .await?;
        // From here on nothing is refused: what is shown as loaded is in use.
        self.loaded.store(Arc::new(loaded));
        self.note_replicas(has_other_replicas);
        parts.probing.apply(&config).await?;
        parts.objectives.apply(&config);
        parts.dashboards.apply(&config).await;
        parts.scaling.apply(&config).await?;
        parts.predictions.apply(&config).await?;
        parts.server.apply(config.otlp);
        parts.manager.apply(config.scrape).await?;
        self.last_config_ms
            .store(self.clock.now_ms(), Ordering::Relaxed);
        Ok(())
    }

    /// Says where replicas are set up otherwise than is in use.
    fn note_replicas(&self, are_other: bool) {
        if !are_other {
            self.other_replicas_ms.store(0, Ordering::Relaxed);
            return;
        }
        tracing::warn!("{OTHER_REPLICAS}");
        if self.other_replicas_ms.load(Ordering::Relaxed) == 0 {
            let now_ms = self.clock.now_ms();
            self.other_replicas_ms.store(now_ms, Ordering::Relaxed);
        }
    }

    /// A problem of a job, with the setting that it is about.
    fn title(&self, problem: &JobProblem, loaded: &Loaded) -> String {
        let job = loaded.job_title(&problem.job, &self.config_file);
        format!("{job}.{}", problem.reason)
    }

    /// Damaged places that the store has found since it was opened.
    fn corruption_count(&self) -> u64 {
        let engine = self.engine.lock().upgrade();
        let counters = engine
            .map(|engine| engine.stats(0).counters)
            .unwrap_or_default();
        let damaged = counters
            .iter()
            .filter(|(name, _)| name.ends_with("_damaged_total"));
        damaged.map(|(_, count)| *count as u64).sum()
    }

    /// Tells how the last load went, under Prometheus' names.
    fn publish(&self, success: bool) {
        self.reload_success.store(success, Ordering::Relaxed);
        let gauge = |name, help| self.registry.gauge(name, help, &[]);
        gauge(
            "prometheus_config_last_reload_successful",
            "Whether the last configuration that was read is in use.",
        )
        .set(f64::from(u8::from(success)));
        if success {
            gauge(
                "prometheus_config_last_reload_success_timestamp_seconds",
                "When a configuration was last taken.",
            )
            .set(self.clock.now_ms() as f64 / 1_000.0);
        }
    }
}

/// The edge's window on the program.
#[derive(Debug)]
struct Window(Arc<Shared>);

impl Control for Window {
    fn config_yaml(&self) -> String {
        self.0.loaded.load().redacted_yaml.clone()
    }

    fn job_yaml(&self, job: &str) -> Option<String> {
        let loaded = self.0.loaded.load();
        loaded.job_places.get(job).map(|place| place.yaml.clone())
    }

    fn external_labels(&self) -> Labels {
        self.0.loaded.load().config.global.external_labels.clone()
    }

    fn read_rules(&self, text: &str) -> Result<Vec<GroupSettings>, String> {
        let parts = self.0.parts.lock().clone();
        let parts = parts.ok_or("the server is still starting")?;
        let options = parts.alerting.rule_options(&self.0.loaded.load().config);
        let loaded = load_rules_text(text, Path::new("rules"), &options);
        loaded
            .map(|loaded| loaded.groups)
            .map_err(|errors| errors.to_string())
    }

    fn reload(&self) -> BoxFuture<Result<(), String>> {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.reload_now().await })
    }

    fn notifications(&self) -> Vec<(String, i64)> {
        match self.0.other_replicas_ms.load(Ordering::Relaxed) {
            0 => Vec::new(),
            since_ms => vec![(OTHER_REPLICAS.to_owned(), since_ms)],
        }
    }

    fn quit(&self) {
        self.0.quit.send_replace(true);
    }

    fn runtime(&self) -> RuntimeFacts {
        RuntimeFacts {
            reload_success: self.0.reload_success.load(Ordering::Relaxed),
            last_config_ms: self.0.last_config_ms.load(Ordering::Relaxed),
            corruption_count: self.0.corruption_count(),
            storage_retention: self.0.retention.clone(),
        }
    }
}

impl RelabelRules for Window {
    fn of_pool(&self, pool: &str) -> Option<Vec<relabel::Rule>> {
        let loaded = self.0.loaded.load();
        let job = loaded
            .config
            .scrape
            .iter()
            .find(|job| job.job_name == pool)?;
        Some(job.relabel.clone())
    }
}
