//! Operations and bodies of the API of an Alertmanager, version 2.

use super::shape::Presence::{Always, Maybe};
use super::shape::{Shape, TEXTS};
use super::{Content, DELETE, GET, Operation, POST, Parameter, operation};

const FILTER: Parameter = ("filter", "A matcher over labels; may be repeated.", false);
const RECEIVER: Parameter = (
    "receiver",
    "A regular expression that the whole name of the receiver matches.",
    false,
);
const ACTIVE: Parameter = (
    "active",
    "false: without those that nothing holds back.",
    false,
);
const SILENCED: Parameter = ("silenced", "false: without those that are silenced.", false);
const INHIBITED: Parameter = (
    "inhibited",
    "false: without those that are inhibited.",
    false,
);

pub(crate) const OPERATIONS: &[Operation] = &[
    operation(
        "/am/api/v2/alerts",
        GET,
        "Alerts that fire, with who gets them and what holds them back.",
        &[FILTER, RECEIVER, ACTIVE, SILENCED, INHIBITED],
    )
    .answering(Content::Json(&ALERTS)),
    operation("/am/api/v2/alerts", POST, "Take alerts in.", &[])
        .taking(Content::Json(&POSTED_ALERTS)),
    operation(
        "/am/api/v2/alerts/groups",
        GET,
        "The same in the groups in which they are notified.",
        &[
            FILTER,
            RECEIVER,
            ACTIVE,
            SILENCED,
            INHIBITED,
            (
                "muted",
                "false: without groups that a time interval mutes.",
                false,
            ),
        ],
    )
    .answering(Content::Json(&GROUPS)),
    operation(
        "/am/api/v2/silences",
        GET,
        "Silences: active ones by their end, pending ones, ended ones.",
        &[FILTER],
    )
    .answering(Content::Json(&SILENCES)),
    operation(
        "/am/api/v2/silences",
        POST,
        "Set a silence, or change the one of an id.",
        &[],
    )
    .taking(Content::Json(&POSTED_SILENCE))
    .answering(Content::Json(&SILENCE_SET)),
    operation("/am/api/v2/silence/{id}", GET, "One silence.", &[])
        .answering(Content::Json(&SILENCE)),
    operation("/am/api/v2/silence/{id}", DELETE, "End a silence.", &[]),
    operation("/am/api/v2/receivers", GET, "Receivers.", &[]).answering(Content::Json(&RECEIVERS)),
    operation(
        "/am/api/v2/status",
        GET,
        "Configuration of notifications, version, replicas.",
        &[],
    )
    .answering(Content::Json(&STATUS)),
];

/// A time of RFC 3339.
const DATE: Shape = Shape::Text;
const NAMED: Shape = Shape::Fields(&[
    ("name", Shape::Text, Always),
    ("labels", Shape::Labels, Maybe),
]);

static ALERTS: Shape = Shape::List(&ALERT);
static ALERT: Shape = Shape::Fields(&[
    ("annotations", Shape::Labels, Always),
    ("endsAt", DATE, Always),
    ("fingerprint", Shape::Text, Always),
    ("receivers", Shape::List(&NAMED), Always),
    ("startsAt", DATE, Always),
    (
        "status",
        Shape::Fields(&[
            ("inhibitedBy", TEXTS, Always),
            ("mutedBy", TEXTS, Always),
            ("silencedBy", TEXTS, Always),
            (
                "state",
                Shape::Words(&["active", "suppressed", "unprocessed"]),
                Always,
            ),
        ]),
        Always,
    ),
    ("updatedAt", DATE, Always),
    ("generatorURL", Shape::Text, Maybe),
    ("labels", Shape::Labels, Always),
]);

static POSTED_ALERTS: Shape = Shape::List(&Shape::Fields(&[
    ("labels", Shape::Labels, Always),
    ("annotations", Shape::Labels, Maybe),
    ("startsAt", DATE, Maybe),
    ("endsAt", DATE, Maybe),
    ("generatorURL", Shape::Text, Maybe),
]));

static GROUPS: Shape = Shape::List(&Shape::Fields(&[
    ("alerts", Shape::List(&ALERT), Always),
    ("labels", Shape::Labels, Always),
    ("receiver", NAMED, Always),
    ("routeLabels", Shape::Labels, Always),
]));

/// A matcher of a silence.
pub(super) const MATCHER: Shape = Shape::Fields(&[
    ("isEqual", Shape::Boolean, Maybe),
    ("isRegex", Shape::Boolean, Always),
    ("name", Shape::Text, Always),
    ("value", Shape::Text, Always),
]);

static SILENCES: Shape = Shape::List(&SILENCE);
static SILENCE: Shape = Shape::Fields(&[
    ("id", Shape::Text, Always),
    (
        "status",
        Shape::Fields(&[(
            "state",
            Shape::Words(&["pending", "active", "expired"]),
            Always,
        )]),
        Always,
    ),
    ("updatedAt", DATE, Always),
    ("comment", Shape::Text, Always),
    ("createdBy", Shape::Text, Always),
    ("endsAt", DATE, Always),
    ("matchers", Shape::List(&MATCHER), Always),
    ("startsAt", DATE, Always),
]);

static POSTED_SILENCE: Shape = Shape::Fields(&[
    ("id", Shape::Text, Maybe),
    ("matchers", Shape::List(&MATCHER), Always),
    ("startsAt", DATE, Always),
    ("endsAt", DATE, Always),
    ("createdBy", Shape::Text, Always),
    ("comment", Shape::Text, Always),
]);

static SILENCE_SET: Shape = Shape::Fields(&[("silenceID", Shape::Text, Always)]);

static RECEIVERS: Shape = Shape::List(&NAMED);

static STATUS: Shape = Shape::Fields(&[
    (
        "cluster",
        Shape::Fields(&[
            (
                "peers",
                Shape::List(&Shape::Fields(&[
                    ("name", Shape::Text, Always),
                    ("address", Shape::Text, Always),
                ])),
                Always,
            ),
            ("name", Shape::Text, Maybe),
            (
                "status",
                Shape::Words(&["disabled", "ready", "settling"]),
                Always,
            ),
        ]),
        Always,
    ),
    (
        "config",
        Shape::Fields(&[("original", Shape::Text, Always)]),
        Always,
    ),
    ("uptime", DATE, Always),
    (
        "versionInfo",
        Shape::Fields(&[
            ("branch", Shape::Text, Always),
            ("buildDate", Shape::Text, Always),
            ("buildUser", Shape::Text, Always),
            ("goVersion", Shape::Text, Always),
            ("revision", Shape::Text, Always),
            ("version", Shape::Text, Always),
        ]),
        Always,
    ),
]);
