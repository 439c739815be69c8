//! How a query is measured: by what is behind it, and in which queries.

use std::collections::BTreeSet;

use bellwether_model::go_quote::quoted;
use bellwether_model::{METRIC_NAME, MatchOp, Matcher};
use bellwether_promql::ast::{AggregateOp, BinaryOp, Expr, VectorSelector};

use super::{Band, Measure, Span};

/// The window of the rate of a counter whose values are banded, ms. Chosen: that of most graphs.
const RATE_MS: i64 = 300_000;

/// How a query is measured over a span.
pub(super) enum Plan {
    Counter(VectorSelector),
    Native(VectorSelector),
    /// The series of the buckets, their bounds with the texts of each, ascending.
    Classic(VectorSelector, Vec<(f64, String)>),
    Gauge(VectorSelector),
    Other(Expr),
}

/// What does not belong to a baseline that has the selection in it.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    pub(super) span: Span,
    pub(super) band: Option<Band>,
}

impl Plan {
    pub(super) fn measure(&self, band: Option<Band>) -> Measure {
        match (self, band) {
            (Self::Native(_) | Self::Classic(..), _) => Measure::Observations,
            // One element is inside at all points that are looked at: what is behind it is split by its times.
            (Self::Other(expr), Some(_)) if is_one(expr) => Measure::Mean,
            (_, Some(_)) => Measure::Points,
            (Self::Counter(_), None) => Measure::Increase,
            (Self::Gauge(_) | Self::Other(_), None) => Measure::Mean,
        }
    }

    /// The metric that is measured; that of a classic histogram is named without `_bucket`.
    pub(super) fn metric(&self) -> Option<&str> {
        match self {
            Self::Counter(selector) | Self::Native(selector) | Self::Gauge(selector) => {
                name_of(selector)
            }
            Self::Classic(selector, _) => name_of(selector).map(family),
            Self::Other(_) => None,
        }
    }

    /// Whether what is measured over two spans is the sum of what is measured over each.
    pub(super) fn is_total(&self, measure: Measure) -> bool {
        matches!(
            (self, measure),
            (Self::Native(_) | Self::Classic(..), _) | (Self::Counter(_), Measure::Increase)
        )
    }

    /// Queries at the end of a span, to be taken together with their signs. `cut` is for what is no total.
    pub(super) fn texts(
        &self,
        span: Span,
        measure: Measure,
        band: Option<Band>,
        cut: Option<Cut>,
    ) -> Vec<(f64, String)> {
        let window = span.window();
        let text = match self {
            Self::Native(selector) => {
                let increase = format!("increase({selector}[{window}])");
                match band {
                    None => format!("histogram_count({increase})"),
                    Some(Band { low, high }) => format!(
                        "histogram_fraction({low:e}, {high:e}, {increase}) * histogram_count({increase})"
                    ),
                }
            }
            Self::Classic(selector, bounds) => {
                let band = band.unwrap_or(Band::ALL);
                // A bound may be written in several ways.
                let up_to = |bound: f64| {
                    let is_it = |it: &&(f64, String)| it.0.total_cmp(&bound).is_eq();
                    let texts = bounds.iter().filter(is_it).map(|(_, text)| text.as_str());
                    let matched = at_bound(selector, &texts.collect::<Vec<_>>());
                    format!("sum without (le) (increase({matched}[{window}]))")
                };
                let mut texts = vec![(1.0, up_to(band.high))];
                if band.low > f64::NEG_INFINITY {
                    texts.push((-1.0, up_to(band.low)));
                }
                return texts;
            }
            Self::Counter(selector) if measure == Measure::Points => {
                points(&format!("rate({selector}[{RATE_MS}ms])"), span, band, cut)
            }
            Self::Counter(selector) => format!("increase({selector}[{window}])"),
            Self::Gauge(selector) if measure == Measure::Points => {
                points(&selector.to_string(), span, band, cut)
            }
            Self::Gauge(selector) => {
                let whole = Expr::Vector(Box::new(selector.clone()));
                mean_of_part(&whole, &whole, span, band, cut)
            }
            Self::Other(expr) if measure == Measure::Points => {
                points(&expr.to_string(), span, band, cut)
            }
            Self::Other(expr) => mean_of_part(expr, expr, span, band, cut),
        };
        vec![(1.0, text)]
    }

    /// The band that is really used: buckets are not cut.
    pub(super) fn band(&self, band: Option<Band>) -> Option<Band> {
        let (Self::Classic(_, bounds), Some(band)) = (self, band) else {
            return band;
        };
        let mut finite: Vec<f64> = bounds.iter().map(|(bound, _)| *bound).collect();
        finite.retain(|bound| bound.is_finite());
        finite.dedup();
        Some(super::bounds::nearest(&finite, band))
    }
}

/// At how many points of a span the values of an expression are there, or inside of a band.
fn points(value: &str, span: Span, band: Option<Band>, cut: Option<Cut>) -> String {
    let inside = match band {
        None => value.to_owned(),
        Some(band) => banded(value, band),
    };
    let left = match cut {
        None => inside,
        Some(Cut { span, band }) => {
            let taken = match band {
                None => format!("on () {}", at_times(span)),
                Some(band) => format!("({} and on () {})", banded(value, band), at_times(span)),
            };
            format!("({inside}) unless {taken}")
        }
    };
    format!(
        "count_over_time(({left})[{}:{}])",
        span.window(),
        span.step()
    )
}

/// The mean of each element of a part of an expression. A band is of the whole: parts count at the times at which the
/// element that they are of was inside. Points without a number, as a ratio of nothing, do not count.
pub(super) fn mean_of_part(
    expr: &Expr,
    part: &Expr,
    span: Span,
    band: Option<Band>,
    cut: Option<Cut>,
) -> String {
    let elements = element_labels(expr).join(", ");
    let inside = |band| banded(&expr.to_string(), band);
    let mut text = format!("({part}) > -Inf < +Inf");
    if let Some(band) = band {
        text = format!("{text} and on ({elements}) {}", inside(band));
    }
    if let Some(Cut { span, band }) = cut {
        let times = at_times(span);
        text = match band {
            None => format!("{text} unless on () {times}"),
            Some(band) => {
                let taken = format!("({} and on () {times})", inside(band));
                format!("{text} unless on ({elements}) {taken}")
            }
        };
    }
    format!("avg_over_time(({text})[{}:{}])", span.window(), span.step())
}

/// The labels by which parts of an expression are those of its elements: those that it aggregates by. Of others nobody can
/// say.
fn element_labels(expr: &Expr) -> Vec<String> {
    match expr.unwrap_parens() {
        Expr::Aggregate(node) if !node.without => {
            let names = node.grouping.iter();
            names.map(|name| quoted(name).to_string()).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether an expression has no more than one element, as all labels are aggregated away.
fn is_one(expr: &Expr) -> bool {
    match expr.unwrap_parens() {
        Expr::Number(_) | Expr::String(_) => true,
        Expr::Aggregate(node) => {
            let gives_many = matches!(
                node.op,
                AggregateOp::Topk
                    | AggregateOp::Bottomk
                    | AggregateOp::Limitk
                    | AggregateOp::LimitRatio
                    | AggregateOp::CountValues
            );
            !gives_many && !node.without && node.grouping.is_empty()
        }
        Expr::Unary(node) => is_one(&node.expr),
        Expr::Binary(node) => is_one(&node.lhs) && is_one(&node.rhs),
        Expr::Call(call) => call.args.iter().all(is_one),
        _ => false,
    }
}

fn banded(value: &str, Band { low, high }: Band) -> String {
    format!("(({value}) >= {low:e} <= {high:e})")
}

/// An element where the time is in a span.
fn at_times(span: Span) -> String {
    let seconds = |ms: i64| ms as f64 / 1_000.0;
    let (start, end) = (seconds(span.start_ms), seconds(span.end_ms));
    format!("(vector(time()) >= {start} <= {end})")
}

/// The counter or gauge of which an expression is a sum, whatever it is summed by, with whether rates are taken.
pub(super) fn summed(expr: &Expr) -> Option<(&VectorSelector, bool)> {
    let is_number = |side: &Expr| matches!(side.unwrap_parens(), Expr::Number(_));
    match expr.unwrap_parens() {
        Expr::Vector(selector) => Some((selector.as_ref(), false)),
        Expr::Aggregate(node) if node.op == AggregateOp::Sum => summed(&node.expr),
        Expr::Call(call) => {
            let [argument] = call.args.as_slice() else {
                return None;
            };
            match (call.function.name, argument.unwrap_parens()) {
                ("rate" | "irate" | "increase", Expr::Matrix(node)) => Some((&node.selector, true)),
                ("histogram_count", inner) => summed(inner),
                _ => None,
            }
        }
        Expr::Binary(node) => match node.op {
            BinaryOp::Mul if is_number(&node.lhs) => summed(&node.rhs),
            BinaryOp::Mul | BinaryOp::Div if is_number(&node.rhs) => summed(&node.lhs),
            _ => None,
        },
        _ => None,
    }
    .filter(|(selector, _)| is_plain(selector))
}

/// The only metric that an expression asks, by the same conditions wherever it does. The parts of a classic histogram
/// are one metric; it is named without their endings.
pub(super) fn only_family(expr: &Expr) -> Option<VectorSelector> {
    let selectors = expr.selectors();
    let first = *selectors.first()?;
    let name = family(name_of(first)?);
    let conditions = |selector: &VectorSelector| -> BTreeSet<(String, &'static str, String)> {
        let others = selector.matchers.iter();
        let others = others.filter(|it| it.name != METRIC_NAME && it.name != "le");
        let told = others.map(|it| (it.name.clone(), it.op.as_str(), it.value.clone()));
        told.collect()
    };
    let is_same = |other: &&VectorSelector| {
        is_plain(other)
            && !other.is_info_selector
            && other.offset_ms == first.offset_ms
            && name_of(other).map(family) == Some(name)
            && conditions(other) == conditions(first)
    };
    if !selectors.iter().all(is_same) {
        return None;
    }
    let mut found = renamed(first, name);
    found.matchers.retain(|it| it.name != "le");
    Some(found)
}

/// Whether it selects samples of one time, which may be an earlier one.
fn is_plain(selector: &VectorSelector) -> bool {
    selector.offset_expr.is_none() && selector.at.is_none() && selector.extension.is_none()
}

/// The metric that a selector names.
pub(super) fn name_of(selector: &VectorSelector) -> Option<&str> {
    let mut names = selector.matchers.iter();
    let name = names.find(|it| it.name == METRIC_NAME && it.op == MatchOp::Equal)?;
    Some(&name.value)
}

/// The name of a classic histogram by that of one of its parts.
fn family(name: &str) -> &str {
    let mut endings = ["_bucket", "_count", "_sum"].into_iter();
    let family = endings.find_map(|ending| name.strip_suffix(ending));
    family.filter(|it| !it.is_empty()).unwrap_or(name)
}

/// The same conditions for another metric.
pub(super) fn renamed(selector: &VectorSelector, name: &str) -> VectorSelector {
    let mut selector = selector.clone();
    selector.matchers.retain(|it| it.name != METRIC_NAME);
    selector.matchers.push(Matcher::equal(METRIC_NAME, name));
    selector.name = name.to_owned();
    selector
}

/// The series of buckets whose bound is written in one of some ways.
fn at_bound(selector: &VectorSelector, texts: &[&str]) -> VectorSelector {
    let mut selector = selector.clone();
    // Numbers have no other characters that a pattern would take for its own.
    let pattern = texts.join("|").replace('.', "\\.").replace('+', "\\+");
    let matcher = Matcher::new("le", MatchOp::Regex, &pattern);
    let matcher = matcher.unwrap_or_else(|_| Matcher::equal("le", &pattern));
    selector.matchers.insert(0, matcher);
    selector
}
