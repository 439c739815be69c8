//! The `global` section: what scrape jobs inherit, and labels of everything that leaves.

use std::path::PathBuf;

use bellwether_model::Labels;
use bellwether_model::utf8_name::Escaping;
use bellwether_scrape::settings::{NameValidation, ScrapeLimits, ScrapeProtocol};

use super::relabel::is_label_name;
use crate::LoadOptions;
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::View;
use crate::yaml::NodeValue;

pub(crate) const PROTOCOL_NAMES: &[&str] = &[
    "PrometheusProto",
    "OpenMetricsText0.0.1",
    "OpenMetricsText1.0.0",
    "PrometheusText0.0.4",
    "PrometheusText1.0.0",
];
pub(crate) const VALIDATION_NAMES: &[&str] = &["utf8", "legacy", ""];
pub(crate) const ESCAPING_NAMES: &[&str] = &["allow-utf-8", "underscores", "dots", "values", ""];
pub(crate) const ANY_COUNT: Kind = Kind::Integer {
    min: 0,
    max: i64::MAX,
};

pub(crate) static GLOBAL: Section = Section {
    name: "global",
    doc: "What holds for every job unless the job says otherwise.",
    fields: &[
        Field::new(
            "scrape_interval",
            Kind::Duration,
            "1m",
            "Time between two scrapes of a target.",
        ),
        Field::new(
            "scrape_timeout",
            Kind::Duration,
            "",
            "Time after which a scrape fails; the lesser of 10s and the interval where absent.",
        ),
        Field::new(
            "scrape_protocols",
            Kind::List(&Kind::OneOf(PROTOCOL_NAMES)),
            "",
            "Formats to ask for, most wanted first.",
        ),
        Field::new(
            "evaluation_interval",
            Kind::Duration,
            "1m",
            "Time between two evaluations of a rule group.",
        ),
        Field::new(
            "rule_query_offset",
            Kind::Duration,
            "0s",
            "How far in the past rules are evaluated.",
        ),
        Field::new(
            "query_log_file",
            Kind::Path,
            "",
            "File that PromQL queries are written to.",
        ),
        Field::new(
            "scrape_failure_log_file",
            Kind::Path,
            "",
            "File that failed scrapes are written to.",
        ),
        Field::new(
            "external_labels",
            Kind::Labels,
            "",
            "Labels of everything that leaves this server; $VAR and ${VAR} are taken from the environment.",
        ),
        Field::new(
            "body_size_limit",
            Kind::Size,
            "0",
            "Largest body of a scrape after decompression; 0: no limit.",
        ),
        Field::new(
            "sample_limit",
            ANY_COUNT,
            "0",
            "Most samples of a scrape; 0: no limit.",
        ),
        Field::new(
            "target_limit",
            ANY_COUNT,
            "0",
            "Most targets of a job; 0: no limit.",
        ),
        Field::new(
            "label_limit",
            ANY_COUNT,
            "0",
            "Most labels of a series; 0: no limit.",
        ),
        Field::new(
            "label_name_length_limit",
            ANY_COUNT,
            "0",
            "Longest label name in bytes; 0: no limit.",
        ),
        Field::new(
            "label_value_length_limit",
            ANY_COUNT,
            "0",
            "Longest label value in bytes; 0: no limit.",
        ),
        Field::new(
            "keep_dropped_targets",
            ANY_COUNT,
            "0",
            "Most dropped targets kept for display; 0: no limit.",
        ),
        Field::new(
            "metric_name_validation_scheme",
            Kind::OneOf(VALIDATION_NAMES),
            "utf8",
            "Which names of metrics and labels are taken.",
        ),
        Field::new(
            "metric_name_escaping_scheme",
            Kind::OneOf(ESCAPING_NAMES),
            "",
            "How names are asked to be written; follows the validation scheme where absent.",
        ),
        Field::new(
            "scrape_native_histograms",
            Kind::Bool,
            "false",
            "Take native histograms.",
        ),
        Field::new(
            "convert_classic_histograms_to_nhcb",
            Kind::Bool,
            "false",
            "Turn classic histograms into native ones with custom buckets.",
        ),
        Field::new(
            "always_scrape_classic_histograms",
            Kind::Bool,
            "false",
            "Take the classic form of a histogram that is also native.",
        ),
        Field::new(
            "extra_scrape_metrics",
            Kind::Bool,
            "false",
            "Also write scrape_timeout_seconds, scrape_sample_limit and scrape_body_size_bytes.",
        ),
    ],
    includes: &[],
    check: None,
};

/// What every job inherits.
#[derive(Debug, Clone, PartialEq)]
pub struct GlobalSettings {
    /// Time between two scrapes of a target.
    pub scrape_interval_ms: i64,
    /// Time after which a scrape fails.
    pub scrape_timeout_ms: i64,
    /// Formats to ask for; none: the job's own default.
    pub scrape_protocols: Option<Vec<ScrapeProtocol>>,
    /// Time between two evaluations of a rule group.
    pub evaluation_interval_ms: i64,
    /// How far in the past rules are evaluated.
    pub rule_query_offset_ms: i64,
    /// File that PromQL queries are written to.
    pub query_log_file: Option<PathBuf>,
    /// File that failed scrapes are written to.
    pub scrape_failure_log_file: Option<PathBuf>,
    /// Labels of everything that leaves this server, with the environment filled in.
    pub external_labels: Labels,
    /// Limits of a scrape; those of histograms are not set here.
    pub limits: ScrapeLimits,
    /// Which names are taken.
    pub name_validation: NameValidation,
    /// How names are asked to be written.
    pub name_escaping: Escaping,
    /// Take native histograms.
    pub native_histograms: bool,
    /// Turn classic histograms into native ones.
    pub classic_histograms_to_nhcb: bool,
    /// Take the classic form of a histogram that is also native.
    pub always_classic_histograms: bool,
    /// Write additional series about each scrape.
    pub extra_metrics: bool,
}

/// The scheme that a text names; UTF-8 for the empty one.
pub(crate) fn name_validation(text: &str) -> NameValidation {
    if text == "legacy" {
        NameValidation::Legacy
    } else {
        NameValidation::Utf8
    }
}

/// The escaping that follows from a validation scheme.
pub(crate) fn escaping_of(names: NameValidation) -> Escaping {
    match names {
        NameValidation::Utf8 => Escaping::AllowUtf8,
        NameValidation::Legacy => Escaping::Underscores,
    }
}

/// The protocol that a text names.
pub(crate) fn protocol(text: &str) -> Option<ScrapeProtocol> {
    ScrapeProtocol::NAMES
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, protocol)| *protocol)
}

/// Decodes a list of protocols; none where it is absent.
pub(crate) fn decode_protocols(
    view: &View<'_>,
    problems: &mut Problems,
) -> Option<Vec<ScrapeProtocol>> {
    const KEY: &str = "scrape_protocols";
    view.node_of(KEY)?;
    let protocols: Vec<ScrapeProtocol> = view
        .texts(KEY)
        .iter()
        .filter_map(|text| protocol(text))
        .collect();
    if protocols.is_empty() {
        view.error_at(
            problems,
            KEY,
            "is an empty list: name at least one protocol, or leave it out",
        );
        return None;
    }
    for (index, protocol) in protocols.iter().enumerate() {
        if protocols
            .iter()
            .take(index)
            .any(|earlier| earlier == protocol)
        {
            view.error_at(
                problems,
                KEY,
                format!("{:?} is there twice", view.texts(KEY)[index]),
            );
        }
    }
    Some(protocols)
}

/// Decodes the limits that a job inherits.
pub(crate) fn decode_limits(view: &View<'_>) -> ScrapeLimits {
    ScrapeLimits {
        body_bytes_max: view.size_bytes("body_size_limit"),
        samples_max: view.count("sample_limit"),
        targets_max: view.count("target_limit"),
        labels_max: view.count("label_limit"),
        label_name_bytes_max: view.count("label_name_length_limit"),
        label_value_bytes_max: view.count("label_value_length_limit"),
        dropped_targets_kept_max: view.count("keep_dropped_targets"),
        ..ScrapeLimits::default()
    }
}

/// Decodes the section.
pub(crate) fn decode_global(
    view: &View<'_>,
    options: &LoadOptions<'_>,
    problems: &mut Problems,
) -> GlobalSettings {
    const INTERVAL_DEFAULT_MS: i64 = 60_000;
    const TIMEOUT_DEFAULT_MS: i64 = 10_000;
    let or_default = |ms: i64| if ms > 0 { ms } else { INTERVAL_DEFAULT_MS };
    let scrape_interval_ms = or_default(view.duration_ms("scrape_interval"));
    let timeout_ms = view.duration_ms("scrape_timeout");
    if timeout_ms > scrape_interval_ms {
        view.error_at(
            problems,
            "scrape_timeout",
            format!(
                "{} is longer than scrape_interval ({}): a scrape must end before the next begins",
                view.text("scrape_timeout"),
                view.text("scrape_interval")
            ),
        );
    }
    let names = name_validation(view.text("metric_name_validation_scheme"));
    GlobalSettings {
        scrape_interval_ms,
        scrape_timeout_ms: if timeout_ms > 0 {
            timeout_ms
        } else {
            TIMEOUT_DEFAULT_MS.min(scrape_interval_ms)
        },
        scrape_protocols: decode_protocols(view, problems).or_else(|| {
            options
                .proto_first
                .then(|| ScrapeProtocol::PROTO_FIRST.to_vec())
        }),
        evaluation_interval_ms: or_default(view.duration_ms("evaluation_interval")),
        rule_query_offset_ms: view.duration_ms("rule_query_offset"),
        query_log_file: view.path_of("query_log_file"),
        scrape_failure_log_file: view.path_of("scrape_failure_log_file"),
        external_labels: decode_external_labels(view, names, options, problems),
        limits: decode_limits(view),
        name_validation: names,
        name_escaping: Escaping::parse(view.text("metric_name_escaping_scheme"))
            .unwrap_or_else(|| escaping_of(names)),
        native_histograms: view.bool("scrape_native_histograms")
            || (options.native_histograms && !view.is_set("scrape_native_histograms")),
        classic_histograms_to_nhcb: view.bool("convert_classic_histograms_to_nhcb"),
        always_classic_histograms: view.bool("always_scrape_classic_histograms"),
        extra_metrics: view.bool("extra_scrape_metrics")
            || (options.extra_scrape_metrics && !view.is_set("extra_scrape_metrics")),
    }
}

fn decode_external_labels(
    view: &View<'_>,
    names: NameValidation,
    options: &LoadOptions<'_>,
    problems: &mut Problems,
) -> Labels {
    let mut pairs = Vec::new();
    for (name, node) in view.entries("external_labels") {
        if !is_label_name(name, names) {
            problems.error(
                &view.origin.file,
                node.position,
                &node.path,
                format!("{name:?} is not a label name: want [a-zA-Z_][a-zA-Z0-9_]*, or the utf8 validation scheme"),
            );
        }
        let text = match &node.value {
            NodeValue::Scalar(scalar) if !node.is_null() => &*scalar.text,
            _ => "",
        };
        let value = expand(text, |variable| {
            let value = (options.environment)(variable);
            if value.as_deref().is_none_or(str::is_empty) {
                problems.warning(
                    &view.origin.file,
                    node.position,
                    &node.path,
                    format!("environment variable {variable:?} is empty"),
                );
            }
            value.unwrap_or_default()
        });
        pairs.push((name.to_owned(), value));
    }
    Labels::from_pairs(pairs)
}

/// Replaces `$name` and `${name}`; `$$` is a dollar, and a dollar before anything else stays.
pub(crate) fn expand(text: &str, mut lookup: impl FnMut(&str) -> String) -> String {
    let is_special = |c: char| c.is_ascii_digit() || "*#$@!?-".contains(c);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut resolve = |name: &str| {
        if name == "$" {
            "$".to_owned()
        } else {
            lookup(name)
        }
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let mut chars = after.chars();
        match chars.next() {
            Some('{') => match chars.as_str().split_once('}') {
                // An empty or unended name is dropped with its braces.
                Some((name, tail)) => {
                    if !name.is_empty() {
                        out.push_str(&resolve(name));
                    }
                    rest = tail;
                }
                None => rest = chars.as_str(),
            },
            Some(c) if is_special(c) => {
                out.push_str(&resolve(c.encode_utf8(&mut [0; 4])));
                rest = chars.as_str();
            }
            Some(c) if is_name(c) => {
                let length = after.find(|c| !is_name(c)).unwrap_or(after.len());
                let (name, tail) = after.split_at(length);
                out.push_str(&resolve(name));
                rest = tail;
            }
            _ => {
                out.push('$');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_expanded() {
        let check = |text: &str, want: &str| {
            let got = expand(text, |name| format!("<{name}>"));
            assert_eq!(got, want, "{text}");
        };
        check("plain", "plain");
        check("$HOME/x", "<HOME>/x");
        check("a${ZONE}b", "a<ZONE>b");
        check("$$x", "$x");
        check("100$", "100$");
        check("$ x", "$ x");
        check("${}x", "x");
        check("${open", "open");
        check("$1st", "<1>st");
        check("ü$Vü", "ü<V>ü");
    }
}
