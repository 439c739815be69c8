//! The file of state: changes of entries, one behind the other, rewritten when most of it is dead.

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
const REWRITE_BYTES_MIN: u64 = 1 << 20;
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
    rewrite_at_bytes: u64,
    buffer: Vec<u8>,
}

/// Everything that a file says, by area.
type Areas = std::collections::BTreeMap<String, StateEntries>;

impl StateFile {
    /// Opens the newest file, or makes the first. Gives how many places in it are damaged.
    pub(crate) fn open(disk: Arc<dyn Disk>, folder: &Path) -> Result<(Self, u64), StorageError> {
        let numbers = files::numbers(&*disk, folder, KIND)?;
        let Some(&number) = numbers.last() else {
            let writer = RecordWriter::create(&*disk, &files::path(folder, KIND, 1))?;
            return Ok((Self::new(disk, folder, 1, writer), 0));
        };
        let path = files::path(folder, KIND, number);
        let (areas, damaged, report) = read(&*disk, &path)?;
        let bytes = disk
            .read(&path)
            .map_err(|e| StorageError::io("read", &path, e))?
            .len() as u64;
        let writer = RecordWriter::open(&*disk, &path, bytes)?;
        let mut file = Self::new(Arc::clone(&disk), folder, number, writer);
        if damaged > 0 || report.torn_bytes > 0 || report.no_header {
            tracing::error!(
                file = %path.display(), damaged, torn_bytes = report.torn_bytes,
                "state of alerts is damaged: what is sound is kept"
            );
            file.rewrite(&areas)?;
        }
        for &old in &numbers[..numbers.len() - 1] {
            let old = files::path(folder, KIND, old);
            disk.remove_file(&old)
                .map_err(|e| StorageError::io("remove", &old, e))?;
        }
        Ok((file, damaged))
    }

    fn new(disk: Arc<dyn Disk>, folder: &Path, number: u64, writer: RecordWriter) -> Self {
        Self {
            rewrite_at_bytes: rewrite_at(writer.file_bytes()),
            disk,
            folder: folder.to_owned(),
            number,
            writer,
            buffer: Vec::new(),
        }
    }

    pub(crate) fn sync(&mut self) -> Result<(), StorageError> {
        self.writer.sync()
    }

    pub(crate) fn entries(&self, area: &str) -> Result<(StateEntries, u64), StorageError> {
        let path = files::path(&self.folder, KIND, self.number);
        let (mut areas, damaged, _) = read(&*self.disk, &path)?;
        Ok((areas.remove(area).unwrap_or_default(), damaged))
    }

    pub(crate) fn change(
        &mut self,
        area: &str,
        changes: &[StateChange],
    ) -> Result<(), StorageError> {
        if changes.is_empty() {
            return Ok(());
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
        let path = files::path(&self.folder, KIND, self.number);
        let rewritten = read(&*self.disk, &path).and_then(|(areas, _, _)| self.rewrite(&areas));
        if let Err(error) = rewritten {
            tracing::warn!(%error, "state of alerts cannot be rewritten; tried again later");
            self.rewrite_at_bytes = self.writer.file_bytes().saturating_add(REWRITE_BYTES_MIN);
        }
    }

    fn rewrite(&mut self, areas: &Areas) -> Result<(), StorageError> {
        let (old, number) = (self.number, self.number + 1);
        let path = files::path(&self.folder, KIND, number);
        let fresh = path.with_extension("tmp");
        let mut writer = RecordWriter::create(&*self.disk, &fresh)?;
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
        self.disk
            .rename(&fresh, &path)
            .map_err(|e| StorageError::io("rename", &fresh, e))?;
        // The old one is of no use from here on, whatever follows.
        let len = writer.file_bytes();
        drop(writer);
        self.number = number;
        self.writer = RecordWriter::open(&*self.disk, &path, len)?;
        self.rewrite_at_bytes = rewrite_at(len);
        let old = files::path(&self.folder, KIND, old);
        self.disk
            .remove_file(&old)
            .map_err(|e| StorageError::io("remove", &old, e))
    }
}

fn rewrite_at(live_bytes: u64) -> u64 {
    live_bytes
        .saturating_mul(REWRITE_GROWTH)
        .max(REWRITE_BYTES_MIN)
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
