//! The labels under which others know an alert.

use bellwether_model::relabel::{self, Rule};
use bellwether_model::{Alert, Labels};

/// An alert with the external labels that it has not itself, relabelled. `None` where the rules drop
/// it or leave it no label.
#[must_use]
pub fn dress(mut alert: Alert, external_labels: &Labels, rules: &[Rule]) -> Option<Alert> {
    if external_labels.is_empty() && rules.is_empty() {
        return Some(alert);
    }
    alert.labels = dress_labels(&alert.labels, external_labels, rules)?;
    Some(alert)
}

/// Labels with the external labels that they have not themselves, relabelled. `None` where the rules
/// drop them or leave nothing.
#[must_use]
pub fn dress_labels(labels: &Labels, external_labels: &Labels, rules: &[Rule]) -> Option<Labels> {
    let mut builder = labels.to_builder();
    for (name, value) in external_labels {
        if labels.get(name).is_none() {
            builder.set(name, value);
        }
    }
    if !relabel::apply(rules, &mut builder) {
        return None;
    }
    let labels = builder.build();
    (!labels.is_empty()).then_some(labels)
}
