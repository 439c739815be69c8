//! What is known of the series of one target from one scrape to the next.
//!
//! ## Model
//! A target writes its series in the same order each time, and the bytes that name a series do not
//! change. So the cache keeps these bytes in the order of the last body: the parser compares the
//! next line with the next entry ([`SeriesCache::expected`]), and in the steady state no series is
//! hashed, looked up or parsed. Where the guess fails, a hash table finds the entry, and guessing
//! goes on behind it.
//!
//! ## Invariants
//! A *pass* is one body. Its effect on what counts as exposed is taken back by
//! [`SeriesCache::fail`] and made lasting by [`SeriesCache::commit`]; both say which series ended.
//!
//! ## Limits
//! The bytes of a target's series are below 4 GiB, as bodies are.

use bellwether_model::MetricType;
use bellwether_storage::SeriesRef;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// Position of an entry.
pub(crate) type EntryId = u32;

/// A group of series that share a start timestamp; [`NO_GROUP`] for none.
pub(crate) type Group = u32;

/// The series is in no group.
pub(crate) const NO_GROUP: Group = u32::MAX;

/// One series of the target.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Where its bytes begin in the arena, and how many they are.
    start: u32,
    length: u32,
    /// The series in the store; `None` where relabelling dropped it.
    pub(crate) series: Option<SeriesRef>,
    /// The type of its family when it was first seen, which its labels depend on.
    pub(crate) family_type: MetricType,
    /// The series whose starts it shares.
    pub(crate) group: Group,
    /// Whether its value is the start of its group.
    pub(crate) is_created: bool,
    /// Whether its last sample had a time of its own.
    pub(crate) own_time: bool,
    /// Whether a stale marker is due when it ends.
    tracked: bool,
    /// Its place in `order`.
    position: u32,
    /// The last pass that saw it.
    last_pass: u32,
    /// The pass that made it.
    born_pass: u32,
}

/// All series of one target.
#[derive(Debug, Default)]
pub(crate) struct SeriesCache {
    entries: Vec<Entry>,
    free: Vec<EntryId>,
    arena: Vec<u8>,
    /// Bytes of the arena that belong to no entry any more.
    garbage: usize,
    table: HashTable<EntryId>,
    /// Entries as the last body that was taken had them.
    order: Vec<EntryId>,
    /// Entries of the pass at hand.
    seen: Vec<EntryId>,
    /// Which of `order` is expected next.
    cursor: usize,
    /// Number of the pass at hand, from 1.
    pass: u32,
    /// Whether every entry of the pass was the expected one and had no time of its own.
    is_steady: bool,
    /// Whether every entry of `order` is tracked as it should be.
    all_tracked: bool,
}

impl SeriesCache {
    /// Starts a pass.
    pub(crate) fn begin(&mut self) {
        self.pass = self.pass.wrapping_add(1);
        self.seen.clear();
        self.cursor = 0;
        self.is_steady = true;
    }

    /// Number of series, dropped ones included.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// The bytes of the series that should come next.
    #[inline]
    pub(crate) fn expected(&self) -> Option<&[u8]> {
        let id = *self.order.get(self.cursor)?;
        Some(self.bytes(id))
    }

    /// The entry that was expected; guessing goes on behind it.
    #[inline]
    pub(crate) fn take_expected(&mut self) -> Option<EntryId> {
        let id = self.order.get(self.cursor).copied();
        self.cursor += 1;
        id
    }

    /// Looks an entry up by its bytes.
    pub(crate) fn find(&mut self, bytes: &[u8]) -> Option<EntryId> {
        self.is_steady = false;
        let hash = xxh3_64(bytes);
        let (entries, arena) = (&self.entries, &self.arena);
        let same = |id: &EntryId| entry_bytes(entries, arena, *id) == bytes;
        let id = *self.table.find(hash, same)?;
        let entry = &self.entries[id as usize];
        // An entry of this pass has no place in the old order yet.
        if entry.born_pass != self.pass {
            self.cursor = entry.position as usize + 1;
        }
        Some(id)
    }

    /// Adds an entry for bytes that [`SeriesCache::find`] did not find.
    pub(crate) fn insert(
        &mut self,
        bytes: &[u8],
        series: Option<SeriesRef>,
        family_type: MetricType,
        group: Group,
        is_created: bool,
    ) -> EntryId {
        let entry = Entry {
            start: self.arena.len() as u32,
            length: bytes.len() as u32,
            series,
            family_type,
            group,
            is_created,
            own_time: false,
            tracked: false,
            position: u32::MAX,
            last_pass: self.pass.wrapping_sub(1),
            born_pass: self.pass,
        };
        self.arena.extend_from_slice(bytes);
        let id = match self.free.pop() {
            Some(id) => {
                self.entries[id as usize] = entry;
                id
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as EntryId
            }
        };
        let (entries, arena) = (&self.entries, &self.arena);
        let rehash = |id: &EntryId| xxh3_64(entry_bytes(entries, arena, *id));
        self.table.insert_unique(xxh3_64(bytes), id, rehash);
        id
    }

    /// Notes that the pass has a sample of an entry. `false` where it had one before.
    #[inline]
    pub(crate) fn see(&mut self, id: EntryId, own_time: bool) -> bool {
        let entry = &mut self.entries[id as usize];
        entry.own_time = own_time;
        self.is_steady &= !own_time;
        if entry.last_pass == self.pass {
            return false;
        }
        entry.last_pass = self.pass;
        self.seen.push(id);
        true
    }

    #[inline]
    pub(crate) fn entry(&self, id: EntryId) -> &Entry {
        &self.entries[id as usize]
    }

    pub(crate) fn entry_mut(&mut self, id: EntryId) -> &mut Entry {
        &mut self.entries[id as usize]
    }

    /// The bytes of an entry.
    #[inline]
    pub(crate) fn bytes(&self, id: EntryId) -> &[u8] {
        entry_bytes(&self.entries, &self.arena, id)
    }

    /// The entries that hold one of the given series. Looks at all: for rare cases.
    pub(crate) fn entries_of(&self, wanted: impl Fn(SeriesRef) -> bool) -> Vec<EntryId> {
        let live = self.table.iter().copied();
        live.filter(|id| self.entries[*id as usize].series.is_some_and(&wanted))
            .collect()
    }

    /// Series that are exposed now, as far as stale markers are due for them.
    pub(crate) fn tracked(&self) -> impl Iterator<Item = SeriesRef> {
        self.order
            .iter()
            .map(|id| &self.entries[*id as usize])
            .filter(|entry| entry.tracked)
            .filter_map(|entry| entry.series)
    }

    /// Ends a pass whose body was taken. Hands every series that is not exposed any more to
    /// `ended`, and the group of every entry that is forgotten to `forgotten`.
    pub(crate) fn commit(
        &mut self,
        track_own_times: bool,
        mut ended: impl FnMut(SeriesRef),
        mut forgotten: impl FnMut(Group),
    ) {
        if self.is_steady && self.all_tracked && self.seen.len() == self.order.len() {
            return;
        }
        let old = std::mem::take(&mut self.order);
        for &id in &old {
            let entry = &self.entries[id as usize];
            if entry.last_pass == self.pass {
                continue;
            }
            if let (true, Some(series)) = (entry.tracked, entry.series) {
                ended(series);
            }
            forgotten(entry.group);
            self.remove(id);
        }
        self.order = std::mem::replace(&mut self.seen, old);
        self.all_tracked = true;
        for (position, &id) in self.order.iter().enumerate() {
            let entry = &mut self.entries[id as usize];
            entry.position = position as u32;
            let tracked = !entry.own_time || track_own_times;
            // A series that changes to times of its own ends as far as markers go.
            if let (true, false, Some(series)) = (entry.tracked, tracked, entry.series) {
                ended(series);
            }
            entry.tracked = tracked;
            self.all_tracked &= tracked;
        }
        self.compact();
    }

    /// Ends a pass whose body was not taken, or that had none: every series that was exposed has
    /// ended, entries stay for the next body, and those that this pass made are forgotten.
    pub(crate) fn fail(
        &mut self,
        mut ended: impl FnMut(SeriesRef),
        mut forgotten: impl FnMut(Group),
    ) {
        for &id in &self.order {
            let entry = &mut self.entries[id as usize];
            if let (true, Some(series)) = (entry.tracked, entry.series) {
                ended(series);
            }
            entry.tracked = false;
        }
        self.all_tracked = false;
        let seen = std::mem::take(&mut self.seen);
        for &id in &seen {
            let entry = &self.entries[id as usize];
            if entry.born_pass == self.pass {
                forgotten(entry.group);
                self.remove(id);
            }
        }
        self.seen = seen;
        self.compact();
    }

    fn remove(&mut self, id: EntryId) {
        let hash = xxh3_64(self.bytes(id));
        if let Ok(found) = self.table.find_entry(hash, |other| *other == id) {
            found.remove();
            let entry = &mut self.entries[id as usize];
            entry.series = None;
            entry.tracked = false;
            self.garbage += entry.length as usize;
            self.free.push(id);
        }
    }

    /// Gives bytes back once most of the arena is of no use.
    fn compact(&mut self) {
        const GARBAGE_MIN: usize = 64 << 10;
        if self.garbage < GARBAGE_MIN || self.garbage * 2 < self.arena.len() {
            return;
        }
        let mut arena = Vec::with_capacity(self.arena.len() - self.garbage);
        for &id in self.table.iter() {
            let start = arena.len() as u32;
            arena.extend_from_slice(entry_bytes(&self.entries, &self.arena, id));
            self.entries[id as usize].start = start;
        }
        self.arena = arena;
        self.garbage = 0;
    }
}

#[inline]
fn entry_bytes<'a>(entries: &[Entry], arena: &'a [u8], id: EntryId) -> &'a [u8] {
    let entry = &entries[id as usize];
    let start = entry.start as usize;
    &arena[start..start + entry.length as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays bodies, each a list of series names, and tells which series ended after each.
    fn play(bodies: &[Option<&[&str]>]) -> Vec<Vec<u64>> {
        let mut cache = SeriesCache::default();
        let mut names: Vec<String> = Vec::new();
        let mut told = Vec::new();
        for body in bodies {
            cache.begin();
            let mut ended = Vec::new();
            for name in body.unwrap_or_default() {
                let id = if cache.expected() == Some(name.as_bytes()) {
                    cache.take_expected()
                } else {
                    cache.find(name.as_bytes())
                };
                let id = id.unwrap_or_else(|| {
                    names.push((*name).to_owned());
                    let series = Some(SeriesRef(names.len() as u64));
                    cache.insert(name.as_bytes(), series, MetricType::Gauge, NO_GROUP, false)
                });
                assert_eq!(cache.bytes(id), name.as_bytes());
                cache.see(id, false);
            }
            match body {
                Some(_) => cache.commit(false, |series| ended.push(series.0), |_| {}),
                None => cache.fail(|series| ended.push(series.0), |_| {}),
            }
            ended.sort_unstable();
            told.push(ended);
        }
        told
    }

    #[test]
    fn series_that_are_gone_end_once() {
        let told = play(&[
            Some(&["a", "b", "c"]),
            Some(&["a", "b", "c"]),
            Some(&["a", "c"]),
            Some(&["a", "c"]),
            Some(&["c", "a", "b"]),
        ]);
        assert_eq!(told, [vec![], vec![], vec![2], vec![], vec![]]);
    }

    #[test]
    fn a_failed_pass_ends_all_and_the_next_one_knows_them_again() {
        let told = play(&[
            Some(&["a", "b"]),
            None,
            None,
            Some(&["a"]),
            Some(&["a"]),
            None,
        ]);
        assert_eq!(told, [vec![], vec![1, 2], vec![], vec![], vec![], vec![1]]);
    }

    proptest::proptest! {
        /// Against sets of names: what was there and is not any more has ended.
        #[test]
        fn any_bodies_end_what_is_gone(
            bodies in proptest::collection::vec(
                proptest::option::of(proptest::collection::vec(0u8..12, 0..12)), 1..12)
        ) {
            let texts: Vec<String> = (0..12).map(|n| format!("metric_{n}")).collect();
            let bodies: Vec<Option<Vec<&str>>> = bodies
                .iter()
                .map(|body| body.as_ref().map(|b| b.iter().map(|n| texts[*n as usize].as_str()).collect()))
                .collect();
            let views: Vec<Option<&[&str]>> = bodies.iter().map(|b| b.as_deref()).collect();
            let told = play(&views);
            let mut before: std::collections::BTreeSet<&str> = std::collections::BTreeSet::new();
            for (body, ended) in bodies.iter().zip(&told) {
                let now: std::collections::BTreeSet<&str> =
                    body.clone().unwrap_or_default().into_iter().collect();
                proptest::prop_assert_eq!(before.difference(&now).count(), ended.len());
                before = now;
            }
        }
    }
}
