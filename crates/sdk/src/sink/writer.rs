//! Writes lines to a file that is replaced when it is large or old.
//!
//! ## Invariants
//! A file holds whole lines: what an error or a death left of a line is cut off before anything is
//! written behind it. Lines that are said to be written are in a file that others see, and with
//! [`Fsync::Always`] they are on the disk.
//!
//! ## Failure
//! What cannot be written is tried again: on a full disk, in a folder that was removed, in a file that
//! somebody moved. Lines wait meanwhile, as many as fit into the queue.

use std::io;
use std::time::Duration;

use super::aside::AsideNames;
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
            aside_count: 0,
        }
    }

    /// Writes whole lines and takes them out of `lines`, as far as it comes. Gives whether a file was
    /// put aside.
    pub(crate) fn write(&mut self, lines: &mut Vec<u8>, now_ms: i64) -> io::Result<bool> {
        let mut was_put_aside = false;
        while !lines.is_empty() {
            if !self.medium.is_in_place() {
                self.len = None;
            }
            let len = self.opened(now_ms)?;
            if self.has_rest {
                self.medium.cut(len)?;
                self.has_rest = false;
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
        if self.is_synced || self.fsync == Fsync::Never || self.len.is_none() {
            return Ok(());
        }
        self.sync(now_ms)
    }

    /// Removes the oldest files beyond what is kept.
    pub(crate) fn tidy(&mut self) -> io::Result<()> {
        let names = self.medium.put_aside_names()?;
        let superfluous = names.len().saturating_sub(self.rotation.files_max);
        for name in names.iter().take(superfluous) {
            self.medium.remove(name)?;
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
        let written = self.medium.append(lines).and_then(|()| {
            self.is_synced = false;
            match self.fsync {
                Fsync::Always => self.medium.sync(),
                Fsync::Every(_) | Fsync::Never => Ok(()),
            }
        });
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
                Ok(())
            }
            Err(error) => {
                self.has_rest = true;
                Err(error)
            }
        }
    }

    fn sync(&mut self, now_ms: i64) -> io::Result<()> {
        self.medium.sync()?;
        self.is_synced = true;
        self.synced_ms = now_ms;
        Ok(())
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
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// A folder in memory that fails when it is told to.
    #[derive(Debug, Default)]
    struct Folder {
        file: Option<Vec<u8>>,
        is_open: bool,
        aside: BTreeMap<String, Vec<u8>>,
        /// So many bytes can still be written.
        room: Option<usize>,
        cannot_cut: bool,
        /// What was synced of the file.
        synced: usize,
    }

    impl Medium for Folder {
        fn open(&mut self) -> io::Result<u64> {
            let file = self.file.get_or_insert_default();
            let whole = file.iter().rposition(|byte| *byte == b'\n');
            file.truncate(whole.map_or(0, |end| end + 1));
            self.is_open = true;
            Ok(file.len() as u64)
        }

        fn is_file(&self) -> bool {
            true
        }

        fn head(&mut self, bytes_max: usize) -> io::Result<Vec<u8>> {
            let file = self.file.iter().flatten().take(bytes_max);
            Ok(file.copied().collect())
        }

        fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
            let Some(file) = self.file.as_mut().filter(|_| self.is_open) else {
                return Err(io::Error::other("not open"));
            };
            let room = self.room.unwrap_or(usize::MAX).min(bytes.len());
            file.extend_from_slice(&bytes[..room]);
            if let Some(left) = &mut self.room {
                *left -= room;
            }
            match room == bytes.len() {
                true => Ok(()),
                false => Err(io::ErrorKind::StorageFull.into()),
            }
        }

        fn cut(&mut self, len: u64) -> io::Result<()> {
            if self.cannot_cut {
                return Err(io::Error::other("no"));
            }
            if let Some(file) = &mut self.file {
                file.truncate(len as usize);
            }
            Ok(())
        }

        fn sync(&mut self) -> io::Result<()> {
            self.synced = self.file.as_ref().map_or(0, Vec::len);
            Ok(())
        }

        fn is_in_place(&mut self) -> bool {
            self.is_open && self.file.is_some()
        }

        fn put_aside(&mut self, name: &str) -> io::Result<()> {
            let file = self.file.take().ok_or_else(|| io::Error::other("gone"))?;
            self.aside.insert(name.to_owned(), file);
            self.is_open = false;
            Ok(())
        }

        fn put_aside_names(&mut self) -> io::Result<Vec<String>> {
            Ok(self.aside.keys().cloned().collect())
        }

        fn remove(&mut self, name: &str) -> io::Result<()> {
            self.aside.remove(name);
            Ok(())
        }
    }

    fn writer(bytes_max: u64, fsync: Fsync) -> Writer<Folder> {
        let rotation = Rotation {
            bytes_max,
            ..Rotation::default()
        };
        let names = AsideNames::of("events.jsonl".as_ref());
        Writer::new(Folder::default(), names, rotation, fsync)
    }

    fn all(writer: &Writer<Folder>) -> String {
        let mut bytes: Vec<u8> = writer.medium.aside.values().flatten().copied().collect();
        bytes.extend(writer.medium.file.iter().flatten());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn files_are_put_aside_by_size_and_age_and_the_oldest_go() {
        let mut writer = writer(10, Fsync::Never);
        let mut lines = b"one\ntwo\nthree\nfourteen long\nx\n".to_vec();
        assert!(writer.write(&mut lines, 0).unwrap());
        let sizes: Vec<usize> = writer.medium.aside.values().map(Vec::len).collect();
        assert_eq!(sizes, [8, 6, 14]);
        assert_eq!(all(&writer), "one\ntwo\nthree\nfourteen long\nx\n");
        assert!(!writer.write(&mut b"y\n".to_vec(), 86_399_999).unwrap());
        assert!(writer.write(&mut b"z\n".to_vec(), 86_400_000).unwrap());
        writer.rotation.files_max = 2;
        writer.tidy().unwrap();
        assert_eq!(all(&writer), "fourteen long\nx\ny\nz\n");
        let names: Vec<&String> = writer.medium.aside.keys().collect();
        assert_eq!(names[0], "events-19700101T000000.000Z-000003.jsonl");
    }

    #[test]
    fn the_age_of_a_file_outlives_the_service() {
        let day_ms = 86_400_000;
        let line = b"{\"time\":\"1970-01-02T00:00:00.000Z\",\"level\":\"info\"}\n";
        for (now_ms, want) in [(2 * day_ms - 1, false), (2 * day_ms, true)] {
            let mut writer = writer(1_000, Fsync::Never);
            writer.medium.file = Some(line.to_vec());
            assert_eq!(writer.write(&mut b"x\n".to_vec(), now_ms).unwrap(), want);
        }
        // What somebody else wrote has the age of the service.
        let mut writer = writer(1_000, Fsync::Never);
        writer.medium.file = Some(b"1970-01-02\n".to_vec());
        assert!(!writer.write(&mut b"x\n".to_vec(), 9 * day_ms).unwrap());
    }

    #[test]
    fn a_full_disk_leaves_no_torn_line_and_goes_on_when_there_is_room() {
        for cannot_cut in [false, true] {
            let mut writer = writer(1_000, Fsync::Always);
            writer.write(&mut b"one\n".to_vec(), 0).unwrap();
            writer.medium.room = Some(3);
            writer.medium.cannot_cut = cannot_cut;
            let mut lines = b"two\nthree\n".to_vec();
            assert!(writer.write(&mut lines, 1).is_err());
            assert_eq!(lines, b"two\nthree\n");
            writer.medium.room = None;
            assert_eq!(writer.write(&mut lines, 2).is_err(), cannot_cut);
            writer.medium.cannot_cut = false;
            writer.write(&mut lines, 2).unwrap();
            assert_eq!(all(&writer), "one\ntwo\nthree\n");
            assert_eq!(writer.medium.synced, 14);
        }
    }

    #[test]
    fn a_file_that_is_gone_is_begun_anew() {
        let mut writer = writer(1_000, Fsync::Every(Duration::from_secs(1)));
        writer.write(&mut b"one\n".to_vec(), 0).unwrap();
        writer.medium.file = None;
        writer.write(&mut b"two\n".to_vec(), 5_000).unwrap();
        assert_eq!(all(&writer), "two\n");
        assert_eq!(writer.medium.synced, 4);
    }

    proptest! {
        /// Whatever fails in whatever order, what was taken is there once, in order, in whole lines.
        #[test]
        fn nothing_is_lost_or_torn(
            steps in proptest::collection::vec((0usize..60, prop::option::of(0usize..80), any::<bool>()), 1..60),
            bytes_max in 1u64..100,
        ) {
            let mut writer = writer(bytes_max, Fsync::Always);
            let (mut lines, mut want) = (Vec::new(), String::new());
            for (number, (len, room, cannot_cut)) in steps.iter().enumerate() {
                let line = format!("{number}:{}\n", "x".repeat(*len));
                want.push_str(&line);
                lines.extend_from_slice(line.as_bytes());
                writer.medium.room = *room;
                writer.medium.cannot_cut = *cannot_cut;
                let _ended = writer.write(&mut lines, number as i64);
            }
            writer.medium.room = None;
            writer.medium.cannot_cut = false;
            writer.write(&mut lines, 1_000).unwrap();
            prop_assert_eq!(all(&writer), want);
        }
    }
}
