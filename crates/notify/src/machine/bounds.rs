//! How many alerts others may have here, and how large one may be.
//!
//! ## Invariants
//! Alerts of our own rules are always taken: their number is the business of the rules (`limit`). What
//! is said again of an alert that is known is taken, too, as long as it does not grow: its end is never
//! refused.

use bellwether_model::Alert;

use super::Machine;

/// Alerts that may be there at once before others get no new ones in. Chosen: 25 times the storm that
/// is planned for; some 2 KiB of memory each.
pub const ALERTS_MAX: usize = 250_000;
/// Bytes of text that they may have together. Chosen: 1 KiB each.
pub const ALERTS_BYTES_MAX: usize = 256 << 20;
/// Labels that an alert may have, and annotations. Chosen: ten times what a series may have.
pub const PAIRS_MAX: usize = 1_000;
/// Bytes of text of an alert. Chosen: more than any receiver takes.
pub const ALERT_BYTES_MAX: usize = 1 << 20;

/// The bounds of a machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) alert_count: usize,
    pub(super) text_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            alert_count: ALERTS_MAX,
            text_bytes: ALERTS_BYTES_MAX,
        }
    }
}

/// Why an alert is too large to be taken.
#[must_use]
pub fn too_large(alert: &Alert) -> Option<String> {
    for (what, count) in [
        ("labels", alert.labels.len()),
        ("annotations", alert.annotations.len()),
    ] {
        if count > PAIRS_MAX {
            return Some(format!(
                "alert with {count} {what}: at most {PAIRS_MAX} are taken"
            ));
        }
    }
    let bytes = text_bytes(alert);
    (bytes > ALERT_BYTES_MAX)
        .then(|| format!("alert with {bytes} bytes of text: at most {ALERT_BYTES_MAX} are taken"))
}

/// Bytes of the texts of an alert, which is nearly all that it costs.
pub(super) fn text_bytes(alert: &Alert) -> usize {
    let (labels, annotations) = (alert.labels.as_bytes(), alert.annotations.as_bytes());
    labels.len() + annotations.len() + alert.generator_url.len()
}

impl Machine {
    /// Takes alerts in that came from others, as far as there is room. Gives how many were refused.
    #[must_use]
    pub fn receive_from_others(&mut self, alerts: Vec<Alert>, now_ms: i64) -> usize {
        let (mut count, mut bytes) = (self.alerts.len(), self.text_bytes);
        let given_count = alerts.len();
        let mut taken = Vec::with_capacity(given_count);
        for alert in alerts {
            let known = self.alerts.get(&alert.fingerprint());
            let count_then = count + usize::from(known.is_none());
            let bytes_before = known.map_or(0, |held| text_bytes(&held.alert));
            let more_bytes = text_bytes(&alert).saturating_sub(bytes_before);
            let is_no_more = count_then == count && more_bytes == 0;
            let has_room = count_then <= self.bounds.alert_count
                && bytes + more_bytes <= self.bounds.text_bytes;
            if is_no_more || has_room {
                (count, bytes) = (count_then, bytes + more_bytes);
                taken.push(alert);
            }
        }
        let refused_count = given_count - taken.len();
        self.receive(taken, now_ms);
        refused_count
    }
}
