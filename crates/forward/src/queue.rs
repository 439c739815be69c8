//! The queue on disk between the store and one remote.
//!
//! ## Model
//! One writer appends records to the newest segment; one reader takes them in windows and later
//! says how far it is done ([`Queue::acknowledge`]).
//!
//! ## Invariants
//! Segments before the acknowledged position are removed. A segment is never appended to by
//! another process than the one that made it.
//!
//! ## Failure
//! An append that fails loses its samples, which are counted, and closes the segment.
//!
//! ## Format
//! `docs/format/forward-queue.md`

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bellwether_model::{Exemplar, Labels};
use bellwether_storage::{Disk, DiskFile};
use bellwether_wire::histogram::TimedHistogram;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use crate::record::{self, RecordBuilder, RecordSink};

const MAGIC: [u8; 8] = *b"BWFQ\x01\0\0\0";
const POSITION_MAGIC: [u8; 4] = *b"BWFP";
const HEADER_BYTES: u64 = 8;
const RECORD_HEADER_BYTES: usize = 8;
/// A segment is closed when it is larger. Chosen: a few seconds of a busy server.
const SEGMENT_BYTES: u64 = 16 << 20;
/// Chosen: far above what one write of the store holds.
const RECORD_BYTES_MAX: usize = 64 << 20;

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
}

/// What the queue counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Samples that were dropped because the queue was full.
    pub(crate) overflow_samples: u64,
    /// Samples that could not be written.
    pub(crate) unwritten_samples: u64,
    /// Places at which the queue was damaged.
    pub(crate) damages: u64,
}

#[derive(Debug)]
struct Segment {
    number: u64,
    /// Bytes that are whole records.
    bytes: u64,
    samples: u64,
}

#[derive(Debug)]
struct State {
    /// Oldest first; the last one is written to while `file` is there.
    segments: VecDeque<Segment>,
    file: Option<Box<dyn DiskFile>>,
    next_number: u64,
    /// Up to where everything is done.
    done: Position,
    /// `done` as it is on disk.
    done_saved: Position,
    /// Samples that no window has held yet; after a restart at most so many.
    unread_samples: u64,
    losses: Losses,
}

/// The queue of one remote.
#[derive(Debug)]
pub(crate) struct Queue {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    bytes_max: u64,
    state: Mutex<State>,
}

/// Samples of one series in a window.
#[derive(Debug, Clone)]
pub(crate) struct WindowSeries {
    pub(crate) labels: Labels,
    /// Time, start (0: unknown), value.
    pub(crate) floats: Vec<(i64, i64, f64)>,
    pub(crate) histograms: Vec<TimedHistogram>,
    pub(crate) exemplars: Vec<Exemplar>,
}

/// What was read at once.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// Each series once; its samples in the order in which they were stored.
    pub(crate) series: Vec<WindowSeries>,
    pub(crate) samples: u64,
    /// Where the next window begins.
    pub(crate) end: Option<Position>,
}

/// Where a reader stands, and the series of the segment that it is in.
#[derive(Debug)]
pub(crate) struct Reader {
    at: Position,
    labels: FxHashMap<u32, Labels>,
    /// Whether `labels` holds the series of the segment up to `at`.
    primed: bool,
}

fn segment_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:08}.queue"))
}

impl Queue {
    /// Opens the queue of a folder, which is made if it is not there.
    pub(crate) fn open(disk: Arc<dyn Disk>, folder: PathBuf, bytes_max: u64) -> io::Result<Self> {
        disk.create_folder(&folder)?;
        let mut losses = Losses::default();
        let mut segments = VecDeque::new();
        for entry in disk.list(&folder)? {
            let Some(number) = entry
                .name
                .strip_suffix(".queue")
                .and_then(|n| n.parse().ok())
            else {
                continue;
            };
            let bytes = disk.read(&segment_path(&folder, number))?;
            let (end, samples) = survey(&bytes);
            if end < bytes.len() as u64 {
                losses.damages += 1;
            }
            segments.push_back(Segment {
                number,
                bytes: end,
                samples,
            });
        }
        let next_number = segments.back().map_or(1, |segment| segment.number + 1);
        let oldest = segments
            .front()
            .map_or(next_number, |segment| segment.number);
        let start = Position {
            segment: oldest,
            offset: HEADER_BYTES,
        };
        let saved = read_position(&*disk, &folder).unwrap_or(start);
        let sound = segments
            .iter()
            .any(|segment| segment.number == saved.segment && saved.offset <= segment.bytes);
        let done = if sound { saved } else { start };
        let ahead = segments
            .iter()
            .filter(|segment| segment.number >= done.segment);
        let unread_samples = ahead.map(|segment: &Segment| segment.samples).sum();
        let state = State {
            segments,
            unread_samples,
            file: None,
            next_number,
            done,
            done_saved: done,
            losses,
        };
        Ok(Self {
            disk,
            folder,
            bytes_max,
            state: Mutex::new(state),
        })
    }

    /// A reader at the first place that is not done.
    pub(crate) fn reader(&self) -> Reader {
        Reader {
            at: self.state.lock().done,
            labels: FxHashMap::default(),
            primed: false,
        }
    }

    /// The number of the segment that the next record goes into. Ids of series count in it.
    pub(crate) fn segment_for_write(&self) -> u64 {
        let state = self.state.lock();
        match state.segments.back() {
            Some(open) if state.file.is_some() && open.bytes < SEGMENT_BYTES => open.number,
            _ => state.next_number,
        }
    }

    /// Appends a record to the segment that [`Queue::segment_for_write`] named. What cannot be
    /// written is counted as lost; `false` says so, and that series must be defined again.
    pub(crate) fn append(&self, record: &RecordBuilder) -> bool {
        let mut framed = vec![0; RECORD_HEADER_BYTES];
        record.finish(&mut framed);
        let payload = framed.get(RECORD_HEADER_BYTES..).unwrap_or_default();
        let samples = record.sample_count();
        let mut state = self.state.lock();
        if payload.len() > RECORD_BYTES_MAX {
            state.losses.unwritten_samples += samples;
            return false;
        }
        let (length, crc) = (payload.len() as u32, crc32fast::hash(payload));
        framed[..4].copy_from_slice(&length.to_le_bytes());
        framed[4..8].copy_from_slice(&crc.to_le_bytes());
        let written = self.write(&mut state, &framed, samples);
        if let Err(error) = &written {
            tracing::error!(folder = %self.folder.display(), %error, "cannot write forward queue");
            // What is behind the last whole record is unknown: no more goes into this segment.
            state.file = None;
            state.losses.unwritten_samples += samples;
        }
        self.make_room(&mut state);
        written.is_ok()
    }

    fn write(&self, state: &mut State, framed: &[u8], samples: u64) -> io::Result<()> {
        let full = state
            .segments
            .back()
            .is_none_or(|open| open.bytes >= SEGMENT_BYTES);
        if full && let Some(mut file) = state.file.take() {
            file.sync()?;
        }
        if state.file.is_none() {
            let number = state.next_number;
            state.next_number += 1;
            let mut file = self.disk.create(&segment_path(&self.folder, number))?;
            if let Err(error) = file.append(&MAGIC) {
                drop(file);
                // A disk that is full for long would fill with empty segments.
                self.remove(number);
                return Err(error);
            }
            state.file = Some(file);
            state.segments.push_back(Segment {
                number,
                bytes: HEADER_BYTES,
                samples: 0,
            });
        }
        if let (Some(file), Some(open)) = (&mut state.file, state.segments.back_mut()) {
            file.append(framed)?;
            open.bytes += framed.len() as u64;
            open.samples += samples;
            state.unread_samples += samples;
        }
        Ok(())
    }

    /// Removes the oldest segments while the queue is too large.
    fn make_room(&self, state: &mut State) {
        while state.segments.len() > 1 {
            let total: u64 = state.segments.iter().map(|segment| segment.bytes).sum();
            if total <= self.bytes_max {
                return;
            }
            let Some(oldest) = state.segments.pop_front() else {
                return;
            };
            state.losses.overflow_samples += oldest.samples;
            self.remove(oldest.number);
            if let Some(next) = state.segments.front() {
                let start = Position {
                    segment: next.number,
                    offset: HEADER_BYTES,
                };
                state.done = state.done.max(start);
            }
        }
    }

    fn remove(&self, number: u64) {
        if let Err(error) = self.disk.remove_file(&segment_path(&self.folder, number)) {
            tracing::warn!(folder = %self.folder.display(), number, %error,
                "cannot remove segment of forward queue");
        }
    }

    /// Bytes that are not done.
    pub(crate) fn pending_bytes(&self) -> u64 {
        let state = self.state.lock();
        let ahead = state
            .segments
            .iter()
            .filter(|segment| segment.number >= state.done.segment);
        ahead
            .map(|segment| {
                let done = segment.number == state.done.segment;
                segment.bytes
                    - if done {
                        state.done.offset.min(segment.bytes)
                    } else {
                        HEADER_BYTES
                    }
            })
            .sum()
    }

    pub(crate) fn losses(&self) -> Losses {
        self.state.lock().losses
    }

    /// Whether there is anything behind the reader.
    pub(crate) fn has_more(&self, reader: &Reader) -> bool {
        let state = self.state.lock();
        let more = |segment: &Segment| {
            let from = if segment.number == reader.at.segment {
                reader.at.offset
            } else {
                HEADER_BYTES
            };
            segment.number >= reader.at.segment && segment.bytes > from
        };
        state.segments.iter().any(more)
    }

    /// Reads whole records until there are at least `samples_wanted` samples, or no more records.
    pub(crate) fn read(&self, reader: &mut Reader, samples_wanted: u64) -> io::Result<Window> {
        let mut window = WindowBuilder::default();
        while window.samples < samples_wanted {
            let Some((number, committed)) = self.segment_at(reader) else {
                break;
            };
            if reader.at.offset >= committed {
                // Done with this one; the next one, if any, is taken by the loop.
                if !self.step_over(reader) {
                    break;
                }
                continue;
            }
            let bytes = match self.disk.read(&segment_path(&self.folder, number)) {
                Ok(bytes) => bytes,
                // Removed to make room since we looked.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let sound = read_segment(&bytes, committed, reader, &mut window, samples_wanted);
            if !sound {
                self.state.lock().losses.damages += 1;
                reader.at.offset = committed;
            }
        }
        let mut state = self.state.lock();
        state.unread_samples = state.unread_samples.saturating_sub(window.samples);
        drop(state);
        Ok(window.finish(reader.at))
    }

    /// Samples that wait to be read; never fewer than there are.
    pub(crate) fn unread_samples(&self) -> u64 {
        self.state.lock().unread_samples
    }

    /// The segment that the reader is in, and where its records end. The reader is moved to the
    /// oldest one if its own is gone.
    fn segment_at(&self, reader: &mut Reader) -> Option<(u64, u64)> {
        let state = self.state.lock();
        let segment = state
            .segments
            .iter()
            .find(|s| s.number >= reader.at.segment)?;
        if segment.number != reader.at.segment {
            *reader = Reader {
                at: Position {
                    segment: segment.number,
                    offset: HEADER_BYTES,
                },
                labels: FxHashMap::default(),
                primed: true,
            };
        }
        Some((segment.number, segment.bytes))
    }

    /// Moves the reader into the next segment, if there is one.
    fn step_over(&self, reader: &mut Reader) -> bool {
        let state = self.state.lock();
        let Some(next) = state.segments.iter().find(|s| s.number > reader.at.segment) else {
            return false;
        };
        *reader = Reader {
            at: Position {
                segment: next.number,
                offset: HEADER_BYTES,
            },
            labels: FxHashMap::default(),
            primed: true,
        };
        true
    }

    /// Everything before `position` is done: segments before it are removed.
    pub(crate) fn acknowledge(&self, position: Position) -> io::Result<()> {
        let mut state = self.state.lock();
        state.done = state.done.max(position);
        let mut removed = false;
        while state.segments.len() > 1
            && state
                .segments
                .front()
                .is_some_and(|s| s.number < state.done.segment)
        {
            if let Some(oldest) = state.segments.pop_front() {
                self.remove(oldest.number);
                removed = true;
            }
        }
        let (done, moved) = (state.done, state.done.segment != state.done_saved.segment);
        // Within a segment the position is written too, without a sync: a kill repeats nothing.
        let durable = removed || moved;
        self.save_position(done, durable)?;
        state.done_saved = done;
        Ok(())
    }

    fn save_position(&self, position: Position, durable: bool) -> io::Result<()> {
        let mut bytes = POSITION_MAGIC.to_vec();
        bytes.extend_from_slice(&position.segment.to_le_bytes());
        bytes.extend_from_slice(&position.offset.to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        let fresh = self.folder.join("position.new");
        let mut file = self.disk.create(&fresh)?;
        file.append(&bytes)?;
        if durable {
            file.sync()?;
        }
        drop(file);
        self.disk.rename(&fresh, &self.folder.join("position"))
    }

    /// Makes everything durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        if let Some(file) = &mut state.file {
            file.sync()?;
        }
        let done = state.done;
        self.save_position(done, true)?;
        self.disk.sync_folder(&self.folder)
    }
}

fn read_position(disk: &dyn Disk, folder: &Path) -> Option<Position> {
    let bytes = disk.read(&folder.join("position")).ok()?;
    let (head, crc) = bytes.split_at_checked(20)?;
    let number =
        |range: std::ops::Range<usize>| Some(u64::from_le_bytes(head.get(range)?.try_into().ok()?));
    let sound = head.starts_with(&POSITION_MAGIC) && crc == crc32fast::hash(head).to_le_bytes();
    sound.then_some(())?;
    Some(Position {
        segment: number(4..12)?,
        offset: number(12..20)?,
    })
}

/// The next record: its payload and where it ends; `None` where it is damaged.
fn record_at(bytes: &[u8], offset: u64) -> Option<(&[u8], u64)> {
    let at = usize::try_from(offset).ok()?;
    let header = bytes.get(at..at + RECORD_HEADER_BYTES)?;
    let length = u32::from_le_bytes(header.get(..4)?.try_into().ok()?) as usize;
    let crc = u32::from_le_bytes(header.get(4..)?.try_into().ok()?);
    let start = at + RECORD_HEADER_BYTES;
    let payload = bytes.get(start..start.checked_add(length)?)?;
    (length <= RECORD_BYTES_MAX && crc32fast::hash(payload) == crc)
        .then_some((payload, (start + length) as u64))
}

/// Where the whole records of a segment end, and how many samples they hold.
fn survey(bytes: &[u8]) -> (u64, u64) {
    if !bytes.starts_with(&MAGIC) {
        return (0, 0);
    }
    let mut counter = SampleCounter(0);
    let mut offset = HEADER_BYTES;
    while let Some((payload, end)) = record_at(bytes, offset) {
        // A record that means nothing is counted when it is read.
        let _whole_or_not = record::read(payload, &mut counter);
        offset = end;
    }
    (offset, counter.0)
}

struct SampleCounter(u64);

impl RecordSink for SampleCounter {
    fn series(&mut self, _: u32, _: Labels) {}
    fn float(&mut self, _: u32, _: i64, _: i64, _: f64) {
        self.0 += 1;
    }
    fn histogram(&mut self, _: u32, _: TimedHistogram) {
        self.0 += 1;
    }
    fn exemplar(&mut self, _: u32, _: Exemplar) {}
}

/// Reads records into the window; `false` where the segment is damaged.
fn read_segment(
    bytes: &[u8],
    committed: u64,
    reader: &mut Reader,
    window: &mut WindowBuilder,
    samples_wanted: u64,
) -> bool {
    if !reader.primed {
        // After a restart in the middle of a segment: collect the series that stand before.
        let mut offset = HEADER_BYTES;
        while offset < reader.at.offset {
            let Some((payload, end)) = record_at(bytes, offset) else {
                return false;
            };
            let mut series = SeriesOnly(&mut reader.labels);
            if record::read(payload, &mut series).is_err() {
                return false;
            }
            offset = end;
        }
        reader.primed = true;
    }
    window.start_segment();
    let mut sound = true;
    while reader.at.offset < committed && window.samples < samples_wanted {
        let Some((payload, end)) = record_at(bytes, reader.at.offset) else {
            return false;
        };
        let mut sink = WindowSink {
            labels: &mut reader.labels,
            window: &mut *window,
        };
        sound &= record::read(payload, &mut sink).is_ok();
        reader.at.offset = end;
    }
    sound
}

struct SeriesOnly<'a>(&'a mut FxHashMap<u32, Labels>);

impl RecordSink for SeriesOnly<'_> {
    fn series(&mut self, id: u32, labels: Labels) {
        self.0.insert(id, labels);
    }
    fn float(&mut self, _: u32, _: i64, _: i64, _: f64) {}
    fn histogram(&mut self, _: u32, _: TimedHistogram) {}
    fn exemplar(&mut self, _: u32, _: Exemplar) {}
}

#[derive(Debug, Default)]
struct WindowBuilder {
    series: Vec<WindowSeries>,
    by_labels: FxHashMap<Labels, usize>,
    /// Of the segment that is read now.
    by_id: FxHashMap<u32, usize>,
    samples: u64,
}

impl WindowBuilder {
    fn start_segment(&mut self) {
        self.by_id.clear();
    }

    fn series(&mut self, id: u32, labels: &FxHashMap<u32, Labels>) -> Option<&mut WindowSeries> {
        let index = match self.by_id.get(&id) {
            Some(index) => *index,
            None => {
                let labels = labels.get(&id)?;
                let next = self.series.len();
                let index = *self.by_labels.entry(labels.clone()).or_insert(next);
                if index == next {
                    self.series.push(WindowSeries {
                        labels: labels.clone(),
                        floats: Vec::new(),
                        histograms: Vec::new(),
                        exemplars: Vec::new(),
                    });
                }
                self.by_id.insert(id, index);
                index
            }
        };
        self.series.get_mut(index)
    }

    fn finish(self, at: Position) -> Window {
        Window {
            series: self.series,
            samples: self.samples,
            end: Some(at),
        }
    }
}

struct WindowSink<'a> {
    labels: &'a mut FxHashMap<u32, Labels>,
    window: &'a mut WindowBuilder,
}

impl RecordSink for WindowSink<'_> {
    fn series(&mut self, id: u32, labels: Labels) {
        self.labels.insert(id, labels);
    }

    fn float(&mut self, id: u32, time_ms: i64, start_ms: i64, value: f64) {
        if let Some(series) = self.window.series(id, self.labels) {
            series.floats.push((time_ms, start_ms, value));
            self.window.samples += 1;
        }
    }

    fn histogram(&mut self, id: u32, timed: TimedHistogram) {
        if let Some(series) = self.window.series(id, self.labels) {
            series.histograms.push(timed);
            self.window.samples += 1;
        }
    }

    fn exemplar(&mut self, id: u32, exemplar: Exemplar) {
        if let Some(series) = self.window.series(id, self.labels) {
            series.exemplars.push(exemplar);
        }
    }
}

#[cfg(test)]
mod tests;
