//! Names of the journal's files.

use std::path::{Path, PathBuf};

use bellwether_storage::{Disk, StorageError};

/// The path of a file.
pub(crate) fn path(folder: &Path, kind: &str, number: u64) -> PathBuf {
    folder.join(format!("{kind}-{number:016x}"))
}

/// The numbers of the files of a kind, ascending.
pub(crate) fn numbers(
    disk: &dyn Disk,
    folder: &Path,
    kind: &str,
) -> Result<Vec<u64>, StorageError> {
    let entries = disk
        .list(folder)
        .map_err(|e| StorageError::io("list", folder, e))?;
    let mut numbers: Vec<u64> = entries
        .iter()
        .filter_map(|entry| number_of(&entry.name, kind))
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn number_of(name: &str, kind: &str) -> Option<u64> {
    let digits = name.strip_prefix(kind)?.strip_prefix('-')?;
    (digits.len() == 16)
        .then(|| u64::from_str_radix(digits, 16).ok())
        .flatten()
}
