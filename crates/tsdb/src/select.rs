//! Selected series: what the head had of them, and where the blocks have the rest.

use std::sync::Arc;

use bellwether_model::{Labels, TimeRange};
use bellwether_storage::{Samples, SeriesHandle, StorageError};

use crate::block::Block;
use crate::chunk::ChunkMeta;
use crate::manifest::Version;
use crate::points::Points;

/// One selected series. Holds the blocks as they were when it was selected.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) labels: Labels,
    /// Samples that were in memory, inside of the range that was asked for.
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
        if let Err(error) = result {
            return Err(error);
        }
        all.read_into(out);
        Ok(())
    }
}

impl SeriesHandle for Handle {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn read(&self, range: TimeRange, out: &mut Samples) -> Result<(), StorageError> {
        if range.is_empty() {
            return Ok(());
        }
        let mut metas: Vec<(u32, ChunkMeta)> = Vec::new();
        let mut own = Vec::new();
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
            return self.read_slowly(range, out);
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
        Ok(())
    }
}
