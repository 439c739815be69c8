//! Spans and events of `tracing`, as numbers and events.
//!
//! ## Model
//! A span becomes a step of the request that it was opened in: its id is current while it is entered, so
//! that events and exemplars within it carry the request's trace id. How long it was open is counted in
//! `span_duration_seconds`, by its name. Events of `tracing` go to the sinks, with their fields.
//!
//! A request that came with a `traceparent` is gone on with where its first span has a field of that
//! name.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value};
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::family::Family;
use crate::span::{self, EndedSpan, SpanKind};
use crate::telemetry::WeakTelemetry;
use crate::trace::TraceContext;
use crate::{Histogram, Level, Telemetry};

/// A layer for a `tracing_subscriber::Registry`. See the module's page. It does not keep the telemetry: what happens when
/// the last clone of that is gone goes nowhere.
///
/// ```
/// use bellwether_sdk::{SERIES_MAX_DEFAULT, Telemetry, TelemetryLayer, TraceContext};
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
/// let subscriber = tracing_subscriber::registry().with(TelemetryLayer::new(&telemetry));
/// tracing::subscriber::with_default(subscriber, || {
///     let _entered = tracing::info_span!("answer").entered();
///     assert_ne!(TraceContext::current().trace_id, 0);
/// });
/// ```
#[derive(Debug)]
pub struct TelemetryLayer {
    number: u64,
    telemetry: WeakTelemetry,
    durations: Family<Histogram, 1>,
    level: tracing::Level,
    open: Box<OpenSpans>,
}

/// What is known of a span that is open.
#[derive(Debug)]
struct SpanState {
    context: TraceContext,
    parent_span_id: u64,
    /// Only where somebody takes spans.
    attributes: Option<Box<Map<String, Value>>>,
    is_error: bool,
    began: Instant,
    name: &'static str,
}

/// Spans that are open, by their id: a registry's extensions would cost a box and four look-ups a span.
type OpenSpans = [Mutex<FxHashMap<u64, SpanState>>; SHARDS];

/// Chosen: threads that open and close spans rarely meet.
const SHARDS: usize = 64;

/// Names of spans whose histogram a thread keeps at hand, a power of two. Chosen: a service has some dozen; two that
/// share a place take turns.
const AT_HAND: usize = 64;

/// A histogram that was looked up before.
struct AtHand {
    layer: u64,
    /// Where the name is: it is there for ever, so that the same place is the same name.
    name: *const str,
    durations: Histogram,
}

/// Layers are told apart by a number, since the place of one that is gone may be taken again.
static LAYERS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// By the place of the name.
    static DURATIONS: RefCell<[Option<AtHand>; AT_HAND]> = const { RefCell::new([const { None }; AT_HAND]) };
    /// The span that this thread opened last: its layer, its id and its context. It is mostly entered next, and then need
    /// not be looked up. An id names the thread that gave it, so that no other thread can give it to another span.
    static OPENED: Cell<Option<(u64, u64, TraceContext)>> = const { Cell::new(None) };
    /// The spans that this thread is in, innermost last, each with the context that was current before.
    static ENTERED: RefCell<Vec<(u64, TraceContext)>> = const { RefCell::new(Vec::new()) };
}

impl TelemetryLayer {
    /// A layer that takes events of `INFO` and above.
    #[must_use]
    pub fn new(telemetry: &Telemetry) -> Self {
        Self {
            number: LAYERS.fetch_add(1, Ordering::Relaxed),
            durations: span::durations(telemetry),
            telemetry: WeakTelemetry::of(telemetry),
            level: tracing::Level::INFO,
            open: Box::new(std::array::from_fn(|_| Mutex::default())),
        }
    }

    /// Takes events of a level and above.
    #[must_use]
    pub fn with_level(mut self, level: tracing::Level) -> Self {
        self.level = level;
        self
    }

    /// Counts how long a span was open. Looking its name up in the family would cost as much as all else here.
    fn observe(&self, name: &'static str, seconds: f64) {
        let place: *const str = name;
        // Names stand one behind the other: the low bits differ least.
        let slot = (place.addr() >> 3) % AT_HAND;
        let observed = DURATIONS.try_with(|at_hand| {
            let mut at_hand = at_hand.try_borrow_mut().ok()?;
            let kept = &mut at_hand[slot];
            let is_same = |it: &AtHand| it.layer == self.number && std::ptr::eq(it.name, place);
            if !kept.as_ref().is_some_and(is_same) {
                *kept = Some(AtHand {
                    layer: self.number,
                    name: place,
                    durations: self.durations.with([name]).clone(),
                });
            }
            kept.as_ref().map(|it| it.durations.observe(seconds))
        });
        // A thread that is about to end has nothing at hand any more.
        if !matches!(observed, Ok(Some(()))) {
            self.durations.with([name]).observe(seconds);
        }
    }

    fn shard(&self, id: u64) -> &Mutex<FxHashMap<u64, SpanState>> {
        // Ids of one thread differ in their low bits.
        &self.open[id as usize % SHARDS]
    }

    /// An error within a span is its failure.
    fn fail_current_span(&self) {
        let current = ENTERED.try_with(|entered| {
            let entered = entered.try_borrow().ok()?;
            entered.last().map(|(id, _)| *id)
        });
        if let Ok(Some(id)) = current
            && let Some(state) = self.shard(id).lock().get_mut(&id)
        {
            state.is_error = true;
        }
    }

    fn context_of(&self, id: &Id) -> Option<TraceContext> {
        let id = id.into_u64();
        let open = self.shard(id).lock();
        open.get(&id).map(|state| state.context)
    }
}

impl<S> Layer<S> for TelemetryLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        // Not `enabled`: a layer that says no there silences all others too.
        if !self.telemetry.is_on() {
            return;
        }
        let metadata = attributes.metadata();
        let parent = match attributes.parent() {
            Some(parent) => self.context_of(parent),
            None if attributes.is_root() => None,
            None => Some(TraceContext::current()).filter(|context| context.trace_id != 0),
        };
        let parent = parent.unwrap_or_else(|| {
            let mut finder = TraceparentFinder(None);
            if metadata.fields().field("traceparent").is_some() {
                attributes.record(&mut finder);
            }
            finder.0.unwrap_or_default()
        });
        let attributes = self.telemetry.takes_spans().then(|| {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            Box::new(fields.into_map())
        });
        let context = parent.child();
        let state = SpanState {
            context,
            parent_span_id: parent.span_id,
            attributes,
            is_error: false,
            began: Instant::now(),
            name: metadata.name(),
        };
        let id = id.into_u64();
        self.shard(id).lock().insert(id, state);
        OPENED.set(Some((self.number, id, context)));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        if !self.telemetry.takes_spans() {
            return;
        }
        let mut fields = Fields::default();
        values.record(&mut fields);
        let id = id.into_u64();
        if let Some(state) = self.shard(id).lock().get_mut(&id)
            && let Some(attributes) = &mut state.attributes
        {
            attributes.extend(fields.into_map());
        }
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        if !self.telemetry.is_on() {
            return;
        }
        let context = match OPENED.get() {
            Some((layer, opened, context)) if (layer, opened) == (self.number, id.into_u64()) => {
                Some(context)
            }
            _ => self.context_of(id),
        };
        let Some(context) = context else { return };
        let outer = context.replace_current();
        // Nobody enters a span while this thread is here.
        let _entered = ENTERED.try_with(|entered| {
            if let Ok(mut entered) = entered.try_borrow_mut() {
                entered.push((id.into_u64(), outer));
            }
        });
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        if !self.telemetry.is_on() {
            return;
        }
        let id = id.into_u64();
        let left = ENTERED.try_with(|entered| {
            let mut entered = entered.try_borrow_mut().ok()?;
            let place = entered.iter().rposition(|(entered, _)| *entered == id)?;
            let (_, outer) = entered.remove(place);
            match entered.get_mut(place) {
                // Spans may be left in another order than they were entered: who was entered later goes
                // on, and returns to what this one would have returned to.
                Some(later) => {
                    later.1 = outer;
                    None
                }
                None => Some(outer),
            }
        });
        if let Ok(Some(outer)) = left {
            outer.replace_current();
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        if !self.telemetry.is_on() {
            return;
        }
        let id = id.into_u64();
        if OPENED.get().is_some_and(|(_, opened, _)| opened == id) {
            OPENED.set(None);
        }
        let state = self.shard(id).lock().remove(&id);
        if let Some(state) = state {
            let duration = state.began.elapsed();
            self.observe(state.name, duration.as_secs_f64());
            if let Some(attributes) = &state.attributes {
                self.telemetry.span(&EndedSpan {
                    context: state.context,
                    parent_span_id: state.parent_span_id,
                    name: state.name,
                    kind: SpanKind::Internal,
                    duration,
                    attributes,
                    is_error: state.is_error,
                });
            }
        }
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() == tracing::Level::ERROR && self.telemetry.takes_spans() {
            self.fail_current_span();
        }
        if *metadata.level() > self.level || !self.telemetry.takes_events() {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = match *metadata.level() {
            tracing::Level::ERROR => Level::Error,
            tracing::Level::WARN => Level::Warning,
            tracing::Level::INFO => Level::Info,
            _ => Level::Debug,
        };
        let name = fields.message.unwrap_or_else(|| metadata.name().to_owned());
        let target = Value::from(metadata.target());
        fields.others.insert("target".to_owned(), target);
        self.telemetry
            .emit(&name, Value::Object(fields.others), level);
    }
}

struct TraceparentFinder(Option<TraceContext>);

impl Visit for TraceparentFinder {
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "traceparent" {
            self.0 = TraceContext::parse(value);
        }
    }
}

/// The fields of an event.
#[derive(Default)]
struct Fields {
    message: Option<String>,
    others: Map<String, Value>,
}

impl Fields {
    /// All of them, the message too.
    fn into_map(mut self) -> Map<String, Value> {
        if let Some(message) = self.message {
            self.others.insert("message".to_owned(), message.into());
        }
        self.others
    }

    fn insert(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = Some(text),
            (name, value) => {
                self.others.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no numbers that are not finite.
        let text = || Value::from(value.to_string());
        self.insert(
            field,
            serde_json::Number::from_f64(value).map_or_else(text, Value::from),
        );
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::{Event, SERIES_MAX_DEFAULT, Sink};

    #[derive(Debug, Default)]
    struct Seen(Mutex<Vec<(String, u128, Level, Value)>>);

    impl Sink for Seen {
        fn take(&self, event: &Event<'_>) {
            let payload = event.payload.clone();
            let event = (event.name.to_owned(), event.trace_id, event.level, payload);
            self.0.lock().push(event);
        }
    }

    /// What a service prints beside us.
    struct Beside(Arc<Mutex<usize>>);

    impl<S: Subscriber> Layer<S> for Beside {
        fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
            *self.0.lock() += 1;
        }
    }

    #[test]
    fn what_is_off_silences_nobody_else() {
        let seen = Arc::default();
        let layers = tracing_subscriber::registry()
            .with(TelemetryLayer::new(&Telemetry::off()))
            .with(Beside(Arc::clone(&seen)));
        tracing::subscriber::with_default(layers, || {
            let _entered = tracing::info_span!("answer").entered();
            tracing::info!("printed");
            assert_eq!(TraceContext::current(), TraceContext::default());
        });
        assert_eq!(*seen.lock(), 1);
    }

    #[test]
    fn spans_may_be_left_in_any_order() {
        let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
        let subscriber = tracing_subscriber::registry().with(TelemetryLayer::new(&telemetry));
        tracing::subscriber::with_default(subscriber, || {
            let first = tracing::info_span!("first").entered();
            let second = tracing::info_span!("second").entered();
            let current = TraceContext::current();
            drop(first);
            assert_eq!(TraceContext::current(), current);
            drop(second);
            assert_eq!(TraceContext::current(), TraceContext::default());
            let parent = tracing::info_span!("parent");
            let trace_id = parent.in_scope(|| TraceContext::current().trace_id);
            let _child = tracing::info_span!(parent: &parent, "child").entered();
            assert_eq!(TraceContext::current().trace_id, trace_id);
            let _root = tracing::info_span!(parent: None, "root").entered();
            assert_ne!(TraceContext::current().trace_id, trace_id);
        });
    }

    #[test]
    fn what_happens_in_a_request_carries_its_id() {
        let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
        let seen = Arc::new(Seen::default());
        telemetry.add_sink(Arc::<Seen>::clone(&seen));
        let subscriber = tracing_subscriber::registry().with(TelemetryLayer::new(&telemetry));
        let id = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;
        tracing::subscriber::with_default(subscriber, || {
            let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            let outer = tracing::info_span!("answer", traceparent).entered();
            assert_eq!(TraceContext::current().trace_id, id);
            let step = TraceContext::current().span_id;
            {
                let _inner = tracing::info_span!("ask").entered();
                assert_eq!(TraceContext::current().trace_id, id);
                assert_ne!(TraceContext::current().span_id, step);
                tracing::warn!(tokens = 3, share = f64::NAN, "slow");
                tracing::debug!("not taken");
            }
            assert_eq!(TraceContext::current().span_id, step);
            drop(outer);
            assert_eq!(TraceContext::current(), TraceContext::default());
            tracing::error!(name: "gone", code = "x");
        });
        assert!(ENTERED.with(|entered| entered.borrow().is_empty()));
        let seen = seen.0.lock();
        assert_eq!(seen.len(), 2);
        let (name, trace_id, level, payload) = &seen[0];
        assert_eq!(
            (name.as_str(), *trace_id, *level),
            ("slow", id, Level::Warning)
        );
        assert_eq!(payload["tokens"], 3);
        assert_eq!(payload["share"], "NaN");
        assert_eq!((seen[1].0.as_str(), seen[1].1), ("gone", 0));
        for span in ["answer", "ask"] {
            let family = telemetry.snapshot();
            let spans = family
                .iter()
                .find(|f| f.name == "span_duration_seconds")
                .unwrap();
            let labels = vec![("span".to_owned(), span.to_owned())];
            let (_, value) = spans.series.iter().find(|(it, _)| *it == labels).unwrap();
            assert_eq!(value.as_f64(), 1.0);
        }
    }
}
