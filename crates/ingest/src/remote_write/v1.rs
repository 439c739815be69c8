//! Bodies of remote write 1.0.

use bellwether_codec::protobuf::Cursor;
use bellwether_model::{Exemplar, Labels, ShortLabels};
use bellwether_wire::WireError;
use bellwether_wire::histogram::TimedHistogram;
use bellwether_wire::v1::{
    LabelBytes, Part, SeriesSink, decode_labels, decode_metadata, decode_series, next_part,
};

use crate::pending::{Budget, Pending, SeriesLabels, checked_labels};
use crate::series_key::SeriesHasher;

/// Where each series of a body stands in it, for those whose labels must be read after all.
#[derive(Debug, Default)]
pub(super) struct SeriesPlaces {
    places: Vec<(u32, u32)>,
    scattered: Vec<u8>,
}

struct Sink<'a> {
    pending: &'a mut Pending,
    budget: &'a mut Budget,
}

impl SeriesSink for Sink<'_> {
    #[inline]
    fn float(&mut self, time_ms: i64, value: f64) -> Result<(), WireError> {
        self.budget.take(1)?;
        self.pending.push_float(time_ms, value);
        Ok(())
    }

    fn histogram(&mut self, histogram: TimedHistogram) -> Result<(), WireError> {
        self.budget.take_histogram()?;
        self.pending.push_histogram(histogram);
        Ok(())
    }

    fn exemplar(&mut self, exemplar: Exemplar) -> Result<(), WireError> {
        self.budget.take_histogram()?;
        self.pending.push_exemplar(exemplar);
        Ok(())
    }
}

impl SeriesPlaces {
    pub(super) fn decode(
        &mut self,
        message: &[u8],
        items_max: u64,
        hasher: &SeriesHasher,
        pending: &mut Pending,
    ) -> Result<(), WireError> {
        self.places.clear();
        let mut budget = Budget::new(items_max);
        let mut cursor = Cursor::new(message);
        while let Some(part) = next_part(&mut cursor)? {
            budget.take(1)?;
            let (series, offset) = match part {
                Part::Series(series, offset) => (series, offset),
                Part::Metadata(metadata) => {
                    budget.take_histogram()?;
                    let (family, metadata) = decode_metadata(metadata)?;
                    pending.push_metadata(family, metadata);
                    continue;
                }
            };
            let mut sink = Sink {
                pending: &mut *pending,
                budget: &mut budget,
            };
            let key = match decode_series(series, offset, &mut sink)? {
                LabelBytes::Together { start, end } => hasher.key(&message[start..end]),
                LabelBytes::Scattered => self.scattered_key(series, hasher)?,
            };
            self.places
                .push((offset as u32, (offset + series.len()) as u32));
            pending.end_series(key);
        }
        Ok(())
    }

    /// Labels with other fields between them: no known sender does this, so the bytes are copied.
    fn scattered_key(
        &mut self,
        series: &[u8],
        hasher: &SeriesHasher,
    ) -> Result<bellwether_storage::SeriesKey, WireError> {
        let bytes = &mut self.scattered;
        bytes.clear();
        decode_labels(series, |name, value| {
            for text in [name, value] {
                bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
                bytes.extend_from_slice(text);
            }
        })?;
        Ok(hasher.key(bytes))
    }

    pub(super) fn labels_of<'a>(&'a self, message: &'a [u8]) -> LabelsOf<'a> {
        LabelsOf {
            message,
            places: &self.places,
        }
    }
}

/// Reads labels of series of a body.
pub(super) struct LabelsOf<'a> {
    message: &'a [u8],
    places: &'a [(u32, u32)],
}

impl SeriesLabels for LabelsOf<'_> {
    fn labels(&self, series_index: usize) -> Result<Labels, String> {
        let (start, end) = self.places[series_index];
        let series = &self.message[start as usize..end as usize];
        let mut pairs = Vec::with_capacity(16);
        let mut not_utf8 = false;
        decode_labels(series, |name, value| {
            match (std::str::from_utf8(name), std::str::from_utf8(value)) {
                (Ok(name), Ok(value)) => pairs.push((name, value)),
                _ => not_utf8 = true,
            }
        })
        .map_err(|e| e.to_string())?;
        if not_utf8 {
            let labels = Labels::from_pairs(pairs);
            return Err(format!(
                "invalid metric name or labels (not UTF-8), got {}",
                ShortLabels(&labels)
            ));
        }
        checked_labels(&mut pairs)
    }
}
