//! Functions that change labels: `label_replace`, `label_join`.

use super::Query;
use super::column::{Grid, Series};
use super::matching;
use super::plan::{CallNode, Node};
use crate::QueryError;
use bellwether_model::{METRIC_NAME, Regexp, short};

fn text(call: &CallNode, index: usize) -> &str {
    match call.args.get(index) {
        Some(Node::String(text, _)) => text,
        _ => "",
    }
}

/// A label's name, which must be UTF-8 and not empty.
fn label_name<'a>(call: &'a CallNode, index: usize, what: &str) -> Result<&'a str, QueryError> {
    match call.args.get(index) {
        Some(Node::String(text, None)) if !text.is_empty() => Ok(text),
        Some(Node::String(_, Some(written))) => Err(invalid(what, call, written)),
        _ => Err(invalid(what, call, "")),
    }
}

fn invalid(what: &str, call: &CallNode, name: &str) -> QueryError {
    QueryError::Execution(format!(
        "invalid {what} in {}(): {}",
        call.name,
        short(name)
    ))
}

impl Query<'_> {
    fn relabelled(
        &self,
        call: &CallNode,
        grid: Grid,
        target: &str,
        value: impl Fn(&Series) -> Option<String>,
    ) -> Result<Vec<Series>, QueryError> {
        let Some(vector) = call.args.first() else {
            return Ok(Vec::new());
        };
        let mut series = self.vector(vector, grid)?;
        for one in &mut series {
            let Some(value) = value(one) else { continue };
            if one.labels.get(target).unwrap_or("") != value {
                one.labels = one.labels.to_builder().set(target, &value).build();
            }
            if target == METRIC_NAME {
                one.drop_name = false;
            }
        }
        matching::merged(series)
    }

    pub(crate) fn label_replace(
        &self,
        call: &CallNode,
        grid: Grid,
    ) -> Result<Vec<Series>, QueryError> {
        let replacement = text(call, 2);
        let (source, pattern) = (text(call, 3), text(call, 4));
        // The text of the error is Prometheus', which names the pattern and no position.
        let regex =
            Regexp::anchored(pattern).map_err(|_| invalid("regular expression", call, pattern))?;
        let target = label_name(call, 1, "destination label name")?;
        self.relabelled(call, grid, target, |one| {
            let found = regex.captures(one.labels.get(source).unwrap_or(""))?;
            let mut value = String::new();
            found.expand(replacement, &mut value);
            Some(value)
        })
    }

    pub(crate) fn label_join(
        &self,
        call: &CallNode,
        grid: Grid,
    ) -> Result<Vec<Series>, QueryError> {
        let separator = text(call, 2);
        let sources = (3..call.args.len())
            .map(|index| label_name(call, index, "source label name"))
            .collect::<Result<Vec<_>, _>>()?;
        let target = label_name(call, 1, "destination label name")?;
        self.relabelled(call, grid, target, |one| {
            let values: Vec<&str> = sources
                .iter()
                .map(|name| one.labels.get(name).unwrap_or(""))
                .collect();
            Some(values.join(separator))
        })
    }
}
