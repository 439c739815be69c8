//! Makes files that were put aside smaller.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Compresses every file of a folder that a writer has put aside. What fails is tried again with the
/// next file; nothing is removed before its compressed form is on the disk.
pub(crate) fn compress_all(folder: &Path, prefix: &str, suffix: &str) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.starts_with(prefix) && name.ends_with(suffix)) {
            compress(&path)?;
        }
    }
    Ok(())
}

fn compress(path: &Path) -> io::Result<()> {
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    // One that a death left half done is begun anew.
    let (part, whole) = (with(".gz.part"), with(".gz"));
    let mut encoder = GzEncoder::new(File::create(&part)?, Compression::fast());
    io::copy(&mut BufReader::new(File::open(path)?), &mut encoder)?;
    encoder.finish()?.sync_all()?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the file that it replaces is removed after the folder is synced"
    )]
    fs::rename(&part, &whole)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
    fs::remove_file(path)
}
