//! A decision as series.

use bellwether_model::{Labels, METRIC_NAME};

use super::looks::Seen;
use super::settings::{ScalerSettings, SignalName};
use super::status::Decided;

/// Labels that a scaler's own labels may not have.
pub(super) const NAME_LABEL: &str = "scaler";

/// The labels of everything that a scaler makes.
pub(super) fn own_labels(settings: &ScalerSettings) -> Labels {
    let own = settings.labels.iter();
    let own = own.map(|(name, value)| (name.as_str(), value.as_str()));
    Labels::from_pairs(own.chain([(NAME_LABEL, settings.name.as_str())]))
}

/// All samples of a turn.
pub(super) fn samples(own: &Labels, seen: &Seen, decided: Option<&Decided>) -> Vec<(Labels, f64)> {
    let labels = |family: &str, more: Option<(&str, &str)>| {
        let mut builder = own.to_builder();
        builder.set(METRIC_NAME, family);
        if let Some((name, value)) = more {
            builder.set(name, value);
        }
        builder.build()
    };
    let mut samples = Vec::new();
    for name in SignalName::ALL {
        if let Some(value) = seen.value(name) {
            let labels = labels("bellwether_scaler_signal", Some(("signal", name.as_str())));
            samples.push((labels, value));
        }
    }
    let Some(decided) = decided else {
        return samples;
    };
    samples.push((
        labels("bellwether_scaler_desired_workers", None),
        f64::from(decided.workers),
    ));
    let Some(decision) = &decided.decision else {
        return samples;
    };
    let signals = &decision.signals;
    for (state, count) in [
        ("set", signals.workers_target),
        ("ready", signals.workers_ready),
    ] {
        let labels = labels("bellwether_scaler_workers", Some(("state", state)));
        samples.push((labels, f64::from(count)));
    }
    for want in &decision.wants {
        if let Ok(workers) = want.workers {
            let rule = Some(("rule", want.rule.as_str()));
            samples.push((labels("bellwether_scaler_wanted_workers", rule), workers));
        }
    }
    let reason = Some(("reason", decision.reason.name()));
    samples.push((labels("bellwether_scaler_decision_reason", reason), 1.0));
    samples
}
