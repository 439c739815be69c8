//! Operations and bodies of backtests.

use super::shape::Presence::{Always, Maybe};
use super::shape::{NUMBER_OR_NULL, Shape, TEXT_OR_NULL, TIME_OR_NULL, answer};
use super::{Content, Operation, POST, operation};

pub(crate) const OPERATIONS: &[Operation] = &[operation(
    "/api/bellwether/v1/backtests",
    POST,
    "What rules would have given over what is stored: those of a text, or of a group that is loaded. 429: another runs.",
    &[],
)
.taking(Content::Json(&WANTED))
.answering(Content::Json(&TOLD))];

static WANTED: Shape = Shape::AnyOf(&[
    Shape::Fields(&[
        ("rules", Shape::Text, Always),
        ("start", Shape::AnyTime, Always),
        ("end", Shape::AnyTime, Always),
    ]),
    Shape::Fields(&[
        ("file", Shape::Text, Maybe),
        ("group", Shape::Text, Always),
        ("rule", Shape::Text, Maybe),
        ("start", Shape::AnyTime, Always),
        ("end", Shape::AnyTime, Always),
    ]),
]);

static TOLD: Shape = answer!(Shape::Fields(&[
    ("start", Shape::Time, Always),
    ("end", Shape::Time, Always),
    ("evaluations", Shape::Number, Always),
    ("rules", Shape::List(&RULE), Always),
]));

const RULE: Shape = Shape::Fields(&[
    ("file", Shape::Text, Always),
    ("group", Shape::Text, Always),
    ("rule", Shape::Text, Always),
    ("type", Shape::Words(&["alerting", "recording"]), Always),
    ("turns", Shape::Number, Always),
    ("failedTurns", Shape::Number, Always),
    ("firstError", TEXT_OR_NULL, Always),
    // Of recording rules.
    ("samples", Shape::Number, Always),
    ("fired", Shape::Number, Always),
    ("pendingOnly", Shape::Number, Always),
    ("firingSeconds", Shape::Number, Always),
    ("longestSeconds", Shape::Number, Always),
    ("episodes", Shape::List(&EPISODE), Always),
]);

const EPISODE: Shape = Shape::Fields(&[
    ("labels", Shape::Labels, Always),
    // When it became pending.
    ("start", Shape::Time, Always),
    // null: it never fired.
    ("fired", TIME_OR_NULL, Always),
    // null: it was active still.
    ("end", TIME_OR_NULL, Always),
    ("value", NUMBER_OR_NULL, Always),
]);
