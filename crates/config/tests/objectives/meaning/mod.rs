//! Whether objectives of other programs mean here what they mean there.
//!
//! ## Model
//! Of each document, a formula is made as the program that it is for documents it: the share of bad
//! events of an hour. Series are made up for everything that the formula selects, and the rules that we
//! generate for the objective run on them for two hours. Then the formula and our counts of the last
//! hour are compared.
//!
//! ## Invariants
//! The formula comes from the document itself, not from what we have read of it. Counters rest in the
//! first scrape interval of the hour, since `rate` does not see what happens there and our counts do:
//! with that, nothing is left to extrapolate, and both are equal to [`TOLERANCE`].

mod formulas;
mod series;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bellwether_config::yaml;
use bellwether_config::{LoadedObjectives, ObjectiveOptions, load_objectives};
use bellwether_model::Value;
use bellwether_promql::{Engine, EngineOptions, Features, QueryRequest, QueryValue, parse};
use bellwether_rules::objective::{Indicator, ObjectiveSettings, rules};
use bellwether_rules::unit_test::{FailureStyle, QueryTest, RuleTest, TestSettings};

use formulas::{Formula, formulas_of};
use series::series_of;

/// Shares that differ by less are equal: they are sums of doubles in another order.
pub(crate) const TOLERANCE: f64 = 1e-9;

const SCRAPE_MS: i64 = 15_000;
const END_MS: i64 = 7_200_000;

/// What came of a file.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Objectives whose meaning was compared.
    pub(crate) compared: Vec<Comparison>,
    /// Objectives that only join others.
    pub(crate) composites: usize,
    /// What was read.
    pub(crate) loaded: LoadedObjectives,
}

/// An objective's share of bad events by their formula and by our rules, for each group.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// Which.
    pub(crate) id: String,
    /// The largest difference.
    pub(crate) difference: f64,
    /// The largest share.
    pub(crate) share: f64,
    /// How many groups have a share.
    pub(crate) groups: usize,
}

/// Reads a file and compares each of its objectives.
///
/// # Errors
/// Says what could not be read, or compared.
pub(crate) fn compare_file(path: &Path) -> Result<Outcome, String> {
    let loaded = load_objectives(&[path.to_path_buf()], &ObjectiveOptions::default())
        .map_err(|errors| errors.to_string())?;
    let source = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let documents = yaml::read_all(&source).map_err(|errors| format!("{errors:?}"))?;
    let mut formulas = Vec::new();
    for document in &documents {
        formulas.extend(formulas_of(document, &documents));
    }
    let mut compared = Vec::new();
    let mut composites = 0;
    let mut formulas = formulas.into_iter();
    for objective in &loaded.objectives {
        if matches!(objective.indicator, Indicator::Composite { .. }) {
            composites += 1;
            continue;
        }
        let formula = formulas
            .next()
            .ok_or_else(|| format!("{}: no formula", objective.id()))?;
        let found = compare(objective, &loaded.objectives, &formula)
            .map_err(|error| format!("{}: {error}\n{}", objective.id(), formula.expr))?;
        compared.push(found);
    }
    match formulas.next() {
        Some(left) => Err(format!("no objective was read of {}", left.expr)),
        None => Ok(Outcome {
            compared,
            composites,
            loaded,
        }),
    }
}

fn compare(
    objective: &ObjectiveSettings,
    all: &[ObjectiveSettings],
    formula: &Formula,
) -> Result<Comparison, String> {
    let expr = parse(&formula.expr, &Features::default()).map_err(|error| error.to_string())?;
    let group_by: Vec<String> = objective
        .group_by
        .iter()
        .map(|label| label.strip_prefix("exported_").unwrap_or(label).to_owned())
        .collect();
    let series = series_of(&expr, &group_by, formula.shape)?;
    let test = RuleTest {
        interval_ms: SCRAPE_MS,
        input_series: series,
        query_tests: vec![QueryTest {
            expr: "vector(1)".to_owned(),
            eval_time_ms: END_MS,
            expected: Vec::new(),
        }],
        ..RuleTest::default()
    };
    let settings = TestSettings {
        evaluation_interval_ms: objective.interval_ms,
        group_eval_order: Vec::new(),
        fuzzy_compare: true,
        features: Features::default(),
        style: FailureStyle::Whole,
        objectives: Vec::new(),
    };
    let mut group = rules::group(objective, all);
    // Formulas count up to now, and slices of theirs are those of ours only at the same times.
    group.query_offset_ms = None;
    let outcome = test.run(&[group], &settings);
    let Some((store, _)) = outcome.store else {
        return Err(outcome.failures.join("\n"));
    };
    if let Some(failure) = outcome
        .failures
        .iter()
        .find(|failure| failure.contains("err: "))
    {
        return Err(failure.clone());
    }
    let engine = Engine::new(EngineOptions::default());
    let ask = |query: &str| {
        let outcome = engine
            .instant(store.as_ref(), query, END_MS, &QueryRequest::default())
            .map_err(|error| format!("{query}: {error}"))?;
        let QueryValue::Vector(samples) = outcome.value else {
            return Err(format!("{query}: gives no vector"));
        };
        let mut shares = BTreeMap::new();
        for sample in samples {
            let group: Vec<String> = objective
                .group_by
                .iter()
                .map(|label| {
                    // Of a label that says here who promises, our name is another.
                    let theirs = label.strip_prefix("exported_").unwrap_or(label);
                    let found = sample.labels.get(label).or(sample.labels.get(theirs));
                    found.unwrap_or("").to_owned()
                })
                .collect();
            let Value::Float(value) = sample.value else {
                return Err(format!("{query}: gives histograms"));
            };
            shares.insert(group, value);
        }
        Ok(shares)
    };
    let theirs = ask(&formula.expr)?;
    let labels = format!(
        "{{slo={:?},service={:?}}}",
        objective.name, objective.service
    );
    let by = format!("sum by ({})", objective.group_by.join(","));
    let ours = ask(&format!(
        "{by} (sum_over_time(slo:bad_events{labels}[1h])) / {by} (sum_over_time(slo:events{labels}[1h]))"
    ))?;
    if theirs.is_empty() {
        return Err("the formula gives nothing on the series that were made for it".to_owned());
    }
    let mut difference: f64 = 0.0;
    for (group, share) in &theirs {
        let Some(own) = ours.get(group) else {
            return Err(format!(
                "no share of our own for {group:?}, and {share} by the formula"
            ));
        };
        difference = difference.max((own - share).abs());
        if own.is_nan() || share.is_nan() {
            return Err(format!("{group:?}: {own} is not {share}"));
        }
    }
    // Groups without bad series have a share of 0 here, and none by a formula that divides vectors.
    if let Some((group, own)) = ours
        .iter()
        .find(|(group, own)| !theirs.contains_key(*group) && **own != 0.0)
    {
        return Err(format!(
            "no share by the formula for {group:?}, and {own} of our own"
        ));
    }
    Ok(Comparison {
        id: objective.id(),
        difference,
        share: theirs.values().copied().fold(0.0, f64::max),
        groups: theirs.len(),
    })
}

/// The files below a folder that hold documents of a tool, by their content.
///
/// # Errors
/// Where the folder cannot be read.
pub(crate) fn files_below(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut waiting = vec![folder.to_path_buf()];
    let mut files = Vec::new();
    while let Some(folder) = waiting.pop() {
        let entries =
            std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let path = entry.map_err(|error| error.to_string())?.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path
                .extension()
                .is_some_and(|end| end == "yml" || end == "yaml")
            {
                let source = std::fs::read_to_string(&path).unwrap_or_default();
                let words = [
                    "openslo/v1",
                    "prometheus/v1",
                    "sloth.slok.dev/",
                    "pyrra.dev/v1alpha1",
                ];
                let is_definition = source.contains("kind: CustomResourceDefinition");
                let is_made =
                    source.contains("kind: PrometheusRule") || source.contains("\ngroups:");
                if words.iter().any(|word| source.contains(word)) && !is_definition && !is_made {
                    files.push(path);
                }
            }
        }
    }
    files.sort();
    Ok(files)
}
