//! What a scrape job is told: whom to scrape, how often, in which format, and what to keep.
//!
//! ## Model
//! A [`ScrapeSettings`] is one job with all defaults filled in: nothing in it falls back to a
//! global value any more. Its [`Discovery`] list names its targets.
//!
//! ## Invariants
//! Plain values; two jobs are equal when they would behave the same, so that a reload can leave
//! an unchanged job running. `timeout_ms` is at most `interval_ms`; `protocols` is not empty and
//! names none twice.

use std::fmt;
use std::path::PathBuf;

use bellwether_model::Labels;
use bellwether_model::relabel::Rule;
use bellwether_model::utf8_name::Escaping;
use bellwether_outbound::settings::{HttpClientSettings, redacted_url};
use url::Url;

/// An exposition format that a job asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScrapeProtocol {
    /// Delimited protobuf messages; carries native histograms.
    PrometheusProto,
    /// The text format of Prometheus 2.
    PrometheusText004,
    /// The text format with UTF-8 names.
    PrometheusText100,
    /// OpenMetrics before its first release.
    OpenMetricsText001,
    /// OpenMetrics 1.0.
    OpenMetricsText100,
}

impl ScrapeProtocol {
    /// Every protocol with its name in the configuration.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("PrometheusProto", Self::PrometheusProto),
        ("PrometheusText0.0.4", Self::PrometheusText004),
        ("PrometheusText1.0.0", Self::PrometheusText100),
        ("OpenMetricsText0.0.1", Self::OpenMetricsText001),
        ("OpenMetricsText1.0.0", Self::OpenMetricsText100),
    ];

    /// What is offered unless the configuration says otherwise, most wanted first.
    pub const DEFAULT: [Self; 4] = [
        Self::OpenMetricsText100,
        Self::OpenMetricsText001,
        Self::PrometheusText100,
        Self::PrometheusText004,
    ];

    /// The same with protobuf first, for jobs that want native histograms.
    pub const PROTO_FIRST: [Self; 5] = [
        Self::PrometheusProto,
        Self::OpenMetricsText100,
        Self::OpenMetricsText001,
        Self::PrometheusText100,
        Self::PrometheusText004,
    ];

    /// The media type that asks for it, without quality and escaping.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::PrometheusProto => {
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
            }
            Self::PrometheusText004 => "text/plain;version=0.0.4",
            Self::PrometheusText100 => "text/plain;version=1.0.0",
            Self::OpenMetricsText001 => "application/openmetrics-text;version=0.0.1",
            Self::OpenMetricsText100 => "application/openmetrics-text;version=1.0.0",
        }
    }
}

/// How targets are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scheme {
    /// `http`.
    #[default]
    Http,
    /// `https`.
    Https,
}

impl Scheme {
    /// Its name in a URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Which names of metrics and labels are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NameValidation {
    /// Any UTF-8 text.
    #[default]
    Utf8,
    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    Legacy,
}

/// What a scrape may at most be. 0 means no limit everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ScrapeLimits {
    /// Bytes of the body after decompression; a longer one fails the scrape.
    pub body_bytes_max: u64,
    /// Samples after metric relabelling; more fail the scrape.
    pub samples_max: u64,
    /// Targets of the job after relabelling; more fail all of its scrapes.
    pub targets_max: u64,
    /// Labels of a series; more fail the scrape.
    pub labels_max: u64,
    /// Bytes of a label's name; more fail the scrape.
    pub label_name_bytes_max: u64,
    /// Bytes of a label's value; more fail the scrape.
    pub label_value_bytes_max: u64,
    /// Buckets of a native histogram; more are merged until they fit.
    pub histogram_buckets_max: u64,
    /// The least factor between neighbouring buckets of a native histogram; finer ones are
    /// merged.
    pub histogram_bucket_factor_min: f64,
    /// Dropped targets that are kept for display.
    pub dropped_targets_kept_max: u64,
}

/// Targets that share labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetGroup {
    /// Addresses, `host:port` or `host`.
    pub targets: Vec<String>,
    /// Labels of all of them, `__meta_*` included.
    pub labels: Labels,
}

/// What a DNS discovery asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DnsRecord {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail exchangers.
    Mx,
    /// Name servers.
    Ns,
    /// Hosts with ports.
    Srv,
}

/// A way to find targets.
#[derive(Clone, PartialEq)]
pub enum Discovery {
    /// They stand in the configuration (`static_configs`).
    Static(Vec<TargetGroup>),
    /// Files that hold target groups (`file_sd_configs`).
    File {
        /// Paths; the last part may be a glob. Relative ones are already joined with the
        /// configuration's folder.
        files: Vec<String>,
        /// How often they are read again even when no change is seen.
        refresh_interval_ms: i64,
    },
    /// A URL that answers with target groups as JSON (`http_sd_configs`).
    Http {
        /// The URL.
        url: Url,
        /// How often it is asked.
        refresh_interval_ms: i64,
        /// The client that asks.
        http: Box<HttpClientSettings>,
    },
    /// Names to resolve (`dns_sd_configs`).
    Dns {
        /// The names.
        names: Vec<String>,
        /// What to ask for.
        record: DnsRecord,
        /// The port, unless the record is `SRV`, which brings its own.
        port: u16,
        /// How often they are asked.
        refresh_interval_ms: i64,
    },
    /// One that is understood in the configuration but not carried out.
    Unsupported {
        /// Its key, such as `kubernetes_sd_configs`.
        key: String,
    },
}

/// Shows no password of a URL.
impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static(groups) => f.debug_tuple("Static").field(groups).finish(),
            Self::File {
                files,
                refresh_interval_ms,
            } => f
                .debug_struct("File")
                .field("files", files)
                .field("refresh_interval_ms", refresh_interval_ms)
                .finish(),
            Self::Http {
                url,
                refresh_interval_ms,
                http,
            } => f
                .debug_struct("Http")
                .field("url", &redacted_url(url))
                .field("refresh_interval_ms", refresh_interval_ms)
                .field("http", http)
                .finish(),
            Self::Dns {
                names,
                record,
                port,
                refresh_interval_ms,
            } => f
                .debug_struct("Dns")
                .field("names", names)
                .field("record", record)
                .field("port", port)
                .field("refresh_interval_ms", refresh_interval_ms)
                .finish(),
            Self::Unsupported { key } => f.debug_struct("Unsupported").field("key", key).finish(),
        }
    }
}

/// One scrape job.
#[derive(Debug, Clone, PartialEq)]
pub struct ScrapeSettings {
    /// The job's name, unique; also the pool's.
    pub job_name: String,
    /// Labels of the scraped data win over the target's.
    pub honor_labels: bool,
    /// Timestamps of the scraped data are taken. Default true.
    pub honor_timestamps: bool,
    /// Series with timestamps of their own get stale markers as well.
    pub track_timestamps_staleness: bool,
    /// Parameters of the URL: name and values.
    pub params: Vec<(String, Vec<String>)>,
    /// Time between two scrapes of a target.
    pub interval_ms: i64,
    /// Time after which a scrape fails, at most `interval_ms`.
    pub timeout_ms: i64,
    /// Formats to ask for, most wanted first.
    pub protocols: Vec<ScrapeProtocol>,
    /// The format of an answer that does not say what it is. None: such a scrape fails.
    pub fallback_protocol: Option<ScrapeProtocol>,
    /// Take native histograms.
    pub native_histograms: bool,
    /// Take the classic form of a histogram that is also native.
    pub always_classic_histograms: bool,
    /// Turn classic histograms into native ones with custom buckets.
    pub classic_histograms_to_nhcb: bool,
    /// File that failed scrapes are written to.
    pub failure_log_file: Option<PathBuf>,
    /// Path of the URL. Default `/metrics`.
    pub metrics_path: String,
    /// Scheme of the URL. Default `http`.
    pub scheme: Scheme,
    /// Ask for compressed answers. Default true.
    pub enable_compression: bool,
    /// Limits.
    pub limits: ScrapeLimits,
    /// Which names are taken.
    pub name_validation: NameValidation,
    /// How names are asked to be written.
    pub name_escaping: Escaping,
    /// Also write `scrape_timeout_seconds`, `scrape_sample_limit`, `scrape_body_size_bytes`.
    pub extra_metrics: bool,
    /// The HTTP client.
    pub http: HttpClientSettings,
    /// Where targets come from, in the order of the file.
    pub discovery: Vec<Discovery>,
    /// Rules for targets, in order.
    pub relabel: Vec<Rule>,
    /// Rules for scraped series, in order.
    pub metric_relabel: Vec<Rule>,
}

impl ScrapeSettings {
    /// A job with Prometheus' defaults and no targets, for tests and for jobs that we make
    /// ourselves.
    #[must_use]
    pub fn new(job_name: impl Into<String>) -> Self {
        Self {
            job_name: job_name.into(),
            honor_labels: false,
            honor_timestamps: true,
            track_timestamps_staleness: false,
            params: Vec::new(),
            interval_ms: 60_000,
            timeout_ms: 10_000,
            protocols: ScrapeProtocol::DEFAULT.to_vec(),
            fallback_protocol: None,
            native_histograms: false,
            always_classic_histograms: false,
            classic_histograms_to_nhcb: false,
            failure_log_file: None,
            metrics_path: "/metrics".to_owned(),
            scheme: Scheme::Http,
            enable_compression: true,
            limits: ScrapeLimits::default(),
            name_validation: NameValidation::Utf8,
            name_escaping: Escaping::AllowUtf8,
            extra_metrics: false,
            http: HttpClientSettings::default(),
            discovery: Vec::new(),
            relabel: Vec::new(),
            metric_relabel: Vec::new(),
        }
    }
}
