//! Texts of which nobody says whose form they have.

use serde_json::Value;

use crate::form::{Form as _, Problem, Style};
use crate::model::Dashboard;
use crate::node::{Node, Place};
use crate::report::Report;
use crate::{grafana, parse_json, read_node};

/// A dashboard and what of it could not be carried over; of one in our own form nothing is lost.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Imported {
    /// The dashboard.
    pub dashboard: Dashboard,
    /// What became of it.
    pub report: Report,
    /// Whether it was one of Grafana.
    pub is_foreign: bool,
}

/// Reads JSON: our own, or that of Grafana.
///
/// # Errors
/// Everything that is wrong with it.
pub fn import_json(text: &[u8]) -> Result<Imported, Vec<Problem>> {
    let value = parse_json(text).map_err(|problem| vec![problem])?;
    import_value(&value)
}

/// The same of a value that is already here.
///
/// # Errors
/// Everything that is wrong with it.
pub fn import_value(value: &Value) -> Result<Imported, Vec<Problem>> {
    if grafana::is_grafana(value) {
        let (dashboard, report) = grafana::import(value).map_err(|message| {
            vec![Problem {
                place: Place::default(),
                path: String::new(),
                message,
            }]
        })?;
        return Ok(Imported {
            dashboard,
            report,
            is_foreign: true,
        });
    }
    Ok(own(read_node(&Node::of_json(value), Style::Json)?))
}

/// A dashboard in our own form, of which nothing is lost.
#[must_use]
pub fn own(dashboard: Dashboard) -> Imported {
    let mut report = Report::default();
    for row in &dashboard.rows {
        for panel in &row.panels {
            report.panels.push(crate::report::PanelReport {
                id: panel.id,
                title: panel.title.clone(),
                row: row.title.clone(),
                plugin: panel.kind.as_str().to_owned(),
                ..crate::report::PanelReport::default()
            });
        }
    }
    report.count();
    Imported {
        dashboard,
        report,
        is_foreign: false,
    }
}

/// A report as JSON.
#[must_use]
pub fn report_json(report: &Report) -> Value {
    report
        .write(Style::Json)
        .map_or(Value::Null, |node| node.to_json())
}
