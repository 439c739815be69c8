//! Operations and bodies of differences.

use super::shape::Presence::{Always, Maybe};
use super::shape::{NUMBER_OR_NULL, Shape, TEXT_OR_NULL, TEXTS, answer};
use super::{Content, Operation, POST, operation};

pub(crate) const OPERATIONS: &[Operation] = &[operation(
    "/api/bellwether/v1/differences",
    POST,
    "Labels whose values are spread otherwise in a selection of a graph than in a baseline.",
    &[],
)
.taking(Content::Json(&WANTED))
.answering(Content::Json(&TOLD))];

static WANTED: Shape = Shape::Fields(&[
    ("query", Shape::Text, Always),
    (
        "selection",
        Shape::Fields(&[
            ("start", Shape::AnyTime, Always),
            ("end", Shape::AnyTime, Always),
            ("low", Shape::Number, Maybe),
            ("high", Shape::Number, Maybe),
        ]),
        Always,
    ),
    (
        "baseline",
        Shape::Fields(&[
            ("start", Shape::AnyTime, Always),
            ("end", Shape::AnyTime, Always),
            // Only what is left of it without the selection: other times, and with a band other values at the same times.
            ("rest", Shape::Boolean, Maybe),
        ]),
        Always,
    ),
]);

static TOLD: Shape = answer!(Shape::Fields(&[
    ("query", Shape::Text, Always),
    // What was compared: how much counters went up, means over time, what histograms observed, or at how many points
    // values were inside of the band.
    (
        "measure",
        Shape::Words(&["increase", "mean", "observations", "points"]),
        Always
    ),
    // Of a classic histogram without `_bucket`; null where an expression was measured.
    ("metric", TEXT_OR_NULL, Always),
    // As it was used, which for a classic histogram is that of the nearest bounds; an open end is null.
    ("band", Shape::OrNull(&BAND), Always),
    // Whether chance was taken off the scores.
    ("countsEvents", Shape::Boolean, Always),
    (
        "selection",
        Shape::Fields(&[
            ("start", Shape::Time, Always),
            ("end", Shape::Time, Always),
            ("value", NUMBER_OR_NULL, Always),
            ("series", Shape::Number, Always),
        ]),
        Always
    ),
    (
        "baseline",
        Shape::Fields(&[
            ("start", Shape::Time, Always),
            ("end", Shape::Time, Always),
            ("rest", Shape::Boolean, Always),
            ("value", NUMBER_OR_NULL, Always),
            ("series", Shape::Number, Always),
        ]),
        Always
    ),
    ("labels", Shape::List(&LABEL), Always),
    // Labels that have one value everywhere.
    ("same", TEXTS, Always),
    ("notes", TEXTS, Always),
]));

static BAND: Shape = Shape::Fields(&[
    ("low", NUMBER_OR_NULL, Always),
    ("high", NUMBER_OR_NULL, Always),
]);

/// Those first that tell most.
const LABEL: Shape = Shape::Fields(&[
    ("label", Shape::Text, Always),
    ("score", NUMBER_OR_NULL, Always),
    // Whether values add up to the whole; else there are no shares.
    ("addsUp", Shape::Boolean, Always),
    (
        "values",
        Shape::List(&Shape::Fields(&[
            // Empty: series without the label.
            ("value", Shape::Text, Always),
            ("selection", NUMBER_OR_NULL, Always),
            ("baseline", NUMBER_OR_NULL, Always),
            ("selectionShare", NUMBER_OR_NULL, Always),
            ("baselineShare", NUMBER_OR_NULL, Always),
            // By how much the share is greater than in the baseline, or, where that is nothing, than if all were alike; where values do not add up, the part of the change.
            ("difference", NUMBER_OR_NULL, Always),
        ])),
        Always,
    ),
    ("leftOut", Shape::Number, Always),
]);
