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
                let sound = bytes.len() as u64 - report.torn_bytes;
                if bytes.is_empty() || report.records == 0 && report.torn_bytes > 0 {
                    // Not even the header was written.
                    RecordWriter::create(&*self.disk, &path)?
                } else {
                    RecordWriter::open_cut(&*self.disk, &path, sound)?
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
        let paths = self.days.iter().rev().filter(touches);
        Days {
            disk: Arc::clone(&self.disk),
            paths: paths
                .map(|&day| files::path(&self.folder, KIND, day))
                .collect(),
        }
    }
}

/// Files to be read, newest first.
#[derive(Debug)]
pub(crate) struct Days {
    disk: Arc<dyn Disk>,
    paths: Vec<PathBuf>,
}

impl Days {
    /// Rows that satisfy a question, newest first, and how many places were damaged.
    pub(crate) fn query(
        &self,
        query: &TimelineQuery<'_>,
    ) -> Result<(Vec<TimelineRow>, u64), StorageError> {
        let mut found: Vec<TimelineRow> = Vec::new();
        let mut damaged = 0;
        for path in &self.paths {
            let bytes = match self.disk.read(path) {
                Ok(bytes) => bytes,
                // Retired since it was named.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(StorageError::io("read", path, error)),
            };
            let mut of_day = Vec::new();
            let mut malformed = 0;
            let report = read_records(&bytes, |kind, payload| {
                if kind != ROW {
                    return;
                }
                match read_row(payload) {
                    Ok(row) if query.takes(&row) => of_day.push(row),
                    Ok(_) => {}
                    Err(_) => malformed += 1,
                }
            });
            let places = report.damaged + malformed + u64::from(report.no_header);
            if places > 0 {
                tracing::error!(
                    file = %path.display(), places,
                    "damaged rows of the timeline are left out"
                );
            }
            damaged += places;
            of_day.reverse();
            // Stable: of the same time the later appended stays first.
            of_day.sort_by_key(|row| std::cmp::Reverse(row.time_ms));
            found.append(&mut of_day);
            if query.limit > 0 && found.len() >= query.limit {
                found.truncate(query.limit);
                break;
            }
        }
        Ok((found, damaged))
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
