//! Opsgenie.

use bellwether_model::short;
use bellwether_notify::receivers::settings::{OpsgenieResponder, OpsgenieSettings, ReceiverKind};

use super::{SENDING, file, map, own, secret, template};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::notifications::global::{Defaults, with_slash};
use crate::values::HTTP;
use crate::view::View;

pub(super) static OPSGENIE: Section = Section {
    name: "opsgenie_config",
    doc: "Alerts of Opsgenie.",
    fields: &[
        secret("api_key", "Key of the API; that of `global` where absent."),
        file("api_key_file", "File with the key."),
        Field::new(
            "api_url",
            Kind::Url(HTTP),
            "",
            "The API; `global.opsgenie_api_url` where absent.",
        ),
        template(
            "message",
            "{{ template \"opsgenie.default.message\" . }}",
            "The alert in a line.",
        ),
        template(
            "description",
            "{{ template \"opsgenie.default.description\" . }}",
            "The alert in detail.",
        ),
        template(
            "source",
            "{{ template \"opsgenie.default.source\" . }}",
            "Where it comes from.",
        ),
        Field::new(
            "details",
            Kind::Map(&Kind::Template),
            "",
            "Further details.",
        ),
        template("entity", "", "What the alert is about."),
        Field::new(
            "responders",
            Kind::Sections(&RESPONDER),
            "",
            "Who is called.",
        ),
        template(
            "actions",
            "",
            "Actions that people can take, with commas between them.",
        ),
        template("tags", "", "Tags with commas between them."),
        template("note", "", "A note."),
        template("priority", "", "P1 to P5."),
        Field::new(
            "update_alerts",
            Kind::Bool,
            "false",
            "Change message and description of alerts that are there.",
        ),
    ],
    includes: &[&SENDING],
    check: Some(|view, problems| {
        view.at_most_one(problems, &["api_key", "api_key_file"]);
    }),
};

const KINDS: [&str; 5] = ["team", "teams", "user", "escalation", "schedule"];

static RESPONDER: Section = Section {
    name: "opsgenie responder",
    doc: "Who is called: by id, name or user name.",
    fields: &[
        template("id", "", "The id."),
        template("name", "", "The name."),
        template("username", "", "The user name."),
        template(
            "type",
            "",
            "`team`, `teams`, `user`, `escalation` or `schedule`; a template may make several, with commas between them.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        if view.set_among(&["id", "name", "username"]).is_empty() {
            view.error(problems, "id is missing: want one of id, name and username");
        }
        let kind = view.text("type");
        let is_known = KINDS.iter().any(|known| known.eq_ignore_ascii_case(kind));
        if !is_known && !kind.contains("{{") {
            let message = format!(
                "{:?} given: want one of {}, or a template",
                short(kind),
                KINDS.join(", ")
            );
            view.error_at(problems, "type", message);
        }
    }),
};

pub(super) fn decode(
    view: &View<'_>,
    defaults: &Defaults<'_>,
    problems: &mut Problems,
) -> ReceiverKind {
    ReceiverKind::Opsgenie(Box::new(OpsgenieSettings {
        http: defaults.http(view),
        api_key: defaults.required_secret(
            view,
            ("api_key", "api_key_file"),
            ("opsgenie_api_key", "opsgenie_api_key_file"),
            problems,
        ),
        api_url: with_slash(defaults.url(view, "api_url", "opsgenie_api_url")),
        message: own(view, "message"),
        description: own(view, "description"),
        source: own(view, "source"),
        details: map(view, "details"),
        entity: own(view, "entity"),
        responders: view
            .sections("responders")
            .iter()
            .map(|responder| OpsgenieResponder {
                id: own(responder, "id"),
                name: own(responder, "name"),
                username: own(responder, "username"),
                kind: own(responder, "type"),
            })
            .collect(),
        actions: own(view, "actions"),
        tags: own(view, "tags"),
        note: own(view, "note"),
        priority: own(view, "priority"),
        update_alerts: view.bool("update_alerts"),
    }))
}
