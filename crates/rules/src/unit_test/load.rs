//! The series of a test, loaded as time goes on.

use std::collections::BTreeMap;

use bellwether_model::Labels;
use bellwether_promql::promqltest::{SequenceValue, parse_series};
use bellwether_storage::MemoryStore;

/// Series and how much of them is loaded.
#[derive(Debug)]
pub(super) struct Inputs {
    series: Vec<Input>,
    start_ms: i64,
    interval_ms: i64,
}

#[derive(Debug)]
struct Input {
    labels: Labels,
    values: std::vec::IntoIter<SequenceValue>,
    /// The time of the next value, counted in intervals.
    next_index: i64,
}

impl Inputs {
    /// Reads series. Of one that stands there twice the last one counts.
    pub(super) fn parse(
        series: &[(String, String)],
        start_ms: i64,
        interval_ms: i64,
    ) -> Result<Self, String> {
        let mut by_labels = BTreeMap::new();
        for (name, values) in series {
            let line = format!("{name} {values}");
            let parsed = parse_series(line.trim())
                .map_err(|error| format!("input series {name:?}: {error}"))?;
            by_labels.insert(parsed.labels, parsed.values);
        }
        let series = by_labels.into_iter().map(|(labels, values)| Input {
            labels,
            values: values.into_iter(),
            next_index: 0,
        });
        Ok(Self {
            series: series.collect(),
            start_ms,
            interval_ms,
        })
    }

    /// Writes the samples up to a time that are not written yet.
    pub(super) fn load_until(&mut self, end_ms: i64, store: &MemoryStore) {
        for input in &mut self.series {
            loop {
                let since_ms = self.interval_ms.saturating_mul(input.next_index);
                let time_ms = self.start_ms.saturating_add(since_ms);
                if time_ms > end_ms {
                    break;
                }
                let Some(value) = input.values.next() else {
                    break;
                };
                input.next_index += 1;
                match value.histogram {
                    Some(histogram) => {
                        let histogram = histogram.as_ref().clone();
                        store.insert_histogram(&input.labels, time_ms, 0, histogram);
                    }
                    None if value.is_omitted => {}
                    None => store.insert(&input.labels, time_ms, value.value),
                }
            }
        }
    }
}
