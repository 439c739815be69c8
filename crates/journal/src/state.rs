//! The file of state: changes of entries, one behind the other, rewritten when most of it is dead.
//!
//! ## Failure
//! A rewriting that fails loses nothing: the file that was there goes on, once nothing is left of
//! the new one that a restart could take for newer. A file whose last sync failed is replaced by a
//! new one before it takes more.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bellwether_codec::varint::{Malformed, Reader, put, put_string};
use bellwether_storage::record_log::{ReadReport, RecordWriter, put_record, read_records};
use bellwether_storage::{Disk, StateChange, StateEntries, StorageError};

use crate::files;

const KIND: &str = "state";
const CHANGES: u8 = 1;
const PUT: u8 = 1;
const REMOVE: u8 = 2;

/// A file below this is not rewritten. Chosen: reading it takes some milliseconds.
pub(crate) const REWRITE_BYTES_MIN: u64 = 1 << 20;
/// A file is rewritten when it has grown to so many times what it was after the last time. Derived:
/// each byte is then written at most 1 1/3 times.
const REWRITE_GROWTH: u64 = 4;

/// See the module's page.
#[derive(Debug)]
pub(crate) struct StateFile {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    number: u64,
    writer: RecordWriter,
    rewrite_bytes_min: u64,
    rewrite_at_bytes: u64,
    /// A rewriting failed so that its file may be there, or be there after a crash.
    stray: Option<u64>,
    /// Damaged places of the present file that are counted already.
    damage_counted: u64,
    buffer: Vec<u8>,
}

/// Everything that a file says, by area.
type Areas = std::collections::BTreeMap<String, StateEntries>;

impl StateFile {
    /// Opens the newest file, or makes the first. Gives how many places in it are damaged.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        rewrite_bytes_min: u64,
    ) -> Result<(Self, u64), StorageError> {
        let numbers = files::numbers(&*disk, folder, KIND)?;
        let number = numbers.last().copied().unwrap_or(1);
        let path = files::path(folder, KIND, number);
        let mut file = Self {
            writer: if numbers.is_empty() {
                RecordWriter::create(&*disk, &path)?
            } else {
                RecordWriter::open(&*disk, &path, 0)?
            },
            disk,
            folder: folder.to_owned(),
            number,
            rewrite_bytes_min,
            rewrite_at_bytes: 0,
            stray: None,
            damage_counted: 0,
            buffer: Vec::new(),
        };
        if numbers.is_empty() {
            file.grow_to(file.writer.file_bytes());
            return Ok((file, 0));
        }
        let (areas, damaged, report) = read(&*file.disk, &path)?;
        let is_whole = report.torn_bytes == 0 && report.sound_bytes > 0 && !report.no_header;
        if damaged > 0 || !is_whole {
            tracing::error!(
                file = %path.display(), damaged, torn_bytes = report.torn_bytes,
                "state of alerts is damaged: what is sound is kept"
            );
            file.rewrite(&areas)?;
        } else {
            file.writer = RecordWriter::open(&*file.disk, &path, report.sound_bytes)?;
            file.grow_to(report.sound_bytes);
        }
        for &old in numbers.iter().rev().skip(1) {
            let old = files::path(folder, KIND, old);
            file.disk
                .remove_file(&old)
                .map_err(|e| StorageError::io("remove", &old, e))?;
        }
        Ok((file, damaged))
    }

    fn path(&self) -> PathBuf {
        files::path(&self.folder, KIND, self.number)
    }

    /// Sets when the file is rewritten next, by how much of it is live now.
    fn grow_to(&mut self, live_bytes: u64) {
        self.rewrite_at_bytes = live_bytes
            .saturating_mul(REWRITE_GROWTH)
            .max(self.rewrite_bytes_min);
    }

    pub(crate) fn sync(&mut self) -> Result<(), StorageError> {
        self.writer.sync()
    }

    /// Entries of an area, and damaged places that were not counted before.
    pub(crate) fn entries(&mut self, area: &str) -> Result<(StateEntries, u64), StorageError> {
        let (mut areas, damaged, _) = read(&*self.disk, &self.path())?;
        let fresh = damaged.saturating_sub(self.damage_counted);
        self.damage_counted = self.damage_counted.max(damaged);
        Ok((areas.remove(area).unwrap_or_default(), fresh))
    }

    pub(crate) fn change(
        &mut self,
        area: &str,
        changes: &[StateChange],
    ) -> Result<(), StorageError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.clear_stray()?;
        if self.writer.is_poisoned() {
            let (areas, _, _) = read(&*self.disk, &self.path())?;
            self.rewrite(&areas)?;
            tracing::warn!(file = %self.path().display(), "state of alerts goes on in a new file");
        }
        self.buffer.clear();
        put_changes(&mut self.buffer, area, changes);
        self.writer.append(&self.buffer)?;
        if self.writer.file_bytes() >= self.rewrite_at_bytes {
            self.rewrite_live();
        }
        Ok(())
    }

    /// What was taken is on disk already: a rewriting that fails costs room and is tried later.
    fn rewrite_live(&mut self) {
        let rewritten =
            read(&*self.disk, &self.path()).and_then(|(areas, _, _)| self.rewrite(&areas));
        if let Err(error) = rewritten {
            tracing::warn!(%error, "state of alerts cannot be rewritten; tried again later");
            self.rewrite_at_bytes = self
                .writer
                .file_bytes()
                .saturating_add(self.rewrite_bytes_min);
        }
    }

    /// Nothing may be appended to the present file while another could count as the newer one.
    fn clear_stray(&mut self) -> Result<(), StorageError> {
        let Some(number) = self.stray else {
            return Ok(());
        };
        let path = files::path(&self.folder, KIND, number);
        for path in [path.with_extension("tmp"), path] {
            self.disk
                .remove_file(&path)
                .map_err(|e| StorageError::io("remove", &path, e))?;
        }
        self.disk
            .sync_folder(&self.folder)
            .map_err(|e| StorageError::io("sync", &self.folder, e))?;
        self.stray = None;
        Ok(())
    }

    fn rewrite(&mut self, areas: &Areas) -> Result<(), StorageError> {
        let number = self.number + 1;
        let path = files::path(&self.folder, KIND, number);
        let fresh = path.with_extension("tmp");
        let written = self.write_all(&fresh, areas).and_then(|mut writer| {
            self.stray = Some(number);
            self.disk
                .rename(&fresh, &path)
                .map_err(|e| StorageError::io("rename", &fresh, e))?;
            writer.renamed(&path);
            Ok(writer)
        });
        let writer = match written {
            Ok(writer) => writer,
            Err(error) => {
                self.stray = Some(number);
                if let Err(second) = self.clear_stray() {
                    tracing::warn!(error = %second, "a file that was not finished stays for now");
                }
                return Err(error);
            }
        };
        // The old one is of no use from here on, whatever follows.
        self.stray = None;
        let old = self.path();
        self.number = number;
        self.damage_counted = 0;
        self.grow_to(writer.file_bytes());
        self.writer = writer;
        if let Err(error) = self.disk.remove_file(&old) {
            tracing::warn!(file = %old.display(), %error, "an old file stays until the next start");
        }
        Ok(())
    }

    fn write_all(&mut self, path: &Path, areas: &Areas) -> Result<RecordWriter, StorageError> {
        let mut writer = RecordWriter::create(&*self.disk, path)?;
        for (area, entries) in areas {
            let entries: Vec<StateChange> = entries
                .iter()
                .map(|(key, value)| StateChange::Put {
                    key: key.clone(),
                    value: value.clone(),
                })
                .collect();
            for some in entries.chunks(1_024) {
                self.buffer.clear();
                put_changes(&mut self.buffer, area, some);
                writer.append(&self.buffer)?;
            }
        }
        writer.sync()?;
        Ok(writer)
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_changes(out: &mut Vec<u8>, area: &str, changes: &[StateChange]) {
    put_record(out, CHANGES, |out| {
        put_string(out, area);
        for change in changes {
            match change {
                StateChange::Put { key, value } => {
                    out.push(PUT);
                    put_bytes(out, key);
                    put_bytes(out, value);
                }
                StateChange::Remove { key } => {
                    out.push(REMOVE);
                    put_bytes(out, key);
                }
            }
        }
    });
}

fn read(disk: &dyn Disk, path: &Path) -> Result<(Areas, u64, ReadReport), StorageError> {
    let bytes = disk
        .read(path)
        .map_err(|e| StorageError::io("read", path, e))?;
    let mut areas = Areas::new();
    let mut malformed = 0;
    let report = read_records(&bytes, |kind, payload| {
        if kind == CHANGES {
            malformed += u64::from(read_changes(payload, &mut areas).is_err());
        }
    });
    Ok((areas, report.damaged + malformed, report))
}

fn read_changes(payload: &[u8], areas: &mut Areas) -> Result<(), Malformed> {
    let mut reader = Reader::new(payload);
    let entries = areas.entry(reader.string()?.to_owned()).or_default();
    while reader.left() > 0 {
        let op = reader.byte()?;
        let key_len = reader.size(reader.left())?;
        let key = reader.take(key_len)?.to_vec();
        match op {
            PUT => {
                let len = reader.size(reader.left())?;
                entries.insert(key, reader.take(len)?.to_vec());
            }
            REMOVE => {
                entries.remove(&key);
            }
            _ => return Err(reader.malformed("unknown change of an entry")),
        }
    }
    Ok(())
}
