//! All bytes of a file, mapped or copied.
//!
//! ## Invariants
//! Files that are mapped are only appended to, replaced by rename or removed, never changed in
//! place and never cut while anybody reads them, so that a map stays valid and constant. A process
//! that cuts our files from outside ends ours with a bus error; the folder is locked against our own.
#![expect(unsafe_code, reason = "mapping a file is unsafe by nature")]

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

/// The bytes of a file. Cheap to clone; stays readable when the file is removed.
#[derive(Clone)]
pub struct DiskBytes(Kind);

#[derive(Clone)]
enum Kind {
    Mapped(Arc<memmap2::Mmap>),
    Owned(Arc<[u8]>),
}

impl DiskBytes {
    /// Bytes that are in memory already.
    #[must_use]
    pub fn owned(bytes: Vec<u8>) -> Self {
        Self(Kind::Owned(bytes.into()))
    }

    pub(super) fn map(file: &File) -> io::Result<Self> {
        // An empty map is an error on some systems.
        if file.metadata()?.len() == 0 {
            return Ok(Self::owned(Vec::new()));
        }
        // SAFETY: mapped files are never changed or cut while in use, see the page of this module.
        let map = unsafe { memmap2::Mmap::map(file)? };
        Ok(Self(Kind::Mapped(Arc::new(map))))
    }

    /// Tells the system that the pages will not be needed soon, so that they stop counting as
    /// memory of this process. The bytes stay readable. Only a hint.
    pub fn release(&self) {
        if let Kind::Mapped(map) = &self.0 {
            // SAFETY: the map is read-only and backed by a file: dropped pages are read again.
            let _hint = unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
        }
    }
}

impl Deref for DiskBytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Kind::Mapped(map) => map,
            Kind::Owned(bytes) => bytes,
        }
    }
}

impl fmt::Debug for DiskBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DiskBytes({} bytes)", self.len())
    }
}
