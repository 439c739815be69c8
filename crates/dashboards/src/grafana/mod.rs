//! Dashboards of Grafana, from those of 2016 (rows, `graph`, `singlestat`) to those of today (schema 42, and v2 with elements and layout).
//!
//! ## Model
//! [`import`] unwraps what API and provisioning put around a dashboard, brings v2 and old panels into the form of v1 of today
//! (`v2`, `legacy`), and reads that. Every object is read through `object::Object`, which knows the keys that nobody has looked at.
//!
//! ## Invariants
//! What is not carried over is in the report, with its reason. A query that is no PromQL is left out, so that what is
//! imported can be saved. Never panics; depth is that of serde_json.

mod field;
mod legacy;
mod object;
mod options;
mod panel;
mod rows;
mod source;
mod transformations;
mod v2;
mod variables;

use serde_json::Value;

use self::object::{Findings, Object, text_of};
use self::panel::Surroundings;
use self::source::Sources;
use crate::check::{UID_CHARS_MAX, uid_problem};
use crate::form::{Form as _, Style};
use crate::model::{Crosshair, Dashboard, DashboardLink, LinkKind, TimeRange};
use crate::node::Node;
use crate::panel::{Panel, PanelKind};
use crate::read_node;
use crate::report::{Finding, Report, Severity};

/// Whether a value is a dashboard of Grafana, rather than one of ours.
#[must_use]
pub fn is_grafana(value: &Value) -> bool {
    let has = |key: &str| value.get(key).is_some();
    let is_any = [
        "schemaVersion",
        "templating",
        "__inputs",
        "dashboard",
        "annotations",
        "elements",
        "spec",
        "editable",
        "gnetId",
        "timepicker",
        "graphTooltip",
    ];
    let grafana_panels = |list: Option<&Value>| {
        let items = list.and_then(Value::as_array);
        items.into_iter().flatten().any(|panel| {
            panel.get("type").is_some()
                || panel.get("gridPos").is_some()
                || panel.get("targets").is_some()
        })
    };
    is_any.into_iter().any(has)
        || grafana_panels(value.get("panels"))
        || value
            .get("rows")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .any(|row| grafana_panels(row.get("panels")))
}

/// Imports a dashboard.
///
/// # Errors
/// Where it is none at all.
pub fn import(value: &Value) -> Result<(Dashboard, Report), String> {
    let inner = unwrapped(value);
    if !inner.is_object() {
        return Err("is no dashboard: want an object".to_owned());
    }
    let mut above = Findings::default();
    let converted = v2::as_v1(inner, &mut above);
    let inner = converted.as_ref().unwrap_or(inner);
    let of = Object::of(Some(inner));
    let is_one = ["panels", "rows", "templating", "schemaVersion", "title"]
        .iter()
        .any(|key| of.get(key).is_some());
    if !is_one {
        return Err(
            "is no dashboard of Grafana: it has neither panels nor rows nor a title".to_owned(),
        );
    }
    let (mut dashboard, mut report) = read(&of, &mut above);
    make_savable(&mut dashboard, &mut report)?;
    report.findings = above.0;
    report.count();
    Ok((dashboard, report))
}

/// What is beyond our limits cannot be saved: a panel of which that is true becomes one that says so.
fn make_savable(dashboard: &mut Dashboard, report: &mut Report) -> Result<(), String> {
    let problems = |dashboard: &Dashboard| {
        let node = dashboard
            .write(Style::Json)
            .unwrap_or_else(|| Node::plain("null"));
        read_node(&node, Style::Json).err().unwrap_or_default()
    };
    for problem in problems(dashboard) {
        let Some((row, index)) = panel_of(&problem.path) else {
            return Err(problem.to_string());
        };
        let before: usize = dashboard
            .rows
            .iter()
            .take(row)
            .map(|row| row.panels.len())
            .sum();
        let panel = dashboard
            .rows
            .get_mut(row)
            .and_then(|row| row.panels.get_mut(index));
        let (Some(panel), Some(told)) = (panel, report.panels.get_mut(before + index)) else {
            return Err(problem.to_string());
        };
        let reason = bellwether_model::short_to(&problem.message, 200).to_string();
        *panel = Panel {
            id: panel.id,
            grid: panel.grid,
            title: bellwether_model::short_to(&panel.title, 200).to_string(),
            kind: PanelKind::Unsupported,
            reason: format!("it is beyond what is taken: {reason}"),
            ..Panel::default()
        };
        told.title.clone_from(&panel.title);
        told.findings.push(Finding {
            what: "panel".to_owned(),
            why: panel.reason.clone(),
            severity: Severity::Lost,
        });
        told.judge();
    }
    problems(dashboard)
        .first()
        .map_or(Ok(()), |problem| Err(problem.to_string()))
}

/// The row and the panel that a path is about.
fn panel_of(path: &str) -> Option<(usize, usize)> {
    let rest = path.strip_prefix("rows[")?;
    let (row, rest) = rest.split_once("].panels[")?;
    let (index, _) = rest.split_once(']')?;
    Some((row.parse().ok()?, index.parse().ok()?))
}

/// What API and provisioning put around a dashboard.
fn unwrapped(value: &Value) -> &Value {
    match value.get("dashboard") {
        Some(inner) if inner.is_object() => inner,
        _ => value,
    }
}

fn read(of: &Object<'_>, above: &mut Findings) -> (Dashboard, Report) {
    let mut dashboard = Dashboard {
        title: of
            .text("title")
            .filter(|it| !it.trim().is_empty())
            .unwrap_or_else(|| "Imported".to_owned()),
        description: of.string("description"),
        tags: of.texts("tags"),
        refresh: of
            .text("refresh")
            .filter(|it| it != "false")
            .unwrap_or_default(),
        ..Dashboard::default()
    };
    dashboard.uid = uid(of, &dashboard.title);
    let time = of.object("time");
    let blank = TimeRange::default();
    dashboard.time = TimeRange {
        from: time.text("from").unwrap_or(blank.from),
        to: time.text("to").unwrap_or(blank.to),
    };
    dashboard.time_zone = match of.string("timezone").as_str() {
        "" | "browser" => "browser".to_owned(),
        "UTC" => "utc".to_owned(),
        other => other.to_owned(),
    };
    dashboard.crosshair = match (of.number("graphTooltip"), of.is("sharedCrosshair")) {
        (Some(mode), _) if mode > 1.5 => Crosshair::Tooltip,
        (Some(mode), _) if mode > 0.5 => Crosshair::Line,
        (None, true) => Crosshair::Line,
        _ => Crosshair::None,
    };
    for item in of.list("links") {
        dashboard.links.push(link(&Object::of(Some(item))));
    }
    annotations(of, above);
    let mut sources = Sources::default();
    for item in of.list("__inputs") {
        let input = Object::of(Some(item));
        if input.text("type").is_some_and(|it| it == "datasource") {
            sources.note(input.string("name"), input.string("pluginId"));
        }
    }
    let templating = of.object("templating");
    dashboard.variables = variables::read(templating.list("list"), &mut sources, above);
    for item in of.list("__inputs") {
        constant_input(&Object::of(Some(item)), &mut dashboard);
    }
    let mut report = Report::default();
    let all = rows::all_panels(of);
    let around = Surroundings {
        sources: &sources,
        variables: &dashboard.variables,
        all: &all,
        library: of.get("__elements"),
        schema: of.count("schemaVersion").unwrap_or(u32::MAX),
    };
    let rows = rows::read(of, &around, &mut report, above);
    dashboard.rows = rows;
    dashboard.place();
    let mut reports = report.panels.iter_mut();
    for row in &dashboard.rows {
        for panel in &row.panels {
            if let Some(report) = reports.next() {
                report.id = panel.id;
                report.row.clone_from(&row.title);
            }
        }
    }
    if of.get("snapshot").is_some_and(|it| !object::is_blank(it)) {
        above.lost(
            "snapshot",
            "the data that were saved with it are not carried over",
        );
    }
    for (key, why) in [
        ("weekStart", "weeks begin as the browser has it"),
        ("liveNow", "graphs move when they are refreshed"),
        ("fiscalYearStartMonth", "there are no fiscal years"),
    ] {
        let is_said = of
            .get(key)
            .is_some_and(|it| !object::is_blank(it) && it != &Value::from(0));
        if is_said && of.text(key).is_none_or(|it| it != "browser") {
            above.cosmetic(key, why);
        }
    }
    of.skip(&[
        "id",
        "iid",
        "uid",
        "version",
        "schemaVersion",
        "editable",
        "gnetId",
        "style",
        "hideControls",
        "__requires",
        "revision",
        "originalTitle",
        "preload",
        "nav",
        "rows",
        "panels",
        "timepicker",
        "__elements",
        "__inputs",
        "author",
        "inputs",
        "meta",
        "apiVersion",
        "kind",
        "metadata",
        "scopeMeta",
        "folderUid",
        "folderId",
        "slug",
        "overwrite",
        "templating",
        "annotations",
        "originalUid",
        "isNew",
        "sharedCrosshair",
        "autoUpdate",
        "correctMinRange",
        "__blocks",
        "readme",
        "live",
        "access",
    ]);
    for key in of.rest() {
        above.cosmetic(format!("dashboard.{key}"), "is not known here");
    }
    (dashboard, report)
}

/// `__inputs` that are constants are variables, where none has their name.
fn constant_input(input: &Object<'_>, dashboard: &mut Dashboard) {
    let is_constant = input.text("type").is_some_and(|it| it == "constant");
    let (name, value) = (input.string("name"), input.string("value"));
    if !is_constant || value.is_empty() {
        return;
    }
    // Variables name their input: `${VAR_X}`.
    let reference = format!("${{{name}}}");
    for variable in &mut dashboard.variables {
        if variable.query == reference {
            variable.query.clone_from(&value);
        }
    }
}

fn annotations(of: &Object<'_>, above: &mut Findings) {
    for item in of.object("annotations").list("list") {
        let annotation = Object::of(Some(item));
        // The one that every dashboard has.
        if annotation.is("builtIn") || annotation.text("type").is_some_and(|it| it == "dashboard") {
            continue;
        }
        let name = annotation.string("name");
        above.lost(
            format!("annotation {name}"),
            "events are not drawn over panels",
        );
    }
}

fn link(of: &Object<'_>) -> DashboardLink {
    let is_dashboards = of.text("type").is_some_and(|it| it == "dashboards");
    DashboardLink {
        title: of.string("title"),
        kind: if is_dashboards {
            LinkKind::Dashboards
        } else {
            LinkKind::Url
        },
        url: of.string("url"),
        tags: of.texts("tags"),
        tooltip: of.string("tooltip"),
        new_tab: of.is("targetBlank"),
        as_menu: of.is("asDropdown"),
        keep_time: of.is("keepTime"),
        keep_variables: of.is("includeVars"),
    }
}

/// What a dashboard is found by: what it says, or what its title makes.
fn uid(of: &Object<'_>, title: &str) -> String {
    let given = of.get("uid").and_then(text_of).unwrap_or_default();
    if uid_problem(&given).is_none() {
        return given;
    }
    let text = if given.is_empty() { title } else { &given };
    let mut uid = String::new();
    for c in text.chars() {
        if uid.len() >= UID_CHARS_MAX {
            break;
        }
        match c {
            c if c.is_ascii_alphanumeric() => uid.push(c.to_ascii_lowercase()),
            _ if uid.ends_with('-') || uid.is_empty() => {}
            _ => uid.push('-'),
        }
    }
    let uid = uid.trim_end_matches('-');
    if uid.is_empty() {
        "imported".to_owned()
    } else {
        uid.to_owned()
    }
}

#[cfg(test)]
mod tests;
