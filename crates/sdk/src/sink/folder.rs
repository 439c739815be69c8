//! A medium for tests.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::medium::Medium;

/// A folder in memory that fails when it is told to.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    pub(crate) file: Option<Vec<u8>>,
    pub(crate) is_open: bool,
    pub(crate) aside: BTreeMap<String, Vec<u8>>,
    /// So many bytes can still be written.
    pub(crate) room: Option<usize>,
    pub(crate) cannot_cut: bool,
    /// Shared, so that a disk can become well behind a thread's back.
    pub(crate) cannot_sync: Arc<AtomicBool>,
    /// What was synced of the file.
    pub(crate) synced: usize,
    /// From here on a failed sync has made the system forget what is not on the disk; it can be read.
    pub(crate) forgotten: Option<usize>,
    /// A name that somebody removes as soon as it was seen.
    pub(crate) ghost: Option<String>,
}

impl Medium for Folder {
    fn open(&mut self) -> io::Result<u64> {
        let file = self.file.get_or_insert_default();
        let whole = file.iter().rposition(|byte| *byte == b'\n');
        file.truncate(whole.map_or(0, |end| end + 1));
        self.is_open = true;
        Ok(file.len() as u64)
    }

    fn is_file(&self) -> bool {
        true
    }

    fn head(&mut self, bytes_max: usize) -> io::Result<Vec<u8>> {
        let file = self.file.iter().flatten().take(bytes_max);
        Ok(file.copied().collect())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(file) = self.file.as_mut().filter(|_| self.is_open) else {
            return Err(io::Error::other("not open"));
        };
        let room = self.room.unwrap_or(usize::MAX).min(bytes.len());
        file.extend_from_slice(&bytes[..room]);
        if let Some(left) = &mut self.room {
            *left -= room;
        }
        match room == bytes.len() {
            true => Ok(()),
            false => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        if self.cannot_cut {
            return Err(io::Error::other("no"));
        }
        if let Some(file) = &mut self.file {
            file.truncate(len as usize);
        }
        self.forgotten = self.forgotten.filter(|from| (*from as u64) < len);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.cannot_sync.load(Ordering::Relaxed) {
            self.forgotten.get_or_insert(self.synced);
            return Err(io::Error::other("no sync"));
        }
        let len = self.file.as_ref().map_or(0, Vec::len);
        self.synced = self.forgotten.unwrap_or(len);
        Ok(())
    }

    fn is_in_place(&mut self) -> bool {
        self.is_open && self.file.is_some()
    }

    fn put_aside(&mut self, name: &str) -> io::Result<()> {
        let file = self.file.take().ok_or_else(|| io::Error::other("gone"))?;
        self.aside.insert(name.to_owned(), file);
        self.is_open = false;
        (self.synced, self.forgotten) = (0, None);
        Ok(())
    }

    fn put_aside_names(&mut self) -> io::Result<Vec<String>> {
        Ok(self
            .ghost
            .iter()
            .chain(self.aside.keys())
            .cloned()
            .collect())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        let removed = self.aside.remove(name).map(drop);
        removed.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
