//! The log as a file of records.
//!
//! ## Invariants
//! Everybody who reads or writes holds `log.lock`, so that nobody sees a half, and a mapped file is
//! not cut under a reader. A file begins with its number; a rewritten one has the next, and is read
//! from its beginning.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bellwether_codec::varint::{Reader, put};
use bellwether_storage::DiskLock;
use bellwether_storage::record_log::{ReadReport, RecordWriter, put_record, read_records};
use parking_lot::Mutex;

use super::{SharedFolder, alone, io};
use crate::replica::entry::{Area, Entry, last_of_each, put_entries, read_entries};
use crate::replica::lease::ReplicaError;
use crate::replica::shared_log::{Page, Position, SharedLog};
use crate::runner::BoxFuture;

const LOG: &str = "replica.log";
const LOG_LOCK: &str = "log.lock";
/// The first record: the file's number.
const NUMBER: u8 = 1;
/// Entries of one call.
const ENTRIES: u8 = 2;
/// The header of every file of records.
const HEADER_LEN: u64 = 16;
/// How often, and how long apart, a lock is tried that another replica has. Chosen: it is held for
/// milliseconds.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// A file below this is not rewritten. Chosen: reading it takes some milliseconds.
const REWRITE_BYTES_MIN: u64 = 4 << 20;
/// A file is rewritten when it is so many times as large as what is live in it.
const REWRITE_GROWTH: u64 = 4;

/// See the module's page.
#[derive(Debug)]
pub struct FileLog {
    inner: Arc<Inner>,
    busy: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug)]
struct Inner {
    shared: SharedFolder,
    rewrite_bytes_min: u64,
    /// What is known of the file up to where it was last looked at.
    known: Mutex<Known>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Known {
    position: Position,
    token: u64,
    rewrite_at_bytes: u64,
}

/// What stands in the file behind a position.
struct Tail {
    entries: Vec<Entry>,
    position: Position,
}

impl FileLog {
    /// The log of a folder.
    #[must_use]
    pub fn new(shared: SharedFolder) -> Self {
        Self::with_rewriting(shared, REWRITE_BYTES_MIN)
    }

    pub(super) fn with_rewriting(shared: SharedFolder, rewrite_bytes_min: u64) -> Self {
        Self {
            inner: Arc::new(Inner {
                shared,
                rewrite_bytes_min,
                known: Mutex::default(),
            }),
            busy: Arc::default(),
        }
    }

    fn locked<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, ReplicaError> + Send + 'static,
    ) -> BoxFuture<Result<T, ReplicaError>> {
        let (inner, busy) = (Arc::clone(&self.inner), Arc::clone(&self.busy));
        Box::pin(async move {
            let mut work = Some(work);
            for _ in 0..LOCK_TRIES {
                let (inner, taken) = (Arc::clone(&inner), work.take());
                let Some(taken) = taken else { break };
                let tried = alone(Arc::clone(&busy), "log", move || match inner.lock()? {
                    Some(_lock) => taken(&inner).map(Ok),
                    None => Ok(Err(taken)),
                });
                match tried.await? {
                    Ok(done) => return Ok(done),
                    Err(again) => work = Some(again),
                }
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            let text = "the log in the shared folder is locked by another replica for too long";
            Err(ReplicaError::Unavailable(text.to_owned()))
        })
    }
}

impl SharedLog for FileLog {
    fn append(&self, entries: Vec<Entry>) -> BoxFuture<Result<(), ReplicaError>> {
        self.locked(move |inner| inner.append(&entries))
    }

    fn read_since(&self, position: Position) -> BoxFuture<Result<Page, ReplicaError>> {
        self.locked(move |inner| {
            let tail = inner.read(position)?;
            Ok(Page {
                entries: tail.entries,
                position: tail.position,
                more: false,
            })
        })
    }

    fn lead(&self, token: u64, by: &str) -> BoxFuture<Result<(), ReplicaError>> {
        let term = Entry {
            area: Area::Term,
            key: Vec::new(),
            value: Vec::new(),
            token,
            by: by.to_owned(),
            expires_ms: i64::MAX,
        };
        self.append(vec![term])
    }

    fn follow(&self, _holder: &str) {}
}

impl Inner {
    /// The lock of the log; `None` where another has it.
    fn lock(&self) -> Result<Option<Box<dyn DiskLock>>, ReplicaError> {
        let path = self.shared.path(LOG_LOCK);
        match self.shared.disk.lock(&path) {
            Ok(lock) => Ok(Some(lock)),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(io("lock", &path, &error)),
        }
    }

    fn path(&self) -> PathBuf {
        self.shared.path(LOG)
    }

    fn append(&self, entries: &[Entry]) -> Result<(), ReplicaError> {
        let mut known = *self.known.lock();
        let tail = self.read(known.position)?;
        known.token = greatest(&tail.entries).max(known.token);
        known.position = tail.position;
        *self.known.lock() = known;
        let needs = |entry: &&Entry| entry.token > 0 && entry.token < known.token;
        if let Some(stale) = entries.iter().find(needs) {
            return Err(ReplicaError::Fenced {
                token: stale.token,
                known: known.token,
            });
        }
        if known.position == Position::default() {
            known.position = self.write_file(1, &[])?;
        }
        let failed = |error| ReplicaError::unavailable("shared log", error);
        let path = self.path();
        let len = known.position.sequence;
        // What is behind the sound bytes was cut off in a write.
        let mut writer = RecordWriter::open_cut(&*self.shared.disk, &path, len).map_err(failed)?;
        let mut bytes = Vec::new();
        put_record(&mut bytes, ENTRIES, |out| {
            out.extend_from_slice(&put_entries(entries));
        });
        writer.append(&bytes).map_err(failed)?;
        // Other machines see it, and it outlives this one.
        writer.sync().map_err(failed)?;
        known.position.sequence = writer.file_bytes();
        known.token = greatest(entries).max(known.token);
        if known.position.sequence >= known.rewrite_at_bytes.max(self.rewrite_bytes_min) {
            self.rewrite(&mut known);
        }
        *self.known.lock() = known;
        Ok(())
    }

    /// What was taken is in the log already: a rewriting that fails is tried later.
    fn rewrite(&self, known: &mut Known) {
        let now_ms = self.shared.clock.now_ms();
        let rewritten = self.read(Position::default()).and_then(|all| {
            let mut live = last_of_each(all.entries);
            live.retain(|entry| entry.expires_ms > now_ms);
            self.write_file(known.position.epoch.saturating_add(1), &live)
        });
        match rewritten {
            Ok(position) => known.position = position,
            Err(error) => tracing::warn!(%error, "the shared log cannot be rewritten; tried later"),
        }
        known.rewrite_at_bytes = known.position.sequence.saturating_mul(REWRITE_GROWTH);
    }

    /// Writes a whole file and puts it in the log's place.
    fn write_file(&self, number: u64, entries: &[Entry]) -> Result<Position, ReplicaError> {
        let disk = &*self.shared.disk;
        let (path, fresh) = (self.path(), self.shared.path("replica.log.tmp"));
        let mut bytes = Vec::new();
        put_record(&mut bytes, NUMBER, |out| put(out, number));
        if !entries.is_empty() {
            put_record(&mut bytes, ENTRIES, |out| {
                out.extend_from_slice(&put_entries(entries));
            });
        }
        let failed = |error| ReplicaError::unavailable("shared log", error);
        let mut writer = RecordWriter::create(disk, &fresh).map_err(failed)?;
        writer.append(&bytes).map_err(failed)?;
        writer.sync().map_err(failed)?;
        disk.rename(&fresh, &path)
            .map_err(|error| io("rename", &path, &error))?;
        Ok(Position {
            epoch: number,
            sequence: writer.file_bytes(),
        })
    }

    /// What stands behind a position; everything where it is one of another file.
    fn read(&self, position: Position) -> Result<Tail, ReplicaError> {
        let path = self.path();
        let bytes = match self.shared.disk.read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Tail {
                    entries: Vec::new(),
                    position: Position::default(),
                });
            }
            Err(error) => return Err(io("read", &path, &error)),
        };
        let mut number = None;
        let begin = number_record_end(&bytes, &mut number);
        let epoch = number.unwrap_or(0);
        let is_same = position.epoch == epoch && position.sequence >= begin;
        let from = if is_same {
            position.sequence
        } else {
            HEADER_LEN
        };
        let (mut entries, mut odd) = (Vec::new(), 0);
        let report = read_from(&bytes, from, |kind, payload| {
            if kind != ENTRIES {
                return;
            }
            match read_entries(payload) {
                Ok(read) => entries.extend(read),
                Err(_) => odd += 1,
            }
        });
        if report.damaged > 0 || odd > 0 {
            tracing::error!(
                file = %path.display(), damaged = report.damaged, odd,
                "the shared log is damaged: what is sound counts"
            );
        }
        Ok(Tail {
            entries,
            position: Position {
                epoch,
                sequence: report.sound_bytes,
            },
        })
    }
}

/// Reads the file's number. Gives where its record ends.
fn number_record_end(bytes: &[u8], number: &mut Option<u64>) -> u64 {
    /// Header, frame and the longest number.
    const FIRST_MAX: usize = 16 + 10 + 10;
    let head = bytes.get(..FIRST_MAX.min(bytes.len())).unwrap_or_default();
    let mut end = HEADER_LEN;
    let report = read_records(head, |kind, payload| {
        if kind == NUMBER && number.is_none() {
            *number = Reader::new(payload).varint().ok();
        }
    });
    if number.is_some() {
        end = report.sound_bytes;
    }
    end
}

/// Reads records from a place in the file.
fn read_from(bytes: &[u8], from: u64, take: impl FnMut(u8, &[u8])) -> ReadReport {
    let from = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
    let header = bytes.get(..HEADER_LEN as usize).unwrap_or_default();
    let mut part = header.to_vec();
    part.extend_from_slice(bytes.get(from..).unwrap_or_default());
    let mut report = read_records(&part, take);
    let skipped = (from as u64).saturating_sub(HEADER_LEN);
    report.sound_bytes = report.sound_bytes.saturating_add(skipped);
    report
}

fn greatest(entries: &[Entry]) -> u64 {
    entries.iter().map(|entry| entry.token).max().unwrap_or(0)
}
