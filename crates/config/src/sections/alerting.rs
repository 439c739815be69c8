//! External Alertmanagers.

use bellwether_model::relabel::Rule;
use bellwether_notify::external;
use bellwether_scrape::settings::{Discovery, NameValidation};

use super::discovery::{DISCOVERY, decode_discovery};
use super::http_client::{HTTP_CLIENT, decode_http_client};
use super::relabel::{RELABEL, decode_rules};
use super::remote::SIGV4;
use super::scrape::check_static_targets;
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::View;

pub(crate) static ALERTING: Section = Section {
    name: "alerting",
    doc: "Where alerts are sent.",
    fields: &[
        Field::new(
            "alert_relabel_configs",
            Kind::Sections(&RELABEL),
            "",
            "Rules for alerts.",
        ),
        Field::new(
            "alertmanagers",
            Kind::Sections(&ALERTMANAGER),
            "",
            "The Alertmanagers.",
        ),
    ],
    includes: &[],
    check: None,
};

static ALERTMANAGER: Section = Section {
    name: "alertmanager_config",
    doc: "Alertmanagers that are reached in the same way.",
    fields: &[
        Field::new(
            "scheme",
            Kind::OneOfAnyCase(&["http", "https"]),
            "http",
            "Scheme of the URL.",
        ),
        Field::new("path_prefix", Kind::Text, "", "Path before the API's own."),
        Field::new(
            "timeout",
            Kind::Duration,
            "10s",
            "Time after which a request fails.",
        ),
        Field::new(
            "api_version",
            Kind::OneOf(&["v2", "v1"]),
            "v2",
            "Version of the API; v1 is read as v2.",
        ),
        Field::new(
            "sigv4",
            Kind::Section(&SIGV4),
            "",
            "Sign in with AWS Signature Version 4.",
        )
        .inert(
            "AWS signatures are understood but not made: the Alertmanager will refuse the alerts",
        ),
        Field::new(
            "relabel_configs",
            Kind::Sections(&RELABEL),
            "",
            "Rules for the Alertmanagers that were found.",
        ),
        Field::new(
            "alert_relabel_configs",
            Kind::Sections(&RELABEL),
            "",
            "Rules for alerts that are sent to these.",
        ),
    ],
    includes: &[&HTTP_CLIENT, &DISCOVERY],
    check: Some(|view, problems| {
        view.at_most_one(
            problems,
            &["basic_auth", "authorization", "oauth2", "sigv4"],
        );
        if view.text("api_version") == "v1" {
            view.warn_at(
                problems,
                "api_version",
                "v1 is gone from Alertmanager since its release 0.27; v2 is used",
            );
        }
        if !view.is_set("relabel_configs") {
            check_static_targets(view, problems);
        }
    }),
};

/// Alertmanagers that are reached in the same way.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertmanagerSettings {
    /// Where they are found.
    pub discovery: Vec<Discovery>,
    /// How they are reached, and what they are sent.
    pub reached: external::AlertmanagerSettings,
}

/// Where alerts are sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlertingSettings {
    /// Rules for alerts.
    pub alert_relabel: Vec<Rule>,
    /// The Alertmanagers.
    pub alertmanagers: Vec<AlertmanagerSettings>,
}

/// Decodes the section.
pub(crate) fn decode_alerting(
    view: &View<'_>,
    names: NameValidation,
    problems: &mut Problems,
) -> AlertingSettings {
    AlertingSettings {
        alert_relabel: decode_rules(view, "alert_relabel_configs", names, problems),
        alertmanagers: view
            .sections("alertmanagers")
            .iter()
            .map(|view| AlertmanagerSettings {
                discovery: decode_discovery(view),
                reached: external::AlertmanagerSettings {
                    scheme: view.text("scheme").to_ascii_lowercase(),
                    path_prefix: view.text("path_prefix").to_owned(),
                    timeout_ms: view.duration_ms("timeout"),
                    http: decode_http_client(view),
                    relabel: decode_rules(view, "relabel_configs", names, problems),
                    alert_relabel: decode_rules(view, "alert_relabel_configs", names, problems),
                },
            })
            .collect(),
    }
}
