//! From a body to the store: the part of a scrape that needs no network.
//!
//! ## Model
//! A [`Session`] belongs to one target as long as it is scraped. [`Session::take`] parses a body
//! and writes its samples, stale markers for series that ended, and the scrape's own series (`up`
//! and its kin) in one batch; [`Session::miss`] does so for a scrape without a body and
//! [`Session::end`] when the target goes away.
//!
//! ## Invariants
//! - All samples of a scrape without a time of their own share one.
//! - A scrape is taken whole or not at all: an error in the body or a limit leaves nothing of it but
//!   stale markers and the report.
//! - Labels are parsed and relabelled when a series is first seen; afterwards a sample costs a
//!   comparison, a number and three pushes.
//!
//! ## Failure
//! A series that the store refuses is left out and counted; the others are taken.

mod families;
mod starts;

use std::fmt;
use std::sync::Arc;

use bellwether_model::{
    Labels, LabelsBuilder, METRIC_NAME, Metadata, MetricType, STALE_NAN, ShortLabels, relabel,
    short, short_bytes, utf8_name,
};
use bellwether_storage::{
    MetricStore, RejectionReason, SeriesRef, Source, StorageError, WriteBatch, WriteOutcome,
};
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::xxh3_64;

use self::families::Families;
use self::starts::Starts;
use crate::cache::{EntryId, Group, NO_GROUP, SeriesCache};
use crate::error::ScrapeError;
use crate::exposition::{
    Format, HistogramOptions, MetadataPiece, Sample, SampleValue, Sink, limit_buckets,
    limit_schema, parse, schema_for_factor, series_labels,
};
use crate::settings::{NameValidation, ScrapeSettings};

/// The series that a scrape writes of itself, in this order.
const REPORT_NAMES: [&str; 8] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes",
];
/// How many of them are written unless the job asks for more.
const REPORT_COUNT: usize = 5;

/// Metadata of a target's families, shared with those who ask for it.
pub(crate) type SharedMetadata = Arc<Mutex<FxHashMap<String, Metadata>>>;

/// What a scrape did, beside writing samples.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Samples in the body.
    pub(crate) scraped: u64,
    /// Samples left after relabelling and without duplicates.
    pub(crate) added: u64,
    /// Series that the last scrape did not have.
    pub(crate) series_added: u64,
    /// Samples that the store refused, or that stood twice in the body.
    pub(crate) rejected: u64,
    /// Series that the store refused.
    pub(crate) series_refused: u64,
    /// Why the scrape failed.
    pub(crate) error: Option<ScrapeError>,
    /// Something to tell although the scrape succeeded.
    pub(crate) warning: Option<String>,
}

/// What the report of a scrape says beside what [`Taken`] says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report {
    /// The time of the scrape.
    pub(crate) time_ms: i64,
    /// How long it took up to now, in seconds.
    pub(crate) duration_seconds: f64,
    pub(crate) timeout_ms: i64,
    /// Length of the body; -1 where it was above the limit.
    pub(crate) body_bytes: i64,
}

/// A target's state between scrapes.
pub(crate) struct Session {
    store: Arc<dyn MetricStore>,
    source: Source,
    settings: Arc<ScrapeSettings>,
    histograms: HistogramOptions,
    /// Labels that the target's series get.
    target_labels: Labels,
    cache: SeriesCache,
    starts: Starts,
    families: Families,
    /// Used again for each scrape.
    batch: WriteBatch,
    /// Groups of the floats in `batch`, one each, or none where no group is in use.
    batch_groups: Vec<Group>,
    report: [Option<SeriesRef>; REPORT_NAMES.len()],
    /// Series of a session that this one took over from; they end unless they are seen here.
    inherited: Vec<SeriesRef>,
    /// Time of the last scrape.
    last_ms: i64,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("target_labels", &self.target_labels)
            .field("series", &self.cache.len())
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn new(
        store: Arc<dyn MetricStore>,
        settings: Arc<ScrapeSettings>,
        histograms: HistogramOptions,
        target_labels: Labels,
    ) -> Self {
        Self {
            store,
            source: Source::new(&format!("scrape:{}", settings.job_name)),
            settings,
            histograms,
            target_labels,
            cache: SeriesCache::default(),
            starts: Starts::default(),
            families: Families::default(),
            batch: WriteBatch::default(),
            batch_groups: Vec::new(),
            report: [None; REPORT_NAMES.len()],
            inherited: Vec::new(),
            last_ms: i64::MIN,
        }
    }

    /// A session of the same target that knows nothing yet.
    pub(crate) fn fresh(&self) -> Self {
        let (store, settings) = (Arc::clone(&self.store), Arc::clone(&self.settings));
        Self::new(store, settings, self.histograms, self.target_labels.clone())
    }

    /// Metadata of the target's families.
    pub(crate) fn metadata(&self) -> SharedMetadata {
        Arc::clone(&self.families.shared)
    }

    /// The series that would have to end if the target were gone.
    pub(crate) fn into_exposed(self) -> Vec<SeriesRef> {
        let mut exposed: Vec<SeriesRef> = self.cache.tracked().collect();
        exposed.extend(self.inherited);
        exposed.extend(self.report.into_iter().flatten());
        exposed
    }

    /// Takes over the series of a session of the same target: those that do not come again end.
    pub(crate) fn inherit(&mut self, mut exposed: Vec<SeriesRef>) {
        for index in 0..self.report_count() {
            // A series that the store refuses now may be taken with the first report.
            let _series = self.report_series(index).ok();
        }
        exposed.retain(|series| !self.report.contains(&Some(*series)));
        self.inherited = exposed;
    }

    /// Parses a body and writes what is in it. `report` is called when everything but the write is
    /// done, so that the duration of the scrape says as much as it can.
    pub(crate) fn take(
        &mut self,
        body: &[u8],
        format: Format,
        report: impl FnOnce() -> Report,
        time_ms: i64,
    ) -> Taken {
        self.batch.clear();
        self.batch_groups.clear();
        self.cache.begin();
        self.families.begin();
        self.starts.begin();
        let mut pass = Pass::new(self, time_ms, format);
        let parsed = parse(format, pass.histograms(), body, &mut pass);
        let mut taken = pass.finish(parsed);
        if taken.error.is_none() {
            self.commit(time_ms);
        } else {
            self.batch.clear();
            self.end_all(time_ms);
        }
        self.report_and_write(&mut taken, report());
        taken
    }

    /// Writes what a scrape without a body means: every series ended, and the report.
    pub(crate) fn miss(&mut self, error: ScrapeError, report: Report) -> Taken {
        self.batch.clear();
        self.cache.begin();
        self.end_all(report.time_ms);
        let mut taken = Taken {
            error: Some(error),
            ..Taken::default()
        };
        self.report_and_write(&mut taken, report);
        taken
    }

    /// Writes stale markers for everything, the report's series included: the target is gone.
    pub(crate) fn end(&mut self, time_ms: i64) -> Result<(), StorageError> {
        // At the time of the last sample a marker would be refused.
        let time_ms = time_ms.max(self.last_ms.saturating_add(1));
        self.batch.clear();
        self.cache.begin();
        self.end_all(time_ms);
        for series in self.report.iter().flatten() {
            self.batch.push(*series, time_ms, STALE_NAN);
        }
        if self.batch.sample_count() > 0 {
            self.store.write(&self.source, &self.batch)?;
        }
        Ok(())
    }

    /// Makes a pass lasting: stale markers, starts and metadata into the batch.
    fn commit(&mut self, time_ms: i64) {
        self.starts.fill(&mut self.batch, &self.batch_groups);
        let Self {
            cache,
            batch,
            starts,
            settings,
            inherited,
            ..
        } = self;
        if !inherited.is_empty() {
            let seen: FxHashSet<SeriesRef> = batch.series.iter().copied().collect();
            for series in inherited.drain(..).filter(|series| !seen.contains(series)) {
                batch.push(series, time_ms, STALE_NAN);
            }
        }
        cache.commit(
            settings.track_timestamps_staleness,
            |series| batch.push(series, time_ms, STALE_NAN),
            |group| starts.leave(group),
        );
        self.families.changed_into(&mut self.batch);
    }

    fn end_all(&mut self, time_ms: i64) {
        let Self {
            cache,
            batch,
            starts,
            inherited,
            ..
        } = self;
        for series in inherited.drain(..) {
            batch.push(series, time_ms, STALE_NAN);
        }
        cache.fail(
            |series| batch.push(series, time_ms, STALE_NAN),
            |group| starts.leave(group),
        );
    }

    fn report_and_write(&mut self, taken: &mut Taken, report: Report) {
        self.last_ms = report.time_ms;
        let values = [
            f64::from(u8::from(taken.error.is_none())),
            report.duration_seconds,
            taken.scraped as f64,
            taken.added as f64,
            taken.series_added as f64,
            report.timeout_ms as f64 / 1000.0,
            self.settings.limits.samples_max as f64,
            report.body_bytes as f64,
        ];
        for (index, value) in values.into_iter().enumerate().take(self.report_count()) {
            match self.report_series(index) {
                Ok(series) => self.batch.push(series, report.time_ms, value),
                Err(error) => taken.warning = Some(error.to_string()),
            }
        }
        let written = self.store.write(&self.source, &self.batch);
        let outcome = match written {
            Ok(outcome) => outcome,
            Err(error) => {
                taken.error.get_or_insert(ScrapeError::Storage(error));
                return;
            }
        };
        if outcome.rejected_count > 0 {
            self.after_rejections(taken, &outcome);
        }
    }

    fn report_count(&self) -> usize {
        if self.settings.extra_metrics {
            REPORT_NAMES.len()
        } else {
            REPORT_COUNT
        }
    }

    fn report_series(&mut self, index: usize) -> Result<SeriesRef, StorageError> {
        if let Some(series) = self.report[index] {
            return Ok(series);
        }
        let mut labels = self.target_labels.to_builder();
        labels.set(METRIC_NAME, REPORT_NAMES[index]);
        let series = self.store.register(&self.source, None, &labels.build())?;
        self.report[index] = Some(series);
        Ok(series)
    }

    /// The store forgot series, or did not like samples. Forgotten ones are registered and written
    /// again; the rest is counted.
    fn after_rejections(&mut self, taken: &mut Taken, outcome: &WriteOutcome) {
        let unknown: FxHashSet<SeriesRef> = outcome
            .rejections
            .iter()
            .filter(|rejection| rejection.reason == RejectionReason::UnknownSeries)
            .map(|rejection| rejection.series)
            .collect();
        let is_marker = |series: SeriesRef| {
            let at = self.batch.series.iter().rposition(|other| *other == series);
            at.is_some_and(|at| bellwether_model::is_stale_nan(self.batch.values[at]))
        };
        // A marker at the time of a sample has nothing to say: the series came back.
        let refused = outcome.rejections.iter().filter(|rejection| {
            rejection.reason != RejectionReason::UnknownSeries
                && rejection.reason != RejectionReason::OutOfOrderExemplar
                && !is_marker(rejection.series)
        });
        taken.rejected += refused.count() as u64;
        if unknown.is_empty() {
            return;
        }
        let mut renewed: FxHashMap<SeriesRef, SeriesRef> = FxHashMap::default();
        for id in self.cache.entries_of(|series| unknown.contains(&series)) {
            let entry = self.cache.entry(id);
            let (old, family_type) = (entry.series, entry.family_type);
            let mut labels = LabelsBuilder::default();
            if series_labels(self.cache.bytes(id), family_type, &mut labels).is_err() {
                continue;
            }
            let Some(labels) = self.mutate(labels) else {
                continue;
            };
            match self.store.register(&self.source, None, &labels) {
                Ok(series) => {
                    self.cache.entry_mut(id).series = Some(series);
                    if let Some(old) = old {
                        renewed.insert(old, series);
                    }
                }
                Err(_) => taken.series_refused += 1,
            }
        }
        for index in 0..REPORT_NAMES.len() {
            let Some(old) = self.report[index].filter(|series| unknown.contains(series)) else {
                continue;
            };
            self.report[index] = None;
            if let Ok(series) = self.report_series(index) {
                renewed.insert(old, series);
            }
        }
        let again = renewed_batch(&self.batch, &renewed);
        match self.store.write(&self.source, &again) {
            Ok(outcome) => taken.rejected += outcome.rejected_count,
            Err(error) => {
                taken.error.get_or_insert(ScrapeError::Storage(error));
            }
        }
    }

    /// Adds the target's labels and runs the rules of the job. `None`: the series is dropped.
    fn mutate(&self, mut labels: LabelsBuilder) -> Option<Labels> {
        let mut conflicting: Vec<(String, String)> = Vec::new();
        for (name, value) in self.target_labels.iter() {
            match labels.get(name) {
                Some(_) if self.settings.honor_labels => continue,
                Some(exposed) => conflicting.push((name.to_owned(), exposed.to_owned())),
                None => {}
            }
            labels.set(name, value);
        }
        // The shortest first, so that `exported_x` is free for `x` before `exported_x` moves on.
        conflicting.sort_by_key(|(name, _)| name.len());
        for (name, value) in conflicting {
            let mut free = format!("exported_{name}");
            while labels.get(&free).is_some() {
                free.insert_str(0, "exported_");
            }
            labels.set(&free, &value);
        }
        if !relabel::apply(&self.settings.metric_relabel, &mut labels) {
            return None;
        }
        Some(labels.build())
    }

    /// Checks what the job allows for names and labels.
    fn check_labels(&self, labels: &Labels) -> Result<(), ScrapeError> {
        if self.settings.name_validation == NameValidation::Legacy {
            for (name, value) in labels.iter() {
                let invalid = if name == METRIC_NAME {
                    (!utf8_name::is_legacy_metric_name(value)).then_some(value)
                } else {
                    (!utf8_name::is_legacy_label_name(name)).then_some(name)
                };
                if let Some(name) = invalid {
                    return Err(ScrapeError::InvalidName {
                        series: ShortLabels(labels).to_string(),
                        name: short(name).to_string(),
                    });
                }
            }
        }
        let limits = &self.settings.limits;
        let above = |found: usize, limit: u64| limit > 0 && found as u64 > limit;
        let fail = |what: String, found: usize, limit| {
            let found = found as u64;
            ScrapeError::LabelLimit {
                series: ShortLabels(labels).to_string(),
                what,
                found,
                limit,
            }
        };
        if above(labels.len(), limits.labels_max) {
            return Err(fail(
                "number of labels".to_owned(),
                labels.len(),
                limits.labels_max,
            ));
        }
        for (name, value) in labels.iter() {
            let shown = short(name);
            if above(name.len(), limits.label_name_bytes_max) {
                let what = format!("length of label name {shown}");
                return Err(fail(what, name.len(), limits.label_name_bytes_max));
            }
            if above(value.len(), limits.label_value_bytes_max) {
                let what = format!("length of the value of label {shown}");
                return Err(fail(what, value.len(), limits.label_value_bytes_max));
            }
        }
        Ok(())
    }
}

/// The samples of a batch whose series have new references.
fn renewed_batch(batch: &WriteBatch, renewed: &FxHashMap<SeriesRef, SeriesRef>) -> WriteBatch {
    let mut again = WriteBatch::default();
    for (index, old) in batch.series.iter().enumerate() {
        if let Some(series) = renewed.get(old) {
            let start_ms = batch.starts_ms.get(index).copied().unwrap_or(0);
            let (time_ms, value) = (batch.times_ms[index], batch.values[index]);
            again.push_with_start(*series, time_ms, start_ms, value);
        }
    }
    for (old, time_ms, start_ms, histogram) in &batch.histograms {
        if let Some(series) = renewed.get(old) {
            again
                .histograms
                .push((*series, *time_ms, *start_ms, histogram.clone()));
        }
    }
    for (old, exemplar) in &batch.exemplars {
        if let Some(series) = renewed.get(old) {
            again.exemplars.push((*series, exemplar.clone()));
        }
    }
    again
}

/// One body on its way into the batch.
struct Pass<'s> {
    session: &'s mut Session,
    time_ms: i64,
    /// Whether the format says starts by series of their own (`_created`).
    has_created: bool,
    /// The family at hand, for `_created`.
    family: Vec<u8>,
    taken: Taken,
    /// Samples beyond the limit.
    above_limit: u64,
    /// The finest schema that the job takes.
    schema_max: i32,
}

impl<'s> Pass<'s> {
    fn new(session: &'s mut Session, time_ms: i64, format: Format) -> Self {
        let factor = session.settings.limits.histogram_bucket_factor_min;
        Self {
            session,
            time_ms,
            has_created: format == Format::OpenMetrics,
            family: Vec::new(),
            taken: Taken::default(),
            above_limit: 0,
            schema_max: schema_for_factor(factor),
        }
    }

    fn histograms(&self) -> HistogramOptions {
        self.session.histograms
    }

    fn finish(mut self, parsed: Result<(), ScrapeError>) -> Taken {
        self.taken.error = parsed.err();
        if self.taken.error.is_none() && self.above_limit > 0 {
            let limit = self.session.settings.limits.samples_max;
            let samples = limit + self.above_limit;
            self.taken.error = Some(ScrapeError::SampleLimit { samples, limit });
        }
        self.taken
    }

    /// Parses, relabels and registers a series that was never seen. `None` where the store refuses.
    #[cold]
    fn new_series(&mut self, sample: &Sample<'_>) -> Result<Option<EntryId>, ScrapeError> {
        let mut labels = LabelsBuilder::default();
        series_labels(sample.series, sample.family_type, &mut labels)?;
        let (group, is_created) = self.group(sample.family_type, &labels);
        let session = &mut *self.session;
        let mut series = None;
        if let Some(labels) = session.mutate(labels).filter(|labels| !labels.is_empty()) {
            if labels.metric_name().is_empty() {
                let series = short_bytes(sample.series);
                return Err(ScrapeError::NoName { series });
            }
            session.check_labels(&labels)?;
            match session.store.register(&session.source, None, &labels) {
                Ok(registered) => series = Some(registered),
                Err(error) => {
                    session.starts.leave(group);
                    self.taken.series_refused += 1;
                    self.taken.warning.get_or_insert_with(|| error.to_string());
                    return Ok(None);
                }
            }
            self.taken.series_added += 1;
        }
        let family_type = sample.family_type;
        Ok(Some(session.cache.insert(
            sample.series,
            series,
            family_type,
            group,
            is_created,
        )))
    }

    /// The group of a series whose family may say when its counters started.
    fn group(&mut self, family_type: MetricType, labels: &LabelsBuilder) -> (Group, bool) {
        let may_start = matches!(
            family_type,
            MetricType::Counter | MetricType::Histogram | MetricType::Summary
        );
        if !self.has_created || !may_start || self.family.is_empty() {
            return (NO_GROUP, false);
        }
        let name = labels.get(METRIC_NAME).unwrap_or("").as_bytes();
        let Some(suffix) = name.strip_prefix(self.family.as_slice()) else {
            return (NO_GROUP, false);
        };
        let mut identity = self.family.clone();
        for (name, value) in labels.iter() {
            if !matches!(name, METRIC_NAME | "le" | "quantile") {
                for part in [name, value] {
                    identity.push(0xff);
                    identity.extend_from_slice(part.as_bytes());
                }
            }
        }
        (
            self.session.starts.join(xxh3_64(&identity)),
            suffix == b"_created",
        )
    }

    #[inline]
    fn push(
        &mut self,
        series: SeriesRef,
        group: Group,
        time_ms: i64,
        sample: Sample<'_>,
    ) -> Result<(), ScrapeError> {
        let session = &mut *self.session;
        match sample.value {
            SampleValue::Float(value) => {
                if sample.start_ms == 0 {
                    session.batch.push(series, time_ms, value);
                } else {
                    session
                        .batch
                        .push_with_start(series, time_ms, sample.start_ms, value);
                }
                if self.has_created {
                    session.batch_groups.push(group);
                }
            }
            SampleValue::Histogram(mut histogram) => {
                limit_schema(&mut histogram, self.schema_max);
                let limit = session.settings.limits.histogram_buckets_max;
                if limit > 0
                    && let Err(buckets) = limit_buckets(&mut histogram, limit)
                {
                    let series = short_bytes(sample.series);
                    return Err(ScrapeError::BucketLimit {
                        series,
                        buckets,
                        limit,
                    });
                }
                let histogram = (series, time_ms, sample.start_ms, *histogram);
                session.batch.histograms.push(histogram);
            }
        }
        for exemplar in sample.exemplars {
            let mut exemplar = exemplar.clone();
            if exemplar.timestamp_ms == 0 {
                exemplar.timestamp_ms = time_ms;
            }
            session.batch.exemplars.push((series, exemplar));
        }
        Ok(())
    }
}

impl Sink for Pass<'_> {
    #[inline]
    fn expected(&self) -> Option<&[u8]> {
        self.session.cache.expected()
    }

    fn metadata(&mut self, family: &[u8], piece: MetadataPiece<'_>) {
        if self.has_created && matches!(piece, MetadataPiece::Type(_)) {
            self.family.clear();
            self.family.extend_from_slice(family);
        }
        self.session.families.set(family, piece);
    }

    #[inline]
    fn sample(&mut self, sample: Sample<'_>) -> Result<(), ScrapeError> {
        self.taken.scraped += 1;
        let own_time = sample
            .timestamp_ms
            .filter(|_| self.session.settings.honor_timestamps);
        let cache = &mut self.session.cache;
        let known = if sample.as_expected {
            cache.take_expected()
        } else {
            cache.find(sample.series)
        };
        let limit = self.session.settings.limits.samples_max;
        let is_full = limit > 0 && self.taken.added >= limit;
        let id = match known {
            Some(id) => id,
            // The scrape has failed: new series are counted, not made.
            None if is_full => {
                self.above_limit += 1;
                return Ok(());
            }
            None => match self.new_series(&sample)? {
                Some(id) => id,
                None => return Ok(()),
            },
        };
        let cache = &mut self.session.cache;
        let is_first = cache.see(id, own_time.is_some());
        let entry = cache.entry(id);
        let Some(series) = entry.series else {
            return Ok(());
        };
        if !is_first && own_time.is_none() {
            self.taken.rejected += 1;
            return Ok(());
        }
        if is_full {
            self.above_limit += 1;
            return Ok(());
        }
        let group = entry.group;
        if entry.is_created
            && let SampleValue::Float(seconds) = sample.value
        {
            self.session.starts.set(group, seconds);
        }
        self.taken.added += 1;
        self.push(series, group, own_time.unwrap_or(self.time_ms), sample)
    }
}

#[cfg(test)]
mod tests;
