//! What instrumentation costs the service: `bellwether-sdk` beside the crates that people use.
//!
//! ## Model
//! Each row is an operation, each column a library, and rounds take turns. On one thread an operation
//! is done two million times, and the figure is the best CPU time of one: what disturbs only adds. On
//! eight threads all begin together and go on for a time that is long beside a scheduler's slice, and
//! the figure is the median: the luckiest round is one in which they did not meet. Exposition is that
//! of 100,000 series.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use bellwether_sdk::{
    Buckets, DURATION_BOUNDS_SECONDS, Format, SERIES_MAX_DEFAULT, Telemetry, TelemetryLayer,
};
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::{ManualReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanProcessor};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics as client;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::report::Table;

const OPERATIONS: u64 = 2_000_000;
const THREADS: usize = 8;
/// Chosen: some slices of a scheduler for each of eight threads on two cores.
const TOGETHER: Duration = Duration::from_millis(60);
/// How often threads look whether the time is over, in operations.
const CHUNK: u64 = 10_000;
/// Chosen: the best of so many is the same from run to run where an operation takes a nanosecond; of five it was not.
const ROUNDS: usize = 15;
const SERIES: usize = 100_000;

const OURS: &str = "bellwether-sdk";
const LIBRARIES: [&str; 5] = [
    OURS,
    "prometheus",
    "prometheus-client",
    "metrics",
    "opentelemetry",
];

/// An operation of a library, as often as it is told.
struct Operation<'a> {
    row: &'static str,
    library: &'static str,
    repeat: Box<dyn Fn(u64) + Sync + 'a>,
}

/// Operations in the order of the table.
#[derive(Default)]
struct Operations<'a>(Vec<Operation<'a>>);

impl<'a> Operations<'a> {
    fn add(&mut self, row: &'static str, library: &'static str, repeat: impl Fn(u64) + Sync + 'a) {
        self.0.push(Operation {
            row,
            library,
            repeat: Box::new(repeat),
        });
    }
}

/// Labels of a request, as `prometheus-client` wants them.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    code: &'static str,
}

/// Takes spans and does nothing with them.
#[derive(Debug)]
struct Nowhere;

impl SpanProcessor for Nowhere {
    fn on_start(&self, _: &mut opentelemetry_sdk::trace::Span, _: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        black_box(&span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: std::time::Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn through_tracing(dispatch: &tracing::Dispatch, count: u64) {
    tracing::dispatcher::with_default(dispatch, || {
        (0..count).for_each(|_| drop(tracing::info_span!("answer").entered()));
    });
}

/// CPU time of the process so far, s.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Runs all rows.
pub(crate) fn run() -> Result<Table> {
    let mut header = vec!["CPU ns an operation, 1 thread / 8 threads"];
    header.extend(LIBRARIES);
    let mut table = Table::new("Instrumentation", &header);
    let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
    let off = Telemetry::off();
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new()
        .set_buckets(&DURATION_BOUNDS_SECONDS)?
        .build_recorder();
    let upkeep = recorder.handle();
    let provider = SdkMeterProvider::builder()
        .with_reader(ManualReader::builder().build())
        .build();
    let meter = provider.meter("bench");
    let routes: Vec<String> = (0..64)
        .map(|n| format!("/v1/chat/completions/{n}"))
        .collect();
    let route = |number: u64| routes[number as usize % 64].as_str();
    // Half an order of magnitude around a second, in no order.
    let values: Vec<f64> = (0..1_024)
        .map(|n: i32| 0.005 * 1.008f64.powi(n * 397 % 1_024))
        .collect();
    let value = |number: u64| values[number as usize % 1_024];

    let family = telemetry.counter_family("lc", "", ["route", "code"]);
    let vector =
        prometheus::IntCounterVec::new(prometheus::Opts::new("lc", "lc"), &["route", "code"])?;
    let client_family =
        client::family::Family::<RequestLabels, client::counter::Counter>::default();
    let request = |number| RequestLabels {
        route: route(number).to_owned(),
        code: "200",
    };

    let mut all = Operations::default();
    {
        let counter = telemetry.counter("c", "");
        all.add("counter", OURS, move |n| {
            (0..n).for_each(|_| black_box(&counter).increment());
        });
        let counter = off.counter("c", "");
        all.add("counter, switched off", OURS, move |n| {
            (0..n).for_each(|_| black_box(&counter).increment());
        });
        let counter = prometheus::IntCounter::new("c", "c")?;
        all.add("counter", "prometheus", move |n| {
            (0..n).for_each(|_| black_box(&counter).inc());
        });
        let counter = client::counter::Counter::<u64>::default();
        all.add("counter", "prometheus-client", move |n| {
            for _ in 0..n {
                black_box(black_box(&counter).inc());
            }
        });
        let counter = metrics::with_local_recorder(&recorder, || metrics::counter!("c"));
        all.add("counter", "metrics", move |n| {
            (0..n).for_each(|_| black_box(&counter).increment(1));
        });
        let counter = meter.u64_counter("c").build();
        all.add("counter", "opentelemetry", move |n| {
            (0..n).for_each(|_| black_box(&counter).add(1, &[]));
        });
    }
    {
        let counter = family.with([route(0), "200"]).clone();
        all.add("labelled counter, kept", OURS, move |n| {
            (0..n).for_each(|_| black_box(&counter).increment());
        });
        let counter = vector.with_label_values(&[route(0), "200"]);
        all.add("labelled counter, kept", "prometheus", move |n| {
            (0..n).for_each(|_| black_box(&counter).inc());
        });
        let counter = client_family.get_or_create_owned(&request(0));
        all.add("labelled counter, kept", "prometheus-client", move |n| {
            for _ in 0..n {
                black_box(black_box(&counter).inc());
            }
        });
        let counter = metrics::with_local_recorder(
            &recorder,
            || metrics::counter!("lc", "route" => routes[0].clone(), "code" => "200"),
        );
        all.add("labelled counter, kept", "metrics", move |n| {
            (0..n).for_each(|_| black_box(&counter).increment(1));
        });
        let bound = [
            KeyValue::new("route", routes[0].clone()),
            KeyValue::new("code", "200"),
        ];
        let counter = meter.u64_counter("lk").build();
        all.add("labelled counter, kept", "opentelemetry", move |n| {
            (0..n).for_each(|_| black_box(&counter).add(1, &bound));
        });
        let looked_up = "labelled counter, looked up";
        let family = &family;
        all.add(looked_up, OURS, move |n| {
            (0..n).for_each(|i| black_box(family).with([route(i), "200"]).increment());
        });
        let vector = &vector;
        all.add(looked_up, "prometheus", move |n| {
            (0..n).for_each(|i| {
                black_box(vector)
                    .with_label_values(&[route(i), "200"])
                    .inc()
            });
        });
        let client_family = &client_family;
        all.add(looked_up, "prometheus-client", move |n| {
            for i in 0..n {
                black_box(black_box(client_family).get_or_create(&request(i)).inc());
            }
        });
        let recorder = &recorder;
        let routes = &routes;
        all.add(looked_up, "metrics", move |n| {
            metrics::with_local_recorder(recorder, || {
                for i in 0..n {
                    let route = routes[i as usize % 64].clone();
                    metrics::counter!("lu", "route" => route, "code" => "200").increment(1);
                }
            });
        });
        let counter = meter.u64_counter("lu").build();
        all.add(looked_up, "opentelemetry", move |n| {
            for i in 0..n {
                let route = routes[i as usize % 64].clone();
                let labels = [KeyValue::new("route", route), KeyValue::new("code", "200")];
                black_box(&counter).add(1, &labels);
            }
        });
    }
    {
        let gauge = telemetry.gauge("g", "");
        all.add("gauge", OURS, move |n| {
            (0..n).for_each(|i| black_box(&gauge).set(i as f64));
        });
        let gauge = prometheus::Gauge::new("g", "g")?;
        all.add("gauge", "prometheus", move |n| {
            (0..n).for_each(|i| black_box(&gauge).set(i as f64));
        });
        let gauge = client::gauge::Gauge::<f64, std::sync::atomic::AtomicU64>::default();
        all.add("gauge", "prometheus-client", move |n| {
            (0..n).for_each(|i| {
                black_box(black_box(&gauge).set(i as f64));
            });
        });
        let gauge = metrics::with_local_recorder(&recorder, || metrics::gauge!("g"));
        all.add("gauge", "metrics", move |n| {
            (0..n).for_each(|i| black_box(&gauge).set(i as f64));
        });
        let gauge = meter.f64_gauge("g").build();
        all.add("gauge", "opentelemetry", move |n| {
            (0..n).for_each(|i| black_box(&gauge).record(i as f64, &[]));
        });
    }
    let bounds = || DURATION_BOUNDS_SECONDS.to_vec();
    let options = |name: &str| prometheus::HistogramOpts::new(name, "h").buckets(bounds());
    {
        let value = &value;
        let histogram = telemetry.histogram("hn", "", Buckets::Native);
        all.add("histogram, native", OURS, move |n| {
            (0..n).for_each(|i| black_box(&histogram).observe(value(i)));
        });
        let classic = Buckets::Classic(&DURATION_BOUNDS_SECONDS);
        let histogram = telemetry.histogram("h", "", classic);
        all.add("histogram, 14 buckets", OURS, move |n| {
            (0..n).for_each(|i| black_box(&histogram).observe(value(i)));
        });
        let histogram = prometheus::Histogram::with_opts(options("h"))?;
        all.add("histogram, 14 buckets", "prometheus", move |n| {
            (0..n).for_each(|i| black_box(&histogram).observe(value(i)));
        });
        let histogram = client::histogram::Histogram::new(DURATION_BOUNDS_SECONDS);
        all.add("histogram, 14 buckets", "prometheus-client", move |n| {
            (0..n).for_each(|i| black_box(&histogram).observe(value(i)));
        });
        let histogram = metrics::with_local_recorder(&recorder, || metrics::histogram!("h"));
        all.add("histogram, 14 buckets", "metrics", move |n| {
            (0..n).for_each(|i| black_box(&histogram).record(value(i)));
        });
        let histogram = meter.f64_histogram("h").with_boundaries(bounds()).build();
        all.add("histogram, 14 buckets", "opentelemetry", move |n| {
            (0..n).for_each(|i| black_box(&histogram).record(value(i), &[]));
        });
    }
    {
        let histogram = telemetry.histogram("t", "", Buckets::Native);
        all.add("timer", OURS, move |n| {
            (0..n).for_each(|_| drop(black_box(&histogram).start_timer()));
        });
        let histogram = prometheus::Histogram::with_opts(options("t"))?;
        all.add("timer", "prometheus", move |n| {
            (0..n).for_each(|_| drop(black_box(&histogram).start_timer()));
        });
        let since = |began: Instant| began.elapsed().as_secs_f64();
        let histogram = client::histogram::Histogram::new(DURATION_BOUNDS_SECONDS);
        all.add("timer", "prometheus-client", move |n| {
            (0..n).for_each(|_| {
                let began = Instant::now();
                black_box(&histogram).observe(since(began));
            });
        });
        let histogram = metrics::with_local_recorder(&recorder, || metrics::histogram!("t"));
        all.add("timer", "metrics", move |n| {
            (0..n).for_each(|_| {
                let began = Instant::now();
                black_box(&histogram).record(since(began));
            });
        });
        let histogram = meter.f64_histogram("t").with_boundaries(bounds()).build();
        all.add("timer", "opentelemetry", move |n| {
            (0..n).for_each(|_| {
                let began = Instant::now();
                black_box(&histogram).record(since(began), &[]);
            });
        });
    }
    {
        let layered = tracing_subscriber::registry().with(TelemetryLayer::new(&telemetry));
        let dispatch = tracing::Dispatch::new(layered);
        all.add("span, by `tracing`", OURS, move |n| {
            through_tracing(&dispatch, n)
        });
        let processor = || {
            SdkTracerProvider::builder()
                .with_span_processor(Nowhere)
                .build()
        };
        let layer = tracing_opentelemetry::layer().with_tracer(processor().tracer("bench"));
        let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
        all.add("span, by `tracing`", "opentelemetry", move |n| {
            through_tracing(&dispatch, n)
        });
        let spans = telemetry.spans("answer");
        all.add("span", OURS, move |n| {
            (0..n).for_each(|_| drop(black_box(&spans).enter()));
        });
        let tracer = processor().tracer("bench");
        all.add("span", "opentelemetry", move |n| {
            (0..n).for_each(|_| black_box(&tracer).start("answer").end());
        });
    }
    measure(&all, &mut table, || upkeep.run_upkeep());
    exposition(&mut table)?;
    table.note(
        "Lower is better. `metrics` keeps every value of a histogram until its upkeep runs, here once a \
         round; spans of `opentelemetry` go to a processor that drops them, and come by `tracing-opentelemetry` where \
         they come by `tracing`.",
    );
    Ok(table)
}

/// CPU time of an operation that eight threads do at once, s.
fn together(operation: &Operation<'_>) -> f64 {
    let start = Barrier::new(THREADS);
    let count = AtomicU64::new(0);
    let began = cpu_seconds();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                let began = Instant::now();
                let mut done = 0;
                while began.elapsed() < TOGETHER {
                    (operation.repeat)(CHUNK);
                    done += CHUNK;
                }
                count.fetch_add(done, Ordering::Relaxed);
            });
        }
    });
    (cpu_seconds() - began) / count.into_inner().max(1) as f64
}

/// Times of all operations, row by row.
fn measure(all: &Operations<'_>, table: &mut Table, upkeep: impl Fn()) {
    let mut rows: Vec<&str> = Vec::new();
    for operation in &all.0 {
        if !rows.contains(&operation.row) {
            rows.push(operation.row);
        }
    }
    for row in rows {
        let operations: Vec<&Operation<'_>> = all.0.iter().filter(|it| it.row == row).collect();
        let mut rounds = vec![(f64::INFINITY, Vec::with_capacity(ROUNDS)); operations.len()];
        for _ in 0..ROUNDS {
            for (operation, (alone, crowds)) in operations.iter().zip(&mut rounds) {
                let began = cpu_seconds();
                (operation.repeat)(OPERATIONS);
                *alone = alone.min((cpu_seconds() - began) / OPERATIONS as f64);
                upkeep();
                crowds.push(together(operation));
                upkeep();
            }
        }
        let best: Vec<(f64, f64)> = rounds
            .into_iter()
            .map(|(alone, mut crowds)| {
                crowds.sort_by(f64::total_cmp);
                (alone, crowds[ROUNDS / 2])
            })
            .collect();
        let ns = |seconds: f64| seconds * 1e9;
        let mut cells = vec![row.to_owned()];
        for library in LIBRARIES {
            let found = operations.iter().position(|it| it.library == library);
            cells.push(found.map_or(String::new(), |at| {
                format!("{:.1} / {:.1}", ns(best[at].0), ns(best[at].1))
            }));
        }
        let mut others = operations
            .iter()
            .zip(&best)
            .filter(|(it, _)| it.library != OURS);
        let ours = operations.iter().position(|it| it.library == OURS);
        let first = others.next();
        if let (Some(ours), Some(first)) = (ours, first) {
            let peer = others.fold(first, |a, b| if b.1.0 < a.1.0 { b } else { a });
            let what = format!("{row}, CPU ns");
            table.headline(&what, ns(best[ours].0), ns(peer.1.0), peer.0.library);
        }
        table.row(cells);
    }
}

/// CPU time of showing 100,000 series.
fn exposition(table: &mut Table) -> Result<()> {
    let telemetry = Telemetry::new(SERIES * 2);
    let family = telemetry.counter_family("http_requests", "Requests.", ["route", "code"]);
    let opts = prometheus::Opts::new("http_requests_total", "Requests.");
    let vector = prometheus::IntCounterVec::new(opts, &["route", "code"])?;
    let registry = prometheus::Registry::new();
    registry.register(Box::new(vector.clone()))?;
    let client_family =
        client::family::Family::<RequestLabels, client::counter::Counter>::default();
    let mut client_registry = prometheus_client::registry::Registry::default();
    client_registry.register("http_requests", "Requests.", client_family.clone());
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        for number in 0..SERIES / 2 {
            let route = format!("/v1/chat/completions/{number}");
            let count = (number * 7_919 % SERIES) as u64;
            for code in ["200", "500"] {
                family.with([&route, code]).add(count);
                vector
                    .with_label_values(&[route.as_str(), code])
                    .inc_by(count);
                let route = route.clone();
                let labels = RequestLabels {
                    route: route.clone(),
                    code,
                };
                client_family.get_or_create(&labels).inc_by(count);
                metrics::counter!("http_requests_total", "route" => route, "code" => code)
                    .increment(count);
            }
        }
    });
    let ours = || telemetry.render(Format::Prometheus).len();
    let prometheus = || {
        let mut out = Vec::new();
        let encoder = prometheus::TextEncoder::new();
        let encoded = prometheus::Encoder::encode(&encoder, &registry.gather(), &mut out);
        encoded.map_or(0, |()| out.len())
    };
    let prometheus_client = || {
        let mut out = String::new();
        let encoded = prometheus_client::encoding::text::encode(&mut out, &client_registry);
        encoded.map_or(0, |()| out.len())
    };
    let metrics = || handle.render().len();
    let showing: [(&str, &dyn Fn() -> usize); 4] = [
        (OURS, &ours),
        ("prometheus", &prometheus),
        ("prometheus-client", &prometheus_client),
        ("metrics", &metrics),
    ];
    let mut best = [f64::INFINITY; 4];
    let mut lengths = [0; 4];
    for _ in 0..ROUNDS {
        for ((show, best), len) in showing.iter().zip(&mut best).zip(&mut lengths) {
            let began = cpu_seconds();
            *len = black_box((show.1)());
            *best = best.min(cpu_seconds() - began);
        }
    }
    for (len, (name, _)) in lengths.iter().zip(showing) {
        // Names and help texts differ by some bytes.
        if len.abs_diff(lengths[0]) > 1_000 {
            let failure = format!("{name} shows {len} bytes, {OURS} {}", lengths[0]);
            table.failures.push(failure);
        }
    }
    let ms = |seconds: f64| seconds * 1e3;
    let mut cells = vec![format!("{SERIES} series as text, ms")];
    cells.extend(best.iter().map(|seconds| format!("{:.1}", ms(*seconds))));
    cells.push(String::new());
    table.row(cells);
    let mut peer = 1;
    for other in 2..best.len() {
        if best[other] < best[peer] {
            peer = other;
        }
    }
    let what = format!("{SERIES} series as text, CPU ms");
    table.headline(&what, ms(best[0]), ms(best[peer]), showing[peer].0);
    Ok(())
}
