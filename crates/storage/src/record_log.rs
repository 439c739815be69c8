//! Files of checksummed records: logs of samples, of state, of what happened to alerts.
//!
//! ## Model
//! A file is a header and records. A record is a mark, a type, a length, a checksum and a payload.
//! [`RecordWriter`] appends, [`read_records`] reads what is sound.
//!
//! ## Failure
//! A record that was cut off at the end is left out ("torn tail"); damage before sound records is
//! skipped and counted. After a failed append the file is cut back to the last whole record; where
//! that fails too, or a sync fails, the writer takes no more. A file that cannot be begun is removed.
//!
//! ## Format
//! `docs/format/log.md`.

use std::path::{Path, PathBuf};

use crate::{Disk, DiskFile, StorageError};

const MAGIC: &[u8; 8] = b"BWLOG\0\0\n";
const VERSION: u32 = 1;
const HEADER_LEN: usize = 16;
const MARK: u8 = 0xb5;
/// Mark, type, length, checksum.
const FRAME_LEN: usize = 10;

/// Appends a record to a buffer: `fill` appends the payload.
pub fn put_record(out: &mut Vec<u8>, kind: u8, fill: impl FnOnce(&mut Vec<u8>)) {
    let begin = out.len();
    out.extend_from_slice(&[0; FRAME_LEN]);
    fill(out);
    let len = (out.len() - begin - FRAME_LEN) as u32;
    let checksum = checksum(kind, &out[begin + FRAME_LEN..]);
    let frame = &mut out[begin..begin + FRAME_LEN];
    frame[0] = MARK;
    frame[1] = kind;
    frame[2..6].copy_from_slice(&len.to_le_bytes());
    frame[6..].copy_from_slice(&checksum.to_le_bytes());
}

fn checksum(kind: u8, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(u32::from(kind));
    hasher.update(&(payload.len() as u32).to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// One file that is appended to.
#[derive(Debug)]
pub struct RecordWriter {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    /// Bytes of whole records, and the header.
    len: u64,
    unsynced: bool,
    poisoned: Option<String>,
}

impl RecordWriter {
    /// Makes a new file. Where that fails none is left: a disk that is full for long would fill
    /// with beginnings.
    pub fn create(disk: &dyn Disk, path: &Path) -> Result<Self, StorageError> {
        let made = Self::begin(disk, path);
        if made.is_err() {
            // What cannot be removed means nothing to a reader.
            drop(disk.remove_file(path));
        }
        made
    }

    fn begin(disk: &dyn Disk, path: &Path) -> Result<Self, StorageError> {
        let mut file = disk
            .create(path)
            .map_err(|e| StorageError::io("create", path, e))?;
        let mut header = Vec::with_capacity(HEADER_LEN);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&[0; 4]);
        file.append(&header)
            .map_err(|e| StorageError::io("write", path, e))?;
        if let Some(folder) = path.parent() {
            disk.sync_folder(folder)
                .map_err(|e| StorageError::io("sync", folder, e))?;
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            len: HEADER_LEN as u64,
            unsynced: true,
            poisoned: None,
        })
    }

    /// Opens a file whose `len` bytes are sound, for appending.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn open(disk: &dyn Disk, path: &Path, len: u64) -> Result<Self, StorageError> {
        let file = disk
            .open_append(path)
            .map_err(|e| StorageError::io("open", path, e))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            len,
            unsynced: true,
            poisoned: None,
        })
    }

    /// The same, and cuts off what stands behind the sound bytes.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn open_cut(disk: &dyn Disk, path: &Path, len: u64) -> Result<Self, StorageError> {
        let mut writer = Self::open(disk, path, len)?;
        writer
            .file
            .truncate(len)
            .map_err(|e| StorageError::io("cut", path, e))?;
        Ok(writer)
    }

    /// Bytes of whole records, and the header.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.len
    }

    /// Says that the file has another name now, for errors: what is open stays so over a rename.
    pub fn renamed(&mut self, path: &Path) {
        self.path = path.to_owned();
    }

    fn check(&self) -> Result<(), StorageError> {
        match &self.poisoned {
            Some(reason) => Err(StorageError::Poisoned {
                reason: reason.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Whether nothing is taken any more.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.is_some()
    }

    /// Appends whole records. They survive the death of the process when it returns.
    ///
    /// # Errors
    /// Where the disk fails, or has failed so that the file's content is not known.
    pub fn append(&mut self, records: &[u8]) -> Result<(), StorageError> {
        self.check()?;
        if records.is_empty() {
            return Ok(());
        }
        match self.file.append(records) {
            Ok(()) => {
                self.len += records.len() as u64;
                self.unsynced = true;
                Ok(())
            }
            Err(error) => {
                // A part may have been written; later records must not stand behind it.
                if let Err(second) = self.file.truncate(self.len) {
                    let reason =
                        format!("write {}: {error}; cut back: {second}", self.path.display());
                    self.poisoned = Some(reason);
                }
                Err(StorageError::io("write", &self.path, error))
            }
        }
    }

    /// Makes what was appended survive a power cut.
    ///
    /// # Errors
    /// Where the disk fails; nothing is taken any more then.
    pub fn sync(&mut self) -> Result<(), StorageError> {
        self.check()?;
        if !self.unsynced {
            return Ok(());
        }
        match self.file.sync() {
            Ok(()) => {
                self.unsynced = false;
                Ok(())
            }
            Err(error) => {
                self.poisoned = Some(format!("sync {}: {error}", self.path.display()));
                Err(StorageError::io("sync", &self.path, error))
            }
        }
    }
}

/// What reading a file came upon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// Sound records.
    pub records: u64,
    /// Places before sound records where bytes made no sense.
    pub damaged: u64,
    /// Bytes at the end that are no whole record.
    pub torn_bytes: u64,
    /// Where that end begins: bytes up to the last sound record, and the header.
    pub sound_bytes: u64,
    /// The file's header is not one of ours.
    pub no_header: bool,
}

/// Calls `take` with type and payload of each sound record, in order.
pub fn read_records(bytes: &[u8], mut take: impl FnMut(u8, &[u8])) -> ReadReport {
    let mut report = ReadReport::default();
    let header = bytes.get(..HEADER_LEN);
    let version_ok =
        header.is_some_and(|h| h.starts_with(MAGIC) && h[8..12] == VERSION.to_le_bytes());
    if !version_ok {
        if bytes.len() < HEADER_LEN {
            report.torn_bytes = bytes.len() as u64;
            // Without a header nothing can stand behind it.
            return report;
        }
        // Records carry their own marks and checksums; a damaged header need not cost them.
        report.no_header = true;
    }
    let mut at = HEADER_LEN;
    while at < bytes.len() {
        if let Some((kind, payload)) = record_at(bytes, at) {
            report.records += 1;
            take(kind, payload);
            at += FRAME_LEN + payload.len();
            continue;
        }
        let next =
            (at + 1..bytes.len()).find(|&p| bytes[p] == MARK && record_at(bytes, p).is_some());
        match next {
            Some(next) => {
                report.damaged += 1;
                at = next;
            }
            None => {
                report.torn_bytes = (bytes.len() - at) as u64;
                break;
            }
        }
    }
    report.sound_bytes = at as u64;
    report
}

fn record_at(bytes: &[u8], at: usize) -> Option<(u8, &[u8])> {
    let frame = bytes.get(at..at + FRAME_LEN)?;
    if frame[0] != MARK {
        return None;
    }
    let len = u32::from_le_bytes(frame[2..6].try_into().ok()?) as usize;
    let wanted = u32::from_le_bytes(frame[6..].try_into().ok()?);
    let begin = at + FRAME_LEN;
    let payload = bytes.get(begin..begin.checked_add(len)?)?;
    (checksum(frame[1], payload) == wanted).then_some((frame[1], payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(count: u8) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        for i in 0..count {
            put_record(&mut bytes, i, |out| out.extend_from_slice(&[i; 30]));
        }
        bytes
    }

    #[test]
    fn torn_tails_are_cut_at_every_byte() {
        let whole = file(3);
        for cut in 0..whole.len() {
            let mut kinds = Vec::new();
            let report = read_records(&whole[..cut], |kind, payload| {
                assert_eq!(payload, [kind; 30]);
                kinds.push(kind);
            });
            assert_eq!(kinds.len(), cut.saturating_sub(HEADER_LEN) / 40, "{cut}");
            assert_eq!(report.damaged, 0);
        }
    }

    #[test]
    fn damage_in_the_middle_costs_one_record() {
        let whole = file(3);
        for bit in HEADER_LEN * 8 + 40 * 8..HEADER_LEN * 8 + 80 * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let mut kinds = Vec::new();
            let report = read_records(&bytes, |kind, _| kinds.push(kind));
            assert_eq!(kinds, [0, 2], "{bit}");
            assert_eq!((report.damaged, report.torn_bytes), (1, 0));
        }
    }
}
