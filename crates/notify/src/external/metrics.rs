//! What is counted of each Alertmanager, under the names of Prometheus' notifier.
//!
//! ## Invariants
//! Numbers live as long as a line to their Alertmanager does; two lines to one share them, so that
//! a name and labels stand in the exposition once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use bellwether_telemetry::Sink;
use parking_lot::Mutex;

/// Upper bounds for how long requests take, in seconds: those of Prometheus.
const LATENCY_BOUNDS_SECONDS: [f64; 4] = [0.01, 0.1, 1.0, 10.0];

/// The numbers of one Alertmanager.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// Alerts that it took.
    pub(super) sent: AtomicU64,
    /// Alerts in requests that failed.
    pub(super) errors: AtomicU64,
    /// Alerts that were not sent or not taken.
    pub(super) dropped: AtomicU64,
    /// Alerts that wait.
    pub(super) queued: AtomicUsize,
    latency: Mutex<Latency>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Latency {
    counts: [u64; LATENCY_BOUNDS_SECONDS.len() + 1],
    sum_seconds: f64,
}

impl Numbers {
    /// Counts a request that succeeded.
    pub(super) fn took(&self, seconds: f64) {
        let bucket = LATENCY_BOUNDS_SECONDS.partition_point(|bound| *bound < seconds);
        let mut latency = self.latency.lock();
        if let Some(count) = latency.counts.get_mut(bucket) {
            *count += 1;
        }
        latency.sum_seconds += seconds;
    }
}

/// Counts alerts.
pub(super) fn add(counter: &AtomicU64, alerts: usize) {
    counter.fetch_add(alerts as u64, Ordering::Relaxed);
}

/// The numbers of all Alertmanagers by their URL.
#[derive(Debug, Default)]
pub(super) struct Metrics(Mutex<BTreeMap<String, Weak<Numbers>>>);

impl Metrics {
    /// The numbers of an Alertmanager.
    pub(super) fn of(&self, url: &str) -> Arc<Numbers> {
        let mut known = self.0.lock();
        known.retain(|_, numbers| numbers.strong_count() > 0);
        if let Some(numbers) = known.get(url).and_then(Weak::upgrade) {
            return numbers;
        }
        let numbers = Arc::default();
        known.insert(url.to_owned(), Arc::downgrade(&numbers));
        numbers
    }

    pub(super) fn pour(&self, sink: &mut Sink<'_>) {
        let numbers: Vec<(String, Arc<Numbers>)> = {
            let known = self.0.lock();
            let alive = known.iter();
            alive
                .filter_map(|(url, numbers)| Some((url.clone(), numbers.upgrade()?)))
                .collect()
        };
        type Read = fn(&Numbers) -> u64;
        let counters: [(&str, &str, Read); 3] = [
            (
                "prometheus_notifications_sent_total",
                "Alerts that another Alertmanager took.",
                |n| n.sent.load(Ordering::Relaxed),
            ),
            (
                "prometheus_notifications_errors_total",
                "Alerts in requests to another Alertmanager that failed.",
                |n| n.errors.load(Ordering::Relaxed),
            ),
            (
                "prometheus_notifications_dropped_total",
                "Alerts that another Alertmanager did not get: in requests that failed, or over the \
                 capacity of its queue.",
                |n| n.dropped.load(Ordering::Relaxed),
            ),
        ];
        for (name, help, read) in counters {
            for (url, numbers) in &numbers {
                let labels = [("alertmanager", url.as_str())];
                sink.counter(name, help, &labels, read(numbers) as f64);
            }
        }
        for (url, numbers) in &numbers {
            sink.gauge(
                "prometheus_notifications_queue_length",
                "Alerts that wait for another Alertmanager.",
                &[("alertmanager", url)],
                numbers.queued.load(Ordering::Relaxed) as f64,
            );
        }
        for (url, numbers) in &numbers {
            let latency = *numbers.latency.lock();
            sink.histogram(
                "prometheus_notifications_latency_histogram_seconds",
                "How long requests took that another Alertmanager answered well.",
                &[("alertmanager", url)],
                &LATENCY_BOUNDS_SECONDS,
                &latency.counts,
                latency.sum_seconds,
            );
        }
    }
}
