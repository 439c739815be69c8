//! Series of one name, told apart by labels.
//!
//! ## Model
//! A [`Family`] has a name and the names of its labels; [`Family::with`] gives the series with certain
//! values. The series of a set of values is made when it is first asked for and stays.
//!
//! ## Invariants
//! Looking up a series that exists takes no lock and allocates nothing.
//!
//! ## Limits
//! A family has at most as many series as its telemetry says; what goes beyond counts into one series
//! whose values are all [`OVERFLOW`]. Values are cut at 256 bytes.

use std::fmt::{self, Debug};
use std::hash::Hasher;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use rustc_hash::FxHasher;

use crate::append_list::AppendList;
use crate::cells::Reader;
use crate::exposition::{Value, label_text};
use crate::histogram::BucketSettings;
use crate::{Counter, FloatCounter, Gauge, Histogram};

/// The value of each label of the series that takes what has no series of its own.
pub const OVERFLOW: &str = "_overflow";
/// Bytes of a label's value. Chosen: paths and names fit, prompts do not.
const VALUE_BYTES_MAX: usize = 256;
/// Slots of the first table.
const TABLE_SLOTS: usize = 32;
const TABLES: usize = 24;

/// What a family can be of: counters, gauges, histograms.
pub trait Metric: private::Metric {}

pub(crate) mod private {
    use std::fmt::Debug;

    use crate::cells::Reader;
    use crate::exposition::Value;

    pub trait Metric: Clone + Debug + Send + Sync + 'static {
        /// How a new one is made.
        type Settings: Debug + Send + Sync;

        #[doc(hidden)]
        fn make(settings: &Self::Settings) -> Self;
        #[doc(hidden)]
        fn off() -> Self;
        #[doc(hidden)]
        fn value(&self, reader: &Reader) -> Value;
    }
}

/// A metric that is made without settings.
macro_rules! plain_metric {
    ($metric:ty, $value:expr) => {
        impl private::Metric for $metric {
            type Settings = ();

            fn make((): &()) -> Self {
                Self::new()
            }

            fn off() -> Self {
                Self::OFF
            }

            fn value(&self, reader: &Reader) -> Value {
                $value(self, reader)
            }
        }
    };
}

plain_metric!(Counter, |it: &Self, reader| Value::Count(it.read(reader)));
plain_metric!(FloatCounter, |it: &Self, reader| Value::Number(
    it.read(reader)
));
plain_metric!(Gauge, |it: &Self, _| Value::Number(it.get()));

impl private::Metric for Histogram {
    type Settings = BucketSettings;

    fn make(settings: &BucketSettings) -> Self {
        Self::new(settings)
    }

    fn off() -> Self {
        Self::OFF
    }

    fn value(&self, reader: &Reader) -> Value {
        Value::Histogram(Box::new(self.read(reader)))
    }
}

impl Metric for Counter {}
impl Metric for FloatCounter {}
impl Metric for Gauge {}
impl Metric for Histogram {}

/// Series of one name. Cheap to clone; clones are the same family.
pub struct Family<M: Metric, const N: usize>(Arc<Core<M, N>>);

pub(crate) struct Core<M: Metric, const N: usize> {
    names: [&'static str; N],
    settings: M::Settings,
    series: AppendList<Series<M, N>>,
    /// Positions of series, plus one, by hash: open addressing, the newest table last. What is added
    /// to a table is never moved within it.
    tables: [OnceLock<Box<[AtomicU32]>>; TABLES],
    /// Which table to ask.
    current: AtomicUsize,
    /// Held while a series is made.
    making: Mutex<()>,
    series_max: usize,
    overflow: OnceLock<M>,
    /// Takes what had no series of its own.
    refused: Counter,
    off: M,
    is_off: bool,
}

struct Series<M, const N: usize> {
    hash: u64,
    values: [Box<str>; N],
    /// `a="x",b="y"`, as text formats write it.
    text: Box<str>,
    metric: M,
}

impl<M: Metric, const N: usize> Clone for Family<M, N> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Metric, const N: usize> Debug for Family<M, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family")
            .field("labels", &self.0.names)
            .field("series", &self.0.series.len())
            .finish()
    }
}

fn hash_of<const N: usize>(values: &[&str; N]) -> u64 {
    let mut hasher = FxHasher::default();
    for value in values {
        hasher.write(value.as_bytes());
        hasher.write_u8(0xff);
    }
    hasher.finish()
}

fn cut(value: &str) -> &str {
    if value.len() <= VALUE_BYTES_MAX {
        return value;
    }
    let end = value.floor_char_boundary(VALUE_BYTES_MAX);
    value.get(..end).unwrap_or_default()
}

impl<M: Metric, const N: usize> Family<M, N> {
    pub(crate) fn new(
        names: [&'static str; N],
        settings: M::Settings,
        (series_max, refused): (usize, Counter),
    ) -> Self {
        Self::make(names, settings, (series_max, refused), false)
    }

    /// A family that keeps nothing.
    pub(crate) fn off(settings: M::Settings) -> Self {
        Self::make([""; N], settings, (0, Counter::OFF), true)
    }

    fn make(
        names: [&'static str; N],
        settings: M::Settings,
        (series_max, refused): (usize, Counter),
        is_off: bool,
    ) -> Self {
        Self(Arc::new(Core {
            names,
            settings,
            series: AppendList::default(),
            tables: std::array::from_fn(|_| OnceLock::new()),
            current: AtomicUsize::new(0),
            making: Mutex::new(()),
            series_max,
            overflow: OnceLock::new(),
            refused,
            off: M::off(),
            is_off,
        }))
    }

    /// A family without labels whose only series is there already.
    pub(crate) fn of_one(metric: M) -> Self
    where
        M: Metric<Settings = ()>,
    {
        let family = Self::new([""; N], (), (0, Counter::OFF));
        // It is new: nothing overflowed yet.
        let _is_set = family.0.overflow.set(metric);
        family
    }

    pub(crate) fn labels(&self) -> [&'static str; N] {
        self.0.names
    }

    pub(crate) fn core(&self) -> Arc<Core<M, N>> {
        Arc::clone(&self.0)
    }

    /// The series with these values, in the order of the names. To be kept where it is used often:
    /// what was looked up before costs nothing more than a plain metric.
    #[inline]
    #[must_use]
    pub fn with(&self, values: [&str; N]) -> &M {
        let core = &*self.0;
        if core.is_off {
            return &core.off;
        }
        let hash = hash_of(&values);
        match core.find(hash, &values) {
            Some(series) => &series.metric,
            None => core.make_series(&values),
        }
    }
}

impl<M: Metric, const N: usize> Core<M, N> {
    #[inline]
    fn find(&self, hash: u64, values: &[&str; N]) -> Option<&Series<M, N>> {
        let current = self.current.load(Ordering::Acquire);
        let table = self.tables.get(current)?.get()?;
        let mask = table.len() - 1;
        let mut slot = hash as usize & mask;
        // Ends at an empty slot: half of them are.
        loop {
            let position = table[slot].load(Ordering::Acquire);
            let index = position.checked_sub(1)?;
            let series = self.series.get(index as usize)?;
            let is_same = |series: &Series<M, N>| {
                let mut pairs = series.values.iter().zip(values);
                pairs.all(|(ours, wanted)| **ours == **wanted)
            };
            if series.hash == hash && is_same(series) {
                return Some(series);
            }
            slot = (slot + 1) & mask;
        }
    }

    #[cold]
    fn make_series(&self, values: &[&str; N]) -> &M {
        // A value that is too long is looked up as it is, not found, and looked up again as it is kept.
        let values = &values.map(cut);
        let hash = hash_of(values);
        let making = self.making.lock();
        // Somebody else may have been faster.
        if let Some(series) = self.find(hash, values) {
            return &series.metric;
        }
        let made = (self.series.len() < self.series_max)
            .then(|| self.append(hash, values))
            .flatten();
        drop(making);
        match made {
            Some(series) => &series.metric,
            None => {
                self.refused.increment();
                self.overflow.get_or_init(|| M::make(&self.settings))
            }
        }
    }

    fn append(&self, hash: u64, values: &[&str; N]) -> Option<&Series<M, N>> {
        let series = Series {
            hash,
            values: values.map(Box::from),
            text: label_text(self.names.iter().copied().zip(values.iter().copied())).into(),
            metric: M::make(&self.settings),
        };
        let index = self.series.push(series)?;
        let current = self.current.load(Ordering::Acquire);
        let slots = TABLE_SLOTS << current;
        if index == 0 {
            let table = self.tables.first()?.get_or_init(|| empty(TABLE_SLOTS));
            put(table, hash, index);
        } else if (index + 1) * 2 <= slots {
            put(self.tables.get(current)?.get()?, hash, index);
        } else {
            let table = empty(slots * 2);
            for (index, series) in self.series.iter().enumerate() {
                put(&table, series.hash, index);
            }
            let next = self.tables.get(current + 1)?;
            next.set(table).ok()?;
            self.current.store(current + 1, Ordering::Release);
        }
        self.series.get(index)
    }
}

fn empty(slots: usize) -> Box<[AtomicU32]> {
    (0..slots).map(|_| AtomicU32::new(0)).collect()
}

fn put(table: &[AtomicU32], hash: u64, index: usize) {
    let mask = table.len() - 1;
    let mut slot = hash as usize & mask;
    while table[slot].load(Ordering::Relaxed) != 0 {
        slot = (slot + 1) & mask;
    }
    table[slot].store(index as u32 + 1, Ordering::Release);
}

/// Gets labels and value of a series.
pub(crate) type TakeLabels<'a> = &'a mut dyn FnMut(&[(&str, &str)], Value);

/// Series whose numbers can be read.
pub(crate) trait Readable: Send + Sync {
    /// Calls back with labels (as text formats write them) and value of each series.
    fn read(&self, reader: &Reader, take: &mut dyn FnMut(&str, Value));

    /// Calls back with labels and value of each series.
    fn read_labels(&self, reader: &Reader, take: TakeLabels<'_>);
}

impl<M: Metric, const N: usize> Readable for Core<M, N> {
    fn read(&self, reader: &Reader, take: &mut dyn FnMut(&str, Value)) {
        for series in self.series.iter() {
            take(&series.text, series.metric.value(reader));
        }
        if let Some(overflow) = self.overflow.get() {
            let text = label_text(self.names.iter().map(|name| (*name, OVERFLOW)));
            take(&text, overflow.value(reader));
        }
    }

    fn read_labels(&self, reader: &Reader, take: TakeLabels<'_>) {
        for series in self.series.iter() {
            let mut pairs = [("", ""); N];
            for ((pair, name), value) in pairs.iter_mut().zip(self.names).zip(&series.values) {
                *pair = (name, value);
            }
            take(&pairs, series.metric.value(reader));
        }
        if let Some(overflow) = self.overflow.get() {
            let pairs = self.names.map(|name| (name, OVERFLOW));
            take(&pairs, overflow.value(reader));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(series_max: usize) -> (Family<Counter, 2>, Counter) {
        let refused = Counter::new();
        let limits = (series_max, refused.clone());
        (Family::new(["route", "code"], (), limits), refused)
    }

    #[test]
    fn the_same_values_are_the_same_series() {
        let (family, _) = family(100_000);
        for round in 0..3 {
            for number in 0..5_000 {
                let route = format!("/{number}");
                family.with([&route, "200"]).add(round);
            }
        }
        assert_eq!(family.0.series.len(), 5_000);
        assert_eq!(family.with(["/17", "200"]).get(), 3);
        // Where one value ends matters.
        family.with(["a", "bc"]).increment();
        assert_eq!(family.with(["ab", "c"]).get(), 0);
    }

    #[test]
    fn what_goes_beyond_the_limit_counts_into_one_series() {
        let (family, refused) = family(3);
        for number in 0..10 {
            family.with([&number.to_string(), ""]).increment();
        }
        let mut seen = Vec::new();
        family.0.read(&Reader::new(), &mut |text, value| {
            seen.push(format!("{text} {value:?}"));
        });
        assert_eq!(seen.len(), 4);
        assert_eq!(
            seen.last().map(String::as_str),
            Some(r#"route="_overflow",code="_overflow" Count(7)"#)
        );
        assert_eq!(refused.get(), 7);
        let long = "é".repeat(1_000);
        let (family, _) = self::family(10);
        family.with([&long, ""]).increment();
        let cut = "é".repeat(VALUE_BYTES_MAX / 2);
        assert_eq!(family.with([&cut, ""]).get(), 1);
    }

    #[test]
    fn threads_that_make_the_same_series_count_together() {
        let (family, _) = family(10_000);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for number in 0..2_000 {
                        family.with([&number.to_string(), "x"]).increment();
                    }
                });
            }
        });
        assert_eq!(family.0.series.len(), 2_000);
        for number in 0..2_000 {
            assert_eq!(family.with([&number.to_string(), "x"]).get(), 8);
        }
    }
}
