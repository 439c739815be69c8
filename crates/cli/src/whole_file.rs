//! Small files that are replaced as a whole.

use std::io;
use std::path::{Path, PathBuf};

use bellwether_storage::Disk;

/// What follows the name of a file while it is being written.
const UNFINISHED: &str = ".tmp";

/// Puts a file in the place of another one, in a folder that is made where it is missing: written beside it, synced and
/// renamed over it. After a crash the old one or the new one is there, whole; the new one is durable when this returns.
pub(crate) fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        disk.create_folder(folder)?;
        if let Some(above) = folder.parent() {
            disk.sync_folder(above)?;
        }
    }
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(UNFINISHED);
    let unfinished = PathBuf::from(unfinished);
    let mut file = disk.create(&unfinished)?;
    file.append(bytes)?;
    file.sync()?;
    drop(file);
    disk.rename(&unfinished, path)
}
