//! Answers questions from head and blocks together.

use std::collections::BTreeSet;
use std::sync::Arc;

use bellwether_model::{Labels, Matcher, TimeRange};
use bellwether_storage::{LabelQuery, Selection, SeriesHandle, StorageError};
use rustc_hash::FxHashMap;

use super::Engine;
use crate::block::Block;
use crate::head::Head;
use crate::index::{Index, evaluate};
use crate::manifest::Version;
use crate::memtable::{Frozen, Memtable};
use crate::points::Points;
use crate::select::Handle;

fn overlaps(memtable: &Memtable, range: TimeRange) -> bool {
    match (memtable.min_ms, memtable.max_ms) {
        (Some(min), Some(max)) => range.overlaps(&TimeRange::new(min, max)),
        _ => false,
    }
}

fn has_histograms(head: &Head, id: u32) -> bool {
    let frozen = |f: &Frozen| f.memtable.histograms.contains_key(&id);
    head.memtable.histograms.contains_key(&id) || head.frozen.as_deref().is_some_and(frozen)
}

/// Samples of a series that are in no block yet, inside of `range`; where there are histograms,
/// those before it too, since the first one inside is compared with the one before.
fn points_in_memory(head: &Head, id: u32, range: TimeRange) -> Points {
    let mut points = Points::default();
    let range = if has_histograms(head, id) {
        TimeRange::new(i64::MIN, range.end_ms)
    } else {
        range
    };
    if let Some(frozen) = &head.frozen
        && overlaps(&frozen.memtable, range)
        && let Some(last) = frozen.last_of(id)
    {
        frozen.memtable.points_into(id, last, &mut points);
    }
    if overlaps(&head.memtable, range)
        && let Some(slot) = head.slot(id)
    {
        if points.is_empty() {
            head.memtable.points_into(id, slot.last, &mut points);
        } else {
            let mut newer = Points::default();
            head.memtable.points_into(id, slot.last, &mut newer);
            points.absorb(&newer);
        }
    }
    let inside = |t: &i64| range.contains(*t);
    if !(points.times_ms.first().is_none_or(inside) && points.times_ms.last().is_none_or(inside)) {
        points.remove(|t| !range.contains(t));
    }
    points
}

impl Engine {
    /// The blocks as they are; call it with the head locked.
    fn blocks_now(&self) -> Arc<Version> {
        Arc::clone(&self.version.read())
    }

    pub(super) fn select_series(
        &self,
        selection: &Selection<'_>,
    ) -> Result<Vec<Box<dyn SeriesHandle>>, StorageError> {
        let range = selection.range;
        let labels_only = selection.hints.labels_only;
        let mut handles: Vec<Handle> = Vec::new();
        let mut prints: Vec<u128> = Vec::new();
        let head = self.head.read();
        let version = self.blocks_now();
        for id in evaluate(&*head, selection.matchers) {
            let Some(slot) = head.slot(id) else { continue };
            if !head.has_samples(id) {
                continue;
            }
            let points = if labels_only {
                Points::default()
            } else {
                points_in_memory(&head, id, range)
            };
            if !labels_only && points.is_empty() {
                continue;
            }
            prints.push(slot.fingerprint);
            handles.push(Handle {
                labels: head.labels(id),
                fingerprint: slot.fingerprint,
                points,
                version: Arc::clone(&version),
                blocks: Vec::new(),
            });
        }
        drop(head);
        self.add_blocks(selection, &version, &mut handles, &mut prints)?;
        let max = selection.hints.series_max;
        if max > 0 && handles.len() > max {
            let text = format!("the selector matches more than {max} series");
            return Err(StorageError::Limit(text));
        }
        Ok(handles
            .into_iter()
            .map(|handle| Box::new(handle) as Box<dyn SeriesHandle>)
            .collect())
    }

    /// Finds the series in the blocks too.
    fn add_blocks(
        &self,
        selection: &Selection<'_>,
        version: &Arc<Version>,
        handles: &mut Vec<Handle>,
        prints: &mut Vec<u128>,
    ) -> Result<(), StorageError> {
        let mut known: FxHashMap<u128, u32> = FxHashMap::default();
        let mut known_count = 0;
        for (position, block) in version.blocks.iter().enumerate() {
            if !block.range().overlaps(&selection.range) {
                continue;
            }
            let found = evaluate(&**block, selection.matchers);
            if found.is_empty() {
                continue;
            }
            // Series are matched by fingerprint only where there are several sides to match.
            while known_count < prints.len() {
                known.insert(prints[known_count], known_count as u32);
                known_count += 1;
            }
            let head = self.head.read();
            for series in found {
                if is_deleted(version, block, series, selection.range) {
                    continue;
                }
                let print = block.fingerprint(series);
                let at = match known.get(&print) {
                    Some(&at) => at as usize,
                    None => {
                        let (labels, points) = match head.find(print) {
                            // Earlier histograms in memory, which the first one is compared with.
                            Some(id) if has_histograms(&head, id) => {
                                let range = selection.range;
                                (head.labels(id), points_in_memory(&head, id, range))
                            }
                            Some(id) => (head.labels(id), Points::default()),
                            None => (block.labels(series)?, Points::default()),
                        };
                        prints.push(print);
                        handles.push(Handle {
                            labels,
                            fingerprint: print,
                            points,
                            version: Arc::clone(version),
                            blocks: Vec::new(),
                        });
                        handles.len() - 1
                    }
                };
                handles[at].blocks.push((position as u32, series));
            }
        }
        Ok(())
    }

    /// Calls `take` with the labels' source of each series that satisfies a question.
    fn each_index(
        &self,
        query: &LabelQuery<'_>,
        mut take: impl FnMut(&dyn Index, Side<'_>, Option<Vec<u32>>) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let head = self.head.read();
        let version = self.blocks_now();
        let in_memory = overlaps(&head.memtable, query.range)
            || head
                .frozen
                .as_ref()
                .is_some_and(|f| overlaps(&f.memtable, query.range));
        if in_memory {
            let found = matching(&*head, query.matcher_sets).map(|mut found| {
                found.retain(|&id| head.has_samples(id));
                found
            });
            take(&*head, Side::Head(&head), found)?;
        }
        drop(head);
        for block in version
            .blocks
            .iter()
            .filter(|b| b.range().overlaps(&query.range))
        {
            let touched = version.tombstones.touches(block.number);
            let mut found = matching(&**block, query.matcher_sets);
            if touched && found.is_none() {
                let mut all = Vec::new();
                block.all_into(&mut all);
                found = Some(all);
            }
            if touched && let Some(found) = &mut found {
                found.retain(|&series| !is_deleted(&version, block, series, query.range));
            }
            take(&**block, Side::Block(block), found)?;
        }
        Ok(())
    }

    pub(super) fn read_label_names(
        &self,
        query: &LabelQuery<'_>,
    ) -> Result<Vec<String>, StorageError> {
        let mut names: BTreeSet<String> = BTreeSet::new();
        self.each_index(query, |_, side, found| {
            match found {
                None => side.each_name(&mut |name| {
                    if !names.contains(name) {
                        names.insert(name.to_owned());
                    }
                }),
                Some(found) => side.each_pair(&found, &mut |name, _| {
                    if !names.contains(name) {
                        names.insert(name.to_owned());
                    }
                })?,
            }
            Ok(())
        })?;
        Ok(limited(names, query.limit))
    }

    pub(super) fn read_label_values(
        &self,
        name: &str,
        query: &LabelQuery<'_>,
    ) -> Result<Vec<String>, StorageError> {
        let mut values: BTreeSet<String> = BTreeSet::new();
        self.each_index(query, |index, side, found| {
            match found {
                None => index.each_value(name, &mut |value, pair| {
                    if !values.contains(value) && side.is_alive(pair) {
                        values.insert(value.to_owned());
                    }
                }),
                Some(found) => side.each_pair(&found, &mut |label, value| {
                    if label == name && !values.contains(value) {
                        values.insert(value.to_owned());
                    }
                })?,
            }
            Ok(())
        })?;
        Ok(limited(values, query.limit))
    }

    pub(super) fn read_series(&self, query: &LabelQuery<'_>) -> Result<Vec<Labels>, StorageError> {
        let mut series: BTreeSet<Labels> = BTreeSet::new();
        self.each_index(query, |index, side, found| {
            let found = found.unwrap_or_else(|| {
                let mut all = Vec::new();
                index.all_into(&mut all);
                all
            });
            for number in found {
                series.insert(side.labels(number)?);
            }
            Ok(())
        })?;
        Ok(limited(series, query.limit))
    }
}

/// Whether all samples of a series in a block that could be asked for are deleted.
fn is_deleted(version: &Version, block: &Block, series: u32, range: TimeRange) -> bool {
    let gone = version.tombstones.of(block.number, series);
    if gone.is_empty() {
        return false;
    }
    let all = block.range();
    let start_ms = all.start_ms.max(range.start_ms);
    let end_ms = all.end_ms.min(range.end_ms);
    gone.iter()
        .any(|g| g.start_ms <= start_ms && end_ms <= g.end_ms)
}

/// Series that satisfy any of the lists; `None`: all series.
pub(super) fn matching(index: &dyn Index, matcher_sets: &[Vec<Matcher>]) -> Option<Vec<u32>> {
    if matcher_sets.is_empty() || matcher_sets.iter().any(Vec::is_empty) {
        return None;
    }
    let mut found = Vec::new();
    for set in matcher_sets {
        found.append(&mut evaluate(index, set));
    }
    if matcher_sets.len() > 1 {
        found.sort_unstable();
        found.dedup();
    }
    Some(found)
}

fn limited<T>(found: BTreeSet<T>, limit: usize) -> Vec<T> {
    let limit = if limit == 0 { usize::MAX } else { limit };
    found.into_iter().take(limit).collect()
}

/// The texts behind an index.
enum Side<'a> {
    Head(&'a Head),
    Block(&'a Block),
}

impl Side<'_> {
    fn each_name(&self, take: &mut dyn FnMut(&str)) {
        match self {
            Side::Head(head) => {
                for (name, pairs) in head.names() {
                    if pairs.iter().any(|&pair| self.is_alive(pair)) {
                        take(name);
                    }
                }
            }
            Side::Block(block) => block.names().for_each(take),
        }
    }

    /// Whether a pair belongs to a series with samples on this side.
    fn is_alive(&self, pair: u32) -> bool {
        match self {
            Side::Head(head) => {
                let mut series = Vec::new();
                head.postings_into(pair, &mut series);
                series.iter().any(|&id| head.has_samples(id))
            }
            Side::Block(_) => true,
        }
    }

    fn labels(&self, series: u32) -> Result<Labels, StorageError> {
        match self {
            Side::Head(head) => Ok(head.labels(series)),
            Side::Block(block) => block.labels(series),
        }
    }

    /// Calls `take` with each different label pair of some series.
    fn each_pair(
        &self,
        series: &[u32],
        take: &mut dyn FnMut(&str, &str),
    ) -> Result<(), StorageError> {
        let mut seen = rustc_hash::FxHashSet::default();
        let mut pairs = Vec::new();
        for &number in series {
            match self {
                Side::Head(head) => {
                    for &pair in head.pairs_of(number) {
                        if seen.insert(pair) {
                            let (name, value) = head.pair_text(pair);
                            take(name, value);
                        }
                    }
                }
                Side::Block(block) => {
                    block.pairs_into(number, &mut pairs)?;
                    for &pair in &pairs {
                        if seen.insert(pair) {
                            let (name, value) = block.pair_text(pair);
                            take(name, value);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
