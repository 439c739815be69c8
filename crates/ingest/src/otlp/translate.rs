//! From the messages of OTLP to samples of series.

use std::collections::BTreeMap;

use bellwether_model::number::Plain;
use bellwether_model::{
    CounterReset, Exemplar, Histogram, IntHistogram, Labels, LabelsBuilder, METRIC_NAME, Metadata,
    MetricType, STALE_NAN, short,
};
use bellwether_storage::SeriesKey;
use bellwether_wire::histogram::TimedHistogram;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Exemplar as OtlpExemplar, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, SummaryDataPoint, exemplar, number_data_point,
};
use rustc_hash::FxHashSet;

use super::attributes;
use super::delta::{Cumulator, Interval};
use super::naming::{LabelNaming, NameKind, metric_name, unit_name};
use super::native;
use super::settings::{DeltaHandling, OtlpSettings};
use crate::pending::Pending;
use crate::series_key::SeriesHasher;

/// The bit of a data point's flags that says: no value, the series has ended.
const NO_RECORDED_VALUE: u32 = 1;
/// Characters of an exemplar's labels, as OpenMetrics bounds them.
const EXEMPLAR_CHARS_MAX: usize = 128;
/// `target_info` samples of one resource in one request. Chosen: half a day at the usual lookback.
const TARGET_INFO_MAX: i64 = 1_000;
/// Different remarks that one answer carries. Chosen.
const NOTES_MAX: usize = 5;
/// Attributes that name the source, which become `job` and `instance`.
const IDENTIFYING: [&str; 3] = ["service.namespace", "service.name", "service.instance.id"];

/// Labels that every series of a resource or scope has.
#[derive(Debug, Default)]
struct Context {
    job: String,
    instance: String,
    promoted: Vec<(String, String)>,
    scope: Vec<(String, String)>,
}

/// The family that points belong to.
struct Family {
    name: String,
    metadata: Metadata,
    delta: bool,
}

/// One value of a series.
enum Sample {
    Float(f64),
    Histogram(Box<IntHistogram>),
}

#[derive(Debug, Clone, Copy)]
struct Times {
    start_ms: i64,
    time_ms: i64,
    stale: bool,
}

impl Times {
    fn new(start_ns: u64, time_ns: u64, flags: u32) -> Self {
        let ms = |ns: u64| (ns / 1_000_000) as i64;
        let stale = flags & NO_RECORDED_VALUE != 0;
        Self {
            start_ms: ms(start_ns),
            time_ms: ms(time_ns),
            stale,
        }
    }

    fn value(self, value: f64) -> Sample {
        Sample::Float(if self.stale { STALE_NAN } else { value })
    }
}

/// Collects the samples of one request.
pub(super) struct Translation<'a> {
    settings: &'a OtlpSettings,
    hasher: &'a SeriesHasher,
    naming: LabelNaming,
    now_ms: i64,
    pub(super) pending: Pending,
    /// Labels of each series in `pending`.
    pub(super) labels: Vec<Labels>,
    /// Data points seen.
    pub(super) points: u64,
    /// Data points that could not be translated.
    pub(super) rejected: u64,
    /// Why, each reason once.
    pub(super) notes: Vec<String>,
    families: FxHashSet<String>,
    target_info: FxHashSet<(SeriesKey, i64)>,
}

impl<'a> Translation<'a> {
    pub(super) fn new(settings: &'a OtlpSettings, hasher: &'a SeriesHasher, now_ms: i64) -> Self {
        let naming = LabelNaming {
            escape: settings.translation.escapes(),
            protect_underscore: settings.label_name_underscore_sanitization,
            keep_runs: settings.label_name_preserve_multiple_underscores,
        };
        Self {
            settings,
            hasher,
            naming,
            now_ms,
            pending: Pending::default(),
            labels: Vec::new(),
            points: 0,
            rejected: 0,
            notes: Vec::new(),
            families: FxHashSet::default(),
            target_info: FxHashSet::default(),
        }
    }

    /// Translates everything. `cumulator` is there where differences are to be summed up.
    pub(super) fn translate(
        &mut self,
        request: &ExportMetricsServiceRequest,
        mut cumulator: Option<&mut Cumulator>,
    ) {
        for resource in &request.resource_metrics {
            self.resource(resource, &mut cumulator);
        }
    }

    fn note(&mut self, text: String) {
        if self.notes.len() < NOTES_MAX && !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    fn reject(&mut self, points: usize, text: String) {
        self.rejected += points as u64;
        self.note(text);
    }

    fn resource(&mut self, metrics: &ResourceMetrics, cumulator: &mut Option<&mut Cumulator>) {
        let attributes = metrics.resource.as_ref().map_or(&[][..], |r| &r.attributes);
        let points: usize = metrics.scope_metrics.iter().map(scope_points).sum();
        self.points += points as u64;
        let mut context = match self.resource_context(attributes) {
            Ok(context) => context,
            Err(text) => return self.reject(points, text),
        };
        let mut span = None;
        for scope in &metrics.scope_metrics {
            context.scope = match self.scope_labels(scope) {
                Ok(labels) => labels,
                Err(text) => {
                    self.reject(scope_points(scope), text);
                    continue;
                }
            };
            for metric in &scope.metrics {
                each_time(metric, |time_ns| {
                    let (first, last) = span.unwrap_or((time_ns, time_ns));
                    span = Some((time_ns.min(first), time_ns.max(last)));
                });
                self.metric(metric, &context, cumulator);
            }
        }
        if let Some((first_ns, last_ns)) = span {
            let (first, last) = (Times::new(0, first_ns, 0), Times::new(0, last_ns, 0));
            context.scope.clear();
            self.target_info(attributes, &context, first.time_ms, last.time_ms);
        }
    }

    fn resource_context(&self, attributes: &[KeyValue]) -> Result<Context, String> {
        let mut context = Context::default();
        if let Some(name) = attributes::get(attributes, "service.name") {
            context.job = match attributes::get(attributes, "service.namespace") {
                Some(namespace) => format!("{namespace}/{name}"),
                None => name,
            };
        }
        context.instance = attributes::get(attributes, "service.instance.id").unwrap_or_default();
        for attribute in attributes {
            if self.settings.promotion.promotes(&attribute.key) {
                let value = attributes::text(attribute.value.as_ref());
                context
                    .promoted
                    .push((self.naming.name(&attribute.key)?, value));
            }
        }
        Ok(context)
    }

    fn scope_labels(&self, metrics: &ScopeMetrics) -> Result<Vec<(String, String)>, String> {
        let Some(scope) = metrics
            .scope
            .as_ref()
            .filter(|scope| !scope.name.is_empty())
        else {
            return Ok(Vec::new());
        };
        if !self.settings.promote_scope_metadata {
            return Ok(Vec::new());
        }
        let mut labels = Vec::new();
        for attribute in &scope.attributes {
            let name = self.naming.name(&format!("otel_scope_{}", attribute.key))?;
            labels.push((name, attributes::text(attribute.value.as_ref())));
        }
        labels.push(("otel_scope_name".to_owned(), scope.name.clone()));
        labels.push(("otel_scope_version".to_owned(), scope.version.clone()));
        labels.push((
            "otel_scope_schema_url".to_owned(),
            metrics.schema_url.clone(),
        ));
        Ok(labels)
    }

    /// The labels that all samples of one point share, without the name.
    fn point_labels(
        &self,
        attributes: &[KeyValue],
        ignored: &[&str],
        context: &Context,
        metadata: &Metadata,
    ) -> Result<LabelsBuilder, String> {
        let mut sorted = BTreeMap::new();
        for attribute in attributes {
            if !ignored.contains(&attribute.key.as_str()) {
                sorted.insert(&attribute.key, attributes::text(attribute.value.as_ref()));
            }
        }
        let mut labels = LabelsBuilder::default();
        for (key, value) in sorted {
            let name = self.naming.name(key)?;
            // Two keys may become one name: then both values are kept.
            match labels.get(&name).map(|before| format!("{before};{value}")) {
                Some(both) if self.naming.escape => labels.set(&name, &both),
                _ => labels.set(&name, &value),
            };
        }
        for (name, value) in &context.promoted {
            if labels.get(name).is_none() {
                labels.set(name, value);
            }
        }
        for (name, value) in [("job", &context.job), ("instance", &context.instance)] {
            if !value.is_empty() {
                labels.set(name, value);
            }
        }
        for (name, value) in &context.scope {
            labels.set(name, value);
        }
        if self.settings.type_and_unit_labels {
            if metadata.metric_type != MetricType::Unknown {
                labels.set("__type__", metadata.metric_type.as_str());
            }
            labels.set("__unit__", &metadata.unit);
        }
        Ok(labels)
    }

    fn metric(
        &mut self,
        metric: &Metric,
        context: &Context,
        cumulator: &mut Option<&mut Cumulator>,
    ) {
        let points = metric_points(metric);
        let family = match self.family(metric) {
            Ok(family) => family,
            Err(text) => return self.reject(points, text),
        };
        if points == 0 {
            return self.note(format!(
                "empty data points. {} is dropped",
                short(&metric.name)
            ));
        }
        if !self.families.contains(&family.name) {
            self.families.insert(family.name.clone());
            self.pending
                .push_metadata(&family.name, family.metadata.clone());
        }
        let cumulator = &mut cumulator.as_deref_mut().filter(|_| family.delta);
        match &metric.data {
            Some(Data::Gauge(gauge)) => self.each(&gauge.data_points, |this, point| {
                this.number(point, &[], &family, context, cumulator)
            }),
            Some(Data::Sum(sum)) => self.each(&sum.data_points, |this, point| {
                this.number(point, &point.exemplars, &family, context, cumulator)
            }),
            Some(Data::Histogram(histogram)) => {
                self.each(&histogram.data_points, |this, point| {
                    if this.settings.convert_histograms_to_nhcb {
                        this.custom_buckets(point, &family, context, cumulator)
                    } else {
                        this.classic_histogram(point, &family, context, cumulator)
                    }
                });
            }
            Some(Data::ExponentialHistogram(histogram)) => {
                self.each(&histogram.data_points, |this, point| {
                    let times = Times::new(
                        point.start_time_unix_nano,
                        point.time_unix_nano,
                        point.flags,
                    );
                    let reset = reset_of(&family, cumulator);
                    let native = native::from_exponential(point, reset, times.stale)?;
                    let labels = this.point_labels(
                        &point.attributes,
                        &[METRIC_NAME],
                        context,
                        &family.metadata,
                    )?;
                    let exemplars = exemplars(&point.exemplars, times.time_ms);
                    let sample = Sample::Histogram(Box::new(native));
                    this.sample(labels, &family.name, times, sample, &exemplars, cumulator)
                });
            }
            Some(Data::Summary(summary)) => self.each(&summary.data_points, |this, point| {
                this.summary(point, &family, context)
            }),
            None => self.note(format!(
                "unsupported metric type of {}",
                short(&metric.name)
            )),
        }
    }

    /// Translates points one by one; one that fails does not keep the others out.
    fn each<P>(
        &mut self,
        points: &[P],
        mut translate: impl FnMut(&mut Self, &P) -> Result<(), String>,
    ) {
        for point in points {
            if let Err(text) = translate(self, point) {
                self.reject(1, text);
            }
        }
    }

    fn family(&self, metric: &Metric) -> Result<Family, String> {
        let (metric_type, kind, temporality) = match &metric.data {
            Some(Data::Gauge(_)) => (MetricType::Gauge, NameKind::Gauge, None),
            Some(Data::Sum(sum)) if sum.is_monotonic => {
                let temporality = Some(sum.aggregation_temporality);
                (MetricType::Counter, NameKind::MonotonicSum, temporality)
            }
            Some(Data::Sum(sum)) => (
                MetricType::Gauge,
                NameKind::Other,
                Some(sum.aggregation_temporality),
            ),
            Some(Data::Histogram(histogram)) => {
                let temporality = Some(histogram.aggregation_temporality);
                (MetricType::Histogram, NameKind::Other, temporality)
            }
            Some(Data::ExponentialHistogram(histogram)) => {
                let temporality = Some(histogram.aggregation_temporality);
                (MetricType::Histogram, NameKind::Other, temporality)
            }
            Some(Data::Summary(_)) => (MetricType::Summary, NameKind::Other, None),
            None => {
                return Err(format!(
                    "unsupported metric type of {:?}",
                    short(&metric.name)
                ));
            }
        };
        let delta = temporality == Some(AggregationTemporality::Delta as i32);
        let cumulative = temporality == Some(AggregationTemporality::Cumulative as i32);
        let handling = self.settings.delta;
        if temporality.is_some() && !cumulative && (!delta || handling == DeltaHandling::Refuse) {
            let hint = if delta {
                ": delta temporality is refused unless a delta feature is switched on"
            } else {
                ": temporality is not set"
            };
            return Err(format!(
                "invalid temporality and type combination for metric {:?}{hint}",
                short(&metric.name)
            ));
        }
        let as_is = delta && handling == DeltaHandling::StoreAsIs;
        Ok(Family {
            name: metric_name(&metric.name, &metric.unit, kind, self.settings.translation)?,
            metadata: Metadata {
                metric_type: if as_is {
                    MetricType::Unknown
                } else {
                    metric_type
                },
                unit: unit_name(&metric.unit),
                help: metric.description.clone(),
            },
            delta,
        })
    }

    fn number(
        &mut self,
        point: &NumberDataPoint,
        examples: &[OtlpExemplar],
        family: &Family,
        context: &Context,
        cumulator: &mut Option<&mut Cumulator>,
    ) -> Result<(), String> {
        let times = Times::new(
            point.start_time_unix_nano,
            point.time_unix_nano,
            point.flags,
        );
        let value = match point.value {
            Some(number_data_point::Value::AsDouble(value)) => value,
            Some(number_data_point::Value::AsInt(value)) => value as f64,
            None => 0.0,
        };
        let labels =
            self.point_labels(&point.attributes, &[METRIC_NAME], context, &family.metadata)?;
        let exemplars = exemplars(examples, times.time_ms);
        self.sample(
            labels,
            &family.name,
            times,
            times.value(value),
            &exemplars,
            cumulator,
        )
    }

    fn custom_buckets(
        &mut self,
        point: &HistogramDataPoint,
        family: &Family,
        context: &Context,
        cumulator: &mut Option<&mut Cumulator>,
    ) -> Result<(), String> {
        let times = Times::new(
            point.start_time_unix_nano,
            point.time_unix_nano,
            point.flags,
        );
        let labels =
            self.point_labels(&point.attributes, &[METRIC_NAME], context, &family.metadata)?;
        let native = native::from_explicit(point, reset_of(family, cumulator), times.stale);
        let exemplars = exemplars(&point.exemplars, times.time_ms);
        let sample = Sample::Histogram(Box::new(native));
        self.sample(labels, &family.name, times, sample, &exemplars, cumulator)
    }

    fn classic_histogram(
        &mut self,
        point: &HistogramDataPoint,
        family: &Family,
        context: &Context,
        cumulator: &mut Option<&mut Cumulator>,
    ) -> Result<(), String> {
        let times = Times::new(
            point.start_time_unix_nano,
            point.time_unix_nano,
            point.flags,
        );
        let base =
            self.point_labels(&point.attributes, &[METRIC_NAME], context, &family.metadata)?;
        let (sum, count) = (
            format!("{}_sum", family.name),
            format!("{}_count", family.name),
        );
        let bucket = format!("{}_bucket", family.name);
        if let Some(value) = point.sum {
            self.sample(
                base.clone(),
                &sum,
                times,
                times.value(value),
                &[],
                cumulator,
            )?;
        }
        let total = times.value(point.count as f64);
        self.sample(base.clone(), &count, times, total, &[], cumulator)?;
        let mut examples = exemplars(&point.exemplars, times.time_ms);
        examples.sort_by(|a, b| a.value.total_cmp(&b.value));
        let mut examples = &examples[..];
        let mut below = 0u64;
        for (bound, in_bucket) in point.explicit_bounds.iter().zip(&point.bucket_counts) {
            if *bound == f64::INFINITY {
                break;
            }
            below = below.saturating_add(*in_bucket);
            let (mine, rest) =
                examples.split_at(examples.partition_point(|exemplar| exemplar.value <= *bound));
            examples = rest;
            let mut labels = base.clone();
            labels.set("le", &Plain(*bound).to_string());
            self.sample(
                labels,
                &bucket,
                times,
                times.value(below as f64),
                mine,
                cumulator,
            )?;
        }
        let mut labels = base;
        labels.set("le", "+Inf");
        let total = times.value(point.count as f64);
        self.sample(labels, &bucket, times, total, examples, cumulator)
    }

    fn summary(
        &mut self,
        point: &SummaryDataPoint,
        family: &Family,
        context: &Context,
    ) -> Result<(), String> {
        let times = Times::new(
            point.start_time_unix_nano,
            point.time_unix_nano,
            point.flags,
        );
        let base =
            self.point_labels(&point.attributes, &[METRIC_NAME], context, &family.metadata)?;
        let (sum, count) = (
            format!("{}_sum", family.name),
            format!("{}_count", family.name),
        );
        self.sample(
            base.clone(),
            &sum,
            times,
            times.value(point.sum),
            &[],
            &mut None,
        )?;
        let total = times.value(point.count as f64);
        self.sample(base.clone(), &count, times, total, &[], &mut None)?;
        for quantile in &point.quantile_values {
            let mut labels = base.clone();
            labels.set("quantile", &Plain(quantile.quantile).to_string());
            let value = times.value(quantile.value);
            self.sample(labels, &family.name, times, value, &[], &mut None)?;
        }
        Ok(())
    }

    /// Adds one sample with the name of its series; sums it up first where it is a difference.
    fn sample(
        &mut self,
        mut labels: LabelsBuilder,
        name: &str,
        times: Times,
        mut sample: Sample,
        exemplars: &[Exemplar],
        cumulator: &mut Option<&mut Cumulator>,
    ) -> Result<(), String> {
        let labels = labels.set(METRIC_NAME, name).build();
        let key = self.hasher.key(labels.as_bytes());
        let Times {
            mut start_ms,
            time_ms,
            stale,
        } = times;
        match cumulator {
            Some(cumulator) if stale => cumulator.end(key),
            Some(cumulator) => {
                let interval = Interval {
                    start_ms,
                    end_ms: time_ms,
                };
                (sample, start_ms) = match sample {
                    Sample::Float(delta) => {
                        let sum = cumulator.add_float(key, interval, self.now_ms, delta)?;
                        (Sample::Float(sum.0), sum.1)
                    }
                    Sample::Histogram(delta) => {
                        let sum = cumulator.add_histogram(key, interval, self.now_ms, *delta)?;
                        (Sample::Histogram(Box::new(sum.0)), sum.1)
                    }
                };
            }
            None => {}
        }
        match sample {
            Sample::Float(value) => self.pending.push_float_with_start(time_ms, start_ms, value),
            Sample::Histogram(histogram) => self.pending.push_histogram(TimedHistogram {
                time_ms,
                start_ms,
                histogram: Histogram::Int(*histogram),
            }),
        }
        for exemplar in exemplars {
            self.pending.push_exemplar(exemplar.clone());
        }
        self.labels.push(labels);
        self.pending.end_series(key);
        Ok(())
    }

    /// The attributes of a resource as a series of its own, at its first and last time and often
    /// enough between them for queries to see it all the while.
    fn target_info(
        &mut self,
        attributes: &[KeyValue],
        context: &Context,
        first_ms: i64,
        last_ms: i64,
    ) {
        let describing = attributes
            .iter()
            .any(|a| !IDENTIFYING.contains(&a.key.as_str()));
        if !describing {
            return;
        }
        let keep = self.settings.keep_identifying_resource_attributes;
        let ignored = if keep { &[][..] } else { &IDENTIFYING[..] };
        let own = Context {
            job: context.job.clone(),
            instance: context.instance.clone(),
            ..Context::default()
        };
        let mut labels = match self.point_labels(attributes, ignored, &own, &Metadata::default()) {
            Ok(labels) => labels,
            Err(text) => return self.note(text),
        };
        if labels.get("job").is_none() && labels.get("instance").is_none() {
            return;
        }
        let labels = labels.set(METRIC_NAME, "target_info").build();
        let key = self.hasher.key(labels.as_bytes());
        let step_ms = (self.settings.lookback_ms / 2).max(1);
        let first_ms =
            first_ms.max(last_ms.saturating_sub(step_ms.saturating_mul(TARGET_INFO_MAX)));
        let mut time_ms = first_ms;
        while time_ms < last_ms {
            if self.target_info.insert((key, time_ms)) {
                self.pending.push_float(time_ms, 1.0);
            }
            time_ms += step_ms;
        }
        if self.target_info.insert((key, last_ms)) {
            self.pending.push_float(last_ms, 1.0);
        }
        self.labels.push(labels);
        self.pending.end_series(key);
        if self.families.insert("target_info".to_owned()) {
            self.pending.push_metadata(
                "target_info",
                Metadata {
                    metric_type: MetricType::Gauge,
                    unit: String::new(),
                    help: "Target metadata".to_owned(),
                },
            );
        }
    }
}

/// Differences that are stored as they are must not look like counters that restart all the time.
fn reset_of(family: &Family, cumulator: &Option<&mut Cumulator>) -> CounterReset {
    if family.delta && cumulator.is_none() {
        CounterReset::Gauge
    } else {
        CounterReset::Unknown
    }
}

fn exemplars(exemplars: &[OtlpExemplar], sample_time_ms: i64) -> Vec<Exemplar> {
    let translate = |exemplar: &OtlpExemplar| {
        let value = match exemplar.value {
            Some(exemplar::Value::AsDouble(value)) => value,
            Some(exemplar::Value::AsInt(value)) => value as f64,
            None => return None,
        };
        let mut pairs = Vec::new();
        for (name, id) in [
            ("trace_id", &exemplar.trace_id),
            ("span_id", &exemplar.span_id),
        ] {
            if id.iter().any(|byte| *byte != 0) {
                pairs.push((name.to_owned(), hex(id)));
            }
        }
        let ids = pairs.len();
        pairs.extend(exemplar.filtered_attributes.iter().map(|attribute| {
            (
                attribute.key.clone(),
                attributes::text(attribute.value.as_ref()),
            )
        }));
        let chars = |text: &str| text.chars().count();
        let total: usize = pairs
            .iter()
            .map(|(name, value)| chars(name) + chars(value))
            .sum();
        if total > EXEMPLAR_CHARS_MAX {
            pairs.truncate(ids);
        }
        let time_ms = Times::new(0, exemplar.time_unix_nano, 0).time_ms;
        let timestamp_ms = if time_ms == 0 {
            sample_time_ms
        } else {
            time_ms
        };
        Some(Exemplar {
            labels: Labels::from_pairs(pairs),
            value,
            timestamp_ms,
        })
    };
    exemplars.iter().filter_map(translate).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing into a String cannot fail.
        let _infallible = write!(out, "{byte:02x}");
    }
    out
}

fn scope_points(scope: &ScopeMetrics) -> usize {
    scope.metrics.iter().map(metric_points).sum()
}

fn metric_points(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::Gauge(data)) => data.data_points.len(),
        Some(Data::Sum(data)) => data.data_points.len(),
        Some(Data::Histogram(data)) => data.data_points.len(),
        Some(Data::ExponentialHistogram(data)) => data.data_points.len(),
        Some(Data::Summary(data)) => data.data_points.len(),
        None => 0,
    }
}

fn each_time(metric: &Metric, mut each: impl FnMut(u64)) {
    match &metric.data {
        Some(Data::Gauge(data)) => data.data_points.iter().for_each(|p| each(p.time_unix_nano)),
        Some(Data::Sum(data)) => data.data_points.iter().for_each(|p| each(p.time_unix_nano)),
        Some(Data::Histogram(data)) => {
            data.data_points.iter().for_each(|p| each(p.time_unix_nano));
        }
        Some(Data::ExponentialHistogram(data)) => {
            data.data_points.iter().for_each(|p| each(p.time_unix_nano));
        }
        Some(Data::Summary(data)) => data.data_points.iter().for_each(|p| each(p.time_unix_nano)),
        None => {}
    }
}
