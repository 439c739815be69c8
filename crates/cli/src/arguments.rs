//! The command line.
//!
//! ## Invariants
//! Prometheus' own flags are accepted in front of and behind `serve`, and `serve` itself may be left
//! out, so that a unit file or Helm values need no more than another name of the binary. Flags that
//! have no meaning here are accepted and named once in the log.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::acknowledge::Acknowledge;
use crate::anomaly::AnomalyFlags;
use crate::backtest::Backtest;
use crate::check::Check;
use crate::dashboard_files::DashboardFiles;
use crate::forecast::ForecastFlags;
use crate::probe::Probe;
use crate::simulate::Simulate;
use crate::slo::Slo;
use crate::test_routes::TestRoutes;
use crate::test_rules::TestRules;
use crate::test_scaling::TestScaling;
use crate::timeline::Timeline;

/// Monitoring for services built on AI models.
#[derive(Debug, Parser)]
#[command(name = "bellwether", version, about, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server. A prometheus.yml is a valid configuration.
    Serve(Box<Serve>),
    /// Run the server with a sample AI service to look at, 24 hours of history included.
    Demo(Demo),
    /// Check files without a server.
    #[command(subcommand)]
    Check(Check),
    /// Ask a running server.
    #[command(subcommand)]
    Query(Query),
    /// Run tests.
    #[command(subcommand)]
    Test(Test),
    /// Tell which alerts rules would have given over stored history, or what scaling would have cost.
    Backtest(Box<Backtest>),
    /// Tell what follows a series in a file, and how far off that may be.
    Forecast(ForecastFlags),
    /// Tell how anomalous each sample of a series in a file is.
    Anomaly(AnomalyFlags),
    /// Dashboards as files: import those of Grafana, check ours.
    #[command(subcommand)]
    Dashboards(DashboardFiles),
    /// Objectives as files, over stored history, as reports.
    #[command(subcommand)]
    Slo(Slo),
    /// See on a running server what would happen if something failed; nobody is told unless asked.
    #[command(subcommand)]
    Simulate(Simulate),
    /// Probe a target once, phase by phase.
    Probe(Probe),
    /// Tell how a running server is.
    Status(Remote),
    /// Tell what has happened to the alerts of a running server.
    Timeline(Timeline),
    /// Say that somebody is on alerts of a running server: their repeats stop.
    Acknowledge(Acknowledge),
    /// Write stored samples of a running server as OpenMetrics.
    Export(Export),
    /// Read OpenMetrics with timestamps into a running server.
    Import(Import),
}

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Flags of `serve`. Those with dots are Prometheus' own; a switch among them may be turned off by
/// `--no-` in front of its name, or have a value.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The configuration file; a prometheus.yml will do.
    #[arg(
        long,
        visible_alias = "config.file",
        value_name = "FILE",
        default_value = "bellwether.yml"
    )]
    pub(crate) config: PathBuf,
    /// The folder for data [default: storage.path of the configuration, or `data`].
    #[arg(long, visible_alias = "storage.tsdb.path", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The address to listen on; may be given several times [default: server.listen of the
    /// configuration, or 127.0.0.1:9090].
    #[arg(long, visible_alias = "web.listen-address", value_name = "ADDR")]
    pub(crate) listen: Vec<String>,
    /// Allow an address beyond loopback without auth.
    #[arg(long)]
    pub(crate) insecure_listen: bool,
    /// Also listen for OTLP on these addresses, such as 127.0.0.1:4318 for HTTP.
    #[arg(long, value_name = "ADDR")]
    pub(crate) otlp_http_listen: Option<String>,
    /// The address for OTLP over gRPC, such as 127.0.0.1:4317.
    #[arg(long, value_name = "ADDR")]
    pub(crate) otlp_grpc_listen: Option<String>,
    /// Names of features to switch on, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(crate) enable_feature: Vec<String>,
    /// The ceiling for memory, such as 2GiB [default: storage.memory_limit of the configuration].
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory_limit: Option<String>,

    /// An alertmanager.yml, in place of the section `notifications` of the configuration.
    #[arg(long, value_name = "FILE")]
    pub(crate) alertmanager_config: Option<PathBuf>,

    /// A blackbox.yml, in place of `probe_modules` of the configuration.
    #[arg(long, value_name = "FILE")]
    pub(crate) probe_config: Option<PathBuf>,

    /// How long an outage may be after which `for` goes on where it was.
    #[arg(
        long = "rules.alert.for-outage-tolerance",
        value_name = "DURATION",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) rules_outage: Option<String>,
    /// After an outage, how long an alert waits at least before it fires.
    #[arg(
        long = "rules.alert.for-grace-period",
        value_name = "DURATION",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) rules_grace: Option<String>,
    /// After what time an alert that fires on is sent again.
    #[arg(
        long = "rules.alert.resend-delay",
        value_name = "DURATION",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) rules_resend: Option<String>,
    /// How many alerts may wait for one other Alertmanager [default: 10000].
    #[arg(
        long = "alertmanager.notification-queue-capacity",
        value_name = "N",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) alertmanager_capacity: Option<std::num::NonZeroUsize>,
    /// How many alerts one request to another Alertmanager has at most [default: 256].
    #[arg(
        long = "alertmanager.notification-batch-size",
        value_name = "N",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) alertmanager_batch: Option<std::num::NonZeroUsize>,
    /// Send what waits for other Alertmanagers before the server ends [default: true].
    #[arg(
        long = "alertmanager.drain-notification-queue-on-shutdown",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) alertmanager_drain: Option<bool>,
    /// TLS and basic auth, in Prometheus' format.
    #[arg(
        long = "web.config.file",
        value_name = "FILE",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) web_config_file: Option<PathBuf>,
    /// The URL under which users reach this server.
    #[arg(
        long = "web.external-url",
        value_name = "URL",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) web_external_url: Option<String>,
    /// Serve everything under this path.
    #[arg(
        long = "web.route-prefix",
        value_name = "PATH",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) web_route_prefix: Option<String>,
    /// Allow shutdown and reload by HTTP.
    #[arg(
        long = "web.enable-lifecycle",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) web_enable_lifecycle: Option<bool>,
    /// Allow deletion and snapshots by HTTP.
    #[arg(
        long = "web.enable-admin-api",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) web_enable_admin_api: Option<bool>,
    /// Accept remote write. On by default here; --no-web.enable-remote-write-receiver refuses it.
    #[arg(
        long = "web.enable-remote-write-receiver",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) web_enable_remote_write_receiver: Option<bool>,
    /// Accept OTLP. On by default here; --no-web.enable-otlp-receiver refuses it.
    #[arg(
        long = "web.enable-otlp-receiver",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) web_enable_otlp_receiver: Option<bool>,
    /// Which pages of other origins may read answers.
    #[arg(
        long = "web.cors.origin",
        value_name = "REGEX",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) web_cors_origin: Option<String>,
    /// Connections at once.
    #[arg(
        long = "web.max-connections",
        value_name = "N",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) web_max_connections: Option<usize>,
    /// How long samples are kept, such as 15d.
    #[arg(
        long = "storage.tsdb.retention.time",
        alias = "storage.tsdb.retention",
        value_name = "DURATION",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) retention_time: Option<String>,
    /// How many bytes blocks may take, such as 50GB.
    #[arg(
        long = "storage.tsdb.retention.size",
        value_name = "SIZE",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) retention_size: Option<String>,
    /// How far an instant selector looks back.
    #[arg(
        long = "query.lookback-delta",
        value_name = "DURATION",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) query_lookback_delta: Option<String>,
    /// How long a query may take.
    #[arg(
        long = "query.timeout",
        value_name = "DURATION",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) query_timeout: Option<String>,
    /// Queries at once.
    #[arg(
        long = "query.max-concurrency",
        value_name = "N",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) query_max_concurrency: Option<usize>,
    /// Samples that one query may hold.
    #[arg(
        long = "query.max-samples",
        value_name = "N",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) query_max_samples: Option<u64>,
    /// debug, info, warn or error.
    #[arg(
        long = "log.level",
        value_name = "LEVEL",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) log_level: Option<String>,
    /// logfmt or json.
    #[arg(
        long = "log.format",
        value_name = "FORMAT",
        help_heading = "Prometheus' flags"
    )]
    pub(crate) log_format: Option<String>,

    /// Known so that it can be refused with a reason.
    #[arg(
        long,
        hide = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub(crate) agent: Option<bool>,

    #[command(flatten)]
    pub(crate) ignored: IgnoredFlags,
}

/// Defines flags of Prometheus that mean nothing here, and the list of those that were given.
macro_rules! ignored_flags {
    ($(value $value:ident = $value_name:literal;)* $(switch $switch:ident = $switch_name:literal;)*) => {
        /// Flags of Prometheus that have no meaning here, accepted so that its command lines work.
        #[derive(Debug, Args)]
        pub(crate) struct IgnoredFlags {
            $(#[arg(long = $value_name, hide = true, num_args = 1)] $value: Option<String>,)*
            $(
                #[arg(long = $switch_name, hide = true, num_args = 0..=1, require_equals = true,
                      default_missing_value = "true")]
                $switch: Option<bool>,
            )*
        }

        /// Switches of Prometheus that have no meaning here.
        const IGNORED_SWITCHES: &[&str] = &[$($switch_name),*];

        impl IgnoredFlags {
            /// The flags that were given.
            pub(crate) fn given(&self) -> Vec<&'static str> {
                let mut given = Vec::new();
                $(if self.$value.is_some() { given.push(concat!("--", $value_name)); })*
                $(if self.$switch.is_some() { given.push(concat!("--", $switch_name)); })*
                given
            }
        }
    };
}

ignored_flags! {
    value config_auto_reload_interval = "config.auto-reload-interval";
    value web_read_timeout = "web.read-timeout";
    value web_max_notifications = "web.max-notifications-subscribers";
    value web_user_assets = "web.user-assets";
    value web_console_templates = "web.console.templates";
    value web_console_libraries = "web.console.libraries";
    value web_page_title = "web.page-title";
    value web_accepted_messages = "web.remote-write-receiver.accepted-protobuf-messages";
    value tsdb_min_block = "storage.tsdb.min-block-duration";
    value tsdb_max_block = "storage.tsdb.max-block-duration";
    value tsdb_max_block_chunk = "storage.tsdb.max-block-chunk-segment-size";
    value tsdb_wal_segment = "storage.tsdb.wal-segment-size";
    value tsdb_retention_percentage = "storage.tsdb.retention.percentage";
    value tsdb_wal_compression_type = "storage.tsdb.wal-compression-type";
    value tsdb_head_chunks_queue = "storage.tsdb.head-chunks-write-queue-size";
    value tsdb_samples_per_chunk = "storage.tsdb.samples-per-chunk";
    value tsdb_delay_compact = "storage.tsdb.delay-compact-file.path";
    value remote_flush_deadline = "storage.remote.flush-deadline";
    value remote_read_samples = "storage.remote.read-sample-limit";
    value remote_read_concurrent = "storage.remote.read-concurrent-limit";
    value remote_read_frame = "storage.remote.read-max-bytes-in-frame";
    value rules_concurrent = "rules.max-concurrent-evals";
    value alertmanager_timeout = "alertmanager.timeout";
    value gomemlimit_ratio = "auto-gomemlimit.ratio";
    value scrape_tolerance = "scrape.timestamp-tolerance";
    value scrape_discovery_interval = "scrape.discovery-reload-interval";
    value gomemlimit_refresh = "auto-gomemlimit.refresh-interval";
    value tsdb_delayed_compaction = "storage.tsdb.delayed-compaction.max-percent";
    value tsdb_block_reload = "storage.tsdb.block-reload-interval";
    value web_search_limit = "web.search.max-limit";
    switch config_auto_reload = "config.auto-reload";
    switch tsdb_no_lockfile = "storage.tsdb.no-lockfile";
    switch tsdb_overlapping = "storage.tsdb.allow-overlapping-blocks";
    switch tsdb_compaction_overlapping = "storage.tsdb.allow-overlapping-compaction";
    switch tsdb_wal_compression = "storage.tsdb.wal-compression";
    switch gomaxprocs = "auto-gomaxprocs";
    switch gomemlimit = "auto-gomemlimit";
    switch scrape_adjust = "scrape.adjust-timestamps";
}

/// Flags of `demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The address to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9090")]
    pub(crate) listen: String,
    /// The folder for data; a new temporary one, removed at the end, if not given.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Hours of history to write at start.
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    pub(crate) history: u32,
    /// What the simulation starts from: the same seed gives the same history.
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// Let no fault come by itself in the live daemon: only those that are begun by hand.
    #[arg(long)]
    pub(crate) no_faults: bool,
}

/// Where the server is.
#[derive(Debug, Args)]
pub(crate) struct Remote {
    /// The server's URL; may hold user and password. A token is taken from BELLWETHER_TOKEN.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090")]
    pub(crate) url: String,
    /// How to print the answer.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) output: Output,
}

/// Questions for a server.
#[derive(Debug, Subcommand)]
pub(crate) enum Query {
    /// Evaluate an expression at one time.
    Instant {
        /// PromQL.
        expression: String,
        /// RFC 3339 or seconds since the epoch; now if not given.
        #[arg(long, value_name = "TIME")]
        time: Option<String>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Evaluate an expression over a range of time.
    Range {
        /// PromQL.
        expression: String,
        /// RFC 3339 or seconds since the epoch; an hour before the end if not given.
        #[arg(long, value_name = "TIME")]
        start: Option<String>,
        /// RFC 3339 or seconds since the epoch; now if not given.
        #[arg(long, value_name = "TIME")]
        end: Option<String>,
        /// The distance between points; a 250th of the range if not given.
        #[arg(long, value_name = "DURATION")]
        step: Option<String>,
        #[command(flatten)]
        remote: Remote,
    },
}

/// Tests.
#[derive(Debug, Subcommand)]
pub(crate) enum Test {
    /// Run scripts in the language of promqltest (load, eval, expect).
    Promql {
        /// The scripts.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Run on the embedded engine in a temporary folder instead of in memory.
        #[arg(long)]
        embedded: bool,
        /// How to print the answer.
        #[arg(long, value_enum, default_value = "text")]
        output: Output,
    },
    /// Run unit tests of rules, in the format of promtool, and of objectives.
    #[command(alias = "slo")]
    Rules(TestRules),
    /// Tell which receivers an alert goes to, or check files of such cases.
    Routes(TestRoutes),
    /// Replay loads against scaling policies, and check what comes of it.
    Scaling(TestScaling),
}

/// Flags of `export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Selectors; everything if none is given.
    #[arg(long = "match", value_name = "SELECTOR")]
    pub(crate) matchers: Vec<String>,
    /// RFC 3339 or seconds since the epoch; an hour before the end if not given.
    #[arg(long, value_name = "TIME")]
    pub(crate) start: Option<String>,
    /// RFC 3339 or seconds since the epoch; now if not given.
    #[arg(long, value_name = "TIME")]
    pub(crate) end: Option<String>,
    /// The server's URL; may hold user and password.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090")]
    pub(crate) url: String,
    /// The file to write; standard output if not given.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// What becomes of native histograms, which OpenMetrics cannot carry.
    #[arg(long, value_enum, default_value = "classic")]
    pub(crate) histograms: Histograms,
}

/// What becomes of native histograms in an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Histograms {
    /// Written as classic ones: `_bucket`, `_count` and `_sum`.
    Classic,
    /// Left out.
    Skip,
}

/// Flags of `import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file to read; `-` is standard input.
    pub(crate) file: PathBuf,
    /// The server's URL; may hold user and password.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090")]
    pub(crate) url: String,
}

/// Switches of Prometheus that have a meaning here.
const SWITCHES: [&str; 6] = [
    "agent",
    "alertmanager.drain-notification-queue-on-shutdown",
    "web.enable-lifecycle",
    "web.enable-admin-api",
    "web.enable-remote-write-receiver",
    "web.enable-otlp-receiver",
];

/// Puts `serve` in front where the command line begins with a flag of the server, as Prometheus'
/// command lines do, and writes its `--no-<switch>` as `--<switch>=false`.
pub(crate) fn as_serve_understands(mut arguments: Vec<String>) -> Vec<String> {
    let own = ["-h", "--help", "-V", "--version"];
    let implied = arguments
        .get(1)
        .is_some_and(|first| first.starts_with('-') && !own.contains(&first.as_str()));
    if implied {
        arguments.insert(1, "serve".to_owned());
    }
    if arguments.get(1).is_some_and(|command| command == "serve") {
        for argument in arguments.iter_mut().skip(2) {
            if let Some(switch) = argument.strip_prefix("--no-")
                && (SWITCHES.contains(&switch) || IGNORED_SWITCHES.contains(&switch))
            {
                *argument = format!("--{switch}=false");
            }
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        let line = std::iter::once("bellwether")
            .chain(line.split_whitespace())
            .map(str::to_owned);
        Arguments::try_parse_from(as_serve_understands(line.collect()))
    }

    #[test]
    fn a_command_line_of_prometheus_is_taken() {
        let line = "--config.file=/etc/prometheus/prometheus.yml --storage.tsdb.path=/prometheus \
                    --web.console.libraries=/usr/share/prometheus/console_libraries \
                    --storage.tsdb.retention.time=30d --web.enable-lifecycle \
                    --storage.tsdb.wal-compression --web.listen-address=:9090 \
                    --enable-feature=exemplar-storage,native-histograms --storage.tsdb.no-lockfile \
                    --auto-gomaxprocs=false";
        let Command::Serve(serve) = parse(line).unwrap().command else {
            panic!("not serve")
        };
        assert_eq!(
            serve.config,
            PathBuf::from("/etc/prometheus/prometheus.yml")
        );
        assert_eq!(serve.listen, [":9090"]);
        assert_eq!(
            serve.enable_feature,
            ["exemplar-storage", "native-histograms"]
        );
        assert_eq!(
            serve.ignored.given(),
            [
                "--web.console.libraries",
                "--storage.tsdb.no-lockfile",
                "--storage.tsdb.wal-compression",
                "--auto-gomaxprocs"
            ]
        );
    }

    #[test]
    fn switches_of_prometheus_can_be_turned_off() {
        let serve = |line: &str| match parse(line).unwrap().command {
            Command::Serve(serve) => serve,
            other => panic!("not serve: {other:?}"),
        };
        let none = serve("--config.file=p.yml");
        assert_eq!(none.web_enable_lifecycle, None);
        let line = "serve --no-web.enable-lifecycle --web.enable-admin-api=true \
                    --web.enable-remote-write-receiver=false --web.enable-otlp-receiver";
        let some = serve(line);
        assert_eq!(some.web_enable_lifecycle, Some(false));
        assert_eq!(some.web_enable_admin_api, Some(true));
        assert_eq!(some.web_enable_remote_write_receiver, Some(false));
        assert_eq!(some.web_enable_otlp_receiver, Some(true));
        // The value stands behind `=`: what follows is another argument, as in Prometheus.
        assert!(parse("serve --web.enable-lifecycle true").is_err());
        assert!(parse("serve --web.enable-lifecycle=perhaps").is_err());
        assert!(parse("serve --no-web.listen-address").is_err());
        assert!(parse("status --no-web.enable-lifecycle").is_err());
    }

    #[test]
    fn every_switch_of_prometheus_has_a_negative() {
        use clap::CommandFactory as _;
        let command = Arguments::command();
        let serve = command.find_subcommand("serve").unwrap();
        let switches: Vec<&str> = serve
            .get_arguments()
            .filter(|argument| argument.is_require_equals_set())
            .filter_map(clap::Arg::get_long)
            .collect();
        assert_eq!(switches.len(), SWITCHES.len() + IGNORED_SWITCHES.len());
        for switch in switches {
            for line in [
                format!("--no-{switch}"),
                format!("--{switch}"),
                format!("--{switch}=true"),
            ] {
                assert!(parse(&line).is_ok(), "{line}");
            }
        }
        let Command::Serve(serve) = parse("--no-storage.tsdb.wal-compression").unwrap().command
        else {
            panic!("not serve")
        };
        assert_eq!(serve.ignored.given(), ["--storage.tsdb.wal-compression"]);
    }

    #[test]
    fn an_unknown_flag_is_refused_by_name() {
        let error = parse("serve --web.enable-lifecylce")
            .unwrap_err()
            .to_string();
        assert!(error.contains("--web.enable-lifecycle"), "{error}");
    }
}
