//! What is asked of a dashboard beyond its notation: names, places, and queries that are PromQL.

use std::borrow::Cow;
use std::collections::HashSet;

use bellwether_model::{Regexp, short};
use bellwether_promql::{Features, parse};

use crate::field::MappingKind;
use crate::form::Problem;
use crate::macros::{self, Context};
use crate::model::{Dashboard, PANELS_MAX};
use crate::node::Place;
use crate::panel::{COLUMNS, Panel};
use crate::variable::{ALL, Variable, VariableKind, VariableQuery};

/// Longest uid. Grafana's has 40; ours may be a name of a mixin's file.
pub const UID_CHARS_MAX: usize = 100;
/// Most bytes of a query. Chosen: ten times the longest that we have seen.
pub(crate) const QUERY_BYTES_MAX: usize = 64 << 10;
/// Most bytes of a value that is put into a query to check it, so that a short query cannot become a long one.
const KNOWN_BYTES_MAX: usize = 100;
/// Most rows of the grid. Chosen: 250 screens.
const GRID_ROWS_MAX: u32 = 10_000;

/// Everything that is wrong with a dashboard.
#[must_use]
pub fn check(dashboard: &Dashboard) -> Vec<Problem> {
    let mut found = Found::default();
    if let Some(reason) = uid_problem(&dashboard.uid) {
        found.note("uid", reason);
    }
    if dashboard.title.trim().is_empty() {
        found.note("title", "\"\" given: want a title");
    }
    check_variables(dashboard, &mut found);
    check_panels(dashboard, &mut found);
    found.problems
}

/// Why a text cannot be a uid.
#[must_use]
pub fn uid_problem(uid: &str) -> Option<String> {
    let is_good = !uid.is_empty()
        && uid.len() <= UID_CHARS_MAX
        && !uid.starts_with('.')
        && uid
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    (!is_good).then(|| {
        format!(
            "{:?} given: want 1 to {UID_CHARS_MAX} letters, digits, -, _ and ., none of which is a point at the beginning",
            short(uid)
        )
    })
}

#[derive(Debug, Default)]
struct Found {
    problems: Vec<Problem>,
}

impl Found {
    fn note(&mut self, path: impl Into<String>, message: impl Into<String>) {
        if self.problems.len() < crate::form::PROBLEMS_MAX {
            self.problems.push(Problem {
                place: Place::default(),
                path: path.into(),
                message: message.into(),
            });
        }
    }

    /// Expressions are carried out by the browser, which knows more than we can check.
    fn regex(&mut self, path: String, text: &str) {
        if ["(?=", "(?!", "(?<"].iter().any(|it| text.contains(it)) {
            return;
        }
        if let Err(error) = Regexp::unanchored(without_slashes(text)) {
            let text = short(text);
            self.note(
                path,
                format!("{text:?} is not a regular expression: {}", error.reason),
            );
        }
    }
}

/// Grafana takes expressions with and without slashes around them.
fn without_slashes(text: &str) -> &str {
    let Some(inner) = text.strip_prefix('/') else {
        return text;
    };
    inner.rsplit_once('/').map_or(text, |(inner, flags)| {
        if flags.chars().all(|c| c.is_ascii_lowercase()) {
            inner
        } else {
            text
        }
    })
}

fn check_variables(dashboard: &Dashboard, found: &mut Found) {
    let mut names = HashSet::new();
    for (index, variable) in dashboard.variables.iter().enumerate() {
        let path = format!("variables[{index}]");
        let name = &variable.name;
        let is_name =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name {
            found.note(
                format!("{path}.name"),
                format!("{:?} given: want letters, digits and _", short(name)),
            );
        } else if !names.insert(name.as_str()) {
            found.note(
                format!("{path}.name"),
                format!("{:?} is there twice", short(name)),
            );
        }
        if variable.kind == VariableKind::Query {
            if let Err(reason) = VariableQuery::check(&variable.query, &dashboard.variables) {
                found.note(format!("{path}.query"), reason);
            }
            if references_of(&variable.query).contains(&name.as_str()) {
                found.note(format!("{path}.query"), "asks for itself".to_owned());
            }
        }
        if !variable.regex.is_empty() {
            found.regex(format!("{path}.regex"), &variable.regex);
        }
    }
}

fn references_of(text: &str) -> Vec<&str> {
    macros::references(text)
        .into_iter()
        .map(|it| it.name)
        .collect()
}

fn check_panels(dashboard: &Dashboard, found: &mut Found) {
    let count: usize = dashboard.rows.iter().map(|row| row.panels.len()).sum();
    if count > PANELS_MAX {
        found.note(
            "rows",
            format!("{count} panels given: want at most {PANELS_MAX}"),
        );
        return;
    }
    let is_headless = !dashboard.rows.is_empty() && dashboard.rows[0].title.is_empty();
    let mut ids = HashSet::new();
    for (row_index, row) in dashboard.rows.iter().enumerate() {
        let path = format!("rows[{row_index}]");
        if row_index > 0 && row.title.is_empty() {
            found.note(
                format!("{path}.title"),
                "\"\" given: want a title, which only the first row may be without",
            );
        }
        if row_index == 0 && is_headless && row.collapsed {
            found.note(
                format!("{path}.collapsed"),
                "true given: a row without a title cannot be opened",
            );
        }
        check_repeat(dashboard, row.repeat.as_ref(), &path, found);
        for (index, panel) in row.panels.iter().enumerate() {
            let path = format!("{path}.panels[{index}]");
            if !ids.insert(panel.id) {
                found.note(
                    format!("{path}.id"),
                    format!("{} is the number of another panel", panel.id),
                );
            }
            check_panel(dashboard, panel, &path, found);
        }
    }
}

fn check_repeat(
    dashboard: &Dashboard,
    repeat: Option<&crate::panel::Repeat>,
    path: &str,
    found: &mut Found,
) {
    if let Some(repeat) = repeat
        && dashboard
            .variables
            .iter()
            .all(|it| it.name != repeat.variable)
    {
        let text = format!(
            "{:?} is no variable of this dashboard",
            short(&repeat.variable)
        );
        found.note(format!("{path}.repeat"), text);
    }
}

fn check_panel(dashboard: &Dashboard, panel: &Panel, path: &str, found: &mut Found) {
    let grid = panel.grid;
    if grid.w == 0 || grid.x.saturating_add(grid.w) > COLUMNS {
        let text = format!(
            "column {} and width {} given: want both within {COLUMNS} columns",
            grid.x, grid.w
        );
        found.note(format!("{path}.grid"), text);
    }
    if grid.h == 0 || grid.y.saturating_add(grid.h) > GRID_ROWS_MAX {
        let text = format!(
            "row {} and height {} given: want both within {GRID_ROWS_MAX} rows",
            grid.y, grid.h
        );
        found.note(format!("{path}.grid"), text);
    }
    check_repeat(dashboard, panel.repeat.as_ref(), path, found);
    let mut names = HashSet::new();
    for (index, query) in panel.queries.iter().enumerate() {
        let path = format!("{path}.queries[{index}]");
        if !names.insert(query.ref_id.as_str()) {
            found.note(
                format!("{path}.ref_id"),
                format!("{:?} is there twice", short(&query.ref_id)),
            );
        }
        if query.step_factor == 0 {
            found.note(format!("{path}.step_factor"), "0 given: want at least 1");
        }
        if let Err(reason) = query_problem(&query.expr, &dashboard.variables) {
            found.note(format!("{path}.expr"), reason);
        }
    }
    for mapping in panel.field.mappings.iter().flatten() {
        if mapping.kind == MappingKind::Regex {
            found.regex(format!("{path}.mappings"), &mapping.value);
        }
    }
}

/// Why a query is not PromQL, with its variables replaced by harmless values.
///
/// # Errors
/// The reason, for people.
pub fn query_problem(expr: &str, variables: &[Variable]) -> Result<(), String> {
    if expr.trim().is_empty() {
        return Ok(());
    }
    if expr.len() > QUERY_BYTES_MAX {
        let size = expr.len();
        return Err(format!(
            "{size} bytes given: want a query of at most {QUERY_BYTES_MAX}"
        ));
    }
    // A bare variable may be a name, a number, a duration or an aggregation: any that makes sense will do.
    const GUESSES: [&str; 6] = ["x", "1", "5m", "sum", "{a=\"b\"}", ""];
    let mut first = None;
    for guess in GUESSES {
        let text = harmless(expr, variables, guess);
        match parse(&text, &Features::all()) {
            Ok(_) => return Ok(()),
            Err(error) => {
                first.get_or_insert_with(|| format!("{:?} is not PromQL: {error}", short(&text)));
            }
        }
        if text == expr {
            break;
        }
    }
    Err(first.unwrap_or_default())
}

/// A query with harmless values in place of its variables; bare ones of which nothing is known are `guess`.
#[must_use]
pub fn harmless(expr: &str, variables: &[Variable], guess: &str) -> String {
    macros::substitute(expr, |reference, context| {
        if let Some(text) = macros::built_in(reference.name) {
            return Some(Cow::Borrowed(text));
        }
        let variable = variables.iter().find(|it| it.name == reference.name)?;
        let known = known_value(variable).filter(|it| it.len() <= KNOWN_BYTES_MAX);
        Some(Cow::Owned(match (context, known) {
            (Context::Text, _) => "x".to_owned(),
            (Context::Duration, Some(known)) if is_duration(&known) => known,
            (Context::Duration, _) => "5m".to_owned(),
            (Context::Name | Context::Bare, Some(known)) => known,
            (Context::Name, None) => "x".to_owned(),
            (Context::Bare, None) => guess.to_owned(),
        }))
    })
}

fn is_duration(text: &str) -> bool {
    bellwether_model::time::parse_duration(text).is_ok()
}

/// A value that a variable has for sure.
fn known_value(variable: &Variable) -> Option<String> {
    let chosen = variable.current.first();
    let chosen = chosen.filter(|it| *it != ALL && !it.is_empty() && !it.starts_with("$__"));
    match variable.kind {
        VariableKind::Custom | VariableKind::Interval => chosen.cloned().or_else(|| {
            let first = variable.options.first();
            first.map(|option| option.value.clone())
        }),
        VariableKind::Constant | VariableKind::Text => {
            let text = chosen.unwrap_or(&variable.query).clone();
            Some(text).filter(|text| variable.kind == VariableKind::Constant || !text.is_empty())
        }
        VariableKind::Query | VariableKind::Datasource | VariableKind::AdHoc => None,
    }
}
