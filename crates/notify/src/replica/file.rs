//! The lease and the log as files in a folder that all replicas see.
//!
//! ## Model
//! `lease.lock` is locked by the holder for as long as it lives: the system frees it when the process
//! dies, and that alone decides. `lease.token` says the fencing token and the holder. `replica.log`
//! is the log; `log.lock` is locked for the moments of a read or a write.
//!
//! ## Limits
//! The folder's file system must lock between machines: NFS 4, CIFS and cluster file systems do. A
//! holder that hangs without dying keeps the lease.
//!
//! ## Failure
//! A folder that does not answer makes calls wait; while one waits, further ones fail, so that
//! no threads pile up. A log that was cut off in a write loses that write only.
//!
//! ## Format
//! `docs/format/replica-log.md`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bellwether_storage::{Clock, Disk, DiskLock};
use parking_lot::Mutex;

use super::lease::{Lease, LeaseState, ReplicaError};
use crate::runner::BoxFuture;

mod log;

pub use self::log::FileLog;

const LEASE_LOCK: &str = "lease.lock";
const TOKEN: &str = "lease.token";
/// How long a call waits for the one before. Chosen: calls take milliseconds where all is well.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// The folder that replicas share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SharedFolder {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) folder: PathBuf,
    pub(super) clock: Arc<dyn Clock>,
}

impl SharedFolder {
    /// Makes the folder where it is not there.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ReplicaError> {
        disk.create_folder(folder)
            .map_err(|error| io("make", folder, &error))?;
        Ok(Self {
            disk,
            folder: folder.to_owned(),
            clock,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A small file; `None` where there is none.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, ReplicaError> {
        let path = self.path(name);
        match self.disk.read(&path) {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io("read", &path, &error)),
        }
    }
}

fn io(operation: &str, path: &Path, error: &std::io::Error) -> ReplicaError {
    ReplicaError::unavailable(format_args!("{operation} {}", path.display()), error)
}

/// Does blocking work, one at a time.
async fn alone<T: Send + 'static>(
    busy: Arc<tokio::sync::Mutex<()>>,
    what: &'static str,
    work: impl FnOnce() -> Result<T, ReplicaError> + Send + 'static,
) -> Result<T, ReplicaError> {
    let Ok(guard) = tokio::time::timeout(BUSY_WAIT, busy.lock_owned()).await else {
        let text = format!("the {what} in the shared folder does not answer");
        return Err(ReplicaError::Unavailable(text));
    };
    // The guard goes with the work, which may outlive its caller.
    let work = move || {
        let _guard = guard;
        work()
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ReplicaError::unavailable(what, error)))
}

/// The lease as a locked file.
#[derive(Debug)]
pub struct FileLease {
    inner: Arc<Inner>,
    busy: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug)]
struct Inner {
    shared: SharedFolder,
    name: String,
    /// The lock and the token that it came with.
    held: Mutex<Option<(Box<dyn DiskLock>, u64)>>,
}

impl FileLease {
    /// The lease of a folder, for a replica.
    #[must_use]
    pub fn new(shared: SharedFolder, name: &str) -> Self {
        Self {
            inner: Arc::new(Inner {
                shared,
                name: name.to_owned(),
                held: Mutex::new(None),
            }),
            busy: Arc::default(),
        }
    }
}

impl Lease for FileLease {
    fn acquire(&self, token_known: u64) -> BoxFuture<Result<LeaseState, ReplicaError>> {
        let inner = Arc::clone(&self.inner);
        let work = move || inner.acquire(token_known);
        Box::pin(alone(Arc::clone(&self.busy), "lease", work))
    }

    fn release(&self) -> BoxFuture<Result<(), ReplicaError>> {
        let inner = Arc::clone(&self.inner);
        let work = move || {
            *inner.held.lock() = None;
            Ok(())
        };
        Box::pin(alone(Arc::clone(&self.busy), "lease", work))
    }
}

impl Inner {
    fn acquire(&self, token_known: u64) -> Result<LeaseState, ReplicaError> {
        let mut held = self.held.lock();
        let written = self.token()?;
        if let Some((_, token)) = &*held {
            let is_ours = written.as_ref().is_some_and(|(known, _)| known == token);
            if is_ours && self.lock_is_there()? {
                return Ok(LeaseState::Held { token: *token });
            }
            // Somebody has removed or replaced the files: our lock is on one that is no more.
            tracing::error!(
                folder = %self.shared.folder.display(),
                "files of the lease were changed by somebody else; it is given up"
            );
            *held = None;
        }
        let path = self.shared.path(LEASE_LOCK);
        let lock = match self.shared.disk.lock(&path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                let (token, holder) = written.unwrap_or_default();
                return Ok(LeaseState::Elsewhere { holder, token });
            }
            Err(error) => return Err(io("lock", &path, &error)),
        };
        // Read with the lock: the holder before may have written since.
        let before = self.token()?.map_or(0, |(token, _)| token);
        let token = before.max(token_known).saturating_add(1);
        self.write_token(token)?;
        *held = Some((lock, token));
        Ok(LeaseState::Held { token })
    }

    fn lock_is_there(&self) -> Result<bool, ReplicaError> {
        let folder = &self.shared.folder;
        let listed = self.shared.disk.list(folder);
        let listed = listed.map_err(|error| io("list", folder, &error))?;
        Ok(listed.iter().any(|entry| entry.name == LEASE_LOCK))
    }

    /// The token and the holder's name. A file that says neither counts as none: the log knows the
    /// greatest token, too.
    fn token(&self) -> Result<Option<(u64, String)>, ReplicaError> {
        let Some(bytes) = self.shared.read(TOKEN)? else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&bytes);
        let (token, holder) = text.trim_end().split_once(' ').unwrap_or((&text, ""));
        match token.parse() {
            Ok(token) => Ok(Some((token, holder.to_owned()))),
            Err(_) => {
                let path = self.shared.path(TOKEN);
                tracing::error!(file = %path.display(), "the file holds no token; a new one is made");
                Ok(None)
            }
        }
    }

    fn write_token(&self, token: u64) -> Result<(), ReplicaError> {
        let (disk, path) = (&self.shared.disk, self.shared.path(TOKEN));
        let fresh = self.shared.path("lease.token.tmp");
        let write = || {
            let mut file = disk.create(&fresh)?;
            file.append(format!("{token} {}\n", self.name).as_bytes())?;
            file.sync()?;
            disk.rename(&fresh, &path)
        };
        write().map_err(|error| io("write", &path, &error))
    }
}

#[cfg(test)]
mod tests;
