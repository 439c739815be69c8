//! Series for everything that a formula selects.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_model::{METRIC_NAME, MatchOp, Matcher};
use bellwether_promql::ast::{Expr, VectorSelector};

use super::formulas::Shape;

/// The first scrape after the beginning of the last hour.
const RESTING_INDEX: usize = 241;
const SAMPLES: usize = 481;

/// How series of a metric behave.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Behaviour {
    Counter,
    Gauge,
}

/// Series for all selectors of an expression, in the notation of tests.
pub(super) fn series_of(
    expr: &Expr,
    group_by: &[String],
    shape: Shape,
) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    selectors(expr, Behaviour::Gauge, &mut found);
    // Buckets and counts of a histogram belong together.
    let mut families: BTreeMap<String, Vec<(VectorSelector, Behaviour)>> = BTreeMap::new();
    for (selector, behaviour) in found {
        let name = metric_of(&selector).ok_or("a selector without a name")?;
        families
            .entry(family_of(&name).to_owned())
            .or_default()
            .push((selector, behaviour));
    }
    let mut series = Vec::new();
    for (family, members) in &families {
        let own = family_series(family, members, group_by, shape);
        for (selector, _) in members {
            let is_there = own.iter().any(|(labels, _)| is_selected(selector, labels));
            if !is_there {
                return Err(format!("no series was made up for {:?}", selector.matchers));
            }
        }
        series.extend(
            own.into_iter()
                .map(|(labels, values)| (notation(&labels), values)),
        );
    }
    Ok(series)
}

type Labels = BTreeMap<String, String>;

fn selectors(expr: &Expr, behaviour: Behaviour, found: &mut Vec<(VectorSelector, Behaviour)>) {
    match expr {
        Expr::Vector(selector) => found.push(((**selector).clone(), behaviour)),
        Expr::Matrix(matrix) => found.push((matrix.selector.clone(), behaviour)),
        Expr::Call(call) => {
            let behaviour = match call.function.name {
                "rate" | "increase" => Behaviour::Counter,
                _ => Behaviour::Gauge,
            };
            for arg in &call.args {
                selectors(arg, behaviour, found);
            }
        }
        other => {
            for child in other.children() {
                selectors(child, behaviour, found);
            }
        }
    }
}

fn metric_of(selector: &VectorSelector) -> Option<String> {
    let mut names = selector
        .matchers
        .iter()
        .filter(|matcher| matcher.name == METRIC_NAME);
    names.next().map(|matcher| matcher.value.clone())
}

fn family_of(name: &str) -> &str {
    let ends = ["_bucket", "_count"];
    ends.iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(name)
}

fn is_selected(selector: &VectorSelector, labels: &Labels) -> bool {
    selector
        .matchers
        .iter()
        .all(|matcher| matcher.matches(labels.get(&matcher.name).map_or("", String::as_str)))
}

fn notation(labels: &Labels) -> String {
    let name = labels.get(METRIC_NAME).cloned().unwrap_or_default();
    let rest: Vec<String> = labels
        .iter()
        .filter(|(label, value)| *label != METRIC_NAME && !value.is_empty())
        .map(|(label, value)| format!("{label}={value:?}"))
        .collect();
    format!("{name}{{{}}}", rest.join(","))
}

fn family_series(
    family: &str,
    members: &[(VectorSelector, Behaviour)],
    group_by: &[String],
    shape: Shape,
) -> Vec<(Labels, String)> {
    let mut matchers: BTreeMap<&str, Vec<&Matcher>> = BTreeMap::new();
    for label in group_by {
        matchers.entry(label).or_default();
    }
    let mut bounds = BTreeSet::new();
    let mut names = BTreeSet::new();
    for matcher in members.iter().flat_map(|(selector, _)| &selector.matchers) {
        match matcher.name.as_str() {
            METRIC_NAME => {
                names.insert(matcher.value.clone());
            }
            "le" => {
                bounds.insert(matcher.value.clone());
            }
            label => matchers.entry(label).or_default().push(matcher),
        }
    }
    let mut combinations: Vec<Labels> = vec![Labels::new()];
    for (label, of) in &matchers {
        let values = values_of(of);
        combinations = combinations
            .iter()
            .flat_map(|labels| {
                values.iter().map(|value| {
                    let mut labels = labels.clone();
                    labels.insert((*label).to_owned(), value.clone());
                    labels
                })
            })
            .take(400)
            .collect();
    }
    let is_counter = members
        .iter()
        .any(|(_, behaviour)| *behaviour == Behaviour::Counter);
    let mut series = Vec::new();
    for (index, labels) in combinations.iter().enumerate() {
        let seed = index * 7 + family.len();
        for name in &names {
            let mut labels = labels.clone();
            labels.insert(METRIC_NAME.to_owned(), name.clone());
            if name.ends_with("_bucket") && !bounds.is_empty() {
                let bounds = bounds.iter().map(String::as_str).chain(["+Inf"]);
                for (step, bound) in bounds.enumerate() {
                    labels.insert("le".to_owned(), bound.to_owned());
                    // Of all, which the last bound has, the others have their part.
                    let part = (bound != "+Inf").then_some(step);
                    series.push((labels.clone(), counter(seed, part)));
                }
            } else {
                let values = match shape {
                    Shape::Native => native(seed),
                    Shape::Bool => gauge(|at| f64::from(!(at * 7 + seed).is_multiple_of(11))),
                    Shape::Around(value) => {
                        gauge(|at| ((at * 13 + seed) % 97) as f64 / 97.0 * 2.0 * value)
                    }
                    Shape::Plain if is_counter => {
                        // Errors are a part of all, where they are a metric of their own.
                        let part = is_part(name).then_some(0);
                        counter(seed, part)
                    }
                    Shape::Plain => gauge(|at| ((at * 13 + seed) % 97) as f64 / 97.0),
                };
                series.push((labels, values));
            }
        }
    }
    series
}

/// Whether a metric counts some of the events of another.
fn is_part(name: &str) -> bool {
    ["error", "fail", "bad", "good"]
        .iter()
        .any(|word| name.contains(word))
}

/// Values of a label of which some satisfy its matchers, and some do not.
fn values_of(matchers: &[&Matcher]) -> Vec<String> {
    const COMMON: [&str; 14] = [
        "",
        "200",
        "404",
        "429",
        "500",
        "503",
        "a",
        "b",
        "GET",
        "POST",
        "LIST",
        "/api/v1/query",
        "/api/v1/query_range",
        "query",
    ];
    let mut known: Vec<String> = Vec::new();
    for matcher in matchers {
        match (matcher.op, matcher.literals()) {
            (_, Some(literals)) => known.extend(literals.iter().cloned()),
            (MatchOp::Equal | MatchOp::NotEqual, None) => known.push(matcher.value.clone()),
            (_, None) => {
                for part in matcher.value.trim_matches(['(', ')']).split('|') {
                    known.push(part.replace(".*", "x").replace(".+", "x").replace('.', "0"));
                }
            }
        }
    }
    known.extend(COMMON.map(str::to_owned));
    let mut chosen: Vec<String> = Vec::new();
    // Two values of each of the ways in which the matchers can be satisfied.
    let mut ways: BTreeMap<Vec<bool>, usize> = BTreeMap::new();
    for value in known {
        let way: Vec<bool> = matchers
            .iter()
            .map(|matcher| matcher.matches(&value))
            .collect();
        let taken = ways.entry(way).or_default();
        if *taken < 2 && !chosen.contains(&value) {
            *taken += 1;
            chosen.push(value);
        }
    }
    chosen
}

/// A counter that rests where the hour begins, and is reset in it. `part`: one that counts some of
/// what another of the same seed counts.
fn counter(seed: usize, part: Option<usize>) -> String {
    let reset_at = 300 + seed % 50;
    let mut value: u64 = 1_000;
    gauge(|at| {
        if at == reset_at {
            value = 0;
        }
        if at != RESTING_INDEX {
            let all = (4 + seed % 5 + at * (seed + 1) % 3) as u64;
            value += match part {
                None => all,
                Some(step) => (1 + step as u64).min(all) - u64::from(at.is_multiple_of(5)),
            };
        }
        value as f64
    })
}

fn gauge(mut value: impl FnMut(usize) -> f64) -> String {
    let values: Vec<String> = (0..SAMPLES).map(|at| value(at).to_string()).collect();
    values.join(" ")
}

/// Native histograms that grow, each bucket at its own pace.
fn native(seed: usize) -> String {
    let mut buckets = [5_u64; 6];
    let values: Vec<String> = (0..SAMPLES)
        .map(|at| {
            if at != RESTING_INDEX {
                for (index, bucket) in buckets.iter_mut().enumerate() {
                    *bucket += ((seed + index * at) % 4) as u64;
                }
            }
            let count: u64 = buckets.iter().sum();
            let shown = buckets.map(|bucket| bucket.to_string()).join(" ");
            format!("{{{{schema:0 sum:{count} count:{count} offset:-4 buckets:[{shown}]}}}}")
        })
        .collect();
    values.join(" ")
}
