//! What collection measures of itself.

use std::sync::Arc;

use bellwether_telemetry::{Counter, DURATION_BOUNDS_SECONDS, Histogram, Registry};

/// Upper bounds for how late a scrape began, in seconds. Chosen around the promise of 0.1.
const LATENESS_BOUNDS_SECONDS: [f64; 8] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 1.0];

/// Cells of one job.
#[derive(Debug)]
pub(crate) struct JobMetrics {
    /// Scrapes that succeeded.
    pub(crate) succeeded: Arc<Counter>,
    /// Scrapes that failed.
    pub(crate) failed: Arc<Counter>,
    /// Turns that passed while the scrape before was not done.
    pub(crate) missed: Arc<Counter>,
    /// Samples in bodies.
    pub(crate) scraped: Arc<Counter>,
    /// Samples that the store refused or that stood twice in a body.
    pub(crate) rejected: Arc<Counter>,
    /// Series that the store refused.
    pub(crate) series_refused: Arc<Counter>,
    /// Bytes of bodies, unpacked.
    pub(crate) body_bytes: Arc<Counter>,
    /// How long parsing and writing took.
    pub(crate) processing: Arc<Histogram>,
    /// How late scrapes began.
    pub(crate) lateness: Arc<Histogram>,
    /// Refreshes of a discovery that failed.
    pub(crate) discovery_failed: Arc<Counter>,
}

impl JobMetrics {
    pub(crate) fn new(registry: &Registry, job: &str) -> Self {
        let labels = [("job", job)];
        let scrapes = |result| {
            registry.counter(
                "bellwether_scrape_scrapes_total",
                "Scrapes by job and result.",
                &[("job", job), ("result", result)],
            )
        };
        let counter = |name, help| registry.counter(name, help, &labels);
        Self {
            succeeded: scrapes("success"),
            failed: scrapes("failure"),
            missed: counter(
                "bellwether_scrape_missed_total",
                "Turns that passed while the scrape before was not done.",
            ),
            scraped: counter(
                "bellwether_scrape_samples_total",
                "Samples in scraped bodies.",
            ),
            rejected: counter(
                "bellwether_scrape_rejected_samples_total",
                "Samples that the store refused or that stood twice in a body.",
            ),
            series_refused: counter(
                "bellwether_scrape_refused_series_total",
                "Attempts to add a series that the store refused.",
            ),
            body_bytes: counter(
                "bellwether_scrape_body_bytes_total",
                "Bytes of scraped bodies after decompression.",
            ),
            processing: registry.histogram(
                "bellwether_scrape_processing_seconds",
                "Time to unpack, parse and write a scraped body.",
                &labels,
                &DURATION_BOUNDS_SECONDS,
            ),
            lateness: registry.histogram(
                "bellwether_scrape_lateness_seconds",
                "How long after its turn a scrape began.",
                &labels,
                &LATENESS_BOUNDS_SECONDS,
            ),
            discovery_failed: discovery_failures(registry, job),
        }
    }
}

/// Counts refreshes of the discoveries of a job, or of what else has some, that failed.
pub(crate) fn discovery_failures(registry: &Registry, job: &str) -> Arc<Counter> {
    registry.counter(
        "bellwether_scrape_discovery_failures_total",
        "Refreshes of a service discovery that failed.",
        &[("job", job)],
    )
}
