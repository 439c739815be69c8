//! A disk in memory that fails on command, for tests of crashes and damage.
//!
//! ## Model
//! Every call that changes something counts as one operation. A [`Fault`] is planted at the number
//! of an operation. [`FaultyDisk::after_crash`] gives the disk as the next process finds it.
//!
//! ## Invariants
//! The faults are those that real disks and kernels show, and no others: a write may end early with
//! an error, a sync may fail and forget what it held, names and bytes that were not synced may be
//! lost in a power cut, a stored bit may flip. Synced bytes never vanish.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Disk, DiskBytes, DiskEntry, DiskFile, DiskLock};

/// What goes wrong at one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process dies before the operation: it and all later ones fail and change nothing.
    Crash,
    /// A write puts down about half of its bytes, then the process dies.
    CrashInWrite,
    /// A write puts down about half of its bytes and fails; later operations work.
    ShortWrite,
    /// The operation fails for want of space and changes nothing; later ones work.
    NoSpace,
    /// A sync fails, and what it should have made durable is gone after a power cut even if a later
    /// sync succeeds. At other operations the same as `NoSpace`.
    SyncFails,
    /// From this operation on no byte more fits, until [`FaultyDisk::limit_space`] makes room. A
    /// write puts down what still fits. New names and renames work, as they mostly do on a disk
    /// that is full, and so do syncs, since file systems reserve room when they take a write.
    Full,
    /// As `Full`, and no file or folder can be made or renamed either.
    FullForNames,
}

/// What outlives a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survives {
    /// Only the process died: everything written is there.
    Everything,
    /// The power was cut: only what was synced is there.
    Synced,
    /// The power was cut while the kernel wrote: all names, and half of each file's unsynced bytes.
    SyncedAndSome,
}

#[derive(Debug, Clone, Default)]
struct FileState {
    bytes: Vec<u8>,
    /// What is there after a power cut.
    durable: Vec<u8>,
    /// A sync has failed: `durable` does not grow any more.
    lost: bool,
}

#[derive(Debug, Clone, Default)]
struct State {
    files: Vec<FileState>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    folders: Vec<PathBuf>,
    operations: u64,
    faults: Vec<(u64, Fault)>,
    crashed: bool,
    space_max: Option<u64>,
    /// While there is no space, there is none for names either.
    names_need_space: bool,
}

/// A disk in memory that fails on command.
#[derive(Debug, Clone, Default)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct FaultyFile {
    state: Arc<Mutex<State>>,
    file: usize,
}

#[derive(Debug)]
struct FaultyLock;

impl DiskLock for FaultyLock {}

fn died() -> io::Error {
    io::Error::other("the process has died")
}

fn no_space() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

impl FaultyDisk {
    /// An empty disk without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Plants a fault at an operation, counted from 0 over the life of the disk.
    pub fn plant(&self, operation: u64, fault: Fault) {
        self.state.lock().faults.push((operation, fault));
    }

    /// How many operations there were.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// From now on writes fail when all files together would pass `bytes`; `None`: no bound.
    pub fn limit_space(&self, bytes: Option<u64>) {
        let mut state = self.state.lock();
        state.space_max = bytes;
        state.names_need_space = false;
    }

    /// [`Fault::Full`] or [`Fault::FullForNames`], from now on.
    pub fn fill(&self, fault: Fault) {
        self.state.lock().fill(fault);
    }

    /// Flips one bit of a stored file, counted from its first bit; does nothing beyond its end.
    pub fn flip_bit(&self, path: &Path, bit: u64) {
        let mut state = self.state.lock();
        let Some(&file) = state.names.get(path) else {
            return;
        };
        let at = usize::try_from(bit / 8).unwrap_or(usize::MAX);
        let file = &mut state.files[file];
        for bytes in [&mut file.bytes, &mut file.durable] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    /// Cuts a stored file to `len` bytes.
    pub fn cut(&self, path: &Path, len: usize) {
        let mut state = self.state.lock();
        if let Some(&file) = state.names.get(path) {
            state.files[file].bytes.truncate(len);
            state.files[file].durable.truncate(len);
        }
    }

    /// Paths and lengths of all files, sorted.
    #[must_use]
    pub fn files(&self) -> Vec<(PathBuf, usize)> {
        let state = self.state.lock();
        let name =
            |(path, &file): (&PathBuf, &usize)| (path.clone(), state.files[file].bytes.len());
        state.names.iter().map(name).collect()
    }

    /// The disk as the next process finds it, without faults.
    #[must_use]
    pub fn after_crash(&self, survives: Survives) -> Self {
        let old = self.state.lock();
        let mut new = State {
            folders: old.folders.clone(),
            ..State::default()
        };
        let names = match survives {
            Survives::Synced => &old.durable_names,
            Survives::Everything | Survives::SyncedAndSome => &old.names,
        };
        for (path, &file) in names {
            let file = &old.files[file];
            let bytes = match survives {
                Survives::Everything => file.bytes.clone(),
                Survives::Synced => file.durable.clone(),
                Survives::SyncedAndSome => {
                    let both = file.durable.len().min(file.bytes.len());
                    let unsynced = file.bytes.len() - both;
                    file.bytes[..both + unsynced / 2].to_vec()
                }
            };
            new.names.insert(path.clone(), new.files.len());
            new.files.push(FileState {
                durable: bytes.clone(),
                bytes,
                lost: false,
            });
        }
        new.durable_names = new.names.clone();
        Self {
            state: Arc::new(Mutex::new(new)),
        }
    }
}

impl State {
    /// Counts an operation and says what goes wrong with it.
    fn begin(&mut self) -> io::Result<Option<Fault>> {
        let operation = self.operations;
        self.operations += 1;
        if self.crashed {
            return Err(died());
        }
        let planted = self.faults.iter().find(|(at, _)| *at == operation);
        let fault = planted.map(|&(_, fault)| fault);
        match fault {
            Some(Fault::Crash) => {
                self.crashed = true;
                Err(died())
            }
            Some(full @ (Fault::Full | Fault::FullForNames)) => {
                self.fill(full);
                Ok(None)
            }
            other => Ok(other),
        }
    }

    fn fill(&mut self, fault: Fault) {
        self.space_max = Some(self.used());
        self.names_need_space = fault == Fault::FullForNames;
    }

    /// [`State::begin_whole`] for operations that need room for a name.
    fn begin_name(&mut self) -> io::Result<()> {
        self.begin_whole()?;
        if self.names_need_space && self.space_left() == 0 {
            return Err(no_space());
        }
        Ok(())
    }

    /// [`State::begin`] for operations that either happen or do not.
    fn begin_whole(&mut self) -> io::Result<()> {
        match self.begin()? {
            None => Ok(()),
            Some(Fault::CrashInWrite) => {
                self.crashed = true;
                Err(died())
            }
            Some(_) => Err(no_space()),
        }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        let found = self.names.get(path).copied();
        found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn used(&self) -> u64 {
        let lens = self
            .names
            .values()
            .map(|&file| self.files[file].bytes.len());
        lens.sum::<usize>() as u64
    }

    fn space_left(&self) -> u64 {
        let left = |max: u64| max.saturating_sub(self.used());
        self.space_max.map_or(u64::MAX, left)
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state.lock();
        state.begin_name()?;
        let file = state.files.len();
        state.files.push(FileState::default());
        state.names.insert(path.to_owned(), file);
        Ok(Box::new(FaultyFile {
            state: Arc::clone(&self.state),
            file,
        }))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.state.lock().find(path)?;
        Ok(Box::new(FaultyFile {
            state: Arc::clone(&self.state),
            file,
        }))
    }

    fn read(&self, path: &Path) -> io::Result<DiskBytes> {
        let state = self.state.lock();
        if state.crashed {
            return Err(died());
        }
        let file = state.find(path)?;
        Ok(DiskBytes::owned(state.files[file].bytes.clone()))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<DiskEntry>> {
        let state = self.state.lock();
        if state.crashed {
            return Err(died());
        }
        let mut found: BTreeMap<String, DiskEntry> = BTreeMap::new();
        let paths = state.names.iter().map(|(path, &file)| (path, Some(file)));
        let folders = state.folders.iter().map(|path| (path, None));
        for (path, file) in paths.chain(folders) {
            let Ok(rest) = path.strip_prefix(folder) else {
                continue;
            };
            let mut parts = rest.components();
            let Some(first) = parts.next() else { continue };
            let is_folder = parts.next().is_some() || file.is_none();
            let len = file.filter(|_| !is_folder);
            let entry = DiskEntry {
                name: first.as_os_str().to_string_lossy().into_owned(),
                is_folder,
                len: len.map_or(0, |file| state.files[file].bytes.len() as u64),
            };
            found.insert(entry.name.clone(), entry);
        }
        Ok(found.into_values().collect())
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.folders.iter().any(|known| known == folder) {
            return state.begin_whole();
        }
        state.begin_name()?;
        state.folders.push(folder.to_owned());
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_name()?;
        let moved: Vec<(PathBuf, usize)> = state
            .names
            .iter()
            .filter(|(path, _)| path.starts_with(from))
            .map(|(path, &file)| (path.clone(), file))
            .collect();
        if moved.is_empty() && !state.folders.iter().any(|known| known == from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        for (old, file) in moved {
            // A folder takes only those of its names along that were synced in it.
            let durable = state.durable_names.remove(&old).is_some() || old == from;
            state.names.remove(&old);
            let rest = old.strip_prefix(from).unwrap_or(Path::new(""));
            let new = if rest.as_os_str().is_empty() {
                to.to_owned()
            } else {
                to.join(rest)
            };
            if durable {
                state.durable_names.insert(new.clone(), file);
            }
            state.names.insert(new, file);
        }
        for folder in &mut state.folders {
            if let Ok(rest) = folder.strip_prefix(from) {
                *folder = to.join(rest);
            }
        }
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_name()?;
        let file = state.find(from)?;
        state.names.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_whole()?;
        state.names.remove(path);
        Ok(())
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_whole()?;
        state.names.retain(|path, _| !path.starts_with(folder));
        state.folders.retain(|path| !path.starts_with(folder));
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_whole()?;
        let inside = |path: &PathBuf| path.parent() == Some(folder);
        state.durable_names.retain(|path, _| !inside(path));
        let now: Vec<(PathBuf, usize)> = state
            .names
            .iter()
            .filter(|(path, _)| inside(path))
            .map(|(path, &file)| (path.clone(), file))
            .collect();
        state.durable_names.extend(now);
        Ok(())
    }

    fn lock(&self, _path: &Path) -> io::Result<Box<dyn DiskLock>> {
        Ok(Box::new(FaultyLock))
    }
}

impl DiskFile for FaultyFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock();
        let fault = state.begin()?;
        let fits = usize::try_from(state.space_left()).unwrap_or(usize::MAX);
        let (taken, result) = match fault {
            None if fits >= bytes.len() => (bytes.len(), Ok(())),
            None => (fits, Err(no_space())),
            Some(Fault::CrashInWrite) => {
                state.crashed = true;
                (bytes.len() / 2, Err(died()))
            }
            Some(Fault::ShortWrite) => (bytes.len() / 2, Err(no_space())),
            Some(_) => (0, Err(no_space())),
        };
        state.files[self.file]
            .bytes
            .extend_from_slice(&bytes[..taken]);
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state.lock();
        let fault = state.begin()?;
        let file = &mut state.files[self.file];
        match fault {
            None => {
                if !file.lost {
                    file.durable = file.bytes.clone();
                }
                Ok(())
            }
            Some(Fault::SyncFails) => {
                file.lost = true;
                Err(io::Error::other("input/output error in sync"))
            }
            Some(Fault::CrashInWrite) => {
                state.crashed = true;
                Err(died())
            }
            Some(_) => Err(no_space()),
        }
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.begin_whole()?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        state.files[self.file].bytes.truncate(len);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(disk: &FaultyDisk, path: &str, bytes: &[u8], sync: bool) -> io::Result<()> {
        let mut file = disk.create(Path::new(path))?;
        file.append(bytes)?;
        if sync {
            file.sync()?;
        }
        Ok(())
    }

    #[test]
    fn a_power_cut_takes_what_was_not_synced() {
        let disk = FaultyDisk::new();
        write(&disk, "d/synced", b"1234", true).unwrap();
        disk.sync_folder(Path::new("d")).unwrap();
        write(&disk, "d/unnamed", b"1234", true).unwrap();
        let cut = disk.after_crash(Survives::Synced);
        assert_eq!(cut.files(), [(PathBuf::from("d/synced"), 4)]);
        assert_eq!(disk.after_crash(Survives::Everything).files().len(), 2);
    }

    #[test]
    fn faults_come_at_their_operation() {
        let disk = FaultyDisk::new();
        disk.plant(1, Fault::ShortWrite);
        assert!(write(&disk, "a", b"12345678", false).is_err());
        assert_eq!(disk.files(), [(PathBuf::from("a"), 4)]);
        disk.plant(disk.operations(), Fault::Crash);
        assert!(write(&disk, "b", b"1", false).is_err());
        assert!(disk.read(Path::new("a")).is_err());
    }

    #[test]
    fn a_full_disk_takes_what_fits_until_there_is_room() {
        let disk = FaultyDisk::new();
        write(&disk, "a", b"1234", false).unwrap();
        disk.limit_space(Some(6));
        assert!(write(&disk, "b", b"1234", false).is_err());
        assert_eq!(disk.files()[1], (PathBuf::from("b"), 2));
        disk.plant(disk.operations(), Fault::FullForNames);
        assert!(write(&disk, "c", b"", false).is_err());
        assert!(disk.rename(Path::new("a"), Path::new("c")).is_err());
        disk.remove_file(Path::new("b")).unwrap();
        write(&disk, "c", b"12", false).unwrap();
        disk.fill(Fault::Full);
        assert!(write(&disk, "d", b"1", false).is_err());
        disk.limit_space(None);
        write(&disk, "d", b"1234", true).unwrap();
    }

    #[test]
    fn a_failed_sync_never_heals() {
        let disk = FaultyDisk::new();
        let mut file = disk.create(Path::new("a")).unwrap();
        file.append(b"1").unwrap();
        file.sync().unwrap();
        disk.sync_folder(Path::new("")).unwrap();
        file.append(b"2").unwrap();
        disk.plant(disk.operations(), Fault::SyncFails);
        assert!(file.sync().is_err());
        file.sync().unwrap();
        let cut = disk.after_crash(Survives::Synced);
        assert_eq!(&*cut.read(Path::new("a")).unwrap(), b"1");
    }
}
