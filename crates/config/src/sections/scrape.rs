//! Scrape jobs.

use std::collections::HashMap;

use bellwether_model::utf8_name::Escaping;
use bellwether_scrape::settings::{
    NameValidation, Scheme, ScrapeLimits, ScrapeProtocol, ScrapeSettings,
};

use super::discovery::{DISCOVERY, decode_discovery};
use super::global::{
    ANY_COUNT, ESCAPING_NAMES, GlobalSettings, PROTOCOL_NAMES, VALIDATION_NAMES, decode_limits,
    decode_protocols, escaping_of, name_validation, protocol,
};
use super::http_client::{HTTP_CLIENT, decode_http_client};
use super::relabel::{RELABEL, decode_rules};
use crate::effective::job_yaml;
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::{View, node_text};
use crate::yaml::{NodeValue, Position};

pub(crate) static SCRAPE: Section = Section {
    name: "scrape_config",
    doc: "A job: targets that are scraped in the same way. What is absent is taken from `global`.",
    fields: &[
        Field::required(
            "job_name",
            Kind::Text,
            "The job's name, unique; the label `job` of its series.",
        ),
        Field::new(
            "scrape_interval",
            Kind::Duration,
            "",
            "Time between two scrapes of a target.",
        ),
        Field::new(
            "scrape_timeout",
            Kind::Duration,
            "",
            "Time after which a scrape fails.",
        ),
        Field::new(
            "scrape_protocols",
            Kind::List(&Kind::OneOf(PROTOCOL_NAMES)),
            "",
            "Formats to ask for, most wanted first.",
        ),
        Field::new(
            "fallback_scrape_protocol",
            Kind::OneOf(PROTOCOL_NAMES),
            "",
            "Format of an answer that does not say what it is; such a scrape fails where absent.",
        ),
        Field::new("metrics_path", Kind::Text, "/metrics", "Path of the URL."),
        Field::new(
            "scheme",
            Kind::OneOfAnyCase(&["http", "https"]),
            "http",
            "Scheme of the URL.",
        ),
        Field::new(
            "params",
            Kind::Map(&Kind::List(&Kind::Text)),
            "",
            "Parameters of the URL.",
        ),
        Field::new(
            "honor_labels",
            Kind::Bool,
            "false",
            "Labels of the scraped data win over the target's.",
        ),
        Field::new(
            "honor_timestamps",
            Kind::Bool,
            "true",
            "Take timestamps of the scraped data.",
        ),
        Field::new(
            "track_timestamps_staleness",
            Kind::Bool,
            "false",
            "Mark series with timestamps of their own stale as well.",
        ),
        Field::new(
            "enable_compression",
            Kind::Bool,
            "true",
            "Ask for compressed answers.",
        ),
        Field::new(
            "scrape_native_histograms",
            Kind::Bool,
            "",
            "Take native histograms.",
        ),
        Field::new(
            "always_scrape_classic_histograms",
            Kind::Bool,
            "",
            "Take the classic form of a histogram that is also native.",
        ),
        Field::new(
            "scrape_classic_histograms",
            Kind::Bool,
            "",
            "The name of always_scrape_classic_histograms in Prometheus 2.",
        )
        .deprecated("use always_scrape_classic_histograms"),
        Field::new(
            "convert_classic_histograms_to_nhcb",
            Kind::Bool,
            "",
            "Turn classic histograms into native ones with custom buckets.",
        ),
        Field::new(
            "native_histogram_bucket_limit",
            ANY_COUNT,
            "0",
            "Most buckets of a native histogram; more are merged; 0: no limit.",
        ),
        Field::new(
            "native_histogram_min_bucket_factor",
            Kind::Float {
                min: 0.0,
                max: f64::INFINITY,
            },
            "0",
            "Least growth from bucket to bucket; finer ones are merged.",
        ),
        Field::new(
            "extra_scrape_metrics",
            Kind::Bool,
            "",
            "Also write scrape_timeout_seconds, scrape_sample_limit and scrape_body_size_bytes.",
        ),
        Field::new(
            "scrape_failure_log_file",
            Kind::Path,
            "",
            "File that failed scrapes are written to.",
        ),
        Field::new(
            "body_size_limit",
            Kind::Size,
            "",
            "Largest body of a scrape after decompression.",
        ),
        Field::new("sample_limit", ANY_COUNT, "", "Most samples of a scrape."),
        Field::new("target_limit", ANY_COUNT, "", "Most targets of the job."),
        Field::new("label_limit", ANY_COUNT, "", "Most labels of a series."),
        Field::new(
            "label_name_length_limit",
            ANY_COUNT,
            "",
            "Longest label name in bytes.",
        ),
        Field::new(
            "label_value_length_limit",
            ANY_COUNT,
            "",
            "Longest label value in bytes.",
        ),
        Field::new(
            "keep_dropped_targets",
            ANY_COUNT,
            "",
            "Most dropped targets kept for display.",
        ),
        Field::new(
            "metric_name_validation_scheme",
            Kind::OneOf(VALIDATION_NAMES),
            "",
            "Which names of metrics and labels are taken.",
        ),
        Field::new(
            "metric_name_escaping_scheme",
            Kind::OneOf(ESCAPING_NAMES),
            "",
            "How names are asked to be written.",
        ),
        Field::new(
            "relabel_configs",
            Kind::Sections(&RELABEL),
            "",
            "Rules for targets.",
        ),
        Field::new(
            "metric_relabel_configs",
            Kind::Sections(&RELABEL),
            "",
            "Rules for scraped series.",
        ),
    ],
    includes: &[&HTTP_CLIENT, &DISCOVERY],
    check: Some(|view, problems| {
        if !view.is_set("relabel_configs") {
            check_static_targets(view, problems);
        }
    }),
};

/// The table of a file that `scrape_config_files` names.
pub(crate) static SCRAPE_FILE: Section = Section {
    name: "scrape config file",
    doc: "A file with further scrape jobs.",
    fields: &[Field::new(
        "scrape_configs",
        Kind::Sections(&SCRAPE),
        "",
        "The jobs.",
    )],
    includes: &[],
    check: None,
};

/// Refuses static targets that are URLs; relabelling may make something of them, so that this is
/// only asked without it.
pub(crate) fn check_static_targets(view: &View<'_>, problems: &mut Problems) {
    for group in view.sections("static_configs") {
        for target in group.items("targets") {
            let text = node_text(target);
            if text.contains('/') {
                problems.error(
                    &view.origin.file,
                    target.position,
                    &target.path,
                    format!("{:?} is not an address: want host:port; scheme and metrics_path have settings of their own", crate::yaml::shortened(&text)),
                );
            }
        }
    }
}

/// Decodes one job and reports what its settings contradict.
pub(crate) fn decode_scrape(
    view: &View<'_>,
    global: &GlobalSettings,
    problems: &mut Problems,
) -> ScrapeSettings {
    let inherited = |key: &str, own: u64, global: u64| {
        if view.is_set(key) && own != 0 {
            own
        } else {
            global
        }
    };
    let own = decode_limits(view);
    let limits = ScrapeLimits {
        body_bytes_max: inherited(
            "body_size_limit",
            own.body_bytes_max,
            global.limits.body_bytes_max,
        ),
        samples_max: inherited("sample_limit", own.samples_max, global.limits.samples_max),
        targets_max: inherited("target_limit", own.targets_max, global.limits.targets_max),
        labels_max: inherited("label_limit", own.labels_max, global.limits.labels_max),
        label_name_bytes_max: inherited(
            "label_name_length_limit",
            own.label_name_bytes_max,
            global.limits.label_name_bytes_max,
        ),
        label_value_bytes_max: inherited(
            "label_value_length_limit",
            own.label_value_bytes_max,
            global.limits.label_value_bytes_max,
        ),
        histogram_buckets_max: view.count("native_histogram_bucket_limit"),
        histogram_bucket_factor_min: view.float("native_histogram_min_bucket_factor"),
        dropped_targets_kept_max: inherited(
            "keep_dropped_targets",
            own.dropped_targets_kept_max,
            global.limits.dropped_targets_kept_max,
        ),
    };
    let flag = |key: &str, global: bool| {
        if view.is_set(key) {
            view.bool(key)
        } else {
            global
        }
    };
    let native_histograms = flag("scrape_native_histograms", global.native_histograms);
    let (interval_ms, timeout_ms) = decode_times(view, global, problems);
    let (name_validation, name_escaping) = decode_names(view, global, problems);
    ScrapeSettings {
        job_name: view.text("job_name").to_owned(),
        honor_labels: view.bool("honor_labels"),
        honor_timestamps: view.bool("honor_timestamps"),
        track_timestamps_staleness: view.bool("track_timestamps_staleness"),
        params: view
            .entries("params")
            .map(|(name, node)| match &node.value {
                NodeValue::List(items) => (name.to_owned(), items.iter().map(node_text).collect()),
                _ => (name.to_owned(), Vec::new()),
            })
            .collect(),
        interval_ms,
        timeout_ms,
        protocols: decode_protocols(view, problems)
            .or_else(|| global.scrape_protocols.clone())
            .unwrap_or_else(|| {
                if native_histograms {
                    ScrapeProtocol::PROTO_FIRST.to_vec()
                } else {
                    ScrapeProtocol::DEFAULT.to_vec()
                }
            }),
        fallback_protocol: protocol(view.text("fallback_scrape_protocol")),
        native_histograms,
        always_classic_histograms: if view.is_set("scrape_classic_histograms") {
            view.bool("scrape_classic_histograms")
        } else {
            flag(
                "always_scrape_classic_histograms",
                global.always_classic_histograms,
            )
        },
        classic_histograms_to_nhcb: flag(
            "convert_classic_histograms_to_nhcb",
            global.classic_histograms_to_nhcb,
        ),
        failure_log_file: view
            .path_of("scrape_failure_log_file")
            .or_else(|| global.scrape_failure_log_file.clone()),
        metrics_path: view.text("metrics_path").to_owned(),
        scheme: if view.text("scheme").eq_ignore_ascii_case("https") {
            Scheme::Https
        } else {
            Scheme::Http
        },
        enable_compression: view.bool("enable_compression"),
        limits,
        name_validation,
        name_escaping,
        extra_metrics: flag("extra_scrape_metrics", global.extra_metrics),
        http: decode_http_client(view),
        discovery: decode_discovery(view),
        relabel: decode_rules(view, "relabel_configs", name_validation, problems),
        metric_relabel: decode_rules(view, "metric_relabel_configs", name_validation, problems),
    }
}

fn decode_times(view: &View<'_>, global: &GlobalSettings, problems: &mut Problems) -> (i64, i64) {
    let own_interval_ms = view.duration_ms("scrape_interval");
    let interval_ms = if own_interval_ms > 0 {
        own_interval_ms
    } else {
        global.scrape_interval_ms
    };
    let own_timeout_ms = view.duration_ms("scrape_timeout");
    if own_timeout_ms > interval_ms {
        view.error_at(
            problems,
            "scrape_timeout",
            format!(
                "{} is longer than the scrape_interval of the job ({}): a scrape must end before the next begins",
                view.text("scrape_timeout"),
                bellwether_model::time::DurationText(interval_ms)
            ),
        );
    }
    if own_timeout_ms > 0 {
        (interval_ms, own_timeout_ms)
    } else {
        (interval_ms, global.scrape_timeout_ms.min(interval_ms))
    }
}

fn decode_names(
    view: &View<'_>,
    global: &GlobalSettings,
    problems: &mut Problems,
) -> (NameValidation, Escaping) {
    let own = Some(view.text("metric_name_validation_scheme")).filter(|text| !text.is_empty());
    let validation = own.map_or(global.name_validation, name_validation);
    let written = Escaping::parse(view.text("metric_name_escaping_scheme"));
    let escaping = written.unwrap_or_else(|| match own {
        Some(_) => escaping_of(validation),
        None => global.name_escaping,
    });
    if escaping == Escaping::AllowUtf8 && validation == NameValidation::Legacy {
        view.error_at(
            problems,
            "metric_name_escaping_scheme",
            "allow-utf-8 asks for names that metric_name_validation_scheme legacy refuses: want underscores, dots or values",
        );
    }
    (validation, escaping)
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPlace {
    /// The file.
    pub file: String,
    /// Where its name stands.
    pub position: Position,
    /// The setting, such as `scrape_configs[2]`.
    pub path: String,
    /// The job in effect as YAML: defaults included, secrets as `<secret>`.
    pub yaml: String,
}

/// Decodes the jobs of one file. `places` holds the jobs of the files before, by name.
pub(crate) fn decode_jobs(
    views: &[View<'_>],
    global: &GlobalSettings,
    places: &mut HashMap<String, JobPlace>,
    problems: &mut Problems,
) -> Vec<ScrapeSettings> {
    let mut jobs = Vec::with_capacity(views.len());
    for view in views {
        // A job with wrong values is not compared with others, lest one mistake shows as two.
        if problems.has_errors_under(&view.origin.file, &view.path()) {
            continue;
        }
        let job = decode_scrape(view, global, problems);
        match places.get(&job.job_name) {
            Some(JobPlace { file, position, .. }) => view.error_at(
                problems,
                "job_name",
                format!(
                    "{:?} is the name of another job, in {file} line {}: names must be unique",
                    job.job_name, position.line
                ),
            ),
            None => {
                let named = view.node_of("job_name").map(|node| node.position);
                let place = JobPlace {
                    file: view.origin.file.clone(),
                    position: named.unwrap_or_else(|| view.position()),
                    path: view.path().to_string(),
                    yaml: view
                        .node
                        .map(|item| job_yaml(item, &job))
                        .unwrap_or_default(),
                };
                places.insert(job.job_name.clone(), place);
            }
        }
        jobs.push(job);
    }
    jobs
}
