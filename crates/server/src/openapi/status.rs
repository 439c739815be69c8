//! `/api/bellwether/v1/status`.

use super::prometheus::TOP;
use super::shape::Presence::{Always, Maybe};
use super::shape::{Shape, TIME_OR_NULL};

pub(crate) static STATUS: Shape = Shape::Fields(&[
    (
        "state",
        Shape::Words(&["starting", "ready", "stopping"]),
        Always,
    ),
    ("version", Shape::Text, Always),
    ("revision", Shape::Text, Always),
    ("startedAt", Shape::Time, Always),
    ("now", Shape::Time, Always),
    ("authentication", Shape::Boolean, Always),
    // What there is once the store is open; else an error.
    ("targets", TARGETS, Maybe),
    ("replica", REPLICA, Maybe),
    ("storage", STORAGE, Maybe),
    ("error", Shape::Text, Maybe),
]);

const TARGETS: Shape = Shape::Fields(&[
    ("up", Shape::Number, Always),
    ("down", Shape::Number, Always),
    ("unknown", Shape::Number, Always),
    (
        "problems",
        Shape::List(&Shape::Fields(&[
            ("pool", Shape::Text, Always),
            ("text", Shape::Text, Always),
        ])),
        Always,
    ),
]);

const REPLICA: Shape = Shape::Fields(&[
    ("name", Shape::Text, Always),
    ("leads", Shape::Boolean, Always),
    ("holder", Shape::Text, Always),
    ("token", Shape::Number, Always),
    ("terms", Shape::Number, Always),
    ("unshared", Shape::Number, Always),
    ("leaseError", Shape::Text, Always),
    ("logError", Shape::Text, Always),
]);

const STORAGE: Shape = Shape::Fields(&[
    ("headSeries", Shape::Number, Always),
    ("headLabelPairs", Shape::Number, Always),
    ("headChunks", Shape::Number, Always),
    ("headMinTime", TIME_OR_NULL, Always),
    ("headMaxTime", TIME_OR_NULL, Always),
    ("blocks", Shape::Number, Always),
    ("diskBytes", Shape::Number, Always),
    ("memoryBytes", Shape::Number, Always),
    ("memoryLimitBytes", Shape::Number, Always),
    ("seriesByMetric", TOP, Always),
    ("valuesByLabel", TOP, Always),
    ("seriesByPair", TOP, Always),
    ("seriesBySource", TOP, Always),
]);
