//! The function `info`: adds the labels of info series (`target_info`) to the series that they
//! describe.
//!
//! ## Model
//! A series and an info series belong together when `instance` and `job` are the same. At each step
//! the newest info sample of each info metric counts, so that labels may change over time.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_model::{Labels, LabelsBuilder, METRIC_NAME, MatchOp, Matcher, ShortLabels, short};
use bellwether_storage::{Samples, Selection, SelectionHints};
use rustc_hash::FxHashMap;

use super::Query;
use super::column::{Column, Grid, Series, is_absent};
use super::matching;
use super::plan::{InfoNode, Lookup};
use crate::QueryError;
use crate::ast::PosRange;

const TARGET_INFO: &str = "target_info";
/// Labels that tie a series to its info series.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// An info series: the time of the newest sample at each step, in ms.
struct InfoSeries {
    labels: Labels,
    times: Vec<f64>,
}

/// The conditions on the name that select info series.
fn name_matchers(matchers: &[Matcher]) -> Result<Vec<Matcher>, QueryError> {
    let names: Vec<Matcher> = matchers
        .iter()
        .filter(|m| m.name == METRIC_NAME)
        .cloned()
        .collect();
    if names.is_empty() {
        return Ok(vec![Matcher::equal(METRIC_NAME, TARGET_INFO)]);
    }
    if names.iter().any(|m| !m.op.is_negative()) {
        return Ok(names);
    }
    let some_info = Matcher::new(METRIC_NAME, MatchOp::Regex, ".+_info")
        .map_err(|e| QueryError::Execution(e.to_string()))?;
    Ok(std::iter::once(some_info).chain(names).collect())
}

impl Query<'_> {
    pub(crate) fn info(&self, node: &InfoNode, grid: Grid) -> Result<Vec<Series>, QueryError> {
        let base = self.vector(&node.node, grid)?;
        let matchers = node.matchers.clone().unwrap_or_default();
        let names = name_matchers(&matchers)?;
        let data: Vec<Matcher> = matchers
            .into_iter()
            .filter(|m| m.name != METRIC_NAME)
            .collect();
        let is_info: Vec<bool> = base
            .iter()
            .map(|one| names.iter().all(|m| m.matches(one.labels.metric_name())))
            .collect();
        let infos = self.info_series(node, grid, &base, &is_info, &data, &names)?;
        let held: u64 = base.iter().map(|one| one.column.weight()).sum();
        let mut out = Vec::with_capacity(base.len());
        let mut by_target: FxHashMap<(Option<&str>, Option<&str>), Vec<&InfoSeries>> =
            FxHashMap::default();
        for info in &infos {
            by_target
                .entry(target(&info.labels))
                .or_default()
                .push(info);
        }
        for (one, is_info) in base.iter().zip(is_info) {
            self.limits.check()?;
            if is_info {
                self.limits.memory.hold(one.memory_bytes())?;
                out.push(one.clone());
                continue;
            }
            let partners = by_target
                .get(&target(&one.labels))
                .map_or(&[][..], Vec::as_slice);
            let from = out.len();
            enrich(one, partners, &data, grid, &mut out)?;
            let added: u64 = out[from..].iter().map(Series::memory_bytes).sum();
            self.limits.memory.hold(added)?;
        }
        out.retain(|one| !one.column.is_empty());
        let out = matching::merged(out)?;
        self.limits.release(held);
        self.limits
            .hold(out.iter().map(|one| one.column.weight()).sum())?;
        Ok(out)
    }

    /// Reads the info series of the targets that the base series name.
    fn info_series(
        &self,
        node: &InfoNode,
        grid: Grid,
        base: &[Series],
        is_info: &[bool],
        data: &[Matcher],
        names: &[Matcher],
    ) -> Result<Vec<InfoSeries>, QueryError> {
        let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (one, _) in base.iter().zip(is_info).filter(|(_, is_info)| !**is_info) {
            for label in IDENTIFYING {
                if let Some(value) = one.labels.get(label) {
                    values.entry(label).or_default().insert(value);
                }
            }
        }
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let mut matchers: Vec<Matcher> = names.iter().chain(data).cloned().collect();
        for (label, values) in values {
            let values: Vec<String> = values.into_iter().map(regex::escape).collect();
            matchers.push(
                Matcher::new(label, MatchOp::Regex, values.join("|"))
                    .map_err(|e| QueryError::Execution(e.to_string()))?,
            );
        }
        let lookup = Lookup {
            slot: 0,
            at_ms: node.at_ms,
            offset_ms: node.offset_ms,
            extension: None,
            stats_only: false,
            range: PosRange::default(),
        };
        let range = super::select::instant_range(&lookup, &grid, self.lookback_ms);
        let handles = self.store.select(&Selection {
            matchers: &matchers,
            range,
            hints: SelectionHints::default(),
        })?;
        let handle_bytes: usize = handles.iter().map(|one| one.memory_bytes()).sum();
        self.limits.memory.hold(handle_bytes as u64)?;
        let mut samples = Samples::default();
        let mut infos = Vec::with_capacity(handles.len());
        for handle in handles {
            self.limits.check()?;
            samples.clear();
            handle.read(range, &mut samples)?;
            if !samples.histograms.is_empty() {
                return Err(QueryError::Execution(format!(
                    "this should be an info metric, with float samples: {}",
                    ShortLabels(handle.labels())
                )));
            }
            let mut column = Column::default();
            super::select::newest_times(
                &samples,
                &lookup,
                &grid,
                self.lookback_ms,
                false,
                &mut column,
            );
            self.limits.count(column.weight());
            if !column.is_empty() {
                self.limits.memory.hold(column.memory_bytes())?;
                infos.push(InfoSeries {
                    labels: handle.labels().clone(),
                    times: column.values,
                });
            }
        }
        Ok(infos)
    }
}

fn target(labels: &Labels) -> (Option<&str>, Option<&str>) {
    (labels.get(IDENTIFYING[0]), labels.get(IDENTIFYING[1]))
}

/// The info series of each info metric that counts at a step.
fn newest<'a>(
    partners: &[&'a InfoSeries],
    step: usize,
) -> Result<BTreeMap<&'a str, &'a InfoSeries>, QueryError> {
    let mut newest: BTreeMap<&str, &InfoSeries> = BTreeMap::new();
    for info in partners.iter().filter(|info| !is_absent(info.times[step])) {
        let name = info.labels.metric_name();
        match newest.get(name) {
            Some(other) if other.times[step] > info.times[step] => {}
            Some(other) if other.times[step] == info.times[step] => {
                let time_ms = (info.times[step] * 1000.0).round();
                return Err(QueryError::Execution(format!(
                    "found duplicate series for info metric: existing {} @ {time_ms}, new {} @ {time_ms}",
                    ShortLabels(&other.labels),
                    ShortLabels(&info.labels)
                )));
            }
            _ => {
                newest.insert(name, info);
            }
        }
    }
    Ok(newest)
}

/// Adds data labels to a series. Where the info series change, the result is several series.
fn enrich(
    one: &Series,
    partners: &[&InfoSeries],
    data: &[Matcher],
    grid: Grid,
    out: &mut Vec<Series>,
) -> Result<(), QueryError> {
    let needs_info = data.iter().any(|m| !m.matches_empty());
    let mut runs: Vec<(Option<Labels>, Vec<usize>)> = Vec::new();
    let mut previous: Option<(Vec<*const InfoSeries>, usize)> = None;
    for step in (0..grid.count).filter(|&step| one.column.is_present(step)) {
        let infos = newest(partners, step)?;
        let identity: Vec<*const InfoSeries> = infos
            .values()
            .map(|info| std::ptr::from_ref(*info))
            .collect();
        if let Some((before, run)) = &previous
            && *before == identity
        {
            runs[*run].1.push(step);
            continue;
        }
        let labels = if infos.is_empty() && needs_info {
            None
        } else {
            Some(with_data(one, infos.values().copied(), data)?)
        };
        let run = match runs.iter().position(|run| run.0 == labels) {
            Some(found) => found,
            None => {
                runs.push((labels, Vec::new()));
                runs.len() - 1
            }
        };
        runs[run].1.push(step);
        previous = Some((identity, run));
    }
    for (labels, steps) in runs {
        let Some(labels) = labels else { continue };
        let mut column = one.column.clone();
        column.retain(|step| steps.binary_search(&step).is_ok());
        out.push(Series {
            labels,
            drop_name: one.drop_name,
            column,
        });
    }
    Ok(())
}

fn with_data<'a>(
    one: &Series,
    infos: impl Iterator<Item = &'a InfoSeries>,
    data: &[Matcher],
) -> Result<Labels, QueryError> {
    let mut added = LabelsBuilder::default();
    for info in infos {
        for (name, value) in &info.labels {
            let wanted = data.is_empty() || data.iter().any(|m| m.name == name);
            if name == METRIC_NAME || !wanted {
                continue;
            }
            if added.get(name).is_some_and(|other| other != value) {
                return Err(QueryError::Execution(format!(
                    "conflicting label: {}",
                    short(name)
                )));
            }
            if one.labels.get(name).is_none() {
                added.set(name, value);
            }
        }
    }
    let mut labels = one.labels.to_builder();
    for (name, value) in added.iter() {
        labels.set(name, value);
    }
    Ok(labels.build())
}
