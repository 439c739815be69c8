//! Exemplars and metadata: few, kept in memory, and written to each new file of the log.

use std::collections::{BTreeMap, VecDeque};

use bellwether_model::{Exemplar, Labels, Matcher, Metadata, TimeRange};
use bellwether_storage::{ExemplarSeries, LabelQuery, MetadataEntry, RejectionReason};

use crate::records;
use bellwether_storage::record_log::put_record;

/// Families with several descriptions keep at most so many.
const PER_FAMILY_MAX: usize = 16;

/// One thing that was added, and what had to go for it.
#[derive(Debug)]
enum Added {
    Exemplar {
        series: Labels,
        evicted: Option<(Labels, Exemplar)>,
    },
    Metadata {
        metric: String,
        evicted: Option<Metadata>,
    },
}

/// See the page of this module.
#[derive(Debug, Default)]
pub(crate) struct Extras {
    exemplars: BTreeMap<Labels, Vec<Exemplar>>,
    /// Series of the exemplars in the order in which they came.
    order: VecDeque<Labels>,
    metadata: BTreeMap<String, Vec<Metadata>>,
    metadata_count: usize,
    /// What was added since the last [`Extras::keep`], in that order.
    added: Vec<Added>,
}

impl Extras {
    /// What was added is in the log and stays.
    pub(crate) fn keep(&mut self) {
        self.added.clear();
    }

    /// Takes back what was added since the last [`Extras::keep`]: it could not be logged, and must
    /// not count as known when it comes again.
    pub(crate) fn undo(&mut self) {
        while let Some(added) = self.added.pop() {
            match added {
                Added::Exemplar { series, evicted } => {
                    self.order.pop_back();
                    if let Some(list) = self.exemplars.get_mut(&series) {
                        list.pop();
                        if list.is_empty() {
                            self.exemplars.remove(&series);
                        }
                    }
                    if let Some((series, exemplar)) = evicted {
                        let list = self.exemplars.entry(series.clone()).or_default();
                        list.insert(0, exemplar);
                        self.order.push_front(series);
                    }
                }
                Added::Metadata { metric, evicted } => {
                    let Some(known) = self.metadata.get_mut(&metric) else {
                        continue;
                    };
                    known.pop();
                    self.metadata_count -= 1;
                    if let Some(evicted) = evicted {
                        known.insert(0, evicted);
                        self.metadata_count += 1;
                    }
                    if known.is_empty() {
                        self.metadata.remove(&metric);
                    }
                }
            }
        }
    }

    /// Takes an exemplar. `Ok(false)`: it was there already.
    pub(crate) fn add_exemplar(
        &mut self,
        series: &Labels,
        exemplar: &Exemplar,
        max: usize,
    ) -> Result<bool, RejectionReason> {
        if max == 0 {
            return Ok(false);
        }
        if let Some(last) = self.exemplars.get(series).and_then(|list| list.last()) {
            if last == exemplar {
                return Ok(false);
            }
            if last.timestamp_ms > exemplar.timestamp_ms {
                return Err(RejectionReason::OutOfOrderExemplar);
            }
        }
        let mut evicted = None;
        if self.order.len() >= max
            && let Some(oldest) = self.order.pop_front()
            && let Some(list) = self.exemplars.get_mut(&oldest)
            && !list.is_empty()
        {
            let first = list.remove(0);
            if list.is_empty() {
                self.exemplars.remove(&oldest);
            }
            evicted = Some((oldest, first));
        }
        self.exemplars
            .entry(series.clone())
            .or_default()
            .push(exemplar.clone());
        self.order.push_back(series.clone());
        self.added.push(Added::Exemplar {
            series: series.clone(),
            evicted,
        });
        Ok(true)
    }

    /// Takes metadata. `false`: it was known, or there is no room.
    pub(crate) fn add_metadata(&mut self, metric: &str, metadata: &Metadata, max: usize) -> bool {
        let mut evicted = None;
        if let Some(known) = self.metadata.get_mut(metric) {
            if known.contains(metadata) {
                return false;
            }
            if known.len() >= PER_FAMILY_MAX {
                evicted = Some(known.remove(0));
                self.metadata_count -= 1;
            }
            known.push(metadata.clone());
        } else {
            if self.metadata_count >= max {
                return false;
            }
            self.metadata
                .insert(metric.to_owned(), vec![metadata.clone()]);
        }
        self.metadata_count += 1;
        self.added.push(Added::Metadata {
            metric: metric.to_owned(),
            evicted,
        });
        true
    }

    /// Removes exemplars; says whether there were any.
    pub(crate) fn delete(&mut self, matcher_sets: &[Vec<Matcher>], range: TimeRange) -> bool {
        let before = self.order.len();
        let mut kept: VecDeque<Labels> = VecDeque::new();
        self.exemplars.retain(|labels, list| {
            if matches_any(matcher_sets, labels) {
                list.retain(|exemplar| !range.contains(exemplar.timestamp_ms));
            }
            kept.extend(list.iter().map(|_| labels.clone()));
            !list.is_empty()
        });
        if kept.len() != before {
            self.order = kept;
        }
        before != self.order.len()
    }

    pub(crate) fn exemplars(&self, query: &LabelQuery<'_>) -> Vec<ExemplarSeries> {
        let mut found = Vec::new();
        for (labels, list) in &self.exemplars {
            if query.limit > 0 && found.len() >= query.limit {
                break;
            }
            if !matches_any(query.matcher_sets, labels) {
                continue;
            }
            let inside = |e: &&Exemplar| query.range.contains(e.timestamp_ms);
            let exemplars: Vec<Exemplar> = list.iter().filter(inside).cloned().collect();
            if !exemplars.is_empty() {
                found.push(ExemplarSeries {
                    labels: labels.clone(),
                    exemplars,
                });
            }
        }
        found
    }

    pub(crate) fn metadata(&self, metric: Option<&str>) -> Vec<MetadataEntry> {
        let wanted = |name: &&String| metric.is_none_or(|metric| metric == name.as_str());
        let entry = |name: &String, metadata: &Metadata| MetadataEntry {
            metric: name.clone(),
            metadata: metadata.clone(),
        };
        self.metadata
            .iter()
            .filter(|(name, _)| wanted(name))
            .flat_map(|(name, known)| known.iter().map(move |metadata| entry(name, metadata)))
            .collect()
    }

    /// Appends records of everything.
    pub(crate) fn put_records(&self, out: &mut Vec<u8>) {
        if !self.exemplars.is_empty() {
            put_record(out, records::EXEMPLARS, |out| {
                for (labels, list) in &self.exemplars {
                    for exemplar in list {
                        records::put_exemplar(out, labels, exemplar);
                    }
                }
            });
        }
        if !self.metadata.is_empty() {
            put_record(out, records::METADATA, |out| {
                for (metric, known) in &self.metadata {
                    for metadata in known {
                        records::put_metadata(out, metric, metadata);
                    }
                }
            });
        }
    }

    /// About how many bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.order.len() * 200 + self.metadata_count * 200
    }
}

fn matches_any(sets: &[Vec<Matcher>], labels: &Labels) -> bool {
    let all = |set: &Vec<Matcher>| set.iter().all(|matcher| matcher.matches_labels(labels));
    sets.is_empty() || sets.iter().any(all)
}
