//! Files of records, one for each day.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bellwether_model::TimeRange;
use bellwether_storage::record_log::{RecordWriter, read_records};
use bellwether_storage::{Disk, StorageError};

use crate::files;

const DAY_MS: i64 = 86_400_000;
/// Days whose files are open for appending. Records come for today, and around midnight for two days.
const OPEN_MAX: usize = 4;

/// See the module's page.
#[derive(Debug)]
pub(crate) struct DayFiles {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// What the files' names begin with.
    kind: &'static str,
    /// A file takes no record that would make it larger.
    day_bytes_max: u64,
    /// Days that have a file.
    days: Vec<u64>,
    open: BTreeMap<u64, RecordWriter>,
    /// Damaged places by day that are counted already.
    damage_counted: BTreeMap<u64, u64>,
}

/// The day of a time; times before 1970 count as the first day.
pub(crate) fn day_of(time_ms: i64) -> u64 {
    u64::try_from(time_ms.div_euclid(DAY_MS)).unwrap_or(0)
}

impl DayFiles {
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        kind: &'static str,
        day_bytes_max: u64,
    ) -> Result<Self, StorageError> {
        Ok(Self {
            days: files::numbers(&*disk, folder, kind)?,
            disk,
            folder: folder.to_owned(),
            kind,
            day_bytes_max,
            open: BTreeMap::new(),
            damage_counted: BTreeMap::new(),
        })
    }

    /// Appends whole records of items, each to the file of its day. `put` appends the record of an
    /// item to a buffer.
    pub(crate) fn append<T>(
        &mut self,
        items: &[T],
        time_ms: impl Fn(&T) -> i64,
        mut put: impl FnMut(&mut Vec<u8>, &T) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let mut records = Vec::new();
        for same_day in items.chunk_by(|a, b| day_of(time_ms(a)) == day_of(time_ms(b))) {
            let Some(first) = same_day.first() else {
                continue;
            };
            records.clear();
            for item in same_day {
                put(&mut records, item)?;
            }
            let (kind, max) = (self.kind, self.day_bytes_max);
            let writer = self.writer(day_of(time_ms(first)))?;
            if writer.file_bytes().saturating_add(records.len() as u64) > max {
                return Err(StorageError::Limit(format!(
                    "{kind} of this day has {} bytes and may have {max}: {} more are not taken",
                    writer.file_bytes(),
                    records.len()
                )));
            }
            writer.append(&records)?;
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
            let path = files::path(&self.folder, self.kind, day);
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
            StorageError::Unavailable(format!("a file of {} was just closed", self.kind))
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
            let path = files::path(&self.folder, self.kind, day);
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
                    path: files::path(&self.folder, self.kind, day),
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

/// Files to be read, newest first. Reading needs no lock.
#[derive(Debug)]
pub(crate) struct Days {
    disk: Arc<dyn Disk>,
    files: Vec<DayFile>,
}

impl Days {
    /// Reads day after day, the newest first, until `end` says that it is enough. `take` gets type and
    /// payload of each record and says whether it makes sense. Gives the damaged places.
    pub(crate) fn read<S>(
        &self,
        state: &mut S,
        mut take: impl FnMut(&mut S, u8, &[u8]) -> bool,
        mut end_of_day: impl FnMut(&mut S) -> bool,
    ) -> Result<Damage, StorageError> {
        let mut damage = Damage::new();
        for file in &self.files {
            let places = self.read_day(file, |kind, payload| take(state, kind, payload))?;
            if places > 0 {
                let file_name = file.path.display();
                tracing::error!(file = %file_name, places, "damaged records are left out");
                damage.insert(file.day, places);
            }
            if end_of_day(state) {
                break;
            }
        }
        Ok(damage)
    }

    fn read_day(
        &self,
        file: &DayFile,
        mut take: impl FnMut(u8, &[u8]) -> bool,
    ) -> Result<u64, StorageError> {
        let bytes = match self.disk.read(&file.path) {
            Ok(bytes) => bytes,
            // Retired since it was named.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(StorageError::io("read", &file.path, error)),
        };
        let sound = match file.sound_bytes {
            Some(len) => usize::try_from(len).unwrap_or(usize::MAX).min(bytes.len()),
            None => bytes.len(),
        };
        let sound = bytes.get(..sound).unwrap_or_default();
        let mut malformed = 0;
        let report = read_records(sound, |kind, payload| {
            malformed += u64::from(!take(kind, payload));
        });
        Ok(report.damaged + malformed + u64::from(report.no_header))
    }
}
