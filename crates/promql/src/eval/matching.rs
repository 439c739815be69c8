//! Label sets: dropping names, keys for matching, and series that became the same.

use bellwether_model::{Labels, METRIC_NAME};
use rustc_hash::FxHashMap;

use super::column::Series;
use crate::QueryError;

/// Labels that describe the metric rather than the series, and that go away with its name.
const METADATA: [&str; 3] = [METRIC_NAME, "__type__", "__unit__"];

pub(crate) fn is_metadata(name: &str) -> bool {
    // Almost all labels fail at the first byte.
    name.starts_with("__") && METADATA.contains(&name)
}

/// The labels without name, type and unit of the metric.
pub(crate) fn without_metadata(labels: &Labels) -> Labels {
    labels.filter(|name| !is_metadata(name))
}

pub(crate) fn same_labelset() -> QueryError {
    QueryError::Execution("vector cannot contain metrics with the same labelset".to_owned())
}

/// Gives every distinct key a number, in the order of their first occurrence.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    numbers: FxHashMap<Box<[u8]>, u32>,
    buffer: Vec<u8>,
}

impl Keys {
    /// The number of the labels for which `keep` holds, and whether it is new.
    pub(crate) fn number(
        &mut self,
        labels: &Labels,
        keep: impl FnMut(&str) -> bool,
    ) -> (u32, bool) {
        self.buffer.clear();
        labels.project_into(keep, &mut self.buffer);
        if let Some(&number) = self.numbers.get(self.buffer.as_slice()) {
            return (number, false);
        }
        let number = self.numbers.len() as u32;
        self.numbers.insert(self.buffer.as_slice().into(), number);
        (number, true)
    }

    /// The bytes of the key asked for last.
    pub(crate) fn last_key(&self) -> &[u8] {
        &self.buffer
    }
}

/// Whether any two series have the same labels.
pub(crate) fn has_duplicates(series: &[Series]) -> bool {
    if series.len() < 2 {
        return false;
    }
    let mut seen = rustc_hash::FxHashSet::default();
    seen.reserve(series.len());
    series.iter().any(|one| !seen.insert(one.labels.as_bytes()))
}

/// Joins series with the same labels into one.
///
/// # Errors
/// Where two of them have a value at the same step.
pub(crate) fn merged(series: Vec<Series>) -> Result<Vec<Series>, QueryError> {
    if !has_duplicates(&series) {
        return Ok(series);
    }
    let mut positions: FxHashMap<Labels, usize> = FxHashMap::default();
    let mut out: Vec<Series> = Vec::with_capacity(series.len());
    for one in series {
        match positions.get(&one.labels) {
            Some(&at) => {
                if !out[at].column.fill_from(one.column) {
                    return Err(same_labelset());
                }
            }
            None => {
                positions.insert(one.labels.clone(), out.len());
                out.push(one);
            }
        }
    }
    Ok(out)
}
