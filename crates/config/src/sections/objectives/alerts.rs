//! `alerts` of an objective.

use bellwether_rules::objective::{AlertOptions, ObjectiveAlerts};

use super::or;
use crate::schema::{Field, Kind, Section};
use crate::view::View;

/// The `alertname` where none is given.
pub(super) const ALERT_NAME: &str = "ErrorBudgetBurn";

const LABELS: Field = Field::new(
    "labels",
    Kind::Labels,
    "",
    "Labels that are added; templates.",
);
const ANNOTATIONS: Field = Field::new(
    "annotations",
    Kind::Labels,
    "",
    "Texts for people; templates.",
);

pub(super) static ALERTS: Section = Section {
    name: "alerts of an objective",
    doc: "Who is told of what. All are on where nothing is said.",
    fields: &[
        Field::new("name", Kind::Text, ALERT_NAME, "The alertname."),
        LABELS,
        ANNOTATIONS,
        Field::new(
            "page",
            Kind::Section(&ALERT),
            "",
            "The budget burns so fast that a person must look now.",
        ),
        Field::new(
            "ticket",
            Kind::Section(&ALERT),
            "",
            "The budget burns so fast that somebody should look in the next days.",
        ),
        Field::new(
            "measurement",
            Kind::Section(&ALERT),
            "",
            "Nothing is measured, or what is measured cannot be.",
        ),
    ],
    includes: &[],
    check: None,
};

static ALERT: Section = Section {
    name: "alert of an objective",
    doc: "One kind of alerts.",
    fields: &[
        Field::new("enabled", Kind::Bool, "true", "Whether there are any."),
        LABELS,
        ANNOTATIONS,
    ],
    includes: &[],
    check: None,
};

/// The kinds of alerts.
pub(crate) const KINDS: [&str; 3] = ["page", "ticket", "measurement"];

pub(super) fn decode_alerts(view: &View<'_>) -> ObjectiveAlerts {
    let [page, ticket, measurement] = KINDS.map(|kind| {
        let view = view.section(kind);
        view.bool("enabled").then(|| AlertOptions {
            labels: view.text_map("labels"),
            annotations: view.text_map("annotations"),
        })
    });
    ObjectiveAlerts {
        name: or(view.text("name"), ALERT_NAME).to_owned(),
        page,
        ticket,
        measurement,
        labels: view.text_map("labels"),
        annotations: view.text_map("annotations"),
    }
}
