//! A list that only grows, read without a lock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Items of the first chunk; each chunk is twice as large as the one before.
const CHUNK_ITEMS: usize = 16;
const CHUNKS: usize = 24;

/// See the module's page. Pushing is for one thread at a time: whoever calls holds a lock of their own.
#[derive(Debug)]
pub(crate) struct AppendList<T> {
    chunks: [OnceLock<Box<[OnceLock<T>]>>; CHUNKS],
    len: AtomicUsize,
}

impl<T> Default for AppendList<T> {
    fn default() -> Self {
        Self {
            chunks: std::array::from_fn(|_| OnceLock::new()),
            len: AtomicUsize::new(0),
        }
    }
}

fn place(index: usize) -> (usize, usize) {
    let number = index + CHUNK_ITEMS;
    let chunk = (number.ilog2() - CHUNK_ITEMS.ilog2()) as usize;
    (chunk, number - (CHUNK_ITEMS << chunk))
}

impl<T> AppendList<T> {
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        let (chunk, offset) = place(index);
        self.chunks.get(chunk)?.get()?.get(offset)?.get()
    }

    /// Appends an item and gives its index; `None`: there is no more room, or somebody else appends.
    pub(crate) fn push(&self, item: T) -> Option<usize> {
        let index = self.len();
        let (chunk, offset) = place(index);
        let items = self.chunks.get(chunk)?.get_or_init(|| {
            let items = (0..CHUNK_ITEMS << chunk).map(|_| OnceLock::new());
            items.collect()
        });
        items.get(offset)?.set(item).ok()?;
        self.len.store(index + 1, Ordering::Release);
        Some(index)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_stay_where_they_are() {
        let list = AppendList::default();
        assert_eq!((list.len(), list.get(0)), (0, None));
        for number in 0..1_000 {
            assert_eq!(list.push(number), Some(number));
        }
        assert!(list.iter().copied().eq(0..1_000));
        assert_eq!(list.get(1_000), None);
    }
}
