//! A target without a network or a store, to measure what a sample costs. Not for anything else.

use std::sync::Arc;

use bellwether_model::Labels;
use bellwether_storage::NowhereStore;

use crate::exposition::{Format, HistogramOptions};
use crate::session::{Report, Session};
use crate::settings::ScrapeSettings;

/// A target whose samples go nowhere.
#[derive(Debug)]
pub struct Target {
    session: Session,
}

impl Default for Target {
    fn default() -> Self {
        Self::new()
    }
}

impl Target {
    /// A target with two labels of its own.
    #[must_use]
    pub fn new() -> Self {
        let labels = Labels::from_pairs([("instance", "10.0.0.1:9100"), ("job", "measure")]);
        let settings = Arc::new(ScrapeSettings::new("measure"));
        let store = Arc::new(NowhereStore::default());
        Self {
            session: Session::new(store, settings, HistogramOptions::default(), labels),
        }
    }

    /// Takes a body as a scrape would. Answers how many samples were written.
    pub fn take(&mut self, body: &[u8], format: Format, time_ms: i64) -> u64 {
        let report = Report {
            time_ms,
            duration_seconds: 0.0,
            timeout_ms: 10_000,
            body_bytes: body.len() as i64,
        };
        self.session.take(body, format, || report, time_ms).added
    }
}
