//! Webhooks.

use bellwether_notify::receivers::settings::{ReceiverKind, WebhookSettings};

use super::value::decode_value;
use super::{SENDING, exactly_one, file, timeout, timeout_ms};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::notifications::global::Defaults;
use crate::view::View;

pub(super) static WEBHOOK: Section = Section {
    name: "webhook_config",
    doc: "A JSON document for whoever listens.",
    fields: &[
        Field::new(
            "url",
            Kind::SecretTemplateUrl,
            "",
            "Where to post; a template where it has `{{`.",
        ),
        file("url_file", "File with the URL."),
        Field::new(
            "max_alerts",
            Kind::Integer {
                min: 0,
                max: i64::MAX,
            },
            "0",
            "Most alerts in one document, the others are left out; 0: no limit.",
        ),
        timeout(),
        Field::new(
            "payload",
            Kind::Raw,
            "",
            "The document to send instead of the usual one; its texts are templates.",
        ),
    ],
    includes: &[&SENDING],
    check: Some(|view, problems| exactly_one(view, problems, ["url", "url_file"])),
};

pub(super) fn decode(view: &View<'_>, defaults: &Defaults<'_>, _: &mut Problems) -> ReceiverKind {
    ReceiverKind::Webhook(Box::new(WebhookSettings {
        http: defaults.http(view),
        url: view.secret_source("url", "url_file"),
        max_alerts: view.count("max_alerts"),
        timeout_ms: timeout_ms(view),
        payload: view.node_of("payload").map(decode_value),
    }))
}
