//! Where a service's numbers are kept.
//!
//! ## Model
//! A [`Telemetry`] gives out metrics by name: asking twice for a name gives the same metric. It is on or
//! off from the beginning; what an absent one gives out keeps nothing and costs a branch.
//!
//! ## Failure
//! Nothing here fails or panics. A name that cannot be used, or that has another type or other labels
//! already, gives a metric that keeps nothing, and a line in [`Telemetry::problems`] and in the log.

mod weak;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::RwLock;
use serde::Serialize;

use crate::cells::Reader;
use crate::exposition::protobuf::FamilyMessage;
use crate::exposition::{Format, Kind, Text};
use crate::family::{Family, Metric};
use crate::numbers::{FamilySnapshot, Numbers, Registered};
use crate::span::{EndedSpan, Span, Spans};
use crate::trace::TraceContext;
use crate::{
    Buckets, Clock, Counter, Event, FileSettings, FileSink, FileSinkError, FloatCounter,
    FlushError, Gauge, Histogram, Level, MetricsSink, Settings, Sink, SystemClock,
};

use weak::Takes;
pub(crate) use weak::WeakTelemetry;

/// Series of a family, unless the settings say something else. Chosen: routes times codes, models times
/// kinds of tokens; what has more has labels that nobody wants to pay for.
pub const SERIES_MAX_DEFAULT: usize = 2_000;

/// All metrics of a service. Cheap to clone; clones are the same. When the last one goes away, it waits at most five
/// seconds for each sink until everything is where it belongs: keep one to the end of `main`, and call
/// [`Telemetry::flush`] there to hear what is not. A [`crate::TelemetryLayer`] keeps none.
#[derive(Clone, Default)]
pub struct Telemetry(Option<Arc<Inner>>);

struct Inner {
    series_max: usize,
    /// `false`: metrics keep nothing, events and spans go on.
    keeps_numbers: bool,
    numbers: Arc<Numbers>,
    refused: Counter,
    clock: Arc<dyn Clock>,
    /// Written when a sink is added.
    sinks: RwLock<Vec<Arc<dyn Sink>>>,
    takes: Arc<Takes>,
}

/// Why the telemetry that settings ask for cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The file of events.
    #[error(transparent)]
    File(#[from] FileSinkError),
    /// The receiver of OTLP.
    #[cfg(feature = "otlp")]
    #[error(transparent)]
    Otlp(#[from] crate::OtlpError),
    /// OTLP was not compiled in.
    #[error("the endpoint {0:?} of OTLP needs the feature otlp of bellwether-sdk")]
    NoOtlp(String),
}

impl Telemetry {
    /// One that is on, with at most so many series a family.
    #[must_use]
    pub fn new(series_max: usize) -> Self {
        Self::with_clock(series_max, Arc::new(SystemClock))
    }

    /// The same with a clock of one's own.
    #[must_use]
    pub fn with_clock(series_max: usize, clock: Arc<dyn Clock>) -> Self {
        Self::make(series_max, clock, true)
    }

    fn make(series_max: usize, clock: Arc<dyn Clock>, keeps_numbers: bool) -> Self {
        let telemetry = Self(Some(Arc::new(Inner {
            series_max,
            keeps_numbers,
            numbers: Arc::default(),
            refused: Counter::new(),
            clock,
            sinks: RwLock::default(),
            takes: Arc::default(),
        })));
        if let Some(inner) = &telemetry.0 {
            // What goes beyond the limits is to be seen where everything else is.
            let refused = inner.refused.clone();
            telemetry.register_existing(
                "bellwether_sdk_series_refused_total",
                "Times that a series beyond the limit of its family was asked for.",
                refused,
            );
        }
        telemetry
    }

    /// What the settings ask for: off unless they say that it is on; with a file where they name one, and
    /// with a receiver of OTLP where they name its endpoint.
    ///
    /// # Errors
    /// As [`FileSink::start`] and, with the feature `otlp`, `Telemetry::add_otlp`; an endpoint without
    /// that feature.
    pub fn start(settings: &Settings) -> Result<Self, StartError> {
        if !settings.is_enabled {
            return Ok(Self::off());
        }
        let keeps_numbers = settings.metrics_sink != MetricsSink::None;
        let telemetry = Self::make(SERIES_MAX_DEFAULT, Arc::new(SystemClock), keeps_numbers);
        if let Some(path) = &settings.file {
            telemetry.add_file(FileSettings::new(path))?;
        }
        if let Some(endpoint) = &settings.endpoint {
            telemetry.start_otlp(endpoint, settings)?;
        }
        Ok(telemetry)
    }

    #[cfg(feature = "otlp")]
    fn start_otlp(&self, endpoint: &str, settings: &Settings) -> Result<(), StartError> {
        let mut otlp = crate::OtlpSettings::of(settings);
        otlp.endpoint = endpoint.to_owned();
        self.add_otlp(otlp)?;
        Ok(())
    }

    #[cfg(not(feature = "otlp"))]
    fn start_otlp(&self, endpoint: &str, _: &Settings) -> Result<(), StartError> {
        Err(StartError::NoOtlp(crate::client::shown(endpoint)))
    }

    /// One that keeps nothing.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    /// Whether it keeps anything.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// A counter. `_total` is added to its name where it is missing.
    #[must_use]
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        self.counter_family(name, help, []).with([]).clone()
    }

    /// Counters that are told apart by labels.
    #[must_use]
    pub fn counter_family<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&'static str; N],
    ) -> Family<Counter, N> {
        self.family(&total(name), help, Kind::Counter, labels, ())
    }

    /// A counter of amounts that are not whole. `_total` is added to its name where it is missing.
    #[must_use]
    pub fn float_counter(&self, name: &str, help: &str) -> FloatCounter {
        self.float_counter_family(name, help, []).with([]).clone()
    }

    /// The same, told apart by labels.
    #[must_use]
    pub fn float_counter_family<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&'static str; N],
    ) -> Family<FloatCounter, N> {
        self.family(&total(name), help, Kind::Counter, labels, ())
    }

    /// A gauge.
    #[must_use]
    pub fn gauge(&self, name: &str, help: &str) -> Gauge {
        self.gauge_family(name, help, []).with([]).clone()
    }

    /// Gauges that are told apart by labels.
    #[must_use]
    pub fn gauge_family<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&'static str; N],
    ) -> Family<Gauge, N> {
        self.family(name, help, Kind::Gauge, labels, ())
    }

    /// A histogram.
    #[must_use]
    pub fn histogram(&self, name: &str, help: &str, buckets: Buckets<'_>) -> Histogram {
        self.histogram_family(name, help, [], buckets)
            .with([])
            .clone()
    }

    /// Histograms that are told apart by labels.
    #[must_use]
    pub fn histogram_family<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&'static str; N],
        buckets: Buckets<'_>,
    ) -> Family<Histogram, N> {
        self.family(name, help, Kind::Histogram, labels, buckets.into())
    }

    /// Spans of one name, measured without `tracing`: see [`Spans`]. Names are few: each is a series.
    #[must_use]
    pub fn spans(&self, name: &'static str) -> Spans {
        Spans::new(self, name)
    }

    /// The clock; `None`: this is off.
    #[cfg(feature = "tower")]
    pub(crate) fn clock(&self) -> Option<Arc<dyn Clock>> {
        self.0.as_ref().map(|inner| Arc::clone(&inner.clock))
    }

    /// Calls a function before numbers are read, from now on, on the thread that reads: it may set
    /// gauges that are only worth computing then. It must not read numbers itself; one that panics is called
    /// again with the next reading, and [`Telemetry::problems`] says so once.
    pub fn before_read(&self, watcher: impl Fn() + Send + Sync + 'static) {
        if let Some(inner) = &self.0 {
            inner.numbers.watch(Box::new(watcher));
        }
    }

    /// Lets events go to a sink too, from now on.
    pub fn add_sink(&self, sink: Arc<dyn Sink>) {
        if let Some(inner) = &self.0 {
            if sink.takes_spans() {
                inner.takes.spans.store(true, Ordering::Relaxed);
            }
            inner.sinks.write().push(sink);
            inner.takes.events.store(true, Ordering::Relaxed);
        }
    }

    /// Lets events go to a file, which a thread of its own writes.
    ///
    /// # Errors
    /// As [`FileSink::start`]. Nothing is started where this is off.
    pub fn add_file(&self, settings: FileSettings) -> Result<(), FileSinkError> {
        let Some(inner) = &self.0 else {
            return Ok(());
        };
        let sink = FileSink::start(settings, Arc::clone(&inner.clock), self)?;
        self.add_sink(Arc::new(sink));
        Ok(())
    }

    /// Lets events, spans and numbers go to a receiver of OTLP, to which a thread of its own takes them.
    ///
    /// # Errors
    /// Where the endpoint is none, a header cannot be sent, or there is no thread to be had. Nothing is
    /// started where this is off.
    #[cfg(feature = "otlp")]
    pub fn add_otlp(&self, settings: crate::OtlpSettings) -> Result<(), crate::OtlpError> {
        let Some(inner) = &self.0 else {
            return Ok(());
        };
        let numbers = Arc::clone(&inner.numbers);
        let clock = Arc::clone(&inner.clock);
        let sink = crate::OtlpSink::start(settings, clock, numbers, self)?;
        self.add_sink(Arc::new(sink));
        Ok(())
    }

    /// Whether spans go anywhere.
    #[cfg(feature = "tower")]
    #[inline]
    pub(crate) fn takes_spans(&self) -> bool {
        let inner = self.0.as_ref();
        inner.is_some_and(|inner| inner.takes.spans.load(Ordering::Relaxed))
    }

    /// Tells the sinks of a span that has ended just now.
    pub(crate) fn span(&self, span: &EndedSpan<'_>) {
        let Some(inner) = &self.0 else { return };
        let end_ns = inner.clock.now_ns();
        let duration_ns = i64::try_from(span.duration.as_nanos()).unwrap_or(i64::MAX);
        let span = Span {
            context: span.context,
            parent_span_id: span.parent_span_id,
            name: span.name,
            kind: span.kind,
            begin_ns: end_ns.saturating_sub(duration_ns),
            end_ns,
            attributes: span.attributes,
            is_error: span.is_error,
        };
        for sink in inner.sinks.read().iter() {
            sink.take_span(&span);
        }
    }

    /// Whether events go anywhere.
    #[must_use]
    pub fn has_sinks(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|inner| !inner.sinks.read().is_empty())
    }

    /// Tells the sinks that something happened, in the request that is current on this thread. The
    /// payload is anything that becomes JSON; what does not is left out.
    pub fn emit(&self, event: &str, payload: impl Serialize, level: Level) {
        let Some(inner) = &self.0 else { return };
        let sinks = inner.sinks.read();
        if sinks.is_empty() {
            return;
        }
        let payload = serde_json::to_value(payload).unwrap_or(serde_json::Value::Null);
        let context = TraceContext::current();
        let event = Event {
            time_ms: inner.clock.now_ms(),
            level,
            name: event,
            payload: &payload,
            trace_id: context.trace_id,
            span_id: context.span_id,
        };
        for sink in sinks.iter() {
            sink.take(&event);
        }
    }

    /// Waits until all events so far are where they belong, at most so long for each sink. Blocks the
    /// thread.
    ///
    /// # Errors
    /// The first sink's that is not that far.
    pub fn flush(&self, patience: Duration) -> Result<(), FlushError> {
        let sinks = self.0.as_ref().map(|inner| inner.sinks.read().clone());
        let flushed = sinks.unwrap_or_default();
        let mut flushed = flushed.iter().map(|sink| sink.flush(patience));
        // All of them get to it.
        flushed.by_ref().fold(Ok(()), Result::and)
    }

    /// All numbers in a format.
    #[must_use]
    pub fn render(&self, format: Format) -> Vec<u8> {
        let mut out = Vec::new();
        let families = self.families();
        let reader = Reader::new();
        if format == Format::Protobuf {
            for (name, family) in &families {
                let mut message = FamilyMessage::new(name, &family.help, family.kind);
                let mut take = |labels: &[(&str, &str)], value| message.series(labels, &value);
                family.readable.read_labels(&reader, &mut take);
                message.finish(&mut out);
            }
            return out;
        }
        let mut text = Text::new(&mut out, format);
        for (name, family) in &families {
            text.family(name, &family.help, family.kind);
            let mut take = |labels: &str, value| text.series(name, labels, &value);
            family.readable.read(&reader, &mut take);
        }
        text.finish();
        out
    }

    /// All numbers as they are, by name.
    #[must_use]
    pub fn snapshot(&self) -> Vec<FamilySnapshot> {
        let inner = self.0.as_ref();
        inner.map_or_else(Vec::new, |inner| inner.numbers.snapshot())
    }

    /// What could not be done as it was asked for, oldest first; at most 100.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let inner = self.0.as_ref();
        inner.map_or_else(Vec::new, |inner| inner.numbers.problems())
    }

    fn families(&self) -> Vec<(String, Registered)> {
        let inner = self.0.as_ref();
        inner.map_or_else(Vec::new, |inner| inner.numbers.families())
    }

    fn family<M: Metric, const N: usize>(
        &self,
        name: &str,
        help: &str,
        kind: Kind,
        labels: [&'static str; N],
        settings: M::Settings,
    ) -> Family<M, N>
    where
        Family<M, N>: Any + Send + Sync,
    {
        let Some(inner) = self.0.as_ref().filter(|inner| inner.keeps_numbers) else {
            return Family::off(settings);
        };
        if let Some(problem) = name_problem(name, &labels) {
            inner.numbers.note(problem);
            return Family::off(settings);
        }
        let mut families = inner.numbers.lock();
        if let Some(known) = families.get(name) {
            let same = known.family.downcast_ref::<Family<M, N>>();
            if let Some(family) = same.filter(|family| family.labels() == labels) {
                return family.clone();
            }
            drop(families);
            inner.numbers.note(format!(
                "{name} is there already with another type or other labels"
            ));
            return Family::off(settings);
        }
        let family = Family::new(labels, settings, (inner.series_max, inner.refused.clone()));
        families.insert(
            name.to_owned(),
            Registered {
                help: help.into(),
                kind,
                readable: family.core(),
                family: Arc::new(family.clone()),
            },
        );
        family
    }

    fn register_existing(&self, name: &str, help: &str, counter: Counter) {
        let Some(inner) = &self.0 else { return };
        let family = Family::<Counter, 0>::of_one(counter);
        let registered = Registered {
            help: help.into(),
            kind: Kind::Counter,
            readable: family.core(),
            family: Arc::new(family),
        };
        inner.numbers.lock().insert(name.to_owned(), registered);
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.as_ref().map(|inner| {
            let families = inner.numbers.lock();
            families.keys().cloned().collect::<Vec<String>>()
        });
        f.debug_struct("Telemetry")
            .field("is_on", &self.is_on())
            .field("families", &names)
            .finish()
    }
}

fn total(name: &str) -> String {
    match name.ends_with("_total") {
        true => name.to_owned(),
        false => format!("{name}_total"),
    }
}

/// What is wrong with names, if anything.
fn name_problem(name: &str, labels: &[&'static str]) -> Option<String> {
    let is_word = |text: &str, also: &[u8]| {
        let is_first = |byte: &u8| byte.is_ascii_alphabetic() || also.contains(byte);
        let is_next = |byte: &u8| is_first(byte) || byte.is_ascii_digit();
        text.as_bytes().first().is_some_and(is_first) && text.as_bytes().iter().all(is_next)
    };
    if !is_word(name, b"_:") {
        return Some(format!(
            "{name:?} is no name of a metric: want letters, digits, _ and :, no digit first"
        ));
    }
    let is_wrong = |label: &&&str| !is_word(label, b"_") || ["le", "quantile"].contains(*label);
    if let Some(wrong) = labels.iter().find(is_wrong) {
        return Some(format!(
            "{wrong:?} is no name of a label of {name}: want letters, digits and _, no digit first, \
             not le and not quantile"
        ));
    }
    let mut sorted = labels.to_vec();
    sorted.sort_unstable();
    let twice = sorted.windows(2).find(|pair| pair.first() == pair.last())?;
    Some(format!("{name} has the label {:?} twice", twice.first()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::PROBLEMS_MAX;

    #[test]
    fn metrics_are_rendered_by_name() {
        let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
        telemetry.counter("b", "Counts b.").add(2);
        telemetry.counter("b_total", "Counts b.").add(1);
        telemetry
            .gauge_family("a", "Is a.", ["k"])
            .with(["v"])
            .set(-1.5);
        telemetry.float_counter("cost_dollars", "Costs.").add(0.25);
        let text = String::from_utf8(telemetry.render(Format::Prometheus)).unwrap();
        assert_eq!(
            text,
            "# HELP a Is a.\n# TYPE a gauge\na{k=\"v\"} -1.5\n\
             # HELP b_total Counts b.\n# TYPE b_total counter\nb_total 3\n\
             # HELP bellwether_sdk_series_refused_total Times that a series beyond the limit of its family was asked for.\n\
             # TYPE bellwether_sdk_series_refused_total counter\nbellwether_sdk_series_refused_total 0\n\
             # HELP cost_dollars_total Costs.\n# TYPE cost_dollars_total counter\ncost_dollars_total 0.25\n"
        );
        assert_eq!(telemetry.problems(), Vec::<String>::new());
    }

    #[test]
    fn what_cannot_be_used_keeps_nothing_and_is_told() {
        let telemetry = Telemetry::new(10);
        let _first = telemetry.counter("a_total", "");
        telemetry.gauge("a_total", "").set(1.0);
        let _labels = telemetry.counter_family("a_total", "", ["x"]);
        telemetry.gauge("1a", "").set(1.0);
        let _label = telemetry.gauge_family("g", "", ["le"]);
        let _twice = telemetry.gauge_family("g", "", ["x", "x"]);
        assert_eq!(telemetry.problems().len(), 5, "{:?}", telemetry.problems());
        for _ in 0..200 {
            telemetry.gauge("", "").set(1.0);
        }
        assert_eq!(telemetry.problems().len(), PROBLEMS_MAX);
        assert!(
            !String::from_utf8(telemetry.render(Format::OpenMetrics))
                .unwrap()
                .contains("1a")
        );
    }

    #[test]
    fn off_keeps_nothing() {
        let telemetry = Telemetry::off();
        let counter = telemetry.counter("a", "");
        counter.increment();
        telemetry.histogram("h", "", Buckets::Native).observe(1.0);
        telemetry.gauge_family("g", "", ["x"]).with(["1"]).set(3.0);
        assert_eq!(counter.get(), 0);
        assert_eq!(telemetry.render(Format::Prometheus), b"");
        assert!(!telemetry.is_on());
    }
}
