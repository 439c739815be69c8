//! Steps of requests: how they are measured where `tracing` is not used, and what sinks get of them when they have ended.

use std::marker::PhantomData;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::family::Family;
use crate::telemetry::WeakTelemetry;
use crate::trace::{Current, TraceContext};
use crate::{Buckets, Histogram, Telemetry};

/// Upper bounds for spans, in seconds: those for requests, and three for the steps within them. Measured: beside native
/// buckets these cost 2.3 ns a span.
pub(crate) const SPAN_BOUNDS_SECONDS: [f64; 17] = [
    0.000_01, 0.000_1, 0.001, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24,
    20.48, 40.96, 81.92,
];

/// What a step is to those around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpanKind {
    /// A step within the service.
    Internal,
    /// The answer to a request from outside.
    Server,
}

/// A step of a request, as sinks get it when it has ended.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// The request and this step of it.
    pub context: TraceContext,
    /// The step that it belongs to; 0 where there is none.
    pub parent_span_id: u64,
    /// Its name, one of few.
    pub name: &'a str,
    /// What it is.
    pub kind: SpanKind,
    /// When it began, ns since 1970.
    pub begin_ns: i64,
    /// When it ended, ns since 1970.
    pub end_ns: i64,
    /// Everything else that is known of it.
    pub attributes: &'a Map<String, Value>,
    /// Whether it failed.
    pub is_error: bool,
}

/// A span that ends now.
#[derive(Debug)]
pub(crate) struct EndedSpan<'a> {
    pub(crate) context: TraceContext,
    pub(crate) parent_span_id: u64,
    pub(crate) name: &'a str,
    pub(crate) kind: SpanKind,
    pub(crate) duration: Duration,
    pub(crate) attributes: &'a Map<String, Value>,
    pub(crate) is_error: bool,
}

/// How long spans were open, by their name: of `tracing` and of [`Spans`] alike.
pub(crate) fn durations(telemetry: &Telemetry) -> Family<Histogram, 1> {
    telemetry.histogram_family(
        "span_duration_seconds",
        "How long spans were open, by their name.",
        ["span"],
        Buckets::Both(&SPAN_BOUNDS_SECONDS),
    )
}

/// Spans of one name, without `tracing`: for steps on one thread that are too short for it. Made once, by
/// [`Telemetry::spans`]; it does not keep the telemetry.
///
/// ```
/// use bellwether_sdk::{SERIES_MAX_DEFAULT, Telemetry, TraceContext};
///
/// let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
/// let tokenizing = telemetry.spans("tokenize");
/// {
///     let mut step = tokenizing.enter();
///     step.set("tokens", 512);
///     assert_ne!(TraceContext::current().trace_id, 0);
/// }
/// assert_eq!(TraceContext::current().trace_id, 0);
/// ```
#[derive(Debug, Clone)]
pub struct Spans {
    name: &'static str,
    durations: Histogram,
    telemetry: WeakTelemetry,
}

impl Spans {
    pub(crate) fn new(telemetry: &Telemetry, name: &'static str) -> Self {
        Self {
            name,
            durations: durations(telemetry).with([name]).clone(),
            telemetry: WeakTelemetry::of(telemetry),
        }
    }

    /// Begins a step of the request that is current on this thread, or of a new one; it is the current one until it is
    /// dropped. To be dropped in the reverse order of entering, which is what scopes do.
    #[inline]
    #[must_use = "it ends when it is dropped"]
    pub fn enter(&self) -> EnteredSpan<'_> {
        EnteredSpan {
            running: self.telemetry.is_on().then(|| Running::begin(self)),
            of_this_thread: PhantomData,
        }
    }
}

/// A step that is under way; it ends when this is dropped. Which request is current is a matter of the thread, so it
/// stays on that.
#[derive(Debug)]
pub struct EnteredSpan<'a> {
    /// `None`: switched off.
    running: Option<Running<'a>>,
    of_this_thread: PhantomData<*const ()>,
}

#[derive(Debug)]
struct Running<'a> {
    of: &'a Spans,
    began: Instant,
    context: TraceContext,
    parent_span_id: u64,
    /// Only where somebody takes spans.
    attributes: Option<Box<Map<String, Value>>>,
    is_error: bool,
    _current: Current,
}

impl EnteredSpan<'_> {
    /// Says more of it, to sinks that take spans.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        if let Some(attributes) = self.running.as_mut().and_then(|it| it.attributes.as_mut()) {
            attributes.insert(name.to_owned(), value.into());
        }
    }

    /// It fails.
    pub fn fail(&mut self) {
        if let Some(running) = &mut self.running {
            running.is_error = true;
        }
    }
}

impl<'a> Running<'a> {
    #[inline]
    fn begin(of: &'a Spans) -> Self {
        let parent = TraceContext::current();
        let context = parent.child();
        Self {
            of,
            context,
            parent_span_id: parent.span_id,
            attributes: of.telemetry.takes_spans().then(Box::default),
            is_error: false,
            _current: Current::enter(context),
            began: Instant::now(),
        }
    }
}

impl Drop for Running<'_> {
    #[inline]
    fn drop(&mut self) {
        let duration = self.began.elapsed();
        self.of.durations.observe(duration.as_secs_f64());
        if let Some(attributes) = &self.attributes {
            self.of.telemetry.span(&EndedSpan {
                context: self.context,
                parent_span_id: self.parent_span_id,
                name: self.of.name,
                kind: SpanKind::Internal,
                duration,
                attributes,
                is_error: self.is_error || std::thread::panicking(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;
    use std::sync::Arc;

    use parking_lot::Mutex;
    use serde_json::json;

    use super::*;
    use crate::{Event, SERIES_MAX_DEFAULT, Sink};

    /// Name, own id, parent, attributes, failure.
    type SeenSpan = (String, u64, u64, Value, bool);

    #[derive(Debug, Default)]
    struct Seen(Mutex<Vec<SeenSpan>>);

    impl Sink for Seen {
        fn take(&self, _: &Event<'_>) {}

        fn takes_spans(&self) -> bool {
            true
        }

        fn take_span(&self, span: &Span<'_>) {
            let attributes = Value::Object(span.attributes.clone());
            let (own, parent) = (span.context.span_id, span.parent_span_id);
            let seen = (span.name.to_owned(), own, parent, attributes, span.is_error);
            self.0.lock().push(seen);
        }
    }

    #[test]
    fn steps_nest_and_end_with_what_is_known_of_them() {
        let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
        let seen = Arc::new(Seen::default());
        telemetry.add_sink(Arc::<Seen>::clone(&seen));
        let (answering, reading) = (telemetry.spans("answer"), telemetry.spans("read"));
        let (outer, inner);
        {
            let _answer = answering.enter();
            outer = TraceContext::current();
            let mut read = reading.enter();
            inner = TraceContext::current();
            read.set("bytes", 3);
            read.fail();
        }
        assert_eq!(TraceContext::current(), TraceContext::default());
        assert_eq!(outer.trace_id, inner.trace_id);
        let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let _answer = answering.enter();
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        assert_eq!(TraceContext::current(), TraceContext::default());
        let seen = seen.0.lock();
        let read = (
            "read".to_owned(),
            inner.span_id,
            outer.span_id,
            json!({ "bytes": 3 }),
            true,
        );
        let answer = ("answer".to_owned(), outer.span_id, 0, json!({}), false);
        assert_eq!(seen[..2], [read, answer]);
        assert!(seen[2].4, "it failed");
        let text = String::from_utf8(telemetry.render(crate::Format::Prometheus)).unwrap();
        let count = "span_duration_seconds_count{span=\"answer\"} 2\n";
        assert!(text.contains(count), "{text}");
    }

    #[test]
    fn what_is_off_has_no_steps() {
        let spans = Telemetry::off().spans("answer");
        let mut step = spans.enter();
        step.set("a", 1);
        step.fail();
        assert_eq!(TraceContext::current(), TraceContext::default());
    }
}
