//! Receivers: the tables of every kind of integration, and their decoding.

mod chat;
mod email;
mod jira;
mod microsoft;
mod opsgenie;
mod pagerduty;
mod paging;
mod slack;
mod slack_like;
mod sns;
mod value;
mod webhook;

use std::collections::BTreeMap;

use bellwether_model::short;
use bellwether_notify::receivers::settings::{
    IntegrationSettings, ReceiverKind, ReceiverSettings, TextField,
};

use super::global::Defaults;
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::http_client::HTTP_CLIENT;
use crate::view::View;

pub(super) static RECEIVER: Section = Section {
    name: "receiver",
    doc: "Somebody who is told of alerts, in any number of ways.",
    fields: &[
        Field::required("name", Kind::Text, "Its name, unique in the file."),
        Field::new(
            "labels",
            Kind::Map(&Kind::Text),
            "",
            "Labels to find the receiver by.",
        ),
        Field::new(
            "webhook_configs",
            Kind::Sections(&webhook::WEBHOOK),
            "",
            webhook::WEBHOOK.doc,
        ),
        Field::new(
            "email_configs",
            Kind::Sections(&email::EMAIL),
            "",
            email::EMAIL.doc,
        ),
        Field::new(
            "pagerduty_configs",
            Kind::Sections(&pagerduty::PAGERDUTY),
            "",
            pagerduty::PAGERDUTY.doc,
        ),
        Field::new(
            "opsgenie_configs",
            Kind::Sections(&opsgenie::OPSGENIE),
            "",
            opsgenie::OPSGENIE.doc,
        ),
        Field::new(
            "wechat_configs",
            Kind::Sections(&chat::WECHAT),
            "",
            chat::WECHAT.doc,
        ),
        Field::new(
            "slack_configs",
            Kind::Sections(&slack::SLACK),
            "",
            slack::SLACK.doc,
        ),
        Field::new(
            "victorops_configs",
            Kind::Sections(&paging::VICTOROPS),
            "",
            paging::VICTOROPS.doc,
        ),
        Field::new(
            "pushover_configs",
            Kind::Sections(&paging::PUSHOVER),
            "",
            paging::PUSHOVER.doc,
        ),
        Field::new("sns_configs", Kind::Sections(&sns::SNS), "", sns::SNS.doc),
        Field::new(
            "telegram_configs",
            Kind::Sections(&chat::TELEGRAM),
            "",
            chat::TELEGRAM.doc,
        ),
        Field::new(
            "discord_configs",
            Kind::Sections(&chat::DISCORD),
            "",
            chat::DISCORD.doc,
        ),
        Field::new(
            "webex_configs",
            Kind::Sections(&chat::WEBEX),
            "",
            chat::WEBEX.doc,
        ),
        Field::new(
            "msteams_configs",
            Kind::Sections(&microsoft::MSTEAMS),
            "",
            microsoft::MSTEAMS.doc,
        ),
        Field::new(
            "msteamsv2_configs",
            Kind::Sections(&microsoft::MSTEAMS_V2),
            "",
            microsoft::MSTEAMS_V2.doc,
        ),
        Field::new(
            "jira_configs",
            Kind::Sections(&jira::JIRA),
            "",
            jira::JIRA.doc,
        ),
        Field::new(
            "incidentio_configs",
            Kind::Sections(&paging::INCIDENTIO),
            "",
            paging::INCIDENTIO.doc,
        ),
        Field::new(
            "rocketchat_configs",
            Kind::Sections(&slack_like::ROCKETCHAT),
            "",
            slack_like::ROCKETCHAT.doc,
        ),
        Field::new(
            "mattermost_configs",
            Kind::Sections(&slack_like::MATTERMOST),
            "",
            slack_like::MATTERMOST.doc,
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        let labels = view.text_map("labels");
        if let Some((_, label)) = labels.iter().find(|(key, _)| key == "name")
            && label != view.text("name")
        {
            let message = format!(
                "label name is {:?}: want the receiver's name, or no such label",
                short(label)
            );
            view.error_at(problems, "labels", message);
        }
    }),
};

/// What receivers have in common.
static SENDING: Section = Section {
    name: "sending",
    doc: "What every receiver but e-mail has.",
    fields: &[
        send_resolved("true"),
        Field::new(
            "http_config",
            Kind::Section(&HTTP_CLIENT),
            "",
            "The HTTP client; as a whole that of `global` where absent.",
        ),
    ],
    includes: &[],
    check: None,
};

const fn send_resolved(default: &'static str) -> Field {
    Field::new(
        "send_resolved",
        Kind::Bool,
        default,
        "Tell that alerts have ended.",
    )
}

const fn template(key: &'static str, default: &'static str, doc: &'static str) -> Field {
    Field::new(key, Kind::Template, default, doc)
}

const fn secret(key: &'static str, doc: &'static str) -> Field {
    Field::new(key, Kind::Secret, "", doc)
}

const fn file(key: &'static str, doc: &'static str) -> Field {
    Field::new(key, Kind::ReadFile, "", doc)
}

const fn timeout() -> Field {
    Field::new(
        "timeout",
        Kind::GoDuration,
        "0s",
        "Time after which a request fails; 0: none but that of the notification.",
    )
}

/// A titled text of a message.
static TEXT_FIELD: Section = Section {
    name: "message field",
    doc: "A titled text.",
    fields: &[
        Field::required("title", Kind::Template, "The title."),
        Field::required("value", Kind::Template, "The text."),
        Field::new(
            "short",
            Kind::Bool,
            "",
            "Whether it is short enough to stand beside another.",
        ),
    ],
    includes: &[],
    check: None,
};

fn text_fields(view: &View<'_>, key: &str) -> Vec<TextField> {
    view.sections(key)
        .iter()
        .map(|field| TextField {
            title: field.text("title").to_owned(),
            value: field.text("value").to_owned(),
            short: optional_bool(field, "short"),
        })
        .collect()
}

fn optional_bool(view: &View<'_>, key: &str) -> Option<bool> {
    view.is_set(key).then(|| view.bool(key))
}

fn own(view: &View<'_>, key: &str) -> String {
    view.text(key).to_owned()
}

fn map(view: &View<'_>, key: &str) -> BTreeMap<String, String> {
    view.text_map(key).into_iter().collect()
}

/// Milliseconds of a duration of Go; none for 0.
fn timeout_ms(view: &View<'_>) -> Option<u64> {
    u64::try_from(view.go_duration_ms("timeout"))
        .ok()
        .filter(|ms| *ms > 0)
}

fn exactly_one(view: &View<'_>, problems: &mut Problems, keys: [&'static str; 2]) {
    if view.at_most_one(problems, &keys) && view.set_among(&keys).is_empty() {
        let message = format!("{} or {} is missing: want one of the two", keys[0], keys[1]);
        view.error(problems, message);
    }
}

/// Decodes one integration.
type Decode = fn(&View<'_>, &Defaults<'_>, &mut Problems) -> ReceiverKind;

/// Every kind of integration, in the order in which they are counted.
const KINDS: [(&str, Decode); 18] = [
    ("webhook_configs", webhook::decode),
    ("email_configs", email::decode),
    ("pagerduty_configs", pagerduty::decode),
    ("opsgenie_configs", opsgenie::decode),
    ("wechat_configs", chat::decode_wechat),
    ("slack_configs", slack::decode),
    ("victorops_configs", paging::decode_victorops),
    ("pushover_configs", paging::decode_pushover),
    ("sns_configs", sns::decode),
    ("telegram_configs", chat::decode_telegram),
    ("discord_configs", chat::decode_discord),
    ("webex_configs", chat::decode_webex),
    ("msteams_configs", microsoft::decode),
    ("msteamsv2_configs", microsoft::decode_v2),
    ("jira_configs", jira::decode),
    ("incidentio_configs", paging::decode_incidentio),
    ("rocketchat_configs", slack_like::decode_rocketchat),
    ("mattermost_configs", slack_like::decode_mattermost),
];

pub(super) fn decode_receiver(
    view: &View<'_>,
    defaults: &Defaults<'_>,
    problems: &mut Problems,
) -> ReceiverSettings {
    let mut integrations = Vec::new();
    for (key, decode) in KINDS {
        for integration in view.sections(key) {
            let kind = decode(&integration, defaults, problems);
            if let Some(why) = kind.unsendable() {
                problems.warning(
                    &integration.origin.file,
                    integration.position(),
                    &integration.path(),
                    why,
                );
            }
            integrations.push(IntegrationSettings {
                send_resolved: integration.bool("send_resolved"),
                kind,
            });
        }
    }
    ReceiverSettings {
        name: own(view, "name"),
        integrations,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_key_in_order() {
        let keys: Vec<String> = ReceiverKind::NAMES
            .iter()
            .map(|name| format!("{name}_configs"))
            .collect();
        assert_eq!(KINDS.map(|(key, _)| key.to_owned()).as_slice(), keys);
        for (key, _) in KINDS {
            assert!(RECEIVER.field(key).is_some(), "{key}");
        }
    }
}
