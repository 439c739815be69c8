//! The series that are being written to, their index, and their recent samples.
//!
//! ## Model
//! A series has a number that is never given to another one in the life of the data folder (until
//! a start renumbers them). Its labels are numbers of interned pairs; each pair has the list of its
//! series. What was written since the last block is in the memtable.
//!
//! ## Limits
//! About 250 bytes a series with twelve labels, the cache of keys included.

use std::cmp::Ordering;
use std::hash::BuildHasher;
use std::sync::Arc;

use bellwether_model::{Labels, Matcher};
use bellwether_storage::Source;
use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::index::Index;
use crate::memtable::{Frozen, Memtable, NONE};

/// The newest sample of a series is not known: the blocks must be asked.
pub(crate) const MAX_UNKNOWN: i64 = i64::MAX;
const SLOT_PAGE: usize = 1_024;
const PAIRS_PAGE: usize = 65_536;

/// One series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) fingerprint: u128,
    /// Newest sample anywhere in the store, or [`MAX_UNKNOWN`].
    pub(crate) max_ms: i64,
    pairs_at: u32,
    /// The last block in the memtable.
    pub(crate) last: u32,
    /// The generation of the memtable that was last written to.
    pub(crate) generation: u32,
    /// 0: there is no series.
    pair_count: u16,
    source: u16,
}

const EMPTY_SLOT: Slot = Slot {
    fingerprint: 0,
    max_ms: 0,
    pairs_at: 0,
    last: NONE,
    generation: 0,
    pair_count: 0,
    source: 0,
};

#[derive(Debug)]
struct Pair {
    name: u32,
    text_at: u32,
    text_len: u32,
    series: Vec<u32>,
}

#[derive(Debug)]
struct Name {
    text: Box<str>,
    pairs: Vec<u32>,
}

/// What is known of a source.
#[derive(Debug, Clone)]
pub(crate) struct SourceFacts {
    pub(crate) name: Arc<str>,
    pub(crate) series_count: u64,
    /// New series lately; halved at each round of upkeep.
    pub(crate) recent: u64,
    pub(crate) refused: u64,
}

/// See the page of this module.
#[derive(Debug, Default)]
pub(crate) struct Head {
    slots: Vec<Option<Box<[Slot]>>>,
    pub(crate) next_id: u32,
    pub(crate) live: usize,
    pair_pages: Vec<Vec<u32>>,
    pairs: Vec<Pair>,
    text: Vec<u8>,
    by_text: HashTable<u32>,
    names: Vec<Name>,
    by_name: FxHashMap<Box<str>, u32>,
    by_fingerprint: HashTable<u32>,
    postings_bytes: usize,
    /// Series in the order of their labels, and those that came since it was made.
    sorted: Vec<u32>,
    unsorted: Vec<u32>,
    pub(crate) sources: Vec<SourceFacts>,
    by_source: FxHashMap<Arc<str>, u16>,
    pub(crate) memtable: Memtable,
    pub(crate) frozen: Option<Arc<Frozen>>,
    pub(crate) generation: u32,
}

impl Head {
    #[inline]
    pub(crate) fn slot(&self, id: u32) -> Option<&Slot> {
        let page = self.slots.get(id as usize / SLOT_PAGE)?.as_ref()?;
        let slot = &page[id as usize % SLOT_PAGE];
        (slot.pair_count > 0).then_some(slot)
    }

    #[inline]
    pub(crate) fn slot_mut(&mut self, id: u32) -> Option<&mut Slot> {
        let page = self.slots.get_mut(id as usize / SLOT_PAGE)?.as_mut()?;
        let slot = &mut page[id as usize % SLOT_PAGE];
        (slot.pair_count > 0).then_some(slot)
    }

    /// A series and the memtable, for writing.
    #[inline]
    pub(crate) fn slot_and_memtable(&mut self, id: u32) -> Option<(&mut Slot, &mut Memtable)> {
        let page = self.slots.get_mut(id as usize / SLOT_PAGE)?.as_mut()?;
        let slot = &mut page[id as usize % SLOT_PAGE];
        (slot.pair_count > 0).then_some((slot, &mut self.memtable))
    }

    /// Numbers of the pairs of a series, in the order of their names.
    #[inline]
    pub(crate) fn pairs_of(&self, id: u32) -> &[u32] {
        let Some(slot) = self.slot(id) else {
            return &[];
        };
        let (page, at) = (
            slot.pairs_at as usize / PAIRS_PAGE,
            slot.pairs_at as usize % PAIRS_PAGE,
        );
        let page = self.pair_pages.get(page).map_or(&[][..], Vec::as_slice);
        page.get(at..at + slot.pair_count as usize)
            .unwrap_or_default()
    }

    /// Name and value of a pair.
    #[inline]
    pub(crate) fn pair_text(&self, pair: u32) -> (&str, &str) {
        let pair = &self.pairs[pair as usize];
        (
            &self.names[pair.name as usize].text,
            text_of(&self.text, pair),
        )
    }

    pub(crate) fn pair_count(&self) -> usize {
        self.pairs.len()
    }

    /// The labels of a series.
    pub(crate) fn labels(&self, id: u32) -> Labels {
        let pairs = self.pairs_of(id).iter().map(|&pair| self.pair_text(pair));
        // They were taken from labels and stand in the same order.
        Labels::from_sorted(pairs).unwrap_or_default()
    }

    pub(crate) fn find(&self, fingerprint: u128) -> Option<u32> {
        let same = |&id: &u32| self.slot(id).is_some_and(|s| s.fingerprint == fingerprint);
        self.by_fingerprint.find(fingerprint as u64, same).copied()
    }

    pub(crate) fn source_id(&mut self, source: &Source) -> u16 {
        if let Some(&id) = self.by_source.get(&source.0) {
            return id;
        }
        // Sources beyond the bound of the number share the last one.
        let id = self.sources.len().min(usize::from(u16::MAX)) as u16;
        if id < u16::MAX {
            self.sources.push(SourceFacts {
                name: Arc::clone(&source.0),
                series_count: 0,
                recent: 0,
                refused: 0,
            });
            self.by_source.insert(Arc::clone(&source.0), id);
        }
        id.min(self.sources.len() as u16 - 1)
    }

    fn pair_id(&mut self, name: &str, value: &str) -> (u32, bool) {
        let name_id = match self.by_name.get(name) {
            Some(&id) => id,
            None => {
                let id = self.names.len() as u32;
                self.names.push(Name {
                    text: name.into(),
                    pairs: Vec::new(),
                });
                self.by_name.insert(name.into(), id);
                id
            }
        };
        let hash = FxBuildHasher.hash_one((name_id, value));
        let (pairs, text) = (&self.pairs, &self.text);
        let same = |&id: &u32| {
            let pair = &pairs[id as usize];
            pair.name == name_id && text_of(text, pair) == value
        };
        if let Some(&id) = self.by_text.find(hash, same) {
            return (id, false);
        }
        let id = self.pairs.len() as u32;
        self.pairs.push(Pair {
            name: name_id,
            text_at: self.text.len() as u32,
            text_len: value.len() as u32,
            series: Vec::new(),
        });
        self.text.extend_from_slice(value.as_bytes());
        self.names[name_id as usize].pairs.push(id);
        let (pairs, text) = (&self.pairs, &self.text);
        self.by_text.insert_unique(hash, id, |&id| {
            let pair = &pairs[id as usize];
            FxBuildHasher.hash_one((pair.name, text_of(text, pair)))
        });
        (id, true)
    }

    /// Room for another series: numbers of series, of pairs and offsets of texts are 32 bits wide.
    pub(crate) fn has_room(&self, labels: &Labels) -> bool {
        self.next_id < u32::MAX
            && self.text.len() + labels.as_bytes().len() < u32::MAX as usize
            && (self.pair_pages.len() + 1) * PAIRS_PAGE < u32::MAX as usize
    }

    /// Adds a series under a number that no series has, and calls `new_pair` with each pair that
    /// was not known.
    pub(crate) fn insert(
        &mut self,
        id: u32,
        fingerprint: u128,
        pairs: &mut dyn Iterator<Item = (&str, &str)>,
        source: u16,
        mut new_pair: impl FnMut(u32, &str, &str),
    ) {
        let mut ids: Vec<u32> = Vec::with_capacity(16);
        for (name, value) in pairs {
            let (pair, is_new) = self.pair_id(name, value);
            if is_new {
                new_pair(pair, name, value);
            }
            ids.push(pair);
        }
        let room = self
            .pair_pages
            .last()
            .map_or(0, |page| PAIRS_PAGE - page.len());
        if room < ids.len() {
            let mut page = Vec::with_capacity(PAIRS_PAGE);
            if self.pair_pages.is_empty() {
                // A small store needs no whole page; this one grows as vectors do.
                page = Vec::new();
            }
            self.pair_pages.push(page);
        }
        let page_number = self.pair_pages.len() - 1;
        let page = &mut self.pair_pages[page_number];
        let pairs_at = (page_number * PAIRS_PAGE + page.len()) as u32;
        page.extend_from_slice(&ids);
        for &pair in &ids {
            let list = &mut self.pairs[pair as usize].series;
            let before = list.capacity();
            match list.last() {
                Some(&last) if last > id => {
                    let at = list.partition_point(|&series| series < id);
                    list.insert(at, id);
                }
                _ => {
                    if list.len() == list.capacity() {
                        // Growth by a quarter: lists are most of the index.
                        list.reserve_exact((list.len() / 4).max(1));
                    }
                    list.push(id);
                }
            }
            self.postings_bytes += (list.capacity() - before) * 4;
        }
        let page_at = id as usize / SLOT_PAGE;
        if self.slots.len() <= page_at {
            self.slots.resize_with(page_at + 1, || None);
        }
        let page = self.slots[page_at]
            .get_or_insert_with(|| vec![EMPTY_SLOT; SLOT_PAGE].into_boxed_slice());
        page[id as usize % SLOT_PAGE] = Slot {
            fingerprint,
            max_ms: MAX_UNKNOWN,
            pairs_at,
            last: NONE,
            generation: self.generation,
            pair_count: ids.len() as u16,
            source,
        };
        self.next_id = self.next_id.max(id + 1);
        self.live += 1;
        self.unsorted.push(id);
        if let Some(facts) = self.sources.get_mut(usize::from(source)) {
            facts.series_count += 1;
        }
        let slots = &self.slots;
        self.by_fingerprint
            .insert_unique(fingerprint as u64, id, |&id| {
                let page = slots[id as usize / SLOT_PAGE].as_ref();
                page.map_or(0, |page| page[id as usize % SLOT_PAGE].fingerprint as u64)
            });
    }

    /// Brings the series into the order of their labels.
    pub(crate) fn sort(&mut self) {
        let mut new = std::mem::take(&mut self.unsorted);
        new.sort_unstable_by(|&a, &b| self.compare(a, b));
        if self.sorted.is_empty() {
            self.sorted = new;
            return;
        }
        if new.is_empty() {
            return;
        }
        let old = std::mem::take(&mut self.sorted);
        let mut merged = Vec::with_capacity(old.len() + new.len());
        let mut new = new.into_iter().peekable();
        for id in old {
            while let Some(&next) = new.peek()
                && self.compare(next, id) == Ordering::Less
            {
                merged.push(next);
                new.next();
            }
            merged.push(id);
        }
        merged.extend(new);
        self.sorted = merged;
    }

    /// Series in the order of their labels, as of the last [`Head::sort`].
    pub(crate) fn sorted(&self) -> &[u32] {
        &self.sorted
    }

    /// Pairs that are the same have the same number, so that texts are compared once at most.
    fn compare(&self, a: u32, b: u32) -> Ordering {
        let (a, b) = (self.pairs_of(a), self.pairs_of(b));
        for (&a, &b) in a.iter().zip(b) {
            if a != b {
                return self.pair_text(a).cmp(&self.pair_text(b));
            }
        }
        a.len().cmp(&b.len())
    }

    /// All series, ascending by number.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u32> {
        self.slots.iter().enumerate().flat_map(|(page_at, page)| {
            let page = page.as_deref().unwrap_or_default();
            page.iter()
                .enumerate()
                .filter(|(_, slot)| slot.pair_count > 0)
                .map(move |(at, _)| (page_at * SLOT_PAGE + at) as u32)
        })
    }

    /// Puts the memtable aside for writing and begins an empty one.
    pub(crate) fn freeze(&mut self, log_next: u64, sequence: u64) -> Arc<Frozen> {
        let memtable = std::mem::take(&mut self.memtable);
        let mut series = Vec::new();
        for (page_at, page) in self.slots.iter_mut().enumerate() {
            for (at, slot) in page.iter_mut().flat_map(|page| page.iter_mut().enumerate()) {
                let id = (page_at * SLOT_PAGE + at) as u32;
                if slot.last != NONE || memtable.histograms.contains_key(&id) {
                    series.push((id, slot.last));
                    slot.last = NONE;
                }
            }
        }
        series.shrink_to_fit();
        self.generation += 1;
        let frozen = Arc::new(Frozen {
            memtable,
            series,
            log_next,
            sequence,
        });
        self.frozen = Some(Arc::clone(&frozen));
        frozen
    }

    /// Whether a series has samples that are in no block yet.
    pub(crate) fn has_samples(&self, id: u32) -> bool {
        self.slot(id).is_some_and(|slot| slot.last != NONE)
            || self.memtable.histograms.contains_key(&id)
            || self
                .frozen
                .as_ref()
                .is_some_and(|frozen| frozen.last_of(id).is_some())
    }

    /// The same series without those for which `gone` holds, and without the samples in memory;
    /// numbers of series stay, those of pairs do not.
    pub(crate) fn without(&self, gone: impl Fn(u32, &Slot) -> bool) -> Head {
        let mut new = Head {
            next_id: 0,
            sources: self.sources.clone(),
            by_source: self.by_source.clone(),
            generation: self.generation,
            ..Head::default()
        };
        for facts in &mut new.sources {
            facts.series_count = 0;
        }
        for id in self.ids() {
            let Some(slot) = self.slot(id).copied() else {
                continue;
            };
            if gone(id, &slot) {
                continue;
            }
            let mut pairs = self.pairs_of(id).iter().map(|&pair| self.pair_text(pair));
            new.insert(id, slot.fingerprint, &mut pairs, slot.source, |_, _, _| {});
            if let Some(copy) = new.slot_mut(id) {
                copy.max_ms = slot.max_ms;
                copy.last = slot.last;
                copy.generation = slot.generation;
            }
        }
        new.next_id = self.next_id;
        new
    }

    /// Takes over the series of a head that was made by [`Head::without`]; the samples in memory
    /// stay.
    pub(crate) fn replace(&mut self, mut fewer: Head) {
        fewer.memtable = std::mem::take(&mut self.memtable);
        fewer.frozen = self.frozen.take();
        *self = fewer;
    }

    /// Calls `take` with each series, its source and its pairs, for writing them down.
    pub(crate) fn source_of(&self, id: u32) -> &str {
        let source = self.slot(id).map_or(0, |slot| slot.source);
        self.sources
            .get(usize::from(source))
            .map_or("", |facts| &facts.name)
    }

    /// Bytes of memory, by what was asked of the allocator.
    pub(crate) fn memory_bytes(&self) -> usize {
        let slots = self.slots.iter().flatten().count() * SLOT_PAGE * size_of::<Slot>();
        let frozen = self
            .frozen
            .as_ref()
            .map_or(0, |f| f.memtable.memory_bytes() + f.series.capacity() * 8);
        slots + self.index_bytes() + self.memtable.memory_bytes() + frozen
    }

    fn index_bytes(&self) -> usize {
        self.pair_pages.len() * PAIRS_PAGE * 4
            + self.pairs.capacity() * size_of::<Pair>()
            // The allocator's least block for each list of series.
            + self.pairs.len() * 16
            + self.pairs.len() * 8
            + self.text.capacity()
            + self.by_text.capacity() * 6
            + self.by_fingerprint.capacity() * 6
            + self.postings_bytes
            + (self.sorted.capacity() + self.unsorted.capacity()) * 4
    }

    /// Names and how many pairs each has.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &[u32])> {
        self.names
            .iter()
            .map(|name| (&*name.text, name.pairs.as_slice()))
    }
}

fn text_of<'a>(text: &'a [u8], pair: &Pair) -> &'a str {
    let begin = pair.text_at as usize;
    let bytes = text
        .get(begin..begin + pair.text_len as usize)
        .unwrap_or_default();
    std::str::from_utf8(bytes).unwrap_or_default()
}

impl Index for Head {
    fn all_into(&self, out: &mut Vec<u32>) {
        out.extend(self.ids());
    }

    fn series_count(&self) -> usize {
        self.live
    }

    fn find_pair(&self, name: &str, value: &str) -> Option<u32> {
        let name_id = *self.by_name.get(name)?;
        let hash = FxBuildHasher.hash_one((name_id, value));
        let same = |&id: &u32| {
            let pair = &self.pairs[id as usize];
            pair.name == name_id && text_of(&self.text, pair) == value
        };
        self.by_text.find(hash, same).copied()
    }

    fn each_value(&self, name: &str, take: &mut dyn FnMut(&str, u32)) {
        let Some(&name_id) = self.by_name.get(name) else {
            return;
        };
        for &pair in &self.names[name_id as usize].pairs {
            take(text_of(&self.text, &self.pairs[pair as usize]), pair);
        }
    }

    fn postings_len(&self, pair: u32) -> usize {
        self.pairs
            .get(pair as usize)
            .map_or(0, |pair| pair.series.len())
    }

    fn postings_into(&self, pair: u32, out: &mut Vec<u32>) {
        if let Some(pair) = self.pairs.get(pair as usize) {
            out.extend_from_slice(&pair.series);
        }
    }

    fn satisfies(&self, series: u32, matcher: &Matcher) -> bool {
        let texts = self
            .pairs_of(series)
            .iter()
            .map(|&pair| self.pair_text(pair));
        let mut values = texts
            .filter(|(name, _)| *name == matcher.name)
            .map(|(_, value)| value);
        matcher.matches(values.next().unwrap_or(""))
    }
}
