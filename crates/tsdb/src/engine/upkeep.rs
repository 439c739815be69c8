//! What the engine does beside reading and writing: spill, merge, retire, delete, snapshot.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bellwether_codec::ints::Effort;
use bellwether_model::{Matcher, TimeRange};
use bellwether_storage::StorageError;

use super::{Engine, add};
use crate::block::{Block, BlockWriter};
use crate::engine::read::matching;
use crate::error::io_error;
use crate::manifest::{Manifest, Tombstones, Version, file_path};
use crate::memtable::Frozen;
use crate::merge::merge;
use crate::points::Points;
use crate::settings::FsyncPolicy;
use bellwether_storage::record_log::RecordWriter;

/// Spans in a window: blocks never cross windows, so that retention removes whole blocks.
const SPANS_PER_WINDOW: i64 = 12;
/// So many blocks of about one size are merged: fewer would write samples more often.
const MERGE_MIN: usize = 4;
const MERGE_MAX: usize = 16;
/// Blocks are not merged beyond this, so that a merge ends in minutes.
const MERGED_BYTES_MAX: u64 = 8 << 30;
/// A window is left alone until so many files were made since something was written into it: each
/// spill makes two or three.
const QUIET_FILES: u64 = 12;
/// Series are sorted and written in groups, so that writers wait for the head only shortly.
const SPILL_GROUP: usize = 512;

/// What a commit changes.
#[derive(Default)]
struct Change {
    add: Vec<Arc<Block>>,
    remove: Vec<u64>,
    log_first: Option<u64>,
    series_file: Option<u64>,
    tombstones: Option<Tombstones>,
}

/// How many of `blocks`, which are sorted by size, go well together, from the first on. A block
/// that is much larger than those before it together is not written again for their sake, unless
/// its window is over.
fn mergeable(blocks: &[Arc<Block>], closed: bool) -> usize {
    let mut total = 0;
    for (count, block) in blocks.iter().enumerate() {
        let bytes = block.file_bytes();
        let much_larger = count > 0 && bytes > total * 2 + (64 << 10);
        let too_large = total + bytes > MERGED_BYTES_MAX;
        if (much_larger && !closed) || too_large || count == MERGE_MAX {
            return count;
        }
        total += bytes;
    }
    blocks.len()
}

impl Engine {
    /// Starts the engine's own threads, one for spills and one for merges. They end with
    /// [`Engine::close`].
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start_background(self: &Arc<Self>) -> Result<(), StorageError> {
        type Round = (&'static str, fn(&Engine));
        let rounds: [Round; 2] = [
            ("tsdb-spill", Self::spill_round),
            ("tsdb-merge", Self::merge_round),
        ];
        for (name, round) in rounds {
            let engine = Arc::downgrade(self);
            let signal = Arc::clone(&self.signal);
            let interval = Duration::from_millis(self.settings.upkeep_interval_ms.max(10));
            let thread = std::thread::Builder::new().name(name.to_owned());
            let spawned = thread.spawn(move || {
                let mut seen = 0;
                while !signal.is_stopping() {
                    match engine.upgrade() {
                        Some(engine) => round(&engine),
                        None => break,
                    }
                    let mut calls = signal.calls.lock();
                    if *calls == seen && !signal.is_stopping() {
                        signal.wake.wait_for(&mut calls, interval);
                    }
                    seen = *calls;
                }
            });
            match spawned {
                Ok(thread) => self.threads.lock().push(thread),
                Err(error) => return Err(io_error("start thread for", &self.folder, error)),
            }
        }
        Ok(())
    }

    fn note(&self, what: &'static str, result: Result<(), StorageError>) {
        if let Err(error) = result {
            add(&self.counters.upkeep_failures, 1);
            tracing::error!(%error, what, "upkeep failed and will be tried again");
        }
    }

    fn spill_round(&self) {
        self.note("sync", self.sync_by_interval());
        self.note("spill", self.spill_when_due());
        self.note("forget", self.forget_series());
        for source in &mut self.head.write().sources {
            source.recent -= source.recent / 2;
        }
    }

    fn merge_round(&self) {
        self.note("retention", self.retire());
        let mut more = true;
        while more && !self.signal.is_stopping() {
            match self.merge_once(false) {
                Ok(merged) => more = merged,
                Err(_) if self.signal.is_stopping() => more = false,
                Err(error) => {
                    more = false;
                    self.note("merge", Err(error));
                }
            }
        }
    }

    /// One round of all upkeep: sync, spill when due, retention, merges. What the engine's threads
    /// do; tests call it by hand.
    pub fn maintain(&self) {
        self.spill_round();
        self.merge_round();
    }

    /// Writes everything in memory to blocks and merges the blocks of each window into one.
    ///
    /// # Errors
    /// Where a block cannot be written; what was there stays.
    pub fn compact(&self) -> Result<(), StorageError> {
        self.spill_all()?;
        while self.merge_once(true)? {}
        Ok(())
    }

    /// Stops the threads, writes what is in memory to a block, and syncs. Call it once, last.
    ///
    /// # Errors
    /// Where the block cannot be written: its samples are still in the log.
    pub fn close(&self) -> Result<(), StorageError> {
        self.stop_background();
        let spilled = self.spill_all();
        let mut log = self.log.lock();
        // What is in no block is in the log, which must be as durable as it can be.
        let synced = log.flush_series().and_then(|()| log.sync());
        spilled.and(synced)
    }

    /// Stops the threads and waits for them; a merge is given up. Nothing is written: as far as the
    /// disk knows, the process might have died.
    pub fn stop_background(&self) {
        self.signal.stop();
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            // A thread that panicked has reported it.
            drop(thread.join());
        }
    }

    fn sync_by_interval(&self) -> Result<(), StorageError> {
        let FsyncPolicy::Interval(interval_ms) = self.settings.wal_fsync else {
            return Ok(());
        };
        let now_ms = self.clock.now_ms();
        let mut log = self.log.lock();
        if log.poisoned.is_some() {
            return Ok(());
        }
        log.flush_series()?;
        if now_ms.saturating_sub(log.synced_ms) >= i64::try_from(interval_ms).unwrap_or(i64::MAX) {
            log.synced_ms = now_ms;
            log.sync()?;
        }
        Ok(())
    }

    fn spill_when_due(&self) -> Result<(), StorageError> {
        let now_ms = self.clock.now_ms();
        let due = {
            let head = self.head.read();
            let table = &head.memtable;
            let max = self.settings.memtable_samples_max;
            let old = table
                .since_ms
                .is_some_and(|t| now_ms.saturating_sub(t) >= self.settings.memtable_age_max_ms);
            let budget = self.budget_bytes() as usize;
            let short = budget > 0
                && table.memory_bytes() > budget / 6
                && head.memory_bytes() > budget / 10 * 9;
            // Histograms are larger than floats.
            let large = table.memory_bytes() > max.saturating_mul(28).max(1 << 20);
            table.sample_count >= max || old || short || large || head.frozen.is_some()
        };
        if due {
            self.spill()?;
        }
        Ok(())
    }

    /// Writes all that is in memory to blocks.
    pub(super) fn spill_all(&self) -> Result<(), StorageError> {
        loop {
            let empty = {
                let head = self.head.read();
                head.frozen.is_none() && head.memtable.is_empty()
            };
            if empty {
                return Ok(());
            }
            self.spill()?;
        }
    }

    /// Writes the memtable, or the one that an earlier spill left over, to blocks.
    pub(super) fn spill(&self) -> Result<(), StorageError> {
        let _one = self.spilling.lock();
        let left_over = self.head.read().frozen.clone();
        let frozen = match left_over {
            Some(frozen) => frozen,
            None => self.freeze()?,
        };
        self.write_frozen(&frozen)
    }

    /// Begins a new file of the log and an empty memtable.
    fn freeze(&self) -> Result<Arc<Frozen>, StorageError> {
        let number = self.new_file();
        let mut log = self.log.lock();
        let mut writer = RecordWriter::create(&*self.disk, &self.path("log", number))?;
        if let Err(error) = self.hand_over(&mut log, &mut writer) {
            drop(writer);
            self.remove("log", number);
            return Err(error);
        }
        log.writer = Some(writer);
        log.number = number;
        Ok(self.head.write().freeze(number, number))
    }

    /// Writes to a new file of the log what must outlive the old one.
    fn hand_over(
        &self,
        log: &mut super::Log,
        writer: &mut RecordWriter,
    ) -> Result<(), StorageError> {
        let mut records = Vec::new();
        self.extras.lock().put_records(&mut records);
        writer.append(&records)?;
        if self.settings.wal_fsync == FsyncPolicy::Never {
            return Ok(());
        }
        if log.poisoned.is_none() {
            log.flush_series()?;
            log.sync()?;
        }
        // The old file goes when the block is there: what was copied must be durable by then.
        writer.sync()
    }

    fn window_of(&self, time_ms: i64) -> i64 {
        time_ms.div_euclid(
            self.settings
                .block_span_ms
                .max(1)
                .saturating_mul(SPANS_PER_WINDOW),
        )
    }

    fn write_frozen(&self, frozen: &Arc<Frozen>) -> Result<(), StorageError> {
        let table = &frozen.memtable;
        let mut blocks = Vec::new();
        if let (Some(min_ms), Some(max_ms)) = (table.min_ms, table.max_ms) {
            self.head.write().sort();
            let mut windows = vec![self.window_of(min_ms)];
            if self.window_of(max_ms) != windows[0] {
                windows = self.windows_in(frozen);
            }
            let several = windows.len() > 1;
            for window in windows {
                let only = several.then_some(window);
                match self.write_block(frozen, only) {
                    Ok(block) => blocks.extend(block),
                    Err(error) => {
                        self.discard(&blocks);
                        return Err(error);
                    }
                }
            }
        }
        self.commit(Change {
            add: blocks,
            log_first: Some(frozen.log_next),
            ..Change::default()
        })?;
        self.head.write().frozen = None;
        add(&self.counters.spills, 1);
        self.remove_logs_before(frozen.log_next);
        Ok(())
    }

    fn windows_in(&self, frozen: &Frozen) -> Vec<i64> {
        let mut windows = std::collections::BTreeSet::new();
        let mut points = Points::default();
        for &(id, last) in &frozen.series {
            points.clear();
            frozen.memtable.points_into(id, last, &mut points);
            windows.extend(points.times_ms.iter().map(|&t| self.window_of(t)));
        }
        windows.into_iter().collect()
    }

    /// Writes the samples of a memtable, or those in one window, to a block.
    fn write_block(
        &self,
        frozen: &Frozen,
        window: Option<i64>,
    ) -> Result<Option<Arc<Block>>, StorageError> {
        let number = self.new_file();
        let path = self.path("block", number);
        let fresh = path.with_extension("tmp");
        let result = self.fill_block(frozen, window, &fresh);
        self.finish_block(result, number, &fresh, &path)
    }

    /// Gives a block that was written its name and opens it.
    fn finish_block(
        &self,
        written: Result<bool, StorageError>,
        number: u64,
        fresh: &Path,
        path: &Path,
    ) -> Result<Option<Arc<Block>>, StorageError> {
        if !matches!(written, Ok(true)) {
            // What cannot be removed now is removed at the next start.
            drop(self.disk.remove_file(fresh));
            return written.map(|_| None);
        }
        let renamed = self.disk.rename(fresh, path);
        let opened = renamed
            .map_err(|e| io_error("rename", path, e))
            .and_then(|()| Block::open(&*self.disk, path, number));
        if opened.is_err() {
            // Nothing names it, by whichever name it goes.
            drop(self.disk.remove_file(fresh));
            drop(self.disk.remove_file(path));
        }
        opened.map(|block| Some(Arc::new(block)))
    }

    /// Removes blocks that no manifest names: they are written again when there is room.
    fn discard(&self, blocks: &[Arc<Block>]) {
        for block in blocks {
            self.remove("block", block.number);
        }
    }

    fn fill_block(
        &self,
        frozen: &Frozen,
        window: Option<i64>,
        fresh: &Path,
    ) -> Result<bool, StorageError> {
        let sequences = (frozen.sequence, frozen.sequence);
        let mut writer =
            BlockWriter::create(&*self.disk, fresh, Effort::Quick, self.seed, sequences)?;
        let mut numbers: Vec<u32> = Vec::new();
        let (mut points, mut pairs) = (Points::default(), Vec::new());
        let mut at = 0;
        loop {
            let head = self.head.read();
            let sorted = head.sorted();
            if at >= sorted.len() {
                break;
            }
            let end = (at + SPILL_GROUP).min(sorted.len());
            numbers.resize(head.pair_count().max(numbers.len()), u32::MAX);
            for &id in &sorted[at..end] {
                let Some(last) = frozen.last_of(id) else {
                    continue;
                };
                let Some(slot) = head.slot(id) else { continue };
                points.clear();
                frozen.memtable.points_into(id, last, &mut points);
                if let Some(window) = window {
                    points.remove(|t| self.window_of(t) != window);
                }
                if points.is_empty() {
                    continue;
                }
                pairs.clear();
                for &pair in head.pairs_of(id) {
                    let number = &mut numbers[pair as usize];
                    if *number == u32::MAX {
                        let (name, value) = head.pair_text(pair);
                        *number = writer.pair(name, value);
                    }
                    pairs.push(*number);
                }
                writer.add(slot.fingerprint, &pairs, &points)?;
            }
            at = end;
        }
        Ok(writer.finish()?.is_some())
    }

    /// Makes a change of the set of files durable and visible. Where that fails nothing changed;
    /// files that are new in it are removed, unless a manifest that names them may be on disk.
    fn commit(&self, change: Change) -> Result<(), StorageError> {
        let mut current = self.commit.lock();
        let old = Arc::clone(&self.version.read());
        let kept = old
            .blocks
            .iter()
            .filter(|b| !change.remove.contains(&b.number));
        let blocks: Vec<Arc<Block>> = kept.cloned().chain(change.add.iter().cloned()).collect();
        let live: Vec<u64> = blocks.iter().map(|block| block.number).collect();
        let mut manifest = current.clone();
        let mut tombstones = Arc::clone(&old.tombstones);
        let stale = change
            .remove
            .iter()
            .any(|&number| tombstones.touches(number));
        if stale || change.tombstones.is_some() {
            let mut new = change.tombstones.unwrap_or_else(|| (*tombstones).clone());
            new.retain(|number| live.contains(&number));
            manifest.tombstones_file = 0;
            if !new.is_empty() {
                manifest.tombstones_file = self.new_file();
                let written = self.write_tombstones(manifest.tombstones_file, &new);
                if written.is_err() {
                    self.discard(&change.add);
                    return written;
                }
            }
            tombstones = Arc::new(new);
        }
        manifest.blocks = live;
        manifest.log_first = change.log_first.unwrap_or(manifest.log_first);
        manifest.series_file = change.series_file.unwrap_or(manifest.series_file);
        manifest.next_file = self.next_file.load(Ordering::SeqCst);
        let gone = current.tombstones_file;
        let replaced = gone != manifest.tombstones_file;
        let staged = manifest.stage(&*self.disk, &self.folder);
        if staged.is_err() {
            self.discard(&change.add);
            if replaced && manifest.tombstones_file != 0 {
                self.remove("tombstones", manifest.tombstones_file);
            }
            return staged;
        }
        Manifest::publish(&*self.disk, &self.folder)?;
        *current = manifest;
        *self.version.write() = Arc::new(Version::new(blocks, tombstones));
        if replaced && gone != 0 {
            self.remove("tombstones", gone);
        }
        for number in change.remove {
            self.remove("block", number);
        }
        Ok(())
    }

    fn write_tombstones(&self, number: u64, tombstones: &Tombstones) -> Result<(), StorageError> {
        tombstones.write(&*self.disk, &self.path("tombstones", number))?;
        let synced = self.disk.sync_folder(&self.folder);
        if synced.is_err() {
            self.remove("tombstones", number);
        }
        synced.map_err(|e| io_error("sync", &self.folder, e))
    }

    /// Removes a file that no manifest names any more.
    fn remove(&self, kind: &str, number: u64) {
        let path = self.path(kind, number);
        if let Err(error) = self.disk.remove_file(&path) {
            // It is removed at the next start.
            tracing::warn!(%error, file = %path.display(), "file that is of no use cannot be removed");
        }
    }

    fn remove_logs_before(&self, first: u64) {
        let Ok(entries) = self.disk.list(&self.folder) else {
            return;
        };
        for entry in entries {
            if let Some(number) = crate::manifest::file_number(&entry.name, "log")
                && number < first
            {
                self.remove("log", number);
            }
        }
    }

    /// Merges some blocks if there are some to merge. With `all` every window comes down to one
    /// block.
    pub(super) fn merge_once(&self, all: bool) -> Result<bool, StorageError> {
        let _one = self.merging.lock();
        let version = Arc::clone(&self.version.read());
        let picked = self.pick(&version, all);
        if picked.is_empty() {
            return Ok(false);
        }
        self.rewrite(&version, &picked)?;
        add(&self.counters.merges, 1);
        Ok(true)
    }

    /// Blocks of one window that are worth merging.
    fn pick(&self, version: &Version, all: bool) -> Vec<Arc<Block>> {
        let mut by_window: std::collections::BTreeMap<i64, Vec<Arc<Block>>> =
            std::collections::BTreeMap::new();
        for block in &version.blocks {
            by_window
                .entry(self.window_of(block.facts().min_ms))
                .or_default()
                .push(Arc::clone(block));
        }
        let present = self.window_of(
            self.clock
                .now_ms()
                .saturating_sub(self.settings.block_span_ms),
        );
        let newest = |blocks: &[Arc<Block>]| {
            let sequences = blocks.iter().map(|block| block.facts().sequence_last);
            sequences.max().unwrap_or(0)
        };
        let latest = newest(&version.blocks);
        for (window, mut blocks) in by_window {
            // A window into which somebody still writes old samples is not over.
            let quiet = newest(&blocks).saturating_add(QUIET_FILES) <= latest;
            let closed = all || (window < present && quiet);
            let enough = if closed { 2 } else { MERGE_MIN };
            blocks.sort_by_key(|block| block.file_bytes());
            for begin in 0..blocks.len() {
                let count = mergeable(&blocks[begin..], closed);
                if count >= enough {
                    let mut picked = blocks[begin..begin + count].to_vec();
                    picked.sort_by_key(|block| (block.facts().sequence_first, block.number));
                    return picked;
                }
            }
        }
        Vec::new()
    }

    /// Writes blocks anew as one, without what was deleted.
    fn rewrite(&self, version: &Version, blocks: &[Arc<Block>]) -> Result<(), StorageError> {
        let number = self.new_file();
        let path = self.path("block", number);
        let fresh = path.with_extension("tmp");
        let merged = merge(
            &*self.disk,
            &fresh,
            blocks,
            &version.tombstones,
            self.kept_range(),
            self.seed,
            &self.signal.stopping,
        );
        let written = merged.map(|merged| {
            add(&self.counters.chunks_damaged, merged.damaged);
            merged.facts.is_some()
        });
        let new = self.finish_block(written, number, &fresh, &path)?;
        self.commit(Change {
            add: new.into_iter().collect(),
            remove: blocks.iter().map(|block| block.number).collect(),
            ..Change::default()
        })
    }

    /// Times that are inside of retention.
    fn kept_range(&self) -> TimeRange {
        match self.settings.retention_ms {
            0 => TimeRange::ALL,
            retention_ms => {
                TimeRange::new(self.clock.now_ms().saturating_sub(retention_ms), i64::MAX)
            }
        }
    }

    /// Removes blocks that are older than retention, and the oldest while the folder is too large.
    fn retire(&self) -> Result<(), StorageError> {
        let _one = self.merging.lock();
        let version = Arc::clone(&self.version.read());
        let oldest = self.kept_range().start_ms;
        let mut remove: Vec<u64> = Vec::new();
        let mut kept: Vec<&Arc<Block>> = Vec::new();
        for block in &version.blocks {
            if block.facts().max_ms < oldest {
                remove.push(block.number);
            } else {
                kept.push(block);
            }
        }
        let max = self.settings.retention_bytes;
        if max > 0 {
            kept.sort_by_key(|block| block.facts().max_ms);
            let mut total: u64 = kept.iter().map(|block| block.file_bytes()).sum();
            total += self.log.lock().len();
            for block in kept {
                if total <= max {
                    break;
                }
                total -= block.file_bytes();
                remove.push(block.number);
            }
        }
        if remove.is_empty() {
            return Ok(());
        }
        let count = remove.len() as u64;
        self.commit(Change {
            remove,
            ..Change::default()
        })?;
        add(&self.counters.blocks_retired, count);
        Ok(())
    }

    /// Lets go of series that nobody writes to, when they are many.
    fn forget_series(&self) -> Result<(), StorageError> {
        let _one = self.spilling.lock();
        let now_ms = self.clock.now_ms();
        let idle_ms = now_ms.saturating_sub(self.settings.block_span_ms);
        let stale = self.log.lock().series_stale;
        let gone = |head: &crate::head::Head, id: u32, slot: &crate::head::Slot| {
            slot.generation.saturating_add(2) <= head.generation
                && (slot.max_ms < idle_ms || slot.max_ms == crate::head::MAX_UNKNOWN)
                && !head.has_samples(id)
        };
        let idle = {
            let head = self.head.read();
            // Series become idle with the memtables that pass without them.
            let generation = u64::from(head.generation);
            if !stale && self.forgotten.swap(generation, Ordering::SeqCst) == generation {
                return Ok(());
            }
            let idle = |id: &u32| head.slot(*id).is_some_and(|slot| gone(&head, *id, slot));
            let count = head.ids().filter(idle).count();
            if count < 1_024 || count * 4 < head.live {
                0
            } else {
                count
            }
        };
        if idle == 0 && !stale {
            return Ok(());
        }
        // With the log locked nobody but readers uses the head.
        let mut log = self.log.lock();
        if log.poisoned.is_some() {
            return Ok(());
        }
        let fewer = (idle > 0).then(|| {
            let head = self.head.read();
            head.without(|id, slot| gone(&head, id, slot))
        });
        let number = self.new_file();
        let path = self.path("series", number);
        let writer = match &fewer {
            Some(fewer) => super::load::write_series(&*self.disk, &path, fewer),
            None => super::load::write_series(&*self.disk, &path, &self.head.read()),
        }?;
        let old = self.commit_series(number, &mut log)?;
        if let Some(fewer) = fewer {
            let mut head = self.head.write();
            self.keys.write().retain(|id| fewer.slot(id).is_some());
            head.replace(fewer);
        }
        log.pending_pairs.clear();
        log.pending_series.clear();
        log.series = writer;
        log.series_stale = false;
        self.remove("series", old);
        Ok(())
    }

    /// Makes a new list of series the one that counts. The log is locked, so that nothing is
    /// written meanwhile; `commit` is not, and nobody who holds it waits for the log.
    fn commit_series(&self, number: u64, log: &mut super::Log) -> Result<u64, StorageError> {
        let mut current = self.commit.lock();
        let mut manifest = current.clone();
        manifest.series_file = number;
        manifest.next_file = self.next_file.load(Ordering::SeqCst);
        let staged = manifest.stage(&*self.disk, &self.folder);
        if let Err(error) = staged {
            self.remove("series", number);
            return Err(error);
        }
        // Until it is known which list the next start reads, no more is added to either.
        log.series_stale = true;
        Manifest::publish(&*self.disk, &self.folder)?;
        let old = current.series_file;
        *current = manifest;
        Ok(old)
    }

    pub(super) fn delete_samples(
        &self,
        matcher_sets: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Result<(), StorageError> {
        if range.is_empty() {
            return Ok(());
        }
        let exemplars = {
            // A write that is taken back finds what it added.
            let _no_write = self.log.lock();
            self.extras.lock().delete(matcher_sets, range)
        };
        // Deletions are of blocks: what is in memory is written to one first.
        self.spill_all()?;
        if exemplars {
            // Exemplars that are gone must not come back from the log.
            self.spill()?;
        }
        let _no_merge = self.merging.lock();
        let _no_spill = self.spilling.lock();
        let version = Arc::clone(&self.version.read());
        let mut tombstones = (*version.tombstones).clone();
        let mut changed = false;
        for block in version.blocks.iter().filter(|b| b.range().overlaps(&range)) {
            let mut found = matching(&**block, matcher_sets)
                .unwrap_or_else(|| (0..block.facts().series_count as u32).collect());
            found.retain(|&series| {
                let gone = tombstones.of(block.number, series);
                !gone
                    .iter()
                    .any(|g| g.start_ms <= range.start_ms && range.end_ms <= g.end_ms)
            });
            for series in found {
                tombstones.add(block.number, series, range);
                changed = true;
            }
        }
        if !changed {
            return Ok(());
        }
        self.commit(Change {
            tombstones: Some(tombstones),
            ..Change::default()
        })
    }

    pub(super) fn rewrite_deleted(&self) -> Result<(), StorageError> {
        loop {
            let _one = self.merging.lock();
            let version = Arc::clone(&self.version.read());
            let touched = version
                .blocks
                .iter()
                .find(|b| version.tombstones.touches(b.number));
            let Some(block) = touched else {
                return Ok(());
            };
            self.rewrite(&version, std::slice::from_ref(block))?;
        }
    }

    pub(super) fn write_snapshot(&self, skip_head: bool) -> Result<String, StorageError> {
        if !skip_head {
            self.spill_all()?;
        }
        let _no_merge = self.merging.lock();
        let version = Arc::clone(&self.version.read());
        let name = format!("{:013}-{:x}", self.clock.now_ms().max(0), self.new_file());
        let folder = self.folder.join("snapshots").join(&name);
        let filled = self.fill_snapshot(&folder, &version);
        if filled.is_err() {
            // What is left of it has no manifest and means nothing.
            drop(self.disk.remove_folder(&folder));
        }
        filled.map(|()| name)
    }

    fn fill_snapshot(&self, folder: &Path, version: &Version) -> Result<(), StorageError> {
        self.disk
            .create_folder(folder)
            .map_err(|e| io_error("create", folder, e))?;
        for block in &version.blocks {
            let to = file_path(folder, "block", block.number);
            self.disk
                .link(block.path(), &to)
                .map_err(|e| io_error("link", &to, e))?;
        }
        let mut manifest = Manifest {
            next_file: self.next_file.load(Ordering::SeqCst),
            series_file: 0,
            log_first: 0,
            tombstones_file: 0,
            seed: self.seed,
            blocks: version.blocks.iter().map(|block| block.number).collect(),
        };
        if !version.tombstones.is_empty() {
            manifest.tombstones_file = self.new_file();
            let path = file_path(folder, "tombstones", manifest.tombstones_file);
            version.tombstones.write(&*self.disk, &path)?;
        }
        // The manifest comes last: a snapshot without one was not finished.
        self.disk
            .sync_folder(folder)
            .map_err(|e| io_error("sync", folder, e))?;
        manifest.write(&*self.disk, folder)
    }
}
