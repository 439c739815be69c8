//! Variables: what is chosen above the panels and put into their queries.

use std::borrow::Cow;

use crate::form::{Reader, record, words};
use crate::node::Node;

/// The value that stands for all values of a variable.
pub const ALL: &str = "$__all";

record! {
    /// A variable.
    Variable => {
        /// What it is called in queries: `$name`, `${name}`, `[[name]]`.
        name: String = String::new(),
        /// What people see; empty: the name.
        label: String = String::new(),
        /// What it is for.
        description: String = String::new(),
        /// Where its values come from.
        kind: VariableKind = VariableKind::Query,
        /// `label_values(metric, label)`, `label_values(label)`, `label_names()`, `metrics(regex)`, `query_result(expr)`; of a constant
        /// and a text box the text.
        query: String = String::new(),
        /// The values of `custom` and `interval`.
        options: Vec<VariableOption> = Vec::new(),
        /// What of a value is used: a regular expression, whose first group, or groups `value` and `text`, are taken.
        regex: String = String::new(),
        /// The order of the values.
        sort: Sort = Sort::None,
        /// When the query is asked.
        refresh: Refresh = Refresh::Load,
        /// Whether several may be chosen.
        multi: bool = false,
        /// Whether all may be chosen at once.
        include_all: bool = false,
        /// What stands for all, as it is, such as `.*`; empty: the values.
        all_value: String = String::new(),
        /// What is hidden of it.
        hide: Hide = Hide::Nothing,
        /// What is chosen at first; `$__all`: all. Empty: the first value, or all where that may be.
        current: Vec<String> = Vec::new(),
        /// Of `interval`: how many steps the range of time has in the choice `auto`; 0: there is no such choice.
        auto_steps: u32 = 0,
        /// Of `interval`: the least that `auto` is, such as `10s`.
        auto_min: String = String::new(),
    }
}

words! {
    /// Where the values of a variable come from.
    VariableKind => {
        /// A question to the store.
        Query = "query",
        /// A list.
        Custom = "custom",
        /// One value that nobody changes.
        Constant = "constant",
        /// What is typed in.
        Text = "text",
        /// A list of durations.
        Interval = "interval",
        /// A data source: kept as one fixed choice, since there is one store.
        Datasource = "datasource",
        /// Matchers that are put into every query.
        AdHoc = "adhoc",
    }
}

words! {
    /// The order of the values of a variable.
    Sort => {
        /// As they come.
        None = "none",
        /// By letters.
        Alphabetical = "alphabetical",
        /// By letters, last first.
        AlphabeticalDescending = "alphabetical_desc",
        /// By the first number in them.
        Numerical = "numerical",
        /// By it, greatest first.
        NumericalDescending = "numerical_desc",
        /// By letters, great and small ones alike.
        CaseInsensitive = "case_insensitive",
        /// The same, last first.
        CaseInsensitiveDescending = "case_insensitive_desc",
        /// Numbers within texts by their value.
        Natural = "natural",
        /// The same, last first.
        NaturalDescending = "natural_desc",
    }
}

words! {
    /// When the query of a variable is asked.
    Refresh => {
        /// When the dashboard opens.
        Load = "load",
        /// And when the range of time changes.
        Time = "time",
    }
}

words! {
    /// What is hidden of a variable.
    Hide => {
        /// Nothing.
        Nothing = "nothing",
        /// Its label.
        Label = "label",
        /// All of it.
        Variable = "variable",
    }
}

record! {
    /// A value that can be chosen.
    VariableOption(prepare = option_of_scalar) => {
        /// What is put in.
        value: String = String::new(),
        /// What people see; empty: the value.
        text: String = String::new(),
    }
}

fn option_of_scalar<'a>(node: Cow<'a, Node>, _reader: &mut Reader) -> Cow<'a, Node> {
    crate::panel::scalar_as(node, "value")
}

/// What a variable asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariableQuery {
    /// Values of a label, of the series of a selector where one is given.
    LabelValues {
        /// The selector; variables are put in.
        selector: Option<String>,
        /// The label.
        label: String,
    },
    /// Names of labels, of the series of a selector where one is given.
    LabelNames(Option<String>),
    /// Names of metrics that match somewhere.
    Metrics(String),
    /// Samples of a query as `name{labels} value time`.
    QueryResult(String),
    /// Series of a selector.
    Series(String),
}

impl VariableQuery {
    /// Reads `label_values(…)` and its kin.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let within = |name: &str| {
            let inner = text.strip_prefix(name)?.trim_start();
            let inner = inner.strip_prefix('(')?.trim_end().strip_suffix(')')?;
            Some(inner.trim())
        };
        if let Some(inner) = within("label_values") {
            // The label stands behind the last comma, which a matcher may have too: those are in braces.
            let (selector, label) = match inner.rsplit_once(',') {
                Some((selector, label)) if !label.contains('}') => {
                    (Some(selector.trim().to_owned()), label.trim())
                }
                _ => (None, inner),
            };
            if label.is_empty()
                || label.contains(|c: char| c.is_whitespace() || "{}()=".contains(c))
            {
                return Err(format!(
                    "{:?} given: want label_values(label) or label_values(selector, label)",
                    bellwether_model::short(text)
                ));
            }
            let label = label.trim_matches(['"', '\'']).to_owned();
            return Ok(Self::LabelValues {
                selector: selector.filter(|it| !it.is_empty()),
                label,
            });
        }
        if let Some(inner) = within("label_names") {
            return Ok(Self::LabelNames(
                Some(inner.to_owned()).filter(|it| !it.is_empty()),
            ));
        }
        if let Some(inner) = within("metrics") {
            return Ok(Self::Metrics(inner.to_owned()));
        }
        if let Some(inner) = within("query_result") {
            return Ok(Self::QueryResult(inner.to_owned()));
        }
        if text.is_empty() {
            return Err("\"\" given: want label_values(metric, label) or the like".to_owned());
        }
        Ok(Self::Series(text.to_owned()))
    }

    /// Whether a text is a query whose PromQL can be read.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(text: &str, variables: &[Variable]) -> Result<(), String> {
        let promql = match Self::parse(text)? {
            Self::LabelValues { selector, .. } => selector,
            Self::LabelNames(selector) => selector,
            Self::Metrics(_) => None,
            Self::QueryResult(expr) | Self::Series(expr) => Some(expr),
        };
        promql.map_or(Ok(()), |text| crate::check::query_problem(&text, variables))
    }
}
