//! The series of an objective, as its rules and its service have written them.

use bellwether_model::{Labels, TimeRange};
use bellwether_storage::{MetricStore, Samples, Selection, SelectionHints, StorageError};

use super::settings::ObjectiveSettings;

/// Reads each series of a metric of an objective in `(after, until]`.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn each_series(
    store: &dyn MetricStore,
    objective: &ObjectiveSettings,
    metric: &str,
    (after_ms, until_ms): (i64, i64),
    mut take: impl FnMut(&Labels, &Samples),
) -> Result<(), StorageError> {
    let matchers = objective.matchers(metric);
    let range = TimeRange::new(after_ms.saturating_add(1), until_ms);
    let selection = Selection {
        matchers: &matchers,
        range,
        hints: SelectionHints::default(),
    };
    let mut samples = Samples::default();
    for series in store.select(&selection)? {
        samples.clear();
        series.read(range, &mut samples)?;
        take(series.labels(), &samples);
    }
    Ok(())
}
