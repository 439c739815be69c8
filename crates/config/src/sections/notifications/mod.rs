//! Notifications: an `alertmanager.yml`, or the section of the same content.

mod global;
mod inhibit;
mod intervals;
mod matchers;
mod receivers;
mod route;
mod templates;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use bellwether_model::short;
use bellwether_notify::receivers::settings::ReceiverSettings;
use bellwether_notify::{Integration, Plan, RouteTree};

use self::global::{Defaults, GLOBAL};
use self::inhibit::{INHIBIT_RULE, decode_inhibit_rule};
use self::intervals::{NAMED_INTERVAL, decode_intervals};
use self::receivers::{RECEIVER, decode_receiver};
use self::route::{Names, ROUTE, RoutePlace, decode_root};
use self::templates::read_templates;
use crate::effective::section_yaml;
use crate::notifications::NotificationConfig;
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::View;

pub(crate) static NOTIFICATIONS: Section = Section {
    name: "notifications",
    doc: "Who is told of which alerts, and when: the content of an `alertmanager.yml`.",
    fields: &[
        Field::new("global", Kind::Section(&GLOBAL), "", GLOBAL.doc),
        Field::required(
            "route",
            Kind::Section(&ROUTE),
            "The root of the routing tree.",
        ),
        Field::new("receivers", Kind::Sections(&RECEIVER), "", "The receivers."),
        Field::new(
            "inhibit_rules",
            Kind::Sections(&INHIBIT_RULE),
            "",
            "Which alerts inhibit which.",
        ),
        Field::new(
            "time_intervals",
            Kind::Sections(&NAMED_INTERVAL),
            "",
            "Times by name, for routes.",
        ),
        Field::new(
            "mute_time_intervals",
            Kind::Sections(&NAMED_INTERVAL),
            "",
            "The same.",
        )
        .deprecated("use time_intervals"),
        Field::new(
            "templates",
            Kind::List(&Kind::Text),
            "",
            "Files with templates; the last part of a path may be a glob.",
        ),
        Field::new("tracing", Kind::Raw, "", "Traces of Alertmanager itself.")
            .inert("traces of notifications are not sent"),
        Field::new(
            "event_recorder",
            Kind::Raw,
            "",
            "Records of what happens to alerts.",
        )
        .inert("the timeline of alerts is kept by this server itself"),
    ],
    includes: &[],
    check: None,
};

/// Whether the files that a configuration names are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamedFiles {
    Read,
    Leave,
}

/// Decodes the section.
pub(crate) fn decode_notifications(
    view: &View<'_>,
    files: NamedFiles,
    problems: &mut Problems,
) -> NotificationConfig {
    let defaults = Defaults::new(view.section("global"));
    let views = view.sections("receivers");
    let mut receivers: Vec<ReceiverSettings> = Vec::new();
    let mut receiver_names = BTreeSet::new();
    for receiver in &views {
        let name = receiver.text("name");
        if !name.is_empty() && !receiver_names.insert(name.to_owned()) {
            let message = format!(
                "{:?} is the name of another receiver: names must be unique",
                short(name)
            );
            receiver.error_at(problems, "name", message);
        }
        receivers.push(decode_receiver(receiver, &defaults, problems));
    }
    let mut interval_names = BTreeSet::new();
    let mut time_intervals = BTreeMap::new();
    for key in ["mute_time_intervals", "time_intervals"] {
        let views = view.sections(key);
        decode_intervals(&views, &mut interval_names, &mut time_intervals, problems);
    }
    let names = Names {
        receivers: &receiver_names,
        time_intervals: &interval_names,
    };
    let mut places = Vec::new();
    let root_route = view
        .optional_section("route")
        .map(|root| decode_root(&root, &names, &mut places, problems))
        .unwrap_or_default();
    let routes = RouteTree::new(&root_route);
    let template_patterns: Vec<PathBuf> = view
        .texts("templates")
        .iter()
        .map(|pattern| view.origin.join(pattern))
        .collect();
    let config = NotificationConfig {
        templates: match files {
            NamedFiles::Read => read_templates(view, problems),
            NamedFiles::Leave => Vec::new(),
        },
        template_patterns,
        resolve_timeout_ms: defaults.global.duration_ms("resolve_timeout"),
        receiver_labels: views
            .iter()
            .map(|receiver| (receiver.text("name").to_owned(), labels_of(receiver)))
            .collect(),
        plan: Plan {
            inhibit_rules: view
                .sections("inhibit_rules")
                .iter()
                .map(|rule| decode_inhibit_rule(rule, problems))
                .collect(),
            time_intervals,
            receivers: receivers.iter().map(planned).collect(),
            routes,
        },
        root_route,
        receivers,
        // What was refused is not shown, and may not have the shape of the tables.
        redacted_yaml: if problems.errors.is_empty() {
            section_yaml(view.node, &NOTIFICATIONS)
        } else {
            String::new()
        },
    };
    advise(&config.plan, &views, &places, problems);
    config
}

fn planned(receiver: &ReceiverSettings) -> (String, Vec<Integration>) {
    let integrations = receiver
        .integrations
        .iter()
        .map(|integration| Integration {
            kind: integration.kind.name().to_owned(),
            send_resolved: integration.send_resolved,
        })
        .collect();
    (receiver.name.clone(), integrations)
}

/// The labels by which a receiver is found; its name is one of them.
fn labels_of(view: &View<'_>) -> Vec<(String, String)> {
    let mut labels: BTreeMap<String, String> = view.text_map("labels").into_iter().collect();
    labels.insert("name".to_owned(), view.text("name").to_owned());
    labels.into_iter().collect()
}

/// Most routes for which those without alerts are looked for, since each is compared with its
/// siblings. Chosen: ten times the largest tree that we know.
const ROUTES_COMPARED_MAX: usize = 10_000;

/// Says what is allowed and yet mostly not meant.
fn advise(plan: &Plan, receivers: &[View<'_>], places: &[RoutePlace], problems: &mut Problems) {
    let routes = plan.routes.routes();
    if routes.len() <= ROUTES_COMPARED_MAX {
        for index in plan.routes.unreachable() {
            if let Some(place) = places.get(index) {
                problems.warning(
                    &place.file,
                    place.position,
                    &place.path,
                    "no alert reaches this route: an earlier one without continue takes all that it would",
                );
            }
        }
    }
    let used: BTreeSet<&str> = routes.iter().map(|route| route.receiver.as_str()).collect();
    for receiver in receivers {
        let name = receiver.text("name");
        if !name.is_empty() && !used.contains(name) {
            receiver.warn_at(
                problems,
                "name",
                format!("no route leads to receiver {:?}", short(name)),
            );
        }
    }
}
