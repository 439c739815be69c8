//! Makes files that were put aside smaller.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::aside::{AsideNames, COMPRESSED, PART};

/// Compresses every file of a folder that a writer has put aside. What fails is tried again with the
/// next file; nothing is removed before its compressed form is on the disk. Files may be removed
/// meanwhile; what a death left half done of one that is gone is removed too.
pub(crate) fn compress_all(folder: &Path, names: &AsideNames) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let done = if names.is_plain(name) {
            compress(&path)
        } else if let Some(plain) = name.strip_suffix(PART).filter(|it| names.is_plain(it))
            && !folder.join(plain).try_exists()?
        {
            fs::remove_file(&path)
        } else {
            continue;
        };
        match done {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
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
    let mut plain = BufReader::new(File::open(path)?);
    // One that a death left half done is begun anew.
    let (part, whole) = (with(PART), with(COMPRESSED));
    let mut encoder = GzEncoder::new(File::create(&part)?, Compression::fast());
    io::copy(&mut plain, &mut encoder)?;
    encoder.finish()?.sync_all()?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the file that it replaces is removed after the folder is synced"
    )]
    fs::rename(&part, &whole)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
    fs::remove_file(path)
}
