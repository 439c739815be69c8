//! Operations of the Prometheus HTTP API, and what those answer that pages ask for.

use super::shape::Presence::{self, Always, Maybe};
use super::shape::{NUMBER_OR_NULL, Shape, TEXTS, answer};
use super::{
    CHANGE, Content, END, GET, GET_POST, LIMIT, LOOKBACK, MATCH, MATCH_NEEDED, Operation, POST,
    QUERY, SEARCH, START, STATS, TIMEOUT, operation,
};

pub(crate) const OPERATIONS: &[Operation] = &[
    operation(
        "/api/v1/query",
        GET_POST,
        "Evaluate an expression at one time.",
        &[
            QUERY,
            ("time", "When; default now.", false),
            TIMEOUT,
            LIMIT,
            LOOKBACK,
            STATS,
        ],
    )
    .answering(Content::Json(&QUERY_ANSWER)),
    operation(
        "/api/v1/query_range",
        GET_POST,
        "Evaluate an expression over a range of time.",
        &[
            QUERY,
            ("start", "First time.", true),
            ("end", "Last time.", true),
            (
                "step",
                "Distance of the points, such as 15s; at most 11,000 points.",
                true,
            ),
            TIMEOUT,
            LIMIT,
            LOOKBACK,
            STATS,
        ],
    )
    .answering(Content::Json(&QUERY_ANSWER)),
    operation(
        "/api/v1/query_exemplars",
        GET_POST,
        "Exemplars of the series of an expression.",
        &[QUERY, START, END],
    )
    .answering(Content::Json(&EXEMPLARS)),
    operation(
        "/api/v1/format_query",
        GET_POST,
        "An expression, laid out.",
        &[QUERY],
    )
    .answering(Content::Json(&FORMATTED)),
    operation(
        "/api/v1/parse_query",
        GET_POST,
        "The syntax tree of an expression.",
        &[QUERY],
    )
    .answering(Content::Json(&PARSED)),
    operation(
        "/api/v1/series",
        GET_POST,
        "Label sets of series.",
        &[MATCH_NEEDED, START, END, LIMIT],
    )
    .answering(Content::Json(&SERIES)),
    operation(
        "/api/v1/labels",
        GET_POST,
        "Names of labels.",
        &[MATCH, START, END, LIMIT],
    )
    .answering(Content::Json(&NAMES)),
    operation(
        "/api/v1/label/{name}/values",
        GET,
        "Values of a label.",
        &[MATCH, START, END, LIMIT],
    )
    .answering(Content::Json(&NAMES)),
    operation(
        "/api/v1/metadata",
        GET,
        "Type, unit and help of metric families.",
        &[
            ("metric", "Only this family.", false),
            LIMIT,
            ("limit_per_metric", "Most entries of one family.", false),
        ],
    )
    .answering(Content::Json(&METADATA)),
    operation(
        "/api/v1/targets",
        GET,
        "What is scraped, and what was dropped.",
        &[
            ("state", "active, dropped or any.", false),
            ("scrapePool", "Only this job.", false),
        ],
    )
    .answering(Content::Json(&TARGETS)),
    operation(
        "/api/v1/targets/metadata",
        GET,
        "What targets say about their metrics.",
        &[
            ("match_target", "A selector over labels of targets.", false),
            ("metric", "Only this family.", false),
            LIMIT,
        ],
    )
    .answering(Content::Json(&TARGET_METADATA)),
    operation(
        "/api/v1/targets/relabel_steps",
        GET,
        "What each rule makes of given labels.",
        &[
            ("scrapePool", "The job.", true),
            ("labels", "A JSON object of labels.", true),
        ],
    )
    .answering(Content::Json(&RELABEL_STEPS)),
    operation("/api/v1/scrape_pools", GET, "Names of the jobs.", &[])
        .answering(Content::Json(&POOLS)),
    operation(
        "/api/v1/scrape_pools/config",
        GET,
        "The running configuration of a job, without secrets.",
        &[("scrapePool", "The job.", true)],
    )
    .answering(Content::Json(&YAML_TEXT)),
    operation(
        "/api/v1/rules",
        GET,
        "Groups of rules, as their last evaluations have left them.",
        &[
            ("type", "Only rules of a kind: alert or record.", false),
            (
                "rule_name[]",
                "Only rules of this name; may be repeated.",
                false,
            ),
            ("rule_group[]", "Only this group; may be repeated.", false),
            (
                "file[]",
                "Only groups of this file; may be repeated.",
                false,
            ),
            (
                "match[]",
                "A selector over labels of rules; may be repeated.",
                false,
            ),
            ("exclude_alerts", "true: without the alerts.", false),
            ("group_limit", "Most groups of an answer.", false),
            (
                "group_next_token",
                "Where the next page of groups begins.",
                false,
            ),
        ],
    )
    .answering(Content::Json(&RULES)),
    operation(
        "/api/v1/alerts",
        GET,
        "Alerts of rules that are pending or fire.",
        &[],
    )
    .answering(Content::Json(&ALERTS)),
    operation(
        "/api/v1/alertmanagers",
        GET,
        "Other Alertmanagers that are told of alerts.",
        &[],
    )
    .answering(Content::Json(&ALERTMANAGERS)),
    operation(
        "/api/v1/status/config",
        GET,
        "The running configuration, without secrets.",
        &[],
    )
    .answering(Content::Json(&YAML_TEXT)),
    operation("/api/v1/status/flags", GET, "Command-line flags.", &[])
        .answering(Content::Json(&FLAGS)),
    operation(
        "/api/v1/status/runtimeinfo",
        GET,
        "Facts about the process.",
        &[],
    )
    .answering(Content::Json(&RUNTIME)),
    operation("/api/v1/status/buildinfo", GET, "What was built.", &[])
        .answering(Content::Json(&BUILD)),
    operation(
        "/api/v1/status/tsdb",
        GET,
        "Cardinality.",
        &[("limit", "Length of lists.", false)],
    )
    .answering(Content::Json(&TSDB)),
    operation(
        "/api/v1/status/tsdb/blocks",
        GET,
        "The blocks on disk.",
        &[],
    )
    .answering(Content::Json(&BLOCKS)),
    operation(
        "/api/v1/status/self_metrics",
        GET,
        "Own metrics as JSON.",
        &[(
            "metric_name_pattern",
            "Only families whose whole name matches this regular expression.",
            false,
        )],
    ),
    operation(
        "/api/v1/openapi.yaml",
        GET,
        "This document as YAML.",
        &[("openapi_version", "3.1 or 3.2; default 3.1.", false)],
    ),
    operation(
        "/api/v1/status/walreplay",
        GET,
        "How far the replay is.",
        &[],
    )
    .answering(Content::Json(&REPLAY)),
    operation("/api/v1/features", GET, "What is switched on.", &[])
        .answering(Content::Json(&FEATURES)),
    operation(
        "/api/v1/notifications",
        GET,
        "What an operator should know.",
        &[],
    )
    .answering(Content::Json(&NOTIFICATIONS)),
    operation(
        "/api/v1/notifications/live",
        GET,
        "The same as server-sent events.",
        &[],
    ),
    operation(
        "/api/v1/search/metric_names",
        GET_POST,
        "Search metric names.",
        &SEARCH,
    ),
    operation(
        "/api/v1/search/label_names",
        GET_POST,
        "Search label names.",
        &SEARCH,
    ),
    operation(
        "/api/v1/search/label_values",
        GET_POST,
        "Search values of a label.",
        &[
            ("label", "The label.", true),
            ("search[]", "A term; may be repeated.", false),
            MATCH,
            LIMIT,
        ],
    ),
    operation(
        "/api/v1/admin/tsdb/delete_series",
        CHANGE,
        "Delete samples.",
        &[MATCH_NEEDED, START, END],
    )
    .answering(Content::Nothing),
    operation(
        "/api/v1/admin/tsdb/clean_tombstones",
        CHANGE,
        "Free what was deleted.",
        &[],
    )
    .answering(Content::Nothing),
    operation(
        "/api/v1/admin/tsdb/snapshot",
        CHANGE,
        "Copy all data.",
        &[("skip_head", "Only blocks.", false)],
    ),
    operation("/api/v1/write", POST, "Remote write 1.0 and 2.0.", &[]),
    operation(
        "/api/v1/read",
        POST,
        "Remote read: samples and streamed chunks.",
        &[],
    ),
    operation(
        "/api/v1/otlp/v1/metrics",
        POST,
        "OTLP metrics: protobuf and JSON.",
        &[],
    ),
];

type Field = (&'static str, Shape, Presence);

const WARNINGS: Field = ("warnings", TEXTS, Maybe);
const INFOS: Field = ("infos", TEXTS, Maybe);

/// The same with notes.
macro_rules! noted {
    ($data:expr) => {
        Shape::Fields(&[
            ("status", Shape::Word("success"), Always),
            ("data", $data, Always),
            WARNINGS,
            INFOS,
        ])
    };
}

/// The value of a query, by its type.
macro_rules! result {
    ($kind:literal, $value:expr) => {
        Shape::Fields(&[
            ("resultType", Shape::Word($kind), Always),
            ("result", $value, Always),
            ("stats", QUERY_STATS, Maybe),
        ])
    };
}

/// A time of RFC 3339.
const DATE: Shape = Shape::Text;
/// A value is a text, so that it can be `NaN`, `+Inf` and `-Inf`.
const POINT: Shape = Shape::Tuple(&[Shape::Time, Shape::Text]);
const HISTOGRAM_POINT: Shape = Shape::Tuple(&[Shape::Time, HISTOGRAM]);
const HISTOGRAM: Shape = Shape::Fields(&[
    ("count", Shape::Text, Always),
    ("sum", Shape::Text, Always),
    ("buckets", Shape::List(&BUCKET), Maybe),
]);
/// Which bounds belong to it (0: the upper, 1: the lower, 2: none, 3: both), lower, upper, count.
const BUCKET: Shape = Shape::Tuple(&[Shape::Number, Shape::Text, Shape::Text, Shape::Text]);

static QUERY_ANSWER: Shape = noted!(Shape::AnyOf(&[
    result!("matrix", Shape::List(&MATRIX_SERIES)),
    result!("vector", Shape::List(&VECTOR_SAMPLE)),
    result!("scalar", POINT),
    result!("string", POINT),
]));

const MATRIX_SERIES: Shape = Shape::Fields(&[
    ("metric", Shape::Labels, Always),
    ("values", Shape::List(&POINT), Maybe),
    ("histograms", Shape::List(&HISTOGRAM_POINT), Maybe),
]);

const VECTOR_SAMPLE: Shape = Shape::Fields(&[
    ("metric", Shape::Labels, Always),
    ("value", POINT, Maybe),
    ("histogram", HISTOGRAM_POINT, Maybe),
]);

const QUERY_STATS: Shape = Shape::Fields(&[
    (
        "timings",
        Shape::Fields(&[
            ("evalTotalTime", Shape::Number, Always),
            ("resultSortTime", Shape::Number, Always),
            ("queryPreparationTime", Shape::Number, Always),
            ("innerEvalTime", Shape::Number, Always),
            ("execQueueTime", Shape::Number, Always),
            ("execTotalTime", Shape::Number, Always),
        ]),
        Always,
    ),
    (
        "samples",
        Shape::Fields(&[
            ("totalQueryableSamplesPerStep", Shape::List(&STEP), Maybe),
            ("samplesReadPerStep", Shape::List(&STEP), Maybe),
            ("totalQueryableSamples", Shape::Number, Always),
            ("samplesRead", Shape::Number, Always),
            ("peakSamples", Shape::Number, Always),
        ]),
        Always,
    ),
]);
const STEP: Shape = Shape::Tuple(&[Shape::Time, Shape::Number]);

static EXEMPLARS: Shape = noted!(Shape::List(&Shape::Fields(&[
    ("seriesLabels", Shape::Labels, Always),
    (
        "exemplars",
        Shape::List(&Shape::Fields(&[
            ("labels", Shape::Labels, Always),
            ("value", Shape::Text, Always),
            ("timestamp", Shape::Time, Always),
        ])),
        Always,
    ),
])));

static FORMATTED: Shape = noted!(Shape::Text);
static PARSED: Shape = noted!(Shape::Object);
static SERIES: Shape = noted!(Shape::List(&Shape::Labels));
static NAMES: Shape = noted!(TEXTS);

static METADATA: Shape = noted!(Shape::Map(&Shape::List(&FAMILY)));
const METRIC_TYPE: Shape = Shape::Words(&[
    "counter",
    "gauge",
    "histogram",
    "gaugehistogram",
    "summary",
    "info",
    "stateset",
    "unknown",
]);
const FAMILY: Shape = Shape::Fields(&[
    ("type", METRIC_TYPE, Always),
    ("unit", Shape::Text, Always),
    ("help", Shape::Text, Always),
]);

static TARGET_METADATA: Shape = noted!(Shape::List(&Shape::Fields(&[
    ("target", Shape::Labels, Always),
    ("metric", Shape::Text, Maybe),
    ("type", METRIC_TYPE, Always),
    ("help", Shape::Text, Always),
    ("unit", Shape::Text, Always),
])));

static TARGETS: Shape = noted!(Shape::Fields(&[
    ("activeTargets", Shape::List(&ACTIVE_TARGET), Always),
    ("droppedTargets", Shape::List(&DROPPED_TARGET), Always),
    (
        "droppedTargetCounts",
        Shape::OrNull(&Shape::Map(&Shape::Number)),
        Always
    ),
]));
const ACTIVE_TARGET: Shape = Shape::Fields(&[
    ("discoveredLabels", Shape::Labels, Always),
    ("labels", Shape::Labels, Always),
    ("scrapePool", Shape::Text, Always),
    ("scrapeUrl", Shape::Text, Always),
    ("globalUrl", Shape::Text, Always),
    ("lastError", Shape::Text, Always),
    ("lastScrape", DATE, Always),
    ("lastScrapeDuration", NUMBER_OR_NULL, Always),
    ("health", Shape::Words(&["up", "down", "unknown"]), Always),
    ("scrapeInterval", Shape::Text, Always),
    ("scrapeTimeout", Shape::Text, Always),
]);
const DROPPED_TARGET: Shape = Shape::Fields(&[
    ("discoveredLabels", Shape::Labels, Always),
    ("scrapePool", Shape::Text, Always),
]);

static RELABEL_STEPS: Shape = noted!(Shape::Fields(&[(
    "steps",
    Shape::List(&Shape::Fields(&[
        ("rule", RELABEL_RULE, Always),
        ("output", Shape::Labels, Always),
        ("keep", Shape::Boolean, Always),
    ])),
    Always
)]));
const RELABEL_RULE: Shape = Shape::Fields(&[
    ("source_labels", TEXTS, Maybe),
    ("separator", Shape::Text, Always),
    ("regex", Shape::Text, Always),
    ("modulus", Shape::Number, Maybe),
    ("target_label", Shape::Text, Maybe),
    ("replacement", Shape::Text, Always),
    ("action", Shape::Text, Always),
]);

static POOLS: Shape = noted!(Shape::Fields(&[("scrapePools", TEXTS, Always)]));
static YAML_TEXT: Shape = noted!(Shape::Fields(&[("yaml", Shape::Text, Always)]));

static RULES: Shape = noted!(Shape::Fields(&[
    ("groups", Shape::List(&GROUP), Always),
    ("groupNextToken", Shape::Text, Maybe),
]));
const GROUP: Shape = Shape::Fields(&[
    ("name", Shape::Text, Always),
    ("file", Shape::Text, Always),
    (
        "rules",
        Shape::List(&Shape::AnyOf(&[ALERTING_RULE, RECORDING_RULE])),
        Always,
    ),
    ("interval", Shape::Number, Always),
    ("limit", Shape::Number, Always),
    ("evaluationTime", Shape::Number, Always),
    ("lastEvaluation", DATE, Always),
]);
const HEALTH: Field = ("health", Shape::Words(&["unknown", "ok", "err"]), Always);
const ALERTING_RULE: Shape = Shape::Fields(&[
    (
        "state",
        Shape::Words(&["inactive", "pending", "firing"]),
        Always,
    ),
    ("name", Shape::Text, Always),
    ("query", Shape::Text, Always),
    ("duration", Shape::Number, Always),
    ("keepFiringFor", Shape::Number, Always),
    ("labels", Shape::Labels, Always),
    ("annotations", Shape::Labels, Always),
    ("alerts", Shape::List(&ALERT), Always),
    HEALTH,
    ("lastError", Shape::Text, Maybe),
    ("evaluationTime", Shape::Number, Always),
    ("lastEvaluation", DATE, Always),
    ("type", Shape::Word("alerting"), Always),
]);
const RECORDING_RULE: Shape = Shape::Fields(&[
    ("name", Shape::Text, Always),
    ("query", Shape::Text, Always),
    ("labels", Shape::Labels, Always),
    HEALTH,
    ("lastError", Shape::Text, Maybe),
    ("evaluationTime", Shape::Number, Always),
    ("lastEvaluation", DATE, Always),
    ("type", Shape::Word("recording"), Always),
]);

static ALERTS: Shape = noted!(Shape::Fields(&[("alerts", Shape::List(&ALERT), Always)]));
const ALERT: Shape = Shape::Fields(&[
    ("labels", Shape::Labels, Always),
    ("annotations", Shape::Labels, Always),
    (
        "state",
        Shape::Words(&["inactive", "pending", "firing"]),
        Always,
    ),
    ("activeAt", DATE, Always),
    ("keepFiringSince", DATE, Maybe),
    ("value", Shape::Text, Always),
]);

static ALERTMANAGERS: Shape = noted!(Shape::Fields(&[
    ("activeAlertmanagers", Shape::List(&URL), Always),
    ("droppedAlertmanagers", Shape::List(&URL), Always),
]));
const URL: Shape = Shape::Fields(&[("url", Shape::Text, Always)]);

static FLAGS: Shape = noted!(Shape::Labels);

static RUNTIME: Shape = noted!(Shape::Fields(&[
    ("startTime", DATE, Always),
    ("CWD", Shape::Text, Always),
    ("hostname", Shape::Text, Always),
    ("serverTime", DATE, Always),
    ("reloadConfigSuccess", Shape::Boolean, Always),
    ("lastConfigTime", DATE, Always),
    ("corruptionCount", Shape::Number, Always),
    ("goroutineCount", Shape::Number, Always),
    ("GOMAXPROCS", Shape::Number, Always),
    ("GOMEMLIMIT", Shape::Number, Always),
    ("GOGC", Shape::Text, Always),
    ("GODEBUG", Shape::Text, Always),
    ("storageRetention", Shape::Text, Always),
]));

static BUILD: Shape = answer!(Shape::Fields(&[
    ("version", Shape::Text, Always),
    ("revision", Shape::Text, Always),
    ("branch", Shape::Text, Always),
    ("buildUser", Shape::Text, Always),
    ("buildDate", Shape::Text, Always),
    ("goVersion", Shape::Text, Always),
    ("application", Shape::Text, Always),
    ("bellwetherVersion", Shape::Text, Always),
]));

static TSDB: Shape = noted!(Shape::Fields(&[
    (
        "headStats",
        Shape::Fields(&[
            ("numSeries", Shape::Number, Always),
            ("numLabelPairs", Shape::Number, Always),
            ("chunkCount", Shape::Number, Always),
            ("minTime", Shape::Number, Always),
            ("maxTime", Shape::Number, Always),
        ]),
        Always
    ),
    ("seriesCountByMetricName", TOP, Always),
    ("labelValueCountByLabelName", TOP, Always),
    ("memoryInBytesByLabelName", TOP, Always),
    ("seriesCountByLabelValuePair", TOP, Always),
]));
/// The greatest of their kind.
pub(super) const TOP: Shape = Shape::List(&Shape::Fields(&[
    ("name", Shape::Text, Always),
    ("value", Shape::Number, Always),
]));

static BLOCKS: Shape = noted!(Shape::Fields(&[(
    "blocks",
    Shape::List(&Shape::Fields(&[
        ("ulid", Shape::Text, Always),
        ("minTime", Shape::Number, Always),
        ("maxTime", Shape::Number, Always),
        (
            "stats",
            Shape::Fields(&[
                ("numBytes", Shape::Number, Always),
                ("numSamples", Shape::Number, Always),
                ("numSeries", Shape::Number, Always),
                ("numChunks", Shape::Number, Always),
            ]),
            Always
        ),
        (
            "compaction",
            Shape::Fields(&[("level", Shape::Number, Always), ("sources", TEXTS, Always)]),
            Always
        ),
        ("version", Shape::Number, Always),
    ])),
    Always
)]));

static REPLAY: Shape = noted!(Shape::Fields(&[
    ("min", Shape::Number, Always),
    ("max", Shape::Number, Always),
    ("current", Shape::Number, Always),
]));

static FEATURES: Shape = noted!(Shape::Map(&Shape::Map(&Shape::Boolean)));

static NOTIFICATIONS: Shape = noted!(Shape::List(&Shape::Fields(&[
    ("text", Shape::Text, Always),
    ("date", DATE, Always),
    ("active", Shape::Boolean, Always),
])));
