//! Selected series: what the head had of them, and where the blocks have the rest.

use std::sync::Arc;

use bellwether_model::{FloatHistogram, Labels, TimeRange, is_stale_nan};
use bellwether_storage::{Samples, SeriesHandle, StorageError};

use crate::block::Block;
use crate::chunk::ChunkMeta;
use crate::manifest::Version;
use crate::points::{PointRef, Points};

/// One selected series. Holds the blocks as they were when it was selected.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) labels: Labels,
    pub(crate) fingerprint: u128,
    /// Samples that were in memory. Floats are those inside of the range that was asked for; a
    /// series with histograms has earlier ones too.
    pub(crate) points: Points,
    pub(crate) version: Arc<Version>,
    /// Positions in the blocks of the version, and the series there.
    pub(crate) blocks: Vec<(u32, u32)>,
}

impl Handle {
    fn block(&self, position: u32) -> Option<&Arc<Block>> {
        self.version.blocks.get(position as usize)
    }

    /// Overlapping or deleted samples: everything is put in order first.
    fn read_slowly(&self, range: TimeRange, out: &mut Samples) -> Result<(), StorageError> {
        let mut all = Points::default();
        let mut result = Ok(());
        for &(position, series) in &self.blocks {
            let Some(block) = self.block(position) else {
                continue;
            };
            let mut metas = Vec::new();
            block.chunks_into(series, range, &mut metas)?;
            let mut points = Points::default();
            for meta in &metas {
                if let Err(error) = block.read_points(meta, &mut points) {
                    result = Err(error);
                }
            }
            let gone = self.version.tombstones.of(block.number, series);
            points.remove(|t| !range.contains(t) || gone.iter().any(|g| g.contains(t)));
            all.absorb(&points);
        }
        let mut points = self.points.clone();
        points.remove(|t| !range.contains(t));
        all.absorb(&points);
        result?;
        all.read_into(out);
        Ok(())
    }
}

impl Handle {
    /// Says of each histogram that was read whether it was reset since the sample before it.
    fn hint_resets(
        &self,
        (first, first_histogram): (usize, usize),
        range: TimeRange,
        out: &mut Samples,
    ) -> Result<(), StorageError> {
        for at in first_histogram..out.histograms.len() {
            let position = out.histogram_positions[at] as usize;
            let earlier;
            let previous = if position == first {
                earlier = self.histogram_before(range.start_ms)?;
                earlier.as_ref()
            } else if at > 0 && out.histogram_positions[at - 1] as usize + 1 == position {
                Some(&*out.histograms[at - 1])
            } else {
                None
            };
            let previous = previous.filter(|h| !is_stale_nan(h.sum));
            let hint = out.histograms[at].hint_after(previous);
            if out.histograms[at].counter_reset != hint {
                Arc::make_mut(&mut out.histograms[at]).counter_reset = hint;
            }
        }
        Ok(())
    }

    /// The sample just before a time, where that is a histogram.
    fn histogram_before(&self, time_ms: i64) -> Result<Option<FloatHistogram>, StorageError> {
        let Some(last_ms) = time_ms.checked_sub(1) else {
            return Ok(None);
        };
        let earlier = TimeRange::new(i64::MIN, last_ms);
        let mut newest: Option<(i64, Option<FloatHistogram>)> = None;
        let mut consider = |points: &Points| {
            let Some(at) = points
                .times_ms
                .partition_point(|&t| t < time_ms)
                .checked_sub(1)
            else {
                return false;
            };
            let found_ms = points.times_ms[at];
            if newest
                .as_ref()
                .is_none_or(|(known_ms, _)| *known_ms < found_ms)
            {
                let histogram = match points.point_at(at) {
                    PointRef::Histogram(histogram) => Some(histogram.to_float()),
                    PointRef::Float(_) => None,
                };
                newest = Some((found_ms, histogram));
            }
            true
        };
        consider(&self.points);
        let mut metas = Vec::new();
        for block in self
            .version
            .blocks
            .iter()
            .filter(|b| b.range().overlaps(&earlier))
        {
            let Some(series) = block.find(self.fingerprint) else {
                continue;
            };
            let gone = self.version.tombstones.of(block.number, series);
            metas.clear();
            block.chunks_into(series, earlier, &mut metas)?;
            for meta in metas.iter().rev() {
                let mut points = Points::default();
                block.read_points(meta, &mut points)?;
                points.remove(|t| gone.iter().any(|g| g.contains(t)));
                if consider(&points) {
                    break;
                }
            }
        }
        Ok(newest.and_then(|(_, histogram)| histogram))
    }
}

impl SeriesHandle for Handle {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn memory_bytes(&self) -> usize {
        let blocks = self.blocks.len() * size_of::<(u32, u32)>();
        size_of::<Self>() + self.labels.as_bytes().len() + blocks + self.points.memory_bytes()
    }

    fn read(&self, range: TimeRange, out: &mut Samples) -> Result<(), StorageError> {
        if range.is_empty() {
            return Ok(());
        }
        let mut metas: Vec<(u32, ChunkMeta)> = Vec::new();
        let mut own = Vec::new();
        let begin = (out.len(), out.histograms.len());
        let mut deleted = false;
        for &(position, series) in &self.blocks {
            let Some(block) = self.block(position) else {
                continue;
            };
            own.clear();
            block.chunks_into(series, range, &mut own)?;
            metas.extend(own.iter().map(|meta| (position, *meta)));
            deleted |= !self.version.tombstones.of(block.number, series).is_empty();
        }
        metas.sort_by_key(|(_, meta)| meta.min_ms);
        let apart = metas
            .windows(2)
            .all(|pair| pair[0].1.max_ms < pair[1].1.min_ms);
        let memory_later = match (metas.last(), self.points.times_ms.first()) {
            (Some((_, meta)), Some(&first)) => meta.max_ms < first,
            _ => true,
        };
        let plain = self.points.histograms.is_empty() && self.points.starts_ms.is_empty();
        if deleted || !apart || !memory_later {
            self.read_slowly(range, out)?;
            return self.hint_resets(begin, range, out);
        }
        for (position, meta) in &metas {
            if let Some(block) = self.block(*position) {
                block.read(meta, range, out)?;
            }
        }
        let times = &self.points.times_ms;
        let from = times.partition_point(|&t| t < range.start_ms);
        let to = times.partition_point(|&t| t <= range.end_ms).max(from);
        if plain && out.starts_ms.is_empty() {
            out.times_ms.extend_from_slice(&times[from..to]);
            out.values.extend_from_slice(&self.points.values[from..to]);
        } else {
            let mut points = self.points.clone();
            points.remove(|t| !range.contains(t));
            points.read_into(out);
        }
        self.hint_resets(begin, range, out)
    }
}
