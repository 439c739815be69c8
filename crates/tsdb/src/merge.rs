//! Writes several blocks as one, without what was deleted.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bellwether_codec::ints::Effort;
use bellwether_model::{Labels, TimeRange};
use bellwether_storage::{Disk, StorageError};

use crate::block::{Block, BlockFacts, BlockWriter};
use crate::manifest::Tombstones;
use crate::points::Points;

/// A block that is read series by series.
struct Source<'a> {
    block: &'a Block,
    next: u32,
    labels: Option<Labels>,
    /// Numbers of this block's pairs in the new block.
    pairs: Vec<u32>,
}

const UNKNOWN: u32 = u32::MAX;

impl Source<'_> {
    fn advance(&mut self) -> Result<(), StorageError> {
        self.labels = None;
        if u64::from(self.next) < self.block.facts().series_count {
            self.labels = Some(self.block.labels(self.next)?);
            self.next += 1;
        }
        Ok(())
    }
}

/// What came of a merge.
#[derive(Debug)]
pub(crate) struct Merged {
    /// `None` where nothing is left.
    pub(crate) facts: Option<BlockFacts>,
    /// Chunks that could not be read and are left out.
    pub(crate) damaged: u64,
}

/// Writes the samples of `blocks`, which are in the order in which they were written, to a new
/// file at `path`. Gives up when `stop` is set.
pub(crate) fn merge(
    disk: &dyn Disk,
    path: &Path,
    blocks: &[Arc<Block>],
    tombstones: &Tombstones,
    keep: TimeRange,
    seed: u64,
    stop: &AtomicBool,
) -> Result<Merged, StorageError> {
    let first = blocks
        .iter()
        .map(|b| b.facts().sequence_first)
        .min()
        .unwrap_or(0);
    let last = blocks
        .iter()
        .map(|b| b.facts().sequence_last)
        .max()
        .unwrap_or(0);
    let mut writer = BlockWriter::create(disk, path, Effort::Thorough, seed, (first, last))?;
    let mut sources = Vec::with_capacity(blocks.len());
    for block in blocks {
        let mut source = Source {
            block,
            next: 0,
            labels: None,
            pairs: vec![UNKNOWN; block.pair_count()],
        };
        source.advance()?;
        sources.push(source);
    }
    let mut damaged = 0;
    let (mut points, mut more, mut metas, mut pairs) =
        (Points::default(), Points::default(), Vec::new(), Vec::new());
    let mut since_release = 0u64;
    let least = |sources: &[Source<'_>]| {
        let labels = sources.iter().filter_map(|source| source.labels.as_ref());
        labels.min().cloned()
    };
    while let Some(least) = least(&sources) {
        if stop.load(Ordering::Relaxed) {
            return Err(StorageError::Unavailable(
                "the engine is closing".to_owned(),
            ));
        }
        points.clear();
        let mut fingerprint = 0;
        let mut new_pairs: Option<Vec<u32>> = None;
        for source in sources
            .iter_mut()
            .filter(|s| s.labels.as_ref() == Some(&least))
        {
            let series = source.next - 1;
            fingerprint = source.block.fingerprint(series);
            if new_pairs.is_none() {
                source.block.pairs_into(series, &mut pairs)?;
                let numbers = pairs.iter().map(|&pair| {
                    let Some(slot) = source.pairs.get_mut(pair as usize) else {
                        return UNKNOWN;
                    };
                    if *slot == UNKNOWN {
                        let (name, value) = source.block.pair_text(pair);
                        *slot = writer.pair(name, value);
                    }
                    *slot
                });
                new_pairs = Some(numbers.collect());
            }
            // Entries of the index are about so large, and pages of it count too.
            since_release += 128;
            metas.clear();
            source
                .block
                .chunks_into(series, TimeRange::ALL, &mut metas)?;
            more.clear();
            for meta in &metas {
                since_release += u64::from(meta.len);
                if let Err(error) = source.block.read_points(meta, &mut more) {
                    tracing::error!(%error, labels = %least, "damaged chunk is left out of a merge");
                    damaged += 1;
                }
            }
            let gone = tombstones.of(source.block.number, series);
            if !gone.is_empty() {
                more.remove(|time_ms| gone.iter().any(|range| range.contains(time_ms)));
            }
            if points.is_empty() {
                std::mem::swap(&mut points, &mut more);
            } else {
                points.absorb(&more);
            }
            source.advance()?;
        }
        if points.times_ms.first().is_some_and(|&t| t < keep.start_ms) {
            points.remove(|time_ms| !keep.contains(time_ms));
        }
        writer.add(
            fingerprint,
            new_pairs.as_deref().unwrap_or_default(),
            &points,
        )?;
        // Pages of the sources count as memory of this process until they are given back.
        if since_release > 8 << 20 {
            since_release = 0;
            blocks.iter().for_each(|block| block.release());
        }
    }
    let facts = writer.finish()?;
    blocks.iter().for_each(|block| block.release());
    Ok(Merged { facts, damaged })
}
