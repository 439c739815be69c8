//! The series of a probe.

use bellwether_model::{Labels, LabelsBuilder};
use bellwether_storage::{MetricStore, SeriesWriter, Source, WriteError};

use super::settings::ProbeSettings;
use crate::ProbeResult;

/// The job of all probes, as a scrape of blackbox_exporter would have one.
pub const PROBE_JOB: &str = "probes";

/// The labels that only the series of a probe have. Services have a label `probe` of their own.
pub(super) fn own_labels(settings: &ProbeSettings) -> Vec<(String, String)> {
    let own = [("job", PROBE_JOB), ("probe", settings.name.as_str())];
    own.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

/// Writes what a probe finds, under its labels.
#[derive(Debug)]
pub(super) struct ProbeSeries {
    writer: SeriesWriter,
    /// A check that was under way when the probe ended writes nothing any more.
    is_ended: bool,
    /// The labels of all its series.
    labels: Vec<(String, String)>,
}

impl ProbeSeries {
    pub(super) fn new(settings: &ProbeSettings) -> Self {
        let mut labels = settings.labels.clone();
        let own = [
            ("job", PROBE_JOB.to_owned()),
            ("instance", shown_target(settings)),
            ("probe", settings.name.clone()),
            ("module", settings.module_name.clone()),
            ("entity", settings.entity.to_string()),
        ];
        labels.extend(own.map(|(name, value)| (name.to_owned(), value)));
        Self {
            writer: SeriesWriter::new(Source::new("probes")),
            is_ended: false,
            labels,
        }
    }

    pub(super) fn write(
        &mut self,
        store: &dyn MetricStore,
        time_ms: i64,
        result: &ProbeResult,
    ) -> Result<(), WriteError> {
        if self.is_ended {
            return Ok(());
        }
        let labels = &self.labels;
        let samples = result.metrics.iter().map(|metric| {
            let own = metric.labels.iter();
            (labels_of(metric.name, labels, own), metric.value)
        });
        self.writer.write(store, time_ms, samples)
    }

    pub(super) fn end(&mut self, store: &dyn MetricStore, time_ms: i64) -> Result<(), WriteError> {
        self.is_ended = true;
        self.writer.end(store, time_ms)
    }
}

/// What the prober says stands over what the settings say.
fn labels_of<'a>(
    name: &str,
    labels: &'a [(String, String)],
    own: impl Iterator<Item = &'a (String, String)>,
) -> Labels {
    let mut builder = LabelsBuilder::default();
    builder.set("__name__", name);
    for (name, value) in labels.iter().chain(own) {
        builder.set(name, value);
    }
    builder.build()
}

/// The target as others may see it: without a password that may stand in it. Where it is the module that says what is
/// probed, the name of the probe.
pub fn shown_target(settings: &ProbeSettings) -> String {
    match settings.target.as_str() {
        "" => settings.name.clone(),
        target => crate::shown_target(target),
    }
}
