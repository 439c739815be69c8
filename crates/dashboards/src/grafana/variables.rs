//! Variables: `templating.list`.

use serde_json::Value;

use super::object::{Findings, Object, text_of};
use super::source::{Source, Sources};
use crate::variable::{
    ALL, Hide, Refresh, Sort, Variable, VariableKind, VariableOption, VariableQuery,
};

/// Most variables. Chosen: ten times as many as anybody can look over.
const VARIABLES_MAX: usize = 500;

/// Reads the variables, those of data sources first, which the others ask.
pub(super) fn read(items: &[Value], sources: &mut Sources, found: &mut Findings) -> Vec<Variable> {
    if items.len() > VARIABLES_MAX {
        found.lost(
            "variables",
            format!("only the first {VARIABLES_MAX} are carried over"),
        );
    }
    let items = items.get(..VARIABLES_MAX).unwrap_or(items);
    for item in items {
        let of = Object::of(Some(item));
        if of.text("type").is_some_and(|it| it == "datasource") {
            sources.note(of.string("name"), of.string("query"));
        }
    }
    let mut variables: Vec<Variable> = Vec::new();
    for item in items {
        let of = Object::of(Some(item));
        let name = of.string("name");
        let is_name =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name || variables.iter().any(|it| it.name == name) {
            if !name.is_empty() {
                found.lost(
                    format!("variable {name}"),
                    "has a name that cannot be used, or that another one has",
                );
            }
            continue;
        }
        match one(&of, &name, sources, found) {
            Some(variable) => variables.push(variable),
            None => drop(sources.lost_variables.insert(name)),
        }
    }
    // What asks for PromQL may name other variables, so that all must be known first.
    let all = variables.clone();
    variables.retain(|variable| {
        if variable.kind != VariableKind::Query {
            return true;
        }
        let lost = VariableQuery::check(&variable.query, &all)
            .err()
            .or_else(|| {
                let names = crate::macros::references(&variable.query);
                let is_own = names.iter().any(|it| it.name == variable.name);
                is_own.then(|| "asks for itself".to_owned())
            });
        if let Some(reason) = lost {
            found.lost(
                format!("variable {}", variable.name),
                format!("its query: {reason}"),
            );
            sources.lost_variables.insert(variable.name.clone());
            return false;
        }
        true
    });
    variables
}

fn one(of: &Object<'_>, name: &str, sources: &Sources, found: &mut Findings) -> Option<Variable> {
    let mut variable = Variable {
        name: name.to_owned(),
        label: of.string("label"),
        description: of.string("description"),
        multi: of.is("multi"),
        include_all: of.is("includeAll"),
        all_value: of.string("allValue"),
        hide: match of.number("hide") {
            Some(hide) if hide > 1.5 && hide < 2.5 => Hide::Variable,
            Some(hide) if hide > 0.5 && hide < 1.5 => Hide::Label,
            _ => Hide::Nothing,
        },
        current: current(of),
        ..Variable::default()
    };
    if of.is("hideVariable") {
        variable.hide = Hide::Variable;
    }
    let query = of.get("query");
    let text = query.and_then(text_of).unwrap_or_default();
    match of.string("type").as_str() {
        "query" => {
            variable.kind = VariableKind::Query;
            let inner = Object::of(query);
            variable.query = if text.is_empty() {
                inner.string("query")
            } else {
                text
            };
            // Grafana's editor keeps it in parts too.
            if variable.query.is_empty() {
                variable.query = of.string("definition");
            }
            variable.regex = of.string("regex");
            variable.sort = sort(of.number("sort"));
            let is_time = of.number("refresh").is_some_and(|it| it > 1.5);
            variable.refresh = if is_time {
                Refresh::Time
            } else {
                Refresh::Load
            };
            if let Source::Foreign(plugin) = sources.of(of.get("datasource")) {
                return saved_values(of, variable, &plugin, found);
            }
            if of.is("useTags") {
                found.cosmetic(
                    format!("variable {name}"),
                    "its values are not grouped by tags",
                );
            }
            if of.text("regexApplyTo").is_some_and(|it| it == "text") {
                found.approximated(
                    format!("variable {name}"),
                    "its expression is for values rather than their texts",
                );
            }
            if !of.list("staticOptions").is_empty() {
                found.approximated(
                    format!("variable {name}"),
                    "has no values beside those of its query",
                );
            }
        }
        "custom" => {
            variable.kind = VariableKind::Custom;
            variable.options = if of.text("valuesFormat").is_some_and(|it| it == "json") {
                json_options(&text)
            } else {
                custom_options(&text)
            };
        }
        "interval" => {
            variable.kind = VariableKind::Interval;
            variable.options = custom_options(&text)
                .into_iter()
                .filter(|it| it.value != "auto")
                .collect();
            if of.is("auto") {
                variable.auto_steps = of.count("auto_count").unwrap_or(30).max(1);
                variable.auto_min = of.string("auto_min");
            }
            for value in &mut variable.current {
                if value.starts_with("$__auto_interval") {
                    *value = "auto".to_owned();
                }
            }
        }
        "constant" => {
            variable.kind = VariableKind::Constant;
            variable.query = if text.is_empty() {
                variable.current.first().cloned().unwrap_or_default()
            } else {
                text
            };
            variable.hide = Hide::Variable;
            variable.current.clear();
        }
        "textbox" => {
            variable.kind = VariableKind::Text;
            variable.query = text;
        }
        "datasource" => {
            variable.kind = VariableKind::Datasource;
            variable.query = text;
            variable.regex = of.string("regex");
            // There is one store.
            variable.current.clear();
            variable.multi = false;
            variable.include_all = false;
            if let Source::Foreign(plugin) = sources.of(Some(&Value::from(format!("${{{name}}}"))))
            {
                found.lost(
                    format!("variable {name}"),
                    format!("chooses a data source of {plugin}, of which there is none here"),
                );
            }
        }
        "adhoc" => {
            variable.kind = VariableKind::AdHoc;
            variable.current.clear();
            let has_filters = ["filters", "baseFilters"]
                .iter()
                .any(|key| !of.list(key).is_empty());
            if has_filters {
                found.approximated(format!("variable {name}"), "begins without its filters");
            }
        }
        "switch" => {
            variable.kind = VariableKind::Custom;
            let value = |key: &str, missing: &str| VariableOption {
                value: of.text(key).unwrap_or_else(|| missing.to_owned()),
                text: String::new(),
            };
            variable.options = vec![
                value("enabledValue", "true"),
                value("disabledValue", "false"),
            ];
            found.cosmetic(
                format!("variable {name}"),
                "is a list of two values rather than a switch",
            );
        }
        other => {
            found.lost(
                format!("variable {name}"),
                format!("is of the kind {other}, which is not known here"),
            );
            return None;
        }
    }
    Some(variable)
}

/// A variable that asks something that is not PromQL has the values that were saved with it.
fn saved_values(
    of: &Object<'_>,
    mut variable: Variable,
    plugin: &str,
    found: &mut Findings,
) -> Option<Variable> {
    let what = format!("variable {}", variable.name);
    let options = of.list("options").iter().map(|item| {
        let item = Object::of(Some(item));
        VariableOption {
            value: item.string("value"),
            text: item.string("text"),
        }
    });
    variable.options = options
        .filter(|it| it.value != ALL && !it.value.is_empty())
        .collect();
    if variable.options.is_empty() {
        found.lost(what, format!("asks {plugin}, of which there is none here"));
        return None;
    }
    found.approximated(what, format!("asks {plugin}, of which there is none here: its values are those that were saved with it"));
    variable.kind = VariableKind::Custom;
    (variable.query, variable.regex) = (String::new(), String::new());
    (variable.sort, variable.refresh) = (Sort::None, Refresh::Load);
    Some(variable)
}

fn sort(number: Option<f64>) -> Sort {
    const SORTS: [Sort; 9] = [
        Sort::None,
        Sort::Alphabetical,
        Sort::AlphabeticalDescending,
        Sort::Numerical,
        Sort::NumericalDescending,
        Sort::CaseInsensitive,
        Sort::CaseInsensitiveDescending,
        Sort::Natural,
        Sort::NaturalDescending,
    ];
    let index = number.and_then(super::object::count_of);
    let index = index.and_then(|it| usize::try_from(it).ok());
    index
        .and_then(|it| SORTS.get(it))
        .copied()
        .unwrap_or_default()
}

/// What is chosen at first.
fn current(of: &Object<'_>) -> Vec<String> {
    let current = of.object("current");
    let values = match current.get("value") {
        Some(Value::Array(items)) => items.iter().filter_map(text_of).collect(),
        Some(value) => text_of(value).into_iter().collect(),
        None => Vec::new(),
    };
    let values = values.into_iter().filter(|it: &String| !it.is_empty());
    values
        .map(|it| if it == "All" { ALL.to_owned() } else { it })
        .collect()
}

/// `a, b : c, d\,e`: values, or texts and values.
fn custom_options(text: &str) -> Vec<VariableOption> {
    let mut items: Vec<String> = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&',') => {
                chars.next();
                if let Some(last) = items.last_mut() {
                    last.push(',');
                }
            }
            ',' => items.push(String::new()),
            c => {
                if let Some(last) = items.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    let items = items.iter().map(|it| it.trim()).filter(|it| !it.is_empty());
    let each = items.map(|item| match item.split_once(" : ") {
        Some((text, value)) => VariableOption {
            value: value.trim().to_owned(),
            text: text.trim().to_owned(),
        },
        None => VariableOption {
            value: item.to_owned(),
            text: String::new(),
        },
    });
    each.take(crate::form::ITEMS_MAX).collect()
}

fn json_options(text: &str) -> Vec<VariableOption> {
    let items: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
    let each = items.iter().map(|item| {
        let of = Object::of(Some(item));
        VariableOption {
            value: text_of(item).unwrap_or_else(|| of.string("value")),
            text: of.string("text"),
        }
    });
    each.take(crate::form::ITEMS_MAX).collect()
}
