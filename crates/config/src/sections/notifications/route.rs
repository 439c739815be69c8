//! The routing tree.

use std::collections::BTreeSet;

use bellwether_model::short;
use bellwether_notify::{GroupBy, RouteSettings};

use super::matchers::{MatcherKeys, decode_matchers};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::{View, node_text};
use crate::yaml::{NodePath, Position};

pub(super) static ROUTE: Section = Section {
    name: "route",
    doc: "A node of the routing tree. What it does not say it takes from its parent, but for the time intervals.",
    fields: &[
        Field::new(
            "receiver",
            Kind::Text,
            "",
            "Name of the receiver; the root must have one.",
        ),
        Field::new(
            "group_by",
            Kind::List(&Kind::Text),
            "",
            "Labels by which alerts are put together; `...` alone: each alert by itself.",
        ),
        Field::new(
            "matchers",
            Kind::List(&Kind::Text),
            "",
            "What alerts must satisfy, such as `severity=\"critical\"` or `team=~\"db|web\"`. The root has none.",
        ),
        Field::new(
            "match",
            Kind::Map(&Kind::Text),
            "",
            "Labels and values that alerts must have.",
        )
        .deprecated("use matchers"),
        Field::new(
            "match_re",
            Kind::Map(&Kind::Text),
            "",
            "Labels and patterns that alerts must match.",
        )
        .deprecated("use matchers"),
        Field::new(
            "mute_time_intervals",
            Kind::List(&Kind::Text),
            "",
            "Time intervals in which nothing is sent. The root has none.",
        ),
        Field::new(
            "active_time_intervals",
            Kind::List(&Kind::Text),
            "",
            "Time intervals outside of which nothing is sent. The root has none.",
        ),
        Field::new(
            "continue",
            Kind::Bool,
            "false",
            "Try later siblings, too, where this node matches.",
        ),
        Field::new(
            "group_wait",
            Kind::Duration,
            "",
            "How long a new group waits for more alerts; 30s at the root.",
        ),
        Field::new(
            "group_interval",
            Kind::Duration,
            "",
            "How long until a group that has changed is notified again; 5m at the root.",
        ),
        Field::new(
            "repeat_interval",
            Kind::Duration,
            "",
            "How long until a group that has not changed is notified again; 4h at the root.",
        ),
        Field::new(
            "labels",
            Kind::Labels,
            "",
            "Labels of the route for templates, added to those of the parent; values may be templates.",
        ),
        Field::new(
            "routes",
            Kind::Sections(&ROUTE),
            "",
            "Nodes below, tried in order.",
        ),
    ],
    includes: &[],
    check: Some(check_route),
};

const MATCHERS: MatcherKeys = MatcherKeys {
    equal: "match",
    regex: "match_re",
    matchers: "matchers",
};

fn check_route(view: &View<'_>, problems: &mut Problems) {
    for key in ["group_interval", "repeat_interval"] {
        if view.is_set(key) && view.duration_ms(key) == 0 {
            view.error_at(problems, key, "0 given: want a duration that is not 0");
        }
    }
    let mut seen = BTreeSet::new();
    let names = view.items("group_by");
    for item in names {
        let name = node_text(item);
        let message = if name.is_empty() {
            "\"\" is not a label name: want a text that is not empty".to_owned()
        } else if name == "..." && names.len() > 1 {
            "... stands beside labels: want either it alone, or labels".to_owned()
        } else if !seen.insert(name.clone()) {
            format!("{:?} is there already: want each label once", short(&name))
        } else {
            continue;
        };
        problems.error(&view.origin.file, item.position, &item.path, message);
    }
}

/// What the names in a tree refer to.
pub(super) struct Names<'a> {
    pub(super) receivers: &'a BTreeSet<String>,
    pub(super) time_intervals: &'a BTreeSet<String>,
}

/// Where a route stands.
pub(super) struct RoutePlace {
    pub(super) file: String,
    pub(super) position: Position,
    pub(super) path: NodePath,
}

/// Decodes the root of the tree. `places` gets every node's place, parents before their children,
/// as a [`bellwether_notify::RouteTree`] has them.
pub(super) fn decode_root(
    view: &View<'_>,
    names: &Names<'_>,
    places: &mut Vec<RoutePlace>,
    problems: &mut Problems,
) -> RouteSettings {
    if !view.is_set("receiver") {
        view.error_at(
            problems,
            "receiver",
            "is missing: the root must name the receiver of alerts that no other route takes",
        );
    }
    for key in ["match", "match_re", "matchers"] {
        if view.entries(key).next().is_some() || !view.items(key).is_empty() {
            view.error_at(problems, key, "is set at the root, which takes every alert");
        }
    }
    for key in ["mute_time_intervals", "active_time_intervals"] {
        if !view.items(key).is_empty() {
            view.error_at(
                problems,
                key,
                "is set at the root: only routes below it can have time intervals",
            );
        }
    }
    if view.bool("continue") {
        view.error_at(
            problems,
            "continue",
            "is true at the root, which has no siblings",
        );
    }
    decode_route(view, names, places, problems)
}

fn decode_route(
    view: &View<'_>,
    names: &Names<'_>,
    places: &mut Vec<RoutePlace>,
    problems: &mut Problems,
) -> RouteSettings {
    places.push(RoutePlace {
        file: view.origin.file.clone(),
        position: view.position(),
        path: view.path(),
    });
    let receiver = view.optional_text("receiver");
    if let Some(receiver) = &receiver
        && !names.receivers.contains(receiver)
    {
        view.error_at(
            problems,
            "receiver",
            unknown(receiver, "receiver", names.receivers),
        );
    }
    let duration = |key: &str| view.is_set(key).then(|| view.duration_ms(key));
    RouteSettings {
        receiver,
        matchers: decode_matchers(view, &MATCHERS, problems),
        goes_on: view.bool("continue"),
        group_by: decode_group_by(view),
        group_wait_ms: duration("group_wait"),
        group_interval_ms: duration("group_interval"),
        repeat_interval_ms: duration("repeat_interval"),
        mute_time_intervals: decode_intervals(view, "mute_time_intervals", names, problems),
        active_time_intervals: decode_intervals(view, "active_time_intervals", names, problems),
        labels: view.text_map("labels"),
        routes: view
            .sections("routes")
            .iter()
            .map(|route| decode_route(route, names, places, problems))
            .collect(),
    }
}

/// A list that is there and empty says that all alerts are one group.
fn decode_group_by(view: &View<'_>) -> Option<GroupBy> {
    view.node_of("group_by")?;
    let names = view.texts("group_by");
    Some(if names.iter().any(|name| name == "...") {
        GroupBy::All
    } else {
        GroupBy::Labels(names.into_iter().collect())
    })
}

fn decode_intervals(
    view: &View<'_>,
    key: &str,
    names: &Names<'_>,
    problems: &mut Problems,
) -> Vec<String> {
    let mut found = Vec::new();
    for item in view.items(key) {
        let name = node_text(item);
        if !names.time_intervals.contains(&name) {
            problems.error(
                &view.origin.file,
                item.position,
                &item.path,
                unknown(&name, "time interval", names.time_intervals),
            );
        }
        found.push(name);
    }
    found
}

fn unknown(name: &str, what: &str, known: &BTreeSet<String>) -> String {
    const SHOWN_MAX: usize = 10;
    let name_shown = short(name);
    if let Some(near) = crate::values::nearest(name, known.iter().map(String::as_str)) {
        return format!("there is no {what} {name_shown:?}; did you mean {near:?}?");
    }
    let shown: Vec<&str> = known.iter().take(SHOWN_MAX).map(String::as_str).collect();
    if shown.is_empty() {
        return format!("there is no {what} {name_shown:?}; there are none");
    }
    let more = if known.len() > SHOWN_MAX { ", …" } else { "" };
    format!(
        "there is no {what} {name_shown:?}; there are {}{more}",
        shown.join(", ")
    )
}
