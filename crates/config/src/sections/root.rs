//! The root of a configuration file.

use super::alerting::ALERTING;
use super::forecasts::FORECAST;
use super::global::GLOBAL;
use super::notifications::NOTIFICATIONS;
use super::objectives::short::OBJECTIVE;
use super::otlp::OTLP;
use super::probes::maintenance::MAINTENANCE;
use super::probes::modules::MODULE;
use super::probes::scheduled::PROBE;
use super::remote::{REMOTE_READ, REMOTE_WRITE};
use super::replicas::REPLICAS;
use super::scaling::SCALER;
use super::scrape::SCRAPE;
use super::server::SERVER;
use super::storage::STORAGE;
use super::tracing::TRACING;
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::{View, node_text};
use crate::yaml::{NodeValue, shortened};

const fn later(key: &'static str, doc: &'static str) -> Field {
    Field::new(key, Kind::Raw, "", doc)
        .inert("this section is kept but not acted on yet: nothing in it has an effect")
}

/// The sections that are kept as they are, with whether they are a list.
pub(crate) const LATER: [(&str, Shape); 2] = [("ai", Shape::Mapping), ("packs", Shape::List)];

/// What a section that is kept as it is must look like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    List,
    Mapping,
}

pub(crate) static ROOT: Section = Section {
    name: "configuration file",
    doc: "A `prometheus.yml`, with sections of our own beside those of Prometheus.",
    fields: &[
        Field::new("global", Kind::Section(&GLOBAL), "", GLOBAL.doc),
        Field::new("runtime", Kind::Section(&RUNTIME), "", RUNTIME.doc),
        Field::new("alerting", Kind::Section(&ALERTING), "", ALERTING.doc),
        Field::new(
            "rule_files",
            Kind::List(&Kind::Text),
            "",
            "Files with rules; the last part of a path may be a glob.",
        ),
        Field::new(
            "scrape_config_files",
            Kind::List(&Kind::Text),
            "",
            "Files with further scrape jobs; the last part of a path may be a glob.",
        ),
        Field::new(
            "scrape_configs",
            Kind::Sections(&SCRAPE),
            "",
            "What is scraped.",
        ),
        Field::new("storage", Kind::Section(&STORAGE), "", STORAGE.doc),
        Field::new("tracing", Kind::Section(&TRACING), "", TRACING.doc)
            .inert("traces of this server are not sent yet"),
        Field::new(
            "remote_write",
            Kind::Sections(&REMOTE_WRITE),
            "",
            "Servers that everything stored is sent to.",
        ),
        Field::new(
            "remote_read",
            Kind::Sections(&REMOTE_READ),
            "",
            "Servers that queries are also sent to.",
        )
        .inert("other servers are not queried; this server can be read from"),
        Field::new("otlp", Kind::Section(&OTLP), "", OTLP.doc),
        Field::new("server", Kind::Section(&SERVER), "", SERVER.doc),
        Field::new(
            "notifications",
            Kind::SectionOrText(&NOTIFICATIONS),
            "",
            "Routing and receivers of alerts: the content of an `alertmanager.yml`, or the path of one.",
        ),
        Field::new("replicas", Kind::Section(&REPLICAS), "", REPLICAS.doc),
        Field::new(
            "probe_modules",
            Kind::SectionMapOrText(&MODULE),
            "",
            "Ways to probe, by name: the modules of a `blackbox.yml`, or the path of one. `http_2xx`, `http_post_2xx`, `tcp_connect`, `tls_connect`, `icmp`, `grpc`, `grpc_tls`, `websocket`, `mcp`, `llm`, `postgres` and `redis` are built in.",
        ),
        Field::new(
            "probes",
            Kind::Sections(&PROBE),
            "",
            "What is probed again and again.",
        ),
        Field::new(
            "maintenance",
            Kind::Sections(&MAINTENANCE),
            "",
            "Times in which something is worked on.",
        ),
        Field::new(
            "slos",
            Kind::List(&Kind::SectionOrText(&OBJECTIVE)),
            "",
            "Objectives, or files of them: the last part of a path may be a glob.",
        ),
        Field::new(
            "dashboards",
            Kind::List(&Kind::Text),
            "",
            "Files with dashboards: YAML in our form, or JSON, also of Grafana; the last part of a path may be a glob.",
        ),
        Field::new(
            "scaling",
            Kind::Sections(&SCALER),
            "",
            "Pools of workers, and who is told how many there shall be.",
        ),
        Field::new(
            "forecasts",
            Kind::Sections(&FORECAST),
            "",
            "Series that are foreseen and judged, and paths whose bottleneck is told.",
        ),
        later("ai", "Conventions and prices of AI services."),
        later(
            "packs",
            "Rules, dashboards and runbooks that come with the binary.",
        ),
    ],
    includes: &[],
    check: Some(check_root),
};

static RUNTIME: Section = Section {
    name: "runtime",
    doc: "Settings of Prometheus' Go runtime.",
    fields: &[Field::new(
        "gogc",
        Kind::Integer {
            min: i64::MIN,
            max: i64::MAX,
        },
        "",
        "Garbage collection of Go.",
    )
    .inert("has no counterpart here")],
    includes: &[],
    check: None,
};

fn check_root(view: &View<'_>, problems: &mut Problems) {
    for key in ["rule_files", "scrape_config_files", "slos", "dashboards"] {
        for item in view.items(key) {
            // Of mappings there is no text.
            let text = node_text(item);
            if !is_pattern(&text) {
                problems.error(
                    &view.origin.file,
                    item.position,
                    &item.path,
                    format!(
                        "{:?} is not a path or glob: * may stand only in the last part",
                        shortened(&text)
                    ),
                );
            }
        }
    }
    for (key, shape) in LATER {
        let Some(node) = view.node_of(key) else {
            continue;
        };
        let (is_right, want) = match (&node.value, shape) {
            (NodeValue::List(_), _) => (shape == Shape::List, "a mapping"),
            (NodeValue::Mapping(_), _) => (shape != Shape::List, "a list"),
            (NodeValue::Scalar(_), Shape::List) => (false, "a list"),
            (NodeValue::Scalar(_), Shape::Mapping) => (false, "a mapping"),
        };
        if !is_right {
            view.error_at(
                problems,
                key,
                format!("{} given: want {want}", node.describe()),
            );
        }
    }
}

/// Whether `*` stands only in the last part of a path, and at most one part of it is a glob.
fn is_pattern(text: &str) -> bool {
    match text.split_once('*') {
        None => true,
        Some((_, rest)) => !rest.contains('/'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_in_the_last_part() {
        for text in ["a.yml", "a/*.yml", "a/b*c*.yml", "*"] {
            assert!(is_pattern(text), "{text}");
        }
        for text in ["*/a.yml", "a*/b.yml"] {
            assert!(!is_pattern(text), "{text}");
        }
    }
}
