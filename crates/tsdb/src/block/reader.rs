//! Reads a block's file, mapped into memory.

use std::ops::Range;
use std::path::{Path, PathBuf};

use bellwether_codec::varint::{Malformed, Reader};
use bellwether_model::{Labels, Matcher, TimeRange};
use bellwether_storage::{Disk, DiskBytes, Samples, StorageError};

use super::layout::{
    BlockFacts, FOOTER_LEN, Footer, GROUP, HEADER_LEN, MAGIC, SECTIONS, Section, VERSION,
};
use crate::chunk::{self, BlockData, ChunkMeta};
use crate::error::{corrupt, damaged, io_error};
use crate::index::Index;
use crate::points::Points;

/// An open block.
#[derive(Debug)]
pub(crate) struct Block {
    /// The number in the file's name.
    pub(crate) number: u64,
    path: PathBuf,
    bytes: DiskBytes,
    /// See [`BlockData`].
    opening: u64,
    footer: Footer,
    sections: [Range<usize>; SECTIONS],
    /// Label names, sorted, with the ranks of their pairs.
    names: Vec<(String, Range<u32>)>,
}

impl Block {
    /// Opens a block and checks its index.
    pub(crate) fn open(disk: &dyn Disk, path: &Path, number: u64) -> Result<Self, StorageError> {
        let bytes = disk.read(path).map_err(|e| io_error("read", path, e))?;
        let wrong = |offset: usize, expected: &str, found: String| {
            damaged(path, offset as u64, expected, found)
        };
        let Some(footer_at) = bytes.len().checked_sub(FOOTER_LEN + HEADER_LEN) else {
            let need = format!("at least {} bytes", FOOTER_LEN + HEADER_LEN);
            return Err(wrong(0, &need, format!("{} bytes", bytes.len())));
        };
        let footer_at = footer_at + HEADER_LEN;
        if &bytes[..8] != MAGIC {
            return Err(wrong(
                0,
                "the magic of a block",
                format!("{:02x?}", &bytes[..8]),
            ));
        }
        let mut header = Reader::new(&bytes[8..HEADER_LEN]);
        let version = header.u32().map_err(|e| corrupt(path, 8, e))?;
        if version != VERSION {
            return Err(wrong(8, "version 1", format!("version {version}")));
        }
        let footer =
            Footer::read(&bytes[footer_at..]).map_err(|e| corrupt(path, footer_at as u64, e))?;
        let mut sections: [Range<usize>; SECTIONS] = Default::default();
        let mut at = (HEADER_LEN as u64).saturating_add(footer.data_len);
        let index_at = at;
        for (section, &len) in sections.iter_mut().zip(&footer.section_lens) {
            let end = at.saturating_add(len);
            *section = usize::try_from(at).unwrap_or(usize::MAX)
                ..usize::try_from(end).unwrap_or(usize::MAX);
            at = end;
        }
        if at != footer_at as u64 {
            return Err(wrong(
                footer_at,
                "sections up to the footer",
                format!("an end at {at}"),
            ));
        }
        let index = &bytes[index_at as usize..footer_at];
        if crc32fast::hash(index) != footer.index_checksum {
            return Err(wrong(
                index_at as usize,
                "an index that fits its checksum",
                "another checksum".to_owned(),
            ));
        }
        let mut block = Self {
            number,
            path: path.to_owned(),
            bytes: bytes.clone(),
            opening: chunk::new_opening(),
            footer,
            sections,
            names: Vec::new(),
        };
        block
            .check_counts()
            .map_err(|e| corrupt(path, footer_at as u64, e))?;
        block.names = block.read_names().map_err(|e| {
            corrupt(
                path,
                block.sections[Section::Names as usize].start as u64,
                e,
            )
        })?;
        block.bytes.release();
        Ok(block)
    }

    /// Tables have as many rows as the footer says: whatever is counted by it afterwards is there.
    fn check_counts(&self) -> Result<(), Malformed> {
        let (series, pairs) = (self.footer.facts.series_count, self.footer.pair_count);
        let tables = [
            (Section::Groups, series.div_ceil(GROUP as u64), 8),
            (Section::Fingerprints, series, 16),
            (Section::ByFingerprint, series, 4),
            (Section::Ranks, pairs, 4),
            (Section::ValueOffsets, pairs.saturating_add(1), 8),
            (Section::ByRank, pairs, 4),
            (Section::PostingOffsets, pairs.saturating_add(1), 8),
        ];
        let fits = |(section, rows, width): (Section, u64, u64)| {
            self.section(section).len() as u64 == rows.saturating_mul(width)
        };
        let is_numbered = series <= u64::from(u32::MAX) && pairs <= u64::from(u32::MAX);
        if is_numbered && tables.into_iter().all(fits) {
            return Ok(());
        }
        Err(Malformed {
            what: "table that does not fit the counts of series and pairs",
            offset: 0,
        })
    }

    fn read_names(&self) -> Result<Vec<(String, Range<u32>)>, Malformed> {
        let mut reader = Reader::new(self.section(Section::Names));
        let mut names = Vec::new();
        let mut rank = 0u32;
        while reader.left() > 0 {
            let name = reader.string()?.to_owned();
            let count = reader.size(u32::MAX as usize)? as u32;
            names.push((name, rank..rank.saturating_add(count)));
            rank = rank.saturating_add(count);
        }
        if u64::from(rank) != self.footer.pair_count {
            return Err(reader.malformed("names of another number of pairs"));
        }
        Ok(names)
    }

    pub(crate) fn facts(&self) -> &BlockFacts {
        &self.footer.facts
    }

    pub(crate) fn range(&self) -> TimeRange {
        TimeRange::new(self.footer.facts.min_ms, self.footer.facts.max_ms)
    }

    pub(crate) fn file_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Lets the system take back the memory of pages that were read.
    pub(crate) fn release(&self) {
        self.bytes.release();
    }

    fn section(&self, section: Section) -> &[u8] {
        let range = self.sections[section as usize].clone();
        self.bytes.get(range).unwrap_or_default()
    }

    fn data(&self) -> BlockData<'_> {
        let end = HEADER_LEN + self.footer.data_len as usize;
        BlockData {
            opening: self.opening,
            bytes: self.bytes.get(HEADER_LEN..end).unwrap_or_default(),
        }
    }

    fn u32_at(&self, section: Section, index: usize) -> u32 {
        let bytes = self.section(section).get(index * 4..index * 4 + 4);
        bytes.map_or(u32::MAX, |b| {
            u32::from_le_bytes(b.try_into().unwrap_or_default())
        })
    }

    fn u64_at(&self, section: Section, index: usize) -> usize {
        let bytes = self.section(section).get(index * 8..index * 8 + 8);
        bytes.map_or(usize::MAX, |b| {
            u64::from_le_bytes(b.try_into().unwrap_or_default()) as usize
        })
    }

    /// The fingerprint of a series.
    pub(crate) fn fingerprint(&self, series: u32) -> u128 {
        let at = series as usize * 16;
        let bytes = self.section(Section::Fingerprints).get(at..at + 16);
        bytes.map_or(0, |b| u128::from_le_bytes(b.try_into().unwrap_or_default()))
    }

    /// The series with a fingerprint.
    pub(crate) fn find(&self, fingerprint: u128) -> Option<u32> {
        let (mut from, mut to) = (0, self.footer.facts.series_count as usize);
        while from < to {
            let middle = from + (to - from) / 2;
            let series = self.u32_at(Section::ByFingerprint, middle);
            match self.fingerprint(series).cmp(&fingerprint) {
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Equal => return Some(series),
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        None
    }

    fn wrong(&self, found: Malformed) -> StorageError {
        let at = self.sections[Section::Series as usize].start as u64;
        corrupt(&self.path, at, found)
    }

    /// A reader at the entry of a series, and the offset of the group's first chunk.
    fn entry(&self, series: u32) -> Result<(Reader<'_>, u64, &[u8]), Malformed> {
        let group = self.u64_at(Section::Groups, series as usize / GROUP);
        let bytes = self
            .section(Section::Series)
            .get(group..)
            .unwrap_or_default();
        let mut reader = Reader::new(bytes);
        let base = reader.varint()?;
        let limit = bytes.len();
        let mut head = reader.clone();
        let head_len = head.size(limit)?;
        let head_labels = head.take(head_len)?;
        for _ in 0..series as usize % GROUP {
            for _ in 0..2 {
                let len = reader.size(limit)?;
                reader.take(len)?;
            }
        }
        Ok((reader, base, head_labels))
    }

    fn read_pairs(&self, series: u32, out: &mut Vec<u32>) -> Result<(), Malformed> {
        let (mut entry, _, head) = self.entry(series)?;
        let len = entry.size(entry.left())?;
        let mut reader = Reader::new(entry.take(len)?);
        let full = |reader: &mut Reader<'_>, count: u64, out: &mut Vec<u32>| {
            for _ in 0..count {
                out.push(reader.size(u32::MAX as usize)? as u32);
            }
            Ok::<(), Malformed>(())
        };
        let form = reader.varint()?;
        if form & 1 == 0 {
            return full(&mut reader, form >> 1, out);
        }
        let mut head = Reader::new(head);
        let head_form = head.varint()?;
        full(&mut head, head_form >> 1, out)?;
        let mut mask = form >> 1;
        while mask != 0 {
            let at = mask.trailing_zeros() as usize;
            let pair = reader.size(u32::MAX as usize)? as u32;
            match out.get_mut(at) {
                Some(slot) => *slot = pair,
                None => return Err(reader.malformed("label beyond its series")),
            }
            mask &= mask - 1;
        }
        Ok(())
    }

    /// Appends the pairs of a series, in the order of their names.
    pub(crate) fn pairs_into(&self, series: u32, out: &mut Vec<u32>) -> Result<(), StorageError> {
        out.clear();
        self.read_pairs(series, out).map_err(|e| self.wrong(e))
    }

    /// How many label pairs there are.
    pub(crate) fn pair_count(&self) -> usize {
        self.footer.pair_count as usize
    }

    /// Name and value of a pair.
    pub(crate) fn pair_text(&self, pair: u32) -> (&str, &str) {
        let rank = self.u32_at(Section::Ranks, pair as usize);
        let name = self.names.partition_point(|(_, ranks)| ranks.end <= rank);
        let name = self.names.get(name).map_or("", |(name, _)| name.as_str());
        (name, self.value_of_rank(rank))
    }

    fn value_of_rank(&self, rank: u32) -> &str {
        let begin = self.u64_at(Section::ValueOffsets, rank as usize);
        let end = self.u64_at(Section::ValueOffsets, rank as usize + 1);
        let bytes = self
            .section(Section::Values)
            .get(begin..end)
            .unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// The labels of a series.
    pub(crate) fn labels(&self, series: u32) -> Result<Labels, StorageError> {
        let mut pairs = Vec::with_capacity(16);
        self.pairs_into(series, &mut pairs)?;
        Labels::from_sorted(pairs.iter().map(|&pair| self.pair_text(pair))).map_err(|e| {
            let at = self.sections[Section::Series as usize].start as u64;
            damaged(&self.path, at, "sorted labels", e.to_string())
        })
    }

    /// Appends the chunks of a series that touch `range`.
    pub(crate) fn chunks_into(
        &self,
        series: u32,
        range: TimeRange,
        out: &mut Vec<ChunkMeta>,
    ) -> Result<(), StorageError> {
        self.read_chunks(series, range, out)
            .map_err(|e| self.wrong(e))
    }

    fn read_chunks(
        &self,
        series: u32,
        range: TimeRange,
        out: &mut Vec<ChunkMeta>,
    ) -> Result<(), Malformed> {
        let (mut entry, base, _) = self.entry(series)?;
        let labels_len = entry.size(entry.left())?;
        entry.take(labels_len)?;
        let len = entry.size(entry.left())?;
        let mut reader = Reader::new(entry.take(len)?);
        let count = reader.varint()?;
        let mut offset = base.wrapping_add(reader.varint()?);
        let mut previous = 0i64;
        for _ in 0..count {
            let samples = reader.size(chunk::SAMPLES_LIMIT)?;
            let min_ms = previous.wrapping_add(reader.signed()?);
            let max_ms = min_ms.wrapping_add(reader.varint()? as i64);
            let len = reader.size(u32::MAX as usize)?;
            if min_ms <= range.end_ms && range.start_ms <= max_ms {
                out.push(ChunkMeta {
                    min_ms,
                    max_ms,
                    count: samples as u32,
                    offset,
                    len: len as u32,
                });
            }
            offset = offset.wrapping_add(len as u64);
            previous = max_ms;
        }
        Ok(())
    }

    /// Appends the samples of a chunk inside of `range`.
    pub(crate) fn read(
        &self,
        meta: &ChunkMeta,
        range: TimeRange,
        out: &mut Samples,
    ) -> Result<(), StorageError> {
        let wrong = |e| corrupt(&self.path, HEADER_LEN as u64, e);
        chunk::read(self.data(), meta, range, out).map_err(wrong)
    }

    /// Appends all samples of a chunk.
    pub(crate) fn read_points(
        &self,
        meta: &ChunkMeta,
        out: &mut Points,
    ) -> Result<(), StorageError> {
        let wrong = |e| corrupt(&self.path, HEADER_LEN as u64, e);
        chunk::read_points(self.data(), meta, out).map_err(wrong)
    }

    /// Label names, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(name, _)| name.as_str())
    }

    fn ranks_of(&self, name: &str) -> Range<u32> {
        let found = self.names.binary_search_by(|(n, _)| n.as_str().cmp(name));
        found
            .ok()
            .and_then(|at| self.names.get(at))
            .map_or(0..0, |(_, ranks)| ranks.clone())
    }

    fn postings(&self, pair: u32) -> Reader<'_> {
        let rank = self.u32_at(Section::Ranks, pair as usize) as usize;
        let begin = self.u64_at(Section::PostingOffsets, rank);
        let end = self.u64_at(Section::PostingOffsets, rank.saturating_add(1));
        Reader::new(
            self.section(Section::Postings)
                .get(begin..end)
                .unwrap_or_default(),
        )
    }
}

/// The index was checked against its checksum when the block was opened, so that what cannot be
/// read in it is left out here.
impl Index for Block {
    fn all_into(&self, out: &mut Vec<u32>) {
        out.extend(0..self.footer.facts.series_count as u32);
    }

    fn series_count(&self) -> usize {
        self.footer.facts.series_count as usize
    }

    fn find_pair(&self, name: &str, value: &str) -> Option<u32> {
        let ranks = self.ranks_of(name);
        let (mut from, mut to) = (ranks.start, ranks.end);
        while from < to {
            let middle = from + (to - from) / 2;
            match self.value_of_rank(middle).cmp(value) {
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Equal => {
                    return Some(self.u32_at(Section::ByRank, middle as usize));
                }
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        None
    }

    fn each_value(&self, name: &str, take: &mut dyn FnMut(&str, u32)) {
        for rank in self.ranks_of(name) {
            take(
                self.value_of_rank(rank),
                self.u32_at(Section::ByRank, rank as usize),
            );
        }
    }

    fn postings_len(&self, pair: u32) -> usize {
        self.postings(pair).varint().unwrap_or(0) as usize
    }

    fn postings_into(&self, pair: u32, out: &mut Vec<u32>) {
        let mut reader = self.postings(pair);
        let count = reader.varint().unwrap_or(0);
        if count == self.footer.facts.series_count {
            self.all_into(out);
            return;
        }
        let mut series = 0u32;
        for _ in 0..count {
            let Ok(step) = reader.varint() else { break };
            series = series.wrapping_add(step as u32);
            out.push(series);
        }
    }

    fn satisfies(&self, series: u32, matcher: &Matcher) -> bool {
        let mut pairs = Vec::with_capacity(16);
        if self.read_pairs(series, &mut pairs).is_err() {
            return false;
        }
        let texts = pairs.iter().map(|&pair| self.pair_text(pair));
        let value = texts
            .filter(|(name, _)| *name == matcher.name)
            .map(|(_, value)| value)
            .next();
        matcher.matches(value.unwrap_or(""))
    }
}

#[cfg(test)]
mod tests {
    use bellwether_codec::ints::Effort;
    use bellwether_storage::FaultyDisk;

    use super::super::BlockWriter;
    use super::*;

    /// A block with counts that its tables do not have, and checksums that fit, made the reader
    /// count to them: 1.8 GB for a file of 3 kB.
    #[test]
    fn counts_that_the_tables_do_not_have_are_damage() {
        let disk = FaultyDisk::new();
        let path = Path::new("block");
        let mut writer = BlockWriter::create(&disk, path, Effort::Quick, 1, (1, 1)).unwrap();
        let mut points = Points::default();
        points.push(1_000, 0, 1.0);
        let pair = writer.pair("__name__", "a");
        writer.add(7, &[pair], &points).unwrap();
        writer.finish().unwrap();
        let sound = disk.read(path).unwrap().to_vec();
        let footer_at = sound.len() - FOOTER_LEN;
        let open = |change: &dyn Fn(&mut Footer)| {
            let mut footer = Footer::read(&sound[footer_at..]).unwrap();
            change(&mut footer);
            let changed = [&sound[..footer_at], &footer.to_bytes()].concat();
            disk.create(path).unwrap().append(&changed).unwrap();
            Block::open(&disk, path, 1).map_err(|e| e.to_string())
        };
        assert!(open(&|_| ()).is_ok());
        for change in [
            |footer: &mut Footer| footer.facts.series_count = 1 << 29,
            |footer: &mut Footer| footer.facts.series_count = 0,
            |footer: &mut Footer| footer.pair_count = u64::MAX,
            |footer: &mut Footer| footer.pair_count = 2,
        ] {
            let error = open(&change).unwrap_err();
            assert!(error.contains("does not fit the counts"), "{error}");
        }
    }
}
