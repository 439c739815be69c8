//! From the bytes in which a series arrives to the series, without reading its labels.

use bellwether_storage::SeriesKey;
use hashbrown::HashTable;

/// A key and its series in 20 bytes; two `u64`s would need 24.
#[derive(Debug, Clone, Copy)]
struct Entry {
    key: [u32; 4],
    series: u32,
}

/// Keys of series. A series has one for each form in which it arrives.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    table: HashTable<Entry>,
}

fn split(key: SeriesKey) -> [u32; 4] {
    let key = key.0;
    [
        key as u32,
        (key >> 32) as u32,
        (key >> 64) as u32,
        (key >> 96) as u32,
    ]
}

fn hash(key: &[u32; 4]) -> u64 {
    // Keys are hashes already.
    u64::from(key[0]) | u64::from(key[1]) << 32
}

impl Keys {
    #[inline]
    pub(crate) fn get(&self, key: SeriesKey) -> Option<u32> {
        let key = split(key);
        self.table
            .find(hash(&key), |entry| entry.key == key)
            .map(|entry| entry.series)
    }

    pub(crate) fn insert(&mut self, key: SeriesKey, series: u32) {
        let key = split(key);
        match self.table.find_mut(hash(&key), |entry| entry.key == key) {
            Some(entry) => entry.series = series,
            None => {
                let entry = Entry { key, series };
                self.table
                    .insert_unique(hash(&key), entry, |entry| hash(&entry.key));
            }
        }
    }

    /// Keeps the keys of series for which `keep` holds.
    pub(crate) fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        self.table.retain(|entry| keep(entry.series));
        self.table.shrink_to_fit(|entry| hash(&entry.key));
    }

    pub(crate) fn clear(&mut self) {
        self.table = HashTable::new();
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.table.allocation_size()
    }
}
