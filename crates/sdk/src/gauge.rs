//! Numbers that go up and down.

use std::hint::cold_path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A value as it is now. Cheap to clone; clones are the same value.
#[derive(Debug, Clone)]
pub struct Gauge(Option<Arc<AtomicU64>>);

impl Gauge {
    /// A gauge that keeps nothing.
    pub const OFF: Self = Self(None);

    pub(crate) fn new() -> Self {
        Self(Some(Arc::default()))
    }

    /// Sets the value.
    #[inline]
    pub fn set(&self, value: f64) {
        match &self.0 {
            Some(bits) => bits.store(value.to_bits(), Ordering::Relaxed),
            // Measured: otherwise the store is out of the way, and the jump back is a sixth of the cost.
            None => cold_path(),
        }
    }

    /// Adds `change`, which may be negative.
    #[inline]
    pub fn add(&self, change: f64) {
        if let Some(bits) = &self.0 {
            let more = |bits| Some((f64::from_bits(bits) + change).to_bits());
            // The closure never declines, so the update cannot fail.
            let _updated = bits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        }
    }

    /// Adds one now, and takes it away when the guard is dropped: for what is in flight.
    #[must_use = "what is dropped at once is in flight for no time"]
    pub fn track(&self) -> InFlight {
        self.add(1.0);
        InFlight(self.clone())
    }

    /// The value; 0 where nothing was set.
    #[must_use]
    pub fn get(&self) -> f64 {
        let bits = self.0.as_ref().map(|bits| bits.load(Ordering::Relaxed));
        bits.map_or(0.0, f64::from_bits)
    }
}

/// One thing in flight, until it is dropped.
#[derive(Debug)]
pub struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.add(-1.0);
    }
}
