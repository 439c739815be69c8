//! Makes files that were put aside smaller.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::aside::{AsideNames, COMPRESSED, PART};

/// Compresses every file of a folder that a writer has put aside. What fails is tried again with the
/// next file; nothing is removed before its compressed form is on the disk. Files may be removed
/// meanwhile, and do not come back; what a death left half done of one that is gone is removed too.
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
    match fs::remove_file(path) {
        // Somebody has removed it meanwhile, such as a writer that keeps no more files.
        Err(error) if is_gone(&error) => match fs::remove_file(&whole) {
            Err(error) if is_gone(&error) => Ok(()),
            other => other,
        },
        other => other,
    }
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Write as _;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn what_is_removed_while_it_is_compressed_does_not_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let names = AsideNames::of(Path::new("events.jsonl"));
        // A pipe is read to its end, which is when the test says so.
        let plain = folder.path().join(names.make(0, 1));
        mknodat(CWD, &plain, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::thread::scope(|scope| {
            let compressing = scope.spawn(|| compress_all(folder.path(), &names));
            let mut pipe = File::options().write(true).open(&plain).unwrap();
            fs::remove_file(&plain).unwrap();
            pipe.write_all(b"a line\n").unwrap();
            drop(pipe);
            compressing.join().unwrap().unwrap();
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
