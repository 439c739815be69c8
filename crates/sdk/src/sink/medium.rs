//! Where lines are kept: a file of a folder that others may tidy up, fill, or remove.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::aside::AsideNames;

/// A file that lines are appended to, or in tests something that fails like one.
pub(crate) trait Medium: Send + Debug {
    /// Opens the file, with its folder where that is missing, and cuts off a line that was not written
    /// to its end. Gives the length.
    fn open(&mut self) -> io::Result<u64>;

    /// The first bytes of the file, at most so many.
    fn head(&mut self, bytes_max: usize) -> io::Result<Vec<u8>>;

    /// Appends bytes. After an error any part of them may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file to a length that it had.
    fn cut(&mut self, len: u64) -> io::Result<()>;

    /// Makes what was appended survive a power cut.
    fn sync(&mut self) -> io::Result<()>;

    /// Whether the open file is still the one that others see under its name.
    fn is_in_place(&mut self) -> bool;

    /// Gives the file another name, at which it is not looked for any more.
    fn put_aside(&mut self, name: &str) -> io::Result<()>;

    /// Names of files that were put aside, oldest first.
    fn put_aside_names(&mut self) -> io::Result<Vec<String>>;

    /// Removes a file that was put aside.
    fn remove(&mut self, name: &str) -> io::Result<()>;
}

/// A file on disk.
#[derive(Debug)]
pub(crate) struct DiskFile {
    path: PathBuf,
    file: Option<File>,
}

/// Bytes that are read at once in search of the last whole line.
const TAIL_BYTES: u64 = 64 << 10;

impl DiskFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    fn open_file(&mut self) -> io::Result<&mut File> {
        let closed = || io::Error::other("the file is not open");
        self.file.as_mut().ok_or_else(closed)
    }
}

impl Medium for DiskFile {
    fn open(&mut self) -> io::Result<u64> {
        self.file = None;
        std::fs::create_dir_all(self.folder())?;
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(&self.path)?;
        let len = file.metadata()?.len();
        let whole = whole_lines(&mut file, len)?;
        if whole < len {
            file.set_len(whole)?;
        }
        // The name of a new file is to be there after a power cut too.
        File::open(self.folder())?.sync_all()?;
        self.file = Some(file);
        Ok(whole)
    }

    fn head(&mut self, bytes_max: usize) -> io::Result<Vec<u8>> {
        let file = self.open_file()?;
        // Where it stands does not matter to a file that is appended to.
        file.seek(SeekFrom::Start(0))?;
        let mut head = Vec::new();
        Read::by_ref(file)
            .take(bytes_max as u64)
            .read_to_end(&mut head)?;
        Ok(head)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.open_file()?.write_all(bytes)
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        let file = self.open_file()?;
        // A pipe or a terminal has nothing to be cut.
        match file.metadata()?.is_file() {
            true => file.set_len(len),
            false => Ok(()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.open_file()?.sync_data()
    }

    fn is_in_place(&mut self) -> bool {
        let Some(open) = self.file.as_ref().and_then(|file| file.metadata().ok()) else {
            return false;
        };
        std::fs::metadata(&self.path).is_ok_and(|named| same_file(&open, &named))
    }

    fn put_aside(&mut self, name: &str) -> io::Result<()> {
        let aside = self.folder().join(name);
        #[expect(
            clippy::disallowed_methods,
            reason = "the folder is synced when the next file is opened"
        )]
        std::fs::rename(&self.path, aside)?;
        self.file = None;
        Ok(())
    }

    fn put_aside_names(&mut self) -> io::Result<Vec<String>> {
        let ours = AsideNames::of(&self.path);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.folder())? {
            let name = entry?.file_name();
            if let Some(name) = name.to_str().filter(|name| ours.is_one(name)) {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.folder().join(name))
    }
}

/// How much of a file is whole lines.
fn whole_lines(file: &mut File, len: u64) -> io::Result<u64> {
    let mut end = len;
    while end > 0 {
        let begin = end.saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(begin))?;
        let mut tail = Vec::new();
        Read::by_ref(file)
            .take(end - begin)
            .read_to_end(&mut tail)?;
        if let Some(last) = tail.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + last as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

#[cfg(unix)]
fn same_file(a: &std::fs::Metadata, b: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn same_file(a: &std::fs::Metadata, b: &std::fs::Metadata) -> bool {
    // A file that is open cannot be replaced there.
    a.len() == b.len()
}
