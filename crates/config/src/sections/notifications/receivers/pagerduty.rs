//! PagerDuty.

use bellwether_notify::receivers::settings::{
    PagerDutyImage, PagerDutyLink, PagerDutySettings, ReceiverKind,
};

use super::value::decode_values;
use super::{SENDING, file, own, secret, template, timeout, timeout_ms};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::notifications::global::Defaults;
use crate::values::HTTP;
use crate::view::View;

pub(super) static PAGERDUTY: Section = Section {
    name: "pagerduty_config",
    doc: "Events of PagerDuty: API v2 with a routing key, v1 with a service key.",
    fields: &[
        secret(
            "routing_key",
            "Key of an integration of type Events API v2.",
        ),
        file("routing_key_file", "File with it."),
        secret("service_key", "Key of an integration of type Prometheus."),
        file("service_key_file", "File with it."),
        Field::new(
            "url",
            Kind::Url(HTTP),
            "",
            "The API; `global.pagerduty_url` where absent.",
        ),
        template(
            "client",
            "{{ template \"pagerduty.default.client\" . }}",
            "Who sends.",
        ),
        template(
            "client_url",
            "{{ template \"pagerduty.default.clientURL\" . }}",
            "Where people find who sends.",
        ),
        template(
            "description",
            "{{ template \"pagerduty.default.description\" .}}",
            "What happened.",
        ),
        Field::new(
            "details",
            Kind::Map(&Kind::Raw),
            "",
            "Further details beside the usual `firing`, `resolved`, `num_firing` and `num_resolved`; texts are templates.",
        ),
        Field::new("images", Kind::Sections(&IMAGE), "", "Images."),
        Field::new("links", Kind::Sections(&LINK), "", "Links."),
        template("source", "", "Where it happened; `client` where absent."),
        template("severity", "", "How bad it is."),
        template("class", "", "What kind of event it is."),
        template("component", "", "The component that has it."),
        template("group", "", "A group of components."),
        timeout(),
    ],
    includes: &[&SENDING],
    check: Some(|view, problems| {
        view.at_most_one(problems, &["routing_key", "routing_key_file"]);
        view.at_most_one(problems, &["service_key", "service_key_file"]);
        let keys = [
            "routing_key",
            "routing_key_file",
            "service_key",
            "service_key_file",
        ];
        if view.set_among(&keys).is_empty() {
            view.error(
                problems,
                "routing_key is missing: want a routing key or a service key, or a file with one",
            );
        }
    }),
};

static IMAGE: Section = Section {
    name: "pagerduty image",
    doc: "An image of an event.",
    fields: &[
        template("src", "", "Where it is."),
        template("alt", "", "What is on it."),
        template("href", "", "Where it leads."),
    ],
    includes: &[],
    check: None,
};

static LINK: Section = Section {
    name: "pagerduty link",
    doc: "A link of an event.",
    fields: &[
        template("href", "", "Where it leads."),
        template("text", "", "What it says."),
    ],
    includes: &[],
    check: None,
};

pub(super) fn decode(view: &View<'_>, defaults: &Defaults<'_>, _: &mut Problems) -> ReceiverKind {
    let mut details = PagerDutySettings::default_details();
    details.extend(decode_values(view, "details"));
    let client = own(view, "client");
    ReceiverKind::PagerDuty(Box::new(PagerDutySettings {
        http: defaults.http(view),
        routing_key: view.secret_source("routing_key", "routing_key_file"),
        service_key: view.secret_source("service_key", "service_key_file"),
        url: defaults.url(view, "url", "pagerduty_url"),
        client_url: own(view, "client_url"),
        description: own(view, "description"),
        details,
        images: view
            .sections("images")
            .iter()
            .map(|image| PagerDutyImage {
                src: own(image, "src"),
                alt: own(image, "alt"),
                href: own(image, "href"),
            })
            .collect(),
        links: view
            .sections("links")
            .iter()
            .map(|link| PagerDutyLink {
                href: own(link, "href"),
                text: own(link, "text"),
            })
            .collect(),
        source: view
            .optional_text("source")
            .unwrap_or_else(|| client.clone()),
        client,
        severity: own(view, "severity"),
        class: own(view, "class"),
        component: own(view, "component"),
        group: own(view, "group"),
        timeout_ms: timeout_ms(view),
    }))
}
