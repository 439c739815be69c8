//! Registering series and writing samples.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bellwether_model::{Labels, METRIC_NAME, TimeRange, short};
use bellwether_storage::{
    RejectionReason, SeriesKey, SeriesRef, Source, StorageError, WriteBatch, WriteOutcome,
};

use super::{Engine, Log, add};
use crate::chunk::ChunkMeta;
use crate::head::{Head, MAX_UNKNOWN};
use crate::manifest::Version;
use crate::memtable::{HistogramPoint, Mark};
use crate::points::{PointRef, Points};
use crate::records::{self, FloatsWriter};
use crate::settings::FsyncPolicy;
use bellwether_storage::record_log::{RecordWriter, put_record};

/// The chunk that was decoded last to look for a sample: late samples come in runs.
pub(super) type LastChunk = Option<(u64, u32, ChunkMeta, Points)>;

/// Keys a series may have on average before the cache is emptied.
const KEYS_PER_SERIES_MAX: usize = 8;

/// Bytes of series that were registered and not written yet: more are written before the next one
/// is taken, so that they do not pile up while the disk is full.
const PENDING_BYTES_MAX: usize = 1 << 20;

/// A sample that was taken into memory, and what its series was like before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    id: u32,
    is_histogram: bool,
    max_ms: i64,
}

/// What a sample meets.
enum Verdict {
    New,
    /// It is there already.
    Known,
    Refused(RejectionReason),
}

/// Times that are taken.
#[derive(Clone, Copy)]
struct Bounds {
    oldest_ms: i64,
    newest_ms: i64,
    now_ms: i64,
}

impl Bounds {
    #[inline]
    fn check(&self, time_ms: i64) -> Option<RejectionReason> {
        if time_ms < self.oldest_ms {
            return Some(RejectionReason::TooOld);
        }
        (time_ms > self.newest_ms).then_some(RejectionReason::TooFarInFuture)
    }
}

impl Log {
    /// Whether writes are taken.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        if let Some(reason) = &self.poisoned {
            return Err(StorageError::Poisoned {
                reason: reason.clone(),
            });
        }
        if self.series_stale {
            let text = "the list of series is being rewritten; try again";
            return Err(StorageError::Unavailable(text.to_owned()));
        }
        Ok(())
    }

    /// Writes down the series that were registered since the last time.
    pub(super) fn flush_series(&mut self) -> Result<(), StorageError> {
        if self.pending_series.is_empty() {
            return Ok(());
        }
        let mut out = Vec::with_capacity(self.pending_pairs.len() + self.pending_series.len() + 64);
        if !self.pending_pairs.is_empty() {
            put_record(&mut out, records::PAIRS, |out| {
                out.extend_from_slice(&self.pending_pairs);
            });
        }
        put_record(&mut out, records::SERIES, |out| {
            out.extend_from_slice(&self.pending_series);
        });
        let result = self.series.append(&out);
        self.note_poison(&result);
        result?;
        self.pending_pairs = Vec::new();
        self.pending_series = Vec::new();
        Ok(())
    }

    /// Bytes of series that were registered and not written yet.
    pub(super) fn pending_bytes(&self) -> usize {
        self.pending_pairs.len() + self.pending_series.len()
    }

    /// Bytes of the file of samples.
    pub(super) fn len(&self) -> u64 {
        self.writer.as_ref().map_or(0, RecordWriter::file_bytes)
    }

    /// Syncs both files, the list of series first.
    pub(super) fn sync(&mut self) -> Result<(), StorageError> {
        let samples = |writer: &mut RecordWriter| writer.sync();
        let result = self
            .series
            .sync()
            .and_then(|()| self.writer.as_mut().map_or(Ok(()), samples));
        self.note_poison(&result);
        result
    }

    pub(super) fn note_poison(&mut self, result: &Result<(), StorageError>) {
        if let Err(error) = result
            && (self.writer.as_ref().is_some_and(RecordWriter::is_poisoned)
                || self.series.is_poisoned())
            && self.poisoned.is_none()
        {
            tracing::error!(%error, "the log takes no more writes");
            self.poisoned = Some(error.to_string());
        }
    }
}

impl Engine {
    fn check_labels(&self, labels: &Labels) -> Result<(), StorageError> {
        let invalid = |text: String| Err(StorageError::Invalid(text));
        if labels.is_empty() {
            return invalid("a series needs at least one label".to_owned());
        }
        let limits = &self.settings;
        let mut count = 0usize;
        for (name, value) in labels.iter() {
            count += 1;
            if limits.label_name_bytes_max > 0 && name.len() > limits.label_name_bytes_max {
                let max = limits.label_name_bytes_max;
                return invalid(format!(
                    "label name {} has {} bytes, at most {max} are taken",
                    short(name),
                    name.len()
                ));
            }
            if limits.label_value_bytes_max > 0 && value.len() > limits.label_value_bytes_max {
                let max = limits.label_value_bytes_max;
                let series = labels.get(METRIC_NAME);
                return invalid(format!(
                    "the value of label {:?} of {} has {} bytes, at most {max} are taken",
                    short(name),
                    short(series.unwrap_or("a series without a name")),
                    value.len()
                ));
            }
        }
        // The head stores the number of labels in 16 bits.
        let max = match limits.labels_max {
            0 => usize::from(u16::MAX),
            max => max.min(usize::from(u16::MAX)),
        };
        if count > max {
            let name = labels.metric_name();
            return invalid(format!(
                "series {:?} has {count} labels, at most {max} are taken",
                short(name)
            ));
        }
        Ok(())
    }

    pub(super) fn register_series(
        &self,
        source: &Source,
        key: Option<SeriesKey>,
        labels: &Labels,
    ) -> Result<SeriesRef, StorageError> {
        let print = self.fingerprint(labels);
        let found = self.head.read().find(print);
        let id = match found {
            Some(id) => id,
            None => {
                self.check_labels(labels)?;
                self.add_series(source, labels, print)?
            }
        };
        if let Some(key) = key {
            let live = self.head.read().live;
            let mut keys = self.keys.write();
            if keys.len() > 1024 + live * KEYS_PER_SERIES_MAX {
                keys.clear();
            }
            keys.insert(key, id);
        }
        Ok(SeriesRef(u64::from(id)))
    }

    fn add_series(
        &self,
        source: &Source,
        labels: &Labels,
        print: u128,
    ) -> Result<u32, StorageError> {
        let mut log = self.log.lock();
        log.check()?;
        if log.pending_bytes() > PENDING_BYTES_MAX {
            log.flush_series()
                .inspect_err(|_| add(&self.counters.series_refused, 1))?;
        }
        let mut head = self.head.write();
        if let Some(id) = head.find(print) {
            return Ok(id);
        }
        let source_id = head.source_id(source);
        self.check_room(&mut head, source_id, labels)?;
        let id = head.next_id;
        let (pending_pairs, mut new_pairs) = (&mut log.pending_pairs, 0);
        head.insert(
            id,
            print,
            &mut labels.iter(),
            source_id,
            |pair, name, value| {
                records::put_pair(pending_pairs, pair, name, value);
                new_pairs += 1;
            },
        );
        records::put_series(&mut log.pending_series, id, &source.0, head.pairs_of(id));
        if let Some(facts) = head.sources.get_mut(usize::from(source_id)) {
            facts.recent += 1;
        }
        add(&self.counters.series_created, 1);
        Ok(id)
    }

    /// Refuses a series where its source has too many, or where memory is short.
    fn check_room(
        &self,
        head: &mut Head,
        source_id: u16,
        labels: &Labels,
    ) -> Result<(), StorageError> {
        let refuse = |head: &mut Head, text: String| {
            add(&self.counters.series_refused, 1);
            if let Some(facts) = head.sources.get_mut(usize::from(source_id)) {
                facts.refused += 1;
            }
            Err(StorageError::Limit(text))
        };
        let Some(facts) = head.sources.get(usize::from(source_id)).cloned() else {
            return Ok(());
        };
        let max = self.settings.series_per_source_max;
        if max > 0 && facts.series_count >= max {
            let text = format!(
                "source {:?} has {} series, its limit is {max}: no new series are taken from it",
                facts.name, facts.series_count
            );
            return refuse(head, text);
        }
        if !head.has_room(labels) {
            let text = "the index of series is full; restart to renumber it".to_owned();
            return refuse(head, text);
        }
        let budget = self.budget_bytes();
        // Counting is not free; memory moves slowly.
        if budget == 0 {
            return Ok(());
        }
        let used = self.memory_bytes(head);
        if used < budget {
            return Ok(());
        }
        let fastest = head.sources.iter().map(|s| s.recent).max().unwrap_or(0);
        // Others may go on for a while when one source is the cause.
        if facts.recent * 2 < fastest && used < budget / 10 * 11 {
            return Ok(());
        }
        let text = format!(
            "memory is short ({used} of {budget} bytes of the engine's share of \
             storage.memory_limit): no new series are taken from source {:?}, which has {} series \
             and grew fastest",
            facts.name, facts.series_count
        );
        refuse(head, text)
    }

    /// Bounds of the times that are taken now.
    fn bounds(&self) -> Bounds {
        let now_ms = self.clock.now_ms();
        let oldest_ms = match self.settings.retention_ms {
            0 => i64::MIN,
            retention_ms => now_ms.saturating_sub(retention_ms),
        };
        let newest_ms = match self.settings.future_max_ms {
            0 => i64::MAX - 1,
            max => now_ms.saturating_add(max),
        };
        Bounds {
            oldest_ms,
            newest_ms,
            now_ms,
        }
    }

    pub(super) fn write_batch(
        &self,
        source: &Source,
        batch: &WriteBatch,
    ) -> Result<WriteOutcome, StorageError> {
        let count = batch.sample_count() as u64;
        if let Some(rates) = &self.rates {
            rates
                .check(source, count, self.clock.now_ms())
                .inspect_err(|_| add(&self.counters.samples_limited, count))?;
        }
        let (outcome, new) = self
            .try_write(batch)
            .inspect_err(|_| add(&self.counters.writes_failed, 1))?;
        if let Some(rates) = &self.rates {
            // What is known already costs nothing: who sends a part of it again gets on.
            rates.charge(source, new + outcome.rejected_count);
        }
        Ok(outcome)
    }

    /// Also gives the number of samples that were not known.
    fn try_write(&self, batch: &WriteBatch) -> Result<(WriteOutcome, u64), StorageError> {
        let bounds = self.bounds();
        let mut outcome = WriteOutcome::default();
        let mut guard = self.log.lock();
        let log = &mut *guard;
        log.check()?;
        log.flush_series()?;
        let mut buffer = std::mem::take(&mut log.buffer);
        let mut taken = std::mem::take(&mut log.taken);
        buffer.clear();
        taken.clear();
        let mark;
        let waiting = {
            let mut head = self.head.write();
            // Spills have failed for long: memory must not grow without bound.
            if head.memtable.sample_count > self.settings.memtable_samples_max.saturating_mul(4) {
                let text = "samples cannot be written to blocks; see the log of the server";
                return Err(StorageError::Unavailable(text.to_owned()));
            }
            mark = head.memtable.mark();
            self.take_floats(
                &mut head,
                batch,
                bounds,
                log,
                &mut buffer,
                &mut taken,
                &mut outcome,
            );
            self.take_histograms(
                &mut head,
                batch,
                bounds,
                log,
                &mut buffer,
                &mut taken,
                &mut outcome,
            );
            if !batch.exemplars.is_empty() {
                self.take_exemplars(&head, batch, &mut buffer, &mut outcome);
            }
            head.memtable.sample_count
        };
        if !batch.metadata.is_empty() {
            self.take_metadata(batch, &mut buffer);
        }
        let mut result = self.append(log, &buffer);
        log.note_poison(&result);
        if result.is_err() {
            self.undo(&taken, mark);
        } else if self.settings.wal_fsync == FsyncPolicy::Always && !buffer.is_empty() {
            result = log.sync();
        }
        if !(batch.exemplars.is_empty() && batch.metadata.is_empty()) {
            let mut extras = self.extras.lock();
            if result.is_ok() {
                extras.keep();
            } else {
                extras.undo();
            }
        }
        let (buffer_len, new) = (buffer.len() as u64, taken.len() as u64);
        // A single huge batch must not keep its memory for ever.
        if buffer.capacity() < 4 << 20 {
            log.buffer = buffer;
            log.taken = taken;
        }
        drop(guard);
        result?;
        add(&self.counters.log_bytes, buffer_len);
        add(
            &self.counters.samples,
            outcome.float_count + outcome.histogram_count,
        );
        add(&self.counters.rejected, outcome.rejected_count);
        self.relieve(waiting);
        Ok((outcome, new))
    }

    /// Appends records of samples to the log, whose file is begun where there is none yet.
    fn append(&self, log: &mut Log, records: &[u8]) -> Result<(), StorageError> {
        if records.is_empty() {
            return Ok(());
        }
        let writer = match &mut log.writer {
            Some(writer) => writer,
            none => {
                let path = self.path("log", log.number);
                none.insert(RecordWriter::create(&*self.disk, &path)?)
            }
        };
        writer.append(records)
    }

    /// Has the memtable written to a block when it is full.
    fn relieve(&self, waiting: usize) {
        let max = self.settings.memtable_samples_max;
        if waiting < max {
            return;
        }
        if waiting < max.saturating_mul(2) && !self.threads.lock().is_empty() {
            self.signal.wake();
        } else if let Err(error) = self.spill() {
            // The samples are in the log; the next round tries again.
            tracing::error!(%error, "samples in memory cannot be written to a block");
            self.counters
                .upkeep_failures
                .fetch_add(1, Ordering::Relaxed);
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "parts of the log that are borrowed apart"
    )]
    fn take_floats(
        &self,
        head: &mut Head,
        batch: &WriteBatch,
        bounds: Bounds,
        log: &mut Log,
        buffer: &mut Vec<u8>,
        samples: &mut Vec<Taken>,
        outcome: &mut WriteOutcome,
    ) {
        let with_starts = batch.starts_ms.len() == batch.series.len() && !batch.series.is_empty();
        let kind = if with_starts {
            records::FLOATS_WITH_STARTS
        } else {
            records::FLOATS
        };
        let begin = buffer.len();
        let mut taken = false;
        put_record(buffer, kind, |out| {
            let mut writer = FloatsWriter::default();
            let rows = batch.series.iter().zip(&batch.times_ms).zip(&batch.values);
            for (at, ((&series, &time_ms), &value)) in rows.enumerate() {
                let id = u32::try_from(series.0).unwrap_or(u32::MAX);
                let verdict = match head.slot(id) {
                    None => Verdict::Refused(RejectionReason::UnknownSeries),
                    Some(slot) => match bounds.check(time_ms) {
                        Some(reason) => Verdict::Refused(reason),
                        None if time_ms > slot.max_ms => Verdict::New,
                        None => self.look(head, id, time_ms, PointRef::Float(value), &mut log.slow),
                    },
                };
                match verdict {
                    Verdict::New => {}
                    Verdict::Known => {
                        outcome.float_count += 1;
                        continue;
                    }
                    Verdict::Refused(reason) => {
                        outcome.reject(series, time_ms, reason);
                        continue;
                    }
                }
                let generation = head.generation;
                let Some((slot, memtable)) = head.slot_and_memtable(id) else {
                    continue;
                };
                memtable.push(&mut slot.last, time_ms, value, bounds.now_ms);
                samples.push(Taken {
                    id,
                    is_histogram: false,
                    max_ms: slot.max_ms,
                });
                slot.max_ms = slot.max_ms.max(time_ms);
                slot.generation = generation;
                writer.put(out, id, time_ms, value);
                if with_starts {
                    let start_ms = batch.starts_ms[at];
                    writer.put_start(out, start_ms);
                    if start_ms != 0 {
                        memtable.set_start(id, time_ms, start_ms);
                    }
                }
                outcome.float_count += 1;
                taken = true;
            }
        });
        if !taken {
            buffer.truncate(begin);
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "parts of the log that are borrowed apart"
    )]
    fn take_histograms(
        &self,
        head: &mut Head,
        batch: &WriteBatch,
        bounds: Bounds,
        log: &mut Log,
        buffer: &mut Vec<u8>,
        samples: &mut Vec<Taken>,
        outcome: &mut WriteOutcome,
    ) {
        if batch.histograms.is_empty() {
            return;
        }
        let begin = buffer.len();
        let mut taken = false;
        put_record(buffer, records::HISTOGRAMS, |out| {
            for (series, time_ms, start_ms, histogram) in &batch.histograms {
                let id = u32::try_from(series.0).unwrap_or(u32::MAX);
                let point = PointRef::Histogram(histogram);
                let verdict = match head.slot(id) {
                    None => Verdict::Refused(RejectionReason::UnknownSeries),
                    Some(_) if histogram.validate().is_err() => {
                        Verdict::Refused(RejectionReason::InvalidHistogram)
                    }
                    Some(slot) => match bounds.check(*time_ms) {
                        Some(reason) => Verdict::Refused(reason),
                        None if *time_ms > slot.max_ms => Verdict::New,
                        None => self.look(head, id, *time_ms, point, &mut log.slow),
                    },
                };
                match verdict {
                    Verdict::New => {}
                    Verdict::Known => {
                        outcome.histogram_count += 1;
                        continue;
                    }
                    Verdict::Refused(reason) => {
                        outcome.reject(*series, *time_ms, reason);
                        continue;
                    }
                }
                let generation = head.generation;
                let Some((slot, memtable)) = head.slot_and_memtable(id) else {
                    continue;
                };
                let point = HistogramPoint {
                    time_ms: *time_ms,
                    start_ms: *start_ms,
                    histogram: histogram.clone(),
                };
                memtable.push_histogram(id, point, bounds.now_ms);
                samples.push(Taken {
                    id,
                    is_histogram: true,
                    max_ms: slot.max_ms,
                });
                slot.max_ms = slot.max_ms.max(*time_ms);
                slot.generation = generation;
                records::put_histogram_point(out, id, *time_ms, *start_ms, histogram);
                outcome.histogram_count += 1;
                taken = true;
            }
        });
        if !taken {
            buffer.truncate(begin);
        }
    }

    fn take_exemplars(
        &self,
        head: &Head,
        batch: &WriteBatch,
        buffer: &mut Vec<u8>,
        outcome: &mut WriteOutcome,
    ) {
        let mut extras = self.extras.lock();
        let begin = buffer.len();
        let mut taken = false;
        put_record(buffer, records::EXEMPLARS, |out| {
            for (series, exemplar) in &batch.exemplars {
                let id = u32::try_from(series.0).unwrap_or(u32::MAX);
                if head.slot(id).is_none() {
                    let reason = RejectionReason::UnknownSeries;
                    outcome.reject(*series, exemplar.timestamp_ms, reason);
                    continue;
                }
                let labels = head.labels(id);
                match extras.add_exemplar(&labels, exemplar, self.settings.exemplars_max) {
                    Ok(new) => {
                        outcome.exemplar_count += 1;
                        if new {
                            records::put_exemplar(out, &labels, exemplar);
                            taken = true;
                        }
                    }
                    Err(reason) => outcome.reject(*series, exemplar.timestamp_ms, reason),
                }
            }
        });
        if !taken {
            buffer.truncate(begin);
        }
    }

    fn take_metadata(&self, batch: &WriteBatch, buffer: &mut Vec<u8>) {
        let mut extras = self.extras.lock();
        let begin = buffer.len();
        let mut taken = false;
        put_record(buffer, records::METADATA, |out| {
            for (metric, metadata) in &batch.metadata {
                if extras.add_metadata(metric, metadata, self.settings.metadata_max) {
                    records::put_metadata(out, metric, metadata);
                    taken = true;
                }
            }
        });
        if !taken {
            buffer.truncate(begin);
        }
    }

    /// Takes samples back that could not be logged, newest first. Everything is as it was: clients
    /// repeat what was refused, for as long as the disk is full.
    fn undo(&self, taken: &[Taken], mark: Mark) {
        let mut head = self.head.write();
        for sample in taken.iter().rev() {
            if let Some((slot, memtable)) = head.slot_and_memtable(sample.id) {
                if sample.is_histogram {
                    memtable.pop_histogram(sample.id);
                } else {
                    memtable.pop(sample.id, &mut slot.last);
                }
                slot.max_ms = sample.max_ms;
            }
        }
        head.memtable.back_to(mark);
    }

    /// Looks whether a series has a sample at a time that is not after its newest one.
    #[cold]
    fn look(
        &self,
        head: &mut Head,
        id: u32,
        time_ms: i64,
        point: PointRef<'_>,
        slow: &mut LastChunk,
    ) -> Verdict {
        let version = Arc::clone(&self.version.read());
        let Some(slot) = head.slot(id).copied() else {
            return Verdict::Refused(RejectionReason::UnknownSeries);
        };
        if slot.max_ms == MAX_UNKNOWN {
            let max_ms = newest(head, &version, id, slot.fingerprint);
            if let Some(slot) = head.slot_mut(id) {
                slot.max_ms = max_ms;
            }
            if time_ms > max_ms {
                return Verdict::New;
            }
        }
        let mut same = head.memtable.compare(id, slot.last, time_ms, point);
        if same.is_none()
            && let Some(frozen) = &head.frozen
            && let Some(last) = frozen.last_of(id)
        {
            same = frozen.memtable.compare(id, last, time_ms, point);
        }
        if same.is_none() {
            same = compare_in_blocks(&version, slot.fingerprint, time_ms, point, slow);
        }
        match same {
            None => Verdict::New,
            Some(true) => Verdict::Known,
            Some(false) => Verdict::Refused(RejectionReason::DuplicateTimestamp),
        }
    }
}

/// The time of the newest sample of a series, anywhere; `i64::MIN` where there is none.
fn newest(head: &Head, version: &Version, id: u32, fingerprint: u128) -> i64 {
    let mut newest = i64::MIN;
    let mut points = Points::default();
    if let Some(slot) = head.slot(id) {
        head.memtable.points_into(id, slot.last, &mut points);
        newest = points.times_ms.last().copied().unwrap_or(newest);
    }
    if let Some(frozen) = &head.frozen
        && let Some(last) = frozen.last_of(id)
    {
        points.clear();
        frozen.memtable.points_into(id, last, &mut points);
        newest = newest.max(points.times_ms.last().copied().unwrap_or(newest));
    }
    let mut metas = Vec::new();
    for block in &version.blocks {
        if block.facts().max_ms > newest
            && let Some(series) = block.find(fingerprint)
        {
            metas.clear();
            // The index was checked when the block was opened.
            if block
                .chunks_into(series, TimeRange::ALL, &mut metas)
                .is_ok()
            {
                newest = newest.max(metas.last().map_or(newest, |meta| meta.max_ms));
            }
        }
    }
    newest
}

fn compare_in_blocks(
    version: &Version,
    fingerprint: u128,
    time_ms: i64,
    point: PointRef<'_>,
    slow: &mut LastChunk,
) -> Option<bool> {
    let at = TimeRange::new(time_ms, time_ms);
    let mut metas = Vec::new();
    for block in version
        .blocks
        .iter()
        .filter(|b| b.range().contains(time_ms))
    {
        let Some(series) = block.find(fingerprint) else {
            continue;
        };
        let gone = version.tombstones.of(block.number, series);
        if gone.iter().any(|range| range.contains(time_ms)) {
            continue;
        }
        metas.clear();
        block.chunks_into(series, at, &mut metas).ok()?;
        let Some(meta) = metas.first().copied() else {
            continue;
        };
        let cached = matches!(slow, Some((number, of, known, _))
            if (*number, *of, *known) == (block.number, series, meta));
        if !cached {
            let mut points = Points::default();
            if block.read_points(&meta, &mut points).is_err() {
                // Readers report the damage; here the sample is simply not there.
                continue;
            }
            *slow = Some((block.number, series, meta, points));
        }
        if let Some((_, _, _, points)) = slow
            && let Some(found) = points.find(time_ms)
        {
            return Some(found.same(&point));
        }
    }
    None
}
