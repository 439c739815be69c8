//! Operations and bodies of routes and of previews of silences.

use super::alertmanager::MATCHER;
use super::shape::Presence::{Always, Maybe};
use super::shape::{NUMBER_OR_NULL, Shape, TEXT_OR_NULL, TEXTS, answer};
use super::{Content, GET, Operation, POST, operation};

pub(crate) const OPERATIONS: &[Operation] = &[
    operation(
        "/api/bellwether/v1/routes",
        GET,
        "The routing tree of notifications, its named times, and which alerts inhibit which.",
        &[],
    )
    .answering(Content::Json(&ROUTES)),
    operation(
        "/api/bellwether/v1/routes/test",
        POST,
        "The way of an alert with some labels through the routing tree, and what would hold it back.",
        &[],
    )
    .taking(Content::Json(&TEST))
    .answering(Content::Json(&TESTED)),
    operation(
        "/api/bellwether/v1/silences/preview",
        POST,
        "What a silence with some matchers would hide now, and would have hidden in the last 24 hours.",
        &[],
    )
    .taking(Content::Json(&PREVIEW))
    .answering(Content::Json(&PREVIEWED)),
];

static ROUTES: Shape = answer!(Shape::Fields(&[
    ("time", Shape::Time, Always),
    ("routes", Shape::List(&ROUTE), Always),
    ("timeIntervals", Shape::List(&TIME_INTERVAL), Always),
    (
        "inhibitRules",
        Shape::List(&Shape::Fields(&[
            ("name", Shape::Text, Always),
            ("sourceMatchers", Shape::List(&MATCHER), Always),
            ("targetMatchers", Shape::List(&MATCHER), Always),
            ("equal", TEXTS, Always),
        ])),
        Always
    ),
]));

/// Parents come before their children; the root is the first.
const ROUTE: Shape = Shape::Fields(&[
    ("index", Shape::Number, Always),
    ("parent", NUMBER_OR_NULL, Always),
    ("depth", Shape::Number, Always),
    ("id", Shape::Text, Always),
    ("receiver", Shape::Text, Always),
    ("integrations", TEXTS, Always),
    ("matchers", Shape::List(&MATCHER), Always),
    ("matchersText", Shape::Text, Always),
    ("continue", Shape::Boolean, Always),
    // ["..."]: by all labels.
    ("groupBy", TEXTS, Always),
    ("groupWaitSeconds", Shape::Number, Always),
    ("groupIntervalSeconds", Shape::Number, Always),
    ("repeatIntervalSeconds", Shape::Number, Always),
    ("muteTimeIntervals", TEXTS, Always),
    ("activeTimeIntervals", TEXTS, Always),
    ("labels", Shape::Labels, Always),
    // Names of the times that keep it from sending now.
    ("mutedBy", TEXTS, Always),
    // Whether that is because none of its active times holds.
    ("outsideActive", Shape::Boolean, Always),
    ("unreachable", Shape::Boolean, Always),
    // Alerts that take it now.
    ("alerts", Shape::Number, Always),
]);

/// Both ends included, but for times of day.
const SPANS: Shape = Shape::List(&Shape::Fields(&[
    ("begin", Shape::Number, Always),
    ("end", Shape::Number, Always),
]));

const TIME_INTERVAL: Shape = Shape::Fields(&[
    ("name", Shape::Text, Always),
    ("holds", Shape::Boolean, Always),
    (
        "intervals",
        Shape::List(&Shape::Fields(&[
            (
                "times",
                Shape::List(&Shape::Fields(&[
                    ("begin", Shape::Text, Always),
                    ("end", Shape::Text, Always),
                ])),
                Always,
            ),
            ("weekdays", SPANS, Always),
            ("daysOfMonth", SPANS, Always),
            ("months", SPANS, Always),
            ("years", SPANS, Always),
            ("location", Shape::Text, Always),
        ])),
        Always,
    ),
]);

static TEST: Shape = Shape::Fields(&[
    ("labels", Shape::Labels, Always),
    ("at", Shape::AnyTime, Maybe),
]);

static TESTED: Shape = answer!(Shape::Fields(&[
    ("time", Shape::Time, Always),
    ("fingerprint", Shape::Text, Always),
    ("labels", Shape::Labels, Always),
    ("receivers", TEXTS, Always),
    ("taken", Shape::List(&TAKEN), Always),
    ("silencedBy", Shape::List(&SILENCE), Always),
    (
        "inhibitedBy",
        Shape::List(&Shape::Fields(&[
            ("fingerprint", Shape::Text, Always),
            ("labels", Shape::Labels, Always),
        ])),
        Always
    ),
    ("maintenance", TEXT_OR_NULL, Always),
    ("notified", Shape::Boolean, Always),
]));

const TAKEN: Shape = Shape::Fields(&[
    ("route", Shape::Number, Always),
    ("path", Shape::List(&Shape::Number), Always),
    ("receiver", Shape::Text, Always),
    ("integrations", TEXTS, Always),
    ("group", Shape::Labels, Always),
    ("groupKey", Shape::Text, Always),
    ("groupWaitSeconds", Shape::Number, Always),
    ("groupIntervalSeconds", Shape::Number, Always),
    ("repeatIntervalSeconds", Shape::Number, Always),
    ("mutedBy", TEXTS, Always),
    ("outsideActive", Shape::Boolean, Always),
]);

const SILENCE: Shape = Shape::Fields(&[
    ("id", Shape::Text, Always),
    ("createdBy", Shape::Text, Always),
    ("comment", Shape::Text, Always),
    ("start", Shape::Time, Always),
    ("end", Shape::Time, Always),
    ("matchers", Shape::List(&MATCHER), Always),
]);

static PREVIEW: Shape = Shape::Fields(&[("matchers", Shape::List(&MATCHER_WANTED), Always)]);

const MATCHER_WANTED: Shape = Shape::Fields(&[
    ("name", Shape::Text, Always),
    ("value", Shape::Text, Always),
    ("isRegex", Shape::Boolean, Maybe),
    ("isEqual", Shape::Boolean, Maybe),
]);

static PREVIEWED: Shape = answer!(Shape::Fields(&[
    ("warning", TEXT_OR_NULL, Always),
    ("matchesEverything", Shape::Boolean, Always),
    ("activeCount", Shape::Number, Always),
    ("hiddenCount", Shape::Number, Always),
    // At most 500.
    (
        "alerts",
        Shape::List(&Shape::Fields(&[
            ("fingerprint", Shape::Text, Always),
            ("labels", Shape::Labels, Always),
            ("state", Shape::Words(&["pending", "firing"]), Always),
            ("since", Shape::Time, Always),
            ("receivers", TEXTS, Always),
            ("silencedBy", TEXTS, Always),
        ])),
        Always
    ),
    (
        "past",
        Shape::Fields(&[
            ("start", Shape::Time, Always),
            ("end", Shape::Time, Always),
            ("firings", Shape::Number, Always),
            (
                "byAlertname",
                Shape::List(&Shape::Fields(&[
                    ("alertname", Shape::Text, Always),
                    ("firings", Shape::Number, Always),
                    ("alerts", Shape::Number, Always),
                ])),
                Always,
            ),
            ("isCut", Shape::Boolean, Always),
        ]),
        Always
    ),
]));
