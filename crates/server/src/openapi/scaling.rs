//! Operations and bodies of scalers.

use super::shape::Presence::{Always, Maybe};
use super::shape::Shape;
use super::{Content, GET, Operation, operation};

pub(crate) const OPERATIONS: &[Operation] = &[
    operation(
        "/api/bellwether/v1/scalers",
        GET,
        "All scalers: how many workers each pool shall have, and why.",
        &[],
    )
    .answering(Content::Json(&SCALERS)),
    operation(
        "/api/bellwether/v1/scalers/{scaler}",
        GET,
        "One scaler with its newest changes.",
        &[],
    )
    .answering(Content::Json(&SCALER_ANSWER)),
    operation(
        "/api/bellwether/v1/scalers/{scaler}/follow",
        GET,
        "Wait until the number of workers is another one, for pools of the SDK.",
        &[
            (
                "after",
                "The number of the last answer: an answer comes when there is a later one.",
                false,
            ),
            ("wait", "For how long, such as 30s; at most 55s.", false),
        ],
    )
    .answering(Content::Json(&FOLLOWED)),
    operation(
        "/apis",
        GET,
        "Groups of Kubernetes' APIs that are served.",
        &[],
    ),
    operation(
        "/apis/external.metrics.k8s.io",
        GET,
        "Versions of the external metrics API.",
        &[],
    ),
    operation(
        "/apis/external.metrics.k8s.io/v1beta1",
        GET,
        "External metrics that there are.",
        &[],
    ),
    operation(
        "/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/{metric}",
        GET,
        "The values of an external metric.",
        &[("labelSelector", "Labels that values must have.", false)],
    ),
];

const SUCCESS: Shape = Shape::Word("success");
const TIME_OR_NULL: Shape = Shape::OrNull(&Shape::Time);
const NUMBER_OR_NULL: Shape = Shape::OrNull(&Shape::Number);

macro_rules! answer {
    ($data:expr) => {
        Shape::Fields(&[("status", SUCCESS, Always), ("data", $data, Always)])
    };
}

static SCALERS: Shape = answer!(Shape::Fields(&[("scalers", Shape::List(&SCALER), Always)]));
static SCALER_ANSWER: Shape = answer!(SCALER);
static FOLLOWED: Shape = answer!(Shape::Fields(&[
    ("number", NUMBER_OR_NULL, Always),
    ("workers", NUMBER_OR_NULL, Always),
    ("time", Shape::Time, Maybe),
    ("workersEach", Shape::Number, Maybe),
]));

const SCALER: Shape = Shape::Fields(&[
    ("name", Shape::Text, Always),
    ("labels", Shape::Labels, Always),
    ("dryRun", Shape::Boolean, Always),
    ("min", Shape::Number, Always),
    ("max", Shape::Number, Always),
    ("slotsPerWorker", Shape::Number, Always),
    ("interval", Shape::Number, Always),
    ("startUp", Shape::Number, Always),
    ("turnedAt", TIME_OR_NULL, Always),
    ("decided", Shape::OrNull(&DECIDED), Always),
    ("problems", Shape::List(&PROBLEM), Always),
    ("targets", TARGETS, Always),
    ("changes", Shape::List(&CHANGE), Maybe),
]);

pub(super) static DECIDED: Shape = Shape::Fields(&[
    ("number", Shape::Number, Always),
    ("workers", Shape::Number, Always),
    ("time", Shape::Time, Always),
    ("workersEach", Shape::Number, Maybe),
    ("reason", Shape::Text, Maybe),
    ("text", Shape::Text, Maybe),
    ("wanted", Shape::Object, Maybe),
    ("set", Shape::Number, Maybe),
    ("ready", Shape::Number, Maybe),
    ("seen", Shape::Object, Maybe),
]);

static PROBLEM: Shape = Shape::Fields(&[
    ("signal", Shape::Text, Always),
    ("text", Shape::Text, Always),
]);

const TARGETS: Shape = Shape::Fields(&[
    ("keda", Shape::OrNull(&KEDA), Always),
    ("externalMetric", Shape::OrNull(&METRIC), Always),
    ("sdk", Shape::Boolean, Always),
]);

static KEDA: Shape = Shape::Fields(&[
    ("name", Shape::Text, Always),
    ("namespace", Shape::Text, Always),
]);

static METRIC: Shape = Shape::Fields(&[
    ("name", Shape::Text, Always),
    ("namespaces", Shape::List(&Shape::Text), Always),
]);

static CHANGE: Shape = Shape::Fields(&[
    ("time", Shape::Time, Always),
    ("from", Shape::Number, Always),
    ("to", Shape::Number, Always),
    ("reason", Shape::Text, Always),
    ("text", Shape::Text, Always),
]);
