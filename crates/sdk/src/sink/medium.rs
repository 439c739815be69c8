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

    /// Whether what is open is a file that can be synced, cut and put aside: a pipe, a terminal and a device
    /// are only written to.
    fn is_file(&self) -> bool;

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

/// A file on disk, or a pipe, a terminal or a device that has a name there.
#[derive(Debug)]
pub(crate) struct DiskFile {
    path: PathBuf,
    file: Option<File>,
    kind: FileKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileKind {
    File,
    /// Bytes that are written there are gone.
    Stream,
    /// A stream that the process was started with: it has no place that it could leave.
    Standard,
}

/// Bytes that are read at once in search of the last whole line.
const TAIL_BYTES: u64 = 64 << 10;

impl DiskFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            kind: FileKind::File,
        }
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
        self.kind = FileKind::File;
        if let Some((stream, kind)) = open_stream(&self.path)? {
            self.kind = kind;
            self.file = Some(stream);
            return Ok(0);
        }
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

    fn is_file(&self) -> bool {
        self.kind == FileKind::File
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
        match self.is_file() {
            true => self.open_file()?.set_len(len),
            false => Ok(()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        // A pipe says that this makes no sense.
        match self.is_file() {
            true => self.open_file()?.sync_data(),
            false => Ok(()),
        }
    }

    fn is_in_place(&mut self) -> bool {
        if self.kind == FileKind::Standard && self.file.is_some() {
            return true;
        }
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

/// Opens what is no file. `None`: it is one, or is to become one.
#[cfg(unix)]
fn open_stream(path: &Path) -> io::Result<Option<(File, FileKind)>> {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    use rustix::fs::OFlags;

    // Opened anew, a file behind them would be written over by what the process prints, and a socket
    // cannot be opened at all.
    let standard = match path.to_str() {
        Some("/dev/stdout") => Some(io::stdout().as_fd().try_clone_to_owned()?),
        Some("/dev/stderr") => Some(io::stderr().as_fd().try_clone_to_owned()?),
        _ => None,
    };
    if let Some(standard) = standard {
        return Ok(Some((File::from(standard), FileKind::Standard)));
    }
    let is_file = |found: std::fs::Metadata| found.is_file();
    // What a process has open has a name there too, which nobody may change.
    let is_name_fixed = path.starts_with("/dev/fd") || path.starts_with("/proc");
    if std::fs::metadata(path).map_or(true, is_file) && !is_name_fixed {
        return Ok(None);
    }
    // A pipe without a reader would be waited for here; later on it is, by this thread alone.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = OpenOptions::new()
        .append(true)
        .custom_flags(flags.bits() as i32)
        .open(path);
    let stream = opened.map_err(|error| match error.raw_os_error() {
        Some(code) if code == rustix::io::Errno::NXIO.raw_os_error() => {
            io::Error::new(error.kind(), "nobody reads this pipe")
        }
        _ => error,
    })?;
    let flags = rustix::fs::fcntl_getfl(&stream)?;
    rustix::fs::fcntl_setfl(&stream, flags - OFlags::NONBLOCK)?;
    Ok(Some((stream, FileKind::Stream)))
}

#[cfg(not(unix))]
fn open_stream(_: &Path) -> io::Result<Option<(File, FileKind)>> {
    Ok(None)
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
