//! From flags and configuration to the settings of every part.
//!
//! ## Invariants
//! A flag wins over the file. What is wrong is said before anything listens or is opened.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bellwether_config::{self as config, Config, LoadOptions, Loaded, WalFsync};
use bellwether_host::Process;
use bellwether_model::time::parse_duration;
use bellwether_notify::external::ExternalOptions;
use bellwether_outbound::settings::{PemSource, TlsVersion as SpokenVersion};
use bellwether_promql::{EngineOptions, Features, MemoryBudget, MemoryLimits};
use bellwether_rules::RuleOptions;
use bellwether_server::settings::{
    ClientAuth, FrontProxySettings, Hidden, Limits, Pem, Scopes, Security, ServerSettings,
    TlsSettings, TlsVersion, TokenSettings,
};
use bellwether_tsdb::{EngineSettings, FsyncPolicy};

use crate::arguments::Serve;

/// Where data goes unless somebody says otherwise.
const DATA_DEFAULT: &str = "data";
/// The ceiling of the memory of one query where the process has none. Chosen: a quarter of the
/// smallest usual machine.
const QUERY_BYTES_MAX: u64 = 1 << 30;
/// What the ceilings of queries come from, for errors.
const MEMORY_SETTING: &str = "storage.memory_limit (a query may hold a quarter of it, or 1GiB where it is not set, and all together three tenths)";

/// How the configuration is read under the features that are on.
pub(crate) fn load(
    path: &Path,
    features: &[String],
    probe_modules_file: Option<&Path>,
) -> Result<Loaded> {
    let has = |name: &str| features.iter().any(|feature| feature == name);
    let options = LoadOptions {
        proto_first: has("created-timestamp-zero-ingestion"),
        native_histograms: has("native-histograms"),
        extra_scrape_metrics: has("extra-scrape-metrics"),
        promql: promql_features(features),
        probe_modules_file,
        ..LoadOptions::default()
    };
    config::load(path, &options).with_context(|| format!("{} cannot be used", path.display()))
}

/// Features of PromQL among those that are on.
pub(crate) fn promql_features(features: &[String]) -> Features {
    let names: Vec<&str> = features.iter().map(String::as_str).collect();
    Features::from_names(&names)
}

/// The folder of the data.
pub(crate) fn data_folder(flags: &Serve, config: &Config) -> PathBuf {
    let configured = || config.storage.path.clone();
    flags
        .data
        .clone()
        .or_else(configured)
        .unwrap_or_else(|| DATA_DEFAULT.into())
}

/// Settings of the metrics engine.
pub(crate) fn engine_settings(flags: &Serve, config: &Config) -> Result<EngineSettings> {
    let storage = &config.storage;
    let defaults = EngineSettings::default();
    let retention_ms = match &flags.retention_time {
        Some(text) => parse_duration(text).context("--storage.tsdb.retention.time")?,
        None => storage
            .metrics_retention_ms
            .unwrap_or(defaults.retention_ms),
    };
    let retention_bytes = match &flags.retention_size {
        Some(text) => config::parse_size(text).context("--storage.tsdb.retention.size")?,
        None => storage.retention_bytes.unwrap_or(0),
    };
    Ok(EngineSettings {
        memory_limit_bytes: memory_limit_bytes(flags, config)?,
        wal_fsync: match storage.wal_fsync {
            WalFsync::Always => FsyncPolicy::Always,
            WalFsync::EveryMs(ms) => FsyncPolicy::Interval(u64::try_from(ms).unwrap_or(1_000)),
            WalFsync::Never => FsyncPolicy::Never,
        },
        retention_ms,
        retention_bytes,
        series_per_source_max: storage.limits.series_per_source_max,
        samples_per_second_max: storage.limits.samples_per_second_max,
        labels_max: storage.limits.labels_max,
        label_name_bytes_max: storage.limits.label_name_bytes_max,
        label_value_bytes_max: storage.limits.label_value_bytes_max,
        future_max_ms: storage.limits.future_max_ms,
        exemplars_max: usize::try_from(storage.exemplars_max).unwrap_or(usize::MAX),
        ..defaults
    })
}

/// The ceiling of the process' memory; 0: none.
fn memory_limit_bytes(flags: &Serve, config: &Config) -> Result<u64> {
    match &flags.memory_limit {
        Some(text) => config::parse_size(text).context("--memory-limit"),
        None => Ok(config.storage.memory_bytes_max),
    }
}

/// What queries may hold under a ceiling of the process. The store keeps its own structures below
/// eleven twentieths of it; what is left pays for writing blocks and for all else.
fn query_memory(memory_limit_bytes: u64) -> MemoryLimits {
    let (query_max_bytes, all_max_bytes) = match memory_limit_bytes {
        0 => (QUERY_BYTES_MAX, 0),
        limit => (limit / 4, limit / 10 * 3),
    };
    MemoryLimits {
        query_max_bytes,
        all_max_bytes,
        process_max_bytes: memory_limit_bytes,
        setting: MEMORY_SETTING,
    }
}

/// Settings of the query engine.
pub(crate) fn query_options(flags: &Serve, config: &Config) -> Result<EngineOptions> {
    let defaults = EngineOptions::default();
    let duration = |text: &Option<String>, flag: &'static str, otherwise: i64| match text {
        Some(text) => parse_duration(text).context(flag),
        None => Ok(otherwise),
    };
    let process = Process::new("/");
    Ok(EngineOptions {
        timeout_ms: duration(&flags.query_timeout, "--query.timeout", defaults.timeout_ms)?,
        lookback_ms: duration(
            &flags.query_lookback_delta,
            "--query.lookback-delta",
            defaults.lookback_ms,
        )?,
        samples_max: flags.query_max_samples.unwrap_or(defaults.samples_max),
        memory: MemoryBudget::with_probe(
            query_memory(memory_limit_bytes(flags, config)?),
            move || process.anonymous_bytes(),
        ),
        features: promql_features(&flags.enable_feature),
        subquery_step_ms: config.global.evaluation_interval_ms,
        ..defaults
    })
}

/// Times of alerts that no rule file says.
pub(crate) fn rule_options(flags: &Serve) -> Result<RuleOptions> {
    let defaults = RuleOptions::default();
    let duration = |text: &Option<String>, flag: &'static str, otherwise: i64| match text {
        Some(text) => parse_duration(text).context(flag),
        None => Ok(otherwise),
    };
    Ok(RuleOptions {
        resend_delay_ms: duration(
            &flags.rules_resend,
            "--rules.alert.resend-delay",
            defaults.resend_delay_ms,
        )?,
        outage_tolerance_ms: duration(
            &flags.rules_outage,
            "--rules.alert.for-outage-tolerance",
            defaults.outage_tolerance_ms,
        )?,
        grace_period_ms: duration(
            &flags.rules_grace,
            "--rules.alert.for-grace-period",
            defaults.grace_period_ms,
        )?,
    })
}

/// How alerts are sent to other Alertmanagers.
pub(crate) fn external_options(flags: &Serve) -> ExternalOptions {
    let defaults = ExternalOptions::default();
    let size = |flag: Option<NonZeroUsize>, default| flag.map_or(default, NonZeroUsize::get);
    ExternalOptions {
        queue_alerts_max: size(flags.alertmanager_capacity, defaults.queue_alerts_max),
        batch_alerts_max: size(flags.alertmanager_batch, defaults.batch_alerts_max),
        drain_ms_max: match flags.alertmanager_drain {
            Some(false) => 0,
            _ => defaults.drain_ms_max,
        },
    }
}

/// Settings of the HTTP and gRPC edge.
pub(crate) fn server_settings(flags: &Serve, config: &Config) -> Result<ServerSettings> {
    let own = &config.server;
    let defaults = ServerSettings::default();
    let mut listen = Vec::new();
    for text in &flags.listen {
        listen.push(address("--listen", text)?);
    }
    if listen.is_empty() {
        listen = own.listen.map_or(defaults.listen, |address| vec![address]);
    }
    let flag_address = |name: &'static str, text: &Option<String>, configured| match text {
        Some(text) => address(name, text).map(Some),
        None => Ok(configured),
    };
    let external_url = match &flags.web_external_url {
        Some(text) => Some(
            text.parse()
                .with_context(|| format!("--web.external-url {text:?}"))?,
        ),
        None => own.external_url.clone(),
    };
    if flags
        .web_route_prefix
        .as_deref()
        .is_some_and(|prefix| prefix != "/")
    {
        bail!("--web.route-prefix: only / is served; let the proxy in front strip the prefix");
    }
    Ok(ServerSettings {
        listen,
        otlp_http_listen: flag_address(
            "--otlp-http-listen",
            &flags.otlp_http_listen,
            own.otlp_http_listen,
        )?,
        otlp_grpc_listen: flag_address(
            "--otlp-grpc-listen",
            &flags.otlp_grpc_listen,
            own.otlp_grpc_listen,
        )?,
        insecure_listen: flags.insecure_listen || own.insecure_listen,
        enable_admin: flags.web_enable_admin_api.unwrap_or(own.enable_admin),
        enable_lifecycle: flags.web_enable_lifecycle.unwrap_or(own.enable_lifecycle),
        enable_remote_write: flags
            .web_enable_remote_write_receiver
            .unwrap_or(own.enable_remote_write),
        enable_otlp: flags.web_enable_otlp_receiver.unwrap_or(own.enable_otlp),
        cors_origin: flags
            .web_cors_origin
            .clone()
            .unwrap_or_else(|| own.cors_origin.clone()),
        external_url,
        page_title: own.page_title.clone(),
        limits: Limits {
            connections_max: flags.web_max_connections.unwrap_or(512),
            query_concurrency: flags.query_max_concurrency.unwrap_or(20),
            live_clients_max: own.live_clients_max,
            ..Limits::default()
        },
        security: security(flags, config)?,
    })
}

fn address(flag: &str, text: &str) -> Result<SocketAddr> {
    config::parse_address(text)
        .with_context(|| format!("{flag} {text:?}: want host:port, such as 127.0.0.1:9090"))
}

/// What the file's `server` section says, and what the `web.config.file` adds.
fn security(flags: &Serve, config: &Config) -> Result<Security> {
    let own = &config.server;
    let hidden = |users: &[(String, bellwether_outbound::settings::Secret)]| {
        let pairs = users.iter();
        pairs
            .map(|(name, hash)| (name.clone(), Hidden(hash.expose().to_owned())))
            .collect()
    };
    let mut security = Security {
        tls: own.tls.as_ref().map(tls),
        users: hidden(&own.users),
        tokens: own
            .tokens
            .iter()
            .map(|token| TokenSettings {
                name: token.name.clone(),
                hash: Hidden(token.hash.expose().to_owned()),
                scopes: Scopes {
                    read: token.may_read,
                    write: token.may_write,
                    admin: token.may_administrate,
                },
            })
            .collect(),
        headers: own.headers.clone(),
        no_http2: false,
    };
    if let Some(file) = &flags.web_config_file {
        let web = config::load_web(file)
            .with_context(|| format!("--web.config.file {} cannot be used", file.display()))?;
        security.tls = web.tls.as_ref().map(tls).or(security.tls);
        let users: Vec<_> = hidden(&web.users);
        security.users.extend(users);
        security.headers.extend(web.headers);
        security.no_http2 = !web.enable_http2;
    }
    if let Some(proxy) = &own.front_proxy {
        let Some(tls) = &mut security.tls else {
            bail!("server.front_proxy is set without server.tls: certificates come with TLS only");
        };
        tls.front_proxy = Some(FrontProxySettings {
            client_ca: pem(&proxy.client_ca),
            allowed_names: proxy.allowed_names.clone(),
        });
    }
    Ok(security)
}

fn tls(tls: &config::TlsServerSettings) -> TlsSettings {
    TlsSettings {
        cert: pem(&tls.cert),
        key: pem(&tls.key),
        client_auth: match tls.client_auth {
            config::ClientAuth::None => ClientAuth::None,
            config::ClientAuth::Request => ClientAuth::Request,
            config::ClientAuth::RequireAny => ClientAuth::RequireAny,
            config::ClientAuth::VerifyIfGiven => ClientAuth::VerifyIfGiven,
            config::ClientAuth::RequireAndVerify => ClientAuth::RequireAndVerify,
        },
        client_ca: tls.client_ca.as_ref().map(pem),
        client_allowed_sans: tls.client_allowed_sans.clone(),
        version_min: tls_version(tls.version_min),
        version_max: tls_version(tls.version_max),
        front_proxy: None,
    }
}

fn pem(source: &PemSource) -> Pem {
    match source {
        PemSource::Inline(text) => Pem::Inline(Hidden(text.expose().to_owned())),
        PemSource::File(file) => Pem::File(file.clone()),
    }
}

/// TLS 1.0 and 1.1 are not spoken: whoever asks for them gets 1.2.
fn tls_version(version: SpokenVersion) -> TlsVersion {
    match version {
        SpokenVersion::Tls13 => TlsVersion::Tls13,
        _ => TlsVersion::Tls12,
    }
}

/// The flags as `/api/v1/status/flags` shows them: Prometheus' names for what Prometheus has.
pub(crate) fn shown_flags(
    flags: &Serve,
    settings: &ServerSettings,
    data: &Path,
) -> Vec<(String, String)> {
    let listen: Vec<String> = settings.listen.iter().map(ToString::to_string).collect();
    let shown = [
        ("config.file", flags.config.display().to_string()),
        ("enable-feature", flags.enable_feature.join(",")),
        (
            "query.lookback-delta",
            flags
                .query_lookback_delta
                .clone()
                .unwrap_or_else(|| "5m".into()),
        ),
        (
            "query.max-concurrency",
            settings.limits.query_concurrency.to_string(),
        ),
        (
            "query.max-samples",
            flags.query_max_samples.unwrap_or(50_000_000).to_string(),
        ),
        (
            "query.timeout",
            flags.query_timeout.clone().unwrap_or_else(|| "2m".into()),
        ),
        ("storage.tsdb.path", data.display().to_string()),
        (
            "storage.tsdb.retention.size",
            flags.retention_size.clone().unwrap_or_default(),
        ),
        (
            "storage.tsdb.retention.time",
            flags.retention_time.clone().unwrap_or_default(),
        ),
        ("web.cors.origin", settings.cors_origin.clone()),
        ("web.enable-admin-api", settings.enable_admin.to_string()),
        (
            "web.enable-lifecycle",
            settings.enable_lifecycle.to_string(),
        ),
        (
            "web.enable-remote-write-receiver",
            settings.enable_remote_write.to_string(),
        ),
        (
            "web.external-url",
            settings
                .external_url
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
        ),
        ("web.listen-address", listen.join(",")),
        (
            "web.max-connections",
            settings.limits.connections_max.to_string(),
        ),
    ];
    shown
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Features that can be switched on: those of the language and those of collection.
const FEATURES: [(&str, &str); 13] = [
    ("promql", "promql-experimental-functions"),
    ("promql", "promql-duration-expr"),
    ("promql", "promql-delayed-name-removal"),
    ("promql", "promql-extended-range-selectors"),
    ("promql", "promql-binop-fill-modifiers"),
    ("promql", "promql-per-step-stats"),
    ("promql", "use-start-timestamps"),
    ("promql", "type-and-unit-labels"),
    ("promql", "prediction"),
    ("scrape", "created-timestamp-zero-ingestion"),
    ("scrape", "native-histograms"),
    ("scrape", "extra-scrape-metrics"),
    ("otlp_receiver", "otlp-deltatocumulative"),
];

/// The features for `/api/v1/features`: category, name, on or off.
pub(crate) fn shown_features(enabled: &[String]) -> Vec<(String, String, bool)> {
    let has = |name: &str| enabled.iter().any(|enabled| enabled == name);
    FEATURES
        .iter()
        .map(|(category, name)| ((*category).to_owned(), name.replace('-', "_"), has(name)))
        .collect()
}

/// Names given with `--enable-feature` that mean nothing here.
pub(crate) fn unknown_features(enabled: &[String]) -> Vec<&str> {
    let known = |name: &str| FEATURES.iter().any(|(_, feature)| *feature == name);
    enabled
        .iter()
        .map(String::as_str)
        .filter(|name| !known(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_share_the_ceiling_of_the_process() {
        let limits = query_memory(1_000_000);
        assert_eq!(limits.query_max_bytes, 250_000);
        assert_eq!(limits.all_max_bytes, 300_000);
        assert_eq!(limits.process_max_bytes, 1_000_000);
        let none = query_memory(0);
        assert_eq!((none.query_max_bytes, none.all_max_bytes), (1 << 30, 0));
        assert_eq!(none.process_max_bytes, 0);
    }
}
