//! Operations and bodies of evidence.

use super::shape::Presence::{Always, Maybe};
use super::shape::{Shape, TEXTS, answer};
use super::{Content, END, GET, Operation, START, operation};

pub(crate) const OPERATIONS: &[Operation] = &[
    operation(
        "/api/bellwether/v1/evidence",
        GET,
        "Firings of which there is evidence, newest first.",
        &[
            START,
            END,
            (
                "limit",
                "Most firings; 100 where it is missing, at most 10,000.",
                false,
            ),
        ],
    )
    .answering(Content::Json(&EVIDENCE)),
    operation(
        "/api/bellwether/v1/evidence/{id}",
        GET,
        "What there was to be seen when an alert fired. Status 202: it is being gathered.",
        &[],
    )
    .answering(Content::Json(&DOCUMENT)),
    operation("/evidence/{id}", GET, "The same as a page for people.", &[]),
];

static EVIDENCE: Shape = answer!(Shape::Fields(&[(
    "evidence",
    Shape::List(&Shape::Fields(&[
        ("id", Shape::Text, Always),
        ("fingerprint", Shape::Text, Always),
        ("time", Shape::Time, Always),
    ])),
    Always
)]));

/// A float; a text where JSON has no number for it.
const NUMBER: Shape = Shape::AnyOf(&[Shape::Number, Shape::Words(&["NaN", "+Inf", "-Inf"])]);
/// Times of documents are milliseconds since 1970.
const MS: Shape = Shape::Number;
const POINTS: Shape = Shape::List(&Shape::Tuple(&[MS, NUMBER]));

/// A document of evidence.
pub(crate) static DOCUMENT: Shape = Shape::Fields(&[
    ("version", Shape::Number, Always),
    ("id", Shape::Text, Always),
    (
        "alert",
        Shape::Fields(&[
            ("labels", Shape::Labels, Always),
            ("annotations", Shape::Labels, Always),
            ("value", NUMBER, Always),
            ("activeAt", MS, Always),
            ("firedAt", MS, Always),
        ]),
        Always,
    ),
    (
        "rule",
        Shape::Fields(&[
            ("name", Shape::Text, Always),
            ("group", Shape::Text, Always),
            ("file", Shape::Text, Always),
            ("line", Shape::Number, Always),
            ("query", Shape::Text, Always),
            ("forSeconds", Shape::Number, Always),
        ]),
        Always,
    ),
    ("gatheredAt", MS, Always),
    ("gatheredInSeconds", Shape::Number, Always),
    ("operands", Shape::List(&OPERAND), Always),
    (
        "comparisons",
        Shape::List(&Shape::Fields(&[
            ("left", Shape::Number, Always),
            ("operator", Shape::Text, Always),
            ("right", Shape::Number, Always),
        ])),
        Always,
    ),
    ("movers", Shape::List(&MOVER), Always),
    (
        "exemplars",
        Shape::List(&Shape::Fields(&[
            ("series", Shape::Labels, Always),
            ("labels", Shape::Labels, Always),
            ("value", NUMBER, Always),
            ("time", MS, Always),
        ])),
        Always,
    ),
    (
        "neighbours",
        Shape::List(&Shape::Fields(&[
            ("labels", Shape::Labels, Always),
            ("summary", Shape::Text, Always),
            ("startsAt", MS, Always),
            ("shared", TEXTS, Always),
        ])),
        Always,
    ),
    ("targets", Shape::List(&TARGET), Always),
    ("entities", Shape::List(&ENTITY), Maybe),
    ("gaps", TEXTS, Always),
]);

const OPERAND: Shape = Shape::Fields(&[
    ("query", Shape::Text, Always),
    ("constant", NUMBER, Maybe),
    (
        "lines",
        Shape::List(&Shape::Fields(&[
            ("labels", Shape::Labels, Always),
            ("isOwn", Shape::Boolean, Always),
            ("points", POINTS, Always),
        ])),
        Always,
    ),
    ("leftOut", Shape::Number, Always),
]);

const MOVER: Shape = Shape::Fields(&[
    ("operand", Shape::Number, Always),
    ("label", Shape::Text, Always),
    // Documents that were written earlier lack it.
    ("addsUp", Shape::Boolean, Maybe),
    ("score", Shape::Number, Always),
    (
        "values",
        Shape::List(&Shape::Fields(&[
            ("value", Shape::Text, Always),
            ("before", NUMBER, Maybe),
            ("now", NUMBER, Maybe),
            ("share", Shape::Number, Always),
        ])),
        Always,
    ),
    ("leftOut", Shape::Number, Always),
]);

const TARGET: Shape = Shape::Fields(&[
    ("job", Shape::Text, Always),
    ("instance", Shape::Text, Always),
    ("url", Shape::Text, Always),
    ("health", Shape::Words(&["up", "down", "unknown"]), Always),
    ("lastError", Shape::Text, Always),
    ("lastScrape", MS, Maybe),
    ("lastScrapeSeconds", Shape::Number, Always),
    ("up", POINTS, Always),
]);

const ENTITY: Shape = Shape::Fields(&[
    ("entity", Shape::Text, Always),
    (
        "state",
        Shape::Words(&["up", "degraded", "down", "unknown"]),
        Always,
    ),
    ("reason", Shape::Text, Always),
    ("since", MS, Always),
    ("causedBy", TEXTS, Always),
]);
