//! Writes lines to a file that is replaced when it is large or old.
//!
//! ## Invariants
//! A file holds whole lines: what an error or a death left of a line is cut off before anything is
//! written behind it. Lines that are said to be written are in a file that others see, and with
//! [`Fsync::Always`] they are on the disk.
//!
//! ## Failure
//! A sync that failed is not believed when it succeeds the next time: systems forget what they could not
//! write. The file is opened anew; with [`Fsync::Always`] the lines are written again, else those since the
//! last sync are lost.
//!
//! What cannot be written is tried again: on a full disk, in a folder that was removed, in a file that
//! somebody moved. Lines wait meanwhile, as many as fit into the queue.

use std::io;
use std::time::Duration;

use super::aside::{AsideNames, COMPRESSED};
use super::medium::Medium;
use crate::clock::read_time;

/// How lines of events begin, and how much of a file says when its first event was.
const LINE_BEGIN: &[u8] = b"{\"time\":\"";
const HEAD_BYTES: usize = 64;

/// When lines are made to survive a power cut. They survive the death of the process in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// Before they count as written.
    Always,
    /// At most so long after they were written.
    Every(Duration),
    /// When the system thinks fit.
    Never,
}

/// When a file is put aside and the next one begun, and how many are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// Bytes of a file. A line that is longer has a file of its own.
    pub bytes_max: u64,
    /// Age of a file.
    pub age_max: Duration,
    /// Files that are kept beside the one that is written; the oldest goes first.
    pub files_max: usize,
}

impl Default for Rotation {
    /// 64 MiB, a day, and ten files.
    fn default() -> Self {
        Self {
            bytes_max: 64 << 20,
            age_max: Duration::from_secs(86_400),
            files_max: 10,
        }
    }
}

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Writer<M> {
    medium: M,
    rotation: Rotation,
    fsync: Fsync,
    names: AsideNames,
    /// Length of the file, in whole lines; `None`: it is not open.
    len: Option<u64>,
    /// Whether something may stand behind them that is to be cut off.
    has_rest: bool,
    begun_ms: i64,
    synced_ms: i64,
    is_synced: bool,
    /// Lines since the last sync.
    unsynced_count: u64,
    /// Lines that a failed sync has taken, and that nobody was told of.
    lost_count: u64,
    /// A sync failed, and the file is to be opened anew when its rest is cut off.
    is_distrusted: bool,
    /// Files that were put aside: tells those of one millisecond apart.
    aside_count: u32,
}

impl<M: Medium> Writer<M> {
    pub(crate) fn new(medium: M, names: AsideNames, rotation: Rotation, fsync: Fsync) -> Self {
        Self {
            medium,
            rotation,
            fsync,
            names,
            len: None,
            has_rest: false,
            begun_ms: 0,
            synced_ms: 0,
            is_synced: true,
            unsynced_count: 0,
            lost_count: 0,
            is_distrusted: false,
            aside_count: 0,
        }
    }

    /// Writes whole lines and takes them out of `lines`, as far as it comes. Gives whether a file was
    /// put aside.
    pub(crate) fn write(&mut self, lines: &mut Vec<u8>, now_ms: i64) -> io::Result<bool> {
        let mut was_put_aside = false;
        while !lines.is_empty() {
            if self.len.is_some() && !self.medium.is_in_place() {
                // What is in a file that somebody moved is to be on the disk too.
                self.sync_all(now_ms)?;
                self.len = None;
            }
            let len = self.opened(now_ms)?;
            if self.has_rest {
                self.medium.cut(len)?;
                self.has_rest = false;
                if self.is_distrusted {
                    self.len = None;
                    continue;
                }
            }
            let is_file = self.medium.is_file();
            let fit = match is_file {
                true => fitting(lines, self.rotation.bytes_max.saturating_sub(len)),
                false => lines.len(),
            };
            let age = Duration::from_millis(now_ms.saturating_sub(self.begun_ms).max(0) as u64);
            if is_file && len > 0 && (fit == 0 || age >= self.rotation.age_max) {
                self.put_aside(now_ms)?;
                was_put_aside = true;
                continue;
            }
            // A line that no file has room for goes into one of its own.
            let fit = if fit == 0 { first_line(lines) } else { fit };
            self.append(lines.get(..fit).unwrap_or_default(), len)?;
            lines.drain(..fit);
        }
        self.sync_where_due(now_ms)?;
        Ok(was_put_aside)
    }

    /// Syncs what waits for it.
    pub(crate) fn sync_where_due(&mut self, now_ms: i64) -> io::Result<()> {
        if let Fsync::Every(time) = self.fsync {
            let since = Duration::from_millis(now_ms.saturating_sub(self.synced_ms).max(0) as u64);
            if !self.is_synced && since >= time {
                self.sync(now_ms)?;
            }
        }
        Ok(())
    }

    /// Syncs everything, unless that is never wanted.
    pub(crate) fn sync_all(&mut self, now_ms: i64) -> io::Result<()> {
        if self.is_settled() {
            return Ok(());
        }
        self.sync(now_ms)
    }

    /// Whether everything that was written is where it is to be, or lost.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_synced || self.fsync == Fsync::Never
    }

    /// How many lines were lost since this was asked.
    pub(crate) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost_count)
    }

    /// Removes the oldest files beyond what is kept.
    pub(crate) fn tidy(&mut self) -> io::Result<()> {
        let mut names = self.medium.put_aside_names()?;
        // What is being compressed has two names for a moment, and is one file.
        for name in &mut names {
            if let Some(plain) = name.strip_suffix(COMPRESSED) {
                *name = plain.to_owned();
            }
        }
        names.dedup();
        let superfluous = names.len().saturating_sub(self.rotation.files_max);
        for name in names.iter().take(superfluous) {
            // In this order: its compression, where that comes later, finds it gone and leaves nothing.
            for name in [name.clone(), format!("{name}{COMPRESSED}")] {
                match self.medium.remove(&name) {
                    // It has one of both names, or somebody else was faster.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    other => other?,
                }
            }
        }
        Ok(())
    }

    fn opened(&mut self, now_ms: i64) -> io::Result<u64> {
        if let Some(len) = self.len {
            return Ok(len);
        }
        let len = self.medium.open()?;
        self.len = Some(len);
        self.has_rest = false;
        self.is_distrusted = false;
        self.begun_ms = now_ms;
        if len > 0 {
            // Of a file that was there the first event says when it was begun: a service that is started
            // often would never put it aside otherwise.
            let head = self.medium.head(HEAD_BYTES)?;
            let time = head.strip_prefix(LINE_BEGIN).and_then(read_time);
            self.begun_ms = time.unwrap_or(now_ms);
        }
        Ok(len)
    }

    /// Appends lines behind the whole lines that are there.
    fn append(&mut self, lines: &[u8], len: u64) -> io::Result<()> {
        let mut written = self.medium.append(lines);
        if written.is_ok() && self.fsync == Fsync::Always {
            written = self.medium.sync();
            self.is_distrusted = written.is_err();
        }
        // A file that was removed meanwhile has taken the lines with it.
        let written = match written {
            Ok(()) if !self.medium.is_in_place() => {
                Err(io::Error::other("the file was moved or removed"))
            }
            other => other,
        };
        match written {
            Ok(()) => {
                self.len = Some(len + lines.len() as u64);
                self.is_synced = self.fsync == Fsync::Always;
                if let Fsync::Every(_) = self.fsync {
                    self.unsynced_count +=
                        lines.iter().filter(|byte| **byte == b'\n').count() as u64;
                }
                Ok(())
            }
            Err(error) => {
                self.has_rest = true;
                Err(error)
            }
        }
    }

    fn sync(&mut self, now_ms: i64) -> io::Result<()> {
        let synced = self.medium.sync();
        match &synced {
            Ok(()) => self.synced_ms = now_ms,
            Err(_) => {
                self.lost_count += self.unsynced_count;
                self.len = None;
            }
        }
        self.unsynced_count = 0;
        self.is_synced = true;
        synced
    }

    fn put_aside(&mut self, now_ms: i64) -> io::Result<()> {
        self.sync_all(now_ms)?;
        self.aside_count = self.aside_count.wrapping_add(1);
        let name = self.names.make(now_ms, self.aside_count);
        self.medium.put_aside(&name)?;
        self.len = None;
        Ok(())
    }
}

/// How many bytes of whole lines fit.
fn fitting(lines: &[u8], bytes_max: u64) -> usize {
    let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    if lines.len() <= bytes_max {
        return lines.len();
    }
    let head = lines.get(..bytes_max).unwrap_or_default();
    let last = head.iter().rposition(|byte| *byte == b'\n');
    last.map_or(0, |end| end + 1)
}

fn first_line(lines: &[u8]) -> usize {
    let end = lines.iter().position(|byte| *byte == b'\n');
    end.map_or(lines.len(), |end| end + 1)
}

#[cfg(test)]
mod tests;
