//! Operations and bodies of dashboards. What a dashboard is made of is written down in docs/spec/dashboard.d.ts.

use super::shape::Presence::{Always, Maybe};
use super::shape::Shape;
use super::{Content, DELETE, GET, Operation, POST, PUT, Parameter, operation};

const VERSION: Parameter = (
    "version",
    "The version that was read, which is changed; 0 or missing: it is new. Of another one nothing is changed: status 409.",
    false,
);

pub(crate) const OPERATIONS: &[Operation] = &[
    operation(
        "/api/bellwether/v1/dashboards",
        GET,
        "All dashboards, by title.",
        &[
            ("tag", "Only those with this tag; may be repeated.", false),
            ("search", "Only those that have this text in title, uid or a tag.", false),
        ],
    )
    .answering(Content::Json(&DASHBOARDS)),
    operation(
        "/api/bellwether/v1/dashboards/import",
        POST,
        "What a dashboard of Grafana (JSON), or one of ours (YAML, JSON), comes to, and what of it is lost. Nothing is saved.",
        &[],
    )
    .taking(Content::Json(&ANY))
    .answering(Content::Json(&IMPORTED)),
    operation("/api/bellwether/v1/dashboards/{uid}", GET, "One dashboard.", &[])
        .answering(Content::Json(&DASHBOARD)),
    operation(
        "/api/bellwether/v1/dashboards/{uid}",
        PUT,
        "Save a dashboard. What is wrong with it is told with its place.",
        &[VERSION],
    )
    .taking(Content::Json(&MODEL))
    .answering(Content::Json(&DASHBOARD)),
    operation(
        "/api/bellwether/v1/dashboards/{uid}",
        DELETE,
        "Take a dashboard away that was saved here.",
        &[("version", "The version that was read; missing: any.", false)],
    )
    .answering(Content::Nothing),
    operation(
        "/api/bellwether/v1/dashboards/{uid}/yaml",
        GET,
        "One dashboard as code.",
        &[],
    )
    .answering(Content::Yaml("A dashboard as docs/user/dashboards.md has it.")),
];

const SUCCESS: Shape = Shape::Word("success");
/// docs/spec/dashboard.d.ts: `Dashboard`.
static MODEL: Shape = Shape::Object;
/// docs/spec/dashboard.d.ts: `Report`.
static REPORT: Shape = Shape::Object;
static ANY: Shape = Shape::Described("A dashboard of Grafana or of Bellwether.");

static DASHBOARDS: Shape = Shape::Fields(&[
    ("status", SUCCESS, Always),
    (
        "data",
        Shape::Fields(&[("dashboards", Shape::List(&SUMMARY), Always)]),
        Always,
    ),
]);

static SUMMARY: Shape = Shape::Fields(&[
    ("uid", Shape::Text, Always),
    ("title", Shape::Text, Always),
    ("description", Shape::Text, Always),
    ("tags", Shape::List(&Shape::Text), Always),
    ("panelCount", Shape::Number, Always),
    ("source", Shape::Text, Always),
    ("file", Shape::Text, Maybe),
    ("readOnly", Shape::Boolean, Always),
    ("version", Shape::Number, Always),
    ("savedAt", Shape::Time, Maybe),
    ("savedBy", Shape::OrNull(&Shape::Text), Maybe),
]);

static DASHBOARD: Shape = Shape::Fields(&[
    ("status", SUCCESS, Always),
    (
        "data",
        Shape::Fields(&[
            ("dashboard", MODEL, Always),
            ("source", Shape::Text, Always),
            ("file", Shape::Text, Maybe),
            ("readOnly", Shape::Boolean, Always),
            ("version", Shape::Number, Always),
            ("savedAt", Shape::Time, Maybe),
            ("savedBy", Shape::OrNull(&Shape::Text), Maybe),
        ]),
        Always,
    ),
]);

static IMPORTED: Shape = Shape::Fields(&[
    ("status", SUCCESS, Always),
    (
        "data",
        Shape::Fields(&[
            ("dashboard", MODEL, Always),
            ("report", REPORT, Always),
            ("isForeign", Shape::Boolean, Always),
        ]),
        Always,
    ),
]);
