//! Operations and bodies of forecasts.

use super::shape::Presence::{Always, Maybe};
use super::shape::Shape;
use super::{Content, GET, Operation, operation};

pub(crate) const OPERATIONS: &[Operation] = &[operation(
    "/api/bellwether/v1/forecasts",
    GET,
    "Forecasts of the configuration with their series: those with an alarm first, then those that run out first.",
    &[
        ("name", "Only this one.", false),
        ("limit", "Most series of each; 0 or missing: 100.", false),
    ],
)
.answering(Content::Json(&FORECASTS))];

const NUMBER_OR_NULL: Shape = Shape::OrNull(&Shape::Number);
const TEXT_OR_NULL: Shape = Shape::OrNull(&Shape::Text);
const TIME_OR_NULL: Shape = Shape::OrNull(&Shape::Time);

static FORECASTS: Shape = Shape::Fields(&[
    ("status", Shape::Word("success"), Always),
    (
        "data",
        Shape::Fields(&[("forecasts", Shape::List(&FORECAST), Always)]),
        Always,
    ),
]);

static FORECAST: Shape = Shape::Fields(&[
    ("name", Shape::Text, Always),
    ("query", Shape::Text, Maybe),
    ("intervalSeconds", Shape::Number, Always),
    ("stepSeconds", Shape::Number, Always),
    ("lastTurn", TIME_OR_NULL, Always),
    ("learnt", Shape::Number, Maybe),
    ("seriesCount", Shape::Number, Maybe),
    ("provisionalCount", Shape::Number, Maybe),
    ("refusedCount", Shape::Number, Maybe),
    ("problem", TEXT_OR_NULL, Always),
    ("series", Shape::List(&SERIES), Maybe),
    ("bottleneck", Shape::OrNull(&BOTTLENECK), Maybe),
]);

static SERIES: Shape = Shape::Fields(&[
    ("labels", Shape::Labels, Always),
    ("lastTime", TIME_OR_NULL, Always),
    ("lastValue", NUMBER_OR_NULL, Always),
    ("model", TEXT_OR_NULL, Always),
    ("provisional", Shape::Boolean, Always),
    ("forecasts", Shape::List(&EXPECTED), Always),
    ("anomaly", Shape::OrNull(&ANOMALY), Always),
    ("degradation", Shape::OrNull(&SHIFT), Always),
    ("exhaustion", Shape::OrNull(&EXHAUSTION), Always),
]);

static EXPECTED: Shape = Shape::Fields(&[
    ("horizon", Shape::Text, Always),
    ("mean", NUMBER_OR_NULL, Always),
    ("quantiles", Shape::Object, Always),
]);

static ANOMALY: Shape = Shape::Fields(&[
    ("score", Shape::Number, Always),
    ("alarm", Shape::Boolean, Always),
    ("what", Shape::Text, Always),
    ("onceIn", NUMBER_OR_NULL, Always),
    ("expected", NUMBER_OR_NULL, Always),
    ("low", NUMBER_OR_NULL, Always),
    ("high", NUMBER_OR_NULL, Always),
    ("outside", NUMBER_OR_NULL, Always),
]);

static SHIFT: Shape = Shape::Fields(&[
    ("since", Shape::Time, Always),
    ("seen", Shape::Time, Always),
    ("before", NUMBER_OR_NULL, Always),
    ("after", NUMBER_OR_NULL, Always),
    ("low", NUMBER_OR_NULL, Always),
    ("high", NUMBER_OR_NULL, Always),
]);

static EXHAUSTION: Shape = Shape::Fields(&[
    ("limit", Shape::Number, Always),
    ("medianSeconds", NUMBER_OR_NULL, Always),
    ("quantilesSeconds", Shape::Object, Always),
    ("probability", Shape::Number, Always),
    ("horizonSeconds", Shape::Number, Always),
    ("pacePerHour", NUMBER_OR_NULL, Always),
]);

static BOTTLENECK: Shape = Shape::Fields(&[
    ("secondsBefore", NUMBER_OR_NULL, Always),
    ("secondsAfter", NUMBER_OR_NULL, Always),
    ("deviations", NUMBER_OR_NULL, Always),
    ("unexplained", Shape::Number, Always),
    ("stages", Shape::List(&STAGE), Always),
]);

static STAGE: Shape = Shape::Fields(&[
    ("stage", Shape::Text, Always),
    ("share", Shape::Number, Always),
    ("confidence", Shape::Number, Always),
    ("reason", Shape::Text, Always),
    ("secondsBefore", NUMBER_OR_NULL, Always),
    ("secondsAfter", NUMBER_OR_NULL, Always),
    ("text", Shape::Text, Always),
]);
