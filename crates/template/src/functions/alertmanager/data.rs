//! What a notification is about.

use std::sync::Arc;

use super::key_values::KeyValues;
use crate::arguments::Arguments;
use crate::functions::Signature;
use crate::time::Time;
use crate::value::{List, Object, Value};

/// Whether an alert is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertStatus {
    /// It is.
    Firing,
    /// It is not any more.
    Resolved,
}

impl AlertStatus {
    /// As templates and webhooks see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// One alert of a notification.
#[derive(Debug, Clone)]
pub struct Alert {
    /// `.Status`
    pub status: AlertStatus,
    /// `.Labels`
    pub labels: KeyValues,
    /// `.Annotations`
    pub annotations: KeyValues,
    /// `.StartsAt`
    pub starts_at: Time,
    /// `.EndsAt`; [`Time::ZERO`] where it has not ended.
    pub ends_at: Time,
    /// `.GeneratorURL`
    pub generator_url: Arc<str>,
    /// `.Fingerprint`
    pub fingerprint: Arc<str>,
}

impl Object for Alert {
    fn type_name(&self) -> &str {
        "template.Alert"
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        self.named([
            "Status",
            "Labels",
            "Annotations",
            "StartsAt",
            "EndsAt",
            "GeneratorURL",
            "Fingerprint",
        ])
    }

    /// Loops over alerts ask for one field at a time.
    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "Status" => self.status.as_str().into(),
            "Labels" => Value::object(self.labels.clone()),
            "Annotations" => Value::object(self.annotations.clone()),
            "StartsAt" => self.starts_at.clone().into(),
            "EndsAt" => self.ends_at.clone().into(),
            "GeneratorURL" => Value::String(Arc::clone(&self.generator_url)),
            "Fingerprint" => Value::String(Arc::clone(&self.fingerprint)),
            _ => return None,
        })
    }

    fn json_fields(&self) -> Vec<(&'static str, Value)> {
        self.named([
            "status",
            "labels",
            "annotations",
            "startsAt",
            "endsAt",
            "generatorURL",
            "fingerprint",
        ])
    }
}

impl Alert {
    fn named(&self, names: [&'static str; 7]) -> Vec<(&'static str, Value)> {
        let values = [
            self.status.as_str().into(),
            Value::object(self.labels.clone()),
            Value::object(self.annotations.clone()),
            self.starts_at.clone().into(),
            self.ends_at.clone().into(),
            Value::String(Arc::clone(&self.generator_url)),
            Value::String(Arc::clone(&self.fingerprint)),
        ];
        names.into_iter().zip(values).collect()
    }
}

/// Alerts in order: a list with methods.
#[derive(Debug)]
struct Alerts {
    alerts: Vec<Arc<Alert>>,
    list: List,
}

impl Alerts {
    fn new(alerts: Vec<Arc<Alert>>) -> Self {
        Self {
            list: list(alerts.iter()),
            alerts,
        }
    }
}

fn list<'a>(alerts: impl Iterator<Item = &'a Arc<Alert>>) -> List {
    List::of_objects(alerts.map(|alert| Arc::clone(alert) as Arc<dyn Object>))
}

impl Object for Alerts {
    fn type_name(&self) -> &str {
        "template.Alerts"
    }

    fn method(&self, name: &str) -> Option<Signature> {
        matches!(name, "Firing" | "Resolved").then_some(Signature::of(&[]))
    }

    fn call(&self, name: &str, _arguments: &Arguments<'_>) -> Result<Value, String> {
        let wanted = match name {
            "Firing" => AlertStatus::Firing,
            _ => AlertStatus::Resolved,
        };
        let found = self.alerts.iter().filter(|alert| alert.status == wanted);
        Ok(list(found).into())
    }

    fn underlying(&self) -> Option<Value> {
        Some(self.list.clone().into())
    }
}

/// What a [`Notification`] is made of.
#[derive(Debug, Clone)]
pub struct NotificationParts {
    /// The receiver's name.
    pub receiver: String,
    /// Why it is sent: `.NotificationReason`.
    pub reason: Arc<str>,
    /// The labels that the alerts were grouped by.
    pub group_labels: KeyValues,
    /// The labels of the route, which may be templates: see [`super::route_labels`].
    pub route_labels: KeyValues,
    /// Where people reach the server.
    pub external_url: Arc<str>,
    /// The alerts, in the order in which they are listed.
    pub alerts: Vec<Alert>,
}

/// What the templates of a notification are executed with.
#[derive(Debug, Clone)]
pub struct Notification {
    fields: Arc<[(&'static str, &'static str, Value)]>,
}

impl Notification {
    /// Works out what all alerts have in common, and whether any is firing.
    #[must_use]
    pub fn new(parts: NotificationParts) -> Self {
        let alerts = &parts.alerts;
        let is_firing = |alert: &Alert| alert.status == AlertStatus::Firing;
        let status = match alerts.iter().any(is_firing) {
            true => AlertStatus::Firing,
            false => AlertStatus::Resolved,
        };
        let common_labels = KeyValues::common(alerts.iter().map(|alert| &alert.labels));
        let common_annotations = KeyValues::common(alerts.iter().map(|alert| &alert.annotations));
        let alerts = parts.alerts.into_iter().map(Arc::new).collect();
        let fields = [
            ("Receiver", "receiver", escaped(&parts.receiver).into()),
            ("Status", "status", status.as_str().into()),
            ("Alerts", "alerts", Value::object(Alerts::new(alerts))),
            (
                "NotificationReason",
                "notification_reason",
                Value::String(parts.reason),
            ),
            (
                "GroupLabels",
                "groupLabels",
                Value::object(parts.group_labels),
            ),
            ("CommonLabels", "commonLabels", Value::object(common_labels)),
            (
                "CommonAnnotations",
                "commonAnnotations",
                Value::object(common_annotations),
            ),
            (
                "RouteLabels",
                "routeLabels",
                Value::object(parts.route_labels),
            ),
            (
                "ExternalURL",
                "externalURL",
                Value::String(parts.external_url),
            ),
        ];
        Self {
            fields: fields.into(),
        }
    }
}

/// The name of a receiver as templates see it: Alertmanager escapes it for regular expressions,
/// since its own links filter with one.
fn escaped(receiver: &str) -> String {
    let mut out = String::with_capacity(receiver.len());
    for c in receiver.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

impl Object for Notification {
    fn type_name(&self) -> &str {
        "*template.Data"
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let fields = self.fields.iter();
        fields
            .map(|(name, _, value)| (*name, value.clone()))
            .collect()
    }

    fn field(&self, name: &str) -> Option<Value> {
        let found = self.fields.iter().find(|(known, _, _)| *known == name);
        found.map(|(_, _, value)| value.clone())
    }

    fn json_fields(&self) -> Vec<(&'static str, Value)> {
        let fields = self.fields.iter();
        fields
            .map(|(_, name, value)| (*name, value.clone()))
            .collect()
    }
}
