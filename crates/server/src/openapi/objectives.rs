//! Operations and bodies of objectives.

use super::shape::Presence::{Always, Maybe};
use super::shape::Shape;
use super::{Content, GET, Operation, operation};

pub(crate) const OPERATIONS: &[Operation] = &[
    operation(
        "/api/bellwether/v1/objectives",
        GET,
        "All objectives and how each of their budgets stands.",
        &[
            ("service", "Only of these services; may be repeated.", false),
            (
                "verdict",
                "Only these verdicts; may be repeated, or a list with commas: unknown, met, at_risk, exhausted.",
                false,
            ),
        ],
    )
    .answering(Content::Json(&OBJECTIVES)),
    operation(
        "/api/bellwether/v1/objectives/{objective}",
        GET,
        "One objective, named service/name, with the rules that follow from it.",
        &[],
    )
    .answering(Content::Json(&OBJECTIVE_ANSWER)),
];

const SUCCESS: Shape = Shape::Word("success");
const NUMBER_OR_NULL: Shape = Shape::OrNull(&Shape::Number);
const TEXT_OR_NULL: Shape = Shape::OrNull(&Shape::Text);

static OBJECTIVES: Shape = Shape::Fields(&[
    ("status", SUCCESS, Always),
    (
        "data",
        Shape::Fields(&[("objectives", Shape::List(&OBJECTIVE), Always)]),
        Always,
    ),
]);

static OBJECTIVE_ANSWER: Shape =
    Shape::Fields(&[("status", SUCCESS, Always), ("data", OBJECTIVE, Always)]);

const OBJECTIVE: Shape = Shape::Fields(&[
    ("objective", Shape::Text, Always),
    ("name", Shape::Text, Always),
    ("service", Shape::Text, Always),
    ("description", Shape::Text, Always),
    ("entity", TEXT_OR_NULL, Always),
    ("labels", Shape::Labels, Always),
    ("target", NUMBER_OR_NULL, Always),
    ("period", PERIOD, Always),
    ("indicator", Shape::Text, Always),
    ("verdict", Shape::Text, Always),
    ("problem", TEXT_OR_NULL, Always),
    ("latencyErrorShare", NUMBER_OR_NULL, Always),
    ("budgets", Shape::List(&BUDGET), Always),
    ("ruleGroup", Shape::Text, Maybe),
    ("rules", Shape::List(&RULE), Maybe),
]);

const PERIOD: Shape = Shape::Fields(&[
    ("rollingSeconds", Shape::Number, Maybe),
    ("calendar", Shape::Text, Maybe),
    ("count", Shape::Number, Maybe),
    ("timeZone", Shape::Text, Maybe),
]);

const BUDGET: Shape = Shape::Fields(&[
    ("labels", Shape::Labels, Always),
    ("verdict", Shape::Text, Always),
    ("start", Shape::Time, Always),
    ("end", Shape::Time, Always),
    ("bad", Shape::Number, Always),
    ("total", Shape::Number, Always),
    ("allowed", Shape::Number, Always),
    ("left", NUMBER_OR_NULL, Always),
    ("goodRatio", NUMBER_OR_NULL, Always),
    ("burnRateHour", NUMBER_OR_NULL, Always),
    ("burnRateDay", NUMBER_OR_NULL, Always),
    ("unmeasuredShare", Shape::Number, Always),
    ("hoursLeft", Shape::OrNull(&HOURS), Always),
    ("spentBy", Shape::List(&SPENDER), Always),
    ("problem", TEXT_OR_NULL, Always),
]);

static HOURS: Shape = Shape::Fields(&[
    ("low", NUMBER_OR_NULL, Always),
    ("median", NUMBER_OR_NULL, Always),
    ("high", NUMBER_OR_NULL, Always),
    ("probability", Shape::Number, Always),
    ("horizon", Shape::Number, Always),
]);

static SPENDER: Shape = Shape::Fields(&[
    ("labels", Shape::Labels, Always),
    ("bad", Shape::Number, Always),
    ("total", Shape::Number, Always),
    ("badShare", Shape::Number, Always),
    ("totalShare", Shape::Number, Always),
    ("burnRate", NUMBER_OR_NULL, Always),
]);

static RULE: Shape = Shape::Fields(&[
    ("name", Shape::Text, Always),
    ("alert", Shape::Boolean, Always),
    ("query", Shape::Text, Always),
]);
