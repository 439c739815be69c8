//! Dashboards: what they are made of, how they are written, and what becomes of those of Grafana.
//!
//! ## Model
//! A [`Dashboard`] has variables and rows of panels on a grid of 24 columns; a panel has queries of PromQL, a [`Field`]
//! that says how values are shown, and overrides of it. [`read_json`], [`to_json`] and [`to_yaml`] go to and from its
//! notations; [`read_node`] takes a tree of YAML that somebody else has parsed. Those of Grafana are
//! imported with a report of what could not be carried over.
//!
//! ## Invariants
//! Pure: no I/O, no clock, no network. What was read without a problem is written and read again as the same.
//! Nothing is dropped silently: an unknown key is a problem in our notations and a finding in Grafana's.
//!
//! ## Limits
//! [`node::JSON_BYTES_MAX`], [`form::ITEMS_MAX`], [`form::TEXT_BYTES_MAX`], [`PANELS_MAX`].
//!
//! ## See also
//! `docs/adr/0016-dashboards.md`, `docs/user/dashboards.md`, `docs/spec/dashboard.d.ts`.

mod check;
pub mod field;
pub mod form;
pub mod grafana;
mod import;
pub mod macros;
mod model;
pub mod node;
pub mod panel;
mod place;
pub mod report;
pub mod transformation;
pub mod variable;

pub use check::{UID_CHARS_MAX, check, harmless, query_problem, uid_problem};
pub use field::Field;
pub use form::Problem;
pub use import::{Imported, import_json, import_value, own, report_json};
pub use model::{Crosshair, Dashboard, DashboardLink, LinkKind, PANELS_MAX, Row, TimeRange};
pub use panel::{Panel, PanelKind, Query};
pub use variable::{Variable, VariableQuery};

use form::{Form as _, Reader, Style};
use node::{JSON_BYTES_MAX, Node, Place};

/// Reads a dashboard from a tree.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read_node(node: &Node, style: Style) -> Result<Dashboard, Vec<Problem>> {
    let mut reader = Reader::new(style);
    let mut dashboard = Dashboard::read(node, &mut reader);
    let mut problems = reader.problems;
    dashboard.place();
    if problems.is_empty() {
        problems = check(&dashboard);
        for problem in &mut problems {
            problem.place = place_of(node, &problem.path);
        }
    }
    if problems.is_empty() {
        return Ok(dashboard);
    }
    problems.sort();
    problems.dedup();
    Err(problems)
}

/// Reads a dashboard from our JSON.
///
/// # Errors
/// Everything that is wrong with it; where it is no JSON, that.
pub fn read_json(text: &[u8]) -> Result<Dashboard, Vec<Problem>> {
    let value = parse_json(text).map_err(|problem| vec![problem])?;
    read_node(&Node::of_json(&value), Style::Json)
}

/// Reads a text of JSON within bounds.
///
/// # Errors
/// Where it is too large or no JSON.
pub fn parse_json(text: &[u8]) -> Result<serde_json::Value, Problem> {
    let problem = |line, column, message| Problem {
        place: Place { line, column },
        path: String::new(),
        message,
    };
    if text.len() > JSON_BYTES_MAX {
        let message = format!(
            "{} bytes given: at most {JSON_BYTES_MAX} are read",
            text.len()
        );
        return Err(problem(0, 0, message));
    }
    serde_json::from_slice(text).map_err(|error| {
        let message = format!("is not JSON that we read: {error}");
        problem(error.line(), error.column(), message)
    })
}

/// A dashboard as our JSON, with everything that it says.
#[must_use]
pub fn to_json(dashboard: &Dashboard) -> serde_json::Value {
    dashboard
        .write(Style::Json)
        .map_or(serde_json::Value::Null, |node| node.to_json())
}

/// A dashboard as our YAML, without what has its default.
#[must_use]
pub fn to_yaml(dashboard: &Dashboard) -> String {
    place::compact(dashboard)
        .write(Style::Yaml)
        .map_or_else(String::new, |node| node.to_yaml())
}

/// The types of the JSON as TypeScript.
#[must_use]
pub fn typescript() -> String {
    let mut types = form::Types::new();
    Dashboard::describe(&mut types);
    report::Report::describe(&mut types);
    let mut text = String::from(
        "// What dashboards look like in JSON. Written from crates/dashboards: UPDATE_EXPECT=1 cargo test -p bellwether-dashboards\n",
    );
    for (name, of) in types {
        let define = if of.starts_with('{') {
            "interface"
        } else {
            "type"
        };
        let (between, end) = if define == "type" {
            (" = ", ";")
        } else {
            (" ", "")
        };
        text.push_str(&format!("\nexport {define} {name}{between}{of}{end}\n"));
    }
    text
}

/// Where a path stands, as far down as the tree has it: shorthands have no places of their own.
fn place_of(node: &Node, path: &str) -> Place {
    let mut node = node;
    let mut found = node.place;
    for step in path.split(['.', '[']) {
        let next = match (step.strip_suffix(']'), &node.value) {
            (Some(index), node::NodeValue::List(items)) => {
                index.parse().ok().and_then(|index: usize| items.get(index))
            }
            _ => node.get(step),
        };
        // A key that is filled in stands in the panel itself, which goes on with the next step.
        if let Some(next) = next {
            node = next;
            found = next.place;
        }
    }
    found
}

#[cfg(test)]
mod tests;
