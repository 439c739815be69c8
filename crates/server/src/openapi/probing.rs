//! Operations and bodies of probes, entities and maintenance.

use super::shape::Presence::{Always, Maybe};
use super::shape::Shape;
use super::{Content, DELETE, GET, Operation, POST, operation};

pub(crate) const OPERATIONS: &[Operation] = &[
    operation(
        "/probe",
        GET,
        "Probe a target with a module and answer in the text format, as blackbox_exporter does.",
        &[
            ("target", "What is probed.", true),
            ("module", "How; default http_2xx.", false),
            ("hostname", "The name that a server is asked by, where it is not that of the target.", false),
            ("debug", "true: the steps before the metrics.", false),
        ],
    ),
    operation(
        "/api/bellwether/v1/probes",
        GET,
        "All probes and how their targets are.",
        &[],
    )
    .answering(Content::Json(&PROBES)),
    operation(
        "/api/bellwether/v1/probes/{probe}",
        GET,
        "One probe with its last checks, and the logs of the last one and of the last one that failed.",
        &[],
    )
    .answering(Content::Json(&PROBE_ANSWER)),
    operation(
        "/api/bellwether/v1/probes/{probe}/check",
        POST,
        "Check a target now, beside its schedule. What is found counts for nothing.",
        &[],
    )
    .answering(Content::Json(&CHECKED)),
    operation(
        "/api/bellwether/v1/maintenance",
        GET,
        "Times in which something is worked on that are not over.",
        &[],
    )
    .answering(Content::Json(&MAINTENANCE)),
    operation(
        "/api/bellwether/v1/maintenance",
        POST,
        "Begin a maintenance or plan it: alerts about these probes, and about entities of which all probes are \
         covered, are inhibited.",
        &[],
    )
    .taking(Content::Json(&BEGIN))
    .answering(Content::Json(&BEGUN)),
    operation(
        "/api/bellwether/v1/maintenance/{number}",
        DELETE,
        "End a maintenance that somebody began.",
        &[],
    )
    .answering(Content::Nothing),
    operation(
        "/api/bellwether/v1/public-status",
        GET,
        "What strangers may know of probes that are public; needs no authentication.",
        &[],
    )
    .answering(Content::Json(&PUBLIC)),
    operation(
        "/api/bellwether/v1/entities",
        GET,
        "All entities: daemons, providers, models, tools, pools, hosts, databases, services.",
        &[
            ("kind", "Only these kinds; may be repeated, or a list with commas.", false),
            ("state", "Only these states; may be repeated, or a list with commas.", false),
        ],
    )
    .answering(Content::Json(&ENTITIES)),
    operation(
        "/api/bellwether/v1/entities/{entity}",
        GET,
        "One entity with what every source says of it, what depends on it, and alerts that name it.",
        &[],
    )
    .answering(Content::Json(&ENTITY_ANSWER)),
];

const SUCCESS: Shape = Shape::Word("success");
const TEXTS: Shape = Shape::List(&Shape::Text);
const TIME_OR_NULL: Shape = Shape::OrNull(&Shape::Time);
const NUMBER_OR_NULL: Shape = Shape::OrNull(&Shape::Number);
const TEXT_OR_NULL: Shape = Shape::OrNull(&Shape::Text);

macro_rules! answer {
    ($data:expr) => {
        Shape::Fields(&[("status", SUCCESS, Always), ("data", $data, Always)])
    };
}

static PROBES: Shape = answer!(Shape::Fields(&[("probes", Shape::List(&PROBE), Always)]));
static PROBE_ANSWER: Shape = answer!(PROBE);
static CHECKED: Shape = answer!(RESULT);

const PROBE: Shape = Shape::Fields(&[
    ("name", Shape::Text, Always),
    ("module", Shape::Text, Always),
    ("prober", Shape::Text, Always),
    ("target", Shape::Text, Always),
    ("entity", Shape::Text, Always),
    ("labels", Shape::Labels, Always),
    ("intervalSeconds", Shape::Number, Always),
    ("timeoutSeconds", Shape::Number, Always),
    ("state", Shape::Text, Always),
    ("reason", Shape::Text, Always),
    ("since", TIME_OR_NULL, Always),
    ("failures", Shape::Number, Always),
    ("dependsOn", TEXTS, Always),
    ("causedBy", TEXTS, Always),
    ("maintenance", TEXT_OR_NULL, Always),
    ("public", Shape::Boolean, Always),
    ("lastCheck", TIME_OR_NULL, Always),
    ("lastDurationSeconds", NUMBER_OR_NULL, Always),
    ("history", Shape::List(&CHECK), Maybe),
    ("last", Shape::OrNull(&RESULT), Maybe),
    ("lastFailure", Shape::OrNull(&RESULT), Maybe),
]);

const CHECK: Shape = Shape::Fields(&[
    ("time", Shape::Time, Always),
    ("state", Shape::Text, Always),
    ("reason", Shape::Text, Always),
    ("durationSeconds", Shape::Number, Always),
    ("phases", Shape::List(&PHASE), Always),
]);

const PHASE: Shape = Shape::Fields(&[
    ("name", Shape::Text, Always),
    ("seconds", Shape::Number, Always),
    ("finished", Shape::Boolean, Always),
]);

const RESULT: Shape = Shape::Fields(&[
    ("time", Shape::Time, Always),
    ("success", Shape::Boolean, Always),
    ("state", Shape::Text, Always),
    ("reason", TEXT_OR_NULL, Always),
    ("durationSeconds", Shape::Number, Always),
    ("timeoutSeconds", Shape::Number, Always),
    ("phases", Shape::List(&PHASE), Always),
    ("metrics", Shape::List(&METRIC), Always),
    ("log", Shape::List(&STEP), Always),
]);

const METRIC: Shape = Shape::Fields(&[
    ("name", Shape::Text, Always),
    ("labels", Shape::Labels, Always),
    ("value", NUMBER_OR_NULL, Always),
]);

const STEP: Shape = Shape::Fields(&[
    ("seconds", Shape::Number, Always),
    ("text", Shape::Text, Always),
]);

static MAINTENANCE: Shape = answer!(Shape::Fields(&[(
    "maintenance",
    Shape::List(&WINDOW),
    Always
)]));

const WINDOW: Shape = Shape::Fields(&[
    ("id", NUMBER_OR_NULL, Always),
    ("reason", Shape::Text, Always),
    ("probes", TEXTS, Always),
    ("start", Shape::Time, Always),
    ("end", Shape::Time, Always),
    ("everySeconds", NUMBER_OR_NULL, Always),
]);

static BEGIN: Shape = Shape::Fields(&[
    ("reason", Shape::Text, Always),
    ("probes", TEXTS, Always),
    ("start", Shape::Text, Maybe),
    ("end", Shape::Text, Maybe),
    ("duration", Shape::Text, Maybe),
]);

static BEGUN: Shape = answer!(Shape::Fields(&[("id", Shape::Number, Always)]));

static PUBLIC: Shape = answer!(Shape::Fields(&[
    ("time", Shape::Time, Always),
    ("state", Shape::Text, Always),
    ("groups", Shape::List(&GROUP), Always),
    ("maintenance", Shape::List(&WORK), Always),
]));

const WORK: Shape = Shape::Fields(&[
    ("start", Shape::Time, Always),
    ("end", Shape::Time, Always),
    ("title", Shape::Text, Always),
    ("group", Shape::Text, Always),
]);

const GROUP: Shape = Shape::Fields(&[
    ("group", Shape::Text, Always),
    ("items", Shape::List(&ITEM), Always),
]);

const ITEM: Shape = Shape::Fields(&[
    ("title", Shape::Text, Always),
    ("state", Shape::Text, Always),
    ("since", TIME_OR_NULL, Always),
    ("maintenance", Shape::Boolean, Always),
    ("days", Shape::List(&DAY), Always),
]);

const DAY: Shape = Shape::Fields(&[
    ("day", Shape::Time, Always),
    ("successShare", Shape::Number, Always),
    ("checks", Shape::Number, Always),
]);

static ENTITIES: Shape = answer!(Shape::Fields(&[("entities", Shape::List(&ENTITY), Always)]));
static ENTITY_ANSWER: Shape = answer!(ENTITY);

const ENTITY: Shape = Shape::Fields(&[
    ("entity", Shape::Text, Always),
    ("kind", Shape::Text, Always),
    ("name", Shape::Text, Always),
    ("state", Shape::Text, Always),
    ("reason", Shape::Text, Always),
    ("since", Shape::Time, Always),
    ("dependsOn", TEXTS, Always),
    ("causedBy", TEXTS, Always),
    ("sources", TEXTS, Always),
    ("dependents", TEXTS, Maybe),
    ("facts", Shape::List(&FACT), Maybe),
    ("alerts", Shape::List(&ALERT), Maybe),
]);

const FACT: Shape = Shape::Fields(&[
    ("source", Shape::Text, Always),
    ("from", Shape::Text, Always),
    ("state", Shape::Text, Always),
    ("reason", Shape::Text, Always),
    ("selector", TEXT_OR_NULL, Always),
]);

const ALERT: Shape = Shape::Fields(&[
    ("fingerprint", Shape::Text, Always),
    ("labels", Shape::Labels, Always),
    ("since", Shape::Time, Always),
]);
