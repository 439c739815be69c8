//! Documents of Sloth: `version: prometheus/v1`, and the resource `PrometheusServiceLevel`.
//!
//! ## Model
//! Both have the same content; files write `error_query`, resources `errorQuery`. Either spelling is
//! read in either.
//!
//! ## Invariants
//! The period is not in the documents: it is what Sloth was called with, 30 days by default. Alerts get
//! the label `sloth_severity`, by which routes that were made for Sloth know them.
//!
//! ## See also
//! Sloth's "Prometheus SLO spec" v1 and its API `sloth.slok.dev/v1`.

use bellwether_rules::objective::{
    AlertOptions, Counting, Indicator, ObjectiveAlerts, ObjectiveSettings,
};
use bellwether_slo::period::Period;

use super::query::{measured, of_today};
use super::share::percent;
use super::{Found, Reading, imported_labels, or, put};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::View;
use crate::yaml::shortened;
use bellwether_rules::objective::counts::counted;

/// Plugins that do what is done here without them.
const OWN_PLUGINS: &str = "sloth.dev/core/";
/// That of them which does nothing.
const DEBUG_PLUGIN: &str = "sloth.dev/core/debug/";
/// The label by which Sloth tells pages and tickets apart.
const SEVERITY: &str = "sloth_severity";

pub(super) static SLOTH: Section = Section {
    name: "document of Sloth",
    doc: "Objectives of a service.",
    fields: &[
        Field::new("version", Kind::OneOf(&["prometheus/v1"]), "", "The form."),
        Field::required("service", Kind::Text, "Who promises."),
        Field::new("labels", Kind::Labels, "", "Labels of all series."),
        Field::new("slo_plugins", Kind::Section(&PLUGINS), "", PLUGINS.doc),
        Field::new("sloPlugins", Kind::Section(&PLUGINS), "", PLUGINS.doc),
        Field::required("slos", Kind::Sections(&SLO), "The objectives."),
    ],
    includes: &[],
    check: None,
};

pub(super) static SLOTH_RESOURCE: Section = Section {
    name: "PrometheusServiceLevel",
    doc: "The same as a resource of Kubernetes.",
    fields: &[
        Field::new("apiVersion", Kind::Text, "", "The version of the resource."),
        Field::new("kind", Kind::Text, "", "PrometheusServiceLevel."),
        Field::new("metadata", Kind::Raw, "", "Its name."),
        Field::required("spec", Kind::Section(&SLOTH), "The objectives."),
        Field::new("status", Kind::Raw, "", "What became of it."),
    ],
    includes: &[],
    check: None,
};

static SLO: Section = Section {
    name: "SLO of Sloth",
    doc: "An objective.",
    fields: &[
        Field::required("name", Kind::Text, "Its name."),
        Field::new("description", Kind::Text, "", "What it is."),
        Field::required("objective", Kind::Text, "Percent of good events."),
        Field::new("plugins", Kind::Section(&PLUGINS), "", PLUGINS.doc),
        Field::new("labels", Kind::Labels, "", "Labels of its series."),
        Field::required("sli", Kind::Section(&SLI), "What counts."),
        Field::new("alerting", Kind::Section(&ALERTING), "", ALERTING.doc),
    ],
    includes: &[],
    check: None,
};

static PLUGINS: Section = Section {
    name: "SLO plugins of Sloth",
    doc: "Programs that change the rules.",
    fields: &[
        Field::new("overridePrevious", Kind::Bool, "", "Instead of others."),
        Field::new("override_previous", Kind::Bool, "", "Instead of others."),
        Field::new("chain", Kind::Sections(&PLUGIN), "", "The plugins."),
    ],
    includes: &[],
    check: None,
};

static PLUGIN: Section = Section {
    name: "SLO plugin of Sloth",
    doc: "One of them.",
    fields: &[
        Field::required("id", Kind::Text, "Its name."),
        Field::new("config", Kind::Raw, "", "Its settings."),
        Field::new("priority", Kind::Raw, "", "Its place in the chain."),
    ],
    includes: &[],
    check: None,
};

static SLI: Section = Section {
    name: "SLI of Sloth",
    doc: "What counts: one of raw, events and plugin.",
    fields: &[
        Field::new("raw", Kind::Section(&RAW), "", "A share of bad events."),
        Field::new("events", Kind::Section(&EVENTS), "", "Bad and all events."),
        Field::new("plugin", Kind::Section(&SLI_PLUGIN), "", "A program."),
    ],
    includes: &[],
    check: Some(|view, problems| {
        let keys = ["raw", "events", "plugin"];
        if view.at_most_one(problems, &keys) && view.set_among(&keys).is_empty() {
            view.error(
                problems,
                "says not what counts: want one of raw, events, plugin",
            );
        }
    }),
};

static RAW: Section = Section {
    name: "raw SLI of Sloth",
    doc: "A share of bad events.",
    fields: &[
        Field::new("error_ratio_query", Kind::Text, "", "The share."),
        Field::new("errorRatioQuery", Kind::Text, "", "The share."),
    ],
    includes: &[],
    check: Some(|view, problems| want_either(view, ERROR_RATIO, problems)),
};

static EVENTS: Section = Section {
    name: "events SLI of Sloth",
    doc: "Bad and all events.",
    fields: &[
        Field::new("error_query", Kind::Text, "", "The bad ones."),
        Field::new("errorQuery", Kind::Text, "", "The bad ones."),
        Field::new("total_query", Kind::Text, "", "All of them."),
        Field::new("totalQuery", Kind::Text, "", "All of them."),
    ],
    includes: &[],
    check: Some(|view, problems| {
        want_either(view, ERROR, problems);
        want_either(view, TOTAL, problems);
    }),
};

static SLI_PLUGIN: Section = Section {
    name: "plugin SLI of Sloth",
    doc: "A program that makes the queries.",
    fields: &[
        Field::required("id", Kind::Text, "Its name."),
        Field::new("options", Kind::Raw, "", "Its settings."),
    ],
    includes: &[],
    check: None,
};

static ALERTING: Section = Section {
    name: "alerting of Sloth",
    doc: "Who is told.",
    fields: &[
        Field::new("name", Kind::Text, "", "The alertname."),
        Field::new("labels", Kind::Labels, "", "Labels."),
        Field::new("annotations", Kind::Labels, "", "Texts."),
        Field::new("page_alert", Kind::Section(&ALERT), "", "Pages."),
        Field::new("pageAlert", Kind::Section(&ALERT), "", "Pages."),
        Field::new("ticket_alert", Kind::Section(&ALERT), "", "Tickets."),
        Field::new("ticketAlert", Kind::Section(&ALERT), "", "Tickets."),
    ],
    includes: &[],
    check: None,
};

static ALERT: Section = Section {
    name: "alert of Sloth",
    doc: "One kind of alerts.",
    fields: &[
        Field::new("disable", Kind::Bool, "false", "Whether there are none."),
        Field::new("labels", Kind::Labels, "", "Labels."),
        Field::new("annotations", Kind::Labels, "", "Texts."),
    ],
    includes: &[],
    check: None,
};

/// Two spellings of a key.
type Spellings = [&'static str; 2];
const ERROR_RATIO: Spellings = ["error_ratio_query", "errorRatioQuery"];
const ERROR: Spellings = ["error_query", "errorQuery"];
const TOTAL: Spellings = ["total_query", "totalQuery"];
const PAGE: Spellings = ["page_alert", "pageAlert"];
const TICKET: Spellings = ["ticket_alert", "ticketAlert"];

fn either(view: &View<'_>, [one, other]: Spellings) -> &'static str {
    if view.is_set(other) { other } else { one }
}

fn want_either(view: &View<'_>, keys: Spellings, problems: &mut Problems) {
    if view.at_most_one(problems, &keys) && view.set_among(&keys).is_empty() {
        view.error(problems, format!("{} is missing: want a query", keys[0]));
    }
}

/// The objectives of a document.
pub(super) fn decode_sloth(
    view: &View<'_>,
    reading: &Reading,
    problems: &mut Problems,
) -> Vec<Found> {
    for key in ["slo_plugins", "sloPlugins"] {
        warn_of_plugins(&view.section(key), problems);
    }
    view.sections("slos")
        .iter()
        .filter_map(|slo| decode_slo(slo, view, reading, problems))
        .collect()
}

fn warn_of_plugins(view: &View<'_>, problems: &mut Problems) {
    for plugin in view.sections("chain") {
        let id = plugin.text("id");
        if id.starts_with(OWN_PLUGINS) && !id.starts_with(DEBUG_PLUGIN) {
            continue;
        }
        let id = shortened(id);
        let message = format!("SLO plugin {id:?} does not run here: it has no effect");
        plugin.warn_at(problems, "id", message);
    }
}

fn decode_slo(
    view: &View<'_>,
    group: &View<'_>,
    reading: &Reading,
    problems: &mut Problems,
) -> Option<Found> {
    if problems.has_errors_under(&view.origin.file, &view.path()) {
        return None;
    }
    warn_of_plugins(&view.section("plugins"), problems);
    let Some(target) = percent(view.text("objective")) else {
        let text = shortened(view.text("objective"));
        let message = format!("{text:?} given: want percent above 0 and below 100, such as 99.9");
        view.error_at(problems, "objective", message);
        return None;
    };
    let mut labels = imported_labels(group, "labels", problems);
    for (name, value) in imported_labels(view, "labels", problems) {
        put(&mut labels, &name, &value);
    }
    let interval_ms = reading.options.interval_ms;
    let settings = ObjectiveSettings {
        file: view.origin.file.clone().into(),
        line: view.position().line,
        name: view.text("name").to_owned(),
        service: group.text("service").to_owned(),
        description: view.text("description").to_owned(),
        target,
        period: Period::Rolling {
            span_ms: reading.options.period_ms,
        },
        time_zone: "UTC".to_owned(),
        indicator: decode_sli(&view.section("sli"), interval_ms, problems)?,
        slices: None,
        group_by: Vec::new(),
        spent_by: Vec::new(),
        entity: None,
        labels,
        interval_ms,
        alerts: decode_alerting(&view.section("alerting"), reading, problems),
    };
    Some(Found::at(settings, view))
}

fn decode_sli(view: &View<'_>, interval_ms: i64, problems: &mut Problems) -> Option<Indicator> {
    if let Some(plugin) = view.optional_section("plugin") {
        let id = shortened(plugin.text("id"));
        let message = format!(
            "SLI plugin {id:?} does not run here: want the queries that it makes, as events or raw (`sloth generate` shows them)"
        );
        plugin.error_at(problems, "id", message);
        return None;
    }
    if let Some(raw) = view.optional_section("raw") {
        let key = either(&raw, ERROR_RATIO);
        return match measured(&of_today(raw.text(key), interval_ms), interval_ms) {
            Ok(bad) => Some(Indicator::Share { bad }),
            Err(message) => {
                raw.error_at(problems, key, message);
                None
            }
        };
    }
    let events = view.section("events");
    let mut count = |keys: Spellings| {
        let key = either(&events, keys);
        let query = counted(&of_today(events.text(key), interval_ms), interval_ms);
        query
            .map_err(|error| events.error_at(problems, key, error.to_string()))
            .ok()
    };
    let (part, total) = (count(ERROR), count(TOTAL));
    Some(Indicator::Ratio {
        counting: Counting::Bad,
        part: part?,
        total: total?,
    })
}

fn decode_alerting(view: &View<'_>, reading: &Reading, problems: &mut Problems) -> ObjectiveAlerts {
    let default = ObjectiveAlerts::default();
    let name = or(view.text("name"), &default.name);
    reading.check_templates(view, name, problems);
    let mut decode = |keys: Spellings, severity: &str| {
        let alert = view.section(either(view, keys));
        reading.check_templates(&alert, name, problems);
        (!alert.bool("disable")).then(|| {
            let mut labels = alert.text_map("labels");
            if labels.iter().all(|(name, _)| name != SEVERITY) {
                labels.push((SEVERITY.to_owned(), severity.to_owned()));
            }
            AlertOptions {
                labels,
                annotations: alert.text_map("annotations"),
            }
        })
    };
    let (page, ticket) = (decode(PAGE, "page"), decode(TICKET, "ticket"));
    // Sloth never says that nothing is measured; whoever wants no alerts wants none.
    let measurement = (page.is_some() || ticket.is_some()).then(AlertOptions::default);
    ObjectiveAlerts {
        name: name.to_owned(),
        page,
        ticket,
        measurement,
        labels: view.text_map("labels"),
        annotations: view.text_map("annotations"),
    }
}
