//! How long the main shapes of queries take over synthetic series in memory.
//!
//! `cargo run --release -p bellwether-promql --example query_speed [SERIES] [HOURS] [THREADS]`
//! prints the best of several runs of each query, in milliseconds, and how many series it gave.
#![expect(clippy::print_stdout, reason = "the table is what the program is for")]

use std::time::Instant;

use bellwether_model::{Labels, Matcher, TimeRange};
use bellwether_promql::{Engine, EngineOptions, QueryRequest, QueryValue};
use bellwether_storage::{
    MetricStore, NowhereStore, Samples, Selection, SeriesHandle, StorageError, StoreLayer,
};

const SCRAPE_MS: i64 = 15_000;

/// A store whose series lie decoded in memory, so that only the evaluator is measured.
#[derive(Debug)]
struct Synthetic {
    inner: NowhereStore,
    series: Vec<std::sync::Arc<(Labels, Samples)>>,
}

#[derive(Debug)]
struct Handle(std::sync::Arc<(Labels, Samples)>);

impl SeriesHandle for Handle {
    fn labels(&self) -> &Labels {
        &self.0.0
    }

    fn read(&self, range: TimeRange, out: &mut Samples) -> Result<(), StorageError> {
        let samples = &self.0.1;
        let from = samples.times_ms.partition_point(|t| *t < range.start_ms);
        let to = samples.times_ms.partition_point(|t| *t <= range.end_ms);
        out.times_ms.extend_from_slice(&samples.times_ms[from..to]);
        out.values.extend_from_slice(&samples.values[from..to]);
        Ok(())
    }
}

impl StoreLayer for Synthetic {
    fn inner(&self) -> &dyn MetricStore {
        &self.inner
    }
    fn select(
        &self,
        selection: &Selection<'_>,
    ) -> Result<Vec<Box<dyn SeriesHandle>>, StorageError> {
        let matches = |labels: &Labels| {
            let all = |m: &Matcher| m.matches_labels(labels);
            selection.matchers.iter().all(all)
        };
        Ok(self
            .series
            .iter()
            .filter(|series| matches(&series.0))
            .map(|series| Box::new(Handle(std::sync::Arc::clone(series))) as Box<dyn SeriesHandle>)
            .collect())
    }
}

/// A cheap sequence of numbers that look random (xorshift).
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn synthetic(series_count: usize, hours: i64) -> Synthetic {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let mut series = Vec::new();
    let mut add = |labels: Labels, counter: bool, step: u64| {
        let mut samples = Samples::default();
        let jitter = (next(&mut state) % 15_000) as i64;
        let mut value = 0.0;
        let mut time_ms = jitter;
        while time_ms <= hours * 3_600_000 {
            let noise = (next(&mut state) % (step + 1)) as f64;
            value = if counter { value + noise } else { noise };
            samples.push_float(time_ms, value);
            time_ms += SCRAPE_MS;
        }
        series.push(std::sync::Arc::new((labels, samples)));
    };
    for index in 0..series_count {
        let instance = format!("10.0.{}.{}:9100", index / 250, index % 250);
        let common = [
            ("job", "node".to_owned()),
            ("cluster", format!("eu-{}", index % 4)),
            ("instance", instance),
            ("zone", format!("zone-{}", index % 3)),
            ("pod", format!("app-{}-{index:05}", index % 50)),
            ("namespace", format!("team-{}", index % 20)),
            ("path", format!("/api/v1/resource/{}", index % 100)),
            (
                "method",
                ["GET", "POST", "PUT", "DELETE"][index % 4].to_owned(),
            ),
        ];
        let with_name = |name: &str, extra: Option<(&str, String)>| {
            let pairs = common.iter().cloned().chain(extra);
            Labels::from_pairs(pairs.chain([("__name__", name.to_owned())]))
        };
        add(with_name("requests_total", None), true, 20);
        add(with_name("temperature", None), false, 100);
        if index < series_count / 10 {
            for (bucket, le) in ["0.1", "0.5", "1", "2.5", "5", "10", "+Inf"]
                .iter()
                .enumerate()
            {
                let labels = with_name("latency_bucket", Some(("le", (*le).to_owned())));
                add(labels, true, 5 * (bucket as u64 + 1));
            }
        }
    }
    Synthetic {
        inner: NowhereStore::default(),
        series,
    }
}

fn main() {
    let mut args = std::env::args()
        .skip(1)
        .filter_map(|arg| arg.parse::<usize>().ok());
    let series_count = args.next().unwrap_or(5_000);
    let hours = args.next().unwrap_or(6) as i64;
    let threads = args.next().unwrap_or(0);
    let store = synthetic(series_count, hours);
    let engine = Engine::new(EngineOptions {
        threads,
        samples_max: 0,
        ..EngineOptions::default()
    });
    let request = QueryRequest::default();
    let end = hours * 3_600_000;
    let one = "instance=\"10.0.0.7:9100\"";
    let hundred = "path=\"/api/v1/resource/7\"";
    let queries: Vec<(String, i64)> = [
        format!("temperature{{{one}}}"),
        format!("temperature{{{hundred}}}"),
        "temperature".to_owned(),
        format!("rate(requests_total{{{one}}}[5m])"),
        "rate(requests_total[5m])".to_owned(),
        "sum by (namespace) (rate(requests_total[5m]))".to_owned(),
        "sum(rate(requests_total[1h]))".to_owned(),
        "sum(temperature)".to_owned(),
        "avg by (zone, method) (temperature)".to_owned(),
        "max by (pod) (max_over_time(temperature[1h]))".to_owned(),
        "sum by (zone) (avg_over_time(temperature[1h]))".to_owned(),
        "avg by (zone) (stddev_over_time(temperature[5m]))".to_owned(),
        "quantile_over_time(0.9, temperature[30m])".to_owned(),
        "histogram_quantile(0.9, sum by (le) (rate(latency_bucket[5m])))".to_owned(),
        "histogram_quantile(0.9, rate(latency_bucket[5m]))".to_owned(),
        "topk(10, rate(requests_total[5m]))".to_owned(),
        "quantile(0.9, temperature)".to_owned(),
        "requests_total / on (instance, pod) group_left temperature".to_owned(),
        "requests_total / ignoring () temperature".to_owned(),
        "temperature > 50 and requests_total > 100".to_owned(),
        "max_over_time(sum(rate(requests_total[5m]))[30m:1m])".to_owned(),
        "label_replace(temperature, \"host\", \"$1\", \"instance\", \"(.*):.*\")".to_owned(),
        "count(temperature > 50)".to_owned(),
        "predict_linear(temperature[30m], 3600)".to_owned(),
    ]
    .into_iter()
    .flat_map(|query| [(query.clone(), 60_000), (query, 0)])
    .collect();
    for (query, step_ms) in queries {
        let mut times = Vec::new();
        let mut size = 0;
        for _ in 0..5 {
            let began = Instant::now();
            let outcome = if step_ms > 0 {
                engine.range(&store, &query, 0, end, step_ms, &request)
            } else {
                engine.instant(&store, &query, end, &request)
            };
            times.push(began.elapsed().as_secs_f64() * 1000.0);
            size = match outcome.map(|outcome| outcome.value) {
                Ok(QueryValue::Matrix(series)) => series.len(),
                Ok(QueryValue::Vector(samples)) => samples.len(),
                Ok(_) => 1,
                Err(error) => {
                    println!("{query}: {error}");
                    0
                }
            };
        }
        times.sort_by(f64::total_cmp);
        let kind = if step_ms > 0 { "range" } else { "instant" };
        println!("{:>9.3} ms  {kind:<7} {size:>6} series  {query}", times[0]);
    }
}
