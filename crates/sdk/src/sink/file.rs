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
//! Lines that were written and could not be synced are lost, unless each is synced by itself: they are
//! counted, and [`Sink::flush`] says so. A disk that is full, a folder that is gone, a file that somebody moved: the thread tries again each
//! second, and [`Sink::flush`] says why it waits.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Sink;
use super::aside::AsideNames;
use super::compress::compress_all;
use super::medium::{DiskFile, Medium};
use super::queue::{FlushError, Queue, Taken};
use super::wait::{Joined, end, join_within};
use super::writer::{Fsync, Rotation, Writer};
use crate::clock::Clock;
use crate::event::Event;
use crate::{Counter, Telemetry};

/// How often the thread looks whether something is due that no line wakes it for.
const LOOK: Duration = Duration::from_millis(500);
/// How long it waits after something failed.
const RETRY: Duration = Duration::from_secs(1);
/// How long the end of a program waits for lines to be written and for what is put aside to be compressed. What is
/// not compressed by then is when the next file is put aside.
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
        source: io::Error,
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
        Self::start_with(DiskFile::new(path), settings, clock, telemetry)
    }

    fn start_with(
        medium: impl Medium + 'static,
        settings: FileSettings,
        clock: Arc<dyn Clock>,
        telemetry: &Telemetry,
    ) -> Result<Self, FileSinkError> {
        let path = settings.path.clone();
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
            until_count: 0,
            settled_count: 0,
            lost_count: 0,
            settings,
        };
        let started = std::thread::Builder::new()
            .name("bellwether-file".to_owned())
            .spawn(move || thread.run(medium));
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
        if let Some(thread) = self.thread.lock().take() {
            // The thread may hang in a disk, or compress what is large.
            let flush = |patience| self.queue.flush(patience);
            end(thread, CLOSING, "events", flush, || self.queue.close());
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
    /// Lines that were written, and those of them that are settled, counted from the beginning.
    until_count: u64,
    settled_count: u64,
    /// Those that were lost and are not settled.
    lost_count: u64,
}

impl Thread {
    fn run(mut self, medium: impl Medium) {
        let names = AsideNames::of(&self.settings.path);
        let (rotation, fsync) = (self.settings.rotation, self.settings.fsync);
        let mut writer = Writer::new(medium, names.clone(), rotation, fsync);
        let mut lines = Vec::new();
        loop {
            match self.queue.take(&mut lines, LOOK) {
                Taken::Lines {
                    until_count,
                    is_flush,
                } => {
                    if !self.write(&mut writer, &mut lines, is_flush, &names) {
                        return;
                    }
                    self.until_count = until_count;
                }
                Taken::Flush => {
                    let synced = writer.sync_all(self.clock.now_ms());
                    self.note(&mut writer, synced);
                }
                Taken::Nothing => {
                    let synced = writer.sync_where_due(self.clock.now_ms());
                    self.note(&mut writer, synced);
                }
                Taken::Closed => break,
            }
            self.settle(&writer);
        }
        let synced = writer.sync_all(self.clock.now_ms());
        if !self.note(&mut writer, synced) {
            tracing::error!("the file of events cannot be synced at the end");
        }
        self.settle(&writer);
        self.join_compression();
    }

    /// Writes until everything is written; `false`: there is nobody left who waits for it.
    fn write(
        &mut self,
        writer: &mut Writer<impl Medium>,
        lines: &mut Vec<u8>,
        is_flush: bool,
        names: &AsideNames,
    ) -> bool {
        let mut failing_since = None;
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
            if self.note(writer, written) {
                return true;
            }
            let since = *failing_since.get_or_insert_with(Instant::now);
            if self.queue.is_closed() && since.elapsed() > CLOSING {
                return false;
            }
            self.queue.pause(RETRY);
            if self.queue.is_closed() {
                std::thread::sleep(RETRY / 10);
            }
        }
    }

    /// Says what failed, and what that has cost; gives whether nothing did.
    fn note(&mut self, writer: &mut Writer<impl Medium>, done: io::Result<()>) -> bool {
        let Err(error) = done else { return true };
        let reason = format!("{}: {error}", self.settings.path.display());
        let lost_count = writer.take_lost();
        if lost_count > 0 {
            self.lost_count += lost_count;
            self.queue.lose(lost_count, &reason);
        }
        self.queue.trouble(reason);
        false
    }

    /// Says which lines are where they are to be.
    fn settle(&mut self, writer: &Writer<impl Medium>) {
        if !writer.is_settled() || self.settled_count == self.until_count {
            return;
        }
        let settled_count = self.until_count - self.settled_count;
        self.written
            .add(settled_count.saturating_sub(self.lost_count));
        self.lost_count = 0;
        self.settled_count = self.until_count;
        self.queue.settled(self.until_count);
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
            && join_within(thread, CLOSING) == Joined::Panicked
        {
            tracing::error!("the thread that compresses events panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::super::folder::Folder;
    use super::*;
    use crate::{Level, SystemClock};

    #[test]
    fn who_flushes_is_told_of_a_sync_that_failed_and_of_what_it_took() {
        let telemetry = Telemetry::new(10);
        let cannot_sync = Arc::new(AtomicBool::new(false));
        let medium = Folder {
            cannot_sync: Arc::clone(&cannot_sync),
            ..Folder::default()
        };
        let mut settings = FileSettings::new("events.jsonl");
        // Only who flushes has it synced.
        settings.fsync = Fsync::Every(Duration::MAX);
        let clock = Arc::new(SystemClock);
        let sink = FileSink::start_with(medium, settings, clock, &telemetry).unwrap();
        telemetry.add_sink(Arc::new(sink));
        let count = |result| {
            let events = telemetry.counter_family("bellwether_sdk_file_events", "", ["result"]);
            events.with([result]).get()
        };
        let patience = Duration::from_secs(60);
        telemetry.emit("one", (), Level::Info);
        telemetry.flush(patience).unwrap();
        telemetry.emit("two", (), Level::Info);
        cannot_sync.store(true, Ordering::Relaxed);
        let error = telemetry.flush(patience).unwrap_err();
        assert_eq!((error.waiting_count, error.lost_count), (0, 1));
        assert!(error.reason.contains("no sync"), "{error}");
        cannot_sync.store(false, Ordering::Relaxed);
        telemetry.emit("three", (), Level::Info);
        telemetry.flush(patience).unwrap();
        assert_eq!((count("written"), count("lost")), (2, 1));
    }
}
