//! The files of the timeline: rows of each day.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bellwether_codec::varint::{Malformed, Reader, put, put_signed, put_string};
use bellwether_model::{Labels, TimeRange};
use bellwether_storage::record_log::{RecordWriter, put_record, read_records};
use bellwether_storage::{Disk, StorageError, TimelineKind, TimelineQuery, TimelineRow};

use crate::files;

const KIND: &str = "timeline";
const ROW: u8 = 1;
const DAY_MS: i64 = 86_400_000;
/// Rows that one question gets at most, the newest. Derived: about 200 MiB.
pub const ROWS_MAX: usize = 200_000;
/// Days whose files are open for appending. Rows come for today, and around midnight for two days.
const OPEN_MAX: usize = 4;

/// See the module's page.
#[derive(Debug)]
pub(crate) struct TimelineFiles {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// Days that have a file.
    days: Vec<u64>,
    open: BTreeMap<u64, RecordWriter>,
    /// Damaged places by day that are counted already.
    damage_counted: BTreeMap<u64, u64>,
    buffer: Vec<u8>,
}

/// The day of a time; times before 1970 count as the first day.
fn day_of(time_ms: i64) -> u64 {
    u64::try_from(time_ms.div_euclid(DAY_MS)).unwrap_or(0)
}

impl TimelineFiles {
    pub(crate) fn open(disk: Arc<dyn Disk>, folder: &Path) -> Result<Self, StorageError> {
        Ok(Self {
            days: files::numbers(&*disk, folder, KIND)?,
            disk,
            folder: folder.to_owned(),
            open: BTreeMap::new(),
            damage_counted: BTreeMap::new(),
            buffer: Vec::new(),
        })
    }

    pub(crate) fn append(&mut self, rows: &[TimelineRow]) -> Result<(), StorageError> {
        let mut rest = rows;
        while let Some(first) = rest.first() {
            let day = day_of(first.time_ms);
            let same = rest.iter().take_while(|row| day_of(row.time_ms) == day);
            let (now, later) = rest.split_at(same.count());
            self.buffer.clear();
            for row in now {
                put_row(&mut self.buffer, row);
            }
            let mut buffer = std::mem::take(&mut self.buffer);
            let appended = self.writer(day).and_then(|writer| writer.append(&buffer));
            buffer.clear();
            self.buffer = buffer;
            appended?;
            rest = later;
        }
        Ok(())
    }

    fn writer(&mut self, day: u64) -> Result<&mut RecordWriter, StorageError> {
        if !self.open.contains_key(&day) {
            while self.open.len() >= OPEN_MAX {
                // What is closed must not be forgotten by a later sync.
                if let Some((_, mut writer)) = self.open.pop_first() {
                    writer.sync()?;
                }
            }
            let path = files::path(&self.folder, KIND, day);
            let writer = if self.days.binary_search(&day).is_ok() {
                let bytes = self
                    .disk
                    .read(&path)
                    .map_err(|e| StorageError::io("read", &path, e))?;
                let report = read_records(&bytes, |_, _| {});
                if report.sound_bytes == 0 {
                    // Not even the header was written.
                    RecordWriter::create(&*self.disk, &path)?
                } else {
                    RecordWriter::open_cut(&*self.disk, &path, report.sound_bytes)?
                }
            } else {
                let writer = RecordWriter::create(&*self.disk, &path)?;
                self.days.push(day);
                self.days.sort_unstable();
                writer
            };
            self.open.insert(day, writer);
        }
        self.open.get_mut(&day).ok_or_else(|| {
            StorageError::Unavailable("a file of the timeline was just closed".to_owned())
        })
    }

    pub(crate) fn sync(&mut self) -> Result<(), StorageError> {
        self.open.values_mut().try_for_each(RecordWriter::sync)
    }

    /// Removes days that ended before a time.
    pub(crate) fn retire(&mut self, before_ms: i64) -> Result<(), StorageError> {
        while let Some(&day) = self.days.first() {
            if day >= day_of(before_ms) {
                break;
            }
            self.open.remove(&day);
            self.damage_counted.remove(&day);
            let path = files::path(&self.folder, KIND, day);
            self.disk
                .remove_file(&path)
                .map_err(|e| StorageError::io("remove", &path, e))?;
            self.days.remove(0);
        }
        Ok(())
    }

    /// The days that a range of time touches, newest first.
    pub(crate) fn days(&self, range: Option<TimeRange>) -> Days {
        let touches = |day: &&u64| {
            range.is_none_or(|r| (day_of(r.start_ms)..=day_of(r.end_ms)).contains(*day))
        };
        let days = self.days.iter().rev().filter(touches);
        Days {
            disk: Arc::clone(&self.disk),
            files: days
                .map(|&day| DayFile {
                    day,
                    path: files::path(&self.folder, KIND, day),
                    sound_bytes: self.open.get(&day).map(RecordWriter::file_bytes),
                })
                .collect(),
        }
    }

    /// How many of these damaged places were not counted before.
    pub(crate) fn new_damage(&mut self, found: &Damage) -> u64 {
        let mut fresh = 0;
        for (&day, &places) in found {
            let counted = self.damage_counted.entry(day).or_default();
            fresh += places.saturating_sub(*counted);
            *counted = places.max(*counted);
        }
        fresh
    }
}

/// Damaged places by day.
pub(crate) type Damage = BTreeMap<u64, u64>;

#[derive(Debug)]
struct DayFile {
    day: u64,
    path: PathBuf,
    /// How many bytes were whole records when it was named; `None`: nobody has written since the
    /// start. What stands behind is being written, or was given up.
    sound_bytes: Option<u64>,
}

/// Files to be read, newest first.
#[derive(Debug)]
pub(crate) struct Days {
    disk: Arc<dyn Disk>,
    files: Vec<DayFile>,
}

impl Days {
    /// Rows that satisfy a question, newest first, and damaged places by day.
    pub(crate) fn query(
        &self,
        query: &TimelineQuery<'_>,
    ) -> Result<(Vec<TimelineRow>, Damage), StorageError> {
        let limit = match query.limit {
            0 => ROWS_MAX,
            limit => limit.min(ROWS_MAX),
        };
        let mut found: Vec<TimelineRow> = Vec::new();
        let mut damage = Damage::new();
        for file in &self.files {
            let (rows, places) = self.query_day(file, query, limit - found.len())?;
            if places > 0 {
                tracing::error!(
                    file = %file.path.display(), places,
                    "damaged rows of the timeline are left out"
                );
                damage.insert(file.day, places);
            }
            found.extend(rows);
            if found.len() >= limit {
                break;
            }
        }
        Ok((found, damage))
    }

    fn query_day(
        &self,
        file: &DayFile,
        query: &TimelineQuery<'_>,
        limit: usize,
    ) -> Result<(Vec<TimelineRow>, u64), StorageError> {
        let bytes = match self.disk.read(&file.path) {
            Ok(bytes) => bytes,
            // Retired since it was named.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok((Vec::new(), 0));
            }
            Err(error) => return Err(StorageError::io("read", &file.path, error)),
        };
        let sound = match file.sound_bytes {
            Some(len) => usize::try_from(len).unwrap_or(usize::MAX).min(bytes.len()),
            None => bytes.len(),
        };
        let sound = bytes.get(..sound).unwrap_or_default();
        let mut newest = Newest::new(limit);
        let mut malformed = 0;
        let report = read_records(sound, |kind, payload| {
            if kind != ROW {
                return;
            }
            match read_row(payload) {
                Ok(row) if query.takes(&row) => newest.add(row),
                Ok(_) => {}
                Err(_) => malformed += 1,
            }
        });
        let places = report.damaged + malformed + u64::from(report.no_header);
        Ok((newest.into_rows(), places))
    }
}

/// The newest rows of those that come, in a bounded place.
struct Newest {
    limit: usize,
    /// In the order in which they came, and some more than are wanted.
    rows: Vec<TimelineRow>,
}

impl Newest {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            rows: Vec::new(),
        }
    }

    fn add(&mut self, row: TimelineRow) {
        self.rows.push(row);
        if self.rows.len() > self.limit.saturating_mul(2).saturating_add(1_024) {
            self.cut();
        }
    }

    /// Rows mostly come in the order of their times; a stable sort keeps the order of those of the
    /// same time.
    fn cut(&mut self) {
        self.rows.sort_by_key(|row| row.time_ms);
        let more = self.rows.len().saturating_sub(self.limit);
        self.rows.drain(..more);
    }

    /// Newest first; of the same time, the later come first.
    fn into_rows(mut self) -> Vec<TimelineRow> {
        self.cut();
        self.rows.reverse();
        self.rows
    }
}

fn put_row(out: &mut Vec<u8>, row: &TimelineRow) {
    put_record(out, ROW, |out| {
        put_signed(out, row.time_ms);
        let kind = TimelineKind::ALL.iter().position(|kind| *kind == row.kind);
        out.push(kind.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX));
        put(out, row.labels.as_bytes().len() as u64);
        out.extend_from_slice(row.labels.as_bytes());
        put_string(out, &row.cause);
        put_string(out, &row.receiver);
        put_string(out, &row.group);
        put_string(out, &row.detail);
    });
}

fn read_row(payload: &[u8]) -> Result<TimelineRow, Malformed> {
    let mut reader = Reader::new(payload);
    let time_ms = reader.signed()?;
    let kind = usize::from(reader.byte()?);
    let Some(&kind) = TimelineKind::ALL.get(kind) else {
        return Err(reader.malformed("unknown kind of a row"));
    };
    let len = reader.size(reader.left())?;
    let labels = Labels::from_bytes(reader.take(len)?)
        .map_err(|_| reader.malformed("labels that are none"))?;
    Ok(TimelineRow {
        time_ms,
        kind,
        labels,
        cause: reader.string()?.to_owned(),
        receiver: reader.string()?.to_owned(),
        group: reader.string()?.to_owned(),
        detail: reader.string()?.to_owned(),
    })
}
