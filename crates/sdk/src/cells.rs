//! Numbers that many threads add to without waiting for one another.
//!
//! ## Model
//! A *slab* is an array of 64-bit cells that belongs to one thread. A [`Place`] is the same index in
//! every slab. A thread adds to the cell of its own slab; a [`Reader`] adds up what all slabs hold at a
//! place. When a thread ends its slab goes to the next thread that begins, with what it holds.
//!
//! ## Invariants
//! Only its owner writes to a slab, so that adding needs no locked instruction. Threads beyond
//! [`SLABS_MAX`], and threads that are ending, add to one shared slab under a lock. A place that was
//! given up is zero in all slabs before it is given out again.
//!
//! ## Limits
//! A slab grows when its thread first adds to a place beyond its end; what it grew out of is not given
//! back, since a reader may look at it: at most 32 bytes for each cell and thread.
//!
//! ## See also
//! ADR 0005. Per-thread cells that a reader adds up are the "statistical counters" of McKenney, "Is
//! Parallel Programming Hard, And, If So, What Can You Do About It?", section 5.2.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// Slabs with an owner. Chosen: more threads than this rarely count at the same time; the others share.
const SLABS_MAX: usize = 256;
/// Cells of a slab when it begins.
const SLAB_CELLS: usize = 1_024;
/// Cells of all. Chosen: 32 million numbers, 256 MiB a thread that counts all of them.
const CELLS_MAX: u32 = 1 << 25;
/// Cells of one range. Chosen: a histogram with the most bounds.
const RANGE_CELLS_MAX: u32 = 512;

/// Where a number is, in every slab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(u32);

impl Place {
    /// Of a number that nobody keeps.
    pub(crate) const OFF: Self = Self(u32::MAX);

    #[inline]
    pub(crate) fn is_off(self) -> bool {
        self == Self::OFF
    }

    /// As a number that is never 0.
    pub(crate) fn pack(self) -> u32 {
        self.0 + 1
    }

    /// What was packed; `None` for 0.
    #[inline]
    pub(crate) fn unpack(packed: u32) -> Option<Self> {
        packed.checked_sub(1).map(Self)
    }

    /// The place that lies so far behind, in the same range.
    #[inline]
    pub(crate) fn at(self, index: u32) -> Self {
        Self(self.0 + index)
    }
}

type Cells = &'static [AtomicU64];

/// The cells of one thread after another.
#[derive(Debug, Default)]
struct Slab {
    /// Those in use. Held while the slab grows, while it is read, and while places are set to zero: what
    /// is copied as it grows is neither read nor forgotten.
    cells: Mutex<Cells>,
}

#[derive(Debug)]
struct Slabs {
    all: Vec<Arc<Slab>>,
    /// Those without an owner.
    waiting: Vec<Arc<Slab>>,
}

/// Held when threads begin and end, and when somebody begins to read.
static SLABS: Mutex<Slabs> = Mutex::new(Slabs {
    all: Vec::new(),
    waiting: Vec::new(),
});

/// Of threads without a slab.
static SHARED: Mutex<Vec<u64>> = Mutex::new(Vec::new());

thread_local! {
    /// The cells of this thread's slab; empty until it has one, and again when it ends. Without a
    /// destructor and made at compile time, so that looking costs one load.
    static CELLS: Cell<Cells> = const { Cell::new(&[]) };
    static OWNER: Owner = Owner::claim();
}

/// A thread's hold on its slab.
#[derive(Debug)]
struct Owner(Option<Arc<Slab>>);

impl Owner {
    fn claim() -> Self {
        let mut slabs = SLABS.lock();
        let slab = slabs.waiting.pop().or_else(|| {
            (slabs.all.len() < SLABS_MAX).then(|| {
                let slab = Arc::<Slab>::default();
                slabs.all.push(Arc::clone(&slab));
                slab
            })
        });
        Self(slab)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        CELLS.set(&[]);
        if let Some(slab) = self.0.take() {
            // What this thread has added is seen by the next owner: both hold the lock.
            SLABS.lock().waiting.push(slab);
        }
    }
}

impl Slab {
    /// The cells, at least so many.
    fn grow(&self, len: usize) -> Cells {
        let mut cells = self.cells.lock();
        if cells.len() < len {
            let more = len.next_power_of_two().max(SLAB_CELLS);
            let old = cells.iter().map(|cell| cell.load(Ordering::Relaxed));
            let new = old.chain(std::iter::repeat(0)).take(more);
            // Never given back: see the limits.
            *cells = Box::leak(new.map(AtomicU64::new).collect());
        }
        *cells
    }
}

/// The thread's own cell, where it can be had.
#[cold]
#[inline(never)]
fn own_cell(place: Place) -> Option<&'static AtomicU64> {
    let index = place.0 as usize;
    if place.0 >= CELLS_MAX {
        return None;
    }
    let cells = OWNER.try_with(|owner| owner.0.as_ref().map(|slab| slab.grow(index + 1)));
    // A thread that ends has none any more.
    let cells = cells.ok().flatten()?;
    CELLS.set(cells);
    cells.get(index)
}

#[cold]
#[inline(never)]
fn add_shared(place: Place, change: impl FnOnce(u64) -> u64) {
    if place.0 >= CELLS_MAX {
        return;
    }
    let index = place.0 as usize;
    let mut shared = SHARED.lock();
    if shared.len() <= index {
        shared.resize((index + 1).next_power_of_two(), 0);
    }
    if let Some(number) = shared.get_mut(index) {
        *number = change(*number);
    }
}

#[inline]
fn change(cells: Cells, place: Place, change: impl FnOnce(u64) -> u64) {
    let own = cells.get(place.0 as usize);
    match own.or_else(|| own_cell(place)) {
        // Nobody else writes to it.
        Some(cell) => cell.store(change(cell.load(Ordering::Relaxed)), Ordering::Relaxed),
        None => add_shared(place, change),
    }
}

/// Adds to a number.
#[inline]
pub(crate) fn add(place: Place, n: u64) {
    change(CELLS.get(), place, |number| number.wrapping_add(n));
}

/// Adds to a number that holds the bits of an `f64`.
#[inline]
pub(crate) fn add_float(place: Place, value: f64) {
    change(CELLS.get(), place, |bits| more(bits, value));
}

/// Counts in one place and adds to another.
#[inline]
pub(crate) fn observe(bucket: Place, sum: Place, value: f64) {
    let cells = CELLS.get();
    change(cells, bucket, |count| count.wrapping_add(1));
    change(cells, sum, |bits| more(bits, value));
}

#[inline]
fn more(bits: u64, value: f64) -> u64 {
    (f64::from_bits(bits) + value).to_bits()
}

/// Reads numbers. What is added meanwhile may or may not be seen; nobody who adds waits.
#[derive(Debug)]
pub struct Reader {
    slabs: Vec<Cells>,
    shared: Vec<u64>,
}

impl Reader {
    pub(crate) fn new() -> Self {
        let slabs = SLABS.lock().all.clone();
        Self {
            slabs: slabs.iter().map(|slab| *slab.cells.lock()).collect(),
            shared: SHARED.lock().clone(),
        }
    }

    fn numbers(&self, place: Place) -> impl Iterator<Item = u64> {
        let index = place.0 as usize;
        let own = self.slabs.iter().filter_map(move |cells| cells.get(index));
        let own = own.map(|cell| cell.load(Ordering::Relaxed));
        own.chain(self.shared.get(index).copied())
    }

    /// What all threads have added.
    pub(crate) fn sum(&self, place: Place) -> u64 {
        self.numbers(place).fold(0, u64::wrapping_add)
    }

    /// The same for bits of `f64`.
    pub(crate) fn sum_float(&self, place: Place) -> f64 {
        self.numbers(place).map(f64::from_bits).sum()
    }
}

/// Numbers that lie side by side, all zero at first. Given up when dropped.
#[derive(Debug)]
pub(crate) struct Range {
    place: Place,
    len: u32,
}

#[derive(Debug)]
struct Free {
    /// Given up, by length.
    ranges: BTreeMap<u32, Vec<Place>>,
    next: u32,
}

static FREE: Mutex<Free> = Mutex::new(Free {
    ranges: BTreeMap::new(),
    next: 0,
});

impl Range {
    /// So many cells; `None`: there are no more, or that is more than one range has.
    pub(crate) fn new(len: u32) -> Option<Self> {
        let mut free = FREE.lock();
        if let Some(place) = free.ranges.get_mut(&len).and_then(Vec::pop) {
            return Some(Self { place, len });
        }
        if len > RANGE_CELLS_MAX || free.next + len > CELLS_MAX {
            return None;
        }
        let place = Place(free.next);
        free.next += len;
        Some(Self { place, len })
    }

    #[inline]
    pub(crate) fn place(&self) -> Place {
        self.place
    }
}

impl Drop for Range {
    fn drop(&mut self) {
        let (begin, end) = (self.place.0 as usize, (self.place.0 + self.len) as usize);
        let slabs = SLABS.lock().all.clone();
        for slab in slabs {
            // Nobody adds to it any more: whoever could would hold the range.
            let cells = slab.cells.lock();
            for cell in cells.iter().take(end).skip(begin) {
                cell.store(0, Ordering::Relaxed);
            }
        }
        for number in SHARED.lock().iter_mut().take(end).skip(begin) {
            *number = 0;
        }
        let mut free = FREE.lock();
        free.ranges.entry(self.len).or_default().push(self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_add_is_added_up_and_outlives_them() {
        let range = Range::new(3).unwrap();
        let (count, sum) = (range.place(), range.place().at(2));
        std::thread::scope(|scope| {
            for thread in 0..8 {
                scope.spawn(move || {
                    for _ in 0..1_000 {
                        add(count, 2);
                        add_float(sum, f64::from(thread));
                    }
                });
            }
        });
        add(count, 1);
        let reader = Reader::new();
        assert_eq!(reader.sum(count), 16_001);
        assert_eq!(reader.sum_float(sum), 28_000.0);
        assert_eq!(reader.sum(range.place().at(1)), 0);
    }

    #[test]
    fn threads_beyond_the_slabs_lose_nothing() {
        let range = Range::new(2).unwrap();
        let (place, sum) = (range.place(), range.place().at(1));
        let all = std::sync::Barrier::new(SLABS_MAX + 40);
        std::thread::scope(|scope| {
            for _ in 0..SLABS_MAX + 40 {
                scope.spawn(|| {
                    add(place, 1);
                    // All are alive at the same time.
                    all.wait();
                    for _ in 0..100 {
                        observe(place, sum, 0.5);
                    }
                });
            }
        });
        assert!(SLABS.lock().all.len() <= SLABS_MAX);
        let reader = Reader::new();
        assert_eq!(reader.sum(place), (SLABS_MAX as u64 + 40) * 101);
        assert_eq!(reader.sum_float(sum), (SLABS_MAX as f64 + 40.0) * 50.0);
    }

    #[test]
    fn a_place_given_up_is_zero_when_it_is_given_out_again() {
        // Lengths that no other test uses.
        let range = Range::new(77).unwrap();
        let place = range.place();
        add(place.at(76), 5);
        drop(range);
        let again = Range::new(77).unwrap();
        assert_eq!(again.place(), place);
        assert_eq!(Reader::new().sum(place.at(76)), 0);
        assert!(Range::new(RANGE_CELLS_MAX + 1).is_none());
    }

    #[test]
    fn ranges_do_not_overlap() {
        let ranges: Vec<Range> = (0..2_000)
            .map(|n| Range::new(n % 100 + 1).unwrap())
            .collect();
        for (number, range) in ranges.iter().enumerate() {
            add(range.place(), number as u64);
            add(range.place().at(range.len - 1), 1);
        }
        let reader = Reader::new();
        for (number, range) in ranges.iter().enumerate() {
            let want = number as u64 + u64::from(range.len == 1);
            assert_eq!(reader.sum(range.place()), want);
        }
    }
}
