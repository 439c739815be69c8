//! The seam to the disk: files that are appended to, read whole or mapped, and swapped in by rename.
//!
//! ## Model
//! A [`Disk`] holds folders and files. A file is written once from front to back through a
//! [`DiskFile`] and read as [`DiskBytes`], a view of all its bytes. Nothing is overwritten in place:
//! whatever replaces a file is written beside it, synced, and renamed over it.
//!
//! ## Invariants
//! [`Disk::rename`] is durable when it returns. All else is durable after [`DiskFile::sync`] (the
//! bytes) and [`Disk::sync_folder`] (the names).
//!
//! ## Failure
//! A failed [`DiskFile::append`] may have written a part; a failed [`DiskFile::sync`] leaves it
//! unknown which bytes are on disk, and a later success says nothing about them: writers stop.
//!
//! ## See also
//! [`FaultyDisk`], which injects all of that.

mod bytes;
mod faulty;

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

pub use bytes::DiskBytes;
pub use faulty::{Fault, FaultyDisk, Survives};

/// A file or folder inside of a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DiskEntry {
    /// Its name, without the folder. Names that are not UTF-8 are not listed.
    pub name: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Length in bytes; 0 for a folder.
    pub len: u64,
}

/// Something that keeps a folder for one process until it is dropped.
pub trait DiskLock: Send + Sync + Debug {}

/// Folders and files.
pub trait Disk: Send + Sync + Debug {
    /// Makes an empty file, replacing one that is there, and opens it for appending.
    ///
    /// # Errors
    /// As the system says.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file that is there for appending at its end.
    ///
    /// # Errors
    /// As the system says; kind `NotFound` where there is none.
    fn open_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// The whole content of a file as it is now, mapped into memory where the disk can do that.
    /// Bytes appended later are not part of it.
    ///
    /// # Errors
    /// As the system says; kind `NotFound` where there is none.
    fn read(&self, path: &Path) -> io::Result<DiskBytes>;

    /// What a folder holds, sorted by name. A folder that is not there holds nothing.
    ///
    /// # Errors
    /// As the system says.
    fn list(&self, folder: &Path) -> io::Result<Vec<DiskEntry>>;

    /// Makes a folder and those above it. One that is there already is fine.
    ///
    /// # Errors
    /// As the system says.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;

    /// Renames a file or folder, replacing a file that is there; durable when it returns.
    ///
    /// # Errors
    /// As the system says. Then either name may be the one that is there after a crash.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file a second name. Disks that cannot do that copy it.
    ///
    /// # Errors
    /// As the system says.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. One that is not there is fine.
    ///
    /// # Errors
    /// As the system says.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a folder and all that is in it. One that is not there is fine.
    ///
    /// # Errors
    /// As the system says. Part of it may be gone then.
    fn remove_folder(&self, folder: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// As the system says.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Takes a folder for this process, through the file `path` in it, until the answer is dropped.
    ///
    /// # Errors
    /// Kind `WouldBlock` where another process has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;
}

/// A file that is appended to.
pub trait DiskFile: Send + Sync + Debug {
    /// Writes all of `bytes` at the end. They survive the death of the process when it returns.
    ///
    /// # Errors
    /// As the system says. Any front part of the bytes may have been written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was appended survive a power cut.
    ///
    /// # Errors
    /// As the system says. What was not synced before may be lost, now or later.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file to `len` bytes; later appends go there.
    ///
    /// # Errors
    /// As the system says.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// The disk of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

#[derive(Debug)]
struct RealFile(File);

#[derive(Debug)]
struct RealLock(#[expect(dead_code, reason = "held for its lock")] File);

impl DiskLock for RealLock {}

impl DiskFile for RealFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        // The file is opened for appending, so that the next write goes to the new end.
        self.0.set_len(len)
    }
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        absent_is_fine(fs::remove_file(path))?;
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)?;
        Ok(Box::new(RealFile(file)))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RealFile(
            OpenOptions::new().append(true).open(path)?,
        )))
    }

    fn read(&self, path: &Path) -> io::Result<DiskBytes> {
        DiskBytes::map(&File::open(path)?)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<DiskEntry>> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let facts = entry.metadata()?;
            let len = if facts.is_dir() { 0 } else { facts.len() };
            found.push(DiskEntry {
                name,
                is_folder: facts.is_dir(),
                len,
            });
        }
        found.sort();
        Ok(found)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the durable helper that others must use"
    )]
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        if let Some(folder) = to.parent() {
            self.sync_folder(folder)?;
        }
        match (from.parent(), to.parent()) {
            (Some(old), Some(new)) if old != new => self.sync_folder(old),
            _ => Ok(()),
        }
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        if fs::hard_link(from, to).is_ok() {
            return Ok(());
        }
        fs::copy(from, to)?;
        File::open(to)?.sync_all()
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        absent_is_fine(fs::remove_file(path))
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        absent_is_fine(fs::remove_dir_all(folder))
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(RealLock(file))),
            Err(fs::TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}
