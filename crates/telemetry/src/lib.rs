//! What Bellwether measures of itself.
//!
//! ## Model
//! A [`Registry`] is handed to every part of the program. A part asks once for its cells
//! ([`Counter`], [`Gauge`], [`Histogram`]) and keeps them; changing a cell is one atomic operation.
//! Numbers that are only worth computing when somebody asks come from a collector
//! ([`Registry::add_collector`]).
//!
//! ## Invariants
//! Names are `bellwether_<area>_<what>_<unit>[_total]`, or those that Prometheus and node_exporter
//! made common. One name has one type and one help text; asking twice for the same name and labels
//! gives the same cell.
//!
//! ## See also
//! `docs/spec/glossary.md`.

mod exposition;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

pub use exposition::{FamilyType, Format, GatheredFamily, GatheredMetric, GatheredValue, Sink};

/// Goes up only.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The count.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Sets the value.
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    /// Adds `delta`, which may be negative.
    pub fn add(&self, delta: f64) {
        let add = |bits| Some((f64::from_bits(bits) + delta).to_bits());
        // The closure never declines, so the update cannot fail.
        let _updated = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// The value.
    #[must_use]
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// Counts observations in buckets with fixed upper bounds, which belong to the bucket.
#[derive(Debug)]
pub struct Histogram {
    bounds: Vec<f64>,
    /// One more than `bounds`: the last one is for what is above all of them.
    counts: Vec<AtomicU64>,
    sum: Gauge,
}

impl Histogram {
    fn new(bounds: &[f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self {
            bounds: bounds.to_vec(),
            counts,
            sum: Gauge::default(),
        }
    }

    /// Counts an observation.
    pub fn observe(&self, value: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.add(value);
    }

    /// Number of observations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }
}

/// Upper bounds for durations of requests, in seconds: 1 ms to 60 s. Chosen.
pub const DURATION_BOUNDS_SECONDS: [f64; 12] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0, 60.0,
];

#[derive(Debug, Clone)]
enum Cell {
    Counter(Arc<Counter>),
    Gauge(Arc<Gauge>),
    Histogram(Arc<Histogram>),
}

type LabelPairs = Vec<(String, String)>;

#[derive(Debug)]
struct Family {
    help: String,
    cells: BTreeMap<LabelPairs, Cell>,
}

/// Computes numbers when somebody asks for them.
type Collector = Box<dyn Fn(&mut Sink<'_>) + Send + Sync>;

/// All cells of the process. Clones share the same cells.
#[derive(Clone, Default)]
pub struct Registry(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Cells by name. Held only while cells are made or rendered.
    families: Mutex<BTreeMap<String, Family>>,
    /// Collectors, in the order in which they came.
    collectors: Mutex<Vec<Collector>>,
}

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The counter with a name that ends in `_total`, and labels.
    #[must_use]
    pub fn counter(&self, name: &str, help: &str, labels: &[(&str, &str)]) -> Arc<Counter> {
        match self.cell(name, help, labels, || Cell::Counter(Arc::default())) {
            Cell::Counter(counter) => counter,
            // The name has another type: the caller counts into a cell that nobody sees.
            _ => Arc::default(),
        }
    }

    /// The gauge with a name and labels.
    #[must_use]
    pub fn gauge(&self, name: &str, help: &str, labels: &[(&str, &str)]) -> Arc<Gauge> {
        match self.cell(name, help, labels, || Cell::Gauge(Arc::default())) {
            Cell::Gauge(gauge) => gauge,
            _ => Arc::default(),
        }
    }

    /// The histogram with a name and labels. `bounds` ascend; +Inf is implied.
    #[must_use]
    pub fn histogram(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        bounds: &[f64],
    ) -> Arc<Histogram> {
        match self.cell(name, help, labels, || {
            Cell::Histogram(Arc::new(Histogram::new(bounds)))
        }) {
            Cell::Histogram(histogram) => histogram,
            _ => Arc::new(Histogram::new(bounds)),
        }
    }

    /// Adds a function that computes numbers each time the registry is rendered.
    pub fn add_collector(&self, collector: impl Fn(&mut Sink<'_>) + Send + Sync + 'static) {
        self.0.collectors.lock().push(Box::new(collector));
    }

    /// All numbers as text.
    #[must_use]
    pub fn render(&self, format: Format) -> String {
        let mut out = String::with_capacity(16 << 10);
        let mut sink = Sink::new(&mut out, format);
        self.pour(&mut sink);
        sink.finish();
        out
    }

    /// All numbers as they are, by name; names are unique.
    #[must_use]
    pub fn gather(&self) -> Vec<GatheredFamily> {
        let mut families = Vec::new();
        self.pour(&mut Sink::gathering(&mut families));
        families.sort_by(|a, b| a.name.cmp(&b.name));
        families.dedup_by(|later, first| {
            let is_same = later.name == first.name;
            if is_same {
                first.metrics.append(&mut later.metrics);
            }
            is_same
        });
        families
    }

    fn pour(&self, sink: &mut Sink<'_>) {
        for (name, family) in self.0.families.lock().iter() {
            for (labels, cell) in &family.cells {
                let labels: Vec<(&str, &str)> = labels
                    .iter()
                    .map(|(n, v)| (n.as_str(), v.as_str()))
                    .collect();
                match cell {
                    Cell::Counter(counter) => {
                        sink.counter(name, &family.help, &labels, counter.get() as f64);
                    }
                    Cell::Gauge(gauge) => sink.gauge(name, &family.help, &labels, gauge.get()),
                    Cell::Histogram(histogram) => {
                        let counts: Vec<u64> = histogram
                            .counts
                            .iter()
                            .map(|c| c.load(Ordering::Relaxed))
                            .collect();
                        let sum = histogram.sum.get();
                        sink.histogram(
                            name,
                            &family.help,
                            &labels,
                            &histogram.bounds,
                            &counts,
                            sum,
                        );
                    }
                }
            }
        }
        for collector in self.0.collectors.lock().iter() {
            collector(sink);
        }
    }

    fn cell(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        make: impl FnOnce() -> Cell,
    ) -> Cell {
        let mut pairs: LabelPairs = labels
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        pairs.sort();
        let mut families = self.0.families.lock();
        let family = families.entry(name.to_owned()).or_insert_with(|| Family {
            help: help.to_owned(),
            cells: BTreeMap::new(),
        });
        family.cells.entry(pairs).or_insert_with(make).clone()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("families", &self.0.families.lock().len())
            .field("collectors", &self.0.collectors.lock().len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_gathered_by_name() {
        let registry = Registry::new();
        registry.gauge("z", "Is z.", &[("k", "1")]).set(2.0);
        let histogram = registry.histogram("c_seconds", "Takes c.", &[], &[0.1, 1.0]);
        histogram.observe(0.1);
        histogram.observe(5.0);
        registry.add_collector(|sink| {
            sink.counter("a_total", "Counts a.", &[], 3.0);
            sink.gauge("z", "Is z.", &[("k", "2")], 4.0);
        });
        let gathered = registry.gather();
        let names: Vec<(&str, FamilyType, usize)> = gathered
            .iter()
            .map(|family| {
                (
                    family.name.as_str(),
                    family.family_type,
                    family.metrics.len(),
                )
            })
            .collect();
        assert_eq!(
            names,
            [
                ("a_total", FamilyType::Counter, 1),
                ("c_seconds", FamilyType::Histogram, 1),
                ("z", FamilyType::Gauge, 2)
            ]
        );
        assert_eq!(
            gathered[1].metrics[0].value,
            GatheredValue::Histogram {
                buckets: vec![(0.1, 1), (1.0, 1)],
                count: 2,
                sum: 5.1
            }
        );
        assert_eq!(
            gathered[2].metrics[1].labels,
            [("k".to_owned(), "2".to_owned())]
        );
    }

    #[test]
    fn cells_are_shared_and_rendered() {
        let registry = Registry::new();
        registry
            .counter("a_total", "Counts a.", &[("kind", "x\"y")])
            .add(2);
        registry
            .counter("a_total", "Counts a.", &[("kind", "x\"y")])
            .increment();
        registry.gauge("b", "Is b.", &[]).set(-1.5);
        let histogram = registry.histogram("c_seconds", "Takes c.", &[], &[0.1, 1.0]);
        histogram.observe(0.1);
        histogram.observe(5.0);
        registry.add_collector(|sink| sink.gauge("d", "Is d.", &[("z", "1")], 4.0));
        let text = registry.render(Format::Prometheus);
        let want = "# HELP a_total Counts a.\n# TYPE a_total counter\na_total{kind=\"x\\\"y\"} 3\n\
                    # HELP b Is b.\n# TYPE b gauge\nb -1.5\n\
                    # HELP c_seconds Takes c.\n# TYPE c_seconds histogram\n\
                    c_seconds_bucket{le=\"0.1\"} 1\nc_seconds_bucket{le=\"1\"} 1\n\
                    c_seconds_bucket{le=\"+Inf\"} 2\nc_seconds_sum 5.1\nc_seconds_count 2\n\
                    # HELP d Is d.\n# TYPE d gauge\nd{z=\"1\"} 4\n";
        assert_eq!(text, want);
        let text = registry.render(Format::OpenMetrics);
        assert!(
            text.contains("# TYPE a counter\na_total{kind=\"x\\\"y\"} 3\n"),
            "{text}"
        );
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
