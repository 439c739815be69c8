//! Operations and bodies of the log of queries.

use super::shape::Presence::Always;
use super::shape::{NUMBER_OR_NULL, Shape, TEXT_OR_NULL, answer};
use super::{Content, DELETE, GET, Operation, operation};

pub(crate) const OPERATIONS: &[Operation] = &[
    operation(
        "/api/bellwether/v1/queries",
        GET,
        "Queries that wait or run, the last that ended, and the texts that took most time.",
        &[
            (
                "limit",
                "Most queries that ended; 500 where it is missing, which is all that are held.",
                false,
            ),
            ("heaviest", "Most texts; 50 where it is missing.", false),
        ],
    )
    .answering(Content::Json(&QUERIES)),
    operation(
        "/api/bellwether/v1/queries/{id}",
        DELETE,
        "End a query that runs.",
        &[],
    )
    .answering(Content::Nothing),
];

static QUERIES: Shape = answer!(Shape::Fields(&[
    ("running", Shape::List(&RUNNING), Always),
    // The newest first.
    ("finished", Shape::List(&FINISHED), Always),
    ("heaviest", Shape::List(&TALLY), Always),
]));

const KIND: Shape = Shape::Words(&["instant", "range"]);

const RUNNING: Shape = Shape::Fields(&[
    ("id", Shape::Number, Always),
    // At most 2 KiB of it.
    ("text", Shape::Text, Always),
    ("started", Shape::Time, Always),
    ("kind", KIND, Always),
    ("start", Shape::Time, Always),
    ("end", Shape::Time, Always),
    ("step", NUMBER_OR_NULL, Always),
    ("address", TEXT_OR_NULL, Always),
    ("user", TEXT_OR_NULL, Always),
    ("state", Shape::Words(&["waiting", "running"]), Always),
    ("seconds", Shape::Number, Always),
]);

const FINISHED: Shape = Shape::Fields(&[
    ("id", Shape::Number, Always),
    ("text", Shape::Text, Always),
    ("started", Shape::Time, Always),
    ("kind", KIND, Always),
    ("start", Shape::Time, Always),
    ("end", Shape::Time, Always),
    ("step", NUMBER_OR_NULL, Always),
    ("address", TEXT_OR_NULL, Always),
    ("user", TEXT_OR_NULL, Always),
    // All of it, with the wait for its turn and the writing of the answer.
    ("seconds", Shape::Number, Always),
    ("queueSeconds", Shape::Number, Always),
    ("evalSeconds", Shape::Number, Always),
    ("samples", Shape::Number, Always),
    // Series that were selected, and series or elements of the result.
    ("series", Shape::Number, Always),
    ("results", Shape::Number, Always),
    ("error", Shape::OrNull(&ERROR), Always),
]);

static ERROR: Shape =
    Shape::Fields(&[("type", Shape::Text, Always), ("text", Shape::Text, Always)]);

const TALLY: Shape = Shape::Fields(&[
    ("text", Shape::Text, Always),
    ("count", Shape::Number, Always),
    ("errors", Shape::Number, Always),
    ("samples", Shape::Number, Always),
    ("totalSeconds", Shape::Number, Always),
    ("maxSeconds", Shape::Number, Always),
    ("last", Shape::Time, Always),
]);
