//! The configuration as a whole, and its loading.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use bellwether_forward::settings::RemoteWriteSettings;
use bellwether_ingest::otlp::OtlpSettings;
use bellwether_notify::replica::ReplicaSettings;
use bellwether_probe::watch::{MaintenanceSettings, ProbeSettings};
use bellwether_promql::Features;
use bellwether_rules::GroupSettings;
use bellwether_rules::objective::ObjectiveSettings;
use bellwether_rules::objective::rules::{QUERY_OFFSET_MS, group};
use bellwether_rules::prediction::settings::PredictionSettings;
use bellwether_scrape::settings::ScrapeSettings;

use crate::dashboards::{DashboardFile, read_dashboards};
use crate::effective::effective_yaml;
use crate::glob::glob;
use crate::notifications::{NotificationConfig, decode_at};
use crate::objectives::read_objectives;
use crate::probes::{self, ProbeModules};
use crate::problem::{ConfigErrors, NamedFile, Problem, Problems};
use crate::rules::{LoadedRules, RuleOptions, read_groups};
use crate::schema::Section;
use crate::sections::alerting::{AlertingSettings, decode_alerting};
use crate::sections::forecasts::decode_forecasts;
use crate::sections::global::{GlobalSettings, decode_global};
use crate::sections::notifications::NamedFiles;
use crate::sections::otlp::decode_otlp;
use crate::sections::probes::maintenance::decode_maintenance;
use crate::sections::probes::scheduled::decode_probes;
use crate::sections::remote::{RemoteReadSettings, decode_remote_reads, decode_remote_writes};
use crate::sections::replicas::decode_replicas;
use crate::sections::root::{LATER, ROOT};
use crate::sections::rules::RuleDecoder;
use crate::sections::scaling::{ScalerConfig, decode_scaling};
use crate::sections::scrape::{JobPlace, SCRAPE_FILE, decode_jobs};
use crate::sections::server::{ServerSettings, decode_server};
use crate::sections::storage::{StorageSettings, decode_storage};
use crate::sections::tracing::{TracingSettings, decode_tracing};
use crate::sections::web::{WEB, WebSettings, decode_web};
use crate::validate::validate;
use crate::view::{Origin, View};
use crate::yaml::{self, Node, NodePath, Position};

/// What a load depends on besides the file.
#[derive(Clone, Copy)]
pub struct LoadOptions<'a> {
    /// Looks up a variable for `external_labels`.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Offer protobuf first unless the file says otherwise (feature
    /// `created-timestamp-zero-ingestion`).
    pub proto_first: bool,
    /// Take native histograms unless the file says otherwise (feature `native-histograms`).
    pub native_histograms: bool,
    /// Write additional series about each scrape unless the file says otherwise (feature
    /// `extra-scrape-metrics`).
    pub extra_scrape_metrics: bool,
    /// Features of PromQL that queries of rules may use.
    pub promql: Features,
    /// Leave the files that other parts of a server read: rules, templates of notifications. For
    /// configurations of other machines.
    pub leave_named_files: bool,
    /// A `blackbox.yml` that takes the place of what the file says at `probe_modules`.
    pub probe_modules_file: Option<&'a Path>,
}

impl Default for LoadOptions<'_> {
    /// The environment of the process, and no features.
    fn default() -> Self {
        Self {
            environment: &|name| std::env::var(name).ok(),
            proto_first: false,
            native_histograms: false,
            extra_scrape_metrics: false,
            promql: Features::default(),
            leave_named_files: false,
            probe_modules_file: None,
        }
    }
}

impl fmt::Debug for LoadOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadOptions")
            .field("proto_first", &self.proto_first)
            .field("native_histograms", &self.native_histograms)
            .field("extra_scrape_metrics", &self.extra_scrape_metrics)
            .field("promql", &self.promql)
            .field("leave_named_files", &self.leave_named_files)
            .field("probe_modules_file", &self.probe_modules_file)
            .finish_non_exhaustive()
    }
}

/// The whole configuration, with all defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// What jobs inherit, already in each of them.
    pub global: GlobalSettings,
    /// Scrape jobs, those of `scrape_config_files` included.
    pub scrape: Vec<ScrapeSettings>,
    /// Patterns of rule files, joined with the configuration's folder.
    pub rule_files: Vec<PathBuf>,
    /// The groups of these files, in the order of the files.
    pub rule_groups: Vec<GroupSettings>,
    /// What services promise, those of files where they stand in the list. Their rules are among
    /// [`Config::rule_groups`].
    pub objectives: Vec<ObjectiveSettings>,
    /// Dashboards of files.
    pub dashboards: Vec<DashboardFile>,
    /// Who is told of alerts, where the configuration says it.
    pub notifications: Option<NotificationConfig>,
    /// Where this is one of several replicas.
    pub replicas: Option<ReplicaSettings>,
    /// External Alertmanagers.
    pub alerting: AlertingSettings,
    /// Receivers of remote write.
    pub remote_write: Vec<RemoteWriteSettings>,
    /// Servers to read from.
    pub remote_read: Vec<RemoteReadSettings>,
    /// Translation of OpenTelemetry metrics.
    pub otlp: OtlpSettings,
    /// The stores.
    pub storage: StorageSettings,
    /// Traces of the server itself.
    pub tracing: Option<TracingSettings>,
    /// The server.
    pub server: ServerSettings,
    /// Ways to probe.
    pub probe_modules: ProbeModules,
    /// What is probed again and again.
    pub probes: Vec<ProbeSettings>,
    /// Times in which something is worked on.
    pub maintenance: Vec<MaintenanceSettings>,
    /// Pools of workers, and who is told how many there shall be.
    pub scaling: Vec<ScalerConfig>,
    /// Series that are foreseen, and paths.
    pub forecasts: Vec<PredictionSettings>,
    /// Sections that are kept as they are and not acted on: key and tree.
    pub later: Vec<(&'static str, Node)>,
}

/// What a successful load gives.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is worth knowing: settings without effect, old names, variables that are empty.
    pub warnings: Vec<Problem>,
    /// Files that the configuration needs.
    pub files: Vec<NamedFile>,
    /// Rule files that were read.
    pub rule_files: Vec<PathBuf>,
    /// Files of objectives that were read.
    pub objective_files: Vec<PathBuf>,
    /// Files of dashboards that were read.
    pub dashboard_files: Vec<PathBuf>,
    /// Where each scrape job stands, by its name.
    pub job_places: HashMap<String, JobPlace>,
    /// The text of the file. May hold secrets.
    pub source_text: String,
    /// The configuration in effect, defaults included, secrets as `<secret>`; for
    /// `/api/v1/status/config`.
    pub redacted_yaml: String,
}

impl Loaded {
    /// How an error names a job: `scrape_configs[2] (job "x")`, behind the name of its file where
    /// that is not the configuration itself but one of `scrape_config_files`.
    #[must_use]
    pub fn job_title(&self, job: &str, config_file: &Path) -> String {
        match self.job_places.get(job) {
            Some(place) if Path::new(&place.file) == config_file => {
                format!("{} (job {job:?})", place.path)
            }
            Some(place) => format!("{}: {} (job {job:?})", place.file, place.path),
            None => format!("job {job:?}"),
        }
    }
}

impl Config {
    /// Loads a file with the environment of the process and no features.
    ///
    /// # Errors
    /// See [`load`].
    pub fn load(path: &Path) -> Result<Loaded, ConfigErrors> {
        load(path, &LoadOptions::default())
    }
}

/// Loads a file, and the files that belong to it: those of `scrape_config_files`, `rule_files`, `dashboards` and
/// `slos`, those that `notifications` and `probe_modules` name, and templates of notifications. Files that other settings
/// name are not looked at.
///
/// # Errors
/// Every reason why the file cannot be used.
pub fn load(path: &Path, options: &LoadOptions<'_>) -> Result<Loaded, ConfigErrors> {
    let source = read_file(path).map_err(|problem| ConfigErrors {
        errors: vec![problem],
        is_unreadable: true,
    })?;
    load_text(&source, &origin_of(path), options)
}

/// The same for a text that is already here. `origin` says what it is called, and where relative
/// paths start.
///
/// # Errors
/// See [`load`].
pub fn load_text(
    source: &str,
    origin: &Origin,
    options: &LoadOptions<'_>,
) -> Result<Loaded, ConfigErrors> {
    let mut problems = Problems::default();
    let mut job_places = HashMap::new();
    let mut rule_files = Vec::new();
    let mut objective_files = Vec::new();
    let mut dashboard_files = Vec::new();
    let decoded = parse(source, origin, &ROOT, &mut problems).map(|root| {
        let mut config = decode(&root, origin, options, &mut job_places, &mut problems);
        let view = View::new(Some(&root), &ROOT, origin);
        let read = read_objectives(&view, &config.probes, options, &mut problems);
        config.objectives = read.objectives;
        objective_files = read.files;
        let read = read_dashboards(&view, options, &mut problems);
        config.dashboards = read.dashboards;
        dashboard_files = read.files;
        if !options.leave_named_files {
            let loaded = read_rule_files(&view, &config, options, &mut problems);
            config.rule_groups = loaded.groups;
            let all = &config.objectives;
            // Who counts all rules later than objectives are wants that for them, too.
            let is_later = config.global.rule_query_offset_ms > QUERY_OFFSET_MS;
            let theirs = all.iter().map(|objective| {
                let mut group = group(objective, all);
                group.query_offset_ms = group.query_offset_ms.filter(|_| !is_later);
                group
            });
            config.rule_groups.extend(theirs);
            rule_files = loaded.files;
        }
        (config, root)
    });
    match decoded {
        Some((config, root)) if problems.errors.is_empty() => Ok(Loaded {
            redacted_yaml: effective_yaml(&root, &config),
            config,
            warnings: problems.warnings,
            files: problems.files,
            rule_files,
            objective_files,
            dashboard_files,
            job_places,
            source_text: source.to_owned(),
        }),
        _ => Err(errors_of(problems)),
    }
}

/// Loads a `web.config.file`.
///
/// # Errors
/// Every reason why the file cannot be used.
pub fn load_web(path: &Path) -> Result<WebSettings, ConfigErrors> {
    let source = read_file(path).map_err(|problem| ConfigErrors {
        errors: vec![problem],
        is_unreadable: true,
    })?;
    let origin = origin_of(path);
    let mut problems = Problems::default();
    match parse(&source, &origin, &WEB, &mut problems) {
        Some(root) if problems.errors.is_empty() => {
            Ok(decode_web(&View::new(Some(&root), &WEB, &origin)))
        }
        _ => Err(errors_of(problems)),
    }
}

/// Sorts the errors by place, those of the file itself before those of files it names.
pub(crate) fn errors_of(problems: Problems) -> ConfigErrors {
    let mut errors = problems.errors;
    let mut files: Vec<String> = Vec::new();
    for error in &errors {
        if !files.contains(&error.file) {
            files.push(error.file.clone());
        }
    }
    let rank = |problem: &Problem| files.iter().position(|file| *file == problem.file);
    errors.sort_by_key(|problem| (rank(problem), problem.position));
    ConfigErrors {
        errors,
        is_unreadable: false,
    }
}

/// How a file is called, and where relative paths in it start.
pub(crate) fn origin_of(path: &Path) -> Origin {
    Origin {
        file: path.display().to_string(),
        folder: path.parent().map(Path::to_path_buf).unwrap_or_default(),
    }
}

/// Reads a whole file of text.
pub(crate) fn read_file(path: &Path) -> Result<String, Problem> {
    let problem = |message: String| Problem {
        file: path.display().to_string(),
        position: Position::default(),
        path: String::new(),
        message,
    };
    let size = std::fs::metadata(path)
        .map_err(|error| problem(format!("cannot be read: {error}")))?
        .len();
    if size > yaml::SOURCE_BYTES_MAX as u64 {
        return Err(problem(format!(
            "file of {size} bytes: at most {} are read",
            yaml::SOURCE_BYTES_MAX
        )));
    }
    let bytes = std::fs::read(path).map_err(|error| problem(format!("cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        problem(format!(
            "not valid UTF-8 at byte {}",
            error.utf8_error().valid_up_to()
        ))
    })
}

/// Reads a text and checks it against a table. None where it is not YAML at all.
pub(crate) fn parse(
    source: &str,
    origin: &Origin,
    section: &'static Section,
    problems: &mut Problems,
) -> Option<Node> {
    match yaml::read(source) {
        Ok(document) => {
            if let Some(position) = document.second_document {
                problems.warning(
                    &origin.file,
                    position,
                    &NodePath::default(),
                    "a second document begins here; only the first is read",
                );
            }
            if !document.root.is_null() {
                validate(&document.root, section, origin, problems);
            }
            Some(document.root)
        }
        Err(errors) => {
            for error in errors {
                problems.error(&origin.file, error.position, &error.path, error.message);
            }
            None
        }
    }
}

fn decode(
    root: &Node,
    origin: &Origin,
    options: &LoadOptions<'_>,
    job_places: &mut HashMap<String, JobPlace>,
    problems: &mut Problems,
) -> Config {
    let view = View::new(Some(root), &ROOT, origin);
    let global = decode_global(&view.section("global"), options, problems);
    let mut scrape = Vec::new();
    // Wrong global settings would show again in every job.
    if !problems.has_errors_under(&origin.file, &NodePath::default().key("global")) {
        let jobs = view.sections("scrape_configs");
        scrape = decode_jobs(&jobs, &global, job_places, problems);
        scrape.extend(decode_job_files(&view, &global, job_places, problems));
    }
    let probe_modules = probes::decode_at(&view, options.probe_modules_file, problems);
    let probes = decode_probes(&view, &global, probe_modules.as_ref(), problems);
    Config {
        maintenance: decode_maintenance(&view, &probes, problems),
        scaling: decode_scaling(&view, &global, options, problems),
        forecasts: decode_forecasts(&view, &global, options, problems),
        probes,
        probe_modules: probe_modules.unwrap_or_default(),
        alerting: decode_alerting(&view.section("alerting"), global.name_validation, problems),
        rule_files: view
            .texts("rule_files")
            .iter()
            .map(|pattern| origin.join(pattern))
            .collect(),
        rule_groups: Vec::new(),
        objectives: Vec::new(),
        dashboards: Vec::new(),
        notifications: decode_at(
            &view,
            if options.leave_named_files {
                NamedFiles::Leave
            } else {
                NamedFiles::Read
            },
            problems,
        ),
        replicas: view
            .optional_section("replicas")
            .and_then(|view| decode_replicas(&view, options, problems)),
        remote_write: decode_remote_writes(
            &view.sections("remote_write"),
            global.name_validation,
            problems,
        ),
        remote_read: decode_remote_reads(&view.sections("remote_read"), problems),
        otlp: decode_otlp(&view.section("otlp"), global.name_validation, problems),
        storage: decode_storage(&view.section("storage")),
        tracing: view
            .optional_section("tracing")
            .map(|view| decode_tracing(&view)),
        server: decode_server(&view.section("server")),
        later: LATER
            .iter()
            .filter_map(|(key, _)| Some((*key, view.node_of(key)?.clone())))
            .collect(),
        global,
        scrape,
    }
}

/// Reads the groups of the files that `rule_files` names. A path that names none is no error, as in
/// Prometheus, but is told.
fn read_rule_files(
    view: &View<'_>,
    config: &Config,
    options: &LoadOptions<'_>,
    problems: &mut Problems,
) -> LoadedRules {
    let rule_options = RuleOptions {
        features: options.promql,
        interval_ms: config.global.evaluation_interval_ms,
        names: config.global.name_validation,
        ignore_unknown_keys: false,
    };
    let decoder = RuleDecoder::new(&rule_options);
    let mut loaded = LoadedRules::default();
    for (item, pattern) in view.items("rule_files").iter().zip(&config.rule_files) {
        let shown = pattern.display().to_string();
        let mut files = match glob(pattern) {
            Ok(files) => files,
            Err(error) => {
                let message = format!("{shown:?} cannot be looked up: {error}");
                problems.error(&view.origin.file, item.position, &item.path, message);
                continue;
            }
        };
        files.retain(|file| file != pattern || file.try_exists().unwrap_or(true));
        if files.is_empty() {
            problems.warning(
                &view.origin.file,
                item.position,
                &item.path,
                format!("no file matches {shown:?}"),
            );
        }
        for file in files {
            // Two patterns may name the same file, whose groups exist once.
            if loaded.files.contains(&file) {
                continue;
            }
            match read_file(&file) {
                Ok(source) => {
                    let groups = read_groups(&source, &file, &decoder, &rule_options, problems);
                    loaded.groups.extend(groups);
                    loaded.files.push(file);
                }
                Err(problem) => {
                    let message = format!("{:?} {}", problem.file, problem.message);
                    problems.error(&view.origin.file, item.position, &item.path, message);
                }
            }
        }
    }
    loaded
}

/// Loads the jobs of the files that `scrape_config_files` names.
fn decode_job_files(
    view: &View<'_>,
    global: &GlobalSettings,
    places: &mut HashMap<String, JobPlace>,
    problems: &mut Problems,
) -> Vec<ScrapeSettings> {
    let mut jobs = Vec::new();
    for (item, pattern) in view
        .items("scrape_config_files")
        .iter()
        .zip(view.texts("scrape_config_files"))
    {
        let fail = |problems: &mut Problems, message: String| {
            problems.error(&view.origin.file, item.position, &item.path, message);
        };
        let files = match glob(&view.origin.join(&pattern)) {
            Ok(files) => files,
            Err(error) => {
                fail(
                    problems,
                    format!("{pattern:?} cannot be looked up: {error}"),
                );
                continue;
            }
        };
        for file in files {
            if file == view.origin.join(&pattern) && !file.try_exists().unwrap_or(true) {
                fail(
                    problems,
                    format!("{:?} is not there", file.display().to_string()),
                );
                continue;
            }
            let source = match read_file(&file) {
                Ok(source) => source,
                Err(problem) => {
                    problems.errors.push(problem);
                    continue;
                }
            };
            let origin = origin_of(&file);
            if let Some(root) = parse(&source, &origin, &SCRAPE_FILE, problems) {
                let file_view = View::new(Some(&root), &SCRAPE_FILE, &origin);
                let views = file_view.sections("scrape_configs");
                jobs.extend(decode_jobs(&views, global, places, problems));
            }
        }
    }
    jobs
}
