//! Events as lines of JSON in a file.
//!
//! ## Model
//! Whoever emits appends a line to a buffer in memory; a thread named `bellwether-file` writes it. A
//! file that is large or old is put aside under a name with the time, compressed by a thread named
//! `bellwether-gzip` that lives as long as that takes, and removed when there are too many.
//!
//! ## Limits
//! Lines that wait take at most [`FileSettings::buffer_bytes_max`]; what does not fit is counted as
//! lost. A pipe, a terminal and a device are written to without syncing and never put aside: `/dev/stdout`,
//! `/dev/stderr`, a FIFO. A pipe whose reader is slow is waited for by the thread alone.
//!
//! ## Failure
//! A disk that is full, a folder that is gone, a file that somebody moved: the thread tries again each
//! second, and [`Sink::flush`] says why it waits.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Sink;
use super::aside::AsideNames;
use super::compress::compress_all;
use super::medium::DiskFile;
use super::queue::{FlushError, Queue, Taken};
use super::writer::{Fsync, Rotation, Writer};
use crate::clock::Clock;
use crate::event::Event;
use crate::{Counter, Telemetry};

/// How often the thread looks whether something is due that no line wakes it for.
const LOOK: Duration = Duration::from_millis(500);
/// How long it waits after something failed.
const RETRY: Duration = Duration::from_secs(1);
/// How long the end of a program waits for lines to be written.
const CLOSING: Duration = Duration::from_secs(5);

/// Where and how a [`FileSink`] writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSettings {
    /// The file that is written.
    pub path: PathBuf,
    /// When the next one is begun.
    pub rotation: Rotation,
    /// Whether files that were put aside are compressed with gzip.
    pub compresses: bool,
    /// What survives a power cut.
    pub fsync: Fsync,
    /// Bytes of lines that wait to be written.
    pub buffer_bytes_max: usize,
}

impl FileSettings {
    /// A file with the usual settings: 64 MiB or a day, ten old files, compressed; synced each second;
    /// 8 MiB that wait.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            rotation: Rotation::default(),
            compresses: true,
            fsync: Fsync::Every(Duration::from_secs(1)),
            buffer_bytes_max: 8 << 20,
        }
    }
}

/// Why there is no file sink.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileSinkError {
    /// The path names no file.
    #[error("{path}: want the path of a file, such as telemetry/events.jsonl")]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// There is no thread to be had.
    #[error("the thread that writes {path} cannot be started")]
    Thread {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// See the module's page. Dropping it waits at most five seconds for lines to be written.
#[derive(Debug)]
pub struct FileSink {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl FileSink {
    /// Starts the thread. The file is made when there is something to write.
    ///
    /// # Errors
    /// Where the path names no file, or there is no thread to be had.
    pub fn start(
        settings: FileSettings,
        clock: Arc<dyn Clock>,
        telemetry: &Telemetry,
    ) -> Result<Self, FileSinkError> {
        let path = settings.path.clone();
        if path.file_name().is_none() || path.is_dir() {
            return Err(FileSinkError::NoFile { path });
        }
        let events = telemetry.counter_family(
            "bellwether_sdk_file_events_total",
            "Events for the file of events, by what became of them.",
            ["result"],
        );
        let (lost, written) = (
            events.with(["lost"]).clone(),
            events.with(["written"]).clone(),
        );
        let queue = Arc::new(Queue::new(settings.buffer_bytes_max, lost));
        let thread = Thread {
            queue: Arc::clone(&queue),
            clock,
            written,
            compressing: None,
            settings,
        };
        let started = std::thread::Builder::new()
            .name("bellwether-file".to_owned())
            .spawn(move || thread.run());
        match started {
            Ok(handle) => Ok(Self {
                queue,
                thread: Mutex::new(Some(handle)),
            }),
            Err(source) => Err(FileSinkError::Thread { path, source }),
        }
    }
}

impl Sink for FileSink {
    fn take(&self, event: &Event<'_>) {
        event.with_json_line(|line| self.queue.put(line));
    }

    fn flush(&self, patience: Duration) -> Result<(), FlushError> {
        self.queue.flush(patience)
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        let flushed = self.queue.flush(CLOSING);
        self.queue.close();
        if let Err(error) = flushed {
            // The thread may hang in a disk: it is left behind.
            tracing::error!(%error, "events are lost at the end");
            return;
        }
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes events panicked");
        }
    }
}

#[derive(Debug)]
struct Thread {
    queue: Arc<Queue>,
    clock: Arc<dyn Clock>,
    written: Counter,
    settings: FileSettings,
    compressing: Option<JoinHandle<()>>,
}

impl Thread {
    fn run(mut self) {
        let path = &self.settings.path;
        let names = AsideNames::of(path);
        let medium = DiskFile::new(path.clone());
        let (rotation, fsync) = (self.settings.rotation, self.settings.fsync);
        let mut writer = Writer::new(medium, names.clone(), rotation, fsync);
        let (mut lines, mut written_count) = (Vec::new(), 0);
        loop {
            match self.queue.take(&mut lines, LOOK) {
                Taken::Lines {
                    until_count,
                    is_flush,
                } => {
                    if !self.write(&mut writer, &mut lines, is_flush, &names) {
                        return;
                    }
                    self.written.add(until_count - written_count);
                    written_count = until_count;
                    self.queue.written(until_count);
                }
                Taken::Nothing => {
                    if let Err(error) = writer.sync_where_due(self.clock.now_ms()) {
                        self.queue.trouble(error.to_string());
                    }
                }
                Taken::Closed => break,
            }
        }
        if let Err(error) = writer.sync_all(self.clock.now_ms()) {
            tracing::error!(%error, "the file of events cannot be synced at the end");
        }
        self.join_compression();
    }

    /// Writes until everything is written; `false`: there is nobody left who waits for it.
    fn write(
        &mut self,
        writer: &mut Writer<DiskFile>,
        lines: &mut Vec<u8>,
        is_flush: bool,
        names: &AsideNames,
    ) -> bool {
        let mut closing_since = None;
        loop {
            let written = writer.write(lines, self.clock.now_ms()).and_then(|aside| {
                if aside {
                    writer.tidy()?;
                    self.compress(names);
                }
                // Who flushes wants to know that it is on the disk.
                if is_flush {
                    writer.sync_all(self.clock.now_ms())?;
                }
                Ok(())
            });
            let Err(error) = written else { return true };
            self.queue
                .trouble(format!("{}: {error}", self.settings.path.display()));
            let since = *closing_since.get_or_insert_with(Instant::now);
            if self.queue.is_closed() && since.elapsed() > CLOSING {
                return false;
            }
            self.queue.pause(RETRY);
            if self.queue.is_closed() {
                std::thread::sleep(RETRY / 10);
            }
        }
    }

    fn compress(&mut self, names: &AsideNames) {
        let is_busy = |thread: &JoinHandle<()>| !thread.is_finished();
        if !self.settings.compresses || self.compressing.as_ref().is_some_and(is_busy) {
            // What is put aside meanwhile is compressed with the next file.
            return;
        }
        let folder = self.settings.path.parent().map(Path::to_owned);
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| ".".into());
        let names = names.clone();
        let started = std::thread::Builder::new()
            .name("bellwether-gzip".to_owned())
            .spawn(move || {
                if let Err(error) = compress_all(&folder, &names) {
                    tracing::warn!(%error, folder = %folder.display(), "old events are not compressed");
                }
            });
        match started {
            Ok(thread) => self.compressing = Some(thread),
            Err(error) => tracing::warn!(%error, "old events are not compressed"),
        }
    }

    fn join_compression(&mut self) {
        if let Some(thread) = self.compressing.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that compresses events panicked");
        }
    }
}
