//! `indicator` of an objective: what counts.

use bellwether_model::METRIC_NAME;
use bellwether_model::time::parse_duration;
use bellwether_promql::ast::{Expr, VectorSelector};
use bellwether_rules::objective::{Composition, Counting, Indicator};

use super::query::{counting, measuring, metric_name, selecting};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::{View, node_text};
use crate::yaml::{NodeValue, shortened};

/// What may stand behind a key of [`INDICATOR`].
const INDICATORS: [&str; 7] = [
    "ratio",
    "latency",
    "availability",
    "freshness",
    "spend",
    "error_ratio",
    "composite",
];

/// Ways to join objectives, by name.
pub(crate) const COMPOSITIONS: [(&str, Composition); 3] = [
    ("series", Composition::Series),
    ("worst", Composition::Worst),
    ("weighted", Composition::Weighted),
];

pub(super) static INDICATOR: Section = Section {
    name: "indicator",
    doc: "What counts as an event, and as a bad one. Set exactly one. In queries, `$window` stands for the interval; rates count what they grow in it.",
    fields: &[
        Field::new("ratio", Kind::Section(&RATIO), "", RATIO.doc),
        Field::new("latency", Kind::Section(&LATENCY), "", LATENCY.doc),
        Field::new(
            "availability",
            Kind::Section(&AVAILABILITY),
            "",
            AVAILABILITY.doc,
        ),
        Field::new("freshness", Kind::Section(&FRESHNESS), "", FRESHNESS.doc),
        Field::new("spend", Kind::Section(&SPEND), "", SPEND.doc),
        Field::new(
            "error_ratio",
            Kind::Section(&ERROR_RATIO),
            "",
            ERROR_RATIO.doc,
        ),
        Field::new("composite", Kind::Section(&COMPOSITE), "", COMPOSITE.doc),
    ],
    includes: &[],
    check: Some(check_indicator),
};

fn check_indicator(view: &View<'_>, problems: &mut Problems) {
    if view.at_most_one(problems, &INDICATORS) && view.set_among(&INDICATORS).is_empty() {
        let all = INDICATORS.join(", ");
        view.error(problems, format!("says not what counts: set one of {all}"));
    }
}

static RATIO: Section = Section {
    name: "ratio indicator",
    doc: "Events that are counted, and the bad or the good ones of them. Set total and one of bad and good.",
    fields: &[
        Field::new(
            "bad",
            Kind::Text,
            "",
            "The bad ones: a counter, or a query such as sum(rate(x[$window])).",
        ),
        Field::new("good", Kind::Text, "", "The good ones."),
        Field::required("total", Kind::Text, "All of them."),
    ],
    includes: &[],
    check: Some(|view, problems| exactly_one(view, ["bad", "good"], problems)),
};

static LATENCY: Section = Section {
    name: "latency indicator",
    doc: "Something that must not take longer than a threshold: a histogram of durations. Of native ones, and at a bound of classic ones, the count is exact; between two bounds it is interpolated.",
    fields: &[
        Field::required(
            "histogram",
            Kind::Text,
            "A selector of native histograms, or of the series `_bucket` of classic ones.",
        ),
        Field::required(
            "threshold",
            Kind::Text,
            "The longest that is good: a duration such as 500ms, where the histogram is in seconds, or a number in its unit.",
        ),
        Field::new(
            "classic",
            Kind::Bool,
            "",
            "Whether it is a classic one; where absent, its name ends with _bucket.",
        ),
    ],
    includes: &[],
    check: Some(check_latency),
};

static AVAILABILITY: Section = Section {
    name: "availability indicator",
    doc: "Samples that are 1 where all is well and 0 where not, each of them an event. Set exactly one of probe and samples.",
    fields: &[
        Field::new("probe", Kind::Text, "", "The name of a probe."),
        Field::new(
            "samples",
            Kind::Text,
            "",
            "A selector such as up{job=\"api\"}.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| exactly_one(view, ["probe", "samples"], problems)),
};

static FRESHNESS: Section = Section {
    name: "freshness indicator",
    doc: "Something that must have been done not long ago. Each interval is an event.",
    fields: &[
        Field::required(
            "timestamp",
            Kind::Text,
            "When it was done last, in seconds since 1970: a query; the newest of its series counts.",
        ),
        Field::required("max_age", Kind::Duration, "The longest ago that is good."),
    ],
    includes: &[],
    check: Some(check_positive_age),
};

static SPEND: Section = Section {
    name: "spend indicator",
    doc: "An amount, of money or of tokens, of which so much may be spent in a period. There is no objective beside it.",
    fields: &[
        Field::required(
            "amount",
            Kind::Text,
            "What was spent: a counter, or a query.",
        ),
        Field::required(
            "limit",
            Kind::Float {
                min: 0.0,
                max: f64::MAX,
            },
            "How much may be in a period, above 0.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        if view.float("limit") <= 0.0 {
            view.error_at(problems, "limit", "0 given: want a number above 0");
        }
    }),
};

static ERROR_RATIO: Section = Section {
    name: "error ratio indicator",
    doc: "A share of bad events that is measured as such. Each interval counts the same, however many events it had.",
    fields: &[Field::required(
        "query",
        Kind::Text,
        "The share, between 0 and 1.",
    )],
    includes: &[],
    check: None,
};

static COMPOSITE: Section = Section {
    name: "composite indicator",
    doc: "Other objectives together.",
    fields: &[
        Field::required(
            "of",
            Kind::List(&Kind::SectionOrText(&PART)),
            "Their names: of objectives of the same service, or service/name.",
        ),
        Field::new(
            "how",
            Kind::OneOf(&["series", "worst", "weighted"]),
            "series",
            "How they are joined: series (a request needs all of them), worst (the worst one counts), weighted (the mean, by weights).",
        ),
    ],
    includes: &[],
    check: None,
};

static PART: Section = Section {
    name: "part of a composite",
    doc: "An objective of several. A name by itself may stand in its place.",
    fields: &[
        Field::required("name", Kind::Text, "Its name."),
        Field::new(
            "weight",
            Kind::Float {
                min: 0.0,
                max: f64::MAX,
            },
            "1",
            "How much it counts, above 0, where how is weighted.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        if view.float("weight") <= 0.0 {
            view.error_at(problems, "weight", "0 given: want a number above 0");
        }
    }),
};

/// Notes an error unless just one of two is set.
fn exactly_one(view: &View<'_>, keys: [&'static str; 2], problems: &mut Problems) {
    if view.at_most_one(problems, &keys) && view.set_among(&keys).is_empty() {
        let [one, other] = keys;
        view.error(
            problems,
            format!("{one} or {other} is missing: want one of the two"),
        );
    }
}

fn check_latency(view: &View<'_>, problems: &mut Problems) {
    if threshold(view.text("threshold")).is_none() {
        let text = shortened(view.text("threshold"));
        let message = format!("{text:?} given: want a duration such as 500ms, or a number above 0");
        view.error_at(problems, "threshold", message);
    }
}

fn check_positive_age(view: &View<'_>, problems: &mut Problems) {
    if view.duration_ms("max_age") <= 0 {
        view.error_at(problems, "max_age", "0s given: want a duration above 0");
    }
}

/// A number above 0, or a duration as seconds.
pub(super) fn threshold(text: &str) -> Option<f64> {
    let number = text.replace('_', "").parse::<f64>().ok();
    #[expect(
        clippy::cast_precision_loss,
        reason = "durations that people write are far below the limit"
    )]
    let seconds = || parse_duration(text).ok().map(|ms| ms as f64 / 1_000.0);
    number
        .or_else(seconds)
        .filter(|value| value.is_finite() && *value > 0.0)
}

/// None where something was reported as wrong.
pub(super) fn decode_indicator(
    view: &View<'_>,
    interval_ms: i64,
    problems: &mut Problems,
) -> Option<Indicator> {
    let errors_before = problems.errors.len();
    let kind = *view.set_among(&INDICATORS).first()?;
    let view = view.section(kind);
    let indicator = match kind {
        "ratio" => decode_ratio(&view, interval_ms, problems),
        "latency" => decode_latency(&view, problems)?,
        "availability" => decode_availability(&view, problems)?,
        "freshness" => Indicator::Freshness {
            timestamp: measuring(&view, "timestamp", interval_ms, problems),
            age_max_ms: view.duration_ms("max_age"),
        },
        "spend" => Indicator::Spend {
            amount: counting(&view, "amount", interval_ms, problems),
            limit: view.float("limit"),
        },
        "error_ratio" => Indicator::Share {
            bad: measuring(&view, "query", interval_ms, problems),
        },
        _ => decode_composite(&view, problems),
    };
    (problems.errors.len() == errors_before).then_some(indicator)
}

fn decode_ratio(view: &View<'_>, interval_ms: i64, problems: &mut Problems) -> Indicator {
    let (key, part) = if view.is_set("bad") {
        ("bad", Counting::Bad)
    } else {
        ("good", Counting::Good)
    };
    Indicator::Ratio {
        counting: part,
        part: counting(view, key, interval_ms, problems),
        total: counting(view, "total", interval_ms, problems),
    }
}

fn decode_latency(view: &View<'_>, problems: &mut Problems) -> Option<Indicator> {
    let (histogram, selector) = selecting(view, "histogram", problems)?;
    let name = metric_name(&selector);
    let is_classic = match view.is_set("classic") {
        true => view.bool("classic"),
        false => name.ends_with("_bucket"),
    };
    if is_classic && !name.ends_with("_bucket") {
        let message = "is not the series of buckets of a classic histogram: want a name that ends with _bucket";
        view.error_at(problems, "histogram", message);
    }
    if is_classic && selector.matchers.iter().any(|matcher| matcher.name == "le") {
        let message = "selects buckets by le: want all of them, and the bound at threshold";
        view.error_at(problems, "histogram", message);
    }
    Some(Indicator::Latency {
        histogram,
        threshold: threshold(view.text("threshold"))?,
        is_classic,
    })
}

fn decode_availability(view: &View<'_>, problems: &mut Problems) -> Option<Indicator> {
    let of = if view.is_set("probe") {
        probe_selector(view.text("probe"))
    } else {
        selecting(view, "samples", problems)?.0
    };
    Some(Indicator::Samples { of })
}

/// The series that says whether a probe succeeded.
fn probe_selector(probe: &str) -> String {
    use bellwether_model::Matcher;
    let name = Matcher::equal(METRIC_NAME, "probe_success");
    let selector = VectorSelector {
        name: "probe_success".to_owned(),
        matchers: vec![Matcher::equal("probe", probe), name],
        offset_ms: 0,
        offset_expr: None,
        at: None,
        extension: None,
        is_info_selector: false,
        range: Default::default(),
    };
    Expr::Vector(Box::new(selector)).to_string()
}

fn decode_composite(view: &View<'_>, problems: &mut Problems) -> Indicator {
    let mut parts: Vec<(String, f64)> = Vec::new();
    for item in view.items("of") {
        let part = match &item.value {
            NodeValue::Mapping(_) => {
                let part = View::new(Some(item), &PART, view.origin);
                (part.text("name").to_owned(), part.float("weight"))
            }
            _ => (node_text(item), 1.0),
        };
        if parts.iter().any(|(known, _)| *known == part.0) {
            let message = format!("{:?} is there twice", shortened(&part.0));
            problems.error(&view.origin.file, item.position, &item.path, message);
        }
        parts.push(part);
    }
    let how = COMPOSITIONS
        .iter()
        .find(|(name, _)| *name == view.text("how"))
        .map_or(Composition::Series, |(_, how)| *how);
    Indicator::Composite { parts, how }
}
