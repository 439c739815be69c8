//! Templates of notifications: the defaults, people's own, and one notification's rendering.
//!
//! ## Model
//! [`Templates`] holds the named templates twice, as plain text and as HTML. [`Rendering`] is what a
//! delivery's texts are executed with; each text of an integration is a template of its own, which may
//! call the named ones.
//!
//! ## Limits
//! Those of [`bellwether_template::Limits`]; a text may have [`TEXT_BYTES_MAX`] bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_model::{Alert, AlertFingerprint};
use bellwether_outbound::settings::redacted_url;
use bellwether_storage::Clock;
use bellwether_template::functions::alertmanager::{
    self, AlertStatus, KeyValues, Notification, NotificationParts, RouteLabels,
};
use bellwether_template::{
    ErrorKind, Functions, Limits, MissingKey, Mode, Param, Signature, TemplateSet, Time, Value,
};
use tokio::runtime::{Handle, RuntimeFlavor};
use url::Url;

use super::ReceiverError;
use super::settings::TemplateFile;
use crate::delivery::Delivery;
use crate::runner::AttemptError;

const DEFAULT: &str = include_str!("default.tmpl");
const EMAIL: &str = include_str!("email.tmpl");

/// Longest text that a template prints. Chosen: a webhook's document of 20,000 alerts.
const TEXT_BYTES_MAX: usize = 32 << 20;
/// Most steps of an execution; a document of the longest text takes a fifth of them.
const STEPS_MAX: u64 = 2_000_000;
/// What templates of a route's labels see as the reason: they are for the group, not the notification.
const REASON_OF_LABELS: &str = "unknown";

const LIMITS: Limits = Limits {
    output_bytes_max: TEXT_BYTES_MAX,
    steps_max: STEPS_MAX,
    depth_max: 100,
};

/// What an execution may do on a thread that carries other tasks too. Chosen: a hundred times the steps
/// of an alert in the default templates, some milliseconds; what takes more is executed anew, elsewhere.
const QUICK_LIMITS: Limits = Limits {
    steps_max: 20_000,
    ..LIMITS
};

/// The named templates.
#[derive(Debug)]
pub(super) struct Templates {
    text: TemplateSet,
    html: TemplateSet,
    library: Arc<Functions>,
    external_url: Arc<str>,
}

impl Templates {
    pub(super) fn new(
        external_url: &Url,
        files: &[TemplateFile],
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ReceiverError> {
        let library = alertmanager::library(move || Time::from_unix_ms(clock.now_ms()));
        let set = |mode| TemplateSet::new(mode).with_missing_key(MissingKey::Zero);
        let mut text = set(Mode::Text);
        let mut html = set(Mode::Html);
        let own = files.iter().map(|file| (&*file.name, &*file.text));
        for (path, source) in [("default.tmpl", DEFAULT), ("email.tmpl", EMAIL)]
            .into_iter()
            .chain(own)
        {
            // As Go does: a file is a template itself, called by its name without folders.
            let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
            for set in [&mut text, &mut html] {
                set.parse(name, source, &library)
                    .map_err(|error| ReceiverError::Template {
                        file: path.to_owned(),
                        reason: error.to_string(),
                    })?;
            }
        }
        Ok(Self {
            text,
            html,
            library: Arc::new(library),
            external_url: redacted_url(external_url).trim_end_matches('/').into(),
        })
    }

    /// Why a text is no template, if so.
    pub(super) fn fault(&self, text: &str) -> Option<String> {
        let error = self.text.clone().parse("", text, &self.library).err()?;
        Some(error.to_string())
    }

    /// What a text is executed with that is about some of a delivery's alerts.
    pub(super) fn rendering(&self, delivery: &Delivery, alerts: &[Alert]) -> Rendering<'_> {
        let data = |reason: &'static str, route_labels| {
            Value::object(Notification::new(NotificationParts {
                receiver: delivery.receiver.clone(),
                reason: reason.into(),
                group_labels: KeyValues::new(&delivery.group_labels),
                route_labels,
                external_url: Arc::clone(&self.external_url),
                alerts: alerts.iter().map(alert).collect(),
            }))
        };
        let labels = self.route_labels(delivery, |labels| data(REASON_OF_LABELS, labels));
        let pairs = labels
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let data = data(delivery.reason.as_str(), KeyValues::new(pairs));
        let mut functions = Functions::over(Arc::clone(&self.library));
        functions.add(
            "routeLabels",
            Signature::of(&[Param::String]),
            move |arguments| {
                let value = labels.get(arguments.string(0));
                Ok(value.map_or("", String::as_str).into())
            },
        );
        let is_firing = alerts.iter().any(|alert| alert.ends_ms.is_none());
        Rendering {
            templates: self,
            functions,
            data,
            status: if is_firing {
                AlertStatus::Firing
            } else {
                AlertStatus::Resolved
            },
        }
    }

    /// The labels of the route, executed. One that cannot be is left out, and logged.
    fn route_labels(
        &self,
        delivery: &Delivery,
        data: impl Fn(KeyValues) -> Value,
    ) -> BTreeMap<String, String> {
        let labels = &delivery.route_labels;
        if !labels.iter().any(|(_, text)| text.contains("{{")) {
            return labels.iter().cloned().collect();
        }
        let pairs = labels
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()));
        let raw = KeyValues::new(pairs);
        let route = RouteLabels {
            labels: raw.clone(),
            set: self.text.clone(),
            data: data(raw),
            limits: LIMITS,
        };
        let data = route.data.clone();
        let functions = alertmanager::route_labels(Arc::clone(&self.library), route);
        let mut rendered = BTreeMap::new();
        for (name, text) in labels {
            match execute(&self.text, text, &data, &functions) {
                Ok(value) => {
                    rendered.insert(name.clone(), value);
                }
                Err(error) => tracing::warn!(
                    receiver = %delivery.receiver, label = %name, %error,
                    "a label of the route cannot be executed and is left out"
                ),
            }
        }
        rendered
    }
}

/// An alert as templates see it.
fn alert(alert: &Alert) -> alertmanager::Alert {
    alertmanager::Alert {
        status: match alert.ends_ms {
            None => AlertStatus::Firing,
            Some(_) => AlertStatus::Resolved,
        },
        labels: KeyValues::new(&alert.labels),
        annotations: KeyValues::new(&alert.annotations),
        starts_at: Time::from_unix_ms(alert.starts_ms),
        ends_at: alert.ends_ms.map_or(Time::ZERO, Time::from_unix_ms),
        generator_url: alert.generator_url.as_str().into(),
        fingerprint: AlertFingerprint::of(&alert.labels).to_string().into(),
    }
}

fn execute(
    set: &TemplateSet,
    text: &str,
    data: &Value,
    functions: &Functions,
) -> Result<String, bellwether_template::TemplateError> {
    if text.is_empty() {
        return Ok(String::new());
    }
    // Sharing the trees, so that this costs a table.
    let mut set = set.clone();
    set.parse("", text, functions)?;
    match set.execute("", data, functions, &QUICK_LIMITS) {
        Err(error) if error.kind() == ErrorKind::Limit => {
            beside_other_tasks(|| set.execute("", data, functions, &LIMITS))
        }
        done => done,
    }
}

/// Does work that may take a second while the other tasks of this thread go on elsewhere: a template
/// that never ends delays nobody but its own receiver.
fn beside_other_tasks<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// What the texts of a notification are executed with.
#[derive(Debug)]
pub(super) struct Rendering<'a> {
    templates: &'a Templates,
    functions: Functions,
    data: Value,
    status: AlertStatus,
}

impl Rendering<'_> {
    /// Whether an alert is firing.
    pub(super) fn is_firing(&self) -> bool {
        self.status == AlertStatus::Firing
    }

    /// What the text of a setting prints. An empty one prints nothing.
    pub(super) fn text(&self, setting: &str, text: &str) -> Result<String, AttemptError> {
        self.executed(&self.templates.text, setting, text)
    }

    /// The same as HTML: values are escaped for the place where they stand.
    pub(super) fn html(&self, setting: &str, text: &str) -> Result<String, AttemptError> {
        self.executed(&self.templates.html, setting, text)
    }

    fn executed(
        &self,
        set: &TemplateSet,
        setting: &str,
        text: &str,
    ) -> Result<String, AttemptError> {
        // Most texts have no action at all.
        if !text.contains("{{") {
            return Ok(text.to_owned());
        }
        execute(set, text, &self.data, &self.functions)
            .map_err(|error| AttemptError::refused(format!("{setting}: {error}")))
    }
}

/// What a template prints for a delivery, with the templates of the settings: for trying one out.
///
/// # Errors
/// Where a file of the settings or the text is no template, or does not fit the data.
pub fn render(
    settings: &super::settings::NotifySettings,
    text: &str,
    delivery: &Delivery,
    clock: Arc<dyn Clock>,
) -> Result<String, ReceiverError> {
    let templates = Templates::new(&settings.external_url, &settings.templates, clock)?;
    let rendering = templates.rendering(delivery, &delivery.alerts);
    rendering
        .text("template", text)
        .map_err(|error| ReceiverError::Text { reason: error.text })
}
