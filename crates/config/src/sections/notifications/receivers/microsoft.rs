//! Microsoft Teams.

use bellwether_notify::receivers::settings::{MsTeamsSettings, MsTeamsV2Settings, ReceiverKind};

use super::{SENDING, exactly_one, file, own, template};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::notifications::global::Defaults;
use crate::values::HTTP;
use crate::view::View;

static WEBHOOK: Section = Section {
    name: "Teams webhook",
    doc: "Where messages of Teams are sent.",
    fields: &[
        Field::new("webhook_url", Kind::SecretUrl(HTTP), "", "The webhook."),
        file("webhook_url_file", "File with it."),
    ],
    includes: &[],
    check: Some(|view, problems| {
        exactly_one(view, problems, ["webhook_url", "webhook_url_file"]);
    }),
};

pub(super) static MSTEAMS: Section = Section {
    name: "msteams_config",
    doc: "Messages of Microsoft Teams by connectors of Office 365, which Microsoft retires.",
    fields: &[
        template(
            "title",
            "{{ template \"msteams.default.title\" . }}",
            "The title.",
        ),
        template(
            "summary",
            "{{ template \"msteams.default.summary\" . }}",
            "The message in a line.",
        ),
        template(
            "text",
            "{{ template \"msteams.default.text\" . }}",
            "The text.",
        ),
    ],
    includes: &[&WEBHOOK, &SENDING],
    check: None,
};

pub(super) fn decode(view: &View<'_>, defaults: &Defaults<'_>, _: &mut Problems) -> ReceiverKind {
    ReceiverKind::MsTeams(Box::new(MsTeamsSettings {
        http: defaults.http(view),
        webhook_url: view.secret_source("webhook_url", "webhook_url_file"),
        title: own(view, "title"),
        summary: own(view, "summary"),
        text: own(view, "text"),
    }))
}

pub(super) static MSTEAMS_V2: Section = Section {
    name: "msteamsv2_config",
    doc: "Messages of Microsoft Teams by workflows of Power Automate. A client without a proxy of its own takes the proxy of `global`.",
    fields: &[
        template(
            "title",
            "{{ template \"msteamsv2.default.title\" . }}",
            "The title.",
        ),
        template(
            "text",
            "{{ template \"msteamsv2.default.text\" . }}",
            "The text.",
        ),
    ],
    includes: &[&WEBHOOK, &SENDING],
    check: None,
};

pub(super) fn decode_v2(
    view: &View<'_>,
    defaults: &Defaults<'_>,
    _: &mut Problems,
) -> ReceiverKind {
    ReceiverKind::MsTeamsV2(Box::new(MsTeamsV2Settings {
        http: defaults.http_with_global_proxy(view),
        webhook_url: view.secret_source("webhook_url", "webhook_url_file"),
        title: own(view, "title"),
        text: own(view, "text"),
    }))
}
