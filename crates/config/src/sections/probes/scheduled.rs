//! Probes on a schedule.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bellwether_health::{EntityId, EntityKind, Graph, GraphError, Thresholds};
use bellwether_model::short;
use bellwether_probe::Module;
use bellwether_probe::watch::{
    INTERVAL_MAX, INTERVAL_MIN, NAME_BYTES_MAX, ProbeSettings, PublicSettings, THRESHOLD_MAX,
};

use super::modules::{self, PROBER_SETTINGS, PROBERS};
use super::target::check_target;
use crate::probes::{ProbeModules, fingerprint};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::global::GlobalSettings;
use crate::sections::relabel::is_label_name;
use crate::values::nearest;
use crate::view::{View, node_text};
use crate::yaml::{Node, shortened};

/// How long a check may take where nothing says it and the interval is longer. Chosen.
const TIMEOUT_MS_DEFAULT: i64 = 10_000;
/// Names that an error lists. Chosen.
const NAMES_SHOWN: usize = 20;
/// Labels that every series of a probe has already.
const RESERVED_LABELS: [&str; 6] = ["__name__", "probe", "job", "instance", "module", "entity"];
/// What a threshold may be.
const THRESHOLD: Kind = Kind::Integer {
    min: 1,
    max: THRESHOLD_MAX as i64,
};

pub(crate) static PROBE: Section = Section {
    name: "probe",
    doc: "A target that is probed again and again, by a module or with the settings of a prober that stand here; exactly one of both.",
    fields: &[
        Field::required(
            "name",
            Kind::Text,
            "Its name, unique among probes: at most 100 letters, digits, _, -, ., : and /.",
        ),
        Field::new(
            "target",
            Kind::Target,
            "",
            "What is probed: a URL, host:port, a host or a path, as the prober has it; nothing where its settings say it.",
        ),
        Field::new(
            "module",
            Kind::Text,
            "",
            "The module of probe_modules, or a built-in one.",
        ),
        Field::new(
            "interval",
            Kind::Duration,
            "",
            "Time from one check to the next, 100ms to 1d; global.scrape_interval where absent.",
        ),
        Field::new(
            "timeout",
            Kind::Duration,
            "",
            "How long a check may take, at most the interval; 10s or the interval where absent. The module may say less.",
        ),
        Field::new(
            "failure_threshold",
            THRESHOLD,
            "3",
            "Failed checks in a row that make it down.",
        ),
        Field::new(
            "success_threshold",
            THRESHOLD,
            "1",
            "Good checks in a row that make it up again.",
        ),
        Field::new(
            "depends_on",
            Kind::List(&Kind::Text),
            "",
            "Probes that explain this one where they are as bad.",
        ),
        Field::new(
            "entity",
            Kind::Text,
            "",
            "The entity that it tells of, kind/name; of the prober's usual kind and with the name of the probe where absent.",
        ),
        Field::new("labels", Kind::Labels, "", "Further labels of its series."),
        Field::new(
            "public",
            Kind::Section(&PUBLIC),
            "",
            "How the public status page shows it; not at all where absent.",
        ),
    ],
    includes: &[&PROBER_SETTINGS],
    check: Some(check_probe),
};

static PUBLIC: Section = Section {
    name: "probe on the public status page",
    doc: "How strangers see a probe: never with target, reason or labels.",
    fields: &[
        Field::new(
            "title",
            Kind::Text,
            "",
            "What it is called there; the name of the probe where absent.",
        ),
        Field::new("group", Kind::Text, "", "What it stands under there."),
    ],
    includes: &[],
    check: None,
};

fn check_probe(view: &View<'_>, problems: &mut Problems) {
    let name = view.text("name");
    let is_name = name.len() <= NAME_BYTES_MAX
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.:/".contains(&b));
    if !is_name {
        let message = format!(
            "{:?} given: want at most {NAME_BYTES_MAX} letters, digits, _, -, ., : and /",
            shortened(name)
        );
        view.error_at(problems, "name", message);
    }
    let ways = ways(view);
    if ways.len() != 1 {
        let given = match ways.is_empty() {
            true => "says not how to probe".to_owned(),
            false => format!("{} are set", ways.join(" and ")),
        };
        let names = PROBERS.join(", ");
        view.error(
            problems,
            format!("{given}: want exactly one of module, {names}"),
        );
    }
    if view.is_set("module") && view.is_set("certificate_lifetime_min") {
        let message = "stands beside module: want it in the module itself";
        view.error_at(problems, "certificate_lifetime_min", message);
    }
    let entity = view.text("entity");
    if !entity.is_empty() && EntityId::parse(entity).is_none() {
        let kinds = EntityKind::ALL.map(EntityKind::as_str).join(", ");
        let entity = shortened(entity);
        let message = format!("{entity:?} given: want kind/name with one of the kinds {kinds}");
        view.error_at(problems, "entity", message);
    }
}

/// What says how to probe. Settings of a prober that are empty say it too.
fn ways(view: &View<'_>) -> Vec<&'static str> {
    let module = ["module"].into_iter().filter(|key| view.is_set(key));
    let inline = PROBERS.iter().copied();
    module
        .chain(inline.filter(|key| view.is_written(key)))
        .collect()
}

/// Decodes the list. Probes that are wrong are told and left out, and so are those whose module is
/// not known because the modules are wrong (`modules` is none).
pub(crate) fn decode_probes(
    root: &View<'_>,
    global: &GlobalSettings,
    modules: Option<&ProbeModules>,
    problems: &mut Problems,
) -> Vec<ProbeSettings> {
    let views = root.sections("probes");
    let errors_before = problems.errors.len();
    check_names(&views, problems);
    let mut probes = Vec::new();
    for view in &views {
        if !problems.has_errors_under(&view.origin.file, &view.path()) {
            probes.extend(decode_probe(view, global, modules, problems));
        }
    }
    // A circle can be told only where every name is right.
    if probes.len() == views.len() && problems.errors.len() == errors_before {
        check_circles(&views, &probes, problems);
    }
    probes
}

/// Names must be unique, and dependencies be there.
fn check_names(views: &[View<'_>], problems: &mut Problems) {
    let mut seen = BTreeMap::new();
    for view in views {
        let name = view.text("name");
        if let Some(line) = seen
            .insert(name, view.position().line)
            .filter(|_| !name.is_empty())
        {
            let message = format!("{:?} is already the probe at line {line}", short(name));
            view.error_at(problems, "name", message);
        }
    }
    let names: BTreeSet<&str> = seen.into_keys().filter(|name| !name.is_empty()).collect();
    for view in views {
        let own = view.text("name");
        for item in view.items("depends_on") {
            let name = node_text(item);
            let others = names.iter().copied().filter(|name| *name != own);
            if name == own {
                error_at_node(
                    view,
                    item,
                    "is the probe itself: want another one",
                    problems,
                );
            } else if !names.contains(name.as_str()) {
                error_at_node(view, item, &unknown("probe", &name, others), problems);
            }
        }
    }
}

fn error_at_node(view: &View<'_>, node: &Node, message: &str, problems: &mut Problems) {
    problems.error(&view.origin.file, node.position, &node.path, message);
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None if known.is_empty() => "there are none".to_owned(),
        None if known.len() <= NAMES_SHOWN => format!("known are {}", known.join(", ")),
        None => format!("known are {} and others", known[..NAMES_SHOWN].join(", ")),
    };
    format!("unknown {what} {:?}; {hint}", shortened(name))
}

fn check_circles(views: &[View<'_>], probes: &[ProbeSettings], problems: &mut Problems) {
    let nodes = probes
        .iter()
        .map(|probe| (probe.name.as_str(), probe.depends_on.as_slice()));
    let Err(error) = Graph::new(nodes) else {
        return;
    };
    let message = match &error {
        GraphError::Circular { circle, .. } => format!("the dependencies are circular: {circle}"),
        other => other.to_string(),
    };
    let (GraphError::Circular { name, .. }
    | GraphError::Duplicate { name }
    | GraphError::Unknown { name, .. }) = &error;
    if let Some(view) = views.iter().find(|view| view.text("name") == name) {
        view.error_at(problems, "depends_on", message);
    }
}

fn decode_probe(
    view: &View<'_>,
    global: &GlobalSettings,
    modules: Option<&ProbeModules>,
    problems: &mut Problems,
) -> Option<ProbeSettings> {
    let name = view.text("name").to_owned();
    let (module_name, module, module_print) = decode_way(view, modules, problems)?;
    let target = view.text("target").to_owned();
    if let Err(message) = check_target(&module.prober, &target) {
        view.error_at(problems, "target", message);
    }
    let labels = decode_labels(view, global, problems);
    let (interval_ms, timeout_ms) = decode_times(view, global, problems)?;
    let usual = || EntityId::new(ProbeSettings::usual_kind(&module.prober), name.clone());
    let further = format!("{module_print} {interval_ms} {timeout_ms}");
    Some(ProbeSettings {
        module_name,
        target,
        interval: Duration::from_millis(interval_ms),
        timeout: Duration::from_millis(timeout_ms),
        thresholds: Thresholds {
            failure: threshold(view, "failure_threshold"),
            success: threshold(view, "success_threshold"),
        },
        depends_on: view.texts("depends_on"),
        entity: EntityId::parse(view.text("entity")).unwrap_or_else(usual),
        labels,
        public: view
            .optional_section("public")
            .map(|public| PublicSettings {
                title: public
                    .optional_text("title")
                    .unwrap_or_else(|| name.clone()),
                group: public.text("group").to_owned(),
            }),
        fingerprint: fingerprint(view.node?, view.origin, &further),
        module,
        name,
    })
}

/// The name of the module, the module, and what changes when it does.
fn decode_way(
    view: &View<'_>,
    known: Option<&ProbeModules>,
    problems: &mut Problems,
) -> Option<(String, Arc<Module>, String)> {
    if !view.is_set("module") {
        let way = ways(view).first().copied()?;
        let module = modules::decode_way(view, way, view.text("name"))?;
        return Some((way.to_owned(), Arc::new(module), String::new()));
    }
    let known = known?;
    let name = view.text("module");
    let Some(module) = known.modules.get(name) else {
        let known = known.modules.keys().map(String::as_str);
        view.error_at(problems, "module", unknown("module", name, known));
        return None;
    };
    let print = known.fingerprint(name).to_owned();
    Some((name.to_owned(), Arc::clone(module), print))
}

/// Interval and time-out in ms.
fn decode_times(
    view: &View<'_>,
    global: &GlobalSettings,
    problems: &mut Problems,
) -> Option<(u64, u64)> {
    let interval_ms = match view.is_set("interval") {
        true => view.duration_ms("interval"),
        false => global.scrape_interval_ms,
    };
    let interval = Duration::from_millis(u64::try_from(interval_ms).unwrap_or(0));
    if !(INTERVAL_MIN..=INTERVAL_MAX).contains(&interval) {
        let given = match view.is_set("interval") {
            true => shortened(view.text("interval")),
            false => "that of global.scrape_interval is".to_owned(),
        };
        view.error_at(
            problems,
            "interval",
            format!("{given} given: want 100ms to 1d"),
        );
        return None;
    }
    let timeout_ms = match view.is_set("timeout") {
        true => view.duration_ms("timeout"),
        false => interval_ms.min(TIMEOUT_MS_DEFAULT),
    };
    if !(1..=interval_ms).contains(&timeout_ms) {
        let given = shortened(view.text("timeout"));
        let message = format!("{given} given: want 1ms to the interval of {interval_ms}ms");
        view.error_at(problems, "timeout", message);
        return None;
    }
    Some((interval_ms.unsigned_abs(), timeout_ms.unsigned_abs()))
}

fn threshold(view: &View<'_>, key: &str) -> u32 {
    u32::try_from(view.integer(key)).unwrap_or(1)
}

fn decode_labels(
    view: &View<'_>,
    global: &GlobalSettings,
    problems: &mut Problems,
) -> Vec<(String, String)> {
    for (name, node) in view.entries("labels") {
        let shown = shortened(name);
        if RESERVED_LABELS.contains(&name) || name.starts_with("__") {
            let reserved = RESERVED_LABELS.join(", ");
            let message = format!(
                "label {shown:?} is taken: want none of {reserved} and of what begins with __"
            );
            error_at_node(view, node, &message, problems);
        } else if !is_label_name(name, global.name_validation) {
            let message = format!(
                "{shown:?} is not a label name: want [a-zA-Z_][a-zA-Z0-9_]*, or the utf8 validation scheme"
            );
            error_at_node(view, node, &message, problems);
        }
    }
    view.text_map("labels")
}
