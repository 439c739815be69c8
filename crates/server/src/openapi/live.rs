//! The stream of what changes.

use super::shape::Presence::{Always, Maybe};
use super::shape::{Shape, TEXT_OR_NULL, TEXTS, TIMELINE_ROW};
use super::status::STATUS;
use super::{Content, GET, Operation, operation, scaling};

pub(crate) const OPERATIONS: &[Operation] = &[operation(
    "/api/bellwether/v1/live",
    GET,
    "What changes, as server-sent events: one stream for all of a page. 429: too many listen already.",
    &[(
        "lastEventId",
        "The id of the last event that one who comes back has, where the header Last-Event-ID cannot be set.",
        false,
    )],
)
.answering(Content::Events(&EVENTS))];

/// By the name of the event what its data is.
pub(crate) static EVENTS: Shape = Shape::Fields(&[
    ("hello", HELLO, Maybe),
    ("status", STATUS, Maybe),
    ("reload", RELOAD, Maybe),
    ("notifications", NOTIFICATIONS, Maybe),
    ("timeline", TIMELINE, Maybe),
    ("alerts", ALERTS, Maybe),
    ("entities", ENTITIES, Maybe),
    ("objectives", OBJECTIVES, Maybe),
    ("scalers", SCALERS, Maybe),
    ("targets", TARGETS, Maybe),
]);

const HELLO: Shape = Shape::Fields(&[
    (
        "state",
        Shape::Words(&["starting", "ready", "stopping"]),
        Always,
    ),
    ("version", Shape::Text, Always),
    ("revision", Shape::Text, Always),
    // Another one than before: the server was started anew.
    ("startedAt", Shape::Time, Always),
    ("now", Shape::Time, Always),
    ("heartbeatSeconds", Shape::Number, Always),
]);

const RELOAD: Shape = Shape::Fields(&[
    ("success", Shape::Boolean, Always),
    ("time", Shape::Time, Always),
]);

const NOTIFICATIONS: Shape = Shape::Fields(&[(
    "notifications",
    Shape::List(&Shape::Fields(&[
        ("text", Shape::Text, Always),
        ("date", Shape::Text, Always),
        ("active", Shape::Boolean, Always),
    ])),
    Always,
)]);

/// Oldest first. Where it is cut there are rows between that the timeline has.
const TIMELINE: Shape = Shape::Fields(&[
    ("rows", Shape::List(&TIMELINE_ROW), Always),
    ("isCut", Shape::Boolean, Always),
]);

/// Lists of an event hold at most 200 items; of so many more nothing is said.
const MORE: Shape = Shape::Number;

const ALERTS: Shape = Shape::Fields(&[
    ("firing", Shape::Number, Always),
    ("pending", Shape::Number, Always),
    ("silenced", Shape::Number, Always),
    ("inhibited", Shape::Number, Always),
    ("muted", Shape::Number, Always),
    ("acknowledged", Shape::Number, Always),
    (
        "changed",
        Shape::List(&Shape::Fields(&[
            ("fingerprint", Shape::Text, Always),
            ("state", Shape::Words(&["pending", "firing"]), Always),
            ("silenced", Shape::Boolean, Always),
            ("inhibited", Shape::Boolean, Always),
            ("muted", Shape::Boolean, Always),
            ("acknowledged", Shape::Boolean, Always),
        ])),
        Always,
    ),
    ("gone", TEXTS, Always),
    ("more", MORE, Always),
]);

const ENTITIES: Shape = Shape::Fields(&[
    (
        "changed",
        Shape::List(&Shape::Fields(&[
            ("entity", Shape::Text, Always),
            ("state", Shape::Text, Always),
            ("from", TEXT_OR_NULL, Always),
            ("reason", Shape::Text, Always),
            ("since", Shape::Time, Always),
        ])),
        Always,
    ),
    ("gone", TEXTS, Always),
    ("more", MORE, Always),
]);

const OBJECTIVES: Shape = Shape::Fields(&[
    (
        "changed",
        Shape::List(&Shape::Fields(&[
            ("objective", Shape::Text, Always),
            ("verdict", Shape::Text, Always),
            ("from", TEXT_OR_NULL, Always),
        ])),
        Always,
    ),
    ("gone", TEXTS, Always),
    ("more", MORE, Always),
]);

const SCALERS: Shape = Shape::Fields(&[
    (
        "changed",
        Shape::List(&Shape::Fields(&[
            ("name", Shape::Text, Always),
            ("decided", Shape::OrNull(&scaling::DECIDED), Always),
        ])),
        Always,
    ),
    ("gone", TEXTS, Always),
    ("more", MORE, Always),
]);

const TARGETS: Shape = Shape::Fields(&[
    (
        "changed",
        Shape::List(&Shape::Fields(&[
            ("scrapePool", Shape::Text, Always),
            ("labels", Shape::Labels, Always),
            ("scrapeUrl", Shape::Text, Always),
            ("health", Shape::Words(&["up", "down", "unknown"]), Always),
            ("from", TEXT_OR_NULL, Always),
            ("lastError", Shape::Text, Always),
        ])),
        Always,
    ),
    (
        "gone",
        Shape::List(&Shape::Fields(&[
            ("scrapePool", Shape::Text, Always),
            ("labels", Shape::Labels, Always),
        ])),
        Always,
    ),
    ("more", MORE, Always),
]);
