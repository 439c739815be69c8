//! The texts of an integration that are templates, so that they can be looked at before they are used.

use std::collections::BTreeMap;

use super::{
    MattermostAttachment, OpsgenieSettings, PagerDutySettings, ReceiverKind, SlackSettings,
    TemplatedValue, TextField,
};

/// Texts with the settings that they stand in.
#[derive(Default)]
struct Texts<'a>(Vec<(String, &'a str)>);

impl<'a> Texts<'a> {
    fn add(&mut self, setting: &str, text: &'a str) {
        self.0.push((setting.to_owned(), text));
    }

    fn all<const N: usize>(&mut self, texts: [(&str, &'a str); N]) {
        for (setting, text) in texts {
            self.add(setting, text);
        }
    }

    fn map(&mut self, setting: &str, texts: &'a BTreeMap<String, String>) {
        for (key, text) in texts {
            self.add(&format!("{setting}.{key}"), text);
        }
    }

    fn value(&mut self, setting: &str, value: &'a TemplatedValue) {
        match value {
            TemplatedValue::Text(text) => self.add(setting, text),
            TemplatedValue::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(&format!("{setting}[{index}]"), item);
                }
            }
            TemplatedValue::Map(entries) => {
                for (key, value) in entries {
                    self.add(setting, key);
                    self.value(&format!("{setting}.{key}"), value);
                }
            }
            TemplatedValue::Null
            | TemplatedValue::Bool(_)
            | TemplatedValue::Integer(_)
            | TemplatedValue::Float(_) => {}
        }
    }

    fn fields(&mut self, setting: &str, fields: &'a [TextField]) {
        for (index, field) in fields.iter().enumerate() {
            self.add(&format!("{setting}[{index}].title"), &field.title);
            self.add(&format!("{setting}[{index}].value"), &field.value);
        }
    }

    fn attachment(&mut self, below: &str, it: &'a MattermostAttachment) {
        let texts = [
            ("fallback", &it.fallback),
            ("color", &it.color),
            ("pretext", &it.pretext),
            ("text", &it.text),
            ("author_name", &it.author_name),
            ("author_link", &it.author_link),
            ("author_icon", &it.author_icon),
            ("title", &it.title),
            ("title_link", &it.title_link),
            ("thumb_url", &it.thumb_url),
            ("footer", &it.footer),
            ("footer_icon", &it.footer_icon),
            ("image_url", &it.image_url),
        ];
        for (name, text) in texts {
            self.add(&format!("{below}{name}"), text);
        }
        self.fields(&format!("{below}fields"), &it.fields);
    }
}

impl ReceiverKind {
    /// All texts that are templates, secrets left out, with the settings that they stand in.
    pub(in crate::receivers) fn texts(&self) -> Vec<(String, &str)> {
        let mut texts = Texts::default();
        match self {
            Self::Webhook(it) => {
                if let Some(payload) = &it.payload {
                    texts.value("payload", payload);
                }
            }
            Self::Email(it) => {
                texts.all([
                    ("to", &it.to),
                    ("from", &it.from),
                    ("html", &it.html),
                    ("text", &it.text),
                ]);
                texts.map("headers", &it.headers);
            }
            Self::PagerDuty(it) => pagerduty(it, &mut texts),
            Self::Opsgenie(it) => opsgenie(it, &mut texts),
            Self::Wechat(it) => texts.all([
                ("corp_id", &it.corp_id),
                ("message", &it.message),
                ("to_user", &it.to_user),
                ("to_party", &it.to_party),
                ("to_tag", &it.to_tag),
                ("agent_id", &it.agent_id),
            ]),
            Self::Slack(it) => slack(it, &mut texts),
            Self::VictorOps(it) => {
                texts.all([
                    ("routing_key", &it.routing_key),
                    ("message_type", &it.message_type),
                    ("state_message", &it.state_message),
                    ("entity_display_name", &it.entity_display_name),
                    ("monitoring_tool", &it.monitoring_tool),
                ]);
                texts.map("custom_fields", &it.custom_fields);
            }
            Self::Pushover(it) => texts.all([
                ("title", &it.title),
                ("message", &it.message),
                ("url", &it.url),
                ("url_title", &it.url_title),
                ("device", &it.device),
                ("sound", &it.sound),
                ("priority", &it.priority),
            ]),
            Self::Sns(it) => {
                texts.all([("subject", &it.subject), ("message", &it.message)]);
                texts.map("attributes", &it.attributes);
            }
            Self::Telegram(it) => texts.add("message", &it.message),
            Self::Discord(it) => texts.all([
                ("content", &it.content),
                ("title", &it.title),
                ("message", &it.message),
            ]),
            Self::Webex(it) => texts.all([("message", &it.message), ("room_id", &it.room_id)]),
            Self::MsTeams(it) => texts.all([
                ("title", &it.title),
                ("summary", &it.summary),
                ("text", &it.text),
            ]),
            Self::MsTeamsV2(it) => texts.all([("title", &it.title), ("text", &it.text)]),
            Self::Jira(it) => {
                texts.all([
                    ("project", &it.project),
                    ("summary", &it.summary.template),
                    ("description", &it.description.template),
                    ("priority", &it.priority),
                    ("issue_type", &it.issue_type),
                    ("reopen_transition", &it.reopen_transition),
                    ("resolve_transition", &it.resolve_transition),
                    ("wont_fix_resolution", &it.wont_fix_resolution),
                ]);
                for label in &it.labels {
                    texts.add("labels", label);
                }
                for (name, value) in &it.fields {
                    texts.value(&format!("fields.{name}"), value);
                }
            }
            Self::IncidentIo(_) => {}
            Self::RocketChat(it) => {
                texts.all([
                    ("channel", &it.channel),
                    ("color", &it.color),
                    ("title", &it.title),
                    ("title_link", &it.title_link),
                    ("text", &it.text),
                    ("emoji", &it.emoji),
                    ("icon_url", &it.icon_url),
                    ("image_url", &it.image_url),
                    ("thumb_url", &it.thumb_url),
                ]);
                texts.fields("fields", &it.fields);
                for (index, action) in it.actions.iter().enumerate() {
                    for (name, text) in [
                        ("text", &action.text),
                        ("url", &action.url),
                        ("msg", &action.msg),
                    ] {
                        texts.add(&format!("actions[{index}].{name}"), text);
                    }
                }
            }
            Self::Mattermost(it) => {
                texts.all([
                    ("channel", &it.channel),
                    ("username", &it.username),
                    ("icon_url", &it.icon_url),
                    ("icon_emoji", &it.icon_emoji),
                    ("type", &it.kind),
                    ("props.card", &it.card),
                ]);
                texts.attachment("", &it.attachment);
                for (index, attachment) in it.attachments.iter().enumerate() {
                    texts.attachment(&format!("attachments[{index}]."), attachment);
                }
                if let Some(priority) = &it.priority {
                    texts.add("priority.priority", &priority.priority);
                }
            }
        }
        texts.0
    }
}

fn pagerduty<'a>(it: &'a PagerDutySettings, texts: &mut Texts<'a>) {
    texts.all([
        ("client", &it.client),
        ("client_url", &it.client_url),
        ("description", &it.description),
        ("source", &it.source),
        ("severity", &it.severity),
        ("class", &it.class),
        ("component", &it.component),
        ("group", &it.group),
    ]);
    for (name, value) in &it.details {
        texts.value(&format!("details.{name}"), value);
    }
    for image in &it.images {
        texts.all([
            ("images.src", &image.src),
            ("images.alt", &image.alt),
            ("images.href", &image.href),
        ]);
    }
    for link in &it.links {
        texts.all([("links.href", &link.href), ("links.text", &link.text)]);
    }
}

fn opsgenie<'a>(it: &'a OpsgenieSettings, texts: &mut Texts<'a>) {
    texts.all([
        ("message", &it.message),
        ("description", &it.description),
        ("source", &it.source),
        ("entity", &it.entity),
        ("actions", &it.actions),
        ("tags", &it.tags),
        ("note", &it.note),
        ("priority", &it.priority),
    ]);
    texts.map("details", &it.details);
    for (index, responder) in it.responders.iter().enumerate() {
        for (name, text) in [
            ("id", &responder.id),
            ("name", &responder.name),
            ("username", &responder.username),
            ("type", &responder.kind),
        ] {
            texts.add(&format!("responders[{index}].{name}"), text);
        }
    }
}

fn slack<'a>(it: &'a SlackSettings, texts: &mut Texts<'a>) {
    texts.all([
        ("channel", &it.channel),
        ("username", &it.username),
        ("color", &it.color),
        ("title", &it.title),
        ("title_link", &it.title_link),
        ("pretext", &it.pretext),
        ("text", &it.text),
        ("message_text", &it.message_text),
        ("footer", &it.footer),
        ("fallback", &it.fallback),
        ("callback_id", &it.callback_id),
        ("icon_emoji", &it.icon_emoji),
        ("icon_url", &it.icon_url),
        ("image_url", &it.image_url),
        ("thumb_url", &it.thumb_url),
    ]);
    texts.fields("fields", &it.fields);
    for (index, action) in it.actions.iter().enumerate() {
        let confirm = action.confirm.as_ref();
        for (name, text) in [
            ("type", &action.kind),
            ("text", &action.text),
            ("url", &action.url),
            ("style", &action.style),
            ("name", &action.name),
            ("value", &action.value),
        ] {
            texts.add(&format!("actions[{index}].{name}"), text);
        }
        if let Some(it) = confirm {
            for (name, text) in [
                ("text", &it.text),
                ("title", &it.title),
                ("ok_text", &it.ok_text),
                ("dismiss_text", &it.dismiss_text),
            ] {
                texts.add(&format!("actions[{index}].confirm.{name}"), text);
            }
        }
    }
}
