//! Errors of the disk and of stored bytes, as errors of a store.

use std::io;
use std::path::Path;

use bellwether_codec::varint::Malformed;
use bellwether_storage::StorageError;

/// Names what was tried on which file.
pub(crate) fn io_error(operation: &'static str, path: &Path, source: io::Error) -> StorageError {
    StorageError::io(operation, path, source)
}

/// Stored bytes of a file that make no sense; `offset` is where the malformed part begins.
pub(crate) fn corrupt(file: &Path, offset: u64, found: Malformed) -> StorageError {
    damaged(
        file,
        offset + found.offset as u64,
        "sound bytes",
        found.what.to_owned(),
    )
}

/// Stored bytes of a file that are not what was written.
pub(crate) fn damaged(file: &Path, offset: u64, expected: &str, found: String) -> StorageError {
    let name = file.file_name().unwrap_or(file.as_os_str());
    StorageError::Corrupt {
        file: name.to_string_lossy().into_owned(),
        offset,
        expected: expected.to_owned(),
        found,
    }
}
