//! Writes a block from front to back.

use std::hash::BuildHasher;
use std::path::{Path, PathBuf};

use bellwether_codec::ints::Effort;
use bellwether_codec::varint::{put, put_signed, put_string};
use bellwether_storage::{Disk, DiskFile, StorageError};
use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::layout::{BlockFacts, FOOTER_LEN, Footer, GROUP, HEADER_LEN, MAGIC, SECTIONS, VERSION};
use crate::chunk::{self, ChunkMeta, EncodeScratch, SharedTimes};
use crate::error::io_error;
use crate::points::Points;

/// Data is written in pieces of about this size: large enough that calls do not matter.
const BUFFER_BYTES: usize = 256 * 1024;
/// Columns of times that are remembered for sharing: more than targets are scraped at once.
const SHARED_MAX: usize = 65_536;

/// Columns of times of this block, by the hash of their bytes.
#[derive(Debug, Default)]
struct TimeColumns {
    by_hash: FxHashMap<u128, u64>,
}

impl SharedTimes for TimeColumns {
    fn find_or_note(&mut self, column: &[u8], offset: u64) -> Option<u64> {
        let hash = xxhash_rust::xxh3::xxh3_128(column);
        if let Some(&known) = self.by_hash.get(&hash) {
            return Some(known);
        }
        if self.by_hash.len() >= SHARED_MAX {
            self.by_hash.clear();
        }
        self.by_hash.insert(hash, offset);
        None
    }
}

/// A label pair and the series that have it, as differences.
#[derive(Debug)]
struct Pair {
    name: u32,
    value_begin: usize,
    value_len: u32,
    count: u32,
    /// Most pairs of a store that grows have one series: they need no list.
    first: u32,
    last: u32,
    postings: Vec<u8>,
}

/// Writes one block. Series must come in the order of their labels.
#[derive(Debug)]
pub(crate) struct BlockWriter {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    buffer: Vec<u8>,
    /// Bytes of data before `buffer`.
    data_begin: u64,
    effort: Effort,
    shared: TimeColumns,
    scratch: EncodeScratch,
    names: Vec<String>,
    name_ids: FxHashMap<String, u32>,
    pairs: Vec<Pair>,
    values: Vec<u8>,
    by_text: HashTable<u32>,
    series: Vec<u8>,
    groups: Vec<u64>,
    fingerprints: Vec<u128>,
    head_pairs: Vec<u32>,
    head_offset: u64,
    metas: Vec<ChunkMeta>,
    entry: Vec<u8>,
    facts: BlockFacts,
}

impl BlockWriter {
    /// Begins a block in a new file.
    pub(crate) fn create(
        disk: &dyn Disk,
        path: &Path,
        effort: Effort,
        seed: u64,
        sequences: (u64, u64),
    ) -> Result<Self, StorageError> {
        let file = disk.create(path).map_err(|e| io_error("create", path, e))?;
        let mut buffer = Vec::with_capacity(BUFFER_BYTES + 16 * 1024);
        buffer.extend_from_slice(MAGIC);
        buffer.extend_from_slice(&VERSION.to_le_bytes());
        buffer.extend_from_slice(&[0; 4]);
        let mut writer = Self {
            file,
            path: path.to_owned(),
            buffer,
            data_begin: 0,
            effort,
            shared: TimeColumns::default(),
            scratch: EncodeScratch::default(),
            names: Vec::new(),
            name_ids: FxHashMap::default(),
            pairs: Vec::new(),
            values: Vec::new(),
            by_text: HashTable::new(),
            series: Vec::new(),
            groups: Vec::new(),
            fingerprints: Vec::new(),
            head_pairs: Vec::new(),
            head_offset: 0,
            metas: Vec::new(),
            entry: Vec::new(),
            facts: BlockFacts {
                min_ms: i64::MAX,
                max_ms: i64::MIN,
                series_count: 0,
                sample_count: 0,
                chunk_count: 0,
                sequence_first: sequences.0,
                sequence_last: sequences.1,
                seed,
            },
        };
        writer.flush()?;
        // Offsets of chunks count from the first byte behind the header.
        writer.data_begin = 0;
        Ok(writer)
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        self.file
            .append(&self.buffer)
            .map_err(|e| io_error("write", &self.path, e))?;
        self.data_begin += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn value(&self, pair: &Pair) -> &[u8] {
        let end = pair.value_begin + pair.value_len as usize;
        self.values.get(pair.value_begin..end).unwrap_or_default()
    }

    /// The number of a label pair in this block.
    pub(crate) fn pair(&mut self, name: &str, value: &str) -> u32 {
        let name_id = match self.name_ids.get(name) {
            Some(&id) => id,
            None => {
                let id = self.names.len() as u32;
                self.names.push(name.to_owned());
                self.name_ids.insert(name.to_owned(), id);
                id
            }
        };
        let hash = FxBuildHasher.hash_one((name_id, value));
        let found = self.by_text.find(hash, |&id| {
            let pair = &self.pairs[id as usize];
            pair.name == name_id && self.value(pair) == value.as_bytes()
        });
        if let Some(&id) = found {
            return id;
        }
        let id = self.pairs.len() as u32;
        self.pairs.push(Pair {
            name: name_id,
            value_begin: self.values.len(),
            value_len: value.len() as u32,
            count: 0,
            first: 0,
            last: 0,
            postings: Vec::new(),
        });
        self.values.extend_from_slice(value.as_bytes());
        let (pairs, values) = (&self.pairs, &self.values);
        self.by_text.insert_unique(hash, id, |&id| {
            let pair = &pairs[id as usize];
            let end = pair.value_begin + pair.value_len as usize;
            let text = std::str::from_utf8(&values[pair.value_begin..end]).unwrap_or_default();
            FxBuildHasher.hash_one((pair.name, text))
        });
        id
    }

    /// Writes a series. `pairs` are its labels in order. Without points nothing is written.
    pub(crate) fn add(
        &mut self,
        fingerprint: u128,
        pairs: &[u32],
        points: &Points,
    ) -> Result<(), StorageError> {
        if points.is_empty() {
            return Ok(());
        }
        self.metas.clear();
        for run in chunk::runs(points) {
            let meta = chunk::encode(
                points,
                run,
                self.effort,
                &mut self.shared,
                &mut self.scratch,
                self.data_begin,
                &mut self.buffer,
            );
            self.facts.min_ms = self.facts.min_ms.min(meta.min_ms);
            self.facts.max_ms = self.facts.max_ms.max(meta.max_ms);
            self.facts.sample_count += u64::from(meta.count);
            self.metas.push(meta);
        }
        self.facts.chunk_count += self.metas.len() as u64;
        self.put_entry(pairs);
        let number = self.fingerprints.len() as u32;
        for &pair in pairs {
            let pair = &mut self.pairs[pair as usize];
            if pair.count == 0 {
                pair.first = number;
            } else {
                put(&mut pair.postings, u64::from(number - pair.last));
            }
            pair.last = number;
            pair.count += 1;
        }
        self.fingerprints.push(fingerprint);
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn put_entry(&mut self, pairs: &[u32]) {
        let first_offset = self.metas.first().map_or(0, |m| m.offset);
        let begins_group = self.fingerprints.len().is_multiple_of(GROUP);
        if begins_group {
            self.groups.push(self.series.len() as u64);
            put(&mut self.series, first_offset);
            self.head_offset = first_offset;
        }
        self.entry.clear();
        // Labels: all pairs, or those that differ from the first series of the group.
        if begins_group || self.head_pairs.len() != pairs.len() || pairs.len() > 63 {
            put(&mut self.entry, pairs.len() as u64 * 2);
            for &pair in pairs {
                put(&mut self.entry, u64::from(pair));
            }
            if begins_group {
                self.head_pairs.clear();
                self.head_pairs.extend_from_slice(pairs);
            }
        } else {
            let both = || self.head_pairs.iter().zip(pairs).enumerate();
            let mask: u64 = both()
                .filter(|(_, (a, b))| a != b)
                .map(|(i, _)| 1 << i)
                .sum();
            put(&mut self.entry, mask * 2 + 1);
            for (_, (_, &pair)) in both().filter(|(_, (a, b))| a != b) {
                put(&mut self.entry, u64::from(pair));
            }
        }
        put(&mut self.series, self.entry.len() as u64);
        self.series.extend_from_slice(&self.entry);
        self.entry.clear();
        put(&mut self.entry, self.metas.len() as u64);
        put(&mut self.entry, first_offset - self.head_offset);
        let mut previous = 0;
        for meta in &self.metas {
            put(&mut self.entry, u64::from(meta.count));
            put_signed(&mut self.entry, meta.min_ms.wrapping_sub(previous));
            put(
                &mut self.entry,
                meta.max_ms.wrapping_sub(meta.min_ms) as u64,
            );
            put(&mut self.entry, u64::from(meta.len));
            previous = meta.max_ms;
        }
        put(&mut self.series, self.entry.len() as u64);
        self.series.extend_from_slice(&self.entry);
    }

    /// Writes the index and makes the file durable. `None` where there was no sample: then the
    /// file means nothing and the caller removes it.
    pub(crate) fn finish(mut self) -> Result<Option<BlockFacts>, StorageError> {
        self.flush()?;
        let data_len = self.data_begin;
        let count = self.fingerprints.len();
        self.facts.series_count = count as u64;
        if count == 0 {
            return Ok(None);
        }
        let mut hasher = crc32fast::Hasher::new();
        let mut lens = [0u64; SECTIONS];
        let sections = self.sections();
        let all = [std::mem::take(&mut self.series)]
            .into_iter()
            .chain(sections);
        for (section, bytes) in all.enumerate() {
            hasher.update(&bytes);
            lens[section] = bytes.len() as u64;
            self.file
                .append(&bytes)
                .map_err(|e| io_error("write", &self.path, e))?;
        }
        let footer = Footer {
            facts: self.facts,
            data_len,
            pair_count: self.pairs.len() as u64,
            section_lens: lens,
            index_checksum: hasher.finalize(),
        };
        let bytes = footer.to_bytes();
        debug_assert_eq!(bytes.len(), FOOTER_LEN);
        debug_assert_eq!(HEADER_LEN, 16);
        self.file
            .append(&bytes)
            .map_err(|e| io_error("write", &self.path, e))?;
        self.file
            .sync()
            .map_err(|e| io_error("sync", &self.path, e))?;
        Ok(Some(self.facts))
    }

    /// All sections behind the series, in their order.
    fn sections(&mut self) -> Vec<Vec<u8>> {
        let groups = self.groups.iter().flat_map(|g| g.to_le_bytes()).collect();
        let fingerprints = self
            .fingerprints
            .iter()
            .flat_map(|f| f.to_le_bytes())
            .collect();
        let mut order: Vec<u32> = (0..self.fingerprints.len() as u32).collect();
        order.sort_unstable_by_key(|&series| self.fingerprints[series as usize]);
        let by_fingerprint = order.iter().flat_map(|s| s.to_le_bytes()).collect();
        let mut by_rank: Vec<u32> = (0..self.pairs.len() as u32).collect();
        by_rank.sort_unstable_by(|&a, &b| {
            let (a, b) = (&self.pairs[a as usize], &self.pairs[b as usize]);
            let names = self.names[a.name as usize].cmp(&self.names[b.name as usize]);
            names.then_with(|| self.value(a).cmp(self.value(b)))
        });
        let mut ranks = vec![0u32; by_rank.len()];
        let mut names = Vec::new();
        let mut value_offsets = Vec::with_capacity(by_rank.len() * 8 + 8);
        let mut values = Vec::with_capacity(self.values.len());
        let mut posting_offsets = Vec::with_capacity(by_rank.len() * 8 + 8);
        let mut postings = Vec::new();
        let mut run = 0;
        for (rank, &id) in by_rank.iter().enumerate() {
            ranks[id as usize] = rank as u32;
            let pair = &self.pairs[id as usize];
            run += 1;
            let next = by_rank
                .get(rank + 1)
                .map(|&next| self.pairs[next as usize].name);
            if next != Some(pair.name) {
                put_string(&mut names, &self.names[pair.name as usize]);
                put(&mut names, run);
                run = 0;
            }
            value_offsets.extend_from_slice(&(values.len() as u64).to_le_bytes());
            values.extend_from_slice(self.value(pair));
            posting_offsets.extend_from_slice(&(postings.len() as u64).to_le_bytes());
            put(&mut postings, u64::from(pair.count));
            // A list of all series needs no numbers.
            if pair.count as usize != self.fingerprints.len() {
                put(&mut postings, u64::from(pair.first));
                postings.extend_from_slice(&pair.postings);
            }
        }
        value_offsets.extend_from_slice(&(values.len() as u64).to_le_bytes());
        posting_offsets.extend_from_slice(&(postings.len() as u64).to_le_bytes());
        let ranks = ranks.iter().flat_map(|r| r.to_le_bytes()).collect();
        let by_rank = by_rank.iter().flat_map(|r| r.to_le_bytes()).collect();
        vec![
            groups,
            fingerprints,
            by_fingerprint,
            names,
            ranks,
            value_offsets,
            values,
            by_rank,
            posting_offsets,
            postings,
        ]
    }
}
