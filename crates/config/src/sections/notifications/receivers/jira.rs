//! Jira.

use bellwether_notify::receivers::settings::{JiraApi, JiraField, JiraSettings, ReceiverKind};

use super::value::decode_values;
use super::{SENDING, own, template};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::notifications::global::Defaults;
use crate::values::HTTP;
use crate::view::{View, node_text};

pub(super) static JIRA: Section = Section {
    name: "jira_config",
    doc: "Issues of Jira: one for each group, closed and opened again with its alerts.",
    fields: &[
        Field::new(
            "api_url",
            Kind::Url(HTTP),
            "",
            "Base of the API; `global.jira_api_url` where absent.",
        ),
        Field::new(
            "api_type",
            Kind::OneOf(&["auto", "cloud", "datacenter"]),
            "auto",
            "Which API it is; `auto`: by the URL.",
        ),
        Field::required("project", Kind::Template, "Key of the project."),
        Field::new(
            "summary",
            Kind::SectionOrText(&FIELD),
            "{{ template \"jira.default.summary\" . }}",
            "The issue in a line.",
        ),
        Field::new(
            "description",
            Kind::SectionOrText(&FIELD),
            "{{ template \"jira.default.description\" . }}",
            "The issue in detail.",
        ),
        Field::new(
            "labels",
            Kind::List(&Kind::Template),
            "",
            "Labels of the issue.",
        ),
        template(
            "priority",
            "{{ template \"jira.default.priority\" . }}",
            "The priority.",
        ),
        Field::required("issue_type", Kind::Template, "The type of the issue."),
        template(
            "reopen_transition",
            "",
            "The transition that opens an issue again.",
        ),
        template(
            "resolve_transition",
            "",
            "The transition that closes an issue.",
        ),
        template(
            "wont_fix_resolution",
            "",
            "Issues with this resolution stay closed.",
        ),
        Field::new(
            "reopen_duration",
            Kind::Duration,
            "0s",
            "How long after it was closed an issue is opened again rather than a new one made; 0: always.",
        ),
        Field::new(
            "fields",
            Kind::Map(&Kind::Raw),
            "",
            "Further fields of the issue; texts are templates.",
        ),
    ],
    includes: &[&SENDING],
    check: None,
};

static FIELD: Section = Section {
    name: "jira field",
    doc: "A text of an issue, and whether an issue that is there gets it.",
    fields: &[
        template("template", "", "The text."),
        Field::new(
            "enable_update",
            Kind::Bool,
            "true",
            "Change it in issues that are there.",
        ),
    ],
    includes: &[],
    check: None,
};

pub(super) fn decode(
    view: &View<'_>,
    defaults: &Defaults<'_>,
    problems: &mut Problems,
) -> ReceiverKind {
    let api_url = defaults.url(view, "api_url", "jira_api_url");
    if api_url.is_none() {
        view.error_at(
            problems,
            "api_url",
            "is missing: want it here or as global.jira_api_url",
        );
    }
    ReceiverKind::Jira(Box::new(JiraSettings {
        http: defaults.http(view),
        api_url,
        api: match view.text("api_type") {
            "cloud" => JiraApi::Cloud,
            "datacenter" => JiraApi::Datacenter,
            _ => JiraApi::Auto,
        },
        project: own(view, "project"),
        summary: decode_field(view, "summary"),
        description: decode_field(view, "description"),
        labels: view.items("labels").iter().map(node_text).collect(),
        priority: own(view, "priority"),
        issue_type: own(view, "issue_type"),
        reopen_transition: own(view, "reopen_transition"),
        resolve_transition: own(view, "resolve_transition"),
        wont_fix_resolution: own(view, "wont_fix_resolution"),
        reopen_duration_ms: u64::try_from(view.duration_ms("reopen_duration")).unwrap_or(0),
        fields: decode_values(view, "fields"),
    }))
}

/// A text, or a mapping that has one; a mapping without one leaves the default.
fn decode_field(view: &View<'_>, key: &str) -> JiraField {
    match view.optional_section(key) {
        // The key holds a mapping, so that its text is the default.
        Some(field) => JiraField {
            template: field
                .node_of("template")
                .map_or_else(|| own(view, key), node_text),
            enable_update: field.bool("enable_update"),
        },
        None => JiraField {
            template: own(view, key),
            enable_update: true,
        },
    }
}
