//! A notification as a JSON document: what webhooks get.

use serde_json::Value;

use super::senders::Call;
use super::templates::Rendering;
use crate::runner::AttemptError;

/// All data of a notification, in the order of Alertmanager's documents.
const ALL: &str = "{{ . | toJson }}";
/// The same with the first alert only.
const FIRST: &str = r#"{"receiver":{{ toJson .Receiver }},"status":{{ toJson .Status }},"alerts":[{{ range $index, $alert := .Alerts }}{{ if eq $index 0 }}{{ toJson $alert }}{{ end }}{{ end }}],"notification_reason":{{ toJson .NotificationReason }},"groupLabels":{{ toJson .GroupLabels }},"commonLabels":{{ toJson .CommonLabels }},"commonAnnotations":{{ toJson .CommonAnnotations }},"routeLabels":{{ toJson .RouteLabels }},"externalURL":{{ toJson .ExternalURL }}}"#;

/// Which alerts a document has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Alerts {
    All,
    First,
}

/// The document about some of a delivery's alerts; `left_out` says how many others there are.
pub(super) fn document(
    call: &Call<'_>,
    rendering: &Rendering<'_>,
    alerts: Alerts,
    version: &str,
    left_out: usize,
) -> Result<String, AttemptError> {
    let template = match alerts {
        Alerts::All => ALL,
        Alerts::First => FIRST,
    };
    let mut text = rendering.text("the document", template)?;
    text.pop();
    let key = Value::from(call.delivery.group_key.as_str());
    text.push_str(&format!(
        r#","version":"{version}","groupKey":{key},"truncatedAlerts":{left_out}}}"#
    ));
    Ok(text)
}

/// The alerts of a delivery, at most so many (0: all), and how many others there are.
pub(super) fn limited<'a>(
    call: &Call<'a>,
    alerts_max: u64,
) -> (&'a [bellwether_model::Alert], usize) {
    let alerts = call.delivery.alerts.as_slice();
    let kept = match usize::try_from(alerts_max) {
        Ok(0) | Err(_) => alerts.len(),
        Ok(max) => max.min(alerts.len()),
    };
    let (kept, rest) = alerts.split_at(kept);
    (kept, rest.len())
}
