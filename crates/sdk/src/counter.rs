//! Numbers that only grow.

use std::sync::Arc;

use crate::cells::{self, Place, Range, Reader};

/// A number of its own, or of nobody.
#[derive(Debug, Clone)]
struct Cell {
    place: Place,
    _range: Option<Arc<Range>>,
}

impl Cell {
    const OFF: Self = Self {
        place: Place::OFF,
        _range: None,
    };

    fn new() -> Self {
        Range::new(1).map_or(Self::OFF, |range| Self {
            place: range.place(),
            _range: Some(Arc::new(range)),
        })
    }
}

/// A count of things. Cheap to clone; clones count together.
///
/// Adding is one load and one store of a number that belongs to the thread: threads that count the same
/// thing do not slow one another down.
#[derive(Debug, Clone)]
pub struct Counter(Cell);

impl Counter {
    /// A counter that counts nothing.
    pub const OFF: Self = Self(Cell::OFF);

    pub(crate) fn new() -> Self {
        Self(Cell::new())
    }

    /// Adds one.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `n`. Wraps around at 2^64.
    #[inline]
    pub fn add(&self, n: u64) {
        if !self.0.place.is_off() {
            cells::add(self.0.place, n);
        }
    }

    /// The count so far, over all threads. Slower than adding: not for hot paths.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.read(&Reader::new())
    }

    pub(crate) fn read(&self, reader: &Reader) -> u64 {
        reader.sum(self.0.place)
    }
}

/// A sum of amounts that are not whole: seconds, money. Cheap to clone; clones add together.
#[derive(Debug, Clone)]
pub struct FloatCounter(Cell);

impl FloatCounter {
    /// A counter that counts nothing.
    pub const OFF: Self = Self(Cell::OFF);

    pub(crate) fn new() -> Self {
        Self(Cell::new())
    }

    /// Adds an amount. One that is negative, infinite or no number is left out: the sum only grows.
    #[inline]
    pub fn add(&self, amount: f64) {
        if !self.0.place.is_off() && amount >= 0.0 && amount.is_finite() {
            cells::add_float(self.0.place, amount);
        }
    }

    /// The sum so far, over all threads. Slower than adding: not for hot paths.
    #[must_use]
    pub fn get(&self) -> f64 {
        self.read(&Reader::new())
    }

    pub(crate) fn read(&self, reader: &Reader) -> f64 {
        reader.sum_float(self.0.place)
    }
}
