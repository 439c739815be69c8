//! Operations and bodies of simulations.

use super::shape::Presence::{Always, Maybe};
use super::shape::{NUMBER_OR_NULL, Shape, TEXT_OR_NULL, TEXTS, answer};
use super::{Content, DELETE, GET, Operation, POST, operation};

pub(crate) const OPERATIONS: &[Operation] = &[
    operation(
        "/api/bellwether/v1/simulations",
        GET,
        "Simulations that run, and the last that ran.",
        &[],
    )
    .answering(Content::Json(&SIMULATIONS)),
    operation(
        "/api/bellwether/v1/simulations",
        POST,
        "Simulate an alert or an outage.",
        &[],
    )
    .taking(Content::Json(&WANTED))
    .answering(Content::Json(&BEGUN)),
    operation(
        "/api/bellwether/v1/simulations/{id}",
        GET,
        "The steps of a simulation so far.",
        &[],
    )
    .answering(Content::Json(&SIMULATION)),
    operation(
        "/api/bellwether/v1/simulations/{id}",
        DELETE,
        "Let the alerts of a simulation end now.",
        &[],
    )
    .answering(Content::Json(&SIMULATION)),
];

static WANTED: Shape = Shape::AnyOf(&[
    Shape::Fields(&[
        ("type", Shape::Word("alert"), Always),
        ("name", Shape::Text, Always),
        ("labels", Shape::Labels, Maybe),
        ("annotations", Shape::Labels, Maybe),
        ("value", Shape::Number, Maybe),
        ("for", Shape::Text, Maybe),
        ("page", Shape::Boolean, Maybe),
        ("fast", Shape::Boolean, Maybe),
    ]),
    Shape::Fields(&[
        ("type", Shape::Word("outage"), Always),
        ("targets", TEXTS, Always),
        ("for", Shape::Text, Maybe),
        ("page", Shape::Boolean, Maybe),
    ]),
]);

static SIMULATIONS: Shape = answer!(Shape::Fields(&[(
    "simulations",
    Shape::List(&REPORT),
    Always
)]));
static SIMULATION: Shape = answer!(REPORT);
static BEGUN: Shape = answer!(Shape::AnyOf(&[REPORT, OUTAGE]));

const REPORT: Shape = Shape::Fields(&[
    ("id", Shape::Text, Always),
    ("begun", Shape::Time, Always),
    ("page", Shape::Boolean, Always),
    ("over", Shape::Boolean, Always),
    ("alerts", Shape::List(&ALERT), Always),
    // A list of simulations is without them.
    ("steps", Shape::List(&STEP), Maybe),
]);

const ALERT: Shape = Shape::Fields(&[
    ("labels", Shape::Labels, Always),
    ("annotations", Shape::Labels, Always),
    ("group", Shape::Text, Always),
    ("file", Shape::Text, Always),
    ("for", Shape::Number, Always),
    // Of outages only; null: not within the outage.
    ("active_after", NUMBER_OR_NULL, Maybe),
    ("fired_after", NUMBER_OR_NULL, Maybe),
    ("told_after", NUMBER_OR_NULL, Maybe),
]);

const STEP: Shape = Shape::Fields(&[
    ("time", Shape::Time, Always),
    ("after", Shape::Number, Always),
    ("kind", Shape::Text, Always),
    ("labels", Shape::Labels, Always),
    ("text", Shape::Text, Always),
    ("receiver", Shape::Text, Always),
    ("texts", Shape::Labels, Always),
]);

const OUTAGE: Shape = Shape::Fields(&[
    ("begun", Shape::Time, Always),
    ("duration", Shape::Number, Always),
    (
        "targets",
        Shape::List(&Shape::Fields(&[
            ("labels", Shape::Labels, Always),
            ("alerts", TEXTS, Always),
            ("told", Shape::Boolean, Always),
        ])),
        Always,
    ),
    ("alerts", Shape::List(&ALERT), Always),
    ("anyway", Shape::Number, Always),
    ("lost", Shape::List(&Shape::Labels), Always),
    (
        "failed",
        Shape::List(&Shape::Fields(&[
            ("rule", Shape::Text, Always),
            ("error", Shape::Text, Always),
        ])),
        Always,
    ),
    ("steps", Shape::List(&STEP), Always),
    ("simulation", TEXT_OR_NULL, Always),
]);
