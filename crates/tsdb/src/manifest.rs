//! The one file that says which others count, and the ranges that were deleted.
//!
//! ## Model
//! The manifest names the live blocks, the first file of the log that still matters, the list of
//! series and the file of tombstones. It is replaced as a whole by rename, so that a change of
//! several files happens at one moment.
//!
//! ## Failure
//! A manifest that cannot be read is put aside and rebuilt from the files that are there: samples
//! may then be found twice, which readers fold, and never less than once.
//!
//! ## Format
//! `docs/format/manifest.md`, `docs/format/tombstones.md`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bellwether_codec::varint::{Malformed, Reader, put, put_signed};
use bellwether_model::TimeRange;
use bellwether_storage::{Disk, StorageError};
use rustc_hash::FxHashMap;

use crate::block::Block;
use crate::error::{corrupt, damaged, io_error};
use bellwether_storage::record_log::{RecordWriter, put_record, read_records};

const MAGIC: &[u8; 8] = b"BWMANIF\n";
const VERSION: u32 = 1;
const TOMBSTONES: u8 = 1;
/// The last record of a file of tombstones: how many stand before it.
const TOMBSTONES_END: u8 = 2;

/// What the manifest says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Files made from now on have this number or a greater one.
    pub(crate) next_file: u64,
    pub(crate) series_file: u64,
    /// Files of the log with smaller numbers are of no use any more.
    pub(crate) log_first: u64,
    /// 0: nothing is deleted.
    pub(crate) tombstones_file: u64,
    /// The secret under which labels become fingerprints.
    pub(crate) seed: u64,
    pub(crate) blocks: Vec<u64>,
}

/// The path of a numbered file.
pub(crate) fn file_path(folder: &Path, kind: &str, number: u64) -> PathBuf {
    folder.join(format!("{kind}-{number:016x}"))
}

/// Numbers of files are below this. Chosen: no counter comes near, and the next number always exists.
const FILE_NUMBERS_END: u64 = 1 << 56;

/// The number in a file's name, if it is of that kind.
pub(crate) fn file_number(name: &str, kind: &str) -> Option<u64> {
    let digits = name.strip_prefix(kind)?.strip_prefix('-')?;
    let is_number = digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let number = is_number.then(|| u64::from_str_radix(digits, 16).ok())?;
    number.filter(|number| *number < FILE_NUMBERS_END)
}

impl Manifest {
    pub(crate) fn path(folder: &Path) -> PathBuf {
        folder.join("manifest")
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&VERSION.to_le_bytes());
        let numbers = [
            self.next_file,
            self.series_file,
            self.log_first,
            self.tombstones_file,
            self.seed,
            self.blocks.len() as u64,
        ];
        for number in numbers.iter().chain(&self.blocks) {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        out
    }

    /// Reads a manifest.
    pub(crate) fn read(bytes: &[u8], path: &Path) -> Result<Self, StorageError> {
        let Some((body, checksum)) = bytes.split_last_chunk::<4>() else {
            return Err(damaged(
                path,
                0,
                "a manifest",
                format!("{} bytes", bytes.len()),
            ));
        };
        if crc32fast::hash(body) != u32::from_le_bytes(*checksum) || !body.starts_with(MAGIC) {
            return Err(damaged(
                path,
                0,
                "a checksum that fits",
                "another".to_owned(),
            ));
        }
        let parse = || {
            let mut reader = Reader::new(body);
            reader.take(8)?;
            if reader.u32()? != VERSION {
                return Err(reader.malformed("unknown version"));
            }
            let mut manifest = Self {
                next_file: reader.u64()?,
                series_file: reader.u64()?,
                log_first: reader.u64()?,
                tombstones_file: reader.u64()?,
                seed: reader.u64()?,
                blocks: Vec::new(),
            };
            if manifest.next_file > FILE_NUMBERS_END {
                return Err(reader.malformed("number of the next file beyond its bounds"));
            }
            for _ in 0..reader.u64()? {
                manifest.blocks.push(reader.u64()?);
            }
            Ok(manifest)
        };
        parse().map_err(|e: Malformed| corrupt(path, 0, e))
    }

    /// Puts this manifest in the place of the one before; durable when it returns.
    pub(crate) fn write(&self, disk: &dyn Disk, folder: &Path) -> Result<(), StorageError> {
        self.stage(disk, folder)?;
        Self::publish(disk, folder)
    }

    /// Writes this manifest beside the one that counts. Where that fails nothing has changed, and
    /// the files that are new in it are of no use.
    pub(crate) fn stage(&self, disk: &dyn Disk, folder: &Path) -> Result<(), StorageError> {
        let fresh = Self::fresh(folder);
        let mut file = disk
            .create(&fresh)
            .map_err(|e| io_error("create", &fresh, e))?;
        file.append(&self.to_bytes())
            .map_err(|e| io_error("write", &fresh, e))?;
        file.sync().map_err(|e| io_error("sync", &fresh, e))
    }

    /// Puts the manifest that was staged in the place of the one before; durable when it returns.
    /// Where that fails either may be the one that the next start finds.
    pub(crate) fn publish(disk: &dyn Disk, folder: &Path) -> Result<(), StorageError> {
        let path = Self::path(folder);
        disk.rename(&Self::fresh(folder), &path)
            .map_err(|e| io_error("rename", &path, e))
    }

    fn fresh(folder: &Path) -> PathBuf {
        folder.join("manifest.tmp")
    }
}

/// Deleted ranges, by block and series in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tombstones {
    by_block: FxHashMap<u64, FxHashMap<u32, Vec<TimeRange>>>,
}

impl Tombstones {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_block.is_empty()
    }

    pub(crate) fn add(&mut self, block: u64, series: u32, range: TimeRange) {
        self.by_block
            .entry(block)
            .or_default()
            .entry(series)
            .or_default()
            .push(range);
    }

    /// What is deleted of a series in a block.
    #[inline]
    pub(crate) fn of(&self, block: u64, series: u32) -> &[TimeRange] {
        if self.by_block.is_empty() {
            return &[];
        }
        let found = self
            .by_block
            .get(&block)
            .and_then(|series_of| series_of.get(&series));
        found.map_or(&[], Vec::as_slice)
    }

    /// Whether anything is deleted in a block.
    pub(crate) fn touches(&self, block: u64) -> bool {
        self.by_block.contains_key(&block)
    }

    /// Forgets blocks that are gone.
    pub(crate) fn retain(&mut self, live: impl Fn(u64) -> bool) {
        self.by_block.retain(|block, _| live(*block));
    }

    /// Writes all of it to a new file; durable but for its name when it returns. Where that fails
    /// none is left.
    pub(crate) fn write(&self, disk: &dyn Disk, path: &Path) -> Result<(), StorageError> {
        let mut file = RecordWriter::create(disk, path)?;
        let written = file.append(&self.to_records()).and_then(|()| file.sync());
        if written.is_err() {
            drop(file);
            // What cannot be removed is removed at the next start.
            drop(disk.remove_file(path));
        }
        written
    }

    fn to_records(&self) -> Vec<u8> {
        let mut records = Vec::new();
        for (block, series_of) in &self.by_block {
            let mut sorted: Vec<_> = series_of.iter().collect();
            sorted.sort_by_key(|(series, _)| **series);
            put_record(&mut records, TOMBSTONES, |out| {
                put(out, *block);
                for (series, ranges) in sorted {
                    for range in ranges {
                        put(out, u64::from(*series));
                        put_signed(out, range.start_ms);
                        put_signed(out, range.end_ms);
                    }
                }
            });
        }
        put_record(&mut records, TOMBSTONES_END, |out| {
            put(out, self.by_block.len() as u64);
        });
        records
    }

    /// Reads a file back, and how many of its records were damaged.
    pub(crate) fn read(disk: &dyn Disk, path: &Path) -> Result<(Self, u64), StorageError> {
        let bytes = disk.read(path).map_err(|e| io_error("read", path, e))?;
        let mut found = Self::default();
        let (mut malformed, mut count, mut wanted) = (0, 0, None);
        let report = read_records(&bytes, |kind, payload| match kind {
            TOMBSTONES => {
                count += 1;
                malformed += u64::from(found.read_record(payload).is_err());
            }
            TOMBSTONES_END => wanted = Reader::new(payload).varint().ok(),
            _ => {}
        });
        // A file that was cut between two records looks whole but for its end.
        let cut = u64::from(wanted != Some(count) && report.damaged == 0);
        Ok((
            found,
            malformed + report.damaged + cut + u64::from(report.no_header),
        ))
    }

    fn read_record(&mut self, payload: &[u8]) -> Result<(), Malformed> {
        let mut reader = Reader::new(payload);
        let block = reader.varint()?;
        while reader.left() > 0 {
            let series = reader.size(u32::MAX as usize)? as u32;
            self.add(
                block,
                series,
                TimeRange::new(reader.signed()?, reader.signed()?),
            );
        }
        Ok(())
    }
}

/// The blocks that count, and what is deleted in them. Never changed, only replaced.
#[derive(Debug, Default)]
pub(crate) struct Version {
    /// In the order in which their samples were written.
    pub(crate) blocks: Vec<Arc<Block>>,
    pub(crate) tombstones: Arc<Tombstones>,
}

impl Version {
    pub(crate) fn new(mut blocks: Vec<Arc<Block>>, tombstones: Arc<Tombstones>) -> Self {
        blocks.sort_by_key(|block| (block.facts().sequence_first, block.number));
        Self { blocks, tombstones }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_comes_back_and_damage_is_noticed() {
        let manifest = Manifest {
            next_file: 9,
            series_file: 1,
            log_first: 2,
            tombstones_file: 0,
            seed: 77,
            blocks: vec![3, 5],
        };
        let bytes = manifest.to_bytes();
        let path = Path::new("manifest");
        assert_eq!(Manifest::read(&bytes, path).unwrap(), manifest);
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Manifest::read(&bytes, path).is_err(), "{bit}");
        }
        assert_eq!(file_number("log-000000000000001f", "log"), Some(31));
        assert_eq!(file_number("log-1f", "log"), None);
        // The number after the last one must exist.
        assert_eq!(file_number("log-ffffffffffffffff", "log"), None);
        assert_eq!(file_number("log-+00000000000001f", "log"), None);
        let last = Manifest {
            next_file: u64::MAX,
            ..manifest
        };
        assert!(Manifest::read(&last.to_bytes(), path).is_err());
    }
}
